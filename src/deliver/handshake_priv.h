/* SPDX-License-Identifier: Apache-2.0
 *
 * A handshake without its network: what is asked, and what an answer means.
 */
#pragma once

#include "deliver/handshake.h"

enum { HANDSHAKE_CHALLENGE_LEN = 64, HANDSHAKE_HEADERS_MAX = 16384, HANDSHAKE_BODY_MAX = 1024 };

struct handshake_ask {
    char challenge[HANDSHAKE_CHALLENGE_LEN + 1];
    int64_t now_us; /* wall clock */
    const char *user_agent;
    enum http_method method;
    struct buf url; /* the receiver's, with what the kind adds to its query */
    struct buf headers;
    struct buf body;
};

/* Fills the rest of `ask`, whose challenge, now_us and user_agent are there. RC_LIMIT: too long. */
MUST_USE enum rc deliver_handshake_build(const struct deliver_handshake *s, struct handshake_ask *ask);

/* Looks at what came of `c`. RC_DENIED: `why` says why not. */
MUST_USE enum rc deliver_handshake_judge(struct deliver_handshake *s, const struct handshake_ask *ask,
                                 const struct fetch_call *c, struct buf *why);
