/* SPDX-License-Identifier: Apache-2.0
 *
 * The SQLite engine, and what only files have: logs and their checkpoints.
 */
#include "db/db_priv.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

enum { PAGE_SIZE_DEFAULT = 8192, WAL_FRAME_HEAD_BYTES = 24 };

struct sqlite_stmt {
    struct db_stmt base;
    sqlite3_stmt *handle;
    enum rc failed; /* why there is no handle */
};

struct sqlite {
    struct db base;
    sqlite3 *handle;
    int64_t wal_pages;
    atomic_bool *sync_failed; /* see db_options; never NULL */
    atomic_bool own_sync_failed;
    bool is_for_writing;
    bool was_short;      /* the last call failed for want of a descriptor */
    bool was_unreadable; /* the last call failed by a read that the device refused */
};

static const char no_descriptor[] = "the server has too many files open (LimitNOFILE)";

static const struct db_engine sqlite_engine;
static enum rc sqlite_exec(struct db *any, const char *sql);

static struct sqlite *sqlite_of(struct db *db)
{
    MUST(db->engine == &sqlite_engine);
    return (struct sqlite *)db;
}

static struct sqlite_stmt *stmt_of(struct db_stmt *s)
{
    return (struct sqlite_stmt *)s;
}

bool db_is_postgres(const struct db *db)
{
    return db->engine != &sqlite_engine;
}

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

/* Files are opened by any call, not only when the connection is. Without a descriptor left nothing is wrong with the
 * disk: it goes well once others are closed. */
static bool lacks_descriptors(sqlite3 *handle, int code)
{
    if ((code & 0xff) != SQLITE_CANTOPEN)
        return false;
    int reason = sqlite3_system_errno(handle);
    return reason == EMFILE || reason == ENFILE;
}

static bool may_be_written(const char *path)
{
    return access(path, W_OK) == 0 || errno == ENOENT;
}

/* What cannot be opened for writing SQLite opens for reading, even when all that was missing was a descriptor. Where the
 * file and its log can be written, nothing but that was in the way: file systems and rights do not come and go. */
static bool was_opened_without_cause(sqlite3 *handle)
{
    const char *path = sqlite3_db_filename(handle, "main");
    return path != NULL && *path != 0 && may_be_written(path) &&
           may_be_written(sqlite3_filename_wal(path));
}

/* True: the last read or write of the file that failed did so by an error of the device. That is then forgotten, unless the
 * device still fails: a read past the end is SQLite's only call that resets it. Damage met next is told at the second call. */
static bool take_disk_error(sqlite3 *handle, int pointer)
{
    sqlite3_file *file = NULL;
    int error = 0;
    char byte;
    if (sqlite3_file_control(handle, "main", pointer, &file) != SQLITE_OK || file == NULL ||
        file->pMethods == NULL ||
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error) != SQLITE_OK)
        return false;
    if (error != EIO && error != ENXIO && error != ERANGE)
        return false;
    (void)file->pMethods->xRead(file, &byte, 1, INT64_MAX / 2);
    return true;
}

/* SQLite calls a file corrupt when the device cannot read it, though it may read well a moment later. */
static bool is_disk_error(sqlite3 *handle, int code)
{
    if ((code & 0xff) != SQLITE_CORRUPT && (code & 0xff) != SQLITE_IOERR)
        return false;
    bool is_of_file = take_disk_error(handle, SQLITE_FCNTL_FILE_POINTER);
    return take_disk_error(handle, SQLITE_FCNTL_JOURNAL_POINTER) || is_of_file;
}

static enum rc rc_of_call(struct sqlite *db, int code)
{
    bool is_readonly = (code & 0xff) == SQLITE_READONLY;
    db->was_unreadable = is_disk_error(db->handle, code) && (code & 0xff) == SQLITE_CORRUPT;
    if (db->was_unreadable)
        return RC_IO;
    if (is_readonly)
        db->base.is_stale = true;
    db->was_short = lacks_descriptors(db->handle, code) ||
                    (is_readonly && db->is_for_writing && was_opened_without_cause(db->handle));
    return db->was_short ? RC_BUSY : rc_of(code);
}

static bool is_unsynced(const struct sqlite *db)
{
    return atomic_load(db->sync_failed);
}

/* Of calls that sync the file itself. A commit that could not sync the log is another matter: the next one
 * writes the same place again. */
