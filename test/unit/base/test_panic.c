/* SPDX-License-Identifier: Apache-2.0
 *
 * Crashes happen in a forked child, whose standard error is read here.
 */
#include "test_base.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#endif

struct crash {
    struct buf text;   /* what went to standard error */
    struct buf report; /* what is in the file */
    int signal;        /* that ended the child; 0: it ended by itself */
};

static void read_all(int fd, struct buf *out)
{
    char chunk[4096];
    ssize_t got;
    while ((got = read(fd, chunk, sizeof(chunk))) > 0)
        assert_rc(buf_add(out, chunk, (size_t)got), RC_OK);
    close(fd);
}

static void read_report(const char *dir, struct buf *out)
{
    DIR *folder = opendir(dir);
    assert_non_null(folder);
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (!str_starts(str_from(entry->d_name), STR("crash-")))
            continue;
        int fd = openat(dirfd(folder), entry->d_name, O_RDONLY);
        assert_true(fd >= 0);
        struct stat status;
        assert_int_equal(fstat(fd, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        read_all(fd, out);
        assert_int_equal(unlinkat(dirfd(folder), entry->d_name, 0), 0);
    }
    closedir(folder);
}

static _Noreturn void child(int fd, const char *dir, void (*fn)(void))
{
#ifndef HAS_SANITIZER
    (void)signal(SIGSEGV, SIG_DFL); /* cmocka has its own */
#endif
    (void)dup2(fd, STDERR_FILENO);
    panic_set_directory(dir);
    panic_install_handlers();
    activity_push("testing", STR("a crash"));
    log_configure(-1, LOG_LEVEL_INFO, false);
    for (int i = 0; i < 100; i++)
        LOG(SERVER_STARTED, F_INT("line", i));
    fn();
    _exit(0);
}

static void crash_run(struct crash *crash, void (*fn)(void))
{
    char dir[] = "/tmp/test-panic-XXXXXX";
    int ends[2];
    int status = 0;
    buf_init(&crash->text, 1 << 20);
    buf_init(&crash->report, 1 << 20);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(ends[1], dir, fn);
    close(ends[1]);
    read_all(ends[0], &crash->text);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    crash->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    read_report(dir, &crash->report);
    assert_int_equal(rmdir(dir), 0);
}

static void crash_end(struct crash *crash)
{
    buf_fini(&crash->text);
    buf_fini(&crash->report);
}

static bool says(const struct buf *text, const char *what)
{
    return str_contains(buf_str(text), str_from(what));
}

static int two = 2;

static void break_a_promise(void)
{
    MUST(two == 3);
}

static void a_breach_is_reported_with_all_there_is_to_know(void **state)
{
    struct crash crash;
    (void)state;
    crash_run(&crash, break_a_promise);
    assert_int_equal(crash.signal, SIGABRT);
    assert_str(buf_str(&crash.text), buf_str(&crash.report));
    assert_true(says(&crash.report,
                     "*** grapnel " GRAPNEL_VERSION " crashed: two == 3 (break_a_promise, "));
    assert_true(says(&crash.report, "test_panic.c:"));
    assert_true(says(&crash.report, "backtrace:\n"));
    assert_true(says(&crash.report, "  main: testing a crash\n"));
    assert_true(says(&crash.report, "event=server.started line=99\n*** end of report\n"));
    assert_true(says(&crash.report, " line=36\n") && !says(&crash.report, " line=35\n"));
    crash_end(&crash);
}

static void say_so(int sig)
{
    static const char words[] = "a handler that was there\n";
    (void)sig;
    (void)!write(STDERR_FILENO, words, sizeof(words) - 1);
    _exit(7);
}

static void break_a_promise_under_a_fuzzer(void)
{
    (void)signal(SIGABRT, say_so);
    break_a_promise();
}

static void a_fuzzers_handler_runs_after_the_report(void **state)
{
    struct crash crash;
    (void)state;
    crash_run(&crash, break_a_promise_under_a_fuzzer);
    assert_int_equal(crash.signal, 0);
    assert_true(says(&crash.text, "*** end of report\na handler that was there\n"));
    crash_end(&crash);
}

#ifndef HAS_SANITIZER
static volatile int depth_wanted = 1 << 30; /* more than any stack has */

static int sink(int depth)
{
    volatile char frame[4096];
    frame[0] = (char)depth;
    return depth == depth_wanted ? 0 : sink(depth + 1) + frame[0];
}

static void overflow_the_stack(void)
{
    (void)sink(0);
}

static void overflow_in_thread(void *arg)
{
    (void)arg;
    overflow_the_stack();
}

static void overflow_anothers_stack(void)
{
    thread_join(thread_start("deep", THREAD_OTHER, overflow_in_thread, NULL));
}

static void a_stack_overflow_is_reported_from_any_thread(void **state)
{
    struct crash crash;
    (void)state;
    crash_run(&crash, overflow_the_stack);
    assert_int_equal(crash.signal, SIGSEGV);
    assert_true(says(&crash.report, "crashed: signal 11 (SIGSEGV) at 0x"));
    crash_end(&crash);
    crash_run(&crash, overflow_anothers_stack);
    assert_int_equal(crash.signal, SIGSEGV);
    assert_true(says(&crash.report, "  deep: idle\n"));
    crash_end(&crash);
}

static void abort_plainly(void)
{
    abort();
}

static void an_abort_is_reported(void **state)
{
    struct crash crash;
    (void)state;
    crash_run(&crash, abort_plainly);
    assert_int_equal(crash.signal, SIGABRT);
    assert_true(says(&crash.report, "crashed: signal 6 (SIGABRT)"));
    crash_end(&crash);
}
#endif

static void end_well(void) {}

static void no_crash_leaves_no_report(void **state)
{
    struct crash crash;
    (void)state;
    crash_run(&crash, end_well);
    assert_int_equal(crash.signal, 0);
    assert_int_equal(crash.report.len, 0);
    crash_end(&crash);
}

static void pop_too_often(void)
{
    activity_pop();
    activity_pop();
}

static void ask_for_too_much(void)
{
    (void)xcalloc(SIZE_MAX / 2, 3);
}

static void misuse_is_a_breach(void **state)
{
    static void (*const misuses[])(void) = { pop_too_often, ask_for_too_much };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(misuses); i++) {
        struct crash crash;
        crash_run(&crash, misuses[i]);
        assert_true(crash.signal != 0 || says(&crash.text, "ERROR: AddressSanitizer") ||
                    says(&crash.text, "ThreadSanitizer"));
        crash_end(&crash);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_breach_is_reported_with_all_there_is_to_know),
        cmocka_unit_test(a_fuzzers_handler_runs_after_the_report),
#ifndef HAS_SANITIZER
        cmocka_unit_test(a_stack_overflow_is_reported_from_any_thread),
        cmocka_unit_test(an_abort_is_reported),
#endif
        cmocka_unit_test(no_crash_leaves_no_report),
        cmocka_unit_test(misuse_is_a_breach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
