/* SPDX-License-Identifier: Apache-2.0
 *
 * One attempt: its payload is loaded if need be, its kind of destination sends it, its result is judged,
 * and its outcome is recorded. The place in the lane's window is given back with the result; the
 * attempt itself lives until the store has the outcome.
 */
#include "deliver/dispatch_priv.h"

#include "deliver/attempt_priv.h"
#include "deliver/backlog_priv.h"
#include "deliver/health_priv.h"
#include "deliver/now_priv.h"
#include "deliver/order_priv.h"
#include "deliver/outcome_priv.h"
#include "deliver/park_priv.h"
#include "deliver/place_priv.h"
#include "deliver/stuck_priv.h"
#include "deliver/throttle_priv.h"
#include "deliver/view_priv.h"
#include "deliver/wake_priv.h"

#include "metrics/metrics.h"

static const int64_t again_us = DELIVER_SECOND_US;

/* --- the pool and the lists ------------------------------------------------------------------- */

static void attempt_finish(struct dest_call *call, const struct dest_result *r);

static struct deliver_attempt **pool_of(struct deliver_shard *s, const struct dest_kind *kind)
{
    return &s->free_attempts[kind == NULL ? DEST_COUNT : kind->id];
}

static struct deliver_attempt *attempt_new(struct deliver_shard *s, const struct dest_kind *kind)
{
    struct deliver_attempt *a = xcalloc(1, sizeof(*a) + (kind == NULL ? 0 : kind->state_size));
    arena_init(&a->scratch);
    buf_init(&a->head, DEST_HEAD_MAX);
    buf_init(&a->body, SIZE_MAX / 8); /* a few times the payload, which is bounded */
    a->shard = s;
    a->kind = kind;
    if (kind != NULL && kind->state_init != NULL)
        kind->state_init(a->state);
    return a;
}

static void attempt_free(struct deliver_attempt *a)
{
    if (a->kind != NULL && a->kind->state_fini != NULL)
        a->kind->state_fini(a->state);
    arena_fini(&a->scratch);
    buf_fini(&a->head);
    buf_fini(&a->body);
    xfree(a);
}

/* `kind`: NULL for an attempt that sends nothing. */
static struct deliver_attempt *attempt_take(struct deliver_shard *s, struct deliver_item *item,
                                            const struct dest_kind *kind)
{
    struct deliver_attempt **pool = pool_of(s, kind);
    struct deliver_attempt *a = *pool;
    if (a != NULL)
        *pool = a->next;
    else
        a = attempt_new(s, kind);
    a->lane = item->lane;
    a->item = item;
    a->next = a->prev = NULL;
    a->planned_us = item->trigger == STORE_MANUAL ? item->retry_at_us : 0;
    a->outcome = (struct store_outcome){ .message = item->message,
                                         .app = item->lane->app->num,
                                         .endpoint = item->lane->endpoint,
                                         .was_due_us = item->due_us,
                                         .was_asked_us = item->asked_us,
                                         .ahead_count = item->ahead_count,
                                         .from = (enum store_state)item->state,
                                         .attempt_count = item->attempt_count,
                                         .trigger = (enum store_trigger)item->trigger };
    return a;
}

static void give_back(struct deliver_shard *s, struct deliver_attempt *a)
{
    core_app_unref(a->view);
    core_endpoint_unref(a->ep);
    arena_reset(&a->scratch);
    deliver_transform_free(a->transform);
    a->transform = NULL;
    a->view = NULL;
    a->ep = NULL;
    buf_reset(&a->head);
    buf_fini(&a->body); /* few endpoints need one, and it may be large */
    buf_init(&a->body, SIZE_MAX / 8);
    struct deliver_attempt **pool = pool_of(s, a->kind);
    a->next = *pool;
    *pool = a;
}

void deliver_attempt_free_pool(struct deliver_shard *s)
{
    for (size_t i = 0; i < COUNT_OF(s->free_attempts); i++) {
        for (struct deliver_attempt *a = s->free_attempts[i], *next; a != NULL; a = next) {
            next = a->next;
            attempt_free(a);
        }
        s->free_attempts[i] = NULL;
    }
}

static void link_flying(struct deliver_shard *s, struct deliver_attempt *a)
{
    a->next = s->flying;
    if (a->next != NULL)
        a->next->prev = a;
    s->flying = a;
}

