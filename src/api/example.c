/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending an example message to one endpoint, to see whether it works.
 */
#include "api/message_priv.h"
#include "api/schemas.h"

#define PING "svix.ping"

/* {"schemas":{"1":{"examples":[...]}}}: the example asked for, as JSON text. */
static struct str example_of(struct api_ctx *c, const struct store_event_type *et)
{
    json_t *schemas = NULL;
    if (et->schemas.ptr == NULL || json_parse(et->schemas, &schemas, NULL) != RC_OK)
        return STR_NONE;
    size_t index = (size_t)api_get_int(c, "exampleIndex", 0);
    const json_t *examples = json_object_get(json_object_get(schemas, "1"), "examples");
    const json_t *example = json_array_get(examples, index);
    struct str text = json_is_object(example) ? json_text(c->arena, example) : STR_NONE;
    json_decref(schemas);
    return text;
}

static bool find_example(struct api_ctx *c, struct store_tx *tx, struct str type, struct str *out)
{
    struct store_event_type et;
    if (str_eq(type, STR(PING))) {
        *out = STR("{\"success\":true}");
        return true;
    }
    enum rc rc = store_event_type_find(tx, c->who->org, type, c->arena, &et);
    if (rc != RC_OK) {
        api_fail(c, rc);
        return false;
    }
    *out = example_of(c, &et);
    if (out->ptr != NULL)
        return true;
    http_error(c->req, 400, "invalid_scheme",
               "Unable to generate example message from event-type schema");
    return false;
}

static void publish(struct api_ctx *c, int64_t app_num, int64_t endpoint, struct store_message *m)
{
    struct core_app *app = NULL;
    enum rc rc = core_directory_load(c->api->o.directory, app_num, &app);
    if (rc != RC_OK) {
        api_fail(c, rc);
        return;
    }
    api_message_stamp(c->api, app, m);
    m->payload_expires_us = m->created_us + API_KEEP_DAYS * INT64_C(86400000000);
    rc = core_publish_wait(core_publish_new_to(c->api->o.publisher, app, m, endpoint));
    core_app_unref(app);
    if (rc != RC_OK) {
        api_fail(c, rc);
        return;
    }
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_message_write_members(&o, m, true);
    api_out_end(&o, '}');
    api_reply(c, 202, &o);
}

static void send_example(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    struct store_application app;
    struct store_endpoint ep;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_EventExampleIn, false) ||
        !api_read(&c, &tx))
        return;
    struct store_message m = { .event_type = api_get_str(&c, "eventType") };
    bool fine = api_find_app(&c, tx, &app) && api_find_endpoint(&c, tx, app.num, &ep) &&
                find_example(&c, tx, m.event_type, &m.payload);
    store_end(tx);
    if (!fine)
        return;
    if (ep.disabled) {
        http_error(req, 400, "endpoint_disabled", "The endpoint is disabled: enable it first.");
        return;
    }
    if (!api_first(&c))
        return;
    publish(&c, app.num, ep.num, &m);
    api_remember(&c);
}

static const struct http_route routes[] = {
    { HTTP_POST, "/api/v1/app/{app_id}/endpoint/{endpoint_id}/send-example", HTTP_WORKER,
      send_example, API_APP | API_WRITE | API_CAN(CORE_MAY_ATTEMPT), "v1.endpoint.send-example",
      "Send an event type's example to an endpoint" },
};
API_ROUTES(example, routes);
