/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads with a name and a kind, and the only lock type. Which modules may use locks stands in
 * RULES.md.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum thread_kind {
    THREAD_MAIN,
    THREAD_LOOP,   /* owns sockets, never blocks */
    THREAD_WORKER, /* plain blocking code */
    THREAD_STORE,  /* the one that writes what flows */
    THREAD_OTHER   /* checkpointing, resolving, ... */
};

struct thread;

/* Starts fn(arg). `name` (at most 15 bytes) shows in top, crash reports and metrics. NULL: the system starts no more
 * (a limit on processes, memory), or THREAD_SLOTS run already. */
struct thread *thread_start(const char *name, enum thread_kind kind, void (*fn)(void *arg), void *arg);

/* Waits for its end and frees it. NULL is fine. */
void thread_join(struct thread *t);

enum thread_kind thread_kind(void);
const char *thread_name(void);
/* A small number unique to the running thread, for per-thread slots; 0 <= n < THREAD_SLOTS. */
enum { THREAD_SLOTS = 256 };
unsigned thread_slot(void);

/* Panics unless the calling thread is of that kind. Tests may pretend with thread_set_kind(). */
void thread_must_be(enum thread_kind kind);
void thread_set_kind(enum thread_kind kind);

struct mutex {
    pthread_mutex_t _m;
};
struct cond {
    pthread_cond_t _c; /* waits on the monotonic clock */
};

void mutex_init(struct mutex *m);
void mutex_fini(struct mutex *m);
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);
void cond_init(struct cond *c);
void cond_fini(struct cond *c);
void cond_wait(struct cond *c, struct mutex *m);
/* False when `until_us` (monotonic clock) passed first, by that clock: a wait that ends early is a wake-up without a reason. */
bool cond_wait_until(struct cond *c, struct mutex *m, int64_t until_us);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);
