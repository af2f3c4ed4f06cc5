/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/kit/json_check.h. Each keyword has a function that says whether a value holds to it. Alternatives (anyOf, not,
 * ...) are tried without a word: a fault inside of one is no fault of the value.
 */
#include "api/kit/json_check.h"

#include <stdarg.h>
#include <stdio.h>

enum { DEPTH_MAX = 64, STEPS_MAX = 100000 };

struct checking {
    const json_t *root;
    struct api_json_findings *out;
    char place[256];
    size_t place_len;
    int depth, trials; /* trials: inside of so many alternatives */
    int64_t steps;
};

static bool check_value(struct checking *k, const json_t *schema, const json_t *v);

/* --- findings --------------------------------------------------------------------------------------- */

/* Always false. */
PRINTF_LIKE(3, 4)
static bool refuse_value(struct checking *k, const char *keyword, const char *fmt, ...)
{
    struct api_json_findings *out = k->out;
    va_list args;
    if (k->trials > 0)
        return false;
    if (out->count == API_JSON_FAULTS_MAX) {
        out->is_cut = true;
        return false;
    }
    struct api_json_fault *f = &out->faults[out->count++];
    memcpy(f->where, k->place, k->place_len + 1);
    f->keyword = keyword;
    va_start(args, fmt);
    (void)vsnprintf(f->words, sizeof(f->words), fmt, args);
    va_end(args);
    return false;
}

static void note_unchecked(struct checking *k, const json_t *schema, const char *keyword)
{
    struct api_json_findings *out = k->out;
    if (json_object_get(schema, keyword) == NULL)
        return;
    for (size_t i = 0; i < out->unchecked_count; i++)
        if (strcmp(out->unchecked[i], keyword) == 0)
            return;
    if (out->unchecked_count < API_JSON_UNCHECKED_MAX)
        out->unchecked[out->unchecked_count++] = keyword;
}

/* Takes a step. What was found before the limit stands. */
static bool is_spent(struct checking *k)
{
    k->out->is_cut = k->out->is_cut || k->steps >= STEPS_MAX;
    return k->steps++ >= STEPS_MAX;
}

/* A member or element of where we are; returns what leave_member() takes. */
static size_t enter_member(struct checking *k, const char *name)
{
    size_t before = k->place_len;
    size_t room = sizeof(k->place) - before;
    int len = snprintf(k->place + before, room, ".%s", name);
    if (len > 0)
        k->place_len = (size_t)len < room ? before + (size_t)len : sizeof(k->place) - 1;
    return before;
}

static void leave_member(struct checking *k, size_t before)
{
    k->place_len = before;
    k->place[before] = '\0';
}

static bool check_member(struct checking *k, const char *name, const json_t *schema,
                         const json_t *v)
{
    size_t before = enter_member(k, name);
    bool holds = check_value(k, schema, v);
    leave_member(k, before);
    return holds;
}

static bool check_element(struct checking *k, size_t index, const json_t *schema, const json_t *v)
{
    char name[24];
    (void)snprintf(name, sizeof(name), "%zu", index);
    return check_member(k, name, schema, v);
}

/* Would it hold? Without a word. */
static bool try_schema(struct checking *k, const json_t *schema, const json_t *v)
{
    k->trials++;
    bool holds = check_value(k, schema, v);
    k->trials--;
    return holds;
}

/* --- any value -------------------------------------------------------------------------------------- */

/* Up to `slack`, which stands for what doubles cannot tell. */
static bool is_whole_number(double n, double slack)
{
    if (n > 9e15 || n < -9e15)
        return true; /* doubles of that size have no fractions */
    double off = n - (double)(int64_t)(n < 0 ? n - 0.5 : n + 0.5);
    return off <= slack && off >= -slack;
}

static bool is_of_type(const json_t *v, const char *type)
{
    if (strcmp(type, "integer") == 0)
        return json_is_integer(v) || (json_is_real(v) && is_whole_number(json_real_value(v), 0));
    if (strcmp(type, "number") == 0)
        return json_is_number(v);
    if (strcmp(type, "string") == 0)
        return json_is_string(v);
    if (strcmp(type, "boolean") == 0)
        return json_is_boolean(v);
    if (strcmp(type, "null") == 0)
        return json_is_null(v);
    return strcmp(type, "array") == 0 ? json_is_array(v) : json_is_object(v);
}

