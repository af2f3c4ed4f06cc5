/* SPDX-License-Identifier: Apache-2.0
 *
 * See deliver/park_priv.h.
 */
#include "deliver/park_priv.h"

#include "deliver/backlog_priv.h"
#include "metrics/metrics.h"

void deliver_lane_park(struct deliver_shard *s, struct deliver_lane *lane, struct str endpoint)
{
    if (!lane->is_parked) {
        lane->is_parked = true;
        s->parked++;
        metrics_add(METRIC_DELIVER_PARKED, 1);
    }
    LOG(DELIVER_LANE_PARKED, F_STR("endpoint", endpoint),
        F_INT("failures", lane->pace.failures_in_row), F_INT("park_ms", lane->pace.park_us / 1000));
    deliver_backlog_give_back(s, lane);
}

bool deliver_lane_leave_park(struct deliver_shard *s, struct deliver_lane *lane)
{
    if (!lane->is_parked)
        return false;
    lane->is_parked = false;
    s->parked--;
    metrics_add(METRIC_DELIVER_PARKED, -1);
    return true;
}

void deliver_lane_unpark(struct deliver_shard *s, struct deliver_lane *lane, struct str endpoint)
{
    if (deliver_lane_leave_park(s, lane))
        LOG(DELIVER_LANE_REOPENED, F_STR("endpoint", endpoint));
}
