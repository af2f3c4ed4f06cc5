/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs of filter chains: a row for each, written after the answer was given. A row lives in the
 * segment its id's time falls into and goes with it. What a row holds of the data is the chain's
 * setting and decided before it gets here.
 */
#pragma once

#include "store/flow.h"

enum { STORE_FILTER_RUN_MAX = 4 * 1024 * 1024 }; /* bytes of `detail` */

/* What one filter did in a run; for whoever watches (store/watch.h), not kept. */
struct store_filter_part {
    int64_t filter; /* its number */
    bool halted, answered;
    int64_t took_us;
};

/* Borrowed texts; ptr NULL: none. */
struct store_filter_run {
    struct id id; /* "frun_..." */
    int64_t app;
    int64_t started_us; /* wall clock */
    int64_t took_us;    /* until the answer */
    struct str event;
    bool halted;
    bool has_data;    /* `detail` holds what is needed to run it again */
    bool is_redacted; /* ... but for what was taken out of the data before it was kept */
    struct str
        filters; /* ids that took part, parted by blanks, with a blank at both ends; for searching */
    struct str summary; /* JSON object text: shown in lists */
    struct str detail;  /* JSON object text: shown for one run; not read by lists */
    int64_t org;        /* not kept, nor are these: for whoever watches */
    const struct store_filter_part *parts;
    size_t part_count;
};

struct store_filter_run_job {
    struct store_job job;
    struct store_filter_run run; /* borrowed texts live until done */
};
/* Any thread. RC_BUSY: the queue is full; RC_LIMIT: disk nearly full. The job is untouched then. */
MUST_USE enum rc store_submit_filter_run(struct store *s, struct store_filter_run_job *j);

/* --- reads: worker threads; results in the arena ------------------------------------------------ */

struct store_filter_run_filter {
    int64_t app;
    struct str event;  /* empty: any */
    struct str filter; /* id of one that took part; empty: any */
    int halted;        /* -1: any; 0, 1 */
    bool with_data;    /* only those that can be run again */
    bool with_detail;
    int64_t before_us, after_us; /* 0: open */
};
/* Newest first unless page->descending is false. page->after: a "frun_..." id. RC_INVALID: not one. */
MUST_USE enum rc store_filter_run_list(struct store *s, const struct store_filter_run_filter *f,
                                       const struct store_page *page, struct arena *a,
                                       struct store_filter_run *out, struct store_page_end *end);
/* RC_NOT_FOUND. */
MUST_USE enum rc store_filter_run_get(struct store *s, int64_t app, const struct id *id,
                                      struct arena *a, struct store_filter_run *out);
