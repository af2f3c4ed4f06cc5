/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates and locations: "{id}.{ts}.{body}", "{header:X-Topic|lower}", "header X-Signature".
 *
 * A brace opens a token only before a lower-case letter, so JSON may be written as it is; [ ] encloses
 * what is left out when a token in it is absent; a backslash makes the next character literal ("\n"
 * is a line feed).
 */
#include "scheme.h"

enum { HEADER_NUMBERS_MAX = 100 };

static const char too_many_parts[] = "the templates have more than 96 parts";

/* --- locations -------------------------------------------------------------------------------------- */

static const struct {
    struct grapnel_bytes word;
    enum gn_place place;
    bool has_name;
} places[] = {
    { GRAPNEL_TEXT("header"), GN_HEADER, true }, { GRAPNEL_TEXT("headers"), GN_HEADERS, true },
    { GRAPNEL_TEXT("query"), GN_QUERY, true },   { GRAPNEL_TEXT("form"), GN_FORM, true },
    { GRAPNEL_TEXT("json"), GN_JSON, true },     { GRAPNEL_TEXT("item"), GN_ITEM, true },
    { GRAPNEL_TEXT("pair"), GN_PAIR, true },     { GRAPNEL_TEXT("position"), GN_POSITION, true },
    { GRAPNEL_TEXT("body"), GN_BODY, false },
};

static bool is_header_name(struct grapnel_bytes s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f ||
            strchr("()<>@,;:\\\"/[]?={}", s.ptr[i]) != NULL) {
            return false;
        }
    }
    return s.len > 0;
}

/* "NAME*20": headers NAME1 to NAME20; "NAME": as often as it is there. */
static const char *template_numbered(struct gn_location *out)
{
    size_t star = gn_find(out->name, '*');
    int64_t most = 0;
    if (star < out->name.len && (!gn_decimal(gn_skip(out->name, star + 1), 3, &most) || most < 1 ||
                                 most > HEADER_NUMBERS_MAX)) {
        return "numbered headers are written NAME*N, N from 1 to 100";
    }
    out->name.len = star;
    out->number = (unsigned)most;
    return is_header_name(out->name) ? NULL : "not the name of a header";
}

static const char *check_location(struct gn_location *out)
{
    int64_t number;
    switch (out->place) {
    case GN_HEADER: return is_header_name(out->name) ? NULL : "not the name of a header";
    case GN_HEADERS: return template_numbered(out);
    case GN_JSON:
    case GN_ITEM: return out->name.ptr[0] == '/' ? NULL : "a JSON pointer begins with '/'";
    case GN_POSITION:
        if (!gn_decimal(out->name, 2, &number) || number < 1) {
            return "a position is a number from 1";
        }
        out->number = (unsigned)number;
        return NULL;
    case GN_QUERY:
    case GN_FORM:
    case GN_PAIR:
    case GN_BODY: break;
    }
    return NULL;
}

static const char *make_location(struct grapnel_bytes word, struct grapnel_bytes name,
                                 struct gn_location *out)
{
    for (size_t i = 0; i < GN_COUNT(places); i++) {
        if (gn_eq(word, places[i].word)) {
            *out = (struct gn_location){ places[i].place, name, 0 };
            if (places[i].has_name != (name.len > 0)) {
                return places[i].has_name ? "a location lacks its name"
                                          : "this location has no name";
            }
            return check_location(out);
        }
    }
    return "not a kind of location";
}

const char *gn_location_parse(struct grapnel_bytes text, struct gn_location *out)
{
    size_t space = gn_find(text, ' ');
    struct grapnel_bytes name = space == text.len ? GN_NONE : gn_trim(gn_skip(text, space));
    return make_location(gn_bytes(text.ptr, space), name, out);
}

/* --- tokens ------------------------------------------------------------------------------------------- */

static const struct {
    struct grapnel_bytes word;
    enum gn_token token;
} tokens[] = {
    { GRAPNEL_TEXT("ts"), GN_TOKEN_TS },
    { GRAPNEL_TEXT("id"), GN_TOKEN_ID },
    { GRAPNEL_TEXT("method"), GN_TOKEN_METHOD },
    { GRAPNEL_TEXT("url"), GN_TOKEN_URL },
    { GRAPNEL_TEXT("path"), GN_TOKEN_PATH },
    { GRAPNEL_TEXT("form-sorted"), GN_TOKEN_FORM_SORTED },
    { GRAPNEL_TEXT("secret"), GN_TOKEN_SECRET },
    { GRAPNEL_TEXT("companion"), GN_TOKEN_COMPANION },
};

