/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes of what is configured: applications, endpoints, event types, access.
 */
#include "api/schemas.h"

enum {
    METADATA_MAX = 4096,
    DESCRIPTION_MAX = 8192,
    SCHEMAS_MAX = 256 * 1024,
    RATE_MAX = 65535,
    TIMEOUT_MAX_MS = 60000,
    RETRIES_MAX = 32,
    GRACE_MAX_S = 604800,
    FLAGS_MAX = 25
};

#define NAME_FIELD(field, flags_, text) \
    { \
        .name = (field), .type = API_STRING, .flags = (flags_), .min = 1, .chars = API_CHARS_NAME, \
        .doc = (text) \
    }
#define UID_FIELD(prefix) \
    { \
        .name = "uid", .type = API_STRING, .flags = API_NULLABLE, .min = 1, \
        .chars = API_CHARS_NAME, .not_prefix = (prefix), \
        .doc = "The owner's own name for it, usable in place of the id in every path." \
    }
#define METADATA \
    { \
        .name = "metadata", .type = API_TEXT_MAP, .max = METADATA_MAX, \
        .doc = "Free texts by name, at most 4096 bytes together." \
    }
#define RATE(flags_) \
    { \
        .name = "throttleRate", .type = API_INT, .flags = API_NULLABLE | (flags_), .min = 0, \
        .max = RATE_MAX, .doc = "Deliveries a second, at most." \
    }
#define OLD_RATE \
    { \
        .name = "rateLimit", .type = API_INT, .flags = API_NULLABLE | API_HIDDEN, .min = 0, \
        .max = RATE_MAX, .doc = "Older spelling of throttleRate." \
    }
#define CREATED \
    { \
        .name = "createdAt", .type = API_DATE, .flags = API_REQUIRED, .doc = "When it was made." \
    }
#define UPDATED \
    { \
        .name = "updatedAt", .type = API_DATE, .flags = API_REQUIRED, \
        .doc = "When it was last changed." \
    }
#define ID_OUT(text) \
    { \
        .name = "id", .type = API_STRING, .flags = API_REQUIRED, .doc = (text) \
    }

static const struct api_field ApplicationIn_fields[] = {
    { .name = "name",
      .type = API_STRING,
      .flags = API_REQUIRED,
      .min = 1,
      .max = DESCRIPTION_MAX,
      .doc = "For people." },
    UID_FIELD("app_"),
    METADATA,
    RATE(0),
    OLD_RATE,
};
API_SCHEMA_OF(ApplicationIn,
              "An application: one of your customers, or one place messages come from.");

static const struct api_field ApplicationPatch_fields[] = {
    { .name = "name", .type = API_STRING, .min = 1, .max = DESCRIPTION_MAX, .doc = "For people." },
    UID_FIELD("app_"),
    METADATA,
    RATE(0),
    OLD_RATE,
};
const struct api_schema api_schema_ApplicationPatch = {
    "ApplicationPatch", ApplicationPatch_fields, COUNT_OF(ApplicationPatch_fields),
    "Changes to an application; what is absent stays.", false
};

static const struct api_field ApplicationOut_fields[] = {
    ID_OUT("app_..."),
    { .name = "name", .type = API_STRING, .flags = API_REQUIRED, .doc = "For people." },
    UID_FIELD("app_"),
    { .name = "metadata",
      .type = API_TEXT_MAP,
      .flags = API_REQUIRED,
      .doc = "Free texts by name." },
    RATE(0),
    CREATED,
    UPDATED,
};
API_SCHEMA_OF(ApplicationOut, "An application.");

