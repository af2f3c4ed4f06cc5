/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests and answers through real sockets: framing, order, refusals.
 */
#include "harness.h"

#include <unistd.h>

#define HOST "Host: a\r\n"

static void assert_has(struct str s, const char *what)
{
    if (!str_contains(s, str_from(what)))
        fail_msg("'%s' is not in '%.*s'", what, STR_ARGS(s));
}

static void assert_ends(struct str s, const char *what)
{
    if (!str_ends(s, str_from(what)))
        fail_msg("'%.*s' does not end in '%s'", STR_ARGS(s), what);
}

static void answers_and_keeps_the_connection(void **state)
{
    (void)state;
    struct harness h = { 0 };
    harness_start(&h);
    int fd = client_connect(&h);
    for (int i = 0; i < 3; i++) {
        struct str got =
            client_exchange(&h, fd, STR("POST /x HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi"));
        assert_true(
            str_starts(got, STR("HTTP/1.1 200 OK\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n")));
        assert_has(got, "\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n");
        assert_ends(got, "POST /x:hi");
    }
    (void)close(fd);
    harness_stop(&h);
}

static void answers_pipelined_requests_in_order(void **state)
{
    (void)state;
    struct harness h = { 0 };
    harness_start(&h);
    int fd = client_connect(&h);
    struct str got =
        client_exchange(&h, fd,
                        STR("GET /1 HTTP/1.1\r\n" HOST "\r\n"
                            "POST /2 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                            "2\r\nab\r\n0\r\n\r\n"
                            "GET /3 HTTP/1.1\r\n" HOST "\r\nGET /4 HT"));
    assert_int_equal(occurrences(got, "HTTP/1.1 200 OK"), 3);
    assert_has(got, "GET /1:HTTP/1.1");
    assert_has(got, "POST /2:abHTTP/1.1");
    assert_ends(got, "GET /3:");
    got = client_exchange(&h, fd, STR("TP/1.1\r\n" HOST "\r\n"));
    assert_ends(got, "GET /4:");
    (void)close(fd);
    harness_stop(&h);
}

static void hands_over_one_pipelined_call_at_a_time(void **state)
{
    (void)state;
    struct harness h = { .holds = true };
    harness_start(&h);
    int fd = client_connect(&h);
    bool closed;
    (void)client_exchange(&h, fd,
                          STR("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n"));
    assert_int_equal(h.call_count, 1);
    harness_answer(h.calls[0]);
    pump(&h);
    assert_int_equal(h.call_count, 2);
    harness_answer(h.calls[1]);
    struct str got = client_read(&h, fd, 200, &closed);
    assert_int_equal(occurrences(got, "HTTP/1.1 200 OK"), 2);
    (void)close(fd);
    harness_stop(&h);
}

static void takes_many_pipelined_requests_without_starving_others(void **state)
{
    (void)state;
    struct harness h = { 0 };
    struct buf many;
    harness_start(&h);
    buf_init(&many, 1 << 20);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(buf_addf(&many, "GET /%d HTTP/1.1\r\n" HOST "\r\n", i), RC_OK);
    }
    int fd = client_connect(&h), other = client_connect(&h);
    pump(&h);
    client_send(fd, buf_str(&many));
    client_send(other, STR("GET /other HTTP/1.1\r\n" HOST "\r\n"));
    loop_turn(h.loop, 0);
    assert_true(h.call_count < 200); /* the first has yielded */
    bool closed;
    struct str got = client_read(&h, fd, 80000, &closed);
    assert_int_equal(occurrences(got, "HTTP/1.1 200 OK"), 1000);
    got = client_read(&h, other, 10, &closed);
    assert_ends(got, "GET /other:");
    buf_fini(&many);
    (void)close(fd);
    (void)close(other);
    harness_stop(&h);
}

static void answers_byte_by_byte_requests(void **state)
{
    (void)state;
    struct harness h = { 0 };
    harness_start(&h);
    int fd = client_connect(&h);
    struct str in = STR("POST /x HTTP/1.1\r\n" HOST
                        "Transfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n2\r\nbc\r\n0\r\n\r\n");
    for (size_t i = 0; i + 1 < in.len; i++) {
        client_send(fd, str_sub(in, i, 1));
        pump(&h);
    }
    assert_int_equal(h.call_count, 0);
    assert_ends(client_exchange(&h, fd, str_sub(in, in.len - 1, 1)), "POST /x:abc");
    (void)close(fd);
    harness_stop(&h);
}

