/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/loop.h"
#include "metrics/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* What ran, in order. */
static int trace[64];
static size_t trace_count;

struct note {
    struct loop_task task;
    struct loop_timer timer;
    struct loop *loop;
    int number;
};

static void note(void *arg)
{
    const struct note *n = arg;
    trace[trace_count++] = n->number;
}

static void note_init(struct note *n, struct loop *l, int number)
{
    *n = (struct note){ .loop = l, .number = number };
    n->task.fn = n->timer.fn = note;
    n->task.arg = n->timer.arg = n;
}

static void assert_trace(const int *wanted, size_t count)
{
    assert_int_equal(trace_count, count);
    assert_memory_equal(trace, wanted, count * sizeof(*wanted));
    trace_count = 0;
}

static void runs_messages_in_the_order_of_posting(void **state)
{
    (void)state;
    struct loop *l = loop_new("test", clock_system());
    struct note n[5];
    for (int i = 0; i < 5; i++) {
        note_init(&n[i], l, i);
    }
    loop_post(l, &n[0].task);
    n[1].task._next = &n[2].task;
    n[2].task._next = &n[3].task;
    loop_post_chain(l, &n[1].task, &n[3].task);
    loop_post(l, &n[4].task);
    loop_turn(l, 0);
    assert_trace((int[]){ 0, 1, 2, 3, 4 }, 5);
    loop_turn(l, 0);
    assert_trace(NULL, 0);
    loop_free(l);
}

static void repost(void *arg)
{
    struct note *n = arg;
    note(n);
    if (trace_count < 3)
        loop_post(n->loop, &n->task);
}

static void ends_the_program_when_a_message_is_posted_twice(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct loop *l = loop_new("test", clock_system());
        struct note n;
        (void)close(STDERR_FILENO); /* the crash report */
        note_init(&n, l, 1);
        loop_post(l, &n.task);
        loop_post(l, &n.task);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void runs_a_message_posted_by_a_message_in_the_next_turn(void **state)
{
    (void)state;
    struct loop *l = loop_new("test", clock_system());
    struct note n;
    note_init(&n, l, 7);
    n.task.fn = repost;
    loop_post(l, &n.task);
    loop_turn(l, 0);
    assert_int_equal(trace_count, 1);
    loop_turn(l, INT64_MAX); /* must not wait: there is a message */
    loop_turn(l, INT64_MAX);
    assert_trace((int[]){ 7, 7, 7 }, 3);
    loop_free(l);
}

static void fires_timers_by_time_and_only_when_due(void **state)
{
    (void)state;
    struct clock_fake clock;
    clock_fake_init(&clock, 1000000);
    struct loop *l = loop_new("test", &clock.clock);
    struct note n[4];
    for (int i = 0; i < 4; i++) {
        note_init(&n[i], l, i);
    }
    loop_timer_set(l, &n[2].timer, 1000300);
    loop_timer_set(l, &n[0].timer, 1000100);
    loop_timer_set(l, &n[1].timer, 1000200);
    loop_timer_set(l, &n[3].timer, 1000050);
    loop_timer_stop(l, &n[3].timer);
    loop_timer_stop(l, &n[3].timer);
    loop_timer_set(l, &n[0].timer, 1000250); /* put off */
    clock.now_us = 1000249;
    loop_turn(l, 0);
    assert_trace((int[]){ 1 }, 1);
    assert_true(loop_timer_is_set(&n[0].timer) && !loop_timer_is_set(&n[1].timer));
    clock.now_us = 1000300;
    loop_turn(l, 0);
    assert_trace((int[]){ 0, 2 }, 2);
    loop_free(l);
}

static void keeps_the_heap_in_order_under_many_changes(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    struct clock_fake clock;
    struct rng_seeded rng;
    clock_fake_init(&clock, 0);
    rng_seeded_init(&rng, 42);
    struct loop *l = loop_new("test", &clock.clock);
    static struct note n[COUNT];
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < COUNT; i++) {
            if (round == 0)
                note_init(&n[i], l, i);
            int64_t at = clock.now_us + 1 + (int64_t)rng_below(&rng.rng, 1000);
            if (rng_below(&rng.rng, 4) == 0) {
                loop_timer_stop(l, &n[i].timer);
            } else {
                loop_timer_set(l, &n[i].timer, at);
            }
        }
        for (int step = 0; step < 300; step++) {
            clock.now_us++;
            loop_turn(l, 0);
            for (size_t i = 0; i < trace_count; i++) {
                assert_int_equal(n[trace[i]].timer._at_us, clock.now_us);
            }
            trace_count = 0;
        }
    }
    loop_free(l);
}

