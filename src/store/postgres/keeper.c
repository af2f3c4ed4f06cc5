/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/keeper_priv.h. Nothing here is urgent, and whatever fails is tried again at a later round.
 */
#include "store/postgres/keeper_priv.h"

#include "store/audit.h"
#include "store/key_time_priv.h"
#include "store/postgres/health_priv.h"
#include "store/postgres/keys_priv.h"
#include "store/postgres/segments_priv.h"
#include "store/postgres/stats_priv.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    ROUND_US = 1000000,
    KEEP_TIME_US = 600000000,
    SEGMENTS_AHEAD = 2,
    EXPIRE_ROWS = 500,
    EXPIRE_SEGMENTS = 8, /* looked at in a round */
    SLOW_US = 60000000,  /* what is done once a minute */
    FREEZE_AFTER_US = 300000000,
    RATE_KNOWN_US = 60000000,
    MANY_SEGMENTS = 100,
    SEGMENTS_MOST = 300,
    FILES_IN_SEGMENT = 10 /* a partition may hold what so many files would */
};
static const int64_t span_least_us = 600000000, span_first_us = INT64_C(3600) * 1000000;

/* --- segments ---------------------------------------------------------------------------------------- */

/* Between how short and how long one may be. Each costs every plan of the parent tables a little, so that there are not to
 * be more than some hundreds in the time that messages are kept. */
static void bound_span(struct store_postgres *s, int64_t *least_us, int64_t *most_us)
{
    struct postgres_segments list = store_postgres_segments_get(s);
    bool are_many = list.count > MANY_SEGMENTS;
    store_postgres_segments_free(&list);
    int64_t share_us = store_kept_us(&s->base) / SEGMENTS_MOST;
    *most_us = s->base.o.segment_us;
    *least_us = are_many && share_us > span_least_us ? share_us : span_least_us;
    if (are_many && *most_us < *least_us)
        *most_us = *least_us;
    if (*least_us > *most_us)
        *least_us = *most_us;
}

/* How long it takes to fill one, at the rate of the present one; that is known after a while. */
static void mind_span(struct store_postgres *s, int64_t now_us)
{
    int64_t least_us, most_us;
    struct postgres_segment *seg = store_postgres_segment_of(s, store_key_at(now_us));
    if (seg == NULL)
        return;
    int64_t age_us = now_us - store_key_time_us(seg->first_k);
    double messages = (double)atomic_load(&seg->messages) / (double)s->base.o.segment_messages;
    double bytes = (double)atomic_load(&seg->payload_bytes) / (double)s->base.o.segment_bytes;
    store_postgres_segment_unref(seg);
    double filled = (messages > bytes ? messages : bytes) / FILES_IN_SEGMENT;
    if (age_us < RATE_KNOWN_US)
        return;
    bound_span(s, &least_us, &most_us);
    double full_us = filled > 0 ? (double)age_us / filled : (double)most_us;
    int64_t span_us = full_us < (double)most_us ? (int64_t)full_us : most_us;
    atomic_store(&s->span_us, span_us < least_us ? least_us : span_us);
}

enum rc store_postgres_keeper_ahead(struct store_postgres *s)
{
    int64_t k = store_key_at(store_time_us(&s->base.time));
    enum rc rc = RC_OK;
    if (atomic_load(&s->span_us) == 0)
        atomic_store(&s->span_us,
                     span_first_us < s->base.o.segment_us ? span_first_us : s->base.o.segment_us);
    for (int i = 0; rc == RC_OK && i <= SEGMENTS_AHEAD; i++) {
        rc = store_postgres_segments_cover(s, k);
        struct postgres_segment *seg = rc == RC_OK ? store_postgres_segment_of(s, k) : NULL;
        if (seg != NULL)
            k = seg->end_k;
        store_postgres_segment_unref(seg);
    }
    return rc;
}

