/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/outcome_jobs_priv.h.
 */
#include "store/postgres/outcome_jobs_priv.h"

#include "store/held.h"
#include "store/rows_priv.h"

static struct store_outcome *outcome_of_job(struct store_job *job)
{
    return CONTAINER_OF(job, struct store_outcome, job);
}

static struct store_requeue *requeue_of_job(struct store_job *job)
{
    return CONTAINER_OF(job, struct store_requeue, job);
}

static struct store_expunge *expunge_of_job(struct store_job *job)
{
    return CONTAINER_OF(job, struct store_expunge, job);
}

static enum store_job_kind kind_of_job(struct store_job *job)
{
    return postgres_job(job)->kind;
}

bool store_postgres_outcome_is_by_hand(struct store_job *job)
{
    return kind_of_job(job) != STORE_JOB_OUTCOME;
}

enum rc store_postgres_outcome_may(struct store_postgres *s, struct store_job *job)
{
    int64_t app = 0;
    if (kind_of_job(job) == STORE_JOB_REQUEUE)
        app = requeue_of_job(job)->app;
    else if (kind_of_job(job) == STORE_JOB_EXPUNGE)
        app = expunge_of_job(job)->app;
    return app != 0 && store_app_is_held(&s->base, app) ? RC_BUSY : RC_OK;
}

/* --- reading ---------------------------------------------------------------------------------------- */

void store_postgres_outcome_want(struct outcome_group *g, struct store_job *job)
{
    if (kind_of_job(job) == STORE_JOB_OUTCOME) {
        const struct store_outcome *o = outcome_of_job(job);
        (void)store_postgres_stands_add(&g->stands, &o->message, o->app, o->endpoint);
    } else if (kind_of_job(job) == STORE_JOB_REQUEUE) {
        const struct store_requeue *r = requeue_of_job(job);
        (void)store_postgres_stands_add(&g->stands, &r->message, r->app, r->endpoint);
        store_postgres_loaded_want(&g->loaded, &r->message);
    } else if (!expunge_of_job(job)->has_attempt) {
        store_postgres_loaded_want(&g->loaded, &expunge_of_job(job)->message);
    }
}

void store_postgres_outcome_want_canceled(struct outcome_group *g, struct store_job *job)
{
    int64_t endpoint;
    if (kind_of_job(job) != STORE_JOB_EXPUNGE || expunge_of_job(job)->has_attempt)
        return;
    const struct store_expunge *e = expunge_of_job(job);
    const struct loaded_message *m = store_postgres_loaded_find(&g->loaded, &e->message, e->app);
    struct str rest = m == NULL ? STR_NONE : buf_str(&m->endpoints);
    while (store_endpoints_next(&rest, &endpoint))
        (void)store_postgres_stands_add(&g->stands, &e->message, e->app, endpoint);
}

/* --- erasing ---------------------------------------------------------------------------------------- */

void store_postgres_outcome_erase(struct store_job *job, struct postgres_conn *c)
{
    struct postgres_params p;
    if (kind_of_job(job) != STORE_JOB_EXPUNGE)
        return;
    const struct store_expunge *e = expunge_of_job(job);
    store_postgres_params_init(&p);
    store_postgres_params_int(&p, id_key(&e->message));
    store_postgres_params_int(&p, e->app);
    store_postgres_params_bytes(&p, DB_TYPE_BYTEA, store_id_tail(&e->message));
    if (!e->has_attempt) {
        store_postgres_pipe_send(
            c, "UPDATE message SET payload = NULL WHERE k = $1 AND app = $2 AND tail = $3", &p);
        return;
    }
    store_postgres_params_int(&p, id_key(&e->attempt));
    store_postgres_pipe_send(
        c,
        "UPDATE attempt SET response = NULL, response_headers = NULL WHERE msg = $1 AND ak = $4"
        " AND number > 0 AND EXISTS"
        " (SELECT 1 FROM message WHERE k = $1 AND app = $2 AND tail = $3)",
        &p);
}

void store_postgres_outcome_erased(struct store_job *job, struct postgres_conn *c)
{
    if (kind_of_job(job) != STORE_JOB_EXPUNGE)
        return;
    PGresult *r = store_postgres_pipe_take(c);
    job->rc = r == NULL || strcmp(PQcmdTuples(r), "0") == 0 ? RC_NOT_FOUND : RC_OK;
    PQclear(r);
}

/* --- deciding --------------------------------------------------------------------------------------- */

