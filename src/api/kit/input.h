/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request brings: its body against a schema, its path, and its query in the spellings clients use. Every helper
 * that returns false has already put the answer into the request.
 */
#pragma once

#include "api/kit/ctx.h"
#include "api/kit/schema.h"
#include "store/flow.h"

/* Parses and checks the body; `schema` may be NULL. An empty body counts as {} when `optional`. */
bool api_body(struct api_ctx *c, const struct api_schema *schema, bool optional);
/* The same for data that is only passed on: whatever JSON allows (json/any.h), above all what a form of a stranger holds. */
bool api_body_any(struct api_ctx *c, const struct api_schema *schema);
/* A member that is there and not null, else NULL. */
const json_t *api_get(const struct api_ctx *c, const char *name);
/* The first of the two that is there (null included); for a name and its older spelling. */
const json_t *api_either(const struct api_ctx *c, const char *name, const char *older);
bool api_has(const struct api_ctx *c, const char *name);          /* there, maybe null */
struct str api_get_str(const struct api_ctx *c, const char *name); /* ptr NULL: absent or null */
int64_t api_get_int(const struct api_ctx *c, const char *name, int64_t absent);
bool api_get_bool(const struct api_ctx *c, const char *name, bool absent);
int64_t api_get_date(const struct api_ctx *c, const char *name, int64_t absent);
struct str api_get_json(const struct api_ctx *c, const char *name); /* text; ptr NULL: absent or null */

/* The value of the path parameter of that name; empty if the route has none. */
struct str api_param(const struct api_ctx *c, const char *name);

/* --- queries ---------------------------------------------------------------------------------------- */
/* limit, iterator, order. `prefix` of the ids that page ("" : any text). */
bool api_page(struct api_ctx *c, const char *prefix, bool descending, struct store_page *page);
/* A list that is newest first, asked for from a time on without an end, begins with its oldest page,
 * and its iterators lead to what is newer: so nothing is passed over, however much there is. Each page
 * is newest first as ever. */
void api_page_from(struct store_page *page, int64_t after_us, int64_t before_us);
bool api_query_bool(struct api_ctx *c, const char *name, bool absent);
/* RFC 3339; 0 when absent. False: answered. */
bool api_query_date(struct api_ctx *c, const char *name, int64_t *us);
/* One of min..max, `absent` when it is not there. False: answered. */
bool api_query_int(struct api_ctx *c, const char *name, int64_t min, int64_t max, int64_t absent, int64_t *out);
/* Text of those characters; empty when absent. False: answered. */
bool api_query_chars(struct api_ctx *c, const char *name, enum api_chars chars, struct str *out);
/* event_types in every spelling: a,b; repeated; event_types[]=; event_types[0]=. False: answered. */
bool api_query_types(struct api_ctx *c, const struct str **types, size_t *count);
/* channel, tag, before, after, event_types, with_content. */
bool api_message_filter(struct api_ctx *c, struct store_message_filter *f);
