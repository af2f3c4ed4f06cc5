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

#include "access/access.h"
#include "core/directory.h"
#include "core/events.h"
#include "core/publish.h"
#include "deliver/deliver.h"
#include "http/router.h"
#include "inbound/inbound.h"
#include "sign/sign.h"
#include "stats/stats.h"
#include "store/store.h"
#include "transform/transform.h"
#include "work/work.h"

struct api;
struct login_oidc;  /* login/oidc.h */
struct login_proxy; /* login/proxy.h */
struct webfilter_engine;
struct webfilter_sets;
struct deliver_handshaker;
struct deliver_handshake_kind; /* deliver/handshake.h */
struct dest_envelope;          /* dest/dest.h */

struct api_options {
    struct store *store;
    struct stats *stats;
    int64_t operator_org; /* the one whose tokens see what the whole server does */
    const char *cell;     /* name of this cell (store/cell.h); NULL: there are none */
    struct core_directory *directory;
    struct access *access;
    struct core_publisher *publisher;
    struct core_events *events;
    struct deliver *deliver;       /* NULL: resending answers 503 */
    struct deliver_handshaker *handshaker; /* NULL: handshakes are refused with 503 */
    const struct deliver_handshake_kind *const *handshakes; /* that endpoints may ask for; NULL at the end; or NULL */
    const struct dest_envelope *const *envelopes;           /* the same */
    struct transform_pool *transforms; /* NULL: no transforms */
    struct transform_limits transform_limits;
    const struct sign_vault *vault;
    struct work_pool *pool;
    struct loop **loops;           /* requeued deliveries are handed over on these, in turn */
    size_t loop_count;
    const struct clock *clock;
    const struct rng *rng;
    const char *public_url;        /* "https://hooks.example.com", no slash at the end; for links */
    bool endpoint_https_only;
    enum sign_kind default_key;    /* of generated endpoint secrets */
    int64_t retention_us;          /* of payloads, when a message does not say; at most 90 days are taken from a message */
    struct inbound *inbound;
    struct webfilter_sets *webfilter_sets;
    struct webfilter_engine *webfilter_engine;
    const struct verify_book *book;
    int64_t issue_look_us;         /* between two looks for alerts and for issues that have ended */
    bool has_console;              /* sessions are opened, and their cookie is taken in place of a token, */
    bool console_is_apart;         /* but only at listeners whose door is API_DOOR_CONSOLE (api/kit/proof.h) */
    const char *console_url;       /* as public_url; where browsers reach the console */
    struct login_oidc *oidc;       /* NULL: no such logins */
    struct login_proxy *proxy;     /* the same */
    int logins_at_once;            /* passwords checked at a time for the console */
    bool has_portal;               /* links lead to the portal, with a code; otherwise to a page of text, with the token */
    int64_t link_lifetime_us;      /* of that code */
    bool link_once;                /* it is good for one exchange */
    void *owner;                   /* for the routes of others on the same router; see api_owner() */
};
struct api *api_new(const struct api_options *o);
void api_free(struct api *api); /* NULL is fine */
void *api_owner(const struct api *api);
/* A place for the module above (dialect/dialect.h): set before the loops run. */
void api_set_dialects(struct api *api, void *dialects);
void *api_dialects(const struct api *api);
void api_set_faces(struct api *api, void *faces); /* the same for face/face.h */
void *api_faces(const struct api *api);

/* Whether the console is at the listener that a request came by. */
/* Where an OpenID provider sends browsers back to, below console_url. */
#define API_OIDC_CALLBACK "/console/api/oidc/callback"
#define API_CONSOLE_ELSEWHERE "the console is not at this address: it has one of its own (console.listen)"
bool api_serves_console(const struct api *api, const struct http_call *call);

/* Sets whatever of a router's options is the API's: who judges, counts and records requests. */
void api_router_options(struct api *api, struct http_router_options *o);
/* All routes; keeps the router for the OpenAPI document, which describes every route on it that has an operation. */
void api_add_routes(struct api *api, struct http_router *router);

/* Any thread. Background tasks that a stop or crash cut short go on where they were. */
void api_start(struct api *api);
/* Background tasks of an organisation that is not held any more (store/held.h) go on. Any thread. */
void api_resume(struct api *api);
/* Any thread: tasks stop after the step they are in; the rest of it is done when the worker pool is freed. */
void api_stop(struct api *api);

/* For http_router_options. A request is judged by its head: without access its body is not read. */
void api_admit(struct http_request *req);
/* The router's `observe`: counts refused messages. */
void api_observe(const struct http_request *req, int status, int64_t took_us);
/* Whose share of the workers a request takes: its organisation's, or of whoever has no token that is known yet, the
 * sender's address's. False: it is another cell's, and passed on. */
bool api_request_owner(struct http_request *req, uint64_t *owner);

/* For http_router_options: a request that a worker handles is an act (store/act.h), of whoever api_authorize() finds. What
 * it changes is in the audit log by its commit; a change by another way (API_WRITE) leaves a row of its own. */
void api_act_enter(struct http_request *req);
void api_act_leave(struct http_request *req);
/* Records the act as such ("signed-in", "signed-out", "refused"), where no commit does. Worker. */
void api_act_record(struct http_request *req, const char *action);

/* What http_route.access holds; other modules' routes on the same router use API_OPEN or check with
 * api_authorize() themselves. */
enum api_access {
    API_OPEN,      /* no token */
    API_ORG,       /* a token of the organisation */
    API_APP,       /* ... or of the application in the path's first parameter */
    API_ANY,       /* any valid token */
    API_WRITE = 16,   /* flag: refused to read-only tokens */
    API_OWNS = 64,    /* flag: who has access is administered here, by owners */
    API_PROVED = 128, /* flag: a session of the console needs a recent proof of who has it (access/session.h) */
    API_MESSAGES = 32 /* flag: messages are handed in here, so what is refused is counted (core/refusal.h) */
};
/* Worker: checks the request's token against req->route->access; false: answered (401, 403 or 404).
 * *out (may be NULL) lives as long as the request. */
bool api_authorize(struct http_request *req, struct access_identity **out);

/* For dialects whose chains are called by others than the API. */
struct api_filters {
    struct webfilter_sets *sets;
    struct webfilter_engine *engine;
    struct work_pool *pool;
};
struct api_filters api_filters_of(const struct api *api);

/* The OpenAPI document as compact JSON, and docs/reference/api.md. RC_LIMIT: out is too small. */
MUST_USE enum rc api_openapi(const struct api *api, struct buf *out);
MUST_USE enum rc api_reference(const struct api *api, struct buf *out);
