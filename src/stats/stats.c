/* SPDX-License-Identifier: Apache-2.0
 *
 * The statistics' thread: takes over the minute that is over, writes it, packs, and keeps the rows within their bounds.
 */
#include "stats/stats_priv.h"

#include "metrics/metrics.h"
#include "stats/roll_up_priv.h"
#include "stats/rows_open_priv.h"

enum {
    TICK_LATE_US = 50000,    /* after the turn of the minute */
    TICK_AGAIN_US = 1000000, /* while something of an earlier minute could not be written */
    CATCH_UP_MINUTES = 5,    /* of which nothing says that there was no server */
    PACKS_A_TICK = 4
};

/* --- the rows --------------------------------------------------------------------------------------------- */

static void say_failed(struct stats *s, enum rc rc, struct str why)
{
    if (!s->has_failed)
        LOG(STATS_FAILED, F_TEXT("rc", rc_name(rc)), F_TEXT("file", stats_rows_name(&s->rows)),
            F_STR("why", why));
    s->has_failed = true;
}

static void close_rows(struct stats *s)
{
    mutex_lock(&s->lock);
    stats_rows_close(&s->rows);
    mutex_unlock(&s->lock);
}

static enum rc try_open(struct stats *s, struct stats_rows *fresh, struct buf *why)
{
    enum rc rc = stats_rows_open(fresh, why);
    if (rc != RC_CORRUPT || stats_rows_is_shared(fresh))
        return rc;
    LOG(STATS_RENEWED, F_TEXT("file", stats_rows_name(&s->rows)), F_STR("why", buf_str(why)));
    stats_rows_remove(fresh);
    buf_reset(why);
    return stats_rows_open(fresh, why);
}

/* A server that does not answer is waited for without the lock, which readers want. */
static enum rc open_rows(struct stats *s)
{
    struct stats_rows fresh;
    struct buf why;
    buf_init(&why, 1024);
    close_rows(s);
    stats_rows_init_like(&fresh, &s->rows);
    for (size_t i = 0; i < COUNT_OF(fresh.key); i++)
        fresh.key[i] = atomic_load(&s->key[i]);
    enum rc rc = try_open(s, &fresh, &why);
    if (rc == RC_OK) {
        mutex_lock(&s->lock);
        stats_rows_adopt(&s->rows, &fresh);
        mutex_unlock(&s->lock);
        for (size_t i = COUNT_OF(s->key);
             i-- > 0;) /* who sees the new first half sees the second */
            atomic_store(&s->key[i], s->rows.key[i]);
    } else {
        stats_rows_fini(&fresh);
        say_failed(s, rc, buf_str(&why));
    }
    buf_fini(&why);
    return rc;
}

/* What a failure means: the rows are opened again at the next tick, those of a damaged file anew. */
static void close_failed(struct stats *s, enum rc rc)
{
    bool is_damaged = rc == RC_CORRUPT && !stats_rows_is_shared(&s->rows);
    if (is_damaged)
        LOG(STATS_RENEWED, F_TEXT("file", stats_rows_name(&s->rows)),
            F_TEXT("why", "a row cannot be read"));
    else
        say_failed(s, rc, str_from(db_error(s->rows.writer)));
    close_rows(s);
    if (is_damaged)
        stats_rows_remove(&s->rows);
}

void stats_reader_check(struct stats *s)
{
    if (s->rows.reader == NULL || !db_is_stale(s->rows.reader))
        return;
    db_close(s->rows.reader);
    s->rows.reader = NULL;
    mutex_lock(&s->wake_lock);
    atomic_store(&s->rows.is_reader_lost, true);
    mutex_unlock(&s->wake_lock);
    cond_signal(&s->wake);
}

/* --- a tick ------------------------------------------------------------------------------------------------- */

/* The store thread may have it just now: then it gives it up itself with its next group, or we get it at the next tick. */
static void take_over(struct stats *s, int64_t minute_us, bool at_end)
{
    struct stats_table *t = atomic_load(&s->current);
    if (t == NULL || (!at_end && atomic_load(&t->minute_us) == minute_us))
        return;
    if (atomic_compare_exchange_strong(&s->current, &t, NULL))
        atomic_store(&t->state, STATS_TABLE_FULL);
}

