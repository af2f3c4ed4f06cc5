/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a lane waits: in the heap until it may do something, in a queue when it may now, in none
 * while only an event (a finished attempt, an answer) can bring it on, in the idle list when it has
 * nothing left.
 */
#include "deliver/shard_priv.h"

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

struct deliver_lane *deliver_lane_find(const struct deliver_shard *s, int64_t endpoint)
{
    return map64_get(s->lanes, (uint64_t)endpoint);
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

/* --- places ----------------------------------------------------------------------------------- */

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

static void take_out(struct deliver_shard *s, struct deliver_lane *lane)
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
    int64_t due_us = top == NULL ? DELIVER_NEVER : top->due_us;
    if (deliver_backlog_could_refill(s, lane) && lane->store_due_us < due_us)
        due_us = lane->store_due_us;
    return due_us;
}

/* Attempts that may run at a time. */
static int slots_of(const struct deliver_lane *lane)
{
    int slots = deliver_pace_slots(&lane->pace);
    if (lane->is_ordered)
        return 1;
    return slots > 1 && lane->ep != NULL && lane->ep->broker != NULL ? slots * DELIVER_PIPELINE
                                                                     : slots;
}

static int64_t next_time(const struct deliver_shard *s, const struct deliver_lane *lane)
{
    int64_t due_us = next_due(s, lane);
    if (s->is_stopping || due_us == DELIVER_NEVER)
        return DELIVER_NEVER;
    if (lane->awaits_app)
        return lane->app->is_wanted ? DELIVER_NEVER : lane->app->retry_at_us;
    if (lane->is_recheck_due || lane->is_gone)
        return 0;
    if (lane->in_flight >= slots_of(lane) || deliver_order_holds(lane))
        return DELIVER_NEVER;
    int64_t gate_us = deliver_pace_gate(&lane->pace);
    return due_us > gate_us ? due_us : gate_us;
}

static enum deliver_place place_for(struct deliver_shard *s, struct deliver_lane *lane)
{
    if (is_idle(lane))
        return DELIVER_IDLE;
    lane->next_us = next_time(s, lane);
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
    take_out(s, lane);
    if (place == DELIVER_IDLE)
        lane->idle_since_us = s->now_us;
    put_in(s, lane, place);
    if (place == DELIVER_READY || place == DELIVER_READY_UNTRUSTED ||
        deliver_heap_top(&s->timed) == lane)
        deliver_shard_wake(s);
}

/* --- a turn ----------------------------------------------------------------------------------- */

/* The stricter of what the owner and what the receiver set. */
static int64_t gap_of(const struct core_endpoint *ep)
{
    int64_t gap_us = deliver_pace_gap(ep->throttle);
    return gap_us > ep->gap_us ? gap_us : ep->gap_us;
}

/* True: there is a place under both throttles, and it is taken. The application's is shared by all
 * shards through its view. */
static bool take_place(struct deliver_shard *s, struct deliver_lane *lane)
{
    struct deliver_pace *pace = &lane->pace;
    struct core_app *app = lane->app->view;
    int64_t gap_us = gap_of(lane->ep);
    int64_t app_gap_us = deliver_pace_gap(app->throttle);
    int64_t wait_us = deliver_pace_wait(gap_us, pace->paced_until_us, s->now_us);
    long long shared = atomic_load_explicit(&app->_paced_until_us, memory_order_relaxed);
    while (wait_us == 0 && app_gap_us > 0) {
        wait_us = deliver_pace_wait(app_gap_us, shared, s->now_us);
        if (wait_us == 0 &&
            atomic_compare_exchange_weak_explicit(&app->_paced_until_us, &shared,
                                                  deliver_pace_take(app_gap_us, shared, s->now_us),
                                                  memory_order_relaxed, memory_order_relaxed))
            break;
    }
    pace->wait_until_us = wait_us;
    if (wait_us != 0)
        return false;
    pace->paced_until_us = deliver_pace_take(gap_us, pace->paced_until_us, s->now_us);
    return true;
}

static bool may_send(const struct deliver_shard *s, const struct deliver_lane *lane,
                     const struct deliver_item *item)
{
    return item->due_us <= s->now_us && deliver_pace_gate(&lane->pace) <= s->now_us &&
           lane->in_flight < slots_of(lane) && !deliver_order_holds(lane);
}

/* False: there is no room for the payload now. */
static bool send(struct deliver_shard *s, struct deliver_lane *lane, struct deliver_item *item)
{
    if (!may_send(s, lane, item))
        return true;
    if (item->payload == NULL && !deliver_attempt_may_load(s))
        return false;
    if (take_place(s, lane))
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
    return send(s, lane, item);
}

bool deliver_lane_serve(struct deliver_shard *s, struct deliver_lane *lane)
{
    bool is_done = true;
    take_out(s, lane);
    if (deliver_view_resolve(s, lane)) {
        lane->is_recheck_due = false;
        deliver_order_restore(s, lane);
        deliver_backlog_refill(s, lane);
        is_done = serve_top(s, lane);
    }
    deliver_lane_place(s, lane);
    return is_done;
}

/* --- the breaker ------------------------------------------------------------------------------ */

void deliver_lane_park(struct deliver_shard *s, struct deliver_lane *lane, struct str endpoint)
{
    if (!lane->is_parked) {
        lane->is_parked = true;
        s->parked++;
        metrics_add(METRIC_DELIVER_PARKED, 1);
    }
    LOG(DELIVER_LANE_PARKED, F_STR("endpoint", endpoint),
        F_INT("failures", lane->pace.failures_in_row), F_INT("park_ms", lane->pace.park_us / 1000));
    deliver_backlog_give_back(s, lane);
}

static bool leave_park(struct deliver_shard *s, struct deliver_lane *lane)
{
    if (!lane->is_parked)
        return false;
    lane->is_parked = false;
    s->parked--;
    metrics_add(METRIC_DELIVER_PARKED, -1);
    return true;
}

void deliver_lane_unpark(struct deliver_shard *s, struct deliver_lane *lane, struct str endpoint)
{
    if (leave_park(s, lane))
        LOG(DELIVER_LANE_REOPENED, F_STR("endpoint", endpoint));
}

/* --- the end ---------------------------------------------------------------------------------- */

void deliver_lane_free(struct deliver_shard *s, struct deliver_lane *lane)
{
    take_out(s, lane);
    (void)leave_park(s, lane); /* nothing is reopened: the endpoint, or the server, ends */
    deliver_health_flush(s, lane);
    *(lane->app_prev != NULL ? &lane->app_prev->app_next : &lane->app->lanes) = lane->app_next;
    if (lane->app_next != NULL)
        lane->app_next->app_prev = lane->app_prev;
    deliver_view_release(s, lane->app);
    (void)map64_remove(s->lanes, (uint64_t)lane->endpoint);
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
