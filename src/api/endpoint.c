/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints: create, read, change, delete. The same handlers serve operational webhooks' endpoints:
 * those belong to an internal application (see core/events.h).
 */
#include "api/endpoint_priv.h"
#include "api/handshake_priv.h"
#include "api/schemas.h"
#include "api/transform_priv.h"

enum { ENDPOINTS_MAX = 10000 }; /* of one application: as many destinations as a message may have */

bool api_endpoint_of(struct api_ctx *c, struct store_tx *tx, struct store_application *app,
                     struct store_endpoint *ep)
{
    if (api_find_app(c, tx, app) && api_find_endpoint(c, tx, app->num, ep))
        return true;
    store_end(tx);
    return false;
}

void api_endpoint_event(struct api_ctx *c, const char *type, const struct store_application *app,
                        const struct store_endpoint *ep)
{
    bool disables = ep->disabled && str_eq(str_from(type), STR("endpoint.disabled"));
    if (c->operational || (c->ingest && !disables)) /* of a source's, nothing else has a name */
        return;
    json_t *data = c->ingest ? core_events_source_data(app->uid, ep->id, ep->uid)
                             : core_events_endpoint_data(app->id, app->uid, ep->id, ep->uid);
    if (disables)
        json_object_set_new(data, "trigger", json_string("manual"));
    core_events_emit(c->api->o.events, c->who->org, c->ingest ? "ingest.endpoint.disabled" : type,
                     data);
}

static void reply_endpoint(struct api_ctx *c, int status, const struct store_endpoint *ep)
{
    struct api_out o;
    api_out_open(c, &o);
    api_endpoint_write(c, &o, ep);
    api_reply(c, status, &o);
}

void api_endpoint_changed(struct api_ctx *c, struct store_tx *tx, enum rc rc, int status,
                          const struct store_application *app, const struct store_endpoint *ep,
                          const char *event)
{
    if (rc != RC_OK) {
        api_abort(c, tx, rc);
        return;
    }
    reply_endpoint(c, status, ep);
    if (!api_commit(c, tx))
        return;
    core_directory_changed(c->api->o.directory, app->num);
    api_endpoint_event(c, event, app, ep);
}

static const char *event_of(const struct store_endpoint *before, const struct store_endpoint *now)
{
    if (before->disabled == now->disabled)
        return "endpoint.updated";
    return now->disabled ? "endpoint.disabled" : "endpoint.enabled";
}

/* The internal application is made before the transaction it is needed in. */
static bool ready(struct api_ctx *c)
{
    if (!c->operational)
        return true;
    int64_t num = 0;
    enum rc rc = core_events_app(c->api->o.events, c->who->org, true, &num);
    if (rc != RC_OK)
        api_fail(c, rc);
    return rc == RC_OK;
}

static void list_endpoints(struct http_request *req)
{
    struct api_ctx c;
    struct store_page page;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_page(&c, "ep_", true, &page) || !ready(&c) ||
        !api_read(&c, &tx))
        return;
    struct store_application app;
    if (!api_find_app(&c, tx, &app)) {
        store_end(tx);
        return;
    }
    struct store_endpoint *eps = arena_array(c.arena, (size_t)page.limit, sizeof(*eps));
    struct store_page_end end = { 0 };
    enum rc rc = store_endpoint_list(tx, app.num, &page, c.arena, eps, &end);
    store_end(tx);
    if (rc != RC_OK) {
        api_fail(&c, rc);
        return;
    }
    struct api_out o;
    api_list_open(&c, &o);
    for (size_t i = 0; i < end.count; i++) {
        api_out_key(&o, NULL);
        api_endpoint_write(&c, &o, &eps[i]);
    }
    api_list_reply(&c, &o, &end, end.count == 0 ? STR_NONE : eps[0].id,
                   end.count == 0 ? STR_NONE : eps[end.count - 1].id);
}

static enum rc count_room(struct store_tx *tx, int64_t app, struct arena *a)
{
    struct store_endpoint *all = NULL;
    size_t count = 0;
    enum rc rc = store_endpoint_all(tx, app, a, &all, &count);
    return rc == RC_OK && count >= ENDPOINTS_MAX ? RC_LIMIT : rc;
}

