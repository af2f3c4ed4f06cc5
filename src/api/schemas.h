/* SPDX-License-Identifier: Apache-2.0
 *
 * All shapes of the API, in and out. Names are those of the Svix contract where it has the shape.
 */
#pragma once

#include "api/schema.h"

/* schemas_config.c */
extern const struct api_schema api_schema_ApplicationIn, api_schema_ApplicationPatch, api_schema_ApplicationOut;
extern const struct api_schema api_schema_EndpointIn, api_schema_EndpointUpsertIn, api_schema_EndpointPatch, api_schema_EndpointOut;
extern const struct api_schema api_schema_EndpointHandshakeIn, api_schema_EndpointHandshakeOut;
extern const struct api_schema api_schema_EndpointSecretOut, api_schema_EndpointSecretRotateIn;
extern const struct api_schema api_schema_EndpointHeadersIn, api_schema_EndpointHeadersPatchIn, api_schema_EndpointHeadersOut;
extern const struct api_schema api_schema_EndpointStats, api_schema_EndpointHealth;
extern const struct api_schema api_schema_EventTypeIn, api_schema_EventTypeUpsertIn, api_schema_EventTypePatch, api_schema_EventTypeOut;
extern const struct api_schema api_schema_EventTypeImportOpenApiIn, api_schema_EventTypeImportOpenApiOut;
extern const struct api_schema api_schema_EnvironmentIn, api_schema_EnvironmentOut;
extern const struct api_schema api_schema_IngestSourceConsumerPortalAccessIn;
extern const struct api_schema api_schema_AppPortalAccessIn, api_schema_AppPortalAccessOut, api_schema_ApplicationTokenExpireIn;
extern const struct api_schema api_schema_EventExampleIn;
/* schemas_transform.c */
extern const struct api_schema api_schema_FilterTestIn, api_schema_FilterTestOut, api_schema_TransformTestIn, api_schema_TransformTestOut;
extern const struct api_schema api_schema_EndpointTransformationPatch, api_schema_EndpointTransformationOut;
/* schemas_ingest.c */
extern const struct api_schema api_schema_IngestSourceIn, api_schema_IngestSourcePatch,
    api_schema_IngestSourceOut, api_schema_IngestGraceIn, api_schema_IngestSecretIn,
    api_schema_RotateTokenOut, api_schema_IngestRequestOut, api_schema_IngestReplayIn,
    api_schema_IngestReplayOut, api_schema_IngestIdOut, api_schema_IngestExplainIn,
    api_schema_IngestExplainOut, api_schema_IngestLogOut;
/* schemas_webfilter.c */
extern const struct api_schema api_schema_FilterIn, api_schema_FilterPatch, api_schema_FilterOut, api_schema_FilterSecretOut;
extern const struct api_schema api_schema_FilterChainIn, api_schema_FilterChainOut, api_schema_FilterChainUrlIn;
extern const struct api_schema api_schema_FilterChainRunIn, api_schema_FilterChainRunOut, api_schema_FilterReplayOut, api_schema_FilterRunOut;
extern const struct api_schema api_schema_FilterReplayIn, api_schema_FilterTrialIn, api_schema_FilterTrialOut;
/* schemas_flow.c */
extern const struct api_schema api_schema_MessageIn, api_schema_MessageOut, api_schema_MessageBatchIn, api_schema_MessageBatchOut;
extern const struct api_schema api_schema_MessagePrecheckIn, api_schema_MessagePrecheckOut;
extern const struct api_schema api_schema_BulkExpungeContentsIn, api_schema_BulkExpungeContentsOut;
extern const struct api_schema api_schema_MessageAttemptOut, api_schema_EndpointMessageOut, api_schema_MessageEndpointOut;
extern const struct api_schema api_schema_RecoverIn, api_schema_BulkReplayIn, api_schema_TaskOut, api_schema_BackgroundTaskOut;
extern const struct api_schema api_schema_AppUsageStatsIn, api_schema_AppUsageStatsOut;
extern const struct api_schema api_schema_EmptyResponse, api_schema_HealthOut;
