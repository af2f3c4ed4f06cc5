/* SPDX-License-Identifier: Apache-2.0
 *
 * One segment: its file, its writer, its transaction. The list of them is in segments.c.
 */
#include "store/segment_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/migrations_priv.h"
#include "store/store_priv.h"

enum {
    TORN_BELOW_BYTES = 512,      /* a database file has at least this much */
    OLD_CACHE_BYTES = 512 << 10, /* for the writer of a segment that is not the newest */
};

struct store_segment *store_segment_ref(struct store_segment *seg)
{
    atomic_fetch_add_explicit(&seg->refs, 1, memory_order_relaxed);
    return seg;
}

static void remove_files(const struct store_segment *seg)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    size_t size = strlen(seg->path) + 8;
    char *name = xcalloc(1, size);
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        (void)snprintf(name, size, "%s%s", seg->path, suffixes[i]);
        (void)unlink(name);
    }
    xfree(name);
    (void)unlink(seg->keys_path);
}

void store_segment_unref(struct store_segment *seg)
{
    if (seg == NULL || atomic_fetch_sub_explicit(&seg->refs, 1, memory_order_acq_rel) != 1)
        return;
    db_close(seg->writer);
    map64_free(seg->bounded);
    store_key_table_fini(&seg->keys);
    store_key_file_close(seg->key_file);
    store_key_group_unref(seg->key_group);
    if (atomic_load(&seg->gone))
        remove_files(seg);
    for (int kind = 0; kind < STRETCH_KINDS; kind++)
        xfree(seg->stretches[kind].first);
    mutex_fini(&seg->lock);
    xfree(seg->path);
    xfree(seg->keys_path);
    xfree(seg);
}

static char *path_of(const struct store *s, int64_t start, const char *suffix)
{
    size_t size = strlen(s->dir) + 64;
    char *path = xcalloc(1, size);
    (void)snprintf(path, size, "%s/segments/%016" PRIx64 "%s", s->dir, (uint64_t)start, suffix);
    return path;
}

static struct store_segment *segment_new(struct store *s, int64_t start)
{
    struct store_segment *seg = XNEW(struct store_segment);
    atomic_init(&seg->refs, 1);
    seg->store = s;
    seg->start = start;
    seg->path = path_of(s, start, ".db");
    seg->keys_path = path_of(s, start, ".keys");
    seg->created_us = store_key_time_us(start);
    mutex_init(&seg->lock);
    seg->bounded = map64_new();
    return seg;
}

enum rc store_segment_connect(struct store_segment *seg, struct buf *why)
{
    struct store *s = seg->store;
    bool is_newest =
        s->segment_count == 0 || seg->start >= s->segments[s->segment_count - 1]->start;
    const struct db_options o = {
        .cache_bytes = is_newest ? s->o.cache_bytes / 2 : OLD_CACHE_BYTES,
        .busy_us = 5000000,
        .no_sync = s->o.no_sync,
    };
    seg->writer_used = ++s->writer_clock;
    if (seg->writer != NULL)
        return RC_OK;
    enum rc rc = db_open(seg->path, DB_CREATE, &o, &seg->writer, why);
    if (rc == RC_OK)
        rc = store_migrate(seg->writer, store_segment_migrations, store_segment_migration_count,
                           s->o.clock, seg->path, why);
    if (rc != RC_OK) {
        db_close(seg->writer);
        seg->writer = NULL;
    }
    return rc;
}

/* Gives most of its page cache back; its log is moved by the keeper. */
void store_segment_age(struct store_segment *seg)
{
    enum rc rc = RC_OK;
    if (seg->writer != NULL)
        rc = db_exec(seg->writer, "PRAGMA cache_size=-512; PRAGMA shrink_memory");
    (void)rc; /* then it only uses more memory */
}

static enum rc load_counts(struct store_segment *seg)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(
        seg->writer, "SELECT count(*) FROM delivery INDEXED BY delivery_due WHERE due IS NOT NULL");
    if (db_step(s, &rc)) {
        seg->pending = db_int(s, 0);
        db_reset(s);
    }
    for (int kind = 0; kind < STRETCH_KINDS; kind++) {
        const struct store_stretches *st = &seg->stretches[kind];
        int64_t rows = st->before + st->own;
        if (kind == STRETCH_MESSAGES)
            seg->messages = rows;
        else if (kind == STRETCH_ATTEMPTS)
            seg->attempts = rows;
    }
    struct stat st;
    if (stat(seg->path, &st) == 0)
        seg->payload_bytes = (int64_t)st.st_size / 2; /* the rest is rows about it */
    return rc;
}

