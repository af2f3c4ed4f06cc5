/* SPDX-License-Identifier: Apache-2.0
 *
 * Transactions on config.db: one writer at a time, a few readers, all handed out under one lock.
 * Waiting happens here and not in the database, so that a waiting writer has a fair deadline.
 */
#include "store/config_priv.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "store/audit_priv.h"
#include "store/migrations_priv.h"

static enum rc take_notes(struct store_tx *tx)
{
    enum rc rc = RC_OK;
    if (tx->is_write && tx->config->is_migrated)
        rc = store_notes_watch(tx->db, &tx->config->notes);
    if (rc == RC_OK && tx->is_write && tx->config->is_migrated)
        rc = store_audited_watch(tx->db, &tx->config->audited);
    if (rc != RC_OK) {
        db_close(tx->db); /* nothing is written without them */
        tx->db = NULL;
    }
    return rc;
}

static enum rc tx_connect(struct store_tx *tx, struct buf *why)
{
    if (tx->db != NULL)
        return RC_OK;
    enum rc rc = db_open(tx->config->path, tx->is_write ? DB_CREATE : DB_READ,
                         &tx->config->db_options, &tx->db, why);
    return rc == RC_OK ? take_notes(tx) : rc;
}

static bool has_segments(const char *dir)
{
    char path[PATH_MAX];
    bool has = false;
    (void)snprintf(path, sizeof path, "%s/segments", dir);
    DIR *folder = opendir(path);
    for (const struct dirent *e; folder != NULL && !has && (e = readdir(folder)) != NULL;)
        has = str_ends(str_from(e->d_name), STR(".db"));
    if (folder != NULL)
        (void)closedir(folder);
    return has;
}

/* Messages without the applications and endpoints they belong to: a new, empty configuration would only hide
 * that it is gone. */
enum rc store_config_is_there(const char *path, const char *dir, struct buf *why)
{
    struct stat st;
    bool is_missing = stat(path, &st) != 0 ? errno == ENOENT : st.st_size == 0;
    if (!is_missing || !has_segments(dir))
        return RC_OK;
    buf_say(why,
            "%s: missing or empty, though %s/segments holds messages: restore it from a backup, or "
            "move the segments away to start anew",
            path, dir);
    return RC_CORRUPT;
}

enum rc store_config_open(struct store_config *c, const struct store_options *o, struct buf *why)
{
    size_t size = strlen(o->dir) + sizeof "/config.db";
    c->path = xcalloc(1, size);
    (void)snprintf(c->path, size, "%s/config.db", o->dir);
    c->db_options = (struct db_options){ .cache_bytes = CONFIG_CACHE_BYTES,
                                         .busy_us = CONFIG_WRITE_WAIT_US,
                                         .no_sync = o->no_sync,
                                         .sync_failed = &c->sync_failed };
    atomic_init(&c->idempotency_us, o->idempotency_us);
    mutex_init(&c->lock);
    cond_init(&c->freed);
    c->writer = (struct store_tx){ .config = c, .is_write = true };
    for (size_t i = 0; i < CONFIG_READERS; i++)
        c->readers[i] = (struct store_tx){ .config = c };

    int64_t left;
    enum rc rc = store_config_is_there(c->path, o->dir, why);
    if (rc == RC_OK)
        rc = tx_connect(&c->writer, why);
    if (rc == RC_OK)
        rc = store_migrate(c->writer.db, store_config_migrations, store_config_migration_count,
                           o->clock, c->path, why);
    if (rc == RC_OK && db_checkpoint(c->writer.db, true, &left) == RC_CORRUPT) {
        buf_say(why, "%s: %s; restore it from a backup", c->path, db_error(c->writer.db));
        rc = RC_CORRUPT;
    } /* a full disk only leaves the log as it is */
    c->is_migrated = rc == RC_OK;
    if (rc == RC_OK) {
        rc = take_notes(&c->writer);
        if (rc != RC_OK)
            buf_say(why, "%s: cannot be watched for changes: %s", c->path, rc_name(rc));
    }
    return rc;
}

