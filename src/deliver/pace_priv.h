/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast a lane may go: concurrency window, breaker, and the hold a receiver asked for. Times are
 * the store's, in microseconds, handed in.
 */
#pragma once

#include "deliver/deliver.h"

struct deliver_pace {
    double window;
    int64_t shrunk_at_us;    /* attempts started before do not shrink the window again */
    int failures_in_row;
    int64_t park_us;         /* how long the last parking was; 0: the breaker is closed */
    int64_t parked_until_us; /* afterwards, with park_us set: one probe at a time */
    int64_t held_until_us;   /* Retry-After of a 429 or 503 */
    int64_t let_until_us;    /* where the throttle stands for what is taken up; see deliver_pace_take() */
    int64_t begun_until_us;  /* ... and for attempts that begin; see deliver/throttle_priv.h */
    int64_t wait_until_us;   /* for a place under a throttle */
    bool is_trusted;         /* succeeded, and not failed since */
};

void deliver_pace_init(struct deliver_pace *p, const struct deliver_limits *l);
/* Attempts that may run at a time. */
int deliver_pace_slots(const struct deliver_pace *p);
/* No attempt before this time; 0: any time. */
int64_t deliver_pace_gate(const struct deliver_pace *p);
/* True when this closed the breaker. */
bool deliver_pace_success(struct deliver_pace *p, const struct deliver_limits *l);

struct deliver_failure {
    int64_t started_us, now_us;
    bool is_congestion;     /* timed out, refused, 429 or 5xx: the window shrinks */
    int64_t retry_after_us; /* of a 429 or 503: the lane is held */
};
/* True when this parked the lane. */
bool deliver_pace_failure(struct deliver_pace *p, const struct deliver_limits *l, const struct deliver_failure *f);

/* Somebody says that the endpoint is well: a parked lane is probed now, and what it asked for itself is over. */
void deliver_pace_ask(struct deliver_pace *p, int64_t now_us);

/* The store's time jumped. */
void deliver_pace_shift(struct deliver_pace *p, int64_t by_us);

/* The time between two at that rate; 0: none is kept. */
int64_t deliver_pace_gap(int64_t per_second);
/* A throttle of one each `gap_us` (0: none) as a point in time that moves on by a gap with each. When
 * there is no place now: the time of the next one; else 0, and deliver_pace_take() takes the place. */
int64_t deliver_pace_wait(int64_t gap_us, int64_t paced_until_us, int64_t now_us);
int64_t deliver_pace_take(int64_t gap_us, int64_t paced_until_us, int64_t now_us);
