/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a source's settings. Strict: a member that is not known is a mistake worth telling. One row
 * a member; each reader says what is wrong under the name of its row.
 */
#include "inbound/settings.h"

#include "filter/language.h"
#include "verify/verify.h"

#include <stdio.h>

enum {
    TRANSFORM_MAX = 16384,
    TEXT_MAX = 1024,
    IDENTITY_MAX = 2048,
    BODY_LIMIT_MAX = 64 * 1024 * 1024
};

struct reading {
    struct arena *arena;
    struct inbound_settings *out;
    struct buf *why;
    const char *where;         /* "accept", "routes" */
    const struct str *filters; /* of the routes, as written */
};

typedef enum rc (*member_fn)(const struct reading *r, const json_t *value, void *target);

struct member {
    const char *name;
    member_fn read;
    size_t offset; /* into the struct that is filled */
};

PRINTF_LIKE(3, 4)
static enum rc settings_wrong(const struct reading *r, const char *name, const char *fmt, ...)
{
    char words[256];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    buf_say(r->why, "%s%s%s: %s", r->where, r->where[0] == '\0' || name[0] == '\0' ? "" : ".", name,
            words);
    return RC_INVALID;
}

/* Null counts as absent. */
static enum rc read_members(const struct reading *r, const json_t *object,
                            const struct member *members, size_t count, void *out)
{
    const char *name;
    json_t *value;
    if (!json_is_object(object))
        return settings_wrong(r, "", "Expected an object.");
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        const struct member *found = NULL;
        for (size_t i = 0; i < count && found == NULL; i++)
            if (strcmp(members[i].name, name) == 0)
                found = &members[i];
        if (found == NULL)
            return settings_wrong(r, "", "There is no \"%.64s\".", name);
        struct reading inner = *r;
        if (r->where[0] == '\0')
            inner.where = found->name;
        enum rc rc = RC_OK;
        if (!json_is_null(value))
            rc = found->read(r->where[0] == '\0' ? &inner : r, value, (char *)out + found->offset);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

/* --- plain values --------------------------------------------------------------------------------- */

static enum rc settings_read_number(const struct reading *r, const json_t *value, int64_t min,
                                    int64_t max, int64_t *out)
{
    *out = json_is_integer(value) ? json_integer_value(value) : -1;
    if (!json_is_integer(value) || *out < min || *out > max)
        return settings_wrong(r, "", "Expected an integer from %lld to %lld.", (long long)min,
                              (long long)max);
    return RC_OK;
}

static enum rc settings_read_text(const struct reading *r, const json_t *value, size_t max,
                                  struct str *out)
{
    if (!json_is_string(value) || json_string_length(value) > max)
        return settings_wrong(r, "", "Expected a text of at most %zu bytes.", max);
    *out = arena_str(r->arena, json_str_of(value));
    return RC_OK;
}

static enum rc read_bool(const struct reading *r, const json_t *value, void *target)
{
    if (!json_is_boolean(value))
        return settings_wrong(r, "", "Expected true or false.");
    *(bool *)target = json_is_true(value);
    return RC_OK;
}

static enum rc read_seconds(const struct reading *r, const json_t *value, void *target)
{
    return settings_read_number(r, value, 0, INBOUND_WINDOW_MAX_S, target);
}

static enum rc read_status(const struct reading *r, const json_t *value, void *target)
{
    int64_t status = 0;
    enum rc rc = settings_read_number(r, value, 200, 599, &status);
    *(int *)target = (int)status;
    return rc;
}

/* Goes into a header line. */
static enum rc read_line(const struct reading *r, const json_t *value, void *target)
{
    struct str *out = target;
    enum rc rc = settings_read_text(r, value, TEXT_MAX, out);
    for (size_t i = 0; rc == RC_OK && i < out->len; i++)
        if ((unsigned char)out->ptr[i] < 0x20 || out->ptr[i] == 0x7f)
            rc = settings_wrong(r, "", "Control characters are not allowed.");
    return rc;
}

static enum rc read_reply_body(const struct reading *r, const json_t *value, void *target)
{
    return settings_read_text(r, value, INBOUND_REPLY_MAX, target);
}

static enum rc read_body_max(const struct reading *r, const json_t *value, void *target)
{
    int64_t bytes = 0;
    enum rc rc = settings_read_number(r, value, 1, BODY_LIMIT_MAX, &bytes);
    *(size_t *)target = (size_t)bytes;
    return rc;
}

/* The place of a word in the list; `count` if it is none of them. */
static size_t read_word(const json_t *value, const char *const *words, size_t count)
{
    size_t i = 0;
    while (i < count && (!json_is_string(value) || strcmp(json_string_value(value), words[i]) != 0))
        i++;
    return i;
}

/* HEAD and OPTIONS ask about the address; they are never events. */
static enum rc read_methods(const struct reading *r, const json_t *value, void *target)
{
    static const char *const words[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };
    struct str *out = target;
    if (json_array_size(value) == 0 || json_array_size(value) > COUNT_OF(words))
        return settings_wrong(r, "", "Expected a list of GET, POST, PUT, PATCH or DELETE.");
    *out = STR_NONE;
    for (size_t i = 0; i < json_array_size(value); i++) {
        size_t which = read_word(json_array_get(value, i), words, COUNT_OF(words));
        if (which == COUNT_OF(words))
            return settings_wrong(r, "", "Expected a list of GET, POST, PUT, PATCH or DELETE.");
        *out = arena_fmt(r->arena, "%.*s%s%s", STR_ARGS(*out), i == 0 ? "" : ", ", words[which]);
    }
    return RC_OK;
}

static bool settings_is_name(struct str s)
{
    static const char extra[] = "-_.";
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && (c == '\0' || strchr(extra, c) == NULL))
            return false;
    }
    return s.len > 0 && s.len <= 256;
}

