/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that came in at sources, from their own table and from the rows of their messages; and the last that a source
 * refused.
 */
#include "store/postgres/read_requests_priv.h"

#include "store/key_time_priv.h"
#include "store/postgres/segments_priv.h"
#include "store/postgres/walk_priv.h"
#include "store/request_priv.h"
#include "store/rows_priv.h"
#include "store/trouble.h"
#include "store/wanted_priv.h"

/* Both kinds of row, with the same columns. */
#define OWN_ROW \
    "t.k AS key, 0 AS of, t.k, t.tail, t.source, t.app, t.at, t.outcome, t.has_message, t.status, t.reason, t.method, t.url," \
    " t.peer, t.headers, CAST(NULL AS BYTEA) AS lines, t.body, t.body_bytes, t.event_type, t.dedupe_id, t.original, t.items" \
    " FROM request_# t"
#define MESSAGE_ROW \
    "t.k, 0, t.k, t.tail, t.source, t.app, t.received, CAST(0 AS SMALLINT), true, t.status, CAST(NULL AS BYTEA), t.method, t.url," \
    " t.peer, t.request_headers, t.headers, CAST(NULL AS BYTEA), t.body_bytes, t.request_type, t.dedupe_id," \
    " CAST(NULL AS BYTEA), CAST(NULL AS TEXT) FROM message_# t"

#define BODY \
    "CASE WHEN r.items IS NOT NULL THEN NULL" \
    " WHEN r.has_message THEN (SELECT m.payload FROM message_# m WHERE m.k = r.k) ELSE r.body END"

/* One of its events is such a message. */
#define AN_EVENT(condition) \
    " OR EXISTS (SELECT 1 FROM jsonb_array_elements_text(CAST(r.items AS JSONB) -> 'k') AS j(k)" \
    " CROSS JOIN LATERAL (SELECT * FROM message_# t WHERE t.k = CAST(j.k AS BIGINT) LIMIT 1) m WHERE " condition \
    ")"

/* ?7 outcomes, ?8 reason, ?9 type, ?10 text. */
#define TEXT_IN(column) "position(CAST(?10 AS BYTEA) IN " column ") > 0"
#define IS_WANTED \
    "(?7 = 0 OR (?7 >> CAST(r.outcome AS INT)) & 1 = 1) AND (CAST(?8 AS BYTEA) IS NULL OR r.reason = ?8)" \
    " AND (CAST(?9 AS BYTEA) IS NULL OR r.event_type = ?9" AN_EVENT( \
        "convert_to(m.event_type, 'UTF8') = ?9") ")" \
                                                 " AND (CAST(?10 AS BYTEA) IS NULL OR " TEXT_IN("r.url") " OR " TEXT_IN("r.headers") " OR " TEXT_IN( \
                                                     "r.lines") " OR " TEXT_IN("r.dedupe_id") " OR " TEXT_IN("(" BODY \
                                                                                                             ")") \
                                                     AN_EVENT(TEXT_IN("m.payload") " OR " TEXT_IN( \
                                                         "m.event_id")) ")"

#define REQUEST_STRETCHES(stretches) \
    "(SELECT v FROM " stretches("request_#", "k", "") " AS o UNION SELECT v FROM " stretches( \
        "message_#", "k", "t.source IS NOT NULL AND ") " AS m)"
#define REQUEST_ROWS(order) \
    "(SELECT " OWN_ROW " WHERE " SCAN_ROWS("k", "source") \
        SCAN_TIME("at") " ORDER BY t.k " order " LIMIT " SCAN_LIMIT ")" \
                        " UNION ALL (SELECT " MESSAGE_ROW \
                        " WHERE t.source IS NOT NULL AND " SCAN_ROWS("k", "source") \
                            SCAN_TIME("received") " ORDER BY t.k " order " LIMIT " SCAN_LIMIT \
                                                  ") ORDER BY key " order
#define REQUEST_SCAN(stretches, order) \
    SCAN("r.key, r.of, " IS_WANTED, REQUEST_STRETCHES(stretches), REQUEST_ROWS(order), order) \
    SCAN_END(order)

/* A message with its request was made as that came. */
#define REQUESTS_SHOWN \
    "SELECT min(x.low), max(x.high) FROM (" POSTGRES_SHOWN( \
        "request_#", "k", "at") " UNION ALL " POSTGRES_SHOWN("message_#", "k", \
                                                             "created") ") AS x(low, high)"

#define EITHER_ROW(condition) \
    "(SELECT " OWN_ROW " WHERE " condition " UNION ALL SELECT " MESSAGE_ROW \
    " WHERE t.source IS NOT NULL AND " condition " LIMIT 1) r"
#define REQUESTS \
    "SELECT " REQUEST_COLUMNS( \
        "CASE WHEN ?3 <> 0 THEN " BODY \
        " END") " FROM " POSTGRES_KEYS \
                " CROSS JOIN LATERAL " EITHER_ROW("t.k = e.key") " ORDER BY e.at"

struct requests_listing {
    struct postgres_listing base;
    const struct store_request_filter *filter;
    struct store_request *rows;
};

static void requests_bind_text(struct db_stmt *s, int at, struct str text)
{
    if (text.len > 0)
        db_bind_blob(s, at, text);
}

