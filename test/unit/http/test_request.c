/* SPDX-License-Identifier: Apache-2.0
 *
 * What the request parser takes and what it refuses, as tables of bytes.
 */
#include "http/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { HEAD_MAX = 16384 };

struct row {
    const char *what;
    struct str bytes;
    int status; /* of the refusal; 0: taken */
};

#define R(what, status, bytes) \
    { \
        what, { bytes, sizeof(bytes) - 1 }, status \
    }

static enum http_parse parse(struct str bytes, struct http_head *head, size_t *used,
                             struct http_parse_error *error)
{
    /* A copy of the exact size, so that a sanitizer sees a read past the end. */
    char *copy = xmemdup(bytes.ptr, bytes.len);
    copy = xrealloc(copy, bytes.len == 0 ? 1 : bytes.len);
    enum http_parse p = http_parse_request(str_of(copy, bytes.len), HEAD_MAX, head, used, error);
    xfree(copy);
    return p;
}

static void check(const struct row *row)
{
    struct http_head head;
    struct http_parse_error error = { 0 };
    size_t used = 0;
    enum http_parse p = parse(row->bytes, &head, &used, &error);
    int status = p == HTTP_PARSE_BAD ? error.status : 0;
    if (status != row->status || p == HTTP_PARSE_MORE) {
        fail_msg("%s: result %d, status %d (%s), not %d", row->what, (int)p, error.status,
                 error.reason == NULL ? "" : error.reason, row->status);
    }
    if (p == HTTP_PARSE_BAD)
        assert_non_null(error.reason);
}

#define LINE "POST / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"

