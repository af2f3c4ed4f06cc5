/* SPDX-License-Identifier: Apache-2.0
 *
 * Rolling up: the minutes of an hour that is over become one pack and one hour for each subject; the hours of a day likewise.
 * Each in one transaction, so that a row is either fine or packed, and adding up both is always right: also for minutes
 * that come late, because the clock was set back, and join what is packed.
 */
#include "stats/rows_priv.h"

#include "metrics/metrics.h"

enum { MINUTES_A_HOUR = 60, MINUTES_A_DAY = 24 * 60, ROW_BYTES = 16, DROPS_AT_ONCE = 1024 };

/* --- packing ---------------------------------------------------------------------------------------------- */

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
    struct db *db;
    const struct level *level;
    int64_t start;
    bool may_be_there; /* this span was packed before */
    enum stats_kind kind;
    int64_t id;
    bool has_any;
    struct stats_pack pack;
    struct stats_cell sum;
    struct buf bytes;
};

static enum rc join_old(struct packing *p)
{
    struct stats_cell cell;
    enum rc rc = stats_rows_get(p->db, p->level->packs, p->start, p->kind, p->id, &p->bytes);
    if (rc == RC_OK && !stats_pack_read(buf_str(&p->bytes), &p->pack))
        return RC_CORRUPT;
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    rc = stats_rows_get(p->db, p->level->sums, p->start, p->kind, p->id, &p->bytes);
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    struct str in = buf_str(&p->bytes);
    if (!stats_cell_read(&in, &cell))
        return RC_CORRUPT;
    stats_cell_add(&p->sum, &cell);
    return RC_OK;
}

/* The subject's rows have all been seen. */
static enum rc put_subject(struct packing *p)
{
    enum rc rc = RC_OK;
    if (!p->has_any)
        return RC_OK;
    if (p->may_be_there)
        rc = join_old(p);
    if (rc == RC_OK) {
        buf_reset(&p->bytes);
        stats_pack_write(&p->pack, &p->bytes);
        rc = stats_rows_set(p->db, p->level->packs, p->start, p->kind, p->id, buf_str(&p->bytes));
    }
    if (rc == RC_OK) {
        buf_reset(&p->bytes);
        stats_cell_write(&p->sum, &p->bytes);
        rc = stats_rows_set(p->db, p->level->sums, p->start, p->kind, p->id, buf_str(&p->bytes));
    }
    p->has_any = false;
    memset(&p->pack, 0, sizeof(p->pack));
    memset(&p->sum, 0, sizeof(p->sum));
    return rc;
}

static enum rc take_row(struct packing *p, struct db_stmt *s)
{
    struct stats_cell cell;
    enum stats_kind kind = (enum stats_kind)db_int(s, 0);
    int64_t id = db_int(s, 1), place = (db_int(s, 2) - p->start) / p->level->unit;
    struct str bytes = db_borrow(s, 3);
    enum rc rc = RC_OK;
    if (p->has_any && (kind != p->kind || id != p->id))
        rc = put_subject(p);
    if (rc != RC_OK)
        return rc;
    if (place < 0 || place >= STATS_PACK_MAX || !stats_cell_read(&bytes, &cell))
        return RC_CORRUPT;
    p->kind = kind;
    p->id = id;
    p->has_any = true;
    stats_pack_add(&p->pack, (size_t)place, &cell);
    stats_cell_add(&p->sum, &cell);
    return RC_OK;
}

/* The order is not the table's, so that all rows are read and sorted before the first comes: what is written meanwhile does
 * not come into it. */
static enum rc take_rows(struct packing *p)
{
    enum rc rc, taken = RC_OK;
    struct db_stmt *s = db_prepare(
        p->db, "SELECT kind, id, time, bytes FROM cell WHERE tier = ?1 AND time >= ?2 AND time < ?3"
               " ORDER BY kind, id, time");
    db_bind_int(s, 1, (int64_t)p->level->fine);
    db_bind_int(s, 2, p->start);
    db_bind_int(s, 3, p->start + p->level->span);
    while (taken == RC_OK && db_step(s, &rc))
        taken = take_row(p, s);
    db_reset(s);
    if (taken != RC_OK)
        return taken;
    return rc == RC_OK ? put_subject(p) : rc;
}

