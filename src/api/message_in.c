/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/message_in.h.
 */
#include "api/message_in.h"

#include "api/api_priv.h"
#include "http/wire.h"

#include <stdio.h>

#define DAY_US INT64_C(86400000000)
#define HOUR_US INT64_C(3600000000)

enum member {
    EVENT_TYPE,
    EVENT_ID,
    PAYLOAD,
    DATA,
    CHANNELS,
    TAGS,
    DAYS,
    HOURS,
    DELIVER_AT,
    APPLICATION,
    PARAMS,
    MEMBERS
};

static const struct json_member wanted[MEMBERS] = {
    [EVENT_TYPE] = { .name = { "eventType", 9 } },
    [EVENT_ID] = { .name = { "eventId", 7 } },
    [PAYLOAD] = { .name = { "payload", 7 } },
    [DATA] = { .name = { "data", 4 } },
    [CHANNELS] = { .name = { "channels", 8 } },
    [TAGS] = { .name = { "tags", 4 } },
    [DAYS] = { .name = { "payloadRetentionPeriod", 22 } },
    [HOURS] = { .name = { "payloadRetentionHours", 21 } },
    [DELIVER_AT] = { .name = { "deliverAt", 9 } },
    [APPLICATION] = { .name = { "application", 11 } },
    [PARAMS] = { .name = { "transformationsParams", 21 } },
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
static enum rc wrong(const struct parse *p, const char *name, const char *fmt, ...)
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

static bool given(const struct parse *p, enum member m)
{
    return p->m[m].value.type != JSON_SPAN_NONE && p->m[m].value.type != JSON_SPAN_NULL;
}

static enum rc read_name(const struct parse *p, enum member m, enum api_chars chars,
                         struct str *out)
{
    const char *name = wanted[m].name.ptr;
    if (p->m[m].value.type != JSON_SPAN_STRING)
        return wrong(p, name, "Expected a string.");
    *out = json_span_string(p->a, p->m[m].value);
    if (api_chars_ok(*out, chars))
        return RC_OK;
    return wrong(p, name, "Must match %s and have 1 to %zu characters.", api_chars_pattern(chars),
                 api_chars_max(chars));
}

/* --- lists
 * ----------------------------------------------------------------------------------------- */

struct list {
    const struct parse *p;
    enum api_chars chars;
    struct str *out;
    size_t max, count;
    bool has_repeats;
};

static enum rc add_name(void *ctx, size_t index, struct json_span value)
{
    struct list *list = ctx;
    if (value.type != JSON_SPAN_STRING || index == list->max)
        return RC_LIMIT;
    struct str name = json_span_string(list->p->a, value);
    if (!api_chars_ok(name, list->chars))
        return RC_INVALID;
    for (size_t i = 0; i < list->count; i++)
        if (str_eq(list->out[i], name)) {
            list->has_repeats = true;
            return RC_OK;
        }
    list->out[list->count++] = name;
    return RC_OK;
}

static enum rc read_list(const struct parse *p, enum member m, struct list *list, struct str *text)
{
    const char *name = wanted[m].name.ptr;
    if (p->m[m].value.type != JSON_SPAN_ARRAY)
        return wrong(p, name, "Expected an array of strings.");
    enum rc rc = json_span_each(p->m[m].value, add_name, list);
    if (rc == RC_LIMIT)
        return wrong(p, name, "Expected at most %zu strings.", list->max);
    if (rc != RC_OK)
        return wrong(p, name, "Each must match %s and have 1 to %zu characters.",
                     api_chars_pattern(list->chars), api_chars_max(list->chars));
    *text = list->has_repeats ? arena_json_list(p->a, list->out, list->count) : p->m[m].value.text;
    return RC_OK;
}

static enum rc read_lists(const struct parse *p)
{
    struct api_message_in *out = p->out;
    enum rc rc = RC_OK;
    if (given(p, CHANNELS)) {
        struct list list = { p, API_CHARS_CHANNEL, out->channels, API_CHANNELS_MAX, 0, false };
        rc = read_list(p, CHANNELS, &list, &out->message.channels);
        if (rc == RC_OK && list.count == 0)
            return wrong(p, "channels", "Must have at least 1 item.");
        out->channel_count = list.count;
    }
    if (rc == RC_OK && given(p, TAGS)) {
        struct str tags[API_TAGS_MAX];
        struct list list = { p, API_CHARS_TAG, tags, API_TAGS_MAX, 0, false };
        rc = read_list(p, TAGS, &list, &out->message.tags);
    }
    return rc;
}

/* --- times
 * ----------------------------------------------------------------------------------------- */

static enum rc read_range(const struct parse *p, enum member m, int64_t max, int64_t *out)
{
    if (p->m[m].value.type == JSON_SPAN_NUMBER && json_span_int(p->m[m].value, out) == RC_OK &&
        *out >= 1 && *out <= max)
        return RC_OK;
    return wrong(p, wanted[m].name.ptr, "Expected an integer from 1 to %lld.", (long long)max);
}

static enum rc read_times(const struct parse *p)
{
    struct store_message *m = &p->out->message;
    int64_t keep_us = API_KEEP_DAYS * DAY_US;
    int64_t n = 0;
    if (given(p, DAYS)) {
        if (read_range(p, DAYS, API_KEEP_DAYS, &n) != RC_OK)
            return RC_INVALID;
        keep_us = n * DAY_US;
    }
    if (given(p, HOURS)) {
        if (read_range(p, HOURS, API_KEEP_DAYS * 24, &n) != RC_OK)
            return RC_INVALID;
        keep_us = n * HOUR_US;
    }
    m->created_us = p->now_us;
    if (given(p, DELIVER_AT)) {
        struct json_span at = p->m[DELIVER_AT].value;
        if (at.type != JSON_SPAN_STRING ||
            time_parse(json_span_string(p->a, at), &m->deliver_at_us) != RC_OK)
            return wrong(p, "deliverAt", "Expected a date and time as in 2026-01-02T03:04:05Z.");
        if (m->deliver_at_us > p->now_us + API_DELIVER_AHEAD_DAYS * DAY_US)
            return wrong(p, "deliverAt", "At most %d days ahead.", API_DELIVER_AHEAD_DAYS);
    }
    int64_t from_us = m->deliver_at_us > p->now_us ? m->deliver_at_us : p->now_us;
    m->payload_expires_us = from_us + keep_us;
    return RC_OK;
}

/* --- transformationsParams
 * ------------------------------------------------------------------------- */

static enum rc read_headers(const struct parse *p, const json_t *headers)
{
    struct buf lines;
    buf_init(&lines, 64 * 1024);
    enum rc rc = RC_OK;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)headers, name, value)
    {
        struct str text = api_json_str(value);
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
            rc = wrong(p, "transformationsParams.headers", "%.100s: %s", name, fault);
            break;
        }
    }
    if (rc == RC_OK && lines.len > 0)
        p->out->message.headers = arena_str(p->a, buf_str(&lines));
    buf_fini(&lines);
    return rc;
}

