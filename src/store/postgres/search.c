/* SPDX-License-Identifier: Apache-2.0
 *
 * Searching deliveries. Messages are scanned in batches, and everything that is asked of them is asked for many at once:
 * which payloads have the text, and how the deliveries stand that will be looked at next.
 */
#include "store/postgres/search_priv.h"

#include "store/postgres/state_priv.h"
#include "store/postgres/walk_priv.h"
#include "store/rows_priv.h"
#include "store/search_priv.h"
#include "store/wanted_priv.h"

enum { BATCH = 128, AHEAD_FIRST = 64, AHEAD_MAX = 512 };

/* Columns 2 to 7: tail, created, event type, endpoints, bytes of payload, due. */
#define SEARCH_ROWS \
    "SELECT t.k AS key, 0 AS of, t.tail, t.created, t.event_type, t.endpoints, coalesce(octet_length(t.payload), 0) AS bytes," \
    " t.deliver_at FROM message_# t WHERE " SCAN_ROWS("k", "app") \
        SCAN_TIME("created") " ORDER BY t.k DESC"
#define SEARCH_SCAN \
    SCAN("r.key, r.of, r.tail, r.created, r.event_type, r.endpoints, r.bytes, r.deliver_at", \
         STRETCHES_DOWN("message_#", "k", ""), SEARCH_ROWS, "DESC") \
    SCAN_END("DESC")

/* ?3 text, ?4 now. A payload past its time is not looked into. */
#define PAYLOADS \
    "SELECT e.at FROM " POSTGRES_KEYS \
    " CROSS JOIN LATERAL (SELECT t.payload, t.expires FROM message_# t WHERE t.k = e.key LIMIT 1) m" \
    " WHERE (m.expires = 0 OR m.expires > ?4) AND position(CAST(?3 AS BYTEA) IN m.payload) > 0"

#define MESSAGE "SELECT " MESSAGE_COLUMNS("", "NULL") " FROM message_# WHERE k = ?"

/* ?1 message, ?2 endpoint, ?3 key. */
#define ATTEMPT \
    "SELECT " ATTEMPT_COLUMNS ", 0 FROM attempt_# a CROSS JOIN LATERAL" \
    " (SELECT t.tail FROM message_# t WHERE t.k = a.msg LIMIT 1) m WHERE a.msg = ? AND a.endpoint = ? AND a.ak = ?"

struct search_row {
    struct store_searched message;
    int64_t first_due_us;
};

struct searching {
    struct store_searching base;
    struct store_postgres *store;
    struct postgres_listing scan;
    struct db *db;
    const struct postgres_segment *segment;
    struct search_row batch[BATCH];
    size_t batch_count, at; /* and the one that is looked at */
    struct postgres_pair
        pairs[AHEAD_MAX]; /* deliveries read ahead, in the order they are asked for */
    struct postgres_state states[AHEAD_MAX];
    size_t pair_count, pair_at, pair_max;
};

static struct searching *searching_of(struct store_searching *base)
{
    return CONTAINER_OF(base, struct searching, base);
}

/* --- reading ahead ------------------------------------------------------------------------------------------ */

static const int64_t *search_endpoints_of(const struct searching *q, const struct search_row *row,
                                          size_t *count)
{
    const struct store_delivery_search *f = q->base.f;
    const struct store_wanted wanted = { .event_types = f->event_types,
                                         .event_type_count = f->event_type_count };
    *count = 0;
    if (!store_is_wanted(&wanted, row->message.event_type, STR_NONE, STR_NONE))
        return NULL;
    if (f->endpoint == 0)
        return store_endpoints_list(row->message.endpoints, q->base.arena, count);
    *count = store_endpoints_has(row->message.endpoints, f->endpoint) ? 1 : 0;
    return &f->endpoint;
}

