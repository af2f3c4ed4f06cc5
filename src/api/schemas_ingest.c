/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes of what comes in: sources and their requests.
 */
#include "api/schemas.h"

enum {
    METADATA_MAX = 4096,
    NAME_MAX_BYTES = 256,
    GRACE_MAX_S = 604800,
    SCHEME_MAX = 8192,
    SETTINGS_MAX = 262144
};

#define SOURCE_COMMON(name_flags) \
    { .name = "name", \
      .type = API_STRING, \
      .flags = (name_flags), \
      .min = 1, \
      .max = NAME_MAX_BYTES, \
      .doc = "For people." }, \
        { .name = "uid", \
          .type = API_STRING, \
          .flags = API_NULLABLE, \
          .min = 1, \
          .max = 60, \
          .chars = API_CHARS_NAME, \
          .not_prefix = "src_", \
          .doc = "The owner's own name for it, usable in place of the id in every path." }, \
        { .name = "metadata", \
          .type = API_TEXT_MAP, \
          .max = METADATA_MAX, \
          .doc = "Free texts by name, at most 4096 bytes together." }, \
        { .name = "config", \
          .type = API_OBJECT, \
          .flags = API_NULLABLE, \
          .doc = \
              "Secrets: `secret` (or `publicKey`, `clientId`), `secrets` for several at once, `verifyToken` for a second value. Kept sealed, never shown. None yet: the source is pending and answers handshakes only." }, \
        { .name = "scheme", \
          .type = API_STRING, \
          .flags = API_NULLABLE, \
          .min = 1, \
          .max = SCHEME_MAX, \
          .doc = \
              "With type custom: how requests are signed, in the language of docs/guide/receiving.md." }, \
        { .name = "settings", \
          .type = API_OBJECT, \
          .flags = API_NULLABLE, \
          .max = SETTINGS_MAX, \
          .doc = "Replies, time window, deduplication, routes: see docs/guide/receiving.md." }, \
    { \
        .name = "paused", .type = API_BOOL, \
        .doc = "Requests are kept and answered, but go nowhere until they are replayed." \
    }

static const struct api_field IngestSourceIn_fields[] = {
    SOURCE_COMMON(API_REQUIRED),
    { .name = "type",
      .type = API_STRING,
      .flags = API_REQUIRED,
      .min = 1,
      .max = 64,
      .doc = "A preset's name (`grapnel source presets` lists them), generic-webhook, or custom." },
};
API_SCHEMA_OF(IngestSourceIn, "A source: where a provider's webhooks come in.");

static const struct api_field IngestSourcePatch_fields[] = {
    SOURCE_COMMON(0),
};
const struct api_schema api_schema_IngestSourcePatch = {
    "IngestSourcePatch", IngestSourcePatch_fields, COUNT_OF(IngestSourcePatch_fields),
    "Changes to a source; what is absent stays.", false
};

static const struct api_field IngestSourceOut_fields[] = {
    { .name = "id", .type = API_STRING, .flags = API_REQUIRED, .doc = "src_..." },
    SOURCE_COMMON(API_REQUIRED),
    { .name = "type",
      .type = API_STRING,
      .flags = API_REQUIRED,
      .doc = "A preset's name, generic-webhook, or custom." },
    { .name = "ingestUrl",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .doc = "The URL to give to the provider. Whoever has it may send." },
    { .name = "state",
      .type = API_STRING,
      .flags = API_REQUIRED,
      .doc = "active, paused, pending (no secret yet) or broken (its preset is gone)." },
    { .name = "secretCount",
      .type = API_INT,
      .flags = API_REQUIRED,
      .doc = "Secrets that are kept, those about to expire included." },
    { .name = "createdAt", .type = API_DATE, .flags = API_REQUIRED, .doc = "When it was made." },
    { .name = "updatedAt",
      .type = API_DATE,
      .flags = API_REQUIRED,
      .doc = "When it was last changed." },
};
API_SCHEMA_OF(IngestSourceOut, "A source.");

#define GRACE \
    { \
        .name = "gracePeriodSeconds", .type = API_INT, .flags = API_NULLABLE, .min = 0, \
        .max = GRACE_MAX_S, .doc = "How long the old one stays valid beside the new one." \
    }

static const struct api_field IngestGraceIn_fields[] = { GRACE };
API_SCHEMA_OF(IngestGraceIn, "How long what is replaced stays valid.");

