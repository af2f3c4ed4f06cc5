/* SPDX-License-Identifier: Apache-2.0
 *
 * The query parameters of all operations.
 */
#pragma once

#include "base/base.h"

struct api_query_doc {
    const char *name;
    const char *type; /* of JSON Schema */
    const char *doc;
};
const struct api_query_doc *api_query_doc_find(struct str name);

/* The header of every stream. */
extern const struct api_query_doc api_last_event_id_doc;
