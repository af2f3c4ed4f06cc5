/* SPDX-License-Identifier: Apache-2.0
 *
 * One attempt: its payload is loaded if need be, its destination sends it, its result is judged,
 * and its outcome is recorded. The place in the lane's window is given back with the result; the
 * attempt itself lives until the store has the outcome.
 */
#include "deliver/attempt_priv.h"

#include "metrics/metrics.h"

static const int64_t again_us = DELIVER_SECOND_US;
enum { NOTICE_FAILURES = 4 };

static const struct deliver_destination *const destinations[] = { &deliver_destination_http,
                                                                  &deliver_destination_amqp };

/* --- the pool and the lists ------------------------------------------------------------------- */

static struct deliver_attempt *take(struct deliver_shard *s, struct deliver_item *item)
{
    struct deliver_attempt *a = s->free_attempts;
    if (a != NULL) {
        s->free_attempts = a->next;
    } else {
        a = XNEW(struct deliver_attempt);
        fetch_call_init(&a->call);
        arena_init(&a->scratch);
        buf_init(&a->head, DELIVER_HEAD_MAX);
        buf_init(&a->body, SIZE_MAX / 8); /* a few times the payload, which is bounded */
        a->shard = s;
    }
    a->lane = item->lane;
    a->item = item;
    a->next = a->prev = NULL;
    a->outcome = (struct store_outcome){ .message = item->message,
                                         .app = item->lane->app->num,
                                         .endpoint = item->lane->endpoint,
                                         .was_due_us = item->due_us,
                                         .from = (enum store_state)item->state,
                                         .attempt_count = item->attempt_count,
                                         .trigger = (enum store_trigger)item->trigger };
    return a;
}

static void give_back(struct deliver_shard *s, struct deliver_attempt *a)
{
    core_app_unref(a->view);
    arena_reset(&a->scratch);
    deliver_transform_free(a->transform);
    a->transform = NULL;
    a->view = NULL;
    a->ep = NULL;
    buf_reset(&a->head);
    buf_fini(&a->body); /* few endpoints need one, and it may be large */
    buf_init(&a->body, SIZE_MAX / 8);
    a->next = s->free_attempts;
    s->free_attempts = a;
}

void deliver_attempt_free_pool(struct deliver_shard *s)
{
    for (struct deliver_attempt *a = s->free_attempts, *next; a != NULL; a = next) {
        next = a->next;
        fetch_call_fini(&a->call);
        arena_fini(&a->scratch);
        buf_fini(&a->head);
        buf_fini(&a->body);
        xfree(a);
    }
    s->free_attempts = NULL;
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

static void land(struct deliver_shard *s, struct deliver_item *item)
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
    land(s, item);
    item->where = DELIVER_WAITING;
    deliver_heap_add(&item->lane->waiting, item);
    deliver_lane_place(s, item->lane);
}

bool deliver_attempt_may_load(const struct deliver_shard *s)
{
    return s->loading_count == 0 || s->payload_bytes < s->limits.payload_max;
}

bool deliver_attempt_has_room(const struct deliver_shard *s)
{
    return s->recording < s->limits.in_flight_max * DELIVER_RECORDING_TIMES;
}

/* --- recording -------------------------------------------------------------------------------- */

static void tell_notices(struct deliver_shard *s, const struct store_outcome *o)
{
    const char *what = NULL;
    if (!o->has_attempt)
        return;
    if (o->success && o->attempt_count > NOTICE_FAILURES)
        what = "message.attempt.recovered";
    else if (o->to == STORE_FAILED && o->trigger == STORE_SCHEDULED)
        what = "message.attempt.exhausted";
    else if (o->to == STORE_SENDING && o->attempt_count == NOTICE_FAILURES)
        what = "message.attempt.failing";
    if (what != NULL)
        s->backend.notice(s->backend.ctx, what, o);
}

static void settle(struct deliver_shard *s, struct deliver_attempt *a)
{
    const struct store_outcome *o = &a->outcome;
    struct deliver_item *item = a->item;
    struct deliver_lane *lane = item->lane;
    lane->is_settling = false;
    if (o->job.rc == RC_OK && (o->to == STORE_SENDING || o->to == STORE_PENDING)) {
        item->state = (uint8_t)o->to;
        item->attempt_count = o->attempt_count;
        deliver_backlog_again(s, item, o->next_due_us);
    } else {
        deliver_backlog_finished(s, item);
    }
    if (o->job.rc == RC_OK)
        tell_notices(s, o);
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
        settle(s, a);
        return;
    }
    LOG(DELIVER_RECORD_FAILED, F_INT("endpoint", a->outcome.endpoint),
        F_TEXT("rc", rc_name(job->rc)));
    a->next = s->unrecorded;
    s->unrecorded = a;
    s->record_again_us = s->now_us + again_us;
    deliver_shard_wake(s);
}

static void record(struct deliver_shard *s, struct deliver_attempt *a)
{
    a->outcome.job = (struct store_job){ .done = on_recorded };
    s->backend.record(s->backend.ctx, s, &a->outcome);
}

