/* SPDX-License-Identifier: Apache-2.0
 *
 * Background tasks: what they are to do, how far they are, what came of it. See store/config.h for the rules.
 */
#pragma once

#include "store/config.h"

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
};
MUST_USE enum rc store_task_insert(struct store_tx *tx, struct store_task *t); /* fills num */
MUST_USE enum rc store_task_update(
    struct store_tx *tx, const struct store_task *t); /* status, cursor, data, updated_us */
MUST_USE enum rc store_task_find(struct store_tx *tx, int64_t org, struct str id, struct arena *a,
                                 struct store_task *out);
MUST_USE enum rc store_task_by_num(struct store_tx *tx, int64_t num, struct arena *a,
                                   struct store_task *out);
/* status and kind narrow it when not empty. page->after: an id. */
MUST_USE enum rc store_task_list(struct store_tx *tx, int64_t org, struct str status,
                                 struct str kind, const struct store_page *page, struct arena *a,
                                 struct store_task *out, struct store_page_end *end);
/* The numbers of all that run, oldest first. */
MUST_USE enum rc store_task_running(struct store_tx *tx, struct arena *a, struct store_task **out,
                                    size_t *count);
/* Removes finished ones not touched since. */
MUST_USE enum rc store_task_prune(struct store_tx *tx, int64_t before_us);