void store_config_close(struct store_config *c)
{
    if (c->path == NULL)
        return;
    MUST(!c->writer.is_busy);
    for (size_t i = 0; i < CONFIG_READERS; i++) {
        MUST(!c->readers[i].is_busy);
        db_close(c->readers[i].db);
    }
    store_audited_clear(&c->audited);
    db_close(c->writer.db); /* last, so that it moves the log into the file */
    cond_fini(&c->freed);
    mutex_fini(&c->lock);
    xfree(c->path);
    c->path = NULL;
}

static struct store_tx *free_reader(struct store_config *c)
{
    for (size_t i = 0; i < CONFIG_READERS; i++) {
        if (!c->readers[i].is_busy)
            return &c->readers[i];
    }
    return NULL;
}

static void give_back(struct store_tx *tx)
{
    struct store_config *c = tx->config;
    if (tx->db != NULL && db_is_stale(tx->db)) {
        db_close(tx->db);
        tx->db = NULL;
    }
    mutex_lock(&c->lock);
    tx->is_busy = false;
    cond_broadcast(&c->freed);
    mutex_unlock(&c->lock);
}

/* Not on loops: everything here may wait for a disk. */
static enum rc tx_start(struct store_tx *tx, struct store_tx **out)
{
    enum rc rc = tx_connect(tx, NULL);
    if (tx->is_write) {
        tx->config->notes.count = 0;
        tx->config->audit_must = false;
        store_audited_clear(&tx->config->audited);
    }
    if (rc == RC_OK)
        rc = db_begin(tx->db, tx->is_write);
    if (rc != RC_OK) {
        give_back(tx);
        return rc;
    }
    *out = tx;
    return RC_OK;
}

enum rc store_read_config(struct store_config *c, struct store_tx **out)
{
    MUST(thread_kind() != THREAD_LOOP);
    mutex_lock(&c->lock);
    struct store_tx *tx = free_reader(c);
    while (tx == NULL) {
        cond_wait(&c->freed, &c->lock);
        tx = free_reader(c);
    }
    tx->is_busy = true;
    mutex_unlock(&c->lock);
    return tx_start(tx, out);
}

enum rc store_write_config(struct store_config *c, struct store_tx **out)
{
    int64_t until_us = clock_mono_us(clock_system()) + CONFIG_WRITE_WAIT_US;
    MUST(thread_kind() != THREAD_LOOP);
    mutex_lock(&c->lock);
    while (c->writer.is_busy) {
        if (!cond_wait_until(&c->freed, &c->lock, until_us) && c->writer.is_busy) {
            mutex_unlock(&c->lock);
            return RC_BUSY;
        }
    }
    c->writer.is_busy = true;
    mutex_unlock(&c->lock);
    return tx_start(&c->writer, out);
}

/* What is to be audited goes with it or it does not happen. */
static enum rc commit_audited(struct store_tx *tx)
{
    if (tx->is_write && tx->config->time != NULL) {
        enum rc rc = store_audit_flush(tx);
        if (rc != RC_OK) {
            db_rollback(tx->db);
            return rc;
        }
    }
    return db_commit(tx->db);
}

/* Listeners read, and the next may write meanwhile: the notes are told from a copy. */
enum rc store_commit(struct store_tx *tx)
{
    struct store_config *c = tx->config;
    struct store_notes notes;
    notes.count = tx->is_write ? c->notes.count : 0;
    memcpy(notes.list, c->notes.list, notes.count * sizeof(notes.list[0]));
    enum rc rc = commit_audited(tx);
    give_back(tx);
    for (size_t i = 0; rc == RC_OK && notes.count > 0 && i < c->listener_count; i++)
        c->listeners[i].fn(c->listeners[i].ctx, notes.list, notes.count);
    return rc;
}

