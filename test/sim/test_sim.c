/* SPDX-License-Identifier: Apache-2.0 */
#include "sim.h"

enum { SEEDS = 12 };

static void one_day(struct sim *sim)
{
    static const enum sim_kind kinds[] = { SIM_HEALTHY,  SIM_DEAD,   SIM_HANGING, SIM_FLAPPING,
                                           SIM_BUSY,     SIM_GONE,   SIM_SLOW,    SIM_ERRATIC,
                                           SIM_REVIVING, SIM_HEALTHY };
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        (void)sim_add(sim, kinds[i], 0);
    for (int i = 0; i < 300; i++) {
        sim_publish_all(sim);
        sim_run(sim, sim_dice(sim, 0, 5 * SIM_MINUTE));
    }
}

static void every_delivery_of_a_mixed_day_ends_or_is_pending(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_options o = sim_defaults(seed);
        o.store_fails = seed % 2 == 0;
        o.views_vanish = seed % 3 == 0;
        struct sim *sim = sim_new(&o);
        one_day(sim);
        sim_run(sim, 8 * SIM_DAY);
        sim_check_nothing_lost(sim);
        struct deliver_shard_stats stats;
        deliver_shard_stats(sim->shard, &stats);
        SIM_CHECK(sim, stats.lanes == 0 && stats.items == 0, "%zu lanes left", stats.lanes);
        for (size_t i = 0; i < sim->delivery_count; i++)
            SIM_CHECK(sim, sim->deliveries[i].state >= STORE_SUCCESS,
                      "delivery %zu to %lld is not final after eight days", i,
                      (long long)sim->deliveries[i].endpoint);
        SIM_CHECK(sim, sim_count(sim, 1, STORE_SUCCESS) == 300, "healthy");
        SIM_CHECK(sim, sim_count(sim, 2, STORE_SUCCESS) == 0 && sim->endpoints[2].is_disabled,
                  "dead");
        SIM_CHECK(sim,
                  sim->endpoints[6].is_disabled && sim_count(sim, 6, STORE_FAILED) >= 1 &&
                      sim_count(sim, 6, STORE_CANCELED) > 200,
                  "gone");
        SIM_CHECK(sim, sim_count(sim, 7, STORE_SUCCESS) == 300, "slow");
        SIM_CHECK(sim, sim_count(sim, 9, STORE_SUCCESS) == 300,
                  "reviving: nothing was given up in two hours");
        sim_free(sim);
    }
}

static void a_crash_in_the_middle_loses_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_options o = sim_defaults(seed + 1000);
        o.store_fails = seed % 2 == 0;
        o.limits.items_max = 128;
        struct sim *sim = sim_new(&o);
        (void)sim_add(sim, SIM_HEALTHY, 0);
        (void)sim_add(sim, SIM_ERRATIC, 0);
        (void)sim_add(sim, SIM_FLAPPING, 0);
        (void)sim_add(sim, SIM_SLOW, 0);
        for (int i = 0; i < 400; i++) {
            sim_publish_all(sim);
            sim_run(sim, sim_dice(sim, 0, 2 * SIM_SECOND));
            if (sim_dice(sim, 1, 20) == 1)
                sim_crash(sim);
        }
        sim_run(sim, 3 * SIM_DAY);
        sim_check_nothing_lost(sim);
        SIM_CHECK(sim, sim_count(sim, 1, STORE_SUCCESS) == 400, "%zu",
                  sim_count(sim, 1, STORE_SUCCESS));
        SIM_CHECK(sim, sim_count(sim, 4, STORE_SUCCESS) == 400, "%zu",
                  sim_count(sim, 4, STORE_SUCCESS));
        sim_free(sim);
    }
}

