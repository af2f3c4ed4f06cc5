/* SPDX-License-Identifier: Apache-2.0
 *
 * stats.db: one table of cells under (tier, time, kind, id), with one row for each. What is damaged is made anew. Readers
 * do not notice what is written: they read a snapshot.
 */
#include "stats/rows_engines_priv.h"

#include "stats/rows_priv.h"

#include <stdio.h>
#include <unistd.h>

enum {
    PAGE = 8192,
    CACHE_BYTES = 8 * 1024 * 1024,
    BUSY_US = 2000000,
    ROW_BYTES = 16,
    CELL_BYTES_MAX = 10 * (1 + 64) /* of a later version, too, that counts more */
};

/* --- opening ----------------------------------------------------------------------------------------- */

static enum rc file_set_up(struct stats_rows *r)
{
    enum rc rc = db_exec(
        r->writer,
        "PRAGMA synchronous=NORMAL; PRAGMA temp_store=FILE;"
        " CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
        " CREATE TABLE IF NOT EXISTS cell (tier INTEGER NOT NULL, time INTEGER NOT NULL, kind INTEGER NOT NULL,"
        " id INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (tier, time, kind, id)) WITHOUT ROWID");
    if (rc == RC_OK)
        rc = db_begin(r->writer, true);
    if (rc != RC_OK)
        return rc;
    rc = stats_rows_read_notes(r);
    if (rc == RC_OK)
        rc = db_commit(r->writer);
    else
        db_rollback(r->writer);
    if (rc == RC_CONFLICT)
        return RC_CORRUPT; /* as good as damaged */
    return rc == RC_OK ? stats_rows_number(r->writer, "SELECT max(time) FROM cell WHERE tier = 0",
                                           &r->newest)
                       : rc;
}

static enum rc file_open(struct stats_rows *r, struct buf *why)
{
    struct db_options o = {
        .cache_bytes = CACHE_BYTES, .page_size = PAGE, .checkpoint_auto = true, .busy_us = BUSY_US
    };
    enum rc rc = db_open(r->place, DB_CREATE, &o, &r->writer, why);
    if (rc == RC_OK)
        rc = file_set_up(r);
    return rc == RC_OK ? db_open(r->place, DB_READ, &o, &r->reader, why) : rc;
}

static void file_remove(struct stats_rows *r)
{
    static const char *const tails[] = { "", "-wal", "-shm" };
    char name[4096 + 8];
    for (size_t i = 0; i < COUNT_OF(tails); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", r->place, tails[i]);
        (void)unlink(name); /* what stays is found out when it is opened again */
    }
}

static enum rc file_begin(struct stats_rows *r)
{
    return db_begin(r->writer, true);
}

/* --- rows ---------------------------------------------------------------------------------------------- */

static enum rc file_find_one(struct db *db, const struct stats_keys *keys, size_t i, int64_t time,
                             stats_row_fn fn, void *ctx)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(
        db, "SELECT bytes FROM cell WHERE tier = ? AND time = ? AND kind = ? AND id = ?");
    db_bind_int(s, 1, (int64_t)keys->tier);
    db_bind_int(s, 2, time);
    db_bind_int(s, 3, (int64_t)keys->subjects[i].kind);
    db_bind_int(s, 4, keys->subjects[i].id);
    if (db_step(s, &rc))
        rc = fn(ctx, i, time, db_borrow(s, 0));
    db_reset(s);
    return rc;
}

static enum rc file_find(struct db *db, const struct stats_keys *keys, stats_row_fn fn, void *ctx)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < keys->subject_count; i++)
        for (int64_t n = 0; rc == RC_OK && n < keys->count; n++)
            rc = file_find_one(db, keys, i, keys->first + n * keys->step, fn, ctx);
    return rc;
}

static enum rc file_set(struct stats_rows *r, enum stats_tier tier, int64_t time,
                        const struct stats_batch *b)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < b->count; i++) {
        struct db_stmt *s = db_prepare(
            r->writer,
            "INSERT OR REPLACE INTO cell (tier, time, kind, id, bytes) VALUES (?, ?, ?, ?, ?)");
        db_bind_int(s, 1, (int64_t)tier);
        db_bind_int(s, 2, time);
        db_bind_int(s, 3, (int64_t)b->of[i].kind);
        db_bind_int(s, 4, b->of[i].id);
        db_bind_blob(s, 5, stats_batch_bytes(b, i));
        rc = db_run(s);
    }
    return rc;
}

/* There may be rows already after a clock that was set back, or a restart within the minute. */
static enum rc file_put(struct stats_rows *r, int64_t minute, int64_t part, struct stats_batch *b)
{
    (void)part; /* nobody else writes here, and a commit that failed was none */
    enum rc rc = minute <= r->newest ? stats_rows_join(r, STATS_TIER_MINUTE, minute, b) : RC_OK;
    return rc == RC_OK ? file_set(r, STATS_TIER_MINUTE, minute, b) : rc;
}

