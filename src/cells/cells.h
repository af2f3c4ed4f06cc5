/* SPDX-License-Identifier: Apache-2.0
 *
 * The other cells, as the node at work of one cell sees them (store/cell.h says what a cell is). What a request proves
 * itself with, and nobody here knows, is looked for in the other cells' databases; what is found is passed on over the link
 * (link/link.h) to the node at work there, which answers.
 *
 *   struct cells *cells = cells_new(&options);
 *   router_options.elsewhere = (struct http_elsewhere){ cells, cells_knows, cells_asks };
 *   cells_start(cells);
 *
 * Each other cell has a thread here, with two connections to its database: over one it looks who is at work there, over the
 * other it asks for what is sought. No loop and no worker waits for either. Answers are remembered, in bounded memory:
 * where something is, until the cell there says that it is not; that it is nowhere, for CELLS_NOWHERE_US to twice as long.
 * Look-ups are bounded too, for each address and in all. A request that a cell passed on is not passed on again.
 */
#pragma once

#include "http/router.h"
#include "link/link.h"
#include "store/cell.h"
#include "store/store.h"

enum {
    CELLS_OTHERS_MAX = 63,
    CELLS_LOOKUPS_A_SECOND = 1000, /* of a node; each may ask all the others */
    CELLS_LOOKUPS_OF_ONE = 500,    /* of one address */
    CELLS_NOWHERE_US = 5000000,
    CELLS_ADDRESS_MAX = 128
};

struct cells;

struct cells_other {
    const char *name, *url; /* borrowed for good */
};
struct cells_options {
    const char *name; /* this cell's; borrowed for good */
    const struct cells_other *others; /* copied */
    size_t other_count;
    struct loop **loops; /* calls are passed on from these */
    size_t loop_count;
    struct fetch_policy *policy; /* must allow the nodes' addresses */
    SSL_CTX *tls;                /* the client's end of the link */
    const struct store_options *store; /* this node's own; copied */
    int64_t patience_us; /* how long a request waits while nobody is at work in the other cell */
};
struct cells *cells_new(const struct cells_options *o);
/* RC_LIMIT: no threads are left; what was started stops with cells_stop(). */
MUST_USE enum rc cells_start(struct cells *c);
/* From now on nothing is asked, and what waits for an answer is told that nobody could be asked. While the loops can still be
 * turned. NULL is fine. */
void cells_stop(struct cells *c);
/* After the http_servers whose calls it passes on are gone, and cells_stop(). NULL is fine. */
void cells_free(struct cells *c);

/* Forgets where everything is: an organisation has come here. Any thread. NULL is fine. */
void cells_forget(struct cells *c);

/* For struct http_elsewhere. Loop threads. */
bool cells_knows(void *cells, struct http_request *req, const void *sought);
bool cells_asks(void *cells, struct http_request *req);

/* What operators see of each. */
enum cells_reach {
    CELLS_UNKNOWN,   /* not looked at yet */
    CELLS_AT_WORK,
    CELLS_NOBODY,    /* its database can be had, and no node is at work, or the one that is has not said where yet */
    CELLS_AWAY       /* its database cannot be had */
};
const char *cells_reach_name(enum cells_reach reach); /* "unknown", "at work", "nobody at work", "away" */
struct cells_state {
    const char *name;
    enum cells_reach reach;
    char address[CELLS_ADDRESS_MAX]; /* of the node at work, as last known; "": it is not */
    int64_t passed;                  /* requests, since the start */
};
/* How many; at most CELLS_OTHERS_MAX. Any thread. NULL: none. */
size_t cells_state(struct cells *c, struct cells_state *out);
