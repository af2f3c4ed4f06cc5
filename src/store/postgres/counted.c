/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/counted_priv.h.
 */
#include "store/postgres/counted_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
    CELLS_MAX = 1000000, /* of all slices: 56 MB */
    SLICE_ROOM = 4,      /* what a slice takes beside its cells */
    MOVES_MAX = 10000,   /* while one count is under way */
    CELLS_FIRST = 16
};

/* What is kept of an endpoint in a segment. */
struct counted_slice {
    int64_t endpoint;
    int segment;
    int64_t from_k, before_k; /* of its messages these, all */
    struct counted_cells cells;
    struct counted_slice *same; /* of the endpoint, in another segment */
    struct counted_slice *older, *newer;
};

/* --- cells ------------------------------------------------------------------------------------------------ */

void store_postgres_cells_fini(struct counted_cells *cells)
{
    xfree(cells->at);
    *cells = (struct counted_cells){ 0 };
}

static struct counted_cell *cells_append(struct counted_cells *cells, int64_t at)
{
    if (cells->count == cells->room) {
        cells->room = cells->room == 0 ? CELLS_FIRST : 2 * cells->room;
        cells->at = xrealloc(cells->at, cells->room * sizeof(*cells->at));
    }
    cells->at[cells->count] = (struct counted_cell){ .at = at };
    return &cells->at[cells->count++];
}

void store_postgres_cells_add(struct counted_cells *cells, int64_t at, int64_t state, int64_t count)
{
    struct counted_cell *cell = cells->count == 0 ? NULL : &cells->at[cells->count - 1];
    if (state <= 0 || state >= (int64_t)COUNT_OF(cell->by_state))
        return;
    if (cell == NULL || cell->at != at)
        cell = cells_append(cells, at);
    cell->by_state[state] += (int32_t)count;
}

static int cells_order(const void *left, const void *right)
{
    const struct counted_cell *a = left, *b = right;
    return (a->at > b->at) - (a->at < b->at);
}

void store_postgres_cells_settle(struct counted_cells *cells)
{
    size_t kept = 0;
    if (cells->count == 0)
        return;
    qsort(cells->at, cells->count, sizeof(*cells->at), cells_order);
    for (size_t i = 1; i < cells->count; i++) {
        if (cells->at[i].at != cells->at[kept].at) {
            cells->at[++kept] = cells->at[i];
            continue;
        }
        for (size_t state = 0; state < COUNT_OF(cells->at->by_state); state++)
            cells->at[kept].by_state[state] += cells->at[i].by_state[state];
    }
    cells->count = kept + 1;
}

