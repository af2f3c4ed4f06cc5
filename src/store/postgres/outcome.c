/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer of outcomes. One group is one transaction: the fence, what has to be read of the deliveries, then the rows of what was
 * decided. The outcome of a young delivery, which most are, needs nothing to be read.
 *
 * Outcomes are kept until they are recorded. When nobody knows whether a group was committed, what was decided goes again as it is,
 * in statements that leave what is there: to decide again would find its own work.
 */
#include "store/postgres/outcome_priv.h"

#include "store/postgres/confirmed_priv.h"
#include "store/postgres/group_priv.h"
#include "store/postgres/health_priv.h"
#include "store/postgres/member_priv.h"
#include "store/postgres/outcome_jobs_priv.h"
#include "store/postgres/queue_priv.h"
#include "store/postgres/segments_priv.h"
#include "store/postgres/spill_priv.h"

enum { SPILL_US = 1000000, LAST_TRIES = 3, AGAIN_US = 200000 };

struct outcomes {
    struct store_postgres *store;
    struct postgres_writer *writer;
    struct outcome_group group;
    struct spill spill;
    struct store_job *jobs;
    bool is_replay; /* it may have been committed: what was decided stays */
};

#define EACH_JOB(job, jobs) \
    (struct store_job *job = (jobs); job != NULL; job = postgres_job(job)->next)

/* --- one try ---------------------------------------------------------------------------------------- */

static void read_group(struct outcomes *w, struct postgres_conn *c)
{
    struct outcome_group *g = &w->group;
    store_postgres_stands_reset(&g->stands);
    store_postgres_loaded_reset(&g->loaded);
    for
        EACH_JOB(job, w->jobs)
    store_postgres_outcome_want(g, job);
    store_postgres_fence_send(w->store, c, false);
    for
        EACH_JOB(job, w->jobs)
    store_postgres_outcome_erase(job, c);
    store_postgres_pipe_flush(c);
    store_postgres_fence_take(c);
    for
        EACH_JOB(job, w->jobs)
    store_postgres_outcome_erased(job, c);
    store_postgres_loaded_read(&g->loaded, c);
    for
        EACH_JOB(job, w->jobs)
    store_postgres_outcome_want_canceled(g, job);
    store_postgres_stands_read(&g->stands, c);
}

/* Erasing comes first: what asks for the message in the same group finds it erased, so that nobody is handed a payload
 * after those who hold one were told to drop it. */
static void judge_group(struct outcomes *w)
{
    struct outcome_group *g = &w->group;
    for
        EACH_JOB(job, w->jobs)
    if (postgres_job(job)->kind == STORE_JOB_EXPUNGE)
        job->rc = store_postgres_outcome_judge(g, job);
    for
        EACH_JOB(job, w->jobs)
    if (postgres_job(job)->kind != STORE_JOB_EXPUNGE)
        job->rc = store_postgres_outcome_judge(g, job);
    store_postgres_stands_settle(&g->stands);
    store_postgres_loaded_settle(&g->loaded);
}

static void undo_group(struct outcomes *w)
{
    for
        EACH_JOB(job, w->jobs)
    store_postgres_outcome_undo(job);
}

static void send_again(struct outcomes *w, struct postgres_conn *c)
{
    store_postgres_fence_send(w->store, c, false);
    for
        EACH_JOB(job, w->jobs)
    store_postgres_outcome_erase(job, c);
    store_postgres_group_mark(w->store, c, id_source_last(w->store->base.ids));
}

static enum rc commit_group(struct outcomes *w, struct postgres_conn *c)
{
    store_postgres_counted_begin(&w->store->counted);
    store_postgres_stands_send(&w->group.stands, c, w->is_replay);
    store_postgres_loaded_send(&w->group.loaded, c);
    store_postgres_pipe_send(c, "COMMIT", NULL);
    bool is_sent = c->rc == RC_OK;
    enum rc rc = store_postgres_pipe_end(c);
    if (rc == RC_OK) {
        store_postgres_stands_committed(&w->group.stands);
        store_postgres_counted_end(&w->store->counted);
        return rc;
    }
    w->is_replay = w->is_replay || (is_sent && c->is_lost);
    if (!w->is_replay) {
        undo_group(w);
        store_postgres_counted_end(&w->store->counted);
    }
    return rc;
}

static enum rc try_group(struct outcomes *w)
{
    struct postgres_conn *c = &w->writer->conn;
    if (!store_postgres_is_member(w->store))
        return RC_IO;
    enum rc rc = store_postgres_confirmed_open(w->store, c);
    if (rc == RC_OK && !w->is_replay)
        rc = store_postgres_spill_finish(&w->spill, c);
    if (rc != RC_OK)
        return rc;
    store_postgres_pipe_begin(c);
    if (w->is_replay) {
        send_again(w, c);
        return commit_group(w, c);
    }
    read_group(w, c);
    if (c->rc != RC_OK)
        return store_postgres_pipe_end(c);
    judge_group(w);
    return commit_group(w, c);
}

/* --- a group ---------------------------------------------------------------------------------------- */

static void fail_jobs(struct outcomes *w, struct store_job *jobs, enum rc rc)
{
    for
        EACH_JOB(job, jobs)
    job->rc = rc;
    store_postgres_group_hand_back(w->store, jobs);
}

