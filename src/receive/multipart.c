/* SPDX-License-Identifier: Apache-2.0
 *
 * multipart/form-data (RFC 7578, RFC 2046). Bodies of parts stay where they are: nothing is decoded.
 */
#include "receive/payload_priv.h"

struct cursor {
    struct str rest;
    struct str dashes; /* "--" and the boundary */
};

/* --- a header's parameters -------------------------------------------------------------------------- */

/* To the quote that ends the text whose opening one `s` begins with, or to the end. */
static size_t quoted_span(struct str s)
{
    size_t at = 1;

    while (at < s.len && s.ptr[at] != '"')
        at += s.ptr[at] == '\\' && at + 1 < s.len ? 2 : 1;
    return at;
}

/* Takes `"text"` or a token off `rest`, which begins after a '='. */
static struct str take_value(struct arena *a, struct str *rest)
{
    size_t len = 0;

    if (rest->len == 0 || rest->ptr[0] != '"') {
        struct str token = *rest;
        (void)str_split(rest, ';', &token);
        return str_trim(token);
    }
    size_t end = quoted_span(*rest);
    char *text = arena_alloc(a, end); /* no more than it has: there may be thousands in a header */
    for (size_t at = 1; at < end; at++) {
        if (rest->ptr[at] == '\\' && at + 1 < end)
            at++;
        text[len++] = rest->ptr[at];
    }
    *rest = str_sub(*rest, end + 1, rest->len);
    return str_of(text, len);
}

/* `form-data; name="x"; filename="y"`: is the parameter there, and what? */
static bool find_parameter(struct arena *a, struct str header, struct str wanted, struct str *out)
{
    struct str first;

    if (!str_split(&header, ';', &first))
        return false;
    while (header.len > 0) {
        struct str name = str_trim(str_sub(header, 0, str_find(header, '=')));
        size_t end = str_find(header, ';');
        if (str_find(header, '=') > end) { /* a word without a value */
            header = str_sub(header, end + 1, header.len);
            continue;
        }
        if (str_find(header, '=') == header.len)
            return false;
        header = str_trim(str_sub(header, str_find(header, '=') + 1, header.len));
        struct str value = take_value(a, &header);
        if (str_ieq(name, wanted)) {
            *out = value;
            return true;
        }
        header = str_trim(header);
        (void)str_skip_prefix(&header, STR(";"));
    }
    return false;
}

/* --- lines between parts ------------------------------------------------------------------------------ */

/* What follows the boundary on its line; the cursor stands after the line then. */
enum after { AFTER_OTHER, AFTER_PART, AFTER_END };

static enum after end_line(struct cursor *c)
{
    struct str rest = c->rest;

    if (str_skip_prefix(&rest, STR("--")))
        return AFTER_END;
    while (rest.len > 0 && (rest.ptr[0] == ' ' || rest.ptr[0] == '\t'))
        rest = str_sub(rest, 1, rest.len);
    if (!str_skip_prefix(&rest, STR("\r\n")))
        return AFTER_OTHER;
    c->rest = rest;
    return AFTER_PART;
}

/* Up to the next line that is a boundary, which is passed. `at_start`: it may be the first line. */
static enum after skip_part(struct cursor *c, bool at_start, struct str *body)
{
    const char *begin = c->rest.ptr;

    if (at_start && str_skip_prefix(&c->rest, c->dashes)) {
        enum after after = end_line(c);
        if (after != AFTER_OTHER)
            return after;
    }
    while (c->rest.len > 0) {
        const char *at = memmem(c->rest.ptr, c->rest.len, c->dashes.ptr, c->dashes.len);
        if (at == NULL)
            return AFTER_OTHER;
        size_t offset = (size_t)(at - c->rest.ptr);
        bool is_line = at - begin >= 2 && at[-1] == '\n' && at[-2] == '\r';
        c->rest = str_sub(c->rest, offset + c->dashes.len, c->rest.len);
        enum after after = is_line ? end_line(c) : AFTER_OTHER;
        if (after != AFTER_OTHER) {
            *body = str_of(begin, (size_t)(at - begin) - 2);
            return after;
        }
    }
    return AFTER_OTHER;
}

/* --- a part ------------------------------------------------------------------------------------------- */

static bool read_header(struct arena *a, struct str line, struct receive_part *out)
{
    struct str name, file;

    if (str_find(line, ':') == line.len || !str_split(&line, ':', &name))
        return false;
    line = str_trim(line);
    if (str_ieq(str_trim(name), STR("content-type")))
        out->type = line;
    if (str_ieq(str_trim(name), STR("content-disposition"))) {
        (void)find_parameter(a, line, STR("name"), &out->name);
        out->is_file = find_parameter(a, line, STR("filename"), &file);
    }
    return true;
}

/* Headers off the part's text; what is left is its body. */
static bool read_head(struct arena *a, struct str text, struct receive_part *out)
{
    size_t used = 0;

    for (;;) {
        struct str line = str_sub(text, 0, str_find(text, '\n'));
        if (line.len == text.len || !str_ends(line, STR("\r")))
            return false;
        used += line.len + 1;
        text = str_sub(text, line.len + 1, text.len);
        if (line.len == 1)
            break;
        if (used > RECEIVE_PART_HEAD_MAX || !read_header(a, str_sub(line, 0, line.len - 1), out))
            return false;
    }
    out->body = text;
    return true;
}

static enum rc refuse(struct buf *why, const char *what)
{
    buf_say(why, "the multipart payload %s", what);
    return RC_INVALID;
}

enum rc receive_multipart_read(struct arena *a, struct str content_type, struct str body,
                               struct receive_part **out, size_t *count, struct buf *why)
{
    struct str boundary = STR_NONE, text;
    struct cursor c = { .rest = body };

    *count = 0;
    *out = arena_array(a, RECEIVE_PARTS_MAX, sizeof **out);
    if (!find_parameter(a, content_type, STR("boundary"), &boundary) || boundary.len == 0 ||
        boundary.len > RECEIVE_BOUNDARY_MAX)
        return refuse(why, "has no boundary, or one longer than 200 bytes");
    c.dashes = arena_fmt(a, "--%.*s", STR_ARGS(boundary));
    enum after after = skip_part(&c, true, &text);
    while (after == AFTER_PART) {
        struct receive_part part = { 0 };
        /* A part without headers begins with its empty line; one without a body ends at it. */
        after = skip_part(&c, false, &text);
        if (after == AFTER_OTHER)
            break;
        if (!read_head(a, text, &part))
            return refuse(why, "has a part whose headers are malformed or too long");
        if (part.name.len == 0)
            continue;
        if (*count == RECEIVE_PARTS_MAX)
            return refuse(why, "has more than 1000 parts");
        (*out)[(*count)++] = part;
    }
    return after == AFTER_END ? RC_OK : refuse(why, "has no end");
}
