/* SPDX-License-Identifier: Apache-2.0
 *
 * Transforms in real helper processes: this program starts itself again as one, as the server does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "transform/transform.h"

enum { MEMORY_MAX = 64 * 1024 * 1024, THREADS = 6, RUNS_EACH = 40 };

/* Roomy, for a busy machine and sanitizers; tests of the limits set their own. */
static const struct transform_limits roomy = { .time_us = 10000000,
                                               .compile_us = 20000000,
                                               .output_max = 65536 };
static const struct transform_limits hurried = { .time_us = 200000,
                                                 .compile_us = 20000000,
                                                 .output_max = 65536 };

struct fixture {
    struct transform_pool *pool;
    struct buf out, why;
};

static void fixture_open(struct fixture *f, struct transform_options o)
{
    o.memory_max = MEMORY_MAX;
    f->pool = transform_pool_new(&o);
    buf_init(&f->out, 4 << 20);
    buf_init(&f->why, 2048);
}

static void fixture_close(struct fixture *f)
{
    transform_pool_free(f->pool);
    buf_fini(&f->out);
    buf_fini(&f->why);
}

/* The one that most tests share. */
static int setup(void **state)
{
    struct fixture *f = XNEW(struct fixture);
    fixture_open(f, (struct transform_options){ .processes = 2, .wait_us = 60000000 });
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_close(*state);
    xfree(*state);
    return 0;
}

static enum rc run(struct fixture *f, const char *program, const char *input,
                   const struct transform_limits *limits)
{
    buf_reset(&f->out);
    buf_reset(&f->why);
    return transform_run(f->pool, str_from(program), str_from(input), limits, &f->out, &f->why);
}

static void gives(struct fixture *f, const char *program, const char *input, const char *expected)
{
    enum rc rc = run(f, program, input, &roomy);
    if (rc != RC_OK)
        fail_msg("%s: %s, %s", program, rc_name(rc), f->why.ptr);
    assert_string_equal(f->out.ptr, expected);
}

static void refuses(struct fixture *f, const char *program, enum rc expected, const char *words)
{
    enum rc rc = run(f, program, "{\"a\":1}", &roomy);
    if (rc != expected || f->why.ptr == NULL || strstr(f->why.ptr, words) == NULL)
        fail_msg("%s: %s, %s", program, rc_name(rc), f->why.ptr == NULL ? "no words" : f->why.ptr);
    assert_int_equal(f->out.len, 0);
}

static void a_program_makes_one_value_of_another(void **state)
{
    struct fixture *f = *state;
    gives(f, ".", "{\"a\":[1,2.5,\"x\",null,true]}", "{\"a\":[1,2.5,\"x\",null,true]}");
    gives(f, "{text: (.body.user + \" signed up\")}", "{\"body\":{\"user\":\"Ada\"}}",
          "{\"text\":\"Ada signed up\"}");
    gives(f, ".a | map(. * 2) | add", "{\"a\":[1,2,3]}", "12");
    gives(f, "def f: if . > 100 then . else (. * 2 | f) end; .a | f", "{\"a\":3}", "192");
    gives(f, ".a | test(\"^[a-z]+$\")", "{\"a\":\"abc\"}", "true");
    gives(f, "\"\\u00e9\"", "null", "\"\xc3\xa9\"");
    gives(f, "null", "{}", "null");
    gives(f, "$__loc__", "{}", "{\"file\":\"<top-level>\",\"line\":1}");
}

static void the_same_program_keeps_nothing_between_runs(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 50; i++) {
        char input[32], expected[32];
        (void)snprintf(input, sizeof(input), "{\"n\":%d}", i);
        (void)snprintf(expected, sizeof(expected), "%d", i + 1);
        gives(f, ".n + 1", input, expected);
        (void)run(f, "limit(1; range(10)) | error(\"no\")", "{}", &roomy);
    }
}

static void many_programs_take_turns_in_the_cache(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 40; i++) {
        char program[32], expected[32];
        (void)snprintf(program, sizeof(program), ".n + %d", i % 20);
        (void)snprintf(expected, sizeof(expected), "%d", 1 + i % 20);
        gives(f, program, "{\"n\":1}", expected);
    }
}

