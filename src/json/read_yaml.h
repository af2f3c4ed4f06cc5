/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML to the tree that JSON would have made. Pure; any thread.
 */
#pragma once

#include <jansson.h>

#include "base/base.h"
#include "json/scan.h"

/* As json_parse(), from YAML (the core schema; merge keys; a name twice is refused). The first document counts. Limits: 128 levels,
 * 200,000 values, those of aliases included. */
MUST_USE enum rc json_parse_yaml(struct str text, json_t **out, struct json_error *error);
