/* SPDX-License-Identifier: Apache-2.0
 *
 * Putting deliveries back to pending, and expunging, from a worker: the store does it in its own
 * thread, the delivery is handed over on a loop, and the worker waits for both.
 */
#include "api/task_priv.h"
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

static void leave(struct batch *b)
{
    if (atomic_fetch_sub_explicit(&b->left, 1, memory_order_acq_rel) == 1)
        work_wait_over(&b->wait);
}

static void requeued(struct store_job *job)
{
    struct requeue *r = CONTAINER_OF(job, struct requeue, job.job);
    r->rc = job->rc;
    if (job->rc == RC_OK && r->job.message_out != NULL) {
        deliver_hand_over_again(r->api->o.deliver, r->job.message_out, r->job.endpoint,
                                r->job.due_us, r->job.attempt_count_out, r->job.trigger);
        store_message_unref(r->job.message_out);
    }
    leave(r->batch);
}

/* All of an endpoint's by one loop, so that its lane hears of them in this order. */
static struct requeue requeue_of(struct api *api, struct batch *b, const struct id *message,
                                 int64_t app, int64_t endpoint, int64_t due_us, bool create_missing)
{
    struct loop *loop = api->o.loops[(uint64_t)endpoint % api->o.loop_count];
    return (struct requeue){ .job = { .job = { .loop = loop, .done = requeued },
                                      .message = *message,
                                      .app = app,
                                      .endpoint = endpoint,
                                      .due_us = due_us,
                                      .trigger = STORE_MANUAL,
                                      .create_missing = create_missing },
                             .api = api,
                             .batch = b };
}

enum rc api_requeue_many(struct api *api, const struct id *messages, size_t count, int64_t app,
                         int64_t endpoint, bool create_missing, size_t *done)
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
    int64_t due_us = clock_wall_us(api->o.clock);
    for (size_t i = 0; i < count; i++) {
        list[i] = requeue_of(api, &b, &messages[i], app, endpoint, due_us, create_missing);
        enum rc rc = store_submit_requeue(api->o.store, &list[i].job);
        if (rc != RC_OK) { /* else it is the loop's already */
            list[i].rc = rc;
            leave(&b);
        }
    }
    work_wait(&b.wait);
    enum rc rc = RC_OK;
    for (size_t i = 0; i < count; i++) {
        *done += list[i].rc == RC_OK;
        if (list[i].rc == RC_BUSY || list[i].rc == RC_IO || list[i].rc == RC_CORRUPT)
            rc = list[i].rc;
        else if (count == 1)
            rc = list[i].rc;
    }
    xfree(list);
    return rc;
}

enum rc api_requeue(struct api *api, const struct id *message, int64_t app, int64_t endpoint,
                    bool create_missing)
{
    size_t done = 0;
    return api_requeue_many(api, message, 1, app, endpoint, create_missing, &done);
}

struct expunge {
    struct store_expunge job;
    struct work_wait wait;
    enum rc rc;
};

static void expunged(struct store_job *job)
{
    struct expunge *e = CONTAINER_OF(job, struct expunge, job.job);
    e->rc = job->rc;
    work_wait_over(&e->wait);
}

enum rc api_expunge(struct api *api, const struct id *message, int64_t app,
                    const struct id *attempt)
{
    struct expunge e = { .job = { .job = { .loop = api_loop(api), .done = expunged },
                                  .message = *message,
                                  .app = app,
                                  .has_attempt = attempt != NULL } };
    if (attempt != NULL)
        e.job.attempt = *attempt;
    work_wait_init(&e.wait);
    enum rc rc = store_submit_expunge(api->o.store, &e.job);
    if (rc != RC_OK) {
        work_wait_fini(&e.wait);
        return rc;
    }
    work_wait(&e.wait);
    return e.rc;
}
