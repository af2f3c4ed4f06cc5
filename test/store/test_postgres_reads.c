/* SPDX-License-Identifier: Apache-2.0
 *
 * What the reads of the PostgreSQL backend make of rows as they may lie there. The contract, which all backends keep, is
 * in the other programs.
 */
#include "reads.h"

#include "store/postgres/counts_priv.h"
#include "store/postgres/read_attempts_priv.h"
#include "store/postgres/read_messages_priv.h"
#include "store/postgres/read_one_priv.h"

#include <inttypes.h>

/* --- states ------------------------------------------------------------------------------------------------ */

static void a_delivery_stands_as_it_waits_else_as_its_newest_row_says_else_it_is_pending(
    void **state)
{
    struct reads *r = *state;
    struct store_delivery_row *rows;
    size_t count;
    reads_cover(r, READS_START_US);
    struct id m = reads_message(HOUR, 0);
    reads_attempt(m, (struct reads_attempt){ 1, SECOND, 1, STORE_SENDING, 0 });
    reads_attempt(m,
                  (struct reads_attempt){ 1, 2 * SECOND, 2, STORE_FAILED, STORE_REASON_EXHAUSTED });
    reads_attempt(m, (struct reads_attempt){ 2, SECOND, 1, STORE_SENDING, 0 });
    assert_int_equal(
        store_postgres_delivery_by_message(&r->store.base, TEST_APP, &m, &r->arena, &rows, &count),
        RC_OK);
    assert_int_equal(count, 3);
    assert_int_equal(rows[0].state, STORE_FAILED);
    assert_int_equal(rows[0].reason, STORE_REASON_EXHAUSTED);
    assert_int_equal(rows[0].attempt_count, 2);
    assert_int_equal(rows[0].last_at_us, id_time_us(&m) + 2 * SECOND);
    assert_int_equal(rows[0].due_us, 0);
    assert_int_equal(rows[2].state, STORE_PENDING);
    assert_int_equal(rows[2].due_us, id_time_us(&m));
    reads_waiting(m, 1, STORE_PENDING, 2); /* sent again */
    reads_waiting(m, 2, STORE_SENDING, 1);
    assert_int_equal(
        store_postgres_delivery_by_message(&r->store.base, TEST_APP, &m, &r->arena, &rows, &count),
        RC_OK);
    assert_int_equal(rows[0].state, STORE_PENDING);
    assert_int_equal(rows[0].reason, STORE_REASON_NONE);
    assert_int_equal(rows[0].due_us, 77);
    assert_int_equal(rows[0].task, 9);
    assert_int_equal(rows[0].trigger, STORE_MANUAL);
    assert_int_equal(rows[1].state, STORE_SENDING);
    assert_int_equal(rows[1].last_at_us, 55);
}

static void an_end_without_an_attempt_counts_and_is_in_no_list_of_attempts(void **state)
{
    struct reads *r = *state;
    struct store_delivery_row *rows;
    struct store_attempt_row attempts[4];
    struct store_page_end end;
    struct store_counts counts;
    size_t count;
    reads_cover(r, READS_START_US);
    struct id m = reads_message(HOUR, 0);
    const struct store_page page = { .limit = 4, .descending = true };
    struct store_attempt_filter by_message = {
        .app = TEST_APP, .message = &m, .status = -1, .status_class = -1
    };
    struct store_attempt_filter by_endpoint = {
        .app = TEST_APP, .endpoint = 1, .status = -1, .status_class = -1
    };
    reads_attempt(m, (struct reads_attempt){ 1, SECOND, 1, STORE_SENDING, 0 });
    reads_attempt(m,
                  (struct reads_attempt){ 1, 2 * SECOND, 0, STORE_CANCELED, STORE_REASON_BY_HAND });
    assert_int_equal(
        store_postgres_delivery_by_message(&r->store.base, TEST_APP, &m, &r->arena, &rows, &count),
        RC_OK);
    assert_int_equal(rows[0].state, STORE_CANCELED);
    assert_int_equal(rows[0].reason, STORE_REASON_BY_HAND);
    assert_int_equal(rows[0].attempt_count, 1);
    assert_int_equal(rows[0].last_at_us, id_time_us(&m) + SECOND);
    const struct store_attempt_filter *const filters[] = { &by_message, &by_endpoint };
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        assert_int_equal(store_postgres_attempt_list(&r->store.base, filters[i], &page, &r->arena,
                                                     attempts, &end),
                         RC_OK);
        assert_int_equal(end.count, 1);
        assert_int_equal(attempts[0].number, 1);
        assert_int_equal(attempts[0].reason, STORE_REASON_BY_HAND);
    }
    assert_int_equal(store_postgres_delivery_counts(&r->store.base, TEST_APP, 1, READS_START_US,
                                                    READS_START_US + DAY, &counts),
                     RC_OK);
    assert_int_equal(counts.by_state[STORE_CANCELED], 1);
    assert_int_equal(counts.by_state[STORE_SENDING], 0);
}

/* --- times ------------------------------------------------------------------------------------------------- */

static size_t list_between(struct reads *r, int64_t after_us, int64_t before_us)
{
    struct store_message_row rows[4];
    struct store_page_end end;
    const struct store_message_filter filter = { .app = TEST_APP,
                                                 .after_us = after_us,
                                                 .before_us = before_us };
    const struct store_page page = { .limit = 4, .descending = true };
    assert_int_equal(
        store_postgres_message_list(&r->store.base, &filter, &page, &r->arena, rows, &end), RC_OK);
    return end.count;
}

