/* SPDX-License-Identifier: Apache-2.0
 *
 * Which bytes may stand where in HTTP, as one table of bits, and a scan of field values that goes
 * eight bytes at a time.
 */
#pragma once

#include "base/base.h"

enum {
    HTTP_CHAR_TOKEN = 1,  /* RFC 9110 token */
    HTTP_CHAR_VALUE = 2,  /* field value: visible, blank, and bytes from 0x80 up */
    HTTP_CHAR_TARGET = 4, /* request target: visible ASCII but '#' */
    HTTP_CHAR_HOST = 8,   /* Host and authority: names, addresses, port */
    HTTP_CHAR_HEX = 16,
    HTTP_CHAR_URI = 32 /* RFC 3986 unreserved, reserved and '%', but '#' */
};

extern const uint8_t http_char_bits[256];

static inline bool http_char_is(char c, int bits)
{
    return (http_char_bits[(uint8_t)c] & bits) != 0;
}

/* The number of leading bytes of s[at..] that have one of `bits`. */
static inline size_t http_span(const char *s, size_t len, int bits)
{
    size_t i = 0;
    while (i < len && http_char_is(s[i], bits)) {
        i++;
    }
    return i;
}

/* The number of leading bytes that may stand in a field value. */
static inline size_t http_value_span(const char *s, size_t len)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    size_t i = 0;
    while (i + 8 <= len) {
        uint64_t word;
        memcpy(&word, s + i, sizeof(word));
        uint64_t below_blank = (word - ones * 0x20) & ~word;
        uint64_t without_del = word ^ (ones * 0x7f);
        uint64_t is_del = (without_del - ones) & ~without_del;
        if (((below_blank | is_del) & high) != 0)
            break; /* one of these eight: look closely */
        i += 8;
    }
    return i + http_span(s + i, len - i, HTTP_CHAR_VALUE);
}
