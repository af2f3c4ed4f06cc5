/* SPDX-License-Identifier: Apache-2.0 */
#include "store/request.h"
#include "store/source.h"
#include "support.h"

enum { SOURCE = 5 };

struct waiting {
    struct store_record record;
    atomic_bool done;
};

static void record_done(struct store_job *job)
{
    atomic_store(&CONTAINER_OF(job, struct waiting, record.job)->done, true);
}

static bool is_record_done(void *arg)
{
    return atomic_load(&((struct waiting *)arg)->done);
}

static struct id record_one(struct fixture *f, int64_t source, enum store_request_outcome outcome)
{
    const struct store_request r = { .id = id_new(store_ids(f->store)),
                                     .source = source,
                                     .app = TEST_APP,
                                     .at_us = test_now_us(),
                                     .outcome = outcome,
                                     .status = 401,
                                     .reason = STR("no_matching_key"),
                                     .method = STR("POST"),
                                     .url = STR("/in/?a=b"),
                                     .headers = STR("[[\"x-a\",\"needle\"]]"),
                                     .body = STR("\x00\xff body"),
                                     .body_bytes = 7 };
    struct waiting w = { .record = { .job = { .done = record_done }, .request = &r } };
    assert_int_equal(store_submit_record(f->store, &w.record), RC_OK);
    wait_until(is_record_done, &w);
    assert_int_equal(w.record.job.rc, RC_OK);
    return r.id;
}

static size_t list(struct fixture *f, struct store_request_filter filter, int limit,
                   struct store_request *out)
{
    struct store_page_end end;
    const struct store_page page = { .limit = limit, .descending = true };
    assert_int_equal(store_request_list(f->store, &filter, &page, &f->arena, out, &end), RC_OK);
    return end.count;
}

/* --- publishing with company -------------------------------------------------------------------------- */

struct publishing {
    struct store_publish publish;
    atomic_bool done;
};

static void publish_done(struct store_job *job)
{
    atomic_store(&CONTAINER_OF(job, struct publishing, publish.job)->done, true);
}

static bool is_publish_done(void *arg)
{
    return atomic_load(&((struct publishing *)arg)->done);
}

static void publish_and_wait(struct fixture *f, struct publishing *p)
{
    p->publish.job.done = publish_done;
    assert_int_equal(store_submit_publish(f->store, &p->publish), RC_OK);
    wait_until(is_publish_done, p);
}

static struct store_message *make_message(struct fixture *f, int64_t app, const char *event_id)
{
    const struct store_message m = { .id = id_new(store_ids(f->store)),
                                     .org = TEST_ORG,
                                     .app = app,
                                     .created_us = test_now_us(),
                                     .event_type = STR("push"),
                                     .event_id = str_from(event_id),
                                     .payload = STR("{\"in\":1}") };
    return store_message_new(&m);
}

static struct store_publish publish_with_company(struct fixture *f, struct store_message *m,
                                                 struct store_message *other)
{
    struct store_publish also = { .message = other };
    struct store_publish *list_of_one[] = { &also };
    struct store_request request = { .id = m->id,
                                     .source = SOURCE,
                                     .app = m->app,
                                     .at_us = test_now_us(),
                                     .has_message = true,
                                     .status = 200,
                                     .event_type = m->event_type,
                                     .dedupe_id = m->event_id };
    struct publishing p = {
        .publish = { .message = m, .request = &request, .also = list_of_one, .also_count = 1 }
    };
    publish_and_wait(f, &p);
    return p.publish;
}

static void a_request_its_message_and_the_others_are_written_together(void **state)
{
    struct fixture *f = *state;
    struct store_message_row row;
    struct store_request r;
    struct store_message *m = make_message(f, TEST_APP, "delivery-1");
    struct store_message *other = make_message(f, TEST_APP + 1, NULL);
    struct store_publish p = publish_with_company(f, m, other);
    assert_int_equal(p.job.rc, RC_OK);
    assert_int_equal(p.result, STORE_CREATED);
    assert_int_equal(store_message_get(f->store, TEST_APP, &m->id, &f->arena, &row), RC_OK);
    assert_int_equal(store_message_get(f->store, TEST_APP + 1, &other->id, &f->arena, &row), RC_OK);
    assert_int_equal(store_request_get(f->store, SOURCE, &m->id, &f->arena, &r), RC_OK);
    assert_int_equal(r.outcome, STORE_REQUEST_ACCEPTED);
    assert_true(str_eq(r.body, STR("{\"in\":1}")));
    store_message_unref(m);
    store_message_unref(other);
}

