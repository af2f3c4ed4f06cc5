/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees that hold whatever RFC 8259 lets a sender write. json_parse() refuses texts that jansson has no
 * value for; where a refusal would drop what somebody has to say (webfilters), these are read here:
 *   - a number beyond int64_t or double stays as its digits,
 *   - U+0000 and surrogates without a partner stay in strings and names,
 *   - of a name that occurs twice, the last value counts,
 *   - a byte order mark before the value is skipped.
 * What is not JSON is refused as ever: bytes that are not UTF-8, NaN, a text cut short, nesting beyond
 * JSON_DEPTH_MAX.
 *
 * In the tree, these are strings (or names) with bytes that UTF-8 does not have: a number begins with FF,
 * U+0000 is C0 80, a surrogate is three bytes. jansson's own functions copy, compare and merge them, but
 * those that check UTF-8 (json_string(), json_object_set()) refuse them: use the _nocheck ones, or
 * json_any_string(). json_write(), json_text(), json_write_lines() and json_form_write() spell them as they
 * came. Never take the bytes of such a string for text: json_any_text() has it. Pure; any thread.
 */
#pragma once

#include "json/json.h"

enum { JSON_ANY_NUMBER = 0xFF }; /* first byte of a string that is a number */

/* RC_INVALID: `error` (may be NULL) filled; *out is NULL then. The caller json_decref()s. */
MUST_USE enum rc json_parse_any(struct str text, json_t **out, struct json_error *error);

/* Whether the value is a number that is kept as its digits. */
bool json_any_is_number(const json_t *v);

/* A string value of a tree's bytes (a string's, a name's, or any UTF-8); NULL: they are neither. */
json_t *json_any_string(struct str s);

/* Appends as plain UTF-8: U+0000 as a zero byte, a lone surrogate as U+FFFD. RC_LIMIT. */
MUST_USE enum rc json_any_text(struct str s, struct buf *out);
