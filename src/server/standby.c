/* SPDX-License-Identifier: Apache-2.0
 *
 * See server/standby_priv.h.
 */
#include "server/standby_priv.h"

#include "link/link.h"
#include "server/addresses_priv.h"
#include "server/link_priv.h"
#include "server/loops_priv.h"
#include "server/ops_priv.h"
#include "server/options_priv.h"
#include "server/secret_priv.h"
#include "server/signals_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum {
    STANDBY_LOOPS = 4,      /* at most: passing on is little work */
    PATIENCE_US = 15000000, /* longer than it takes until another node is at work */
    STOP_GRACE_US = 5000000
};

struct standby_loop {
    struct server_standby *standby;
    struct loop *loop;
    struct thread *thread;
    struct link_front *front;
    struct http_server *http[SERVER_LISTENERS_MAX];
    int kept[SERVER_LISTENERS_MAX]; /* the same sockets, to be handed over; -1: taken */
    struct loop_task task;
    char name[16];
};

struct server_standby {
    struct server *server;
    struct standby_loop loops[STANDBY_LOOPS];
    size_t loop_count, listener_count;
    SSL_CTX *tls;      /* of the listeners; NULL: none */
    SSL_CTX *link_tls; /* towards the node at work */
    struct fetch_policy *policy;
    struct share *bodies;
    char address[SERVER_ADDRESS_MAX]; /* of the node at work, as last said */
    bool is_closing;
    int64_t until_us;
    atomic_int left; /* loops that have not done what they were asked */
};

/* --- asking the loops ------------------------------------------------------------------------- */

/* A loop whose thread was not started is turned by this one. */
static void turn_unstarted(struct server_standby *b)
{
    for (size_t i = 0; i < b->loop_count; i++) {
        if (b->loops[i].thread == NULL)
            loop_turn(b->loops[i].loop, 0);
    }
}

static bool none_left(struct server *s)
{
    turn_unstarted(s->standby);
    return atomic_load(&s->standby->left) == 0;
}

static void one_done(void *arg)
{
    struct server_standby *b = arg;
    atomic_fetch_sub(&b->left, 1);
}

/* Runs fn on every loop; `counts`: how many times it says that it is done. */
static void ask_loops(struct server_standby *b, loop_fn fn, size_t counts)
{
    atomic_store(&b->left, (int)(b->loop_count * counts));
    for (size_t i = 0; i < b->loop_count; i++) {
        b->loops[i].task = (struct loop_task){ .fn = fn, .arg = &b->loops[i] };
        loop_post(b->loops[i].loop, &b->loops[i].task);
    }
}

static void aim_loop(void *arg)
{
    struct standby_loop *l = arg;
    link_front_aim(l->front, str_from(l->standby->address));
    one_done(l->standby);
}

void server_standby_aim(struct server *s, struct str address)
{
    struct server_standby *b = s->standby;
    if (b == NULL || address.len >= sizeof b->address || str_eq(address, str_from(b->address)))
        return;
    if (address.len > 0)
        memcpy(b->address, address.ptr, address.len);
    b->address[address.len] = '\0';
    if (address.len > 0)
        LOG(LINK_AIMED, F_STR("address", address));
    ask_loops(b, aim_loop, 1);
    MUST(server_wait(s, none_left, INT64_MAX));
}

static void renew_loop(void *arg)
{
    struct standby_loop *l = arg;
    for (size_t k = 0; k < l->standby->listener_count; k++)
        http_server_set_tls(l->http[k], l->standby->tls);
    one_done(l->standby);
}

void server_standby_renew(struct server *s)
{
    struct server_standby *b = s->standby;
    SSL_CTX *before = b == NULL ? NULL : b->tls;
    if (before == NULL)
        return;
    buf_reset(&s->why);
    if (server_open_tls(s->conf, &b->tls, &s->why) != RC_OK) {
        LOG(SERVER_CERTIFICATE_KEPT, F_STR("why", buf_str(&s->why)));
        b->tls = before;
        return;
    }
    ask_loops(b, renew_loop, 1);
    MUST(server_wait(s, none_left, INT64_MAX));
    SSL_CTX_free(before);
    server_show_expiry(METRIC_TLS_EXPIRY_SERVER, b->tls);
}

