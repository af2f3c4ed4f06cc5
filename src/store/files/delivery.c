/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of a delivery after it was accepted: outcomes of attempts, and sending again. One function
 * writes states. See write.c for how a job fails alone.
 */
#include "store/files/delivery_priv.h"

#include "store/files/conditions_priv.h"
#include "store/files/segment_priv.h"
#include "store/files/segments_priv.h"
#include "store/files/stretch_priv.h"
#include "store/files/write_priv.h"
#include "store/judge_priv.h"

/* --- states --------------------------------------------------------------------------------------------- */

/* The only writer of a delivery's state. RC_CONFLICT: it is not in the state to move from. */
static enum rc move_delivery(struct store_segment *seg, const struct store_move *m)
{
    const struct store_due *to = &m->to;
    int64_t k = id_key(&to->message);
    MUST(store_state_may(m->from, to->state));
    struct db_stmt *s = db_prepare(
        seg->writer,
        "UPDATE delivery SET state = ?1, due = ?2, attempts = max(attempts, ?3), last_at = max(last_at, ?4), trigger = ?5,"
        " reason = ?6, retry_at = ?7, asked = ?8, ahead = ?9, task = CASE ?10 WHEN 0 THEN task ELSE ?10 END"
        " WHERE stretch = ?11 AND endpoint = ?12 AND msg = ?13 AND state = ?14 AND asked = ?15");
    db_bind_int(s, 1, to->state);
    if (store_is_pending(to->state))
        db_bind_int(s, 2, to->due_us);
    db_bind_int(s, 3, to->attempt_count);
    db_bind_int(s, 4, m->last_at_us);
    db_bind_int(s, 5, to->trigger);
    db_bind_int(s, 6, m->reason);
    db_bind_int(s, 7, to->retry_at_us);
    db_bind_int(s, 8, to->asked_us);
    db_bind_int(s, 9, to->ahead_count);
    db_bind_int(s, 10, m->task);
    db_bind_int(s, 11, store_stretch_of(seg, STRETCH_MESSAGES, k));
    db_bind_int(s, 12, to->endpoint);
    db_bind_int(s, 13, k);
    db_bind_int(s, 14, m->from);
    db_bind_int(s, 15, m->was_asked_us);
    enum rc rc = db_run(s);
    if (rc != RC_OK)
        return rc;
    if (db_changes(seg->writer) == 0)
        return RC_CONFLICT;
    seg->new_pending += (int64_t)store_is_pending(to->state) - (int64_t)store_is_pending(m->from);
    return RC_OK;
}

static enum rc find_delivery(struct store_segment *seg, const struct id *message, int64_t app,
                             int64_t endpoint, struct store_stand *out)
{
    enum rc rc;
    int64_t k = id_key(message);
    struct db_stmt *s = db_prepare(
        seg->writer, "SELECT state, due, attempts, trigger, retry_at, asked, ahead, reason, task"
                     " FROM delivery WHERE stretch = ? AND endpoint = ? AND msg = ?");
    db_bind_int(s, 1, store_stretch_of(seg, STRETCH_MESSAGES, k));
    db_bind_int(s, 2, endpoint);
    db_bind_int(s, 3, k);
    *out = (struct store_stand){ .due = { .message = *message, .app = app, .endpoint = endpoint } };
    if (!db_step(s, &rc))
        return rc;
    out->due.state = (enum store_state)db_int(s, 0);
    out->due.due_us = db_int(s, 1);
    out->due.attempt_count = (int)db_int(s, 2);
    out->due.trigger = (enum store_trigger)db_int(s, 3);
    out->due.retry_at_us = db_int(s, 4);
    out->due.asked_us = db_int(s, 5);
    out->due.ahead_count = (int)db_int(s, 6);
    out->reason = (enum store_reason)db_int(s, 7);
    out->task = db_int(s, 8);
    db_reset(s);
    return rc;
}

/* Canceled where it waits. RC_OK with *was false: it does not wait. */
enum rc store_delivery_cancel(struct store_segment *seg, const struct id *message, int64_t app,
                              int64_t endpoint, enum store_reason reason, bool *was)
{
    struct store_stand found;
    enum rc rc = find_delivery(seg, message, app, endpoint, &found);
    *was = rc == RC_OK && store_is_pending(found.due.state);
    if (!*was)
        return rc;
    struct store_move m = store_move_cancel(&found, reason);
    return move_delivery(seg, &m);
}

/* --- outcomes ------------------------------------------------------------------------------------------- */

