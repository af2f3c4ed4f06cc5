/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing, in this order: folder, lock, config.db, segments, threads.
 */
#include "store/files/files_priv.h"

#include "base/file.h"
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
#include "store/key_time_priv.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
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

/* --- folder and lock --------------------------------------------------------------------------------- */

static enum rc make_folder(const char *path, bool no_sync, struct buf *why)
{
    struct stat st;
    if (mkdir(path, 0700) == 0) {
        enum rc rc = no_sync ? RC_OK : file_sync_parent(path);
        if (rc != RC_OK)
            buf_say(why, "%s: cannot make the folder durable: %s", path, strerror(errno));
        return rc;
    }
    if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return RC_OK;
    int error = errno;
    buf_say(why, "%s: cannot make the folder: %s", path, strerror(error));
    if (error == EACCES || error == EROFS || error == ENOENT)
        buf_say(why, "; make it and let the server's user own it, or set another store.dir");
    return error == ENOSPC ? RC_LIMIT : RC_IO;
}

static const char *const holder_notes[] = { [STORE_HOLDER_UNKNOWN] = "",
                                            [STORE_HOLDER_COMMAND] = "command\n",
                                            [STORE_HOLDER_SERVER] = "server\n" };

/* On a full disk there is no note: who waits for the lock does not know what for, then. */
static void note_holder(int lock_fd, enum store_holder holder)
{
    const char *note = holder_notes[holder];
    if (ftruncate(lock_fd, 0) != 0 || pwrite(lock_fd, note, strlen(note), 0) < 0)
        errno = 0;
}

enum store_holder store_holder(const char *dir)
{
    enum store_holder holder = STORE_HOLDER_UNKNOWN;
    char text[16];
    struct buf path;
    buf_init(&path, PATH_MAX);
    int fd = buf_addf(&path, "%s/lock", dir) == RC_OK ? open(path.ptr, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    for (enum store_holder h = STORE_HOLDER_COMMAND; n > 0 && h <= STORE_HOLDER_SERVER; h++) {
        if (str_eq(str_of(text, (size_t)n), str_from(holder_notes[h])))
            holder = h;
    }
    if (fd >= 0)
        (void)close(fd); /* only read */
    buf_fini(&path);
    return holder;
}

static enum rc take_lock(struct store_files *s, struct arena *scratch, struct buf *why)
{
    struct str path = arena_fmt(scratch, "%s/lock", s->dir);
    s->lock_fd = open(path.ptr, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0) {
        buf_say(why, "%s: %s: the store's folder must be writable", path.ptr, strerror(errno));
        return errno == ENOSPC ? RC_LIMIT : RC_IO;
    }
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0) {
        note_holder(s->lock_fd, s->base.o.is_server ? STORE_HOLDER_SERVER : STORE_HOLDER_COMMAND);
        return RC_OK;
    }
    if (errno == EWOULDBLOCK) {
        buf_say(why, "%s: another process has this store open", path.ptr);
        return RC_BUSY;
    }
    buf_say(why, "%s: %s", path.ptr, strerror(errno));
    return RC_IO;
}

static enum rc open_folder(struct store_files *s, struct buf *why)
{
    struct arena scratch;
    arena_init(&scratch);
    struct str segments = arena_fmt(&scratch, "%s/segments", s->dir);
    enum rc rc = make_folder(s->dir, s->base.o.no_sync, why);
    if (rc == RC_OK)
        rc = make_folder(segments.ptr, s->base.o.no_sync, why);
    if (rc == RC_OK)
        rc = take_lock(s, &scratch, why);
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
    if (rc == RC_OK)
        rc = store_config_open(&s->base.config, &s->base.o, why);
    if (rc == RC_OK && (rc = load_seed(s)) != RC_OK)
        buf_say(why, "%s: cannot write: %s", s->base.config.path,
                db_error(s->base.config.writer.db));
    if (rc == RC_OK && (rc = store_time_load(&s->base)) != RC_OK)
        buf_say(why, "%s: cannot read: %s", s->base.config.path,
                db_error(s->base.config.writer.db));
    if (rc == RC_OK)
        rc = store_segments_load(s, why);
    return rc;
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
    s->base.backend = &store_files_backend;
    s->base.o = *o;
    s->dir = xstrdup(o->dir);
    s->base.o.dir = s->dir;
    if (s->base.o.group_max == 0)
        s->base.o.group_max = 1;
    s->lock_fd = -1;
    atomic_init(&s->base.retention_us, o->retention_us);
    atomic_init(&s->base.idempotency_us, o->idempotency_us);
    atomic_init(&s->base.audit_us, o->audit_us);
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
