/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a request with a cookie is made by our own page.
 */
#include "access/browser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void a_cookie_is_found_by_its_whole_name_and_once_only(void **state)
{
    static const struct {
        const char *header, *value;
    } rows[] = {
        { "__Host-grapnel=abc", "abc" },
        { "a=1; __Host-grapnel=abc; b=2", "abc" },
        { "a=1;__Host-grapnel=a=b;", "a=b" },
        { "__Host-grapnel=", "" },
        { "", "" },
        { "x__Host-grapnel=abc", "" },
        { "__Host-grapnel2=abc", "" },
        { "__host-grapnel=abc", "" },
        { "__Host-grapnel=abc; __Host-grapnel=def", "" }, /* which of them is anybody's guess */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("# %s\n", rows[i].header);
        struct str found = access_cookie_find(str_from(rows[i].header), STR(ACCESS_COOKIE));
        assert_true(str_eq(found, str_from(rows[i].value)));
    }
}

/* printf 'csrfgs_1' | openssl dgst -sha256 -binary | base64 | tr +/ -_ | tr -d = */
static void the_header_is_the_hash_of_the_cookie(void **state)
{
    char text[ACCESS_CSRF_TEXT + 1];
    (void)state;
    access_csrf_of(STR("gs_1"), text);
    assert_string_equal(text, "SCJCCF39hzx3RWYW59aa0HAm5anLf0CrXSFGaDGyEo0");
    assert_true(access_csrf_is(STR("gs_1"), str_from(text)));
    assert_false(access_csrf_is(STR("gs_2"), str_from(text)));
    assert_false(access_csrf_is(STR("gs_1"), STR("")));
    assert_false(access_csrf_is(STR("gs_1"), str_of(text, ACCESS_CSRF_TEXT - 1)));
}

static bool ours(const char *fetch_site, const char *origin)
{
    struct access_origin o = { str_from(fetch_site), str_from(origin), STR("in.example:8071"),
                               STR("https://out.example/below") };
    return access_origin_is_ours(&o);
}

static void a_request_is_ours_unless_the_browser_says_otherwise(void **state)
{
    (void)state;
    assert_true(ours("", ""));
    assert_true(ours("same-origin", ""));
    assert_true(ours("same-origin", "http://in.example:8071"));
    assert_true(ours("", "HTTP://IN.example:8071") == false); /* browsers write it in lower case */
    assert_true(ours("same-origin", "https://out.example"));
    assert_false(ours("cross-site", ""));
    assert_false(ours("same-site", "http://in.example:8071"));
    assert_false(ours("none", ""));
    assert_false(ours("same-origin", "null"));
    assert_false(ours("", "http://in.example"));
    assert_false(ours("", "http://out.example"));
    assert_false(ours("", "https://out.example.evil"));
    assert_false(ours("", "https://evil/https://out.example"));
}

static void without_a_public_url_the_host_alone_counts(void **state)
{
    struct access_origin o = { .origin = STR("https://"), .host = STR("") };
    (void)state;
    assert_false(access_origin_is_ours(&o));
    o.origin = STR("https://a.example");
    o.host = STR("a.example");
    assert_true(access_origin_is_ours(&o));
}

static void a_secure_cookie_is_kept_over_https_and_on_the_own_machine(void **state)
{
    static const char *const keeps[] = { "",
                                         "https://a.example",
                                         "http://localhost:8071",
                                         "http://127.0.0.1:8071",
                                         "http://127.1.2.3",
                                         "http://[::1]:8071",
                                         "http://a.localhost" };
    static const char *const loses[] = {
        "http://a.example", "http://192.0.2.1:8071", "http://127.0.0.1.evil.example",
        "http://127.evil",  "http://localhost.evil", "http://[2001:db8::1]"
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(keeps); i++)
        assert_true(access_origin_keeps_secure(str_from(keeps[i])));
    for (size_t i = 0; i < COUNT_OF(loses); i++)
        assert_false(access_origin_keeps_secure(str_from(loses[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_is_found_by_its_whole_name_and_once_only),
        cmocka_unit_test(the_header_is_the_hash_of_the_cookie),
        cmocka_unit_test(a_request_is_ours_unless_the_browser_says_otherwise),
        cmocka_unit_test(without_a_public_url_the_host_alone_counts),
        cmocka_unit_test(a_secure_cookie_is_kept_over_https_and_on_the_own_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
