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
    void (*see)(const struct deliver_shard *s, void *out);
    void *out;
    loop_fn done;
    void *arg;
};

static void look_visit(void *arg)
{
    struct look *l = arg;
    l->see(l->d->shards[l->at].shard, l->out);
    if (++l->at < l->d->o.loop_count) {
        loop_post(l->d->shards[l->at].loop, &l->task);
        return;
    }
    l->done(l->arg);
    xfree(l);
}

static void look_at_shards(struct look with)
{
    struct look *l = XNEW(struct look);
    *l = with;
    l->task = (struct loop_task){ .fn = look_visit, .arg = l };
    loop_post(l->d->shards[0].loop, &l->task);
}

static void look_describe(const struct deliver_shard *s, void *out)
{
    deliver_shard_describe(s, LANES_SHOWN, out);
}

void deliver_describe(struct deliver *d, struct buf *out, loop_fn done, void *arg)
{
    look_at_shards(
        (struct look){ .d = d, .see = look_describe, .out = out, .done = done, .arg = arg });
}

static void see_busiest(const struct deliver_shard *s, void *out)
{
    deliver_shard_busiest(s, out);
}

void deliver_busiest(struct deliver *d, struct deliver_busiest *out, loop_fn done, void *arg)
{
    out->count = 0;
    look_at_shards(
        (struct look){ .d = d, .see = see_busiest, .out = out, .done = done, .arg = arg });
}

struct late_question {
    struct loop_task task;
    struct deliver *d;
    size_t at; /* the shard to look at */
    int64_t org, late_us;
    struct deliver_late *out;
    size_t *count;
    loop_fn done;
    void *arg;
};

static void visit_late(void *arg)
{
    struct late_question *q = arg;
    *q->count +=
        deliver_shard_late(q->d->shards[q->at].shard, q->org, q->late_us, q->out + *q->count);
    if (++q->at < q->d->o.loop_count) {
        loop_post(q->d->shards[q->at].loop, &q->task);
        return;
    }
    q->done(q->arg);
    xfree(q);
}

void deliver_late_ask(struct deliver *d, int64_t org, int64_t late_us, struct deliver_late *out,
                      size_t *count, loop_fn done, void *arg)
{
    struct late_question *q = XNEW(struct late_question);
    *q = (struct late_question){
        .d = d, .org = org, .late_us = late_us, .out = out, .count = count, .done = done, .arg = arg
    };
    q->task = (struct loop_task){ .fn = visit_late, .arg = q };
    *count = 0;
    loop_post(d->shards[0].loop, &q->task);
}
