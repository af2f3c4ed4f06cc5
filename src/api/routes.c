/* SPDX-License-Identifier: Apache-2.0
 *
 * All routes of the API, joined.
 */
#include "api/resource/resource_priv.h"

/* A row a line, however many there are, so that additions do not meet. */
/* clang-format off */
static const struct api_route_table *const tables[] = {
    &api_application_routes,
    &api_endpoint_routes,
    &api_endpoint_secret_routes,
    &api_endpoint_headers_routes,
    &api_event_type_routes,
    &api_event_type_example_routes,
    &api_message_routes,
    &api_message_batch_routes,
    &api_message_read_routes,
    &api_explain_routes,
    &api_application_search_routes,
    &api_delivery_routes,
    &api_find_routes,
    &api_trouble_routes,
    &api_issue_routes,
    &api_alert_routes,
    &api_operational_routes,
    &api_attempt_routes,
    &api_attempt_list_routes,
    &api_replay_routes,
    &api_stats_routes,
    &api_series_routes,
    &api_stream_routes,
    &api_task_routes,
    &api_task_control_routes,
    &api_bulk_routes,
    &api_token_routes,
    &api_user_routes,
    &api_account_routes,
    &api_session_list_routes,
    &api_tenant_routes,
    &api_auth_routes,
    &api_audit_routes,
    &api_environment_routes,
    &api_openapi_import_routes,
    &api_example_routes,
    &api_meta_routes,
    &api_webfilter_routes,
    &api_webfilter_chain_routes,
    &api_webfilter_run_routes,
    &api_webfilter_try_routes,
    &api_ingest_routes,
    &api_transform_routes,
    &api_trial_routes,
    &api_verify_routes,
    &api_view_routes,
    &api_ingest_request_routes,
    &api_preset_routes,
    &api_session_routes,
    &api_session_proof_routes,
    &api_login_routes,
    &api_who_routes,
};
/* clang-format on */

void api_router_options(struct api *api, struct http_router_options *o)
{
    o->ctx = api;
    o->admit = api_admit;
    o->observe = api_observe;
    o->owner = api_request_owner;
    o->enter = api_act_enter;
    o->leave = api_act_leave;
}

void api_add_routes(struct api *api, struct http_router *router)
{
    api->router = router;
    api->tables = tables;
    api->table_count = COUNT_OF(tables);
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        for (size_t n = 0; n < tables[i]->count; n++)
            http_router_add(router, &tables[i]->routes[n].http, 1);
    api_ingest_judge(router);
}
