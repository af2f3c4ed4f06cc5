/* SPDX-License-Identifier: Apache-2.0
 *
 * Checking bodies against the schema tables.
 */
#include "api/kit/schema.h"

#include "dest/dest.h"
#include "http/url.h"

#include <math.h>
#include <stdio.h>

enum { NESTED_MAX = 16 };

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
static enum rc schema_wrong(const struct place *p, const char *fmt, ...)
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

static struct str schema_text_of(const json_t *v)
{
    return json_str_of(v);
}

enum { SHOWN_MAX = 48 };

/* Answers are kept by proxies and in logs of clients: what may be a secret is not said back. */
static bool is_secret(const char *name)
{
    static const char *const words[] = { "secret", "key", "password", "token" };
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcasestr(name, words[i]) != NULL)
            return true;
    return false;
}

/* What was sent instead: "5", "the string "x"", "an object". */
static const char *schema_shown(const struct place *p, const json_t *v,
                                char out[static 2 * SHOWN_MAX])
{
    if (json_is_object(v))
        return "an object";
    if (json_is_array(v))
        return "an array";
    if (!json_is_string(v)) {
        size_t len = json_dumpb(v, out, SHOWN_MAX, JSON_ENCODE_ANY | JSON_COMPACT);
        out[len < SHOWN_MAX ? len : SHOWN_MAX - 1] = '\0';
        return out;
    }
    struct str text = str_cut_utf8(schema_text_of(v), SHOWN_MAX);
    if (is_secret(p->name))
        return "a string";
    (void)snprintf(out, 2 * SHOWN_MAX, "the string \"%.*s\"", STR_ARGS(text));
    return out;
}

/* Another type than the field has. */
static enum rc schema_expected(const struct place *p, const char *what, const json_t *v)
{
    char out[2 * SHOWN_MAX];
    if (is_secret(p->name) &&
        json_is_number(v)) /* one that looks like a number, without its quotes */
        return schema_wrong(p, "Expected %s, not a number.", what);
    return schema_wrong(p, "Expected %s, not %s.", what, schema_shown(p, v, out));
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
        return schema_wrong(p, "Must be at most %zu characters long.", charsets[c].max);
    if (!api_chars_ok(s, c))
        return schema_wrong(p, "String must match the following pattern: %s.", charsets[c].pattern);
    return RC_OK;
}

static enum rc check_string(const struct place *p, const struct api_field *f, const json_t *v)
{
    if (!json_is_string(v))
        return schema_expected(p, "a string", v);
    struct str s = schema_text_of(v);
    if (f->chars != API_CHARS_ANY) {
        enum rc rc = check_chars(p, f->chars, s);
        if (rc != RC_OK)
            return rc;
    }
    size_t length = str_utf8_length(s);
    if (f->min > 0 && length < (size_t)f->min)
        return schema_wrong(p, "Must be at least %lld characters long.", (long long)f->min);
    if (f->max > 0 && length > (size_t)f->max)
        return schema_wrong(p, "Must be at most %lld characters long.", (long long)f->max);
    if (has_controls(s))
        return schema_wrong(p, "Control characters are not allowed.");
    if (f->not_prefix != NULL && str_starts(s, str_from(f->not_prefix)))
        return schema_wrong(p, "Must not start with \"%s\": that is for ids.", f->not_prefix);
    return RC_OK;
}

static enum rc check_url(const struct place *p, const json_t *v)
{
    if (!json_is_string(v))
        return schema_expected(p, "a string", v);
    struct dest_url url;
    struct arena scratch;
    struct buf why;
    buf_init(&why, 160);
    arena_init(&scratch);
    enum rc rc = dest_of_url(schema_text_of(v))->read_url(schema_text_of(v), &scratch, &url, &why);
    arena_fini(&scratch);
    if (rc != RC_OK)
        rc = schema_wrong(p, "Not a URL that can be delivered to: %s",
                          why.ptr == NULL ? "?" : why.ptr);
    buf_fini(&why);
    return rc;
}

