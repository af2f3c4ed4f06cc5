/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's own time. It starts as the wall clock and then runs with the monotonic clock, across
 * restarts too, so a wall clock that is set wrong, and set right again, changes nothing that was
 * promised: ids, due times, retention and idempotency windows are all measured on it
 * (docs/internals/time.md). What people are shown is the wall clock's time.
 *
 * It never goes back. It goes ahead by itself only when the wall clock is ahead and has stayed so
 * for as long as it is ahead, at most a day: that is what time spent switched off looks like.
 *
 * Threads: reading is lock-free. One thread at a time calls store_time_mind(): the keeper.
 */
#pragma once

#include <stdatomic.h>

#include "base/base.h"

enum { STORE_BOOT_TEXT = 37, STORE_TIME_TEXT = 96 };

struct store_time {
    const struct clock *source; /* the system's */
    struct clock clock;         /* hand out: its wall face is the store's time */
    struct clock later;         /* the later of the store's time and the wall clock */
    _Atomic int64_t offset_us;  /* the store's time minus the monotonic clock */
    int64_t kept_offset_us;     /* as it was read; INT64_MIN: nothing was */
    bool is_new_boot;           /* of a store that is older: for how long the machine was off, only the wall clock can say */
    /* Keeper: */
    char boot[STORE_BOOT_TEXT]; /* the monotonic clock means something only within one boot */
    int64_t ahead_us;           /* how far the wall clock was ahead when it was last set */
    int64_t ahead_since_us;     /* since when, monotonic */
};

/* What is kept of it, as text. */
struct str store_time_write(const struct store_time *t, char out[static STORE_TIME_TEXT]);
/* `kept`: what store_time_write() made in an earlier run; empty: a new store. */
void store_time_init(struct store_time *t, const struct clock *source, struct str kept);
/* Ids up to here exist. */
void store_time_at_least(struct store_time *t, int64_t us);
/* Notices when the wall clock was set, says so in the log once, and follows it when it may. True:
 * what is kept must be written anew. */
bool store_time_mind(struct store_time *t);

static inline int64_t store_time_us(const struct store_time *t)
{
    return clock_wall_us(&t->clock);
}
/* By how much the wall clock is ahead of the store's time: added to one of the store's times, it
 * gives the time to show. */
int64_t store_time_ahead_us(const struct store_time *t);
