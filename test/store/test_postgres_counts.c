/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts of an endpoint's deliveries that the PostgreSQL backend keeps in memory: they are what counting anew would say.
 */
#include "support.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "postgres.h"
#include "store/key_time_priv.h"
#include "store/postgres/postgres_priv.h"

enum { MESSAGES = 24, ENDPOINTS = 3, OLD_S = 60, ROUNDS = 12, CELL_S = 16 };

static const int64_t endpoints[ENDPOINTS] = { 1, 2, 3 };

/* --- keeping ---------------------------------------------------------------------------------------------- */

static int64_t key_of_cell(int64_t cell)
{
    return cell << POSTGRES_CELL_BITS;
}

struct kept {
    struct postgres_counted counted;
    struct counted_watch watch;
};

static int kept_open(void **state)
{
    struct kept *k = XNEW(struct kept);
    store_postgres_counted_init(&k->counted);
    *state = k;
    return 0;
}

static int kept_close(void **state)
{
    struct kept *k = *state;
    store_postgres_counted_fini(&k->counted);
    xfree(k);
    return 0;
}

/* Cells 10 to 19 of segment 1 with a success each, as of the watch's snapshot. */
static void keep_ten(struct kept *k)
{
    struct counted_cells cells = { 0 };
    for (int64_t cell = 10; cell < 20; cell++)
        store_postgres_cells_add(&cells, cell, STORE_SUCCESS, 1);
    store_postgres_counted_keep(&k->counted, &k->watch, 1, key_of_cell(10), key_of_cell(20),
                                &cells);
    store_postgres_counted_unwatch(&k->counted, &k->watch);
}

static void watch_endpoint(struct kept *k)
{
    store_postgres_counted_watch(&k->counted, &k->watch, 1, key_of_cell(30));
}

/* In cells 12 to 14; -1: nothing is kept. */
static int64_t sum_three(struct kept *k, enum store_state state)
{
    struct store_counts counts = { 0 };
    int64_t before_k;
    if (!store_postgres_counted_sum(&k->counted, 1, 1, key_of_cell(12), key_of_cell(15), &counts,
                                    &before_k))
        return -1;
    assert_int_equal(before_k, key_of_cell(20));
    return counts.by_state[state];
}

static void move_one(struct kept *k)
{
    store_postgres_counted_move(&k->counted, key_of_cell(13) + 5, 1, STORE_SUCCESS, STORE_PENDING);
}

static void what_moves_after_the_snapshot_is_moved_in_what_is_kept(void **state)
{
    struct kept *k = *state;
    watch_endpoint(k);
    store_postgres_counted_seen(&k->counted, &k->watch);
    store_postgres_counted_begin(&k->counted);
    move_one(k);
    store_postgres_counted_end(&k->counted);
    keep_ten(k);
    assert_int_equal(sum_three(k, STORE_SUCCESS), 2);
    assert_int_equal(sum_three(k, STORE_PENDING), 1);
    store_postgres_counted_begin(&k->counted);
    store_postgres_counted_move(&k->counted, key_of_cell(12), 1, STORE_SUCCESS, STORE_PENDING);
    store_postgres_counted_move(&k->counted, key_of_cell(12), 1, 0, STORE_PENDING); /* made anew */
    store_postgres_counted_move(&k->counted, key_of_cell(12), 2, STORE_SUCCESS, STORE_PENDING);
    store_postgres_counted_end(&k->counted);
    assert_int_equal(sum_three(k, STORE_SUCCESS), 1);
    assert_int_equal(sum_three(k, STORE_PENDING), 3);
}

static void a_group_that_begins_after_the_snapshot_may_end_after_the_count_is_kept(void **state)
{
    struct kept *k = *state;
    watch_endpoint(k);
    store_postgres_counted_seen(&k->counted, &k->watch);
    store_postgres_counted_begin(&k->counted);
    keep_ten(k);
    move_one(k);
    store_postgres_counted_end(&k->counted);
    assert_int_equal(sum_three(k, STORE_PENDING), 1);
}

