/* SPDX-License-Identifier: Apache-2.0
 *
 * What a job writes. Each checks before it writes, or takes back by itself the one thing it wrote,
 * so a group needs no savepoint per job: a job fails alone, or its segment's transaction fails.
 */
#include "store/store_priv.h"

/* --- publishing --------------------------------------------------------------------------------------- */

#define COLUMNS \
    "k, tail, stretch, app, org, created, deliver_at, expires, event_type, event_id, channels, tags, content_type," \
    " headers, endpoints, payload"
#define VALUES "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"

static enum rc insert_message(struct store_segment *seg, const struct store_publish *p,
                              int64_t stretch)
{
    const struct store_message *m = p->message;
    struct buf packed;
    bool has_request = store_request_is_in_message(p);
    buf_init(&packed, p->endpoint_count * 10 + 16);
    struct str endpoints = store_endpoints_pack(p->endpoints, p->endpoint_count, &packed);
    struct db_stmt *s = db_prepare(
        seg->writer, has_request ? "INSERT INTO message(" COLUMNS "," STORE_REQUEST_COLUMNS
                                   ") VALUES(" VALUES "," STORE_REQUEST_VALUES ")"
                                 : "INSERT INTO message(" COLUMNS ") VALUES(" VALUES ")");
    db_bind_int(s, 1, id_key(&m->id));
    db_bind_blob(s, 2, store_id_tail(&m->id));
    db_bind_int(s, 3, stretch);
    db_bind_int(s, 4, m->app);
    db_bind_int(s, 5, m->org);
    db_bind_int(s, 6, m->created_us);
    db_bind_int(s, 7, m->deliver_at_us);
    db_bind_int(s, 8, m->payload_expires_us);
    db_bind_text(s, 9, m->event_type);
    db_bind_opt_text(s, 10, m->event_id);
    db_bind_opt_text(s, 11, m->channels);
    db_bind_opt_text(s, 12, m->tags);
    db_bind_opt_text(s, 13, m->content_type);
    db_bind_opt_text(s, 14, m->headers);
    db_bind_blob(s, 15, endpoints);
    if (m->payload.ptr != NULL)
        db_bind_blob(s, 16, m->payload);
    if (has_request)
        store_request_bind(seg, s, 17, p->request);
    enum rc rc = db_run(s);
    buf_fini(&packed);
    return rc;
}

/* An endpoint named twice is one delivery. */
static enum rc insert_delivery(struct store_segment *seg, int64_t stretch, int64_t endpoint,
                               int64_t k, int64_t app, int64_t due_us, enum store_trigger trigger)
{
    struct db_stmt *s = db_prepare(
        seg->writer,
        "INSERT OR IGNORE INTO delivery(stretch, endpoint, msg, app, state, due, attempts, last_at, trigger)"
        " VALUES(?, ?, ?, ?, 1, ?, 0, 0, ?)");
    db_bind_int(s, 1, stretch);
    db_bind_int(s, 2, endpoint);
    db_bind_int(s, 3, k);
    db_bind_int(s, 4, app);
    db_bind_int(s, 5, due_us);
    db_bind_int(s, 6, trigger);
    enum rc rc = db_run(s);
    if (rc == RC_OK)
        seg->new_pending += db_changes(seg->writer);
    return rc;
}

/* A statement that failed for another reason than the row itself takes the group's transaction along. */
enum rc store_settle(struct store_segment *seg, enum rc rc)
{
    if (rc != RC_OK && rc != RC_CONFLICT && rc != RC_NOT_FOUND && seg->tx_rc == RC_OK) {
        seg->tx_rc = rc;
        store_health_set(seg->store, rc, str_from(db_error(seg->writer)));
    }
    return rc;
}

