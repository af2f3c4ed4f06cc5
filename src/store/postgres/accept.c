/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer of what is accepted. One group is one transaction: the fence, the keys, then the rows of what was decided.
 *
 * When nobody knows whether a group was committed, the same group goes again with the same ids, in statements that leave
 * what is there: a key that is there with our own k is ours. A group that goes again also writes a row that was there, because
 * what is only visible need not have reached a standby.
 *
 * Publishes wait some seconds for the database and are then refused. If a group that was refused may have been committed,
 * it is taken back before the next one is written.
 */
#include "store/postgres/accept_priv.h"

#include "store/held.h"
#include "store/judge_priv.h"
#include "store/postgres/accept_rows_priv.h"
#include "store/postgres/confirmed_priv.h"
#include "store/postgres/group_keys_priv.h"
#include "store/postgres/group_priv.h"
#include "store/postgres/health_priv.h"
#include "store/postgres/member_priv.h"
#include "store/postgres/queue_priv.h"
#include "store/postgres/segments_priv.h"
#include "store/postgres/unknown_priv.h"
#include "store/request_priv.h"

#include <string.h>

struct accept {
    struct store_postgres *store;
    struct postgres_writer *writer;
    struct group_keys keys;
    struct accept_rows rows;
    struct store_job *jobs;
    int64_t smallest_k, greatest_k;
    int64_t cursor_k;
    bool is_replay; /* it may have been committed */
};

/* --- keys of rows ----------------------------------------------------------------------------------- */

static void note_k(struct accept *a, const struct id *id)
{
    int64_t k = id_key(id);
    if (k < a->smallest_k)
        a->smallest_k = k;
    if (k > a->greatest_k)
        a->greatest_k = k;
}

static void note_ks(struct accept *a, struct store_job *job)
{
    if (postgres_job(job)->kind == STORE_JOB_PUBLISH) {
        const struct store_publish *p = CONTAINER_OF(job, struct store_publish, job);
        note_k(a, &p->message->id);
        for (size_t i = 0; i < p->also_count; i++)
            note_k(a, &p->also[i]->message->id);
        if (p->request != NULL)
            note_k(a, &p->request->id);
    } else if (postgres_job(job)->kind == STORE_JOB_RECORD) {
        note_k(a, &CONTAINER_OF(job, struct store_record, job)->request->id);
    } else {
        note_k(a, &CONTAINER_OF(job, struct store_filter_run_job, job)->run.id);
    }
}

/* Keys are some milliseconds apart, so both ends are in one segment or in neighbours, or else (a clock was set) what is between them
 * is looked for when the database misses it. */
static enum rc cover_keys(struct accept *a)
{
    enum rc rc = store_postgres_segments_cover(a->store, a->smallest_k);
    return rc == RC_OK ? store_postgres_segments_cover(a->store, a->greatest_k) : rc;
}

/* Each of them: after a group met a gap. */
static void cover_each(struct accept *a)
{
    enum rc rc = RC_OK;
    int64_t smallest_k = a->smallest_k, greatest_k = a->greatest_k;
    for (struct store_job *job = a->jobs; rc == RC_OK && job != NULL;
         job = postgres_job(job)->next) {
        a->smallest_k = INT64_MAX;
        a->greatest_k = 0;
        note_ks(a, job);
        rc = cover_keys(a);
    }
    a->smallest_k = smallest_k;
    a->greatest_k = greatest_k;
}

/* --- deciding --------------------------------------------------------------------------------------- */

static void write_message(struct accept *a, const struct store_publish *p)
{
    int64_t until_us = store_time_us(&a->store->base.time) + POSTGRES_YOUNG_US;
    if (p->result == STORE_CREATED)
        store_postgres_accept_message(&a->rows, p, until_us, id_key(&p->message->id) < a->cursor_k);
}

/* A repeated request leaves a row, too. An event's message need not have the id of the request it came in: then
 * nobody is named. */
