/* SPDX-License-Identifier: Apache-2.0
 *
 * What the string, buffer and map files share.
 */
#pragma once

#include "base/str.h"

/* Bytes of the well-formed UTF-8 sequence that starts at `ptr` (`len` > 0 bytes are there): 1 to 4;
 * 0 if there is none. */
size_t str_utf8_sequence(const unsigned char *ptr, size_t len);

/* SipHash-2-4 of `s` under `key` (two little-endian words). */
uint64_t str_siphash(const uint64_t key[static 2], struct str s);

/* As str_hash(), for a number. */
uint64_t str_hash_u64(uint64_t number);
