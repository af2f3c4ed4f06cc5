/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue and the store thread. It takes all that waits (up to a bound), writes it in one
 * transaction per segment, commits, and hands the jobs back: while one group is being made durable
 * the next one gathers, so groups grow with the load by themselves.
 */
#include "store/store_priv.h"

enum { RETRY_US = 500000, PLACES = 64 };

/* --- submitting ------------------------------------------------------------------------------------- */

/* Appends first..last, linked. RC_BUSY: more than `max` would wait (0: no limit). */
static enum rc append(struct store *s, struct store_job *first, struct store_job *last,
                      size_t count, size_t max)
{
    mutex_lock(&s->queue_lock);
    if (max != 0 && s->queue_count + count > max) {
        mutex_unlock(&s->queue_lock);
        return RC_BUSY;
    }
    if (s->queue_last == NULL)
        s->queue_first = first;
    else
        s->queue_last->_next = first;
    s->queue_last = last;
    s->queue_count += count;
    bool wake = s->queue_idle;
    s->queue_idle = false;
    mutex_unlock(&s->queue_lock);
    if (wake)
        cond_signal(&s->queue_wake);
    return RC_OK;
}

static void prepare(struct store *s, struct store_job *job, enum store_job_kind kind)
{
    job->_kind = kind;
    job->_next = NULL;
    job->_segment = NULL;
    job->_queued_us = clock_mono_us(s->o.clock);
}

static bool is_disk_low(const struct store *s)
{
    return atomic_load_explicit(&s->disk_low, memory_order_relaxed);
}

enum rc store_submit_publish(struct store *s, struct store_publish *p)
{
    if (is_disk_low(s))
        return RC_LIMIT;
    prepare(s, &p->job, JOB_PUBLISH);
    return append(s, &p->job, &p->job, 1, s->o.queue_max);
}

enum rc store_submit_publishes(struct store *s, struct store_publish **list, size_t count)
{
    if (count == 0)
        return RC_OK;
    if (is_disk_low(s))
        return RC_LIMIT;
    for (size_t i = 0; i < count; i++) {
        MUST(list[i]->endpoint_count <= STORE_DESTINATIONS_MAX);
        prepare(s, &list[i]->job, JOB_PUBLISH);
        if (i > 0)
            list[i - 1]->job._next = &list[i]->job;
    }
    return append(s, &list[0]->job, &list[count - 1]->job, count, s->o.queue_max);
}

void store_submit_outcome(struct store *s, struct store_outcome *o)
{
    prepare(s, &o->job, JOB_OUTCOME);
    enum rc rc = append(s, &o->job, &o->job, 1, 0);
    MUST(rc == RC_OK);
}

enum rc store_submit_requeue(struct store *s, struct store_requeue *r)
{
    prepare(s, &r->job, JOB_REQUEUE);
    r->message_out = NULL;
    return append(s, &r->job, &r->job, 1, s->o.queue_max);
}

enum rc store_submit_expunge(struct store *s, struct store_expunge *e)
{
    prepare(s, &e->job, JOB_EXPUNGE);
    return append(s, &e->job, &e->job, 1, s->o.queue_max);
}

enum rc store_submit_record(struct store *s, struct store_record *r)
{
    if (is_disk_low(s))
        return RC_LIMIT;
    prepare(s, &r->job, JOB_RECORD);
    return append(s, &r->job, &r->job, 1, s->o.queue_max);
}

enum rc store_submit_filter_run(struct store *s, struct store_filter_run_job *j)
{
    if (is_disk_low(s))
        return RC_LIMIT;
    prepare(s, &j->job, JOB_FILTER_RUN);
    return append(s, &j->job, &j->job, 1, s->o.queue_max);
}

void store_submit_internal(struct store *s, struct store_internal *i)
{
    prepare(s, &i->job, JOB_INTERNAL);
    enum rc rc = append(s, &i->job, &i->job, 1, 0);
    MUST(rc == RC_OK);
}

/* --- handing back ------------------------------------------------------------------------------------- */

/* One chain for each loop, so that a group wakes each loop once. */
struct place {
    struct loop *loop;
    struct loop_task *first, *last;
};

static void run_done(void *arg)
{
    struct store_job *job = arg;
    job->done(job);
}

static void post_all(struct place *places, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        loop_post_chain(places[i].loop, places[i].first, places[i].last);
    *count = 0;
}

