/* SPDX-License-Identifier: Apache-2.0
 *
 * Escapes and UTF-8. A name is compared with its escapes undone, because "t\u0079pe" is the same
 * member as "type" to every reader downstream.
 */
#include "json/text_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SURROGATE_HIGH = 0xD800,
    SURROGATE_LOW = 0xDC00,
    SURROGATE_END = 0xE000,
    UNICODE_ESCAPE = 6, /* bytes of a backslash, a 'u' and four digits */
    NUMBER_MAX = 40,
    DIGITS_EXACT = 17 /* tell every double apart */
};

static int text_hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* The number in the "\uXXXX" that text begins with, or -1. */
static int32_t unicode_escape(struct str text)
{
    if (text.len < UNICODE_ESCAPE || text.ptr[0] != '\\' || text.ptr[1] != 'u') {
        return -1;
    }
    int32_t value = 0;
    for (size_t i = 2; i < UNICODE_ESCAPE; i++) {
        int digit = text_hex_value(text.ptr[i]);
        if (digit < 0) {
            return -1;
        }
        value = value << 4 | digit;
    }
    return value;
}

static void put_utf8(int32_t code, struct json_character *out)
{
    if (code < 0x80) {
        out->len = 1;
        out->bytes[0] = (char)code;
        return;
    }
    out->len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = out->len - 1; i > 0; i--) {
        out->bytes[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    static const unsigned char lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    out->bytes[0] = (char)(lead[out->len] | code);
}

static size_t unicode_character(struct str text, struct json_character *out)
{
    size_t used = UNICODE_ESCAPE;
    int32_t code = unicode_escape(text);
    if (code < 0 || (code >= SURROGATE_LOW && code < SURROGATE_END)) {
        return 0;
    }
    if (code >= SURROGATE_HIGH && code < SURROGATE_LOW) {
        int32_t low = unicode_escape(str_of(text.ptr + used, text.len - used));
        if (low < SURROGATE_LOW || low >= SURROGATE_END) {
            return 0;
        }
        code = 0x10000 + ((code - SURROGATE_HIGH) << 10) + (low - SURROGATE_LOW);
        used += UNICODE_ESCAPE;
    }
    if (out != NULL) {
        put_utf8(code, out);
    }
    return used;
}

size_t json_text_escape(struct str text, struct json_character *out)
{
    char plain;
    if (text.len < 2) {
        return 0;
    }
    switch (text.ptr[1]) {
    case '"':
    case '\\':
    case '/': plain = text.ptr[1]; break;
    case 'b': plain = '\b'; break;
    case 'f': plain = '\f'; break;
    case 'n': plain = '\n'; break;
    case 'r': plain = '\r'; break;
    case 't': plain = '\t'; break;
    default: return unicode_character(text, out);
    }
    if (out != NULL) {
        out->bytes[0] = plain;
        out->len = 1;
    }
    return 2;
}

size_t json_text_escape_any(struct str text, struct json_character *out)
{
    size_t used = json_text_escape(text, out);
    int32_t code = used == 0 ? unicode_escape(text) : -1;
    if (used == 0 && code >= SURROGATE_HIGH && code < SURROGATE_END) {
        put_utf8(code, out);
        return UNICODE_ESCAPE;
    }
    if (used > 0 && out->len == 1 && out->bytes[0] == '\0') {
        *out = (struct json_character){ { '\xC0', '\x80' }, 2 };
    }
    return used;
}

/* Well-formed sequences by their first byte (the Unicode standard, table 3-7): what the second byte may
 * be keeps out overlong forms, surrogates and what lies past U+10FFFF; the others are 80 to BF. */
static const struct {
    unsigned char lead_first, lead_last;
    unsigned char second_first, second_last;
    unsigned char len;
} sequences[] = {
    { 0xC2, 0xDF, 0x80, 0xBF, 2 }, { 0xE0, 0xE0, 0xA0, 0xBF, 3 }, { 0xE1, 0xEC, 0x80, 0xBF, 3 },
    { 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 }, { 0xF0, 0xF0, 0x90, 0xBF, 4 },
    { 0xF1, 0xF3, 0x80, 0xBF, 4 }, { 0xF4, 0xF4, 0x80, 0x8F, 4 },
};

static bool are_tails(const unsigned char *at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return false;
        }
    }
    return true;
}

size_t json_text_utf8(const unsigned char *at, size_t len)
{
    size_t i = 0;
    while (i < COUNT_OF(sequences) && at[0] > sequences[i].lead_last) {
        i++;
    }
    if (i == COUNT_OF(sequences) || at[0] < sequences[i].lead_first || len < sequences[i].len) {
        return 0;
    }
    if (at[1] < sequences[i].second_first || at[1] > sequences[i].second_last) {
        return 0;
    }
    return are_tails(at + 2, sequences[i].len - 2U) ? sequences[i].len : 0;
}

/* The next character of the inside of a validated string, taken off *rest. */
static struct json_character next_piece(struct str *rest)
{
    struct json_character c = { { rest->ptr[0] }, 1 };
    size_t used = 1;
    if (rest->ptr[0] == '\\') {
        used = json_text_escape(*rest, &c);
        MUST(used != 0);
    }
    *rest = str_of(rest->ptr + used, rest->len - used);
    return c;
}

static struct str text_inside(struct json_span span)
{
    return str_of(span.text.ptr + 1, span.text.len - 2);
}

bool json_span_is(struct json_span span, struct str plain)
{
    struct str rest = text_inside(span);
    if (!span.escaped) {
        return str_eq(rest, plain);
    }
    while (rest.len > 0) {
        struct json_character c = next_piece(&rest);
        if (plain.len < c.len || memcmp(plain.ptr, c.bytes, c.len) != 0) {
            return false;
        }
        plain = str_of(plain.ptr + c.len, plain.len - c.len);
    }
    return plain.len == 0;
}

struct str json_span_string(struct arena *a, struct json_span s)
{
    MUST(s.type == JSON_SPAN_STRING);
    struct str rest = text_inside(s);
    if (!s.escaped) {
        return rest;
    }
    /* An escape is never shorter than what it stands for. */
    char *out = arena_alloc(a, rest.len + 1);
    size_t len = 0;
    while (rest.len > 0) {
        struct json_character c = next_piece(&rest);
        memcpy(out + len, c.bytes, c.len);
        len += c.len;
    }
    return str_of(out, len);
}

enum rc json_span_int(struct json_span s, int64_t *out)
{
    return s.type == JSON_SPAN_NUMBER ? str_to_i64(s.text, out) : RC_INVALID;
}

enum rc json_text_real(double d, struct buf *out)
{
    char digits[NUMBER_MAX];
    int exponent = 0;
    int precision = 0;
    do
        (void)snprintf(digits, sizeof(digits), "%.*e", precision, d);
    while (++precision < DIGITS_EXACT && strtod(digits, NULL) != d);
    const char *e = strchr(digits, 'e');
    if (e != NULL)
        exponent = (int)strtol(e + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16) {
        (void)snprintf(digits, sizeof(digits), "%.*g", precision, d);
        return buf_add_str(out, str_from(digits));
    }
    int decimals = precision - 1 - exponent;
    (void)snprintf(digits, sizeof(digits), "%.*f", decimals > 1 ? decimals : 1, d);
    return buf_add_str(out, str_from(digits));
}
