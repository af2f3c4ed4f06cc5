/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/params_priv.h.
 */
#include "store/postgres/params_priv.h"

/* --- parameters ------------------------------------------------------------------------------------- */

void store_postgres_params_init(struct postgres_params *p)
{
    p->count = 0;
}

static int next_param(struct postgres_params *p, enum db_type type)
{
    MUST(p->count < POSTGRES_PARAMS_MAX);
    p->types[p->count] = (unsigned)type;
    p->formats[p->count] = 1;
    return p->count++;
}

void store_postgres_params_int(struct postgres_params *p, int64_t value)
{
    int at = next_param(p, DB_TYPE_INT8);
    db_write_number(p->numbers[at], (uint64_t)value, 8);
    p->values[at] = (const char *)p->numbers[at];
    p->lengths[at] = 8;
}

void store_postgres_params_bytes(struct postgres_params *p, enum db_type type, struct str value)
{
    int at = next_param(p, type);
    p->values[at] = value.ptr;
    p->lengths[at] = (int)value.len;
}

void store_postgres_params_array(struct postgres_params *p, struct db_array *a)
{
    struct str bytes = db_array_bytes(a);
    int at = next_param(p, db_array_type(a));
    p->values[at] = bytes.ptr;
    p->lengths[at] = (int)bytes.len;
}

/* --- columns ------------------------------------------------------------------------------------------ */

void store_postgres_columns_init(struct postgres_columns *c, const enum db_type *types)
{
    *c = (struct postgres_columns){ 0 };
    for (; types[c->count] != 0; c->count++) {
        MUST(c->count < POSTGRES_PARAMS_MAX);
        db_array_init(&c->at[c->count], types[c->count]);
    }
}

void store_postgres_columns_fini(struct postgres_columns *c)
{
    for (size_t i = 0; i < c->count; i++)
        db_array_fini(&c->at[i]);
}

void store_postgres_columns_reset(struct postgres_columns *c)
{
    c->rows = 0;
    for (size_t i = 0; i < c->count; i++)
        db_array_reset(&c->at[i]);
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
