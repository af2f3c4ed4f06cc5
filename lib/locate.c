/* SPDX-License-Identifier: Apache-2.0
 *
 * Where things are in a request: headers, parameters, fields, the URL, the time.
 */
#include "engine.h"

enum { US_PER_S = 1000000, US_PER_MS = 1000, SECONDS_DIGITS = 11, MILLISECONDS_DIGITS = 14 };

enum grapnel_status gn_header(const struct grapnel_request *request, struct grapnel_bytes name,
                              struct grapnel_bytes *out)
{
    bool found = false;
    for (size_t i = 0; i < request->header_count; i++) {
        if (!gn_ieq(request->headers[i].name, name)) {
            continue;
        }
        if (found) {
            return GRAPNEL_DUPLICATE_HEADER;
        }
        found = true;
        *out = gn_trim(request->headers[i].value);
    }
    return found ? GRAPNEL_VERIFIED : GRAPNEL_MISSING_HEADER;
}

static struct grapnel_bytes content_type(const struct grapnel_request *request)
{
    struct grapnel_bytes type;
    bool is_there = gn_header(request, GN_TEXT("content-type"), &type) == GRAPNEL_VERIFIED;
    return is_there ? type : GN_NONE;
}

bool gn_is_form(const struct grapnel_request *request)
{
    static const struct grapnel_bytes form = GRAPNEL_TEXT("application/x-www-form-urlencoded");
    struct grapnel_bytes type = content_type(request);
    return gn_ieq(gn_trim(gn_bytes(type.ptr, gn_find(type, ';'))), form);
}

static enum grapnel_status locate_json(struct gn_run *run, struct grapnel_bytes text,
                                       struct grapnel_bytes pointer, struct grapnel_bytes *out)
{
    struct grapnel_bytes value;
    enum grapnel_status status = gn_json_find(&run->arena, text, pointer, &value);
    return status == GRAPNEL_VERIFIED ? gn_json_text(&run->arena, value, out) : status;
}

/* A field of a body of either kind of form. */
static enum grapnel_status locate_form(struct gn_run *run, struct grapnel_bytes name,
                                       struct grapnel_bytes *out)
{
    const struct grapnel_request *request = run->request;
    struct grapnel_bytes boundary = gn_multipart_boundary(content_type(request));
    if (gn_is_form(request)) {
        return gn_form_find(&run->arena, request->body, name, out);
    }
    return boundary.len > 0 ? gn_multipart_find(request->body, boundary, name, out)
                            : GRAPNEL_MISSING_HEADER;
}

enum grapnel_status gn_locate(struct gn_run *run, const struct gn_location *where,
                              struct grapnel_bytes *out)
{
    const struct grapnel_request *request = run->request;
    switch (where->place) {
    case GN_HEADER: return gn_header(request, where->name, out);
    case GN_QUERY: return gn_form_find(&run->arena, request->query, where->name, out);
    case GN_FORM: return locate_form(run, where->name, out);
    case GN_JSON:
        if (gn_is_form(request) || gn_multipart_boundary(content_type(request)).len > 0) {
            return GRAPNEL_MISSING_HEADER;
        }
        return locate_json(run, request->body, where->name, out);
    case GN_ITEM: return locate_json(run, run->item, where->name, out);
    case GN_PAIR:
    case GN_POSITION: return gn_locate_in_list(run, where, out);
    case GN_BODY: *out = request->body; return GRAPNEL_VERIFIED;
    case GN_HEADERS: break;
    }
    return GRAPNEL_UNSUPPORTED;
}

enum grapnel_status gn_locate_first(struct gn_run *run, const struct gn_locations *list,
                                    struct grapnel_bytes *out)
{
    for (size_t i = 0; i < list->count; i++) {
        enum grapnel_status status = gn_locate(run, &list->list[i], out);
        if (status != GRAPNEL_MISSING_HEADER) {
            return status;
        }
    }
    return GRAPNEL_MISSING_HEADER;
}

/* --- the URL ------------------------------------------------------------------------------------------ */

static bool all_digits(struct grapnel_bytes s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
    }
    return s.len > 0;
}

/* Index of the end of the authority ("user@host:port"), and of the colon before its port (or the end). */
static size_t authority_end(struct grapnel_bytes url, size_t *port)
{
    size_t at = gn_find(url, ':') + 3; /* after "://" */
    size_t end = at < url.len ? at + gn_find(gn_skip(url, at), '/') : url.len;
    *port = end;
    for (size_t i = end; i > at && url.ptr[i - 1] != ']' && url.ptr[i - 1] != '@'; i--) {
        if (url.ptr[i - 1] == ':' && all_digits(gn_bytes(url.ptr + i, end - i))) {
            *port = i - 1;
        }
    }
    return end;
}

/* Takes an explicit port away, or adds the default one. */
static struct grapnel_bytes toggle_port(struct gn_arena *a, struct grapnel_bytes url)
{
    size_t port;
    size_t end = authority_end(url, &port);
    bool is_http = gn_starts(url, GN_TEXT("http:"));
    struct grapnel_bytes added = GN_NONE;
    if (port == end) {
        added = is_http ? GN_TEXT(":80") : GN_TEXT(":443");
    }
    struct grapnel_bytes pieces[] = { gn_bytes(url.ptr, port), added, gn_skip(url, end) };
    return gn_join(a, pieces, GN_COUNT(pieces));
}

static struct grapnel_bytes escape_quotes(struct gn_arena *a, struct grapnel_bytes s)
{
    char *out = gn_alloc(a, 3 * s.len + 1);
    size_t len = 0;
    if (out == NULL) {
        return GN_NONE;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\'') {
            memcpy(out + len, "%27", 3);
            len += 3;
        } else {
            out[len++] = s.ptr[i];
        }
    }
    return gn_bytes(out, len);
}

