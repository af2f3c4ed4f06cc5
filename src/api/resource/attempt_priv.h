/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files about attempts share.
 */
#pragma once

#include "api/kit/kit_priv.h"

/* 0 success ... 4 canceled; canceled shows as failed unless expanded. `reason`: of an end without success. */
void api_status_write(struct api_out *o, enum store_state state, enum store_reason reason,
                      bool expanded);

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
