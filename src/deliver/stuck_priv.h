/* SPDX-License-Identifier: Apache-2.0
 *
 * Outcomes that fail by themselves.
 */
#pragma once

#include "deliver/shard_priv.h"

struct deliver_attempt;

enum { DELIVER_STUCK_MAX = 10000 }; /* in memory, of a shard; with more nothing else is sent */
void deliver_stuck_add(struct deliver_shard *s, struct deliver_attempt *a);
/* One that is due by then, `recording` once more; NULL: none. */
struct deliver_attempt *deliver_stuck_take(struct deliver_shard *s, int64_t until_us);
/* When the first is due, if that is before `until_us`. */
int64_t deliver_stuck_until(const struct deliver_shard *s, int64_t until_us);
void deliver_stuck_jump(struct deliver_shard *s, int64_t by_us);
