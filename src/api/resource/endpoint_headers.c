/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers an owner adds to an endpoint's deliveries. They may hold credentials: kept sealed, and
 * those whose names say so are never shown.
 */
#include "api/resource/endpoint_headers_priv.h"

#include "api/resource/endpoint_commit_priv.h"
#include "api/schemas/schemas.h"

enum { HEADERS_MAX = 100, VALUE_MAX = 4096 };

/* Names that are ours or the connection's to set. */
static const char *const forbidden[] = {
    "user-agent",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "age",
    "cache-control",
    "clear-site-data",
    "expires",
    "pragma",
    "warning",
    "content-length",
    "content-type",
    "content-encoding",
    "content-language",
    "content-location",
    "host",
    "connection",
    "trailer",
    "expect",
};
static const char *const forbidden_prefixes[] = {
    "x-amz-",   "x-amzn-", "x-google", "x-goog-", "x-gfe",
    "x-azure-", "x-fd-",   "x-svix-",  "svix-",   "webhook-",
};
static const char *const sensitive[] = {
    "x-auth-token",       "x-api-key",           "www-authenticate", "authorization",
    "proxy-authenticate", "proxy-authorization", "cookie",
};

static bool is_one_of(struct str name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_ieq(name, str_from(list[i])))
            return true;
    return false;
}

const char *api_header_fault(struct str name, struct str value)
{
    if (!http_is_token(name) || name.len > 256)
        return "Not the name of a header.";
    if (is_one_of(name, forbidden, COUNT_OF(forbidden)))
        return "This header may not be set.";
    for (size_t i = 0; i < COUNT_OF(forbidden_prefixes); i++) {
        struct str prefix = str_from(forbidden_prefixes[i]);
        if (str_ieq(str_sub(name, 0, prefix.len), prefix))
            return "Headers that begin so may not be set.";
    }
    if (!http_is_field_value(value) || value.len > VALUE_MAX)
        return "Not the value of a header (at most 4096 bytes, no control characters).";
    return NULL;
}

static bool all_fine(struct api_ctx *c, const json_t *headers, const char *where)
{
    if (json_object_size(headers) > HEADERS_MAX) {
        http_invalid(c->req, where, "value_error", "At most %d headers.", HEADERS_MAX);
        return false;
    }
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)headers, name, value)
    {
        const char *fault = api_header_fault(str_from(name), json_str_of(value));
        if (fault != NULL) {
            http_invalid(c->req, where, "value_error", "%.100s: %s", name, fault);
            return false;
        }
    }
    return true;
}

bool api_headers_set(struct api_ctx *c, struct store_endpoint *ep, const json_t *headers,
                     const char *where)
{
    if (!all_fine(c, headers, where))
        return false;
    ep->headers = STR_NONE;
    if (json_object_size(headers) == 0)
        return true;
    struct buf *sealed = api_buf(c, 1024 * 1024);
    enum rc rc = core_seal_json(c->api->o.vault, CORE_SECRET_HEADERS, ep->id,
                                json_text(c->arena, headers), sealed);
    if (rc != RC_OK) {
        api_fail(c, rc);
        return false;
    }
    ep->headers = buf_str(sealed);
    return true;
}

/* A new object; empty if there are none. */
static enum rc open_headers(struct api_ctx *c, const struct store_endpoint *ep, json_t **out)
{
    struct str text = STR("{}");
    enum rc rc = RC_OK;
    if (ep->headers.ptr != NULL)
        rc = core_open_json(c->api->o.vault, CORE_SECRET_HEADERS, ep->id, ep->headers, c->arena,
                            &text);
    return rc == RC_OK ? json_parse(text, out, NULL) : rc;
}

static void get_headers(struct api_ctx *c)
{
    json_t *headers = NULL;
    enum rc rc = open_headers(c, &c->endpoint, &headers);
    if (!api_ok(c, rc))
        return;
    struct api_out o;
    const char *name;
    json_t *value;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_key(&o, "headers");
    api_out_begin(&o, '{');
    json_object_foreach(headers, name,
                        value) if (!is_one_of(str_from(name), sensitive, COUNT_OF(sensitive)))
        api_out_str(&o, name, json_str_of(value));
    api_out_end(&o, '}');
    api_out_key(&o, "sensitive");
    api_out_begin(&o, '[');
    json_object_foreach(headers, name,
                        value) if (is_one_of(str_from(name), sensitive, COUNT_OF(sensitive)))
        api_out_str(&o, NULL, str_from(name));
    api_out_end(&o, ']');
    api_out_end(&o, '}');
    json_decref(headers);
    api_reply(c, 200, &o);
}

