/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting: an endpoint's deliveries and health; usage of applications and event types
 * (background tasks).
 */
#include "api/schemas.h"
#include "api/task_priv.h"
#include "work/wait.h"

#define DAY_US INT64_C(86400000000)
enum { STATS_DAYS = 28, SLACK_US = 300000000, PENDING_MAX = 1000 };

static bool find_both(struct api_ctx *c, struct store_application *app, struct store_endpoint *ep)
{
    struct store_tx *tx;
    if (!api_read(c, &tx))
        return false;
    bool found = api_find_app(c, tx, app) && api_find_endpoint(c, tx, app->num, ep);
    store_end(tx);
    return found;
}

static bool stats_window(struct api_ctx *c, int64_t *since, int64_t *until)
{
    if (!api_query_date(c, "since", since) || !api_query_date(c, "until", until))
        return false;
    if (*until == 0)
        *until = c->now_us + 1;
    if (*since == 0)
        *since = *until - STATS_DAYS * DAY_US;
    if (*since > *until || *until - *since > STATS_DAYS * DAY_US + SLACK_US) {
        http_invalid(c->req, "query.since", "value_error",
                     "The time asked for may have at most %d days.", STATS_DAYS);
        return false;
    }
    return true;
}

static void endpoint_stats(struct http_request *req)
{
    struct api_ctx c;
    struct store_application app;
    struct store_endpoint ep;
    int64_t since = 0;
    int64_t until = 0;
    if (!api_begin(req, &c) || !stats_window(&c, &since, &until) || !find_both(&c, &app, &ep))
        return;
    struct store_counts counts = { 0 };
    enum rc rc = store_delivery_counts(c.api->o.store, app.num, ep.num, since, until, &counts);
    if (rc != RC_OK) {
        api_fail(&c, rc);
        return;
    }
    struct api_out o;
    api_out_open(&c, &o);
    api_out_begin(&o, '{');
    api_out_int(&o, "success", counts.by_state[STORE_SUCCESS]);
    api_out_int(&o, "pending", counts.by_state[STORE_PENDING]);
    api_out_int(&o, "sending", counts.by_state[STORE_SENDING]);
    api_out_int(&o, "fail", counts.by_state[STORE_FAILED]);
    api_out_int(&o, "canceled", counts.by_state[STORE_CANCELED]);
    api_out_end(&o, '}');
    api_reply(&c, 200, &o);
}

static const char *status_of(const struct store_endpoint *ep)
{
    if (ep->disabled)
        return "disabled";
    return ep->failing_since_us != 0 ? "failing" : "healthy";
}

struct lane_question {
    struct work_wait wait;
    struct deliver_lane_info info;
};

static void take_lane(void *arg, const struct deliver_lane_info *info)
{
    struct lane_question *q = arg;
    q->info = *info;
    work_wait_over(&q->wait);
}

/* What the endpoint's lane is doing at this moment; zeros when it has none. */
static struct deliver_lane_info lane_of(struct api *api, int64_t endpoint)
{
    struct lane_question q = { 0 };
    if (api->o.deliver == NULL)
        return q.info;
    work_wait_init(&q.wait);
    deliver_lane_ask(api->o.deliver, endpoint, api_loop(api), take_lane, &q);
    work_wait(&q.wait);
    return q.info;
}

static void write_lane(struct api_out *o, const struct deliver_lane_info *lane)
{
    api_out_int(o, "queuedCount", lane->waiting);
    api_out_int(o, "inFlightCount", lane->in_flight);
    api_out_int(o, "window", lane->window);
    api_out_int(o, "failuresInRow", lane->failures_in_row);
    api_out_opt_date(o, "parkedUntil", lane->parked_until_us);
}

