/* SPDX-License-Identifier: Apache-2.0
 *
 * The receiver's reading of requests, each in one piece and byte by byte.
 */
#include "../../../lib/http_read.h"

#include <stdio.h>
#include <stdlib.h>

#include "fixture.h"

enum { HEAD_MAX = 512, BODY_MAX = 64, MEMORY_MAX = 1 << 16 };

static unsigned read_in_steps(struct gn_http *h, const char *text, size_t step)
{
    size_t len = strlen(text);
    unsigned status = GN_HTTP_MORE;
    for (size_t at = 0; at < len && status == GN_HTTP_MORE;) {
        size_t used;
        size_t count = len - at < step ? len - at : step;
        char *piece = malloc(count); /* of its own, so that a sanitizer sees its end */
        memcpy(piece, text + at, count);
        status = gn_http_push(h, piece, count, &used);
        free(piece);
        at += used;
    }
    return status;
}

struct row {
    const char *text;
    unsigned status;
    const char *body;
};

static const struct row rows[] = {
    { "POST /a?b=c HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc", 1, "abc" },
    { "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: Chunked\r\n\r\n"
      "2;x=y\r\nab\r\n1\r\nc\r\n0\r\nt: u\r\n\r\n",
      1, "abc" },
    { "GET / HTTP/1.1\r\nhost: x\r\n\r\n", 1, "" },
    { "GET / HTTP/1.0\r\n\r\n", 1, "" },
    { "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
      1, "" },
    { "GET / HTTP/1.1\r\n\r\n", 400, NULL },                       /* no host */
    { "GET / HTTP/1.1\r\nhost: x\r\nHost: x\r\n\r\n", 400, NULL }, /* two */
    { "GET / HTTP/1.1\nhost: x\n\n", 400, NULL },                  /* bare line feeds */
    { "\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n", 400, NULL },
    { "GET  / HTTP/1.1\r\nhost: x\r\n\r\n", 400, NULL },
    { "GET /a b HTTP/1.1\r\nhost: x\r\n\r\n", 400, NULL },
    { "GET http://x/ HTTP/1.1\r\nhost: x\r\n\r\n", 1, "" },
    { "GET HTTPS://x:8?b HTTP/1.1\r\nhost: x\r\n\r\n", 1, "" },
    { "GET /h\xc3\xb6ren HTTP/1.1\r\nhost: x\r\n\r\n", 1, "" },
    { "GET http:///a HTTP/1.1\r\nhost: x\r\n\r\n", 400, NULL },
    { "GET ftp://x/ HTTP/1.1\r\nhost: x\r\n\r\n", 400, NULL },
    { "GET x HTTP/1.1\r\nhost: x\r\n\r\n", 400, NULL },
    { "GET /a#b HTTP/1.1\r\nhost: x\r\n\r\n", 400, NULL },
    { "GET / HTTP/2.0\r\nhost: x\r\n\r\n", 505, NULL },
    { "GET / SPDY/1.1\r\nhost: x\r\n\r\n", 400, NULL },
    { "GET / HTTP/1.1\r\nhost: x\r\n folded: y\r\n\r\n", 400, NULL },
    { "GET / HTTP/1.1\r\nhost: x\r\nname : y\r\n\r\n", 400, NULL },
    { "GET / HTTP/1.1\r\nhost: x\r\nname: a\001b\r\n\r\n", 400, NULL },
    { "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc", 400,
      NULL },
    { "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: +3\r\n\r\nabc", 400, NULL },
    { "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n", 400,
      NULL },
    { "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n", 400, NULL },
    { "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n", 501, NULL },
    { "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 65\r\n\r\n", 413, NULL },
    { "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n41\r\n", 413, NULL },
    { "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n", 400, NULL },
    { "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n", 400, NULL },
    { "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n", 400,
      NULL },
};

static void requests_are_read_alike_whole_and_in_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < GN_COUNT(rows); i++) {
        for (size_t step = 1; step < 1000; step = step * 3 + 1) {
            struct gn_budget budget = { .max = MEMORY_MAX };
            struct gn_http h;
            gn_http_init(&h, HEAD_MAX, BODY_MAX, &budget);
            unsigned status = read_in_steps(&h, rows[i].text, step);
            if (status != rows[i].status) {
                fail_msg("row %zu, step %zu: %u", i, step, status);
            }
            if (rows[i].body != NULL) {
                assert_int_equal(h.body_len, strlen(rows[i].body));
                assert_true(h.body_len == 0 || memcmp(h.body, rows[i].body, h.body_len) == 0);
            }
            gn_http_reset(&h);
            assert_int_equal(budget.used, 0);
        }
    }
}