static void a_repeated_one_leaves_a_row_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    struct store_message_row row;
    struct store_request r;
    struct store_message *first = make_message(f, TEST_APP, "delivery-1");
    struct store_message *first_other = make_message(f, TEST_APP + 1, NULL);
    struct store_message *again = make_message(f, TEST_APP, "delivery-1");
    struct store_message *again_other = make_message(f, TEST_APP + 1, NULL);
    (void)publish_with_company(f, first, first_other);
    struct store_publish p = publish_with_company(f, again, again_other);
    assert_int_equal(p.job.rc, RC_OK);
    assert_int_equal(p.result, STORE_EVENT_ID_TAKEN);
    assert_int_equal(store_message_get(f->store, TEST_APP, &again->id, &f->arena, &row),
                     RC_NOT_FOUND);
    assert_int_equal(store_message_get(f->store, TEST_APP + 1, &again_other->id, &f->arena, &row),
                     RC_NOT_FOUND);
    assert_int_equal(store_request_get(f->store, SOURCE, &again->id, &f->arena, &r), RC_OK);
    assert_int_equal(r.outcome, STORE_REQUEST_DUPLICATE);
    assert_true(r.has_original);
    assert_memory_equal(r.original.bytes, first->id.bytes, ID_BYTES);
    store_message_unref(first);
    store_message_unref(first_other);
    store_message_unref(again);
    store_message_unref(again_other);
}

/* --- several events in one request ---------------------------------------------------------------------- */

enum { EVENTS = 3 };

/* Each event with one message for another application. "-": none of its own to tell it by. */
struct events {
    struct store_message *messages[EVENTS], *routed[EVENTS];
    struct store_publish jobs[EVENTS], followers[EVENTS];
    struct publishing p;
    struct store_publish *also[2 * EVENTS];
};

static void publish_events(struct fixture *f, const char *const ids[EVENTS], struct events *e)
{
    size_t count = 0;
    for (size_t i = 0; i < EVENTS; i++) {
        e->messages[i] = make_message(f, TEST_APP, ids[i]);
        e->routed[i] = make_message(f, TEST_APP + 1, NULL);
        e->jobs[i] = (struct store_publish){ .message = e->messages[i], .leads = true };
        e->followers[i] = (struct store_publish){ .message = e->routed[i] };
        if (i > 0)
            e->also[count++] = &e->jobs[i];
        e->also[count++] = &e->followers[i];
    }
    struct store_request request = { .id = e->messages[0]->id,
                                     .source = SOURCE,
                                     .app = TEST_APP,
                                     .at_us = test_now_us(),
                                     .has_message = true,
                                     .status = 200,
                                     .item_count = EVENTS };
    e->p = (struct publishing){ .publish = { .message = e->messages[0],
                                             .request = &request,
                                             .also = e->also,
                                             .also_count = count,
                                             .rule = STORE_RULE_ITEMS } };
    publish_and_wait(f, &e->p);
    assert_int_equal(e->p.publish.job.rc, RC_OK);
}

static void free_events(struct events *e)
{
    for (size_t i = 0; i < EVENTS; i++) {
        store_message_unref(e->messages[i]);
        store_message_unref(e->routed[i]);
    }
}

static bool is_stored(struct fixture *f, const struct store_message *m)
{
    struct store_message_row row;
    return store_message_get(f->store, m->app, &m->id, &f->arena, &row) == RC_OK;
}

static void of_several_events_the_known_are_left_out_and_the_new_are_written(void **state)
{
    struct fixture *f = *state;
    struct store_request r;
    struct events first, second;
    publish_events(f, (const char *const[]){ "a", "b", "c" }, &first);
    publish_events(f, (const char *const[]){ "b", "d", "a" }, &second);
    assert_int_equal(second.p.publish.result, STORE_EVENT_ID_TAKEN);
    assert_int_equal(second.jobs[1].result, STORE_CREATED);
    for (size_t i = 0; i < EVENTS; i++) {
        assert_true(is_stored(f, first.messages[i]) && is_stored(f, first.routed[i]));
        assert_int_equal(is_stored(f, second.messages[i]), i == 1);
        assert_int_equal(is_stored(f, second.routed[i]), i == 1);
    }
    assert_int_equal(store_request_get(f->store, SOURCE, &first.messages[0]->id, &f->arena, &r),
                     RC_OK);
    assert_int_equal(r.item_count, EVENTS);
    assert_int_equal(r.message_count, EVENTS);
    assert_memory_equal(r.messages[2].bytes, first.messages[2]->id.bytes, ID_BYTES);
    assert_int_equal(store_request_get(f->store, SOURCE, &second.messages[0]->id, &f->arena, &r),
                     RC_OK);
    assert_int_equal(r.outcome, STORE_REQUEST_ACCEPTED);
    assert_int_equal(r.message_count, 1);
    assert_memory_equal(r.messages[0].bytes, second.messages[1]->id.bytes, ID_BYTES);
    free_events(&first);
    free_events(&second);
}