static enum rc drop_range(struct db *db, enum stats_tier tier, int64_t from, int64_t to)
{
    struct db_stmt *s =
        db_prepare(db, "DELETE FROM cell WHERE tier = ?1 AND time >= ?2 AND time < ?3");
    db_bind_int(s, 1, (int64_t)tier);
    db_bind_int(s, 2, from);
    db_bind_int(s, 3, to);
    return db_run(s);
}

/* Does the server have a pack of the time? It has one of each time that was packed. */
static enum rc was_packed(struct packing *p)
{
    enum rc rc = stats_rows_get(p->db, p->level->packs, p->start, STATS_SERVER, 0, &p->bytes);
    p->may_be_there = rc == RC_OK;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc pack_span(struct stats_rows *f, const struct level *level, int64_t start)
{
    struct packing *p = XNEW(struct packing);
    p->db = f->writer;
    p->level = level;
    p->start = start;
    buf_init(&p->bytes, STATS_PACK_BYTES_MAX);
    enum rc rc = db_begin(f->writer, true);
    if (rc == RC_OK) {
        rc = was_packed(p);
        if (rc == RC_OK)
            rc = take_rows(p);
        if (rc == RC_OK)
            rc = drop_range(f->writer, level->fine, start, start + level->span);
        if (rc == RC_OK)
            rc = db_commit(f->writer);
        else
            db_rollback(f->writer);
    }
    buf_fini(&p->bytes);
    xfree(p);
    return rc;
}

static enum rc pack_level(struct stats_rows *f, const struct level *level, int64_t now, bool *more)
{
    int64_t first = 0;
    enum rc rc = stats_rows_first(f->writer, level->fine, &first);
    if (rc != RC_OK || first == INT64_MAX)
        return rc;
    int64_t start = first - first % level->span;
    if (start + level->span > now)
        return RC_OK;
    *more = true;
    return pack_span(f, level, start);
}

enum rc stats_pack_next(struct stats_rows *f, int64_t now_us, bool *more)
{
    int64_t now = now_us / STATS_MINUTE_US;
    *more = false;
    enum rc rc = pack_level(f, &levels[0], now, more);
    if (rc == RC_OK && !*more) /* a day once all of its hours are */
        rc = pack_level(f, &levels[1], now, more);
    return rc;
}

/* --- what is dropped ----------------------------------------------------------------------------------------- */

enum rc stats_rows_expire(struct stats_rows *f, int64_t now_us)
{
    static const int64_t kept_us[] = { STATS_MINUTES_KEPT_US, STATS_MINUTES_KEPT_US,
                                       STATS_HOURS_KEPT_US, STATS_HOURS_KEPT_US,
                                       STATS_DAYS_KEPT_US };
    enum rc rc = RC_OK;
    for (int tier = STATS_TIER_MINUTE; rc == RC_OK && tier <= STATS_TIER_DAY; tier++)
        rc = drop_range(f->writer, (enum stats_tier)tier, INT64_MIN,
                        (now_us - kept_us[tier]) / STATS_MINUTE_US);
    return rc;
}

static enum rc pack_read_number(struct db *db, const char *sql, int64_t *out)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, sql);
    if (db_step(s, &rc))
        *out = db_int(s, 0);
    db_reset(s);
    return rc;
}

enum rc stats_rows_size(struct stats_rows *f, int64_t *bytes)
{
    int64_t pages = 0, unused = 0, size = 0;
    enum rc rc = pack_read_number(f->writer, "PRAGMA page_count", &pages);
    if (rc == RC_OK)
        rc = pack_read_number(f->writer, "PRAGMA freelist_count", &unused);
    if (rc == RC_OK)
        rc = pack_read_number(f->writer, "PRAGMA page_size", &size);
    *bytes = (pages - unused) * size;
    return rc;
}

struct quiet {
    int64_t kind, id, bytes;
};

