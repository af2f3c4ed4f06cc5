/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole column as one parameter, so that many rows cost one statement. PostgreSQL only. The statement says of which
 * type it is: unnest(CAST(? AS BIGINT[])) or unnest(CAST(? AS BYTEA[])). One owner; not thread-safe.
 */
#pragma once

#include "db/db.h"

/* By the numbers that PostgreSQL gives its types. */
enum db_array_element { DB_ARRAY_BIGINT = 20, DB_ARRAY_BYTEA = 17 };

struct db_array {
    enum db_array_element element;
    struct buf bytes;
    uint32_t count;
};
void db_array_init(struct db_array *a, enum db_array_element element);
void db_array_fini(struct db_array *a);
void db_array_reset(struct db_array *a); /* empty again; keeps the memory */
void db_array_add_int(struct db_array *a, int64_t value);        /* of BIGINT */
void db_array_add_bytes(struct db_array *a, struct str value);   /* of BYTEA; copied */
/* Borrowed until step/reset. One without elements is fine. */
void db_bind_array(struct db_stmt *s, int at, struct db_array *a);
