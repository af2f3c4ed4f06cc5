/* SPDX-License-Identifier: Apache-2.0
 *
 * A JSON pointer reader. What it passes over is checked for its structure, no more: the application
 * behind parses the body anyway. Recursion is bounded by GRAPNEL_JSON_DEPTH_MAX.
 */
#include "read.h"

struct scan {
    const char *at;
    const char *end;
};

static bool skip_value(struct scan *s, unsigned depth);

static char read_json_peek(struct scan *s)
{
    while (s->at < s->end &&
           (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r')) {
        s->at++;
    }
    return s->at < s->end ? *s->at : '\0';
}

static bool read_json_take(struct scan *s, char c)
{
    if (read_json_peek(s) != c || c == '\0') {
        return false;
    }
    s->at++;
    return true;
}

static bool skip_string(struct scan *s)
{
    if (!read_json_take(s, '"')) {
        return false;
    }
    while (s->at < s->end && *s->at != '"') {
        bool escape = *s->at == '\\';
        if ((unsigned char)*s->at < 0x20 || (escape && s->end - s->at < 2)) {
            return false;
        }
        s->at += escape ? 2 : 1;
    }
    if (s->at >= s->end) {
        return false;
    }
    s->at++;
    return true;
}

static bool skip_members(struct scan *s, char close, unsigned depth)
{
    s->at++;
    if (read_json_take(s, close)) {
        return true;
    }
    do {
        if (close == '}' && !(skip_string(s) && read_json_take(s, ':'))) {
            return false;
        }
        if (!skip_value(s, depth + 1)) {
            return false;
        }
    } while (read_json_take(s, ','));
    return read_json_take(s, close);
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == 'E' || c == '+' || c == '-' ||
           c == '.';
}

/* A number or literal: anything made of their characters. */
static bool skip_word(struct scan *s)
{
    const char *from = s->at;
    while (s->at < s->end && is_word(*s->at)) {
        s->at++;
    }
    return s->at > from;
}

static bool skip_value(struct scan *s, unsigned depth)
{
    char c = read_json_peek(s);
    if (depth >= GRAPNEL_JSON_DEPTH_MAX) {
        return false;
    }
    if (c == '{' || c == '[') {
        return skip_members(s, c == '{' ? '}' : ']', depth);
    }
    return c == '"' ? skip_string(s) : skip_word(s);
}

static bool next_value(struct scan *s, struct grapnel_bytes *value)
{
    (void)read_json_peek(s);
    const char *from = s->at;
    if (!skip_value(s, 0)) {
        return false;
    }
    *value = gn_bytes(from, (size_t)(s->at - from));
    return true;
}

/* --- strings ---------------------------------------------------------------------------------------- */

static bool unicode_unit(const char *at, const char *end, unsigned *out)
{
    unsigned char bytes[2];
    size_t len;
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u' ||
        !gn_hex_decode(gn_bytes(at + 2, 4), bytes, sizeof(bytes), &len)) {
        return false;
    }
    *out = (unsigned)bytes[0] << 8 | bytes[1];
    return true;
}

static size_t put_utf8(unsigned code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (char)((0xF00 >> len & 0xFF) | code);
    return len;
}

/* "\uXXXX", or a pair of them; at the backslash. */
static bool take_unicode(struct scan *s, char *out, size_t *len)
{
    unsigned code;
    unsigned low;
    if (!unicode_unit(s->at, s->end, &code) || (code >= 0xDC00 && code < 0xE000)) {
        return false;
    }
    s->at += 6;
    if (code >= 0xD800 && code < 0xDC00) {
        if (!unicode_unit(s->at, s->end, &low) || low < 0xDC00 || low >= 0xE000) {
            return false;
        }
        s->at += 6;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    *len += put_utf8(code, out + *len);
    return true;
}

static bool take_escape(struct scan *s, char *out, size_t *len)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    if (s->end - s->at < 2 || s->at[1] == '\0') {
        return false;
    }
    const char *name = strchr(names, s->at[1]);
    if (name == NULL) {
        return take_unicode(s, out, len);
    }
    out[(*len)++] = values[name - names];
    s->at += 2;
    return true;
}

/* The characters of a string given with its quotes. */
static enum grapnel_status string_text(struct gn_arena *a, struct grapnel_bytes value,
                                       struct grapnel_bytes *out)
{
    struct grapnel_bytes inside = gn_bytes(value.ptr + 1, value.len - 2);
    if (gn_find(inside, '\\') == inside.len) {
        *out = inside;
        return GRAPNEL_VERIFIED;
    }
    char *text = gn_alloc(a, inside.len); /* an escape is never shorter than its character */
    size_t len = 0;
    struct scan s = { inside.ptr, inside.ptr + inside.len };
    if (text == NULL) {
        return GRAPNEL_TOO_LARGE;
    }
    while (s.at < s.end) {
        if (*s.at != '\\') {
            text[len++] = *s.at++;
        } else if (!take_escape(&s, text, &len)) {
            return GRAPNEL_MALFORMED_BODY;
        }
    }
    *out = gn_bytes(text, len);
    return GRAPNEL_VERIFIED;
}

