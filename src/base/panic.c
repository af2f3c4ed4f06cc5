/* SPDX-License-Identifier: Apache-2.0
 *
 * See base/panic.h.
 */
#include "base/panic.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 512 };

static _Atomic(panic_report_fn) reporter;

void panic_set_reporter(panic_report_fn report)
{
    atomic_store(&reporter, report);
}

static void panic_say(const char *file, int line, const char *func, const char *cond)
{
    char words[WORDS_MAX];
    int len = snprintf(words, sizeof(words), "\n*** %s (%s, %s:%d)\n", cond, func, file, line);
    if (len > 0 && write(STDERR_FILENO, words, strnlen(words, sizeof(words))) < 0)
        return; /* nothing better to do while dying */
}

_Noreturn void panic_die(int sig)
{
    struct sigaction plain = { .sa_handler = SIG_DFL };
    (void)sigaction(sig, &plain, NULL);
    sigset_t open;
    sigemptyset(&open);
    sigaddset(&open, sig);
    (void)pthread_sigmask(SIG_UNBLOCK, &open, NULL);
    (void)raise(sig);
    _exit(128 + sig);
}

_Noreturn void panic_at(const char *file, int line, const char *func, const char *cond)
{
    panic_report_fn report = atomic_load(&reporter);
    (report == NULL ? panic_say : report)(file, line, func, cond);
    (void)raise(SIGABRT); /* a fuzzer's handler keeps the input that led here */
    panic_die(SIGABRT);
}
