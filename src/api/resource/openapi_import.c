/* SPDX-License-Identifier: Apache-2.0
 *
 * Event types from the webhooks of an OpenAPI document. What is kept must be of use without the document: references
 * are resolved, and the examples of the media type go with the schema. A schema that holds itself keeps its
 * references, and what they name, in "$defs".
 */
#include "api/kit/json_schema.h"
#include "api/resource/event_type_priv.h"
#include "api/schemas/schemas.h"

#include <stdio.h>

enum { EVENT_TYPES_MAX = 5000, EXPORT_PAGE = 250, SCHEMA_NODES_MAX = 20000, REFS_DEEP_MAX = 32 };

/* --- references ------------------------------------------------------------------------------------ */

/* One step of a JSON pointer, its escapes undone. */
static const json_t *step_into(const json_t *at, struct str token)
{
    char name[512];
    size_t len = 0;
    for (size_t i = 0; i < token.len; i++, len++) {
        if (len == sizeof(name) - 1)
            return NULL;
        bool is_escape = token.ptr[i] == '~' && i + 1 < token.len;
        name[len] = !is_escape ? token.ptr[i] : token.ptr[i + 1] == '1' ? '/' : '~';
        i += is_escape;
    }
    name[len] = '\0';
    if (json_is_array(at)) {
        uint64_t index = 0;
        return str_to_u64(str_of(name, len), &index) == RC_OK ? json_array_get(at, index) : NULL;
    }
    return json_object_get(at, name);
}

/* What "#/components/schemas/Boat" names; NULL: not there, or not in this document. */
static const json_t *find_ref(const json_t *spec, struct str ref)
{
    struct str token;
    if (!str_skip_prefix(&ref, STR("#/")))
        return NULL;
    const json_t *at = spec;
    while (at != NULL && str_split(&ref, '/', &token))
        at = step_into(at, token);
    return at;
}

/* `v`, or what it refers to. */
static const json_t *openapi_import_follow(const json_t *spec, const json_t *v)
{
    for (int i = 0; i < REFS_DEEP_MAX; i++) {
        const json_t *ref = json_object_get(v, "$ref");
        if (!json_is_string(ref))
            return v;
        v = find_ref(spec, json_str_of(ref));
    }
    return NULL;
}

struct resolver {
    const json_t *spec;
    json_t *defs;                   /* of schemas that hold themselves */
    struct str open[REFS_DEEP_MAX]; /* references we are inside of */
    size_t depth, nodes;
    struct str missing; /* the first reference that leads nowhere */
};

static json_t *openapi_import_resolve(struct resolver *r, const json_t *v);

static struct str last_of(struct str ref)
{
    struct str token = ref, rest = ref;
    while (str_split(&rest, '/', &token))
        continue;
    return token;
}

/* The place of a schema that holds itself. */
static json_t *defer_ref(struct resolver *r, struct str ref)
{
    char name[256];
    (void)snprintf(name, sizeof(name), "%.*s", STR_ARGS(last_of(ref)));
    if (json_object_get(r->defs, name) == NULL) {
        json_object_set_new(r->defs, name, json_object()); /* so that it is met once */
        size_t depth = r->depth;
        r->depth = 1;
        struct str kept = r->open[0];
        r->open[0] = ref;
        json_t *value = openapi_import_resolve(r, find_ref(r->spec, ref));
        r->open[0] = kept;
        r->depth = depth;
        json_object_set_new(r->defs, name, value);
    }
    return json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", name));
}

static json_t *resolve_ref(struct resolver *r, struct str ref)
{
    const json_t *target = find_ref(r->spec, ref);
    if (target == NULL) {
        if (r->missing.ptr == NULL)
            r->missing = ref;
        return json_object();
    }
    for (size_t i = 0; i < r->depth; i++)
        if (str_eq(r->open[i], ref))
            return defer_ref(r, ref);
    if (r->depth == REFS_DEEP_MAX)
        return defer_ref(r, ref);
    r->open[r->depth++] = ref;
    json_t *value = openapi_import_resolve(r, target);
    r->depth--;
    return value;
}

