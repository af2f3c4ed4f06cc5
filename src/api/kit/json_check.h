/* SPDX-License-Identifier: Apache-2.0
 *
 * A value held against a JSON Schema (kit/json_schema.h), for whoever tries out an event type: messages are not checked.
 * What a check costs is bounded: 64 levels, 100,000 comparisons, 20 faults.
 */
#pragma once

#include "base/base.h"
#include "json/json.h"

enum { API_JSON_FAULTS_MAX = 20, API_JSON_UNCHECKED_MAX = 8 };

struct api_json_fault {
    char where[256];     /* "payload.items.0.id" */
    const char *keyword; /* of the schema that the value does not hold to */
    char words[160];
};
struct api_json_findings {
    struct api_json_fault faults[API_JSON_FAULTS_MAX];
    size_t count;
    bool is_cut;           /* there may be more: a limit was reached */
    const char *unchecked[API_JSON_UNCHECKED_MAX]; /* keywords of the schema that this does not check, each once */
    size_t unchecked_count;
};
/* `where` begins the places. */
void api_json_check(const json_t *schema, const json_t *value, const char *where, struct api_json_findings *out);
