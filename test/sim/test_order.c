/* SPDX-License-Identifier: Apache-2.0
 *
 * Ordered endpoints. That each attempt is of the first delivery that is pending in the store, and alone,
 * is checked where it starts (sim_receivers.c); here are the days on which that could fail.
 */
#include "sim.h"

enum { SEEDS = 40, MESSAGES = 60 };

/* Retries that come sooner than a commit ends. */
static struct sim_options slow_store(uint64_t seed)
{
    static const int64_t delays[] = { 20 * SIM_MS, 50 * SIM_MS, 200 * SIM_MS, SIM_SECOND,
                                      SIM_SECOND,  SIM_SECOND,  SIM_SECOND,   SIM_SECOND };
    struct sim_options o = sim_defaults(seed);
    o.limits.retry.delays_us = delays;
    o.limits.retry.count = COUNT_OF(delays);
    o.limits.breaker_failures = seed % 3 == 0 ? 2 : 0;
    o.limits.items_max = seed % 4 == 0 ? 24 : 4096;
    o.store_fails = seed % 2 == 0;
    o.tells_late = seed % 5 == 0;
    o.views_vanish = seed % 7 == 0;
    o.commit_max_us = 3 * SIM_SECOND;
    return o;
}

static void commits_slower_than_retries_let_nothing_overtake(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_options o = slow_store(20000 + seed);
        struct sim *sim = sim_new(&o);
        int64_t erratic = sim_add_ordered(sim, SIM_ERRATIC);
        int64_t healthy = sim_add_ordered(sim, SIM_HEALTHY);
        for (int i = 0; i < MESSAGES; i++) {
            sim_publish_all(sim);
            sim_run(sim, sim_dice(sim, 0, 400 * SIM_MS));
        }
        sim_run(sim, SIM_DAY);
        sim_check_nothing_lost(sim);
        SIM_CHECK(sim, sim_count(sim, healthy, STORE_SUCCESS) == MESSAGES, "%zu",
                  sim_count(sim, healthy, STORE_SUCCESS));
        SIM_CHECK(sim,
                  sim_count(sim, erratic, STORE_SUCCESS) + sim_count(sim, erratic, STORE_FAILED) ==
                      MESSAGES,
                  "%zu", sim_count(sim, erratic, STORE_SUCCESS));
        sim_free(sim);
    }
}

static void crashes_let_nothing_overtake(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_options o = slow_store(21000 + seed);
        struct sim *sim = sim_new(&o);
        int64_t num = sim_add_ordered(sim, SIM_ERRATIC);
        for (int i = 0; i < MESSAGES; i++) {
            sim_publish_all(sim);
            sim_run(sim, sim_dice(sim, 0, 2 * SIM_SECOND));
            if (sim_dice(sim, 1, 8) == 1)
                sim_crash(sim);
        }
        sim_run(sim, SIM_DAY);
        sim_check_nothing_lost(sim);
        SIM_CHECK(sim, sim_store_first(sim, num) == NULL, "something is left");
        sim_free(sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commits_slower_than_retries_let_nothing_overtake),
        cmocka_unit_test(crashes_let_nothing_overtake),
    };
    log_set_level(LOG_LEVEL_ERROR + 1);
    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
