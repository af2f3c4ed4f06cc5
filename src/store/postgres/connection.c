/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/connection_priv.h.
 */
#include "store/postgres/connection_priv.h"

#include "db/dial.h"

#include <poll.h>
#include <stdio.h>

static int64_t conn_now_us(void)
{
    return clock_mono_us(clock_system());
}

/* --- failing ------------------------------------------------------------------------------------------- */

static void conn_say(struct postgres_conn *c, const char *words)
{
    size_t len = strcspn(words, "\r\n");
    (void)snprintf(c->words, sizeof c->words, "%.*s",
                   (int)(len < sizeof c->words ? len : sizeof c->words - 1), words);
}

static void conn_finish(struct postgres_conn *c)
{
    PQfinish(c->pg);
    c->pg = NULL;
    for (size_t i = 0; i < c->statement_count; i++)
        xfree(c->statements[i].sql);
    c->statement_count = c->unread_count = c->unread_first = 0;
}

static void conn_lose(struct postgres_conn *c, const char *words)
{
    activity_moved();
    if (c->rc == RC_OK)
        conn_say(c, words);
    c->rc = RC_IO;
    c->is_lost = true;
    conn_finish(c);
}

static bool state_starts(const struct postgres_conn *c, const char *prefix)
{
    return strncmp(c->state, prefix, strlen(prefix)) == 0;
}

static enum rc rc_of_state(const struct postgres_conn *c)
{
    static const struct {
        const char *prefix;
        enum rc rc;
    } kinds[] = {
        { "23505", RC_CONFLICT },  { "23514", RC_NOT_FOUND }, /* no partition takes the row */
        { "42P01", RC_NOT_FOUND },                            /* no such table */
        { "40", RC_BUSY },         { "55", RC_BUSY },         { "57014", RC_BUSY },
        { "53300", RC_IO },        { "53", RC_LIMIT },        { "22", RC_CORRUPT },
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (state_starts(c, kinds[i].prefix))
            return kinds[i].rc;
    return RC_IO;
}

/* Only the first failure of an exchange is of interest: what follows is a consequence. */
static void note_failure(struct postgres_conn *c, const PGresult *r)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    if (c->rc != RC_OK)
        return;
    (void)snprintf(c->state, sizeof c->state, "%s", state == NULL ? "" : state);
    conn_say(c, PQresultErrorMessage(r));
    c->rc = rc_of_state(c);
    /* The server ended the session, or is about to. */
    c->is_lost = PQstatus(c->pg) == CONNECTION_BAD || state_starts(c, "08") ||
                 state_starts(c, "57P") || state_starts(c, "25P03") ||
                 state_starts(c, "25006") || /* a standby now */
                 c->state[0] == '\0';
}

static bool is_fine(const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
}

/* --- opening ------------------------------------------------------------------------------------------ */

static void take_notice(void *ctx, const PGresult *r)
{
    struct postgres_conn *c = ctx;
    c->is_unconfirmed = c->is_unconfirmed || db_notice_is_unconfirmed(r);
}

/* It is the same as a connection that broke during the commit: the writers send it again, and wait for the standby then. */
static void check_confirmed(struct postgres_conn *c)
{
    if (c->is_unconfirmed && c->pg != NULL)
        conn_lose(c, db_unconfirmed);
    c->is_unconfirmed = false;
}

void store_postgres_conn_init(struct postgres_conn *c, const char *url)
{
    *c = (struct postgres_conn){ .url = url, .answer_us = POSTGRES_ANSWER_US };
}

void store_postgres_conn_close(struct postgres_conn *c)
{
    conn_finish(c);
}

static void exchange_begin(struct postgres_conn *c)
{
    activity_moved(); /* each exchange has its time, and an end */
    c->rc = RC_OK;
    c->is_lost = false;
    c->state[0] = c->words[0] = '\0';
    c->deadline_us = conn_now_us() + c->answer_us;
    if (c->pg == NULL)
        conn_lose(c, "there is no connection to the database");
}

