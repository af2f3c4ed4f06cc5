/* SPDX-License-Identifier: Apache-2.0
 *
 * What an operator may do with a tenant's webhook: make or change one in the tenant's name, delete it, and see its URL,
 * which is the tenant's credential and therefore a secret. A webhook is named by the application that stands for it.
 */
#include "dialect/gaia_list_priv.h"
#include "dialect/gaia_webhook_priv.h"

#include "core/options.h"

/* The webhook of the path's application. RC_NOT_FOUND: it is none. */
static enum rc gaia_operate_find(struct api_ctx *c, struct store_tx *tx, struct gaia_row *row)
{
    struct str token = c->app.uid;
    if (!str_skip_prefix(&token, STR("gaia-")))
        return RC_NOT_FOUND;
    enum rc rc = gaia_row_find(tx, c->who->org, token, c->arena, row);
    return rc == RC_OK && row->app != c->app.num ? RC_NOT_FOUND : rc;
}

static enum rc gaia_operate_api_token(struct api_ctx *c, const struct gaia_row *row,
                                      struct str *out)
{
    enum rc rc = core_open_json(c->api->o.vault, CORE_SECRET_OPTIONS, row->token, row->api_token,
                                c->arena, out);
    if (rc != RC_OK)
        LOG(CORE_SECRET_UNREADABLE, F_TEXT("endpoint", "gaia"), F_TEXT("what", "apiToken"));
    return rc;
}

static void get_url(struct api_ctx *c)
{
    struct gaia_row row;
    struct str api_token;
    struct api_out o;
    if (!api_ok(c, gaia_operate_find(c, c->tx, &row)) ||
        !api_ok(c, gaia_operate_api_token(c, &row, &api_token)))
        return;
    struct str place =
        arena_fmt(c->arena, "/wh/%.*s/%.*s", STR_ARGS(api_token), STR_ARGS(row.token));
    struct str url = row.host.len > 0 ? arena_fmt(c->arena, "https://%.*s%.*s", STR_ARGS(row.host),
                                                  STR_ARGS(place))
                                      : place;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_str(&o, "url", url);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

/* What it still had to deliver is canceled with its application. */
static void delete_webhook(struct api_ctx *c)
{
    struct gaia_row row;
    if (api_ok(c, gaia_operate_find(c, c->tx, &row)) &&
        api_ok(c, gaia_row_delete(c->tx, c->who->org, row.token)) &&
        api_ok(c, store_application_delete(c->tx, row.app, c->now_us)))
        api_reply_empty(c, 204);
}

/* --- making and changing ---------------------------------------------------------------------- */

static struct dialect_gaia *gaia_operate_place(struct api_ctx *c)
{
    const struct dialect_set *set = dialect_set_of(c->req);
    struct dialect_gaia *gaia = set != NULL ? set->gaia : NULL;
    if (gaia == NULL)
        http_error(c->req, 404, "not_found",
                   "The Gaia dialect is switched off. Set gaia.enabled=true to make webhooks.");
    else if (gaia->place.org != c->who->org)
        http_error(c->req, 403, API_INSUFFICIENT,
                   "Webhooks of Gaia belong to the first organisation.");
    else
        return gaia;
    return NULL;
}

/* The token that the tenant's webhook for this data source and event has, for a change that leaves it as it is. */
static bool gaia_operate_known_token(struct api_ctx *c, struct dialect_gaia_webhook *w)
{
    struct gaia_row row;
    if (!api_tx_read(c))
        return false;
    enum rc rc =
        gaia_row_find_same(c->tx, c->who->org, w->tenant, w->datasource, w->event, c->arena, &row);
    api_tx_end(c);
    if (rc == RC_NOT_FOUND) {
        http_invalid(c->req, "body.apiToken", "value_error.missing",
                     "A new webhook needs the tenant's API token, which is a part of its URL.");
        return false;
    }
    return api_ok(c, rc) && api_ok(c, gaia_operate_api_token(c, &row, &w->api_token));
}

static bool gaia_operate_read(struct api_ctx *c, struct dialect_gaia_webhook *w)
{
    *w = (struct dialect_gaia_webhook){ .tenant = api_get_int(c, "tenant", 0),
                                        .datasource = api_get_str(c, "datasource"),
                                        .event = api_get_str(c, "event"),
                                        .api_token = api_get_str(c, "apiToken"),
                                        .has_ts_field = api_has(c, "tsField"),
                                        .ts_field = api_get_str(c, "tsField"),
                                        .host = api_get_str(c, "host") };
    for (size_t i = 0; i < w->host.len; i++) {
        if (w->host.ptr[i] > ' ' && w->host.ptr[i] < 127 && w->host.ptr[i] != '/')
            continue;
        http_invalid(c->req, "body.host", "value_error", "Expected a host name, without a path.");
        return false;
    }
    return w->api_token.len > 0 || gaia_operate_known_token(c, w);
}

static void gaia_operate_answer(struct api_ctx *c, const struct dialect_gaia_webhook *w, int status)
{
    struct gaia_row row;
    struct gaia_listed listed;
    struct api_out o;
    if (!api_tx_read(c) ||
        !api_ok(c, gaia_row_find(c->tx, c->who->org, w->token, c->arena, &row)) ||
        !api_ok(c, gaia_list_load(c, &row, &listed)))
        return;
    api_out_open(c, &o);
    gaia_list_write(c, &o, &listed, NULL);
    api_reply(c, status, &o);
}

static void put_webhook(struct api_ctx *c)
{
    struct dialect_gaia *gaia = gaia_operate_place(c);
    struct dialect_gaia_webhook w;
    enum dialect_gaia_put did = DIALECT_GAIA_SAME;
    struct buf why;
    if (gaia == NULL || !gaia_operate_read(c, &w))
        return;
    buf_init(&why, 512);
    enum rc rc = dialect_gaia_put(&gaia->place, &w, c->arena, &did, &why);
    if (rc == RC_INVALID)
        http_invalid(c->req, "body", "value_error", "Not saved: %s.", why.ptr);
    else if (api_ok(c, rc))
        gaia_operate_answer(c, &w, did == DIALECT_GAIA_MADE ? 201 : 200);
    buf_fini(&why);
}

#define ONE "/api/v1/gaia/webhook/{app_id}"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_POST, "/api/v1/gaia/webhook", API_ORG | API_WRITE, "v1.gaia.webhook.put",
                "Create or change a tenant's webhook"),
      .run = put_webhook, .in = &dialect_schema_GaiaWebhookIn,
      .out = &dialect_schema_GaiaWebhookOut, .status = 200, .other_status = 201 },
    { API_ROUTE(HTTP_GET, ONE "/url", API_ORG | API_CAN(ACCESS_MAY_VIEW_SECRET),
                "v1.gaia.webhook.get-secret",
                "Get the URL of a tenant's webhook, which is a credential"),
      .run = get_url, .steps = API_READS | API_FINDS_APP, .out = &dialect_schema_GaiaUrlOut,
      .status = 200 },
    { API_ROUTE(HTTP_DELETE, ONE, API_ORG | API_WRITE, "v1.gaia.webhook.delete",
                "Delete a tenant's webhook with its application"),
      .run = delete_webhook, .steps = API_WRITES | API_FINDS_APP, .status = 204 },
};
const struct api_route_table dialect_gaia_operate = { routes, COUNT_OF(routes) };
