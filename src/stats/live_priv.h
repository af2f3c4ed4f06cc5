/* SPDX-License-Identifier: Apache-2.0
 *
 * Audiences, for stats.c and count.c.
 */
#pragma once

#include <stdatomic.h>

#include "base/thread.h"
#include "stats/live.h"

struct stats_audience;
struct stats_audiences; /* all of them at a time; never changes, counted */

struct stats_live {
    atomic_int lookers; /* of all audiences */
    struct mutex lock;  /* over `all` and the audiences' numbers of lookers */
    struct stats_audiences *all; /* NULL: none */
    /* Store thread: */
    struct stats_audiences *group; /* of this group's time; NULL: nobody looks on */
};

void stats_live_init(struct stats_live *l);
void stats_live_fini(struct stats_live *l); /* nobody looks on any more */
struct stats_audiences *stats_live_audiences(struct stats_live *l); /* counted; NULL: none */
/* The store thread's, for each group and job. */
static inline bool stats_live_begin(struct stats_live *l)
{
    if (atomic_load_explicit(&l->lookers, memory_order_relaxed) > 0)
        l->group = stats_live_audiences(l);
    return l->group != NULL;
}
void stats_live_job(struct stats_live *l, int64_t wall_us, enum store_job_kind kind, struct store_job *job);
void stats_live_end(struct stats_live *l);
