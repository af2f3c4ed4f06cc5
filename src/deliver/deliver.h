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
#include "core/directory.h"
#include "core/retry.h"
#include "dest/dest.h"
#include "store/flow.h"
#include "transform/transform.h"

struct deliver;       /* all shards */
struct deliver_shard;
struct deliver_transform; /* deliver/transform.h */

/* An endpoint's health. */
struct deliver_health {
    int64_t failing_since_us; /* 0: it does not fail */
    int64_t last_failure_us;
    bool disable;
    const char *reason; /* literal, "" unless disabled */
};

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
    int64_t disable_after_us; /* of failures without a success between, and without a long silence; see health.c */
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
    /* May attempts be made? Asked once a run; NULL: always. While it says no, it is asked again every quarter of a second. */
    bool (*may_send)(void *ctx);
    /* Is the application's organisation held? Its lanes make no attempts then; NULL: none is. */
    bool (*is_held)(void *ctx, int64_t app);
    /* Endpoint health changed (first failure, recovery, still failing, disable): persisted elsewhere, at leisure. */
    void (*health)(void *ctx, struct deliver_shard *shard, int64_t app, int64_t endpoint, const struct deliver_health *health);
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
    const struct dest_clients *clients; /* one per loop: what deliveries go through */
    size_t loop_count;
    struct deliver_limits limits;
    const char *user_agent;
    /* What runs endpoints' transforms, and the threads that wait for it: others than `pool`, so that slow
     * programs hold up nobody else. NULL: attempts to endpoints with a transform fail. */
    struct transform_pool *transforms;
    struct work_pool *transform_threads;
    struct transform_limits transform_limits;
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
/* One delivery that a requeue made due now, as the store has it. */
void deliver_hand_over_again(struct deliver *d, struct store_message *message, const struct store_due *due);

/* Deliveries that the store has canceled, as their payload was erased or as somebody said so: when done(arg) runs, on
 * a loop's thread, nothing of them leaves any more. Call it after the commit; any thread. `list` is borrowed until then. */
struct deliver_erasure {
    struct id message;
    int64_t endpoint;
    bool lets_finish; /* what is being sent already is not cut off: its outcome counts */
};
void deliver_erase(struct deliver *d, const struct deliver_erasure *list, size_t count, loop_fn done, void *arg);

/* Of organisations that are held (store/held.h): lanes with nothing under way leave memory; *left gets how many still have
 * something under way, and done(arg) runs on a loop's thread. To be asked again until there are none left, which takes an attempt's
 * time at most. Any thread; walks the lanes of each shard. */
void deliver_hold(struct deliver *d, size_t *left, loop_fn done, void *arg);
/* One is not held any more: `list` (borrowed for the call) is what waits of it in the store. Any thread. */
void deliver_release(struct deliver *d, const struct store_due_endpoint *list, size_t count);

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
    int64_t held_until_us;   /* the receiver asked for a pause (Retry-After); 0: it did not */
    int64_t throttled_until_us; /* the throttles let nothing through before; 0: they do */
    int failures_in_row;
    size_t retry_count;      /* the server's schedule, for endpoints without one of their own; there without a lane, too */
    int64_t retry_us[CORE_RETRY_MAX];
};
/* fn runs on `loop` with the answer, borrowed; all zero but the schedule when the endpoint has no lane at the moment. */
typedef void (*deliver_lane_fn)(void *arg, const struct deliver_lane_info *info);
void deliver_lane_ask(struct deliver *d, int64_t endpoint, struct loop *loop, deliver_lane_fn fn, void *arg);
/* A lane that is parked, or has something that was due long ago. */
struct deliver_late {
    int64_t app, endpoint;
    int64_t oldest_us;       /* wall clock: when what has waited longest was due; 0: nothing is due */
    bool parked;
    int64_t parked_until_us; /* wall clock */
    int failures_in_row;
};
enum { DELIVER_LATE_MAX = 200 }; /* of a shard: those that have waited longest */
/* The lanes of an organisation (those whose application is known to their shard) that are parked, or whose oldest is due
 * since `late_us` and more. Fills out[*count], which has room for DELIVER_LATE_MAX a loop, one shard after the other; then
 * done(arg) on a loop's thread. Walks the lanes of each shard. Any thread. */
void deliver_late_ask(struct deliver *d, int64_t org, int64_t late_us, struct deliver_late *out, size_t *count, loop_fn done, void *arg);
/* Appends a line a lane that has something to do, up to 500 a shard. done(arg) runs on a loop's thread; `out` is
 * touched by loops until then. Any thread. */
void deliver_describe(struct deliver *d, struct buf *out, loop_fn done, void *arg);

enum { DELIVER_BUSY_MAX = 50, DELIVER_ID_ROOM = 64 };
struct deliver_busy {
    int64_t endpoint; /* its number */
    char id[DELIVER_ID_ROOM]; /* "?": it is not known at the moment */
    struct deliver_lane_info info;
    bool has_more;    /* waiting in the store */
};
/* The lanes with the most waiting in memory, the most first. As with deliver_describe(), loops touch it until done(arg). */
struct deliver_busiest {
    struct deliver_busy lanes[DELIVER_BUSY_MAX];
    size_t count;
};
void deliver_busiest(struct deliver *d, struct deliver_busiest *out, loop_fn done, void *arg);
