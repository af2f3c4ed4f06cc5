/* SPDX-License-Identifier: Apache-2.0
 *
 * Attempts. Those of a message are one range of its segment. Those of an endpoint are spread: an attempt lies with its
 * message, so a late retry in an old segment may be newer than what newer segments hold. Each segment gives its first
 * page, and the pages are merged; below a full page's last nothing is looked for. When the limit of rows is reached in one
 * of them, the page ends where that one was left.
 */
#include "store/postgres/read_attempts_priv.h"

#include "store/postgres/segments_priv.h"
#include "store/postgres/walk_priv.h"
#include "store/rows_priv.h"
#include "store/wanted_priv.h"

/* The reason is the delivery's, and shows with its last attempt only, while it has not been sent again. */
#define REASON \
    ", CASE WHEN (SELECT 1 FROM waiting w WHERE w.endpoint = a.endpoint AND w.msg = a.msg LIMIT 1) IS NOT NULL" \
    " OR (SELECT 1 FROM attempt_# n WHERE n.msg = a.msg AND n.endpoint = a.endpoint AND n.number > a.number LIMIT 1)" \
    " IS NOT NULL THEN 0 ELSE (SELECT n.reason FROM attempt_# n WHERE n.msg = a.msg AND n.endpoint = a.endpoint" \
    " ORDER BY n.ak DESC LIMIT 1) END"

/* ?7 status, ?8 class, ?9 expanded. Status: 0 success, 2 failed (whatever came after), 3 failed with another one planned,
 * 4 canceled. */
#define OF_STATUS \
    "(?7 < 0 OR (?7 = 0 AND t.state_after = 3) OR (?7 = 2 AND NOT t.success AND (?9 = 0 OR t.state_after <> 5))" \
    " OR (?7 = 4 AND NOT t.success AND t.state_after = 5) OR (?7 = 3 AND t.state_after IN (1, 2)))" \
    " AND (?8 < 0 OR (t.http_status >= ?8 AND t.http_status < ?8 + 100))"

/* Columns 2 to 6: whether it is wanted, and of its message the application, event type, channels, tags. */
#define ATTEMPT_ROWS(order) \
    "SELECT t.ak AS key, t.msg AS of, " OF_STATUS " AS is_wanted FROM attempt_# t" \
    " WHERE " SCAN_ROWS("ak", "endpoint") \
        SCAN_TIME("started") " AND t.number > 0 ORDER BY t.ak " order
#define ATTEMPT_SCAN(stretches, order) \
    SCAN("r.key, r.of, r.is_wanted, m.app, m.event_type, m.channels, m.tags", \
         stretches("attempt_#", "ak", ""), ATTEMPT_ROWS(order), order) \
    " CROSS JOIN LATERAL (SELECT t.app, t.event_type, t.channels, t.tags FROM message_# t WHERE t.k = r.of LIMIT 1) m" SCAN_END( \
        order)

/* ?3 endpoint. */
#define ATTEMPTS \
    "SELECT " ATTEMPT_COLUMNS REASON " FROM " POSTGRES_KEYS \
    " CROSS JOIN LATERAL (SELECT * FROM attempt_# t WHERE t.msg = e.of AND t.endpoint = ?3 AND t.ak = e.key LIMIT 1) a" \
    " CROSS JOIN LATERAL (SELECT t.tail FROM message_# t WHERE t.k = e.of LIMIT 1) m ORDER BY e.at"

#define OF_MESSAGE(order) \
    "SELECT " ATTEMPT_COLUMNS REASON \
    " FROM (SELECT * FROM attempt_# t WHERE t.msg = ?1 AND t.ak > " SCAN_LOW \
    " AND t.ak < " SCAN_HIGH SCAN_TIME( \
        "started") " AND t.number > 0 AND (?10 = 0 OR t.endpoint = ?10) AND " OF_STATUS \
                   " ORDER BY t.ak " order " LIMIT " SCAN_LIMIT ") a" \
                   " CROSS JOIN LATERAL (SELECT t.tail FROM message_# t WHERE t.k = a.msg LIMIT 1) m ORDER BY a.ak " order

struct attempts_listing {
    struct postgres_listing base; /* of one segment at a time */
    struct store_postgres *store;
    const struct store_attempt_filter *filter;
    const struct store_page *page;
    struct store_wanted wanted;
    struct store_merged merged;
};

