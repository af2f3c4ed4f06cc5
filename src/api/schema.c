/* SPDX-License-Identifier: Apache-2.0
 *
 * Checking bodies against the schema tables.
 */
#include "api/schema.h"

#include "broker/url.h"
#include "http/url.h"

#include <math.h>
#include <stdio.h>

static const struct {
    const char *pattern;
    const char *extra; /* besides letters and digits */
    size_t max;
} charsets[] = {
    [API_CHARS_ANY] = { NULL, NULL, SIZE_MAX },
    [API_CHARS_NAME] = { "^[a-zA-Z0-9\\-_.]+$", "-_.", 256 },
    [API_CHARS_CHANNEL] = { "^[a-zA-Z0-9\\-_.:+]+$", "-_.:+", 128 },
    [API_CHARS_TAG] = { "^[a-zA-Z0-9\\-_./\\\\#]+$", "-_./\\#", 128 },
    [API_CHARS_SESSION] = { "^[a-zA-Z0-9@_-]+$", "@_-", 64 },
};

const char *api_chars_pattern(enum api_chars c)
{
    return charsets[c].pattern;
}

size_t api_chars_max(enum api_chars c)
{
    return charsets[c].max;
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool api_chars_ok(struct str s, enum api_chars c)
{
    if (c == API_CHARS_ANY)
        return true;
    if (s.len == 0 || s.len > charsets[c].max)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!is_alnum(s.ptr[i]) &&
            (s.ptr[i] == '\0' || strchr(charsets[c].extra, s.ptr[i]) == NULL))
            return false;
    return true;
}

struct place {
    const char *where;
    const char *name;
    struct api_fault *fault;
};

PRINTF_LIKE(2, 3)
static enum rc wrong(const struct place *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(p->fault->words, sizeof(p->fault->words), fmt, args);
    va_end(args);
    p->fault->type = "value_error";
    (void)snprintf(p->fault->where, sizeof(p->fault->where), "%s%s%s", p->where,
                   p->name[0] == '\0' ? "" : ".", p->name);
    return RC_INVALID;
}

static struct str text_of(const json_t *v)
{
    return str_of(json_string_value(v), json_string_length(v));
}

static bool has_controls(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] <= 8)
            return true;
    return false;
}

static enum rc check_chars(const struct place *p, enum api_chars c, struct str s)
{
    if (s.len > charsets[c].max)
        return wrong(p, "Must be at most %zu characters long.", charsets[c].max);
    if (!api_chars_ok(s, c))
        return wrong(p, "String must match the following pattern: %s.", charsets[c].pattern);
    return RC_OK;
}

static enum rc check_string(const struct place *p, const struct api_field *f, const json_t *v)
{
    if (!json_is_string(v))
        return wrong(p, "Expected a string.");
    struct str s = text_of(v);
    if (f->chars != API_CHARS_ANY) {
        enum rc rc = check_chars(p, f->chars, s);
        if (rc != RC_OK)
            return rc;
    }
    if (f->min > 0 && s.len < (size_t)f->min)
        return wrong(p, "Must be at least %lld characters long.", (long long)f->min);
    if (f->max > 0 && s.len > (size_t)f->max)
        return wrong(p, "Must be at most %lld characters long.", (long long)f->max);
    if (has_controls(s))
        return wrong(p, "Control characters are not allowed.");
    if (f->not_prefix != NULL && str_starts(s, str_from(f->not_prefix)))
        return wrong(p, "Must not start with \"%s\": that is for ids.", f->not_prefix);
    return RC_OK;
}

static enum rc check_url(const struct place *p, const json_t *v)
{
    if (!json_is_string(v))
        return wrong(p, "Expected a string.");
    struct http_url url;
    struct broker_url broker;
    struct arena scratch;
    struct buf why;
    buf_init(&why, 160);
    arena_init(&scratch);
    enum rc rc = broker_url_is(text_of(v)) ? broker_url_parse(text_of(v), &scratch, &broker, &why)
                                           : http_url_parse(text_of(v), &url, &why);
    arena_fini(&scratch);
    if (rc != RC_OK)
        rc = wrong(p, "Not a URL that can be delivered to: %s", why.ptr == NULL ? "?" : why.ptr);
    buf_fini(&why);
    return rc;
}

static enum rc check_number(const struct place *p, const struct api_field *f, const json_t *v)
{
    if (f->type == API_INT && !json_is_integer(v))
        return wrong(p, "Expected an integer.");
    if (!json_is_number(v))
        return wrong(p, "Expected a number.");
    double n = json_number_value(v);
    if (n < (double)f->min)
        return wrong(p, "Must be at least %lld.", (long long)f->min);
    if (f->max > 0 && n > (double)f->max)
        return wrong(p, "Must be at most %lld.", (long long)f->max);
    return RC_OK;
}

static enum rc check_date(const struct place *p, const json_t *v)
{
    int64_t us;
    if (!json_is_string(v) || time_parse(text_of(v), &us) != RC_OK)
        return wrong(p, "Expected a date and time as in 2026-01-02T03:04:05Z.");
    return RC_OK;
}

/* May an object of that type hold such a value? */
static bool may_hold(enum api_type type, const json_t *value)
{
    if (type == API_OBJECT)
        return true;
    if (type == API_OBJECTS)
        return json_is_object(value);
    return json_is_string(value) || (type == API_NULL_MAP && json_is_null(value));
}