/* The deliveries from this one on, into `pairs`. */
static void search_plan(struct searching *q, int64_t endpoint)
{
    q->pair_count = q->pair_at = 0;
    for (size_t i = q->at; i < q->batch_count && q->pair_count < q->pair_max; i++) {
        size_t count;
        const struct search_row *row = &q->batch[i];
        const int64_t *endpoints = search_endpoints_of(q, row, &count);
        for (size_t j = 0; j < count && q->pair_count < q->pair_max; j++)
            if (i > q->at || endpoints[j] >= endpoint)
                q->pairs[q->pair_count++] =
                    (struct postgres_pair){ id_key(&row->message.id), endpoints[j],
                                            row->first_due_us };
    }
}

static bool search_is_ahead(struct searching *q, int64_t k, int64_t endpoint)
{
    while (q->pair_at < q->pair_count &&
           (q->pairs[q->pair_at].msg != k || q->pairs[q->pair_at].endpoint != endpoint))
        q->pair_at++;
    return q->pair_at < q->pair_count;
}

static enum rc search_read_state(struct store_searching *base, int64_t endpoint,
                                 struct store_delivery_found *found)
{
    enum rc rc = RC_OK;
    struct searching *q = searching_of(base);
    int64_t k = id_key(&found->row.message);
    if (!search_is_ahead(q, k, endpoint)) {
        search_plan(q, endpoint);
        rc = store_postgres_states(q->db, q->segment, q->pairs, q->pair_count, base->f->text,
                                   base->arena, q->states);
        q->pair_max = 2 * q->pair_max < AHEAD_MAX ? 2 * q->pair_max : AHEAD_MAX;
    }
    if (rc != RC_OK)
        return rc;
    struct id message = found->row.message;
    found->row = q->states[q->pair_at].row;
    found->row.message = message;
    return RC_OK;
}

/* --- what is found ---------------------------------------------------------------------------------------- */

static enum rc search_read_last(struct searching *q, int64_t k, struct store_delivery_found *found)
{
    enum rc rc;
    struct db_stmt *s = store_postgres_prepare(q->db, q->segment, ATTEMPT);
    db_bind_int(s, 1, id_key(&found->row.message));
    db_bind_int(s, 2, found->row.endpoint);
    db_bind_int(s, 3, k);
    found->has_last = db_step(s, &rc);
    if (found->has_last)
        store_read_attempt(s, q->base.arena, &found->last);
    db_release(s);
    found->last.response_headers = found->last.request_headers = STR_NONE;
    found->last.next_due_us = store_shown_us(q->base.store, found->last.next_due_us);
    return rc;
}

static enum rc search_judge_attempt(struct store_searching *base,
                                    struct store_delivery_found *found, bool *wanted)
{
    struct searching *q = searching_of(base);
    const struct postgres_state *state = &q->states[q->pair_at];
    if (state->last_k == 0) {
        *wanted = *wanted && base->f->http_status < 0;
        return RC_OK;
    }
    *wanted = store_search_judge(base, found, *wanted, state->has_text, state->http_status);
    return *wanted ? search_read_last(q, state->last_k, found) : RC_OK;
}

static enum rc search_read_found(struct store_searching *base, struct store_message *out)
{
    enum rc rc;
    struct searching *q = searching_of(base);
    struct db_stmt *s = store_postgres_prepare(q->db, q->segment, MESSAGE);
    db_bind_int(s, 1, id_key(&base->last));
    if (db_step(s, &rc))
        store_read_message(s, 0, base->now_us, base->arena, out);
    db_release(s);
    return rc;
}

/* --- the walk ----------------------------------------------------------------------------------------------- */

static void search_bind(struct postgres_listing *l, struct db_stmt *s)
{
    (void)s;
    CONTAINER_OF(l, struct searching, scan)->batch_count = 0;
}