static void unlink_flying(struct deliver_shard *s, struct deliver_attempt *a)
{
    *(a->prev != NULL ? &a->prev->next : &s->flying) = a->next;
    if (a->next != NULL)
        a->next->prev = a->prev;
    a->next = a->prev = NULL;
}

/* --- places in the windows -------------------------------------------------------------------- */

static void take_off(struct deliver_shard *s, struct deliver_item *item)
{
    item->is_untrusted = !item->lane->pace.is_trusted;
    item->lane->in_flight++;
    s->in_flight++;
    s->untrusted_in_flight += item->is_untrusted ? 1 : 0;
    metrics_add(METRIC_DELIVER_IN_FLIGHT, 1);
}

static void attempt_land(struct deliver_shard *s, struct deliver_item *item)
{
    item->lane->in_flight--;
    s->in_flight--;
    s->untrusted_in_flight -= item->is_untrusted ? 1 : 0;
    metrics_add(METRIC_DELIVER_IN_FLIGHT, -1);
    deliver_shard_wake(s);
}

/* As if nothing had happened. */
static void wait_again(struct deliver_shard *s, struct deliver_item *item)
{
    struct deliver_lane *lane = item->lane;
    attempt_land(s, item);
    if (item->is_erased) {
        deliver_backlog_finished(s, item);
        deliver_lane_place(s, lane);
        return;
    }
    item->where = DELIVER_WAITING;
    deliver_heap_add(&lane->waiting, item);
    deliver_lane_place(s, lane);
}

bool deliver_attempt_may_load(const struct deliver_shard *s)
{
    return s->loading_count == 0 || s->payload_bytes < s->limits.payload_max;
}

bool deliver_attempt_has_room(const struct deliver_shard *s)
{
    return s->recording < s->limits.in_flight_max * DELIVER_RECORDING_TIMES &&
           s->stuck_count < DELIVER_STUCK_MAX;
}

/* --- recording -------------------------------------------------------------------------------- */

static void attempt_settle(struct deliver_shard *s, struct deliver_attempt *a)
{
    const struct store_outcome *o = &a->outcome;
    struct deliver_item *item = a->item;
    struct deliver_lane *lane = item->lane;
    lane->recording--;
    enum store_state state = o->job.rc == RC_OK ? o->after.state : STORE_CANCELED;
    bool waits = state == STORE_SENDING || state == STORE_PENDING;
    if (waits && !item->is_erased)
        deliver_backlog_again(s, item, &o->after);
    else
        deliver_backlog_finished(s, item);
    if (o->job.rc == RC_OK)
        deliver_outcome_tell_notices(s, o);
    if (s->backend.settled != NULL)
        s->backend.settled(s->backend.ctx, o);
    s->recording--;
    give_back(s, a);
    deliver_lane_place(s, lane);
    deliver_shard_wake(s);
}

static bool is_refused_for_now(enum rc rc)
{
    return rc == RC_IO || rc == RC_BUSY || rc == RC_LIMIT || rc == RC_CORRUPT;
}

static void on_recorded(struct store_job *job)
{
    struct deliver_attempt *a =
        CONTAINER_OF(CONTAINER_OF(job, struct store_outcome, job), struct deliver_attempt, outcome);
    struct deliver_shard *s = a->shard;
    deliver_shard_tell_time(s);
    if (!is_refused_for_now(job->rc)) {
        attempt_settle(s, a);
        return;
    }
    LOG(DELIVER_RECORD_FAILED, F_INT("endpoint", a->outcome.endpoint),
        F_TEXT("rc", rc_name(job->rc)));
    if (job->is_own_fault) {
        deliver_stuck_add(s, a);
    } else {
        a->next = s->unrecorded;
        s->unrecorded = a;
        s->record_again_us = s->now_us + again_us;
    }
    deliver_shard_wake(s);
}

static void attempt_record(struct deliver_shard *s, struct deliver_attempt *a)
{
    a->outcome.job = (struct store_job){ .done = on_recorded, .is_alone = a->record_delay_us > 0 };
    s->backend.record(s->backend.ctx, s, &a->outcome);
}

static void begin_recording(struct deliver_shard *s, struct deliver_attempt *a)
{
    a->item->where = DELIVER_RECORDING;
    a->lane->recording++;
    s->recording++;
}

void deliver_attempt_record_again(struct deliver_shard *s)
{
    struct deliver_attempt *stuck;
    while ((stuck = deliver_stuck_take(s, s->now_us)) != NULL)
        attempt_record(s, stuck);
    if (s->unrecorded == NULL || s->record_again_us > s->now_us)
        return;
    struct deliver_attempt *list = s->unrecorded;
    s->unrecorded = NULL;
    for (struct deliver_attempt *a = list, *next; a != NULL; a = next) {
        next = a->next;
        a->next = NULL;
        attempt_record(s, a);
    }
}

