/* SPDX-License-Identifier: Apache-2.0
 *
 * From what a request says about an endpoint to its row, and back to what it is shown as.
 */
#include "api/resource/endpoint_fill_priv.h"

#include "api/resource/endpoint_target_priv.h"
#include "api/resource/scheme_priv.h"
#include "api/resource/transform_priv.h"

#include "dest/dest.h"

/* --- out -------------------------------------------------------------------------------------- */

static void write_option(struct api_ctx *c, struct api_out *o, const json_t *options,
                         const char *name, bool is_always)
{
    const json_t *v = json_object_get(options, name);
    if (v != NULL || is_always)
        api_out_raw(o, name, v == NULL ? STR_NONE : json_text(c->arena, v));
}

/* Members of the options as they were given; those that most endpoints do not have only if they are there. */
static void write_options(struct api_ctx *c, struct api_out *o, const struct store_endpoint *ep)
{
    json_t *options = NULL;
    if (ep->options.ptr != NULL && json_parse(ep->options, &options, NULL) != RC_OK)
        options = NULL;
    write_option(c, o, options, "timeoutMs", true);
    write_option(c, o, options, "retrySchedule", true);
    write_option(c, o, options, "retryExceptStatuses", true);
    write_option(c, o, options, "ordered", false);
    for (size_t i = 0; i < DEST_COUNT; i++)
        write_option(c, o, options, dest_kinds[i]->name, false);
    write_option(c, o, options, "encoding", false);
    api_transform_write(c, o, options);
    api_scheme_write(c, o, ep, options);
    json_decref(options);
}

void api_endpoint_write_members(struct api_ctx *c, struct api_out *o,
                                const struct store_endpoint *ep)
{
    struct str user; /* of a row that has not been sealed yet */
    api_out_str(o, "id", ep->id);
    api_out_opt(o, "uid", ep->uid);
    api_out_str(o, "url", text_url_split(ep->url, c->arena, &user));
    api_out_str(o, "description", ep->description);
    api_out_int(o, "version", ep->version == 0 ? 1 : ep->version);
    api_out_raw(o, "eventTypes", ep->event_types);
    api_out_raw(o, "filterTypes", ep->event_types);
    api_out_raw(o, "channels", ep->channels);
    api_out_raw(o, "metadata", ep->metadata.len == 0 ? STR("{}") : ep->metadata);
    api_out_opt_int(o, "throttleRate", ep->throttle);
    api_out_opt_int(o, "rateLimit", ep->throttle);
    api_out_bool(o, "disabled", ep->disabled);
    api_out_opt(o, "disabledReason",
                ep->disabled && ep->disabled_reason.len > 0 ? ep->disabled_reason : STR_NONE);
    write_options(c, o, ep);
    api_out_date(o, "createdAt", ep->created_us);
    api_out_date(o, "updatedAt", ep->updated_us);
}

void api_endpoint_write(struct api_ctx *c, struct api_out *o, const struct store_endpoint *ep)
{
    api_out_begin(o, '{');
    api_endpoint_write_members(c, o, ep);
    api_out_end(o, '}');
}

/* --- in
 * --------------------------------------------------------------------------------------------
 * */

/* A list's text, or none for null and the empty list: both mean "all". */
static struct str list_text(struct api_ctx *c, const json_t *v)
{
    return json_is_array(v) && json_array_size(v) > 0 ? json_text(c->arena, v) : STR_NONE;
}

static bool type_is_known(struct api_ctx *c, struct store_tx *tx, struct str name, enum rc *rc)
{
    if (api_of_events(c))
        return core_events_known(name);
    if (api_of_source(c)) /* the provider names them, not the organisation */
        return true;
    struct store_event_type et;
    if (core_events_is_management(c->who->org_id) && core_events_known(name))
        return true;
    *rc = store_event_type_find(tx, c->who->org, name, c->arena, &et);
    return *rc == RC_OK && !et.archived;
}

/* Does the endpoint have it already? Archiving or removing a type does not lock whoever listens to it. */
static bool has_type(struct str types, struct str name)
{
    json_t *list = NULL;
    bool found = false;
    if (types.ptr == NULL || json_parse(types, &list, NULL) != RC_OK)
        return false;
    for (size_t i = 0; i < json_array_size(list); i++)
        found = found || str_eq(name, json_str_of(json_array_get(list, i)));
    json_decref(list);
    return found;
}

static bool types_exist(struct api_ctx *c, struct store_tx *tx, struct str before,
                        const json_t *types)
{
    struct buf missing;
    buf_init(&missing, 400);
    enum rc rc = RC_OK;
    for (size_t i = 0; i < json_array_size(types); i++) {
        struct str name = json_str_of(json_array_get(types, i));
        rc = RC_OK;
        if (type_is_known(c, tx, name, &rc))
            continue;
        if (has_type(before, name)) {
            rc = RC_OK;
            continue;
        }
        if (rc != RC_OK && rc != RC_NOT_FOUND)
            break;
        buf_say(&missing, "%s'%.*s'", missing.len > 0 ? ", " : "", STR_ARGS(name));
        rc = RC_OK;
    }
    bool fine = missing.len == 0 && rc == RC_OK;
    if (missing.len > 0)
        http_invalid(c->req, "body.eventTypes", "value_error",
                     "The following event types don't exist: %s", missing.ptr);
    else if (rc != RC_OK)
        api_fail(c, rc);
    buf_fini(&missing);
    return fine;
}

