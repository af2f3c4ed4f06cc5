/* SPDX-License-Identifier: Apache-2.0
 *
 * Event types. Deleting one archives it; creating one that is archived brings it back.
 */
#include "api/kit/json_schema.h"
#include "api/resource/event_type_priv.h"
#include "api/schemas/schemas.h"

/* --- out and in ------------------------------------------------------------------------------- */

static struct str first_flag(struct api_ctx *c, struct str flags)
{
    json_t *list = NULL;
    struct str out = STR_NONE;
    if (flags.ptr == NULL || json_parse(flags, &list, NULL) != RC_OK)
        return out;
    struct str s = json_str_of(json_array_get(list, 0));
    if (s.ptr != NULL)
        out = arena_str(c->arena, s);
    json_decref(list);
    return out;
}

void api_event_type_write(struct api_ctx *c, struct api_out *o, const struct store_event_type *et,
                          bool with_content)
{
    api_out_begin(o, '{');
    api_out_str(o, "name", et->name);
    api_out_str(o, "description", et->description);
    api_out_bool(o, "archived", et->archived);
    api_out_bool(o, "deprecated", et->deprecated);
    api_out_raw(o, "schemas", with_content ? et->schemas : STR_NONE);
    api_out_opt(o, "featureFlag", first_flag(c, et->feature_flags));
    api_out_raw(o, "featureFlags", et->feature_flags);
    api_out_opt(o, "groupName", et->group_name);
    api_out_date(o, "createdAt", et->created_us);
    api_out_date(o, "updatedAt", et->updated_us);
    api_out_end(o, '}');
}

/* featureFlags, or the older single featureFlag. */
static struct str flags_of(struct api_ctx *c, const json_t *in)
{
    const json_t *list = json_object_get(in, "featureFlags");
    if (json_is_array(list))
        return json_array_size(list) == 0 ? STR_NONE : json_text(c->arena, list);
    const json_t *one = json_object_get(in, "featureFlag");
    if (!json_is_string(one))
        return STR_NONE;
    return arena_fmt(c->arena, "[\"%s\"]",
                     json_string_value(one)); /* its characters need no escaping */
}

static bool event_type_has(const json_t *in, const char *name)
{
    return json_object_get(in, name) != NULL;
}

void api_event_type_fill(struct api_ctx *c, const json_t *in, struct store_event_type *et, bool all)
{
    if (all || event_type_has(in, "description"))
        et->description = json_str_member(in, "description");
    if (all || event_type_has(in, "archived"))
        et->archived = json_is_true(json_object_get(in, "archived"));
    if (all || event_type_has(in, "deprecated"))
        et->deprecated = json_is_true(json_object_get(in, "deprecated"));
    if (all || event_type_has(in, "schemas")) {
        const json_t *schemas = json_object_get(in, "schemas");
        et->schemas = json_is_object(schemas) ? json_text(c->arena, schemas) : STR_NONE;
    }
    if (all || event_type_has(in, "featureFlags") || event_type_has(in, "featureFlag"))
        et->feature_flags = flags_of(c, in);
    if (all || event_type_has(in, "groupName"))
        et->group_name = json_str_member(in, "groupName");
    et->updated_us = c->now_us;
}

void api_event_type_new(struct api_ctx *c, struct str name, const json_t *in,
                        struct store_event_type *et)
{
    *et = (struct store_event_type){ .org = c->who->org,
                                     .id = api_new_id_text(c, "evtype_"),
                                     .name = name,
                                     .created_us = c->now_us };
    api_event_type_fill(c, in, et, true);
}

enum rc api_event_type_put(struct api_ctx *c, struct store_tx *tx, struct str name,
                           const json_t *in, struct store_event_type *et, bool *made)
{
    enum rc rc = store_event_type_find(tx, c->who->org, name, c->arena, et);
    *made = rc == RC_NOT_FOUND;
    if (rc == RC_NOT_FOUND) {
        api_event_type_new(c, name, in, et);
        return store_event_type_insert(tx, et);
    }
    if (rc != RC_OK)
        return rc;
    api_event_type_fill(c, in, et, true);
    return store_event_type_update(tx, et);
}

