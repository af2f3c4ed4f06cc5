/* SPDX-License-Identifier: Apache-2.0
 *
 * Organisations that are held (store/held.h). A lane that finds itself held is not served. Whoever holds the organisation asks
 * again and again until each lane of it has finished what was under way and has left memory: all that it knew is in
 * the store, where it may be moved. Once nobody holds them any more, lanes are made anew from what waits there.
 */
#include "deliver/engine_priv.h"

#include "deliver/backlog_priv.h"
#include "deliver/lane_priv.h"
#include "deliver/now_priv.h"
#include "deliver/place_priv.h"

/* --- a shard ---------------------------------------------------------------------------------------- */

/* Nothing is under way, asked for, or being recorded: each item waits. */
static bool is_at_rest(const struct deliver_lane *lane)
{
    return lane->in_flight == 0 && lane->recording == 0 && !lane->is_refilling &&
           lane->item_count == lane->waiting.len;
}

static bool hold_one(struct deliver_shard *s, struct deliver_lane *lane)
{
    lane->is_held = true;
    if (!is_at_rest(lane)) {
        deliver_lane_place(s, lane);
        return false;
    }
    deliver_backlog_give_back(s, lane);
    deliver_lane_free(s, lane);
    return true;
}

size_t deliver_shard_hold(struct deliver_shard *s)
{
    size_t at = 0, left = 0, count = map64_count(s->lanes);
    struct deliver_lane **lanes = xcalloc(count + 1, sizeof(struct deliver_lane *));
    uint64_t key = 0;
    void *lane = NULL;
    for (size_t i = 0; map64_next(s->lanes, &at, &key, &lane); i++)
        lanes[i] = lane; /* those that go change the map */
    for (size_t i = 0; i < count; i++)
        if (s->backend.is_held(s->backend.ctx, lanes[i]->app->num) && !hold_one(s, lanes[i]))
            left++;
    xfree(lanes);
    return left;
}

static void release_one(struct deliver_shard *s, struct deliver_lane *lane)
{
    lane->is_held = false;
    lane->is_recheck_due = true;
    deliver_lane_place(s, lane);
}

void deliver_shard_release(struct deliver_shard *s)
{
    size_t at = 0;
    uint64_t key = 0;
    void *found = NULL;
    deliver_shard_tell_time(s);
    while (map64_next(s->lanes, &at, &key, &found)) {
        struct deliver_lane *lane = found;
        if (lane->is_held && !s->backend.is_held(s->backend.ctx, lane->app->num))
            release_one(s, lane);
    }
}

/* --- all of them -------------------------------------------------------------------------------------- */

struct holding {
    struct loop_task task;
    struct deliver *d;
    size_t at; /* the shard that is visited */
    size_t *left;
    loop_fn done;
    void *arg;
};

static void hold_visit(void *arg)
{
    struct holding *h = arg;
    *h->left += deliver_shard_hold(h->d->shards[h->at].shard);
    if (++h->at < h->d->o.loop_count) {
        loop_post(h->d->shards[h->at].loop, &h->task);
        return;
    }
    h->done(h->arg);
    xfree(h);
}

void deliver_hold(struct deliver *d, size_t *left, loop_fn done, void *arg)
{
    struct holding *h = XNEW(struct holding);
    *h = (struct holding){ .d = d, .left = left, .done = done, .arg = arg };
    h->task = (struct loop_task){ .fn = hold_visit, .arg = h };
    *left = 0;
    loop_post(d->shards[0].loop, &h->task);
}

struct released {
    struct loop_task task;
    struct deliver_engine_shard *es;
    size_t count;
    struct store_due_endpoint list[];
};

static void take_released(void *arg)
{
    struct released *r = arg;
    deliver_shard_release(r->es->shard);
    for (size_t i = 0; i < r->count; i++)
        deliver_shard_backlog(r->es->shard, r->list[i].app, r->list[i].endpoint,
                              r->list[i].first_due_us);
    xfree(r);
}

void deliver_release(struct deliver *d, const struct store_due_endpoint *list, size_t count)
{
    for (size_t n = 0; n < d->o.loop_count; n++) {
        struct released *r = xmalloc(sizeof(*r) + count * sizeof(r->list[0]));
        *r = (struct released){ .task = { .fn = take_released, .arg = r }, .es = &d->shards[n] };
        for (size_t i = 0; i < count; i++)
            if ((uint64_t)list[i].endpoint % d->o.loop_count == n)
                r->list[r->count++] = list[i];
        loop_post(r->es->loop, &r->task);
    }
}
