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

static void gate_open(struct gate *g)
{
    mutex_lock(&g->mutex);
    g->is_open = true;
    cond_broadcast(&g->changed);
    mutex_unlock(&g->mutex);
}

static void a_pool_is_idle_once_no_job_waits_or_runs(void **state)
{
    (void)state;
    struct gate g = { 0 };
    mutex_init(&g.mutex);
    cond_init(&g.changed);
    struct work_pool *p = work_pool_new(1, 2);
    struct work_job job = { .fn = wait_at_gate, .arg = &g };
    assert_true(work_is_idle(p));
    assert_int_equal(work_submit(p, &job), RC_OK);
    assert_false(work_is_idle(p));
    mutex_lock(&g.mutex);
    while (!g.is_entered)
        cond_wait(&g.changed, &g.mutex);
    mutex_unlock(&g.mutex);
    assert_int_equal(work_queued(p), 0);
    assert_false(work_is_idle(p));
    gate_open(&g);
    for (int64_t until_us = clock_mono_us(clock_system()) + 10000000; !work_is_idle(p);)
        assert_true(clock_mono_us(clock_system()) < until_us);
    work_pool_free(p);
    cond_fini(&g.changed);
    mutex_fini(&g.mutex);
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
    assert_false(work_is_idle(p));
    gate_open(&g);
    work_pool_free(p);
    assert_int_equal(atomic_load(&ran), 2);
    cond_fini(&g.changed);
    mutex_fini(&g.mutex);
}

/* --- shares ------------------------------------------------------------------------------------------ */

enum { FLOOD = 40, EVIL = 7, GOOD = 8 };

struct hold {
    struct gate gate;
    atomic_int running;
    atomic_int good_ran;
};

static void hold_thread(void *arg)
{
    struct hold *h = arg;
    atomic_fetch_add(&h->running, 1);
    wait_at_gate(&h->gate);
}

static void run_good(void *arg)
{
    struct hold *h = arg;
    mutex_lock(&h->gate.mutex);
    atomic_fetch_add(&h->good_ran, 1);
    cond_broadcast(&h->gate.changed);
    mutex_unlock(&h->gate.mutex);
}

static void an_owner_that_floods_the_pool_delays_nobody_else(void **state)
{
    (void)state;
    struct hold h = { 0 };
    struct work_job flood[FLOOD], good[3];
    mutex_init(&h.gate.mutex);
    cond_init(&h.gate.changed);
    struct work_pool *p = work_pool_new(4, 1000);
    for (int i = 0; i < FLOOD; i++) {
        flood[i] = (struct work_job){ .fn = hold_thread, .arg = &h };
        assert_int_equal(work_submit_for(p, EVIL, &flood[i]), RC_OK);
    }
    for (int i = 0; i < 3; i++) {
        good[i] = (struct work_job){ .fn = run_good, .arg = &h };
        assert_int_equal(work_submit_for(p, GOOD, &good[i]), RC_OK);
    }
    mutex_lock(&h.gate.mutex); /* the flood's jobs stay where they are until the gate opens */
    while (atomic_load(&h.good_ran) < 3)
        cond_wait(&h.gate.changed, &h.gate.mutex);
    mutex_unlock(&h.gate.mutex);
    assert_true(atomic_load(&h.running) <= (int)WORK_OWNER_THREADS(4));
    gate_open(&h.gate);
    work_pool_free(p);
    assert_int_equal(atomic_load(&h.running), FLOOD);
    cond_fini(&h.gate.changed);
    mutex_fini(&h.gate.mutex);
}

static void an_owner_may_fill_a_quarter_of_the_queue_only(void **state)
{
    (void)state;
    struct hold h = { 0 };
    struct work_job flood[FLOOD], good;
    size_t taken = 0;
    mutex_init(&h.gate.mutex);
    cond_init(&h.gate.changed);
    struct work_pool *p = work_pool_new(1, FLOOD);
    for (int i = 0; i < FLOOD; i++) {
        flood[i] = (struct work_job){ .fn = hold_thread, .arg = &h };
        enum rc rc = work_submit_for(p, EVIL, &flood[i]);
        assert_true(rc == RC_OK || rc == RC_LIMIT);
        taken += rc == RC_OK;
    }
    assert_in_range(taken, WORK_OWNER_QUEUE(FLOOD), WORK_OWNER_QUEUE(FLOOD) + 1); /* one may run */
    good = (struct work_job){ .fn = run_good, .arg = &h };
    assert_int_equal(work_submit_for(p, GOOD, &good), RC_OK);
    gate_open(&h.gate);
    work_pool_free(p);
    assert_int_equal(atomic_load(&h.good_ran), 1);
    cond_fini(&h.gate.changed);
    mutex_fini(&h.gate.mutex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_every_job_before_it_is_freed),
        cmocka_unit_test(a_pool_is_idle_once_no_job_waits_or_runs),
        cmocka_unit_test(refuses_jobs_past_its_queue),
        cmocka_unit_test(an_owner_that_floods_the_pool_delays_nobody_else),
        cmocka_unit_test(an_owner_may_fill_a_quarter_of_the_queue_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
