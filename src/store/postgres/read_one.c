/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads that start from one message: it, and its deliveries.
 */
#include "store/postgres/read_one_priv.h"

#include "store/postgres/read_priv.h"
#include "store/postgres/segments_priv.h"
#include "store/postgres/state_priv.h"
#include "store/rows_priv.h"

/* --- a message ------------------------------------------------------------------------------------------ */

struct message_read {
    struct postgres_by_id base;
    int64_t app;
    struct arena *arena;
    struct store_message_row *row;  /* into the arena */
    struct store_message **message; /* or counted */
};

static int64_t message_now_us(const struct message_read *m)
{
    return clock_wall_us(m->base.store->base.o.clock);
}

static enum rc message_read_row(struct message_read *m, struct db_stmt *s)
{
    enum rc rc = RC_OK;
    if (db_step(s, &rc))
        store_read_message(s, 0, message_now_us(m), m->arena, &m->row->message);
    else if (rc == RC_OK)
        rc = RC_NOT_FOUND;
    db_release(s);
    return rc;
}

static enum rc message_get(void *ctx, struct db *db)
{
    struct message_read *m = ctx;
    struct db_stmt *s = store_postgres_prepare_by_id(
        db, &m->base,
        "SELECT " MESSAGE_COLUMNS("", "payload") " FROM message_#"
                                                 " WHERE k = ? AND tail = ? AND app = ?");
    db_bind_int(s, 3, m->app);
    return message_read_row(m, s);
}

enum rc store_postgres_message_get(struct store *store, int64_t app, const struct id *id,
                                   struct arena *a, struct store_message_row *out)
{
    struct message_read m = { .app = app, .arena = a, .row = out };
    return store_postgres_read_by_id(store_postgres_of(store), id, message_get, &m.base);
}

static enum rc message_load(void *ctx, struct db *db)
{
    struct message_read *m = ctx;
    struct db_stmt *s = store_postgres_prepare_by_id(
        db, &m->base,
        "SELECT " MESSAGE_COLUMNS("", "payload") " FROM message_#"
                                                 " WHERE k = ? AND tail = ?");
    enum rc rc = store_take_message(s, message_now_us(m), m->message);
    db_release(s);
    return rc;
}

enum rc store_postgres_message_load(struct store *store, const struct id *id,
                                    struct store_message **out)
{
    struct message_read m = { .message = out };
    return store_postgres_read_by_id(store_postgres_of(store), id, message_load, &m.base);
}

/* --- by event id ---------------------------------------------------------------------------------------- */

struct event_read {
    struct message_read base;
    struct str event_id;
};

/* Newest first: an event id may be used again once it is past the window of idempotency. */
static enum rc message_by_event_id(void *ctx, struct db *db)
{
    struct event_read *e = ctx;
    struct store_postgres *s = e->base.base.store;
    enum rc rc = RC_NOT_FOUND;
    struct postgres_segments list = store_postgres_segments_get(s);
    for (size_t i = list.count; rc == RC_NOT_FOUND && i-- > 0;) {
        struct db_stmt *st = store_postgres_prepare(
            db, list.at[i],
            "SELECT " MESSAGE_COLUMNS(
                "", "payload") " FROM message_#"
                               " WHERE app = ? AND event_id = ? ORDER BY k DESC LIMIT 1");
        db_bind_int(st, 1, e->base.app);
        db_bind_blob(st, 2, e->event_id);
        rc = message_read_row(&e->base, st);
    }
    store_postgres_segments_free(&list);
    return rc;
}

enum rc store_postgres_message_by_event_id(struct store *store, int64_t app, struct str event_id,
                                           struct arena *a, struct store_message_row *out)
{
    struct event_read e = { .base = { .base = { .store = store_postgres_of(store) },
                                      .app = app,
                                      .arena = a,
                                      .row = out },
                            .event_id = event_id };
    return store_postgres_read(store_postgres_of(store), message_by_event_id, &e);
}

/* --- deliveries of a message ------------------------------------------------------------------------------ */

struct deliveries_read {
    struct postgres_by_id base;
    int64_t app;
    struct arena *arena;
    struct store_delivery_row *rows;
    size_t count;
};

/* The endpoints a message was meant for, ascending, each once. */
static enum rc deliveries_read_endpoints(struct deliveries_read *d, struct db *db,
                                         const int64_t **endpoints, size_t *count,
                                         int64_t *first_due_us)
{
    enum rc rc;
    struct db_stmt *s = store_postgres_prepare_by_id(
        db, &d->base,
        "SELECT endpoints, created, deliver_at FROM message_# WHERE k = ? AND tail = ? AND app = ?");
    db_bind_int(s, 3, d->app);
    if (db_step(s, &rc)) {
        *endpoints = store_endpoints_list(db_borrow(s, 0), d->arena, count);
        *first_due_us =
            store_postgres_first_due_us(id_key(&d->base.id), db_int(s, 1), db_int(s, 2));
    } else if (rc == RC_OK) {
        rc = RC_NOT_FOUND;
    }
    db_release(s);
    return rc;
}

static enum rc deliveries_read_some(struct deliveries_read *d, struct db *db,
                                    const int64_t *endpoints, size_t count, int64_t first_due_us)
{
    struct postgres_pair *pairs = arena_array(d->arena, count, sizeof(*pairs));
    struct postgres_state *states = arena_array(d->arena, count, sizeof(*states));
    for (size_t i = 0; i < count; i++)
        pairs[i] = (struct postgres_pair){ id_key(&d->base.id), endpoints[i], first_due_us };
    enum rc rc =
        store_postgres_states(db, d->base.segment, pairs, count, STR_NONE, d->arena, states);
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        d->rows[d->count] = states[i].row;
        d->rows[d->count++].message = d->base.id;
    }
    return rc;
}

static enum rc deliveries_read_all(void *ctx, struct db *db)
{
    struct deliveries_read *d = ctx;
    const int64_t *endpoints;
    int64_t first_due_us;
    size_t wanted = 0;
    enum rc rc = deliveries_read_endpoints(d, db, &endpoints, &wanted, &first_due_us);
    d->count = 0;
    d->rows = arena_array(d->arena, wanted + 1, sizeof(*d->rows));
    while (rc == RC_OK && d->count < wanted) {
        size_t rest = wanted - d->count;
        rc = deliveries_read_some(d, db, endpoints + d->count,
                                  rest < POSTGRES_STATES_MAX ? rest : POSTGRES_STATES_MAX,
                                  first_due_us);
    }
    return rc;
}

enum rc store_postgres_delivery_by_message(struct store *store, int64_t app,
                                           const struct id *message, struct arena *a,
                                           struct store_delivery_row **out, size_t *count)
{
    struct deliveries_read d = { .app = app, .arena = a };
    enum rc rc =
        store_postgres_read_by_id(store_postgres_of(store), message, deliveries_read_all, &d.base);
    *out = d.rows;
    *count = rc == RC_OK ? d.count : 0;
    return rc;
}
