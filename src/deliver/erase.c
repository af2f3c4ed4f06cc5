/* SPDX-License-Identifier: Apache-2.0
 *
 * Canceled deliveries: a note goes around all loops twice. On its first way it only passes: what a commit before
 * the cancellation handed back to a loop (a message to hand over, a resend) has then reached its shard. On its
 * second way each shard drops what it has.
 */
#include "deliver/engine_priv.h"

struct note {
    struct loop_task task;
    struct deliver *d;
    const struct deliver_erasure *list;
    size_t count;
    size_t stop; /* the loop it is at, counting on from the first way to the second */
    loop_fn done;
    void *arg;
};

static void erase_drop(const struct note *n, size_t at)
{
    for (size_t i = 0; i < n->count; i++)
        if ((uint64_t)n->list[i].endpoint % n->d->o.loop_count == at)
            deliver_shard_erase(n->d->shards[at].shard, &n->list[i].message, n->list[i].endpoint,
                                n->list[i].lets_finish);
}

static void erase_visit(void *arg)
{
    struct note *n = arg;
    size_t loops = n->d->o.loop_count;
    if (n->stop >= loops)
        erase_drop(n, n->stop - loops);
    if (++n->stop < 2 * loops) {
        loop_post(n->d->shards[n->stop % loops].loop, &n->task);
        return;
    }
    n->done(n->arg);
    xfree(n);
}

void deliver_erase(struct deliver *d, const struct deliver_erasure *list, size_t count,
                   loop_fn done, void *arg)
{
    struct note *n = XNEW(struct note);
    *n = (struct note){ .d = d, .list = list, .count = count, .done = done, .arg = arg };
    n->task = (struct loop_task){ .fn = erase_visit, .arg = n };
    loop_post(d->shards[0].loop, &n->task);
}