static void write_repeated(struct accept *a, const struct store_publish *p)
{
    struct store_request r = *p->request;
    r.outcome = STORE_REQUEST_DUPLICATE;
    r.has_message = false;
    r.has_original = r.item_count == 0 || store_postgres_group_keys_has_request(&a->keys, p);
    r.original = p->first;
    r.body = STR_NONE;
    store_postgres_accept_request(&a->rows, a->store, &r, NULL);
}

static enum rc write_publish(struct accept *a, struct store_publish *p)
{
    bool is_new = false;
    enum rc rc = store_judge_publish(p, store_postgres_group_keys_look, &a->keys, &is_new);
    postgres_job(&p->job)->is_written = rc == RC_OK && is_new;
    if (rc != RC_OK)
        return rc;
    if (!is_new) {
        if (p->request != NULL)
            write_repeated(a, p);
        return RC_OK;
    }
    store_postgres_group_keys_claim(&a->keys, p);
    write_message(a, p);
    for (size_t i = 0; i < p->also_count; i++)
        write_message(a, p->also[i]);
    if (p->request != NULL && !store_request_is_in_message(p))
        store_postgres_accept_request(&a->rows, a->store, p->request, p);
    return RC_OK;
}

static enum rc write_job(struct accept *a, struct store_job *job)
{
    switch (postgres_job(job)->kind) {
    case STORE_JOB_PUBLISH: return write_publish(a, CONTAINER_OF(job, struct store_publish, job));
    case STORE_JOB_RECORD:
        store_postgres_accept_request(&a->rows, a->store,
                                      CONTAINER_OF(job, struct store_record, job)->request, NULL);
        return RC_OK;
    case STORE_JOB_FILTER_RUN:
        store_postgres_accept_run(&a->rows,
                                  &CONTAINER_OF(job, struct store_filter_run_job, job)->run);
        return RC_OK;
    case STORE_JOB_OUTCOME:
    case STORE_JOB_REQUEUE:
    case STORE_JOB_EXPUNGE:
    case STORE_JOB_KINDS: break;
    }
    return RC_INVALID;
}

/* --- one try ---------------------------------------------------------------------------------------- */

static void collect_keys(struct accept *a)
{
    store_postgres_group_keys_reset(&a->keys);
    store_postgres_accept_rows_reset(&a->rows);
    for (struct store_job *job = a->jobs; job != NULL; job = postgres_job(job)->next)
        if (postgres_job(job)->kind == STORE_JOB_PUBLISH)
            store_postgres_group_keys_collect(&a->keys,
                                              CONTAINER_OF(job, struct store_publish, job));
}

/* As far as the keys are known. */
static void open_group(struct accept *a, struct postgres_conn *c)
{
    store_postgres_pipe_begin(c);
    store_postgres_fence_send(a->store, c, true);
    store_postgres_group_keys_send(&a->keys, c);
    store_postgres_pipe_flush(c);
    store_postgres_fence_take(c);
    store_postgres_group_keys_take(&a->keys, c);
}

static enum rc commit_group(struct accept *a, struct postgres_conn *c)
{
    store_postgres_group_keys_settle(&a->keys, c);
    store_postgres_accept_send(&a->rows, c, a->is_replay);
    if (a->is_replay)
        store_postgres_group_mark(a->store, c, a->greatest_k);
    store_postgres_pipe_send(c, "COMMIT", NULL);
    bool is_sent = c->rc == RC_OK;
    enum rc rc = store_postgres_pipe_end(c);
    a->is_replay = a->is_replay || (is_sent && c->is_lost);
    return rc;
}

static enum rc try_group(struct accept *a)
{
    struct postgres_conn *c = &a->writer->conn;
    if (!store_postgres_is_member(a->store))
        return RC_IO;
    enum rc rc = store_postgres_confirmed_open(a->store, c);
    if (rc == RC_OK)
        rc = cover_keys(a);
    if (rc == RC_OK)
        rc = store_postgres_unknown_resolve(a->store, c);
    if (rc != RC_OK)
        return rc;
    collect_keys(a);
    open_group(a, c);
    if (c->rc != RC_OK)
        return store_postgres_pipe_end(c);
    for (struct store_job *job = a->jobs; job != NULL; job = postgres_job(job)->next)
        job->rc = write_job(a, job);
    return commit_group(a, c);
}

