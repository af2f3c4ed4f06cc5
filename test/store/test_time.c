/* SPDX-License-Identifier: Apache-2.0
 *
 * The wall clock is set while the store runs, between two runs, ahead, back, and right again.
 */
#include "support.h"

#include <dirent.h>

enum { PER_SEGMENT = 5, YEAR_DAYS = 365 };
static const int64_t year = YEAR_DAYS * DAY;

static int small_open(void **state)
{
    (void)fixture_open(state);
    struct fixture *f = *state;
    f->options.segment_messages = PER_SEGMENT;
    f->options.group_max = 1;
    fixture_reopen(f);
    return 0;
}

static int64_t own_us(struct fixture *f)
{
    return clock_wall_us(store_clock(f->store));
}

static int64_t segments(struct fixture *f)
{
    struct store_stats stats;
    store_stats(f->store, &stats);
    return stats.segments;
}

/* The newest may have been made just now: the one before it is old only after the retention time. Tables are made ahead, the next
 * two. */
static bool is_one_segment(void *arg)
{
    struct fixture *f = arg;
    test_advance_us(DAY);
    store_set_retention(f->store, f->options.retention_us, f->options.idempotency_us);
    return segments(f) == (fixture_is_files(f) ? 1 : 3);
}

static void publish_some(struct fixture *f, int count, const char *key)
{
    for (int i = 0; i < count; i++) {
        struct publish_spec spec = { .key = i == 0 ? key : NULL };
        assert_int_equal(publish(f, spec).rc, RC_OK);
        test_advance_us(SECOND);
    }
}

static void a_clock_that_is_set_does_not_move_the_stores_time(void **state)
{
    static const int64_t ahead[] = { 1, -1, 24 * 365, -24 * 365, 0 };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(ahead); i++) {
        int64_t before_us = own_us(f), last_key = 0;
        test_set_wall_ahead_us(ahead[i] * HOUR);
        assert_true(own_us(f) >= before_us && own_us(f) < before_us + SECOND);
        struct published p = publish(f, (struct publish_spec){ 0 });
        assert_true(id_key(&p.id) > last_key);
        assert_true(id_time_us(&p.id) <= own_us(f) + SECOND);
        last_key = id_key(&p.id);
        fixture_reopen(f);
        assert_true(own_us(f) >= before_us && own_us(f) < before_us + SECOND);
    }
}

static void time_goes_on_while_the_store_is_closed(void **state)
{
    struct fixture *f = *state;
    int64_t before_us = own_us(f);
    store_close(f->store);
    f->store = NULL;
    test_advance_us(3 * HOUR);
    fixture_reopen(f);
    assert_true(own_us(f) >= before_us + 3 * HOUR && own_us(f) < before_us + 3 * HOUR + SECOND);
}

static void a_message_is_due_when_it_is_accepted_whatever_the_clock_said_before(void **state)
{
    struct fixture *f = *state;
    struct store_due due[4];
    size_t count;
    test_set_wall_ahead_us(DAY);
    struct store_message m = { .org = TEST_ORG, .app = TEST_APP };
    store_stamp(f->store, &m, HOUR);
    assert_true(m.due_us <= own_us(f) && m.created_us == test_now_us() + DAY);
    assert_int_equal(m.payload_expires_us, m.due_us + HOUR);
    (void)publish(f, (struct publish_spec){ 0 });
    test_set_wall_ahead_us(0);
    (void)publish(f, (struct publish_spec){ 0 });
    assert_int_equal(store_due_list(f->store, 1, 0, NULL, 4, due, &count), RC_OK);
    assert_int_equal(count, 2);
    assert_true(due[1].due_us <= own_us(f));
    store_stamp(f->store, &m, HOUR);
    assert_true(m.due_us <= own_us(f) && m.created_us == test_now_us());
}

static void a_delivery_asked_for_later_waits_as_long_as_it_would_by_the_clock(void **state)
{
    struct fixture *f = *state;
    test_set_wall_ahead_us(-DAY);
    struct store_message m = { .deliver_at_us = test_now_us() - DAY + HOUR };
    store_stamp(f->store, &m, 0);
    assert_true(m.due_us >= own_us(f) + HOUR - SECOND && m.due_us <= own_us(f) + HOUR);
    assert_int_equal(store_own_us(f->store, m.deliver_at_us), own_us(f) + HOUR);
}

/* How many the list from a time on, or up to one, has. */
static size_t listed(struct fixture *f, int64_t after_us, int64_t before_us)
{
    struct store_message_row rows[50];
    struct store_page_end end;
    const struct store_message_filter filter = { .app = TEST_APP,
                                                 .after_us = after_us,
                                                 .before_us = before_us };
    const struct store_page page = { .limit = 50, .descending = true };
    assert_int_equal(store_message_list(f->store, &filter, &page, &f->arena, rows, &end), RC_OK);
    return end.count;
}

