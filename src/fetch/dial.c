/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses to a connected socket. Addresses are tried in order, the next one when the last fails
 * or has not answered within 250 ms; the first that connects wins. Each address passes the policy
 * right before its connect(), whoever resolved it.
 */
#include "fetch/dial_priv.h"

#include "base/files.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { NEXT_AFTER_US = 250 * 1000, PEER_TEXT = 48 };

struct dial_try {
    struct own_dial *dial;
    struct loop_io io; /* fd -1: not open */
    const struct fetch_address *address;
};

struct own_dial {
    struct own_exchange *ex;
    own_dialed_fn done;
    struct fetch_addresses addresses;
    struct dial_try tries[FETCH_ADDRESSES_MAX];
    size_t next;
    size_t open_count;
    size_t refused_count; /* by the policy */
    struct loop_timer timer;
};

static struct loop *dial_loop(const struct own_dial *d)
{
    return d->ex->own->loop;
}

static void try_close(struct dial_try *t)
{
    if (t->io.fd < 0)
        return;
    loop_io_stop(dial_loop(t->dial), &t->io);
    (void)close(t->io.fd);
    t->io.fd = -1;
    t->dial->open_count--;
}

void fetch_own_dial_free(struct own_dial *d)
{
    if (d == NULL)
        return;
    for (size_t i = 0; i < d->addresses.count; i++)
        try_close(&d->tries[i]);
    loop_timer_stop(dial_loop(d), &d->timer);
    xfree(d);
}

static void say_failed(const struct own_dial *d, const struct fetch_address *a, int error)
{
    char text[PEER_TEXT];
    char reason[96];

    fetch_address_text(a, text, sizeof(text));
    if (error == EMFILE || error == ENFILE) {
        fetch_call_say(d->ex->call,
                       "not connected: this server has too many files open (LimitNOFILE)");
        return;
    }
    fetch_call_say(d->ex->call, "%s port %u: %s", text, d->ex->call->url->port,
                   strerror_r(error, reason, sizeof(reason)));
}

/* Nothing is left to try; detail has the last reason. */
static void give_up(struct own_dial *d)
{
    struct own_exchange *ex = d->ex;
    own_dialed_fn done = d->done;
    bool all_refused = d->refused_count == d->addresses.count;

    ex->dial = NULL;
    fetch_own_dial_free(d);
    done(ex, -1, NULL, all_refused ? FETCH_ADDRESS : FETCH_CONNECT);
}

static void dial_connected(struct dial_try *t)
{
    struct own_dial *d = t->dial;
    struct own_exchange *ex = d->ex;
    own_dialed_fn done = d->done;
    struct fetch_address peer = *t->address;
    int fd = t->io.fd;

    loop_io_stop(dial_loop(d), &t->io);
    t->io.fd = -1;
    d->open_count--;
    ex->dial = NULL;
    fetch_own_dial_free(d);
    done(ex, fd, &peer, FETCH_OK);
}

static void on_connect_event(void *arg, uint32_t events);

static int open_socket(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !files_is_kept(fd))
        return fd;
    (void)close(fd);
    errno = EMFILE;
    return -1;
}

/* Starts the next address that may be used; false when there is none. */
static bool try_next(struct own_dial *d)
{
    while (d->next < d->addresses.count) {
        struct dial_try *t = &d->tries[d->next];
        struct sockaddr_storage to;
        const char *why = "";
        char text[PEER_TEXT];

        t->address = &d->addresses.items[d->next++];
        socklen_t len = fetch_address_sockaddr(t->address, d->ex->call->url->port, &to);
        if (!fetch_policy_allows(d->ex->own->policy, (const struct sockaddr *)&to, &why)) {
            d->refused_count++;
            fetch_address_text(t->address, text, sizeof(text));
            fetch_call_say(d->ex->call, "%s may not be connected to: %s", text, why);
            continue;
        }
        int fd = open_socket(t->address->family);
        if (fd < 0) {
            say_failed(d, t->address, errno);
            continue;
        }
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (connect(fd, (const struct sockaddr *)&to, len) != 0 && errno != EINPROGRESS) {
            say_failed(d, t->address, errno);
            (void)close(fd);
            continue;
        }
        t->io = (struct loop_io){ .fn = on_connect_event, .arg = t, .fd = fd };
        d->open_count++;
        if (loop_io_start(dial_loop(d), &t->io, EPOLLOUT) != RC_OK) {
            say_failed(d, t->address, ENOMEM);
            try_close(t);
            continue;
        }
        if (d->next < d->addresses.count)
            loop_timer_set(dial_loop(d), &d->timer, loop_now_us(dial_loop(d)) + NEXT_AFTER_US);
        return true;
    }
    return false;
}

static void on_connect_event(void *arg, uint32_t events)
{
    struct dial_try *t = arg;
    struct own_dial *d = t->dial;
    int error = 0;
    socklen_t len = sizeof(error);

    (void)events;
    if (getsockopt(t->io.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error == 0) {
        dial_connected(t);
        return;
    }
    say_failed(d, t->address, error);
    try_close(t);
    if (!try_next(d) && d->open_count == 0)
        give_up(d);
}

static void on_next(void *arg)
{
    struct own_dial *d = arg;

    if (!try_next(d) && d->open_count == 0)
        give_up(d);
}

void fetch_own_dial_start(struct own_exchange *ex, const struct fetch_addresses *found,
                          own_dialed_fn done)
{
    struct own_dial *d = XNEW(struct own_dial);

    d->ex = ex;
    d->done = done;
    d->addresses = *found;
    d->timer = (struct loop_timer){ .fn = on_next, .arg = d };
    for (size_t i = 0; i < FETCH_ADDRESSES_MAX; i++) {
        d->tries[i].dial = d;
        d->tries[i].io.fd = -1;
    }
    ex->dial = d;
    if (!try_next(d))
        give_up(d);
}
