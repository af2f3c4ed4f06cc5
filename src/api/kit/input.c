/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading requests: bodies against their schema, paths, and queries in the spellings clients use.
 */
#include "api/kit/input.h"

#include "api/kit/context.h"
#include "api/kit/mistakes.h"
#include "json/any.h"

#include <stdio.h>

enum {
    PASSED_MAX = 512,       /* bytes of names in a warning */
    ITERATOR_SHOWN_MAX = 64 /* bytes of a value that is not one, in an error */
};

/* --- bodies ----------------------------------------------------------------------------------- */

static void input_drop_json(void *value)
{
    json_decref(value);
}

typedef enum rc (*parse_fn)(struct str text, json_t **out, struct json_error *error);

/* Members nobody here reads. False: answered. */
static bool check_names(struct api_ctx *c, const struct api_schema *schema)
{
    const struct api_schema *shown = c->route == NULL ? NULL : c->route->out;
    struct api_fault fault;
    struct buf *passed = api_buf(c, PASSED_MAX);
    enum rc rc = api_mistakes_of_body(schema, shown, c->body, "body", &fault, passed);
    if (rc != RC_OK)
        http_invalid(c->req, fault.where, fault.type, "%s", fault.words);
    else
        api_warn_of(c->req, buf_str(passed));
    return rc == RC_OK;
}

static bool read_body(struct api_ctx *c, const struct api_schema *schema, struct str text,
                      parse_fn parse)
{
    struct json_error error = { 0 };
    if (parse(text, &c->body, &error) != RC_OK) {
        http_invalid(c->req, "body", "value_error.jsondecode", "%s at byte %zu.",
                     error.reason == NULL ? "Not JSON" : error.reason, error.offset);
        return false;
    }
    arena_defer(c->arena, input_drop_json, c->body);
    if (!json_is_object(c->body)) {
        http_invalid(c->req, "body", "value_error", "Expected an object.");
        return false;
    }
    struct api_fault fault;
    if (schema != NULL && api_schema_check(schema, c->body, "body", &fault) != RC_OK) {
        http_invalid(c->req, fault.where, fault.type, "%s", fault.words);
        return false;
    }
    if (schema == NULL)
        return true;
    api_schema_settle(schema, c->body);
    return check_names(c, schema);
}

bool api_body(struct api_ctx *c, const struct api_schema *schema, bool optional)
{
    struct str text = c->req->call->body;
    struct str trimmed = str_trim(text);
    bool is_absent = optional && (trimmed.len == 0 || str_eq(trimmed, STR("null")));
    return read_body(c, schema, is_absent ? STR("{}") : text, json_parse);
}

bool api_body_any(struct api_ctx *c, const struct api_schema *schema)
{
    return read_body(c, schema, c->req->call->body, json_parse_any);
}

const json_t *api_get(const struct api_ctx *c, const char *name)
{
    const json_t *v = json_object_get(c->body, name);
    return json_is_null(v) ? NULL : v;
}

const json_t *api_either(const struct api_ctx *c, const char *name, const char *older)
{
    const json_t *v = json_object_get(c->body, name);
    return v != NULL ? v : json_object_get(c->body, older);
}

bool api_has(const struct api_ctx *c, const char *name)
{
    return json_object_get(c->body, name) != NULL;
}

struct str api_get_str(const struct api_ctx *c, const char *name)
{
    return json_str_of(api_get(c, name));
}

int64_t api_get_int(const struct api_ctx *c, const char *name, int64_t absent)
{
    const json_t *v = api_get(c, name);
    return json_is_integer(v) ? json_integer_value(v) : absent;
}

bool api_get_bool(const struct api_ctx *c, const char *name, bool absent)
{
    const json_t *v = api_get(c, name);
    return json_is_boolean(v) ? json_is_true(v) : absent;
}

int64_t api_get_date(const struct api_ctx *c, const char *name, int64_t absent)
{
    int64_t us = absent;
    struct str text = api_get_str(c, name);
    if (text.ptr != NULL && time_parse_relaxed(text, &us) != RC_OK)
        us = absent;
    return us;
}

struct str api_get_json(const struct api_ctx *c, const char *name)
{
    const json_t *v = api_get(c, name);
    return v == NULL ? STR_NONE : json_text(c->arena, v);
}

/* --- paths ------------------------------------------------------------------------------------ */

struct str api_param(const struct api_ctx *c, const char *name)
{
    const char *at = c->req->route->pattern;
    size_t len = strlen(name);
    for (size_t i = 0; i < HTTP_PARAMS_MAX; i++) {
        at = strchr(at, '{');
        if (at == NULL)
            break;
        at++;
        if (strncmp(at, name, len) == 0 && at[len] == '}')
            return c->req->params[i];
    }
    return STR_NONE;
}

/* --- queries ---------------------------------------------------------------------------------- */

bool api_query_bool(struct api_ctx *c, const char *name, bool absent)
{
    struct str value;
    if (!http_query(c->req, name, 0, &value))
        return absent;
    return value.len == 0 || str_ieq(value, STR("true")) || str_eq(value, STR("1"));
}

static void bad_query(struct api_ctx *c, const char *name, const char *words)
{
    char where[64];
    (void)snprintf(where, sizeof(where), "query.%s", name);
    http_invalid(c->req, where, "value_error", "%s", words);
}