/* For whoever watches the store. The payload may be erased while the outcome waits: a copy. */
static void tell_watchers(struct deliver_attempt *a)
{
    const struct deliver_item *item = a->item;
    a->outcome.org = item->lane->app->view == NULL ? 0 : item->lane->app->view->org;
    if (item->payload != NULL)
        a->outcome.event_type = arena_str(&a->scratch, item->payload->event_type);
}

void deliver_attempt_cancel(struct deliver_shard *s, struct deliver_item *item,
                            enum store_reason why)
{
    if (item->where == DELIVER_WAITING)
        deliver_heap_remove(&item->lane->waiting, item);
    struct deliver_attempt *a = attempt_take(s, item, NULL);
    a->outcome.to = STORE_CANCELED;
    a->outcome.reason = why;
    tell_watchers(a);
    metrics_add(METRIC_DELIVER_CANCELED, 1);
    begin_recording(s, a);
    attempt_record(s, a);
}

/* --- sending ---------------------------------------------------------------------------------- */

static void fill_call(struct deliver_shard *s, struct deliver_attempt *a)
{
    const struct deliver_limits *l = &s->limits;
    const struct store_message *message = a->item->payload;
    a->call = (struct dest_call){ .app = a->view,
                                  .ep = a->ep,
                                  .message = message,
                                  .payload = message->payload,
                                  .lines = message->headers,
                                  .started_us = a->outcome.started_us,
                                  .deadline_us =
                                      a->ep->timeout_us > 0 ? a->ep->timeout_us : l->attempt_us,
                                  .connect_us = l->connect_us,
                                  .response_keep = l->response_keep + DELIVER_RESPONSE_SLACK,
                                  .response_read = l->response_read,
                                  .user_agent = s->user_agent,
                                  .client = a->kind == NULL ? NULL : s->clients.of[a->kind->id],
                                  .state = a->state,
                                  .scratch = &a->scratch,
                                  .head = &a->head,
                                  .body = &a->body,
                                  .done = attempt_finish };
}

/* What the transform made of the message. False: refused. */
static bool take_content(struct deliver_attempt *a, const struct deliver_transform *t)
{
    if (t == NULL)
        return true;
    if (t->rc != RC_OK) {
        dest_refuse(&a->call, false, STR("transform"), buf_str(&t->why));
        return false;
    }
    a->call.is_transformed = t->result.body.ptr != NULL;
    if (a->call.is_transformed)
        a->call.payload = t->result.body;
    a->call.lines = buf_str(&t->lines);
    return true;
}

/* Others that were held up have begun just now. Once more, with what is ready, and with no other place. */
static void wait_to_begin(struct deliver_shard *s, struct deliver_item *item,
                          struct deliver_transform *t)
{
    item->has_place = true;
    item->transform = t;
    wait_again(s, item);
}

static void attempt_begin(struct deliver_shard *s, struct deliver_item *item,
                          struct deliver_transform *t)
{
    struct deliver_lane *lane = item->lane;
    const struct core_endpoint *ep = lane->ep;
    struct deliver_attempt *a = attempt_take(s, item, ep->kind);
    item->has_place = false;
    a->view = core_app_ref(lane->app->view);
    a->ep = core_endpoint_ref(ep);
    a->transform = t;
    tell_watchers(a);
    a->outcome.has_attempt = true;
    a->outcome.attempt = id_new(s->ids);
    a->outcome.started_us = s->wall_us;
    a->began_us = s->now_us;
    a->outcome.attempt_count = item->attempt_count + 1;
    item->where = DELIVER_FLYING;
    link_flying(s, a);
    fill_call(s, a);
    if (!take_content(a, t))
        return;
    if (ep->settings != NULL)
        ep->kind->start(&a->call);
    else if (ep->kind == NULL)
        dest_refuse(&a->call, true, STR("bad_url"),
                    STR("this server has no such kind of destination"));
    else
        dest_refuse(&a->call, true, STR("bad_url"),
                    STR("the endpoint's settings cannot be read; see the server's log"));
}

/* The lane's endpoint is known, and the payload is here. Takes `t`. */
static void attempt_start(struct deliver_shard *s, struct deliver_item *item,
                          struct deliver_transform *t)
{
    if (deliver_throttle_begin(s, item->lane))
        attempt_begin(s, item, t);
    else
        wait_to_begin(s, item, t);
}

