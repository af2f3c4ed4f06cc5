/* SPDX-License-Identifier: Apache-2.0
 *
 * From a template to the bytes that were signed, or that are answered.
 */
#include "engine.h"

#include <stdio.h>

enum { PIECES_FIRST = 32, CRC32_TEXT_MAX = 10 };

static enum grapnel_status add_piece(struct gn_run *run, struct gn_pieces *out,
                                     struct grapnel_bytes s)
{
    if (out->count == out->cap) {
        size_t cap = out->cap == 0 ? PIECES_FIRST : 2 * out->cap;
        struct grapnel_bytes *list = gn_alloc(&run->arena, cap * sizeof(*list));
        if (list == NULL) {
            return GRAPNEL_TOO_LARGE;
        }
        if (out->count > 0) {
            memcpy(list, out->list, out->count * sizeof(*list));
        }
        out->list = list;
        out->cap = cap;
    }
    out->list[out->count++] = s;
    return GRAPNEL_VERIFIED;
}

/* --- values of tokens --------------------------------------------------------------------------------- */

static enum grapnel_status keep_text(struct gn_run *run, const char *text, size_t len,
                                     struct grapnel_bytes *out)
{
    struct grapnel_bytes piece = gn_bytes(text, len);
    *out = gn_join(&run->arena, &piece, 1);
    return out->ptr == NULL ? GRAPNEL_TOO_LARGE : GRAPNEL_VERIFIED;
}

static enum grapnel_status hex_text(struct gn_run *run, const unsigned char *bytes, size_t len,
                                    struct grapnel_bytes *out)
{
    char text[2 * GN_DIGEST_MAX];
    gn_hex_encode(bytes, len, text);
    return keep_text(run, text, 2 * len, out);
}

static enum grapnel_status sha256_text(struct gn_run *run, struct grapnel_bytes s,
                                       struct grapnel_bytes *out)
{
    unsigned char digest[GN_DIGEST_MAX];
    if (!gn_digest(GN_SHA256, &s, 1, digest)) {
        return GRAPNEL_INTERNAL;
    }
    return hex_text(run, digest, gn_digest_len(GN_SHA256), out);
}

/* CRC-32 as in gzip; PayPal's messages hold it. */
static enum grapnel_status crc32_text(struct gn_run *run, struct grapnel_bytes s,
                                      struct grapnel_bytes *out)
{
    uint32_t crc = 0xFFFFFFFF;
    char text[CRC32_TEXT_MAX + 1];
    for (size_t i = 0; i < s.len; i++) {
        crc ^= (unsigned char)s.ptr[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xEDB88320 & (0 - (crc & 1)));
        }
    }
    int len = snprintf(text, sizeof(text), "%u", (unsigned)~crc);
    return keep_text(run, text, (size_t)len, out);
}

static struct grapnel_bytes message_path_of(struct grapnel_bytes url)
{
    size_t host = gn_find(url, ':') + 3;
    if (host >= url.len) {
        return GN_TEXT("/");
    }
    struct grapnel_bytes rest = gn_skip(url, host);
    size_t slash = gn_find(rest, '/');
    return slash == rest.len ? GN_TEXT("/") : gn_skip(rest, slash);
}

static enum grapnel_status message_present(struct grapnel_bytes s, struct grapnel_bytes *out)
{
    *out = s;
    return s.len == 0 ? GRAPNEL_MISSING_HEADER : GRAPNEL_VERIFIED;
}

/* The first value of a handshake, the companion value and the address without its query. Never a key. */
static enum grapnel_status challenge_text(struct gn_run *run, struct grapnel_bytes *out)
{
    struct grapnel_bytes pieces[] = { run->values[0], run->config->companion, run->request->url };
    if (pieces[1].len == 0) {
        return GRAPNEL_UNCONFIGURED;
    }
    *out = gn_join(&run->arena, pieces, GN_COUNT(pieces));
    return out->ptr == NULL ? GRAPNEL_TOO_LARGE : GRAPNEL_VERIFIED;
}