static enum rc read_params(const struct parse *p)
{
    json_t *params = NULL;
    if (p->m[PARAMS].value.type != JSON_SPAN_OBJECT ||
        json_parse(p->m[PARAMS].value.text, &params, NULL) != RC_OK)
        return wrong(p, "transformationsParams", "Expected an object.");
    enum rc rc = RC_OK;
    const json_t *raw = json_object_get(params, "rawPayload");
    const json_t *headers = json_object_get(params, "headers");
    if (json_is_string(raw))
        p->out->message.payload = arena_str(p->a, api_json_str(raw));
    else if (raw != NULL && !json_is_null(raw))
        rc = wrong(p, "transformationsParams.rawPayload", "Expected a string.");
    if (rc == RC_OK && json_is_object(headers))
        rc = read_headers(p, headers);
    /* Only a payload that was checked to be an object goes without a content type. */
    if (json_is_string(raw) && p->out->message.content_type.ptr == NULL)
        p->out->message.content_type = STR("application/json");
    json_decref(params);
    return rc;
}

/* --- the whole
 * ------------------------------------------------------------------------------------- */

static enum rc read_payload(const struct parse *p)
{
    enum member m = p->m[PAYLOAD].value.type == JSON_SPAN_NONE ? DATA : PAYLOAD;
    if (p->m[m].value.type == JSON_SPAN_NONE)
        return wrong(p, "payload", "Missing data for required field.");
    if (p->m[m].value.type != JSON_SPAN_OBJECT)
        return wrong(p, "payload", "Payload must be a JSON object.");
    p->out->message.payload = p->m[m].value.text;
    return RC_OK;
}

static enum rc read_event(const struct parse *p)
{
    struct store_message *m = &p->out->message;
    if (p->m[EVENT_TYPE].value.type == JSON_SPAN_NONE)
        return wrong(p, "eventType", "Missing data for required field.");
    enum rc rc = read_name(p, EVENT_TYPE, API_CHARS_NAME, &m->event_type);
    if (rc == RC_OK && given(p, EVENT_ID)) {
        rc = read_name(p, EVENT_ID, API_CHARS_NAME, &m->event_id);
        if (rc == RC_OK && str_starts(m->event_id, STR("msg_")))
            rc = wrong(p, "eventId", "Must not start with \"msg_\": that is for ids.");
    }
    return rc;
}

static enum rc read_application(const struct parse *p)
{
    if (p->m[APPLICATION].value.type != JSON_SPAN_OBJECT)
        return wrong(p, "application", "Expected an object.");
    p->out->application = p->m[APPLICATION].value.text;
    return RC_OK;
}

enum rc api_message_parse(struct str text, const char *where, int64_t now_us, struct arena *a,
                          struct api_message_in *out, struct api_fault *fault)
{
    struct parse p = { .where = where, .now_us = now_us, .a = a, .out = out, .fault = fault };
    struct json_error error = { 0 };
    *out = (struct api_message_in){ 0 };
    memcpy(p.m, wanted, sizeof(wanted));
    if (json_scan_object(text, p.m, MEMBERS, &error) != RC_OK) {
        (void)wrong(&p, "", "%s at byte %zu.", error.reason == NULL ? "Not JSON" : error.reason,
                    error.offset);
        fault->type = "value_error.jsondecode";
        return RC_INVALID;
    }
    enum rc rc = read_event(&p);
    if (rc == RC_OK)
        rc = read_payload(&p);
    if (rc == RC_OK)
        rc = read_lists(&p);
    if (rc == RC_OK)
        rc = read_times(&p);
    if (rc == RC_OK && given(&p, PARAMS))
        rc = read_params(&p);
    if (rc == RC_OK && given(&p, APPLICATION))
        rc = read_application(&p);
    return rc;
}
