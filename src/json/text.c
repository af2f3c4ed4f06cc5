/* SPDX-License-Identifier: Apache-2.0
 *
 * Escapes and UTF-8. A name is compared with its escapes undone, because "t\u0079pe" is the same
 * member as "type" to every reader downstream.
 */
#include "json/text_priv.h"

enum {
    SURROGATE_HIGH = 0xD800,
    SURROGATE_LOW = 0xDC00,
    SURROGATE_END = 0xE000,
    UNICODE_ESCAPE = 6 /* bytes of a backslash, a 'u' and four digits */
};

static int hex_value(char c)
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
        int digit = hex_value(text.ptr[i]);
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

static bool is_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

size_t json_text_utf8(const unsigned char *at, size_t len)
{
    unsigned char lead = at[0];
    if (lead >= 0xC2 && lead < 0xE0) {
        return len >= 2 && is_tail(at[1]) ? 2 : 0;
    }
    if (lead >= 0xE0 && lead < 0xF0) {
        if (len < 3 || !is_tail(at[1]) || !is_tail(at[2])) {
            return 0;
        }
        bool overlong = lead == 0xE0 && at[1] < 0xA0;
        bool surrogate = lead == 0xED && at[1] >= 0xA0;
        return overlong || surrogate ? 0 : 3;
    }
    if (lead >= 0xF0 && lead < 0xF5) {
        if (len < 4 || !is_tail(at[1]) || !is_tail(at[2]) || !is_tail(at[3])) {
            return 0;
        }
        bool overlong = lead == 0xF0 && at[1] < 0x90;
        bool beyond = lead == 0xF4 && at[1] >= 0x90;
        return overlong || beyond ? 0 : 4;
    }
    return 0;
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

static struct str inside(struct json_span span)
{
    return str_of(span.text.ptr + 1, span.text.len - 2);
}

bool json_text_equals(struct json_span span, struct str plain)
{
    struct str rest = inside(span);
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
    struct str rest = inside(s);
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
