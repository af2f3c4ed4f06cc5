/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the move share: the rows of `cell_move`, and connections.
 */
#pragma once

#include "store/config_priv.h"
#include "store/copy/rows_priv.h"
#include "store/move.h"
#include "store/postgres/postgres_priv.h"

enum { MOVE_STEP = 16, MOVE_COUNTS = 256, MOVE_ROWS_MAX = 64, MOVE_WORDS = 1000 };

/* A row of `cell_move`. */
struct move_row {
    int64_t org, made; /* `made` tells one move of an organisation from the next */
    bool is_incoming, is_canceled;
    char id[STORE_MOVE_TEXT], other[STORE_MOVE_TEXT];
    char step[MOVE_STEP];
    char words[MOVE_WORDS];
    int64_t held_us, changed_us; /* wall clock; when it was held, when the step began */
    struct store_move_counts counts;
};
bool store_move_row_is(const struct move_row *row, const char *step);
bool store_move_row_is_over(const struct move_row *row);

#define MOVE_COLUMNS \
    "org, incoming, made, id, other, step, words, cancel, held, changed, counts"

/* A read of `cell_move` from another database, or the own one: `where` is SQL after WHERE. */
MUST_USE enum rc store_move_rows_read(struct postgres_conn *c, const char *where, struct move_row *out, size_t max, size_t *count);
/* The row of an organisation. RC_NOT_FOUND. */
MUST_USE enum rc store_move_row_find(struct postgres_conn *c, int64_t org, bool is_incoming, struct move_row *out);
/* Writes the row, in the write transaction of whoever calls. */
MUST_USE enum rc store_move_row_put(struct store_tx *tx, const struct move_row *row);
/* Is it still as `row` has it? RC_BUSY: another node has gone on with it, or (`minds_cancel`) it was canceled meanwhile. */
MUST_USE enum rc store_move_row_check(struct store_tx *tx, const struct move_row *row, bool minds_cancel);
/* The same as a condition in SQL. */
void store_move_row_condition(const struct move_row *row, char *out, size_t max);
MUST_USE enum rc store_move_row_delete(struct store_tx *tx, int64_t org, bool is_incoming);
void store_move_counts_write(const struct store_move_counts *n, char out[static MOVE_COUNTS]);

/* What is an organisation's, in SQL for store_move_sql(). */
#define MOVE_SOURCES "(SELECT num FROM source WHERE org = @)"
#define MOVE_APPS STORE_MOVE_APPS("@")

/* The text with each '@' as the organisation's number; xfree(). */
char *store_move_sql(const char *text, int64_t org);

/* Connections that reads and writes of a move take their time on. */
void store_move_conn_init(struct postgres_conn *c, const char *url);
MUST_USE enum rc store_move_conn_open(struct postgres_conn *c);
/* A transaction that sees one state, and its end, which nothing depends on. */
MUST_USE enum rc store_move_read_begin(struct postgres_conn *c);
void store_move_read_end(struct postgres_conn *c);

/* Where the column at `at` (-1: there is none) has the number of an internal organisation, it gets another one. 0: there is none. */
void store_move_row_translate(struct copy_row *row, int at, int64_t internal, int64_t to);

/* Number of rows and a sum that does not depend on their order. */
struct move_digest {
    int64_t rows;
    uint64_t sum;
};
void store_move_digest_row(struct move_digest *d, struct buf *scratch, const char *kinds, const struct copy_row *row);
