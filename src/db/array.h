/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole column as one parameter, so that many rows cost one statement. PostgreSQL only: unnest(CAST(? AS BIGINT[])),
 * unnest(CAST(? AS BYTEA[])) and so on. One owner; not thread-safe.
 */
#pragma once

#include "db/db.h"

/* The types that are used, by the numbers that PostgreSQL gives them. */
enum db_type {
    DB_TYPE_BOOL = 16,
    DB_TYPE_BYTEA = 17,
    DB_TYPE_INT8 = 20,
    DB_TYPE_INT2 = 21,
    DB_TYPE_INT4 = 23,
    DB_TYPE_TEXT = 25,
    DB_TYPE_UUID = 2950,
    DB_TYPE_BOOLS = 1000,
    DB_TYPE_BYTEAS = 1001,
    DB_TYPE_INT2S = 1005,
    DB_TYPE_INT4S = 1007,
    DB_TYPE_TEXTS = 1009,
    DB_TYPE_INT8S = 1016,
    DB_TYPE_UUIDS = 2951
};

struct db_array {
    enum db_type element;
    struct buf bytes;
    uint32_t count;
    bool has_null;
};
void db_array_init(struct db_array *a, enum db_type element);
void db_array_fini(struct db_array *a);
void db_array_reset(struct db_array *a); /* empty again; keeps the memory */
void db_array_add_int(struct db_array *a, int64_t value);      /* of INT2, INT4, INT8 and BOOL */
void db_array_add_bytes(struct db_array *a, struct str value); /* copied; ptr NULL: NULL */
void db_array_add_null(struct db_array *a);
void db_array_add_all(struct db_array *a, const struct db_array *more);
/* As it goes over the wire, and of which type it is. Borrowed until it is added to. One without elements is fine. */
struct str db_array_bytes(struct db_array *a);
enum db_type db_array_type(const struct db_array *a);
/* Borrowed until step/reset. */
void db_bind_array(struct db_stmt *s, int at, struct db_array *a);

/* A number in network order. */
void db_write_number(uint8_t *out, uint64_t value, size_t size);
