/* SPDX-License-Identifier: Apache-2.0
 *
 * Time, load and leaving, through real sockets: deadlines, peers that go, limits, stopping.
 */
#include "harness.h"

#include "metrics/metrics.h"

#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: a\r\n"

/* Under a sanitizer malloc is another one, which mallinfo2() knows nothing of. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEAP_IS_COUNTED false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HEAP_IS_COUNTED false
#endif
#endif
#ifndef HEAP_IS_COUNTED
#define HEAP_IS_COUNTED true
#endif

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

static void cuts_a_slow_head_at_its_total_deadline(void **state)
{
    (void)state;
    struct harness h = { 0 };
    harness_start(&h);
    int fd = client_connect(&h);
    pump(&h);
    struct str head = STR("GET / HTTP/1.1\r\n" HOST "X: yyyyyyyyyyyyyyyy");
    for (int i = 0; i < 9; i++) { /* a byte each 0.1 s: never idle, still too slow */
        client_send(fd, str_sub(head, i, 1));
        advance(&h, 100000);
    }
    assert_false(client_is_closed(&h, fd));
    client_send(fd, str_sub(head, 9, 1));
    advance(&h, 150000);
    struct str got = client_exchange(&h, fd, STR(""));
    assert_true(str_starts(got, STR("HTTP/1.1 408 Request Timeout\r\n")));
    assert_true(client_is_closed(&h, fd));
    (void)close(fd);
    harness_stop(&h);
}