/* Nobody sees a minute twice: it goes out of memory, and its rows are there, under the lock. */
static enum rc write_minute(struct stats *s, int64_t minute, struct stats_table *t)
{
    enum rc rc = stats_rows_put(&s->rows, minute, t);
    if (rc != RC_OK)
        return rc;
    mutex_lock(&s->lock);
    rc = stats_rows_commit(&s->rows, minute, t);
    if (rc == RC_OK && t != NULL) {
        stats_table_clear(t);
        atomic_store(&t->state, STATS_TABLE_FREE);
    }
    mutex_unlock(&s->lock);
    return rc;
}

static enum rc write_full(struct stats *s)
{
    for (size_t i = 0; i < STATS_TABLES; i++) {
        struct stats_table *t = &s->tables[i];
        if (atomic_load(&t->state) != STATS_TABLE_FULL)
            continue;
        if (t->part == 0)
            t->part = (int64_t)(rng_u64(s->o.rng) >> 1 | 1);
        enum rc rc = write_minute(s, atomic_load(&t->minute_us) / STATS_MINUTE_US, t);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

/* Also of a minute in which nothing moved: else it could not be told from one without a server. */
static enum rc mark_alive(struct stats *s, int64_t until_us)
{
    enum rc rc = RC_OK;
    int64_t from_us = s->alive_until_us;
    if (until_us - from_us > CATCH_UP_MINUTES * STATS_MINUTE_US || until_us < from_us)
        from_us = until_us - STATS_MINUTE_US;
    for (int64_t at = from_us; rc == RC_OK && at < until_us; at += STATS_MINUTE_US)
        rc = write_minute(s, at / STATS_MINUTE_US, NULL);
    if (rc == RC_OK)
        s->alive_until_us = until_us;
    return rc;
}

static bool has_full(struct stats *s)
{
    for (size_t i = 0; i < STATS_TABLES; i++)
        if (atomic_load(&s->tables[i].state) == STATS_TABLE_FULL)
            return true;
    return false;
}

/* However the wall clock is set, nothing is old before it is so by the store's time, too. */
static int64_t oldest_now(const struct stats *s, int64_t now_us)
{
    int64_t own_us = clock_wall_us(s->o.own);
    return own_us < now_us ? own_us : now_us;
}

static enum rc roll_up(struct stats *s, int64_t now_us)
{
    bool more = true;
    enum rc rc = RC_OK;
    for (int i = 0; rc == RC_OK && more && i < PACKS_A_TICK; i++)
        rc = stats_pack_next(&s->rows, now_us, &more);
    if (rc == RC_OK)
        rc = stats_rows_expire(&s->rows, oldest_now(s, now_us));
    if (rc == RC_OK)
        rc = stats_rows_shrink(&s->rows, now_us, s->o.size_max);
    return rc == RC_BUSY && stats_rows_is_shared(&s->rows) ? RC_OK : rc; /* another node is at it */
}

static void tell_size(struct stats *s)
{
    int64_t bytes = 0;
    if (s->rows.engine->size(&s->rows, &bytes) == RC_OK)
        metrics_set(METRIC_STATS_BYTES, bytes);
}

void stats_tick(struct stats *s, bool at_end)
{
    int64_t began_us = clock_mono_us(s->o.clock), now_us = clock_wall_us(s->o.clock);
    int64_t minute_us = now_us - now_us % STATS_MINUTE_US;
    bool is_open = stats_rows_is_open(&s->rows);
    take_over(s, minute_us, at_end);
    if (!has_full(s) && s->alive_until_us == minute_us && !at_end && is_open)
        return;
    enum rc rc = is_open ? RC_OK : open_rows(s);
    bool was_open = rc == RC_OK;
    if (rc == RC_OK)
        rc = write_full(s);
    if (rc == RC_OK)
        rc = mark_alive(s, at_end ? minute_us + STATS_MINUTE_US : minute_us);
    if (rc == RC_OK && !at_end) {
        rc = roll_up(s, now_us); /* readers see the rows as they were before */
        tell_size(s);
    }
    if (rc != RC_OK && was_open)
        close_failed(s, rc);
    if (rc == RC_OK && s->has_failed) {
        s->has_failed = false;
        LOG(STATS_RECOVERED, F_TEXT("file", stats_rows_name(&s->rows)));
    }
    metrics_observe(METRIC_STATS_TICK, clock_mono_us(s->o.clock) - began_us);
}

/* --- the thread ------------------------------------------------------------------------------------------------ */

static int64_t next_tick_us(struct stats *s)
{
    int64_t mono_us = clock_mono_us(s->o.clock), now_us = clock_wall_us(s->o.clock);
    int64_t wait_us = STATS_MINUTE_US - now_us % STATS_MINUTE_US + TICK_LATE_US;
    const struct stats_table *t = atomic_load(&s->current);
    bool is_late =
        t != NULL && atomic_load(&t->minute_us) / STATS_MINUTE_US != now_us / STATS_MINUTE_US;
    if (is_late || has_full(s) || s->has_failed || !stats_rows_is_open(&s->rows))
        wait_us = wait_us < TICK_AGAIN_US ? wait_us : TICK_AGAIN_US;
    return mono_us + wait_us;
}

static void stats_run(void *arg)
{
    struct stats *s = arg;
    mutex_lock(&s->wake_lock);
    while (!s->is_stopping) {
        (void)cond_wait_until(&s->wake, &s->wake_lock, next_tick_us(s));
        if (s->is_stopping)
            break;
        mutex_unlock(&s->wake_lock);
        stats_tick(s, false);
        mutex_lock(&s->wake_lock);
    }
    mutex_unlock(&s->wake_lock);
}

/* --- life ---------------------------------------------------------------------------------------------------------- */

int64_t stats_type_id(const struct stats *s, int64_t org, struct str event_type)
{
    uint64_t key[2];
    key[0] = atomic_load_explicit(&s->key[0], memory_order_acquire) ^ (uint64_t)org;
    key[1] = atomic_load_explicit(&s->key[1], memory_order_relaxed);
    int64_t id = (int64_t)str_siphash(key, event_type);
    return id == 0 ? 1 : id;
}

const struct store_watcher *stats_watcher(struct stats *s)
{
    return &s->watcher;
}

struct stats *stats_open(const struct stats_options *o)
{
    struct stats *s = XNEW(struct stats);
    s->o = *o;
    s->watcher = stats_count_watcher;
    s->watcher.ctx = s;
    stats_live_init(&s->live, o->clock);
    stats_rows_init(&s->rows, o->dir, o->url);
    for (size_t i = 0; i < STATS_TABLES; i++)
        stats_table_init(&s->tables[i]);
    mutex_init(&s->lock);
    mutex_init(&s->wake_lock);
    cond_init(&s->wake);
    for (size_t i = 0; i < COUNT_OF(s->key); i++)
        atomic_store(&s->key[i], rng_u64(o->rng));
    s->counts = o->size_max > 0;
    if (s->counts)
        (void)open_rows(s);
    s->alive_until_us = clock_wall_us(o->clock);
    s->alive_until_us -= s->alive_until_us % STATS_MINUTE_US;
    if (o->no_thread || !s->counts)
        return s;
    s->thread = thread_start("stats", THREAD_OTHER, stats_run, s);
    if (s->thread != NULL)
        return s;
    stats_close(s);
    return NULL;
}

void stats_stop(struct stats *s)
{
    if (s == NULL)
        return;
    mutex_lock(&s->wake_lock);
    s->is_stopping = true;
    mutex_unlock(&s->wake_lock);
    cond_signal(&s->wake);
    thread_join(s->thread);
    s->thread = NULL;
}

void stats_close(struct stats *s)
{
    if (s == NULL)
        return;
    stats_stop(s);
    if (s->counts)
        stats_tick(s, true);
    stats_rows_fini(&s->rows);
    for (size_t i = 0; i < STATS_TABLES; i++)
        stats_table_fini(&s->tables[i]);
    cond_fini(&s->wake);
    mutex_fini(&s->wake_lock);
    mutex_fini(&s->lock);
    stats_live_fini(&s->live);
    xfree(s);
}
