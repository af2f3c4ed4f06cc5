/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of retries and lanes, one by one, where the days of test_sim.c would only brush them.
 */
#include "sim.h"

static void retries_of_one_moment_are_spread_over_all_of_the_jitter(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(11000);
    o.limits.breaker_failures = 0;
    struct sim *sim = sim_new(&o);
    int64_t num = sim_add(sim, SIM_DEAD, 0);
    int64_t first_us = INT64_MAX, last_us = 0;
    for (int i = 0; i < 500; i++)
        sim_publish(sim, &num, 1, 0);
    sim_run(sim, 3 * SIM_SECOND);
    for (size_t i = 0; i < sim->delivery_count; i++) {
        const struct sim_delivery *d = &sim->deliveries[i];
        SIM_CHECK(sim, d->state == STORE_SENDING && d->attempt_count == 1, "%zu", i);
        first_us = d->due_us < first_us ? d->due_us : first_us;
        last_us = d->due_us > last_us ? d->due_us : last_us;
    }
    SIM_CHECK(sim, last_us - first_us >= 1900 * SIM_MS, "%lld us of 5 s +- 20 %%",
              (long long)(last_us - first_us));
    sim_free(sim);
}

/* That nothing starts before the time asked for is checked where it starts. */
static void retry_after_holds_a_lane_as_seconds_and_as_a_date(void **state)
{
    (void)state;
    static const enum sim_kind kinds[] = { SIM_BUSY, SIM_BUSY_TILL };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct sim_options o = sim_defaults(11100 + i);
        struct sim *sim = sim_new(&o);
        int64_t num = sim_add(sim, kinds[i], 0);
        for (int n = 0; n < 100; n++)
            sim_publish(sim, &num, 1, 0);
        sim_run(sim, SIM_DAY);
        SIM_CHECK(sim, sim_count(sim, num, STORE_SUCCESS) == 100, "%zu",
                  sim_count(sim, num, STORE_SUCCESS));
        SIM_CHECK(sim, sim->endpoints[num].asked_until_us > 0, "it never asked");
        sim_free(sim);
    }
}

static void a_410_disables_and_nothing_is_sent_until_it_is_enabled(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(11200);
    struct sim *sim = sim_new(&o);
    int64_t num = sim_add(sim, SIM_GONE, 0);
    for (int n = 0; n < 50; n++)
        sim_publish(sim, &num, 1, 0);
    sim_run(sim, SIM_MINUTE);
    size_t failed = sim_count(sim, num, STORE_FAILED);
    SIM_CHECK(sim, sim->endpoints[num].is_disabled, "410");
    SIM_CHECK(sim, failed >= 1 && failed == sim->attempts && failed <= 8, "%zu", failed);
    SIM_CHECK(sim, sim_count(sim, num, STORE_CANCELED) == 50 - failed, "%zu", failed);
    sim->endpoints[num].kind = SIM_HEALTHY;
    sim->endpoints[num].is_disabled = false;
    sim_changed(sim);
    sim_run(sim, SIM_SECOND);
    sim_publish(sim, &num, 1, 0);
    sim_run(sim, SIM_MINUTE);
    SIM_CHECK(sim, sim_count(sim, num, STORE_SUCCESS) == 1, "enabled");
    sim_free(sim);
}

static void what_is_in_flight_when_its_endpoint_is_deleted_ends_and_the_rest_is_canceled(
    void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(11300);
    struct sim *sim = sim_new(&o);
    int64_t num = sim_add(sim, SIM_SLOW, 0);
    for (int n = 0; n < 30; n++)
        sim_publish(sim, &num, 1, 0);
    sim_run(sim, SIM_SECOND);
    SIM_CHECK(sim, sim->endpoints[num].in_flight == 8, "%d", sim->endpoints[num].in_flight);
    sim->endpoints[num].is_deleted = true;
    sim_changed(sim);
    sim_run(sim, SIM_MINUTE);
    SIM_CHECK(sim, sim->attempts == 8, "%zu attempts", sim->attempts);
    SIM_CHECK(sim, sim_count(sim, num, STORE_SUCCESS) == 8, "%zu",
              sim_count(sim, num, STORE_SUCCESS));
    SIM_CHECK(sim, sim_count(sim, num, STORE_CANCELED) == 22, "%zu",
              sim_count(sim, num, STORE_CANCELED));
    sim_free(sim);
}

static void a_restart_during_a_backoff_keeps_its_time_and_its_count(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(11400);
    o.is_punctual = true;
    struct sim *sim = sim_new(&o);
    int64_t num = sim_add(sim, SIM_DEAD, 0);
    sim_publish(sim, &num, 1, 0);
    const struct sim_delivery *d = &sim->deliveries[0];
    for (int attempts = 1; attempts <= 7; attempts++) {
        while (d->attempt_count < attempts)
            sim_run(sim, SIM_SECOND);
        int64_t due_us = d->due_us;
        sim_run(sim, (due_us - sim->clock.now_us) / 2);
        sim_crash(sim);
        SIM_CHECK(sim, d->due_us == due_us && d->attempt_count == attempts, "after attempt %d",
                  attempts);
    }
    sim_run(sim, SIM_DAY);
    SIM_CHECK(sim, d->state == STORE_FAILED && sim->attempts == 8, "%zu attempts", sim->attempts);
    sim_free(sim);
}

