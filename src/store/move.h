/* SPDX-License-Identifier: Apache-2.0
 *
 * Moving an organisation from one cell to another, with everything that is kept of it, while both serve all others
 * (docs/internals/cells-move.md). Nobody directs it: each cell's node at work looks at the rows of `cell_move` in its own database and
 * in the others', does what is next on its side, and writes that down. So a move goes on by itself after whatever was killed has
 * started again, and a command only writes and reads such rows.
 *
 *   the cell that has it                           the cell that gets it
 *   asked     a command asked for it
 *   holding   held: what is under way is drained
 *   held      nothing changes any more             cleaning  what an earlier move left is deleted
 *                                                  copying   rows come, and are compared
 *                                                  there     all of it is there, and the same
 *   gone      it is not served here any more       served    it lives here
 *   done      its rows are deleted
 *   canceled, refused                              dropping  the move was canceled: what came is deleted
 *
 * An organisation is served where `moving` of its row is empty, and nowhere else. The cell that has it says "gone" only after the other
 * has said "there", and that one says "served" only after "gone".
 */
#pragma once

#include "store/flow.h"

/* A cell's database. */
struct store_move_cell {
    const char *name, *url;
};

/* How much went over. */
struct store_move_counts {
    int64_t rows; /* of what is configured, the audit log among it */
    int64_t messages, attempts, waiting, requests, filter_runs, keys;
};

/* In the SQL of a cell's database: the organisation that hidden applications belong to, and all applications of the one whose number the
 * text `org` is. Those of its sources, and the one of its operational webhooks, are hidden. */
#define STORE_MOVE_INTERNAL \
    "(SELECT num FROM organisation WHERE id =" \
    " (SELECT convert_from(value, 'UTF8') FROM setting WHERE name = 'operational_org'))"
#define STORE_MOVE_APPS(org) \
    "(SELECT num FROM application WHERE org = " org " UNION SELECT app FROM source WHERE org = " org \
    " UNION SELECT num FROM application WHERE org = " STORE_MOVE_INTERNAL \
    " AND uid = (SELECT id FROM organisation WHERE num = " org "))"

/* --- the node at work ------------------------------------------------------------------------------------- */

struct store_mover;
struct store_mover_options {
    struct store *store;
    const char *name;                     /* this cell's */
    const struct store_move_cell *others; /* borrowed, as all that is here */
    size_t other_count;
    /* The organisation that hidden applications belong to (core/events.h); made if there is none. */
    enum rc (*internal_org)(void *ctx, int64_t *num);
    /* Of those that are held: is nothing under way? False: it is asked again. */
    bool (*is_drained)(void *ctx);
    /* An organisation that has left another cell is about to be served here. */
    void (*arrives)(void *ctx);
    /* An organisation is not held any more; `list` is what waits of it. */
    void (*resume)(void *ctx, const struct store_due_endpoint *list, size_t count);
    /* Copies what others keep in the database of another cell for these subjects (their numbers), beside the store's own rows. It
     * may be called again. NULL: nobody does. */
    enum rc (*beside)(void *ctx, const char *from_url, int64_t org, struct buf *why);
    const atomic_bool *is_stopping; /* comes back as soon as it can */
    void *ctx;
};
struct store_mover *store_mover_new(const struct store_mover_options *o);
void store_mover_free(struct store_mover *m); /* NULL is fine */
/* Does what is next of all moves. True: one is under way, ask again soon; else in a second or so. Blocks, for as long as it takes to copy an
 * organisation; a thread of its own. */
bool store_mover_round(struct store_mover *m);

/* --- a command -------------------------------------------------------------------------------------------- */

enum { STORE_MOVE_TEXT = 128 };
struct store_move {
    char id[STORE_MOVE_TEXT], name[STORE_MOVE_TEXT]; /* the organisation's */
    char from[STORE_MOVE_TEXT], to[STORE_MOVE_TEXT]; /* cells */
    char step[STORE_MOVE_TEXT], there[STORE_MOVE_TEXT]; /* where it has it, and where it gets it; "": no step yet */
    char words[1024];      /* why it was refused, or does not get on; "" */
    int64_t held_us;       /* for how long it was held, or is by now; 0: it is not yet */
    bool is_over;
    int64_t asked_us;      /* wall clock */
    struct store_move_counts counts; /* what is there */
};

/* Asks that `org` (an id or a name) moves to the cell `to`; fine if that is under way. *out: where it stands. RC_NOT_FOUND: no
 * such organisation, or no such cell; RC_CONFLICT: it is there already, or on its way elsewhere, or cannot move, or several have
 * that name. `why` says so. RC_IO. */
MUST_USE enum rc store_move_ask(const struct store_move_cell *cells, size_t count, struct str org, const char *to, struct store_move *out, struct buf *why);
/* Takes that back. RC_NOT_FOUND: nothing of the kind; RC_CONFLICT: several have that name. RC_IO. */
MUST_USE enum rc store_move_take_back(const struct store_move_cell *cells, size_t count, struct str org, struct store_move *out, struct buf *why);
/* Where the last move of each organisation stands; of one with `org`, else all that are under way. Fills out[*found], up to `max`. A
 * cell whose database cannot be had is left out, and `why` says so. */
MUST_USE enum rc store_move_look(const struct store_move_cell *cells, size_t count, struct str org, struct store_move *out, size_t max, size_t *found, struct buf *why);
