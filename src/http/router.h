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

/* A handler sees its body unpacked (http/encoding.h); a body that cannot be is answered before it. */
enum http_route_kind {
    HTTP_INLINE, /* on the loop; must not block; answers with http_call_reply(), now or later */
    HTTP_INLINE_RAW, /* as HTTP_INLINE; the body comes as it was sent */
    HTTP_WORKER, /* on a worker thread; fills request->reply and returns */
    HTTP_INLINE_ANY /* as HTTP_INLINE; bodies may be large, and those that are refused come as a call, too
                     * (call->refused_status) */
};

struct http_request {
    struct http_call *call;
    struct arena *arena;
    const struct http_route *route;
    struct str
        params[HTTP_PARAMS_MAX]; /* of the {names} in the pattern, in order, percent-decoded */
    void *ctx;                   /* the router's */
    bool is_private;             /* handlers: the answer is for pages of this server only, so other origins are not let in */
    const void *sought;          /* handlers: what the request names and nobody here knows (struct store_sought); see http_elsewhere */
    bool runs_again;             /* worker handlers, with `sought`: there is no answer yet; run again should nobody know it, */
    bool is_settled;             /* which is set then */
    int refusal;                 /* handlers: what was refused, where the status does not say; meaning is the api's */
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

/* Other servers that may know what this one does not (cells/cells.h). Both are called on the loop, and return true when the
 * request is no longer the caller's: it is passed on, or its body may come, or it is answered later by http_answer_here(). */
struct http_elsewhere {
    void *ctx; /* NULL: there are none */
    bool (*knows)(void *ctx, struct http_request *req, const void *sought); /* from memory: no answer has been prepared */
    bool (*asks)(void *ctx, struct http_request *req); /* req->sought; req->reply stands if nobody else knows it */
};

/* `pool`: for worker routes. `before` (may be NULL) runs on the loop for each matched route; it may
 * answer itself with http_answer() and then returns false. `observe` (may be NULL) runs on the loop
 * before each answer is sent, and when an admitted body is refused without a handler; `route` is NULL when none matched. `admit` (may be NULL: http_limits) judges by the
 * head the requests to routes without an `admit` of their own. `owner` (may be NULL: the peer's address) says whose
 * share of the workers a request takes; false: it is passed on (http_is_elsewhere()). `enter` and `leave` (both or neither) run on the worker before and after the
 * handler of a worker route.
 * Answers to requests with an Origin header allow every origin, since no credentials are involved that a browser adds by
 * itself; those that a handler marks `is_private` allow none. */
struct http_router_options {
    struct work_pool *pool;
    void *ctx;
    bool (*before)(struct http_request *req);
    void (*admit)(struct http_request *req);
    bool (*owner)(struct http_request *req, uint64_t *owner);
    void (*observe)(const struct http_request *req, int status, int64_t took_us);
    void (*enter)(struct http_request *req);
    void (*leave)(struct http_request *req);
    struct http_elsewhere elsewhere;
};
struct http_router *http_router_new(const struct http_router_options *o);
void http_router_free(struct http_router *r);
/* `routes` outlive the router. Panics on two routes that cannot be told apart, and on a malformed
 * pattern. A literal segment wins over a parameter, and a parameter over the rest. */
void http_router_add(struct http_router *r, const struct http_route *routes, size_t count);
/* The routes of `pattern` (as in their rows; outlives the router) are judged by the head by `admit`, not by the
 * router's own. It ends, now or later, in http_admit() or http_answer(). */
void http_router_judge(struct http_router *r, const char *pattern,
                       void (*admit)(struct http_request *req));

/* An http_handler_fn; ctx is the router. */
void http_router_handle(void *router, struct http_call *call);
/* An http_admit_fn. What no route matches is refused there. */
void http_router_admit(void *router, struct http_call *call);
/* For `admit` functions, on the loop: the body may come. */
void http_admit(struct http_request *req, const struct http_admission *admission);

/* Parameter `name` of the query, decoded, into the arena; the n-th occurrence, from 0. False: not
 * there. Parameters that are not well-formed are passed over. */
bool http_query(struct http_request *req, const char *name, size_t nth, struct str *out);

/* Calls fn for each well-formed parameter of the query, decoded, in order. */
void http_query_each(struct http_request *req, void (*fn)(void *ctx, struct str name, struct str value), void *ctx);
/* Adds a header to the answer. Both live as long as the request. */
void http_add_header(struct http_request *req, struct str name, struct str value);

/* Sets reply to {"code":code,"detail":detail}. The text is cut at 1 KiB. */
void http_error(struct http_request *req, int status, const char *code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* {"detail":[{"loc":["body","url"],"msg":...,"type":...}]}, status 422. `loc`: "body.url" */
void http_invalid(struct http_request *req, const char *loc, const char *type, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* For inline handlers: sends req->reply; where req->sought is set, only once nobody else is found who knows it. */
void http_answer(struct http_request *req);
/* Sends it in any case. */
void http_answer_here(struct http_request *req);
/* Nobody else knows what req->sought is: runs the handler again, or sends the answer. Loop. */
void http_settle(struct http_request *req);
/* Whether somebody else may know what this server does not: there are others, and none of them passed the request on or was
 * asked before. Any thread. */
bool http_has_elsewhere(const struct http_request *req);
/* On the loop, before time is spent on what is not known here: true if it is known to be elsewhere. Then the request is
 * passed on, and no longer the caller's. `sought` lives as long as the request. */
bool http_is_elsewhere(struct http_request *req, const void *sought);

/* Calls fn for each route, for the reference and OpenAPI. */
void http_router_each(const struct http_router *r,
                      void (*fn)(void *ctx, const struct http_route *route), void *ctx);
