/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees of jansson from texts that the validator has passed, and their strings. Pure; any thread.
 */
#pragma once

#include <jansson.h>

#include "base/base.h"
#include "json/scan.h"

/* Parses strictly: what json_validate() refuses, and also a name twice in one object, U+0000 in a
 * string, and numbers that fit neither int64_t nor double. RC_INVALID: `error` (may be NULL) filled;
 * *out is NULL then. The caller json_decref()s. */
MUST_USE enum rc json_parse(struct str text, json_t **out, struct json_error *error);
/* The string that is this member of an object, borrowed; none if it is not there or no string, or `object` no object. */
struct str json_str_member(const json_t *object, const char *name);
struct str json_str_of(const json_t *v); /* the same of a value */
