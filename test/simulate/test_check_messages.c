/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <stdio.h>
#include <string.h>

/* --- 1 --------------------------------------------------------------------------------------------------- */

static void delivered_and_given_up_messages_are_settled(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a"),
                         *b = published(m, 2, 0, "b", 2, 2.1, "b");
    (void)arrived(m, a, 1, 1.2, 200);
    (void)arrived(m, a, 3, 1.2, 503);
    (void)arrived(m, b, 1, 2.2, 204);
    (void)arrived(m, b, 3, 2.2, 200);
    (void)stands(m, a, 1, 0);
    (void)stands(m, a, 3, 2);
    (void)stands(m, b, 1, 0);
    (void)stands(m, b, 3, 0);
    (void)published(m, 3, 0, "c", 3, -1, ""); /* unanswered: nothing is owed */
    must_hold(m, check_settled);
}

static void an_accepted_message_that_no_endpoint_has_is_noticed(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a");
    (void)stands(m, a, 1, 0);
    (void)arrived(m, a, 1, 1.2, 200);
    must_break(m, check_settled, 1); /* 3 is missing */
}

static void an_endpoint_owes_only_what_it_took_for_certain(void **state)
{
    struct model *m = *state;
    switched(m, 3, false, 0.9, 1.05); /* while it is published, or before */
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a");
    (void)stands(m, a, 1, 0);
    (void)arrived(m, a, 1, 1.2, 200);
    must_hold(m, check_settled);
    switched(m, 3, true, 2, 2.1);
    must_hold(m, check_settled);
    struct model_publish *b = published(m, 2, 0, "b", 3, 3.1, "b");
    (void)stands(m, b, 1, 0);
    (void)arrived(m, b, 1, 3.2, 200);
    must_break(m, check_settled, 1);
}

static void a_success_that_no_receiver_knows_of_is_noticed(void **state)
{
    struct model *m = *state;
    m->endpoints[3].is_deleted = true;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a");
    (void)arrived(m, a, 1, 1.2, 500);
    (void)stands(m, a, 1, 0);
    must_break(m, check_settled, 1);
}

static void a_message_that_waits_for_ever_is_noticed(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a");
    (void)stands(m, a, 1, 3);
    must_break(m, check_settled, 1);
}

static void a_message_from_while_an_endpoint_was_off_is_noticed(void **state)
{
    struct model *m = *state;
    m->endpoints[3].is_deleted = true;
    switched(m, 1, false, 0.5, 0.6);
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a");
    must_hold(m, check_settled);
    (void)stands(m, a, 1, 4);
    must_break(m, check_settled, 1);
    m->state_count = 0;
    (void)arrived(m, a, 1, 1.2, 200);
    must_break(m, check_settled, 1);
    m->endpoints[1].was_replayed = true;
    must_hold(m, check_settled); /* somebody asked for it */
}

static void giving_up_needs_a_reason_and_a_cause(void **state)
{
    struct model *m = *state;
    m->endpoints[3].is_deleted = true;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a");
    struct model_state *s = stands(m, a, 1, 2);
    must_break(m, check_settled, 1); /* nobody refused it */
    went_wrong(m, "net.refuse", 0.5, 3);
    must_hold(m, check_settled);
    s->has_reason = false;
    must_break(m, check_settled, 1);
}

/* --- 2 --------------------------------------------------------------------------------------------------- */

static void a_repeated_key_names_the_same_message(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 7, "a", 1, 1.1, "a");
    published(m, 1, 7, "a", 2, 2.1, "a")->is_replay = true;
    published(m, 1, 7, "other", 3, 3.1, "")->answer = MODEL_CONFLICT;
    (void)arrived(m, a, 1, 1.2, 200);
    must_hold(m, check_keys);
}

static void a_key_that_makes_two_messages_is_noticed(void **state)
{
    struct model *m = *state;
    (void)published(m, 1, 7, "a", 1, 1.1, "a");
    (void)published(m, 1, 7, "a", 1.05, 1.2, "b");
    must_break(m, check_keys, 2);
}

static void a_key_that_takes_another_body_is_noticed(void **state)
{
    struct model *m = *state;
    (void)published(m, 1, 7, "a", 1, 1.1, "a");
    (void)published(m, 1, 7, "b", 2, 2.1, "b");
    must_break(m, check_keys, 2);
}

