/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes of what flows: messages, attempts, tasks, statistics.
 */
#include "api/schemas.h"

#define TYPE_FIELD \
    { \
        .name = "eventType", .type = API_STRING, .flags = API_REQUIRED, .min = 1, \
        .chars = API_CHARS_NAME, .doc = "As in user.signup." \
    }
#define EVENT_ID \
    { \
        .name = "eventId", .type = API_STRING, .flags = API_NULLABLE, .min = 1, \
        .chars = API_CHARS_NAME, .not_prefix = "msg_", \
        .doc = "The sender's own id; unique in the application for the idempotency window." \
    }
#define CHANNELS \
    { \
        .name = "channels", .type = API_LIST, .flags = API_NULLABLE, .min = 1, .max = 10, \
        .chars = API_CHARS_CHANNEL, \
        .doc = "Endpoints with channels get it only if they share one." \
    }
#define TAGS \
    { \
        .name = "tags", .type = API_LIST, .flags = API_NULLABLE, .max = 5, .chars = API_CHARS_TAG, \
        .doc = "For finding it again." \
    }
#define DELIVER_AT \
    { \
        .name = "deliverAt", .type = API_DATE, .flags = API_NULLABLE, \
        .doc = "Not before then; at most 366 days ahead." \
    }

static const struct api_field MessageIn_fields[] = {
    TYPE_FIELD,
    EVENT_ID,
    { .name = "payload",
      .type = API_OBJECT,
      .flags = API_REQUIRED,
      .doc = "Delivered byte for byte as sent here." },
    CHANNELS,
    TAGS,
    DELIVER_AT,
    { .name = "payloadRetentionPeriod",
      .type = API_INT,
      .min = 1,
      .max = 90,
      .doc = "Days the payload is kept; 90 when absent." },
    { .name = "payloadRetentionHours",
      .type = API_INT,
      .flags = API_NULLABLE,
      .min = 1,
      .max = 2160,
      .doc = "The same in hours; wins." },
    { .name = "application",
      .type = API_SCHEMA,
      .schema = &api_schema_ApplicationIn,
      .doc = "Made if the path's is not known; its uid must be the path's." },
    { .name = "transformationsParams",
      .type = API_OBJECT,
      .flags = API_NULLABLE,
      .doc =
          "rawPayload: text delivered instead of the payload; headers: sent along (content-type too)." },
};
API_SCHEMA_OF(MessageIn, "A message to send.");

#define MESSAGE_OUT \
    { .name = "id", \
      .type = API_STRING, \
      .flags = API_REQUIRED, \
      .doc = "msg_..., the webhook-id of every delivery." }, \
        TYPE_FIELD, EVENT_ID, \
        { .name = "payload", \
          .type = API_OBJECT, \
          .flags = API_REQUIRED, \
          .doc = "{} when not asked for; {\"expired\":true} when gone." }, \
        CHANNELS, TAGS, DELIVER_AT, \
    { \
        .name = "timestamp", .type = API_DATE, .flags = API_REQUIRED, \
        .doc = "When it was accepted." \
    }

static const struct api_field MessageOut_fields[] = { MESSAGE_OUT };
API_SCHEMA_OF(MessageOut, "A message.");

static const struct api_field MessageBatchIn_fields[] = {
    { .name = "messages",
      .type = API_SCHEMAS,
      .flags = API_REQUIRED,
      .min = 1,
      .max = 1000,
      .schema = &api_schema_MessageIn,
      .doc = "In this order." },
    { .name = "atomic",
      .type = API_BOOL,
      .doc = "true: all are accepted or none; false: each by itself." },
};
API_SCHEMA_OF(MessageBatchIn, "Many messages in one request.");
static const struct api_field MessageBatchOut_fields[] = {
    { .name = "results",
      .type = API_ANYTHING,
      .flags = API_REQUIRED,
      .doc = "For each message: status, and message or error." },
    { .name = "accepted", .type = API_INT, .flags = API_REQUIRED, .doc = "How many were." },
    { .name = "failed", .type = API_INT, .flags = API_REQUIRED, .doc = "How many were not." },
};
API_SCHEMA_OF(MessageBatchOut, "What became of a batch.");

