/* SPDX-License-Identifier: Apache-2.0
 *
 * See deliver/lane_priv.h.
 */
#include "deliver/lane_priv.h"

#include "deliver/dispatch_priv.h"
#include "deliver/health_priv.h"
#include "deliver/item_priv.h"
#include "deliver/order_priv.h"
#include "deliver/park_priv.h"
#include "deliver/place_priv.h"
#include "deliver/refill_priv.h"
#include "deliver/throttle_priv.h"
#include "deliver/view_priv.h"

#include "metrics/metrics.h"

enum { IDLE_LANES_MAX = 20000 };
static const int64_t idle_keep_us =
    600 * DELIVER_SECOND_US; /* how long a lane's pace is remembered */

static bool is_item_sooner(const void *a, const void *b)
{
    const struct deliver_item *left = a;
    const struct deliver_item *right = b;
    if (left->due_us != right->due_us)
        return left->due_us < right->due_us;
    return memcmp(&left->message, &right->message, sizeof(left->message)) < 0;
}

struct deliver_lane *deliver_lane_make(struct deliver_shard *s, int64_t app, int64_t endpoint)
{
    struct deliver_lane *lane = deliver_lane_find(s, endpoint);
    if (lane != NULL)
        return lane;
    lane = XNEW(struct deliver_lane);
    lane->endpoint = endpoint;
    lane->app = deliver_view_app(s, app);
    lane->app_next = lane->app->lanes;
    if (lane->app_next != NULL)
        lane->app_next->app_prev = lane;
    lane->app->lanes = lane;
    deliver_heap_init(&lane->waiting, is_item_sooner, offsetof(struct deliver_item, _place));
    deliver_pace_init(&lane->pace, &s->limits);
    (void)map64_set(s->lanes, (uint64_t)endpoint, lane);
    metrics_add(METRIC_DELIVER_LANES, 1);
    return lane;
}

/* --- a turn ----------------------------------------------------------------------------------- */

static bool may_send(const struct deliver_shard *s, const struct deliver_lane *lane,
                     const struct deliver_item *item)
{
    return deliver_order_ready(lane, item) <= s->now_us &&
           deliver_pace_gate(&lane->pace) <= s->now_us &&
           lane->in_flight < deliver_lane_slots(lane) && !deliver_order_holds(lane);
}

/* False: there is no room for the payload now. */
static bool lane_send(struct deliver_shard *s, struct deliver_lane *lane, struct deliver_item *item)
{
    if (!may_send(s, lane, item))
        return true;
    if (item->payload == NULL && !deliver_attempt_may_load(s))
        return false;
    if (item->has_place || deliver_throttle_let(s, lane))
        deliver_attempt_dispatch(s, item);
    return true;
}

static bool serve_top(struct deliver_shard *s, struct deliver_lane *lane)
{
    struct deliver_item *item = deliver_heap_top(&lane->waiting);
    if (item == NULL)
        return true;
    if (lane->is_gone) {
        deliver_attempt_cancel(s, item,
                               lane->app->is_gone ? STORE_REASON_APPLICATION_DELETED
                                                  : STORE_REASON_ENDPOINT_DELETED);
        return true;
    }
    if ((lane->ep->disabled || lane->is_disabled) && item->due_us <= s->now_us) {
        deliver_attempt_cancel(s, item, STORE_REASON_ENDPOINT_DISABLED);
        return true;
    }
    return lane_send(s, lane, item);
}

bool deliver_lane_serve(struct deliver_shard *s, struct deliver_lane *lane)
{
    bool is_done = true;
    deliver_lane_take_out(s, lane);
    lane->is_held =
        s->backend.is_held != NULL && s->backend.is_held(s->backend.ctx, lane->app->num);
    deliver_health_mind(s, lane);
    if (!lane->is_held && deliver_view_resolve(s, lane)) {
        lane->is_recheck_due = false;
        deliver_refill_restore_order(s, lane);
        deliver_refill(s, lane);
        is_done = serve_top(s, lane);
    }
    deliver_lane_place(s, lane);
    return is_done;
}

/* --- the end ---------------------------------------------------------------------------------- */

void deliver_lane_free(struct deliver_shard *s, struct deliver_lane *lane)
{
    deliver_lane_take_out(s, lane);
    (void)deliver_lane_leave_park(
        s, lane); /* nothing is reopened: the endpoint, or the server, ends */
    deliver_health_flush(s, lane);
    *(lane->app_prev != NULL ? &lane->app_prev->app_next : &lane->app->lanes) = lane->app_next;
    if (lane->app_next != NULL)
        lane->app_next->app_prev = lane->app_prev;
    deliver_view_release(s, lane->app);
    (void)map64_remove(s->lanes, (uint64_t)lane->endpoint);
    deliver_view_leave(lane);
    deliver_heap_fini(&lane->waiting);
    metrics_add(METRIC_DELIVER_LANES, -1);
    xfree(lane);
}

void deliver_lane_sweep_idle(struct deliver_shard *s)
{
    struct deliver_lane *lane = s->idle.first;
    while (lane != NULL &&
           (lane->idle_since_us + idle_keep_us <= s->now_us || s->idle.len > IDLE_LANES_MAX)) {
        deliver_lane_free(s, lane);
        lane = s->idle.first;
    }
}
