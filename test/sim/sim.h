/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulator: one real shard (lanes, retry judgement, everything of deliver but its threads) on a
 * fake clock, with seeded dice, a store in memory and scripted receivers. Nothing sleeps: time moves to
 * the next event. What must always hold is checked where it happens, with the seed in the message.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "deliver/shard.h"

#define SIM_MS INT64_C(1000)
#define SIM_SECOND INT64_C(1000000)
#define SIM_MINUTE (60 * SIM_SECOND)
#define SIM_HOUR (60 * SIM_MINUTE)
#define SIM_DAY (24 * SIM_HOUR)

enum { SIM_APP = 1, SIM_RATE_RING = 1024 };

enum sim_kind {
    SIM_HEALTHY,  /* 200 after 5 to 50 ms */
    SIM_DEAD,     /* refuses connections */
    SIM_HANGING,  /* until the deadline */
    SIM_FLAPPING, /* ten minutes up, ten minutes down */
    SIM_BUSY,     /* 3 in 10: 429 with Retry-After: 20 */
    SIM_BUSY_TILL, /* the same with a date */
    SIM_GONE,     /* 410 */
    SIM_SLOW,     /* 200 after 2 to 8 s */
    SIM_ERRATIC,  /* 500 every other time */
    SIM_REVIVING  /* dead for two hours from the start, then well */
};

struct sim_delivery {
    size_t message;
    int64_t endpoint;
    enum store_state state;
    enum store_reason reason;
    int64_t due_us;
    int attempt_count;
    enum store_trigger trigger;
    int64_t retry_at_us, asked_us;
    int ahead_count;
    bool is_flying;
    bool may_repeat;  /* an outcome was lost in a crash: it may be sent again */
    int sent;         /* attempts that reached the receiver */
    uint32_t priority; /* treap of what is pending at the endpoint, by (due, message) */
    struct sim_delivery *left, *right;
};

struct sim_message {
    struct id id;
    int64_t created_us, deliver_at_us;
    size_t first, count; /* deliveries */
    bool is_expired;
    bool is_erased; /* and the shard was told */
};

struct sim_endpoint {
    enum sim_kind kind;
    int64_t throttle;
    bool is_disabled, is_deleted;
    bool is_ordered;
    int64_t handed_us;                  /* ordered: when the last one is handed over */
    int64_t failing_since_us, last_failure_us;
    struct sim_delivery *pending; /* treap */
    int in_flight, most_in_flight;
    int64_t starts[SIM_RATE_RING];
    size_t start_count;
    int64_t worst_latency_us; /* of first attempts that succeeded */
    int64_t asked_until_us;   /* by the last Retry-After that it sent */
    char date[64];
    size_t successes;
    char url[48];
};

enum sim_event_kind { SIM_EVENT_ANSWER, SIM_EVENT_RECORD, SIM_EVENT_TOLD, SIM_EVENT_REFILL, SIM_EVENT_LOAD, SIM_EVENT_APP, SIM_EVENT_CHANGED, SIM_EVENT_HAND_OVER, SIM_EVENT_ASK, SIM_EVENT_ERASE };

struct sim_event {
    int64_t at_us;
    uint64_t order;
    size_t place;
    enum sim_event_kind kind;
    struct fetch_call *call;
    struct store_outcome *outcome;
    struct sim_delivery *delivery;
    int64_t endpoint;
    struct id message;
    struct store_due *rows;
    size_t count, max;
    struct core_app *view;
    struct store_message *loaded;
};

struct sim_options {
    uint64_t seed;
    struct deliver_limits limits;
    size_t messages_max, deliveries_max;
    bool store_fails;  /* one record in 50 is refused */
    bool is_punctual;  /* no attempt may start more than 100 ms after it is due */
    bool views_vanish; /* half of the look-ups find no cached view */
    int64_t commit_max_us; /* how long a commit may take; 0: 5 ms */
    bool tells_late;   /* the shard hears of an outcome some time after it was committed */
    size_t resends;    /* that many deliveries are sent again by hand in the very group that ends them */
};

