/* SPDX-License-Identifier: Apache-2.0
 *
 * An epoll loop: descriptors, timers, and messages from other threads. A loop belongs to the thread
 * that runs it; only loop_post(), loop_post_chain() and loop_stop() may be called from elsewhere.
 * Callbacks never block; a turn above 100 ms is logged with its callback's name.
 */
#pragma once

#include "base/base.h"

struct loop;

typedef void (*loop_fn)(void *arg);

/* A message to a loop, embedded in what it is about; zeroed but for fn and arg. Posting or deferring it again
 * before it runs is a bug, and ends the program; fn may do so. */
struct loop_task {
    loop_fn fn;
    void *arg;
    struct loop_task *_next;
    bool _is_posted;
};

/* A watched descriptor, embedded in its owner. */
struct loop_io {
    void (*fn)(void *arg, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR, EPOLLRDHUP */
    void *arg;
    int fd;
    uint32_t _events;
    bool _on;
};

/* A timer, embedded in its owner; zeroed = not set. */
struct loop_timer {
    loop_fn fn;
    void *arg;
    int64_t _at_us;
    size_t _slot; /* place in the heap, from 1 */
};

/* NULL: out of descriptors or of the kernel's memory for them; errno says which. */
struct loop *loop_new(const char *name, const struct clock *clock);
/* Not while running, and only after the threads that post to it have ended. NULL is fine. */
void loop_free(struct loop *l);

/* Runs until loop_stop(). Sets the calling thread's kind to THREAD_LOOP. */
void loop_run(struct loop *l);
/* One turn that waits at most `max_wait_us` (0: only what is ready). For tests and pumps. */
void loop_turn(struct loop *l, int64_t max_wait_us);
void loop_stop(struct loop *l);

/* Monotonic microseconds, read once a turn. */
int64_t loop_now_us(const struct loop *l);
const struct clock *loop_clock(const struct loop *l);

/* Runs task->fn(task->arg) on the loop's thread, in order of posting. Any thread. */
void loop_post(struct loop *l, struct loop_task *task);
/* The same for a list linked by _next, with one wake-up. first..last in order. */
void loop_post_chain(struct loop *l, struct loop_task *first, struct loop_task *last);

/* Runs at the end of this turn: for freeing what callbacks may still touch. Loop thread. */
void loop_defer(struct loop *l, struct loop_task *task);

/* `events`: EPOLL flags; level-triggered unless EPOLLET is given. */
/* RC_LIMIT: the kernel has no room to watch one more. */
MUST_USE enum rc loop_io_start(struct loop *l, struct loop_io *io, uint32_t events);
void loop_io_change(struct loop *l, struct loop_io *io, uint32_t events);
void loop_io_stop(struct loop *l, struct loop_io *io); /* fine when not started; fd stays open */

/* (Re)sets the timer to fire at `at_us` on the monotonic clock. */
void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t at_us);
void loop_timer_stop(struct loop *l, struct loop_timer *t);
static inline bool loop_timer_is_set(const struct loop_timer *t)
{
    return t->_slot != 0;
}