static enum rc rc_of_sync(struct sqlite *db, int code)
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
    struct sqlite *db = arg;
    (void)handle;
    (void)name;
    db->wal_pages = pages;
    return SQLITE_OK;
}

/* Pragmas cannot take parameters; all values here are our own numbers. */
static enum rc db_pragma(struct sqlite *db, const char *name, int64_t value)
{
    char sql[96];
    (void)snprintf(sql, sizeof sql, "PRAGMA %s=%lld", name, (long long)value);
    return sqlite_exec(&db->base, sql);
}

/* Whether the last connection to close copies the log into the file and removes it. */
static void set_checkpoint_on_close(struct sqlite *db, bool is_on)
{
    MUST(sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, is_on ? 0 : 1,
                           (int *)NULL) == SQLITE_OK);
}

/* Only who may write and has opened all of it ends a log. A reader would remove it under the writer's feet. Where the log's
 * index could not be opened SQLite tries that again while it closes: should it then get it for reading only, it takes its own
 * lack of locks for another connection's, copies nothing, and removes the log all the same. */
static enum rc db_configure(struct sqlite *db, enum db_mode mode, const struct db_options *o)
{
    enum rc rc = RC_OK;
    set_checkpoint_on_close(db, false);
    MUST(sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL) == SQLITE_OK);
    (void)sqlite3_busy_timeout(db->handle, (int)(o->busy_us / 1000));
    if (mode == DB_CREATE)
        rc = db_pragma(db, "page_size", o->page_size > 0 ? o->page_size : PAGE_SIZE_DEFAULT);
    if (rc == RC_OK && mode != DB_READ)
        rc = sqlite_exec(&db->base, "PRAGMA journal_mode=WAL");
    if (rc == RC_OK)
        rc = db_pragma(db, "synchronous", o->no_sync ? 0 : 2);
    if (rc == RC_OK && o->cache_bytes > 0)
        rc = db_pragma(db, "cache_size", -(o->cache_bytes / 1024));
    if (rc == RC_OK)
        rc = db_pragma(db, "mmap_size", o->mmap_bytes);
    if (rc == RC_OK)
        rc = sqlite_exec(
            &db->base,
            "PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF");
    if (rc == RC_OK && mode == DB_READ)
        rc = sqlite_exec(&db->base, "PRAGMA query_only=ON; SELECT count(*) FROM sqlite_schema");
    else if (rc == RC_OK)
        set_checkpoint_on_close(db, true);
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
    struct sqlite *db = db_new(sizeof(struct sqlite), &sqlite_engine);
    db->sync_failed = o->sync_failed != NULL ? o->sync_failed : &db->own_sync_failed;
    db->is_for_writing = mode != DB_READ;
    enum rc rc = rc_of_call(db, sqlite3_open_v2(path, &db->handle, flags, NULL));
    if (rc == RC_OK && mode != DB_READ && sqlite3_db_readonly(db->handle, "main") == 1) {
        rc = was_opened_without_cause(db->handle) ? RC_BUSY : RC_IO;
        buf_say(why, "%s: cannot be opened for writing: %s", path,
                rc == RC_BUSY ? no_descriptor : "check its owner, its rights, and the disk");
        db_close(&db->base);
        return rc;
    }
    if (rc == RC_OK)
        rc = db_configure(db, mode, o);
    if (rc != RC_OK) {
        buf_say(why, "%s: %s", path, db_error(&db->base));
        if (rc == RC_CORRUPT)
            buf_say(why,
                    "; it is damaged or not a database: restore it from a backup or move it away");
        db_close(&db->base);
        return rc;
    }
    *out = &db->base;
    return RC_OK;
}

static void sqlite_close(struct db *any)
{
    struct sqlite *db = sqlite_of(any);
    if (is_unsynced(db) && db->handle != NULL)
        set_checkpoint_on_close(db, false);
    MUST(sqlite3_close(db->handle) == SQLITE_OK);
}

static const char *sqlite_error(struct db *any)
{
    const struct sqlite *db = sqlite_of(any);
    if (db->was_short)
        return no_descriptor;
    if (db->was_unreadable)
        return "disk I/O error";
    return db->handle == NULL ? "cannot open" : sqlite3_errmsg(db->handle);
}

/* --- statements ----------------------------------------------------------------------------------- */

static struct db_stmt *sqlite_stmt_new(struct db *any, const char *sql)
{
    struct sqlite_stmt *s = XNEW(struct sqlite_stmt);
    s->base.db = any;
    s->base.sql = sql;
    return &s->base;
}

