/* SPDX-License-Identifier: Apache-2.0
 *
 * See stats/copy.h. What several nodes have counted of one subject in one minute is added up on the way: a file has one
 * row for it.
 */
#include "stats/copy.h"

#include "stats/rows_open_priv.h"
#include "stats/rows_priv.h"

#include <errno.h>
#include <sys/stat.h>

/* Minutes between two rows of a subject. */
static const int64_t tier_units[] = { 1, 60, 60, 24 * 60, 24 * 60 };

struct stats_copying {
    struct stats_rows from, to;
    struct stats_batch *batch;
    enum stats_tier tier;
    int64_t time;
    enum stats_kind kind;
    int64_t *rows;
};

static enum rc batch_flush(struct stats_copying *c)
{
    enum rc rc = stats_rows_set(&c->to, c->tier, c->time, c->batch);
    *c->rows += (int64_t)c->batch->count;
    stats_batch_reset(c->batch);
    return rc;
}

/* Rows of one subject come one after the other. */
static enum rc copy_row(void *ctx, int64_t id, struct str bytes)
{
    struct stats_copying *c = ctx;
    struct stats_batch *b = c->batch;
    bool is_pack = c->tier == STATS_TIER_MINUTES || c->tier == STATS_TIER_HOURS;
    bool is_same = b->count > 0 && b->of[b->count - 1].id == id;
    enum rc rc = !is_same && stats_batch_is_full(b) ? batch_flush(c) : RC_OK;
    if (rc != RC_OK)
        return rc;
    const struct stats_subject of = { c->kind, id };
    if (!is_same && is_pack) {
        struct stats_pack *empty = XNEW(struct stats_pack);
        stats_batch_add_pack(b, of, empty);
        xfree(empty);
    } else if (!is_same) {
        stats_batch_add_cell(b, of, &(struct stats_cell){ 0 });
    }
    bool is_sound = is_pack ? stats_batch_join_pack(b, b->count - 1, bytes)
                            : stats_batch_join_cell(b, b->count - 1, bytes);
    return is_sound ? RC_OK : RC_CORRUPT;
}

static enum rc copy_time(struct stats_copying *c)
{
    enum rc rc = RC_OK;
    for (c->kind = STATS_SERVER; rc == RC_OK && c->kind < STATS_KINDS; c->kind++) {
        rc = c->from.engine->of_kind(c->from.reader, c->tier, c->time, c->kind, copy_row, c);
        if (rc == RC_OK && c->batch->count > 0)
            rc = batch_flush(c);
    }
    return rc;
}

static enum rc copy_tier(struct stats_copying *c)
{
    int64_t first, last;
    enum rc rc = stats_rows_extent(&c->from, c->from.reader, c->tier, &first, &last);
    if (rc == RC_OK)
        rc = c->to.engine->begin(&c->to);
    if (rc != RC_OK)
        return rc;
    for (c->time = first; rc == RC_OK && c->time <= last; c->time += tier_units[c->tier])
        rc = copy_time(c);
    if (rc == RC_OK)
        return db_commit(c->to.writer);
    db_rollback(c->to.writer);
    return rc;
}

static enum rc copy_notes(struct stats_copying *c)
{
    int64_t dropped;
    enum rc rc = stats_rows_dropped(&c->from, c->from.reader, &dropped);
    if (rc != RC_OK || dropped == 0)
        return rc;
    rc = c->to.engine->begin(&c->to);
    if (rc != RC_OK)
        return rc;
    rc = stats_rows_set_note(&c->to, "dropped", str_of((const char *)&dropped, sizeof dropped));
    if (rc == RC_OK)
        return db_commit(c->to.writer);
    db_rollback(c->to.writer);
    return rc;
}

/* --- both ends ------------------------------------------------------------------------------------------- */

static enum rc database_has_rows(const char *url, bool *has, struct buf *why)
{
    struct db *db;
    int64_t number = 0;
    enum rc rc = db_connect(url, NULL, &db, why);
    if (rc != RC_OK)
        return rc;
    rc = stats_rows_number(
        db, "SELECT count(*) FROM pg_class WHERE oid = to_regclass('stats_cell')", &number);
    if (rc != RC_OK)
        buf_say(why, "the database: %s", db_error(db));
    db_close(db);
    *has = number > 0;
    return rc;
}

static enum rc place_has_rows(struct stats_copying *c, const struct stats_home *p, bool *has,
                              struct buf *why)
{
    struct stat st;
    if (p->url != NULL)
        return database_has_rows(p->url, has, why);
    *has = stat(c->from.place, &st) == 0 || errno != ENOENT;
    return RC_OK;
}

/* Subjects that have no number are named by a hash under the key: it goes along. */
static enum rc open_both(struct stats_copying *c, struct buf *why)
{
    enum rc rc = stats_rows_open(&c->from, why);
    if (rc != RC_OK)
        return rc == RC_CONFLICT ? RC_CORRUPT : rc;
    memcpy(c->to.key, c->from.key, sizeof c->to.key);
    rc = stats_rows_open(&c->to, why);
    if (rc == RC_OK && memcmp(c->to.key, c->from.key, sizeof c->to.key) != 0) {
        buf_say(why, "%s holds other statistics already", stats_rows_name(&c->to));
        rc = RC_CONFLICT;
    }
    return rc;
}

static enum rc copy_all(struct stats_copying *c, struct buf *why)
{
    enum rc rc = open_both(c, why);
    if (rc != RC_OK)
        return rc;
    for (c->tier = STATS_TIER_MINUTE; rc == RC_OK && c->tier <= STATS_TIER_DAY; c->tier++)
        rc = copy_tier(c);
    if (rc == RC_OK)
        rc = copy_notes(c);
    if (rc != RC_OK)
        buf_say(why, "cannot copy the statistics of %s to %s: %s", stats_rows_name(&c->from),
                stats_rows_name(&c->to), rc_name(rc));
    return rc;
}

enum rc stats_copy(const struct stats_home *from, const struct stats_home *to, int64_t *rows,
                   struct buf *why)
{
    bool has = false;
    struct stats_copying c = { .rows = rows };
    *rows = 0;
    stats_rows_init(&c.from, from->dir, from->url);
    stats_rows_init(&c.to, to->dir, to->url);
    enum rc rc = place_has_rows(&c, from, &has, why);
    if (rc == RC_OK && has) {
        c.batch = stats_batch_new();
        rc = copy_all(&c, why);
        stats_batch_free(c.batch);
    }
    stats_rows_fini(&c.from);
    stats_rows_fini(&c.to);
    return rc;
}
