/* SPDX-License-Identifier: Apache-2.0
 *
 * See db/array.h. An array on the wire: dimensions, has nulls, type, count, lower bound; then each element after its
 * length. All in network order.
 */
#include "db/array.h"

enum { HEAD_BYTES = 20, HEAD_OF_NONE_BYTES = 12, ARRAY_BYTES_MAX = 1 << 30, NULL_LENGTH = -1 };

void db_write_number(uint8_t *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> 8 * (size - 1 - i));
}

struct element_type {
    enum db_type element, array;
    size_t size; /* of a number; 0: it is none */
};

static const struct element_type *type_of(enum db_type element)
{
    static const struct element_type all[] = {
        { DB_TYPE_BOOL, DB_TYPE_BOOLS, 1 }, { DB_TYPE_INT2, DB_TYPE_INT2S, 2 },
        { DB_TYPE_INT4, DB_TYPE_INT4S, 4 }, { DB_TYPE_INT8, DB_TYPE_INT8S, 8 },
        { DB_TYPE_TEXT, DB_TYPE_TEXTS, 0 }, { DB_TYPE_BYTEA, DB_TYPE_BYTEAS, 0 },
        { DB_TYPE_UUID, DB_TYPE_UUIDS, 0 },
    };
    size_t i = 0;
    while (all[i].element != element) {
        i++;
        MUST(i < COUNT_OF(all));
    }
    return &all[i];
}

/* Groups are bounded far below what an array may hold. */
static void array_put(struct db_array *a, const void *bytes, size_t len)
{
    enum rc rc = buf_add(&a->bytes, bytes, len);
    MUST(rc == RC_OK);
}

void db_array_init(struct db_array *a, enum db_type element)
{
    *a = (struct db_array){ .element = element };
    buf_init(&a->bytes, ARRAY_BYTES_MAX);
    db_array_reset(a);
}

void db_array_fini(struct db_array *a)
{
    buf_fini(&a->bytes);
}

void db_array_reset(struct db_array *a)
{
    static const uint8_t head[HEAD_BYTES] = { 0 };
    buf_reset(&a->bytes);
    a->count = 0;
    a->has_null = false;
    array_put(a, head, sizeof head);
}

void db_array_add_int(struct db_array *a, int64_t value)
{
    uint8_t bytes[12];
    size_t size = type_of(a->element)->size;
    MUST(size > 0);
    db_write_number(bytes, size, 4);
    db_write_number(bytes + 4, (uint64_t)value, size);
    array_put(a, bytes, 4 + size);
    a->count++;
}

void db_array_add_bytes(struct db_array *a, struct str value)
{
    uint8_t length[4];
    if (value.ptr == NULL) {
        db_array_add_null(a);
        return;
    }
    db_write_number(length, value.len, sizeof length);
    array_put(a, length, sizeof length);
    array_put(a, value.ptr, value.len);
    a->count++;
}

void db_array_add_null(struct db_array *a)
{
    uint8_t length[4];
    db_write_number(length, (uint64_t)NULL_LENGTH, sizeof length);
    array_put(a, length, sizeof length);
    a->has_null = true;
    a->count++;
}

void db_array_add_all(struct db_array *a, const struct db_array *more)
{
    MUST(a->element == more->element);
    array_put(a, more->bytes.ptr + HEAD_BYTES, more->bytes.len - HEAD_BYTES);
    a->count += more->count;
    a->has_null = a->has_null || more->has_null;
}

enum db_type db_array_type(const struct db_array *a)
{
    return type_of(a->element)->array;
}

/* One without elements has no dimension. */
struct str db_array_bytes(struct db_array *a)
{
    uint8_t *head = (uint8_t *)a->bytes.ptr;
    db_write_number(head, a->count > 0, 4);
    db_write_number(head + 4, a->has_null, 4);
    db_write_number(head + 8, (uint64_t)a->element, 4);
    db_write_number(head + 12, a->count, 4);
    db_write_number(head + 16, 1, 4);
    return a->count > 0 ? buf_str(&a->bytes) : str_of(a->bytes.ptr, HEAD_OF_NONE_BYTES);
}

void db_bind_array(struct db_stmt *s, int at, struct db_array *a)
{
    db_bind_blob(s, at, db_array_bytes(a));
}
