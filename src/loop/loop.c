/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop. Messages from other threads go on a lock-free stack that the loop takes whole and turns
 * round. Only the poster who finds the loop asleep writes to the eventfd, so that a burst costs one
 * system call; the eventfd is edge-triggered and never read.
 */
#include "loop/loop.h"

#include "base/files.h"
#include "loop/timers_priv.h"
#include "metrics/metrics.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    LOOP_EVENTS_MAX = 256,     /* taken from the kernel at a time; more wait for the next turn */
    LOOP_SLOW_US = 100 * 1000, /* a turn longer than this is logged */
    LOOP_WAIT_MAX_MS = 60 * 1000
};

struct loop {
    int epoll_fd;
    int wake_fd;
    const struct clock *clock;
    char name[16];
    int64_t now_us;
    struct timers timers;
    struct loop_task *deferred;
    struct loop_task **deferred_end;
    struct epoll_event events[LOOP_EVENTS_MAX];
    int event_at; /* the one being handled; -1: none yet in this turn */
    int event_count;
    int64_t slowest_us; /* the longest callback of this turn */
    loop_fn slowest_fn;
    int64_t mark_us;                    /* end of the callback before */
    _Atomic(struct loop_task *) posted; /* newest first */
    atomic_bool is_asleep;              /* in or about to enter epoll_wait */
    atomic_bool is_stopping;
};

struct loop *loop_new(const char *name, const struct clock *clock)
{
    struct loop *l = XNEW(struct loop);
    l->clock = clock;
    (void)snprintf(l->name, sizeof(l->name), "%s", name);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event wake = { .events = EPOLLIN | EPOLLET, .data.ptr = NULL };
    /* Loops are made for as many connections and questions as peers want: as a connection's. */
    if (l->epoll_fd < 0 || l->wake_fd < 0 || files_is_kept(l->wake_fd) ||
        epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->wake_fd, &wake) != 0) {
        int saved = errno;
        loop_free(l);
        errno = saved;
        return NULL;
    }
    l->deferred_end = &l->deferred;
    l->now_us = clock_mono_us(clock);
    return l;
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    if (l->epoll_fd >= 0)
        (void)close(l->epoll_fd);
    if (l->wake_fd >= 0)
        (void)close(l->wake_fd);
    loop_timers_fini(&l->timers);
    xfree(l);
}

int64_t loop_now_us(const struct loop *l)
{
    return l->now_us;
}

const struct clock *loop_clock(const struct loop *l)
{
    return l->clock;
}

/* ---- messages from other threads ---- */

static void loop_wake(struct loop *l)
{
    if (!atomic_load(&l->is_asleep) || !atomic_exchange(&l->is_asleep, false))
        return;
    uint64_t one = 1;
    /* Can only fail when the counter is full, and then the loop has its wake-up. */
    ssize_t written = write(l->wake_fd, &one, sizeof(one));
    (void)written;
}

/* Linked twice, a task would make the list a ring, and the loop would never get past it. */
static void loop_claim(struct loop_task *task)
{
    MUST(!task->_is_posted);
    task->_is_posted = true;
}

/* newest..oldest are linked newest first. */
static void loop_push(struct loop *l, struct loop_task *newest, struct loop_task *oldest)
{
    struct loop_task *head = atomic_load_explicit(&l->posted, memory_order_relaxed);
    do {
        oldest->_next = head;
        /* Sequentially consistent: pairs with is_asleep, so that one side always sees the other. */
    } while (!atomic_compare_exchange_weak(&l->posted, &head, newest));
    loop_wake(l);
}

void loop_post(struct loop *l, struct loop_task *task)
{
    loop_claim(task);
    loop_push(l, task, task);
}

static struct loop_task *loop_reversed(struct loop_task *task)
{
    struct loop_task *out = NULL;
    while (task != NULL) {
        struct loop_task *next = task->_next;
        task->_next = out;
        out = task;
        task = next;
    }
    return out;
}

void loop_post_chain(struct loop *l, struct loop_task *first, struct loop_task *last)
{
    last->_next = NULL;
    for (struct loop_task *task = first; task != NULL; task = task->_next)
        loop_claim(task);
    (void)loop_reversed(first);
    loop_push(l, last, first);
}

void loop_stop(struct loop *l)
{
    atomic_store(&l->is_stopping, true);
    loop_wake(l);
}

void loop_defer(struct loop *l, struct loop_task *task)
{
    loop_claim(task);
    task->_next = NULL;
    *l->deferred_end = task;
    l->deferred_end = &task->_next;
}

/* ---- descriptors ---- */

/* Only adding takes memory. Changing and removing fail for a descriptor that was closed or is not
 * watched, and nothing but our own code closes what we watch: of a library's socket a duplicate is. */
static void loop_control(struct loop *l, int op, struct loop_io *io)
{
    struct epoll_event ev = { .events = io->_events, .data.ptr = io };
    MUST(epoll_ctl(l->epoll_fd, op, io->fd, &ev) == 0);
}

enum rc loop_io_start(struct loop *l, struct loop_io *io, uint32_t events)
{
    struct epoll_event ev = { .events = events, .data.ptr = io };
    MUST(!io->_on);
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, io->fd, &ev) != 0) {
        MUST(errno == ENOMEM || errno == ENOSPC); /* the rest is a descriptor that is not ours */
        return RC_LIMIT;
    }
    io->_on = true;
    io->_events = events;
    return RC_OK;
}

void loop_io_change(struct loop *l, struct loop_io *io, uint32_t events)
{
    MUST(io->_on);
    if (io->_events == events)
        return;
    io->_events = events;
    loop_control(l, EPOLL_CTL_MOD, io);
}

