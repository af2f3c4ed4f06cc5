/* SPDX-License-Identifier: Apache-2.0
 *
 * Listeners and the loops' threads. Every address is opened once a loop (SO_REUSEPORT), so that the
 * kernel spreads connections and no loop hands one to another.
 */
#include "server/listen_priv.h"

#include "api/kit/proof.h"
#include "server/admin_socket_priv.h"
#include "server/logins_priv.h"
#include "server/loops_priv.h"
#include "server/options_priv.h"
#include "server/signals_priv.h"

#include <stdio.h>
#include <unistd.h>

enum { STOP_GRACE_US = 5000000 }; /* past the deadline, for cut calls to unwind */

/* "host:0" becomes "host:<port>" once the kernel has chosen. */
static void real_address(char *address, size_t size, int fd)
{
    char *colon = strrchr(address, ':');
    size_t at = colon == NULL ? strlen(address) : (size_t)(colon - address);

    snprintf(address + at, size - at, ":%u", (unsigned)http_listen_port(fd));
}

static enum rc listen_on(struct server *s, size_t listener, const char *option, unsigned door)
{
    char *address = s->addresses[listener];
    struct http_limits limits = server_http_limits(s->conf, s->loop_count);
    enum rc rc = http_listen_check(address, &s->why);

    if (rc == RC_BUSY)
        buf_say(&s->why, "; stop what is there, or set another %s", option);
    for (size_t i = 0; rc == RC_OK && i < s->loop_count; i++) {
        int fd = -1;
        rc = http_listen(address, &fd, &s->why);
        if (rc != RC_OK)
            break;
        if (i == 0)
            real_address(address, sizeof s->addresses[listener], fd);
        s->loops[i].http[listener] = http_server_new(s->loops[i].loop, fd, s->server_tls, &limits,
                                                     http_router_handle, s->router);
        http_server_set_admission(s->loops[i].http[listener], http_router_admit, s->bodies);
        http_server_set_door(s->loops[i].http[listener], door);
    }
    if (rc != RC_OK)
        return rc;
    LOG(SERVER_LISTENING, F_TEXT("address", address),
        F_TEXT("scheme", s->server_tls == NULL ? "http" : "https"));
    return RC_OK;
}

void server_show_expiry(enum metric m, SSL_CTX *ctx)
{
    int64_t from_us = 0, until_us = 0;
    bool has_one = ctx != NULL && tls_own_validity(ctx, &from_us, &until_us);

    metrics_set(m, has_one ? until_us / 1000000 : 0);
}

enum rc server_open_tls(const struct conf *c, SSL_CTX **out, struct buf *why)
{
    struct tls_server_options o = { .cert_file = server_text(c->tls_cert),
                                    .key_file = server_text(c->tls_key) };

    *out = NULL;
    return o.cert_file == NULL ? RC_OK : tls_server_context(&o, out, why);
}

enum { PORT_ROOM = 8 }; /* for the real port instead of 0 */

enum rc server_next_address(const char *option, struct str *rest, size_t count,
                            char out[static SERVER_ADDRESS_MAX], struct buf *why)
{
    struct str address;

    if (!str_split(rest, ',', &address)) {
        if (count > 0)
            return RC_NOT_FOUND;
        buf_say(why, "%s: no address", option);
        return RC_INVALID;
    }
    address = str_trim(address);
    if (count == SERVER_LISTENERS_MAX || address.len >= SERVER_ADDRESS_MAX - PORT_ROOM) {
        buf_say(why, "%s: at most %d addresses of at most %d bytes", option, SERVER_LISTENERS_MAX,
                SERVER_ADDRESS_MAX - PORT_ROOM);
        return RC_INVALID;
    }
    memcpy(out, address.ptr, address.len);
    out[address.len] = '\0';
    return RC_OK;
}

static enum rc listen_on_all(struct server *s, const char *option, const char *list, unsigned door)
{
    struct str rest = str_from(list);
    char address[SERVER_ADDRESS_MAX];
    size_t first = s->listener_count;
    enum rc rc = RC_OK;

    while (rc == RC_OK) {
        rc = server_next_address(option, &rest, s->listener_count - first, address, &s->why);
        if (rc == RC_OK && s->listener_count == SERVER_LISTENERS_MAX) {
            buf_say(&s->why, "server.listen and console.listen: at most %d addresses together",
                    SERVER_LISTENERS_MAX);
            return RC_INVALID;
        }
        if (rc != RC_OK)
            break;
        memcpy(s->addresses[s->listener_count], address, sizeof address);
        rc = listen_on(s, s->listener_count++, option, door);
    }
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc server_listen(struct server *s)
{
    enum rc rc = server_open_tls(s->conf, &s->server_tls, &s->why);
    size_t bodies_max = (size_t)s->conf->http_bodies_max;

    s->bodies = share_new(bodies_max, HTTP_BODIES_SHARE(bodies_max));
    server_show_expiry(METRIC_TLS_EXPIRY_SERVER, s->server_tls);

    if (rc == RC_OK)
        rc = listen_on_all(s, "server.listen", s->conf->listen, API_DOOR_PUBLIC);
    s->public_count = s->listener_count;
    if (rc == RC_OK && server_console_is_apart(s->conf))
        rc = listen_on_all(s, "console.listen", s->conf->console_listen, API_DOOR_CONSOLE);
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

    for (size_t k = 0; k < s->listener_count; k++) {
        http_server_set_limits(l->http[k], &limits);
        if (s->server_tls != NULL)
            http_server_set_tls(l->http[k], s->server_tls);
    }
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
    if (l == &s->loops[0] && s->admin != NULL)
        http_server_stop(s->admin, l->stop_until_us, one_stopped, s);
}

static void stop_accepting(struct server *s, int64_t until_us)
{
    int servers = (int)(s->loop_count * s->listener_count) + (s->admin != NULL ? 1 : 0);

    atomic_store(&s->stopping_left, servers);
    for (size_t i = 0; i < s->loop_count; i++) {
        s->loops[i].stop_until_us = until_us;
        s->loops[i].stop_http = (struct loop_task){ .fn = stop_http, .arg = &s->loops[i] };
        loop_post(s->loops[i].loop, &s->loops[i].stop_http);
    }
}

/* Nothing is queued for the store or the workers: their completions have been posted. */
static bool is_settled(struct server *s)
{
    struct store_stats stats;

    store_stats(s->store, &stats);
    return stats.queued == 0 && work_queued(s->pool) == 0;
}

static void wait_or_cut(struct server *s, bool (*done)(struct server *s), int64_t until_us)
{
    if (server_wait(s, done, until_us + STOP_GRACE_US))
        return;
    LOG(SERVER_CUT, F_TEXT("deadline", "server.stop_timeout"));
    _exit(1); /* as safe as kill -9: what was answered is on disk */
}

void server_threads_stop(struct server *s)
{
    if (!s->has_served)
        return; /* not all threads could be started */
    const struct conf *c = s->reloaded != NULL ? s->reloaded : s->conf;
    int64_t until_us = clock_mono_us(clock_system()) + c->stop_timeout;

    stop_accepting(s, until_us);
    wait_or_cut(s, nothing_left, until_us);
    atomic_store(&s->stopping_left, 1);
    deliver_stop(s->deliver, s->main, until_us, one_stopped, s);
    wait_or_cut(s, nothing_left, until_us);
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
