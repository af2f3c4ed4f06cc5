/* SPDX-License-Identifier: Apache-2.0
 *
 * What both engines have in common: notes, rows that are looked for and joined, and a minute that is written.
 */
#include "stats/rows_priv.h"

enum { FORMAT = 1, MINUTES_A_HOUR = 60 };

const char *stats_rows_name(const struct stats_rows *r)
{
    return r->engine->is_shared ? "PostgreSQL" : r->place;
}

bool stats_rows_is_shared(const struct stats_rows *r)
{
    return r->engine->is_shared;
}

/* --- notes ----------------------------------------------------------------------------------------------- */

static enum rc rows_get_note(struct stats_rows *r, struct db *db, const char *name, void *out,
                             size_t size, size_t *len)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, r->engine->get_note);
    db_bind_text(s, 1, str_from(name));
    *len = 0;
    if (db_step(s, &rc)) {
        struct str value = db_borrow(s, 0);
        *len = value.len;
        memcpy(out, value.ptr, value.len < size ? value.len : size);
    }
    db_reset(s);
    return rc;
}

enum rc stats_rows_set_note(struct stats_rows *r, const char *name, struct str value)
{
    struct db_stmt *s = db_prepare(r->writer, r->engine->set_note);
    db_bind_text(s, 1, str_from(name));
    db_bind_blob(s, 2, value);
    return db_run(s);
}

/* What is of another format is a later version's, or none of ours: what it holds cannot be told. */
enum rc stats_rows_read_notes(struct stats_rows *r)
{
    size_t format_len, key_len;
    uint64_t key[2];
    char format = 0;
    enum rc rc = rows_get_note(r, r->writer, "format", &format, sizeof(format), &format_len);
    if (rc == RC_OK)
        rc = rows_get_note(r, r->writer, "key", key, sizeof(key), &key_len);
    if (rc != RC_OK)
        return rc;
    if (format_len == 0) {
        rc = stats_rows_set_note(r, "key", str_of((const char *)r->key, sizeof(r->key)));
        return rc == RC_OK ? stats_rows_set_note(r, "format", str_of(&(char){ FORMAT }, 1)) : rc;
    }
    if (format_len != 1 || format != FORMAT || key_len != sizeof(key))
        return RC_CONFLICT;
    memcpy(r->key, key, sizeof(key));
    return RC_OK;
}

enum rc stats_rows_dropped(struct stats_rows *r, struct db *db, int64_t *until)
{
    size_t len;
    int64_t noted = 0;
    enum rc rc = rows_get_note(r, db, "dropped", &noted, sizeof(noted), &len);
    *until = len == sizeof(noted) ? noted : 0;
    return rc;
}

/* --- rows ------------------------------------------------------------------------------------------------- */

enum rc stats_rows_number(struct db *db, const char *sql, int64_t *out)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, sql);
    *out = 0;
    if (db_step(s, &rc))
        *out = db_int(s, 0);
    db_reset(s);
    return rc;
}

enum rc stats_rows_find(struct stats_rows *r, struct db *db, const struct stats_keys *keys,
                        stats_row_fn fn, void *ctx)
{
    return keys->count > 0 ? r->engine->find(db, keys, fn, ctx) : RC_OK;
}

static enum rc note_that_there_is_one(void *ctx, size_t subject, int64_t time, struct str bytes)
{
    bool *has = ctx;
    (void)subject;
    (void)time;
    (void)bytes;
    *has = true;
    return RC_OK;
}

enum rc stats_rows_has(struct stats_rows *r, struct db *db, enum stats_tier tier, int64_t time,
                       bool *has)
{
    static const struct stats_subject server = { STATS_SERVER, 0 };
    struct stats_keys keys = {
        .tier = tier, .subjects = &server, .subject_count = 1, .first = time, .step = 1, .count = 1
    };
    *has = false;
    return stats_rows_find(r, db, &keys, note_that_there_is_one, has);
}

enum rc stats_rows_extent(struct stats_rows *r, struct db *db, enum stats_tier tier, int64_t *first,
                          int64_t *last)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, r->engine->extent);
    db_bind_int(s, 1, (int64_t)tier);
    *first = INT64_MAX;
    *last = INT64_MIN;
    if (db_step(s, &rc) && !db_is_null(s, 0)) {
        *first = db_int(s, 0);
        *last = db_int(s, 1);
    }
    db_reset(s);
    return rc;
}

