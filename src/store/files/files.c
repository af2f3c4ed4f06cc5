/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing, in this order: folder, lock, config.db, segments, threads.
 */
#include "store/files/files_priv.h"

#include "store/event_type.h"
#include "store/files/due_priv.h"
#include "store/files/files_priv.h"
#include "store/files/filter_run_priv.h"
#include "store/files/health_priv.h"
#include "store/files/keeper_priv.h"
#include "store/files/queue_priv.h"
#include "store/files/read_attempts_priv.h"
#include "store/files/read_messages_priv.h"
#include "store/files/read_one_priv.h"
#include "store/files/read_requests_priv.h"
#include "store/files/readers_priv.h"
#include "store/files/segments_priv.h"
#include "store/files/stats_priv.h"
#include "store/files/stretch_priv.h"
#include "store/files/wal_priv.h"
#include "store/folder_priv.h"
#include "store/key_time_priv.h"
#include "store/store.h"

#include <unistd.h>

enum { TICK_US = 4000, SEED_BYTES = 8 };

void store_options_defaults(struct store_options *o)
{
    *o = (struct store_options){
        .backend = &store_files_backend,
        .dir = "./grapnel-data",
        .clock = clock_system(),
        .rng = rng_system(),
        .segment_messages = 500000,
        .segment_bytes = INT64_C(1) << 30,
        .segment_us = INT64_C(86400) * 1000000,
        .retention_us = INT64_C(90) * 86400 * 1000000,
        .idempotency_us = INT64_C(12) * 3600 * 1000000,
        .audit_us = INT64_C(90) * 24 * 3600 * 1000000,
        .group_max = 256,
        .queue_max = 20000,
        .cache_bytes = 24 << 20,
        .readers = 8,
        .free_min_bytes = 256 << 20,
        .wal_soft = 1024,
        .wal_hard = 8192,
        .wal_little = 32,
    };
}

/* --- folder --------------------------------------------------------------------------------------------- */

static enum rc open_folder(struct store_files *s, struct buf *why)
{
    struct arena scratch;
    arena_init(&scratch);
    struct str segments = arena_fmt(&scratch, "%s/segments", s->dir);
    enum rc rc = store_folder_make(s->dir, s->base.o.no_sync, why);
    if (rc == RC_OK)
        rc = store_folder_make(segments.ptr, s->base.o.no_sync, why);
    if (rc == RC_OK)
        rc = store_folder_lock(s->dir, s->base.o.is_server, &s->lock_fd, why);
    if (rc == RC_OK)
        rc = store_folder_is_whole(s->dir, why);
    arena_fini(&scratch);
    return rc;
}

/* --- ids and seeds ------------------------------------------------------------------------------------ */

/* Keys made from now on must be past those that are there. */
static void make_ids(struct store_files *s)
{
    for (size_t i = 0; i < s->segment_count; i++) {
        int64_t last_key = store_segment_newest_key(s->segments[i]);
        store_time_at_least(&s->base.time, store_key_time_us(s->segments[i]->start));
        if (last_key > 0)
            store_time_at_least(&s->base.time, store_key_time_us(last_key) + 2 * TICK_US);
    }
    s->base.ids = id_source_new(&s->base.time.clock, s->base.o.rng);
}

/* The seed of event ids' hashes: chosen once, because hashes are stored. */
static enum rc load_seed(struct store_files *s)
{
    static const char name[] = "event id hash seed";
    struct str value;
    struct store_tx *tx;
    struct arena scratch;
    arena_init(&scratch);
    enum rc rc = store_write_config(&s->base.config, &tx);
    if (rc == RC_OK) {
        rc = store_setting_get(tx, name, &scratch, &value);
        if (rc == RC_OK && value.len == SEED_BYTES) {
            memcpy(&s->hash_seed, value.ptr, SEED_BYTES);
            store_end(tx);
        } else if (rc != RC_OK && rc != RC_NOT_FOUND) { /* another seed would hide all event ids */
            store_end(tx);
        } else {
            s->hash_seed = rng_u64(s->base.o.rng);
            rc = store_setting_set(tx, name, str_of((const char *)&s->hash_seed, SEED_BYTES));
            rc = store_finish(tx, rc);
        }
    }
    arena_fini(&scratch);
    return rc;
}

/* --- open and close ------------------------------------------------------------------------------------- */

