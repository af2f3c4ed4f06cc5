/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/kit/span.h.
 */
#include "api/kit/span.h"

#include <stdio.h>

/* The characters between the quotes; none of them is escaped. */
static struct str characters_of(struct json_span s)
{
    return str_sub(s.text, 1, s.text.len - 2);
}

static bool is_plain_string(struct json_span s)
{
    return s.type == JSON_SPAN_STRING && !s.escaped;
}

/* Only names: their characters are ASCII, so bytes are what is counted. */
static bool string_fits(const struct api_field *f, struct json_span value)
{
    if (!is_plain_string(value) || f->chars == API_CHARS_ANY || f->max > 0 || f->min > 1)
        return false;
    struct str s = characters_of(value);
    return api_chars_ok(s, f->chars) &&
           (f->not_prefix == NULL || !str_starts(s, str_from(f->not_prefix)));
}

struct counting {
    const struct api_field *f;
    int64_t count;
};

static enum rc item_fits(void *ctx, size_t index, struct json_span value)
{
    struct counting *c = ctx;
    c->count = (int64_t)index + 1;
    bool fits = is_plain_string(value) && api_chars_ok(characters_of(value), c->f->chars);
    return fits && (c->f->max == 0 || c->count <= c->f->max) ? RC_OK : RC_LIMIT;
}

static bool list_fits(const struct api_field *f, struct json_span value)
{
    struct counting c = { f, 0 };
    return value.type == JSON_SPAN_ARRAY && json_span_each(value, item_fits, &c) == RC_OK &&
           c.count >= f->min;
}

static bool int_fits(const struct api_field *f, struct json_span value)
{
    int64_t n;
    return value.type == JSON_SPAN_NUMBER && json_span_int(value, &n) == RC_OK && n >= f->min &&
           (f->max == 0 || n <= f->max);
}

bool api_field_fits(const struct api_field *f, struct json_span value)
{
    int64_t us;
    if (value.type == JSON_SPAN_NONE)
        return (f->flags & API_REQUIRED) == 0;
    if (value.type == JSON_SPAN_NULL)
        return (f->flags & API_NULLABLE) != 0;
    if (f->type == API_STRING)
        return string_fits(f, value);
    if (f->type == API_LIST)
        return list_fits(f, value);
    if (f->type == API_INT)
        return int_fits(f, value);
    if (f->type == API_OBJECT)
        return value.type == JSON_SPAN_OBJECT && f->max == 0;
    if (f->type == API_DATE)
        return is_plain_string(value) && time_parse_relaxed(characters_of(value), &us) == RC_OK;
    return false;
}

enum rc api_field_check_span(const struct api_schema *schema, const struct api_field *f,
                             struct json_span value, const char *where, struct api_fault *fault)
{
    json_t *parsed = NULL;
    if (api_field_fits(f, value))
        return RC_OK;
    struct json_error error = { 0 };
    if (value.type != JSON_SPAN_NONE && json_parse(value.text, &parsed, &error) != RC_OK) {
        *fault = (struct api_fault){ .type = "value_error" };
        (void)snprintf(fault->where, sizeof(fault->where), "%s.%s", where, f->name);
        (void)snprintf(fault->words, sizeof(fault->words), "%s at byte %zu of it.", error.reason,
                       error.offset);
        return RC_INVALID;
    }
    enum rc rc = api_field_check(schema, f, parsed, where, fault);
    json_decref(parsed);
    return rc;
}