static void method_path_query_and_headers_are_handed_out(void **state)
{
    (void)state;
    struct gn_budget budget = { .max = MEMORY_MAX };
    struct gn_http h;
    gn_http_init(&h, HEAD_MAX, BODY_MAX, &budget);
    assert_int_equal(
        read_in_steps(&h, "PUT /a/b?c=d&e HTTP/1.1\r\nHost: x\r\nName: \t v w \r\n\r\n", 7), 1);
    assert_true(gn_eq(h.method, GN_TEXT("PUT")));
    assert_true(gn_eq(h.path, GN_TEXT("/a/b")));
    assert_true(gn_eq(h.query, GN_TEXT("c=d&e")));
    assert_int_equal(h.header_count, 2);
    assert_true(gn_eq(h.headers[1].name, GN_TEXT("Name")));
    assert_true(gn_eq(h.headers[1].value, GN_TEXT("v w")));
    assert_true(h.keep_alive);
    gn_http_reset(&h);
}

static void the_next_request_is_not_touched(void **state)
{
    (void)state;
    static const char two[] =
        "GET /1 HTTP/1.1\r\nhost: x\r\n\r\nGET /2 HTTP/1.1\r\nhost: x\r\n\r\n";
    struct gn_budget budget = { .max = MEMORY_MAX };
    struct gn_http h;
    size_t used;
    gn_http_init(&h, HEAD_MAX, BODY_MAX, &budget);
    assert_int_equal(gn_http_push(&h, two, strlen(two), &used), GN_HTTP_DONE);
    assert_int_equal(used, strlen(two) / 2);
    gn_http_reset(&h);
    assert_int_equal(gn_http_push(&h, two + used, strlen(two) - used, &used), GN_HTTP_DONE);
    assert_true(gn_eq(h.path, GN_TEXT("/2")));
    gn_http_reset(&h);
}

static void heads_headers_and_trailers_have_limits(void **state)
{
    (void)state;
    struct gn_budget budget = { .max = 1 << 20 };
    struct gn_http h;
    size_t used;
    unsigned status = GN_HTTP_MORE;
    gn_http_init(&h, HEAD_MAX, BODY_MAX, &budget);
    while (status == GN_HTTP_MORE) {
        status = gn_http_push(&h, "xxxxxxxx", 8, &used);
    }
    assert_int_equal(status, 431);
    gn_http_reset(&h);
    gn_http_init(&h, 1 << 16, BODY_MAX, &budget);
    status = read_in_steps(&h, "GET / HTTP/1.1\r\nhost: x\r\n", 100);
    for (int i = 0; i < GRAPNEL_HEADERS_MAX; i++) {
        status = read_in_steps(&h, "a: b\r\n", 100);
        assert_int_equal(status, GN_HTTP_MORE);
    }
    assert_int_equal(read_in_steps(&h, "\r\n", 2), 431);
    gn_http_reset(&h);
    status = read_in_steps(
        &h, "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", 100);
    for (size_t sent = 0; status == GN_HTTP_MORE && sent < 2 * GN_HTTP_TRAILERS_MAX; sent += 6) {
        status = read_in_steps(&h, "a: b\r\n", 100);
    }
    assert_int_equal(status, 431);
    gn_http_reset(&h);
}

static void a_promised_length_takes_no_memory_and_a_spent_budget_is_503(void **state)
{
    (void)state;
    struct gn_budget budget = { .max = 2048 };
    struct gn_http h;
    gn_http_init(&h, HEAD_MAX, 1 << 20, &budget);
    unsigned status =
        read_in_steps(&h, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n", 100);
    assert_int_equal(status, GN_HTTP_MORE);
    assert_int_equal(budget.used, HEAD_MAX);
    for (int i = 0; i < 1000 && status == GN_HTTP_MORE; i++) {
        status = read_in_steps(&h, "0123456789", 100);
    }
    assert_int_equal(status, 503);
    gn_http_reset(&h);
    assert_int_equal(budget.used, 0);
}

static void an_absolute_target_has_the_path_and_query_behind_its_host(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path, *query;
    } cases[] = {
        { "http://x/a/b?c=d", "/a/b", "c=d" }, { "HTTPS://x:8", "/", "" },
        { "http://x?c=/d", "/", "c=/d" },      { "http://x/?c=http://y/", "/", "c=http://y/" },
        { "/http://x/a", "/http://x/a", "" },
    };
    for (size_t i = 0; i < GN_COUNT(cases); i++) {
        struct gn_budget budget = { .max = MEMORY_MAX };
        struct gn_http h;
        char text[128];
        (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nhost: x\r\n\r\n", cases[i].target);
        gn_http_init(&h, HEAD_MAX, BODY_MAX, &budget);
        assert_int_equal(read_in_steps(&h, text, 1000), 1);
        assert_true(gn_eq(h.path, gn_cstr(cases[i].path)));
        assert_true(gn_eq(h.query, gn_cstr(cases[i].query)));
        gn_http_reset(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_absolute_target_has_the_path_and_query_behind_its_host),
        cmocka_unit_test(requests_are_read_alike_whole_and_in_pieces),
        cmocka_unit_test(method_path_query_and_headers_are_handed_out),
        cmocka_unit_test(the_next_request_is_not_touched),
        cmocka_unit_test(heads_headers_and_trailers_have_limits),
        cmocka_unit_test(a_promised_length_takes_no_memory_and_a_spent_budget_is_503),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
