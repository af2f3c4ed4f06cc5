/* SPDX-License-Identifier: Apache-2.0
 *
 * One lock: jobs are blocking work of tens of microseconds and up, against which the lock does not
 * show. A lane is an owner's queue; it exists while the owner has jobs waiting or running, so memory
 * is bounded by the jobs. Lanes whose next job may run stand in a ring, and each turn takes one job.
 */
#include "work/work.h"

#include "metrics/metrics.h"

#include <stdio.h>

struct work_lane {
    uint64_t owner;
    struct work_job *first;
    struct work_job **end;
    struct work_lane *next; /* in the ring */
    size_t queued;
    unsigned running;
    bool is_ready; /* stands in the ring */
};

struct work_pool {
    struct mutex mutex;
    struct cond ready;
    struct map64 *lanes;
    struct work_lane *ring;
    struct work_lane **ring_end;
    size_t queued;
    size_t queue_max;
    bool is_stopping;
    unsigned thread_count;
    struct thread *threads[];
};

/* --- lanes, under the lock ------------------------------------------------------------------------- */

static struct work_lane *lane_of(struct work_pool *p, uint64_t owner)
{
    struct work_lane *lane = map64_get(p->lanes, owner);
    if (lane != NULL)
        return lane;
    lane = XNEW(struct work_lane);
    lane->owner = owner;
    lane->end = &lane->first;
    map64_set(p->lanes, owner, lane);
    return lane;
}

/* The ring holds a lane once, while it has a job that may run now. */
static void lane_settle(struct work_pool *p, struct work_lane *lane)
{
    if (lane->queued == 0 && lane->running == 0) {
        map64_remove(p->lanes, lane->owner);
        xfree(lane);
        return;
    }
    bool may_run = lane->owner == WORK_SERVER || p->is_stopping ||
                   lane->running < WORK_OWNER_THREADS(p->thread_count);
    if (lane->is_ready || lane->queued == 0 || !may_run)
        return;
    lane->is_ready = true;
    lane->next = NULL;
    *p->ring_end = lane;
    p->ring_end = &lane->next;
    cond_signal(&p->ready);
}

static struct work_job *lane_take(struct work_pool *p, struct work_lane **out)
{
    struct work_lane *lane = p->ring;
    p->ring = lane->next;
    if (p->ring == NULL)
        p->ring_end = &p->ring;
    lane->is_ready = false;
    struct work_job *job = lane->first;
    lane->first = job->_next;
    if (lane->first == NULL)
        lane->end = &lane->first;
    lane->queued--;
    lane->running++;
    p->queued--;
    lane_settle(p, lane);
    *out = lane;
    return job;
}

/* --- threads --------------------------------------------------------------------------------------- */

/* The next job, after `done` has had its turn; NULL when the pool stops and nothing is left. */
static struct work_job *next_job(struct work_pool *p, struct work_lane *done,
                                 struct work_lane **lane)
{
    mutex_lock(&p->mutex);
    if (done != NULL) {
        done->running--;
        lane_settle(p, done);
    }
    while (p->ring == NULL && !(p->is_stopping && p->queued == 0))
        cond_wait(&p->ready, &p->mutex);
    struct work_job *job = p->ring == NULL ? NULL : lane_take(p, lane);
    if (job == NULL)
        cond_broadcast(&p->ready); /* nothing will come: the others may go, too */
    mutex_unlock(&p->mutex);
    return job;
}

static void work_thread(void *arg)
{
    struct work_pool *p = arg;
    struct work_lane *lane = NULL;
    for (struct work_job *job; (job = next_job(p, lane, &lane)) != NULL;) {
        metrics_add(METRIC_WORK_QUEUED, -1);
        job->fn(job->arg); /* may free the job */
    }
}

struct work_pool *work_pool_new(unsigned threads, size_t queue_max)
{
    MUST(threads > 0 && queue_max > 0);
    struct work_pool *p = xcalloc(1, sizeof(*p) + threads * sizeof(struct thread *));
    mutex_init(&p->mutex);
    cond_init(&p->ready);
    p->lanes = map64_new();
    p->ring_end = &p->ring;
    p->queue_max = queue_max;
    p->thread_count = threads;
    for (unsigned i = 0; i < threads; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "work-%u", i % 1000);
        p->threads[i] = thread_start(name, THREAD_WORKER, work_thread, p);
        if (p->threads[i] == NULL) {
            work_pool_free(p);
            return NULL;
        }
    }
    return p;
}

/* Lanes that wait for a thread of their share may have any, now that it ends. */
static void release_lanes(struct work_pool *p)
{
    size_t at = 0;
    uint64_t owner;
    void *lane;
    while (map64_next(p->lanes, &at, &owner, &lane))
        lane_settle(p, lane);
}

void work_pool_free(struct work_pool *p)
{
    if (p == NULL)
        return;
    mutex_lock(&p->mutex);
    p->is_stopping = true;
    release_lanes(p);
    cond_broadcast(&p->ready);
    mutex_unlock(&p->mutex);
    for (unsigned i = 0; i < p->thread_count; i++) {
        thread_join(p->threads[i]);
    }
    MUST(map64_count(p->lanes) == 0);
    map64_free(p->lanes);
    cond_fini(&p->ready);
    mutex_fini(&p->mutex);
    xfree(p);
}

/* --- submitting ------------------------------------------------------------------------------------ */

static enum rc lane_add(struct work_pool *p, uint64_t owner, struct work_job *job)
{
    if (p->queued >= p->queue_max)
        return RC_BUSY;
    struct work_lane *lane = lane_of(p, owner);
    if (owner != WORK_SERVER && lane->queued >= WORK_OWNER_QUEUE(p->queue_max))
        return RC_LIMIT;
    job->_next = NULL;
    *lane->end = job;
    lane->end = &job->_next;
    lane->queued++;
    p->queued++;
    lane_settle(p, lane);
    return RC_OK;
}

enum rc work_submit_for(struct work_pool *p, uint64_t owner, struct work_job *job)
{
    mutex_lock(&p->mutex);
    enum rc rc = lane_add(p, owner, job);
    mutex_unlock(&p->mutex);
    if (rc != RC_OK) {
        metrics_add(METRIC_WORK_REFUSED, 1);
        return rc;
    }
    metrics_add(METRIC_WORK_JOBS, 1);
    metrics_add(METRIC_WORK_QUEUED, 1);
    return RC_OK;
}

enum rc work_submit(struct work_pool *p, struct work_job *job)
{
    return work_submit_for(p, WORK_SERVER, job);
}

size_t work_queued(struct work_pool *p)
{
    mutex_lock(&p->mutex);
    size_t queued = p->queued;
    mutex_unlock(&p->mutex);
    return queued;
}

bool work_is_idle(struct work_pool *p)
{
    mutex_lock(&p->mutex);
    bool is_idle = map64_count(p->lanes) == 0;
    mutex_unlock(&p->mutex);
    return is_idle;
}