static void a_window_is_one_of_times_shown_however_the_wall_clock_was_set(void **state)
{
    struct reads *r = *state;
    reads_cover(r, READS_START_US);
    (void)reads_message(2 * HOUR, 0);
    (void)reads_message(3 * HOUR, 10 * HOUR);
    (void)reads_message(4 * HOUR, -DAY);
    assert_int_equal(list_between(r, READS_START_US + 2 * HOUR, READS_START_US + 2 * HOUR + SECOND),
                     1);
    assert_int_equal(list_between(r, READS_START_US + 13 * HOUR, 0), 1);
    assert_int_equal(list_between(r, 0, READS_START_US - 20 * HOUR + SECOND), 1);
    assert_int_equal(
        list_between(r, READS_START_US - 20 * HOUR, READS_START_US + 13 * HOUR + SECOND), 3);
    assert_int_equal(list_between(r, READS_START_US + 3 * HOUR, READS_START_US + 4 * HOUR), 0);
}

/* --- connections ------------------------------------------------------------------------------------------- */

static void a_read_whose_connection_was_lost_is_made_on_another(void **state)
{
    struct reads *r = *state;
    struct store_message_row row;
    reads_cover(r, READS_START_US);
    struct id m = reads_message(HOUR, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(store_postgres_message_get(&r->store.base, TEST_APP, &m, &r->arena, &row),
                         RC_OK);
        reads_run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                  " WHERE datname = current_database() AND pid <> pg_backend_pid()");
    }
}

/* An old message is tried again while newer ones are new. */
static void attempts_of_an_endpoint_are_merged_over_segments(void **state)
{
    struct reads *r = *state;
    struct store_attempt_row rows[3];
    struct store_page_end end;
    struct store_page page = { .limit = 2, .descending = true };
    const struct store_attempt_filter f = {
        .app = TEST_APP, .endpoint = 1, .status = -1, .status_class = -1
    };
    reads_cover(r, READS_START_US);
    reads_cover(r, READS_START_US + 2 * DAY);
    struct id old = reads_message(HOUR, 0);
    struct id new = reads_message(2 * DAY, 0);
    reads_attempt(old, (struct reads_attempt){ 1, SECOND, 1, STORE_SENDING, 0 });
    reads_attempt(new, (struct reads_attempt){ 1, SECOND, 1, STORE_SUCCESS, 0 });
    reads_attempt(old, (struct reads_attempt){ 1, 2 * DAY, 2, STORE_SUCCESS, 0 });
    assert_int_equal(store_postgres_attempt_list(&r->store.base, &f, &page, &r->arena, rows, &end),
                     RC_OK);
    assert_int_equal(end.count, 2);
    assert_false(end.done);
    assert_memory_equal(rows[0].message.bytes, old.bytes, ID_BYTES);
    assert_memory_equal(rows[1].message.bytes, new.bytes, ID_BYTES);
    page.after = reads_after(r, "atmpt_", rows[1].id);
    assert_int_equal(store_postgres_attempt_list(&r->store.base, &f, &page, &r->arena, rows, &end),
                     RC_OK);
    assert_int_equal(end.count, 1);
    assert_true(end.done);
    assert_int_equal(rows[0].number, 1);
    page = (struct store_page){ .limit = 2 };
    assert_int_equal(store_postgres_attempt_list(&r->store.base, &f, &page, &r->arena, rows, &end),
                     RC_OK);
    assert_memory_equal(rows[0].message.bytes, old.bytes, ID_BYTES);
    assert_memory_equal(rows[1].message.bytes, new.bytes, ID_BYTES);
}

static void what_nothing_has_become_of_yet_counts_as_pending(void **state)
{
    struct reads *r = *state;
    struct store_counts counts;
    reads_cover(r, READS_START_US);
    reads_run(
        "INSERT INTO node_beat(slot, name, address, version, state, lease_until, floor_k, cursor_k, last_k, config_version)"
        " VALUES(1, '', '', 1, 1, clock_timestamp() + interval '1 h', 0, %" PRId64 ", 0, 0)",
        store_key_at(READS_START_US + HOUR));
    struct id m = reads_message(2 * HOUR, 0);
    (void)reads_message(3 * HOUR, 0);
    reads_attempt(m, (struct reads_attempt){ 1, SECOND, 1, STORE_SUCCESS, 0 });
    reads_waiting(m, 2, STORE_SENDING, 1);
    for (int64_t endpoint = 1; endpoint <= 4; endpoint++) {
        assert_int_equal(store_postgres_delivery_counts(&r->store.base, TEST_APP, endpoint,
                                                        READS_START_US, READS_START_US + DAY,
                                                        &counts),
                         RC_OK);
        assert_int_equal(counts.by_state[STORE_PENDING], endpoint == 3 ? 2 : endpoint == 4 ? 0 : 1);
        assert_int_equal(counts.by_state[STORE_SUCCESS], endpoint == 1);
        assert_int_equal(counts.by_state[STORE_SENDING], endpoint == 2);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, reads_open, reads_close)
    const struct CMUnitTest tests[] = {
        T(a_delivery_stands_as_it_waits_else_as_its_newest_row_says_else_it_is_pending),
        T(an_end_without_an_attempt_counts_and_is_in_no_list_of_attempts),
        T(what_nothing_has_become_of_yet_counts_as_pending),
        T(attempts_of_an_endpoint_are_merged_over_segments),
        T(a_read_whose_connection_was_lost_is_made_on_another),
        T(a_window_is_one_of_times_shown_however_the_wall_clock_was_set),
    };
    if (!postgres_is_there())
        return postgres_skip();
    reads_begin();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    reads_end();
    return failed;
}