void store_end(struct store_tx *tx)
{
    if (tx == NULL)
        return;
    db_rollback(tx->db);
    give_back(tx);
}

enum rc store_finish(struct store_tx *tx, enum rc rc)
{
    if (rc == RC_OK)
        return store_commit(tx);
    store_end(tx);
    return rc;
}

void store_config_checkpoint(struct store_config *c)
{
    struct store_tx *tx = &c->writer;
    int64_t left;
    mutex_lock(&c->lock);
    bool idle = !tx->is_busy && tx->db != NULL && db_wal_pages(tx->db) > 256;
    if (idle)
        tx->is_busy = true;
    mutex_unlock(&c->lock);
    if (!idle)
        return;
    enum rc rc = db_checkpoint(tx->db, false, &left);
    (void)rc; /* tried again at the next round */
    give_back(tx);
    if (atomic_load(&c->sync_failed) && !c->is_told) {
        c->is_told = true;
        LOG(STORE_SYNC_FAILED, F_TEXT("file", c->path));
    }
}

enum rc store_rewrite_config(struct store_config *c)
{
    struct store_tx *tx = NULL;
    int64_t left = 0;
    enum rc rc = store_write_config(c, &tx);
    if (rc != RC_OK)
        return rc;
    db_rollback(tx->db); /* nobody else writes, and VACUUM wants no transaction */
    rc = db_exec(tx->db, "VACUUM");
    if (rc == RC_OK)
        rc = db_checkpoint(tx->db, true, &left);
    give_back(tx);
    return rc == RC_OK && left > 0 ? RC_BUSY : rc;
}

/* --- rows ------------------------------------------------------------------------------------------ */

enum rc store_row_one(struct db_stmt *s, store_row_fn read, struct arena *a, void *out)
{
    enum rc rc;
    if (!db_step(s, &rc))
        return rc == RC_OK ? RC_NOT_FOUND : rc;
    read(s, a, out);
    db_reset(s);
    return RC_OK;
}

enum rc store_row_all(struct db_stmt *s, store_row_fn read, size_t size, struct arena *a,
                      void **out, size_t *count)
{
    enum rc rc;
    size_t room = 16;
    char *rows = arena_array(a, room, size);
    *count = 0;
    while (db_step(s, &rc)) {
        if (*count == room) {
            char *more = arena_array(a, room * 2, size);
            memcpy(more, rows, room * size);
            rows = more;
            room *= 2;
        }
        read(s, a, rows + (*count)++ * size);
    }
    *out = rows;
    return rc;
}

enum rc store_row_insert(struct db_stmt *s, int64_t *num)
{
    enum rc rc;
    if (!db_step(s, &rc))
        return rc == RC_OK ? RC_NOT_FOUND : rc;
    *num = db_int(s, 0);
    db_reset(s);
    return RC_OK;
}

enum rc store_row_change(struct db *db, struct db_stmt *s)
{
    enum rc rc = db_run(s);
    return rc == RC_OK && db_changes(db) == 0 ? RC_NOT_FOUND : rc;
}

/* --- pages ----------------------------------------------------------------------------------------- */

bool store_page_ascending(const struct store_page *page)
{
    return page->descending == page->backwards;
}

/* '~' sorts after everything ids and names are made of. */
struct str store_page_bound(const struct store_page *page)
{
    if (page->after.len > 0)
        return page->after;
    return store_page_ascending(page) ? STR("") : STR("~");
}

int64_t store_page_max(const struct store_page *page)
{
    return page->limit + 1;
}

/* Not lower() of a parameter: in PostgreSQL that goes by the database's language, while columns go by bytes. */
struct str store_text_lower(struct arena *a, struct str text)
{
    char *out = arena_alloc(a, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        out[i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] + ('a' - 'A')
                                                                 : text.ptr[i]);
    return str_of(out, text.len);
}