static enum grapnel_status digest_value(struct gn_run *run, const struct gn_part *part,
                                        struct grapnel_bytes *out)
{
    struct grapnel_bytes over = run->request->body;
    enum grapnel_status status = GRAPNEL_VERIFIED;
    if (part->over == GN_TOKEN_URL) {
        status = gn_url(run, &over);
    } else if (part->over == GN_TOKEN_VALUE) {
        status = challenge_text(run, &over);
    }
    return status == GRAPNEL_VERIFIED ? sha256_text(run, over, out) : status;
}

static enum grapnel_status token_value(struct gn_run *run, const struct gn_part *part,
                                       struct grapnel_bytes *out)
{
    switch (part->token) {
    case GN_LITERAL: *out = part->literal; return GRAPNEL_VERIFIED;
    case GN_TOKEN_LOCATION: return gn_locate(run, &part->location, out);
    case GN_TOKEN_TS: return message_present(run->ts, out);
    case GN_TOKEN_ID: return gn_locate_first(run, &run->scheme->id, out);
    case GN_TOKEN_METHOD: return message_present(run->request->method, out);
    case GN_TOKEN_URL: return gn_url(run, out);
    case GN_TOKEN_PATH: *out = message_path_of(run->request->url); return GRAPNEL_VERIFIED;
    case GN_TOKEN_SHA256: return digest_value(run, part, out);
    case GN_TOKEN_CRC32: return crc32_text(run, run->request->body, out);
    case GN_TOKEN_SECRET: return message_present(run->secret, out);
    case GN_TOKEN_COMPANION:
        return run->config->companion.len == 0 ? GRAPNEL_UNCONFIGURED
                                               : message_present(run->config->companion, out);
    case GN_TOKEN_VALUE: return message_present(run->values[part->number], out);
    case GN_TOKEN_FORM_SORTED: break; /* many pieces: see add_part() */
    }
    return GRAPNEL_INTERNAL;
}

/* --- filters ---------------------------------------------------------------------------------------------- */