static void sqlite_stmt_free(struct db_stmt *any)
{
    struct sqlite_stmt *s = stmt_of(any);
    (void)sqlite3_finalize(s->handle);
    xfree(s);
}

static void sqlite_compile(struct sqlite_stmt *s)
{
    struct sqlite *db = sqlite_of(s->base.db);
    int code = sqlite3_prepare_v3(db->handle, s->base.sql, -1, SQLITE_PREPARE_PERSISTENT,
                                  &s->handle, NULL);
    MUST(code != SQLITE_ERROR); /* our SQL does not parse, or the schema lacks something it names */
    s->failed = rc_of_call(db, code);
}

static void sqlite_stmt_ready(struct db_stmt *any)
{
    struct sqlite_stmt *s = stmt_of(any);
    if (s->handle == NULL) {
        sqlite_compile(s);
        return;
    }
    (void)sqlite3_reset(
        s->handle); /* repeats the error of the last step, which was reported then */
    (void)sqlite3_clear_bindings(s->handle);
}

/* Binding fails on misuse only (which is ours), or on a statement that failed to compile. */
static void sqlite_bound(const struct sqlite_stmt *s, int code)
{
    MUST(code == SQLITE_OK || s->handle == NULL);
}

static void sqlite_bind_int(struct db_stmt *any, int at, int64_t value)
{
    struct sqlite_stmt *s = stmt_of(any);
    if (s->handle != NULL)
        sqlite_bound(s, sqlite3_bind_int64(s->handle, at, value));
}

static void sqlite_bind_text(struct db_stmt *any, int at, struct str value)
{
    struct sqlite_stmt *s = stmt_of(any);
    if (s->handle != NULL)
        sqlite_bound(s, sqlite3_bind_text64(s->handle, at, value.ptr == NULL ? "" : value.ptr,
                                            value.len, SQLITE_STATIC, SQLITE_UTF8));
}

static void sqlite_bind_blob(struct db_stmt *any, int at, struct str value)
{
    struct sqlite_stmt *s = stmt_of(any);
    if (s->handle != NULL)
        sqlite_bound(s, sqlite3_bind_blob64(s->handle, at, value.ptr == NULL ? "" : value.ptr,
                                            value.len, SQLITE_STATIC));
}

static void sqlite_bind_null(struct db_stmt *any, int at)
{
    struct sqlite_stmt *s = stmt_of(any);
    if (s->handle != NULL)
        sqlite_bound(s, sqlite3_bind_null(s->handle, at));
}

static bool sqlite_step(struct db_stmt *any, enum rc *rc)
{
    struct sqlite_stmt *s = stmt_of(any);
    *rc = s->failed;
    if (s->handle == NULL)
        return false;
    int code = sqlite3_step(s->handle);
    if (code == SQLITE_ROW) {
        *rc = RC_OK;
        return true;
    }
    *rc = rc_of_call(sqlite_of(any->db), code);
    (void)sqlite3_reset(s->handle);
    return false;
}

static void sqlite_reset(struct db_stmt *any)
{
    struct sqlite_stmt *s = stmt_of(any);
    if (s->handle != NULL)
        (void)sqlite3_reset(s->handle);
}

/* --- functions ------------------------------------------------------------------------------------ */

static void call_function(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct db_function *f = sqlite3_user_data(context);
    int64_t args[DB_FUNCTION_ARGS_MAX] = { 0 };
    for (int i = 0; i < count; i++)
        args[i] = sqlite3_value_int64(values[i]);
    f->fn(f->ctx, args);
}

static void free_function(void *f)
{
    xfree(f);
}

static void call_text_function(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct db_function *f = sqlite3_user_data(context);
    int64_t args[DB_FUNCTION_ARGS_MAX] = { 0 };
    for (int i = 0; i < count - 1; i++)
        args[i] = sqlite3_value_int64(values[i]);
    const char *text = (const char *)sqlite3_value_text(values[count - 1]);
    size_t len = (size_t)sqlite3_value_bytes(values[count - 1]);
    f->text_fn(f->ctx, args, text == NULL ? STR_NONE : str_of(text, len));
}

static enum rc sqlite_function(struct db *any, const char *name, int arg_count,
                               const struct db_function *f)
{
    struct db_function *own = XNEW(struct db_function);
    *own = *f;
    return rc_of(sqlite3_create_function_v2(
        sqlite_of(any)->handle, name, f->fn != NULL ? arg_count : arg_count + 1, SQLITE_UTF8, own,
        f->fn != NULL ? call_function : call_text_function, NULL, NULL, free_function));
}

