/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of messages, of an application or of an endpoint.
 */
#include "store/walk_priv.h"

/* What a statement is bound to beside its filter: ?1 stretch, ?2 whose, ?3 and ?4 bounds, ?8 after,
 * ?9 before, ?10 limit, ?11 state. */
struct listing {
    const char *up, *down, *count;
    int64_t whose;
    int state;
    const struct store_message_filter *filter;
    bool with_delivery;
};

static void bind(struct db_stmt *s, const struct listing *l, const struct store_walk *w,
                 int64_t stretch, size_t room, struct arena *a)
{
    db_bind_int(s, 1, stretch);
    db_bind_int(s, 2, l->whose);
    db_bind_int(s, 3, w->low);
    db_bind_int(s, 4, w->high);
    store_bind_filter(s, a, l->filter->event_types, l->filter->event_type_count, l->filter->channel,
                      l->filter->tag);
    db_bind_int(s, 8, l->filter->after_us);
    db_bind_int(s, 9, l->filter->before_us > 0 ? l->filter->before_us : INT64_MAX);
    db_bind_int(s, 10, (int64_t)room);
    if (l->with_delivery)
        db_bind_int(s, 11, l->state);
    else
        db_bind_int(s, 11, l->filter->with_payload);
}

struct target {
    const struct listing *listing;
    struct store_walk walk;
    struct arena *arena;
    struct store_message_row *messages;
    struct store_delivery_row *deliveries; /* one of the two */
    size_t count, limit;
    bool more;
    int64_t now_us;
};

static void read_row(struct db_stmt *s, struct target *t, struct arena *a)
{
    if (t->messages != NULL) {
        store_read_message(s, 0, t->now_us, a, &t->messages[t->count].message);
        return;
    }
    struct store_delivery_row *d = &t->deliveries[t->count];
    *d = (struct store_delivery_row){ .endpoint = db_int(s, MESSAGE_COLUMN_COUNT) };
    store_read_message(s, 0, t->now_us, a, &d->message_row.message);
    d->message = d->message_row.message.id;
    d->state = (enum store_state)db_int(s, MESSAGE_COLUMN_COUNT + 1);
    d->next_due_us = db_int(s, MESSAGE_COLUMN_COUNT + 2);
    d->attempt_count = (int)db_int(s, MESSAGE_COLUMN_COUNT + 3);
    d->last_at_us = db_int(s, MESSAGE_COLUMN_COUNT + 4);
    d->reason = (enum store_reason)db_int(s, MESSAGE_COLUMN_COUNT + 5);
}

static enum rc list_stretch(void *ctx, struct db *db, int64_t stretch, bool *is_full)
{
    enum rc rc;
    struct target *t = ctx;
    struct db_stmt *s = db_prepare(db, t->walk.ascending ? t->listing->up : t->listing->down);
    bind(s, t->listing, &t->walk, stretch, t->limit + 1 - t->count, t->arena);
    while (db_step(s, &rc)) {
        if (t->count == t->limit) {
            t->more = *is_full = true;
            db_reset(s);
            break;
        }
        read_row(s, t, t->arena);
        t->count++;
    }
    return rc;
}

static bool has_filter(const struct listing *l)
{
    const struct store_message_filter *f = l->filter;
    return f->event_type_count > 0 || f->channel.len > 0 || f->tag.len > 0 || l->state != 0;
}

static enum rc list_all(struct store *s, const struct listing *l, const struct store_page *page,
                        struct arena *a, struct target *t, struct store_page_end *end)
{
    *end = (struct store_page_end){ .done = true };
    t->listing = l;
    t->arena = a;
    t->limit = (size_t)page->limit;
    t->now_us = clock_wall_us(s->o.clock);
    enum rc rc = store_walk_bounds(&t->walk, page, STR("msg_"), l->filter->after_us,
                                   l->filter->before_us, WALK_SLACK_US);
    store_walk_limit(&t->walk, has_filter(l) ? page->rows_max : 0, l->count, l->whose);
    if (rc == RC_OK)
        rc = store_walk_segments(s, &t->walk, STRETCH_MESSAGES, a, list_stretch, t);
    if (rc == RC_OK)
        store_walk_end(&t->walk, t->count, t->more, end);
    return rc;
}

#define COUNT_MESSAGES \
    "SELECT count(*) FROM message WHERE stretch = ?1 AND app = ?2 AND k > ?3 AND k < ?4"
#define COUNT_DELIVERIES \
    "SELECT count(*) FROM delivery WHERE stretch = ?1 AND endpoint = ?2 AND msg > ?3 AND msg < ?4"

#define LIST_MESSAGES(order) \
    "SELECT " MESSAGE_COLUMNS( \
        "", \
        "CASE WHEN ?11 THEN payload END") " FROM message" \
                                          " WHERE stretch = ?1 AND app = ?2 AND k > ?3 AND k < ?4 AND created > ?8 AND created < ?9" MESSAGE_FILTER( \
                                              "") " ORDER BY k " order " LIMIT ?10"

enum rc store_message_list(struct store *s, const struct store_message_filter *f,
                           const struct store_page *page, struct arena *a,
                           struct store_message_row *out, struct store_page_end *end)
{
    const struct listing l = {
        LIST_MESSAGES("ASC"), LIST_MESSAGES("DESC"), COUNT_MESSAGES, f->app, 0, f, false
    };
    struct target t = { .messages = out };
    enum rc rc = list_all(s, &l, page, a, &t, end);
    if (rc == RC_OK && page->backwards)
        store_page_reverse(out, t.count, sizeof *out);
    return rc;
}

#define LIST_DELIVERIES(payload, order) \
    "SELECT " MESSAGE_COLUMNS( \
        "m.", \
        payload) ", d.endpoint, d.state, d.due, d.attempts, d.last_at, d.reason FROM delivery d CROSS JOIN message m ON m.k = d.msg" \
                 " WHERE d.stretch = ?1 AND d.endpoint = ?2 AND d.msg > ?3 AND d.msg < ?4 AND (?11 = 0 OR d.state = ?11)" \
                 " AND m.created > ?8 AND m.created < ?9" MESSAGE_FILTER( \
                     "m.") " ORDER BY d.msg " order " LIMIT ?10"

enum rc store_delivery_by_endpoint(struct store *s, const struct store_message_filter *f,
                                   int64_t endpoint, int state, const struct store_page *page,
                                   struct arena *a, struct store_delivery_row *out,
                                   struct store_page_end *end)
{
    struct listing l = { LIST_DELIVERIES("NULL", "ASC"),
                         LIST_DELIVERIES("NULL", "DESC"),
                         COUNT_DELIVERIES,
                         endpoint,
                         state,
                         f,
                         true };
    struct target t = { .deliveries = out };
    if (f->with_payload) {
        l.up = LIST_DELIVERIES("m.payload", "ASC");
        l.down = LIST_DELIVERIES("m.payload", "DESC");
    }
    enum rc rc = list_all(s, &l, page, a, &t, end);
    if (rc == RC_OK && page->backwards)
        store_page_reverse(out, t.count, sizeof *out);
    return rc;
}
