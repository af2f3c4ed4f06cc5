/* SPDX-License-Identifier: Apache-2.0
 *
 * Searching applications: by a part of the name or uid, in several orders, with how many endpoints each has and how many
 * of them are unwell. A path of its own, as the list of applications ignores parameters it does not know.
 */
#include "api/resource/application_priv.h"
#include "api/schemas/schemas.h"

enum { TEXT_MAX = 256 };

static const struct {
    const char *name;
    bool is_descending; /* unless `order` says otherwise */
} orders[STORE_APPLICATION_ORDERS] = {
    [STORE_APPLICATIONS_BY_NAME] = { "name", false },
    [STORE_APPLICATIONS_BY_CREATION] = { "created", true },
    [STORE_APPLICATIONS_BY_UPDATE] = { "updated", true },
    [STORE_APPLICATIONS_BY_ENDPOINTS] = { "endpoints", true },
};

static bool read_order(struct api_ctx *c, enum store_application_order *order)
{
    struct str name = STR_NONE;
    *order = STORE_APPLICATIONS_BY_NAME;
    if (!http_query(c->req, "order_by", 0, &name) || name.len == 0)
        return true;
    for (size_t i = 0; i < COUNT_OF(orders); i++)
        if (str_eq(name, str_from(orders[i].name))) {
            *order = (enum store_application_order)i;
            return true;
        }
    http_invalid(c->req, "query.order_by", "value_error",
                 "Expected name, created, updated or endpoints.");
    return false;
}

static bool application_search_read_text(struct api_ctx *c, struct str *text)
{
    struct str given = STR_NONE;
    (void)http_query(c->req, "search", 0, &given);
    *text = str_trim(given);
    if (text->len <= TEXT_MAX && str_is_utf8(*text))
        return true;
    http_invalid(c->req, "query.search", "value_error", "Expected text of at most %d bytes.",
                 TEXT_MAX);
    return false;
}

static void application_search_write_row(struct api_ctx *c, struct api_out *o, const void *row,
                                         const void *arg)
{
    const struct store_application_found *found = row;
    (void)c;
    (void)arg;
    api_out_begin(o, '{');
    api_application_write_members(o, &found->app);
    api_out_int(o, "endpointCount", found->endpoint_count);
    api_out_int(o, "failingCount", found->failing_count);
    api_out_int(o, "disabledCount", found->disabled_count);
    api_out_end(o, '}');
}

static void search_apps(struct api_ctx *c)
{
    struct store_page page;
    struct str text;
    enum store_application_order order;
    struct store_page_end end = { 0 };
    if (!read_order(c, &order) || !application_search_read_text(c, &text) ||
        !api_page(c, "app_", orders[order].is_descending, &page))
        return;
    struct store_application_found *rows = api_page_room(c, &page, sizeof(*rows));
    enum rc rc =
        store_application_search(c->tx, c->who->org, text, order, &page, c->arena, rows, &end);
    if (rc == RC_INVALID)
        http_invalid(c->req, "query.iterator", "value_error", "Not an iterator of this list.");
    else
        api_reply_page(c, rc, &page, &end,
                       API_ROWS(rows, app.id, NULL, application_search_write_row, NULL));
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/app-search", API_ORG, "v1.application.search",
                "Search applications, with how their endpoints are"),
      .run = search_apps, .steps = API_READS, .out = &api_schema_ApplicationFoundOut, .status = 200,
      .is_list = true, .query = API_PAGE_ORDER " search order_by" },
};
API_ROUTES(application_search, routes);
