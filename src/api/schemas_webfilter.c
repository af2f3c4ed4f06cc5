/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes of webfilters, their chains and runs.
 */
#include "api/schemas.h"
#include "filter/set.h"

enum {
    TEXT_MAX = 8192,
    REDIRECT_MAX = 2048,
    MS_MAX = 60000,
    BREAKER_MS_MAX = 3600000,
    BREAKER_MAX = 1000,
    CACHE_MAX_S = 86400,
    GRACE_MAX_S = 604800,
    TRIAL_MAX = 200
};

#define FLAG(field, text) \
    { \
        .name = (field), .type = API_BOOL, .doc = (text) \
    }
#define REDIRECT(field, text) \
    { \
        .name = (field), .type = API_STRING, .max = REDIRECT_MAX, .doc = (text) \
    }
#define NUMBER(field, least, most, text) \
    { \
        .name = (field), .type = API_INT, .min = (least), .max = (most), .doc = (text) \
    }

#define FILTER_COMMON \
    { .name = "description", .type = API_STRING, .max = TEXT_MAX, .doc = "For people." }, \
        FLAG("enabled", "Asked at all; true when absent."), \
        NUMBER("order", 0, 1000000, "Place in the chain; equal ones go by age."), \
        FLAG("disableFiltering", "The data it answers is not applied."), \
        FLAG("disableHalt", "The exceptions it answers do not stop anything."), \
        FLAG("haltOn4xx", "An answer of 400 to 499 stops the process."), \
        REDIRECT("redirectOn4xx", "Where to send the user then."), \
        FLAG("haltOn5xx", "An answer of 500 to 599 stops the process."), \
        REDIRECT("redirectOn5xx", "Where to send the user then."), \
        FLAG("haltOnRequestException", "No answer in time stops the process."), \
        REDIRECT("redirectOnRequestException", "Where to send the user then."), \
        FLAG( \
            "failClosed", \
            "Whatever is not a good answer stops the process: no answer, 4xx, 5xx, no JSON object."), \
        { .name = "encoding", \
          .type = API_STRING, \
          .max = 8, \
          .doc = "json, or form: flattened, keys joined with _." }, \
        { .name = "mode", \
          .type = API_STRING, \
          .max = 16, \
          .doc = \
              "original (gets the data as it came), chained (as the filters before it changed it), parallel (as it came, together with parallel neighbours), shadow (asked and recorded, never applied)." }, \
        NUMBER("timeoutMs", 10, MS_MAX, "For one request, in milliseconds; 5000 when absent."), \
        NUMBER( \
            "breakerFailures", 0, BREAKER_MAX, \
            "Failures in a row after which it is not asked for a while; 0: never. 5 when absent."), \
        NUMBER("breakerMs", 100, BREAKER_MS_MAX, \
               "That while, in milliseconds; 30000 when absent."), \
        NUMBER("cacheSeconds", 0, CACHE_MAX_S, \
               "An answer is good for the same data for so long; 0 when absent."), \
    { \
        .name = "secret", .type = API_STRING, .flags = API_NULLABLE, .min = 1, .max = 128, \
        .doc = \
            "Signs its requests: whsec_ and base64 of 24 to 75 bytes, or whsk_...; made when absent." \
    }

#define EVENT(flags_) \
    { \
        .name = "event", .type = API_STRING, .flags = (flags_), .min = 1, .chars = API_CHARS_NAME, \
        .doc = "What the filter is asked about, such as StudentLoginRequested." \
    }
