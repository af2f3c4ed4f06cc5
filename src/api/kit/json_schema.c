/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/kit/json_schema.h. Of the keywords the shape is checked, as the schema of schemas has it (drafts 4 to 2020-12
 * and OpenAPI's agree on these); unknown ones are let be, as JSON Schema wants it.
 */
#include "api/kit/json_schema.h"

#include <stdio.h>

enum { SCHEMA_DEPTH_MAX = 64, EXAMPLE_DEPTH_MAX = 16, EXAMPLE_NODES_MAX = 2000 };

/* --- checking -------------------------------------------------------------------------------------- */

enum shape {
    SHAPE_SCHEMA,  /* an object, true or false */
    SHAPE_SCHEMAS, /* an array of them, not empty */
    SHAPE_MAP,     /* an object of them */
    SHAPE_ITEMS,   /* a schema or an array of them */
    SHAPE_TEXT,
    SHAPE_TEXTS, /* an array of texts */
    SHAPE_ARRAY,
    SHAPE_COUNT, /* an integer from 0 */
    SHAPE_NUMBER,
    SHAPE_POSITIVE,
    SHAPE_LIMIT, /* a number; a boolean in draft 4 */
    SHAPE_TYPE
};

static const struct {
    const char *name;
    enum shape shape;
} keywords[] = {
    { "type", SHAPE_TYPE },
    { "properties", SHAPE_MAP },
    { "patternProperties", SHAPE_MAP },
    { "$defs", SHAPE_MAP },
    { "definitions", SHAPE_MAP },
    { "dependentSchemas", SHAPE_MAP },
    { "additionalProperties", SHAPE_SCHEMA },
    { "additionalItems", SHAPE_SCHEMA },
    { "unevaluatedProperties", SHAPE_SCHEMA },
    { "propertyNames", SHAPE_SCHEMA },
    { "contains", SHAPE_SCHEMA },
    { "not", SHAPE_SCHEMA },
    { "if", SHAPE_SCHEMA },
    { "then", SHAPE_SCHEMA },
    { "else", SHAPE_SCHEMA },
    { "items", SHAPE_ITEMS },
    { "prefixItems", SHAPE_SCHEMAS },
    { "allOf", SHAPE_SCHEMAS },
    { "anyOf", SHAPE_SCHEMAS },
    { "oneOf", SHAPE_SCHEMAS },
    { "required", SHAPE_TEXTS },
    { "enum", SHAPE_ARRAY },
    { "examples", SHAPE_ARRAY },
    { "$ref", SHAPE_TEXT },
    { "$id", SHAPE_TEXT },
    { "$schema", SHAPE_TEXT },
    { "title", SHAPE_TEXT },
    { "description", SHAPE_TEXT },
    { "pattern", SHAPE_TEXT },
    { "format", SHAPE_TEXT },
    { "minLength", SHAPE_COUNT },
    { "maxLength", SHAPE_COUNT },
    { "minItems", SHAPE_COUNT },
    { "maxItems", SHAPE_COUNT },
    { "minProperties", SHAPE_COUNT },
    { "maxProperties", SHAPE_COUNT },
    { "minimum", SHAPE_NUMBER },
    { "maximum", SHAPE_NUMBER },
    { "exclusiveMinimum", SHAPE_LIMIT },
    { "exclusiveMaximum", SHAPE_LIMIT },
    { "multipleOf", SHAPE_POSITIVE },
};

static const char *const expected[] = {
    [SHAPE_SCHEMA] = "a schema: an object, true or false",
    [SHAPE_SCHEMAS] = "an array of schemas",
    [SHAPE_MAP] = "an object of schemas",
    [SHAPE_ITEMS] = "a schema, or an array of schemas",
    [SHAPE_TEXT] = "a string",
    [SHAPE_TEXTS] = "an array of strings",
    [SHAPE_ARRAY] = "an array",
    [SHAPE_COUNT] = "an integer from 0",
    [SHAPE_NUMBER] = "a number",
    [SHAPE_POSITIVE] = "a number greater than 0",
    [SHAPE_LIMIT] = "a number",
    [SHAPE_TYPE] = "one or several of array, boolean, integer, null, number, object, string",
};

static enum rc refuse_keyword(struct api_fault *fault, const char *where, const char *words)
{
    (void)snprintf(fault->where, sizeof(fault->where), "%s", where);
    (void)snprintf(fault->words, sizeof(fault->words), "Not a JSON Schema: expected %s.", words);
    fault->type = "value_error";
    return RC_INVALID;
}

static bool is_type(const json_t *v)
{
    static const char *const names[] = { "array",  "boolean", "integer", "null",
                                         "number", "object",  "string" };
    const char *text = json_string_value(v);
    for (size_t i = 0; text != NULL && i < COUNT_OF(names); i++)
        if (strcmp(text, names[i]) == 0)
            return true;
    return false;
}

static bool all_are(const json_t *list, bool (*fits)(const json_t *v))
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!fits(json_array_get(list, i)))
            return false;
    return json_is_array(list);
}

