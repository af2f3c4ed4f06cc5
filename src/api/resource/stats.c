/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting: an endpoint's deliveries and health; usage of applications and event types
 * (background tasks).
 */
#include "api/resource/task_priv.h"
#include "api/resource/waiting_priv.h"
#include "api/schemas/schemas.h"

#define DAY_US INT64_C(86400000000)
enum { STATS_DAYS = 28, SLACK_US = 300000000, AHEAD_US = 1000000, PENDING_MAX = 1000 };

static bool stats_window(struct api_ctx *c, int64_t *since, int64_t *until)
{
    if (!api_query_date(c, "since", since) || !api_query_date(c, "until", until))
        return false;
    if (*until == 0) /* ids may be ahead of the clock by some ticks */
        *until = c->now_us + AHEAD_US;
    if (*since == 0)
        *since = *until - STATS_DAYS * DAY_US;
    if (*since > *until || *until - *since > STATS_DAYS * DAY_US + SLACK_US) {
        http_invalid(c->req, "query.since", "value_error",
                     "The time asked for may have at most %d days.", STATS_DAYS);
        return false;
    }
    return true;
}

static void endpoint_stats(struct api_ctx *c)
{
    int64_t since = 0;
    int64_t until = 0;
    if (!stats_window(c, &since, &until))
        return;
    struct store_counts counts = { 0 };
    enum rc rc =
        store_delivery_counts(c->api->o.store, c->app.num, c->endpoint.num, since, until, &counts);
    if (!api_ok(c, rc))
        return;
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_int(&o, "success", counts.by_state[STORE_SUCCESS]);
    api_out_int(&o, "pending", counts.by_state[STORE_PENDING]);
    api_out_int(&o, "sending", counts.by_state[STORE_SENDING]);
    api_out_int(&o, "fail", counts.by_state[STORE_FAILED]);
    api_out_int(&o, "canceled", counts.by_state[STORE_CANCELED]);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static const char *status_of(const struct store_endpoint *ep)
{
    if (ep->disabled)
        return "disabled";
    return ep->failing_since_us != 0 ? "failing" : "healthy";
}

static void write_lane(struct api_out *o, const struct deliver_lane_info *lane)
{
    api_out_int(o, "queuedCount", lane->waiting);
    api_out_int(o, "inFlightCount", lane->in_flight);
    api_out_int(o, "window", lane->window);
    api_out_int(o, "failuresInRow", lane->failures_in_row);
    api_out_opt_date(o, "parkedUntil", lane->parked_until_us);
}

/* `first`: of what waits, the one to be sent first; NULL: nothing waits. */
static void write_next(struct api_ctx *c, struct api_out *o, const struct store_due *first)
{
    struct api_waiting waiting = { .store = c->api->o.store };
    struct store_delivery_row row = { 0 };
    if (first != NULL) {
        api_waiting_at(c, c->app.num, c->endpoint.num, &waiting);
        row = (struct store_delivery_row){ .message = first->message,
                                           .state = first->state,
                                           .due_us = first->due_us,
                                           .retry_at_us = first->retry_at_us,
                                           .trigger = first->trigger };
    }
    api_out_opt_date(o, "nextAttemptAt", api_waiting_next(&waiting, &row));
    api_out_opt_date(o, "nextAttempt", api_waiting_next(&waiting, &row));
    if (waiting.has_head && first->state == STORE_SENDING)
        api_out_id(o, "blockedBy", STR("msg_"), &waiting.head.message);
    else
        api_out_null(o, "blockedBy");
    api_out_opt_date(o, "throttledUntil", waiting.throttled_until_us);
}

static void endpoint_health(struct api_ctx *c)
{
    const struct store_endpoint *ep = &c->endpoint;
    struct store *store = c->api->o.store;
    struct store_due first;
    size_t count = 0, first_count = 0;
    int64_t oldest_us = 0;
    enum rc rc = store_due_count(store, ep->num, PENDING_MAX, &count, &oldest_us);
    if (rc == RC_OK)
        rc = store_due_list(store, ep->num, 0, NULL, 1, &first, &first_count);
    if (!api_ok(c, rc))
        return;
    struct deliver_lane_info lane = api_lane_of(c->api, ep->num);
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_str(&o, "status", str_from(status_of(ep)));
    api_out_opt(&o, "disabledReason", ep->disabled ? ep->disabled_reason : STR_NONE);
    api_out_opt_date(&o, "failingSince", store_shown_us(c->api->o.store, ep->failing_since_us));
    api_out_int(&o, "pendingCount", (int64_t)count);
    api_out_opt_date(&o, "oldestPendingAt", oldest_us == 0 ? 0 : store_shown_us(store, oldest_us));
    write_next(c, &o, first_count == 0 ? NULL : &first);
    write_lane(&o, &lane);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

/* --- usage ------------------------------------------------------------------------------------ */

/* Ids or uids to ids; those nobody knows go to `unresolved`. */
static json_t *stats_resolve(struct api_ctx *c, const json_t *names, json_t *unresolved)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < json_array_size(names); i++) {
        json_t *name = json_array_get(names, i);
        struct store_application app;
        if (store_application_find(c->tx, c->who->org, json_str_of(name), c->arena, &app) == RC_OK)
            json_array_append_new(ids, json_stringn(app.id.ptr, app.id.len));
        else
            json_array_append(unresolved, name);
    }
    return ids;
}

static void usage_by_app(struct api_ctx *c)
{
    struct api_task task = { .kind = STR("application.stats"),
                             .since_us = api_get_date(c, "since", 0),
                             .until_us = api_get_date(c, "until", c->now_us) };
    if (task.until_us <= task.since_us) {
        http_invalid(c->req, "body.until", "value_error", "Must be after since.");
        return;
    }
    json_t *unresolved = json_array();
    const json_t *names = api_get(c, "appIds");
    task.filter = json_object();
    if (names != NULL)
        json_object_set_new(task.filter, "appIds", stats_resolve(c, names, unresolved));
    api_tx_end(c);
    api_task_create(c, &task, unresolved);
    json_decref(unresolved);
}

static void usage_by_type(struct api_ctx *c)
{
    struct api_task task = { .kind = STR("event-type.aggregate"), .until_us = c->now_us };
    api_task_create(c, &task, NULL);
}

#define EP "/api/v1/app/{app_id}/endpoint/{endpoint_id}"
#define SEE (API_APP | API_CAN(ACCESS_MAY_VIEW))
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, EP "/stats", SEE, "v1.endpoint.get-stats",
                "Count an endpoint's deliveries by state"),
      .run = endpoint_stats, .steps = API_FINDS_ENDPOINT, .out = &api_schema_EndpointStats,
      .status = 200, .query = "since until" },
    { API_ROUTE(HTTP_GET, EP "/health", SEE, "v1.endpoint.get-health", "How an endpoint is doing"),
      .run = endpoint_health, .steps = API_FINDS_ENDPOINT, .out = &api_schema_EndpointHealth,
      .status = 200 },
    { API_ROUTE(HTTP_POST, "/api/v1/stats/usage/app", API_ORG, "v1.statistics.aggregate-app-stats",
                "Count deliveries by application"),
      .run = usage_by_app, .steps = API_READS, .in = &api_schema_AppUsageStatsIn,
      .out = &api_schema_AppUsageStatsOut, .status = 202 },
    { API_ROUTE(HTTP_PUT, "/api/v1/stats/usage/event-types", API_ORG,
                "v1.statistics.aggregate-event-types", "Which event types applications ask for"),
      .run = usage_by_type, .out = &api_schema_TaskOut, .status = 202 },
};
API_ROUTES(stats, routes);
