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

enum {
    ANSWER_US = 35000000,
    BEGIN_US = 5000000,
    CONNECT_US = 10000000,
    HOST_US = 2000000,
    VERSION_MIN = 140000
};

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
            if (unsent >= 0)
                db_primary_doubt(db->primary);
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

enum rc db_postgres_confirmed(struct postgres *db, enum rc rc)
{
    if (db->is_unconfirmed)
        (void)connection_lost(db, db_unconfirmed);
    db->is_unconfirmed = false;
    return db->base.is_stale && rc == RC_OK ? RC_IO : rc;
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
    return db_postgres_confirmed(db, rc);
}

static enum rc exec_alone(struct postgres *db, const char *sql)
{
    if (db->base.is_stale)
        return RC_IO;
    if (PQsendQuery(db->conn, sql) == 0)
        return connection_lost(db, PQerrorMessage(db->conn));
    return db_postgres_finish(db, NULL);
}

/* What is sent together is one transaction, unless it says otherwise. */
static enum rc exec_both(struct postgres *db, const char *first, const char *second)
{
    struct buf both;
    buf_init(&both, strlen(first) + strlen(second) + 3);
    buf_say(&both, "%s; %s", first, second);
    enum rc rc = exec_alone(db, both.ptr);
    buf_fini(&both);
    return rc;
}

bool db_postgres_lacks_settings(const struct postgres *db)
{
    return db->is_pooled && PQtransactionStatus(db->conn) == PQTRANS_IDLE;
}