static void a_healthy_endpoint_is_prompt_beside_a_hundred_bad_ones(void **state)
{
    (void)state;
    static const enum sim_kind bad[] = { SIM_DEAD, SIM_HANGING };
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct sim_options o = sim_defaults(seed + 2000);
        struct sim *sim = sim_new(&o);
        for (int i = 0; i < 100; i++)
            (void)sim_add(sim, bad[i % 2], 0);
        int64_t healthy = sim_add(sim, SIM_HEALTHY, 0);
        for (int i = 0; i < 600; i++) {
            sim_publish_all(sim);
            sim_run(sim, 500 * SIM_MS);
        }
        sim_run(sim, SIM_MINUTE);
        SIM_CHECK(sim, sim_count(sim, healthy, STORE_SUCCESS) == 600, "%zu",
                  sim_count(sim, healthy, STORE_SUCCESS));
        SIM_CHECK(sim, sim->endpoints[healthy].worst_latency_us < SIM_SECOND, "%lld us",
                  (long long)sim->endpoints[healthy].worst_latency_us);
        sim_free(sim);
    }
}

static void throttles_hold_and_what_they_delay_arrives(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct sim_options o = sim_defaults(seed + 3000);
        o.limits.items_max = 512;
        struct sim *sim = sim_new(&o);
        (void)sim_add(sim, SIM_HEALTHY, 1);
        (void)sim_add(sim, SIM_HEALTHY, 7);
        (void)sim_add(sim, SIM_ERRATIC, 50);
        (void)sim_add(sim, SIM_HEALTHY, 800);
        for (int i = 0; i < 1000; i++)
            sim_publish_all(sim);
        sim_run(sim, 1100 * SIM_SECOND);
        SIM_CHECK(sim, sim_count(sim, 1, STORE_SUCCESS) == 1000, "%zu",
                  sim_count(sim, 1, STORE_SUCCESS));
        SIM_CHECK(sim, sim_count(sim, 2, STORE_SUCCESS) == 1000, "%zu",
                  sim_count(sim, 2, STORE_SUCCESS));
        SIM_CHECK(sim, sim_count(sim, 4, STORE_SUCCESS) == 1000, "%zu",
                  sim_count(sim, 4, STORE_SUCCESS));
        sim_free(sim);
    }
}

static void a_million_pending_are_delivered_within_the_bound_on_memory(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(4000);
    o.messages_max = o.deliveries_max = 1001000;
    o.limits.items_max = 2000;
    struct sim *sim = sim_new(&o);
    for (int i = 0; i < 20; i++)
        (void)sim_add(sim, i % 5 == 4 ? SIM_DEAD : SIM_HEALTHY, 0);
    for (int64_t num = 1; num <= 20; num++)
        sim_store_only(sim, num, num % 5 == 0 ? 247000 : 750);
    int64_t fresh = sim_add(sim, SIM_HEALTHY, 0);
    for (int i = 0; i < 120; i++) {
        sim_publish(sim, &fresh, 1, 0);
        sim_run(sim, SIM_SECOND);
    }
    SIM_CHECK(sim, sim->most_items <= 2000, "%zu", sim->most_items);
    for (int64_t num = 1; num <= 20; num++)
        SIM_CHECK(sim, num % 5 == 0 || sim_count(sim, num, STORE_SUCCESS) == 750,
                  "endpoint %lld: %zu", (long long)num, sim_count(sim, num, STORE_SUCCESS));
    SIM_CHECK(sim, sim->endpoints[fresh].worst_latency_us < 2 * SIM_SECOND, "%lld us",
              (long long)sim->endpoints[fresh].worst_latency_us);
    sim_check_nothing_lost(sim);
    sim_free(sim);
}

static void a_backlog_larger_than_memory_is_worked_off_by_due_time(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_options o = sim_defaults(seed + 5000);
        o.limits.items_max = 40; /* fewer than the lanes would like */
        o.limits.payload_max = 64;
        o.store_fails = seed % 2 == 0;
        struct sim *sim = sim_new(&o);
        for (int i = 0; i < 6; i++)
            (void)sim_add(sim, i % 2 == 0 ? SIM_HEALTHY : SIM_ERRATIC, 0);
        for (int64_t num = 1; num <= 6; num++)
            sim_store_only(sim, num, 500);
        for (int i = 0; i < 50; i++) {
            sim_publish_all(sim);
            sim_run(sim, sim_dice(sim, 0, SIM_SECOND));
        }
        sim_run(sim, 3 * SIM_DAY);
        sim_check_nothing_lost(sim);
        for (int64_t num = 1; num <= 6; num += 2)
            SIM_CHECK(sim, sim_count(sim, num, STORE_SUCCESS) == 550, "endpoint %lld: %zu",
                      (long long)num, sim_count(sim, num, STORE_SUCCESS));
        sim_free(sim);
    }
}

