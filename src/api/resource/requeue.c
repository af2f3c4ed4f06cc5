/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking for deliveries to be sent again, and erasing, from a worker: the store does it in its own thread,
 * deliver/ hears of it on its loops, and the worker waits for both.
 */
#include "api/resource/requeue_priv.h"
#include "work/wait.h"

struct batch {
    struct work_wait wait;
    atomic_size_t left;
};

struct requeue {
    struct store_requeue job;
    struct api *api;
    struct batch *batch;
    enum rc rc;
};

static void work_over(void *wait)
{
    work_wait_over(wait);
}

static void requeue_leave(struct batch *b)
{
    if (atomic_fetch_sub_explicit(&b->left, 1, memory_order_acq_rel) == 1)
        work_wait_over(&b->wait);
}

static void requeue_requeued(struct store_job *job)
{
    struct requeue *r = CONTAINER_OF(job, struct requeue, job.job);
    r->rc = job->rc;
    if (job->rc == RC_OK && r->job.message_out != NULL) {
        deliver_hand_over_again(r->api->o.deliver, r->job.message_out, &r->job.due);
        store_message_unref(r->job.message_out);
    }
    requeue_leave(r->batch);
}

/* All of an endpoint's by one loop, so that its lane hears of them in this order. */
static struct requeue requeue_of(struct api *api, struct batch *b, const struct id *message,
                                 const struct api_again *again, int64_t now_us)
{
    struct loop *loop = api->o.loops[(uint64_t)again->endpoint % api->o.loop_count];
    return (struct requeue){ .job = { .job = { .loop = loop, .done = requeue_requeued },
                                      .message = *message,
                                      .app = again->app,
                                      .endpoint = again->endpoint,
                                      .now_us = now_us,
                                      .create_missing = again->create_missing,
                                      .task = again->task },
                             .api = api,
                             .batch = b };
}

/* It may go well later. */
static bool is_for_now(enum rc rc)
{
    return rc == RC_BUSY || rc == RC_IO || rc == RC_LIMIT;
}

/* What is wrong with the store counts before what is wrong with one of several messages, which is passed over. */
static enum rc requeue_worse(enum rc so_far, enum rc rc, size_t count)
{
    if (so_far == RC_CORRUPT || rc == RC_CORRUPT)
        return RC_CORRUPT;
    return is_for_now(rc) || count == 1 ? rc : so_far;
}

enum rc api_requeue_many(struct api *api, const struct api_again *again, const struct id *messages,
                         size_t count, size_t *done)
{
    *done = 0;
    if (api->o.deliver == NULL)
        return RC_BUSY;
    if (count == 0)
        return RC_OK;
    struct batch b;
    work_wait_init(&b.wait);
    atomic_init(&b.left, count);
    struct requeue *list = xcalloc(count, sizeof(*list));
    int64_t now_us = clock_wall_us(store_clock(api->o.store));
    for (size_t i = 0; i < count; i++) {
        list[i] = requeue_of(api, &b, &messages[i], again, now_us);
        enum rc rc = store_submit_requeue(api->o.store, &list[i].job);
        if (rc != RC_OK) { /* else it is the loop's already */
            list[i].rc = rc;
            requeue_leave(&b);
        }
    }
    work_wait(&b.wait);
    enum rc rc = RC_OK;
    for (size_t i = 0; i < count; i++) {
        *done += list[i].rc == RC_OK;
        rc = requeue_worse(rc, list[i].rc, count);
    }
    xfree(list);
    return rc;
}

enum rc api_requeue(struct api *api, const struct id *message, int64_t app, int64_t endpoint,
                    bool create_missing)
{
    size_t done = 0;
    const struct api_again again = { .app = app,
                                     .endpoint = endpoint,
                                     .create_missing = create_missing };
    return api_requeue_many(api, &again, message, 1, &done);
}

/* --- canceling -------------------------------------------------------------------------------- */

struct cancel {
    struct store_outcome job;
    struct batch *batch;
    enum rc rc;
};

static void requeue_canceled(struct store_job *job)
{
    struct cancel *c =
        CONTAINER_OF(CONTAINER_OF(job, struct store_outcome, job), struct cancel, job);
    c->rc = job->rc;
    requeue_leave(c->batch);
}

static void submit_cancel(struct api *api, struct batch *b, int64_t app, const struct api_waits *w,
                          struct cancel *c)
{
    *c = (struct cancel){ .job = { .job = { .loop = api_loop(api), .done = requeue_canceled },
                                   .message = w->message,
                                   .app = app,
                                   .endpoint = w->endpoint,
                                   .from = w->state,
                                   .to = STORE_CANCELED,
                                   .reason = STORE_REASON_BY_HAND },
                          .batch = b };
    store_submit_outcome(api->o.store, &c->job);
}

