/* SPDX-License-Identifier: Apache-2.0
 *
 * A move that is worked on, and what the other cell says of it.
 */
#pragma once

#include "store/move/row_priv.h"

struct store_mover {
    struct store_mover_options o;
    struct store_postgres *store;
    const struct move_row *now; /* what is worked on: nothing is written once another node has gone on with it */
    struct postgres_conn own; /* reads of the own database */
    struct postgres_conn *far; /* one for each of o.others */
    int64_t settled_org, settled_us; /* whose drain is waited for, and what has to be settled since when */
    int settled_times;
};

/* Everything is read from `from`, in the other cell's database, and written to the own one. */
struct move_in {
    struct store_mover *m;
    int64_t org;
    int64_t from_internal, own_internal; /* numbers of the internal organisations; 0: that cell has none */
    const char *from_url;
    struct postgres_conn from, from_details; /* the other cell's database */
    struct postgres_conn read, read_details; /* the own one */
    struct postgres_conn write;              /* the own one, under the fence */
    struct store_move_counts counts;
    int64_t looked_us; /* when it was last asked whether the move was canceled */
    struct buf *why;
};
bool store_move_in_goes_on(struct move_in *in); /* false: the server stops, or the move was canceled */

/* The connection to a cell's database, and its URL (may be NULL); NULL: cell.others does not have it. */
struct postgres_conn *store_move_far_of(struct store_mover *m, const char *cell, const char **url);
/* The other cell's row of a move that comes from there. RC_NOT_FOUND: it does not mean this move any more. */
MUST_USE enum rc store_move_far_row(struct store_mover *m, const struct move_row *row, struct move_row *out);
