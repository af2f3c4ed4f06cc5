/* SPDX-License-Identifier: Apache-2.0
 *
 * What is in memory and what only in the store: the bound on memory.
 */
#include "deliver/backlog_priv.h"

#include "deliver/item_priv.h"
#include "deliver/order_priv.h"
#include "deliver/transform.h"

static const int64_t near_us =
    300 * DELIVER_SECOND_US; /* later ones stay in the store when memory is scarce */
static const int64_t payload_near_us =
    10 * DELIVER_SECOND_US; /* later ones are loaded again when due */

/* --- payloads --------------------------------------------------------------------------------- */

void deliver_backlog_hold_payload(struct deliver_shard *s, struct deliver_item *item,
                                  struct store_message *payload)
{
    MUST(item->payload == NULL);
    item->payload = store_message_ref(payload);
    s->payload_bytes += payload->payload.len;
}

void deliver_backlog_drop_payload(struct deliver_shard *s, struct deliver_item *item)
{
    if (item->payload == NULL)
        return;
    s->payload_bytes -= item->payload->payload.len;
    store_message_unref(item->payload);
    item->payload = NULL;
    deliver_transform_free(item->transform);
    item->transform = NULL;
    item->has_place = false; /* it is for what is ready */
}

/* Waiting items may keep half of what may be kept; the other half is for those about to be sent. */
static bool may_keep_payload(const struct deliver_shard *s, int64_t due_us, size_t len)
{
    return due_us <= s->now_us + payload_near_us &&
           s->payload_bytes + len <= s->limits.payload_max / 2;
}

/* --- the bound -------------------------------------------------------------------------------- */

size_t deliver_backlog_room(const struct deliver_shard *s, const struct deliver_lane *lane)
{
    size_t count = s->items.count;
    size_t max = s->limits.items_max;
    size_t common = max - max / 4;
    if (count >= max)
        return 0;
    if (lane->pace.park_us > 0 && !lane->is_gone)
        return lane->item_count == 0 && lane->pace.parked_until_us <= s->now_us ? 1 : 0;
    if (count < common && lane->item_count < max / 2)
        return common - count;
    size_t own = lane->item_count < DELIVER_LANE_FLOOR ? DELIVER_LANE_FLOOR - lane->item_count : 0;
    return own < max - count ? own : max - count;
}

bool deliver_backlog_has_room(const struct deliver_shard *s, const struct deliver_lane *lane,
                              int64_t due_us)
{
    bool is_far = !lane->is_gone && due_us > s->now_us + near_us;
    return deliver_backlog_room(s, lane) > 0 &&
           (!is_far || s->items.count < s->limits.items_max / 2);
}

void deliver_backlog_leave(struct deliver_lane *lane, int64_t due_us)
{
    if (!lane->has_more || due_us <= lane->horizon_us) {
        lane->horizon_us = due_us - 1;
        memset(&lane->horizon_message, 0xff, sizeof(lane->horizon_message));
        lane->horizon_message.bytes[0] = 0x7f; /* the highest row key, which is signed */
    }
    if (!lane->has_more || due_us < lane->store_due_us)
        lane->store_due_us = due_us;
    lane->has_more = true;
    if (lane->is_refilling && due_us < lane->left_due_us)
        lane->left_due_us = due_us;
}

static void backlog_forget(struct deliver_shard *s, struct deliver_item *item)
{
    deliver_backlog_drop_payload(s, item);
    if (item->lane->is_refilling) {
        item->where = DELIVER_GONE;
        item->next = item->lane->gone;
        item->lane->gone = item;
    } else {
        deliver_items_remove(&s->items, item);
    }
}

/* --- in and out ------------------------------------------------------------------------------- */

/* How the store has it. */
static void backlog_learn(struct deliver_item *item, const struct store_due *due)
{
    item->state = (uint8_t)due->state;
    item->trigger = (uint8_t)due->trigger;
    item->attempt_count = due->attempt_count;
    item->ahead_count = due->ahead_count;
    item->retry_at_us = due->retry_at_us;
    item->asked_us = due->asked_us;
    item->due_us = due->due_us;
}