void deliver_attempt_record_again(struct deliver_shard *s)
{
    if (s->unrecorded == NULL || s->record_again_us > s->now_us)
        return;
    struct deliver_attempt *list = s->unrecorded;
    s->unrecorded = NULL;
    for (struct deliver_attempt *a = list, *next; a != NULL; a = next) {
        next = a->next;
        a->next = NULL;
        record(s, a);
    }
}

void deliver_attempt_cancel(struct deliver_shard *s, struct deliver_item *item,
                            enum store_reason why)
{
    if (item->where == DELIVER_WAITING)
        deliver_heap_remove(&item->lane->waiting, item);
    struct deliver_attempt *a = take(s, item);
    a->outcome.to = STORE_CANCELED;
    a->outcome.reason = why;
    item->where = DELIVER_RECORDING;
    s->recording++;
    metrics_add(METRIC_DELIVER_CANCELED, 1);
    record(s, a);
}

/* --- sending ---------------------------------------------------------------------------------- */

static const struct deliver_destination *destination_of(const struct core_endpoint *ep)
{
    for (size_t i = 0; i < COUNT_OF(destinations); i++)
        if (str_eq(ep->kind, str_from(destinations[i]->kind)))
            return destinations[i];
    return NULL;
}

static void refuse(struct deliver_attempt *a, bool is_permanent, struct str error,
                   struct str detail)
{
    deliver_attempt_finish(a, &(struct deliver_result){
                                  .is_permanent = is_permanent, .error = error, .detail = detail });
}

/* What the transform made of the message, or the message as it is. False: refused. */
static bool take_content(struct deliver_attempt *a, struct deliver_transform *t)
{
    a->transform = t;
    a->payload = a->item->payload->payload;
    a->lines = a->item->payload->headers;
    if (t == NULL)
        return true;
    if (t->rc != RC_OK) {
        refuse(a, false, STR("transform"), buf_str(&t->why));
        return false;
    }
    if (t->result.body.ptr != NULL)
        a->payload = t->result.body;
    a->lines = buf_str(&t->lines);
    return true;
}

/* The lane's endpoint is known, and the payload is here. Takes `t`. */
static void start(struct deliver_shard *s, struct deliver_item *item, struct deliver_transform *t)
{
    struct deliver_lane *lane = item->lane;
    struct deliver_attempt *a = take(s, item);
    a->view = core_app_ref(lane->app->view);
    a->ep = lane->ep;
    a->url = lane->url;
    a->destination = destination_of(a->ep);
    a->outcome.has_attempt = true;
    a->outcome.attempt = id_new(s->ids);
    a->outcome.started_us = s->now_us;
    a->outcome.attempt_count = item->attempt_count + 1;
    item->where = DELIVER_FLYING;
    link_flying(s, a);
    if (!take_content(a, t))
        return;
    if (a->destination != NULL)
        a->destination->start(a);
    else
        refuse(a, true, STR("bad_url"), STR("this server has no such kind of destination"));
}

/* Straight away, or by way of the endpoint's transform. */
static void start_or_transform(struct deliver_shard *s, struct deliver_item *item)
{
    const struct core_endpoint *ep = item->lane->ep;
    if (ep->transform.ptr == NULL) {
        start(s, item, NULL);
        return;
    }
    struct deliver_transform *t = deliver_transform_new(item->lane->app->view, ep, item->payload);
    t->item = item;
    if (s->backend.transform != NULL) {
        item->where = DELIVER_LOADING;
        s->backend.transform(s->backend.ctx, s, t);
        return;
    }
    t->rc = RC_INVALID;
    buf_say(&t->why, "this server runs no transforms");
    start(s, item, t);
}

static void hold(struct deliver_shard *s, struct deliver_lane *lane)
{
    if (lane->pace.held_until_us < s->now_us + again_us)
        lane->pace.held_until_us = s->now_us + again_us;
}

/* May the item go on after it was away? False: it waits again. */
static bool is_still_wanted(struct deliver_shard *s, struct deliver_item *item)
{
    struct deliver_lane *lane = item->lane;
    if (!s->is_stopping && deliver_view_resolve(s, lane) && !lane->is_gone && !lane->ep->disabled &&
        !lane->is_disabled)
        return true;
    wait_again(s, item);
    return false;
}

void deliver_shard_transformed(struct deliver_shard *s, struct deliver_transform *t)
{
    struct deliver_item *item = t->item;
    deliver_shard_tell_time(s);
    if (t->rc == RC_BUSY || t->rc == RC_IO) {
        hold(s, item->lane);
        wait_again(s, item);
    } else if (is_still_wanted(s, item)) {
        bool is_changed = !str_eq(item->lane->ep->transform, t->ep->transform);
        if (!is_changed && !(t->rc == RC_OK && t->result.cancel)) {
            start(s, item, t);
            return;
        }
        if (is_changed) {
            wait_again(s, item); /* once more with the new one */
        } else {
            land(s, item);
            deliver_attempt_cancel(s, item, STORE_REASON_TRANSFORM);
        }
    }
    deliver_transform_free(t);
}

