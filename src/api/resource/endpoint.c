/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints: create, read, change, delete. The same handlers serve operational webhooks' endpoints:
 * those belong to an internal application (see core/events.h).
 */
#include "api/kit/kit_priv.h"
#include "api/resource/endpoint_commit_priv.h"
#include "api/resource/endpoint_fill_priv.h"
#include "api/resource/endpoint_headers_priv.h"
#include "api/resource/endpoint_secret_priv.h"
#include "api/resource/handshake_priv.h"
#include "api/resource/transform_priv.h"
#include "api/schemas/schemas.h"

enum { ENDPOINTS_MAX = 10000 }; /* of one application: as many destinations as a message may have */

static void reply_endpoint(struct api_ctx *c, int status, const struct store_endpoint *ep)
{
    struct api_out o;
    api_out_open(c, &o);
    api_endpoint_write(c, &o, ep);
    api_reply(c, status, &o);
}

/* Finishes a change of an endpoint: answers with it, commits, tells. */
static void reply_changed(struct api_ctx *c, enum rc rc, int status,
                          const struct store_endpoint *ep, const char *event)
{
    if (!api_ok(c, rc))
        return;
    reply_endpoint(c, status, ep);
    api_endpoint_commit(c, ep, event);
}

static const char *event_of(const struct store_endpoint *before, const struct store_endpoint *now)
{
    if (before->disabled == now->disabled)
        return "endpoint.updated";
    return now->disabled ? "endpoint.disabled" : "endpoint.enabled";
}

/* What blocks comes before the transaction: compiling a transform, and asking a receiver. */
static bool check_change(struct api_ctx *c)
{
    return api_transform_check(c) && api_make_hidden_app(c) && api_handshake_first(c);
}

static void endpoint_write_row(struct api_ctx *c, struct api_out *o, const void *row,
                               const void *arg)
{
    (void)arg;
    api_endpoint_write(c, o, row);
}

static void list_endpoints(struct api_ctx *c)
{
    struct store_page page;
    if (!api_page(c, "ep_", true, &page))
        return;
    struct store_endpoint *eps = api_page_room(c, &page, sizeof(*eps));
    struct store_page_end end = { 0 };
    enum rc rc = store_endpoint_list(c->tx, c->app.num, &page, c->arena, eps, &end);
    api_reply_page(c, rc, &page, &end, API_ROWS(eps, id, NULL, endpoint_write_row, NULL));
}

static enum rc count_room(struct store_tx *tx, int64_t app)
{
    int64_t count = 0;
    enum rc rc = store_endpoint_count(tx, app, &count);
    return rc == RC_OK && count >= ENDPOINTS_MAX ? RC_LIMIT : rc;
}

/* Makes a new row from the body; false: answered. */
static bool make_endpoint(struct api_ctx *c, struct store_endpoint *ep)
{
    *ep = (struct store_endpoint){ .app = c->app.num,
                                   .id = api_new_id_text(c, "ep_"),
                                   .kind = STR("http"),
                                   .created_us = c->now_us };
    enum rc rc = count_room(c->tx, c->app.num);
    if (rc == RC_LIMIT) {
        http_error(c->req, 400, "limit_reached", "An application has at most %d endpoints.",
                   ENDPOINTS_MAX);
        return false;
    }
    const json_t *headers = api_get(c, "headers");
    if (!api_ok(c, rc) || !api_endpoint_fill(c, c->tx, ep, true) ||
        !api_endpoint_new_key(c, ep, api_get_str(c, "secret"), "body.secret") ||
        (headers != NULL && !api_headers_set(c, ep, headers, "body.headers")))
        return false;
    api_handshake_settle(c, ep);
    return true;
}

static void insert_endpoint(struct api_ctx *c, struct store_endpoint *ep)
{
    reply_changed(c, store_endpoint_insert(c->tx, ep), 201, ep, "endpoint.created");
}

static void update_endpoint(struct api_ctx *c, const struct store_endpoint *ep, const char *event)
{
    reply_changed(c, store_endpoint_update(c->tx, ep), 200, ep, event);
}

static void create_endpoint(struct api_ctx *c)
{
    struct store_endpoint ep;
    if (make_endpoint(c, &ep))
        insert_endpoint(c, &ep);
}

static void get_endpoint(struct api_ctx *c)
{
    reply_endpoint(c, 200, &c->endpoint);
}

