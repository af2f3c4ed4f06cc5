/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of the program on a bug of ours: MUST() states what has to hold, is always compiled in,
 * and on breach says on standard error what failed, then aborts; with a crash report once there are
 * handlers (base/crash.h). Never for anything that came from outside.
 */
#pragma once

#define MUST(cond) \
    (__builtin_expect(!!(cond), 1) ? (void)0 : panic_at(__FILE__, __LINE__, __func__, #cond))

_Noreturn void panic_at(const char *file, int line, const char *func, const char *cond);

/* Who reports a breach instead; set once, from main. It may run in a signal handler. */
typedef void (*panic_report_fn)(const char *file, int line, const char *func, const char *cond);
void panic_set_reporter(panic_report_fn report);

/* Ends the process by that signal, whatever handles it. */
_Noreturn void panic_die(int sig);
