/* SPDX-License-Identifier: Apache-2.0
 *
 * Cells in a PostgreSQL database, beside those of other nodes. Each write of a minute has a number of its own, `part`, in
 * the key of its rows: so nodes only insert and never wait for each other, what several counted is added up by whoever
 * reads, and a write that is repeated, because the answer to its commit was lost, finds its own rows. Part 0 is nobody's:
 * what is rolled up, of which there is one row, and marks of minutes in which a node ran.
 *
 * Rows are rolled up, and dropped for their size, by one node at a time, in a transaction that sees one state: so what
 * comes meanwhile is neither read nor deleted.
 */
#include "stats/rows_engines_priv.h"

#include "db/array.h"
#include "stats/rows_priv.h"

#include <stdio.h>

enum {
    LOCK_STATS =
        1196573012, /* advisory locks come in two halves; the second: 0: making the tables, 1: rolling up */
    READER_ANSWER_US = 5000000,
    ROW_BYTES = 108,      /* in the table and in its index */
    PIECES_A_PAGE = 1024, /* some hundred bytes each */
    ROWS_A_PAGE = 4096
};

/* --- opening --------------------------------------------------------------------------------------------- */

static enum rc postgres_make_tables(struct stats_rows *r)
{
    int64_t is_there = 0;
    enum rc rc = stats_rows_number(r->writer,
                                   "SELECT to_regclass('stats_cell') IS NOT NULL AND"
                                   " to_regclass('stats_note') IS NOT NULL",
                                   &is_there);
    if (rc != RC_OK || is_there)
        return rc;
    /* A pack of a busy hour is near 2 kB: it stays in its row. Minutes come and go by the hour: so vacuum comes early. */
    return db_exec(
        r->writer,
        "CREATE TABLE IF NOT EXISTS stats_note (name text COLLATE \"C\" PRIMARY KEY, value bytea NOT NULL);"
        " CREATE TABLE IF NOT EXISTS stats_cell (id bigint NOT NULL, part bigint NOT NULL, time int NOT NULL,"
        " tier smallint NOT NULL, kind smallint NOT NULL, bytes bytea NOT NULL,"
        " PRIMARY KEY (tier, time, kind, id, part))"
        " WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05,"
        " autovacuum_vacuum_cost_delay = 0)");
}

/* Two that make tables at once would fail, and two that note a key down would go by two. */
static enum rc postgres_set_up(struct stats_rows *r, struct buf *why)
{
    char lock[96];
    enum rc rc = db_begin(r->writer, true);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(lock, sizeof(lock), "SELECT pg_advisory_xact_lock(%d, 0)", (int)LOCK_STATS);
    rc = db_exec(r->writer, lock);
    if (rc == RC_OK)
        rc = postgres_make_tables(r);
    if (rc == RC_OK)
        rc = stats_rows_read_notes(r);
    if (rc == RC_OK)
        return db_commit(r->writer);
    db_rollback(r->writer);
    if (rc == RC_CONFLICT)
        buf_say(why, "the statistics in the database are of a later version: upgrade this server");
    return rc;
}

static enum rc postgres_open(struct stats_rows *r, struct buf *why)
{
    struct db_server_options o = { .answer_us = READER_ANSWER_US };
    enum rc rc = db_connect(r->place, NULL, &r->writer, why);
    if (rc == RC_OK)
        rc = postgres_set_up(r, why);
    if (rc == RC_OK)
        rc = stats_rows_number(r->writer, "SELECT max(time) FROM stats_cell WHERE tier = 0",
                               &r->newest);
    return rc == RC_OK ? db_connect(r->place, &o, &r->reader, why) : rc;
}

/* A crash of the database may take the last second, as one of the machine takes what a file has not synced. For this
 * transaction only: a pooler gives the connection to others. */
static enum rc commit_without_wait(struct stats_rows *r, const char *and_also)
{
    char sql[96];
    (void)snprintf(sql, sizeof(sql), "SET LOCAL synchronous_commit = off%s", and_also);
    enum rc rc = db_exec(r->writer, sql);
    if (rc != RC_OK)
        db_rollback(r->writer);
    return rc;
}

static enum rc postgres_begin(struct stats_rows *r)
{
    enum rc rc = db_begin(r->writer, true);
    return rc == RC_OK ? commit_without_wait(r, "") : rc;
}

