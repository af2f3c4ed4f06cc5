/* SPDX-License-Identifier: Apache-2.0
 *
 * For whoever has a table in config.db: rows in and out of the statements of a transaction. Modules above use it for
 * tables that only they know; their schema stands with the others in migrations.c, as the file has one version.
 */
#pragma once

#include "db/db.h"
#include "store/config.h"

/* The connection of a transaction, borrowed. */
struct db *store_tx_db(struct store_tx *tx);

/* Fills one row from the statement's columns; strings into the arena. */
typedef void (*store_row_fn)(struct db_stmt *s, struct arena *a, void *row);

/* The one row of a bound statement. RC_NOT_FOUND. */
MUST_USE enum rc store_row_one(struct db_stmt *s, store_row_fn read, struct arena *a, void *out);
/* All rows; *out in the arena. */
MUST_USE enum rc store_row_all(struct db_stmt *s, store_row_fn read, size_t size, struct arena *a,
                               void **out, size_t *count);
/* Runs a bound INSERT of one row that ends in RETURNING num. RC_CONFLICT: a unique value is taken. RC_NOT_FOUND: it
 * inserts what a SELECT finds, which was nothing. */
MUST_USE enum rc store_row_insert(struct db_stmt *s, int64_t *num);
/* Runs a bound UPDATE or DELETE of one row. RC_NOT_FOUND: there was none. */
MUST_USE enum rc store_row_change(struct db *db, struct db_stmt *s);
