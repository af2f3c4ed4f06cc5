/* SPDX-License-Identifier: Apache-2.0
 *
 * What the route tables do not say about an operation: its bodies, answers and query.
 */
#pragma once

#include "api/schemas.h"

struct api_operation {
    const char *id;
    const struct api_schema *in;  /* NULL: no body */
    const struct api_schema *out; /* NULL: no content */
    int status;
    int other_status;             /* 0: none; 201 beside 200, 200 beside 204 */
    bool is_list;                 /* out is what the list holds */
    const char *query;            /* names, parted by spaces; api_query_doc() has their words */
};
/* NULL: not in the table (others' routes). */
const struct api_operation *api_operation_find(const char *id);

struct api_query_doc {
    const char *name;
    const char *type; /* of JSON Schema */
    const char *doc;
};
const struct api_query_doc *api_query_doc_find(struct str name);
