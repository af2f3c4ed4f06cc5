/* SPDX-License-Identifier: Apache-2.0
 *
 * What tells an event from all others, by the provider's own rules: the fields of a "dedupe" line, or else its id.
 * Where none of them is in the request, nothing does: two events that merely look alike are two events.
 */
#include "engine.h"

#include <stdlib.h>

enum { WHOLE_MAX = 256 }; /* bytes; a longer identity is known by its hash */

/* One field stands for itself. Of several, blanks and backslashes are escaped, so that no two lists read the same. */
static size_t add_escaped(struct grapnel_bytes s, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == ' ' || s.ptr[i] == '\\') {
            out[len++] = '\\';
        }
        out[len++] = s.ptr[i];
    }
    return len;
}

static enum grapnel_status identity_join(struct gn_run *run, const struct grapnel_bytes *parts,
                                         size_t count, struct grapnel_bytes *out)
{
    size_t room = count;
    for (size_t i = 0; i < count; i++) {
        room += 2 * parts[i].len;
    }
    char *text = gn_alloc(&run->arena, room);
    size_t len = 0;
    if (text == NULL) {
        return GRAPNEL_TOO_LARGE;
    }
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            text[len++] = ' ';
        }
        len += add_escaped(parts[i], text + len);
    }
    *out = gn_bytes(text, len);
    return GRAPNEL_VERIFIED;
}

static enum grapnel_status identity_shorten(struct gn_run *run, struct grapnel_bytes *identity)
{
    unsigned char digest[GN_DIGEST_MAX];
    char hex[2 * GN_DIGEST_MAX];
    size_t len = gn_digest_len(GN_SHA256);
    if (identity->len <= WHOLE_MAX) {
        return GRAPNEL_VERIFIED;
    }
    if (!gn_digest(GN_SHA256, identity, 1, digest)) {
        return GRAPNEL_INTERNAL;
    }
    gn_hex_encode(digest, len, hex);
    struct grapnel_bytes pieces[] = { GN_TEXT("sha256-"), gn_bytes(hex, 2 * len) };
    *identity = gn_join(&run->arena, pieces, GN_COUNT(pieces));
    return identity->ptr == NULL ? GRAPNEL_TOO_LARGE : GRAPNEL_VERIFIED;
}

/* MISSING_HEADER: a field is absent, empty or cannot be read. */
static enum grapnel_status read_fields(struct gn_run *run, const struct gn_locations *fields,
                                       struct grapnel_bytes *out)
{
    struct grapnel_bytes parts[GN_LOCATIONS_MAX] = { { NULL, 0 } };
    for (size_t i = 0; i < fields->count; i++) {
        enum grapnel_status status = gn_locate(run, &fields->list[i], &parts[i]);
        if (status == GRAPNEL_DUPLICATE_HEADER || status == GRAPNEL_TOO_LARGE) {
            return status;
        }
        if (status != GRAPNEL_VERIFIED || parts[i].len == 0) {
            return GRAPNEL_MISSING_HEADER;
        }
    }
    *out = parts[0];
    enum grapnel_status status =
        fields->count > 1 ? identity_join(run, parts, fields->count, out) : GRAPNEL_VERIFIED;
    return status == GRAPNEL_VERIFIED ? identity_shorten(run, out) : status;
}

static bool is_of_item(const struct gn_locations *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->list[i].place == GN_ITEM) {
            return true;
        }
    }
    return false;
}

static bool are_signed(const struct grapnel_scheme *s, const struct gn_locations *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (!gn_is_signed(s, &fields->list[i])) {
            return false;
        }
    }
    return true;
}

static struct gn_locations identity_at(const struct grapnel_scheme *s, size_t i)
{
    if (s->identity_count > 0) {
        return s->identities[i];
    }
    return (struct gn_locations){ .list = { s->id.list[i] }, .count = 1 };
}

enum grapnel_status gn_identity(struct gn_run *run, bool items_only, struct grapnel_bytes *out,
                                bool *is_signed)
{
    const struct grapnel_scheme *s = run->scheme;
    size_t count = s->identity_count > 0 ? s->identity_count : s->id.count;
    *out = GN_NONE;
    *is_signed = false;
    for (size_t i = 0; i < count && !s->has_no_identity; i++) {
        struct gn_locations fields = identity_at(s, i);
        if (items_only && !is_of_item(&fields)) {
            continue;
        }
        enum grapnel_status status = read_fields(run, &fields, out);
        if (status == GRAPNEL_VERIFIED) {
            *is_signed = are_signed(s, &fields);
            return status;
        }
        *out = GN_NONE;
        if (status != GRAPNEL_MISSING_HEADER) {
            return status; /* an ambiguous one is an error */
        }
    }
    return GRAPNEL_VERIFIED;
}

/* --- reading it ---------------------------------------------------------------------------------------- */

static bool may_identify(enum gn_place place)
{
    return place == GN_HEADER || place == GN_QUERY || place == GN_FORM || place == GN_JSON ||
           place == GN_ITEM;
}

/* "header X + json /y": all fields of one identity. */
const char *gn_identity_parse(struct grapnel_bytes text, struct gn_locations *out)
{
    static const struct grapnel_bytes plus = GRAPNEL_TEXT(" + ");
    const char *reason = NULL;
    out->count = 0;
    while (reason == NULL && text.len > 0) {
        size_t end = 0;
        while (end < text.len && !gn_starts(gn_skip(text, end), plus)) {
            end++;
        }
        if (out->count == GN_LOCATIONS_MAX) {
            return "at most 8 fields identify an event";
        }
        struct gn_location *field = &out->list[out->count++];
        reason = gn_location_parse(gn_trim(gn_bytes(text.ptr, end)), field);
        if (reason == NULL && !may_identify(field->place)) {
            reason = "a header, a query, form or json field, or one of an item identifies an event";
        }
        text = end < text.len ? gn_skip(text, end + plus.len) : GN_NONE;
    }
    return reason == NULL && out->count == 0 ? "no field that identifies an event" : reason;
}

enum grapnel_status grapnel_scheme_dedupe(struct grapnel_scheme *scheme,
                                          struct grapnel_bytes fields, const char **reason)
{
    struct gn_locations locations;
    char *copy = malloc(fields.len + 1);
    if (copy == NULL) {
        return GRAPNEL_INTERNAL;
    }
    if (fields.len > 0) {
        memcpy(copy, fields.ptr, fields.len);
    }
    const char *why = gn_identity_parse(gn_bytes(copy, fields.len), &locations);
    if (why != NULL) {
        free(copy);
        if (reason != NULL) {
            *reason = why;
        }
        return GRAPNEL_MALFORMED_SCHEME;
    }
    free(scheme->identity_text);
    scheme->identity_text = copy;
    scheme->identities[0] = locations;
    scheme->identity_count = 1;
    scheme->has_no_identity = false;
    return GRAPNEL_VERIFIED;
}
