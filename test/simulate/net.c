/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets of the server, in the place of libc's calls: see net_priv.h. Other families than IPv4 and IPv6 are real.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fds_priv.h"
#include "net_priv.h"

enum { SMALLEST_BUFFER = 1, USUAL_BUFFER = 262144, PORT_FIRST = 20000 };

static struct net_socket *sockets[FDS_MAX];
static uint64_t sockets_made;
static uint16_t ports_given;

static struct net_socket *socket_of(int fd)
{
    return machine_is_on() && fd_kind(fd) == FD_NET ? sockets[fd] : NULL;
}

void net_unref(struct net_socket *s)
{
    if (--s->refs > 0)
        return;
    free((void *)s->waiting);
    free(s);
}

static int fail_with(int error)
{
    errno = error;
    return -1;
}

/* --- making ------------------------------------------------------------------------------------------------ */

/* With errno set: NULL. */
static struct net_socket *make_socket(int family, int type)
{
    int ends[2], error = fault_strikes(SIM_NO_FDS, 0, "");
    if (error != 0 || REAL(socketpair)(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) {
        errno = error != 0 ? error : errno;
        return NULL;
    }
    MACHINE_MUST(ends[0] < FDS_MAX);
    /* The far end has a high number, so that the server's are those that it would have. */
    int far = REAL(fcntl)(ends[1], F_DUPFD_CLOEXEC, FDS_MAX);
    MACHINE_MUST(far >= 0);
    (void)machine_call(SYS_close, ends[1]);
    struct net_socket *s = calloc(1, sizeof *s);
    MACHINE_MUST(s != NULL);
    s->family = family;
    s->type = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    s->near = ends[0];
    s->far = far;
    s->near_count = s->refs = 1;
    s->number = ++sockets_made;
    (void)net_address_parse(family == AF_INET6 ? "[::]:0" : "0.0.0.0:0", &s->own);
    sockets[s->near] = s;
    fd_set_kind(s->near, FD_NET);
    return s;
}

int socket(int family, int type, int protocol)
{
    if (!machine_is_on() || (family != AF_INET && family != AF_INET6))
        return REAL(socket)(family, type, protocol);
    struct net_socket *s = make_socket(family, type);
    return s == NULL ? -1 : s->near;
}

/* Another descriptor of the same socket. */
void net_duplicated(int fd, int copy)
{
    sockets[copy] = sockets[fd];
    sockets[copy]->near_count++;
    fd_set_kind(copy, FD_NET);
}

static struct net_socket *next_socket(int *at)
{
    while (++*at < FDS_MAX)
        if (sockets[*at] != NULL && sockets[*at]->near == *at)
            return sockets[*at];
    return NULL;
}

struct net_socket *net_datagram_socket(uint64_t number)
{
    struct net_socket *s;
    for (int at = -1; (s = next_socket(&at)) != NULL;)
        if (s->type == SOCK_DGRAM && s->number == number)
            return s;
    return NULL;
}

struct net_socket *net_listener(const struct net_address *to)
{
    struct net_socket *s, *chosen = NULL;
    uint64_t count = 0;
    for (int at = -1; (s = next_socket(&at)) != NULL;)
        if (s->state == NET_LISTENS && net_address_matches(&s->own, to) &&
            sim_dice(SIM_NETWORK, ++count) == 0)
            chosen = s;
    return chosen;
}

/* --- closing ------------------------------------------------------------------------------------------------- */

static void end_stream(struct net_socket *s)
{
    struct sim_sock *sock = s->sock;
    s->sock = NULL;
    wire_pull(sock); /* with what was written last, and the end */
    while (!sock->is_broken && !sock->from_server.is_ending && s->far >= 0) {
        sock->from_server.waiting =
            0; /* the kernel goes on sending after close(), whatever the window */
        wire_pull(sock);
    }
    sock->socket = NULL;
    wire_unref(sock);
}

/* Nothing of it may be found any more when the descriptor is free for another. */
void net_close(int fd)
{
    struct net_socket *s = sockets[fd];
    sockets[fd] = NULL;
    if (--s->near_count > 0) {
        for (int i = 0; s->near == fd && i < FDS_MAX; i++)
            if (sockets[i] == s)
                s->near = i;
        (void)machine_call(SYS_close, fd);
        return;
    }
    s->near = -1;
    (void)machine_call(SYS_close, fd);
    if (s->sock != NULL)
        end_stream(s);
    for (size_t i = 0; i < s->waiting_count; i++) {
        wire_break(s->waiting[i]);
        wire_unref(s->waiting[i]);
    }
    if (s->far >= 0)
        (void)machine_call(SYS_close, s->far);
    s->far = -1;
    s->state = NET_CLOSED;
    net_unref(s);
}

int shutdown(int fd, int how)
{
    struct net_socket *s = socket_of(fd);
    int result = REAL(shutdown)(fd, how);
    if (s != NULL && s->sock != NULL)
        wire_pull(s->sock);
    return result;
}

/* --- listening ----------------------------------------------------------------------------------------------- */

int bind(int fd, const struct sockaddr *address, socklen_t len)
{
    struct net_socket *s = socket_of(fd), *other;
    if (s == NULL)
        return REAL(bind)(fd, address, len);
    memcpy(&s->own.room, address, len);
    s->own.len = len;
    if (s->type == SOCK_STREAM && net_address_port(&s->own) == 0)
        net_address_set_port(&s->own, (uint16_t)(PORT_FIRST + ports_given++));
    for (int at = -1; (other = next_socket(&at)) != NULL;)
        if (other->state == NET_LISTENS && net_address_matches(&other->own, &s->own) &&
            !(other->is_shared && s->is_shared))
            return fail_with(EADDRINUSE);
    return 0;
}

int listen(int fd, int backlog)
{
    struct net_socket *s = socket_of(fd);
    if (s == NULL)
        return REAL(listen)(fd, backlog);
    if (s->waiting == NULL)
        s->waiting = (struct sim_sock **)calloc(NET_CONNECTIONS, sizeof(struct sim_sock *));
    MACHINE_MUST(s->waiting != NULL);
    s->state = NET_LISTENS;
    return 0;
}

static void tell_address(const struct net_address *a, struct sockaddr *out, socklen_t *len)
{
    if (out == NULL || len == NULL)
        return;
    memcpy(out, &a->room, a->len < *len ? a->len : *len);
    *len = a->len;
}

int accept4(int fd, struct sockaddr *from, socklen_t *len, int flags)
{
    struct net_socket *s = socket_of(fd);
    char byte;
    if (s == NULL)
        return REAL(accept4)(fd, from, len, flags);
    sched_point(MACHINE->preempt_once_in);
    MACHINE_MUST(!fd_is_blocking(fd));
    if (s->waiting_count == 0)
        return fail_with(EAGAIN);
    struct net_socket *taken = make_socket(s->family, SOCK_STREAM | (flags & SOCK_NONBLOCK));
    if (taken == NULL)
        return -1;
    (void)machine_call(SYS_recvfrom, fd, &byte, 1, MSG_DONTWAIT, NULL, NULL);
    struct sim_sock *sock = s->waiting[0];
    memmove(s->waiting, s->waiting + 1, --s->waiting_count * sizeof *s->waiting);
    taken->state = NET_OPEN;
    taken->own = s->own;
    taken->peer = sock->from;
    taken->sock = sock;
    sock->socket = taken;
    if (sock->is_broken)
        wire_break(sock);
    wire_flush(sock);
    tell_address(&taken->peer, from, len);
    return taken->near;
}

int accept(int fd, struct sockaddr *from, socklen_t *len)
{
    return accept4(fd, from, len, 0);
}

/* --- connecting ---------------------------------------------------------------------------------------------------- */

/* Neither readable nor writable, until the connection is made. */
static void fill_up(struct net_socket *s)
{
    static const char bytes[8192];
    int size = SMALLEST_BUFFER;
    (void)REAL(setsockopt)(s->near, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    while (machine_call(SYS_sendto, s->near, bytes, sizeof bytes / 4, MSG_DONTWAIT, NULL, 0) > 0)
        ;
}

static void empty(struct net_socket *s)
{
    char bytes[8192];
    int size = USUAL_BUFFER;
    (void)REAL(setsockopt)(s->near, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    while (machine_call(SYS_recvfrom, s->far, bytes, sizeof bytes, MSG_DONTWAIT, NULL, NULL) > 0)
        ;
}

static void fail_to_connect(struct net_socket *s, int error)
{
    s->state = NET_FAILED;
    s->error = error;
    (void)machine_call(SYS_close, s->far); /* with bytes unread: an error for the near end */
    s->far = -1;
}

static void end_connecting(void *arg)
{
    struct net_socket *s = arg;
    int error = s->state == NET_CONNECTS ? fault_strikes(SIM_CONNECT_FAILS, 0, "") : 0;
    enum sim_reach reach = world_net_reach(&s->peer);
    if (s->state == NET_CONNECTS && reach != SIM_SILENT) {
        struct sim_sock *sock = wire_new(&s->own, &s->peer);
        net_address_text(&s->own, sock->peer);
        if (reach == SIM_UNREACHABLE)
            error = EHOSTUNREACH;
        if (error == 0 && (reach == SIM_REFUSED || !world_net_take(&s->peer, sock)))
            error = ECONNREFUSED;
        if (error != 0) {
            wire_unref(sock);
            fail_to_connect(s, error);
        } else {
            empty(s);
            s->state = NET_OPEN;
            s->sock = sock;
            sock->socket = s;
            sock->refs++;
        }
    }
    net_unref(s);
}

static bool is_connect_over(void *arg)
{
    const struct net_socket *s = arg;
    return s->state != NET_CONNECTS;
}

static void begin_connecting(struct net_socket *s)
{
    struct sim_sock *probe = wire_new(&s->own, &s->peer);
    int64_t takes_us = 2 * wire_latency_us(&probe->link) + fault_delay_us(SIM_CONNECT_SLOW, 0, "");
    wire_unref(probe);
    fill_up(s);
    s->state = NET_CONNECTS;
    s->refs++;
    if (net_address_port(&s->own) == 0)
        net_address_set_port(&s->own, (uint16_t)(PORT_FIRST + ports_given++ % 40000));
    sched_at(MACHINE->now_us + takes_us, end_connecting, s);
}

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    struct net_socket *s = socket_of(fd);
    if (s == NULL)
        return REAL(connect)(fd, address, len);
    sched_point(MACHINE->preempt_once_in);
    if (s->state == NET_FRESH || s->type == SOCK_DGRAM) {
        memcpy(&s->peer.room, address, len);
        s->peer.len = len;
    }
    if (s->type == SOCK_DGRAM)
        return 0;
    if (s->state == NET_OPEN)
        return fail_with(EISCONN);
    if (s->state == NET_FRESH) {
        begin_connecting(s);
        if (!fd_is_blocking(fd))
            return fail_with(EINPROGRESS);
        (void)sched_block("a connection", is_connect_over, s, SIM_FOREVER);
    }
    if (s->state == NET_CONNECTS)
        return fail_with(EALREADY);
    return s->state == NET_OPEN ? 0 : fail_with(s->error);
}

/* --- bytes ------------------------------------------------------------------------------------------------------------ */

static void wait_until_readable(int fd)
{
    struct pollfd poll = { .fd = fd, .events = POLLIN };
    (void)sched_block_fds("bytes", &poll, 1, SIM_FOREVER);
}

ssize_t net_receive(int fd, struct msghdr *msg, int flags)
{
    struct net_socket *s = sockets[fd];
    sched_point(MACHINE->preempt_once_in);
    if (s->state == NET_CONNECTS || s->state == NET_FRESH)
        return s->type == SOCK_DGRAM ? 0 : fail_with(s->state == NET_FRESH ? ENOTCONN : EAGAIN);
    ssize_t n = machine_call(SYS_recvmsg, fd, msg, flags | MSG_DONTWAIT);
    while (n < 0 && errno == EAGAIN && fd_is_blocking(fd) && (flags & MSG_DONTWAIT) == 0) {
        wait_until_readable(fd);
        n = machine_call(SYS_recvmsg, fd, msg, flags | MSG_DONTWAIT);
    }
    if (n > 0 && s->sock != NULL)
        wire_flush(s->sock);
    return n;
}

static ssize_t receive_datagram(struct net_socket *s, int fd, struct msghdr *msg, int flags)
{
    struct net_address sender = s->peer;
    socklen_t room = msg->msg_namelen; /* the call says that the other end of a pair has no name */
    ssize_t n = machine_call(SYS_recvmsg, fd, msg, flags | MSG_DONTWAIT);
    if (n < 0)
        return n;
    msg->msg_namelen = room;
    if (s->sender_count > 0) {
        sender = s->senders[0];
        memmove(s->senders, s->senders + 1, --s->sender_count * sizeof *s->senders);
    }
    if (msg->msg_name != NULL)
        tell_address(&sender, msg->msg_name, &msg->msg_namelen);
    return n;
}

static ssize_t send_datagram(struct net_socket *s, const struct msghdr *msg)
{
    unsigned char bytes[65536];
    size_t len = 0;
    struct net_address to = s->peer;
    if (msg->msg_name != NULL) {
        memcpy(&to.room, msg->msg_name, msg->msg_namelen);
        to.len = msg->msg_namelen;
    }
    for (size_t i = 0; i < msg->msg_iovlen; i++) {
        MACHINE_MUST(len + msg->msg_iov[i].iov_len <= sizeof bytes);
        memcpy(bytes + len, msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len);
        len += msg->msg_iov[i].iov_len;
    }
    machine_trace_bytes(bytes, len);
    (void)world_net_datagram(s, &to, bytes, len); /* or nobody hears it */
    return (ssize_t)len;
}

ssize_t net_transmit(int fd, const struct msghdr *msg, int flags)
{
    struct net_socket *s = sockets[fd];
    struct msghdr plain = *msg;
    sched_point(MACHINE->preempt_once_in);
    if (s->type == SOCK_DGRAM)
        return send_datagram(s, msg);
    if (s->state == NET_CONNECTS || s->state == NET_FRESH)
        return fail_with(s->state == NET_FRESH ? EPIPE : EAGAIN);
    plain.msg_name = NULL;
    plain.msg_namelen = 0;
    ssize_t n = machine_call(SYS_sendmsg, fd, &plain, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EAGAIN && fd_is_blocking(fd) && (flags & MSG_DONTWAIT) == 0) {
        struct pollfd poll = { .fd = fd, .events = POLLOUT };
        (void)sched_block_fds("room to write", &poll, 1, SIM_FOREVER);
        n = machine_call(SYS_sendmsg, fd, &plain, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (n > 0 && s->sock != NULL)
        wire_pull(s->sock);
    return n;
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
    struct net_socket *s = socket_of(fd);
    if (s == NULL)
        return REAL(recvmsg)(fd, msg, flags);
    return s->type == SOCK_DGRAM ? receive_datagram(s, fd, msg, flags)
                                 : net_receive(fd, msg, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    return socket_of(fd) == NULL ? REAL(sendmsg)(fd, msg, flags) : net_transmit(fd, msg, flags);
}

ssize_t recvfrom(int fd, void *restrict out, size_t len, int flags, struct sockaddr *restrict from,
                 socklen_t *restrict from_len)
{
    struct net_socket *s = socket_of(fd);
    if (s == NULL)
        return REAL(recvfrom)(fd, out, len, flags, from, from_len);
    struct iovec piece = { out, len };
    struct msghdr msg = { .msg_name = from,
                          .msg_namelen = from_len == NULL ? 0 : *from_len,
                          .msg_iov = &piece,
                          .msg_iovlen = 1 };
    ssize_t n = recvmsg(fd, &msg, flags);
    if (n >= 0 && from_len != NULL)
        *from_len = msg.msg_namelen;
    return n;
}

ssize_t recv(int fd, void *out, size_t len, int flags)
{
    return socket_of(fd) == NULL ? REAL(recv)(fd, out, len, flags)
                                 : recvfrom(fd, out, len, flags, NULL, NULL);
}

ssize_t sendto(int fd, const void *bytes, size_t len, int flags, const struct sockaddr *to,
               socklen_t to_len)
{
    if (socket_of(fd) == NULL)
        return REAL(sendto)(fd, bytes, len, flags, to, to_len);
    struct iovec piece = { (void *)(uintptr_t)bytes, len };
    struct msghdr msg = {
        .msg_name = (void *)(uintptr_t)to, .msg_namelen = to_len, .msg_iov = &piece, .msg_iovlen = 1
    };
    return net_transmit(fd, &msg, flags);
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    return socket_of(fd) == NULL ? REAL(send)(fd, bytes, len, flags)
                                 : sendto(fd, bytes, len, flags, NULL, 0);
}

/* --- what may be asked -------------------------------------------------------------------------------------------------- */

int getsockname(int fd, struct sockaddr *restrict out, socklen_t *restrict len)
{
    struct net_socket *s = socket_of(fd);
    if (s == NULL)
        return REAL(getsockname)(fd, out, len);
    tell_address(&s->own, out, len);
    return 0;
}

int getpeername(int fd, struct sockaddr *restrict out, socklen_t *restrict len)
{
    struct net_socket *s = socket_of(fd);
    if (s == NULL)
        return REAL(getpeername)(fd, out, len);
    if (s->peer.len == 0 || s->state == NET_CONNECTS)
        return fail_with(ENOTCONN);
    tell_address(&s->peer, out, len);
    return 0;
}

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
    struct net_socket *s = socket_of(fd);
    if (s == NULL)
        return REAL(getsockopt)(fd, level, name, value, len);
    int answer = 0;
    if (level == SOL_SOCKET && name == SO_ERROR) {
        answer = s->error;
        s->error = 0;
    } else if (level == SOL_SOCKET && name == SO_TYPE) {
        answer = s->type;
    } else if (level == SOL_SOCKET && name == SO_DOMAIN) {
        answer = s->family;
    } else if (level == IPPROTO_TCP && name == TCP_INFO) {
        return fail_with(ENOPROTOOPT);
    }
    memset(value, 0, *len);
    memcpy(value, &answer, *len < sizeof answer ? *len : sizeof answer);
    return 0;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    struct net_socket *s = socket_of(fd);
    if (s == NULL)
        return REAL(setsockopt)(fd, level, name, value, len);
    if (level == SOL_SOCKET && name == SO_REUSEPORT)
        s->is_shared = *(const int *)value != 0;
    return 0;
}
