/* SPDX-License-Identifier: Apache-2.0 */
#include "http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct row {
    const char *text;
    const char *host; /* NULL: refused */
    uint16_t port;
    const char *target;
};

static const struct row URLS[] = {
    { "http://a", "a", 80, "" },
    { "https://a/", "a", 443, "/" },
    { "HTTPS://Ab.Example:8443/x?y=z#f", "Ab.Example", 8443, "/x?y=z" },
    { "http://u:p%40@a.b/", "a.b", 80, "/" },
    { "http://a?x=1", "a", 80, "?x=1" },
    { "http://a#frag?no", "a", 80, "" },
    { "http://127.0.0.1:1/", "127.0.0.1", 1, "/" },
    { "http://[::1]:65535/", "::1", 65535, "/" },
    { "http://[::ffff:10.0.0.1]/", "::ffff:10.0.0.1", 80, "/" },
    { "http://a_b-c.d./x", "a_b-c.d.", 80, "/x" },
    { "http://1a.b2/", "1a.b2", 80, "/" },
    { "http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80, "/" },
    { "http://a/%e4%20?[]=@:!$&'()*+,;=-._~", "a", 80, "/%e4%20?[]=@:!$&'()*+,;=-._~" },
    { "", NULL, 0, "" },
    { "a", NULL, 0, "" },
    { "ftp://a/", NULL, 0, "" },
    { "http:/a", NULL, 0, "" },
    { "http:a", NULL, 0, "" },
    { " http://a", NULL, 0, "" },
    { "http://", NULL, 0, "" },
    { "http:///x", NULL, 0, "" },
    { "http://:80/", NULL, 0, "" },
    { "http://u@/", NULL, 0, "" },
    { "http://a@b@c/", NULL, 0, "" },
    { "http://a b/", NULL, 0, "" },
    { "http://a\tb/", NULL, 0, "" },
    { "http://a\r\nX: y/", NULL, 0, "" },
    { "http://a/\r\nX: y", NULL, 0, "" },
    { "http://a/ b", NULL, 0, "" },
    { "http://a/\xc3\xa4", NULL, 0, "" },
    { "http://\xc3\xa4/", NULL, 0, "" },
    { "http://a\\b/", NULL, 0, "" },
    { "http://a/\\b", NULL, 0, "" },
    { "http://a%2eb/", NULL, 0, "" },
    { "http://a..b/", NULL, 0, "" },
    { "http://.a/", NULL, 0, "" },
    { "http://a../", NULL, 0, "" },
    { "http://./", NULL, 0, "" },
    { "http://-a/", NULL, 0, "" },
    { "http://a-/", NULL, 0, "" },
    { "http://a:/", NULL, 0, "" },
    { "http://a:0/", NULL, 0, "" },
    { "http://a:65536/", NULL, 0, "" },
    { "http://a:+80/", NULL, 0, "" },
    { "http://a:000080/", NULL, 0, "" },
    { "http://a:80:80/", NULL, 0, "" },
    { "http://a/%", NULL, 0, "" },
    { "http://a/%4", NULL, 0, "" },
    { "http://a/%zz", NULL, 0, "" },
    { "http://u%zz@a/", NULL, 0, "" },
    { "http://u\"@a/", NULL, 0, "" },
    /* addresses in disguise */
    { "http://0177.0.0.1/", NULL, 0, "" },
    { "http://127.1/", NULL, 0, "" },
    { "http://2130706433/", NULL, 0, "" },
    { "http://0x7f000001/", NULL, 0, "" },
    { "http://0X7F000001/", NULL, 0, "" },
    { "http://0x7f.0.0.1/", NULL, 0, "" },
    { "http://127.0.0.0x1/", NULL, 0, "" },
    { "http://127.0.0.1./", NULL, 0, "" },
    { "http://256.0.0.1/", NULL, 0, "" },
    { "http://1.2.3.4.5/", NULL, 0, "" },
    { "http://a.1/", NULL, 0, "" },
    { "http://[::1/", NULL, 0, "" },
    { "http://[::1]x/", NULL, 0, "" },
    { "http://[fe80::1%25eth0]/", NULL, 0, "" },
    { "http://[127.0.0.1]/", NULL, 0, "" },
    { "http://[]/", NULL, 0, "" },
    { "http://::1/", NULL, 0, "" },
};

static void reads_each_url_in_the_one_way_it_can_be_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(URLS); i++) {
        const struct row *row = &URLS[i];
        struct http_url url;
        struct buf why;
        buf_init(&why, 1000);
        enum rc rc = http_url_parse(str_from(row->text), &url, &why);
        bool ok = row->host == NULL
                      ? rc == RC_INVALID && why.len > 0
                      : rc == RC_OK && str_eq(url.host, str_from(row->host)) &&
                            url.port == row->port && str_eq(url.target, str_from(row->target));
        if (!ok)
            fail_msg("'%s': rc %d, host '%.*s', port %u (%.*s)", row->text, (int)rc,
                     STR_ARGS(url.host), url.port, STR_ARGS(buf_str(&why)));
        buf_fini(&why);
    }
}

