/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing, in this order: folder (what is one node's own), configuration, tables, membership, what waits, threads.
 */
#include "store/postgres/postgres_priv.h"

#include "store/folder_priv.h"
#include "store/key_time_priv.h"
#include "store/postgres/accept_priv.h"
#include "store/postgres/clock_priv.h"
#include "store/postgres/confirmed_priv.h"
#include "store/postgres/counts_priv.h"
#include "store/postgres/due_priv.h"
#include "store/postgres/find_priv.h"
#include "store/postgres/health_priv.h"
#include "store/postgres/keeper_priv.h"
#include "store/postgres/keys_priv.h"
#include "store/postgres/lookout_priv.h"
#include "store/postgres/member_priv.h"
#include "store/postgres/nodes_priv.h"
#include "store/postgres/outcome_priv.h"
#include "store/postgres/queue_priv.h"
#include "store/postgres/read_attempts_priv.h"
#include "store/postgres/read_messages_priv.h"
#include "store/postgres/read_one_priv.h"
#include "store/postgres/read_requests_priv.h"
#include "store/postgres/read_runs_priv.h"
#include "store/postgres/readers_priv.h"
#include "store/postgres/recover_priv.h"
#include "store/postgres/schema_priv.h"
#include "store/postgres/search_priv.h"
#include "store/postgres/segments_priv.h"
#include "store/postgres/stats_priv.h"
#include "store/postgres/unknown_priv.h"

#include <unistd.h>

enum { TICK_US = 4000, GROUP_MOST = 512 };

/* --- jobs --------------------------------------------------------------------------------------------- */

static void prepare_job(struct store_job *job, enum store_job_kind kind)
{
    *postgres_job(job) =
        (struct postgres_job){ .kind = kind, .queued_us = clock_mono_us(clock_system()) };
    job->is_own_fault = false;
    if (kind == STORE_JOB_EXPUNGE) {
        struct store_expunge *e = CONTAINER_OF(job, struct store_expunge, job);
        e->canceled = NULL;
        e->canceled_count = 0;
    }
}

static bool is_accepted(enum store_job_kind kind)
{
    return kind == STORE_JOB_PUBLISH || kind == STORE_JOB_RECORD || kind == STORE_JOB_FILTER_RUN;
}

static enum rc submit_job(struct store *store, enum store_job_kind kind, struct store_job *job)
{
    struct store_postgres *s = store_postgres_of(store);
    prepare_job(job, kind);
    return store_postgres_queue_add(is_accepted(kind) ? &s->accepts : &s->outcomes, job, job, 1,
                                    kind == STORE_JOB_OUTCOME ? 0 : s->base.o.queue_max);
}

static enum rc submit_publishes(struct store *store, struct store_publish **list, size_t count)
{
    struct store_postgres *s = store_postgres_of(store);
    for (size_t i = 0; i < count; i++) {
        prepare_job(&list[i]->job, STORE_JOB_PUBLISH);
        if (i > 0)
            postgres_job(&list[i - 1]->job)->next = &list[i]->job;
    }
    return store_postgres_queue_add(&s->accepts, &list[0]->job, &list[count - 1]->job, count,
                                    s->base.o.queue_max);
}

/* Young deliveries are in memory only: they are written down at the next round of the outcomes. */
static bool is_settled(struct store *store, int64_t since_us)
{
    struct store_postgres *s = store_postgres_of(store);
    if (atomic_load(&s->spill_until_us) < since_us)
        atomic_store(&s->spill_until_us, since_us);
    return store_postgres_queue_is_past(&s->accepts, since_us) &&
           store_postgres_queue_is_past(&s->outcomes, since_us) &&
           store_postgres_young_is_past(&s->young, since_us);
}

static void hear_retention(struct store *store)
{
    store_postgres_keeper_ask(store_postgres_of(store));
}

/* --- opening ------------------------------------------------------------------------------------------ */

/* The seed of event ids' hashes: chosen once for all nodes, because hashes are stored. */
static enum rc load_seed(struct store_postgres *s, struct buf *why)
{
    static const char name[] = "event id hash seed";
    struct str value;
    struct store_tx *tx;
    struct arena scratch;
    arena_init(&scratch);
    enum rc rc = store_write_config(&s->base.config, &tx);
    if (rc == RC_OK) {
        rc = store_setting_get(tx, name, &scratch, &value);
        if (rc == RC_OK && value.len == sizeof s->hash_seed) {
            memcpy(s->hash_seed, value.ptr, sizeof s->hash_seed);
            store_end(tx);
        } else if (rc == RC_OK || rc == RC_NOT_FOUND) {
            rng_fill(s->base.o.rng, s->hash_seed, sizeof s->hash_seed);
            rc = store_setting_set(tx, name,
                                   str_of((const char *)s->hash_seed, sizeof s->hash_seed));
            rc = store_finish(tx, rc);
        } else {
            store_end(tx);
        }
    }
    arena_fini(&scratch);
    if (rc != RC_OK)
        buf_say(why, "cannot read or write the configuration: %s", rc_name(rc));
    return rc;
}

/* Ids come after all that there are, so that their times do, too. */
static void make_ids(struct store_postgres *s, const struct postgres_left *left)
{
    if (left->last_k > 0)
        store_time_at_least(&s->base.time, store_key_time_us(left->last_k) + 2 * TICK_US);
    store_postgres_clock_catch_up(s);
    s->base.ids = id_source_new_slot(&s->base.time.clock, s->base.o.rng, s->slot, left->last_k);
}

static enum rc open_segments(struct store_postgres *s, struct buf *why)
{
    enum rc rc = store_postgres_segments_load(s, why);
    if (rc == RC_OK && (rc = store_postgres_keeper_ahead(s)) != RC_OK)
        buf_say(why, "cannot make partitions: %s", s->maker.words);
    if (rc == RC_OK)
        rc = store_postgres_keys_load(s, why);
    return rc;
}

static enum rc no_threads(struct buf *why)
{
    buf_say(why,
            "cannot start the store's threads: raise the limit on processes (ulimit -u, pids.max)");
    return RC_LIMIT;
}

/* The beat comes first: what waits may be much, and take longer than the lease. */
static enum rc take_over(struct store_postgres *s, struct buf *why)
{
    struct postgres_left left;
    enum rc rc = store_postgres_member_join(s, &left, why);
    if (rc == RC_OK)
        rc = store_postgres_recover_last(s, &left, why);
    if (rc != RC_OK)
        return rc;
    make_ids(s, &left);
    store_postgres_young_from(&s->young, left.cursor_k);
    if (!store_postgres_beat_start(s))
        return no_threads(why);
    rc = open_segments(s, why);
    if (rc == RC_OK)
        rc = store_postgres_recover(s, &left, why);
    if (rc == RC_OK)
        store_postgres_young_known(&s->young);
    if (rc == RC_OK && (rc = store_postgres_stats_count(s)) != RC_OK)
        buf_say(why, "cannot count what is in the database: %s", s->keeper_conn.words);
    if (rc == RC_OK)
        store_postgres_recover_due(s);
    return rc;
}

static enum rc open_parts(struct store_postgres *s, struct buf *why)
{
    enum rc rc = store_folder_make(s->base.o.dir, s->base.o.no_sync, why);
    if (rc == RC_OK)
        rc = store_folder_lock(s->base.o.dir, s->base.o.is_server, &s->lock_fd, why);
    if (rc == RC_OK)
        rc = store_config_open(&s->base.config, &s->base.o, why);
    if (rc == RC_OK)
        rc = store_postgres_clock_open(s, why);
    if (rc == RC_OK && (rc = store_time_load(&s->base)) != RC_OK)
        buf_say(why, "cannot read the configuration");
    if (rc == RC_OK)
        rc = load_seed(s, why);
    if (rc == RC_OK && (rc = store_postgres_confirmed_show(s)) != RC_OK)
        buf_say(why, "cannot read the configuration");
    if (rc == RC_OK)
        rc = store_postgres_schema_make(&s->keeper_conn, why);
    return rc == RC_OK ? take_over(s, why) : rc;
}

/* The beat goes on until all is written. */
static void close_store(struct store *store)
{
    struct store_postgres *s = store_postgres_of(store);
    store_postgres_keeper_stop(s);
    store_postgres_accept_stop(s);
    store_postgres_outcome_stop(s);
    store_postgres_beat_stop(s);
    store_postgres_member_leave(s);
    if (s->slot != 0 && !atomic_load(&s->is_fenced)) /* else it is another node's */
        store_time_keep(&s->base);
    store_postgres_readers_fini(s);
    store_postgres_segments_fini(s);
    store_config_close(&s->base.config);
    id_source_free(s->base.ids);
    store_postgres_queue_fini(&s->accepts);
    store_postgres_queue_fini(&s->outcomes);
    store_postgres_unknown_fini(&s->unknown);
    store_postgres_young_fini(&s->young);
    store_postgres_confirmed_fini(&s->confirmed);
    store_postgres_counted_fini(&s->counted);
    store_postgres_conn_close(&s->beat_conn);
    store_postgres_conn_close(&s->keeper_conn);
    map64_free(s->bounded);
    if (s->lock_fd >= 0)
        (void)close(s->lock_fd);
    cond_fini(&s->keeper_wake);
    mutex_fini(&s->keeper_lock);
    cond_fini(&s->beat_wake);
    mutex_fini(&s->beat_lock);
    mutex_fini(&s->health_lock);
    mutex_fini(&s->watch_lock);
    xfree((char *)(uintptr_t)s->base.o.dir);
    mem_wipe(s->url, strlen(s->url)); /* it may hold a password */
    xfree(s->url);
    xfree(s);
}

static struct store_postgres *make_store(const struct store_options *o)
{
    struct store_postgres *s = XNEW(struct store_postgres);
    store_init(&s->base, &store_postgres_backend, o);
    s->base.o.url = s->url = xstrdup(o->url);
    if (s->base.o.group_max > GROUP_MOST)
        s->base.o.group_max = GROUP_MOST;
    s->lock_fd = -1;
    mutex_init(&s->watch_lock);
    mutex_init(&s->health_lock);
    mutex_init(&s->beat_lock);
    cond_init(&s->beat_wake);
    mutex_init(&s->keeper_lock);
    cond_init(&s->keeper_wake);
    s->bounded = map64_new();
    store_postgres_conn_init(&s->beat_conn, s->url);
    store_postgres_conn_init(&s->keeper_conn, s->url);
    s->keeper_conn.answer_us = POSTGRES_SLOW_ANSWER_US;
    store_postgres_young_init(&s->young);
    store_postgres_confirmed_init(&s->confirmed);
    store_postgres_counted_init(&s->counted);
    store_postgres_unknown_init(&s->unknown);
    store_postgres_queue_init(&s->accepts, s);
    store_postgres_queue_init(&s->outcomes, s);
    store_postgres_segments_init(s);
    store_postgres_readers_init(s);
    return s;
}

static bool start_threads(struct store_postgres *s)
{
    return store_postgres_accept_start(s) && store_postgres_outcome_start(s) &&
           store_postgres_keeper_start(s);
}

static void log_opened(struct store_postgres *s)
{
    struct store_stats stats;
    store_postgres_stats(&s->base, &stats);
    LOG(STORE_OPENED, F_TEXT("dir", s->base.o.dir), F_INT("slot", s->slot),
        F_INT("segments", stats.segments), F_INT("messages", stats.messages),
        F_INT("pending", stats.pending));
}

static enum rc open_store(const struct store_options *o, struct store **out, struct buf *why)
{
    struct store_postgres *s = make_store(o);
    enum rc rc = open_parts(s, why);
    if (rc == RC_OK && atomic_load(&s->base.time.offset_us) != s->base.time.kept_offset_us)
        store_time_keep(&s->base);
    if (rc == RC_OK && !start_threads(s))
        rc = no_threads(why);
    if (rc != RC_OK) {
        close_store(&s->base);
        return rc;
    }
    log_opened(s);
    *out = &s->base;
    return RC_OK;
}

const struct store_backend store_postgres_backend = {
    .name = "postgres",
    .open = open_store,
    .close = close_store,
    .submit = submit_job,
    .submit_publishes = submit_publishes,
    .nodes = store_postgres_nodes,
    .announce = store_postgres_announce,
    .lookout_new = store_postgres_lookout_new,
    .lookout_look = store_postgres_lookout_look,
    .lookout_free = store_postgres_lookout_free,
    .retention_changed = hear_retention,
    .due_endpoints = store_postgres_due_endpoints,
    .due_count = store_postgres_due_count,
    .due_list = store_postgres_due_list,
    .health = store_postgres_health,
    .may_deliver = store_postgres_may_deliver,
    .is_settled = is_settled,
    .stats = store_postgres_stats,
    .pieces = store_postgres_pieces,
    .filter_run_get = store_postgres_filter_run_get,
    .filter_run_list = store_postgres_filter_run_list,
    .attempt_get = store_postgres_attempt_get,
    .attempt_list = store_postgres_attempt_list,
    .delivery_by_endpoint = store_postgres_delivery_by_endpoint,
    .message_list = store_postgres_message_list,
    .delivery_by_message = store_postgres_delivery_by_message,
    .delivery_counts = store_postgres_delivery_counts,
    .message_by_event_id = store_postgres_message_by_event_id,
    .message_get = store_postgres_message_get,
    .message_load = store_postgres_message_load,
    .delivery_search = store_postgres_delivery_search,
    .request_refused = store_postgres_request_refused,
    .find_flowing = store_postgres_find_flowing,
    .find_messages = store_postgres_find_messages,
    .request_get = store_postgres_request_get,
    .request_list = store_postgres_request_list,
};
