/* SPDX-License-Identifier: Apache-2.0
 *
 * How many connections our own client keeps, and for how long.
 */
#include <stddef.h>
#include <stdint.h>

#include "support.h"

enum { MS = 1000 };

static const struct step THREE_ANSWERS[] = { REQ, SEND(ANSWER_OK), REQ,  SEND(ANSWER_OK),
                                             REQ, SEND(ANSWER_OK), HANG, END };

static void idle_connections_end_after_their_time(void **state)
{
    const struct step *scripts[] = { THREE_ANSWERS };
    struct fetch_options o = { .idle_us = 50 * MS };
    struct receiver *r = receiver_start(scripts, 1, NULL);
    struct bench b;
    struct test_call t;

    (void)state;
    bench_open(&b, CLIENT_OWN, &o);
    test_call_init(&t, "http://127.0.0.1:%u/", receiver_port(r));
    test_call_run(&b, &t);
    bench_turn_for(&b, 150 * MS);
    receiver_wait_closed(r, 1);
    test_call_run(&b, &t);
    assert_false(t.call.reused);
    test_call_fini(&t);
    bench_close(&b);
    receiver_stop(r);
}

static void kept_connections_are_bounded_per_host_and_in_all(void **state)
{
    const struct step *scripts[] = { THREE_ANSWERS };
    struct fetch_options limits[] = { { .idle_per_host = 2 }, { .idle_max = 2 } };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        struct receiver *r = receiver_start(scripts, 1, NULL);
        struct bench b;
        struct test_call t[5];
        bench_open(&b, CLIENT_OWN, &limits[i]);
        for (int k = 0; k < 5; k++) {
            test_call_init(&t[k], "http://127.0.0.1:%u/", receiver_port(r));
            test_call_start(&b, &t[k]);
        }
        for (int k = 0; k < 5; k++) {
            test_call_wait(&b, &t[k]);
            assert_int_equal(t[k].call.error, FETCH_OK);
            test_call_fini(&t[k]);
        }
        receiver_wait_closed(r, 3);
        bench_close(&b);
        receiver_stop(r);
    }
}

/* `count` calls under way together; all of them are answered. How many went over a kept connection. */
static int calls_at_once(struct bench *b, struct receiver *r, int count)
{
    struct test_call t[8];
    int reused = 0;

    assert_true(count <= (int)COUNT_OF(t));
    for (int i = 0; i < count; i++) {
        test_call_init(&t[i], "http://127.0.0.1:%u/", receiver_port(r));
        test_call_start(b, &t[i]);
    }
    for (int i = 0; i < count; i++) {
        test_call_wait(b, &t[i]);
        assert_int_equal(t[i].call.error, FETCH_OK);
        reused += t[i].call.reused;
        test_call_fini(&t[i]);
    }
    return reused;
}

static void a_host_keeps_as_many_connections_as_it_had_calls_at_once(void **state)
{
    const struct step *scripts[] = { THREE_ANSWERS };
    struct receiver *r = receiver_start(scripts, 1, NULL);
    struct bench b;

    (void)state;
    bench_open(&b, CLIENT_OWN, &(struct fetch_options){ .idle_per_host = 100 });
    assert_int_equal(calls_at_once(&b, r, 8), 0);
    assert_int_equal(calls_at_once(&b, r, 8), 8);
    assert_int_equal(calls_at_once(&b, r, 1), 1);
    assert_int_equal(receiver_connections(r), 8);
    bench_close(&b);
    receiver_stop(r);
}

static void connections_that_a_host_needed_once_are_given_up_later(void **state)
{
    const struct step *scripts[] = { THREE_ANSWERS };
    struct fetch_options o = { .idle_per_host = 100, .peak_us = 20 * MS };
    struct receiver *r = receiver_start(scripts, 1, NULL);
    struct bench b;

    (void)state;
    bench_open(&b, CLIENT_OWN, &o);
    assert_int_equal(calls_at_once(&b, r, 4), 0);
    bench_turn_for(&b, 60 * MS); /* four count for none now */
    for (int i = 1; i < 4; i++) {
        assert_int_equal(calls_at_once(&b, r, 1), 1);
        receiver_wait_closed(r, i);
    }
    assert_int_equal(calls_at_once(&b, r, 1), 1); /* the last one is needed still */
    assert_int_equal(calls_at_once(&b, r, 1), 1);
    assert_int_equal(receiver_connections(r), 4);
    bench_close(&b);
    receiver_stop(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_connections_end_after_their_time),
        cmocka_unit_test(kept_connections_are_bounded_per_host_and_in_all),
        cmocka_unit_test(a_host_keeps_as_many_connections_as_it_had_calls_at_once),
        cmocka_unit_test(connections_that_a_host_needed_once_are_given_up_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