/* Notes a row of the scan, which is kept for as long as its batch is looked at. */
static bool search_note(struct postgres_listing *l, struct db_stmt *s)
{
    struct searching *q = CONTAINER_OF(l, struct searching, scan);
    int64_t k = db_int(s, 0), created_us = db_int(s, 3);
    struct search_row *row = &q->batch[q->batch_count++];
    *row = (struct search_row){
        .message = { .id = store_id_of(k, db_borrow(s, 2)),
                     .created_us = created_us,
                     .event_type = db_text(s, 4, q->base.arena),
                     .endpoints = db_text(s, 5, q->base.arena),
                     .payload_bytes = db_int(s, 6) },
        .first_due_us = store_postgres_first_due_us(k, created_us, db_int(s, 7)),
    };
    return true;
}

/* Payloads are looked into as far as the search may go. */
static enum rc search_look_into(struct searching *q, const struct postgres_key *keys, size_t count)
{
    enum rc rc;
    const struct store_delivery_search *f = q->base.f;
    int64_t bytes = q->base.bytes;
    size_t some = 0;
    while (some < count && bytes < f->bytes_max)
        bytes += q->batch[some++].message.payload_bytes;
    struct db_stmt *s = store_postgres_prepare(q->db, q->segment, PAYLOADS);
    store_postgres_bind_keys(s, keys, some, q->base.arena);
    db_bind_blob(s, 3, f->text);
    db_bind_int(s, 4, q->base.now_us);
    while (db_step(s, &rc))
        q->batch[db_int(s, 0) - 1].message.has_text = true;
    db_release(s);
    return rc;
}

/* The batch that was scanned. It leaves no rows: what is found goes into the search's own. */
static enum rc search_batch(struct postgres_listing *l, struct db *db,
                            const struct postgres_segment *seg, struct postgres_key *keys,
                            size_t *count)
{
    enum rc rc = RC_OK;
    struct searching *q = CONTAINER_OF(l, struct searching, scan);
    q->db = db;
    q->segment = seg;
    q->pair_count = q->pair_at = 0;
    if (q->base.f->text.len > 0)
        rc = search_look_into(q, keys, *count);
    for (q->at = 0; rc == RC_OK && !q->base.is_stopped && q->at < *count; q->at++)
        rc = store_search_message(&q->base, &q->batch[q->at].message);
    if (q->base.is_stopped)
        l->rows_left = 0;
    *count = 0;
    return rc;
}

static enum rc search_all(void *ctx, struct db *db)
{
    struct searching *q = ctx;
    const struct store_page page = { .descending = true, .limit = BATCH - 1 };
    store_search_begin(&q->base, q->base.store, q->base.f, q->base.arena, q->base.out, q->base.max);
    q->pair_max = AHEAD_FIRST;
    enum rc rc = store_postgres_listing_begin(&q->scan, &page, STR("msg_"));
    q->scan.page_high = store_search_high(q->base.f);
    return rc == RC_OK ? store_postgres_listing_walk(&q->scan, q->store, db) : rc;
}

enum rc store_postgres_delivery_search(struct store *store, const struct store_delivery_search *f,
                                       struct arena *a, struct store_delivery_found *out,
                                       size_t max, struct store_delivery_search_end *end)
{
    struct searching *q = ARENA_NEW(a, struct searching);
    *q = (struct searching){ .base = { .delivery = search_read_state,
                                       .attempt = search_judge_attempt,
                                       .message = search_read_found },
                             .store = store_postgres_of(store),
                             .scan = { .down = SEARCH_SCAN,
                                       .shown = POSTGRES_SHOWN("message_#", "k", "created"),
                                       .whose = f->app,
                                       .after_us = f->after_us,
                                       .before_us = f->before_us,
                                       .bind = search_bind,
                                       .is_wanted = search_note,
                                       .narrow = search_batch,
                                       .arena = a } };
    store_search_begin(&q->base, store, f, a, out, max);
    enum rc rc = store_postgres_read(q->store, search_all, q);
    store_search_end(&q->base, end);
    return rc;
}