static void tells_scheme_user_and_address_kind(void **state)
{
    (void)state;
    struct http_url url;
    assert_int_equal(http_url_parse(STR("https://me:x@[2001:db8::1]/"), &url, NULL), RC_OK);
    assert_true(url.tls && url.host_is_ipv6 && !url.port_given &&
                str_eq(url.userinfo, STR("me:x")));
    assert_int_equal(http_url_parse(STR("http://h:80?q"), &url, NULL), RC_OK);
    assert_true(!url.tls && !url.host_is_ipv6 && url.port_given && http_url_lacks_slash(&url));
}

static void refuses_names_longer_than_dns_has_them(void **state)
{
    (void)state;
    struct http_url url;
    char text[400];
    (void)snprintf(text, sizeof(text), "http://%063d.a/", 0);
    assert_int_equal(http_url_parse(str_from(text), &url, NULL), RC_OK);
    (void)snprintf(text, sizeof(text), "http://%064d.a/", 0);
    assert_int_equal(http_url_parse(str_from(text), &url, NULL), RC_INVALID);
    (void)snprintf(text, sizeof(text), "http://%050d.%050d.%050d.%050d.%050d.a/", 0, 0, 0, 0, 0);
    assert_int_equal(http_url_parse(str_from(text), &url, NULL), RC_INVALID);
}

static void an_escape_ends_with_its_url_whatever_stands_behind(void **state)
{
    (void)state;
    struct http_url url;
    struct str text = STR("http://a/%41");
    assert_int_equal(http_url_parse(text, &url, NULL), RC_OK);
    assert_int_equal(http_url_parse(str_sub(text, 0, text.len - 1), &url, NULL), RC_INVALID);
    assert_int_equal(http_url_parse(str_sub(text, 0, text.len - 2), &url, NULL), RC_INVALID);
}

/* What people paste, and what becomes of it; NULL: refused. */
static void cleans_what_people_paste(void **state)
{
    static const char *const rows[][2] = {
        { "http://example.com/a?b=c", "http://example.com/a?b=c" },
        { " http://example.com/a", "http://example.com/a" },
        { "\t\r\nhttp://example.com/a \n", "http://example.com/a" },
        { "http://example.com/a b?c=d e", "http://example.com/a%20b?c=d%20e" },
        { "http://example.com/?token=12|abc&f={x}",
          "http://example.com/?token=12%7Cabc&f=%7Bx%7D" },
        { "http://example.com/a%20b", "http://example.com/a%20b" },
        { "http://example.com/\xc3\xbc#\xc3\xbc", "http://example.com/%C3%BC#%C3%BC" },
        { "http://b\xc3\xbc"
          "cher.example/",
          "http://xn--bcher-kva.example/" },
        { "https://user:pass@B\xc3\x9c"
          "CHER.example:8443/x",
          "https://user:pass@xn--bcher-kva.example:8443/x" },
        { "http://stra\xc3\x9f"
          "e.example/",
          "http://xn--strae-oqa.example/" },
        { "http://\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88/",
          "http://xn--r8jz45g.xn--zckzah/" },
        { "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/", "http://127.0.0.1/" },
        { "http://user:a b@example.com/", "http://user:a%20b@example.com/" },
        { "http://[::1]:80/ ", "http://[::1]:80/" },
        { "http://exam ple.com/", NULL },
        { "http://example.com/a\nb", NULL },
        { "http://\xff.example/", NULL },
        { "http://a\xe2\x80\x8f.example/", NULL },
        { "example.com/ ", NULL },
        { "", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct http_url url;
        struct buf clean, why;
        buf_init(&clean, 4096);
        buf_init(&why, 256);
        enum rc rc = http_url_clean(str_from(rows[i][0]), &clean, &why);
        if (rc == RC_OK)
            rc = http_url_parse(buf_str(&clean), &url, &why);
        bool holds = rows[i][1] == NULL
                         ? rc == RC_INVALID && why.len > 0
                         : rc == RC_OK && str_eq(buf_str(&clean), str_from(rows[i][1]));
        if (!holds)
            fail_msg("\"%s\": %s, \"%.*s\", %.*s", rows[i][0], rc_name(rc),
                     STR_ARGS(buf_str(&clean)), STR_ARGS(buf_str(&why)));
        buf_fini(&clean);
        buf_fini(&why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleans_what_people_paste),
        cmocka_unit_test(reads_each_url_in_the_one_way_it_can_be_read),
        cmocka_unit_test(tells_scheme_user_and_address_kind),
        cmocka_unit_test(refuses_names_longer_than_dns_has_them),
        cmocka_unit_test(an_escape_ends_with_its_url_whatever_stands_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
