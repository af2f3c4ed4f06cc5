/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON as Go reads and writes it, since hooks were written for that: what is no text becomes U+FFFD, what
 * follows the first value is not looked at, and whole objects are written anew, compact and sorted.
 */
#include "receive/payload_priv.h"

#include <stdlib.h>

enum { ESCAPE_LEN = 6, PAIR_LEN = 12, SEQUENCE_MAX = 4, REPLACEMENT_LEN = 3 /* U+FFFD */ };

/* --- reading ---------------------------------------------------------------------------------------- */

static size_t sequence_len(struct str rest)
{
    for (size_t len = 1; len <= SEQUENCE_MAX && len <= rest.len; len++) {
        if (str_is_utf8(str_sub(rest, 0, len)))
            return len;
    }
    return 0;
}

static bool is_unicode_escape(struct str rest, unsigned *unit)
{
    uint8_t bytes[2];
    size_t len;

    if (rest.len < ESCAPE_LEN || rest.ptr[0] != '\\' || rest.ptr[1] != 'u' ||
        hex_decode(str_sub(rest, 2, 4), bytes, sizeof bytes, &len) != RC_OK)
        return false;
    *unit = (unsigned)bytes[0] << 8 | bytes[1];
    return true;
}

static bool is_between(unsigned unit, unsigned first, unsigned last)
{
    return unit >= first && unit <= last;
}

/* What stands at the start of `rest` for one character, and how long it is there. */
static struct str clean_one(struct str rest, size_t *used)
{
    unsigned unit, low;

    if (rest.ptr[0] != '\\') {
        *used = sequence_len(rest);
        if (*used > 0)
            return str_sub(rest, 0, *used);
        *used = 1;
        return STR("\xef\xbf\xbd");
    }
    if (!is_unicode_escape(rest, &unit) || !is_between(unit, 0xd800, 0xdfff)) {
        *used = rest.len > 1 && (unsigned char)rest.ptr[1] < 0x80 ? 2 : 1;
        return str_sub(rest, 0, *used);
    }
    *used = ESCAPE_LEN;
    if (unit < 0xdc00 && is_unicode_escape(str_sub(rest, ESCAPE_LEN, rest.len), &low) &&
        is_between(low, 0xdc00, 0xdfff)) {
        *used = PAIR_LEN;
        return str_sub(rest, 0, PAIR_LEN);
    }
    return STR("\\ufffd");
}

static void payload_json_add(struct buf *out, struct str text)
{
    MUST(buf_add_str(out, text) == RC_OK); /* it is sized for the most that can come */
}

/* Without bytes that are not UTF-8, and (`is_json`) half surrogate pairs. */
static struct str payload_json_clean(struct arena *a, struct str text, bool is_json)
{
    struct buf out;
    size_t kept = 0, used = 0;

    buf_init(&out, text.len * REPLACEMENT_LEN + 1);
    for (size_t i = 0; i < text.len; i += used) {
        struct str rest = str_of(text.ptr + i, text.len - i);
        used = 1;
        if ((unsigned char)rest.ptr[0] < 0x80 && (rest.ptr[0] != '\\' || !is_json))
            continue;
        struct str one = clean_one(rest, &used);
        if (one.ptr == rest.ptr)
            continue;
        payload_json_add(&out, str_sub(text, kept, i - kept));
        payload_json_add(&out, one);
        kept = i + used;
    }
    if (kept == 0) {
        buf_fini(&out);
        return text;
    }
    payload_json_add(&out, str_sub(text, kept, text.len));
    struct str copy = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return copy;
}

struct str receive_text_clean(struct arena *a, struct str text)
{
    return payload_json_clean(a, text, false);
}

static struct str without_space(struct str s)
{
    while (s.len > 0 && strchr(" \t\r\n", s.ptr[0]) != NULL)
        s = str_of(s.ptr + 1, s.len - 1);
    return s;
}

/* To the end of the string whose opening quote stands at `at`. */
static size_t string_end(struct str s, size_t at)
{
    for (at++; at < s.len && s.ptr[at] != '"'; at++)
        at += s.ptr[at] == '\\' ? 1 : 0;
    return at < s.len ? at + 1 : s.len;
}