static void a_dead_endpoint_is_probed_and_not_hammered(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(6000);
    struct sim *sim = sim_new(&o);
    (void)sim_add(sim, SIM_DEAD, 0);
    for (int i = 0; i < 1000; i++)
        sim_publish_all(sim);
    sim_run(sim, SIM_DAY);
    /* The first burst, then one probe at most every ten minutes. */
    SIM_CHECK(sim, sim->attempts < 30 + 24 * 6 + 10, "%zu attempts", sim->attempts);
    SIM_CHECK(sim, sim->attempts > 24 * 6 - 10, "%zu attempts", sim->attempts);
    struct deliver_shard_stats stats;
    deliver_shard_stats(sim->shard, &stats);
    SIM_CHECK(sim, stats.items <= 1 && stats.parked == 1, "a parked lane holds %zu items",
              stats.items);
    sim_free(sim);
}

static void a_new_url_is_tried_at_once(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(6500);
    struct sim *sim = sim_new(&o);
    int64_t num = sim_add(sim, SIM_DEAD, 0);
    for (int i = 0; i < 1000; i++)
        sim_publish_all(sim);
    sim_run(sim, SIM_DAY);
    sim->endpoints[num].kind = SIM_HEALTHY;
    (void)snprintf(sim->endpoints[num].url, sizeof(sim->endpoints[num].url), "http://other.test/%d",
                   (int)num);
    sim_changed(sim);
    sim_run(sim, 20 * SIM_SECOND);
    SIM_CHECK(sim, sim_count(sim, num, STORE_SUCCESS) >= 900, "%zu",
              sim_count(sim, num, STORE_SUCCESS));
    sim_free(sim);
}

static void retries_come_at_their_time(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct sim_options o = sim_defaults(seed + 6600);
        o.is_punctual = true;
        o.limits.breaker_failures = 0;
        struct sim *sim = sim_new(&o);
        (void)sim_add(sim, SIM_DEAD, 0);
        (void)sim_add(sim, SIM_ERRATIC, 0);
        for (int i = 0; i < 50; i++) {
            sim_publish_all(sim);
            sim_run(sim, SIM_MINUTE);
        }
        sim_run(sim, 3 * SIM_DAY);
        SIM_CHECK(sim, sim_count(sim, 1, STORE_FAILED) == 50, "%zu",
                  sim_count(sim, 1, STORE_FAILED));
        SIM_CHECK(sim, sim->attempts >= 50 * 8 + 50, "%zu attempts", sim->attempts);
        sim_free(sim);
    }
}

static size_t count_reason(const struct sim *sim, int64_t endpoint, enum store_reason reason)
{
    size_t count = 0;
    for (size_t i = 0; i < sim->delivery_count; i++)
        count += sim->deliveries[i].endpoint == endpoint && sim->deliveries[i].reason == reason;
    return count;
}

static void a_deleted_endpoint_has_its_deliveries_canceled_and_a_disabled_one_when_due(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(7000);
    o.limits.items_max = 64;
    struct sim *sim = sim_new(&o);
    int64_t deleted = sim_add(sim, SIM_DEAD, 0);
    int64_t disabled = sim_add(sim, SIM_HEALTHY, 0);
    sim_store_only(sim, deleted, 500);
    sim_run(sim, SIM_HOUR); /* it is parked for minutes by now */
    sim->endpoints[deleted].is_deleted = true;
    sim->endpoints[disabled].is_disabled = true;
    sim_changed(sim);
    sim_run(sim, 2 * SIM_MS); /* the news is on its way */
    sim_publish(sim, &disabled, 1, 0);
    sim_publish(sim, &disabled, 1, sim->clock.now_us + SIM_HOUR);
    sim_run(sim, SIM_MINUTE);
    SIM_CHECK(sim, sim_count(sim, deleted, STORE_CANCELED) == 500, "%zu",
              sim_count(sim, deleted, STORE_CANCELED));
    SIM_CHECK(sim, sim_count(sim, disabled, STORE_CANCELED) == 1, "%zu",
              sim_count(sim, disabled, STORE_CANCELED));
    SIM_CHECK(sim, count_reason(sim, deleted, STORE_REASON_ENDPOINT_DELETED) == 500, "why");
    SIM_CHECK(sim, count_reason(sim, disabled, STORE_REASON_ENDPOINT_DISABLED) == 1, "why");
    sim->endpoints[disabled].is_disabled = false;
    sim_changed(sim);
    sim_run(sim, SIM_HOUR);
    SIM_CHECK(sim, sim_count(sim, disabled, STORE_SUCCESS) == 1, "enabled in time");
    sim_free(sim);
}