/* The order is not the table's, so that all rows are read and sorted before the first comes: what is written meanwhile
 * does not come into it. */
static enum rc file_walk(struct stats_rows *r, enum stats_tier tier, int64_t start, int64_t unit,
                         int64_t span, stats_piece_fn fn, void *ctx)
{
    enum rc rc, taken = RC_OK;
    char piece[1 + CELL_BYTES_MAX];
    struct db_stmt *s =
        db_prepare(r->writer, "SELECT kind, id, time, bytes FROM cell WHERE tier = ?1 AND time >="
                              " ?2 AND time < ?3 ORDER BY kind, id, time");
    db_bind_int(s, 1, (int64_t)tier);
    db_bind_int(s, 2, start);
    db_bind_int(s, 3, start + span);
    while (taken == RC_OK && db_step(s, &rc)) {
        struct stats_subject of = { (enum stats_kind)db_int(s, 0), db_int(s, 1) };
        struct str bytes = db_borrow(s, 3);
        if (bytes.len > CELL_BYTES_MAX) {
            taken = RC_CORRUPT;
            break;
        }
        piece[0] = (char)((db_int(s, 2) - start) / unit);
        memcpy(piece + 1, bytes.ptr, bytes.len);
        taken = fn(ctx, of, str_of(piece, 1 + bytes.len));
    }
    db_reset(s);
    return taken != RC_OK ? taken : rc;
}

static enum rc file_of_kind(struct db *db, enum stats_tier tier, int64_t time, enum stats_kind kind,
                            stats_of_kind_fn fn, void *ctx)
{
    enum rc rc, taken = RC_OK;
    struct db_stmt *s =
        db_prepare(db, "SELECT id, bytes FROM cell WHERE tier = ? AND time = ? AND kind = ?");
    db_bind_int(s, 1, (int64_t)tier);
    db_bind_int(s, 2, time);
    db_bind_int(s, 3, (int64_t)kind);
    while (taken == RC_OK && db_step(s, &rc))
        taken = fn(ctx, db_int(s, 0), db_borrow(s, 1));
    db_reset(s);
    return taken != RC_OK ? taken : rc;
}

/* --- what is dropped -------------------------------------------------------------------------------------- */

/* By its keys: the time comes before the subject in them. */
static enum rc file_drop_subject(struct stats_rows *r, enum stats_tier tier, int64_t first,
                                 int64_t last, struct stats_subject of)
{
    int64_t span = tier == STATS_TIER_MINUTES ? 60 : 24 * 60;
    enum rc rc = RC_OK;
    for (int64_t time = first; rc == RC_OK && time <= last; time += span) {
        struct db_stmt *s = db_prepare(
            r->writer, "DELETE FROM cell WHERE tier = ? AND time = ? AND kind = ? AND id = ?");
        db_bind_int(s, 1, (int64_t)tier);
        db_bind_int(s, 2, time);
        db_bind_int(s, 3, (int64_t)of.kind);
        db_bind_int(s, 4, of.id);
        rc = db_run(s);
    }
    return rc;
}

static enum rc file_drop_subjects(struct stats_rows *r, enum stats_tier tier,
                                  const struct stats_subject *of, size_t count)
{
    int64_t first, last;
    enum rc rc = stats_rows_extent(r, r->writer, tier, &first, &last);
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = file_drop_subject(r, tier, first, last, of[i]);
    return rc;
}

/* Without pages that are free: they are used before the file grows. */
static enum rc file_size(struct stats_rows *r, int64_t *bytes)
{
    int64_t pages = 0, unused = 0, size = 0;
    enum rc rc = stats_rows_number(r->writer, "PRAGMA page_count", &pages);
    if (rc == RC_OK)
        rc = stats_rows_number(r->writer, "PRAGMA freelist_count", &unused);
    if (rc == RC_OK)
        rc = stats_rows_number(r->writer, "PRAGMA page_size", &size);
    *bytes = (pages - unused) * size;
    return rc;
}

const struct stats_engine stats_engine_file = {
    .row_bytes = ROW_BYTES,
    .open = file_open,
    .remove = file_remove,
    .begin = file_begin,
    .begin_alone = file_begin,
    .put = file_put,
    .set = file_set,
    .find = file_find,
    .walk = file_walk,
    .of_kind = file_of_kind,
    .drop_subjects = file_drop_subjects,
    .size = file_size,
    .get_note = "SELECT value FROM note WHERE name = ?",
    .set_note = "INSERT OR REPLACE INTO note (name, value) VALUES (?1, ?2)",
    .extent = "SELECT (SELECT min(time) FROM cell WHERE tier = ?1),"
              " (SELECT max(time) FROM cell WHERE tier = ?1)",
    .drop = "DELETE FROM cell WHERE tier = ?1 AND time >= ?2 AND time < ?3",
    .quiet =
        "SELECT kind, id, sum(length(bytes) + ?2) AS size FROM cell WHERE tier = ?1 AND kind > ?3"
        " GROUP BY kind, id ORDER BY size LIMIT ?4",
};
