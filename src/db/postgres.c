/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections to PostgreSQL. libpq never blocks here: what was sent is waited for with a deadline of our own,
 * because TCP's do not help when an answer is swallowed and the connection stays open.
 */
#include "db/dial.h"
#include "db/postgres_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_US = 35000000, CONNECT_US = 10000000, HOST_US = 2000000, VERSION_MIN = 140000 };

/* --- errors --------------------------------------------------------------------------------------- */

/* On one line: it goes into logs. */
static void keep_error(struct postgres *db, const char *words)
{
    size_t len = strlen(words);
    while (len > 0 && (words[len - 1] == '\n' || words[len - 1] == ' '))
        len--;
    xfree(db->error);
    db->error = xcalloc(1, len + 1);
    for (size_t i = 0; i < len; i++)
        db->error[i] = (char)(words[i] == '\n' || words[i] == '\t' ? ' ' : words[i]);
}

static enum rc connection_lost(struct postgres *db, const char *words)
{
    db->base.is_stale = true;
    keep_error(db, words);
    return RC_IO;
}

/* Codes of appendix A of PostgreSQL's manual, by class where the class is enough. */
static enum rc rc_of_state(const char *state)
{
    static const struct {
        const char *begin;
        enum rc rc;
    } codes[] = {
        { "23", RC_CONFLICT },     /* a constraint */
        { "40", RC_BUSY },         /* a serialization failure, a deadlock */
        { "55P03", RC_BUSY },      /* a lock that was not had in time */
        { "53100", RC_LIMIT },     /* the disk is full */
        { "42P01", RC_NOT_FOUND }, /* no such table: a partition that was dropped */
        { "42", RC_CORRUPT },      /* a schema that is not ours */
        { "22", RC_CORRUPT },      /* a value that a function or a column cannot take */
        { "XX001", RC_CORRUPT },   { "XX002", RC_CORRUPT },
    };
    for (size_t i = 0; state != NULL && i < COUNT_OF(codes); i++)
        if (strncmp(state, codes[i].begin, strlen(codes[i].begin)) == 0)
            return codes[i].rc;
    return RC_IO;
}

enum rc db_postgres_failed(struct postgres *db, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    enum rc rc = rc_of_state(state);
    bool is_ended = state != NULL && (strncmp(state, "57P0", 4) == 0 ||
                                      strncmp(state, "08", 2) == 0 || strcmp(state, "25006") == 0);
    if (is_ended || PQstatus(db->conn) == CONNECTION_BAD)
        db->base.is_stale = true; /* shut down, or a standby now */
    keep_error(db, PQresultErrorMessage(result));
    return rc;
}

static const char *postgres_error(struct db *any)
{
    const struct postgres *db = postgres_of(any);
    return db->error == NULL ? "" : db->error;
}

/* --- waiting -------------------------------------------------------------------------------------- */

static bool wait_for(const struct postgres *db, short events, int64_t until_us)
{
    struct pollfd p = { .fd = PQsocket(db->conn), .events = events };
    int64_t left_us = until_us - clock_mono_us(clock_system());
    if (p.fd < 0 || left_us <= 0)
        return false;
    int n = poll(&p, 1, (int)(left_us / 1000) + 1);
    return n > 0 || (n < 0 && errno == EINTR);
}

/* Both ends can wait for each other with full buffers: so answers are taken in while a request is still going out. */
PGresult *db_postgres_next_result(struct postgres *db)
{
    int64_t until_us = clock_mono_us(clock_system()) + db->answer_us;
    while (!db->base.is_stale) {
        int unsent = PQflush(db->conn);
        if (unsent == 0 && PQisBusy(db->conn) == 0)
            return PQgetResult(db->conn);
        if (unsent < 0 ||
            !wait_for(db, (short)(unsent > 0 ? POLLIN | POLLOUT : POLLIN), until_us)) {
            (void)connection_lost(db, unsent < 0 ? PQerrorMessage(db->conn)
                                                 : "the server has not answered in time");
        } else if (PQconsumeInput(db->conn) == 0) {
            (void)connection_lost(db, PQerrorMessage(db->conn));
        }
    }
    return NULL;
}

static bool is_error(const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY;
}

enum rc db_postgres_finish(struct postgres *db, PGresult **last)
{
    enum rc rc = RC_OK;
    PGresult *r;
    while ((r = db_postgres_next_result(db)) != NULL) {
        if (rc == RC_OK && is_error(r))
            rc = db_postgres_failed(db, r);
        if (last == NULL) {
            PQclear(r);
            continue;
        }
        PQclear(*last);
        *last = r;
    }
    return db->base.is_stale && rc == RC_OK ? RC_IO : rc;
}

