/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/resource/message_in.h.
 */
#include "api/resource/message_in.h"

#include "api/kit/mistakes.h"
#include "api/kit/span.h"
#include "api/resource/endpoint_headers_priv.h"
#include "api/schemas/schemas.h"
#include "http/wire.h"

#include <stdio.h>

#define DAY_US INT64_C(86400000000)
#define HOUR_US INT64_C(3600000000)

/* In the order of api_schema_MessageIn's fields, which say what each may be; then an older name of one of them. */
enum member {
    EVENT_TYPE,
    EVENT_ID,
    PAYLOAD,
    CHANNELS,
    TAGS,
    DELIVER_AT,
    DAYS,
    HOURS,
    APPLICATION,
    PARAMS,
    FIELDS,
    DATA = FIELDS,
    MEMBERS
};

static const struct json_member wanted[MEMBERS] = {
    [EVENT_TYPE] = { .name = { "eventType", 9 } },
    [EVENT_ID] = { .name = { "eventId", 7 } },
    [PAYLOAD] = { .name = { "payload", 7 } },
    [CHANNELS] = { .name = { "channels", 8 } },
    [TAGS] = { .name = { "tags", 4 } },
    [DELIVER_AT] = { .name = { "deliverAt", 9 } },
    [DAYS] = { .name = { "payloadRetentionPeriod", 22 } },
    [HOURS] = { .name = { "payloadRetentionHours", 21 } },
    [APPLICATION] = { .name = { "application", 11 } },
    [PARAMS] = { .name = { "transformationsParams", 21 } },
    [DATA] = { .name = { "data", 4 } },
};

struct parse {
    struct json_member m[MEMBERS];
    const char *where;
    int64_t now_us;
    struct arena *a;
    struct api_message_in *out;
    struct api_fault *fault;
};

PRINTF_LIKE(3, 4)
static enum rc message_in_wrong(const struct parse *p, const char *name, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(p->fault->words, sizeof(p->fault->words), fmt, args);
    va_end(args);
    p->fault->type = "value_error";
    (void)snprintf(p->fault->where, sizeof(p->fault->where), "%s%s%s", p->where,
                   name[0] == '\0' ? "" : ".", name);
    return RC_INVALID;
}

static bool message_in_given(const struct parse *p, enum member m)
{
    return p->m[m].value.type != JSON_SPAN_NONE && p->m[m].value.type != JSON_SPAN_NULL;
}

/* By the rows of the schema, so that what this call refuses is what its documentation says. */
static enum rc check_fields(struct parse *p)
{
    enum rc rc = RC_OK;
    if (p->m[PAYLOAD].value.type == JSON_SPAN_NONE)
        p->m[PAYLOAD].value = p->m[DATA].value;
    MUST(api_schema_MessageIn.count == FIELDS);
    for (size_t i = 0; rc == RC_OK && i < FIELDS; i++) {
        const struct api_field *f = &api_schema_MessageIn.fields[i];
        MUST(strcmp(f->name, wanted[i].name.ptr) == 0);
        rc = api_field_check_span(&api_schema_MessageIn, f, p->m[i].value, p->where, p->fault);
    }
    return rc;
}

/* --- lists ------------------------------------------------------------------------------------ */

struct list {
    struct arena *a;
    struct str *out;
    size_t count;
    bool has_repeats;
};

static enum rc message_in_add_name(void *ctx, size_t index, struct json_span value)
{
    struct list *list = ctx;
    (void)index;
    struct str name = json_span_string(list->a, value);
    for (size_t i = 0; i < list->count; i++)
        if (str_eq(list->out[i], name)) {
            list->has_repeats = true;
            return RC_OK;
        }
    list->out[list->count++] = name;
    return RC_OK;
}

/* A set of a list that was checked, so that it fits into `out`. */
static struct str read_list(const struct parse *p, enum member m, struct list *list)
{
    enum rc rc = json_span_each(p->m[m].value, message_in_add_name, list);
    MUST(rc == RC_OK);
    return list->has_repeats ? arena_json_list(p->a, list->out, list->count) : p->m[m].value.text;
}

static void read_lists(const struct parse *p)
{
    struct api_message_in *out = p->out;
    if (message_in_given(p, CHANNELS)) {
        struct list list = { p->a, out->channels, 0, false };
        out->message.channels = read_list(p, CHANNELS, &list);
        out->channel_count = list.count;
    }
    if (message_in_given(p, TAGS)) {
        struct str tags[API_TAGS_MAX];
        struct list list = { p->a, tags, 0, false };
        out->message.tags = read_list(p, TAGS, &list);
    }
}

/* --- times ------------------------------------------------------------------------------------ */

static int64_t message_in_read_number(const struct parse *p, enum member m)
{
    int64_t n = 0;
    enum rc rc = json_span_int(p->m[m].value, &n);
    MUST(rc == RC_OK);
    return n;
}

static enum rc read_times(const struct parse *p)
{
    struct store_message *m = &p->out->message;
    p->out->keep_us = API_KEEP_DAYS * DAY_US;
    if (message_in_given(p, DAYS))
        p->out->keep_us = message_in_read_number(p, DAYS) * DAY_US;
    if (message_in_given(p, HOURS))
        p->out->keep_us = message_in_read_number(p, HOURS) * HOUR_US;
    if (!message_in_given(p, DELIVER_AT))
        return RC_OK;
    struct str at = json_span_string(p->a, p->m[DELIVER_AT].value);
    enum rc rc = time_parse_relaxed(at, &m->deliver_at_us);
    MUST(rc == RC_OK);
    if (m->deliver_at_us > p->now_us + API_DELIVER_AHEAD_DAYS * DAY_US)
        return message_in_wrong(p, "deliverAt", "At most %d days ahead.", API_DELIVER_AHEAD_DAYS);
    return RC_OK;
}