static const struct {
    struct grapnel_bytes word;
    enum gn_filter filter;
} filters[] = {
    { GRAPNEL_TEXT("lower"), GN_FILTER_LOWER },
    { GRAPNEL_TEXT("json"), GN_FILTER_JSON },
    { GRAPNEL_TEXT("hmac-hex"), GN_FILTER_HMAC_HEX },
    { GRAPNEL_TEXT("hmac-b64"), GN_FILTER_HMAC_B64 },
    { GRAPNEL_TEXT("sha256-hex"), GN_FILTER_SHA256_HEX },
};

static const char *digest_token(struct grapnel_bytes word, struct grapnel_bytes name,
                                struct gn_part *part)
{
    bool body = gn_eq(name, GN_TEXT("body"));
    if (gn_eq(word, GN_TEXT("crc32")) && body) {
        part->token = GN_TOKEN_CRC32;
        return NULL;
    }
    if (gn_eq(word, GN_TEXT("sha256")) && (body || gn_eq(name, GN_TEXT("url")))) {
        part->token = GN_TOKEN_SHA256;
        part->over = body ? GN_TOKEN_LOCATION : GN_TOKEN_URL;
        return NULL;
    }
    if (gn_eq(word, GN_TEXT("sha256")) && gn_eq(name, GN_TEXT("challenge"))) {
        part->token = GN_TOKEN_SHA256;
        part->over = GN_TOKEN_VALUE;
        return NULL;
    }
    return "digests are {sha256:body}, {sha256:url}, {sha256:challenge} and {crc32:body}";
}

static const char *named_token(struct grapnel_bytes word, struct grapnel_bytes name,
                               struct gn_part *part)
{
    int64_t number;
    if (gn_eq(word, GN_TEXT("sha256")) || gn_eq(word, GN_TEXT("crc32"))) {
        return digest_token(word, name, part);
    }
    if (gn_eq(word, GN_TEXT("value"))) {
        if (!gn_decimal(name, 1, &number) || number < 1 || number > GN_VALUES_MAX) {
            return "values are {value:1} and {value:2}";
        }
        part->token = GN_TOKEN_VALUE;
        part->number = (unsigned)number - 1;
        return NULL;
    }
    part->token = GN_TOKEN_LOCATION;
    return make_location(word, name, &part->location);
}

static const char *plain_token(struct grapnel_bytes word, struct gn_part *part)
{
    for (size_t i = 0; i < GN_COUNT(tokens); i++) {
        if (gn_eq(word, tokens[i].word)) {
            part->token = tokens[i].token;
            return NULL;
        }
    }
    part->token = GN_TOKEN_LOCATION;
    return make_location(word, GN_NONE, &part->location) == NULL ? NULL : "not a kind of token";
}

static const char *read_filters(struct grapnel_bytes rest, struct gn_part *part)
{
    struct grapnel_bytes word;
    size_t count = 0;
    while (gn_split(&rest, '|', &word)) {
        enum gn_filter filter = GN_FILTER_NONE;
        for (size_t i = 0; i < GN_COUNT(filters); i++) {
            if (gn_eq(word, filters[i].word)) {
                filter = filters[i].filter;
            }
        }
        if (filter == GN_FILTER_NONE) {
            return "not a filter";
        }
        if (count == GN_FILTERS_MAX) {
            return "a token has more than 2 filters";
        }
        part->filters[count++] = filter;
    }
    return NULL;
}

/* The inside of a pair of braces. */
static const char *read_token(struct grapnel_bytes inside, struct gn_part *part)
{
    size_t bar = gn_find(inside, '|');
    struct grapnel_bytes what = gn_bytes(inside.ptr, bar);
    size_t colon = gn_find(what, ':');
    const char *reason =
        colon == what.len ? plain_token(what, part)
                          : named_token(gn_bytes(what.ptr, colon), gn_skip(what, colon + 1), part);
    if (reason == NULL && bar < inside.len) {
        reason = read_filters(gn_skip(inside, bar + 1), part);
    }
    return reason;
}

