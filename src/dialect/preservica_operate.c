/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking a subscription's receiver again whether it knows the secret, for an operator who wants to know it now. The
 * receiver is asked outside of any transaction, because it may take seconds.
 */
#include "dialect/envelopes_priv.h"
#include "dialect/preservica_list_priv.h"

#include "core/options.h"
#include "dest/url.h"

/* The subscription of the path. False: answered. */
static bool preservica_operate_find(struct api_ctx *c, struct store_endpoint *ep)
{
    struct store_application app;
    enum rc rc =
        store_application_find(c->tx, c->who->org, STR(PRESERVICA_APP_UID), c->arena, &app);
    if (rc == RC_OK)
        rc = store_endpoint_find(c->tx, app.num, api_param(c, "endpoint_id"), c->arena, ep);
    if (rc == RC_OK && preservica_list_trigger(c->arena, ep).ptr == NULL)
        rc = RC_NOT_FOUND;
    return api_ok(c, rc);
}

/* The URL with its credentials, and the secret. False: answered. */
static bool preservica_operate_open(struct api_ctx *c, const struct store_endpoint *ep,
                                    struct deliver_handshake *s)
{
    json_t *sealed = NULL;
    enum rc rc = dest_url_full(c->api->o.vault, c->arena, ep, &s->url);
    if (rc == RC_OK)
        rc = core_options_open(c->api->o.vault, c->arena, ep, &sealed);
    if (rc == RC_OK)
        s->secret = arena_secret(c->arena, json_str_member(sealed, "schemeSecret"));
    json_decref(sealed);
    return api_ok(c, rc);
}

static bool preservica_operate_ask(struct api_ctx *c, struct deliver_handshake *s)
{
    struct buf why;
    if (c->api->o.handshaker == NULL) {
        http_error(c->req, 503, "unavailable", "This server asks for no handshakes.");
        return false;
    }
    buf_init(&why, 400);
    enum rc rc = deliver_handshake_run(c->api->o.handshaker, s, &why);
    if (rc == RC_BUSY)
        http_error(c->req, 503, "busy", "Not asked: %s.", why.ptr);
    else if (rc == RC_LIMIT)
        http_error(c->req, 429, "too_many_handshakes", "Not asked: %s.", why.ptr);
    else if (rc != RC_OK)
        http_error(c->req, 422, "handshake_failed", "The receiver did not pass the handshake: %s.",
                   why.ptr);
    buf_fini(&why);
    return rc == RC_OK;
}

/* `asked` is the URL that passed: whoever changed it since has to be asked again. */
static enum rc preservica_operate_keep(struct api_ctx *c, struct store_endpoint *ep,
                                       struct str asked)
{
    char proof[CORE_PROOF_LEN + 1];
    json_t *options = dialect_options_of(ep);
    if (options == NULL || !str_eq(ep->url, asked)) {
        json_decref(options);
        return RC_CONFLICT;
    }
    core_handshake_proof(STR("preservica"), asked, proof);
    json_object_set_new(options, "handshake",
                        json_pack("{s:s, s:s, s:I}", "kind", "preservica", "proof", proof, "at",
                                  (json_int_t)c->now_us));
    ep->options = json_text(c->arena, options);
    ep->updated_us = c->now_us;
    if (ep->disabled && str_eq(ep->disabled_reason, STR("unverified"))) {
        ep->disabled = false;
        ep->disabled_reason = STR("");
    }
    json_decref(options);
    return store_endpoint_update(c->tx, ep);
}

static void preservica_operate_shake(struct api_ctx *c)
{
    struct store_endpoint ep = { 0 };
    struct deliver_handshake s = { .kind = &preservica_handshake, .org = c->who->org };
    struct api_out o;
    if (!api_tx_read(c))
        return;
    bool is_found = preservica_operate_find(c, &ep) && preservica_operate_open(c, &ep, &s);
    api_tx_end(c);
    s.app = ep.app;
    struct str asked = ep.url;
    if (!is_found || !preservica_operate_ask(c, &s) || !api_tx_write(c) ||
        !preservica_operate_find(c, &ep) || !api_ok(c, preservica_operate_keep(c, &ep, asked)))
        return;
    api_out_open(c, &o);
    preservica_list_write(c, &o, &ep, NULL);
    api_reply(c, 200, &o);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_POST, "/api/v1/preservica/subscription/{endpoint_id}/handshake",
                API_ORG | API_WRITE, "v1.preservica.subscription.handshake",
                "Ask a subscription's receiver again whether it knows the secret"),
      .run = preservica_operate_shake, .out = &dialect_schema_PreservicaSubscriptionOut,
      .status = 200 },
};
const struct api_route_table dialect_preservica_operate = { routes, COUNT_OF(routes) };
