/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/accept_rows_priv.h.
 */
#include "store/postgres/accept_rows_priv.h"

#include "store/postgres/segments_priv.h"
#include "store/postgres/waiting_priv.h"
#include "store/request_priv.h"
#include "store/rows_priv.h"

enum { BOUND_STEP = 64, PACKED_MAX = 10 * STORE_DESTINATIONS_MAX + 16, MESSAGE_COLUMNS_ALONE = 16 };

static const enum db_type message_types[] = { DB_TYPE_INT8,
                                              DB_TYPE_INT8,
                                              DB_TYPE_INT8,
                                              DB_TYPE_INT8,
                                              DB_TYPE_INT8,
                                              DB_TYPE_INT8,
                                              DB_TYPE_INT2,
                                              DB_TYPE_BYTEA,
                                              DB_TYPE_TEXT,
                                              DB_TYPE_BYTEA,
                                              DB_TYPE_TEXT,
                                              DB_TYPE_TEXT,
                                              DB_TYPE_BYTEA,
                                              DB_TYPE_BYTEA,
                                              DB_TYPE_BYTEA,
                                              DB_TYPE_BYTEA,
                                              0 };
static const enum db_type requested_types[] = { DB_TYPE_INT8,  DB_TYPE_INT8,  DB_TYPE_INT8,
                                                DB_TYPE_INT8,  DB_TYPE_INT8,  DB_TYPE_INT8,
                                                DB_TYPE_INT2,  DB_TYPE_BYTEA, DB_TYPE_TEXT,
                                                DB_TYPE_BYTEA, DB_TYPE_TEXT,  DB_TYPE_TEXT,
                                                DB_TYPE_BYTEA, DB_TYPE_BYTEA, DB_TYPE_BYTEA,
                                                DB_TYPE_BYTEA, DB_TYPE_INT8,  DB_TYPE_INT8,
                                                DB_TYPE_INT4,  DB_TYPE_BYTEA, DB_TYPE_BYTEA,
                                                DB_TYPE_BYTEA, DB_TYPE_BYTEA, DB_TYPE_INT8,
                                                DB_TYPE_BYTEA, DB_TYPE_BYTEA, 0 };
static const enum db_type request_types[] = {
    DB_TYPE_INT8,  DB_TYPE_INT8,  DB_TYPE_INT8,  DB_TYPE_INT8,  DB_TYPE_INT8,
    DB_TYPE_INT4,  DB_TYPE_INT2,  DB_TYPE_BOOL,  DB_TYPE_BYTEA, DB_TYPE_BYTEA,
    DB_TYPE_BYTEA, DB_TYPE_BYTEA, DB_TYPE_BYTEA, DB_TYPE_BYTEA, DB_TYPE_BYTEA,
    DB_TYPE_BYTEA, DB_TYPE_BYTEA, DB_TYPE_BYTEA, DB_TYPE_TEXT,  0
};
static const enum db_type run_types[] = { DB_TYPE_INT8,  DB_TYPE_INT8,  DB_TYPE_INT8,
                                          DB_TYPE_INT8,  DB_TYPE_BOOL,  DB_TYPE_INT2,
                                          DB_TYPE_BYTEA, DB_TYPE_BYTEA, DB_TYPE_BYTEA,
                                          DB_TYPE_BYTEA, DB_TYPE_BYTEA, 0 };
static const enum db_type trim_types[] = { DB_TYPE_INT8, DB_TYPE_INT8, DB_TYPE_INT8, 0 };

void store_postgres_accept_rows_init(struct accept_rows *rows)
{
    store_postgres_columns_init(&rows->messages, message_types);
    store_postgres_columns_init(&rows->requested, requested_types);
    store_postgres_columns_init(&rows->requests, request_types);
    store_postgres_columns_init(&rows->runs, run_types);
    store_postgres_columns_init(&rows->trims, trim_types);
    store_postgres_waiting_init(&rows->waiting);
    buf_init(&rows->scratch, PACKED_MAX);
}

void store_postgres_accept_rows_fini(struct accept_rows *rows)
{
    store_postgres_columns_fini(&rows->messages);
    store_postgres_columns_fini(&rows->requested);
    store_postgres_columns_fini(&rows->requests);
    store_postgres_columns_fini(&rows->runs);
    store_postgres_columns_fini(&rows->trims);
    store_postgres_columns_fini(&rows->waiting);
    buf_fini(&rows->scratch);
}

void store_postgres_accept_rows_reset(struct accept_rows *rows)
{
    store_postgres_columns_reset(&rows->messages);
    store_postgres_columns_reset(&rows->requested);
    store_postgres_columns_reset(&rows->requests);
    store_postgres_columns_reset(&rows->runs);
    store_postgres_columns_reset(&rows->trims);
    store_postgres_columns_reset(&rows->waiting);
}

/* A row, from the left. */
struct row_at {
    struct postgres_columns *rows;
    size_t column;
};

