/* SPDX-License-Identifier: Apache-2.0
 *
 * The SQLite side of the driver. Statements are cached per connection under the address of their
 * literal: looking one up costs a multiplication and a compare, which is what lets entities name
 * SQL where they use it. A statement that could not be prepared because of the disk carries its
 * failure to db_step(), so that callers have one place to look at.
 */
#include "db/db.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

enum {
    FUNCTION_ARGS_MAX = 4,
    SLOTS_FIRST = 64,
    PAGE_SIZE_DEFAULT = 8192,
    WAL_FRAME_HEAD_BYTES = 24
};

struct db_stmt {
    sqlite3_stmt *handle;
    struct db *db;
    const char *sql;
    enum rc failed; /* why there is no handle */
};

struct db {
    sqlite3 *handle;
    struct db_stmt **slots; /* open addressing by literal address; size is a power of two */
    size_t slot_count;
    size_t stmt_count;
    int64_t wal_pages;
    atomic_bool *sync_failed; /* see db_options; never NULL */
    atomic_bool own_sync_failed;
    bool is_stale;
};

static enum rc rc_of(int code)
{
    int primary = code & 0xff;
    MUST(primary != SQLITE_NOMEM && primary != SQLITE_MISUSE && primary != SQLITE_RANGE);
    switch (primary) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return RC_OK;
    case SQLITE_CONSTRAINT: return RC_CONFLICT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return RC_BUSY;
    case SQLITE_FULL:
    case SQLITE_TOOBIG: return RC_LIMIT;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:
        return RC_CORRUPT; /* at run time: a stored value that a function cannot read */
    default: return RC_IO;
    }
}

static enum rc rc_of_call(struct db *db, int code)
{
    if ((code & 0xff) == SQLITE_READONLY)
        db->is_stale = true;
    return rc_of(code);
}

bool db_is_stale(const struct db *db)
{
    return db->is_stale;
}

static bool is_unsynced(const struct db *db)
{
    return atomic_load(db->sync_failed);
}

/* Of calls that sync the file itself. A commit that could not sync the log is another matter: the next one
 * writes the same place again. */
static enum rc rc_of_sync(struct db *db, int code)
{
    if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)
        atomic_store(db->sync_failed, true);
    return rc_of(code);
}

static pthread_once_t set_up_once = PTHREAD_ONCE_INIT;

/* Allocation statistics would take a lock on every allocation, for numbers nobody reads. */
static void set_up(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    MUST(sqlite3_initialize() == SQLITE_OK);
}

static int db_on_commit(void *arg, sqlite3 *handle, const char *name, int pages)
{
    struct db *db = arg;
    (void)handle;
    (void)name;
    db->wal_pages = pages;
    return SQLITE_OK;
}

/* Pragmas cannot take parameters; all values here are our own numbers. */
static enum rc db_pragma(struct db *db, const char *name, int64_t value)
{
    char sql[96];
    (void)snprintf(sql, sizeof sql, "PRAGMA %s=%lld", name, (long long)value);
    return db_exec(db, sql);
}

static enum rc db_configure(struct db *db, enum db_mode mode, const struct db_options *o)
{
    enum rc rc = RC_OK;
    MUST(sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL) == SQLITE_OK);
    (void)sqlite3_busy_timeout(db->handle, (int)(o->busy_us / 1000));
    if (mode == DB_CREATE)
        rc = db_pragma(db, "page_size", o->page_size > 0 ? o->page_size : PAGE_SIZE_DEFAULT);
    if (rc == RC_OK && mode != DB_READ)
        rc = db_exec(db, "PRAGMA journal_mode=WAL");
    if (rc == RC_OK)
        rc = db_pragma(db, "synchronous", o->no_sync ? 0 : 2);
    if (rc == RC_OK && o->cache_bytes > 0)
        rc = db_pragma(db, "cache_size", -(o->cache_bytes / 1024));
    if (rc == RC_OK)
        rc = db_pragma(db, "mmap_size", o->mmap_bytes);
    if (rc == RC_OK)
        rc = db_exec(db,
                     "PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF");
    if (rc == RC_OK && mode == DB_READ) {
        /* The last to close would otherwise checkpoint and remove the log under the writer's feet. */
        MUST(sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL) ==
             SQLITE_OK);
        rc = db_exec(db, "PRAGMA query_only=ON; SELECT count(*) FROM sqlite_schema");
    }
    if (!o->checkpoint_auto)
        (void)sqlite3_wal_hook(db->handle, db_on_commit, db);
    return rc;
}

