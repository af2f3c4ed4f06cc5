/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls the API's handlers without a socket: a store in a folder of its own, the modules above it, and a request that
 * is matched, authorized and run as the server's workers do it.
 */
#pragma once

#include "api/api.h"
#include "http/match_priv.h"
#include "json/json.h"
#include "store/config.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct caller {
    char dir[64];
    struct store *store;
    struct stats *stats; /* counts what is accepted; stats_tick() is the test's */
    struct core_directory *directory;
    struct access *access;
    struct core_publisher *publisher;
    struct core_events *events;
    struct webfilter_sets *webfilter_sets;
    struct inbound *inbound;
    struct verify_book *book;
    struct sign_vault *vault;
    struct work_pool *pool;
    struct loop *loop;
    struct thread *loop_thread;
    struct api *api;
    struct http_router *router;
    struct match_node *routes;
    int64_t org; /* the operator's */
    char token[ACCESS_TOKEN_TEXT + 1];    /* of the organisation */
    struct arena arena;                 /* of everything that calls answer */
};

/* cmocka's setup and teardown: *state is a struct caller. */
int caller_open(void **state);
int caller_close(void **state);

/* Takes in what was added to c->router since: routes of a module above the API. */
void caller_take_routes(struct caller *c);

struct answer {
    int status;
    json_t *body;        /* NULL: none. Lives as long as the caller */
    struct str text;
    const struct http_reply *reply;
};
/* `target`: path and query. `body`: NULL for none. With the organisation's token. */
struct answer call(struct caller *c, const char *method, const char *target, const char *body);
/* The same with another token (empty: none) and one more header line ("idempotency-key: k"; NULL: none). Calls
 * come from 192.0.2.7. */
struct answer call_as(struct caller *c, const char *token, const char *header, const char *method,
                      const char *target, const char *body);
/* A token of an application. */
const char *token_of_app(struct caller *c, const char *app, bool read_only);

/* A member along a path of names and indexes ("data.0.id"); NULL: not there. */
const json_t *at(struct answer a, const char *path);
const char *text_at(struct answer a, const char *path); /* fails the test if it is no string */
/* Makes one and returns its id. */
const char *make_app(struct caller *c, const char *uid);
const char *make_endpoint(struct caller *c, const char *app, const char *body);
