/* SPDX-License-Identifier: Apache-2.0
 *
 * Lanes that keep order ("ordered" endpoints): one attempt at a time, in the order of due time and
 * message, which is the order of acceptance. A delivery that failed keeps its due time, so that it
 * stays the first, in memory and in the store, and the whole lane waits for its next try instead.
 * Nothing is sent while an outcome or a refill is on its way that could bring an earlier one.
 */
#include "deliver/attempt_priv.h"

bool deliver_order_holds(const struct deliver_lane *lane)
{
    return lane->is_ordered && (lane->is_settling || lane->is_refilling);
}

void deliver_order_restore(struct deliver_shard *s, struct deliver_lane *lane)
{
    const struct deliver_item *top = deliver_heap_top(&lane->waiting);
    bool is_behind = lane->is_ordered && top != NULL && lane->has_more && !lane->is_refilling &&
                     lane->store_due_us < top->due_us;
    if (is_behind && !deliver_backlog_could_refill(s, lane))
        deliver_backlog_give_back(s, lane);
}

void deliver_order_failed(struct deliver_attempt *a, enum core_verdict verdict)
{
    struct deliver_lane *lane = a->lane;
    struct store_outcome *o = &a->outcome;
    if (!lane->is_ordered || verdict != CORE_RETRY)
        return;
    if (lane->pace.held_until_us < o->next_due_us)
        lane->pace.held_until_us = o->next_due_us;
    o->next_due_us = o->was_due_us;
    lane->is_settling = true;
}