static void no_result_is_told_apart(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run(f, "empty", "{}", &roomy), RC_NOT_FOUND);
    assert_int_equal(run(f, "select(.a > 5)", "{\"a\":1}", &roomy), RC_NOT_FOUND);
    assert_int_equal(f->out.len, 0);
}

static void what_does_not_compile_is_refused_in_jqs_words(void **state)
{
    struct fixture *f = *state;
    refuses(f, ".a |", RC_INVALID, "syntax error");
    refuses(f, "nosuch", RC_INVALID, "nosuch/0 is not defined at <top-level>, line 1");
    refuses(f, "\n\n$x", RC_INVALID, "line 3");
    refuses(f, "import \"a\" as a; .", RC_INVALID, "");
    refuses(f, "include \"/etc/passwd\"; .", RC_INVALID, "");
    assert_int_equal(transform_check(f->pool, STR(".a |"), &roomy, &f->why), RC_INVALID);
    assert_int_equal(transform_check(f->pool, STR(".a"), &roomy, NULL), RC_OK);
    assert_int_equal(transform_check(f->pool, STR("error"), &roomy, NULL), RC_OK);
    assert_int_equal(transform_check(f->pool,
                                     STR("."
                                         "\0"),
                                     &roomy, NULL),
                     RC_INVALID);
}

static void errors_of_a_run_are_told(void **state)
{
    struct fixture *f = *state;
    refuses(f, "error(\"no way\")", RC_INVALID, "no way");
    refuses(f, "error({code: 7})", RC_INVALID, "{\"code\":7}");
    refuses(f, ".a.b", RC_INVALID, "Cannot index number");
    refuses(f, "1, 2", RC_INVALID, "more than one result");
    refuses(f, "1, error(\"later\")", RC_INVALID, "later");
    refuses(f, "(\"a\" * 60 + \"A\") | test(\"^(([a-z])+.)+[A-Z]([a-z])+$\")", RC_INVALID,
            "retry-limit");
    refuses(f, "halt", RC_INVALID, "halt");
    refuses(f, "\"bye\" | halt_error(3)", RC_INVALID, "halt");
    assert_int_equal(run(f, ".", "no json", &roomy), RC_INVALID);
    assert_int_equal(run(f, ".", "", &roomy), RC_INVALID);
    gives(f, ".", "1", "1");
}

static void a_program_learns_nothing_of_the_system(void **state)
{
    struct fixture *f = *state;
    gives(f, "env", "{}", "{}");
    gives(f, "$ENV", "{}", "{}");
    gives(f, "$ENV.PATH", "{}", "null");
    gives(f, "try input catch .", "{}", "\"break\"");
    gives(f, "[inputs]", "{}", "[]");
    gives(f, "input_filename", "{}", "null");
    gives(f, "(\"x\" | debug | stderr)", "{}", "\"x\"");
    gives(f, "0 | localtime | mktime", "{}", "0");
    gives(f, "now > 1700000000", "{}", "true");
    gives(f, "try get_search_list catch []", "{}", "[]");
    refuses(f, "\"/etc/passwd\" | modulemeta", RC_INVALID, "");
}

static void endless_programs_are_cut(void **state)
{
    struct fixture *f = *state;
    static const char *const programs[] = {
        "def f: f; f",       "last(repeat(1))", "[range(1e15)] | length",
        "last(range(1e15))", "def f: 1 + f; f", "reduce range(1e9) as $i (.; [.])"
    };
    for (size_t i = 0; i < COUNT_OF(programs); i++) {
        int64_t before = clock_mono_us(clock_system());
        enum rc rc = run(f, programs[i], "{}", &hurried);
        if (rc != RC_LIMIT || f->why.len == 0)
            fail_msg("%s: %s, %s", programs[i], rc_name(rc), f->why.ptr);
        assert_true(clock_mono_us(clock_system()) - before < 20000000);
        gives(f, ".", "1", "1");
    }
}

static void memory_is_bounded(void **state)
{
    struct fixture *f = *state;
    static const char *const programs[] = {
        "[range(1e9)] | length", "\"x\" | until(length > 1e12; . + .)",
        "reduce range(1e8) as $i ({}; .[$i|tostring] = $i) | length"
    };
    for (size_t i = 0; i < COUNT_OF(programs); i++) {
        assert_int_equal(run(f, programs[i], "{}", &hurried), RC_LIMIT);
        gives(f, ".", "1", "1");
    }
}