static enum rc postgres_exec(struct db *any, const char *sql)
{
    struct postgres *db = postgres_of(any);
    if (db->base.is_stale)
        return RC_IO;
    if (PQsendQuery(db->conn, sql) == 0)
        return connection_lost(db, PQerrorMessage(db->conn));
    return db_postgres_finish(db, NULL);
}

/* --- functions ------------------------------------------------------------------------------------ */

static enum rc postgres_function(struct db *any, const char *name, int arg_count,
                                 const struct db_function *f)
{
    struct postgres *db = postgres_of(any);
    db->functions = xrealloc(db->functions, (db->function_count + 1) * sizeof(*db->functions));
    db->functions[db->function_count++] =
        (struct postgres_function){ xmemdup(name, strlen(name) + 1), arg_count, *f };
    return RC_OK;
}

/* ":<integer>" */
static bool read_arg(const char **text, int64_t *out)
{
    char *end;
    if (**text != ':')
        return false;
    *out = strtoll(*text + 1, &end, 10);
    bool is_read = end != *text + 1;
    *text = end;
    return is_read;
}

static void call_function(const struct postgres_function *f, const char *text)
{
    int64_t args[DB_FUNCTION_ARGS_MAX] = { 0 };
    for (int i = 0; i < f->arg_count; i++)
        if (!read_arg(&text, &args[i]))
            return;
    if (f->f.fn != NULL)
        f->f.fn(f->f.ctx, args);
    else
        f->f.text_fn(f->f.ctx, args, *text == ':' ? str_from(text + 1) : STR_NONE);
}

static void take_notice(void *ctx, const PGresult *r)
{
    static const char mark[] = "grapnel:";
    const struct postgres *db = ctx;
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    if (text == NULL || strncmp(text, mark, sizeof(mark) - 1) != 0)
        return; /* PostgreSQL's own are for people who type */
    text += sizeof(mark) - 1;
    for (size_t i = 0; i < db->function_count; i++) {
        size_t len = strlen(db->functions[i].name);
        if (strncmp(text, db->functions[i].name, len) == 0 && text[len] == ':')
            call_function(&db->functions[i], text + len);
    }
}

/* --- transactions --------------------------------------------------------------------------------- */

static void postgres_rollback(struct db *any)
{
    struct postgres *db = postgres_of(any);
    db->is_writing = false;
    if (!db->base.is_stale && PQtransactionStatus(db->conn) != PQTRANS_IDLE &&
        postgres_exec(any, "ROLLBACK") != RC_OK)
        db->base.is_stale = true;
}

/* An operator's default_transaction_isolation must not change what a transaction sees. */
static enum rc postgres_begin(struct db *any, bool write)
{
    enum rc rc = postgres_exec(any, write ? "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
                                          : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    if (rc != RC_OK)
        postgres_rollback(any);
    postgres_of(any)->is_writing = rc == RC_OK && write;
    return rc;
}

/* COMMIT of a transaction that has failed is answered by ROLLBACK, which is no error. */
static enum rc postgres_commit(struct db *any)
{
    struct postgres *db = postgres_of(any);
    PGresult *r = NULL;
    enum rc rc = RC_IO;
    if (!db->base.is_stale && PQsendQuery(db->conn, "COMMIT") == 1)
        rc = db_postgres_finish(db, &r);
    else
        (void)connection_lost(db, PQerrorMessage(db->conn));
    if (rc == RC_OK && (r == NULL || strcmp(PQcmdStatus(r), "COMMIT") != 0)) {
        keep_error(db, "the transaction had failed before, and was undone");
        rc = RC_IO;
    }
    PQclear(r);
    if (rc != RC_OK)
        postgres_rollback(any);
    db->is_writing = false;
    return rc;
}

static int64_t postgres_changes(struct db *any)
{
    return postgres_of(any)->changes;
}

static void postgres_close(struct db *any)
{
    struct postgres *db = postgres_of(any);
    for (size_t i = 0; i < db->function_count; i++)
        xfree(db->functions[i].name);
    xfree(db->functions);
    xfree(db->error);
    PQfinish(db->conn);
}

static const struct db_engine postgres_engine = {
    .close = postgres_close,
    .error = postgres_error,
    .stmt_new = db_postgres_stmt_new,
    .stmt_free = db_postgres_stmt_free,
    .stmt_ready = db_postgres_stmt_ready,
    .bind_int = db_postgres_bind_int,
    .bind_text = db_postgres_bind_text,
    .bind_blob = db_postgres_bind_bytes,
    .bind_null = db_postgres_bind_null,
    .step = db_postgres_step,
    .reset = db_postgres_reset,
    .column_int = db_postgres_column_int,
    .column_bytes = db_postgres_column_bytes,
    .column_is_null = db_postgres_column_is_null,
    .function = postgres_function,
    .exec = postgres_exec,
    .begin = postgres_begin,
    .commit = postgres_commit,
    .rollback = postgres_rollback,
    .changes = postgres_changes,
};

/* --- connecting ----------------------------------------------------------------------------------- */

static bool finish_connecting(struct postgres *db, int64_t until_us)
{
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
        if (!wait_for(db, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_us)) {
            keep_error(db, "the server has not answered in time");
            return false;
        }
        status = PQconnectPoll(db->conn);
    }
    if (status == PGRES_POLLING_FAILED)
        keep_error(db, PQerrorMessage(db->conn));
    return status == PGRES_POLLING_OK;
}