static bool has_waiting(struct store_postgres *s, const struct postgres_segment *seg)
{
    PGresult *r;
    struct postgres_params p;
    store_postgres_params_init(&p);
    store_postgres_params_int(&p, seg->first_k);
    store_postgres_params_int(&p, seg->end_k);
    enum rc rc = store_postgres_query(
        &s->keeper_conn, "SELECT 1 FROM waiting WHERE msg >= $1 AND msg < $2 LIMIT 1", &p, &r);
    bool has = rc != RC_OK || PQntuples(r) > 0;
    PQclear(r);
    return has;
}

/* What is young, or might be, is after the cursor. */
static void retire_segments(struct store_postgres *s, int64_t now_us)
{
    int64_t keep_from_us = now_us - store_kept_us(&s->base);
    int64_t cursor_k = store_postgres_young_cursor(&s->young, 0);
    struct postgres_segments list = store_postgres_segments_get(s);
    for (size_t i = 0; i < list.count; i++) {
        struct postgres_segment *seg = list.at[i];
        if (store_key_time_us(seg->end_k) > keep_from_us || seg->end_k > cursor_k ||
            has_waiting(s, seg))
            continue;
        if (store_postgres_segment_remove(s, seg) == RC_OK)
            LOG(STORE_SEGMENT_REMOVED, F_TEXT("file", seg->message));
    }
    store_postgres_segments_free(&list);
    enum rc rc = store_postgres_segments_clear(s);
    (void)rc;
}

/* Its rows never change again: vacuum need not look at it any more, not even for the age of its transactions. One a
 * minute; one that takes longer than a statement may goes on where it was. */
static void freeze_one(struct store_postgres *s, int64_t now_us)
{
    char sql[96];
    struct postgres_segments list = store_postgres_segments_get(s);
    for (size_t i = 0; i < list.count; i++) {
        struct postgres_segment *seg = list.at[i];
        if (seg->is_frozen || store_key_time_us(seg->end_k) + FREEZE_AFTER_US > now_us)
            continue;
        (void)snprintf(sql, sizeof sql, "VACUUM (FREEZE, INDEX_CLEANUP off) %s, %s", seg->message,
                       seg->attempt);
        seg->is_frozen = store_postgres_exec_alone(&s->keeper_conn, sql) == RC_OK;
        break;
    }
    store_postgres_segments_free(&list);
}

/* --- payloads past their time ------------------------------------------------------------------------- */

/* True: there may be more. */
static bool erase_some(struct store_postgres *s, const struct postgres_segment *seg, int64_t now_us)
{
    char sql[400];
    PGresult *r;
    struct postgres_params p;
    store_postgres_params_init(&p);
    store_postgres_params_int(&p, now_us);
    (void)snprintf(
        sql, sizeof sql,
        "UPDATE %s SET payload = NULL WHERE k IN (SELECT k FROM %s WHERE expires > 0 AND payload IS NOT NULL"
        " AND expires <= $1 ORDER BY expires LIMIT %d)",
        seg->message, seg->message, (int)EXPIRE_ROWS);
    if (store_postgres_query(&s->keeper_conn, sql, &p, &r) != RC_OK)
        return false;
    bool more = strtol(PQcmdTuples(r), NULL, 10) == EXPIRE_ROWS;
    PQclear(r);
    return more;
}

static void expire_payloads(struct store_postgres *s, size_t *turn, int64_t now_us)
{
    struct postgres_segments list = store_postgres_segments_get(s);
    for (size_t i = 0; list.count > 0 && i < EXPIRE_SEGMENTS && i < list.count; i++) {
        if (erase_some(s, list.at[*turn % list.count], now_us))
            break;
        (*turn)++;
    }
    store_postgres_segments_free(&list);
}

/* --- gauges ------------------------------------------------------------------------------------------- */

/* They take differences, so that several stores in a process add up. */
static void set_gauge(enum metric m, int64_t *shown, int64_t value)
{
    metrics_add(m, value - *shown);
    *shown = value;
}

static void show_gauges(struct store_postgres *s, const struct store_stats *stats)
{
    set_gauge(METRIC_STORE_QUEUED, &s->shown[0], (int64_t)stats->queued);
    set_gauge(METRIC_STORE_SEGMENTS, &s->shown[1], stats->segments);
    set_gauge(METRIC_STORE_PENDING, &s->shown[2], stats->pending);
    set_gauge(METRIC_STORE_BYTES, &s->shown[3], stats->bytes);
}

