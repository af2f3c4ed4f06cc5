/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules that every backend writes by: what becomes of a publish whose keys were used before, and where an outcome,
 * a cancellation or a request to send again moves a delivery. Nothing here reads or writes a store. Pure; any thread.
 */
#pragma once

#include "store/flow.h"

/* --- publishes -------------------------------------------------------------------------------------- */

/* Looks for an earlier message with the key or event id of `p`: sets its result, and then first and first_created_us. */
typedef enum rc (*store_look_fn)(void *ctx, struct store_publish *p);
/* Looks for `p` and those of its `also`, as its rule says, and sets the result of each. *is_new: something of it is to
 * be written. Fails as `look` does. */
MUST_USE enum rc store_judge_publish(struct store_publish *p, store_look_fn look, void *ctx, bool *is_new);

/* --- deliveries ------------------------------------------------------------------------------------- */

bool store_is_pending(enum store_state state);

/* How a delivery stands in the store. */
struct store_stand {
    struct store_due due; /* state 0: there is no such delivery */
    enum store_reason reason;
    int64_t task;
};

struct store_move {
    enum store_state from;    /* it is not made (RC_CONFLICT) unless the delivery is in this state */
    int64_t was_asked_us;     /* ... and this is its asked_us */
    int64_t last_at_us;       /* 0: as it is */
    int64_t task;             /* 0: as it is */
    enum store_reason reason; /* for states it ends in */
    struct store_due to;      /* attempt_count: at least; 0: as it is */
};

/* When the next attempt is, as this one's outcome has it. */
int64_t store_planned_us(const struct store_outcome *o);
/* The move as the attempt alone decides it. */
struct store_move store_move_of(const struct store_outcome *o);
/* The delivery is not as the outcome's sender knew it: the moves to make instead, one after the other. 0: RC_CONFLICT, and the
 * attempt is not recorded. */
enum { STORE_MOVES_MAX = 2 };
size_t store_moves_instead(const struct store_outcome *o, const struct store_stand *found,
                           struct store_move moves[static STORE_MOVES_MAX]);
/* Of one that waits. */
struct store_move store_move_cancel(const struct store_stand *found, enum store_reason reason);
struct store_move store_move_again(const struct store_requeue *r, const struct store_stand *found);
