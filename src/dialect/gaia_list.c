/* SPDX-License-Identifier: Apache-2.0
 *
 * All webhooks of the Gaia dialect, of all its tenants. Their URLs are credentials and are not shown, so a page goes on
 * by the number of the endpoint, not by the token.
 */
#include "dialect/gaia_list_priv.h"

#include <inttypes.h>

void gaia_list_write(struct api_ctx *c, struct api_out *o, const void *row, const void *arg)
{
    const struct gaia_listed *r = row;
    json_t *options = dialect_options_of(&r->endpoint);
    (void)c;
    (void)arg;
    api_out_begin(o, '{');
    api_out_int(o, "tenant", r->webhook.tenant);
    api_out_str(o, "datasource", r->webhook.datasource);
    api_out_str(o, "event", r->webhook.event);
    api_out_opt(o, "tsField", r->webhook.ts_field.len > 0 ? r->webhook.ts_field : STR_NONE);
    api_out_opt(o, "host", r->webhook.host.len > 0 ? r->webhook.host : STR_NONE);
    api_out_opt(o, "routingKey", json_str_member(json_object_get(options, "amqp"), "routingKey"));
    api_out_str(o, "applicationId", r->app.id);
    dialect_write_state(o, &r->endpoint);
    api_out_end(o, '}');
    json_decref(options);
}

/* Row by row: the store has no list of endpoints across applications. */
enum rc gaia_list_load(struct api_ctx *c, const struct gaia_row *webhook, struct gaia_listed *out)
{
    *out = (struct gaia_listed){ .place = arena_fmt(c->arena, "%" PRId64, webhook->endpoint),
                                 .webhook = *webhook };
    enum rc rc = store_application_by_num(c->tx, webhook->app, c->arena, &out->app);
    if (rc == RC_OK)
        rc = store_endpoint_by_num(c->tx, webhook->endpoint, c->arena, &out->endpoint);
    return rc;
}

/* Of the query and the iterator. False: answered. */
static bool read_query(struct api_ctx *c, const struct store_page *page, struct gaia_row_page *p)
{
    *p = (struct gaia_row_page){ .org = c->who->org,
                                 .is_descending = page->descending != page->backwards,
                                 .max = (size_t)page->limit + 1 };
    p->after = p->is_descending ? INT64_MAX : 0;
    if (page->after.len > 0 && str_to_i64(page->after, &p->after) != RC_OK) {
        http_invalid(c->req, "query.iterator", "value_error", "Not an iterator of this list.");
        return false;
    }
    return api_query_int(c, "tenant", INT64_MIN, INT64_MAX, GAIA_ANY_TENANT, &p->tenant);
}

static void list_webhooks(struct api_ctx *c)
{
    struct gaia_row *webhooks = NULL;
    struct gaia_row_page p;
    struct store_page page;
    size_t count = 0;
    if (!api_page(c, "", true, &page) || !read_query(c, &page, &p))
        return;
    struct gaia_listed *rows = api_page_room(c, &page, sizeof(*rows));
    enum rc rc = gaia_row_page(c->tx, &p, c->arena, &webhooks, &count);
    struct store_page_end end = { .done = count < p.max };
    end.count = end.done ? count : p.max - 1;
    for (size_t i = 0; rc == RC_OK && i < end.count; i++)
        rc = gaia_list_load(c, &webhooks[i], &rows[page.backwards ? end.count - 1 - i : i]);
    api_reply_page(c, rc, &page, &end, API_ROWS(rows, place, NULL, gaia_list_write, NULL));
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/gaia/webhook", API_ORG, "v1.gaia.webhook.list",
                "List the webhooks of Gaia's tenants"),
      .run = list_webhooks, .steps = API_READS, .out = &dialect_schema_GaiaWebhookOut,
      .status = 200, .is_list = true, .query = API_PAGE_ORDER " tenant" },
};
const struct api_route_table dialect_gaia_list = { routes, COUNT_OF(routes) };
