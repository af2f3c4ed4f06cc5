/* SPDX-License-Identifier: Apache-2.0
 *
 * Triggers that tell this process of the rows that a transaction writes, from one description for either engine: each
 * row is handed to a function of db_function() or db_text_function(), as it was and as it is.
 *
 * SQLite: the writing connection has them for itself, and the file none. PostgreSQL: they are part of the schema, and
 * what they say goes to whichever connection wrote; a connection that does not listen is told in vain.
 */
#pragma once

#include "db/db.h"

/* SQL: an expression in which `@.` stands for the row, and in words that both engines have, but for those that the list
 * in triggers.c translates. */
struct store_trigger {
    const char *function;
    const char *table;
    const char *when;                  /* rows that are told; NULL: all */
    bool has_age;                      /* the first integer is 0 for the row as it was and 1 for the row as it is */
    const char *integers[3];           /* SQL, the others; NULL where there is none */
    const char *text;                  /* SQL, what comes after the integers; NULL: nothing */
    bool is_new_told;                  /* rows that are inserted, too */
};

/* SQLite: makes it, for this connection. RC_IO and the like, see db_exec(). */
MUST_USE enum rc store_trigger_make(struct db *db, const struct store_trigger *t);
/* PostgreSQL: appends the statements that make it, or make it anew. */
void store_trigger_write(struct buf *sql, const struct store_trigger *t);
