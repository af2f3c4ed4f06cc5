/* SPDX-License-Identifier: Apache-2.0
 *
 * See deliver/place_priv.h.
 */
#include "deliver/place_priv.h"

#include "deliver/backlog_priv.h"
#include "deliver/health_priv.h"
#include "deliver/item_priv.h"
#include "deliver/order_priv.h"
#include "deliver/wake_priv.h"

struct deliver_lane *deliver_lane_find(const struct deliver_shard *s, int64_t endpoint)
{
    return map64_get(s->lanes, (uint64_t)endpoint);
}

static struct deliver_queue *queue_of(struct deliver_shard *s, enum deliver_place place)
{
    switch (place) {
    case DELIVER_READY: return &s->ready;
    case DELIVER_READY_UNTRUSTED: return &s->untrusted;
    case DELIVER_HUNGRY: return &s->hungry;
    case DELIVER_IDLE: return &s->idle;
    case DELIVER_NOWHERE:
    case DELIVER_TIMED: break;
    }
    return NULL;
}

void deliver_lane_take_out(struct deliver_shard *s, struct deliver_lane *lane)
{
    struct deliver_queue *q = queue_of(s, lane->place);
    if (q != NULL)
        deliver_queue_remove(q, lane);
    else if (lane->place == DELIVER_TIMED)
        deliver_heap_remove(&s->timed, lane);
    lane->place = DELIVER_NOWHERE;
}

static void put_in(struct deliver_shard *s, struct deliver_lane *lane, enum deliver_place place)
{
    struct deliver_queue *q = queue_of(s, place);
    lane->place = (uint8_t)place;
    if (q != NULL)
        deliver_queue_push(q, lane);
    else if (place == DELIVER_TIMED)
        deliver_heap_add(&s->timed, lane);
}

static bool is_idle(const struct deliver_lane *lane)
{
    return lane->item_count == 0 && !lane->has_more && !lane->is_refilling;
}

static bool is_starved(const struct deliver_shard *s, const struct deliver_lane *lane)
{
    return lane->item_count == 0 && lane->has_more && !lane->is_refilling &&
           s->items.count >= s->limits.items_max;
}

/* When the lane has something to do, but for what holds it back. */
static int64_t next_due(const struct deliver_shard *s, const struct deliver_lane *lane)
{
    const struct deliver_item *top = deliver_heap_top(&lane->waiting);
    int64_t due_us = top == NULL ? DELIVER_NEVER : deliver_order_ready(lane, top);
    if (deliver_backlog_could_refill(s, lane) && lane->store_due_us < due_us)
        due_us = lane->store_due_us;
    return due_us;
}

int deliver_lane_slots(const struct deliver_lane *lane)
{
    int slots = deliver_pace_slots(&lane->pace);
    if (lane->is_ordered)
        return 1;
    bool is_known = lane->ep != NULL && lane->ep->settings != NULL;
    return slots > 1 && is_known ? slots * lane->ep->kind->pipeline : slots;
}

static int64_t next_time(const struct deliver_shard *s, const struct deliver_lane *lane)
{
    int64_t due_us = next_due(s, lane);
    if (s->is_stopping || lane->is_held || due_us == DELIVER_NEVER)
        return DELIVER_NEVER;
    if (lane->awaits_app)
        return lane->app->is_wanted ? DELIVER_NEVER : lane->app->retry_at_us;
    if (lane->is_recheck_due || lane->is_gone)
        return 0;
    if (lane->in_flight >= deliver_lane_slots(lane) || deliver_order_holds(lane))
        return DELIVER_NEVER;
    int64_t gate_us = deliver_pace_gate(&lane->pace);
    return due_us > gate_us ? due_us : gate_us;
}

static enum deliver_place place_for(struct deliver_shard *s, struct deliver_lane *lane)
{
    int64_t tell_us = s->is_stopping ? DELIVER_NEVER : deliver_health_due(lane);
    if (is_idle(lane) && tell_us == DELIVER_NEVER)
        return DELIVER_IDLE;
    lane->next_us = next_time(s, lane);
    if (tell_us < lane->next_us)
        lane->next_us = tell_us;
    if (lane->next_us == DELIVER_NEVER)
        return DELIVER_NOWHERE;
    if (lane->next_us > s->now_us)
        return DELIVER_TIMED;
    if (is_starved(s, lane))
        return DELIVER_HUNGRY;
    return lane->pace.is_trusted ? DELIVER_READY : DELIVER_READY_UNTRUSTED;
}

void deliver_lane_place(struct deliver_shard *s, struct deliver_lane *lane)
{
    enum deliver_place place = place_for(s, lane);
    bool is_settled = place == lane->place && place != DELIVER_TIMED;
    if (is_settled)
        return;
    deliver_lane_take_out(s, lane);
    if (place == DELIVER_IDLE)
        lane->idle_since_us = s->now_us;
    put_in(s, lane, place);
    if (place == DELIVER_READY || place == DELIVER_READY_UNTRUSTED ||
        deliver_heap_top(&s->timed) == lane)
        deliver_shard_wake(s);
}
