/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

enum { BATCH = 40 };
static atomic_int batch_done;

static void count_batch(struct store_job *job)
{
    (void)job;
    atomic_fetch_add(&batch_done, 1);
}

static bool is_batch_done(void *arg)
{
    return atomic_load(&batch_done) == *(int *)arg;
}

static enum rc submit_and_wait(struct fixture *f, struct store_publish *p)
{
    int wanted = 1;
    atomic_store(&batch_done, 0);
    p->job.done = count_batch;
    assert_int_equal(store_submit_publish(f->store, p), RC_OK);
    wait_until(is_batch_done, &wanted);
    return p->job.rc;
}

static void a_published_message_is_read_back_byte_for_byte(void **state)
{
    struct fixture *f = *state;
    struct store_message_row row;
    struct published p = publish(f, (struct publish_spec){ .event_id = "e1",
                                                           .channels = "[\"a\"]",
                                                           .tags = "[\"t\"]",
                                                           .payload = " {\"x\" : 1.0} ",
                                                           .expires_us = test_now_us() + DAY });
    assert_int_equal(p.rc, RC_OK);
    assert_int_equal(p.result, STORE_CREATED);
    assert_int_equal(store_message_get(f->store, TEST_APP, &p.id, &f->arena, &row), RC_OK);
    assert_memory_equal(row.message.id.bytes, p.id.bytes, ID_BYTES);
    assert_true(str_eq(row.message.payload, STR(" {\"x\" : 1.0} ")));
    assert_true(str_eq(row.message.event_type, STR("invoice.paid")));
    assert_true(str_eq(row.message.event_id, STR("e1")));
    assert_true(str_eq(row.message.channels, STR("[\"a\"]")));
    assert_true(str_eq(row.message.tags, STR("[\"t\"]")));
    assert_null(row.message.content_type.ptr);
    assert_int_equal(row.message.org, TEST_ORG);
    assert_int_equal(row.message.created_us, test_now_us());
}

static void a_message_is_not_found_in_another_application_or_under_another_id(void **state)
{
    struct fixture *f = *state;
    struct store_message_row row;
    struct published p = publish(f, (struct publish_spec){ 0 });
    assert_int_equal(store_message_get(f->store, TEST_APP + 1, &p.id, &f->arena, &row),
                     RC_NOT_FOUND);
    p.id.bytes[ID_BYTES - 1] ^= 1; /* the same row key */
    assert_int_equal(store_message_get(f->store, TEST_APP, &p.id, &f->arena, &row), RC_NOT_FOUND);
}

static void a_loaded_message_is_counted_and_outlives_the_store(void **state)
{
    struct fixture *f = *state;
    struct store_message *m;
    struct published p = publish(f, (struct publish_spec){ .payload = "{}" });
    assert_int_equal(store_message_load(f->store, &p.id, &m), RC_OK);
    store_close(f->store);
    f->store = NULL;
    assert_true(str_eq(m->payload, STR("{}")));
    assert_null(m->event_id.ptr);
    store_message_unref(m);
    fixture_reopen(f);
}

static void an_id_that_is_taken_is_a_conflict_and_fails_alone(void **state)
{
    struct fixture *f = *state;
    struct published first = publish(f, (struct publish_spec){ .payload = "{\"n\":1}" });
    struct store_message_row row;
    struct store_message from = {
        .id = first.id, .app = TEST_APP, .event_type = STR("x"), .payload = STR("{\"n\":2}")
    };
    struct store_publish p = { .message = store_message_new(&from) };
    assert_int_equal(submit_and_wait(f, &p), RC_CONFLICT);
    store_message_unref(p.message);
    assert_int_equal(store_message_get(f->store, TEST_APP, &first.id, &f->arena, &row), RC_OK);
    assert_true(str_eq(row.message.payload, STR("{\"n\":1}")));
}

/* --- batches -------------------------------------------------------------------------------------------- */

enum { WHOLE = 3 };

struct whole {
    struct store_publish jobs[WHOLE];
    struct store_publish *also[WHOLE - 1];
};

