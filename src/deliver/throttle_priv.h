/* SPDX-License-Identifier: Apache-2.0
 *
 * The throttles of an endpoint and of its application, which a delivery passes twice: when it is taken up, and when its
 * attempt begins. In between its payload may have to be loaded and its transform run. The first passage keeps what is
 * prepared to what may be sent; the second keeps the rate when several that were held up there are ready at once.
 */
#pragma once

#include "deliver/shard_priv.h"

/* Both: true when there is a place under both throttles, which is taken. False: the lane's pace says until when it
 * waits. The lane's endpoint and its application's view are known. */
bool deliver_throttle_let(struct deliver_shard *s, struct deliver_lane *lane);
bool deliver_throttle_begin(struct deliver_shard *s, struct deliver_lane *lane);