enum grapnel_status gn_json_text(struct gn_arena *a, struct grapnel_bytes value,
                                 struct grapnel_bytes *out)
{
    if (value.len >= 2 && value.ptr[0] == '"') {
        return string_text(a, value, out);
    }
    if (value.len == 0 || value.ptr[0] == '{' || value.ptr[0] == '[') {
        return GRAPNEL_MALFORMED_BODY;
    }
    *out = value;
    return gn_eq(value, GN_TEXT("null")) ? GRAPNEL_MISSING_HEADER : GRAPNEL_VERIFIED;
}

/* --- pointers ------------------------------------------------------------------------------------------ */

/* One step of a pointer with ~0 and ~1 undone. */
static struct grapnel_bytes step_text(struct gn_arena *a, struct grapnel_bytes step)
{
    if (gn_find(step, '~') == step.len) {
        return step;
    }
    char *text = gn_alloc(a, step.len);
    size_t len = 0;
    if (text == NULL) {
        return GN_NONE;
    }
    for (size_t i = 0; i < step.len; i++) {
        char c = step.ptr[i];
        if (c == '~' && i + 1 < step.len) {
            i++;
            c = step.ptr[i] == '1' ? '/' : '~';
        }
        text[len++] = c;
    }
    return gn_bytes(text, len);
}

static enum grapnel_status find_member(struct gn_arena *a, struct grapnel_bytes object,
                                       struct grapnel_bytes name, struct grapnel_bytes *value)
{
    struct scan s = { object.ptr + 1, object.ptr + object.len };
    bool found = false;
    if (read_json_peek(&s) == '}') {
        return GRAPNEL_MISSING_HEADER;
    }
    do {
        struct grapnel_bytes quoted;
        struct grapnel_bytes key;
        struct grapnel_bytes member;
        if (read_json_peek(&s) != '"' || !next_value(&s, &quoted) || !read_json_take(&s, ':') ||
            !next_value(&s, &member)) {
            return GRAPNEL_MALFORMED_BODY;
        }
        enum grapnel_status status = string_text(a, quoted, &key);
        if (status != GRAPNEL_VERIFIED) {
            return status;
        }
        if (gn_eq(key, name)) {
            if (found) {
                return GRAPNEL_DUPLICATE_HEADER;
            }
            found = true;
            *value = member;
        }
    } while (read_json_take(&s, ','));
    return found ? GRAPNEL_VERIFIED : GRAPNEL_MISSING_HEADER;
}

static enum grapnel_status find_element(struct grapnel_bytes array, struct grapnel_bytes name,
                                        struct grapnel_bytes *value)
{
    struct scan s = { array.ptr + 1, array.ptr + array.len };
    int64_t index;
    if (!gn_decimal(name, 9, &index) || read_json_peek(&s) == ']') {
        return GRAPNEL_MISSING_HEADER;
    }
    do {
        if (!next_value(&s, value)) {
            return GRAPNEL_MALFORMED_BODY;
        }
        if (index-- == 0) {
            return GRAPNEL_VERIFIED;
        }
    } while (read_json_take(&s, ','));
    return GRAPNEL_MISSING_HEADER;
}

enum grapnel_status gn_json_find(struct gn_arena *a, struct grapnel_bytes text,
                                 struct grapnel_bytes pointer, struct grapnel_bytes *value)
{
    struct grapnel_bytes step;
    if (text.len == 0) {
        return GRAPNEL_MALFORMED_BODY;
    }
    struct scan s = { text.ptr, text.ptr + text.len };
    if (!next_value(&s, value)) {
        return GRAPNEL_MALFORMED_BODY;
    }
    if (pointer.len > 0) {
        pointer = gn_skip(pointer, 1);
    } else {
        pointer = GN_NONE;
    }
    while (gn_split(&pointer, '/', &step)) {
        enum grapnel_status status = GRAPNEL_MISSING_HEADER;
        if (value->ptr[0] == '{') {
            status = find_member(a, *value, step_text(a, step), value);
        } else if (value->ptr[0] == '[') {
            status = find_element(*value, step, value);
        }
        if (status != GRAPNEL_VERIFIED) {
            return status;
        }
    }
    return GRAPNEL_VERIFIED;
}

enum grapnel_status gn_json_elements(struct grapnel_bytes array, struct grapnel_bytes *out,
                                     size_t max, size_t *count)
{
    struct scan s = { array.ptr + 1, array.ptr + array.len };
    *count = 0;
    if (array.len == 0 || array.ptr[0] != '[') {
        return GRAPNEL_MALFORMED_BODY;
    }
    if (read_json_peek(&s) == ']') {
        return GRAPNEL_VERIFIED;
    }
    do {
        if (*count == max) {
            return GRAPNEL_TOO_LARGE;
        }
        if (!next_value(&s, &out[*count])) {
            return GRAPNEL_MALFORMED_BODY;
        }
        (*count)++;
    } while (read_json_take(&s, ','));
    return GRAPNEL_VERIFIED;
}
