/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <stdio.h>
#include <string.h>

/* --- 5 --------------------------------------------------------------------------------------------------- */

static void a_window_that_is_exceeded_is_noticed(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a"),
                         *b = published(m, 2, 0, "b", 1, 1.1, "b");
    struct model_publish *c = published(m, 3, 0, "c", 1, 1.1, "c");
    (void)arrived(m, a, 1, 2, 0);
    (void)arrived(m, b, 1, 2.5, 0);
    struct model_attempt *third = arrived(m, c, 1, 8, 200);
    must_hold(m, check_pace); /* the first two have been given up by then */
    third->begin_us = 3000000;
    third->end_us = 3001000;
    must_break(m, check_pace, 5);
    third->life = 1;
    must_hold(m, check_pace); /* a kill ends what was under way */
}

static void an_ordered_endpoint_gets_one_at_a_time(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a"),
                         *b = published(m, 2, 0, "b", 1, 1.1, "b");
    (void)arrived(m, a, 3, 2, 0);
    (void)arrived(m, b, 3, 2.5, 200);
    must_break(m, check_pace, 5);
}

static void an_attempt_whose_payload_is_erased_makes_way_for_the_next(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a"),
                         *b = published(m, 2, 0, "b", 1, 1.1, "b");
    struct model_attempt *first = arrived(m, a, 3, 2, 200);
    (void)arrived(m, b, 3, 2.5, 200);
    first->end_us = 3000000;
    struct model_erasure *e = erased(m, b, 2.1, 2.2);
    must_break(m, check_pace, 5); /* another one's */
    memcpy(e->id, a->id, sizeof e->id);
    must_hold(m, check_pace);
    e->end_us = MODEL_NEVER;
    must_hold(m, check_pace); /* it was not answered, and may have been done */
    e->begin_us = 2600000;
    must_break(m, check_pace, 5); /* the next one came before */
}

static void a_throttle_that_is_exceeded_is_noticed(void **state)
{
    struct model *m = *state;
    m->endpoints[1].throttle = 4;
    for (int i = 0; i < 5; i++) { /* five places of 0.25 s */
        char id[8];
        (void)snprintf(id, sizeof id, "%d", i);
        (void)arrived(m, published(m, i + 1, 0, id, 1, 1.1, id), 1, 2 + i * 0.25, 200);
    }
    must_hold(m, check_pace);
    (void)arrived(m, published(m, 8, 0, "x", 1, 1.1, "x"), 1, 2.9, 200);
    (void)arrived(m, published(m, 9, 0, "y", 1, 1.1, "y"), 1, 2.95, 200);
    must_break(m, check_pace, 5);
}

static void a_connection_that_is_replaced_takes_one_place_under_a_throttle(void **state)
{
    struct model *m = *state;
    struct model_attempt *first = NULL;
    m->endpoints[1].throttle = 1;
    m->limits.retry_min_us = 0;
    for (int i = 0; i < 2; i++) { /* each breaks, and comes again at once */
        char id[8];
        (void)snprintf(id, sizeof id, "%d", i);
        struct model_publish *p = published(m, i + 1, 0, id, 1, 1.1, id);
        first = arrived(m, p, 1, 2 + i * 0.98, 0);
        first->end_us = first->begin_us;
        (void)arrived(m, p, 1, 2.001 + i * 0.98, 200);
    }
    must_hold(m, check_pace);
    first->status = 503; /* that is an answer: the next one is an attempt of its own */
    must_break(m, check_pace, 5);
}

static void a_retry_before_its_time_is_noticed(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a");
    (void)arrived(m, a, 1, 2, 503);
    struct model_attempt *again = arrived(m, a, 1, 3, 200);
    must_hold(m, check_pace);
    again->begin_us = 2500000;
    must_break(m, check_pace, 5);
    logged(m, 2.4, "level=info event=store.clock_followed by_ms=5000");
    must_break(m, check_pace, 5);
    went_wrong(m, "life.cut", 1.5, 1.5);
    must_hold(m, check_pace);
    m->followed_us[0] = 2600000; /* too late to be the cause */
    must_break(m, check_pace, 5);
    again->life = 1;
    must_hold(m, check_pace); /* the next life knows of nothing but the message */
}

