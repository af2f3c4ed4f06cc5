/* SPDX-License-Identifier: Apache-2.0
 *
 * Charts: some hundred look-ups by key, whatever the traffic was. What is packed, what is not packed yet and what is still
 * in memory are added up; rows move between the first two in one transaction, and minutes out of memory under the lock.
 *
 * The server has a row of each minute it ran. So a time without one is unknown, and one with it, but without a row of
 * the subject, is zero; unless the subject's own rows were dropped for their size, which the coarser row beside them tells.
 */
#include "stats/stats_priv.h"

enum { HOUR = 60, DAY = 24 * 60 };

/* One read: what it looks for, and what it fills. Times are minutes. */
struct reading {
    struct stats *s;
    const struct stats_query *q;
    struct stats_point *points;
    struct stats_subject *subjects; /* the query's, and behind them the server */
    int64_t from, step, until;
    bool *known; /* by point */
    struct stats_pack pack;
    /* Of the packs that are read: */
    int64_t unit, first, span; /* minutes of a place, of the first pack's beginning, of a pack */
    size_t spans;
    bool *has_pack; /* [subject * spans + span] */
};

static bool find_point(const struct reading *r, int64_t minute, size_t *at)
{
    if (minute < r->from || minute >= r->until)
        return false;
    *at = (size_t)((minute - r->from) / r->step);
    return true;
}

/* What is at a time of a subject: to its point. The server's only says that the time is known. */
static void read_add(struct reading *r, size_t i, int64_t minute, const struct stats_cell *c)
{
    size_t at;
    if (!find_point(r, minute, &at))
        return;
    if (i == r->q->subject_count)
        r->known[at] = true;
    else
        stats_cell_add(&r->points[i * r->q->count + at].cell, c);
}

/* --- cells ---------------------------------------------------------------------------------------------------- */

static enum rc read_cell(void *ctx, size_t i, int64_t time, struct str bytes)
{
    struct reading *r = ctx;
    struct stats_cell cell;
    if (!stats_cell_read(&bytes, &cell))
        return RC_CORRUPT;
    read_add(r, i, time, &cell);
    return RC_OK;
}

/* Rows of all subjects at `count` times. */
static enum rc read_rows(struct reading *r, enum stats_tier tier, int64_t first, int64_t step,
                         int64_t count, stats_row_fn fn)
{
    struct stats_keys keys = { .tier = tier,
                               .subjects = r->subjects,
                               .subject_count = r->q->subject_count + 1,
                               .first = first,
                               .step = step,
                               .count = count };
    return stats_rows_find(&r->s->rows, r->s->rows.reader, &keys, fn, r);
}

/* Those of a tier with a row a time: from its first row on, which is where packing has come to. */
static enum rc read_cells(struct reading *r, enum stats_tier tier, int64_t unit)
{
    int64_t first, last;
    enum rc rc = stats_rows_extent(&r->s->rows, r->s->rows.reader, tier, &first, &last);
    int64_t from = r->from - r->from % unit;
    if (rc != RC_OK || first == INT64_MAX)
        return rc;
    from = first > from ? first : from;
    last = last < r->until ? last : r->until - 1;
    return last < from ? RC_OK
                       : read_rows(r, tier, from, unit, (last - from) / unit + 1, read_cell);
}

/* --- packs ------------------------------------------------------------------------------------------------------ */

static bool *has_pack(const struct reading *r, size_t i, int64_t start)
{
    return &r->has_pack[i * r->spans + (size_t)((start - r->first) / r->span)];
}

static enum rc read_pack(void *ctx, size_t i, int64_t start, struct str bytes)
{
    struct reading *r = ctx;
    memset(&r->pack, 0, sizeof(r->pack));
    if (!stats_pack_read(bytes, &r->pack))
        return RC_CORRUPT;
    *has_pack(r, i, start) = true;
    for (size_t place = 0; place < STATS_PACK_MAX; place++)
        if (r->pack.has[place])
            read_add(r, i, start + (int64_t)place * r->unit, &r->pack.at[place]);
    return RC_OK;
}

static enum rc read_packs(struct reading *r, enum stats_tier tier, int64_t unit, int64_t span)
{
    r->unit = unit;
    r->span = span;
    r->first = r->from - r->from % span;
    r->spans = (size_t)((r->until - r->first + span - 1) / span);
    r->has_pack = xcalloc((r->q->subject_count + 1) * r->spans, sizeof(bool));
    return read_rows(r, tier, r->first, span, (int64_t)r->spans, read_pack);
}

/* --- what was dropped -------------------------------------------------------------------------------------------- */

/* The subject's own were dropped, if it has none though the coarser cell beside them holds something. */
static void read_forget(struct reading *r, size_t i, int64_t start, const struct stats_cell *sum)
{
    size_t at;
    if (r->subjects[i].kind <= STATS_APP || *has_pack(r, i, start) || stats_cell_is_empty(sum))
        return;
    for (int64_t minute = start; minute < start + r->span; minute++)
        if (find_point(r, minute, &at))
            r->points[i * r->q->count + at].is_known = false;
}

static enum rc forget_by_cell(void *ctx, size_t i, int64_t start, struct str bytes)
{
    struct reading *r = ctx;
    struct stats_cell sum;
    if (!stats_cell_read(&bytes, &sum))
        return RC_CORRUPT;
    read_forget(r, i, start, &sum);
    return RC_OK;
}

