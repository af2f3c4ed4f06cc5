/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking event types from one environment to another: export, import, and import from an OpenAPI
 * document.
 */
#include "api/event_type_priv.h"
#include "api/schemas.h"

enum { EVENT_TYPES_MAX = 5000, EXPORT_PAGE = 250 };

/* --- export
 * ---------------------------------------------------------------------------------------- */

static enum rc write_types(struct api_ctx *c, struct store_tx *tx, struct api_out *o)
{
    struct store_page page = { .limit = EXPORT_PAGE };
    struct store_page_end end = { 0 };
    struct store_event_type *types = arena_array(c->arena, EXPORT_PAGE, sizeof(*types));
    do {
        enum rc rc =
            store_event_type_list(tx, c->who->org, false, STR_NONE, &page, c->arena, types, &end);
        if (rc != RC_OK)
            return rc;
        for (size_t i = 0; i < end.count; i++) {
            api_out_key(o, NULL);
            api_event_type_write(c, o, &types[i], true);
            page.after = types[i].name;
        }
    } while (!end.done && end.count > 0);
    return RC_OK;
}

static void export_environment(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_read(&c, &tx))
        return;
    struct api_out o;
    api_out_open(&c, &o);
    api_out_begin(&o, '{');
    api_out_int(&o, "version", 1);
    api_out_date(&o, "createdAt", c.now_us);
    api_out_key(&o, "eventTypes");
    api_out_begin(&o, '[');
    enum rc rc = write_types(&c, tx, &o);
    store_end(tx);
    api_out_end(&o, ']');
    api_out_null(&o, "settings");
    api_out_raw(&o, "connectors", STR("[]"));
    api_out_end(&o, '}');
    if (rc != RC_OK)
        api_fail(&c, rc);
    else
        api_reply(&c, 200, &o);
}

static void import_environment(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_EnvironmentIn, false) ||
        !api_write(&c, &tx))
        return;
    const json_t *types = api_get(&c, "eventTypes");
    for (size_t i = 0; i < json_array_size(types); i++) {
        const json_t *in = json_array_get(types, i);
        struct store_event_type et;
        bool made;
        enum rc rc =
            api_event_type_put(&c, tx, api_json_str(json_object_get(in, "name")), in, &et, &made);
        if (rc != RC_OK) {
            api_abort(&c, tx, rc);
            return;
        }
    }
    api_reply_empty(&c, 204);
    (void)api_commit(&c, tx);
}

/* --- OpenAPI
 * --------------------------------------------------------------------------------------- */

/* The request body's schema of the first operation of a webhook. */
static const json_t *webhook_operation(const json_t *webhook)
{
    static const char *const methods[] = { "post", "put", "patch", "get" };
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        const json_t *op = json_object_get(webhook, methods[i]);
        if (json_is_object(op))
            return op;
    }
    return NULL;
}

static const char *text_of(const json_t *op, const char *name)
{
    return json_string_value(json_object_get(op, name));
}

/* An EventTypeIn from a webhook's operation; the caller owns it. NULL: it has none. */
static json_t *type_of_webhook(const char *name, const json_t *webhook)
{
    const json_t *op = webhook_operation(webhook);
    if (op == NULL)
        return NULL;
    const char *words = text_of(op, "description");
    if (words == NULL)
        words = text_of(op, "summary");
    json_t *in = json_object();
    json_object_set_new(
        in, "name", json_string(text_of(op, "operationId") ? text_of(op, "operationId") : name));
    json_object_set_new(in, "description", json_string(words == NULL ? name : words));
    json_object_set_new(in, "deprecated",
                        json_boolean(json_is_true(json_object_get(op, "deprecated"))));
    json_t *content = json_object_get(json_object_get(op, "requestBody"), "content");
    json_t *schema = json_object_get(json_object_get(content, "application/json"), "schema");
    if (json_is_object(schema)) {
        json_t *schemas = json_object();
        json_object_set(schemas, "1", schema);
        json_object_set_new(in, "schemas", schemas);
    }
    json_t *group = json_object_get(op, "x-event-type-group");
    if (json_is_string(group))
        json_object_set(in, "groupName", group);
    return in;
}