/* A pooler is connected to without the database being there: so this is where it turns out, and not after minutes. */
static bool conn_set_up(struct postgres_conn *c, bool has_hosts, int64_t *timeline)
{
    PGresult *r;
    char sql[DB_SESSION_SQL];
    int64_t answer_us = c->answer_us;
    db_session_sql(PQbackendPID(c->pg), has_hosts, sql);
    c->is_pooled = c->is_unconfirmed = false;
    c->answer_us = POSTGRES_ANSWER_US;
    enum rc rc = store_postgres_query(c, sql, NULL, &r);
    c->answer_us = answer_us;
    if (rc == RC_OK) {
        c->is_pooled = store_postgres_int(r, 0, 0) == 0;
        if (store_postgres_int(r, 0, 1) == 0)
            conn_lose(c, "the database takes no writes: it is a standby, or set to be read only");
        *timeline = store_postgres_int(r, 0, 2);
        if (!db_primary_is(db_primary_id(c->url), *timeline))
            conn_lose(c, db_primary_is_old);
        PQclear(r);
    }
    return c->rc == RC_OK;
}

static PGconn *conn_dial(const char *url, const struct db_host *host, bool takes_standby)
{
    struct db_dial dial;
    db_dial_fill(&dial, url, host, takes_standby);
    return PQconnectdbParams(dial.names, dial.values, 1);
}

static bool conn_try(void *ctx, const struct db_host *host, int64_t *timeline)
{
    struct postgres_conn *c = ctx;
    conn_finish(c);
    activity_moved();
    c->rc = RC_OK;
    c->pg = conn_dial(c->url, host, false);
    if (c->pg != NULL && db_dial_was_standby(PQerrorMessage(c->pg))) {
        PQfinish(c->pg);
        c->pg = conn_dial(c->url, host, true);
    }
    if (c->pg == NULL || PQstatus(c->pg) != CONNECTION_OK || PQsetnonblocking(c->pg, 1) != 0) {
        conn_lose(c, c->pg == NULL ? "out of memory" : PQerrorMessage(c->pg));
        return false;
    }
    (void)PQsetNoticeReceiver(c->pg, take_notice, c);
    return conn_set_up(c, host != NULL, timeline);
}

enum rc store_postgres_conn_open(struct postgres_conn *c)
{
    if (c->pg != NULL && PQstatus(c->pg) == CONNECTION_OK)
        return RC_OK;
    bool is_open = db_dial_primary(c->url, conn_try, c);
    if (!is_open)
        conn_finish(c);
    return is_open ? RC_OK : RC_IO;
}

/* --- waiting ------------------------------------------------------------------------------------------ */

/* False: lost. Both ways at once: with a large group both ends may have full sockets. */
static bool wait_for_server(struct postgres_conn *c)
{
    int unsent = PQflush(c->pg);
    int64_t left_us = c->deadline_us - conn_now_us();
    if (unsent < 0) {
        conn_lose(c, PQerrorMessage(c->pg));
        return false;
    }
    struct pollfd p = { .fd = PQsocket(c->pg),
                        .events = (short)(unsent > 0 ? POLLIN | POLLOUT : POLLIN) };
    if (left_us <= 0 || poll(&p, 1, (int)(left_us / 1000) + 1) == 0) {
        db_primary_doubt(db_primary_id(c->url));
        conn_lose(c, "the database did not answer in time");
        return false;
    }
    activity_moved();
    if ((p.revents & ~POLLOUT) != 0 && PQconsumeInput(c->pg) == 0) {
        conn_lose(c, PQerrorMessage(c->pg));
        return false;
    }
    return true;
}

/* NULL: the end of one statement's results, or lost. */
static PGresult *next_result(struct postgres_conn *c)
{
    while (c->pg != NULL && PQisBusy(c->pg)) {
        if (!wait_for_server(c))
            return NULL;
    }
    return c->pg == NULL ? NULL : PQgetResult(c->pg);
}

/* --- one at a time ------------------------------------------------------------------------------------- */

/* Reads to the end; the last result that is fine goes to *out. */
static enum rc read_results(struct postgres_conn *c, PGresult **out)
{
    PGresult *r, *kept = NULL;
    while (c->pg != NULL && (r = next_result(c)) != NULL) {
        PQclear(kept);
        kept = NULL;
        if (is_fine(r)) {
            kept = r;
            continue;
        }
        note_failure(c, r);
        PQclear(r);
    }
    check_confirmed(c);
    if (c->is_lost)
        conn_finish(c);
    if (c->rc != RC_OK || out == NULL) {
        PQclear(kept);
        kept = NULL;
    }
    if (out != NULL)
        *out = kept;
    return c->rc;
}

enum rc store_postgres_exec_alone(struct postgres_conn *c, const char *sql)
{
    exchange_begin(c);
    if (c->rc != RC_OK)
        return c->rc;
    if (PQsendQuery(c->pg, sql) == 0) {
        conn_lose(c, PQerrorMessage(c->pg));
        return c->rc;
    }
    return read_results(c, NULL);
}

