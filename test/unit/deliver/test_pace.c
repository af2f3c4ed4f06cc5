/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/pace_priv.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define S INT64_C(1000000)

static const struct deliver_limits limits = { .window_start = 8,
                                              .window_max = 10,
                                              .breaker_failures = 3,
                                              .breaker_us = 10 * S,
                                              .breaker_max_us = 35 * S };

static bool fail_at(struct deliver_pace *p, int64_t started_us, int64_t now_us)
{
    return deliver_pace_failure(p, &limits,
                                &(struct deliver_failure){ .started_us = started_us,
                                                           .now_us = now_us,
                                                           .is_congestion = true });
}

static void the_window_grows_by_one_a_round_and_halves_once_a_round(void **state)
{
    (void)state;
    struct deliver_pace p;
    deliver_pace_init(&p, &limits);
    assert_int_equal(deliver_pace_slots(&p), 8);
    for (int i = 0; i < 9; i++)
        assert_false(deliver_pace_success(&p, &limits));
    assert_int_equal(deliver_pace_slots(&p), 9);
    for (int i = 0; i < 100; i++)
        (void)deliver_pace_success(&p, &limits);
    assert_int_equal(deliver_pace_slots(&p), 10);
    (void)fail_at(&p, 5 * S, 10 * S);
    assert_int_equal(deliver_pace_slots(&p), 5);
    (void)fail_at(&p, 6 * S, 11 * S); /* began before the window shrank */
    assert_int_equal(deliver_pace_slots(&p), 5);
}

static void the_window_never_closes(void **state)
{
    (void)state;
    struct deliver_pace p;
    struct deliver_limits without_breaker = limits;
    without_breaker.breaker_failures = 0;
    deliver_pace_init(&p, &limits);
    for (int64_t i = 1; i <= 20; i++)
        assert_false(deliver_pace_failure(&p, &without_breaker,
                                          &(struct deliver_failure){ .started_us = i * S,
                                                                     .now_us = i * S,
                                                                     .is_congestion = true }));
    assert_int_equal(deliver_pace_slots(&p), 1);
    assert_int_equal(p.failures_in_row, 20);
}

static void a_failure_that_is_no_congestion_leaves_the_window(void **state)
{
    (void)state;
    struct deliver_pace p;
    deliver_pace_init(&p, &limits);
    (void)deliver_pace_failure(&p, &limits,
                               &(struct deliver_failure){ .started_us = S, .now_us = 2 * S });
    assert_int_equal(deliver_pace_slots(&p), 8);
}

static void the_breaker_opens_doubles_and_closes(void **state)
{
    (void)state;
    struct deliver_pace p;
    deliver_pace_init(&p, &limits);
    assert_false(fail_at(&p, 0, 1 * S));
    assert_false(fail_at(&p, 0, 1 * S));
    assert_true(fail_at(&p, 0, 1 * S));
    assert_true(deliver_pace_gate(&p) == 11 * S);
    assert_int_equal(deliver_pace_slots(&p), 1);
    assert_false(fail_at(&p, 0, 2 * S)); /* was under way */
    assert_true(deliver_pace_gate(&p) == 11 * S);
    assert_true(fail_at(&p, 11 * S, 12 * S)); /* the probe */
    assert_true(deliver_pace_gate(&p) == 32 * S);
    assert_true(fail_at(&p, 32 * S, 33 * S));
    assert_true(deliver_pace_gate(&p) == (33 + 35) * S); /* at most breaker_max */
    assert_false(p.is_trusted);
    assert_true(deliver_pace_success(&p, &limits));
    assert_true(p.is_trusted);
    assert_int_equal(deliver_pace_gate(&p), 0);
    assert_int_equal(deliver_pace_slots(&p), 8);
}

static void retry_after_holds_the_lane_up_to_the_bound(void **state)
{
    (void)state;
    struct deliver_pace p;
    deliver_pace_init(&p, &limits);
    struct deliver_failure f = { .now_us = 100 * S, .retry_after_us = 20 * S };
    (void)deliver_pace_failure(&p, &limits, &f);
    assert_true(deliver_pace_gate(&p) == 120 * S);
    f.retry_after_us = 1000 * S;
    (void)deliver_pace_failure(&p, &limits, &f);
    assert_true(deliver_pace_gate(&p) == 135 * S);
    deliver_pace_shift(&p, -50 * S);
    assert_true(deliver_pace_gate(&p) == 85 * S);
}

static void a_throttle_spaces_evenly_with_a_small_burst(void **state)
{
    (void)state;
    int64_t paced_us = 0, now_us = 1000 * S;
    int sent = 0;
    for (; now_us < 1010 * S; now_us += 1000) {
        while (deliver_pace_wait(deliver_pace_gap(100), paced_us, now_us) == 0) {
            paced_us = deliver_pace_take(deliver_pace_gap(100), paced_us, now_us);
            sent++;
        }
        int64_t next_us = deliver_pace_wait(deliver_pace_gap(100), paced_us, now_us);
        assert_true(next_us > now_us && next_us <= now_us + 10000);
    }
    assert_in_range(sent, 1000, 1002);
    assert_int_equal(deliver_pace_wait(0, INT64_MAX, now_us), 0);
    assert_int_equal(deliver_pace_take(0, 5, now_us), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_window_grows_by_one_a_round_and_halves_once_a_round),
        cmocka_unit_test(the_window_never_closes),
        cmocka_unit_test(a_failure_that_is_no_congestion_leaves_the_window),
        cmocka_unit_test(the_breaker_opens_doubles_and_closes),
        cmocka_unit_test(retry_after_holds_the_lane_up_to_the_bound),
        cmocka_unit_test(a_throttle_spaces_evenly_with_a_small_burst),
    };
    return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
