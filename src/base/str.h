/* SPDX-License-Identifier: Apache-2.0
 *
 * Borrowed byte strings. A `struct str` owns nothing, need not end in NUL and may hold any byte.
 * Everything here is pure: any thread, no allocation, no failure but the documented ones.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/rc.h"

struct str {
    const char *ptr; /* may be NULL when len is 0 */
    size_t len;      /* bytes */
};

#define STR(literal) ((struct str){ ("" literal), sizeof(literal) - 1 })
#define STR_NONE ((struct str){ NULL, 0 })
/* For printf: printf("%.*s", STR_ARGS(s)) */
#define STR_ARGS(s) ((int)(s).len), ((s).ptr == NULL ? "" : (s).ptr)

static inline struct str str_of(const char *ptr, size_t len)
{
    return (struct str){ ptr, len };
}

/* `text` ends in NUL; NULL gives the empty string. */
static inline struct str str_from(const char *text)
{
    return (struct str){ text, text == NULL ? 0 : strlen(text) };
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Equal but for the case of ASCII letters. */
bool str_ieq(struct str a, struct str b);

/* Byte order, shorter first on a tie: <0, 0, >0. */
int str_cmp(struct str a, struct str b);

bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

/* Index of the first `c` in `s`, or s.len. */
size_t str_find(struct str s, char c);

/* True if `needle` occurs in `s`; the empty needle always does. */
bool str_contains(struct str s, struct str needle);

/* If *s starts with `prefix`, takes it off and returns true. */
bool str_skip_prefix(struct str *s, struct str prefix);

/* The part from `start` (at most s.len) of `len` bytes (cut to what is there). */
struct str str_sub(struct str s, size_t start, size_t len);

/* Without leading and trailing spaces and tabs. */
struct str str_trim(struct str s);

/* Takes the next part up to `sep` off *rest into *part; false when *rest is used up.
 * "a,,b" gives "a", "", "b"; the empty string gives nothing. */
bool str_split(struct str *rest, char sep, struct str *part);

/* Decimal digits only, no sign, space or empty text. RC_INVALID otherwise or past the type. */
MUST_USE enum rc str_to_u64(struct str s, uint64_t *out);

/* As str_to_u64(), with an optional leading '-'. */
MUST_USE enum rc str_to_i64(struct str s, int64_t *out);

/* How many letters must be put in, left out, changed or swapped with their neighbor to make `a` of `b`. Of names:
 * SIZE_MAX when one has more than STR_DISTANCE_MAX bytes. */
enum { STR_DISTANCE_MAX = 64 };
size_t str_distance(struct str a, struct str b);

/* Equal, in time that depends on the lengths only. For secrets, tokens and signatures. */
bool str_eq_constant_time(struct str a, struct str b);
