/* SPDX-License-Identifier: Apache-2.0
 *
 * The bookkeeping of publisher confirms.
 */
#include "broker/confirms_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int things[1000];

static void tags_count_from_one_and_find_their_message(void **state)
{
    (void)state;
    struct broker_confirms c;
    broker_confirms_init(&c, 1000);
    for (uint64_t i = 1; i <= 300; i++)
        assert_int_equal(broker_confirms_add(&c, &things[i]), i);
    assert_ptr_equal(broker_confirms_take(&c, 257), &things[257]);
    assert_null(broker_confirms_take(&c, 257));
    assert_null(broker_confirms_take(&c, 0));
    assert_null(broker_confirms_take(&c, 301));
    assert_int_equal(c.open, 299);
    while (broker_confirms_take_up_to(&c, 0) != NULL)
        ;
    assert_int_equal(c.open, 0);
    broker_confirms_fini(&c);
}

static void multiple_takes_everything_up_to_the_tag_in_order(void **state)
{
    (void)state;
    struct broker_confirms c;
    broker_confirms_init(&c, 1000);
    for (int i = 1; i <= 10; i++)
        (void)broker_confirms_add(&c, &things[i]);
    assert_ptr_equal(broker_confirms_take(&c, 2), &things[2]);
    assert_ptr_equal(broker_confirms_take_up_to(&c, 4), &things[1]);
    assert_ptr_equal(broker_confirms_take_up_to(&c, 4), &things[3]);
    assert_ptr_equal(broker_confirms_take_up_to(&c, 4), &things[4]);
    assert_null(broker_confirms_take_up_to(&c, 4));
    assert_ptr_equal(broker_confirms_take_up_to(&c, 0), &things[5]);
    while (broker_confirms_take_up_to(&c, 0) != NULL)
        ;
    broker_confirms_fini(&c);
}

static void the_window_is_bounded_by_the_oldest_open_tag(void **state)
{
    (void)state;
    struct broker_confirms c;
    broker_confirms_init(&c, 100);
    for (int i = 1; i <= 100; i++)
        (void)broker_confirms_add(&c, &things[i]);
    assert_true(broker_confirms_is_full(&c));
    assert_non_null(broker_confirms_take(&c, 50));
    assert_true(broker_confirms_is_full(&c));
    assert_non_null(broker_confirms_take(&c, 1));
    assert_false(broker_confirms_is_full(&c));
    assert_int_equal(broker_confirms_add(&c, &things[101]), 101);
    while (broker_confirms_take_up_to(&c, 0) != NULL)
        ;
    broker_confirms_fini(&c);
}

static bool is_it(const void *thing, void *arg)
{
    return thing == arg;
}

static void a_returned_message_is_found_and_stays(void **state)
{
    (void)state;
    struct broker_confirms c;
    broker_confirms_init(&c, 100);
    for (int i = 1; i <= 5; i++)
        (void)broker_confirms_add(&c, &things[i]);
    assert_ptr_equal(broker_confirms_find(&c, is_it, &things[3]), &things[3]);
    assert_ptr_equal(broker_confirms_take(&c, 3), &things[3]);
    assert_null(broker_confirms_find(&c, is_it, &things[3]));
    while (broker_confirms_take_up_to(&c, 0) != NULL)
        ;
    broker_confirms_restart(&c);
    assert_int_equal(broker_confirms_add(&c, &things[1]), 1);
    assert_non_null(broker_confirms_take(&c, 1));
    broker_confirms_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_count_from_one_and_find_their_message),
        cmocka_unit_test(multiple_takes_everything_up_to_the_tag_in_order),
        cmocka_unit_test(the_window_is_bounded_by_the_oldest_open_tag),
        cmocka_unit_test(a_returned_message_is_found_and_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
