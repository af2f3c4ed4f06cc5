/* SPDX-License-Identifier: Apache-2.0
 *
 * Checking members that were only scanned, against the same rows as any body (api/kit/schema.h). For the hot path: what
 * surely fits is recognised without an allocation, and the rest is parsed and judged by the rows, so that both ways
 * accept the same values and refuse the others in the same words.
 */
#pragma once

#include "api/kit/schema.h"

/* Is the value surely one that the field takes? False says nothing: look closer. No allocation. */
bool api_field_fits(const struct api_field *f, struct json_span value);

/* `value` of type JSON_SPAN_NONE: the member is not there. RC_INVALID: *fault is filled. */
MUST_USE enum rc api_field_check_span(const struct api_schema *schema, const struct api_field *f, struct json_span value,
                                      const char *where, struct api_fault *fault);
