/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection to PostgreSQL, and how its answers are waited for.
 */
#pragma once

#include <libpq-fe.h>

#include "db/db_priv.h"

struct postgres {
    struct db base;
    PGconn *conn;
    int64_t answer_us;
    bool is_pooled;  /* each transaction may be another session (db/dial.h) */
    bool is_writing;     /* in a transaction that may write */
    bool is_unconfirmed; /* the standby did not confirm what the answer under way says is done */
    bool has_hosts;      /* its URL names several */
    uint64_t primary;    /* db_primary_id() of its URL */
    int64_t name_count;
    int64_t changes; /* of the last statement */
    char *error;     /* of the last failure; owned */
    struct postgres_function *functions;
    size_t function_count;
};

struct postgres_function {
    char *name;
    int arg_count;
    struct db_function f;
};

static inline struct postgres *postgres_of(struct db *db)
{
    return (struct postgres *)db;
}

/* The next result of what was sent; NULL when there is none, as PQgetResult(). A server that does not answer in time,
 * or a lost connection: NULL, and the connection is stale. */
PGresult *db_postgres_next_result(struct postgres *db);

/* Reads all results of what was sent. The first that is an error is kept as db_error() and told by its rc; else *last
 * is the last with rows or a count, for PQclear(). */
enum rc db_postgres_finish(struct postgres *db, PGresult **last);

/* After all results of what was sent: RC_IO, and the connection is lost, if a commit among it was not confirmed (db/dial.h). */
enum rc db_postgres_confirmed(struct postgres *db, enum rc rc);

/* Behind a pooler, and what comes next begins a transaction: db_transaction_settings go before it. */
bool db_postgres_lacks_settings(const struct postgres *db);

/* Keeps an error's words, and says what it means. */
enum rc db_postgres_failed(struct postgres *db, const PGresult *result);

/* Statements (postgres_stmt.c). */
struct db_stmt *db_postgres_stmt_new(struct db *db, const char *sql);
void db_postgres_stmt_free(struct db_stmt *s);
void db_postgres_stmt_ready(struct db_stmt *s);
void db_postgres_bind_int(struct db_stmt *s, int at, int64_t value);
void db_postgres_bind_text(struct db_stmt *s, int at, struct str value);
void db_postgres_bind_bytes(struct db_stmt *s, int at, struct str value);
void db_postgres_bind_null(struct db_stmt *s, int at);
bool db_postgres_step(struct db_stmt *s, enum rc *rc);
void db_postgres_reset(struct db_stmt *s);
int64_t db_postgres_column_int(struct db_stmt *s, int column);
struct str db_postgres_column_bytes(struct db_stmt *s, int column);
bool db_postgres_column_is_null(struct db_stmt *s, int column);
