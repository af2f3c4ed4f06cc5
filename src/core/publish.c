/* SPDX-License-Identifier: Apache-2.0
 *
 * See core/publish.h. The destinations are matched into the same allocation the job lives in, so
 * that nothing of the request is needed once it is submitted.
 */
#include "core/publish.h"

#include "base/base.h"
#include "core/filters.h"
#include "metrics/metrics.h"
#include "work/wait.h"

struct core_publisher {
    struct core_publisher_options o;
    struct loop **loops;
    atomic_size_t turn;
};

struct core_publisher *core_publisher_new(const struct core_publisher_options *o)
{
    MUST(o->loop_count > 0);
    struct core_publisher *p = XNEW(struct core_publisher);
    p->o = *o;
    p->loops = xmemdup(o->loops, o->loop_count * sizeof(struct loop *));
    return p;
}

void core_publisher_free(struct core_publisher *p)
{
    if (p == NULL)
        return;
    xfree(p->loops);
    xfree(p);
}

static struct core_publish *new_with_room(struct core_publisher *publisher,
                                          const struct store_message *message, size_t endpoints)
{
    struct core_publish *p = xcalloc(1, sizeof(*p) + endpoints * sizeof(int64_t));
    p->_publisher = publisher;
    p->store.message = store_message_new(message);
    p->store.endpoints = p->_endpoints;
    return p;
}

struct core_publish *core_publish_new(struct core_publisher *publisher, const struct core_app *app,
                                      const struct store_message *message,
                                      const struct str *channels, size_t channel_count)
{
    size_t room = core_match_bound(app, message->event_type, channels, channel_count);
    if (room > STORE_DESTINATIONS_MAX)
        room = STORE_DESTINATIONS_MAX;
    struct core_publish *p = new_with_room(publisher, message, room);
    size_t found =
        core_match(app, message->event_type, channels, channel_count, p->_endpoints, room);
    p->store.endpoint_count = core_filter(app, message, p->_endpoints, found);
    return p;
}

struct core_publish *core_publish_new_to(struct core_publisher *publisher,
                                         const struct core_app *app,
                                         const struct store_message *message, int64_t endpoint)
{
    struct core_publish *p = new_with_room(publisher, message, 1);
    const struct core_endpoint *ep = core_app_endpoint(app, endpoint);
    if (ep != NULL && !ep->disabled) {
        p->_endpoints[0] = endpoint;
        p->store.endpoint_count = 1;
    }
    return p;
}

static struct core_publish *also_at(const struct core_publish *p, size_t i)
{
    return CONTAINER_OF(p->_also[i], struct core_publish, store);
}

void core_publish_also(struct core_publish *p, struct core_publish *other)
{
    size_t count = p->store.also_count + 1;
    p->_also = xrealloc(p->_also, count * sizeof(struct store_publish *));
    p->_also[count - 1] = &other->store;
    p->store.also = p->_also;
    p->store.also_count = count;
}

void core_publish_free(struct core_publish *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->store.also_count; i++)
        core_publish_free(also_at(p, i));
    xfree(p->_also);
    store_message_unref(p->store.message);
    xfree(p);
}

size_t core_publish_new_count(const struct core_publish *p)
{
    size_t count = p->store.result == STORE_CREATED;
    for (size_t i = 0; i < p->store.also_count; i++)
        count += p->_also[i]->leads && p->_also[i]->result == STORE_CREATED;
    return count;
}

static void publish_hand_over(const struct core_publish *p)
{
    const struct core_publisher_options *o = &p->_publisher->o;
    bool is_new = p->store.result == STORE_CREATED;
    if (is_new && p->store.endpoint_count > 0 && o->hand_over != NULL)
        o->hand_over(o->hand_over_ctx, p->store.message, p->_endpoints, p->store.endpoint_count);
    for (size_t i = 0; i < p->store.also_count; i++)
        publish_hand_over(also_at(p, i));
}

static void count_accepted(const struct core_publish *p, bool is_whole)
{
    size_t count = core_publish_new_count(p);
    if (p->store.rule == STORE_RULE_BATCH)
        count = is_whole ? 1 + p->store.also_count : 0;
    metrics_add(METRIC_CORE_ACCEPTED, (int64_t)count);
}

static void publish_finish(struct store_job *job)
{
    struct core_publish *p = CONTAINER_OF(job, struct core_publish, store.job);
    bool made =
        job->rc == RC_OK && (p->store.rule == STORE_RULE_ITEMS || p->store.result == STORE_CREATED);
    for (size_t i = 0; p->store.rule == STORE_RULE_BATCH && i < p->store.also_count; i++)
        made = made && p->_also[i]->result == STORE_CREATED;
    if (job->rc == RC_OK && !p->is_own)
        count_accepted(p, made);
    p->done(p);
    if (made)
        publish_hand_over(p);
    core_publish_free(p);
}

static void publish_prepare(struct core_publish *p, struct loop *loop)
{
    p->store.job.loop = loop;
    p->store.job.done = publish_finish;
}

enum rc core_publish_submit(struct core_publish *p, struct loop *loop)
{
    MUST(p->done != NULL);
    publish_prepare(p, loop);
    return store_submit_publish(p->_publisher->o.store, &p->store);
}

enum rc core_publish_submit_all(struct core_publish **list, size_t count, struct loop *loop)
{
    if (count == 0)
        return RC_OK;
    struct store_publish **jobs = xcalloc(count, sizeof(struct store_publish *));
    for (size_t i = 0; i < count; i++) {
        publish_prepare(list[i], loop);
        jobs[i] = &list[i]->store;
    }
    enum rc rc = store_submit_publishes(list[0]->_publisher->o.store, jobs, count);
    xfree(jobs);
    return rc;
}

/* --- from a worker --------------------------------------------------------------------------------- */

struct waiter {
    struct work_wait wait;
    enum rc rc;
};

static void publish_wake(struct core_publish *p)
{
    struct waiter *w = p->arg;
    w->rc = p->store.job.rc;
    if (w->rc == RC_OK && p->store.result != STORE_CREATED)
        w->rc = RC_CONFLICT;
    work_wait_over(&w->wait);
}

enum rc core_publish_wait(struct core_publish *p)
{
    struct core_publisher *publisher = p->_publisher;
    size_t turn = atomic_fetch_add_explicit(&publisher->turn, 1, memory_order_relaxed);
    struct waiter w;
    work_wait_init(&w.wait);
    p->done = publish_wake;
    p->arg = &w;
    enum rc rc = core_publish_submit(p, publisher->loops[turn % publisher->o.loop_count]);
    if (rc != RC_OK) {
        core_publish_free(p);
        work_wait_fini(&w.wait);
        return rc;
    }
    work_wait(&w.wait);
    return w.rc;
}
