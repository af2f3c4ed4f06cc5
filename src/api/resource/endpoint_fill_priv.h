/* SPDX-License-Identifier: Apache-2.0
 *
 * An endpoint between its JSON and its row.
 */
#pragma once

#include "api/kit/kit_priv.h"

void api_endpoint_write(struct api_ctx *c, struct api_out *o, const struct store_endpoint *ep);
/* The members of EndpointOut without the braces. */
void api_endpoint_write_members(struct api_ctx *c, struct api_out *o, const struct store_endpoint *ep);
/* Fills what EndpointIn, EndpointUpsertIn (`all`: what is absent falls back) or EndpointPatch say. False: answered. */
bool api_endpoint_fill(struct api_ctx *c, struct store_tx *tx, struct store_endpoint *ep, bool all);