static bool holds_type(struct checking *k, const json_t *rule, const json_t *v)
{
    if (json_is_string(rule))
        return is_of_type(v, json_string_value(rule)) ||
               refuse_value(k, "type", "Expected a value of type %s.", json_string_value(rule));
    for (size_t i = 0; i < json_array_size(rule); i++)
        if (is_of_type(v, json_string_value(json_array_get(rule, i))))
            return true;
    return refuse_value(k, "type", "Of none of the types that the schema allows.");
}

static bool are_equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b) && json_typeof(a) != json_typeof(b))
        return json_number_value(a) == json_number_value(b); /* 1 and 1.0 */
    return json_equal(a, b) == 1;
}

static bool holds_enum(struct checking *k, const json_t *rule, const json_t *v)
{
    for (size_t i = 0; i < json_array_size(rule); i++)
        if (is_spent(k) || are_equal(json_array_get(rule, i), v))
            return true;
    return refuse_value(k, "enum", "None of the values that the schema lists.");
}

static bool holds_const(struct checking *k, const json_t *rule, const json_t *v)
{
    return are_equal(rule, v) ||
           refuse_value(k, "const", "Not the one value that the schema allows.");
}

static bool holds_all_of(struct checking *k, const json_t *rule, const json_t *v)
{
    bool holds = true;
    for (size_t i = 0; i < json_array_size(rule); i++)
        holds = check_value(k, json_array_get(rule, i), v) && holds;
    return holds;
}

static size_t count_holding(struct checking *k, const json_t *rule, const json_t *v, size_t enough)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(rule) && count < enough; i++)
        count += try_schema(k, json_array_get(rule, i), v) ? 1 : 0;
    return count;
}

static bool holds_any_of(struct checking *k, const json_t *rule, const json_t *v)
{
    return count_holding(k, rule, v, 1) > 0 ||
           refuse_value(k, "anyOf", "Holds to none of the schema's alternatives.");
}

static bool holds_one_of(struct checking *k, const json_t *rule, const json_t *v)
{
    size_t count = count_holding(k, rule, v, 2);
    return count == 1 || refuse_value(k, "oneOf", "Holds to %s of the schema's alternatives.",
                                      count == 0 ? "none" : "more than one");
}

static bool holds_not(struct checking *k, const json_t *rule, const json_t *v)
{
    return !try_schema(k, rule, v) || refuse_value(k, "not", "Holds to what the schema excludes.");
}

/* --- numbers and strings ---------------------------------------------------------------------------- */

static bool holds_minimum(struct checking *k, const json_t *rule, const json_t *v)
{
    double least = json_number_value(rule);
    return !json_is_number(v) || json_number_value(v) >= least ||
           refuse_value(k, "minimum", "Less than %.15g.", least);
}

static bool holds_maximum(struct checking *k, const json_t *rule, const json_t *v)
{
    double most = json_number_value(rule);
    return !json_is_number(v) || json_number_value(v) <= most ||
           refuse_value(k, "maximum", "More than %.15g.", most);
}

/* A boolean is draft 4's way; the numbers are held by minimum and maximum then. */
static bool holds_above(struct checking *k, const json_t *rule, const json_t *v)
{
    return !json_is_number(v) || !json_is_number(rule) ||
           json_number_value(v) > json_number_value(rule) ||
           refuse_value(k, "exclusiveMinimum", "Not more than %.15g.", json_number_value(rule));
}

static bool holds_below(struct checking *k, const json_t *rule, const json_t *v)
{
    return !json_is_number(v) || !json_is_number(rule) ||
           json_number_value(v) < json_number_value(rule) ||
           refuse_value(k, "exclusiveMaximum", "Not less than %.15g.", json_number_value(rule));
}

/* As far as doubles can tell: 0.3 is a multiple of 0.1. */
static bool holds_multiple(struct checking *k, const json_t *rule, const json_t *v)
{
    double times = json_number_value(v) / json_number_value(rule);
    double slack = 1e-9 * (times < 0 ? 1 - times : 1 + times);
    return !json_is_number(v) || is_whole_number(times, slack) ||
           refuse_value(k, "multipleOf", "No multiple of %.15g.", json_number_value(rule));
}