static const struct api_field EndpointHandshakeIn_fields[] = {
    { .name = "kind",
      .type = API_STRING,
      .flags = API_REQUIRED,
      .min = 1,
      .max = 20,
      .doc = "preservica, cloudevents, websub or ping." },
    { .name = "rate",
      .type = API_INT,
      .flags = API_NULLABLE,
      .min = 1,
      .max = RATE_MAX,
      .doc = "cloudevents: deliveries a minute to ask for." },
    { .name = "topic",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .min = 1,
      .max = 1024,
      .doc = "websub: hub.topic; the application's URL when absent." },
};
API_SCHEMA_OF(EndpointHandshakeIn,
              "What a receiver must answer before anything is delivered to its URL.");

static const struct api_field EndpointHandshakeOut_fields[] = {
    { .name = "kind",
      .type = API_STRING,
      .flags = API_REQUIRED,
      .doc = "preservica, cloudevents, websub or ping." },
    { .name = "rate", .type = API_INT, .doc = "cloudevents: deliveries a minute asked for." },
    { .name = "topic", .type = API_STRING, .doc = "websub: hub.topic." },
    { .name = "verified",
      .type = API_BOOL,
      .flags = API_REQUIRED,
      .doc = "Did the receiver at the present URL pass it?" },
    { .name = "allowedPerMinute",
      .type = API_INT,
      .doc = "cloudevents: the rate the receiver allowed, kept to." },
};
API_SCHEMA_OF(EndpointHandshakeOut, "An endpoint's handshake.");

#define HANDSHAKE_FIELDS \
    { .name = "handshake", \
      .type = API_SCHEMA, \
      .flags = API_NULLABLE, \
      .schema = &api_schema_EndpointHandshakeIn, \
      .doc = "Ask the receiver first, and again when the URL changes; null: do not." }, \
    { \
        .name = "schemeSecret", .type = API_STRING, .flags = API_NULLABLE, .min = 1, .max = 256, \
        .doc = \
            "The key of a scheme other than standard and of the preservica handshake, printable ASCII, never shown; the text of the signing secret when absent." \
    }

#define ENDPOINT_COMMON \
    { \
        .name = "scheme", \
        .type = API_STRING, \
        .flags = API_NULLABLE, \
        .min = 1, \
        .max = 20, \
        .doc = \
            "standard, or preservica: its envelope, sent chunked, with its signature beside ours." \
    }, \
        { .name = "includeIdentifiers", \
          .type = API_BOOL, \
          .flags = API_NULLABLE, \
          .doc = "preservica: events keep their identifiers; true when absent." }, \
        { .name = "description", \
          .type = API_STRING, \
          .max = DESCRIPTION_MAX, \
          .doc = "For people." }, \
        UID_FIELD("ep_"), \
        { .name = "disabled", .type = API_BOOL, .doc = "No deliveries while true." }, \
        { .name = "channels", \
          .type = API_LIST, \
          .flags = API_NULLABLE, \
          .min = 1, \
          .max = 10, \
          .chars = API_CHARS_CHANNEL, \
          .doc = "Only messages that share one of these; null: all." }, \
        { .name = "eventTypes", \
          .type = API_LIST, \
          .flags = API_NULLABLE, \
          .max = 1000, \
          .chars = API_CHARS_NAME, \
          .doc = "Only messages of these types; null or empty: all." }, \
        { .name = "filterTypes", \
          .type = API_LIST, \
          .flags = API_NULLABLE | API_HIDDEN, \
          .max = 1000, \
          .chars = API_CHARS_NAME, \
          .doc = "Older spelling of eventTypes." }, \
        { .name = "version", \
          .type = API_INT, \
          .flags = API_NULLABLE | API_HIDDEN, \
          .min = 1, \
          .max = RATE_MAX, \
          .doc = "A relic." }, \
        { .name = "filter", \
          .type = API_OBJECT, \
          .flags = API_NULLABLE, \
          .max = 65536, \
          .doc = "Only messages it matches (see the guide to filters); null: all." }, \
        { .name = "transform", \
          .type = API_STRING, \
          .flags = API_NULLABLE, \
          .min = 1, \
          .max = 16384, \
          .doc = \
              "A jq program that makes what is sent (see the guide to transforms); null: none." }, \
        { .name = "timeoutMs", \
          .type = API_INT, \
          .flags = API_NULLABLE, \
          .min = 100, \
          .max = TIMEOUT_MAX_MS, \
          .doc = "Total deadline of an attempt in milliseconds; null: the server's." }, \
        { .name = "retrySchedule", \
          .type = API_NUMBERS, \
          .flags = API_NULLABLE, \
          .max = RETRIES_MAX, \
          .doc = \
              "Delays in seconds (fractions allowed) after the first, second, ... failure; empty: never again; null: the server's." }, \
        { .name = "ordered", \
          .type = API_BOOL, \
          .flags = API_NULLABLE, \
          .doc = \
              "One delivery at a time, in the order of acceptance; one that fails holds back those behind it." }, \
        { .name = "encoding", \
          .type = API_STRING, \
          .flags = API_NULLABLE, \
          .max = 8, \
          .doc = \
              "json: the payload as it is; form: flattened, keys joined with _, as application/x-www-form-urlencoded; null: json." }, \
        { .name = "amqp", \
          .type = API_OBJECT, \
          .flags = API_NULLABLE, \
          .max = 65536, \
          .doc = \
              "With an amqp:// or amqps:// URL: exchange, exchangeType, declare, routingKey, headers, persistent, mandatory, confirmTimeoutMs; see the guide." }, \
        METADATA, RATE(0), OLD_RATE

