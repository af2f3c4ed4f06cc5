/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of a request, and what of its headers goes on to the receivers. Secrets do neither:
 * values of headers whose names say so, and any value that holds one of the source's secrets.
 */
#include "inbound/record_priv.h"

enum { HEADERS_MAX = 64 * 1024, URL_MAX = 8192, FORWARD_MAX = 16 * 1024, SECRET_LEN_MIN = 4 };

#define WORD(literal) \
    { \
        literal, sizeof(literal) - 1 \
    }

static const struct str redacted = WORD("[secret]");

/* Parts of names that say that the value is nobody's business. */
static const struct str sensitive[] = {
    WORD("authorization"), WORD("cookie"), WORD("token"),    WORD("secret"),
    WORD("api-key"),       WORD("apikey"), WORD("password"),
};

/* Of the connection, of proxies, or ours to set. */
static const struct str own_headers[] = {
    WORD("host"),
    WORD("connection"),
    WORD("content-length"),
    WORD("content-type"),
    WORD("transfer-encoding"),
    WORD("te"),
    WORD("trailer"),
    WORD("upgrade"),
    WORD("expect"),
    WORD("keep-alive"),
    WORD("accept"),
    WORD("accept-encoding"),
    WORD("accept-language"),
    WORD("user-agent"),
    WORD("forwarded"),
    WORD("via"),
    WORD("x-real-ip"),
    WORD("x-request-id"),
    WORD("traceparent"),
    WORD("tracestate"),
    WORD("content-encoding"),
};
static const struct str own_prefixes[] = {
    WORD("webhook-"), WORD("svix-"), WORD("x-forwarded-"),
    WORD("proxy-"),   WORD("cf-"),   WORD("sec-"),
};

static bool is_said_at(struct str name, size_t at)
{
    for (size_t i = 0; i < COUNT_OF(sensitive); i++)
        if (sensitive[i].ptr[0] == (name.ptr[at] | 0x20) &&
            str_ieq(str_sub(name, at, at + sensitive[i].len), sensitive[i]))
            return true;
    return false;
}

static bool is_sensitive(struct str name)
{
    for (size_t at = 0; at < name.len; at++)
        if (is_said_at(name, at))
            return true;
    return false;
}

static bool holds_secret(const struct inbound_view *v, struct str value)
{
    for (size_t i = 0; i < v->secrets.count; i++) {
        struct str secret = v->secrets.list[i].text;
        if (secret.len >= SECRET_LEN_MIN && str_contains(value, secret))
            return true;
    }
    return v->secrets.companion.len >= SECRET_LEN_MIN && str_contains(value, v->secrets.companion);
}

static bool is_secret(const struct inbound_view *v, struct str name, struct str value)
{
    return is_sensitive(name) || holds_secret(v, value);
}

/* Takes the next of the forwarded lines if it is this header. */
static bool take_line(struct str *lines, struct str name, struct str value)
{
    struct str rest = *lines;
    bool is_it = name.len > 0 && str_skip_prefix(&rest, name) &&
                 str_skip_prefix(&rest, STR(": ")) && str_skip_prefix(&rest, value) &&
                 str_skip_prefix(&rest, STR("\r\n"));
    if (is_it)
        *lines = rest;
    return is_it;
}

static enum rc record_add_header(const struct inbound_view *v, struct str name, struct str value,
                                 struct str *lines, struct buf *out)
{
    enum rc rc = out->len > 1 ? buf_add_char(out, ',') : RC_OK;
    if (rc != RC_OK)
        return rc;
    if (take_line(lines, name, value))
        return buf_add_char(out, '0');
    const struct str pair[] = { name, is_secret(v, name, value) ? redacted : value };
    return buf_add_json_list(out, pair, COUNT_OF(pair));
}

/* What is too much is left out. */
static struct str headers_json(const struct inbound_view *v, const struct inbound_request *r,
                               struct str lines, struct arena *a)
{
    struct buf out;
    buf_init(&out, HEADERS_MAX);
    enum rc rc = buf_add_char(&out, '[');
    for (size_t i = 0; rc == RC_OK && i < r->engine.header_count; i++) {
        struct str name = verify_str(r->headers[i].name);
        struct str value = verify_str(r->headers[i].value);
        size_t before = out.len;
        if (record_add_header(v, name, value, &lines, &out) != RC_OK ||
            out.len == HEADERS_MAX) { /* the last bracket needs room */
            buf_cut(&out, before);
            break;
        }
    }
    MUST(buf_add_char(&out, ']') == RC_OK);
    struct str text = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return text;
}

void inbound_describe(const struct inbound_view *v, const struct inbound_request *r,
                      struct str peer, struct str forwarded, struct arena *a,
                      struct store_request *out)
{
    struct str query = verify_str(r->engine.query);
    struct str body = verify_str(r->engine.body);
    bool hides = v->scheme->is_token || holds_secret(v, query);
    out->source = v->num;
    out->app = v->app;
    out->org = v->org;
    out->at_us = r->at_us;
    out->method = verify_str(r->engine.method);
    /* The token is the key to the door: it is not kept. */
    out->url = query.len == 0 ? STR("/in/")
                              : arena_fmt(a, "/in/?%.*s", STR_ARGS(str_sub(query, 0, URL_MAX)));
    if (query.len > 0 && hides)
        out->url = STR("/in/?[secret]");
    out->peer = peer;
    out->headers = headers_json(v, r, forwarded, a);
    out->lines = forwarded;
    out->body = body.ptr == NULL ? STR("") : body;
    out->body_bytes = (int64_t)body.len;
}

static bool is_ours(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(own_headers); i++)
        if (str_ieq(name, own_headers[i]))
            return true;
    for (size_t i = 0; i < COUNT_OF(own_prefixes); i++)
        if (str_ieq(str_sub(name, 0, own_prefixes[i].len), own_prefixes[i]))
            return true;
    return false;
}

static enum rc record_add_line(struct buf *out, struct str name, struct str value)
{
    enum rc rc = buf_add_str(out, name);
    if (rc == RC_OK)
        rc = buf_add_str(out, STR(": "));
    if (rc == RC_OK)
        rc = buf_add_str(out, value);
    return rc == RC_OK ? buf_add_str(out, STR("\r\n")) : rc;
}

struct str inbound_forwarded(const struct inbound_view *v, const struct inbound_request *r,
                             struct arena *a)
{
    struct buf lines;
    if (!v->settings.forward_headers)
        return STR_NONE;
    buf_init(&lines, FORWARD_MAX);
    for (size_t i = 0; i < r->engine.header_count; i++) {
        struct str name = verify_str(r->headers[i].name);
        struct str value = verify_str(r->headers[i].value);
        bool goes = !is_ours(name) && !is_secret(v, name, value) && http_is_token(name) &&
                    http_is_field_value(value);
        size_t before = lines.len;
        if (goes && record_add_line(&lines, name, value) != RC_OK) {
            buf_cut(&lines, before);
            break;
        }
    }
    struct str text = lines.len == 0 ? STR_NONE : arena_str(a, buf_str(&lines));
    buf_fini(&lines);
    return text;
}
