/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs of filters, listed and one by one.
 */
#include "store/postgres/read_runs_priv.h"

#include "store/postgres/walk_priv.h"
#include "store/rows_priv.h"
#include "store/wanted_priv.h"

/* Columns 2 to 5: event, halted, has_data, filters. */
#define RUN_ROWS(order) \
    "SELECT t.k AS key, 0 AS of, t.event, t.halted, t.has_data, t.filters FROM filter_run_# t" \
    " WHERE " SCAN_ROWS("k", "app") SCAN_TIME("started") " ORDER BY t.k " order
#define RUN_SCAN(stretches, order) \
    SCAN("r.key, r.of, r.event, r.halted, r.has_data, r.filters", \
         stretches("filter_run_#", "k", ""), RUN_ROWS(order), order) \
    SCAN_END(order)

#define RUNS \
    "SELECT " FILTER_RUN_COLUMNS( \
        "CASE WHEN ?3 <> 0 THEN detail END") " FROM " POSTGRES_KEYS \
                                             " CROSS JOIN LATERAL (SELECT * FROM filter_run_# t WHERE t.k = e.key LIMIT 1) r ORDER BY e.at"

struct runs_listing {
    struct postgres_listing base;
    const struct store_filter_run_filter *filter;
    struct store_filter_run *rows;
};

static bool runs_is_wanted(struct postgres_listing *l, struct db_stmt *s)
{
    const struct store_filter_run_filter *f = CONTAINER_OF(l, struct runs_listing, base)->filter;
    if (f->event.len > 0 && !str_eq(f->event, db_borrow(s, 2)))
        return false;
    if (f->halted >= 0 && f->halted != (int)db_int(s, 3))
        return false;
    if (f->with_data && db_int(s, 4) == 0)
        return false;
    return f->filter.len == 0 ||
           str_contains(db_borrow(s, 5), arena_fmt(l->arena, " %.*s ", STR_ARGS(f->filter)));
}

static enum rc runs_fetch(struct postgres_listing *l, struct db *db,
                          const struct postgres_segment *seg, const struct postgres_key *keys,
                          size_t count)
{
    enum rc rc;
    struct runs_listing *r = CONTAINER_OF(l, struct runs_listing, base);
    struct db_stmt *s = store_postgres_prepare(db, seg, RUNS);
    store_postgres_bind_keys(s, keys, count, l->arena);
    db_bind_int(s, 3, r->filter->with_detail);
    while (db_step(s, &rc))
        store_read_filter_run(s, l->arena, &r->rows[l->count++]);
    db_release(s);
    return rc;
}

enum rc store_postgres_filter_run_list(struct store *store, const struct store_filter_run_filter *f,
                                       const struct store_page *page, struct arena *a,
                                       struct store_filter_run *out, struct store_page_end *end)
{
    struct runs_listing r = {
        .base = { .up = RUN_SCAN(STRETCHES_UP, "ASC"),
                  .down = RUN_SCAN(STRETCHES_DOWN, "DESC"),
                  .shown = POSTGRES_SHOWN("filter_run_#", "k", "started"),
                  .whose = f->app,
                  .is_filtered = store_filter_runs_are_filtered(f),
                  .after_us = f->after_us,
                  .before_us = f->before_us,
                  .is_wanted = runs_is_wanted,
                  .fetch = runs_fetch,
                  .arena = a },
        .filter = f,
        .rows = out,
    };
    return store_postgres_listing_run(&r.base, store_postgres_of(store), page, STR("frun_"), out,
                                      sizeof(*out), end);
}

struct run_read {
    struct postgres_by_id base;
    int64_t app;
    struct arena *arena;
    struct store_filter_run *out;
};

static enum rc run_get(void *ctx, struct db *db)
{
    enum rc rc;
    const struct run_read *r = ctx;
    struct db_stmt *s = store_postgres_prepare_by_id(
        db, &r->base,
        "SELECT " FILTER_RUN_COLUMNS(
            "detail") " FROM filter_run_# WHERE k = ? AND tail = ? AND app = ?");
    db_bind_int(s, 3, r->app);
    if (db_step(s, &rc))
        store_read_filter_run(s, r->arena, r->out);
    else if (rc == RC_OK)
        rc = RC_NOT_FOUND;
    db_release(s);
    return rc;
}

enum rc store_postgres_filter_run_get(struct store *store, int64_t app, const struct id *id,
                                      struct arena *a, struct store_filter_run *out)
{
    struct run_read r = { .app = app, .arena = a, .out = out };
    return store_postgres_read_by_id(store_postgres_of(store), id, run_get, &r.base);
}