/* --- templates ----------------------------------------------------------------------------------------- */

struct reader {
    struct grapnel_bytes rest;
    struct gn_parts *pool;
    size_t first;   /* of this template's parts in the pool */
    unsigned group; /* open now */
    unsigned groups;
};

static struct gn_part *add_part(struct reader *r)
{
    if (r->pool->count == GN_PARTS_MAX) {
        return NULL;
    }
    struct gn_part *part = &r->pool->list[r->pool->count++];
    memset(part, 0, sizeof(*part));
    part->group = r->group;
    return part;
}

/* Literal bytes join the part before when they follow it in the text. */
static const char *add_literal(struct reader *r, const char *at)
{
    struct gn_part *last = r->pool->count > r->first ? &r->pool->list[r->pool->count - 1] : NULL;
    if (last != NULL && last->token == GN_LITERAL && last->group == r->group &&
        last->literal.ptr + last->literal.len == at) {
        last->literal.len++;
        return NULL;
    }
    struct gn_part *part = add_part(r);
    if (part == NULL) {
        return too_many_parts;
    }
    part->literal = gn_bytes(at, 1);
    return NULL;
}

static const char *take_escape(struct reader *r)
{
    static const char line_feed[] = "\n";
    if (r->rest.len < 2) {
        return "a template ends in a backslash";
    }
    const char *at = r->rest.ptr[1] == 'n' ? line_feed : r->rest.ptr + 1;
    r->rest = gn_skip(r->rest, 2);
    return add_literal(r, at);
}

static const char *take_token(struct reader *r)
{
    size_t end = gn_find(r->rest, '}');
    if (end == r->rest.len) {
        return "a token lacks its closing brace";
    }
    struct gn_part *part = add_part(r);
    if (part == NULL) {
        return too_many_parts;
    }
    const char *reason = read_token(gn_bytes(r->rest.ptr + 1, end - 1), part);
    r->rest = gn_skip(r->rest, end + 1);
    return reason;
}

static const char *take_bracket(struct reader *r, bool opens)
{
    if (opens == (r->group != 0)) {
        return opens ? "brackets within brackets" : "a closing bracket without an opening one";
    }
    r->group = opens ? ++r->groups : 0;
    r->rest = gn_skip(r->rest, 1);
    return NULL;
}

static bool at_token(struct grapnel_bytes rest)
{
    return rest.ptr[0] == '{' && rest.len > 1 && rest.ptr[1] >= 'a' && rest.ptr[1] <= 'z';
}

static const char *take_next(struct reader *r)
{
    char c = r->rest.ptr[0];
    if (c == '\\') {
        return take_escape(r);
    }
    if (c == '[' || c == ']') {
        return take_bracket(r, c == '[');
    }
    if (at_token(r->rest)) {
        return take_token(r);
    }
    const char *reason = add_literal(r, r->rest.ptr);
    r->rest = gn_skip(r->rest, 1);
    return reason;
}

const char *gn_template_parse(struct grapnel_bytes text, struct gn_parts *pool,
                              struct gn_template *out)
{
    struct reader r = { .rest = text, .pool = pool, .first = pool->count };
    const char *reason = NULL;
    while (reason == NULL && r.rest.len > 0) {
        reason = take_next(&r);
    }
    *out = (struct gn_template){ pool->list + r.first, pool->count - r.first };
    if (reason == NULL && r.group != 0) {
        return "a bracket is not closed";
    }
    return reason;
}

bool gn_template_has(const struct gn_template *t, enum gn_token token)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->parts[i].token == token) {
            return true;
        }
    }
    return false;
}

bool gn_template_has_body(const struct gn_template *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct gn_part *part = &t->parts[i];
        bool whole = part->token == GN_TOKEN_LOCATION && part->location.place == GN_BODY;
        bool digest = part->token == GN_TOKEN_CRC32 || part->token == GN_TOKEN_FORM_SORTED ||
                      (part->token == GN_TOKEN_SHA256 && part->over == GN_TOKEN_LOCATION);
        if (whole || digest) {
            return true;
        }
    }
    return false;
}

struct grapnel_bytes gn_template_prefix(const struct gn_template *t)
{
    bool literal = t->count > 0 && t->parts[0].token == GN_LITERAL && t->parts[0].group == 0;
    return literal ? t->parts[0].literal : GN_NONE;
}
