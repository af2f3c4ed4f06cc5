/* SPDX-License-Identifier: Apache-2.0
 *
 * See server/loops_priv.h.
 */
#include "server/loops_priv.h"

void server_drain_loops(struct server *s)
{
    for (size_t i = 0; i < s->loop_count; i++)
        loop_turn(s->loops[i].loop, 0);
}

enum rc server_no_threads(struct server *s)
{
    buf_say(&s->why,
            "cannot start all threads: raise the limit on processes (ulimit -u, pids.max)");
    return RC_LIMIT;
}