static enum rc check_number(const struct place *p, const struct api_field *f, const json_t *v)
{
    if (f->type == API_INT && !json_is_integer(v))
        return schema_expected(p, "an integer", v);
    if (!json_is_number(v))
        return schema_expected(p, "a number", v);
    double n = json_number_value(v);
    char out[2 * SHOWN_MAX];
    if (n < (double)f->min)
        return schema_wrong(p, "Must be at least %lld, not %s.", (long long)f->min,
                            schema_shown(p, v, out));
    if (f->max > 0 && n > (double)f->max)
        return schema_wrong(p, "Must be at most %lld, not %s.", (long long)f->max,
                            schema_shown(p, v, out));
    return RC_OK;
}

static enum rc check_date(const struct place *p, const json_t *v)
{
    int64_t us;
    if (!json_is_string(v) || time_parse_relaxed(schema_text_of(v), &us) != RC_OK)
        return schema_expected(p, "a date and time as in 2026-01-02T03:04:05Z", v);
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
        return schema_expected(p, "an object", v);
    const char *key;
    json_t *value;
    json_t *o = json_incref((json_t *)(uintptr_t)v);
    enum rc rc = RC_OK;
    json_object_foreach(o, key, value)
    {
        if (!may_hold(f->type, value)) {
            rc = schema_wrong(p, "The value of \"%.64s\" must be %s.", key,
                              f->type == API_OBJECTS ? "an object" : "a string");
            break;
        }
    }
    json_decref(o);
    if (rc == RC_OK && f->max > 0 && json_dumpb(v, NULL, 0, JSON_COMPACT) > (size_t)f->max)
        rc = schema_wrong(p, "Must be at most %lld bytes.", (long long)f->max);
    return rc;
}

static enum rc check_count(const struct place *p, const struct api_field *f, const json_t *v)
{
    if (!json_is_array(v))
        return schema_expected(p, "an array", v);
    size_t count = json_array_size(v);
    if (f->min > 0 && count < (size_t)f->min)
        return schema_wrong(p, "Must have at least %lld items.", (long long)f->min);
    if (f->max > 0 && count > (size_t)f->max)
        return schema_wrong(p, "Must have at most %lld items.", (long long)f->max);
    return RC_OK;
}

static enum rc check_item(const struct place *p, const struct api_field *f, const json_t *v)
{
    if (f->type == API_NUMBERS)
        return json_is_number(v) && json_number_value(v) >= 0
                   ? RC_OK
                   : schema_expected(p, "a number that is not negative", v);
    if (f->type == API_SCHEMAS)
        return json_is_object(v) ? RC_OK : schema_expected(p, "an object", v);
    if (!json_is_string(v))
        return schema_expected(p, "a string", v);
    return check_chars(p, f->chars, schema_text_of(v));
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
        return schema_expected(p, "an object", v);
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
    case API_BOOL: return json_is_boolean(v) ? RC_OK : schema_expected(p, "true or false", v);
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

enum rc api_field_check(const struct api_schema *schema, const struct api_field *f, const json_t *v,
                        const char *where, struct api_fault *fault)
{
    const struct place p = { where, f->name, fault };
    bool is_required = (f->flags & API_REQUIRED) != 0;
    if (v == NULL)
        return is_required ? schema_wrong(&p, "Missing data for required field.") : RC_OK;
    if (!json_is_null(v))
        return check_value(&p, f, v);
    bool fine = (f->flags & API_NULLABLE) != 0 || (schema->null_is_absent && !is_required);
    return fine ? RC_OK : schema_wrong(&p, "Must not be null.");
}

enum rc api_schema_check(const struct api_schema *schema, const json_t *object, const char *where,
                         struct api_fault *fault)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < schema->count; i++) {
        const struct api_field *f = &schema->fields[i];
        rc = api_field_check(schema, f, json_object_get(object, f->name), where, fault);
    }
    return rc;
}

/* Shapes are a few deep; one that goes on for ever is treated as what must be guarded. */
static bool schema_holds_secret(const struct api_schema *schema, unsigned depth)
{
    bool found = depth == NESTED_MAX;
    for (size_t i = 0; i < schema->count && !found; i++) {
        const struct api_field *f = &schema->fields[i];
        found = (f->flags & API_SECRET) != 0 ||
                (f->schema != NULL && schema_holds_secret(f->schema, depth + 1));
    }
    return found;
}

bool api_schema_is_secret(const struct api_schema *schema)
{
    return schema_holds_secret(schema, 0);
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
