/* SPDX-License-Identifier: Apache-2.0
 *
 * The shards on their loops. An endpoint's shard is its number modulo the count of loops.
 */
#include "deliver/engine_priv.h"

#include "metrics/metrics.h"
#include "store/held.h"

static const int64_t age_every_us = 5000000;
static const int64_t stop_check_us = 5000;

static struct deliver_engine_shard *shard_for(struct deliver *d, int64_t endpoint)
{
    return &d->shards[(uint64_t)endpoint % d->o.loop_count];
}

/* --- running ---------------------------------------------------------------------------------- */

static void tell_age(struct deliver_engine_shard *es)
{
    struct deliver_shard_stats stats;
    int64_t now_us = loop_now_us(es->loop);
    if (es->age_told_at_us != 0 && now_us - es->age_told_at_us < age_every_us)
        return;
    deliver_shard_stats(es->shard, &stats);
    int64_t age_s =
        stats.oldest_due_us == 0
            ? 0
            : (clock_wall_us(store_clock(es->d->o.store)) - stats.oldest_due_us) / 1000000;
    metrics_add(METRIC_DELIVER_AGE, age_s - es->age_told_s);
    es->age_told_s = age_s;
    es->age_told_at_us = now_us;
}

/* A loop that is only emptied (its thread has ended, or never ran) starts nothing new. */
static void engine_run(void *arg)
{
    struct deliver_engine_shard *es = arg;
    if (thread_kind() != THREAD_LOOP)
        return;
    loop_timer_set(es->loop, &es->timer, deliver_shard_run(es->shard));
    tell_age(es);
}

static void run_woken(void *arg)
{
    struct deliver_engine_shard *es = arg;
    es->is_run_posted = false;
    engine_run(es);
}

/* Run in the next turn, so that everything that comes in this one is served together. The timer may
 * run the shard while the task is still on its way, and the shard then asks again: it is posted once. */
static void engine_wake(void *ctx)
{
    struct deliver_engine_shard *es = ctx;
    if (es->is_run_posted)
        return;
    es->is_run_posted = true;
    loop_post(es->loop, &es->run_task);
}

/* --- the backend ------------------------------------------------------------------------------ */

static void engine_record(void *ctx, struct deliver_shard *shard, struct store_outcome *o)
{
    struct deliver *d = ctx;
    (void)shard;
    o->job.loop = shard_for(d, o->endpoint)->loop;
    store_submit_outcome(d->o.store, o);
}

static bool engine_may_send(void *ctx)
{
    const struct deliver *d = ctx;
    return store_may_deliver(d->o.store);
}

static bool engine_is_held(void *ctx, int64_t app)
{
    const struct deliver *d = ctx;
    return store_app_is_held(d->o.store, app);
}

static struct core_app *engine_app(void *ctx, int64_t num)
{
    struct deliver *d = ctx;
    return core_directory_get(d->o.directory, num);
}

static void engine_notice(void *ctx, const char *what, const struct store_outcome *o)
{
    struct deliver *d = ctx;
    if (d->o.notice != NULL)
        d->o.notice(d->o.notice_ctx, what, o);
}

static struct deliver_shard *make_shard(struct deliver_engine_shard *es, size_t i)
{
    struct deliver *d = es->d;
    return deliver_shard_new(&(struct deliver_shard_options){
        .clock = store_clock(d->o.store),
        .wall = d->o.clock,
        .rng = d->o.rng,
        .ids = store_ids(d->o.store),
        .clients = d->o.clients[i],
        .backend = { .ctx = d,
                     .record = engine_record,
                     .refill = deliver_engine_refill,
                     .load = deliver_engine_load,
                     .app = engine_app,
                     .want_app = deliver_engine_want_app,
                     .may_send = engine_may_send,
                     .is_held = engine_is_held,
                     .health = deliver_engine_health,
                     .notice = engine_notice,
                     .settled = deliver_engine_settled,
                     .transform = d->o.transforms == NULL ? NULL : deliver_engine_transform },
        .limits = d->o.limits,
        .user_agent = d->o.user_agent,
        .wake = engine_wake,
        .wake_ctx = es,
    });
}

/* --- configuration changed -------------------------------------------------------------------- */

struct changed {
    struct loop_task task;
    struct deliver_engine_shard *es;
    int64_t app, what;
};

static void take_change(void *arg)
{
    struct changed *c = arg;
    deliver_shard_app_changed(c->es->shard, c->app, c->what);
    xfree(c);
}

