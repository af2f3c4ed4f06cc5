/* SPDX-License-Identifier: Apache-2.0
 *
 * What is in memory and what only in the store: the bound on memory, and refilling by due time.
 *
 * A refill reads the store while this shard goes on, so its answer is a little old. Three things
 * keep it from doing harm: rows whose delivery is in memory are known by the set of items;
 * deliveries that finished since it was asked are remembered (gone) until it is here; and what was
 * left in the store since then lowers the horizon again, so that the next refill finds it.
 *
 * The other way round, the store may know of an outcome before the lane does, and of a resend that was
 * committed with it. A delivery seen pending anew while its outcome is being recorded is marked
 * (again_due_us) and left in the store once that outcome has been seen.
 */
#include "deliver/shard_priv.h"

#include "metrics/metrics.h"

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
}

/* Waiting items may keep half of what may be kept; the other half is for those about to be sent. */
static bool may_keep_payload(const struct deliver_shard *s, int64_t due_us, size_t len)
{
    return due_us <= s->now_us + payload_near_us &&
           s->payload_bytes + len <= s->limits.payload_max / 2;
}

/* --- the bound -------------------------------------------------------------------------------- */

/* How many more items that are due soon the lane may have now. */
static size_t room(const struct deliver_shard *s, const struct deliver_lane *lane)
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

static bool has_room(const struct deliver_shard *s, const struct deliver_lane *lane, int64_t due_us)
{
    bool is_far = !lane->is_gone && due_us > s->now_us + near_us;
    return room(s, lane) > 0 && (!is_far || s->items.count < s->limits.items_max / 2);
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

static void forget(struct deliver_shard *s, struct deliver_item *item)
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

static void wait_in_lane(struct deliver_item *item, int64_t due_us)
{
    item->due_us = due_us;
    item->where = DELIVER_WAITING;
    deliver_heap_add(&item->lane->waiting, item);
}

/* A row of a delivery that is in memory: the one we know, or pending anew after an end that has not sunk
 * in here yet. Then it counts as left in the store, from that end on. */
static void meet_again(struct deliver_item *item, const struct store_due *due)
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
        meet_again(known, due);
        return;
    }
    /* Sent again by hand while a refill is under way, out of turn, or no room: the store has it. */
    bool is_ahead = payload != NULL && lane->is_ordered && lane->has_more;
    if (is_over || is_ahead || !has_room(s, lane, due->due_us)) {
        deliver_backlog_leave(lane, due->due_us);
        return;
    }
    struct deliver_item *item = deliver_items_add(&s->items, &due->message, lane);
    item->state = (uint8_t)due->state;
    item->trigger = (uint8_t)due->trigger;
    item->attempt_count = due->attempt_count;
    if (payload != NULL && may_keep_payload(s, due->due_us, payload->payload.len))
        deliver_backlog_hold_payload(s, item, payload);
    wait_in_lane(item, due->due_us);
}

void deliver_backlog_again(struct deliver_shard *s, struct deliver_item *item, int64_t due_us)
{
    struct deliver_lane *lane = item->lane;
    item->again_due_us = 0; /* what was seen is this */
    if (!has_room(s, lane, due_us)) {
        deliver_backlog_leave(lane, due_us);
        forget(s, item);
        return;
    }
    if (item->payload != NULL && !may_keep_payload(s, due_us, 0))
        deliver_backlog_drop_payload(s, item);
    wait_in_lane(item, due_us);
}

void deliver_backlog_finished(struct deliver_shard *s, struct deliver_item *item)
{
    if (item->again_due_us != 0)
        deliver_backlog_leave(item->lane, item->again_due_us);
    forget(s, item);
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

/* --- refilling -------------------------------------------------------------------------------- */

/* With items of its own the lane is looked at again as they finish; without, its time decides. */
bool deliver_backlog_could_refill(const struct deliver_shard *s, const struct deliver_lane *lane)
{
    return lane->has_more && !lane->is_refilling && lane->waiting.len < DELIVER_REFILL_LOW &&
           (lane->item_count == 0 || room(s, lane) > 0);
}

void deliver_backlog_refill(struct deliver_shard *s, struct deliver_lane *lane)
{
    bool is_time = lane->is_gone || lane->store_due_us <= s->now_us;
    size_t max = room(s, lane);
    if (!is_time || max == 0 || !deliver_backlog_could_refill(s, lane))
        return;
    if (max > DELIVER_REFILL_MAX)
        max = DELIVER_REFILL_MAX;
    lane->is_refilling = true;
    lane->left_due_us = DELIVER_NEVER;
    metrics_add(METRIC_DELIVER_REFILLS, 1);
    s->backend.refill(s->backend.ctx, s, lane->endpoint, lane->horizon_us, lane->horizon_message,
                      max);
}

static void end_refill(struct deliver_shard *s, struct deliver_lane *lane)
{
    lane->is_refilling = false;
    for (struct deliver_item *item = lane->gone, *next; item != NULL; item = next) {
        next = item->next;
        deliver_items_remove(&s->items, item);
    }
    lane->gone = NULL;
}

/* Takes rows up to where memory ends; returns how many were looked at. */
static size_t take_rows(struct deliver_shard *s, struct deliver_lane *lane,
                        const struct store_due *rows, size_t count)
{
    size_t i = 0;
    for (; i < count; i++) {
        const struct store_due *row = &rows[i];
        struct deliver_item *known = deliver_items_find(&s->items, &row->message, lane->endpoint);
        if (known != NULL) {
            meet_again(known, row);
        } else {
            if (!has_room(s, lane, row->due_us))
                break;
            deliver_backlog_add(s, lane, row, NULL);
        }
        lane->horizon_us = row->due_us;
        lane->horizon_message = row->message;
    }
    return i;
}

void deliver_shard_refilled(struct deliver_shard *s, int64_t endpoint, enum rc rc,
                            const struct store_due *rows, size_t count, size_t max)
{
    struct deliver_lane *lane = deliver_lane_find(s, endpoint);
    if (lane == NULL || !lane->is_refilling)
        return;
    deliver_shard_tell_time(s);
    if (rc != RC_OK) {
        lane->store_due_us = s->now_us + DELIVER_SECOND_US;
    } else {
        size_t taken = take_rows(s, lane, rows, count);
        lane->has_more = taken < count || count == max;
        if (taken < count)
            lane->store_due_us = rows[taken].due_us;
        else if (count > 0)
            lane->store_due_us = rows[count - 1].due_us;
        if (lane->left_due_us != DELIVER_NEVER)
            deliver_backlog_leave(lane, lane->left_due_us);
    }
    end_refill(s, lane);
    deliver_lane_place(s, lane);
}
