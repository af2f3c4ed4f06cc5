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
    int64_t from, step, until;
    bool *known; /* by point */
    struct stats_pack pack;
    struct buf bytes;
};

static bool find_point(const struct reading *r, int64_t minute, size_t *at)
{
    if (minute < r->from || minute >= r->until)
        return false;
    *at = (size_t)((minute - r->from) / r->step);
    return true;
}

/* What is at a time of a subject: to its point. `i` SIZE_MAX: the server's, which only says that the time is known. */
static void read_add(struct reading *r, size_t i, int64_t minute, const struct stats_cell *c)
{
    size_t at;
    if (!find_point(r, minute, &at))
        return;
    if (i == SIZE_MAX)
        r->known[at] = true;
    else
        stats_cell_add(&r->points[i * r->q->count + at].cell, c);
}

static struct stats_subject subject_of(const struct reading *r, size_t i)
{
    return i == SIZE_MAX ? (struct stats_subject){ STATS_SERVER, 0 } : r->q->subjects[i];
}

/* RC_NOT_FOUND: there is no row. */
static enum rc get_row(struct reading *r, enum stats_tier tier, int64_t time, size_t i)
{
    struct stats_subject of = subject_of(r, i);
    return stats_rows_get(r->s->rows.reader, tier, time, of.kind, of.id, &r->bytes);
}

static enum rc get_cell(struct reading *r, enum stats_tier tier, int64_t time, size_t i,
                        struct stats_cell *out)
{
    enum rc rc = get_row(r, tier, time, i);
    struct str in = buf_str(&r->bytes);
    if (rc == RC_OK && !stats_cell_read(&in, out))
        rc = RC_CORRUPT;
    return rc;
}

static enum rc get_pack(struct reading *r, enum stats_tier tier, int64_t time, size_t i)
{
    enum rc rc = get_row(r, tier, time, i);
    memset(&r->pack, 0, sizeof(r->pack));
    if (rc == RC_OK && !stats_pack_read(buf_str(&r->bytes), &r->pack))
        rc = RC_CORRUPT;
    return rc;
}

/* --- cells ---------------------------------------------------------------------------------------------------- */

/* Those of a tier with a row a time: from its first row on, which is where packing has come to. */
static enum rc read_cells(struct reading *r, enum stats_tier tier, int64_t unit, size_t i)
{
    int64_t first = 0, last = r->s->rows.newest;
    struct stats_cell cell;
    enum rc rc = stats_rows_first(r->s->rows.reader, tier, &first);
    if (rc != RC_OK || first == INT64_MAX)
        return rc;
    int64_t from = r->from - r->from % unit;
    for (int64_t at = first > from ? first : from; at < r->until && at <= last; at += unit) {
        rc = get_cell(r, tier, at, i, &cell);
        if (rc == RC_OK)
            read_add(r, i, at, &cell);
        else if (rc != RC_NOT_FOUND)
            return rc;
    }
    return RC_OK;
}

/* --- packs ------------------------------------------------------------------------------------------------------ */

