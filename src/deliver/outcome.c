/* SPDX-License-Identifier: Apache-2.0
 *
 * From a result to what the store is told: the judgement, the delivery's next state, and the part
 * of the response that is kept.
 */
#include "deliver/outcome_priv.h"

#include "deliver/attempt_priv.h"
#include "metrics/metrics.h"

enum { NOTICE_FAILURES = 4 };

struct core_retry_policy deliver_outcome_policy(const struct deliver_attempt *a)
{
    struct core_retry_policy policy = a->shard->limits.retry;
    if (a->ep->retry_us != NULL) {
        policy.delays_us = a->ep->retry_us;
        policy.count = a->ep->retry_count;
    }
    if (a->ep->retry_except != NULL)
        policy.except = *a->ep->retry_except;
    return policy;
}

/* Text is cut between characters; other bytes just so. Who shows them decides how. */
static struct str kept_part(struct str response, size_t max)
{
    if (response.len <= max)
        return response;
    struct str cut = str_cut_utf8(response, max);
    return str_is_utf8(cut) ? cut : str_of(response.ptr, max);
}

/* Asked in the order core_judge() asks. */
static enum store_reason reason_of(enum core_verdict verdict,
                                   const struct core_retry_policy *policy, bool is_single,
                                   const struct dest_result *r)
{
    if (verdict == CORE_DISABLE)
        return STORE_REASON_GONE;
    if (verdict != CORE_GIVE_UP)
        return STORE_REASON_NONE;
    if (is_single)
        return STORE_REASON_MANUAL;
    if (r->wish == CORE_WISH_ABORT)
        return STORE_REASON_ABORTED;
    if (r->got_response && core_statuses_has(&policy->except, r->status))
        return STORE_REASON_STATUS;
    return r->is_permanent ? STORE_REASON_REFUSED : STORE_REASON_EXHAUSTED;
}

/* Sent again after its end: one attempt, whatever comes of it. */
static bool is_single_attempt(const struct deliver_attempt *a)
{
    return a->outcome.trigger == STORE_MANUAL && a->planned_us == 0;
}

static bool is_ahead(const struct deliver_attempt *a)
{
    return a->planned_us > a->shard->now_us;
}

/* An attempt that was asked for does not count in the schedule, unless the schedule's own was due as well. */
static struct core_judgement outcome_judge(const struct deliver_attempt *a,
                                           const struct core_attempt_result *result)
{
    const struct deliver_shard *s = a->shard;
    struct core_retry_policy policy = deliver_outcome_policy(a);
    uint64_t dice = rng_u64(s->rng);
    if (is_ahead(a))
        return core_judge_ahead(result, a->planned_us, &policy, s->now_us, dice);
    return core_judge(result, a->outcome.attempt_count - a->outcome.ahead_count,
                      is_single_attempt(a), &policy, s->now_us, dice);
}

enum core_verdict deliver_outcome_fill(struct deliver_attempt *a, const struct dest_result *r)
{
    struct deliver_shard *s = a->shard;
    struct store_outcome *o = &a->outcome;
    struct core_attempt_result result = { .got_response = r->got_response,
                                          .status = r->status,
                                          .permanent = r->is_permanent,
                                          .retry_after_us = r->retry_after_us,
                                          .wish = r->wish };
    struct core_retry_policy policy = deliver_outcome_policy(a);
    struct core_judgement judgement = outcome_judge(a, &result);
    static const enum store_state next_state[] = { [CORE_DONE] = STORE_SUCCESS,
                                                   [CORE_RETRY] = STORE_SENDING,
                                                   [CORE_GIVE_UP] = STORE_FAILED,
                                                   [CORE_DISABLE] = STORE_FAILED };
    o->to = next_state[judgement.verdict];
    o->reason = reason_of(judgement.verdict, &policy, is_single_attempt(a), r);
    o->ahead_count += is_ahead(a) && judgement.verdict == CORE_RETRY ? 1 : 0;
    o->next_due_us = judgement.verdict == CORE_RETRY ? judgement.retry_at_us : 0;
    o->success = judgement.verdict == CORE_DONE;
    o->http_status = r->got_response ? r->status : 0;
    o->took_us = r->took_us;
    o->error = r->error;
    o->detail = r->detail;
    o->response = kept_part(r->response, s->limits.response_keep);
    o->response_headers = r->response_headers;
    a->reason = judgement.reason;
    return judgement.verdict;
}

void deliver_outcome_count(const struct deliver_attempt *a, const struct dest_result *r)
{
    static const enum metric by_class[] = {
        METRIC_DELIVER_ATTEMPTS_NONE, METRIC_DELIVER_ATTEMPTS_1XX, METRIC_DELIVER_ATTEMPTS_2XX,
        METRIC_DELIVER_ATTEMPTS_3XX,  METRIC_DELIVER_ATTEMPTS_4XX, METRIC_DELIVER_ATTEMPTS_5XX
    };
    int class = r->got_response && r->status >= 100 && r->status <= 599 ? r->status / 100 : 0;
    metrics_add(by_class[class], 1);
    metrics_observe(METRIC_DELIVER_ATTEMPT_TIME, r->took_us);
    if (a->outcome.success && a->outcome.attempt_count == 1 && a->item->payload->deliver_at_us == 0)
        metrics_observe(METRIC_DELIVER_LATENCY,
                        a->shard->now_us - id_time_us(&a->item->payload->id));
}

void deliver_outcome_tell_given_up(const struct deliver_attempt *a)
{
    const struct deliver_shard *s = a->shard;
    const struct store_outcome *o = &a->outcome;
    char msg[ID_TEXT_MAX + 1];
    metrics_add(METRIC_DELIVER_FAILED, 1);
    if (deliver_given_up_may_log(s->given_up, a->lane->endpoint, a->view->id, a->ep->id,
                                 s->now_us - s->offset_us))
        LOG(DELIVER_GIVEN_UP, F_STR("msg", id_format(STR("msg_"), &o->message, msg)),
            F_STR("app", a->view->id), F_STR("endpoint", a->ep->id),
            F_INT("attempts", o->attempt_count), F_INT("status", o->http_status),
            F_STR("error", o->error), F_STR("detail", o->detail), F_TEXT("why", a->reason));
}

void deliver_outcome_log_failure(const struct deliver_attempt *a)
{
    const struct store_outcome *o = &a->outcome;
    char msg[ID_TEXT_MAX + 1], attempt[ID_TEXT_MAX + 1];
    LOG(DELIVER_ATTEMPT_FAILED, F_STR("msg", id_format(STR("msg_"), &o->message, msg)),
        F_STR("attempt", id_format(STR("atmpt_"), &o->attempt, attempt)), F_STR("app", a->view->id),
        F_STR("endpoint", a->ep->id), F_INT("number", o->attempt_count),
        F_INT("status", o->http_status), F_STR("error", o->error), F_STR("detail", o->detail),
        F_TEXT("next", a->reason));
}

void deliver_outcome_tell_notices(struct deliver_shard *s, const struct store_outcome *o)
{
    const char *what = NULL;
    if (!o->has_attempt)
        return;
    if (o->success && o->attempt_count > NOTICE_FAILURES)
        what = "message.attempt.recovered";
    else if (o->to == STORE_FAILED &&
             (o->trigger == STORE_SCHEDULED || o->reason == STORE_REASON_EXHAUSTED))
        what = "message.attempt.exhausted";
    else if (o->to == STORE_SENDING && o->attempt_count == NOTICE_FAILURES)
        what = "message.attempt.failing";
    if (what != NULL)
        s->backend.notice(s->backend.ctx, what, o);
}