static void put_endpoint(struct api_ctx *c)
{
    struct store_endpoint ep = { 0 };
    struct str uid;
    enum rc rc = store_endpoint_find(c->tx, c->app.num, api_param(c, "endpoint_id"), c->arena, &ep);
    bool is_found = rc == RC_OK;
    if ((rc != RC_NOT_FOUND && !api_ok(c, rc)) ||
        !api_upsert_uid(c, "endpoint_id", "ep_", ep.uid, is_found, &uid))
        return;
    struct store_endpoint before = ep;
    if (is_found ? !api_endpoint_fill(c, c->tx, &ep, true) : !make_endpoint(c, &ep))
        return;
    ep.uid = uid;
    if (!is_found) {
        insert_endpoint(c, &ep);
        return;
    }
    api_handshake_settle(c, &ep);
    update_endpoint(c, &ep, event_of(&before, &ep));
}

static void patch_endpoint(struct api_ctx *c)
{
    struct store_endpoint before = c->endpoint;
    if (!api_endpoint_fill(c, c->tx, &c->endpoint, false))
        return;
    api_handshake_settle(c, &c->endpoint);
    update_endpoint(c, &c->endpoint, event_of(&before, &c->endpoint));
}

static void enable_endpoint(struct api_ctx *c)
{
    bool was_disabled = c->endpoint.disabled;
    c->endpoint.disabled = false;
    c->endpoint.disabled_reason = STR_NONE;
    c->endpoint.failing_since_us = 0;
    c->endpoint.updated_us = c->now_us;
    api_handshake_settle(c, &c->endpoint);
    update_endpoint(c, &c->endpoint, was_disabled ? "endpoint.enabled" : "endpoint.updated");
}

static void delete_endpoint(struct api_ctx *c)
{
    enum rc rc = store_endpoint_delete(c->tx, c->endpoint.num, c->now_us);
    if (!api_ok(c, rc))
        return;
    api_reply_empty(c, 204);
    api_endpoint_commit(c, &c->endpoint, "endpoint.deleted");
}