void loop_io_stop(struct loop *l, struct loop_io *io)
{
    if (!io->_on)
        return;
    io->_on = false;
    loop_control(l, EPOLL_CTL_DEL, io);
    /* Events of this turn that are not handled yet must not reach it. */
    for (int i = l->event_at + 1; i < l->event_count; i++) {
        if (l->events[i].data.ptr == io)
            l->events[i].data.ptr = NULL;
    }
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t at_us)
{
    loop_timers_set(&l->timers, t, at_us);
}

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
    loop_timers_stop(&l->timers, t);
}

/* ---- a turn ---- */

/* Keeps the longest callback of the turn, to name it if the turn was slow. */
static void note_callback(struct loop *l, loop_fn fn)
{
    int64_t now = clock_mono_us(l->clock);
    if (now - l->mark_us >= l->slowest_us) {
        l->slowest_us = now - l->mark_us;
        l->slowest_fn = fn;
    }
    l->mark_us = now;
}

static int wait_ms(const struct loop *l, int64_t max_wait_us)
{
    int64_t wait_us = max_wait_us;
    const struct loop_timer *first = loop_timers_first(&l->timers);
    if (first != NULL) {
        int64_t left = first->_at_us - clock_mono_us(l->clock);
        if (left < wait_us)
            wait_us = left;
    }
    if (wait_us <= 0)
        return 0;
    int64_t ms = (wait_us + 999) / 1000; /* up, or the timer would not be due yet */
    return ms > LOOP_WAIT_MAX_MS ? LOOP_WAIT_MAX_MS : (int)ms;
}

static void wait_events(struct loop *l, int64_t max_wait_us)
{
    int timeout = wait_ms(l, max_wait_us);
    if (timeout > 0) {
        atomic_store(&l->is_asleep, true);
        if (atomic_load(&l->posted) != NULL || atomic_load(&l->is_stopping))
            timeout = 0;
    }
    int n = epoll_wait(l->epoll_fd, l->events, LOOP_EVENTS_MAX, timeout);
    MUST(n >= 0 || errno == EINTR);
    atomic_store(&l->is_asleep, false);
    l->event_count = n < 0 ? 0 : n;
    l->event_at = -1;
}

static void run_posted(struct loop *l)
{
    if (atomic_load_explicit(&l->posted, memory_order_relaxed) == NULL)
        return;
    struct loop_task *task = loop_reversed(atomic_exchange(&l->posted, NULL));
    while (task != NULL) {
        struct loop_task *next = task->_next; /* fn may free or repost it */
        loop_fn fn = task->fn;
        task->_is_posted = false;
        fn(task->arg);
        note_callback(l, fn);
        task = next;
    }
}

static void run_io(struct loop *l)
{
    for (l->event_at = 0; l->event_at < l->event_count; l->event_at++) {
        const struct epoll_event *ev = &l->events[l->event_at];
        struct loop_io *io = ev->data.ptr;
        if (io == NULL)
            continue; /* the wake-up, or stopped meanwhile */
        void (*fn)(void *, uint32_t) = io->fn;
        fn(io->arg, ev->events);
        note_callback(l, (loop_fn)(void (*)(void))fn);
    }
    l->event_count = 0;
}

static void run_timers(struct loop *l)
{
    /* As many as there are now: one that sets itself again at once waits for the next turn. */
    for (size_t left = l->timers.count; left > 0; left--) {
        struct loop_timer *t = loop_timers_first(&l->timers);
        if (t == NULL || t->_at_us > l->now_us)
            return;
        loop_timers_stop(&l->timers, t);
        loop_fn fn = t->fn;
        fn(t->arg);
        note_callback(l, fn);
    }
}

static void run_deferred(struct loop *l)
{
    while (l->deferred != NULL) {
        struct loop_task *task = l->deferred;
        l->deferred = task->_next;
        if (l->deferred == NULL)
            l->deferred_end = &l->deferred;
        task->_is_posted = false;
        task->fn(task->arg);
    }
}

/* "symbol", or "object+0xoffset" for addr2line when the function is static. */
static void describe_function(loop_fn fn, char *out, size_t size)
{
    Dl_info info = { 0 };
    uintptr_t at = (uintptr_t)fn;
    if (dladdr((void *)at, &info) == 0) {
        (void)snprintf(out, size, "0x%zx", (size_t)at);
    } else if (info.dli_sname != NULL && (uintptr_t)info.dli_saddr == at) {
        (void)snprintf(out, size, "%s", info.dli_sname);
    } else {
        (void)snprintf(out, size, "%s+0x%zx", info.dli_fname,
                       (size_t)(at - (uintptr_t)info.dli_fbase));
    }
}

static void report_slow_turn(struct loop *l, int64_t took_us)
{
    char fn[256];
    describe_function(l->slowest_fn, fn, sizeof(fn));
    metrics_add(METRIC_LOOP_SLOW_TURNS, 1);
    LOG(LOOP_SLOW_TURN, F_TEXT("loop", l->name), F_INT("took_us", took_us), F_TEXT("callback", fn),
        F_INT("callback_us", l->slowest_us));
}

void loop_turn(struct loop *l, int64_t max_wait_us)
{
    wait_events(l, max_wait_us);
    l->now_us = l->mark_us = clock_mono_us(l->clock);
    l->slowest_us = 0;
    l->slowest_fn = NULL;
    run_posted(l);
    run_io(l);
    run_timers(l);
    run_deferred(l);
    int64_t took_us = l->mark_us - l->now_us;
    if (took_us > LOOP_SLOW_US)
        report_slow_turn(l, took_us);
}

void loop_run(struct loop *l)
{
    thread_set_kind(THREAD_LOOP);
    while (!atomic_load(&l->is_stopping)) {
        loop_turn(l, INT64_MAX);
    }
    atomic_store(&l->is_stopping, false);
}
