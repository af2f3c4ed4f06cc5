/* SPDX-License-Identifier: Apache-2.0
 *
 * The judgement of an attempt. The order of the questions is the policy: success first, then what
 * no retry can mend, then what the schedule says.
 *
 * A permanent failure (the URL does not parse, the address is refused by policy) gives up at once:
 * every retry would fail the same way until somebody changes the configuration, and after that the
 * delivery can be sent again by hand or recovered. A receiver's failure is permanent only where the
 * receiver says so (410, webhook-delivery) or where its status was configured to be.
 */
#include "core/retry.h"

enum { STATUS_GONE = 410 };

static const int64_t second_us = 1000000;

static bool is_success(const struct core_attempt_result *r)
{
    return r->got_response && r->status >= 200 && r->status <= 299;
}

bool core_statuses_add(struct core_statuses *set, int64_t status)
{
    if (status < 300 || status > 999)
        return false;
    set->bits[status / 64] |= UINT64_C(1) << (status % 64);
    return true;
}

bool core_statuses_has(const struct core_statuses *set, int status)
{
    return status >= 0 && status <= 999 &&
           (set->bits[status / 64] & (UINT64_C(1) << (status % 64))) != 0;
}

enum core_wish core_wish_of(struct str value)
{
    struct str word = str_trim(value);
    if (str_ieq(word, STR("abort-message")))
        return CORE_WISH_ABORT;
    return str_ieq(word, STR("disable")) ? CORE_WISH_DISABLE : CORE_WISH_NONE;
}

/* Uniform in [0, 1). */
static double retry_fraction(uint64_t dice)
{
    return (double)(dice >> 11) * (1.0 / 9007199254740992.0);
}

static int64_t with_jitter(int64_t delay_us, int percent, uint64_t dice)
{
    double swing = (double)delay_us * percent / 100.0;
    return delay_us + (int64_t)(swing * (2.0 * retry_fraction(dice) - 1.0));
}

/* What the receiver asked for is a lower bound: the jitter only adds to it. */
static int64_t asked_delay(int64_t asked_us, const struct core_retry_policy *p, uint64_t dice)
{
    int64_t us = asked_us < p->retry_after_max_us ? asked_us : p->retry_after_max_us;
    return us + (int64_t)((double)us * p->jitter_percent / 100.0 * retry_fraction(dice));
}

static struct core_judgement retry_end(enum core_verdict verdict, const char *reason)
{
    return (struct core_judgement){ .verdict = verdict, .reason = reason };
}

/* What needs no look at the schedule. */
static bool is_decided(const struct core_attempt_result *r, bool manual,
                       const struct core_retry_policy *p, struct core_judgement *out)
{
    if (is_success(r))
        *out = retry_end(CORE_DONE, "2xx");
    else if (r->got_response && r->status == STATUS_GONE)
        *out = retry_end(CORE_DISABLE, "gone");
    else if (r->wish == CORE_WISH_DISABLE)
        *out = retry_end(CORE_DISABLE, "disable");
    else if (manual)
        *out = retry_end(CORE_GIVE_UP, "manual");
    else if (r->wish == CORE_WISH_ABORT)
        *out = retry_end(CORE_GIVE_UP, "abort");
    else if (r->got_response && core_statuses_has(&p->except, r->status))
        *out = retry_end(CORE_GIVE_UP, "status");
    else if (r->permanent)
        *out = retry_end(CORE_GIVE_UP, "permanent");
    else
        return false;
    return true;
}

struct core_judgement core_judge(const struct core_attempt_result *r, int attempt, bool manual,
                                 const struct core_retry_policy *p, int64_t now_us, uint64_t dice)
{
    struct core_judgement decided;
    MUST(attempt >= 1);
    if (is_decided(r, manual, p, &decided))
        return decided;
    if ((size_t)attempt > p->count)
        return retry_end(CORE_GIVE_UP, "exhausted");

    int64_t scheduled_us = with_jitter(p->delays_us[attempt - 1], p->jitter_percent, dice);
    int64_t asked_us = r->retry_after_us > 0 ? asked_delay(r->retry_after_us, p, dice) : 0;
    bool is_asked = asked_us > scheduled_us;
    return (struct core_judgement){ .verdict = CORE_RETRY,
                                    .retry_at_us = now_us + (is_asked ? asked_us : scheduled_us),
                                    .reason = is_asked ? "retry-after" : "schedule" };
}

struct core_judgement core_judge_ahead(const struct core_attempt_result *r, int64_t planned_us,
                                       const struct core_retry_policy *p, int64_t now_us,
                                       uint64_t dice)
{
    struct core_judgement decided;
    if (is_decided(r, false, p, &decided))
        return decided;
    int64_t asked_us = r->retry_after_us > 0 ? now_us + asked_delay(r->retry_after_us, p, dice) : 0;
    bool is_asked = asked_us > planned_us;
    return (struct core_judgement){ .verdict = CORE_RETRY,
                                    .retry_at_us = is_asked ? asked_us : planned_us,
                                    .reason = is_asked ? "retry-after" : "schedule" };
}

/* "120" or "1.5" -> seconds, rounded up; more than nine digits is as good as for ever. */
static bool parse_seconds(struct str text, int64_t *seconds)
{
    size_t dot = str_find(text, '.');
    struct str whole = str_sub(text, 0, dot);
    struct str part = str_sub(text, dot + 1, text.len);
    uint64_t value = 0;
    if (whole.len > 9 || str_to_u64(whole, &value) != RC_OK)
        return false;
    bool is_fraction = false;
    for (size_t i = 0; i < part.len; i++) {
        if (part.ptr[i] < '0' || part.ptr[i] > '9')
            return false;
        is_fraction = is_fraction || part.ptr[i] != '0';
    }
    if (dot != text.len && part.len == 0)
        return false;
    *seconds = (int64_t)value + (is_fraction ? 1 : 0);
    return true;
}

int64_t core_retry_after(struct str value, int64_t now_wall_us)
{
    struct str text = str_trim(value);
    int64_t seconds = 0;
    if (text.len == 0)
        return 0;
    if (parse_seconds(text, &seconds))
        return seconds * second_us;
    int64_t at_us = 0;
    if (time_parse_http(text, &at_us) != RC_OK || at_us <= now_wall_us)
        return 0;
    return at_us - now_wall_us;
}
