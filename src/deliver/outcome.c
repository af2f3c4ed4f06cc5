/* SPDX-License-Identifier: Apache-2.0
 *
 * From a result to what the store is told: the judgement, the delivery's next state, and the part
 * of the response that is kept.
 */
#include "deliver/attempt_priv.h"

static struct core_retry_policy policy_of(const struct deliver_attempt *a)
{
    struct core_retry_policy policy = a->shard->limits.retry;
    if (a->ep->retry_us != NULL) {
        policy.delays_us = a->ep->retry_us;
        policy.count = a->ep->retry_count;
    }
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
static enum store_reason reason_of(enum core_verdict verdict, const struct store_outcome *o,
                                   const struct deliver_result *r)
{
    if (verdict == CORE_DISABLE)
        return STORE_REASON_GONE;
    if (verdict != CORE_GIVE_UP)
        return STORE_REASON_NONE;
    if (o->trigger == STORE_MANUAL)
        return STORE_REASON_MANUAL;
    return r->is_permanent ? STORE_REASON_REFUSED : STORE_REASON_EXHAUSTED;
}

enum core_verdict deliver_outcome_fill(struct deliver_attempt *a, const struct deliver_result *r)
{
    struct deliver_shard *s = a->shard;
    struct store_outcome *o = &a->outcome;
    struct core_retry_policy policy = policy_of(a);
    struct core_attempt_result result = { .got_response = r->got_response,
                                          .status = r->status,
                                          .permanent = r->is_permanent,
                                          .retry_after_us = r->retry_after_us };
    struct core_judgement judgement = core_judge(
        &result, o->attempt_count, o->trigger == STORE_MANUAL, &policy, s->now_us, rng_u64(s->rng));
    static const enum store_state next_state[] = { [CORE_DONE] = STORE_SUCCESS,
                                                   [CORE_RETRY] = STORE_SENDING,
                                                   [CORE_GIVE_UP] = STORE_FAILED,
                                                   [CORE_DISABLE] = STORE_FAILED };
    o->to = next_state[judgement.verdict];
    o->reason = reason_of(judgement.verdict, o, r);
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
