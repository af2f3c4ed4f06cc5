/* SPDX-License-Identifier: Apache-2.0 */
#include "core/retry.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { S = 1000000 };

static const int64_t delays[] = { 5LL * S, 300LL * S, 100000 };
static const struct core_retry_policy policy = {
    .delays_us = delays,
    .count = COUNT_OF(delays),
    .jitter_percent = 20,
    .retry_after_max_us = 3600LL * S,
    .except = { .bits = { [422 / 64] = UINT64_C(1) << (422 % 64) } },
};
static const uint64_t dice_low = 0, dice_mid = UINT64_C(1) << 63, dice_high = UINT64_MAX;

struct judge_case {
    const char *name;
    struct core_attempt_result result;
    int attempt;
    bool manual;
    uint64_t dice;
    enum core_verdict verdict;
    const char *reason;
    int64_t delay_us; /* CORE_RETRY */
};

#define RESPONSE(status) \
    { \
        true, status, false, 0, CORE_WISH_NONE \
    }
#define ASKED(status, after_us) \
    { \
        true, status, false, after_us, CORE_WISH_NONE \
    }
#define WISHES(status, wish) \
    { \
        true, status, false, 0, wish \
    }
#define NO_RESPONSE \
    { \
        false, 0, false, 0, CORE_WISH_NONE \
    }
#define REFUSED \
    { \
        false, 0, true, 0, CORE_WISH_NONE \
    }

static const struct judge_case cases[] = {
    { "200", RESPONSE(200), 1, false, 0, CORE_DONE, "2xx", 0 },
    { "204", RESPONSE(204), 1, false, 0, CORE_DONE, "2xx", 0 },
    { "299", RESPONSE(299), 4, false, 0, CORE_DONE, "2xx", 0 },
    { "a status that is not worth a retry", RESPONSE(422), 1, false, 0, CORE_GIVE_UP, "status", 0 },
    { "the same by hand", RESPONSE(422), 1, true, 0, CORE_GIVE_UP, "manual", 0 },
    { "the receiver wants no more", WISHES(500, CORE_WISH_ABORT), 1, false, 0, CORE_GIVE_UP,
      "abort", 0 },
    { "the receiver has it and wants no more", WISHES(200, CORE_WISH_ABORT), 1, false, 0, CORE_DONE,
      "2xx", 0 },
    { "the receiver wants to be disabled", WISHES(500, CORE_WISH_DISABLE), 1, false, 0,
      CORE_DISABLE, "disable", 0 },
    { "the receiver has it and wants to be disabled", WISHES(204, CORE_WISH_DISABLE), 1, false, 0,
      CORE_DONE, "2xx", 0 },
    { "manual 200", RESPONSE(200), 9, true, 0, CORE_DONE, "2xx", 0 },
    { "a status without a response is no success",
      { false, 200, false, 0, CORE_WISH_NONE },
      9,
      false,
      0,
      CORE_GIVE_UP,
      "exhausted",
      0 },
    { "199", RESPONSE(199), 1, false, dice_mid, CORE_RETRY, "schedule", 5LL * S },
    { "300", RESPONSE(300), 1, false, dice_mid, CORE_RETRY, "schedule", 5LL * S },
    { "301", RESPONSE(301), 1, false, dice_mid, CORE_RETRY, "schedule", 5LL * S },
    { "308", RESPONSE(308), 2, false, dice_mid, CORE_RETRY, "schedule", 300LL * S },
    { "400", RESPONSE(400), 3, false, dice_mid, CORE_RETRY, "schedule", 100000 },
    { "jitter's lowest", RESPONSE(500), 1, false, dice_low, CORE_RETRY, "schedule", 4LL * S },
    { "jitter's highest", RESPONSE(500), 1, false, dice_high, CORE_RETRY, "schedule", 6LL * S - 1 },
    { "connection refused", NO_RESPONSE, 2, false, dice_mid, CORE_RETRY, "schedule", 300LL * S },
    { "exhausted", RESPONSE(500), 4, false, 0, CORE_GIVE_UP, "exhausted", 0 },
    { "exhausted in spite of retry-after", ASKED(503, S), 4, false, 0, CORE_GIVE_UP, "exhausted",
      0 },
    { "410", RESPONSE(410), 1, false, 0, CORE_DISABLE, "gone", 0 },
    { "410 by hand", RESPONSE(410), 1, true, 0, CORE_DISABLE, "gone", 0 },
    { "410 when exhausted", RESPONSE(410), 9, false, 0, CORE_DISABLE, "gone", 0 },
    { "by hand", RESPONSE(500), 1, true, 0, CORE_GIVE_UP, "manual", 0 },
    { "by hand with retry-after", ASKED(429, S), 1, true, 0, CORE_GIVE_UP, "manual", 0 },
    { "refused by policy", REFUSED, 1, false, 0, CORE_GIVE_UP, "permanent", 0 },
    { "429 asks for longer", ASKED(429, 60LL * S), 1, false, dice_low, CORE_RETRY, "retry-after",
      60LL * S },
    { "503 asks for longer", ASKED(503, 60LL * S), 1, false, dice_high, CORE_RETRY, "retry-after",
      72LL * S - 1 },
    { "500 asks for longer", ASKED(500, 60LL * S), 1, false, dice_low, CORE_RETRY, "retry-after",
      60LL * S },
    { "never sooner than the schedule", ASKED(429, 2LL * S), 1, false, dice_low, CORE_RETRY,
      "schedule", 4LL * S },
    { "capped", ASKED(503, 86400LL * S), 1, false, dice_low, CORE_RETRY, "retry-after",
      3600LL * S },
};