static void set_again_at_once(void *arg)
{
    struct note *n = arg;
    note(n);
    loop_timer_set(n->loop, &n->timer, loop_now_us(n->loop));
}

static void lets_a_timer_that_is_always_due_not_hold_the_turn(void **state)
{
    (void)state;
    struct loop *l = loop_new("test", clock_system());
    struct note n;
    note_init(&n, l, 1);
    n.timer.fn = set_again_at_once;
    loop_timer_set(l, &n.timer, loop_now_us(l));
    loop_turn(l, 0);
    loop_turn(l, INT64_MAX);
    assert_int_equal(trace_count, 2);
    trace_count = 0;
    loop_timer_stop(l, &n.timer);
    loop_free(l);
}

struct pair {
    struct loop *loop;
    struct loop_io io[2];
    int fired;
};

static void stop_the_other(void *arg, uint32_t events)
{
    struct pair *p = arg;
    assert_true((events & EPOLLIN) != 0);
    p->fired++;
    loop_io_stop(p->loop, &p->io[0]);
    loop_io_stop(p->loop, &p->io[1]);
}

static void gives_no_event_to_a_descriptor_stopped_in_the_same_turn(void **state)
{
    (void)state;
    struct loop *l = loop_new("test", clock_system());
    struct pair p = { .loop = l };
    int a[2], b[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
    p.io[0] = (struct loop_io){ .fn = stop_the_other, .arg = &p, .fd = a[0] };
    p.io[1] = (struct loop_io){ .fn = stop_the_other, .arg = &p, .fd = b[0] };
    assert_int_equal(write(a[1], "x", 1) + write(b[1], "x", 1), 2);
    assert_int_equal(loop_io_start(l, &p.io[0], EPOLLIN), RC_OK);
    assert_int_equal(loop_io_start(l, &p.io[1], EPOLLIN), RC_OK);
    loop_turn(l, 0);
    assert_int_equal(p.fired, 1);
    loop_turn(l, 0);
    assert_int_equal(p.fired, 1);
    assert_int_equal(loop_io_start(l, &p.io[0], 0), RC_OK);
    loop_io_change(l, &p.io[0], EPOLLIN);
    loop_turn(l, 0);
    assert_int_equal(p.fired, 2);
    for (int i = 0; i < 2; i++) {
        (void)close(a[i]);
        (void)close(b[i]);
    }
    loop_free(l);
}

static void stop_first(void *arg)
{
    struct pair *p = arg;
    loop_io_stop(p->loop, &p->io[0]);
}

static void gives_no_event_to_a_descriptor_that_a_message_has_stopped(void **state)
{
    (void)state;
    struct loop *l = loop_new("test", clock_system());
    struct pair p = { .loop = l };
    struct loop_task task = { .fn = stop_first, .arg = &p };
    int a[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
    p.io[0] = (struct loop_io){ .fn = stop_the_other, .arg = &p, .fd = a[0] };
    assert_int_equal(write(a[1], "x", 1), 1);
    assert_int_equal(loop_io_start(l, &p.io[0], EPOLLIN), RC_OK);
    loop_post(l, &task);
    loop_turn(l, 0);
    assert_int_equal(p.fired, 0);
    (void)close(a[0]);
    (void)close(a[1]);
    loop_free(l);
}

static void defer_more(void *arg)
{
    struct note *n = arg;
    note(n);
    loop_defer(n->loop, &n[1].task);
}

static void runs_deferred_work_at_the_end_of_the_turn(void **state)
{
    (void)state;
    struct loop *l = loop_new("test", clock_system());
    struct note n[3];
    for (int i = 0; i < 3; i++) {
        note_init(&n[i], l, i);
    }
    n[0].task.fn = defer_more;
    loop_defer(l, &n[0].task);
    loop_post(l, &n[2].task);
    loop_turn(l, 0);
    assert_trace((int[]){ 2, 0, 1 }, 3);
    loop_free(l);
}

/* ---- slow turns ---- */

static int slow_lines;
static bool names_callback;

static void tap(void *ctx, enum log_event event, struct str line)
{
    (void)ctx;
    if (event != EV_LOOP_SLOW_TURN)
        return;
    slow_lines++;
    names_callback = str_contains(line, STR("callback=")) && str_contains(line, STR("+0x"));
}

static void take_long(void *arg)
{
    struct clock_fake *clock = arg;
    clock->now_us += 150 * 1000;
}

static void logs_a_turn_above_100_ms_with_its_callback(void **state)
{
    (void)state;
    struct clock_fake clock;
    clock_fake_init(&clock, 1000000);
    struct loop *l = loop_new("test", &clock.clock);
    struct loop_task slow = { .fn = take_long, .arg = &clock };
    struct note quick;
    note_init(&quick, l, 0);
    log_tap(tap, NULL);
    int64_t before = metrics_value(METRIC_LOOP_SLOW_TURNS);
    loop_post(l, &quick.task);
    loop_turn(l, 0);
    assert_int_equal(slow_lines, 0);
    loop_post(l, &slow);
    loop_turn(l, 0);
    log_tap(NULL, NULL);
    assert_int_equal(slow_lines, 1);
    assert_true(names_callback);
    assert_int_equal(metrics_value(METRIC_LOOP_SLOW_TURNS) - before, 1);
    trace_count = 0;
    loop_free(l);
}

/* ---- threads ---- */

enum { POSTERS = 4, POSTS = 20000 };

struct poster {
    struct loop *loop;
    struct loop_task *tasks;
    int index;
};
static int arrived[POSTERS];
static int total;
static struct loop *shared;

static void arrive(void *arg)
{
    arrived[(int)(intptr_t)arg]++;
    if (++total == POSTERS * POSTS)
        loop_stop(shared);
}

static void post_many(void *arg)
{
    struct poster *p = arg;
    for (int i = 0; i < POSTS; i++) {
        p->tasks[i] = (struct loop_task){ .fn = arrive, .arg = (void *)(intptr_t)p->index };
        loop_post(p->loop, &p->tasks[i]);
    }
}

static void run_loop(void *arg)
{
    loop_run(arg);
}

static void loses_no_message_of_many_threads(void **state)
{
    (void)state;
    shared = loop_new("test", clock_system());
    struct thread *runner = thread_start("loop", THREAD_LOOP, run_loop, shared);
    struct thread *threads[POSTERS];
    struct poster posters[POSTERS];
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){ shared, xcalloc(POSTS, sizeof(struct loop_task)), i };
        threads[i] = thread_start("poster", THREAD_OTHER, post_many, &posters[i]);
    }
    for (int i = 0; i < POSTERS; i++) {
        thread_join(threads[i]);
    }
    thread_join(runner);
    for (int i = 0; i < POSTERS; i++) {
        assert_int_equal(arrived[i], POSTS);
        xfree(posters[i].tasks);
    }
    loop_free(shared);
}

