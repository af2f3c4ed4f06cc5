/* SPDX-License-Identifier: Apache-2.0
 *
 * The keeper thread: moves write-ahead logs into their files, seals and removes segments, watches
 * the disk. What changes the list of segments or writes rows it hands to the store thread.
 */
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/store_priv.h"

enum {
    ROUND_US = 1000000,
    WAL_SOFT = 1024, /* pages from which the keeper moves them */
    WAL_HARD = 8192, /* pages from which the store thread does it itself */
    WAL_PASSES = 3,  /* of the keeper, one after the other, */
    WAL_LITTLE = 32, /* until no more pages than this are left */
    SEAL_AFTER_US = 2000000,
    NICE = 5,           /* behind the threads that requests wait for */
    GROUP_SEGMENTS = 16 /* that share one filter over their keys */
};

/* --- write-ahead logs ---------------------------------------------------------------------------------- */

static void help(struct store_segment *seg)
{
    int64_t left;
    enum rc rc = db_checkpoint(seg->writer, false, &left);
    if (rc == RC_OK && left == 0)
        atomic_store_explicit(&seg->wal_pages, 0,
                              memory_order_relaxed); /* until the next commit tells */
    /* Else busy: the keeper is at it. A failing disk shows in the next commit. */
    atomic_store(&seg->wal_helped, false);
}

/* The log starts over only when all of it was moved. While commits go on, the keeper never quite
 * catches up; so after it moved the bulk and what came during that, the store thread moves the little
 * that is left. Commits wait for that, so that nothing but the little may still be on its way to the disk. */
void store_wal_mind(struct store *s)
{
    for (size_t i = 0; i < s->segment_count; i++) {
        struct store_segment *seg = s->segments[i];
        int64_t pages = atomic_load_explicit(&seg->wal_pages, memory_order_relaxed);
        if (pages < WAL_SOFT || seg->writer == NULL)
            continue;
        if (pages >= WAL_HARD || atomic_load(&seg->wal_helped))
            help(seg);
        else
            store_keeper_ask(s);
    }
}

static enum rc move_bulk(const struct store *s, struct db *db)
{
    int64_t left = WAL_LITTLE + 1;
    enum rc rc = RC_OK;
    for (int i = 0; rc == RC_OK && i < WAL_PASSES && left > WAL_LITTLE; i++) {
        rc = db_checkpoint(db, false, &left);
        if (rc == RC_OK && !s->o.no_sync)
            rc = db_sync(db);
    }
    return rc;
}

static void move_log(struct store *s, struct store_segment *seg, struct db **db, int64_t *db_start)
{
    const struct db_options o = { .cache_bytes = 64 << 10,
                                  .busy_us = 100000,
                                  .no_sync = s->o.no_sync };
    if (*db != NULL && *db_start != seg->start) {
        db_close(*db);
        *db = NULL;
    }
    if (*db == NULL && db_open(seg->path, DB_WRITE, &o, db, NULL) != RC_OK)
        return;
    *db_start = seg->start;
    if (move_bulk(s, *db) == RC_OK)
        atomic_store(&seg->wal_helped, true);
}

static void move_logs(struct store *s, struct db **db, int64_t *db_start)
{
    struct store_segment_list list = store_segment_list_get(s);
    for (size_t i = 0; i < list.count; i++) {
        struct store_segment *seg = list.at[i];
        if (atomic_load(&seg->wal_pages) >= WAL_SOFT && !atomic_load(&seg->wal_helped))
            move_log(s, seg, db, db_start);
    }
    store_segment_list_free(&list);
}

/* --- segments ------------------------------------------------------------------------------------------ */

static void end_internal(struct store_internal *i)
{
    store_segment_unref(i->segment);
    xfree(i);
}

static void submit(struct store *s, struct store_segment *seg, void (*fn)(struct store_internal *i))
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
static bool mind_keys(struct store *s, struct store_segment *seg, bool is_past)
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
static void group_keys(struct store *s)
{
    struct store_segment_list list = store_segment_list_get(s);
    int64_t now_us = clock_wall_us(s->o.clock);
    size_t run = 0;
    for (size_t i = 0; i + 1 < list.count && run < GROUP_SEGMENTS; i++) {
        int64_t ended_us = store_key_time_us(list.at[i + 1]->start);
        bool is_past = ended_us + atomic_load(&s->idempotency_us) < now_us;
        mutex_lock(&s->keys_lock);
        bool fits = !is_past && list.at[i]->key_file != NULL && list.at[i]->key_group == NULL;
        mutex_unlock(&s->keys_lock);
        run = fits ? run + 1 : 0;
        if (run == GROUP_SEGMENTS)
            store_remembered_group(s, &list.at[i + 1 - run], run);
    }
    store_segment_list_free(&list);
}

static void seal_and_retire(struct store *s)
{
    struct store_segment_list list = store_segment_list_get(s);
    int64_t now_us = clock_wall_us(s->o.clock);
    int64_t keep_from_us = now_us - atomic_load(&s->retention_us);
    for (size_t i = 0; i + 1 < list.count; i++) {
        struct store_segment *seg = list.at[i];
        int64_t ended_us = store_key_time_us(list.at[i + 1]->start);
        bool is_sealed = mind_keys(s, seg, ended_us + atomic_load(&s->idempotency_us) < now_us);
        if (ended_us <= keep_from_us && atomic_load(&seg->pending) == 0)
            submit(s, seg, remove_segment);
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
        seg->tx_rc = erase_some(seg, clock_wall_us(i->store->o.clock));
        enum rc rc = store_segment_commit(seg);
        (void)rc; /* what is not erased now is found again at a later round */
    }
    end_internal(i);
}