static const struct api_field IngestSecretIn_fields[] = {
    GRACE,
    { .name = "secret",
      .type = API_STRING,
      .flags = API_REQUIRED,
      .min = 1,
      .max = 8192,
      .doc = "The provider's new secret." },
};
API_SCHEMA_OF(IngestSecretIn, "A new secret for a source.");

static const struct api_field RotateTokenOut_fields[] = {
    { .name = "ingestUrl", .type = API_STRING, .flags = API_REQUIRED, .doc = "The new URL." },
};
API_SCHEMA_OF(RotateTokenOut, "A source's new URL.");

#define REQUEST_FIELDS \
    { .name = "id", .type = API_STRING, .flags = API_REQUIRED, .doc = "req_..." }, \
        { .name = "timestamp", .type = API_DATE, .flags = API_REQUIRED, .doc = "When it came." }, \
        { .name = "outcome", \
          .type = API_STRING, \
          .flags = API_REQUIRED, \
          .doc = "accepted, rejected, duplicate or ignored." }, \
        { .name = "reason", \
          .type = API_STRING, \
          .flags = API_NULLABLE, \
          .doc = "Why, in a word: no_matching_key, handshake, paused, ..." }, \
        { .name = "status", \
          .type = API_INT, \
          .flags = API_REQUIRED, \
          .doc = "The status it was answered with." }, \
        { .name = "method", .type = API_STRING, .flags = API_NULLABLE, .doc = "As in POST." }, \
        { .name = "url", \
          .type = API_STRING, \
          .flags = API_NULLABLE, \
          .doc = "Path and query, without the token." }, \
        { .name = "peer", \
          .type = API_STRING, \
          .flags = API_NULLABLE, \
          .doc = "The sender's address." }, \
        { .name = "headers", \
          .type = API_ANYTHING, \
          .flags = API_REQUIRED, \
          .doc = "Pairs of name and value, secrets taken out." }, \
        { .name = "eventType", \
          .type = API_STRING, \
          .flags = API_NULLABLE, \
          .doc = "What it became." }, \
        { .name = "dedupeId", \
          .type = API_STRING, \
          .flags = API_NULLABLE, \
          .doc = "The provider's id." }, \
        { .name = "bodyBytes", \
          .type = API_INT, \
          .flags = API_REQUIRED, \
          .doc = "Size of its body." }, \
        { .name = "original", \
          .type = API_STRING, \
          .flags = API_NULLABLE, \
          .doc = "Of a duplicate or a replay: the first one." }, \
        { .name = "eventCount", \
          .type = API_INT, \
          .flags = API_NULLABLE, \
          .doc = "Events in it, when a message was made of each; null: it is one event." }, \
        { .name = "messages", \
          .type = API_ANYTHING, \
          .flags = API_REQUIRED, \
          .doc = \
              "Ids of the messages it became in the source's application; events that were known before have none." }, \
        { .name = "body", \
          .type = API_STRING, \
          .flags = API_NULLABLE, \
          .doc = \
              "The body, when it is text and was asked for. Of several events: null, see their messages." }, \
    { \
        .name = "bodyBase64", .type = API_STRING, .flags = API_NULLABLE, \
        .doc = "The body, when it is not text." \
    }

static const struct api_field IngestRequestOut_fields[] = {
    REQUEST_FIELDS,
    { .name = "deliveries",
      .type = API_ANYTHING,
      .doc = "Of one request: its deliveries to the source's endpoints." },
};
API_SCHEMA_OF(IngestRequestOut, "A request that came in at a source.");

static const struct api_field IngestReplayIn_fields[] = {
    { .name = "dryRun", .type = API_BOOL, .doc = "Only count." },
    { .name = "outcome",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .max = 64,
      .doc = "accepted, rejected, ignored; several parted by commas." },
    { .name = "reason",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .max = 64,
      .doc = "Only these." },
    { .name = "eventType",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .max = 256,
      .doc = "Only these." },
    { .name = "text",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .max = 1024,
      .doc = "Only those that hold this text." },
    { .name = "before", .type = API_DATE, .flags = API_NULLABLE, .doc = "Only older ones." },
    { .name = "after", .type = API_DATE, .flags = API_NULLABLE, .doc = "Only newer ones." },
    { .name = "iterator",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .max = 64,
      .doc = "Of the answer before, to go on." },
};
API_SCHEMA_OF(IngestReplayIn, "Which requests to send on again.");

