/* SPDX-License-Identifier: Apache-2.0
 *
 * stats.db: opening, and writing a minute.
 */
#include "stats/rows_priv.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { FORMAT = 1, PAGE = 8192, CACHE_BYTES = 8 * 1024 * 1024, BUSY_US = 2000000 };

/* --- opening ----------------------------------------------------------------------------------------- */

static enum rc get_note(struct db *db, const char *name, struct str *out, struct arena *a)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, "SELECT value FROM note WHERE name = ?");
    db_bind_text(s, 1, str_from(name));
    *out = STR_NONE;
    if (db_step(s, &rc))
        *out = db_text(s, 0, a);
    db_reset(s);
    return rc;
}

static enum rc set_note(struct db *db, const char *name, struct str value)
{
    struct db_stmt *s = db_prepare(db, "INSERT OR REPLACE INTO note (name, value) VALUES (?1, ?2)");
    db_bind_text(s, 1, str_from(name));
    db_bind_blob(s, 2, value);
    return db_run(s);
}

/* A file of another format is a later version's, or none of ours: what it holds cannot be told. */
static enum rc read_notes(struct stats_rows *f, struct arena *a)
{
    struct str format, key, dropped;
    enum rc rc = get_note(f->writer, "format", &format, a);
    if (rc == RC_OK)
        rc = get_note(f->writer, "key", &key, a);
    if (rc == RC_OK)
        rc = get_note(f->writer, "dropped", &dropped, a);
    if (rc != RC_OK)
        return rc;
    if (format.len != 0 &&
        (format.len != 1 || format.ptr[0] != FORMAT || key.len != sizeof(f->key)))
        return RC_CORRUPT;
    int64_t until = 0;
    if (dropped.len == sizeof(until))
        memcpy(&until, dropped.ptr, sizeof(until));
    f->dropped = until;
    if (format.len != 0) {
        memcpy(f->key, key.ptr, sizeof(f->key));
        return RC_OK;
    }
    rc = set_note(f->writer, "key", str_of((const char *)f->key, sizeof(f->key)));
    if (rc == RC_OK)
        rc = set_note(f->writer, "format", str_of(&(char){ FORMAT }, 1));
    return rc;
}

static enum rc read_newest(struct stats_rows *f)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(f->writer, "SELECT max(time) FROM cell WHERE tier = 0");
    if (db_step(s, &rc))
        f->newest = db_int(s, 0);
    db_reset(s);
    return rc;
}

static enum rc set_up(struct stats_rows *f)
{
    struct arena scratch;
    arena_init(&scratch);
    enum rc rc = db_exec(
        f->writer,
        "PRAGMA synchronous=NORMAL; PRAGMA temp_store=FILE;"
        " CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
        " CREATE TABLE IF NOT EXISTS cell (tier INTEGER NOT NULL, time INTEGER NOT NULL, kind INTEGER NOT NULL,"
        " id INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (tier, time, kind, id)) WITHOUT ROWID");
    if (rc == RC_OK)
        rc = db_begin(f->writer, true);
    if (rc == RC_OK) {
        rc = read_notes(f, &scratch);
        if (rc == RC_OK)
            rc = db_commit(f->writer);
        else
            db_rollback(f->writer);
    }
    if (rc == RC_OK)
        rc = read_newest(f);
    arena_fini(&scratch);
    return rc;
}

enum rc stats_rows_open(struct stats_rows *f, struct buf *why)
{
    struct db_options o = {
        .cache_bytes = CACHE_BYTES, .page_size = PAGE, .checkpoint_auto = true, .busy_us = BUSY_US
    };
    enum rc rc = db_open(f->path, DB_CREATE, &o, &f->writer, why);
    if (rc != RC_OK)
        return rc;
    rc = set_up(f);
    if (rc == RC_OK)
        rc = db_open(f->path, DB_READ, &o, &f->reader, why);
    if (rc != RC_OK) {
        if (f->reader == NULL && f->writer != NULL)
            buf_say(why, "%s: %s", f->path, db_error(f->writer));
        stats_rows_close(f);
    }
    return rc;
}

void stats_rows_close(struct stats_rows *f)
{
    db_close(f->reader);
    db_close(f->writer); /* last: it moves the log */
    f->reader = f->writer = NULL;
}

void stats_rows_remove(struct stats_rows *f)
{
    static const char *const tails[] = { "", "-wal", "-shm" };
    char name[4096];
    stats_rows_close(f);
    for (size_t i = 0; i < COUNT_OF(tails); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", f->path, tails[i]);
        (void)unlink(name); /* what stays is found out when it is opened again */
    }
}

