/* SPDX-License-Identifier: Apache-2.0
 *
 * The keeper thread: moves write-ahead logs into their files, seals and removes segments, watches
 * the disk. What changes the list of segments or writes rows it hands to the store thread.
 */
#include "store/files/keeper_priv.h"

#include "store/audit.h"
#include "store/files/health_priv.h"
#include "store/files/keys_priv.h"
#include "store/files/queue_priv.h"
#include "store/files/readers_priv.h"
#include "store/files/remember_priv.h"
#include "store/files/segment_priv.h"
#include "store/files/segments_priv.h"
#include "store/files/stats_priv.h"
#include "store/key_time_priv.h"

#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    ROUND_US = 1000000,
    WAL_PASSES = 3, /* of the keeper, one after the other, until little is left */
    SEAL_AFTER_US = 2000000,
    KEEP_TIME_US = 600000000,
    NICE = 5,           /* behind the threads that requests wait for */
    GROUP_SEGMENTS = 16 /* that share one filter over their keys */
};

/* --- write-ahead logs ---------------------------------------------------------------------------------- */

static enum rc move_bulk(const struct store_files *s, struct db *db)
{
    int64_t left = s->base.o.wal_little + 1;
    enum rc rc = RC_OK;
    for (int i = 0; rc == RC_OK && i < WAL_PASSES && left > s->base.o.wal_little; i++) {
        activity_moved();
        rc = db_checkpoint(db, false, &left);
        if (rc == RC_OK && left > 0 && !s->base.o.no_sync)
            rc = db_sync(db); /* one that moved all of it has done so */
    }
    return rc;
}

/* The keeper's connection to the segment whose log it moved last. */
struct mover {
    struct store_segment *segment; /* with a reference; NULL: none */
    struct db *db;
};

static void mover_close(struct mover *m)
{
    db_close(m->db);
    store_segment_unref(m->segment);
    *m = (struct mover){ 0 };
}

static enum rc mover_open(struct mover *m, struct store_segment *seg)
{
    const struct db_options o = { .cache_bytes = 64 << 10,
                                  .busy_us = 100000,
                                  .no_sync = seg->store->base.o.no_sync,
                                  .sync_failed = &seg->sync_failed };
    if (m->segment == seg)
        return RC_OK;
    mover_close(m);
    enum rc rc = db_open(seg->path, DB_WRITE, &o, &m->db, NULL);
    if (rc == RC_OK)
        m->segment = store_segment_ref(seg);
    return rc;
}

static void move_logs(struct store_files *s, struct mover *m)
{
    struct store_segment_list list = store_segment_list_get(s);
    if (m->segment != NULL && atomic_load(&m->segment->gone))
        mover_close(m);
    for (size_t i = 0; i < list.count; i++) {
        struct store_segment *seg = list.at[i];
        if (atomic_load(&seg->wal_pages) < s->base.o.wal_soft || atomic_load(&seg->wal_helped) ||
            atomic_load(&seg->sync_failed))
            continue;
        activity_moved();
        if (mover_open(m, seg) == RC_OK && move_bulk(s, m->db) == RC_OK)
            atomic_store(&seg->wal_helped, true);
        if (m->db != NULL && db_is_stale(m->db))
            mover_close(m);
        store_segment_note_sync(seg);
    }
    store_segment_list_free(&list);
}

/* --- segments ------------------------------------------------------------------------------------------ */

static void end_internal(struct store_internal *i)
{
    store_segment_unref(i->segment);
    xfree(i);
}

static void keeper_submit(struct store_files *s, struct store_segment *seg,
                          void (*fn)(struct store_internal *i))
{
    struct store_internal *i = XNEW(struct store_internal);
    i->store = s;
    i->segment = store_segment_ref(seg);
    i->fn = fn;
    store_submit_internal(s, i);
}

static void remove_segment(struct store_internal *i)
{
    /* A requeue may have made something pending since the keeper looked. */
    if (atomic_load(&i->segment->pending) == 0)
        store_segment_remove(i->store, i->segment);
    end_internal(i);
}

/* True if the segment's keys are in their file. Idempotency keys past their time are not looked for. */
static bool mind_keys(struct store_files *s, struct store_segment *seg, bool is_past)
{
    mutex_lock(&s->keys_lock);
    bool is_sealed = seg->key_file != NULL;
    if (is_sealed && is_past) {
        store_key_file_rest(seg->key_file);
        store_key_group_unref(seg->key_group);
        seg->key_group = NULL;
    }
    mutex_unlock(&s->keys_lock);
    return is_sealed;
}

/* Neighbours share one filter over their keys. At most one group a round: it reads all their keys,
 * and logs have to be moved meanwhile. */