static const struct row TAKEN[] = {
    R("least request", 0, LINE HOST "\r\n"),
    R("1.0 without Host", 0, "GET / HTTP/1.0\r\n\r\n"),
    R("an empty line before", 0, "\r\nGET / HTTP/1.1\r\n" HOST "\r\n"),
    R("no blank after the colon", 0, LINE "Host:a\r\n\r\n"),
    R("blanks around a value", 0, LINE "Host: \t a \t \r\n\r\n"),
    R("empty value", 0, LINE HOST "X:\r\n\r\n"),
    R("empty Host", 0, LINE "Host:\r\n\r\n"),
    R("Host with port", 0, LINE "Host: [::1]:80\r\n\r\n"),
    R("bytes above 0x7f in a value", 0, LINE HOST "X: \xc3\xa4\xff\r\n\r\n"),
    R("tab in a long value", 0, LINE HOST "X: aaaaaaaaaaaaaaaaaaaaaaa\tb\r\n\r\n"),
    R("every token character", 0, LINE HOST "!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n"),
    R("unknown method", 0, "PROPFIND / HTTP/1.1\r\n" HOST "\r\n"),
    R("absolute form", 0, "GET http://a/b?c HTTP/1.1\r\n" HOST "\r\n"),
    R("asterisk form", 0, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"),
    R("chunked in capitals", 0, LINE HOST "Transfer-Encoding: CHUNKED\r\n\r\n"),
    R("length zero", 0, LINE HOST "Content-Length: 0\r\n\r\n"),
    R("leading zeros in a length", 0, LINE HOST "Content-Length: 005\r\n\r\n"),
    R("largest length", 0, LINE HOST "Content-Length: 9223372036854775807\r\n\r\n"),
    R("a body behind", 0, LINE HOST "Content-Length: 1\r\n\r\nx"),
};

static const struct row REFUSED[] = {
    /* two readers that disagree on where the body ends */
    R("length and coding", 400,
      LINE HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
    R("coding and length", 400,
      LINE HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
    R("two lengths", 400, LINE HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
    R("one length twice", 400, LINE HOST "Content-Length: 5\r\ncontent-length: 5\r\n\r\n"),
    R("list of lengths", 400, LINE HOST "Content-Length: 5, 5\r\n\r\n"),
    R("signed length", 400, LINE HOST "Content-Length: +5\r\n\r\n"),
    R("negative length", 400, LINE HOST "Content-Length: -5\r\n\r\n"),
    R("hexadecimal length", 400, LINE HOST "Content-Length: 0x5\r\n\r\n"),
    R("length with a fraction", 400, LINE HOST "Content-Length: 5.0\r\n\r\n"),
    R("blank in a length", 400, LINE HOST "Content-Length: 5 5\r\n\r\n"),
    R("no length at all", 400, LINE HOST "Content-Length:\r\n\r\n"),
    R("length past 63 bits", 400, LINE HOST "Content-Length: 9223372036854775808\r\n\r\n"),
    R("length past 64 bits", 400, LINE HOST "Content-Length: 18446744073709551617\r\n\r\n"),
    R("unknown coding", 501, LINE HOST "Transfer-Encoding: xchunked\r\n\r\n"),
    R("list of codings", 501, LINE HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
    R("chunked, identity", 501, LINE HOST "Transfer-Encoding: chunked, identity\r\n\r\n"),
    R("identity", 501, LINE HOST "Transfer-Encoding: identity\r\n\r\n"),
    R("vertical tab before chunked", 400,
      LINE HOST "Transfer-Encoding: \x0b"
                "chunked\r\n\r\n"),
    R("coding twice", 400,
      LINE HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
    R("coding in 1.0", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    /* lines */
    R("blank before the colon", 400, LINE "Host : a\r\n\r\n"),
    R("tab before the colon", 400, LINE HOST "Content-Length\t: 5\r\n\r\n"),
    R("folded line", 400, LINE HOST "X: a\r\n b\r\n\r\n"),
    R("folded first line", 400, LINE " Host: a\r\n\r\n"),
    R("folded with a tab", 400, LINE HOST "X: a\r\n\tb\r\n\r\n"),
    R("no colon", 400, LINE HOST "Xa\r\n\r\n"),
    R("empty name", 400, LINE HOST ": a\r\n\r\n"),
    R("parenthesis in a name", 400, LINE HOST "X(a): a\r\n\r\n"),
    R("byte above 0x7f in a name", 400, LINE HOST "X\xe4: a\r\n\r\n"),
    R("NUL in a name", 400, LINE HOST "X\0a: a\r\n\r\n"),
    R("NUL in a value", 400, LINE HOST "X: a\0a\r\n\r\n"),
    R("NUL in a long value", 400, LINE HOST "X: aaaaaaaaaaaaaaa\0aaaaaaaaaaa\r\n\r\n"),
    R("DEL in a value", 400,
      LINE HOST "X: aaaaaaaaaaaa\x7f"
                "aaaa\r\n\r\n"),
    R("control byte in a value", 400, LINE HOST "X: a\x01\r\n\r\n"),
    R("bare LF after the request line", 400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
    R("bare LF after a header", 400, LINE "Host: a\nX: b\r\n\r\n"),
    R("bare LF at the end", 400, LINE HOST "\n"),
    R("bare CR in a value", 400, LINE HOST "X: a\rb\r\n\r\n"),
    R("bare CR at the end", 400, LINE HOST "\rX: a\r\n\r\n"),
    R("CR CR LF", 400, LINE HOST "X: a\r\r\n\r\n"),
    /* Host */
    R("no Host", 400, "GET / HTTP/1.1\r\n\r\n"),
    R("two Hosts", 400, LINE HOST HOST "\r\n"),
    R("two Hosts in 1.0", 400, "GET / HTTP/1.0\r\n" HOST "Host: b\r\n\r\n"),
    R("user in Host", 400, LINE "Host: x@a\r\n\r\n"),
    R("path in Host", 400, LINE "Host: a/b\r\n\r\n"),
    R("blank in Host", 400, LINE "Host: a b\r\n\r\n"),
    R("Host differs from the target", 400, "GET http://b/ HTTP/1.1\r\n" HOST "\r\n"),
    /* request line */
    R("HTTP/0.9", 400, "GET /\r\n\r\n"),
    R("HTTP/2.0", 505, "GET / HTTP/2.0\r\n" HOST "\r\n"),
    R("preface of HTTP/2", 400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    R("HTTP/1.2", 505, "GET / HTTP/1.2\r\n" HOST "\r\n"),
    R("HTTP/1.10", 400, "GET / HTTP/1.10\r\n" HOST "\r\n"),
    R("HTTP/01.1", 400, "GET / HTTP/01.1\r\n" HOST "\r\n"),
    R("http in small letters", 400, "GET / http/1.1\r\n" HOST "\r\n"),
    R("two blanks before the target", 400, "GET  / HTTP/1.1\r\n" HOST "\r\n"),
    R("two blanks after the target", 400, "GET /  HTTP/1.1\r\n" HOST "\r\n"),
    R("blank in the target", 400, "GET /a b HTTP/1.1\r\n" HOST "\r\n"),
    R("tab after the method", 400, "GET\t/ HTTP/1.1\r\n" HOST "\r\n"),
    R("blank at the end of the line", 400, "GET / HTTP/1.1 \r\n" HOST "\r\n"),
    R("blank before the method", 400, " GET / HTTP/1.1\r\n" HOST "\r\n"),
    R("no method", 400, "/ HTTP/1.1\r\n" HOST "\r\n"),
    R("relative target", 400, "GET a HTTP/1.1\r\n" HOST "\r\n"),
    R("authority form", 400, "CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n"),
    R("asterisk for GET", 400, "GET * HTTP/1.1\r\n" HOST "\r\n"),
    R("absolute form without path", 400, "GET http://a HTTP/1.1\r\n" HOST "\r\n"),
    R("absolute form with user", 400, "GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n"),
    R("fragment", 400, "GET /a#b HTTP/1.1\r\n" HOST "\r\n"),
    R("byte above 0x7f in the target", 400, "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n"),
    R("NUL in the target", 400, "GET /\0 HTTP/1.1\r\n" HOST "\r\n"),
    R("two empty lines before", 400, "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"),
    R("a TLS hello", 400, "\x16\x03\x01\x02\x00\x01\x00\x01"),
    R("unknown expectation", 417, LINE HOST "Expect: cake\r\n\r\n"),
};

static void takes_well_formed_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(TAKEN); i++) {
        check(&TAKEN[i]);
    }
}

static void refuses_what_could_be_read_in_two_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(REFUSED); i++) {
        check(&REFUSED[i]);
    }
}

static void asks_for_more_at_every_cut_of_a_good_head(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(TAKEN); i++) {
        struct http_head head;
        struct http_parse_error error;
        size_t head_len = 0, used = 0;
        assert_int_equal(parse(TAKEN[i].bytes, &head, &head_len, &error), HTTP_PARSE_OK);
        for (size_t len = 0; len < head_len; len++) {
            assert_int_equal(parse(str_sub(TAKEN[i].bytes, 0, len), &head, &used, &error),
                             HTTP_PARSE_MORE);
        }
    }
}

static void takes_no_beginning_of_a_bad_head(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(REFUSED); i++) {
        for (size_t len = 0; len < REFUSED[i].bytes.len; len++) {
            struct http_head head;
            struct http_parse_error error;
            size_t used = 0;
            assert_int_not_equal(parse(str_sub(REFUSED[i].bytes, 0, len), &head, &used, &error),
                                 HTTP_PARSE_OK);
        }
    }
}

static void assert_str(struct str got, const char *wanted)
{
    if (!str_eq(got, str_from(wanted)))
        fail_msg("'%.*s' is not '%s'", STR_ARGS(got), wanted);
}

static void splits_a_request_into_its_parts(void **state)
{
    (void)state;
    struct http_head head;
    struct http_parse_error error;
    size_t used = 0;
    struct str in = STR(
        "PATCH /a/b?c=d&e HTTP/1.1\r\nhost: x:1\r\nContent-Length: 12\r\nX-Two:  a  b \r\n\r\nrest");
    assert_int_equal(http_parse_request(in, HEAD_MAX, &head, &used, &error), HTTP_PARSE_OK);
    assert_int_equal(used, in.len - 4);
    assert_int_equal(head.method, HTTP_PATCH);
    assert_str(head.target, "/a/b?c=d&e");
    assert_str(head.path, "/a/b");
    assert_str(head.query, "c=d&e");
    assert_int_equal(head.minor, 1);
    assert_int_equal(head.header_count, 3);
    assert_str(head.headers[2].name, "X-Two");
    assert_str(head.headers[2].value, "a  b");
    assert_true(head.has_length && head.length == 12 && head.keep_alive && !head.chunked);
    assert_ptr_equal(http_find(&head, STR("HOST")), &head.headers[0]);
    assert_null(http_find(&head, STR("x-one")));
    assert_int_equal(http_count(&head, STR("x-two")), 1);
}

static void takes_path_and_query_of_an_absolute_target(void **state)
{
    (void)state;
    struct http_head head;
    struct http_parse_error error;
    size_t used = 0;
    struct str in = STR("GET https://A:8/b/c?d HTTP/1.1\r\nHost: a:8\r\n\r\n");
    assert_int_equal(http_parse_request(in, HEAD_MAX, &head, &used, &error), HTTP_PARSE_OK);
    assert_str(head.path, "/b/c");
    assert_str(head.query, "d");
    assert_str(head.target, "https://A:8/b/c?d");
}

static bool keep_alive_of(const char *line, const char *connection)
{
    char text[256];
    int len =
        snprintf(text, sizeof(text), "GET / HTTP/1.%s\r\nHost: a\r\n%s\r\n", line, connection);
    struct http_head head;
    struct http_parse_error error;
    size_t used = 0;
    assert_int_equal(http_parse_request(str_of(text, (size_t)len), HEAD_MAX, &head, &used, &error),
                     HTTP_PARSE_OK);
    return head.keep_alive;
}

static void keeps_the_connection_by_the_rules_of_its_version(void **state)
{
    (void)state;
    assert_true(keep_alive_of("1", ""));
    assert_false(keep_alive_of("1", "Connection: close\r\n"));
    assert_false(keep_alive_of("1", "Connection: x, CLOSE\r\n"));
    assert_false(keep_alive_of("1", "Connection: keep-alive\r\nConnection: close\r\n"));
    assert_false(keep_alive_of("0", ""));
    assert_true(keep_alive_of("0", "Connection: Keep-Alive\r\n"));
    assert_false(keep_alive_of("0", "Connection: keep-alive, close\r\n"));
}

static void notes_expectation_and_upgrade(void **state)
{
    (void)state;
    struct http_head head;
    struct http_parse_error error;
    size_t used = 0;
    struct str in = STR(LINE HOST "Expect: 100-Continue\r\nUpgrade: h2c\r\n\r\n");
    assert_int_equal(http_parse_request(in, HEAD_MAX, &head, &used, &error), HTTP_PARSE_OK);
    assert_true(head.expects_continue && head.upgrade);
    in = STR("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(http_parse_request(in, HEAD_MAX, &head, &used, &error), HTTP_PARSE_OK);
    assert_false(head.expects_continue);
}

static struct buf many_headers(size_t count, size_t value_len)
{
    struct buf b;
    buf_init(&b, 1 << 24);
    assert_int_equal(buf_addf(&b, "GET / HTTP/1.1\r\nHost: a\r\n"), RC_OK);
    for (size_t i = 1; i < count; i++) {
        assert_int_equal(buf_addf(&b, "X-%zu: %*s\r\n", i, (int)value_len, "v"), RC_OK);
    }
    assert_int_equal(buf_addf(&b, "\r\n"), RC_OK);
    return b;
}

static void refuses_more_than_a_hundred_headers(void **state)
{
    (void)state;
    struct http_head head;
    struct http_parse_error error;
    size_t used = 0;
    struct buf b = many_headers(HTTP_HEADERS_MAX, 1);
    assert_int_equal(http_parse_request(buf_str(&b), 1 << 20, &head, &used, &error), HTTP_PARSE_OK);
    buf_fini(&b);
    b = many_headers(HTTP_HEADERS_MAX + 1, 1);
    assert_int_equal(http_parse_request(buf_str(&b), 1 << 20, &head, &used, &error),
                     HTTP_PARSE_BAD);
    assert_int_equal(error.status, 431);
    buf_fini(&b);
}

static void what_is_passed_on_may_have_some_headers_more(void **state)
{
    (void)state;
    struct http_head head;
    struct http_parse_error error;
    size_t used = 0;
    for (size_t more = 0; more <= HTTP_HEADERS_MORE; more++) {
        struct buf b = many_headers(HTTP_HEADERS_MAX + more, 1);
        assert_int_equal(http_parse_passed(buf_str(&b), 1 << 20, more, &head, &used, &error),
                         HTTP_PARSE_OK);
        assert_int_equal(head.header_count, HTTP_HEADERS_MAX + more);
        buf_fini(&b);
        b = many_headers(HTTP_HEADERS_MAX + more + 1, 1);
        assert_int_equal(http_parse_passed(buf_str(&b), 1 << 20, more, &head, &used, &error),
                         HTTP_PARSE_BAD);
        assert_int_equal(error.status, 431);
        buf_fini(&b);
    }
}

static void holds_the_head_to_its_limit_exactly(void **state)
{
    (void)state;
    struct http_head head;
    struct http_parse_error error;
    size_t used = 0;
    struct buf b = many_headers(10, 100);
    assert_int_equal(http_parse_request(buf_str(&b), b.len, &head, &used, &error), HTTP_PARSE_OK);
    assert_int_equal(http_parse_request(buf_str(&b), b.len - 1, &head, &used, &error),
                     HTTP_PARSE_BAD);
    assert_int_equal(error.status, 431);
    assert_int_equal(
        http_parse_request(str_sub(buf_str(&b), 0, b.len - 1), b.len, &head, &used, &error),
        HTTP_PARSE_MORE);
    assert_int_equal(http_parse_request(buf_str(&b), 10, &head, &used, &error), HTTP_PARSE_BAD);
    assert_int_equal(error.status, 414);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_well_formed_requests),
        cmocka_unit_test(refuses_what_could_be_read_in_two_ways),
        cmocka_unit_test(asks_for_more_at_every_cut_of_a_good_head),
        cmocka_unit_test(takes_no_beginning_of_a_bad_head),
        cmocka_unit_test(splits_a_request_into_its_parts),
        cmocka_unit_test(takes_path_and_query_of_an_absolute_target),
        cmocka_unit_test(keeps_the_connection_by_the_rules_of_its_version),
        cmocka_unit_test(notes_expectation_and_upgrade),
        cmocka_unit_test(refuses_more_than_a_hundred_headers),
        cmocka_unit_test(what_is_passed_on_may_have_some_headers_more),
        cmocka_unit_test(holds_the_head_to_its_limit_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
