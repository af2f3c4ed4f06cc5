/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/kit/pack.h.
 */
#include "api/kit/pack.h"

#include "api/kit/context.h"
#include "http/coding.h"
#include "http/gzip.h"

bool api_pack_allowed(const struct api_route *route)
{
    return route != NULL && route->out != NULL && !api_schema_is_secret(route->out);
}

/* A body that has a validator is of the bytes as they are, and one that has a coding is packed already. */
static bool pack_is_free(const struct http_reply *reply)
{
    for (size_t i = 0; i < reply->header_count; i++) {
        struct str name = reply->headers[i].name;
        if (str_ieq(name, STR("ETag")) || str_ieq(name, STR("Content-Encoding")))
            return false;
    }
    return true;
}

void api_pack(struct api_ctx *c)
{
    struct http_reply *reply = &c->req->reply;
    const unsigned codings = 1u << HTTP_CODING_NONE | 1u << HTTP_CODING_GZIP;
    if (reply->body.len < API_PACK_MIN || reply->status < 200 || reply->status > 299 ||
        !str_eq(reply->content_type, STR("application/json")) || !api_pack_allowed(c->route) ||
        !pack_is_free(reply))
        return;
    http_add_header(c->req, STR("Vary"), STR("Accept-Encoding"));
    struct str accepted = http_call_header(c->req->call, "accept-encoding");
    if (http_coding_pick(accepted, codings) != HTTP_CODING_GZIP)
        return;
    struct buf *packed =
        api_buf(c, reply->body.len - reply->body.len / 8); /* less is not worth it */
    if (http_gzip(reply->body, packed) != RC_OK)
        return;
    reply->body = buf_str(packed);
    http_add_header(c->req, STR("Content-Encoding"), STR("gzip"));
}