static void requests_bind(struct postgres_listing *l, struct db_stmt *s)
{
    const struct store_request_filter *f = CONTAINER_OF(l, struct requests_listing, base)->filter;
    db_bind_int(s, POSTGRES_SCAN_OWN, f->outcomes);
    requests_bind_text(s, POSTGRES_SCAN_OWN + 1, f->reason);
    requests_bind_text(s, POSTGRES_SCAN_OWN + 2, f->event_type);
    requests_bind_text(s, POSTGRES_SCAN_OWN + 3, f->text);
}

static bool requests_is_wanted(struct postgres_listing *l, struct db_stmt *s)
{
    (void)l;
    return db_int(s, 2) != 0;
}

static enum rc requests_fetch(struct postgres_listing *l, struct db *db,
                              const struct postgres_segment *seg, const struct postgres_key *keys,
                              size_t count)
{
    enum rc rc;
    struct requests_listing *r = CONTAINER_OF(l, struct requests_listing, base);
    struct db_stmt *s = store_postgres_prepare(db, seg, REQUESTS);
    store_postgres_bind_keys(s, keys, count, l->arena);
    db_bind_int(s, 3, r->filter->with_body);
    while (db_step(s, &rc))
        store_read_request(s, l->arena, &r->rows[l->count++]);
    db_release(s);
    return rc;
}

enum rc store_postgres_request_list(struct store *store, const struct store_request_filter *f,
                                    const struct store_page *page, struct arena *a,
                                    struct store_request *out, struct store_page_end *end)
{
    struct requests_listing r = { .base = { .up = REQUEST_SCAN(STRETCHES_UP, "ASC"),
                                            .down = REQUEST_SCAN(STRETCHES_DOWN, "DESC"),
                                            .shown = REQUESTS_SHOWN,
                                            .whose = f->source,
                                            .is_filtered = store_requests_are_filtered(f),
                                            .after_us = f->after_us,
                                            .before_us = f->before_us,
                                            .bind = requests_bind,
                                            .is_wanted = requests_is_wanted,
                                            .fetch = requests_fetch,
                                            .arena = a },
                                  .filter = f,
                                  .rows = out };
    return store_postgres_listing_run(&r.base, store_postgres_of(store), page, STR("req_"), out,
                                      sizeof(*out), end);
}

struct request_read {
    struct postgres_by_id base;
    int64_t source;
    struct arena *arena;
    struct store_request *out;
};

static enum rc request_get(void *ctx, struct db *db)
{
    enum rc rc;
    const struct request_read *r = ctx;
    struct db_stmt *s =
        store_postgres_prepare_by_id(db, &r->base,
                                     "SELECT " REQUEST_COLUMNS(BODY) " FROM " EITHER_ROW(
                                         "t.k = ?1 AND t.tail = ?2 AND t.source = ?3"));
    db_bind_int(s, 3, r->source);
    if (db_step(s, &rc))
        store_read_request(s, r->arena, r->out);
    else if (rc == RC_OK)
        rc = RC_NOT_FOUND;
    db_release(s);
    return rc;
}

enum rc store_postgres_request_get(struct store *store, int64_t source, const struct id *id,
                                   struct arena *a, struct store_request *out)
{
    struct request_read r = { .source = source, .arena = a, .out = out };
    return store_postgres_read_by_id(store_postgres_of(store), id, request_get, &r.base);
}

/* --- refused ones ------------------------------------------------------------------------------------------ */

struct refused_read {
    struct store_postgres *store;
    int64_t source, since_us;
    struct arena *arena;
    struct store_refused *out;
};

/* Requests without a message have an index of their own, and are bounded for each source and segment. */
static enum rc refused_in_segment(const struct refused_read *r, struct db *db,
                                  const struct postgres_segment *seg)
{
    enum rc rc;
    struct db_stmt *s = store_postgres_prepare(
        db, seg,
        "SELECT k, tail, at, reason, status FROM request_# WHERE source = ?1 AND NOT has_message"
        " AND outcome = ?2 AND at >= ?3 ORDER BY k DESC LIMIT ?4");
    db_bind_int(s, 1, r->source);
    db_bind_int(s, 2, STORE_REQUEST_REJECTED);
    db_bind_int(s, 3, r->since_us);
    db_bind_int(s, 4, (int64_t)(STORE_REFUSED_MAX - r->out->count));
    while (db_step(s, &rc))
        store_read_refused(s, r->arena, r->out);
    db_release(s);
    return rc;
}

static enum rc requests_refused(void *ctx, struct db *db)
{
    const struct refused_read *r = ctx;
    enum rc rc = RC_OK;
    int64_t low = store_key_at(store_own_us(&r->store->base, r->since_us));
    *r->out = (struct store_refused){ 0 };
    struct postgres_segments list = store_postgres_segments_get(r->store);
    for (size_t i = list.count; rc == RC_OK && r->out->count < STORE_REFUSED_MAX && i-- > 0;) {
        if (list.at[i]->end_k <= low)
            break;
        rc = refused_in_segment(r, db, list.at[i]);
    }
    store_postgres_segments_free(&list);
    return rc;
}

enum rc store_postgres_request_refused(struct store *store, int64_t source, int64_t since_us,
                                       struct arena *a, struct store_refused *out)
{
    struct refused_read r = { .store = store_postgres_of(store),
                              .source = source,
                              .since_us = since_us,
                              .arena = a,
                              .out = out };
    return store_postgres_read(r.store, requests_refused, &r);
}