/* The first object or list, up to the bracket that closes it; all of it when there is none. */
static struct str first_value(struct str s)
{
    size_t depth = 0;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '"')
            i = string_end(s, i) - 1;
        depth += c == '{' || c == '[' ? 1 : 0;
        if ((c == '}' || c == ']') && depth > 0 && --depth == 0)
            return str_sub(s, 0, i + 1);
        if (depth == 0)
            break;
    }
    return s;
}

enum rc receive_json_read(struct arena *a, struct str text, struct json_span *out,
                          struct json_error *error)
{
    return json_scan(first_value(without_space(payload_json_clean(a, text, true))), out, error);
}

/* --- writing ---------------------------------------------------------------------------------------- */

struct member {
    struct str name;
    size_t begin, end; /* `"name":value` in the output */
};

struct writing {
    struct arena *arena;
    struct buf *out;
    struct member *members; /* of all objects that are open */
    size_t count, cap;
    struct str rest; /* valid JSON */
    enum rc rc;
    const struct receive_overlay *overlays; /* of the outermost object */
    size_t overlay_count;
};

static void payload_json_put(struct writing *w, struct str text)
{
    if (w->rc == RC_OK)
        w->rc = buf_add_str(w->out, text);
}

static struct str escape_of(unsigned char c, char space[static ESCAPE_LEN + 1])
{
    static const char plain[] = "\"\\\b\f\n\r\t", words[] = "\"\\bfnrt";
    const char *at = c == '\0' ? NULL : strchr(plain, c);

    if (at != NULL)
        (void)snprintf(space, ESCAPE_LEN + 1, "\\%c", words[at - plain]);
    else if (c < ' ' || c == '<' || c == '>' || c == '&')
        (void)snprintf(space, ESCAPE_LEN + 1, "\\u%04x", c);
    else
        return STR_NONE;
    return str_from(space);
}

/* The line and paragraph separators, which JavaScript took for line ends. */
static struct str separator_of(struct str rest)
{
    if (str_starts(rest, STR("\xe2\x80\xa8")))
        return STR("\\u2028");
    return str_starts(rest, STR("\xe2\x80\xa9")) ? STR("\\u2029") : STR_NONE;
}

static void put_string(struct writing *w, struct str text)
{
    char space[ESCAPE_LEN + 1];
    size_t kept = 0, used = 1;

    payload_json_put(w, STR("\""));
    for (size_t i = 0; i < text.len && w->rc == RC_OK; i += used) {
        struct str rest = str_of(text.ptr + i, text.len - i);
        struct str instead = escape_of((unsigned char)rest.ptr[0], space);
        used = 1;
        if ((unsigned char)rest.ptr[0] >= 0x80) {
            used = sequence_len(rest);
            instead = used == 0 ? STR("\\ufffd") : separator_of(rest);
            used = used == 0 ? 1 : used;
        }
        if (instead.len == 0)
            continue;
        payload_json_put(w, str_sub(text, kept, i - kept));
        payload_json_put(w, instead);
        kept = i + used;
    }
    payload_json_put(w, str_sub(text, kept, text.len));
    payload_json_put(w, STR("\""));
}

static struct str take_string(struct writing *w)
{
    size_t end = string_end(w->rest, 0);
    const struct json_span span = { .type = JSON_SPAN_STRING,
                                    .text = str_sub(w->rest, 0, end),
                                    .escaped = memchr(w->rest.ptr, '\\', end) != NULL };

    w->rest = str_sub(w->rest, end, w->rest.len);
    return json_span_string(w->arena, span);
}

static char payload_json_next(struct writing *w)
{
    w->rest = without_space(w->rest);
    return w->rest.len > 0 ? w->rest.ptr[0] : '\0';
}

static bool payload_json_skip(struct writing *w, char c)
{
    if (payload_json_next(w) != c)
        return false;
    w->rest = str_sub(w->rest, 1, w->rest.len);
    return true;
}

/* --- objects ---------------------------------------------------------------------------------------- */

static int payload_json_compare(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    int order = str_cmp(x->name, y->name);

    return order != 0 ? order : (x->begin > y->begin) - (x->begin < y->begin);
}

static bool is_sorted(const struct member *m, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (str_cmp(m[i - 1].name, m[i].name) >= 0)
            return false;
    }
    return true;
}