static bool has_expired(struct store *s, struct store_segment *seg)
{
    enum rc rc;
    struct store_reader *reader;
    if (store_reader_get(seg, &reader) != RC_OK)
        return false;
    struct db_stmt *st = db_prepare(reader->db, "SELECT 1 " EXPIRED " LIMIT 1");
    db_bind_int(st, 1, clock_wall_us(s->o.clock));
    bool has = db_step(st, &rc);
    db_reset(st);
    store_reader_put(s, reader);
    return has;
}

/* One segment a round, in turn, until it has nothing more. */
static void expire_payloads(struct store *s, size_t *turn)
{
    struct store_segment_list list = store_segment_list_get(s);
    struct store_segment *seg = list.at[*turn % list.count];
    if (has_expired(s, seg))
        submit(s, seg, erase_expired);
    else
        (*turn)++;
    store_segment_list_free(&list);
}

/* --- the disk ------------------------------------------------------------------------------------------- */

static void watch_disk(struct store *s)
{
    struct statvfs v;
    if (statvfs(s->dir, &v) != 0)
        return;
    int64_t free_bytes = (int64_t)v.f_bavail * (int64_t)v.f_frsize;
    bool is_low = free_bytes < s->o.free_min_bytes;
    if (is_low == atomic_exchange(&s->disk_low, is_low))
        return;
    if (is_low)
        LOG(STORE_DISK_LOW, F_INT("free_bytes", free_bytes),
            F_INT("wanted_bytes", s->o.free_min_bytes));
    else
        LOG(STORE_DISK_BACK, F_INT("free_bytes", free_bytes));
}

/* Writes a row that is there already: tells whether the disk takes writes again, when nobody else
 * writes because they were told that it does not. */
static void probe(struct store_internal *i)
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

static void watch_health(struct store *s)
{
    if (store_health(s, NULL) != RC_IO)
        return;
    struct store_segment_list list = store_segment_list_get(s);
    submit(s, list.at[list.count - 1], probe);
    store_segment_list_free(&list);
}

/* --- gauges --------------------------------------------------------------------------------------------- */

/* Gauges take differences, so that several stores in a process add up. */
static void set_gauge(enum metric m, int64_t *shown, int64_t value)
{
    metrics_add(m, value - *shown);
    *shown = value;
}

static void show_gauges(struct store *s, const struct store_stats *stats, int64_t wal_pages)
{
    set_gauge(METRIC_STORE_QUEUED, &s->shown[0], (int64_t)stats->queued);
    set_gauge(METRIC_STORE_SEGMENTS, &s->shown[1], stats->segments);
    set_gauge(METRIC_STORE_PENDING, &s->shown[2], stats->pending);
    set_gauge(METRIC_STORE_BYTES, &s->shown[3], stats->bytes);
    set_gauge(METRIC_STORE_WAL_PAGES, &s->shown[4], wal_pages);
}

static void refresh_gauges(struct store *s)
{
    struct store_stats stats;
    struct store_segment_list list = store_segment_list_get(s);
    store_stats(s, &stats);
    show_gauges(s, &stats, atomic_load(&list.at[list.count - 1]->wal_pages));
    store_segment_list_free(&list);
}

/* --- the thread ----------------------------------------------------------------------------------------- */

static void run(void *arg)
{
    struct store *s = arg;
    struct db *db = NULL;
    int64_t db_start = 0, next_round_us = 0;
    size_t turn = 0;
    /* Of this thread only, on Linux. Moving a log takes a processor for some milliseconds. */
    (void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICE);
    mutex_lock(&s->keeper_lock);
    while (!s->keeper_stop) {
        if (!s->keeper_asked)
            (void)cond_wait_until(&s->keeper_wake, &s->keeper_lock, next_round_us);
        s->keeper_asked = false;
        mutex_unlock(&s->keeper_lock);
        move_logs(s, &db, &db_start);
        int64_t now_us = clock_mono_us(clock_system());
        if (now_us >= next_round_us || atomic_exchange(&s->keeper_round, false)) {
            next_round_us = now_us + ROUND_US;
            store_config_checkpoint(&s->config);
            seal_and_retire(s);
            group_keys(s);
            expire_payloads(s, &turn);
            watch_disk(s);
            watch_health(s);
            refresh_gauges(s);
        }
        mutex_lock(&s->keeper_lock);
    }
    mutex_unlock(&s->keeper_lock);
    db_close(db);
}

void store_keeper_ask(struct store *s)
{
    mutex_lock(&s->keeper_lock);
    bool was_asked = s->keeper_asked;
    s->keeper_asked = true;
    mutex_unlock(&s->keeper_lock);
    if (!was_asked)
        cond_signal(&s->keeper_wake);
}

void store_keeper_start(struct store *s)
{
    watch_disk(s);
    s->keeper = thread_start("store-keeper", THREAD_OTHER, run, s);
}

void store_keeper_stop(struct store *s)
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
}
