/* SPDX-License-Identifier: Apache-2.0
 *
 * What counting and writing share. A histogram has four buckets a power of two, so that a bucket's
 * upper end is at most 25 % above what is in it; the last bucket takes everything from 2^37 us (38 h).
 */
#pragma once

#include "metrics/metrics.h"

enum { METRIC_POWERS = 36, METRIC_BUCKETS = 4 * METRIC_POWERS };

enum metric_kind { METRIC_KIND_COUNTER, METRIC_KIND_GAUGE, METRIC_KIND_MOMENT, METRIC_KIND_HISTOGRAM };

struct metric_row {
    enum metric_kind kind;
    const char *name;
    const char *labels;
    const char *help;
    int histogram; /* which one, or -1 */
};

extern const struct metric_row metrics_rows[METRIC_COUNT];

struct metric_sum {
    int64_t count;
    int64_t sum_us;
    int64_t buckets[METRIC_BUCKETS];
};

/* All threads' observations of a histogram. */
void metrics_sum(enum metric m, struct metric_sum *out);

/* 0 to 3 have a bucket each; then the two bits behind the leading one tell. us >= 0. */
static inline int metric_bucket_of(int64_t us)
{
    if (us < 4)
        return (int)us;
    int power = 63 - __builtin_clzll((unsigned long long)us);
    int bucket = 4 * (power - 1) + (int)(us >> (power - 2) & 3);
    return bucket < METRIC_BUCKETS ? bucket : METRIC_BUCKETS - 1;
}

/* The greatest value in the bucket. */
static inline int64_t metric_bucket_last(int bucket)
{
    if (bucket < 4)
        return bucket;
    int power = bucket / 4 + 1;
    return ((int64_t)(4 + bucket % 4 + 1) << (power - 2)) - 1;
}