static size_t count_characters(const json_t *v)
{
    size_t count = 0;
    const char *text = json_string_value(v);
    for (size_t i = 0; i < json_string_length(v); i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80 ? 1 : 0;
    return count;
}

static bool holds_min_length(struct checking *k, const json_t *rule, const json_t *v)
{
    return !json_is_string(v) || (double)count_characters(v) >= json_number_value(rule) ||
           refuse_value(k, "minLength", "Shorter than %.0f characters.", json_number_value(rule));
}

static bool holds_max_length(struct checking *k, const json_t *rule, const json_t *v)
{
    return !json_is_string(v) || (double)count_characters(v) <= json_number_value(rule) ||
           refuse_value(k, "maxLength", "Longer than %.0f characters.", json_number_value(rule));
}

/* --- arrays ----------------------------------------------------------------------------------------- */

static bool holds_min_items(struct checking *k, const json_t *rule, const json_t *v)
{
    return !json_is_array(v) || (double)json_array_size(v) >= json_number_value(rule) ||
           refuse_value(k, "minItems", "Fewer than %.0f items.", json_number_value(rule));
}

static bool holds_max_items(struct checking *k, const json_t *rule, const json_t *v)
{
    return !json_is_array(v) || (double)json_array_size(v) <= json_number_value(rule) ||
           refuse_value(k, "maxItems", "More than %.0f items.", json_number_value(rule));
}

static bool holds_unique(struct checking *k, const json_t *rule, const json_t *v)
{
    for (size_t i = 0; json_is_true(rule) && i < json_array_size(v); i++)
        for (size_t j = 0; j < i && !is_spent(k); j++)
            if (are_equal(json_array_get(v, i), json_array_get(v, j)))
                return refuse_value(k, "uniqueItems", "Items %zu and %zu are the same.", j, i);
    return true;
}

static bool holds_contains(struct checking *k, const json_t *rule, const json_t *v)
{
    for (size_t i = 0; i < json_array_size(v); i++)
        if (try_schema(k, rule, json_array_get(v, i)))
            return true;
    return !json_is_array(v) || refuse_value(k, "contains", "No item is what the schema asks for.");
}

/* prefixItems, or draft 4's array of items, hold the first; items holds the others. */
static bool check_items(struct checking *k, const json_t *schema, const json_t *v)
{
    const json_t *items = json_object_get(schema, "items");
    const json_t *first = json_object_get(schema, "prefixItems");
    bool holds = true;
    if (json_is_array(items)) {
        first = items;
        items = json_object_get(schema, "additionalItems");
    }
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *rule = i < json_array_size(first) ? json_array_get(first, i) : items;
        if (rule != NULL)
            holds = check_element(k, i, rule, json_array_get(v, i)) && holds;
    }
    return holds;
}

/* --- objects ---------------------------------------------------------------------------------------- */

static bool holds_required(struct checking *k, const json_t *rule, const json_t *v)
{
    bool holds = true;
    for (size_t i = 0; json_is_object(v) && i < json_array_size(rule) && !is_spent(k); i++) {
        const char *name = json_string_value(json_array_get(rule, i));
        if (json_object_get(v, name) == NULL)
            holds = refuse_value(k, "required", "The member %.100s is missing.", name);
    }
    return holds;
}

static bool holds_min_properties(struct checking *k, const json_t *rule, const json_t *v)
{
    return !json_is_object(v) || (double)json_object_size(v) >= json_number_value(rule) ||
           refuse_value(k, "minProperties", "Fewer than %.0f members.", json_number_value(rule));
}

static bool holds_max_properties(struct checking *k, const json_t *rule, const json_t *v)
{
    return !json_is_object(v) || (double)json_object_size(v) <= json_number_value(rule) ||
           refuse_value(k, "maxProperties", "More than %.0f members.", json_number_value(rule));
}

static bool check_other_member(struct checking *k, const json_t *rule, const char *name,
                               const json_t *v)
{
    if (json_is_false(rule))
        return refuse_value(k, "additionalProperties", "The schema has no member %.100s.", name);
    return rule == NULL || check_member(k, name, rule, v);
}

