/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes are data. A route table per resource; the router matches method and path, answers 404 and
 * 405 (both as JSON), HEAD by GET, CORS preflights, and runs the handler inline on the loop or on a
 * worker. A trailing slash is ignored. When the workers' queue is full the answer is 503 with
 * Retry-After.
 */
#pragma once

#include "base/base.h"
#include "http/server.h"
#include "work/work.h"

enum { HTTP_PARAMS_MAX = 6 };

enum http_route_kind {
    HTTP_INLINE, /* on the loop; must not block; answers with http_call_reply(), now or later */
    HTTP_WORKER  /* on a worker thread; fills request->reply and returns */
};

struct http_request {
    struct http_call *call;
    struct arena *arena;
    const struct http_route *route;
    struct str
        params[HTTP_PARAMS_MAX]; /* of the {names} in the pattern, in order, percent-decoded */
    void *ctx;                   /* the router's */
    struct http_reply reply;     /* worker handlers: status must be set; bytes in the arena */
};

struct http_route {
    enum http_method method;
    const char *pattern; /* "/api/v1/app/{app_id}/endpoint"; a last "{*rest}" takes the remainder */
    enum http_route_kind kind;
    void (*handler)(struct http_request *req);
    unsigned access;       /* meaning is the api's */
    const char *operation; /* operationId; NULL: not in the OpenAPI document */
    const char *summary;
};

struct http_router;

/* `pool`: for worker routes. `before` (may be NULL) runs on the loop for each matched route; it may
 * answer itself with http_answer() and then returns false. `observe` (may be NULL) runs on the loop
 * before each answer is sent; `route` is NULL when none matched.
 * Answers to requests with an Origin header allow every origin (no credentials are involved). */
struct http_router_options {
    struct work_pool *pool;
    void *ctx;
    bool (*before)(struct http_request *req);
    void (*observe)(const struct http_request *req, int status, int64_t took_us);
};
struct http_router *http_router_new(const struct http_router_options *o);
void http_router_free(struct http_router *r);
/* `routes` outlive the router. Panics on two routes that cannot be told apart, and on a malformed
 * pattern. A literal segment wins over a parameter, and a parameter over the rest. */
void http_router_add(struct http_router *r, const struct http_route *routes, size_t count);

/* An http_handler_fn; ctx is the router. */
void http_router_handle(void *router, struct http_call *call);

/* Parameter `name` of the query, decoded, into the arena; the n-th occurrence, from 0. False: not
 * there. Parameters that are not well-formed are passed over. */
bool http_query(struct http_request *req, const char *name, size_t nth, struct str *out);

/* Sets reply to {"code":code,"detail":detail}. The text is cut at 1 KiB. */
void http_error(struct http_request *req, int status, const char *code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* {"detail":[{"loc":["body","url"],"msg":...,"type":...}]}, status 422. `loc`: "body.url" */
void http_invalid(struct http_request *req, const char *loc, const char *type, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* For inline handlers: sends req->reply. */
void http_answer(struct http_request *req);

/* Calls fn for each route, for the reference and OpenAPI. */
void http_router_each(const struct http_router *r,
                      void (*fn)(void *ctx, const struct http_route *route), void *ctx);