/* Members that have been written, from `base` on: sorted by name, the last of a name kept. */
static void sort_members(struct writing *w, struct member *m, size_t count)
{
    if (w->rc != RC_OK || is_sorted(m, count))
        return;
    size_t base = m[0].begin, len = w->out->len - base;
    char *copy = xmemdup(w->out->ptr + base, len);
    buf_cut(w->out, base);
    qsort(m, count, sizeof *m, payload_json_compare);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && str_eq(m[i].name, m[i + 1].name))
            continue;
        payload_json_put(w, w->out->len > base ? STR(",") : STR_NONE);
        payload_json_put(w, str_of(copy + (m[i].begin - base), m[i].end - m[i].begin));
    }
    xfree(copy);
}

static struct member *add_member(struct writing *w)
{
    if (w->count == w->cap) {
        w->cap = w->cap == 0 ? 64 : w->cap * 2;
        w->members = xrealloc(w->members, w->cap * sizeof *w->members);
    }
    return &w->members[w->count++];
}

static void put_value(struct writing *w);

static const struct receive_overlay *overlay_of(const struct writing *w, struct str name)
{
    for (size_t i = 0; i < w->overlay_count; i++) {
        if (str_eq(w->overlays[i].name, name))
            return &w->overlays[i];
    }
    return NULL;
}

static void put_member(struct writing *w, struct str name)
{
    const struct receive_overlay *overlay = overlay_of(w, name);
    size_t begin = w->out->len;

    put_string(w, name);
    payload_json_put(w, STR(":"));
    size_t mark = w->out->len;
    const struct receive_overlay *list = w->overlays;
    size_t count = w->overlay_count;
    w->overlay_count = 0;
    put_value(w);
    if (overlay != NULL && w->rc == RC_OK) {
        struct str rest = w->rest;
        buf_cut(w->out, mark);
        w->rest = overlay->text;
        put_value(w);
        w->rest = rest;
    }
    w->overlays = list;
    w->overlay_count = count;
    if (w->count == RECEIVE_MEMBERS_MAX)
        w->rc = w->rc == RC_OK ? RC_LIMIT : w->rc;
    else
        *add_member(w) = (struct member){ name, begin, w->out->len };
}

static void put_object(struct writing *w)
{
    size_t base = w->count;

    payload_json_put(w, STR("{"));
    while (w->rc == RC_OK && !payload_json_skip(w, '}')) {
        (void)payload_json_skip(w, ',');
        (void)payload_json_next(w);
        struct str name = take_string(w);
        (void)payload_json_skip(w, ':');
        payload_json_put(w, w->count > base ? STR(",") : STR_NONE);
        put_member(w, name);
    }
    if (w->count > base)
        sort_members(w, w->members + base, w->count - base);
    w->count = base;
    payload_json_put(w, STR("}"));
}

static void put_list(struct writing *w)
{
    payload_json_put(w, STR("["));
    for (bool is_first = true; w->rc == RC_OK && !payload_json_skip(w, ']'); is_first = false) {
        (void)payload_json_skip(w, ',');
        payload_json_put(w, is_first ? STR_NONE : STR(","));
        put_value(w);
    }
    payload_json_put(w, STR("]"));
}

/* As deep as the reader lets values be: JSON_DEPTH_MAX. */
static void put_value(struct writing *w)
{
    char c = payload_json_next(w);

    if (c == '"') {
        put_string(w, take_string(w));
    } else if (payload_json_skip(w, '{')) {
        put_object(w);
    } else if (payload_json_skip(w, '[')) {
        put_list(w);
    } else { /* a number keeps its digits */
        size_t len = 0;
        while (len < w->rest.len && strchr(" \t\r\n,]}", w->rest.ptr[len]) == NULL)
            len++;
        payload_json_put(w, str_sub(w->rest, 0, len));
        w->rest = str_sub(w->rest, len, w->rest.len);
    }
}

enum rc receive_json_write(struct arena *a, struct str valid,
                           const struct receive_overlay *overlays, size_t count, struct buf *out)
{
    struct writing w = {
        .arena = a, .out = out, .rest = valid, .overlays = overlays, .overlay_count = count
    };

    put_value(&w);
    xfree(w.members);
    return w.rc;
}

enum rc receive_json_write_text(struct str text, struct buf *out)
{
    struct writing w = { .out = out };

    put_string(&w, text);
    return w.rc;
}