static void on_change(void *ctx, int64_t app_num, int64_t what)
{
    struct deliver *d = ctx;
    for (size_t i = 0; i < d->o.loop_count; i++) {
        struct changed *c = XNEW(struct changed);
        *c = (struct changed){ .task = { .fn = take_change, .arg = c },
                               .es = &d->shards[i],
                               .app = app_num,
                               .what = what };
        loop_post(d->shards[i].loop, &c->task);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

struct deliver *deliver_new(const struct deliver_options *o)
{
    MUST(o->loop_count > 0);
    struct deliver *d = XNEW(struct deliver);
    d->o = *o;
    d->shards = xcalloc(o->loop_count, sizeof(*d->shards));
    for (size_t i = 0; i < o->loop_count; i++) {
        struct deliver_engine_shard *es = &d->shards[i];
        es->d = d;
        es->loop = o->loops[i];
        es->run_task = (struct loop_task){ .fn = run_woken, .arg = es };
        es->timer = (struct loop_timer){ .fn = engine_run, .arg = es };
        deliver_engine_jobs_init(es);
        es->shard = make_shard(es, i);
    }
    core_directory_on_change(o->directory, on_change, d);
    return d;
}

enum rc deliver_start(struct deliver *d)
{
    struct arena a;
    struct store_due_endpoint *list = NULL;
    size_t count = 0;
    int64_t deliveries = 0;
    arena_init(&a);
    enum rc rc = store_due_endpoints(d->o.store, &a, &list, &count);
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        deliver_shard_backlog(shard_for(d, list[i].endpoint)->shard, list[i].app, list[i].endpoint,
                              list[i].first_due_us);
        deliveries += list[i].count;
    }
    arena_fini(&a);
    if (rc == RC_OK)
        LOG(DELIVER_STARTED, F_INT("endpoints", count), F_INT("deliveries", deliveries));
    return rc;
}

void deliver_free(struct deliver *d)
{
    if (d == NULL)
        return;
    d->is_freeing = true;
    for (size_t i = 0; i < d->o.loop_count; i++) {
        struct deliver_engine_shard *es = &d->shards[i];
        deliver_shard_free(es->shard);
        /* The loops outlive this and may be turned once more. */
        loop_timer_stop(es->loop, &es->timer);
        deliver_engine_watches_end(es);
        deliver_engine_jobs_fini(es);
        loop_timer_stop(es->loop, &es->stop_timer);
    }
    xfree(d->shards);
    xfree(d);
}

/* --- handing over ----------------------------------------------------------------------------- */

struct handed {
    struct loop_task task;
    struct deliver_engine_shard *es;
    struct store_message *message; /* a reference */
    int64_t due_us;
    size_t count;
    int64_t endpoints[];
};

static void take_handed(void *arg)
{
    struct handed *h = arg;
    for (size_t i = 0; i < h->count; i++)
        deliver_shard_add(h->es->shard, h->message, h->endpoints[i], h->due_us, 0, STORE_SCHEDULED);
    store_message_unref(h->message);
    xfree(h);
}

static struct handed *handed_new(struct deliver_engine_shard *es, struct store_message *message,
                                 size_t room)
{
    struct handed *h = xmalloc(sizeof(*h) + room * sizeof(h->endpoints[0]));
    *h = (struct handed){ .task = { .fn = take_handed, .arg = h },
                          .es = es,
                          .message = store_message_ref(message) };
    return h;
}

void deliver_hand_over(struct deliver *d, struct store_message *message, const int64_t *endpoints,
                       size_t count)
{
    for (size_t n = 0; n < d->o.loop_count; n++) {
        struct deliver_engine_shard *es = &d->shards[n];
        struct handed *h = NULL;
        for (size_t i = 0; i < count; i++) {
            if (shard_for(d, endpoints[i]) != es)
                continue;
            if (h == NULL)
                h = handed_new(es, message, count - i);
            h->endpoints[h->count++] = endpoints[i];
        }
        if (h == NULL)
            continue;
        h->due_us = message->due_us;
        loop_post(es->loop, &h->task);
    }
}

struct asked {
    struct loop_task task;
    struct deliver_engine_shard *es;
    struct store_message *message; /* a reference */
    struct store_due due;
};

static void take_asked(void *arg)
{
    struct asked *asked = arg;
    deliver_shard_ask(asked->es->shard, asked->message, &asked->due);
    store_message_unref(asked->message);
    xfree(asked);
}

void deliver_hand_over_again(struct deliver *d, struct store_message *message,
                             const struct store_due *due)
{
    struct asked *asked = XNEW(struct asked);
    *asked = (struct asked){ .task = { .fn = take_asked, .arg = asked },
                             .es = shard_for(d, due->endpoint),
                             .message = store_message_ref(message),
                             .due = *due };
    loop_post(asked->es->loop, &asked->task);
}

/* --- stopping --------------------------------------------------------------------------------- */

struct deliver_stopping {
    struct loop *loop;
    int64_t until_us;
    loop_fn done;
    void *arg;
    size_t left; /* shards, counted on `loop` */
};

static void shard_stopped(void *arg)
{
    struct deliver_engine_shard *es = arg;
    struct deliver_stopping *stopping = es->stopping;
    if (--stopping->left > 0)
        return;
    loop_fn done = stopping->done;
    void *done_arg = stopping->arg;
    xfree(stopping);
    done(done_arg);
}

static void check_stopped(void *arg)
{
    struct deliver_engine_shard *es = arg;
    int64_t now_us = loop_now_us(es->loop);
    if (now_us >= es->stopping->until_us)
        deliver_shard_cut(es->shard);
    if (deliver_shard_is_quiet(es->shard) && es->jobs_out == 0) {
        loop_timer_stop(es->loop, &es->timer);
        loop_post(es->stopping->loop, &es->stopped_task);
        return;
    }
    loop_timer_set(es->loop, &es->stop_timer, now_us + stop_check_us);
}

static void stop_shard(void *arg)
{
    struct deliver_engine_shard *es = arg;
    deliver_shard_stop(es->shard);
    check_stopped(es);
}

void deliver_stop(struct deliver *d, struct loop *loop, int64_t until_us, loop_fn done, void *arg)
{
    struct deliver_stopping *stopping = XNEW(struct deliver_stopping);
    *stopping = (struct deliver_stopping){ loop, until_us, done, arg, d->o.loop_count };
    for (size_t i = 0; i < d->o.loop_count; i++) {
        struct deliver_engine_shard *es = &d->shards[i];
        es->stopping = stopping;
        es->stop_task = (struct loop_task){ .fn = stop_shard, .arg = es };
        es->stopped_task = (struct loop_task){ .fn = shard_stopped, .arg = es };
        es->stop_timer = (struct loop_timer){ .fn = check_stopped, .arg = es };
        loop_post(es->loop, &es->stop_task);
    }
}

/* --- settings and questions ------------------------------------------------------------------- */

struct new_limits {
    struct loop_task task;
    struct deliver_engine_shard *es;
    struct deliver_limits limits;
    int64_t delays_us[CORE_RETRY_MAX];
};

static void take_limits(void *arg)
{
    struct new_limits *n = arg;
    deliver_shard_set_limits(n->es->shard, &n->limits);
    xfree(n);
}

void deliver_set_limits(struct deliver *d, const struct deliver_limits *limits)
{
    MUST(limits->retry.count <= CORE_RETRY_MAX);
    for (size_t i = 0; i < d->o.loop_count; i++) {
        struct new_limits *n = XNEW(struct new_limits);
        n->task = (struct loop_task){ .fn = take_limits, .arg = n };
        n->es = &d->shards[i];
        n->limits = *limits;
        for (size_t k = 0; k < limits->retry.count; k++)
            n->delays_us[k] = limits->retry.delays_us[k];
        n->limits.retry.delays_us = n->delays_us;
        loop_post(n->es->loop, &n->task);
    }
}

struct question {
    struct loop_task task;
    struct deliver_engine_shard *es;
    int64_t endpoint;
    struct loop *loop;
    deliver_lane_fn fn;
    void *arg;
    struct deliver_lane_info info;
};

static void engine_answer(void *arg)
{
    struct question *q = arg;
    q->fn(q->arg, &q->info);
    xfree(q);
}

static void engine_look(void *arg)
{
    struct question *q = arg;
    (void)deliver_shard_lane(q->es->shard, q->endpoint, &q->info);
    q->task = (struct loop_task){ .fn = engine_answer, .arg = q };
    loop_post(q->loop, &q->task);
}

void deliver_lane_ask(struct deliver *d, int64_t endpoint, struct loop *loop, deliver_lane_fn fn,
                      void *arg)
{
    struct question *q = XNEW(struct question);
    *q = (struct question){
        .es = shard_for(d, endpoint), .endpoint = endpoint, .loop = loop, .fn = fn, .arg = arg
    };
    q->task = (struct loop_task){ .fn = engine_look, .arg = q };
    loop_post(q->es->loop, &q->task);
}
