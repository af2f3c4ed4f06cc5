/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies that are cut off: they can be finished, and until then nobody takes them for a store.
 */
#include "copied.h"
#include "postgres.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* --- cut off ------------------------------------------------------------------------------------------ */

static void copy_and_die(struct copied *c, const char *from, const char *to, int64_t after)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        c->kill_after = after;
        _exit(copied_try(c, from, to) == RC_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

struct another {
    struct copied *c;
    const char *from, *to;
};

/* The server notices some time later that a client is gone. */
static bool is_not_busy(void *arg)
{
    struct another *a = arg;
    enum rc rc = copied_try(a->c, a->from, a->to);
    if (rc != RC_OK && rc != RC_BUSY)
        fail_msg("%s: %.*s", rc_name(rc), STR_ARGS(buf_str(&a->c->why)));
    return rc == RC_OK;
}

static void copy_on(struct copied *c, const char *from, const char *to)
{
    wait_until(is_not_busy, &(struct another){ c, from, to });
}

static void a_copy_that_was_cut_goes_on_with_the_next_segment(void **state)
{
    struct copied *c = *state;
    int count;
    copy_and_die(c, c->f->dir, copied_url, 2);
    copy_on(c, c->f->dir, copied_url);
    assert_int_equal(c->were_there, 2);
    int64_t segments = c->told;
    assert_int_equal(c->counts.segments, segments - 2);
    copy_and_die(c, copied_url, c->back, 1);
    copy_on(c, copied_url, c->back);
    assert_int_equal(c->were_there, 1);
    assert_int_equal(c->told, segments);
    copied_expect_same(c, &count);
    assert_int_equal(count, segments);
}

/* Killed after ever longer, until it is through. */
static int kill_at_any_moment(struct copied *c, const char *from, const char *to)
{
    int killed = 0, status = 1;
    for (int64_t after_us = 2000; status != 0; after_us += after_us / 3) {
        struct timespec moment = { .tv_sec = after_us / SECOND,
                                   .tv_nsec = after_us % SECOND * 1000 };
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            enum rc rc = copied_try(c, from, to);
            _exit(rc == RC_OK ? 0 : rc == RC_BUSY ? 1 : 2);
        }
        (void)nanosleep(&moment, NULL);
        (void)kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        killed += WIFSIGNALED(status);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) < 2);
    }
    return killed;
}

static void a_copy_that_is_killed_at_any_moment_can_be_finished(void **state)
{
    struct copied *c = *state;
    int count;
    assert_true(kill_at_any_moment(c, c->f->dir, copied_url) > 0);
    assert_true(kill_at_any_moment(c, copied_url, c->back) > 0);
    copied_expect_same(c, &count);
}

static void expect_not_opened(struct copied *c, const char *dir, const char *url)
{
    struct store_options o = c->f->options;
    struct store *store;
    o.dir = dir;
    o.url = url;
    buf_reset(&c->why);
    assert_int_equal(store_open(&o, &store, &c->why), RC_CORRUPT);
    assert_true(str_contains(buf_str(&c->why), STR("grapnel store copy")));
}

static void no_server_opens_what_was_not_finished(void **state)
{
    struct copied *c = *state;
    char own[COPIED_PATH_BYTES];
    (void)snprintf(own, sizeof own, "%s-own", c->f->dir);
    copy_and_die(c, c->f->dir, copied_url, 1);
    expect_not_opened(c, own, copied_url);
    remove_folder(own);
    copy_on(c, c->f->dir, copied_url);
    copy_and_die(c, copied_url, c->back, 1);
    expect_not_opened(c, c->back, NULL);
    copied_expect_refused(c, c->back, copied_url, RC_NOT_FOUND, "no store");
}

static void a_segment_that_differs_from_its_source_is_not_kept(void **state)
{
    struct copied *c = *state;
    copy_and_die(c, c->f->dir, copied_url, 1);
    xfree(postgres_run(
        copied_url,
        "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER lose BEFORE INSERT ON waiting FOR EACH ROW WHEN (NEW.attempts = 0)"
        " EXECUTE FUNCTION lose()"));
    while (copied_try(c, c->f->dir, copied_url) == RC_BUSY) {
    }
    copied_expect_refused(c, c->f->dir, copied_url, RC_CORRUPT, "deliveries");
    copied_expect_sql("SELECT count(*) FROM segment", "1");
    xfree(postgres_run(copied_url, "DROP TRIGGER lose ON waiting"));
    copied_well(c, c->f->dir, copied_url);
    xfree(postgres_run(copied_url,
                       "UPDATE message SET tail = decode('0011223344556677', 'hex') WHERE k ="
                       " (SELECT max(k) FROM message); DROP FUNCTION lose"));
    copied_well(c, copied_url, c->back); /* what is there is what is copied */
}

static void another_stores_copy_is_not_gone_on_with(void **state)
{
    struct copied *c = *state;
    char path[COPIED_PATH_BYTES];
    copy_and_die(c, c->f->dir, copied_url, 1);
    xfree(postgres_run(copied_url, "UPDATE copying SET what = 'files 00' WHERE n = 0"));
    while (copied_try(c, c->f->dir, copied_url) == RC_BUSY) {
    }
    copied_expect_refused(c, c->f->dir, copied_url, RC_CONFLICT, "copy of another store");
    postgres_empty(copied_url);
    copied_well(c, c->f->dir, copied_url);
    copy_and_die(c, copied_url, c->back, 1);
    copied_path(c->back, "copying", path);
    FILE *mark = fopen(path, "w");
    assert_non_null(mark);
    assert_true(fputs("postgres 00\n", mark) >= 0);
    assert_int_equal(fclose(mark), 0);
    while (copied_try(c, copied_url, c->back) == RC_BUSY) {
    }
    copied_expect_refused(c, copied_url, c->back, RC_CONFLICT, "copy of another store");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COPIED_TEST(a_copy_that_was_cut_goes_on_with_the_next_segment),
        COPIED_TEST(a_copy_that_is_killed_at_any_moment_can_be_finished),
        COPIED_TEST(no_server_opens_what_was_not_finished),
        COPIED_TEST(a_segment_that_differs_from_its_source_is_not_kept),
        COPIED_TEST(another_stores_copy_is_not_gone_on_with),
    };
    if (!postgres_is_there())
        return postgres_skip();
    copied_url = postgres_database();
    int failed = cmocka_run_group_tests_name("copy", tests, NULL, NULL);
    xfree(copied_url);
    return failed;
}
