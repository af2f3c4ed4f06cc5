/* SPDX-License-Identifier: Apache-2.0
 *
 * What the reads of the PostgreSQL backend make of rows as they may lie there, and that they find them by indexes. The
 * contract, which all backends keep, is in the other programs.
 */
#include "postgres.h"
#include "store/key_time_priv.h"
#include "store/postgres/counts_priv.h"
#include "store/postgres/find_priv.h"
#include "store/postgres/read_attempts_priv.h"
#include "store/postgres/read_messages_priv.h"
#include "store/postgres/read_one_priv.h"
#include "store/postgres/read_requests_priv.h"
#include "store/postgres/read_runs_priv.h"
#include "store/postgres/readers_priv.h"
#include "store/postgres/schema_priv.h"
#include "store/postgres/search_priv.h"
#include "store/postgres/segments_priv.h"
#include "support.h"

#include <inttypes.h>
#include <stdio.h>

static const int64_t start_us = INT64_C(1800000000) * SECOND;
enum { ROWS = 20000, APPS = 10, ENDPOINT = 1 };

static char *url;

struct reads {
    struct store_postgres store;
    struct arena arena;
};

static int64_t stand_still(void *ctx)
{
    (void)ctx;
    return start_us + 3 * DAY;
}

static const struct clock still = { stand_still, stand_still, NULL };

/* The store's parts that reads need: nobody writes. */
static int reads_open(void **state)
{
    struct reads *r = XNEW(struct reads);
    struct store_postgres *s = &r->store;
    postgres_empty(url);
    store_options_defaults(&s->base.o);
    store_time_init(&s->base.time, &still, STR_NONE);
    s->base.o.clock = &s->base.time.clock;
    s->url = url;
    atomic_init(&s->span_us, DAY);
    store_postgres_segments_init(s);
    store_postgres_readers_init(s);
    assert_int_equal(store_postgres_conn_open(&s->maker), RC_OK);
    assert_int_equal(store_postgres_schema_make(&s->maker, NULL), RC_OK);
    arena_init(&r->arena);
    *state = r;
    return 0;
}

static int reads_close(void **state)
{
    struct reads *r = *state;
    store_postgres_readers_fini(&r->store);
    store_postgres_segments_fini(&r->store);
    arena_fini(&r->arena);
    xfree(r);
    return 0;
}

static void cover(struct reads *r, int64_t at_us)
{
    assert_int_equal(store_postgres_segments_cover(&r->store, store_key_at(at_us)), RC_OK);
}

PRINTF_LIKE(1, 2) static void run(const char *fmt, ...)
{
    char sql[8192];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(sql, sizeof(sql), fmt, args);
    va_end(args);
    assert_true(len > 0 && len < (int)sizeof(sql));
    xfree(postgres_run(url, sql));
}

/* --- single rows ---------------------------------------------------------------------------------------- */

static struct id id_of(int64_t k)
{
    struct id id = { 0 };
    for (int i = 0; i < 8; i++)
        id.bytes[i] = (uint8_t)((uint64_t)k >> (56 - 8 * i));
    return id;
}

/* A message of TEST_APP to the endpoints 1 to 3, made so long after the start. */
static struct id insert_message(int64_t after_us, int64_t shown_later_us)
{
    int64_t k = store_key_at(start_us + after_us);
    run("INSERT INTO message(k, app, org, created, deliver_at, expires, shard, tail, event_type, endpoints, payload)"
        " VALUES(%" PRId64 ", %d, 1, %" PRId64
        ", 0, 0, 0, '\\x000000000000000000000000', 'a', '\\x010203', '{}')",
        k, TEST_APP, start_us + after_us + shown_later_us);
    return id_of(k);
}

struct attempt {
    int64_t endpoint;
    int64_t after_us; /* the message */
    int number;
    enum store_state state_after;
    enum store_reason reason;
};

static void insert_attempt(struct id message, struct attempt a)
{
    int64_t at_us = id_time_us(&message) + a.after_us;
    run("INSERT INTO attempt(msg, endpoint, ak, started, next_due, took, task, http_status, number, state_after, reason,"
        " trigger, success, tail) VALUES(%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64
        ", 0, 1, 0, 500, %d, %d, %d, 0, %s, '\\x000000000000000000000000')",
        id_key(&message), a.endpoint, store_key_at(at_us), at_us, a.number, (int)a.state_after,
        (int)a.reason, a.state_after == STORE_SUCCESS ? "true" : "false");
}

