/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration has one schema in two languages: what a change adds for one engine it adds for the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "postgres.h"
#include "store/migrations_priv.h"

static char *url;

static struct db *server(void)
{
    struct db *db = NULL;
    assert_int_equal(db_connect(url, NULL, &db, NULL), RC_OK);
    return db;
}

static enum rc migrate(struct db *db, size_t count, struct buf *why)
{
    return store_migrate(db, store_config_migrations, count, clock_system(), "test", why);
}

static struct db *new_file(void)
{
    static const struct db_options options = { .busy_us = 1000, .no_sync = true };
    struct db *db = NULL;
    assert_int_equal(db_open(":memory:", DB_CREATE, &options, &db, NULL), RC_OK);
    assert_int_equal(migrate(db, store_config_migration_count, NULL), RC_OK);
    return db;
}

static struct db *new_server(void)
{
    struct db *db;
    postgres_empty(url);
    db = server();
    assert_int_equal(migrate(db, store_config_migration_count, NULL), RC_OK);
    return db;
}

/* The rows of a query with one column of text, a line each. */
static struct str lines(struct db *db, const char *sql, struct arena *a)
{
    enum rc rc;
    struct buf all;
    buf_init(&all, 1 << 20);
    struct db_stmt *s = db_prepare(db, sql);
    while (db_step(s, &rc))
        buf_say(&all, "%.*s\n", STR_ARGS(db_borrow(s, 0)));
    assert_int_equal(rc, RC_OK);
    struct str text = arena_str(a, buf_str(&all));
    buf_fini(&all);
    return text;
}

/* Both queries have one column without a name. */
static void assert_same(const char *sqlite, const char *postgres)
{
    char sorted[2000];
    (void)snprintf(sorted, sizeof(sorted),
                   "SELECT line FROM (%s) t(line) ORDER BY line COLLATE \"C\"", postgres);
    struct arena a;
    struct db *file = new_file(), *other = new_server();
    arena_init(&a);
    struct str wanted = lines(file, sqlite, &a), found = lines(other, sorted, &a);
    assert_true(wanted.len > 100);
    assert_string_equal(arena_cstr(&a, found), arena_cstr(&a, wanted));
    arena_fini(&a);
    db_close(file);
    db_close(other);
}

static void tables_have_the_same_columns_of_the_same_types(void **state)
{
    (void)state;
    assert_same(
        "SELECT t.name || '.' || c.name || ' ' || lower(c.type) || CASE WHEN c.\"notnull\" OR c.pk > 0"
        " THEN ' not null' ELSE '' END FROM sqlite_schema t JOIN pragma_table_info(t.name) c"
        " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY 1",
        "SELECT table_name || '.' || column_name || CASE data_type WHEN 'bigint' THEN ' integer'"
        " WHEN 'bytea' THEN ' blob' ELSE ' ' || data_type END"
        " || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END FROM information_schema.columns"
        " WHERE table_schema = current_schema()");
}

static void texts_go_by_bytes_on_postgresql_whatever_the_language(void **state)
{
    struct arena a;
    struct db *db = new_server();
    (void)state;
    arena_init(&a);
    assert_string_equal(
        arena_cstr(&a,
                   lines(db,
                         "SELECT table_name || '.' || column_name FROM information_schema.columns"
                         " WHERE table_schema = current_schema() AND data_type = 'text'"
                         " AND collation_name IS DISTINCT FROM 'C'",
                         &a)),
        "");
    arena_fini(&a);
    db_close(db);
}

static void indexes_are_the_same(void **state)
{
    (void)state;
    assert_same(
        "SELECT sql FROM (SELECT tbl_name || ' ' || name || CASE WHEN sql LIKE 'CREATE UNIQUE%' THEN ' unique'"
        " ELSE '' END || CASE WHEN sql LIKE '% WHERE %' THEN ' partial' ELSE '' END || ' '"
        " || (SELECT group_concat(name) FROM pragma_index_info(i.name)) AS sql FROM sqlite_schema i"
        " WHERE type = 'index' AND sql IS NOT NULL) ORDER BY sql",
        "SELECT tablename || ' ' || indexname || CASE WHEN i.indisunique THEN ' unique' ELSE '' END"
        " || CASE WHEN i.indpred IS NOT NULL THEN ' partial' ELSE '' END || ' ' || (SELECT string_agg("
        "a.attname, ',' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = i.indexrelid)"
        " FROM pg_indexes x JOIN pg_index i ON i.indexrelid = to_regclass(x.indexname)"
        " WHERE schemaname = current_schema()"
        " AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)");
}

