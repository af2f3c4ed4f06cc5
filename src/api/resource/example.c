/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending an example message to one endpoint, to see whether it works.
 */
#include "api/kit/json_schema.h"
#include "api/resource/message_priv.h"
#include "api/schemas/schemas.h"

#define PING "svix.ping"

/* {"schemas":{"1":{"examples":[...]}}}: the example asked for or, when the schema has none, one made from it. As JSON
 * text; ptr NULL: there is neither. */
static struct str example_of(struct api_ctx *c, const struct store_event_type *et)
{
    json_t *schemas = NULL;
    if (et->schemas.ptr == NULL || json_parse(et->schemas, &schemas, NULL) != RC_OK)
        return STR_NONE;
    size_t index = (size_t)api_get_int(c, "exampleIndex", 0);
    const json_t *schema = json_object_get(schemas, "1");
    const char *version;
    json_t *value;
    json_object_foreach(schemas, version, value) if (schema == NULL) schema = value;
    const json_t *examples = json_object_get(schema, "examples");
    json_t *example = json_incref(json_array_get(examples, index));
    if (example == NULL && index == 0 && schema != NULL)
        example = api_json_schema_example(schema);
    struct str text = json_is_object(example) ? json_text(c->arena, example) : STR_NONE;
    json_decref(example);
    json_decref(schemas);
    return text;
}

static bool find_operational(struct api_ctx *c, struct str type, struct str *out)
{
    *out = core_events_example(type, c->arena);
    if (out->ptr != NULL)
        return true;
    http_invalid(c->req, "body.eventType", "value_error",
                 "There is no operational webhook '%.*s': list "
                 "/api/v1/operational-webhook/event-type.",
                 STR_ARGS(type));
    return false;
}

static bool find_example(struct api_ctx *c, struct str type, struct str *out)
{
    struct store_event_type et;
    if (api_of_events(c))
        return find_operational(c, type, out);
    if (str_eq(type, STR(PING))) {
        *out = STR("{\"success\":true}");
        return true;
    }
    if (!api_tx_read(c))
        return false;
    enum rc rc = store_event_type_find(c->tx, c->who->org, type, c->arena, &et);
    api_tx_end(c);
    if (!api_ok(c, rc))
        return false;
    *out = example_of(c, &et);
    if (out->ptr != NULL)
        return true;
    http_error(
        c->req, 400, "invalid_scheme",
        "The event type has no such example, and no schema of an object to make one from. Give "
        "it `schemas`: {\"1\": {...}}.");
    return false;
}

static void example_publish(struct api_ctx *c, int64_t app_num, int64_t endpoint,
                            struct store_message *m)
{
    struct core_app *app = NULL;
    enum rc rc = core_directory_load(c->api->o.directory, app_num, &app);
    if (!api_ok(c, rc))
        return;
    api_message_stamp(c->api, app, API_KEEP_DAYS * INT64_C(86400000000), m);
    rc = core_publish_wait(core_publish_new_to(c->api->o.publisher, app, m, endpoint));
    core_app_unref(app);
    if (!api_ok(c, rc))
        return;
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_message_write_members(&o, m, true);
    api_out_end(&o, '}');
    api_reply(c, 202, &o);
}

static void send_example(struct api_ctx *c)
{
    struct store_message m = { .event_type = api_get_str(c, "eventType") };
    if (!find_example(c, m.event_type, &m.payload))
        return;
    if (c->endpoint.disabled) {
        http_error(c->req, 400, "endpoint_disabled", "The endpoint is disabled: enable it first.");
        return;
    }
    example_publish(c, c->app.num, c->endpoint.num, &m);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_POST, "/api/v1/app/{app_id}/endpoint/{endpoint_id}/send-example",
                API_APP | API_WRITE | API_CAN(ACCESS_MAY_ATTEMPT), "v1.endpoint.send-example",
                "Send an event type's example to an endpoint"),
      .run = send_example, .steps = API_FINDS_ENDPOINT | API_ONCE, .in = &api_schema_EventExampleIn,
      .out = &api_schema_MessageOut, .status = 202 },
    { API_ROUTE(HTTP_POST, "/api/v1/operational-webhook/endpoint/{endpoint_id}/send-example",
                API_ORG | API_WRITE, "v1.operational-webhook.endpoint.send-example",
                "Send an example of an operational webhook to an endpoint"),
      .run = send_example, .steps = API_OF_EVENTS | API_FINDS_ENDPOINT | API_ONCE,
      .in = &api_schema_EventExampleIn, .out = &api_schema_MessageOut, .status = 202 },
};
API_ROUTES(example, routes);