static enum grapnel_status lower_text(struct gn_run *run, struct grapnel_bytes *s)
{
    char *text = gn_alloc(&run->arena, s->len + 1);
    if (text == NULL) {
        return GRAPNEL_TOO_LARGE;
    }
    for (size_t i = 0; i < s->len; i++) {
        char c = s->ptr[i];
        text[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    *s = gn_bytes(text, s->len);
    return GRAPNEL_VERIFIED;
}

/* Guarded values are printable ASCII. */
static enum grapnel_status json_text(struct gn_run *run, struct grapnel_bytes *s)
{
    char *text = gn_alloc(&run->arena, 2 * s->len + 1);
    size_t len = 0;
    if (text == NULL) {
        return GRAPNEL_TOO_LARGE;
    }
    for (size_t i = 0; i < s->len; i++) {
        if (s->ptr[i] == '"' || s->ptr[i] == '\\') {
            text[len++] = '\\';
        }
        text[len++] = s->ptr[i];
    }
    *s = gn_bytes(text, len);
    return GRAPNEL_VERIFIED;
}

/* With the first key: what a provider asks for at set-up, when there is one. */
static enum grapnel_status hmac_text(struct gn_run *run, bool hex, struct grapnel_bytes *s)
{
    unsigned char mac[GN_DIGEST_MAX];
    char text[GN_DIGEST_MAX * 2];
    size_t len = gn_digest_len(run->scheme->hash);
    if (run->key_count == 0 || run->keys[0].pkey != NULL) {
        return GRAPNEL_UNCONFIGURED;
    }
    if (!gn_hmac(run->scheme->hash, run->keys[0].bytes, s, 1, mac)) {
        return GRAPNEL_INTERNAL;
    }
    if (hex) {
        return hex_text(run, mac, len, s);
    }
    return keep_text(run, text, gn_base64_encode(mac, len, GN_BASE64, text), s);
}

static enum grapnel_status apply_filter(struct gn_run *run, enum gn_filter filter,
                                        struct grapnel_bytes *s)
{
    switch (filter) {
    case GN_FILTER_LOWER: return lower_text(run, s);
    case GN_FILTER_HMAC_HEX:
    case GN_FILTER_HMAC_B64: return hmac_text(run, filter == GN_FILTER_HMAC_HEX, s);
    case GN_FILTER_SHA256_HEX: return sha256_text(run, *s, s);
    case GN_FILTER_JSON: return json_text(run, s);
    case GN_FILTER_NONE: break;
    }
    return GRAPNEL_VERIFIED;
}

/* --- templates --------------------------------------------------------------------------------------------- */

static enum grapnel_status add_form(struct gn_run *run, struct gn_pieces *out)
{
    struct grapnel_bytes *list;
    size_t count;
    if (!gn_is_form(run->request)) { /* nothing to sort is fine, something that is no form is not */
        return run->request->body.len == 0 ? GRAPNEL_VERIFIED : GRAPNEL_MISSING_HEADER;
    }
    enum grapnel_status status = gn_form_sorted(&run->arena, run->request->body, &list, &count);
    for (size_t i = 0; i < count && status == GRAPNEL_VERIFIED; i++) {
        status = add_piece(run, out, list[i]);
    }
    return status;
}

static enum grapnel_status add_part(struct gn_run *run, const struct gn_part *part,
                                    struct gn_pieces *out)
{
    struct grapnel_bytes value = GN_NONE;
    if (part->token == GN_TOKEN_FORM_SORTED) {
        return add_form(run, out);
    }
    enum grapnel_status status = token_value(run, part, &value);
    for (size_t i = 0; i < GN_FILTERS_MAX && status == GRAPNEL_VERIFIED; i++) {
        status = apply_filter(run, part->filters[i], &value);
    }
    return status == GRAPNEL_VERIFIED ? add_piece(run, out, value) : status;
}

enum grapnel_status gn_message(struct gn_run *run, const struct gn_template *t,
                               struct gn_pieces *out)
{
    size_t group_start = 0; /* pieces before the group at hand */
    unsigned group = 0;
    unsigned left_out = 0;
    *out = (struct gn_pieces){ NULL, 0, 0 };
    for (size_t i = 0; i < t->count; i++) {
        const struct gn_part *part = &t->parts[i];
        if (part->group != group) {
            group = part->group;
            group_start = out->count;
        }
        if (group != 0 && group == left_out) {
            continue;
        }
        enum grapnel_status status = add_part(run, part, out);
        if (status == GRAPNEL_MISSING_HEADER && group != 0) {
            left_out = group;
            out->count = group_start;
        } else if (status != GRAPNEL_VERIFIED) {
            return status;
        }
    }
    return GRAPNEL_VERIFIED;
}

enum grapnel_status gn_expand(struct gn_run *run, const struct gn_template *t,
                              struct grapnel_bytes *out)
{
    struct gn_pieces pieces;
    enum grapnel_status status = gn_message(run, t, &pieces);
    if (status != GRAPNEL_VERIFIED) {
        return status;
    }
    *out = gn_join(&run->arena, pieces.list, pieces.count);
    return out->ptr == NULL ? GRAPNEL_TOO_LARGE : GRAPNEL_VERIFIED;
}

enum grapnel_status gn_check_rules(struct gn_run *run, const struct gn_rule *rules, size_t count,
                                   enum grapnel_status otherwise)
{
    for (size_t i = 0; i < count; i++) {
        struct grapnel_bytes is;
        struct grapnel_bytes expected;
        if (rules[i].needs_body && run->request->body.len == 0) {
            continue;
        }
        enum grapnel_status status = gn_locate(run, &rules[i].location, &is);
        if (status == GRAPNEL_VERIFIED && rules[i].has_template) {
            status = gn_expand(run, &rules[i].expect, &expected);
            if (status == GRAPNEL_VERIFIED && !gn_equal_secret(is, expected)) {
                status = otherwise;
            }
        }
        if (status != GRAPNEL_VERIFIED) {
            return status;
        }
    }
    return GRAPNEL_VERIFIED;
}
