/* SPDX-License-Identifier: Apache-2.0
 *
 * What each thread is doing right now.
 */
#pragma once

#include "base/str.h"
#include "base/thread.h"

/* What this thread is doing: a short stack shown in crash reports and at /debug/threads.
 * `what` must be a literal; `subject` is copied and cut to 47 bytes. Push and pop pair up. */
void activity_push(const char *what, struct str subject);
void activity_pop(void);

/* The same around a piece of work that others wait for and that should not take long, a commit for example: the watchdog
 * says when it takes more than ACTIVITY_STUCK_US. Not one within another. */
void activity_begin(const char *what, struct str subject);
void activity_end(void);
/* Such work has come a step further, and its time begins anew. Nothing where there is none. */
void activity_moved(void);

/* Appends one line per thread: name, and its activity stack. Any thread; values may be torn. */
struct buf;
void activity_describe(struct buf *out);

#define ACTIVITY_STUCK_US INT64_C(5000000)
struct activity_work {
    char thread[16];
    enum thread_kind kind;
    const char *what;
    int64_t since_us; /* it began or moved, on the system's monotonic clock */
};
/* What the thread in that slot (< THREAD_SLOTS) is at; false: no work of that kind. Any thread; values may be torn. */
bool activity_work(unsigned slot, struct activity_work *out);
