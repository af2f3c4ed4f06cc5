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
    const struct clock *clock; /* store_clock() */
    const struct clock *wall;  /* for what is shown and signed; NULL: `clock` */
    const struct rng *rng;
    struct id_source *ids;
    struct dest_clients clients; /* of the shard's loop; where one is missing its kind's deliveries fail */
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
/* An attempt was asked for by hand: the delivery as the store has it now. It is sent at once where its lane's order
 * and throttles allow; a parked lane is probed with it. Takes its own reference. */
void deliver_shard_ask(struct deliver_shard *s, struct store_message *message, const struct store_due *due);
/* The delivery was canceled in the store, as the message's payload was erased or as somebody said so: nothing of it
 * leaves from now on. An attempt under way is cut, and recorded as that; or it is let finish. */
void deliver_shard_erase(struct deliver_shard *s, const struct id *message, int64_t endpoint, bool lets_finish);
void deliver_shard_set_limits(struct deliver_shard *s, const struct deliver_limits *limits);

/* The backend's answers. `max`: as asked for; fewer rows mean that there are no more. */
void deliver_shard_refilled(struct deliver_shard *s, int64_t endpoint, enum rc rc, const struct store_due *rows, size_t count, size_t max);
/* Borrows the message. RC_NOT_FOUND: there is none. */
void deliver_shard_loaded(struct deliver_shard *s, const struct id *id, enum rc rc, struct store_message *message);
/* Borrows the view; NULL unless RC_OK. RC_NOT_FOUND: deleted, its deliveries are canceled. */
void deliver_shard_app_loaded(struct deliver_shard *s, int64_t app, enum rc rc, struct core_app *view);
/* Takes `t`, which was run. */
void deliver_shard_transformed(struct deliver_shard *s, struct deliver_transform *t);
/* Configuration changed: whatever was known of it is looked up again, at once. `what`: as core_directory_on_change() has it. */
void deliver_shard_app_changed(struct deliver_shard *s, int64_t app, int64_t what);

/* Lanes of applications that are held (backend.is_held, which must be there) make no attempts; those with nothing under way go,
 * and what they held stays in the store. Returns how many are left. */
size_t deliver_shard_hold(struct deliver_shard *s);
/* Lanes that are not held any more go on. What waits in the store is told by deliver_shard_backlog(). */
void deliver_shard_release(struct deliver_shard *s);

/* No new attempts from now on; what is not yet told of endpoints' health is told. */
void deliver_shard_stop(struct deliver_shard *s);
/* After stop. Cuts what is under way and gives up recording what the store refuses; these
 * deliveries stay as they are in the store. */
void deliver_shard_cut(struct deliver_shard *s);
/* Nothing under way, nothing being recorded. */
bool deliver_shard_is_quiet(const struct deliver_shard *s);

/* False: the endpoint has no lane, and *out holds the schedule only. */
bool deliver_shard_lane(const struct deliver_shard *s, int64_t endpoint, struct deliver_lane_info *out);

/* A line a lane that is not idle, at most `max` of them, and how many more there are. Walks the lanes. */
void deliver_shard_describe(const struct deliver_shard *s, size_t max, struct buf *out);
/* Puts those of its lanes in that belong among the busiest. Walks the lanes. */
void deliver_shard_busiest(const struct deliver_shard *s, struct deliver_busiest *out);

/* As deliver_late_ask(): at most DELIVER_LATE_MAX; returns how many. Walks the lanes. */
size_t deliver_shard_late(const struct deliver_shard *s, int64_t org, int64_t late_us, struct deliver_late *out);

struct deliver_shard_stats {
    size_t lanes, parked, items, payload_bytes;
    int in_flight, recording;
    int64_t oldest_due_us; /* 0: nothing is due */
};
/* Walks the lanes. */
void deliver_shard_stats(const struct deliver_shard *s, struct deliver_shard_stats *out);
