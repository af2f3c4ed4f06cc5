/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations by id: what goes in and what comes out.
 */
#include "api/openapi.h"

#define S(name) (&api_schema_##name)
#define PAGE "limit iterator"
#define PAGE_ORDER "limit iterator order"
#define MESSAGES PAGE " channel tag before after with_content event_types"

static const struct api_operation operations[] = {
    { "v1.application.list", NULL, S(ApplicationOut), 200, 0, true, PAGE_ORDER },
    { "v1.application.create", S(ApplicationIn), S(ApplicationOut), 201, 200, false,
      "get_if_exists" },
    { "v1.application.get", NULL, S(ApplicationOut), 200, 0, false, "" },
    { "v1.application.upsert", S(ApplicationIn), S(ApplicationOut), 200, 201, false, "" },
    { "v1.application.patch", S(ApplicationPatch), S(ApplicationOut), 200, 0, false, "" },
    { "v1.application.delete", NULL, NULL, 204, 0, false, "" },
    { "v1.endpoint.list", NULL, S(EndpointOut), 200, 0, true, PAGE_ORDER },
    { "v1.endpoint.create", S(EndpointIn), S(EndpointOut), 201, 0, false, "" },
    { "v1.endpoint.get", NULL, S(EndpointOut), 200, 0, false, "" },
    { "v1.endpoint.upsert", S(EndpointUpsertIn), S(EndpointOut), 200, 201, false, "" },
    { "v1.endpoint.patch", S(EndpointPatch), S(EndpointOut), 200, 0, false, "" },
    { "v1.endpoint.delete", NULL, NULL, 204, 0, false, "" },
    { "v1.endpoint.enable", NULL, S(EndpointOut), 200, 0, false, "" },
    { "v1.endpoint.get-secret", NULL, S(EndpointSecretOut), 200, 0, false, "" },
    { "v1.endpoint.rotate-secret", S(EndpointSecretRotateIn), S(EndpointSecretOut), 200, 0, false,
      "" },
    { "v1.endpoint.get-headers", NULL, S(EndpointHeadersOut), 200, 0, false, "" },
    { "v1.endpoint.set-headers", S(EndpointHeadersIn), NULL, 204, 0, false, "" },
    { "v1.endpoint.patch-headers", S(EndpointHeadersPatchIn), NULL, 204, 0, false, "" },
    { "v1.endpoint.get-stats", NULL, S(EndpointStats), 200, 0, false, "since until" },
    { "v1.endpoint.get-health", NULL, S(EndpointHealth), 200, 0, false, "" },
    { "v1.endpoint.send-example", S(EventExampleIn), S(MessageOut), 202, 0, false, "" },
    { "v1.endpoint.recover", S(RecoverIn), S(TaskOut), 202, 0, false, "" },
    { "v1.endpoint.replay-missing", S(RecoverIn), S(TaskOut), 202, 0, false, "" },
    { "v1.endpoint.bulk-replay", S(BulkReplayIn), S(TaskOut), 202, 0, false, "" },
    { "v1.event-type.list", NULL, S(EventTypeOut), 200, 0, true,
      PAGE_ORDER " include_archived with_content" },
    { "v1.event-type.create", S(EventTypeIn), S(EventTypeOut), 201, 0, false, "" },
    { "v1.event-type.get", NULL, S(EventTypeOut), 200, 0, false, "" },
    { "v1.event-type.upsert", S(EventTypeUpsertIn), S(EventTypeOut), 200, 201, false, "" },
    { "v1.event-type.patch", S(EventTypePatch), S(EventTypeOut), 200, 0, false, "" },
    { "v1.event-type.delete", NULL, NULL, 204, 0, false, "expunge" },
    { "v1.event-type.import-openapi", S(EventTypeImportOpenApiIn), S(EventTypeImportOpenApiOut),
      200, 0, false, "" },
    { "v1.environment.export", NULL, S(EnvironmentOut), 200, 0, false, "" },
    { "v1.environment.import", S(EnvironmentIn), NULL, 204, 0, false, "" },
    { "v1.message.create", S(MessageIn), S(MessageOut), 202, 0, false, "with_content" },
    { "v1.message.create-batch", S(MessageBatchIn), S(MessageBatchOut), 202, 0, false,
      "with_content" },
    { "v1.message.list", NULL, S(MessageOut), 200, 0, true, MESSAGES },
    { "v1.message.get", NULL, S(MessageOut), 200, 0, false, "with_content" },
    { "v1.message.expunge-content", NULL, NULL, 204, 0, false, "" },
    { "v1.message.bulk-expunge-content", S(BulkExpungeContentsIn), S(BulkExpungeContentsOut), 200,
      0, false, "" },
    { "v1.message.expunge-all-contents", NULL, S(TaskOut), 202, 0, false, "" },
    { "v1.message.precheck", S(MessagePrecheckIn), S(MessagePrecheckOut), 200, 0, false, "" },
    { "v1.message-attempt.list-by-endpoint", NULL, S(MessageAttemptOut), 200, 0, true,
      MESSAGES " status status_code_class with_msg expanded_statuses" },
    { "v1.message-attempt.list-by-msg", NULL, S(MessageAttemptOut), 200, 0, true,
      MESSAGES " status status_code_class with_msg expanded_statuses endpoint_id" },
    { "v1.message-attempt.list-attempted-messages", NULL, S(EndpointMessageOut), 200, 0, true,
      MESSAGES " status expanded_statuses" },
    { "v1.message-attempt.list-attempted-destinations", NULL, S(MessageEndpointOut), 200, 0, true,
      PAGE " expanded_statuses" },
    { "v1.message-attempt.get", NULL, S(MessageAttemptOut), 200, 0, false, "expanded_statuses" },
    { "v1.message-attempt.expunge-content", NULL, NULL, 204, 0, false, "" },
    { "v1.message-attempt.resend", NULL, S(EmptyResponse), 202, 0, false, "" },
    { "v1.authentication.app-portal-access", S(AppPortalAccessIn), S(AppPortalAccessOut), 200, 0,
      false, "" },
    { "v1.authentication.expire-all", S(ApplicationTokenExpireIn), NULL, 204, 0, false, "" },
    { "v1.authentication.logout", NULL, NULL, 204, 0, false, "" },
    { "v1.statistics.aggregate-app-stats", S(AppUsageStatsIn), S(AppUsageStatsOut), 202, 0, false,
      "" },
    { "v1.statistics.aggregate-event-types", NULL, S(TaskOut), 202, 0, false, "" },
    { "v1.background-task.list", NULL, S(BackgroundTaskOut), 200, 0, true, PAGE_ORDER " task" },
    { "v1.background-task.get", NULL, S(BackgroundTaskOut), 200, 0, false, "" },
    { "v1.operational-webhook.endpoint.list", NULL, S(EndpointOut), 200, 0, true, PAGE_ORDER },
    { "v1.operational-webhook.endpoint.create", S(EndpointIn), S(EndpointOut), 201, 0, false, "" },
    { "v1.operational-webhook.endpoint.get", NULL, S(EndpointOut), 200, 0, false, "" },
    { "v1.operational-webhook.endpoint.upsert", S(EndpointUpsertIn), S(EndpointOut), 200, 201,
      false, "" },
    { "v1.operational-webhook.endpoint.delete", NULL, NULL, 204, 0, false, "" },
    { "v1.operational-webhook.endpoint.get-secret", NULL, S(EndpointSecretOut), 200, 0, false, "" },
    { "v1.operational-webhook.endpoint.rotate-secret", S(EndpointSecretRotateIn),
      S(EndpointSecretOut), 200, 0, false, "" },
    { "v1.operational-webhook.endpoint.get-headers", NULL, S(EndpointHeadersOut), 200, 0, false,
      "" },
    { "v1.operational-webhook.endpoint.set-headers", S(EndpointHeadersIn), NULL, 204, 0, false,
      "" },
    { "v1.ingest.source.list", NULL, S(IngestSourceOut), 200, 0, true, PAGE_ORDER },
    { "v1.ingest.source.create", S(IngestSourceIn), S(IngestSourceOut), 201, 0, false, "" },
    { "v1.ingest.source.get", NULL, S(IngestSourceOut), 200, 0, false, "" },
    { "v1.ingest.source.upsert", S(IngestSourceIn), S(IngestSourceOut), 200, 201, false, "" },
    { "v1.ingest.source.patch", S(IngestSourcePatch), S(IngestSourceOut), 200, 0, false, "" },
    { "v1.ingest.source.delete", NULL, NULL, 204, 0, false, "" },
    { "v1.ingest.source.rotate-token", S(IngestGraceIn), S(RotateTokenOut), 200, 0, false, "" },
    { "v1.ingest.source.rotate-secret", S(IngestSecretIn), NULL, 204, 0, false, "" },
    { "v1.ingest.endpoint.list", NULL, S(EndpointOut), 200, 0, true, PAGE_ORDER },
    { "v1.ingest.endpoint.create", S(EndpointIn), S(EndpointOut), 201, 0, false, "" },
    { "v1.ingest.endpoint.get", NULL, S(EndpointOut), 200, 0, false, "" },
    { "v1.ingest.endpoint.upsert", S(EndpointUpsertIn), S(EndpointOut), 200, 201, false, "" },
    { "v1.ingest.endpoint.delete", NULL, NULL, 204, 0, false, "" },
    { "v1.ingest.endpoint.get-secret", NULL, S(EndpointSecretOut), 200, 0, false, "" },
    { "v1.ingest.endpoint.rotate-secret", S(EndpointSecretRotateIn), NULL, 204, 0, false, "" },
    { "v1.ingest.endpoint.get-headers", NULL, S(EndpointHeadersOut), 200, 0, false, "" },
    { "v1.ingest.endpoint.set-headers", S(EndpointHeadersIn), NULL, 204, 0, false, "" },
    { "v1.health.get", NULL, S(HealthOut), 200, 0, false, "" },
};

