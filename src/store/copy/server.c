/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/copy/server_priv.h. A table says that a copy into the database is under way, of which store, and which
 * segments are there. A segment is one transaction: its tables are filled before they have indexes, which are made when
 * they become partitions.
 */
#include "store/copy/server_priv.h"

#include "store/folder_priv.h"
#include "store/key_time_priv.h"
#include "store/migrations_priv.h"
#include "store/postgres/schema_priv.h"
#include "store/rows_priv.h"

#include <inttypes.h>
#include <stdio.h>

enum { ANSWER_US_MAX = 2000000000, SQL_MAX = 2048, MARK = 0 };

static const char *const flowing[] = { "message", "attempt", "request", "filter_run" };

/* It sorts and makes indexes for minutes, and waits for the other store meanwhile. */
static const char session[] =
    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '10s';"
    "SET work_mem = '64MB'; SET maintenance_work_mem = '128MB'; SET jit = off;"
    "CREATE TEMP TABLE unresolved(endpoint bigint, msg bigint, app bigint, due bigint)";

struct copy_side store_copy_server_side(struct copy_server *s)
{
    return (struct copy_side){ .server = &s->conn, .name = "the database", .why = s->why };
}

static enum rc server_say(struct copy_server *s)
{
    buf_say(s->why, "the database: %s", s->conn.words);
    return s->conn.rc;
}

static enum rc server_exec(struct copy_server *s, const char *sql)
{
    return store_postgres_exec(&s->conn, sql) == RC_OK ? RC_OK : server_say(s);
}

/* The first row; *text, if it is asked for, for xfree(). Nothing without a row. */
static enum rc server_ask(struct copy_server *s, const char *sql, int64_t *number, char **text)
{
    PGresult *r;
    if (store_postgres_query(&s->conn, sql, NULL, &r) != RC_OK)
        return server_say(s);
    *number = 0;
    if (PQntuples(r) > 0)
        *number = store_postgres_int(r, 0, 0);
    if (text != NULL && PQntuples(r) > 0)
        *text = xstrdup(PQgetvalue(r, 0, 1));
    PQclear(r);
    return RC_OK;
}

static enum rc server_has_table(struct copy_server *s, const char *name, bool *has)
{
    char sql[128];
    int64_t count;
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_class WHERE oid = to_regclass('%s')",
                   name);
    enum rc rc = server_ask(s, sql, &count, NULL);
    *has = rc == RC_OK && count > 0;
    return rc;
}

/* --- opening ------------------------------------------------------------------------------------------ */

static enum rc refuse_members(struct copy_server *s)
{
    int64_t until;
    bool has;
    char *name = NULL;
    enum rc rc = server_has_table(s, "node_beat", &has);
    if (rc != RC_OK || !has)
        return rc;
    rc = server_ask(
        s,
        "SELECT CAST(ceil(extract(epoch FROM lease_until - clock_timestamp())) AS bigint), name"
        " FROM node_beat WHERE lease_until > clock_timestamp() ORDER BY lease_until DESC LIMIT 1",
        &until, &name);
    if (rc == RC_OK && name != NULL) {
        buf_say(s->why,
                "the server %s has this database open: stop it first (one that was killed holds it "
                "for %" PRId64 " more seconds)",
                name, until);
        rc = RC_BUSY;
    }
    xfree(name);
    return rc;
}

/* Servers take the same lock before they join. It goes with the connection. */
static enum rc server_lock(struct copy_server *s)
{
    char sql[96];
    int64_t is_had;
    (void)snprintf(sql, sizeof sql, "SELECT pg_try_advisory_lock(%d, 0)",
                   (int)POSTGRES_LOCK_MEMBERS);
    enum rc rc = server_ask(s, sql, &is_had, NULL);
    if (rc == RC_OK && !is_had) {
        buf_say(s->why, "another copy has this database open, or a server is just starting: wait "
                        "for it, or stop it");
        return RC_BUSY;
    }
    return rc == RC_OK ? refuse_members(s) : rc;
}