static void retry_after_is_kept(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a");
    arrived(m, a, 1, 2, 429)->retry_after_us = 4000000;
    struct model_attempt *again = arrived(m, a, 1, 6.1, 200);
    must_hold(m, check_pace);
    again->begin_us = 4000000;
    must_break(m, check_pace, 5);
    went_wrong(m, "net.reset", 1.9, 2.1);
    must_hold(m, check_pace); /* the answer may not have arrived */
}

static void what_was_taken_does_not_come_again(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a");
    (void)arrived(m, a, 1, 2, 200);
    struct model_attempt *again = arrived(m, a, 1, 60, 200);
    must_break(m, check_pace, 5);
    again->life = 1;
    must_hold(m, check_pace); /* its outcome may not have been written down */
}

/* --- 6, 7 ------------------------------------------------------------------------------------------------- */

static void another_tenants_canary_is_noticed(void **state)
{
    struct model *m = *state;
    struct check_broken broken;
    char own[MODEL_CANARY_BYTES], text[100];
    (void)snprintf(text, sizeof text, "{\"name\":\"%s\"}", model_canary(1, own));
    assert_true(check_leak(m, 1, text, strlen(text), "an answer", &broken));
    assert_false(check_leak(m, 2, text, strlen(text), "an answer", &broken));
    assert_int_equal(broken.invariant, 6);
}

static void lists_have_what_exists_once(void **state)
{
    struct model *m = *state;
    struct check_broken broken;
    (void)published(m, 1, 0, "a", 1, 1.1, "a");
    (void)published(m, 2, 0, "b", 2, 2.1, "b");
    (void)published(m, 3, 0, "c", 3, 3.1, "c");
    const char all[][MODEL_ID_BYTES] = { "msg_c", "msg_b", "msg_a", "msg_b" };
    assert_true(check_list(m, 1, 4000000, 4100000, all, 3, &broken));
    assert_true(
        check_list(m, 1, 2900000, 4100000, all + 1, 2, &broken)); /* c came while it was read */
    assert_false(check_list(m, 1, 4000000, 4100000, all, 2, &broken));
    assert_int_equal(broken.invariant, 7);
    assert_false(check_list(m, 1, 4000000, 4100000, all, 4, &broken));
    assert_int_equal(broken.invariant, 7);
    assert_false(check_list(m, 1, 2200000, 2300000, all, 3, &broken)); /* c was not there yet */
    assert_int_equal(broken.invariant, 7);
    assert_false(check_list(m, 2, 4000000, 4100000, all + 2, 1, &broken));
    assert_int_equal(broken.invariant, 6);
}

/* --- 9 to 12 ---------------------------------------------------------------------------------------------- */

static void a_slow_answer_needs_a_fault(void **state)
{
    struct model *m = *state;
    struct check_broken broken;
    assert_true(check_answer_time(m, "a call", 1000000, 2000000, &broken));
    assert_false(check_answer_time(m, "a call", 1000000, 7000000, &broken));
    assert_int_equal(broken.invariant, 9);
    went_wrong(m, "disk.slow", 0.5, 1.5);
    assert_true(check_answer_time(m, "a call", 1000000, 7000000, &broken));
    assert_false(check_answer_time(m, "a call", 20000000, 27000000, &broken));
    m->limits.answer_lag_us = 3000000;
    assert_true(check_answer_time(m, "a call", 20000000, 27000000, &broken));
}

static void an_error_that_no_fault_explains_is_noticed(void **state)
{
    struct model *m = *state;
    logged(m, 1, "time=1 level=info event=server.started");
    logged(m, 1, "time=1 level=warn event=store.torn path=x");
    must_break(m, check_events, 11);
    went_wrong(m, "life.cut", 0.5, 0.5);
    must_hold(m, check_events);
    logged(m, 2, "time=1 level=error event=server.loop_silent loop=1");
    must_break(m, check_events, 11);
}

static void a_panic_is_noticed(void **state)
{
    logged(*state, 1, "grapnel: loop.c:53: a bug");
    went_wrong(*state, "disk.full", 0, 10);
    must_break(*state, check_events, 11);
}