/* Readers open for writing too (query_only guards them): a read-only handle could not build the
 * shared-memory index of a log that a crash left behind. */
enum rc db_open(const char *path, enum db_mode mode, const struct db_options *o, struct db **out,
                struct buf *why)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                SQLITE_OPEN_EXRESCODE;
    MUST(pthread_once(&set_up_once, set_up) == 0);
    if (mode == DB_CREATE)
        flags |= SQLITE_OPEN_CREATE;
    else if (access(path, F_OK) != 0 && errno == ENOENT) {
        buf_say(why, "%s: there is no such file", path);
        return RC_NOT_FOUND;
    }
    struct db *db = XNEW(struct db);
    db->sync_failed = o->sync_failed != NULL ? o->sync_failed : &db->own_sync_failed;
    db->slot_count = SLOTS_FIRST;
    db->slots = xcalloc(db->slot_count, sizeof *db->slots);
    enum rc rc = rc_of(sqlite3_open_v2(path, &db->handle, flags, NULL));
    if (rc == RC_OK && mode != DB_READ && sqlite3_db_readonly(db->handle, "main") == 1) {
        buf_say(why, "%s: cannot be opened for writing: check its owner, its rights, and the disk",
                path);
        db_close(db);
        return RC_IO;
    }
    if (rc == RC_OK)
        rc = db_configure(db, mode, o);
    if (rc != RC_OK) {
        buf_say(why, "%s: %s", path, db_error(db));
        if (rc == RC_CORRUPT)
            buf_say(why,
                    "; it is damaged or not a database: restore it from a backup or move it away");
        db_close(db);
        return rc;
    }
    *out = db;
    return RC_OK;
}

void db_close(struct db *db)
{
    if (db == NULL)
        return;
    for (size_t i = 0; i < db->slot_count; i++) {
        if (db->slots[i] == NULL)
            continue;
        (void)sqlite3_finalize(db->slots[i]->handle);
        xfree(db->slots[i]);
    }
    xfree(db->slots);
    if (is_unsynced(db) && db->handle != NULL)
        MUST(sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL) ==
             SQLITE_OK);
    MUST(sqlite3_close(db->handle) == SQLITE_OK);
    xfree(db);
}

const char *db_error(struct db *db)
{
    return db->handle == NULL ? "cannot open" : sqlite3_errmsg(db->handle);
}

/* --- statements ----------------------------------------------------------------------------------- */

