/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <glob.h>
#include <stdio.h>
#include <unistd.h>

#include "store/migrations_priv.h"

/* A store that starts a new segment after every few messages. */
enum { PER_SEGMENT = 5 };

static int small_open(void **state)
{
    (void)fixture_open(state);
    struct fixture *f = *state;
    f->options.segment_messages = PER_SEGMENT;
    f->options.group_max = 1;
    fixture_reopen(f);
    return 0;
}

static int64_t segments(struct fixture *f)
{
    struct store_stats stats;
    store_stats(f->store, &stats);
    return stats.segments;
}

struct wait {
    struct fixture *f;
    int64_t wanted;
};

static bool has_segments(void *arg)
{
    const struct wait *w = arg;
    return segments(w->f) == w->wanted;
}

static void wait_for_segments(struct fixture *f, int64_t wanted)
{
    wait_until(has_segments, &(struct wait){ f, wanted });
}

/* Publishes until there is one segment more; returns the ids through `ids`. Time passes between the
 * beginning of the new segment and the next message: one made in the same tick could belong to the older segment. */
static void fill(struct fixture *f, struct id ids[static PER_SEGMENT], const char *key)
{
    int64_t before = segments(f);
    for (int i = 0; i < PER_SEGMENT; i++) {
        test_advance_us(i == 0 ? 0 : SECOND);
        ids[i] = publish(f, (struct publish_spec){ .key = i == 0 ? key : NULL,
                                                   .event_id = i == 0 ? key : NULL })
                     .id;
    }
    wait_for_segments(f, before + 1);
    test_advance_us(SECOND);
}

static void lists_cross_segments_in_order(void **state)
{
    struct fixture *f = *state;
    struct id ids[3 * PER_SEGMENT];
    struct store_message_row rows[3 * PER_SEGMENT];
    struct store_page_end end;
    struct store_message_filter filter = { .app = TEST_APP };
    struct store_page page = { .limit = 4, .descending = true };
    size_t at = 3 * PER_SEGMENT;
    for (int i = 0; i < 3; i++)
        fill(f, ids + i * PER_SEGMENT, NULL);
    do {
        assert_int_equal(store_message_list(f->store, &filter, &page, &f->arena, rows, &end),
                         RC_OK);
        for (size_t i = 0; i < end.count; i++)
            assert_memory_equal(rows[i].message.id.bytes, ids[--at].bytes, ID_BYTES);
        page.after = str_from(id_text(f, "msg_", rows[end.count - 1].message.id));
    } while (!end.done);
    assert_int_equal(at, 0);
    page.backwards = true;
    assert_int_equal(store_message_list(f->store, &filter, &page, &f->arena, rows, &end), RC_OK);
    assert_memory_equal(rows[3].message.id.bytes, ids[1].bytes, ID_BYTES);
}

static void pieces_are_shown_newest_first_with_what_they_hold(void **state)
{
    struct fixture *f = *state;
    struct id ids[2 * PER_SEGMENT];
    struct store_piece pieces[8];
    fill(f, ids, NULL);
    fill(f, ids + PER_SEGMENT, NULL);
    (void)publish(f, (struct publish_spec){ 0 });
    assert_int_equal(store_pieces(f->store, pieces, COUNT_OF(pieces)), 3);
    assert_true(pieces[0].messages == 1 && pieces[1].messages == PER_SEGMENT &&
                pieces[2].messages == PER_SEGMENT);
    assert_true(pieces[0].from_us >= id_time_us(&ids[2 * PER_SEGMENT - 1]));
    assert_true(pieces[1].from_us <= id_time_us(&ids[PER_SEGMENT]) &&
                pieces[1].from_us >= id_time_us(&ids[PER_SEGMENT - 1]));
    for (size_t i = 0; i < 3; i++)
        assert_true(pieces[i].bytes > 0);
    assert_int_equal(store_pieces(f->store, pieces, 1), 1);
    assert_true(pieces[0].messages == 1);
}

