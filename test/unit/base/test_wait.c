/* SPDX-License-Identifier: Apache-2.0
 *
 * Waits that the system ends too early: pthread_cond_timedwait() is this file's.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/thread.h"

static int answer, calls;

int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until);
int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until)
{
    (void)c;
    (void)m;
    (void)until;
    calls++;
    return answer;
}

static bool wait_until(int64_t until_us)
{
    struct mutex lock;
    struct cond wake;
    mutex_init(&lock);
    cond_init(&wake);
    mutex_lock(&lock);
    bool is_in_time = cond_wait_until(&wake, &lock, until_us);
    mutex_unlock(&lock);
    cond_fini(&wake);
    mutex_fini(&lock);
    return is_in_time;
}

static void a_wait_that_ends_early_is_not_taken_for_one_that_was_in_vain(void **state)
{
    static const int errors[] = { ETIMEDOUT, EINVAL };
    int64_t now_us = clock_mono_us(clock_system());
    (void)state;
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        answer = errors[i];
        calls = 0;
        assert_true(wait_until(now_us + 3600 * INT64_C(1000000)));
        assert_false(wait_until(now_us));
        assert_int_equal(calls, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_that_ends_early_is_not_taken_for_one_that_was_in_vain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
