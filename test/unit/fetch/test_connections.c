/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections: ones used again, deadlines, canceling, several addresses, and the guard at
 * connect. What must hold for both clients runs with both.
 */
#include <stddef.h>
#include <stdint.h>

#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MS = 1000 };

static const struct step THREE_ANSWERS[] = { REQ, SEND(ANSWER_OK), REQ,  SEND(ANSWER_OK),
                                             REQ, SEND(ANSWER_OK), HANG, END };
static const struct step ONE_ANSWER[] = { REQ, SEND(ANSWER_OK), END };
static const struct step SILENT[] = { REQ, HANG, END };
static const struct step CLOSING[] = {
    REQ, SEND("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"), HANG, END
};
static const struct step TALKATIVE[] = {
    REQ, SEND(ANSWER_OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), HANG, END
};

static void a_connection_is_used_again(void **state)
{
    const struct step *scripts[] = { THREE_ANSWERS };

    (void)state;
    FOR_BOTH(kind)
    {
        struct receiver *r = receiver_start(scripts, 1, NULL);
        struct bench b;
        struct test_call t;
        bench_open(&b, kind, NULL);
        test_call_init(&t, "http://127.0.0.1:%u/", receiver_port(r));
        for (int i = 0; i < 3; i++) {
            test_call_run(&b, &t);
            assert_int_equal(t.call.error, FETCH_OK);
            assert_str(t.call.response, "ok");
            assert_int_equal(t.call.reused, i > 0);
            assert_string_equal(t.call.peer, "127.0.0.1");
            assert_true((t.call.connect_took_us > 0) == (i == 0));
        }
        assert_int_equal(receiver_connections(r), 1);
        test_call_fini(&t);
        bench_close(&b);
        receiver_stop(r);
    }
}

/* Two calls against a script; the second must come on a connection of its own. */
static void check_not_reused(enum client_kind kind, const struct step *script)
{
    const struct step *scripts[] = { script };
    struct receiver *r = receiver_start(scripts, 1, NULL);
    struct bench b;
    struct test_call t;

    bench_open(&b, kind, NULL);
    test_call_init(&t, "http://127.0.0.1:%u/", receiver_port(r));
    for (int i = 0; i < 2; i++) {
        test_call_run(&b, &t);
        assert_int_equal(t.call.error, FETCH_OK);
        assert_str(t.call.response, "ok");
        assert_false(t.call.reused);
    }
    assert_int_equal(receiver_connections(r), 2);
    test_call_fini(&t);
    bench_close(&b);
    receiver_stop(r);
}

static void a_connection_the_answer_closes_is_not_kept(void **state)
{
    (void)state;
    FOR_BOTH(kind) check_not_reused(kind, CLOSING);
}

static void a_connection_with_bytes_left_over_is_not_kept(void **state)
{
    (void)state;
    FOR_BOTH(kind) check_not_reused(kind, TALKATIVE);
}

