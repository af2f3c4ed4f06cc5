/* SPDX-License-Identifier: Apache-2.0
 *
 * What a receiver's status and Retry-After make of a delivery: two bytes of status, eight of dice, one of
 * the attempt's number, then the header's value. The next attempt is never in the past, never later
 * than schedule and limit allow, and the last one is the last.
 */
#include "../fuzz.h"

#include "core/retry.h"

enum { HEAD_BYTES = 11, JITTER_PERCENT = 20 };

static const int64_t now_us = INT64_C(1700000000000000);
static const int64_t delays_us[] = { 5000000, 300000000, INT64_C(36000000000) };
static const int64_t asked_max_us = INT64_C(86400000000);

/* The most that jitter makes of a delay. */
static int64_t with_jitter(int64_t us)
{
    return us + us * JITTER_PERCENT / 100 + 1;
}

static void check(const struct core_attempt_result *r, int attempt, uint64_t dice)
{
    const struct core_retry_policy policy = { .delays_us = delays_us,
                                              .count = COUNT_OF(delays_us),
                                              .jitter_percent = JITTER_PERCENT,
                                              .retry_after_max_us = asked_max_us };
    struct core_judgement j = core_judge(r, attempt, false, &policy, now_us, dice);
    MUST(j.reason != NULL);
    MUST((j.verdict == CORE_DONE) == (r->status >= 200 && r->status <= 299));
    MUST((j.verdict == CORE_DISABLE) == (r->status == 410));
    if (j.verdict != CORE_RETRY)
        return;
    int64_t delay_us = j.retry_at_us - now_us;
    MUST(attempt <= (int)COUNT_OF(delays_us) && delay_us > 0);
    MUST(delay_us <= with_jitter(asked_max_us));
    MUST(r->retry_after_us > 0 || delay_us <= with_jitter(delays_us[attempt - 1]));
    MUST(r->retry_after_us > asked_max_us || delay_us >= r->retry_after_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t status;
    uint64_t dice;
    if (size < HEAD_BYTES)
        return 0;
    memcpy(&status, data, sizeof(status));
    memcpy(&dice, data + sizeof(status), sizeof(dice));
    struct str value = str_of((const char *)data + HEAD_BYTES, size - HEAD_BYTES);
    int64_t asked_us = core_retry_after(value, now_us);
    MUST(asked_us >= 0);
    struct core_attempt_result r = { .got_response = true,
                                     .status = status % 1000,
                                     .retry_after_us = asked_us };
    check(&r, data[HEAD_BYTES - 1] % 8 + 1, dice);
    return 0;
}
