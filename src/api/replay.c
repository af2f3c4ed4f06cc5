/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending again what an endpoint did not get: recover, replay-missing, bulk-replay. Each is a
 * background task.
 */
#include "api/schemas.h"
#include "api/task_priv.h"

#define DAY_US INT64_C(86400000000)
enum {
    WINDOW_DAYS = 14,
    SLACK_US = 300000000
}; /* clients compute "14 days ago" a little earlier than we do */

static bool read_window(struct api_ctx *c, struct api_task *task)
{
    task->since_us = api_get_date(c, "since", 0);
    task->until_us = api_get_date(c, "until", c->now_us);
    if (task->since_us < c->now_us - WINDOW_DAYS * DAY_US - SLACK_US) {
        http_invalid(c->req, "body.since", "value_error", "Cannot go back more than %d days.",
                     WINDOW_DAYS);
        return false;
    }
    if (task->until_us <= task->since_us) {
        http_invalid(c->req, "body.until", "value_error", "Must be after since.");
        return false;
    }
    return true;
}

/* What keeps order is sent again in that order; else what is newest comes first. */
static bool is_ordered(struct api_ctx *c, int64_t app_num, int64_t endpoint)
{
    struct core_app *app = NULL;
    if (core_directory_load(c->api->o.directory, app_num, &app) != RC_OK)
        return false;
    const struct core_endpoint *ep = core_app_endpoint(app, endpoint);
    bool ordered = ep != NULL && ep->ordered;
    core_app_unref(app);
    return ordered;
}

static bool target(struct api_ctx *c, struct api_task *task)
{
    struct store_tx *tx;
    struct store_application app;
    struct store_endpoint ep;
    if (!api_read(c, &tx))
        return false;
    bool found = api_find_app(c, tx, &app) && api_find_endpoint(c, tx, app.num, &ep);
    store_end(tx);
    if (!found)
        return false;
    if (ep.disabled) {
        http_error(c->req, 400, "endpoint_disabled", "The endpoint is disabled: enable it first.");
        return false;
    }
    task->app = app.num;
    task->endpoint = ep.num;
    json_object_set_new(task->filter, "endpointId", json_stringn(ep.id.ptr, ep.id.len));
    json_object_set_new(task->filter, "oldestFirst", json_boolean(is_ordered(c, app.num, ep.num)));
    return true;
}

static void start(struct http_request *req, struct str kind, const struct api_schema *schema)
{
    static const char *const filters[] = { "eventTypes", "channel", "tag", "status",
                                           "statusCodeClass" };
    struct api_ctx c;
    struct api_task task = { .kind = kind };
    if (!api_begin(req, &c) || !api_body(&c, schema, false) || !read_window(&c, &task))
        return;
    task.filter = json_object();
    if (!target(&c, &task)) {
        json_decref(task.filter);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(filters) && schema == &api_schema_BulkReplayIn; i++) {
        const json_t *v = api_get(&c, filters[i]);
        if (v != NULL)
            json_object_set(task.filter, filters[i], (json_t *)(uintptr_t)v);
    }
    if (schema == &api_schema_BulkReplayIn)
        json_object_set_new(task.filter, "all", json_true());
    api_task_create(&c, &task, NULL);
}

static void recover(struct http_request *req)
{
    start(req, STR("endpoint.recover"), &api_schema_RecoverIn);
}

static void replay_missing(struct http_request *req)
{
    start(req, STR("endpoint.replay"), &api_schema_RecoverIn);
}

static void bulk_replay(struct http_request *req)
{
    start(req, STR("endpoint.bulk-replay"), &api_schema_BulkReplayIn);
}

#define BASE "/api/v1/app/{app_id}/endpoint/{endpoint_id}"
#define ATTEMPT (API_APP | API_WRITE | API_CAN(CORE_MAY_ATTEMPT))
static const struct http_route routes[] = {
    { HTTP_POST, BASE "/recover", HTTP_WORKER, recover, ATTEMPT, "v1.endpoint.recover",
      "Send failed messages of a time again" },
    { HTTP_POST, BASE "/replay-missing", HTTP_WORKER, replay_missing, ATTEMPT,
      "v1.endpoint.replay-missing",
      "Send messages the endpoint would have got, had it been there" },
    { HTTP_POST, BASE "/bulk-replay", HTTP_WORKER, bulk_replay, ATTEMPT, "v1.endpoint.bulk-replay",
      "Send finished messages again, by filter" },
};
API_ROUTES(replay, routes);
