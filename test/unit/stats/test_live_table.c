/* SPDX-License-Identifier: Apache-2.0 */
#include "things.h"

static void subjects_have_cells_of_their_own(void **state)
{
    (void)state;
    struct stats_table *t = XNEW(struct stats_table);
    struct stats_cell sum = { 0 };
    stats_table_init(t);
    stats_count(stats_table_cell(t, STATS_APP, 1), STATS_ACCEPTED, 2);
    stats_count(stats_table_cell(t, STATS_ENDPOINT, 1), STATS_ACCEPTED, 3);
    stats_count(stats_table_cell(t, STATS_APP, 1), STATS_BYTES_IN, UINT64_C(1) << 40);
    assert_true(stats_table_read(t, STATS_APP, 1, &sum));
    assert_int_equal(sum.n[STATS_ACCEPTED], 2);
    assert_int_equal(sum.n[STATS_BYTES_IN], UINT64_C(1) << 40);
    assert_false(stats_table_read(t, STATS_APP, 2, &sum));
    stats_table_fini(t);
    xfree(t);
}

static void a_full_table_counts_what_it_has_no_room_for_and_is_empty_after_clearing(void **state)
{
    (void)state;
    struct stats_table *t = XNEW(struct stats_table);
    struct stats_cell sum = { 0 };
    stats_table_init(t);
    for (int64_t i = 1; i <= STATS_CELLS_MAX; i++)
        assert_non_null(stats_table_cell(t, STATS_ENDPOINT, i));
    assert_null(stats_table_cell(t, STATS_ENDPOINT, STATS_CELLS_MAX + 1));
    assert_non_null(stats_table_cell(t, STATS_ENDPOINT, 5)); /* those that are in go on */
    assert_int_equal(atomic_load(&t->lost), 1);
    stats_table_clear(t);
    assert_false(stats_table_read(t, STATS_ENDPOINT, 5, &sum));
    stats_count(stats_table_cell(t, STATS_ENDPOINT, 5), STATS_ACCEPTED, 1);
    assert_true(stats_table_read(t, STATS_ENDPOINT, 5, &sum));
    assert_int_equal(sum.n[STATS_ACCEPTED], 1);
    stats_table_fini(t);
    xfree(t);
}

static size_t pages_of(struct stats_table *t)
{
    size_t count = 0;
    for (size_t i = 0; i < STATS_PAGES; i++)
        count += atomic_load(&t->pages[i]) != NULL;
    return count;
}

static void memory_is_given_back_after_a_busy_minute(void **state)
{
    (void)state;
    struct stats_table *t = XNEW(struct stats_table);
    stats_table_init(t);
    for (int64_t i = 1; i <= 10 * STATS_PAGE_CELLS; i++)
        assert_non_null(stats_table_cell(t, STATS_ENDPOINT, i));
    assert_int_equal(pages_of(t), 10);
    for (int i = 0; i < 20; i++)
        stats_table_clear(t);
    assert_true(pages_of(t) <= 2);
    stats_table_fini(t);
    xfree(t);
}

static void rows_come_by_kind_and_id(void **state)
{
    (void)state;
    struct stats_table *t = XNEW(struct stats_table);
    struct stats_live_cell **rows;
    stats_table_init(t);
    (void)stats_table_cell(t, STATS_TYPE, -5);
    (void)stats_table_cell(t, STATS_APP, 9);
    (void)stats_table_cell(t, STATS_APP, 2);
    assert_int_equal(stats_table_sorted(t, &rows), 3);
    assert_int_equal(rows[0]->id, 2);
    assert_int_equal(rows[1]->id, 9);
    assert_int_equal(rows[2]->id, -5);
    xfree(rows);
    stats_table_fini(t);
    xfree(t);
}

/* --- one writes, one reads -------------------------------------------------------------------------- */

enum { UPDATES = 200000, SUBJECTS = 3000 };

static void write_all(void *arg)
{
    struct stats_table *t = arg;
    for (int64_t i = 0; i < UPDATES; i++)
        stats_count(stats_table_cell(t, STATS_ENDPOINT, 1 + i % SUBJECTS), STATS_ACCEPTED, 1);
}

static void a_reader_beside_the_writer_sees_numbers_that_only_grow(void **state)
{
    (void)state;
    struct stats_table *t = XNEW(struct stats_table);
    uint64_t last = 0;
    stats_table_init(t);
    struct thread *writer = thread_start("writer", THREAD_OTHER, write_all, t);
    assert_non_null(writer);
    while (last < UPDATES / SUBJECTS) {
        struct stats_cell sum = { 0 };
        (void)stats_table_read(t, STATS_ENDPOINT, SUBJECTS / 2, &sum);
        assert_true(sum.n[STATS_ACCEPTED] >= last);
        last = sum.n[STATS_ACCEPTED];
    }
    thread_join(writer);
    stats_table_fini(t);
    xfree(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subjects_have_cells_of_their_own),
        cmocka_unit_test(a_full_table_counts_what_it_has_no_room_for_and_is_empty_after_clearing),
        cmocka_unit_test(memory_is_given_back_after_a_busy_minute),
        cmocka_unit_test(rows_come_by_kind_and_id),
        cmocka_unit_test(a_reader_beside_the_writer_sees_numbers_that_only_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
