/* SPDX-License-Identifier: Apache-2.0
 *
 * What is committed, as it happens, for those who look on: small records of numbers and ids, never payloads. Without
 * anybody a commit costs the store thread one load. Lookers who want the same are one audience. The store thread counts for
 * each audience what it wants, and writes a bounded sample of it (STATS_SAMPLE a second) into the audience's ring; lookers
 * come by and copy. So nobody is woken, and neither many lookers nor much traffic cost more than the counting.
 *
 * An audience outlives its last looker by STATS_LINGER_US, so that one who was cut off and comes back gets what it missed
 * (stats_live_resume()): what its ring still holds. What is not there any more is counted.
 */
#pragma once

#include "base/id.h"
#include "stats/stats.h"

enum stats_event_kind {
    STATS_EVENT_MESSAGE, /* accepted */
    STATS_EVENT_ATTEMPT, /* an attempt, or the end of a delivery without one */
    STATS_EVENT_REQUEST, /* at a source */
    STATS_EVENT_RUN,     /* of a filter chain */
    STATS_EVENT_TASK,    /* a background task has come further */
    STATS_EVENT_KINDS
};
enum {
    STATS_EVENT_TYPE_MAX = 64,
    STATS_AUDIENCES_MAX = 64,
    STATS_SAMPLE = 200, /* records a second that an audience gets at most */
    STATS_SAMPLE_BURST = 100, /* and so many at once after a silence */
    STATS_RING = 1024, /* records that an audience keeps for lookers who have not come yet */
    STATS_LINGERING_MAX = 16, /* audiences without a looker; then the one left longest ago goes */
    STATS_LINGER_KEPT = 500 /* records that are kept of what such an audience wants, the first ones */
};
#define STATS_LINGER_US INT64_C(60000000)

/* What became of it. An event has one of the first, and an attempt its class as well. */
enum stats_word {
    STATS_WORD_SUCCESS,
    STATS_WORD_FAIL,
    STATS_WORD_CANCELED,
    STATS_WORD_ACCEPTED, /* of requests; the next three, too */
    STATS_WORD_REJECTED,
    STATS_WORD_DUPLICATE,
    STATS_WORD_IGNORED,
    STATS_WORD_HALTED,
    STATS_WORD_PASSED,
    STATS_WORD_NONE, /* no answer; then 1xx to 5xx */
    STATS_WORDS = STATS_WORD_NONE + 6
};

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
    uint64_t place;      /* among all that its audience wanted, from 1, those of which no record was kept included */
    char type[STATS_EVENT_TYPE_MAX]; /* event type, or the chain's event; cut */
};

/* Which events somebody wants: all of it must hold. */
struct stats_want {
    int64_t org;  /* always this one's only */
    int64_t app;  /* 0: any, as below */
    int64_t endpoint, source;
    unsigned kinds; /* bits 1 << enum stats_event_kind */
    unsigned words; /* bits 1 << enum stats_word; 0: any */
};
bool stats_want_matches(const struct stats_want *want, const struct stats_event *e);

/* How much there was. */
struct stats_seen {
    uint64_t kinds[STATS_EVENT_KINDS]; /* all that was wanted, shown or not */
    uint64_t left_out;                 /* of it, what the sample had no place for */
};

/* Embedded in whoever looks on; one thread's at a time. */
struct stats_looker {
    struct stats_audience *_audience;
    uint64_t _at;
    struct stats_seen _before;
};

/* RC_LIMIT: there are STATS_AUDIENCES_MAX kinds of wants already. What is committed from now on is seen. Any thread. */
MUST_USE enum rc stats_live_add(struct stats *s, const struct stats_want *want, struct stats_looker *l);

/* How far a looker got: to be kept by it, and good in this run of the server for the same want. */
struct stats_place {
    uint64_t run;      /* of the server */
    uint64_t audience; /* counts up in a run */
    uint64_t event;    /* stats_event.place of the last one; 0: none yet */
};
enum stats_hole {
    STATS_HOLE_NONE,      /* everything since then will be seen */
    STATS_HOLE_TOO_MANY,  /* so many came since that not all of them were kept */
    STATS_HOLE_FORGOTTEN, /* nobody looked on for STATS_LINGER_US, or the place is one in events of another want */
    STATS_HOLE_RESTART    /* the place is another run's */
};
struct stats_resumed {
    enum stats_hole hole;
    uint64_t missed;      /* TOO_MANY: how many will not be seen */
    size_t told;          /* records of before this call, which the next stats_live_take() calls give first */
    struct stats_place at; /* where it goes on: behind the hole */
};
/* As stats_live_add(), and goes on behind `from`, or begins now (NULL). `from` may be anything: what is not a place among
 * the events of this want has a hole. */
MUST_USE enum rc stats_live_resume(struct stats *s, const struct stats_want *want, const struct stats_place *from,
                                   struct stats_looker *l, struct stats_resumed *out);
void stats_live_remove(struct stats *s, struct stats_looker *l);

/* What there was since the last time: up to `max` records, oldest first, and how much in all (`seen`, added to). `lost`
 * is added to as well: records of the sample that this looker came too late for; a ring holds a second and more. `now_us`:
 * monotonic. Returns the number of records. Whoever looks on has to come several times a second, or the sample gets no
 * further. */
size_t stats_live_take(struct stats_looker *l, int64_t now_us, struct stats_event *events, size_t max,
                       struct stats_seen *seen, uint64_t *lost);

/* Shows one event that is not a store job's. Any thread. */
void stats_live_show(struct stats *s, const struct stats_event *e);
/* Is anybody looking? Any thread. */
bool stats_live_is_watched(const struct stats *s);
