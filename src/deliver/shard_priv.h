/* SPDX-License-Identifier: Apache-2.0
 *
 * What a shard is made of. Items (deliveries in memory) belong to lanes, lanes to the node of their
 * application. Times are the store's (docs/internals/time.md), read once a turn; a jump of it moves
 * everything that counts from "now" along (shard.c).
 *
 * Which deliveries of a lane are in memory: all whose key (due time, message) is not above `horizon`,
 * and perhaps some above it. While `has_more` is set there may be others in the store, none due before
 * `store_due_us`. Rows that come twice are recognised by the set of items (item.c).
 */
#pragma once

#include "deliver/given_up_priv.h"
#include "deliver/heap_priv.h"
#include "deliver/pace_priv.h"
#include "deliver/shard.h"

enum {
    DELIVER_LANE_FLOOR = 32,     /* items any lane may have while there is room at all */
    DELIVER_REFILL_MAX = 256,    /* rows asked for at a time */
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
    bool is_erased; /* its payload is, or it was canceled: it ends where it is, unless it is asked for again */
    bool has_place; /* waiting: the throttles let it through, and it was ready when others had just begun */
    int attempt_count;
    int ahead_count;     /* this and the next two: as in struct store_due */
    int64_t retry_at_us;
    int64_t asked_us;
    int64_t due_us;
    int64_t again_due_us; /* recording: the store has it pending once more since then, due then; 0: not known */
    size_t _place;
    struct deliver_lane *lane;
    struct store_message *payload; /* a reference, or NULL: to be loaded */
    struct deliver_transform *transform; /* with has_place: what was made of the payload; NULL: it is sent as it is */
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

/* Lanes in order of arrival. */
struct deliver_queue {
    struct deliver_lane *first, *last;
    size_t len;
};

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

    const struct core_endpoint *ep; /* a reference; NULL: look it up in app->view */
    uint64_t url_hash;
    bool is_recheck_due; /* configuration changed: look at once, whatever the lane waits for */
    bool awaits_app;
    bool is_gone;        /* endpoint or application deleted */
    bool is_held;        /* its organisation is: nothing of it is served; see hold.c */
    bool is_disabled;    /* by us, until the view says so or otherwise */
    bool was_disabled;   /* as of the last look */
    bool is_ordered;     /* as of the last look; see order.c */

    struct deliver_heap waiting;
    size_t item_count;   /* wherever they are */
    int in_flight;
    int recording;       /* outcomes on their way to the store */
    struct deliver_pace pace;
    bool is_parked; /* from the first parking until a probe succeeds */

    bool has_more;
    bool is_refilling;
    int64_t store_due_us;
    int64_t horizon_us;
    struct id horizon_message;
    int64_t left_due_us; /* the lowest due time left in the store since the refill was asked for */
    struct deliver_item *gone;

    int64_t failing_since_us; /* 0: it does not fail */
    int64_t last_failure_us;
    int64_t failure_told_us;  /* the last failure as it was told */
    int64_t health_told_us;
    bool is_health_dirty;
    int64_t idle_since_us;
};

struct deliver_attempt;

struct deliver_shard {
    const struct clock *clock, *wall;
    const struct rng *rng;
    struct id_source *ids;
    struct dest_clients clients;
    struct deliver_backend backend;
    struct deliver_limits limits;
    int64_t delays_us[CORE_RETRY_MAX];
    struct str user_agent;
    void (*wake)(void *ctx);
    void *wake_ctx;

    int64_t now_us;      /* the store's time */
    int64_t offset_us;   /* ... minus the monotonic clock */
    int64_t wall_us;     /* wall clock at now_us */
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
    struct deliver_attempt *stuck;      /* it refused these for their own rows' sake; each is tried again alone */
    int stuck_count;                    /* not in `recording`: they must not keep others from being sent */
    int64_t record_again_us;
    struct deliver_attempt *free_attempts[DEST_COUNT + 1]; /* by kind; the last: of none */
    struct deliver_given_up *given_up; /* what the log was told */
};
