/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes, encodings, times and bounded working memory: what the rest of the library stands on.
 * Private. Functions return false or NULL on bad input; nothing here reports reasons.
 */
#pragma once

#include <stdarg.h>
#include <string.h>

#include "grapnel.h"

#define GN_TEXT(literal) ((struct grapnel_bytes)GRAPNEL_TEXT(literal))
#define GN_NONE ((struct grapnel_bytes){ NULL, 0 })
#define GN_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline struct grapnel_bytes gn_bytes(const char *ptr, size_t len)
{
    return (struct grapnel_bytes){ ptr, len };
}

static inline struct grapnel_bytes gn_skip(struct grapnel_bytes s, size_t count)
{
    return gn_bytes(s.ptr + count, s.len - count);
}

struct grapnel_bytes gn_cstr(const char *text);
bool gn_eq(struct grapnel_bytes a, struct grapnel_bytes b);
bool gn_ieq(struct grapnel_bytes a, struct grapnel_bytes b); /* ASCII case aside */
bool gn_starts(struct grapnel_bytes s, struct grapnel_bytes prefix);
size_t gn_find(struct grapnel_bytes s, char c);       /* index, or s.len */
struct grapnel_bytes gn_trim(struct grapnel_bytes s); /* spaces and tabs */
/* The part up to `sep`, taken off *rest; false at the end. */
bool gn_split(struct grapnel_bytes *rest, char sep, struct grapnel_bytes *part);
int gn_cmp(struct grapnel_bytes a, struct grapnel_bytes b);

/* --- numbers and times -------------------------------------------------------------------------- */
/* Digits only, without leading zeros, at most `digits_max`. */
bool gn_decimal(struct grapnel_bytes s, size_t digits_max, int64_t *out);
/* RFC 3339, any number of fraction digits. */
bool gn_time_iso(struct grapnel_bytes s, int64_t *us);
/* "2026-01-02T03:04:05.678Z" and a NUL. */
enum { GN_TIME_ISO_LEN = 24 };
void gn_time_write_iso(int64_t us, char out[static GN_TIME_ISO_LEN + 1]);

/* --- encodings ------------------------------------------------------------------------------------- */
/* Either case. */
bool gn_hex_decode(struct grapnel_bytes text, unsigned char *out, size_t cap, size_t *len);
void gn_hex_encode(const unsigned char *bytes, size_t len, char *out); /* 2 * len, no NUL */

enum gn_alphabet { GN_BASE64, GN_BASE64URL };
/* Padded or not. `exact`: bits that stand for nothing must be zero (signatures; keys may be sloppy). */
bool gn_base64_decode(struct grapnel_bytes text, enum gn_alphabet alphabet, bool exact,
                      unsigned char *out, size_t cap, size_t *len);
/* Standard alphabet padded, URL alphabet bare; returns how many were written, without NUL. */
size_t gn_base64_encode(const unsigned char *bytes, size_t len, enum gn_alphabet alphabet,
                        char *out);

/* --- working memory ----------------------------------------------------------------------------- */
struct gn_block;
struct gn_arena {
    struct gn_block *blocks;
    size_t used;
    size_t limit; /* bytes, all blocks together */
};
/* NULL: past the limit, or no memory. */
void *gn_alloc(struct gn_arena *a, size_t size);
/* A copy of all pieces in a row; ptr NULL: no room. */
struct grapnel_bytes gn_join(struct gn_arena *a, const struct grapnel_bytes *pieces, size_t count);
/* Wipes and frees all. */
void gn_arena_fini(struct gn_arena *a);

/* Percent-decoding ('+' is a space); ptr NULL: malformed or no room. */
struct grapnel_bytes gn_percent_decode(struct gn_arena *a, struct grapnel_bytes s);

/* --- text into a fixed place --------------------------------------------------------------------- */
struct gn_out {
    char *ptr; /* NULL: nobody reads it */
    size_t len;
    size_t cap; /* including a NUL that is always there */
};
/* Cut at the end when too long. */
void gn_say(struct gn_out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Bytes with what is not printable escaped, cut to `max` of them. */
void gn_say_escaped(struct gn_out *out, struct grapnel_bytes s, size_t max);
