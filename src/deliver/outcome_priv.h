/* SPDX-License-Identifier: Apache-2.0
 *
 * What an attempt came to.
 */
#pragma once

#include "deliver/attempt_priv.h"

/* Fills the outcome from the result and its judgement. */
struct core_retry_policy deliver_outcome_policy(const struct deliver_attempt *a);
enum core_verdict deliver_outcome_fill(struct deliver_attempt *a, const struct dest_result *r);
/* What the metrics and the log are told of it. */
void deliver_outcome_count(const struct deliver_attempt *a, const struct dest_result *r);
void deliver_outcome_tell_given_up(const struct deliver_attempt *a);
void deliver_outcome_log_failure(const struct deliver_attempt *a);
/* The operational webhook about it, if it is worth one. After the store has it. */
void deliver_outcome_tell_notices(struct deliver_shard *s, const struct store_outcome *o);
