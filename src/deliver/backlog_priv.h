/* SPDX-License-Identifier: Apache-2.0
 *
 * What is in memory and what only in the store.
 */
#pragma once

#include "deliver/shard_priv.h"

/* Into memory if there is room, else left in the store. `payload` may be NULL. */
void deliver_backlog_add(struct deliver_shard *s, struct deliver_lane *lane, const struct store_due *due, struct store_message *payload);
/* The store has a delivery due then that is not in memory. */
void deliver_backlog_leave(struct deliver_lane *lane, int64_t due_us);
/* An item whose outcome was recorded and that is due again. */
void deliver_backlog_again(struct deliver_shard *s, struct deliver_item *item, const struct store_due *due);
/* An attempt was asked for: takes the item, if it is in memory and not being recorded, to what the store has now.
 * False: it is not there. */
bool deliver_backlog_ask(struct deliver_shard *s, struct deliver_lane *lane, const struct store_due *due);
/* A waiting item goes, as it is canceled in the store already. */
void deliver_backlog_drop(struct deliver_shard *s, struct deliver_item *item);
void deliver_backlog_finished(struct deliver_shard *s, struct deliver_item *item);
/* Gives all waiting items back to the store. */
void deliver_backlog_give_back(struct deliver_shard *s, struct deliver_lane *lane);
/* With items of its own the lane is looked at again as they finish; without, its time decides. */
bool deliver_backlog_could_refill(const struct deliver_shard *s, const struct deliver_lane *lane);
/* How many more items that are due soon the lane may have now; and whether it may have one more, due then. */
size_t deliver_backlog_room(const struct deliver_shard *s, const struct deliver_lane *lane);
bool deliver_backlog_has_room(const struct deliver_shard *s, const struct deliver_lane *lane, int64_t due_us);
/* A row of a delivery that is in memory: the one we know, or pending anew after an end that has not sunk
 * in here yet. Then it counts as left in the store, from that end on. */
void deliver_backlog_meet_again(struct deliver_item *item, const struct store_due *due);
void deliver_backlog_hold_payload(struct deliver_shard *s, struct deliver_item *item, struct store_message *payload);
void deliver_backlog_drop_payload(struct deliver_shard *s, struct deliver_item *item);
