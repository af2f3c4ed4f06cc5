/* SPDX-License-Identifier: Apache-2.0
 *
 * Segments: each is four partitions and a row of `segment`. A partition is made as a table of its own and then attached,
 * because that leaves everybody else at work; it is detached concurrently and then dropped for the same reason. A removal
 * that was cut off goes on from wherever it was.
 */
#include "store/postgres/segments_priv.h"

#include "store/key_time_priv.h"

#include <inttypes.h>
#include <stdio.h>

enum { KINDS = 4, SQL_MAX = 2048, BEFORE_US = 60000000 };

static const char *const kinds[KINDS] = { "message", "attempt", "request", "filter_run" };

struct postgres_segment *store_postgres_segment_ref(struct postgres_segment *seg)
{
    atomic_fetch_add_explicit(&seg->refs, 1, memory_order_relaxed);
    return seg;
}

void store_postgres_segment_unref(struct postgres_segment *seg)
{
    if (seg != NULL && atomic_fetch_sub_explicit(&seg->refs, 1, memory_order_acq_rel) == 1)
        xfree(seg);
}

static struct postgres_segment *segment_make(int n, int64_t first_k, int64_t end_k)
{
    struct postgres_segment *seg = XNEW(struct postgres_segment);
    atomic_init(&seg->refs, 1);
    seg->n = n;
    seg->first_k = first_k;
    seg->end_k = end_k;
    (void)snprintf(seg->message, sizeof seg->message, "message_%d", n);
    (void)snprintf(seg->attempt, sizeof seg->attempt, "attempt_%d", n);
    (void)snprintf(seg->request, sizeof seg->request, "request_%d", n);
    (void)snprintf(seg->filter_run, sizeof seg->filter_run, "filter_run_%d", n);
    return seg;
}

/* --- the list ----------------------------------------------------------------------------------------- */

void store_postgres_segments_init(struct store_postgres *s)
{
    mutex_init(&s->segments_lock);
    mutex_init(&s->make_lock);
    store_postgres_conn_init(&s->maker, s->url);
    s->maker.answer_us = POSTGRES_SLOW_ANSWER_US;
}

static void list_clear(struct postgres_segment **list, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        store_postgres_segment_unref(list[i]);
    *count = 0;
}

void store_postgres_segments_fini(struct store_postgres *s)
{
    list_clear(s->segments, &s->segment_count);
    list_clear(s->gone, &s->gone_count);
    xfree(s->segments);
    xfree(s->gone);
    store_postgres_conn_close(&s->maker);
    mutex_fini(&s->make_lock);
    mutex_fini(&s->segments_lock);
}

struct postgres_segments store_postgres_segments_get(struct store_postgres *s)
{
    mutex_lock(&s->segments_lock);
    struct postgres_segments list = { xcalloc(s->segment_count + 1, sizeof *list.at),
                                      s->segment_count };
    for (size_t i = 0; i < list.count; i++)
        list.at[i] = store_postgres_segment_ref(s->segments[i]);
    mutex_unlock(&s->segments_lock);
    return list;
}

void store_postgres_segments_free(struct postgres_segments *list)
{
    list_clear(list->at, &list->count);
    xfree(list->at);
    list->at = NULL;
}

/* How many begin at or before the key. Under the lock. */
static size_t place_of(const struct store_postgres *s, int64_t k)
{
    size_t low = 0, high = s->segment_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->segments[middle]->first_k <= k)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct postgres_segment *store_postgres_segment_of(struct store_postgres *s, int64_t k)
{
    struct postgres_segment *found = NULL;
    mutex_lock(&s->segments_lock);
    size_t at = place_of(s, k);
    if (at > 0 && k < s->segments[at - 1]->end_k)
        found = store_postgres_segment_ref(s->segments[at - 1]);
    mutex_unlock(&s->segments_lock);
    return found;
}

static void list_insert(struct store_postgres *s, struct postgres_segment *seg)
{
    mutex_lock(&s->segments_lock);
    if (s->segment_count == s->segment_room) {
        s->segment_room = s->segment_room == 0 ? 16 : 2 * s->segment_room;
        s->segments = xrealloc(s->segments, s->segment_room * sizeof(*s->segments));
    }
    size_t at = place_of(s, seg->first_k);
    memmove(&s->segments[at + 1], &s->segments[at], (s->segment_count - at) * sizeof(*s->segments));
    s->segments[at] = seg;
    s->segment_count++;
    mutex_unlock(&s->segments_lock);
}