static const struct api_field MessagePrecheckIn_fields[] = { TYPE_FIELD, CHANNELS };
API_SCHEMA_OF(MessagePrecheckIn, "Would a message go anywhere?");
static const struct api_field MessagePrecheckOut_fields[] = {
    { .name = "active",
      .type = API_BOOL,
      .flags = API_REQUIRED,
      .doc = "At least one endpoint wants it." }
};
API_SCHEMA_OF(MessagePrecheckOut, "Would a message go anywhere?");

static const struct api_field BulkExpungeContentsIn_fields[] = {
    { .name = "ids",
      .type = API_LIST,
      .max = 1000,
      .chars = API_CHARS_NAME,
      .doc = "Ids or event ids of messages." }
};
API_SCHEMA_OF(BulkExpungeContentsIn, "Messages to expunge.");
static const struct api_field BulkExpungeContentsOut_fields[] = {
    { .name = "results",
      .type = API_TEXT_MAP,
      .flags = API_REQUIRED,
      .doc = "By id: expunged or not-found." }
};
API_SCHEMA_OF(BulkExpungeContentsOut, "What became of each.");

static const char reason_doc[] =
    "Why the delivery ended without success, else null; with an attempt: only the last one. "
#define END_REASON(id, number, name, text) name ": " text ". "
#include "tables/end_reasons.def"
#undef END_REASON
    "";

#define STATUS \
    { .name = "status", \
      .type = API_INT, \
      .flags = API_REQUIRED, \
      .max = 4, \
      .doc = \
          "0 success, 1 pending, 2 fail, 3 sending, 4 canceled (0 unless expanded_statuses)." }, \
        { .name = "statusText", \
          .type = API_STRING, \
          .flags = API_REQUIRED, \
          .doc = "success, pending, fail, sending, canceled." }, \
    { \
        .name = "statusReason", .type = API_STRING, .flags = API_NULLABLE, .doc = reason_doc \
    }

static const struct api_field MessageAttemptOut_fields[] = {
    { .name = "id", .type = API_STRING, .flags = API_REQUIRED, .doc = "atmpt_..." },
    { .name = "msgId", .type = API_STRING, .flags = API_REQUIRED, .doc = "msg_..." },
    { .name = "endpointId", .type = API_STRING, .flags = API_REQUIRED, .doc = "ep_..." },
    { .name = "url", .type = API_STRING, .flags = API_REQUIRED, .doc = "Where it went." },
    { .name = "response",
      .type = API_STRING,
      .flags = API_REQUIRED,
      .doc = "What the receiver answered, cut; base64 if it is not UTF-8." },
    { .name = "responseStatusCode",
      .type = API_INT,
      .flags = API_REQUIRED,
      .doc = "0: no answer." },
    { .name = "responseDurationMs",
      .type = API_INT,
      .flags = API_REQUIRED,
      .doc = "From the start of the attempt to its end." },
    STATUS,
    { .name = "triggerType",
      .type = API_INT,
      .flags = API_REQUIRED,
      .max = 1,
      .doc = "0 scheduled, 1 manual." },
    { .name = "timestamp", .type = API_DATE, .flags = API_REQUIRED, .doc = "When it began." },
    { .name = "nextAttempt",
      .type = API_DATE,
      .flags = API_NULLABLE,
      .doc = "When the next one was planned for." },
    { .name = "attemptNumber", .type = API_INT, .doc = "From 1." },
    { .name = "error",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .doc = "What went wrong besides the status code, as a name; null: nothing." },
    { .name = "errorDetail",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .doc = "The same in words." },
    { .name = "responseHeaders",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .doc = "Raw lines; only when one attempt is asked for." },
    { .name = "requestHeaders",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .doc = "Raw lines without secrets; only when one attempt is asked for." },
    { .name = "msg",
      .type = API_SCHEMA,
      .schema = &api_schema_MessageOut,
      .flags = API_NULLABLE,
      .doc = "With with_msg=true." },
};
API_SCHEMA_OF(MessageAttemptOut, "One try of delivering a message.");

static const struct api_field EndpointMessageOut_fields[] = { MESSAGE_OUT,
                                                              STATUS,
                                                              { .name = "nextAttempt",
                                                                .type = API_DATE,
                                                                .flags = API_NULLABLE,
                                                                .doc = "When it is tried next." } };
API_SCHEMA_OF(EndpointMessageOut, "A message and how its delivery to one endpoint stands.");

