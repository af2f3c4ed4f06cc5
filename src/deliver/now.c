/* SPDX-License-Identifier: Apache-2.0
 *
 * See deliver/now_priv.h.
 */
#include "deliver/now_priv.h"

#include "deliver/pace_priv.h"
#include "deliver/place_priv.h"
#include "deliver/stuck_priv.h"

static const int64_t jump_us =
    DELIVER_SECOND_US; /* of the store's time, against the monotonic clock */

/* Due times stay; what counts from "now" moves along. */
static void now_jump(struct deliver_shard *s, int64_t by_us)
{
    size_t at = 0;
    uint64_t key = 0;
    void *value = NULL;
    s->swept_us += by_us;
    s->record_again_us += by_us;
    deliver_stuck_jump(s, by_us);
    while (map64_next(s->apps, &at, &key, &value))
        ((struct deliver_app *)value)->retry_at_us += by_us;
    at = 0;
    while (map64_next(s->lanes, &at, &key, &value)) {
        struct deliver_lane *lane = value;
        deliver_pace_shift(&lane->pace, by_us);
        lane->idle_since_us += by_us;
        deliver_lane_place(s, lane);
    }
}

void deliver_shard_tell_time(struct deliver_shard *s)
{
    s->now_us = clock_wall_us(s->clock);
    s->wall_us = clock_wall_us(s->wall);
    int64_t offset_us = s->now_us - clock_mono_us(s->clock);
    int64_t by_us = offset_us - s->offset_us;
    s->offset_us = offset_us;
    if (by_us > jump_us || by_us < -jump_us)
        now_jump(s, by_us);
}
