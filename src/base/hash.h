/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes for tables. Pure; any thread.
 */
#pragma once

#include <stdint.h>

#include "base/str.h"

/* SipHash-2-4 keyed per process, so that outsiders cannot aim collisions at our tables. */
uint64_t str_hash(struct str s);
/* The same under a key of one's own (two little-endian words): for hashes that are kept. */
uint64_t str_siphash(const uint64_t key[static 2], struct str s);

/* As str_hash(), for a number. */
uint64_t str_hash_u64(uint64_t number);
