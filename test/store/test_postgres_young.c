/* SPDX-License-Identifier: Apache-2.0
 *
 * Young deliveries and the cursor, which says from where on a successor has to look for them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/postgres/young_priv.h"

enum { FIRST_K = 1000, LIMIT_K = 5000, APP = 7 };

static struct store_message message_at(int64_t k, int64_t due_us)
{
    struct store_message m = { .app = APP, .due_us = due_us };
    for (int i = 0; i < 8; i++)
        m.id.bytes[i] = (uint8_t)((uint64_t)k >> (56 - 8 * i));
    return m;
}

static void add_young(struct postgres_young *y, int64_t k, int64_t endpoint, int64_t due_us)
{
    struct store_message m = message_at(k, due_us);
    store_postgres_young_add(y, &m, endpoint);
}

static void remove_young(struct postgres_young *y, int64_t k, int64_t endpoint)
{
    struct store_message m = message_at(k, 0);
    store_postgres_young_remove(y, &m.id, endpoint);
}

static int make_young(void **state)
{
    static struct postgres_young y;
    store_postgres_young_init(&y);
    *state = &y;
    return 0;
}

static int end_young(void **state)
{
    store_postgres_young_fini(*state);
    return 0;
}

static void the_cursor_does_not_pass_a_young_delivery(void **state)
{
    struct postgres_young *y = *state;
    add_young(y, FIRST_K + 1, 1, 0);
    add_young(y, FIRST_K, 2, 0);
    assert_int_equal(store_postgres_young_cursor(y, LIMIT_K), FIRST_K);
    remove_young(y, FIRST_K, 2);
    assert_int_equal(store_postgres_young_cursor(y, LIMIT_K), FIRST_K + 1);
    remove_young(y, FIRST_K + 1, 1);
    assert_int_equal(store_postgres_young_cursor(y, LIMIT_K), LIMIT_K);
}

static void the_cursor_never_goes_back(void **state)
{
    struct postgres_young *y = *state;
    assert_int_equal(store_postgres_young_cursor(y, LIMIT_K), LIMIT_K);
    assert_int_equal(store_postgres_young_cursor(y, FIRST_K), LIMIT_K);
}

static void the_cursor_does_not_pass_a_group_that_is_written_nor_one_that_may_have_been(
    void **state)
{
    struct postgres_young *y = *state;
    assert_int_equal(store_postgres_young_begin(y, FIRST_K), 0);
    assert_int_equal(store_postgres_young_cursor(y, LIMIT_K), FIRST_K);
    store_postgres_young_end(y, true);
    assert_int_equal(store_postgres_young_cursor(y, LIMIT_K), FIRST_K);
    store_postgres_young_known(y);
    assert_int_equal(store_postgres_young_cursor(y, LIMIT_K), LIMIT_K);
}

/* So that whoever writes below it knows, and puts what it writes where it is found. */
static void a_group_is_told_where_the_cursor_is(void **state)
{
    struct postgres_young *y = *state;
    assert_int_equal(store_postgres_young_cursor(y, LIMIT_K), LIMIT_K);
    assert_int_equal(store_postgres_young_begin(y, FIRST_K), LIMIT_K);
    store_postgres_young_end(y, false);
}

static void the_cursor_stays_where_the_one_before_left_it_until_all_is_recovered(void **state)
{
    struct postgres_young *y = *state;
    store_postgres_young_from(y, FIRST_K);
    assert_int_equal(store_postgres_young_cursor(y, LIMIT_K), FIRST_K);
    store_postgres_young_known(y);
    assert_int_equal(store_postgres_young_cursor(y, LIMIT_K), LIMIT_K);
}

static void young_deliveries_of_an_endpoint_come_in_order_of_due_time(void **state)
{
    struct postgres_young *y = *state;
    struct arena a;
    struct store_due *due;
    size_t count;
    arena_init(&a);
    add_young(y, FIRST_K, 1, 30);
    add_young(y, FIRST_K + 1, 1, 10);
    add_young(y, FIRST_K + 2, 1, 10);
    add_young(y, FIRST_K + 3, 2, 1);
    store_postgres_young_list(y, 1, INT64_MIN, -1, 10, &a, &due, &count);
    assert_int_equal(count, 3);
    assert_int_equal(id_key(&due[0].message), FIRST_K + 1);
    assert_int_equal(id_key(&due[2].message), FIRST_K);
    store_postgres_young_list(y, 1, 10, FIRST_K + 1, 1, &a, &due, &count);
    assert_int_equal(count, 1);
    assert_int_equal(id_key(&due[0].message), FIRST_K + 2);
    arena_fini(&a);
}

static void one_that_is_added_twice_is_one(void **state)
{
    struct postgres_young *y = *state;
    struct postgres_young_row row;
    struct store_message m = message_at(FIRST_K, 0);
    add_young(y, FIRST_K, 1, 0);
    add_young(y, FIRST_K, 1, 0);
    assert_int_equal(store_postgres_young_count(y), 1);
    remove_young(y, FIRST_K, 1);
    remove_young(y, FIRST_K, 1);
    assert_int_equal(store_postgres_young_count(y), 0);
    assert_false(store_postgres_young_find(y, &m.id, 1, &row));
}

static void the_oldest_beyond_what_may_be_kept_are_found_in_their_order(void **state)
{
    enum { MANY = 1000, KEPT = 990 };
    struct postgres_young *y = *state;
    struct postgres_young_row rows[MANY];
    for (int i = 0; i < MANY; i++)
        add_young(y, FIRST_K + i, i % 3, 0);
    assert_int_equal(store_postgres_young_old(y, 0, KEPT, rows, MANY), MANY - KEPT);
    assert_int_equal(id_key(&rows[0].message), FIRST_K);
    assert_int_equal(store_postgres_young_old(y, INT64_MAX, KEPT, rows, MANY), MANY);
    for (int i = 0; i < MANY; i++)
        remove_young(y, FIRST_K + i, i % 3);
    assert_int_equal(store_postgres_young_count(y), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_young, end_young)
        TEST(the_cursor_does_not_pass_a_young_delivery),
        TEST(the_cursor_never_goes_back),
        TEST(the_cursor_does_not_pass_a_group_that_is_written_nor_one_that_may_have_been),
        TEST(a_group_is_told_where_the_cursor_is),
        TEST(the_cursor_stays_where_the_one_before_left_it_until_all_is_recovered),
        TEST(young_deliveries_of_an_endpoint_come_in_order_of_due_time),
        TEST(one_that_is_added_twice_is_one),
        TEST(the_oldest_beyond_what_may_be_kept_are_found_in_their_order),
#undef TEST
    };
    if (getenv("TEST_FILTER") != NULL)
        cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests_name("postgres young", tests, NULL, NULL);
}