static void everything_of_a_message_is_found_after_a_restart(void **state)
{
    struct fixture *f = *state;
    struct id ids[2 * PER_SEGMENT];
    fill(f, ids, NULL);
    fill(f, ids + PER_SEGMENT, NULL);
    fixture_reopen(f);
    assert_int_equal(segments(f), 2); /* the one that had begun held nothing yet */
    for (int i = 0; i < 2 * PER_SEGMENT; i++)
        assert_int_equal(state_of(f, ids[i], 1), STORE_PENDING);
    assert_int_equal(finish(f, ids[0], 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    assert_int_equal(finish(f, ids[PER_SEGMENT], 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    assert_int_equal(state_of(f, ids[0], 1), STORE_SUCCESS);
}

static void keys_are_remembered_across_segments_and_restarts(void **state)
{
    struct fixture *f = *state;
    struct id ids[PER_SEGMENT], others[PER_SEGMENT];
    fill(f, ids, "key");
    fill(f, others, NULL);
    for (int round = 0; round < 3; round++) {
        struct published p = publish(f, (struct publish_spec){ .key = "key" });
        assert_int_equal(p.result, STORE_REPLAYED);
        assert_memory_equal(p.first.bytes, ids[0].bytes, ID_BYTES);
        assert_int_equal(publish(f, (struct publish_spec){ .event_id = "key" }).result,
                         STORE_EVENT_ID_TAKEN);
        test_advance_us(10 * SECOND); /* long enough to be sealed in between */
        if (round > 0)
            fixture_reopen(f);
    }
}

static bool exists(void *arg)
{
    return access(arg, F_OK) == 0;
}

/* The first segment is named after the time the store was made. */
static const char *first_keys_file(struct fixture *f, int64_t made_us)
{
    struct id id = id_at(made_us);
    return arena_fmt(&f->arena, "%s/segments/%016llx.keys", f->dir, (unsigned long long)id_key(&id))
        .ptr;
}

static void a_sealed_segment_gets_a_file_of_keys_and_a_torn_one_is_made_again(void **state)
{
    struct fixture *f = *state;
    struct id ids[PER_SEGMENT];
    char path[256];
    int64_t made_us = test_now_us();
    (void)snprintf(path, sizeof path, "%s", first_keys_file(f, made_us));
    fill(f, ids, "key");
    test_advance_us(10 * SECOND);
    store_set_retention(f->store, f->options.retention_us, f->options.idempotency_us);
    wait_until(exists, path);
    assert_int_equal(publish(f, (struct publish_spec){ .key = "key" }).result, STORE_REPLAYED);

    assert_int_equal(truncate(path, 40), 0);
    fixture_reopen(f);
    assert_int_equal(publish(f, (struct publish_spec){ .key = "key" }).result, STORE_REPLAYED);
    assert_int_equal(publish(f, (struct publish_spec){ .event_id = "key" }).result,
                     STORE_EVENT_ID_TAKEN);
}

static void an_attempt_on_an_old_message_is_listed_among_the_newest(void **state)
{
    struct fixture *f = *state;
    struct id ids[PER_SEGMENT], newer[PER_SEGMENT];
    struct store_attempt_row rows[3];
    struct store_page_end end;
    struct store_attempt_filter filter = {
        .app = TEST_APP, .endpoint = 1, .status = -1, .status_class = -1
    };
    struct store_page page = { .limit = 2, .descending = true };
    fill(f, ids, NULL);
    fill(f, newer, NULL);
    assert_int_equal(finish(f, ids[1], 1, STORE_PENDING, STORE_SENDING), RC_OK);
    test_advance_us(SECOND);
    assert_int_equal(finish(f, newer[1], 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    test_advance_us(SECOND);
    assert_int_equal(finish(f, ids[1], 1, STORE_SENDING, STORE_SUCCESS), RC_OK);
    assert_int_equal(store_attempt_list(f->store, &filter, &page, &f->arena, rows, &end), RC_OK);
    assert_int_equal(end.count, 2);
    assert_false(end.done);
    assert_memory_equal(rows[0].message.bytes, ids[1].bytes, ID_BYTES);
    assert_memory_equal(rows[1].message.bytes, newer[1].bytes, ID_BYTES);
    page.after = str_from(id_text(f, "atmpt_", rows[1].id));
    assert_int_equal(store_attempt_list(f->store, &filter, &page, &f->arena, rows, &end), RC_OK);
    assert_int_equal(end.count, 1);
    assert_true(end.done);
    assert_int_equal(rows[0].state_after, STORE_SENDING);
    page.backwards = true;
    page.after = str_from(id_text(f, "atmpt_", rows[0].id));
    assert_int_equal(store_attempt_list(f->store, &filter, &page, &f->arena, rows, &end), RC_OK);
    assert_int_equal(end.count, 2);
    assert_memory_equal(rows[0].message.bytes, ids[1].bytes, ID_BYTES);
}

static void due_lists_and_counts_cross_segments(void **state)
{
    struct fixture *f = *state;
    struct id ids[2 * PER_SEGMENT];
    struct store_due due[2 * PER_SEGMENT];
    struct store_counts counts;
    struct store_due_endpoint *endpoints;
    size_t count;
    int64_t start_us = test_now_us();
    fill(f, ids, NULL);
    fill(f, ids + PER_SEGMENT, NULL);
    assert_int_equal(store_due_list(f->store, 1, 0, NULL, 7, due, &count), RC_OK);
    assert_int_equal(count, 7);
    for (size_t i = 0; i < count; i++)
        assert_memory_equal(due[i].message.bytes, ids[i].bytes, ID_BYTES);
    assert_int_equal(store_due_endpoints(f->store, &f->arena, &endpoints, &count), RC_OK);
    assert_int_equal(count, 1);
    assert_int_equal(endpoints[0].count, 2 * PER_SEGMENT);
    assert_int_equal(store_delivery_counts(f->store, TEST_APP, 1, start_us, test_now_us(), &counts),
                     RC_OK);
    assert_int_equal(counts.by_state[STORE_PENDING], 2 * PER_SEGMENT);
}

enum { LONG = 40 };

static void assert_all_known(struct fixture *f, const struct id first[static LONG])
{
    for (int i = 0; i < LONG; i++) {
        const char *key = arena_fmt(&f->arena, "key-%d", i).ptr;
        struct published again = publish(f, (struct publish_spec){ .key = key, .event_id = key });
        assert_int_equal(again.result, STORE_REPLAYED);
        assert_memory_equal(again.first.bytes, first[i].bytes, ID_BYTES);
        struct published taken = publish(f, (struct publish_spec){ .event_id = key });
        assert_int_equal(taken.result, STORE_EVENT_ID_TAKEN);
    }
}

/* Files of keys are made, and joined by a filter, in rounds while this goes on. */
static void a_key_is_known_however_many_segments_ago(void **state)
{
    struct fixture *f = *state;
    struct id ids[PER_SEGMENT], first[LONG];
    for (int i = 0; i < LONG; i++) {
        fill(f, ids, arena_fmt(&f->arena, "key-%d", i).ptr);
        first[i] = ids[0];
        store_set_retention(f->store, f->options.retention_us, f->options.idempotency_us);
    }
    for (int i = 0; i < 4; i++) {
        assert_all_known(f, first);
        struct store_message from = { .id = first[7],
                                      .app = TEST_APP,
                                      .event_type = STR("late"),
                                      .payload = STR("{}"),
                                      .created_us = test_now_us() };
        from.id.bytes[7] ^= (uint8_t)(0x40 + i); /* its segment was sealed long ago */
        assert_int_equal(publish_made(f, &from, (uint8_t)(100 + i)), STORE_CREATED);
        assert_int_equal(publish_made(f, &from, (uint8_t)(100 + i)), STORE_REPLAYED);
        store_set_retention(f->store, f->options.retention_us, f->options.idempotency_us);
    }
    fixture_reopen(f);
    assert_all_known(f, first);
}

static void an_old_segment_goes_when_nothing_in_it_is_pending(void **state)
{
    struct fixture *f = *state;
    struct id ids[PER_SEGMENT];
    struct store_message_row row;
    fill(f, ids, "key");
    test_advance_us(f->options.retention_us + DAY);
    for (int i = 1; i < PER_SEGMENT; i++)
        assert_int_equal(finish(f, ids[i], 1, STORE_PENDING, STORE_FAILED), RC_OK);
    store_set_retention(f->store, f->options.retention_us, f->options.idempotency_us);
    assert_int_equal(segments(f), 2);
    assert_int_equal(store_message_get(f->store, TEST_APP, &ids[1], &f->arena, &row),
                     RC_OK); /* pinned by ids[0] */
    assert_int_equal(finish(f, ids[0], 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    store_set_retention(f->store, f->options.retention_us, f->options.idempotency_us);
    wait_for_segments(f, 1);
    assert_int_equal(store_message_get(f->store, TEST_APP, &ids[0], &f->arena, &row), RC_NOT_FOUND);
    assert_int_equal(finish(f, ids[0], 1, STORE_SUCCESS, STORE_PENDING), RC_CONFLICT);
    fixture_reopen(f);
    assert_int_equal(segments(f), 1);
}

static void a_message_made_before_a_new_segment_stays_in_the_old_one(void **state)
{
    struct fixture *f = *state;
    struct id ids[PER_SEGMENT];
    struct store_message_row row;
    struct store_message from = { .id = id_new(store_ids(f->store)),
                                  .app = TEST_APP,
                                  .event_type = STR("late"),
                                  .payload = STR("{}"),
                                  .created_us = test_now_us() };
    test_advance_us(SECOND);
    fill(f, ids, NULL);
    test_advance_us(10 * SECOND);
    fixture_reopen(f);
    assert_int_equal(publish_made(f, &from, 9), STORE_CREATED);
    assert_int_equal(store_message_get(f->store, TEST_APP, &from.id, &f->arena, &row), RC_OK);
    fixture_reopen(f);
    assert_int_equal(publish_made(f, &from, 9), STORE_REPLAYED);
}

static void ids_stay_ahead_of_what_is_stored_when_the_clock_goes_back(void **state)
{
    struct fixture *f = *state;
    struct published a = publish(f, (struct publish_spec){ 0 });
    test_advance_us(-HOUR);
    fixture_reopen(f);
    struct id b = id_new(store_ids(f->store));
    test_advance_us(HOUR);
    assert_true(id_key(&b) > id_key(&a.id));
}

/* What builds before this left of a segment that could not be made: a file under a segment's name. */
static void leave_stray(struct fixture *f, int64_t start, bool is_whole)
{
    struct db *db;
    const char *path =
        arena_fmt(&f->arena, "%s/segments/%016llx.db", f->dir, (unsigned long long)start).ptr;
    assert_int_equal(db_open(path, DB_CREATE, &(struct db_options){ .no_sync = true }, &db, NULL),
                     RC_OK);
    if (is_whole)
        assert_int_equal(store_migrate(db, store_segment_migrations, store_segment_migration_count,
                                       clock_system(), path, NULL),
                         RC_OK);
    db_close(db);
}

static void what_could_not_be_made_hides_nothing_at_the_next_start(void **state)
{
    struct fixture *f = *state;
    struct published a = publish(f, (struct publish_spec){ .key = "a" });
    test_advance_us(SECOND);
    struct id between = id_new(store_ids(f->store));
    test_advance_us(SECOND);
    struct published b = publish(f, (struct publish_spec){ .key = "b" });
    store_close(f->store);
    f->store = NULL;
    leave_stray(f, id_key(&between), false);
    leave_stray(f, id_key(&between) + 1, true);
    for (int round = 0; round < 2; round++) {
        fixture_reopen(f);
        assert_int_equal(segments(f), 1);
        assert_int_equal(state_of(f, a.id, 1), STORE_PENDING);
        assert_int_equal(state_of(f, b.id, 1), STORE_PENDING);
        assert_int_equal(publish(f, (struct publish_spec){ .key = "b" }).result, STORE_REPLAYED);
    }
}

/* From the only other segment to the stray, as if it had taken them itself. */
static void move_rows(struct fixture *f, int64_t start, int64_t from)
{
    struct db *db;
    char sql[2000];
    glob_t found;
    const char *stray =
        arena_fmt(&f->arena, "%s/segments/%016llx.db", f->dir, (unsigned long long)start).ptr;
    assert_int_equal(glob(arena_fmt(&f->arena, "%s/segments/*.db", f->dir).ptr, 0, NULL, &found),
                     0);
    assert_int_equal(
        db_open(found.gl_pathv[0], DB_WRITE, &(struct db_options){ .no_sync = true }, &db, NULL),
        RC_OK);
    (void)snprintf(sql, sizeof sql,
                   "ATTACH '%s' AS stray;"
                   "INSERT INTO stray.message SELECT * FROM message WHERE k >= %lld;"
                   "INSERT INTO stray.delivery SELECT * FROM delivery WHERE msg >= %lld;"
                   "DELETE FROM message WHERE k >= %lld; DELETE FROM delivery WHERE msg >= %lld;"
                   "DETACH stray",
                   stray, (long long)from, (long long)from, (long long)from, (long long)from);
    assert_int_equal(db_exec(db, sql), RC_OK);
    db_close(db);
    globfree(&found);
}

static void a_stray_that_took_messages_begins_after_the_older_ones(void **state)
{
    struct fixture *f = *state;
    struct published a = publish(f, (struct publish_spec){ 0 });
    test_advance_us(SECOND);
    struct id between = id_new(store_ids(f->store));
    test_advance_us(SECOND);
    struct published b = publish(f, (struct publish_spec){ 0 });
    test_advance_us(SECOND);
    struct published late = publish(f, (struct publish_spec){ 0 });
    store_close(f->store);
    f->store = NULL;
    leave_stray(f, id_key(&between), true);
    move_rows(f, id_key(&between), id_key(&late.id));
    for (int round = 0; round < 2; round++) {
        fixture_reopen(f);
        assert_int_equal(segments(f), 2);
        assert_int_equal(state_of(f, a.id, 1), STORE_PENDING);
        assert_int_equal(state_of(f, b.id, 1), STORE_PENDING);
        assert_int_equal(state_of(f, late.id, 1), STORE_PENDING);
    }
    assert_int_equal(finish(f, b.id, 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    assert_int_equal(finish(f, late.id, 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
}

static void what_was_being_made_and_what_belongs_to_nothing_is_removed_at_start(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = { "00000000000000ff.new", "00000000000000ff.new-wal",
                                         "00000000000000ff.db-wal", "00000000000000ff.keys",
                                         "00000000000000ff.keys.new" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        FILE *file = fopen(arena_fmt(&f->arena, "%s/segments/%s", f->dir, names[i]).ptr, "w");
        assert_non_null(file);
        assert_int_equal(fclose(file), 0);
    }
    fixture_reopen(f);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        assert_int_not_equal(
            access(arena_fmt(&f->arena, "%s/segments/%s", f->dir, names[i]).ptr, F_OK), 0);
    assert_int_equal(publish(f, (struct publish_spec){ 0 }).rc, RC_OK);
}

static void a_key_is_remembered_for_its_window_whatever_the_retention(void **state)
{
    struct fixture *f = *state;
    struct id ids[PER_SEGMENT];
    f->options.retention_us = 60 * SECOND;
    fixture_reopen(f);
    fill(f, ids, "key");
    assert_int_equal(publish(f, (struct publish_spec){ 0 }).rc, RC_OK); /* in the next one */
    for (int i = 0; i < PER_SEGMENT; i++)
        assert_int_equal(finish(f, ids[i], 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    test_advance_us(f->options.idempotency_us - 30 * SECOND);
    store_set_retention(f->store, f->options.retention_us, f->options.idempotency_us);
    fixture_reopen(f);
    assert_int_equal(publish(f, (struct publish_spec){ .key = "key" }).result, STORE_REPLAYED);
    test_advance_us(60 * SECOND);
    assert_int_equal(publish(f, (struct publish_spec){ .key = "key" }).result, STORE_CREATED);
    store_set_retention(f->store, f->options.retention_us, f->options.idempotency_us);
    wait_for_segments(f, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, small_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(lists_cross_segments_in_order),
        T(pieces_are_shown_newest_first_with_what_they_hold),
        T(everything_of_a_message_is_found_after_a_restart),
        T(keys_are_remembered_across_segments_and_restarts),
        T(a_sealed_segment_gets_a_file_of_keys_and_a_torn_one_is_made_again),
        T(an_attempt_on_an_old_message_is_listed_among_the_newest),
        T(due_lists_and_counts_cross_segments),
        T(a_key_is_known_however_many_segments_ago),
        T(an_old_segment_goes_when_nothing_in_it_is_pending),
        T(a_message_made_before_a_new_segment_stays_in_the_old_one),
        T(what_could_not_be_made_hides_nothing_at_the_next_start),
        T(a_stray_that_took_messages_begins_after_the_older_ones),
        T(what_was_being_made_and_what_belongs_to_nothing_is_removed_at_start),
        T(a_key_is_remembered_for_its_window_whatever_the_retention),
        T(ids_stay_ahead_of_what_is_stored_when_the_clock_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