/* --- columns -------------------------------------------------------------------------------------- */

static int64_t sqlite_column_int(struct db_stmt *s, int column)
{
    return sqlite3_column_int64(stmt_of(s)->handle, column);
}

static bool sqlite_column_is_null(struct db_stmt *s, int column)
{
    return sqlite3_column_type(stmt_of(s)->handle, column) == SQLITE_NULL;
}

static struct str sqlite_column_bytes(struct db_stmt *any, int column)
{
    const struct sqlite_stmt *s = stmt_of(any);
    if (sqlite_column_is_null(any, column))
        return STR_NONE;
    /* blob() gives the bytes of texts too, unchanged; NULL only for an empty value. */
    const char *ptr = sqlite3_column_blob(s->handle, column);
    return (struct str){ ptr == NULL ? "" : ptr, (size_t)sqlite3_column_bytes(s->handle, column) };
}

/* --- transactions --------------------------------------------------------------------------------- */

static enum rc sqlite_exec(struct db *any, const char *sql)
{
    struct sqlite *db = sqlite_of(any);
    return rc_of_call(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

static enum rc sqlite_begin(struct db *db, bool write)
{
    return db_run(write ? db_prepare(db, "BEGIN IMMEDIATE") : db_prepare(db, "BEGIN"));
}

/* A full disk or an I/O error may have ended the transaction already. */
static void sqlite_rollback(struct db *any)
{
    const struct sqlite *db = sqlite_of(any);
    if (sqlite3_get_autocommit(db->handle) != 0)
        return;
    enum rc rc = db_run(db_prepare(any, "ROLLBACK"));
    MUST(sqlite3_get_autocommit(db->handle) != 0 || rc != RC_OK);
}

static enum rc sqlite_commit(struct db *any)
{
    enum rc rc = db_run(db_prepare(any, "COMMIT"));
    if (rc != RC_OK)
        sqlite_rollback(any);
    return rc;
}

static int64_t sqlite_changes(struct db *any)
{
    return sqlite3_changes64(sqlite_of(any)->handle);
}

static const struct db_engine sqlite_engine = {
    .close = sqlite_close,
    .error = sqlite_error,
    .stmt_new = sqlite_stmt_new,
    .stmt_free = sqlite_stmt_free,
    .stmt_ready = sqlite_stmt_ready,
    .bind_int = sqlite_bind_int,
    .bind_text = sqlite_bind_text,
    .bind_blob = sqlite_bind_blob,
    .bind_null = sqlite_bind_null,
    .step = sqlite_step,
    .reset = sqlite_reset,
    .column_int = sqlite_column_int,
    .column_bytes = sqlite_column_bytes,
    .column_is_null = sqlite_column_is_null,
    .function = sqlite_function,
    .exec = sqlite_exec,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .changes = sqlite_changes,
};

/* --- what only files have ------------------------------------------------------------------------- */

int64_t db_wal_pages(const struct db *db)
{
    return ((const struct sqlite *)db)->wal_pages;
}

int64_t db_wal_file_pages(struct db *any)
{
    struct sqlite *db = sqlite_of(any);
    sqlite3_file *log = NULL;
    sqlite3_int64 size = 0;
    enum rc rc;
    int64_t page_size = PAGE_SIZE_DEFAULT;
    struct db_stmt *s = db_prepare(any, "PRAGMA page_size");
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

enum rc db_checkpoint(struct db *any, bool truncate, int64_t *pages_left)
{
    struct sqlite *db = sqlite_of(any);
    int in_log = 0, moved = 0;
    *pages_left = 0;
    if (is_unsynced(db))
        return RC_IO;
    int code = sqlite3_wal_checkpoint_v2(
        db->handle, NULL, truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
        &in_log, &moved);
    *pages_left = in_log > moved ? in_log - moved : 0;
    if ((code & 0xff) == SQLITE_READONLY)
        any->is_stale = true;
    return rc_of_sync(db, code);
}

enum rc db_sync(struct db *any)
{
    struct sqlite *db = sqlite_of(any);
    sqlite3_file *file = NULL;
    int code = sqlite3_file_control(db->handle, NULL, SQLITE_FCNTL_FILE_POINTER, &file);
    if (code == SQLITE_OK && file != NULL && file->pMethods != NULL)
        code = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
    return rc_of_sync(db, code);
}