static enum rc insert_attempt(struct store_segment *seg, const struct store_outcome *o)
{
    int64_t ak = id_key(&o->attempt);
    struct db_stmt *s = db_prepare(
        seg->writer,
        "INSERT INTO attempt(msg, endpoint, ak, stretch, tail, number, state_after, success, trigger, http_status,"
        " started, took, next_due, error, detail, url, response, response_headers, request_headers)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_int(s, 1, id_key(&o->message));
    db_bind_int(s, 2, o->endpoint);
    db_bind_int(s, 3, ak);
    db_bind_int(s, 4, store_stretch_take(seg, STRETCH_ATTEMPTS, ak, 1));
    db_bind_blob(s, 5, store_id_tail(&o->attempt));
    db_bind_int(s, 6, o->attempt_count);
    db_bind_int(s, 7, o->to);
    db_bind_int(s, 8, o->success);
    db_bind_int(s, 9, o->trigger);
    db_bind_int(s, 10, o->http_status);
    db_bind_int(s, 11, o->started_us);
    db_bind_int(s, 12, o->took_us);
    db_bind_int(s, 13, store_is_pending(o->to) ? store_planned_us(o) : 0);
    db_bind_text(s, 14, o->error);
    db_bind_text(s, 15, o->detail);
    db_bind_text(s, 16, o->url);
    db_bind_blob(s, 17, o->response);
    db_bind_blob(s, 18, o->response_headers);
    db_bind_blob(s, 19, o->request_headers);
    enum rc rc = db_run(s);
    if (rc == RC_OK) {
        seg->new_attempts++;
        store_segment_note_shown(seg, ak, o->started_us);
    }
    return rc;
}

static enum rc take_attempt_back(struct store_segment *seg, const struct store_outcome *o)
{
    struct db_stmt *s =
        db_prepare(seg->writer, "DELETE FROM attempt WHERE msg = ? AND endpoint = ? AND ak = ?");
    db_bind_int(s, 1, id_key(&o->message));
    db_bind_int(s, 2, o->endpoint);
    db_bind_int(s, 3, id_key(&o->attempt));
    seg->new_attempts--;
    return db_run(s);
}

/* The delivery is not as the caller knew it. *to: as it stands then. */
static enum rc move_instead(struct store_segment *seg, const struct store_outcome *o,
                            struct store_due *to)
{
    struct store_stand found;
    struct store_move moves[STORE_MOVES_MAX];
    enum rc rc = find_delivery(seg, &o->message, o->app, o->endpoint, &found);
    if (rc != RC_OK)
        return rc;
    size_t count = store_moves_instead(o, &found, moves);
    rc = count == 0 ? RC_CONFLICT : RC_OK;
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        rc = move_delivery(seg, &moves[i]);
        *to = moves[i].to;
    }
    return rc;
}

enum rc store_apply_outcome(struct store_files *s, struct store_outcome *o)
{
    struct store_segment *seg = store_segment_of(s, id_key(&o->message));
    files_job(&o->job)->segment = seg;
    enum rc rc = store_segment_begin(seg);
    if (rc == RC_OK && o->has_attempt)
        rc = insert_attempt(seg, o);
    if (rc != RC_OK)
        return store_settle(seg, rc);
    struct store_move m = store_move_of(o);
    rc = move_delivery(seg, &m);
    o->after = m.to;
    if (rc == RC_CONFLICT)
        rc = move_instead(seg, o, &o->after);
    if (rc == RC_CONFLICT && o->has_attempt) {
        enum rc undone = take_attempt_back(seg, o);
        if (undone != RC_OK)
            rc = undone;
    }
    return store_settle(seg, rc);
}

/* --- sending again -------------------------------------------------------------------------------------- */

/* A delivery the message did not have when it was published. */
static enum rc add_delivery(struct store_segment *seg, const struct store_requeue *r)
{
    enum rc rc;
    struct buf packed;
    int64_t k = id_key(&r->message);
    struct db_stmt *s = db_prepare(seg->writer, "SELECT endpoints FROM message WHERE k = ?");
    db_bind_int(s, 1, k);
    if (!db_step(s, &rc))
        return rc == RC_OK ? RC_NOT_FOUND : rc;
    struct str have = db_borrow(s, 0);
    buf_init(&packed, have.len + 16);
    rc = buf_add_str(&packed, have);
    db_reset(s);
    MUST(rc == RC_OK);
    s = db_prepare(seg->writer, "UPDATE message SET endpoints = ? WHERE k = ?");
    db_bind_blob(s, 1, store_endpoints_pack(&r->endpoint, 1, &packed));
    db_bind_int(s, 2, k);
    rc = db_run(s);
    buf_fini(&packed);
    if (rc != RC_OK)
        return rc;
    return store_delivery_insert(seg, store_stretch_of(seg, STRETCH_MESSAGES, k), r->endpoint, k,
                                 r->app, r->now_us, STORE_MANUAL);
}

static enum rc ask_again(struct store_segment *seg, struct store_requeue *r,
                         const struct store_stand *found)
{
    struct store_move m = store_move_again(r, found);
    r->due = m.to;
    return move_delivery(seg, &m);
}

static enum rc requeue_loaded(struct store_segment *seg, struct store_requeue *r)
{
    struct store_stand found;
    if (r->message_out->app != r->app)
        return RC_NOT_FOUND;
    if (r->message_out->payload.ptr == NULL)
        return RC_INVALID;
    enum rc rc = find_delivery(seg, &r->message, r->app, r->endpoint, &found);
    if (rc == RC_OK && found.due.state == 0) {
        if (!r->create_missing)
            return RC_NOT_FOUND;
        rc = add_delivery(seg, r);
        if (rc == RC_OK)
            rc = find_delivery(seg, &r->message, r->app, r->endpoint, &found);
    }
    r->due = found.due;
    r->was_done = r->task != 0 && found.task == r->task;
    if (rc == RC_OK && !r->was_done)
        rc = ask_again(seg, r, &found);
    return store_settle(seg, rc);
}

enum rc store_apply_requeue(struct store_files *s, struct store_requeue *r)
{
    struct store_segment *seg = store_segment_of(s, id_key(&r->message));
    files_job(&r->job)->segment = seg;
    r->message_out = NULL;
    enum rc rc = store_segment_begin(seg);
    if (rc != RC_OK)
        return rc;
    rc = store_settle(seg, store_load_message(seg->writer, &r->message,
                                              clock_wall_us(s->base.o.clock), &r->message_out));
    if (rc != RC_OK)
        return rc;
    rc = requeue_loaded(seg, r);
    if (rc != RC_OK || r->was_done) {
        store_message_unref(r->message_out);
        r->message_out = NULL;
    }
    return rc;
}
