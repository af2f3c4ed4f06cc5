/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of messages, of an application or of an endpoint. There is no index of deliveries by endpoint: the messages of the
 * endpoint's application are walked, and each names its endpoints. So this one is a list with a filter, always. But where
 * the endpoint has few attempts in a segment, these and what waits name all of its deliveries there, and nothing is walked.
 */
#include "store/postgres/read_messages_priv.h"

#include "store/postgres/state_priv.h"
#include "store/postgres/walk_priv.h"
#include "store/rows_priv.h"
#include "store/wanted_priv.h"

/* Columns 2 to 6: event type, channels, tags, endpoints if they are asked for, and when it was made and for when. */
#define MESSAGE_ROWS(order) \
    "SELECT t.k AS key, 0 AS of, t.event_type, t.channels, t.tags," \
    " CASE WHEN ?7 <> 0 THEN t.endpoints END AS endpoints, t.created, t.deliver_at FROM message_# t" \
    " WHERE " SCAN_ROWS("k", "app") SCAN_TIME("created") " ORDER BY t.k " order
#define MESSAGE_SCAN(stretches, order) \
    SCAN("r.key, r.of, r.event_type, r.channels, r.tags, r.endpoints, r.created, r.deliver_at", \
         stretches("message_#", "k", ""), MESSAGE_ROWS(order), order) \
    SCAN_END(order)

#define MESSAGES \
    "SELECT " MESSAGE_COLUMNS( \
        "m.", \
        "CASE WHEN ?3 <> 0 THEN m.payload END") " FROM " POSTGRES_KEYS \
                                                " CROSS JOIN LATERAL (SELECT * FROM message_# t WHERE t.k = e.key LIMIT 1) m ORDER BY e.at"

/* ?8 endpoint. The messages that it has an attempt of, or that wait for it: below the cursor these are all its deliveries. */
#define DELIVERY_ROWS(order) \
    "SELECT t.k, 0, t.event_type, t.channels, t.tags, t.endpoints, t.created, t.deliver_at FROM (SELECT a.msg FROM" \
    " unnest(ARRAY(SELECT h.v FROM " STRETCHES_FROM( \
        "attempt_#", \
        "ak") " AS h)) AS s(v)" \
              " CROSS JOIN LATERAL (SELECT t.msg FROM attempt_# t WHERE (t.ak >> 44) = s.v AND t.endpoint = ?8" \
              " AND t.ak > " SCAN_LOW " AND t.msg > " SCAN_LOW " AND t.msg < " SCAN_HIGH \
              " OFFSET 0) a" \
              " UNION SELECT w.msg FROM waiting w WHERE w.endpoint = ?8 AND w.msg > " SCAN_LOW \
              " AND w.msg < " SCAN_HIGH \
              ") d CROSS JOIN LATERAL (SELECT * FROM message_# t WHERE t.k = d.msg" \
              " AND t.app = " SCAN_WHOSE SCAN_TIME("created") " AND ?7 <> 0 LIMIT 1) t" \
                                                              " ORDER BY t.k " order \
                                                              " LIMIT " SCAN_LIMIT

/* ?1 endpoint, ?2 the key that attempts come after, ?3 how many are too many. */
#define HAS_MANY \
    "SELECT (SELECT count(*) FROM (SELECT 1 FROM unnest(ARRAY(SELECT h.v FROM " STRETCHES_FROM( \
        "attempt_#", \
        "ak") " AS h)) AS s(v)" \
              " CROSS JOIN LATERAL (SELECT 1 FROM attempt_# t WHERE (t.ak >> 44) = s.v AND t.endpoint = ?1" \
              " AND t.ak > " SCAN_LOW " OFFSET 0) a LIMIT ?3) x)" \
              " + (SELECT count(*) FROM (SELECT 1 FROM waiting w WHERE w.endpoint = ?1 AND w.msg > " SCAN_LOW \
              " AND w.msg < ?4 LIMIT ?3) y) >= ?3"
enum { MANY_ATTEMPTS = 10000 };