/* Behind a pooler, and what comes next begins a transaction. */
static bool lacks_settings(const struct postgres_conn *c)
{
    return c->is_pooled && c->pg != NULL && PQtransactionStatus(c->pg) == PQTRANS_IDLE;
}

/* What is sent together is one transaction, unless it says otherwise. */
enum rc store_postgres_exec(struct postgres_conn *c, const char *sql)
{
    struct buf both;
    if (!lacks_settings(c))
        return store_postgres_exec_alone(c, sql);
    buf_init(&both, strlen(db_transaction_settings) + strlen(sql) + 3);
    buf_say(&both, "%s; %s", db_transaction_settings, sql);
    enum rc rc = store_postgres_exec_alone(c, both.ptr);
    buf_fini(&both);
    return rc;
}

static enum rc query_in_pipe(struct postgres_conn *c, const char *sql,
                             const struct postgres_params *params, PGresult **out)
{
    store_postgres_pipe_begin(c);
    store_postgres_pipe_send(c, sql, params);
    store_postgres_pipe_flush(c);
    PGresult *r = store_postgres_pipe_take(c);
    enum rc rc = store_postgres_pipe_end(c);
    if (rc == RC_OK)
        *out = r;
    else
        PQclear(r);
    return rc;
}

enum rc store_postgres_query(struct postgres_conn *c, const char *sql,
                             const struct postgres_params *params, PGresult **out)
{
    static const struct postgres_params none = { 0 };
    const struct postgres_params *p = params == NULL ? &none : params;
    *out = NULL;
    if (lacks_settings(c))
        return query_in_pipe(c, sql, params, out);
    exchange_begin(c);
    if (c->rc != RC_OK)
        return c->rc;
    if (PQsendQueryParams(c->pg, sql, p->count, p->types, p->values, p->lengths, p->formats, 1) ==
        0) {
        conn_lose(c, PQerrorMessage(c->pg));
        return c->rc;
    }
    return read_results(c, out);
}

/* --- pipelines ---------------------------------------------------------------------------------------- */

void store_postgres_pipe_begin(struct postgres_conn *c)
{
    exchange_begin(c);
    c->unread_first = c->unread_count = 0;
    c->needs_settings = lacks_settings(c);
    if (c->rc == RC_OK && PQenterPipelineMode(c->pg) == 0)
        conn_lose(c, PQerrorMessage(c->pg));
}

static void note_unread(struct postgres_conn *c, struct postgres_statement *prepared)
{
    MUST(c->unread_count < POSTGRES_UNREAD_MAX);
    c->unread[(c->unread_first + c->unread_count++) % POSTGRES_UNREAD_MAX] = prepared;
}

static struct postgres_statement *statement_of(struct postgres_conn *c, const char *sql)
{
    for (size_t i = 0; i < c->statement_count; i++)
        if (strcmp(c->statements[i].sql, sql) == 0)
            return &c->statements[i];
    if (c->statement_count == POSTGRES_STATEMENTS_MAX)
        return NULL; /* it goes unprepared */
    struct postgres_statement *s = &c->statements[c->statement_count];
    *s = (struct postgres_statement){ .sql = xstrdup(sql) };
    /* With its first word, for who reads the server's log. */
    (void)snprintf(s->name, sizeof s->name, "%zu_%.*s", c->statement_count++,
                   (int)strcspn(sql, " "), sql);
    return s;
}

static int send_one(struct postgres_conn *c, const char *sql, const struct postgres_params *p)
{
    struct postgres_statement *s = c->is_pooled ? NULL : statement_of(c, sql);
    if (s == NULL)
        return PQsendQueryParams(c->pg, sql, p->count, p->types, p->values, p->lengths, p->formats,
                                 1);
    if (!s->is_there) {
        if (PQsendPrepare(c->pg, s->name, sql, p->count, p->types) == 0)
            return 0;
        note_unread(c, s);
    }
    return PQsendQueryPrepared(c->pg, s->name, p->count, p->values, p->lengths, p->formats, 1);
}

/* Should it fail, the next one does, too. */
static void send_settings(struct postgres_conn *c)
{
    static const struct postgres_params none = { 0 };
    c->needs_settings = false;
    if (send_one(c, db_transaction_settings, &none) != 0)
        note_unread(c, &c->settings);
}