static void load(struct deliver_shard *s, struct deliver_item *item)
{
    uint64_t key = (uint64_t)id_key(&item->message);
    item->where = DELIVER_LOADING;
    item->next = map64_get(s->loading, key);
    (void)map64_set(s->loading, key, item);
    s->loading_count++;
    if (item->next == NULL)
        s->backend.load(s->backend.ctx, s, item->message);
}

void deliver_attempt_dispatch(struct deliver_shard *s, struct deliver_item *item)
{
    deliver_heap_remove(&item->lane->waiting, item);
    take_off(s, item);
    if (item->payload == NULL)
        load(s, item);
    else
        start_or_transform(s, item);
}

static void take_payload(struct deliver_shard *s, struct deliver_item *item, enum rc rc,
                         struct store_message *message)
{
    if (rc == RC_NOT_FOUND || (rc == RC_OK && message->payload.ptr == NULL)) {
        land(s, item);
        deliver_attempt_cancel(s, item, STORE_REASON_PAYLOAD_GONE);
        return;
    }
    if (rc != RC_OK)
        hold(s, item->lane);
    if (rc != RC_OK || s->is_stopping) {
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

static void count_result(const struct deliver_attempt *a, const struct deliver_result *r)
{
    static const enum metric by_class[] = {
        METRIC_DELIVER_ATTEMPTS_NONE, METRIC_DELIVER_ATTEMPTS_1XX, METRIC_DELIVER_ATTEMPTS_2XX,
        METRIC_DELIVER_ATTEMPTS_3XX,  METRIC_DELIVER_ATTEMPTS_4XX, METRIC_DELIVER_ATTEMPTS_5XX
    };
    int class = r->got_response && r->status >= 100 && r->status <= 599 ? r->status / 100 : 0;
    metrics_add(by_class[class], 1);
    metrics_observe(METRIC_DELIVER_ATTEMPT_TIME, r->took_us);
    if (a->outcome.success && a->outcome.attempt_count == 1 && a->item->payload->deliver_at_us == 0)
        metrics_observe(METRIC_DELIVER_LATENCY, a->shard->now_us - a->item->payload->created_us);
    if (a->outcome.to == STORE_FAILED)
        metrics_add(METRIC_DELIVER_FAILED, 1);
}

static void log_failure(const struct deliver_attempt *a)
{
    const struct store_outcome *o = &a->outcome;
    char msg[ID_TEXT_MAX + 1], attempt[ID_TEXT_MAX + 1];
    LOG(DELIVER_ATTEMPT_FAILED, F_STR("msg", id_format(STR("msg_"), &o->message, msg)),
        F_STR("attempt", id_format(STR("atmpt_"), &o->attempt, attempt)), F_STR("app", a->view->id),
        F_STR("endpoint", a->ep->id), F_INT("number", o->attempt_count),
        F_INT("status", o->http_status), F_STR("error", o->error), F_STR("detail", o->detail),
        F_TEXT("next", a->reason));
}

static void tell_lane(struct deliver_shard *s, struct deliver_attempt *a,
                      const struct deliver_result *r, enum core_verdict verdict)
{
    struct deliver_lane *lane = a->lane;
    const struct store_outcome *o = &a->outcome;
    if (verdict == CORE_DONE) {
        if (deliver_pace_success(&lane->pace, &s->limits))
            deliver_lane_unpark(s, lane, a->ep->id);
        deliver_health_success(s, lane);
        return;
    }
    bool is_busy = r->got_response && (r->status == 429 || r->status == 503);
    struct deliver_failure f = { .started_us = o->started_us,
                                 .now_us = s->now_us,
                                 .is_congestion = (!r->got_response && !r->is_permanent) ||
                                                  is_busy || r->status >= 500,
                                 .retry_after_us = is_busy ? r->retry_after_us : 0 };
    log_failure(a);
    bool is_parked = deliver_pace_failure(&lane->pace, &s->limits, &f);
    struct deliver_names names = { .app = a->view->id, .endpoint = a->ep->id };
    deliver_health_failure(s, lane, &names, verdict == CORE_DISABLE, o);
    if (is_parked)
        deliver_lane_park(s, lane, a->ep->id);
}

void deliver_attempt_finish(struct deliver_attempt *a, const struct deliver_result *r)
{
    struct deliver_shard *s = a->shard;
    deliver_shard_tell_time(s);
    unlink_flying(s, a);
    if (r->is_canceled) {
        struct deliver_item *item = a->item;
        give_back(s, a);
        wait_again(s, item);
        return;
    }
    enum core_verdict verdict = deliver_outcome_fill(a, r);
    deliver_order_failed(a, verdict);
    a->item->where = DELIVER_RECORDING;
    land(s, a->item);
    s->recording++;
    count_result(a, r);
    tell_lane(s, a, r, verdict);
    deliver_lane_place(s, a->lane);
    record(s, a);
}

void deliver_attempt_cut(struct deliver_shard *s)
{
    while (s->flying != NULL)
        s->flying->destination->cancel(s->flying);
    while (s->unrecorded != NULL) {
        struct deliver_attempt *a = s->unrecorded;
        s->unrecorded = a->next;
        settle(s, a);
    }
}
