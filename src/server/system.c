/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole server in one answer, for operators: what it is made of, what it is doing, and how near its limits are.
 */
#include "server/system_priv.h"

#include "server/cells_priv.h"
#include "server/ops_priv.h"
#include "server/options_priv.h"
#include "server/system_largest_priv.h"
#include "server/watchdog_priv.h"
#include "work/wait.h"

bool server_is_for_operator(struct api_ctx *c)
{
    const struct server *s = api_owner(c->api);
    if (c->who->org == s->org)
        return true;
    http_error(c->req, 403, API_INSUFFICIENT,
               "This token is of one of several organisations; the server is its operator's.");
    return false;
}

static void write_clock(struct server *s, struct api_out *o)
{
    int64_t system_us = clock_wall_us(clock_system());
    int64_t own_us = clock_wall_us(store_clock(s->store));
    api_out_key(o, "clock");
    api_out_begin(o, '{');
    api_out_date(o, "system", system_us);
    api_out_date(o, "own", own_us);
    api_out_int(o, "aheadMs", (own_us - system_us) / 1000);
    api_out_end(o, '}');
}

static void write_loops(struct server *s, struct api_out *o)
{
    api_out_key(o, "loops");
    api_out_begin(o, '[');
    for (size_t i = 0; i < s->loop_count; i++) {
        api_out_key(o, NULL);
        api_out_begin(o, '{');
        api_out_str(o, "name", str_from(s->loops[i].name));
        api_out_int(o, "waitingMs", server_watchdog_waiting_us(s->watchdog, i) / 1000);
        api_out_end(o, '}');
    }
    api_out_end(o, ']');
}

static void look_is_over(void *arg)
{
    work_wait_over(arg);
}

static void write_nodes(struct server *s, struct api_ctx *c, struct api_out *o)
{
    struct store_node *nodes = arena_array(c->arena, STORE_NODES_MAX, sizeof(*nodes));
    size_t count = store_nodes(s->store, nodes, STORE_NODES_MAX);

    api_out_key(o, "nodes");
    api_out_begin(o, '[');
    for (size_t i = 0; i < count; i++) {
        struct str address = str_from(nodes[i].address);
        api_out_key(o, NULL);
        api_out_begin(o, '{');
        api_out_str(o, "name", str_from(nodes[i].name));
        api_out_bool(o, "atWork", nodes[i].is_active);
        api_out_opt(o, "address", address.len > 0 ? address : STR_NONE);
        api_out_int(o, "seenMs", nodes[i].seen_us / 1000);
        api_out_end(o, '}');
    }
    api_out_end(o, ']');
}

static void write_cells(struct server *s, struct api_ctx *c, struct api_out *o)
{
    struct cells_state *states = arena_array(c->arena, CELLS_OTHERS_MAX, sizeof(*states));
    size_t count = cells_state(s->cells, states);
    const char *own = server_text(s->conf->cell_name);

    api_out_opt(o, "cell", own == NULL ? STR_NONE : str_from(own));
    api_out_key(o, "cells");
    api_out_begin(o, '[');
    for (size_t i = 0; i < count; i++) {
        struct str address = str_from(states[i].address);
        api_out_key(o, NULL);
        api_out_begin(o, '{');
        api_out_str(o, "name", str_from(states[i].name));
        api_out_str(o, "reach", str_from(cells_reach_name(states[i].reach)));
        api_out_opt(o, "address", address.len > 0 ? address : STR_NONE);
        api_out_int(o, "passed", states[i].passed);
        api_out_end(o, '}');
    }
    api_out_end(o, ']');
}

static void write_lane(struct api_out *o, const struct deliver_busy *lane)
{
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_out_opt(o, "endpointId", strcmp(lane->id, "?") == 0 ? STR_NONE : str_from(lane->id));
    api_out_int(o, "waiting", lane->info.waiting);
    api_out_bool(o, "moreInStore", lane->has_more);
    api_out_int(o, "attempts", lane->info.in_flight);
    api_out_int(o, "window", lane->info.window);
    api_out_int(o, "failuresInRow", lane->info.failures_in_row);
    api_out_opt_date(o, "parkedUntil", lane->info.parked ? lane->info.parked_until_us : 0);
    api_out_end(o, '}');
}

static void write_delivering(struct server *s, struct api_ctx *c, struct api_out *o)
{
    struct deliver_busiest *busiest = arena_array(c->arena, 1, sizeof(*busiest));
    struct work_wait wait;
    work_wait_init(&wait);
    deliver_busiest(s->deliver, busiest, look_is_over, &wait);
    work_wait(&wait);
    api_out_key(o, "delivering");
    api_out_begin(o, '{');
    api_out_int(o, "lanes", metrics_value(METRIC_DELIVER_LANES));
    api_out_int(o, "parked", metrics_value(METRIC_DELIVER_PARKED));
    api_out_key(o, "busiest");
    api_out_begin(o, '[');
    for (size_t i = 0; i < busiest->count; i++)
        write_lane(o, &busiest->lanes[i]);
    api_out_end(o, ']');
    api_out_end(o, '}');
}

