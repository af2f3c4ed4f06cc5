/* SPDX-License-Identifier: Apache-2.0
 *
 * Randomness. The system's generator is read in pieces of 512 bytes per thread; bytes are wiped as
 * they are handed out, and a forked child throws away what it inherited.
 */
#include "base/rng.h"

#include "base/mem.h"
#include "base/panic.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

struct pool {
    unsigned char bytes[512];
    size_t left;
    unsigned generation; /* of the process that filled it */
};

static _Thread_local struct pool pool;
static atomic_uint generation;

static void after_fork(void)
{
    atomic_fetch_add(&generation, 1);
}

__attribute__((constructor)) static void watch_forks(void)
{
    MUST(pthread_atfork(NULL, NULL, after_fork) == 0);
}

/* Where a sandbox forbids the call. Without either there are no secrets to be had, and nothing goes on. */
static ssize_t read_device(unsigned char *out, size_t len)
{
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    MUST(fd >= 0);
    ssize_t got = read(fd, out, len);
    MUST(got > 0 || errno == EINTR);
    (void)close(fd);
    return got;
}

static void read_kernel(unsigned char *out, size_t len)
{
    while (len > 0) {
        ssize_t got = getrandom(out, len, 0);
        if (got < 0 && errno != EINTR)
            got = read_device(out, len);
        if (got > 0) {
            out += got;
            len -= (size_t)got;
        }
    }
}

static void system_fill(void *ctx, void *out, size_t len)
{
    (void)ctx;
    struct pool *p = &pool;
    if (len > sizeof(p->bytes) / 2) {
        read_kernel(out, len);
        return;
    }
    unsigned now = atomic_load_explicit(&generation, memory_order_relaxed);
    if (p->left < len || p->generation != now) {
        read_kernel(p->bytes, sizeof(p->bytes));
        p->left = sizeof(p->bytes);
        p->generation = now;
    }
    p->left -= len;
    memcpy(out, p->bytes + p->left, len);
    mem_wipe(p->bytes + p->left, len);
}

const struct rng *rng_system(void)
{
    static const struct rng rng = { system_fill, NULL };
    return &rng;
}

static uint64_t rng_rotate(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

/* xoshiro256** (Blackman and Vigna, public domain). */
static uint64_t seeded_next(struct rng_seeded *r)
{
    uint64_t *s = r->state;
    uint64_t result = rng_rotate(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rng_rotate(s[3], 45);
    return result;
}

static void seeded_fill(void *ctx, void *out, size_t len)
{
    unsigned char *at = out;
    while (len > 0) {
        uint64_t word = seeded_next(ctx);
        size_t step = len < sizeof(word) ? len : sizeof(word);
        memcpy(at, &word, step);
        at += step;
        len -= step;
    }
}

void rng_seeded_init(struct rng_seeded *r, uint64_t seed)
{
    r->rng = (struct rng){ seeded_fill, r };
    for (int i = 0; i < 4; i++) { /* splitmix64 spreads the seed, so that no state is all zero */
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        r->state[i] = z ^ (z >> 31);
    }
}

void rng_fill(const struct rng *r, void *out, size_t len)
{
    if (len > 0)
        r->fill(r->ctx, out, len);
}

uint64_t rng_u64(const struct rng *r)
{
    uint64_t number;
    rng_fill(r, &number, sizeof(number));
    return number;
}

uint64_t rng_below(const struct rng *r, uint64_t bound)
{
    MUST(bound > 0);
    uint64_t unfair = (0 - bound) % bound; /* how many of the 2^64 numbers would favour some */
    for (;;) {
        uint64_t number = rng_u64(r);
        if (number >= unfair)
            return number % bound;
    }
}
