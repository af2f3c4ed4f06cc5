/* SPDX-License-Identifier: Apache-2.0
 *
 * A subscription as operators see it.
 */
#pragma once

#include "dialect/lists_priv.h"
#include "dialect/preservica_priv.h"

/* Of an endpoint of the tenant's application; ptr NULL: it is no subscription. */
struct str preservica_list_trigger(struct arena *a, const struct store_endpoint *ep);
/* `row`: a struct store_endpoint. */
void preservica_list_write(struct api_ctx *c, struct api_out *o, const void *row, const void *arg);
