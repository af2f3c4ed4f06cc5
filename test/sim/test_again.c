/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking for a delivery by hand, and erasing its payload, at every point of its way.
 */
#include "sim.h"

enum { SEEDS = 30 };

/* One message to one endpoint, whose first attempt has failed. */
static struct sim_delivery *failed_once(struct sim *sim)
{
    int64_t num = sim_add(sim, SIM_DEAD, 0);
    sim_publish(sim, &num, 1, 0);
    sim_run(sim, SIM_SECOND);
    struct sim_delivery *d = &sim->deliveries[0];
    SIM_CHECK(sim, d->state == STORE_SENDING && d->attempt_count == 1, "%d attempts",
              d->attempt_count);
    return d;
}

static void what_waits_for_its_retry_is_sent_now_and_the_schedule_goes_on(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(30000);
    struct sim *sim = sim_new(&o);
    struct sim_delivery *d = failed_once(sim);
    sim_run(sim, 20 * SIM_SECOND); /* the second attempt, too: the third is due in five minutes */
    int64_t due_us = d->due_us;
    for (int times = 1; times <= 3; times++) {
        sim_resend(sim, d);
        sim_run(sim, SIM_SECOND);
        SIM_CHECK(sim, d->attempt_count == 2 + times && d->state == STORE_SENDING, "%d attempts",
                  d->attempt_count);
        SIM_CHECK(sim, d->due_us == due_us && d->trigger == STORE_SCHEDULED, "the schedule moved");
    }
    sim_run(sim, 3 * SIM_DAY);
    SIM_CHECK(sim, d->state == STORE_FAILED && d->attempt_count == 8 + 3, "%d attempts",
              d->attempt_count);
    SIM_CHECK(sim, d->reason == STORE_REASON_EXHAUSTED, "why");
    sim_free(sim);
}

static void a_mended_endpoint_gets_what_is_asked_for_at_once(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(30100);
    struct sim *sim = sim_new(&o);
    struct sim_delivery *d = failed_once(sim);
    sim_run(sim, SIM_MINUTE);
    sim->endpoints[d->endpoint].kind = SIM_HEALTHY;
    sim_resend(sim, d);
    sim_run(sim, 100 * SIM_MS);
    SIM_CHECK(sim, d->state == STORE_SUCCESS, "state %d", (int)d->state);
    sim_run(sim, SIM_DAY);
    SIM_CHECK(sim, d->sent == 3, "sent %d times", d->sent);
    sim_free(sim);
}

static void asked_for_in_flight_a_success_is_enough_and_a_failure_is_followed_by_one_more(
    void **state)
{
    (void)state;
    static const enum sim_kind kinds[] = { SIM_SLOW, SIM_HANGING };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct sim_options o = sim_defaults(30200 + i);
        struct sim *sim = sim_new(&o);
        int64_t num = sim_add(sim, kinds[i], 0);
        sim_publish(sim, &num, 1, 0);
        sim_run(sim, SIM_SECOND);
        struct sim_delivery *d = &sim->deliveries[0];
        SIM_CHECK(sim, d->is_flying, "it is not under way");
        sim_resend(sim, d);
        sim_run(sim, SIM_SECOND);
        SIM_CHECK(sim, d->sent == 1, "sent twice at a time");
        sim->endpoints[num].kind = SIM_HEALTHY;
        sim_run(sim, 15 * SIM_SECOND); /* the attempt's deadline has passed, and no retry is due */
        SIM_CHECK(sim, d->state == STORE_SUCCESS, "state %d", (int)d->state);
        SIM_CHECK(sim, d->sent == (kinds[i] == SIM_SLOW ? 1 : 2), "sent %d times", d->sent);
        sim_free(sim);
    }
}

static void the_last_attempt_of_the_schedule_is_followed_by_the_one_asked_for(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(30300);
    o.limits.retry.count = 0;
    struct sim *sim = sim_new(&o);
    int64_t num = sim_add(sim, SIM_HANGING, 0);
    sim_publish(sim, &num, 1, 0);
    sim_run(sim, SIM_SECOND);
    struct sim_delivery *d = &sim->deliveries[0];
    sim_resend(sim, d);
    sim_run(sim, SIM_SECOND);
    sim->endpoints[num].kind = SIM_HEALTHY;
    sim_run(sim, 15 * SIM_SECOND);
    SIM_CHECK(sim, d->state == STORE_SUCCESS && d->attempt_count == 2, "state %d", (int)d->state);
    sim_free(sim);
}