/* Those with the least in that tier first: the fewer minutes something moves in, and the less, the shorter its packs. */
static enum rc find_quiet(struct db *db, enum stats_tier tier, struct quiet *out, size_t *count)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(
        db,
        "SELECT kind, id, sum(length(bytes) + ?2) AS size FROM cell WHERE tier = ?1 AND kind > ?3"
        " GROUP BY kind, id ORDER BY size LIMIT ?4");
    db_bind_int(s, 1, (int64_t)tier);
    db_bind_int(s, 2, ROW_BYTES);
    db_bind_int(s, 3, STATS_APP);
    db_bind_int(s, 4, DROPS_AT_ONCE);
    *count = 0;
    while (db_step(s, &rc))
        out[(*count)++] = (struct quiet){ db_int(s, 0), db_int(s, 1), db_int(s, 2) };
    db_reset(s);
    return rc;
}

/* By its keys: the time comes before the subject in them. `first`: the tier's. */
static enum rc drop_subject(struct stats_rows *f, enum stats_tier tier, int64_t first,
                            const struct quiet *q)
{
    int64_t span = tier == STATS_TIER_MINUTES ? MINUTES_A_HOUR : MINUTES_A_DAY;
    enum rc rc = RC_OK;
    for (int64_t time = first; rc == RC_OK && time <= f->newest; time += span) {
        struct db_stmt *s = db_prepare(
            f->writer, "DELETE FROM cell WHERE tier = ? AND time = ? AND kind = ? AND id = ?");
        db_bind_int(s, 1, (int64_t)tier);
        db_bind_int(s, 2, time);
        db_bind_int(s, 3, q->kind);
        db_bind_int(s, 4, q->id);
        rc = db_run(s);
    }
    return rc;
}

static enum rc note_dropped(struct stats_rows *f)
{
    int64_t until = f->newest + 1;
    struct db_stmt *s =
        db_prepare(f->writer, "INSERT OR REPLACE INTO note (name, value) VALUES ('dropped', ?)");
    db_bind_blob(s, 1, str_of((const char *)&until, sizeof(until)));
    enum rc rc = db_run(s);
    if (rc == RC_OK)
        f->dropped = until;
    return rc;
}

/* *freed: about how much. 0: there was nothing left. */
static enum rc drop_quiet(struct stats_rows *f, enum stats_tier tier, int64_t wanted,
                          int64_t *freed)
{
    struct quiet *list = xcalloc(DROPS_AT_ONCE, sizeof(*list));
    size_t count = 0;
    int64_t first = 0;
    *freed = 0;
    enum rc rc = db_begin(f->writer, true);
    if (rc != RC_OK) {
        xfree(list);
        return rc;
    }
    rc = stats_rows_first(f->writer, tier, &first);
    if (rc == RC_OK)
        rc = find_quiet(f->writer, tier, list, &count);
    for (size_t i = 0; rc == RC_OK && i < count && *freed < wanted; i++) {
        rc = drop_subject(f, tier, first, &list[i]);
        *freed += list[i].bytes;
    }
    if (rc == RC_OK && count > 0)
        rc = note_dropped(f);
    if (rc == RC_OK)
        rc = db_commit(f->writer);
    else
        db_rollback(f->writer);
    xfree(list);
    return rc;
}

enum rc stats_rows_shrink(struct stats_rows *f, int64_t size_max)
{
    static const enum stats_tier tiers[] = { STATS_TIER_MINUTES, STATS_TIER_HOURS };
    int64_t size = 0, freed = 0, dropped = 0;
    size_t at = 0;
    enum rc rc = stats_rows_size(f, &size);
    if (rc != RC_OK || size <= size_max) {
        f->is_over_said = f->is_over_said && size > size_max;
        return rc;
    }
    int64_t wanted = size - size_max / 10 * 9;
    while (rc == RC_OK && at < COUNT_OF(tiers) && dropped < wanted) {
        rc = drop_quiet(f, tiers[at], wanted - dropped, &freed);
        dropped += freed;
        at += freed == 0;
    }
    if (rc != RC_OK)
        return rc;
    if (dropped > 0)
        LOG(STATS_SHRUNK, F_INT("bytes", size), F_INT("dropped", dropped));
    else if (!f->is_over_said)
        LOG(STATS_OVER, F_INT("bytes", size), F_INT("size_max", size_max));
    f->is_over_said = dropped == 0;
    return RC_OK;
}
