/* SPDX-License-Identifier: Apache-2.0
 *
 * Crash reports. Everything on the way to a report may run in a signal handler: no allocation, no
 * lock, no stdio. Only the first crash of the process reports; a crash while reporting just dies.
 */
#include "base/crash.h"

#include "base/log_priv.h"
#include "base/panic.h"
#include "base/signal_stack_priv.h"
#include "base/thread_priv.h"

#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FRAMES_MAX = 64 };

/* Where the report goes: standard error and the file, -1 for none. */
struct report {
    int fds[2];
};

static _Atomic(const char *) crash_directory;
static atomic_flag has_crashed = ATOMIC_FLAG_INIT;

static void put_bytes(const struct report *r, const char *bytes, size_t len)
{
    for (size_t i = 0; i < 2; i++)
        if (r->fds[i] >= 0 && write(r->fds[i], bytes, len) < 0)
            continue; /* nothing better to do while dying */
}

static void crash_put(const struct report *r, const char *text)
{
    put_bytes(r, text, strlen(text));
}

/* Writes `number` in `base` before `end`; returns the first character. */
static char *digits_before(char *end, uint64_t number, unsigned base)
{
    do {
        *--end = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    return end;
}

static void put_number(const struct report *r, uint64_t number, unsigned base)
{
    char text[24];
    const char *first = digits_before(text + sizeof(text), number, base);
    put_bytes(r, first, (size_t)(text + sizeof(text) - first));
}

static char *crash_append(char *at, const char *end, const char *text)
{
    while (*text != '\0' && at < end)
        *at++ = *text++;
    *at = '\0';
    return at;
}

/* Opens "<dir>/crash-<unixtime>-<pid>.txt". -1: no directory, or it cannot be. */
static int open_file(void)
{
    const char *dir = atomic_load(&crash_directory);
    if (dir == NULL)
        return -1;
    char path[512];
    const char *end = path + sizeof(path) - 1;
    char number[24] = { 0 };
    char *number_end = number + sizeof(number) - 1;
    char *at = crash_append(path, end, dir);
    at = crash_append(at, end, "/crash-");
    at = crash_append(at, end, digits_before(number_end, (uint64_t)time(NULL), 10));
    at = crash_append(at, end, "-");
    at = crash_append(at, end, digits_before(number_end, (uint64_t)getpid(), 10));
    at = crash_append(at, end, ".txt");
    if (at == end)
        return -1;
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static void put_backtrace(const struct report *r)
{
    void *frames[FRAMES_MAX];
    int count = backtrace(frames, FRAMES_MAX);
    crash_put(r, "backtrace:\n");
    for (size_t i = 0; i < 2; i++)
        if (r->fds[i] >= 0)
            backtrace_symbols_fd(frames, count, r->fds[i]);
}

static void put_thread(const struct report *r, const struct thread_state *state)
{
    char text[ACTIVITY_WORDS * sizeof(uint64_t)];
    thread_words_load(state->name, 2, text);
    crash_put(r, "  ");
    crash_put(r, text);
    crash_put(r, ":");
    unsigned depth = atomic_load_explicit(&state->depth, memory_order_acquire);
    for (unsigned i = 0; i < depth && i < ACTIVITY_DEPTH; i++) {
        const char *what = atomic_load_explicit(&state->stack[i].what, memory_order_relaxed);
        thread_words_load(state->stack[i].subject, ACTIVITY_WORDS, text);
        crash_put(r, i == 0 ? " " : " > ");
        crash_put(r, what == NULL ? "" : what);
        crash_put(r, text[0] == '\0' ? "" : " ");
        crash_put(r, text);
    }
    crash_put(r, depth == 0 ? " idle\n" : "\n");
}

static void put_threads(const struct report *r)
{
    crash_put(r, "threads:\n");
    for (unsigned slot = 0; slot < THREAD_SLOTS; slot++) {
        const struct thread_state *state = thread_state_at(slot);
        if (atomic_load_explicit(&state->is_used, memory_order_acquire))
            put_thread(r, state);
    }
}

static void put_log_line(void *ctx, const char *line, size_t len)
{
    put_bytes(ctx, line, len);
}

static void report_start(struct report *r)
{
    r->fds[0] = STDERR_FILENO;
    r->fds[1] = open_file();
    crash_put(r, "\n*** grapnel " GRAPNEL_VERSION " crashed: ");
}

static void report_rest(struct report *r)
{
    crash_put(r, "\nprocess: ");
    put_number(r, (uint64_t)getpid(), 10);
    crash_put(r, "\n");
    put_backtrace(r);
    put_threads(r);
    crash_put(r, "last log events:\n");
    log_recent(put_log_line, r);
    crash_put(r, "*** end of report\n");
    if (r->fds[1] >= 0)
        (void)close(r->fds[1]);
}

static void report_breach(const char *file, int line, const char *func, const char *cond)
{
    struct report r;
    if (atomic_flag_test_and_set(&has_crashed))
        return;
    report_start(&r);
    crash_put(&r, cond);
    crash_put(&r, " (");
    crash_put(&r, func);
    crash_put(&r, ", ");
    crash_put(&r, file);
    crash_put(&r, ":");
    put_number(&r, (uint64_t)line, 10);
    crash_put(&r, ")");
    report_rest(&r);
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
    (void)context;
    if (!atomic_flag_test_and_set(&has_crashed)) {
        struct report r;
        report_start(&r);
        crash_put(&r, "signal ");
        put_number(&r, (uint64_t)sig, 10);
        crash_put(&r, " (SIG");
        crash_put(&r, sigabbrev_np(sig));
        crash_put(&r, ") at 0x");
        put_number(&r, (uint64_t)(uintptr_t)info->si_addr, 16);
        report_rest(&r);
    }
    panic_die(sig);
}

void panic_set_directory(const char *dir)
{
    atomic_store(&crash_directory, dir);
}

void panic_install_handlers(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
    static void *main_stack; /* kept to the end of the process */
    void *warm[1];
    (void)backtrace(warm, 1); /* its first call loads a library, which a handler must not do */
    main_stack = thread_signal_stack_take();
    (void)main_stack;
    panic_set_reporter(report_breach);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct sigaction now;
        MUST(sigaction(signals[i], NULL, &now) == 0);
        if (now.sa_handler != SIG_DFL)
            continue; /* a sanitizer or a debugger reports better than we do */
        struct sigaction ours = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
        sigfillset(&ours.sa_mask);
        MUST(sigaction(signals[i], &ours, NULL) == 0);
    }
}
