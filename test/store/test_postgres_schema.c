/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of what flows, on a real PostgreSQL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "postgres.h"
#include "store/migrations_priv.h"
#include "store/move/config_priv.h"
#include "store/postgres/schema_priv.h"

static char *url;

static enum rc make_tables(struct buf *why)
{
    struct postgres_conn c;
    store_postgres_conn_init(&c, url);
    c.answer_us = POSTGRES_SLOW_ANSWER_US;
    assert_int_equal(store_postgres_conn_open(&c), RC_OK);
    enum rc rc = store_postgres_schema_make(&c, why);
    store_postgres_conn_close(&c);
    return rc;
}

static void expect(const char *sql, const char *wanted)
{
    char *got = postgres_run(url, sql);
    assert_non_null(got);
    assert_string_equal(got, wanted);
    xfree(got);
}

static int empty_database(void **state)
{
    (void)state;
    postgres_empty(url);
    return 0;
}

static void tables_are_made_once_and_found_again(void **state)
{
    (void)state;
    char version[16];
    (void)snprintf(version, sizeof version, "%d", (int)POSTGRES_SCHEMA_VERSION);
    assert_int_equal(make_tables(NULL), RC_OK);
    char *id = postgres_run(url, "SELECT id FROM cluster");
    assert_int_equal(make_tables(NULL), RC_OK);
    expect("SELECT id FROM cluster", id);
    expect("SELECT schema_version FROM cluster", version);
    xfree(id);
}

static void make_one(void *arg)
{
    *(enum rc *)arg = make_tables(NULL);
}

static void several_that_start_at_once_make_them_once(void **state)
{
    enum { COUNT = 4 };
    enum rc rc[COUNT];
    struct thread *threads[COUNT];
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        threads[i] = thread_start("make", THREAD_OTHER, make_one, &rc[i]);
    for (size_t i = 0; i < COUNT; i++) {
        thread_join(threads[i]);
        assert_int_equal(rc[i], RC_OK);
    }
    expect("SELECT count(*) FROM cluster", "1");
}

static void tables_of_a_newer_program_that_it_may_not_share_are_refused(void **state)
{
    struct buf why;
    char sql[96];
    (void)state;
    assert_int_equal(make_tables(NULL), RC_OK);
    (void)snprintf(sql, sizeof sql, "UPDATE cluster SET schema_version = %d, reads_from = %d",
                   POSTGRES_SCHEMA_VERSION + 2, (int)POSTGRES_SCHEMA_VERSION);
    xfree(postgres_run(url, sql));
    assert_int_equal(make_tables(NULL), RC_OK);
    xfree(postgres_run(url, "UPDATE cluster SET reads_from = reads_from + 1"));
    buf_init(&why, 1024);
    assert_int_equal(make_tables(&why), RC_CORRUPT);
    assert_true(str_contains(buf_str(&why), STR("upgrade")));
    buf_fini(&why);
}

static void what_cannot_be_made_leaves_nothing_behind(void **state)
{
    struct buf why;
    (void)state;
    xfree(postgres_run(url, "CREATE TABLE waiting(x int)"));
    buf_init(&why, 1024);
    assert_int_equal(make_tables(&why), RC_IO);
    assert_true(str_contains(buf_str(&why), STR("waiting")));
    buf_fini(&why);
    expect("SELECT count(*) FROM pg_class WHERE relname = 'cluster'", "0");
    xfree(postgres_run(url, "DROP TABLE waiting"));
    assert_int_equal(make_tables(NULL), RC_OK);
}

#define SETTINGS \
    "concat_ws(' ', current_setting('statement_timeout'), current_setting('lock_timeout')," \
    " current_setting('idle_in_transaction_session_timeout'))"

static void expect_settings(PGresult *r)
{
    assert_non_null(r);
    assert_true(str_eq(store_postgres_bytes(r, 0, 0), STR("30s 5s 10s")));
    PQclear(r);
}

