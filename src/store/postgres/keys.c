/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/keys_priv.h. A switch waits for the groups that are under way, and those that come after it find the new
 * number: no group can write to the old table when another one writes to the new.
 */
#include "store/postgres/keys_priv.h"

#include "store/key_time_priv.h"
#include "store/postgres/event_key_priv.h"
#include "store/postgres/schema_priv.h"

#include <inttypes.h>
#include <stdio.h>

#define KEY_TABLE "(key uuid PRIMARY KEY, k bigint NOT NULL, body_hash uuid NOT NULL)"

void store_postgres_event_key(const struct store_postgres *s, int64_t app, struct str event_id,
                              uint8_t out[static POSTGRES_KEY_BYTES])
{
    store_postgres_event_hash(s->hash_seed, app, event_id, out);
}

int64_t store_postgres_keys_from(struct store_postgres *s)
{
    return store_key_at(store_time_us(&s->base.time) - atomic_load(&s->base.idempotency_us));
}

enum rc store_postgres_keys_load(struct store_postgres *s, struct buf *why)
{
    PGresult *r;
    mutex_lock(&s->make_lock);
    enum rc rc = store_postgres_conn_open(&s->maker);
    if (rc == RC_OK)
        rc = store_postgres_query(&s->maker, "SELECT key_bucket, bucket_since FROM cluster", NULL,
                                  &r);
    if (rc == RC_OK) {
        atomic_store(&s->key_bucket, (int)store_postgres_int(r, 0, 0));
        s->bucket_since_us = store_postgres_int(r, 0, 1);
        PQclear(r);
    } else {
        buf_say(why, "cannot read which keys are remembered where: %s", s->maker.words);
    }
    mutex_unlock(&s->make_lock);
    return rc;
}

static enum rc begin_table(struct store_postgres *s, int bucket, int64_t now_us)
{
    char sql[400];
    (void)snprintf(sql, sizeof sql, "CREATE TABLE IF NOT EXISTS remembered_%d" KEY_TABLE, bucket);
    enum rc rc = store_postgres_exec(&s->maker, sql);
    (void)snprintf(
        sql, sizeof sql,
        "BEGIN; SELECT pg_advisory_xact_lock(%d, 0); UPDATE cluster SET key_bucket = %d, bucket_since = %" PRId64
        " WHERE key_bucket = %d; COMMIT",
        (int)POSTGRES_LOCK_SLOT, bucket, now_us, bucket - 1);
    if (rc == RC_OK)
        rc = store_postgres_exec(&s->maker, sql);
    if (rc != RC_OK && s->maker.pg != NULL) {
        enum rc undone = store_postgres_exec(&s->maker, "ROLLBACK");
        (void)undone;
    }
    return rc;
}

/* Whatever is older than the two that are in use. */
static void drop_tables_before(struct store_postgres *s, int bucket)
{
    char sql[128];
    PGresult *r;
    (void)snprintf(
        sql, sizeof sql,
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relname ~ '^remembered_[0-9]+$'"
        " AND pg_table_is_visible(oid)");
    if (store_postgres_query(&s->maker, sql, NULL, &r) != RC_OK)
        return;
    for (int i = 0; i < PQntuples(r); i++) {
        int64_t n = INT64_MAX;
        struct str name = store_postgres_bytes(r, i, 0);
        if (!str_skip_prefix(&name, STR("remembered_")) || str_to_i64(name, &n) != RC_OK ||
            n >= bucket)
            continue;
        (void)snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS remembered_%" PRId64, n);
        enum rc rc = store_postgres_exec(&s->maker, sql);
        (void)rc; /* at the next switch, then */
    }
    PQclear(r);
}

static bool is_window_over(struct store_postgres *s, int64_t now_us)
{
    return now_us - s->bucket_since_us >= atomic_load(&s->base.idempotency_us);
}

/* Where it seems to be time, the database says since when the present table is written: a switch whose answer was lost has
 * taken place, and one too many would forget what was just remembered. */
void store_postgres_keys_mind(struct store_postgres *s)
{
    int64_t now_us = store_time_us(&s->base.time);
    if (!is_window_over(s, now_us) || store_postgres_keys_load(s, NULL) != RC_OK ||
        !is_window_over(s, now_us))
        return;
    mutex_lock(&s->make_lock);
    enum rc rc = begin_table(s, atomic_load(&s->key_bucket) + 1, now_us);
    mutex_unlock(&s->make_lock);
    if (rc == RC_OK)
        rc = store_postgres_keys_load(s, NULL);
    if (rc != RC_OK)
        return;
    mutex_lock(&s->make_lock);
    drop_tables_before(s, atomic_load(&s->key_bucket) - 1);
    mutex_unlock(&s->make_lock);
    LOG(STORE_KEYS_SWITCHED);
}

enum rc store_postgres_keys_mend(struct store_postgres *s)
{
    char sql[300];
    int bucket = atomic_load(&s->key_bucket);
    (void)snprintf(sql, sizeof sql,
                   "CREATE TABLE IF NOT EXISTS remembered_%d" KEY_TABLE
                   "; CREATE TABLE IF NOT EXISTS remembered_%d" KEY_TABLE,
                   bucket - 1, bucket);
    mutex_lock(&s->make_lock);
    enum rc rc = store_postgres_conn_open(&s->maker);
    if (rc == RC_OK)
        rc = store_postgres_exec(&s->maker, sql);
    mutex_unlock(&s->make_lock);
    return rc;
}
