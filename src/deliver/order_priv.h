/* SPDX-License-Identifier: Apache-2.0
 *
 * Lanes that keep order.
 */
#pragma once

#include "deliver/shard_priv.h"

struct deliver_attempt;

/* Nothing may be sent now; an answer that is on its way brings the lane on. */
bool deliver_order_holds(const struct deliver_lane *lane);
/* When the item may be sent, its turn given. */
int64_t deliver_order_ready(const struct deliver_lane *lane, const struct deliver_item *item);
/* After the outcome is filled, before it is recorded. */
void deliver_order_failed(struct deliver_attempt *a, enum core_verdict verdict);