/* The state that is seen may be from before the lock: then what was rolled up meanwhile is found out by a row that
 * another transaction has taken away, and this one fails. */
static enum rc postgres_begin_alone(struct stats_rows *r)
{
    char lock[96];
    int64_t has = 0;
    enum rc rc = db_begin_repeatable(r->writer);
    if (rc == RC_OK)
        rc = commit_without_wait(r, "; SET LOCAL jit = off");
    if (rc != RC_OK)
        return rc;
    (void)snprintf(lock, sizeof(lock), "SELECT pg_try_advisory_xact_lock(%d, 1)", (int)LOCK_STATS);
    struct db_stmt *s = db_prepare_once(r->writer, lock);
    if (db_step(s, &rc))
        has = db_int(s, 0);
    db_release(s);
    if (rc == RC_OK && !has)
        rc = RC_BUSY;
    if (rc != RC_OK)
        db_rollback(r->writer);
    return rc;
}

/* --- writing --------------------------------------------------------------------------------------------- */

/* Columns of a batch, as arrays from parameter 3 on. */
static enum rc postgres_write(struct stats_rows *r, const char *sql, int64_t time, int64_t second,
                              const struct stats_batch *b)
{
    struct db_array kinds, ids, bytes;
    struct db_stmt *s = db_prepare(r->writer, sql);
    db_array_init(&kinds, DB_TYPE_INT8);
    db_array_init(&ids, DB_TYPE_INT8);
    db_array_init(&bytes, DB_TYPE_BYTEA);
    for (size_t i = 0; i < b->count; i++) {
        db_array_add_int(&kinds, (int64_t)b->of[i].kind);
        db_array_add_int(&ids, b->of[i].id);
        db_array_add_bytes(&bytes, stats_batch_bytes(b, i));
    }
    db_bind_int(s, 1, time);
    db_bind_int(s, 2, second);
    db_bind_array(s, 3, &kinds);
    db_bind_array(s, 4, &ids);
    db_bind_array(s, 5, &bytes);
    enum rc rc = db_run(s);
    db_array_fini(&kinds);
    db_array_fini(&ids);
    db_array_fini(&bytes);
    return rc;
}

static enum rc postgres_put(struct stats_rows *r, int64_t minute, int64_t part,
                            struct stats_batch *b)
{
    return postgres_write(
        r,
        "INSERT INTO stats_cell (tier, time, kind, id, part, bytes)"
        " SELECT 0, ?1, u.kind, u.id, ?2, u.bytes FROM unnest(CAST(?3 AS BIGINT[]),"
        " CAST(?4 AS BIGINT[]), CAST(?5 AS BYTEA[])) AS u(kind, id, bytes) ON CONFLICT DO NOTHING",
        minute, part, b);
}

static enum rc postgres_set(struct stats_rows *r, enum stats_tier tier, int64_t time,
                            const struct stats_batch *b)
{
    return postgres_write(
        r,
        "INSERT INTO stats_cell (tier, time, kind, id, part, bytes)"
        " SELECT ?2, ?1, u.kind, u.id, 0, u.bytes FROM unnest(CAST(?3 AS BIGINT[]),"
        " CAST(?4 AS BIGINT[]), CAST(?5 AS BYTEA[])) AS u(kind, id, bytes)"
        " ON CONFLICT (tier, time, kind, id, part) DO UPDATE SET bytes = excluded.bytes",
        time, (int64_t)tier, b);
}

/* --- reading --------------------------------------------------------------------------------------------- */

/* OFFSET 0 keeps the planner from anything but looking each key up. */
static const char find_sql[] =
    "SELECT s.at, t.time, c.bytes FROM generate_series(CAST(?1 AS BIGINT), CAST(?2 AS BIGINT),"
    " CAST(?3 AS BIGINT)) AS t(time) CROSS JOIN unnest(CAST(?4 AS BIGINT[]), CAST(?5 AS BIGINT[]))"
    " WITH ORDINALITY AS s(kind, id, at) CROSS JOIN LATERAL (SELECT bytes FROM stats_cell"
    " WHERE tier = ?6 AND time = t.time AND kind = s.kind AND id = s.id OFFSET 0) AS c";