enum rc store_postgres_segments_load(struct store_postgres *s, struct buf *why)
{
    PGresult *r;
    enum rc rc = store_postgres_conn_open(&s->maker);
    if (rc == RC_OK)
        rc = store_postgres_query(
            &s->maker, "SELECT n, first_k, end_k FROM segment WHERE state = 1 ORDER BY first_k",
            NULL, &r);
    if (rc != RC_OK) {
        buf_say(why, "cannot read the list of segments: %s", s->maker.words);
        return rc;
    }
    for (int i = 0; i < PQntuples(r); i++)
        list_insert(s, segment_make((int)store_postgres_int(r, i, 0), store_postgres_int(r, i, 1),
                                    store_postgres_int(r, i, 2)));
    PQclear(r);
    return RC_OK;
}

/* --- making ------------------------------------------------------------------------------------------- */

static void say_tables(struct buf *sql, const struct postgres_segment *seg, const char *kind)
{
    buf_say(sql,
            "CREATE TABLE %s_%d (LIKE %s INCLUDING ALL);"
            "ALTER TABLE %s ATTACH PARTITION %s_%d FOR VALUES FROM (%" PRId64 ") TO (%" PRId64 ");",
            kind, seg->n, kind, kind, kind, seg->n, seg->first_k, seg->end_k);
}

/* One transaction. What is open of it after a failure goes, too. */
static enum rc run_whole(struct postgres_conn *c, struct buf *sql)
{
    enum rc rc = store_postgres_exec(c, sql->ptr);
    if (rc != RC_OK && c->pg != NULL) {
        struct postgres_conn was = *c;
        enum rc undone = store_postgres_exec(c, "ROLLBACK");
        (void)undone; /* the connection is closed then */
        memcpy(c->words, was.words, sizeof c->words);
        memcpy(c->state, was.state, sizeof c->state);
        c->rc = rc;
    }
    return rc;
}

static enum rc next_number(struct postgres_conn *c, int *n)
{
    PGresult *r;
    enum rc rc = store_postgres_query(c, "SELECT coalesce(max(n), 0) + 1 FROM segment", NULL, &r);
    if (rc != RC_OK)
        return rc;
    *n = (int)store_postgres_int(r, 0, 0);
    PQclear(r);
    return RC_OK;
}

static enum rc make_segment(struct store_postgres *s, int64_t first_k, int64_t end_k)
{
    struct buf sql;
    int n;
    enum rc rc = store_postgres_conn_open(&s->maker);
    if (rc == RC_OK)
        rc = next_number(&s->maker, &n);
    if (rc != RC_OK)
        return rc;
    struct postgres_segment *seg = segment_make(n, first_k, end_k);
    buf_init(&sql, SQL_MAX);
    buf_say(&sql, "BEGIN;");
    for (size_t i = 0; i < KINDS; i++)
        say_tables(&sql, seg, kinds[i]);
    buf_say(&sql,
            "INSERT INTO segment(n, first_k, end_k, state) VALUES(%d, %" PRId64 ", %" PRId64
            ", 1); COMMIT;",
            n, first_k, end_k);
    rc = run_whole(&s->maker, &sql);
    buf_fini(&sql);
    if (rc != RC_OK) {
        LOG(STORE_SEGMENT_FAILED, F_TEXT("file", seg->message), F_TEXT("why", s->maker.words));
        store_postgres_segment_unref(seg);
        return rc;
    }
    LOG(STORE_SEGMENT_STARTED, F_TEXT("file", seg->message));
    list_insert(s, seg);
    return RC_OK;
}

