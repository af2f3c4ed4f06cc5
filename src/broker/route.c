/* SPDX-License-Identifier: Apache-2.0
 *
 * See broker/route.h.
 */
#include "broker/route.h"

#include "broker/broker.h"

static const int64_t us_per_ms = 1000;
enum { CONFIRM_MIN_MS = 100, CONFIRM_MAX_MS = 60000 };

struct compiling {
    struct arena *arena;
    const char **where;
    struct buf *why;
};

static enum rc route_wrong(const struct compiling *c, const char *where, const char *words)
{
    *c->where = where;
    buf_say(c->why, "%s", words);
    return RC_INVALID;
}

static enum rc route_read_text(const struct compiling *c, const json_t *object, const char *name,
                               struct str absent, size_t max, struct str *out)
{
    const json_t *v = json_object_get(object, name);
    *out = absent;
    if (v == NULL || json_is_null(v))
        return RC_OK;
    if (!json_is_string(v) || json_string_length(v) > max)
        return route_wrong(c, name,
                           "Expected a text: names have at most 255 bytes, templates 4096.");
    *out = arena_str(c->arena, json_str_of(v));
    return RC_OK;
}

static enum rc read_bool(const struct compiling *c, const json_t *object, const char *name,
                         bool absent, bool *out)
{
    const json_t *v = json_object_get(object, name);
    *out = v == NULL || json_is_null(v) ? absent : json_is_true(v);
    return v == NULL || json_is_null(v) || json_is_boolean(v)
               ? RC_OK
               : route_wrong(c, name, "Expected true or false.");
}

static enum rc read_template(const struct compiling *c, const char *where, struct str text,
                             const struct broker_template **out)
{
    *c->where = where;
    return broker_template_compile(text, c->arena, out, c->why);
}

static enum rc route_read_headers(const struct compiling *c, const json_t *object,
                                  struct broker_route *out)
{
    json_t *map = json_object_get(object, "headers");
    const char *name;
    json_t *value;
    if (map == NULL || json_is_null(map))
        return RC_OK;
    if (!json_is_object(map) || json_object_size(map) > BROKER_HEADERS_MAX)
        return route_wrong(c, "headers", "Expected an object of at most 64 texts.");
    struct broker_route_header *list =
        arena_array(c->arena, json_object_size(map) + 1, sizeof(*list));
    json_object_foreach(map, name, value)
    {
        struct str key = str_from(name);
        if (key.len == 0 || key.len > BROKER_NAME_MAX || !json_is_string(value))
            return route_wrong(c, "headers", "Expected texts under names of 1 to 255 bytes.");
        struct broker_route_header *header = &list[out->header_count++];
        header->name = arena_str(c->arena, key);
        struct str text = json_str_of(value);
        if (read_template(c, "headers", text, &header->value) != RC_OK)
            return RC_INVALID;
    }
    out->headers = list;
    return RC_OK;
}

static enum rc read_timeout(const struct compiling *c, const json_t *object,
                            struct broker_route *out)
{
    const json_t *v = json_object_get(object, "confirmTimeoutMs");
    if (v == NULL || json_is_null(v))
        return RC_OK;
    int64_t ms = json_is_integer(v) ? json_integer_value(v) : 0;
    if (ms < CONFIRM_MIN_MS || ms > CONFIRM_MAX_MS)
        return route_wrong(c, "confirmTimeoutMs", "Expected an integer from 100 to 60000.");
    out->confirm_us = ms * us_per_ms;
    return RC_OK;
}

static enum rc check_names(const struct compiling *c, const json_t *object)
{
    static const char *const names[] = {
        "exchange", "exchangeType", "declare",   "routingKey",
        "headers",  "persistent",   "mandatory", "confirmTimeoutMs"
    };
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        bool is_known = false;
        for (size_t i = 0; i < COUNT_OF(names) && !is_known; i++)
            is_known = str_eq(str_from(name), str_from(names[i]));
        if (!is_known)
            return route_wrong(c, "",
                               "Known are exchange, exchangeType, declare, routingKey, headers, "
                               "persistent, mandatory and confirmTimeoutMs.");
    }
    return RC_OK;
}

static enum rc check_type(const struct compiling *c, const struct broker_route *out)
{
    bool is_known =
        str_eq(out->exchange_type, STR("topic")) || str_eq(out->exchange_type, STR("direct")) ||
        str_eq(out->exchange_type, STR("fanout")) || str_eq(out->exchange_type, STR("headers")) ||
        str_starts(out->exchange_type, STR("x-"));
    return is_known ? RC_OK
                    : route_wrong(c, "exchangeType",
                                  "Expected topic, direct, fanout, headers, or a plugin's x-...");
}

static enum rc check_pointers(const struct compiling *c, const struct broker_route *out)
{
    size_t count = broker_template_pointer_count(out->routing_key);
    for (size_t i = 0; i < out->header_count; i++)
        count += broker_template_pointer_count(out->headers[i].value);
    return count <= BROKER_POINTERS_MAX
               ? RC_OK
               : route_wrong(c, "headers",
                             "Expected at most 16 {json:...} in routing key and headers.");
}

enum rc broker_route_compile(const json_t *settings, struct arena *a, struct broker_route *out,
                             const char **where, struct buf *why)
{
    struct compiling c = { a, where, why };
    struct str key;
    *out = (struct broker_route){ 0 };
    *where = "";
    if (settings != NULL && !json_is_object(settings))
        return route_wrong(&c, "", "Expected an object.");
    enum rc rc = check_names(&c, settings);
    if (rc == RC_OK)
        rc = route_read_text(&c, settings, "exchange", STR(""), BROKER_NAME_MAX, &out->exchange);
    if (rc == RC_OK)
        rc = route_read_text(&c, settings, "exchangeType", STR("topic"), BROKER_NAME_MAX,
                             &out->exchange_type);
    if (rc == RC_OK)
        rc = check_type(&c, out);
    if (rc == RC_OK)
        rc = read_bool(&c, settings, "declare", false, &out->declare);
    if (rc == RC_OK)
        rc = read_bool(&c, settings, "persistent", true, &out->persistent);
    if (rc == RC_OK)
        rc = read_bool(&c, settings, "mandatory", false, &out->mandatory);
    if (rc == RC_OK)
        rc = route_read_text(&c, settings, "routingKey", STR("{eventType}"), BROKER_TEMPLATE_MAX,
                             &key);
    if (rc == RC_OK)
        rc = read_template(&c, "routingKey", key, &out->routing_key);
    if (rc == RC_OK)
        rc = route_read_headers(&c, settings, out);
    if (rc == RC_OK)
        rc = check_pointers(&c, out);
    return rc == RC_OK ? read_timeout(&c, settings, out) : rc;
}
