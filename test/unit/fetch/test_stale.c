/* SPDX-License-Identifier: Apache-2.0
 *
 * Kept connections that the receiver has given up on, and connections that die: what is tried again, and
 * what must not be. Both clients.
 */
#include <stddef.h>
#include <stdint.h>

#include "support.h"

enum { MS = 1000 };

static const struct step ONE_ANSWER[] = { REQ, SEND(ANSWER_OK), END };
static const struct step ONE_THEN_DEAF[] = { REQ, SEND(ANSWER_OK), REQ, END };
static const struct step DEAF[] = { REQ, END };

/* Calls against receivers whose n-th connection runs the n-th script, the last one again and again. */
struct stage {
    struct receiver *receiver;
    struct bench bench;
    struct test_call call;
};

static void stage_open(struct stage *g, enum client_kind kind, const struct step *const *scripts,
                       size_t count)
{
    g->receiver = receiver_start(scripts, count, NULL);
    bench_open(&g->bench, kind, NULL);
    test_call_init(&g->call, "http://127.0.0.1:%u/", receiver_port(g->receiver));
}

static void stage_close(struct stage *g)
{
    test_call_fini(&g->call);
    bench_close(&g->bench);
    receiver_stop(g->receiver);
}

static void a_stale_connection_costs_one_retry_and_no_failure(void **state)
{
    const struct step *scripts[] = { ONE_THEN_DEAF, ONE_ANSWER };

    (void)state;
    FOR_BOTH(kind)
    {
        struct stage g;
        stage_open(&g, kind, scripts, 2);
        test_call_run(&g.bench, &g.call);
        /* The receiver reads the second request on the kept connection and closes. */
        test_call_run(&g.bench, &g.call);
        assert_int_equal(g.call.call.error, FETCH_OK);
        assert_int_equal(g.call.call.status, 200);
        assert_int_equal(receiver_connections(g.receiver), 2);
        assert_int_equal(receiver_requests(g.receiver), 3);
        stage_close(&g);
    }
}

static void a_stale_connection_is_replaced_once_only(void **state)
{
    const struct step *scripts[] = { ONE_THEN_DEAF, DEAF };

    (void)state;
    FOR_BOTH(kind)
    {
        struct stage g;
        stage_open(&g, kind, scripts, 2);
        test_call_run(&g.bench, &g.call);
        test_call_run(&g.bench, &g.call);
        assert_int_equal(g.call.call.error, FETCH_CLOSED);
        assert_int_equal(receiver_connections(g.receiver), 2);
        assert_int_equal(receiver_requests(g.receiver), 3);
        stage_close(&g);
    }
}

static void a_fresh_connection_that_dies_is_not_tried_again(void **state)
{
    const struct step *scripts[] = { DEAF };

    (void)state;
    FOR_BOTH(kind)
    {
        struct stage g;
        stage_open(&g, kind, scripts, 1);
        test_call_run(&g.bench, &g.call);
        assert_int_equal(g.call.call.error, FETCH_CLOSED);
        assert_int_equal(receiver_requests(g.receiver), 1);
        stage_close(&g);
    }
}

static void a_kept_connection_that_dies_in_its_answer_is_not_tried_again(void **state)
{
    static const struct step dying[] = { REQ, SEND(ANSWER_OK), REQ,
                                         SEND("HTTP/1.1 103 Hints\r\n\r\nHTTP/1."), END };
    const struct step *scripts[] = { dying };

    (void)state;
    FOR_BOTH(kind)
    {
        struct stage g;
        stage_open(&g, kind, scripts, 1);
        test_call_run(&g.bench, &g.call);
        test_call_run(&g.bench, &g.call);
        assert_int_equal(g.call.call.error, FETCH_CLOSED);
        assert_true(g.call.call.reused);
        assert_int_equal(receiver_requests(g.receiver), 2);
        stage_close(&g);
    }
}

/* A receiver that gives up on a kept connection may say 408 and close. That answers nothing: least of all
 * the next request. */
static void what_a_receiver_says_unasked_answers_nothing(void **state)
{
    static const struct step giving_up[] = {
        REQ,
        SEND(ANSWER_OK),
        { STEP_PAUSE, NULL, 50 },
        SEND("HTTP/1.1 408 Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        END
    };
    static const struct step talking_on[] = { REQ,
                                              SEND(ANSWER_OK),
                                              { STEP_PAUSE, NULL, 50 },
                                              SEND(
                                                  "HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n"),
                                              { STEP_HANG, NULL, 0 },
                                              END };
    static const struct step *const ways[] = { giving_up, talking_on };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        const struct step *scripts[] = { ways[i], ONE_ANSWER };
        FOR_BOTH(kind)
        {
            struct stage g;
            stage_open(&g, kind, scripts, 2);
            test_call_run(&g.bench, &g.call);
            if (i == 0)
                receiver_wait_closed(g.receiver, 1);
            bench_turn_for(&g.bench, (i == 0 ? 20 : 300) * MS);
            test_call_run(&g.bench, &g.call);
            assert_int_equal(g.call.call.status, 200);
            assert_false(g.call.call.reused);
            assert_int_equal(receiver_connections(g.receiver), 2);
            stage_close(&g);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stale_connection_costs_one_retry_and_no_failure),
        cmocka_unit_test(a_stale_connection_is_replaced_once_only),
        cmocka_unit_test(a_fresh_connection_that_dies_is_not_tried_again),
        cmocka_unit_test(a_kept_connection_that_dies_in_its_answer_is_not_tried_again),
        cmocka_unit_test(what_a_receiver_says_unasked_answers_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
