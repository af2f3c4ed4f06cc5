/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of messages, of an application or of an endpoint. Segments and stretches part the keys, so
 * a page is filled by walking them in order until it is full.
 */
#include "store/walk_priv.h"

/* The bounds of a page on keys, exclusive. */
enum rc store_walk_bounds(struct store_walk *w, const struct store_page *page, struct str prefix,
                          int64_t after_us, int64_t before_us, int64_t slack_us)
{
    struct id id;
    w->ascending = store_page_ascending(page);
    w->low = after_us > 0 ? store_key_at(after_us - slack_us) - 1 : -1;
    w->high = before_us > 0 ? store_key_at(before_us + slack_us) : INT64_MAX;
    if (page->after.len == 0)
        return RC_OK;
    if (id_parse(prefix, page->after, &id) != RC_OK)
        return RC_INVALID;
    int64_t key = id_key(&id);
    if (w->ascending && key > w->low)
        w->low = key;
    if (!w->ascending && key < w->high)
        w->high = key;
    return RC_OK;
}

/* What a statement is bound to beside its filter: ?1 stretch, ?2 whose, ?3 and ?4 bounds, ?8 after,
 * ?9 before, ?10 limit, ?11 state. */
struct listing {
    const char *up, *down;
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

static enum rc list_stretch(struct db *db, const struct listing *l, const struct store_walk *w,
                            int64_t stretch, struct target *t, struct arena *a)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, w->ascending ? l->up : l->down);
    bind(s, l, w, stretch, t->limit + 1 - t->count, a);
    while (db_step(s, &rc)) {
        if (t->count == t->limit) {
            t->more = true;
            db_reset(s);
            break;
        }
        read_row(s, t, a);
        t->count++;
    }
    return rc;
}

static enum rc list_segment(struct store_segment *seg, const struct listing *l,
                            const struct store_walk *w, struct target *t, struct arena *a)
{
    struct store_reader *reader;
    struct store_stretch_list stretches = store_stretch_list_get(seg, STRETCH_MESSAGES, a);
    size_t first = store_stretch_find(&stretches, w->low),
           last = store_stretch_find(&stretches, w->high);
    enum rc rc = store_reader_get(seg, &reader);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; rc == RC_OK && !t->more && i <= last - first; i++) {
        size_t stretch = w->ascending ? first + i : last - i;
        rc = list_stretch(reader->db, l, w, (int64_t)stretch, t, a);
    }
    store_reader_put(seg->store, reader);
    return rc;
}

static enum rc list_all(struct store *s, const struct listing *l, const struct store_page *page,
                        struct arena *a, struct target *t)
{
    struct store_walk w;
    enum rc rc = store_walk_bounds(&w, page, STR("msg_"), l->filter->after_us, l->filter->before_us,
                                   WALK_SLACK_US);
    if (rc != RC_OK)
        return rc;
    struct store_segment_list list = store_segment_list_get(s);
    for (size_t i = 0; rc == RC_OK && !t->more && i < list.count; i++) {
        size_t at = w.ascending ? i : list.count - 1 - i;
        bool is_before = at + 1 < list.count && list.at[at + 1]->start <= w.low;
        bool is_after = at > 0 && list.at[at]->start >= w.high;
        if (!is_before && !is_after)
            rc = list_segment(list.at[at], l, &w, t, a);
    }
    store_segment_list_free(&list);
    return rc;
}

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
    const struct listing l = { LIST_MESSAGES("ASC"), LIST_MESSAGES("DESC"), f->app, 0, f, false };
    struct target t = { .messages = out,
                        .limit = (size_t)page->limit,
                        .now_us = clock_wall_us(s->o.clock) };
    enum rc rc = list_all(s, &l, page, a, &t);
    if (rc == RC_OK && page->backwards)
        store_page_reverse(out, t.count, sizeof *out);
    *end = (struct store_page_end){ .count = rc == RC_OK ? t.count : 0, .done = !t.more };
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
    struct listing l = {
        LIST_DELIVERIES("NULL", "ASC"), LIST_DELIVERIES("NULL", "DESC"), endpoint, state, f, true
    };
    struct target t = { .deliveries = out,
                        .limit = (size_t)page->limit,
                        .now_us = clock_wall_us(s->o.clock) };
    if (f->with_payload) {
        l.up = LIST_DELIVERIES("m.payload", "ASC");
        l.down = LIST_DELIVERIES("m.payload", "DESC");
    }
    enum rc rc = list_all(s, &l, page, a, &t);
    if (rc == RC_OK && page->backwards)
        store_page_reverse(out, t.count, sizeof *out);
    *end = (struct store_page_end){ .count = rc == RC_OK ? t.count : 0, .done = !t.more };
    return rc;
}