static void wait_in_lane(struct deliver_item *item)
{
    item->where = DELIVER_WAITING;
    deliver_heap_add(&item->lane->waiting, item);
}

void deliver_backlog_meet_again(struct deliver_item *item, const struct store_due *due)
{
    bool is_same = due->due_us == item->due_us && due->attempt_count == item->attempt_count;
    if (item->where == DELIVER_RECORDING && !is_same)
        item->again_due_us = due->due_us;
}

void deliver_backlog_add(struct deliver_shard *s, struct deliver_lane *lane,
                         const struct store_due *due, struct store_message *payload)
{
    struct deliver_item *known = deliver_items_find(&s->items, &due->message, lane->endpoint);
    bool is_over = known != NULL && known->where == DELIVER_GONE;
    if (known != NULL && !is_over) {
        deliver_backlog_meet_again(known, due);
        return;
    }
    /* Sent again by hand while a refill is under way, out of turn, or no room: the store has it. */
    bool is_ahead = payload != NULL && lane->is_ordered && lane->has_more;
    if (is_over || is_ahead || !deliver_backlog_has_room(s, lane, due->due_us)) {
        deliver_backlog_leave(lane, due->due_us);
        return;
    }
    struct deliver_item *item = deliver_items_add(&s->items, &due->message, lane);
    backlog_learn(item, due);
    if (payload != NULL && may_keep_payload(s, due->due_us, payload->payload.len))
        deliver_backlog_hold_payload(s, item, payload);
    wait_in_lane(item);
}

void deliver_backlog_again(struct deliver_shard *s, struct deliver_item *item,
                           const struct store_due *due)
{
    struct deliver_lane *lane = item->lane;
    item->again_due_us = 0; /* what was seen is this */
    backlog_learn(item, due);
    int64_t ready_us = deliver_order_ready(lane, item);
    if (!deliver_backlog_has_room(s, lane, ready_us)) {
        deliver_backlog_leave(lane, due->due_us);
        backlog_forget(s, item);
        return;
    }
    if (item->payload != NULL && !may_keep_payload(s, ready_us, 0))
        deliver_backlog_drop_payload(s, item);
    wait_in_lane(item);
}

bool deliver_backlog_ask(struct deliver_shard *s, struct deliver_lane *lane,
                         const struct store_due *due)
{
    struct deliver_item *item = deliver_items_find(&s->items, &due->message, lane->endpoint);
    if (item == NULL || item->where == DELIVER_RECORDING || item->where == DELIVER_GONE)
        return false;
    bool is_waiting = item->where == DELIVER_WAITING;
    if (is_waiting)
        deliver_heap_remove(&lane->waiting, item);
    backlog_learn(item,
                  due);      /* an attempt under way keeps what it began with: the store compares */
    item->is_erased = false; /* canceled, and then wanted after all */
    if (is_waiting)
        wait_in_lane(item);
    return true;
}

void deliver_backlog_drop(struct deliver_shard *s, struct deliver_item *item)
{
    deliver_heap_remove(&item->lane->waiting, item);
    backlog_forget(s, item);
}

void deliver_backlog_finished(struct deliver_shard *s, struct deliver_item *item)
{
    if (item->again_due_us != 0)
        deliver_backlog_leave(item->lane, item->again_due_us);
    backlog_forget(s, item);
}

void deliver_backlog_give_back(struct deliver_shard *s, struct deliver_lane *lane)
{
    for (struct deliver_item *item = NULL; (item = deliver_heap_top(&lane->waiting)) != NULL;) {
        deliver_heap_remove(&lane->waiting, item);
        deliver_backlog_leave(lane, item->due_us);
        deliver_backlog_drop_payload(s, item);
        deliver_items_remove(&s->items, item);
    }
    deliver_heap_fini(&lane->waiting);
}

bool deliver_backlog_could_refill(const struct deliver_shard *s, const struct deliver_lane *lane)
{
    return lane->has_more && !lane->is_refilling && lane->waiting.len < DELIVER_REFILL_LOW &&
           (lane->item_count == 0 || deliver_backlog_room(s, lane) > 0);
}
