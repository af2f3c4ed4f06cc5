/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters of a statement in PostgreSQL's binary form: numbers, bytes, and arrays that hold a whole column of what is
 * to be written. One owner; not thread-safe.
 */
#pragma once

#include "base/base.h"

/* The types that are used, by the numbers PostgreSQL gives them. */
enum postgres_type {
    POSTGRES_BOOL = 16,
    POSTGRES_BYTEA = 17,
    POSTGRES_INT8 = 20,
    POSTGRES_INT2 = 21,
    POSTGRES_INT4 = 23,
    POSTGRES_TEXT = 25,
    POSTGRES_UUID = 2950,
    POSTGRES_BOOLS = 1000,
    POSTGRES_BYTEAS = 1001,
    POSTGRES_INT2S = 1005,
    POSTGRES_INT4S = 1007,
    POSTGRES_TEXTS = 1009,
    POSTGRES_INT8S = 1016,
    POSTGRES_UUIDS = 2951
};

/* One column, element after element. */
struct postgres_array {
    enum postgres_type element;
    struct buf bytes;
    uint32_t count;
    bool has_null;
};
void store_postgres_array_init(struct postgres_array *a, enum postgres_type element);
void store_postgres_array_fini(struct postgres_array *a);
void store_postgres_array_reset(struct postgres_array *a); /* empty again; keeps the memory */
void store_postgres_array_add_int(struct postgres_array *a, int64_t value); /* of INT2, INT4, INT8 and BOOL */
void store_postgres_array_add_bytes(struct postgres_array *a, struct str value); /* ptr NULL: NULL */
void store_postgres_array_add_null(struct postgres_array *a);
void store_postgres_array_add_all(struct postgres_array *a, const struct postgres_array *more); /* of the same type */

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
void store_postgres_params_bytes(struct postgres_params *p, enum postgres_type type, struct str value);
void store_postgres_params_array(struct postgres_params *p, struct postgres_array *a);
/* Several columns, one array each, that one row after another is added to: `types` are the elements', ended by 0. */
struct postgres_columns {
    size_t count, rows;
    struct postgres_array at[POSTGRES_PARAMS_MAX];
};
void store_postgres_columns_init(struct postgres_columns *c, const enum postgres_type *types);
void store_postgres_columns_fini(struct postgres_columns *c);
void store_postgres_columns_reset(struct postgres_columns *c);
void store_postgres_columns_params(struct postgres_columns *c, struct postgres_params *out); /* adds all to *out */
size_t store_postgres_columns_bytes(const struct postgres_columns *c);
