/* SPDX-License-Identifier: Apache-2.0
 *
 * How many deliveries of an endpoint are in which state; and how much is in the segments.
 *
 * There is no row of a delivery to count. What ended is counted by the attempts of the endpoint: one that is its
 * delivery's newest, and whose delivery does not wait again, is an end. What waits is counted in `waiting`. And what is
 * neither has been accepted after the cursor, which is a few seconds ago. An endpoint is of one application, so what ended is
 * not asked for its own.
 */
#include "store/postgres/counts_priv.h"

#include "store/key_time_priv.h"
#include "store/postgres/segments_priv.h"
#include "store/postgres/walk_priv.h"
#include "store/rows_priv.h"

enum {
    UNTOUCHED_MAX = 1000, /* of one statement */
    PENDING_MAX = 100000,
};

/* ?1 endpoint, ?2 and ?3 bounds of attempts, ?4 and ?5 of messages: from, and before. */
#define ENDED \
    "SELECT r.state_after, count(*) FROM unnest(ARRAY(SELECT h.v FROM " STRETCHES_DOWN( \
        "attempt_#", "ak", \
        "") " AS h)) AS s(v)" \
            " CROSS JOIN LATERAL (SELECT t.msg, t.ak, t.endpoint, t.state_after FROM attempt_# t" \
            " WHERE " SCAN_ROWS( \
                "ak", \
                "endpoint") " AND t.msg >= ?4 AND t.msg < ?5 OFFSET 0) r" \
                            " WHERE r.ak = (SELECT n.ak FROM attempt_# n WHERE n.msg = r.msg AND n.endpoint = r.endpoint ORDER BY n.ak DESC LIMIT 1)" \
                            " AND (SELECT 1 FROM waiting w WHERE w.endpoint = r.endpoint AND w.msg = r.msg LIMIT 1) IS NULL" \
                            " GROUP BY r.state_after LIMIT 16"

#define WAITING \
    "SELECT state, count(*) FROM waiting WHERE endpoint = ?1 AND msg >= ?2 AND msg < ?3 AND app = ?4 GROUP BY state LIMIT 16"

/* ?7 endpoint. Messages that nothing has become of as far as the endpoint is concerned, if it is one of theirs. */
#define UNTOUCHED_ROWS \
    "SELECT t.k AS key, t.endpoints FROM message_# t WHERE " SCAN_ROWS( \
        "k", \
        "app") " AND (SELECT 1 FROM attempt_# n WHERE n.msg = t.k AND n.endpoint = ?5 LIMIT 1) IS NULL" \
               " AND (SELECT 1 FROM waiting w WHERE w.endpoint = ?5 AND w.msg = t.k LIMIT 1) IS NULL ORDER BY t.k ASC"
#define UNTOUCHED \
    SCAN("r.key, r.endpoints", STRETCHES_UP("message_#", "k", ""), UNTOUCHED_ROWS, "ASC") \
    SCAN_END("ASC")

struct counts_read {
    struct store_postgres *store;
    int64_t app, endpoint;
    int64_t low, high; /* keys: from, and before */
    struct store_counts *out;
};

static void counts_add(struct store_counts *out, int64_t state, int64_t count)
{
    if (state >= 0 && state < (int64_t)COUNT_OF(out->by_state))
        out->by_state[state] += count;
}

static enum rc counts_sum(struct db_stmt *s, struct store_counts *out)
{
    enum rc rc;
    while (db_step(s, &rc))
        counts_add(out, db_int(s, 0), db_int(s, 1));
    return rc;
}

static enum rc counts_waiting(const struct counts_read *c, struct db *db)
{
    struct db_stmt *s = db_prepare(db, WAITING);
    db_bind_int(s, 1, c->endpoint);
    db_bind_int(s, 2, c->low);
    db_bind_int(s, 3, c->high);
    db_bind_int(s, 4, c->app);
    return counts_sum(s, c->out);
}

/* No attempt is older than its message. */
static enum rc counts_ended(const struct counts_read *c, struct db *db,
                            const struct postgres_segment *seg)
{
    struct db_stmt *s = store_postgres_prepare(db, seg, ENDED);
    int64_t first = c->low > seg->first_k ? c->low : seg->first_k;
    db_bind_int(s, 1, c->endpoint);
    db_bind_int(s, 2, first - 1);
    db_bind_int(s, 3, INT64_MAX);
    db_bind_int(s, 4, c->low);
    db_bind_int(s, 5, c->high);
    enum rc rc = counts_sum(s, c->out);
    db_release(s);
    return rc;
}

static enum rc counts_untouched_some(const struct counts_read *c, struct db *db,
                                     const struct postgres_segment *seg, int64_t *after_k,
                                     bool *is_end)
{
    enum rc rc;
    int64_t seen = 0;
    struct db_stmt *s = store_postgres_prepare(db, seg, UNTOUCHED);
    db_bind_int(s, 1, c->app);
    db_bind_int(s, 2, *after_k);
    db_bind_int(s, 3, c->high);
    db_bind_int(s, 4, UNTOUCHED_MAX);
    db_bind_int(s, 5, c->endpoint);
    for (; db_step(s, &rc); seen++) {
        *after_k = db_int(s, 0);
        if (store_endpoints_has(db_borrow(s, 1), c->endpoint))
            counts_add(c->out, STORE_PENDING, 1);
    }
    db_release(s);
    *is_end = seen < UNTOUCHED_MAX;
    return rc;
}

