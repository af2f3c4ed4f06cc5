/* SPDX-License-Identifier: Apache-2.0
 *
 * multipart/form-data (RFC 7578, RFC 2046). Bodies of parts stay where they are, but for quoted-printable ones.
 * A body whose first boundary ends with a bare line feed has bare ones throughout.
 */
#include "receive/payload_priv.h"

struct cursor {
    struct str rest;
    struct str dashes;  /* "--" and the boundary */
    struct str newline; /* empty: not known before the first boundary */
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
    if (c->newline.len == 0)
        c->newline = str_starts(rest, STR("\n")) ? STR("\n") : STR("\r\n");
    if (!str_skip_prefix(&rest, c->newline))
        return AFTER_OTHER;
    c->rest = rest;
    return AFTER_PART;
}

/* Up to the next line that is a boundary, which is passed. `is_first`: it may be the first line, and what is
 * before it is nothing. */
static enum after skip_part(struct cursor *c, bool is_first, struct str *body)
{
    const char *begin = c->rest.ptr;

    if (is_first && str_skip_prefix(&c->rest, c->dashes)) {
        enum after after = end_line(c);
        if (after != AFTER_OTHER)
            return after;
    }
    while (c->rest.len > 0) {
        const char *at = memmem(c->rest.ptr, c->rest.len, c->dashes.ptr, c->dashes.len);
        if (at == NULL)
            return AFTER_OTHER;
        size_t offset = (size_t)(at - c->rest.ptr);
        struct str before = str_of(begin, offset + (size_t)(c->rest.ptr - begin));
        bool is_line = str_ends(before, c->newline.len > 0 ? c->newline : STR("\n"));
        c->rest = str_sub(c->rest, offset + c->dashes.len, c->rest.len);
        enum after after = is_line ? end_line(c) : AFTER_OTHER;
        if (after != AFTER_OTHER) {
            *body = str_sub(before, 0, before.len - (is_first ? 0 : c->newline.len));
            return after;
        }
    }
    return AFTER_OTHER;
}

/* --- a part ------------------------------------------------------------------------------------------- */

static bool multipart_read_header(struct arena *a, struct str line, struct receive_part *out)
{
    struct str name, file;

    if (str_find(line, ':') == line.len || !str_split(&line, ':', &name))
        return false;
    line = str_trim(line);
    if (str_ieq(str_trim(name), STR("content-type")))
        out->type = line;
    if (str_ieq(str_trim(name), STR("content-transfer-encoding")))
        out->is_quoted = str_ieq(line, STR("quoted-printable"));
    if (str_ieq(str_trim(name), STR("content-disposition")) &&
        str_ieq(str_trim(str_sub(line, 0, str_find(line, ';'))), STR("form-data"))) {
        (void)find_parameter(a, line, STR("name"), &out->name);
        out->is_file = (find_parameter(a, line, STR("filename"), &file) ||
                        find_parameter(a, line, STR("filename*"), &file)) &&
                       file.len > 0;
    }
    return true;
}

/* Quoted-printable (RFC 2045, 6.7); what is not stays as it is. */
static struct str multipart_unquoted(struct arena *a, struct str text)
{
    char *out = arena_alloc(a, text.len + 1);
    size_t len = 0, one;

    for (size_t i = 0; i < text.len; i++) {
        struct str rest = str_sub(text, i, text.len);
        if (str_starts(rest, STR("=\r\n"))) {
            i += 2;
        } else if (str_starts(rest, STR("=\n"))) {
            i++;
        } else if (rest.ptr[0] == '=' && rest.len > 2 &&
                   hex_decode(str_sub(rest, 1, 2), out + len, 1, &one) == RC_OK) {
            len++;
            i += 2;
        } else {
            out[len++] = rest.ptr[0];
        }
    }
    return str_of(out, len);
}

/* Headers off the part's text; what is left is its body. */
static bool read_head(struct arena *a, struct str text, struct str newline,
                      struct receive_part *out)
{
    size_t used = 0;

    for (;;) {
        struct str line = str_sub(text, 0, str_find(text, '\n'));
        if (line.len == text.len || (newline.len == 2 && !str_ends(line, STR("\r"))))
            return false;
        used += line.len + 1;
        text = str_sub(text, line.len + 1, text.len);
        if (str_ends(line, STR("\r")))
            line.len--;
        if (line.len == 0)
            break;
        if (used > RECEIVE_PART_HEAD_MAX || !multipart_read_header(a, line, out))
            return false;
    }
    out->body = out->is_quoted ? multipart_unquoted(a, text) : text;
    return true;
}

static enum rc multipart_refuse(struct buf *why, const char *what)
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
        return multipart_refuse(why, "has no boundary, or one longer than 200 bytes");
    c.dashes = arena_fmt(a, "--%.*s", STR_ARGS(boundary));
    enum after after = skip_part(&c, true, &text);
    while (after == AFTER_PART) {
        struct receive_part part = { 0 };
        /* A part without headers begins with its empty line; one without a body ends at it. */
        after = skip_part(&c, false, &text);
        if (after == AFTER_OTHER)
            break;
        if (!read_head(a, text, c.newline, &part))
            return multipart_refuse(why, "has a part whose headers are malformed or too long");
        if (part.name.len == 0)
            continue;
        if (*count == RECEIVE_PARTS_MAX)
            return multipart_refuse(why, "has more than 1000 parts");
        (*out)[(*count)++] = part;
    }
    return after == AFTER_END ? RC_OK : multipart_refuse(why, "has no end");
}
