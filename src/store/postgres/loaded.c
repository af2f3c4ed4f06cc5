/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/loaded_priv.h.
 */
#include "store/postgres/loaded_priv.h"

#include "store/rows_priv.h"

enum { MORE_BYTES = 16, ENDPOINTS_MAX = 1 << 26 };

void store_postgres_loaded_init(struct loaded *l, struct store_postgres *s)
{
    static const enum db_type types[] = { DB_TYPE_INT8, DB_TYPE_BYTEA, 0 };
    *l = (struct loaded){ .store = s, .by_k = map64_new() };
    db_array_init(&l->ks, DB_TYPE_INT8);
    store_postgres_columns_init(&l->changed, types);
}

void store_postgres_loaded_reset(struct loaded *l)
{
    size_t at = 0;
    uint64_t k;
    void *value;
    while (map64_next(l->by_k, &at, &k, &value)) {
        buf_fini(&((struct loaded_message *)value)->endpoints);
        xfree(value);
    }
    map64_free(l->by_k);
    l->by_k = map64_new();
    PQclear(l->answer);
    l->answer = NULL;
    db_array_reset(&l->ks);
    store_postgres_columns_reset(&l->changed);
}

void store_postgres_loaded_fini(struct loaded *l)
{
    store_postgres_loaded_reset(l);
    map64_free(l->by_k);
    db_array_fini(&l->ks);
    store_postgres_columns_fini(&l->changed);
}

void store_postgres_loaded_want(struct loaded *l, const struct id *message)
{
    db_array_add_int(&l->ks, id_key(message));
}

static void note_message(struct loaded *l, int row, int64_t now_us)
{
    const PGresult *r = l->answer;
    struct loaded_message *m = XNEW(struct loaded_message);
    struct str endpoints = store_postgres_bytes(r, row, 14);
    int64_t k = store_postgres_int(r, row, 0);
    m->message = (struct store_message){
        .id = store_id_of(k, store_postgres_bytes(r, row, 1)),
        .app = store_postgres_int(r, row, 2),
        .org = store_postgres_int(r, row, 3),
        .created_us = store_postgres_int(r, row, 4),
        .deliver_at_us = store_postgres_int(r, row, 5),
        .payload_expires_us = store_postgres_int(r, row, 6),
        .event_type = store_postgres_bytes(r, row, 7),
        .event_id = store_postgres_bytes(r, row, 8),
        .channels = store_postgres_bytes(r, row, 9),
        .tags = store_postgres_bytes(r, row, 10),
        .content_type = store_postgres_bytes(r, row, 11),
        .headers = store_postgres_bytes(r, row, 12),
    };
    int64_t expires_us = m->message.payload_expires_us;
    if (expires_us == 0 || expires_us > now_us)
        m->message.payload = store_postgres_bytes(r, row, 13);
    buf_init(&m->endpoints, ENDPOINTS_MAX);
    enum rc rc = buf_add_str(&m->endpoints, endpoints);
    MUST(rc == RC_OK);
    (void)map64_set(l->by_k, (uint64_t)k, m);
}

void store_postgres_loaded_read(struct loaded *l, struct postgres_conn *c)
{
    struct postgres_params p;
    int64_t now_us = store_time_us(&l->store->base.time);
    if (l->ks.count == 0)
        return;
    store_postgres_params_init(&p);
    store_postgres_params_array(&p, &l->ks);
    store_postgres_pipe_send(
        c, "SELECT " MESSAGE_COLUMNS("", "payload") ", endpoints FROM message WHERE k = ANY($1)",
        &p);
    store_postgres_pipe_flush(c);
    l->answer = store_postgres_pipe_take(c);
    for (int i = 0; l->answer != NULL && i < PQntuples(l->answer); i++)
        note_message(l, i, now_us);
}

struct loaded_message *store_postgres_loaded_find(struct loaded *l, const struct id *message,
                                                  int64_t app)
{
    struct loaded_message *m = map64_get(l->by_k, (uint64_t)id_key(message));
    bool is_it = m != NULL && m->message.app == app &&
                 memcmp(m->message.id.bytes, message->bytes, ID_BYTES) == 0;
    return is_it ? m : NULL;
}

bool store_postgres_loaded_names(const struct loaded_message *m, int64_t endpoint)
{
    int64_t number;
    struct str rest = buf_str(&m->endpoints);
    while (store_endpoints_next(&rest, &number))
        if (number == endpoint)
            return true;
    return false;
}

void store_postgres_loaded_add(struct loaded_message *m, int64_t endpoint)
{
    (void)store_endpoints_pack(&endpoint, 1, &m->endpoints);
    m->has_more = true;
}

void store_postgres_loaded_settle(struct loaded *l)
{
    size_t at = 0;
    uint64_t k;
    void *value;
    while (map64_next(l->by_k, &at, &k, &value)) {
        const struct loaded_message *m = value;
        if (!m->has_more)
            continue;
        db_array_add_int(&l->changed.at[0], (int64_t)k);
        db_array_add_bytes(&l->changed.at[1], buf_str(&m->endpoints));
        l->changed.rows++;
    }
}

void store_postgres_loaded_send(struct loaded *l, struct postgres_conn *c)
{
    struct postgres_params p;
    if (l->changed.rows == 0)
        return;
    store_postgres_params_init(&p);
    store_postgres_columns_params(&l->changed, &p);
    store_postgres_pipe_send(
        c,
        "UPDATE message m SET endpoints = u.endpoints FROM unnest($1, $2) u(k, endpoints)"
        " WHERE m.k = u.k",
        &p);
}
