/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies with a Content-Encoding. The router unpacks gzip before a handler sees the body, with the
 * body's own limit for what comes out; routes of kind HTTP_INLINE_RAW do it themselves.
 */
#pragma once

#include "http/router.h"

/* Has the body a Content-Encoding that was not unpacked yet? */
bool http_body_is_packed(const struct http_call *call);

/* Unpacks a gzip body into the call's arena: `body` is plain then, `packed` as it was sent. Workers only, for it takes
 * time. RC_OK also when there is nothing to unpack. RC_DENIED: another encoding; RC_INVALID: not gzip, damaged, cut off;
 * RC_LIMIT: more than body_max once unpacked. On failure the body stays as it was sent. */
MUST_USE enum rc http_body_unpack(struct http_call *call);

/* The same; false: answered (415, 400, 413). */
bool http_plain_body(struct http_request *req);
/* What http_plain_body() answers, in words, and its status. */
int http_packed_status(const struct http_call *call, enum rc rc, const char **words);