static json_t *resolve_object(struct resolver *r, const json_t *v)
{
    const json_t *ref = json_object_get(v, "$ref");
    json_t *out = json_is_string(ref) ? resolve_ref(r, json_str_of(ref)) : json_object();
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)v, name,
                        value) if (!json_is_string(ref) || strcmp(name, "$ref") != 0)
        json_object_set_new(out, name, openapi_import_resolve(r, value));
    return out;
}

/* A new value without references; past the limit, null. */
static json_t *openapi_import_resolve(struct resolver *r, const json_t *v)
{
    if (++r->nodes > SCHEMA_NODES_MAX)
        return json_null();
    if (json_is_object(v))
        return resolve_object(r, v);
    if (!json_is_array(v))
        return json_deep_copy(v);
    json_t *out = json_array();
    for (size_t i = 0; i < json_array_size(v); i++)
        json_array_append_new(out, openapi_import_resolve(r, json_array_get(v, i)));
    return out;
}

/* --- one webhook ----------------------------------------------------------------------------------- */

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

static const char *openapi_import_text_of(const json_t *op, const char *name)
{
    return json_string_value(json_object_get(op, name));
}

/* application/json, or the first type of JSON. */
static const json_t *json_media(const json_t *content)
{
    const json_t *found = json_object_get(content, "application/json");
    const char *name;
    json_t *value;
    if (found != NULL)
        return found;
    json_object_foreach((json_t *)(uintptr_t)content, name,
                        value) if (str_contains(str_from(name), STR("json"))) return value;
    return NULL;
}

/* Puts the examples of the media type where send-example looks for them. */
static void add_examples(const json_t *spec, const json_t *media, json_t *schema)
{
    json_t *list = json_array();
    const json_t *many = json_object_get(media, "examples");
    json_t *one = json_object_get(media, "example");
    const char *name;
    json_t *value;
    if (one != NULL)
        json_array_append(list, one);
    json_object_foreach((json_t *)(uintptr_t)many, name, value)
    {
        json_t *example = json_object_get(openapi_import_follow(spec, value), "value");
        if (example != NULL)
            json_array_append(list, example);
    }
    if (json_array_size(list) > 0)
        json_object_set(schema, "examples", list);
    else if (json_object_get(schema, "example") != NULL &&
             json_object_get(schema, "examples") == NULL)
        json_object_set_new(schema, "examples",
                            json_pack("[O]", json_object_get(schema, "example")));
    json_decref(list);
}

/* False: answered. */
static bool add_schema(struct api_ctx *c, const json_t *spec, const json_t *op, const char *name,
                       json_t *in)
{
    const json_t *body = openapi_import_follow(spec, json_object_get(op, "requestBody"));
    const json_t *media = json_media(json_object_get(body, "content"));
    const json_t *schema = json_object_get(media, "schema");
    struct resolver r = { .spec = spec, .defs = json_object() };
    bool fine = true;
    if (json_is_object(schema)) {
        json_t *whole = openapi_import_resolve(&r, schema);
        if (json_object_size(r.defs) > 0)
            json_object_set(whole, "$defs", r.defs);
        add_examples(spec, media, whole);
        json_object_set_new(in, "schemas", json_pack("{s:o}", "1", whole));
    }
    if (r.missing.ptr != NULL) {
        http_invalid(c->req, "body.spec.webhooks", "value_error",
                     "%.80s: the document has nothing at '%.*s'.", name,
                     STR_ARGS(str_sub(r.missing, 0, 200)));
        fine = false;
    } else if (r.nodes > SCHEMA_NODES_MAX) {
        http_invalid(c->req, "body.spec.webhooks", "value_error",
                     "%.80s: its schema has more than %d values, references resolved.", name,
                     SCHEMA_NODES_MAX);
        fine = false;
    }
    json_decref(r.defs);
    return fine;
}

/* An EventTypeIn from a webhook's operation; the caller owns it. NULL: it has none. */
static json_t *type_of_webhook(const json_t *op, const char *name)
{
    const char *words = openapi_import_text_of(op, "description");
    if (words == NULL)
        words = openapi_import_text_of(op, "summary");
    const char *id = openapi_import_text_of(op, "operationId");
    json_t *in = json_object();
    json_object_set_new(in, "name", json_string(id != NULL ? id : name));
    json_object_set_new(in, "description", json_string(words == NULL ? name : words));
    json_object_set_new(in, "deprecated",
                        json_boolean(json_is_true(json_object_get(op, "deprecated"))));
    json_t *group = json_object_get(op, "x-event-type-group");
    if (json_is_string(group))
        json_object_set(in, "groupName", group);
    return in;
}

