/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes for trying out filters and transforms.
 */
#include "api/schemas.h"

enum { FILTER_MAX = 65536, PROGRAM_MAX = 16384, TEXT_MAX = 65536 };

static const struct api_field TestRequest_fields[] = {
    { .name = "body", .type = API_ANYTHING, .flags = API_NULLABLE, .doc = "A JSON body." },
    { .name = "rawBody",
      .type = API_STRING,
      .max = INT32_MAX,
      .doc = "In place of body: any text." },
    { .name = "headers", .type = API_OBJECT, .doc = "Values, or lists of values, by name." },
    { .name = "query", .type = API_OBJECT, .doc = "Values, or lists of values, by name." },
    { .name = "path", .type = API_STRING, .max = TEXT_MAX, .doc = "As in /hooks/github." },
    { .name = "method", .type = API_STRING, .max = TEXT_MAX, .doc = "As in POST." },
    { .name = "eventType", .type = API_STRING, .max = TEXT_MAX, .doc = "As in user.signup." },
};
static const struct api_schema api_schema_TestRequest = {
    "TestRequest", TestRequest_fields, COUNT_OF(TestRequest_fields),
    "What is judged; what is absent is absent.", true
};

#define REQUEST \
    { \
        .name = "request", .type = API_SCHEMA, .flags = API_REQUIRED, \
        .schema = &api_schema_TestRequest, .doc = "What to try it on." \
    }

static const struct api_field EndpointTransformationPatch_fields[] = {
    { .name = "code",
      .type = API_STRING,
      .flags = API_NULLABLE,
      .min = 1,
      .max = PROGRAM_MAX,
      .doc = "A jq program, not JavaScript; null: none." },
    { .name = "enabled", .type = API_BOOL, .doc = "Is it run?" },
};
const struct api_schema api_schema_EndpointTransformationPatch = {
    "EndpointTransformationPatch", EndpointTransformationPatch_fields,
    COUNT_OF(EndpointTransformationPatch_fields), "Changes to an endpoint's transform.", false
};

static const struct api_field EndpointTransformationOut_fields[] = {
    { .name = "code", .type = API_STRING, .flags = API_NULLABLE, .doc = "A jq program." },
    { .name = "enabled", .type = API_BOOL, .doc = "Is it run?" },
    { .name = "variables",
      .type = API_ANYTHING,
      .flags = API_NULLABLE,
      .doc = "Always null: there are none." },
    { .name = "updatedAt", .type = API_DATE, .doc = "When the endpoint was last changed." },
};
API_SCHEMA_OF(EndpointTransformationOut, "An endpoint's transform.");

static const struct api_field FilterTestIn_fields[] = {
    { .name = "filter",
      .type = API_OBJECT,
      .flags = API_REQUIRED,
      .max = FILTER_MAX,
      .doc = "The filter." },
    REQUEST,
};
API_SCHEMA_OF(FilterTestIn, "A filter to try out.");

static const struct api_field FilterTestOut_fields[] = {
    { .name = "matches", .type = API_BOOL, .flags = API_REQUIRED, .doc = "Does it?" },
    { .name = "explanation",
      .type = API_OBJECT,
      .flags = API_REQUIRED,
      .doc = "Condition by condition, and why." },
};
API_SCHEMA_OF(FilterTestOut, "What a filter says.");

static const struct api_field TransformTestIn_fields[] = {
    { .name = "transform",
      .type = API_STRING,
      .flags = API_REQUIRED,
      .min = 1,
      .max = PROGRAM_MAX,
      .doc = "The jq program." },
    REQUEST,
};
API_SCHEMA_OF(TransformTestIn, "A transform to try out.");

static const struct api_field TransformTestOut_fields[] = {
    { .name = "canceled",
      .type = API_BOOL,
      .flags = API_REQUIRED,
      .doc = "Nothing would be sent." },
    { .name = "body",
      .type = API_ANYTHING,
      .flags = API_NULLABLE,
      .doc = "The new body; null: unchanged." },
    { .name = "headers", .type = API_TEXT_MAP, .flags = API_REQUIRED, .doc = "Headers it sets." },
};
API_SCHEMA_OF(TransformTestOut, "What a transform makes.");
