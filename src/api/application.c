/* SPDX-License-Identifier: Apache-2.0
 *
 * Applications.
 */
#include "api/api_priv.h"
#include "api/schemas.h"

void api_application_write(struct api_out *o, const struct store_application *app)
{
    api_out_begin(o, '{');
    api_out_str(o, "id", app->id);
    api_out_opt(o, "uid", app->uid);
    api_out_str(o, "name", app->name);
    api_out_raw(o, "metadata", app->metadata.len == 0 ? STR("{}") : app->metadata);
    api_out_opt_int(o, "throttleRate", app->throttle);
    api_out_opt_int(o, "rateLimit", app->throttle);
    api_out_date(o, "createdAt", app->created_us);
    api_out_date(o, "updatedAt", app->updated_us);
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
    app->uid = api_json_str(json_object_get(in, "uid"));
    app->name = api_json_str(json_object_get(in, "name"));
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
    struct str uid = api_json_str(json_object_get(in, "uid"));
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
    if (rc != RC_OK)
        api_fail(c, rc);
    return rc == RC_OK;
}

/* --- handlers
 * -------------------------------------------------------------------------------------- */

static void list_apps(struct http_request *req)
{
    struct api_ctx c;
    struct store_page page;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_page(&c, "app_", false, &page) || !api_read(&c, &tx))
        return;
    struct store_application *apps = arena_array(c.arena, (size_t)page.limit, sizeof(*apps));
    struct store_page_end end = { 0 };
    struct store_application_filter f = {
        .with_endpoint = api_query_bool(&c, "exclude_apps_with_no_endpoints", false),
        .not_all_disabled = api_query_bool(&c, "exclude_apps_with_disabled_endpoints", false)
    };
    enum rc rc = store_application_list(tx, c.who->org, &f, &page, c.arena, apps, &end);
    store_end(tx);
    if (rc != RC_OK) {
        api_fail(&c, rc);
        return;
    }
    struct api_out o;
    api_list_open(&c, &o);
    for (size_t i = 0; i < end.count; i++) {
        api_out_key(&o, NULL);
        api_application_write(&o, &apps[i]);
    }
    api_list_reply(&c, &o, &end, end.count == 0 ? STR_NONE : apps[0].id,
                   end.count == 0 ? STR_NONE : apps[end.count - 1].id);
}

static void create_app(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_ApplicationIn, false) ||
        !api_write(&c, &tx))
        return;
    struct store_application app;
    bool made = true;
    enum rc rc;
    if (api_query_bool(&c, "get_if_exists", false)) {
        rc = find_or_insert(&c, tx, c.body, &app, &made);
    } else {
        fill_new(&c, c.body, &app);
        rc = store_application_insert(tx, &app);
    }
    if (rc != RC_OK) {
        api_abort(&c, tx, rc);
        return;
    }
    reply_app(&c, made ? 201 : 200, &app);
    (void)api_commit(&c, tx);
}

static void get_app(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_read(&c, &tx))
        return;
    struct store_application app;
    if (api_find_app(&c, tx, &app))
        reply_app(&c, 200, &app);
    store_end(tx);
}

static void changed(struct api_ctx *c, struct store_tx *tx, enum rc rc, int status,
                    const struct store_application *app)
{
    if (rc != RC_OK) {
        api_abort(c, tx, rc);
        return;
    }
    reply_app(c, status, app);
    if (api_commit(c, tx))
        core_directory_changed(c->api->o.directory, app->num);
}

static void put_app(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_ApplicationIn, false) ||
        !api_write(&c, &tx))
        return;
    struct store_application app;
    enum rc rc = store_application_find(tx, c.who->org, api_param(&c, "app_id"), c.arena, &app);
    if (rc == RC_OK) {
        api_application_fill(&c, c.body, &app);
        changed(&c, tx, store_application_update(tx, &app), 200, &app);
    } else if (rc == RC_NOT_FOUND) {
        fill_new(&c, c.body, &app);
        changed(&c, tx, store_application_insert(tx, &app), 201, &app);
    } else {
        api_abort(&c, tx, rc);
    }
}

static void patch_app(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_ApplicationPatch, false) ||
        !api_write(&c, &tx))
        return;
    struct store_application app;
    if (!api_find_app(&c, tx, &app)) {
        store_end(tx);
        return;
    }
    if (api_has(&c, "name"))
        app.name = api_get_str(&c, "name");
    if (api_has(&c, "uid"))
        app.uid = api_get_str(&c, "uid");
    if (api_has(&c, "metadata"))
        app.metadata = metadata_of(&c, c.body);
    if (api_either(&c, "throttleRate", "rateLimit") != NULL)
        app.throttle = rate_of(c.body);
    app.updated_us = c.now_us;
    changed(&c, tx, store_application_update(tx, &app), 200, &app);
}

static void delete_app(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_write(&c, &tx))
        return;
    struct store_application app;
    if (!api_find_app(&c, tx, &app)) {
        store_end(tx);
        return;
    }
    enum rc rc = store_application_delete(tx, app.num, c.now_us);
    if (rc != RC_OK) {
        api_abort(&c, tx, rc);
        return;
    }
    api_reply_empty(&c, 204);
    if (!api_commit(&c, tx))
        return;
    core_directory_changed(c.api->o.directory, app.num);
    core_access_forget_app(c.api->o.access, app.num);
}

#define BASE "/api/v1/app"
static const struct http_route routes[] = {
    { HTTP_GET, BASE, HTTP_WORKER, list_apps, API_ORG, "v1.application.list", "List applications" },
    { HTTP_POST, BASE, HTTP_WORKER, create_app, API_ORG | API_WRITE, "v1.application.create",
      "Create an application" },
    { HTTP_GET, BASE "/{app_id}", HTTP_WORKER, get_app, API_APP | API_CAN(CORE_MAY_VIEW),
      "v1.application.get", "Get an application" },
    { HTTP_PUT, BASE "/{app_id}", HTTP_WORKER, put_app, API_ORG | API_WRITE,
      "v1.application.upsert", "Replace or create an application" },
    { HTTP_PATCH, BASE "/{app_id}", HTTP_WORKER, patch_app, API_ORG | API_WRITE,
      "v1.application.patch", "Change an application" },
    { HTTP_DELETE, BASE "/{app_id}", HTTP_WORKER, delete_app, API_ORG | API_WRITE,
      "v1.application.delete", "Delete an application" },
};
API_ROUTES(application, routes);
