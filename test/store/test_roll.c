/* SPDX-License-Identifier: Apache-2.0
 *
 * What is under way when a new segment begins: a group belongs to one segment, though its ids were
 * made before and after. Run it under ThreadSanitizer, too.
 */
#include "store/request.h"
#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

enum { PER_SEGMENT = 5, SOURCE = 41, COMPANY = 3, WRITERS = 4, GROUPS = 150 };

static int small_open(void **state)
{
    (void)fixture_open(state);
    struct fixture *f = *state;
    f->options.segment_messages = PER_SEGMENT;
    fixture_reopen(f);
    return 0;
}

static int64_t segments(struct fixture *f)
{
    struct store_stats stats;
    store_stats(f->store, &stats);
    return stats.segments;
}

static bool has_two(void *arg)
{
    return segments(arg) == 2;
}

static void roll(struct fixture *f)
{
    for (int i = 0; i < PER_SEGMENT; i++)
        assert_int_equal(publish(f, (struct publish_spec){ 0 }).rc, RC_OK);
    wait_until(has_two, f);
    test_advance_us(SECOND);
}

/* A publish with its company and a request's row, as a source's is. */
struct group {
    struct store_publish first;
    struct store_publish others[COMPANY];
    struct store_publish *also[COMPANY];
    struct store_request row;
    sem_t done;
};

static void group_done(struct store_job *job)
{
    MUST(sem_post(&CONTAINER_OF(job, struct group, first.job)->done) == 0);
}

static struct store_message *message_of(struct fixture *f, int64_t app, const char *event_id)
{
    const struct store_message m = { .id = id_new(store_ids(f->store)),
                                     .org = TEST_ORG,
                                     .app = app,
                                     .created_us = test_now_us(),
                                     .event_type = STR("push"),
                                     .event_id = event_id == NULL ? STR_NONE : str_from(event_id),
                                     .payload = STR("{}") };
    return store_message_new(&m);
}

static void group_init(struct fixture *f, struct group *g, const char *event_id)
{
    *g = (struct group){ .first = { .job = { .done = group_done },
                                    .message = message_of(f, TEST_APP, event_id),
                                    .also = g->also,
                                    .also_count = COMPANY,
                                    .request = &g->row } };
    g->row = (struct store_request){ .id = g->first.message->id,
                                     .source = SOURCE,
                                     .app = TEST_APP,
                                     .at_us = test_now_us(),
                                     .has_message = true,
                                     .status = 200 };
    assert_int_equal(sem_init(&g->done, 0, 0), 0);
}

static void group_join(struct fixture *f, struct group *g, size_t i)
{
    static const int64_t endpoint = 1;
    g->others[i] = (struct store_publish){ .message = message_of(f, TEST_APP + 1, NULL),
                                           .endpoints = &endpoint,
                                           .endpoint_count = 1 };
    g->also[i] = &g->others[i];
}

static enum rc group_publish(struct fixture *f, struct group *g)
{
    enum rc rc = store_submit_publish(f->store, &g->first);
    if (rc != RC_OK)
        return rc;
    while (sem_wait(&g->done) != 0) {
    }
    return g->first.job.rc;
}

static void group_fini(struct group *g)
{
    store_message_unref(g->first.message);
    for (size_t i = 0; i < COMPANY; i++)
        store_message_unref(g->others[i].message);
    MUST(sem_destroy(&g->done) == 0);
}

static bool is_stored(struct fixture *f, const struct store_message *m, struct arena *a)
{
    struct store_message_row row;
    return store_message_get(f->store, m->app, &m->id, a, &row) == RC_OK &&
           row.message.created_us == m->created_us;
}

/* All of it is found under the ids it has now. */
static bool is_whole(struct fixture *f, const struct group *g, struct arena *a)
{
    struct store_request r;
    bool is_found = is_stored(f, g->first.message, a) &&
                    store_request_get(f->store, SOURCE, &g->first.message->id, a, &r) == RC_OK;
    for (size_t i = 0; is_found && i < COMPANY; i++) {
        struct store_delivery_row *rows;
        size_t count;
        const struct store_message *m = g->others[i].message;
        is_found = is_stored(f, m, a) &&
                   store_delivery_by_message(f->store, m->app, &m->id, a, &rows, &count) == RC_OK &&
                   count == 1;
    }
    return is_found;
}

