/* SPDX-License-Identifier: Apache-2.0
 *
 * The scheduler. Tasks are real threads, of which one at a time holds the baton: the others sleep on a futex of their
 * own. A task gives the baton away when it waits, and now and then at a call, by dice. Who waits says what for, as a
 * question that is asked again whenever the baton is given away. When nobody can go on, time moves to the next moment
 * at which somebody can.
 */
#include "sched_priv.h"

#include <errno.h>
#include <execinfo.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SWITCHES_A_SECOND = 200000, POLLS_MAX = 256, READY_MAX = 1024, STACK_FRAMES = 40 };

struct event {
    int64_t at_us;
    uint64_t number; /* equal times: the first one made */
    void (*fn)(void *arg);
    void *arg;
};

static struct {
    struct task *tasks; /* in order of their making */
    struct task **tasks_end;
    unsigned task_count;
    struct task *running;
    struct task *ended;   /* its thread is to be joined by whoever runs next */
    struct event *events; /* a binary heap */
    size_t event_count, event_room;
    uint64_t events_made;
    bool is_on;
} sched;

static _Thread_local struct task *self __attribute__((tls_model("initial-exec")));
static _Thread_local int inside __attribute__((tls_model("initial-exec")));

struct task *sched_self(void)
{
    return self;
}

bool machine_is_on(void)
{
    return sched.is_on && self != NULL && inside == 0;
}

bool sched_is_of_world(void)
{
    return self != NULL && (inside > 0 || self->is_of_world);
}

void sched_enter(void)
{
    inside++;
}

void sched_leave(void)
{
    inside--;
}

/* --- events ---------------------------------------------------------------------------------------- */

static bool is_event_before(const struct event *a, const struct event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->number < b->number;
}

static void swap_events(size_t a, size_t b)
{
    struct event kept = sched.events[a];
    sched.events[a] = sched.events[b];
    sched.events[b] = kept;
}

void sched_at(int64_t at_us, void (*fn)(void *arg), void *arg)
{
    if (sched.event_count == sched.event_room) {
        sched.event_room = sched.event_room == 0 ? 256 : sched.event_room * 2;
        sched.events = realloc(sched.events, sched.event_room * sizeof *sched.events);
        MACHINE_MUST(sched.events != NULL);
    }
    size_t i = sched.event_count++;
    sched.events[i] = (struct event){ at_us, sched.events_made++, fn, arg };
    for (; i > 0 && is_event_before(&sched.events[i], &sched.events[(i - 1) / 2]); i = (i - 1) / 2)
        swap_events(i, (i - 1) / 2);
}

static struct event take_event(void)
{
    struct event first = sched.events[0];
    sched.events[0] = sched.events[--sched.event_count];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
            if (child < sched.event_count &&
                is_event_before(&sched.events[child], &sched.events[least]))
                least = child;
        if (least == i)
            return first;
        swap_events(i, least);
        i = least;
    }
}

static void run_events(void)
{
    while (sched.event_count > 0 && sched.events[0].at_us <= MACHINE->now_us) {
        struct event event = take_event();
        event.fn(event.arg);
    }
}

/* --- who is next ------------------------------------------------------------------------------------- */

static struct choice {
    struct task *ready[READY_MAX];
    size_t count;
    struct pollfd polls[POLLS_MAX];
    nfds_t poll_count;
    int64_t next_us; /* when somebody's time is up */
} choice;

static void ask_task(struct choice *c, struct task *t)
{
    t->polls_at = -1;
    if (t->is_over)
        return;
    MACHINE_MUST(c->count < READY_MAX);
    if (t->until_us <= MACHINE->now_us || (t->is_ready != NULL && t->is_ready(t->arg))) {
        c->ready[c->count++] = t;
        return;
    }
    if (t->until_us < c->next_us)
        c->next_us = t->until_us;
    if (t->polls == NULL)
        return;
    MACHINE_MUST(c->poll_count + t->poll_count <= POLLS_MAX);
    t->polls_at = (int)c->poll_count;
    memcpy(&c->polls[c->poll_count], t->polls, t->poll_count * sizeof *t->polls);
    c->poll_count += t->poll_count;
}

