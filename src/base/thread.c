/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads, their slots, and locks. A slot is taken when a thread first asks for it and given back by
 * the destructor of a thread-specific key, so that threads of libraries get one too.
 */
#include "base/thread.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/signal_stack_priv.h"
#include "base/thread_priv.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct thread {
    pthread_t handle;
    void (*fn)(void *arg);
    void *arg;
    struct thread_state *state; /* taken before it starts: a thread without one cannot run */
    enum thread_kind kind;
    char name[THREAD_NAME_MAX + 1];
};

static struct thread_state states[THREAD_SLOTS];
static _Thread_local struct thread_state *own_state;
static _Thread_local char own_name[THREAD_NAME_MAX + 1];
static pthread_key_t end_key;

static void slot_drop(struct thread_state *state)
{
    atomic_store_explicit(&state->depth, 0, memory_order_relaxed);
    atomic_store_explicit(&state->is_used, false, memory_order_release);
}

static void slot_release(void *arg)
{
    own_state = NULL;
    slot_drop(arg);
}

static struct thread_state *slot_take(void)
{
    for (unsigned i = 0; i < THREAD_SLOTS; i++) {
        bool expected = false;
        if (atomic_compare_exchange_strong(&states[i].is_used, &expected, true))
            return &states[i];
    }
    return NULL;
}

static void state_init(struct thread_state *state, const char *name, enum thread_kind kind)
{
    MUST(pthread_setspecific(end_key, state) == 0); /* one of the first keys: needs no memory */
    atomic_store_explicit(&state->depth, 0, memory_order_relaxed);
    atomic_store_explicit(&state->since_us, 0, memory_order_relaxed);
    atomic_store_explicit(&state->kind, (int)kind, memory_order_relaxed);
    thread_words_store(state->name, 2, name, strlen(name));
    thread_words_load(state->name, 2, own_name);
    own_state = state;
}

__attribute__((constructor)) static void adopt_main_thread(void)
{
    MUST(pthread_key_create(&end_key, slot_release) == 0);
    state_init(slot_take(), "main", THREAD_MAIN);
}

struct thread_state *thread_state(void)
{
    if (__builtin_expect(own_state == NULL, 0)) {
        struct thread_state *state = slot_take();
        if (state == NULL) /* no library of ours starts threads that come here by the hundred */
            panic_at(__FILE__, __LINE__, __func__, "more threads than THREAD_SLOTS");
        state_init(state, "foreign", THREAD_OTHER);
    }
    return own_state;
}

struct thread_state *thread_state_at(unsigned slot)
{
    return &states[slot];
}

void thread_words_store(_Atomic uint64_t *out, unsigned words, const char *text, size_t len)
{
    size_t most = (size_t)words * sizeof(uint64_t) - 1;
    if (len > most)
        len = most;
    for (unsigned i = 0; i < words; i++) {
        uint64_t word = 0;
        size_t at = (size_t)i * sizeof(word);
        if (len > at)
            memcpy(&word, text + at, len - at < sizeof(word) ? len - at : sizeof(word));
        atomic_store_explicit(&out[i], word, memory_order_relaxed);
    }
}

void thread_words_load(const _Atomic uint64_t *in, unsigned words, char *out)
{
    for (unsigned i = 0; i < words; i++) {
        uint64_t word = atomic_load_explicit(&in[i], memory_order_relaxed);
        memcpy(out + (size_t)i * sizeof(word), &word, sizeof(word));
    }
    out[(size_t)words * sizeof(uint64_t) - 1] = '\0';
}

static void *thread_main(void *arg)
{
    const struct thread *t = arg;
    (void)pthread_setname_np(pthread_self(), t->name);
    state_init(t->state, t->name, t->kind);
    void *stack = thread_signal_stack_take();
    t->fn(t->arg);
    thread_signal_stack_drop(stack);
    return NULL;
}

/* Signals that stop or reload are the main thread's; those that a fault raises stay open. */
static void block_signals(sigset_t *before)
{
    static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP };
    sigset_t blocked;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        sigdelset(&blocked, faults[i]);
    MUST(pthread_sigmask(SIG_SETMASK, &blocked, before) == 0);
}

struct thread *thread_start(const char *name, enum thread_kind kind, void (*fn)(void *arg),
                            void *arg)
{
    size_t len = strlen(name);
    MUST(len <= THREAD_NAME_MAX);
    struct thread *t = XNEW(struct thread);
    t->fn = fn;
    t->arg = arg;
    t->kind = kind;
    memcpy(t->name, name, len + 1);
    sigset_t before;
    block_signals(&before);
    t->state = slot_take();
    bool is_started = t->state != NULL && pthread_create(&t->handle, NULL, thread_main, t) == 0;
    MUST(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (is_started)
        return t;
    if (t->state != NULL)
        slot_drop(t->state);
    xfree(t);
    return NULL;
}

void thread_join(struct thread *t)
{
    if (t == NULL)
        return;
    MUST(pthread_join(t->handle, NULL) == 0);
    xfree(t);
}

enum thread_kind thread_kind(void)
{
    return (enum thread_kind)atomic_load_explicit(&thread_state()->kind, memory_order_relaxed);
}

const char *thread_name(void)
{
    (void)thread_state();
    return own_name;
}

unsigned thread_slot(void)
{
    return (unsigned)(thread_state() - states);
}

void thread_must_be(enum thread_kind kind)
{
    MUST(thread_kind() == kind);
}

void thread_set_kind(enum thread_kind kind)
{
    atomic_store_explicit(&thread_state()->kind, (int)kind, memory_order_relaxed);
}

void mutex_init(struct mutex *m)
{
    MUST(pthread_mutex_init(&m->_m, NULL) == 0);
}

void mutex_fini(struct mutex *m)
{
    MUST(pthread_mutex_destroy(&m->_m) == 0);
}

void mutex_lock(struct mutex *m)
{
    MUST(pthread_mutex_lock(&m->_m) == 0);
}

void mutex_unlock(struct mutex *m)
{
    MUST(pthread_mutex_unlock(&m->_m) == 0);
}

void cond_init(struct cond *c)
{
    pthread_condattr_t attr;
    MUST(pthread_condattr_init(&attr) == 0);
    MUST(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    MUST(pthread_cond_init(&c->_c, &attr) == 0);
    MUST(pthread_condattr_destroy(&attr) == 0);
}

void cond_fini(struct cond *c)
{
    MUST(pthread_cond_destroy(&c->_c) == 0);
}

void cond_wait(struct cond *c, struct mutex *m)
{
    MUST(pthread_cond_wait(&c->_c, &m->_m) == 0);
}

bool cond_wait_until(struct cond *c, struct mutex *m, int64_t until_us)
{
    if (until_us < 0)
        until_us = 0;
    struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
    return pthread_cond_timedwait(&c->_c, &m->_m, &until) == 0 ||
           clock_mono_us(clock_system()) < until_us;
}

void cond_signal(struct cond *c)
{
    MUST(pthread_cond_signal(&c->_c) == 0);
}

void cond_broadcast(struct cond *c)
{
    MUST(pthread_cond_broadcast(&c->_c) == 0);
}
