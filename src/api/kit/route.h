/* SPDX-License-Identifier: Apache-2.0
 *
 * One row says everything about an operation: its path and who may call it, its body, its answer and its query, and
 * what has to be there before its handler runs. The validator, the OpenAPI document, the reference page and the
 * wrapper (kit/run.h) all read the same rows.
 */
#pragma once

#include "api/kit/schema.h"
#include "http/router.h"

struct api;
struct api_ctx;

/* What the wrapper does before the handler runs, in this order. What fails is answered there. */
enum {
    API_BODY_MAYBE = 1,       /* without a body it is {} */
    API_BODY_ANY = 2,         /* the body is only passed on: whatever JSON allows (json/any.h) */
    API_READS = 4,            /* c->tx is a snapshot of the configuration */
    API_WRITES = 8,           /* c->tx is the write transaction; a repeated Idempotency-Key is answered as before */
    API_FINDS_APP = 16,       /* c->app; without API_READS or API_WRITES in a snapshot that has ended */
    API_FINDS_ENDPOINT = 32,  /* c->endpoint, and c->app */
    API_FINDS_SOURCE = 64,    /* c->source */
    API_ONCE = 128,           /* api_first() before the handler, api_remember() after it */
    API_OF_EVENTS = 256,      /* the application is the hidden one of operational webhooks */
    API_OF_SOURCE = 512       /* the application is the hidden one of the source in the path */
};

struct api_route {
    struct http_route http;
    void (*run)(struct api_ctx *c);         /* NULL: http.handler does everything itself */
    bool (*check)(struct api_ctx *c);       /* after the body was checked, before any transaction; false: answered */
    unsigned steps;
    const struct api_schema *in;  /* NULL: no body */
    const struct api_schema *out; /* NULL: no content */
    int status;
    int other_status;             /* 0: none; 201 beside 200, 200 beside 204 */
    bool is_list;                 /* out is what the list holds */
    bool is_stream;               /* text/event-stream, without an end */
    const char *media;            /* media types of an answer that is no JSON, separated by spaces; NULL: it is */
    const char *query;            /* names, separated by spaces; api_query_doc_find() has their words; NULL: none */
};

struct api_route_table {
    const struct api_route *routes;
    size_t count;
};
#define API_ROUTES(name, rows) const struct api_route_table api_##name##_routes = { (rows), COUNT_OF(rows) }

/* Rows of another module: they are served, checked and described as the API's own. Before the
 * loops run. The table stands for good. */
void api_add_table(struct api *api, struct http_router *router, const struct api_route_table *table);

/* The row around a route; NULL: it has none (a dialect's that speaks another's language, a face's). */
const struct api_route *api_route_of(const struct api *api, const struct http_route *route);

/* Lists of query parameters that many rows share. */
#define API_PAGE "limit iterator"
#define API_PAGE_ORDER "limit iterator order"
#define API_QUERY_MESSAGES API_PAGE " channel tag before after with_content event_types"
