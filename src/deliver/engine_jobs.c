/* SPDX-License-Identifier: Apache-2.0
 *
 * What a shard asks for that blocks: reading the store, loading a view, writing an endpoint's
 * health. A job runs on a worker and is answered on the shard's loop. When the workers' queue is
 * full it waits here: none is dropped, for a lane whose refill is never answered stands still.
 */
#include "deliver/engine_priv.h"
#include "deliver/transform.h"
#include "store/endpoint.h"
#include "work/work.h"

static const int64_t again_us = 20000;
static const int64_t held_us = 1000000;

struct deliver_engine_job {
    struct work_job work;
    struct loop_task answer;
    struct deliver_engine_shard *es;
    uint64_t owner; /* whose share of the pool it takes; 0: the server's own */
    struct deliver_engine_job *next;
    void (*on_worker)(struct deliver_engine_job *job);
    void (*on_loop)(struct deliver_engine_job *job);
    enum rc rc;
    int64_t app, endpoint;
    struct id message;
    /* refill */
    int64_t after_due_us;
    size_t max, count;
    struct store_due *rows; /* owned */
    /* load */
    struct store_message *loaded; /* a reference */
    struct core_app *view;        /* a reference */
    /* health */
    struct deliver_health health;
    /* transform */
    struct deliver_transform *transform; /* ours while it is away */
    struct work_pool *pool;
};

/* --- the ways there and back ------------------------------------------------------------------ */

static void on_worker(void *arg)
{
    struct deliver_engine_job *job = arg;
    job->on_worker(job);
    loop_post(job->es->loop, &job->answer);
}

static void on_loop(void *arg)
{
    struct deliver_engine_job *job = arg;
    job->es->jobs_out--;
    if (job->on_loop != NULL)
        job->on_loop(job);
    store_message_unref(job->loaded);
    core_app_unref(job->view);
    xfree(job->rows);
    xfree(job);
}

static void engine_jobs_submit(struct deliver_engine_job *job)
{
    struct deliver_engine_shard *es = job->es;
    if (work_submit_for(job->pool, job->owner, &job->work) == RC_OK)
        return;
    job->next = es->refused;
    es->refused = job;
    loop_timer_set(es->loop, &es->refused_timer, loop_now_us(es->loop) + again_us);
}

static void submit_list(struct deliver_engine_job *list)
{
    for (struct deliver_engine_job *job = list, *next; job != NULL; job = next) {
        next = job->next;
        engine_jobs_submit(job);
    }
}

static void submit_refused(void *arg)
{
    struct deliver_engine_shard *es = arg;
    struct deliver_engine_job *list = es->refused;
    es->refused = NULL;
    submit_list(list);
}

/* With a pause: what the disk refuses now it refuses a moment later, too. */
static void engine_jobs_hold(struct deliver_engine_job *job)
{
    struct deliver_engine_shard *es = job->es;
    if (es->held == NULL)
        loop_timer_set(es->loop, &es->held_timer, loop_now_us(es->loop) + held_us);
    job->next = es->held;
    es->held = job;
}

static void submit_held(void *arg)
{
    struct deliver_engine_shard *es = arg;
    struct deliver_engine_job *list = es->held;
    es->held = NULL;
    submit_list(list);
}

void deliver_engine_jobs_init(struct deliver_engine_shard *es)
{
    es->refused_timer = (struct loop_timer){ .fn = submit_refused, .arg = es };
    es->held_timer = (struct loop_timer){ .fn = submit_held, .arg = es };
}

void deliver_engine_jobs_fini(struct deliver_engine_shard *es)
{
    loop_timer_stop(es->loop, &es->refused_timer);
    loop_timer_stop(es->loop, &es->held_timer);
    for (struct deliver_engine_job *job = es->held, *next; job != NULL; job = next) {
        next = job->next;
        xfree(job); /* news of health, from which nothing hangs */
    }
    es->held = NULL;
}

static struct deliver_engine_shard *shard_of(struct deliver *d, const struct deliver_shard *shard)
{
    size_t i = 0;
    while (d->shards[i].shard != shard)
        i++;
    return &d->shards[i];
}

static struct deliver_engine_job *job_new(void *ctx, const struct deliver_shard *shard)
{
    struct deliver_engine_job *job = XNEW(struct deliver_engine_job);
    job->work = (struct work_job){ .fn = on_worker, .arg = job };
    job->answer = (struct loop_task){ .fn = on_loop, .arg = job };
    job->es = shard_of(ctx, shard);
    job->pool = job->es->d->o.pool;
    job->es->jobs_out++;
    return job;
}

/* --- refill ----------------------------------------------------------------------------------- */

static void read_due(struct deliver_engine_job *job)
{
    job->rows = xcalloc(job->max, sizeof(*job->rows));
    job->rc = store_due_list(job->es->d->o.store, job->endpoint, job->after_due_us, &job->message,
                             job->max, job->rows, &job->count);
}

static void hand_rows(struct deliver_engine_job *job)
{
    deliver_shard_refilled(job->es->shard, job->endpoint, job->rc, job->rows, job->count, job->max);
}