static bool is_text(const json_t *v)
{
    return json_is_string(v);
}

static bool is_schema(const json_t *v)
{
    return json_is_object(v) || json_is_boolean(v);
}

static bool has_shape(const json_t *v, enum shape shape)
{
    switch (shape) {
    case SHAPE_SCHEMA: return is_schema(v);
    case SHAPE_SCHEMAS: return all_are(v, is_schema) && json_array_size(v) > 0;
    case SHAPE_MAP: return json_is_object(v);
    case SHAPE_ITEMS: return is_schema(v) || all_are(v, is_schema);
    case SHAPE_TEXT: return json_is_string(v);
    case SHAPE_TEXTS: return all_are(v, is_text);
    case SHAPE_ARRAY: return json_is_array(v);
    case SHAPE_COUNT: return json_is_number(v) && json_number_value(v) >= 0;
    case SHAPE_NUMBER: return json_is_number(v);
    case SHAPE_POSITIVE: return json_is_number(v) && json_number_value(v) > 0;
    case SHAPE_LIMIT: return json_is_number(v) || json_is_boolean(v);
    case SHAPE_TYPE: return is_type(v) || (all_are(v, is_type) && json_array_size(v) > 0);
    }
    return true;
}

static enum rc check_schema(const json_t *schema, const char *where, int depth,
                            struct api_fault *fault);

/* The schemas inside of a keyword's value. */
static enum rc check_inner(const json_t *v, enum shape shape, const char *where, int depth,
                           struct api_fault *fault)
{
    char place[sizeof(fault->where)];
    const char *name;
    json_t *value;
    enum rc rc = RC_OK;
    if (shape == SHAPE_SCHEMA || (shape == SHAPE_ITEMS && !json_is_array(v)))
        return check_schema(v, where, depth, fault);
    for (size_t i = 0; rc == RC_OK && shape <= SHAPE_ITEMS && i < json_array_size(v); i++) {
        (void)snprintf(place, sizeof(place), "%.200s.%zu", where, i);
        rc = check_schema(json_array_get(v, i), place, depth, fault);
    }
    if (rc == RC_OK && shape == SHAPE_MAP)
        json_object_foreach((json_t *)(uintptr_t)v, name, value)
        {
            (void)snprintf(place, sizeof(place), "%.180s.%.64s", where, name);
            rc = check_schema(value, place, depth, fault);
            if (rc != RC_OK)
                break;
        }
    return rc;
}

