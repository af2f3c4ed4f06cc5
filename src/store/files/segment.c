/* SPDX-License-Identifier: Apache-2.0
 *
 * One segment: its file, its writer, its transaction. The list of them is in segments.c.
 */
#include "store/files/segment_priv.h"

#include "base/file.h"
#include "store/files/health_priv.h"
#include "store/files/keys_priv.h"
#include "store/files/stretch_priv.h"
#include "store/key_time_priv.h"
#include "store/migrations_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TORN_BELOW_BYTES = 512,      /* a database file has at least this much */
    BLANK_BELOW_BYTES = 1 << 20, /* one without a row has less */
    OLD_CACHE_BYTES = 512 << 10, /* for the writer of a segment that is not the newest */
};

struct store_segment *store_segment_ref(struct store_segment *seg)
{
    atomic_fetch_add_explicit(&seg->refs, 1, memory_order_relaxed);
    return seg;
}

/* --- files ------------------------------------------------------------------------------------------ */

/* A database and what SQLite keeps beside it. The database goes first: without its log it would be older
 * than what was acknowledged, so the log stays when the database cannot be removed. */
static void remove_database(const char *path)
{
    static const char *const suffixes[] = { "-wal", "-shm", "-journal" };
    size_t size = strlen(path) + sizeof "-journal";
    if (unlink(path) != 0 && errno != ENOENT) {
        LOG(STORE_NOT_REMOVED, F_TEXT("file", path), F_TEXT("why", strerror(errno)));
        return;
    }
    char *name = xcalloc(1, size);
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        (void)snprintf(name, size, "%s%s", path, suffixes[i]);
        (void)unlink(name); /* one that stays belongs to nothing, and goes at the next start */
    }
    xfree(name);
}

static void remove_files(const char *path, const char *keys_path)
{
    remove_database(path);
    (void)unlink(keys_path); /* as above */
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
        remove_files(seg->path, seg->keys_path);
    for (int kind = 0; kind < STRETCH_KINDS; kind++)
        xfree(seg->stretches[kind].first);
    mutex_fini(&seg->lock);
    xfree(seg->path);
    xfree(seg->keys_path);
    xfree(seg);
}

static char *segment_path_of(const struct store_files *s, int64_t start, const char *suffix)
{
    size_t size = strlen(s->dir) + 64;
    char *path = xcalloc(1, size);
    (void)snprintf(path, size, "%s/segments/%016" PRIx64 "%s", s->dir, (uint64_t)start, suffix);
    return path;
}

static struct store_segment *segment_new(struct store_files *s, int64_t start)
{
    struct store_segment *seg = XNEW(struct store_segment);
    atomic_init(&seg->refs, 1);
    seg->store = s;
    seg->start = start;
    seg->path = segment_path_of(s, start, ".db");
    seg->keys_path = segment_path_of(s, start, ".keys");
    seg->created_us = store_key_time_us(start);
    mutex_init(&seg->lock);
    seg->bounded = map64_new();
    return seg;
}

enum rc store_segment_connect(struct store_segment *seg, struct buf *why)
{
    struct store_files *s = seg->store;
    bool is_newest =
        s->segment_count == 0 || seg->start >= s->segments[s->segment_count - 1]->start;
    const struct db_options o = {
        .cache_bytes = is_newest ? s->base.o.cache_bytes / 2 : OLD_CACHE_BYTES,
        .busy_us = 5000000,
        .no_sync = s->base.o.no_sync,
        .sync_failed = &seg->sync_failed,
    };
    seg->writer_used = ++s->writer_clock;
    if (seg->writer != NULL)
        return RC_OK;
    enum rc rc = db_open(seg->path, DB_WRITE, &o, &seg->writer, why);
    if (rc == RC_NOT_FOUND)
        rc = RC_IO; /* somebody took it away: what was in it is not to be had */
    if (rc == RC_OK)
        rc = store_migrate(seg->writer, store_segment_migrations, store_segment_migration_count,
                           s->base.o.clock, seg->path, why);
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

/* --- times shown ------------------------------------------------------------------------------------- */

/* An attempt's key is made when it starts; a key is up to some ticks off; a request or run is shown
 * with when it came. As long as the wall clock is left alone, that is all there is. */
#define SHOWN_SLACK_US (INT64_C(300) * 1000000)

static enum rc load_shown(struct store_segment *seg)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(seg->writer, "SELECT low, high FROM shown");
    atomic_init(&seg->shown_low_us, -SHOWN_SLACK_US);
    atomic_init(&seg->shown_high_us, SHOWN_SLACK_US);
    seg->is_shown_saved = true;
    if (db_step(s, &rc)) {
        atomic_init(&seg->shown_low_us, db_int(s, 0));
        atomic_init(&seg->shown_high_us, db_int(s, 1));
        db_reset(s);
    }
    return rc;
}

