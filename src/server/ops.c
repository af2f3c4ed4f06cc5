/* SPDX-License-Identifier: Apache-2.0
 *
 * What operators look at: /metrics, and /debug/ behind its own token. Worker handlers: a scrape sums
 * per-thread counters and must not hold up a loop.
 */
#include "server/ops_priv.h"

#include "server/cells_priv.h"
#include "server/watchdog_priv.h"
#include "work/wait.h"

#include <stdio.h>

enum { METRICS_MAX = 1 << 20, DEBUG_MAX = 1 << 18 };

static void answer_text(struct http_request *req, struct buf *text, struct str type)
{
    req->reply.status = 200;
    req->reply.content_type = type;
    req->reply.body = arena_str(req->arena, buf_str(text));
}

/* Of a node that stands by there is no API, and nothing to add. */
static void add_cells(const struct http_request *req, struct buf *text)
{
    if (req->ctx != NULL)
        server_cells_metrics(api_owner(req->ctx), text);
}

void server_ops_metrics(struct http_request *req)
{
    struct buf text;

    buf_init(&text, METRICS_MAX);
    bool fits = metrics_write(&text) == RC_OK;
    add_cells(req, &text);
    if (fits)
        answer_text(req, &text, STR("text/plain; version=0.0.4; charset=utf-8"));
    else
        http_error(req, 500, "too_large", "the metrics do not fit into %d bytes", METRICS_MAX);
    buf_fini(&text);
}

/* False: answered. A disabled /debug/ looks like any other unknown path. */
static bool may_debug(struct http_request *req, const struct server *s)
{
    struct str given = http_call_header(req->call, "authorization");

    if (!s->conf->debug_enabled) {
        http_error(req, 404, "not_found", "There is nothing here.");
        return false;
    }
    if (str_skip_prefix(&given, STR("Bearer ")) &&
        str_eq_constant_time(given, str_from(s->conf->debug_token)))
        return true;
    http_error(req, 401, "authentication_failed", "Invalid or missing debug token.");
    return false;
}

static void describe_threads(struct server *s, struct buf *out)
{
    (void)s;
    activity_describe(out);
}

static void describe_conf(struct server *s, struct buf *out)
{
    conf_describe(s->conf, out);
}

static void describe_loops(struct server *s, struct buf *out)
{
    server_watchdog_describe(s->watchdog, out);
}

static void describe_nodes(struct server *s, struct buf *out)
{
    struct store_node nodes[STORE_NODES_MAX];
    size_t count = store_nodes(s->store, nodes, STORE_NODES_MAX);

    for (size_t i = 0; i < count; i++)
        buf_say(out, "node=\"%s\" at_work=%d address=%s seen_ms=%lld\n", nodes[i].name,
                nodes[i].is_active, nodes[i].address, (long long)nodes[i].seen_us / 1000);
}

static void describe_store(struct server *s, struct buf *out)
{
    struct store_stats stats;

    store_stats(s->store, &stats);
    buf_say(out, "messages=%lld attempts=%lld pending=%lld segments=%lld bytes=%lld queued=%zu\n",
            (long long)stats.messages, (long long)stats.attempts, (long long)stats.pending,
            (long long)stats.segments, (long long)stats.bytes, stats.queued);
    buf_say(out, "worker_queue=%zu\n", work_queued(s->pool));
    describe_nodes(s, out);
}

static void look_is_over(void *arg)
{
    work_wait_over(arg);
}

static void describe_lanes(struct server *s, struct buf *out)
{
    struct work_wait wait;

    work_wait_init(&wait);
    deliver_describe(s->deliver, out, look_is_over, &wait);
    work_wait(&wait);
}

static void ops_debug(struct http_request *req, void (*describe)(struct server *s, struct buf *out))
{
    struct server *s = api_owner(req->ctx);
    struct buf text;

    if (!may_debug(req, s))
        return;
    buf_init(&text, DEBUG_MAX);
    describe(s, &text);
    answer_text(req, &text, STR("text/plain; charset=utf-8"));
    buf_fini(&text);
}

static void get_threads(struct http_request *req)
{
    ops_debug(req, describe_threads);
}

static void get_conf(struct http_request *req)
{
    ops_debug(req, describe_conf);
}

static void get_loops(struct http_request *req)
{
    ops_debug(req, describe_loops);
}

static void get_lanes(struct http_request *req)
{
    ops_debug(req, describe_lanes);
}

static void get_cells(struct http_request *req)
{
    ops_debug(req, server_cells_describe);
}

static void get_store(struct http_request *req)
{
    ops_debug(req, describe_store);
}

static const struct http_route routes[] = {
    { HTTP_GET, "/metrics", HTTP_WORKER, server_ops_metrics, API_OPEN, NULL, "Prometheus metrics" },
    { HTTP_GET, "/debug/threads", HTTP_WORKER, get_threads, API_OPEN, NULL,
      "What each thread does" },
    { HTTP_GET, "/debug/conf", HTTP_WORKER, get_conf, API_OPEN, NULL, "Options and their sources" },
    { HTTP_GET, "/debug/loops", HTTP_WORKER, get_loops, API_OPEN, NULL,
      "When each loop last turned" },
    { HTTP_GET, "/debug/lanes", HTTP_WORKER, get_lanes, API_OPEN, NULL,
      "What each endpoint's lane is doing" },
    { HTTP_GET, "/debug/cells", HTTP_WORKER, get_cells, API_OPEN, NULL,
      "The other cells, and what is passed on to them" },
    { HTTP_GET, "/debug/store", HTTP_WORKER, get_store, API_OPEN, NULL, "Sizes and queues" },
};

void server_ops_routes(struct http_router *router)
{
    http_router_add(router, routes, COUNT_OF(routes));
}