/* --- a group ---------------------------------------------------------------------------------------- */

static void note_written(struct accept *a, const struct store_publish *p)
{
    const struct store_message *m = p->message;
    int64_t k = id_key(&m->id);
    if (p->result != STORE_CREATED)
        return;
    store_postgres_confirmed_message(&a->store->confirmed, k);
    struct postgres_segment *seg = store_postgres_segment_of(a->store, k);
    if (seg != NULL) {
        atomic_fetch_add(&seg->messages, 1);
        atomic_fetch_add(&seg->payload_bytes, (int64_t)m->payload.len);
        store_postgres_segment_unref(seg);
    }
    if (k < a->cursor_k || m->due_us > store_time_us(&a->store->base.time) + POSTGRES_YOUNG_US)
        return;
    for (size_t i = 0; i < p->endpoint_count; i++)
        store_postgres_young_add(&a->store->young, m, p->endpoints[i]);
}

/* Before anybody is told: what is handed over must be found by whoever looks for it. */
static void note_group(struct accept *a)
{
    atomic_fetch_add(&a->store->waiting, (int64_t)a->rows.waiting.rows);
    for (struct store_job *job = a->jobs; job != NULL; job = postgres_job(job)->next) {
        if (postgres_job(job)->kind != STORE_JOB_PUBLISH || job->rc != RC_OK ||
            !postgres_job(job)->is_written)
            continue;
        const struct store_publish *p = CONTAINER_OF(job, struct store_publish, job);
        note_written(a, p);
        for (size_t i = 0; i < p->also_count; i++)
            note_written(a, p->also[i]);
    }
}

static void remember_unknown(struct accept *a)
{
    struct postgres_unknown *u = &a->store->unknown;
    store_postgres_unknown_add(u, &a->keys.offers);
    for (struct store_job *job = a->jobs; job != NULL; job = postgres_job(job)->next) {
        if (postgres_job(job)->kind != STORE_JOB_PUBLISH) {
            int64_t k = postgres_job(job)->kind == STORE_JOB_RECORD
                            ? id_key(&CONTAINER_OF(job, struct store_record, job)->request->id)
                            : id_key(&CONTAINER_OF(job, struct store_filter_run_job, job)->run.id);
            store_postgres_unknown_add_row(u, k);
            continue;
        }
        const struct store_publish *p = CONTAINER_OF(job, struct store_publish, job);
        store_postgres_unknown_add_row(u, id_key(&p->message->id));
        for (size_t i = 0; i < p->also_count; i++)
            store_postgres_unknown_add_row(u, id_key(&p->also[i]->message->id));
        if (p->request != NULL)
            store_postgres_unknown_add_row(u, id_key(&p->request->id));
    }
}

/* Tries until it is written, or refused, or has waited for long enough. *next: what the last failure asks for. */
static enum rc run_tries(struct accept *a, enum postgres_next *next)
{
    int64_t until_us = postgres_job(a->jobs)->queued_us + POSTGRES_PATIENCE_US;
    enum rc rc = RC_IO;
    *next = POSTGRES_AGAIN;
    for (int i = 0; *next == POSTGRES_AGAIN; i++) {
        rc = try_group(a);
        if (rc == RC_OK)
            return RC_OK;
        *next = store_postgres_group_mind(a->writer, rc, i);
        if (rc == RC_NOT_FOUND)
            cover_each(a);
        bool is_full = rc == RC_LIMIT && !a->is_replay;
        if (clock_mono_us(clock_system()) >= until_us || is_full ||
            store_postgres_queue_is_stopping(a->writer))
            break;
    }
    if (a->is_replay)
        *next = *next == POSTGRES_APART ? POSTGRES_NEVER : *next;
    return rc == RC_LIMIT || *next == POSTGRES_APART ? rc : RC_IO;
}

