/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread that accepts, reads and writes. It never waits but for the sockets: whole requests go to
 * a handler, and come back with their answer. A connection that is away is not in epoll.
 */
#include "receiver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BYTES = 16384,
    READS_AT_ONCE = 8, /* then the others have their turn */
    ACCEPTS_AT_ONCE = 64,
    EVENTS_AT_ONCE = 64,
    SWEEP_MS = 200,
    LINGER_US = 2000000,  /* for a refused peer to read why */
    STOPPING_US = 5000000 /* for answers that are under way */
};

static bool receiver_io_watch(struct grapnel_receiver *r, int op, int fd, uint32_t events,
                              void *what)
{
    struct epoll_event event = { .events = events, .data.ptr = what };
    return epoll_ctl(r->epoll_fd, op, fd, &event) == 0;
}

void gn_io_wake(struct grapnel_receiver *r)
{
    uint64_t one = 1;
    (void)!write(r->wake_fd, &one, sizeof(one)); /* full means that it is awake */
}

/* --- connections ---------------------------------------------------------------------------------- */

static void pause_accepting(struct grapnel_receiver *r, bool paused)
{
    if (r->is_paused != paused && r->listen_fd >= 0) {
        (void)receiver_io_watch(r, EPOLL_CTL_MOD, r->listen_fd, paused ? 0 : EPOLLIN,
                                &r->listen_fd);
        r->is_paused = paused;
    }
}

static void receiver_io_drop(struct grapnel_receiver *r, struct gn_conn *conn)
{
    *(conn->prev == NULL ? &r->conns : &conn->prev->next) = conn->next;
    if (conn->next != NULL) {
        conn->next->prev = conn->prev;
    }
    /* Closing alone does not take it off epoll while a program that is being started still has it. */
    (void)receiver_io_watch(r, EPOLL_CTL_DEL, conn->fd, 0, NULL);
    (void)close(conn->fd);
    gn_http_reset(&conn->http);
    gn_answer_free(r, conn);
    free(conn->input);
    free(conn);
    r->conn_count--;
    pause_accepting(r, false);
}

static void read_next(struct grapnel_receiver *r, struct gn_conn *conn)
{
    conn->state = GN_CONN_READ;
    conn->deadline_us = gn_steady_us() + r->config.idle_ms * 1000;
}

/* What is left of an answer; true: all of it went. False: wait, or the connection is gone. */
static bool send_rest(struct grapnel_receiver *r, struct gn_conn *conn)
{
    while (conn->output_done < conn->output_len) {
        ssize_t n = send(conn->fd, conn->output + conn->output_done,
                         conn->output_len - conn->output_done, MSG_NOSIGNAL);
        if (n > 0) {
            conn->output_done += (size_t)n;
        } else if (errno == EAGAIN) {
            (void)receiver_io_watch(r, EPOLL_CTL_MOD, conn->fd, EPOLLOUT, conn);
            return false;
        } else if (errno != EINTR) {
            receiver_io_drop(r, conn);
            return false;
        }
    }
    return true;
}

static bool receiver_io_feed(struct grapnel_receiver *r, struct gn_conn *conn, const char *data,
                             size_t len);

/* Sends the answer and goes on: to the next request, or to the end. */
static void write_on(struct grapnel_receiver *r, struct gn_conn *conn)
{
    for (;;) {
        if (!send_rest(r, conn)) {
            return;
        }
        gn_answer_free(r, conn);
        (void)receiver_io_watch(r, EPOLL_CTL_MOD, conn->fd, EPOLLIN, conn);
        if (conn->closes) {
            (void)shutdown(conn->fd, SHUT_WR);
            conn->state = GN_CONN_LINGER;
            conn->deadline_us = gn_steady_us() + LINGER_US;
            return;
        }
        gn_http_reset(&conn->http);
        conn->told_to_continue = false;
        read_next(r, conn);
        char *input = conn->input;
        size_t len = conn->input_len;
        conn->input = NULL;
        conn->input_len = 0;
        bool refused = len > 0 && receiver_io_feed(r, conn, input, len);
        free(input);
        if (!refused) {
            return;
        }
    }
}

static void begin_write(struct grapnel_receiver *r, struct gn_conn *conn)
{
    conn->state = GN_CONN_WRITE;
    conn->deadline_us = gn_steady_us() + r->config.write_ms * 1000;
}

