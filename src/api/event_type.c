/* SPDX-License-Identifier: Apache-2.0
 *
 * Event types. Deleting one archives it; creating one that is archived brings it back.
 */
#include "api/event_type_priv.h"
#include "api/schemas.h"

/* --- out and in
 * ------------------------------------------------------------------------------------ */

static struct str first_flag(struct api_ctx *c, struct str flags)
{
    json_t *list = NULL;
    struct str out = STR_NONE;
    if (flags.ptr == NULL || json_parse(flags, &list, NULL) != RC_OK)
        return out;
    struct str s = api_json_str(json_array_get(list, 0));
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

static bool has(const json_t *in, const char *name)
{
    return json_object_get(in, name) != NULL;
}

void api_event_type_fill(struct api_ctx *c, const json_t *in, struct store_event_type *et, bool all)
{
    if (all || has(in, "description"))
        et->description = api_json_str(json_object_get(in, "description"));
    if (all || has(in, "archived"))
        et->archived = json_is_true(json_object_get(in, "archived"));
    if (all || has(in, "deprecated"))
        et->deprecated = json_is_true(json_object_get(in, "deprecated"));
    if (all || has(in, "schemas")) {
        const json_t *schemas = json_object_get(in, "schemas");
        et->schemas = json_is_object(schemas) ? json_text(c->arena, schemas) : STR_NONE;
    }
    if (all || has(in, "featureFlags") || has(in, "featureFlag"))
        et->feature_flags = flags_of(c, in);
    if (all || has(in, "groupName"))
        et->group_name = api_json_str(json_object_get(in, "groupName"));
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

static bool may_see(const struct api_ctx *c, const struct store_event_type *et)
{
    struct str flags = flags_of_caller(c);
    return flags.ptr == NULL || et->feature_flags.ptr == NULL ||
           shares_flag(flags, et->feature_flags);
}

/* --- handlers
 * -------------------------------------------------------------------------------------- */

static void list_types(struct http_request *req)
{
    struct api_ctx c;
    struct store_page page;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_page(&c, "", false, &page) || !api_read(&c, &tx))
        return;
    struct store_event_type *types = arena_array(c.arena, (size_t)page.limit, sizeof(*types));
    struct store_page_end end = { 0 };
    enum rc rc =
        store_event_type_list(tx, c.who->org, api_query_bool(&c, "include_archived", false),
                              flags_of_caller(&c), &page, c.arena, types, &end);
    store_end(tx);
    if (rc != RC_OK) {
        api_fail(&c, rc);
        return;
    }
    bool with_content = api_query_bool(&c, "with_content", false);
    struct api_out o;
    api_list_open(&c, &o);
    for (size_t i = 0; i < end.count; i++) {
        api_out_key(&o, NULL);
        api_event_type_write(&c, &o, &types[i], with_content);
    }
    api_list_reply(&c, &o, &end, end.count == 0 ? STR_NONE : types[0].name,
                   end.count == 0 ? STR_NONE : types[end.count - 1].name);
}

static void reply_type(struct api_ctx *c, int status, const struct store_event_type *et)
{
    struct api_out o;
    api_out_open(c, &o);
    api_event_type_write(c, &o, et, true);
    api_reply(c, status, &o);
}

static void finish(struct api_ctx *c, struct store_tx *tx, enum rc rc, int status,
                   const struct store_event_type *et)
{
    if (rc != RC_OK) {
        store_end(tx);
        if (rc == RC_CONFLICT)
            http_error(c->req, 409, "event_type_exists", "An event type with this name exists.");
        else
            api_fail(c, rc);
        return;
    }
    reply_type(c, status, et);
    (void)api_commit(c, tx);
}

static void create_type(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_EventTypeIn, false) || !api_write(&c, &tx))
        return;
    struct store_event_type et;
    struct str name = api_get_str(&c, "name");
    enum rc rc = store_event_type_find(tx, c.who->org, name, c.arena, &et);
    if (rc == RC_OK && et.archived) {
        api_event_type_fill(&c, c.body, &et, true);
        rc = store_event_type_update(tx, &et);
    } else if (rc == RC_OK) {
        rc = RC_CONFLICT;
    } else if (rc == RC_NOT_FOUND) {
        api_event_type_new(&c, name, c.body, &et);
        rc = store_event_type_insert(tx, &et);
    }
    finish(&c, tx, rc, 201, &et);
}

static void get_type(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_read(&c, &tx))
        return;
    struct store_event_type et;
    enum rc rc =
        store_event_type_find(tx, c.who->org, api_param(&c, "event_type_name"), c.arena, &et);
    if (rc == RC_OK && !may_see(&c, &et))
        rc = RC_NOT_FOUND;
    store_end(tx);
    if (rc == RC_OK)
        reply_type(&c, 200, &et);
    else
        api_fail(&c, rc);
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

static void put_type(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !name_is_fine(&c, api_param(&c, "event_type_name")) ||
        !api_body(&c, &api_schema_EventTypeUpsertIn, false) || !api_write(&c, &tx))
        return;
    struct store_event_type et;
    bool made = false;
    enum rc rc = api_event_type_put(&c, tx, api_param(&c, "event_type_name"), c.body, &et, &made);
    finish(&c, tx, rc, made ? 201 : 200, &et);
}

static void patch_type(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_EventTypePatch, false) ||
        !api_write(&c, &tx))
        return;
    struct store_event_type et;
    enum rc rc =
        store_event_type_find(tx, c.who->org, api_param(&c, "event_type_name"), c.arena, &et);
    if (rc == RC_OK) {
        api_event_type_fill(&c, c.body, &et, false);
        rc = store_event_type_update(tx, &et);
    }
    finish(&c, tx, rc, 200, &et);
}

static void delete_type(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_write(&c, &tx))
        return;
    struct store_event_type et;
    enum rc rc =
        store_event_type_find(tx, c.who->org, api_param(&c, "event_type_name"), c.arena, &et);
    if (rc == RC_OK && api_query_bool(&c, "expunge", false)) {
        rc = store_event_type_remove(tx, et.num);
    } else if (rc == RC_OK) {
        et.archived = true;
        et.updated_us = c.now_us;
        rc = store_event_type_update(tx, &et);
    }
    if (rc != RC_OK) {
        api_abort(&c, tx, rc);
        return;
    }
    api_reply_empty(&c, 204);
    (void)api_commit(&c, tx);
}

#define BASE "/api/v1/event-type"
static const struct http_route routes[] = {
    { HTTP_GET, BASE, HTTP_WORKER, list_types, API_ANY, "v1.event-type.list", "List event types" },
    { HTTP_POST, BASE, HTTP_WORKER, create_type, API_ORG | API_WRITE, "v1.event-type.create",
      "Create an event type" },
    { HTTP_GET, BASE "/{event_type_name}", HTTP_WORKER, get_type, API_ANY, "v1.event-type.get",
      "Get an event type" },
    { HTTP_PUT, BASE "/{event_type_name}", HTTP_WORKER, put_type, API_ORG | API_WRITE,
      "v1.event-type.upsert", "Replace or create an event type" },
    { HTTP_PATCH, BASE "/{event_type_name}", HTTP_WORKER, patch_type, API_ORG | API_WRITE,
      "v1.event-type.patch", "Change an event type" },
    { HTTP_DELETE, BASE "/{event_type_name}", HTTP_WORKER, delete_type, API_ORG | API_WRITE,
      "v1.event-type.delete", "Archive or remove an event type" },
};
API_ROUTES(event_type, routes);