/* False: answered. */
static bool collect_one(struct api_ctx *c, const json_t *spec, const char *name,
                        const json_t *webhook, json_t *out)
{
    const json_t *op = webhook_operation(openapi_import_follow(spec, webhook));
    if (op == NULL)
        return true;
    json_t *in = type_of_webhook(op, name);
    struct api_fault fault = { .type = "value_error" };
    bool fine = add_schema(c, spec, op, name, in);
    if (fine &&
        (api_schema_check(&api_schema_EventTypeIn, in, "body.spec.webhooks", &fault) != RC_OK ||
         api_json_schemas_check(json_object_get(in, "schemas"), "body.spec.webhooks", &fault) !=
             RC_OK)) {
        http_invalid(c->req, fault.where, fault.type, "%.80s: %s", name, fault.words);
        fine = false;
    }
    if (fine)
        api_schema_settle(&api_schema_EventTypeIn, in);
    if (fine)
        json_array_append(out, in);
    json_decref(in);
    return fine;
}

static bool openapi_import_collect(struct api_ctx *c, const json_t *spec, json_t *out)
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
    json_object_foreach((json_t *)(uintptr_t)webhooks, name,
                        webhook) if (!collect_one(c, spec, name, webhook, out)) return false;
    return true;
}

/* --- the import ------------------------------------------------------------------------------------ */

static bool is_listed(const json_t *list, struct str name)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_eq(name, json_str_member(json_array_get(list, i), "name")))
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
        enum rc rc = api_event_type_put(c, tx, json_str_member(in, "name"), in, &et, &made);
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
        api_out_str(&o, NULL, json_str_member(json_array_get(list, i), "name"));
    api_out_end(&o, ']');
    api_out_raw(&o, "to_modify", json_text(c->arena, list));
    api_out_end(&o, '}');
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static void openapi_import_drop_json(void *value)
{
    json_decref(value);
}

/* The document, as an object or as text. False: answered. */
static bool read_spec(struct api_ctx *c, const json_t **spec)
{
    struct str raw = api_get_str(c, "specRaw");
    struct json_error error = { 0 };
    json_t *parsed = NULL;
    *spec = api_get(c, "spec");
    if (*spec != NULL)
        return true;
    if (raw.ptr == NULL) {
        http_invalid(c->req, "body.spec", "value_error",
                     "Expected an OpenAPI document, in `spec` or as text in `specRaw`.");
        return false;
    }
    if (json_parse_yaml(raw, &parsed, &error) != RC_OK) {
        http_invalid(c->req, "body.specRaw", "value_error",
                     "Neither YAML nor JSON: %s at byte %zu.",
                     error.reason == NULL ? "?" : error.reason, error.offset);
        return false;
    }
    arena_defer(c->arena, openapi_import_drop_json, parsed);
    *spec = parsed;
    if (json_is_object(parsed))
        return true;
    http_invalid(c->req, "body.specRaw", "value_error", "Expected an OpenAPI document.");
    return false;
}

static void import_openapi(struct api_ctx *c)
{
    const json_t *spec = NULL;
    if (!read_spec(c, &spec))
        return;
    json_t *list = json_array();
    arena_defer(c->arena, openapi_import_drop_json, list);
    if (!openapi_import_collect(c, spec, list))
        return;
    if (api_get_bool(c, "dryRun", false)) {
        reply_import(c, list);
        return;
    }
    if (api_tx_write(c) && api_ok(c, put_all(c, c->tx, list)))
        reply_import(c, list);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_POST, "/api/v1/event-type/import/openapi", API_ORG | API_WRITE,
                "v1.event-type.import-openapi",
                "Make event types from the webhooks of an OpenAPI document"),
      .run = import_openapi, .in = &api_schema_EventTypeImportOpenApiIn,
      .out = &api_schema_EventTypeImportOpenApiOut, .status = 200 },
};
API_ROUTES(openapi_import, routes);