static void receiver_io_hand_over(struct grapnel_receiver *r, struct gn_conn *conn)
{
    conn->state = GN_CONN_AWAY;
    (void)receiver_io_watch(r, EPOLL_CTL_DEL, conn->fd, 0, NULL);
    pthread_mutex_lock(&r->mutex);
    conn->follower = NULL;
    *r->to_handle.last = conn;
    r->to_handle.last = &conn->follower;
    pthread_cond_signal(&r->handed);
    pthread_mutex_unlock(&r->mutex);
}

static void tell_to_continue(struct gn_conn *conn)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (conn->http.expects_continue && conn->http.state != GN_HTTP_HEAD &&
        !conn->told_to_continue) {
        conn->told_to_continue = true;
        (void)!send(conn->fd, line, sizeof(line) - 1,
                    MSG_NOSIGNAL); /* lost: the peer goes on anyway */
    }
}

/* True: refused; the answer is there to be written. */
static bool receiver_io_feed(struct grapnel_receiver *r, struct gn_conn *conn, const char *data,
                             size_t len)
{
    size_t used;
    if (!gn_http_has_begun(&conn->http)) {
        conn->deadline_us = gn_steady_us() + r->config.request_ms * 1000;
    }
    unsigned status = gn_http_push(&conn->http, data, len, &used);
    if (status == GN_HTTP_MORE) {
        tell_to_continue(conn);
        return false;
    }
    if (status == GN_HTTP_DONE) {
        size_t rest = len - used;
        if (rest == 0) {
            receiver_io_hand_over(r, conn);
            return false;
        }
        conn->input = malloc(rest); /* READ_BYTES at most */
        if (conn->input != NULL) {
            memcpy(conn->input, data + used, rest);
            conn->input_len = rest;
            receiver_io_hand_over(r, conn);
            return false;
        }
        status = 503;
    }
    gn_refuse(r, conn, status);
    begin_write(r, conn);
    return true;
}

static void on_readable(struct grapnel_receiver *r, struct gn_conn *conn)
{
    char bytes[READ_BYTES];
    for (int i = 0; i < READS_AT_ONCE; i++) {
        ssize_t n = recv(conn->fd, bytes, sizeof(bytes), 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n <= 0) {
            receiver_io_drop(r, conn);
            return;
        }
        if (conn->state == GN_CONN_LINGER) {
            continue;
        }
        if (receiver_io_feed(r, conn, bytes, (size_t)n)) {
            write_on(r, conn);
            return;
        }
        if (conn->state != GN_CONN_READ) {
            return;
        }
    }
}

/* --- accepting ------------------------------------------------------------------------------------- */

static void name_peer(struct gn_conn *conn, const struct sockaddr_storage *address)
{
    char *out = conn->peer;
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)address;
        (void)inet_ntop(AF_INET, &four->sin_addr, out, GN_PEER_MAX);
        conn->peer_port = ntohs(four->sin_port);
        return;
    }
    conn->peer_port = ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
    const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(six)) {
        (void)inet_ntop(AF_INET, six->s6_addr + 12, out, GN_PEER_MAX);
    } else {
        (void)inet_ntop(AF_INET6, six, out, GN_PEER_MAX);
    }
}

static bool accept_one(struct grapnel_receiver *r)
{
    struct sockaddr_storage address = { 0 };
    socklen_t len = sizeof(address);
    int on = 1;
    int fd = accept4(r->listen_fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            pause_accepting(r, true); /* no descriptors: until the next sweep */
        }
        return false;
    }
    struct gn_conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL || !receiver_io_watch(r, EPOLL_CTL_ADD, fd, EPOLLIN, conn)) {
        free(conn);
        (void)close(fd);
        return false;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    conn->fd = fd;
    name_peer(conn, &address);
    gn_http_init(&conn->http, r->config.head_max, r->config.body_max, &r->budget);
    conn->next = r->conns;
    if (conn->next != NULL) {
        conn->next->prev = conn;
    }
    r->conns = conn;
    r->conn_count++;
    read_next(r, conn);
    return true;
}

static void on_acceptable(struct grapnel_receiver *r)
{
    for (int i = 0; i < ACCEPTS_AT_ONCE && r->conn_count < r->config.connections_max; i++) {
        if (!accept_one(r)) {
            return;
        }
    }
    if (r->conn_count >= r->config.connections_max) {
        pause_accepting(r, true);
    }
}