static enum rc postgres_find_page(struct db *db, const struct stats_keys *keys, size_t from,
                                  size_t until, stats_row_fn fn, void *ctx)
{
    struct db_array kinds, ids;
    enum rc rc, taken = RC_OK;
    struct db_stmt *s = db_prepare(db, find_sql);
    db_array_init(&kinds, DB_TYPE_INT8);
    db_array_init(&ids, DB_TYPE_INT8);
    for (size_t i = from; i < until; i++) {
        db_array_add_int(&kinds, (int64_t)keys->subjects[i].kind);
        db_array_add_int(&ids, keys->subjects[i].id);
    }
    db_bind_int(s, 1, keys->first);
    db_bind_int(s, 2, keys->first + (keys->count - 1) * keys->step);
    db_bind_int(s, 3, keys->step);
    db_bind_array(s, 4, &kinds);
    db_bind_array(s, 5, &ids);
    db_bind_int(s, 6, (int64_t)keys->tier);
    while (taken == RC_OK && db_step(s, &rc))
        taken = fn(ctx, from + (size_t)db_int(s, 0) - 1, db_int(s, 1), db_borrow(s, 2));
    db_reset(s);
    db_array_fini(&kinds);
    db_array_fini(&ids);
    return taken != RC_OK ? taken : rc;
}

static enum rc postgres_find(struct db *db, const struct stats_keys *keys, stats_row_fn fn,
                             void *ctx)
{
    size_t page = 1 + ROWS_A_PAGE / (size_t)keys->count; /* subjects */
    enum rc rc = RC_OK;
    for (size_t from = 0; rc == RC_OK && from < keys->subject_count; from += page) {
        size_t left = keys->subject_count - from;
        rc = postgres_find_page(db, keys, from, from + (left < page ? left : page), fn, ctx);
    }
    return rc;
}

/* One page of pieces; *count: how many there were. */
static enum rc postgres_fetch(struct stats_rows *r, const char *sql, stats_piece_fn fn, void *ctx,
                              size_t *count)
{
    enum rc rc, taken = RC_OK;
    struct db_stmt *s = db_prepare_once(r->writer, sql);
    for (*count = 0; taken == RC_OK && db_step(s, &rc); ++*count) {
        struct stats_subject of = { (enum stats_kind)db_int(s, 0), db_int(s, 1) };
        taken = fn(ctx, of, db_borrow(s, 2));
    }
    db_release(s);
    return taken != RC_OK ? taken : rc;
}

/* The database puts a subject's cells together, and a cursor brings them in pages: a page by key would read all rows of the
 * hour again, because the time comes before the subject in the key. */
static enum rc postgres_walk(struct stats_rows *r, enum stats_tier tier, int64_t start,
                             int64_t unit, int64_t span, stats_piece_fn fn, void *ctx)
{
    char sql[512], fetch[64];
    size_t count = PIECES_A_PAGE;
    (void)snprintf(
        sql, sizeof(sql),
        "DECLARE stats_pieces NO SCROLL CURSOR FOR SELECT kind, id, string_agg(set_byte('\\x00', 0,"
        " CAST((time - %lld) / %lld AS INT)) || bytes, '') FROM stats_cell WHERE tier = %d AND"
        " time >= %lld AND time < %lld GROUP BY kind, id ORDER BY kind, id",
        (long long)start, (long long)unit, (int)tier, (long long)start, (long long)(start + span));
    (void)snprintf(fetch, sizeof(fetch), "FETCH %d FROM stats_pieces", (int)PIECES_A_PAGE);
    enum rc rc = db_exec(r->writer, sql);
    while (rc == RC_OK && count == PIECES_A_PAGE)
        rc = postgres_fetch(r, fetch, fn, ctx, &count);
    return rc == RC_OK ? db_exec(r->writer, "CLOSE stats_pieces") : rc;
}

/* The rows of a kind behind one of them. */
struct kind_page {
    int64_t id, part;
    size_t count;
};

static enum rc postgres_kind_page(struct db *db, enum stats_tier tier, int64_t time,
                                  enum stats_kind kind, struct kind_page *page, stats_of_kind_fn fn,
                                  void *ctx)
{
    enum rc rc, taken = RC_OK;
    struct db_stmt *s =
        db_prepare(db, "SELECT id, part, bytes FROM stats_cell WHERE tier = ?1 AND time = ?2 AND"
                       " kind = ?3 AND (id, part) > (?4, ?5) ORDER BY id, part LIMIT ?6");
    db_bind_int(s, 1, (int64_t)tier);
    db_bind_int(s, 2, time);
    db_bind_int(s, 3, (int64_t)kind);
    db_bind_int(s, 4, page->id);
    db_bind_int(s, 5, page->part);
    db_bind_int(s, 6, ROWS_A_PAGE);
    for (page->count = 0; taken == RC_OK && db_step(s, &rc); page->count++) {
        page->id = db_int(s, 0);
        page->part = db_int(s, 1);
        taken = fn(ctx, page->id, db_borrow(s, 2));
    }
    db_reset(s);
    return taken != RC_OK ? taken : rc;
}