enum grapnel_status gn_url(struct gn_run *run, struct grapnel_bytes *out)
{
    struct grapnel_bytes url = run->request->url;
    struct grapnel_bytes query = run->request->query;
    if (url.len == 0) {
        return GRAPNEL_UNCONFIGURED; /* the scheme signs the URL, and nobody told us which */
    }
    if ((run->variant & GN_TRY_PORT) != 0) {
        url = toggle_port(&run->arena, url);
    }
    struct grapnel_bytes pieces[] = { url, query.len > 0 ? GN_TEXT("?") : GN_NONE, query };
    *out = query.len > 0 ? gn_join(&run->arena, pieces, GN_COUNT(pieces)) : url;
    if ((run->variant & GN_TRY_QUOTE) != 0) {
        *out = escape_quotes(&run->arena, *out);
    }
    return out->ptr == NULL || url.ptr == NULL ? GRAPNEL_TOO_LARGE : GRAPNEL_VERIFIED;
}

/* --- the time ----------------------------------------------------------------------------------------- */

static bool parse_time(struct grapnel_bytes text, enum gn_unit unit, int64_t *us)
{
    int64_t number;
    switch (unit) {
    case GN_UNIT_NONE: return false;
    case GN_UNIT_S:
        if (!gn_decimal(text, SECONDS_DIGITS, &number)) {
            return false;
        }
        *us = number * US_PER_S;
        return true;
    case GN_UNIT_MS:
        if (!gn_decimal(text, MILLISECONDS_DIGITS, &number)) {
            return false;
        }
        *us = number * US_PER_MS;
        return true;
    case GN_UNIT_ISO: break;
    }
    return gn_time_iso(text, us);
}

enum grapnel_status gn_read_time(struct gn_run *run)
{
    const struct grapnel_scheme *s = run->scheme;
    if (run->signing || s->ts.count == 0) {
        return GRAPNEL_VERIFIED;
    }
    enum grapnel_status status = gn_locate_first(run, &s->ts, &run->ts);
    if (status != GRAPNEL_VERIFIED) {
        run->ts = GN_NONE;
        return status;
    }
    run->has_ts = parse_time(run->ts, s->ts_unit, &run->ts_us);
    return run->has_ts || s->ts_unit == GN_UNIT_NONE ? GRAPNEL_VERIFIED
                                                     : GRAPNEL_MALFORMED_TIMESTAMP;
}

enum grapnel_status gn_check_window(const struct gn_run *run)
{
    const struct grapnel_window *window = run->config->window;
    if (window == NULL) {
        window = &run->scheme->window;
    }
    if (!run->has_ts) {
        return GRAPNEL_VERIFIED;
    }
    /* Both are far from the ends of the type: times have at most 17 digits. */
    if (window->past_s > 0 && run->config->now_us - run->ts_us > window->past_s * US_PER_S) {
        return GRAPNEL_TIMESTAMP_TOO_OLD;
    }
    if (window->future_s > 0 && run->ts_us - run->config->now_us > window->future_s * US_PER_S) {
        return GRAPNEL_TIMESTAMP_IN_FUTURE;
    }
    return GRAPNEL_VERIFIED;
}

/* --- what is covered ------------------------------------------------------------------------------------ */

static bool same_place(const struct gn_location *a, const struct gn_location *b)
{
    bool same_name = a->place == GN_HEADER ? gn_ieq(a->name, b->name) : gn_eq(a->name, b->name);
    return a->place == b->place && same_name;
}

static bool in_locations(const struct gn_locations *list, const struct gn_location *where)
{
    for (size_t i = 0; i < list->count; i++) {
        if (same_place(&list->list[i], where)) {
            return true;
        }
    }
    return false;
}

static bool message_holds(const struct grapnel_scheme *s, const struct gn_location *where)
{
    const struct gn_template *t = &s->msg;
    for (size_t i = 0; i < t->count; i++) {
        if (t->parts[i].token == GN_TOKEN_LOCATION && same_place(&t->parts[i].location, where)) {
            return true;
        }
    }
    if (gn_template_has(t, GN_TOKEN_ID) && in_locations(&s->id, where)) {
        return true;
    }
    if (where->place == GN_QUERY) {
        return gn_template_has(t, GN_TOKEN_URL);
    }
    bool of_body = where->place == GN_JSON || where->place == GN_ITEM || where->place == GN_FORM ||
                   where->place == GN_BODY;
    return of_body && gn_template_has_body(t);
}

static bool claims_bind_body(const struct grapnel_scheme *s)
{
    for (size_t i = 0; i < s->check_count; i++) {
        if (s->check[i].has_template && gn_template_has_body(&s->check[i].expect)) {
            return true;
        }
    }
    return s->jwt_detached || (s->sig.count > 0 && s->sig.list[0].place == GN_BODY);
}

bool gn_is_signed(const struct grapnel_scheme *s, const struct gn_location *where)
{
    switch (s->auth) {
    case GN_AUTH_HMAC:
    case GN_AUTH_HASH:
    case GN_AUTH_ED25519:
    case GN_AUTH_ECDSA:
    case GN_AUTH_RSA: return message_holds(s, where);
    case GN_AUTH_JWT:
        return where->place == GN_ITEM || (where->place != GN_HEADER && claims_bind_body(s));
    case GN_AUTH_SNS: return where->place == GN_JSON;
    case GN_AUTH_UNSET:
    case GN_AUTH_EQUAL:
    case GN_AUTH_BASIC:
    case GN_AUTH_NONE: break;
    }
    return false;
}
