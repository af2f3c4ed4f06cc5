/* SPDX-License-Identifier: Apache-2.0
 *
 * All webhooks of the CKAN dialect, whoever made them: to the site's users, only their own are shown.
 */
#include "dialect/ckan_priv.h"
#include "dialect/lists_priv.h"

struct wanted {
    struct str topic, user; /* empty: any */
    int64_t stale_us;       /* 0: not known, the dialect is off */
};

static bool ckan_list_agrees(const json_t *own, const char *member, struct str wanted)
{
    return wanted.len == 0 || str_eq(json_str_member(own, member), wanted);
}

static bool ckan_list_fits(const struct store_endpoint *ep, const void *arg)
{
    const struct wanted *w = arg;
    json_t *options = dialect_options_of(ep);
    const json_t *own = json_object_get(options, "ckan");
    bool does = json_str_member(own, "user").ptr != NULL &&
                ckan_list_agrees(own, "topic", w->topic) && ckan_list_agrees(own, "user", w->user);
    json_decref(options);
    return does;
}

/* Behind "public." of the first channel; see ckan_priv.h. */
static struct str entity_of(struct arena *a, const struct store_endpoint *ep)
{
    json_t *channels = NULL;
    struct str entity = STR_NONE;
    if (ep->channels.ptr == NULL || json_parse(ep->channels, &channels, NULL) != RC_OK)
        return STR_NONE;
    struct str first = json_str_of(json_array_get(channels, 0));
    if (str_skip_prefix(&first, STR("public.")))
        entity = arena_str(a, first);
    json_decref(channels);
    return entity;
}

static bool will_be_deleted(const struct store_endpoint *ep)
{
    return ep->disabled && (str_eq(ep->disabled_reason, STR("failing")) ||
                            str_eq(ep->disabled_reason, STR("gone")));
}

static void write_webhook(struct api_ctx *c, struct api_out *o, const void *row, const void *arg)
{
    const struct store_endpoint *ep = row;
    const struct wanted *w = arg;
    json_t *options = dialect_options_of(ep);
    const json_t *own = json_object_get(options, "ckan");
    bool is_ending = w->stale_us > 0 && will_be_deleted(ep);
    api_out_begin(o, '{');
    api_out_str(o, "id", json_str_member(own, "id"));
    api_out_str(o, "topic", json_str_member(own, "topic"));
    api_out_str(o, "address", ep->url);
    api_out_opt(o, "entity", entity_of(c->arena, ep));
    api_out_str(o, "user", json_str_member(own, "user"));
    api_out_bool(o, "sysadmin", json_is_true(json_object_get(own, "sysadmin")));
    api_out_opt(o, "site", json_str_member(own, "site"));
    api_out_opt_date(o, "deletedAfter", is_ending ? ep->updated_us + w->stale_us : 0);
    dialect_write_state(o, ep);
    api_out_end(o, '}');
    json_decref(options);
}

static void list_webhooks(struct api_ctx *c)
{
    const struct dialect_set *set = dialect_set_of(c->req);
    struct wanted w = { .topic = STR("") };
    (void)http_query(c->req, "topic", 0, &w.topic);
    (void)http_query(c->req, "user", 0, &w.user);
    if (set != NULL && set->ckan != NULL)
        w.stale_us = set->ckan->conf->ckan_stale_delete;
    dialect_list_endpoints(c,
                           &(struct dialect_listing){ "ckan", ckan_list_fits, write_webhook, &w });
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/ckan/webhook", API_ORG, "v1.ckan.webhook.list",
                "List the webhooks of the CKAN site's users"),
      .run = list_webhooks, .steps = API_READS, .out = &dialect_schema_CkanWebhookOut,
      .status = 200, .is_list = true, .query = API_PAGE_ORDER " topic user" },
};
const struct api_route_table dialect_ckan_list = { routes, COUNT_OF(routes) };
