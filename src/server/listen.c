/* SPDX-License-Identifier: Apache-2.0
 *
 * Listeners and the loops' threads. Every address is opened once a loop (SO_REUSEPORT), so that the
 * kernel spreads connections and no loop hands one to another.
 */
#include "server/listen_priv.h"

#include "server/addresses_priv.h"
#include "server/admin_socket_priv.h"
#include "server/link_priv.h"
#include "server/loops_priv.h"
#include "server/options_priv.h"
#include "server/signals_priv.h"
#include "server/standby_priv.h"

#include <stdio.h>
#include <unistd.h>

enum {
    STOP_GRACE_US = 5000000, /* past the deadline, for cut calls to unwind */
    REQUESTS_LEAST_US =
        2000000 /* for requests under way, when attempts took all the time there was */
};

/* One that was opened while this node stood by goes on as it is: connections may wait in it. */
static enum rc open_listener(struct server *s, size_t listener, size_t loop, int *fd)
{
    *fd = server_standby_take(s, listener, loop);
    return *fd >= 0 ? RC_OK : http_listen(s->addresses[listener], fd, &s->why);
}

static enum rc listen_on(struct server *s, size_t listener, const char *option, unsigned door)
{
    struct http_limits limits = server_http_limits(s->conf, s->loop_count);
    enum rc rc = s->standby != NULL ? RC_OK : server_listen_check(s, listener, option);

    for (size_t i = 0; rc == RC_OK && i < s->loop_count; i++) {
        int fd = -1;
        rc = open_listener(s, listener, i, &fd);
        if (rc != RC_OK)
            break;
        if (i == 0)
            server_real_address(s->addresses[listener], fd);
        s->loops[i].http[listener] = http_server_new(s->loops[i].loop, fd, s->server_tls, &limits,
                                                     http_router_handle, s->router);
        http_server_set_admission(s->loops[i].http[listener], http_router_admit, s->bodies);
        http_server_set_door(s->loops[i].http[listener], door);
    }
    if (rc != RC_OK)
        return rc;
    LOG(SERVER_LISTENING, F_TEXT("address", s->addresses[listener]),
        F_TEXT("scheme", s->server_tls == NULL ? "http" : "https"));
    return RC_OK;
}

enum rc server_listen(struct server *s)
{
    enum rc rc = server_open_tls(s->conf, &s->server_tls, &s->why);
    size_t bodies_max = (size_t)s->conf->http_bodies_max;

    s->bodies = share_new(bodies_max, HTTP_BODIES_SHARE(bodies_max));
    server_show_expiry(METRIC_TLS_EXPIRY_SERVER, s->server_tls);

    if (rc == RC_OK)
        rc = server_listen_each(s, listen_on);
    if (rc == RC_OK)
        rc = server_link_listen(s);
    return rc == RC_OK ? server_admin_open(s) : rc;
}

static void listen_nothing(void *arg)
{
    (void)arg;
}

/* When starting failed before the loops' threads: this thread stands in for them. */
static void stop_unused(struct server *s)
{
    for (size_t i = 0; i < s->loop_count; i++) {
        for (size_t k = 0; k < s->listener_count; k++) {
            if (s->loops[i].http[k] != NULL)
                http_server_stop(s->loops[i].http[k], 0, listen_nothing, NULL);
        }
        if (s->loops[i].link != NULL)
            http_server_stop(s->loops[i].link, 0, listen_nothing, NULL);
    }
    if (s->admin != NULL)
        http_server_stop(s->admin, 0, listen_nothing, NULL);
    server_drain_loops(s);
}

void server_unlisten(struct server *s)
{
    if (!s->has_served)
        stop_unused(s);
    for (size_t i = 0; i < s->loop_count; i++) {
        for (size_t k = 0; k < s->listener_count; k++) {
            http_server_free(s->loops[i].http[k]);
            s->loops[i].http[k] = NULL;
        }
    }
    server_link_close(s);
    server_admin_close(s);
    share_free(s->bodies);
    s->bodies = NULL;
    SSL_CTX_free(s->server_tls);
    s->server_tls = NULL;
}

/* --- on reload: limits and certificate ---------------------------------------------------------- */

static void apply_limits(void *arg)
{
    struct server_loop *l = arg;
    struct server *s = l->server;
    struct http_limits limits = server_http_limits(s->reloaded, s->loop_count);
    struct http_limits of_link = server_link_limits(s->reloaded, s->loop_count);

    for (size_t k = 0; k < s->listener_count; k++) {
        http_server_set_limits(l->http[k], &limits);
        if (s->server_tls != NULL)
            http_server_set_tls(l->http[k], s->server_tls);
    }
    if (l->link != NULL)
        http_server_set_limits(l->link, &of_link);
    atomic_fetch_sub(&s->stopping_left, 1);
}

static bool nothing_left(struct server *s)
{
    return atomic_load(&s->stopping_left) == 0;
}

