/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast deliveries come (5). A receiver sees less than the server does: what it has not answered may have been given
 * up long ago, and what it sees begins late by as long as bytes are under way. Only what is certain all the same is held
 * against the server.
 */
#include "check.h"

#include <string.h>

static const int64_t second_us = 1000000;

static bool is_for_broker(const struct model *m, const struct model_attempt *a)
{
    return m->endpoints[a->endpoint].broker != 0;
}

/* Until when the server certainly waits for the answer. The time for a confirm begins before the connection is made, and
 * goes on while the broker is blocked: a message may arrive when it is nearly over. Who erases a payload cuts the attempt off. */
static int64_t attempt_surely_until(const struct model *m, const struct model_attempt *a)
{
    if (is_for_broker(m, a) && !check_broker_was_well(m, a->begin_us, a->begin_us))
        return a->begin_us;
    int64_t until_us = a->begin_us + m->limits.timeout_us - m->limits.lag_us;
    int64_t cut_us = model_erased_us(m, a->id);
    until_us = a->end_us < until_us ? a->end_us : until_us;
    until_us = cut_us < until_us ? cut_us : until_us;
    return until_us < a->begin_us ? a->begin_us : until_us;
}

/* The attempt before of the same message to the same endpoint in the same life. */
static const struct model_attempt *attempt_before(const struct model *m,
                                                  const struct model_attempt *next)
{
    for (const struct model_attempt *a = next; a > m->attempts;) {
        a--;
        if (a->endpoint == next->endpoint && a->life == next->life && strcmp(a->id, next->id) == 0)
            return a;
    }
    return NULL;
}

/* True when both may be one attempt of the server's: a kept connection that breaks before the answer is replaced at once. */
static bool attempt_may_repeat(const struct model *m, const struct model_attempt *prev,
                               const struct model_attempt *next)
{
    bool is_broken_off = prev->status == 0 && prev->end_us != MODEL_NEVER;
    return is_broken_off || model_had_fault(m, "net.reset", prev->begin_us, next->begin_us);
}

/* --- windows ------------------------------------------------------------------------------------------- */

/* Confirms come in bulk, many to a packet. */
enum { BROKER_PIPELINE = 16 };

static bool window_holds(const struct model *m, const struct model_attempt *now,
                         struct check_broken *out)
{
    const struct model_endpoint *e = &m->endpoints[now->endpoint];
    int64_t max = e->is_ordered ? 1 : m->limits.window_max, open = 1;
    max *= e->broker != 0 && !e->is_ordered ? BROKER_PIPELINE : 1;
    for (const struct model_attempt *a = m->attempts; a < now; a++)
        open += a->endpoint == now->endpoint && a->life == now->life &&
                attempt_surely_until(m, a) > now->begin_us;
    if (open > max)
        return check_break(
            out, 5, "endpoint %d had %lld deliveries at a time at %.6f s; %lld are allowed",
            now->endpoint, (long long)open, (double)now->begin_us / 1e6, (long long)max);
    return true;
}

/* --- throttles ------------------------------------------------------------------------------------------ */

/* False when it may be the attempt before once more, which has a place already. */
static bool attempt_takes_place(const struct model *m, const struct model_attempt *a)
{
    const struct model_attempt *prev = attempt_before(m, a);
    return prev == NULL || !attempt_may_repeat(m, prev, a);
}

/* Those of a span of `rate` places and one more come from a span that is not shorter but for what is under way. */
static bool throttle_holds(const struct model *m, const struct model_attempt *last,
                           struct check_broken *out)
{
    int64_t rate = m->endpoints[last->endpoint].throttle, seen = 0;
    if (rate == 0 || (is_for_broker(m, last) &&
                      !check_broker_was_well(m, last->begin_us - second_us, last->begin_us)))
        return true; /* those that waited for a connection come together */
    int64_t from_us = last->begin_us - second_us + m->limits.lag_us;
    for (const struct model_attempt *a = m->attempts; a <= last; a++)
        seen += a->endpoint == last->endpoint && a->life == last->life && a->begin_us > from_us &&
                attempt_takes_place(m, a);
    /* one at each end, and the 10 ms that a throttle may run ahead */
    if (seen > rate + 1 + rate / 50)
        return check_break(
            out, 5,
            "endpoint %d got %lld deliveries within a second at %.6f s; its throttle is %lld",
            last->endpoint, (long long)seen, (double)last->begin_us / 1e6, (long long)rate);
    return true;
}

/* --- retries -------------------------------------------------------------------------------------------- */

/* The server certainly got the answer. */
static bool answer_was_heard(const struct model *m, const struct model_attempt *a)
{
    if (is_for_broker(m, a) && !check_broker_was_well(m, a->begin_us, a->end_us + m->limits.lag_us))
        return false;
    return a->end_us <= attempt_surely_until(m, a) &&
           !model_had_fault(m, "net.reset net.slow net.chop net.silent", a->begin_us,
                            a->end_us + m->limits.lag_us);
}

/* The store's time does not know how long the power was off, and catches up when the system's clock has stayed ahead for
 * that long: what waits then is early, once. A clock that was set is another matter. */
static bool clock_caught_up(const struct model *m, int64_t from_us, int64_t to_us)
{
    const int64_t cut_us = 60 * second_us;
    return model_followed_clock(m, from_us, to_us) &&
           model_had_fault(m, "life.cut", from_us - cut_us, to_us);
}

static bool retry_holds(const struct model *m, const struct model_attempt *next,
                        struct check_broken *out)
{
    const struct model_attempt *prev = attempt_before(m, next);
    if (prev == NULL || m->endpoints[next->endpoint].was_replayed ||
        check_broker_read_late(m, next->endpoint, prev->begin_us - m->limits.timeout_us,
                               prev->begin_us))
        return true;
    if (attempt_may_repeat(m, prev, next) || clock_caught_up(m, prev->begin_us, next->begin_us))
        return true;
    int64_t gap_us = next->begin_us - prev->begin_us,
            since_answer_us = next->begin_us - prev->end_us;
    if (gap_us < m->limits.retry_min_us - m->limits.lag_us)
        return check_break(
            out, 5,
            "%s came to endpoint %d again at %.6f s after %.6f s; the shortest delay is %.6f s",
            next->id, next->endpoint, (double)next->begin_us / 1e6, (double)gap_us / 1e6,
            (double)m->limits.retry_min_us / 1e6);
    if (!answer_was_heard(m, prev))
        return true;
    if (prev->status >= 200 && prev->status < 300)
        return check_break(out, 5, "%s came to endpoint %d again %.6f s after it was taken",
                           next->id, next->endpoint, (double)since_answer_us / 1e6);
    if (prev->retry_after_us > 0 && since_answer_us < prev->retry_after_us - m->limits.lag_us)
        return check_break(
            out, 5, "%s came to endpoint %d %.6f s after an answer with Retry-After of %.6f s",
            next->id, next->endpoint, (double)since_answer_us / 1e6,
            (double)prev->retry_after_us / 1e6);
    return true;
}

bool check_pace(const struct model *m, struct check_broken *out)
{
    for (const struct model_attempt *a = m->attempts; a < m->attempts + m->attempt_count; a++)
        if (!window_holds(m, a, out) || !throttle_holds(m, a, out) || !retry_holds(m, a, out))
            return false;
    return true;
}
