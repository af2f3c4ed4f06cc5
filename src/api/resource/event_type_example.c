/* SPDX-License-Identifier: Apache-2.0
 *
 * Examples of event types, and payloads held against the schema. Nothing is stored or sent: messages are not checked
 * against schemas, so this is where somebody learns that one would not fit.
 */
#include "api/kit/json_check.h"
#include "api/kit/json_schema.h"
#include "api/resource/event_type_priv.h"
#include "api/resource/resource_priv.h"
#include "api/schemas/schemas.h"

/* What is tried: borrowed but for `payload`. */
struct trial {
    const json_t *schema;
    const char *version;
    json_t *payload;    /* owned */
    const char *origin; /* as the answer says it */
};

/* The schema of the version that is asked for; else of version 1, else the first. False: answered. */
static bool choose_schema(struct api_ctx *c, const json_t *schemas, struct trial *t)
{
    const char *wanted = json_string_value(api_get(c, "version"));
    const char *version;
    json_t *schema;
    json_object_foreach((json_t *)(uintptr_t)schemas, version, schema)
    {
        bool is_it = strcmp(version, wanted == NULL ? "1" : wanted) == 0;
        if (is_it || (t->schema == NULL && wanted == NULL)) {
            t->schema = schema;
            t->version = version;
        }
    }
    if (t->schema != NULL)
        return true;
    if (wanted != NULL && json_object_size(schemas) > 0)
        http_invalid(c->req, "body.version", "value_error",
                     "The event type has no schema of the version %.64s.", wanted);
    else
        http_error(c->req, 400, "no_schema",
                   "The event type has no schema. Give it `schemas`: {\"1\": {...}}.");
    return false;
}

/* False: answered. */
static bool choose_payload(struct api_ctx *c, struct trial *t)
{
    int64_t index = api_get_int(c, "index", 0);
    const json_t *examples = json_object_get(t->schema, "examples");
    t->origin = "given";
    t->payload = json_incref(json_object_get(c->body, "payload"));
    if (t->payload != NULL)
        return true;
    t->origin = "examples";
    t->payload = json_incref(json_array_get(examples, (size_t)index));
    if (t->payload != NULL)
        return true;
    if (index > 0) {
        http_invalid(c->req, "body.index", "value_error",
                     "The schema has %zu examples, counted from 0.", json_array_size(examples));
        return false;
    }
    t->origin = "schema";
    t->payload = api_json_schema_example(t->schema);
    return true;
}

static void write_findings(struct api_out *o, const struct api_json_findings *f)
{
    api_out_bool(o, "isValid", f->count == 0);
    api_out_bool(o, "isComplete", !f->is_cut && f->unchecked_count == 0);
    api_out_key(o, "faults");
    api_out_begin(o, '[');
    for (size_t i = 0; i < f->count; i++) {
        api_out_key(o, NULL);
        api_out_begin(o, '{');
        api_out_str(o, "where", str_from(f->faults[i].where));
        api_out_str(o, "keyword", str_from(f->faults[i].keyword));
        api_out_str(o, "message", str_from(f->faults[i].words));
        api_out_end(o, '}');
    }
    api_out_end(o, ']');
    api_out_key(o, "unchecked");
    api_out_begin(o, '[');
    for (size_t i = 0; i < f->unchecked_count; i++)
        api_out_str(o, NULL, str_from(f->unchecked[i]));
    api_out_end(o, ']');
}

