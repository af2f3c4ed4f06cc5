/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters, gauges and histograms from tables/metrics.def. Counting is per thread and lock-free
 * (a slot a thread, summed on read); reading is a scrape, from any thread. Nothing here blocks.
 */
#pragma once

#include "base/base.h"

enum metric {
#define METRIC_COUNTER(id, name, labels, help) METRIC_##id,
#define METRIC_GAUGE(id, name, labels, help) METRIC_##id,
#define METRIC_MOMENT(id, name, labels, help) METRIC_##id,
#define METRIC_HISTOGRAM(id, name, labels, help) METRIC_##id,
#include "tables/metrics.def"
#undef METRIC_COUNTER
#undef METRIC_GAUGE
#undef METRIC_MOMENT
#undef METRIC_HISTOGRAM
    METRIC_COUNT
};

void metrics_add(enum metric m, int64_t n);        /* counter: n >= 0; gauge: any n */
void metrics_observe(enum metric m, int64_t us);   /* histogram; below 0 counts as 0 */
/* Gauges and moments that are looked up, not counted. One thread at a time a gauge: scrape hooks are. */
void metrics_set(enum metric m, int64_t value);

int64_t metrics_value(enum metric m);              /* counter or gauge, summed */
int64_t metrics_count(enum metric m);              /* histogram: observations */
/* Histogram: an upper bound of the q-quantile (0 < q <= 1) in microseconds; 0 if empty. */
int64_t metrics_quantile_us(enum metric m, double q);

/* Calls fn at each scrape before values are read, to refresh gauges that are cheap to look up. At
 * most 32 hooks; register before threads start. */
void metrics_on_scrape(void (*fn)(void *arg), void *arg);

/* Appends everything in Prometheus' text format (with process CPU, memory, open descriptors).
 * RC_LIMIT: out is too small; then nothing was added. */
MUST_USE enum rc metrics_write(struct buf *out);
