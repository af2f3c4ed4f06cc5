/* SPDX-License-Identifier: Apache-2.0
 *
 * A lane's life and its turns: what an endpoint's deliveries wait in.
 */
#pragma once

#include "deliver/shard_priv.h"

struct deliver_lane *deliver_lane_make(struct deliver_shard *s, int64_t app, int64_t endpoint);
/* One turn: at most one attempt or cancellation. False: there was no room for it, nothing happened. */
bool deliver_lane_serve(struct deliver_shard *s, struct deliver_lane *lane);
void deliver_lane_sweep_idle(struct deliver_shard *s);
void deliver_lane_free(struct deliver_shard *s, struct deliver_lane *lane);