static enum rc read_event_type(const struct reading *r, const json_t *value, void *target)
{
    enum rc rc = settings_read_text(r, value, TEXT_MAX, target);
    if (rc == RC_OK && !settings_is_name(*(struct str *)target))
        rc = settings_wrong(r, "", "A name has letters, digits, '-', '_' and '.', at most 256.");
    return rc;
}

static enum rc read_public_url(const struct reading *r, const json_t *value, void *target)
{
    struct str *out = target;
    enum rc rc = read_line(r, value, target);
    if (rc == RC_OK && !str_starts(*out, STR("https://")) && !str_starts(*out, STR("http://")))
        rc = settings_wrong(r, "", "Expected a URL that begins with https:// or http://.");
    return rc;
}

/* --- objects --------------------------------------------------------------------------------------- */

static enum rc read_window(const struct reading *r, const json_t *value, void *target)
{
    static const struct member members[] = {
        { "pastSeconds", read_seconds, offsetof(struct inbound_settings, window_past_s) },
        { "futureSeconds", read_seconds, offsetof(struct inbound_settings, window_future_s) },
    };
    struct inbound_settings *out = r->out;
    (void)target;
    out->has_window = true;
    return read_members(r, value, members, COUNT_OF(members), out);
}

static enum rc read_reply(const struct reading *r, const json_t *value, void *target)
{
    static const struct member members[] = {
        { "status", read_status, offsetof(struct inbound_reply, status) },
        { "contentType", read_line, offsetof(struct inbound_reply, content_type) },
        { "body", read_reply_body, offsetof(struct inbound_reply, body) },
    };
    return read_members(r, value, members, COUNT_OF(members), target);
}

static enum rc read_dedupe_body(const struct reading *r, const json_t *value, void *target)
{
    static const char *const words[] = { [INBOUND_BODY_UNSIGNED] = "unsigned",
                                         [INBOUND_BODY_ALWAYS] = "always",
                                         [INBOUND_BODY_NEVER] = "never" };
    size_t which = read_word(value, words, COUNT_OF(words));
    *(enum inbound_body_dedupe *)target = (enum inbound_body_dedupe)which;
    return which < COUNT_OF(words)
               ? RC_OK
               : settings_wrong(r, "body", "Expected unsigned, always or never.");
}

static enum rc read_batches(const struct reading *r, const json_t *value, void *target)
{
    static const char *const words[] = { [INBOUND_BATCHES_PRESET] = "preset",
                                         [INBOUND_BATCHES_SPLIT] = "split",
                                         [INBOUND_BATCHES_WHOLE] = "whole" };
    size_t which = read_word(value, words, COUNT_OF(words));
    *(enum inbound_batches *)target = (enum inbound_batches)which;
    return which < COUNT_OF(words) ? RC_OK
                                   : settings_wrong(r, "", "Expected preset, split or whole.");
}

