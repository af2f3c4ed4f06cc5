/* SPDX-License-Identifier: Apache-2.0
 *
 * Delivering: a lane per endpoint (due heap, concurrency window, rate limit, breaker), sharded over
 * the loops by endpoint number. A shard belongs to its loop's thread; it is driven by
 * deliver_shard_run() and tells when it wants to be run next, so the simulator can drive it too.
 *
 * Memory is bounded: past `items_max` a lane keeps its later deliveries in the store only and
 * refills by due time. Whatever is here can be rebuilt from the store.
 */
#pragma once

#include "base/base.h"
#include "broker/broker.h"
#include "core/directory.h"
#include "core/retry.h"
#include "fetch/fetch.h"
#include "filter/transform.h"
#include "store/flow.h"

struct deliver;       /* all shards */
struct deliver_shard;
struct deliver_transform; /* deliver/transform.h */

struct deliver_limits {
    int64_t attempt_us;       /* total deadline of an attempt */
    int64_t connect_us;
    size_t response_keep;     /* bytes */
    size_t response_read;
    int window_start;         /* concurrent attempts per endpoint; grows and shrinks with success */
    int window_max;
    int in_flight_max;        /* per shard */
    size_t items_max;         /* deliveries held in memory, per shard */
    size_t payload_max;       /* bytes of payload held for them, per shard */
    struct core_retry_policy retry;
    int64_t disable_after_us; /* of nothing but failures */
    int breaker_failures;     /* in a row, before the lane is parked */
    int64_t breaker_us;       /* first parking time; doubles up to breaker_max_us */
    int64_t breaker_max_us;
};

/* What a shard needs from below, handed in. All are called on the shard's thread and must not block;
 * answers come on that thread too, never from within the call (but for `app`). */
struct deliver_backend {
    void *ctx;
    /* Never fails; o->job.done() comes when it is durable or was refused. */
    void (*record)(void *ctx, struct deliver_shard *shard, struct store_outcome *o);
    /* Asks for more due deliveries of an endpoint; answered by deliver_shard_refilled(). */
    void (*refill)(void *ctx, struct deliver_shard *shard, int64_t endpoint, int64_t after_due_us, struct id after_message, size_t max);
    /* Asks for a message's payload; answered by deliver_shard_loaded(). */
    void (*load)(void *ctx, struct deliver_shard *shard, struct id message);
    /* The view of an application with a reference; NULL when not cached: then `want_app` is asked,
     * answered by deliver_shard_app_loaded(). */
    struct core_app *(*app)(void *ctx, int64_t app);
    void (*want_app)(void *ctx, struct deliver_shard *shard, int64_t app);
    /* Endpoint health changed (first failure, recovery, disable): persisted elsewhere, at leisure.
     * `reason`: literal, "" unless disabled. */
    void (*health)(void *ctx, struct deliver_shard *shard, int64_t app, int64_t endpoint, int64_t failing_since_us, bool disable, const char *reason);
    /* For operational events: "message.attempt.failing" (the 4th failure), "message.attempt.exhausted",
     * "message.attempt.recovered", "endpoint.disabled". `o` is borrowed for the call. */
    void (*notice)(void *ctx, const char *what, const struct store_outcome *o);
    /* An attempt or the end of a delivery was recorded. Borrowed for the call; may be NULL. */
    void (*settled)(void *ctx, const struct store_outcome *o);
    /* Asks for an endpoint's transform to be run; takes `t`, and gives it back with deliver_shard_transformed().
     * NULL: such endpoints' attempts fail. */
    void (*transform)(void *ctx, struct deliver_shard *shard, struct deliver_transform *t);
};

/* --- the engine: shards over the real loops, store and directory ------------------------------ */
struct deliver_options {
    struct store *store;
    struct core_directory *directory;
    struct work_pool *pool;
    const struct clock *clock;
    const struct rng *rng;
    struct loop **loops;            /* one shard each */
    struct fetch **fetches;         /* one per loop: the client deliveries go through */
    struct broker_client **brokers; /* one per loop; NULL: deliveries to brokers fail */
    size_t loop_count;
    struct deliver_limits limits;
    const char *user_agent;
    /* What runs endpoints' transforms, and the threads that wait for it: others than `pool`, so that slow
     * programs hold up nobody else. NULL: attempts to endpoints with a transform fail. */
    struct filter_transform_pool *transforms;
    struct work_pool *transform_threads;
    struct filter_transform_limits transform_limits;
    /* Operational events; may be NULL. Called on a shard's loop thread; must not block. */
    void (*notice)(void *ctx, const char *what, const struct store_outcome *o);
    void *notice_ctx;
};
struct deliver *deliver_new(const struct deliver_options *o);
/* Main thread, before the loops run: finds what is pending in the store and makes its lanes. RC_IO. */
MUST_USE enum rc deliver_start(struct deliver *d);
/* No new attempts from now on; attempts under way finish or are cut at `until_us` (their deliveries
 * stay pending); then done(arg) on the calling loop's thread. Any thread that runs a loop. */
void deliver_stop(struct deliver *d, struct loop *loop, int64_t until_us, loop_fn done, void *arg);
void deliver_free(struct deliver *d);

/* Hands over deliveries that were just made durable (due at message->deliver_at_us or at once).
 * Any loop thread; takes its own references. Never fails: what does not fit stays in the store. */
void deliver_hand_over(struct deliver *d, struct store_message *message, const int64_t *endpoints, size_t count);
/* One delivery that a requeue made pending again. */
void deliver_hand_over_again(struct deliver *d, struct store_message *message, int64_t endpoint, int64_t due_us, int attempt_count, enum store_trigger trigger);

/* Waits for the first attempt of a delivery: fn runs on `loop` when it is recorded, or at `until_us` (monotonic
 * clock), or when the engine stops; true: delivered. Called from a publish's done(), it cannot miss the attempt.
 * Costs by the number of watches of a shard. */
typedef void (*deliver_watch_fn)(void *arg, bool is_delivered);
void deliver_watch(struct deliver *d, int64_t endpoint, const struct id *message, int64_t until_us, struct loop *loop, deliver_watch_fn fn, void *arg);

/* Reload. Any thread. */
void deliver_set_limits(struct deliver *d, const struct deliver_limits *limits);

/* For /metrics and the API: what an endpoint's lane is doing. Any thread; asks the shard. */
struct deliver_lane_info {
    int64_t waiting;         /* in memory */
    int in_flight, window;
    bool parked;             /* by the breaker */
    int64_t parked_until_us; /* wall clock */
    int failures_in_row;
};
/* fn runs on `loop` with the answer, borrowed; all zero when the endpoint has no lane at the moment. */
typedef void (*deliver_lane_fn)(void *arg, const struct deliver_lane_info *info);
void deliver_lane_ask(struct deliver *d, int64_t endpoint, struct loop *loop, deliver_lane_fn fn, void *arg);
/* Appends a line a lane that has something to do, up to 500 a shard. done(arg) runs on a loop's thread; `out` is
 * touched by loops until then. Any thread. */
void deliver_describe(struct deliver *d, struct buf *out, loop_fn done, void *arg);
