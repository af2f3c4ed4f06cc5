/* SPDX-License-Identifier: Apache-2.0
 *
 * Outcomes, requeues and cancellations: one job each, inside its segment's transaction.
 */
#pragma once

#include "store/files/files_priv.h"

MUST_USE enum rc store_apply_outcome(struct store_files *s, struct store_outcome *o);
MUST_USE enum rc store_apply_requeue(struct store_files *s, struct store_requeue *r);
MUST_USE enum rc store_delivery_cancel(struct store_segment *seg, const struct id *message,
                                       int64_t app, int64_t endpoint, enum store_reason reason,
                                       bool *was);