/* --- the loop -------------------------------------------------------------------------------------- */

static void on_handled(struct grapnel_receiver *r)
{
    uint64_t count;
    (void)!read(r->wake_fd, &count, sizeof(count));
    pthread_mutex_lock(&r->mutex);
    struct gn_conn *conn = r->handled.first;
    r->handled = (struct gn_conn_list){ .last = &r->handled.first };
    pthread_mutex_unlock(&r->mutex);
    while (conn != NULL) {
        struct gn_conn *next = conn->follower;
        begin_write(r, conn);
        if (conn->output != NULL && receiver_io_watch(r, EPOLL_CTL_ADD, conn->fd, EPOLLIN, conn)) {
            write_on(r, conn);
        } else {
            receiver_io_drop(r, conn);
        }
        conn = next;
    }
}

static void receiver_io_on_deadline(struct grapnel_receiver *r, struct gn_conn *conn)
{
    if (conn->state == GN_CONN_READ && gn_http_has_begun(&conn->http)) {
        gn_refuse(r, conn, 408);
        begin_write(r, conn);
        write_on(r, conn);
    } else {
        receiver_io_drop(r, conn);
    }
}

/* Slow ones out; when stopping, all that have nothing to be answered. */
static void receiver_io_sweep(struct grapnel_receiver *r, bool stopping)
{
    int64_t now_us = gn_steady_us();
    if (r->conn_count < r->config.connections_max) {
        pause_accepting(r, false);
    }
    for (struct gn_conn *conn = r->conns, *next; conn != NULL; conn = next) {
        next = conn->next;
        if (conn->state == GN_CONN_AWAY) {
            continue;
        }
        if (stopping && conn->state == GN_CONN_READ) {
            receiver_io_drop(r, conn);
        } else if (conn->deadline_us <= now_us) {
            receiver_io_on_deadline(r, conn);
        }
    }
}

static void on_event(struct grapnel_receiver *r, const struct epoll_event *event)
{
    if (event->data.ptr == &r->listen_fd) {
        on_acceptable(r);
        return;
    }
    if (event->data.ptr == &r->wake_fd) {
        return; /* after all others: it may free their connections */
    }
    struct gn_conn *conn = event->data.ptr;
    if (conn->state == GN_CONN_WRITE) {
        write_on(r, conn);
    } else {
        on_readable(r, conn);
    }
}

static bool is_stopping(struct grapnel_receiver *r)
{
    pthread_mutex_lock(&r->mutex);
    bool stopping = r->is_stopping;
    pthread_mutex_unlock(&r->mutex);
    return stopping;
}

void *gn_io_run(void *receiver)
{
    struct grapnel_receiver *r = receiver;
    int64_t end_us = 0;
    for (;;) {
        struct epoll_event events[EVENTS_AT_ONCE];
        int count = epoll_wait(r->epoll_fd, events, EVENTS_AT_ONCE, SWEEP_MS);
        for (int i = 0; i < count; i++) {
            on_event(r, &events[i]);
        }
        on_handled(r);
        bool stopping = is_stopping(r);
        receiver_io_sweep(r, stopping);
        if (!stopping) {
            continue;
        }
        if (end_us == 0) {
            (void)close(r->listen_fd);
            r->listen_fd = -1;
            end_us = gn_steady_us() + STOPPING_US;
        }
        if (r->conns == NULL || gn_steady_us() > end_us) {
            return NULL;
        }
    }
}

bool gn_io_open(struct grapnel_receiver *r)
{
    r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r->handled.last = &r->handled.first;
    r->to_handle.last = &r->to_handle.first;
    return r->epoll_fd >= 0 && r->wake_fd >= 0 &&
           receiver_io_watch(r, EPOLL_CTL_ADD, r->wake_fd, EPOLLIN, &r->wake_fd) &&
           receiver_io_watch(r, EPOLL_CTL_ADD, r->listen_fd, EPOLLIN, &r->listen_fd);
}

void gn_io_close(struct grapnel_receiver *r)
{
    while (r->conns != NULL) {
        receiver_io_drop(r, r->conns);
    }
    int fds[] = { r->listen_fd, r->epoll_fd, r->wake_fd };
    for (size_t i = 0; i < GN_COUNT(fds); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
}