static void a_key_that_was_forgotten_is_noticed(void **state)
{
    struct model *m = *state;
    (void)published(m, 1, 7, "a", 1, 1.1, "a");
    struct model_publish *again = published(m, 1, 7, "a", 2, 2.1, "a");
    must_break(m, check_keys, 2); /* it does not say that it is a repetition */
    again->answer = MODEL_CONFLICT;
    must_break(m, check_keys, 2); /* and the same body is no conflict */
}

static void a_key_past_its_time_may_make_another_message(void **state)
{
    struct model *m = *state;
    m->limits.remembered_us = 60000000;
    (void)published(m, 1, 7, "a", 1, 1.1, "a");
    struct model_publish *again = published(m, 1, 7, "a", 50, 50.1, "b");
    must_break(m, check_keys, 2);
    again->begin_us = 62000000;
    again->end_us = 62100000;
    must_hold(m, check_keys);
}

static void one_unanswered_call_makes_one_message_at_most(void **state)
{
    struct model *m = *state;
    struct model_publish *lost = published(m, 1, 7, "a", 1, -1, ""),
                         *again = published(m, 1, 7, "a", 2, 2.1, "a");
    (void)arrived(m, again, 1, 2.2, 200);
    must_hold(m, check_keys); /* the first call took effect or not */
    memcpy(arrived(m, lost, 1, 2.3, 200)->id, "msg_b", 6);
    must_break(m, check_keys, 2);
}

static void two_messages_with_one_id_are_noticed(void **state)
{
    struct model *m = *state;
    (void)published(m, 1, 0, "a", 1, 1.1, "a");
    (void)published(m, 2, 0, "b", 2, 2.1, "a");
    must_break(m, check_keys, 2);
}

/* --- 3 and 6 ----------------------------------------------------------------------------------------------- */

static void bytes_that_nobody_published_are_noticed(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a");
    struct model_attempt *at = arrived(m, a, 1, 1.2, 200);
    must_hold(m, check_attempts);
    at->hash++;
    must_break(m, check_attempts, 3);
}

static void an_attempt_that_is_not_signed_is_noticed(void **state)
{
    struct model *m = *state;
    arrived(m, published(m, 1, 0, "a", 1, 1.1, "a"), 1, 1.2, 200)->is_signed = false;
    must_break(m, check_attempts, 3);
}

static void an_id_that_arrives_as_another_message_is_noticed(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a"),
                         *b = published(m, 2, 0, "b", 2, 2.1, "b");
    memcpy(arrived(m, b, 1, 2.2, 200)->id, a->id, sizeof a->id);
    must_break(m, check_attempts, 3);
}

static void a_message_at_another_tenants_endpoint_is_noticed(void **state)
{
    struct model *m = *state;
    (void)arrived(m, published(m, 1, 0, "a", 1, 1.1, "a"), 2, 1.2, 200);
    must_break(m, check_attempts, 6);
}

static void what_was_erased_before_may_not_arrive(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a");
    (void)erased(m, a, 1.9, 2);
    (void)arrived(m, a, 1, 2.005, 200);
    must_hold(m, check_attempts); /* it was under way */
    (void)arrived(m, a, 1, 2.1, 200);
    must_break(m, check_attempts, 3);
}

static void an_erasure_that_was_not_answered_may_not_have_been(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a");
    (void)erased(m, a, 1.9, -1);
    (void)arrived(m, a, 1, 9, 200);
    must_hold(m, check_attempts);
}

static void what_failed_before_it_was_asked_for_again_is_tried_again(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a");
    struct model_recovery r = { .endpoint = 1, .begin_us = 9000000, .end_us = MODEL_NEVER };
    m->limits.attempts = 2;
    m->settled_us = 90000000;
    struct model_recovery *asked = model_recovery(m, &r);
    (void)arrived(m, a, 1, 1.2, 500);
    (void)arrived(m, a, 1, 3, 500);
    struct model_state *s = stands(m, a, 1, 2);
    s->attempts = 2;
    must_hold(m, check_recoveries); /* nobody has said that it is done */
    asked->end_us = 9100000;
    must_break(m, check_recoveries, 1);
    asked->since_us = 2000000;
    must_hold(m, check_recoveries); /* it is older than what was asked for */
    asked->since_us = 0;
    s->attempts = 3; /* one that did not reach the receiver */
    must_hold(m, check_recoveries);
    s->attempts = 2;
    (void)arrived(m, a, 1, 10, 500);
    must_hold(m, check_recoveries);
}