/* Makes a new row from the body; false: answered and the transaction is over. */
static bool make(struct api_ctx *c, struct store_tx *tx, const struct store_application *app,
                 struct store_endpoint *ep)
{
    *ep = (struct store_endpoint){ .app = app->num,
                                   .id = api_new_id_text(c, "ep_"),
                                   .kind = STR("http"),
                                   .created_us = c->now_us };
    enum rc rc = count_room(tx, app->num, c->arena);
    if (rc == RC_LIMIT) {
        http_error(c->req, 400, "limit_reached", "An application has at most %d endpoints.",
                   ENDPOINTS_MAX);
        store_end(tx);
        return false;
    }
    if (rc != RC_OK) {
        api_abort(c, tx, rc);
        return false;
    }
    const json_t *headers = api_get(c, "headers");
    if (!api_endpoint_fill(c, tx, ep, true) ||
        !api_endpoint_new_key(c, ep, api_get_str(c, "secret"), "body.secret") ||
        (headers != NULL && !api_headers_set(c, ep, headers, "body.headers"))) {
        store_end(tx);
        return false;
    }
    api_handshake_settle(c, ep);
    return true;
}

static void create_endpoint(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_EndpointIn, false) ||
        !api_transform_check(&c) || !ready(&c) || !api_handshake_first(&c) || !api_write(&c, &tx))
        return;
    struct store_application app;
    struct store_endpoint ep;
    if (!api_find_app(&c, tx, &app)) {
        store_end(tx);
        return;
    }
    if (make(&c, tx, &app, &ep))
        api_endpoint_changed(&c, tx, store_endpoint_insert(tx, &ep), 201, &app, &ep,
                             "endpoint.created");
}

static void get_endpoint(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_read(&c, &tx))
        return;
    struct store_application app;
    struct store_endpoint ep;
    if (!api_endpoint_of(&c, tx, &app, &ep))
        return;
    store_end(tx);
    reply_endpoint(&c, 200, &ep);
}

static void put_endpoint(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_EndpointUpsertIn, false) ||
        !api_transform_check(&c) || !ready(&c) || !api_handshake_first(&c) || !api_write(&c, &tx))
        return;
    struct store_application app;
    struct store_endpoint ep;
    if (!api_find_app(&c, tx, &app)) {
        store_end(tx);
        return;
    }
    enum rc rc = store_endpoint_find(tx, app.num, api_param(&c, "endpoint_id"), c.arena, &ep);
    if (rc == RC_NOT_FOUND) {
        if (make(&c, tx, &app, &ep))
            api_endpoint_changed(&c, tx, store_endpoint_insert(tx, &ep), 201, &app, &ep,
                                 "endpoint.created");
        return;
    }
    if (rc != RC_OK) {
        api_abort(&c, tx, rc);
        return;
    }
    struct store_endpoint before = ep;
    if (!api_endpoint_fill(&c, tx, &ep, true)) {
        store_end(tx);
        return;
    }
    api_handshake_settle(&c, &ep);
    api_endpoint_changed(&c, tx, store_endpoint_update(tx, &ep), 200, &app, &ep,
                         event_of(&before, &ep));
}

static void patch_endpoint(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_EndpointPatch, false) ||
        !api_transform_check(&c) || !api_handshake_first(&c) || !api_write(&c, &tx))
        return;
    struct store_application app;
    struct store_endpoint ep;
    if (!api_endpoint_of(&c, tx, &app, &ep))
        return;
    struct store_endpoint before = ep;
    if (!api_endpoint_fill(&c, tx, &ep, false)) {
        store_end(tx);
        return;
    }
    api_handshake_settle(&c, &ep);
    api_endpoint_changed(&c, tx, store_endpoint_update(tx, &ep), 200, &app, &ep,
                         event_of(&before, &ep));
}

static void enable_endpoint(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_handshake_first(&c) || !api_write(&c, &tx))
        return;
    struct store_application app;
    struct store_endpoint ep;
    if (!api_endpoint_of(&c, tx, &app, &ep))
        return;
    bool was_disabled = ep.disabled;
    ep.disabled = false;
    ep.disabled_reason = STR_NONE;
    ep.failing_since_us = 0;
    ep.updated_us = c.now_us;
    api_handshake_settle(&c, &ep);
    api_endpoint_changed(&c, tx, store_endpoint_update(tx, &ep), 200, &app, &ep,
                         was_disabled ? "endpoint.enabled" : "endpoint.updated");
}

