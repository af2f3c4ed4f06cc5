/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON Schemas of event types: whether they are any, and examples made from them. Messages are not checked against
 * them (kit/json_check.h is for trying).
 */
#pragma once

#include "api/kit/schema.h"

/* {"1": schema, ...}; NULL and null are fine. RC_INVALID: *fault names the keyword that does not hold what it must. */
MUST_USE enum rc api_json_schemas_check(const json_t *schemas, const char *where, struct api_fault *fault);

/* A value that the schema describes, made of its own examples, defaults and constants where it has some. The caller
 * owns it. */
json_t *api_json_schema_example(const json_t *schema);
