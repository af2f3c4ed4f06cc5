/* SPDX-License-Identifier: Apache-2.0
 *
 * What flows, of one organisation. It goes stretch by stretch, because the indexes begin with one: the stretches of a segment that have
 * anything of it are found in one statement, whatever else is there. A message goes with its attempts in one transaction, after what
 * waits: so whoever takes the target over in between, and looks for deliveries that nothing is written of, finds none.
 *
 * A stretch that is there is read back, all of each row, and compared. A row that is there already is left as it is.
 */
#include "store/move/flow_priv.h"

#include "store/move/walk_priv.h"

#include "store/key_time_priv.h"
#include "store/postgres/segments_priv.h"

#include <inttypes.h>
#include <stdio.h>

enum { SQL_MAX = 16384, LIST_MAX = 1 << 20, SEGMENTS_MAX = 20000, DELETE_MESSAGES = 200 };

#define STRETCH_BITS 44

struct segment {
    int64_t n, first_k, end_k;
};

/* --- which stretches ------------------------------------------------------------------------------------- */

/* The newest first. xfree() the list. */
static enum rc segments_read(struct postgres_conn *c, int64_t from_k, struct segment **out,
                             size_t *count)
{
    char sql[160];
    PGresult *r;
    (void)snprintf(sql, sizeof sql,
                   "SELECT n, first_k, end_k FROM segment WHERE state = 1 AND end_k > %" PRId64
                   " ORDER BY first_k DESC LIMIT %d",
                   from_k, (int)SEGMENTS_MAX);
    *out = NULL;
    *count = 0;
    enum rc rc = store_move_conn_open(c);
    if (rc == RC_OK)
        rc = store_postgres_query(c, sql, NULL, &r);
    if (rc != RC_OK)
        return rc;
    *count = (size_t)PQntuples(r);
    *out = xcalloc(*count + 1, sizeof(**out));
    for (size_t i = 0; i < *count; i++)
        (*out)[i] =
            (struct segment){ store_postgres_int(r, (int)i, 0), store_postgres_int(r, (int)i, 1),
                              store_postgres_int(r, (int)i, 2) };
    PQclear(r);
    return RC_OK;
}

/* Stretches of a segment that have anything of the organisation, for xfree(). */
static enum rc stretches_read(struct postgres_conn *c, const struct segment *seg, int64_t org,
                              int64_t **out, size_t *count)
{
    struct buf text;
    PGresult *r;
    *out = NULL;
    *count = 0;
    buf_init(&text, SQL_MAX);
    buf_say(&text,
            "SELECT CAST(st AS bigint) FROM generate_series(CAST(%" PRId64
            " AS bigint), CAST(%" PRId64 " AS bigint)) st WHERE"
            " EXISTS (SELECT 1 FROM message_%" PRId64 " WHERE (k >> 44) = st AND app IN " MOVE_APPS
            ")"
            " OR EXISTS (SELECT 1 FROM request_%" PRId64
            " WHERE (k >> 44) = st AND source IN " MOVE_SOURCES ")"
            " OR EXISTS (SELECT 1 FROM filter_run_%" PRId64
            " WHERE (k >> 44) = st AND app IN " MOVE_APPS ") ORDER BY st",
            seg->first_k >> STRETCH_BITS, (seg->end_k - 1) >> STRETCH_BITS, seg->n, seg->n, seg->n);
    char *sql = store_move_sql(text.ptr, org);
    buf_fini(&text);
    enum rc rc = store_postgres_query(c, sql, NULL, &r);
    xfree(sql);
    if (rc != RC_OK)
        return rc;
    *count = (size_t)PQntuples(r);
    *out = xcalloc(*count + 1, sizeof(**out));
    for (size_t i = 0; i < *count; i++)
        (*out)[i] = store_postgres_int(r, (int)i, 0);
    PQclear(r);
    return RC_OK;
}

/* The part of it that is in this segment. */
static struct move_stretch stretch_of(const struct segment *seg, int64_t number)
{
    struct move_stretch s = { .number = number,
                              .from_k = number << STRETCH_BITS,
                              .end_k = (number + 1) << STRETCH_BITS,
                              .segment_first_k = seg->first_k,
                              .segment_end_k = seg->end_k };
    if (s.from_k < seg->first_k)
        s.from_k = seg->first_k;
    if (s.end_k > seg->end_k)
        s.end_k = seg->end_k;
    return s;
}

/* --- copying --------------------------------------------------------------------------------------------- */

