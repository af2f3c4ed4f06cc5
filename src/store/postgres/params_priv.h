/* SPDX-License-Identifier: Apache-2.0
 *
 * The parameters of a statement in PostgreSQL's binary form: numbers, bytes, and whole columns of what is to be written
 * (db/array.h). One owner; not thread-safe.
 */
#pragma once

#include "db/array.h"

enum { POSTGRES_PARAMS_MAX = 32 };

/* The parameters of one statement, in order. Arrays and bytes are borrowed until it is sent. */
struct postgres_params {
    int count;
    unsigned types[POSTGRES_PARAMS_MAX];
    const char *values[POSTGRES_PARAMS_MAX];
    int lengths[POSTGRES_PARAMS_MAX];
    int formats[POSTGRES_PARAMS_MAX];
    uint8_t numbers[POSTGRES_PARAMS_MAX][8];
};
void store_postgres_params_init(struct postgres_params *p);
void store_postgres_params_int(struct postgres_params *p, int64_t value); /* an INT8 */
void store_postgres_params_bytes(struct postgres_params *p, enum db_type type, struct str value);
void store_postgres_params_array(struct postgres_params *p, struct db_array *a);
/* Several columns, one array each, that one row after another is added to: `types` are the elements', ended by 0. */
struct postgres_columns {
    size_t count, rows;
    struct db_array at[POSTGRES_PARAMS_MAX];
};
void store_postgres_columns_init(struct postgres_columns *c, const enum db_type *types);
void store_postgres_columns_fini(struct postgres_columns *c);
void store_postgres_columns_reset(struct postgres_columns *c);
void store_postgres_columns_params(struct postgres_columns *c, struct postgres_params *out); /* adds all to *out */
size_t store_postgres_columns_bytes(const struct postgres_columns *c);
