/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <stdio.h>

/* Endpoint 1 is an exchange of the first broker. */
static struct model *broker_of(void **state)
{
    struct model *m = *state;
    m->endpoints[1].broker = 1;
    m->limits.brokers_max = 64;
    m->endpoints[3].tenant = 0;
    return m;
}

static bool blocked_holds(const struct model *m, struct check_broken *out)
{
    return check_blocked(m, 1, 100000000, 100020000, out);
}

static bool heartbeats_hold(const struct model *m, struct check_broken *out)
{
    return check_heartbeats(m, 1, 100000000, 160000000, out);
}

static void a_success_that_the_broker_never_confirmed_is_noticed(void **state)
{
    struct model *m = broker_of(state);
    struct model_publish *a = published(m, 1, 0, "a", 1, 1.1, "a");
    struct model_attempt *unconfirmed = arrived(m, a, 1, 1.2, 0);
    (void)stands(m, a, 1, 0);
    must_break(m, check_settled, 1);
    unconfirmed->status = 404; /* it came back */
    must_break(m, check_settled, 1);
    unconfirmed->status = 200;
    must_hold(m, check_settled);
}

static void giving_up_at_a_broker_needs_a_cause(void **state)
{
    struct model *m = broker_of(state);
    struct model_publish *a = published(m, 1, 0, "a", 100, 100.1, "a");
    (void)stands(m, a, 1, 2);
    must_break(m, check_settled, 1);
    m->limits.brokers_max = 0; /* others have the connections */
    must_hold(m, check_settled);
    m->limits.brokers_max = 64;
    went_wrong(m, "broker.restart", 80,
               90); /* the next try to connect may be later than the message */
    must_hold(m, check_settled);
}

static void a_message_that_is_sent_again_after_its_confirm_is_noticed(void **state)
{
    struct model *m = broker_of(state);
    struct model_publish *a = published(m, 1, 0, "a", 100, 100.1, "a");
    (void)arrived(m, a, 1, 100.2, 200);
    (void)arrived(m, a, 1, 102, 200);
    must_break(m, check_pace, 5);
    went_wrong(m, "broker.slow", 90,
               95); /* the first one may have been late, and its confirm too */
    must_hold(m, check_pace);
}

static void what_a_deaf_broker_reads_late_says_nothing(void **state)
{
    struct model *m = broker_of(state);
    m->endpoints[1].is_ordered = true;
    struct model_publish *a = published(m, 1, 0, "a", 100, 100.1, "a"),
                         *b = published(m, 2, 0, "b", 101, 101.1, "b");
    (void)arrived(m, a, 1, 110, 0);
    (void)arrived(m, a, 1, 110.1, 0);
    must_break(m, check_pace, 5);
    (void)arrived(m, b, 1, 110.2, 200);
    (void)arrived(m, a, 1, 110.3, 200);
    must_break(m, check_order, 4);
    went_wrong(m, "broker.deaf", 102, 109.9);
    must_hold(m, check_pace);
    must_hold(m, check_order);
}

static void what_was_erased_may_have_lain_unread_at_a_deaf_broker(void **state)
{
    struct model *m = broker_of(state);
    struct model_publish *a = published(m, 1, 0, "a", 100, 100.1, "a");
    (void)erased(m, a, 101, 101.1);
    (void)arrived(m, a, 1, 110, 200);
    must_break(m, check_attempts, 3);
    went_wrong(m, "broker.deaf", 99, 109.9);
    must_hold(m, check_attempts);
}

static void what_waits_for_a_connection_to_a_broker_may_keep_its_places(void **state)
{
    struct model *m = broker_of(state);
    m->rest_later.blocks = 1000;
    must_break(m, check_memory, 10);
    m->limits.brokers_max = 0;
    must_hold(m, check_memory);
    m->rest_later.most_bytes = SIZE_MAX;
    must_break(m, check_memory, 10); /* but there is an end to it */
}

static void brokers_have_larger_windows(void **state)
{
    struct model *m = broker_of(state);
    for (int i = 0; i < 32; i++) {
        char id[8];
        (void)snprintf(id, sizeof id, "%d", i);
        (void)arrived(m, published(m, i + 1, 0, "a", 100, 100.1, id), 1, 101, 0);
    }
    must_hold(m, check_pace);
    (void)arrived(m, published(m, 40, 0, "b", 100, 100.1, "b"), 1, 101.1, 0);
    must_break(m, check_pace, 5);
}

static void messages_to_a_blocked_broker_are_noticed(void **state)
{
    struct model *m = broker_of(state);
    must_break(m, blocked_holds, 5);
    went_wrong(m, "broker.block", 99, 120); /* the fault itself is no excuse */
    must_break(m, blocked_holds, 5);
    went_wrong(m, "net.slow", 99, 100);
    must_hold(m, blocked_holds);
}

static void heartbeats_that_do_not_come_are_noticed(void **state)
{
    struct model *m = broker_of(state);
    must_break(m, heartbeats_hold, 5);
    went_wrong(m, "broker.deaf", 120, 121);
    must_hold(m, heartbeats_hold);
}

#define T(name) cmocka_unit_test_setup_teardown(name, history_open, history_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_success_that_the_broker_never_confirmed_is_noticed),
        T(giving_up_at_a_broker_needs_a_cause),
        T(a_message_that_is_sent_again_after_its_confirm_is_noticed),
        T(what_a_deaf_broker_reads_late_says_nothing),
        T(what_was_erased_may_have_lain_unread_at_a_deaf_broker),
        T(what_waits_for_a_connection_to_a_broker_may_keep_its_places),
        T(brokers_have_larger_windows),
        T(messages_to_a_blocked_broker_are_noticed),
        T(heartbeats_that_do_not_come_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
