/* SPDX-License-Identifier: Apache-2.0
 *
 * How the deliveries that a group of outcomes touches stand: as the database has it, and then as each job of the group
 * leaves it for the next one. In the end, the rows that say so. Thread of the outcomes.
 */
#pragma once

#include "store/postgres/postgres_priv.h"
#include "store/postgres/waiting_priv.h"

struct stand {
    int64_t k; /* of the message */
    struct store_stand now;
    int64_t last_at_us;
    /* Its row in `attempt` with the greatest ak, and what that says; 0: none. Of one that waits only the ak is known. */
    int64_t tip;
    enum store_state tip_state;
    enum store_reason tip_reason;
    bool is_young, is_waiting; /* before the group */
    int state_before;          /* 0: there was no such delivery */
    bool is_read, is_changed;
    struct stand *same, *next;
};

struct stands {
    struct store_postgres *store;
    struct map64 *by_hash;
    struct stand *first, *last;
    struct postgres_columns asked;    /* msg, endpoint: to be read */
    struct postgres_columns attempts;
    struct postgres_columns waiting;
    struct postgres_columns ended;    /* msg, endpoint: no longer in `waiting` */
};

void store_postgres_stands_init(struct stands *g, struct store_postgres *s);
void store_postgres_stands_fini(struct stands *g);
void store_postgres_stands_reset(struct stands *g);
/* The one of a delivery, made when it is asked for first; what is young needs no reading. */
struct stand *store_postgres_stands_add(struct stands *g, const struct id *message, int64_t app, int64_t endpoint);
struct stand *store_postgres_stands_find(struct stands *g, int64_t k, int64_t endpoint);
/* In the group's transaction: those that were added since. A round trip, or two. */
void store_postgres_stands_read(struct stands *g, struct postgres_conn *c);
/* RC_CONFLICT: it is not in the state to move from. */
MUST_USE enum rc store_postgres_stand_move(struct stand *at, const struct store_move *m);
/* The row of an attempt, after its move. */
void store_postgres_stands_attempt(struct stands *g, struct stand *at, const struct store_outcome *o);
/* All is decided: makes the rows of what has changed. */
void store_postgres_stands_settle(struct stands *g);
void store_postgres_stands_send(struct stands *g, struct postgres_conn *c, bool is_replay);
void store_postgres_stands_committed(struct stands *g);