static void output_is_bounded(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run(f, "[range(20000)]", "{}", &roomy), RC_LIMIT);
    assert_non_null(strstr(f->why.ptr, "longer than 65536 bytes"));
    struct transform_limits exact = roomy;
    exact.output_max = 5;
    assert_int_equal(run(f, "\"abc\"", "{}", &exact), RC_OK);
    assert_int_equal(run(f, "\"abcd\"", "{}", &exact), RC_LIMIT);
}

static void deep_nesting_harms_nobody(void **state)
{
    struct fixture *f = *state;
    assert_int_not_equal(run(f, "reduce range(1000000) as $i (0; [.])", "{}", &roomy), RC_BUSY);
    gives(f, ".", "1", "1");
}

static void programs_have_at_most_16_kib(void **state)
{
    struct fixture *f = *state;
    char *program = xmalloc(TRANSFORM_PROGRAM_MAX + 2);
    memset(program, ' ', TRANSFORM_PROGRAM_MAX + 1);
    program[0] = '.';
    program[TRANSFORM_PROGRAM_MAX + 1] = '\0';
    refuses(f, program, RC_LIMIT, "longer than 16384 bytes");
    program[TRANSFORM_PROGRAM_MAX] = '\0';
    gives(f, program, "1", "1");
    xfree(program);
}

static void large_inputs_go_through(void **state)
{
    struct fixture *f = *state;
    struct buf input;
    buf_init(&input, 4 << 20);
    buf_say(&input, "[0");
    for (int i = 1; i < 200000; i++)
        buf_say(&input, ",%d", i);
    buf_say(&input, "]");
    gives(f, "length", input.ptr, "200000");
    buf_fini(&input);
}

static void runs_leave_nothing_behind(void **state)
{
    (void)state;
    enum { RUNS = 300 };
    struct buf input;
    struct fixture f;
    fixture_open(&f, (struct transform_options){ .processes = 1, .wait_us = 60000000 });
    buf_init(&input, 1 << 20);
    buf_say(&input, "{\"a\":[0");
    for (int i = 1; i < 20000; i++)
        buf_say(&input, ",%d", i);
    buf_say(&input, "]}");
    /* Each kind of ending, with an input that would fill the helper's memory were it kept. */
    static const struct {
        const char *program;
        enum rc rc;
    } kinds[] = { { ".a[7]", RC_OK },
                  { "empty", RC_NOT_FOUND },
                  { ".a, .a", RC_INVALID },
                  { "error(.)", RC_INVALID },
                  { ".a, error(.a)", RC_INVALID } };
    for (int i = 0; i < RUNS; i++)
        assert_int_equal(run(&f, kinds[i % 5].program, input.ptr, &roomy), kinds[i % 5].rc);
    fixture_close(&f);
    buf_fini(&input);
}

/* The children of this process, by /proc. */
static size_t kill_children(void)
{
    char path[64];
    size_t count = 0;
    int pid = 0;
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    FILE *list = fopen(path, "re");
    while (list != NULL && fscanf(list, "%d", &pid) == 1) {
        count += kill(pid, SIGKILL) == 0 ? 1 : 0;
        siginfo_t info;
        assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    }
    if (list != NULL)
        (void)fclose(list);
    return count;
}

static void a_helper_that_died_is_replaced_unnoticed(void **state)
{
    struct fixture *f = *state;
    gives(f, ".", "1", "1");
    assert_true(kill_children() > 0);
    gives(f, ".", "2", "2");
}

static void what_cannot_start_is_an_io_error(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, (struct transform_options){ .processes = 1, .executable = "/nowhere" });
    assert_int_equal(run(&f, ".", "1", &roomy), RC_IO);
    assert_string_equal(f.why.ptr, "cannot start a helper process: No such file or directory");
    fixture_close(&f);
}

struct user {
    struct transform_pool *pool;
    int number;
    int good, cut;
};

