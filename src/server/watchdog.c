/* SPDX-License-Identifier: Apache-2.0
 *
 * Watches the loops from a thread of its own: every second each loop is sent a task; one that has not
 * run it for seconds is blocked by something that should be on a worker, and the log then says what
 * every thread is doing. systemd's watchdog is fed only while all loops turn. Threads that block by their nature, the
 * store's, say themselves when they begin work that others wait for (base/activity.h); one that is stuck in it is told of
 * in the same way, and goes on being waited for: a slow disk is no faster after a restart. It also ends a node that
 * another one has replaced.
 */
#include "server/watchdog_priv.h"

#include "server/loops_priv.h"
#include "server/notify_priv.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BEAT_US = 1000000, SILENT_US = ACTIVITY_STUCK_US, ACTIVITY_MAX = 8192 };

struct beat {
    struct loop_task task;
    atomic_bool is_out;
    _Atomic int64_t sent_us;
    bool is_silent;
};

struct server_watchdog {
    struct server *server;
    struct thread *thread;
    int stop_fd;
    struct beat beats[SERVER_LOOPS_MAX];
    struct activity_work stuck[THREAD_SLOTS]; /* since_us 0: it is not */
};

/* On the watched loop. */
static void beat_back(void *arg)
{
    struct beat *beat = arg;

    atomic_store(&beat->is_out, false);
}

static void say_silent(const struct server_loop *loop, int64_t silent_us)
{
    struct buf doing;

    buf_init(&doing, ACTIVITY_MAX);
    activity_describe(&doing);
    LOG(SERVER_LOOP_SILENT, F_TEXT("loop", loop->name), F_INT("silent_ms", silent_us / 1000),
        F_STR("doing", buf_str(&doing)));
    buf_fini(&doing);
}

/* False: the loop is silent. */
static bool watchdog_check(struct server_watchdog *w, size_t at, int64_t now_us)
{
    struct beat *beat = &w->beats[at];
    struct server_loop *loop = &w->server->loops[at];

    if (!atomic_load(&beat->is_out)) {
        if (beat->is_silent)
            LOG(SERVER_LOOP_BACK, F_TEXT("loop", loop->name));
        beat->is_silent = false;
        atomic_store(&beat->sent_us, now_us);
        atomic_store(&beat->is_out, true);
        loop_post(loop->loop, &beat->task);
        return true;
    }
    int64_t silent_us = now_us - atomic_load(&beat->sent_us);
    if (silent_us > SILENT_US && !beat->is_silent) {
        beat->is_silent = true;
        say_silent(loop, silent_us);
    }
    return silent_us <= SILENT_US;
}

static void say_stuck(const struct activity_work *work, int64_t silent_us)
{
    struct buf doing;

    buf_init(&doing, ACTIVITY_MAX);
    activity_describe(&doing);
    LOG(SERVER_THREAD_STUCK, F_TEXT("thread", work->thread), F_TEXT("at", work->what),
        F_INT("silent_ms", silent_us / 1000), F_STR("doing", buf_str(&doing)));
    buf_fini(&doing);
}

static void watchdog_check_thread(struct server_watchdog *w, unsigned slot, int64_t now_us)
{
    struct activity_work *stuck = &w->stuck[slot], work;
    bool is_at_work = activity_work(slot, &work);

    if (stuck->since_us != 0 && (!is_at_work || work.since_us != stuck->since_us)) {
        LOG(SERVER_THREAD_BACK, F_TEXT("thread", stuck->thread));
        metrics_add(METRIC_SERVER_THREADS_STUCK, -1);
        stuck->since_us = 0;
    }
    if (is_at_work && stuck->since_us == 0 && now_us - work.since_us > ACTIVITY_STUCK_US) {
        *stuck = work;
        metrics_add(METRIC_SERVER_THREADS_STUCK, 1);
        say_stuck(&work, now_us - work.since_us);
    }
}

/* Another node goes on with what this one had. Whatever it still does is refused by the store or done twice, so it
 * ends here and now; nothing that was answered is lost with it, as with kill -9. */
static void end_if_replaced(struct server *s)
{
    struct buf why;

    buf_init(&why, SERVER_WHY_MAX);
    if (store_health(s->store, &why) == RC_DENIED) {
        LOG(SERVER_REPLACED, F_STR("why", buf_str(&why)));
        _exit(1);
    }
    buf_fini(&why);
}

static void watchdog_watch(void *arg)
{
    struct server_watchdog *w = arg;
    struct pollfd stop = { .fd = w->stop_fd, .events = POLLIN };

    while (poll(&stop, 1, BEAT_US / 1000) <= 0) {
        end_if_replaced(w->server);
        bool all_turn = true;
        for (size_t i = 0; i < w->server->loop_count; i++)
            all_turn = watchdog_check(w, i, clock_mono_us(clock_system())) && all_turn;
        for (unsigned slot = 0; slot < THREAD_SLOTS; slot++)
            watchdog_check_thread(w, slot, clock_mono_us(clock_system()));
        if (all_turn)
            server_notify("WATCHDOG=1");
    }
}

struct server_watchdog *server_watchdog_new(struct server *s)
{
    struct server_watchdog *w = XNEW(struct server_watchdog);

    w->server = s;
    w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->stop_fd < 0) {
        xfree(w);
        return NULL;
    }
    for (size_t i = 0; i < s->loop_count; i++)
        w->beats[i].task = (struct loop_task){ .fn = beat_back, .arg = &w->beats[i] };
    w->thread = thread_start("watchdog", THREAD_OTHER, watchdog_watch, w);
    if (w->thread != NULL)
        return w;
    close(w->stop_fd);
    xfree(w);
    return NULL;
}

void server_watchdog_free(struct server_watchdog *w)
{
    if (w == NULL)
        return;
    MUST(eventfd_write(w->stop_fd, 1) ==
         0); /* fails for a full counter only, and this is the first */
    thread_join(w->thread);
    close(w->stop_fd);
    server_drain_loops(w->server); /* beats still under way come home */
    xfree(w);
}

int64_t server_watchdog_waiting_us(struct server_watchdog *w, size_t loop)
{
    struct beat *beat = &w->beats[loop];

    return atomic_load(&beat->is_out) ? clock_mono_us(clock_system()) - atomic_load(&beat->sent_us)
                                      : 0;
}

void server_watchdog_describe(struct server_watchdog *w, struct buf *out)
{
    for (size_t i = 0; i < w->server->loop_count; i++)
        buf_say(out, "%s waiting_us=%lld\n", w->server->loops[i].name,
                (long long)server_watchdog_waiting_us(w, i));
    struct activity_work work;
    int64_t now_us = clock_mono_us(clock_system());
    for (unsigned slot = 0; slot < THREAD_SLOTS; slot++)
        if (activity_work(slot, &work))
            buf_say(out, "%s at=\"%s\" since_us=%lld\n", work.thread, work.what,
                    (long long)(now_us - work.since_us));
}
