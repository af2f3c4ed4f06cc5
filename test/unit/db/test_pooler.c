/* SPDX-License-Identifier: Apache-2.0
 *
 * The PostgreSQL engine of the driver behind a pooler, where each transaction may be another session.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libpq-fe.h>
#include <stdio.h>

#include "db/db.h"
#include "postgres.h"

static char *url;

static struct db *connect_db(void)
{
    struct db *db;
    assert_int_equal(db_connect(url, NULL, &db, NULL), RC_OK);
    return db;
}

static int set_up(void **state)
{
    xfree(postgres_run(url, "DROP TABLE IF EXISTS t; CREATE TABLE t(a bigint PRIMARY KEY)"));
    *state = connect_db();
    return 0;
}

static int tear_down(void **state)
{
    db_close(*state);
    return 0;
}

static int64_t ask(struct db *db, const char *sql)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, sql);
    assert_true(db_step(s, &rc));
    int64_t value = db_int(s, 0);
    db_reset(s);
    return value;
}

static enum rc put(struct db *db, int64_t a)
{
    struct db_stmt *s = db_prepare(db, "INSERT INTO t(a) VALUES(?)");
    db_bind_int(s, 1, a);
    return db_run(s);
}

static void a_pooler_is_found_out(void **state)
{
    assert_true(db_is_pooled(*state));
}

#define ARE_SET \
    "SELECT current_setting('statement_timeout') = '30s' AND current_setting('lock_timeout') = '5s'" \
    " AND current_setting('idle_in_transaction_session_timeout') = '10s'"

static void settings_hold_in_each_transaction_and_no_session_keeps_them(void **state)
{
    struct db *db = *state;
    assert_int_equal(ask(db, ARE_SET), 1);
    for (int write = 0; write < 2; write++) {
        assert_int_equal(db_begin(db, write != 0), RC_OK);
        assert_int_equal(ask(db, ARE_SET), 1);
        assert_int_equal(db_commit(db), RC_OK);
    }
    assert_int_equal(db_exec(db, "CREATE TABLE seen AS " ARE_SET " AS are_set"), RC_OK);
    assert_int_equal(ask(db, "SELECT are_set FROM seen"), 1);
    assert_int_equal(db_exec(db, "DROP TABLE seen"), RC_OK);
    PGconn *other = PQconnectdb(url); /* it gets the session that was used last */
    PGresult *r = PQexec(other, ARE_SET);
    assert_string_equal(PQgetvalue(r, 0, 0), "f");
    PQclear(r);
    PQfinish(other);
}

static void a_commit_waits_for_the_disk_and_for_whom_else_it_was_to_wait_for(void **state)
{
    struct db *db;
    (void)state;
    xfree(postgres_run(url, "ALTER ROLE CURRENT_USER SET synchronous_commit = off"));
    postgres_empty(url); /* sessions that begin from now on have it */
    db = connect_db();
    assert_int_equal(ask(db, "SELECT current_setting('synchronous_commit') = 'on'"), 1);
    db_close(db);
    xfree(postgres_run(url, "ALTER ROLE CURRENT_USER SET synchronous_commit = remote_apply"));
    postgres_empty(url);
    db = connect_db();
    assert_int_equal(ask(db, "SELECT current_setting('synchronous_commit') = 'remote_apply'"), 1);
    db_close(db);
    xfree(postgres_run(url, "ALTER ROLE CURRENT_USER RESET synchronous_commit"));
    postgres_empty(url);
}

/* Each has a session of its own while both are in a transaction, and who asks first next time gets that of the other. */
static void a_statement_is_the_same_in_whichever_session_it_comes_to(void **state)
{
    struct db *first = *state, *second = connect_db();
    for (int i = 0; i < 4; i++) {
        struct db *before = i % 2 == 0 ? first : second, *after = i % 2 == 0 ? second : first;
        assert_int_equal(db_begin(before, true), RC_OK);
        assert_int_equal(db_begin(after, true), RC_OK);
        if (i == 0)
            assert_int_equal(ask(second, "SELECT 7"), 7);
        assert_int_equal(put(first, 2 * i), RC_OK);
        assert_int_equal(put(second, 2 * i + 1), RC_OK);
        assert_int_equal(put(second, 2 * i + 1), RC_CONFLICT);
        assert_int_equal(ask(second, "SELECT 7"), 7);
        assert_int_equal(db_commit(first), RC_OK);
        assert_int_equal(db_commit(second), RC_OK);
    }
    assert_int_equal(ask(first, "SELECT count(*) FROM t"), 8);
    db_close(second);
}

static void a_reader_sees_what_was_committed_before_its_first_query(void **state)
{
    struct db *db = *state, *other = connect_db();
    assert_int_equal(db_begin(db, false), RC_OK);
    assert_int_equal(put(other, 1), RC_OK);
    assert_int_equal(ask(db, "SELECT count(*) FROM t"), 1);
    assert_int_equal(put(other, 2), RC_OK);
    assert_int_equal(ask(db, "SELECT count(*) FROM t"), 1);
    assert_int_equal(db_commit(db), RC_OK);
    db_close(other);
}

static void a_transaction_that_writes_may_see_one_state_of_everything(void **state)
{
    struct db *db = *state, *other = connect_db();
    assert_int_equal(db_begin_repeatable(db), RC_OK);
    assert_int_equal(ask(db, "SELECT count(*) FROM t"), 0);
    assert_int_equal(put(other, 1), RC_OK);
    assert_int_equal(ask(db, "SELECT count(*) FROM t"), 0);
    assert_int_equal(put(db, 2), RC_OK);
    assert_int_equal(db_commit(db), RC_OK);
    assert_int_equal(ask(db, "SELECT count(*) FROM t"), 2);
    db_close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_pooler_is_found_out),
        TEST(settings_hold_in_each_transaction_and_no_session_keeps_them),
        TEST(a_commit_waits_for_the_disk_and_for_whom_else_it_was_to_wait_for),
        TEST(a_statement_is_the_same_in_whichever_session_it_comes_to),
        TEST(a_reader_sees_what_was_committed_before_its_first_query),
        TEST(a_transaction_that_writes_may_see_one_state_of_everything),
    };
    if (!postgres_is_there())
        return postgres_skip();
    url = postgres_database();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    xfree(url);
    return failed;
}
