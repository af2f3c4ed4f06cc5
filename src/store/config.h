/* SPDX-License-Identifier: Apache-2.0
 *
 * Transactions on the configuration database, and what every entity file shares. Worker threads
 * only; all calls block. One file per entity: store/application.h, store/endpoint.h, ...
 *
 * Numbers (`num`) are small, never reused, and stand for a row everywhere inside; ids ("app_...")
 * are what the outside sees. Strings that come out live in the arena.
 */
#pragma once

#include "db/db.h"
#include "store/store.h"

struct store_tx;

/* A read snapshot. Ends with store_end(). RC_IO. */
MUST_USE enum rc store_read(struct store *s, struct store_tx **out);
/* The one write transaction; waits for the one before. RC_IO, RC_BUSY after 5 s. */
MUST_USE enum rc store_write(struct store *s, struct store_tx **out);
/* Durable when it returns RC_OK; ends the transaction in any case. */
MUST_USE enum rc store_commit(struct store_tx *tx);
/* Ends it, undoing what was not committed. NULL is fine. */
void store_end(struct store_tx *tx);
/* Ends what went so far as `rc` says: commits after RC_OK, else undoes. What failed first is returned. */
MUST_USE enum rc store_finish(struct store_tx *tx, enum rc rc);

/* A page of a list, in the Svix way. */
struct store_page {
    int limit; /* 1..250 */
    /* Iterator: the last id (or name) of the page before; empty: from the start. */
    struct str after;
    bool backwards; /* the iterator was "-<id>": the page that ends before it */
    bool descending;
    bool is_forward; /* from a time on: pages go towards what is newer (set by the API, for its iterators) */
    /* What flows, with a filter: come back short after looking at so many rows; 0: never. */
    int64_t rows_max;
};
/* What came: count of rows, and whether there are more in the paging direction. */
struct store_page_end {
    size_t count;
    bool done;
    bool is_short; /* by rows_max; the next page is after `resume`, which is no row's id */
    struct id resume;
};
enum { STORE_SEARCH_ROWS = 50000 }; /* rows_max of the API's lists */

/* Settings: small named values (schema version, generated main secret, ...). */
MUST_USE enum rc store_setting_get(struct store_tx *tx, const char *name, struct arena *a,
                                   struct str *out); /* RC_NOT_FOUND */
MUST_USE enum rc store_setting_set(struct store_tx *tx, const char *name, struct str value);

/* Answers remembered for idempotent POSTs other than messages (those are in the segments). In the
 * same transaction as the change they answer. */
struct store_answer {
    int status;
    struct str body;
    uint8_t body_hash[16]; /* of the request */
    int64_t org;           /* whose; 0: nobody's. Written, not read */
};
MUST_USE enum rc store_answer_find(struct store_tx *tx, const uint8_t key[static 16],
                                   int64_t not_before_us, struct arena *a,
                                   struct store_answer *out);
MUST_USE enum rc store_answer_put(struct store_tx *tx, const uint8_t key[static 16], int64_t now_us,
                                  const struct store_answer *answer);
