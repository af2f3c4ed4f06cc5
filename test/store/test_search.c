/* SPDX-License-Identifier: Apache-2.0
 *
 * Searching deliveries, and finding what flows by a word.
 */
#include "store/find.h"
#include "store/trouble.h"
#include "support.h"

enum { ROOM = 40 };

struct search {
    struct store_delivery_found rows[ROOM];
    struct store_delivery_search_end end;
};

static struct store_delivery_search everything(void)
{
    return (struct store_delivery_search){ .app = TEST_APP,
                                           .http_status = -1,
                                           .rows_max = 1000,
                                           .bytes_max = 1 << 20,
                                           .until_us = INT64_MAX };
}

static size_t search(struct fixture *f, struct store_delivery_search what, struct search *out)
{
    assert_int_equal(store_delivery_search(f->store, &what, &f->arena, out->rows, ROOM, &out->end),
                     RC_OK);
    return out->end.count;
}

/* --- searching deliveries ------------------------------------------------------------------------------ */

static void a_text_is_found_in_payloads_answers_and_errors(void **state)
{
    struct fixture *f = *state;
    struct search s;
    struct id sent = publish(f, (struct publish_spec){ .payload = "{\"a\":\"a needle\"}" }).id;
    test_advance_us(SECOND);
    struct id answered = publish(f, (struct publish_spec){ 0 }).id;
    test_advance_us(SECOND);
    struct id failed = publish(f, (struct publish_spec){ 0 }).id;
    (void)publish(f, (struct publish_spec){ 0 });
    (void)publish(f, (struct publish_spec){ .app = TEST_APP + 1, .payload = "\"needle\"" });
    struct store_outcome o = outcome_of(f, answered, 1, STORE_PENDING, STORE_SUCCESS);
    o.response = STR("thanks \x00 needle \xff");
    assert_int_equal(record(f, &o), RC_OK);
    o = outcome_of(f, failed, 1, STORE_PENDING, STORE_SENDING);
    o.detail = STR("no needle came");
    assert_int_equal(record(f, &o), RC_OK);
    struct store_delivery_search what = everything();
    what.text = STR("needle");
    assert_int_equal(search(f, what, &s), 3);
    assert_true(s.end.done);
    assert_memory_equal(s.rows[0].row.message.bytes, failed.bytes, ID_BYTES);
    assert_string_equal(s.rows[0].matched, "error");
    assert_int_equal(s.rows[0].row.state, STORE_SENDING);
    assert_true(s.rows[0].has_last);
    assert_memory_equal(s.rows[0].last.id.bytes, o.attempt.bytes, ID_BYTES);
    assert_memory_equal(s.rows[1].row.message.bytes, answered.bytes, ID_BYTES);
    assert_string_equal(s.rows[1].matched, "response");
    assert_int_equal(s.rows[1].last.http_status, 200);
    assert_memory_equal(s.rows[2].row.message.bytes, sent.bytes, ID_BYTES);
    assert_string_equal(s.rows[2].matched, "payload");
    assert_false(s.rows[2].has_last);
    assert_null(s.rows[2].row.message_row.message.payload.ptr);
    assert_true(str_eq(s.rows[2].row.message_row.message.event_type, STR("invoice.paid")));
    what.text = STR("absent");
    assert_int_equal(search(f, what, &s), 0);
}

