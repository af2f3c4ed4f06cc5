/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose payloads take most: a walk over the rows of one kind, by the hour. It costs what moved in the period, not what
 * moved in a message: each hour is one range of rows, whatever the traffic was.
 */
#include "stats/stats_priv.h"

#include "base/map.h"

#include <stdlib.h>

enum { HOUR = 60, DAY = 24 * 60 };

struct ranking {
    struct stats *s;
    enum stats_kind kind;
    int64_t from, until; /* minutes */
    int64_t time;        /* of the rows that are being read */
    struct map64 *sums;  /* of struct stats_ranked, on the heap */
    struct stats_pack pack;
};

static void ranking_add(struct ranking *r, int64_t id, int64_t minute, const struct stats_cell *c)
{
    if (minute < r->from || minute >= r->until)
        return;
    struct stats_ranked *sum = map64_get(r->sums, (uint64_t)id);
    if (sum == NULL) {
        sum = XNEW(struct stats_ranked);
        sum->id = id;
        (void)map64_set(r->sums, (uint64_t)id, sum);
    }
    sum->bytes += c->n[STATS_BYTES_IN];
    sum->messages += c->n[STATS_ACCEPTED];
}

/* --- rows ------------------------------------------------------------------------------------------------------ */

static enum rc ranking_cell(void *ctx, int64_t id, struct str bytes)
{
    struct ranking *r = ctx;
    struct stats_cell cell;
    if (!stats_cell_read(&bytes, &cell))
        return RC_CORRUPT;
    ranking_add(r, id, r->time, &cell);
    return RC_OK;
}

static enum rc ranking_pack(void *ctx, int64_t id, struct str bytes)
{
    struct ranking *r = ctx;
    memset(&r->pack, 0, sizeof(r->pack));
    if (!stats_pack_read(bytes, &r->pack))
        return RC_CORRUPT;
    for (size_t place = 0; place < STATS_PACK_MAX; place++)
        if (r->pack.has[place])
            ranking_add(r, id, r->time + (int64_t)place * HOUR, &r->pack.at[place]);
    return RC_OK;
}

static enum rc ranking_tier(struct ranking *r, enum stats_tier tier, int64_t unit)
{
    struct stats_rows *rows = &r->s->rows;
    int64_t first, last;
    enum rc rc = stats_rows_extent(rows, rows->reader, tier, &first, &last);
    int64_t from = r->from - r->from % unit;
    if (rc != RC_OK || first == INT64_MAX)
        return rc;
    for (r->time = first > from ? first : from;
         rc == RC_OK && r->time < r->until && r->time <= last; r->time += unit)
        rc = rows->engine->of_kind(rows->reader, tier, r->time, r->kind,
                                   tier == STATS_TIER_HOURS ? ranking_pack : ranking_cell, r);
    return rc;
}

/* Days that are packed, hours that are not yet, and minutes that are in no hour yet: on one snapshot. */
static enum rc ranking_rows(struct ranking *r)
{
    struct db *db = r->s->rows.reader;
    if (db == NULL)
        return RC_OK;
    enum rc rc = db_begin(db, false);
    if (rc != RC_OK)
        return rc;
    rc = ranking_tier(r, STATS_TIER_HOURS, DAY);
    if (rc == RC_OK)
        rc = ranking_tier(r, STATS_TIER_HOUR, HOUR);
    if (rc == RC_OK)
        rc = ranking_tier(r, STATS_TIER_MINUTE, 1);
    db_rollback(db);
    return rc;
}

/* --- memory, and the order ------------------------------------------------------------------------------------- */

static void ranking_memory(struct ranking *r)
{
    for (size_t n = 0; n < STATS_TABLES; n++) {
        struct stats_table *t = &r->s->tables[n];
        if (atomic_load_explicit(&t->state, memory_order_acquire) == STATS_TABLE_FREE)
            continue;
        int64_t minute = atomic_load(&t->minute_us) / STATS_MINUTE_US;
        const struct stats_live_cell *live;
        for (uint32_t i = 0; (live = stats_table_at(t, i)) != NULL; i++) {
            struct stats_cell cell;
            if (live->kind != r->kind)
                continue;
            stats_live_cell_read(live, &cell);
            ranking_add(r, live->id, minute, &cell);
        }
    }
}

static int by_bytes(const void *a, const void *b)
{
    const struct stats_ranked *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Also frees the sums. */
static void ranking_order(struct ranking *r, struct stats_ranked *out, size_t max, size_t *count)
{
    struct stats_ranked *all = xcalloc(map64_count(r->sums) + 1, sizeof(*all));
    size_t at = 0, n = 0;
    uint64_t id;
    void *sum;
    while (map64_next(r->sums, &at, &id, &sum)) {
        all[n++] = *(struct stats_ranked *)sum;
        xfree(sum);
    }
    qsort(all, n, sizeof(*all), by_bytes);
    *count = n < max ? n : max;
    memcpy(out, all, *count * sizeof(*all));
    xfree(all);
}

enum rc stats_largest(struct stats *s, enum stats_kind kind, int64_t from_us, int64_t until_us,
                      struct stats_ranked *out, size_t max, size_t *count)
{
    thread_must_be(THREAD_WORKER);
    *count = 0;
    if (!s->counts)
        return RC_NOT_FOUND;
    struct ranking *r = XNEW(struct ranking);
    r->s = s;
    r->kind = kind;
    r->from = from_us / STATS_MINUTE_US;
    r->until = (until_us + STATS_MINUTE_US - 1) / STATS_MINUTE_US;
    r->sums = map64_new();
    mutex_lock(&s->lock);
    enum rc rc = ranking_rows(r);
    stats_reader_check(s);
    ranking_memory(r);
    mutex_unlock(&s->lock);
    ranking_order(r, out, rc == RC_OK ? max : 0, count);
    map64_free(r->sums);
    xfree(r);
    return rc;
}
