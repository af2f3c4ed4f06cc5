/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of filter runs, written by the store thread and walked as messages are: segment by segment,
 * stretch by stretch, newest first as a rule.
 */
#include "store/files/filter_run_priv.h"

#include "store/files/read_one_priv.h"
#include "store/files/readers_priv.h"
#include "store/files/segment_priv.h"
#include "store/files/segments_priv.h"
#include "store/files/stretch_priv.h"
#include "store/files/walk_priv.h"
#include "store/filter_run.h"
#include "store/rows_priv.h"
#include "store/wanted_priv.h"

enum { ROW_BYTES = 256 }; /* of a row beside its texts, for when a segment is full */

enum rc store_apply_filter_run(struct store_files *s, struct store_filter_run_job *j)
{
    const struct store_filter_run *r = &j->run;
    int64_t k = id_key(&r->id);
    struct store_segment *seg = store_segment_of(s, k);
    enum rc rc = store_segment_begin(seg);
    if (rc != RC_OK)
        return rc;
    files_job(&j->job)->segment = seg;
    struct db_stmt *st = db_prepare(
        seg->writer,
        "INSERT INTO filter_run(k, tail, stretch, app, started, took, event, halted,"
        " has_data, filters, summary, detail) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_int(st, 1, k);
    db_bind_blob(st, 2, store_id_tail(&r->id));
    db_bind_int(st, 3, store_stretch_take(seg, STRETCH_RUNS, k, 1));
    db_bind_int(st, 4, r->app);
    db_bind_int(st, 5, r->started_us);
    db_bind_int(st, 6, r->took_us);
    db_bind_text(st, 7, r->event);
    db_bind_int(st, 8, r->halted);
    db_bind_int(st, 9, store_filter_run_data(r));
    db_bind_text(st, 10, r->filters);
    db_bind_text(st, 11, r->summary);
    db_bind_opt_text(st, 12, r->detail);
    rc = db_run(st);
    store_segment_note_shown(seg, k, r->started_us);
    if (rc == RC_OK)
        seg->new_bytes += (int64_t)(r->summary.len + r->detail.len + ROW_BYTES);
    return store_settle(seg, rc);
}

/* --- reading ----------------------------------------------------------------------------------------- */

#define LIST(order) \
    "SELECT " FILTER_RUN_COLUMNS( \
        "CASE WHEN ?11 THEN detail END") " FROM filter_run WHERE stretch = ?1 AND app = ?2 AND k > ?3 AND k < ?4" \
                                         " AND (?5 IS NULL OR event = ?5) AND (?6 < 0 OR halted = ?6) AND (?7 = 0 OR has_data > 0)" \
                                         " AND (?8 IS NULL OR instr(filters, ?8)) AND started >= ?9 AND started < ?10" \
                                         " ORDER BY k " order " LIMIT ?12"

#define COUNT_ROWS \
    "SELECT count(*) FROM filter_run WHERE stretch = ?1 AND app = ?2 AND k > ?3 AND k < ?4"

struct run_listing {
    struct store_listing base;
    const struct store_filter_run_filter *filter;
};

static void run_listing_bind(struct store_listing *l, struct db_stmt *s, int64_t stretch)
{
    const struct store_filter_run_filter *f = CONTAINER_OF(l, struct run_listing, base)->filter;
    db_bind_int(s, 1, stretch);
    db_bind_int(s, 2, f->app);
    db_bind_int(s, 3, l->walk.low);
    db_bind_int(s, 4, l->walk.high);
    if (f->event.len > 0)
        db_bind_text(s, 5, f->event);
    db_bind_int(s, 6, f->halted);
    db_bind_int(s, 7, f->with_data);
    if (f->filter.len > 0)
        db_bind_text(s, 8, arena_fmt(l->arena, " %.*s ", STR_ARGS(f->filter)));
    db_bind_int(s, 9, f->after_us > 0 ? f->after_us : -1);
    db_bind_int(s, 10, f->before_us > 0 ? f->before_us : INT64_MAX);
    db_bind_int(s, 11, f->with_detail);
    db_bind_int(s, 12, store_listing_room(l));
}

static void run_listing_read(struct store_listing *l, struct db_stmt *s)
{
    store_read_filter_run(s, l->arena, (struct store_filter_run *)l->rows + l->count);
}

enum rc store_files_filter_run_list(struct store *store, const struct store_filter_run_filter *f,
                                    const struct store_page *page, struct arena *a,
                                    struct store_filter_run *out, struct store_page_end *end)
{
    struct run_listing l = { .base = { .kind = STRETCH_RUNS,
                                       .prefix = STR("frun_"),
                                       .up = LIST("ASC"),
                                       .down = LIST("DESC"),
                                       .count_sql = COUNT_ROWS,
                                       .whose = f->app,
                                       .is_filtered = store_filter_runs_are_filtered(f),
                                       .after_us = f->after_us,
                                       .before_us = f->before_us,
                                       .bind = run_listing_bind,
                                       .read = run_listing_read,
                                       .rows = out,
                                       .row_bytes = sizeof(*out),
                                       .arena = a },
                             .filter = f };
    return store_listing_run(store_files_of(store), &l.base, page, end);
}

struct run_read {
    struct arena *arena;
    struct store_filter_run *out;
};

static void read_run_row(void *ctx, struct db_stmt *row)
{
    const struct run_read *r = ctx;
    store_read_filter_run(row, r->arena, r->out);
}

enum rc store_files_filter_run_get(struct store *store, int64_t app, const struct id *id,
                                   struct arena *a, struct store_filter_run *out)
{
    struct run_read r = { a, out };
    return store_read_by_id(store_files_of(store),
                            "SELECT " FILTER_RUN_COLUMNS(
                                "detail") " FROM filter_run WHERE k = ? AND tail = ? AND app = ?",
                            id, app, read_run_row, &r);
}
