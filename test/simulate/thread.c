/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads and locks, in the place of libc's. Mutexes and read-write locks are the real ones, which are only tried:
 * who cannot have one waits in the scheduler. Condition variables and pthread_once() are done here.
 *
 * A thread's end is one of the things that would happen beside the others. So it is joined, really, by whoever gets
 * the baton next; and its destructors run before that, as a part of it, because ours comes in the last round of them.
 */
#include "sched_priv.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { WORLD_STACK = 512 * 1024, ONCE_NEW = 0, ONCE_RUNS = 1, ONCE_DONE = 2 };

static pthread_key_t end_key;
static bool has_key;

/* --- threads -------------------------------------------------------------------------------------------- */

static void on_thread_end(void *arg)
{
    struct task *t = arg;
    static _Thread_local int round;
    if (++round < PTHREAD_DESTRUCTOR_ITERATIONS)
        (void)REAL(pthread_setspecific)(end_key, t);
    else
        sched_task_ends();
}

static void *thread_body(void *arg)
{
    struct task *t = arg;
    sched_task_begins(t);
    (void)REAL(pthread_setspecific)(end_key, t);
    t->result = t->fn(t->fn_arg);
    return NULL;
}

static int start_thread(const pthread_attr_t *attr, struct task *t)
{
    pthread_attr_t own;
    if (!has_key) {
        MACHINE_MUST(REAL(pthread_key_create)(&end_key, on_thread_end) == 0);
        has_key = true;
    }
    if (attr == NULL) {
        (void)pthread_attr_init(&own);
        (void)pthread_attr_setstacksize(&own, WORLD_STACK);
    } else {
        own = *attr;
    }
    int state = PTHREAD_CREATE_JOINABLE;
    (void)pthread_attr_getdetachstate(&own, &state);
    t->is_detached = state == PTHREAD_CREATE_DETACHED;
    (void)pthread_attr_setdetachstate(&own, PTHREAD_CREATE_JOINABLE);
    sched_enter();
    int error = REAL(pthread_create)(&t->thread, &own, thread_body, t);
    sched_leave();
    return error;
}

int pthread_create(pthread_t *out, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
    if (!machine_is_on())
        return REAL(pthread_create)(out, attr, fn, arg);
    int error = fault_strikes(SIM_NO_THREADS, 0, "");
    if (error != 0)
        return error;
    pthread_attr_t usual;
    (void)pthread_attr_init(&usual);
    struct task *t = sched_task_new("thread");
    t->fn = fn;
    t->fn_arg = arg;
    error = start_thread(attr == NULL ? &usual : attr, t);
    MACHINE_MUST(error == 0);
    *out = (pthread_t)t;
    sched_point(2);
    return 0;
}

/* Its name is the task's, too. */
int pthread_setname_np(pthread_t thread, const char *name)
{
    if (machine_is_on() && thread == REAL(pthread_self)()) {
        struct task *t = sched_self();
        (void)strncpy(t->name, name, sizeof t->name - 1);
    }
    return REAL(pthread_setname_np)(thread, name);
}

static bool is_task_over(void *arg)
{
    const struct task *t = arg;
    return t->is_over;
}

int pthread_join(pthread_t thread, void **out)
{
    if (!machine_is_on())
        return REAL(pthread_join)(thread, out);
    struct task *t = (struct task *)thread;
    while (!t->is_over)
        (void)sched_block("the end of a thread", is_task_over, t, SIM_FOREVER);
    if (out != NULL)
        *out = t->result;
    sched_forget(t);
    return 0;
}

int pthread_detach(pthread_t thread)
{
    if (!machine_is_on())
        return REAL(pthread_detach)(thread);
    ((struct task *)thread)->is_detached = true;
    return 0;
}

struct spawned {
    void (*fn)(void *arg);
    void *arg;
};

static void *run_spawned(void *arg)
{
    struct spawned spawned = *(struct spawned *)arg;
    free(arg);
    spawned.fn(spawned.arg);
    return NULL;
}

/* Signals are the server's. */
void sim_spawn(const char *name, void (*fn)(void *arg), void *arg)
{
    sigset_t all, before;
    struct spawned *spawned = malloc(sizeof *spawned);
    MACHINE_MUST(spawned != NULL);
    *spawned = (struct spawned){ fn, arg };
    struct task *t = sched_task_new(name);
    t->is_of_world = true;
    t->fn = run_spawned;
    t->fn_arg = spawned;
    (void)sigfillset(&all);
    (void)sigdelset(&all, SIGTRAP);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = start_thread(NULL, t);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    MACHINE_MUST(error == 0);
    t->is_detached = true;
}

/* --- mutexes ----------------------------------------------------------------------------------------------- */

static bool is_mutex_free(void *arg)
{
    const pthread_mutex_t *m = arg;
    return m->__data.__lock == 0;
}

static int take_mutex(pthread_mutex_t *m)
{
    int error;
    while ((error = REAL(pthread_mutex_trylock)(m)) == EBUSY)
        (void)sched_block("a mutex", is_mutex_free, m, SIM_FOREVER);
    return error;
}

