/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of an answer, for those that send one: call.c and stream.c.
 */
#pragma once

#include "http/conn_priv.h"

enum http_body_framing { HTTP_BODY_WHOLE, HTTP_BODY_STREAMED };

/* Borrowed from the server's scratch buffer, until the next. `minor`: of the request's version. */
struct str http_answer_head(struct http_server *s, const struct http_reply *reply, bool closes, int minor, enum http_body_framing framing);
void http_answer_count(int status);
/* What a refusal with that status is called in its JSON. */
const char *http_refusal_code(int status);
