/* SPDX-License-Identifier: Apache-2.0
 *
 * From the text where signatures stand to candidates: split, pick by tag, take the prefix off, decode.
 * What is malformed is left out, as the libraries of the field do, unless nothing else is there.
 */
#include "engine.h"

static bool has_position(const struct grapnel_scheme *s, size_t index)
{
    for (size_t i = 0; i < s->ts.count; i++) {
        if (s->ts.list[i].place == GN_POSITION && s->ts.list[i].number == index + 1) {
            return true;
        }
    }
    return false;
}

static bool is_accepted(const struct gn_run *run, struct grapnel_bytes tag)
{
    const struct grapnel_scheme *s = run->scheme;
    if (s->accept_companion) {
        return run->config->companion.len > 0 && gn_eq(tag, run->config->companion);
    }
    for (size_t i = 0; i < s->accept_count; i++) {
        if (gn_eq(tag, s->accept[i])) {
            return true;
        }
    }
    return s->accept_count == 0;
}

static bool candidates_decode(struct gn_run *run, struct grapnel_bytes text,
                              struct gn_candidate *out)
{
    enum gn_encoding enc = run->scheme->enc;
    enum gn_alphabet alphabet = enc == GN_ENC_BASE64 ? GN_BASE64 : GN_BASE64URL;
    unsigned char *bytes =
        text.len > 2 * GN_SIGNATURE_BYTES_MAX ? NULL : gn_alloc(&run->arena, text.len);
    out->bytes = bytes;
    if (bytes == NULL) {
        return false;
    }
    return enc == GN_ENC_HEX ? gn_hex_decode(text, bytes, text.len, &out->len)
                             : gn_base64_decode(text, alphabet, true, bytes, text.len, &out->len);
}

/* A MAC has one length; so has an Ed25519 signature. */
static bool right_length(const struct grapnel_scheme *s, const struct gn_candidate *c)
{
    if (c->ed25519 || s->auth == GN_AUTH_ED25519) {
        return c->len == 64;
    }
    if (s->auth == GN_AUTH_HMAC || s->auth == GN_AUTH_HASH) {
        return c->len == gn_digest_len(s->hash);
    }
    return c->len > 0;
}

static void note_malformed(struct gn_run *run, struct grapnel_bytes text)
{
    run->malformed_count++;
    gn_say(&run->explain, "signature left out, not in the form of this scheme: ");
    gn_say_escaped(&run->explain, text, 120);
    gn_say(&run->explain, "\n");
}

static enum grapnel_status add_candidate(struct gn_run *run, struct grapnel_bytes text,
                                         bool ed25519)
{
    const struct grapnel_scheme *s = run->scheme;
    if (run->candidate_count + run->malformed_count == GRAPNEL_SIGNATURES_MAX) {
        return GRAPNEL_TOO_LARGE;
    }
    struct gn_candidate *c = &run->candidates[run->candidate_count];
    *c = (struct gn_candidate){ .text = text, .ed25519 = ed25519 };
    if (!gn_starts(text, s->prefix) || !candidates_decode(run, gn_skip(text, s->prefix.len), c) ||
        !right_length(s, c)) {
        note_malformed(run, text);
        return GRAPNEL_VERIFIED;
    }
    run->candidate_count++;
    return GRAPNEL_VERIFIED;
}

static enum grapnel_status add_item(struct gn_run *run, struct grapnel_bytes item)
{
    const struct grapnel_scheme *s = run->scheme;
    if (s->kv_sep == '\0') {
        return add_candidate(run, item, false);
    }
    size_t at = gn_find(item, s->kv_sep);
    if (at == item.len) {
        return GRAPNEL_VERIFIED; /* no tag: not one of ours */
    }
    struct grapnel_bytes tag = gn_bytes(item.ptr, at);
    bool ed25519 = s->ed25519_tag.len > 0 && gn_eq(tag, s->ed25519_tag);
    if (!ed25519 && !is_accepted(run, tag)) {
        return GRAPNEL_VERIFIED;
    }
    return add_candidate(run, gn_skip(item, at + 1), ed25519);
}

/* The next item of a list, or of several lists in a row. */
static bool next_item(const struct grapnel_scheme *s, struct grapnel_bytes *rest,
                      struct grapnel_bytes *item)
{
    size_t end = gn_find(*rest, s->item_sep);
    size_t set_end = s->set_sep == '\0' ? rest->len : gn_find(*rest, s->set_sep);
    if (!gn_split(rest, set_end < end ? s->set_sep : s->item_sep, item)) {
        return false;
    }
    *item = gn_trim(*item);
    return true;
}

