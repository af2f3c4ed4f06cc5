/* SPDX-License-Identifier: Apache-2.0
 *
 * str_hash(): SipHash-2-4 (Aumasson and Bernstein), keyed once per process before main().
 */
#include "base/hash.h"

#include "base/rng.h"

static uint64_t hash_key[2];

__attribute__((constructor)) static void choose_key(void)
{
    rng_fill(rng_system(), hash_key, sizeof(hash_key));
}

static inline uint64_t hash_rotate(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static inline void sip_round(uint64_t v[static 4])
{
    v[0] += v[1];
    v[1] = hash_rotate(v[1], 13) ^ v[0];
    v[0] = hash_rotate(v[0], 32);
    v[2] += v[3];
    v[3] = hash_rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = hash_rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = hash_rotate(v[1], 17) ^ v[2];
    v[2] = hash_rotate(v[2], 32);
}

static inline void sip_start(uint64_t v[static 4], const uint64_t key[static 2])
{
    v[0] = key[0] ^ UINT64_C(0x736f6d6570736575);
    v[1] = key[1] ^ UINT64_C(0x646f72616e646f6d);
    v[2] = key[0] ^ UINT64_C(0x6c7967656e657261);
    v[3] = key[1] ^ UINT64_C(0x7465646279746573);
}

static inline void sip_word(uint64_t v[static 4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

static inline uint64_t sip_end(uint64_t v[static 4])
{
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t str_siphash(const uint64_t key[static 2], struct str s)
{
    uint64_t v[4];
    uint64_t word;
    const char *at = s.ptr;
    size_t left = s.len;
    sip_start(v, key);
    for (; left >= sizeof(word); at += sizeof(word), left -= sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        sip_word(v, word);
    }
    word = (uint64_t)s.len << 56;
    for (size_t i = 0; i < left; i++)
        word |= (uint64_t)(unsigned char)at[i] << (8 * i);
    sip_word(v, word);
    return sip_end(v);
}

uint64_t str_hash(struct str s)
{
    return str_siphash(hash_key, s);
}

uint64_t str_hash_u64(uint64_t number)
{
    uint64_t v[4];
    sip_start(v, hash_key);
    sip_word(v, number);
    return sip_end(v);
}
