/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/confirmed_priv.h.
 */
#include "store/postgres/confirmed_priv.h"

#include "base/time_text.h"
#include "store/key_time_priv.h"

#define WENT_BACK "database went back" /* a setting: when, in seconds by the database's clock */

void store_postgres_confirmed_init(struct postgres_confirmed *c)
{
    *c = (struct postgres_confirmed){ .last_k = 0 };
    mutex_init(&c->lock);
}

void store_postgres_confirmed_fini(struct postgres_confirmed *c)
{
    mutex_fini(&c->lock);
}

/* --- noting ------------------------------------------------------------------------------------------ */

void store_postgres_confirmed_message(struct postgres_confirmed *c, int64_t k)
{
    mutex_lock(&c->lock);
    c->marks.message_k = k;
    mutex_unlock(&c->lock);
}

void store_postgres_confirmed_attempt(struct postgres_confirmed *c, const struct store_outcome *o)
{
    mutex_lock(&c->lock);
    c->marks.attempt_msg = id_key(&o->message);
    c->marks.attempt_endpoint = o->endpoint;
    c->marks.attempt_ak = id_key(&o->attempt);
    mutex_unlock(&c->lock);
}

struct postgres_marks store_postgres_confirmed_marks(struct postgres_confirmed *c)
{
    mutex_lock(&c->lock);
    struct postgres_marks marks = c->marks;
    mutex_unlock(&c->lock);
    return marks;
}

void store_postgres_confirmed_beat(struct postgres_confirmed *c, int64_t last_k,
                                   const struct postgres_marks *before)
{
    mutex_lock(&c->lock);
    c->last_k = last_k;
    if (c->marks.message_k == before->message_k)
        c->marks.message_k = 0;
    if (c->marks.attempt_ak == before->attempt_ak)
        c->marks.attempt_msg = c->marks.attempt_endpoint = c->marks.attempt_ak = 0;
    mutex_unlock(&c->lock);
}

/* --- looking ------------------------------------------------------------------------------------------ */

/* A higher epoch is no loss: somebody has taken over, which the fence tells. *is_whole: nothing is missing. */
static enum rc look_for_marks(struct store_postgres *s, struct postgres_conn *c, bool *is_whole)
{
    PGresult *r;
    struct postgres_params p;
    mutex_lock(&s->confirmed.lock);
    struct postgres_marks marks = s->confirmed.marks;
    int64_t last_k = s->confirmed.last_k;
    mutex_unlock(&s->confirmed.lock);
    store_postgres_params_init(&p);
    store_postgres_params_int(&p, s->slot);
    store_postgres_params_int(&p, marks.message_k);
    store_postgres_params_int(&p, marks.attempt_msg);
    store_postgres_params_int(&p, marks.attempt_endpoint);
    store_postgres_params_int(&p, marks.attempt_ak);
    enum rc rc = store_postgres_query(
        c,
        "SELECT (SELECT epoch FROM node_fence WHERE slot = $1), (SELECT last_k FROM node_beat WHERE slot = $1),"
        " $2 = 0 OR EXISTS (SELECT 1 FROM message WHERE k = $2),"
        " $5 = 0 OR EXISTS (SELECT 1 FROM attempt WHERE msg = $3 AND endpoint = $4 AND ak = $5)",
        &p, &r);
    if (rc != RC_OK)
        return rc;
    int64_t epoch = store_postgres_int(r, 0, 0);
    bool has_all = store_postgres_int(r, 0, 1) >= last_k && store_postgres_int(r, 0, 2) != 0 &&
                   store_postgres_int(r, 0, 3) != 0;
    *is_whole = epoch > s->epoch || (epoch == s->epoch && has_all);
    PQclear(r);
    return RC_OK;
}

/* Once: the first connection that misses something speaks for all. */
static void note_went_back(struct store_postgres *s, struct postgres_conn *c)
{
    PGresult *r;
    int64_t newest_us = 0;
    char after[TIME_TEXT_LEN + 1];
    atomic_store(&s->has_lost, true);
    if (atomic_exchange(&s->is_fenced, true))
        return;
    if (store_postgres_query(
            c,
            "INSERT INTO setting(name, value) VALUES('" WENT_BACK "', convert_to(CAST(CAST("
            " extract(epoch FROM clock_timestamp()) AS BIGINT) AS TEXT), 'UTF8'))"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value RETURNING (SELECT max(k) FROM message)",
            NULL, &r) == RC_OK) {
        newest_us = store_key_time_us(store_postgres_int(r, 0, 0));
        PQclear(r);
    }
    time_format(newest_us + store_time_ahead_us(&s->base.time), after);
    LOG(STORE_WENT_BACK, F_INT("slot", s->slot), F_TEXT("after", after));
}

/* Behind a pooler another database may answer on the same connection. The beat, which alone moves the cursor, asks each time; groups do
 * not, since for them it would be a round trip each. */
static bool is_known_whole(const struct store_postgres *s, const struct postgres_conn *c)
{
    bool is_open = c->pg != NULL && PQstatus(c->pg) == CONNECTION_OK;
    return is_open && (!c->is_pooled || c != &s->beat_conn);
}

enum rc store_postgres_confirmed_open(struct store_postgres *s, struct postgres_conn *c)
{
    bool is_whole = true, is_known = is_known_whole(s, c);
    enum rc rc = store_postgres_conn_open(c);
    if (rc != RC_OK || is_known)
        return rc;
    rc = look_for_marks(s, c, &is_whole);
    if (rc == RC_OK && is_whole)
        return RC_OK;
    if (rc == RC_OK)
        note_went_back(s, c);
    store_postgres_conn_close(c); /* so that it is asked again */
    return rc == RC_OK ? RC_DENIED : rc;
}

/* --- for operators -------------------------------------------------------------------------------------- */

enum rc store_postgres_confirmed_show(struct store_postgres *s)
{
    int64_t at_s = 0;
    struct str value;
    struct store_tx *tx;
    struct arena scratch;
    arena_init(&scratch);
    enum rc rc = store_read_config(&s->base.config, &tx);
    if (rc == RC_OK) {
        rc = store_setting_get(tx, WENT_BACK, &scratch, &value);
        if (rc == RC_OK && str_to_i64(value, &at_s) == RC_OK)
            metrics_set(METRIC_STORE_WENT_BACK, at_s);
        store_end(tx);
    }
    arena_fini(&scratch);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
