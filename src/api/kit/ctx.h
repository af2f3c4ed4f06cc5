/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asks, what for, and what has been found for it so far: what every file of the API passes around. Types only.
 */
#pragma once

#include "api/api.h"
#include "api/kit/proof.h"
#include "api/kit/route.h"
#include "store/application.h"
#include "store/endpoint.h"
#include "store/source.h"

enum {
    API_LIMIT_DEFAULT = 50,
    API_LIMIT_MAX = 250,
    API_REPLY_MAX = 64 * 1024 * 1024, /* bytes of one answer */
    API_CAPABILITY_SHIFT = 8,
    API_STREAMS_MAX = 64, /* live streams of a node, */
    API_STREAMS_A_TOKEN = 8,
    API_GUESTS_MAX = 16, /* tables of other modules */
    API_ACCESS_MASK = 15
};
/* In http_route.access: an application's token needs this capability too. */
#define API_CAN(capability) ((unsigned)(capability) << API_CAPABILITY_SHIFT)

struct api_tasks;
struct api_watch;
struct api_proof;

struct api {
    struct api_options o;
    struct http_router *router;
    const struct api_route_table *const *tables; /* all rows; set by api_add_routes() */
    size_t table_count;
    const struct api_route_table *guests[API_GUESTS_MAX]; /* of other modules; api_add_table() */
    size_t guest_count;
    struct api_tasks *tasks;
    struct api_watch *watch;
    struct share *streams; /* places for live streams */
    struct core_event_types *types;
    void *dialects;     /* see api_dialects() */
    void *faces;        /* see api_faces() */
    struct api_door door;
    struct access_users *users;  /* who sign in to the console; NULL: there is none */
    struct core_meter *sign_ins; /* failed ones with tokens and codes, by address */
    struct core_meter *wrong_codes; /* of portal links, by address */
    atomic_size_t turn; /* of the loops */
    struct work_job uses_job; /* writes from where tokens were used */
};

struct api_ctx {
    struct api *api;
    struct http_request *req;
    struct arena *arena;
    struct access_identity *who;
    int64_t now_us;            /* wall clock at the start: for what is shown */
    int64_t own_us;            /* store_clock() at the start: for what lasts some time */
    const struct api_route *route; /* NULL: the handler is not one of the API's own */
    json_t *body;              /* after api_body(): an object */
    struct store_tx *tx;       /* as the row's steps say; NULL: none is open */
    bool is_writing;           /* it is the write transaction */
    struct store_application app;   /* as the row's steps say */
    struct store_endpoint endpoint;
    struct store_source source;
    bool has_key;              /* an Idempotency-Key was given */
    uint8_t key[16], body_hash[16];
    struct api_proof *proof;   /* of a handshake that was passed in this request; NULL: none */
};

/* Is the request about an endpoint of operational webhooks, or of a source? Its application is hidden then. */
static inline bool api_of_events(const struct api_ctx *c)
{
    return c->route != NULL && (c->route->steps & API_OF_EVENTS) != 0;
}
static inline bool api_of_source(const struct api_ctx *c)
{
    return c->route != NULL && (c->route->steps & API_OF_SOURCE) != 0;
}
