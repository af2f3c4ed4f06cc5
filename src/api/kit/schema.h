/* SPDX-License-Identifier: Apache-2.0
 *
 * The shapes of the API's bodies as tables. The validator, the OpenAPI document and the reference
 * are all made from these.
 */
#pragma once

#include "base/base.h"
#include "json/json.h"

/* Which characters a name may hold. */
enum api_chars {
    API_CHARS_ANY,
    API_CHARS_NAME,    /* a-z A-Z 0-9 - _ .            ids, uids, event types, flags; at most 256 */
    API_CHARS_CHANNEL, /* ... and : +                  at most 128 */
    API_CHARS_TAG,     /* ... - _ . / \ #              at most 128 */
    API_CHARS_SESSION  /* a-z A-Z 0-9 @ _ -            at most 64 */
};
const char *api_chars_pattern(enum api_chars c); /* a regular expression; NULL for ANY */
size_t api_chars_max(enum api_chars c);
bool api_chars_ok(struct str s, enum api_chars c);

enum api_type {
    API_STRING,   /* min, max: characters (code points) */
    API_URL,      /* absolute http or https */
    API_INT,      /* min, max */
    API_NUMBER,
    API_BOOL,
    API_DATE,     /* RFC 3339 */
    API_OBJECT,   /* any object; max: bytes of its text, 0: no limit of its own */
    API_TEXT_MAP, /* string -> string; max: bytes of its text */
    API_NULL_MAP, /* string -> string or null */
    API_OBJECTS,  /* string -> object; max: bytes of its text */
    API_LIST,     /* a set of strings of `chars`; min, max: items */
    API_NUMBERS,  /* of numbers >= 0; min, max: items */
    API_SCHEMA,   /* an object of `schema` */
    API_SCHEMAS,  /* an array of them; min, max: items */
    API_ANYTHING
};

enum {
    API_REQUIRED = 1,
    API_NULLABLE = 2,
    API_HIDDEN = 4,  /* an alias or a relic: accepted, not documented */
    API_EMBEDDED = 8, /* of an answer: the members of `schema` stand beside these, and the name nowhere */
    API_SECRET = 16 /* of an answer: lets whoever has it in; an answer with such a field is never compressed */
};

struct api_schema;

struct api_field {
    const char *name;
    enum api_type type;
    unsigned flags;
    int64_t min, max;
    enum api_chars chars;
    const char *not_prefix; /* strings may not begin so */
    const struct api_schema *schema;
    const char *doc;
};

struct api_schema {
    const char *name;
    const struct api_field *fields;
    size_t count;
    const char *doc;
    bool null_is_absent; /* null for a field that cannot be null is taken as "not there" (all but PATCH) */
};
#define API_SCHEMA_OF(id, text) \
    const struct api_schema api_schema_##id = { #id, id##_fields, COUNT_OF(id##_fields), text, true }

/* What is wrong with a body, in the words of a 422. */
struct api_fault {
    char where[256]; /* "body.endpoint.url" */
    char words[256];
    const char *type; /* "value_error" and the like */
};

/* Checks an object against a schema. RC_INVALID: *fault is filled with the first thing that is wrong. */
MUST_USE enum rc api_schema_check(const struct api_schema *schema, const json_t *object, const char *where, struct api_fault *fault);
/* The same of one of its fields. `v` NULL: the member is not there. */
MUST_USE enum rc api_field_check(const struct api_schema *schema, const struct api_field *f, const json_t *v, const char *where, struct api_fault *fault);
/* Whether an answer of this shape may hold a field that is API_SECRET, at whatever depth. */
bool api_schema_is_secret(const struct api_schema *schema);
/* Takes out what a list of strings of an object that was checked holds once more: it is a set to whoever reads it. */
void api_schema_settle(const struct api_schema *schema, json_t *object);