void store_page_reverse(void *rows, size_t count, size_t size)
{
    char *base = rows;
    for (size_t i = 0; i < count / 2; i++) {
        char *left = base + i * size, *right = base + (count - 1 - i) * size;
        for (size_t b = 0; b < size; b++) {
            char kept = left[b];
            left[b] = right[b];
            right[b] = kept;
        }
    }
}

enum rc store_page_rows(struct db_stmt *s, store_row_fn read, size_t size,
                        const struct store_page *page, struct arena *a, void *out,
                        struct store_page_end *end)
{
    enum rc rc;
    *end = (struct store_page_end){ .count = 0, .done = true };
    while (db_step(s, &rc)) {
        if (end->count == (size_t)page->limit) {
            end->done = false;
            db_reset(s);
            break;
        }
        read(s, a, (char *)out + end->count++ * size);
    }
    if (page->backwards)
        store_page_reverse(out, end->count, size);
    return rc;
}

/* --- settings and answers --------------------------------------------------------------------------- */

static void config_read_text(struct db_stmt *s, struct arena *a, void *row)
{
    *(struct str *)row = db_text(s, 0, a);
}

enum rc store_setting_get(struct store_tx *tx, const char *name, struct arena *a, struct str *out)
{
    struct db_stmt *s = db_prepare(tx->db, "SELECT value FROM setting WHERE name = ?");
    db_bind_text(s, 1, str_from(name));
    return store_row_one(s, config_read_text, a, out);
}

enum rc store_setting_set(struct store_tx *tx, const char *name, struct str value)
{
    struct db_stmt *s =
        db_prepare(tx->db, "INSERT INTO setting(name, value) VALUES(?, ?)"
                           " ON CONFLICT(name) DO UPDATE SET value = excluded.value");
    db_bind_text(s, 1, str_from(name));
    db_bind_blob(s, 2, value);
    return db_run(s);
}

static void config_read_answer(struct db_stmt *s, struct arena *a, void *row)
{
    struct store_answer *answer = row;
    struct str hash = db_borrow(s, 2);
    answer->status = (int)db_int(s, 0);
    answer->body = db_text(s, 1, a);
    memset(answer->body_hash, 0, sizeof answer->body_hash);
    memcpy(answer->body_hash, hash.ptr,
           hash.len < sizeof answer->body_hash ? hash.len : sizeof answer->body_hash);
}

enum rc store_answer_find(struct store_tx *tx, const uint8_t key[static 16], int64_t not_before_us,
                          struct arena *a, struct store_answer *out)
{
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT status, body, body_hash FROM answer WHERE key = ? AND at >= ?");
    db_bind_blob(s, 1, str_of((const char *)key, 16));
    db_bind_int(s, 2, not_before_us);
    return store_row_one(s, config_read_answer, a, out);
}

/* Forgets what is past the window on the way, so that the table holds one window's worth. */
enum rc store_answer_put(struct store_tx *tx, const uint8_t key[static 16], int64_t now_us,
                         const struct store_answer *answer)
{
    struct db_stmt *s = db_prepare(tx->db, "DELETE FROM answer WHERE at < ?");
    db_bind_int(s, 1, now_us - atomic_load(&tx->config->idempotency_us));
    enum rc rc = db_run(s);
    if (rc != RC_OK)
        return rc;
    s = db_prepare(tx->db,
                   "INSERT INTO answer(key, at, status, body, body_hash) VALUES(?, ?, ?, ?, ?)"
                   " ON CONFLICT(key) DO UPDATE SET at = excluded.at, status = excluded.status,"
                   " body = excluded.body, body_hash = excluded.body_hash");
    db_bind_blob(s, 1, str_of((const char *)key, 16));
    db_bind_int(s, 2, now_us);
    db_bind_int(s, 3, answer->status);
    db_bind_blob(s, 4, answer->body);
    db_bind_blob(s, 5, str_of((const char *)answer->body_hash, sizeof answer->body_hash));
    return db_run(s);
}