/* The rows of one message, if it is new. */
static enum rc write_message(struct store_segment *seg, const struct store_publish *p)
{
    const struct store_message *m = p->message;
    if (p->result != STORE_CREATED)
        return RC_OK;
    int64_t k = id_key(&m->id);
    int64_t stretch = store_stretch_take(seg, STRETCH_MESSAGES, k, 1 + (int64_t)p->endpoint_count);
    enum rc rc = insert_message(seg, p, stretch);
    int64_t due_us = m->deliver_at_us > 0 ? m->deliver_at_us : m->created_us;
    for (size_t i = 0; rc == RC_OK && i < p->endpoint_count; i++)
        rc = insert_delivery(seg, stretch, p->endpoints[i], k, m->app, due_us, STORE_SCHEDULED);
    if (rc == RC_OK) {
        seg->new_messages++;
        seg->new_bytes += (int64_t)m->payload.len;
    }
    return rc;
}

/* The other messages and the request's row. What fails here takes the group's transaction along, so
 * that nothing of it stays. */
static enum rc write_company(struct store_segment *seg, const struct store_publish *p)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < p->also_count; i++)
        rc = write_message(seg, p->also[i]);
    if (rc == RC_OK && p->request != NULL && !store_request_is_in_message(p))
        rc = store_request_insert(seg, p->request, p);
    return rc == RC_CONFLICT || rc == RC_NOT_FOUND ? RC_CORRUPT : rc;
}

static bool is_together(struct store *s, const struct store_segment *seg,
                        const struct store_publish *p)
{
    for (size_t i = 0; i < p->also_count; i++)
        if (store_segment_of(s, id_key(&p->also[i]->message->id)) != seg)
            return false;
    return true;
}

static void rename_one(struct store *s, struct store_publish *p)
{
    p->message->id = id_new(s->ids);
    p->message->created_us = id_time_us(&p->message->id);
}

/* The segment for all of it. Where one began between the ids, nobody has seen them yet: they are made
 * anew, and ids only grow, so that they are past its start soon. */
static struct store_segment *gather(struct store *s, struct store_publish *p)
{
    struct store_segment *seg = store_segment_of(s, id_key(&p->message->id));
    while (!is_together(s, seg, p)) {
        rename_one(s, p);
        for (size_t i = 0; i < p->also_count; i++)
            rename_one(s, p->also[i]);
        if (p->request != NULL)
            p->request->id = p->message->id;
        seg = store_segment_of(s, id_key(&p->message->id));
    }
    return seg;
}

/* An event's message need not have the id of the request it came in: then nobody is named. */
static bool has_request(struct store *s, const struct id *id)
{
    bool found = false;
    struct store_segment *seg = store_segment_of(s, id_key(id));
    if (store_segment_connect(seg, NULL) == RC_OK) {
        enum rc rc;
        struct db_stmt *st = db_prepare(seg->writer, "SELECT 1 FROM any_request WHERE k = ?");
        db_bind_int(st, 1, id_key(id));
        found = db_step(st, &rc);
        db_reset(st);
    }
    return found;
}

/* A repeated request leaves a row, too. */
static enum rc note_repeated(struct store *s, struct store_segment *seg, struct store_publish *p)
{
    struct store_request r = *p->request;
    enum rc rc = store_segment_begin(seg);
    if (rc != RC_OK)
        return rc;
    if (p->job._segment == NULL || !p->job._segment->in_tx)
        p->job._segment = seg; /* else the first is of this group, too, and must not fail alone */
    r.outcome = STORE_REQUEST_DUPLICATE;
    r.has_message = false;
    r.has_original = r.item_count == 0 || has_request(s, &p->first);
    r.original = p->first;
    r.body = STR_NONE;
    return store_settle(seg, store_request_insert(seg, &r, NULL));
}

/* Every one of them gets its result. */
static enum rc check_batch(struct store *s, struct store_publish *p, bool *is_new)
{
    enum rc rc = store_remembered_check(s, p);
    *is_new = p->result == STORE_CREATED;
    for (size_t i = 0; rc == RC_OK && p->is_batch && i < p->also_count; i++) {
        struct store_publish *other = p->also[i];
        other->job._segment = NULL;
        rc = store_remembered_check(s, other);
        *is_new = *is_new && other->result == STORE_CREATED;
        if (other->job._segment != NULL)
            p->job._segment = other->job._segment; /* what was found may not be there in the end */
    }
    return rc;
}

static enum rc put_off(struct store_publish *p)
{
    p->job._is_later = true;
    return RC_BUSY;
}

