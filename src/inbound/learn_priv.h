/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets that arrive in a handshake.
 */
#pragma once

#include "inbound/inbound.h"

/* Worker. RC_CONFLICT: the source has a secret by now; a handshake never replaces one. */
MUST_USE enum rc inbound_learn(struct inbound *in, int64_t source, struct str secret);