/* By the hours of a day. */
static enum rc forget_by_pack(void *ctx, size_t i, int64_t start, struct str bytes)
{
    struct reading *r = ctx;
    int64_t until = r->first + (int64_t)r->spans * r->span;
    memset(&r->pack, 0, sizeof(r->pack));
    if (!stats_pack_read(bytes, &r->pack))
        return RC_CORRUPT;
    for (int64_t place = 0; place < DAY / HOUR; place++) {
        int64_t hour = start + place * HOUR;
        if (hour >= r->first && hour < until && r->pack.has[place])
            read_forget(r, i, hour, &r->pack.at[place]);
    }
    return RC_OK;
}

static bool misses_some(const struct reading *r, int64_t until)
{
    for (size_t i = 0; i < r->q->subject_count; i++)
        for (int64_t start = r->first; start < until; start += r->span)
            if (r->subjects[i].kind > STATS_APP && !*has_pack(r, i, start))
                return true;
    return false;
}

static enum rc read_dropped(struct reading *r)
{
    int64_t until = r->first + (int64_t)r->spans * r->span, dropped;
    enum rc rc = stats_rows_dropped(&r->s->rows, r->s->rows.reader, &dropped);
    until = dropped < until ? dropped : until;
    if (rc != RC_OK || !misses_some(r, until))
        return rc;
    int64_t count = (until - r->first + r->span - 1) / r->span;
    if (r->span == DAY)
        return read_rows(r, STATS_TIER_DAY, r->first, DAY, count, forget_by_cell);
    int64_t day = r->first - r->first % DAY;
    rc = read_rows(r, STATS_TIER_HOUR, r->first, HOUR, count, forget_by_cell);
    return rc == RC_OK ? read_rows(r, STATS_TIER_HOURS, day, DAY, (until - day + DAY - 1) / DAY,
                                   forget_by_pack)
                       : rc;
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static void read_memory(struct reading *r, size_t i)
{
    struct stats_subject of = r->subjects[i];
    for (size_t n = 0; n < STATS_TABLES; n++) {
        struct stats_table *t = &r->s->tables[n];
        struct stats_cell cell = { 0 };
        if (atomic_load_explicit(&t->state, memory_order_acquire) == STATS_TABLE_FREE)
            continue;
        int64_t minute = atomic_load(&t->minute_us) / STATS_MINUTE_US;
        if (stats_table_read(t, of.kind, of.id, &cell) || i == r->q->subject_count)
            read_add(r, i, minute, &cell);
    }
}

static enum rc read_kept(struct reading *r)
{
    enum rc rc;
    if (r->step % DAY == 0)
        rc = read_cells(r, STATS_TIER_DAY, DAY);
    else if (r->step % HOUR == 0)
        rc = read_packs(r, STATS_TIER_HOURS, HOUR, DAY);
    else
        rc = read_packs(r, STATS_TIER_MINUTES, 1, HOUR);
    if (rc == RC_OK && r->step % HOUR == 0)
        rc = read_cells(r, STATS_TIER_HOUR, HOUR);
    return rc == RC_OK ? read_cells(r, STATS_TIER_MINUTE, 1) : rc;
}

static enum rc read_all(struct reading *r)
{
    int64_t now = clock_wall_us(r->s->o.clock) / STATS_MINUTE_US;
    bool has_rows = r->s->rows.reader != NULL;
    size_t at, count = r->q->count;
    enum rc rc = has_rows ? read_kept(r) : RC_OK;
    for (size_t i = 0; rc == RC_OK && i <= r->q->subject_count; i++)
        read_memory(r, i);
    if (find_point(r, now, &at))
        r->known[at] = true;
    for (size_t i = 0; i < r->q->subject_count; i++)
        for (size_t n = 0; n < count; n++)
            r->points[i * count + n].is_known = r->known[n];
    return rc == RC_OK && has_rows && r->has_pack != NULL ? read_dropped(r) : rc;
}

/* All on one snapshot. */
static enum rc read_locked(struct reading *r)
{
    struct db *db = r->s->rows.reader;
    if (db == NULL)
        return read_all(r);
    enum rc rc = db_begin(db, false);
    if (rc == RC_OK) {
        rc = read_all(r);
        db_rollback(db);
    }
    stats_reader_check(r->s);
    return rc;
}

static struct reading *reading_new(struct stats *s, const struct stats_query *q,
                                   struct stats_point *points)
{
    struct reading *r = XNEW(struct reading);
    r->s = s;
    r->q = q;
    r->points = points;
    r->from = q->from_us / STATS_MINUTE_US;
    r->step = q->step_us / STATS_MINUTE_US;
    r->until = r->from + r->step * (int64_t)q->count;
    r->known = xcalloc(q->count, sizeof(bool));
    r->subjects = xcalloc(q->subject_count + 1, sizeof(*r->subjects));
    memcpy(r->subjects, q->subjects, q->subject_count * sizeof(*r->subjects));
    r->subjects[q->subject_count] = (struct stats_subject){ STATS_SERVER, 0 };
    memset(points, 0, q->count * q->subject_count * sizeof(*points));
    return r;
}

enum rc stats_read(struct stats *s, const struct stats_query *q, struct stats_point *points)
{
    thread_must_be(THREAD_WORKER);
    if (!s->counts)
        return RC_NOT_FOUND;
    struct reading *r = reading_new(s, q, points);
    mutex_lock(&s->lock);
    enum rc rc = read_locked(r);
    mutex_unlock(&s->lock);
    xfree(r->has_pack);
    xfree(r->subjects);
    xfree(r->known);
    xfree(r);
    return rc;
}
