/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue and the store thread. It takes all that waits (up to a bound), writes it in one
 * transaction per segment, commits, and hands the jobs back: while one group is being made durable
 * the next one gathers, so groups grow with the load by themselves.
 */
#include "store/files/queue_priv.h"

#include "store/files/delivery_priv.h"
#include "store/files/erase_priv.h"
#include "store/files/filter_run_priv.h"
#include "store/files/remember_priv.h"
#include "store/files/request_priv.h"
#include "store/files/segment_priv.h"
#include "store/files/segments_priv.h"
#include "store/files/stretch_priv.h"
#include "store/files/wal_priv.h"
#include "store/files/write_priv.h"
#include "store/hand_back_priv.h"

enum {
    RETRY_US = 500000,
    ROLL_RETRY_US = 1000000,
    APART_MAX = 8 /* when more fail one after another, it is the disk and not they */
};

/* --- submitting ------------------------------------------------------------------------------------- */

/* Appends first..last, linked. RC_BUSY: more than `max` would wait (0: no limit). */
static enum rc queue_append(struct store_files *s, struct store_job *first, struct store_job *last,
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
        files_job(s->queue_last)->next = first;
    s->queue_last = last;
    s->queue_count += count;
    bool wake = s->queue_idle;
    s->queue_idle = false;
    mutex_unlock(&s->queue_lock);
    if (wake)
        cond_signal(&s->queue_wake);
    return RC_OK;
}

static void queue_prepare(struct store_files *s, struct store_job *job, int kind)
{
    files_job(job)->kind = kind;
    files_job(job)->next = NULL;
    files_job(job)->segment = NULL;
    files_job(job)->queued_us = clock_mono_us(s->base.o.clock);
}

static bool is_disk_low(const struct store_files *s)
{
    return atomic_load_explicit(&s->disk_low, memory_order_relaxed);
}

/* Outcomes are never refused: losing one would mean sending again. */
enum rc store_files_submit(struct store *store, enum store_job_kind kind, struct store_job *job)
{
    struct store_files *s = store_files_of(store);
    bool needs_room =
        kind == STORE_JOB_PUBLISH || kind == STORE_JOB_RECORD || kind == STORE_JOB_FILTER_RUN;
    if (needs_room && is_disk_low(s))
        return RC_LIMIT;
    queue_prepare(s, job, kind);
    return queue_append(s, job, job, 1, kind == STORE_JOB_OUTCOME ? 0 : s->base.o.queue_max);
}

enum rc store_files_submit_publishes(struct store *store, struct store_publish **list, size_t count)
{
    struct store_files *s = store_files_of(store);
    if (is_disk_low(s))
        return RC_LIMIT;
    for (size_t i = 0; i < count; i++) {
        queue_prepare(s, &list[i]->job, STORE_JOB_PUBLISH);
        if (i > 0)
            files_job(&list[i - 1]->job)->next = &list[i]->job;
    }
    return queue_append(s, &list[0]->job, &list[count - 1]->job, count, s->base.o.queue_max);
}

void store_submit_internal(struct store_files *s, struct store_internal *i)
{
    queue_prepare(s, &i->job, JOB_INTERNAL);
    enum rc rc = queue_append(s, &i->job, &i->job, 1, 0);
    MUST(rc == RC_OK);
}

/* --- a group ------------------------------------------------------------------------------------------- */

static enum rc queue_apply(struct store_files *s, struct store_job *job)
{
    files_job(job)->segment = NULL;
    files_job(job)->is_later = false;
    switch (files_job(job)->kind) {
    case STORE_JOB_PUBLISH:
        return store_apply_publish(s, CONTAINER_OF(job, struct store_publish, job));
    case STORE_JOB_OUTCOME:
        return store_apply_outcome(s, CONTAINER_OF(job, struct store_outcome, job));
    case STORE_JOB_REQUEUE:
        return store_apply_requeue(s, CONTAINER_OF(job, struct store_requeue, job));
    case STORE_JOB_EXPUNGE:
        return store_apply_expunge(s, CONTAINER_OF(job, struct store_expunge, job));
    case STORE_JOB_RECORD:
        return store_apply_record(s, CONTAINER_OF(job, struct store_record, job));
    case STORE_JOB_FILTER_RUN:
        return store_apply_filter_run(s, CONTAINER_OF(job, struct store_filter_run_job, job));
    case JOB_INTERNAL: break;
    }
    return RC_OK;
}

static void commit_all(struct store_files *s)
{
    for (size_t i = 0; i < s->segment_count; i++) {
        struct store_segment *seg = s->segments[i];
        if (seg->in_tx && store_segment_commit(seg) != RC_OK)
            metrics_add(METRIC_STORE_COMMITS_FAILED, 1);
    }
}