/* Which fields are the same in two deliveries of one event. */
static enum rc read_identity(const struct reading *r, const json_t *list, struct str *out)
{
    struct buf fields;
    enum rc rc = RC_OK;
    buf_init(&fields, IDENTITY_MAX);
    for (size_t i = 0; rc == RC_OK && i < json_array_size(list); i++) {
        struct str field = STR_NONE;
        rc = settings_read_text(r, json_array_get(list, i), TEXT_MAX, &field);
        if (rc == RC_OK &&
            buf_addf(&fields, "%s%.*s", i == 0 ? "" : " + ", STR_ARGS(field)) != RC_OK)
            rc = settings_wrong(r, "", "Expected at most %d bytes in all.", IDENTITY_MAX);
    }
    const char *fault = rc == RC_OK ? verify_identity_fault(buf_str(&fields)) : NULL;
    if (fault != NULL)
        rc = settings_wrong(r, "", "%s: name it like \"header X-Event-Id\" or \"json /event/id\".",
                            fault);
    *out = rc == RC_OK ? arena_str(r->arena, buf_str(&fields)) : STR_NONE;
    buf_fini(&fields);
    return rc;
}

static enum rc read_deduplicate(const struct reading *r, const json_t *value, void *target)
{
    static const char *const words[] = { "preset", "off", "body" };
    struct inbound_settings *out = r->out;
    (void)target;
    if (json_is_array(value))
        return read_identity(r, value, &out->identity);
    size_t which = read_word(value, words, COUNT_OF(words));
    if (which == COUNT_OF(words))
        return settings_wrong(r, "", "Expected preset, off, body, or a list of fields.");
    out->dedupe_by_id = which != 1;
    out->dedupe_by_body = which == 2 ? INBOUND_BODY_ALWAYS : INBOUND_BODY_NEVER;
    return RC_OK;
}

/* Deprecated in favour of "deduplicate". */
static enum rc read_dedupe(const struct reading *r, const json_t *value, void *target)
{
    static const struct member members[] = {
        { "id", read_bool, offsetof(struct inbound_settings, dedupe_by_id) },
        { "body", read_dedupe_body, offsetof(struct inbound_settings, dedupe_by_body) },
    };
    (void)target;
    return read_members(r, value, members, COUNT_OF(members), r->out);
}

/* --- routes ---------------------------------------------------------------------------------------- */

static enum rc read_names(const struct reading *r, const json_t *value, size_t max, bool may_end,
                          struct str **list, size_t *count)
{
    if (!json_is_array(value) || json_array_size(value) > max)
        return settings_wrong(r, "", "Expected at most %zu names.", max);
    *list = arena_array(r->arena, json_array_size(value) + 1, sizeof(**list));
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct str name = STR_NONE;
        enum rc rc = settings_read_text(r, json_array_get(value, i), TEXT_MAX, &name);
        if (rc != RC_OK)
            return rc;
        struct str plain =
            may_end && str_ends(name, STR(".*")) ? str_sub(name, 0, name.len - 2) : name;
        if (!settings_is_name(plain))
            return settings_wrong(r, "", "\"%.*s\" is no name.", STR_ARGS(str_sub(name, 0, 64)));
        (*list)[(*count)++] = name;
    }
    return RC_OK;
}

static enum rc read_types(const struct reading *r, const json_t *value, void *target)
{
    struct inbound_route *route = target;
    return read_names(r, value, INBOUND_ROUTE_TYPES_MAX, true, &route->event_types,
                      &route->event_type_count);
}

static enum rc read_apps(const struct reading *r, const json_t *value, void *target)
{
    struct inbound_route *route = target;
    return read_names(r, value, INBOUND_ROUTE_APPS_MAX, false, &route->apps, &route->app_count);
}

static void free_program(void *program)
{
    filter_program_free(program);
}