static void attempts_bind(struct postgres_listing *l, struct db_stmt *s)
{
    const struct store_attempt_filter *f = CONTAINER_OF(l, struct attempts_listing, base)->filter;
    db_bind_int(s, POSTGRES_SCAN_OWN, f->status);
    db_bind_int(s, POSTGRES_SCAN_OWN + 1, f->status_class);
    db_bind_int(s, POSTGRES_SCAN_OWN + 2, f->expanded);
}

static bool attempts_is_wanted(struct postgres_listing *l, struct db_stmt *s)
{
    const struct attempts_listing *t = CONTAINER_OF(l, struct attempts_listing, base);
    return db_int(s, 2) != 0 && db_int(s, 3) == t->filter->app &&
           store_is_wanted(&t->wanted, db_borrow(s, 4), db_borrow(s, 5), db_borrow(s, 6));
}

static enum rc attempts_read(struct attempts_listing *t, struct db_stmt *s)
{
    enum rc rc;
    while (db_step(s, &rc)) {
        store_read_attempt(s, t->base.arena, &t->merged.rows[t->merged.count++]);
        t->base.count++;
    }
    db_release(s);
    return rc;
}

static enum rc attempts_fetch(struct postgres_listing *l, struct db *db,
                              const struct postgres_segment *seg, const struct postgres_key *keys,
                              size_t count)
{
    struct attempts_listing *t = CONTAINER_OF(l, struct attempts_listing, base);
    struct db_stmt *s = store_postgres_prepare(db, seg, ATTEMPTS);
    store_postgres_bind_keys(s, keys, count, l->arena);
    db_bind_int(s, 3, t->filter->endpoint);
    return attempts_read(t, s);
}

/* --- of an endpoint --------------------------------------------------------------------------------------- */

/* Nothing below a full page's last row belongs on it, whatever segment has it. */
static void attempts_close_below(struct attempts_listing *t)
{
    const struct store_merged *m = &t->merged;
    if (m->count <= m->limit)
        return;
    int64_t last = id_key(&m->rows[m->limit].id);
    *(m->ascending ? &t->base.page_high : &t->base.page_low) = last;
}

static enum rc attempts_of_segment(struct attempts_listing *t, struct db *db,
                                   const struct postgres_segment *seg)
{
    struct store_merged *m = &t->merged;
    t->base.count = 0;
    t->base.limit = m->limit + 1;
    t->base.has_more = false;
    t->base.stopped_at = 0;
    enum rc rc = store_postgres_listing_segment(&t->base, db, seg);
    if (t->base.stopped_at != 0)
        store_merge_stop(m, t->base.stopped_at);
    store_merge_cut(m);
    attempts_close_below(t);
    return rc;
}

static enum rc attempts_of_endpoint(void *ctx, struct db *db)
{
    struct attempts_listing *t = ctx;
    enum rc rc = store_postgres_listing_begin(&t->base, t->page, STR("atmpt_"));
    store_merge_begin(&t->merged, t->page, t->base.arena);
    struct postgres_segments list = store_postgres_segments_get(t->store);
    for (size_t i = list.count; rc == RC_OK && i-- > 0;)
        rc = attempts_of_segment(t, db, list.at[i]);
    store_postgres_segments_free(&list);
    return rc;
}

/* --- of a message ------------------------------------------------------------------------------------------ */

static enum rc attempts_judge_message(struct attempts_listing *t, struct db *db,
                                      const struct postgres_segment *seg, bool *is_wanted)
{
    enum rc rc;
    struct db_stmt *s = store_postgres_prepare(
        db, seg, "SELECT app, event_type, channels, tags FROM message_# WHERE k = ?");
    db_bind_int(s, 1, id_key(t->filter->message));
    *is_wanted = db_step(s, &rc) && db_int(s, 0) == t->filter->app &&
                 store_is_wanted(&t->wanted, db_borrow(s, 1), db_borrow(s, 2), db_borrow(s, 3));
    db_release(s);
    return rc;
}