/* Messages whose keys and event ids begin with `name`; event id `taken` is used for the last one. */
static enum rc publish_whole(struct fixture *f, struct whole *w, char name, const char *taken,
                             const struct id *last_id)
{
    static const int64_t endpoint = 1;
    char event_ids[WHOLE][3] = { { name, '0' }, { name, '1' }, { name, '2' } };
    *w = (struct whole){ 0 };
    for (int i = 0; i < WHOLE; i++) {
        bool is_last = i == WHOLE - 1;
        struct store_message from = {
            .id = is_last && last_id != NULL ? *last_id : id_new(store_ids(f->store)),
            .app = TEST_APP,
            .event_type = STR("x"),
            .event_id = str_from(is_last && taken != NULL ? taken : event_ids[i]),
            .payload = STR("{}")
        };
        w->jobs[i] = (struct store_publish){ .message = store_message_new(&from),
                                             .endpoints = &endpoint,
                                             .endpoint_count = 1,
                                             .has_key = true,
                                             .key = { (uint8_t)name, (uint8_t)i } };
        if (i > 0)
            w->also[i - 1] = &w->jobs[i];
    }
    w->jobs[0].also = w->also;
    w->jobs[0].also_count = WHOLE - 1;
    w->jobs[0].rule = STORE_RULE_BATCH;
    return submit_and_wait(f, &w->jobs[0]);
}

static void free_whole(struct whole *w)
{
    for (int i = 0; i < WHOLE; i++)
        store_message_unref(w->jobs[i].message);
}

/* How many of them can be read. */
static int written(struct fixture *f, const struct whole *w, int count)
{
    int found = 0;
    for (int i = 0; i < count; i++) {
        struct store_message_row row;
        const struct id *id = &w->jobs[i].message->id;
        if (store_message_get(f->store, TEST_APP, id, &f->arena, &row) != RC_OK)
            continue;
        assert_int_equal(state_of(f, *id, 1), STORE_PENDING);
        found++;
    }
    return found;
}

static void a_batch_is_written_whole_and_replayed_whole(void **state)
{
    struct fixture *f = *state;
    struct whole a, b;
    assert_int_equal(publish_whole(f, &a, 'a', NULL, NULL), RC_OK);
    assert_int_equal(written(f, &a, WHOLE), WHOLE);
    assert_int_equal(publish_whole(f, &b, 'a', NULL, NULL), RC_OK);
    assert_int_equal(written(f, &b, WHOLE), 0);
    for (int i = 0; i < WHOLE; i++) {
        assert_int_equal(a.jobs[i].result, STORE_CREATED);
        assert_int_equal(b.jobs[i].result, STORE_REPLAYED);
        assert_memory_equal(b.jobs[i].first.bytes, a.jobs[i].message->id.bytes, ID_BYTES);
    }
    free_whole(&a);
    free_whole(&b);
}

static void a_batch_with_an_event_id_that_is_taken_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct whole a, b;
    (void)publish(f, (struct publish_spec){ .event_id = "taken" });
    assert_int_equal(publish_whole(f, &a, 'a', "taken", NULL), RC_OK);
    assert_int_equal(a.jobs[2].result, STORE_EVENT_ID_TAKEN);
    assert_int_equal(written(f, &a, WHOLE), 0);
    assert_int_equal(publish_whole(f, &b, 'a', NULL, NULL), RC_OK);
    assert_int_equal(written(f, &b, WHOLE), WHOLE);
    free_whole(&a);
    free_whole(&b);
}

static void a_batch_that_fails_midway_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct whole a, b;
    struct published first = publish(f, (struct publish_spec){ 0 });
    assert_int_not_equal(publish_whole(f, &a, 'a', NULL, &first.id), RC_OK);
    assert_int_equal(written(f, &a, WHOLE - 1), 0);
    assert_int_equal(publish_whole(f, &b, 'a', NULL, NULL), RC_OK);
    assert_int_equal(b.jobs[0].result, STORE_CREATED);
    assert_int_equal(written(f, &b, WHOLE), WHOLE);
    free_whole(&a);
    free_whole(&b);
}

/* --- idempotency ---------------------------------------------------------------------------------------- */

static void a_key_used_again_with_the_same_body_names_the_first_message(void **state)
{
    struct fixture *f = *state;
    struct published a = publish(f, (struct publish_spec){ .key = "k" });
    struct published b = publish(f, (struct publish_spec){ .key = "k" });
    struct store_message_row row;
    assert_int_equal(a.result, STORE_CREATED);
    assert_int_equal(b.result, STORE_REPLAYED);
    assert_memory_equal(b.first.bytes, a.id.bytes, ID_BYTES);
    assert_int_equal(store_message_get(f->store, TEST_APP, &b.id, &f->arena, &row), RC_NOT_FOUND);
}