static void ask_polls(struct choice *c)
{
    if (c->poll_count == 0 || REAL(poll)(c->polls, c->poll_count, 0) <= 0)
        return;
    for (struct task *t = sched.tasks; t != NULL; t = t->next) {
        bool is_ready = false;
        for (nfds_t i = 0; t->polls_at >= 0 && i < t->poll_count; i++)
            is_ready = is_ready || c->polls[(nfds_t)t->polls_at + i].revents != 0;
        if (is_ready)
            c->ready[c->count++] = t;
    }
}

static void count_switch(void)
{
    struct machine_kept *m = MACHINE;
    m->switches++;
    if (m->now_us / SIM_SECOND != m->busy_second) {
        m->busy_second = m->now_us / SIM_SECOND;
        m->busy_switches = 0;
    }
    if (++m->busy_switches > SWITCHES_A_SECOND)
        sim_fail(SIM_LIVELOCK, 0, "%d switches of threads within one virtual second",
                 SWITCHES_A_SECOND);
}

void sched_moves(void)
{
    enum { SWITCHES_A_SEGMENT = 6 };
    struct machine_kept *m = MACHINE;
    m->busy_switches -=
        m->busy_switches < SWITCHES_A_SEGMENT ? m->busy_switches : SWITCHES_A_SEGMENT;
}

static struct task *next_task(void)
{
    struct choice *c = &choice;
    for (;;) {
        run_events();
        c->count = c->poll_count = 0;
        c->next_us = sched.event_count > 0 ? sched.events[0].at_us : INT64_MAX;
        for (struct task *t = sched.tasks; t != NULL; t = t->next)
            ask_task(c, t);
        ask_polls(c);
        count_switch();
        if (c->count > 0)
            return c->ready[sim_dice(SIM_SCHEDULE, c->count)];
        if (c->next_us == INT64_MAX)
            sim_fail(SIM_LIVELOCK, 0, "deadlock: every thread waits for another");
        MACHINE->now_us = c->next_us;
        fault_expire();
    }
}

/* --- the baton ----------------------------------------------------------------------------------------- */