static enum rc server_connect(struct copy_server *s)
{
    struct db *db;
    store_postgres_conn_init(&s->conn, s->url);
    s->conn.answer_us = (int64_t)ANSWER_US_MAX * 1000;
    enum rc rc = db_connect(s->url, NULL, &db, s->why); /* has the words for what may be wrong */
    if (rc != RC_OK)
        return rc;
    bool is_pooled = db_is_pooled(db);
    db_close(db);
    if (is_pooled) {
        buf_say(s->why,
                "there is a pooler in front of the database, and a copy needs one session from "
                "its beginning to its end: give it the URL of the database itself");
        return RC_INVALID;
    }
    if (store_postgres_conn_open(&s->conn) != RC_OK)
        return server_say(s);
    rc = server_exec(s, session);
    return rc == RC_OK ? server_lock(s) : rc;
}

void store_copy_server_close(struct copy_server *s)
{
    store_postgres_conn_close(&s->conn);
}

static enum rc check_version(struct copy_server *s)
{
    int64_t schema, config = 0;
    bool has;
    enum rc rc = server_has_table(s, "migration", &has);
    if (rc == RC_OK && has)
        rc = server_ask(s, "SELECT max(version) FROM migration", &config, NULL);
    if (rc == RC_OK)
        rc = server_ask(s, "SELECT schema_version FROM cluster", &schema, NULL);
    if (rc != RC_OK)
        return rc;
    if (schema == POSTGRES_SCHEMA_VERSION && config == (int64_t)store_config_migration_count)
        return server_ask(s, "SELECT key_bucket FROM cluster", &s->key_bucket, NULL);
    buf_say(s->why, "the tables are of another version: start the server of this version on the "
                    "database once, and stop it again");
    return RC_CORRUPT;
}

enum rc store_copy_server_open(struct copy_server *s)
{
    bool has = false, is_begun = false;
    enum rc rc = server_connect(s);
    if (rc == RC_OK)
        rc = server_has_table(s, "cluster", &has);
    if (rc == RC_OK && !has) {
        buf_say(s->why, "there is no store in this database");
        return RC_NOT_FOUND;
    }
    if (rc == RC_OK)
        rc = server_has_table(s, STORE_COPY_MARK, &is_begun);
    if (rc == RC_OK && is_begun) {
        buf_say(s->why, "a copy into this database was not finished: finish it first");
        return RC_CORRUPT;
    }
    return rc == RC_OK ? check_version(s) : rc;
}

enum rc store_copy_server_identity(struct copy_server *s, char out[static COPY_IDENTITY_MAX])
{
    int64_t number;
    char *id = NULL;
    enum rc rc = server_ask(s, "SELECT 0, CAST(id AS text) FROM cluster", &number, &id);
    if (rc == RC_OK)
        (void)snprintf(out, COPY_IDENTITY_MAX, "postgres %s", id == NULL ? "" : id);
    xfree(id);
    return rc;
}

enum rc store_copy_server_begin(struct copy_server *s, bool is_write)
{
    return server_exec(s, is_write ? "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
                                   : "BEGIN ISOLATION LEVEL REPEATABLE READ");
}

enum rc store_copy_server_commit(struct copy_server *s)
{
    return server_exec(s, "COMMIT");
}

/* --- segments to read --------------------------------------------------------------------------------- */

static enum rc note_segment(void *ctx, struct copy_row *row)
{
    struct copy_segments *list = ctx;
    list->at = xrealloc(list->at, (list->count + 1) * sizeof(*list->at));
    list->at[list->count++] =
        (struct copy_segment){ row->at[0].number, row->at[1].number, row->at[2].number };
    return RC_OK;
}

static enum rc drop_empty(struct copy_side *side, struct copy_segments *list)
{
    char sql[512];
    size_t kept = 0;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < list->count; i++) {
        int64_t n = list->at[i].start, rows;
        (void)snprintf(sql, sizeof sql,
                       "SELECT CAST(EXISTS (SELECT 1 FROM message_%" PRId64
                       ") OR EXISTS (SELECT 1 FROM request_%" PRId64
                       ") OR EXISTS (SELECT 1 FROM filter_run_%" PRId64 ") AS int)",
                       n, n, n);
        rc = store_copy_number(side, sql, &rows);
        if (rows > 0)
            list->at[kept++] = list->at[i];
    }
    list->count = kept;
    return rc;
}

