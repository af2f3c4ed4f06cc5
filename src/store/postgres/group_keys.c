/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/group_keys_priv.h. Free keys are remembered before anything is decided, in one sorted statement: that is
 * what two groups that have the same key meet at. What is decided afterwards is corrected in the same
 * transaction; hardly ever is there anything to correct.
 *
 * A key that is known with the k of the very publish that asks is its own: the group is repeated, because nobody knew whether it
 * had been written.
 */
#include "store/postgres/group_keys_priv.h"

#include "store/postgres/keys_priv.h"
#include "store/rows_priv.h"

#include <stdio.h>

enum { SQL_MAX = 512, PREVIOUS, CURRENT };

static const uint8_t no_body[POSTGRES_KEY_BYTES] = { 0 }; /* of event ids */

void store_postgres_group_keys_init(struct group_keys *g, struct store_postgres *s)
{
    static const enum db_type types[] = { DB_TYPE_UUID, DB_TYPE_INT8, DB_TYPE_UUID, 0 };
    *g = (struct group_keys){ .store = s, .by_key = map_new() };
    store_postgres_columns_init(&g->offers, types);
    store_postgres_columns_init(&g->changed, types);
    db_array_init(&g->missing, DB_TYPE_UUID);
    db_array_init(&g->dropped, DB_TYPE_UUID);
    db_array_init(&g->known_ks, DB_TYPE_INT8);
}

void store_postgres_group_keys_reset(struct group_keys *g)
{
    for (size_t i = 0; i < g->count; i++)
        xfree(g->all[i]);
    g->count = 0;
    map_free(g->by_key);
    g->by_key = map_new();
    store_postgres_columns_reset(&g->offers);
    store_postgres_columns_reset(&g->changed);
    db_array_reset(&g->missing);
    db_array_reset(&g->dropped);
    db_array_reset(&g->known_ks);
}

void store_postgres_group_keys_fini(struct group_keys *g)
{
    store_postgres_group_keys_reset(g);
    map_free(g->by_key);
    xfree(g->all);
    store_postgres_columns_fini(&g->offers);
    store_postgres_columns_fini(&g->changed);
    db_array_fini(&g->missing);
    db_array_fini(&g->dropped);
    db_array_fini(&g->known_ks);
}

/* --- collecting ------------------------------------------------------------------------------------- */

static struct str key_text(const uint8_t key[static POSTGRES_KEY_BYTES])
{
    return str_of((const char *)key, POSTGRES_KEY_BYTES);
}

/* As it will be known once it is written. */
static struct group_known known_of(const struct store_publish *p, const uint8_t *body_hash)
{
    const struct store_request *r = p->request;
    struct group_known known = { .id = p->message->id, .created_us = p->message->created_us };
    memcpy(known.body_hash, body_hash, sizeof known.body_hash);
    known.has_request = r != NULL && memcmp(r->id.bytes, p->message->id.bytes, ID_BYTES) == 0;
    return known;
}

static void add_row(struct postgres_columns *rows, const uint8_t *key,
                    const struct group_known *known)
{
    db_array_add_bytes(&rows->at[0], key_text(key));
    db_array_add_int(&rows->at[1], id_key(&known->id));
    db_array_add_bytes(&rows->at[2], key_text(known->body_hash));
    rows->rows++;
}

static void collect_key(struct group_keys *g, const uint8_t *key, struct group_known known)
{
    if (map_get(g->by_key, key_text(key)) != NULL)
        return;
    struct group_key *entry = XNEW(struct group_key);
    memcpy(entry->key, key, sizeof entry->key);
    entry->offered = known;
    if (g->count == g->room) {
        g->room = g->room == 0 ? 64 : 2 * g->room;
        g->all = xrealloc(g->all, g->room * sizeof(*g->all));
    }
    g->all[g->count++] = entry;
    (void)map_set(g->by_key, key_text(entry->key), entry);
    add_row(&g->offers, entry->key, &entry->offered);
}

static void event_key_of(const struct group_keys *g, const struct store_publish *p,
                         uint8_t out[static POSTGRES_KEY_BYTES])
{
    store_postgres_event_key(g->store, p->message->app, p->message->event_id, out);
}

static void collect_one(struct group_keys *g, const struct store_publish *p)
{
    uint8_t event_key[POSTGRES_KEY_BYTES];
    if (p->has_key)
        collect_key(g, p->key, known_of(p, p->body_hash));
    if (p->message->event_id.ptr == NULL)
        return;
    event_key_of(g, p, event_key);
    collect_key(g, event_key, known_of(p, no_body));
}

void store_postgres_group_keys_collect(struct group_keys *g, const struct store_publish *p)
{
    collect_one(g, p);
    for (size_t i = 0; i < p->also_count; i++)
        collect_one(g, p->also[i]);
}

/* --- reading ---------------------------------------------------------------------------------------- */