/* In whichever way it is sent, and whether or not a transaction was begun for it. */
static void every_statement_has_our_settings(void **state)
{
    PGresult *r;
    struct postgres_conn c;
    (void)state;
    store_postgres_conn_init(&c, url);
    assert_int_equal(store_postgres_conn_open(&c), RC_OK);
    assert_int_equal(store_postgres_exec(&c, "CREATE TABLE seen AS SELECT " SETTINGS " AS it"),
                     RC_OK);
    expect("SELECT it FROM seen", "30s 5s 10s");
    assert_int_equal(store_postgres_query(&c, "SELECT " SETTINGS, NULL, &r), RC_OK);
    expect_settings(r);
    for (int begins = 0; begins < 2; begins++) {
        store_postgres_pipe_begin(&c);
        if (begins)
            store_postgres_pipe_send(&c, "BEGIN ISOLATION LEVEL READ COMMITTED", NULL);
        store_postgres_pipe_send(&c, "SELECT " SETTINGS, NULL);
        if (begins)
            store_postgres_pipe_send(&c, "COMMIT", NULL);
        store_postgres_pipe_flush(&c);
        if (begins)
            store_postgres_pipe_skip(&c);
        expect_settings(store_postgres_pipe_take(&c));
        assert_int_equal(store_postgres_pipe_end(&c), RC_OK);
    }
    store_postgres_conn_close(&c);
}

static void several_values_travel_as_arrays_with_nulls(void **state)
{
    static const enum db_type types[] = {
        DB_TYPE_INT8, DB_TYPE_INT2, DB_TYPE_TEXT, DB_TYPE_BYTEA, DB_TYPE_BOOL, DB_TYPE_UUID, 0
    };
    static const uint8_t uuid[16] = { 1, 2, 3 };
    struct postgres_conn c;
    struct postgres_columns rows;
    struct postgres_params p;
    PGresult *r;
    (void)state;
    store_postgres_conn_init(&c, url);
    assert_int_equal(store_postgres_conn_open(&c), RC_OK);
    store_postgres_columns_init(&rows, types);
    for (int i = 0; i < 2; i++) {
        db_array_add_int(&rows.at[0], INT64_MIN + i);
        db_array_add_int(&rows.at[1], -1 - i);
        db_array_add_bytes(&rows.at[2], i == 0 ? STR("gr\xc3\xbc") : STR_NONE);
        db_array_add_bytes(&rows.at[3], i == 0 ? STR("\0\xff") : STR(""));
        db_array_add_int(&rows.at[4], i);
        db_array_add_bytes(&rows.at[5], str_of((const char *)uuid, sizeof uuid));
    }
    store_postgres_params_init(&p);
    store_postgres_columns_params(&rows, &p);
    assert_int_equal(
        store_postgres_query(&c, "SELECT * FROM unnest($1, $2, $3, $4, $5, $6)", &p, &r), RC_OK);
    assert_int_equal(PQntuples(r), 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_postgres_int(r, i, 0), INT64_MIN + i);
        assert_int_equal(store_postgres_int(r, i, 1), -1 - i);
        assert_int_equal(store_postgres_int(r, i, 4), i);
        assert_memory_equal(store_postgres_bytes(r, i, 5).ptr, uuid, sizeof uuid);
    }
    assert_true(str_eq(store_postgres_bytes(r, 0, 2), STR("gr\xc3\xbc")));
    assert_null(store_postgres_bytes(r, 1, 2).ptr);
    assert_true(str_eq(store_postgres_bytes(r, 0, 3), STR("\0\xff")));
    assert_int_equal(store_postgres_bytes(r, 1, 3).len, 0);
    assert_non_null(store_postgres_bytes(r, 1, 3).ptr);
    PQclear(r);
    store_postgres_columns_reset(&rows);
    store_postgres_params_init(&p);
    store_postgres_columns_params(&rows, &p);
    assert_int_equal(
        store_postgres_query(&c, "SELECT * FROM unnest($1, $2, $3, $4, $5, $6)", &p, &r), RC_OK);
    assert_int_equal(PQntuples(r), 0);
    PQclear(r);
    store_postgres_columns_fini(&rows);
    store_postgres_conn_close(&c);
}

static void a_pipeline_that_failed_leaves_its_connection_usable(void **state)
{
    struct postgres_conn c;
    (void)state;
    store_postgres_conn_init(&c, url);
    assert_int_equal(store_postgres_conn_open(&c), RC_OK);
    store_postgres_pipe_begin(&c);
    store_postgres_pipe_send(&c, "BEGIN", NULL);
    store_postgres_pipe_send(&c, "CREATE TABLE t(a int)", NULL);
    store_postgres_pipe_send(&c, "SELECT 1 / 0", NULL);
    store_postgres_pipe_send(&c, "COMMIT", NULL);
    assert_int_equal(store_postgres_pipe_end(&c), RC_CORRUPT);
    assert_string_equal(c.state, "22012");
    assert_false(c.is_lost);
    store_postgres_pipe_begin(&c);
    store_postgres_pipe_send(&c, "SELECT 7", NULL);
    store_postgres_pipe_flush(&c);
    PGresult *r = store_postgres_pipe_take(&c);
    assert_non_null(r);
    assert_int_equal(store_postgres_int(r, 0, 0), 7);
    PQclear(r);
    assert_int_equal(store_postgres_pipe_end(&c), RC_OK);
    expect("SELECT count(*) FROM pg_class WHERE relname = 't'", "0");
    store_postgres_conn_close(&c);
}

