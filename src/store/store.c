/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing, in this order: folder, lock, config.db, segments, threads.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_priv.h"

enum { TICK_US = 4000, SEED_BYTES = 8 };

void store_options_defaults(struct store_options *o)
{
    *o = (struct store_options){
        .dir = "./grapnel-data",
        .clock = clock_system(),
        .rng = rng_system(),
        .segment_messages = 500000,
        .segment_bytes = INT64_C(1) << 30,
        .segment_us = INT64_C(86400) * 1000000,
        .retention_us = INT64_C(90) * 86400 * 1000000,
        .idempotency_us = INT64_C(12) * 3600 * 1000000,
        .group_max = 256,
        .queue_max = 20000,
        .cache_bytes = 24 << 20,
        .readers = 8,
        .free_min_bytes = 256 << 20,
    };
}

/* --- folder and lock --------------------------------------------------------------------------------- */

static enum rc make_folder(const char *path, struct buf *why)
{
    struct stat st;
    if (mkdir(path, 0700) == 0)
        return RC_OK;
    if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return RC_OK;
    int error = errno;
    buf_say(why, "%s: cannot make the folder: %s", path, strerror(error));
    if (error == EACCES || error == EROFS || error == ENOENT)
        buf_say(why, "; make it and let the server's user own it, or set another store.dir");
    return error == ENOSPC ? RC_LIMIT : RC_IO;
}

static enum rc take_lock(struct store *s, struct arena *scratch, struct buf *why)
{
    struct str path = arena_fmt(scratch, "%s/lock", s->dir);
    s->lock_fd = open(path.ptr, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0) {
        buf_say(why, "%s: %s: the store's folder must be writable", path.ptr, strerror(errno));
        return errno == ENOSPC ? RC_LIMIT : RC_IO;
    }
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return RC_OK;
    if (errno == EWOULDBLOCK) {
        buf_say(why, "%s: another process has this store open", path.ptr);
        return RC_BUSY;
    }
    buf_say(why, "%s: %s", path.ptr, strerror(errno));
    return RC_IO;
}

static enum rc open_folder(struct store *s, struct buf *why)
{
    struct arena scratch;
    arena_init(&scratch);
    struct str segments = arena_fmt(&scratch, "%s/segments", s->dir);
    enum rc rc = make_folder(s->dir, why);
    if (rc == RC_OK)
        rc = make_folder(segments.ptr, why);
    if (rc == RC_OK)
        rc = take_lock(s, &scratch, why);
    arena_fini(&scratch);
    return rc;
}

/* --- ids and seeds ------------------------------------------------------------------------------------ */

/* A clock set back between two runs must not make keys that are in the store already. */
static int64_t id_wall_us(void *ctx)
{
    const struct store *s = ctx;
    int64_t now_us = clock_wall_us(s->o.clock);
    return now_us > s->id_floor_us ? now_us : s->id_floor_us;
}

static int64_t id_mono_us(void *ctx)
{
    const struct store *s = ctx;
    return clock_mono_us(s->o.clock);
}

static void make_ids(struct store *s)
{
    const struct store_segment *newest = s->segments[s->segment_count - 1];
    int64_t last_key = store_segment_last_key(newest);
    if (last_key > 0)
        s->id_floor_us = store_key_time_us(last_key) + 2 * TICK_US;
    s->id_clock = (struct clock){ .wall_us = id_wall_us, .mono_us = id_mono_us, .ctx = s };
    s->ids = id_source_new(&s->id_clock, s->o.rng);
}

/* The seed of event ids' hashes: chosen once, because hashes are stored. */
static enum rc load_seed(struct store *s)
{
    static const char name[] = "event id hash seed";
    struct str value;
    struct store_tx *tx;
    struct arena scratch;
    arena_init(&scratch);
    enum rc rc = store_write_config(&s->config, &tx);
    if (rc == RC_OK) {
        rc = store_setting_get(tx, name, &scratch, &value);
        if (rc == RC_OK && value.len == SEED_BYTES) {
            memcpy(&s->hash_seed, value.ptr, SEED_BYTES);
            store_end(tx);
        } else {
            s->hash_seed = rng_u64(s->o.rng);
            rc = store_setting_set(tx, name, str_of((const char *)&s->hash_seed, SEED_BYTES));
            if (rc == RC_OK)
                rc = store_commit(tx);
            else
                store_end(tx);
        }
    }
    arena_fini(&scratch);
    return rc;
}

/* --- open and close ------------------------------------------------------------------------------------- */

