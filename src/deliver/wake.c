/* SPDX-License-Identifier: Apache-2.0
 *
 * See deliver/wake_priv.h.
 */
#include "deliver/wake_priv.h"

void deliver_shard_wake(struct deliver_shard *s)
{
    if (s->is_running || s->is_woken)
        return;
    s->is_woken = true;
    s->wake(s->wake_ctx);
}
