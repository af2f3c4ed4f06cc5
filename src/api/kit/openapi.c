/* SPDX-License-Identifier: Apache-2.0
 *
 * The OpenAPI document and the reference page, from the route tables, the operations and the
 * schemas.
 */
#include "api/kit/kit_priv.h"

/* --- schemas ---------------------------------------------------------------------------------- */

static const char *const type_names[] = {
    [API_STRING] = "string",  [API_URL] = "string",      [API_INT] = "integer",
    [API_NUMBER] = "number",  [API_BOOL] = "boolean",    [API_DATE] = "string",
    [API_OBJECT] = "object",  [API_TEXT_MAP] = "object", [API_NULL_MAP] = "object",
    [API_OBJECTS] = "object", [API_LIST] = "array",      [API_NUMBERS] = "array",
    [API_SCHEMA] = "object",  [API_SCHEMAS] = "array",   [API_ANYTHING] = NULL,
};

static json_t *ref_to(const struct api_schema *schema)
{
    return json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%s", schema->name));
}

/* What JSON Schema calls the least and the most of a type; NULL: it has none. */
static const struct limit_names {
    const char *min, *max;
} limit_names[] = {
    [API_STRING] = { "minLength", "maxLength" },
    [API_INT] = { "minimum", "maximum" },
    [API_NUMBER] = { "minimum", "maximum" },
    [API_LIST] = { "minItems", "maxItems" },
    [API_NUMBERS] = { "minItems", "maxItems" },
    [API_SCHEMAS] = { "minItems", "maxItems" },
    [API_ANYTHING] = { NULL, NULL },
};

static void put_limits(json_t *o, const struct api_field *f)
{
    const struct limit_names *names = &limit_names[f->type];
    bool has_chars = f->type == API_STRING && f->chars != API_CHARS_ANY;
    int64_t top = has_chars ? (int64_t)api_chars_max(f->chars) : f->max;
    if (names->min != NULL && f->min > 0)
        json_object_set_new(o, names->min, json_integer(f->min));
    if (names->max != NULL && top > 0)
        json_object_set_new(o, names->max, json_integer(top));
    if (has_chars)
        json_object_set_new(o, "pattern", json_string(api_chars_pattern(f->chars)));
}

static json_t *items_of(const struct api_field *f)
{
    if (f->type == API_SCHEMAS)
        return ref_to(f->schema);
    if (f->type == API_NUMBERS)
        return json_pack("{s:s}", "type", "number");
    json_t *o = json_pack("{s:s}", "type", "string");
    if (f->chars != API_CHARS_ANY) {
        json_object_set_new(o, "pattern", json_string(api_chars_pattern(f->chars)));
        json_object_set_new(o, "maxLength", json_integer((json_int_t)api_chars_max(f->chars)));
    }
    return o;
}

static json_t *schema_of_field(const struct api_field *f)
{
    if (f->type == API_SCHEMA)
        return ref_to(f->schema);
    json_t *o = json_object();
    if (type_names[f->type] != NULL)
        json_object_set_new(o, "type", json_string(type_names[f->type]));
    if (f->doc != NULL)
        json_object_set_new(o, "description", json_string(f->doc));
    if ((f->flags & API_NULLABLE) != 0)
        json_object_set_new(o, "nullable", json_true());
    if (f->type == API_DATE || f->type == API_URL)
        json_object_set_new(o, "format", json_string(f->type == API_DATE ? "date-time" : "uri"));
    if (f->type == API_LIST || f->type == API_NUMBERS || f->type == API_SCHEMAS)
        json_object_set_new(o, "items", items_of(f));
    if (f->type == API_OBJECTS)
        json_object_set_new(o, "additionalProperties", json_pack("{s:s}", "type", "object"));
    if (f->type == API_TEXT_MAP || f->type == API_NULL_MAP)
        json_object_set_new(
            o, "additionalProperties",
            json_pack("{s:s,s:b}", "type", "string", "nullable", f->type == API_NULL_MAP));
    put_limits(o, f);
    return o;
}

static void add_schema(json_t *schemas, const struct api_schema *schema);

static void add_members(json_t *schemas, const struct api_schema *schema, json_t *properties,
                        json_t *required)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct api_field *f = &schema->fields[i];
        if ((f->flags & API_EMBEDDED) != 0)
            add_members(schemas, f->schema, properties, required);
        if ((f->flags & (API_HIDDEN | API_EMBEDDED)) != 0)
            continue;
        add_schema(schemas, f->schema);
        json_object_set_new(properties, f->name, schema_of_field(f));
        if ((f->flags & API_REQUIRED) != 0)
            json_array_append_new(required, json_string(f->name));
    }
}