static void several_events_that_are_all_known_leave_a_row_only(void **state)
{
    struct fixture *f = *state;
    struct store_request r;
    struct events first, again;
    publish_events(f, (const char *const[]){ "a", "b", "c" }, &first);
    fixture_reopen(f);
    publish_events(f, (const char *const[]){ "a", "c", "b" }, &again);
    assert_false(is_stored(f, again.messages[0]) || is_stored(f, again.routed[2]));
    assert_int_equal(store_request_get(f->store, SOURCE, &again.messages[0]->id, &f->arena, &r),
                     RC_OK);
    assert_int_equal(r.outcome, STORE_REQUEST_DUPLICATE);
    assert_true(r.has_original);
    assert_memory_equal(r.original.bytes, first.messages[0]->id.bytes, ID_BYTES);
    assert_int_equal(r.message_count, 0);
    free_events(&first);
    free_events(&again);
}

static void a_request_is_found_by_the_type_and_body_of_any_of_its_events(void **state)
{
    struct fixture *f = *state;
    struct store_request out[4];
    struct events e;
    publish_events(f, (const char *const[]){ "a", "b", "c" }, &e);
    const struct store_request_filter by_type = { .source = SOURCE, .event_type = STR("push") };
    const struct store_request_filter by_text = { .source = SOURCE, .text = STR("\"in\":1") };
    const struct store_request_filter by_none = { .source = SOURCE, .text = STR("absent") };
    assert_int_equal(list(f, by_type, 4, out), 1);
    assert_int_equal(list(f, by_text, 4, out), 1);
    assert_int_equal(list(f, by_none, 4, out), 0);
    free_events(&e);
}

/* --- rows with a message ----------------------------------------------------------------------------- */

#define SAID "[[\"a\",\"0\\\"0\"],0,[\"b\",\"2\"],0]"
#define LINES "x-one: \"1\"\r\nx-two: needle: 0\r\n"
#define WHOLE \
    "[[\"a\",\"0\\\"0\"],[\"x-one\",\"\\\"1\\\"\"],[\"b\",\"2\"],[\"x-two\",\"needle: 0\"]]"
#define BIG (64 * 1024)

/* A request whose headers are said by the lines of its message, or of none. */
static struct id accept_one(struct fixture *f, size_t payload_len, bool has_lines,
                            const char *event_id)
{
    char *payload = arena_alloc(&f->arena, payload_len);
    memset(payload, 'p', payload_len);
    const struct store_message like = { .id = id_new(store_ids(f->store)),
                                        .org = TEST_ORG,
                                        .app = TEST_APP,
                                        .created_us = test_now_us(),
                                        .event_type = STR("push"),
                                        .event_id = str_from(event_id),
                                        .headers = has_lines ? STR(LINES) : STR_NONE,
                                        .payload = str_of(payload, payload_len) };
    struct store_message *m = store_message_new(&like);
    struct store_request request = { .id = m->id,
                                     .source = SOURCE,
                                     .app = m->app,
                                     .at_us = test_now_us(),
                                     .has_message = true,
                                     .status = 200,
                                     .method = STR("PUT"),
                                     .url = STR("/in/?q"),
                                     .peer = STR("192.0.2.1"),
                                     .headers = STR(SAID),
                                     .lines = STR(LINES),
                                     .body_bytes = (int64_t)payload_len,
                                     .event_type = STR("said"),
                                     .dedupe_id = m->event_id };
    struct publishing p = { .publish = { .message = m, .request = &request } };
    struct id id = m->id;
    publish_and_wait(f, &p);
    assert_int_equal(p.publish.job.rc, RC_OK);
    store_message_unref(m);
    return id;
}

static void check_accepted(const struct store_request *r, const struct id *id, int64_t body_bytes)
{
    assert_memory_equal(r->id.bytes, id->bytes, ID_BYTES);
    assert_int_equal(r->outcome, STORE_REQUEST_ACCEPTED);
    assert_true(r->has_message && !r->has_original && r->reason.ptr == NULL);
    assert_int_equal(r->source, SOURCE);
    assert_int_equal(r->app, TEST_APP);
    assert_int_equal(r->at_us, test_now_us());
    assert_int_equal(r->status, 200);
    assert_int_equal(r->body_bytes, body_bytes);
    assert_true(str_eq(r->method, STR("PUT")) && str_eq(r->url, STR("/in/?q")));
    assert_true(str_eq(r->peer, STR("192.0.2.1")) && str_eq(r->event_type, STR("said")));
    assert_true(str_eq(r->headers, STR(WHOLE)));
}

