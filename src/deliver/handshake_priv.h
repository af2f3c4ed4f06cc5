/* SPDX-License-Identifier: Apache-2.0
 *
 * A handshake without its network: what is asked, and what an answer means.
 */
#pragma once

#include "deliver/handshake.h"

enum { HANDSHAKE_HEADERS_MAX = 16384, HANDSHAKE_BODY_MAX = 1024 };

/* Fills the rest of `ask`, whose challenge, now_us and user_agent are there. RC_LIMIT: too long. */
MUST_USE enum rc deliver_handshake_build(const struct deliver_handshake *s, struct deliver_handshake_ask *ask);

/* Looks at what came of `c`. RC_DENIED: `why` says why not. */
MUST_USE enum rc deliver_handshake_judge(struct deliver_handshake *s, const struct deliver_handshake_ask *ask,
                                 const struct fetch_call *c, struct buf *why);