#define HEADERS_FIELD \
    { \
        .name = "headers", .type = API_TEXT_MAP, .flags = API_NULLABLE, .max = 65536, \
        .doc = "Sent with every delivery; kept sealed." \
    }
#define SECRET_FIELD(field) \
    { \
        .name = (field), .type = API_STRING, .flags = API_NULLABLE, .min = 1, .max = 128, \
        .doc = \
            "whsec_ and base64 of 24 to 75 bytes, or whsk_ and base64 of an Ed25519 key; made when absent." \
    }
#define URL_FIELD(flags_) \
    { \
        .name = "url", .type = API_URL, .flags = (flags_), \
        .doc = \
            "Where deliveries go: http or https; amqp or amqps for RabbitMQ (credentials in it are kept sealed and not shown)." \
    }

static const struct api_field EndpointIn_fields[] = { URL_FIELD(API_REQUIRED), ENDPOINT_COMMON,
                                                      HANDSHAKE_FIELDS, SECRET_FIELD("secret"),
                                                      HEADERS_FIELD };
API_SCHEMA_OF(EndpointIn, "An endpoint: where an application's messages go.");

static const struct api_field EndpointUpsertIn_fields[] = { URL_FIELD(API_REQUIRED),
                                                            ENDPOINT_COMMON, HANDSHAKE_FIELDS };
API_SCHEMA_OF(EndpointUpsertIn, "The whole of an endpoint, to replace or make one.");

static const struct api_field EndpointPatch_fields[] = { URL_FIELD(0), ENDPOINT_COMMON,
                                                         HANDSHAKE_FIELDS };
const struct api_schema api_schema_EndpointPatch = {
    "EndpointPatch", EndpointPatch_fields, COUNT_OF(EndpointPatch_fields),
    "Changes to an endpoint; what is absent stays.", false
};

static const struct api_field EndpointOut_fields[] = {
    ID_OUT("ep_..."),
    URL_FIELD(API_REQUIRED),
    ENDPOINT_COMMON,
    { .name = "handshake",
      .type = API_SCHEMA,
      .schema = &api_schema_EndpointHandshakeOut,
      .doc = "What the receiver must answer first." },
    CREATED,
    UPDATED,
    { .name = "disabledReason",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .doc = "manual, failing, gone, unverified; null when enabled." },
};
API_SCHEMA_OF(EndpointOut, "An endpoint. Its secret is read at .../secret.");

