/* SPDX-License-Identifier: Apache-2.0 */
#include "work/work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

static atomic_int ran;

static void count_up(void *arg)
{
    thread_must_be(THREAD_WORKER);
    (void)arg;
    atomic_fetch_add(&ran, 1);
}

static void runs_every_job_before_it_is_freed(void **state)
{
    (void)state;
    enum { JOBS = 1000 };
    static struct work_job jobs[JOBS];
    struct work_pool *p = work_pool_new(3, JOBS);
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct work_job){ .fn = count_up };
        assert_int_equal(work_submit(p, &jobs[i]), RC_OK);
    }
    work_pool_free(p);
    assert_int_equal(atomic_load(&ran), JOBS);
    work_pool_free(NULL);
}

struct gate {
    struct mutex mutex;
    struct cond changed;
    bool is_entered, is_open;
};

static void wait_at_gate(void *arg)
{
    struct gate *g = arg;
    mutex_lock(&g->mutex);
    g->is_entered = true;
    cond_broadcast(&g->changed);
    while (!g->is_open) {
        cond_wait(&g->changed, &g->mutex);
    }
    mutex_unlock(&g->mutex);
}

static void refuses_jobs_past_its_queue(void **state)
{
    (void)state;
    struct gate g = { 0 };
    mutex_init(&g.mutex);
    cond_init(&g.changed);
    struct work_pool *p = work_pool_new(1, 2);
    struct work_job busy = { .fn = wait_at_gate, .arg = &g };
    struct work_job jobs[3];
    atomic_store(&ran, 0);
    assert_int_equal(work_submit(p, &busy), RC_OK);
    mutex_lock(&g.mutex);
    while (!g.is_entered) {
        cond_wait(&g.changed, &g.mutex);
    }
    mutex_unlock(&g.mutex);
    for (int i = 0; i < 3; i++) {
        jobs[i] = (struct work_job){ .fn = count_up };
        assert_int_equal(work_submit(p, &jobs[i]), i < 2 ? RC_OK : RC_BUSY);
    }
    assert_int_equal(work_queued(p), 2);
    mutex_lock(&g.mutex);
    g.is_open = true;
    cond_broadcast(&g.changed);
    mutex_unlock(&g.mutex);
    work_pool_free(p);
    assert_int_equal(atomic_load(&ran), 2);
    cond_fini(&g.changed);
    mutex_fini(&g.mutex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_every_job_before_it_is_freed),
        cmocka_unit_test(refuses_jobs_past_its_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