static void a_request_is_the_same_whichever_row_it_is_kept_in(void **state)
{
    struct fixture *f = *state;
    struct store_request r, all[10];
    struct id beside = accept_one(f, 100, true, "1");
    struct id refused = record_one(f, SOURCE, STORE_REQUEST_REJECTED);
    struct id big = accept_one(f, BIG, true, "2");
    struct id without_lines = accept_one(f, 100, false, "3");
    struct id again = accept_one(f, 100, true, "1");
    const struct id newest_first[] = { again, without_lines, big, refused, beside };
    fixture_reopen(f);
    assert_int_equal(store_request_get(f->store, SOURCE, &beside, &f->arena, &r), RC_OK);
    check_accepted(&r, &beside, 100);
    assert_int_equal(r.body.len, 100);
    assert_int_equal(store_request_get(f->store, SOURCE, &big, &f->arena, &r), RC_OK);
    check_accepted(&r, &big, BIG);
    assert_int_equal(r.body.len, BIG);
    assert_int_equal(store_request_get(f->store, SOURCE + 1, &beside, &f->arena, &r), RC_NOT_FOUND);
    assert_int_equal(list(f, (struct store_request_filter){ .source = SOURCE }, 10, all), 5);
    for (size_t i = 0; i < COUNT_OF(newest_first); i++)
        assert_memory_equal(all[i].id.bytes, newest_first[i].bytes, ID_BYTES);
    check_accepted(&all[1], &without_lines, 100);
    check_accepted(&all[4], &beside, 100);
    assert_int_equal(all[0].outcome, STORE_REQUEST_DUPLICATE);
    assert_true(str_eq(all[0].headers, STR(WHOLE)));
    assert_memory_equal(all[0].original.bytes, beside.bytes, ID_BYTES);
}

static void those_in_either_row_are_found_page_by_page_and_by_what_they_hold(void **state)
{
    struct fixture *f = *state;
    struct store_request out[10];
    struct store_page_end end;
    struct store_page page = { .limit = 3 };
    const struct store_request_filter of_source = { .source = SOURCE };
    struct id ids[8];
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        ids[i] = accept_one(f, i % 2 == 0 ? 100 : BIG, true, NULL);
    for (size_t seen = 0; seen < COUNT_OF(ids); seen += end.count) {
        assert_int_equal(store_request_list(f->store, &of_source, &page, &f->arena, out, &end),
                         RC_OK);
        assert_in_range(end.count, 1, 3);
        for (size_t i = 0; i < end.count; i++)
            assert_memory_equal(out[i].id.bytes, ids[seen + i].bytes, ID_BYTES);
        page.after = str_from(id_text(f, "req_", out[end.count - 1].id));
    }
    assert_true(end.done);
    struct store_request_filter filter = { .source = SOURCE, .text = STR("needle") };
    assert_int_equal(list(f, filter, 10, out), 8);
    filter.text = STR("pppp");
    assert_int_equal(list(f, filter, 10, out), 8);
    filter.text = STR("absent");
    assert_int_equal(list(f, filter, 10, out), 0);
    filter = (struct store_request_filter){ .source = SOURCE, .event_type = STR("said") };
    assert_int_equal(list(f, filter, 10, out), 8);
    filter.outcomes = 1u << STORE_REQUEST_REJECTED;
    assert_int_equal(list(f, filter, 10, out), 0);
}

/* --- rows without a message --------------------------------------------------------------------------- */

static void a_refused_request_is_read_back_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct store_request r;
    struct id id = record_one(f, SOURCE, STORE_REQUEST_REJECTED);
    fixture_reopen(f);
    assert_int_equal(store_request_get(f->store, SOURCE, &id, &f->arena, &r), RC_OK);
    assert_int_equal(r.outcome, STORE_REQUEST_REJECTED);
    assert_int_equal(r.status, 401);
    assert_true(str_eq(r.body, STR("\x00\xff body")));
    assert_true(str_eq(r.url, STR("/in/?a=b")));
    assert_int_equal(store_request_get(f->store, SOURCE + 1, &id, &f->arena, &r), RC_NOT_FOUND);
}