enum rc store_copy_server_segments(struct copy_server *s, struct copy_segments *out)
{
    struct copy_side side = store_copy_server_side(s);
    *out = (struct copy_segments){ 0 };
    enum rc rc = store_copy_each(
        &side, "SELECT n, first_k, end_k FROM segment WHERE state = 1 ORDER BY first_k", "lll",
        note_segment, out);
    return rc == RC_OK ? drop_empty(&side, out) : rc;
}

/* --- what nothing was written of ---------------------------------------------------------------------- */

/* k, app, created, deliver_at, endpoints */
static enum rc add_candidates(void *ctx, struct copy_row *message)
{
    struct copy_sink *sink = ctx;
    struct copy_row row = { .count = 4 };
    int64_t k = message->at[0].number, endpoint;
    int64_t wait_us = message->at[3].number - message->at[2].number;
    bool is_delayed = message->at[3].number > 0 && wait_us > 0;
    struct str endpoints = message->at[4].bytes;
    enum rc rc = RC_OK;
    row.at[1].number = k;
    row.at[2] = message->at[1];
    row.at[3].number = store_key_time_us(k) + (is_delayed ? wait_us : 0);
    while (rc == RC_OK && store_endpoints_next(&endpoints, &endpoint)) {
        row.at[0].number = endpoint;
        rc = store_copy_sink_put(sink, &row);
    }
    return rc;
}

/* An endpoint that a message names twice has one delivery. */
static const char keep_unresolved[] =
    "INSERT INTO unresolved SELECT DISTINCT ON (c.endpoint, c.msg) c.endpoint, c.msg, c.app, c.due FROM candidate c"
    " WHERE NOT EXISTS (SELECT 1 FROM waiting w WHERE w.endpoint = c.endpoint AND w.msg = c.msg)"
    " AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.msg = c.msg AND a.endpoint = c.endpoint);"
    "ANALYZE unresolved";

enum rc store_copy_server_unresolved(struct copy_server *s)
{
    struct copy_side side = store_copy_server_side(s);
    struct copy_sink sink;
    enum rc rc = server_exec(s, "CREATE TEMP TABLE candidate(LIKE unresolved)");
    if (rc != RC_OK)
        return rc;
    store_copy_sink_init(&sink, &side, "candidate", "endpoint, msg, app, due", "llll");
    rc = store_copy_each(&side,
                         "SELECT k, app, created, deliver_at, endpoints FROM message WHERE k >="
                         " (SELECT coalesce(min(cursor_k), 9223372036854775807) FROM node_beat)",
                         "llllb", add_candidates, &sink);
    if (rc == RC_OK)
        rc = store_copy_sink_end(&sink);
    store_copy_sink_fini(&sink);
    return rc == RC_OK ? server_exec(s, keep_unresolved) : rc;
}

/* --- one to make -------------------------------------------------------------------------------------- */

static enum rc refuse_tables(struct copy_server *s)
{
    int64_t count;
    char *name = NULL;
    enum rc rc = server_ask(s,
                            "SELECT count(*) OVER (), CAST(relname AS text) FROM pg_class"
                            " WHERE relnamespace = CAST(current_schema() AS regnamespace)"
                            " AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')"
                            " AND oid NOT IN (SELECT objid FROM pg_depend WHERE deptype = 'e')"
                            " ORDER BY relname LIMIT 1",
                            &count, &name);
    if (rc == RC_OK && name != NULL) {
        buf_say(s->why,
                "there are tables in this database already, %s among them: copy into one that is "
                "empty (createdb)",
                name);
        rc = RC_CONFLICT;
    }
    xfree(name);
    return rc;
}

static enum rc make_config_tables(struct copy_server *s)
{
    struct db *db;
    enum rc rc = db_connect(s->url, NULL, &db, s->why);
    if (rc != RC_OK)
        return rc;
    rc = store_migrate(db, store_config_migrations, store_config_migration_count, s->o->clock,
                       "the database", s->why);
    db_close(db);
    return rc;
}

