/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads of the PostgreSQL backend among many rows: in order over segments and stretches, bounded, and by indexes only.
 */
#include "reads.h"

#include "store/postgres/counts_priv.h"
#include "store/postgres/find_priv.h"
#include "store/postgres/read_attempts_priv.h"
#include "store/postgres/read_messages_priv.h"
#include "store/postgres/read_one_priv.h"
#include "store/postgres/read_requests_priv.h"
#include "store/postgres/read_runs_priv.h"
#include "store/postgres/search_priv.h"
#include "store/trouble.h"

#include <inttypes.h>

enum { ROWS = 20000, APPS = 10, ENDPOINT = 1 };

static void make_times(int64_t step_us, int count)
{
    reads_run(
        "CREATE FUNCTION key_at(us bigint, c bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS"
        " 'SELECT ((us / 1000000 - 1400000000) << 32) | ((us %% 1000000 * 256 / 1000000) << 24) | c'");
    reads_run("CREATE TABLE made AS SELECT i, %" PRId64 " + i * %" PRId64
              " AS us FROM generate_series(0::bigint, %d) i",
              READS_START_US, step_us, count - 1);
}

/* Two days of messages of some applications, with an attempt each but for some that wait, and requests and runs. */
static void fill(struct reads *r)
{
    reads_cover(r, READS_START_US);
    reads_cover(r, READS_START_US + DAY);
    make_times(2 * DAY / ROWS - SECOND / 10, ROWS);
    reads_run(
        "INSERT INTO message(k, app, org, created, deliver_at, expires, shard, tail, event_type, event_id, channels, endpoints,"
        " payload, source, received, status, body_bytes, dedupe_id)"
        " SELECT key_at(us, i), 1 + i %% %d, 1, us, 0, 0, 0, '\\x000000000000000000000000', CASE WHEN i %% 7 = 0 THEN 'b' ELSE 'a' END,"
        " convert_to('event-' || i, 'UTF8'), CASE WHEN i %% 100 = 0 THEN '[\"red\"]' END,"
        " set_byte('\\x00', 0, (1 + i %% %d)::int), convert_to('payload ' || i, 'UTF8'), CASE WHEN i %% 2 = 0 THEN 1 + i %% %d END,"
        " us, 200, 9, 'd' FROM made",
        APPS, APPS, APPS);
    reads_run(
        "INSERT INTO attempt(msg, endpoint, ak, started, next_due, took, task, http_status, number, state_after, reason,"
        " trigger, success, tail, error, response) SELECT key_at(us, i), 1 + i %% %d, key_at(us + 1000000, i), us + 1000000, 0, 1, 0,"
        " 200, 1, 3, 0, 0, true, '\\x000000000000000000000000', '', 'thanks' FROM made WHERE i %% 5 <> 0",
        APPS);
    reads_run(
        "INSERT INTO waiting(shard, state, trigger, attempts, ahead, endpoint, msg, app, due, retry_at, asked, task, last_at, tail)"
        " SELECT 0, 1, 0, 0, 0, 1 + i %% %d, key_at(us, i), 1 + i %% %d, us, 0, 0, 0, 0, '\\x000000000000000000000000'"
        " FROM made WHERE i %% 5 = 0",
        APPS, APPS);
    reads_run(
        "INSERT INTO request(k, source, app, at, body_bytes, status, outcome, has_message, tail, reason, url)"
        " SELECT key_at(us, i), 1 + i %% %d, 1, us, 0, 401, 1, false, '\\x000000000000000000000000', 'no', '/in/'"
        " FROM made WHERE i %% 2 = 1",
        APPS);
    reads_run(
        "INSERT INTO filter_run(k, app, started, took, halted, has_data, tail, event, filters, summary)"
        " SELECT key_at(us, i), 1 + i %% %d, us, 1, false, 0, '\\x000000000000000000000000', 'e', ' flt_a ', '{}' FROM made",
        APPS);
    for (int bucket = 0; bucket < 2; bucket++)
        reads_run(
            "INSERT INTO remembered_%d(key, k, body_hash) SELECT CAST(md5(i || ' %d') AS uuid), key_at(us, i),"
            " CAST(md5('') AS uuid) FROM made",
            bucket, bucket);
    reads_run("ANALYZE");
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
        page.after = reads_after(r, "msg_", end.resume);
        seen += (int)end.count;
        shorts += end.is_short;
        turns++;
    } while (!end.done);
    assert_int_equal(seen, ROWS / 100);
    assert_int_equal(shorts, ROWS / APPS / 150);
    assert_int_equal(turns, shorts + 1);
}

