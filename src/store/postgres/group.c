/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/group_priv.h.
 */
#include "store/postgres/group_priv.h"

#include "store/hand_back_priv.h"
#include "store/postgres/health_priv.h"
#include "store/postgres/keys_priv.h"
#include "store/postgres/member_priv.h"
#include "store/postgres/queue_priv.h"
#include "store/postgres/segments_priv.h"

enum { PAUSE_US = 5000, PAUSES_MAX = 6 };

static enum postgres_next next_after(struct postgres_writer *w, enum rc rc)
{
    struct postgres_conn *c = &w->conn;
    if (atomic_load(&w->store->is_fenced))
        return POSTGRES_NEVER;
    if (c->is_lost || c->pg == NULL || rc == RC_BUSY || rc == RC_LIMIT || rc == RC_IO ||
        rc == RC_NOT_FOUND)
        return POSTGRES_AGAIN;
    return POSTGRES_APART;
}

static void mend_tables(struct store_postgres *s)
{
    enum rc rc = store_postgres_segments_mend(s);
    if (rc == RC_OK)
        rc = store_postgres_keys_mend(s);
    (void)rc; /* the group is tried again, and tells */
}

enum postgres_next store_postgres_group_mind(struct postgres_writer *w, enum rc rc, int try_count)
{
    struct store_postgres *s = w->store;
    if (store_postgres_fence_refused(&w->conn)) {
        store_postgres_fence_look(s, &w->conn);
        return atomic_load(&s->is_fenced) ? POSTGRES_NEVER : POSTGRES_AGAIN;
    }
    enum postgres_next next = next_after(w, rc);
    if (next != POSTGRES_AGAIN)
        return next;
    if (w->conn.rc != RC_OK)
        store_postgres_health_set(s, rc, w->conn.words);
    if (rc == RC_NOT_FOUND)
        mend_tables(s);
    if (try_count > 0 || !w->conn.is_lost)
        store_postgres_queue_pause(w,
                                   PAUSE_US << (try_count < PAUSES_MAX ? try_count : PAUSES_MAX));
    return POSTGRES_AGAIN;
}

void store_postgres_group_apart(struct postgres_writer *w, struct store_job *jobs,
                                postgres_group_fn run, void *arg)
{
    LOG(STORE_GROUP_FAILED, F_TEXT("why", w->conn.words));
    for (struct store_job *job = jobs, *next; job != NULL; job = next) {
        next = postgres_job(job)->next;
        postgres_job(job)->next = NULL;
        run(arg, job);
    }
}

void store_postgres_group_mark(struct store_postgres *s, struct postgres_conn *c, int64_t k)
{
    struct postgres_params p;
    store_postgres_params_init(&p);
    store_postgres_params_int(&p, s->slot);
    store_postgres_params_int(&p, k);
    store_postgres_pipe_send(
        c, "UPDATE node_beat SET last_k = greatest(last_k, $2) WHERE slot = $1", &p);
}

void store_postgres_group_count(struct store_job *jobs, int64_t began_us)
{
    int64_t count = 0;
    metrics_observe(METRIC_STORE_WAIT, began_us - postgres_job(jobs)->queued_us);
    for (struct store_job *job = jobs; job != NULL; job = postgres_job(job)->next)
        count++;
    metrics_observe(METRIC_STORE_COMMIT, clock_mono_us(clock_system()) - began_us);
    metrics_add(METRIC_STORE_GROUPS, 1);
    metrics_add(METRIC_STORE_JOBS, count);
}

static void show_jobs(struct store_postgres *s, struct store_job *jobs)
{
    const struct store_watcher *w = atomic_load_explicit(&s->base.watcher, memory_order_acquire);
    if (w == NULL)
        return;
    mutex_lock(&s->watch_lock);
    w->begin(w->ctx);
    for (struct store_job *job = jobs; job != NULL; job = postgres_job(job)->next)
        if (job->rc == RC_OK)
            w->job(w->ctx, postgres_job(job)->kind, job);
    w->end(w->ctx);
    mutex_unlock(&s->watch_lock);
}

void store_postgres_group_hand_back(struct store_postgres *s, struct store_job *jobs)
{
    struct store_places places = { .count = 0 };
    show_jobs(s, jobs);
    for (struct store_job *job = jobs, *next; job != NULL; job = next) {
        next = postgres_job(job)->next; /* done() may free the job, and a loop may run it at once */
        store_hand_back(&places, job, &postgres_job(job)->task);
    }
    store_places_post(&places);
}

struct store_job *store_postgres_group_without(struct postgres_writer *w, struct store_job *jobs,
                                               enum rc (*judge)(struct store_postgres *s,
                                                                struct store_job *job))
{
    struct store_job *fit = NULL, **end = &fit;
    for (struct store_job *job = jobs, *next; job != NULL; job = next) {
        next = postgres_job(job)->next;
        postgres_job(job)->next = NULL;
        enum rc rc = judge(w->store, job);
        if (rc != RC_OK) {
            job->rc = rc;
            store_postgres_group_hand_back(w->store, job);
            continue;
        }
        *end = job;
        end = &postgres_job(job)->next;
    }
    return fit;
}