struct messages_listing {
    struct postgres_listing base;
    const struct store_message_filter *filter;
    struct store_wanted wanted;
    int64_t now_us;
    struct store_message_row *messages; /* of a list of messages */
    /* Of a list of deliveries: */
    struct store_delivery_row *deliveries;
    int64_t endpoint;
    int64_t cursor_k; /* -1: not read yet */
    unsigned states;
    struct postgres_pair *pairs; /* of the batch */
    size_t pair_count;
    struct postgres_state *found; /* how those stand that are left */
};

static void messages_bind(struct postgres_listing *l, struct db_stmt *s)
{
    struct messages_listing *m = CONTAINER_OF(l, struct messages_listing, base);
    m->pair_count = 0;
    db_bind_int(s, POSTGRES_SCAN_OWN, m->deliveries != NULL);
    if (l->is_few)
        db_bind_int(s, POSTGRES_SCAN_OWN + 1, m->endpoint);
}

static bool messages_is_wanted(struct postgres_listing *l, struct db_stmt *s)
{
    const struct messages_listing *m = CONTAINER_OF(l, struct messages_listing, base);
    return store_is_wanted(&m->wanted, db_borrow(s, 2), db_borrow(s, 3), db_borrow(s, 4));
}

/* Reads messages, each into the place for the next row. */
static enum rc messages_read(struct messages_listing *m, struct db *db,
                             const struct postgres_segment *seg, const struct postgres_key *keys,
                             size_t count,
                             struct store_message *(*place)(struct messages_listing *))
{
    enum rc rc;
    struct db_stmt *s = store_postgres_prepare(db, seg, MESSAGES);
    store_postgres_bind_keys(s, keys, count, m->base.arena);
    db_bind_int(s, 3, m->filter->with_payload);
    while (db_step(s, &rc)) {
        store_read_message(s, 0, m->now_us, m->base.arena, place(m));
        m->base.count++;
    }
    db_release(s);
    return rc;
}

static struct store_message *messages_place(struct messages_listing *m)
{
    return &m->messages[m->base.count].message;
}

static enum rc messages_fetch(struct postgres_listing *l, struct db *db,
                              const struct postgres_segment *seg, const struct postgres_key *keys,
                              size_t count)
{
    struct messages_listing *m = CONTAINER_OF(l, struct messages_listing, base);
    return messages_read(m, db, seg, keys, count, messages_place);
}

static void messages_init(struct messages_listing *m, struct store *store,
                          const struct store_message_filter *f, struct arena *a)
{
    m->filter = f;
    m->wanted = (struct store_wanted){ .event_types = f->event_types,
                                       .event_type_count = f->event_type_count,
                                       .channel = f->channel,
                                       .tag = f->tag };
    m->now_us = clock_wall_us(store->o.clock);
    m->base.up = MESSAGE_SCAN(STRETCHES_UP, "ASC");
    m->base.down = MESSAGE_SCAN(STRETCHES_DOWN, "DESC");
    m->base.shown = POSTGRES_SHOWN("message_#", "k", "created");
    m->base.whose = f->app;
    m->base.after_us = f->after_us;
    m->base.before_us = f->before_us;
    m->base.is_filtered = store_wanted_is_filter(&m->wanted);
    m->base.bind = messages_bind;
    m->base.is_wanted = messages_is_wanted;
    m->base.fetch = messages_fetch;
    m->base.arena = a;
}

enum rc store_postgres_message_list(struct store *store, const struct store_message_filter *f,
                                    const struct store_page *page, struct arena *a,
                                    struct store_message_row *out, struct store_page_end *end)
{
    struct messages_listing m = { .messages = out };
    messages_init(&m, store, f, a);
    return store_postgres_listing_run(&m.base, store_postgres_of(store), page, STR("msg_"), out,
                                      sizeof(*out), end);
}

/* --- deliveries of an endpoint ----------------------------------------------------------------------------- */

_Static_assert((int)POSTGRES_BATCH_MAX <= (int)POSTGRES_STATES_MAX,
               "a batch is more than can be asked for at once");

/* The scan's row is of a batch: what is noted of it is looked up by narrow(). */
static bool deliveries_is_wanted(struct postgres_listing *l, struct db_stmt *s)
{
    struct messages_listing *m = CONTAINER_OF(l, struct messages_listing, base);
    if (!store_endpoints_has(db_borrow(s, 5), m->endpoint) || !messages_is_wanted(l, s))
        return false;
    int64_t k = db_int(s, 0);
    m->pairs[m->pair_count++] = (struct postgres_pair){ .msg = k,
                                                        .endpoint = m->endpoint,
                                                        .first_due_us = store_postgres_first_due_us(
                                                            k, db_int(s, 6), db_int(s, 7)) };
    return true;
}