static enum rc read_filter(const struct reading *r, const json_t *value, void *target)
{
    struct inbound_route *route = target;
    struct filter_fault fault = { 0 };
    (void)value; /* its numbers are rounded by now */
    if (filter_compile(r->filters[route - r->out->routes], &route->filter, &fault) != RC_OK)
        return settings_wrong(r, "filter", "%.100s: %.120s", fault.where, fault.reason);
    arena_defer(r->arena, free_program, route->filter);
    return RC_OK;
}

static enum rc read_transform(const struct reading *r, const json_t *value, void *target)
{
    return settings_read_text(r, value, TRANSFORM_MAX,
                              &((struct inbound_route *)target)->transform);
}

static enum rc read_routes(const struct reading *r, const json_t *value, void *target)
{
    static const struct member members[] = {
        { "eventTypes", read_types, 0 },
        { "applications", read_apps, 0 },
        { "filter", read_filter, 0 },
        { "transform", read_transform, 0 },
    };
    struct inbound_settings *out = r->out;
    (void)target;
    if (!json_is_array(value) || json_array_size(value) > INBOUND_ROUTES_MAX)
        return settings_wrong(r, "", "Expected at most %d routes.", INBOUND_ROUTES_MAX);
    out->routes = arena_array(r->arena, json_array_size(value) + 1, sizeof(*out->routes));
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct inbound_route *route = &out->routes[out->route_count++];
        struct reading inner = *r;
        inner.where = arena_fmt(r->arena, "routes.%zu", i).ptr;
        enum rc rc =
            read_members(&inner, json_array_get(value, i), members, COUNT_OF(members), route);
        if (rc == RC_OK && route->app_count == 0)
            rc = settings_wrong(&inner, "applications", "A route names at least one application.");
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

/* --- the whole ------------------------------------------------------------------------------------- */

static enum rc note_filter(void *ctx, struct json_span name, struct json_span value)
{
    if (str_eq(name.text, STR("\"filter\"")))
        *(struct str *)ctx = value.text;
    return RC_OK;
}

static enum rc note_route(void *ctx, size_t index, struct json_span value)
{
    struct str *filters = ctx;
    if (index >= INBOUND_ROUTES_MAX)
        return RC_LIMIT;
    return value.type == JSON_SPAN_OBJECT ? json_span_members(value, note_filter, &filters[index])
                                          : RC_OK;
}

static const struct str *raw_filters(struct arena *a, struct str text)
{
    struct str *filters = arena_array(a, INBOUND_ROUTES_MAX, sizeof(*filters));
    struct json_member routes = { .name = STR("routes") };
    enum rc rc = json_scan_object(text, &routes, 1, NULL);
    if (rc == RC_OK && routes.value.type == JSON_SPAN_ARRAY)
        rc = json_span_each(routes.value, note_route, filters);
    MUST(rc == RC_OK || rc == RC_LIMIT || rc == RC_INVALID); /* told by those who read members */
    return filters;
}

enum rc inbound_settings_read(struct arena *a, struct str text, struct inbound_settings *out,
                              struct buf *why)
{
    static const struct member members[] = {
        { "window", read_window, 0 },
        { "accept", read_reply, offsetof(struct inbound_settings, accept) },
        { "reject", read_reply, offsetof(struct inbound_settings, reject) },
        { "deduplicate", read_deduplicate, 0 },
        { "dedupe", read_dedupe, 0 },
        { "batches", read_batches, offsetof(struct inbound_settings, batches) },
        { "eventType", read_event_type, offsetof(struct inbound_settings, event_type) },
        { "forwardHeaders", read_bool, offsetof(struct inbound_settings, forward_headers) },
        { "methods", read_methods, offsetof(struct inbound_settings, methods) },
        { "maxBodyBytes", read_body_max, offsetof(struct inbound_settings, body_max) },
        { "publicUrl", read_public_url, offsetof(struct inbound_settings, public_url) },
        { "routes", read_routes, 0 },
    };
    *out = (struct inbound_settings){ .dedupe_by_id = true,
                                      .forward_headers = true,
                                      .event_type = STR("webhook") };
    const struct reading r = { a, out, why, "", raw_filters(a, text) };
    json_t *object = NULL;
    if (json_parse(text, &object, NULL) != RC_OK)
        return settings_wrong(&r, "", "Not JSON, or with a name twice.");
    enum rc rc = read_members(&r, object, members, COUNT_OF(members), out);
    json_decref(object);
    return rc;
}
