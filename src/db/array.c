/* SPDX-License-Identifier: Apache-2.0
 *
 * See db/array.h. An array on the wire: dimensions, has nulls, type, count, lower bound; then each element after its
 * length. All in network order.
 */
#include "db/array.h"

enum { HEAD_BYTES = 20, HEAD_OF_NONE_BYTES = 12, ARRAY_BYTES_MAX = 1 << 30 };

static void write_number(uint8_t *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> 8 * (size - 1 - i));
}

/* Whoever fills it knows the bounds. */
static void array_append(struct db_array *a, const void *bytes, size_t len)
{
    enum rc rc = buf_add(&a->bytes, bytes, len);
    MUST(rc == RC_OK);
}

void db_array_init(struct db_array *a, enum db_array_element element)
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
    array_append(a, head, sizeof head);
}

void db_array_add_int(struct db_array *a, int64_t value)
{
    uint8_t bytes[4 + 8];
    MUST(a->element == DB_ARRAY_BIGINT);
    write_number(bytes, 8, 4);
    write_number(bytes + 4, (uint64_t)value, 8);
    array_append(a, bytes, sizeof bytes);
    a->count++;
}

void db_array_add_bytes(struct db_array *a, struct str value)
{
    uint8_t length[4];
    MUST(a->element == DB_ARRAY_BYTEA);
    write_number(length, value.len, sizeof length);
    array_append(a, length, sizeof length);
    array_append(a, value.ptr, value.len);
    a->count++;
}

void db_bind_array(struct db_stmt *s, int at, struct db_array *a)
{
    uint8_t *head = (uint8_t *)a->bytes.ptr;
    write_number(head, a->count > 0, 4);
    write_number(head + 4, 0, 4);
    write_number(head + 8, (uint64_t)a->element, 4);
    write_number(head + 12, a->count, 4);
    write_number(head + 16, 1, 4);
    db_bind_blob(s, at,
                 a->count > 0 ? buf_str(&a->bytes) : str_of(a->bytes.ptr, HEAD_OF_NONE_BYTES));
}