static void lists_go_by_the_times_that_are_shown(void **state)
{
    struct fixture *f = *state;
    int64_t start_us = test_now_us();
    publish_some(f, 7, NULL);
    test_set_wall_ahead_us(year);
    publish_some(f, 7, NULL);
    test_set_wall_ahead_us(0);
    int64_t back_us = test_now_us();
    publish_some(f, 7, NULL);
    for (int run = 0; run < 2; run++) {
        assert_int_equal(listed(f, start_us, 0), 21);
        assert_int_equal(listed(f, start_us, start_us + DAY), 14);
        assert_int_equal(listed(f, start_us + year - DAY, 0), 7);
        assert_int_equal(listed(f, start_us + year + 7 * SECOND, start_us + year + 9 * SECOND), 2);
        assert_int_equal(listed(f, back_us, back_us + DAY), 7);
        assert_int_equal(listed(f, 0, start_us + 3 * SECOND), 3);
        assert_int_equal(listed(f, 0, start_us + year), 14);
        fixture_reopen(f);
    }
}

static void a_list_from_a_time_on_has_what_came_at_that_time(void **state)
{
    struct fixture *f = *state;
    test_advance_us(1);
    int64_t now_us = test_now_us();
    (void)publish(f, (struct publish_spec){ 0 });
    assert_int_equal(listed(f, now_us, 0), 1);
    assert_int_equal(listed(f, now_us + 1, 0), 0);
    assert_int_equal(listed(f, 0, now_us), 0);
}

struct sealed {
    struct fixture *f;
    size_t wanted;
};

/* The keeper, which removes what is old, writes a file of keys beside every segment it leaves. */
static bool has_sealed(void *arg)
{
    const struct sealed *w = arg;
    size_t found = 0;
    struct str path = arena_fmt(&w->f->arena, "%s/segments", w->f->dir);
    DIR *dir = opendir(path.ptr);
    assert_non_null(dir);
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        found += str_ends(str_from(e->d_name), STR(".keys"));
    (void)closedir(dir);
    store_set_retention(w->f->store, w->f->options.retention_us, w->f->options.idempotency_us);
    return found >= w->wanted;
}

static void publish_and_finish(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        struct published p = publish(f, (struct publish_spec){ 0 });
        assert_int_equal(p.rc, RC_OK);
        assert_int_equal(finish(f, p.id, 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
        test_advance_us(SECOND);
    }
}

static void a_clock_a_year_ahead_removes_nothing_and_nothing_stays_for_it(void **state)
{
    struct fixture *f = *state;
    publish_and_finish(f, 2 * PER_SEGMENT);
    test_set_wall_ahead_us(year);
    publish_and_finish(f, 2 * PER_SEGMENT);
    test_advance_us(10 * SECOND);
    if (fixture_is_files(f))
        wait_until(has_sealed, &(struct sealed){ f, (size_t)segments(f) - 1 });
    fixture_reopen(f);
    publish_and_finish(f, 1);
    test_set_wall_ahead_us(0);
    assert_int_equal(listed(f, 0, 0), 4 * PER_SEGMENT + 1);
    test_advance_us(f->options.retention_us + DAY);
    publish_and_finish(f, PER_SEGMENT);
    wait_until(is_one_segment, f);
}

static void a_key_is_remembered_for_its_window_whatever_the_clock_says(void **state)
{
    struct fixture *f = *state;
    int64_t created_us = test_now_us();
    publish_some(f, PER_SEGMENT + 1, "k");
    test_set_wall_ahead_us(year);
    fixture_reopen(f);
    store_set_retention(f->store, f->options.retention_us, f->options.idempotency_us);
    struct published again = publish(f, (struct publish_spec){ .key = "k" });
    assert_int_equal(again.result, STORE_REPLAYED);
    assert_int_equal(again.first_created_us, created_us);
    struct published new = publish(f, (struct publish_spec){ .key = "in the spell" });
    assert_int_equal(new.result, STORE_CREATED);
    test_set_wall_ahead_us(-HOUR);
    assert_int_equal(publish(f, (struct publish_spec){ .key = "in the spell" }).result,
                     STORE_REPLAYED);
    assert_int_equal(publish(f, (struct publish_spec){ .key = "k" }).result, STORE_REPLAYED);
    test_advance_us(f->options.idempotency_us + HOUR);
    assert_int_equal(publish(f, (struct publish_spec){ .key = "k" }).result, STORE_CREATED);
    assert_int_equal(publish(f, (struct publish_spec){ .key = "in the spell" }).result,
                     STORE_CREATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, small_open, fixture_close)
        TEST(a_clock_that_is_set_does_not_move_the_stores_time),
        TEST(time_goes_on_while_the_store_is_closed),
        TEST(a_message_is_due_when_it_is_accepted_whatever_the_clock_said_before),
        TEST(a_delivery_asked_for_later_waits_as_long_as_it_would_by_the_clock),
        TEST(lists_go_by_the_times_that_are_shown),
        TEST(a_list_from_a_time_on_has_what_came_at_that_time),
        TEST(a_clock_a_year_ahead_removes_nothing_and_nothing_stays_for_it),
        TEST(a_key_is_remembered_for_its_window_whatever_the_clock_says),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
