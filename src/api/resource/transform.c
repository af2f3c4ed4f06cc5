/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters and transforms: as options of an endpoint, and tried out without one. A filter is kept as the
 * text it was sent as, so that its numbers stay what they are.
 */
#include "api/resource/transform_priv.h"

#include "api/resource/endpoint_commit_priv.h"
#include "api/schemas/schemas.h"
#include "transform/message.h"

#include <stdio.h>

enum { WHY_MAX = 1024, PAIRS_MAX = 128 };

/* While it is not enabled the program lies under this name, where no delivery looks for it. */
#define RESTING "transformDisabled"

/* --- checking --------------------------------------------------------------------------------------- */

/* The text of a member of the body's top level, as it was sent; ptr NULL: not there, or null. */
static struct str raw_member(struct api_ctx *c, struct str name)
{
    struct json_member member = { .name = name };
    if (json_scan_object(c->req->call->body, &member, 1, NULL) != RC_OK ||
        member.value.type == JSON_SPAN_NONE || member.value.type == JSON_SPAN_NULL)
        return STR_NONE;
    return member.value.text;
}

/* False: answered. *out may be NULL. */
static bool check_filter(struct api_ctx *c, struct str text, struct filter_program **out)
{
    struct filter_program *program = NULL;
    struct filter_fault fault = { .reason = "" };
    char where[300];
    if (filter_compile(text, &program, &fault) != RC_OK) {
        (void)snprintf(where, sizeof(where), "body.filter%s", fault.where);
        http_invalid(c->req, where, "value_error", "The filter is not valid here: %s.",
                     fault.reason);
        return false;
    }
    if (out == NULL)
        filter_program_free(program);
    else
        *out = program;
    return true;
}

bool api_transform_filter(struct api_ctx *c, struct filter_program **out)
{
    struct str filter = raw_member(c, STR("filter"));
    *out = NULL;
    return filter.ptr == NULL || check_filter(c, filter, out);
}

static void answer_fault(struct api_ctx *c, enum rc rc, struct str why, const char *where)
{
    if (rc == RC_BUSY || rc == RC_IO)
        http_error(c->req, 503, "service_unavailable", "The program cannot be tried now: %.*s.",
                   STR_ARGS(why));
    else
        http_invalid(c->req, where, "value_error", "%.*s", STR_ARGS(why));
}

static bool has_transforms(struct api_ctx *c, const char *where)
{
    if (c->api->o.transforms != NULL)
        return true;
    http_invalid(c->req, where, "value_error", "This server runs no transforms.");
    return false;
}

struct transform_limits api_transform_limits(const struct api_ctx *c)
{
    struct transform_limits limits = c->api->o.transform_limits;
    limits.owner = (uint64_t)c->who->org;
    return limits;
}

bool api_transform_compiles(struct api_ctx *c, struct str program, const char *where)
{
    struct buf why;
    struct transform_limits limits = api_transform_limits(c);
    if (!has_transforms(c, where))
        return false;
    buf_init(&why, WHY_MAX);
    enum rc rc = transform_check(c->api->o.transforms, program, &limits, &why);
    if (rc != RC_OK)
        answer_fault(c, rc, buf_str(&why), where);
    buf_fini(&why);
    return rc == RC_OK;
}

/* A token that lacks this leaves an endpoint's transform as it is. */
static bool may_transform(const struct api_ctx *c)
{
    return c->who->app == 0 || (c->who->capabilities & ACCESS_MAY_TRANSFORM) != 0;
}

bool api_transform_check(struct api_ctx *c)
{
    struct str filter = raw_member(c, STR("filter"));
    struct str program = api_get_str(c, "transform");
    if (filter.ptr != NULL && !check_filter(c, filter, NULL))
        return false;
    if (api_has(c, "transform") && !may_transform(c)) {
        http_error(
            c->req, 403, "insufficient access",
            "Changing `transform` takes the capability ManageTransformations, which this token "
            "does not have.");
        return false;
    }
    return program.ptr == NULL || api_transform_compiles(c, program, "body.transform");
}

/* --- options of an endpoint ------------------------------------------------------------------------- */

static void set_text(json_t *options, const char *name, struct str text)
{
    if (text.ptr == NULL)
        json_object_del(options, name);
    else
        json_object_set_new(options, name, json_stringn(text.ptr, text.len));
}

