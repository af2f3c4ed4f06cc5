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
                 state_starts(c, "57P") || state_starts(c, "25P03") || c->state[0] == '\0';
}

static bool is_fine(const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
}

/* --- opening ------------------------------------------------------------------------------------------ */

static void drop_notice(void *ctx, const PGresult *r)
{
    (void)ctx;
    (void)r;
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
    c->rc = RC_OK;
    c->is_lost = false;
    c->state[0] = c->words[0] = '\0';
    c->deadline_us = conn_now_us() + c->answer_us;
    if (c->pg == NULL)
        conn_lose(c, "there is no connection to the database");
}

static PGconn *conn_dial(const char *url, const struct db_host *host)
{
    struct db_dial dial;
    db_dial_fill(&dial, url, host);
    return PQconnectdbParams(dial.names, dial.values, 1);
}

/* Of several hosts, the first that is there and takes writes; else the last that was tried. */
static PGconn *conn_dial_any(const char *url)
{
    struct db_host hosts[DB_HOSTS_MAX];
    size_t count = db_hosts(url, hosts);
    PGconn *pg = count == 0 ? conn_dial(url, NULL) : NULL;
    for (size_t i = 0; i < count && (pg == NULL || PQstatus(pg) != CONNECTION_OK); i++) {
        PQfinish(pg);
        pg = conn_dial(url, &hosts[i]);
    }
    return pg;
}

enum rc store_postgres_conn_open(struct postgres_conn *c)
{
    if (c->pg != NULL && PQstatus(c->pg) == CONNECTION_OK)
        return RC_OK;
    conn_finish(c);
    c->pg = conn_dial_any(c->url);
    if (c->pg == NULL || PQstatus(c->pg) != CONNECTION_OK || PQsetnonblocking(c->pg, 1) != 0) {
        c->rc = RC_OK;
        conn_lose(c, c->pg == NULL ? "out of memory" : PQerrorMessage(c->pg));
        return RC_IO;
    }
    (void)PQsetNoticeReceiver(c->pg, drop_notice, NULL);
    enum rc rc = store_postgres_exec(c, db_session_settings);
    if (rc != RC_OK)
        conn_finish(c);
    return rc == RC_OK ? RC_OK : RC_IO;
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
        conn_lose(c, "the database did not answer in time");
        return false;
    }
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

enum rc store_postgres_exec(struct postgres_conn *c, const char *sql)
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

enum rc store_postgres_query(struct postgres_conn *c, const char *sql,
                             const struct postgres_params *params, PGresult **out)
{
    static const struct postgres_params none = { 0 };
    const struct postgres_params *p = params == NULL ? &none : params;
    *out = NULL;
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
    struct postgres_statement *s = statement_of(c, sql);
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

void store_postgres_pipe_send(struct postgres_conn *c, const char *sql,
                              const struct postgres_params *params)
{
    static const struct postgres_params none = { 0 };
    if (c->rc != RC_OK)
        return;
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