static void cuts_a_slow_body_at_its_total_deadline(void **state)
{
    (void)state;
    struct harness h = { 0 };
    harness_start(&h);
    int fd = client_connect(&h);
    client_send(fd, STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\n"));
    for (int i = 0; i < 19; i++) {
        advance(&h, 100000);
        client_send(fd, STR("x"));
    }
    assert_false(client_is_closed(&h, fd));
    advance(&h, 200000);
    struct str got = client_exchange(&h, fd, STR(""));
    assert_true(str_starts(got, STR("HTTP/1.1 408 ")));
    assert_int_equal(h.call_count, 0);
    (void)close(fd);
    harness_stop(&h);
}

static void closes_idle_connections_silently(void **state)
{
    (void)state;
    struct harness h = { 0 };
    harness_start(&h);
    int unused = client_connect(&h), used = client_connect(&h);
    pump(&h);
    advance(&h, 2000000);
    (void)client_exchange(&h, used, STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    advance(&h, 1500000);
    assert_true(client_is_closed(&h, unused));
    assert_false(client_is_closed(&h, used));
    advance(&h, 1600000);
    assert_true(client_is_closed(&h, used));
    (void)close(unused);
    (void)close(used);
    harness_stop(&h);
}

static void gives_a_handler_all_the_time_it_needs(void **state)
{
    (void)state;
    struct harness h = { .holds = true };
    harness_start(&h);
    int fd = client_connect(&h);
    client_send(fd, STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    pump(&h);
    advance(&h, 60000000);
    assert_false(client_is_closed(&h, fd));
    harness_answer(h.calls[0]);
    assert_ends(client_exchange(&h, fd, STR("")), "GET /:");
    (void)close(fd);
    harness_stop(&h);
}

static struct str big_body(size_t len)
{
    char *body = xmalloc(len);
    memset(body, 'b', len);
    return str_of(body, len);
}

static void sends_big_answers_as_the_peer_takes_them(void **state)
{
    (void)state;
    enum { BIG = 6000000 };
    struct harness h = { .big = big_body(BIG) };
    bool closed;
    harness_start(&h);
    int fd = client_connect_narrow(&h);
    client_send(fd, STR("GET /big HTTP/1.1\r\n" HOST "\r\nGET /next HTTP/1.1\r\n" HOST "\r\n"));
    pump(&h);
    assert_int_equal(h.call_count, 1); /* the next waits until this one is taken */
    struct str got = client_read(&h, fd, BIG + 150, &closed);
    assert_int_equal(occurrences(got, "b"), BIG);
    assert_int_equal(h.call_count, 2);
    xfree((void *)(uintptr_t)h.big.ptr);
    (void)close(fd);
    harness_stop(&h);
}

static void cuts_a_peer_that_does_not_take_its_answer(void **state)
{
    (void)state;
    struct harness h = { .big = big_body(6000000) };
    harness_start(&h);
    int fd = client_connect_narrow(&h);
    int64_t before = metrics_value(METRIC_HTTP_CONNECTIONS);
    client_send(fd, STR("GET /big HTTP/1.1\r\n" HOST "\r\n"));
    pump(&h);
    advance(&h, 3900000);
    assert_int_equal(metrics_value(METRIC_HTTP_CONNECTIONS) - before, 1);
    advance(&h, 200000);
    assert_int_equal(metrics_value(METRIC_HTTP_CONNECTIONS) - before, 0);
    xfree((void *)(uintptr_t)h.big.ptr);
    (void)close(fd);
    harness_stop(&h);
}

/* ---- peers that leave ---- */

static void answers_a_peer_that_has_ended_its_side(void **state)
{
    (void)state;
    struct harness h = { .holds = true };
    harness_start(&h);
    int fd = client_connect(&h);
    client_send(fd, STR("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n"));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    pump(&h);
    harness_answer(h.calls[0]);
    pump(&h);
    assert_int_equal(h.call_count, 2);
    harness_answer(h.calls[1]);
    bool closed;
    struct str got = client_read(&h, fd, 1000, &closed);
    assert_int_equal(occurrences(got, "HTTP/1.1 200"), 2);
    assert_true(closed);
    (void)close(fd);
    harness_stop(&h);
}

static void reset(int fd)
{
    struct linger hard = { .l_onoff = 1, .l_linger = 0 };
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
    (void)close(fd);
}

static void drops_answers_to_peers_that_are_gone(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    struct harness h = { .holds = true };
    int fds[COUNT];
    harness_start(&h);
    int64_t before = metrics_value(METRIC_HTTP_ABANDONED),
            connections = metrics_value(METRIC_HTTP_CONNECTIONS);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_connect(&h);
        client_send(fds[i], STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"));
    }
    for (int i = 0; i < 20; i++) {
        pump(&h);
    }
    assert_int_equal(h.call_count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        reset(fds[i]);
    }
    pump(&h);
    assert_int_equal(metrics_value(METRIC_HTTP_CONNECTIONS) - connections, 0);
    for (int i = 0; i < COUNT; i++) {
        harness_answer(h.calls[i]);
    }
    assert_int_equal(metrics_value(METRIC_HTTP_ABANDONED) - before, COUNT);
    harness_stop(&h);
}

static void forgets_requests_that_were_not_finished(void **state)
{
    (void)state;
    struct harness h = { 0 };
    harness_start(&h);
    int64_t connections = metrics_value(METRIC_HTTP_CONNECTIONS);
    static const char *const PARTS[] = { "", "GET / HT",
                                         "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nab",
                                         "POST / HTTP/1.1\r\n" HOST
                                         "Transfer-Encoding: chunked\r\n\r\n5\r\nab" };
    for (size_t i = 0; i < COUNT_OF(PARTS); i++) {
        int fd = client_connect(&h);
        client_send(fd, str_from(PARTS[i]));
        pump(&h);
        assert_int_equal(metrics_value(METRIC_HTTP_CONNECTIONS) - connections, 1);
        (void)close(fd);
        pump(&h);
        assert_int_equal(metrics_value(METRIC_HTTP_CONNECTIONS) - connections, 0);
    }
    assert_int_equal(h.call_count, 0);
    harness_stop(&h);
}

static void lets_a_refused_sender_read_why(void **state)
{
    (void)state;
    struct harness h = { 0 };
    static char rest[200000];
    harness_start(&h);
    int fd = client_connect(&h);
    client_send(fd, STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 200000\r\n\r\n"));
    pump(&h);
    client_send(fd, str_of(rest, sizeof(rest))); /* it does not look before it has sent all */
    struct str got = client_exchange(&h, fd, STR(""));
    assert_true(str_starts(got, STR("HTTP/1.1 413 ")));
    advance(&h, 2100000);
    int64_t connections = metrics_value(METRIC_HTTP_CONNECTIONS);
    assert_int_equal(connections, 0);
    (void)close(fd);
    harness_stop(&h);
}

/* ---- limits, load, stop ---- */

static void tells_connections_past_the_limit(void **state)
{
    (void)state;
    struct harness h = { 0 };
    harness_start(&h);
    h.limits.connections_max = 2;
    http_server_set_limits(h.server, &h.limits);
    int a = client_connect(&h), b = client_connect(&h);
    pump(&h);
    int c = client_connect(&h);
    bool closed;
    struct str got = client_read(&h, c, 10000, &closed);
    assert_true(str_starts(got, STR("HTTP/1.1 503 ")));
    assert_true(closed);
    assert_ends(client_exchange(&h, a, STR("GET / HTTP/1.1\r\n" HOST "\r\n")), "GET /:");
    (void)close(a);
    (void)close(b);
    (void)close(c);
    harness_stop(&h);
}

/* 128, 256 and 512: where an epoll loop that takes events in blocks may leave some behind. */
static void serves_all_of_many_ready_connections(void **state)
{
    (void)state;
    static const int COUNTS[] = { 1, 128, 255, 256, 257, 512 };
    for (size_t n = 0; n < COUNT_OF(COUNTS); n++) {
        struct harness h = { 0 };
        int fds[512];
        harness_start(&h);
        for (int i = 0; i < COUNTS[n]; i++) {
            fds[i] = client_connect(&h);
        }
        for (int i = 0; i < 10; i++) {
            pump(&h);
        }
        for (int i = 0; i < COUNTS[n]; i++) {
            client_send(fds[i], STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
        }
        loop_turn(h.loop, 0);
        loop_turn(h.loop, 0);
        loop_turn(h.loop, 0);
        assert_int_equal(h.call_count, COUNTS[n]);
        for (int i = 0; i < COUNTS[n]; i++) {
            (void)close(fds[i]);
        }
        harness_stop(&h);
    }
}

static void stopped_first(void *arg)
{
    struct harness *h = arg;
    h->is_stopped = true;
}

static void finishes_calls_under_way_when_stopped(void **state)
{
    (void)state;
    struct harness h = { .holds = true };
    harness_start(&h);
    int busy = client_connect(&h), idle = client_connect(&h), fresh = client_connect(&h);
    client_send(busy, STR("GET /busy HTTP/1.1\r\n" HOST "\r\n"));
    pump(&h);
    client_send(fresh, STR("GET /fresh HTTP/1.1\r\n" HOST "\r\n")); /* not seen by the server yet */
    http_server_stop(h.server, h.clock.now_us + 10000000, stopped_first, &h);
    pump(&h);
    assert_true(client_is_closed(&h, idle));
    assert_false(h.is_stopped);
    assert_int_equal(h.call_count, 2);
    harness_answer(h.calls[0]);
    harness_answer(h.calls[1]);
    struct str got = client_exchange(&h, busy, STR(""));
    assert_has(got, "Connection: close\r\n");
    assert_ends(got, "GET /busy:");
    (void)close(busy);
    assert_ends(client_exchange(&h, fresh, STR("")), "GET /fresh:");
    (void)close(fresh);
    pump(&h);
    assert_true(h.is_stopped);
    (void)close(idle);
    harness_stop(&h);
}

static void cuts_what_is_left_when_the_time_to_stop_is_over(void **state)
{
    (void)state;
    struct harness h = { .holds = true };
    harness_start(&h);
    int fd = client_connect(&h);
    client_send(fd, STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    pump(&h);
    http_server_stop(h.server, h.clock.now_us + 1000000, stopped_first, &h);
    advance(&h, 900000);
    assert_false(h.is_stopped);
    advance(&h, 200000);
    assert_true(h.is_stopped);
    assert_true(client_is_closed(&h, fd));
    http_server_free(h.server); /* before the handler has answered */
    harness_answer(h.calls[0]);
    loop_free(h.loop);
    (void)close(fd);
}

static struct str request_id_of(struct harness *h, int fd, const char *header)
{
    char text[256];
    int len = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST "%s\r\n", header);
    (void)client_exchange(h, fd, str_of(text, (size_t)len));
    return h->calls[h->call_count - 1]->request_id;
}

static void takes_sane_request_ids_and_makes_the_others(void **state)
{
    (void)state;
    struct harness h = { .holds = true };
    harness_start(&h);
    static const struct {
        const char *header;
        const char *id; /* NULL: made here */
    } ROWS[] = { { "X-Request-Id: abc-1.2_Z\r\n", "abc-1.2_Z" },
                 { "svix-req-id: 12345\r\n", "12345" },
                 { "X-Request-Id: a b\r\n", NULL },
                 { "X-Request-Id: \"quoted\"\r\n", NULL },
                 { "", NULL } };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        int fd = client_connect(&h);
        struct str id = request_id_of(&h, fd, ROWS[i].header);
        if (ROWS[i].id != NULL) {
            assert_true(str_eq(id, str_from(ROWS[i].id)));
        } else {
            assert_int_equal(id.len, 16);
        }
        assert_true(str_eq(h.calls[i]->peer, STR("127.0.0.1")));
        harness_answer(h.calls[i]);
        (void)close(fd);
    }
    harness_stop(&h);
}

static void holds_ten_thousand_idle_connections_in_2_kib_each(void **state)
{
    (void)state;
    enum { WANTED = 10000, CLIENT_SHARE = 2, SPARE = 200 };
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    size_t count = (files.rlim_cur - SPARE) / CLIENT_SHARE;
    if (count > WANTED)
        count = WANTED;
    struct harness h = { .holds = true };
    int *fds = xcalloc(count, sizeof(*fds));
    harness_start(&h);
    int warm = client_connect(&h);
    client_send(warm, STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    pump(&h);
    harness_answer(h.calls[0]);
    h.holds = false;
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (size_t i = 0; i < count; i++) {
        fds[i] = client_connect(&h);
        h.call_count = 0;
        client_send(fds[i], STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
        loop_turn(h.loop, 0);
        loop_turn(h.loop, 0);
    }
    pump(&h);
    size_t each = (mallinfo2().uordblks + mallinfo2().hblkhd - before) / count;
    print_message("# %zu idle connections, %zu bytes each\n", count, each);
    assert_int_equal(metrics_value(METRIC_HTTP_CONNECTIONS), count + 1);
    if (HEAP_IS_COUNTED)
        assert_in_range(each, 1, 2047);
    for (size_t i = 0; i < count; i++) {
        (void)close(fds[i]);
    }
    (void)close(warm);
    for (int i = 0; i < 100; i++) {
        pump(&h);
    }
    assert_int_equal(metrics_value(METRIC_HTTP_CONNECTIONS), 0);
    xfree(fds);
    harness_stop(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_a_slow_head_at_its_total_deadline),
        cmocka_unit_test(cuts_a_slow_body_at_its_total_deadline),
        cmocka_unit_test(closes_idle_connections_silently),
        cmocka_unit_test(gives_a_handler_all_the_time_it_needs),
        cmocka_unit_test(sends_big_answers_as_the_peer_takes_them),
        cmocka_unit_test(cuts_a_peer_that_does_not_take_its_answer),
        cmocka_unit_test(answers_a_peer_that_has_ended_its_side),
        cmocka_unit_test(drops_answers_to_peers_that_are_gone),
        cmocka_unit_test(forgets_requests_that_were_not_finished),
        cmocka_unit_test(lets_a_refused_sender_read_why),
        cmocka_unit_test(tells_connections_past_the_limit),
        cmocka_unit_test(serves_all_of_many_ready_connections),
        cmocka_unit_test(finishes_calls_under_way_when_stopped),
        cmocka_unit_test(cuts_what_is_left_when_the_time_to_stop_is_over),
        cmocka_unit_test(takes_sane_request_ids_and_makes_the_others),
        cmocka_unit_test(holds_ten_thousand_idle_connections_in_2_kib_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