/* --- transformationsParams -------------------------------------------------------------------- */

static enum rc message_in_read_headers(const struct parse *p, const json_t *headers)
{
    struct buf lines;
    buf_init(&lines, 64 * 1024);
    enum rc rc = RC_OK;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)headers, name, value)
    {
        struct str text = json_str_of(value);
        bool is_type = str_ieq(str_from(name), STR("content-type"));
        const char *fault = NULL;
        if (text.ptr == NULL || (is_type && (text.len == 0 || !http_is_field_value(text))))
            fault = "Not the value of a header.";
        else if (!is_type)
            fault = api_header_fault(str_from(name), text);
        if (fault == NULL && is_type)
            p->out->message.content_type = arena_str(p->a, text);
        else if (fault == NULL && buf_addf(&lines, "%s: %s\r\n", name, text.ptr) != RC_OK)
            fault = "Too many headers.";
        if (fault != NULL) {
            rc = message_in_wrong(p, "transformationsParams.headers", "%.100s: %s", name, fault);
            break;
        }
    }
    if (rc == RC_OK && lines.len > 0)
        p->out->message.headers = arena_str(p->a, buf_str(&lines));
    buf_fini(&lines);
    return rc;
}

static const struct api_field Params_fields[] = {
    { .name = "rawPayload", .type = API_STRING },
    { .name = "headers", .type = API_OBJECT },
};
static const struct api_schema params_schema = { "TransformationsParams", Params_fields,
                                                 COUNT_OF(Params_fields), "", true };

/* Clients send members beside ours; one that is taken for ours must not be lost. */
static enum rc check_params(const struct parse *p, const json_t *params)
{
    char where[192];
    struct buf passed;
    buf_init(&passed, API_UNKNOWN_MAX);
    (void)snprintf(where, sizeof(where), "%s.transformationsParams", p->where);
    enum rc rc = api_schema_check(&params_schema, params, where, p->fault);
    if (rc == RC_OK)
        rc = api_mistakes_of_body(&params_schema, NULL, params, where, p->fault, &passed);
    buf_fini(&passed);
    return rc;
}

static enum rc read_params(const struct parse *p)
{
    json_t *params = NULL;
    struct json_error error = { 0 };
    if (json_parse(p->m[PARAMS].value.text, &params, &error) != RC_OK)
        return message_in_wrong(p, "transformationsParams", "%s at byte %zu of it.", error.reason,
                                error.offset);
    enum rc rc = check_params(p, params);
    const json_t *raw = json_object_get(params, "rawPayload");
    const json_t *headers = json_object_get(params, "headers");
    if (json_is_string(raw))
        p->out->message.payload = arena_str(p->a, json_str_of(raw));
    if (rc == RC_OK && json_is_object(headers))
        rc = message_in_read_headers(p, headers);
    /* Only a payload that was checked to be an object goes without a content type. */
    if (json_is_string(raw) && p->out->message.content_type.ptr == NULL)
        p->out->message.content_type = STR("application/json");
    json_decref(params);
    return rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

static void read_names(const struct parse *p)
{
    struct store_message *m = &p->out->message;
    m->event_type = json_span_string(p->a, p->m[EVENT_TYPE].value);
    if (message_in_given(p, EVENT_ID))
        m->event_id = json_span_string(p->a, p->m[EVENT_ID].value);
    m->payload = p->m[PAYLOAD].value.text;
    if (message_in_given(p, APPLICATION))
        p->out->application = p->m[APPLICATION].value.text;
}

/* --- names nobody reads ------------------------------------------------------------------------------ */

struct others {
    const struct parse *p;
    struct buf *passed;
    bool is_refused;
};

/* Of a validated name; the first that is refused stands. */
static void judge_name(void *ctx, struct json_span span)
{
    struct others *o = ctx;
    struct str name = json_span_string(o->p->a, span);
    const char *nearest = NULL;
    if (o->is_refused)
        return;
    if (api_mistake_of(&api_schema_MessageIn, name, &nearest) == API_MISTAKE_REFUSE) {
        o->is_refused = true;
        api_mistake_say(o->p->fault, o->p->where, name, nearest);
    } else {
        api_mistake_pass(o->passed, o->p->where, name);
    }
}

enum rc api_message_parse(struct str text, const char *where, int64_t now_us, struct arena *a,
                          struct api_message_in *out, struct api_fault *fault)
{
    struct parse p = { .where = where, .now_us = now_us, .a = a, .out = out, .fault = fault };
    struct json_error error = { 0 };
    *out = (struct api_message_in){ 0 };
    memcpy(p.m, wanted, sizeof(wanted));
    struct buf passed;
    buf_init(&passed, API_UNKNOWN_MAX);
    struct others others = { &p, &passed, false };
    enum rc rc = json_scan_members(text, p.m, MEMBERS, judge_name, &others, &error);
    if (rc == RC_OK && passed.len > 0)
        out->unknown = arena_str(a, buf_str(&passed));
    buf_fini(&passed);
    if (rc != RC_OK) {
        (void)message_in_wrong(&p, "", "%s at byte %zu.",
                               error.reason == NULL ? "Not JSON" : error.reason, error.offset);
        fault->type = "value_error.jsondecode";
        return RC_INVALID;
    }
    if (others.is_refused)
        return RC_INVALID;
    rc = check_fields(&p);
    if (rc != RC_OK)
        return rc;
    read_names(&p);
    read_lists(&p);
    rc = read_times(&p);
    if (rc == RC_OK && message_in_given(&p, PARAMS))
        rc = read_params(&p);
    return rc;
}
