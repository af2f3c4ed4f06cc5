/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <string.h>

enum { FIRST = 1, SECOND = 2, OP = 7 };

/* A chain of two filters of tenant 1, with a deadline of 2 s, and a question from second 10 to 10.1. */
static struct model *chain_of(void **state, enum model_mode second)
{
    struct model *m = *state;
    m->chains[1] = (struct model_chain){ .deadline_us = 2000000, .keep = MODEL_KEEP_ALL };
    m->filters[FIRST] = (struct model_filter){ .tenant = 1, .timeout_us = 1000000 };
    m->filters[SECOND] =
        (struct model_filter){ .tenant = 1, .mode = second, .timeout_us = 1000000 };
    return m;
}

static struct model_question *asked(struct model *m, unsigned data, int last)
{
    return model_question(m, &(struct model_question){ .op = OP,
                                                       .tenant = 1,
                                                       .begin_us = 10000000,
                                                       .end_us = 10100000,
                                                       .answer = MODEL_DONE,
                                                       .run = "frun_a",
                                                       .data = data,
                                                       .last = last });
}

static struct model_reply *said(struct model *m, int filter, enum model_said what, int status)
{
    return model_reply(m, &(struct model_reply){ .filter = filter,
                                                 .op = OP,
                                                 .begin_us = 10001000,
                                                 .end_us = 10002000,
                                                 .said = what,
                                                 .status = status });
}

static bool time_holds(const struct model *m, struct check_broken *out)
{
    return check_verdict_time(m, &m->questions[0], out);
}

/* --- 14 --------------------------------------------------------------------------------------------------- */

static void a_verdict_made_of_all_answers_holds(void **state)
{
    struct model *m = chain_of(state, MODEL_CHAINED);
    (void)said(m, FIRST, MODEL_SAID_DATA, 200);
    said(m, SECOND, MODEL_SAID_DATA, 200)->saw = 1U << FIRST;
    (void)asked(m, 1U << FIRST | 1U << SECOND, SECOND);
    must_hold(m, check_filters);
}

static void an_answer_that_is_left_out_is_noticed(void **state)
{
    struct model *m = chain_of(state, MODEL_ORIGINAL);
    (void)said(m, FIRST, MODEL_SAID_DATA, 200);
    struct model_reply *second = said(m, SECOND, MODEL_SAID_DATA, 200);
    (void)asked(m, 1U << FIRST, FIRST);
    must_break(m, check_filters, 14);
    second->end_us = 11050000; /* too late for anybody */
    m->questions[0].end_us = 11100000;
    must_hold(m, check_filters);
}

static void an_answer_after_the_verdict_is_noticed(void **state)
{
    struct model *m = chain_of(state, MODEL_ORIGINAL);
    (void)said(m, FIRST, MODEL_SAID_DATA, 200);
    said(m, SECOND, MODEL_SAID_DATA, 200)->end_us = 10200000;
    (void)asked(m, 1U << FIRST | 1U << SECOND, SECOND);
    must_break(m, check_filters, 14);
}

static void a_filter_that_nobody_asked_is_noticed(void **state)
{
    struct model *m = chain_of(state, MODEL_ORIGINAL);
    (void)said(m, FIRST, MODEL_SAID_DATA, 200);
    (void)asked(m, 1U << FIRST, FIRST);
    must_break(m, check_filters, 14);
    went_wrong(m, "processor.silent", 3, 4); /* it may be left alone for a while */
    must_hold(m, check_filters);
}

static void a_chained_filter_that_saw_the_original_is_noticed(void **state)
{
    struct model *m = chain_of(state, MODEL_CHAINED);
    (void)said(m, FIRST, MODEL_SAID_DATA, 200);
    (void)said(m, SECOND, MODEL_SAID_DATA, 200);
    (void)asked(m, 1U << FIRST | 1U << SECOND, SECOND);
    must_break(m, check_filters, 14);
}

static void answers_merged_in_another_order_are_noticed(void **state)
{
    struct model *m = chain_of(state, MODEL_PARALLEL);
    (void)said(m, FIRST, MODEL_SAID_DATA, 200);
    (void)said(m, SECOND, MODEL_SAID_DATA, 200);
    struct model_question *q = asked(m, 1U << FIRST | 1U << SECOND, FIRST);
    must_break(m, check_filters, 14);
    q->last = SECOND;
    must_hold(m, check_filters);
}

