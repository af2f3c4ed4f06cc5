/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a lane waits: in the heap until it may do something, in a queue when it may now, in none
 * while only an event (a finished attempt, an answer) can bring it on, in the idle list when it has
 * nothing left.
 */
#pragma once

#include "deliver/shard_priv.h"

struct deliver_lane *deliver_lane_find(const struct deliver_shard *s, int64_t endpoint);
/* To be called after anything changed that a lane depends on. */
void deliver_lane_place(struct deliver_shard *s, struct deliver_lane *lane);
void deliver_lane_take_out(struct deliver_shard *s, struct deliver_lane *lane);
int deliver_lane_slots(const struct deliver_lane *lane); /* attempts that may run at a time */
