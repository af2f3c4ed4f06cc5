/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/1.1 on the wire: one strict parser for request and response heads and for bodies, used by
 * the server and by the client. Pure functions on bytes; nothing is copied, spans point into the
 * input. Refused: CL+TE, repeated or malformed Content-Length, obs-fold, space before the colon,
 * bare CR or LF, NUL and control bytes, unknown transfer codings, HTTP versions but 1.0 and 1.1,
 * a missing or repeated Host in 1.1.
 */
#pragma once

#include "base/base.h"
#include "http/chunked.h"
#include "http/head.h"
#include "http/text.h"

/* Parses a head of at most `max` bytes at the start of `in`. OK: *used is its length with the
 * empty line; it has HTTP_HEADERS_MAX lines at most. MORE: not complete yet and not over the limit. BAD: *error is filled. */
enum http_parse http_parse_request(struct str in, size_t max, struct http_head *head, size_t *used,
                                   struct http_parse_error *error);
/* The same of one that was passed on: with `more` header lines beyond HTTP_HEADERS_MAX, at most HTTP_HEADERS_MORE. */
enum http_parse http_parse_passed(struct str in, size_t max, size_t more, struct http_head *head,
                                  size_t *used, struct http_parse_error *error);
enum http_parse http_parse_response(struct str in, size_t max, struct http_head *head, size_t *used,
                                    struct http_parse_error *error);

/* False for answers to HEAD and for 1xx, 204 and 304, whatever their headers say. A body without
 * length and chunked coding ends with the connection. */
bool http_response_has_body(const struct http_head *head, enum http_method request);

/* The first header of that name (any case), or NULL; and the number of them. */
const struct http_header *http_find(const struct http_head *head, struct str name);
size_t http_count(const struct http_head *head, struct str name);