static void wakes_a_sleeping_loop_to_stop_it(void **state)
{
    (void)state;
    struct loop *l = loop_new("test", clock_system());
    for (int i = 0; i < 200; i++) {
        struct thread *runner = thread_start("loop", THREAD_LOOP, run_loop, l);
        loop_stop(l);
        thread_join(runner);
    }
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_messages_in_the_order_of_posting),
        cmocka_unit_test(ends_the_program_when_a_message_is_posted_twice),
        cmocka_unit_test(runs_a_message_posted_by_a_message_in_the_next_turn),
        cmocka_unit_test(fires_timers_by_time_and_only_when_due),
        cmocka_unit_test(keeps_the_heap_in_order_under_many_changes),
        cmocka_unit_test(lets_a_timer_that_is_always_due_not_hold_the_turn),
        cmocka_unit_test(gives_no_event_to_a_descriptor_stopped_in_the_same_turn),
        cmocka_unit_test(gives_no_event_to_a_descriptor_that_a_message_has_stopped),
        cmocka_unit_test(runs_deferred_work_at_the_end_of_the_turn),
        cmocka_unit_test(logs_a_turn_above_100_ms_with_its_callback),
        cmocka_unit_test(loses_no_message_of_many_threads),
        cmocka_unit_test(wakes_a_sleeping_loop_to_stop_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
