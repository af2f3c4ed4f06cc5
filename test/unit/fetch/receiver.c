/* SPDX-License-Identifier: Apache-2.0
 *
 * The scripted receiver: blocking sockets and a thread for each connection.
 */
#include "receiver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64, REQUEST_MAX = 8 * 1024 * 1024, DRIP_US = 1000, WAIT_US = 60000000 };

struct peer {
    struct receiver *receiver;
    const struct step *script;
    struct thread *thread;
    int fd;
    SSL *ssl;
    bool is_broken;
};

struct receiver {
    int fd;
    uint16_t port;
    const struct step *const *scripts;
    size_t script_count;
    SSL_CTX *tls;
    struct thread *thread;
    struct mutex lock; /* for all below */
    struct cond changed;
    struct peer peers[CONNECTIONS_MAX];
    int connection_count;
    int closed_count;
    int request_count;
    struct buf last;
    bool is_stopping;
};

static void put(struct peer *p, const char *bytes, size_t len)
{
    while (len > 0 && !p->is_broken) {
        ssize_t n = p->ssl != NULL ? SSL_write(p->ssl, bytes, (int)len)
                                   : send(p->fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0) {
            p->is_broken = true;
            return;
        }
        bytes += n;
        len -= (size_t)n;
    }
}

static size_t take(struct peer *p, char *to, size_t max)
{
    ssize_t n = p->ssl != NULL ? SSL_read(p->ssl, to, (int)max) : recv(p->fd, to, max, 0);
    if (n <= 0)
        p->is_broken = true;
    return n <= 0 ? 0 : (size_t)n;
}

/* Whole: the head, and the body by its length or to its last chunk. */
static bool is_whole(struct str text)
{
    const char *end = text.len == 0 ? NULL : memmem(text.ptr, text.len, "\r\n\r\n", 4);
    uint64_t length = 0;

    if (end == NULL)
        return false;
    size_t head = (size_t)(end - text.ptr) + 4;
    const char *field = memmem(text.ptr, head, "Content-Length: ", 16);
    if (field != NULL) {
        struct str digits = str_sub(text, (size_t)(field - text.ptr) + 16, text.len);
        digits.len = str_find(digits, '\r');
        MUST(str_to_u64(digits, &length) == RC_OK);
    } else if (memmem(text.ptr, head, "chunked", 7) != NULL) {
        return str_ends(text, STR("0\r\n\r\n"));
    }
    return text.len >= head + length;
}

static void read_request(struct peer *p)
{
    struct receiver *r = p->receiver;
    struct buf text;
    char bytes[16384];

    buf_init(&text, REQUEST_MAX);
    while (!p->is_broken && !is_whole(buf_str(&text)))
        MUST(buf_add(&text, bytes, take(p, bytes, sizeof(bytes))) == RC_OK);
    mutex_lock(&r->lock);
    if (!p->is_broken) {
        r->request_count++;
        buf_fini(&r->last);
        r->last = text;
    } else {
        buf_fini(&text);
    }
    mutex_unlock(&r->lock);
}

static void pause_us(int64_t us)
{
    struct timespec t = { .tv_nsec = us * 1000 };
    (void)nanosleep(&t, NULL);
}

static void play(struct peer *p, const struct step *s)
{
    struct linger hard = { 1, 0 };
    char byte;

    switch (s->kind) {
    case STEP_REQUEST: read_request(p); break;
    case STEP_SEND: put(p, s->text, strlen(s->text)); break;
    case STEP_SEND_NUL: {
        char *bytes = xmemdup(s->text, strlen(s->text));
        for (size_t i = 0; i < strlen(s->text); i++)
            if (s->text[i] == '^')
                bytes[i] = '\0';
        put(p, bytes, strlen(s->text));
        xfree(bytes);
        break;
    }
    case STEP_DRIP:
        for (const char *c = s->text; *c != '\0' && !p->is_broken; c++) {
            put(p, c, 1);
            pause_us(DRIP_US);
        }
        break;
    case STEP_FLOOD:
        for (int i = 0; i < s->times && !p->is_broken; i++)
            put(p, s->text, strlen(s->text));
        break;
    case STEP_PAUSE: pause_us((int64_t)s->times * 1000); break;
    case STEP_RENEGOTIATE:
        MUST(SSL_renegotiate(p->ssl) == 1 && SSL_do_handshake(p->ssl) == 1);
        break;
    case STEP_HANG:
        while (!p->is_broken)
            (void)take(p, &byte, 1);
        break;
    case STEP_RESET:
        MUST(setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)) == 0);
        p->is_broken = true;
        break;
    case STEP_END: break;
    }
}

