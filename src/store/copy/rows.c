/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/copy/rows_priv.h. From the server rows come by a cursor, a few megabytes at a time; to the server they go
 * as arrays of columns, about a megabyte at a time.
 */
#include "store/copy/rows_priv.h"

#include <stdio.h>

enum {
    BATCH_BYTES = 1 << 20,
    BATCH_ROWS = 10000,
    FETCH_FIRST = 50,
    FETCH_ROWS = 5000,
    FETCH_BYTES = 4 << 20,
    SQL_MAX = 8192
};

static bool kind_is_number(char kind)
{
    return kind == 'l' || kind == 'i' || kind == 'h' || kind == 'o';
}

static enum rc file_failed(const struct copy_side *side, enum rc rc)
{
    buf_say(side->why, "%s: %s", side->name, db_error(side->file));
    return rc;
}

static enum rc server_failed(const struct copy_side *side)
{
    buf_say(side->why, "the database: %s", side->server->words);
    return side->server->rc;
}

/* --- reading from a file ------------------------------------------------------------------------------ */

static void file_value(struct db_stmt *s, int column, char kind, struct copy_value *out)
{
    *out = (struct copy_value){ .is_null = db_is_null(s, column) };
    if (kind_is_number(kind))
        out->number = db_int(s, column);
    else if (!out->is_null)
        out->bytes = db_borrow(s, column);
    if (!out->is_null && out->bytes.ptr == NULL)
        out->bytes = STR("");
}

static enum rc file_each(const struct copy_side *from, const char *sql, const char *kinds,
                         copy_row_fn fn, void *ctx)
{
    enum rc rc, read_rc;
    struct copy_row row = { .count = strlen(kinds) };
    struct db_stmt *s = db_prepare_once(from->file, sql);
    for (rc = RC_OK; rc == RC_OK && db_step(s, &read_rc);) {
        for (size_t i = 0; i < row.count; i++)
            file_value(s, (int)i, kinds[i], &row.at[i]);
        rc = fn(ctx, &row);
    }
    if (rc == RC_OK && read_rc != RC_OK)
        rc = file_failed(from, read_rc);
    db_release(s);
    return rc;
}

/* --- reading from the server -------------------------------------------------------------------------- */

static size_t server_row(const PGresult *r, int at, const char *kinds, struct copy_row *row)
{
    size_t bytes = 0;
    for (size_t i = 0; i < row->count; i++) {
        int column = (int)i;
        row->at[i] = (struct copy_value){ .is_null = PQgetisnull(r, at, column) != 0 };
        if (kind_is_number(kinds[i]))
            row->at[i].number = store_postgres_int(r, at, column);
        else
            row->at[i].bytes = store_postgres_bytes(r, at, column);
        bytes += (size_t)PQgetlength(r, at, column) + 16;
    }
    return bytes;
}

/* How many rows of such a size to ask for. */
static int fetch_next(int count, size_t bytes)
{
    size_t fits = (size_t)FETCH_BYTES / (bytes / (size_t)count + 1);
    return fits < 1 ? 1 : fits > FETCH_ROWS ? FETCH_ROWS : (int)fits;
}

static enum rc server_fetch(const struct copy_side *from, const char *kinds, copy_row_fn fn,
                            void *ctx, int *wanted)
{
    char sql[64];
    PGresult *r;
    size_t bytes = 0;
    struct copy_row row = { .count = strlen(kinds) };
    (void)snprintf(sql, sizeof sql, "FETCH FORWARD %d FROM copied", *wanted);
    if (store_postgres_query(from->server, sql, NULL, &r) != RC_OK)
        return server_failed(from);
    enum rc rc = RC_OK;
    int count = PQntuples(r);
    for (int i = 0; rc == RC_OK && i < count; i++) {
        bytes += server_row(r, i, kinds, &row);
        rc = fn(ctx, &row);
    }
    *wanted = count < *wanted ? 0 : fetch_next(count, bytes);
    PQclear(r);
    return rc;
}

static enum rc server_each(const struct copy_side *from, const char *sql, const char *kinds,
                           copy_row_fn fn, void *ctx)
{
    struct buf declare;
    int wanted = FETCH_FIRST;
    buf_init(&declare, SQL_MAX);
    buf_say(&declare, "DECLARE copied NO SCROLL CURSOR FOR %s", sql);
    enum rc rc = store_copy_run(from, declare.ptr);
    buf_fini(&declare);
    while (rc == RC_OK && wanted > 0)
        rc = server_fetch(from, kinds, fn, ctx, &wanted);
    return rc == RC_OK ? store_copy_run(from, "CLOSE copied") : rc;
}

enum rc store_copy_each(const struct copy_side *from, const char *sql, const char *kinds,
                        copy_row_fn fn, void *ctx)
{
    MUST(strlen(kinds) <= COPY_COLUMNS_MAX);
    return from->file != NULL ? file_each(from, sql, kinds, fn, ctx)
                              : server_each(from, sql, kinds, fn, ctx);
}