static void put_int(struct row_at *at, int64_t value)
{
    db_array_add_int(&at->rows->at[at->column++], value);
}

static void put_bytes(struct row_at *at, struct str value)
{
    db_array_add_bytes(&at->rows->at[at->column++], value);
}

/* Never NULL. */
static void put_some_bytes(struct row_at *at, struct str value)
{
    put_bytes(at, value.ptr == NULL ? STR("") : value);
}

static void row_done(struct row_at *at)
{
    MUST(at->column == at->rows->count);
    at->rows->rows++;
}

/* --- messages --------------------------------------------------------------------------------------- */

static bool is_text(struct str s)
{
    return s.len == 0 || (memchr(s.ptr, 0, s.len) == NULL && str_is_utf8(s));
}

static bool message_fits(const struct store_message *m)
{
    return is_text(m->event_type) && is_text(m->channels) && is_text(m->tags);
}

bool store_postgres_accept_fits(const struct store_publish *p)
{
    bool fits = message_fits(p->message);
    for (size_t i = 0; i < p->also_count; i++)
        fits = fits && message_fits(p->also[i]->message);
    return fits;
}

static void put_request(struct row_at *at, const struct store_request *r)
{
    put_int(at, r->source);
    put_int(at, r->at_us);
    put_int(at, r->status);
    put_bytes(at, r->method);
    put_bytes(at, r->url);
    put_bytes(at, r->peer);
    put_bytes(at, r->headers);
    put_int(at, r->body_bytes);
    put_bytes(at, r->event_type);
    put_bytes(at, r->dedupe_id);
}

static void add_waiting(struct accept_rows *rows, const struct store_message *m, int64_t endpoint)
{
    const struct store_stand stand = { .due = { .message = m->id,
                                                .app = m->app,
                                                .endpoint = endpoint,
                                                .due_us = m->due_us,
                                                .state = STORE_PENDING } };
    store_postgres_waiting_add(&rows->waiting, &stand, 0, 0);
}

void store_postgres_accept_message(struct accept_rows *rows, const struct store_publish *p,
                                   int64_t until_us, bool is_late)
{
    const struct store_message *m = p->message;
    bool has_request = store_request_is_in_message(p);
    struct row_at at = { has_request ? &rows->requested : &rows->messages, 0 };
    buf_reset(&rows->scratch);
    struct str endpoints = store_endpoints_pack(p->endpoints, p->endpoint_count, &rows->scratch);
    put_int(&at, id_key(&m->id));
    put_int(&at, m->app);
    put_int(&at, m->org);
    put_int(&at, m->created_us);
    put_int(&at, m->deliver_at_us);
    put_int(&at, m->payload_expires_us);
    put_int(&at, store_postgres_shard_of(m->app));
    put_bytes(&at, store_id_tail(&m->id));
    put_some_bytes(&at, m->event_type);
    put_bytes(&at, m->event_id);
    put_bytes(&at, m->channels);
    put_bytes(&at, m->tags);
    put_bytes(&at, m->content_type);
    put_bytes(&at, m->headers);
    put_some_bytes(&at, endpoints);
    put_bytes(&at, m->payload);
    if (has_request)
        put_request(&at, p->request);
    row_done(&at);
    if (!is_late && m->due_us <= until_us)
        return;
    for (size_t i = 0; i < p->endpoint_count; i++)
        add_waiting(rows, m, p->endpoints[i]);
}

/* --- requests and runs ------------------------------------------------------------------------------ */

/* Rows without a message are what anybody with the URL can make us write, so each source keeps a bounded number of them in a
 * segment: every BOUND_STEP-th trims what is beyond. The map's values are counts, not pointers. */
static void bound_requests(struct accept_rows *rows, struct store_postgres *s,
                           const struct store_request *r)
{
    uint64_t source = (uint64_t)r->source;
    uintptr_t count = (uintptr_t)map64_get(s->bounded, source) + 1;
    if (count < BOUND_STEP) {
        (void)map64_set(s->bounded, source, (void *)count);
        return;
    }
    (void)map64_remove(s->bounded, source);
    struct postgres_segment *seg = store_postgres_segment_of(s, id_key(&r->id));
    if (seg == NULL)
        return;
    struct row_at at = { &rows->trims, 0 };
    put_int(&at, r->source);
    put_int(&at, seg->first_k);
    put_int(&at, seg->end_k);
    row_done(&at);
    store_postgres_segment_unref(seg);
}

