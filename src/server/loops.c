/* SPDX-License-Identifier: Apache-2.0
 *
 * See server/loops_priv.h.
 */
#include "server/loops_priv.h"

#include <unistd.h>

enum { LOOPS_BY_DEFAULT_MAX = 16 };

size_t server_count_loops(const struct conf *c)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (c->loops > 0)
        return (size_t)c->loops;
    if (processors < 1)
        return 1;
    return processors > LOOPS_BY_DEFAULT_MAX ? LOOPS_BY_DEFAULT_MAX : (size_t)processors;
}

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