static void fail_jobs(struct store_job *jobs, enum rc rc)
{
    for (struct store_job *job = jobs; job != NULL; job = postgres_job(job)->next)
        job->rc = rc;
}

static void run_group(void *arg, struct store_job *jobs)
{
    struct accept *a = arg;
    enum postgres_next next;
    int64_t began_us = clock_mono_us(clock_system());
    a->jobs = jobs;
    a->is_replay = false;
    a->smallest_k = INT64_MAX;
    a->greatest_k = 0;
    for (struct store_job *job = jobs; job != NULL; job = postgres_job(job)->next)
        note_ks(a, job);
    a->cursor_k = store_postgres_young_begin(&a->store->young, a->smallest_k);
    enum rc rc = run_tries(a, &next);
    if (rc == RC_OK)
        note_group(a);
    else if (a->is_replay)
        remember_unknown(a);
    store_postgres_young_end(&a->store->young, rc != RC_OK && a->is_replay);
    store_postgres_counted_forget(&a->store->counted, a->smallest_k);
    if (rc != RC_OK && next == POSTGRES_APART && postgres_job(jobs)->next != NULL) {
        store_postgres_group_apart(a->writer, jobs, run_group, a);
        return;
    }
    if (rc == RC_OK)
        store_postgres_health_set(a->store, RC_OK, "");
    else
        fail_jobs(jobs, rc);
    if (rc != RC_OK)
        metrics_add(METRIC_STORE_COMMITS_FAILED, 1);
    store_postgres_group_count(jobs, began_us);
    store_postgres_group_hand_back(a->store, jobs);
}

/* --- the thread ------------------------------------------------------------------------------------- */

/* What PostgreSQL cannot keep is refused, and what has come too late: its organisation is held. */
static enum rc accept_judge(struct store_postgres *s, struct store_job *job)
{
    const struct store_publish *p = CONTAINER_OF(job, struct store_publish, job);
    switch (postgres_job(job)->kind) {
    case STORE_JOB_PUBLISH:
        if (!store_postgres_accept_fits(p))
            return RC_INVALID;
        return store_org_is_held(&s->base, p->message->org) ? RC_BUSY : RC_OK;
    case STORE_JOB_RECORD: {
        const struct store_request *r = CONTAINER_OF(job, struct store_record, job)->request;
        return store_app_is_held(&s->base, r->app) ? RC_BUSY : RC_OK;
    }
    case STORE_JOB_FILTER_RUN: {
        const struct store_filter_run *r =
            &CONTAINER_OF(job, struct store_filter_run_job, job)->run;
        return store_app_is_held(&s->base, r->app) ? RC_BUSY : RC_OK;
    }
    case STORE_JOB_OUTCOME:
    case STORE_JOB_REQUEUE:
    case STORE_JOB_EXPUNGE:
    case STORE_JOB_KINDS: break;
    }
    return RC_OK;
}

static void accept_run(void *arg)
{
    struct store_postgres *s = arg;
    struct accept *a = XNEW(struct accept);
    a->store = s;
    a->writer = &s->accepts;
    store_postgres_group_keys_init(&a->keys, s);
    store_postgres_accept_rows_init(&a->rows);
    for (;;) {
        struct store_job *jobs =
            store_postgres_queue_take(a->writer, s->base.o.group_max, INT64_MAX);
        if (jobs == NULL && store_postgres_queue_is_stopping(a->writer))
            break;
        if (jobs != NULL)
            jobs = store_postgres_group_without(a->writer, jobs, accept_judge);
        if (jobs == NULL)
            continue;
        activity_begin("commits a group", STR_NONE);
        run_group(a, jobs);
        activity_end();
    }
    store_postgres_accept_rows_fini(&a->rows);
    store_postgres_group_keys_fini(&a->keys);
    xfree(a);
}

bool store_postgres_accept_start(struct store_postgres *s)
{
    s->accepts.thread = thread_start("store-accepts", THREAD_STORE, accept_run, s);
    return s->accepts.thread != NULL;
}

void store_postgres_accept_stop(struct store_postgres *s)
{
    store_postgres_queue_stop(&s->accepts);
}