static const struct api_field EndpointSecretOut_fields[] = {
    { .name = "key",
      .type = API_STRING,
      .flags = API_REQUIRED,
      .doc = "whsec_..., or the public key whpk_..." },
};
API_SCHEMA_OF(EndpointSecretOut, "What a receiver verifies signatures with.");

static const struct api_field EndpointSecretRotateIn_fields[] = {
    SECRET_FIELD("key"),
    { .name = "gracePeriodSeconds",
      .type = API_INT,
      .flags = API_NULLABLE,
      .min = 0,
      .max = GRACE_MAX_S,
      .doc = "How long the old key signs too; 86400 when absent." },
};
API_SCHEMA_OF(EndpointSecretRotateIn, "A new signing key.");

static const struct api_field EndpointHeadersIn_fields[] = {
    { .name = "headers",
      .type = API_TEXT_MAP,
      .flags = API_REQUIRED,
      .max = 65536,
      .doc = "All of them; others go." },
};
API_SCHEMA_OF(EndpointHeadersIn, "Headers sent with every delivery.");

static const struct api_field EndpointHeadersPatchIn_fields[] = {
    { .name = "headers",
      .type = API_NULL_MAP,
      .flags = API_REQUIRED,
      .max = 65536,
      .doc = "To set; null removes." },
    { .name = "deleteHeaders", .type = API_LIST, .max = 100, .doc = "To remove." },
};
API_SCHEMA_OF(EndpointHeadersPatchIn, "Changes to the headers.");

static const struct api_field EndpointHeadersOut_fields[] = {
    { .name = "headers",
      .type = API_TEXT_MAP,
      .flags = API_REQUIRED,
      .doc = "Those that may be shown." },
    { .name = "sensitive",
      .type = API_LIST,
      .flags = API_REQUIRED,
      .doc = "Names of those that are kept back." },
};
API_SCHEMA_OF(EndpointHeadersOut, "Headers sent with every delivery.");

#define COUNT(field, text) \
    { \
        .name = (field), .type = API_INT, .flags = API_REQUIRED, .doc = (text) \
    }
static const struct api_field EndpointStats_fields[] = {
    COUNT("success", "Delivered."),
    COUNT("pending", "Accepted, not tried yet."),
    COUNT("sending", "Tried, will be tried again."),
    COUNT("fail", "Given up."),
    COUNT("canceled", "Canceled."),
};
API_SCHEMA_OF(EndpointStats, "Deliveries by state, of messages made in the time asked for.");

static const struct api_field EndpointHealth_fields[] = {
    { .name = "status",
      .type = API_STRING,
      .flags = API_REQUIRED,
      .doc = "healthy, failing or disabled." },
    { .name = "disabledReason",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .doc = "manual, failing, gone." },
    { .name = "failingSince",
      .type = API_DATE,
      .flags = API_NULLABLE,
      .doc = "First failure of an unbroken run." },
    COUNT("pendingCount", "Deliveries waiting to be tried (counted up to 1000)."),
    { .name = "oldestPendingAt",
      .type = API_DATE,
      .flags = API_NULLABLE,
      .doc = "When the oldest of them was accepted." },
    { .name = "nextAttemptAt",
      .type = API_DATE,
      .flags = API_NULLABLE,
      .doc = "When the next one is due." },
    COUNT("queuedCount",
          "Deliveries waiting in memory at this moment; the others wait in the store."),
    COUNT("inFlightCount", "Attempts under way at this moment."),
    COUNT("window",
          "Attempts that may run at a time; it grows with success and shrinks with failure."),
    COUNT("failuresInRow", "Attempts that failed since the last one that succeeded."),
    { .name = "parkedUntil",
      .type = API_DATE,
      .flags = API_NULLABLE,
      .doc = "After many failures in a row nothing is sent before then, and one attempt probes." },
};
API_SCHEMA_OF(EndpointHealth, "How an endpoint is doing.");

