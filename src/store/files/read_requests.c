/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of requests, newest first as a rule, and the last that a source refused.
 */
#include "store/files/read_requests_priv.h"

#include "store/files/read_one_priv.h"
#include "store/files/readers_priv.h"
#include "store/files/request_priv.h"
#include "store/files/segment_priv.h"
#include "store/files/segments_priv.h"
#include "store/files/walk_priv.h"
#include "store/key_time_priv.h"
#include "store/rows_priv.h"
#include "store/trouble.h"
#include "store/wanted_priv.h"

#define BODY \
    "CASE WHEN r.items IS NOT NULL THEN NULL" \
    " WHEN r.has_message THEN (SELECT m.payload FROM message m WHERE m.k = r.k) ELSE r.body END"

/* One of its events is such a message. */
#define AN_EVENT(condition) \
    " OR EXISTS (SELECT 1 FROM json_each(r.items, '$.k') j CROSS JOIN message m ON m.k = j.value" \
    " WHERE " condition ")"

/* ?1 stretch, ?2 source, ?3 and ?4 bounds, ?5 outcomes, ?6 reason, ?7 type, ?8 text, ?9 after, ?10 before,
 * ?11 limit, ?12 with body. */
#define LISTED_BODY "CASE WHEN ?12 THEN " BODY " END"
#define IN_WALK " r.stretch = ?1 AND r.source = ?2 AND r.k > ?3 AND r.k < ?4"
#define OF_OUTCOME " AND (?5 = 0 OR (1 << r.outcome) & ?5) AND (?6 IS NULL OR r.reason = ?6)"
#define OF_TYPE " AND (?7 IS NULL OR r.event_type = ?7" AN_EVENT("m.event_type = ?7") ")"
#define IN_TIME " AND r.at >= ?9 AND r.at < ?10"
#define EVENT_TEXT "instr(CAST(m.payload AS TEXT), ?8) OR instr(m.event_id, ?8)"
#define WITH_TEXT \
    " AND (?8 IS NULL OR instr(r.url, ?8) OR instr(r.headers, ?8) OR instr(r.lines, ?8) OR instr(r.dedupe_id, ?8)" \
    " OR instr(CAST(" BODY " AS TEXT), ?8)" AN_EVENT(EVENT_TEXT) ")"
#define LIST(order) \
    "SELECT " REQUEST_COLUMNS( \
        LISTED_BODY) " FROM any_request r WHERE" IN_WALK OF_OUTCOME OF_TYPE IN_TIME WITH_TEXT \
                     " ORDER BY r.k " order " LIMIT ?11"

#define COUNT_ROWS \
    "SELECT (SELECT count(*) FROM request WHERE stretch = ?1 AND source = ?2 AND k > ?3 AND k < ?4)" \
    " + (SELECT count(*) FROM message WHERE request_stretch = ?1 AND source = ?2 AND k > ?3 AND k < ?4)"

struct request_listing {
    struct store_listing base;
    const struct store_request_filter *filter;
};

static void request_listing_bind(struct store_listing *l, struct db_stmt *s, int64_t stretch)
{
    const struct store_request_filter *f = CONTAINER_OF(l, struct request_listing, base)->filter;
    db_bind_int(s, 1, stretch);
    db_bind_int(s, 2, f->source);
    db_bind_int(s, 3, l->walk.low);
    db_bind_int(s, 4, l->walk.high);
    db_bind_int(s, 5, f->outcomes);
    if (f->reason.len > 0)
        db_bind_text(s, 6, f->reason);
    if (f->event_type.len > 0)
        db_bind_text(s, 7, f->event_type);
    if (f->text.len > 0)
        db_bind_text(s, 8, f->text);
    db_bind_int(s, 9, f->after_us > 0 ? f->after_us : -1);
    db_bind_int(s, 10, f->before_us > 0 ? f->before_us : INT64_MAX);
    db_bind_int(s, 11, store_listing_room(l));
    db_bind_int(s, 12, f->with_body);
}

static void request_listing_read(struct store_listing *l, struct db_stmt *s)
{
    store_read_request(s, l->arena, (struct store_request *)l->rows + l->count);
}

enum rc store_files_request_list(struct store *store, const struct store_request_filter *f,
                                 const struct store_page *page, struct arena *a,
                                 struct store_request *out, struct store_page_end *end)
{
    struct request_listing l = { .base = { .kind = STRETCH_REQUESTS,
                                           .prefix = STR("req_"),
                                           .up = LIST("ASC"),
                                           .down = LIST("DESC"),
                                           .count_sql = COUNT_ROWS,
                                           .whose = f->source,
                                           .is_filtered = store_requests_are_filtered(f),
                                           .after_us = f->after_us,
                                           .before_us = f->before_us,
                                           .bind = request_listing_bind,
                                           .read = request_listing_read,
                                           .rows = out,
                                           .row_bytes = sizeof(*out),
                                           .arena = a },
                                 .filter = f };
    return store_listing_run(store_files_of(store), &l.base, page, end);
}

struct request_read {
    struct arena *arena;
    struct store_request *out;
};

static void read_request_row(void *ctx, struct db_stmt *row)
{
    const struct request_read *r = ctx;
    store_read_request(row, r->arena, r->out);
}

enum rc store_files_request_get(struct store *store, int64_t source, const struct id *id,
                                struct arena *a, struct store_request *out)
{
    struct request_read r = { a, out };
    return store_read_by_id(
        store_files_of(store),
        "SELECT " REQUEST_COLUMNS(
            BODY) " FROM any_request r WHERE r.k = ? AND r.tail = ? AND r.source = ?",
        id, source, read_request_row, &r);
}

/* --- refused ones ------------------------------------------------------------------------------------------ */

/* Requests without a message have an index of their own, and are bounded for each source and segment. */
static enum rc refused_in(struct store_segment *seg, int64_t source, int64_t since_us,
                          struct arena *a, struct store_refused *out)
{
    struct store_reader *reader;
    enum rc rc = store_reader_get(seg, &reader);
    if (rc != RC_OK)
        return rc;
    struct db_stmt *s = db_prepare(
        reader->db,
        "SELECT k, tail, at, reason, status FROM request INDEXED BY request_bounded"
        " WHERE source = ?1 AND has_message = 0 AND outcome = ?2 AND at >= ?3 ORDER BY k DESC LIMIT ?4");
    db_bind_int(s, 1, source);
    db_bind_int(s, 2, STORE_REQUEST_REJECTED);
    db_bind_int(s, 3, since_us);
    db_bind_int(s, 4, (int64_t)(STORE_REFUSED_MAX - out->count));
    while (db_step(s, &rc))
        store_read_refused(s, a, out);
    store_reader_put(seg->store, reader);
    return rc;
}

enum rc store_files_request_refused(struct store *store, int64_t source, int64_t since_us,
                                    struct arena *a, struct store_refused *out)
{
    struct store_files *s = store_files_of(store);
    enum rc rc = RC_OK;
    int64_t low = store_key_at(store_own_us(&s->base, since_us));
    *out = (struct store_refused){ 0 };
    struct store_segment_list list = store_segment_list_get(s);
    for (size_t i = list.count; rc == RC_OK && out->count < STORE_REFUSED_MAX && i-- > 0;) {
        bool is_before = i + 1 < list.count && list.at[i + 1]->start <= low;
        if (is_before)
            break;
        rc = refused_in(list.at[i], source, since_us, a, out);
    }
    store_segment_list_free(&list);
    return rc;
}
