/* SPDX-License-Identifier: Apache-2.0
 *
 * How many deliveries of an endpoint are in which state; and how much is in the segments.
 *
 * There is no row of a delivery to count. What ended is counted by the attempts of the endpoint: the newest of a delivery,
 * where it does not wait again, is its end. What waits is counted in `waiting`. And what is neither has been accepted
 * after the cursor, which is a few seconds ago. An endpoint is of one application, so what ended is not asked for its own.
 *
 * That costs a little for each attempt. So what was counted is kept, but for the newest messages (counted_priv.h).
 */
#include "store/postgres/counts_priv.h"

#include "store/key_time_priv.h"
#include "store/postgres/counted_priv.h"
#include "store/postgres/health_priv.h"
#include "store/postgres/segments_priv.h"
#include "store/postgres/walk_priv.h"
#include "store/rows_priv.h"

enum {
    UNTOUCHED_MAX = 1000, /* of one statement */
    PENDING_MAX = 100000,
    NEWEST_US =
        16000000, /* what is younger is counted each time: submitters may still hold its keys */
};

/* ?1 endpoint, ?2 and ?3 bounds of attempts, ?4 and ?5 of messages: from, and before. Of each cell of messages so many in
 * a state. */
#define ENDED(attempts) \
    "SELECT n.msg >> 36, n.state_after, count(*) FROM (SELECT DISTINCT ON (r.msg) r.msg, r.state_after FROM " attempts \
    " ORDER BY r.msg, r.ak DESC) n WHERE NOT EXISTS (SELECT 1 FROM waiting w WHERE w.endpoint = ?1 AND w.msg = n.msg)" \
    " GROUP BY 1, 2 LIMIT 10000000"
/* As many attempts are looked at as the endpoint has since the first of these messages. */
#define ENDED_BY_ENDPOINT \
    ENDED("unnest(ARRAY(SELECT h.v FROM " STRETCHES_DOWN( \
        "attempt_#", "ak", \
        "") " AS h)) AS s(v)" \
            " CROSS JOIN LATERAL (SELECT t.msg, t.ak, t.state_after FROM attempt_# t" \
            " WHERE " SCAN_ROWS("ak", "endpoint") " AND t.msg >= ?4 AND t.msg < ?5 OFFSET 0) r")
/* As many as these messages have, of all endpoints. */
#define ENDED_BY_MESSAGE \
    ENDED("(SELECT t.msg, t.ak, t.state_after FROM attempt_# t" \
          " WHERE t.msg >= ?4 AND t.msg < ?5 AND t.endpoint = ?1 OFFSET 0) r")

#define WAITING \
    "SELECT msg >> 36, state, count(*) FROM waiting WHERE endpoint = ?1 AND msg >= ?2 AND msg < ?3 AND app = ?4" \
    " GROUP BY 1, 2 LIMIT 10000000"
_Static_assert(POSTGRES_CELL_BITS == 36, "the statements above say it, too");

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
    int64_t cursor_k;
    int64_t keep_k; /* what is before it is kept; a cell begins there */
    struct counted_watch watch;
    struct store_counts *out;
};

/* Some keys of messages: from, and before. */
struct counts_range {
    int64_t low, high;
};

static enum rc counts_add_rows(struct db_stmt *s, struct counted_cells *cells)
{
    enum rc rc;
    while (db_step(s, &rc))
        store_postgres_cells_add(cells, db_int(s, 0), db_int(s, 1), db_int(s, 2));
    return rc;
}

static enum rc counts_waiting(const struct counts_read *c, struct db *db, struct counts_range r,
                              struct counted_cells *cells)
{
    struct db_stmt *s = db_prepare(db, WAITING);
    db_bind_int(s, 1, c->endpoint);
    db_bind_int(s, 2, r.low);
    db_bind_int(s, 3, r.high);
    db_bind_int(s, 4, c->app);
    return counts_add_rows(s, cells);
}

/* No attempt is older than its message. */
static enum rc counts_ended(const struct counts_read *c, struct db *db,
                            const struct postgres_segment *seg, const char *sql,
                            struct counts_range r, struct counted_cells *cells)
{
    struct db_stmt *s = store_postgres_prepare(db, seg, sql);
    db_bind_int(s, 1, c->endpoint);
    db_bind_int(s, 2, r.low - 1);
    db_bind_int(s, 3, INT64_MAX);
    db_bind_int(s, 4, r.low);
    db_bind_int(s, 5, r.high);
    enum rc rc = counts_add_rows(s, cells);
    db_release(s);
    return rc;
}

/* All but what nothing has become of yet. The cells are for store_postgres_cells_fini(). */
static enum rc counts_cells(const struct counts_read *c, struct db *db,
                            const struct postgres_segment *seg, const char *sql,
                            struct counts_range r, struct counted_cells *cells)
{
    *cells = (struct counted_cells){ 0 };
    enum rc rc = counts_ended(c, db, seg, sql, r, cells);
    if (rc == RC_OK)
        rc = counts_waiting(c, db, r, cells);
    store_postgres_cells_settle(cells);
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
            c->out->by_state[STORE_PENDING]++;
    }
    db_release(s);
    *is_end = seen < UNTOUCHED_MAX;
    return rc;
}

