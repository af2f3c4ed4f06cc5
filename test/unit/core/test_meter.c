/* SPDX-License-Identifier: Apache-2.0 */
#include "core/meter.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void lets_a_burst_pass_and_then_one_each_gap(void **state)
{
    (void)state;
    struct core_meter *m = core_meter_new(16, 100, 3);
    int64_t now = 1000;
    for (int i = 0; i < 3; i++)
        assert_true(core_meter_take(m, 7, now));
    assert_false(core_meter_take(m, 7, now));
    assert_false(core_meter_has_room(m, 7, now + 99));
    assert_true(core_meter_has_room(m, 7, now + 100));
    assert_true(core_meter_take(m, 7, now + 100));
    assert_false(core_meter_take(m, 7, now + 199));
    core_meter_free(m);
}

static void a_refused_take_costs_nothing(void **state)
{
    (void)state;
    struct core_meter *m = core_meter_new(16, 100, 1);
    assert_true(core_meter_take(m, 7, 1000));
    for (int i = 0; i < 50; i++)
        assert_false(core_meter_take(m, 7, 1050));
    assert_true(core_meter_take(m, 7, 1100));
    core_meter_free(m);
}

static void keys_have_places_of_their_own(void **state)
{
    (void)state;
    struct core_meter *m = core_meter_new(16, 100, 1);
    assert_true(core_meter_take(m, 1, 1000));
    assert_true(core_meter_take(m, 2, 1000));
    assert_false(core_meter_take(m, 17, 1000)); /* shares the place of 1: stricter, never laxer */
    core_meter_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_a_burst_pass_and_then_one_each_gap),
        cmocka_unit_test(a_refused_take_costs_nothing),
        cmocka_unit_test(keys_have_places_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