static enum rc take_number(void *ctx, struct copy_row *row)
{
    *(int64_t *)ctx = row->at[0].number;
    return RC_OK;
}

enum rc store_copy_number(const struct copy_side *from, const char *sql, int64_t *out)
{
    *out = 0;
    return store_copy_each(from, sql, "l", take_number, out);
}

enum rc store_copy_run(const struct copy_side *side, const char *sql)
{
    if (side->file != NULL) {
        enum rc rc = db_exec(side->file, sql);
        return rc == RC_OK ? RC_OK : file_failed(side, rc);
    }
    return store_postgres_exec(side->server, sql) == RC_OK ? RC_OK : server_failed(side);
}

/* --- writing ------------------------------------------------------------------------------------------ */

static enum db_type type_of_kind(char kind)
{
    switch (kind) {
    case 'l': return DB_TYPE_INT8;
    case 'i': return DB_TYPE_INT4;
    case 'h': return DB_TYPE_INT2;
    case 'o': return DB_TYPE_BOOL;
    case 't': return DB_TYPE_TEXT;
    case 'u': return DB_TYPE_UUID;
    default: return DB_TYPE_BYTEA;
    }
}

static void say_insert(struct buf *sql, const struct copy_sink *s, const char *table,
                       const char *columns, size_t count)
{
    bool is_file = s->side->file != NULL;
    buf_say(sql,
            is_file ? "INSERT INTO %s(%s) VALUES(" : "INSERT INTO %s(%s) SELECT * FROM unnest(",
            table, columns);
    for (size_t i = 1; i <= count; i++)
        buf_say(sql, is_file ? "%s?%zu" : "%s$%zu", i > 1 ? ", " : "", i);
    buf_say(sql, ") ON CONFLICT DO NOTHING");
}

void store_copy_sink_init(struct copy_sink *s, const struct copy_side *side, const char *table,
                          const char *columns, const char *kinds)
{
    enum db_type types[COPY_COLUMNS_MAX + 1] = { 0 };
    struct buf sql;
    size_t count = strlen(kinds);
    MUST(count <= COPY_COLUMNS_MAX);
    *s = (struct copy_sink){ .side = side, .kinds = kinds };
    buf_init(&sql, SQL_MAX);
    say_insert(&sql, s, table, columns, count);
    s->sql = xstrdup(sql.ptr);
    buf_fini(&sql);
    if (side->file != NULL) {
        s->insert = db_prepare_once(side->file, s->sql);
        return;
    }
    for (size_t i = 0; i < count; i++)
        types[i] = type_of_kind(kinds[i]);
    store_postgres_columns_init(&s->columns, types);
}

void store_copy_sink_fini(struct copy_sink *s)
{
    db_release(s->insert);
    store_postgres_columns_fini(&s->columns);
    xfree(s->sql);
    *s = (struct copy_sink){ 0 };
}

static enum rc file_put(struct copy_sink *s, const struct copy_row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        const struct copy_value *v = &row->at[i];
        int at = (int)i + 1;
        if (v->is_null)
            db_bind_null(s->insert, at);
        else if (kind_is_number(s->kinds[i]))
            db_bind_int(s->insert, at, v->number);
        else if (s->kinds[i] == 't')
            db_bind_text(s->insert, at, v->bytes);
        else
            db_bind_blob(s->insert, at, v->bytes);
    }
    enum rc rc = db_run(s->insert);
    return rc == RC_OK ? RC_OK : file_failed(s->side, rc);
}

static enum rc server_flush(struct copy_sink *s)
{
    struct postgres_params p;
    PGresult *r;
    if (s->columns.rows == 0)
        return RC_OK;
    store_postgres_params_init(&p);
    store_postgres_columns_params(&s->columns, &p);
    if (store_postgres_query(s->side->server, s->sql, &p, &r) != RC_OK)
        return server_failed(s->side);
    PQclear(r);
    store_postgres_columns_reset(&s->columns);
    return RC_OK;
}

static enum rc server_put(struct copy_sink *s, const struct copy_row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        struct db_array *column = &s->columns.at[i];
        if (row->at[i].is_null)
            db_array_add_null(column);
        else if (kind_is_number(s->kinds[i]))
            db_array_add_int(column, row->at[i].number);
        else
            db_array_add_bytes(column, row->at[i].bytes);
    }
    s->columns.rows++;
    bool is_full =
        s->columns.rows >= BATCH_ROWS || store_postgres_columns_bytes(&s->columns) >= BATCH_BYTES;
    return is_full ? server_flush(s) : RC_OK;
}

enum rc store_copy_sink_put(struct copy_sink *s, const struct copy_row *row)
{
    MUST(row->count == strlen(s->kinds));
    s->count++;
    return s->side->file != NULL ? file_put(s, row) : server_put(s, row);
}

enum rc store_copy_sink_end(struct copy_sink *s)
{
    return s->side->file != NULL ? RC_OK : server_flush(s);
}