static bool check_members(struct checking *k, const json_t *schema, const json_t *v)
{
    const json_t *known = json_object_get(schema, "properties");
    const json_t *others = json_object_get(schema, "additionalProperties");
    bool has_patterns = json_object_get(schema, "patternProperties") != NULL;
    const char *name;
    json_t *value;
    bool holds = true;
    json_object_foreach((json_t *)(uintptr_t)v, name, value)
    {
        const json_t *rule = json_object_get(known, name);
        if (rule != NULL)
            holds = check_member(k, name, rule, value) && holds;
        else if (!has_patterns) /* which members those name is not known here */
            holds = check_other_member(k, others, name, value) && holds;
    }
    return holds;
}

/* --- a schema --------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    bool (*holds)(struct checking *k, const json_t *rule, const json_t *v);
} keywords[] = {
    { "type", holds_type },
    { "enum", holds_enum },
    { "const", holds_const },
    { "allOf", holds_all_of },
    { "anyOf", holds_any_of },
    { "oneOf", holds_one_of },
    { "not", holds_not },
    { "minimum", holds_minimum },
    { "maximum", holds_maximum },
    { "exclusiveMinimum", holds_above },
    { "exclusiveMaximum", holds_below },
    { "multipleOf", holds_multiple },
    { "minLength", holds_min_length },
    { "maxLength", holds_max_length },
    { "minItems", holds_min_items },
    { "maxItems", holds_max_items },
    { "uniqueItems", holds_unique },
    { "contains", holds_contains },
    { "required", holds_required },
    { "minProperties", holds_min_properties },
    { "maxProperties", holds_max_properties },
};

static const char *const unchecked[] = {
    "pattern",           "patternProperties", "propertyNames",         "dependentSchemas",
    "dependentRequired", "dependencies",      "unevaluatedProperties", "if"
};

/* "#", "#/$defs/Boat" and "#/definitions/Boat"; NULL: elsewhere. */
static const json_t *local_target(const struct checking *k, const char *ref)
{
    if (strcmp(ref, "#") == 0)
        return k->root;
    if (strncmp(ref, "#/$defs/", 8) == 0)
        return json_object_get(json_object_get(k->root, "$defs"), ref + 8);
    if (strncmp(ref, "#/definitions/", 14) == 0)
        return json_object_get(json_object_get(k->root, "definitions"), ref + 14);
    return NULL;
}

static bool check_ref(struct checking *k, const json_t *schema, const json_t *v)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    const json_t *target = ref == NULL ? NULL : local_target(k, ref);
    if (ref != NULL && target == NULL)
        note_unchecked(k, schema, "$ref");
    return target == NULL || check_value(k, target, v);
}

static bool check_object_schema(struct checking *k, const json_t *schema, const json_t *v)
{
    bool holds = check_ref(k, schema, v);
    for (size_t i = 0; i < COUNT_OF(keywords); i++) {
        const json_t *rule = json_object_get(schema, keywords[i].name);
        if (rule != NULL)
            holds = keywords[i].holds(k, rule, v) && holds;
    }
    for (size_t i = 0; i < COUNT_OF(unchecked); i++)
        note_unchecked(k, schema, unchecked[i]);
    if (json_is_object(v))
        return check_members(k, schema, v) && holds;
    return json_is_array(v) ? check_items(k, schema, v) && holds : holds;
}

static bool check_value(struct checking *k, const json_t *schema, const json_t *v)
{
    bool holds = true;
    k->out->is_cut = k->out->is_cut || k->depth == DEPTH_MAX;
    if (k->depth == DEPTH_MAX || is_spent(k))
        return true;
    k->depth++;
    if (json_is_false(schema))
        holds = refuse_value(k, "false", "The schema allows nothing here.");
    else if (json_is_object(schema))
        holds = check_object_schema(k, schema, v);
    k->depth--;
    return holds;
}

void api_json_check(const json_t *schema, const json_t *value, const char *where,
                    struct api_json_findings *out)
{
    struct checking k = { .root = schema, .out = out };
    *out = (struct api_json_findings){ .count = 0 };
    int len = snprintf(k.place, sizeof(k.place), "%.64s", where);
    k.place_len = len > 0 ? (size_t)len : 0;
    (void)check_value(&k, schema, value);
}