enum rc stats_rows_set(struct stats_rows *r, enum stats_tier tier, int64_t time,
                       const struct stats_batch *b)
{
    return r->engine->set(r, tier, time, b);
}

enum rc stats_rows_drop(struct stats_rows *r, enum stats_tier tier, int64_t from, int64_t to)
{
    struct db_stmt *s = db_prepare(r->writer, r->engine->drop);
    db_bind_int(s, 1, (int64_t)tier);
    db_bind_int(s, 2, from);
    db_bind_int(s, 3, to);
    return db_run(s);
}

static enum rc join_cell(void *ctx, size_t subject, int64_t time, struct str bytes)
{
    (void)time;
    return stats_batch_join_cell(ctx, subject, bytes) ? RC_OK : RC_CORRUPT;
}

static enum rc join_pack(void *ctx, size_t subject, int64_t time, struct str bytes)
{
    (void)time;
    return stats_batch_join_pack(ctx, subject, bytes) ? RC_OK : RC_CORRUPT;
}

enum rc stats_rows_join(struct stats_rows *r, enum stats_tier tier, int64_t time,
                        struct stats_batch *b)
{
    bool is_pack = tier == STATS_TIER_MINUTES || tier == STATS_TIER_HOURS;
    struct stats_keys keys = { .tier = tier,
                               .subjects = b->of,
                               .subject_count = b->count,
                               .first = time,
                               .step = 1,
                               .count = 1 };
    return stats_rows_find(r, r->writer, &keys, is_pack ? join_pack : join_cell, b);
}

/* --- a minute --------------------------------------------------------------------------------------------- */

/* A batch at a time. */
static enum rc put_cell(struct stats_rows *r, int64_t minute, int64_t part, struct stats_batch *b,
                        struct stats_subject of, const struct stats_cell *cell)
{
    enum rc rc = RC_OK;
    if (stats_batch_is_full(b)) {
        rc = r->engine->put(r, minute, part, b);
        stats_batch_reset(b);
    }
    stats_batch_add_cell(b, of, cell);
    return rc;
}

static enum rc put_all(struct stats_rows *r, int64_t minute, struct stats_table *t)
{
    struct stats_live_cell **cells = NULL;
    struct stats_batch *b = stats_batch_new();
    struct stats_cell cell = { 0 };
    bool has_server = false;
    enum rc rc = RC_OK;
    int64_t part = t == NULL ? 0 : t->part;
    size_t count = t == NULL ? 0 : stats_table_sorted(t, &cells);
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        stats_live_cell_read(cells[i], &cell);
        has_server = has_server || cells[i]->kind == STATS_SERVER;
        rc = put_cell(r, minute, part, b, (struct stats_subject){ cells[i]->kind, cells[i]->id },
                      &cell);
    }
    if (rc == RC_OK && !has_server)
        rc = put_cell(r, minute, part, b, (struct stats_subject){ STATS_SERVER, 0 },
                      &(struct stats_cell){ 0 });
    if (rc == RC_OK)
        rc = r->engine->put(r, minute, part, b);
    stats_batch_free(b);
    xfree(cells);
    return rc;
}

/* A commit whose answer was lost was made or not. If it was, its rows are there and are not written again; or they are
 * packed by now, by another node, and nothing tells: then a minute that may be missing is better than one that may be
 * there twice. */
static enum rc put_unless_packed(struct stats_rows *r, int64_t minute, struct stats_table *t)
{
    bool is_packed = false;
    enum rc rc = RC_OK;
    if (t != NULL && t->is_unsure)
        rc = stats_rows_has(r, r->writer, STATS_TIER_MINUTES, minute - minute % MINUTES_A_HOUR,
                            &is_packed);
    return rc == RC_OK && !is_packed ? put_all(r, minute, t) : rc;
}

enum rc stats_rows_put(struct stats_rows *r, int64_t minute, struct stats_table *t)
{
    enum rc rc = r->engine->begin(r);
    if (rc != RC_OK)
        return rc;
    rc = put_unless_packed(r, minute, t);
    if (rc != RC_OK)
        db_rollback(r->writer);
    return rc;
}

enum rc stats_rows_commit(struct stats_rows *r, int64_t minute, struct stats_table *t)
{
    enum rc rc = db_commit(r->writer);
    if (rc == RC_OK && minute > r->newest)
        r->newest = minute;
    if (rc != RC_OK && t != NULL && r->engine->is_shared && db_is_stale(r->writer))
        t->is_unsure = true;
    return rc;
}
