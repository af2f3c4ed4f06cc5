/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files about attempts.
 */
#pragma once

#include "api/api_priv.h"

/* Endpoints by number, as needed for the rows of one answer; deleted ones included. */
struct api_endpoint_names {
    struct {
        int64_t num;
        struct store_endpoint ep;
        bool found;
    } known[16];
    size_t count, next;
};
/* NULL: not known (its row is gone). */
const struct store_endpoint *api_endpoint_named(struct api_ctx *c, struct store_tx *tx, struct api_endpoint_names *names, int64_t num);
