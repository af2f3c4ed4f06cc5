/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting. Each thread slot has its own cells, allocated when the slot first counts and kept to the
 * end of the process; only the slot's thread writes them, so that a plain relaxed load and store is
 * enough, and no cache line is shared.
 */
#include "metrics/metrics.h"

#include "metrics/metrics_priv.h"

#include <stdatomic.h>

enum histogram_index {
#define METRIC_COUNTER(id, name, labels, help)
#define METRIC_GAUGE(id, name, labels, help)
#define METRIC_MOMENT(id, name, labels, help)
#define METRIC_HISTOGRAM(id, name, labels, help) HISTOGRAM_##id,
#include "tables/metrics.def"
#undef METRIC_COUNTER
#undef METRIC_GAUGE
#undef METRIC_MOMENT
#undef METRIC_HISTOGRAM
    HISTOGRAM_COUNT
};

const struct metric_row metrics_rows[METRIC_COUNT] = {
#define METRIC_COUNTER(id, name, labels, help) { METRIC_KIND_COUNTER, name, labels, help, -1 },
#define METRIC_GAUGE(id, name, labels, help) { METRIC_KIND_GAUGE, name, labels, help, -1 },
#define METRIC_MOMENT(id, name, labels, help) { METRIC_KIND_MOMENT, name, labels, help, -1 },
#define METRIC_HISTOGRAM(id, name, labels, help) \
    { METRIC_KIND_HISTOGRAM, name, labels, help, HISTOGRAM_##id },
#include "tables/metrics.def"
#undef METRIC_COUNTER
#undef METRIC_GAUGE
#undef METRIC_MOMENT
#undef METRIC_HISTOGRAM
};

struct histogram {
    _Atomic int64_t sum_us;
    _Atomic int64_t buckets[METRIC_BUCKETS];
};

struct cells {
    _Atomic int64_t numbers[METRIC_COUNT];
    struct histogram histograms[HISTOGRAM_COUNT + 1]; /* the table may have none */
};

static _Atomic(struct cells *) slots[THREAD_SLOTS];

static struct cells *own_cells(void)
{
    _Atomic(struct cells *) *slot = &slots[thread_slot()];
    struct cells *cells = atomic_load_explicit(slot, memory_order_relaxed);
    if (__builtin_expect(cells == NULL, 0)) {
        cells = XNEW(struct cells);
        atomic_store_explicit(slot, cells, memory_order_release);
    }
    return cells;
}

static void metrics_bump(_Atomic int64_t *cell, int64_t n)
{
    int64_t now = atomic_load_explicit(cell, memory_order_relaxed);
    atomic_store_explicit(cell, (int64_t)((uint64_t)now + (uint64_t)n), memory_order_relaxed);
}

void metrics_add(enum metric m, int64_t n)
{
    const struct metric_row *row = &metrics_rows[m];
    MUST(row->kind != METRIC_KIND_HISTOGRAM && (row->kind != METRIC_KIND_COUNTER || n >= 0));
    metrics_bump(&own_cells()->numbers[m], n);
}

void metrics_set(enum metric m, int64_t value)
{
    MUST(metrics_rows[m].kind == METRIC_KIND_GAUGE || metrics_rows[m].kind == METRIC_KIND_MOMENT);
    metrics_add(m, value - metrics_value(m));
}

void metrics_observe(enum metric m, int64_t us)
{
    MUST(metrics_rows[m].kind == METRIC_KIND_HISTOGRAM);
    struct histogram *h = &own_cells()->histograms[metrics_rows[m].histogram];
    if (us < 0)
        us = 0; /* a wall clock that was set back */
    metrics_bump(&h->sum_us, us);
    metrics_bump(&h->buckets[metric_bucket_of(us)], 1);
}

int64_t metrics_value(enum metric m)
{
    uint64_t sum = 0;
    for (unsigned slot = 0; slot < THREAD_SLOTS; slot++) {
        struct cells *cells = atomic_load_explicit(&slots[slot], memory_order_acquire);
        if (cells != NULL)
            sum += (uint64_t)atomic_load_explicit(&cells->numbers[m], memory_order_relaxed);
    }
    return (int64_t)sum;
}

void metrics_sum(enum metric m, struct metric_sum *out)
{
    MUST(metrics_rows[m].kind == METRIC_KIND_HISTOGRAM);
    *out = (struct metric_sum){ 0 };
    for (unsigned slot = 0; slot < THREAD_SLOTS; slot++) {
        struct cells *cells = atomic_load_explicit(&slots[slot], memory_order_acquire);
        if (cells == NULL)
            continue;
        struct histogram *h = &cells->histograms[metrics_rows[m].histogram];
        out->sum_us += atomic_load_explicit(&h->sum_us, memory_order_relaxed);
        for (int i = 0; i < METRIC_BUCKETS; i++)
            out->buckets[i] += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
    }
    for (int i = 0; i < METRIC_BUCKETS; i++)
        out->count += out->buckets[i];
}

int64_t metrics_count(enum metric m)
{
    struct metric_sum sum;
    metrics_sum(m, &sum);
    return sum.count;
}

int64_t metrics_quantile_us(enum metric m, double q)
{
    MUST(q > 0 && q <= 1);
    struct metric_sum sum;
    metrics_sum(m, &sum);
    double wanted = q * (double)sum.count;
    int64_t seen = 0;
    for (int i = 0; i < METRIC_BUCKETS; i++) {
        seen += sum.buckets[i];
        if (seen > 0 && (double)seen >= wanted)
            return metric_bucket_last(i);
    }
    return 0;
}