static void a_wall_clock_set_forward_or_back_loses_nothing_and_stops_no_lane(void **state)
{
    (void)state;
    static const int64_t steps[] = { 2 * SIM_HOUR, -SIM_HOUR, SIM_DAY, -2 * SIM_HOUR };
    struct sim_options o = sim_defaults(11500);
    struct sim *sim = sim_new(&o);
    int64_t well = sim_add(sim, SIM_HEALTHY, 0);
    int64_t dead = sim_add(sim, SIM_DEAD, 0);
    size_t sent = 0;
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        for (int n = 0; n < 20; n++, sent++)
            sim_publish_all(sim);
        sim_run(sim, SIM_MINUTE);
        sim_step_clock(sim, steps[i]);
        for (int n = 0; n < 20; n++, sent++)
            sim_publish_all(sim);
        sim_run(sim, SIM_MINUTE);
        SIM_CHECK(sim, sim_count(sim, well, STORE_SUCCESS) == sent, "step %zu: %zu of %zu", i,
                  sim_count(sim, well, STORE_SUCCESS), sent);
    }
    sim->endpoints[dead].kind = SIM_HEALTHY;
    sim_run(sim, 3 * SIM_DAY);
    SIM_CHECK(sim, sim_count(sim, dead, STORE_SUCCESS) == sent, "%zu of %zu",
              sim_count(sim, dead, STORE_SUCCESS), sent);
    sim_free(sim);
}

/* One message a day for `days`, each given up within it; a restart each day, as lanes forget. */
static void fail_daily(struct sim *sim, int64_t num, int days)
{
    for (int day = 0; day < days && !sim->endpoints[num].is_disabled; day++) {
        sim_publish(sim, &num, 1, 0);
        sim_run(sim, SIM_DAY);
        sim_crash(sim);
    }
}

static struct sim *with_quick_schedule(uint64_t seed, int64_t *num)
{
    static const int64_t delays[] = { SIM_MINUTE, SIM_MINUTE };
    struct sim_options o = sim_defaults(seed);
    o.limits.retry.delays_us = delays;
    o.limits.retry.count = COUNT_OF(delays);
    struct sim *sim = sim_new(&o);
    *num = sim_add(sim, SIM_DEAD, 0);
    return sim;
}

static void failures_spread_over_the_period_disable_and_only_when_a_message_is_given_up(
    void **state)
{
    (void)state;
    int64_t num = 0;
    struct sim *sim = with_quick_schedule(11600, &num);
    fail_daily(sim, num, 5);
    SIM_CHECK(sim, !sim->endpoints[num].is_disabled, "too soon");
    sim_publish(sim, &num, 1, 0);
    sim_run(sim, 30 * SIM_SECOND);
    const struct sim_delivery *d = &sim->deliveries[sim->delivery_count - 1];
    SIM_CHECK(sim, d->state == STORE_SENDING && !sim->endpoints[num].is_disabled,
              "a fresh message did not get its retries");
    sim_run(sim, 10 * SIM_MINUTE);
    SIM_CHECK(sim, d->state == STORE_FAILED && d->reason == STORE_REASON_EXHAUSTED, "state %d",
              (int)d->state);
    SIM_CHECK(sim, sim->endpoints[num].is_disabled, "six days of nothing but failures");
    sim_free(sim);
}

static void a_quiet_time_or_a_success_forgives_what_failed_before(void **state)
{
    (void)state;
    for (int is_success = 0; is_success <= 1; is_success++) {
        int64_t num = 0;
        struct sim *sim = with_quick_schedule(11700, &num);
        fail_daily(sim, num, 4);
        if (is_success) {
            sim->endpoints[num].kind = SIM_HEALTHY;
            fail_daily(sim, num, 1);
            sim->endpoints[num].kind = SIM_DEAD;
        } else {
            sim_run(sim, 3 * SIM_DAY);
        }
        fail_daily(sim, num, 5);
        SIM_CHECK(sim, !sim->endpoints[num].is_disabled, "%s", is_success ? "success" : "quiet");
        fail_daily(sim, num, 1);
        SIM_CHECK(sim, sim->endpoints[num].is_disabled, "%s", is_success ? "success" : "quiet");
        sim_free(sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retries_of_one_moment_are_spread_over_all_of_the_jitter),
        cmocka_unit_test(retry_after_holds_a_lane_as_seconds_and_as_a_date),
        cmocka_unit_test(a_410_disables_and_nothing_is_sent_until_it_is_enabled),
        cmocka_unit_test(
            what_is_in_flight_when_its_endpoint_is_deleted_ends_and_the_rest_is_canceled),
        cmocka_unit_test(a_restart_during_a_backoff_keeps_its_time_and_its_count),
        cmocka_unit_test(
            failures_spread_over_the_period_disable_and_only_when_a_message_is_given_up),
        cmocka_unit_test(a_quiet_time_or_a_success_forgives_what_failed_before),
        cmocka_unit_test(a_wall_clock_set_forward_or_back_loses_nothing_and_stops_no_lane),
    };
    log_set_level(LOG_LEVEL_ERROR + 1);
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