static void a_flood_of_one_event_is_noticed(void **state)
{
    struct model *m = *state;
    for (int i = 0; i < 30; i++)
        logged(m, 1 + i * 0.1, "time=1 level=info event=store.segment_started");
    must_hold(m, check_events);
    for (int i = 0; i < 12; i++)
        logged(m, 9 + i * 0.01, "time=1 level=info event=store.segment_started");
    must_break(m, check_events, 11);
}

static bool lives_after_a_minute(const struct model *m, struct check_broken *out)
{
    return check_lives(m, 60000000, out);
}

static void a_life_that_does_not_start_is_noticed(void **state)
{
    struct model *m = *state;
    struct model_life *life = model_life(m, 1000000);
    must_break(m, lives_after_a_minute, 12);
    life->started_us = 2000000;
    must_hold(m, lives_after_a_minute);
    life->fds_started = 20;
    life->fds_quiet = 60;
    must_hold(m, lives_after_a_minute);
    life->fds_quiet = 90;
    must_break(m, lives_after_a_minute, 10);
}

static void starts_that_are_soon_refused_take_one_place(void **state)
{
    struct model *m = *state;
    model_life(m, 1000000)->started_us = 2000000;
    for (int64_t i = 0; i < INT64_C(10) * MODEL_LIVES; i++)
        model_life(m, 5000000 + i * 1000)->end_us = 5000000 + i * 1000 + 500;
    assert_int_equal(m->life_count, 2);
    assert_int_equal(model_life_now(m)->tried_us, 5000000);
    must_hold(m, lives_after_a_minute);
    model_life(m, 20000000)->started_us = 21000000;
    assert_int_equal(m->life_count, 2);
    assert_int_equal(model_life_now(m)->begin_us, 20000000);
    assert_int_equal(model_life(m, 25000000)->tried_us, 25000000);
    assert_int_equal(m->lives[1].end_us, 25000000);
}

static void a_start_that_takes_too_long_is_noticed_among_refused_ones(void **state)
{
    struct model *m = *state;
    model_life(m, 1000000)->end_us = 1500000;
    model_life(m, 2000000)->end_us = 2000001 + MODEL_START_US;
    model_life(m, 50000000)->started_us = 51000000;
    assert_int_equal(m->life_count, 2);
    assert_int_equal(model_life_now(m)->tried_us, 1000000);
    must_break(m, lives_after_a_minute, 12);
    went_wrong(m, "disk.slow", 2, 3);
    must_hold(m, lives_after_a_minute);
}

static void memory_that_is_not_given_back_is_noticed(void **state)
{
    struct model *m = *state;
    m->steady = 150;
    m->rest = (struct model_rest){ .blocks = 20000, .most_bytes = 30000000, .segments = 3 };
    m->rest_later = (struct model_rest){ .blocks = 20060, .most_bytes = 30000000, .segments = 3 };
    must_hold(m, check_memory);
    m->rest_later.blocks = 20150;
    must_break(m, check_memory, 10);
    m->rest_later.segments = 13;
    must_hold(m, check_memory);
}

static void memory_without_a_bound_is_noticed(void **state)
{
    struct model *m = *state;
    m->rest_later.most_bytes = 60000000;
    must_hold(m, check_memory);
    m->rest_later.most_bytes = 70000000;
    must_break(m, check_memory, 10);
}

#define T(name) cmocka_unit_test_setup_teardown(name, history_open, history_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_window_that_is_exceeded_is_noticed),
        T(an_ordered_endpoint_gets_one_at_a_time),
        T(an_attempt_whose_payload_is_erased_makes_way_for_the_next),
        T(a_throttle_that_is_exceeded_is_noticed),
        T(a_connection_that_is_replaced_takes_one_place_under_a_throttle),
        T(a_retry_before_its_time_is_noticed),
        T(retry_after_is_kept),
        T(what_was_taken_does_not_come_again),
        T(another_tenants_canary_is_noticed),
        T(lists_have_what_exists_once),
        T(a_slow_answer_needs_a_fault),
        T(an_error_that_no_fault_explains_is_noticed),
        T(a_panic_is_noticed),
        T(a_flood_of_one_event_is_noticed),
        T(a_life_that_does_not_start_is_noticed),
        T(starts_that_are_soon_refused_take_one_place),
        T(a_start_that_takes_too_long_is_noticed_among_refused_ones),
        T(memory_that_is_not_given_back_is_noticed),
        T(memory_without_a_bound_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