static const struct step TWO_FAILURES[] = {
    REQ,  SEND("HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nok"),
    REQ,  SEND("HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nok"),
    HANG, END
};
static const struct step SLOPPY[] = { REQ, SEND("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), HANG,
                                      END };

static void a_connection_of_a_failure_is_not_kept(void **state)
{
    (void)state;
    FOR_BOTH(kind) check_not_reused(kind, TWO_FAILURES);
}

static void a_connection_of_a_sloppy_answer_is_not_kept(void **state)
{
    (void)state;
    FOR_BOTH(kind) check_not_reused(kind, SLOPPY);
}

/* However steadily it is used. libcurl counts whole seconds. */
static void a_connection_is_not_used_again_past_its_age(void **state)
{
    enum { AGE_US = 1000 * MS };
    static const struct step steady[] = {
        REQ, SEND(ANSWER_OK), REQ, SEND(ANSWER_OK), REQ,  SEND(ANSWER_OK),
        REQ, SEND(ANSWER_OK), REQ, SEND(ANSWER_OK), REQ,  SEND(ANSWER_OK),
        REQ, SEND(ANSWER_OK), REQ, SEND(ANSWER_OK), REQ,  SEND(ANSWER_OK),
        REQ, SEND(ANSWER_OK), REQ, SEND(ANSWER_OK), REQ,  SEND(ANSWER_OK),
        REQ, SEND(ANSWER_OK), REQ, SEND(ANSWER_OK), REQ,  SEND(ANSWER_OK),
        REQ, SEND(ANSWER_OK), REQ, SEND(ANSWER_OK), REQ,  SEND(ANSWER_OK),
        REQ, SEND(ANSWER_OK), REQ, SEND(ANSWER_OK), HANG, END
    };
    const struct step *scripts[] = { steady };
    struct fetch_options o = { .age_us = AGE_US };

    (void)state;
    FOR_BOTH(kind)
    {
        struct receiver *r = receiver_start(scripts, 1, NULL);
        struct bench b;
        struct test_call t;
        int64_t start_us = clock_mono_us(clock_system());
        bench_open(&b, kind, &o);
        test_call_init(&t, "http://127.0.0.1:%u/", receiver_port(r));
        test_call_run(&b, &t);
        test_call_run(&b, &t);
        assert_true(t.call.reused);
        while (t.call.reused && clock_mono_us(clock_system()) - start_us < 10 * AGE_US) {
            bench_turn_for(&b, 300 * MS);
            test_call_run(&b, &t);
        }
        assert_false(t.call.reused);
        assert_true(clock_mono_us(clock_system()) - start_us >= AGE_US);
        test_call_fini(&t);
        bench_close(&b);
        receiver_stop(r);
    }
}

/* Such a receiver's kernel holds the body back until the head is acknowledged (Nagle), and ours would
 * acknowledge 40 ms later. The quickest call counts, so that a busy machine does no harm. */
static void a_receiver_that_writes_head_and_body_apart_is_not_kept_waiting(void **state)
{
    enum { CALLS = 12, USED = 4, SLOW_US = 30 * MS };
#define APART REQ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), SEND("ok")
    static const struct step apart[] = { APART, APART, APART, APART, APART, APART, APART,
                                         APART, APART, APART, APART, APART, HANG,  END };
    const struct step *scripts[] = { apart };

    (void)state;
    FOR_BOTH(kind)
    {
        struct receiver *r = receiver_start(scripts, 1, NULL);
        int64_t best_us = INT64_MAX;
        struct bench b;
        struct test_call t;
        bench_open(&b, kind, NULL);
        test_call_init(&t, "http://127.0.0.1:%u/", receiver_port(r));
        for (int i = 0; i < CALLS; i++) {
            test_call_run(&b, &t);
            assert_str(t.call.response, "ok");
            if (i >= USED && t.call.took_us < best_us)
                best_us = t.call.took_us;
        }
        assert_true(best_us < SLOW_US);
        assert_int_equal(receiver_connections(r), 1);
        test_call_fini(&t);
        bench_close(&b);
        receiver_stop(r);
    }
}

static void canceling_ends_a_call_at_once_in_every_phase(void **state)
{
    const struct step *scripts[] = { SILENT };

    (void)state;
    FOR_BOTH(kind)
    {
        for (int phase = 0; phase < 3; phase++) {
            struct receiver *r = receiver_start(scripts, 1, NULL);
            struct bench b;
            struct test_call t;
            bench_open(&b, kind, NULL);
            test_call_init(&t, "http://127.0.0.1:%u/", receiver_port(r));
            test_call_start(&b, &t);
            if (phase == 1)
                loop_turn(b.loop, 0);
            while (phase == 2 && receiver_requests(r) == 0)
                loop_turn(b.loop, 10 * MS);
            fetch_cancel(b.fetch, &t.call);
            assert_int_equal(t.done_count, 1);
            assert_int_equal(t.call.error, FETCH_CANCELED);
            fetch_cancel(b.fetch, &t.call); /* too late: nothing happens */
            assert_int_equal(t.done_count, 1);
            test_call_fini(&t);
            bench_close(&b);
            receiver_stop(r);
        }
    }
}

static void freeing_a_client_cancels_what_runs(void **state)
{
    const struct step *scripts[] = { SILENT };

    (void)state;
    FOR_BOTH(kind)
    {
        struct receiver *r = receiver_start(scripts, 1, NULL);
        struct bench b;
        struct test_call t;
        bench_open(&b, kind, NULL);
        test_call_init(&t, "http://127.0.0.1:%u/", receiver_port(r));
        test_call_start(&b, &t);
        while (receiver_requests(r) == 0)
            loop_turn(b.loop, 10 * MS);
        bench_close(&b);
        assert_int_equal(t.done_count, 1);
        assert_int_equal(t.call.error, FETCH_CANCELED);
        test_call_fini(&t);
        receiver_stop(r);
    }
}

/* A socket that is bound but does not listen: connecting to its port is refused. */
static int bound_socket(uint16_t *port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void a_refused_connection_says_so(void **state)
{
    uint16_t port;
    int fd = bound_socket(&port);

    (void)state;
    FOR_BOTH(kind)
    {
        struct bench b;
        struct test_call t;
        bench_open(&b, kind, NULL);
        test_call_init(&t, "http://127.0.0.1:%u/", port);
        test_call_run(&b, &t);
        assert_int_equal(t.call.error, FETCH_CONNECT);
        assert_non_null(strstr(t.call.detail, kind == CLIENT_OWN ? "refused" : "connect"));
        test_call_fini(&t);
        bench_close(&b);
    }
    (void)close(fd);
}

static void a_connection_that_is_not_taken_ends_at_the_connect_deadline(void **state)
{
    uint16_t port;
    int fd = bound_socket(&port);
    int waiting = receiver_fill_backlog(fd);

    (void)state;
    FOR_BOTH(kind)
    {
        struct bench b;
        struct test_call t;
        bench_open(&b, kind, NULL);
        test_call_init(&t, "http://127.0.0.1:%u/", port);
        t.call.connect_us = 200 * MS;
        test_call_run(&b, &t);
        assert_int_equal(t.call.error, FETCH_CONNECT_TIMEOUT);
        assert_in_range(t.call.took_us, 190 * MS, 10000 * MS);
        t.call.deadline_us = 200 * MS;
        t.call.connect_us = 30000 * MS;
        test_call_run(&b, &t);
        assert_int_equal(t.call.error, FETCH_TIMEOUT);
        test_call_fini(&t);
        bench_close(&b);
    }
    (void)close(waiting);
    (void)close(fd);
}

static void the_next_address_is_tried_when_one_fails(void **state)
{
    const struct step *scripts[] = { ONE_ANSWER };

    (void)state;
    FOR_BOTH(kind)
    {
        struct receiver *r = receiver_start(scripts, 1, NULL);
        struct fetch_options o = { .resolve =
                                       "hook.test=::1,hook.test=127.0.0.9,hook.test=127.0.0.1" };
        struct bench b;
        struct test_call t;
        bench_open(&b, kind, &o);
        test_call_init(&t, "http://hook.test:%u/", receiver_port(r));
        test_call_run(&b, &t);
        assert_int_equal(t.call.error, FETCH_OK);
        assert_string_equal(t.call.peer, "127.0.0.1");
        assert_string_equal(t.call.detail, "");
        test_call_fini(&t);
        bench_close(&b);
        receiver_stop(r);
    }
}

static void a_silent_address_holds_the_next_one_up_a_quarter_of_a_second(void **state)
{
    const struct step *scripts[] = { ONE_ANSWER };
    struct receiver *r = receiver_start(scripts, 1, NULL);
    struct fetch_options o = { .resolve = "slow.test=127.0.0.2,slow.test=127.0.0.1" };
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons(receiver_port(r)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1) };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int waiting;
    struct bench b;
    struct test_call t;

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
    waiting = receiver_fill_backlog(listener);
    bench_open(&b, CLIENT_OWN, &o);
    test_call_init(&t, "http://slow.test:%u/", receiver_port(r));
    test_call_run(&b, &t);
    assert_int_equal(t.call.error, FETCH_OK);
    assert_string_equal(t.call.peer, "127.0.0.1");
    assert_in_range(t.call.took_us, 240 * MS, 4000 * MS);
    test_call_fini(&t);
    bench_close(&b);
    (void)close(waiting);
    (void)close(listener);
    receiver_stop(r);
}

static void a_name_that_resolves_to_a_private_address_is_refused_at_connect(void **state)
{
    static const char *const urls[] = {
        "http://rebind.test:1/",       "http://10.0.0.1:1/",  "http://[::ffff:10.0.0.1]:1/",
        "http://[64:ff9b::7f00:1]:1/", "http://localhost:1/", "http://a.localhost:1/"
    };
    struct fetch_policy *policy = policy_of("", "");
    struct fetch_options o = { .policy = policy,
                               .resolve = "rebind.test=10.0.0.1,rebind.test=fd00::1" };

    (void)state;
    FOR_BOTH(kind)
    {
        for (size_t i = 0; i < COUNT_OF(urls); i++) {
            struct bench b;
            struct test_call t;
            bench_open(&b, kind, &o);
            test_call_init(&t, "%s", urls[i]);
            test_call_run(&b, &t);
            assert_int_equal(t.call.error, FETCH_ADDRESS);
            assert_non_null(strstr(t.call.detail, "may not be connected to"));
            test_call_fini(&t);
            bench_close(&b);
        }
    }
    fetch_policy_unref(policy);
}

static void only_the_allowed_address_of_a_name_is_used(void **state)
{
    const struct step *scripts[] = { ONE_ANSWER };

    (void)state;
    FOR_BOTH(kind)
    {
        struct receiver *r = receiver_start(scripts, 1, NULL);
        struct fetch_options o = { .resolve = "mixed.test=10.0.0.1,mixed.test=127.0.0.1" };
        struct bench b;
        struct test_call t;
        bench_open(&b, kind, &o);
        test_call_init(&t, "http://mixed.test:%u/", receiver_port(r));
        test_call_run(&b, &t);
        assert_int_equal(t.call.error, FETCH_OK);
        assert_string_equal(t.call.peer, "127.0.0.1");
        test_call_fini(&t);
        bench_close(&b);
        receiver_stop(r);
    }
}

static void plain_http_is_refused_when_https_is_demanded(void **state)
{
    struct fetch_policy *policy = NULL;

    (void)state;
    assert_int_equal(fetch_policy_new(STR("127.0.0.0/8"), STR_NONE, true, &policy, NULL), RC_OK);
    FOR_BOTH(kind)
    {
        struct fetch_options o = { .policy = policy };
        struct bench b;
        struct test_call t;
        bench_open(&b, kind, &o);
        test_call_init(&t, "http://127.0.0.1:1/");
        test_call_run(&b, &t);
        assert_int_equal(t.call.error, FETCH_ADDRESS);
        test_call_fini(&t);
        bench_close(&b);
    }
    fetch_policy_unref(policy);
}

static void the_request_is_what_was_asked_for(void **state)
{
    const struct step *scripts[] = { ONE_ANSWER };

    (void)state;
    FOR_BOTH(kind)
    {
        struct receiver *r = receiver_start(scripts, 1, NULL);
        struct fetch_options o = { .resolve = "hook.test=127.0.0.1" };
        char host[64];
        struct bench b;
        struct test_call t;
        bench_open(&b, kind, &o);
        test_call_init(&t, "http://us%%65r:p%%40ss@hook.test:%u/a/../b?c=d%%20e", receiver_port(r));
        t.call.headers = STR("Webhook-Id: msg_1\r\nX-Empty:\r\nx-lower: ok\r\n");
        test_call_run(&b, &t);
        assert_int_equal(t.call.error, FETCH_OK);
        struct str sent = receiver_last_request(r);
        (void)snprintf(host, sizeof(host), "\r\nHost: hook.test:%u\r\n", receiver_port(r));
        assert_true(str_starts(sent, STR("POST /a/../b?c=d%20e HTTP/1.1\r\n")));
        assert_true(str_contains(sent, str_from(host)));
        assert_true(str_contains(sent, STR("\r\nWebhook-Id: msg_1\r\n")));
        assert_true(str_contains(sent, STR("\r\nX-Empty:\r\n")));
        assert_true(str_contains(sent, STR("\r\nx-lower: ok\r\n")));
        assert_true(str_contains(sent, STR("\r\nAuthorization: Basic dXNlcjpwQHNz\r\n")));
        assert_true(str_contains(sent, STR("\r\nContent-Length: 5\r\n")));
        assert_true(str_ends(sent, STR("\r\n\r\nhello")));
        assert_false(str_contains(sent, STR("Expect")));
        assert_true(str_contains(sent, STR("\r\nAccept: */*\r\n")));
        assert_false(str_contains(sent, STR("Content-Type")));
        test_call_fini(&t);
        bench_close(&b);
        receiver_stop(r);
    }
}

static void response_headers_are_kept_and_found(void **state)
{
    static const struct step script[] = {
        REQ, SEND("HTTP/1.1 503 Busy\r\nRETRY-after:  12 \r\nX: y\r\nContent-Length: 0\r\n\r\n"),
        HANG, END
    };
    const struct step *scripts[] = { script };

    (void)state;
    FOR_BOTH(kind)
    {
        struct receiver *r = receiver_start(scripts, 1, NULL);
        struct bench b;
        struct test_call t;
        bench_open(&b, kind, NULL);
        test_call_init(&t, "http://127.0.0.1:%u/", receiver_port(r));
        test_call_run(&b, &t);
        assert_str(fetch_response_header(&t.call, "Retry-After"), "12");
        assert_str(fetch_response_header(&t.call, "x"), "y");
        assert_str(fetch_response_header(&t.call, "y"), "");
        assert_str(t.call.response_headers, "RETRY-after:  12 \r\nX: y\r\nContent-Length: 0\r\n");
        test_call_fini(&t);
        bench_close(&b);
        receiver_stop(r);
    }
}

static void a_blocking_run_gives_the_same(void **state)
{
    const struct step *scripts[] = { ONE_ANSWER };
    struct receiver *r = receiver_start(scripts, 1, NULL);
    struct fetch_policy *policy = policy_of("127.0.0.0/8", "");
    struct fetch_options o = { .policy = policy };
    struct test_call t;

    (void)state;
    test_call_init(&t, "http://127.0.0.1:%u/", receiver_port(r));
    fetch_run(&o, &t.call);
    assert_int_equal(t.call.error, FETCH_OK);
    assert_str(t.call.response, "ok");
    o.http2 = true; /* takes the other client */
    fetch_run(&o, &t.call);
    assert_int_equal(t.call.error, FETCH_OK);
    test_call_fini(&t);
    fetch_policy_unref(policy);
    receiver_stop(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_used_again),
        cmocka_unit_test(a_connection_the_answer_closes_is_not_kept),
        cmocka_unit_test(a_connection_with_bytes_left_over_is_not_kept),
        cmocka_unit_test(a_connection_of_a_failure_is_not_kept),
        cmocka_unit_test(a_connection_of_a_sloppy_answer_is_not_kept),
        cmocka_unit_test(a_connection_is_not_used_again_past_its_age),
        cmocka_unit_test(a_receiver_that_writes_head_and_body_apart_is_not_kept_waiting),
        cmocka_unit_test(canceling_ends_a_call_at_once_in_every_phase),
        cmocka_unit_test(freeing_a_client_cancels_what_runs),
        cmocka_unit_test(a_refused_connection_says_so),
        cmocka_unit_test(a_connection_that_is_not_taken_ends_at_the_connect_deadline),
        cmocka_unit_test(the_next_address_is_tried_when_one_fails),
        cmocka_unit_test(a_silent_address_holds_the_next_one_up_a_quarter_of_a_second),
        cmocka_unit_test(a_name_that_resolves_to_a_private_address_is_refused_at_connect),
        cmocka_unit_test(only_the_allowed_address_of_a_name_is_used),
        cmocka_unit_test(plain_http_is_refused_when_https_is_demanded),
        cmocka_unit_test(the_request_is_what_was_asked_for),
        cmocka_unit_test(response_headers_are_kept_and_found),
        cmocka_unit_test(a_blocking_run_gives_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