static enum rc counts_untouched(const struct counts_read *c, struct db *db,
                                const struct postgres_segment *seg, int64_t cursor_k)
{
    enum rc rc = RC_OK;
    int64_t after_k = (cursor_k > c->low ? cursor_k : c->low) - 1;
    bool is_end = seg->end_k - 1 <= after_k;
    while (rc == RC_OK && !is_end && after_k < c->high - 1)
        rc = counts_untouched_some(c, db, seg, &after_k, &is_end);
    return rc;
}

static enum rc counts_cursor(struct db *db, int64_t *out)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, "SELECT coalesce(min(cursor_k), 0) FROM node_beat"
                                       " WHERE lease_until > clock_timestamp()");
    *out = 0;
    if (db_step(s, &rc)) {
        *out = db_int(s, 0);
        db_reset(s);
    }
    return rc;
}

static enum rc counts_read_all(void *ctx, struct db *db)
{
    const struct counts_read *c = ctx;
    int64_t cursor_k;
    *c->out = (struct store_counts){ 0 };
    enum rc rc = counts_cursor(db, &cursor_k);
    if (rc == RC_OK)
        rc = counts_waiting(c, db);
    struct postgres_segments list = store_postgres_segments_get(c->store);
    for (size_t i = 0; rc == RC_OK && i < list.count; i++) {
        if (list.at[i]->end_k <= c->low || list.at[i]->first_k >= c->high)
            continue;
        rc = counts_ended(c, db, list.at[i]);
        if (rc == RC_OK)
            rc = counts_untouched(c, db, list.at[i], cursor_k);
    }
    store_postgres_segments_free(&list);
    return rc;
}

enum rc store_postgres_delivery_counts(struct store *store, int64_t app, int64_t endpoint,
                                       int64_t since_us, int64_t until_us, struct store_counts *out)
{
    struct counts_read c = { .store = store_postgres_of(store),
                             .app = app,
                             .endpoint = endpoint,
                             .low = store_key_at(store_own_us(store, since_us)),
                             .high = store_key_at(store_own_us(store, until_us)),
                             .out = out };
    return store_postgres_read(c.store, counts_read_all, &c);
}

/* --- segments -------------------------------------------------------------------------------------------------- */

struct pieces_read {
    struct store_postgres *store;
    struct store_piece *out;
    size_t count, max;
};

/* ?1 first keys of segments, ?2 how many rows are looked at. */
#define PENDING \
    "SELECT width_bucket(w.msg, " POSTGRES_LIST( \
        "?1") "), count(*)" \
              " FROM (SELECT msg FROM waiting ORDER BY endpoint, msg LIMIT ?2) w GROUP BY 1 LIMIT 10000"

#define PIECE \
    "SELECT pg_total_relation_size('message_#') + pg_total_relation_size('attempt_#')" \
    " + pg_total_relation_size('request_#') + pg_total_relation_size('filter_run_#')"

static enum rc pieces_read_one(struct pieces_read *p, struct db *db,
                               const struct postgres_segment *seg)
{
    enum rc rc;
    struct store_piece *piece = &p->out[p->count];
    *piece = (struct store_piece){ .from_us = store_key_time_us(seg->first_k),
                                   .messages = atomic_load(&seg->messages),
                                   .attempts = atomic_load(&seg->attempts) };
    struct db_stmt *s = store_postgres_prepare(db, seg, PIECE);
    if (db_step(s, &rc)) {
        piece->bytes = db_int(s, 0);
        p->count++;
    }
    db_release(s);
    return rc;
}

/* An estimate, once there are many. */
static enum rc pieces_read_pending(struct pieces_read *p, struct db *db,
                                   const struct postgres_segments *list)
{
    struct arena scratch;
    enum rc rc = db_exec(db, "SET LOCAL enable_seqscan = off"); /* an index has all it takes */
    if (rc != RC_OK)
        return rc;
    arena_init(&scratch);
    int64_t *first = arena_array(&scratch, list->count + 1, sizeof(*first));
    for (size_t i = 0; i < list->count; i++)
        first[i] = list->at[i]->first_k;
    struct db_stmt *s = db_prepare(db, PENDING);
    db_bind_text(s, 1, store_postgres_list(first, list->count, &scratch));
    db_bind_int(s, 2, PENDING_MAX);
    while (db_step(s, &rc)) {
        int64_t place = (int64_t)list->count - db_int(s, 0);
        if (place >= 0 && place < (int64_t)p->count)
            p->out[place].pending = db_int(s, 1);
    }
    arena_fini(&scratch);
    return rc;
}

static enum rc pieces_read_all(void *ctx, struct db *db)
{
    struct pieces_read *p = ctx;
    enum rc rc = RC_OK;
    p->count = 0;
    struct postgres_segments list = store_postgres_segments_get(p->store);
    for (size_t i = list.count; rc == RC_OK && p->count < p->max && i-- > 0;)
        rc = pieces_read_one(p, db, list.at[i]);
    if (rc == RC_OK && list.count > 0)
        rc = pieces_read_pending(p, db, &list);
    store_postgres_segments_free(&list);
    return rc;
}

/* What cannot be read is not shown. */
size_t store_postgres_pieces(struct store *store, struct store_piece *out, size_t max)
{
    struct pieces_read p = { .store = store_postgres_of(store), .out = out, .max = max };
    return store_postgres_read(p.store, pieces_read_all, &p) == RC_OK ? p.count : 0;
}