/* The mark comes first: what was cut off after it is gone on with, and nobody takes it for a store. */
static enum rc begin_copy(struct copy_server *s, const char *identity)
{
    struct buf sql;
    enum rc rc = refuse_tables(s);
    if (rc != RC_OK)
        return rc;
    buf_init(&sql, SQL_MAX);
    buf_say(&sql,
            "BEGIN; CREATE TABLE " STORE_COPY_MARK "(n bigint PRIMARY KEY, what text NOT NULL);"
            "INSERT INTO " STORE_COPY_MARK "(n, what) VALUES(%d, '%s'); COMMIT",
            (int)MARK, identity);
    rc = server_exec(s, sql.ptr);
    buf_fini(&sql);
    return rc;
}

static enum rc check_mark(struct copy_server *s, const char *identity)
{
    int64_t number;
    char *begun = NULL;
    enum rc rc =
        server_ask(s, "SELECT n, what FROM " STORE_COPY_MARK " WHERE n = 0", &number, &begun);
    if (rc == RC_OK && (begun == NULL || strcmp(begun, identity) != 0)) {
        buf_say(s->why,
                "a copy of another store was begun in this database: choose another, or make "
                "it anew (dropdb, createdb)");
        rc = RC_CONFLICT;
    }
    xfree(begun);
    return rc;
}

enum rc store_copy_server_make(struct copy_server *s, const char *identity)
{
    bool is_begun;
    enum rc rc = server_connect(s);
    if (rc == RC_OK)
        rc = server_has_table(s, STORE_COPY_MARK, &is_begun);
    if (rc == RC_OK)
        rc = is_begun ? check_mark(s, identity) : begin_copy(s, identity);
    if (rc == RC_OK)
        rc = store_postgres_schema_make(&s->conn, s->why);
    if (rc == RC_OK)
        rc = make_config_tables(s);
    return rc == RC_OK ? check_version(s) : rc;
}

enum rc store_copy_server_has(struct copy_server *s, int64_t n)
{
    char sql[96];
    int64_t count;
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM " STORE_COPY_MARK " WHERE n = %" PRId64,
                   n);
    enum rc rc = server_ask(s, sql, &count, NULL);
    return rc == RC_OK && count > 0 ? RC_CONFLICT : rc;
}

enum rc store_copy_server_tables(struct copy_server *s, int64_t n)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    for (size_t i = 0; i < COUNT_OF(flowing); i++)
        buf_say(&sql, "CREATE TABLE %s_%" PRId64 "(LIKE %s INCLUDING ALL EXCLUDING INDEXES);",
                flowing[i], n, flowing[i]);
    enum rc rc = server_exec(s, sql.ptr);
    buf_fini(&sql);
    return rc;
}

enum rc store_copy_server_attach(struct copy_server *s, int64_t n, const struct copy_segment *seg)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    for (size_t i = 0; i < COUNT_OF(flowing); i++)
        buf_say(&sql,
                "ALTER TABLE %s ATTACH PARTITION %s_%" PRId64 " FOR VALUES FROM (%" PRId64
                ") TO (%" PRId64 "); ANALYZE %s_%" PRId64 ";",
                flowing[i], flowing[i], n, seg->first_k, seg->end_k, flowing[i], n);
    buf_say(&sql,
            "INSERT INTO segment(n, first_k, end_k, state) VALUES(%" PRId64 ", %" PRId64
            ", %" PRId64 ", 1)",
            n, seg->first_k, seg->end_k);
    enum rc rc = server_exec(s, sql.ptr);
    buf_fini(&sql);
    return rc;
}

enum rc store_copy_server_done(struct copy_server *s, int64_t n)
{
    char sql[96];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO " STORE_COPY_MARK "(n, what) VALUES(%" PRId64 ", 'segment')", n);
    return server_exec(s, sql);
}

enum rc store_copy_server_finish(struct copy_server *s)
{
    return server_exec(s, "DROP TABLE " STORE_COPY_MARK);
}