/* --- rows ---------------------------------------------------------------------------------------------- */

enum rc stats_rows_get(struct db *db, enum stats_tier tier, int64_t time, enum stats_kind kind,
                       int64_t id, struct buf *out)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(
        db, "SELECT bytes FROM cell WHERE tier = ? AND time = ? AND kind = ? AND id = ?");
    db_bind_int(s, 1, (int64_t)tier);
    db_bind_int(s, 2, time);
    db_bind_int(s, 3, (int64_t)kind);
    db_bind_int(s, 4, id);
    bool is_there = db_step(s, &rc);
    buf_reset(out);
    if (is_there && buf_add_str(out, db_borrow(s, 0)) != RC_OK)
        rc = RC_CORRUPT; /* no row of ours is so long */
    db_reset(s);
    return rc == RC_OK && !is_there ? RC_NOT_FOUND : rc;
}

enum rc stats_rows_first(struct db *db, enum stats_tier tier, int64_t *time)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, "SELECT min(time) FROM cell WHERE tier = ?");
    db_bind_int(s, 1, (int64_t)tier);
    *time = INT64_MAX;
    if (db_step(s, &rc) && !db_is_null(s, 0))
        *time = db_int(s, 0);
    db_reset(s);
    return rc;
}

enum rc stats_rows_set(struct db *db, enum stats_tier tier, int64_t time, enum stats_kind kind,
                       int64_t id, struct str bytes)
{
    struct db_stmt *s = db_prepare(
        db, "INSERT OR REPLACE INTO cell (tier, time, kind, id, bytes) VALUES (?, ?, ?, ?, ?)");
    db_bind_int(s, 1, (int64_t)tier);
    db_bind_int(s, 2, time);
    db_bind_int(s, 3, (int64_t)kind);
    db_bind_int(s, 4, id);
    db_bind_blob(s, 5, bytes);
    return db_run(s);
}

/* --- a minute --------------------------------------------------------------------------------------------- */

/* Adds what the row has. `may_be_there`: after a clock that was set back, or a restart within the minute. */
static enum rc put_cell(struct stats_rows *f, int64_t minute, const struct stats_subject *of,
                        struct stats_cell *cell, bool may_be_there, struct buf *bytes)
{
    enum rc rc = RC_NOT_FOUND;
    if (may_be_there)
        rc = stats_rows_get(f->writer, STATS_TIER_MINUTE, minute, of->kind, of->id, bytes);
    if (rc == RC_OK) {
        struct str in = buf_str(bytes);
        struct stats_cell old;
        if (!stats_cell_read(&in, &old))
            return RC_CORRUPT;
        stats_cell_add(cell, &old);
    } else if (rc != RC_NOT_FOUND) {
        return rc;
    }
    buf_reset(bytes);
    stats_cell_write(cell, bytes);
    return stats_rows_set(f->writer, STATS_TIER_MINUTE, minute, of->kind, of->id, buf_str(bytes));
}

static enum rc put_all(struct stats_rows *f, int64_t minute, struct stats_table *t)
{
    struct stats_live_cell **cells = NULL;
    struct stats_cell cell;
    struct buf bytes;
    bool may_be_there = minute <= f->newest, has_server = false;
    enum rc rc = RC_OK;
    size_t count = t == NULL ? 0 : stats_table_sorted(t, &cells);
    buf_init(&bytes, STATS_CELL_BYTES_MAX);
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        struct stats_subject of = { cells[i]->kind, cells[i]->id };
        stats_live_cell_read(cells[i], &cell);
        has_server = has_server || of.kind == STATS_SERVER;
        rc = put_cell(f, minute, &of, &cell, may_be_there, &bytes);
    }
    if (rc == RC_OK && !has_server) {
        struct stats_subject server = { STATS_SERVER, 0 };
        cell = (struct stats_cell){ 0 };
        rc = put_cell(f, minute, &server, &cell, may_be_there, &bytes);
    }
    buf_fini(&bytes);
    xfree(cells);
    return rc;
}

enum rc stats_rows_put(struct stats_rows *f, int64_t minute, struct stats_table *t)
{
    enum rc rc = db_begin(f->writer, true);
    if (rc != RC_OK)
        return rc;
    rc = put_all(f, minute, t);
    if (rc != RC_OK) {
        db_rollback(f->writer);
        return rc;
    }
    rc = db_commit(f->writer);
    if (rc == RC_OK && minute > f->newest)
        f->newest = minute;
    return rc;
}