static void unique_rules_are_the_same(void **state)
{
    (void)state;
    assert_same(
        "SELECT DISTINCT t.name || ' ' || (SELECT group_concat(name) FROM (SELECT name FROM"
        " pragma_index_info(l.name) ORDER BY seqno)) FROM sqlite_schema t JOIN pragma_index_list(t.name) l"
        " WHERE t.type = 'table' AND l.origin IN ('u', 'pk') AND t.name NOT LIKE 'sqlite_%'"
        " UNION SELECT t.name || ' ' || c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c"
        " WHERE t.type = 'table' AND c.pk > 0 AND (SELECT count(*) FROM pragma_table_info(t.name)"
        " WHERE pk > 0) = 1 AND t.name NOT LIKE 'sqlite_%' ORDER BY 1",
        "SELECT r.relname || ' ' || (SELECT string_agg(a.attname, ',' ORDER BY a.attnum)"
        " FROM pg_attribute a WHERE a.attrelid = c.conindid) FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid"
        " WHERE c.contype IN ('u', 'p') AND c.connamespace = current_schema()::regnamespace");
}

static void triggers_of_the_schema_are_the_same(void **state)
{
    (void)state;
    assert_same(
        "SELECT tbl_name || ' ' || name FROM sqlite_schema WHERE type = 'trigger' ORDER BY 1",
        "SELECT c.relname || ' ' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace");
}

static void a_schema_that_is_there_is_left_as_it_is(void **state)
{
    struct db *db = new_server();
    (void)state;
    assert_int_equal(db_exec(db, "INSERT INTO organisation(id, name, created) VALUES('a', 'A', 1)"),
                     RC_OK);
    assert_int_equal(migrate(db, store_config_migration_count, NULL), RC_OK);
    char *count = postgres_run(url, "SELECT count(*) FROM organisation");
    assert_string_equal(count, "1");
    xfree(count);
    db_close(db);
}

static void a_newer_schema_and_a_database_with_such_tables_are_refused(void **state)
{
    struct buf why;
    struct db *db = new_server();
    (void)state;
    buf_init(&why, 1000);
    assert_int_equal(db_exec(db, "INSERT INTO migration(version, applied) VALUES(1000, 1)"), RC_OK);
    assert_int_equal(migrate(db, store_config_migration_count, &why), RC_CORRUPT);
    assert_non_null(strstr(why.ptr, "schema version 1000"));
    db_close(db);
    postgres_empty(url);
    xfree(postgres_run(url, "CREATE TABLE token(id int)"));
    db = server();
    buf_reset(&why);
    assert_int_equal(migrate(db, store_config_migration_count, &why), RC_CORRUPT);
    assert_non_null(strstr(why.ptr, "give Grapnel a database of its own"));
    char *count = postgres_run(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'");
    assert_string_equal(count, "1"); /* nothing was made by halves */
    xfree(count);
    buf_fini(&why);
    db_close(db);
}

/* Made beside each other, as when two nodes start at once. */
static void migrate_beside(void *arg)
{
    struct db *db = server();
    *(enum rc *)arg = migrate(db, store_config_migration_count, NULL);
    db_close(db);
}

static void several_nodes_that_start_at_once_make_it_once(void **state)
{
    enum { NODES = 4 };
    struct thread *threads[NODES];
    enum rc rcs[NODES];
    (void)state;
    postgres_empty(url);
    for (int i = 0; i < NODES; i++)
        threads[i] = thread_start("node", THREAD_WORKER, migrate_beside, &rcs[i]);
    for (int i = 0; i < NODES; i++)
        thread_join(threads[i]);
    for (int i = 0; i < NODES; i++)
        assert_int_equal(rcs[i], RC_OK);
    char steps[16];
    size_t wanted = 0;
    for (size_t i = 0; i < store_config_migration_count; i++)
        wanted += store_config_migrations[i].postgres != NULL;
    (void)snprintf(steps, sizeof(steps), "%zu", wanted);
    char *count = postgres_run(url, "SELECT count(*) FROM migration");
    assert_string_equal(count, steps);
    xfree(count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_have_the_same_columns_of_the_same_types),
        cmocka_unit_test(texts_go_by_bytes_on_postgresql_whatever_the_language),
        cmocka_unit_test(indexes_are_the_same),
        cmocka_unit_test(unique_rules_are_the_same),
        cmocka_unit_test(triggers_of_the_schema_are_the_same),
        cmocka_unit_test(a_schema_that_is_there_is_left_as_it_is),
        cmocka_unit_test(a_newer_schema_and_a_database_with_such_tables_are_refused),
        cmocka_unit_test(several_nodes_that_start_at_once_make_it_once),
    };
    if (!postgres_is_there())
        return postgres_skip();
    url = postgres_database();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    xfree(url);
    return failed;
}