const struct api_operation *api_operation_find(const char *id)
{
    for (size_t i = 0; i < COUNT_OF(operations); i++)
        if (strcmp(operations[i].id, id) == 0)
            return &operations[i];
    return NULL;
}

static const struct api_query_doc queries[] = {
    { "limit", "integer", "How many at most: 1 to 250, 50 when absent." },
    { "iterator", "string", "Where to go on: `iterator` or `prevIterator` of an answer." },
    { "order", "string", "ascending or descending." },
    { "get_if_exists", "boolean", "Answer with the one that has the uid, if there is one." },
    { "since", "string", "RFC 3339." },
    { "until", "string", "RFC 3339." },
    { "include_archived", "boolean", "Archived ones too." },
    { "with_content", "boolean", "With payloads (or schemas, or responses)." },
    { "expunge", "boolean", "Remove it for good." },
    { "channel", "string", "Only messages with this channel." },
    { "tag", "string", "Only messages with this tag." },
    { "before", "string", "RFC 3339: only older ones." },
    { "after", "string", "RFC 3339: only newer ones." },
    { "event_types", "string", "Only these types: names parted by commas, or repeated." },
    { "status", "string", "0 success, 1 pending, 2 fail, 3 sending, 4 canceled." },
    { "status_code_class", "integer", "0 (no answer), 100, 200, 300, 400, 500." },
    { "with_msg", "boolean", "With each attempt's message." },
    { "expanded_statuses", "boolean", "Show canceled as 4 instead of 0." },
    { "endpoint_id", "string", "Only attempts at this endpoint." },
    { "task", "string", "Only tasks of this kind." },
};

const struct api_query_doc *api_query_doc_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(queries); i++)
        if (str_eq(name, str_from(queries[i].name)))
            return &queries[i];
    return NULL;
}