static enum rc check_server(const struct postgres *db, struct buf *why)
{
    int version = PQserverVersion(db->conn);
    const char *encoding = PQparameterStatus(db->conn, "server_encoding");
    if (version < VERSION_MIN) {
        buf_say(why, "the database is PostgreSQL %d, and Grapnel needs 14 or later: upgrade it",
                version / 10000);
        return RC_INVALID;
    }
    if (encoding != NULL && strcmp(encoding, "UTF8") != 0) {
        buf_say(why,
                "the database keeps texts as %s, and Grapnel needs UTF8: make one with "
                "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0",
                encoding);
        return RC_INVALID;
    }
    return RC_OK;
}

enum rc db_check_url(const char *url, struct buf *why)
{
    char *words = NULL;
    PQconninfoOption *parsed = PQconninfoParse(url, &words);
    if (parsed == NULL) /* its words would show the URL, with the password in it */
        buf_say(why, " is no URL of a PostgreSQL database: write "
                     "postgresql://user@host:5432/database, with what is special in it as %%XX");
    PQfreemem(words);
    PQconninfoFree(parsed);
    return parsed == NULL ? RC_INVALID : RC_OK;
}

static bool connect_to(struct postgres *db, const char *url, const struct db_host *host,
                       int64_t patience_us)
{
    struct db_dial dial;
    db_dial_fill(&dial, url, host);
    PQfinish(db->conn);
    db->conn = PQconnectStartParams(dial.names, dial.values, 1);
    if (db->conn == NULL)
        return false;
    if (PQstatus(db->conn) == CONNECTION_BAD) {
        keep_error(db, PQerrorMessage(db->conn));
        return false;
    }
    return finish_connecting(db, clock_mono_us(clock_system()) + patience_us);
}

/* Of several hosts, the first that is there and takes writes. */
static bool connect_to_any(struct postgres *db, const char *url)
{
    struct db_host hosts[DB_HOSTS_MAX];
    size_t count = db_hosts(url, hosts);
    if (count == 0)
        return connect_to(db, url, NULL, CONNECT_US);
    for (size_t i = 0; i < count; i++)
        if (connect_to(db, url, &hosts[i], HOST_US))
            return true;
    return false;
}

enum rc db_connect(const char *url, const struct db_server_options *o, struct db **out,
                   struct buf *why)
{
    if (db_check_url(url, NULL) != RC_OK) {
        buf_say(why, "this");
        return db_check_url(url, why);
    }
    enum rc rc;
    struct postgres *db = db_new(sizeof(struct postgres), &postgres_engine);
    db->answer_us = o != NULL && o->answer_us > 0 ? o->answer_us : ANSWER_US;
    rc = connect_to_any(db, url) ? RC_OK : RC_IO;
    if (rc == RC_OK) {
        (void)PQsetnonblocking(db->conn, 1);
        (void)PQsetNoticeReceiver(db->conn, take_notice, db);
        rc = postgres_exec(&db->base, db_session_settings);
    }
    if (rc != RC_OK)
        buf_say(why, "the database cannot be had: %s", postgres_error(&db->base));
    else
        rc = check_server(db, why);
    if (rc != RC_OK) {
        db_close(&db->base);
        return rc;
    }
    *out = &db->base;
    return RC_OK;
}
