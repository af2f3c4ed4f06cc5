/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks on their way to the loops.
 */
#pragma once

#include <stdatomic.h>

#include "stats/live.h"

enum { STATS_LIVE_LOOPS = 64, STATS_BLOCK_EVENTS = 128, STATS_BLOCKS_MAX = 128 /* under way: 3 MB */ };

struct stats_live_loop {
    struct loop *loop;
    atomic_int count; /* of lookers; written by the loop's thread */
    struct stats_looker *first;
};

struct stats_block;
struct stats_live {
    atomic_int lookers; /* of all loops */
    struct stats_live_loop loops[STATS_LIVE_LOOPS];
    size_t loop_count;
    _Atomic int blocks;    /* under way */
    _Atomic uint64_t lost; /* events that found no block, ever */
    /* Store thread: */
    struct stats_block *block; /* being filled; NULL: none */
    bool is_on;                /* for this group */
};

void stats_live_init(struct stats_live *l, struct loop *const *loops, size_t count);
/* The store thread's, for each group and job. */
static inline bool stats_live_begin(struct stats_live *l)
{
    l->is_on = atomic_load_explicit(&l->lookers, memory_order_relaxed) > 0;
    return l->is_on;
}
void stats_live_job(struct stats_live *l, int64_t wall_us, enum store_job_kind kind, struct store_job *job);
void stats_live_end(struct stats_live *l);
