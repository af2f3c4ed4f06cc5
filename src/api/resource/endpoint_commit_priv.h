/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of every change of an endpoint.
 */
#pragma once

#include "api/kit/kit_priv.h"

/* Once the answer is there: commits, then tells operational endpoints. */
void api_endpoint_commit(struct api_ctx *c, const struct store_endpoint *ep, const char *event);
/* Stores c->endpoint, answers 204, commits, tells that it was updated. */
void api_endpoint_save(struct api_ctx *c);
