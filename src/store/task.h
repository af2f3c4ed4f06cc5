/* SPDX-License-Identifier: Apache-2.0
 *
 * Background tasks: what they are to do, how far they are, what came of it. See store/config.h for the rules.
 */
#pragma once

#include "store/config.h"

/* What somebody asked of a task that runs. A task that has ended says so in its status, whatever stands here. */
enum store_task_hold {
    STORE_TASK_GOES = 0,
    STORE_TASK_PAUSED = 1,  /* no step is done */
    STORE_TASK_CANCELED = 2 /* it ends before its next step */
};

struct store_task {
    int64_t num;
    int64_t org;
    int64_t app, endpoint; /* 0: none */
    struct str id;         /* "qtask_..." */
    struct str kind;       /* "endpoint.recover" and the like */
    struct str status;     /* "running", "finished", "failed" */
    struct str input;      /* JSON object text: what was asked for */
    struct str cursor;     /* where it goes on; "" at the start */
    struct str data;       /* JSON object text: results so far */
    int64_t created_us;
    int64_t updated_us;
    int64_t rate;          /* objects a second; 0: as fast as it can */
    enum store_task_hold hold;
    int64_t paced_from_us; /* since when it goes on as it does now: made, resumed or given another rate */
    int64_t paced_done;    /* what was done by then */
    struct str started_by; /* JSON object text; ptr NULL: not known */
};
MUST_USE enum rc store_task_insert(struct store_tx *tx, struct store_task *t); /* fills num */
MUST_USE enum rc store_task_update(
    struct store_tx *tx, const struct store_task *t); /* status, cursor, data, updated_us */
/* The rest that can change (rate, hold, paced_*): what a step writes and what others ask for never overwrite each other.
 * RC_NOT_FOUND: it has ended. */
MUST_USE enum rc store_task_control(struct store_tx *tx, const struct store_task *t);
MUST_USE enum rc store_task_find(struct store_tx *tx, int64_t org, struct str id, struct arena *a,
                                 struct store_task *out);
MUST_USE enum rc store_task_by_num(struct store_tx *tx, int64_t num, struct arena *a,
                                   struct store_task *out);
struct store_task_filter {
    int64_t org, app; /* app 0: any */
    struct str status, kind; /* empty: any */
    bool is_bulk;     /* with any kind: those named "bulk.", or the others */
};
/* page->after: an id. */
MUST_USE enum rc store_task_list(struct store_tx *tx, const struct store_task_filter *f,
                                 const struct store_page *page, struct arena *a,
                                 struct store_task *out, struct store_page_end *end);
/* The numbers of all that run, oldest first. */
MUST_USE enum rc store_task_running(struct store_tx *tx, struct arena *a, struct store_task **out,
                                    size_t *count);
/* Removes finished ones not touched since. */
MUST_USE enum rc store_task_prune(struct store_tx *tx, int64_t before_us);
