/* SPDX-License-Identifier: Apache-2.0
 *
 * Audiences, for stats.c and count.c.
 */
#pragma once

#include <stdatomic.h>

#include "base/clock.h"
#include "base/thread.h"
#include "stats/live.h"

struct stats_audience;
struct stats_audiences; /* all of them at a time; never changes, counted */

struct stats_live {
    const struct clock *clock;
    uint64_t run;       /* of the server, as no other: when it began */
    atomic_int watched; /* lookers, and audiences that wait for theirs to come back */
    _Atomic int64_t forget_us; /* monotonic: when the first of these audiences goes; 0: there is none */
    struct mutex lock;  /* over `all` and the audiences' numbers of lookers */
    struct stats_audiences *all; /* NULL: none */
    uint64_t next_audience;
    /* Store thread: */
    struct stats_audiences *group; /* of this group's time; NULL: nobody looks on */
};

void stats_live_init(struct stats_live *l, const struct clock *clock);
void stats_live_fini(struct stats_live *l); /* nobody looks on any more */
struct stats_audiences *stats_live_audiences(struct stats_live *l); /* counted; NULL: none */
void stats_live_forget(struct stats_live *l); /* lets go of audiences that nobody came back to */
/* The store thread's, for each group and job. */
static inline bool stats_live_begin(struct stats_live *l)
{
    if (atomic_load_explicit(&l->forget_us, memory_order_relaxed) != 0)
        stats_live_forget(l);
    if (atomic_load_explicit(&l->watched, memory_order_relaxed) > 0)
        l->group = stats_live_audiences(l);
    return l->group != NULL;
}
void stats_live_job(struct stats_live *l, int64_t wall_us, enum store_job_kind kind, struct store_job *job);
void stats_live_end(struct stats_live *l);