static enum rc attempts_of_message(void *ctx, struct db *db)
{
    struct attempts_listing *t = ctx;
    const struct store_attempt_filter *f = t->filter;
    bool is_wanted = false;
    enum rc rc = store_postgres_listing_begin(&t->base, t->page, STR("atmpt_"));
    store_merge_begin(&t->merged, t->page, t->base.arena);
    struct postgres_segment *seg = store_postgres_segment_of(t->store, id_key(f->message));
    if (rc == RC_OK && seg != NULL)
        rc = attempts_judge_message(t, db, seg, &is_wanted);
    if (rc == RC_OK && is_wanted) {
        struct db_stmt *s = store_postgres_prepare(
            db, seg, t->merged.ascending ? OF_MESSAGE("ASC") : OF_MESSAGE("DESC"));
        db_bind_int(s, 1, id_key(f->message));
        db_bind_int(s, 2, t->base.page_low);
        db_bind_int(s, 3, t->base.page_high);
        db_bind_int(s, 4, (int64_t)t->merged.limit + 1);
        db_bind_int(s, 5, f->after_us > 0 ? f->after_us : INT64_MIN);
        db_bind_int(s, 6, f->before_us > 0 ? f->before_us : INT64_MAX);
        attempts_bind(&t->base, s);
        db_bind_int(s, POSTGRES_SCAN_OWN + 3, f->endpoint);
        rc = attempts_read(t, s);
        store_merge_cut(&t->merged);
    }
    store_postgres_segment_unref(seg);
    return rc;
}

enum rc store_postgres_attempt_list(struct store *store, const struct store_attempt_filter *f,
                                    const struct store_page *page, struct arena *a,
                                    struct store_attempt_row *out, struct store_page_end *end)
{
    struct attempts_listing t = { .base = { .up = ATTEMPT_SCAN(STRETCHES_UP, "ASC"),
                                            .down = ATTEMPT_SCAN(STRETCHES_DOWN, "DESC"),
                                            .shown = POSTGRES_SHOWN("attempt_#", "ak", "started"),
                                            .whose = f->endpoint,
                                            .is_filtered = store_attempts_are_filtered(f),
                                            .after_us = f->after_us,
                                            .before_us = f->before_us,
                                            .bind = attempts_bind,
                                            .is_wanted = attempts_is_wanted,
                                            .fetch = attempts_fetch,
                                            .arena = a },
                                  .store = store_postgres_of(store),
                                  .filter = f,
                                  .page = page,
                                  .wanted = { .event_types = f->event_types,
                                              .event_type_count = f->event_type_count,
                                              .channel = f->channel,
                                              .tag = f->tag } };
    *end = (struct store_page_end){ .done = true };
    enum rc rc = store_postgres_read(
        t.store, f->message != NULL ? attempts_of_message : attempts_of_endpoint, &t);
    if (rc == RC_OK)
        store_merge_end(store, &t.merged, page, out, end);
    return rc;
}

/* --- one ---------------------------------------------------------------------------------------------------- */

struct attempt_read {
    struct postgres_by_id base;
    int64_t app;
    const struct id *attempt;
    struct arena *arena;
    struct store_attempt_row *out;
};

static enum rc attempt_get(void *ctx, struct db *db)
{
    enum rc rc;
    const struct attempt_read *r = ctx;
    struct db_stmt *s = store_postgres_prepare_by_id(
        db, &r->base,
        "SELECT " ATTEMPT_COLUMNS REASON " FROM message_# m CROSS JOIN LATERAL"
        " (SELECT * FROM attempt_# t WHERE t.msg = m.k AND t.ak = ?4 AND t.tail = ?5 AND t.number > 0 LIMIT 1) a"
        " WHERE m.k = ?1 AND m.tail = ?2 AND m.app = ?3");
    db_bind_int(s, 3, r->app);
    db_bind_int(s, 4, id_key(r->attempt));
    db_bind_blob(s, 5, store_id_tail(r->attempt));
    if (db_step(s, &rc))
        store_read_attempt(s, r->arena, r->out);
    else if (rc == RC_OK)
        rc = RC_NOT_FOUND;
    db_release(s);
    return rc;
}

enum rc store_postgres_attempt_get(struct store *store, int64_t app, const struct id *message,
                                   const struct id *attempt, struct arena *a,
                                   struct store_attempt_row *out)
{
    struct attempt_read r = { .app = app, .attempt = attempt, .arena = a, .out = out };
    enum rc rc = store_postgres_read_by_id(store_postgres_of(store), message, attempt_get, &r.base);
    if (rc == RC_OK)
        out->next_due_us = store_shown_us(store, out->next_due_us);
    return rc;
}
