/* SPDX-License-Identifier: Apache-2.0
 *
 * What publishing writes. Like every job's, it checks before it writes, or takes back by itself the one
 * thing it wrote, so a group needs no savepoint per job: a job fails alone, or its segment's transaction
 * fails.
 */
#include "store/files/write_priv.h"

#include "store/files/remember_priv.h"
#include "store/files/request_priv.h"
#include "store/files/segment_priv.h"
#include "store/files/segments_priv.h"
#include "store/files/stretch_priv.h"
#include "store/judge_priv.h"
#include "store/rows_priv.h"

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
enum rc store_delivery_insert(struct store_segment *seg, int64_t stretch, int64_t endpoint,
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

/* The rows of one message, if it is new. */
static enum rc write_message(struct store_segment *seg, const struct store_publish *p)
{
    const struct store_message *m = p->message;
    if (p->result != STORE_CREATED)
        return RC_OK;
    int64_t k = id_key(&m->id);
    int64_t stretch = store_stretch_take(seg, STRETCH_MESSAGES, k, 1 + (int64_t)p->endpoint_count);
    enum rc rc = insert_message(seg, p, stretch);
    for (size_t i = 0; rc == RC_OK && i < p->endpoint_count; i++)
        rc = store_delivery_insert(seg, stretch, p->endpoints[i], k, m->app, m->due_us,
                                   STORE_SCHEDULED);
    if (rc == RC_OK) {
        store_segment_note_shown(seg, k, m->created_us);
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

static bool is_together(struct store_files *s, const struct store_segment *seg,
                        const struct store_publish *p)
{
    for (size_t i = 0; i < p->also_count; i++)
        if (store_segment_of(s, id_key(&p->also[i]->message->id)) != seg)
            return false;
    return true;
}

static void rename_one(struct store_files *s, struct store_publish *p)
{
    p->message->id = id_new(s->base.ids);
}

/* The segment for all of it. Where one began between the ids, nobody has seen them yet: they are made
 * anew, and ids only grow, so that they are past its start soon. */
static struct store_segment *write_gather(struct store_files *s, struct store_publish *p)
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
static bool has_request(struct store_files *s, const struct id *id)
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
static enum rc note_repeated(struct store_files *s, struct store_segment *seg,
                             struct store_publish *p)
{
    struct store_request r = *p->request;
    enum rc rc = store_segment_begin(seg);
    if (rc != RC_OK)
        return rc;
    if (files_job(&p->job)->segment == NULL || !files_job(&p->job)->segment->in_tx)
        files_job(&p->job)->segment =
            seg; /* else the first is of this group, too, and must not fail alone */
    r.outcome = STORE_REQUEST_DUPLICATE;
    r.has_message = false;
    r.has_original = r.item_count == 0 || has_request(s, &p->first);
    r.original = p->first;
    r.body = STR_NONE;
    return store_settle(seg, store_request_insert(seg, &r, NULL));
}

/* What is judged, and the segment it would go to. */
struct write_look {
    struct store_files *store;
    const struct store_segment *segment;
    struct store_publish *publish;
};

static enum rc put_off(struct store_publish *p)
{
    files_job(&p->job)->is_later = true;
    return RC_BUSY;
}

/* What was found in a segment whose commit is still to come may not be there in the end: the whole publish then fails
 * with that commit. One of several events that would be written elsewhere cannot: it is put off, with all of them. */
static enum rc look_in_files(void *ctx, struct store_publish *p)
{
    const struct write_look *look = ctx;
    files_job(&p->job)->segment = NULL;
    enum rc rc = store_remembered_check(look->store, p);
    struct store_segment *found = files_job(&p->job)->segment;
    if (rc != RC_OK || found == NULL)
        return rc;
    if (look->publish->rule != STORE_RULE_ITEMS)
        files_job(&look->publish->job)->segment = found;
    else if (found != look->segment && found->in_tx)
        return put_off(look->publish);
    return RC_OK;
}

enum rc store_apply_publish(struct store_files *s, struct store_publish *p)
{
    struct store_segment *seg = write_gather(s, p);
    struct write_look look = { s, seg, p };
    bool is_new = false;
    enum rc rc = store_judge_publish(p, look_in_files, &look, &is_new);
    if (rc != RC_OK)
        return rc;
    if (!is_new)
        return p->request == NULL ? RC_OK : note_repeated(s, seg, p);
    files_job(&p->job)->segment = seg;
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