static bool fill_types(struct api_ctx *c, struct store_tx *tx, struct store_endpoint *ep, bool all)
{
    const json_t *types = api_either(c, "eventTypes", "filterTypes");
    if (types == NULL && !all)
        return true;
    struct str before = ep->event_types;
    ep->event_types = list_text(c, types);
    return !json_is_array(types) || types_exist(c, tx, before, types);
}

static bool check_statuses(struct api_ctx *c, const json_t *array)
{
    struct core_statuses set = { 0 };
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *v = json_array_get(array, i);
        if (json_is_integer(v) && core_statuses_add(&set, json_integer_value(v)))
            continue;
        http_invalid(c->req, "body.retryExceptStatuses", "value_error",
                     "Expected HTTP statuses from 300 to 999.");
        return false;
    }
    return true;
}

/* What the body says of an option, or what it does not say. */
static void fill_option(struct api_ctx *c, json_t *options, const char *name, bool all)
{
    json_t *v = json_object_get(c->body, name);
    if (v == NULL && !all)
        return;
    if (v == NULL || json_is_null(v))
        json_object_del(options, name);
    else
        json_object_set(options, name, v);
}

/* Options hold what only some endpoints have; members that others put there stay. */
static bool fill_options(struct api_ctx *c, struct store_endpoint *ep, bool all)
{
    static const char *const names[] = { "timeoutMs", "retrySchedule", "retryExceptStatuses",
                                         "ordered", "encoding" };
    json_t *options = NULL;
    struct str encoding = api_get_str(c, "encoding");
    if (encoding.ptr != NULL && !str_eq(encoding, STR("json")) &&
        !dest_envelope_has(c->api->o.envelopes, "encoding", encoding)) {
        http_invalid(c->req, "body.encoding", "value_error", "Expected json or form.");
        return false;
    }
    if (!check_statuses(c, json_object_get(c->body, "retryExceptStatuses")))
        return false;
    if (ep->options.ptr == NULL || json_parse(ep->options, &options, NULL) != RC_OK)
        options = json_object();
    for (size_t i = 0; i < COUNT_OF(names); i++)
        fill_option(c, options, names[i], all);
    for (size_t i = 0; i < DEST_COUNT; i++)
        fill_option(c, options, dest_kinds[i]->name, all);
    bool fine = api_scheme_fill(c, ep, options, all);
    api_transform_fill(c, options, all);
    ep->options = json_object_size(options) == 0 ? STR_NONE : json_text(c->arena, options);
    json_decref(options);
    return fine;
}

static void fill_state(struct api_ctx *c, struct store_endpoint *ep, bool all)
{
    if (!api_has(c, "disabled") && !all)
        return;
    bool disabled = api_get_bool(c, "disabled", false);
    if (disabled && !ep->disabled)
        ep->disabled_reason = STR("manual");
    if (!disabled) {
        ep->disabled_reason = STR_NONE;
        if (ep->disabled)
            ep->failing_since_us = 0;
    }
    ep->disabled = disabled;
}

static struct str or_else(struct str s, struct str fallback)
{
    return s.ptr == NULL ? fallback : s;
}

static void fill_texts(struct api_ctx *c, struct store_endpoint *ep, bool all)
{
    if (all || api_has(c, "uid"))
        ep->uid = api_get_str(c, "uid");
    if (all || api_has(c, "description"))
        ep->description = or_else(api_get_str(c, "description"), STR(""));
    if (all || api_has(c, "metadata"))
        ep->metadata = or_else(api_get_json(c, "metadata"), STR("{}"));
}

static void fill_plain(struct api_ctx *c, struct store_endpoint *ep, bool all)
{
    if (all || api_has(c, "channels"))
        ep->channels = list_text(c, api_get(c, "channels"));
    const json_t *rate = api_either(c, "throttleRate", "rateLimit");
    if (all || rate != NULL)
        ep->throttle = json_is_integer(rate) ? json_integer_value(rate) : 0;
    if (all || api_has(c, "version"))
        ep->version = api_get_int(c, "version", 1);
}

bool api_endpoint_fill(struct api_ctx *c, struct store_tx *tx, struct store_endpoint *ep, bool all)
{
    if (!api_endpoint_fill_url(c, ep) || !api_endpoint_check_settings(c, ep) ||
        !fill_types(c, tx, ep, all))
        return false;
    fill_texts(c, ep, all);
    fill_plain(c, ep, all);
    if (!fill_options(c, ep, all))
        return false;
    fill_state(c, ep, all);
    ep->updated_us = c->now_us;
    return true;
}