/* The slice around a key that no segment has: as long as segments are now, from where the one before it ends. */
static void slice_around(struct store_postgres *s, int64_t k, int64_t *first_k, int64_t *end_k)
{
    int64_t span_us = atomic_load(&s->span_us);
    int64_t before_end = INT64_MIN, after_first = INT64_MAX;
    mutex_lock(&s->segments_lock);
    size_t at = place_of(s, k);
    if (at > 0)
        before_end = s->segments[at - 1]->end_k;
    if (at < s->segment_count)
        after_first = s->segments[at]->first_k;
    mutex_unlock(&s->segments_lock);
    *first_k = store_key_at(store_key_time_us(k) - BEFORE_US);
    if (before_end != INT64_MIN && store_key_at(store_key_time_us(before_end) + span_us) > k)
        *first_k = before_end;
    if (*first_k < before_end)
        *first_k = before_end;
    *end_k = store_key_at(store_key_time_us(*first_k) + span_us);
    if (*end_k <= k)
        *end_k = store_key_at(store_key_time_us(k) + span_us);
    if (*end_k > after_first)
        *end_k = after_first;
}

/* What of it no neighbor has. */
static void fit_between(struct store_postgres *s, int64_t k, int64_t *first_k, int64_t *end_k)
{
    mutex_lock(&s->segments_lock);
    size_t at = place_of(s, k);
    if (at > 0 && *first_k < s->segments[at - 1]->end_k)
        *first_k = s->segments[at - 1]->end_k;
    if (at < s->segment_count && s->segments[at]->first_k < *end_k)
        *end_k = s->segments[at]->first_k;
    mutex_unlock(&s->segments_lock);
}

enum rc store_postgres_segments_cover(struct store_postgres *s, int64_t k)
{
    int64_t first_k, end_k;
    enum rc rc = RC_OK;
    struct postgres_segment *seg = store_postgres_segment_of(s, k);
    if (seg == NULL) {
        mutex_lock(&s->make_lock);
        seg = store_postgres_segment_of(s, k);
        if (seg == NULL) {
            slice_around(s, k, &first_k, &end_k);
            rc = make_segment(s, first_k, end_k);
        }
        mutex_unlock(&s->make_lock);
    }
    store_postgres_segment_unref(seg);
    return rc;
}

enum rc store_postgres_segments_cover_as(struct store_postgres *s, int64_t k, int64_t first_k,
                                         int64_t end_k)
{
    enum rc rc = RC_OK;
    mutex_lock(&s->make_lock);
    struct postgres_segment *seg = store_postgres_segment_of(s, k);
    if (seg == NULL) {
        fit_between(s, k, &first_k, &end_k);
        rc = make_segment(s, first_k, end_k);
    }
    mutex_unlock(&s->make_lock);
    store_postgres_segment_unref(seg);
    return rc;
}

/* RC_NOT_FOUND: there is no such table. */
static enum rc look_for_table(struct postgres_conn *c, const char *kind, int n)
{
    char sql[96];
    PGresult *r;
    (void)snprintf(sql, sizeof sql, "SELECT 1 FROM pg_class WHERE oid = to_regclass('%s_%d')", kind,
                   n);
    enum rc rc = store_postgres_query(c, sql, NULL, &r);
    if (rc != RC_OK)
        return rc;
    bool is_there = PQntuples(r) > 0;
    PQclear(r);
    return is_there ? RC_OK : RC_NOT_FOUND;
}

static enum rc mend_segment(struct store_postgres *s, const struct postgres_segment *seg)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < KINDS; i++) {
        rc = look_for_table(&s->maker, kinds[i], seg->n);
        if (rc != RC_NOT_FOUND)
            continue;
        struct buf sql;
        buf_init(&sql, SQL_MAX);
        buf_say(&sql, "BEGIN;");
        say_tables(&sql, seg, kinds[i]);
        buf_say(&sql, "COMMIT;");
        rc = run_whole(&s->maker, &sql);
        buf_fini(&sql);
    }
    return rc;
}

enum rc store_postgres_segments_mend(struct store_postgres *s)
{
    struct postgres_segments list = store_postgres_segments_get(s);
    mutex_lock(&s->make_lock);
    enum rc rc = store_postgres_conn_open(&s->maker);
    for (size_t i = list.count; rc == RC_OK && i-- > 0;)
        rc = mend_segment(s, list.at[i]);
    mutex_unlock(&s->make_lock);
    store_postgres_counted_forget(&s->counted, INT64_MIN);
    store_postgres_segments_free(&list);
    return rc;
}

/* --- removing ----------------------------------------------------------------------------------------- */