static void event_type_example_reply(struct api_ctx *c, const struct trial *t)
{
    struct api_json_findings *findings = ARENA_NEW(c->arena, struct api_json_findings);
    struct api_out o;
    api_json_check(t->schema, t->payload, "payload", findings);
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_raw(&o, "payload", json_text(c->arena, t->payload));
    api_out_str(&o, "origin", str_from(t->origin));
    api_out_str(&o, "version", str_from(t->version));
    write_findings(&o, findings);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static void try_example(struct api_ctx *c)
{
    struct store_event_type et;
    struct trial t = { .schema = NULL };
    json_t *schemas = NULL;
    enum rc rc =
        store_event_type_find(c->tx, c->who->org, api_param(c, "event_type_name"), c->arena, &et);
    if (rc == RC_OK && !api_event_type_is_shown(c, &et))
        rc = RC_NOT_FOUND;
    if (!api_ok(c, rc))
        return;
    if (et.schemas.ptr != NULL && json_parse(et.schemas, &schemas, NULL) != RC_OK)
        schemas = NULL;
    if (choose_schema(c, schemas, &t) && choose_payload(c, &t))
        event_type_example_reply(c, &t);
    json_decref(t.payload);
    json_decref(schemas);
}

/* --- who listens ------------------------------------------------------------------------------------ */

static void write_listener(struct api_out *o, const struct store_application *app,
                           const struct store_endpoint *ep)
{
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_out_str(o, "endpointId", ep->id);
    api_out_opt(o, "endpointUid", ep->uid);
    api_out_str(o, "applicationId", app->id);
    api_out_opt(o, "applicationUid", app->uid);
    api_out_str(o, "applicationName", app->name);
    api_out_str(o, "url", ep->url);
    api_out_bool(o, "takesEverything", ep->event_types.ptr == NULL);
    api_out_bool(o, "disabled", ep->disabled);
    api_out_end(o, '}');
}

static enum rc load_and_write(struct api_ctx *c, struct api_out *o, int64_t num)
{
    struct store_application app;
    struct store_endpoint ep;
    enum rc rc = store_endpoint_by_num(c->tx, num, c->arena, &ep);
    if (rc == RC_OK)
        rc = store_application_by_num(c->tx, ep.app, c->arena, &app);
    if (rc == RC_OK)
        write_listener(o, &app, &ep);
    return rc;
}

/* "app_....ep_...": where the last page ended. False: answered. */
static bool read_place(struct api_ctx *c, struct str text, struct store_listeners *l)
{
    struct id app, endpoint;
    struct str place = text;
    l->after_app = l->after = STR("");
    if (text.len == 0)
        return true;
    if (str_split(&place, '.', &l->after_app) &&
        id_parse(STR("app_"), l->after_app, &app) == RC_OK &&
        id_parse(STR("ep_"), place, &endpoint) == RC_OK) {
        l->after = place;
        return true;
    }
    http_invalid(c->req, "query.iterator", "value_error", "Not an iterator of this list.");
    return false;
}

static void list_listeners(struct api_ctx *c)
{
    struct str name = api_param(c, "event_type_name");
    struct store_page page;
    struct store_page_end end = { 0 };
    struct str last = STR_NONE;
    struct api_out o;
    if (!api_page(c, "", false, &page))
        return;
    struct store_listeners l = { .org = c->who->org,
                                 .event_type = name,
                                 .max = (size_t)page.limit,
                                 .rows_max = STORE_SEARCH_ROWS };
    if (!read_place(c, page.after, &l))
        return;
    int64_t *nums = api_page_room(c, &page, sizeof(*nums));
    enum rc rc = store_endpoint_listeners(c->tx, &l, c->arena, nums, &end.count, &end.done);
    api_list_open(c, &o);
    for (size_t i = 0; rc == RC_OK && i < end.count; i++)
        rc = load_and_write(c, &o, nums[i]);
    if (!api_ok(c, rc))
        return;
    if (!end.done)
        last = arena_fmt(c->arena, "%.*s.%.*s", STR_ARGS(l.after_app), STR_ARGS(l.after));
    api_list_reply(c, &o, &end, STR_NONE, last);
}

#define BASE "/api/v1/event-type/{event_type_name}"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_POST, BASE "/example", API_ANY, "v1.event-type.example",
                "Get an example of an event type, or check a payload against its schema"),
      .run = try_example, .steps = API_BODY_MAYBE | API_READS, .in = &api_schema_EventTypeExampleIn,
      .out = &api_schema_EventTypeExampleOut, .status = 200 },
    { API_ROUTE(HTTP_GET, BASE "/usage", API_ORG, "v1.event-type.usage",
                "List the endpoints that listen to an event type"),
      .run = list_listeners, .steps = API_READS, .out = &api_schema_EventTypeListenerOut,
      .status = 200, .is_list = true, .query = API_PAGE },
};
API_ROUTES(event_type_example, routes);
