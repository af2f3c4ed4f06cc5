/* SPDX-License-Identifier: Apache-2.0
 *
 * Attempts. Those of a message are one range of its segment. Those of an endpoint are spread: an
 * attempt lies with its message, so a late retry in an old segment may be newer than what newer
 * segments hold. Each segment gives its first page, and the pages are merged; a segment whose
 * newest attempt is older than a full page's last is not asked. When the limit of rows is reached
 * in one of them, the page ends where that one was left.
 */
#include "store/files/read_attempts_priv.h"

#include "store/files/conditions_priv.h"
#include "store/files/readers_priv.h"
#include "store/files/segment_priv.h"
#include "store/files/segments_priv.h"
#include "store/files/stretch_priv.h"
#include "store/files/walk_priv.h"
#include "store/paging_priv.h"
#include "store/wanted_priv.h"

#define COLUMNS \
    ATTEMPT_COLUMNS \
    ", (SELECT d.reason FROM delivery d WHERE d.stretch = m.stretch AND d.endpoint = a.endpoint AND d.msg = a.msg" \
    " AND d.attempts = a.number)"

/* ?1 stretch or 0, ?2 endpoint, ?3 and ?4 bounds, ?8 after, ?9 before, ?10 limit, ?11 status, ?12 class, ?13 message,
 * ?14 app. ?15 expanded. Status: 0 success, 2 failed (whatever came after), 3 failed with another one planned, 4 canceled. */
#define FILTER \
    " AND a.ak > ?3 AND a.ak < ?4 AND a.started >= ?8 AND a.started < ?9" \
    " AND (?11 < 0 OR (?11 = 0 AND a.state_after = 3) OR (?11 = 2 AND a.success = 0 AND (?15 = 0 OR a.state_after <> 5))" \
    " OR (?11 = 4 AND a.success = 0 AND a.state_after = 5) OR (?11 = 3 AND a.state_after IN (1, 2)))" \
    " AND (?12 < 0 OR (a.http_status >= ?12 AND a.http_status < ?12 + 100)) AND m.app = ?14" MESSAGE_FILTER( \
        "m.")

#define BY_ENDPOINT(order) \
    "SELECT " COLUMNS \
    " FROM attempt a INDEXED BY attempt_endpoint CROSS JOIN message m ON m.k = a.msg" \
    " WHERE a.stretch = ?1 AND a.endpoint = ?2" FILTER " ORDER BY a.ak " order " LIMIT ?10"

#define BY_MESSAGE(order) \
    "SELECT " COLUMNS " FROM message m CROSS JOIN attempt a ON a.msg = m.k" \
    " WHERE m.k = ?13 AND ?1 = 0 AND (?2 = 0 OR a.endpoint = ?2)" FILTER " ORDER BY a.ak " order \
    " LIMIT ?10"

#define COUNT_ROWS \
    "SELECT count(*) FROM attempt INDEXED BY attempt_endpoint" \
    " WHERE stretch = ?1 AND endpoint = ?2 AND ak > ?3 AND ak < ?4"

static void read_attempts_bind(struct db_stmt *s, const struct store_attempt_filter *f,
                               const struct store_walk *w, int64_t stretch, size_t room,
                               struct arena *a)
{
    db_bind_int(s, 1, stretch);
    db_bind_int(s, 2, f->endpoint);
    db_bind_int(s, 3, w->low);
    db_bind_int(s, 4, w->high);
    store_bind_filter(s, a, f->event_types, f->event_type_count, f->channel, f->tag);
    db_bind_int(s, 8, f->after_us);
    db_bind_int(s, 9, f->before_us > 0 ? f->before_us : INT64_MAX);
    db_bind_int(s, 10, (int64_t)room);
    db_bind_int(s, 11, f->status);
    db_bind_int(s, 12, f->status_class);
    if (f->message != NULL)
        db_bind_int(s, 13, id_key(f->message));
    db_bind_int(s, 14, f->app);
    db_bind_int(s, 15, f->expanded);
}

/* Appends at most `room` rows behind those of `m`. */
static enum rc append_rows(struct db *db, const struct store_attempt_filter *f,
                           const struct store_walk *w, int64_t stretch, size_t room,
                           struct store_merged *m, struct arena *a)
{
    enum rc rc;
    const char *sql;
    if (f->message != NULL)
        sql = w->ascending ? BY_MESSAGE("ASC") : BY_MESSAGE("DESC");
    else
        sql = w->ascending ? BY_ENDPOINT("ASC") : BY_ENDPOINT("DESC");
    struct db_stmt *s = db_prepare(db, sql);
    if (f->message != NULL)
        stretch = 0;
    read_attempts_bind(s, f, w, stretch, room, a);
    while (db_step(s, &rc))
        store_read_attempt(s, a, &m->rows[m->count++]);
    return rc;
}

