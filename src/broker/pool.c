/* SPDX-License-Identifier: Apache-2.0
 *
 * Which connections there are. The lock (with links.c, the one of the module) is taken for a moment a message,
 * never while anything blocks.
 */
#include "broker/pool_priv.h"

#include "broker/job_priv.h"
#include "broker/link_priv.h"

#include <errno.h>
#include <sys/socket.h>

struct broker_pool *broker_pool_new(const struct broker_options *o)
{
    struct broker_pool *pool = XNEW(struct broker_pool);
    pool->o = *o;
    pool->o.policy = fetch_policy_ref(o->policy);
    mutex_init(&pool->lock);
    return pool;
}

static bool pool_is_same(const struct broker_url *a, const struct broker_url *b)
{
    return a->tls == b->tls && a->port == b->port && str_eq(a->host, b->host) &&
           str_eq(a->vhost, b->vhost) && str_eq(a->user, b->user) &&
           str_eq_constant_time(a->password, b->password);
}

static void wipe_url(void *arg)
{
    struct broker_link *link = arg;
    char *password = NULL;
    memcpy(&password, &link->url.password.ptr, sizeof(password)); /* the arena's own bytes */
    mem_wipe(password, link->url.password.len);
}

static struct broker_link *link_new(struct broker_pool *pool, const struct broker_url *url)
{
    struct broker_link *link = XNEW(struct broker_link);
    arena_init(&link->arena);
    link->pool = pool;
    link->url = *url;
    link->url.user = arena_str(&link->arena, url->user);
    link->url.password = arena_str(&link->arena, url->password);
    link->host = arena_cstr(&link->arena, url->host);
    link->url.host = str_of(link->host, url->host.len);
    link->url.vhost = arena_str(&link->arena, url->vhost);
    link->url.shown = arena_str(&link->arena, url->shown);
    arena_defer(&link->arena, wipe_url, link);
    link->fd = -1;
    atomic_init(&link->state, BROKER_DOWN);
    atomic_init(&link->is_stopping, false);
    atomic_init(&link->is_gone, false);
    atomic_init(&link->busy_since_us, 0);
    atomic_init(&link->heard_us, 0);
    return link;
}

static void link_free(struct broker_link *link)
{
    thread_join(link->thread); /* NULL: it was waited for before */
    loop_free(link->loop);
    arena_fini(&link->arena);
    xfree(link);
}

/* Takes those out that can be joined at once. The others are still saying goodbye to their brokers, which may take a
 * second: no loop waits for that. Under the lock. */
static struct broker_link *pool_take_gone(struct broker_pool *pool)
{
    struct broker_link *gone = NULL;
    for (struct broker_link **at = &pool->ended, *link; (link = *at) != NULL;) {
        if (!atomic_load(&link->is_gone)) {
            at = &link->next;
            continue;
        }
        *at = link->next;
        link->next = gone;
        gone = link;
    }
    return gone;
}

/* Joins their threads. */
static void pool_reap(struct broker_link *ended)
{
    for (struct broker_link *next; ended != NULL; ended = next) {
        next = ended->next;
        link_free(ended);
    }
}

static struct broker_link *pool_find(const struct broker_pool *pool, const struct broker_url *url)
{
    struct broker_link *link = pool->links;
    while (link != NULL && !pool_is_same(&link->url, url))
        link = link->next;
    return link;
}

static struct broker_link *pool_make(struct broker_pool *pool, const struct broker_url *url,
                                     struct broker_result *why)
{
    if (pool->link_count >= pool->o.connections_max) {
        broker_result_say(why, BROKER_BUSY, 0,
                          "%zu other brokers are in use, which is the limit (amqp.connections_max)",
                          pool->o.connections_max);
        return NULL;
    }
    struct broker_link *link = link_new(pool, url);
    link->loop = loop_new("broker", clock_system());
    if (link->loop == NULL) {
        broker_result_say(why, BROKER_BUSY, 0, "the server is short of descriptors: %s",
                          strerrordesc_np(errno));
        link_free(link);
        return NULL;
    }
    link->thread = thread_start("broker", THREAD_OTHER, broker_link_run, link);
    if (link->thread == NULL) {
        broker_result_say(why, BROKER_BUSY, 0, "the server can start no thread for another broker");
        link_free(link);
        return NULL;
    }
    link->next = pool->links;
    pool->links = link;
    pool->link_count++;
    return link;
}

struct broker_link *broker_pool_take(struct broker_pool *pool, const struct broker_url *url,
                                     struct broker_result *why)
{
    mutex_lock(&pool->lock);
    struct broker_link *gone = pool_take_gone(pool);
    struct broker_link *link = pool_find(pool, url);
    if (link == NULL)
        link = pool_make(pool, url, why);
    if (link != NULL)
        link->users++;
    mutex_unlock(&pool->lock);
    pool_reap(gone);
    return link;
}

void broker_pool_give_back(struct broker_link *link)
{
    struct broker_pool *pool = link->pool;
    mutex_lock(&pool->lock);
    link->users--;
    link->idle_since_us = clock_mono_us(clock_system());
    mutex_unlock(&pool->lock);
}

static void pool_wake(void *arg)
{
    (void)arg; /* that the loop turns is all */
}

void broker_pool_stop(struct broker_pool *pool)
{
    if (pool == NULL)
        return;
    mutex_lock(&pool->lock);
    for (struct broker_link *link = pool->links; link != NULL; link = link->next) {
        atomic_store(&link->is_stopping, true);
        if (link->fd >= 0)
            (void)shutdown(link->fd, SHUT_RDWR); /* ends a write that the broker does not take */
        link->wake_task = (struct loop_task){ .fn = pool_wake };
        loop_post(link->loop, &link->wake_task);
    }
    mutex_unlock(&pool->lock);
    for (struct broker_link *link = pool->links; link != NULL; link = link->next) {
        thread_join(link->thread);
        link->thread = NULL;
    }
}

void broker_pool_free(struct broker_pool *pool)
{
    if (pool == NULL)
        return;
    pool_reap(pool->links);
    pool_reap(pool->ended);
    fetch_policy_unref(pool->o.policy);
    mutex_fini(&pool->lock);
    xfree(pool);
}
