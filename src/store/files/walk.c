/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/walk_priv.h. Segments and stretches part the keys, so a page is filled by walking them in
 * order until it is full.
 */
#include "store/files/walk_priv.h"

#include "store/files/readers_priv.h"
#include "store/files/segments_priv.h"
#include "store/files/stretch_priv.h"
#include "store/key_time_priv.h"
#include "store/paging_priv.h"

enum rc store_walk_bounds(struct store_walk *w, const struct store_page *page, struct str prefix,
                          int64_t after_us, int64_t before_us)
{
    *w = (struct store_walk){ .ascending = store_page_ascending(page),
                              .after_us = after_us,
                              .before_us = before_us };
    return store_page_keys(page, prefix, &w->page_low, &w->page_high);
}

void store_walk_enter(struct store_walk *w, const struct store_segment *seg)
{
    w->low = w->page_low;
    w->high = w->page_high;
    if (w->after_us > 0) {
        int64_t low = store_key_at(w->after_us - atomic_load(&seg->shown_high_us)) - 1;
        w->low = low > w->low ? low : w->low;
    }
    if (w->before_us > 0) {
        int64_t high = store_key_at(w->before_us - atomic_load(&seg->shown_low_us));
        w->high = high < w->high ? high : w->high;
    }
}

void store_walk_limit(struct store_walk *w, int64_t rows_max, const char *count_sql, int64_t whose)
{
    w->count_sql = rows_max > 0 ? count_sql : NULL;
    w->whose = whose;
    w->rows_left = rows_max;
}

enum rc store_walk_count(struct store_walk *w, struct db *db, int64_t stretch)
{
    enum rc rc = RC_OK;
    if (w->count_sql == NULL)
        return RC_OK;
    struct db_stmt *s = db_prepare(db, w->count_sql);
    db_bind_int(s, 1, stretch);
    db_bind_int(s, 2, w->whose);
    db_bind_int(s, 3, w->low);
    db_bind_int(s, 4, w->high);
    if (db_step(s, &rc)) {
        w->rows_left -= db_int(s, 0);
        db_reset(s);
    }
    return rc;
}

bool store_walk_is_spent(const struct store_walk *w)
{
    return w->count_sql != NULL && w->rows_left <= 0;
}

/* --- the walk ------------------------------------------------------------------------------------------ */

struct walking {
    struct store_walk *w;
    enum store_stretch_kind kind;
    struct arena *arena;
    store_stretch_fn *visit;
    void *ctx;
    bool is_full;
    int64_t edge; /* descending: the first key of the last stretch that was visited */
};

/* Nothing beyond what was visited has been looked at, and nothing of it is. */
static bool stops_before(struct walking *g, int64_t first)
{
    if (!store_walk_is_spent(g->w))
        return false;
    g->w->stopped_at = g->w->ascending ? first - 1 : g->edge;
    return true;
}

static enum rc walk_segment(struct store_segment *seg, struct walking *g)
{
    struct store_walk *w = g->w;
    struct store_reader *reader;
    struct store_stretch_list stretches = store_stretch_list_get(seg, g->kind, g->arena);
    size_t first = store_stretch_find(&stretches, w->low);
    size_t last = store_stretch_find(&stretches, w->high);
    if (w->low >= w->high)
        return RC_OK;
    enum rc rc = store_reader_get(seg, &reader);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; rc == RC_OK && !g->is_full && i <= last - first; i++) {
        size_t at = w->ascending ? first + i : last - i;
        if (stops_before(g, stretches.first[at]))
            break;
        rc = g->visit(g->ctx, reader->db, (int64_t)at, &g->is_full);
        if (rc == RC_OK && !g->is_full)
            rc = store_walk_count(w, reader->db, (int64_t)at);
        g->edge = stretches.first[at];
    }
    store_reader_put(seg->store, reader);
    return rc;
}

enum rc store_walk_segments(struct store_files *s, struct store_walk *w,
                            enum store_stretch_kind kind, struct arena *a, store_stretch_fn *visit,
                            void *ctx)
{
    enum rc rc = RC_OK;
    struct walking g = { .w = w, .kind = kind, .arena = a, .visit = visit, .ctx = ctx };
    struct store_segment_list list = store_segment_list_get(s);
    for (size_t i = 0; rc == RC_OK && !g.is_full && w->stopped_at == 0 && i < list.count; i++) {
        size_t at = w->ascending ? i : list.count - 1 - i;
        store_walk_enter(w, list.at[at]);
        bool is_before = at + 1 < list.count && list.at[at + 1]->start <= w->low;
        bool is_after = at > 0 && list.at[at]->start >= w->high;
        if (!is_before && !is_after)
            rc = walk_segment(list.at[at], &g);
    }
    store_segment_list_free(&list);
    return rc;
}

/* --- a page of a list ------------------------------------------------------------------------------------- */

static enum rc listing_stretch(void *ctx, struct db *db, int64_t stretch, bool *is_full)
{
    enum rc rc;
    struct store_listing *l = ctx;
    struct db_stmt *s = db_prepare(db, l->walk.ascending ? l->up : l->down);
    l->bind(l, s, stretch);
    while (db_step(s, &rc)) {
        if (l->count == l->limit) {
            l->has_more = *is_full = true;
            db_reset(s);
            break;
        }
        l->read(l, s);
        l->count++;
    }
    return rc;
}

enum rc store_listing_run(struct store_files *s, struct store_listing *l,
                          const struct store_page *page, struct store_page_end *end)
{
    *end = (struct store_page_end){ .done = true };
    l->limit = (size_t)page->limit;
    enum rc rc = store_walk_bounds(&l->walk, page, l->prefix, l->after_us, l->before_us);
    store_walk_limit(&l->walk, l->is_filtered ? page->rows_max : 0, l->count_sql, l->whose);
    if (rc == RC_OK)
        rc = store_walk_segments(s, &l->walk, l->kind, l->arena, listing_stretch, l);
    if (rc != RC_OK)
        return rc;
    if (page->backwards)
        store_page_reverse(l->rows, l->count, l->row_bytes);
    store_page_close(end, l->count, l->has_more, l->walk.stopped_at);
    return RC_OK;
}