static void a_key_used_again_with_another_body_is_refused(void **state)
{
    struct fixture *f = *state;
    (void)publish(f, (struct publish_spec){ .key = "k", .body = "one" });
    assert_int_equal(publish(f, (struct publish_spec){ .key = "k", .body = "two" }).result,
                     STORE_KEY_REUSED);
    assert_int_equal(publish(f, (struct publish_spec){ .key = "l", .body = "two" }).result,
                     STORE_CREATED);
}

static void keys_are_remembered_over_a_restart(void **state)
{
    struct fixture *f = *state;
    struct published a = publish(f, (struct publish_spec){ .key = "k", .event_id = "e" });
    fixture_reopen(f);
    struct published b = publish(f, (struct publish_spec){ .key = "k" });
    assert_int_equal(b.result, STORE_REPLAYED);
    assert_memory_equal(b.first.bytes, a.id.bytes, ID_BYTES);
    assert_int_equal(publish(f, (struct publish_spec){ .event_id = "e" }).result,
                     STORE_EVENT_ID_TAKEN);
}

static void a_key_may_be_used_again_after_the_window(void **state)
{
    struct fixture *f = *state;
    (void)publish(f, (struct publish_spec){ .key = "k" });
    test_advance_us(f->options.idempotency_us - SECOND);
    assert_int_equal(publish(f, (struct publish_spec){ .key = "k" }).result, STORE_REPLAYED);
    test_advance_us(2 * SECOND);
    struct published b = publish(f, (struct publish_spec){ .key = "k" });
    assert_int_equal(b.result, STORE_CREATED);
    struct published c = publish(f, (struct publish_spec){ .key = "k" });
    assert_int_equal(c.result, STORE_REPLAYED);
    assert_memory_equal(c.first.bytes, b.id.bytes, ID_BYTES);
}

static void an_event_id_is_unique_in_its_application(void **state)
{
    struct fixture *f = *state;
    struct store_message_row row;
    struct published a = publish(f, (struct publish_spec){ .event_id = "order-1" });
    struct published b = publish(f, (struct publish_spec){ .event_id = "order-1" });
    assert_int_equal(b.result, STORE_EVENT_ID_TAKEN);
    assert_memory_equal(b.first.bytes, a.id.bytes, ID_BYTES);
    assert_int_equal(publish(f, (struct publish_spec){ .event_id = "order-1", .app = 99 }).result,
                     STORE_CREATED);
    assert_int_equal(store_message_by_event_id(f->store, TEST_APP, STR("order-1"), &f->arena, &row),
                     RC_OK);
    assert_memory_equal(row.message.id.bytes, a.id.bytes, ID_BYTES);
    assert_int_equal(store_message_by_event_id(f->store, TEST_APP, STR("order-2"), &f->arena, &row),
                     RC_NOT_FOUND);
}

/* --- one group -------------------------------------------------------------------------------------------- */

static void one_key_many_times_in_one_group_makes_one_message(void **state)
{
    struct fixture *f = *state;
    struct store_publish batch[BATCH], *list[BATCH];
    int created = 0, replayed = 0, wanted = BATCH;
    atomic_store(&batch_done, 0);
    for (int i = 0; i < BATCH; i++) {
        struct store_message from = { .id = id_new(store_ids(f->store)),
                                      .app = TEST_APP,
                                      .created_us = test_now_us(),
                                      .event_type = STR("x"),
                                      .payload = STR("{}") };
        batch[i] = (struct store_publish){ .job = { .done = count_batch },
                                           .message = store_message_new(&from),
                                           .has_key = true,
                                           .key = { 1, 2, 3 } };
        list[i] = &batch[i];
    }
    assert_int_equal(store_submit_publishes(f->store, list, BATCH), RC_OK);
    wait_until(is_batch_done, &wanted);
    for (int i = 0; i < BATCH; i++) {
        assert_int_equal(batch[i].job.rc, RC_OK);
        created += batch[i].result == STORE_CREATED;
        replayed += batch[i].result == STORE_REPLAYED;
        store_message_unref(batch[i].message);
    }
    assert_int_equal(created, 1);
    assert_int_equal(replayed, BATCH - 1);
}