static void lists_filter_by_source_outcome_and_text(void **state)
{
    struct fixture *f = *state;
    struct store_request out[10];
    (void)record_one(f, SOURCE, STORE_REQUEST_REJECTED);
    struct id newest = record_one(f, SOURCE, STORE_REQUEST_IGNORED);
    (void)record_one(f, SOURCE + 1, STORE_REQUEST_REJECTED);
    assert_int_equal(list(f, (struct store_request_filter){ .source = SOURCE }, 10, out), 2);
    assert_memory_equal(out[0].id.bytes, newest.bytes, ID_BYTES);
    assert_null(out[0].body.ptr);
    assert_int_equal(list(f,
                          (struct store_request_filter){ .source = SOURCE,
                                                         .outcomes = 1u << STORE_REQUEST_REJECTED },
                          10, out),
                     1);
    assert_int_equal(
        list(f, (struct store_request_filter){ .source = SOURCE, .text = STR("needle") }, 10, out),
        2);
    assert_int_equal(
        list(f, (struct store_request_filter){ .source = SOURCE, .text = STR("absent") }, 10, out),
        0);
}

static void rows_without_a_message_are_bounded_a_source(void **state)
{
    struct fixture *f = *state;
    struct store_page_end end;
    size_t count = 0;
    struct store_page page = { .limit = 250, .descending = true };
    struct store_request *out = arena_array(&f->arena, 250, sizeof(*out));
    const struct store_request_filter filter = { .source = SOURCE };
    for (int i = 0; i < STORE_REQUESTS_BOUND + 200; i++)
        (void)record_one(f, SOURCE, STORE_REQUEST_REJECTED);
    do {
        assert_int_equal(store_request_list(f->store, &filter, &page, &f->arena, out, &end), RC_OK);
        count += end.count;
        if (end.count > 0)
            page.after = str_from(id_text(f, "req_", out[end.count - 1].id));
    } while (!end.done);
    assert_in_range(count, STORE_REQUESTS_BOUND, STORE_REQUESTS_BOUND + 64);
}

/* --- sources ------------------------------------------------------------------------------------------- */

static void a_source_is_found_by_id_uid_and_token_until_it_is_deleted(void **state)
{
    struct fixture *f = *state;
    struct store_tx *tx = NULL;
    struct store_source found;
    struct store_source source = { .org = TEST_ORG,
                                   .app = TEST_APP,
                                   .id = STR("src_1"),
                                   .uid = STR("mine"),
                                   .name = STR("n"),
                                   .metadata = STR("{}"),
                                   .kind = STR("github"),
                                   .config = STR("{}"),
                                   .token_count = 1 };
    source.tokens[0] = (struct store_source_token){ .hash = { 1, 2, 3 }, .sealed = STR("sealed") };
    assert_int_equal(store_write(f->store, &tx), RC_OK);
    assert_int_equal(store_source_insert(tx, &source), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    assert_int_equal(store_write(f->store, &tx), RC_OK);
    assert_int_equal(store_source_find(tx, TEST_ORG, STR("mine"), &f->arena, &found), RC_OK);
    assert_int_equal(store_source_by_token(tx, source.tokens[0].hash, &f->arena, &found), RC_OK);
    assert_int_equal(found.num, source.num);
    assert_int_equal(found.token_count, 1);
    assert_null(found.secrets.ptr);
    assert_int_equal(store_source_find(tx, TEST_ORG + 1, STR("mine"), &f->arena, &found),
                     RC_NOT_FOUND);
    assert_int_equal(store_source_delete(tx, source.num, test_now_us()), RC_OK);
    assert_int_equal(store_source_find(tx, TEST_ORG, STR("src_1"), &f->arena, &found),
                     RC_NOT_FOUND);
    assert_int_equal(store_source_by_token(tx, source.tokens[0].hash, &f->arena, &found),
                     RC_NOT_FOUND);
    store_end(tx);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_request_its_message_and_the_others_are_written_together),
        WITH_STORE(a_repeated_one_leaves_a_row_and_nothing_else),
        WITH_STORE(of_several_events_the_known_are_left_out_and_the_new_are_written),
        WITH_STORE(several_events_that_are_all_known_leave_a_row_only),
        WITH_STORE(a_request_is_found_by_the_type_and_body_of_any_of_its_events),
        WITH_STORE(a_request_is_the_same_whichever_row_it_is_kept_in),
        WITH_STORE(those_in_either_row_are_found_page_by_page_and_by_what_they_hold),
        WITH_STORE(a_refused_request_is_read_back_as_it_was),
        WITH_STORE(lists_filter_by_source_outcome_and_text),
        WITH_STORE(rows_without_a_message_are_bounded_a_source),
        WITH_STORE(a_source_is_found_by_id_uid_and_token_until_it_is_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
