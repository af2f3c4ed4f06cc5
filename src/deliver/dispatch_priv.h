/* SPDX-License-Identifier: Apache-2.0
 *
 * One attempt from start to its recorded outcome: attempt.c.
 */
#pragma once

#include "deliver/shard_priv.h"

bool deliver_attempt_may_load(const struct deliver_shard *s); /* another payload */
bool deliver_attempt_has_room(const struct deliver_shard *s); /* for another outcome */
/* The item is due and its lane may send. */
void deliver_attempt_dispatch(struct deliver_shard *s, struct deliver_item *item);
void deliver_attempt_cancel(struct deliver_shard *s, struct deliver_item *item,
                            enum store_reason why);
/* The item's payload was erased: what of it is on its way is cut, or dropped when it is here. */
void deliver_attempt_erase(struct deliver_shard *s, struct deliver_item *item);
void deliver_attempt_record_again(struct deliver_shard *s);
void deliver_attempt_cut(struct deliver_shard *s);
void deliver_attempt_free_pool(struct deliver_shard *s);
