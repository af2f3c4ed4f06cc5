/* SPDX-License-Identifier: Apache-2.0
 *
 * Refilling by due time.
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
#include "deliver/refill_priv.h"

#include "deliver/backlog_priv.h"
#include "deliver/item_priv.h"
#include "deliver/now_priv.h"
#include "deliver/place_priv.h"
#include "metrics/metrics.h"

void deliver_refill_restore_order(struct deliver_shard *s, struct deliver_lane *lane)
{
    const struct deliver_item *top = deliver_heap_top(&lane->waiting);
    bool is_behind = lane->is_ordered && top != NULL && lane->has_more && !lane->is_refilling &&
                     lane->store_due_us < top->due_us;
    if (is_behind && !deliver_backlog_could_refill(s, lane))
        deliver_backlog_give_back(s, lane);
}

void deliver_refill(struct deliver_shard *s, struct deliver_lane *lane)
{
    bool is_time = lane->is_gone || lane->store_due_us <= s->now_us;
    size_t max = deliver_backlog_room(s, lane);
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
            deliver_backlog_meet_again(known, row);
        } else {
            if (!deliver_backlog_has_room(s, lane, row->due_us))
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
