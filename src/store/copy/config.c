/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/copy/config_priv.h. The tables and their columns are those that the file has: so nothing of it is forgotten,
 * and a column that the database lacks is an error of it.
 */
#include "store/copy/config_priv.h"

#include "store/config_priv.h"
#include "store/copy/keys_priv.h"
#include "store/migrations_priv.h"

#include <inttypes.h>
#include <stdio.h>

enum { SQL_MAX = 8192 };

struct config_table {
    struct str name;
    struct buf columns; /* in quotes, separated by commas */
    struct buf kinds;
    bool has_numbers; /* `num`, which is never given twice */
};

struct config_tables {
    struct config_table *at;
    size_t count;
    struct arena names;
};

/* --- the tables --------------------------------------------------------------------------------------- */

/* name, does it give numbers */
static enum rc note_table(void *ctx, struct copy_row *row)
{
    struct config_tables *list = ctx;
    list->at = xrealloc(list->at, (list->count + 1) * sizeof(*list->at));
    struct config_table *t = &list->at[list->count++];
    *t = (struct config_table){ .name = arena_str(&list->names, row->at[0].bytes),
                                .has_numbers = row->at[1].number != 0 };
    buf_init(&t->columns, SQL_MAX);
    buf_init(&t->kinds, COPY_COLUMNS_MAX);
    return RC_OK;
}

/* name, type */
static enum rc note_column(void *ctx, struct copy_row *row)
{
    struct config_table *t = ctx;
    struct str type = row->at[1].bytes;
    char kind = str_eq(type, STR("INTEGER")) ? 'l' : str_eq(type, STR("TEXT")) ? 't' : 'b';
    buf_say(&t->columns, "%s\"%.*s\"", t->columns.len > 0 ? ", " : "", STR_ARGS(row->at[0].bytes));
    buf_say(&t->kinds, "%c", kind);
    return RC_OK;
}

static enum rc tables_load(const struct copy_side *file, struct config_tables *list)
{
    char sql[SQL_MAX];
    *list = (struct config_tables){ 0 };
    arena_init(&list->names);
    enum rc rc =
        store_copy_each(file,
                        "SELECT name, instr(sql, 'AUTOINCREMENT') > 0 FROM sqlite_schema"
                        " WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'migration'"
                        " ORDER BY rowid",
                        "tl", note_table, list);
    for (size_t i = 0; rc == RC_OK && i < list->count; i++) {
        (void)snprintf(sql, sizeof sql,
                       "SELECT name, type FROM pragma_table_info('%.*s') ORDER BY cid",
                       STR_ARGS(list->at[i].name));
        rc = store_copy_each(file, sql, "tt", note_column, &list->at[i]);
    }
    return rc;
}

static void tables_free(struct config_tables *list)
{
    for (size_t i = 0; i < list->count; i++) {
        buf_fini(&list->at[i].columns);
        buf_fini(&list->at[i].kinds);
    }
    xfree(list->at);
    arena_fini(&list->names);
}

/* --- rows --------------------------------------------------------------------------------------------- */

struct config_rows {
    struct copy_sink sink;
    bool is_settings;
    size_t seed_bytes; /* as the target has it */
};

static enum rc config_row(void *ctx, struct copy_row *row)
{
    struct config_rows *rows = ctx;
    uint8_t room[COPY_SERVER_SEED_BYTES];
    if (rows->is_settings && str_eq(row->at[0].bytes, STR(CONFIG_TRIGGERS_SETTING)))
        return RC_OK; /* of the database that it is in */
    if (rows->is_settings && str_eq(row->at[0].bytes, STR(COPY_SEED_SETTING)))
        row->at[1].bytes = store_copy_seed(row->at[1].bytes, rows->seed_bytes, room);
    return store_copy_sink_put(&rows->sink, row);
}

static enum rc table_check(const struct copy_side *to, const char *name, int64_t wanted)
{
    char sql[256];
    int64_t found;
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", name);
    enum rc rc = store_copy_number(to, sql, &found);
    if (rc != RC_OK || found == wanted)
        return rc;
    buf_say(to->why,
            "%" PRId64 " rows of the table %s there and %" PRId64
            " in the copy (which is not kept)",
            wanted, name, found);
    return RC_CORRUPT;
}

/* What is there was made by triggers of tables before: it is one of those that follow from others. */
static enum rc copy_table(const struct copy_side *from, const struct copy_side *to,
                          const struct config_table *t, int64_t *count)
{
    char sql[SQL_MAX], name[128];
    struct config_rows rows = { .is_settings = str_eq(t->name, STR("setting")),
                                .seed_bytes = to->file != NULL ? COPY_FILE_SEED_BYTES
                                                               : COPY_SERVER_SEED_BYTES };
    (void)snprintf(name, sizeof name, "\"%.*s\"", STR_ARGS(t->name));
    (void)snprintf(sql, sizeof sql, "DELETE FROM %s", name);
    enum rc rc = store_copy_run(to, sql);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(sql, sizeof sql, "SELECT %s FROM %s", t->columns.ptr, name);
    store_copy_sink_init(&rows.sink, to, name, t->columns.ptr, t->kinds.ptr);
    rc = store_copy_each(from, sql, t->kinds.ptr, config_row, &rows);
    if (rc == RC_OK)
        rc = store_copy_sink_end(&rows.sink);
    if (rc == RC_OK)
        rc = table_check(to, name, rows.sink.count);
    *count += rows.sink.count;
    store_copy_sink_fini(&rows.sink);
    return rc;
}