static void a_parked_lane_is_probed_with_what_is_asked_for(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(30400);
    struct sim *sim = sim_new(&o);
    int64_t num = sim_add(sim, SIM_DEAD, 0);
    for (int i = 0; i < 100; i++)
        sim_publish_all(sim);
    sim_run(sim, 6 * SIM_HOUR);
    struct deliver_lane_info lane;
    SIM_CHECK(sim, deliver_shard_lane(sim->shard, num, &lane) && lane.parked, "it is not parked");
    sim->endpoints[num].kind = SIM_HEALTHY;
    struct sim_delivery *d = NULL;
    for (size_t i = 0; i < sim->delivery_count && d == NULL; i++)
        if (sim->deliveries[i].state == STORE_SENDING || sim->deliveries[i].state == STORE_PENDING)
            d = &sim->deliveries[i];
    sim_resend(sim, d);
    sim_run(sim, SIM_SECOND);
    SIM_CHECK(sim, d->state == STORE_SUCCESS, "state %d", (int)d->state);
    sim_free(sim);
}

static void at_an_ordered_endpoint_what_is_asked_for_keeps_its_place(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(30500);
    struct sim *sim = sim_new(&o);
    int64_t num = sim_add_ordered(sim, SIM_DEAD);
    for (int i = 0; i < 5; i++)
        sim_publish_all(sim);
    sim_run(sim, SIM_MINUTE); /* the first is tried again in five minutes */
    size_t attempts = sim->attempts;
    sim->endpoints[num].kind = SIM_HEALTHY;
    sim_resend(sim, &sim->deliveries[3]);
    sim_run(sim, SIM_SECOND);
    SIM_CHECK(sim, sim->attempts == attempts, "it overtook");
    sim_resend(sim, &sim->deliveries[0]);
    sim_run(sim, SIM_SECOND);
    SIM_CHECK(sim, sim_count(sim, num, STORE_SUCCESS) == 5, "%zu",
              sim_count(sim, num, STORE_SUCCESS));
    sim_free(sim);
}

static void a_restart_keeps_what_was_asked_for_and_when_an_ordered_retry_is_due(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(30600);
    struct sim *sim = sim_new(&o);
    (void)sim_add_ordered(sim, SIM_DEAD);
    sim_publish_all(sim);
    sim_run(sim, SIM_MINUTE);
    struct sim_delivery *d = &sim->deliveries[0];
    size_t attempts = sim->attempts;
    sim_crash(sim);
    sim_run(sim, SIM_MINUTE);
    SIM_CHECK(sim, sim->attempts == attempts, "the restart did not wait");
    sim->endpoints[d->endpoint].kind = SIM_HEALTHY;
    sim_resend(sim, d);
    sim_crash(sim);
    sim_run(sim, SIM_SECOND);
    SIM_CHECK(sim, d->state == STORE_SUCCESS, "state %d", (int)d->state);
    sim_free(sim);
}

static struct sim_options wild(uint64_t seed)
{
    static const int64_t delays[] = { 200 * SIM_MS, SIM_SECOND, 10 * SIM_SECOND, SIM_MINUTE,
                                      SIM_MINUTE };
    struct sim_options o = sim_defaults(seed);
    o.limits.retry.delays_us = delays;
    o.limits.retry.count = COUNT_OF(delays);
    o.store_fails = seed % 2 == 0;
    o.views_vanish = seed % 3 == 0;
    o.tells_late = seed % 5 == 0;
    o.limits.items_max = seed % 4 == 0 ? 24 : 4096;
    o.limits.payload_max = seed % 7 == 0 ? 64 : 1 << 20;
    o.commit_max_us = seed % 3 == 1 ? SIM_SECOND : 0;
    return o;
}

static void add_wild(struct sim *sim)
{
    static const enum sim_kind kinds[] = { SIM_HEALTHY, SIM_ERRATIC, SIM_SLOW, SIM_FLAPPING };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        (void)sim_add(sim, kinds[i], i == 0 ? 3 : 0);
        (void)sim_add_ordered(sim, kinds[i]);
    }
}