#define URL(flags_) \
    { \
        .name = "url", .type = API_URL, .flags = (flags_), .doc = "The processor: http or https." \
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

static const struct api_field FilterIn_fields[] = { EVENT(API_REQUIRED), URL(API_REQUIRED),
                                                    FILTER_COMMON };
API_SCHEMA_OF(FilterIn, "A webfilter: asked before something happens, and may change or stop it.");

static const struct api_field FilterPatch_fields[] = { EVENT(0), URL(0), FILTER_COMMON };
const struct api_schema api_schema_FilterPatch = { "FilterPatch", FilterPatch_fields,
                                                   COUNT_OF(FilterPatch_fields),
                                                   "Changes to a webfilter; what is absent stays.",
                                                   false };

static const struct api_field FilterOut_fields[] = {
    { .name = "id", .type = API_STRING, .flags = API_REQUIRED, .doc = "flt_..." },
    EVENT(API_REQUIRED),
    URL(API_REQUIRED),
    FILTER_COMMON,
    CREATED,
    UPDATED,
};
API_SCHEMA_OF(FilterOut, "A webfilter. Its secret is read at .../secret.");

static const struct api_field FilterSecretOut_fields[] = {
    { .name = "key",
      .type = API_STRING,
      .flags = API_REQUIRED,
      .doc = "whsec_..., or the public key whpk_..." },
};
API_SCHEMA_OF(FilterSecretOut, "What a processor verifies requests with.");

#define CHAIN_COMMON \
    NUMBER("deadlineMs", 10, MS_MAX, "For the whole chain, in milliseconds; 9000 when absent."), \
        { .name = "keep", \
          .type = API_STRING, \
          .max = 16, \
          .doc = \
              "What is kept of a run: none, headers (who, how long, what came of it, which places changed), all (the data too). headers when absent." }, \
    { \
        .name = "redact", .type = API_LIST, .max = FILTER_REDACT_MAX, \
        .doc = \
            "JSON pointers into the data that are not kept, such as /user/password; * stands for any one step." \
    }

static const struct api_field FilterChainIn_fields[] = { CHAIN_COMMON };
API_SCHEMA_OF(FilterChainIn, "How an event's chain is run.");

static const struct api_field FilterChainOut_fields[] = {
    EVENT(API_REQUIRED),
    CHAIN_COMMON,
    { .name = "url",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .doc = "For callers without a token, such as Open edX's plugin; null: there is none." },
};
API_SCHEMA_OF(FilterChainOut, "How an event's chain is run.");

static const struct api_field FilterChainUrlIn_fields[] = {
    NUMBER("gracePeriodSeconds", 0, GRACE_MAX_S, "How long the old URL works on; 0 when absent."),
};
API_SCHEMA_OF(FilterChainUrlIn, "A new URL for the chain.");

static const struct api_field FilterChainRunIn_fields[] = {
    { .name = "data",
      .type = API_OBJECT,
      .flags = API_REQUIRED,
      .doc = "What the filters are asked about." },
    { .name = "eventMetadata",
      .type = API_OBJECT,
      .flags = API_NULLABLE,
      .doc = "Sent as event_metadata; event_type and time when absent." },
};
API_SCHEMA_OF(FilterChainRunIn, "What to ask.");

#define VERDICT \
    { .name = "id", .type = API_STRING, .flags = API_REQUIRED, .doc = "frun_..." }, \
        { .name = "data", \
          .type = API_OBJECT, \
          .flags = API_REQUIRED, \
          .doc = "What to change: top-level keys to replace whole." }, \
        { .name = "exception", \
          .type = API_OBJECT, \
          .flags = API_REQUIRED, \
          .doc = "What the filters object, by name." }, \
        { .name = "halt", .type = API_BOOL, .flags = API_REQUIRED, .doc = "Do not go on." }, \
        { .name = "reason", .type = API_STRING, .flags = API_NULLABLE, .doc = "Why not." }, \
        { .name = "redirect", \
          .type = API_STRING, \
          .flags = API_NULLABLE, \
          .doc = "Where to send the user." }, \
        { .name = "status", \
          .type = API_INT, \
          .flags = API_NULLABLE, \
          .doc = "Of the processor that stopped it, or as the exception says." }, \
        { .name = "tookMs", \
          .type = API_NUMBER, \
          .flags = API_REQUIRED, \
          .doc = "From start to verdict." }, \
    { \
        .name = "filters", .type = API_ANYTHING, .flags = API_REQUIRED, \
        .doc = "Each filter's part: id, mode, effect, status, error, cached, startedMs, tookMs." \
    }

static const struct api_field FilterChainRunOut_fields[] = { VERDICT };
API_SCHEMA_OF(FilterChainRunOut, "The verdict.");

static const struct api_field FilterReplayOut_fields[] = {
    VERDICT,
    { .name = "redacted",
      .type = API_BOOL,
      .flags = API_REQUIRED,
      .doc =
          "The processor was asked about \"[redacted]\" where the data of the run was not kept." },
};
API_SCHEMA_OF(FilterReplayOut, "The verdict of a replay.");

static const struct api_field FilterRunOut_fields[] = {
    { .name = "id", .type = API_STRING, .flags = API_REQUIRED, .doc = "frun_..." },
    EVENT(API_REQUIRED),
    { .name = "startedAt", .type = API_DATE, .flags = API_REQUIRED, .doc = "When it began." },
    { .name = "tookMs",
      .type = API_NUMBER,
      .flags = API_REQUIRED,
      .doc = "From start to verdict." },
    { .name = "hasData",
      .type = API_BOOL,
      .flags = API_REQUIRED,
      .doc = "The data was kept: it can be run again." },
    { .name = "redacted",
      .type = API_BOOL,
      .flags = API_REQUIRED,
      .doc =
          "... but for what the chain's `redact` names: another run of it is asked about \"[redacted]\" there." },
    { .name = "summary",
      .type = API_OBJECT,
      .flags = API_REQUIRED,
      .doc = "What came of it, and each filter's part." },
    { .name = "detail",
      .type = API_OBJECT,
      .flags = API_NULLABLE,
      .doc = "What went out, came back and changed, as far as it was kept; null in lists." },
};
API_SCHEMA_OF(FilterRunOut, "A run of a chain.");

static const struct api_field FilterReplayIn_fields[] = {
    URL(API_REQUIRED),
    { .name = "filterId",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .max = 64,
      .doc = "With this filter's settings and secret; the first of the chain when absent." },
};
API_SCHEMA_OF(FilterReplayIn, "Ask another processor what was asked in a run.");

static const struct api_field FilterTrialIn_fields[] = {
    { .name = "filters",
      .type = API_SCHEMAS,
      .flags = API_NULLABLE,
      .max = FILTER_CHAIN_MAX,
      .schema = &api_schema_FilterIn,
      .doc = "The chain to try; the present one when absent." },
    NUMBER("last", 1, TRIAL_MAX,
           "On so many of the newest runs whose data was kept; 50 when absent."),
};
API_SCHEMA_OF(FilterTrialIn,
              "Try a changed chain on what was asked before. Processors are really asked.");

static const struct api_field FilterTrialOut_fields[] = {
    { .name = "runs",
      .type = API_INT,
      .flags = API_REQUIRED,
      .doc = "How many were tried whose data was kept whole." },
    { .name = "halted",
      .type = API_INT,
      .flags = API_REQUIRED,
      .doc = "How many of them had been stopped." },
    { .name = "wouldHalt",
      .type = API_INT,
      .flags = API_REQUIRED,
      .doc = "How many would be now." },
    { .name = "redacted",
      .type = API_ANYTHING,
      .flags = API_REQUIRED,
      .doc =
          "runs, halted and wouldHalt of those that were asked about \"[redacted]\" where the data was not kept." },
    { .name = "differ",
      .type = API_LIST,
      .flags = API_REQUIRED,
      .doc = "Runs of either kind with another verdict, or with other changes." },
    { .name = "complete",
      .type = API_BOOL,
      .flags = API_REQUIRED,
      .doc = "False: the time was up before all were tried." },
};
API_SCHEMA_OF(FilterTrialOut, "What the chain would have said.");
