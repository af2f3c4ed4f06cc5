/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes of what comes in: sources and their requests.
 */
#include "api/schemas.h"

enum { METADATA_MAX = 4096, NAME_MAX_BYTES = 256, GRACE_MAX_S = 604800, SCHEME_MAX = 8192, SETTINGS_MAX = 262144 };

#define SOURCE_COMMON(name_flags) \
    { .name = "name", .type = API_STRING, .flags = (name_flags), .min = 1, .max = NAME_MAX_BYTES, .doc = "For people." }, \
    { .name = "uid", .type = API_STRING, .flags = API_NULLABLE, .min = 1, .max = 60, .chars = API_CHARS_NAME, .not_prefix = "src_", .doc = "The owner's own name for it, usable in place of the id in every path." }, \
    { .name = "metadata", .type = API_TEXT_MAP, .max = METADATA_MAX, .doc = "Free texts by name, at most 4096 bytes together." }, \
    { .name = "config", .type = API_OBJECT, .flags = API_NULLABLE, .doc = "Secrets: `secret` (or `publicKey`, `clientId`), `secrets` for several at once, `verifyToken` for a second value. Kept sealed, never shown. None yet: the source is pending and answers handshakes only." }, \
    { .name = "scheme", .type = API_STRING, .flags = API_NULLABLE, .min = 1, .max = SCHEME_MAX, .doc = "With type custom: how requests are signed, in the language of docs/guide/receiving.md." }, \
    { .name = "settings", .type = API_OBJECT, .flags = API_NULLABLE, .max = SETTINGS_MAX, .doc = "Replies, time window, deduplication, routes: see docs/guide/receiving.md." }, \
    { .name = "paused", .type = API_BOOL, .doc = "Requests are kept and answered, but go nowhere until they are replayed." }

static const struct api_field IngestSourceIn_fields[] = {
    SOURCE_COMMON(API_REQUIRED),
    { .name = "type", .type = API_STRING, .flags = API_REQUIRED, .min = 1, .max = 64, .doc = "A preset's name (`grapnel source presets` lists them), generic-webhook, or custom." },
};
API_SCHEMA_OF(IngestSourceIn, "A source: where a provider's webhooks come in.");

static const struct api_field IngestSourcePatch_fields[] = {
    SOURCE_COMMON(0),
};
const struct api_schema api_schema_IngestSourcePatch = { "IngestSourcePatch", IngestSourcePatch_fields, COUNT_OF(IngestSourcePatch_fields), "Changes to a source; what is absent stays.", false };

static const struct api_field IngestSourceOut_fields[] = {
    { .name = "id", .type = API_STRING, .flags = API_REQUIRED, .doc = "src_..." },
    SOURCE_COMMON(API_REQUIRED),
    { .name = "type", .type = API_STRING, .flags = API_REQUIRED, .doc = "A preset's name, generic-webhook, or custom." },
    { .name = "ingestUrl", .type = API_STRING, .flags = API_NULLABLE, .doc = "The URL to give to the provider. Whoever has it may send." },
    { .name = "state", .type = API_STRING, .flags = API_REQUIRED, .doc = "active, paused, pending (no secret yet) or broken (its preset is gone)." },
    { .name = "secretCount", .type = API_INT, .flags = API_REQUIRED, .doc = "Secrets that are kept, those about to expire included." },
    { .name = "createdAt", .type = API_DATE, .flags = API_REQUIRED, .doc = "When it was made." },
    { .name = "updatedAt", .type = API_DATE, .flags = API_REQUIRED, .doc = "When it was last changed." },
};
API_SCHEMA_OF(IngestSourceOut, "A source.");

#define GRACE { .name = "gracePeriodSeconds", .type = API_INT, .flags = API_NULLABLE, .min = 0, .max = GRACE_MAX_S, .doc = "How long the old one stays valid beside the new one." }

static const struct api_field IngestGraceIn_fields[] = { GRACE };
API_SCHEMA_OF(IngestGraceIn, "How long what is replaced stays valid.");

static const struct api_field IngestSecretIn_fields[] = {
    GRACE,
    { .name = "secret", .type = API_STRING, .flags = API_REQUIRED, .min = 1, .max = 8192, .doc = "The provider's new secret." },
};
API_SCHEMA_OF(IngestSecretIn, "A new secret for a source.");

static const struct api_field RotateTokenOut_fields[] = {
    { .name = "ingestUrl", .type = API_STRING, .flags = API_REQUIRED, .doc = "The new URL." },
};
API_SCHEMA_OF(RotateTokenOut, "A source's new URL.");