static void a_count_is_not_kept_while_a_group_may_or_may_not_be_in_its_snapshot(void **state)
{
    struct kept *k = *state;
    store_postgres_counted_begin(&k->counted);
    watch_endpoint(k);
    store_postgres_counted_seen(&k->counted, &k->watch);
    keep_ten(k);
    assert_int_equal(sum_three(k, STORE_SUCCESS), -1);
    watch_endpoint(k);
    store_postgres_counted_seen(&k->counted, &k->watch);
    move_one(k);
    store_postgres_counted_end(&k->counted);
    keep_ten(k);
    assert_int_equal(sum_three(k, STORE_SUCCESS), -1);
    watch_endpoint(k);
    store_postgres_counted_begin(&k->counted);
    move_one(k);
    store_postgres_counted_end(&k->counted);
    store_postgres_counted_seen(&k->counted, &k->watch);
    keep_ten(k);
    assert_int_equal(sum_three(k, STORE_SUCCESS), -1);
    store_postgres_counted_begin(&k->counted);
    watch_endpoint(k);
    store_postgres_counted_seen(&k->counted, &k->watch);
    store_postgres_counted_move(&k->counted, key_of_cell(25), 1, STORE_PENDING, STORE_SUCCESS);
    store_postgres_counted_end(&k->counted);
    keep_ten(k);
    assert_int_equal(sum_three(k, STORE_SUCCESS), 3); /* it touched others */
}

static void rows_that_come_or_go_beside_outcomes_make_it_forget(void **state)
{
    struct kept *k = *state;
    watch_endpoint(k);
    store_postgres_counted_seen(&k->counted, &k->watch);
    keep_ten(k);
    store_postgres_counted_forget(&k->counted, key_of_cell(20));
    assert_int_equal(sum_three(k, STORE_SUCCESS), 3);
    store_postgres_counted_forget(&k->counted, key_of_cell(19));
    assert_int_equal(sum_three(k, STORE_SUCCESS), -1);
    watch_endpoint(k);
    store_postgres_counted_seen(&k->counted, &k->watch);
    store_postgres_counted_forget(&k->counted, key_of_cell(19));
    keep_ten(k);
    assert_int_equal(sum_three(k, STORE_SUCCESS), -1);
}

static void what_is_kept_is_bounded_and_the_longest_unasked_goes_first(void **state)
{
    enum { CELLS = 100000 };
    struct kept *k = *state;
    size_t kept = 0;
    for (int64_t endpoint = 1; endpoint <= 30; endpoint++) {
        struct counted_cells cells = { 0 };
        struct store_counts counts;
        int64_t before_k;
        for (int64_t cell = 0; cell < CELLS; cell++)
            store_postgres_cells_add(&cells, cell, STORE_SUCCESS, 1);
        store_postgres_counted_watch(&k->counted, &k->watch, endpoint, key_of_cell(CELLS));
        store_postgres_counted_seen(&k->counted, &k->watch);
        store_postgres_counted_keep(&k->counted, &k->watch, 1, 0, key_of_cell(CELLS), &cells);
        store_postgres_counted_unwatch(&k->counted, &k->watch);
        assert_true(store_postgres_counted_sum(&k->counted, 1, 1, 0, 1, &counts, &before_k));
    }
    for (int64_t endpoint = 1; endpoint <= 30; endpoint++) {
        struct store_counts counts = { 0 };
        int64_t before_k;
        bool is_kept = store_postgres_counted_sum(&k->counted, endpoint, 1, 0, key_of_cell(CELLS),
                                                  &counts, &before_k);
        assert_true(is_kept || (endpoint > 1 && endpoint < 30));
        kept += is_kept;
    }
    assert_in_range(kept, 5, 10);
}

/* --- counting --------------------------------------------------------------------------------------------- */

struct scene {
    struct fixture *f;
    struct id ids[MESSAGES];
    int64_t begun_us;
};

static bool cursor_has_passed(void *arg)
{
    const struct scene *s = arg;
    char *k = postgres_run(s->f->options.url, "SELECT max(cursor_k) FROM node_beat");
    bool has = strtoll(k, NULL, 10) > store_key_at(s->begun_us + (OLD_S + 50) * SECOND);
    xfree(k);
    return has;
}

/* Messages over some cells, tried once, and old enough that their counts are kept. */
static struct scene begin_scene(struct fixture *f)
{
    struct scene s = { .f = f, .begun_us = test_now_us() };
    for (int i = 0; i < MESSAGES; i++) {
        s.ids[i] =
            publish(f, (struct publish_spec){ .endpoints = endpoints, .endpoint_count = ENDPOINTS })
                .id;
        for (int e = 0; e < ENDPOINTS; e++)
            assert_int_equal(finish(f, s.ids[i], endpoints[e], STORE_PENDING,
                                    (i + e) % 3 == 0   ? STORE_SENDING
                                    : (i + e) % 3 == 1 ? STORE_SUCCESS
                                                       : STORE_FAILED),
                             RC_OK);
        test_advance_us((OLD_S + 60) * SECOND / MESSAGES);
    }
    test_advance_us(OLD_S * SECOND);
    wait_until(cursor_has_passed, &s);
    return s;
}

