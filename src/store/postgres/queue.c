/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/queue_priv.h. A group has at most so many rows and bytes: PostgreSQL holds the arrays of a statement in
 * work_mem, and writes files where they are larger. One job that is larger is a group by itself.
 */
#include "store/postgres/queue_priv.h"

#include "store/filter_run.h"
#include "store/request.h"

enum { ROWS_MAX = 512, BYTES_MAX = 2 << 20 };

void store_postgres_queue_init(struct postgres_writer *w, struct store_postgres *s)
{
    w->store = s;
    store_postgres_conn_init(&w->conn, s->url);
    mutex_init(&w->lock);
    cond_init(&w->wake);
}

void store_postgres_queue_fini(struct postgres_writer *w)
{
    store_postgres_conn_close(&w->conn);
    cond_fini(&w->wake);
    mutex_fini(&w->lock);
}

enum rc store_postgres_queue_add(struct postgres_writer *w, struct store_job *first,
                                 struct store_job *last, size_t count, size_t max)
{
    mutex_lock(&w->lock);
    if (max != 0 && w->count + count > max) {
        mutex_unlock(&w->lock);
        return RC_BUSY;
    }
    if (w->last == NULL)
        w->first = first;
    else
        postgres_job(w->last)->next = first;
    w->last = last;
    w->count += count;
    bool wake = w->is_idle;
    w->is_idle = false;
    mutex_unlock(&w->lock);
    if (wake)
        cond_signal(&w->wake);
    return RC_OK;
}

/* --- taking ----------------------------------------------------------------------------------------- */

struct weight {
    size_t rows, bytes;
};

static struct weight weight_of_publish(const struct store_publish *p)
{
    struct weight all = { 1 + p->also_count,
                          p->message->payload.len + p->endpoint_count * sizeof(*p->endpoints) };
    for (size_t i = 0; i < p->also_count; i++)
        all.bytes +=
            p->also[i]->message->payload.len + p->also[i]->endpoint_count * sizeof(*p->endpoints);
    if (p->request != NULL)
        all.bytes += p->request->headers.len + p->request->lines.len;
    return all;
}

static struct weight weight_of(struct store_job *job)
{
    switch (postgres_job(job)->kind) {
    case STORE_JOB_PUBLISH: return weight_of_publish(CONTAINER_OF(job, struct store_publish, job));
    case STORE_JOB_OUTCOME: {
        const struct store_outcome *o = CONTAINER_OF(job, struct store_outcome, job);
        return (struct weight){ 1, o->response.len + o->response_headers.len +
                                       o->request_headers.len };
    }
    case STORE_JOB_RECORD: {
        const struct store_record *r = CONTAINER_OF(job, struct store_record, job);
        return (struct weight){ 1, r->request->body.len + r->request->headers.len };
    }
    case STORE_JOB_FILTER_RUN: {
        const struct store_filter_run_job *j = CONTAINER_OF(job, struct store_filter_run_job, job);
        return (struct weight){ 1, j->run.detail.len + j->run.summary.len };
    }
    case STORE_JOB_REQUEUE:
    case STORE_JOB_EXPUNGE:
    case STORE_JOB_KINDS: break;
    }
    return (struct weight){ 1, 0 };
}

/* The last job of the group that begins with the first; how many they are. */
static struct store_job *end_of_group(struct store_job *first, size_t max, size_t *count)
{
    struct store_job *last = first;
    struct weight all = weight_of(first);
    *count = 1;
    for (struct store_job *next; !first->is_alone && *count < max; last = next, (*count)++) {
        next = postgres_job(last)->next;
        if (next == NULL || next->is_alone)
            break;
        struct weight one = weight_of(next);
        all.rows += one.rows;
        all.bytes += one.bytes;
        if (all.rows > ROWS_MAX || all.bytes > BYTES_MAX)
            break;
    }
    return last;
}

struct store_job *store_postgres_queue_take(struct postgres_writer *w, size_t max, int64_t until_us)
{
    size_t count;
    mutex_lock(&w->lock);
    w->taken = 0; /* they were handed back */
    w->taken_us = 0;
    while (w->first == NULL && !w->is_stopping && clock_mono_us(clock_system()) < until_us) {
        w->is_idle = true;
        (void)cond_wait_until(&w->wake, &w->lock, until_us);
    }
    w->is_idle = false;
    struct store_job *first = w->first;
    if (first != NULL) {
        struct store_job *last = end_of_group(first, max, &count);
        w->first = postgres_job(last)->next;
        postgres_job(last)->next = NULL;
        if (w->first == NULL)
            w->last = NULL;
        w->count -= count;
        w->taken = count;
        w->taken_us = clock_mono_us(clock_system());
    }
    mutex_unlock(&w->lock);
    return first;
}

void store_postgres_queue_pause(struct postgres_writer *w, int64_t pause_us)
{
    int64_t until_us = clock_mono_us(clock_system()) + pause_us;
    mutex_lock(&w->lock);
    while (!w->is_stopping && clock_mono_us(clock_system()) < until_us)
        (void)cond_wait_until(&w->wake, &w->lock, until_us);
    mutex_unlock(&w->lock);
}

bool store_postgres_queue_is_stopping(struct postgres_writer *w)
{
    mutex_lock(&w->lock);
    bool is_stopping = w->is_stopping;
    mutex_unlock(&w->lock);
    return is_stopping;
}

void store_postgres_queue_stop(struct postgres_writer *w)
{
    if (w->thread == NULL)
        return;
    mutex_lock(&w->lock);
    w->is_stopping = true;
    mutex_unlock(&w->lock);
    cond_signal(&w->wake);
    thread_join(w->thread);
    w->thread = NULL;
}

bool store_postgres_queue_is_past(struct postgres_writer *w, int64_t since_us)
{
    mutex_lock(&w->lock);
    bool is_past = w->taken_us == 0 || w->taken_us > since_us;
    mutex_unlock(&w->lock);
    return is_past;
}

size_t store_postgres_queue_count(struct postgres_writer *w)
{
    mutex_lock(&w->lock);
    size_t count = w->count + w->taken;
    mutex_unlock(&w->lock);
    return count;
}