static void a_full_queue_takes_all_of_a_batch_or_nothing(void **state)
{
    struct fixture *f = *state;
    f->options.queue_max = BATCH - 1;
    fixture_reopen(f);
    struct store_publish batch[BATCH], *list[BATCH];
    for (int i = 0; i < BATCH; i++) {
        batch[i] = (struct store_publish){ .job = { .done = count_batch } };
        list[i] = &batch[i];
    }
    assert_int_equal(store_submit_publishes(f->store, list, BATCH), RC_BUSY);
    assert_int_equal(publish(f, (struct publish_spec){ 0 }).rc, RC_OK);
}

/* --- lists -------------------------------------------------------------------------------------------------- */

static size_t list(struct fixture *f, struct store_message_filter filter, struct store_page page,
                   struct store_message_row *out, bool *done)
{
    struct store_page_end end;
    filter.app = filter.app == 0 ? TEST_APP : filter.app;
    assert_int_equal(store_message_list(f->store, &filter, &page, &f->arena, out, &end), RC_OK);
    *done = end.done;
    return end.count;
}

static void pages_run_both_ways_and_always_newest_first(void **state)
{
    struct fixture *f = *state;
    struct id ids[10];
    struct store_message_row rows[4];
    bool done;
    for (int i = 0; i < 10; i++) {
        ids[i] = publish(f, (struct publish_spec){ 0 }).id;
        (void)publish(f, (struct publish_spec){ .app = 50 });
        test_advance_us(SECOND);
    }
    struct store_page page = { .limit = 4, .descending = true };
    assert_int_equal(list(f, (struct store_message_filter){ 0 }, page, rows, &done), 4);
    assert_false(done);
    assert_memory_equal(rows[0].message.id.bytes, ids[9].bytes, ID_BYTES);
    assert_memory_equal(rows[3].message.id.bytes, ids[6].bytes, ID_BYTES);
    assert_null(rows[0].message.payload.ptr);

    page.after = str_from(id_text(f, "msg_", ids[2]));
    assert_int_equal(list(f, (struct store_message_filter){ 0 }, page, rows, &done), 2);
    assert_true(done);
    assert_memory_equal(rows[0].message.id.bytes, ids[1].bytes, ID_BYTES);

    page.backwards = true; /* the page that ends before ids[2]: the newer ones next to it */
    assert_int_equal(list(f, (struct store_message_filter){ 0 }, page, rows, &done), 4);
    assert_false(done);
    assert_memory_equal(rows[0].message.id.bytes, ids[6].bytes, ID_BYTES);
    assert_memory_equal(rows[3].message.id.bytes, ids[3].bytes, ID_BYTES);
}

static void ascending_lists_start_at_the_oldest(void **state)
{
    struct fixture *f = *state;
    struct store_message_row rows[2];
    bool done;
    struct id first = publish(f, (struct publish_spec){ 0 }).id;
    (void)publish(f, (struct publish_spec){ 0 });
    (void)publish(f, (struct publish_spec){ 0 });
    assert_int_equal(
        list(f, (struct store_message_filter){ 0 }, (struct store_page){ .limit = 2 }, rows, &done),
        2);
    assert_false(done);
    assert_memory_equal(rows[0].message.id.bytes, first.bytes, ID_BYTES);
}

static void a_page_after_something_that_is_no_id_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store_message_row rows[1];
    struct store_page_end end;
    struct store_message_filter filter = { .app = TEST_APP };
    struct store_page page = { .limit = 1, .descending = true, .after = STR("msg_!") };
    assert_int_equal(store_message_list(f->store, &filter, &page, &f->arena, rows, &end),
                     RC_INVALID);
}