static enum rc say_differs(struct move_in *in, const struct move_stretch *s,
                           const struct move_digest *there, const struct move_digest *here)
{
    static const char *const names[MOVE_SORTS] = { "messages", "attempts", "requests",
                                                   "filter runs", "waiting deliveries" };
    for (size_t i = 0; i < MOVE_SORTS; i++) {
        if (there[i].rows == here[i].rows && there[i].sum == here[i].sum)
            continue;
        buf_say(in->why,
                "stretch %" PRId64 ": %s differ from their copy: %" PRId64 " rows there, %" PRId64
                " here; another message of this cell may have the same key",
                s == NULL ? 0 : s->number, names[i], there[i].rows, here[i].rows);
        return RC_CORRUPT;
    }
    return RC_OK;
}

static enum rc stretch_copy(struct move_in *in, const struct move_stretch *s)
{
    struct move_digest there[MOVE_SORTS] = { 0 }, here[MOVE_SORTS] = { 0 };
    enum rc rc = store_move_walk_stretch(in, s, true, there);
    if (rc == RC_OK)
        rc = store_move_walk_stretch(in, s, false, here);
    if (rc == RC_OK)
        rc = say_differs(in, s, there, here);
    in->counts.messages += there[MOVE_MESSAGES].rows;
    in->counts.attempts += there[MOVE_ATTEMPTS].rows;
    in->counts.requests += there[MOVE_REQUESTS].rows;
    in->counts.filter_runs += there[MOVE_RUNS].rows;
    return rc;
}

static enum rc waiting_copy(struct move_in *in)
{
    struct move_digest there[MOVE_SORTS] = { 0 }, here[MOVE_SORTS] = { 0 };
    enum rc rc = store_move_walk_waiting(in, true, &there[MOVE_WAITING]);
    if (rc == RC_OK)
        rc = store_move_walk_waiting(in, false, &here[MOVE_WAITING]);
    in->counts.waiting = there[MOVE_WAITING].rows;
    return rc == RC_OK ? say_differs(in, NULL, there, here) : rc;
}

static enum rc segment_copy(struct move_in *in, const struct segment *seg, struct buf *stretches)
{
    int64_t *list = NULL;
    size_t count = 0;
    enum rc rc = stretches_read(&in->from, seg, in->org, &list, &count);
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        struct move_stretch s = stretch_of(seg, list[i]);
        rc = store_move_in_goes_on(in) ? stretch_copy(in, &s) : RC_BUSY;
        if (stretches != NULL)
            buf_say(stretches, "%s%" PRId64, stretches->len > 0 ? "," : "", list[i]);
    }
    xfree(list);
    return rc;
}

enum rc store_move_flow_copy(struct move_in *in)
{
    struct segment *list = NULL;
    size_t count = 0;
    struct buf stretches; /* of which keys may be remembered */
    struct store *store = in->m->o.store;
    int64_t now_us = clock_wall_us(store_clock(store));
    int64_t from_k = store_key_at(now_us - store_kept_us(&in->m->store->base));
    int64_t remembered_k = store_key_at(now_us - store_idempotency_us(store));
    buf_init(&stretches, LIST_MAX);
    enum rc rc = waiting_copy(in);
    if (rc == RC_OK)
        rc = segments_read(&in->from, from_k, &list, &count);
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = segment_copy(in, &list[i], list[i].end_k > remembered_k ? &stretches : NULL);
    if (rc == RC_OK && stretches.len > 0)
        rc = store_move_walk_keys(in, stretches.ptr, remembered_k);
    xfree(list);
    buf_fini(&stretches);
    store_postgres_counted_forget(&in->m->store->counted, INT64_MIN);
    if (rc == RC_OK)
        atomic_fetch_add(&in->m->store->waiting, in->counts.waiting);
    return rc;
}

/* --- deleting -------------------------------------------------------------------------------------------- */

static enum rc delete_in(struct store_mover *m, struct postgres_conn *c, const char *text,
                         int64_t org, int64_t *rows)
{
    PGresult *r;
    char condition[256];
    struct buf whole;
    store_move_row_condition(m->now, condition, sizeof condition);
    buf_init(&whole, SQL_MAX);
    buf_say(&whole, "%s AND %s", text, condition);
    char *sql = store_move_sql(whole.ptr, org);
    buf_fini(&whole);
    enum rc rc = atomic_load(m->o.is_stopping) ? RC_BUSY : store_move_conn_open(c);
    if (rc == RC_OK)
        rc = store_postgres_query(c, sql, NULL, &r);
    xfree(sql);
    if (rc != RC_OK)
        return rc;
    *rows = strtoll(PQcmdTuples(r), NULL, 10);
    PQclear(r);
    return RC_OK;
}