/* What the endpoint's transform made of it while it waited to begin; NULL: nothing, or it was another transform. */
static struct deliver_transform *take_transformed(struct deliver_item *item)
{
    struct deliver_transform *t = item->transform;
    item->transform = NULL;
    if (t == NULL || str_eq(t->ep->transform, item->lane->ep->transform))
        return t;
    deliver_transform_free(t);
    return NULL;
}

/* Straight away, or by way of the endpoint's transform. */
static void start_or_transform(struct deliver_shard *s, struct deliver_item *item)
{
    const struct core_endpoint *ep = item->lane->ep;
    struct deliver_transform *t = take_transformed(item);
    if (ep->transform.ptr == NULL || t != NULL) {
        attempt_start(s, item, t);
        return;
    }
    t = deliver_transform_new(item->lane->app->view, ep, item->payload);
    t->item = item;
    if (s->backend.transform != NULL) {
        item->where = DELIVER_LOADING;
        s->backend.transform(s->backend.ctx, s, t);
        return;
    }
    t->rc = RC_INVALID;
    buf_say(&t->why, "this server runs no transforms");
    attempt_start(s, item, t);
}

static void attempt_hold(struct deliver_shard *s, struct deliver_lane *lane)
{
    if (lane->pace.held_until_us < s->now_us + again_us)
        lane->pace.held_until_us = s->now_us + again_us;
}

/* May the item go on after it was away? False: it waits again. */
static bool is_still_wanted(struct deliver_shard *s, struct deliver_item *item)
{
    struct deliver_lane *lane = item->lane;
    if (!s->is_stopping && !item->is_erased && deliver_view_resolve(s, lane) && !lane->is_gone &&
        !lane->ep->disabled && !lane->is_disabled)
        return true;
    wait_again(s, item);
    return false;
}

void deliver_shard_transformed(struct deliver_shard *s, struct deliver_transform *t)
{
    struct deliver_item *item = t->item;
    deliver_shard_tell_time(s);
    if (t->rc == RC_BUSY || t->rc == RC_IO) {
        attempt_hold(s, item->lane);
        wait_again(s, item);
    } else if (is_still_wanted(s, item)) {
        bool is_changed = !str_eq(item->lane->ep->transform, t->ep->transform);
        if (!is_changed && !(t->rc == RC_OK && t->result.cancel)) {
            attempt_start(s, item, t);
            return;
        }
        if (is_changed) {
            wait_again(s, item); /* once more with the new one */
        } else {
            attempt_land(s, item);
            deliver_attempt_cancel(s, item, STORE_REASON_TRANSFORM);
        }
    }
    deliver_transform_free(t);
}

static void attempt_load(struct deliver_shard *s, struct deliver_item *item)
{
    uint64_t key = (uint64_t)id_key(&item->message);
    item->where = DELIVER_LOADING;
    item->next = map64_get(s->loading, key);
    (void)map64_set(s->loading, key, item);
    s->loading_count++;
    /* What was asked for before the payload was erased may bring it all the same. */
    item->is_erased = item->is_erased || (item->next != NULL && item->next->is_erased);
    if (item->next == NULL)
        s->backend.load(s->backend.ctx, s, item->message);
}

static bool is_past(int64_t at_us, int64_t now_us)
{
    return at_us > 0 && at_us <= now_us;
}

void deliver_attempt_dispatch(struct deliver_shard *s, struct deliver_item *item)
{
    deliver_heap_remove(&item->lane->waiting, item);
    take_off(s, item);
    if (item->payload != NULL && is_past(item->payload->payload_expires_us, s->now_us))
        deliver_backlog_drop_payload(s, item); /* the store says what that means */
    if (item->payload == NULL)
        attempt_load(s, item);
    else
        start_or_transform(s, item);
}

static void take_payload(struct deliver_shard *s, struct deliver_item *item, enum rc rc,
                         struct store_message *message)
{
    bool is_gone = rc == RC_NOT_FOUND || (rc == RC_OK && message->payload.ptr == NULL);
    if (is_gone && !item->is_erased) {
        attempt_land(s, item);
        deliver_attempt_cancel(s, item, STORE_REASON_PAYLOAD_GONE);
        return;
    }
    if (rc != RC_OK)
        attempt_hold(s, item->lane);
    if (rc != RC_OK || s->is_stopping || item->is_erased) {
        wait_again(s, item);
        return;
    }
    deliver_backlog_hold_payload(s, item, message);
    if (is_still_wanted(s, item))
        start_or_transform(s, item);
}

