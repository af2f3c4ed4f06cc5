/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of messages, of an application or of an endpoint; and searching deliveries.
 */
#include "store/files/read_messages_priv.h"

#include "store/files/conditions_priv.h"
#include "store/files/walk_priv.h"
#include "store/search_priv.h"

/* Messages of an application, or deliveries of an endpoint. */
struct message_listing {
    struct store_listing base;
    const struct store_message_filter *filter;
    unsigned states;
    bool has_deliveries;
    int64_t now_us;
};

/* ?1 stretch, ?2 whose, ?3 and ?4 bounds, ?8 after, ?9 before, ?10 limit, ?11 states or whether with payload. */
static void message_listing_bind(struct store_listing *l, struct db_stmt *s, int64_t stretch)
{
    const struct message_listing *m = CONTAINER_OF(l, struct message_listing, base);
    const struct store_message_filter *f = m->filter;
    db_bind_int(s, 1, stretch);
    db_bind_int(s, 2, l->whose);
    db_bind_int(s, 3, l->walk.low);
    db_bind_int(s, 4, l->walk.high);
    store_bind_filter(s, l->arena, f->event_types, f->event_type_count, f->channel, f->tag);
    db_bind_int(s, 8, f->after_us);
    db_bind_int(s, 9, f->before_us > 0 ? f->before_us : INT64_MAX);
    db_bind_int(s, 10, store_listing_room(l));
    db_bind_int(s, 11, m->has_deliveries ? m->states : f->with_payload);
}

static void message_listing_read(struct store_listing *l, struct db_stmt *s)
{
    const struct message_listing *m = CONTAINER_OF(l, struct message_listing, base);
    struct store_message_row *row = (struct store_message_row *)l->rows + l->count;
    store_read_message(s, 0, m->now_us, l->arena, &row->message);
}

static void delivery_listing_read(struct store_listing *l, struct db_stmt *s)
{
    const struct message_listing *m = CONTAINER_OF(l, struct message_listing, base);
    struct store_delivery_row *d = (struct store_delivery_row *)l->rows + l->count;
    *d = (struct store_delivery_row){ .endpoint = db_int(s, MESSAGE_COLUMN_COUNT) };
    store_read_message(s, 0, m->now_us, l->arena, &d->message_row.message);
    d->message = d->message_row.message.id;
    d->state = (enum store_state)db_int(s, MESSAGE_COLUMN_COUNT + 1);
    d->due_us = db_int(s, MESSAGE_COLUMN_COUNT + 2);
    d->attempt_count = (int)db_int(s, MESSAGE_COLUMN_COUNT + 3);
    d->last_at_us = db_int(s, MESSAGE_COLUMN_COUNT + 4);
    d->reason = (enum store_reason)db_int(s, MESSAGE_COLUMN_COUNT + 5);
    d->retry_at_us = db_int(s, MESSAGE_COLUMN_COUNT + 6);
    d->trigger = (enum store_trigger)db_int(s, MESSAGE_COLUMN_COUNT + 7);
    d->task = db_int(s, MESSAGE_COLUMN_COUNT + 8);
}

static enum rc message_listing_run(struct store_files *s, struct message_listing *m,
                                   const struct store_page *page, struct store_page_end *end)
{
    const struct store_message_filter *f = m->filter;
    m->now_us = clock_wall_us(s->base.o.clock);
    m->base.kind = STRETCH_MESSAGES;
    m->base.prefix = STR("msg_");
    m->base.bind = message_listing_bind;
    m->base.after_us = f->after_us;
    m->base.before_us = f->before_us;
    m->base.is_filtered =
        f->event_type_count > 0 || f->channel.len > 0 || f->tag.len > 0 || m->states != 0;
    return store_listing_run(s, &m->base, page, end);
}

#define COUNT_MESSAGES \
    "SELECT count(*) FROM message WHERE stretch = ?1 AND app = ?2 AND k > ?3 AND k < ?4"
#define COUNT_DELIVERIES \
    "SELECT count(*) FROM delivery WHERE stretch = ?1 AND endpoint = ?2 AND msg > ?3 AND msg < ?4"

#define LIST_MESSAGES(order) \
    "SELECT " MESSAGE_COLUMNS( \
        "", \
        "CASE WHEN ?11 THEN payload END") " FROM message" \
                                          " WHERE stretch = ?1 AND app = ?2 AND k > ?3 AND k < ?4 AND created >= ?8 AND created < ?9" MESSAGE_FILTER( \
                                              "") " ORDER BY k " order " LIMIT ?10"

enum rc store_files_message_list(struct store *store, const struct store_message_filter *f,
                                 const struct store_page *page, struct arena *a,
                                 struct store_message_row *out, struct store_page_end *end)
{
    struct message_listing m = { .base = { .up = LIST_MESSAGES("ASC"),
                                           .down = LIST_MESSAGES("DESC"),
                                           .count_sql = COUNT_MESSAGES,
                                           .whose = f->app,
                                           .read = message_listing_read,
                                           .rows = out,
                                           .row_bytes = sizeof(*out),
                                           .arena = a },
                                 .filter = f };
    return message_listing_run(store_files_of(store), &m, page, end);
}