static void answers_head_without_body_and_204_without_length(void **state)
{
    (void)state;
    struct harness h = { 0 };
    harness_start(&h);
    int fd = client_connect(&h);
    struct str got = client_exchange(&h, fd, STR("HEAD /x HTTP/1.1\r\n" HOST "\r\n"));
    assert_has(got, "Content-Length: 8\r\n");
    assert_ends(got, "\r\n\r\n");
    h.holds = true;
    client_send(fd, STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    pump(&h);
    http_call_reply(h.calls[1], &(struct http_reply){ .status = 204 });
    got = client_exchange(&h, fd, STR(""));
    assert_has(got, "204 No Content");
    assert_false(str_contains(got, STR("Content-Length")));
    (void)close(fd);
    harness_stop(&h);
}

static void leaves_out_a_header_value_that_would_split_the_answer(void **state)
{
    (void)state;
    struct harness h = { .holds = true };
    harness_start(&h);
    int fd = client_connect(&h);
    client_send(fd, STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    pump(&h);
    struct http_header extra[] = { { STR("X-Bad"), STR("a\r\nX-Evil: b") },
                                   { STR("X-Good"), STR("c") } };
    http_call_reply(h.calls[0],
                    &(struct http_reply){ .status = 200, .headers = extra, .header_count = 2 });
    struct str got = client_exchange(&h, fd, STR(""));
    assert_has(got, "X-Good: c\r\n");
    assert_false(str_contains(got, STR("Evil")));
    (void)close(fd);
    harness_stop(&h);
}

static void speaks_1_0(void **state)
{
    (void)state;
    struct harness h = { 0 };
    harness_start(&h);
    int fd = client_connect(&h);
    struct str got =
        client_exchange(&h, fd, STR("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    assert_has(got, "Connection: keep-alive\r\n");
    got = client_exchange(&h, fd, STR("GET / HTTP/1.0\r\n\r\n"));
    assert_has(got, "Connection: close\r\n");
    assert_true(client_is_closed(&h, fd));
    (void)close(fd);
    harness_stop(&h);
}

static void says_continue_only_when_the_body_is_waited_for(void **state)
{
    (void)state;
    struct harness h = { 0 };
    harness_start(&h);
    int fd = client_connect(&h);
    struct str got = client_exchange(
        &h, fd,
        STR("POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    assert_true(str_eq(got, STR("HTTP/1.1 100 Continue\r\n\r\n")));
    got = client_exchange(&h, fd, STR("hi"));
    assert_true(str_starts(got, STR("HTTP/1.1 200")));
    got = client_exchange(
        &h, fd,
        STR("POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"));
    assert_true(str_starts(got, STR("HTTP/1.1 200")));
    got = client_exchange(
        &h, fd,
        STR("POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 99999\r\n\r\n"));
    assert_true(str_starts(got, STR("HTTP/1.1 413")));
    (void)close(fd);
    harness_stop(&h);
}

static struct str refusal(const char *request)
{
    struct harness h = { 0 };
    static char copy[1024];
    harness_start(&h);
    int fd = client_connect(&h);
    struct str got = client_exchange(&h, fd, str_from(request));
    assert_has(got, "Connection: close\r\n");
    assert_has(got, "Content-Type: application/json\r\n");
    assert_true(client_is_closed(&h, fd));
    assert_int_equal(h.call_count, 0);
    memcpy(copy, got.ptr, got.len);
    (void)close(fd);
    harness_stop(&h);
    return str_of(copy, got.len);
}

static void refuses_in_json_and_closes(void **state)
{
    (void)state;
    struct str got = refusal("POST / HTTP/1.1\r\n" HOST
                             "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_true(str_starts(got, STR("HTTP/1.1 400 Bad Request\r\n")));
    assert_ends(
        got, "{\"code\":\"bad_request\",\"detail\":\"Content-Length beside Transfer-Encoding\"}");
    got = refusal("POST / HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\nGET / HTTP/1.1\r\n" HOST
                  "\r\n");
    assert_true(str_starts(got, STR("HTTP/1.1 413 ")));
}

static void refuses_chunked_bodies_past_the_limit(void **state)
{
    (void)state;
    struct harness h = { 0 };
    static char chunk[70000];
    harness_start(&h);
    int fd = client_connect(&h);
    memset(chunk, 'x', sizeof(chunk));
    client_send(fd, STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n11170\r\n"));
    struct str got = client_exchange(&h, fd, str_of(chunk, sizeof(chunk)));
    assert_true(str_starts(got, STR("HTTP/1.1 413 ")));
    assert_has(got, "body_too_large");
    (void)close(fd);
    harness_stop(&h);
}

static void reads_bodies_up_to_the_limit(void **state)
{
    (void)state;
    struct harness h = { 0 };
    static char body[65536];
    bool closed;
    harness_start(&h);
    int fd = client_connect(&h);
    memset(body, 'x', sizeof(body));
    client_send(fd, STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 65536\r\n\r\n"));
    pump(&h);
    client_send(fd, str_of(body, sizeof(body)));
    struct str got = client_read(&h, fd, sizeof(body) + 100, &closed);
    assert_true(str_starts(got, STR("HTTP/1.1 200")));
    assert_int_equal(occurrences(got, "x"), sizeof(body) + 1); /* and the one in "text/plain" */
    (void)close(fd);
    harness_stop(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_keeps_the_connection),
        cmocka_unit_test(answers_pipelined_requests_in_order),
        cmocka_unit_test(hands_over_one_pipelined_call_at_a_time),
        cmocka_unit_test(takes_many_pipelined_requests_without_starving_others),
        cmocka_unit_test(answers_byte_by_byte_requests),
        cmocka_unit_test(answers_head_without_body_and_204_without_length),
        cmocka_unit_test(leaves_out_a_header_value_that_would_split_the_answer),
        cmocka_unit_test(speaks_1_0),
        cmocka_unit_test(says_continue_only_when_the_body_is_waited_for),
        cmocka_unit_test(refuses_in_json_and_closes),
        cmocka_unit_test(refuses_chunked_bodies_past_the_limit),
        cmocka_unit_test(reads_bodies_up_to_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