void deliver_shard_loaded(struct deliver_shard *s, const struct id *id, enum rc rc,
                          struct store_message *message)
{
    struct deliver_item *item = map64_remove(s->loading, (uint64_t)id_key(id));
    deliver_shard_tell_time(s);
    for (struct deliver_item *next; item != NULL; item = next) {
        next = item->next;
        item->next = NULL;
        s->loading_count--;
        take_payload(s, item, rc, message);
    }
}

/* --- the result ------------------------------------------------------------------------------- */

static void tell_lane(struct deliver_shard *s, struct deliver_attempt *a,
                      const struct dest_result *r, enum core_verdict verdict)
{
    struct deliver_lane *lane = a->lane;
    if (verdict == CORE_DONE) {
        if (deliver_pace_success(&lane->pace, &s->limits))
            deliver_lane_unpark(s, lane, a->ep->id);
        deliver_health_success(s, lane);
        if (r->wish == CORE_WISH_DISABLE)
            deliver_health_disable(s, a, "gone");
        return;
    }
    bool is_busy = r->got_response && (r->status == 429 || r->status == 503);
    struct deliver_failure f = { .started_us = a->began_us,
                                 .now_us = s->now_us,
                                 .is_congestion = (!r->got_response && !r->is_permanent) ||
                                                  is_busy || r->status >= 500,
                                 .retry_after_us = is_busy ? r->retry_after_us : 0 };
    deliver_outcome_log_failure(a);
    if (a->outcome.to == STORE_FAILED)
        deliver_outcome_tell_given_up(a);
    bool is_parked = deliver_pace_failure(&lane->pace, &s->limits, &f);
    deliver_health_failure(s, a, verdict == CORE_DISABLE);
    if (is_parked)
        deliver_lane_park(s, lane, a->ep->id);
}

/* The store has the delivery as canceled; the attempt took place, and how far it got nobody knows. */
static void record_erased(struct deliver_shard *s, struct deliver_attempt *a, int64_t took_us)
{
    struct store_outcome *o = &a->outcome;
    o->to = STORE_CANCELED;
    o->reason = STORE_REASON_PAYLOAD_GONE;
    o->took_us = took_us;
    o->error = STR("erased");
    o->detail =
        STR("the payload was erased while it was being sent: what had left may have arrived");
    attempt_land(s, a->item);
    begin_recording(s, a);
    deliver_lane_place(s, a->lane);
    attempt_record(s, a);
}

void deliver_attempt_erase(struct deliver_shard *s, struct deliver_item *item)
{
    struct deliver_attempt *a = s->flying;
    item->is_erased = true;
    while (a != NULL && a->item != item)
        a = a->next;
    if (a != NULL)
        a->kind->cancel(&a->call);
}

static void attempt_finish(struct dest_call *call, const struct dest_result *r)
{
    struct deliver_attempt *a = CONTAINER_OF(call, struct deliver_attempt, call);
    struct deliver_shard *s = a->shard;
    deliver_shard_tell_time(s);
    unlink_flying(s, a);
    a->outcome.url = call->url;
    a->outcome.request_headers = call->shown_head;
    a->outcome.sent_bytes = r->got_response ? call->payload.len : 0;
    if (r->is_canceled && a->item->is_erased) {
        record_erased(s, a, r->took_us);
        return;
    }
    if (r->is_canceled) {
        struct deliver_item *item = a->item;
        give_back(s, a);
        wait_again(s, item);
        return;
    }
    enum core_verdict verdict = deliver_outcome_fill(a, r);
    deliver_order_failed(a, verdict);
    attempt_land(s, a->item);
    begin_recording(s, a);
    deliver_outcome_count(a, r);
    tell_lane(s, a, r, verdict);
    deliver_lane_place(s, a->lane);
    attempt_record(s, a);
}

void deliver_attempt_cut(struct deliver_shard *s)
{
    while (s->flying != NULL)
        s->flying->kind->cancel(&s->flying->call);
    while (s->unrecorded != NULL) {
        struct deliver_attempt *a = s->unrecorded;
        s->unrecorded = a->next;
        attempt_settle(s, a);
    }
    struct deliver_attempt *stuck;
    while ((stuck = deliver_stuck_take(s, INT64_MAX)) != NULL)
        attempt_settle(s, stuck);
}
