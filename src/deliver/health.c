/* SPDX-License-Identifier: Apache-2.0
 *
 * How long an endpoint has done nothing but fail, and when that disables it: when a message is given up, or
 * would be had it been tried as its schedule says, if failures are spread over the whole period. A success
 * ends the run of failures, and so does a time without any attempt, in which nobody can know whether it would
 * have failed: half of the period, or more where the schedule or the breaker keeps longer silences of its own.
 * Thus one failed attempt never disables, and a fresh message gets its retries.
 *
 * Only changes are told, and not more often than every ten seconds, so that an endpoint that flaps costs
 * nothing. What may not be told yet is told when it may (place.c), however far away the next attempt is. That it still
 * fails is told a few times a period; disabling is told at once.
 */
#include "deliver/health_priv.h"

#include "deliver/attempt_priv.h"
#include "deliver/outcome_priv.h"

static const int64_t tell_every_us = 10 * DELIVER_SECOND_US;
enum { STILL_TOLD = 8 }; /* times in what counts as quiet */

static void health_tell(struct deliver_shard *s, struct deliver_lane *lane, bool disable,
                        const char *reason)
{
    const struct deliver_health health = { .failing_since_us = lane->failing_since_us,
                                           .last_failure_us = lane->last_failure_us,
                                           .disable = disable,
                                           .reason = reason };
    lane->is_health_dirty = false;
    lane->health_told_us = s->now_us;
    lane->failure_told_us = lane->last_failure_us;
    s->backend.health(s->backend.ctx, s, lane->app->num, lane->endpoint, &health);
}

void deliver_health_flush(struct deliver_shard *s, struct deliver_lane *lane)
{
    if (lane->is_health_dirty)
        health_tell(s, lane, false, "");
}

int64_t deliver_health_due(const struct deliver_lane *lane)
{
    if (!lane->is_health_dirty)
        return DELIVER_NEVER;
    return lane->health_told_us == 0 ? 0 : lane->health_told_us + tell_every_us;
}

void deliver_health_mind(struct deliver_shard *s, struct deliver_lane *lane)
{
    if (deliver_health_due(lane) <= s->now_us)
        deliver_health_flush(s, lane);
}

void deliver_health_success(struct deliver_shard *s, struct deliver_lane *lane)
{
    if (lane->failing_since_us != 0) {
        lane->failing_since_us = 0;
        lane->is_health_dirty = true;
    }
    deliver_health_mind(s, lane);
}

static int64_t longest_delay(const struct deliver_attempt *a)
{
    struct core_retry_policy policy = deliver_outcome_policy(a);
    int64_t longest_us = 0;
    for (size_t i = 0; i < policy.count; i++)
        if (policy.delays_us[i] > longest_us)
            longest_us = policy.delays_us[i];
    return longest_us;
}

/* How long nothing may have failed before a failure begins a new run. */
static int64_t quiet_after(const struct deliver_attempt *a)
{
    int64_t quiet_us = a->shard->limits.disable_after_us / 2;
    int64_t delay_us = 2 * longest_delay(a);
    int64_t park_us = 2 * a->lane->pace.park_us;
    quiet_us = delay_us > quiet_us ? delay_us : quiet_us;
    return park_us > quiet_us ? park_us : quiet_us;
}

/* Has the message had the whole time of its schedule? A parked lane makes few attempts for many messages, so
 * that none of them may be given up for weeks. */
static bool is_overdue(const struct deliver_attempt *a)
{
    struct core_retry_policy policy = deliver_outcome_policy(a);
    const struct store_message *m = a->item->payload;
    int64_t until_us = m->deliver_at_us > m->created_us ? m->deliver_at_us : m->created_us;
    for (size_t i = 0; i < policy.count; i++)
        until_us += policy.delays_us[i];
    return a->outcome.trigger == STORE_SCHEDULED && until_us <= a->shard->now_us;
}

static void note_failure(struct deliver_shard *s, struct deliver_lane *lane, int64_t quiet_us)
{
    bool was_quiet = s->now_us - lane->last_failure_us > quiet_us;
    if (lane->failing_since_us == 0 || was_quiet) {
        lane->failing_since_us = s->now_us;
        lane->is_health_dirty = true;
    }
    lane->last_failure_us = s->now_us;
    if (s->now_us - lane->failure_told_us > quiet_us / STILL_TOLD)
        lane->is_health_dirty = true;
}

void deliver_health_disable(struct deliver_shard *s, const struct deliver_attempt *a,
                            const char *reason)
{
    struct deliver_lane *lane = a->lane;
    int64_t failing_us = lane->failing_since_us == 0 ? 0 : s->now_us - lane->failing_since_us;
    if (lane->is_disabled)
        return;
    lane->is_disabled = true;
    LOG(DELIVER_ENDPOINT_DISABLED, F_STR("app", a->view->id), F_STR("endpoint", a->ep->id),
        F_TEXT("reason", reason), F_INT("failing_s", failing_us / DELIVER_SECOND_US));
    health_tell(s, lane, true, reason);
    s->backend.notice(s->backend.ctx, "endpoint.disabled", &a->outcome);
}

void deliver_health_failure(struct deliver_shard *s, const struct deliver_attempt *a, bool is_gone)
{
    struct deliver_lane *lane = a->lane;
    const struct store_outcome *o = &a->outcome;
    note_failure(s, lane, quiet_after(a));
    bool is_given_up = o->to == STORE_FAILED && o->reason != STORE_REASON_MANUAL;
    bool is_spread = s->limits.disable_after_us > 0 &&
                     s->now_us - lane->failing_since_us >= s->limits.disable_after_us;
    if (is_gone || (is_spread && (is_given_up || is_overdue(a))))
        deliver_health_disable(s, a, is_gone ? "gone" : "failing");
    else
        deliver_health_mind(s, lane);
}
