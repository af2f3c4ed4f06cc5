/* SPDX-License-Identifier: Apache-2.0
 *
 * Open addressing over cells in pages that never move, so that a reader on another thread finds what it is told of.
 */
#include "stats/table_priv.h"

#include <stdlib.h>

void stats_table_init(struct stats_table *t)
{
    t->slots = xcalloc(STATS_SLOTS, sizeof(*t->slots));
    t->keep = 1;
}

void stats_table_fini(struct stats_table *t)
{
    for (size_t i = 0; i < STATS_PAGES; i++)
        xfree(atomic_load(&t->pages[i]));
    xfree(t->slots);
}

/* Ids are the store's numbers and hashes under a key of ours: nobody outside chooses them. */
static uint32_t slot_of(enum stats_kind kind, int64_t id)
{
    uint64_t h = ((uint64_t)id * 8 + kind) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(h >> 40) & (STATS_SLOTS - 1);
}

static struct stats_live_cell *cell_at(struct stats_table *t, uint32_t number)
{
    struct stats_live_cell *page =
        atomic_load_explicit(&t->pages[number / STATS_PAGE_CELLS], memory_order_acquire);
    return &page[number % STATS_PAGE_CELLS];
}

/* The subject's cell, or NULL and the slot where it belongs. */
static struct stats_live_cell *table_find(struct stats_table *t, enum stats_kind kind, int64_t id,
                                          uint32_t *slot)
{
    uint32_t number;
    *slot = slot_of(kind, id);
    while ((number = atomic_load_explicit(&t->slots[*slot], memory_order_acquire)) != 0) {
        struct stats_live_cell *c = cell_at(t, number - 1);
        if (c->id == id && c->kind == kind)
            return c;
        *slot = (*slot + 1) & (STATS_SLOTS - 1);
    }
    return NULL;
}

struct stats_live_cell *stats_table_cell(struct stats_table *t, enum stats_kind kind, int64_t id)
{
    uint32_t slot;
    struct stats_live_cell *c = table_find(t, kind, id, &slot);
    if (c != NULL)
        return c;
    uint32_t count = atomic_load_explicit(&t->count, memory_order_relaxed);
    if (count == STATS_CELLS_MAX) {
        atomic_fetch_add_explicit(&t->lost, 1, memory_order_relaxed);
        return NULL;
    }
    struct stats_live_cell *_Atomic *page = &t->pages[count / STATS_PAGE_CELLS];
    if (atomic_load_explicit(page, memory_order_relaxed) == NULL)
        atomic_store_explicit(page, xcalloc(STATS_PAGE_CELLS, sizeof(*c)), memory_order_release);
    c = cell_at(t, count);
    c->kind = kind;
    c->id = id;
    c->slot = slot;
    atomic_store_explicit(&t->slots[slot], count + 1, memory_order_release);
    atomic_store_explicit(&t->count, count + 1, memory_order_release);
    return c;
}

const struct stats_live_cell *stats_table_at(struct stats_table *t, uint32_t i)
{
    return i < atomic_load_explicit(&t->count, memory_order_acquire) ? cell_at(t, i) : NULL;
}

void stats_live_cell_read(const struct stats_live_cell *live, struct stats_cell *out)
{
    for (size_t i = 0; i < STATS_WIDE; i++)
        out->n[i] = atomic_load_explicit(&live->wide[i], memory_order_relaxed);
    for (size_t i = STATS_WIDE; i < STATS_FIELDS; i++)
        out->n[i] = atomic_load_explicit(&live->narrow[i - STATS_WIDE], memory_order_relaxed);
}

bool stats_table_read(struct stats_table *t, enum stats_kind kind, int64_t id,
                      struct stats_cell *add)
{
    uint32_t slot;
    struct stats_cell cell;
    const struct stats_live_cell *c = table_find(t, kind, id, &slot);
    if (c == NULL)
        return false;
    stats_live_cell_read(c, &cell);
    stats_cell_add(add, &cell);
    return true;
}

static int by_subject(const void *a, const void *b)
{
    const struct stats_live_cell *x = *(struct stats_live_cell *const *)a;
    const struct stats_live_cell *y = *(struct stats_live_cell *const *)b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

size_t stats_table_sorted(struct stats_table *t, struct stats_live_cell ***out)
{
    uint32_t count = atomic_load(&t->count);
    *out = xcalloc(count + 1, sizeof(struct stats_live_cell *));
    for (uint32_t i = 0; i < count; i++)
        (*out)[i] = cell_at(t, i);
    qsort(*out, count, sizeof(struct stats_live_cell *), by_subject);
    return count;
}

/* Memory follows what moved lately: of more pages than the last two minutes used, one goes at a time. */
static void drop_spare(struct stats_table *t, uint32_t used)
{
    t->keep = used > t->keep ? used : t->keep - (t->keep > used + 1);
    for (uint32_t i = t->keep; i < STATS_PAGES; i++) {
        xfree(atomic_load(&t->pages[i]));
        atomic_store(&t->pages[i], NULL);
    }
}

void stats_table_clear(struct stats_table *t)
{
    uint32_t count = atomic_load(&t->count);
    for (uint32_t i = 0; i < count; i++) {
        struct stats_live_cell *c = cell_at(t, i);
        atomic_store_explicit(&t->slots[c->slot], 0, memory_order_relaxed);
        for (size_t f = 0; f < STATS_WIDE; f++)
            atomic_store_explicit(&c->wide[f], 0, memory_order_relaxed);
        for (size_t f = 0; f < STATS_FIELDS - STATS_WIDE; f++)
            atomic_store_explicit(&c->narrow[f], 0, memory_order_relaxed);
    }
    atomic_store(&t->count, 0);
    atomic_store(&t->lost, 0);
    t->part = 0;
    t->is_unsure = false;
    drop_spare(t, (count + STATS_PAGE_CELLS - 1) / STATS_PAGE_CELLS);
}
