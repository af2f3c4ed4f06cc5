/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints of kind "amqp": which broker, with what credentials, and the way in. Credentials leave the
 * URL here and are sealed; nothing shows them again.
 */
#include "api/endpoint_priv.h"

#include "core/broker.h"

static json_t *open_sealed(struct api_ctx *c, const struct store_endpoint *ep)
{
    struct str text;
    json_t *options = NULL;
    if (ep->options_sealed.ptr != NULL &&
        core_open_json(c->api->o.vault, CORE_SECRET_OPTIONS, ep->id, ep->options_sealed, c->arena,
                       &text) == RC_OK &&
        json_parse(text, &options, NULL) == RC_OK)
        return options;
    return json_object();
}

static bool keep_credentials(struct api_ctx *c, struct store_endpoint *ep,
                             const struct broker_url *url)
{
    json_t *options = open_sealed(c, ep);
    core_broker_keep_credentials(options, url);
    ep->options_sealed = STR_NONE;
    enum rc rc = RC_OK;
    if (json_object_size(options) > 0) {
        struct buf *sealed = api_buf(c, API_REPLY_MAX);
        rc = core_seal_json(c->api->o.vault, CORE_SECRET_OPTIONS, ep->id,
                            json_text(c->arena, options), sealed);
        ep->options_sealed = buf_str(sealed);
    }
    json_decref(options);
    if (rc != RC_OK)
        api_fail(c, rc);
    return rc == RC_OK;
}

bool api_endpoint_fill_broker_url(struct api_ctx *c, struct store_endpoint *ep)
{
    struct broker_url url;
    enum rc rc = broker_url_parse(api_get_str(c, "url"), c->arena, &url, NULL);
    MUST(rc == RC_OK); /* the schema has checked it */
    if (c->api->o.endpoint_https_only && !url.tls) {
        http_invalid(c->req, "body.url", "value_error",
                     "Endpoint URL schemes must be https or amqps");
        return false;
    }
    bool is_same = str_eq(ep->kind, STR("amqp")) && str_eq(ep->url, url.shown);
    ep->kind = STR("amqp");
    ep->url = url.shown;
    return (is_same && !url.has_credentials) || keep_credentials(c, ep, &url);
}

bool api_endpoint_check_broker(struct api_ctx *c, const struct store_endpoint *ep)
{
    struct broker_route route;
    struct buf why;
    const char *where = "";
    const json_t *settings = api_get(c, "amqp");
    if (settings == NULL)
        return true;
    if (!str_eq(ep->kind, STR("amqp"))) {
        http_invalid(c->req, "body.amqp", "value_error", "Only with an amqp or amqps URL.");
        return false;
    }
    buf_init(&why, 256);
    enum rc rc = broker_route_compile(settings, c->arena, &route, &where, &why);
    if (rc != RC_OK)
        http_invalid(c->req,
                     where[0] == '\0'
                         ? "body.amqp"
                         : arena_cstr(c->arena, arena_fmt(c->arena, "body.amqp.%s", where)),
                     "value_error", "%s", why.ptr == NULL ? "Not valid." : why.ptr);
    buf_fini(&why);
    return rc == RC_OK;
}
