/* SPDX-License-Identifier: Apache-2.0
 *
 * For how long the disk will do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/system_priv.h"

static const int64_t hour_us = 3600000000, day_us = 24 * hour_us, now_us = 1000 * day_us;
static const int64_t GIB = 1 << 30;

static struct server_forecast of(const struct store_piece *pieces, size_t count, int64_t left,
                                 int64_t retention_us)
{
    struct server_disk d = { .pieces = pieces,
                             .count = count,
                             .left_bytes = left,
                             .retention_us = retention_us,
                             .now_us = now_us };
    for (size_t i = 0; i < count; i++)
        d.bytes += pieces[i].bytes;
    return server_forecast_of(&d);
}

static void the_last_day_counts_and_parts_of_a_segment_in_proportion(void **state)
{
    const struct store_piece pieces[] = { { .from_us = now_us - 12 * hour_us, .bytes = GIB },
                                          { .from_us = now_us - 36 * hour_us, .bytes = 2 * GIB },
                                          { .from_us = now_us - 90 * day_us, .bytes = 900 * GIB } };
    (void)state;
    struct server_forecast f = of(pieces, 3, 10 * GIB, 0);
    assert_true(f.bytes_per_day == 2 * GIB);
    assert_true(f.days_left == 5.0);
}

static void a_young_store_is_seen_for_an_hour_first(void **state)
{
    const struct store_piece young[] = { { .from_us = now_us - hour_us / 2, .bytes = GIB } };
    const struct store_piece older[] = { { .from_us = now_us - 6 * hour_us, .bytes = GIB } };
    (void)state;
    struct server_forecast f = of(young, 1, 10 * GIB, 0);
    assert_true(f.bytes_per_day == 0 && f.days_left < 0);
    f = of(older, 1, 10 * GIB, 0);
    assert_true(f.bytes_per_day == 4 * GIB && f.days_left == 2.5);
    f = of(NULL, 0, 10 * GIB, 0);
    assert_true(f.bytes_per_day == 0 && f.days_left < 0);
}

static void what_is_deleted_in_time_lasts_for_ever(void **state)
{
    const struct store_piece pieces[] = { { .from_us = now_us - 2 * day_us, .bytes = 2 * GIB } };
    (void)state;
    assert_true(of(pieces, 1, 10 * GIB, 7 * day_us).days_left < 0);
    assert_true(of(pieces, 1, 10 * GIB, 90 * day_us).days_left == 10.0);
    assert_true(of(pieces, 1, -GIB, 90 * day_us).days_left == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_day_counts_and_parts_of_a_segment_in_proportion),
        cmocka_unit_test(a_young_store_is_seen_for_an_hour_first),
        cmocka_unit_test(what_is_deleted_in_time_lasts_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
