/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/time_priv.h"

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

static const int64_t start_us = INT64_C(1800000000) * SECOND;

static void begin(struct clock_fake *clock, struct store_time *t)
{
    clock_fake_init(clock, start_us);
    store_time_init(t, &clock->clock, STR_NONE);
    assert_false(store_time_mind(t));
}

static void starts_as_the_wall_clock_and_runs_with_the_monotonic_one(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct store_time t;
    begin(&clock, &t);
    assert_int_equal(store_time_us(&t), start_us);
    clock.wall_ahead_us = DAY;
    assert_int_equal(store_time_us(&t), start_us);
    assert_int_equal(store_time_ahead_us(&t), DAY);
    assert_int_equal(clock_wall_us(&t.later), start_us + DAY);
    clock.wall_ahead_us = -DAY;
    clock.now_us += 5;
    assert_int_equal(store_time_us(&t), start_us + 5);
    assert_int_equal(clock_wall_us(&t.later), start_us + 5);
}

static void follows_a_clock_that_was_ahead_for_as_long_as_it_is_ahead(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct store_time t;
    begin(&clock, &t);
    clock.wall_ahead_us = HOUR;
    assert_false(store_time_mind(&t));
    clock.now_us += HOUR - 1;
    assert_false(store_time_mind(&t));
    clock.now_us += 1;
    assert_true(store_time_mind(&t));
    assert_int_equal(store_time_us(&t), start_us + 2 * HOUR);
    assert_false(store_time_mind(&t));
}

static void follows_a_clock_a_year_ahead_after_a_day_and_one_that_went_back_never(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct store_time t;
    begin(&clock, &t);
    clock.wall_ahead_us = 365 * DAY;
    assert_false(store_time_mind(&t));
    clock.now_us += DAY - SECOND;
    assert_false(store_time_mind(&t));
    clock.wall_ahead_us = -365 * DAY;
    assert_false(store_time_mind(&t));
    clock.now_us += 400 * DAY;
    assert_false(store_time_mind(&t));
    clock.wall_ahead_us = 365 * DAY;
    assert_false(store_time_mind(&t));
    clock.now_us += DAY;
    assert_true(store_time_mind(&t));
    assert_int_equal(store_time_ahead_us(&t), 0);
}

static void a_step_to_and_fro_starts_the_wait_anew(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct store_time t;
    begin(&clock, &t);
    for (int i = 0; i < 10; i++) {
        clock.wall_ahead_us = i % 2 == 0 ? HOUR : 0;
        assert_false(store_time_mind(&t));
        clock.now_us += HOUR / 2;
        assert_false(store_time_mind(&t));
    }
    assert_int_equal(store_time_us(&t), start_us + 5 * HOUR);
}

static void takes_small_differences_at_once(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct store_time t;
    begin(&clock, &t);
    clock.wall_ahead_us = SECOND / 2;
    assert_true(store_time_mind(&t));
    assert_int_equal(store_time_us(&t), start_us + SECOND / 2);
}

static void goes_on_where_it_was_after_a_restart(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct store_time t;
    char text[STORE_TIME_TEXT];
    begin(&clock, &t);
    struct str kept = store_time_write(&t, text);
    clock.now_us += 3 * HOUR;
    clock.wall_ahead_us = -DAY;
    store_time_init(&t, &clock.clock, kept);
    assert_int_equal(store_time_us(&t), start_us + 3 * HOUR);
}

/* The monotonic clock began anew: what it says is worth nothing, and the wall clock may be wrong. */
static void waits_for_the_wall_clock_after_another_boot(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct store_time t;
    clock_fake_init(&clock, 7 * SECOND);
    clock.wall_ahead_us = start_us + 2 * HOUR - 7 * SECOND;
    store_time_init(&t, &clock.clock, STR("another-boot 1 1800000000000000"));
    assert_int_equal(store_time_us(&t), start_us);
    assert_false(store_time_mind(&t));
    clock.now_us += 2 * HOUR;
    assert_true(store_time_mind(&t));
    assert_int_equal(store_time_us(&t), start_us + 4 * HOUR);
}

static void what_cannot_be_read_counts_as_nothing_kept(void **state)
{
    (void)state;
    static const char *const texts[] = { "", "x", "x 1", "x y z", "x 1 z", "  " };
    struct clock_fake clock;
    struct store_time t;
    clock_fake_init(&clock, start_us);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        store_time_init(&t, &clock.clock, str_from(texts[i]));
        assert_int_equal(store_time_us(&t), start_us);
    }
}

static void is_never_before_what_exists(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct store_time t;
    begin(&clock, &t);
    store_time_at_least(&t, start_us + DAY);
    assert_int_equal(store_time_us(&t), start_us + DAY);
    store_time_at_least(&t, start_us);
    assert_int_equal(store_time_us(&t), start_us + DAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_as_the_wall_clock_and_runs_with_the_monotonic_one),
        cmocka_unit_test(follows_a_clock_that_was_ahead_for_as_long_as_it_is_ahead),
        cmocka_unit_test(follows_a_clock_a_year_ahead_after_a_day_and_one_that_went_back_never),
        cmocka_unit_test(a_step_to_and_fro_starts_the_wait_anew),
        cmocka_unit_test(takes_small_differences_at_once),
        cmocka_unit_test(goes_on_where_it_was_after_a_restart),
        cmocka_unit_test(waits_for_the_wall_clock_after_another_boot),
        cmocka_unit_test(what_cannot_be_read_counts_as_nothing_kept),
        cmocka_unit_test(is_never_before_what_exists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
