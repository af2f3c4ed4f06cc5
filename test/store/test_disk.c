/* SPDX-License-Identifier: Apache-2.0
 *
 * Every place that opens, writes, syncs, cuts, renames or removes a file fails, once and from then on; and the power
 * is cut in between. After each: what was acknowledged is there, what was refused is not, nothing is there twice.
 */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../disk/disk.h"

enum { PER_SEGMENT = 6, MESSAGES = 20, BURST = 120, SENT_MAX = 256, CUTS = 40, NAME_BYTES = 64 };

struct sent {
    struct id id;
    char key[16];
    enum rc rc;
    bool is_finished; /* its delivery's outcome was acknowledged */
};

struct scene {
    struct fixture f;
    struct sent sent[SENT_MAX];
    atomic_size_t count;
    size_t noted; /* how many had been answered when the power was cut */
    char image[NAME_BYTES];
};

/* --- the scenario --------------------------------------------------------------------------------- */

static void scene_init(struct scene *sc, int64_t per_segment)
{
    struct fixture *f = &sc->f;
    *sc = (struct scene){ 0 };
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/grapnel-disk-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(sc->image, sizeof sc->image, "%.40s.image", f->dir);
    arena_init(&f->arena);
    store_options_defaults(&f->options);
    f->options.dir = f->dir;
    f->options.clock = clock_system();
    f->options.free_min_bytes = 0;
    f->options.segment_messages = per_segment;
    f->options.group_max = 1;
    f->options.wal_soft = 12;
    f->options.wal_hard = 200;
    f->options.wal_little = 4;
    f->options.readers = 2;
}

static void scene_fini(struct scene *sc)
{
    store_close(sc->f.store);
    disk_watch("");
    arena_fini(&sc->f.arena);
    remove_folder(sc->f.dir);
    remove_folder(sc->image);
}

static enum rc scene_open(struct scene *sc)
{
    return store_open(&sc->f.options, &sc->f.store, NULL);
}

static void send_one(struct scene *sc, size_t i)
{
    static char payload[1500];
    struct sent *sent = &sc->sent[i];
    memset(payload, 'x', sizeof payload - 1);
    (void)snprintf(sent->key, sizeof sent->key, "%zu", i);
    struct published p =
        publish(&sc->f, (struct publish_spec){ .key = sent->key, .payload = payload });
    sent->id = p.id;
    sent->rc = p.rc;
    atomic_store(&sc->count, i + 1);
}

static bool is_refusal(enum rc rc)
{
    return rc == RC_IO || rc == RC_LIMIT || rc == RC_BUSY;
}

/* Outcomes are only acknowledged once they are written, so none is waited for while the disk fails. */
static void finish_some(struct scene *sc)
{
    for (size_t i = 0; i < sc->count; i += 3) {
        struct sent *sent = &sc->sent[i];
        if (sent->rc == RC_OK)
            sent->is_finished = finish(&sc->f, sent->id, 1, STORE_PENDING, STORE_SUCCESS) == RC_OK;
    }
}

static void play(struct scene *sc, size_t messages)
{
    for (size_t i = 0; i < messages && sc->f.store != NULL; i++) {
        send_one(sc, i);
        assert_true(sc->sent[i].rc == RC_OK || is_refusal(sc->sent[i].rc));
    }
}

/* --- what must hold -------------------------------------------------------------------------------- */

static void check_one(struct scene *sc, struct fixture *f, const struct sent *sent)
{
    struct store_message_row row;
    enum rc rc = store_message_get(f->store, TEST_APP, &sent->id, &f->arena, &row);
    if (sent->rc != RC_OK) {
        assert_int_equal(rc, RC_NOT_FOUND);
        return;
    }
    if (rc != RC_OK)
        fail_msg("message %s was acknowledged, and is gone: %s", sent->key, rc_name(rc));
    assert_int_equal(state_of(f, sent->id, 1), sent->is_finished ? STORE_SUCCESS : STORE_PENDING);
    struct published again = publish(f, (struct publish_spec){ .key = sent->key });
    assert_int_equal(again.rc, RC_OK);
    assert_int_equal(again.result, STORE_REPLAYED);
    assert_memory_equal(again.first.bytes, sent->id.bytes, ID_BYTES);
    (void)sc;
}

static void check_due(struct scene *sc, struct fixture *f)
{
    struct store_due_endpoint *due;
    size_t count;
    int64_t pending = 0;
    for (size_t i = 0; i < sc->count; i++)
        pending += sc->sent[i].rc == RC_OK && !sc->sent[i].is_finished ? 1 : 0;
    assert_int_equal(store_due_endpoints(f->store, &f->arena, &due, &count), RC_OK);
    assert_int_equal(count, pending > 0 ? 1 : 0);
    if (count > 0)
        assert_int_equal(due[0].count, pending);
}

