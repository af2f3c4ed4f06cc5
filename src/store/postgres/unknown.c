/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/unknown_priv.h. Whoever was refused may come again with the same key, and must not find a message that
 * nobody sends. The slot's lock is taken for this node alone: a commit that is still under way has it shared, so that it has
 * ended, one way or the other, when what it wrote is removed.
 */
#include "store/postgres/unknown_priv.h"

#include "store/postgres/member_priv.h"
#include "store/postgres/schema_priv.h"

#include <stdio.h>

void store_postgres_unknown_init(struct postgres_unknown *u)
{
    db_array_init(&u->keys, DB_TYPE_UUID);
    db_array_init(&u->ks, DB_TYPE_INT8);
    u->is_there = false;
}

void store_postgres_unknown_fini(struct postgres_unknown *u)
{
    db_array_fini(&u->keys);
    db_array_fini(&u->ks);
}

void store_postgres_unknown_add(struct postgres_unknown *u, const struct postgres_columns *offers)
{
    db_array_add_all(&u->keys, &offers->at[0]);
    u->is_there = true;
}

void store_postgres_unknown_add_row(struct postgres_unknown *u, int64_t k)
{
    db_array_add_int(&u->ks, k);
    u->is_there = true;
}

static void send_removal(struct store_postgres *s, struct postgres_conn *c)
{
    static const char *const tables[] = {
        "DELETE FROM message WHERE k = ANY($1)",
        "DELETE FROM request WHERE k = ANY($1)",
        "DELETE FROM filter_run WHERE k = ANY($1)",
        "DELETE FROM waiting WHERE msg = ANY($1)",
    };
    char sql[96];
    struct postgres_params p;
    int bucket = atomic_load(&s->key_bucket);
    store_postgres_params_init(&p);
    store_postgres_params_array(&p, &s->unknown.ks);
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        store_postgres_pipe_send(c, tables[i], &p);
    store_postgres_params_array(&p, &s->unknown.keys);
    for (int n = bucket - 1; n <= bucket; n++) {
        (void)snprintf(sql, sizeof sql,
                       "DELETE FROM remembered_%d WHERE k = ANY($1) AND key = ANY($2)", n);
        store_postgres_pipe_send(c, sql, &p);
    }
}

enum rc store_postgres_unknown_resolve(struct store_postgres *s, struct postgres_conn *c)
{
    char lock[96];
    if (!s->unknown.is_there)
        return RC_OK;
    (void)snprintf(lock, sizeof lock, "SELECT pg_advisory_xact_lock(%d, %d)",
                   (int)POSTGRES_LOCK_SLOT, s->slot);
    store_postgres_pipe_begin(c);
    store_postgres_pipe_send(c, "BEGIN ISOLATION LEVEL READ COMMITTED", NULL);
    store_postgres_pipe_send(c, lock, NULL);
    store_postgres_pipe_send(c, "COMMIT", NULL);
    enum rc rc = store_postgres_pipe_end(c);
    if (rc != RC_OK)
        return rc;
    store_postgres_pipe_begin(c);
    store_postgres_fence_send(s, c, true);
    send_removal(s, c);
    store_postgres_pipe_send(c, "COMMIT", NULL);
    rc = store_postgres_pipe_end(c);
    if (rc != RC_OK)
        return rc;
    store_postgres_counted_forget(&s->counted, INT64_MIN);
    db_array_reset(&s->unknown.keys);
    db_array_reset(&s->unknown.ks);
    s->unknown.is_there = false;
    store_postgres_young_known(&s->young);
    return RC_OK;
}
