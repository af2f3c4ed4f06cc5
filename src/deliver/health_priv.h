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
