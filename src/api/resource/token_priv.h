/* SPDX-License-Identifier: Apache-2.0
 *
 * API tokens of an organisation, whoever's: for the operations on one's own (token.c) and on those of a tenant (tenant.c).
 */
#pragma once

#include "api/kit/kit_priv.h"

/* For .check of a route that shows when tokens were used: writes down what waits to be. Never answers. */
bool api_token_uses_written(struct api_ctx *c);
/* c->tx reads. Answers with a page. */
void api_token_list(struct api_ctx *c, int64_t org);
/* c->tx writes. Makes a token of the body's name, role and expiry, and answers. */
void api_token_create(struct api_ctx *c, int64_t org);
/* c->tx writes. Ends the token in the path, and answers. */
void api_token_revoke(struct api_ctx *c, int64_t org);