bool api_query_int(struct api_ctx *c, const char *name, int64_t min, int64_t max, int64_t absent,
                   int64_t *out)
{
    struct str value;
    *out = absent;
    if (!http_query(c->req, name, 0, &value) || value.len == 0)
        return true;
    if (str_to_i64(value, out) == RC_OK && *out >= min && *out <= max)
        return true;
    char words[96];
    (void)snprintf(words, sizeof(words), "Expected an integer from %lld to %lld.", (long long)min,
                   (long long)max);
    bad_query(c, name, words);
    return false;
}

bool api_query_date(struct api_ctx *c, const char *name, int64_t *us)
{
    struct str value;
    *us = 0;
    if (!http_query(c->req, name, 0, &value) || value.len == 0)
        return true;
    if (time_parse_relaxed(value, us) == RC_OK)
        return true;
    bad_query(c, name, "Expected a date and time as in 2026-01-02T03:04:05Z.");
    return false;
}

bool api_query_chars(struct api_ctx *c, const char *name, enum api_chars chars, struct str *out)
{
    *out = STR_NONE;
    if (!http_query(c->req, name, 0, out) || out->len == 0)
        return true;
    if (api_chars_ok(*out, chars))
        return true;
    char words[160];
    (void)snprintf(words, sizeof(words), "Expected at most %zu characters of %s.",
                   api_chars_max(chars), api_chars_pattern(chars));
    bad_query(c, name, words);
    return false;
}

enum { TYPES_MAX = 200 };

struct type_list {
    struct str *names;
    size_t count;
};

static bool add_types(struct api_ctx *c, struct type_list *list, struct str value)
{
    struct str part;
    while (str_split(&value, ',', &part)) {
        if (part.len == 0)
            continue;
        if (!api_chars_ok(part, API_CHARS_NAME) || list->count == TYPES_MAX) {
            bad_query(c, "event_types", "Expected up to 200 names of event types.");
            return false;
        }
        list->names[list->count++] = part;
    }
    return true;
}

static bool add_all(struct api_ctx *c, struct type_list *list, const char *name)
{
    struct str value;
    for (size_t i = 0; i < TYPES_MAX && http_query(c->req, name, i, &value); i++)
        if (!add_types(c, list, value))
            return false;
    return true;
}

bool api_query_types(struct api_ctx *c, const struct str **types, size_t *count)
{
    struct type_list list = { .names = arena_array(c->arena, TYPES_MAX, sizeof(struct str)) };
    if (!add_all(c, &list, "event_types") || !add_all(c, &list, "event_types[]"))
        return false;
    for (int i = 0; i < TYPES_MAX; i++) {
        char name[32];
        struct str value;
        (void)snprintf(name, sizeof(name), "event_types[%d]", i);
        if (!http_query(c->req, name, 0, &value))
            break;
        if (!add_types(c, &list, value))
            return false;
    }
    *types = list.names;
    *count = list.count;
    return true;
}

static bool page_order(struct api_ctx *c, struct store_page *page)
{
    struct str order;
    if (!http_query(c->req, "order", 0, &order) || order.len == 0)
        return true;
    page->descending = str_eq(order, STR("descending"));
    if (page->descending || str_eq(order, STR("ascending")))
        return true;
    bad_query(c, "order", "Expected ascending or descending.");
    return false;
}

bool api_page(struct api_ctx *c, const char *prefix, bool descending, struct store_page *page)
{
    *page = (struct store_page){ .limit = API_LIMIT_DEFAULT,
                                 .descending = descending,
                                 .rows_max = STORE_SEARCH_ROWS };
    struct str value;
    if (http_query(c->req, "limit", 0, &value) && value.len > 0) {
        int64_t limit = 0;
        if (str_to_i64(value, &limit) != RC_OK || limit < 1) {
            bad_query(c, "limit", "Expected an integer from 1 to 250.");
            return false;
        }
        if (limit > API_LIMIT_MAX) {
            bad_query(c, "limit", "Given limit must not exceed 250");
            return false;
        }
        page->limit = (int)limit;
    }
    if (!page_order(c, page))
        return false;
    if (!http_query(c->req, "iterator", 0, &value) || value.len == 0)
        return true;
    page->backwards = str_skip_prefix(&value, STR("-"));
    page->after = value;
    struct id id;
    bool is_name = prefix[0] == '\0';
    if (is_name ? !api_chars_ok(value, API_CHARS_NAME)
                : id_parse(str_from(prefix), value, &id) != RC_OK) {
        bad_query(c, "iterator",
                  arena_fmt(c->arena,
                            "\"%.*s\" is not an iterator of this list: take `iterator` or "
                            "`prevIterator` of an earlier answer, or leave it out.",
                            value.len < ITERATOR_SHOWN_MAX ? (int)value.len : ITERATOR_SHOWN_MAX,
                            value.ptr)
                      .ptr);
        return false;
    }
    return true;
}

void api_page_from(struct store_page *page, int64_t after_us, int64_t before_us)
{
    page->is_forward = page->descending && after_us > 0 && before_us == 0;
    if (page->is_forward && page->after.len == 0)
        page->backwards = true;
}

bool api_message_filter(struct api_ctx *c, struct store_message_filter *f)
{
    f->with_payload = api_query_bool(c, "with_content", true);
    return api_query_chars(c, "channel", API_CHARS_CHANNEL, &f->channel) &&
           api_query_chars(c, "tag", API_CHARS_TAG, &f->tag) &&
           api_query_date(c, "before", &f->before_us) && api_query_date(c, "after", &f->after_us) &&
           api_query_types(c, &f->event_types, &f->event_type_count);
}