static void a_group_whose_ids_are_of_two_segments_gets_new_ids_and_is_written_together(void **state)
{
    struct fixture *f = *state;
    struct group g;
    struct store_message_row row;
    group_init(f, &g, "e1");
    group_join(f, &g, 0);
    roll(f);
    group_join(f, &g, 1);
    group_join(f, &g, 2);
    struct id before = g.first.message->id;
    assert_int_equal(group_publish(f, &g), RC_OK);
    assert_int_equal(g.first.result, STORE_CREATED);
    assert_memory_not_equal(g.first.message->id.bytes, before.bytes, ID_BYTES);
    assert_true(is_whole(f, &g, &f->arena));
    assert_int_equal(store_message_get(f->store, TEST_APP, &before, &f->arena, &row), RC_NOT_FOUND);
    struct published again = publish(f, (struct publish_spec){ .event_id = "e1" });
    assert_int_equal(again.result, STORE_EVENT_ID_TAKEN);
    assert_memory_equal(again.first.bytes, g.first.message->id.bytes, ID_BYTES);
    fixture_reopen(f);
    assert_true(is_whole(f, &g, &f->arena));
    group_fini(&g);
}

static void a_group_of_one_segment_keeps_its_ids(void **state)
{
    struct fixture *f = *state;
    struct group g;
    group_init(f, &g, NULL);
    for (size_t i = 0; i < COMPANY; i++)
        group_join(f, &g, i);
    struct id before = g.first.message->id;
    roll(f);
    assert_int_equal(group_publish(f, &g), RC_OK);
    assert_memory_equal(g.first.message->id.bytes, before.bytes, ID_BYTES);
    assert_true(is_whole(f, &g, &f->arena));
    group_fini(&g);
}

/* The first is written to the old segment, whose commit the second has to wait for. */
static void an_event_known_from_a_segment_not_yet_committed_waits_for_that_commit(void **state)
{
    struct fixture *f = *state;
    struct group early, late;
    group_init(f, &early, "same");
    for (size_t i = 0; i < COMPANY; i++)
        group_join(f, &early, i);
    roll(f);
    group_init(f, &late, "same");
    for (size_t i = 0; i < COMPANY; i++)
        group_join(f, &late, i);
    late.others[1].leads = true;
    late.first.rule = STORE_RULE_ITEMS;
    late.row.item_count = 2;
    struct store_publish *both[] = { &early.first, &late.first };
    assert_int_equal(store_submit_publishes(f->store, both, 2), RC_OK);
    while (sem_wait(&early.done) != 0) {
    }
    while (sem_wait(&late.done) != 0) {
    }
    assert_int_equal(early.first.job.rc, RC_OK);
    assert_int_equal(late.first.job.rc, RC_OK);
    assert_int_equal(late.first.result, STORE_EVENT_ID_TAKEN);
    assert_memory_equal(late.first.first.bytes, early.first.message->id.bytes, ID_BYTES);
    assert_int_equal(late.others[1].result, STORE_CREATED);
    assert_true(is_whole(f, &early, &f->arena));
    assert_false(is_stored(f, late.first.message, &f->arena));
    assert_true(is_stored(f, late.others[1].message, &f->arena));
    group_fini(&early);
    group_fini(&late);
}

struct writer {
    struct fixture *f;
    pthread_t thread;
    size_t refused, missing;
};

static void *write_groups(void *arg)
{
    struct writer *w = arg;
    struct arena a;
    arena_init(&a);
    for (int n = 0; n < GROUPS; n++) {
        struct group g;
        group_init(w->f, &g, NULL);
        for (size_t i = 0; i < COMPANY; i++) {
            (void)sched_yield(); /* others' groups, and segments, come in between */
            group_join(w->f, &g, i);
        }
        if (group_publish(w->f, &g) != RC_OK)
            w->refused++;
        else if (!is_whole(w->f, &g, &a))
            w->missing++;
        group_fini(&g);
        arena_reset(&a);
    }
    arena_fini(&a);
    return NULL;
}

static void nothing_is_refused_while_segments_begin_under_concurrent_groups(void **state)
{
    struct fixture *f = *state;
    struct writer writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){ .f = f };
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_groups, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
        assert_int_equal(writers[i].refused, 0);
        assert_int_equal(writers[i].missing, 0);
    }
    /* A segment takes a commit more while it is not full: at most one group of every writer. */
    const int group = 1 + COMPANY;
    assert_true(segments(f) * (PER_SEGMENT - 1 + WRITERS * group) >= WRITERS * GROUPS * group);
}

#define T(name) cmocka_unit_test_setup_teardown(name, small_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_group_whose_ids_are_of_two_segments_gets_new_ids_and_is_written_together),
        T(a_group_of_one_segment_keeps_its_ids),
        T(an_event_known_from_a_segment_not_yet_committed_waits_for_that_commit),
        T(nothing_is_refused_while_segments_begin_under_concurrent_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