static void take_off(struct store_postgres *s, struct postgres_segment *seg)
{
    mutex_lock(&s->segments_lock);
    size_t at = place_of(s, seg->first_k);
    MUST(at > 0 && s->segments[at - 1] == seg);
    s->segment_count--;
    memmove(&s->segments[at - 1], &s->segments[at],
            (s->segment_count + 1 - at) * sizeof(*s->segments));
    s->gone = xrealloc(s->gone, (s->gone_count + 1) * sizeof(*s->gone));
    s->gone[s->gone_count++] = seg; /* the list's reference */
    mutex_unlock(&s->segments_lock);
}

enum rc store_postgres_segment_remove(struct store_postgres *s, struct postgres_segment *seg)
{
    char sql[80];
    (void)snprintf(sql, sizeof sql, "UPDATE segment SET state = 2 WHERE n = %d", seg->n);
    mutex_lock(&s->make_lock);
    enum rc rc = store_postgres_conn_open(&s->maker);
    if (rc == RC_OK)
        rc = store_postgres_exec(&s->maker, sql);
    if (rc == RC_OK)
        take_off(s, seg);
    mutex_unlock(&s->make_lock);
    return rc;
}

/* Neither can be in a transaction. */
static enum rc detach_table(struct postgres_conn *c, const char *kind, int n)
{
    char sql[128];
    PGresult *r;
    (void)snprintf(sql, sizeof sql,
                   "SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = to_regclass('%s_%d')",
                   kind, n);
    enum rc rc = store_postgres_query(c, sql, NULL, &r);
    if (rc != RC_OK)
        return rc;
    bool is_attached = PQntuples(r) > 0, is_half = is_attached && store_postgres_int(r, 0, 0) != 0;
    PQclear(r);
    if (!is_attached)
        return RC_OK;
    (void)snprintf(sql, sizeof sql, "ALTER TABLE %s DETACH PARTITION %s_%d %s", kind, kind, n,
                   is_half ? "FINALIZE" : "CONCURRENTLY");
    return store_postgres_exec_alone(c, sql);
}

static enum rc drop_tables(struct postgres_conn *c, int n)
{
    char sql[96];
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < KINDS; i++) {
        rc = detach_table(c, kinds[i], n);
        (void)snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS %s_%d", kinds[i], n);
        if (rc == RC_OK)
            rc = store_postgres_exec(c, sql);
    }
    (void)snprintf(sql, sizeof sql, "DELETE FROM segment WHERE n = %d AND state = 2", n);
    return rc == RC_OK ? store_postgres_exec(c, sql) : rc;
}

/* Somebody who reads still has it. */
static bool is_in_use(struct store_postgres *s, int n)
{
    bool is_used = false;
    mutex_lock(&s->segments_lock);
    for (size_t i = 0; i < s->gone_count; i++)
        is_used = is_used || (s->gone[i]->n == n && atomic_load(&s->gone[i]->refs) > 1);
    mutex_unlock(&s->segments_lock);
    return is_used;
}

static void forget_gone(struct store_postgres *s, int n)
{
    size_t kept = 0;
    mutex_lock(&s->segments_lock);
    for (size_t i = 0; i < s->gone_count; i++) {
        if (s->gone[i]->n == n)
            store_postgres_segment_unref(s->gone[i]);
        else
            s->gone[kept++] = s->gone[i];
    }
    s->gone_count = kept;
    mutex_unlock(&s->segments_lock);
}

enum rc store_postgres_segments_clear(struct store_postgres *s)
{
    PGresult *r = NULL;
    mutex_lock(&s->make_lock);
    enum rc rc = store_postgres_conn_open(&s->maker);
    if (rc == RC_OK)
        rc = store_postgres_query(&s->maker, "SELECT n FROM segment WHERE state = 2 ORDER BY n",
                                  NULL, &r);
    for (int i = 0; rc == RC_OK && i < PQntuples(r); i++) {
        int n = (int)store_postgres_int(r, i, 0);
        if (is_in_use(s, n))
            continue;
        rc = drop_tables(&s->maker, n);
        if (rc == RC_OK)
            forget_gone(s, n);
    }
    mutex_unlock(&s->make_lock);
    PQclear(r);
    return rc;
}