/* Readers may see a wider span than the file has: it only makes them look at more rows. */
void store_segment_note_shown(struct store_segment *seg, int64_t key, int64_t shown_us)
{
    int64_t off_us = shown_us - store_key_time_us(key);
    if (off_us < atomic_load_explicit(&seg->shown_low_us, memory_order_relaxed)) {
        atomic_store(&seg->shown_low_us, off_us - SHOWN_SLACK_US);
        seg->is_shown_saved = false;
    }
    if (off_us > atomic_load_explicit(&seg->shown_high_us, memory_order_relaxed)) {
        atomic_store(&seg->shown_high_us, off_us + SHOWN_SLACK_US);
        seg->is_shown_saved = false;
    }
}

static enum rc save_shown(struct store_segment *seg)
{
    if (seg->is_shown_saved)
        return RC_OK;
    struct db_stmt *s =
        db_prepare(seg->writer, "INSERT OR REPLACE INTO shown(one, low, high) VALUES(1, ?, ?)");
    db_bind_int(s, 1, atomic_load(&seg->shown_low_us));
    db_bind_int(s, 2, atomic_load(&seg->shown_high_us));
    return db_run(s);
}

/* --- making one --------------------------------------------------------------------------------------- */

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 || errno != ENOENT;
}

static int64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

static bool has_log(const char *path)
{
    size_t size = strlen(path) + sizeof "-wal";
    char *name = xcalloc(1, size);
    (void)snprintf(name, size, "%s-wal", path);
    bool has = size_of(name) > 0;
    xfree(name);
    return has;
}

/* A file too short to be a database is what a crash leaves of one that was just being made: nothing
 * in it was ever acknowledged. Its log would only come later. */
static enum rc remove_torn(const struct store_segment *seg, struct buf *why)
{
    int64_t bytes = size_of(seg->path);
    if (bytes < 0 || bytes >= TORN_BELOW_BYTES)
        return RC_OK;
    if (has_log(seg->path)) {
        buf_say(why, "%s: cut short, though there is a log for it; restore it from a backup",
                seg->path);
        return RC_CORRUPT;
    }
    LOG(STORE_TORN, F_TEXT("file", seg->path), F_INT("bytes", bytes));
    remove_files(seg->path, seg->keys_path);
    return RC_OK;
}

/* The whole schema, in the file itself and not in a log beside it. */
static enum rc fill_fresh(const struct store_files *s, const char *path, struct buf *why)
{
    const struct db_options o = { .busy_us = 5000000, .no_sync = s->base.o.no_sync };
    struct db *db;
    int64_t left;
    enum rc rc = db_open(path, DB_CREATE, &o, &db, why);
    if (rc != RC_OK)
        return rc;
    rc = store_migrate(db, store_segment_migrations, store_segment_migration_count, s->base.o.clock,
                       path, why);
    if (rc == RC_OK && (rc = db_checkpoint(db, true, &left)) != RC_OK)
        buf_say(why, "%s: %s", path, db_error(db));
    db_close(db);
    return rc;
}

/* Made under another name and renamed when it is whole and on the disk. A file under a segment's name owns
 * ids: one that was left half-made would hide what an older segment holds. */
static enum rc make_file(const struct store_segment *seg, struct buf *why)
{
    char *fresh = segment_path_of(seg->store, seg->start, ".new");
    remove_database(fresh);
    enum rc rc = fill_fresh(seg->store, fresh, why);
    if (rc == RC_OK && (rc = file_rename(fresh, seg->path, seg->store->base.o.no_sync)) != RC_OK) {
        buf_say(why, "%s: cannot make it durable: %s", seg->path, strerror(errno));
        remove_database(
            seg->path); /* where the name has changed already; blank, if that fails, too */
    }
    if (rc != RC_OK)
        remove_database(fresh);
    xfree(fresh);
    return rc;
}

/* --- is anything in it? ----------------------------------------------------------------------------- */

#define PARTS(table) \
    { \
        "SELECT count(*) FROM sqlite_schema WHERE name = '" table "'", \
            "SELECT count(*) FROM (SELECT 1 FROM " table " LIMIT 1)" \
    }
static const char *const parts[][2] = { PARTS("message"), PARTS("request"), PARTS("filter_run"),
                                        PARTS("remembered") };

/* RC_OK with false: certainly not. A half-made segment lacks tables. */
static enum rc has_rows(struct db *db, const char *const queries[static 2], bool *has)
{
    enum rc rc = RC_OK;
    *has = true;
    for (int i = 0; rc == RC_OK && *has && i < 2; i++) {
        struct db_stmt *s = db_prepare(db, queries[i]);
        if (db_step(s, &rc)) {
            *has = db_int(s, 0) > 0;
            db_reset(s);
        }
    }
    return rc;
}

