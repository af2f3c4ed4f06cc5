/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/stands_priv.h.
 */
#include "store/postgres/stands_priv.h"

#include "store/rows_priv.h"

void store_postgres_stands_init(struct stands *g, struct store_postgres *s)
{
    static const enum db_type attempt_types[] = { DB_TYPE_INT8,  DB_TYPE_INT8,  DB_TYPE_INT8,
                                                  DB_TYPE_INT8,  DB_TYPE_INT8,  DB_TYPE_INT8,
                                                  DB_TYPE_INT8,  DB_TYPE_INT4,  DB_TYPE_INT4,
                                                  DB_TYPE_INT2,  DB_TYPE_INT2,  DB_TYPE_INT2,
                                                  DB_TYPE_BOOL,  DB_TYPE_BYTEA, DB_TYPE_BYTEA,
                                                  DB_TYPE_BYTEA, DB_TYPE_BYTEA, DB_TYPE_BYTEA,
                                                  DB_TYPE_BYTEA, DB_TYPE_BYTEA, 0 };
    static const enum db_type pair[] = { DB_TYPE_INT8, DB_TYPE_INT8, 0 };
    *g = (struct stands){ .store = s, .by_hash = map64_new() };
    store_postgres_columns_init(&g->attempts, attempt_types);
    store_postgres_columns_init(&g->ended, pair);
    store_postgres_columns_init(&g->asked, pair);
    store_postgres_waiting_init(&g->waiting);
}

void store_postgres_stands_reset(struct stands *g)
{
    for (struct stand *at = g->first, *next; at != NULL; at = next) {
        next = at->next;
        xfree(at);
    }
    g->first = g->last = NULL;
    map64_free(g->by_hash);
    g->by_hash = map64_new();
    store_postgres_columns_reset(&g->attempts);
    store_postgres_columns_reset(&g->ended);
    store_postgres_columns_reset(&g->asked);
    store_postgres_columns_reset(&g->waiting);
}

void store_postgres_stands_fini(struct stands *g)
{
    store_postgres_stands_reset(g);
    map64_free(g->by_hash);
    store_postgres_columns_fini(&g->attempts);
    store_postgres_columns_fini(&g->ended);
    store_postgres_columns_fini(&g->asked);
    store_postgres_columns_fini(&g->waiting);
}

/* --- finding ---------------------------------------------------------------------------------------- */

static uint64_t stand_hash(int64_t k, int64_t endpoint)
{
    return str_hash_u64((uint64_t)k) ^ (uint64_t)endpoint * UINT64_C(0x9e3779b97f4a7c15);
}

struct stand *store_postgres_stands_find(struct stands *g, int64_t k, int64_t endpoint)
{
    struct stand *at = map64_get(g->by_hash, stand_hash(k, endpoint));
    while (at != NULL && (at->k != k || at->now.due.endpoint != endpoint))
        at = at->same;
    return at;
}

struct stand *store_postgres_stands_add(struct stands *g, const struct id *message, int64_t app,
                                        int64_t endpoint)
{
    struct postgres_young_row young;
    int64_t k = id_key(message);
    struct stand *at = store_postgres_stands_find(g, k, endpoint);
    if (at != NULL)
        return at;
    at = XNEW(struct stand);
    at->k = k;
    at->now.due = (struct store_due){ .message = *message, .app = app, .endpoint = endpoint };
    at->same = map64_set(g->by_hash, stand_hash(k, endpoint), at);
    *(g->last == NULL ? &g->first : &g->last->next) = at;
    g->last = at;
    if (store_postgres_young_find(&g->store->young, message, endpoint, &young)) {
        at->is_young = at->is_read = true;
        at->now.due.state = STORE_PENDING;
        at->state_before = STORE_PENDING;
        at->now.due.due_us = young.due_us;
        return at;
    }
    db_array_add_int(&g->asked.at[0], k);
    db_array_add_int(&g->asked.at[1], endpoint);
    g->asked.rows++;
    return at;
}

/* --- reading ---------------------------------------------------------------------------------------- */

static PGresult *ask_of_each(struct stands *g, struct postgres_conn *c, const char *sql)
{
    struct postgres_params p;
    store_postgres_params_init(&p);
    store_postgres_columns_params(&g->asked, &p);
    store_postgres_pipe_send(c, sql, &p);
    store_postgres_pipe_flush(c);
    return store_postgres_pipe_take(c);
}

