/* SPDX-License-Identifier: Apache-2.0 */
#include "test_base.h"

#include <signal.h>
#include <stdatomic.h>

struct seen {
    enum thread_kind kind;
    char name[16];
    unsigned slot;
    bool is_stop_blocked;
};

static void look(void *arg)
{
    struct seen *seen = arg;
    sigset_t mask;
    seen->kind = thread_kind();
    memcpy(seen->name, thread_name(), strlen(thread_name()) + 1);
    seen->slot = thread_slot();
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
    seen->is_stop_blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGSEGV) == 0;
}

static void knows_its_name_kind_and_slot(void **state)
{
    struct seen seen = { 0 };
    (void)state;
    thread_join(thread_start("fifteen-letters", THREAD_WORKER, look, &seen));
    assert_int_equal(seen.kind, THREAD_WORKER);
    assert_string_equal(seen.name, "fifteen-letters");
    assert_true(seen.slot < THREAD_SLOTS && seen.slot != thread_slot());
    assert_true(seen.is_stop_blocked);
    assert_int_equal(thread_kind(), THREAD_MAIN);
    assert_string_equal(thread_name(), "main");
    thread_join(NULL);
}

static void *look_foreign(void *arg)
{
    look(arg);
    return NULL;
}

static void a_thread_of_a_library_gets_a_slot_too(void **state)
{
    struct seen seen = { 0 };
    pthread_t handle;
    (void)state;
    assert_int_equal(pthread_create(&handle, NULL, look_foreign, &seen), 0);
    assert_int_equal(pthread_join(handle, NULL), 0);
    assert_int_equal(seen.kind, THREAD_OTHER);
    assert_true(seen.slot != thread_slot());
}

static void slots_are_used_again(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * THREAD_SLOTS; i++) { /* would panic if they were not */
        struct seen seen = { 0 };
        thread_join(thread_start("short", THREAD_OTHER, look, &seen));
        assert_true(seen.slot < THREAD_SLOTS);
    }
}

static void a_test_may_pretend_to_be_another_kind(void **state)
{
    (void)state;
    thread_set_kind(THREAD_LOOP);
    thread_must_be(THREAD_LOOP);
    thread_set_kind(THREAD_MAIN);
    thread_must_be(THREAD_MAIN);
}

struct meeting {
    struct mutex lock;
    struct cond came;
    int count;
};

static void come(void *arg)
{
    struct meeting *meeting = arg;
    for (int i = 0; i < 1000; i++) {
        mutex_lock(&meeting->lock);
        meeting->count++;
        cond_signal(&meeting->came);
        mutex_unlock(&meeting->lock);
    }
}

static void threads_meet_under_a_lock(void **state)
{
    struct meeting meeting = { .count = 0 };
    struct thread *threads[3];
    (void)state;
    mutex_init(&meeting.lock);
    cond_init(&meeting.came);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        threads[i] = thread_start("come", THREAD_OTHER, come, &meeting);
    mutex_lock(&meeting.lock);
    while (meeting.count < 3000)
        cond_wait(&meeting.came, &meeting.lock);
    mutex_unlock(&meeting.lock);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        thread_join(threads[i]);
    cond_broadcast(&meeting.came);
    cond_fini(&meeting.came);
    mutex_fini(&meeting.lock);
}

static void waiting_ends_at_its_deadline(void **state)
{
    struct mutex lock;
    struct cond never;
    (void)state;
    mutex_init(&lock);
    cond_init(&never);
    mutex_lock(&lock);
    int64_t until = clock_mono_us(clock_system()) + 5000;
    while (cond_wait_until(&never, &lock, until))
        continue; /* woken without a cause */
    assert_true(clock_mono_us(clock_system()) >= until);
    assert_false(cond_wait_until(&never, &lock, -1));
    mutex_unlock(&lock);
    cond_fini(&never);
    mutex_fini(&lock);
}