#define LIST_DELIVERIES(payload, order) \
    "SELECT " MESSAGE_COLUMNS( \
        "m.", \
        payload) ", d.endpoint, d.state, d.due, d.attempts, d.last_at, d.reason, d.retry_at, d.trigger, d.task FROM delivery d CROSS JOIN message m ON m.k = d.msg" \
                 " WHERE d.stretch = ?1 AND d.endpoint = ?2 AND d.msg > ?3 AND d.msg < ?4 AND (?11 = 0 OR (?11 >> d.state) & 1)" \
                 " AND m.created >= ?8 AND m.created < ?9" MESSAGE_FILTER( \
                     "m.") " ORDER BY d.msg " order " LIMIT ?10"

enum rc store_files_delivery_by_endpoint(struct store *store, const struct store_message_filter *f,
                                         int64_t endpoint, unsigned states,
                                         const struct store_page *page, struct arena *a,
                                         struct store_delivery_row *out, struct store_page_end *end)
{
    bool has_payload = f->with_payload;
    struct message_listing m = {
        .base = { .up = has_payload ? LIST_DELIVERIES("m.payload", "ASC")
                                    : LIST_DELIVERIES("NULL", "ASC"),
                  .down = has_payload ? LIST_DELIVERIES("m.payload", "DESC")
                                      : LIST_DELIVERIES("NULL", "DESC"),
                  .count_sql = COUNT_DELIVERIES,
                  .whose = endpoint,
                  .read = delivery_listing_read,
                  .rows = out,
                  .row_bytes = sizeof(*out),
                  .arena = a },
        .filter = f,
        .states = states,
        .has_deliveries = true,
    };
    return message_listing_run(store_files_of(store), &m, page, end);
}

/* --- searching deliveries ---------------------------------------------------------------------------------- */

/* ?1 stretch, ?2 application, ?3 and ?4 bounds, ?5 text, ?6 endpoint, ?7 now, ?8 after, ?9 before. After the columns of a
 * message: its endpoints, whether its payload has the text, how long it is. */
#define HAS_PAYLOAD "(m.expires = 0 OR m.expires > ?7)"
#define SEARCHED \
    "SELECT " MESSAGE_COLUMNS("m.", "NULL") ", m.endpoints," \
                                            " CASE WHEN ?5 IS NULL OR NOT " HAS_PAYLOAD \
                                            " THEN 0 ELSE instr(CAST(m.payload AS TEXT), ?5) END," \
                                            " coalesce(length(m.payload), 0) FROM "
#define SEARCHED_TIME " AND m.created >= ?8 AND m.created < ?9"
#define SEARCH_APP \
    SEARCHED \
    "message m WHERE m.stretch = ?1 AND m.app = ?2 AND m.k > ?3 AND m.k < ?4 AND ?6 = 0" SEARCHED_TIME \
    " ORDER BY m.k DESC"
#define SEARCH_ENDPOINT \
    SEARCHED \
    "delivery d CROSS JOIN message m ON m.k = d.msg WHERE d.stretch = ?1 AND d.endpoint = ?6" \
    " AND d.msg > ?3 AND d.msg < ?4 AND m.app = ?2" SEARCHED_TIME " ORDER BY d.msg DESC"

struct searching {
    struct store_searching base;
    struct store_walk walk;
    struct db *db;
    int64_t stretch;
    struct db_stmt *at; /* the walk, at a message */
};

static enum rc search_read_delivery(struct store_searching *base, int64_t endpoint,
                                    struct store_delivery_found *found)
{
    enum rc rc;
    const struct searching *q = CONTAINER_OF(base, struct searching, base);
    struct store_delivery_row *row = &found->row;
    struct db_stmt *s = db_prepare(
        q->db, "SELECT state, due, attempts, last_at, reason, retry_at, trigger FROM delivery"
               " WHERE stretch = ? AND endpoint = ? AND msg = ?");
    db_bind_int(s, 1, q->stretch);
    db_bind_int(s, 2, endpoint);
    db_bind_int(s, 3, id_key(&row->message));
    if (!db_step(s, &rc))
        return rc;
    row->state = (enum store_state)db_int(s, 0);
    row->due_us = db_int(s, 1);
    row->attempt_count = (int)db_int(s, 2);
    row->last_at_us = db_int(s, 3);
    row->reason = (enum store_reason)db_int(s, 4);
    row->retry_at_us = db_int(s, 5);
    row->trigger = (enum store_trigger)db_int(s, 6);
    db_reset(s);
    return RC_OK;
}

/* Does the statement's row (of the last attempt) have the text? */
static const char *matched_in(const struct store_searching *q, struct db_stmt *s)
{
    if (str_contains(db_borrow(s, 10), q->f->text))
        return "response";
    if (str_contains(db_borrow(s, 8), q->f->text) || str_contains(db_borrow(s, 7), q->f->text))
        return "error";
    return NULL;
}

