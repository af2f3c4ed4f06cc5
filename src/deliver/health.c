/* SPDX-License-Identifier: Apache-2.0
 *
 * How long an endpoint has done nothing but fail. Only changes are told, and not more often than
 * every ten seconds, so that an endpoint that flaps costs nothing; disabling is told at once.
 */
#include "deliver/shard_priv.h"

static const int64_t tell_every_us = 10 * DELIVER_SECOND_US;

void deliver_health_flush(struct deliver_shard *s, struct deliver_lane *lane)
{
    if (!lane->is_health_dirty)
        return;
    lane->is_health_dirty = false;
    lane->health_told_us = s->now_us;
    s->backend.health(s->backend.ctx, s, lane->app->num, lane->endpoint, lane->failing_since_us,
                      false, "");
}

static void tell(struct deliver_shard *s, struct deliver_lane *lane)
{
    if (lane->health_told_us == 0 || s->now_us - lane->health_told_us >= tell_every_us)
        deliver_health_flush(s, lane);
}

void deliver_health_success(struct deliver_shard *s, struct deliver_lane *lane)
{
    if (lane->failing_since_us != 0) {
        lane->failing_since_us = 0;
        lane->is_health_dirty = true;
    }
    tell(s, lane);
}

void deliver_health_failure(struct deliver_shard *s, struct deliver_lane *lane,
                            const struct deliver_names *names, bool is_gone,
                            const struct store_outcome *o)
{
    if (lane->failing_since_us == 0) {
        lane->failing_since_us = s->now_us;
        lane->is_health_dirty = true;
    }
    int64_t failing_us = s->now_us - lane->failing_since_us;
    bool is_long = s->limits.disable_after_us > 0 && failing_us >= s->limits.disable_after_us;
    if (lane->is_disabled || !(is_gone || is_long)) {
        tell(s, lane);
        return;
    }
    const char *reason = is_gone ? "gone" : "failing";
    lane->is_disabled = true;
    lane->is_health_dirty = false;
    lane->health_told_us = s->now_us;
    LOG(DELIVER_ENDPOINT_DISABLED, F_STR("app", names->app), F_STR("endpoint", names->endpoint),
        F_TEXT("reason", reason), F_INT("failing_s", failing_us / DELIVER_SECOND_US));
    s->backend.health(s->backend.ctx, s, lane->app->num, lane->endpoint, lane->failing_since_us,
                      true, reason);
    s->backend.notice(s->backend.ctx, "endpoint.disabled", o);
}