static const struct api_field MessageEndpointOut_fields[] = {
    STATUS,
    { .name = "nextAttempt",
      .type = API_DATE,
      .flags = API_NULLABLE,
      .doc = "When it is tried next." },
    { .name = "endpoint",
      .type = API_SCHEMA,
      .schema = &api_schema_EndpointOut,
      .flags = API_EMBEDDED },
};
API_SCHEMA_OF(
    MessageEndpointOut,
    "An endpoint (with all members of EndpointOut) and how its delivery of one message stands.");

#define SINCE \
    { \
        .name = "since", .type = API_DATE, .flags = API_REQUIRED, \
        .doc = "From then on; at most 14 days back." \
    }
#define UNTIL \
    { \
        .name = "until", .type = API_DATE, .flags = API_NULLABLE, \
        .doc = "Up to then; now when absent." \
    }
static const struct api_field RecoverIn_fields[] = { SINCE, UNTIL };
API_SCHEMA_OF(RecoverIn, "Which messages.");
static const struct api_field BulkReplayIn_fields[] = {
    SINCE,
    UNTIL,
    { .name = "eventTypes",
      .type = API_LIST,
      .flags = API_NULLABLE,
      .max = 200,
      .chars = API_CHARS_NAME,
      .doc = "Only these." },
    { .name = "channel",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .chars = API_CHARS_CHANNEL,
      .doc = "Only with this channel." },
    { .name = "tag",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .chars = API_CHARS_TAG,
      .doc = "Only with this tag." },
    { .name = "status",
      .type = API_INT,
      .flags = API_NULLABLE,
      .max = 4,
      .doc = "Only with this status; all finished ones when absent." },
    { .name = "statusCodeClass",
      .type = API_INT,
      .flags = API_NULLABLE,
      .max = 500,
      .doc = "Only whose last answer was of this class." },
};
API_SCHEMA_OF(BulkReplayIn, "Which messages.");

#define TASK \
    { .name = "id", .type = API_STRING, .flags = API_REQUIRED, .doc = "qtask_..." }, \
        { .name = "status", \
          .type = API_STRING, \
          .flags = API_REQUIRED, \
          .doc = "running, finished, failed." }, \
        { .name = "task", \
          .type = API_STRING, \
          .flags = API_REQUIRED, \
          .doc = "Its kind, as in endpoint.recover." }, \
    { \
        .name = "updatedAt", .type = API_DATE, .flags = API_REQUIRED, .doc = "Of the last step." \
    }
static const struct api_field TaskOut_fields[] = { TASK };
API_SCHEMA_OF(TaskOut, "A background task that was started.");
static const struct api_field BackgroundTaskOut_fields[] = {
    TASK,
    { .name = "data", .type = API_OBJECT, .flags = API_REQUIRED, .doc = "Its results so far." }
};
API_SCHEMA_OF(BackgroundTaskOut, "A background task.");

static const struct api_field AppUsageStatsIn_fields[] = {
    SINCE,
    { .name = "until", .type = API_DATE, .flags = API_REQUIRED, .doc = "Up to then." },
    { .name = "appIds",
      .type = API_LIST,
      .flags = API_NULLABLE,
      .max = 1000,
      .chars = API_CHARS_NAME,
      .doc = "Ids or uids; absent: all applications." },
};
API_SCHEMA_OF(AppUsageStatsIn, "Which applications and when.");
static const struct api_field AppUsageStatsOut_fields[] = { TASK,
                                                            { .name = "unresolvedAppIds",
                                                              .type = API_LIST,
                                                              .flags = API_REQUIRED,
                                                              .doc =
                                                                  "Those that are not known." } };
API_SCHEMA_OF(AppUsageStatsOut, "A background task that was started.");

static const struct api_field EmptyResponse_fields[] = {
    { .name = "_", .type = API_ANYTHING, .flags = API_HIDDEN }
};
API_SCHEMA_OF(EmptyResponse, "Nothing to say.");
static const struct api_field HealthOut_fields[] = {
    { .name = "database",
      .type = API_OBJECT,
      .flags = API_REQUIRED,
      .doc = "{\"status\":\"ok\"} or error." },
    { .name = "queue",
      .type = API_OBJECT,
      .flags = API_REQUIRED,
      .doc = "The same for the write queue." },
    { .name = "cache", .type = API_OBJECT, .flags = API_REQUIRED, .doc = "Always ok." },
};
API_SCHEMA_OF(HealthOut, "Is the server able to accept?");
