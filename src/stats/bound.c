/* SPDX-License-Identifier: Apache-2.0
 *
 * What is dropped: what is past its time, and, above a size, the finest of what moves least.
 */
#include "stats/roll_up_priv.h"

#include "metrics/metrics.h"

enum { DROPS_AT_ONCE = 1024 };

enum rc stats_rows_expire(struct stats_rows *r, int64_t now_us)
{
    static const int64_t kept_us[] = { STATS_MINUTES_KEPT_US, STATS_MINUTES_KEPT_US,
                                       STATS_HOURS_KEPT_US, STATS_HOURS_KEPT_US,
                                       STATS_DAYS_KEPT_US };
    enum rc rc = RC_OK;
    for (int tier = STATS_TIER_MINUTE; rc == RC_OK && tier <= STATS_TIER_DAY; tier++)
        rc = stats_rows_drop(r, (enum stats_tier)tier, INT64_MIN,
                             (now_us - kept_us[tier]) / STATS_MINUTE_US);
    return rc;
}

/* --- the size -------------------------------------------------------------------------------------------- */

struct quiet {
    struct stats_subject of[DROPS_AT_ONCE];
    int64_t bytes[DROPS_AT_ONCE];
    size_t count;
};

/* Those with the least in that tier first: the fewer minutes something moves in, and the less, the shorter its packs. */
static enum rc find_quiet(struct stats_rows *r, enum stats_tier tier, struct quiet *q)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(r->writer, r->engine->quiet);
    db_bind_int(s, 1, (int64_t)tier);
    db_bind_int(s, 2, r->engine->row_bytes);
    db_bind_int(s, 3, STATS_APP);
    db_bind_int(s, 4, DROPS_AT_ONCE);
    for (q->count = 0; db_step(s, &rc); q->count++) {
        q->of[q->count] = (struct stats_subject){ (enum stats_kind)db_int(s, 0), db_int(s, 1) };
        q->bytes[q->count] = db_int(s, 2);
    }
    db_reset(s);
    return rc;
}

static enum rc drop_listed(struct stats_rows *r, enum stats_tier tier, const struct quiet *q,
                           int64_t wanted, int64_t *freed)
{
    int64_t until = r->newest + 1;
    size_t count = 0;
    while (count < q->count && *freed < wanted)
        *freed += q->bytes[count++];
    enum rc rc = r->engine->drop_subjects(r, tier, q->of, count);
    if (rc == RC_OK && count > 0)
        rc = stats_rows_set_note(r, "dropped", str_of((const char *)&until, sizeof(until)));
    return rc;
}

/* *freed: about how much. 0: there was nothing left. */
static enum rc drop_quiet(struct stats_rows *r, enum stats_tier tier, int64_t wanted,
                          int64_t *freed)
{
    *freed = 0;
    enum rc rc = r->engine->begin_alone(r);
    if (rc != RC_OK)
        return rc;
    struct quiet *q = XNEW(struct quiet);
    rc = find_quiet(r, tier, q);
    if (rc == RC_OK)
        rc = drop_listed(r, tier, q, wanted, freed);
    if (rc == RC_OK)
        rc = db_commit(r->writer);
    else
        db_rollback(r->writer);
    xfree(q);
    return rc;
}

/* Rows that are deleted leave room in a database's table and do not make it smaller: how much of it is in use has to be
 * measured, and once an hour will do. */
static bool was_measured(struct stats_rows *r, int64_t now_us, int64_t size_max)
{
    int64_t hour = now_us / STATS_HOUR_US;
    bool was = r->measured_hour == hour && r->measured_for == size_max;
    r->measured_hour = hour;
    r->measured_for = size_max;
    return was;
}

enum rc stats_rows_shrink(struct stats_rows *r, int64_t now_us, int64_t size_max)
{
    static const enum stats_tier tiers[] = { STATS_TIER_MINUTES, STATS_TIER_HOURS };
    int64_t size = 0, freed = 0, dropped = 0;
    size_t at = 0;
    enum rc rc = r->engine->size(r, &size);
    if (rc == RC_OK && size > size_max && r->engine->used != NULL) {
        if (was_measured(r, now_us, size_max))
            return RC_OK;
        rc = r->engine->used(r, &size);
    }
    if (rc != RC_OK || size <= size_max) {
        r->is_over_said = r->is_over_said && size > size_max;
        return rc;
    }
    int64_t wanted = size - size_max / 10 * 9;
    while (rc == RC_OK && at < COUNT_OF(tiers) && dropped < wanted) {
        rc = drop_quiet(r, tiers[at], wanted - dropped, &freed);
        dropped += freed;
        at += freed == 0;
    }
    if (rc != RC_OK)
        return rc;
    if (dropped > 0)
        LOG(STATS_SHRUNK, F_INT("bytes", size), F_INT("dropped", dropped));
    else if (!r->is_over_said)
        LOG(STATS_OVER, F_INT("bytes", size), F_INT("size_max", size_max));
    r->is_over_said = dropped == 0;
    return RC_OK;
}