static void a_deleted_application_has_its_deliveries_canceled(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(7500);
    struct sim *sim = sim_new(&o);
    int64_t dead = sim_add(sim, SIM_DEAD, 0);
    int64_t healthy = sim_add(sim, SIM_HEALTHY, 0);
    sim_store_only(sim, dead, 300);
    sim_publish(sim, &healthy, 1, sim->clock.now_us + SIM_DAY);
    sim_run(sim, SIM_HOUR);
    sim->is_app_deleted = true;
    sim_changed(sim);
    sim_run(sim, SIM_MINUTE);
    SIM_CHECK(sim, sim_count(sim, dead, STORE_CANCELED) == 300, "%zu",
              sim_count(sim, dead, STORE_CANCELED));
    SIM_CHECK(sim, sim_count(sim, healthy, STORE_CANCELED) == 1, "not due for a day");
    SIM_CHECK(sim, count_reason(sim, healthy, STORE_REASON_APPLICATION_DELETED) == 1, "why");
    sim_free(sim);
}

static void an_applications_throttle_covers_all_its_endpoints(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(7600);
    struct sim *sim = sim_new(&o);
    sim->app_throttle = 20;
    for (int i = 0; i < 3; i++)
        (void)sim_add(sim, SIM_HEALTHY, 0);
    for (int i = 0; i < 300; i++)
        sim_publish_all(sim);
    sim_run(sim, 40 * SIM_SECOND);
    SIM_CHECK(sim, sim->attempts >= 790 && sim->attempts <= 805, "%zu", sim->attempts);
    sim_run(sim, 6 * SIM_SECOND);
    for (int64_t num = 1; num <= 3; num++)
        SIM_CHECK(sim, sim_count(sim, num, STORE_SUCCESS) == 300, "endpoint %lld", (long long)num);
    sim_free(sim);
}

/* Those that the throttle let through one by one meanwhile must not be sent together. */
static void a_throttle_holds_when_payloads_come_late_and_all_at_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct sim_options o = sim_defaults(7700 + seed);
        o.limits.window_start = 16;
        struct sim *sim = sim_new(&o);
        int64_t slow = sim_add(sim, SIM_HEALTHY, 4), fast = sim_add(sim, SIM_HEALTHY, 100);
        sim_store_only(sim, slow, 100);
        sim_store_only(sim, fast, 100);
        sim->loads_held_until_us = sim->clock.now_us + 5 * SIM_SECOND;
        sim_crash(sim);
        sim_run(sim, 5 * SIM_SECOND - SIM_MS);
        SIM_CHECK(sim, sim->attempts == 0, "%zu", sim->attempts);
        sim_run(sim, 31 * SIM_SECOND); /* sim_receivers.c looks at each second */
        SIM_CHECK(sim, sim_count(sim, slow, STORE_SUCCESS) == 100, "%zu",
                  sim_count(sim, slow, STORE_SUCCESS));
        SIM_CHECK(sim, sim_count(sim, fast, STORE_SUCCESS) == 100, "%zu",
                  sim_count(sim, fast, STORE_SUCCESS));
        sim_free(sim);
    }
}