static void delete_endpoint(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_write(&c, &tx))
        return;
    struct store_application app;
    struct store_endpoint ep;
    if (!api_endpoint_of(&c, tx, &app, &ep))
        return;
    enum rc rc = store_endpoint_delete(tx, ep.num, c.now_us);
    if (rc != RC_OK) {
        api_abort(&c, tx, rc);
        return;
    }
    api_reply_empty(&c, 204);
    if (!api_commit(&c, tx))
        return;
    core_directory_changed(c.api->o.directory, app.num);
    api_endpoint_event(&c, "endpoint.deleted", &app, &ep);
}

#define SEE (API_APP | API_CAN(CORE_MAY_VIEW))
#define CHANGE (API_APP | API_WRITE | API_CAN(CORE_MAY_MANAGE_ENDPOINT))
#define BASE "/api/v1/app/{app_id}/endpoint"
#define OWN "/api/v1/operational-webhook/endpoint"
#define IN "/ingest/api/v1/source/{source_id}/endpoint"
static const struct http_route routes[] = {
    { HTTP_GET, BASE, HTTP_WORKER, list_endpoints, SEE, "v1.endpoint.list", "List endpoints" },
    { HTTP_POST, BASE, HTTP_WORKER, create_endpoint, CHANGE, "v1.endpoint.create",
      "Create an endpoint" },
    { HTTP_GET, BASE "/{endpoint_id}", HTTP_WORKER, get_endpoint, SEE, "v1.endpoint.get",
      "Get an endpoint" },
    { HTTP_PUT, BASE "/{endpoint_id}", HTTP_WORKER, put_endpoint, CHANGE, "v1.endpoint.upsert",
      "Replace or create an endpoint" },
    { HTTP_PATCH, BASE "/{endpoint_id}", HTTP_WORKER, patch_endpoint, CHANGE, "v1.endpoint.patch",
      "Change an endpoint" },
    { HTTP_DELETE, BASE "/{endpoint_id}", HTTP_WORKER, delete_endpoint, CHANGE,
      "v1.endpoint.delete", "Delete an endpoint" },
    { HTTP_POST, BASE "/{endpoint_id}/enable", HTTP_WORKER, enable_endpoint, CHANGE,
      "v1.endpoint.enable", "Enable an endpoint again and forget its failures" },
    { HTTP_GET, OWN, HTTP_WORKER, list_endpoints, API_ORG, "v1.operational-webhook.endpoint.list",
      "List operational webhooks' endpoints" },
    { HTTP_POST, OWN, HTTP_WORKER, create_endpoint, API_ORG | API_WRITE,
      "v1.operational-webhook.endpoint.create", "Create an endpoint for operational webhooks" },
    { HTTP_GET, OWN "/{endpoint_id}", HTTP_WORKER, get_endpoint, API_ORG,
      "v1.operational-webhook.endpoint.get", "Get an endpoint for operational webhooks" },
    { HTTP_PUT, OWN "/{endpoint_id}", HTTP_WORKER, put_endpoint, API_ORG | API_WRITE,
      "v1.operational-webhook.endpoint.upsert",
      "Replace or create an endpoint for operational webhooks" },
    { HTTP_DELETE, OWN "/{endpoint_id}", HTTP_WORKER, delete_endpoint, API_ORG | API_WRITE,
      "v1.operational-webhook.endpoint.delete", "Delete an endpoint for operational webhooks" },
    { HTTP_GET, IN, HTTP_WORKER, list_endpoints, API_APP, "v1.ingest.endpoint.list",
      "List a source's endpoints" },
    { HTTP_POST, IN, HTTP_WORKER, create_endpoint, API_APP | API_WRITE, "v1.ingest.endpoint.create",
      "Create an endpoint of a source" },
    { HTTP_GET, IN "/{endpoint_id}", HTTP_WORKER, get_endpoint, API_APP, "v1.ingest.endpoint.get",
      "Get a source's endpoint" },
    { HTTP_PUT, IN "/{endpoint_id}", HTTP_WORKER, put_endpoint, API_APP | API_WRITE,
      "v1.ingest.endpoint.upsert", "Replace or create a source's endpoint" },
    { HTTP_DELETE, IN "/{endpoint_id}", HTTP_WORKER, delete_endpoint, API_APP | API_WRITE,
      "v1.ingest.endpoint.delete", "Delete a source's endpoint" },
};
API_ROUTES(endpoint, routes);