static enum rc open_parts(struct store_files *s, struct buf *why)
{
    enum rc rc = open_folder(s, why);
    if (rc != RC_OK)
        return rc;
    rc = store_config_open(&s->base.config, &s->base.o, why);
    if (rc == RC_OK && (rc = load_seed(s)) != RC_OK)
        buf_say(why, "%s: cannot write: %s", s->base.config.path,
                db_error(s->base.config.writer.db));
    if (rc == RC_OK && (rc = store_time_load(&s->base)) != RC_OK)
        buf_say(why, "%s: cannot read: %s", s->base.config.path,
                db_error(s->base.config.writer.db));
    if (rc == RC_OK)
        rc = store_segments_load(s, why);
    /* The lock is ours, so that waiting for another process, which RC_BUSY asks for, would be in vain. */
    return rc == RC_BUSY ? RC_IO : rc;
}

static void log_opened(struct store_files *s)
{
    struct store_stats stats;
    store_files_stats(&s->base, &stats);
    LOG(STORE_OPENED, F_TEXT("dir", s->dir), F_INT("segments", stats.segments),
        F_INT("messages", stats.messages), F_INT("pending", stats.pending));
}

/* The keeper goes first: it submits to the store thread. */
static void close_store(struct store *store)
{
    struct store_files *s = store_files_of(store);
    store_keeper_stop(s);
    store_queue_stop(s);
    store_time_keep(&s->base);
    store_readers_fini(s);
    store_segments_free(s);
    store_config_close(&s->base.config);
    id_source_free(s->base.ids);
    if (s->lock_fd >= 0)
        (void)close(s->lock_fd);
    cond_fini(&s->keeper_wake);
    mutex_fini(&s->keeper_lock);
    mutex_fini(&s->health_lock);
    mutex_fini(&s->keys_lock);
    mutex_fini(&s->segments_lock);
    xfree(s->dir);
    xfree(s);
}

static enum rc open_store(const struct store_options *o, struct store **out, struct buf *why)
{
    struct store_files *s = XNEW(struct store_files);
    store_init(&s->base, &store_files_backend, o);
    s->dir = (char *)(uintptr_t)s->base.o.dir;
    s->lock_fd = -1;
    mutex_init(&s->segments_lock);
    mutex_init(&s->keys_lock);
    mutex_init(&s->health_lock);
    mutex_init(&s->keeper_lock);
    cond_init(&s->keeper_wake);
    store_readers_init(s);
    enum rc rc = open_parts(s, why);
    if (rc != RC_OK) {
        close_store(&s->base);
        return rc;
    }
    make_ids(s);
    store_due_after_boot(s);
    if (atomic_load(&s->base.time.offset_us) != s->base.time.kept_offset_us)
        store_time_keep(&s->base);
    if (!store_queue_start(s) || !store_keeper_start(s)) {
        buf_say(
            why,
            "cannot start the store's threads: raise the limit on processes (ulimit -u, pids.max)");
        close_store(&s->base);
        return RC_LIMIT;
    }
    log_opened(s);
    *out = &s->base;
    return RC_OK;
}

static void hear_retention(struct store *store)
{
    struct store_files *s = store_files_of(store);
    atomic_store(&s->keeper_round, true);
    store_keeper_ask(s);
}

const struct store_backend store_files_backend = {
    .name = "files",
    .open = open_store,
    .close = close_store,
    .submit = store_files_submit,
    .submit_publishes = store_files_submit_publishes,
    .retention_changed = hear_retention,
    .due_endpoints = store_files_due_endpoints,
    .due_count = store_files_due_count,
    .due_list = store_files_due_list,
    .health = store_files_health,
    .stats = store_files_stats,
    .pieces = store_files_pieces,
    .filter_run_get = store_files_filter_run_get,
    .filter_run_list = store_files_filter_run_list,
    .attempt_get = store_files_attempt_get,
    .attempt_list = store_files_attempt_list,
    .delivery_by_endpoint = store_files_delivery_by_endpoint,
    .message_list = store_files_message_list,
    .delivery_by_message = store_files_delivery_by_message,
    .delivery_counts = store_files_delivery_counts,
    .message_by_event_id = store_files_message_by_event_id,
    .message_get = store_files_message_get,
    .message_load = store_files_message_load,
    .delivery_search = store_files_delivery_search,
    .request_refused = store_files_request_refused,
    .find_flowing = store_files_find_flowing,
    .find_messages = store_files_find_messages,
    .request_get = store_files_request_get,
    .request_list = store_files_request_list,
};