/* --- what it answers itself ------------------------------------------------------------------- */

static bool answer_here(void *arg, struct http_call *call)
{
    struct http_request req = { .call = call, .arena = call->arena };
    bool is_read = call->head->method == HTTP_GET || call->head->method == HTTP_HEAD;
    (void)arg;
    if (is_read && str_eq(call->head->path, STR("/api/v1/health/ping")))
        req.reply.status = 204;
    else if (is_read && str_eq(call->head->path, STR("/metrics")))
        server_ops_metrics(&req);
    else
        return false;
    http_call_reply(call, &req.reply);
    return true;
}

/* --- starting --------------------------------------------------------------------------------- */

static enum rc listen_on_loop(struct server *s, size_t listener, size_t at, unsigned door)
{
    struct server_standby *b = s->standby;
    struct standby_loop *l = &b->loops[at];
    struct http_limits limits = server_http_limits(s->conf, b->loop_count);
    int fd = -1;
    if (limits.any_body_max <
        limits.body_max) /* what it may be depends on the path, which the node at work knows */
        limits.any_body_max = limits.body_max;
    enum rc rc = http_listen(s->addresses[listener], &fd, &s->why);
    if (rc != RC_OK)
        return rc;
    if (at == 0)
        server_real_address(s->addresses[listener], fd);
    l->kept[listener] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    l->http[listener] = http_server_new(l->loop, fd, b->tls, &limits, link_front_handle, l->front);
    http_server_set_admission(l->http[listener], link_front_admit, b->bodies);
    http_server_set_door(l->http[listener], door);
    return RC_OK;
}

static enum rc standby_listen_on(struct server *s, size_t listener, const char *option,
                                 unsigned door)
{
    struct server_standby *b = s->standby;
    enum rc rc = server_listen_check(s, listener, option);
    for (size_t i = 0; rc == RC_OK && i < b->loop_count; i++)
        rc = listen_on_loop(s, listener, i, door);
    if (rc == RC_OK)
        LOG(SERVER_LISTENING, F_TEXT("address", s->addresses[listener]),
            F_TEXT("scheme", b->tls == NULL ? "http" : "https"));
    b->listener_count = listener + 1;
    return rc;
}

static enum rc make_loops(struct server_standby *b)
{
    struct server *s = b->server;
    struct link_front_options o = {
        .policy = b->policy, .tls = b->link_tls, .patience_us = PATIENCE_US, .local = answer_here
    };
    size_t wanted = s->loop_count < STANDBY_LOOPS ? s->loop_count : STANDBY_LOOPS;
    for (size_t i = 0; i < wanted; i++) {
        struct standby_loop *l = &b->loops[i];
        l->standby = b;
        for (size_t k = 0; k < SERVER_LISTENERS_MAX; k++)
            l->kept[k] = -1;
        (void)snprintf(l->name, sizeof l->name, "standby-%zu", i);
        l->loop = loop_new(l->name, clock_system());
        if (l->loop == NULL) {
            buf_say(&s->why, "no descriptor left for a loop; raise the limit on open files");
            return RC_LIMIT;
        }
        o.loop = l->loop;
        l->front = link_front_new(&o);
        b->loop_count++;
    }
    return RC_OK;
}

static void run_loop(void *arg)
{
    struct standby_loop *l = arg;
    loop_run(l->loop);
}

static enum rc start_threads(struct server_standby *b)
{
    for (size_t i = 0; i < b->loop_count; i++) {
        struct standby_loop *l = &b->loops[i];
        l->thread = thread_start(l->name, THREAD_LOOP, run_loop, l);
        if (l->thread == NULL)
            return server_no_threads(b->server);
    }
    return RC_OK;
}