void api_transform_fill(struct api_ctx *c, json_t *options, bool all)
{
    if (all || api_has(c, "filter"))
        set_text(options, "filter", raw_member(c, STR("filter")));
    if (may_transform(c) && (all || api_has(c, "transform"))) {
        set_text(options, "transform", api_get_str(c, "transform"));
        json_object_del(options, RESTING);
    }
}

void api_transform_write(struct api_ctx *c, struct api_out *o, const json_t *options)
{
    struct str filter = json_str_member(options, "filter");
    struct str program = json_str_member(options, "transform");
    if (filter.ptr != NULL)
        api_out_raw(o, "filter", arena_str(c->arena, filter));
    if (program.ptr != NULL)
        api_out_str(o, "transform", program);
}

/* --- the transform by itself ------------------------------------------------------------------------ */

static json_t *transform_options_of(const struct store_endpoint *ep)
{
    json_t *options = NULL;
    if (ep->options.ptr == NULL || json_parse(ep->options, &options, NULL) != RC_OK)
        options = json_object();
    return options;
}

static void get_transformation(struct api_ctx *c)
{
    json_t *options = transform_options_of(&c->endpoint);
    struct str enabled = json_str_member(options, "transform");
    struct str resting = json_str_member(options, RESTING);
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_opt(&o, "code", enabled.ptr != NULL ? enabled : resting);
    api_out_bool(&o, "enabled", enabled.ptr != NULL);
    api_out_null(&o, "variables");
    api_out_date(&o, "updatedAt", c->endpoint.updated_us);
    api_out_end(&o, '}');
    json_decref(options);
    api_reply(c, 200, &o);
}

static void change_transformation(struct api_ctx *c, struct store_endpoint *ep)
{
    json_t *options = transform_options_of(ep);
    const json_t *was = json_object_get(options, "transform");
    bool enabled = api_get_bool(c, "enabled", was != NULL);
    struct str code = json_str_of(was != NULL ? was : json_object_get(options, RESTING));
    if (api_has(c, "code"))
        code = api_get_str(c, "code");
    if (code.ptr != NULL)
        code = arena_str(c->arena, code);
    set_text(options, "transform", enabled ? code : STR_NONE);
    set_text(options, RESTING, enabled ? STR_NONE : code);
    ep->options = json_object_size(options) == 0 ? STR_NONE : json_text(c->arena, options);
    ep->updated_us = c->now_us;
    json_decref(options);
}

static bool check_code(struct api_ctx *c)
{
    struct str code = api_get_str(c, "code");
    return code.ptr == NULL || api_transform_compiles(c, code, "body.code");
}

static void patch_transformation(struct api_ctx *c)
{
    change_transformation(c, &c->endpoint);
    api_endpoint_save(c);
}

/* --- trying out ------------------------------------------------------------------------------------- */

/* {"name": "value"} or {"name": ["value", ...]}; other values are left out. */
static size_t read_pairs(struct api_ctx *c, json_t *object, const struct filter_pair **out)
{
    struct filter_pair *pairs = arena_array(c->arena, PAIRS_MAX, sizeof(*pairs));
    const char *name = NULL;
    json_t *value = NULL;
    size_t count = 0;
    json_object_foreach(object, name, value)
    {
        size_t items = json_is_array(value) ? json_array_size(value) : 1;
        for (size_t i = 0; i < items && count < PAIRS_MAX; i++) {
            struct str text = json_str_of(json_is_array(value) ? json_array_get(value, i) : value);
            if (text.ptr != NULL)
                pairs[count++] = (struct filter_pair){ str_from(name), text };
        }
    }
    *out = pairs;
    return count;
}

/* The request to judge. Its body is taken as it was sent; "rawBody" is a body that need not be JSON. */
static struct filter_input read_request(struct api_ctx *c)
{
    const json_t *request = api_get(c, "request");
    struct json_member body = { .name = STR("body") };
    struct filter_input in = { .path = json_str_member(request, "path"),
                               .method = json_str_member(request, "method"),
                               .event_type = json_str_member(request, "eventType") };
    in.header_count = read_pairs(c, json_object_get(request, "headers"), &in.headers);
    in.query_count = read_pairs(c, json_object_get(request, "query"), &in.query);
    if (json_scan_object(raw_member(c, STR("request")), &body, 1, NULL) == RC_OK &&
        body.value.type != JSON_SPAN_NONE)
        in.body = body.value.text;
    if (json_object_get(request, "rawBody") != NULL)
        in.body = json_str_member(request, "rawBody");
    return in;
}