static enum rc open_parts(struct store *s, struct buf *why)
{
    enum rc rc = open_folder(s, why);
    if (rc == RC_OK)
        rc = store_config_open(&s->config, &s->o, why);
    if (rc == RC_OK && (rc = load_seed(s)) != RC_OK)
        buf_say(why, "%s: cannot write: %s", s->config.path, db_error(s->config.writer.db));
    if (rc == RC_OK)
        rc = store_segments_load(s, why);
    return rc;
}

static void log_opened(struct store *s)
{
    struct store_stats stats;
    store_stats(s, &stats);
    LOG(STORE_OPENED, F_TEXT("dir", s->dir), F_INT("segments", stats.segments),
        F_INT("messages", stats.messages), F_INT("pending", stats.pending));
}

enum rc store_open(const struct store_options *o, struct store **out, struct buf *why)
{
    struct store *s = XNEW(struct store);
    s->o = *o;
    s->dir = xstrdup(o->dir);
    s->o.dir = s->dir;
    if (s->o.group_max == 0)
        s->o.group_max = 1;
    s->lock_fd = -1;
    atomic_init(&s->retention_us, o->retention_us);
    atomic_init(&s->idempotency_us, o->idempotency_us);
    mutex_init(&s->segments_lock);
    mutex_init(&s->keys_lock);
    mutex_init(&s->health_lock);
    mutex_init(&s->keeper_lock);
    cond_init(&s->keeper_wake);
    store_readers_init(s);
    enum rc rc = open_parts(s, why);
    if (rc != RC_OK) {
        store_close(s);
        return rc;
    }
    make_ids(s);
    store_queue_start(s);
    store_keeper_start(s);
    log_opened(s);
    *out = s;
    return RC_OK;
}

/* The keeper goes first: it submits to the store thread. */
void store_close(struct store *s)
{
    if (s == NULL)
        return;
    store_keeper_stop(s);
    store_queue_stop(s);
    store_readers_fini(s);
    store_segments_free(s);
    store_config_close(&s->config);
    id_source_free(s->ids);
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

struct id_source *store_ids(struct store *s)
{
    return s->ids;
}

enum rc store_read(struct store *s, struct store_tx **out)
{
    return store_read_config(&s->config, out);
}

enum rc store_write(struct store *s, struct store_tx **out)
{
    return store_write_config(&s->config, out);
}

void store_set_retention(struct store *s, int64_t retention_us, int64_t idempotency_us)
{
    atomic_store(&s->retention_us, retention_us);
    atomic_store(&s->idempotency_us, idempotency_us);
    atomic_store(&s->keeper_round, true);
    store_keeper_ask(s);
}

/* --- health and numbers ---------------------------------------------------------------------------------- */

void store_health_set(struct store *s, enum rc rc, struct str words)
{
    mutex_lock(&s->health_lock);
    enum rc before = s->commit_rc;
    s->commit_rc = rc;
    if (rc != RC_OK)
        (void)snprintf(s->commit_words, sizeof s->commit_words, "%.*s", STR_ARGS(words));
    mutex_unlock(&s->health_lock);
    if (rc != RC_OK && before == RC_OK)
        LOG(STORE_COMMIT_FAILED, F_TEXT("rc", rc_name(rc)), F_STR("why", words));
    if (rc == RC_OK && before != RC_OK)
        LOG(STORE_COMMIT_RECOVERED);
}

enum rc store_health(struct store *s, struct buf *why)
{
    mutex_lock(&s->health_lock);
    enum rc rc = s->commit_rc == RC_OK ? RC_OK : RC_IO;
    if (rc != RC_OK)
        buf_say(why, "the last commit failed: %s", s->commit_words);
    mutex_unlock(&s->health_lock);
    if (rc == RC_OK && atomic_load(&s->disk_low)) {
        buf_say(why, "less than %lld bytes of disk are free in %s", (long long)s->o.free_min_bytes,
                s->dir);
        rc = RC_LIMIT;
    }
    return rc;
}

static int64_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

void store_stats(struct store *s, struct store_stats *out)
{
    struct store_segment_list list = store_segment_list_get(s);
    *out = (struct store_stats){ .segments = (int64_t)list.count };
    for (size_t i = 0; i < list.count; i++) {
        out->messages += atomic_load(&list.at[i]->messages);
        out->attempts += atomic_load(&list.at[i]->attempts);
        out->pending += atomic_load(&list.at[i]->pending);
        out->bytes += file_bytes(list.at[i]->path);
    }
    store_segment_list_free(&list);
    if (s->writer == NULL)
        return;
    mutex_lock(&s->queue_lock);
    out->queued = s->queue_count;
    mutex_unlock(&s->queue_lock);
}