void deliver_engine_refill(void *ctx, struct deliver_shard *shard, int64_t endpoint,
                           int64_t after_due_us, struct id after_message, size_t max)
{
    struct deliver_engine_job *job = job_new(ctx, shard);
    job->endpoint = endpoint;
    job->after_due_us = after_due_us;
    job->message = after_message;
    job->max = max;
    job->on_worker = read_due;
    job->on_loop = hand_rows;
    engine_jobs_submit(job);
}

/* --- load ------------------------------------------------------------------------------------- */

static void read_message(struct deliver_engine_job *job)
{
    job->rc = store_message_load(job->es->d->o.store, &job->message, &job->loaded);
}

static void hand_message(struct deliver_engine_job *job)
{
    deliver_shard_loaded(job->es->shard, &job->message, job->rc, job->loaded);
}

void deliver_engine_load(void *ctx, struct deliver_shard *shard, struct id message)
{
    struct deliver_engine_job *job = job_new(ctx, shard);
    job->message = message;
    job->on_worker = read_message;
    job->on_loop = hand_message;
    engine_jobs_submit(job);
}

/* --- transforms ------------------------------------------------------------------------------- */

static void run_transform(struct deliver_engine_job *job)
{
    const struct deliver_options *o = &job->es->d->o;
    struct transform_limits limits = o->transform_limits;
    limits.owner = job->owner;
    deliver_transform_run(job->transform, o->transforms, &limits);
}

static void hand_transform(struct deliver_engine_job *job)
{
    deliver_shard_transformed(job->es->shard, job->transform);
}

void deliver_engine_transform(void *ctx, struct deliver_shard *shard, struct deliver_transform *t)
{
    struct deliver_engine_job *job = job_new(ctx, shard);
    job->transform = t;
    job->pool = job->es->d->o.transform_threads;
    job->owner = (uint64_t)t->view->org;
    job->on_worker = run_transform;
    job->on_loop = hand_transform;
    engine_jobs_submit(job);
}

/* --- views ------------------------------------------------------------------------------------ */

static void read_view(struct deliver_engine_job *job)
{
    job->rc = core_directory_load(job->es->d->o.directory, job->app, &job->view);
}

static void hand_view(struct deliver_engine_job *job)
{
    deliver_shard_app_loaded(job->es->shard, job->app, job->rc, job->view);
}

void deliver_engine_want_app(void *ctx, struct deliver_shard *shard, int64_t app)
{
    struct deliver_engine_job *job = job_new(ctx, shard);
    job->app = app;
    job->on_worker = read_view;
    job->on_loop = hand_view;
    engine_jobs_submit(job);
}

/* --- health ----------------------------------------------------------------------------------- */

/* An endpoint that somebody else disabled stays so, with their reason. */
static enum rc engine_jobs_write_row(struct deliver_engine_job *job, struct store_tx *tx)
{
    struct store_endpoint ep = { 0 };
    struct arena a;
    int64_t now_us = clock_wall_us(job->es->d->o.clock);
    arena_init(&a);
    enum rc rc = store_endpoint_by_num(tx, job->endpoint, &a, &ep);
    if (rc == RC_OK && !ep.deleted) {
        bool disabled = ep.disabled || job->health.disable;
        struct str reason =
            ep.disabled || !job->health.disable ? ep.disabled_reason : str_from(job->health.reason);
        rc = store_endpoint_set_health(tx, job->endpoint, job->health.failing_since_us,
                                       job->health.last_failure_us, disabled, reason, now_us);
    }
    arena_fini(&a);
    return rc;
}

static void write_health(struct deliver_engine_job *job)
{
    struct store_tx *tx = NULL;
    job->rc = store_write(job->es->d->o.store, &tx);
    if (job->rc == RC_OK)
        job->rc = engine_jobs_write_row(job, tx);
    job->rc = store_finish(tx, job->rc);
    if (job->rc != RC_OK && job->rc != RC_NOT_FOUND)
        LOG(DELIVER_HEALTH_FAILED, F_INT("endpoint", job->endpoint),
            F_TEXT("rc", rc_name(job->rc)));
}

static void after_health(struct deliver_engine_job *job);

static struct deliver_engine_job *health_job_new(struct deliver *d,
                                                 const struct deliver_shard *shard, int64_t app,
                                                 int64_t endpoint,
                                                 const struct deliver_health *health)
{
    struct deliver_engine_job *job = job_new(d, shard);
    job->app = app;
    job->endpoint = endpoint;
    job->health = *health;
    job->on_worker = write_health;
    job->on_loop = after_health;
    return job;
}

/* A disabling that was not written is tried every second until it is; lesser news are told anew anyway. */
static void after_health(struct deliver_engine_job *job)
{
    const struct deliver_engine_shard *es = job->es;
    bool is_refused = job->rc != RC_OK && job->rc != RC_NOT_FOUND;
    if (is_refused && job->health.disable && !es->d->is_freeing && es->stopping == NULL)
        engine_jobs_hold(health_job_new(es->d, es->shard, job->app, job->endpoint, &job->health));
}

void deliver_engine_health(void *ctx, struct deliver_shard *shard, int64_t app, int64_t endpoint,
                           const struct deliver_health *health)
{
    struct deliver *d = ctx;
    if (!d->is_freeing)
        engine_jobs_submit(health_job_new(d, shard, app, endpoint, health));
}