/* What is done by hand does not wait for ever. */
static void drop_impatient(struct outcomes *w, bool at_once)
{
    int64_t before_us = clock_mono_us(clock_system()) - POSTGRES_PATIENCE_US;
    struct store_job **at = &w->jobs;
    while (*at != NULL) {
        struct store_job *job = *at;
        if (!store_postgres_outcome_is_by_hand(job) ||
            (!at_once && postgres_job(job)->queued_us > before_us)) {
            at = &postgres_job(job)->next;
            continue;
        }
        *at = postgres_job(job)->next;
        postgres_job(job)->next = NULL;
        fail_jobs(w, job, RC_IO);
    }
}

static void refuse_job(struct outcomes *w, struct store_job *job, enum rc rc)
{
    LOG(STORE_GROUP_FAILED, F_TEXT("why", w->writer->conn.words));
    job->is_own_fault = postgres_job(job)->kind == STORE_JOB_OUTCOME;
    fail_jobs(w, job, rc == RC_CONFLICT ? RC_CONFLICT : RC_CORRUPT);
}

/* Whoever is fenced cannot record anything any more: its successor sends again what is not recorded. Nobody is to try
 * again here meanwhile. */
static void hold_jobs(struct outcomes *w)
{
    drop_impatient(w, true);
    while (!store_postgres_queue_is_stopping(w->writer))
        store_postgres_queue_pause(w->writer, INT32_MAX);
    if (w->jobs != NULL)
        fail_jobs(w, w->jobs, RC_IO);
}

static void finish_group(struct outcomes *w, int64_t began_us)
{
    for
        EACH_JOB(job, w->jobs)
        {
            if (postgres_job(job)->kind != STORE_JOB_OUTCOME || job->rc != RC_OK)
                continue;
            const struct store_outcome *o = CONTAINER_OF(job, struct store_outcome, job);
            if (!o->has_attempt)
                continue;
            store_postgres_confirmed_attempt(&w->store->confirmed, o);
            struct postgres_segment *seg = store_postgres_segment_of(w->store, id_key(&o->message));
            if (seg != NULL)
                atomic_fetch_add(&seg->attempts, 1);
            store_postgres_segment_unref(seg);
        }
    store_postgres_health_set(w->store, RC_OK, "");
    store_postgres_group_count(w->jobs, began_us);
    store_postgres_group_hand_back(w->store, w->jobs);
}

static void run_group(void *arg, struct store_job *jobs)
{
    struct outcomes *w = arg;
    int64_t began_us = clock_mono_us(clock_system());
    w->jobs = jobs;
    w->is_replay = false;
    for (int i = 0; w->jobs != NULL; i++) {
        enum rc rc = try_group(w);
        if (rc == RC_OK) {
            finish_group(w, began_us);
            return;
        }
        metrics_add(METRIC_STORE_COMMITS_FAILED, 1);
        enum postgres_next next = store_postgres_group_mind(w->writer, rc, i);
        if (next == POSTGRES_NEVER) {
            hold_jobs(w);
            return;
        }
        if (next == POSTGRES_APART && !w->is_replay) {
            if (postgres_job(w->jobs)->next == NULL)
                refuse_job(w, w->jobs, rc);
            else
                store_postgres_group_apart(w->writer, w->jobs, run_group, w);
            return;
        }
        if (next == POSTGRES_APART)
            store_postgres_queue_pause(w->writer, AGAIN_US);
        if (store_postgres_queue_is_stopping(w->writer) && i >= LAST_TRIES) {
            fail_jobs(w, w->jobs, RC_IO);
            return;
        }
        if (!w->is_replay)
            drop_impatient(w, false);
    }
}

/* --- the thread ------------------------------------------------------------------------------------- */

static void spill_round(struct outcomes *w)
{
    bool more = true;
    struct postgres_conn *c = &w->writer->conn;
    while (more && store_postgres_is_member(w->store) &&
           store_postgres_confirmed_open(w->store, c) == RC_OK &&
           store_postgres_spill_old(&w->spill, c, &more) == RC_OK)
        continue;
    if (c->rc != RC_OK && store_postgres_fence_refused(c))
        store_postgres_fence_look(w->store, c);
}

static void outcome_run(void *arg)
{
    struct store_postgres *s = arg;
    struct outcomes *w = XNEW(struct outcomes);
    int64_t spill_us = clock_mono_us(clock_system()) + SPILL_US;
    w->store = w->group.store = s;
    w->writer = &s->outcomes;
    store_postgres_stands_init(&w->group.stands, s);
    store_postgres_loaded_init(&w->group.loaded, s);
    store_postgres_spill_init(&w->spill, s);
    for (;;) {
        struct store_job *jobs =
            store_postgres_queue_take(w->writer, s->base.o.group_max, spill_us);
        if (jobs == NULL && store_postgres_queue_is_stopping(w->writer))
            break;
        activity_begin("records a group", STR_NONE);
        if (jobs != NULL)
            jobs = store_postgres_group_without(w->writer, jobs, store_postgres_outcome_may);
        if (jobs != NULL)
            run_group(w, jobs);
        if (clock_mono_us(clock_system()) >= spill_us) {
            spill_round(w);
            spill_us = clock_mono_us(clock_system()) + SPILL_US;
        }
        activity_end();
    }
    store_postgres_spill_fini(&w->spill);
    store_postgres_loaded_fini(&w->group.loaded);
    store_postgres_stands_fini(&w->group.stands);
    xfree(w);
}

bool store_postgres_outcome_start(struct store_postgres *s)
{
    s->outcomes.thread = thread_start("store-outcomes", THREAD_STORE, outcome_run, s);
    return s->outcomes.thread != NULL;
}

void store_postgres_outcome_stop(struct store_postgres *s)
{
    store_postgres_queue_stop(&s->outcomes);
}
