/* SPDX-License-Identifier: Apache-2.0
 *
 * Applications.
 */
#include "api/resource/application_priv.h"
#include "api/schemas/schemas.h"

void api_application_write_members(struct api_out *o, const struct store_application *app)
{
    api_out_str(o, "id", app->id);
    api_out_opt(o, "uid", app->uid);
    api_out_str(o, "name", app->name);
    api_out_raw(o, "metadata", app->metadata.len == 0 ? STR("{}") : app->metadata);
    api_out_opt_int(o, "throttleRate", app->throttle);
    api_out_opt_int(o, "rateLimit", app->throttle);
    api_out_date(o, "createdAt", app->created_us);
    api_out_date(o, "updatedAt", app->updated_us);
}

void api_application_write(struct api_out *o, const struct store_application *app)
{
    api_out_begin(o, '{');
    api_application_write_members(o, app);
    api_out_end(o, '}');
}

static void reply_app(struct api_ctx *c, int status, const struct store_application *app)
{
    struct api_out o;
    api_out_open(c, &o);
    api_application_write(&o, app);
    api_reply(c, status, &o);
}

static int64_t rate_of(const json_t *in)
{
    const json_t *v = json_object_get(in, "throttleRate");
    if (v == NULL)
        v = json_object_get(in, "rateLimit");
    return json_is_integer(v) ? json_integer_value(v) : 0;
}

static struct str metadata_of(struct api_ctx *c, const json_t *in)
{
    const json_t *v = json_object_get(in, "metadata");
    return json_is_object(v) ? json_text(c->arena, v) : STR("{}");
}

void api_application_fill(struct api_ctx *c, const json_t *in, struct store_application *app)
{
    app->uid = json_str_member(in, "uid");
    app->name = json_str_member(in, "name");
    app->metadata = metadata_of(c, in);
    app->throttle = rate_of(in);
    app->updated_us = c->now_us;
}

static void fill_new(struct api_ctx *c, const json_t *in, struct store_application *app)
{
    *app = (struct store_application){ .org = c->who->org,
                                       .id = api_new_id_text(c, "app_"),
                                       .created_us = c->now_us };
    api_application_fill(c, in, app);
}

static enum rc find_or_insert(struct api_ctx *c, struct store_tx *tx, const json_t *in,
                              struct store_application *app, bool *made)
{
    struct str uid = json_str_member(in, "uid");
    *made = false;
    enum rc rc = RC_NOT_FOUND;
    if (uid.ptr != NULL)
        rc = store_application_find(tx, c->who->org, uid, c->arena, app);
    if (rc != RC_NOT_FOUND)
        return rc;
    *made = true;
    fill_new(c, in, app);
    return store_application_insert(tx, app);
}

bool api_application_ensure(struct api_ctx *c, const json_t *in, struct store_application *app)
{
    struct store_tx *tx = NULL;
    bool made = false;
    enum rc rc = store_write(c->api->o.store, &tx);
    if (rc == RC_OK) {
        rc = find_or_insert(c, tx, in, app, &made);
        if (rc == RC_OK && made)
            rc = store_commit(tx);
        else
            store_end(tx);
    }
    return api_ok(c, rc);
}

/* --- handlers --------------------------------------------------------------------------------- */

static void application_write_row(struct api_ctx *c, struct api_out *o, const void *row,
                                  const void *arg)
{
    (void)c;
    (void)arg;
    api_application_write(o, row);
}

static void list_apps(struct api_ctx *c)
{
    struct store_page page;
    if (!api_page(c, "app_", false, &page))
        return;
    struct store_application *apps = api_page_room(c, &page, sizeof(*apps));
    struct store_page_end end = { 0 };
    struct store_application_filter f = {
        .with_endpoint = api_query_bool(c, "exclude_apps_with_no_endpoints", false),
        .not_all_disabled = api_query_bool(c, "exclude_apps_with_disabled_endpoints", false)
    };
    enum rc rc = store_application_list(c->tx, c->who->org, &f, &page, c->arena, apps, &end);
    api_reply_page(c, rc, &page, &end, API_ROWS(apps, id, NULL, application_write_row, NULL));
}