/* What a job came to, now that its segment's commit is known. */
static void queue_judge(struct store_files *s, struct store_job *job)
{
    struct store_segment *seg = files_job(job)->segment;
    if (seg == NULL || seg->tx_rc == RC_OK)
        return;
    if (files_job(job)->kind == STORE_JOB_PUBLISH && job->rc == RC_OK) {
        struct store_publish *p = CONTAINER_OF(job, struct store_publish, job);
        if (store_publish_is_new(p))
            store_forget(s, seg, p);
    }
    if (files_job(job)->kind == STORE_JOB_REQUEUE) {
        struct store_requeue *r = CONTAINER_OF(job, struct store_requeue, job);
        store_message_unref(r->message_out);
        r->message_out = NULL;
    }
    job->rc = seg->tx_rc;
}

static void queue_push(struct store_job **first, struct store_job **last, struct store_job *job)
{
    files_job(job)->next = NULL;
    if (*last == NULL)
        *first = job;
    else
        files_job(*last)->next = job;
    *last = job;
}

/* What depends on another segment's commit in this group goes into the next one. */
static bool keep_for_later(struct store_files *s, struct store_job *job)
{
    if (!files_job(job)->is_later)
        return false;
    queue_push(&s->later_first, &s->later_last, job);
    return true;
}

static bool is_refused(const struct store_job *job)
{
    return job->rc == RC_IO || job->rc == RC_LIMIT || job->rc == RC_BUSY || job->rc == RC_CORRUPT;
}

/* Outcomes that the disk refused are tried again until it takes them; one that failed by itself goes back to its
 * owner, who asks for a group of its own. */
static bool keep_for_retry(struct store_files *s, struct store_job *job)
{
    if (files_job(job)->kind != STORE_JOB_OUTCOME || !is_refused(job) || s->queue_stop ||
        job->is_own_fault)
        return false;
    queue_push(&s->retry_first, &s->retry_last, job);
    s->retry_at_us = clock_mono_us(clock_system()) + RETRY_US;
    return true;
}

/* The others of a group that one outcome spoiled are written at once without it. */
static bool keep_apart(struct store_files *s, struct store_job *job, bool has_culprit)
{
    if (!has_culprit || job->is_own_fault || files_job(job)->kind == JOB_INTERNAL ||
        !is_refused(job) || s->queue_stop || s->apart_count >= APART_MAX)
        return false;
    queue_push(&s->later_first, &s->later_last, job);
    return true;
}

static void forget_failures(struct store_files *s)
{
    for (size_t i = 0; i < s->segment_count; i++) {
        s->segments[i]->tx_rc = RC_OK;
        s->segments[i]->is_spoilt = false;
    }
}

/* Last, because they may remove segments that the group's jobs point to. */
static void run_internals(struct store_job *first)
{
    for (struct store_job *job = first, *next; job != NULL; job = next) {
        struct store_internal *i = CONTAINER_OF(job, struct store_internal, job);
        next = files_job(job)->next;
        i->fn(i);
    }
}

/* Erasing comes first: what asks for the message in the same group finds it erased, so that nobody is handed a
 * payload after those who hold one were told to drop it. */
static void apply_one(struct store_files *s, struct store_job *job, bool *has_culprit)
{
    job->rc = queue_apply(s, job);
    struct store_segment *seg = files_job(job)->segment;
    /* The first failure of a transaction is what spoiled it; a full disk is nobody's fault. */
    job->is_own_fault = files_job(job)->kind == STORE_JOB_OUTCOME &&
                        (job->rc == RC_IO || job->rc == RC_CORRUPT) && seg != NULL && seg->in_tx &&
                        !seg->is_spoilt;
    if (seg != NULL && seg->tx_rc != RC_OK)
        seg->is_spoilt = true;
    *has_culprit = *has_culprit || job->is_own_fault;
}

static size_t apply_all(struct store_files *s, struct store_job *jobs, bool *has_culprit)
{
    size_t count = 0;
    for (struct store_job *job = jobs; job != NULL; job = files_job(job)->next, count++)
        if (files_job(job)->kind == STORE_JOB_EXPUNGE)
            apply_one(s, job, has_culprit);
    for (struct store_job *job = jobs; job != NULL; job = files_job(job)->next)
        if (files_job(job)->kind != STORE_JOB_EXPUNGE)
            apply_one(s, job, has_culprit);
    return count;
}

static void queue_show(const struct store_watcher *w, struct store_job *job, int kind)
{
    if (w != NULL && job->rc == RC_OK)
        w->job(w->ctx, (enum store_job_kind)kind, job);
}

void store_group_run(struct store_files *s, struct store_job *jobs)
{
    struct store_places places = { .count = 0 };
    const struct store_watcher *watcher =
        atomic_load_explicit(&s->base.watcher, memory_order_acquire);
    int64_t began_us = clock_mono_us(s->base.o.clock);
    metrics_observe(METRIC_STORE_WAIT, began_us - files_job(jobs)->queued_us);
    bool has_culprit = false;
    size_t count = apply_all(s, jobs, &has_culprit);
    commit_all(s);
    metrics_observe(METRIC_STORE_COMMIT, clock_mono_us(s->base.o.clock) - began_us);
    metrics_add(METRIC_STORE_GROUPS, 1);
    metrics_add(METRIC_STORE_JOBS, (int64_t)count);

    struct store_job *internals = NULL;
    if (watcher != NULL)
        watcher->begin(watcher->ctx);
    for (struct store_job *job = jobs, *next; job != NULL; job = next) {
        next = files_job(job)->next; /* done() may free the job, and a loop may run it at once */
        queue_judge(s, job);
        if (files_job(job)->kind == JOB_INTERNAL) {
            files_job(job)->next = internals;
            internals = job;
        } else if (!keep_for_later(s, job) && !keep_apart(s, job, has_culprit) &&
                   !keep_for_retry(s, job)) {
            queue_show(watcher, job, files_job(job)->kind);
            store_hand_back(&places, job, &files_job(job)->task);
        }
    }
    if (watcher != NULL)
        watcher->end(watcher->ctx);
    store_places_post(&places);
    s->apart_count = has_culprit ? s->apart_count + 1 : 0;
    forget_failures(s);
    run_internals(internals);
    forget_failures(s);
}

