/* SPDX-License-Identifier: Apache-2.0
 *
 * See broker/links_priv.h.
 */
#include "broker/links_priv.h"

#include <sys/socket.h>

static void links_take_out(struct broker_pool *pool, struct broker_link *link)
{
    struct broker_link **at = &pool->links;
    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    pool->link_count--;
}

bool broker_links_retire(struct broker_link *link)
{
    struct broker_pool *pool = link->pool;
    int64_t now_us = clock_mono_us(clock_system());
    mutex_lock(&pool->lock);
    bool is_stopping = atomic_load(&link->is_stopping);
    bool is_idle = link->users == 0 && link->idle_since_us != 0 &&
                   now_us - link->idle_since_us >= pool->o.idle_us;
    if (is_idle && !is_stopping) {
        links_take_out(pool, link);
        link->next = pool->ended;
        pool->ended = link;
    }
    mutex_unlock(&pool->lock);
    return is_idle || is_stopping;
}

void broker_links_set_fd(struct broker_link *link, int fd)
{
    mutex_lock(&link->pool->lock);
    link->fd = fd;
    mutex_unlock(&link->pool->lock);
}

void broker_links_note_busy(struct broker_link *link)
{
    atomic_store(&link->busy_since_us, clock_mono_us(clock_system()));
}

/* Its thread does not come back from the library, or the broker confirms nothing. */
static bool is_dead(const struct broker_link *link, int64_t started_us)
{
    int64_t busy_us = atomic_load(&link->busy_since_us);
    if (busy_us != 0 && clock_mono_us(clock_system()) - busy_us >= BROKER_STUCK_US)
        return true;
    return atomic_load(&link->state) != BROKER_BLOCKED && atomic_load(&link->heard_us) < started_us;
}

void broker_links_cut_if_dead(struct broker_link *link, int64_t started_us)
{
    if (!is_dead(link, started_us))
        return;
    mutex_lock(&link->pool->lock);
    if (link->fd >= 0)
        (void)shutdown(link->fd, SHUT_RDWR);
    mutex_unlock(&link->pool->lock);
}