void store_postgres_group_keys_send(struct group_keys *g, struct postgres_conn *c)
{
    char sql[SQL_MAX];
    struct postgres_params p;
    int bucket = atomic_load(&g->store->key_bucket);
    if (g->count == 0)
        return;
    store_postgres_params_init(&p);
    store_postgres_params_array(&p, &g->offers.at[0]);
    (void)snprintf(sql, sizeof sql,
                   "SELECT key, k, body_hash FROM remembered_%d WHERE key = ANY($1)", bucket - 1);
    store_postgres_pipe_send(c, sql, &p);
    store_postgres_params_init(&p);
    store_postgres_columns_params(&g->offers, &p);
    store_postgres_params_int(&p, store_postgres_keys_from(g->store));
    (void)snprintf(
        sql, sizeof sql,
        "INSERT INTO remembered_%d AS r(key, k, body_hash)"
        " SELECT * FROM unnest($1, $2, $3) u(key, k, body_hash) ORDER BY key"
        " ON CONFLICT (key) DO UPDATE SET k = excluded.k, body_hash = excluded.body_hash WHERE r.k < $4"
        " RETURNING key",
        bucket);
    store_postgres_pipe_send(c, sql, &p);
}

static struct group_key *key_at_row(struct group_keys *g, const PGresult *r, int row)
{
    return map_get(g->by_key, store_postgres_bytes(r, row, 0));
}

/* What was remembered before, if the window still has it. */
static void note_known(struct group_keys *g, const PGresult *r, int where)
{
    int64_t from_k = store_postgres_keys_from(g->store);
    for (int i = 0; r != NULL && i < PQntuples(r); i++) {
        struct group_key *entry = key_at_row(g, r, i);
        int64_t k = store_postgres_int(r, i, 1);
        struct str body_hash = store_postgres_bytes(r, i, 2);
        if (entry == NULL || body_hash.len != POSTGRES_KEY_BYTES)
            continue;
        entry->is_in_current = entry->is_in_current || where == CURRENT;
        entry->known_k = k;
        if (k < from_k)
            continue;
        entry->is_known = true;
        memcpy(entry->known.body_hash, body_hash.ptr, POSTGRES_KEY_BYTES);
        db_array_add_int(&g->known_ks, k);
    }
}

static void note_inserted(struct group_keys *g, const PGresult *r)
{
    for (int i = 0; r != NULL && i < PQntuples(r); i++) {
        struct group_key *entry = key_at_row(g, r, i);
        if (entry != NULL)
            entry->is_inserted = true;
    }
    for (size_t i = 0; i < g->count; i++)
        if (!g->all[i]->is_inserted)
            db_array_add_bytes(&g->missing, key_text(g->all[i]->key));
}

/* Those that others had, by the row that they wrote meanwhile. */
static void read_missing(struct group_keys *g, struct postgres_conn *c)
{
    char sql[SQL_MAX];
    struct postgres_params p;
    if (g->missing.count == 0)
        return;
    store_postgres_params_init(&p);
    store_postgres_params_array(&p, &g->missing);
    (void)snprintf(sql, sizeof sql,
                   "SELECT key, k, body_hash FROM remembered_%d WHERE key = ANY($1)",
                   atomic_load(&g->store->key_bucket));
    store_postgres_pipe_send(c, sql, &p);
    store_postgres_pipe_flush(c);
    PGresult *r = store_postgres_pipe_take(c);
    note_known(g, r, CURRENT);
    PQclear(r);
}

/* A row of a key whose message is gone stands for nothing. */
static void read_known(struct group_keys *g, struct postgres_conn *c)
{
    struct postgres_params p;
    struct map64 *rows;
    if (g->known_ks.count == 0)
        return;
    store_postgres_params_init(&p);
    store_postgres_params_array(&p, &g->known_ks);
    store_postgres_pipe_send(
        c,
        "SELECT m.k, m.tail, m.created, m.source IS NOT NULL OR"
        " EXISTS (SELECT 1 FROM request r WHERE r.k = m.k) FROM message m WHERE m.k = ANY($1)",
        &p);
    store_postgres_pipe_flush(c);
    PGresult *r = store_postgres_pipe_take(c);
    if (r == NULL)
        return;
    rows = map64_new(); /* values are numbers of rows, from 1 */
    for (int i = 0; i < PQntuples(r); i++)
        (void)map64_set(rows, (uint64_t)store_postgres_int(r, i, 0), (void *)(uintptr_t)(i + 1));
    for (size_t i = 0; i < g->count; i++) {
        struct group_key *entry = g->all[i];
        int row = (int)(uintptr_t)map64_get(rows, (uint64_t)entry->known_k) - 1;
        entry->is_known = entry->is_known && row >= 0;
        if (!entry->is_known)
            continue;
        entry->known.id = store_id_of(entry->known_k, store_postgres_bytes(r, row, 1));
        entry->known.created_us = store_postgres_int(r, row, 2);
        entry->known.has_request = store_postgres_int(r, row, 3) != 0;
    }
    map64_free(rows);
    PQclear(r);
}

