/* SPDX-License-Identifier: Apache-2.0
 *
 * Deliveries in memory, and lanes in order of arrival.
 */
#pragma once

#include "deliver/shard_priv.h"

void deliver_items_init(struct deliver_items *set);
void deliver_items_fini(struct deliver_items *set);
struct deliver_item *deliver_items_find(const struct deliver_items *set, const struct id *message, int64_t endpoint);
struct deliver_item *deliver_items_add(struct deliver_items *set, const struct id *message, struct deliver_lane *lane);
void deliver_items_remove(struct deliver_items *set, struct deliver_item *item);
void deliver_queue_push(struct deliver_queue *q, struct deliver_lane *lane);
void deliver_queue_remove(struct deliver_queue *q, struct deliver_lane *lane);