/* Each is looked for by itself; is any of them new? One that is known from another segment, whose commit
 * may still fail, puts off all of it. */
static enum rc check_items(struct store *s, const struct store_segment *seg,
                           struct store_publish *p, bool *is_new)
{
    struct store_publish *lead = p;
    enum rc rc = store_remembered_check(s, p);
    for (size_t i = 0; rc == RC_OK && i < p->also_count; i++) {
        struct store_publish *other = p->also[i];
        const struct store_segment *found = lead->job._segment;
        if (found != NULL && found != seg && found->in_tx)
            return put_off(p);
        other->job._segment = NULL;
        other->result = lead->result;
        if (other->leads) {
            rc = store_remembered_check(s, other);
            lead = other;
        }
    }
    *is_new = store_publish_is_new(p);
    return rc;
}

enum rc store_apply_publish(struct store *s, struct store_publish *p)
{
    struct store_segment *seg = gather(s, p);
    bool is_new = false;
    enum rc rc = p->is_items ? check_items(s, seg, p, &is_new) : check_batch(s, p, &is_new);
    if (rc != RC_OK)
        return rc;
    if (!is_new)
        return p->request == NULL ? RC_OK : note_repeated(s, seg, p);
    p->job._segment = seg;
    rc = store_segment_begin(seg);
    if (rc != RC_OK)
        return rc;
    rc = write_message(seg, p);
    if (rc == RC_OK)
        rc = write_company(seg, p);
    if (rc == RC_OK)
        rc = store_remember(s, seg, p);
    return store_settle(seg, rc);
}

/* --- outcomes ------------------------------------------------------------------------------------------ */

struct move {
    int64_t endpoint, k;
    enum store_state from, to;
    int64_t due_us;     /* for states that wait */
    int attempt_count;  /* 0: as it is */
    int64_t last_at_us; /* 0: as it is */
    enum store_trigger trigger;
    enum store_reason reason; /* for states it ends in */
};

static bool is_pending(enum store_state state)
{
    return state == STORE_PENDING || state == STORE_SENDING;
}

/* The only writer of a delivery's state. RC_CONFLICT: it is not in the state to move from. */
static enum rc move_delivery(struct store_segment *seg, const struct move *m)
{
    MUST(store_state_may(m->from, m->to));
    struct db_stmt *s = db_prepare(
        seg->writer,
        "UPDATE delivery SET state = ?1, due = ?2, attempts = max(attempts, ?3), last_at = max(last_at, ?4), trigger = ?5,"
        " reason = ?10 WHERE stretch = ?6 AND endpoint = ?7 AND msg = ?8 AND state = ?9");
    db_bind_int(s, 1, m->to);
    if (is_pending(m->to))
        db_bind_int(s, 2, m->due_us);
    db_bind_int(s, 3, m->attempt_count);
    db_bind_int(s, 4, m->last_at_us);
    db_bind_int(s, 5, m->trigger);
    db_bind_int(s, 6, store_stretch_of(seg, STRETCH_MESSAGES, m->k));
    db_bind_int(s, 7, m->endpoint);
    db_bind_int(s, 8, m->k);
    db_bind_int(s, 9, m->from);
    db_bind_int(s, 10, m->reason);
    enum rc rc = db_run(s);
    if (rc != RC_OK)
        return rc;
    if (db_changes(seg->writer) == 0)
        return RC_CONFLICT;
    seg->new_pending += (int64_t)is_pending(m->to) - (int64_t)is_pending(m->from);
    return RC_OK;
}

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
    db_bind_int(s, 13, is_pending(o->to) ? o->next_due_us : 0);
    db_bind_text(s, 14, o->error);
    db_bind_text(s, 15, o->detail);
    db_bind_text(s, 16, o->url);
    db_bind_blob(s, 17, o->response);
    db_bind_blob(s, 18, o->response_headers);
    db_bind_blob(s, 19, o->request_headers);
    enum rc rc = db_run(s);
    if (rc == RC_OK)
        seg->new_attempts++;
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

