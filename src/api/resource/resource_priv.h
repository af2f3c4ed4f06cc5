/* SPDX-License-Identifier: Apache-2.0
 *
 * What routes.c joins: the route tables of the resources.
 */
#pragma once

#include "api/kit/kit_priv.h"

/* Requests at sources are judged by the source, not by a token. */
void api_ingest_judge(struct http_router *router);
extern const struct api_route_table api_explain_routes, api_application_search_routes, api_delivery_routes, api_find_routes, api_trouble_routes, api_trial_routes, api_verify_routes, api_view_routes;
extern const struct api_route_table api_application_routes, api_endpoint_routes, api_endpoint_secret_routes,
    api_endpoint_headers_routes, api_event_type_routes, api_message_routes, api_message_batch_routes, api_message_read_routes,
    api_attempt_routes, api_attempt_list_routes, api_replay_routes, api_stats_routes, api_series_routes, api_stream_routes, api_task_routes, api_auth_routes, api_audit_routes,
    api_environment_routes, api_openapi_import_routes, api_example_routes, api_transform_routes, api_meta_routes, api_webfilter_routes, api_webfilter_chain_routes, api_webfilter_run_routes, api_webfilter_try_routes, api_ingest_routes, api_ingest_request_routes, api_preset_routes;
extern const struct api_route_table api_task_control_routes;
extern const struct api_route_table api_event_type_example_routes;
extern const struct api_route_table api_session_routes, api_login_routes, api_who_routes;
extern const struct api_route_table api_issue_routes, api_alert_routes, api_operational_routes;
extern const struct api_route_table api_bulk_routes, api_token_routes;
extern const struct api_route_table api_account_routes, api_session_list_routes, api_session_proof_routes, api_tenant_routes, api_user_routes;