static void a_halt_drops_what_was_merged(void **state)
{
    struct model *m = chain_of(state, MODEL_ORIGINAL);
    m->filters[SECOND].halts_on_4xx = true;
    (void)said(m, FIRST, MODEL_SAID_DATA, 200);
    (void)said(m, SECOND, MODEL_SAID_STATUS, 403);
    struct model_question *q = asked(m, 0, 0);
    q->is_halt = true;
    q->status = 403;
    must_hold(m, check_filters);
    q->data = 1U << FIRST;
    q->last = FIRST;
    must_break(m, check_filters, 14);
}

static void silence_halts_a_closed_chain(void **state)
{
    struct model *m = chain_of(state, MODEL_ORIGINAL);
    m->filters[SECOND].is_closed = true;
    (void)said(m, FIRST, MODEL_SAID_DATA, 200);
    said(m, SECOND, MODEL_SAID_NOTHING, 0)->end_us = MODEL_NEVER;
    struct model_question *q = asked(m, 1U << FIRST, FIRST);
    must_break(m, check_filters, 14);
    q->data = 0;
    q->last = 0;
    q->is_halt = true;
    must_hold(m, check_filters);
}

static void an_exception_halts(void **state)
{
    struct model *m = chain_of(state, MODEL_SHADOW);
    (void)said(m, FIRST, MODEL_SAID_STOP, 200);
    struct model_question *q = asked(m, 0, 0);
    q->exceptions = 1U << FIRST;
    must_break(m, check_filters, 14);
    q->is_halt = true;
    must_hold(m, check_filters);
}

static void what_nobody_said_is_noticed(void **state)
{
    struct model *m = chain_of(state, MODEL_SHADOW);
    (void)said(m, FIRST, MODEL_SAID_DATA, 200);
    asked(m, 1U << FIRST, FIRST)->has_strange = true;
    must_break(m, check_filters, 14);
}

/* --- 9 ------------------------------------------------------------------------------------------------------ */

static void a_verdict_after_the_deadline_is_noticed(void **state)
{
    struct model *m = chain_of(state, MODEL_ORIGINAL);
    struct model_question *q = asked(m, 0, 0);
    q->end_us = 12900000;
    must_hold(m, time_holds);
    q->end_us = 13100000;
    went_wrong(m, "processor.silent", 9, 14); /* no excuse */
    must_break(m, time_holds, 9);
    went_wrong(m, "disk.slow", 9, 14);
    must_hold(m, time_holds);
}

/* --- 15 ----------------------------------------------------------------------------------------------------- */

static void runs_are_kept_as_their_chain_says(void **state)
{
    struct model *m = chain_of(state, MODEL_ORIGINAL);
    const struct model_question *q = asked(m, 0, 0);
    struct check_broken broken;
    assert_true(check_run(m, q, true, "{\"of\":\"canary-of-tenant-1-\"}", &broken));
    assert_false(check_run(m, q, true, "{\"password\":\"" MODEL_HIDDEN "\"}", &broken));
    assert_int_equal(broken.invariant, 15);
    assert_false(check_run(m, q, false, "", &broken));
    m->chains[1].keep = MODEL_KEEP_HEADERS;
    assert_false(check_run(m, q, true, "{\"of\":\"canary-of-tenant-1-\"}", &broken));
    assert_true(check_run(m, q, true, "{}", &broken));
    m->chains[1].keep = MODEL_KEEP_NONE;
    assert_false(check_run(m, q, true, "{}", &broken));
    assert_true(check_run(m, q, false, "", &broken));
}

#define T(name) cmocka_unit_test_setup_teardown(name, history_open, history_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_verdict_made_of_all_answers_holds),
        T(an_answer_that_is_left_out_is_noticed),
        T(an_answer_after_the_verdict_is_noticed),
        T(a_filter_that_nobody_asked_is_noticed),
        T(a_chained_filter_that_saw_the_original_is_noticed),
        T(answers_merged_in_another_order_are_noticed),
        T(a_halt_drops_what_was_merged),
        T(silence_halts_a_closed_chain),
        T(an_exception_halts),
        T(what_nobody_said_is_noticed),
        T(a_verdict_after_the_deadline_is_noticed),
        T(runs_are_kept_as_their_chain_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