#define EVENT_TYPE_COMMON \
    { .name = "archived", \
      .type = API_BOOL, \
      .doc = "Hidden from lists; endpoints may not name it." }, \
        { .name = "deprecated", .type = API_BOOL, .doc = "On its way out." }, \
        { .name = "schemas", \
          .type = API_OBJECTS, \
          .flags = API_NULLABLE, \
          .max = SCHEMAS_MAX, \
          .doc = "JSON Schema by version, as {\"1\":{...}}." }, \
        { .name = "featureFlags", \
          .type = API_LIST, \
          .flags = API_NULLABLE, \
          .max = FLAGS_MAX, \
          .chars = API_CHARS_NAME, \
          .doc = "Applications see it if they hold one of these." }, \
        { .name = "featureFlag", \
          .type = API_STRING, \
          .flags = API_NULLABLE | API_HIDDEN, \
          .chars = API_CHARS_NAME, \
          .doc = "Older form of featureFlags." }, \
        NAME_FIELD("groupName", API_NULLABLE, "For showing types together.")
#define TEXT_FIELD(flags_) \
    { \
        .name = "description", .type = API_STRING, .flags = (flags_), .max = DESCRIPTION_MAX, \
        .doc = "For people." \
    }

static const struct api_field EventTypeIn_fields[] = {
    NAME_FIELD("name", API_REQUIRED, "As in user.signup."), TEXT_FIELD(API_REQUIRED),
    EVENT_TYPE_COMMON
};
API_SCHEMA_OF(EventTypeIn, "A kind of message.");
static const struct api_field EventTypeUpsertIn_fields[] = { TEXT_FIELD(API_REQUIRED),
                                                             EVENT_TYPE_COMMON };
API_SCHEMA_OF(EventTypeUpsertIn, "The whole of an event type, to replace or make one.");
static const struct api_field EventTypePatch_fields[] = { TEXT_FIELD(0), EVENT_TYPE_COMMON };
const struct api_schema api_schema_EventTypePatch = {
    "EventTypePatch", EventTypePatch_fields, COUNT_OF(EventTypePatch_fields),
    "Changes to an event type; what is absent stays.", false
};
static const struct api_field EventTypeOut_fields[] = {
    NAME_FIELD("name", API_REQUIRED, "As in user.signup."), TEXT_FIELD(API_REQUIRED),
    EVENT_TYPE_COMMON, CREATED, UPDATED
};
API_SCHEMA_OF(EventTypeOut, "A kind of message.");

static const struct api_field EventTypeImportOpenApiIn_fields[] = {
    { .name = "dryRun", .type = API_BOOL, .doc = "Only say what would change." },
    { .name = "replaceAll",
      .type = API_BOOL,
      .doc = "Archive event types the document does not have." },
    { .name = "spec", .type = API_OBJECT, .flags = API_NULLABLE, .doc = "The OpenAPI document." },
    { .name = "specRaw",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .doc = "The OpenAPI document as JSON text." },
};
API_SCHEMA_OF(EventTypeImportOpenApiIn, "Event types from the webhooks of an OpenAPI document.");
static const struct api_field EventTypeImportOpenApiOut_fields[] = {
    { .name = "data",
      .type = API_OBJECT,
      .flags = API_REQUIRED,
      .doc = "modified: names; to_modify: the event types." },
};
API_SCHEMA_OF(EventTypeImportOpenApiOut, "What was imported.");

