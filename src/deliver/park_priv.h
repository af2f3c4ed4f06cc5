/* SPDX-License-Identifier: Apache-2.0
 *
 * The breaker: a lane whose endpoint keeps failing is parked, and reopened when a probe succeeds.
 */
#pragma once

#include "deliver/shard_priv.h"

/* `endpoint`: its id, for the log; the lane itself may have let go of its view by then. */
void deliver_lane_park(struct deliver_shard *s, struct deliver_lane *lane, struct str endpoint);
void deliver_lane_unpark(struct deliver_shard *s, struct deliver_lane *lane, struct str endpoint);
/* Without a word in the log. False: it was not parked. */
bool deliver_lane_leave_park(struct deliver_shard *s, struct deliver_lane *lane);