static void test_filter(struct api_ctx *c)
{
    struct filter_program *program = NULL;
    json_t *explanation = NULL;
    if (!check_filter(c, raw_member(c, STR("filter")), &program))
        return;
    struct filter_input in = read_request(c);
    bool matches = filter_match(program, &in, &explanation);
    filter_program_free(program);
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_bool(&o, "matches", matches);
    api_out_raw(&o, "explanation", json_text(c->arena, explanation));
    api_out_end(&o, '}');
    json_decref(explanation);
    api_reply(c, 200, &o);
}

static void reply_result(struct api_ctx *c, const struct transform_message_result *r)
{
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_bool(&o, "canceled", r->cancel);
    api_out_raw(&o, "body", r->body);
    api_out_key(&o, "headers");
    api_out_begin(&o, '{');
    for (size_t i = 0; i < r->header_count; i++)
        api_out_str(&o, arena_cstr(c->arena, r->headers[i].name), r->headers[i].value);
    api_out_end(&o, '}');
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static struct transform_message message_of(const struct filter_input *in)
{
    return (struct transform_message){ .id = STR("msg_000000000000000000000000000"),
                                       .event_type = in->event_type,
                                       .timestamp = STR("2026-01-01T00:00:00.000000Z"),
                                       .method = in->method,
                                       .path = in->path,
                                       .body = in->body,
                                       .headers = in->headers,
                                       .header_count = in->header_count,
                                       .query = in->query,
                                       .query_count = in->query_count };
}

static void test_transform(struct api_ctx *c)
{
    struct transform_message_result r;
    struct buf out, why;
    if (!has_transforms(c, "body.transform"))
        return;
    struct filter_input in = read_request(c);
    struct transform_message m = message_of(&in);
    struct transform_limits limits = api_transform_limits(c);
    buf_init(&out, limits.output_max);
    buf_init(&why, WHY_MAX);
    enum rc rc = transform_message_transform(c->api->o.transforms, api_get_str(c, "transform"), &m,
                                             &limits, c->arena, &out, &r, &why);
    if (rc == RC_OK)
        reply_result(c, &r);
    else
        answer_fault(c, rc, buf_str(&why), "body.transform");
    buf_fini(&out);
    buf_fini(&why);
}

#define OF_ENDPOINT "/api/v1/app/{app_id}/endpoint/{endpoint_id}/transformation"
#define OF_SOURCE "/ingest/api/v1/source/{source_id}/endpoint/{endpoint_id}/transformation"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, OF_ENDPOINT, API_APP | API_CAN(ACCESS_MAY_VIEW),
                "v1.endpoint.transformation.get", "Get an endpoint's transform"),
      .run = get_transformation, .steps = API_READS | API_FINDS_ENDPOINT,
      .out = &api_schema_EndpointTransformationOut, .status = 200 },
    { API_ROUTE(HTTP_PATCH, OF_ENDPOINT, API_APP | API_WRITE | API_CAN(ACCESS_MAY_TRANSFORM),
                "v1.endpoint.transformation.patch", "Change an endpoint's transform"),
      .run = patch_transformation, .check = check_code, .steps = API_WRITES | API_FINDS_ENDPOINT,
      .in = &api_schema_EndpointTransformationPatch, .status = 204 },
    { API_ROUTE(HTTP_GET, OF_SOURCE, API_APP, "v1.ingest.endpoint.transformation.get",
                "Get the transform of a source's endpoint"),
      .run = get_transformation, .steps = API_OF_SOURCE | API_READS | API_FINDS_ENDPOINT,
      .out = &api_schema_EndpointTransformationOut, .status = 200 },
    { API_ROUTE(HTTP_PATCH, OF_SOURCE, API_APP | API_WRITE,
                "v1.ingest.endpoint.transformation.patch",
                "Change the transform of a source's endpoint"),
      .run = patch_transformation, .check = check_code,
      .steps = API_OF_SOURCE | API_WRITES | API_FINDS_ENDPOINT,
      .in = &api_schema_EndpointTransformationPatch, .status = 204 },
    { API_ROUTE(HTTP_POST, "/api/v1/filter/test", API_ANY, "v1.filter.test",
                "Try a filter on a request"),
      .run = test_filter, .in = &api_schema_FilterTestIn, .out = &api_schema_FilterTestOut,
      .status = 200 },
    { API_ROUTE(HTTP_POST, "/api/v1/transform/test", API_ANY, "v1.transform.test",
                "Try a transform on a request"),
      .run = test_transform, .in = &api_schema_TransformTestIn, .out = &api_schema_TransformTestOut,
      .status = 200 },
};
API_ROUTES(transform, routes);
