/* SPDX-License-Identifier: Apache-2.0
 *
 * What a lane knows of its endpoint.
 */
#pragma once

#include "deliver/shard_priv.h"

struct deliver_app *deliver_view_app(struct deliver_shard *s, int64_t num);
void deliver_view_release(struct deliver_shard *s, struct deliver_app *app); /* if it has no lanes left */
void deliver_view_leave(struct deliver_lane *lane); /* the endpoint is looked up anew */
/* True: lane->ep is set, or lane->is_gone. False: it has been asked for. */
bool deliver_view_resolve(struct deliver_shard *s, struct deliver_lane *lane);