int pthread_mutex_lock(pthread_mutex_t *m)
{
    if (!machine_is_on())
        return REAL(pthread_mutex_lock)(m);
    sched_point(MACHINE->preempt_once_in);
    return take_mutex(m);
}

int pthread_mutex_trylock(pthread_mutex_t *m)
{
    if (machine_is_on())
        sched_point(MACHINE->preempt_once_in);
    return REAL(pthread_mutex_trylock)(m);
}

int pthread_mutex_unlock(pthread_mutex_t *m)
{
    int error = REAL(pthread_mutex_unlock)(m);
    if (machine_is_on())
        sched_point(MACHINE->preempt_once_in);
    return error;
}

/* --- read-write locks ----------------------------------------------------------------------------------------- */

static bool is_readable_lock(void *arg)
{
    pthread_rwlock_t *l = arg;
    return REAL(pthread_rwlock_tryrdlock)(l) == 0 && REAL(pthread_rwlock_unlock)(l) == 0;
}

static bool is_writable_lock(void *arg)
{
    pthread_rwlock_t *l = arg;
    return REAL(pthread_rwlock_trywrlock)(l) == 0 && REAL(pthread_rwlock_unlock)(l) == 0;
}

int pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
    int error;
    if (!machine_is_on())
        return REAL(pthread_rwlock_rdlock)(l);
    while ((error = REAL(pthread_rwlock_tryrdlock)(l)) == EBUSY)
        (void)sched_block("a lock to read", is_readable_lock, l, SIM_FOREVER);
    return error;
}

int pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
    int error;
    if (!machine_is_on())
        return REAL(pthread_rwlock_wrlock)(l);
    while ((error = REAL(pthread_rwlock_trywrlock)(l)) == EBUSY)
        (void)sched_block("a lock to write", is_writable_lock, l, SIM_FOREVER);
    return error;
}

/* --- condition variables ---------------------------------------------------------------------------------------- */

static bool is_task_signaled(void *arg)
{
    const struct task *t = arg;
    return t->is_signaled;
}

static int wait_cond(pthread_cond_t *c, pthread_mutex_t *m, int64_t until_us)
{
    struct task *t = sched_self();
    t->cond = c;
    t->is_signaled = false;
    (void)REAL(pthread_mutex_unlock)(m);
    bool is_signaled = sched_block("a condition", is_task_signaled, t, until_us);
    t->cond = NULL;
    (void)take_mutex(m);
    return is_signaled ? 0 : ETIMEDOUT;
}

int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
    if (!machine_is_on())
        return REAL(pthread_cond_wait)(c, m);
    return wait_cond(c, m, SIM_FOREVER);
}

int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until)
{
    enum { IS_MONOTONIC = 2 }; /* in glibc's __wrefs */
    if (!machine_is_on())
        return REAL(pthread_cond_timedwait)(c, m, until);
    bool is_monotonic = (c->__data.__wrefs & IS_MONOTONIC) != 0;
    int64_t zero_us = is_monotonic ? -MACHINE->boot_us : sim_wall_us() - MACHINE->now_us;
    return wait_cond(c, m, (int64_t)until->tv_sec * SIM_SECOND + until->tv_nsec / 1000 - zero_us);
}

static struct task *waiting_task(const pthread_cond_t *c, bool is_random)
{
    struct task *waiting = NULL;
    uint64_t count = 0;
    for (struct task *t = sched_tasks(); t != NULL; t = t->next) {
        if (t->cond != c || t->is_signaled)
            continue;
        if (++count == 1 || (is_random && sim_dice(SIM_SCHEDULE, count) == 0))
            waiting = t;
    }
    return waiting;
}

int pthread_cond_signal(pthread_cond_t *c)
{
    if (!machine_is_on())
        return REAL(pthread_cond_signal)(c);
    struct task *t = waiting_task(c, true);
    if (t != NULL)
        t->is_signaled = true;
    /* Waking another one as well is allowed, and so is waking one that nobody signalled. */
    if (sim_once_in(SIM_SCHEDULE, 1000) && (t = waiting_task(c, true)) != NULL)
        t->is_signaled = true;
    sched_point(MACHINE->preempt_once_in);
    return 0;
}

int pthread_cond_broadcast(pthread_cond_t *c)
{
    struct task *t;
    if (!machine_is_on())
        return REAL(pthread_cond_broadcast)(c);
    while ((t = waiting_task(c, false)) != NULL)
        t->is_signaled = true;
    sched_point(MACHINE->preempt_once_in);
    return 0;
}

/* --- once ------------------------------------------------------------------------------------------------------------- */

static bool is_once_done(void *arg)
{
    return *(const pthread_once_t *)arg == ONCE_DONE;
}

int pthread_once(pthread_once_t *once, void (*fn)(void))
{
    if (*once == ONCE_DONE)
        return 0;
    if (!machine_is_on())
        return REAL(pthread_once)(once, fn);
    while (*once == ONCE_RUNS)
        (void)sched_block("an initialisation", is_once_done, once, SIM_FOREVER);
    if (*once == ONCE_NEW) {
        *once = ONCE_RUNS;
        fn();
        *once = ONCE_DONE;
    }
    return 0;
}