static void create_app(struct api_ctx *c)
{
    struct store_application app;
    bool made = true;
    enum rc rc;
    if (api_query_bool(c, "get_if_exists", false)) {
        rc = find_or_insert(c, c->tx, c->body, &app, &made);
    } else {
        fill_new(c, c->body, &app);
        rc = store_application_insert(c->tx, &app);
    }
    if (!api_ok(c, rc))
        return;
    reply_app(c, made ? 201 : 200, &app);
}

static void get_app(struct api_ctx *c)
{
    reply_app(c, 200, &c->app);
}

static void finish_change(struct api_ctx *c, enum rc rc, int status,
                          const struct store_application *app)
{
    if (!api_ok(c, rc))
        return;
    reply_app(c, status, app);
}

static void put_app(struct api_ctx *c)
{
    struct store_application app = { 0 };
    struct str uid;
    enum rc rc = store_application_find(c->tx, c->who->org, api_param(c, "app_id"), c->arena, &app);
    if (rc != RC_OK && rc != RC_NOT_FOUND) {
        api_fail(c, rc);
        return;
    }
    bool is_found = rc == RC_OK;
    if (!api_upsert_uid(c, "app_id", "app_", app.uid, is_found, &uid))
        return;
    if (is_found)
        api_application_fill(c, c->body, &app);
    else
        fill_new(c, c->body, &app);
    app.uid = uid;
    rc = is_found ? store_application_update(c->tx, &app) : store_application_insert(c->tx, &app);
    finish_change(c, rc, is_found ? 200 : 201, &app);
}

static void patch_app(struct api_ctx *c)
{
    if (api_has(c, "name"))
        c->app.name = api_get_str(c, "name");
    if (api_has(c, "uid"))
        c->app.uid = api_get_str(c, "uid");
    if (api_has(c, "metadata"))
        c->app.metadata = metadata_of(c, c->body);
    if (api_either(c, "throttleRate", "rateLimit") != NULL)
        c->app.throttle = rate_of(c->body);
    c->app.updated_us = c->now_us;
    finish_change(c, store_application_update(c->tx, &c->app), 200, &c->app);
}

static void delete_app(struct api_ctx *c)
{
    enum rc rc = store_application_delete(c->tx, c->app.num, c->now_us);
    if (!api_ok(c, rc))
        return;
    api_reply_empty(c, 204);
}

#define BASE "/api/v1/app"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, BASE, API_ORG, "v1.application.list", "List applications"),
      .run = list_apps, .steps = API_READS, .out = &api_schema_ApplicationOut, .status = 200,
      .is_list = true,
      .query = API_PAGE_ORDER
      " exclude_apps_with_no_endpoints exclude_apps_with_disabled_endpoints exclude_apps_with_svix_play_endpoints" },
    { API_ROUTE(HTTP_POST, BASE, API_ORG | API_WRITE, "v1.application.create",
                "Create an application"),
      .run = create_app, .steps = API_WRITES, .in = &api_schema_ApplicationIn,
      .out = &api_schema_ApplicationOut, .status = 201, .other_status = 200,
      .query = "get_if_exists" },
    { API_ROUTE(HTTP_GET, BASE "/{app_id}", API_APP | API_CAN(ACCESS_MAY_VIEW),
                "v1.application.get", "Get an application"),
      .run = get_app, .steps = API_FINDS_APP, .out = &api_schema_ApplicationOut, .status = 200 },
    { API_ROUTE(HTTP_PUT, BASE "/{app_id}", API_ORG | API_WRITE, "v1.application.upsert",
                "Replace or create an application"),
      .run = put_app, .steps = API_WRITES, .in = &api_schema_ApplicationIn,
      .out = &api_schema_ApplicationOut, .status = 200, .other_status = 201 },
    { API_ROUTE(HTTP_PATCH, BASE "/{app_id}", API_ORG | API_WRITE, "v1.application.patch",
                "Change an application"),
      .run = patch_app, .steps = API_WRITES | API_FINDS_APP, .in = &api_schema_ApplicationPatch,
      .out = &api_schema_ApplicationOut, .status = 200 },
    { API_ROUTE(HTTP_DELETE, BASE "/{app_id}", API_ORG | API_WRITE, "v1.application.delete",
                "Delete an application"),
      .run = delete_app, .steps = API_WRITES | API_FINDS_APP, .status = 204 },
};
API_ROUTES(application, routes);