static void serve(void *arg)
{
    struct peer *p = arg;
    struct receiver *r = p->receiver;

    if (r->tls != NULL) {
        p->ssl = SSL_new(r->tls);
        MUST(p->ssl != NULL && SSL_set_fd(p->ssl, p->fd) == 1);
        p->is_broken = SSL_accept(p->ssl) != 1;
    }
    for (const struct step *s = p->script; s->kind != STEP_END && !p->is_broken; s++)
        play(p, s);
    if (p->ssl != NULL) {
        if (!p->is_broken)
            (void)SSL_shutdown(p->ssl);
        SSL_free(p->ssl);
    }
    mutex_lock(&r->lock);
    (void)close(p->fd);
    p->fd = -1;
    r->closed_count++;
    cond_broadcast(&r->changed);
    mutex_unlock(&r->lock);
}

static void accept_all(void *arg)
{
    struct receiver *r = arg;
    int on = 1;
    int fd;

    while ((fd = accept(r->fd, NULL, NULL)) >= 0) {
        mutex_lock(&r->lock);
        int n = r->connection_count++;
        MUST(n < CONNECTIONS_MAX);
        struct peer *p = &r->peers[n];
        size_t script = (size_t)n < r->script_count ? (size_t)n : r->script_count - 1;
        *p = (struct peer){ .receiver = r, .fd = fd, .script = r->scripts[script] };
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        p->thread = thread_start("receiver", THREAD_OTHER, serve, p);
        mutex_unlock(&r->lock);
    }
}

struct receiver *receiver_start(const struct step *const *scripts, size_t count, SSL_CTX *tls)
{
    struct receiver *r = XNEW(struct receiver);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);

    r->scripts = scripts;
    r->script_count = count;
    r->tls = tls;
    mutex_init(&r->lock);
    cond_init(&r->changed);
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(r->fd >= 0 && bind(r->fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
         listen(r->fd, CONNECTIONS_MAX) == 0 &&
         getsockname(r->fd, (struct sockaddr *)&at, &len) == 0);
    r->port = ntohs(at.sin_port);
    r->thread = thread_start("accept", THREAD_OTHER, accept_all, r);
    return r;
}

uint16_t receiver_port(const struct receiver *r)
{
    return r->port;
}

static int counted(struct receiver *r, const int *count)
{
    mutex_lock(&r->lock);
    int n = *count;
    mutex_unlock(&r->lock);
    return n;
}

int receiver_connections(struct receiver *r)
{
    return counted(r, &r->connection_count);
}

int receiver_requests(struct receiver *r)
{
    return counted(r, &r->request_count);
}

struct str receiver_last_request(struct receiver *r)
{
    mutex_lock(&r->lock);
    struct str s = buf_str(&r->last);
    mutex_unlock(&r->lock);
    return s;
}

void receiver_wait_closed(struct receiver *r, int count)
{
    int64_t until_us = clock_mono_us(clock_system()) + WAIT_US;

    mutex_lock(&r->lock);
    while (r->closed_count < count)
        MUST(cond_wait_until(&r->changed, &r->lock, until_us));
    mutex_unlock(&r->lock);
}

void receiver_stop(struct receiver *r)
{
    (void)shutdown(r->fd, SHUT_RDWR);
    thread_join(r->thread);
    (void)close(r->fd);
    mutex_lock(&r->lock);
    for (int i = 0; i < r->connection_count; i++)
        if (r->peers[i].fd >= 0)
            (void)shutdown(r->peers[i].fd, SHUT_RDWR);
    mutex_unlock(&r->lock);
    for (int i = 0; i < r->connection_count; i++)
        thread_join(r->peers[i].thread);
    buf_fini(&r->last);
    cond_fini(&r->changed);
    mutex_fini(&r->lock);
    xfree(r);
}

/* Whether more connections wait to be accepted than listen() asked for. For a listening socket the kernel reports these
 * two numbers in the fields that count segments elsewhere (tcp_get_info() in Linux). */
static bool is_backlog_full(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    MUST(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
    return info.tcpi_unacked > info.tcpi_sacked;
}

int receiver_fill_backlog(int fd)
{
    struct sockaddr_in at;
    socklen_t len = sizeof(at);
    int waiting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int64_t until_us = clock_mono_us(clock_system()) + 30 * 1000000;

    /* With a backlog of none and a connection in it, the kernel leaves further ones unanswered. */
    MUST(listen(fd, 0) == 0);
    MUST(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    MUST(connect(waiting, (struct sockaddr *)&at, sizeof(at)) == 0);
    while (!is_backlog_full(fd)) {
        MUST(clock_mono_us(clock_system()) < until_us);
        (void)sched_yield();
    }
    return waiting;
}