static enum rc check_object(const struct place *p, const struct api_field *f, const json_t *v)
{
    if (!json_is_object(v))
        return wrong(p, "Expected an object.");
    const char *key;
    json_t *value;
    json_t *o = json_incref((json_t *)(uintptr_t)v);
    enum rc rc = RC_OK;
    json_object_foreach(o, key, value)
    {
        if (!may_hold(f->type, value)) {
            rc = wrong(p, "The value of \"%.64s\" must be %s.", key,
                       f->type == API_OBJECTS ? "an object" : "a string");
            break;
        }
    }
    json_decref(o);
    if (rc == RC_OK && f->max > 0 && json_dumpb(v, NULL, 0, JSON_COMPACT) > (size_t)f->max)
        rc = wrong(p, "Must be at most %lld bytes.", (long long)f->max);
    return rc;
}

static enum rc check_count(const struct place *p, const struct api_field *f, const json_t *v)
{
    if (!json_is_array(v))
        return wrong(p, "Expected an array.");
    size_t count = json_array_size(v);
    if (f->min > 0 && count < (size_t)f->min)
        return wrong(p, "Must have at least %lld items.", (long long)f->min);
    if (f->max > 0 && count > (size_t)f->max)
        return wrong(p, "Must have at most %lld items.", (long long)f->max);
    return RC_OK;
}

static enum rc check_item(const struct place *p, const struct api_field *f, const json_t *v)
{
    if (f->type == API_NUMBERS)
        return json_is_number(v) && json_number_value(v) >= 0
                   ? RC_OK
                   : wrong(p, "Expected numbers that are not negative.");
    if (f->type == API_SCHEMAS)
        return json_is_object(v) ? RC_OK : wrong(p, "Expected objects.");
    if (!json_is_string(v))
        return wrong(p, "Expected strings.");
    return check_chars(p, f->chars, text_of(v));
}

static enum rc check_array(const struct place *p, const struct api_field *f, const json_t *v)
{
    enum rc rc = check_count(p, f, v);
    for (size_t i = 0; rc == RC_OK && i < json_array_size(v); i++) {
        char name[96];
        (void)snprintf(name, sizeof(name), "%s.%zu", p->name, i);
        struct place at = { p->where, name, p->fault };
        rc = check_item(&at, f, json_array_get(v, i));
        if (rc == RC_OK && f->type == API_SCHEMAS) {
            char where[192];
            (void)snprintf(where, sizeof(where), "%s.%s", p->where, name);
            rc = api_schema_check(f->schema, json_array_get(v, i), where, p->fault);
        }
    }
    return rc;
}

static enum rc check_nested(const struct place *p, const struct api_field *f, const json_t *v)
{
    if (!json_is_object(v))
        return wrong(p, "Expected an object.");
    char where[192];
    (void)snprintf(where, sizeof(where), "%s.%s", p->where, p->name);
    return api_schema_check(f->schema, v, where, p->fault);
}

static enum rc check_value(const struct place *p, const struct api_field *f, const json_t *v)
{
    switch (f->type) {
    case API_STRING: return check_string(p, f, v);
    case API_URL: return check_url(p, v);
    case API_INT:
    case API_NUMBER: return check_number(p, f, v);
    case API_BOOL: return json_is_boolean(v) ? RC_OK : wrong(p, "Expected true or false.");
    case API_DATE: return check_date(p, v);
    case API_OBJECT:
    case API_TEXT_MAP:
    case API_NULL_MAP:
    case API_OBJECTS: return check_object(p, f, v);
    case API_LIST:
    case API_NUMBERS:
    case API_SCHEMAS: return check_array(p, f, v);
    case API_SCHEMA: return check_nested(p, f, v);
    case API_ANYTHING: break;
    }
    return RC_OK;
}

enum rc api_schema_check(const struct api_schema *schema, const json_t *object, const char *where,
                         struct api_fault *fault)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct api_field *f = &schema->fields[i];
        const struct place p = { where, f->name, fault };
        const json_t *v = json_object_get(object, f->name);
        if (v == NULL) {
            if ((f->flags & API_REQUIRED) != 0)
                return wrong(&p, "Missing data for required field.");
            continue;
        }
        if (json_is_null(v)) {
            bool fine = (f->flags & API_NULLABLE) != 0 ||
                        (schema->null_is_absent && (f->flags & API_REQUIRED) == 0);
            if (!fine)
                return wrong(&p, "Must not be null.");
            continue;
        }
        enum rc rc = check_value(&p, f, v);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static void drop_repeats(json_t *list)
{
    json_t *seen = json_object();
    size_t i = 0;
    while (i < json_array_size(list)) {
        const char *item = json_string_value(json_array_get(list, i));
        if (json_object_get(seen, item) != NULL) {
            json_array_remove(list, i);
        } else {
            json_object_set_new(seen, item, json_true());
            i++;
        }
    }
    json_decref(seen);
}

void api_schema_settle(const struct api_schema *schema, json_t *object)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct api_field *f = &schema->fields[i];
        json_t *v = json_object_get(object, f->name);
        if (f->type == API_LIST && json_is_array(v))
            drop_repeats(v);
        if (f->type == API_SCHEMA && json_is_object(v))
            api_schema_settle(f->schema, v);
        for (size_t n = 0; f->type == API_SCHEMAS && n < json_array_size(v); n++)
            api_schema_settle(f->schema, json_array_get(v, n));
    }
}
