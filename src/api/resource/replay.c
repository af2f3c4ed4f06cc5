/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending again what an endpoint did not get: recover, replay-missing, bulk-replay. Each is a
 * background task.
 */
#include "api/resource/task_priv.h"
#include "api/resource/waiting_priv.h"
#include "api/schemas/schemas.h"

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

/* False: answered. */
static bool check_target(struct api_ctx *c)
{
    if (c->endpoint.disabled)
        http_error(c->req, 400, "endpoint_disabled", "The endpoint is disabled: enable it first.");
    return !c->endpoint.disabled;
}

/* What keeps order is sent again in that order; else what is newest comes first. */
static json_t *filter_of(struct api_ctx *c)
{
    static const char *const filters[] = { "eventTypes", "channel", "tag", "status",
                                           "statusCodeClass" };
    bool is_ordered = api_endpoint_is_ordered(c, c->app.num, c->endpoint.num);
    json_t *filter =
        json_pack("{s:o,s:b}", "endpointId", json_stringn(c->endpoint.id.ptr, c->endpoint.id.len),
                  "oldestFirst", (int)is_ordered);
    if (c->route->in != &api_schema_BulkReplayIn)
        return filter;
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        const json_t *v = api_get(c, filters[i]);
        if (v != NULL)
            json_object_set(filter, filters[i], (json_t *)(uintptr_t)v);
    }
    json_object_set_new(filter, "all", json_true());
    return filter;
}

static void start_replay(struct api_ctx *c, struct str kind)
{
    struct api_task task = { .kind = kind, .app = c->app.num, .endpoint = c->endpoint.num };
    if (!read_window(c, &task) || !check_target(c))
        return;
    task.filter = filter_of(c);
    api_task_create(c, &task, NULL);
}

static void replay_recover(struct api_ctx *c)
{
    start_replay(c, STR("endpoint.recover"));
}

static void replay_missing(struct api_ctx *c)
{
    start_replay(c, STR("endpoint.replay"));
}

static void bulk_replay(struct api_ctx *c)
{
    start_replay(c, STR("endpoint.bulk-replay"));
}

#define BASE "/api/v1/app/{app_id}/endpoint/{endpoint_id}"
#define ATTEMPT (API_APP | API_WRITE | API_CAN(ACCESS_MAY_ATTEMPT))
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_POST, BASE "/recover", ATTEMPT, "v1.endpoint.recover",
                "Send failed messages of a time again, those that wait for another try included"),
      .run = replay_recover, .steps = API_FINDS_ENDPOINT, .in = &api_schema_RecoverIn,
      .out = &api_schema_TaskOut, .status = 202 },
    { API_ROUTE(HTTP_POST, BASE "/replay-missing", ATTEMPT, "v1.endpoint.replay-missing",
                "Send messages the endpoint would have got, had it been there"),
      .run = replay_missing, .steps = API_FINDS_ENDPOINT, .in = &api_schema_RecoverIn,
      .out = &api_schema_TaskOut, .status = 202 },
    { API_ROUTE(HTTP_POST, BASE "/bulk-replay", ATTEMPT, "v1.endpoint.bulk-replay",
                "Send messages again, by filter"),
      .run = bulk_replay, .steps = API_FINDS_ENDPOINT, .in = &api_schema_BulkReplayIn,
      .out = &api_schema_TaskOut, .status = 202 },
};
API_ROUTES(replay, routes);
