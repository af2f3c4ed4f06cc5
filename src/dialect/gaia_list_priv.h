/* SPDX-License-Identifier: Apache-2.0
 *
 * A tenant's webhook as operators see it.
 */
#pragma once

#include "dialect/gaia_priv.h"
#include "dialect/lists_priv.h"
#include "store/application.h"

struct gaia_listed {
    struct str place; /* in the list: the endpoint's number */
    struct gaia_row webhook;
    struct store_application app;
    struct store_endpoint endpoint;
};

/* Reads what stands beside the row, in c->tx. */
MUST_USE enum rc gaia_list_load(struct api_ctx *c, const struct gaia_row *webhook, struct gaia_listed *out);
/* `row`: a struct gaia_listed. */
void gaia_list_write(struct api_ctx *c, struct api_out *o, const void *row, const void *arg);
