/* SPDX-License-Identifier: Apache-2.0
 *
 * Signing keys of endpoints: show, rotate. Keys are kept sealed; the old one goes on signing beside
 * the new one until its grace is over, so receivers can change over without a gap.
 */
#include "api/resource/endpoint_secret_priv.h"

#include "api/resource/endpoint_commit_priv.h"
#include "api/schemas/schemas.h"

enum { GRACE_DEFAULT_S = 86400 };

bool api_endpoint_new_key(struct api_ctx *c, struct store_endpoint *ep, struct str text,
                          const char *where)
{
    struct sign_key key;
    struct buf why;
    buf_init(&why, 200);
    enum rc rc = RC_OK;
    if (text.ptr != NULL)
        rc = sign_key_parse(text, &key, &why);
    else
        sign_key_generate(c->api->o.default_key, c->api->o.rng, &key);
    if (rc != RC_OK)
        http_invalid(c->req, where, "value_error", "%s", why.ptr == NULL ? "Not a key." : why.ptr);
    buf_fini(&why);
    if (rc != RC_OK)
        return false;
    struct buf *sealed = api_buf(c, 1024);
    rc = core_seal_key(c->api->o.vault, ep->id, &key, sealed);
    mem_wipe(&key, sizeof(key));
    if (rc != RC_OK) {
        api_fail(c, rc);
        return false;
    }
    ep->keys[0] = (struct store_endpoint_key){ .sealed = buf_str(sealed) };
    if (ep->key_count == 0)
        ep->key_count = 1;
    return true;
}

static void reply_key(struct api_ctx *c, const struct store_endpoint *ep)
{
    struct sign_key key;
    enum rc rc = ep->key_count == 0
                     ? RC_CORRUPT
                     : core_open_key(c->api->o.vault, ep->id, ep->keys[0].sealed, &key);
    if (api_ok(c, rc))
        api_reply_key(c, &key);
}

static void get_secret(struct api_ctx *c)
{
    reply_key(c, &c->endpoint);
}

/* Moves the current key to the old ones; those whose time is over go. False: too many. */
static bool endpoint_secret_retire(struct store_endpoint *ep, int64_t now_us, int64_t expires_us)
{
    struct store_endpoint_key kept[STORE_OLD_KEYS_MAX];
    size_t count = 0;
    if (ep->key_count > 0 && expires_us > now_us) {
        kept[count] = ep->keys[0];
        kept[count++].expires_us = expires_us;
    }
    for (size_t i = 1; i < ep->key_count; i++) {
        if (ep->keys[i].expires_us <= now_us)
            continue;
        if (count == STORE_OLD_KEYS_MAX)
            return false;
        kept[count++] = ep->keys[i];
    }
    memcpy(&ep->keys[1], kept, count * sizeof(kept[0]));
    ep->key_count = 1 + count;
    return true;
}

/* SDKs before version 2, and whoever goes by the published contract, expect 204; some take a body for a fault. From
 * version 2 on SDKs read the new key from the answer of an application's endpoint, and take 204 for one. */
static bool reads_new_key(const struct api_ctx *c)
{
    struct str agent = http_call_header(c->req->call, "user-agent");
    struct str major;
    uint64_t version;
    return !api_of_source(c) && !api_of_events(c) && str_skip_prefix(&agent, STR("svix-libs/")) &&
           str_split(&agent, '.', &major) && str_to_u64(major, &version) == RC_OK && version >= 2;
}

static void rotate_secret(struct api_ctx *c)
{
    int64_t grace = api_get_int(c, "gracePeriodSeconds", GRACE_DEFAULT_S);
    if (!endpoint_secret_retire(&c->endpoint, c->own_us, c->own_us + grace * INT64_C(1000000))) {
        http_error(c->req, 400, "limit_reached", "At most %d old keys may still be valid.",
                   STORE_OLD_KEYS_MAX);
        return;
    }
    if (!api_endpoint_new_key(c, &c->endpoint, api_get_str(c, "key"), "body.key"))
        return;
    c->endpoint.updated_us = c->now_us;
    enum rc rc = store_endpoint_update(c->tx, &c->endpoint);
    if (!api_ok(c, rc))
        return;
    if (reads_new_key(c) && (c->who->capabilities & ACCESS_MAY_VIEW_SECRET) != 0)
        reply_key(c, &c->endpoint);
    else
        api_reply_empty(c, 204);
    api_endpoint_commit(c, &c->endpoint, "endpoint.updated");
}

#define BASE "/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret"
#define OWN "/api/v1/operational-webhook/endpoint/{endpoint_id}/secret"
#define IN "/ingest/api/v1/source/{source_id}/endpoint/{endpoint_id}/secret"
#define CHANGE (API_APP | API_WRITE | API_CAN(ACCESS_MAY_MANAGE_SECRET))
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, BASE, API_APP | API_CAN(ACCESS_MAY_VIEW_SECRET), "v1.endpoint.get-secret",
                "Get an endpoint's signing secret"),
      .run = get_secret, .steps = API_READS | API_FINDS_ENDPOINT,
      .out = &api_schema_EndpointSecretOut, .status = 200 },
    { API_ROUTE(HTTP_POST, BASE "/rotate", CHANGE, "v1.endpoint.rotate-secret",
                "Give an endpoint a new signing secret"),
      .run = rotate_secret, .steps = API_BODY_MAYBE | API_WRITES | API_FINDS_ENDPOINT,
      .in = &api_schema_EndpointSecretRotateIn, .out = &api_schema_EndpointSecretOut, .status = 204,
      .other_status = 200 },
    { API_ROUTE(HTTP_GET, OWN, API_ORG | API_CAN(ACCESS_MAY_VIEW_SECRET),
                "v1.operational-webhook.endpoint.get-secret",
                "Get an operational endpoint's signing secret"),
      .run = get_secret, .steps = API_OF_EVENTS | API_READS | API_FINDS_ENDPOINT,
      .out = &api_schema_EndpointSecretOut, .status = 200 },
    { API_ROUTE(HTTP_POST, OWN "/rotate", API_ORG | API_WRITE,
                "v1.operational-webhook.endpoint.rotate-secret",
                "Give an operational endpoint a new signing secret"),
      .run = rotate_secret,
      .steps = API_OF_EVENTS | API_BODY_MAYBE | API_WRITES | API_FINDS_ENDPOINT,
      .in = &api_schema_EndpointSecretRotateIn, .status = 204 },
    { API_ROUTE(HTTP_GET, IN, API_APP | API_CAN(ACCESS_MAY_VIEW_SECRET),
                "v1.ingest.endpoint.get-secret", "Get the signing secret of a source's endpoint"),
      .run = get_secret, .steps = API_OF_SOURCE | API_READS | API_FINDS_ENDPOINT,
      .out = &api_schema_EndpointSecretOut, .status = 200 },
    { API_ROUTE(HTTP_POST, IN "/rotate", API_APP | API_WRITE, "v1.ingest.endpoint.rotate-secret",
                "Give a source's endpoint a new signing secret"),
      .run = rotate_secret,
      .steps = API_OF_SOURCE | API_BODY_MAYBE | API_WRITES | API_FINDS_ENDPOINT,
      .in = &api_schema_EndpointSecretRotateIn, .status = 204 },
};
API_ROUTES(endpoint_secret, routes);