/* In small statements until one finds nothing. */
static enum rc delete_all(struct store_mover *m, struct postgres_conn *c, const char *text,
                          int64_t org, int64_t *total)
{
    int64_t rows = 1;
    enum rc rc = RC_OK;
    while (rc == RC_OK && rows > 0) {
        rows = 0;
        rc = delete_in(m, c, text, org, &rows);
        *total += rows;
    }
    return rc;
}

static enum rc stretch_delete(struct store_mover *m, struct postgres_conn *c,
                              const struct segment *seg, int64_t org, int64_t stretch)
{
    static const char *const kinds[] = { "request", "filter_run" };
    static const char *const owners[] = { "source IN " MOVE_SOURCES, "app IN " MOVE_APPS };
    struct buf text;
    int64_t total = 0;
    buf_init(&text, SQL_MAX);
    buf_say(&text,
            "WITH doomed AS MATERIALIZED (SELECT k FROM message_%" PRId64
            " WHERE (k >> 44) = %" PRId64 " AND app IN " MOVE_APPS
            " LIMIT %d), attempts AS (DELETE FROM attempt_%" PRId64
            " WHERE msg IN (SELECT k FROM doomed)) DELETE FROM message_%" PRId64
            " WHERE k IN (SELECT k FROM doomed)",
            seg->n, stretch, (int)DELETE_MESSAGES, seg->n, seg->n);
    enum rc rc = delete_all(m, c, text.ptr, org, &total);
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(kinds); i++) {
        buf_reset(&text);
        buf_say(&text,
                "DELETE FROM %s_%" PRId64 " WHERE k IN (SELECT k FROM %s_%" PRId64
                " WHERE (k >> 44) = %" PRId64 " AND %s LIMIT %d)",
                kinds[i], seg->n, kinds[i], seg->n, stretch, owners[i], (int)DELETE_MESSAGES);
        rc = delete_all(m, c, text.ptr, org, &total);
    }
    buf_fini(&text);
    return rc;
}

static enum rc segment_delete(struct store_mover *m, struct postgres_conn *c,
                              const struct segment *seg, int64_t org)
{
    int64_t *list = NULL;
    size_t count = 0;
    enum rc rc = stretches_read(c, seg, org, &list, &count);
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = stretch_delete(m, c, seg, org, list[i]);
    xfree(list);
    return rc;
}

/* What waits goes first: nobody is to find a delivery whose message is gone. Keys that are remembered stay until their time is
 * over: they are hashes, by which nobody finds anything any more. */
enum rc store_move_flow_delete(struct store_mover *m, int64_t org)
{
    struct segment *list = NULL;
    size_t count = 0;
    int64_t waiting = 0;
    struct postgres_conn c;
    store_move_conn_init(&c, m->store->url);
    enum rc rc = delete_all(
        m, &c,
        "DELETE FROM waiting WHERE ctid IN (SELECT w.ctid FROM endpoint e JOIN waiting w ON"
        " w.endpoint = e.num WHERE e.app IN " MOVE_APPS " LIMIT 500)",
        org, &waiting);
    if (rc == RC_OK)
        rc = segments_read(&c, 0, &list, &count);
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = segment_delete(m, &c, &list[i], org);
    atomic_fetch_sub(&m->store->waiting, waiting);
    xfree(list);
    store_postgres_conn_close(&c);
    return rc;
}

/* --- what waits ------------------------------------------------------------------------------------------ */

enum rc store_move_flow_waiting(struct store_mover *m, int64_t org, struct store_due_endpoint **out,
                                size_t *count)
{
    PGresult *r;
    *out = NULL;
    *count = 0;
    char *sql = store_move_sql(
        "SELECT w.endpoint, min(w.app), count(*), min(w.due) FROM endpoint e JOIN"
        " waiting w ON w.endpoint = e.num WHERE e.app IN " MOVE_APPS " GROUP BY w.endpoint",
        org);
    enum rc rc = store_move_conn_open(&m->own);
    if (rc == RC_OK)
        rc = store_postgres_query(&m->own, sql, NULL, &r);
    xfree(sql);
    if (rc != RC_OK)
        return rc;
    *count = (size_t)PQntuples(r);
    *out = xcalloc(*count + 1, sizeof(**out));
    for (size_t i = 0; i < *count; i++)
        (*out)[i] = (struct store_due_endpoint){ store_postgres_int(r, (int)i, 0),
                                                 store_postgres_int(r, (int)i, 1),
                                                 store_postgres_int(r, (int)i, 2),
                                                 store_postgres_int(r, (int)i, 3) };
    PQclear(r);
    return RC_OK;
}