static enum rc check_schema(const json_t *schema, const char *where, int depth,
                            struct api_fault *fault)
{
    if (!is_schema(schema))
        return refuse_keyword(fault, where, expected[SHAPE_SCHEMA]);
    if (depth == SCHEMA_DEPTH_MAX)
        return refuse_keyword(fault, where, "at most 64 levels");
    for (size_t i = 0; i < COUNT_OF(keywords); i++) {
        const json_t *v = json_object_get(schema, keywords[i].name);
        char place[sizeof(fault->where)];
        if (v == NULL)
            continue;
        (void)snprintf(place, sizeof(place), "%.190s.%s", where, keywords[i].name);
        if (!has_shape(v, keywords[i].shape))
            return refuse_keyword(fault, place, expected[keywords[i].shape]);
        enum rc rc = check_inner(v, keywords[i].shape, place, depth + 1, fault);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

enum rc api_json_schemas_check(const json_t *schemas, const char *where, struct api_fault *fault)
{
    const char *version;
    json_t *schema;
    json_object_foreach((json_t *)(uintptr_t)schemas, version, schema)
    {
        char place[128];
        (void)snprintf(place, sizeof(place), "%s.%.32s", where, version);
        enum rc rc = check_schema(schema, place, 0, fault);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

/* --- examples -------------------------------------------------------------------------------------- */

struct making {
    const json_t *root;
    int nodes;
};

static json_t *make_value(struct making *m, const json_t *schema, int depth);

/* What the schema says outright. */
static json_t *given_value(const json_t *schema)
{
    json_t *v = json_object_get(schema, "example");
    if (v == NULL)
        v = json_array_get(json_object_get(schema, "examples"), 0);
    if (v == NULL)
        v = json_object_get(schema, "const");
    if (v == NULL)
        v = json_object_get(schema, "default");
    if (v == NULL)
        v = json_array_get(json_object_get(schema, "enum"), 0);
    return v == NULL ? NULL : json_deep_copy(v);
}

/* "#/$defs/Boat" and "#/definitions/Boat"; NULL: elsewhere. */
static const json_t *local_ref(const struct making *m, const json_t *schema)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    if (ref == NULL)
        return NULL;
    if (strncmp(ref, "#/$defs/", 8) == 0)
        return json_object_get(json_object_get(m->root, "$defs"), ref + 8);
    if (strncmp(ref, "#/definitions/", 14) == 0)
        return json_object_get(json_object_get(m->root, "definitions"), ref + 14);
    return NULL;
}

static const char *type_name(const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type");
    if (json_is_array(type)) {
        const char *first = json_string_value(json_array_get(type, 0));
        const char *second = json_string_value(json_array_get(type, 1));
        return first != NULL && strcmp(first, "null") == 0 && second != NULL ? second : first;
    }
    if (json_is_string(type))
        return json_string_value(type);
    if (json_object_get(schema, "properties") != NULL)
        return "object";
    return json_object_get(schema, "items") != NULL ? "array" : NULL;
}

static json_t *make_text(const json_t *schema)
{
    static const char *const formats[][2] = {
        { "date-time", "2026-01-02T03:04:05Z" },
        { "date", "2026-01-02" },
        { "time", "03:04:05Z" },
        { "email", "someone@example.com" },
        { "uri", "https://example.com/" },
        { "url", "https://example.com/" },
        { "hostname", "example.com" },
        { "ipv4", "192.0.2.1" },
        { "ipv6", "2001:db8::1" },
        { "uuid", "00000000-0000-4000-8000-000000000000" },
    };
    const char *format = json_string_value(json_object_get(schema, "format"));
    for (size_t i = 0; format != NULL && i < COUNT_OF(formats); i++)
        if (strcmp(format, formats[i][0]) == 0)
            return json_string(formats[i][1]);
    char text[256] = "text";
    json_int_t least = json_integer_value(json_object_get(schema, "minLength"));
    json_int_t most = json_integer_value(json_object_get(schema, "maxLength"));
    size_t len = least > 4 ? (size_t)least : 4;
    if (json_object_get(schema, "maxLength") != NULL && most >= 0 && (size_t)most < len)
        len = (size_t)most;
    if (len >= sizeof(text))
        len = sizeof(text) - 1;
    for (size_t i = 4; i < len; i++)
        text[i] = 'x';
    return json_stringn(text, len);
}

static json_t *make_number(const json_t *schema, bool is_whole)
{
    const json_t *least = json_object_get(schema, "minimum");
    const json_t *above = json_object_get(schema, "exclusiveMinimum");
    const json_t *most = json_object_get(schema, "maximum");
    double n = 0;
    if (json_is_number(least))
        n = json_number_value(least);
    if (json_is_number(above) && json_number_value(above) >= n)
        n = json_number_value(above) + 1;
    if (json_is_number(most) && json_number_value(most) < n)
        n = json_number_value(most);
    bool fits = n > -9e15 && n < 9e15;
    if (is_whole && fits) {
        json_int_t whole = (json_int_t)n;
        return json_integer((double)whole < n ? whole + 1 : whole);
    }
    return json_real(n);
}

/* Adds the properties of the schema and of those it is made of. */
static void add_properties(struct making *m, const json_t *schema, int depth, json_t *object)
{
    const json_t *parts = json_object_get(schema, "allOf");
    const json_t *properties = json_object_get(schema, "properties");
    const char *name;
    json_t *value;
    for (size_t i = 0; i < json_array_size(parts); i++) {
        json_t *part = make_value(m, json_array_get(parts, i), depth + 1);
        if (json_is_object(part))
            json_object_update(object, part);
        json_decref(part);
    }
    json_object_foreach((json_t *)(uintptr_t)properties, name, value)
        json_object_set_new(object, name, make_value(m, value, depth + 1));
}

static json_t *make_list(struct making *m, const json_t *schema, int depth)
{
    json_t *list = json_array();
    const json_t *items = json_object_get(schema, "items");
    if (json_is_object(items) && depth < EXAMPLE_DEPTH_MAX)
        json_array_append_new(list, make_value(m, items, depth + 1));
    for (size_t i = 0; i < json_array_size(items); i++)
        json_array_append_new(list, make_value(m, json_array_get(items, i), depth + 1));
    return list;
}

static const json_t *first_choice(const json_t *schema)
{
    const json_t *choices = json_object_get(schema, "oneOf");
    return json_array_get(choices != NULL ? choices : json_object_get(schema, "anyOf"), 0);
}

static json_t *make_of_type(struct making *m, const json_t *schema, int depth)
{
    const char *type = type_name(schema);
    if (type == NULL && json_object_get(schema, "allOf") == NULL)
        return json_null();
    if (type == NULL || strcmp(type, "object") == 0) {
        json_t *object = json_object();
        add_properties(m, schema, depth, object);
        return object;
    }
    if (strcmp(type, "array") == 0)
        return make_list(m, schema, depth);
    if (strcmp(type, "string") == 0)
        return make_text(schema);
    if (strcmp(type, "boolean") == 0)
        return json_true();
    if (strcmp(type, "null") == 0)
        return json_null();
    return make_number(schema, strcmp(type, "integer") == 0);
}

/* A schema that holds itself ends in null. */
static json_t *make_value(struct making *m, const json_t *schema, int depth)
{
    if (depth >= EXAMPLE_DEPTH_MAX || ++m->nodes > EXAMPLE_NODES_MAX || !json_is_object(schema))
        return json_null();
    json_t *given = given_value(schema);
    if (given != NULL)
        return given;
    const json_t *target = local_ref(m, schema);
    if (target != NULL)
        return make_value(m, target, depth + 1);
    const json_t *choice = first_choice(schema);
    if (choice == NULL || json_object_get(schema, "properties") != NULL)
        return make_of_type(m, schema, depth);
    return make_value(m, choice, depth + 1);
}

json_t *api_json_schema_example(const json_t *schema)
{
    struct making m = { schema, 0 };
    return make_value(&m, schema, 0);
}
