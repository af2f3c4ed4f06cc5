/* SPDX-License-Identifier: Apache-2.0
 *
 * The wrapper that runs a row's handler:
 *
 *   static void get_thing(struct api_ctx *c)
 *   {
 *       ... c->tx is open, c->app is found ...
 *       api_reply(c, 200, &o);
 *   }
 *   static const struct api_route routes[] = {
 *       { API_ROUTE(HTTP_GET, "/api/v1/app/{app_id}/thing", API_APP, "v1.thing.get", "Get the thing"),
 *         .run = get_thing, .steps = API_READS | API_FINDS_APP, .out = &api_schema_ThingOut, .status = 200 },
 *   };
 *   API_ROUTES(thing, routes);
 */
#pragma once

#include "api/kit/route.h"

/* The wrapper as an HTTP handler: whatever transaction is open when `run` returns is committed if the answer is a
 * success, and else rolled back. A handler that has something to do after the commit calls api_tx_commit() itself. */
void api_run(struct http_request *req);
#define API_ROUTE(method, pattern, access, operation, summary) \
    .http = { method, pattern, HTTP_WORKER, api_run, access, operation, summary }