/* An application's token sees types without a flag, and those with one it holds. */
static struct str flags_of_caller(const struct api_ctx *c)
{
    if (c->who->app == 0)
        return STR_NONE;
    return c->who->feature_flags.ptr == NULL ? STR("[]") : c->who->feature_flags;
}

static bool shares_flag(struct str a, struct str b)
{
    json_t *x = NULL;
    json_t *y = NULL;
    bool shared = false;
    if (json_parse(a, &x, NULL) == RC_OK && json_parse(b, &y, NULL) == RC_OK)
        for (size_t i = 0; i < json_array_size(x); i++)
            for (size_t j = 0; j < json_array_size(y); j++)
                shared = shared || json_equal(json_array_get(x, i), json_array_get(y, j)) == 1;
    json_decref(x);
    json_decref(y);
    return shared;
}

bool api_event_type_is_shown(const struct api_ctx *c, const struct store_event_type *et)
{
    struct str flags = flags_of_caller(c);
    return flags.ptr == NULL || et->feature_flags.ptr == NULL ||
           shares_flag(flags, et->feature_flags);
}

/* --- handlers --------------------------------------------------------------------------------- */

static void event_type_write_row(struct api_ctx *c, struct api_out *o, const void *row,
                                 const void *arg)
{
    api_event_type_write(c, o, row, *(const bool *)arg);
}

static void list_types(struct api_ctx *c)
{
    struct store_page page;
    if (!api_page(c, "", false, &page))
        return;
    struct store_event_type *types = api_page_room(c, &page, sizeof(*types));
    struct store_page_end end = { 0 };
    enum rc rc =
        store_event_type_list(c->tx, c->who->org, api_query_bool(c, "include_archived", false),
                              flags_of_caller(c), &page, c->arena, types, &end);
    bool with_content = api_query_bool(c, "with_content", false);
    api_reply_page(c, rc, &page, &end,
                   API_ROWS(types, name, NULL, event_type_write_row, &with_content));
}

static void reply_type(struct api_ctx *c, int status, const struct store_event_type *et)
{
    struct api_out o;
    api_out_open(c, &o);
    api_event_type_write(c, &o, et, true);
    api_reply(c, status, &o);
}

static void reply_change(struct api_ctx *c, enum rc rc, int status,
                         const struct store_event_type *et)
{
    if (rc == RC_CONFLICT)
        http_error(c->req, 409, "event_type_exists", "An event type with this name exists.");
    else if (api_ok(c, rc))
        reply_type(c, status, et);
}

/* Are the schemas schemas? False: answered. */
static bool schemas_hold(struct api_ctx *c)
{
    struct api_fault fault;
    if (api_json_schemas_check(api_get(c, "schemas"), "body.schemas", &fault) == RC_OK)
        return true;
    http_invalid(c->req, fault.where, fault.type, "%s", fault.words);
    return false;
}

static void create_type(struct api_ctx *c)
{
    struct store_event_type et;
    struct str name = api_get_str(c, "name");
    enum rc rc = store_event_type_find(c->tx, c->who->org, name, c->arena, &et);
    if (rc == RC_OK && et.archived) {
        api_event_type_fill(c, c->body, &et, true);
        rc = store_event_type_update(c->tx, &et);
    } else if (rc == RC_OK) {
        rc = RC_CONFLICT;
    } else if (rc == RC_NOT_FOUND) {
        api_event_type_new(c, name, c->body, &et);
        rc = store_event_type_insert(c->tx, &et);
    }
    reply_change(c, rc, 201, &et);
}