static void use_pool(void *arg)
{
    struct user *u = arg;
    struct buf out;
    buf_init(&out, 100);
    for (int i = 0; i < RUNS_EACH; i++) {
        char input[32];
        (void)snprintf(input, sizeof(input), "[%d,%d]", u->number, i);
        buf_reset(&out);
        if (transform_run(u->pool, STR("."), str_from(input), &roomy, &out, NULL) == RC_OK &&
            str_eq(buf_str(&out), str_from(input)))
            u->good++;
        const struct transform_limits short_limits = { .time_us = 1000,
                                                       .compile_us = 20000000,
                                                       .output_max = 10 };
        if (i % 20 == 0 && transform_run(u->pool, STR("last(repeat(1))"), STR("1"), &short_limits,
                                         &out, NULL) == RC_LIMIT)
            u->cut++;
    }
    buf_fini(&out);
}

static void threads_share_the_helpers(void **state)
{
    struct fixture *f = *state;
    struct user users[THREADS];
    struct thread *threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        users[i] = (struct user){ f->pool, i, 0, 0 };
        threads[i] = thread_start("user", THREAD_WORKER, use_pool, &users[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        thread_join(threads[i]);
        assert_int_equal(users[i].good, RUNS_EACH);
        assert_int_equal(users[i].cut, RUNS_EACH / 20);
    }
}

static void hold_helper(void *arg)
{
    struct user *u = arg;
    struct buf out;
    buf_init(&out, 100);
    const struct transform_limits long_limits = {
        .time_us = 2000000, .compile_us = 20000000, .output_max = 10, .owner = 1
    };
    enum rc rc = RC_BUSY;
    while (rc == RC_BUSY)
        rc = transform_run(u->pool, STR("last(range(1e15))"), STR("1"), &long_limits, &out, NULL);
    u->good = rc == RC_LIMIT;
    buf_fini(&out);
}

/* Runs until it is told that it cannot, for 20 seconds at most. */
static void assert_gets_busy(struct fixture *f, const struct transform_limits *limits,
                             const char *words)
{
    int64_t until = clock_mono_us(clock_system()) + 20000000;
    enum rc rc = RC_OK;
    while (rc != RC_BUSY && clock_mono_us(clock_system()) < until)
        rc = run(f, ".", "1", limits);
    assert_int_equal(rc, RC_BUSY);
    assert_string_equal(f->why.ptr, words);
}

static void who_waits_too_long_is_told_busy(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, (struct transform_options){ .processes = 1, .wait_us = 1000 });
    struct user u = { .pool = f.pool };
    struct thread *t = thread_start("holder", THREAD_WORKER, hold_helper, &u);
    assert_gets_busy(&f, &roomy, "all helper processes are busy");
    thread_join(t);
    assert_true(u.good);
    fixture_close(&f);
}

static void an_owner_never_has_all_helpers(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, (struct transform_options){ .processes = 2, .wait_us = 1000 });
    struct user u = { .pool = f.pool };
    struct transform_limits mine = roomy, others = roomy;
    mine.owner = 1;
    others.owner = 2;
    struct thread *t = thread_start("holder", THREAD_WORKER, hold_helper, &u);
    assert_gets_busy(&f, &mine, "other runs of yours have all the helper processes you may use");
    assert_int_equal(run(&f, ".", "2", &others), RC_OK);
    thread_join(t);
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], TRANSFORM_VERB) == 0)
        return transform_serve(argc > 2 ? argv[2] : NULL);
    assert_int_equal(setenv("SECRET", "of the server", 1), 0);
    thread_set_kind(THREAD_WORKER);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_makes_one_value_of_another),
        cmocka_unit_test(the_same_program_keeps_nothing_between_runs),
        cmocka_unit_test(many_programs_take_turns_in_the_cache),
        cmocka_unit_test(no_result_is_told_apart),
        cmocka_unit_test(what_does_not_compile_is_refused_in_jqs_words),
        cmocka_unit_test(errors_of_a_run_are_told),
        cmocka_unit_test(a_program_learns_nothing_of_the_system),
        cmocka_unit_test(endless_programs_are_cut),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(output_is_bounded),
        cmocka_unit_test(deep_nesting_harms_nobody),
        cmocka_unit_test(programs_have_at_most_16_kib),
        cmocka_unit_test(large_inputs_go_through),
        cmocka_unit_test(runs_leave_nothing_behind),
        cmocka_unit_test(a_helper_that_died_is_replaced_unnoticed),
        cmocka_unit_test(what_cannot_start_is_an_io_error),
        cmocka_unit_test(threads_share_the_helpers),
        cmocka_unit_test(who_waits_too_long_is_told_busy),
        cmocka_unit_test(an_owner_never_has_all_helpers),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