/* The keeper looks after the store's health at its next round: ask for it at once. */
static bool is_well(void *arg)
{
    const struct store_options *o = &CONTAINER_OF(arg, struct fixture, store)->options;
    struct store *store = *(struct store **)arg;
    if (store_health(store, NULL) == RC_OK)
        return true;
    store_set_retention(store, o->retention_us, o->idempotency_us);
    return false;
}

/* Twice, as what one start does shows at the next. */
static void check_after(struct scene *sc)
{
    struct fixture *f = &sc->f;
    if (f->store != NULL)
        wait_until(is_well, &f->store);
    for (int round = 0; round < 2; round++) {
        fixture_reopen(f);
        for (size_t i = 0; i < sc->count; i++)
            check_one(sc, f, &sc->sent[i]);
        check_due(sc, f);
        arena_reset(&f->arena);
    }
}

/* `count`: what had been answered for certain. What was on its way may be there or not. */
static void check_image(struct scene *sc, size_t count)
{
    struct fixture image = { .options = sc->f.options };
    (void)snprintf(image.dir, sizeof image.dir, "%s", sc->image);
    image.options.dir = image.dir;
    arena_init(&image.arena);
    fixture_reopen(&image);
    for (size_t i = 0; i < count; i++) {
        struct store_message_row row;
        if (sc->sent[i].rc != RC_OK)
            continue;
        enum rc rc = store_message_get(image.store, TEST_APP, &sc->sent[i].id, &image.arena, &row);
        if (rc != RC_OK)
            fail_msg("message %zu of %zu was acknowledged before the power cut, and is gone: %s", i,
                     count, rc_name(rc));
        assert_int_equal(publish(&image, (struct publish_spec){ .key = sc->sent[i].key }).result,
                         STORE_REPLAYED);
    }
    store_close(image.store);
    arena_fini(&image.arena);
}

static void make_image(struct scene *sc)
{
    remove_folder(sc->image);
    assert_int_equal(mkdir(sc->image, 0700), 0);
}

/* --- failures ---------------------------------------------------------------------------------------- */

/* What disk_points() told, of one run without a failure. */
static struct disk_point points[1024];

static size_t find_points(size_t messages, int64_t per_segment)
{
    static struct scene sc;
    const struct disk_point *seen;
    scene_init(&sc, per_segment);
    disk_watch(sc.f.dir);
    assert_int_equal(scene_open(&sc), RC_OK);
    play(&sc, messages);
    finish_some(&sc);
    store_close(sc.f.store);
    sc.f.store = NULL;
    size_t count = disk_points(&seen);
    assert_true(count <= COUNT_OF(points));
    memcpy(points, seen, count * sizeof *points);
    scene_fini(&sc);
    return count;
}

static int error_of(enum disk_call call, size_t turn)
{
    static const int of_opening[] = { EMFILE, ENOSPC, EIO }, of_others[] = { ENOSPC, EIO };
    if (call == DISK_SYNC || call == DISK_UNLINK)
        return EIO;
    return call == DISK_OPEN ? of_opening[turn % 3] : of_others[turn % 2];
}

static void fail_at(const struct disk_point *point, size_t turn, enum disk_how how, size_t messages,
                    int64_t per_segment)
{
    static struct scene sc;
    scene_init(&sc, per_segment);
    disk_watch(sc.f.dir);
    disk_fail(point, how, error_of(point->call, turn));
    enum rc rc = scene_open(&sc);
    assert_true(rc == RC_OK || is_refusal(rc) || rc == RC_CORRUPT);
    play(&sc, messages);
    make_image(&sc);
    disk_cut(sc.image, turn % 2 == 0 ? DISK_CUT_SYNCED : DISK_CUT_ALL, turn);
    size_t answered = sc.count;
    disk_heal();
    if (sc.f.store != NULL)
        finish_some(&sc);
    check_after(&sc);
    check_image(&sc, answered);
    scene_fini(&sc);
}

struct plan {
    enum disk_how how;
    size_t messages;
    int64_t per_segment;
    unsigned calls; /* bits: which kinds fail */
    size_t step;    /* 3: every third place */
};

static void fail_everywhere(const struct plan *plan)
{
    size_t count = find_points(plan->messages, plan->per_segment), run = 0;
    assert_true(count > 40); /* the disk is really under the store */
    for (size_t i = 0; i < count; i++) {
        if ((plan->calls >> points[i].call & 1) == 0 || run++ % plan->step != 0)
            continue;
        fail_at(&points[i], i, plan->how, plan->messages, plan->per_segment);
    }
}

