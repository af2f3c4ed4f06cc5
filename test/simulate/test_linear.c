/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include "linear.h"

static void calls_one_after_the_other_are_explained(void **state)
{
    struct model *m = *state;
    (void)called(m, MODEL_READ, 0, 1, 1.1);
    (void)called(m, MODEL_DESCRIBE, 5, 2, 2.1);
    (void)called(m, MODEL_READ, 5, 3, 3.1);
    (void)called(m, MODEL_DISABLE, 0, 4, 4.1);
    called(m, MODEL_READ, 5, 5, 5.1)->is_disabled = true;
    (void)called(m, MODEL_ENABLE, 0, 6, 6.1);
    (void)called(m, MODEL_DELETE, 0, 7, 7.1);
    called(m, MODEL_READ, 0, 8, 8.1)->answer = MODEL_MISSING;
    must_hold(m, check_endpoints);
}

static void a_read_of_what_is_over_is_noticed(void **state)
{
    struct model *m = *state;
    (void)called(m, MODEL_DESCRIBE, 5, 1, 1.1);
    (void)called(m, MODEL_READ, 0, 2, 2.1);
    must_break(m, check_endpoints, 8);
}

static void a_write_that_is_lost_later_is_noticed(void **state)
{
    struct model *m = *state;
    (void)called(m, MODEL_DESCRIBE, 5, 1, 1.1);
    (void)called(m, MODEL_READ, 5, 2, 2.1);
    (void)called(m, MODEL_READ, 0, 3, 3.1);
    must_break(m, check_endpoints, 8);
}

static void overlapping_calls_may_come_in_either_order(void **state)
{
    struct model *m = *state;
    (void)called(m, MODEL_DESCRIBE, 5, 1, 4);
    (void)called(m, MODEL_DESCRIBE, 6, 1, 4);
    (void)called(m, MODEL_READ, 6, 2, 3);
    (void)called(m, MODEL_READ, 5, 5, 6);
    must_hold(m, check_endpoints);
    (void)called(m, MODEL_READ, 6, 7, 8); /* but then it stays */
    must_break(m, check_endpoints, 8);
}

static void a_read_beside_a_deletion_comes_before_it(void **state)
{
    struct model *m = *state;
    (void)called(m, MODEL_DELETE, 0, 1, 1.3);
    (void)called(m, MODEL_READ, 0, 1, 1.1);
    called(m, MODEL_READ, 0, 2, 2.1)->answer = MODEL_MISSING;
    must_hold(m, check_endpoints);
}

static void an_unanswered_call_takes_effect_late_or_never(void **state)
{
    struct model *m = *state;
    (void)called(m, MODEL_DESCRIBE, 5, 1, -1);
    (void)called(m, MODEL_READ, 0, 2, 3);
    must_hold(m, check_endpoints);
    (void)called(m, MODEL_READ, 5, 4, 5);
    must_hold(m, check_endpoints);
    (void)called(m, MODEL_READ, 0, 6, 7); /* not twice */
    must_break(m, check_endpoints, 8);
}

static void a_refused_call_has_no_effect(void **state)
{
    struct model *m = *state;
    called(m, MODEL_DESCRIBE, 5, 1, 2)->answer = MODEL_REFUSED;
    (void)called(m, MODEL_READ, 0, 3, 4);
    must_hold(m, check_endpoints);
    (void)called(m, MODEL_READ, 5, 5, 6);
    must_break(m, check_endpoints, 8);
}

static void a_deleted_endpoint_does_not_come_back(void **state)
{
    struct model *m = *state;
    (void)called(m, MODEL_DELETE, 0, 1, 1.1);
    (void)called(m, MODEL_READ, 0, 2, 2.1);
    must_break(m, check_endpoints, 8);
}

static void an_endpoint_that_is_missing_must_have_been_deleted(void **state)
{
    struct model *m = *state;
    called(m, MODEL_READ, 0, 2, 2.1)->answer = MODEL_MISSING;
    must_break(m, check_endpoints, 8);
}

/* 8 at a time, 200 in all, each of which writes: more orders than could be looked at one by one. */
static void long_histories_are_decided(void **state)
{
    struct model *m = *state;
    for (int i = 0; i < 200; i++)
        (void)called(m, i % 3 == 2 ? MODEL_READ : MODEL_DESCRIBE, i % 3 == 2 ? i - 1 : i,
                     1 + i * 0.01, 1 + i * 0.01 + (i % 3 == 2 ? 0.005 : 0.08));
    assert_int_equal(linear_endpoint(m, 1), LINEAR_YES);
    called(m, MODEL_READ, 4242, 30, 31)->text = 4242;
    assert_int_equal(linear_endpoint(m, 1), LINEAR_NO);
}

#define T(name) cmocka_unit_test_setup_teardown(name, history_open, history_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(calls_one_after_the_other_are_explained),
        T(a_read_of_what_is_over_is_noticed),
        T(a_write_that_is_lost_later_is_noticed),
        T(overlapping_calls_may_come_in_either_order),
        T(a_read_beside_a_deletion_comes_before_it),
        T(an_unanswered_call_takes_effect_late_or_never),
        T(a_refused_call_has_no_effect),
        T(a_deleted_endpoint_does_not_come_back),
        T(an_endpoint_that_is_missing_must_have_been_deleted),
        T(long_histories_are_decided),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