static void wake_futex(struct task *t)
{
    __atomic_store_n(&t->futex, 1, __ATOMIC_SEQ_CST);
    (void)machine_call(SYS_futex, &t->futex, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void sched_forget(struct task *t)
{
    for (struct task **at = &sched.tasks; *at != NULL; at = &(*at)->next) {
        if (*at != t)
            continue;
        *at = t->next;
        if (sched.tasks_end == &t->next)
            sched.tasks_end = at;
        free(t);
        return;
    }
}

/* The ended task's thread is gone before anything else goes on. */
static void wait_for_baton(struct task *t)
{
    while (__atomic_load_n(&t->futex, __ATOMIC_SEQ_CST) == 0)
        (void)machine_call(SYS_futex, &t->futex, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    __atomic_store_n(&t->futex, 0, __ATOMIC_SEQ_CST);
    if (sched.ended != NULL) {
        struct task *ended = sched.ended;
        sched.ended = NULL;
        (void)REAL(pthread_join)(ended->thread, NULL);
        if (ended->is_detached)
            sched_forget(ended);
    }
}

static void hand_over(bool is_ending)
{
    int kept_errno = errno;
    inside++;
    struct task *next = next_task();
    machine_trace(((uint64_t)MACHINE->now_us << 12) ^ next->number);
    machine_trace_line("%lld %s -> %s (%s)\n", (long long)MACHINE->now_us, self->name, next->name,
                       self->what);
    sched.running = next;
    if (is_ending)
        sched.ended = self;
    if (next != self)
        wake_futex(next);
    if (next != self && !is_ending)
        wait_for_baton(self);
    inside--;
    errno = kept_errno;
}

static bool is_always(void *arg)
{
    (void)arg;
    return true;
}

void sched_point(uint64_t once_in)
{
    if (!machine_is_on() || !sim_once_in(SIM_SCHEDULE, once_in))
        return;
    (void)sched_block("a turn", is_always, NULL, SIM_FOREVER);
}

bool sched_block(const char *what, bool (*is_ready)(void *arg), void *arg, int64_t until_us)
{
    self->what = what;
    self->is_ready = is_ready;
    self->arg = arg;
    self->until_us = until_us;
    hand_over(false);
    self->is_ready = NULL;
    self->what = "running";
    return is_ready != NULL && is_ready(arg);
}

bool sched_block_fds(const char *what, struct pollfd *polls, nfds_t count, int64_t until_us)
{
    self->what = what;
    self->polls = polls;
    self->poll_count = count;
    self->until_us = until_us;
    hand_over(false);
    self->polls = NULL;
    self->what = "running";
    return REAL(poll)(polls, count, 0) > 0;
}

/* --- tasks ----------------------------------------------------------------------------------------------- */

static struct task *add_task(const char *name)
{
    struct task *t = calloc(1, sizeof *t);
    MACHINE_MUST(t != NULL);
    t->number = sched.task_count++;
    t->what = "its start";
    (void)snprintf(t->name, sizeof t->name, "%s", name);
    *sched.tasks_end = t;
    sched.tasks_end = &t->next;
    return t;
}

/* Called as the last of the thread's destructors: see thread.c. */
void sched_task_ends(void)
{
    self->is_over = true;
    self->what = "nothing, it has ended";
    hand_over(true);
    self = NULL;
}

void sched_task_begins(struct task *t)
{
    self = t;
    t->tid = (int)machine_call(SYS_gettid);
    wait_for_baton(t);
    t->is_ready = NULL;
    t->what = "running";
}

struct task *sched_task_new(const char *name)
{
    struct task *t = add_task(name);
    t->is_ready = is_always;
    t->until_us = SIM_FOREVER;
    return t;
}

void sched_start(void)
{
    sched.tasks_end = &sched.tasks;
    self = add_task("main");
    self->tid = (int)machine_call(SYS_gettid);
    sched.running = self;
    sched.is_on = true;
}

void sched_stop(void)
{
    sched.is_on = false;
}

/* --- reports --------------------------------------------------------------------------------------------------- */

static int report_fd;
static volatile sig_atomic_t is_reported;

static void report_stack(int number)
{
    void *frames[STACK_FRAMES];
    (void)number;
    backtrace_symbols_fd(frames, backtrace(frames, STACK_FRAMES), report_fd);
    is_reported = 1;
}

/* Each thread writes its own stack, in a signal: SIGTRAP, as the server blocks the others. */
void sched_report(int fd)
{
    struct sigaction action = { .sa_handler = report_stack };
    report_fd = fd;
    sched.is_on = false;
    (void)REAL(sigaction)(SIGTRAP, &action, NULL);
    for (struct task *t = sched.tasks; t != NULL; t = t->next) {
        if (t->is_over)
            continue;
        (void)dprintf(fd, "\n%s waits for %s%s\n", t->name, t->what,
                      t == sched.running ? " (it has the baton)" : "");
        is_reported = 0;
        if (t == self) {
            report_stack(0);
            continue;
        }
        (void)machine_call(SYS_tgkill, machine_call(SYS_getpid), t->tid, SIGTRAP);
        struct timespec pause = { .tv_nsec = 1000000 };
        for (int i = 0; i < 200 && is_reported == 0; i++)
            (void)machine_call(SYS_nanosleep, &pause, NULL);
    }
}

struct task *sched_tasks(void)
{
    return sched.tasks;
}
