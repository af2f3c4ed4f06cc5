/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes for health, metrics and the like. The handlers find the server by api_owner() of the router's ctx.
 */
#pragma once

#include "server/server_priv.h"

/* Their handlers find the server by api_owner() of the router's ctx. */
void server_ops_routes(struct http_router *router);
/* Sets the reply to what Prometheus reads. Any thread. */
void server_ops_metrics(struct http_request *req);
