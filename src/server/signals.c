/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals arrive as events on the main loop, never in the middle of other code: they are blocked
 * before the first thread starts and read from a signalfd.
 *
 *   SIGTERM, SIGINT  stop: finish what is under way; a second one cuts
 *   SIGHUP           read the configuration again
 */
#include "server/signals_priv.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct server_signals {
    struct server *server;
    struct loop_io io;
};

static void handled_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

void server_signals_block(void)
{
    sigset_t set;

    handled_signals(&set);
    MUST(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
    MUST(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    MUST(signal(SIGXFSZ, SIG_IGN) != SIG_ERR); /* a file size limit is a full disk, not an end */
}

static void stop_asked(struct server *s, uint32_t number)
{
    struct str name = number == SIGINT ? STR("SIGINT") : STR("SIGTERM");

    if (s->stop_asked) {
        /* The store survives kill -9, so leaving here loses nothing that was answered. */
        LOG(SERVER_CUT, F_STR("signal", name));
        _exit(1);
    }
    s->stop_asked = true;
    LOG(SERVER_STOPPING, F_STR("signal", name));
}

static void on_signal(void *arg, uint32_t events)
{
    struct server_signals *signals = arg;
    struct signalfd_siginfo info;

    (void)events;
    while (read(signals->io.fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            signals->server->reload_asked = true;
        else
            stop_asked(signals->server, info.ssi_signo);
    }
}

struct server_signals *server_signals_new(struct server *s)
{
    struct server_signals *signals = XNEW(struct server_signals);
    sigset_t set;

    handled_signals(&set);
    signals->server = s;
    signals->io.fn = on_signal;
    signals->io.arg = signals;
    signals->io.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals->io.fd >= 0 && loop_io_start(s->main, &signals->io, EPOLLIN) == RC_OK)
        return signals;
    int saved = errno;
    if (signals->io.fd >= 0)
        close(signals->io.fd);
    xfree(signals);
    errno = saved;
    return NULL;
}

void server_signals_free(struct server_signals *signals)
{
    if (signals == NULL)
        return;
    loop_io_stop(signals->server->main, &signals->io);
    close(signals->io.fd);
    xfree(signals);
}

bool server_wait(struct server *s, bool (*done)(struct server *s), int64_t until_us)
{
    const struct clock *clock = clock_system();

    while (!done(s)) {
        int64_t left_us = until_us - clock_mono_us(clock);
        if (left_us <= 0)
            return false;
        loop_turn(s->main, left_us < 20000 ? left_us : 20000);
    }
    return true;
}
