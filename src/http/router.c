/* SPDX-License-Identifier: Apache-2.0
 *
 * From a call to its handler and back. A worker route's request travels: loop -> work_submit() ->
 * handler -> loop_post() -> answer; the call's arena is the worker's meanwhile.
 */
#include "http/router.h"

#include "http/match_priv.h"
#include "http/query_priv.h"

#include <stdio.h>

enum { METHODS_TEXT_MAX = 64 };

struct route_table {
    struct route_table *next;
    const struct http_route *routes;
    size_t count;
};

struct http_router {
    struct http_router_options options;
    struct match_node *root;
    struct route_table *tables;
    struct route_table **tables_end;
};

/* A request with what it takes to get to a worker and back. */
struct routed {
    struct http_request req;
    struct http_router *router;
    struct work_job job;
    struct loop_task task;
};

struct http_router *http_router_new(const struct http_router_options *o)
{
    struct http_router *r = XNEW(struct http_router);
    r->options = *o;
    r->root = http_match_new();
    r->tables_end = &r->tables;
    return r;
}

void http_router_free(struct http_router *r)
{
    if (r == NULL)
        return;
    while (r->tables != NULL) {
        struct route_table *table = r->tables;
        r->tables = table->next;
        xfree(table);
    }
    http_match_free(r->root);
    xfree(r);
}

void http_router_add(struct http_router *r, const struct http_route *routes, size_t count)
{
    struct route_table *table = XNEW(struct route_table);
    table->routes = routes;
    table->count = count;
    *r->tables_end = table;
    r->tables_end = &table->next;
    for (size_t i = 0; i < count; i++) {
        http_match_add(r->root, &routes[i]);
    }
}

void http_router_each(const struct http_router *r,
                      void (*fn)(void *ctx, const struct http_route *route), void *ctx)
{
    for (const struct route_table *table = r->tables; table != NULL; table = table->next) {
        for (size_t i = 0; i < table->count; i++) {
            fn(ctx, &table->routes[i]);
        }
    }
}

/* ---- answering ---- */

/* Adds one to the reply's headers. */
static void add_header(struct http_request *req, struct str name, struct str value)
{
    size_t count = req->reply.header_count;
    struct http_header *headers = arena_array(req->arena, count + 1, sizeof(*headers));
    if (count > 0)
        memcpy(headers, req->reply.headers, count * sizeof(*headers));
    headers[count] = (struct http_header){ name, value };
    req->reply.headers = headers;
    req->reply.header_count = count + 1;
}

void http_answer(struct http_request *req)
{
    const struct http_router *r = CONTAINER_OF(req, struct routed, req)->router;
    struct http_call *call = req->call;
    MUST(req->reply.status != 0);
    if (http_find(call->head, STR("origin")) != NULL) {
        add_header(req, STR("Access-Control-Allow-Origin"), STR("*"));
    }
    if (r->options.observe != NULL) {
        r->options.observe(req, req->reply.status, loop_now_us(call->loop) - call->started_us);
    }
    http_call_reply(call, &req->reply);
}

/* ---- workers ---- */

static void answer_from_worker(void *arg)
{
    struct routed *routed = arg;
    http_answer(&routed->req);
}

static void run_on_worker(void *arg)
{
    struct routed *routed = arg;
    struct http_request *req = &routed->req;
    struct loop *loop = req->call->loop;
    activity_push(req->route->pattern, req->call->request_id);
    req->route->handler(req);
    activity_pop();
    loop_post(loop, &routed->task);
}

static void submit(struct routed *routed)
{
    struct http_request *req = &routed->req;
    routed->job = (struct work_job){ .fn = run_on_worker, .arg = routed };
    routed->task = (struct loop_task){ .fn = answer_from_worker, .arg = routed };
    if (work_submit(routed->router->options.pool, &routed->job) == RC_OK)
        return;
    http_error(req, 503, "busy", "the server has too much to do; try again later");
    add_header(req, STR("Retry-After"), STR("1"));
    http_answer(req);
}

/* ---- matching ---- */

/* "GET, HEAD, OPTIONS" */
static struct str list_methods(struct arena *arena, unsigned methods)
{
    char text[METHODS_TEXT_MAX];
    size_t len = 0;
    for (unsigned m = 0; m < HTTP_OTHER; m++) {
        if ((methods & (1u << m)) == 0)
            continue;
        struct str name = http_method_name((enum http_method)m);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s", len == 0 ? "" : ", ",
                                STR_ARGS(name));
    }
    return arena_str(arena, str_of(text, len));
}

/* A browser asks before it sends: every origin may, with the headers it names. */
static void answer_options(struct http_request *req, struct str methods)
{
    struct str wanted = http_call_header(req->call, "access-control-request-headers");
    req->reply.status = 204;
    add_header(req, STR("Allow"), methods);
    if (http_call_header(req->call, "access-control-request-method").len > 0) {
        add_header(req, STR("Access-Control-Allow-Methods"), methods);
        if (wanted.len > 0)
            add_header(req, STR("Access-Control-Allow-Headers"), wanted);
        add_header(req, STR("Access-Control-Max-Age"), STR("600"));
    }
    http_answer(req);
}

static void answer_unmatched(struct http_request *req, const struct match *m)
{
    const struct http_head *head = req->call->head;
    if (m->methods == 0) {
        http_error(req, 404, "not_found", "there is nothing at this path");
        http_answer(req);
        return;
    }
    struct str methods = list_methods(req->arena, m->methods | 1u << HTTP_OPTIONS);
    if (head->method == HTTP_OPTIONS) {
        answer_options(req, methods);
        return;
    }
    http_error(req, 405, "method_not_allowed", "this path knows %.*s", STR_ARGS(methods));
    add_header(req, STR("Allow"), methods);
    http_answer(req);
}

static bool decode_params(struct http_request *req, const struct match *m)
{
    for (size_t i = 0; i < m->param_count; i++) {
        if (!http_decode(req->arena, m->params[i], false, &req->params[i]))
            return false;
    }
    return true;
}

void http_router_handle(void *router, struct http_call *call)
{
    struct http_router *r = router;
    struct routed *routed = ARENA_NEW(call->arena, struct routed);
    struct http_request *req = &routed->req;
    struct match m;
    routed->router = r;
    req->call = call;
    req->arena = call->arena;
    req->ctx = r->options.ctx;
    http_match_find(r->root, call->head->method, call->head->path, &m);
    if (m.route == NULL) {
        answer_unmatched(req, &m);
        return;
    }
    req->route = m.route;
    if (!decode_params(req, &m)) {
        http_error(req, 400, "bad_request", "the path has a malformed percent-escape");
        http_answer(req);
        return;
    }
    if (r->options.before != NULL && !r->options.before(req))
        return;
    if (m.route->kind == HTTP_WORKER) {
        submit(routed);
    } else {
        m.route->handler(req);
    }
}