static const struct api_field EnvironmentIn_fields[] = {
    { .name = "eventTypes",
      .type = API_SCHEMAS,
      .flags = API_NULLABLE,
      .max = 5000,
      .schema = &api_schema_EventTypeIn,
      .doc = "To make or replace." },
    { .name = "settings",
      .type = API_OBJECT,
      .flags = API_NULLABLE,
      .doc = "Not used; accepted as exported." },
    { .name = "connectors",
      .type = API_ANYTHING,
      .flags = API_NULLABLE,
      .doc = "Not used; accepted as exported." },
};
API_SCHEMA_OF(EnvironmentIn, "An exported environment.");
static const struct api_field EnvironmentOut_fields[] = {
    { .name = "version", .type = API_INT, .flags = API_REQUIRED, .doc = "1" },
    CREATED,
    { .name = "eventTypes",
      .type = API_SCHEMAS,
      .flags = API_REQUIRED,
      .schema = &api_schema_EventTypeOut,
      .doc = "All, with schemas." },
    { .name = "settings", .type = API_OBJECT, .flags = API_REQUIRED | API_NULLABLE, .doc = "null" },
    { .name = "connectors", .type = API_ANYTHING, .flags = API_REQUIRED, .doc = "Empty." },
};
API_SCHEMA_OF(EnvironmentOut, "What an environment has that is not an application's.");

static const struct api_field AppPortalAccessIn_fields[] = {
    { .name = "application",
      .type = API_SCHEMA,
      .schema = &api_schema_ApplicationIn,
      .flags = API_NULLABLE,
      .doc = "Made if the path's is not known." },
    { .name = "readOnly",
      .type = API_BOOL,
      .flags = API_NULLABLE,
      .doc = "The token may not change anything." },
    { .name = "capabilities",
      .type = API_LIST,
      .flags = API_NULLABLE,
      .max = 6,
      .doc =
          "ViewBase, ViewEndpointSecret, ManageEndpointSecret, ManageTransformations, CreateAttempts, ManageEndpoint; absent: all." },
    { .name = "featureFlags",
      .type = API_LIST,
      .max = FLAGS_MAX,
      .chars = API_CHARS_NAME,
      .doc = "Event types with these flags are shown too." },
    { .name = "expiry",
      .type = API_INT,
      .flags = API_NULLABLE,
      .min = 3600,
      .max = GRACE_MAX_S,
      .doc = "Seconds the token lives; 604800 when absent." },
    { .name = "sessionId",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .min = 1,
      .chars = API_CHARS_SESSION,
      .doc = "So that expire-all can end this session alone." },
};
API_SCHEMA_OF(AppPortalAccessIn, "Access for an application's owner.");
static const struct api_field IngestSourceConsumerPortalAccessIn_fields[] = {
    { .name = "expiry",
      .type = API_INT,
      .flags = API_NULLABLE,
      .min = 3600,
      .max = 604800,
      .doc = "Seconds the token lives. Default: 7 days." },
    { .name = "readOnly",
      .type = API_BOOL,
      .flags = API_NULLABLE,
      .doc = "The token may read only." },
};
API_SCHEMA_OF(IngestSourceConsumerPortalAccessIn, "Access for a source's owner.");
static const struct api_field AppPortalAccessOut_fields[] = {
    { .name = "url",
      .type = API_STRING,
      .flags = API_REQUIRED,
      .doc = "The portal, with the token in its fragment." },
    { .name = "token",
      .type = API_STRING,
      .flags = API_REQUIRED,
      .doc = "A bearer token of the application." },
};
API_SCHEMA_OF(AppPortalAccessOut, "Access for an application's owner.");
static const struct api_field ApplicationTokenExpireIn_fields[] = {
    { .name = "expiry",
      .type = API_INT,
      .flags = API_NULLABLE,
      .min = 0,
      .max = 259200,
      .doc = "Seconds until they end; at once when absent." },
    { .name = "sessionIds",
      .type = API_LIST,
      .max = 1000,
      .chars = API_CHARS_SESSION,
      .doc = "Only tokens of these sessions." },
};
API_SCHEMA_OF(ApplicationTokenExpireIn, "Which of an application's tokens end.");

static const struct api_field EventExampleIn_fields[] = {
    NAME_FIELD("eventType", API_REQUIRED, "Whose example; svix.ping has one built in."),
    { .name = "exampleIndex",
      .type = API_INT,
      .min = 0,
      .max = 1000,
      .doc = "Which of its examples." },
};
API_SCHEMA_OF(EventExampleIn, "An example to send.");