static bool collect(struct api_ctx *c, const json_t *spec, json_t *out)
{
    const json_t *webhooks = json_object_get(spec, "webhooks");
    if (!json_is_object(webhooks))
        webhooks = json_object_get(spec, "x-webhooks");
    if (json_object_size(webhooks) > EVENT_TYPES_MAX) {
        http_invalid(c->req, "body.spec", "value_error", "At most %d webhooks.", EVENT_TYPES_MAX);
        return false;
    }
    const char *name;
    json_t *webhook;
    json_object_foreach((json_t *)(uintptr_t)webhooks, name, webhook)
    {
        json_t *in = type_of_webhook(name, webhook);
        struct api_fault fault;
        if (in == NULL)
            continue;
        if (api_schema_check(&api_schema_EventTypeIn, in, "body.spec.webhooks", &fault) != RC_OK) {
            json_decref(in);
            http_invalid(c->req, fault.where, fault.type, "%.80s: %s", name, fault.words);
            return false;
        }
        api_schema_settle(&api_schema_EventTypeIn, in);
        json_array_append_new(out, in);
    }
    return true;
}

static bool is_listed(const json_t *list, struct str name)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_eq(name, api_json_str(json_object_get(json_array_get(list, i), "name"))))
            return true;
    return false;
}

static enum rc archive_others(struct api_ctx *c, struct store_tx *tx, const json_t *list)
{
    struct store_page page = { .limit = EXPORT_PAGE };
    struct store_page_end end = { 0 };
    struct store_event_type *types = arena_array(c->arena, EXPORT_PAGE, sizeof(*types));
    do {
        enum rc rc =
            store_event_type_list(tx, c->who->org, false, STR_NONE, &page, c->arena, types, &end);
        for (size_t i = 0; rc == RC_OK && i < end.count; i++) {
            page.after = types[i].name;
            if (is_listed(list, types[i].name))
                continue;
            types[i].archived = true;
            types[i].updated_us = c->now_us;
            rc = store_event_type_update(tx, &types[i]);
        }
        if (rc != RC_OK)
            return rc;
    } while (!end.done && end.count > 0);
    return RC_OK;
}

static enum rc put_all(struct api_ctx *c, struct store_tx *tx, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *in = json_array_get(list, i);
        struct store_event_type et;
        bool made;
        enum rc rc =
            api_event_type_put(c, tx, api_json_str(json_object_get(in, "name")), in, &et, &made);
        if (rc != RC_OK)
            return rc;
    }
    return api_get_bool(c, "replaceAll", false) ? archive_others(c, tx, list) : RC_OK;
}

static void reply_import(struct api_ctx *c, const json_t *list)
{
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_key(&o, "data");
    api_out_begin(&o, '{');
    api_out_key(&o, "modified");
    api_out_begin(&o, '[');
    for (size_t i = 0; i < json_array_size(list); i++)
        api_out_str(&o, NULL, api_json_str(json_object_get(json_array_get(list, i), "name")));
    api_out_end(&o, ']');
    api_out_raw(&o, "to_modify", json_text(c->arena, list));
    api_out_end(&o, '}');
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static void drop_json(void *value)
{
    json_decref(value);
}

/* The document, as an object or as text. False: answered. */
static bool read_spec(struct api_ctx *c, const json_t **spec)
{
    struct str raw = api_get_str(c, "specRaw");
    json_t *parsed = NULL;
    *spec = api_get(c, "spec");
    if (*spec != NULL)
        return true;
    if (raw.ptr != NULL && json_parse(raw, &parsed, NULL) == RC_OK) {
        arena_defer(c->arena, drop_json, parsed);
        *spec = parsed;
        return true;
    }
    http_invalid(c->req, raw.ptr == NULL ? "body.spec" : "body.specRaw", "value_error",
                 "Expected an OpenAPI document in JSON.");
    return false;
}

static void import_openapi(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    const json_t *spec = NULL;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_EventTypeImportOpenApiIn, false) ||
        !read_spec(&c, &spec))
        return;
    json_t *list = json_array();
    arena_defer(c.arena, drop_json, list);
    if (!collect(&c, spec, list))
        return;
    if (api_get_bool(&c, "dryRun", false)) {
        reply_import(&c, list);
        return;
    }
    if (!api_write(&c, &tx))
        return;
    enum rc rc = put_all(&c, tx, list);
    if (rc != RC_OK) {
        api_abort(&c, tx, rc);
        return;
    }
    reply_import(&c, list);
    (void)api_commit(&c, tx);
}

static const struct http_route routes[] = {
    { HTTP_POST, "/api/v1/environment/export", HTTP_WORKER, export_environment, API_ORG,
      "v1.environment.export", "Export event types" },
    { HTTP_POST, "/api/v1/environment/import", HTTP_WORKER, import_environment, API_ORG | API_WRITE,
      "v1.environment.import", "Import event types" },
    { HTTP_POST, "/api/v1/event-type/import/openapi", HTTP_WORKER, import_openapi,
      API_ORG | API_WRITE, "v1.event-type.import-openapi",
      "Make event types from the webhooks of an OpenAPI document" },
};
API_ROUTES(environment, routes);
