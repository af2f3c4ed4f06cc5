/* SPDX-License-Identifier: Apache-2.0
 *
 * From options to what modules take.
 */
#pragma once

#include "server/server_priv.h"

/* The open files that the configured limits may come to. */
int64_t server_files_wanted(const struct conf *c);
/* Connections of clients at once, where `limit` files may be open: half of them are for others. */
int64_t server_clients_max(const struct conf *c, int64_t limit);
/* Connections to receivers that one of `loop_count` loops keeps for later, where `limit` files may be open; at least 1. */
size_t server_idle_max(const struct conf *c, int64_t limit, size_t loop_count);
struct http_limits server_http_limits(const struct conf *c, size_t loop_count);
/* All but `api`. */
struct face_options server_face_options(const struct conf *c, const char *public_url, const char *console_url);
/* What the API has to know of the pages. */
void server_api_faces(const struct conf *c, struct api_options *o);
struct store_options server_store_options(const struct conf *c);
/* Fills *limits; its retry delays point into `delays`. RC_INVALID: why. */
MUST_USE enum rc server_deliver_limits(const struct conf *c, int64_t delays[static CORE_RETRY_MAX],
                                       struct deliver_limits *limits, struct buf *why);
/* Level and format of the log. */
void server_configure_log(const struct conf *c);
/* What no single option's range can say, such as a certificate without its key, or the retry
 * schedule. What passes here cannot fail server_deliver_limits(). */
MUST_USE enum rc server_check(const struct conf *c, struct buf *why);
/* NULL for the empty text. */
const char *server_text(const char *text);