static void group_keys(struct store_files *s)
{
    struct store_segment_list list = store_segment_list_get(s);
    int64_t now_us = clock_wall_us(s->base.o.clock);
    size_t run = 0;
    for (size_t i = 0; i + 1 < list.count && run < GROUP_SEGMENTS; i++) {
        int64_t ended_us = store_key_time_us(list.at[i + 1]->start);
        bool is_past = ended_us + atomic_load(&s->base.idempotency_us) < now_us;
        mutex_lock(&s->keys_lock);
        bool fits = !is_past && list.at[i]->key_file != NULL && list.at[i]->key_group == NULL;
        mutex_unlock(&s->keys_lock);
        run = fits ? run + 1 : 0;
        if (run == GROUP_SEGMENTS)
            store_remembered_group(s, &list.at[i + 1 - run], run);
    }
    store_segment_list_free(&list);
}

static void seal_and_retire(struct store_files *s)
{
    struct store_segment_list list = store_segment_list_get(s);
    int64_t now_us = clock_wall_us(s->base.o.clock);
    int64_t keep_from_us = now_us - store_kept_us(&s->base);
    for (size_t i = 0; i + 1 < list.count; i++) {
        struct store_segment *seg = list.at[i];
        int64_t ended_us = store_key_time_us(list.at[i + 1]->start);
        activity_moved();
        bool is_sealed =
            mind_keys(s, seg, ended_us + atomic_load(&s->base.idempotency_us) < now_us);
        if (ended_us <= keep_from_us && atomic_load(&seg->pending) == 0)
            keeper_submit(s, seg, remove_segment);
        else if (!is_sealed && ended_us + SEAL_AFTER_US <= now_us)
            store_remembered_seal(seg);
    }
    store_segment_list_free(&list);
}

/* --- payloads past their time ----------------------------------------------------------------------------- */

/* The index holds only what is still to be erased. */
#define EXPIRED \
    "FROM message INDEXED BY message_expires WHERE expires > 0 AND payload IS NOT NULL AND expires <= ?1"

static enum rc erase_some(struct store_segment *seg, int64_t now_us)
{
    static const char *const steps[] = {
        "UPDATE message SET payload = zeroblob(length(payload)) WHERE k IN (SELECT k " EXPIRED
        " ORDER BY expires, k LIMIT 100)",
        "UPDATE message SET payload = NULL WHERE k IN (SELECT k " EXPIRED
        " ORDER BY expires, k LIMIT 100)",
    };
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(steps); i++) {
        struct db_stmt *s = db_prepare(seg->writer, steps[i]);
        db_bind_int(s, 1, now_us);
        rc = db_run(s);
    }
    return rc;
}

static void erase_expired(struct store_internal *i)
{
    struct store_segment *seg = i->segment;
    if (!atomic_load(&seg->gone) && store_segment_begin(seg) == RC_OK) {
        seg->tx_rc = erase_some(seg, clock_wall_us(i->store->base.o.clock));
        enum rc rc = store_segment_commit(seg);
        (void)rc; /* what is not erased now is found again at a later round */
    }
    end_internal(i);
}

static bool has_expired(struct store_files *s, struct store_segment *seg)
{
    enum rc rc;
    struct store_reader *reader;
    if (store_reader_get(seg, &reader) != RC_OK)
        return false;
    struct db_stmt *st = db_prepare(reader->db, "SELECT 1 " EXPIRED " LIMIT 1");
    db_bind_int(st, 1, clock_wall_us(s->base.o.clock));
    bool has = db_step(st, &rc);
    db_reset(st);
    store_reader_put(s, reader);
    return has;
}

/* One segment a round, in turn, until it has nothing more. */
static void expire_payloads(struct store_files *s, size_t *turn)
{
    struct store_segment_list list = store_segment_list_get(s);
    struct store_segment *seg = list.at[*turn % list.count];
    if (has_expired(s, seg))
        keeper_submit(s, seg, erase_expired);
    else
        (*turn)++;
    store_segment_list_free(&list);
}

/* --- the disk ------------------------------------------------------------------------------------------- */

/* Gauges take differences, so that several stores in a process add up. */
static void set_gauge(enum metric m, int64_t *shown, int64_t value)
{
    metrics_add(m, value - *shown);
    *shown = value;
}

static void watch_disk(struct store_files *s)
{
    struct statvfs v;
    if (statvfs(s->dir, &v) != 0)
        return;
    int64_t free_bytes = (int64_t)v.f_bavail * (int64_t)v.f_frsize;
    set_gauge(METRIC_STORE_FREE, &s->shown[5], free_bytes);
    set_gauge(METRIC_STORE_FREE_MIN, &s->shown[6], s->base.o.free_min_bytes);
    bool is_low = free_bytes < s->base.o.free_min_bytes;
    if (is_low == atomic_exchange(&s->disk_low, is_low))
        return;
    if (is_low)
        LOG(STORE_DISK_LOW, F_INT("free_bytes", free_bytes),
            F_INT("wanted_bytes", s->base.o.free_min_bytes));
    else
        LOG(STORE_DISK_BACK, F_INT("free_bytes", free_bytes));
}

/* Writes a row that is there already: tells whether the disk takes writes again, when nobody else
 * writes because they were told that it does not. */
