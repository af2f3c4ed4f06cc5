/* SPDX-License-Identifier: Apache-2.0
 *
 * From the store into memory.
 */
#pragma once

#include "deliver/shard_priv.h"

/* Before a turn: when the store has earlier ones that cannot be read beside those in memory, these go back. */
void deliver_refill_restore_order(struct deliver_shard *s, struct deliver_lane *lane);
/* Asks for more if the lane is running low; deliver_shard_refilled() has the answer. */
void deliver_refill(struct deliver_shard *s, struct deliver_lane *lane);