static struct sim_delivery *any(struct sim *sim)
{
    return &sim->deliveries[sim_dice(sim, 0, (int64_t)sim->delivery_count - 1)];
}

static void asking_at_any_moment_loses_nothing_and_sends_nothing_twice_at_a_time(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_options o = wild(31000 + seed);
        struct sim *sim = sim_new(&o);
        add_wild(sim);
        for (int i = 0; i < 150; i++) {
            if (i % 3 == 0)
                sim_publish_all(sim);
            sim_resend(sim, any(sim));
            sim_run(sim, sim_dice(sim, 0, 3 * SIM_SECOND));
            if (sim_dice(sim, 1, 40) == 1)
                sim_crash(sim);
        }
        sim_run(sim, 3 * SIM_DAY);
        sim_check_nothing_lost(sim);
        for (size_t i = 0; i < sim->delivery_count; i++)
            SIM_CHECK(sim, sim->deliveries[i].state >= STORE_SUCCESS, "delivery %zu is not final",
                      i);
        sim_free(sim);
    }
}

/* That nothing starts once the shard was told is checked where it starts. */
static void what_is_erased_at_any_moment_is_canceled_and_does_not_leave(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_options o = wild(32000 + seed);
        struct sim *sim = sim_new(&o);
        add_wild(sim);
        for (int i = 0; i < 100; i++) {
            sim_publish_all(sim);
            sim_run(sim, sim_dice(sim, 0, SIM_SECOND));
            if (i % 2 == 1)
                sim_erase(sim, (size_t)sim_dice(sim, i / 2, i));
        }
        sim_run(sim, 3 * SIM_DAY);
        sim_check_nothing_lost(sim);
        for (size_t i = 0; i < sim->delivery_count; i++) {
            const struct sim_delivery *d = &sim->deliveries[i];
            SIM_CHECK(sim, d->state >= STORE_SUCCESS, "delivery %zu is not final", i);
            SIM_CHECK(sim,
                      d->state != STORE_CANCELED || d->reason == STORE_REASON_PAYLOAD_GONE ||
                          sim->endpoints[d->endpoint].is_disabled,
                      "reason %d", (int)d->reason);
        }
        sim_free(sim);
    }
}

static void an_attempt_under_way_is_cut_when_its_payload_is_erased(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(33000);
    struct sim *sim = sim_new(&o);
    int64_t num = sim_add(sim, SIM_SLOW, 0);
    sim_publish(sim, &num, 1, 0);
    sim_run(sim, SIM_SECOND);
    struct sim_delivery *d = &sim->deliveries[0];
    SIM_CHECK(sim, d->is_flying, "it is not under way");
    sim_erase(sim, 0);
    sim_run(sim, 20 * SIM_MS);
    SIM_CHECK(sim, !d->is_flying && d->state == STORE_CANCELED && d->attempt_count == 1,
              "%d attempts", d->attempt_count);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_for_its_retry_is_sent_now_and_the_schedule_goes_on),
        cmocka_unit_test(a_mended_endpoint_gets_what_is_asked_for_at_once),
        cmocka_unit_test(
            asked_for_in_flight_a_success_is_enough_and_a_failure_is_followed_by_one_more),
        cmocka_unit_test(the_last_attempt_of_the_schedule_is_followed_by_the_one_asked_for),
        cmocka_unit_test(a_parked_lane_is_probed_with_what_is_asked_for),
        cmocka_unit_test(at_an_ordered_endpoint_what_is_asked_for_keeps_its_place),
        cmocka_unit_test(a_restart_keeps_what_was_asked_for_and_when_an_ordered_retry_is_due),
        cmocka_unit_test(asking_at_any_moment_loses_nothing_and_sends_nothing_twice_at_a_time),
        cmocka_unit_test(what_is_erased_at_any_moment_is_canceled_and_does_not_leave),
        cmocka_unit_test(an_attempt_under_way_is_cut_when_its_payload_is_erased),
    };
    log_set_level(LOG_LEVEL_ERROR + 1);
    return cmocka_run_group_tests_name("again", tests, NULL, NULL);
}