static void read_waiting(struct stands *g, struct postgres_conn *c)
{
    PGresult *r = ask_of_each(
        g, c,
        "SELECT w.msg, w.endpoint, w.state, w.due, w.attempts, w.trigger, w.retry_at, w.asked, w.ahead,"
        " w.task, w.last_at, w.tip FROM unnest($1, $2) u(msg, endpoint)"
        " JOIN waiting w ON w.endpoint = u.endpoint AND w.msg = u.msg");
    for (int i = 0; r != NULL && i < PQntuples(r); i++) {
        struct stand *at =
            store_postgres_stands_find(g, store_postgres_int(r, i, 0), store_postgres_int(r, i, 1));
        if (at == NULL)
            continue;
        struct store_due *d = &at->now.due;
        d->state = (enum store_state)store_postgres_int(r, i, 2);
        at->state_before = (int)d->state;
        d->due_us = store_postgres_int(r, i, 3);
        d->attempt_count = (int)store_postgres_int(r, i, 4);
        d->trigger = (enum store_trigger)store_postgres_int(r, i, 5);
        d->retry_at_us = store_postgres_int(r, i, 6);
        d->asked_us = store_postgres_int(r, i, 7);
        d->ahead_count = (int)store_postgres_int(r, i, 8);
        at->now.task = store_postgres_int(r, i, 9);
        at->last_at_us = store_postgres_int(r, i, 10);
        at->tip = store_postgres_int(r, i, 11);
        at->is_waiting = at->is_read = true;
    }
    PQclear(r);
}

/* Those that wait nowhere have ended, if they ever were. */
static void read_ended(struct stands *g, struct postgres_conn *c)
{
    PGresult *r = ask_of_each(
        g, c,
        "SELECT u.msg, u.endpoint, a.ak, a.state_after, a.reason, a.trigger, a.task,"
        " (SELECT max(b.number) FROM attempt b WHERE b.msg = u.msg AND b.endpoint = u.endpoint),"
        " (SELECT max(b.started) FROM attempt b WHERE b.msg = u.msg AND b.endpoint = u.endpoint"
        " AND b.number > 0) FROM unnest($1, $2) u(msg, endpoint) CROSS JOIN LATERAL"
        " (SELECT * FROM attempt x WHERE x.msg = u.msg AND x.endpoint = u.endpoint"
        " ORDER BY x.ak DESC LIMIT 1) a");
    for (int i = 0; r != NULL && i < PQntuples(r); i++) {
        struct stand *at =
            store_postgres_stands_find(g, store_postgres_int(r, i, 0), store_postgres_int(r, i, 1));
        if (at == NULL)
            continue;
        at->tip = store_postgres_int(r, i, 2);
        at->tip_state = at->now.due.state = (enum store_state)store_postgres_int(r, i, 3);
        at->state_before = (int)at->tip_state;
        at->tip_reason = at->now.reason = (enum store_reason)store_postgres_int(r, i, 4);
        at->now.due.trigger = (enum store_trigger)store_postgres_int(r, i, 5);
        at->now.task = store_postgres_int(r, i, 6);
        at->now.due.attempt_count = (int)store_postgres_int(r, i, 7);
        at->last_at_us = store_postgres_int(r, i, 8);
        at->is_read = true;
    }
    PQclear(r);
}

void store_postgres_stands_read(struct stands *g, struct postgres_conn *c)
{
    if (g->asked.rows == 0)
        return;
    read_waiting(g, c);
    store_postgres_columns_reset(&g->asked);
    for (struct stand *at = g->first; at != NULL; at = at->next) {
        if (at->is_read)
            continue;
        db_array_add_int(&g->asked.at[0], at->k);
        db_array_add_int(&g->asked.at[1], at->now.due.endpoint);
        g->asked.rows++;
        at->is_read = true; /* whatever is found */
    }
    if (g->asked.rows > 0)
        read_ended(g, c);
    store_postgres_columns_reset(&g->asked);
}

/* --- moving ----------------------------------------------------------------------------------------- */

enum rc store_postgres_stand_move(struct stand *at, const struct store_move *m)
{
    struct store_due *d = &at->now.due;
    const struct store_due *to = &m->to;
    MUST(store_state_may(m->from, to->state));
    if (d->state != m->from || d->asked_us != m->was_asked_us)
        return RC_CONFLICT;
    d->state = to->state;
    d->due_us = store_is_pending(to->state) ? to->due_us : 0;
    if (to->attempt_count > d->attempt_count)
        d->attempt_count = to->attempt_count;
    if (m->last_at_us > at->last_at_us)
        at->last_at_us = m->last_at_us;
    d->trigger = to->trigger;
    d->retry_at_us = to->retry_at_us;
    d->asked_us = to->asked_us;
    d->ahead_count = to->ahead_count;
    at->now.reason = m->reason;
    if (m->task != 0)
        at->now.task = m->task;
    at->is_changed = true;
    return RC_OK;
}

/* --- writing ---------------------------------------------------------------------------------------- */

static void put_ints(struct postgres_columns *rows, const int64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        db_array_add_int(&rows->at[i], values[i]);
}