static void hand_back(struct store_job *job, struct place places[static PLACES], size_t *count)
{
    size_t i = 0;
    if (job->loop == NULL) {
        job->done(job);
        return;
    }
    job->_task = (struct loop_task){ .fn = run_done, .arg = job };
    while (i < *count && places[i].loop != job->loop)
        i++;
    if (i == PLACES) {
        post_all(places, count);
        i = 0;
    }
    if (i == *count) {
        places[(*count)++] = (struct place){ job->loop, &job->_task, &job->_task };
        return;
    }
    places[i].last->_next = &job->_task;
    places[i].last = &job->_task;
}

/* --- a group ------------------------------------------------------------------------------------------- */

static enum rc apply(struct store *s, struct store_job *job)
{
    job->_segment = NULL;
    job->_is_later = false;
    switch ((enum store_job_kind)job->_kind) {
    case JOB_PUBLISH: return store_apply_publish(s, CONTAINER_OF(job, struct store_publish, job));
    case JOB_OUTCOME: return store_apply_outcome(s, CONTAINER_OF(job, struct store_outcome, job));
    case JOB_REQUEUE: return store_apply_requeue(s, CONTAINER_OF(job, struct store_requeue, job));
    case JOB_EXPUNGE: return store_apply_expunge(s, CONTAINER_OF(job, struct store_expunge, job));
    case JOB_RECORD: return store_apply_record(s, CONTAINER_OF(job, struct store_record, job));
    case JOB_FILTER_RUN:
        return store_apply_filter_run(s, CONTAINER_OF(job, struct store_filter_run_job, job));
    case JOB_INTERNAL: break;
    }
    return RC_OK;
}

static void commit_all(struct store *s)
{
    for (size_t i = 0; i < s->segment_count; i++) {
        struct store_segment *seg = s->segments[i];
        if (seg->in_tx && store_segment_commit(seg) != RC_OK)
            metrics_add(METRIC_STORE_COMMITS_FAILED, 1);
    }
}

/* What a job came to, now that its segment's commit is known. */
static void judge(struct store *s, struct store_job *job)
{
    struct store_segment *seg = job->_segment;
    if (seg == NULL || seg->tx_rc == RC_OK)
        return;
    if (job->_kind == JOB_PUBLISH && job->rc == RC_OK) {
        struct store_publish *p = CONTAINER_OF(job, struct store_publish, job);
        if (store_publish_is_new(p))
            store_forget(s, seg, p);
    }
    if (job->_kind == JOB_REQUEUE) {
        struct store_requeue *r = CONTAINER_OF(job, struct store_requeue, job);
        store_message_unref(r->message_out);
        r->message_out = NULL;
    }
    job->rc = seg->tx_rc;
}

static void push(struct store_job **first, struct store_job **last, struct store_job *job)
{
    job->_next = NULL;
    if (*last == NULL)
        *first = job;
    else
        (*last)->_next = job;
    *last = job;
}

/* What depends on another segment's commit in this group goes into the next one. */
static bool keep_for_later(struct store *s, struct store_job *job)
{
    if (!job->_is_later)
        return false;
    push(&s->later_first, &s->later_last, job);
    return true;
}

/* Outcomes that the disk refused are tried again until it takes them. */
static bool keep_for_retry(struct store *s, struct store_job *job)
{
    bool refused =
        job->rc == RC_IO || job->rc == RC_LIMIT || job->rc == RC_BUSY || job->rc == RC_CORRUPT;
    if (job->_kind != JOB_OUTCOME || !refused || s->queue_stop)
        return false;
    push(&s->retry_first, &s->retry_last, job);
    s->retry_at_us = clock_mono_us(clock_system()) + RETRY_US;
    return true;
}

static void forget_failures(struct store *s)
{
    for (size_t i = 0; i < s->segment_count; i++)
        s->segments[i]->tx_rc = RC_OK;
}

/* Last, because they may remove segments that the group's jobs point to. */
static void run_internals(struct store_job *first)
{
    for (struct store_job *job = first, *next; job != NULL; job = next) {
        struct store_internal *i = CONTAINER_OF(job, struct store_internal, job);
        next = job->_next;
        i->fn(i);
    }
}