enum { EVERY_CALL = (1 << DISK_CALLS) - 1 };

static void a_call_that_fails_once_loses_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    fail_everywhere(&(struct plan){ DISK_ONCE, MESSAGES, PER_SEGMENT, EVERY_CALL, 1 });
}

static void calls_that_fail_until_the_disk_is_well_lose_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    fail_everywhere(&(struct plan){ DISK_FROM_THEN_ON, MESSAGES, PER_SEGMENT, EVERY_CALL, 2 });
}

static void failed_syncs_in_bursts_of_commits_lose_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    fail_everywhere(&(struct plan){ DISK_ONCE, BURST, BURST * 2, 1 << DISK_SYNC, 1 });
}

/* The keeper moves a part of the log and its sync fails: the rest of the log goes on. */
static void a_segment_whose_file_cannot_be_synced_rests_on_its_log(void **state)
{
    static struct scene sc;
    (void)state;
    for (enum disk_cut how = DISK_CUT_SYNCED; how <= DISK_CUT_RANDOM; how++) {
        scene_init(&sc, 1000);
        disk_watch(sc.f.dir);
        assert_int_equal(scene_open(&sc), RC_OK);
        disk_fail_path(DISK_SYNC, ".db", DISK_ONCE, EIO);
        for (size_t i = 0; i < SENT_MAX && !disk_has_failed(); i++)
            send_one(&sc, i);
        assert_true(disk_has_failed());
        for (size_t i = sc.count; i < SENT_MAX; i++)
            send_one(&sc, i);
        wait_until(is_well, &sc.f.store); /* new messages go to another segment */
        make_image(&sc);
        disk_cut(sc.image, how, 7);
        check_image(&sc, sc.count);
        check_after(&sc);
        scene_fini(&sc);
    }
}

/* --- power cuts ---------------------------------------------------------------------------------------- */

static void note_answered(void *ctx)
{
    struct scene *sc = ctx;
    sc->noted = atomic_load(&sc->count);
}

static void cut_at(uint64_t number, uint64_t seed)
{
    static struct scene sc;
    scene_init(&sc, PER_SEGMENT);
    disk_watch(sc.f.dir);
    make_image(&sc);
    disk_cut_at(number, sc.image, seed, note_answered, &sc);
    assert_int_equal(scene_open(&sc), RC_OK);
    play(&sc, MESSAGES);
    if (disk_count() >= number)
        check_image(&sc, sc.noted);
    scene_fini(&sc);
}

static void a_power_cut_at_any_call_loses_nothing_that_was_acknowledged(void **state)
{
    static struct scene sc;
    (void)state;
    scene_init(&sc, PER_SEGMENT);
    disk_watch(sc.f.dir);
    assert_int_equal(scene_open(&sc), RC_OK);
    play(&sc, MESSAGES);
    uint64_t calls = disk_count();
    scene_fini(&sc);
    for (uint64_t i = 0; i < CUTS; i++)
        cut_at(1 + calls * i / CUTS + rng_below(rng_system(), calls / CUTS), i + 1);
}

/* Nothing is written after it that would cover it by chance. */
static void what_was_refused_as_its_sync_failed_is_not_found_at_the_next_start(void **state)
{
    static struct scene sc;
    (void)state;
    scene_init(&sc, 100);
    disk_watch(sc.f.dir);
    assert_int_equal(scene_open(&sc), RC_OK);
    send_one(&sc, 0);
    assert_int_equal(sc.sent[0].rc, RC_OK);
    disk_fail_path(DISK_SYNC, ".db-wal", DISK_ONCE, EIO);
    send_one(&sc, 1);
    assert_int_equal(sc.sent[1].rc, RC_IO);
    disk_heal();
    check_after(&sc);
    scene_fini(&sc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_fails_once_loses_nothing_that_was_acknowledged),
        cmocka_unit_test(calls_that_fail_until_the_disk_is_well_lose_nothing_that_was_acknowledged),
        cmocka_unit_test(failed_syncs_in_bursts_of_commits_lose_nothing_that_was_acknowledged),
        cmocka_unit_test(a_segment_whose_file_cannot_be_synced_rests_on_its_log),
        cmocka_unit_test(a_power_cut_at_any_call_loses_nothing_that_was_acknowledged),
        cmocka_unit_test(what_was_refused_as_its_sync_failed_is_not_found_at_the_next_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
