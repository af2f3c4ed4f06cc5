/* SPDX-License-Identifier: Apache-2.0
 *
 * The cells of one minute, in memory. One thread writes at a time (the store thread, between stats_table_open() and the
 * minute's end); others may read meanwhile, without a lock: numbers are plain loads and stores that happen to be atomic, and
 * a cell is reached only once it is complete. Whoever empties a table makes sure that nobody reads it.
 */
#pragma once

#include <stdatomic.h>

#include "stats/stats.h"

enum {
    STATS_CELLS_MAX = 65536,                 /* subjects that move within a minute; more are not counted */
    STATS_PAGE_CELLS = 256,
    STATS_PAGES = STATS_CELLS_MAX / STATS_PAGE_CELLS,
    STATS_SLOTS = 2 * STATS_CELLS_MAX
};

struct stats_live_cell {
    int64_t id;
    enum stats_kind kind;
    uint32_t slot;
    _Atomic uint64_t wide[STATS_WIDE];
    _Atomic uint32_t narrow[STATS_FIELDS - STATS_WIDE];
};

enum stats_table_state { STATS_TABLE_FREE, STATS_TABLE_OPEN, STATS_TABLE_FULL };

struct stats_table {
    _Atomic int state;
    _Atomic int64_t minute_us;
    _Atomic uint32_t count;
    uint32_t keep;  /* pages that are kept when it is emptied */
    int64_t part;   /* of the statistics' thread: as which write it is written; 0: it was not tried yet */
    bool is_unsure; /* ... and nobody knows whether that was committed */
    _Atomic uint64_t lost; /* updates of subjects that found no room */
    struct stats_live_cell *_Atomic pages[STATS_PAGES];
    _Atomic uint32_t *slots; /* number of the cell, from 1 */
};

void stats_table_init(struct stats_table *t);
void stats_table_fini(struct stats_table *t);
/* The writer's: the cell of a subject, made if need be; NULL: no room. */
struct stats_live_cell *stats_table_cell(struct stats_table *t, enum stats_kind kind, int64_t id);
/* Anybody's: adds the subject's numbers; false: it has none. */
bool stats_table_read(struct stats_table *t, enum stats_kind kind, int64_t id, struct stats_cell *add);
/* Anybody's: the i-th cell, in the order in which they were made; NULL: there are not so many. */
const struct stats_live_cell *stats_table_at(struct stats_table *t, uint32_t i);
void stats_live_cell_read(const struct stats_live_cell *live, struct stats_cell *out);
/* All cells by kind and id; *out is xfree()d by the caller. The writer is done with it. */
size_t stats_table_sorted(struct stats_table *t, struct stats_live_cell ***out);
/* Nobody writes or reads it. */
void stats_table_clear(struct stats_table *t);

static inline void stats_count(struct stats_live_cell *c, enum stats_field f, uint64_t n)
{
    if ((int)f < STATS_WIDE) {
        _Atomic uint64_t *wide = &c->wide[f];
        atomic_store_explicit(wide, atomic_load_explicit(wide, memory_order_relaxed) + n, memory_order_relaxed);
        return;
    }
    _Atomic uint32_t *narrow = &c->narrow[f - STATS_WIDE];
    atomic_store_explicit(narrow, atomic_load_explicit(narrow, memory_order_relaxed) + (uint32_t)n, memory_order_relaxed);
}
