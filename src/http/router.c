/* SPDX-License-Identifier: Apache-2.0
 *
 * From a call to its handler and back. A worker route's request travels: loop -> work_submit() ->
 * handler -> loop_post() -> answer; the call's arena is the worker's meanwhile.
 */
#include "http/router.h"

#include "http/answer_priv.h"
#include "http/encoding.h"
#include "http/match_priv.h"
#include "http/query_priv.h"
#include "http/stream.h"

#include <stdio.h>

enum { METHODS_TEXT_MAX = 64 };

struct route_table {
    struct route_table *next;
    const struct http_route *routes;
    size_t count;
};

struct judge {
    struct judge *next;
    const char *pattern;
    void (*admit)(struct http_request *req);
};

struct http_router {
    struct http_router_options options;
    struct match_node *root;
    struct route_table *tables;
    struct route_table **tables_end;
    struct judge *judges; /* a few */
};

/* A request with what it takes to get to a worker and back. */
struct routed {
    struct http_request req;
    struct http_router *router;
    struct work_job job;
    struct loop_task task;
    bool is_answered; /* unpacking the body failed */
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
    while (r->judges != NULL) {
        struct judge *judge = r->judges;
        r->judges = judge->next;
        xfree(judge);
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

void http_add_header(struct http_request *req, struct str name, struct str value)
{
    size_t count = req->reply.header_count;
    struct http_header *headers = arena_array(req->arena, count + 1, sizeof(*headers));
    if (count > 0)
        memcpy(headers, req->reply.headers, count * sizeof(*headers));
    headers[count] = (struct http_header){ name, value };
    req->reply.headers = headers;
    req->reply.header_count = count + 1;
}

static void router_observe(struct http_request *req, int status)
{
    const struct http_router *r = CONTAINER_OF(req, struct routed, req)->router;
    if (r->options.observe != NULL)
        r->options.observe(req, status, loop_now_us(req->call->loop) - req->call->started_us);
}

static void router_complete(struct http_request *req)
{
    MUST(req->reply.status != 0);
    if (!req->is_private && http_find(req->call->head, STR("origin")) != NULL) {
        http_add_header(req, STR("Access-Control-Allow-Origin"), STR("*"));
    }
    router_observe(req, req->reply.status);
}

void http_answer_here(struct http_request *req)
{
    router_complete(req);
    http_call_reply(req->call, &req->reply);
}

static const struct http_elsewhere *elsewhere_of(const struct http_request *req)
{
    const char *at = (const char *)req - offsetof(struct routed, req);
    return &((const struct routed *)(const void *)at)->router->options.elsewhere;
}

void http_answer(struct http_request *req)
{
    if (req->sought != NULL && !req->is_settled) {
        const struct http_elsewhere *e = elsewhere_of(req);
        if (e->ctx != NULL && e->asks(e->ctx, req))
            return;
    }
    http_answer_here(req);
}

bool http_has_elsewhere(const struct http_request *req)
{
    return !req->is_settled && req->call->from_cell.len == 0 && elsewhere_of(req)->ctx != NULL;
}

bool http_is_elsewhere(struct http_request *req, const void *sought)
{
    const struct http_elsewhere *e = elsewhere_of(req);
    return http_has_elsewhere(req) && e->knows(e->ctx, req, sought);
}

bool http_stream_answer(struct http_request *req, const struct http_stream_kind *kind, void *arg)
{
    router_complete(req);
    return http_stream_begin(req->call, &req->reply, kind, arg);
}

/* ---- workers ---- */

static void answer_from_worker(void *arg)
{
    struct routed *routed = arg;
    http_answer(&routed->req);
}

static void handle_on_worker(const struct routed *routed, struct http_request *req)
{
    const struct http_router_options *o = &routed->router->options;
    if (o->enter != NULL)
        o->enter(req);
    req->route->handler(req);
    if (o->leave != NULL)
        o->leave(req);
}

/* Of a route that goes on on the loop. */
static void router_unpack(struct routed *routed)
{
    struct http_call *call = routed->req.call;
    if (routed->req.route->kind != HTTP_INLINE_ANY) {
        routed->is_answered = !http_plain_body(&routed->req);
        return;
    }
    enum rc rc = http_body_unpack(call);
    if (rc == RC_OK)
        return;
    call->refused_status = http_packed_status(call, rc, &call->refused_why);
    call->body = STR_NONE;
}

static void go_on_inline(void *arg)
{
    struct routed *routed = arg;
    if (routed->is_answered)
        http_answer(&routed->req);
    else
        routed->req.route->handler(&routed->req);
}

static void run_on_worker(void *arg)
{
    struct routed *routed = arg;
    struct http_request *req = &routed->req;
    struct loop *loop = req->call->loop;
    activity_push(req->route->pattern, req->call->request_id);
    if (req->route->kind != HTTP_WORKER)
        router_unpack(routed);
    else if (http_plain_body(req))
        handle_on_worker(routed, req);
    activity_pop();
    loop_post(loop, &routed->task);
}

static void router_submit(struct routed *routed)
{
    struct http_request *req = &routed->req;
    routed->job = (struct work_job){ .fn = run_on_worker, .arg = routed };
    bool is_worker = req->route->kind == HTTP_WORKER;
    routed->task =
        (struct loop_task){ .fn = is_worker ? answer_from_worker : go_on_inline, .arg = routed };
    const struct http_router_options *o = &routed->router->options;
    uint64_t owner = http_call_stranger(req->call);
    if (o->owner != NULL && !o->owner(req, &owner))
        return;
    enum rc rc = work_submit_for(o->pool, owner, &routed->job);
    if (rc == RC_OK)
        return;
    if (req->route->kind == HTTP_INLINE_ANY) { /* its handler answers whatever happens */
        req->call->refused_status = 503;
        req->call->refused_why = "the server is too busy to unpack it";
        req->call->body = STR_NONE;
        req->route->handler(req);
        return;
    }
    if (rc == RC_LIMIT)
        http_error(req, 503, "too_many_requests",
                   "too many of your requests are waiting already; try again later");
    else
        http_error(req, 503, "busy", "the server has too much to do; try again later");
    http_add_header(req, STR("Retry-After"), STR("1"));
    http_answer(req);
}

void http_settle(struct http_request *req)
{
    bool runs_again = req->runs_again;
    req->is_settled = true;
    req->runs_again = false;
    if (!runs_again) {
        http_answer_here(req);
        return;
    }
    req->sought = NULL;
    req->reply = (struct http_reply){ 0 };
    router_submit(CONTAINER_OF(req, struct routed, req));
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
    http_add_header(req, STR("Allow"), methods);
    if (http_call_header(req->call, "access-control-request-method").len > 0) {
        http_add_header(req, STR("Access-Control-Allow-Methods"), methods);
        if (wanted.len > 0)
            http_add_header(req, STR("Access-Control-Allow-Headers"), wanted);
        http_add_header(req, STR("Access-Control-Max-Age"), STR("600"));
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
    http_add_header(req, STR("Allow"), methods);
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

/* The request, matched; NULL: answered. */
static struct routed *route_call(struct http_router *r, struct http_call *call)
{
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
        return NULL;
    }
    req->route = m.route;
    if (!decode_params(req, &m)) {
        http_error(req, 400, "bad_request", "the path has a malformed percent-escape");
        http_answer(req);
        return NULL;
    }
    return routed;
}

static void answer_refused(struct http_request *req)
{
    int status = req->call->refused_status;
    bool is_busy = status == 503;
    http_error(req, status, is_busy ? "busy" : http_refusal_code(status), "%s",
               req->call->refused_why);
    if (is_busy)
        http_add_header(req, STR("Retry-After"), STR("1"));
    http_answer(req);
}

void http_router_handle(void *router, struct http_call *call)
{
    struct http_router *r = router;
    struct routed *routed = route_call(r, call);
    if (routed == NULL)
        return;
    struct http_request *req = &routed->req;
    if (call->refused_status != 0 && req->route->kind != HTTP_INLINE_ANY) {
        answer_refused(req); /* by the server that passed it on: our own asks the route first */
        return;
    }
    if (r->options.before != NULL && !r->options.before(req))
        return;
    bool is_packed = req->route->kind != HTTP_INLINE_RAW && http_body_is_packed(call);
    if (req->route->kind == HTTP_WORKER || is_packed)
        router_submit(routed);
    else
        req->route->handler(req);
}

/* ---- admission ---- */

static void body_refused(struct http_call *call, int status)
{
    router_observe(call->user, status);
}

void http_admit(struct http_request *req, const struct http_admission *admission)
{
    req->call->user = req;
    req->call->refused = body_refused;
    http_call_admit(req->call, admission);
}

void http_router_judge(struct http_router *r, const char *pattern,
                       void (*admit)(struct http_request *req))
{
    struct judge *judge = XNEW(struct judge);
    *judge = (struct judge){ .next = r->judges, .pattern = pattern, .admit = admit };
    r->judges = judge;
}

static void admit_by_default(struct http_request *req)
{
    http_admit(req, &(struct http_admission){ .owner = http_call_stranger(req->call) });
}

static void (*find_judge(const struct http_router *r, const char *pattern))(struct http_request *)
{
    for (const struct judge *j = r->judges; j != NULL; j = j->next) {
        if (strcmp(j->pattern, pattern) == 0)
            return j->admit;
    }
    return r->options.admit != NULL ? r->options.admit : admit_by_default;
}

void http_router_admit(void *router, struct http_call *call)
{
    struct http_router *r = router;
    struct routed *routed = route_call(r, call);
    if (routed == NULL)
        return;
    struct http_request *req = &routed->req;
    if (req->route->kind == HTTP_INLINE_ANY)
        http_admit(
            req, &(struct http_admission){ .owner = http_call_stranger(call), .takes_any = true });
    else
        find_judge(r, req->route->pattern)(req);
}