static enum rc start_parts(struct server_standby *b)
{
    struct server *s = b->server;
    SSL_CTX *server = NULL;
    size_t bodies_max = (size_t)s->conf->http_bodies_max;
    if (!server_knows_main_secret(s->conf)) {
        server_say_wrong_secret(s->conf, &s->why);
        return RC_DENIED;
    }
    b->bodies = share_new(bodies_max, HTTP_BODIES_SHARE(bodies_max));
    enum rc rc = server_link_contexts(s->conf, &server, &b->link_tls, &s->why);
    SSL_CTX_free(server);
    if (rc == RC_OK)
        rc = fetch_policy_new(STR("0.0.0.0/0,::/0"), STR_NONE, false, &b->policy, &s->why);
    if (rc == RC_OK)
        rc = server_open_tls(s->conf, &b->tls, &s->why);
    if (rc == RC_OK)
        rc = make_loops(b);
    if (rc != RC_OK)
        return rc;
    server_show_expiry(METRIC_TLS_EXPIRY_SERVER, b->tls);
    rc = server_listen_each(s, standby_listen_on);
    return rc == RC_OK ? start_threads(b) : rc;
}

enum rc server_standby_start(struct server *s)
{
    struct server_standby *b = s->standby = XNEW(struct server_standby);
    b->server = s;
    buf_reset(&s->why);
    return start_parts(b);
}

int server_standby_take(struct server *s, size_t listener, size_t loop)
{
    struct server_standby *b = s->standby;
    if (b == NULL || loop >= b->loop_count)
        return -1;
    int fd = b->loops[loop].kept[listener];
    b->loops[loop].kept[listener] = -1;
    return fd;
}

/* --- ending ----------------------------------------------------------------------------------- */

static void hand_over(struct server *s)
{
    char near[SERVER_ADDRESS_MAX];
    server_link_near(s, near);
    server_standby_aim(s, str_from(near));
    server_standby_end(s);
}

enum rc server_standby_leave(struct server *s)
{
    metrics_set(METRIC_CLUSTER_ACTIVE, 1);
    server_link_announce(s);
    if (s->standby != NULL)
        hand_over(s);
    s->reload_asked = s->reload_asked || s->reload_missed;
    return RC_OK;
}

static void stop_loop(void *arg)
{
    struct standby_loop *l = arg;
    if (l->standby->is_closing)
        link_front_close(l->front);
    for (size_t k = 0; k < l->standby->listener_count; k++) {
        if (l->http[k] != NULL)
            http_server_stop(l->http[k], l->standby->until_us, one_done, l->standby);
        else
            one_done(l->standby);
    }
}

static void close_kept(struct standby_loop *l)
{
    for (size_t k = 0; k < SERVER_LISTENERS_MAX; k++) {
        if (l->kept[k] >= 0)
            (void)close(l->kept[k]);
        l->kept[k] = -1;
    }
}

static void stop_serving(struct server *s)
{
    struct server_standby *b = s->standby;
    b->until_us = clock_mono_us(clock_system()) + s->conf->stop_timeout;
    b->is_closing = s->store == NULL;
    for (size_t i = 0; i < b->loop_count; i++)
        close_kept(&b->loops[i]);
    ask_loops(b, stop_loop, b->listener_count);
    if (server_wait(s, none_left, b->until_us + STOP_GRACE_US))
        return;
    LOG(SERVER_CUT, F_TEXT("deadline", "server.stop_timeout"));
    _exit(1); /* nothing that was answered is lost */
}

static void free_loop(struct server_standby *b, struct standby_loop *l)
{
    link_front_free(l->front);
    for (size_t k = 0; k < b->listener_count; k++)
        http_server_free(l->http[k]);
    loop_turn(l->loop, 0);
    loop_free(l->loop);
}

void server_standby_end(struct server *s)
{
    struct server_standby *b = s->standby;
    if (b == NULL)
        return;
    stop_serving(s);
    for (size_t i = 0; i < b->loop_count; i++) {
        if (b->loops[i].thread != NULL)
            loop_stop(b->loops[i].loop);
        thread_join(b->loops[i].thread);
    }
    for (size_t i = 0; i < b->loop_count; i++)
        free_loop(b, &b->loops[i]);
    SSL_CTX_free(b->tls);
    SSL_CTX_free(b->link_tls);
    fetch_policy_unref(b->policy);
    share_free(b->bodies);
    xfree(b);
    s->standby = NULL;
}
