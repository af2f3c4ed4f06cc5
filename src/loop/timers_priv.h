/* SPDX-License-Identifier: Apache-2.0
 *
 * A binary heap of timers, earliest first. Timers know their slot, so that stopping one is as cheap
 * as setting it. Slots count from 1; slot 0 of the array is never used.
 */
#pragma once

#include "loop/loop.h"

struct timers {
    struct loop_timer **heap;
    size_t count;
    size_t cap;
};

void loop_timers_fini(struct timers *h);
void loop_timers_set(struct timers *h, struct loop_timer *t, int64_t at_us);
void loop_timers_stop(struct timers *h, struct loop_timer *t);
/* The earliest, or NULL. */
struct loop_timer *loop_timers_first(const struct timers *h);