static void note_tip(struct stand *at, int64_t ak, enum store_state state, enum store_reason reason)
{
    if (ak <= at->tip)
        return;
    at->tip = ak;
    at->tip_state = state;
    at->tip_reason = reason;
}

void store_postgres_stands_attempt(struct stands *g, struct stand *at,
                                   const struct store_outcome *o)
{
    struct postgres_columns *rows = &g->attempts;
    int64_t ak = id_key(&o->attempt);
    const int64_t numbers[] = { at->k,
                                o->endpoint,
                                ak,
                                o->started_us,
                                store_is_pending(o->to) ? store_planned_us(o) : 0,
                                o->took_us,
                                at->now.task,
                                o->http_status,
                                o->attempt_count,
                                o->to,
                                o->reason,
                                o->trigger,
                                o->success };
    const struct str texts[] = {
        store_id_tail(&o->attempt), o->error,          o->detail, o->url, o->response,
        o->response_headers,        o->request_headers
    };
    put_ints(rows, numbers, COUNT_OF(numbers));
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        db_array_add_bytes(&rows->at[COUNT_OF(numbers) + i],
                           texts[i].ptr == NULL ? STR("") : texts[i]);
    rows->rows++;
    note_tip(at, ak, o->to, o->reason);
}

/* A row that says only how the delivery stands. */
static void add_state_row(struct stands *g, struct stand *at)
{
    struct postgres_columns *rows = &g->attempts;
    struct id id = id_new(g->store->base.ids);
    int64_t ak = id_key(&id) > at->tip ? id_key(&id) : at->tip + 1;
    const struct store_due *d = &at->now.due;
    const int64_t numbers[] = { at->k,
                                d->endpoint,
                                ak,
                                clock_wall_us(g->store->base.time.source),
                                0,
                                0,
                                at->now.task,
                                0,
                                0,
                                d->state,
                                at->now.reason,
                                d->trigger,
                                d->state == STORE_SUCCESS };
    put_ints(rows, numbers, COUNT_OF(numbers));
    db_array_add_bytes(&rows->at[COUNT_OF(numbers)], store_id_tail(&id));
    for (size_t i = COUNT_OF(numbers) + 1; i < rows->count; i++)
        db_array_add_null(&rows->at[i]);
    rows->rows++;
    note_tip(at, ak, d->state, at->now.reason);
}

void store_postgres_stands_settle(struct stands *g)
{
    for (struct stand *at = g->first; at != NULL; at = at->next) {
        if (!at->is_changed)
            continue;
        if (store_is_pending(at->now.due.state)) {
            store_postgres_waiting_add(&g->waiting, &at->now, at->last_at_us, at->tip);
            continue;
        }
        if (at->is_waiting) {
            db_array_add_int(&g->ended.at[0], at->k);
            db_array_add_int(&g->ended.at[1], at->now.due.endpoint);
            g->ended.rows++;
        }
        if (at->tip == 0 || at->tip_state != at->now.due.state || at->tip_reason != at->now.reason)
            add_state_row(g, at);
    }
}

#define ATTEMPTS \
    "INSERT INTO attempt(msg, endpoint, ak, started, next_due, took, task, http_status, number, state_after, reason," \
    " trigger, success, tail, error, detail, url, response, response_headers, request_headers) SELECT * FROM" \
    " unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"

void store_postgres_stands_send(struct stands *g, struct postgres_conn *c, bool is_replay)
{
    struct postgres_params p;
    if (g->attempts.rows > 0) {
        store_postgres_params_init(&p);
        store_postgres_columns_params(&g->attempts, &p);
        store_postgres_pipe_send(
            c, is_replay ? ATTEMPTS " ON CONFLICT (msg, endpoint, ak) DO NOTHING" : ATTEMPTS, &p);
    }
    if (g->waiting.rows > 0)
        store_postgres_waiting_send(c, &g->waiting);
    if (g->ended.rows > 0) {
        store_postgres_params_init(&p);
        store_postgres_columns_params(&g->ended, &p);
        store_postgres_pipe_send(c,
                                 "DELETE FROM waiting w USING unnest($1, $2) u(msg, endpoint)"
                                 " WHERE w.endpoint = u.endpoint AND w.msg = u.msg",
                                 &p);
    }
}

void store_postgres_stands_committed(struct stands *g)
{
    int64_t more = 0;
    for (struct stand *at = g->first; at != NULL; at = at->next) {
        if (!at->is_changed)
            continue;
        more += (int64_t)store_is_pending(at->now.due.state) - (int64_t)at->is_waiting;
        store_postgres_counted_move(&g->store->counted, at->k, at->now.due.endpoint,
                                    at->state_before, (int)at->now.due.state);
        if (at->is_young)
            store_postgres_young_remove(&g->store->young, &at->now.due.message,
                                        at->now.due.endpoint);
    }
    atomic_fetch_add(&g->store->waiting, more);
}
