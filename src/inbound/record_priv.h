/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of a request, and what goes on of it.
 */
#pragma once

#include "inbound/judge_priv.h"

/* Fills what the row says of the request itself: method, URL, headers; secrets are taken out. `forwarded`: as
 * inbound_forwarded() made it, borrowed; STR_NONE. */
void inbound_describe(const struct inbound_view *v, const struct inbound_request *r,
                      struct str peer, struct str forwarded, struct arena *a,
                      struct store_request *out);
/* Header lines that are delivered with the message. */
struct str inbound_forwarded(const struct inbound_view *v, const struct inbound_request *r,
                             struct arena *a);
