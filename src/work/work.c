/* SPDX-License-Identifier: Apache-2.0
 *
 * One queue, one lock: jobs are blocking work of tens of microseconds and up, against which the
 * lock does not show.
 */
#include "work/work.h"

#include "metrics/metrics.h"

#include <stdio.h>

struct work_pool {
    struct mutex mutex;
    struct cond ready;
    struct work_job *first;
    struct work_job **end;
    size_t queued;
    size_t queue_max;
    bool is_stopping;
    unsigned thread_count;
    struct thread *threads[];
};

/* The next job, or NULL when the pool stops and nothing is left. */
static struct work_job *take(struct work_pool *p)
{
    mutex_lock(&p->mutex);
    while (p->first == NULL && !p->is_stopping) {
        cond_wait(&p->ready, &p->mutex);
    }
    struct work_job *job = p->first;
    if (job != NULL) {
        p->first = job->_next;
        if (p->first == NULL)
            p->end = &p->first;
        p->queued--;
    }
    mutex_unlock(&p->mutex);
    return job;
}

static void worker(void *arg)
{
    struct work_pool *p = arg;
    for (struct work_job *job = take(p); job != NULL; job = take(p)) {
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
    p->end = &p->first;
    p->queue_max = queue_max;
    p->thread_count = threads;
    for (unsigned i = 0; i < threads; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "work-%u", i % 1000);
        p->threads[i] = thread_start(name, THREAD_WORKER, worker, p);
    }
    return p;
}

void work_pool_free(struct work_pool *p)
{
    if (p == NULL)
        return;
    mutex_lock(&p->mutex);
    p->is_stopping = true;
    cond_broadcast(&p->ready);
    mutex_unlock(&p->mutex);
    for (unsigned i = 0; i < p->thread_count; i++) {
        thread_join(p->threads[i]);
    }
    cond_fini(&p->ready);
    mutex_fini(&p->mutex);
    xfree(p);
}

enum rc work_submit(struct work_pool *p, struct work_job *job)
{
    mutex_lock(&p->mutex);
    if (p->queued >= p->queue_max) {
        mutex_unlock(&p->mutex);
        metrics_add(METRIC_WORK_REFUSED, 1);
        return RC_BUSY;
    }
    job->_next = NULL;
    *p->end = job;
    p->end = &job->_next;
    p->queued++;
    cond_signal(&p->ready);
    mutex_unlock(&p->mutex);
    metrics_add(METRIC_WORK_JOBS, 1);
    metrics_add(METRIC_WORK_QUEUED, 1);
    return RC_OK;
}

size_t work_queued(struct work_pool *p)
{
    mutex_lock(&p->mutex);
    size_t queued = p->queued;
    mutex_unlock(&p->mutex);
    return queued;
}