/* The subject's own were dropped: the coarser cell is there and holds something. */
static enum rc was_dropped(struct reading *r, enum stats_tier packs, int64_t start, size_t i,
                           bool *dropped)
{
    struct stats_cell sum = { 0 };
    *dropped = false;
    if (start >= r->s->rows.dropped || subject_of(r, i).kind <= STATS_APP)
        return RC_OK;
    if (packs == STATS_TIER_HOURS) {
        enum rc rc = get_cell(r, STATS_TIER_DAY, start, i, &sum);
        *dropped = rc == RC_OK && !stats_cell_is_empty(&sum);
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    }
    enum rc rc = get_cell(r, STATS_TIER_HOUR, start, i, &sum);
    if (rc == RC_NOT_FOUND) {
        rc = get_pack(r, STATS_TIER_HOURS, start - start % DAY, i);
        if (rc == RC_OK)
            sum = r->pack.at[start % DAY / HOUR];
    }
    *dropped = rc == RC_OK && !stats_cell_is_empty(&sum);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static void read_forget(struct reading *r, size_t i, int64_t start, int64_t span)
{
    size_t at;
    for (int64_t minute = start; minute < start + span; minute++)
        if (find_point(r, minute, &at))
            r->points[i * r->q->count + at].is_known = false;
}

static enum rc read_packs(struct reading *r, enum stats_tier tier, int64_t unit, int64_t span,
                          size_t i)
{
    for (int64_t start = r->from - r->from % span; start < r->until; start += span) {
        enum rc rc = get_pack(r, tier, start, i);
        bool dropped = false;
        if (rc == RC_NOT_FOUND && i != SIZE_MAX) {
            rc = was_dropped(r, tier, start, i, &dropped);
            if (dropped)
                read_forget(r, i, start, span);
            if (rc != RC_OK)
                return rc;
            continue;
        }
        if (rc != RC_OK && rc != RC_NOT_FOUND)
            return rc;
        for (size_t place = 0; place < STATS_PACK_MAX; place++)
            if (r->pack.has[place])
                read_add(r, i, start + (int64_t)place * unit, &r->pack.at[place]);
    }
    return RC_OK;
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static void read_memory(struct reading *r, size_t i)
{
    struct stats_subject of = subject_of(r, i);
    for (size_t n = 0; n < STATS_TABLES; n++) {
        struct stats_table *t = &r->s->tables[n];
        struct stats_cell cell = { 0 };
        if (atomic_load_explicit(&t->state, memory_order_acquire) == STATS_TABLE_FREE)
            continue;
        int64_t minute = atomic_load(&t->minute_us) / STATS_MINUTE_US;
        if (stats_table_read(t, of.kind, of.id, &cell) || i == SIZE_MAX)
            read_add(r, i, minute, &cell);
    }
}

static enum rc read_subject(struct reading *r, size_t i)
{
    enum rc rc = RC_OK;
    if (r->s->rows.reader != NULL) {
        if (r->step % DAY == 0)
            rc = read_cells(r, STATS_TIER_DAY, DAY, i);
        else if (r->step % HOUR == 0)
            rc = read_packs(r, STATS_TIER_HOURS, HOUR, DAY, i);
        else
            rc = read_packs(r, STATS_TIER_MINUTES, 1, HOUR, i);
        if (rc == RC_OK && r->step % HOUR == 0)
            rc = read_cells(r, STATS_TIER_HOUR, HOUR, i);
        if (rc == RC_OK)
            rc = read_cells(r, STATS_TIER_MINUTE, 1, i);
    }
    read_memory(r, i);
    return rc;
}

static enum rc read_all(struct reading *r)
{
    int64_t now = clock_wall_us(r->s->o.clock) / STATS_MINUTE_US;
    size_t at, count = r->q->count;
    enum rc rc = read_subject(r, SIZE_MAX);
    if (find_point(r, now, &at))
        r->known[at] = true;
    for (size_t i = 0; i < r->q->subject_count; i++)
        for (size_t n = 0; n < count; n++)
            r->points[i * count + n].is_known = r->known[n];
    for (size_t i = 0; rc == RC_OK && i < r->q->subject_count; i++)
        rc = read_subject(r, i);
    return rc;
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
    return rc;
}

enum rc stats_read(struct stats *s, const struct stats_query *q, struct stats_point *points)
{
    thread_must_be(THREAD_WORKER);
    if (!s->counts)
        return RC_NOT_FOUND;
    struct reading *r = XNEW(struct reading);
    r->s = s;
    r->q = q;
    r->points = points;
    r->from = q->from_us / STATS_MINUTE_US;
    r->step = q->step_us / STATS_MINUTE_US;
    r->until = r->from + r->step * (int64_t)q->count;
    r->known = xcalloc(q->count, sizeof(bool));
    buf_init(&r->bytes, STATS_PACK_BYTES_MAX);
    memset(points, 0, q->count * q->subject_count * sizeof(*points));
    mutex_lock(&s->lock);
    enum rc rc = read_locked(r);
    mutex_unlock(&s->lock);
    buf_fini(&r->bytes);
    xfree(r->known);
    xfree(r);
    return rc;
}
