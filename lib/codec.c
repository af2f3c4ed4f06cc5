/* SPDX-License-Identifier: Apache-2.0
 *
 * Encodings, numbers and times, all read strictly: two texts for one value is a way around a check.
 */
#include "bytes.h"

#include <stdio.h>
#include <time.h>

enum { US_PER_S = 1000000, US_PER_MS = 1000 };

/* --- hex -------------------------------------------------------------------------------------------- */

static int codec_hex_value(char c)
{
    static const signed char values[256] = {
        ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
        ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
        ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
        ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16, /* one more than it is worth */
    };
    return values[(unsigned char)c] - 1;
}

bool gn_hex_decode(struct grapnel_bytes text, unsigned char *out, size_t cap, size_t *len)
{
    if (text.len % 2 != 0 || text.len / 2 > cap) {
        return false;
    }
    for (size_t i = 0; i < text.len; i += 2) {
        int high = codec_hex_value(text.ptr[i]);
        int low = codec_hex_value(text.ptr[i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i / 2] = (unsigned char)(high << 4 | low);
    }
    *len = text.len / 2;
    return true;
}

void gn_hex_encode(const unsigned char *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
}

/* --- base64 ----------------------------------------------------------------------------------------- */

static int base64_value(char c, enum gn_alphabet alphabet)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == (alphabet == GN_BASE64 ? '+' : '-')) {
        return 62;
    }
    return c == (alphabet == GN_BASE64 ? '/' : '_') ? 63 : -1;
}

/* Takes the padding off; false when it is not what the length asks for. */
static bool codec_unpad(struct grapnel_bytes *text)
{
    size_t padding = 0;
    while (padding < 2 && text->len > padding && text->ptr[text->len - 1 - padding] == '=') {
        padding++;
    }
    if (padding > 0 && text->len % 4 != 0) {
        return false;
    }
    text->len -= padding;
    return text->len % 4 != 1;
}

bool gn_base64_decode(struct grapnel_bytes text, enum gn_alphabet alphabet, bool exact,
                      unsigned char *out, size_t cap, size_t *len)
{
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t at = 0;
    if (!codec_unpad(&text) || text.len / 4 * 3 + text.len % 4 * 3 / 4 > cap) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        int value = base64_value(text.ptr[i], alphabet);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            out[at++] = (unsigned char)(bits >> bit_count);
        }
    }
    *len = at;
    return !exact || (bits & ((1U << bit_count) - 1)) == 0;
}

size_t gn_base64_encode(const unsigned char *bytes, size_t len, enum gn_alphabet alphabet,
                        char *out)
{
    static const char standard[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *digits = alphabet == GN_BASE64 ? standard : url;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | bytes[i];
        bit_count += 8;
        while (bit_count >= 6) {
            bit_count -= 6;
            out[at++] = digits[bits >> bit_count & 63];
        }
    }
    if (bit_count > 0) {
        out[at++] = digits[bits << (6 - bit_count) & 63];
    }
    while (alphabet == GN_BASE64 && at % 4 != 0) {
        out[at++] = '=';
    }
    return at;
}

struct grapnel_bytes gn_percent_decode(struct gn_arena *a, struct grapnel_bytes s)
{
    char *out = gn_alloc(a, s.len + 1);
    size_t len = 0;
    if (out == NULL) {
        return GN_NONE;
    }
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '%') {
            int high = i + 2 < s.len ? codec_hex_value(s.ptr[i + 1]) : -1;
            int low = i + 2 < s.len ? codec_hex_value(s.ptr[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return GN_NONE;
            }
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return gn_bytes(out, len);
}

/* --- numbers and times ------------------------------------------------------------------------------ */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool gn_decimal(struct grapnel_bytes s, size_t digits_max, int64_t *out)
{
    int64_t value = 0;
    if (s.len == 0 || s.len > digits_max || digits_max > 18 || (s.ptr[0] == '0' && s.len > 1)) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit(s.ptr[i])) {
            return false;
        }
        value = value * 10 + (s.ptr[i] - '0');
    }
    *out = value;
    return true;
}