#define SEE (API_APP | API_CAN(ACCESS_MAY_VIEW))
#define CHANGE (API_APP | API_WRITE | API_CAN(ACCESS_MAY_MANAGE_ENDPOINT))
#define BASE "/api/v1/app/{app_id}/endpoint"
#define OWN "/api/v1/operational-webhook/endpoint"
#define IN "/ingest/api/v1/source/{source_id}/endpoint"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, BASE, SEE, "v1.endpoint.list", "List endpoints"), .run = list_endpoints,
      .check = api_make_hidden_app, .steps = API_READS | API_FINDS_APP,
      .out = &api_schema_EndpointOut, .status = 200, .is_list = true, .query = API_PAGE_ORDER },
    { API_ROUTE(HTTP_POST, BASE, CHANGE, "v1.endpoint.create", "Create an endpoint"),
      .run = create_endpoint, .check = check_change, .steps = API_WRITES | API_FINDS_APP,
      .in = &api_schema_EndpointIn, .out = &api_schema_EndpointOut, .status = 201 },
    { API_ROUTE(HTTP_GET, BASE "/{endpoint_id}", SEE, "v1.endpoint.get", "Get an endpoint"),
      .run = get_endpoint, .steps = API_READS | API_FINDS_ENDPOINT, .out = &api_schema_EndpointOut,
      .status = 200 },
    { API_ROUTE(HTTP_PUT, BASE "/{endpoint_id}", CHANGE, "v1.endpoint.upsert",
                "Replace or create an endpoint"),
      .run = put_endpoint, .check = check_change, .steps = API_WRITES | API_FINDS_APP,
      .in = &api_schema_EndpointUpsertIn, .out = &api_schema_EndpointOut, .status = 200,
      .other_status = 201 },
    { API_ROUTE(HTTP_PATCH, BASE "/{endpoint_id}", CHANGE, "v1.endpoint.patch",
                "Change an endpoint"),
      .run = patch_endpoint, .check = check_change, .steps = API_WRITES | API_FINDS_ENDPOINT,
      .in = &api_schema_EndpointPatch, .out = &api_schema_EndpointOut, .status = 200 },
    { API_ROUTE(HTTP_DELETE, BASE "/{endpoint_id}", CHANGE, "v1.endpoint.delete",
                "Delete an endpoint"),
      .run = delete_endpoint, .steps = API_WRITES | API_FINDS_ENDPOINT, .status = 204 },
    { API_ROUTE(HTTP_POST, BASE "/{endpoint_id}/enable", CHANGE, "v1.endpoint.enable",
                "Enable an endpoint again and forget its failures"),
      .run = enable_endpoint, .check = api_handshake_first,
      .steps = API_WRITES | API_FINDS_ENDPOINT, .out = &api_schema_EndpointOut, .status = 200 },
    { API_ROUTE(HTTP_GET, OWN, API_ORG, "v1.operational-webhook.endpoint.list",
                "List operational webhooks' endpoints"),
      .run = list_endpoints, .check = api_make_hidden_app,
      .steps = API_OF_EVENTS | API_READS | API_FINDS_APP, .out = &api_schema_EndpointOut,
      .status = 200, .is_list = true, .query = API_PAGE_ORDER },
    { API_ROUTE(HTTP_POST, OWN, API_ORG | API_WRITE, "v1.operational-webhook.endpoint.create",
                "Create an endpoint for operational webhooks"),
      .run = create_endpoint, .check = check_change,
      .steps = API_OF_EVENTS | API_WRITES | API_FINDS_APP, .in = &api_schema_EndpointIn,
      .out = &api_schema_EndpointOut, .status = 201 },
    { API_ROUTE(HTTP_GET, OWN "/{endpoint_id}", API_ORG, "v1.operational-webhook.endpoint.get",
                "Get an endpoint for operational webhooks"),
      .run = get_endpoint, .steps = API_OF_EVENTS | API_READS | API_FINDS_ENDPOINT,
      .out = &api_schema_EndpointOut, .status = 200 },
    { API_ROUTE(HTTP_PUT, OWN "/{endpoint_id}", API_ORG | API_WRITE,
                "v1.operational-webhook.endpoint.upsert",
                "Replace or create an endpoint for operational webhooks"),
      .run = put_endpoint, .check = check_change,
      .steps = API_OF_EVENTS | API_WRITES | API_FINDS_APP, .in = &api_schema_EndpointUpsertIn,
      .out = &api_schema_EndpointOut, .status = 200, .other_status = 201 },
    { API_ROUTE(HTTP_DELETE, OWN "/{endpoint_id}", API_ORG | API_WRITE,
                "v1.operational-webhook.endpoint.delete",
                "Delete an endpoint for operational webhooks"),
      .run = delete_endpoint, .steps = API_OF_EVENTS | API_WRITES | API_FINDS_ENDPOINT,
      .status = 204 },
    { API_ROUTE(HTTP_GET, IN, API_APP, "v1.ingest.endpoint.list", "List a source's endpoints"),
      .run = list_endpoints, .check = api_make_hidden_app,
      .steps = API_OF_SOURCE | API_READS | API_FINDS_APP, .out = &api_schema_EndpointOut,
      .status = 200, .is_list = true, .query = API_PAGE_ORDER },
    { API_ROUTE(HTTP_POST, IN, API_APP | API_WRITE, "v1.ingest.endpoint.create",
                "Create an endpoint of a source"),
      .run = create_endpoint, .check = check_change,
      .steps = API_OF_SOURCE | API_WRITES | API_FINDS_APP, .in = &api_schema_EndpointIn,
      .out = &api_schema_EndpointOut, .status = 201 },
    { API_ROUTE(HTTP_GET, IN "/{endpoint_id}", API_APP, "v1.ingest.endpoint.get",
                "Get a source's endpoint"),
      .run = get_endpoint, .steps = API_OF_SOURCE | API_READS | API_FINDS_ENDPOINT,
      .out = &api_schema_EndpointOut, .status = 200 },
    { API_ROUTE(HTTP_PUT, IN "/{endpoint_id}", API_APP | API_WRITE, "v1.ingest.endpoint.upsert",
                "Replace or create a source's endpoint"),
      .run = put_endpoint, .check = check_change,
      .steps = API_OF_SOURCE | API_WRITES | API_FINDS_APP, .in = &api_schema_EndpointUpsertIn,
      .out = &api_schema_EndpointOut, .status = 200, .other_status = 201 },
    { API_ROUTE(HTTP_DELETE, IN "/{endpoint_id}", API_APP | API_WRITE, "v1.ingest.endpoint.delete",
                "Delete a source's endpoint"),
      .run = delete_endpoint, .steps = API_OF_SOURCE | API_WRITES | API_FINDS_ENDPOINT,
      .status = 204 },
};
API_ROUTES(endpoint, routes);