/* A segment's first stretch is always looked at, so that a page gets on. */
static enum rc add_stretches(struct store_segment *seg, struct db *db,
                             const struct store_attempt_filter *f, struct store_walk *w,
                             struct store_merged *m, struct arena *a)
{
    enum rc rc = RC_OK;
    bool has_looked = false;
    if (w->low >= w->high)
        return RC_OK;
    int64_t edge = 0;
    struct store_stretch_list stretches = store_stretch_list_get(seg, STRETCH_ATTEMPTS, a);
    size_t first = store_stretch_find(&stretches, w->low),
           last = store_stretch_find(&stretches, w->high);
    size_t room = m->limit + 1;
    for (size_t i = 0; rc == RC_OK && room > 0 && i <= last - first; i++) {
        size_t before = m->count, stretch = w->ascending ? first + i : last - i;
        int64_t start = stretches.first[stretch], left = w->rows_left;
        if (has_looked && store_walk_is_spent(w)) {
            store_merge_stop(m, w->ascending ? start - 1 : edge);
            break;
        }
        rc = append_rows(db, f, w, (int64_t)stretch, room, m, a);
        room -= m->count - before;
        if (rc == RC_OK)
            rc = store_walk_count(w, db, (int64_t)stretch);
        has_looked = has_looked || w->rows_left < left;
        edge = start;
    }
    return rc;
}

static enum rc add_segment(struct store_segment *seg, const struct store_attempt_filter *f,
                           struct store_walk *w, struct store_merged *m, struct arena *a)
{
    struct store_reader *reader;
    enum rc rc = store_reader_get(seg, &reader);
    if (rc != RC_OK)
        return rc;
    if (f->message != NULL)
        rc = append_rows(reader->db, f, w, 0, m->limit + 1, m, a);
    else
        rc = add_stretches(seg, reader->db, f, w, m, a);
    store_reader_put(seg->store, reader);
    store_merge_cut(m);
    return rc;
}

/* Whether the segment can hold a row that belongs on the page. */
static bool may_add(struct store_segment *seg, const struct store_walk *w,
                    const struct store_merged *m)
{
    return store_merge_is_open(m, w->low, atomic_load(&seg->stretches[STRETCH_ATTEMPTS].last_key));
}

enum rc store_files_attempt_list(struct store *store, const struct store_attempt_filter *f,
                                 const struct store_page *page, struct arena *a,
                                 struct store_attempt_row *out, struct store_page_end *end)
{
    struct store_files *s = store_files_of(store);
    struct store_walk w;
    *end = (struct store_page_end){ .done = true };
    enum rc rc = store_walk_bounds(&w, page, STR("atmpt_"), f->after_us, f->before_us);
    if (rc != RC_OK)
        return rc;
    struct store_merged m;
    store_merge_begin(&m, page, a);
    bool is_limited = f->message == NULL && store_attempts_are_filtered(f);
    store_walk_limit(&w, is_limited ? page->rows_max : 0, COUNT_ROWS, f->endpoint);
    struct store_segment_list list = store_segment_list_get(s);
    if (f->message != NULL) {
        struct store_segment *seg = store_segment_find(s, id_key(f->message));
        store_walk_enter(&w, seg);
        rc = add_segment(seg, f, &w, &m, a);
        store_segment_unref(seg);
    }
    for (size_t i = list.count; f->message == NULL && rc == RC_OK && i-- > 0;) {
        store_walk_enter(&w, list.at[i]);
        if (may_add(list.at[i], &w, &m))
            rc = add_segment(list.at[i], f, &w, &m, a);
    }
    store_segment_list_free(&list);
    if (rc != RC_OK)
        return rc;
    store_merge_end(store, &m, page, out, end);
    return RC_OK;
}

enum rc store_files_attempt_get(struct store *store, int64_t app, const struct id *message,
                                const struct id *attempt, struct arena *a,
                                struct store_attempt_row *out)
{
    struct store_files *s = store_files_of(store);
    struct store_reader *reader;
    struct store_segment *seg = store_segment_find(s, id_key(message));
    enum rc rc = store_reader_get(seg, &reader);
    if (rc == RC_OK) {
        struct db_stmt *st =
            db_prepare(reader->db,
                       "SELECT " COLUMNS " FROM attempt a JOIN message m ON m.k = a.msg"
                       " WHERE a.msg = ? AND a.ak = ? AND a.tail = ? AND m.tail = ? AND m.app = ?");
        db_bind_int(st, 1, id_key(message));
        db_bind_int(st, 2, id_key(attempt));
        db_bind_blob(st, 3, store_id_tail(attempt));
        db_bind_blob(st, 4, store_id_tail(message));
        db_bind_int(st, 5, app);
        if (db_step(st, &rc)) {
            store_read_attempt(st, a, out);
            out->next_due_us = store_shown_us(&s->base, out->next_due_us);
            db_reset(st);
        } else if (rc == RC_OK) {
            rc = RC_NOT_FOUND;
        }
        store_reader_put(s, reader);
    }
    store_segment_unref(seg);
    return rc;
}
