/* SPDX-License-Identifier: Apache-2.0
 *
 * The system's clock, and one that stands still. Texts of times are in time.c.
 */
#include "base/clock.h"

#include "base/panic.h"

#include <time.h>

static int64_t read_clock(clockid_t which)
{
    struct timespec now = { 0 };
    MUST(clock_gettime(which, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t system_wall_us(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_REALTIME);
}

static int64_t system_mono_us(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_MONOTONIC);
}

const struct clock *clock_system(void)
{
    static const struct clock clock = { system_wall_us, system_mono_us, NULL };
    return &clock;
}

static int64_t fake_mono_us(void *ctx)
{
    const struct clock_fake *fake = ctx;
    return fake->now_us;
}

static int64_t fake_wall_us(void *ctx)
{
    const struct clock_fake *fake = ctx;
    return fake->now_us + fake->wall_ahead_us;
}

void clock_fake_init(struct clock_fake *f, int64_t now_us)
{
    *f = (struct clock_fake){ .clock = { fake_wall_us, fake_mono_us, f }, .now_us = now_us };
}