struct sim {
    struct sim_options o;
    struct clock_fake clock;
    int64_t stepped_us; /* of the wall clock, in all */
    struct rng_seeded rng;
    struct id_source *ids;
    struct fetch fetch;
    struct deliver_shard *shard;
    bool is_woken;
    int64_t next_run_us;
    struct sim_event **events; /* heap */
    size_t event_count, event_cap;
    uint64_t event_order;
    struct sim_message *messages;
    size_t message_count;
    struct sim_delivery *deliveries;
    size_t delivery_count;
    struct map64 *by_key;
    struct sim_endpoint endpoints[256]; /* by number, from 1 */
    int64_t endpoint_count;
    struct sign_keyring *keyring;
    struct core_app *view;
    bool is_app_deleted;
    int64_t app_throttle;
    int64_t loads_held_until_us; /* no payload comes before; 0: they come as they do */
    size_t most_items, attempts, notices;
    int64_t started_us;
};

#define SIM_CHECK(sim, cond, ...)                                                        \
    do {                                                                                 \
        if (!(cond)) {                                                                   \
            char sim_text_[200];                                                         \
            (void)snprintf(sim_text_, sizeof(sim_text_), __VA_ARGS__);                   \
            fail_msg("seed %llu, %.3f s: %s (%s)", (unsigned long long)(sim)->o.seed,    \
                     (double)((sim)->clock.now_us - (sim)->started_us) / 1e6, #cond, sim_text_); \
        }                                                                                \
    } while (0)

struct sim_options sim_defaults(uint64_t seed);
struct sim *sim_new(const struct sim_options *o);
void sim_free(struct sim *sim);
int64_t sim_add(struct sim *sim, enum sim_kind kind, int64_t throttle); /* before the first view */
int64_t sim_add_ordered(struct sim *sim, enum sim_kind kind);
void sim_changed(struct sim *sim); /* the configuration: new view, the shard is told */

/* A message to these endpoints; due at once or at `deliver_at_us`. */
void sim_publish(struct sim *sim, const int64_t *endpoints, size_t count, int64_t deliver_at_us);
void sim_publish_all(struct sim *sim);
/* Straight into the store, as if from before the start. */
void sim_store_only(struct sim *sim, int64_t endpoint, size_t count);
/* Asked for by hand: what is final becomes pending, what waits is due now. */
void sim_resend(struct sim *sim, struct sim_delivery *d);
/* Its payload is erased: what waits is canceled at once, and the shard is told soon after. */
void sim_erase(struct sim *sim, size_t message);
void sim_run(struct sim *sim, int64_t for_us);
/* Somebody sets the wall clock, forward or back. No request may be under way. */
void sim_step_clock(struct sim *sim, int64_t by_us);
/* The process dies and starts again: what was not recorded is lost. */
void sim_crash(struct sim *sim);
/* Every delivery is final, or pending with a due time. */
void sim_check_nothing_lost(struct sim *sim);
size_t sim_count(const struct sim *sim, int64_t endpoint, enum store_state state);

/* sim_store.c */
int64_t sim_dice(struct sim *sim, int64_t low, int64_t high);
void sim_store_insert(struct sim *sim, struct sim_delivery *d);
void sim_store_remove(struct sim *sim, struct sim_delivery *d);
struct store_due sim_store_row(const struct sim *sim, const struct sim_delivery *d);
size_t sim_store_due(struct sim *sim, int64_t endpoint, int64_t after_due_us, const struct id *after, struct store_due *out, size_t max);
struct sim_delivery *sim_store_first(const struct sim *sim, int64_t endpoint); /* of what is pending; NULL: nothing */
struct sim_delivery *sim_store_find(struct sim *sim, const struct id *message, int64_t endpoint);
enum rc sim_store_apply(struct sim *sim, struct store_outcome *o); /* fills `after` */
struct store_message *sim_store_message(struct sim *sim, const struct id *id);
/* sim_receivers.c */
void sim_receivers_init(struct sim *sim);
void sim_receivers_answer(struct sim *sim, struct fetch_call *c);
/* sim.c */
struct sim_event *sim_event(struct sim *sim, enum sim_event_kind kind, int64_t after_us);
void sim_event_drop(struct sim *sim, struct fetch_call *c); /* its answer, if it is on the way */
