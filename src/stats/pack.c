/* SPDX-License-Identifier: Apache-2.0
 *
 * Rolling up: the minutes of an hour that is over become one pack and one hour for each subject; the hours of a day likewise.
 * Each in one transaction, so that a row is either fine or packed, and adding up both is always right: also for minutes
 * that come late, because the clock was set back or another node was cut off, and join what is packed.
 */
#include "stats/roll_up_priv.h"

#include "metrics/metrics.h"

enum { MINUTES_A_HOUR = 60, MINUTES_A_DAY = 24 * 60 };

/* From cells of `unit` minutes to packs and cells of `span` minutes. */
struct level {
    enum stats_tier fine, packs, sums;
    int64_t unit, span;
};
static const struct level levels[] = {
    { STATS_TIER_MINUTE, STATS_TIER_MINUTES, STATS_TIER_HOUR, 1, MINUTES_A_HOUR },
    { STATS_TIER_HOUR, STATS_TIER_HOURS, STATS_TIER_DAY, MINUTES_A_HOUR, MINUTES_A_DAY },
};

struct packing {
    struct stats_rows *rows;
    const struct level *level;
    int64_t start;
    bool may_be_there; /* this span was packed before */
    bool has_any;
    struct stats_subject of;
    struct stats_pack pack;
    struct stats_batch *packs, *sums; /* of the same subjects */
};

static enum rc put_batch(struct packing *p, enum stats_tier tier, struct stats_batch *b)
{
    enum rc rc = RC_OK;
    if (b->count == 0)
        return RC_OK;
    if (p->may_be_there)
        rc = stats_rows_join(p->rows, tier, p->start, b);
    if (rc == RC_OK)
        rc = stats_rows_set(p->rows, tier, p->start, b);
    stats_batch_reset(b);
    return rc;
}

static enum rc put_batches(struct packing *p)
{
    enum rc rc = put_batch(p, p->level->packs, p->packs);
    return rc == RC_OK ? put_batch(p, p->level->sums, p->sums) : rc;
}

/* All that there is of the subject has been seen. */
static enum rc put_subject(struct packing *p)
{
    struct stats_cell sum = { 0 };
    if (!p->has_any)
        return RC_OK;
    for (size_t i = 0; i < STATS_PACK_MAX; i++)
        if (p->pack.has[i])
            stats_cell_add(&sum, &p->pack.at[i]);
    stats_batch_add_pack(p->packs, p->of, &p->pack);
    stats_batch_add_cell(p->sums, p->of, &sum);
    p->has_any = false;
    memset(&p->pack, 0, sizeof(p->pack));
    return stats_batch_is_full(p->packs) ? put_batches(p) : RC_OK;
}

/* A file that has damage is made anew. In a database it cannot be but that somebody wrote there: that goes, and nothing
 * else does. */
static enum rc take_piece(void *ctx, struct stats_subject of, struct str piece)
{
    struct packing *p = ctx;
    enum rc rc = RC_OK;
    if (p->has_any && (of.kind != p->of.kind || of.id != p->of.id))
        rc = put_subject(p);
    if (rc != RC_OK)
        return rc;
    p->of = of;
    p->has_any = true;
    if (stats_pack_read(piece, &p->pack))
        return RC_OK;
    if (!stats_rows_is_shared(p->rows))
        return RC_CORRUPT;
    metrics_add(METRIC_STATS_LOST, 1);
    return RC_OK;
}

static enum rc pack_all(struct packing *p)
{
    const struct level *level = p->level;
    enum rc rc = stats_rows_has(p->rows, p->rows->writer, level->packs, p->start, &p->may_be_there);
    if (rc == RC_OK)
        rc = p->rows->engine->walk(p->rows, level->fine, p->start, level->unit, level->span,
                                   take_piece, p);
    if (rc == RC_OK)
        rc = put_subject(p);
    if (rc == RC_OK)
        rc = put_batches(p);
    return rc == RC_OK ? stats_rows_drop(p->rows, level->fine, p->start, p->start + level->span)
                       : rc;
}

static enum rc pack_span(struct stats_rows *r, const struct level *level, int64_t start)
{
    enum rc rc = r->engine->begin_alone(r);
    if (rc != RC_OK)
        return rc;
    struct packing *p = XNEW(struct packing);
    p->rows = r;
    p->level = level;
    p->start = start;
    p->packs = stats_batch_new();
    p->sums = stats_batch_new();
    rc = pack_all(p);
    if (rc == RC_OK)
        rc = db_commit(r->writer);
    else
        db_rollback(r->writer);
    stats_batch_free(p->packs);
    stats_batch_free(p->sums);
    xfree(p);
    return rc;
}

static enum rc pack_level(struct stats_rows *r, const struct level *level, int64_t now, bool *more)
{
    int64_t first, last;
    enum rc rc = stats_rows_extent(r, r->writer, level->fine, &first, &last);
    if (rc != RC_OK || first == INT64_MAX)
        return rc;
    int64_t start = first - first % level->span;
    if (start + level->span > now)
        return RC_OK;
    *more = true;
    return pack_span(r, level, start);
}

enum rc stats_pack_next(struct stats_rows *r, int64_t now_us, bool *more)
{
    int64_t now = now_us / STATS_MINUTE_US;
    *more = false;
    enum rc rc = pack_level(r, &levels[0], now, more);
    if (rc == RC_OK && !*more) /* a day once all of its hours are */
        rc = pack_level(r, &levels[1], now, more);
    return rc;
}
