/* SPDX-License-Identifier: Apache-2.0
 *
 * One shard of the deliveries, for whoever drives it: the engine (deliver/engine.c) on a loop, or a
 * simulator on a fake clock. Everything here happens on one thread.
 *
 * What a lane promises:
 *  - at most `window` attempts at a time, fewer while the endpoint fails, one while it is probed;
 *  - never more a second than the endpoint's and the application's throttle (and a burst of 10 ms);
 *  - after `breaker_failures` failures in a row (0: never) it is parked. Its deliveries go back to
 *    the store and keep their count of attempts; one of them probes when the time is up;
 *  - a disabled endpoint's deliveries are canceled as they fall due, a deleted one's at once;
 *  - a 429 or 503 with Retry-After holds the whole lane back, up to breaker_max_us.
 *
 * What a shard promises: at most in_flight_max attempts, half of them for endpoints that have not
 * shown to be well; lanes take turns, an attempt each. At most items_max deliveries in memory, the
 * last quarter for lanes with few; at most payload_max bytes of payload kept for waiting ones. A
 * delivery that is only in the store is always reached by a later refill.
 */
#pragma once

#include "deliver/deliver.h"

struct deliver_shard_options {
    const struct clock *clock;
    const struct rng *rng;
    struct id_source *ids;
    struct fetch *fetch;
    struct broker_client *broker; /* NULL: deliveries to brokers fail */
    struct deliver_backend backend;
    struct deliver_limits limits; /* the schedule is copied */
    const char *user_agent;
    void (*wake)(void *ctx); /* wants deliver_shard_run(); once until it runs */
    void *wake_ctx;
};
struct deliver_shard *deliver_shard_new(const struct deliver_shard_options *o);
/* Not while attempts are under way or recorded; see deliver_shard_is_quiet(). NULL is fine. */
void deliver_shard_free(struct deliver_shard *s);

/* Does what is due. Returns when it wants to be run again (monotonic clock). */
int64_t deliver_shard_run(struct deliver_shard *s);

/* At start: the endpoint has deliveries in the store, the first due then. */
void deliver_shard_backlog(struct deliver_shard *s, int64_t app, int64_t endpoint, int64_t first_due_us);
/* A durable, pending delivery. Takes its own reference. */
void deliver_shard_add(struct deliver_shard *s, struct store_message *message, int64_t endpoint, int64_t due_us, int attempt_count, enum store_trigger trigger);
void deliver_shard_set_limits(struct deliver_shard *s, const struct deliver_limits *limits);

/* The backend's answers. `max`: as asked for; fewer rows mean that there are no more. */
void deliver_shard_refilled(struct deliver_shard *s, int64_t endpoint, enum rc rc, const struct store_due *rows, size_t count, size_t max);
/* Borrows the message. RC_NOT_FOUND: there is none. */
void deliver_shard_loaded(struct deliver_shard *s, const struct id *id, enum rc rc, struct store_message *message);
/* Borrows the view; NULL unless RC_OK. RC_NOT_FOUND: deleted, its deliveries are canceled. */
void deliver_shard_app_loaded(struct deliver_shard *s, int64_t app, enum rc rc, struct core_app *view);
/* Takes `t`, which was run. */
void deliver_shard_transformed(struct deliver_shard *s, struct deliver_transform *t);
/* Configuration changed: whatever was known of the application is looked up again, at once. */
void deliver_shard_app_changed(struct deliver_shard *s, int64_t app);

/* No new attempts from now on; what is not yet told of endpoints' health is told. */
void deliver_shard_stop(struct deliver_shard *s);
/* After stop. Cuts what is under way and gives up recording what the store refuses; these
 * deliveries stay as they are in the store. */
void deliver_shard_cut(struct deliver_shard *s);
/* Nothing under way, nothing being recorded. */
bool deliver_shard_is_quiet(const struct deliver_shard *s);

/* False: the endpoint has no lane. */
bool deliver_shard_lane(const struct deliver_shard *s, int64_t endpoint, struct deliver_lane_info *out);

/* A line a lane that is not idle, at most `max` of them, and how many more there are. Walks the lanes. */
void deliver_shard_describe(const struct deliver_shard *s, size_t max, struct buf *out);

struct deliver_shard_stats {
    size_t lanes, parked, items, payload_bytes;
    int in_flight, recording;
    int64_t oldest_due_us; /* 0: nothing is due */
};
/* Walks the lanes. */
void deliver_shard_stats(const struct deliver_shard *s, struct deliver_shard_stats *out);
