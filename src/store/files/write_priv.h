/* SPDX-License-Identifier: Apache-2.0
 *
 * Publishing: one job, inside its segment's transaction.
 */
#pragma once

#include "store/files/files_priv.h"

MUST_USE enum rc store_apply_publish(struct store_files *s, struct store_publish *p);
/* A pending delivery; an endpoint named twice is one delivery. */
MUST_USE enum rc store_delivery_insert(struct store_segment *seg, int64_t stretch, int64_t endpoint,
                                       int64_t k, int64_t app, int64_t due_us,
                                       enum store_trigger trigger);
