/* SPDX-License-Identifier: Apache-2.0
 *
 * About the server itself: health, the OpenAPI document, a page that shows the reference.
 */
#include "api/kit/kit_priv.h"
#include "api/schemas/schemas.h"

static void write_part(struct api_out *o, const char *name, bool ok)
{
    api_out_key(o, name);
    api_out_begin(o, '{');
    api_out_str(o, "status", ok ? STR("ok") : STR("error"));
    api_out_end(o, '}');
}

static bool config_reads(struct api *api)
{
    struct store_tx *tx = NULL;
    if (store_read(api->o.store, &tx) != RC_OK)
        return false;
    store_end(tx);
    return true;
}

static void meta_health(struct api_ctx *c)
{
    struct buf why;
    buf_init(&why, 256);
    bool database = config_reads(c->api);
    bool queue = store_health(c->api->o.store, &why) == RC_OK;
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    write_part(&o, "database", database);
    write_part(&o, "queue", queue);
    write_part(&o, "cache", true);
    if (why.len > 0)
        api_out_str(&o, "reason", buf_str(&why));
    api_out_end(&o, '}');
    buf_fini(&why);
    api_reply(c, database && queue ? 200 : 500, &o);
}

static void meta_ping(struct http_request *req)
{
    req->reply.status = 204;
    http_answer(req);
}

static void meta_openapi(struct api_ctx *c)
{
    struct api_out o;
    api_out_open(c, &o);
    o.rc = api_openapi(c->api, o.b);
    api_reply(c, 200, &o);
}

static enum rc add_escaped(struct buf *out, struct str text)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < text.len && rc == RC_OK; i++) {
        if (text.ptr[i] == '<')
            rc = buf_add_str(out, STR("&lt;"));
        else if (text.ptr[i] == '&')
            rc = buf_add_str(out, STR("&amp;"));
        else
            rc = buf_add_char(out, text.ptr[i]);
    }
    return rc;
}

static void meta_docs(struct api_ctx *c)
{
    struct api_out o;
    struct buf text;
    buf_init(&text, 1024 * 1024);
    api_out_open(c, &o);
    o.rc = api_reference(c->api, &text);
    if (o.rc == RC_OK)
        o.rc = buf_add_str(
            o.b, STR("<!doctype html><meta charset=utf-8><title>Grapnel API</title>"
                     "<p><a href=\"/api/v1/openapi.json\">OpenAPI document</a></p><pre>"));
    if (o.rc == RC_OK)
        o.rc = add_escaped(o.b, buf_str(&text));
    if (o.rc == RC_OK)
        o.rc = buf_add_str(o.b, STR("</pre>"));
    buf_fini(&text);
    api_reply(c, 200, &o);
    if (c->req->reply.status == 200)
        c->req->reply.content_type = STR("text/html; charset=utf-8");
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/health", API_OPEN, "v1.health.get",
                "Is the server able to accept?"),
      .run = meta_health, .out = &api_schema_HealthOut, .status = 200 },
    { .http = { HTTP_GET, "/api/v1/health/ping", HTTP_INLINE, meta_ping, API_OPEN, NULL,
                "Is the server there?" } },
    { API_ROUTE(HTTP_GET, "/api/v1/openapi.json", API_OPEN, NULL,
                "This API as an OpenAPI document"),
      .run = meta_openapi },
    { API_ROUTE(HTTP_GET, "/docs", API_OPEN, NULL, "The reference as a page"), .run = meta_docs },
};
API_ROUTES(meta, routes);
