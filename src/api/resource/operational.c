/* SPDX-License-Identifier: Apache-2.0
 *
 * Which operational webhooks there are. Their endpoints, messages and attempts are served by the handlers of those of
 * applications.
 */
#include "api/kit/kit_priv.h"
#include "api/schemas/schemas.h"

static void list_event_types(struct api_ctx *c)
{
    struct api_out o;
    size_t count = 0;
    const struct core_event_kind *kinds = core_events_kinds(&count);
    api_list_open(c, &o);
    for (size_t i = 0; i < count; i++) {
        api_out_key(&o, NULL);
        api_out_begin(&o, '{');
        api_out_str(&o, "name", str_from(kinds[i].name));
        api_out_str(&o, "description", str_from(kinds[i].words));
        api_out_raw(&o, "example", core_events_example(str_from(kinds[i].name), c->arena));
        api_out_end(&o, '}');
    }
    api_out_end(&o, ']');
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/operational-webhook/event-type", API_ORG,
                "v1.operational-webhook.event-type.list",
                "List the event types of operational webhooks"),
      .run = list_event_types, .out = &api_schema_OperationalTypeListOut, .status = 200 },
};
API_ROUTES(operational, routes);