static enum rc counts_untouched(const struct counts_read *c, struct db *db,
                                const struct postgres_segment *seg)
{
    enum rc rc = RC_OK;
    int64_t after_k = (c->cursor_k > c->low ? c->cursor_k : c->low) - 1;
    bool is_end = seg->end_k - 1 <= after_k;
    while (rc == RC_OK && !is_end && after_k < c->high - 1)
        rc = counts_untouched_some(c, db, seg, &after_k, &is_end);
    return rc;
}

/* --- what is kept ----------------------------------------------------------------------------------------- */

static int64_t counts_cell_of(int64_t k)
{
    return k >> POSTGRES_CELL_BITS << POSTGRES_CELL_BITS;
}

/* Of these messages, which are counted now and not kept. */
static enum rc counts_once(const struct counts_read *c, struct db *db,
                           const struct postgres_segment *seg, const char *sql,
                           struct counts_range r)
{
    struct counted_cells cells;
    if (r.low >= r.high)
        return RC_OK;
    enum rc rc = counts_cells(c, db, seg, sql, r, &cells);
    store_postgres_cells_sum(&cells, r.low, r.high, c->out);
    store_postgres_cells_fini(&cells);
    return rc;
}

/* Of these messages, which end where cells do, what is kept; what is not yet is counted, up to `before_k`. */
static enum rc counts_kept(struct counts_read *c, struct db *db, const struct postgres_segment *seg,
                           struct counts_range r, int64_t before_k)
{
    struct counted_cells cells;
    struct postgres_counted *counted = &c->store->counted;
    int64_t kept_k = r.low;
    (void)store_postgres_counted_sum(counted, c->endpoint, seg->n, r.low, r.high, c->out, &kept_k);
    if (kept_k >= r.high)
        return RC_OK;
    const struct counts_range missing = { kept_k, before_k };
    enum rc rc = counts_cells(c, db, seg, ENDED_BY_ENDPOINT, missing, &cells);
    if (rc != RC_OK) {
        store_postgres_cells_fini(&cells);
        return rc;
    }
    store_postgres_cells_sum(&cells, kept_k > r.low ? kept_k : r.low, r.high, c->out);
    store_postgres_counted_keep(counted, &c->watch, seg->n, missing.low, missing.high, &cells);
    return RC_OK;
}

/* Whole cells are kept. What the window has of others at its ends is few messages, unless it ends with the newest ones. */
static enum rc counts_segment(struct counts_read *c, struct db *db,
                              const struct postgres_segment *seg)
{
    const struct counts_range all = { c->low > seg->first_k ? c->low : seg->first_k,
                                      c->high < seg->end_k ? c->high : seg->end_k };
    int64_t keep_k = c->keep_k < seg->end_k ? c->keep_k : seg->end_k;
    int64_t from_k = all.low, before_k = all.high;
    if (from_k != seg->first_k && from_k != counts_cell_of(from_k))
        from_k = counts_cell_of(from_k) + (INT64_C(1) << POSTGRES_CELL_BITS);
    if (before_k != seg->end_k)
        before_k = counts_cell_of(before_k);
    if (before_k > keep_k)
        before_k = keep_k;
    bool is_old = all.high <= keep_k;
    const char *last_sql = is_old ? ENDED_BY_MESSAGE : ENDED_BY_ENDPOINT;
    if (from_k >= before_k)
        return counts_once(c, db, seg, last_sql, all);
    enum rc rc =
        counts_once(c, db, seg, ENDED_BY_MESSAGE, (struct counts_range){ all.low, from_k });
    if (rc == RC_OK)
        rc = counts_kept(c, db, seg, (struct counts_range){ from_k, before_k }, keep_k);
    if (rc == RC_OK)
        rc = counts_once(c, db, seg, last_sql, (struct counts_range){ before_k, all.high });
    return rc;
}

static enum rc counts_each(struct counts_read *c, struct db *db)
{
    enum rc rc = RC_OK;
    struct postgres_segments list = store_postgres_segments_get(c->store);
    for (size_t i = 0; rc == RC_OK && i < list.count; i++) {
        if (list.at[i]->end_k <= c->low || list.at[i]->first_k >= c->high)
            continue;
        rc = counts_segment(c, db, list.at[i]);
        if (rc == RC_OK)
            rc = counts_untouched(c, db, list.at[i]);
    }
    store_postgres_segments_free(&list);
    return rc;
}

/* Below the cursor nothing is young, so that every delivery has a row that says how it stands. */
static enum rc counts_read_all(void *ctx, struct db *db)
{
    struct counts_read *c = ctx;
    struct store_postgres *s = c->store;
    *c->out = (struct store_counts){ 0 };
    bool may_keep = store_postgres_is_member(s);
    c->keep_k = may_keep ? counts_cell_of(store_key_at(store_time_us(&s->base.time) - NEWEST_US))
                         : INT64_MIN;
    store_postgres_counted_watch(&s->counted, &c->watch, c->endpoint, c->keep_k);
    /* There are indexes for all of it; and what is sorted is two numbers a delivery. */
    enum rc rc = db_exec(db, "SET LOCAL enable_seqscan = off; SET LOCAL work_mem = '32MB'");
    if (rc == RC_OK)
        rc = store_postgres_read_cursor(db, &c->cursor_k); /* the snapshot is of now */
    store_postgres_counted_seen(&s->counted, &c->watch);
    if (may_keep && c->cursor_k < c->keep_k)
        c->keep_k = counts_cell_of(c->cursor_k);
    if (rc == RC_OK)
        rc = counts_each(c, db);
    store_postgres_counted_unwatch(&s->counted, &c->watch);
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