static struct store_counts count_between(const struct scene *s, int64_t endpoint, int64_t since_us,
                                         int64_t until_us)
{
    struct store_counts counts;
    assert_int_equal(
        store_delivery_counts(s->f->store, TEST_APP, endpoint, since_us, until_us, &counts), RC_OK);
    return counts;
}

/* As the deliveries say, one by one. */
static void expect_exact(const struct scene *s, int64_t endpoint, int64_t since_us,
                         int64_t until_us)
{
    struct store_counts wanted = { 0 };
    struct store_counts counts = count_between(s, endpoint, since_us, until_us);
    for (int i = 0; i < MESSAGES; i++) {
        int64_t at_us = id_time_us(&s->ids[i]);
        if (at_us >= since_us && at_us < until_us)
            wanted.by_state[state_of(s->f, s->ids[i], endpoint)]++;
    }
    wanted.by_state[0] = 0; /* has no delivery of the endpoint */
    for (size_t i = 0; i < COUNT_OF(wanted.by_state); i++)
        if (counts.by_state[i] != wanted.by_state[i])
            fail_msg("endpoint %d, state %zu: %d counted, %d there", (int)endpoint, i,
                     (int)counts.by_state[i], (int)wanted.by_state[i]);
}

static void expect_all_exact(const struct scene *s)
{
    int64_t now_us = test_now_us();
    for (int e = 0; e < ENDPOINTS; e++) {
        expect_exact(s, endpoints[e], s->begun_us - HOUR, now_us);
        expect_exact(s, endpoints[e], s->begun_us + 7 * SECOND, s->begun_us + 31 * SECOND);
        expect_exact(s, endpoints[e], s->begun_us + 23 * SECOND, now_us);
        expect_exact(s, endpoints[e], s->begun_us + 38 * SECOND, s->begun_us + 43 * SECOND);
    }
    expect_exact(s, 9, s->begun_us, now_us);
}

static void what_was_counted_is_not_counted_again(void **state)
{
    struct scene s = begin_scene(*state);
    int64_t until_us = s.begun_us + 4 * CELL_S * SECOND;
    struct store_counts before = count_between(&s, 1, s.begun_us - HOUR, until_us);
    assert_true(before.by_state[STORE_SUCCESS] > 2);
    xfree(postgres_run(s.f->options.url, "UPDATE attempt SET state_after = 5"));
    struct store_counts after = count_between(&s, 1, s.begun_us - HOUR, until_us);
    assert_true(after.by_state[STORE_SUCCESS] >=
                before.by_state[STORE_SUCCESS] - 3); /* of the last cell */
    fixture_reopen(s.f);
    after = count_between(&s, 1, s.begun_us - HOUR, until_us);
    assert_int_equal(after.by_state[STORE_SUCCESS], 0);
}

static struct store_requeue requeue_one(struct fixture *f, struct id id, int64_t endpoint,
                                        bool create)
{
    struct store_requeue r = { .message = id,
                               .app = TEST_APP,
                               .endpoint = endpoint,
                               .now_us = test_now_us(),
                               .create_missing = create };
    assert_int_equal(requeue(f, &r), RC_OK);
    store_message_unref(r.message_out);
    return r;
}

static void end_again(struct fixture *f, struct id id, const struct store_requeue *r,
                      enum store_state to)
{
    struct store_outcome o = outcome_of(f, id, r->endpoint, STORE_PENDING, to);
    o.attempt_count = r->due.attempt_count + 1;
    o.was_asked_us = r->due.asked_us;
    o.trigger = STORE_MANUAL;
    assert_int_equal(record(f, &o), RC_OK);
}