/* Those that wait in the state they were seen in. */
static void cancel_each(struct api *api, int64_t app, const struct api_waits *list,
                        struct cancel *jobs, size_t count, bool is_again)
{
    struct batch b;
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        left += !is_again || jobs[i].rc == RC_CONFLICT;
    if (left == 0)
        return;
    work_wait_init(&b.wait);
    atomic_init(&b.left, left);
    for (size_t i = 0; i < count; i++) {
        struct api_waits w = list[i];
        if (is_again && jobs[i].rc != RC_CONFLICT)
            continue;
        if (is_again)
            w.state = STORE_SENDING;
        submit_cancel(api, &b, app, &w, &jobs[i]);
    }
    work_wait(&b.wait);
}

static void drop_canceled(struct api *api, const struct cancel *jobs, size_t count)
{
    struct deliver_erasure *list = xcalloc(count, sizeof(*list));
    struct work_wait wait;
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (jobs[i].rc == RC_OK)
            list[found++] = (struct deliver_erasure){ jobs[i].job.message, jobs[i].job.endpoint,
                                                      .lets_finish = true };
    if (found > 0) {
        work_wait_init(&wait);
        deliver_erase(api->o.deliver, list, found, work_over, &wait);
        work_wait(&wait);
    }
    xfree(list);
}

enum rc api_cancel_many(struct api *api, int64_t app, const struct api_waits *list, size_t count,
                        size_t *done)
{
    enum rc rc = RC_OK;
    *done = 0;
    if (api->o.deliver == NULL)
        return RC_BUSY;
    if (count == 0)
        return RC_OK;
    struct cancel *jobs = xcalloc(count, sizeof(*jobs));
    cancel_each(api, app, list, jobs, count, false);
    cancel_each(api, app, list, jobs, count,
                true); /* an attempt failed meanwhile: it waits for another */
    drop_canceled(api, jobs, count);
    for (size_t i = 0; i < count; i++) {
        *done += jobs[i].rc == RC_OK;
        if (jobs[i].rc != RC_OK && jobs[i].rc != RC_CONFLICT)
            rc = jobs[i].rc;
    }
    xfree(jobs);
    return rc;
}

/* --- erasing ---------------------------------------------------------------------------------- */

struct expunge {
    struct store_expunge job;
    struct batch *batch;
    enum rc rc;
};

static void requeue_expunged(struct store_job *job)
{
    struct expunge *e = CONTAINER_OF(job, struct expunge, job.job);
    e->rc = job->rc;
    requeue_leave(e->batch);
}

/* Waits until no loop holds anything of them. */
static void drop_from_memory(struct api *api, const struct expunge *list, size_t count)
{
    size_t room = 0, found = 0;
    for (size_t i = 0; i < count; i++)
        room += list[i].job.canceled_count;
    if (room == 0 || api->o.deliver == NULL)
        return;
    struct deliver_erasure *erasures = xcalloc(room, sizeof(*erasures));
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; list[i].rc == RC_OK && k < list[i].job.canceled_count; k++)
            erasures[found++] = (struct deliver_erasure){ .message = list[i].job.message,
                                                          .endpoint = list[i].job.canceled[k] };
    struct work_wait wait;
    work_wait_init(&wait);
    deliver_erase(api->o.deliver, erasures, found, work_over, &wait);
    work_wait(&wait);
    xfree(erasures);
}

/* `attempt`: of the one message; NULL: payloads. */
static enum rc expunge_all(struct api *api, const struct id *messages, size_t count, int64_t app,
                           const struct id *attempt, size_t *done)
{
    struct batch b;
    enum rc rc = RC_OK;
    *done = 0;
    if (count == 0)
        return RC_OK;
    work_wait_init(&b.wait);
    atomic_init(&b.left, count);
    struct expunge *list = xcalloc(count, sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        list[i] =
            (struct expunge){ .job = { .job = { .loop = api_loop(api), .done = requeue_expunged },
                                       .message = messages[i],
                                       .app = app,
                                       .has_attempt = attempt != NULL },
                              .batch = &b };
        if (attempt != NULL)
            list[i].job.attempt = *attempt;
        enum rc refused = store_submit_expunge(api->o.store, &list[i].job);
        if (refused != RC_OK) {
            list[i].rc = refused;
            requeue_leave(&b);
        }
    }
    work_wait(&b.wait);
    drop_from_memory(api, list, count);
    for (size_t i = 0; i < count; i++) {
        *done += list[i].rc == RC_OK;
        rc = requeue_worse(rc, list[i].rc, count);
        xfree(list[i].job.canceled);
    }
    xfree(list);
    return rc;
}

enum rc api_expunge_many(struct api *api, const struct id *messages, size_t count, int64_t app,
                         size_t *done)
{
    return expunge_all(api, messages, count, app, NULL, done);
}

enum rc api_expunge(struct api *api, const struct id *message, int64_t app,
                    const struct id *attempt)
{
    size_t done = 0;
    return expunge_all(api, message, 1, app, attempt, &done);
}
