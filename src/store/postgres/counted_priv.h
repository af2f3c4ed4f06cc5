/* SPDX-License-Identifier: Apache-2.0
 *
 * How many deliveries of an endpoint are in which state, kept in memory for messages that are older than a moment, so that
 * counting does not cost more with each attempt. What is kept is exact. It is counted in the database once, and every
 * group of outcomes that is committed moves what it has moved.
 *
 * Deliveries are counted in cells of 16 seconds of message keys. A slice is what is known of one endpoint in one segment:
 * all of its messages from one key up to another.
 *
 * Counting takes a while, and deliveries move meanwhile. So a count is announced before its snapshot is taken. A group
 * that begins to commit after the snapshot is not in it: its moves are noted and made when the count is kept. Of a group
 * that was under way nobody knows whether it is in the snapshot: what it moved is not kept, and is counted again at the
 * next call.
 *
 * Only the node at work may keep counts: nobody else moves its deliveries. Any thread, unless it says something else.
 */
#pragma once

#include "store/flow.h"

#include <stdatomic.h>

enum { POSTGRES_CELL_BITS = 36 /* of a key */ };

/* Deliveries of a cell by state. */
struct counted_cell {
    int64_t at; /* key >> POSTGRES_CELL_BITS */
    int32_t by_state[6];
};

struct counted_cells {
    struct counted_cell *at; /* ascending */
    size_t count, room;
};

struct counted_slice;

struct counted_move {
    int64_t k;
    int from, to;    /* states; 0: none */
    bool is_unclear; /* whether it is in the snapshot */
};

struct postgres_counted {
    struct mutex lock;
    struct map64 *slices;                  /* by endpoint: the first of its slices */
    struct counted_slice *oldest, *newest; /* by when they were asked for */
    size_t room_used;
    struct counted_watch *watches;
    _Atomic int64_t top_k;                 /* nothing from here on is kept, or being counted to be kept */
    uint64_t turn;                         /* odd: a group of outcomes is being committed */
};

/* A count that is under way. Filled in by the calls below. */
struct counted_watch {
    int64_t endpoint;
    uint64_t since;    /* the turn at the snapshot */
    bool has_snapshot, is_spoilt;
    struct counted_move *moves;
    size_t move_count, move_room;
    struct counted_watch *next;
};

void store_postgres_counted_init(struct postgres_counted *c);
void store_postgres_counted_fini(struct postgres_counted *c);

/* --- who counts --------------------------------------------------------------------------------------------- */

/* Before the snapshot; messages with keys from top_k on will not be kept. */
void store_postgres_counted_watch(struct postgres_counted *c, struct counted_watch *w, int64_t endpoint, int64_t top_k);
/* There is a snapshot now. */
void store_postgres_counted_seen(struct postgres_counted *c, struct counted_watch *w);
void store_postgres_counted_unwatch(struct postgres_counted *c, struct counted_watch *w);

/* If something is kept of the endpoint in the segment that begins at low_k or before it: adds its cells between the keys, and where it
 * ends. False: nothing is. */
bool store_postgres_counted_sum(struct postgres_counted *c, int64_t endpoint, int segment, int64_t low_k, int64_t high_k,
                                struct store_counts *out, int64_t *before_k);
/* Keeps what was counted in the watch's snapshot, of messages from a key and before another, if that can be done exactly: behind what
 * is kept, or in its place if it begins earlier. Takes the cells. */
void store_postgres_counted_keep(struct postgres_counted *c, struct counted_watch *w, int segment, int64_t from_k, int64_t before_k,
                                 struct counted_cells *cells);

/* Cells start zeroed. Rows may be added in any order, and are settled then, before anything else. */
void store_postgres_cells_add(struct counted_cells *cells, int64_t at, int64_t state, int64_t count);
void store_postgres_cells_settle(struct counted_cells *cells);
/* Adds those between two keys, which are bounds of cells or of the segment. */
void store_postgres_cells_sum(const struct counted_cells *cells, int64_t low_k, int64_t high_k, struct store_counts *out);
void store_postgres_cells_fini(struct counted_cells *cells);

/* --- who writes --------------------------------------------------------------------------------------------- */

/* Thread of the outcomes. Before a group's COMMIT is sent; again, when it goes again. */
void store_postgres_counted_begin(struct postgres_counted *c);
/* It is committed, and moved this; `from` 0: there was no such delivery. */
void store_postgres_counted_move(struct postgres_counted *c, int64_t k, int64_t endpoint, int from, int to);
/* That was all; or it is not committed, and moved nothing. */
void store_postgres_counted_end(struct postgres_counted *c);

/* Rows have come or gone beside all that, with keys from `from_k` on: whatever is kept of them is forgotten. After the commit. */
void store_postgres_counted_forget(struct postgres_counted *c, int64_t from_k);