static void store_headers(struct api_ctx *c, const json_t *headers)
{
    if (!api_headers_set(c, &c->endpoint, headers, "body.headers"))
        return;
    c->endpoint.updated_us = c->now_us;
    api_endpoint_save(c);
}

static void put_headers(struct api_ctx *c)
{
    store_headers(c, api_get(c, "headers"));
}

/* Names differ by case only in writing: the one that is there goes. */
static void remove_header(json_t *headers, struct str name)
{
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(headers, next, key, value) if (str_ieq(str_from(key), name))
        json_object_del(headers, key);
}

static void patch_headers(struct api_ctx *c)
{
    json_t *headers = NULL;
    enum rc rc = open_headers(c, &c->endpoint, &headers);
    if (!api_ok(c, rc))
        return;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)api_get(c, "headers"), name, value)
    {
        remove_header(headers, str_from(name));
        if (!json_is_null(value))
            json_object_set(headers, name, value);
    }
    const json_t *gone = api_get(c, "deleteHeaders");
    for (size_t i = 0; i < json_array_size(gone); i++)
        remove_header(headers, json_str_of(json_array_get(gone, i)));
    store_headers(c, headers);
    json_decref(headers);
}

#define BASE "/api/v1/app/{app_id}/endpoint/{endpoint_id}/headers"
#define OWN "/api/v1/operational-webhook/endpoint/{endpoint_id}/headers"
#define IN "/ingest/api/v1/source/{source_id}/endpoint/{endpoint_id}/headers"
#define CHANGE (API_APP | API_WRITE | API_CAN(ACCESS_MAY_MANAGE_ENDPOINT))
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, BASE, API_APP | API_CAN(ACCESS_MAY_VIEW), "v1.endpoint.get-headers",
                "Get the headers an endpoint's deliveries carry"),
      .run = get_headers, .steps = API_READS | API_FINDS_ENDPOINT,
      .out = &api_schema_EndpointHeadersOut, .status = 200 },
    { API_ROUTE(HTTP_PUT, BASE, CHANGE, "v1.endpoint.set-headers",
                "Set the headers an endpoint's deliveries carry"),
      .run = put_headers, .steps = API_WRITES | API_FINDS_ENDPOINT,
      .in = &api_schema_EndpointHeadersIn, .status = 204 },
    { API_ROUTE(HTTP_PATCH, BASE, CHANGE, "v1.endpoint.patch-headers",
                "Change some of the headers an endpoint's deliveries carry"),
      .run = patch_headers, .steps = API_WRITES | API_FINDS_ENDPOINT,
      .in = &api_schema_EndpointHeadersPatchIn, .status = 204 },
    { API_ROUTE(HTTP_GET, OWN, API_ORG, "v1.operational-webhook.endpoint.get-headers",
                "Get an operational endpoint's headers"),
      .run = get_headers, .steps = API_OF_EVENTS | API_READS | API_FINDS_ENDPOINT,
      .out = &api_schema_EndpointHeadersOut, .status = 200 },
    { API_ROUTE(HTTP_PUT, OWN, API_ORG | API_WRITE, "v1.operational-webhook.endpoint.set-headers",
                "Set an operational endpoint's headers"),
      .run = put_headers, .steps = API_OF_EVENTS | API_WRITES | API_FINDS_ENDPOINT,
      .in = &api_schema_EndpointHeadersIn, .status = 204 },
    { API_ROUTE(HTTP_GET, IN, API_APP, "v1.ingest.endpoint.get-headers",
                "Get the headers deliveries of a source's endpoint carry"),
      .run = get_headers, .steps = API_OF_SOURCE | API_READS | API_FINDS_ENDPOINT,
      .out = &api_schema_EndpointHeadersOut, .status = 200 },
    { API_ROUTE(HTTP_PUT, IN, API_APP | API_WRITE, "v1.ingest.endpoint.set-headers",
                "Set the headers deliveries of a source's endpoint carry"),
      .run = put_headers, .steps = API_OF_SOURCE | API_WRITES | API_FINDS_ENDPOINT,
      .in = &api_schema_EndpointHeadersIn, .status = 204 },
};
API_ROUTES(endpoint_headers, routes);