static void add_schema(json_t *schemas, const struct api_schema *schema)
{
    if (schema == NULL || json_object_get(schemas, schema->name) != NULL)
        return;
    json_t *o = json_pack("{s:s,s:s}", "type", "object", "description", schema->doc);
    json_t *properties = json_object();
    json_t *required = json_array();
    json_object_set_new(schemas, schema->name, o);
    add_members(schemas, schema, properties, required);
    json_object_set_new(o, "properties", properties);
    if (json_array_size(required) > 0)
        json_object_set_new(o, "required", required);
    else
        json_decref(required);
}

static void add_list_schema(json_t *schemas, const struct api_schema *of, char name[static 96])
{
    (void)snprintf(name, 96, "ListResponse_%s_", of->name);
    if (json_object_get(schemas, name) != NULL)
        return;
    json_t *data = json_pack("{s:s,s:o}", "type", "array", "items", ref_to(of));
    json_object_set_new(schemas, name,
                        json_pack("{s:s,s:{s:o,s:{s:s,s:b},s:{s:s,s:b},s:{s:s}},s:[s,s,s]}", "type",
                                  "object", "properties", "data", data, "iterator", "type",
                                  "string", "nullable", 1, "prevIterator", "type", "string",
                                  "nullable", 1, "done", "type", "boolean", "required", "data",
                                  "done", "iterator"));
}

/* --- operations ------------------------------------------------------------------------------- */

static json_t *json_body(json_t *schema)
{
    return json_pack("{s:{s:{s:o}}}", "content", "application/json", "schema", schema);
}

static void add_path_parameters(json_t *parameters, const char *pattern)
{
    struct str rest = str_from(pattern);
    struct str part;
    while (str_split(&rest, '/', &part))
        if (part.len > 2 && part.ptr[0] == '{')
            json_array_append_new(parameters,
                                  json_pack("{s:o,s:s,s:b,s:{s:s}}", "name",
                                            json_stringn(part.ptr + 1, part.len - 2), "in", "path",
                                            "required", 1, "schema", "type", "string"));
}

static void add_parameter(json_t *parameters, const char *in, const struct api_query_doc *doc)
{
    json_array_append_new(parameters, json_pack("{s:s,s:s,s:b,s:s,s:{s:s}}", "name", doc->name,
                                                "in", in, "required", 0, "description", doc->doc,
                                                "schema", "type", doc->type));
}

static void add_query_parameters(json_t *parameters, const char *names)
{
    struct str rest = str_from(names);
    struct str name;
    while (str_split(&rest, ' ', &name)) {
        const struct api_query_doc *doc = api_query_doc_find(name);
        MUST(doc != NULL);
        add_parameter(parameters, "query", doc);
    }
}

static void add_media(json_t *response, const char *media)
{
    struct str rest = str_from(media), type;
    json_t *content = json_object();
    while (str_split(&rest, ' ', &type))
        json_object_setn_new(content, type.ptr, type.len,
                             json_pack("{s:{s:s}}", "schema", "type", "string"));
    json_object_set_new(response, "content", content);
}

static json_t *openapi_success(json_t *schemas, const struct api_route *op, int status)
{
    json_t *response = json_pack("{s:s}", "description", http_reason(status));
    if (op->is_stream)
        json_object_set_new(
            response, "content",
            json_pack("{s:{s:{s:s}}}", "text/event-stream", "schema", "type", "string"));
    if (op->media != NULL)
        add_media(response, op->media);
    if (op->out == NULL || status == 204)
        return response;
    char name[96];
    json_t *schema = NULL;
    add_schema(schemas, op->out);
    if (op->is_list) {
        add_list_schema(schemas, op->out, name);
        schema = json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%s", name));
    } else {
        schema = ref_to(op->out);
    }
    json_t *body = json_body(schema);
    json_object_update(response, body);
    json_decref(body);
    return response;
}

static void add_errors(json_t *responses, bool has_input)
{
    static const int codes[] = { 400, 401, 403, 404, 409, 413, 429 };
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        char code[8];
        (void)snprintf(code, sizeof(code), "%d", codes[i]);
        json_object_set_new(responses, code,
                            json_pack("{s:s,s:{s:{s:{s:s}}}}", "description", http_reason(codes[i]),
                                      "content", "application/json", "schema", "$ref",
                                      "#/components/schemas/HttpErrorOut"));
    }
    if (has_input)
        json_object_set_new(responses, "422",
                            json_pack("{s:s,s:{s:{s:{s:s}}}}", "description",
                                      "What is wrong with the request", "content",
                                      "application/json", "schema", "$ref",
                                      "#/components/schemas/HTTPValidationError"));
}