void store_group_run(struct store *s, struct store_job *jobs)
{
    struct place places[PLACES];
    size_t place_count = 0, count = 0;
    int64_t began_us = clock_mono_us(s->o.clock);
    metrics_observe(METRIC_STORE_WAIT, began_us - jobs->_queued_us);
    for (struct store_job *job = jobs; job != NULL; job = job->_next, count++)
        job->rc = apply(s, job);
    commit_all(s);
    metrics_observe(METRIC_STORE_COMMIT, clock_mono_us(s->o.clock) - began_us);
    metrics_add(METRIC_STORE_GROUPS, 1);
    metrics_add(METRIC_STORE_JOBS, (int64_t)count);

    struct store_job *internals = NULL;
    for (struct store_job *job = jobs, *next; job != NULL; job = next) {
        next = job->_next; /* done() may free the job, and a loop may run it at once */
        judge(s, job);
        if (job->_kind == JOB_INTERNAL) {
            job->_next = internals;
            internals = job;
        } else if (!keep_for_later(s, job) && !keep_for_retry(s, job)) {
            hand_back(job, places, &place_count);
        }
    }
    post_all(places, &place_count);
    forget_failures(s);
    run_internals(internals);
    forget_failures(s);
}

/* --- the thread ---------------------------------------------------------------------------------------- */

/* Takes up to group_max jobs; NULL when it is time to end. */
static struct store_job *take(struct store *s)
{
    mutex_lock(&s->queue_lock);
    for (;;) {
        bool retry_due = s->retry_first != NULL && clock_mono_us(clock_system()) >= s->retry_at_us;
        if (s->queue_first != NULL || s->later_first != NULL || s->queue_stop || retry_due)
            break;
        s->queue_idle = true;
        if (s->retry_first != NULL)
            (void)cond_wait_until(&s->queue_wake, &s->queue_lock, s->retry_at_us);
        else
            cond_wait(&s->queue_wake, &s->queue_lock);
    }
    s->queue_idle = false;
    struct store_job *first = s->queue_first, *last = first;
    size_t count = first == NULL ? 0 : 1;
    while (last != NULL && count < s->o.group_max && last->_next != NULL) {
        last = last->_next;
        count++;
    }
    if (last != NULL) {
        s->queue_first = last->_next;
        last->_next = NULL;
        if (s->queue_first == NULL)
            s->queue_last = NULL;
    }
    s->queue_count -= count;
    mutex_unlock(&s->queue_lock);
    return first;
}

static struct store_job *with_later(struct store *s, struct store_job *jobs)
{
    if (s->later_first == NULL)
        return jobs;
    s->later_last->_next = jobs;
    jobs = s->later_first;
    s->later_first = s->later_last = NULL;
    return jobs;
}

static struct store_job *with_retries(struct store *s, struct store_job *jobs)
{
    bool is_due = s->queue_stop || clock_mono_us(clock_system()) >= s->retry_at_us;
    if (s->retry_first == NULL || !is_due)
        return jobs;
    s->retry_last->_next = jobs;
    jobs = s->retry_first;
    s->retry_first = s->retry_last = NULL;
    return jobs;
}

static bool is_full(const struct store *s, const struct store_segment *newest)
{
    int64_t age_us = clock_wall_us(s->o.clock) - newest->created_us;
    return newest->messages >= s->o.segment_messages ||
           newest->payload_bytes >= s->o.segment_bytes ||
           (store_segment_last_key(newest) > 0 && age_us >= s->o.segment_us);
}

/* A new segment that cannot be made now is tried again after the next group. */
static void after_group(struct store *s)
{
    struct store_segment *newest = s->segments[s->segment_count - 1];
    store_wal_mind(s);
    if (is_full(s, newest) && store_segment_roll(s) == RC_OK)
        store_keeper_ask(s);
    store_segment_trim_writers(s);
}

static void run(void *arg)
{
    struct store *s = arg;
    for (;;) {
        struct store_job *jobs = with_retries(s, with_later(s, take(s)));
        if (jobs == NULL && s->queue_stop)
            return;
        if (jobs == NULL)
            continue;
        store_group_run(s, jobs);
        after_group(s);
    }
}

void store_queue_start(struct store *s)
{
    mutex_init(&s->queue_lock);
    cond_init(&s->queue_wake);
    s->writer = thread_start("store", THREAD_STORE, run, s);
}

void store_queue_stop(struct store *s)
{
    if (s->writer == NULL)
        return;
    mutex_lock(&s->queue_lock);
    s->queue_stop = true;
    mutex_unlock(&s->queue_lock);
    cond_signal(&s->queue_wake);
    thread_join(s->writer);
    s->writer = NULL;
    cond_fini(&s->queue_wake);
    mutex_fini(&s->queue_lock);
}
