/* SPDX-License-Identifier: Apache-2.0
 *
 * The filter language: a JSON document that says which requests or messages somebody wants, by body,
 * headers, query, path, method and event type. docs/guide/filters.md is its specification.
 *
 * A document is compiled once into a program, which never changes: any number of threads may match
 * with it at once. Matching touches memory only and is bounded (FILTER_STEPS_MAX): a few microseconds
 * for a small body, at most some milliseconds whatever filter and body are.
 *
 *   struct filter_program *program;
 *   if (filter_compile(STR("{\"body\":{\"amount\":{\"$gt\":100}}}"), &program, &fault) == RC_OK) {
 *       struct filter_input in = { .body = payload };
 *       if (filter_match(program, &in, NULL)) ...
 *       filter_program_free(program);
 *   }
 */
#pragma once

#include "base/base.h"
#include "json/json.h"

enum {
    FILTER_TEXT_MAX = 65536,    /* bytes of a document */
    FILTER_DEPTH_MAX = 16,      /* levels of names and operators, steps of paths included */
    FILTER_OPERATORS_MAX = 256, /* operators in one document; a plain value counts as $eq */
    FILTER_LIST_MAX = 256,      /* values in the list of an $in or $nin */
    FILTER_NAME_MAX = 256,      /* bytes of a name */
    FILTER_PATTERN_MAX = 1024,  /* bytes of a regular expression */
    FILTER_SUBJECT_MAX = 16384, /* bytes of a text a regular expression is tried on */
    FILTER_STEPS_MAX = 250000   /* of work for one match */
};

struct filter_program;

/* What is wrong with a document. */
struct filter_fault {
    char where[256];  /* JSON pointer into the document: "/body/amount/$gt"; "" is the whole */
    char reason[224]; /* in words */
};

/* RC_INVALID: `fault` (may be NULL) says where and why. RC_LIMIT: the same, a limit above was passed.
 * The text is not needed afterwards. */
MUST_USE enum rc filter_compile(struct str text, struct filter_program **out,
                                struct filter_fault *fault);
void filter_program_free(struct filter_program *program); /* NULL is fine */

struct filter_pair {
    struct str name, value;
};

/* Splits header lines ("name: value\r\n" or "\n") into at most `max` pairs that borrow from them; a line without a colon
 * is passed over. Returns how many. */
size_t filter_read_headers(struct str lines, struct filter_pair *out, size_t max);

/* What is judged; borrowed. What has ptr NULL is absent. The body is any bytes: what is not strict JSON is
 * an absent body. Names that come twice in headers or query are lists of values. */
struct filter_input {
    struct str body;
    const struct filter_pair *headers; /* names in any case */
    size_t header_count;
    const struct filter_pair *query; /* names and values decoded */
    size_t query_count;
    struct str path;
    struct str method;
    struct str event_type;
};

/* `explanation`, if not NULL, becomes a new JSON object that says how it came to this (see the guide); the
 * caller json_decref()s. Any thread. */
MUST_USE bool filter_match(const struct filter_program *program, const struct filter_input *in,
                           json_t **explanation);