/* The first one at or behind a place. */
static size_t cells_find(const struct counted_cells *cells, int64_t at)
{
    size_t low = 0, high = cells->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (cells->at[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void store_postgres_cells_sum(const struct counted_cells *cells, int64_t low_k, int64_t high_k,
                              struct store_counts *out)
{
    int64_t last = (high_k - 1) >> POSTGRES_CELL_BITS;
    for (size_t i = cells_find(cells, low_k >> POSTGRES_CELL_BITS);
         i < cells->count && cells->at[i].at <= last; i++)
        for (size_t state = 0; state < COUNT_OF(out->by_state); state++)
            out->by_state[state] += cells->at[i].by_state[state];
}

static void cells_move(struct counted_cells *cells, const struct counted_move *m)
{
    int64_t at = m->k >> POSTGRES_CELL_BITS;
    size_t place = cells_find(cells, at);
    if (place == cells->count || cells->at[place].at != at) {
        (void)cells_append(cells, at);
        memmove(&cells->at[place + 1], &cells->at[place],
                (cells->count - 1 - place) * sizeof(*cells->at));
        cells->at[place] = (struct counted_cell){ .at = at };
    }
    if (m->from != 0)
        cells->at[place].by_state[m->from]--;
    if (m->to != 0)
        cells->at[place].by_state[m->to]++;
}

/* --- slices ----------------------------------------------------------------------------------------------- */

void store_postgres_counted_init(struct postgres_counted *c)
{
    *c = (struct postgres_counted){ .slices = map64_new() };
    atomic_init(&c->top_k, INT64_MIN);
    mutex_init(&c->lock);
}

static struct counted_slice *slice_find(const struct postgres_counted *c, int64_t endpoint,
                                        int segment)
{
    struct counted_slice *slice = map64_get(c->slices, (uint64_t)endpoint);
    while (slice != NULL && slice->segment != segment)
        slice = slice->same;
    return slice;
}

static void slice_link(struct postgres_counted *c, struct counted_slice *slice)
{
    slice->older = c->newest;
    slice->newer = NULL;
    *(c->newest != NULL ? &c->newest->newer : &c->oldest) = slice;
    c->newest = slice;
}

static void slice_unlink(struct postgres_counted *c, struct counted_slice *slice)
{
    *(slice->older != NULL ? &slice->older->newer : &c->oldest) = slice->newer;
    *(slice->newer != NULL ? &slice->newer->older : &c->newest) = slice->older;
}

static void slice_remove(struct postgres_counted *c, struct counted_slice *slice)
{
    struct counted_slice *first = map64_get(c->slices, (uint64_t)slice->endpoint);
    if (first != slice) {
        while (first->same != slice)
            first = first->same;
        first->same = slice->same;
    } else if (slice->same != NULL) {
        (void)map64_set(c->slices, (uint64_t)slice->endpoint, slice->same);
    } else {
        (void)map64_remove(c->slices, (uint64_t)slice->endpoint);
    }
    slice_unlink(c, slice);
    c->room_used -= slice->cells.room + SLICE_ROOM;
    store_postgres_cells_fini(&slice->cells);
    xfree(slice);
}

static struct counted_slice *slice_add(struct postgres_counted *c, int64_t endpoint, int segment)
{
    struct counted_slice *slice = XNEW(struct counted_slice);
    slice->endpoint = endpoint;
    slice->segment = segment;
    slice->same = map64_set(c->slices, (uint64_t)endpoint, slice);
    slice_link(c, slice);
    c->room_used += SLICE_ROOM;
    return slice;
}

void store_postgres_counted_fini(struct postgres_counted *c)
{
    if (c->slices == NULL)
        return;
    while (c->oldest != NULL)
        slice_remove(c, c->oldest);
    map64_free(c->slices);
    mutex_fini(&c->lock);
}

bool store_postgres_counted_sum(struct postgres_counted *c, int64_t endpoint, int segment,
                                int64_t low_k, int64_t high_k, struct store_counts *out,
                                int64_t *before_k)
{
    mutex_lock(&c->lock);
    struct counted_slice *slice = slice_find(c, endpoint, segment);
    bool is_kept = slice != NULL && slice->from_k <= low_k;
    if (is_kept) {
        *before_k = slice->before_k;
        store_postgres_cells_sum(&slice->cells, low_k, high_k, out);
        slice_unlink(c, slice);
        slice_link(c, slice);
    }
    mutex_unlock(&c->lock);
    return is_kept;
}

/* --- counting --------------------------------------------------------------------------------------------- */

void store_postgres_counted_watch(struct postgres_counted *c, struct counted_watch *w,
                                  int64_t endpoint, int64_t top_k)
{
    *w = (struct counted_watch){ .endpoint = endpoint };
    mutex_lock(&c->lock);
    w->next = c->watches;
    c->watches = w;
    if (top_k > atomic_load(&c->top_k))
        atomic_store(&c->top_k, top_k);
    mutex_unlock(&c->lock);
}

void store_postgres_counted_seen(struct postgres_counted *c, struct counted_watch *w)
{
    mutex_lock(&c->lock);
    w->has_snapshot = true;
    w->since = c->turn;
    mutex_unlock(&c->lock);
}

void store_postgres_counted_unwatch(struct postgres_counted *c, struct counted_watch *w)
{
    mutex_lock(&c->lock);
    struct counted_watch **at = &c->watches;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    mutex_unlock(&c->lock);
    xfree(w->moves);
}

static bool move_is_within(const struct counted_move *m, int64_t from_k, int64_t before_k)
{
    return m->k >= from_k && m->k < before_k;
}

static bool watch_is_exact(const struct postgres_counted *c, const struct counted_watch *w,
                           int64_t from_k, int64_t before_k)
{
    bool is_unclear = c->turn % 2 == 1 && c->turn == w->since;
    if (w->is_spoilt || is_unclear || !w->has_snapshot)
        return false;
    for (size_t i = 0; i < w->move_count; i++)
        if (w->moves[i].is_unclear && move_is_within(&w->moves[i], from_k, before_k))
            return false;
    return true;
}

static void slice_append(struct counted_slice *slice, const struct counted_cells *cells)
{
    for (size_t i = 0; i < cells->count; i++)
        *cells_append(&slice->cells, cells->at[i].at) = cells->at[i];
}

/* The slice that the cells go to; NULL: they cannot be kept beside what is there. */
static struct counted_slice *slice_for(struct postgres_counted *c, const struct counted_watch *w,
                                       int segment, int64_t from_k)
{
    struct counted_slice *slice = slice_find(c, w->endpoint, segment);
    if (slice != NULL && slice->before_k == from_k)
        return slice;
    if (slice != NULL && slice->from_k <= from_k)
        return NULL;
    if (slice != NULL)
        slice_remove(c, slice);
    slice = slice_add(c, w->endpoint, segment);
    slice->from_k = from_k;
    return slice;
}

static void counted_make_room(struct postgres_counted *c)
{
    while (c->room_used > CELLS_MAX && c->oldest != NULL)
        slice_remove(c, c->oldest);
}

void store_postgres_counted_keep(struct postgres_counted *c, struct counted_watch *w, int segment,
                                 int64_t from_k, int64_t before_k, struct counted_cells *cells)
{
    mutex_lock(&c->lock);
    struct counted_slice *slice =
        watch_is_exact(c, w, from_k, before_k) ? slice_for(c, w, segment, from_k) : NULL;
    if (slice != NULL) {
        c->room_used -= slice->cells.room;
        slice_append(slice, cells);
        for (size_t i = 0; i < w->move_count; i++)
            if (move_is_within(&w->moves[i], from_k, before_k))
                cells_move(&slice->cells, &w->moves[i]);
        slice->before_k = before_k;
        c->room_used += slice->cells.room;
        counted_make_room(c);
    }
    mutex_unlock(&c->lock);
    store_postgres_cells_fini(cells);
}

/* --- writing ---------------------------------------------------------------------------------------------- */

void store_postgres_counted_begin(struct postgres_counted *c)
{
    mutex_lock(&c->lock);
    if (c->turn % 2 == 0)
        c->turn++;
    mutex_unlock(&c->lock);
}

void store_postgres_counted_end(struct postgres_counted *c)
{
    mutex_lock(&c->lock);
    if (c->turn % 2 == 1)
        c->turn++;
    mutex_unlock(&c->lock);
}

static void watch_note(struct counted_watch *w, uint64_t turn, struct counted_move m)
{
    m.is_unclear = !w->has_snapshot || w->since >= turn;
    if (w->move_count == MOVES_MAX)
        w->is_spoilt = true;
    if (w->is_spoilt)
        return;
    if (w->move_count == w->move_room) {
        w->move_room = w->move_room == 0 ? CELLS_FIRST : 2 * w->move_room;
        w->moves = xrealloc(w->moves, w->move_room * sizeof(*w->moves));
    }
    w->moves[w->move_count++] = m;
}

static void slice_move(struct postgres_counted *c, struct counted_slice *slice,
                       const struct counted_move *m)
{
    if (!move_is_within(m, slice->from_k, slice->before_k))
        return;
    c->room_used -= slice->cells.room;
    cells_move(&slice->cells, m);
    c->room_used += slice->cells.room;
}

/* Most moves are of messages that are too young to be kept. One that sees an older top_k was committed before the
 * snapshots of those who raised it. */
void store_postgres_counted_move(struct postgres_counted *c, int64_t k, int64_t endpoint, int from,
                                 int to)
{
    const struct counted_move m = { .k = k, .from = from, .to = to };
    if (k >= atomic_load(&c->top_k) || from == to)
        return;
    mutex_lock(&c->lock);
    for (struct counted_watch *w = c->watches; w != NULL; w = w->next)
        if (w->endpoint == endpoint)
            watch_note(w, c->turn, m);
    for (struct counted_slice *slice = map64_get(c->slices, (uint64_t)endpoint); slice != NULL;
         slice = slice->same)
        slice_move(c, slice, &m);
    mutex_unlock(&c->lock);
}

void store_postgres_counted_forget(struct postgres_counted *c, int64_t from_k)
{
    if (from_k >= atomic_load(&c->top_k))
        return;
    mutex_lock(&c->lock);
    for (struct counted_watch *w = c->watches; w != NULL; w = w->next)
        w->is_spoilt = true;
    for (struct counted_slice *slice = c->oldest, *next; slice != NULL; slice = next) {
        next = slice->newer;
        if (slice->before_k > from_k)
            slice_remove(c, slice);
    }
    mutex_unlock(&c->lock);
}
