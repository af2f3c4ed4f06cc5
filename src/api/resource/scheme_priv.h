/* SPDX-License-Identifier: Apache-2.0
 *
 * How an endpoint's deliveries are signed, as far as its options say it.
 */
#pragma once

#include "api/kit/kit_priv.h"

/* Fills "scheme", "includeIdentifiers", "handshake" in the options and the sealed "schemeSecret".
 * `all`: what is absent falls back, but for the secret. False: answered. */
bool api_scheme_fill(struct api_ctx *c, struct store_endpoint *ep, json_t *options, bool all);
/* The endpoint's "schemeSecret"; ptr NULL: none. False: it does not open, which was answered. */
bool api_scheme_secret(struct api_ctx *c, const struct store_endpoint *ep, struct str *out);
/* What an endpoint shows of them, as members of EndpointOut; nothing when it has none. */
void api_scheme_write(struct api_ctx *c, struct api_out *o, const struct store_endpoint *ep,
                      const json_t *options);