static enum rc deliveries_has_many(const struct messages_listing *m, struct db *db,
                                   const struct postgres_segment *seg, bool *has_many)
{
    enum rc rc;
    struct db_stmt *s = store_postgres_prepare(db, seg, HAS_MANY);
    db_bind_int(s, 1, m->endpoint);
    db_bind_int(s, 2, m->base.low > seg->first_k ? m->base.low : seg->first_k - 1);
    db_bind_int(s, 3, MANY_ATTEMPTS);
    db_bind_int(s, 4, seg->end_k);
    *has_many = db_step(s, &rc) && db_int(s, 0) != 0;
    db_release(s);
    return rc;
}

static enum rc deliveries_find_few(struct postgres_listing *l, struct db *db,
                                   const struct postgres_segment *seg, int64_t *below_k)
{
    struct messages_listing *m = CONTAINER_OF(l, struct messages_listing, base);
    bool has_many = false;
    enum rc rc = m->cursor_k >= 0 ? RC_OK : store_postgres_read_cursor(db, &m->cursor_k);
    if (rc != RC_OK || m->cursor_k <= seg->first_k || m->cursor_k <= l->low)
        return rc;
    rc = deliveries_has_many(m, db, seg, &has_many);
    if (!has_many)
        *below_k = m->cursor_k;
    return rc;
}

static enum rc deliveries_narrow(struct postgres_listing *l, struct db *db,
                                 const struct postgres_segment *seg, struct postgres_key *keys,
                                 size_t *count)
{
    struct messages_listing *m = CONTAINER_OF(l, struct messages_listing, base);
    size_t kept = 0;
    enum rc rc =
        store_postgres_states(db, seg, m->pairs, m->pair_count, STR_NONE, l->arena, m->found);
    for (size_t i = 0; rc == RC_OK && i < *count; i++) {
        if (m->states != 0 && ((m->states >> m->found[i].row.state) & 1) == 0)
            continue;
        m->found[kept] = m->found[i];
        keys[kept++] = keys[i];
    }
    *count = kept;
    return rc;
}

static struct store_message *deliveries_place(struct messages_listing *m)
{
    return &m->deliveries[m->base.count].message_row.message;
}

static enum rc deliveries_fetch(struct postgres_listing *l, struct db *db,
                                const struct postgres_segment *seg, const struct postgres_key *keys,
                                size_t count)
{
    struct messages_listing *m = CONTAINER_OF(l, struct messages_listing, base);
    size_t first = l->count;
    for (size_t i = 0; i < count; i++)
        m->deliveries[first + i] = m->found[i].row;
    enum rc rc = messages_read(m, db, seg, keys, count, deliveries_place);
    for (size_t i = first; i < l->count; i++)
        m->deliveries[i].message = m->deliveries[i].message_row.message.id;
    return rc;
}

enum rc store_postgres_delivery_by_endpoint(struct store *store,
                                            const struct store_message_filter *f, int64_t endpoint,
                                            unsigned states, const struct store_page *page,
                                            struct arena *a, struct store_delivery_row *out,
                                            struct store_page_end *end)
{
    struct messages_listing m = {
        .deliveries = out, .endpoint = endpoint, .states = states, .cursor_k = -1
    };
    messages_init(&m, store, f, a);
    m.pairs = arena_array(a, POSTGRES_STATES_MAX, sizeof(*m.pairs));
    m.found = arena_array(a, POSTGRES_STATES_MAX, sizeof(*m.found));
    m.base.is_filtered = true;
    m.base.is_wanted = deliveries_is_wanted;
    m.base.find_few = deliveries_find_few;
    m.base.few_up = DELIVERY_ROWS("ASC");
    m.base.few_down = DELIVERY_ROWS("DESC");
    m.base.narrow = deliveries_narrow;
    m.base.fetch = deliveries_fetch;
    return store_postgres_listing_run(&m.base, store_postgres_of(store), page, STR("msg_"), out,
                                      sizeof(*out), end);
}
