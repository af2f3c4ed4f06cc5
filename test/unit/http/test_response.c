/* SPDX-License-Identifier: Apache-2.0
 *
 * Response heads, the chunked coding, and small texts.
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
    int status; /* 0: refused */
};
#define R(what, status, bytes) \
    { \
        what, { bytes, sizeof(bytes) - 1 }, status \
    }

static const struct row RESPONSES[] = {
    R("plain", 200, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    R("no reason", 204, "HTTP/1.1 204 \r\n\r\n"),
    R("no reason, no blank", 204, "HTTP/1.1 204\r\n\r\n"),
    R("1.0", 500, "HTTP/1.0 500 Oh no\r\n\r\n"),
    R("interim", 103, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
    R("unknown class", 799, "HTTP/1.1 799 What\r\n\r\n"),
    R("reason in UTF-8", 200, "HTTP/1.1 200 \xc3\xa4\r\n\r\n"),
    R("below 100", 0, "HTTP/1.1 099 X\r\n\r\n"),
    R("two digits", 0, "HTTP/1.1 20 X\r\n\r\n"),
    R("four digits", 0, "HTTP/1.1 2000\r\n\r\n"),
    R("HTTP/2", 0, "HTTP/2 200 OK\r\n\r\n"),
    R("two blanks", 0, "HTTP/1.1  200 OK\r\n\r\n"),
    R("no version", 0, "200 OK\r\n\r\n"),
    R("SSH", 0, "SSH-2.0-OpenSSH_9.2\r\n"),
    R("bare LF", 0, "HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
    R("NUL in the reason", 0, "HTTP/1.1 200 O\0K\r\n\r\n"),
    R("length and coding", 0,
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"),
    R("two lengths", 0, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n"),
    R("unknown coding", 0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
    R("coding in 1.0", 0, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    R("a name that is no token", 200, "HTTP/1.1 200 OK\r\napplication/json: x\r\n\r\n"),
    R("a blank in a name", 0, "HTTP/1.1 200 OK\r\na b: x\r\n\r\n"),
    R("a control byte in a name", 0, "HTTP/1.1 200 OK\r\na\x01: x\r\n\r\n"),
    R("another byte in a name", 0, "HTTP/1.1 200 OK\r\n\xc3\xa4: x\r\n\r\n"),
    R("a length by another name", 200, "HTTP/1.1 200 OK\r\nContent-Length/: 9\r\n\r\n"),
    R("folded", 0, "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"),
};

static void tells_responses_from_what_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(RESPONSES); i++) {
        struct http_head head;
        struct http_parse_error error = { 0 };
        size_t used = 0;
        enum http_parse p = http_parse_response(RESPONSES[i].bytes, HEAD_MAX, &head, &used, &error);
        int status = p == HTTP_PARSE_OK ? head.status : 0;
        if (p == HTTP_PARSE_MORE || status != RESPONSES[i].status) {
            fail_msg("%s: result %d, status %d (%s)", RESPONSES[i].what, (int)p, status,
                     error.reason == NULL ? "" : error.reason);
        }
    }
}

static bool has_body(int status, enum http_method request)
{
    struct http_head head = { .status = status };
    return http_response_has_body(&head, request);
}

static void knows_which_responses_have_no_body(void **state)
{
    (void)state;
    assert_true(has_body(200, HTTP_POST) && has_body(404, HTTP_GET));
    assert_false(has_body(200, HTTP_HEAD) || has_body(100, HTTP_POST) || has_body(204, HTTP_POST) ||
                 has_body(304, HTTP_GET));
}

/* ---- chunked ---- */

struct chunk_row {
    const char *what;
    struct str bytes;
    const char *data; /* NULL: refused */
};
#define C(what, data, bytes) \
    { \
        what, { bytes, sizeof(bytes) - 1 }, data \
    }

static const struct chunk_row CHUNKED[] = {
    C("empty", "", "0\r\n\r\n"),
    C("one", "hello", "5\r\nhello\r\n0\r\n\r\n"),
    C("two, hexadecimal", "hello0123456789", "5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n"),
    C("leading zeros", "ab", "0002\r\nab\r\n00\r\n\r\n"),
    C("extension", "ab", "2;a=\"b\"\r\nab\r\n0;x\r\n\r\n"),
    C("trailers", "ab", "2\r\nab\r\n0\r\nX: y\r\nZ:\r\n\r\n"),
    C("line ends in data", "\r\n", "2\r\n\r\n\r\n0\r\n\r\n"),
    C("no size", NULL, "\r\nab\r\n"),
    C("signed size", NULL, "+2\r\nab\r\n0\r\n\r\n"),
    C("negative size", NULL, "-2\r\nab\r\n0\r\n\r\n"),
    C("0x", NULL, "0x2\r\nab\r\n0\r\n\r\n"),
    C("blank before the size", NULL, " 2\r\nab\r\n0\r\n\r\n"),
    C("blank after the size", NULL, "2 \r\nab\r\n0\r\n\r\n"),
    C("17 digits", NULL, "00000000000000002\r\nab\r\n0\r\n\r\n"),
    C("16 digits", "ab", "0000000000000002\r\nab\r\n0\r\n\r\n"),
    C("past 63 bits", NULL, "8000000000000002\r\nab\r\n0\r\n\r\n"),
    C("bare LF after the size", NULL, "2\nab\r\n0\r\n\r\n"),
    C("bare LF after an extension", NULL, "2;a\nab\r\n0\r\n\r\n"),
    C("bare CR after the size", NULL, "2\rab\r\n0\r\n\r\n"),
    C("bare LF after the data", NULL, "2\r\nab\n0\r\n\r\n"),
    C("another byte after the data's CR", NULL, "2\r\nab\rX0\r\n\r\n"),
    C("data longer than its size", NULL, "2\r\nabc\r\n0\r\n\r\n"),
    C("data shorter than its size", NULL, "3\r\nab\r\n0\r\n\r\n"),
    C("NUL in an extension", NULL, "2;\0\r\nab\r\n0\r\n\r\n"),
    C("malformed trailer", NULL, "0\r\nX y\r\n\r\n"),
    C("folded trailer", NULL, "0\r\nX: y\r\n z\r\n\r\n"),
    C("bare LF in the trailers", NULL, "0\r\nX: y\n\r\n"),
    C("bare LF at the end", NULL, "0\r\n\n"),
};

/* Reads `bytes` in pieces of `step`. */
static enum http_parse read_in_steps(struct str bytes, size_t step, struct buf *out, size_t *total)
{
    struct http_chunked c = { 0 };
    enum http_parse p = HTTP_PARSE_MORE;
    *total = 0;
    while (p == HTTP_PARSE_MORE && *total < bytes.len) {
        struct http_parse_error error;
        size_t used = 0;
        p = http_chunked_read(&c, str_sub(bytes, *total, step), &used, out, &error);
        if (p != HTTP_PARSE_BAD)
            *total += used;
    }
    return p;
}

static void reads_chunks_alike_in_pieces_of_any_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CHUNKED); i++) {
        const struct chunk_row *row = &CHUNKED[i];
        for (size_t step = 1; step <= row->bytes.len; step++) {
            struct buf out;
            size_t total = 0;
            buf_init(&out, 100);
            enum http_parse p = read_in_steps(row->bytes, step, &out, &total);
            bool ok = row->data == NULL ? p == HTTP_PARSE_BAD
                                        : p == HTTP_PARSE_OK && total == row->bytes.len &&
                                              str_eq(buf_str(&out), str_from(row->data));
            if (!ok)
                fail_msg("%s in steps of %zu: result %d", row->what, step, (int)p);
            buf_fini(&out);
        }
    }
}

static void leaves_what_follows_the_last_chunk(void **state)
{
    (void)state;
    struct buf out;
    size_t total = 0;
    buf_init(&out, 100);
    assert_int_equal(read_in_steps(STR("1\r\na\r\n0\r\n\r\nGET /"), 100, &out, &total),
                     HTTP_PARSE_OK);
    assert_int_equal(total, 11);
    buf_fini(&out);
}

static void refuses_data_past_the_limit_with_413(void **state)
{
    (void)state;
    struct http_chunked c = { 0 };
    struct http_parse_error error = { 0 };
    struct buf out;
    size_t used = 0;
    buf_init(&out, 4);
    assert_int_equal(http_chunked_read(&c, STR("5\r\nhello\r\n0\r\n\r\n"), &used, &out, &error),
                     HTTP_PARSE_BAD);
    assert_int_equal(error.status, 413);
    buf_fini(&out);
}

static void refuses_framing_out_of_proportion(void **state)
{
    (void)state;
    struct http_chunked c = { 0 };
    struct http_parse_error error;
    enum http_parse p = HTTP_PARSE_MORE;
    char chunk[256];
    int len = snprintf(chunk, sizeof(chunk), "1;%0200d\r\nx\r\n", 0);
    size_t count = 0, used = 0;
    for (; count < 1000 && p == HTTP_PARSE_MORE; count++) {
        p = http_chunked_read(&c, str_of(chunk, (size_t)len), &used, NULL, &error);
    }
    assert_int_equal(p, HTTP_PARSE_BAD);
    assert_in_range(count, 50, 200);
    c = (struct http_chunked){ 0 };
    p = http_chunked_read(&c, STR("0\r\n"), &used, NULL, &error);
    for (count = 0; count < 1000 && p == HTTP_PARSE_MORE; count++) {
        p = http_chunked_read(&c, STR("X: yyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"), &used, NULL, &error);
    }
    assert_int_equal(p, HTTP_PARSE_BAD);
    assert_in_range(count, 200, 300);
}

/* ---- texts ---- */

static void writes_dates_as_http_wants_them(void **state)
{
    (void)state;
    char text[HTTP_DATE_LEN + 1];
    http_date(784111777 * (int64_t)1000000 + 999999, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    http_date(0, text);
    assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
}

static void lets_no_line_end_into_a_header(void **state)
{
    (void)state;
    assert_true(http_is_token(STR("X-A")) && http_is_field_value(STR("a b\tc")) &&
                http_is_field_value(STR("")));
    assert_false(http_is_token(STR("")) || http_is_token(STR("a b")) || http_is_token(STR("a:")));
    assert_false(http_is_field_value(STR("aaaaaaaaaaaaaaa\r\nX: y")));
    assert_false(http_is_field_value(STR("a\n")) || http_is_field_value(STR("a\0")));
}

static void names_methods_and_reasons(void **state)
{
    (void)state;
    assert_true(str_eq(http_method_name(HTTP_DELETE), STR("DELETE")));
    assert_string_equal(http_reason(404), "Not Found");
    assert_string_equal(http_reason(299), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_responses_from_what_is_none),
        cmocka_unit_test(knows_which_responses_have_no_body),
        cmocka_unit_test(reads_chunks_alike_in_pieces_of_any_size),
        cmocka_unit_test(leaves_what_follows_the_last_chunk),
        cmocka_unit_test(refuses_data_past_the_limit_with_413),
        cmocka_unit_test(refuses_framing_out_of_proportion),
        cmocka_unit_test(writes_dates_as_http_wants_them),
        cmocka_unit_test(lets_no_line_end_into_a_header),
        cmocka_unit_test(names_methods_and_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
