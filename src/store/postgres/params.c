/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/array_priv.h. An array on the wire: dimensions, has nulls, type, count, lower bound; then each element
 * with its length. All in network order.
 */
#include "store/postgres/array_priv.h"

enum { HEAD_BYTES = 20, ARRAY_MAX = 1 << 30, NULL_LENGTH = -1 };

static void put_number(uint8_t *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> 8 * (size - 1 - i));
}

struct element_type {
    enum postgres_type element, array;
    size_t size; /* of a number; 0: it is none */
};

static const struct element_type *type_of(enum postgres_type element)
{
    static const struct element_type all[] = {
        { POSTGRES_BOOL, POSTGRES_BOOLS, 1 }, { POSTGRES_INT2, POSTGRES_INT2S, 2 },
        { POSTGRES_INT4, POSTGRES_INT4S, 4 }, { POSTGRES_INT8, POSTGRES_INT8S, 8 },
        { POSTGRES_TEXT, POSTGRES_TEXTS, 0 }, { POSTGRES_BYTEA, POSTGRES_BYTEAS, 0 },
        { POSTGRES_UUID, POSTGRES_UUIDS, 0 },
    };
    size_t i = 0;
    while (all[i].element != element) {
        i++;
        MUST(i < COUNT_OF(all));
    }
    return &all[i];
}

/* Groups are bounded far below what an array may hold. */
static void array_put(struct postgres_array *a, const void *bytes, size_t len)
{
    enum rc rc = buf_add(&a->bytes, bytes, len);
    MUST(rc == RC_OK);
}

void store_postgres_array_init(struct postgres_array *a, enum postgres_type element)
{
    *a = (struct postgres_array){ .element = element };
    buf_init(&a->bytes, ARRAY_MAX);
    store_postgres_array_reset(a);
}

void store_postgres_array_fini(struct postgres_array *a)
{
    buf_fini(&a->bytes);
}

void store_postgres_array_reset(struct postgres_array *a)
{
    static const uint8_t head[HEAD_BYTES] = { 0 };
    buf_reset(&a->bytes);
    a->count = 0;
    a->has_null = false;
    array_put(a, head, sizeof head);
}

void store_postgres_array_add_int(struct postgres_array *a, int64_t value)
{
    uint8_t bytes[12];
    size_t size = type_of(a->element)->size;
    MUST(size > 0);
    put_number(bytes, size, 4);
    put_number(bytes + 4, (uint64_t)value, size);
    array_put(a, bytes, 4 + size);
    a->count++;
}

void store_postgres_array_add_bytes(struct postgres_array *a, struct str value)
{
    uint8_t length[4];
    if (value.ptr == NULL) {
        store_postgres_array_add_null(a);
        return;
    }
    put_number(length, value.len, sizeof length);
    array_put(a, length, sizeof length);
    array_put(a, value.ptr, value.len);
    a->count++;
}

void store_postgres_array_add_null(struct postgres_array *a)
{
    uint8_t length[4];
    put_number(length, (uint64_t)NULL_LENGTH, sizeof length);
    array_put(a, length, sizeof length);
    a->has_null = true;
    a->count++;
}

void store_postgres_array_add_all(struct postgres_array *a, const struct postgres_array *more)
{
    MUST(a->element == more->element);
    array_put(a, more->bytes.ptr + HEAD_BYTES, more->bytes.len - HEAD_BYTES);
    a->count += more->count;
    a->has_null = a->has_null || more->has_null;
}

/* --- parameters ------------------------------------------------------------------------------------- */

void store_postgres_params_init(struct postgres_params *p)
{
    p->count = 0;
}

static int next_param(struct postgres_params *p, enum postgres_type type)
{
    MUST(p->count < POSTGRES_PARAMS_MAX);
    p->types[p->count] = (unsigned)type;
    p->formats[p->count] = 1;
    return p->count++;
}

void store_postgres_params_int(struct postgres_params *p, int64_t value)
{
    int at = next_param(p, POSTGRES_INT8);
    put_number(p->numbers[at], (uint64_t)value, 8);
    p->values[at] = (const char *)p->numbers[at];
    p->lengths[at] = 8;
}

void store_postgres_params_bytes(struct postgres_params *p, enum postgres_type type,
                                 struct str value)
{
    int at = next_param(p, type);
    p->values[at] = value.ptr;
    p->lengths[at] = (int)value.len;
}

void store_postgres_params_array(struct postgres_params *p, struct postgres_array *a)
{
    int at = next_param(p, type_of(a->element)->array);
    uint8_t *head = (uint8_t *)a->bytes.ptr;
    put_number(head, a->count > 0, 4);
    put_number(head + 4, a->has_null, 4);
    put_number(head + 8, (uint64_t)a->element, 4);
    put_number(head + 12, a->count, 4);
    put_number(head + 16, 1, 4);
    p->values[at] = a->bytes.ptr;
    p->lengths[at] =
        a->count > 0 ? (int)a->bytes.len : 12; /* one without elements has no dimension */
}

/* --- columns ------------------------------------------------------------------------------------------ */

void store_postgres_columns_init(struct postgres_columns *c, const enum postgres_type *types)
{
    *c = (struct postgres_columns){ 0 };
    for (; types[c->count] != 0; c->count++) {
        MUST(c->count < POSTGRES_PARAMS_MAX);
        store_postgres_array_init(&c->at[c->count], types[c->count]);
    }
}

void store_postgres_columns_fini(struct postgres_columns *c)
{
    for (size_t i = 0; i < c->count; i++)
        store_postgres_array_fini(&c->at[i]);
}

void store_postgres_columns_reset(struct postgres_columns *c)
{
    c->rows = 0;
    for (size_t i = 0; i < c->count; i++)
        store_postgres_array_reset(&c->at[i]);
}

void store_postgres_columns_params(struct postgres_columns *c, struct postgres_params *out)
{
    for (size_t i = 0; i < c->count; i++)
        store_postgres_params_array(out, &c->at[i]);
}

size_t store_postgres_columns_bytes(const struct postgres_columns *c)
{
    size_t bytes = 0;
    for (size_t i = 0; i < c->count; i++)
        bytes += c->at[i].bytes.len;
    return bytes;
}
