/* SPDX-License-Identifier: Apache-2.0
 *
 * What is committed, as it happens, for those who look on: small records of numbers and ids, never payloads. Without
 * anybody a commit costs the store thread one load. With somebody it writes a record for each job and posts blocks of
 * them to the loops that have lookers-on; when these do not keep up, blocks are left out and counted.
 */
#pragma once

#include "base/id.h"
#include "loop/loop.h"
#include "stats/stats.h"

enum stats_event_kind {
    STATS_EVENT_MESSAGE, /* accepted */
    STATS_EVENT_ATTEMPT, /* an attempt, or the end of a delivery without one */
    STATS_EVENT_REQUEST, /* at a source */
    STATS_EVENT_RUN,     /* of a filter chain */
    STATS_EVENT_TASK,    /* a background task has come further */
    STATS_EVENT_KINDS
};
enum { STATS_EVENT_TYPE_MAX = 64 };

struct stats_event {
    enum stats_event_kind kind;
    uint8_t state;       /* ATTEMPT: enum store_state; REQUEST: enum store_request_outcome; RUN: 1: halted */
    bool has_attempt;    /* ATTEMPT */
    uint8_t type_len;
    int16_t status;      /* ATTEMPT: of the answer, 0: none came; REQUEST: what was answered */
    uint16_t number;     /* ATTEMPT: from 1; MESSAGE: endpoints it goes to; RUN: filters that took part. At most 65,535 */
    struct id id;        /* of the message, attempt, request or run */
    struct id message;   /* ATTEMPT: of its message */
    int64_t org, app;    /* numbers; a source's app is its hidden one */
    int64_t object;      /* ATTEMPT: endpoint; REQUEST: source; TASK: its number; 0: none */
    int64_t at_us;       /* wall clock */
    int64_t took_us;     /* ATTEMPT, RUN */
    char type[STATS_EVENT_TYPE_MAX]; /* event type, or the chain's event; cut */
};

/* Embedded in whoever looks on; belongs to one loop. */
struct stats_looker {
    /* On the loop's thread. `lost`: events that were left out since the last call. Must not remove itself. */
    void (*see)(void *arg, const struct stats_event *events, size_t count, uint64_t lost);
    void *arg;
    struct stats_looker *_next, *_prev;
    uint64_t _lost;
};

/* On the thread of `loop`, which is one of stats_options.loops. */
void stats_live_add(struct stats *s, struct loop *loop, struct stats_looker *l);
void stats_live_remove(struct stats *s, struct loop *loop, struct stats_looker *l);

/* Shows one event that is not a store job's. Any thread. */
void stats_live_show(struct stats *s, const struct stats_event *e);
/* Is anybody looking? Any thread. */
bool stats_live_is_watched(const struct stats *s);
