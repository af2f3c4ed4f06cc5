/* SPDX-License-Identifier: Apache-2.0
 *
 * What each thread is doing right now.
 */
#pragma once

#include "base/str.h"

/* What this thread is doing: a short stack shown in crash reports and at /debug/threads.
 * `what` must be a literal; `subject` is copied and cut to 47 bytes. Push and pop pair up. */
void activity_push(const char *what, struct str subject);
void activity_pop(void);

/* Appends one line per thread: name, and its activity stack. Any thread; values may be torn. */
struct buf;
void activity_describe(struct buf *out);
