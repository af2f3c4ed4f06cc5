/* SPDX-License-Identifier: Apache-2.0
 *
 * The PostgreSQL of tests: whatever else they find, it is not the fixture that told them so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "postgres.h"

static void assert_answer(const char *url, const char *sql, const char *expected)
{
    char *answer = postgres_run(url, sql);
    assert_string_equal(answer, expected);
    xfree(answer);
}

static void a_database_is_empty_and_its_own(void **state)
{
    char *one = postgres_database(), *two = postgres_database();
    (void)state;
    assert_string_not_equal(one, two);
    xfree(postgres_run(one, "CREATE TABLE t(a int); INSERT INTO t VALUES(7)"));
    assert_answer(one, "SELECT a FROM t", "7");
    assert_answer(two, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", "0");
    assert_answer(two, "SHOW server_encoding", "UTF8");
    xfree(one);
    xfree(two);
}

static void an_emptied_database_has_no_tables_and_no_functions(void **state)
{
    char *url = postgres_database();
    (void)state;
    xfree(postgres_run(url, "CREATE TABLE t(a int); CREATE FUNCTION f() RETURNS int LANGUAGE sql"
                            " AS 'SELECT 1'"));
    postgres_empty(url);
    assert_answer(url,
                  "SELECT (SELECT count(*) FROM pg_tables WHERE schemaname = 'public')"
                  " + (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace)",
                  "0");
    xfree(url);
}

static void a_program_can_have_a_server_that_waits_for_the_disk(void **state)
{
    char *url = postgres_database();
    (void)state;
    assert_answer(url, "SHOW fsync", getenv("FIXTURE_SYNC") != NULL ? "on" : "off");
    xfree(url);
}

/* What the program does when it is started with an argument: has a server of its own, writes where that is to
 * standard output, and waits to be killed. */
static _Noreturn void hold_server(void)
{
    (void)unsetenv("GRAPNEL_TEST_POSTGRES");
    char *url = postgres_database();
    char *folder = postgres_run(url, "SHOW unix_socket_directories");
    MUST(write(STDOUT_FILENO, folder, strlen(folder)) == (ssize_t)strlen(folder));
    (void)close(STDOUT_FILENO);
    for (;;)
        (void)pause();
}

static void a_server_goes_with_a_program_that_is_killed(void **state)
{
    char folder[256] = "";
    int ends[2], status;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)execl("/proc/self/exe", "test_postgres", "hold", (char *)NULL);
        _exit(1);
    }
    (void)close(ends[1]);
    assert_true(read(ends[0], folder, sizeof folder - 1) > 0);
    (void)close(ends[0]);
    assert_int_equal(access(folder, F_OK), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    const struct timespec pause = { .tv_nsec = 20000000 };
    for (int i = 0; i < 3000 && access(folder, F_OK) == 0; i++)
        (void)nanosleep(&pause, NULL);
    assert_int_equal(access(folder, F_OK), -1); /* it is removed once the server has ended */
    assert_int_equal(errno, ENOENT);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_database_is_empty_and_its_own),
        cmocka_unit_test(an_emptied_database_has_no_tables_and_no_functions),
        cmocka_unit_test(a_program_can_have_a_server_that_waits_for_the_disk),
        cmocka_unit_test(a_server_goes_with_a_program_that_is_killed),
    };
    (void)argv;
    if (argc > 1)
        hold_server();
    if (getenv("FIXTURE_SYNC") != NULL)
        postgres_want_sync();
    if (!postgres_is_there())
        return postgres_skip();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
