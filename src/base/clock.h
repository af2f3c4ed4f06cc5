/* SPDX-License-Identifier: Apache-2.0
 *
 * Time is handed in, so that tests own it.
 */
#pragma once

#include <stdint.h>

/* Microseconds. `wall` counts from the Unix epoch and may jump; `mono` only grows. */
struct clock {
    int64_t (*wall_us)(void *ctx);
    int64_t (*mono_us)(void *ctx);
    void *ctx;
};

const struct clock *clock_system(void);
static inline int64_t clock_wall_us(const struct clock *c)
{
    return c->wall_us(c->ctx);
}
static inline int64_t clock_mono_us(const struct clock *c)
{
    return c->mono_us(c->ctx);
}

/* A clock that stands still until moved. Both faces advance together; `wall_ahead_us` sets the wall
 * clock alone. Tests change both while threads read them. */
struct clock_fake {
    struct clock clock; /* hand out &fake.clock */
    _Atomic int64_t now_us;
    _Atomic int64_t wall_ahead_us;
};
void clock_fake_init(struct clock_fake *f, int64_t now_us);