static void describes_what_threads_do(void **state)
{
    struct buf text;
    (void)state;
    buf_init(&text, 4096);
    activity_push("deliver", STR("msg_1"));
    activity_push("sign", STR_NONE);
    activity_describe(&text);
    assert_true(str_contains(buf_str(&text), STR("main: deliver msg_1 > sign\n")));
    activity_pop();
    buf_reset(&text);
    activity_push("long", STR("0123456789012345678901234567890123456789012345678901234567890"));
    activity_describe(&text);
    assert_true(str_contains(buf_str(&text),
                             STR("> long 01234567890123456789012345678901234567890123456\n")));
    activity_pop();
    activity_pop();
    for (int i = 0; i < 20; i++)
        activity_push("deep", STR_NONE);
    for (int i = 0; i < 20; i++)
        activity_pop();
    buf_reset(&text);
    activity_describe(&text);
    assert_true(str_contains(buf_str(&text), STR("main: idle\n")));
    buf_fini(&text);
}

static void work_that_others_wait_for_has_a_time(void **state)
{
    struct activity_work work;
    struct buf text;
    (void)state;
    buf_init(&text, 4096);
    int64_t before_us = clock_mono_us(clock_system());
    assert_false(activity_work(thread_slot(), &work));
    activity_moved(); /* nothing to move */
    assert_false(activity_work(thread_slot(), &work));
    activity_begin("commits", STR_NONE);
    assert_true(activity_work(thread_slot(), &work));
    assert_string_equal(work.thread, "main");
    assert_string_equal(work.what, "commits");
    assert_int_equal(work.kind, THREAD_MAIN);
    int64_t began_us = work.since_us;
    assert_true(began_us >= before_us);
    while (clock_mono_us(clock_system()) == began_us)
        continue;
    activity_moved();
    assert_true(activity_work(thread_slot(), &work) && work.since_us > began_us);
    activity_describe(&text);
    assert_true(str_contains(buf_str(&text), STR("main: commits for 0 ms\n")));
    activity_end();
    assert_false(activity_work(thread_slot(), &work));
    buf_fini(&text);
}

static void be_busy(void *arg)
{
    atomic_bool *is_over = arg;
    while (!atomic_load(is_over)) {
        activity_push("busy", STR("subject"));
        activity_pop();
    }
}

static void describing_while_threads_work_is_safe(void **state)
{
    atomic_bool is_over = false;
    struct buf text;
    (void)state;
    buf_init(&text, 4096);
    struct thread *busy = thread_start("busy", THREAD_OTHER, be_busy, &is_over);
    for (int i = 0; i < 200; i++) {
        buf_reset(&text);
        activity_describe(&text);
        assert_true(str_contains(buf_str(&text), STR("main:")));
    }
    atomic_store(&is_over, true);
    thread_join(busy);
    buf_fini(&text);
}

static void wait_for_the_lock(void *arg)
{
    struct mutex *gate = arg;
    mutex_lock(gate);
    mutex_unlock(gate);
}

static void more_threads_than_there_are_slots_are_refused(void **state)
{
    (void)state;
    static struct thread *threads[THREAD_SLOTS];
    struct mutex gate;
    size_t count = 0;
    mutex_init(&gate);
    mutex_lock(&gate);
    while (count < THREAD_SLOTS) {
        threads[count] = thread_start("held", THREAD_OTHER, wait_for_the_lock, &gate);
        if (threads[count] == NULL)
            break;
        count++;
    }
    assert_true(count > 0 && count < THREAD_SLOTS); /* this thread has one, too */
    mutex_unlock(&gate);
    for (size_t i = 0; i < count; i++)
        thread_join(threads[i]);
    threads[0] = thread_start("again", THREAD_OTHER, wait_for_the_lock, &gate);
    assert_non_null(threads[0]);
    thread_join(threads[0]);
    mutex_fini(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_its_name_kind_and_slot),
        cmocka_unit_test(a_thread_of_a_library_gets_a_slot_too),
        cmocka_unit_test(slots_are_used_again),
        cmocka_unit_test(a_test_may_pretend_to_be_another_kind),
        cmocka_unit_test(threads_meet_under_a_lock),
        cmocka_unit_test(waiting_ends_at_its_deadline),
        cmocka_unit_test(describes_what_threads_do),
        cmocka_unit_test(work_that_others_wait_for_has_a_time),
        cmocka_unit_test(describing_while_threads_work_is_safe),
        cmocka_unit_test(more_threads_than_there_are_slots_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
