/* SPDX-License-Identifier: Apache-2.0
 *
 * All routes of the API, joined.
 */
#include "api/api_priv.h"

static const struct api_route_table *const tables[] = {
    &api_application_routes,
    &api_endpoint_routes,
    &api_endpoint_secret_routes,
    &api_endpoint_headers_routes,
    &api_event_type_routes,
    &api_message_routes,
    &api_message_batch_routes,
    &api_message_read_routes,
    &api_attempt_routes,
    &api_attempt_list_routes,
    &api_replay_routes,
    &api_stats_routes,
    &api_task_routes,
    &api_auth_routes,
    &api_environment_routes,
    &api_example_routes,
    &api_meta_routes,
    &api_webfilter_routes,
    &api_webfilter_chain_routes,
    &api_webfilter_run_routes,
    &api_ingest_routes,
    &api_transform_routes,
    &api_ingest_request_routes,
};

void api_add_routes(struct api *api, struct http_router *router)
{
    api->router = router;
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        http_router_add(router, tables[i]->routes, tables[i]->count);
}