static void an_applications_throttle_holds_when_payloads_come_late(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(7800);
    struct sim *sim = sim_new(&o);
    sim->app_throttle = 10;
    for (int i = 0; i < 3; i++)
        sim_store_only(sim, sim_add(sim, SIM_HEALTHY, 0), 20);
    sim->loads_held_until_us = sim->clock.now_us + 2 * SIM_SECOND;
    sim_crash(sim);
    sim_run(sim, 3 * SIM_SECOND);
    SIM_CHECK(sim, sim->attempts >= 10 && sim->attempts <= 12, "%zu", sim->attempts);
    sim_run(sim, 6 * SIM_SECOND);
    for (int64_t num = 1; num <= 3; num++)
        SIM_CHECK(sim, sim_count(sim, num, STORE_SUCCESS) == 20, "endpoint %lld", (long long)num);
    sim_free(sim);
}

static void a_delivery_put_off_is_sent_at_its_time(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(8000);
    struct sim *sim = sim_new(&o);
    int64_t num = sim_add(sim, SIM_HEALTHY, 0);
    for (int i = 1; i <= 200; i++)
        sim_publish(sim, &num, 1, sim->clock.now_us + i * 10 * SIM_MINUTE);
    sim_run(sim, 10 * SIM_MINUTE - SIM_MS);
    SIM_CHECK(sim, sim->attempts == 0, "%zu", sim->attempts);
    sim_run(sim, SIM_SECOND);
    SIM_CHECK(sim, sim->attempts == 1, "%zu", sim->attempts);
    sim_run(sim, 2000 * SIM_MINUTE);
    SIM_CHECK(sim, sim_count(sim, num, STORE_SUCCESS) == 200, "%zu",
              sim_count(sim, num, STORE_SUCCESS));
    sim_free(sim);
}

static void sending_again_by_hand_makes_one_attempt(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(9000);
    struct sim *sim = sim_new(&o);
    int64_t num = sim_add(sim, SIM_DEAD, 0);
    sim_publish(sim, &num, 1, 0);
    sim_run(sim, 2 * SIM_DAY);
    struct sim_delivery *d = &sim->deliveries[0];
    SIM_CHECK(sim, d->state == STORE_FAILED && d->attempt_count == 8, "%d attempts",
              d->attempt_count);
    SIM_CHECK(sim, d->reason == STORE_REASON_EXHAUSTED, "why");
    SIM_CHECK(sim, sim->notices == 2, "%zu: failing and exhausted", sim->notices);
    sim_resend(sim, d);
    sim_run(sim, SIM_DAY);
    SIM_CHECK(sim, d->state == STORE_FAILED && d->attempt_count == 9, "%d attempts",
              d->attempt_count);
    SIM_CHECK(sim, d->reason == STORE_REASON_MANUAL, "why");
    sim->endpoints[num].kind = SIM_HEALTHY;
    sim_resend(sim, d);
    sim_run(sim, SIM_DAY);
    SIM_CHECK(sim, d->state == STORE_SUCCESS && d->attempt_count == 10, "%d attempts",
              d->attempt_count);
    SIM_CHECK(sim, sim->notices == 3, "%zu: recovered too", sim->notices);
    sim->endpoints[num].kind = SIM_DEAD;
    sim_publish(sim, &num, 1, 0);
    sim_run(sim, SIM_SECOND);
    struct sim_delivery *fresh = &sim->deliveries[1];
    fresh->state = STORE_SUCCESS; /* as if it had gone well, but its endpoint is dead now */
    sim_store_remove(sim, fresh);
    sim_crash(sim);
    sim_resend(sim, fresh);
    sim_run(sim, SIM_HOUR);
    SIM_CHECK(sim, fresh->state == STORE_FAILED && fresh->attempt_count == 2, "%d attempts",
              fresh->attempt_count);
    sim_free(sim);
}

static void a_resend_committed_with_the_last_outcome_is_not_missed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct sim_options o = sim_defaults(9500 + seed);
        o.tells_late = true;
        o.resends = 100;
        struct sim *sim = sim_new(&o);
        int64_t num = sim_add(sim, SIM_HEALTHY, 0);
        for (int i = 0; i < 100; i++) {
            sim_publish(sim, &num, 1, 0);
            sim_run(sim, sim_dice(sim, 1, 30) * SIM_MS);
        }
        sim_run(sim, SIM_HOUR);
        SIM_CHECK(sim, sim->o.resends == 0, "%zu left", sim->o.resends);
        size_t attempts = 0;
        for (size_t i = 0; i < sim->delivery_count; i++)
            attempts += (size_t)sim->deliveries[i].attempt_count;
        SIM_CHECK(sim, sim_count(sim, num, STORE_SUCCESS) == 100, "%zu",
                  sim_count(sim, num, STORE_SUCCESS));
        SIM_CHECK(sim, attempts == 200, "%zu attempts", attempts);
        sim_free(sim);
    }
}

