/* SPDX-License-Identifier: Apache-2.0
 *
 * What an attempt's result means: a pure function, no clock, no randomness of its own.
 */
#pragma once

#include "base/base.h"

enum { CORE_RETRY_MAX = 32 };

struct core_retry_policy {
    const int64_t *delays_us; /* after the 1st, 2nd, ... failure */
    size_t count;             /* 0: never retried */
    int jitter_percent;       /* +- */
    int64_t retry_after_max_us;
};

struct core_attempt_result {
    bool got_response;
    int status;             /* HTTP, when got_response */
    bool permanent;         /* refused by policy, bad URL: retrying is no use before the configuration changes */
    int64_t retry_after_us; /* asked for by the receiver, from now; 0: not */
};

enum core_verdict { CORE_DONE, CORE_RETRY, CORE_GIVE_UP, CORE_DISABLE };

struct core_judgement {
    enum core_verdict verdict;
    int64_t retry_at_us; /* CORE_RETRY */
    const char *reason;  /* literal: "2xx", "schedule", "retry-after", "exhausted", "gone", "permanent", "manual" */
};

/* `attempt`: its number from 1. `manual`: sent by hand, never retried by itself. `dice`: a uniform
 * 64-bit number, for the jitter. */
struct core_judgement core_judge(const struct core_attempt_result *r, int attempt, bool manual, const struct core_retry_policy *p, int64_t now_us, uint64_t dice);

/* Retry-After: seconds (fractions rounded up) or an HTTP date. 0 if absent or malformed. */
int64_t core_retry_after(struct str value, int64_t now_wall_us);