enum rc store_apply_outcome(struct store *s, struct store_outcome *o)
{
    int64_t k = id_key(&o->message);
    struct store_segment *seg = store_segment_of(s, k);
    o->job._segment = seg;
    enum rc rc = store_segment_begin(seg);
    if (rc == RC_OK && o->has_attempt)
        rc = insert_attempt(seg, o);
    if (rc != RC_OK)
        return store_settle(seg, rc);
    rc = move_delivery(seg, &(struct move){ .endpoint = o->endpoint,
                                            .k = k,
                                            .from = o->from,
                                            .to = o->to,
                                            .due_us = o->next_due_us,
                                            .attempt_count = o->has_attempt ? o->attempt_count : 0,
                                            .last_at_us = o->has_attempt ? o->started_us : 0,
                                            .trigger = o->trigger,
                                            .reason = o->reason });
    if (rc == RC_CONFLICT && o->has_attempt) {
        enum rc undone = take_attempt_back(seg, o);
        if (undone != RC_OK)
            rc = undone;
    }
    return store_settle(seg, rc);
}

/* --- sending again -------------------------------------------------------------------------------------- */

static enum rc find_state(struct store_segment *seg, int64_t k, int64_t endpoint, int *state,
                          int *attempts)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(
        seg->writer,
        "SELECT state, attempts FROM delivery WHERE stretch = ? AND endpoint = ? AND msg = ?");
    db_bind_int(s, 1, store_stretch_of(seg, STRETCH_MESSAGES, k));
    db_bind_int(s, 2, endpoint);
    db_bind_int(s, 3, k);
    *state = *attempts = 0;
    if (db_step(s, &rc)) {
        *state = (int)db_int(s, 0);
        *attempts = (int)db_int(s, 1);
        db_reset(s);
    }
    return rc;
}

/* A delivery the message did not have when it was published. */
static enum rc add_delivery(struct store_segment *seg, const struct store_requeue *r, int64_t k)
{
    enum rc rc;
    struct buf packed;
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
    return insert_delivery(seg, store_stretch_of(seg, STRETCH_MESSAGES, k), r->endpoint, k, r->app,
                           r->due_us, r->trigger);
}

static enum rc requeue_loaded(struct store_segment *seg, struct store_requeue *r, int64_t k)
{
    int state;
    if (r->message_out->app != r->app)
        return RC_NOT_FOUND;
    if (r->message_out->payload.ptr == NULL)
        return RC_LIMIT;
    enum rc rc = find_state(seg, k, r->endpoint, &state, &r->attempt_count_out);
    if (rc != RC_OK)
        return store_settle(seg, rc);
    if (state == 0)
        return r->create_missing ? store_settle(seg, add_delivery(seg, r, k)) : RC_NOT_FOUND;
    if (is_pending((enum store_state)state))
        return RC_CONFLICT;
    return store_settle(seg, move_delivery(seg, &(struct move){ .endpoint = r->endpoint,
                                                                .k = k,
                                                                .from = (enum store_state)state,
                                                                .to = STORE_PENDING,
                                                                .due_us = r->due_us,
                                                                .trigger = r->trigger }));
}

enum rc store_apply_requeue(struct store *s, struct store_requeue *r)
{
    int64_t k = id_key(&r->message);
    struct store_segment *seg = store_segment_of(s, k);
    r->job._segment = seg;
    r->message_out = NULL;
    enum rc rc = store_segment_begin(seg);
    if (rc != RC_OK)
        return rc;
    rc = store_settle(seg, store_load_message(seg->writer, &r->message, clock_wall_us(s->o.clock),
                                              &r->message_out));
    if (rc != RC_OK)
        return rc;
    rc = requeue_loaded(seg, r, k);
    if (rc != RC_OK) {
        store_message_unref(r->message_out);
        r->message_out = NULL;
    }
    return rc;
}

/* --- erasing --------------------------------------------------------------------------------------------- */

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

enum rc store_apply_expunge(struct store *s, struct store_expunge *e)
{
    struct store_segment *seg = store_segment_of(s, id_key(&e->message));
    e->job._segment = seg;
    enum rc rc = store_segment_begin(seg);
    if (rc != RC_OK)
        return rc;
    rc = e->has_attempt ? erase_response(seg->writer, e) : erase_payload(seg->writer, e);
    return store_settle(seg, rc);
}
