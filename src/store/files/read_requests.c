/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of requests, newest first as a rule, and the last that a source refused.
 */
#include "store/files/read_requests_priv.h"

#include "store/files/key_time_priv.h"
#include "store/files/read_one_priv.h"
#include "store/files/readers_priv.h"
#include "store/files/request_priv.h"
#include "store/files/rows_priv.h"
#include "store/files/segment_priv.h"
#include "store/files/segments_priv.h"
#include "store/files/walk_priv.h"
#include "store/trouble.h"
#include "json/json.h"

#define COLUMNS(body) \
    "r.k, r.tail, r.source, r.app, r.at, r.outcome, r.has_message, r.status, r.reason, r.method, r.url, r.peer," \
    " r.headers, r.lines, r.body_bytes, r.event_type, r.dedupe_id, r.original, r.items, " body

#define BODY \
    "CASE WHEN r.items IS NOT NULL THEN NULL" \
    " WHEN r.has_message THEN (SELECT m.payload FROM message m WHERE m.k = r.k) ELSE r.body END"

/* One of its events is such a message. */
#define AN_EVENT(condition) \
    " OR EXISTS (SELECT 1 FROM json_each(r.items, '$.k') j CROSS JOIN message m ON m.k = j.value" \
    " WHERE " condition ")"

static void read_items(struct str text, struct arena *a, struct store_request *out)
{
    json_t *items = NULL;
    if (text.ptr == NULL || json_parse(text, &items, NULL) != RC_OK)
        return;
    const json_t *ids = json_object_get(items, "id");
    out->item_count = (size_t)json_integer_value(json_object_get(items, "count"));
    out->messages = arena_array(a, json_array_size(ids) + 1, sizeof(*out->messages));
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const char *id = json_string_value(json_array_get(ids, i));
        if (id != NULL &&
            id_parse(STR(""), str_from(id), &out->messages[out->message_count]) == RC_OK)
            out->message_count++;
    }
    json_decref(items);
}

static struct str request_read_headers(struct db_stmt *s, struct arena *a)
{
    struct buf whole;
    struct str headers = db_text(s, 12, a), lines = db_text(s, 13, a);
    if (headers.ptr == NULL || lines.ptr == NULL)
        return headers;
    headers = arena_str(a, store_request_headers(headers, lines, &whole));
    buf_fini(&whole);
    return headers;
}

static void read_request(struct db_stmt *s, struct arena *a, struct store_request *out)
{
    *out = (struct store_request){
        .id = store_id_of(db_int(s, 0), db_borrow(s, 1)),
        .source = db_int(s, 2),
        .app = db_int(s, 3),
        .at_us = db_int(s, 4),
        .outcome = (enum store_request_outcome)db_int(s, 5),
        .has_message = db_int(s, 6) != 0,
        .status = (int)db_int(s, 7),
        .reason = db_text(s, 8, a),
        .method = db_text(s, 9, a),
        .url = db_text(s, 10, a),
        .peer = db_text(s, 11, a),
        .headers = request_read_headers(s, a),
        .body_bytes = db_int(s, 14),
        .event_type = db_text(s, 15, a),
        .dedupe_id = db_text(s, 16, a),
    };
    struct str original = db_borrow(s, 17);
    out->has_original = original.len == ID_BYTES;
    if (out->has_original)
        memcpy(out->original.bytes, original.ptr, ID_BYTES);
    read_items(db_text(s, 18, a), a, out);
    out->body = db_text(s, 19, a);
}

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
    "SELECT " COLUMNS( \
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
    read_request(s, l->arena, (struct store_request *)l->rows + l->count);
}

static bool read_requests_has_filter(const struct store_request_filter *f)
{
    return f->outcomes != 0 || f->reason.len > 0 || f->event_type.len > 0 || f->text.len > 0;
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
                                           .is_filtered = read_requests_has_filter(f),
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
    read_request(row, r->arena, r->out);
}

enum rc store_files_request_get(struct store *store, int64_t source, const struct id *id,
                                struct arena *a, struct store_request *out)
{
    struct request_read r = { a, out };
    return store_read_by_id(
        store_files_of(store),
        "SELECT " COLUMNS(BODY) " FROM any_request r WHERE r.k = ? AND r.tail = ? AND r.source = ?",
        id, source, read_request_row, &r);
}

/* --- refused ones ------------------------------------------------------------------------------------------ */

static void add_refused(struct db_stmt *s, struct arena *a, struct store_refused *out)
{
    int64_t at_us = db_int(s, 2);
    if (out->count++ == 0) {
        out->last = store_id_of(db_int(s, 0), db_borrow(s, 1));
        out->last_us = at_us;
        out->reason = db_text(s, 3, a);
        out->status = (int)db_int(s, 4);
    }
    out->first_us = at_us;
}

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
        add_refused(s, a, out);
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
