/* SPDX-License-Identifier: Apache-2.0
 *
 * The strict validator, which hands out spans of the text: the hot path; nothing is copied, the bytes stay as sent. What
 * is strict, and the limits, are said in json/json.h. Pure; any thread.
 */
#pragma once

#include "base/base.h"

enum json_span_type {
    JSON_SPAN_NONE,
    JSON_SPAN_OBJECT,
    JSON_SPAN_ARRAY,
    JSON_SPAN_STRING,
    JSON_SPAN_NUMBER,
    JSON_SPAN_TRUE,
    JSON_SPAN_FALSE,
    JSON_SPAN_NULL
};

/* How many objects and arrays may be open at once. */
enum { JSON_DEPTH_MAX = 512 };

/* A value inside the scanned text, from its first to its last byte (strings with their quotes). */
struct json_span {
    enum json_span_type type;
    struct str text;
    bool escaped; /* string: holds a backslash */
};

struct json_error {
    size_t offset;      /* bytes from the start of the text */
    const char *reason; /* literal, in words */
};

/* A member wanted from the top-level object; `value.type` stays NONE when it is not there.
 * A name that occurs twice in the object is RC_INVALID when it is one of the wanted. */
struct json_member {
    struct str name;
    struct json_span value;
};

/* Validates all of `text`, any value. RC_INVALID: `error` (may be NULL) says where and why. */
MUST_USE enum rc json_validate(struct str text, struct json_error *error);

/* Validates `text`, which must be one object, and fills the wanted members. One pass. */
MUST_USE enum rc json_scan_object(struct str text, struct json_member *wanted, size_t count,
                                  struct json_error *error);

/* The same, and calls `other` with the name of each member that is not wanted. */
MUST_USE enum rc json_scan_members(struct str text, struct json_member *wanted, size_t count,
                                   void (*other)(void *ctx, struct json_span name), void *ctx,
                                   struct json_error *error);

/* Validates `text`, any value, and says which. */
MUST_USE enum rc json_scan(struct str text, struct json_span *out, struct json_error *error);

/* Calls fn for each member of a validated object span, in order, a name that occurs twice included;
 * stops and returns what fn returns if not OK. RC_INVALID: the span is not an object. */
MUST_USE enum rc json_span_members(struct json_span object,
                                   enum rc (*fn)(void *ctx, struct json_span name,
                                                 struct json_span value),
                                   void *ctx);

/* Calls fn for each element of a validated array span; stops and returns what fn returns if not OK.
 * RC_INVALID: the span is not an array. */
MUST_USE enum rc json_span_each(struct json_span array,
                                enum rc (*fn)(void *ctx, size_t index, struct json_span value),
                                void *ctx);

/* The characters of a validated string span: borrowed from the text when nothing is escaped, else
 * written to the arena. */
struct str json_span_string(struct arena *a, struct json_span s);

/* True if a validated string span spells `plain`, escapes undone. Keeps nothing: for names, of which a
 * sender chooses the number. */
bool json_span_is(struct json_span s, struct str plain);

/* Number span -> integer. RC_INVALID: fraction, exponent or out of range. */
MUST_USE enum rc json_span_int(struct json_span s, int64_t *out);