static enum grapnel_status split_text(struct gn_run *run, struct grapnel_bytes text)
{
    struct grapnel_bytes item;
    if (run->scheme->item_sep == '\0') {
        return add_item(run, text);
    }
    for (size_t i = 0; next_item(run->scheme, &text, &item); i++) {
        if (item.len == 0 || has_position(run->scheme, i)) {
            continue;
        }
        enum grapnel_status status = add_item(run, item);
        if (status != GRAPNEL_VERIFIED) {
            return status;
        }
    }
    return GRAPNEL_VERIFIED;
}

/* The same header several times, as it is sent while a secret is replaced. */
static enum grapnel_status collect_repeated(struct gn_run *run, struct grapnel_bytes name,
                                            size_t *found)
{
    const struct grapnel_request *request = run->request;
    enum grapnel_status status = GRAPNEL_VERIFIED;
    for (size_t i = 0; i < request->header_count && status == GRAPNEL_VERIFIED; i++) {
        if (gn_ieq(request->headers[i].name, name)) {
            (*found)++;
            status = split_text(run, gn_trim(request->headers[i].value));
        }
    }
    return status;
}

/* One location may be many headers; *found counts those that are there. */
static enum grapnel_status collect_numbered(struct gn_run *run, const struct gn_location *where,
                                            size_t *found)
{
    for (unsigned n = 1; n <= where->number; n++) {
        char digits[3];
        size_t len = 0;
        for (unsigned left = n, unit = n >= 100 ? 100 : n >= 10 ? 10 : 1; unit > 0; unit /= 10) {
            digits[len++] = (char)('0' + left / unit);
            left %= unit;
        }
        struct grapnel_bytes pieces[] = { where->name, gn_bytes(digits, len) };
        struct grapnel_bytes name = gn_join(&run->arena, pieces, GN_COUNT(pieces));
        struct grapnel_bytes text;
        enum grapnel_status status =
            name.ptr == NULL ? GRAPNEL_TOO_LARGE : gn_header(run->request, name, &text);
        if (status == GRAPNEL_VERIFIED) {
            (*found)++;
            status = split_text(run, text);
        }
        if (status != GRAPNEL_VERIFIED && status != GRAPNEL_MISSING_HEADER) {
            return status;
        }
    }
    return GRAPNEL_VERIFIED;
}

static enum grapnel_status collect_one(struct gn_run *run, const struct gn_location *where,
                                       size_t *found)
{
    struct grapnel_bytes text;
    if (where->place == GN_HEADERS && where->number == 0) {
        return collect_repeated(run, where->name, found);
    }
    if (where->place == GN_HEADERS) {
        return collect_numbered(run, where, found);
    }
    enum grapnel_status status = gn_locate(run, where, &text);
    if (status == GRAPNEL_MISSING_HEADER) {
        return GRAPNEL_VERIFIED;
    }
    if (status == GRAPNEL_VERIFIED) {
        (*found)++;
        status = split_text(run, text);
    }
    return status;
}

enum grapnel_status gn_collect(struct gn_run *run)
{
    size_t found = 0;
    run->candidate_count = 0;
    run->malformed_count = 0;
    for (size_t i = 0; i < run->scheme->sig.count; i++) {
        enum grapnel_status status = collect_one(run, &run->scheme->sig.list[i], &found);
        if (status != GRAPNEL_VERIFIED) {
            return status;
        }
    }
    if (found == 0) {
        gn_say(&run->explain, "there is no signature where the scheme has it\n");
        return GRAPNEL_MISSING_HEADER;
    }
    return run->candidate_count > 0 ? GRAPNEL_VERIFIED : GRAPNEL_MALFORMED_SIGNATURE;
}

/* --- the time within a signature's list -------------------------------------------------------------- */

static enum grapnel_status find_in_list(const struct grapnel_scheme *s, struct grapnel_bytes text,
                                        const struct gn_location *where, struct grapnel_bytes *out)
{
    struct grapnel_bytes item;
    bool found = false;
    for (size_t i = 1; next_item(s, &text, &item); i++) {
        size_t at = s->kv_sep == '\0' ? item.len : gn_find(item, s->kv_sep);
        bool is_it = where->place == GN_POSITION
                         ? i == where->number
                         : at < item.len && gn_eq(gn_bytes(item.ptr, at), where->name);
        if (!is_it) {
            continue;
        }
        struct grapnel_bytes value = where->place == GN_POSITION ? item : gn_skip(item, at + 1);
        if (found && (s->set_sep == '\0' || !gn_eq(value, *out))) {
            return GRAPNEL_DUPLICATE_HEADER;
        }
        found = true;
        *out = value; /* that of all sets */
    }
    return found ? GRAPNEL_VERIFIED : GRAPNEL_MISSING_HEADER;
}

enum grapnel_status gn_locate_in_list(struct gn_run *run, const struct gn_location *where,
                                      struct grapnel_bytes *out)
{
    struct grapnel_bytes text;
    enum grapnel_status status = gn_locate_first(run, &run->scheme->sig, &text);
    return status == GRAPNEL_VERIFIED ? find_in_list(run->scheme, text, where, out) : status;
}
