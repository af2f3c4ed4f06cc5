/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for one delivery: whoever has to answer a request only when a receiver has the message. A
 * watch lives on the shard of its endpoint; it ends with the first attempt that is recorded, with its
 * time, or with the engine's stop, and is told on the loop it came from.
 */
#include "deliver/engine_priv.h"

struct deliver_watch {
    struct loop_task task;
    struct loop_timer timer; /* on the shard's loop */
    struct deliver_engine_shard *es;
    struct deliver_watch *next;
    struct id message;
    int64_t endpoint;
    int64_t until_us;
    struct loop *loop;
    deliver_watch_fn fn;
    void *arg;
    bool is_delivered;
};

static void watch_tell(void *arg)
{
    struct deliver_watch *w = arg;
    w->fn(w->arg, w->is_delivered);
    xfree(w);
}

static void watch_end(struct deliver_watch *w, bool is_delivered)
{
    struct deliver_watch **at = &w->es->watches;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    loop_timer_stop(w->es->loop, &w->timer);
    w->is_delivered = is_delivered;
    w->task = (struct loop_task){ .fn = watch_tell, .arg = w };
    loop_post(w->loop, &w->task);
}

static void on_time(void *arg)
{
    watch_end(arg, false);
}

static void watch_begin(void *arg)
{
    struct deliver_watch *w = arg;
    w->next = w->es->watches;
    w->es->watches = w;
    w->timer = (struct loop_timer){ .fn = on_time, .arg = w };
    loop_timer_set(w->es->loop, &w->timer, w->until_us);
    if (w->es->stopping != NULL)
        watch_end(w, false);
}

void deliver_watch(struct deliver *d, int64_t endpoint, const struct id *message, int64_t until_us,
                   struct loop *loop, deliver_watch_fn fn, void *arg)
{
    struct deliver_watch *w = XNEW(struct deliver_watch);
    w->es = &d->shards[(uint64_t)endpoint % d->o.loop_count];
    w->message = *message;
    w->endpoint = endpoint;
    w->until_us = until_us;
    w->loop = loop;
    w->fn = fn;
    w->arg = arg;
    w->task = (struct loop_task){ .fn = watch_begin, .arg = w };
    loop_post(w->es->loop, &w->task);
}

void deliver_engine_settled(void *ctx, const struct store_outcome *o)
{
    struct deliver *d = ctx;
    struct deliver_engine_shard *es = &d->shards[(uint64_t)o->endpoint % d->o.loop_count];
    struct deliver_watch *w = es->watches;
    while (w != NULL && (w->endpoint != o->endpoint ||
                         memcmp(&w->message, &o->message, sizeof(w->message)) != 0))
        w = w->next;
    if (w != NULL)
        watch_end(w, o->success);
}

void deliver_engine_watches_end(struct deliver_engine_shard *es)
{
    while (es->watches != NULL)
        watch_end(es->watches, false);
}
