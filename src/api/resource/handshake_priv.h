/* SPDX-License-Identifier: Apache-2.0
 *
 * Handshakes of endpoints (deliver/handshake.h), as the endpoint handlers use them: asked before the
 * transaction that stores the endpoint, because a receiver may take seconds; settled in it.
 */
#pragma once

#include "api/kit/kit_priv.h"

/* Works out what the request would make of the endpoint, and when that has a handshake that was not
 * passed at that URL and is not disabled, asks the receiver. False: answered, and nothing was stored. */
bool api_handshake_first(struct api_ctx *c);
/* In the transaction, after the endpoint was filled: puts the proof into its options, or disables it as
 * "unverified" when there is none. */
void api_handshake_settle(struct api_ctx *c, struct store_endpoint *ep);