void store_postgres_pipe_send(struct postgres_conn *c, const char *sql,
                              const struct postgres_params *params)
{
    static const struct postgres_params none = { 0 };
    if (c->rc != RC_OK)
        return;
    if (c->needs_settings && strncmp(sql, "BEGIN", 5) != 0)
        send_settings(c);
    if (send_one(c, sql, params == NULL ? &none : params) == 0) {
        conn_lose(c, PQerrorMessage(c->pg));
        return;
    }
    note_unread(c, NULL);
}

void store_postgres_pipe_flush(struct postgres_conn *c)
{
    if (c->rc == RC_OK && (PQsendFlushRequest(c->pg) == 0 || PQflush(c->pg) < 0))
        conn_lose(c, PQerrorMessage(c->pg));
}

/* The one answer of what was sent first; NULL with rc set: it failed. */
static PGresult *take_one(struct postgres_conn *c)
{
    PGresult *r = next_result(c);
    if (r == NULL) {
        if (c->pg != NULL)
            conn_lose(c, "the database did not answer a statement");
        return NULL;
    }
    if (!is_fine(r)) {
        note_failure(c, r);
        PQclear(r);
        if (c->is_lost)
            conn_finish(c);
        return NULL;
    }
    PGresult *end = next_result(c);
    if (end == NULL && c->pg != NULL)
        return r;
    PQclear(end);
    PQclear(r);
    if (c->pg != NULL)
        conn_lose(c, "the database answered a statement twice");
    return NULL;
}

PGresult *store_postgres_pipe_take(struct postgres_conn *c)
{
    while (c->rc == RC_OK) {
        MUST(c->unread_count > 0);
        struct postgres_statement *prepared = c->unread[c->unread_first];
        PGresult *r = take_one(c);
        if (r == NULL)
            return NULL;
        c->unread_first = (c->unread_first + 1) % POSTGRES_UNREAD_MAX;
        c->unread_count--;
        if (prepared == NULL)
            return r;
        prepared->is_there = true;
        PQclear(r);
    }
    return NULL;
}

void store_postgres_pipe_skip(struct postgres_conn *c)
{
    PQclear(store_postgres_pipe_take(c));
}

/* After a failure everything up to the sync is skipped. */
static void pipe_drain(struct postgres_conn *c)
{
    bool is_synced = false;
    while (!is_synced && c->pg != NULL) {
        PGresult *r = next_result(c);
        is_synced = r != NULL && PQresultStatus(r) == PGRES_PIPELINE_SYNC;
        if (r != NULL && !is_synced && !is_fine(r) && PQresultStatus(r) != PGRES_PIPELINE_ABORTED)
            note_failure(c, r);
        PQclear(r);
        if (c->is_lost)
            conn_finish(c);
    }
    if (c->pg != NULL && PQexitPipelineMode(c->pg) == 0)
        conn_lose(c, PQerrorMessage(c->pg));
}

/* What the exchange came to stays as it is. */
static void pipe_roll_back(struct postgres_conn *c)
{
    struct postgres_conn was = *c;
    if (c->pg == NULL || PQtransactionStatus(c->pg) == PQTRANS_IDLE)
        return;
    enum rc rc = store_postgres_exec(c, "ROLLBACK");
    if (rc != RC_OK)
        conn_finish(c);
    c->rc = was.rc;
    c->is_lost = was.is_lost;
    memcpy(c->state, was.state, sizeof c->state);
    memcpy(c->words, was.words, sizeof c->words);
}

enum rc store_postgres_pipe_end(struct postgres_conn *c)
{
    if (c->pg != NULL && PQpipelineSync(c->pg) == 0)
        conn_lose(c, PQerrorMessage(c->pg));
    while (c->rc == RC_OK && c->unread_count > 0)
        store_postgres_pipe_skip(c);
    pipe_drain(c);
    check_confirmed(c);
    if (c->rc != RC_OK)
        pipe_roll_back(c);
    return c->rc;
}

/* --- values ------------------------------------------------------------------------------------------- */

int64_t store_postgres_int(const PGresult *r, int row, int column)
{
    if (PQgetisnull(r, row, column))
        return 0;
    const uint8_t *bytes = (const uint8_t *)PQgetvalue(r, row, column);
    int len = PQgetlength(r, row, column);
    uint64_t value = len > 1 && bytes[0] >= 0x80 ? UINT64_MAX : 0;
    for (int i = 0; i < len; i++)
        value = value << 8 | bytes[i];
    return (int64_t)value;
}

struct str store_postgres_bytes(const PGresult *r, int row, int column)
{
    if (PQgetisnull(r, row, column))
        return STR_NONE;
    return str_of(PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column));
}