/* --- the thread --------------------------------------------------------------------------------------- */

struct keeper_turns {
    size_t expire;
    int64_t keep_time_us, slow_us; /* when next */
};

/* What is kept only matters after the machine was started anew, and may then be some minutes old. */
static void mind_time(struct store_postgres *s, int64_t now_us, struct keeper_turns *turns)
{
    bool has_moved = store_time_mind(&s->base.time);
    if (!has_moved && now_us < turns->keep_time_us)
        return;
    turns->keep_time_us = now_us + KEEP_TIME_US;
    store_time_keep(&s->base);
}

static void keep_slowly(struct store_postgres *s, int64_t own_us)
{
    enum rc rc = store_postgres_stats_read(s);
    if (rc == RC_OK)
        rc = store_postgres_exec(
            &s->keeper_conn,
            "DELETE FROM config_change WHERE at < clock_timestamp() - interval '1 day'");
    if (rc == RC_OK)
        freeze_one(s, own_us);
}

static void keeper_round(struct store_postgres *s, struct keeper_turns *turns)
{
    struct store_stats stats;
    int64_t now_us = clock_mono_us(clock_system());
    mind_time(s, now_us, turns);
    store_config_checkpoint(&s->base.config);
    store_audit_forget(&s->base);
    store_postgres_stats(&s->base, &stats);
    show_gauges(s, &stats);
    if (!store_postgres_is_member(s) || store_postgres_conn_open(&s->keeper_conn) != RC_OK)
        return;
    int64_t own_us = store_time_us(&s->base.time);
    store_postgres_health_mind(s);
    mind_span(s, own_us);
    enum rc rc = store_postgres_keeper_ahead(s);
    (void)rc; /* a group that misses one makes it */
    store_postgres_keys_mind(s);
    retire_segments(s, own_us);
    expire_payloads(s, &turns->expire, own_us);
    if (now_us < turns->slow_us)
        return;
    turns->slow_us = now_us + SLOW_US;
    keep_slowly(s, own_us);
}

static void keeper_run(void *arg)
{
    struct store_postgres *s = arg;
    int64_t now_us = clock_mono_us(clock_system()), next_round_us = 0;
    struct keeper_turns turns = { .keep_time_us = now_us + KEEP_TIME_US,
                                  .slow_us = now_us + SLOW_US };
    mutex_lock(&s->keeper_lock);
    while (!s->keeper_stop) {
        if (!s->keeper_asked)
            (void)cond_wait_until(&s->keeper_wake, &s->keeper_lock, next_round_us);
        bool is_due = s->keeper_asked || clock_mono_us(clock_system()) >= next_round_us;
        s->keeper_asked = false;
        if (s->keeper_stop || !is_due)
            continue;
        mutex_unlock(&s->keeper_lock);
        activity_begin("keeps the store", STR_NONE);
        keeper_round(s, &turns);
        activity_end();
        next_round_us = clock_mono_us(clock_system()) + ROUND_US;
        mutex_lock(&s->keeper_lock);
    }
    mutex_unlock(&s->keeper_lock);
}

bool store_postgres_keeper_start(struct store_postgres *s)
{
    s->keeper = thread_start("store-keeper", THREAD_OTHER, keeper_run, s);
    return s->keeper != NULL;
}

void store_postgres_keeper_ask(struct store_postgres *s)
{
    mutex_lock(&s->keeper_lock);
    s->keeper_asked = true;
    mutex_unlock(&s->keeper_lock);
    cond_signal(&s->keeper_wake);
}

void store_postgres_keeper_stop(struct store_postgres *s)
{
    if (s->keeper == NULL)
        return;
    mutex_lock(&s->keeper_lock);
    s->keeper_stop = true;
    mutex_unlock(&s->keeper_lock);
    cond_signal(&s->keeper_wake);
    thread_join(s->keeper);
    s->keeper = NULL;
    show_gauges(s, &(struct store_stats){ 0 });
}
