/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the endpoint files: from a checked body to a row.
 */
#pragma once

#include "api/api_priv.h"

/* Fills what EndpointIn, EndpointUpsertIn (`all`: what is absent falls back) or EndpointPatch say. False: answered. */
bool api_endpoint_fill(struct api_ctx *c, struct store_tx *tx, struct store_endpoint *ep, bool all);

/* Finishes a change of an endpoint: answers with it, commits, swaps the view, tells. */
void api_endpoint_changed(struct api_ctx *c, struct store_tx *tx, enum rc rc, int status, const struct store_application *app, const struct store_endpoint *ep, const char *event);

/* The body's URL is a broker's: kind, URL without credentials, and those sealed. A URL that names the same
 * broker without credentials keeps the ones there are. False: answered. */
bool api_endpoint_fill_broker_url(struct api_ctx *c, struct store_endpoint *ep);
/* The body's "amqp" settings fit the endpoint's kind and compile. False: answered. */
bool api_endpoint_check_broker(struct api_ctx *c, const struct store_endpoint *ep);

/* Finds both, in a transaction; false: answered and the transaction is over. */
bool api_endpoint_of(struct api_ctx *c, struct store_tx *tx, struct store_application *app, struct store_endpoint *ep);