static enum rc postgres_exec(struct db *any, const char *sql)
{
    struct postgres *db = postgres_of(any);
    return db_postgres_lacks_settings(db) ? exec_both(db, db_transaction_settings, sql)
                                          : exec_alone(db, sql);
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
    struct postgres *db = ctx;
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    db->is_unconfirmed = db->is_unconfirmed || db_notice_is_unconfirmed(r);
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

/* Behind a pooler this is where a session is waited for: nothing else of it takes long. */
static enum rc begin_pooled(struct postgres *db, const char *sql, bool write)
{
    int64_t answer_us = db->answer_us;
    db->answer_us = answer_us < BEGIN_US ? answer_us : BEGIN_US;
    enum rc rc = exec_both(db, sql, write ? db_transaction_settings : db_reading_settings);
    db->answer_us = answer_us;
    return rc;
}

/* An operator's default_transaction_isolation must not change what a transaction sees. */
static enum rc begin_with(struct db *any, const char *sql, bool write)
{
    struct postgres *db = postgres_of(any);
    enum rc rc = db->is_pooled ? begin_pooled(db, sql, write) : exec_alone(db, sql);
    if (rc != RC_OK)
        postgres_rollback(any);
    db->is_writing = rc == RC_OK && write;
    return rc;
}

static enum rc postgres_begin(struct db *any, bool write)
{
    return begin_with(any,
                      write ? "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
                            : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                      write);
}

enum rc db_begin_repeatable(struct db *any)
{
    return begin_with(any, "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE", true);
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

#define OPTIONS_REMEDY \
    "leave \"options\" out of store.url, and PGOPTIONS out of the environment, and set what they " \
    "set by ALTER ROLE ... SET"

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

static void say_unreachable(const struct postgres *db, struct buf *why)
{
    const char *error = db->error == NULL ? "" : db->error;
    buf_say(why, "the database cannot be had: %s", error);
    if (strstr(error, "unsupported startup parameter") != NULL)
        buf_say(why, ": a pooler passes no options on; " OPTIONS_REMEDY);
}

/* What it would break is found now, and not by the first message: settings that never arrive, and transactions that are
 * taken apart. */
static enum rc check_pooler(struct postgres *db, struct buf *why)
{
    if (PQoptions(db->conn)[0] != '\0') {
        buf_say(why, "there is a pooler in front of the database, behind which \"options\" do not "
                     "last: " OPTIONS_REMEDY);
        return RC_INVALID;
    }
    enum rc rc = postgres_begin(&db->base, false);
    if (rc == RC_OK)
        rc = postgres_commit(&db->base);
    if (rc != RC_OK)
        buf_say(why,
                "the pooler in front of the database gives no transaction: %s; if its pool_mode is "
                "statement, set pool_mode to transaction",
                postgres_error(&db->base));
    return rc;
}

bool db_is_pooled(const struct db *any)
{
    return db_is_postgres(any) && ((const struct postgres *)(const void *)any)->is_pooled;
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

/* A pooler is connected to without the database being there: so this belongs to the patience for a host. */
static bool set_up(struct postgres *db, int64_t until_us, int64_t *timeline)
{
    char sql[DB_SESSION_SQL];
    PGresult *r = NULL;
    int64_t answer_us = db->answer_us;
    (void)PQsetnonblocking(db->conn, 1);
    (void)PQsetNoticeReceiver(db->conn, take_notice, db);
    db_session_sql(PQbackendPID(db->conn), db->has_hosts, sql);
    db->base.is_stale = db->is_pooled = false;
    int64_t left_us = until_us - clock_mono_us(clock_system());
    db->answer_us = answer_us < left_us ? answer_us : left_us;
    enum rc rc = PQsendQuery(db->conn, sql) == 1 ? db_postgres_finish(db, &r)
                                                 : connection_lost(db, PQerrorMessage(db->conn));
    db->answer_us = answer_us;
    bool has_row = rc == RC_OK && PQntuples(r) == 1 && PQnfields(r) >= 3;
    if (rc == RC_OK && (!has_row || PQgetvalue(r, 0, 1)[0] != 't')) {
        keep_error(db, "it takes no writes: it is a standby, or set to be read only");
        rc = RC_IO;
    }
    db->is_pooled = has_row && PQgetvalue(r, 0, 0)[0] != 't';
    *timeline = has_row ? strtoll(PQgetvalue(r, 0, 2), NULL, 10) : 0;
    if (rc == RC_OK && !db_primary_is(db->primary, *timeline)) {
        keep_error(db, db_primary_is_old);
        rc = RC_IO;
    }
    PQclear(r);
    return rc == RC_OK;
}

static bool dial_host(struct postgres *db, const char *url, const struct db_host *host,
                      bool takes_standby, int64_t until_us)
{
    struct db_dial dial;
    db_dial_fill(&dial, url, host, takes_standby);
    PQfinish(db->conn);
    db->conn = PQconnectStartParams(dial.names, dial.values, 1);
    if (db->conn == NULL)
        return false;
    if (PQstatus(db->conn) == CONNECTION_BAD) {
        keep_error(db, PQerrorMessage(db->conn));
        return false;
    }
    return finish_connecting(db, until_us);
}

struct connecting {
    struct postgres *db;
    const char *url;
};

static bool connect_to(void *ctx, const struct db_host *host, int64_t *timeline)
{
    const struct connecting *to = ctx;
    struct postgres *db = to->db;
    int64_t until_us = clock_mono_us(clock_system()) + (host == NULL ? CONNECT_US : HOST_US);
    db->has_hosts = host != NULL;
    bool is_there = dial_host(db, to->url, host, false, until_us);
    if (!is_there && db_dial_was_standby(postgres_error(&db->base)))
        is_there = dial_host(db, to->url, host, true, until_us);
    return is_there && set_up(db, until_us, timeline);
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
    db->primary = db_primary_id(url);
    rc = db_dial_primary(url, connect_to, &(struct connecting){ db, url }) ? RC_OK : RC_IO;
    if (rc == RC_OK)
        rc = check_server(db, why);
    else
        say_unreachable(db, why);
    if (rc == RC_OK && db->is_pooled)
        rc = check_pooler(db, why);
    if (rc != RC_OK) {
        db_close(&db->base);
        return rc;
    }
    *out = &db->base;
    return RC_OK;
}