void server_apply_http_limits(struct server *s, const struct conf *c)
{
    MUST(c == s->reloaded);
    atomic_store(&s->stopping_left, (int)s->loop_count);
    for (size_t i = 0; i < s->loop_count; i++) {
        s->loops[i].set_limits = (struct loop_task){ .fn = apply_limits, .arg = &s->loops[i] };
        loop_post(s->loops[i].loop, &s->loops[i].set_limits);
    }
    /* The loops read the new configuration: it must not change again before they have. */
    MUST(server_wait(s, nothing_left, INT64_MAX));
}

/* --- threads ------------------------------------------------------------------------------------- */

static void run_loop(void *arg)
{
    struct server_loop *l = arg;

    loop_run(l->loop);
}

/* Of those that were started. */
static void join_loops(struct server *s)
{
    for (size_t i = 0; i < s->loop_count; i++) {
        if (s->loops[i].thread != NULL)
            loop_stop(s->loops[i].loop);
    }
    for (size_t i = 0; i < s->loop_count; i++) {
        thread_join(s->loops[i].thread);
        s->loops[i].thread = NULL;
    }
}

enum rc server_threads_start(struct server *s)
{
    for (size_t i = 0; i < s->loop_count; i++) {
        s->loops[i].thread = thread_start(s->loops[i].name, THREAD_LOOP, run_loop, &s->loops[i]);
        if (s->loops[i].thread == NULL) {
            join_loops(s);
            return server_no_threads(s);
        }
    }
    s->has_served = true;
    return RC_OK;
}

static void one_stopped(void *arg)
{
    struct server *s = arg;

    atomic_fetch_sub(&s->stopping_left, 1);
}

static void stop_http(void *arg)
{
    struct server_loop *l = arg;
    struct server *s = l->server;

    for (size_t k = 0; k < s->listener_count; k++)
        http_server_stop(l->http[k], l->stop_until_us, one_stopped, s);
    if (l->link != NULL)
        http_server_stop(l->link, l->stop_until_us, one_stopped, s);
    if (l == &s->loops[0] && s->admin != NULL)
        http_server_stop(s->admin, l->stop_until_us, one_stopped, s);
}

static void stop_accepting(struct server *s, int64_t until_us)
{
    size_t of_loop = s->listener_count + (s->link_tls != NULL ? 1 : 0);
    int servers = (int)(s->loop_count * of_loop) + (s->admin != NULL ? 1 : 0);

    atomic_store(&s->stopping_left, servers);
    for (size_t i = 0; i < s->loop_count; i++) {
        s->loops[i].stop_until_us = until_us;
        s->loops[i].stop_http = (struct loop_task){ .fn = stop_http, .arg = &s->loops[i] };
        loop_post(s->loops[i].loop, &s->loops[i].stop_http);
    }
}

/* The workers and then the store have nothing to do any more: their completions have been posted. A job under way may still
 * hand jobs to the store and wait for a loop to tell it that they are done, so the loops go on until then. */
static bool is_settled(struct server *s)
{
    struct store_stats stats;

    if (!work_is_idle(s->pool))
        return false;
    store_stats(s->store, &stats);
    return stats.queued == 0;
}

static void wait_or_cut(struct server *s, bool (*done)(struct server *s), int64_t until_us)
{
    if (server_wait(s, done, until_us + STOP_GRACE_US))
        return;
    LOG(SERVER_CUT, F_TEXT("deadline", "server.stop_timeout"));
    _exit(1); /* as safe as kill -9: what was answered is on disk */
}

static void finish_requests(struct server *s, int64_t until_us)
{
    stop_accepting(s, until_us);
    wait_or_cut(s, nothing_left, until_us);
}

static void finish_attempts(struct server *s, int64_t until_us)
{
    atomic_store(&s->stopping_left, 1);
    deliver_stop(s->deliver, s->main, until_us, one_stopped, s);
    wait_or_cut(s, nothing_left, until_us);
}

/* Where another node goes on, this one accepts for as long as its attempts take: what it accepts is the other's to
 * deliver, and nobody finds the service closed meanwhile. */
static void finish_work(struct server *s, int64_t until_us)
{
    if (s->link_tls == NULL) {
        finish_requests(s, until_us);
        finish_attempts(s, until_us);
        return;
    }
    finish_attempts(s, until_us);
    int64_t least_us = clock_mono_us(clock_system()) + REQUESTS_LEAST_US;
    finish_requests(s, until_us > least_us ? until_us : least_us);
}

void server_threads_stop(struct server *s)
{
    if (!s->has_served)
        return; /* not all threads could be started */
    const struct conf *c = s->reloaded != NULL ? s->reloaded : s->conf;
    int64_t until_us = clock_mono_us(clock_system()) + c->stop_timeout;

    finish_work(s, until_us);
    atomic_store(&s->stopping_left, (int)s->loop_count);
    webfilter_engine_stop(s->webfilter_engine, one_stopped, s);
    wait_or_cut(s, nothing_left, until_us);
    wait_or_cut(s, is_settled, until_us);
    join_loops(s);
    /* Jobs under way use parts that stop after this one, so the workers end here; what they posted
     * is run by this thread. */
    work_pool_free(s->transform_threads);
    s->transform_threads = NULL;
    work_pool_free(s->pool);
    s->pool = NULL;
    server_drain_loops(s);
}
