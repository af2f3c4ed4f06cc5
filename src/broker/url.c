/* SPDX-License-Identifier: Apache-2.0
 *
 * See broker/url.h. Authority and path are read by the parser of http URLs, so that both kinds of
 * endpoint are as strict about hosts and ports.
 */
#include "broker/url.h"

#include "http/url.h"

enum { URL_MAX = 4096, PART_MAX = 255, PORT = 5672, PORT_TLS = 5671 };

bool broker_url_is(struct str text)
{
    return str_starts(text, STR("amqp://")) || str_starts(text, STR("amqps://"));
}

static enum rc url_decode(struct str part, struct arena *a, struct str *out, struct buf *why,
                          const char *what)
{
    struct buf plain;
    buf_init(&plain, PART_MAX);
    enum rc rc = percent_decode(part, false, &plain);
    if (rc == RC_OK && plain.len > 0 && memchr(plain.ptr, '\0', plain.len) != NULL)
        rc = RC_INVALID;
    if (rc == RC_OK)
        *out = arena_str(a, buf_str(&plain));
    else
        buf_say(why, "the %s is not percent-encoded text of at most %d bytes", what, PART_MAX);
    if (plain.ptr != NULL)
        mem_wipe(plain.ptr, plain.len);
    buf_fini(&plain);
    return rc == RC_OK ? RC_OK : RC_INVALID;
}

static enum rc read_user(const struct http_url *http, struct arena *a, struct broker_url *out,
                         struct buf *why)
{
    out->user = out->password = STR("guest");
    out->has_credentials = http->userinfo.len > 0;
    if (!out->has_credentials)
        return RC_OK;
    size_t colon = str_find(http->userinfo, ':');
    enum rc rc = url_decode(str_sub(http->userinfo, 0, colon), a, &out->user, why, "user");
    if (rc == RC_OK)
        rc = url_decode(str_sub(http->userinfo, colon + 1, http->userinfo.len), a, &out->password,
                        why, "password");
    return rc;
}

static enum rc read_vhost(struct str target, struct arena *a, struct broker_url *out,
                          struct buf *why)
{
    struct str path = target;
    out->vhost = STR("/");
    (void)str_skip_prefix(&path, STR("/"));
    if (path.len == 0)
        return RC_OK;
    if (str_find(path, '/') < path.len || str_find(path, '?') < path.len) {
        buf_say(why, "after the host comes one virtual host; a slash in its name is written %%2F");
        return RC_INVALID;
    }
    return url_decode(path, a, &out->vhost, why, "virtual host");
}

enum rc broker_url_parse(struct str text, struct arena *a, struct broker_url *out, struct buf *why)
{
    struct str rest = text;
    struct http_url http;
    *out = (struct broker_url){ .tls = str_starts(text, STR("amqps://")) };
    if (!broker_url_is(text) || text.len > URL_MAX) {
        buf_say(why, "an amqp:// or amqps:// URL of at most %d bytes is expected", URL_MAX);
        return RC_INVALID;
    }
    if (str_find(text, '\0') < text.len) { /* or it would be read as the shorter one before it */
        buf_say(why, "there is a zero byte in the URL");
        return RC_INVALID;
    }
    rest = str_sub(text, out->tls ? 8 : 7, text.len);
    struct str plain = arena_fmt(a, "http://%.*s", STR_ARGS(rest));
    enum rc rc = http_url_parse(plain, &http, why);
    if (rc == RC_OK)
        rc = read_user(&http, a, out, why);
    if (rc == RC_OK)
        rc = read_vhost(http.target, a, out, why);
    if (rc != RC_OK)
        return RC_INVALID;
    out->host = arena_str(a, http.host);
    out->port = http.port_given ? http.port : out->tls ? PORT_TLS : PORT;
    size_t skip =
        http.userinfo.len > 0 ? (size_t)(http.userinfo.ptr - plain.ptr) + http.userinfo.len + 1 : 7;
    out->shown = arena_fmt(a, "%s%.*s", out->tls ? "amqps://" : "amqp://",
                           STR_ARGS(str_sub(plain, skip, plain.len)));
    return RC_OK;
}