void store_postgres_group_keys_take(struct group_keys *g, struct postgres_conn *c)
{
    if (g->count == 0)
        return;
    PGresult *r = store_postgres_pipe_take(c);
    note_known(g, r, PREVIOUS);
    PQclear(r);
    r = store_postgres_pipe_take(c);
    if (r == NULL)
        return;
    note_inserted(g, r);
    PQclear(r);
    read_missing(g, c);
    read_known(g, c);
}

/* --- deciding --------------------------------------------------------------------------------------- */

/* NULL: it is free, or the publish's own. */
static const struct group_known *find_known(struct group_keys *g, const uint8_t *key,
                                            const struct store_publish *p)
{
    const struct group_key *entry = map_get(g->by_key, key_text(key));
    const struct group_known *known = entry->is_claimed ? &entry->claim
                                      : entry->is_known ? &entry->known
                                                        : NULL;
    return known == NULL || id_key(&known->id) == id_key(&p->message->id) ? NULL : known;
}

static void note_first(struct store_publish *p, enum store_published result,
                       const struct group_known *known)
{
    p->result = result;
    p->first = known->id;
    p->first_created_us = known->created_us;
}

enum rc store_postgres_group_keys_look(void *ctx, struct store_publish *p)
{
    struct group_keys *g = ctx;
    uint8_t event_key[POSTGRES_KEY_BYTES];
    const struct group_known *known = p->has_key ? find_known(g, p->key, p) : NULL;
    p->result = STORE_CREATED;
    if (known != NULL) {
        bool is_same = memcmp(known->body_hash, p->body_hash, sizeof p->body_hash) == 0;
        note_first(p, is_same ? STORE_REPLAYED : STORE_KEY_REUSED, known);
        return RC_OK;
    }
    if (p->message->event_id.ptr == NULL)
        return RC_OK;
    event_key_of(g, p, event_key);
    known = find_known(g, event_key, p);
    if (known != NULL)
        note_first(p, STORE_EVENT_ID_TAKEN, known);
    return RC_OK;
}

static void claim_key(struct group_keys *g, const uint8_t *key, struct group_known known)
{
    struct group_key *entry = map_get(g->by_key, key_text(key));
    entry->is_claimed = true;
    entry->claim = known;
}

static void claim_one(struct group_keys *g, const struct store_publish *p)
{
    uint8_t event_key[POSTGRES_KEY_BYTES];
    if (p->result != STORE_CREATED)
        return;
    if (p->has_key)
        claim_key(g, p->key, known_of(p, p->body_hash));
    if (p->message->event_id.ptr == NULL)
        return;
    event_key_of(g, p, event_key);
    claim_key(g, event_key, known_of(p, no_body));
}

void store_postgres_group_keys_claim(struct group_keys *g, const struct store_publish *p)
{
    claim_one(g, p);
    for (size_t i = 0; i < p->also_count; i++)
        claim_one(g, p->also[i]);
}

bool store_postgres_group_keys_has_request(struct group_keys *g, const struct store_publish *p)
{
    uint8_t event_key[POSTGRES_KEY_BYTES];
    const struct group_known *known = p->has_key ? find_known(g, p->key, p) : NULL;
    if (known == NULL && p->message->event_id.ptr != NULL) {
        event_key_of(g, p, event_key);
        known = find_known(g, event_key, p);
    }
    return known != NULL && known->has_request;
}

/* --- settling --------------------------------------------------------------------------------------- */

static void settle_one(struct group_keys *g, const struct group_key *entry)
{
    bool is_there = entry->is_inserted || entry->is_in_current;
    int64_t there_k = entry->is_inserted ? id_key(&entry->offered.id) : entry->known_k;
    if (entry->is_inserted && !entry->is_claimed)
        db_array_add_bytes(&g->dropped, key_text(entry->key));
    else if (is_there && entry->is_claimed && id_key(&entry->claim.id) != there_k)
        add_row(&g->changed, entry->key, &entry->claim);
}

void store_postgres_group_keys_settle(struct group_keys *g, struct postgres_conn *c)
{
    char sql[SQL_MAX];
    struct postgres_params p;
    int bucket = atomic_load(&g->store->key_bucket);
    for (size_t i = 0; i < g->count; i++)
        settle_one(g, g->all[i]);
    if (g->dropped.count > 0) {
        store_postgres_params_init(&p);
        store_postgres_params_array(&p, &g->dropped);
        (void)snprintf(sql, sizeof sql, "DELETE FROM remembered_%d WHERE key = ANY($1)", bucket);
        store_postgres_pipe_send(c, sql, &p);
    }
    if (g->changed.rows > 0) {
        store_postgres_params_init(&p);
        store_postgres_columns_params(&g->changed, &p);
        (void)snprintf(sql, sizeof sql,
                       "UPDATE remembered_%d r SET k = u.k, body_hash = u.body_hash"
                       " FROM unnest($1, $2, $3) u(key, k, body_hash) WHERE r.key = u.key",
                       bucket);
        store_postgres_pipe_send(c, sql, &p);
    }
}