static void endpoint_health(struct http_request *req)
{
    struct api_ctx c;
    struct store_application app;
    struct store_endpoint ep;
    if (!api_begin(req, &c) || !find_both(&c, &app, &ep))
        return;
    struct store_due *due = arena_array(c.arena, PENDING_MAX, sizeof(*due));
    size_t count = 0;
    enum rc rc = store_due_list(c.api->o.store, ep.num, 0, NULL, PENDING_MAX, due, &count);
    if (rc != RC_OK) {
        api_fail(&c, rc);
        return;
    }
    int64_t oldest = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t at = id_time_us(&due[i].message);
        if (oldest == 0 || at < oldest)
            oldest = at;
    }
    struct deliver_lane_info lane = lane_of(c.api, ep.num);
    struct api_out o;
    api_out_open(&c, &o);
    api_out_begin(&o, '{');
    api_out_str(&o, "status", str_from(status_of(&ep)));
    api_out_opt(&o, "disabledReason", ep.disabled ? ep.disabled_reason : STR_NONE);
    api_out_opt_date(&o, "failingSince", ep.failing_since_us);
    api_out_int(&o, "pendingCount", (int64_t)count);
    api_out_opt_date(&o, "oldestPendingAt", oldest);
    api_out_opt_date(&o, "nextAttemptAt", count == 0 ? 0 : due[0].due_us);
    write_lane(&o, &lane);
    api_out_end(&o, '}');
    api_reply(&c, 200, &o);
}

/* --- usage ------------------------------------------------------------------------------------ */

/* Ids or uids to ids; those nobody knows go to `unresolved`. */
static json_t *resolve(struct api_ctx *c, struct store_tx *tx, const json_t *names,
                       json_t *unresolved)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < json_array_size(names); i++) {
        json_t *name = json_array_get(names, i);
        struct store_application app;
        if (store_application_find(tx, c->who->org, api_json_str(name), c->arena, &app) == RC_OK)
            json_array_append_new(ids, json_stringn(app.id.ptr, app.id.len));
        else
            json_array_append(unresolved, name);
    }
    return ids;
}

static void usage_by_app(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_AppUsageStatsIn, false))
        return;
    struct api_task task = { .kind = STR("application.stats"),
                             .since_us = api_get_date(&c, "since", 0),
                             .until_us = api_get_date(&c, "until", c.now_us) };
    if (task.until_us <= task.since_us) {
        http_invalid(req, "body.until", "value_error", "Must be after since.");
        return;
    }
    if (!api_read(&c, &tx))
        return;
    json_t *unresolved = json_array();
    const json_t *names = api_get(&c, "appIds");
    task.filter = json_object();
    if (names != NULL)
        json_object_set_new(task.filter, "appIds", resolve(&c, tx, names, unresolved));
    store_end(tx);
    api_task_create(&c, &task, unresolved);
    json_decref(unresolved);
}

static void usage_by_type(struct http_request *req)
{
    struct api_ctx c;
    if (!api_begin(req, &c))
        return;
    struct api_task task = { .kind = STR("event-type.aggregate"), .until_us = c.now_us };
    api_task_create(&c, &task, NULL);
}

#define EP "/api/v1/app/{app_id}/endpoint/{endpoint_id}"
#define SEE (API_APP | API_CAN(CORE_MAY_VIEW))
static const struct http_route routes[] = {
    { HTTP_GET, EP "/stats", HTTP_WORKER, endpoint_stats, SEE, "v1.endpoint.get-stats",
      "Count an endpoint's deliveries by state" },
    { HTTP_GET, EP "/health", HTTP_WORKER, endpoint_health, SEE, "v1.endpoint.get-health",
      "How an endpoint is doing" },
    { HTTP_POST, "/api/v1/stats/usage/app", HTTP_WORKER, usage_by_app, API_ORG,
      "v1.statistics.aggregate-app-stats", "Count deliveries by application" },
    { HTTP_PUT, "/api/v1/stats/usage/event-types", HTTP_WORKER, usage_by_type, API_ORG,
      "v1.statistics.aggregate-event-types", "Which event types applications ask for" },
};
API_ROUTES(stats, routes);