bool store_segment_is_blank(const struct store_files *s, int64_t start)
{
    const struct db_options o = { .busy_us = 5000000, .no_sync = s->base.o.no_sync };
    char *path = segment_path_of(s, start, ".db");
    struct db *db = NULL;
    int64_t bytes = size_of(path);
    bool is_blank = bytes >= 0 && bytes < BLANK_BELOW_BYTES;
    if (bytes < TORN_BELOW_BYTES)
        is_blank = is_blank && !has_log(path);
    else if (is_blank)
        is_blank = db_open(path, DB_READ, &o, &db, NULL) == RC_OK;
    for (size_t i = 0; db != NULL && is_blank && i < COUNT_OF(parts); i++) {
        bool has;
        is_blank = has_rows(db, parts[i], &has) == RC_OK && !has;
    }
    db_close(db);
    xfree(path);
    return is_blank;
}

void store_segment_clear(const struct store_files *s, int64_t start)
{
    char *path = segment_path_of(s, start, ".db"), *keys_path = segment_path_of(s, start, ".keys");
    LOG(STORE_BLANK_REMOVED, F_TEXT("file", path));
    remove_files(path, keys_path);
    xfree(path);
    xfree(keys_path);
}

/* --- opening ------------------------------------------------------------------------------------------ */

void store_segment_note_sync(struct store_segment *seg)
{
    if (atomic_load(&seg->sync_failed) && !atomic_exchange(&seg->is_told, true))
        LOG(STORE_SYNC_FAILED, F_TEXT("file", seg->path));
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
    store_segment_note_sync(seg);
    atomic_store(&seg->wal_pages, db_wal_file_pages(seg->writer));
    return RC_OK;
}

enum rc store_segment_open(struct store_files *s, int64_t start, struct store_segment **out,
                           struct buf *why)
{
    struct store_segment *seg = segment_new(s, start);
    enum rc rc = remove_torn(seg, why);
    if (rc == RC_OK && !is_there(seg->path))
        rc = make_file(seg, why);
    if (rc == RC_OK)
        rc = store_segment_connect(seg, why);
    if (rc == RC_OK) {
        rc = empty_log(seg);
        if (rc == RC_OK)
            rc = store_stretches_load(seg);
        if (rc == RC_OK)
            rc = load_counts(seg);
        if (rc == RC_OK)
            rc = load_shown(seg);
        if (rc != RC_OK)
            buf_say(why, "%s: %s%s", seg->path, db_error(seg->writer),
                    rc == RC_CORRUPT ? "; restore it from a backup" : "");
    }
    if (rc != RC_OK) {
        store_segment_unref(seg);
        return rc;
    }
    *out = seg;
    return RC_OK;
}

/* A writer that turned out to be one for reading only is opened anew by the next group. */
static void drop_stale(struct store_segment *seg)
{
    if (seg->writer == NULL || !db_is_stale(seg->writer))
        return;
    db_close(seg->writer);
    seg->writer = NULL;
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
    if (!seg->in_tx) {
        store_health_set(seg->store, seg->tx_rc, buf_str(&why));
        drop_stale(seg);
    }
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
        seg->tx_rc = save_shown(seg);
    if (seg->tx_rc == RC_OK)
        seg->tx_rc = db_commit(seg->writer);
    if (seg->tx_rc != RC_OK)
        words = str_from(db_error(seg->writer)); /* before the roll-back has its own */
    store_health_set(seg->store, seg->tx_rc, words);
    if (seg->tx_rc == RC_OK) {
        store_stretches_saved(seg);
        seg->is_shown_saved = true;
        seg->has_refused = false;
        publish_counts(seg);
    } else {
        seg->has_refused = true;
        db_rollback(seg->writer);
        drop_stale(seg);
    }
    seg->in_tx = false;
    return seg->tx_rc;
}

void store_segment_overwrite_refused(struct store_segment *seg)
{
    if (!seg->has_refused || store_segment_connect(seg, NULL) != RC_OK ||
        db_begin(seg->writer, true) != RC_OK)
        return;
    seg->is_shown_saved = false; /* any row will do: what counts is that something is written */
    enum rc rc = save_shown(seg);
    if (rc == RC_OK)
        rc = db_commit(seg->writer);
    if (rc == RC_OK) {
        seg->is_shown_saved = true;
        seg->has_refused = false;
    } else {
        db_rollback(seg->writer);
        drop_stale(seg);
    }
}

/* A statement that failed for another reason than the row itself takes the group's transaction along. */
enum rc store_settle(struct store_segment *seg, enum rc rc)
{
    if (rc != RC_OK && rc != RC_CONFLICT && rc != RC_NOT_FOUND && seg->tx_rc == RC_OK) {
        seg->tx_rc = rc;
        store_health_set(seg->store, rc, str_from(db_error(seg->writer)));
    }
    return rc;
}
