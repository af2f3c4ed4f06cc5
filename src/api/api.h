/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP API: route tables, one file per resource. The router's ctx must be the struct api.
 *
 *   struct api *api = api_new(&options);
 *   struct http_router *router = http_router_new(&(struct http_router_options){ .pool = pool, .ctx = api });
 *   api_add_routes(api, router);
 *   deliver_options.notice = core_events_notice, .notice_ctx = events;
 *   api_start(api);  // resumes background tasks; once workers and loops run
 *   api_stop(api);   // before the worker pool is freed
 */
#pragma once

#include "core/access.h"
#include "core/directory.h"
#include "core/events.h"
#include "core/publish.h"
#include "deliver/deliver.h"
#include "filter/transform.h"
#include "http/router.h"
#include "inbound/inbound.h"
#include "sign/sign.h"
#include "store/store.h"
#include "work/work.h"

struct api;
struct filter_engine;
struct filter_sets;
struct deliver_handshaker;

struct api_options {
    struct store *store;
    struct core_directory *directory;
    struct core_access *access;
    struct core_publisher *publisher;
    struct core_events *events;
    struct deliver *deliver;       /* NULL: resending answers 503 */
    struct deliver_handshaker *handshaker; /* NULL: handshakes are refused with 503 */
    struct filter_transform_pool *transforms; /* NULL: no transforms */
    struct filter_transform_limits transform_limits;
    const struct sign_vault *vault;
    struct work_pool *pool;
    struct loop **loops;           /* requeued deliveries are handed over on these, in turn */
    size_t loop_count;
    const struct clock *clock;
    const struct rng *rng;
    const char *public_url;        /* "https://hooks.example.com", no slash at the end; for links */
    bool endpoint_https_only;
    enum sign_kind default_key;    /* of generated endpoint secrets */
    int64_t idempotency_us;        /* how long an Idempotency-Key is remembered */
    int64_t retention_us;          /* of payloads, when a message does not say; at most 90 days are taken from a message */
    struct inbound *inbound;
    struct filter_sets *filter_sets;
    struct filter_engine *filter_engine;
    const struct verify_book *book;
    void *owner;                   /* for the routes of others on the same router; see api_owner() */
};
struct api *api_new(const struct api_options *o);
void api_free(struct api *api); /* NULL is fine */
void *api_owner(const struct api *api);
/* A place for the module above (dialect/dialect.h): set before the loops run. */
void api_set_dialects(struct api *api, void *dialects);
void *api_dialects(const struct api *api);

/* All routes; keeps the router for the OpenAPI document, which describes every route on it that has an operation. */
void api_add_routes(struct api *api, struct http_router *router);

/* Any thread. Background tasks that a stop or crash cut short go on where they were. */
void api_start(struct api *api);
/* Any thread: tasks stop after the step they are in; the rest of it is done when the worker pool is freed. */
void api_stop(struct api *api);

/* What http_route.access holds; other modules' routes on the same router use API_OPEN or check with
 * api_authorize() themselves. */
enum api_access {
    API_OPEN,      /* no token */
    API_ORG,       /* a token of the organisation */
    API_APP,       /* ... or of the application in the path's first parameter */
    API_ANY,       /* any valid token */
    API_WRITE = 16 /* flag: refused to read-only tokens */
};
/* Worker: checks the request's token against req->route->access; false: answered (401, 403 or 404).
 * *out (may be NULL) lives as long as the request. */
bool api_authorize(struct http_request *req, struct core_identity **out);

/* For dialects whose chains are called by others than the API. */
struct api_filters {
    struct filter_sets *sets;
    struct filter_engine *engine;
    struct work_pool *pool;
};
struct api_filters api_filters_of(const struct api *api);

/* The OpenAPI document as compact JSON, and docs/reference/api.md. RC_LIMIT: out is too small. */
MUST_USE enum rc api_openapi(const struct api *api, struct buf *out);
MUST_USE enum rc api_reference(const struct api *api, struct buf *out);
