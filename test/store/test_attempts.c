/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

static size_t list(struct fixture *f, struct store_attempt_filter filter,
                   struct store_attempt_row *out, int limit)
{
    struct store_page_end end;
    struct store_page page = { .limit = limit, .descending = true };
    filter.app = filter.app == 0 ? TEST_APP : filter.app;
    assert_int_equal(store_attempt_list(f->store, &filter, &page, &f->arena, out, &end), RC_OK);
    assert_true(end.done);
    return end.count;
}

#define ANY .status = -1, .status_class = -1

static void attempts_of_a_message_come_newest_first(void **state)
{
    struct fixture *f = *state;
    struct store_attempt_row rows[8];
    const int64_t two[] = { 1, 2 };
    struct id m = publish(f, (struct publish_spec){ .endpoints = two, .endpoint_count = 2 }).id;
    struct id other = publish(f, (struct publish_spec){ 0 }).id;
    struct store_outcome first = outcome_of(f, m, 1, STORE_PENDING, STORE_SENDING);
    assert_int_equal(record(f, &first), RC_OK);
    test_advance_us(SECOND);
    assert_int_equal(finish(f, m, 2, STORE_PENDING, STORE_SUCCESS), RC_OK);
    assert_int_equal(finish(f, other, 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    test_advance_us(SECOND);
    struct store_outcome last = outcome_of(f, m, 1, STORE_SENDING, STORE_FAILED);
    last.attempt_count = 2;
    assert_int_equal(record(f, &last), RC_OK);
    assert_int_equal(list(f, (struct store_attempt_filter){ .message = &m, ANY }, rows, 8), 3);
    assert_memory_equal(rows[0].id.bytes, last.attempt.bytes, ID_BYTES);
    assert_int_equal(rows[0].number, 2);
    assert_memory_equal(rows[2].id.bytes, first.attempt.bytes, ID_BYTES);
    assert_int_equal(
        list(f, (struct store_attempt_filter){ .message = &m, .endpoint = 1, ANY }, rows, 8), 2);
    assert_int_equal(
        list(f, (struct store_attempt_filter){ .message = &m, .app = 55, ANY }, rows, 8), 0);
    assert_int_equal(list(f, (struct store_attempt_filter){ .endpoint = 1, ANY }, rows, 8), 3);
}

static void attempts_are_filtered_by_status_class_type_and_time(void **state)
{
    struct fixture *f = *state;
    struct store_attempt_row rows[8];
    struct str type = STR("b");
    struct id a = publish(f, (struct publish_spec){ .event_type = "a", .channels = "[\"c\"]" }).id;
    struct id b = publish(f, (struct publish_spec){ .event_type = "b", .tags = "[\"t\"]" }).id;
    struct id c = publish(f, (struct publish_spec){ .event_type = "c" }).id;
    int64_t start_us = test_now_us();
    assert_int_equal(finish(f, a, 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    test_advance_us(SECOND);
    assert_int_equal(finish(f, b, 1, STORE_PENDING, STORE_FAILED), RC_OK);
    test_advance_us(SECOND);
    struct store_outcome o = outcome_of(f, c, 1, STORE_PENDING, STORE_SENDING);
    o.http_status = 0;
    assert_int_equal(record(f, &o), RC_OK);
    assert_int_equal(
        list(f, (struct store_attempt_filter){ .endpoint = 1, .status = 0, .status_class = -1 },
             rows, 8),
        1);
    assert_memory_equal(rows[0].message.bytes, a.bytes, ID_BYTES);
    assert_int_equal(
        list(f, (struct store_attempt_filter){ .endpoint = 1, .status = 2, .status_class = -1 },
             rows, 8),
        2);
    assert_int_equal(
        list(f, (struct store_attempt_filter){ .endpoint = 1, .status = 3, .status_class = -1 },
             rows, 8),
        1);
    assert_int_equal(
        list(f, (struct store_attempt_filter){ .endpoint = 1, .status = -1, .status_class = 500 },
             rows, 8),
        1);
    assert_int_equal(
        list(f, (struct store_attempt_filter){ .endpoint = 1, .status = -1, .status_class = 0 },
             rows, 8),
        1);
    assert_int_equal(list(f,
                          (struct store_attempt_filter){
                              .endpoint = 1, .event_types = &type, .event_type_count = 1, ANY },
                          rows, 8),
                     1);
    assert_int_equal(
        list(f, (struct store_attempt_filter){ .endpoint = 1, .channel = STR("c"), ANY }, rows, 8),
        1);
    assert_int_equal(
        list(f, (struct store_attempt_filter){ .endpoint = 1, .tag = STR("t"), ANY }, rows, 8), 1);
    assert_int_equal(
        list(f, (struct store_attempt_filter){ .endpoint = 1, .before_us = start_us + SECOND, ANY },
             rows, 8),
        1);
    assert_int_equal(
        list(f, (struct store_attempt_filter){ .endpoint = 1, .after_us = start_us + SECOND, ANY },
             rows, 8),
        2);
    assert_int_equal(
        list(f, (struct store_attempt_filter){ .endpoint = 1, .app = 55, ANY }, rows, 8), 0);
}

static void an_erased_response_is_gone_and_the_attempt_stays(void **state)
{
    struct fixture *f = *state;
    struct store_attempt_row row;
    struct id m = publish(f, (struct publish_spec){ 0 }).id;
    struct store_outcome o = outcome_of(f, m, 1, STORE_PENDING, STORE_SUCCESS);
    assert_int_equal(record(f, &o), RC_OK);
    struct store_expunge e = {
        .message = m, .app = TEST_APP + 1, .has_attempt = true, .attempt = o.attempt
    };
    assert_int_equal(expunge(f, &e), RC_NOT_FOUND);
    e.app = TEST_APP;
    assert_int_equal(expunge(f, &e), RC_OK);
    assert_int_equal(store_attempt_get(f->store, TEST_APP, &m, &o.attempt, &f->arena, &row), RC_OK);
    assert_null(row.response.ptr);
    assert_null(row.response_headers.ptr);
    assert_int_equal(row.http_status, 200);
    assert_int_equal(store_attempt_get(f->store, TEST_APP + 1, &m, &o.attempt, &f->arena, &row),
                     RC_NOT_FOUND);
}

static void an_attempt_recorded_twice_is_a_conflict(void **state)
{
    struct fixture *f = *state;
    struct store_attempt_row rows[4];
    struct id m = publish(f, (struct publish_spec){ 0 }).id;
    struct store_outcome o = outcome_of(f, m, 1, STORE_PENDING, STORE_SENDING);
    assert_int_equal(record(f, &o), RC_OK);
    o.from = STORE_SENDING;
    o.to = STORE_SUCCESS;
    assert_int_equal(record(f, &o), RC_CONFLICT);
    assert_int_equal(state_of(f, m, 1), STORE_SENDING);
    assert_int_equal(list(f, (struct store_attempt_filter){ .message = &m, ANY }, rows, 4), 1);
}

/* More than a stretch of the files holds, so that a search can stop within a segment. A backend may look at more rows
 * than it has to before it comes back. */
enum { MANY = 4300, GOOD_EVERY = 1000, ROWS_MAX = 100 };

static int walk_short(struct fixture *f, bool descending, const struct id *good, int good_count)
{
    struct store_attempt_row rows[4];
    struct store_page_end end;
    struct store_attempt_filter filter = { .app = TEST_APP, .endpoint = 1, ANY };
    struct store_page page = { .limit = 3, .descending = descending, .rows_max = ROWS_MAX };
    int shorts = 0, seen = 0, turns = 0;
    filter.status = 0;
    do {
        assert_int_equal(store_attempt_list(f->store, &filter, &page, &f->arena, rows, &end),
                         RC_OK);
        for (size_t i = 0; i < end.count; i++, seen++)
            assert_memory_equal(rows[i].id.bytes,
                                good[descending ? good_count - 1 - seen : seen].bytes, ID_BYTES);
        shorts += end.is_short;
        struct id next = end.is_short ? end.resume : rows[end.count > 0 ? end.count - 1 : 0].id;
        page.after = str_from(id_text(f, "atmpt_", next));
        assert_true(++turns <= MANY / ROWS_MAX + GOOD_EVERY / ROWS_MAX);
    } while (!end.done);
    assert_int_equal(seen, good_count);
    return shorts;
}

static void a_search_comes_back_short_after_so_many_rows_and_goes_on_where_it_was(void **state)
{
    struct fixture *f = *state;
    struct id good[MANY / GOOD_EVERY + 1];
    int good_count = 0;
    for (int i = 0; i < MANY; i++) {
        struct id m = publish(f, (struct publish_spec){ 0 }).id;
        bool is_good = i % GOOD_EVERY == 0;
        struct store_outcome o =
            outcome_of(f, m, 1, STORE_PENDING, is_good ? STORE_SUCCESS : STORE_FAILED);
        assert_int_equal(record(f, &o), RC_OK);
        if (is_good)
            good[good_count++] = o.attempt;
        test_advance_us(1000);
    }
    assert_true(walk_short(f, true, good, good_count) >= 1);
    assert_true(walk_short(f, false, good, good_count) >= 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(attempts_of_a_message_come_newest_first),
        T(attempts_are_filtered_by_status_class_type_and_time),
        T(an_erased_response_is_gone_and_the_attempt_stays),
        T(an_attempt_recorded_twice_is_a_conflict),
        T(a_search_comes_back_short_after_so_many_rows_and_goes_on_where_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
