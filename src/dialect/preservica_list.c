/* SPDX-License-Identifier: Apache-2.0
 *
 * All subscriptions of the Preservica dialect in a tenant, for who holds the tenant's token.
 */
#include "dialect/preservica_list_priv.h"

#include "core/options.h"

/* Its one event type. */
static struct str only_type(struct arena *a, const struct store_endpoint *ep)
{
    json_t *types = NULL;
    struct str type = STR_NONE;
    if (ep->event_types.ptr == NULL || json_parse(ep->event_types, &types, NULL) != RC_OK)
        return STR_NONE;
    if (json_array_size(types) == 1)
        type = arena_str(a, json_str_of(json_array_get(types, 0)));
    json_decref(types);
    return type;
}

struct str preservica_list_trigger(struct arena *a, const struct store_endpoint *ep)
{
    json_t *options = dialect_options_of(ep);
    bool is_one = str_eq(json_str_member(options, "scheme"), STR("preservica"));
    json_decref(options);
    return is_one ? only_type(a, ep) : STR_NONE;
}

struct wanted {
    struct arena *arena;
    struct str trigger; /* empty: any */
};

static bool preservica_list_fits(const struct store_endpoint *ep, const void *arg)
{
    const struct wanted *w = arg;
    struct str trigger = preservica_list_trigger(w->arena, ep);
    return trigger.ptr != NULL && (w->trigger.len == 0 || str_eq(trigger, w->trigger));
}

void preservica_list_write(struct api_ctx *c, struct api_out *o, const void *row, const void *arg)
{
    const struct store_endpoint *ep = row;
    json_t *options = dialect_options_of(ep);
    const json_t *at = json_object_get(json_object_get(options, "handshake"), "at");
    bool is_passed =
        json_object_get(options, "handshake") != NULL && core_handshake_stands(options, ep->url);
    (void)arg;
    api_out_begin(o, '{');
    api_out_str(o, "id", ep->id);
    api_out_str(o, "trigger", preservica_list_trigger(c->arena, ep));
    api_out_str(o, "url", ep->url);
    api_out_bool(o, "includeIdentifiers",
                 !json_is_false(json_object_get(options, "includeIdentifiers")));
    api_out_bool(o, "handshakePassed", is_passed);
    api_out_opt_date(o, "handshakeAt", is_passed ? json_integer_value(at) : 0);
    dialect_write_state(o, ep);
    api_out_end(o, '}');
    json_decref(options);
}

static void list_subscriptions(struct api_ctx *c)
{
    struct wanted w = { .arena = c->arena, .trigger = STR("") };
    (void)http_query(c->req, "trigger", 0, &w.trigger);
    dialect_list_endpoints(c, &(struct dialect_listing){ PRESERVICA_APP_UID, preservica_list_fits,
                                                         preservica_list_write, &w });
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/preservica/subscription", API_ORG,
                "v1.preservica.subscription.list", "List the subscriptions of Preservica's users"),
      .run = list_subscriptions, .steps = API_READS,
      .out = &dialect_schema_PreservicaSubscriptionOut, .status = 200, .is_list = true,
      .query = API_PAGE_ORDER " trigger" },
};
const struct api_route_table dialect_preservica_list = { routes, COUNT_OF(routes) };