static void an_expired_payload_ends_its_delivery(void **state)
{
    (void)state;
    struct sim_options o = sim_defaults(10000);
    struct sim *sim = sim_new(&o);
    int64_t num = sim_add(sim, SIM_HEALTHY, 0);
    sim_store_only(sim, num, 3);
    sim->messages[1].is_expired = true;
    sim_run(sim, SIM_MINUTE);
    SIM_CHECK(sim,
              sim_count(sim, num, STORE_SUCCESS) == 2 && sim_count(sim, num, STORE_CANCELED) == 1,
              "%zu", sim->attempts);
    SIM_CHECK(sim, sim->deliveries[1].reason == STORE_REASON_PAYLOAD_GONE, "why");
    sim_free(sim);
}

/* However it changes, and however far away its next attempt is. */
static void what_became_of_an_endpoint_is_told_within_ten_seconds(void **state)
{
    (void)state;
    static const int64_t delays[] = { SIM_SECOND, 10 * SIM_HOUR };
    struct sim_options o = sim_defaults(11000);
    o.limits.retry.delays_us = delays;
    o.limits.retry.count = COUNT_OF(delays);
    struct sim *sim = sim_new(&o);
    int64_t num = sim_add(sim, SIM_DEAD, 0);
    const struct sim_endpoint *ep = &sim->endpoints[num];
    sim_publish(sim, &num, 1, 0);
    sim_run(sim, SIM_SECOND / 2);
    SIM_CHECK(sim, ep->failing_since_us != 0, "the first failure is told at once");
    sim->endpoints[num].kind = SIM_HEALTHY;
    sim_run(sim, 12 * SIM_SECOND);
    SIM_CHECK(sim, ep->successes == 1 && ep->failing_since_us == 0, "it is well and idle");
    sim->endpoints[num].kind = SIM_DEAD;
    sim_publish(sim, &num, 1, 0);
    sim_run(sim, 12 * SIM_SECOND);
    SIM_CHECK(sim, ep->failing_since_us != 0, "it fails, and its next attempt is in ten hours");
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_delivery_of_a_mixed_day_ends_or_is_pending),
        cmocka_unit_test(a_crash_in_the_middle_loses_nothing),
        cmocka_unit_test(a_healthy_endpoint_is_prompt_beside_a_hundred_bad_ones),
        cmocka_unit_test(throttles_hold_and_what_they_delay_arrives),
        cmocka_unit_test(a_million_pending_are_delivered_within_the_bound_on_memory),
        cmocka_unit_test(a_backlog_larger_than_memory_is_worked_off_by_due_time),
        cmocka_unit_test(a_dead_endpoint_is_probed_and_not_hammered),
        cmocka_unit_test(a_new_url_is_tried_at_once),
        cmocka_unit_test(retries_come_at_their_time),
        cmocka_unit_test(
            a_deleted_endpoint_has_its_deliveries_canceled_and_a_disabled_one_when_due),
        cmocka_unit_test(a_deleted_application_has_its_deliveries_canceled),
        cmocka_unit_test(an_applications_throttle_covers_all_its_endpoints),
        cmocka_unit_test(a_throttle_holds_when_payloads_come_late_and_all_at_once),
        cmocka_unit_test(an_applications_throttle_holds_when_payloads_come_late),
        cmocka_unit_test(a_delivery_put_off_is_sent_at_its_time),
        cmocka_unit_test(sending_again_by_hand_makes_one_attempt),
        cmocka_unit_test(a_resend_committed_with_the_last_outcome_is_not_missed),
        cmocka_unit_test(an_expired_payload_ends_its_delivery),
        cmocka_unit_test(what_became_of_an_endpoint_is_told_within_ten_seconds),
    };
    log_set_level(LOG_LEVEL_ERROR + 1);
    return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
