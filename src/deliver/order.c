/* SPDX-License-Identifier: Apache-2.0
 *
 * Lanes that keep order ("ordered" endpoints): one attempt at a time, in the order of due time and
 * message, which is the order of acceptance. A delivery that failed keeps its due time, so that it
 * stays the first, in memory and in the store; its next try has a time of its own, for which the whole
 * lane waits.
 *
 * Nothing is sent while an outcome is on its way to the store, whatever it says: the next delivery's turn
 * comes when the one before is final on disk, however long that commit takes. Nor is anything sent while a
 * refill is on its way that could bring an earlier one. A disabled endpoint sends nothing, so there is
 * nothing to hold: its deliveries are canceled without waiting for each other.
 */
#include "deliver/order_priv.h"

#include "deliver/attempt_priv.h"

bool deliver_order_holds(const struct deliver_lane *lane)
{
    bool is_sending = lane->is_ordered && !lane->was_disabled && !lane->is_disabled;
    return is_sending && (lane->recording > 0 || lane->is_refilling);
}

int64_t deliver_order_ready(const struct deliver_lane *lane, const struct deliver_item *item)
{
    bool is_held = lane->is_ordered && item->trigger == STORE_SCHEDULED;
    return is_held && item->retry_at_us > item->due_us ? item->retry_at_us : item->due_us;
}

void deliver_order_failed(struct deliver_attempt *a, enum core_verdict verdict)
{
    struct store_outcome *o = &a->outcome;
    if (!a->lane->is_ordered || verdict != CORE_RETRY)
        return;
    o->retry_at_us = o->next_due_us;
    o->next_due_us = o->was_due_us;
}