void store_postgres_accept_request(struct accept_rows *rows, struct store_postgres *s,
                                   const struct store_request *r, const struct store_publish *p)
{
    struct buf items = { 0 }, headers = { 0 };
    struct row_at at = { &rows->requests, 0 };
    put_int(&at, id_key(&r->id));
    put_int(&at, r->source);
    put_int(&at, r->app);
    put_int(&at, r->at_us);
    put_int(&at, r->body_bytes);
    put_int(&at, r->status);
    put_int(&at, r->outcome);
    put_int(&at, r->has_message);
    put_bytes(&at, store_id_tail(&r->id));
    put_bytes(&at, r->reason);
    put_bytes(&at, r->method);
    put_bytes(&at, r->url);
    put_bytes(&at, r->peer);
    put_bytes(&at, r->lines.ptr != NULL ? store_request_headers(r->headers, r->lines, &headers)
                                        : r->headers);
    put_bytes(&at, r->has_message ? STR_NONE : str_sub(r->body, 0, STORE_REQUEST_BODY_MAX));
    put_bytes(&at, r->event_type);
    put_bytes(&at, r->dedupe_id);
    put_bytes(&at, r->has_original ? str_of((const char *)r->original.bytes, ID_BYTES) : STR_NONE);
    put_bytes(&at, r->item_count > 0 ? store_request_items(r, p, &items) : STR_NONE);
    row_done(&at);
    buf_fini(&items);
    buf_fini(&headers);
    if (!r->has_message)
        bound_requests(rows, s, r);
}

void store_postgres_accept_run(struct accept_rows *rows, const struct store_filter_run *r)
{
    struct row_at at = { &rows->runs, 0 };
    put_int(&at, id_key(&r->id));
    put_int(&at, r->app);
    put_int(&at, r->started_us);
    put_int(&at, r->took_us);
    put_int(&at, r->halted);
    put_int(&at, store_filter_run_data(r));
    put_bytes(&at, store_id_tail(&r->id));
    put_some_bytes(&at, r->event);
    put_some_bytes(&at, r->filters);
    put_some_bytes(&at, r->summary);
    put_bytes(&at, r->detail);
    row_done(&at);
}

/* --- sending ---------------------------------------------------------------------------------------- */

#define MESSAGES \
    "INSERT INTO message(k, app, org, created, deliver_at, expires, shard, tail, event_type, event_id, channels, tags," \
    " content_type, headers, endpoints, payload) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12," \
    " $13, $14, $15, $16)"
#define REQUESTED \
    "INSERT INTO message(k, app, org, created, deliver_at, expires, shard, tail, event_type, event_id, channels, tags," \
    " content_type, headers, endpoints, payload, source, received, status, method, url, peer, request_headers, body_bytes," \
    " request_type, dedupe_id) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16," \
    " $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)"
#define REQUESTS \
    "INSERT INTO request(k, source, app, at, body_bytes, status, outcome, has_message, tail, reason, method, url, peer," \
    " headers, body, event_type, dedupe_id, original, items) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10," \
    " $11, $12, $13, $14, $15, $16, $17, $18, $19)"
#define RUNS \
    "INSERT INTO filter_run(k, app, started, took, halted, has_data, tail, event, filters, summary, detail)" \
    " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
/* Only where they are more than the bound. */
#define TRIMS \
    "DELETE FROM request r USING unnest($1, $2, $3) u(source, first_k, end_k) WHERE r.source = u.source" \
    " AND NOT r.has_message AND r.k >= u.first_k AND r.k < u.end_k AND r.k <= (SELECT k FROM request x" \
    " WHERE x.source = u.source AND NOT x.has_message AND x.k >= u.first_k AND x.k < u.end_k ORDER BY x.k DESC" \
    " OFFSET $4 LIMIT 1)"
#define UNLESS_THERE " ON CONFLICT (k) DO NOTHING"

static void send_rows(struct postgres_conn *c, struct postgres_columns *rows, const char *sql)
{
    struct postgres_params p;
    if (rows->rows == 0)
        return;
    store_postgres_params_init(&p);
    store_postgres_columns_params(rows, &p);
    store_postgres_pipe_send(c, sql, &p);
}

static void send_trims(struct postgres_conn *c, struct postgres_columns *rows)
{
    struct postgres_params p;
    if (rows->rows == 0)
        return;
    store_postgres_params_init(&p);
    store_postgres_columns_params(rows, &p);
    store_postgres_params_int(&p, STORE_REQUESTS_BOUND);
    store_postgres_pipe_send(c, TRIMS, &p);
}

void store_postgres_accept_send(struct accept_rows *rows, struct postgres_conn *c, bool is_replay)
{
    send_rows(c, &rows->messages, is_replay ? MESSAGES UNLESS_THERE : MESSAGES);
    send_rows(c, &rows->requested, is_replay ? REQUESTED UNLESS_THERE : REQUESTED);
    send_rows(c, &rows->requests, is_replay ? REQUESTS UNLESS_THERE : REQUESTS);
    send_rows(c, &rows->runs, is_replay ? RUNS UNLESS_THERE : RUNS);
    send_trims(c, &rows->trims);
    if (rows->waiting.rows > 0)
        store_postgres_waiting_send(c, &rows->waiting);
}