static void a_failure_that_is_read_early_leaves_its_connection_usable(void **state)
{
    struct postgres_conn c;
    (void)state;
    store_postgres_conn_init(&c, url);
    assert_int_equal(store_postgres_conn_open(&c), RC_OK);
    for (int i = 0; i < 2; i++) {
        store_postgres_pipe_begin(&c);
        store_postgres_pipe_send(&c, "BEGIN", NULL);
        store_postgres_pipe_send(&c, "SELECT 1 / 0", NULL);
        store_postgres_pipe_send(&c, "SELECT 1", NULL);
        store_postgres_pipe_flush(&c);
        store_postgres_pipe_skip(&c);
        store_postgres_pipe_skip(&c);
        assert_int_equal(c.rc, RC_CORRUPT);
        assert_int_equal(store_postgres_pipe_end(&c), RC_CORRUPT);
        assert_false(c.is_lost);
        assert_int_equal(store_postgres_exec(&c, "SELECT 1"), RC_OK);
    }
    store_postgres_conn_close(&c);
}

static void an_answer_that_does_not_come_ends_the_connection(void **state)
{
    struct postgres_conn c;
    PGresult *r;
    (void)state;
    store_postgres_conn_init(&c, url);
    assert_int_equal(store_postgres_conn_open(&c), RC_OK);
    c.answer_us = 100000;
    assert_int_equal(store_postgres_query(&c, "SELECT pg_sleep(20)", NULL, &r), RC_IO);
    assert_true(c.is_lost);
    assert_null(c.pg);
    assert_int_equal(store_postgres_conn_open(&c), RC_OK);
    store_postgres_conn_close(&c);
}

/* What nobody's row is in, or what a move writes by itself. */
static bool stays(struct str table)
{
    return str_eq(table, STR("migration")) || str_eq(table, STR("organisation")) ||
           str_eq(table, STR("cell_move"));
}

static void each_table_of_the_configuration_moves_along_or_is_known_to_stay(void **state)
{
    struct db *db = NULL;
    enum rc rc;
    (void)state;
    assert_int_equal(db_connect(url, NULL, &db, NULL), RC_OK);
    assert_int_equal(store_migrate(db, store_config_migrations, store_config_migration_count,
                                   clock_system(), "test", NULL),
                     RC_OK);
    struct db_stmt *s =
        db_prepare(db, "SELECT CAST(relname AS text) FROM pg_class WHERE relkind = 'r'"
                       " AND relnamespace = CAST(current_schema() AS regnamespace)");
    while (db_step(s, &rc)) {
        struct str table = db_borrow(s, 0);
        if (!stays(table) && !store_move_config_knows(table))
            fail_msg("%.*s: should store/move/config.c take it along?", STR_ARGS(table));
    }
    assert_int_equal(rc, RC_OK);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tables_are_made_once_and_found_again, empty_database),
        cmocka_unit_test_setup(several_that_start_at_once_make_them_once, empty_database),
        cmocka_unit_test_setup(tables_of_a_newer_program_that_it_may_not_share_are_refused,
                               empty_database),
        cmocka_unit_test_setup(what_cannot_be_made_leaves_nothing_behind, empty_database),
        cmocka_unit_test_setup(every_statement_has_our_settings, empty_database),
        cmocka_unit_test_setup(several_values_travel_as_arrays_with_nulls, empty_database),
        cmocka_unit_test_setup(a_pipeline_that_failed_leaves_its_connection_usable, empty_database),
        cmocka_unit_test_setup(a_failure_that_is_read_early_leaves_its_connection_usable,
                               empty_database),
        cmocka_unit_test_setup(an_answer_that_does_not_come_ends_the_connection, empty_database),
        cmocka_unit_test_setup(each_table_of_the_configuration_moves_along_or_is_known_to_stay,
                               empty_database),
    };
    if (!postgres_is_there())
        return postgres_skip();
    url = postgres_database();
    int failed = cmocka_run_group_tests_name("postgres", tests, NULL, NULL);
    xfree(url);
    return failed;
}