static void deliveries_are_searched_by_state_answer_type_endpoint_and_time(void **state)
{
    struct fixture *f = *state;
    struct search s;
    struct str type = STR("b");
    const int64_t two[] = { 1, 2 };
    int64_t start_us = test_now_us();
    struct id first =
        publish(f,
                (struct publish_spec){ .event_type = "a", .endpoints = two, .endpoint_count = 2 })
            .id;
    test_advance_us(10 * SECOND);
    struct id second = publish(f, (struct publish_spec){ .event_type = "b" }).id;
    assert_int_equal(finish(f, first, 1, STORE_PENDING, STORE_FAILED), RC_OK);
    assert_int_equal(finish(f, second, 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    assert_int_equal(search(f, everything(), &s), 3);
    assert_null(s.rows[0].matched);
    assert_int_equal(s.rows[1].row.endpoint, 1);
    assert_int_equal(s.rows[2].row.endpoint, 2);
    struct store_delivery_search what = everything();
    what.states = 1U << STORE_FAILED | 1U << STORE_SUCCESS;
    assert_int_equal(search(f, what, &s), 2);
    what.http_status = 500;
    assert_int_equal(search(f, what, &s), 1);
    assert_memory_equal(s.rows[0].row.message.bytes, first.bytes, ID_BYTES);
    what = everything();
    what.endpoint = 2;
    assert_int_equal(search(f, what, &s), 1);
    assert_int_equal(s.rows[0].row.state, STORE_PENDING);
    what = everything();
    what.event_types = &type;
    what.event_type_count = 1;
    assert_int_equal(search(f, what, &s), 1);
    what = everything();
    what.before_us = start_us + SECOND;
    assert_int_equal(search(f, what, &s), 2);
    what = everything();
    what.after_us = start_us + SECOND;
    assert_int_equal(search(f, what, &s), 1);
}

/* Of four messages with three deliveries each, whatever a page may look at. */
static void search_in_steps(struct fixture *f, struct store_delivery_search what, size_t max)
{
    struct search s;
    size_t seen = 0, turns = 0;
    int64_t last_endpoint = 3;
    do {
        assert_int_equal(store_delivery_search(f->store, &what, &f->arena, s.rows, max, &s.end),
                         RC_OK);
        for (size_t i = 0; i < s.end.count; i++, seen++) {
            assert_int_equal(s.rows[i].row.endpoint, last_endpoint % 3 + 1);
            last_endpoint = s.rows[i].row.endpoint;
        }
        assert_true(s.end.row_count > 0 || s.end.done);
        what.has_after = true;
        what.after = s.end.resume;
        what.after_endpoint = s.end.resume_endpoint;
        assert_true(++turns < 40);
    } while (!s.end.done);
    assert_int_equal(seen, 12);
}

static void a_search_that_stops_goes_on_where_it_was(void **state)
{
    struct fixture *f = *state;
    const int64_t three[] = { 1, 2, 3 };
    for (int i = 0; i < 4; i++) {
        (void)publish(f, (struct publish_spec){ .endpoints = three, .endpoint_count = 3 });
        test_advance_us(SECOND);
    }
    struct store_delivery_search what = everything();
    search_in_steps(f, what, ROOM);
    search_in_steps(f, what, 2);
    what.rows_max = 2;
    search_in_steps(f, what, ROOM);
    what.rows_max = 5;
    search_in_steps(f, what, ROOM);
    what = everything();
    what.until_us = test_now_us() - 1; /* each step looks at something all the same */
    search_in_steps(f, what, ROOM);
    what = everything();
    what.text = STR("a");
    what.bytes_max = 10;
    search_in_steps(f, what, ROOM);
}

/* --- by id alone ------------------------------------------------------------------------------------------ */

static void a_message_and_an_attempt_are_found_by_their_ids_alone(void **state)
{
    struct fixture *f = *state;
    struct store_flowing_row row;
    bool is_complete = true;
    struct id m = publish(f, (struct publish_spec){ .event_id = "e" }).id;
    struct store_outcome o = outcome_of(f, m, 1, STORE_PENDING, STORE_FAILED);
    assert_int_equal(record(f, &o), RC_OK);
    assert_int_equal(
        store_find_flowing(f->store, STORE_FLOW_MESSAGE, &m, &f->arena, &row, &is_complete), RC_OK);
    assert_int_equal(row.app, TEST_APP);
    assert_int_equal(row.at_us, test_now_us());
    assert_true(str_eq(row.title, STR("invoice.paid")) && str_eq(row.event_id, STR("e")));
    assert_int_equal(
        store_find_flowing(f->store, STORE_FLOW_ATTEMPT, &o.attempt, &f->arena, &row, &is_complete),
        RC_OK);
    assert_int_equal(row.app, TEST_APP);
    assert_int_equal(row.endpoint, 1);
    assert_int_equal(row.status, 500);
    assert_memory_equal(row.message.bytes, m.bytes, ID_BYTES);
    assert_true(is_complete);
    m.bytes[ID_BYTES - 1] ^= 1;
    assert_int_equal(
        store_find_flowing(f->store, STORE_FLOW_MESSAGE, &m, &f->arena, &row, &is_complete),
        RC_NOT_FOUND);
    assert_int_equal(
        store_find_flowing(f->store, STORE_FLOW_ATTEMPT, &m, &f->arena, &row, &is_complete),
        RC_NOT_FOUND);
    assert_int_equal(
        store_find_flowing(f->store, STORE_FLOW_RUN, &m, &f->arena, &row, &is_complete),
        RC_NOT_FOUND);
}

/* --- by a word ------------------------------------------------------------------------------------------ */

static void messages_are_found_by_event_id_and_by_idempotency_key(void **state)
{
    struct fixture *f = *state;
    struct store_flowing_row rows[4];
    size_t count = 0;
    bool is_complete = true;
    struct store_find_key keys[] = { { .app = TEST_APP + 1 }, { .app = TEST_APP } };
    struct id m = publish(f, (struct publish_spec){ .event_id = "order-1", .key = "k" }).id;
    (void)publish(f, (struct publish_spec){ .event_id = "order-2", .key = "l" });
    struct store_find_keys find = {
        .event_id = STR("order-1"), .keys = keys, .key_count = 2, .until_us = INT64_MAX
    };
    assert_int_equal(store_find_messages(f->store, &find, &f->arena, rows, 4, &count, &is_complete),
                     RC_OK);
    assert_int_equal(count, 1);
    assert_memory_equal(rows[0].id.bytes, m.bytes, ID_BYTES);
    assert_int_equal(rows[0].app, TEST_APP);
    assert_true(str_eq(rows[0].event_id, STR("order-1")));
    find.event_id = STR_NONE;
    for (size_t i = 0; i < COUNT_OF(keys); i++) { /* as publish() makes them */
        memset(keys[i].key, 0x5a, sizeof(keys[i].key));
        keys[i].key[0] = i == 0 ? 'l' : 'k';
    }
    assert_int_equal(store_find_messages(f->store, &find, &f->arena, rows, 4, &count, &is_complete),
                     RC_OK);
    assert_int_equal(count, 2); /* one more; the other key is another application's */
    assert_memory_equal(rows[1].id.bytes, m.bytes, ID_BYTES);
    assert_true(is_complete);
}

/* --- refused requests --------------------------------------------------------------------------------------- */

struct refusal {
    struct store_record record;
    atomic_bool is_done;
};

static void refused(struct store_job *job)
{
    atomic_store(&CONTAINER_OF(job, struct refusal, record.job)->is_done, true);
}

static bool is_refused(void *arg)
{
    return atomic_load(&((struct refusal *)arg)->is_done);
}

static struct id refuse(struct fixture *f, int64_t source, enum store_request_outcome outcome)
{
    const struct store_request r = { .id = id_new(store_ids(f->store)),
                                     .source = source,
                                     .app = TEST_APP,
                                     .at_us = test_now_us(),
                                     .outcome = outcome,
                                     .status = 401,
                                     .reason = STR("stale") };
    struct refusal w = { .record = { .job = { .done = refused }, .request = &r } };
    assert_int_equal(store_submit_record(f->store, &w.record), RC_OK);
    wait_until(is_refused, &w);
    assert_int_equal(w.record.job.rc, RC_OK);
    return r.id;
}

static void the_newest_requests_that_a_source_refused_are_summed_up(void **state)
{
    struct fixture *f = *state;
    struct store_refused sum;
    (void)refuse(f, 5, STORE_REQUEST_REJECTED);
    test_advance_us(HOUR);
    int64_t since_us = test_now_us();
    (void)refuse(f, 5, STORE_REQUEST_REJECTED);
    test_advance_us(SECOND);
    struct id last = refuse(f, 5, STORE_REQUEST_REJECTED);
    (void)refuse(f, 5, STORE_REQUEST_IGNORED);
    (void)refuse(f, 6, STORE_REQUEST_REJECTED);
    assert_int_equal(store_request_refused(f->store, 5, since_us, &f->arena, &sum), RC_OK);
    assert_int_equal(sum.count, 2);
    assert_int_equal(sum.first_us, since_us);
    assert_int_equal(sum.last_us, since_us + SECOND);
    assert_int_equal(sum.status, 401);
    assert_true(str_eq(sum.reason, STR("stale")));
    assert_memory_equal(sum.last.bytes, last.bytes, ID_BYTES);
    assert_int_equal(store_request_refused(f->store, 7, since_us, &f->arena, &sum), RC_OK);
    assert_int_equal(sum.count, 0);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_text_is_found_in_payloads_answers_and_errors),
        WITH_STORE(deliveries_are_searched_by_state_answer_type_endpoint_and_time),
        WITH_STORE(a_search_that_stops_goes_on_where_it_was),
        WITH_STORE(a_message_and_an_attempt_are_found_by_their_ids_alone),
        WITH_STORE(messages_are_found_by_event_id_and_by_idempotency_key),
        WITH_STORE(the_newest_requests_that_a_source_refused_are_summed_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
