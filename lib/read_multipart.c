/* SPDX-License-Identifier: Apache-2.0
 *
 * multipart/form-data (RFC 7578, RFC 2046), as far as finding one field takes. Strict where readers differ: lines end in
 * CR LF, a part has one Content-Disposition with one name, and a field that counts is neither a file nor encoded.
 */
#include "read.h"

enum { BOUNDARY_MAX = 70 }; /* RFC 2046, 5.1.1 */

/* --- headers and their parameters ----------------------------------------------------------------------- */

/* Takes `key=value` or `key="value"` off *rest, which follows a ';'. False: it is none. */
static bool next_parameter(struct grapnel_bytes *rest, struct grapnel_bytes *key,
                           struct grapnel_bytes *value)
{
    size_t equals = gn_find(*rest, '=');
    if (equals == rest->len) {
        return false;
    }
    *key = gn_trim(gn_bytes(rest->ptr, equals));
    *rest = gn_skip(*rest, equals + 1);
    if (rest->len > 0 && rest->ptr[0] == '"') {
        *rest = gn_skip(*rest, 1);
        size_t end = gn_find(*rest, '"');
        if (end == rest->len) {
            return false;
        }
        *value = gn_bytes(rest->ptr, end);
        *rest = gn_trim(gn_skip(*rest, end + 1));
        bool ends = rest->len == 0 || rest->ptr[0] == ';';
        *rest = gn_skip(*rest, rest->len == 0 ? 0 : 1);
        return ends && gn_find(*value, '\\') == value->len; /* readers differ on what it means */
    }
    size_t end = gn_find(*rest, ';');
    *value = gn_trim(gn_bytes(rest->ptr, end));
    *rest = gn_skip(*rest, end < rest->len ? end + 1 : end);
    return value->len > 0;
}

struct grapnel_bytes gn_multipart_boundary(struct grapnel_bytes content_type)
{
    struct grapnel_bytes kind;
    struct grapnel_bytes key;
    struct grapnel_bytes value;
    struct grapnel_bytes found = GN_NONE;
    if (!gn_split(&content_type, ';', &kind) ||
        !gn_ieq(gn_trim(kind), GN_TEXT("multipart/form-data"))) {
        return GN_NONE;
    }
    while (content_type.len > 0 && next_parameter(&content_type, &key, &value)) {
        if (!gn_ieq(key, GN_TEXT("boundary"))) {
            continue;
        }
        if (found.len > 0 || value.len > BOUNDARY_MAX) {
            return GN_NONE;
        }
        found = value;
    }
    return found;
}

struct part {
    struct grapnel_bytes name; /* ptr NULL: none yet */
    struct grapnel_bytes content;
    bool is_file;
    bool is_encoded;
};

static bool read_disposition(struct grapnel_bytes value, struct part *part)
{
    struct grapnel_bytes kind;
    struct grapnel_bytes key;
    struct grapnel_bytes text;
    if (part->name.ptr != NULL || !gn_split(&value, ';', &kind) ||
        !gn_ieq(gn_trim(kind), GN_TEXT("form-data"))) {
        return false;
    }
    while (value.len > 0) {
        if (!next_parameter(&value, &key, &text)) {
            return false;
        }
        if (gn_ieq(key, GN_TEXT("name"))) {
            if (part->name.ptr != NULL) {
                return false;
            }
            part->name = text;
        }
        part->is_file |= gn_ieq(key, GN_TEXT("filename")) || gn_ieq(key, GN_TEXT("filename*"));
    }
    return part->name.ptr != NULL;
}

static bool is_plain(struct grapnel_bytes encoding)
{
    return gn_ieq(encoding, GN_TEXT("7bit")) || gn_ieq(encoding, GN_TEXT("8bit")) ||
           gn_ieq(encoding, GN_TEXT("binary"));
}