/* A file too short to be a database is what a crash leaves of one that was just being made: nothing
 * in it was ever acknowledged. */
static void remove_torn(const struct store_segment *seg)
{
    struct stat st;
    if (stat(seg->path, &st) == 0 && st.st_size < TORN_BELOW_BYTES) {
        LOG(STORE_TORN, F_TEXT("file", seg->path), F_INT("bytes", st.st_size));
        remove_files(seg);
    }
}

/* An old log makes everything slower, so it is emptied at start. A disk too full for that (the file
 * may have to grow by all of the log) must not keep the history from being read: the log stays, and
 * the keeper tries again. */
static enum rc empty_log(struct store_segment *seg)
{
    int64_t left;
    enum rc rc = db_checkpoint(seg->writer, true, &left);
    if (rc == RC_OK || rc == RC_CORRUPT)
        return rc;
    LOG(STORE_LOG_KEPT, F_TEXT("file", seg->path), F_TEXT("rc", rc_name(rc)),
        F_TEXT("why", db_error(seg->writer)));
    atomic_store(&seg->wal_pages, db_wal_file_pages(seg->writer));
    return RC_OK;
}

enum rc store_segment_open(struct store *s, int64_t start, struct store_segment **out,
                           struct buf *why)
{
    struct store_segment *seg = segment_new(s, start);
    remove_torn(seg);
    enum rc rc = store_segment_connect(seg, why);
    if (rc == RC_OK) {
        rc = empty_log(seg);
        if (rc == RC_OK)
            rc = store_stretches_load(seg);
        if (rc == RC_OK)
            rc = load_counts(seg);
        if (rc != RC_OK)
            buf_say(why, "%s: %s%s", seg->path, db_error(seg->writer),
                    rc == RC_CORRUPT ? "; restore it from a backup, or move it away to start "
                                       "without its messages"
                                     : "");
    }
    if (rc != RC_OK) {
        store_segment_unref(seg);
        return rc;
    }
    *out = seg;
    return RC_OK;
}

/* --- the transaction of a group ---------------------------------------------------------------------- */

enum rc store_segment_begin(struct store_segment *seg)
{
    if (seg->tx_rc != RC_OK || seg->in_tx)
        return seg->tx_rc;
    struct buf why;
    buf_init(&why, sizeof seg->store->commit_words);
    seg->tx_rc = store_segment_connect(seg, &why);
    if (seg->tx_rc == RC_OK) {
        seg->tx_rc = db_begin(seg->writer, true);
        if (seg->tx_rc != RC_OK)
            buf_say(&why, "%s: %s", seg->path, db_error(seg->writer));
    }
    seg->in_tx = seg->tx_rc == RC_OK;
    seg->new_messages = seg->new_attempts = seg->new_pending = seg->new_bytes = 0;
    if (!seg->in_tx)
        store_health_set(seg->store, seg->tx_rc, buf_str(&why));
    buf_fini(&why);
    return seg->tx_rc;
}

static void publish_counts(struct store_segment *seg)
{
    atomic_fetch_add_explicit(&seg->messages, seg->new_messages, memory_order_relaxed);
    atomic_fetch_add_explicit(&seg->attempts, seg->new_attempts, memory_order_relaxed);
    atomic_fetch_add_explicit(&seg->pending, seg->new_pending, memory_order_relaxed);
    atomic_fetch_add_explicit(&seg->payload_bytes, seg->new_bytes, memory_order_relaxed);
    atomic_store_explicit(&seg->wal_pages, db_wal_pages(seg->writer), memory_order_relaxed);
}

enum rc store_segment_commit(struct store_segment *seg)
{
    struct str words = STR_NONE;
    if (seg->tx_rc == RC_OK)
        seg->tx_rc = store_stretches_save(seg);
    if (seg->tx_rc == RC_OK)
        seg->tx_rc = db_commit(seg->writer);
    if (seg->tx_rc != RC_OK)
        words = str_from(db_error(seg->writer)); /* before the roll-back has its own */
    store_health_set(seg->store, seg->tx_rc, words);
    if (seg->tx_rc == RC_OK) {
        store_stretches_saved(seg);
        publish_counts(seg);
    } else {
        db_rollback(seg->writer);
    }
    seg->in_tx = false;
    return seg->tx_rc;
}
