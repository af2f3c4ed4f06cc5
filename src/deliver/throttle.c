/* SPDX-License-Identifier: Apache-2.0
 *
 * See deliver/throttle_priv.h.
 */
#include "deliver/throttle_priv.h"

/* The stricter of what the owner and what the receiver set. */
static int64_t throttle_gap(const struct core_endpoint *ep)
{
    int64_t gap_us = deliver_pace_gap(ep->throttle);
    return gap_us > ep->gap_us ? gap_us : ep->gap_us;
}

/* `own_us` and `shared_us`: where the two throttles stand. The application's is shared by all shards through its view. */
static bool throttle_take(const struct deliver_shard *s, struct deliver_lane *lane, int64_t *own_us,
                          atomic_llong *shared_us)
{
    int64_t gap_us = throttle_gap(lane->ep);
    int64_t app_gap_us = deliver_pace_gap(lane->app->view->throttle);
    int64_t wait_us = deliver_pace_wait(gap_us, *own_us, s->now_us);
    long long shared = atomic_load_explicit(shared_us, memory_order_relaxed);
    while (wait_us == 0 && app_gap_us > 0) {
        wait_us = deliver_pace_wait(app_gap_us, shared, s->now_us);
        if (wait_us == 0 &&
            atomic_compare_exchange_weak_explicit(shared_us, &shared,
                                                  deliver_pace_take(app_gap_us, shared, s->now_us),
                                                  memory_order_relaxed, memory_order_relaxed))
            break;
    }
    lane->pace.wait_until_us = wait_us;
    if (wait_us != 0)
        return false;
    *own_us = deliver_pace_take(gap_us, *own_us, s->now_us);
    return true;
}

bool deliver_throttle_let(struct deliver_shard *s, struct deliver_lane *lane)
{
    return throttle_take(s, lane, &lane->pace.let_until_us, &lane->app->view->_let_until_us);
}

bool deliver_throttle_begin(struct deliver_shard *s, struct deliver_lane *lane)
{
    return throttle_take(s, lane, &lane->pace.begun_until_us, &lane->app->view->_begun_until_us);
}