static void keeper_probe(struct store_internal *i)
{
    struct store_segment *seg = i->segment;
    if (store_segment_begin(seg) == RC_OK) {
        enum rc rc = db_exec(
            seg->writer,
            "INSERT OR REPLACE INTO stretch SELECT * FROM stretch WHERE kind = 0 AND n = 0");
        if (rc != RC_OK)
            seg->tx_rc = rc;
        rc = store_segment_commit(seg);
        (void)rc; /* remembered as the store's health */
    }
    end_internal(i);
}

static void watch_health(struct store_files *s)
{
    if (store_files_health(&s->base, NULL) != RC_IO)
        return;
    struct store_segment_list list = store_segment_list_get(s);
    keeper_submit(s, list.at[list.count - 1], keeper_probe);
    store_segment_list_free(&list);
}

/* --- gauges --------------------------------------------------------------------------------------------- */

static void show_gauges(struct store_files *s, const struct store_stats *stats, int64_t wal_pages)
{
    set_gauge(METRIC_STORE_QUEUED, &s->shown[0], (int64_t)stats->queued);
    set_gauge(METRIC_STORE_SEGMENTS, &s->shown[1], stats->segments);
    set_gauge(METRIC_STORE_PENDING, &s->shown[2], stats->pending);
    set_gauge(METRIC_STORE_BYTES, &s->shown[3], stats->bytes);
    set_gauge(METRIC_STORE_WAL_PAGES, &s->shown[4], wal_pages);
}

static void refresh_gauges(struct store_files *s)
{
    struct store_stats stats;
    struct store_segment_list list = store_segment_list_get(s);
    store_files_stats(&s->base, &stats);
    show_gauges(s, &stats, atomic_load(&list.at[list.count - 1]->wal_pages));
    store_segment_list_free(&list);
}

/* --- the thread ----------------------------------------------------------------------------------------- */

struct keeper_turns {
    size_t expire;
    int64_t keep_time_us; /* when next */
};

/* What is kept only matters after the machine was started anew, and may then be some minutes old. */
static void mind_time(struct store_files *s, int64_t now_us, int64_t *next_keep_us)
{
    bool has_moved = store_time_mind(&s->base.time);
    if (!has_moved && now_us < *next_keep_us)
        return;
    *next_keep_us = now_us + KEEP_TIME_US;
    store_time_keep(&s->base);
}

/* Each step may have to wait for the disk, or for a lock of whoever waits for it. */
static void keeper_round(struct store_files *s, int64_t now_us, struct keeper_turns *turns)
{
    mind_time(s, now_us, &turns->keep_time_us);
    store_config_checkpoint(&s->base.config);
    activity_moved();
    store_audit_forget(&s->base);
    activity_moved();
    seal_and_retire(s);
    activity_moved();
    group_keys(s);
    activity_moved();
    expire_payloads(s, &turns->expire);
    watch_disk(s);
    watch_health(s);
    refresh_gauges(s);
}

static void keeper_run(void *arg)
{
    struct store_files *s = arg;
    struct mover mover = { 0 };
    int64_t next_round_us = 0;
    struct keeper_turns turns = { .keep_time_us = clock_mono_us(clock_system()) + KEEP_TIME_US };
    /* Of this thread only, on Linux. Moving a log takes a processor for some milliseconds. */
    (void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICE);
    mutex_lock(&s->keeper_lock);
    while (!s->keeper_stop) {
        if (!s->keeper_asked)
            (void)cond_wait_until(&s->keeper_wake, &s->keeper_lock, next_round_us);
        s->keeper_asked = false;
        mutex_unlock(&s->keeper_lock);
        activity_begin("keeps the store", STR_NONE);
        move_logs(s, &mover);
        int64_t now_us = clock_mono_us(clock_system());
        if (now_us >= next_round_us || atomic_exchange(&s->keeper_round, false)) {
            next_round_us = now_us + ROUND_US;
            keeper_round(s, now_us, &turns);
        }
        activity_end();
        mutex_lock(&s->keeper_lock);
    }
    mutex_unlock(&s->keeper_lock);
    mover_close(&mover);
}

bool store_keeper_start(struct store_files *s)
{
    watch_disk(s);
    s->keeper = thread_start("store-keeper", THREAD_OTHER, keeper_run, s);
    return s->keeper != NULL;
}

void store_keeper_stop(struct store_files *s)
{
    if (s->keeper == NULL)
        return;
    mutex_lock(&s->keeper_lock);
    s->keeper_stop = true;
    mutex_unlock(&s->keeper_lock);
    cond_signal(&s->keeper_wake);
    thread_join(s->keeper);
    s->keeper = NULL;
    show_gauges(s, &(struct store_stats){ 0 }, 0);
    set_gauge(METRIC_STORE_FREE, &s->shown[5], 0);
    set_gauge(METRIC_STORE_FREE_MIN, &s->shown[6], 0);
}
