/* SPDX-License-Identifier: Apache-2.0
 *
 * Signing keys of endpoints: show, rotate. Keys are kept sealed; the old one goes on signing beside
 * the new one until its grace is over, so receivers can change over without a gap.
 */
#include "api/endpoint_priv.h"
#include "api/schemas.h"

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
    if (rc != RC_OK) {
        api_fail(c, rc);
        return;
    }
    char text[SIGN_SECRET_TEXT_MAX];
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_str(&o, "key", sign_key_show(&key, text));
    api_out_end(&o, '}');
    mem_wipe(&key, sizeof(key));
    mem_wipe(text, sizeof(text));
    api_reply(c, 200, &o);
}

static void get_secret(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_read(&c, &tx))
        return;
    struct store_application app;
    struct store_endpoint ep;
    if (!api_endpoint_of(&c, tx, &app, &ep))
        return;
    store_end(tx);
    reply_key(&c, &ep);
}

/* Moves the current key to the old ones; those whose time is over go. False: too many. */
static bool retire(struct store_endpoint *ep, int64_t now_us, int64_t expires_us)
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
    return !c->ingest && !c->operational && str_skip_prefix(&agent, STR("svix-libs/")) &&
           str_split(&agent, '.', &major) && str_to_u64(major, &version) == RC_OK && version >= 2;
}

static void rotate_secret(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_EndpointSecretRotateIn, true) ||
        !api_write(&c, &tx))
        return;
    struct store_application app;
    struct store_endpoint ep;
    if (!api_endpoint_of(&c, tx, &app, &ep))
        return;
    int64_t grace = api_get_int(&c, "gracePeriodSeconds", GRACE_DEFAULT_S);
    if (!retire(&ep, c.now_us, c.now_us + grace * INT64_C(1000000))) {
        http_error(req, 400, "limit_reached", "At most %d old keys may still be valid.",
                   STORE_OLD_KEYS_MAX);
        store_end(tx);
        return;
    }
    if (!api_endpoint_new_key(&c, &ep, api_get_str(&c, "key"), "body.key")) {
        store_end(tx);
        return;
    }
    ep.updated_us = c.now_us;
    enum rc rc = store_endpoint_update(tx, &ep);
    if (rc != RC_OK) {
        api_abort(&c, tx, rc);
        return;
    }
    if (reads_new_key(&c) && (c.who->app == 0 || (c.who->capabilities & CORE_MAY_VIEW_SECRET) != 0))
        reply_key(&c, &ep);
    else
        api_reply_empty(&c, 204);
    if (api_commit(&c, tx))
        core_directory_changed(c.api->o.directory, app.num);
}

#define BASE "/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret"
#define OWN "/api/v1/operational-webhook/endpoint/{endpoint_id}/secret"
#define IN "/ingest/api/v1/source/{source_id}/endpoint/{endpoint_id}/secret"
#define CHANGE (API_APP | API_WRITE | API_CAN(CORE_MAY_MANAGE_SECRET))
static const struct http_route routes[] = {
    { HTTP_GET, BASE, HTTP_WORKER, get_secret, API_APP | API_CAN(CORE_MAY_VIEW_SECRET),
      "v1.endpoint.get-secret", "Get an endpoint's signing secret" },
    { HTTP_POST, BASE "/rotate", HTTP_WORKER, rotate_secret, CHANGE, "v1.endpoint.rotate-secret",
      "Give an endpoint a new signing secret" },
    { HTTP_GET, OWN, HTTP_WORKER, get_secret, API_ORG, "v1.operational-webhook.endpoint.get-secret",
      "Get an operational endpoint's signing secret" },
    { HTTP_POST, OWN "/rotate", HTTP_WORKER, rotate_secret, API_ORG | API_WRITE,
      "v1.operational-webhook.endpoint.rotate-secret",
      "Give an operational endpoint a new signing secret" },
    { HTTP_GET, IN, HTTP_WORKER, get_secret, API_APP, "v1.ingest.endpoint.get-secret",
      "Get the signing secret of a source's endpoint" },
    { HTTP_POST, IN "/rotate", HTTP_WORKER, rotate_secret, API_APP | API_WRITE,
      "v1.ingest.endpoint.rotate-secret", "Give a source's endpoint a new signing secret" },
};
API_ROUTES(endpoint_secret, routes);