static void counts_are_exact_after_every_kind_of_later_change(void **state)
{
    struct scene s = begin_scene(*state);
    struct fixture *f = s.f;
    expect_all_exact(&s);
    expect_all_exact(&s);
    for (int i = 0; i < 2; i++) { /* a later attempt fails, and one ends it */
        struct store_outcome o =
            outcome_of(f, s.ids[3], 1, STORE_SENDING, i == 0 ? STORE_SENDING : STORE_SUCCESS);
        o.attempt_count = 2 + i;
        o.next_due_us = test_now_us() + SECOND;
        assert_int_equal(record(f, &o), RC_OK);
        expect_all_exact(&s);
    }
    assert_int_equal(state_of(f, s.ids[3], 1), STORE_SUCCESS);
    struct store_requeue r = requeue_one(f, s.ids[1], 1, false); /* what had succeeded, too */
    expect_all_exact(&s);
    end_again(f, s.ids[1], &r, STORE_FAILED);
    expect_all_exact(&s);
    r = requeue_one(f, s.ids[7], 9, true); /* an endpoint that it had not gone to */
    expect_all_exact(&s);
    end_again(f, s.ids[7], &r, STORE_SUCCESS);
    expect_all_exact(&s);
    struct store_expunge e = { .message = s.ids[6], .app = TEST_APP };
    assert_int_equal(expunge(f, &e), RC_OK); /* cancels what waits */
    assert_int_equal(state_of(f, s.ids[6], 1), STORE_CANCELED);
    expect_all_exact(&s);
    struct store_outcome o = outcome_of(f, s.ids[6], 1, STORE_SENDING, STORE_SUCCESS);
    o.attempt_count = 2;
    assert_int_equal(record(f, &o), RC_OK); /* was under way */
    assert_int_equal(state_of(f, s.ids[6], 1), STORE_SUCCESS);
    expect_all_exact(&s);
    fixture_reopen(f);
    expect_all_exact(&s);
}

struct counter {
    const struct scene *scene;
    atomic_bool stop;
};

/* What is kept is forgotten again and again, so that all of it is counted while it changes. */
static void count_all_the_time(void *arg)
{
    struct counter *c = arg;
    const struct scene *s = c->scene;
    struct store_counts counts;
    for (int i = 0; !atomic_load(&c->stop); i++) {
        if (i % 3 == 0)
            store_postgres_counted_forget(&store_postgres_of(s->f->store)->counted, INT64_MIN);
        MUST(store_delivery_counts(s->f->store, TEST_APP, endpoints[i % ENDPOINTS],
                                   s->begun_us - HOUR, test_now_us(), &counts) == RC_OK);
    }
}

static void counts_taken_while_outcomes_are_committed_are_exact_afterwards(void **state)
{
    struct scene s = begin_scene(*state);
    for (int round = 0; round < ROUNDS; round++) {
        struct counter c = { .scene = &s };
        struct thread *thread = thread_start("counter", THREAD_OTHER, count_all_the_time, &c);
        assert_non_null(thread);
        for (int i = 0; i < MESSAGES; i++) {
            int64_t endpoint = endpoints[(i + round) % ENDPOINTS];
            if (state_of(s.f, s.ids[i], endpoint) == STORE_SENDING)
                continue;
            struct store_requeue r = requeue_one(s.f, s.ids[i], endpoint, false);
            end_again(s.f, s.ids[i], &r, round % 2 == 0 ? STORE_SUCCESS : STORE_FAILED);
        }
        atomic_store(&c.stop, true);
        thread_join(thread);
        expect_all_exact(&s);
    }
}

int main(void)
{
#define KEPT(name) cmocka_unit_test_setup_teardown(name, kept_open, kept_close)
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
    const struct CMUnitTest kept[] = {
        KEPT(what_moves_after_the_snapshot_is_moved_in_what_is_kept),
        KEPT(a_group_that_begins_after_the_snapshot_may_end_after_the_count_is_kept),
        KEPT(a_count_is_not_kept_while_a_group_may_or_may_not_be_in_its_snapshot),
        KEPT(rows_that_come_or_go_beside_outcomes_make_it_forget),
        KEPT(what_is_kept_is_bounded_and_the_longest_unasked_goes_first),
        TEST(what_was_counted_is_not_counted_again),
        TEST(counts_are_exact_after_every_kind_of_later_change),
        TEST(counts_taken_while_outcomes_are_committed_are_exact_afterwards),
    };
    (void)setenv("STORE_BACKEND", "postgres", 1);
    (void)setenv("STORE_CONFIG", "postgres", 1);
    if (!postgres_is_there())
        return postgres_skip();
    return cmocka_run_group_tests_name("postgres counts", kept, NULL, NULL);
}