static void get_type(struct api_ctx *c)
{
    struct store_event_type et;
    enum rc rc =
        store_event_type_find(c->tx, c->who->org, api_param(c, "event_type_name"), c->arena, &et);
    if (rc == RC_OK && !api_event_type_is_shown(c, &et))
        rc = RC_NOT_FOUND;
    if (rc == RC_OK)
        reply_type(c, 200, &et);
    else
        api_fail(c, rc);
}

static bool name_is_fine(struct api_ctx *c, struct str name)
{
    if (api_chars_ok(name, API_CHARS_NAME))
        return true;
    http_invalid(c->req, "path.event_type_name", "value_error",
                 "Must match %s and have at most 256 characters.",
                 api_chars_pattern(API_CHARS_NAME));
    return false;
}

static void put_type(struct api_ctx *c)
{
    if (!name_is_fine(c, api_param(c, "event_type_name")))
        return;
    struct store_event_type et;
    bool made = false;
    enum rc rc = api_event_type_put(c, c->tx, api_param(c, "event_type_name"), c->body, &et, &made);
    reply_change(c, rc, made ? 201 : 200, &et);
}

static void patch_type(struct api_ctx *c)
{
    struct store_event_type et;
    enum rc rc =
        store_event_type_find(c->tx, c->who->org, api_param(c, "event_type_name"), c->arena, &et);
    if (rc == RC_OK) {
        api_event_type_fill(c, c->body, &et, false);
        rc = store_event_type_update(c->tx, &et);
    }
    reply_change(c, rc, 200, &et);
}

static void delete_type(struct api_ctx *c)
{
    struct store_event_type et;
    enum rc rc =
        store_event_type_find(c->tx, c->who->org, api_param(c, "event_type_name"), c->arena, &et);
    if (rc == RC_OK && api_query_bool(c, "expunge", false)) {
        rc = store_event_type_remove(c->tx, et.num);
    } else if (rc == RC_OK) {
        et.archived = true;
        et.updated_us = c->now_us;
        rc = store_event_type_update(c->tx, &et);
    }
    if (!api_ok(c, rc))
        return;
    api_reply_empty(c, 204);
}

#define BASE "/api/v1/event-type"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, BASE, API_ANY, "v1.event-type.list", "List event types"),
      .run = list_types, .steps = API_READS, .out = &api_schema_EventTypeOut, .status = 200,
      .is_list = true, .query = API_PAGE_ORDER " include_archived with_content" },
    { API_ROUTE(HTTP_POST, BASE, API_ORG | API_WRITE, "v1.event-type.create",
                "Create an event type"),
      .run = create_type, .check = schemas_hold, .steps = API_WRITES, .in = &api_schema_EventTypeIn,
      .out = &api_schema_EventTypeOut, .status = 201 },
    { API_ROUTE(HTTP_GET, BASE "/{event_type_name}", API_ANY, "v1.event-type.get",
                "Get an event type"),
      .run = get_type, .steps = API_READS, .out = &api_schema_EventTypeOut, .status = 200 },
    { API_ROUTE(HTTP_PUT, BASE "/{event_type_name}", API_ORG | API_WRITE, "v1.event-type.upsert",
                "Replace or create an event type"),
      .run = put_type, .check = schemas_hold, .steps = API_WRITES,
      .in = &api_schema_EventTypeUpsertIn, .out = &api_schema_EventTypeOut, .status = 200,
      .other_status = 201 },
    { API_ROUTE(HTTP_PATCH, BASE "/{event_type_name}", API_ORG | API_WRITE, "v1.event-type.patch",
                "Change an event type"),
      .run = patch_type, .check = schemas_hold, .steps = API_WRITES,
      .in = &api_schema_EventTypePatch, .out = &api_schema_EventTypeOut, .status = 200 },
    { API_ROUTE(HTTP_DELETE, BASE "/{event_type_name}", API_ORG | API_WRITE, "v1.event-type.delete",
                "Archive or remove an event type"),
      .run = delete_type, .steps = API_WRITES, .status = 204, .query = "expunge" },
};
API_ROUTES(event_type, routes);
