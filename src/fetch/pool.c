/* SPDX-License-Identifier: Apache-2.0
 *
 * See fetch/pool_priv.h.
 */
#include "fetch/pool_priv.h"

#include "fetch/conn_priv.h"

enum { PEAK_BITS = 32 /* no host has more calls at once than these can count */ };

static void idle_unlink(struct own_conn *conn)
{
    struct own_host *h = conn->host;
    struct own *own = h->own;

    *(conn->host_prev != NULL ? &conn->host_prev->host_next : &h->idle) = conn->host_next;
    if (conn->host_next != NULL)
        conn->host_next->host_prev = conn->host_prev;
    *(conn->prev != NULL ? &conn->prev->next : &own->idle_oldest) = conn->next;
    *(conn->next != NULL ? &conn->next->prev : &own->idle_newest) = conn->prev;
    conn->host_prev = conn->host_next = conn->prev = conn->next = NULL;
    h->idle_count--;
    own->idle_count--;
}

static bool is_too_old(const struct own_conn *conn)
{
    const struct own *own = conn->host->own;
    return loop_now_us(own->loop) - conn->made_us >= own->age_us;
}

/* A host is worth as many idle connections as it had calls at once lately: the most of them, which counts for half after
 * each `peak_us`. A fixed small number would close and dial anew whatever a busy host needs beyond it. */
static void peak_renew(struct own_host *h)
{
    const struct own *own = h->own;
    int64_t past_us = loop_now_us(own->loop) - h->peak_halved_us;

    if (past_us >= own->peak_us) {
        int64_t halvings = past_us / own->peak_us;
        h->peak = halvings < PEAK_BITS ? h->peak >> halvings : 0;
        h->peak_halved_us += halvings * own->peak_us;
    }
    if (h->peak < h->in_flight)
        h->peak = h->in_flight;
}

static bool has_room(struct own_host *h)
{
    peak_renew(h);
    return h->idle_count < h->peak && h->idle_count < h->own->idle_per_host;
}

void fetch_own_pool_enter(struct own_host *h)
{
    if (h->in_flight++ == 0 && h->peak == 0)
        h->peak_halved_us = loop_now_us(h->own->loop);
    peak_renew(h);
}

void fetch_own_pool_leave(struct own_host *h)
{
    MUST(h->in_flight > 0);
    h->in_flight--;
}

struct own_conn *fetch_own_pool_take(struct own_host *h)
{
    struct own_conn *conn;

    while ((conn = h->idle) != NULL) {
        idle_unlink(conn);
        if (!is_too_old(conn))
            return conn;
        fetch_own_conn_close(conn);
    }
    return NULL;
}

void fetch_own_pool_heard(struct own_conn *conn)
{
    if (fetch_own_conn_still_idle(conn))
        return;
    idle_unlink(conn);
    fetch_own_conn_close(conn);
}

void fetch_own_pool_put(struct own_conn *conn)
{
    struct own_host *h = conn->host;
    struct own *own = h->own;

    if (!has_room(h) || is_too_old(conn)) {
        fetch_own_conn_close(conn);
        return;
    }
    if (own->idle_count >= own->idle_max) {
        struct own_conn *oldest = own->idle_oldest;
        idle_unlink(oldest);
        fetch_own_conn_close(oldest);
    }
    conn->exchange = NULL;
    conn->idle_since_us = loop_now_us(own->loop);
    conn->host_next = h->idle;
    if (h->idle != NULL)
        h->idle->host_prev = conn;
    h->idle = conn;
    conn->prev = own->idle_newest;
    *(conn->prev != NULL ? &conn->prev->next : &own->idle_oldest) = conn;
    own->idle_newest = conn;
    h->idle_count++;
    own->idle_count++;
    if (!loop_timer_is_set(&own->idle_timer))
        loop_timer_set(own->loop, &own->idle_timer, conn->idle_since_us + own->idle_us);
}

void fetch_own_pool_expire(void *arg)
{
    struct own *own = arg;
    int64_t now_us = loop_now_us(own->loop);
    struct own_conn *conn;

    while ((conn = own->idle_oldest) != NULL && conn->idle_since_us + own->idle_us <= now_us) {
        idle_unlink(conn);
        fetch_own_conn_close(conn);
    }
    if (conn != NULL)
        loop_timer_set(own->loop, &own->idle_timer, conn->idle_since_us + own->idle_us);
}

void fetch_own_pool_clear(struct own *own)
{
    struct own_conn *conn;

    while ((conn = own->idle_oldest) != NULL) {
        idle_unlink(conn);
        fetch_own_conn_close(conn);
    }
}
