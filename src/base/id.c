/* SPDX-License-Identifier: Apache-2.0
 *
 * Identifiers. A source keeps the first 8 bytes of its last id in one atomic number (40 bits of
 * 4-millisecond ticks, 24 bits of counter, or 8 of slot and 16 of counter): the next id is that plus one, or the clock
 * if it is later.
 */
#include "base/id.h"

#include "base/mem.h"
#include "base/panic.h"

#include <stdatomic.h>

enum {
    TICK_US = 4000,
    TICKS_A_SECOND = 250,
    WORDS = ID_BYTES / 4,
    RANDOM_BYTES = 12,
    COUNTER_BITS = 24,
    SLOT_BITS = 16, /* where the slot begins: below it is what counts beside one */
    SLOT_MAX = 255
};

static const int64_t EPOCH_S = 1400000000;
static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

struct id_source {
    const struct clock *clock;
    const struct rng *rng;
    uint64_t slot; /* in its place; 0: none */
    _Atomic uint64_t last;
};

struct id_source *id_source_new(const struct clock *clock, const struct rng *rng)
{
    struct id_source *s = XNEW(struct id_source);
    s->clock = clock;
    s->rng = rng;
    return s;
}

int64_t id_source_last(const struct id_source *s)
{
    return (int64_t)atomic_load_explicit(&s->last, memory_order_relaxed);
}

void id_source_free(struct id_source *s)
{
    xfree(s);
}

/* The smallest key of that instant; instants out of range are moved to its ends. */
static uint64_t key_at(int64_t wall_us)
{
    int64_t since_us = wall_us - EPOCH_S * 1000000;
    if (wall_us < EPOCH_S * 1000000)
        since_us = 0;
    uint64_t second = (uint64_t)since_us / 1000000;
    uint64_t tick = (uint64_t)since_us % 1000000 / TICK_US;
    if (second > UINT32_MAX)
        return UINT64_MAX << 24;
    return second << 32 | tick << 24;
}

/* The first key of the tick after that of `key`. */
static uint64_t next_tick(uint64_t key)
{
    uint64_t next = ((key >> COUNTER_BITS) + 1) << COUNTER_BITS;
    bool is_past_second = (next >> COUNTER_BITS & 0xff) >= TICKS_A_SECOND;
    return is_past_second ? ((next >> 32) + 1) << 32 : next;
}

/* The key after `key`: the next of its tick, or the first of the next tick. */
static uint64_t key_after(const struct id_source *s, uint64_t key)
{
    uint64_t counter = (UINT64_C(1) << (s->slot == 0 ? COUNTER_BITS : SLOT_BITS)) - 1;
    return (key & counter) == counter ? next_tick(key) | s->slot : key + 1;
}

struct id_source *id_source_new_slot(const struct clock *clock, const struct rng *rng, int slot,
                                     int64_t after)
{
    MUST(slot >= 1 && slot <= SLOT_MAX && after >= 0);
    struct id_source *s = id_source_new(clock, rng);
    s->slot = (uint64_t)slot << SLOT_BITS;
    s->last = next_tick((uint64_t)after) | s->slot;
    return s;
}

static void put_key(struct id *id, uint64_t key)
{
    for (int i = 7; i >= 0; i--) {
        id->bytes[i] = (uint8_t)key;
        key >>= 8;
    }
}

static uint64_t get_key(const struct id *id)
{
    uint64_t key = 0;
    for (int i = 0; i < 8; i++)
        key = key << 8 | id->bytes[i];
    return key;
}

struct id id_new(struct id_source *s)
{
    struct id id;
    uint64_t now = key_at(clock_wall_us(s->clock)) | s->slot;
    uint64_t last = atomic_load_explicit(&s->last, memory_order_relaxed);
    uint64_t next;
    do {
        next = key_after(s, last);
        if (next < now)
            next = now;
    } while (!atomic_compare_exchange_weak_explicit(&s->last, &last, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    put_key(&id, next);
    rng_fill(s->rng, id.bytes + ID_BYTES - RANDOM_BYTES, RANDOM_BYTES);
    return id;
}

struct id id_at(int64_t wall_us)
{
    struct id id = { 0 };
    put_key(&id, key_at(wall_us));
    return id;
}

int64_t id_time_us(const struct id *id)
{
    uint64_t key = get_key(id);
    return (EPOCH_S + (int64_t)(key >> 32)) * 1000000 + (int64_t)(key >> 24 & 0xff) * TICK_US;
}

int64_t id_key(const struct id *id)
{
    return (int64_t)get_key(id);
}

/* Base 62 by long division of five 32-bit words, five digits (62^5) at a time. */
static void id_encode(const uint8_t bytes[static ID_BYTES], char out[static ID_DIGITS])
{
    const uint64_t five_digits = 916132832;
    uint32_t words[WORDS];
    for (int i = 0; i < WORDS; i++)
        words[i] = (uint32_t)bytes[i * 4] << 24 | (uint32_t)bytes[i * 4 + 1] << 16 |
                   (uint32_t)bytes[i * 4 + 2] << 8 | bytes[i * 4 + 3];
    int at = ID_DIGITS;
    while (at > 0) {
        uint64_t rest = 0;
        for (int i = 0; i < WORDS; i++) {
            rest = rest << 32 | words[i];
            words[i] = (uint32_t)(rest / five_digits);
            rest %= five_digits;
        }
        for (int i = 0; i < 5 && at > 0; i++) {
            out[--at] = alphabet[rest % 62];
            rest /= 62;
        }
    }
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 36;
    return -1;
}

static enum rc id_decode(const char *digits, uint8_t out[static ID_BYTES])
{
    uint32_t words[WORDS] = { 0 };
    for (int at = 0; at < ID_DIGITS; at++) {
        int digit = digit_of(digits[at]);
        if (digit < 0)
            return RC_INVALID;
        uint64_t carry = (uint64_t)digit;
        for (int i = WORDS - 1; i >= 0; i--) {
            carry += (uint64_t)words[i] * 62;
            words[i] = (uint32_t)carry;
            carry >>= 32;
        }
        if (carry != 0)
            return RC_INVALID; /* more than 20 bytes */
    }
    for (int i = 0; i < ID_BYTES; i++)
        out[i] = (uint8_t)(words[i / 4] >> (24 - i % 4 * 8));
    return RC_OK;
}

struct str id_format(struct str prefix, const struct id *id, char out[static ID_TEXT_MAX + 1])
{
    MUST(prefix.len <= ID_PREFIX_MAX);
    if (prefix.len > 0)
        memcpy(out, prefix.ptr, prefix.len);
    id_encode(id->bytes, out + prefix.len);
    out[prefix.len + ID_DIGITS] = '\0';
    return str_of(out, prefix.len + ID_DIGITS);
}

enum rc id_parse(struct str prefix, struct str text, struct id *out)
{
    if (!str_skip_prefix(&text, prefix) || text.len != ID_DIGITS)
        return RC_INVALID;
    struct id id;
    enum rc rc = id_decode(text.ptr, id.bytes);
    if (rc == RC_OK)
        *out = id;
    return rc;
}
