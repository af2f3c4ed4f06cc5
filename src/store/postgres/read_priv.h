/* SPDX-License-Identifier: Apache-2.0
 *
 * How everything here is read: one snapshot a call, and statements made for a segment.
 */
#pragma once

#include "db/db.h"
#include "store/postgres/postgres_priv.h"

typedef enum rc postgres_read_fn(void *ctx, struct db *db);
/* Calls fn with a connection in a read transaction: all its statements see the same. Where the connection turns out to be
 * lost, fn is called once more with another: it begins anew then. Blocks; not a loop thread. RC_IO: no connection is to
 * be had, or fn's. */
MUST_USE enum rc store_postgres_read(struct store_postgres *s, postgres_read_fn *fn, void *ctx);

/* The statement for a segment: each # of `sql` is its number, so that message_# is its table. For db_release(). */
struct db_stmt *store_postgres_prepare(struct db *db, const struct postgres_segment *seg, const char *sql);
/* The same for any number in names of tables. */
struct db_stmt *store_postgres_prepare_number(struct db *db, int number, const char *sql);

/* The cursor of the node at work (young_priv.h): of messages below it, every delivery has a row that says how it stands. 0: there is no node. */
MUST_USE enum rc store_postgres_read_cursor(struct db *db, int64_t *k);

/* A row by two numbers: its key, and what else names it (the message of an attempt). */
struct postgres_key {
    int64_t k, of;
};
/* Binds the keys for POSTGRES_KEYS as parameters 1 and 2; the texts are in the arena. */
void store_postgres_bind_keys(struct db_stmt *s, const struct postgres_key *keys, size_t count, struct arena *a);
/* A list of numbers as a text, for POSTGRES_LIST. */
struct str store_postgres_list(const int64_t *numbers, size_t count, struct arena *a);

/* An array of bigint from a parameter. db.h sends a text as it is, so it is a text first. */
#define POSTGRES_LIST(parameter) "CAST(CAST(" parameter " AS TEXT) AS BIGINT[])"
/* The keys as rows e(key, of, at), in their order. What is to be found by them stands behind it as
 * CROSS JOIN LATERAL (... LIMIT 1): then there is one look into an index for each, whatever the planner believes. */
#define POSTGRES_KEYS "unnest(" POSTGRES_LIST("?1") ", " POSTGRES_LIST("?2") ") WITH ORDINALITY AS e(key, of, at)"

/* Reads that begin with an id, which names the segment. Embedded as the first member of what fn gets. */
struct postgres_by_id {
    struct store_postgres *store;
    struct postgres_segment *segment;
    struct id id;
};
/* As store_postgres_read(), with `read` filled in and its segment held. RC_NOT_FOUND: there is no such segment. */
MUST_USE enum rc store_postgres_read_by_id(struct store_postgres *s, const struct id *id, postgres_read_fn *fn, struct postgres_by_id *read);
/* A statement of its segment whose parameters 1 and 2 are the id's key and the rest of it. For db_release(). */
struct db_stmt *store_postgres_prepare_by_id(struct db *db, const struct postgres_by_id *read, const char *sql);