static void insert_waiting(struct id message, int64_t endpoint, enum store_state state,
                           int attempts)
{
    run("INSERT INTO waiting(shard, state, trigger, attempts, ahead, endpoint, msg, app, due, retry_at, asked, task, last_at,"
        " tail) VALUES(0, %d, 1, %d, 0, %" PRId64 ", %" PRId64
        ", %d, 77, 0, 0, 9, 55, '\\x000000000000000000000000')",
        (int)state, attempts, endpoint, id_key(&message), TEST_APP);
}

/* --- states ------------------------------------------------------------------------------------------------ */

static void a_delivery_stands_as_it_waits_else_as_its_newest_row_says_else_it_is_pending(
    void **state)
{
    struct reads *r = *state;
    struct store_delivery_row *rows;
    size_t count;
    cover(r, start_us);
    struct id m = insert_message(HOUR, 0);
    insert_attempt(m, (struct attempt){ 1, SECOND, 1, STORE_SENDING, 0 });
    insert_attempt(m, (struct attempt){ 1, 2 * SECOND, 2, STORE_FAILED, STORE_REASON_EXHAUSTED });
    insert_attempt(m, (struct attempt){ 2, SECOND, 1, STORE_SENDING, 0 });
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
    insert_waiting(m, 1, STORE_PENDING, 2); /* sent again */
    insert_waiting(m, 2, STORE_SENDING, 1);
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
    cover(r, start_us);
    struct id m = insert_message(HOUR, 0);
    const struct store_page page = { .limit = 4, .descending = true };
    struct store_attempt_filter by_message = {
        .app = TEST_APP, .message = &m, .status = -1, .status_class = -1
    };
    struct store_attempt_filter by_endpoint = {
        .app = TEST_APP, .endpoint = 1, .status = -1, .status_class = -1
    };
    insert_attempt(m, (struct attempt){ 1, SECOND, 1, STORE_SENDING, 0 });
    insert_attempt(m, (struct attempt){ 1, 2 * SECOND, 0, STORE_CANCELED, STORE_REASON_BY_HAND });
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
    assert_int_equal(store_postgres_delivery_counts(&r->store.base, TEST_APP, 1, start_us,
                                                    start_us + DAY, &counts),
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
    cover(r, start_us);
    (void)insert_message(2 * HOUR, 0);
    (void)insert_message(3 * HOUR, 10 * HOUR);
    (void)insert_message(4 * HOUR, -DAY);
    assert_int_equal(list_between(r, start_us + 2 * HOUR, start_us + 2 * HOUR + SECOND), 1);
    assert_int_equal(list_between(r, start_us + 13 * HOUR, 0), 1);
    assert_int_equal(list_between(r, 0, start_us - 20 * HOUR + SECOND), 1);
    assert_int_equal(list_between(r, start_us - 20 * HOUR, start_us + 13 * HOUR + SECOND), 3);
    assert_int_equal(list_between(r, start_us + 3 * HOUR, start_us + 4 * HOUR), 0);
}

/* --- connections ------------------------------------------------------------------------------------------- */

static void a_read_whose_connection_was_lost_is_made_on_another(void **state)
{
    struct reads *r = *state;
    struct store_message_row row;
    cover(r, start_us);
    struct id m = insert_message(HOUR, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(store_postgres_message_get(&r->store.base, TEST_APP, &m, &r->arena, &row),
                         RC_OK);
        run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()");
    }
}

/* --- many ------------------------------------------------------------------------------------------------------ */

/* Two days of messages of some applications, with an attempt each but for some that wait, and requests and runs. */
static void fill(struct reads *r)
{
    cover(r, start_us);
    cover(r, start_us + DAY);
    run("CREATE FUNCTION key_at(us bigint, c bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS"
        " 'SELECT ((us / 1000000 - 1400000000) << 32) | ((us %% 1000000 * 256 / 1000000) << 24) | c'");
    run("CREATE TABLE made AS SELECT i, %" PRId64 " + i * %" PRId64
        " AS us FROM generate_series(0::bigint, %d) i",
        start_us, 2 * DAY / ROWS - SECOND / 10, ROWS - 1);
    run("INSERT INTO message(k, app, org, created, deliver_at, expires, shard, tail, event_type, event_id, channels, endpoints,"
        " payload, source, received, status, body_bytes, dedupe_id)"
        " SELECT key_at(us, i), 1 + i %% %d, 1, us, 0, 0, 0, '\\x000000000000000000000000', CASE WHEN i %% 7 = 0 THEN 'b' ELSE 'a' END,"
        " convert_to('event-' || i, 'UTF8'), CASE WHEN i %% 100 = 0 THEN '[\"red\"]' END,"
        " set_byte('\\x00', 0, (1 + i %% %d)::int), convert_to('payload ' || i, 'UTF8'), CASE WHEN i %% 2 = 0 THEN 1 + i %% %d END,"
        " us, 200, 9, 'd' FROM made",
        APPS, APPS, APPS);
    run("INSERT INTO attempt(msg, endpoint, ak, started, next_due, took, task, http_status, number, state_after, reason,"
        " trigger, success, tail, error, response) SELECT key_at(us, i), 1 + i %% %d, key_at(us + 1000000, i), us + 1000000, 0, 1, 0,"
        " 200, 1, 3, 0, 0, true, '\\x000000000000000000000000', '', 'thanks' FROM made WHERE i %% 5 <> 0",
        APPS);
    run("INSERT INTO waiting(shard, state, trigger, attempts, ahead, endpoint, msg, app, due, retry_at, asked, task, last_at, tail)"
        " SELECT 0, 1, 0, 0, 0, 1 + i %% %d, key_at(us, i), 1 + i %% %d, us, 0, 0, 0, 0, '\\x000000000000000000000000'"
        " FROM made WHERE i %% 5 = 0",
        APPS, APPS);
    run("INSERT INTO request(k, source, app, at, body_bytes, status, outcome, has_message, tail, reason, url)"
        " SELECT key_at(us, i), 1 + i %% %d, 1, us, 0, 401, 1, false, '\\x000000000000000000000000', 'no', '/in/'"
        " FROM made WHERE i %% 2 = 1",
        APPS);
    run("INSERT INTO filter_run(k, app, started, took, halted, has_data, tail, event, filters, summary)"
        " SELECT key_at(us, i), 1 + i %% %d, us, 1, false, 0, '\\x000000000000000000000000', 'e', ' flt_a ', '{}' FROM made",
        APPS);
    for (int bucket = 0; bucket < 2; bucket++)
        run("INSERT INTO remembered_%d(key, k, body_hash) SELECT CAST(md5(i || ' %d') AS uuid), key_at(us, i),"
            " CAST(md5('') AS uuid) FROM made",
            bucket, bucket);
    run("ANALYZE");
}

/* Every page of a list of messages, with a filter that one in ten passes. */
static void filtered_pages_come_back_short_after_just_so_many_rows(void **state)
{
    struct reads *r = *state;
    struct store_message_row rows[50];
    struct store_page_end end;
    struct store_page page = { .limit = 50, .descending = true, .rows_max = 150 };
    const struct store_message_filter filter = { .app = 1, .channel = STR("red") };
    int seen = 0, turns = 0, shorts = 0;
    fill(r);
    do {
        assert_int_equal(
            store_postgres_message_list(&r->store.base, &filter, &page, &r->arena, rows, &end),
            RC_OK);
        assert_true(end.is_short ? end.count == 150 / 10 : end.done);
        struct id next = end.is_short ? end.resume : rows[end.count - (end.count > 0)].message.id;
        char text[ID_TEXT_MAX + 1];
        page.after = arena_str(&r->arena, id_format(STR("msg_"), &next, text));
        seen += (int)end.count;
        shorts += end.is_short;
        turns++;
    } while (!end.done);
    assert_int_equal(seen, ROWS / 100);
    assert_int_equal(shorts, ROWS / APPS / 150);
    assert_int_equal(turns, shorts + 1);
}

static void read_messages(struct reads *r)
{
    struct store *s = &r->store.base;
    struct store_message_row rows[50];
    struct store_delivery_row *of_message, deliveries[50];
    struct store_page_end end;
    size_t count;
    struct store_message *m;
    struct store_page page = { .limit = 50, .descending = true };
    struct store_message_filter filter = { .app = 1 };
    assert_int_equal(store_postgres_message_list(s, &filter, &page, &r->arena, rows, &end), RC_OK);
    assert_int_equal(end.count, 50);
    assert_int_equal(store_postgres_message_get(s, 1, &rows[9].message.id, &r->arena, rows), RC_OK);
    assert_int_equal(store_postgres_message_load(s, &rows[9].message.id, &m), RC_OK);
    store_message_unref(m);
    assert_int_equal(store_postgres_message_by_event_id(s, 1, STR("event-20"), &r->arena, rows),
                     RC_OK);
    assert_int_equal(store_postgres_delivery_by_message(s, 1, &rows[9].message.id, &r->arena,
                                                        &of_message, &count),
                     RC_OK);
    filter.before_us = start_us + DAY;
    filter.with_payload = true;
    page.descending = false;
    assert_int_equal(store_postgres_message_list(s, &filter, &page, &r->arena, rows, &end), RC_OK);
    assert_int_equal(end.count, 50);
    assert_int_equal(store_postgres_delivery_by_endpoint(s, &filter, ENDPOINT, 1U << STORE_PENDING,
                                                         &page, &r->arena, deliveries, &end),
                     RC_OK);
    assert_int_equal(end.count, 50);
}

static void read_attempts(struct reads *r)
{
    struct store *s = &r->store.base;
    struct store_attempt_row rows[50], row;
    struct store_counts counts;
    struct store_page_end end;
    struct store_page page = { .limit = 50, .descending = true };
    struct store_attempt_filter f = {
        .app = 2, .endpoint = 2, .status = -1, .status_class = -1, .after_us = start_us
    };
    assert_int_equal(store_postgres_attempt_list(s, &f, &page, &r->arena, rows, &end), RC_OK);
    assert_int_equal(end.count, 50);
    assert_int_equal(
        store_postgres_attempt_get(s, 2, &rows[3].message, &rows[3].id, &r->arena, &row), RC_OK);
    f.message = &row.message;
    page.descending = false;
    assert_int_equal(store_postgres_attempt_list(s, &f, &page, &r->arena, rows, &end), RC_OK);
    assert_int_equal(end.count, 1);
    f.message = NULL;
    f.status = 2;
    assert_int_equal(store_postgres_attempt_list(s, &f, &page, &r->arena, rows, &end), RC_OK);
    assert_int_equal(end.count, 0);
    assert_int_equal(store_postgres_delivery_counts(s, 2, 2, start_us, start_us + 3 * DAY, &counts),
                     RC_OK);
    assert_int_equal(counts.by_state[STORE_SUCCESS], ROWS / APPS);
    assert_int_equal(store_postgres_delivery_counts(s, 1, 1, start_us, start_us + DAY, &counts),
                     RC_OK);
    assert_in_range(counts.by_state[STORE_PENDING], ROWS / APPS / 2, ROWS / APPS / 2 + 50);
}

static void read_requests_and_runs(struct reads *r)
{
    struct store *s = &r->store.base;
    struct store_request requests[50];
    struct store_filter_run runs[50];
    struct store_refused refused;
    struct store_page_end end;
    struct store_page page = { .limit = 50, .descending = true };
    struct store_request_filter f = { .source = 2, .text = STR("/in"), .after_us = start_us };
    assert_int_equal(store_postgres_request_list(s, &f, &page, &r->arena, requests, &end), RC_OK);
    assert_int_equal(end.count, 50);
    f = (struct store_request_filter){ .source = 1, .with_body = true };
    page.descending = false;
    assert_int_equal(store_postgres_request_list(s, &f, &page, &r->arena, requests, &end), RC_OK);
    assert_int_equal(end.count, 50);
    assert_true(str_eq(requests[0].body, STR("payload 0")));
    assert_int_equal(store_postgres_request_get(s, 1, &requests[7].id, &r->arena, &requests[0]),
                     RC_OK);
    assert_int_equal(store_postgres_request_refused(s, 2, start_us, &r->arena, &refused), RC_OK);
    assert_int_equal(refused.count, STORE_REFUSED_MAX);
    struct store_filter_run_filter g = { .app = 1, .halted = 0, .after_us = start_us };
    assert_int_equal(store_postgres_filter_run_list(s, &g, &page, &r->arena, runs, &end), RC_OK);
    assert_int_equal(end.count, 50);
    assert_int_equal(store_postgres_filter_run_get(s, 1, &runs[7].id, &r->arena, &runs[0]), RC_OK);
}

static void search_and_find(struct reads *r)
{
    struct store *s = &r->store.base;
    struct store_delivery_found found[50];
    struct store_delivery_search_end end;
    struct store_flowing_row row;
    struct store_message_row message;
    bool is_complete = true;
    size_t count = 0;
    struct store_delivery_search f = { .app = 3,
                                       .http_status = -1,
                                       .text = STR("thanks"),
                                       .rows_max = 1000,
                                       .bytes_max = 1 << 20,
                                       .after_us = start_us,
                                       .until_us = INT64_MAX };
    assert_int_equal(store_postgres_delivery_search(s, &f, &r->arena, found, 50, &end), RC_OK);
    assert_int_equal(end.count, 50);
    const struct store_find_key key = { .app = 1 };
    const struct store_find_keys keys = {
        .event_id = STR("event-10"), .keys = &key, .key_count = 1, .until_us = INT64_MAX
    };
    const struct store_find_keys by_key = { .keys = &key, .key_count = 1, .until_us = INT64_MAX };
    assert_int_equal(
        store_postgres_find_messages(s, &keys, &r->arena, &row, 1, &count, &is_complete), RC_OK);
    assert_int_equal(count, 1);
    count = 0;
    assert_int_equal(
        store_postgres_find_messages(s, &by_key, &r->arena, &row, 1, &count, &is_complete), RC_OK);
    assert_int_equal(count, 0);
    assert_int_equal(store_postgres_message_by_event_id(s, 1, STR("event-10"), &r->arena, &message),
                     RC_OK);
    for (int kind = STORE_FLOW_MESSAGE; kind <= STORE_FLOW_RUN; kind++)
        assert_int_equal(store_postgres_find_flowing(s, (enum store_flowing)kind,
                                                     &message.message.id, &r->arena, &row,
                                                     &is_complete),
                         RC_OK);
    assert_int_equal(store_postgres_find_flowing(s, STORE_FLOW_ATTEMPT, &found[0].last.id,
                                                 &r->arena, &row, &is_complete),
                     RC_OK);
    struct store_piece pieces[4];
    assert_int_equal(store_postgres_pieces(s, pieces, 4), 2);
    assert_true(pieces[0].bytes > 0 && pieces[0].pending > 0);
}

/* The server counts them: no statement of the reads goes through a whole table of what flows. */
#define SCANNED \
    "SELECT coalesce(string_agg(relname || ' ' || seq_scan, ' ' ORDER BY relname), '') FROM pg_stat_user_tables" \
    " WHERE relname ~ '^(message|attempt|request|filter_run|remembered)_[0-9]+$' OR relname = 'waiting'"

static void every_read_goes_by_an_index(void **state)
{
    struct reads *r = *state;
    fill(r);
    char *before = postgres_run(url, SCANNED);
    read_messages(r);
    read_attempts(r);
    read_requests_and_runs(r);
    search_and_find(r);
    store_postgres_readers_fini(&r->store); /* a connection that ends has told what it did */
    memset(r->store.readers, 0, sizeof(r->store.readers));
    store_postgres_readers_init(&r->store);
    char *after = postgres_run(url, SCANNED);
    assert_string_equal(after, before);
    xfree(before);
    xfree(after);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, reads_open, reads_close)
    const struct CMUnitTest tests[] = {
        T(a_delivery_stands_as_it_waits_else_as_its_newest_row_says_else_it_is_pending),
        T(an_end_without_an_attempt_counts_and_is_in_no_list_of_attempts),
        T(a_read_whose_connection_was_lost_is_made_on_another),
        T(a_window_is_one_of_times_shown_however_the_wall_clock_was_set),
        T(filtered_pages_come_back_short_after_just_so_many_rows),
        T(every_read_goes_by_an_index),
    };
    if (!postgres_is_there())
        return postgres_skip();
    url = postgres_database();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    xfree(url);
    return failed;
}
