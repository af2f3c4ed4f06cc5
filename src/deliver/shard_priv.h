/* SPDX-License-Identifier: Apache-2.0
 *
 * What a shard is made of. Items (deliveries in memory) belong to lanes, lanes to the node of their
 * application. Times are wall clock microseconds, read once a turn; a jump of the wall clock moves
 * everything that counts from "now" along (shard.c).
 *
 * Which deliveries of a lane are in memory: all whose key (due time, message) is not above `horizon`,
 * and perhaps some above it. While `has_more` is set there may be others in the store, none due before
 * `store_due_us`. Rows that come twice are recognised by the set of items (item.c).
 */
#pragma once

#include "deliver/heap_priv.h"
#include "deliver/pace_priv.h"
#include "deliver/shard.h"
#include "http/url.h"

enum {
    DELIVER_LANE_FLOOR = 32,     /* items any lane may have while there is room at all */
    DELIVER_REFILL_MAX = 256,    /* rows asked for at a time */
    DELIVER_PIPELINE = 16,       /* windows of brokers are this many times wider: confirms are answered in bulk */
    DELIVER_REFILL_LOW = 16,     /* waiting items below which a lane asks for more */
    DELIVER_RECORDING_TIMES = 4, /* outcomes being recorded: this many times in_flight_max */
    DELIVER_RESPONSE_SLACK = 4   /* bytes asked for beyond what is kept, to cut at a character */
};

#define DELIVER_NEVER INT64_MAX
#define DELIVER_SECOND_US INT64_C(1000000)

struct deliver_lane;
struct deliver_item;

/* In the order of a delivery's way through memory. */
enum deliver_where {
    DELIVER_WAITING,   /* in its lane's heap */
    DELIVER_LOADING,   /* its payload is on the way; holds a place in the lane's window */
    DELIVER_FLYING,    /* an attempt is under way */
    DELIVER_RECORDING, /* its outcome is */
    DELIVER_GONE       /* finished, remembered until the refill under way has answered */
};

struct deliver_item {
    struct id message;
    uint8_t state;   /* enum store_state */
    uint8_t trigger; /* enum store_trigger */
    uint8_t where;   /* enum deliver_where */
    bool is_untrusted; /* in flight: counts into the shard's untrusted half */
    int attempt_count;
    int64_t due_us;
    int64_t again_due_us; /* recording: the store has it pending once more since then, due then; 0: not known */
    size_t _place;
    struct deliver_lane *lane;
    struct store_message *payload; /* a reference, or NULL: to be loaded */
    struct deliver_item *_chain;   /* in the set */
    struct deliver_item *next;     /* in one list: free, loading, gone */
};

/* Deliveries in memory by message and endpoint, and their pool. */
struct deliver_items {
    struct deliver_item **_buckets;
    size_t _bucket_count;
    size_t count;
    struct deliver_item *_free;
    struct arena _blocks;
};
void deliver_items_init(struct deliver_items *set);
void deliver_items_fini(struct deliver_items *set);
struct deliver_item *deliver_items_find(const struct deliver_items *set, const struct id *message, int64_t endpoint);
struct deliver_item *deliver_items_add(struct deliver_items *set, const struct id *message, struct deliver_lane *lane);
void deliver_items_remove(struct deliver_items *set, struct deliver_item *item);

/* Lanes in order of arrival. */
struct deliver_queue {
    struct deliver_lane *first, *last;
    size_t len;
};
void deliver_queue_push(struct deliver_queue *q, struct deliver_lane *lane);
void deliver_queue_remove(struct deliver_queue *q, struct deliver_lane *lane);

/* An application in use: its view is held here for all its lanes. */
struct deliver_app {
    int64_t num;
    struct core_app *view;
    bool is_wanted;        /* being loaded */
    bool has_changed;      /* since it was asked for: what comes is out of date */
    bool is_gone;
    int64_t retry_at_us;   /* it could not be loaded; not before then */
    struct deliver_lane *lanes;
};

enum deliver_place { DELIVER_NOWHERE, DELIVER_TIMED, DELIVER_READY, DELIVER_READY_UNTRUSTED, DELIVER_HUNGRY, DELIVER_IDLE };

struct deliver_lane {
    int64_t endpoint;
    struct deliver_app *app;
    struct deliver_lane *app_next, *app_prev;
    struct deliver_lane *queue_next, *queue_prev;
    uint8_t place; /* enum deliver_place */
    size_t _slot;  /* in the heap of lanes */
    int64_t next_us;

    const struct core_endpoint *ep; /* in app->view; NULL: look it up */
    struct http_url url;            /* of ep */
    bool is_url_good;
    uint64_t url_hash;
    bool is_recheck_due; /* configuration changed: look at once, whatever the lane waits for */
    bool awaits_app;
    bool is_gone;        /* endpoint or application deleted */
    bool is_disabled;    /* by us, until the view says so or otherwise */
    bool was_disabled;   /* as of the last look */
    bool is_ordered;     /* as of the last look; see order.c */
    bool is_settling;    /* ordered: a failed attempt is being recorded */

    struct deliver_heap waiting;
    size_t item_count;   /* wherever they are */
    int in_flight;
    struct deliver_pace pace;
    bool is_parked; /* from the first parking until a probe succeeds */

    bool has_more;
    bool is_refilling;
    int64_t store_due_us;
    int64_t horizon_us;
    struct id horizon_message;
    int64_t left_due_us; /* the lowest due time left in the store since the refill was asked for */
    struct deliver_item *gone;

    int64_t failing_since_us;
    int64_t health_told_us;
    bool is_health_dirty;
    int64_t idle_since_us;
};

