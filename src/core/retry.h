/* SPDX-License-Identifier: Apache-2.0
 *
 * What an attempt's result means: a pure function, no clock, no randomness of its own.
 */
#pragma once

#include "base/base.h"

enum { CORE_RETRY_MAX = 32 };

/* HTTP statuses, one bit each. */
struct core_statuses {
    uint64_t bits[16];
};
/* False: no status of a failure (300 to 999). */
bool core_statuses_add(struct core_statuses *set, int64_t status);
bool core_statuses_has(const struct core_statuses *set, int status);

/* What a receiver may ask for in its answer (webhook-delivery). */
enum core_wish { CORE_WISH_NONE, CORE_WISH_ABORT, CORE_WISH_DISABLE };
enum core_wish core_wish_of(struct str value);

struct core_retry_policy {
    const int64_t *delays_us; /* after the 1st, 2nd, ... failure */
    size_t count;             /* 0: never retried */
    int jitter_percent;       /* +- */
    int64_t retry_after_max_us;
    struct core_statuses except; /* answers that no retry will change */
};

struct core_attempt_result {
    bool got_response;
    int status;             /* HTTP, when got_response */
    bool permanent;         /* refused by policy, bad URL: retrying is no use before the configuration changes */
    int64_t retry_after_us; /* asked for by the receiver, from now; 0: not */
    enum core_wish wish;    /* the receiver's */
};

enum core_verdict { CORE_DONE, CORE_RETRY, CORE_GIVE_UP, CORE_DISABLE };

struct core_judgement {
    enum core_verdict verdict;
    int64_t retry_at_us; /* CORE_RETRY */
    const char *reason;  /* literal: "2xx", "schedule", "retry-after", "exhausted", "gone", "disable", "abort", "status", "permanent", "manual" */
};

/* `attempt`: its number from 1. `manual`: sent by hand, never retried by itself. `dice`: a uniform
 * 64-bit number, for the jitter. */
struct core_judgement core_judge(const struct core_attempt_result *r, int attempt, bool manual, const struct core_retry_policy *p, int64_t now_us, uint64_t dice);

/* The same for an attempt that was asked for while the schedule has its own at `planned_us`: a failure leaves the
 * schedule as it was, but for what the receiver asks. */
struct core_judgement core_judge_ahead(const struct core_attempt_result *r, int64_t planned_us, const struct core_retry_policy *p, int64_t now_us, uint64_t dice);

/* Retry-After: seconds (fractions rounded up) or an HTTP date. 0 if absent or malformed. */
int64_t core_retry_after(struct str value, int64_t now_wall_us);
