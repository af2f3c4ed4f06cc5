/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows between two databases of different kinds. A row is read by a SELECT of the one and written by an INSERT of the
 * other; the columns of both are in the same order. A string of letters says what they are:
 *
 *   l i h   an integer of 8, 4, 2 bytes      o   a boolean
 *   t       text                              b   bytes      u   a uuid, as 16 bytes
 *
 * In SQLite all that counts is whether it is a number, a text or bytes.
 */
#pragma once

#include "db/db.h"
#include "store/postgres/connection_priv.h"

enum { COPY_COLUMNS_MAX = POSTGRES_PARAMS_MAX };

struct copy_value {
    bool is_null;
    int64_t number;   /* of integers and booleans */
    struct str bytes; /* of all others */
};

struct copy_row {
    size_t count;
    struct copy_value at[COPY_COLUMNS_MAX];
};

/* Bytes are borrowed for the call. Anything but RC_OK ends the reading with it. */
typedef enum rc (*copy_row_fn)(void *ctx, struct copy_row *row);

/* One of the two. Who reads or writes through it says what went wrong in `why`, once. */
struct copy_side {
    struct db *file;              /* SQLite; NULL: it is the server */
    struct postgres_conn *server; /* in a transaction */
    const char *name;             /* for words: a path; borrowed */
    struct buf *why;
};

/* All rows of a SELECT, in order. */
MUST_USE enum rc store_copy_each(const struct copy_side *from, const char *sql, const char *kinds, copy_row_fn fn, void *ctx);
/* The number in the first column of the first row; 0 without one, and for NULL. */
MUST_USE enum rc store_copy_number(const struct copy_side *from, const char *sql, int64_t *out);
/* Statements without rows. */
MUST_USE enum rc store_copy_run(const struct copy_side *side, const char *sql);

/* Rows into one table. A row that is there already is left as it is. */
struct copy_sink {
    const struct copy_side *side;
    const char *kinds; /* borrowed, as the side and the side's `why` are */
    int64_t count;     /* rows given so far */
    char *sql;
    struct db_stmt *insert;          /* SQLite */
    struct postgres_columns columns; /* the server: rows that were not sent yet */
};
/* `columns`: their names, separated by commas. */
void store_copy_sink_init(struct copy_sink *s, const struct copy_side *side, const char *table, const char *columns,
                          const char *kinds);
void store_copy_sink_fini(struct copy_sink *s); /* fine on a zeroed one */
MUST_USE enum rc store_copy_sink_put(struct copy_sink *s, const struct copy_row *row);
MUST_USE enum rc store_copy_sink_end(struct copy_sink *s); /* all of it is sent */
