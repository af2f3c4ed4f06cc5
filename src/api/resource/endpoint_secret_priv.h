/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of endpoints.
 */
#pragma once

#include "api/kit/kit_priv.h"

/* Seals a key (its text, or a generated one when `text` is empty) as the current one. False: answered. */
bool api_endpoint_new_key(struct api_ctx *c, struct store_endpoint *ep, struct str text, const char *where);