/* --- the thread ---------------------------------------------------------------------------------------- */

static bool are_retries_due(const struct store_files *s)
{
    return s->retry_first != NULL &&
           (s->queue_stop || clock_mono_us(clock_system()) >= s->retry_at_us);
}

static void wait_for_jobs(struct store_files *s)
{
    while (s->queue_first == NULL && s->later_first == NULL && !s->queue_stop &&
           !are_retries_due(s)) {
        s->queue_idle = true;
        if (s->retry_first != NULL)
            (void)cond_wait_until(&s->queue_wake, &s->queue_lock, s->retry_at_us);
        else
            cond_wait(&s->queue_wake, &s->queue_lock);
    }
    s->queue_idle = false;
}

/* Takes up to group_max jobs; NULL: none of the queue's, or it is time to end. */
static struct store_job *queue_take(struct store_files *s)
{
    mutex_lock(&s->queue_lock);
    wait_for_jobs(s);
    struct store_job *first = s->queue_first, *last = first;
    size_t count = first == NULL ? 0 : 1;
    bool is_alone = first != NULL && first->is_alone;
    if (is_alone && (s->later_first != NULL || are_retries_due(s))) {
        first = last = NULL; /* those first: they join whatever is taken */
        count = 0;
    }
    while (last != NULL && !is_alone && count < s->base.o.group_max &&
           files_job(last)->next != NULL && !files_job(last)->next->is_alone) {
        last = files_job(last)->next;
        count++;
    }
    if (last != NULL) {
        s->queue_first = files_job(last)->next;
        files_job(last)->next = NULL;
        if (s->queue_first == NULL)
            s->queue_last = NULL;
    }
    s->queue_count -= count;
    mutex_unlock(&s->queue_lock);
    return first;
}

static struct store_job *with_later(struct store_files *s, struct store_job *jobs)
{
    if (s->later_first == NULL)
        return jobs;
    files_job(s->later_last)->next = jobs;
    jobs = s->later_first;
    s->later_first = s->later_last = NULL;
    return jobs;
}

static struct store_job *with_retries(struct store_files *s, struct store_job *jobs)
{
    if (!are_retries_due(s))
        return jobs;
    files_job(s->retry_last)->next = jobs;
    jobs = s->retry_first;
    s->retry_first = s->retry_last = NULL;
    return jobs;
}

static bool is_full(const struct store_files *s, const struct store_segment *newest)
{
    int64_t age_us = clock_wall_us(s->base.o.clock) - newest->created_us;
    return newest->messages >= s->base.o.segment_messages ||
           newest->payload_bytes >= s->base.o.segment_bytes ||
           (store_segment_last_key(newest) > 0 && age_us >= s->base.o.segment_us);
}

/* A new segment that cannot be made now is tried again after a pause. The log of one whose file cannot be
 * synced only grows: it gets no new messages. */
static void queue_roll(struct store_files *s)
{
    const struct store_segment *newest = s->segments[s->segment_count - 1];
    if (!is_full(s, newest) && !atomic_load(&newest->sync_failed))
        return;
    int64_t now_us = clock_mono_us(clock_system());
    if (now_us < s->roll_at_us)
        return;
    if (store_segment_roll(s) == RC_OK)
        store_keeper_ask(s);
    else
        s->roll_at_us = now_us + ROLL_RETRY_US;
}

static void after_group(struct store_files *s)
{
    for (size_t i = 0; i < s->segment_count; i++)
        store_segment_overwrite_refused(s->segments[i]);
    store_wal_mind(s);
    queue_roll(s);
    store_segment_trim_writers(s);
}

static void queue_run(void *arg)
{
    struct store_files *s = arg;
    for (;;) {
        struct store_job *jobs = with_retries(s, with_later(s, queue_take(s)));
        if (jobs == NULL && s->queue_stop)
            return;
        if (jobs == NULL)
            continue;
        activity_begin("commits a group", STR_NONE);
        store_group_run(s, jobs);
        activity_moved();
        after_group(s);
        activity_end();
    }
}

bool store_queue_start(struct store_files *s)
{
    mutex_init(&s->queue_lock);
    cond_init(&s->queue_wake);
    s->writer = thread_start("store", THREAD_STORE, queue_run, s);
    return s->writer != NULL;
}

void store_queue_stop(struct store_files *s)
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