static enum rc postgres_of_kind(struct db *db, enum stats_tier tier, int64_t time,
                                enum stats_kind kind, stats_of_kind_fn fn, void *ctx)
{
    struct kind_page page = { INT64_MIN, -1, ROWS_A_PAGE };
    enum rc rc = RC_OK;
    while (rc == RC_OK && page.count == ROWS_A_PAGE)
        rc = postgres_kind_page(db, tier, time, kind, &page, fn, ctx);
    return rc;
}

/* --- what is dropped ------------------------------------------------------------------------------------- */

static enum rc postgres_drop_subjects(struct stats_rows *r, enum stats_tier tier,
                                      const struct stats_subject *of, size_t count)
{
    struct db_array kinds, ids;
    struct db_stmt *s = db_prepare(
        r->writer,
        "DELETE FROM stats_cell AS c USING unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BIGINT[]))"
        " AS u(kind, id) WHERE c.tier = ?3 AND c.kind = u.kind AND c.id = u.id");
    db_array_init(&kinds, DB_TYPE_INT8);
    db_array_init(&ids, DB_TYPE_INT8);
    for (size_t i = 0; i < count; i++) {
        db_array_add_int(&kinds, (int64_t)of[i].kind);
        db_array_add_int(&ids, of[i].id);
    }
    db_bind_array(s, 1, &kinds);
    db_bind_array(s, 2, &ids);
    db_bind_int(s, 3, (int64_t)tier);
    enum rc rc = db_run(s);
    db_array_fini(&kinds);
    db_array_fini(&ids);
    return rc;
}

static enum rc postgres_size(struct stats_rows *r, int64_t *bytes)
{
    return stats_rows_number(r->writer, "SELECT pg_total_relation_size('stats_cell')", bytes);
}

/* What was deleted stays the table's: it is used again before the table grows. How much is in use only a count can say, of
 * which ANALYZE takes a sample: it costs the same however large the table is. */
static enum rc postgres_used(struct stats_rows *r, int64_t *bytes)
{
    int64_t rows = 0, width = 0;
    enum rc rc = db_exec(r->writer, "ANALYZE stats_cell");
    if (rc == RC_OK)
        rc = stats_rows_number(
            r->writer,
            "SELECT CAST(reltuples AS BIGINT) FROM pg_class WHERE oid = to_regclass('stats_cell')",
            &rows);
    if (rc == RC_OK)
        rc = stats_rows_number(r->writer,
                               "SELECT avg_width FROM pg_stats WHERE schemaname = current_schema()"
                               " AND tablename = 'stats_cell' AND attname = 'bytes'",
                               &width);
    *bytes = rows * (width + ROW_BYTES);
    return rc;
}

const struct stats_engine stats_engine_postgres = {
    .is_shared = true,
    .row_bytes = ROW_BYTES,
    .open = postgres_open,
    .begin = postgres_begin,
    .begin_alone = postgres_begin_alone,
    .put = postgres_put,
    .set = postgres_set,
    .find = postgres_find,
    .walk = postgres_walk,
    .of_kind = postgres_of_kind,
    .drop_subjects = postgres_drop_subjects,
    .size = postgres_size,
    .used = postgres_used,
    .get_note = "SELECT value FROM stats_note WHERE name = ?",
    .set_note = "INSERT INTO stats_note (name, value) VALUES (?1, ?2)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    .extent = "SELECT (SELECT min(time) FROM stats_cell WHERE tier = ?1),"
              " (SELECT max(time) FROM stats_cell WHERE tier = ?1)",
    .drop = "DELETE FROM stats_cell WHERE tier = ?1 AND time >= ?2 AND time < ?3",
    .quiet = "SELECT kind, id, CAST(sum(length(bytes) + ?2) AS BIGINT) AS size FROM stats_cell"
             " WHERE tier = ?1 AND kind > ?3 GROUP BY kind, id ORDER BY size LIMIT ?4",
};