/* All pages of an application's messages one way, then the last page but one the other way. */
static void walk_messages(struct reads *r, bool descending)
{
    struct store_message_row rows[300] = { 0 }, before[300];
    struct store_page_end end;
    const struct store_message_filter filter = { .app = 3 };
    struct store_page page = { .limit = 250, .descending = descending };
    size_t seen = 0;
    int64_t last_k = descending ? INT64_MAX : 0;
    do {
        memcpy(before, rows, sizeof(rows));
        assert_int_equal(
            store_postgres_message_list(&r->store.base, &filter, &page, &r->arena, rows, &end),
            RC_OK);
        for (size_t i = 0; i < end.count; i++, seen++) {
            int64_t k = id_key(&rows[i].message.id);
            assert_true(descending ? k < last_k : k > last_k);
            last_k = k;
        }
        page.after = reads_after(r, "msg_", rows[end.count - 1].message.id);
    } while (!end.done);
    assert_int_equal(seen, ROWS / APPS);
    page.after = reads_after(r, "msg_", rows[0].message.id);
    page.backwards = true;
    assert_int_equal(
        store_postgres_message_list(&r->store.base, &filter, &page, &r->arena, rows, &end), RC_OK);
    assert_int_equal(end.count, 250);
    for (size_t i = 0; i < end.count; i++)
        assert_memory_equal(rows[i].message.id.bytes, before[i].message.id.bytes, ID_BYTES);
}

