/* SPDX-License-Identifier: Apache-2.0
 *
 * How long an endpoint has done nothing but fail, and when that disables it.
 */
#pragma once

#include "deliver/shard_priv.h"

struct deliver_attempt;

void deliver_health_success(struct deliver_shard *s, struct deliver_lane *lane);
/* Its outcome is filled. */
void deliver_health_failure(struct deliver_shard *s, const struct deliver_attempt *a, bool is_gone);
/* Once; `reason` is kept with the endpoint. */
void deliver_health_disable(struct deliver_shard *s, const struct deliver_attempt *a, const char *reason);
void deliver_health_flush(struct deliver_shard *s, struct deliver_lane *lane);
/* When what has changed may be told; DELIVER_NEVER: nothing has. */
int64_t deliver_health_due(const struct deliver_lane *lane);
/* Tells it if it may be told. */
void deliver_health_mind(struct deliver_shard *s, struct deliver_lane *lane);