static bool multipart_read_header(struct grapnel_bytes line, struct part *part)
{
    size_t colon = gn_find(line, ':');
    if (colon == line.len || line.ptr[0] == ' ' || line.ptr[0] == '\t') {
        return false; /* continued lines are obsolete */
    }
    struct grapnel_bytes name = gn_bytes(line.ptr, colon);
    struct grapnel_bytes value = gn_trim(gn_skip(line, colon + 1));
    if (gn_ieq(name, GN_TEXT("content-disposition"))) {
        return read_disposition(value, part);
    }
    part->is_encoded |= gn_ieq(name, GN_TEXT("content-transfer-encoding")) && !is_plain(value);
    return true;
}

/* --- parts ------------------------------------------------------------------------------------------------- */

/* The end of the line that `text` begins with, or text.len. */
static size_t find_line_end(struct grapnel_bytes text)
{
    size_t at = 0;
    while (at < text.len) {
        at += gn_find(gn_skip(text, at), '\r');
        if (gn_starts(gn_skip(text, at), GN_TEXT("\r\n"))) {
            return at;
        }
        at += at < text.len ? 1 : 0;
    }
    return text.len;
}

static bool read_part(struct grapnel_bytes text, struct part *part)
{
    *part = (struct part){ .name = GN_NONE };
    for (;;) {
        size_t end = find_line_end(text);
        if (text.len == 0) {
            part->content = text; /* an empty field, whose empty line is the delimiter's */
            return part->name.ptr != NULL;
        }
        if (end == text.len) {
            return false; /* no empty line */
        }
        struct grapnel_bytes line = gn_bytes(text.ptr, end);
        text = gn_skip(text, end + 2);
        if (line.len == 0) {
            part->content = text;
            return part->name.ptr != NULL;
        }
        if (!multipart_read_header(line, part)) {
            return false;
        }
    }
}

/* Takes what stands before the next delimiter, and its line, off *rest. False: there is none. */
static bool take_to_delimiter(struct grapnel_bytes *rest, struct grapnel_bytes boundary,
                              bool is_first, struct grapnel_bytes *before, bool *is_last)
{
    for (size_t at = 0; at < rest->len;) {
        struct grapnel_bytes line = gn_skip(*rest, at);
        bool begins = (is_first && at == 0) || gn_starts(line, GN_TEXT("\r\n"));
        if (gn_starts(line, GN_TEXT("\r\n"))) {
            line = gn_skip(line, 2);
        }
        if (begins && gn_starts(line, GN_TEXT("--")) && gn_starts(gn_skip(line, 2), boundary)) {
            struct grapnel_bytes after = gn_skip(line, 2 + boundary.len);
            size_t end = find_line_end(after);
            *is_last = gn_starts(after, GN_TEXT("--"));
            if (*is_last || (end < after.len && gn_trim(gn_bytes(after.ptr, end)).len == 0)) {
                *before = gn_bytes(rest->ptr, at);
                *rest = *is_last ? GN_NONE : gn_skip(after, end + 2);
                return true;
            }
        }
        at += 1 + gn_find(gn_skip(*rest, at + 1), '\r');
    }
    return false;
}

enum grapnel_status gn_multipart_find(struct grapnel_bytes body, struct grapnel_bytes boundary,
                                      struct grapnel_bytes name, struct grapnel_bytes *value)
{
    struct grapnel_bytes text;
    struct part part;
    bool is_last = false;
    bool found = false;
    bool good = take_to_delimiter(&body, boundary, true, &text, &is_last);
    for (size_t count = 0; good && !is_last; count++) {
        if (count == GRAPNEL_FORM_MAX) {
            return GRAPNEL_TOO_LARGE;
        }
        good = take_to_delimiter(&body, boundary, false, &text, &is_last) && read_part(text, &part);
        if (!good || !gn_eq(part.name, name)) {
            continue;
        }
        if (found) {
            return GRAPNEL_DUPLICATE_HEADER;
        }
        found = true;
        *value = part.content;
        good = !part.is_file && !part.is_encoded;
    }
    if (!good) {
        return GRAPNEL_MALFORMED_BODY;
    }
    return found ? GRAPNEL_VERIFIED : GRAPNEL_MISSING_HEADER;
}
