/* SPDX-License-Identifier: Apache-2.0
 *
 * Listener, limits and stop. What happens on a connection: conn.c.
 */
#include "http/conn_priv.h"

#include "base/files.h"
#include "metrics/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTS_A_TURN = 64,
    ACCEPT_PAUSE_US = 100 * 1000, /* after running out of descriptors */
    ACCEPT_SAY_US = 10 * 1000000, /* between two log lines about that */
    REFUSED_AT_A_TIME = 256,      /* connections above the limit that are told why, */
    REFUSED_SHARE = 8,            /* and of the limit at most this part */
    SCRATCH_MAX = 1 << 20,
    SCRATCH_FIRST = 1024
};

/* ---- accepting ---- */

static void describe_peer(const struct sockaddr_storage *addr, char out[static CONN_ADDRESS_MAX])
{
    out[0] = '\0';
    if (addr->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)addr;
        (void)inet_ntop(AF_INET, &v4->sin_addr, out, CONN_ADDRESS_MAX);
    } else if (addr->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)addr;
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        (void)inet_ntop(is_mapped ? AF_INET : AF_INET6,
                        v6->sin6_addr.s6_addr + (is_mapped ? 12 : 0), out, CONN_ADDRESS_MAX);
    }
}

static size_t told_at_a_time(const struct http_server *s)
{
    size_t share = s->limits.connections_max / REFUSED_SHARE + 1;
    return share < REFUSED_AT_A_TIME ? share : REFUSED_AT_A_TIME;
}

static void add_conn(struct http_server *s, int fd, const struct sockaddr_storage *addr)
{
    char peer[CONN_ADDRESS_MAX];
    describe_peer(addr, peer);
    struct conn *c = http_conn_new(s, fd, peer);
    if (c == NULL) {
        metrics_add(METRIC_HTTP_REFUSED_CONNECTIONS, 1);
        return;
    }
    c->next = s->conns;
    if (s->conns != NULL)
        s->conns->prev = c;
    s->conns = c;
    s->conn_count++;
    metrics_add(METRIC_HTTP_ACCEPTED, 1);
    metrics_add(METRIC_HTTP_CONNECTIONS, 1);
    if (s->conn_count <= s->limits.connections_max)
        return;
    if (c->ssl != NULL || s->conn_count > s->limits.connections_max + told_at_a_time(s)) {
        metrics_add(METRIC_HTTP_REFUSED_CONNECTIONS, 1);
        http_conn_close(
            c); /* saying it would cost a handshake, or too many are being told already */
    } else {
        http_call_refuse(c, 503, "too many connections");
    }
}

/* Who waits meanwhile stays in the kernel's queue. */
static void pause_accepting(struct http_server *s, int error)
{
    int64_t now_us = loop_now_us(s->loop);
    if (now_us >= s->say_again_us)
        LOG(HTTP_ACCEPT_FAILED, F_TEXT("error", strerrordesc_np(error)));
    s->say_again_us = now_us + ACCEPT_SAY_US;
    loop_io_stop(s->loop, &s->io);
    loop_timer_set(s->loop, &s->accept_timer, now_us + ACCEPT_PAUSE_US);
}

static void on_accept(void *arg, uint32_t events)
{
    struct http_server *s = arg;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage addr = { 0 };
        socklen_t len = sizeof(addr);
        int fd = accept4(s->io.fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0 && !files_is_kept(fd)) {
            add_conn(s, fd, &addr);
            continue;
        }
        int error = errno;
        if (fd >= 0)
            (void)close(fd);
        if (error == EAGAIN)
            return;
        if (error == ECONNABORTED || error == EINTR || error == EPROTO)
            continue;
        pause_accepting(s, error);
        return;
    }
}

static void resume_accepting(void *arg)
{
    struct http_server *s = arg;
    if (loop_io_start(s->loop, &s->io, EPOLLIN) != RC_OK)
        loop_timer_set(s->loop, &s->accept_timer, loop_now_us(s->loop) + ACCEPT_PAUSE_US);
}

