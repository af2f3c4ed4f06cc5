/* SPDX-License-Identifier: Apache-2.0
 *
 * All lanes, for operators: a note goes from shard to shard, and each adds its own lanes on its own
 * loop. A shard writes a bounded number of lines, so that looking never holds up a loop.
 */
#include "deliver/engine_priv.h"

enum { LANES_SHOWN = 500 }; /* of a shard */

struct look {
    struct loop_task task;
    struct deliver *d;
    size_t at; /* the shard to look at */
    struct buf *out;
    loop_fn done;
    void *arg;
};

static void visit(void *arg)
{
    struct look *l = arg;
    deliver_shard_describe(l->d->shards[l->at].shard, LANES_SHOWN, l->out);
    if (++l->at < l->d->o.loop_count) {
        loop_post(l->d->shards[l->at].loop, &l->task);
        return;
    }
    l->done(l->arg);
    xfree(l);
}

void deliver_describe(struct deliver *d, struct buf *out, loop_fn done, void *arg)
{
    struct look *l = XNEW(struct look);
    *l = (struct look){ .d = d, .out = out, .done = done, .arg = arg };
    l->task = (struct loop_task){ .fn = visit, .arg = l };
    loop_post(d->shards[0].loop, &l->task);
}