struct deliver_attempt;

struct deliver_shard {
    const struct clock *clock;
    const struct rng *rng;
    struct id_source *ids;
    struct fetch *fetch;
    struct broker_client *broker; /* NULL: none */
    struct deliver_backend backend;
    struct deliver_limits limits;
    int64_t delays_us[CORE_RETRY_MAX];
    struct str user_agent;
    void (*wake)(void *ctx);
    void *wake_ctx;

    int64_t now_us;      /* wall */
    int64_t offset_us;   /* wall - mono */
    int64_t swept_us;
    bool is_running, is_woken, is_stopping;

    struct map64 *lanes;
    struct map64 *apps;
    struct map64 *loading; /* by id_key: items whose payload is on the way */
    size_t loading_count;
    struct deliver_items items;
    size_t payload_bytes;
    struct deliver_heap timed;
    struct deliver_queue ready, untrusted, hungry, idle;

    int in_flight, untrusted_in_flight, recording;
    size_t parked;
    struct deliver_attempt *flying;  /* list */
    struct deliver_attempt *unrecorded; /* the store refused; tried again */
    int64_t record_again_us;
    struct deliver_attempt *free_attempts;
};

/* --- shard.c */
void deliver_shard_wake(struct deliver_shard *s);
void deliver_shard_tell_time(struct deliver_shard *s);

/* --- lane.c: where a lane waits */
struct deliver_lane *deliver_lane_make(struct deliver_shard *s, int64_t app, int64_t endpoint);
struct deliver_lane *deliver_lane_find(const struct deliver_shard *s, int64_t endpoint);
/* To be called after anything changed that a lane depends on. */
void deliver_lane_place(struct deliver_shard *s, struct deliver_lane *lane);
/* One turn: at most one attempt or cancellation. False: there was no room for it, nothing happened. */
bool deliver_lane_serve(struct deliver_shard *s, struct deliver_lane *lane);
/* `endpoint`: its id, for the log; the lane itself may have let go of its view by then. */
void deliver_lane_park(struct deliver_shard *s, struct deliver_lane *lane, struct str endpoint);
void deliver_lane_unpark(struct deliver_shard *s, struct deliver_lane *lane, struct str endpoint);
void deliver_lane_sweep_idle(struct deliver_shard *s);
void deliver_lane_free(struct deliver_shard *s, struct deliver_lane *lane);

/* --- order.c: lanes that keep order */
/* Nothing may be sent now; an answer that is on its way brings the lane on. */
bool deliver_order_holds(const struct deliver_lane *lane);
/* Before a turn: when the store has earlier ones that cannot be read beside those in memory, these go back. */
void deliver_order_restore(struct deliver_shard *s, struct deliver_lane *lane);

/* --- view.c: what a lane knows of its endpoint */
struct deliver_app *deliver_view_app(struct deliver_shard *s, int64_t num);
void deliver_view_release(struct deliver_shard *s, struct deliver_app *app); /* if it has no lanes left */
/* True: lane->ep is set, or lane->is_gone. False: it has been asked for. */
bool deliver_view_resolve(struct deliver_shard *s, struct deliver_lane *lane);

/* --- backlog.c: what is in memory and what only in the store */
/* Into memory if there is room, else left in the store. `payload` may be NULL. */
void deliver_backlog_add(struct deliver_shard *s, struct deliver_lane *lane, const struct store_due *due, struct store_message *payload);
/* The store has a delivery due then that is not in memory. */
void deliver_backlog_leave(struct deliver_lane *lane, int64_t due_us);
/* An item whose outcome was recorded and that is due again. */
void deliver_backlog_again(struct deliver_shard *s, struct deliver_item *item, int64_t due_us);
void deliver_backlog_finished(struct deliver_shard *s, struct deliver_item *item);
/* Gives all waiting items back to the store. */
void deliver_backlog_give_back(struct deliver_shard *s, struct deliver_lane *lane);
bool deliver_backlog_could_refill(const struct deliver_shard *s, const struct deliver_lane *lane);
/* Asks for more if the lane is running low. */
void deliver_backlog_refill(struct deliver_shard *s, struct deliver_lane *lane);
void deliver_backlog_hold_payload(struct deliver_shard *s, struct deliver_item *item, struct store_message *payload);
void deliver_backlog_drop_payload(struct deliver_shard *s, struct deliver_item *item);

/* --- attempt.c: one attempt from start to its recorded outcome */
bool deliver_attempt_may_load(const struct deliver_shard *s); /* another payload */
bool deliver_attempt_has_room(const struct deliver_shard *s); /* for another outcome */
/* The item is due and its lane may send. */
void deliver_attempt_dispatch(struct deliver_shard *s, struct deliver_item *item);
void deliver_attempt_cancel(struct deliver_shard *s, struct deliver_item *item,
                            enum store_reason why);
void deliver_attempt_record_again(struct deliver_shard *s);
void deliver_attempt_cut(struct deliver_shard *s);
void deliver_attempt_free_pool(struct deliver_shard *s);

/* --- health.c: how long an endpoint has done nothing but fail */
void deliver_health_success(struct deliver_shard *s, struct deliver_lane *lane);
/* `app` and `endpoint`: their ids, for the log. */
struct deliver_names {
    struct str app, endpoint;
};
void deliver_health_failure(struct deliver_shard *s, struct deliver_lane *lane, const struct deliver_names *names, bool is_gone,
                            const struct store_outcome *o);
void deliver_health_flush(struct deliver_shard *s, struct deliver_lane *lane);