/* Numbers of what was deleted are not given again either. */
static enum rc numbers_to_server(const struct copy_side *from, const struct copy_side *to,
                                 const struct config_table *t)
{
    char sql[512];
    int64_t last, set;
    (void)snprintf(sql, sizeof sql, "SELECT seq FROM sqlite_sequence WHERE name = '%.*s'",
                   STR_ARGS(t->name));
    enum rc rc = store_copy_number(from, sql, &last);
    if (rc != RC_OK || last < 1)
        return rc;
    (void)snprintf(sql, sizeof sql,
                   "SELECT setval(pg_get_serial_sequence('\"%.*s\"', 'num'), %" PRId64 ")",
                   STR_ARGS(t->name), last);
    return store_copy_number(to, sql, &set);
}

static enum rc take_text(void *ctx, struct copy_row *row)
{
    struct buf *out = ctx;
    buf_say(out, "%.*s", STR_ARGS(row->at[0].bytes));
    return RC_OK;
}

static enum rc numbers_to_file(const struct copy_side *from, const struct copy_side *to,
                               const struct config_table *t)
{
    char sql[512];
    int64_t last;
    struct buf sequence;
    buf_init(&sequence, 128);
    (void)snprintf(sql, sizeof sql, "SELECT pg_get_serial_sequence('\"%.*s\"', 'num')",
                   STR_ARGS(t->name));
    enum rc rc = store_copy_each(from, sql, "t", take_text, &sequence);
    if (rc == RC_OK) {
        (void)snprintf(sql, sizeof sql,
                       "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM %.*s",
                       STR_ARGS(buf_str(&sequence)));
        rc = store_copy_number(from, sql, &last);
    }
    buf_fini(&sequence);
    if (rc != RC_OK || last < 1)
        return rc;
    (void)snprintf(sql, sizeof sql,
                   "DELETE FROM sqlite_sequence WHERE name = '%.*s';"
                   "INSERT INTO sqlite_sequence(name, seq) VALUES('%.*s', %" PRId64 ")",
                   STR_ARGS(t->name), STR_ARGS(t->name), last);
    return store_copy_run(to, sql);
}

static enum rc copy_tables(const struct copy_side *from, const struct copy_side *to, int64_t *rows)
{
    struct config_tables list;
    bool is_to_file = to->file != NULL;
    enum rc rc = tables_load(is_to_file ? to : from, &list);
    for (size_t i = 0; rc == RC_OK && i < list.count; i++) {
        const struct config_table *t = &list.at[i];
        rc = copy_table(from, to, t, rows);
        if (rc == RC_OK && t->has_numbers)
            rc = is_to_file ? numbers_to_file(from, to, t) : numbers_to_server(from, to, t);
    }
    tables_free(&list);
    return rc;
}

enum rc store_copy_config_to_server(struct copy_server *to, const struct copy_side *file,
                                    int64_t *rows)
{
    struct copy_side server = store_copy_server_side(to);
    return copy_tables(file, &server, rows);
}

enum rc store_copy_config_to_file(struct copy_server *from, const struct copy_side *file,
                                  int64_t *rows)
{
    struct copy_side server = store_copy_server_side(from);
    return copy_tables(&server, file, rows);
}

static enum rc count_tables(const struct copy_side *side, const struct copy_side *file,
                            int64_t *rows)
{
    char sql[256];
    struct config_tables list;
    enum rc rc = tables_load(file, &list);
    for (size_t i = 0; rc == RC_OK && i < list.count; i++) {
        int64_t count;
        (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM \"%.*s\"", STR_ARGS(list.at[i].name));
        rc = store_copy_number(side, sql, &count);
        *rows += count;
    }
    tables_free(&list);
    return rc;
}

/* The tables are those of an empty file. */
enum rc store_copy_config_count(const struct copy_side *side, const struct clock *clock,
                                int64_t *rows)
{
    static const char name[] = ":memory:";
    const struct db_options o = { 0 };
    struct copy_side file = { .name = name, .why = side->why };
    if (side->file != NULL)
        return count_tables(side, side, rows);
    enum rc rc = db_open(name, DB_CREATE, &o, &file.file, side->why);
    if (rc != RC_OK)
        return rc;
    rc = store_migrate(file.file, store_config_migrations, store_config_migration_count, clock,
                       name, side->why);
    if (rc == RC_OK)
        rc = count_tables(side, &file, rows);
    db_close(file.file);
    return rc;
}
