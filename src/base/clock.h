/* SPDX-License-Identifier: Apache-2.0
 *
 * Time and randomness are handed in, so that tests own them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/rc.h"
#include "base/str.h"

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

/* A clock that stands still until moved. Both faces advance together. */
struct clock_fake {
    struct clock clock;     /* hand out &fake.clock */
    _Atomic int64_t now_us; /* a test moves it while threads read it */
};
void clock_fake_init(struct clock_fake *f, int64_t now_us);

/* "2026-01-02T03:04:05.678901Z"; always UTC, always six digits. */
enum { TIME_TEXT_LEN = 27 };
void time_format(int64_t wall_us, char out[static TIME_TEXT_LEN + 1]);

/* RFC 3339 with 'Z' or an offset and 0 to 9 fraction digits. RC_INVALID otherwise. */
MUST_USE enum rc time_parse(struct str text, int64_t *wall_us);

/* An HTTP date (IMF-fixdate, RFC 850 or asctime). RC_INVALID otherwise. */
MUST_USE enum rc time_parse_http(struct str text, int64_t *wall_us);

struct rng {
    void (*fill)(void *ctx, void *out, size_t len);
    void *ctx;
};

/* The kernel's generator, buffered per thread; panics if the kernel has none. Any thread. */
const struct rng *rng_system(void);

/* Repeatable from its seed; for simulations, never for secrets. */
struct rng_seeded {
    struct rng rng;
    uint64_t state[4];
};
void rng_seeded_init(struct rng_seeded *r, uint64_t seed);

void rng_fill(const struct rng *r, void *out, size_t len);
uint64_t rng_u64(const struct rng *r);
/* Uniform in [0, bound), bound > 0. */
uint64_t rng_below(const struct rng *r, uint64_t bound);