static const struct api_field IngestReplayOut_fields[] = {
    { .name = "matched", .type = API_INT, .flags = API_REQUIRED, .doc = "Requests looked at." },
    { .name = "replayed", .type = API_INT, .flags = API_REQUIRED, .doc = "Sent on again." },
    { .name = "refused",
      .type = API_INT,
      .flags = API_REQUIRED,
      .doc = "Still not verified, or not kept." },
    { .name = "dryRun", .type = API_BOOL, .flags = API_REQUIRED, .doc = "Nothing was sent." },
    { .name = "done",
      .type = API_BOOL,
      .flags = API_REQUIRED,
      .doc = "False: ask again with the iterator." },
    { .name = "iterator", .type = API_STRING, .flags = API_NULLABLE, .doc = "Where to go on." },
};
API_SCHEMA_OF(IngestReplayOut, "What a replay did.");

static const struct api_field IngestIdOut_fields[] = {
    { .name = "id",
      .type = API_STRING,
      .flags = API_REQUIRED,
      .doc = "Of the new request, req_..." },
};
API_SCHEMA_OF(IngestIdOut, "The new request.");

static const struct api_field IngestExplainIn_fields[] = {
    { .name = "method",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .max = 16,
      .doc = "POST when absent." },
    { .name = "query",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .max = 8192,
      .doc = "Without the question mark." },
    { .name = "headers",
      .type = API_TEXT_MAP,
      .flags = API_NULLABLE,
      .max = 65536,
      .doc = "By name." },
    { .name = "body", .type = API_STRING, .flags = API_NULLABLE, .doc = "As text." },
    { .name = "bodyBase64", .type = API_STRING, .flags = API_NULLABLE, .doc = "Or as base64." },
    { .name = "at",
      .type = API_DATE,
      .flags = API_NULLABLE,
      .doc = "As of then; now when absent." },
};
API_SCHEMA_OF(IngestExplainIn, "A request to explain.");

static const struct api_field IngestExplainOut_fields[] = {
    { .name = "verdict",
      .type = API_STRING,
      .flags = API_REQUIRED,
      .doc = "verified, no_matching_key, ..." },
    { .name = "accepted", .type = API_BOOL, .flags = API_REQUIRED, .doc = "Whether it would be." },
    { .name = "replyStatus",
      .type = API_INT,
      .flags = API_REQUIRED,
      .doc = "What it would be answered." },
    { .name = "id", .type = API_STRING, .flags = API_NULLABLE, .doc = "The provider's id." },
    { .name = "idSigned",
      .type = API_BOOL,
      .flags = API_REQUIRED,
      .doc = "Whether the signature covers it." },
    { .name = "type", .type = API_STRING, .flags = API_NULLABLE, .doc = "The provider's type." },
    { .name = "typeSigned",
      .type = API_BOOL,
      .flags = API_REQUIRED,
      .doc = "Whether the signature covers it." },
    { .name = "eventType",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .doc = "What it would become." },
    { .name = "eventCount",
      .type = API_INT,
      .flags = API_REQUIRED,
      .doc = "Events in the request; 0 when it is not accepted." },
    { .name = "explanation",
      .type = API_STRING,
      .flags = API_REQUIRED,
      .doc =
          "What was looked for, the string that is signed, what fits and what does not. Never a secret." },
    { .name = "destinations",
      .type = API_ANYTHING,
      .flags = API_REQUIRED,
      .doc = "The source itself and each route's application: whether it takes it, and why not." },
};
API_SCHEMA_OF(IngestExplainOut, "How a request is judged.");

static const struct api_field IngestLogOut_fields[] = {
    { .name = "id", .type = API_STRING, .flags = API_REQUIRED, .doc = "req_..." },
    { .name = "source_id", .type = API_STRING, .flags = API_REQUIRED, .doc = "As asked for." },
    { .name = "status_code", .type = API_INT, .flags = API_REQUIRED, .doc = "What was answered." },
    { .name = "error_text", .type = API_STRING, .flags = API_REQUIRED, .doc = "Why, in a word." },
    { .name = "headers", .type = API_TEXT_MAP, .flags = API_REQUIRED, .doc = "Secrets taken out." },
    { .name = "payload", .type = API_STRING, .flags = API_REQUIRED, .doc = "Its body." },
    { .name = "created_at", .type = API_DATE, .flags = API_REQUIRED, .doc = "When it came." },
    { .name = "updated_at", .type = API_DATE, .flags = API_REQUIRED, .doc = "The same." },
};
API_SCHEMA_OF(IngestLogOut, "A request that was refused.");