static void lists_filter_by_type_channel_tag_and_time(void **state)
{
    struct fixture *f = *state;
    struct store_message_row rows[10];
    struct str types[] = { STR("a.b"), STR("it's \"q\"") };
    bool done;
    struct store_page page = { .limit = 10, .descending = true };
    int64_t start_us = test_now_us();
    (void)publish(f,
                  (struct publish_spec){ .event_type = "a.b", .channels = "[\"red\",\"blue\"]" });
    test_advance_us(SECOND);
    (void)publish(f, (struct publish_spec){
                         .event_type = "a.c", .channels = "[\"blue\"]", .tags = "[\"t\"]" });
    test_advance_us(SECOND);
    (void)publish(f, (struct publish_spec){ .event_type = "it's \"q\"" });
    assert_int_equal(
        list(f, (struct store_message_filter){ .channel = STR("blue") }, page, rows, &done), 2);
    assert_int_equal(
        list(f, (struct store_message_filter){ .channel = STR("re") }, page, rows, &done), 0);
    assert_int_equal(list(f, (struct store_message_filter){ .tag = STR("t") }, page, rows, &done),
                     1);
    assert_int_equal(
        list(f, (struct store_message_filter){ .event_types = types, .event_type_count = 2 }, page,
             rows, &done),
        2);
    assert_int_equal(
        list(f, (struct store_message_filter){ .before_us = start_us + SECOND }, page, rows, &done),
        1);
    assert_int_equal(
        list(f, (struct store_message_filter){ .after_us = start_us + SECOND }, page, rows, &done),
        2);
    assert_int_equal(
        list(f, (struct store_message_filter){ .with_payload = true }, page, rows, &done), 3);
    assert_true(str_eq(rows[0].message.payload, STR("{\"a\":1}")));
}

static void a_payload_is_gone_when_its_time_is_over(void **state)
{
    struct fixture *f = *state;
    struct store_message_row row;
    struct published p = publish(f, (struct publish_spec){ .expires_us = test_now_us() + HOUR });
    test_advance_us(2 * HOUR);
    assert_int_equal(store_message_get(f->store, TEST_APP, &p.id, &f->arena, &row), RC_OK);
    assert_null(row.message.payload.ptr);
}

struct erasure {
    struct fixture *f;
    struct id id;
};

/* Erased, not hidden: with the clock back before its end, it is still not there. */
static bool is_erased(void *arg)
{
    struct fixture *f = ((struct erasure *)arg)->f;
    struct store_message_row row;
    store_set_retention(f->store, f->options.retention_us, f->options.idempotency_us);
    test_advance_us(-2 * HOUR);
    assert_int_equal(
        store_message_get(f->store, TEST_APP, &((struct erasure *)arg)->id, &f->arena, &row),
        RC_OK);
    test_advance_us(2 * HOUR);
    return row.message.payload.ptr == NULL;
}

static void a_payload_past_its_time_is_erased(void **state)
{
    struct fixture *f = *state;
    struct published p = publish(f, (struct publish_spec){ .expires_us = test_now_us() + HOUR });
    test_advance_us(2 * HOUR);
    wait_until(is_erased, &(struct erasure){ f, p.id });
}

static void an_erased_payload_is_gone_and_the_message_stays(void **state)
{
    struct fixture *f = *state;
    struct store_message_row row;
    struct published p = publish(f, (struct publish_spec){ 0 });
    assert_int_equal(expunge(f, &(struct store_expunge){ .message = p.id, .app = TEST_APP + 1 }),
                     RC_NOT_FOUND);
    assert_int_equal(expunge(f, &(struct store_expunge){ .message = p.id, .app = TEST_APP }),
                     RC_OK);
    assert_int_equal(store_message_get(f->store, TEST_APP, &p.id, &f->arena, &row), RC_OK);
    assert_null(row.message.payload.ptr);
    assert_true(str_eq(row.message.event_type, STR("invoice.paid")));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_published_message_is_read_back_byte_for_byte),
        T(a_message_is_not_found_in_another_application_or_under_another_id),
        T(a_loaded_message_is_counted_and_outlives_the_store),
        T(an_id_that_is_taken_is_a_conflict_and_fails_alone),
        T(a_batch_is_written_whole_and_replayed_whole),
        T(a_batch_with_an_event_id_that_is_taken_leaves_nothing),
        T(a_batch_that_fails_midway_leaves_nothing),
        T(a_key_used_again_with_the_same_body_names_the_first_message),
        T(a_key_used_again_with_another_body_is_refused),
        T(keys_are_remembered_over_a_restart),
        T(a_key_may_be_used_again_after_the_window),
        T(an_event_id_is_unique_in_its_application),
        T(one_key_many_times_in_one_group_makes_one_message),
        T(a_full_queue_takes_all_of_a_batch_or_nothing),
        T(pages_run_both_ways_and_always_newest_first),
        T(ascending_lists_start_at_the_oldest),
        T(a_page_after_something_that_is_no_id_is_refused),
        T(lists_filter_by_type_channel_tag_and_time),
        T(a_payload_is_gone_when_its_time_is_over),
        T(a_payload_past_its_time_is_erased),
        T(an_erased_payload_is_gone_and_the_message_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