static enum rc judge_outcome(struct outcome_group *g, struct store_outcome *o)
{
    struct store_move moves[STORE_MOVES_MAX] = { store_move_of(o) };
    size_t count = 1;
    struct stand *at = store_postgres_stands_find(&g->stands, id_key(&o->message), o->endpoint);
    struct stand was = *at;
    enum rc rc = store_postgres_stand_move(at, &moves[0]);
    o->after = moves[0].to;
    if (rc == RC_CONFLICT) {
        count = store_moves_instead(o, &at->now, moves);
        rc = count == 0 ? RC_CONFLICT : RC_OK;
        for (size_t i = 0; rc == RC_OK && i < count; i++) {
            rc = store_postgres_stand_move(at, &moves[i]);
            o->after = moves[i].to;
        }
    }
    if (rc != RC_OK)
        *at = was;
    else if (o->has_attempt)
        store_postgres_stands_attempt(&g->stands, at, o);
    return rc;
}

/* A delivery of which nothing is known but that its message names it is pending. One that the message did not have when it was
 * published may be made. RC_NOT_FOUND. */
static enum rc find_or_make(const struct store_requeue *r, struct loaded_message *m,
                            struct stand *at)
{
    bool is_named = store_postgres_loaded_names(m, r->endpoint);
    if (at->now.due.state != 0)
        return RC_OK;
    if (!is_named && !r->create_missing)
        return RC_NOT_FOUND;
    if (!is_named)
        store_postgres_loaded_add(m, r->endpoint);
    at->now.due.state = STORE_PENDING;
    at->now.due.due_us = r->now_us;
    at->now.due.trigger = is_named ? STORE_SCHEDULED : STORE_MANUAL;
    at->is_changed = true;
    return RC_OK;
}

static enum rc judge_requeue(struct outcome_group *g, struct store_requeue *r)
{
    struct loaded_message *m = store_postgres_loaded_find(&g->loaded, &r->message, r->app);
    struct stand *at = store_postgres_stands_find(&g->stands, id_key(&r->message), r->endpoint);
    r->message_out = NULL;
    if (m == NULL)
        return RC_NOT_FOUND;
    if (m->message.payload.ptr == NULL)
        return RC_INVALID;
    enum rc rc = find_or_make(r, m, at);
    if (rc != RC_OK)
        return rc;
    r->due = at->now.due;
    r->was_done = r->task != 0 && at->now.task == r->task;
    if (r->was_done)
        return RC_OK;
    struct store_move move = store_move_again(r, &at->now);
    rc = store_postgres_stand_move(at, &move);
    r->due = move.to;
    if (rc == RC_OK)
        r->message_out = store_message_new(&m->message);
    return rc;
}

/* What still waits to be sent is canceled in the same commit: nobody can send it later, whatever happens. */
static enum rc judge_expunge(struct outcome_group *g, struct store_expunge *e)
{
    int64_t endpoint;
    const struct loaded_message *m = store_postgres_loaded_find(&g->loaded, &e->message, e->app);
    if (e->job.rc != RC_OK || e->has_attempt)
        return e->job.rc;
    if (m == NULL)
        return RC_NOT_FOUND;
    struct str rest = buf_str(&m->endpoints);
    e->canceled = xcalloc(rest.len + 1, sizeof(*e->canceled));
    e->canceled_count = 0;
    while (store_endpoints_next(&rest, &endpoint)) {
        struct stand *at = store_postgres_stands_find(&g->stands, id_key(&e->message), endpoint);
        if (!store_is_pending(at->now.due.state))
            continue;
        struct store_move move = store_move_cancel(&at->now, STORE_REASON_PAYLOAD_GONE);
        enum rc rc = store_postgres_stand_move(at, &move);
        if (rc == RC_OK)
            e->canceled[e->canceled_count++] = endpoint;
    }
    return RC_OK;
}

enum rc store_postgres_outcome_judge(struct outcome_group *g, struct store_job *job)
{
    if (kind_of_job(job) == STORE_JOB_OUTCOME)
        return judge_outcome(g, outcome_of_job(job));
    if (kind_of_job(job) == STORE_JOB_REQUEUE)
        return judge_requeue(g, requeue_of_job(job));
    return judge_expunge(g, expunge_of_job(job));
}

void store_postgres_outcome_undo(struct store_job *job)
{
    if (kind_of_job(job) == STORE_JOB_REQUEUE) {
        store_message_unref(requeue_of_job(job)->message_out);
        requeue_of_job(job)->message_out = NULL;
    } else if (kind_of_job(job) == STORE_JOB_EXPUNGE) {
        xfree(expunge_of_job(job)->canceled);
        expunge_of_job(job)->canceled = NULL;
        expunge_of_job(job)->canceled_count = 0;
    }
}