struct document {
    const struct api *api;
    json_t *paths, *schemas;
};

static json_t *operation_of(struct document *d, const struct http_route *route)
{
    const struct api_route *op = api_route_of(d->api, route);
    json_t *o = json_pack("{s:s,s:s}", "operationId", route->operation, "summary", route->summary);
    json_t *parameters = json_array();
    json_t *responses = json_object();
    struct str tag = str_from(route->operation);
    (void)str_skip_prefix(&tag, STR("v1."));
    tag = str_sub(tag, 0, str_find(tag, '.'));
    json_object_set_new(o, "tags", json_pack("[o]", json_stringn(tag.ptr, tag.len)));
    add_path_parameters(parameters, route->pattern);
    if (op != NULL) {
        char code[8];
        add_query_parameters(parameters, op->query == NULL ? "" : op->query);
        if (op->is_stream)
            add_parameter(parameters, "header", &api_last_event_id_doc);
        (void)snprintf(code, sizeof(code), "%d", op->status);
        json_object_set_new(responses, code, openapi_success(d->schemas, op, op->status));
        if (op->other_status != 0) {
            (void)snprintf(code, sizeof(code), "%d", op->other_status);
            json_object_set_new(responses, code, openapi_success(d->schemas, op, op->other_status));
        }
        if (op->in != NULL) {
            add_schema(d->schemas, op->in);
            json_t *body = json_body(ref_to(op->in));
            json_object_set_new(body, "required", json_true());
            json_object_set_new(o, "requestBody", body);
        }
    }
    bool has_event =
        str_contains(str_from(route->pattern), STR("{event}")); /* its name is checked */
    add_errors(responses, has_event || (op != NULL && (op->in != NULL || op->query != NULL)));
    json_object_set_new(o, "parameters", parameters);
    json_object_set_new(o, "responses", responses);
    if ((route->access & API_ACCESS_MASK) == API_OPEN)
        json_object_set_new(o, "security", json_array());
    return o;
}

static const char *method_key(enum http_method m)
{
    static const char *const names[] = { "get",   "head",   "post",    "put",
                                         "patch", "delete", "options", "trace" };
    return names[m];
}

static void add_route(void *ctx, const struct http_route *route)
{
    struct document *d = ctx;
    if (route->operation == NULL)
        return;
    json_t *path = json_object_get(d->paths, route->pattern);
    if (path == NULL) {
        path = json_object();
        json_object_set_new(d->paths, route->pattern, path);
    }
    json_object_set_new(path, method_key(route->method), operation_of(d, route));
}

static json_t *error_schema(void)
{
    return json_pack("{s:s,s:{s:{s:s},s:{s:s}},s:[s,s]}", "type", "object", "properties", "code",
                     "type", "string", "detail", "type", "string", "required", "code", "detail");
}

static json_t *validation_schema(void)
{
    json_t *item =
        json_pack("{s:s,s:{s:{s:s,s:{s:s}},s:{s:s},s:{s:s}},s:[s,s,s]}", "type", "object",
                  "properties", "loc", "type", "array", "items", "type", "string", "msg", "type",
                  "string", "type", "type", "string", "required", "loc", "msg", "type");
    return json_pack("{s:s,s:{s:{s:s,s:o}},s:[s]}", "type", "object", "properties", "detail",
                     "type", "array", "items", item, "required", "detail");
}

static json_t *document_of(const struct api *api)
{
    struct document d = { api, json_object(), json_object() };
    json_object_set_new(d.schemas, "HttpErrorOut", error_schema());
    json_object_set_new(d.schemas, "HTTPValidationError", validation_schema());
    http_router_each(api->router, add_route, &d);
    json_t *schemes = json_pack("{s:{s:s,s:s}}", "HTTPBearer", "type", "http", "scheme", "bearer");
    return json_pack("{s:s,s:{s:s,s:s},s:o,s:{s:o,s:o},s:[{s:[]}]}", "openapi", "3.0.3", "info",
                     "title", "Grapnel", "version", GRAPNEL_VERSION, "paths", d.paths, "components",
                     "schemas", d.schemas, "securitySchemes", schemes, "security", "HTTPBearer");
}

enum rc api_openapi(const struct api *api, struct buf *out)
{
    json_t *document = document_of(api);
    enum rc rc = json_write_lines(document, out);
    json_decref(document);
    return rc;
}
