/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/resource/endpoint_commit_priv.h.
 */
#include "api/resource/endpoint_commit_priv.h"

static void endpoint_commit_tell(struct api_ctx *c, const struct store_endpoint *ep,
                                 const char *event)
{
    bool disables = ep->disabled && str_eq(str_from(event), STR("endpoint.disabled"));
    if (api_of_events(c) ||
        (api_of_source(c) && !disables)) /* of a source's, nothing else has a name */
        return;
    json_t *data = api_of_source(c)
                       ? core_events_source_data(c->app.uid, ep->id, ep->uid)
                       : core_events_endpoint_data(c->app.id, c->app.uid, ep->id, ep->uid);
    if (disables)
        json_object_set_new(data, "trigger", json_string("manual"));
    core_events_emit(c->api->o.events, c->who->org,
                     api_of_source(c) ? "ingest.endpoint.disabled" : event, data);
}

void api_endpoint_commit(struct api_ctx *c, const struct store_endpoint *ep, const char *event)
{
    if (api_tx_commit(c))
        endpoint_commit_tell(c, ep, event);
}

void api_endpoint_save(struct api_ctx *c)
{
    if (!api_ok(c, store_endpoint_update(c->tx, &c->endpoint)))
        return;
    api_reply_empty(c, 204);
    api_endpoint_commit(c, &c->endpoint, "endpoint.updated");
}