static void pages_cross_segments_and_stretches_in_order_both_ways(void **state)
{
    struct reads *r = *state;
    fill(r);
    walk_messages(r, true);
    walk_messages(r, false);
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
    filter.before_us = READS_START_US + DAY;
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
        .app = 2, .endpoint = 2, .status = -1, .status_class = -1, .after_us = READS_START_US
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
    assert_int_equal(
        store_postgres_delivery_counts(s, 2, 2, READS_START_US, READS_START_US + 3 * DAY, &counts),
        RC_OK);
    assert_int_equal(counts.by_state[STORE_SUCCESS], ROWS / APPS);
    assert_int_equal(
        store_postgres_delivery_counts(s, 1, 1, READS_START_US, READS_START_US + DAY, &counts),
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
    struct store_request_filter f = { .source = 2, .text = STR("/in"), .after_us = READS_START_US };
    assert_int_equal(store_postgres_request_list(s, &f, &page, &r->arena, requests, &end), RC_OK);
    assert_int_equal(end.count, 50);
    f = (struct store_request_filter){ .source = 1, .with_body = true };
    page.descending = false;
    assert_int_equal(store_postgres_request_list(s, &f, &page, &r->arena, requests, &end), RC_OK);
    assert_int_equal(end.count, 50);
    assert_true(str_eq(requests[0].body, STR("payload 0")));
    assert_int_equal(store_postgres_request_get(s, 1, &requests[7].id, &r->arena, &requests[0]),
                     RC_OK);
    assert_int_equal(store_postgres_request_refused(s, 2, READS_START_US, &r->arena, &refused),
                     RC_OK);
    assert_int_equal(refused.count, STORE_REFUSED_MAX);
    struct store_filter_run_filter g = { .app = 1, .halted = 0, .after_us = READS_START_US };
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
                                       .after_us = READS_START_US,
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

/* --- deliveries of an endpoint ------------------------------------------------------------------------------ */

enum { MANY = 24000, RARE = 2000, FRESH = 100, ALL_OF_THEM = 1, FEW_OF_THEM = 2 };

/* Each of many messages goes to one endpoint, and few of them to another one, to which they wait, failed or succeeded. The newest are young. */
static void fill_for_endpoints(struct reads *r)
{
    reads_cover(r, READS_START_US);
    make_times(2 * SECOND, MANY);
    reads_run(
        "INSERT INTO message(k, app, org, created, deliver_at, expires, shard, tail, event_type, endpoints, payload)"
        " SELECT key_at(us, i), 1, 1, us, 0, 0, 0, '\\x000000000000000000000000', 'a',"
        " CASE WHEN i %% %d = 0 THEN '\\x0102'::bytea ELSE '\\x01' END, '{}' FROM made",
        RARE);
    for (int endpoint = ALL_OF_THEM; endpoint <= FEW_OF_THEM; endpoint++)
        reads_run(
            "INSERT INTO attempt(msg, endpoint, ak, started, next_due, took, task, http_status, number, state_after, reason,"
            " trigger, success, tail) SELECT key_at(us, i), %d, key_at(us + 1000000, i), us + 1000000, 0, 1, 0,"
            " 200, 1, 3, 0, 0, true, '\\x000000000000000000000000' FROM made WHERE i < %d AND i %% %d = 0",
            endpoint, MANY - FRESH, endpoint == ALL_OF_THEM ? 1 : 2 * RARE);
    reads_run(
        "INSERT INTO waiting(shard, state, trigger, attempts, ahead, endpoint, msg, app, due, retry_at, asked, task, last_at, tail)"
        " SELECT 0, 1, 0, 0, 0, %d, key_at(us, i), 1, us, 0, 0, 0, 0, '\\x000000000000000000000000'"
        " FROM made WHERE i < %d AND i %% %d = %d",
        FEW_OF_THEM, MANY - FRESH, 2 * RARE, RARE);
    reads_run("UPDATE message SET endpoints = '\\x0102' WHERE k = (SELECT max(k) FROM message)");
    reads_run(
        "INSERT INTO node_beat(slot, name, address, version, state, lease_until, floor_k, cursor_k, last_k, config_version)"
        " SELECT 1, '', '', 1, 1, clock_timestamp() + interval '1 h', 0, min(key_at(us, i)), 0, 0 FROM made WHERE i >= %d",
        MANY - FRESH);
    reads_run("ANALYZE");
}

/* Pages until the end: how many deliveries, in order, and how many pages. */
static size_t list_deliveries(struct reads *r, int64_t endpoint, unsigned states,
                              struct store_page page, size_t *pages)
{
    struct store_delivery_row rows[50];
    struct store_page_end end;
    const struct store_message_filter filter = { .app = 1 };
    int64_t last_k = page.descending ? INT64_MAX : 0;
    size_t seen = 0;
    *pages = 0;
    do {
        assert_int_equal(store_postgres_delivery_by_endpoint(&r->store.base, &filter, endpoint,
                                                             states, &page, &r->arena, rows, &end),
                         RC_OK);
        for (size_t i = 0; i < end.count; i++) {
            int64_t k = id_key(&rows[i].message);
            assert_true(page.descending ? k < last_k : k > last_k);
            last_k = k;
        }
        seen += end.count;
        page.after =
            reads_after(r, "msg_", end.is_short ? end.resume : rows[end.count - 1].message);
        (*pages)++;
    } while (!end.done);
    return seen;
}

static void an_endpoint_that_gets_few_of_many_messages_has_full_pages(void **state)
{
    struct reads *r = *state;
    size_t pages;
    fill_for_endpoints(r);
    for (int i = 0; i < 2; i++) {
        struct store_page page = { .limit = 5, .descending = i == 0, .rows_max = 1000 };
        assert_int_equal(list_deliveries(r, FEW_OF_THEM, 0, page, &pages), MANY / RARE + 1);
        assert_int_equal(pages, 3);
        assert_int_equal(list_deliveries(r, FEW_OF_THEM, 1U << STORE_PENDING, page, &pages),
                         MANY / RARE / 2 + 1);
        assert_int_equal(pages, 2);
        page.rows_max = FRESH / 2; /* those after the cursor are looked at one by one */
        assert_int_equal(list_deliveries(r, FEW_OF_THEM, 0, page, &pages), MANY / RARE + 1);
    }
}

static void an_endpoint_that_gets_most_messages_is_listed_by_walking_them(void **state)
{
    struct reads *r = *state;
    size_t pages;
    fill_for_endpoints(r);
    for (int i = 0; i < 2; i++) {
        const struct store_page page = { .limit = 50, .descending = i == 0, .rows_max = 1000 };
        assert_int_equal(list_deliveries(r, ALL_OF_THEM, 0, page, &pages), MANY);
        assert_int_equal(pages, MANY / 50);
    }
}

/* The server counts them: no statement of the reads goes through a whole table of what flows. */
#define SCANNED \
    "SELECT coalesce(string_agg(relname || ' ' || seq_scan, ' ' ORDER BY relname), '') FROM pg_stat_user_tables" \
    " WHERE relname ~ '^(message|attempt|request|filter_run|remembered)_[0-9]+$' OR relname = 'waiting'"

static void every_read_goes_by_an_index(void **state)
{
    struct reads *r = *state;
    fill(r);
    reads_run(
        "INSERT INTO node_beat(slot, name, address, version, state, lease_until, floor_k, cursor_k, last_k, config_version)"
        " VALUES(1, '', '', 1, 1, clock_timestamp() + interval '1 h', 0, %" PRId64 ", 0, 0)",
        store_key_at(READS_START_US + 2 * DAY));
    char *before = reads_ask(SCANNED);
    read_messages(r);
    read_attempts(r);
    read_requests_and_runs(r);
    search_and_find(r);
    reads_disconnect(r);
    char *after = reads_ask(SCANNED);
    assert_string_equal(after, before);
    xfree(before);
    xfree(after);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, reads_open, reads_close)
    const struct CMUnitTest tests[] = {
        T(filtered_pages_come_back_short_after_just_so_many_rows),
        T(pages_cross_segments_and_stretches_in_order_both_ways),
        T(an_endpoint_that_gets_few_of_many_messages_has_full_pages),
        T(an_endpoint_that_gets_most_messages_is_listed_by_walking_them),
        T(every_read_goes_by_an_index),
    };
    if (!postgres_is_there())
        return postgres_skip();
    reads_begin();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    reads_end();
    return failed;
}
