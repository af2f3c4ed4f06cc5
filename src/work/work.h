/* SPDX-License-Identifier: Apache-2.0
 *
 * Worker threads for plain blocking code. Loops and workers meet in work_submit() and loop_post().
 *
 * The threads are shared by everyone the server works for, so jobs are queued per owner (an
 * organisation, say, or the address of a stranger) and owners take turns: whoever submits thousands of jobs
 * waits for them alone. No owner may have more than WORK_OWNER_THREADS(threads) jobs running or more
 * than WORK_OWNER_QUEUE(queue_max) waiting. Jobs of WORK_SERVER, the server's own, have a turn like
 * any other owner's, without these two limits.
 */
#pragma once

#include "base/base.h"
#include "loop/loop.h"

struct work_pool;

enum { WORK_SERVER = 0 };
/* Three quarters of the threads, but at least one; a quarter of the queue. */
#define WORK_OWNER_THREADS(threads) ((threads) - ((threads) + 3) / 4 + ((threads) < 2))
#define WORK_OWNER_QUEUE(queue_max) (((queue_max) + 3) / 4)

/* Embedded in what it is about. fn runs on a worker. */
struct work_job {
    void (*fn)(void *arg);
    void *arg;
    struct work_job *_next;
};

/* `queue_max`: jobs that may wait, all owners together. NULL: not so many threads are to be had. */
struct work_pool *work_pool_new(unsigned threads, size_t queue_max);
/* Runs what is queued, then stops. NULL is fine. */
void work_pool_free(struct work_pool *p);

/* Any thread. Nothing is queued on failure. RC_BUSY: the queue is full. RC_LIMIT: this owner's share of it is. */
MUST_USE enum rc work_submit_for(struct work_pool *p, uint64_t owner, struct work_job *job);
/* The same for the server's own jobs; never RC_LIMIT. */
MUST_USE enum rc work_submit(struct work_pool *p, struct work_job *job);
size_t work_queued(struct work_pool *p);
/* No job waits, and none runs. */
bool work_is_idle(struct work_pool *p);