static void read_last(struct db_stmt *s, const struct store_searching *q,
                      struct store_delivery_found *found)
{
    found->has_last = true;
    found->last = (struct store_attempt_row){
        .id = store_id_of(db_int(s, 0), db_borrow(s, 1)),
        .message = found->row.message,
        .endpoint = found->row.endpoint,
        .number = (int)db_int(s, 2),
        .success = db_int(s, 3) != 0,
        .http_status = (int)db_int(s, 4),
        .started_us = db_int(s, 5),
        .took_us = db_int(s, 6),
        .error = db_text(s, 7, q->arena),
        .detail = db_text(s, 8, q->arena),
        .url = db_text(s, 9, q->arena),
        .response = db_text(s, 10, q->arena),
        .trigger = (enum store_trigger)db_int(s, 11),
        .next_due_us = store_shown_us(q->store, db_int(s, 12)),
    };
}

static enum rc search_read_attempt(struct store_searching *base, struct store_delivery_found *found,
                                   bool *wanted)
{
    enum rc rc;
    const struct searching *q = CONTAINER_OF(base, struct searching, base);
    struct db_stmt *s = db_prepare(
        q->db,
        "SELECT ak, tail, number, success, http_status, started, took, error, detail, url, response,"
        " trigger, next_due FROM attempt WHERE msg = ? AND endpoint = ? ORDER BY ak DESC LIMIT 1");
    db_bind_int(s, 1, id_key(&found->row.message));
    db_bind_int(s, 2, found->row.endpoint);
    if (!db_step(s, &rc)) {
        *wanted = *wanted && base->f->http_status < 0;
        return rc;
    }
    const char *where = *wanted ? NULL : matched_in(base, s);
    *wanted = store_search_judge(base, found, *wanted, where, (int)db_int(s, 4));
    if (*wanted)
        read_last(s, base, found);
    db_reset(s);
    return RC_OK;
}

static enum rc search_read_message(struct store_searching *base, struct store_message *out)
{
    const struct searching *q = CONTAINER_OF(base, struct searching, base);
    store_read_message(q->at, 0, base->now_us, base->arena, out);
    return RC_OK;
}

static enum rc search_at(struct searching *q, struct db_stmt *s)
{
    q->at = s;
    const struct store_searched m = { .id = store_id_of(db_int(s, 0), db_borrow(s, 1)),
                                      .created_us = db_int(s, 4),
                                      .event_type = db_borrow(s, 7),
                                      .endpoints = db_borrow(s, MESSAGE_COLUMN_COUNT),
                                      .payload_bytes = db_int(s, MESSAGE_COLUMN_COUNT + 2),
                                      .has_text = db_int(s, MESSAGE_COLUMN_COUNT + 1) > 0 };
    return store_search_message(&q->base, &m);
}

static enum rc search_stretch(void *ctx, struct db *db, int64_t stretch, bool *is_full)
{
    enum rc rc, rc_one = RC_OK;
    struct searching *q = ctx;
    const struct store_delivery_search *f = q->base.f;
    struct db_stmt *s = db_prepare(db, f->endpoint != 0 ? SEARCH_ENDPOINT : SEARCH_APP);
    q->db = db;
    q->stretch = stretch;
    db_bind_int(s, 1, stretch);
    db_bind_int(s, 2, f->app);
    db_bind_int(s, 3, q->walk.low);
    db_bind_int(s, 4, q->walk.high);
    if (f->text.len > 0)
        db_bind_text(s, 5, f->text);
    db_bind_int(s, 6, f->endpoint);
    db_bind_int(s, 7, q->base.now_us);
    db_bind_int(s, 8, f->after_us);
    db_bind_int(s, 9, f->before_us > 0 ? f->before_us : INT64_MAX);
    while (!q->base.is_stopped && rc_one == RC_OK && db_step(s, &rc))
        rc_one = search_at(q, s);
    db_reset(s);
    *is_full = q->base.is_stopped;
    return rc_one != RC_OK ? rc_one : q->base.is_stopped ? RC_OK : rc;
}

enum rc store_files_delivery_search(struct store *store, const struct store_delivery_search *f,
                                    struct arena *a, struct store_delivery_found *out, size_t max,
                                    struct store_delivery_search_end *end)
{
    const struct store_page page = { .descending = true };
    struct searching q = { .base = { .delivery = search_read_delivery,
                                     .attempt = search_read_attempt,
                                     .message = search_read_message } };
    store_search_begin(&q.base, store, f, a, out, max);
    enum rc rc = store_walk_bounds(&q.walk, &page, STR("msg_"), f->after_us, f->before_us);
    q.walk.page_high = store_search_high(f);
    if (rc == RC_OK)
        rc = store_walk_segments(store_files_of(store), &q.walk, STRETCH_MESSAGES, a,
                                 search_stretch, &q);
    store_search_end(&q.base, end);
    return rc;
}
