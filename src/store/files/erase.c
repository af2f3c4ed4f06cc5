/* SPDX-License-Identifier: Apache-2.0
 *
 * Erasing payloads and responses.
 */
#include "store/files/erase_priv.h"

#include "store/files/delivery_priv.h"
#include "store/files/segment_priv.h"
#include "store/files/segments_priv.h"
#include "store/rows_priv.h"

/* Zeros go over the bytes first, because a row that only shrinks leaves them in its page. */
static enum rc erase_payload(struct db *db, const struct store_expunge *e)
{
    static const char *const steps[] = {
        "UPDATE message SET payload = zeroblob(length(payload)) WHERE k = ? AND app = ? AND tail = ?",
        "UPDATE message SET payload = NULL WHERE k = ? AND app = ? AND tail = ?",
    };
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(steps); i++) {
        struct db_stmt *s = db_prepare(db, steps[i]);
        db_bind_int(s, 1, id_key(&e->message));
        db_bind_int(s, 2, e->app);
        db_bind_blob(s, 3, store_id_tail(&e->message));
        rc = store_row_change(db, s);
    }
    return rc;
}

static enum rc erase_response(struct db *db, const struct store_expunge *e)
{
    static const char *const steps[] = {
        "UPDATE attempt SET response = zeroblob(length(response)), response_headers = zeroblob(length(response_headers))"
        " WHERE msg = ?1 AND ak = ?2 AND EXISTS (SELECT 1 FROM message WHERE k = ?1 AND app = ?3 AND tail = ?4)",
        "UPDATE attempt SET response = NULL, response_headers = NULL"
        " WHERE msg = ?1 AND ak = ?2 AND EXISTS (SELECT 1 FROM message WHERE k = ?1 AND app = ?3 AND tail = ?4)",
    };
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(steps); i++) {
        struct db_stmt *s = db_prepare(db, steps[i]);
        db_bind_int(s, 1, id_key(&e->message));
        db_bind_int(s, 2, id_key(&e->attempt));
        db_bind_int(s, 3, e->app);
        db_bind_blob(s, 4, store_id_tail(&e->message));
        rc = store_row_change(db, s);
    }
    return rc;
}

/* What still waits to be sent is canceled in the same commit: nobody can send it later, whatever happens. */
static enum rc cancel_deliveries(struct store_segment *seg, struct store_expunge *e)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(
        seg->writer, "SELECT endpoints FROM message WHERE k = ? AND app = ? AND tail = ?");
    db_bind_int(s, 1, id_key(&e->message));
    db_bind_int(s, 2, e->app);
    db_bind_blob(s, 3, store_id_tail(&e->message));
    if (!db_step(s, &rc))
        return rc == RC_OK ? RC_NOT_FOUND : rc;
    struct str packed = db_borrow(s, 0);
    e->canceled = xcalloc(packed.len + 1, sizeof(*e->canceled));
    size_t count = 0;
    while (store_endpoints_next(&packed, &e->canceled[count]))
        count++;
    db_reset(s);
    e->canceled_count = 0;
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        bool was = false;
        rc = store_delivery_cancel(seg, &e->message, e->app, e->canceled[i],
                                   STORE_REASON_PAYLOAD_GONE, &was);
        if (was)
            e->canceled[e->canceled_count++] = e->canceled[i];
    }
    return rc;
}

enum rc store_apply_expunge(struct store_files *s, struct store_expunge *e)
{
    struct store_segment *seg = store_segment_of(s, id_key(&e->message));
    files_job(&e->job)->segment = seg;
    enum rc rc = store_segment_begin(seg);
    if (rc != RC_OK)
        return rc;
    if (e->has_attempt)
        return store_settle(seg, erase_response(seg->writer, e));
    rc = erase_payload(seg->writer, e);
    if (rc == RC_OK)
        rc = cancel_deliveries(seg, e);
    return store_settle(seg, rc);
}