static size_t slot_of(const struct db *db, const char *sql)
{
    size_t mask = db->slot_count - 1;
    size_t at = (size_t)(((uint64_t)(uintptr_t)sql * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & mask;
    while (db->slots[at] != NULL && db->slots[at]->sql != sql)
        at = (at + 1) & mask;
    return at;
}

static void db_grow(struct db *db)
{
    struct db_stmt **old = db->slots;
    size_t count = db->slot_count;
    db->slot_count = count * 2;
    db->slots = xcalloc(db->slot_count, sizeof *db->slots);
    for (size_t i = 0; i < count; i++) {
        if (old[i] != NULL)
            db->slots[slot_of(db, old[i]->sql)] = old[i];
    }
    xfree(old);
}

static void db_compile(struct db_stmt *s)
{
    int code =
        sqlite3_prepare_v3(s->db->handle, s->sql, -1, SQLITE_PREPARE_PERSISTENT, &s->handle, NULL);
    MUST(code != SQLITE_ERROR); /* our SQL does not parse, or the schema lacks something it names */
    s->failed = rc_of_call(s->db, code);
}

struct db_stmt *db_prepare(struct db *db, const char *sql)
{
    size_t at = slot_of(db, sql);
    struct db_stmt *s = db->slots[at];
    if (s == NULL) {
        if ((db->stmt_count + 1) * 2 > db->slot_count) {
            db_grow(db);
            at = slot_of(db, sql);
        }
        s = XNEW(struct db_stmt);
        s->db = db;
        s->sql = sql;
        db->slots[at] = s;
        db->stmt_count++;
    }
    if (s->handle == NULL) {
        db_compile(s);
    } else {
        (void)sqlite3_reset(
            s->handle); /* repeats the error of the last step, which was reported then */
        (void)sqlite3_clear_bindings(s->handle);
    }
    return s;
}

/* Binding fails on misuse only (which is ours), or on a statement that failed to compile. */
static void db_bound(const struct db_stmt *s, int code)
{
    MUST(code == SQLITE_OK || s->handle == NULL);
}

void db_bind_int(struct db_stmt *s, int at, int64_t value)
{
    if (s->handle != NULL)
        db_bound(s, sqlite3_bind_int64(s->handle, at, value));
}

void db_bind_text(struct db_stmt *s, int at, struct str value)
{
    if (s->handle != NULL)
        db_bound(s, sqlite3_bind_text64(s->handle, at, value.ptr == NULL ? "" : value.ptr,
                                        value.len, SQLITE_STATIC, SQLITE_UTF8));
}

void db_bind_blob(struct db_stmt *s, int at, struct str value)
{
    if (s->handle != NULL)
        db_bound(s, sqlite3_bind_blob64(s->handle, at, value.ptr == NULL ? "" : value.ptr,
                                        value.len, SQLITE_STATIC));
}

void db_bind_null(struct db_stmt *s, int at)
{
    if (s->handle != NULL)
        db_bound(s, sqlite3_bind_null(s->handle, at));
}

void db_bind_opt_text(struct db_stmt *s, int at, struct str value)
{
    if (value.ptr == NULL)
        db_bind_null(s, at);
    else
        db_bind_text(s, at, value);
}

bool db_step(struct db_stmt *s, enum rc *rc)
{
    *rc = s->failed;
    if (s->handle == NULL)
        return false;
    int code = sqlite3_step(s->handle);
    if (code == SQLITE_ROW) {
        *rc = RC_OK;
        return true;
    }
    *rc = rc_of_call(s->db, code);
    (void)sqlite3_reset(s->handle);
    return false;
}

enum rc db_run(struct db_stmt *s)
{
    enum rc rc;
    if (db_step(s, &rc))
        db_reset(s);
    return rc;
}

void db_reset(struct db_stmt *s)
{
    if (s->handle != NULL)
        (void)sqlite3_reset(s->handle);
}

/* --- functions ------------------------------------------------------------------------------------ */

struct function {
    void (*fn)(void *ctx, const int64_t *args);
    void (*text_fn)(void *ctx, const int64_t *args, struct str text);
    void *ctx;
};

static void call_function(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct function *f = sqlite3_user_data(context);
    int64_t args[FUNCTION_ARGS_MAX] = { 0 };
    for (int i = 0; i < count; i++)
        args[i] = sqlite3_value_int64(values[i]);
    f->fn(f->ctx, args);
}

static void free_function(void *f)
{
    xfree(f);
}

enum rc db_function(struct db *db, const char *name, int arg_count,
                    void (*fn)(void *ctx, const int64_t *args), void *ctx)
{
    MUST(arg_count <= FUNCTION_ARGS_MAX);
    struct function *f = XNEW(struct function);
    *f = (struct function){ .fn = fn, .ctx = ctx };
    return rc_of(sqlite3_create_function_v2(db->handle, name, arg_count, SQLITE_UTF8, f,
                                            call_function, NULL, NULL, free_function));
}

static void call_text_function(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct function *f = sqlite3_user_data(context);
    int64_t args[FUNCTION_ARGS_MAX] = { 0 };
    for (int i = 0; i < count - 1; i++)
        args[i] = sqlite3_value_int64(values[i]);
    const char *text = (const char *)sqlite3_value_text(values[count - 1]);
    size_t len = (size_t)sqlite3_value_bytes(values[count - 1]);
    f->text_fn(f->ctx, args, text == NULL ? STR_NONE : str_of(text, len));
}

enum rc db_text_function(struct db *db, const char *name, int arg_count,
                         void (*fn)(void *ctx, const int64_t *args, struct str text), void *ctx)
{
    MUST(arg_count < FUNCTION_ARGS_MAX);
    struct function *f = XNEW(struct function);
    *f = (struct function){ .text_fn = fn, .ctx = ctx };
    return rc_of(sqlite3_create_function_v2(db->handle, name, arg_count + 1, SQLITE_UTF8, f,
                                            call_text_function, NULL, NULL, free_function));
}

/* --- columns -------------------------------------------------------------------------------------- */

int64_t db_int(struct db_stmt *s, int column)
{
    return sqlite3_column_int64(s->handle, column);
}

bool db_is_null(struct db_stmt *s, int column)
{
    return sqlite3_column_type(s->handle, column) == SQLITE_NULL;
}

struct str db_borrow(struct db_stmt *s, int column)
{
    if (db_is_null(s, column))
        return STR_NONE;
    /* blob() gives the bytes of texts too, unchanged; NULL only for an empty value. */
    const char *ptr = sqlite3_column_blob(s->handle, column);
    return (struct str){ ptr == NULL ? "" : ptr, (size_t)sqlite3_column_bytes(s->handle, column) };
}

struct str db_text(struct db_stmt *s, int column, struct arena *a)
{
    struct str value = db_borrow(s, column);
    return value.ptr == NULL ? STR_NONE : arena_str(a, value);
}

/* --- transactions --------------------------------------------------------------------------------- */

enum rc db_exec(struct db *db, const char *sql)
{
    return rc_of_call(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

enum rc db_begin(struct db *db, bool write)
{
    return db_run(write ? db_prepare(db, "BEGIN IMMEDIATE") : db_prepare(db, "BEGIN"));
}

enum rc db_commit(struct db *db)
{
    enum rc rc = db_run(db_prepare(db, "COMMIT"));
    if (rc != RC_OK)
        db_rollback(db);
    return rc;
}

/* A full disk or an I/O error may have ended the transaction already. */
void db_rollback(struct db *db)
{
    if (sqlite3_get_autocommit(db->handle) != 0)
        return;
    enum rc rc = db_run(db_prepare(db, "ROLLBACK"));
    MUST(sqlite3_get_autocommit(db->handle) != 0 || rc != RC_OK);
}

int64_t db_changes(struct db *db)
{
    return sqlite3_changes64(db->handle);
}

int64_t db_last_rowid(struct db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

int64_t db_wal_pages(const struct db *db)
{
    return db->wal_pages;
}

int64_t db_wal_file_pages(struct db *db)
{
    sqlite3_file *log = NULL;
    sqlite3_int64 size = 0;
    enum rc rc;
    int64_t page_size = PAGE_SIZE_DEFAULT;
    struct db_stmt *s = db_prepare(db, "PRAGMA page_size");
    if (db_step(s, &rc)) {
        page_size = db_int(s, 0);
        db_reset(s);
    }
    if (sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK)
        return 0;
    if (log == NULL || log->pMethods == NULL || log->pMethods->xFileSize(log, &size) != SQLITE_OK)
        return 0;
    return (int64_t)size / (page_size + WAL_FRAME_HEAD_BYTES);
}

enum rc db_checkpoint(struct db *db, bool truncate, int64_t *pages_left)
{
    int in_log = 0, moved = 0;
    *pages_left = 0;
    if (is_unsynced(db))
        return RC_IO;
    int code = sqlite3_wal_checkpoint_v2(
        db->handle, NULL, truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
        &in_log, &moved);
    *pages_left = in_log > moved ? in_log - moved : 0;
    if ((code & 0xff) == SQLITE_READONLY)
        db->is_stale = true;
    return rc_of_sync(db, code);
}

enum rc db_sync(struct db *db)
{
    sqlite3_file *file = NULL;
    int code = sqlite3_file_control(db->handle, NULL, SQLITE_FCNTL_FILE_POINTER, &file);
    if (code == SQLITE_OK && file != NULL && file->pMethods != NULL)
        code = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
    return rc_of_sync(db, code);
}
