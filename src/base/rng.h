/* SPDX-License-Identifier: Apache-2.0
 *
 * Randomness is handed in, so that tests own it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

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
