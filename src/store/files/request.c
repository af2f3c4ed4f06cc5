/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of requests. An accepted one that fits is kept in its message's row, which makes it half as dear; the
 * view any_request shows both. Those without a message are what anybody with the URL can make us write, so each
 * source keeps a bounded number of them: every BOUND_STEP-th insert trims what is beyond.
 */
#include "store/files/request_priv.h"

#include "store/files/segment_priv.h"
#include "store/files/segments_priv.h"
#include "store/files/stretch_priv.h"
#include "store/request.h"
#include "store/rows_priv.h"

enum { BOUND_STEP = 64 };

static enum rc request_trim(struct store_segment *seg, int64_t source)
{
    struct db_stmt *s = db_prepare(
        seg->writer,
        "DELETE FROM request WHERE source = ?1 AND has_message = 0 AND k <="
        " (SELECT k FROM request INDEXED BY request_bounded WHERE source = ?1 AND has_message = 0"
        " ORDER BY k DESC LIMIT 1 OFFSET ?2)");
    db_bind_int(s, 1, source);
    db_bind_int(s, 2, STORE_REQUESTS_BOUND);
    return db_run(s);
}

/* The map's values are counts, not pointers. */
static enum rc request_bound(struct store_segment *seg, int64_t source)
{
    uintptr_t count = (uintptr_t)map64_get(seg->bounded, (uint64_t)source) + 1;
    if (count >= BOUND_STEP) {
        (void)map64_remove(seg->bounded, (uint64_t)source);
        return request_trim(seg, source);
    }
    (void)map64_set(seg->bounded, (uint64_t)source, (void *)count);
    return RC_OK;
}

/* --- rows ---------------------------------------------------------------------------------------------- */

static void request_bind(struct db_stmt *s, const struct store_request *r)
{
    db_bind_int(s, 1, id_key(&r->id));
    db_bind_blob(s, 2, store_id_tail(&r->id));
    db_bind_int(s, 4, r->source);
    db_bind_int(s, 5, r->app);
    db_bind_int(s, 6, r->at_us);
    db_bind_int(s, 7, r->outcome);
    db_bind_int(s, 8, r->has_message);
    db_bind_int(s, 9, r->status);
    db_bind_opt_text(s, 10, r->reason);
    db_bind_opt_text(s, 11, r->method);
    db_bind_opt_text(s, 12, r->url);
    db_bind_opt_text(s, 13, r->peer);
    db_bind_opt_text(s, 14, r->headers);
    if (r->body.ptr != NULL && !r->has_message)
        db_bind_blob(s, 15, str_sub(r->body, 0, STORE_REQUEST_BODY_MAX));
    db_bind_int(s, 16, r->body_bytes);
    db_bind_opt_text(s, 17, r->event_type);
    db_bind_opt_text(s, 18, r->dedupe_id);
    if (r->has_original)
        db_bind_blob(s, 19, str_of((const char *)r->original.bytes, ID_BYTES));
}

/* --- rows --------------------------------------------------------------------------------------------- */

void store_request_bind(struct store_segment *seg, struct db_stmt *s, int first,
                        const struct store_request *r)
{
    db_bind_int(s, first, store_stretch_take(seg, STRETCH_REQUESTS, id_key(&r->id), 1));
    store_segment_note_shown(seg, id_key(&r->id), r->at_us);
    db_bind_int(s, first + 1, r->source);
    db_bind_int(s, first + 2, r->at_us);
    db_bind_int(s, first + 3, r->status);
    db_bind_opt_text(s, first + 4, r->method);
    db_bind_opt_text(s, first + 5, r->url);
    db_bind_opt_text(s, first + 6, r->peer);
    db_bind_opt_text(s, first + 7, r->headers);
    db_bind_int(s, first + 8, r->body_bytes);
    db_bind_opt_text(s, first + 9, r->event_type);
    db_bind_opt_text(s, first + 10, r->dedupe_id);
}

enum rc store_request_insert(struct store_segment *seg, const struct store_request *r,
                             const struct store_publish *p)
{
    struct buf items = { 0 }, headers = { 0 };
    struct db_stmt *s = db_prepare(
        seg->writer,
        "INSERT INTO request(k, tail, stretch, source, app, at, outcome, has_message, status, reason, method, url,"
        " peer, headers, body, body_bytes, event_type, dedupe_id, original, items)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    request_bind(s, r);
    store_segment_note_shown(seg, id_key(&r->id), r->at_us);
    if (r->lines.ptr != NULL)
        db_bind_text(s, 14, store_request_headers(r->headers, r->lines, &headers));
    db_bind_int(s, 3, store_stretch_take(seg, STRETCH_REQUESTS, id_key(&r->id), 1));
    if (r->item_count > 0)
        db_bind_text(s, 20, store_request_items(r, p, &items));
    enum rc rc = db_run(s);
    buf_fini(&items);
    buf_fini(&headers);
    if (rc != RC_OK || r->has_message)
        return rc;
    seg->new_bytes +=
        (int64_t)(r->body.len < STORE_REQUEST_BODY_MAX ? r->body.len : STORE_REQUEST_BODY_MAX);
    return request_bound(seg, r->source);
}

enum rc store_apply_record(struct store_files *s, struct store_record *r)
{
    struct store_segment *seg = store_segment_of(s, id_key(&r->request->id));
    enum rc rc = store_segment_begin(seg);
    if (rc != RC_OK)
        return rc;
    files_job(&r->job)->segment = seg;
    return store_settle(seg, store_request_insert(seg, r->request, NULL));
}
