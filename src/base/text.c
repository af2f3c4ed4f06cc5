/* SPDX-License-Identifier: Apache-2.0
 *
 * Encodings: hex, base64, percent.
 */
#include "base/text.h"

static const char hex_digits[] = "0123456789abcdef";

void hex_encode(const void *bytes, size_t len, char *out)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++) {
        *out++ = hex_digits[at[i] >> 4];
        *out++ = hex_digits[at[i] & 15];
    }
    *out = '\0';
}

static int text_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte that two hex digits stand for, or -1. */
static int hex_pair(const char *at)
{
    int high = text_hex_value(at[0]);
    int low = text_hex_value(at[1]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

enum rc hex_decode(struct str text, void *out, size_t cap, size_t *len)
{
    unsigned char *to = out;
    if (text.len % 2 != 0)
        return RC_INVALID;
    if (text.len / 2 > cap)
        return RC_LIMIT;
    for (size_t i = 0; i < text.len; i += 2) {
        int byte = hex_pair(text.ptr + i);
        if (byte < 0)
            return RC_INVALID;
        *to++ = (unsigned char)byte;
    }
    *len = text.len / 2;
    return RC_OK;
}

void base64_encode(const void *bytes, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = bytes;
    for (; len > 0; at += 3) {
        size_t step = len < 3 ? len : 3;
        unsigned long bits = (unsigned long)at[0] << 16;
        if (step > 1)
            bits |= (unsigned long)at[1] << 8;
        if (step > 2)
            bits |= at[2];
        *out++ = digits[bits >> 18 & 63];
        *out++ = digits[bits >> 12 & 63];
        *out++ = step > 1 ? digits[bits >> 6 & 63] : '=';
        *out++ = step > 2 ? digits[bits & 63] : '=';
        len -= step;
    }
    *out = '\0';
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

/* Takes correct padding off; RC_INVALID if there is any other. */
static enum rc base64_unpad(struct str *text)
{
    if (str_ends(*text, STR("="))) {
        if (text->len % 4 != 0)
            return RC_INVALID;
        text->len -= str_ends(*text, STR("==")) ? 2 : 1;
    }
    return text->len % 4 == 1 ? RC_INVALID : RC_OK;
}

enum rc base64_decode(struct str text, void *out, size_t cap, size_t *len)
{
    unsigned char *to = out;
    unsigned long bits = 0;
    unsigned held = 0; /* bits in `bits` that are not written yet */
    if (base64_unpad(&text) != RC_OK)
        return RC_INVALID;
    size_t total = text.len / 4 * 3 + text.len % 4 * 3 / 4;
    if (total > cap)
        return RC_LIMIT;
    for (size_t i = 0; i < text.len; i++) {
        int value = base64_value(text.ptr[i]);
        if (value < 0)
            return RC_INVALID;
        bits = bits << 6 | (unsigned long)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *to++ = (unsigned char)(bits >> held);
            bits &= (1UL << held) - 1;
        }
    }
    if (bits != 0)
        return RC_INVALID;
    *len = total;
    return RC_OK;
}

static enum rc percent_decode_rest(struct str s, bool form, struct buf *out)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '%') {
            int byte = s.len - i < 3 ? -1 : hex_pair(s.ptr + i + 1);
            if (byte < 0)
                return RC_INVALID;
            c = (char)byte;
            i += 2;
        } else if (c == '+' && form) {
            c = ' ';
        }
        enum rc rc = buf_add_char(out, c);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static enum rc percent_encode_rest(struct str s, struct buf *out)
{
    static const char upper[] = "0123456789ABCDEF";
    enum rc rc = RC_OK;
    for (size_t i = 0; i < s.len && rc == RC_OK; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        unsigned char folded = c | 0x20;
        bool is_unreserved = (folded >= 'a' && folded <= 'z') || (c >= '0' && c <= '9') ||
                             c == '-' || c == '.' || c == '_' || c == '~';
        if (is_unreserved)
            rc = buf_add_char(out, (char)c);
        else
            rc = buf_add(out, (const char[]){ '%', upper[c >> 4], upper[c & 15] }, 3);
    }
    return rc;
}

/* Appending is all or nothing, as everywhere. */
static enum rc or_undo(enum rc rc, struct buf *out, size_t before)
{
    if (rc != RC_OK)
        buf_cut(out, before);
    return rc;
}

enum rc percent_decode(struct str s, bool form, struct buf *out)
{
    size_t before = out->len;
    return or_undo(percent_decode_rest(s, form, out), out, before);
}

enum rc percent_encode(struct str s, struct buf *out)
{
    size_t before = out->len;
    return or_undo(percent_encode_rest(s, out), out, before);
}

/* --- credentials in URLs ----------------------------------------------------------------------------- */

static const struct str after_scheme = { "://", 3 };

static size_t find_scheme_end(struct str text)
{
    for (size_t i = 0; i + after_scheme.len <= text.len; i++)
        if (str_eq(str_sub(text, i, after_scheme.len), after_scheme))
            return i + after_scheme.len;
    return text.len;
}

/* What no user part, host or port can hold. */
static bool ends_authority(char c)
{
    return (unsigned char)c <= ' ' || strchr("/?#\\\"<>", c) != NULL;
}

/* Where the user part that begins at `start` ends: at the last '@' before the path. text.len: there is none. */
static size_t find_user_end(struct str text, size_t start)
{
    size_t end = text.len;
    for (size_t i = start; i < text.len && !ends_authority(text.ptr[i]); i++)
        if (text.ptr[i] == '@')
            end = i;
    return end;
}

struct str text_url_split(struct str url, struct arena *a, struct str *user)
{
    size_t start = find_scheme_end(url);
    size_t end = find_user_end(url, start);
    *user = STR_NONE;
    if (end == url.len)
        return url;
    *user = str_sub(url, start, end - start);
    return arena_fmt(a, "%.*s%.*s", STR_ARGS(str_sub(url, 0, start)),
                     STR_ARGS(str_sub(url, end + 1, url.len)));
}

struct str text_url_join(struct str url, struct str user, struct arena *a)
{
    size_t start = find_scheme_end(url);
    return arena_fmt(a, "%.*s%.*s@%.*s", STR_ARGS(str_sub(url, 0, start)), STR_ARGS(user),
                     STR_ARGS(str_sub(url, start, url.len)));
}

enum rc text_hide_users(struct str text, struct buf *out)
{
    enum rc rc = RC_OK;
    while (rc == RC_OK && text.len > 0) {
        size_t start = find_scheme_end(text);
        size_t end = find_user_end(text, start);
        rc = buf_add_str(out, str_sub(text, 0, start));
        text = str_sub(text, end < text.len ? end + 1 : start, text.len);
    }
    return rc;
}
