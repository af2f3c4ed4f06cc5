/* SPDX-License-Identifier: Apache-2.0
 *
 * Worker threads for plain blocking code. Loops and workers meet in work_submit() and loop_post().
 */
#pragma once

#include "base/base.h"
#include "loop/loop.h"

struct work_pool;

/* Embedded in what it is about. fn runs on a worker. */
struct work_job {
    void (*fn)(void *arg);
    void *arg;
    struct work_job *_next;
};

/* `queue_max`: jobs that may wait. */
struct work_pool *work_pool_new(unsigned threads, size_t queue_max);
/* Runs what is queued, then stops. NULL is fine. */
void work_pool_free(struct work_pool *p);

/* Any thread. RC_BUSY: the queue is full; nothing was queued. */
MUST_USE enum rc work_submit(struct work_pool *p, struct work_job *job);
size_t work_queued(struct work_pool *p);