/* `count` digits of a fixed-width field, taken off *s. */
static bool codec_field(struct grapnel_bytes *s, size_t count, int least, int most, int *out)
{
    int value = 0;
    if (s->len < count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_digit(s->ptr[i])) {
            return false;
        }
        value = value * 10 + (s->ptr[i] - '0');
    }
    *s = gn_skip(*s, count);
    *out = value;
    return value >= least && value <= most;
}

static bool codec_mark(struct grapnel_bytes *s, const char *either)
{
    if (s->len == 0 || strchr(either, s->ptr[0]) == NULL || s->ptr[0] == '\0') {
        return false;
    }
    *s = gn_skip(*s, 1);
    return true;
}

/* ".123456789": digits past the microsecond count for nothing. */
static bool codec_fraction(struct grapnel_bytes *s, int64_t *us)
{
    int64_t scale = US_PER_S / 10;
    *us = 0;
    if (s->len == 0 || s->ptr[0] != '.') {
        return true;
    }
    *s = gn_skip(*s, 1);
    if (s->len == 0 || !is_digit(s->ptr[0])) {
        return false;
    }
    while (s->len > 0 && is_digit(s->ptr[0])) {
        *us += (s->ptr[0] - '0') * scale;
        scale /= 10;
        *s = gn_skip(*s, 1);
    }
    return true;
}

static bool codec_zone(struct grapnel_bytes *s, int *seconds)
{
    int hours;
    int minutes;
    *seconds = 0;
    if (codec_mark(s, "Zz")) {
        return true;
    }
    int sign = s->len > 0 && s->ptr[0] == '-' ? -1 : 1;
    if (!codec_mark(s, "+-") || !codec_field(s, 2, 0, 23, &hours)) {
        return false;
    }
    (void)codec_mark(s, ":");
    if (!codec_field(s, 2, 0, 59, &minutes)) {
        return false;
    }
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool gn_time_iso(struct grapnel_bytes s, int64_t *us)
{
    struct tm t = { 0 };
    int64_t part;
    int offset;
    int year;
    int month;
    if (!codec_field(&s, 4, 1970, 9999, &year) || !codec_mark(&s, "-") ||
        !codec_field(&s, 2, 1, 12, &month) || !codec_mark(&s, "-") ||
        !codec_field(&s, 2, 1, 31, &t.tm_mday) || !codec_mark(&s, "Tt ")) {
        return false;
    }
    if (!codec_field(&s, 2, 0, 23, &t.tm_hour) || !codec_mark(&s, ":") ||
        !codec_field(&s, 2, 0, 59, &t.tm_min) || !codec_mark(&s, ":") ||
        !codec_field(&s, 2, 0, 59, &t.tm_sec)) {
        return false;
    }
    if (!codec_fraction(&s, &part) || !codec_zone(&s, &offset) || s.len != 0) {
        return false;
    }
    t.tm_year = year - 1900;
    t.tm_mon = month - 1;
    int day = t.tm_mday;
    int64_t seconds = timegm(&t);
    *us = (seconds - offset) * US_PER_S + part;
    return t.tm_mday == day; /* the 31st of a shorter month has moved on */
}

void gn_time_write_iso(int64_t us, char out[static GN_TIME_ISO_LEN + 1])
{
    time_t seconds = (time_t)(us / US_PER_S);
    struct tm t;
    if (gmtime_r(&seconds, &t) == NULL) {
        memset(&t, 0, sizeof(t));
    }
    snprintf(out, GN_TIME_ISO_LEN + 1, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
             (unsigned)(t.tm_year + 1900) % 10000, (unsigned)(t.tm_mon + 1) % 100,
             (unsigned)t.tm_mday % 100, (unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100,
             (unsigned)t.tm_sec % 100, (unsigned)(us % US_PER_S / US_PER_MS) % 1000);
}
