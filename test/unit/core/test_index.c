/* SPDX-License-Identifier: Apache-2.0
 *
 * Against a plain sorted list, by random changes; every set that a change began from has to stay as it was.
 */
#include "core/app_priv.h"
#include "core/endpoint_priv.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "metrics/metrics.h"

enum { NUMS = 700, NAMES = 3, STEPS = 20000, KEPT = 8 };

static const char *const names[NAMES] = { "", "a", "b" };

static struct world {
    struct core_endpoint *eps[NUMS];
    bool is_in[NAMES][NUMS];
    struct core_index set;
    uint64_t dice;
} w;

static size_t dice(size_t sides)
{
    w.dice = w.dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(w.dice >> 33) % sides;
}

static int set_up(void **state)
{
    (void)state;
    memset(&w, 0, sizeof(w));
    for (int64_t i = 0; i < NUMS; i++) {
        w.eps[i] = core_endpoint_new();
        w.eps[i]->num = i;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    core_index_drop(&w.set);
    for (size_t i = 0; i < NUMS; i++) {
        assert_int_equal(atomic_load(&w.eps[i]->_refs), 1); /* no set has kept it */
        core_endpoint_unref(w.eps[i]);
    }
    return 0;
}

static struct core_place place(size_t name, size_t num)
{
    return (struct core_place){ str_from(names[name]), 0, w.eps[num] };
}

/* All places of the set are those that `is_in` has, in order. */
static void check(const struct core_index *set, bool is_in[NAMES][NUMS])
{
    size_t at = 0;
    size_t left = 0;
    const struct core_place *p = NULL;
    for (size_t name = 0; name < NAMES; name++) {
        size_t start, end;
        assert_int_equal(core_index_before(set, str_from(names[name]), INT64_MIN, INT64_MIN), at);
        core_index_run(set, str_from(names[name]), &start, &end);
        assert_int_equal(start, at);
        for (size_t num = 0; num < NUMS; num++) {
            bool is_there = core_index_find(set, str_from(names[name]), 0, (int64_t)num) != NULL;
            assert_int_equal(is_there, is_in[name][num]);
            if (!is_there)
                continue;
            if (left == 0)
                p = core_index_at(set, at, &left);
            assert_true(str_eq(p->name, str_from(names[name])) && p->ep == w.eps[num]);
            at++;
            p++;
            left--;
        }
        assert_int_equal(end, at);
    }
    assert_int_equal(core_index_count(set), at);
}

static void holds_what_was_put_in_and_not_taken_out_in_order(void **state)
{
    (void)state;
    for (size_t step = 0; step < STEPS; step++) {
        size_t name = dice(NAMES);
        size_t num = dice(NUMS);
        struct core_place p = place(name, num);
        bool grows = dice(10) < (step / 4000 % 2 == 0 ? 7 : 2);
        if (grows)
            core_index_put(&w.set, &p);
        else
            assert_int_equal(core_index_remove(&w.set, &p), w.is_in[name][num]);
        w.is_in[name][num] = grows;
        if (step % 1000 == 0)
            check(&w.set, w.is_in);
    }
    check(&w.set, w.is_in);
    for (size_t i = 0; i < (size_t)NAMES * NUMS; i++) {
        struct core_place p = place(i / NUMS, i % NUMS);
        (void)core_index_remove(&w.set, &p);
    }
    assert_int_equal(core_index_count(&w.set), 0);
    assert_null(w.set._root);
}

static void a_set_that_is_shared_stays_as_it_was(void **state)
{
    (void)state;
    static bool was_in[KEPT][NAMES][NUMS];
    struct core_index kept[KEPT] = { 0 };
    for (size_t step = 0; step < STEPS; step++) {
        size_t slot = step / 50 % KEPT;
        if (step % 50 == 0) {
            if (step >= (size_t)50 * KEPT && step % 1000 == 0)
                check(&kept[slot], was_in[slot]);
            core_index_drop(&kept[slot]);
            kept[slot] = core_index_share(&w.set);
            memcpy(was_in[slot], w.is_in, sizeof(w.is_in));
        }
        size_t name = dice(NAMES);
        size_t num = dice(NUMS);
        struct core_place p = place(name, num);
        bool grows = dice(10) < 6;
        if (grows)
            core_index_put(&w.set, &p);
        else
            (void)core_index_remove(&w.set, &p);
        w.is_in[name][num] = grows;
    }
    for (size_t i = 0; i < KEPT; i++) {
        check(&kept[i], was_in[i]);
        core_index_drop(&kept[i]);
    }
}

/* --- threads ------------------------------------------------------------------------------------------- */

enum { READERS = 3, SWAPS = 3000, EACH = 200 };

static struct {
    struct mutex lock; /* guards the handle, as the directory does */
    struct core_index now;
    atomic_bool is_over;
} shared;

static struct core_index take_shared(void)
{
    mutex_lock(&shared.lock);
    struct core_index set = core_index_share(&shared.now);
    mutex_unlock(&shared.lock);
    return set;
}

/* Every set has EACH places, in order. */
static void *read_on(void *arg)
{
    (void)arg;
    while (!atomic_load(&shared.is_over)) {
        struct core_index set = take_shared();
        int64_t last = -1;
        size_t left = 0;
        const struct core_place *p = NULL;
        MUST(core_index_count(&set) == EACH);
        for (size_t at = 0; at < EACH; at++, p++, left--) {
            if (left == 0)
                p = core_index_at(&set, at, &left);
            MUST(p->ep->num > last);
            last = p->ep->num;
        }
        core_index_drop(&set);
    }
    return NULL;
}

static void swap_one(size_t out, size_t in)
{
    struct core_index next = take_shared();
    struct core_place gone = place(0, out);
    struct core_place come = place(0, in);
    MUST(core_index_remove(&next, &gone));
    core_index_put(&next, &come);
    mutex_lock(&shared.lock);
    struct core_index old = shared.now;
    shared.now = next;
    mutex_unlock(&shared.lock);
    core_index_drop(&old);
}

static void sets_are_read_and_let_go_by_threads_while_new_ones_are_made_of_them(void **state)
{
    (void)state;
    pthread_t readers[READERS];
    mutex_init(&shared.lock);
    for (size_t i = 0; i < EACH; i++) {
        struct core_place p = place(0, i);
        core_index_put(&shared.now, &p);
    }
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, NULL), 0);
    for (size_t i = 0; i < SWAPS; i++)
        swap_one(i % NUMS, (i + EACH) % NUMS);
    atomic_store(&shared.is_over, true);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    core_index_drop(&shared.now);
    mutex_fini(&shared.lock);
}

static int64_t chunks_of_a_change(size_t count)
{
    struct core_index set = { 0 };
    for (size_t i = 0; i < count; i++) {
        struct core_place p = place(0, i);
        core_index_put(&set, &p);
    }
    struct core_index after = core_index_share(&set);
    struct core_place p = place(0, count / 2);
    int64_t before = metrics_value(METRIC_VIEW_CHUNKS);
    core_index_put(&after, &p);
    int64_t made = metrics_value(METRIC_VIEW_CHUNKS) - before;
    core_index_drop(&after);
    core_index_drop(&set);
    return made;
}

static void a_change_writes_one_chunk_of_places_however_large_the_set_is(void **state)
{
    (void)state;
    assert_int_equal(chunks_of_a_change(10), 1);
    assert_int_equal(chunks_of_a_change(NUMS), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(holds_what_was_put_in_and_not_taken_out_in_order),
        TEST(a_set_that_is_shared_stays_as_it_was),
        TEST(sets_are_read_and_let_go_by_threads_while_new_ones_are_made_of_them),
        TEST(a_change_writes_one_chunk_of_places_however_large_the_set_is),
    };
    return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