static void what_may_have_been_removed_is_not_owed(void **state)
{
    struct model *m = *state;
    (void)published(m, 1, 0, "a", 1, 1.1, "a");
    m->limits.kept_us = 60000000;
    m->settled_us = 50000000;
    must_break(m, check_settled, 1);
    m->settled_us = 62000000;
    must_hold(m, check_settled);
    m->settled_us = 50000000;
    went_wrong(m, "clock.step", 3, 3);
    must_hold(m, check_settled); /* its time is over when the clock says so */
}

/* --- 4 --------------------------------------------------------------------------------------------------- */

static void an_ordered_endpoint_that_is_overtaken_is_noticed(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a"),
                         *b = published(m, 2, 0, "b", 2, 2.1, "b");
    (void)arrived(m, a, 3, 1.2, 503);
    (void)arrived(m, b, 3, 2.2, 200);
    must_hold(m, check_order); /* the first may have been given up */
    (void)arrived(m, a, 3, 3.2, 200);
    must_break(m, check_order, 4);
    m->endpoints[3].was_replayed = true;
    must_hold(m, check_order); /* somebody asked for it */
}

static void what_was_cut_off_by_an_erasure_may_arrive_after_the_next(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a"),
                         *b = published(m, 2, 0, "b", 2, 2.1, "b");
    (void)arrived(m, b, 3, 2.2, 200);
    (void)arrived(m, a, 3, 2.25, 200);
    must_break(m, check_order, 4);
    struct model_erasure *e = erased(m, a, 2.15, 2.3);
    must_hold(m, check_order);
    e->begin_us = 2260000;
    must_break(m, check_order, 4); /* it had arrived before */
}

static void an_endpoint_without_order_may_be_overtaken(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a"),
                         *b = published(m, 2, 0, "b", 2, 2.1, "b");
    (void)arrived(m, b, 1, 2.2, 200);
    (void)arrived(m, a, 1, 3.2, 200);
    must_hold(m, check_order);
}

static void calls_at_the_same_time_have_no_order(void **state)
{
    struct model *m = *state;
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a"),
                         *b = published(m, 2, 0, "b", 1.05, 1.2, "b");
    (void)arrived(m, b, 3, 2.2, 200);
    (void)arrived(m, a, 3, 3.2, 200);
    must_hold(m, check_order);
}

#define T(name) cmocka_unit_test_setup_teardown(name, history_open, history_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(delivered_and_given_up_messages_are_settled),
        T(an_accepted_message_that_no_endpoint_has_is_noticed),
        T(an_endpoint_owes_only_what_it_took_for_certain),
        T(a_success_that_no_receiver_knows_of_is_noticed),
        T(a_message_that_waits_for_ever_is_noticed),
        T(a_message_from_while_an_endpoint_was_off_is_noticed),
        T(giving_up_needs_a_reason_and_a_cause),
        T(a_repeated_key_names_the_same_message),
        T(a_key_that_makes_two_messages_is_noticed),
        T(a_key_that_takes_another_body_is_noticed),
        T(a_key_that_was_forgotten_is_noticed),
        T(a_key_past_its_time_may_make_another_message),
        T(one_unanswered_call_makes_one_message_at_most),
        T(two_messages_with_one_id_are_noticed),
        T(bytes_that_nobody_published_are_noticed),
        T(an_attempt_that_is_not_signed_is_noticed),
        T(an_id_that_arrives_as_another_message_is_noticed),
        T(a_message_at_another_tenants_endpoint_is_noticed),
        T(what_was_erased_before_may_not_arrive),
        T(an_erasure_that_was_not_answered_may_not_have_been),
        T(what_failed_before_it_was_asked_for_again_is_tried_again),
        T(what_may_have_been_removed_is_not_owed),
        T(an_ordered_endpoint_that_is_overtaken_is_noticed),
        T(what_was_cut_off_by_an_erasure_may_arrive_after_the_next),
        T(an_endpoint_without_order_may_be_overtaken),
        T(calls_at_the_same_time_have_no_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
