/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request holds that nothing here reads: members of its body and parameters of its query. A slip of the pen in a
 * name we know ("event_types"), and a word that asks for another way of acting than ours ("dryRun"), are refused: taken
 * silently they would do something else than was meant. The rest is let pass, because newer clients send members that
 * older servers do not know, and is named in a header of the answer.
 */
#pragma once

#include "api/kit/schema.h"
#include "http/router.h"

enum api_mistake {
    API_MISTAKE_NONE,  /* a known name */
    API_MISTAKE_WARN,  /* unknown, let pass */
    API_MISTAKE_REFUSE /* unknown, and meant something */
};

/* What becomes of a name that is not one of the schema's (NULL: there are none). *nearest (may be NULL) is the name it
 * was taken for, NULL if none. */
enum api_mistake api_mistake_of(const struct api_schema *schema, struct str name, const char **nearest);

/* The fault of a name that is refused; one that is let pass, added to the names in a warning as far as they fit. */
void api_mistake_say(struct api_fault *fault, const char *where, struct str name, const char *nearest);
void api_mistake_pass(struct buf *passed, const char *where, struct str name);

/* Walks a body that was checked. `shown` (may be NULL): the answer's schema: what it has may be sent back, and is passed
 * over. RC_INVALID: refused, *fault says why. Names let pass are added to `passed`, as "body.a, body.b", as far as they
 * fit. */
MUST_USE enum rc api_mistakes_of_body(const struct api_schema *schema, const struct api_schema *shown, const json_t *object,
                                      const char *where, struct api_fault *fault, struct buf *passed);

/* Names and booleans of the query, by the route's operation. False: answered. */
bool api_mistakes_of_query(struct http_request *req);

/* Of an operation that takes no body: members of one that was sent all the same are judged as unknown ones. False:
 * answered. */
bool api_mistakes_of_bare(struct http_request *req);

/* Adds `grapnel-warning: words` to the answer. Bytes that a header cannot have become '?'. */
void api_warn(struct http_request *req, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* One warning for the names let pass, if there are any. */
void api_warn_of(struct http_request *req, struct str passed);