/* ---- life ---- */

static void cut_all(void *arg)
{
    struct http_server *s = arg;
    while (s->conns != NULL) {
        http_conn_close(s->conns);
    }
}

static void announce_stopped(void *arg)
{
    struct http_server *s = arg;
    s->stop_done(s->stop_arg); /* may free s */
}

struct http_server *http_server_new(struct loop *loop, int fd, SSL_CTX *tls,
                                    const struct http_limits *limits, http_handler_fn handler,
                                    void *ctx)
{
    struct http_server *s = XNEW(struct http_server);
    int on = 1;
    s->loop = loop;
    s->tls = tls;
    s->limits = *limits;
    s->handler = handler;
    s->ctx = ctx;
    s->id_seed = rng_u64(rng_system());
    s->date_second = -1;
    buf_init(&s->scratch, SCRATCH_MAX);
    MUST(buf_reserve(&s->scratch, SCRATCH_FIRST) == RC_OK);
    s->accept_timer = (struct loop_timer){ .fn = resume_accepting, .arg = s };
    s->stop_timer = (struct loop_timer){ .fn = cut_all, .arg = s };
    s->io = (struct loop_io){ .fn = on_accept, .arg = s, .fd = fd };
    /* Accepted sockets inherit it: answers are whole, there is nothing to wait for. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    resume_accepting(s);
    return s;
}

void http_server_set_admission(struct http_server *s, http_admit_fn admit, struct share *bodies)
{
    MUST(s->conns == NULL);
    s->admit = admit;
    s->bodies = bodies;
}

void http_server_set_door(struct http_server *s, unsigned door)
{
    MUST(s->conns == NULL);
    s->door = door;
}

void http_server_set_limits(struct http_server *s, const struct http_limits *limits)
{
    s->limits = *limits;
}

void http_server_set_tls(struct http_server *s, SSL_CTX *tls)
{
    MUST(s->tls != NULL && tls != NULL);
    s->tls = tls;
}

static void stop_when_empty(struct http_server *s)
{
    if (!s->is_stopping || s->conn_count > 0)
        return;
    loop_timer_stop(s->loop, &s->stop_timer);
    s->stop_task = (struct loop_task){ .fn = announce_stopped, .arg = s };
    loop_defer(s->loop, &s->stop_task);
}

void http_server_forget(struct http_server *s, struct conn *c)
{
    if (c->prev != NULL)
        c->prev->next = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    if (s->conns == c)
        s->conns = c->next;
    s->conn_count--;
    metrics_add(METRIC_HTTP_CONNECTIONS, -1);
    stop_when_empty(s);
}

void http_server_stop(struct http_server *s, int64_t until_us, loop_fn done, void *arg)
{
    MUST(!s->is_stopping);
    s->stop_done = done;
    s->stop_arg = arg;
    on_accept(s, EPOLLIN); /* whoever is in the queue already has our word */
    loop_io_stop(s->loop, &s->io);
    loop_timer_stop(s->loop, &s->accept_timer);
    (void)close(s->io.fd);
    loop_timer_set(s->loop, &s->stop_timer, until_us);
    struct conn *next;
    for (struct conn *c = s->conns; c != NULL; c = next) {
        next = c->next;
        http_conn_stop(c);
    }
    s->is_stopping = true;
    stop_when_empty(s);
}

void http_server_free_now(struct http_server *s)
{
    buf_fini(&s->scratch);
    xfree(s);
}

void http_server_free(struct http_server *s)
{
    if (s == NULL)
        return;
    MUST(s->is_stopping && s->conn_count == 0);
    while (s->free_calls != NULL) {
        struct call *call = s->free_calls;
        s->free_calls = call->next_free;
        arena_fini(&call->arena);
        xfree(call);
    }
    s->free_count = 0;
    s->is_freed = true;
    if (s->call_count == 0)
        http_server_free_now(s);
}