static void judges_each_case_of_the_table(void **state)
{
    (void)state;
    const int64_t now_us = 1700000000LL * S;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct judge_case *c = &cases[i];
        struct core_judgement j =
            core_judge(&c->result, c->attempt, c->manual, &policy, now_us, c->dice);
        if (j.verdict != c->verdict || strcmp(j.reason, c->reason) != 0)
            fail_msg("%s: verdict %d, reason %s", c->name, (int)j.verdict, j.reason);
        if (c->verdict == CORE_RETRY && j.retry_at_us != now_us + c->delay_us)
            fail_msg("%s: delay %lld", c->name, (long long)(j.retry_at_us - now_us));
    }
}

static void never_retries_without_a_schedule(void **state)
{
    (void)state;
    struct core_retry_policy none = { .jitter_percent = 20, .retry_after_max_us = S };
    struct core_attempt_result failed = RESPONSE(500);
    assert_int_equal(core_judge(&failed, 1, false, &none, 0, 0).verdict, CORE_GIVE_UP);
}

static void keeps_every_delay_within_the_jitter(void **state)
{
    (void)state;
    struct rng_seeded rng;
    struct core_attempt_result failed = NO_RESPONSE;
    int64_t least = INT64_MAX, most = 0;
    rng_seeded_init(&rng, 7);
    for (int i = 0; i < 10000; i++) {
        int64_t at = core_judge(&failed, 1, false, &policy, 0, rng_u64(&rng.rng)).retry_at_us;
        least = at < least ? at : least;
        most = at > most ? at : most;
    }
    assert_in_range(least, 4LL * S, 4LL * S + 10000);
    assert_in_range(most, 6LL * S - 10000, 6LL * S);
}

static void reads_retry_after(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } values[] = {
        { "120", 120LL * S },
        { " 7\t", 7LL * S },
        { "0", 0 },
        { "1.5", 2LL * S },
        { "1.000", 1LL * S },
        { "0.001", 1LL * S },
        { "", 0 },
        { "-1", 0 },
        { "1.", 0 },
        { ".5", 0 },
        { "1e3", 0 },
        { "1.2.3", 0 },
        { "soon", 0 },
        { "999999999", 999999999LL * S },
        { "9999999999", 0 },
        { "+5", 0 },
        { "Sun, 06 Nov 1994 08:49:37 GMT", 37LL * S },
        { "Sun, 06 Nov 1994 08:48:00 GMT", 0 },
        { "Sun, 06 Nov", 0 },
    };
    const int64_t now_us = 784111740LL * S; /* 08:49:00 */
    for (size_t i = 0; i < COUNT_OF(values); i++)
        if (core_retry_after(str_from(values[i].text), now_us) != values[i].us)
            fail_msg("'%s': %lld", values[i].text,
                     (long long)core_retry_after(str_from(values[i].text), now_us));
}

static void an_attempt_ahead_of_the_schedule_leaves_it_as_it_was(void **state)
{
    (void)state;
    const int64_t now_us = 1000 * S;
    int64_t planned_us = now_us + 3600LL * S;
    struct core_judgement j;
    static const struct {
        struct core_attempt_result result;
        enum core_verdict verdict;
        int64_t retry_in_us;
    } ahead[] = {
        { RESPONSE(200), CORE_DONE, 0 },
        { RESPONSE(410), CORE_DISABLE, 0 },
        { REFUSED, CORE_GIVE_UP, 0 },
        { RESPONSE(500), CORE_RETRY, 3600LL * S },
        { NO_RESPONSE, CORE_RETRY, 3600LL * S },
        { ASKED(503, 60LL * S), CORE_RETRY, 3600LL * S },
    };
    for (size_t i = 0; i < COUNT_OF(ahead); i++) {
        j = core_judge_ahead(&ahead[i].result, planned_us, &policy, now_us, dice_low);
        assert_int_equal(j.verdict, ahead[i].verdict);
        assert_int_equal(j.retry_at_us,
                         ahead[i].verdict == CORE_RETRY ? now_us + ahead[i].retry_in_us : 0);
    }
    const struct core_attempt_result asked = ASKED(503, 7200LL * S);
    planned_us = now_us + 1800LL * S;
    j = core_judge_ahead(&asked, planned_us, &policy, now_us, dice_low);
    assert_true(j.retry_at_us > planned_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_attempt_ahead_of_the_schedule_leaves_it_as_it_was),
        cmocka_unit_test(judges_each_case_of_the_table),
        cmocka_unit_test(never_retries_without_a_schedule),
        cmocka_unit_test(keeps_every_delay_within_the_jitter),
        cmocka_unit_test(reads_retry_after),
    };
    return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
