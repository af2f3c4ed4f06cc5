/* SPDX-License-Identifier: Apache-2.0
 *
 * Crash reports: what failed, version, backtrace, what each thread was doing, the last log events, to standard error
 * and to the crash directory.
 */
#pragma once

/* Where reports go besides standard error; NULL: nowhere. `dir` must outlive the process. */
void panic_set_directory(const char *dir);

/* Writes a report on a breach of MUST(), and on SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT too. Call once, from main. */
void panic_install_handlers(void);