/* `conf`: as last loaded. What a reload leaves out is read from what the server was started with. */
static void write_limits(struct server *s, const struct conf *conf, struct api_out *o)
{
    int64_t loops = (int64_t)s->loop_count;
    const struct {
        const char *name, *unit;
        int64_t used, max;
    } limits[] = {
        { "http.connections_max", "count", metrics_value(METRIC_HTTP_CONNECTIONS),
          conf->http_connections_max },
        { "http.bodies_max", "bytes", (int64_t)share_taken(s->bodies), s->conf->http_bodies_max },
        { "server.worker_queue", "count", (int64_t)work_queued(s->pool), s->conf->worker_queue },
        { "store.queue_max", "count", metrics_value(METRIC_STORE_QUEUED),
          s->conf->store_queue_max },
        { "deliver.in_flight_max", "count", metrics_value(METRIC_DELIVER_IN_FLIGHT),
          conf->deliver_in_flight_max * loops },
        { "deliver.items_max", "count", metrics_value(METRIC_DELIVER_ITEMS),
          conf->deliver_items_max * loops },
    };
    api_out_key(o, "limits");
    api_out_begin(o, '[');
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        api_out_key(o, NULL);
        api_out_begin(o, '{');
        api_out_str(o, "name", str_from(limits[i].name));
        api_out_str(o, "unit", str_from(limits[i].unit));
        api_out_int(o, "used", limits[i].used);
        api_out_int(o, "max", limits[i].max);
        api_out_end(o, '}');
    }
    api_out_end(o, ']');
}

static void write_option(void *arg, const struct conf_shown *option)
{
    struct api_out *o = arg;
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_out_str(o, "name", str_from(option->name));
    api_out_str(o, "value", option->value);
    api_out_str(o, "source", str_from(option->source));
    api_out_bool(o, "secret", option->is_secret);
    api_out_bool(o, "reloadable", option->is_reloadable);
    api_out_end(o, '}');
}

static void write_configuration(struct server *s, struct api_out *o)
{
    mutex_lock(&s->reloaded_lock);
    const struct conf *conf = s->reloaded == NULL ? s->conf : s->reloaded;
    write_limits(s, conf, o);
    api_out_key(o, "options");
    api_out_begin(o, '[');
    conf_show(conf, write_option, o);
    api_out_end(o, ']');
    mutex_unlock(&s->reloaded_lock);
}

static void get_system(struct api_ctx *c)
{
    struct server *s = api_owner(c->api);
    struct api_out o;
    if (!server_is_for_operator(c))
        return;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_str(&o, "version", STR(GRAPNEL_VERSION));
    api_out_date(&o, "startedAt", s->started_us);
    api_out_int(&o, "uptimeSeconds",
                (clock_mono_us(clock_system()) - s->started_mono_us) / 1000000);
    write_clock(s, &o);
    write_loops(s, &o);
    api_out_int(&o, "workers", s->conf->workers);
    write_delivering(s, c, &o);
    server_write_store(s, c, &o);
    write_nodes(s, c, &o);
    write_cells(s, c, &o);
    write_configuration(s, &o);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static void get_largest(struct api_ctx *c)
{
    if (server_is_for_operator(c))
        server_reply_largest(c);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/system", API_ORG, "v1.system.get", "Get the server's state"),
      .run = get_system, .out = &server_schema_SystemOut, .status = 200 },
    { API_ROUTE(HTTP_GET, "/api/v1/system/largest", API_ORG, "v1.system.largest",
                "List whose payloads fill the disk"),
      .run = get_largest, .out = &server_schema_SystemLargestOut, .status = 200 },
    { API_ROUTE(HTTP_POST, "/api/v1/system/doctor", API_ORG, "v1.system.doctor",
                "Check what the server stands on"),
      .run = server_post_doctor, .out = &server_schema_DoctorOut, .status = 200 },
};
const struct api_route_table server_system_rows = { routes, COUNT_OF(routes) };

void server_system_start(struct server *s)
{
    s->started_us = clock_wall_us(clock_system());
    s->started_mono_us = clock_mono_us(clock_system());
    mutex_init(&s->reloaded_lock);
    server_ops_routes(s->router);
    api_add_table(s->api, s->router, &server_system_rows);
}

void server_system_stop(struct server *s)
{
    mutex_fini(&s->reloaded_lock);
}
