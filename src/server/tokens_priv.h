/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens, on an open store.
 */
#pragma once

#include "server/admin_priv.h"

/* Worker, or main before threads start: does it on an open store. */
MUST_USE enum rc server_tokens_on(struct store *store, struct access *access, int64_t org,
                                  const struct server_token_request *request, struct buf *out,
                                  struct buf *why);
