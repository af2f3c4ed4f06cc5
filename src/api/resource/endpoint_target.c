/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an endpoint's deliveries go: its URL, which says the kind of destination, and the settings of that kind.
 * Credentials leave the URL here and are sealed; nothing shows them again.
 */
#include "api/resource/endpoint_target_priv.h"

#include "core/options.h"
#include "dest/url.h"

bool api_endpoint_open_options(struct api_ctx *c, const struct store_endpoint *ep, json_t **out)
{
    enum rc rc = core_options_open(c->api->o.vault, c->arena, ep, out);
    return api_ok(c, rc);
}

bool api_endpoint_fill_url(struct api_ctx *c, struct store_endpoint *ep)
{
    struct dest_url url;
    if (!api_has(c, "url"))
        return true;
    const struct dest_kind *kind = dest_of_url(api_get_str(c, "url"));
    enum rc rc = kind->read_url(api_get_str(c, "url"), c->arena, &url, NULL);
    MUST(rc == RC_OK); /* the schema has checked it */
    if (c->api->o.endpoint_https_only && !url.is_tls) {
        http_invalid(c->req, "body.url", "value_error", "Endpoint URL schemes must be %s",
                     kind->schemes[0]);
        return false;
    }
    rc = dest_url_put(c->api->o.vault, c->arena, kind, &url, ep);
    return api_ok(c, rc);
}

/* The body's settings of one kind. */
static bool check_settings(struct api_ctx *c, const struct store_endpoint *ep,
                           const struct dest_kind *kind, const json_t *settings)
{
    struct buf why;
    const char *where = "";
    struct str member = arena_fmt(c->arena, "body.%s", kind->name);
    if (dest_find(ep->kind) != kind) {
        http_invalid(c->req, arena_cstr(c->arena, member), "value_error", "Only with %s.",
                     kind->url_words);
        return false;
    }
    buf_init(&why, 256);
    enum rc rc = kind->check(settings, c->arena, &where, &why);
    if (rc != RC_OK && where[0] != '\0')
        member = arena_fmt(c->arena, "body.%s.%s", kind->name, where);
    if (rc != RC_OK)
        http_invalid(c->req, arena_cstr(c->arena, member), "value_error", "%s",
                     why.ptr == NULL ? "Not valid." : why.ptr);
    buf_fini(&why);
    return rc == RC_OK;
}

bool api_endpoint_check_settings(struct api_ctx *c, const struct store_endpoint *ep)
{
    for (size_t i = 0; i < DEST_COUNT; i++) {
        const struct dest_kind *kind = dest_kinds[i];
        const json_t *settings = kind->check == NULL ? NULL : api_get(c, kind->name);
        if (settings != NULL && !check_settings(c, ep, kind, settings))
            return false;
    }
    return true;
}
