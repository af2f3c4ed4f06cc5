/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets that arrive in a handshake.
 */
#pragma once

#include "inbound/inbound.h"

/* Worker. RC_CONFLICT: the source has a secret by now; a handshake never replaces one, unless both are tentative. */
MUST_USE enum rc inbound_learn(struct inbound *in, int64_t source, struct str secret,
                               bool is_tentative);
/* Worker. An event verified: the secret stays from now on, and is not shown any more. RC_CONFLICT: it was replaced. */
MUST_USE enum rc inbound_settle_secret(struct inbound *in, int64_t source, struct str secret);
