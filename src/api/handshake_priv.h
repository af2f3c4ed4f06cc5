/* SPDX-License-Identifier: Apache-2.0
 *
 * Handshakes of endpoints (deliver/handshake.h), as the endpoint handlers use them: asked before the
 * transaction that stores the endpoint, because a receiver may take seconds; settled in it.
 */
#pragma once

#include "api/endpoint_priv.h"

/* Works out what the request would make of the endpoint, and when that has a handshake that was not
 * passed at that URL and is not disabled, asks the receiver. False: answered, and nothing was stored. */
bool api_handshake_first(struct api_ctx *c);

/* In the transaction, after the endpoint was filled: puts the proof into its options, or disables it as
 * "unverified" when there is none. */
void api_handshake_settle(struct api_ctx *c, struct store_endpoint *ep);

/* Fills "scheme", "includeIdentifiers", "handshake" in the options and the sealed "schemeSecret".
 * `all`: what is absent falls back, but for the secret. False: answered. */
bool api_scheme_fill(struct api_ctx *c, struct store_endpoint *ep, json_t *options, bool all);

/* The endpoint's "schemeSecret"; ptr NULL: none. */
struct str api_scheme_secret(struct api_ctx *c, const struct store_endpoint *ep);

/* What an endpoint shows of them, as members of EndpointOut; nothing when it has none. */
void api_scheme_write(struct api_ctx *c, struct api_out *o, const struct store_endpoint *ep,
                      const json_t *options);
