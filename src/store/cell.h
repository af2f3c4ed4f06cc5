/* SPDX-License-Identifier: Apache-2.0
 *
 * Cells: databases with their nodes, which share the organisations among them (docs/internals/cells.md). Each organisation
 * lives in one cell, and nothing but the cells' own databases says in which: a node asks them, by one indexed query, and
 * only reads.
 *
 * A cell has a name and a number. All rows that are numbered get their numbers from the cell's own range, so that an
 * organisation can move to another cell as it is.
 */
#pragma once

#include "store/config.h"

enum {
    STORE_CELL_NAME_MAX = 32,
    STORE_CELL_NUMBER_MAX = 1023,
    STORE_CELL_NUMBER_SHIFT = 40 /* a range has 2^40 numbers; all of them are exact in JSON */
};

/* Letters, digits and hyphens, at most STORE_CELL_NAME_MAX. */
bool store_cell_is_name(struct str name);

/* Which cell the store's database is: it is noted in it the first time, and its numbers begin in their range
 * from then on. RC_CONFLICT: it is another one, or has organisations with numbers of another range; `why` says what to
 * do. An empty name: RC_CONFLICT if it is a cell at all. PostgreSQL only. */
MUST_USE enum rc store_cell_claim(struct store *s, struct str name, int64_t number, struct buf *why);

/* --- what is looked for ------------------------------------------------------------------------------- */

enum store_sought_kind {
    STORE_SOUGHT_TOKEN,       /* a token, session or code, by `hash` */
    STORE_SOUGHT_SOURCE,      /* a source, by `hash` of a token in its URL */
    STORE_SOUGHT_CHAIN,       /* a webfilter chain, the same */
    STORE_SOUGHT_ORG,         /* an organisation, by the id `name` */
    STORE_SOUGHT_USER,        /* a user, by `name` and the name or id of a `tenant`, which may be empty */
    STORE_SOUGHT_USER_NUMBER, /* a user, by `number` */
    STORE_SOUGHT_KINDS
};

struct store_sought {
    enum store_sought_kind kind;
    uint8_t hash[32]; /* of all that is below, where it is not the key itself: what answers are remembered by */
    int64_t number;
    struct str name, tenant;
};

/* --- another cell's database --------------------------------------------------------------------------- */

struct store_cell;
/* One thread at a time. Blocks for some seconds at most. RC_IO: it cannot be had; RC_INVALID: it is no database of Grapnel's,
 * or of a version that knows of no cells. `why` in words, and without the URL. */
MUST_USE enum rc store_cell_open(const char *url, struct store_cell **out, struct buf *why);
void store_cell_close(struct store_cell *c); /* NULL is fine */
struct db *store_cell_db(struct store_cell *c); /* for what is sealed there (store/sealed.h) */

/* Does the organisation that has this live there, or is it on its way to or from there? After RC_IO the connection may be
 * of no more use (store_cell_is_lost()). */
MUST_USE enum rc store_cell_has(struct store_cell *c, const struct store_sought *sought, bool *has);
bool store_cell_is_lost(const struct store_cell *c);

struct store_cell_facts {
    char name[STORE_CELL_NAME_MAX + 1]; /* "": nobody has named it */
    int64_t number;                     /* -1: none */
    int64_t organisations;              /* that live there, without the one for operational webhooks */
};
MUST_USE enum rc store_cell_look(struct store_cell *c, struct store_cell_facts *out);
