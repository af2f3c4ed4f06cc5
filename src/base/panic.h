/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of the program on a bug of ours: MUST() states what has to hold, is always compiled in,
 * and on breach writes a crash report (what failed, version, backtrace, what each thread was doing,
 * the last log events) to standard error and to the crash directory, then aborts. Never for
 * anything that came from outside.
 */
#pragma once

#include <stdbool.h>

#include "base/rc.h"
#include "base/str.h"

#define MUST(cond) \
    (__builtin_expect(!!(cond), 1) ? (void)0 : panic_at(__FILE__, __LINE__, __func__, #cond))

_Noreturn void panic_at(const char *file, int line, const char *func, const char *cond);

/* Where reports go besides standard error; NULL: nowhere. `dir` must outlive the process. */
void panic_set_directory(const char *dir);

/* Writes a report on SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT too. Call once, from main. */
void panic_install_handlers(void);

/* What this thread is doing: a short stack shown in crash reports and at /debug/threads.
 * `what` must be a literal; `subject` is copied and cut to 47 bytes. Push and pop pair up. */
void activity_push(const char *what, struct str subject);
void activity_pop(void);

/* Appends one line per thread: name, and its activity stack. Any thread; values may be torn. */
struct buf;
void activity_describe(struct buf *out);
