/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of a request, and what of its headers goes on to the receivers. Secrets do neither:
 * values of headers whose names say so, and any value that holds one of the source's secrets.
 */
#include "inbound/inbound_priv.h"

enum { HEADERS_MAX = 64 * 1024, URL_MAX = 8192, FORWARD_MAX = 16 * 1024, SECRET_LEN_MIN = 4 };

static const char redacted[] = "[secret]";

/* Parts of names that say that the value is nobody's business. */
static const char *const sensitive[] = { "authorization", "cookie", "token",   "secret",
                                         "api-key",       "apikey", "password" };

/* Of the connection, of proxies, or ours to set. */
static const char *const own_headers[] = {
    "host",
    "connection",
    "content-length",
    "content-type",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "keep-alive",
    "accept",
    "accept-encoding",
    "accept-language",
    "user-agent",
    "forwarded",
    "via",
    "x-real-ip",
    "x-request-id",
    "traceparent",
    "tracestate",
    "content-encoding",
};
static const char *const own_prefixes[] = { "webhook-", "svix-", "x-forwarded-",
                                            "proxy-",   "cf-",   "sec-" };

/* `part` in small letters. The first letter rules most places out. */
static bool contains_nocase(struct str s, const char *part)
{
    size_t len = strlen(part);
    for (size_t i = 0; i + len <= s.len; i++)
        if ((s.ptr[i] | 0x20) == part[0] && str_ieq(str_of(s.ptr + i, len), str_of(part, len)))
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
    for (size_t i = 0; i < COUNT_OF(sensitive); i++)
        if (contains_nocase(name, sensitive[i]))
            return true;
    return holds_secret(v, value);
}

static struct str headers_json(const struct inbound_view *v, const struct inbound_request *r,
                               struct arena *a)
{
    struct buf out;
    buf_init(&out, HEADERS_MAX);
    enum rc rc = buf_add_char(&out, '[');
    for (size_t i = 0; rc == RC_OK && i < r->engine.header_count; i++) {
        struct str name = verify_str(r->headers[i].name);
        struct str value = verify_str(r->headers[i].value);
        if (is_secret(v, name, value))
            value = str_of(redacted, sizeof(redacted) - 1);
        size_t before = out.len;
        if (buf_addf(&out, "%s[", i == 0 ? "" : ",") != RC_OK ||
            buf_add_json(&out, name) != RC_OK || buf_add_char(&out, ',') != RC_OK ||
            buf_add_json(&out, value) != RC_OK ||
            buf_add(&out, "]]", 2) != RC_OK) { /* room for the last bracket, too */
            buf_cut(&out, before);
            break;
        }
        buf_cut(&out, out.len - 1);
    }
    rc = buf_add_char(&out, ']');
    MUST(rc == RC_OK);
    struct str text = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return text;
}

void inbound_describe(const struct inbound_view *v, const struct inbound_request *r,
                      struct str peer, struct arena *a, struct store_request *out)
{
    struct str query = verify_str(r->engine.query);
    struct str body = verify_str(r->engine.body);
    bool hides = v->scheme->is_token || holds_secret(v, query);
    out->source = v->num;
    out->app = v->app;
    out->at_us = r->at_us;
    out->method = verify_str(r->engine.method);
    /* The token is the key to the door: it is not kept. */
    out->url = query.len == 0 ? STR("/in/")
                              : arena_fmt(a, "/in/?%.*s", STR_ARGS(str_sub(query, 0, URL_MAX)));
    if (query.len > 0 && hides)
        out->url = STR("/in/?[secret]");
    out->peer = peer;
    out->headers = headers_json(v, r, a);
    out->body = body.ptr == NULL ? STR("") : body;
    out->body_bytes = (int64_t)body.len;
}

static bool begins(struct str name, const char *with, size_t len)
{
    return name.len >= len && (name.ptr[0] | 0x20) == with[0] &&
           str_ieq(str_of(name.ptr, len), str_of(with, len));
}

static bool is_ours(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(own_headers); i++)
        if (strlen(own_headers[i]) == name.len && begins(name, own_headers[i], name.len))
            return true;
    for (size_t i = 0; i < COUNT_OF(own_prefixes); i++)
        if (begins(name, own_prefixes[i], strlen(own_prefixes[i])))
            return true;
    return false;
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
        if (goes && buf_addf(&lines, "%.*s: %.*s\r\n", STR_ARGS(name), STR_ARGS(value)) != RC_OK)
            break;
    }
    struct str text = lines.len == 0 ? STR_NONE : arena_str(a, buf_str(&lines));
    buf_fini(&lines);
    return text;
}
