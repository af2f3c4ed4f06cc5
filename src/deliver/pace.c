/* SPDX-License-Identifier: Apache-2.0
 *
 * Additive increase, multiplicative decrease: a whole window of successes widens it by one, trouble
 * halves it, once per round. The breaker looks at failures in a row whatever their kind.
 */
#include "deliver/pace_priv.h"

static const int64_t second_us = 1000000;
static const int64_t burst_us = 10000; /* what a throttle may run ahead: the grain of timers */

void deliver_pace_init(struct deliver_pace *p, const struct deliver_limits *l)
{
    *p = (struct deliver_pace){ .window = l->window_start };
}

int deliver_pace_slots(const struct deliver_pace *p)
{
    return p->park_us > 0 ? 1 : (int)p->window;
}

int64_t deliver_pace_gate(const struct deliver_pace *p)
{
    int64_t gate = p->parked_until_us > p->held_until_us ? p->parked_until_us : p->held_until_us;
    return gate > p->wait_until_us ? gate : p->wait_until_us;
}

bool deliver_pace_success(struct deliver_pace *p, const struct deliver_limits *l)
{
    bool was_open = p->park_us > 0;
    p->failures_in_row = 0;
    p->is_trusted = true;
    p->parked_until_us = p->park_us = 0;
    if (was_open)
        p->window = l->window_start;
    else if (p->window < l->window_max)
        p->window += 1.0 / p->window;
    if (p->window > l->window_max)
        p->window = l->window_max;
    return was_open;
}

static int64_t pace_doubled(int64_t us, int64_t max_us)
{
    return us > max_us / 2 ? max_us : us * 2;
}

/* What was under way when the lane was parked says nothing new; a failed probe does. */
static bool pace_park(struct deliver_pace *p, const struct deliver_limits *l,
                      const struct deliver_failure *f)
{
    if (l->breaker_failures <= 0 || p->failures_in_row < l->breaker_failures)
        return false;
    if (p->park_us > 0 && f->started_us < p->parked_until_us)
        return false;
    p->park_us = p->park_us == 0 ? l->breaker_us : pace_doubled(p->park_us, l->breaker_max_us);
    p->parked_until_us = f->now_us + p->park_us;
    return true;
}

bool deliver_pace_failure(struct deliver_pace *p, const struct deliver_limits *l,
                          const struct deliver_failure *f)
{
    p->failures_in_row++;
    p->is_trusted = false;
    if (f->is_congestion && f->started_us >= p->shrunk_at_us) {
        p->window = p->window / 2 < 1 ? 1 : p->window / 2;
        p->shrunk_at_us = f->now_us;
    }
    if (f->retry_after_us > 0) {
        int64_t hold_us =
            f->retry_after_us < l->breaker_max_us ? f->retry_after_us : l->breaker_max_us;
        if (f->now_us + hold_us > p->held_until_us)
            p->held_until_us = f->now_us + hold_us;
    }
    return pace_park(p, l, f);
}

void deliver_pace_ask(struct deliver_pace *p, int64_t now_us)
{
    if (p->parked_until_us > now_us)
        p->parked_until_us = now_us;
    p->held_until_us = 0;
}

static void pace_shift(int64_t *at_us, int64_t by_us)
{
    if (*at_us != 0)
        *at_us += by_us;
}

void deliver_pace_shift(struct deliver_pace *p, int64_t by_us)
{
    pace_shift(&p->shrunk_at_us, by_us);
    pace_shift(&p->parked_until_us, by_us);
    pace_shift(&p->held_until_us, by_us);
    pace_shift(&p->let_until_us, by_us);
    pace_shift(&p->begun_until_us, by_us);
    pace_shift(&p->wait_until_us, by_us);
}

int64_t deliver_pace_gap(int64_t per_second)
{
    return per_second <= 0 ? 0 : (second_us + per_second - 1) / per_second;
}

/* `paced_until_us` runs ahead of the clock by the share of what was sent. */
int64_t deliver_pace_wait(int64_t gap_us, int64_t paced_until_us, int64_t now_us)
{
    return gap_us > 0 && paced_until_us > now_us + burst_us ? paced_until_us - burst_us : 0;
}

int64_t deliver_pace_take(int64_t gap_us, int64_t paced_until_us, int64_t now_us)
{
    return gap_us <= 0 ? 0 : (paced_until_us > now_us ? paced_until_us : now_us) + gap_us;
}
