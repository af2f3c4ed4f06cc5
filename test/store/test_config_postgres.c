/* SPDX-License-Identifier: Apache-2.0
 *
 * What only a configuration on PostgreSQL has to stand: connections that are lost, other nodes that write, and triggers
 * that another version of the program made. Run with STORE_CONFIG=postgres.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "postgres.h"
#include "store/notes.h"

static struct store_tx *begin(struct store *s)
{
    struct store_tx *tx = NULL;
    assert_int_equal(store_write(s, &tx), RC_OK);
    return tx;
}

static void put_setting(struct store *s, const char *value)
{
    struct store_tx *tx = begin(s);
    assert_int_equal(store_setting_set(tx, "test", str_from(value)), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
}

static void assert_setting(struct fixture *f, struct store *s, const char *value)
{
    struct store_tx *tx = NULL;
    struct str found;
    assert_int_equal(store_read(s, &tx), RC_OK);
    assert_int_equal(store_setting_get(tx, "test", &f->arena, &found), RC_OK);
    assert_true(str_eq(found, str_from(value)));
    store_end(tx);
}

static char *ask(struct fixture *f, const char *sql)
{
    return postgres_run(f->options.url, sql);
}

static void assert_answer(struct fixture *f, const char *sql, const char *expected)
{
    char *answer = ask(f, sql);
    assert_string_equal(answer, expected);
    xfree(answer);
}

/* Ends the server's side of every connection of the store. */
static void cut_all(struct fixture *f)
{
    xfree(ask(f, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                 " WHERE datname = current_database() AND pid <> pg_backend_pid()"));
}

/* --- connections ----------------------------------------------------------------------------------- */

static void connections_that_were_lost_while_nobody_used_them_are_made_anew(void **state)
{
    struct fixture *f = *state;
    put_setting(f->store, "1");
    assert_setting(f, f->store, "1");
    cut_all(f);
    assert_setting(f, f->store, "1");
    put_setting(f->store, "2");
    assert_setting(f, f->store, "2");
}

static void a_transaction_that_loses_its_connection_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    put_setting(f->store, "1");
    struct store_tx *tx = begin(f->store);
    assert_int_equal(store_setting_set(tx, "test", STR("2")), RC_OK);
    cut_all(f);
    assert_int_equal(store_setting_set(tx, "other", STR("2")), RC_IO);
    store_end(tx);
    assert_setting(f, f->store, "1");
}

static int told;

static void count_told(void *ctx, const struct store_note *notes, size_t count)
{
    (void)ctx;
    for (size_t i = 0; i < count; i++)
        told += notes[i].kind == STORE_NOTE_APPLICATION ? 1 : 0;
}

/* Nobody knows whether it was made: whoever keeps something in memory has to look. */
static void a_commit_without_an_answer_is_an_error_and_is_told(void **state)
{
    struct fixture *f = *state;
    struct store_application app = { .org = TEST_ORG,
                                     .id = STR("app_x"),
                                     .name = STR("x"),
                                     .metadata = STR("{}"),
                                     .created_us = 1,
                                     .updated_us = 1 };
    told = 0;
    store_on_commit(f->store, count_told, NULL);
    struct store_tx *tx = begin(f->store);
    assert_int_equal(store_application_insert(tx, &app), RC_OK);
    cut_all(f);
    assert_int_equal(store_commit(tx), RC_IO);
    assert_int_equal(told, 1);
    put_setting(f->store, "1");
    assert_setting(f, f->store, "1");
}

/* --- other nodes ----------------------------------------------------------------------------------- */

struct other {
    struct store *store;
    enum rc rc;
};

static void open_other(struct fixture *f, struct other *o, char dir[static 64])
{
    struct store_options options = f->options;
    (void)snprintf(dir, 64, "/tmp/grapnel-store-XXXXXX");
    assert_non_null(mkdtemp(dir));
    options.dir = dir;
    *o = (struct other){ .rc = RC_OK };
    assert_int_equal(store_open(&options, &o->store, NULL), RC_OK);
}

static void close_other(struct other *o, const char *dir)
{
    store_close(o->store);
    remove_folder(dir);
}

static void write_other(void *arg)
{
    struct other *o = arg;
    struct store_tx *tx = NULL;
    o->rc = store_write(o->store, &tx);
    if (o->rc != RC_OK)
        return;
    o->rc = store_setting_set(tx, "test", STR("other"));
    o->rc = store_finish(tx, o->rc);
}

static bool does_wait(void *arg)
{
    char *waiting = ask(
        arg, "SELECT count(*) FROM pg_locks l WHERE locktype = 'advisory' AND NOT granted"
             " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())");
    bool does = strcmp(waiting, "1") == 0;
    xfree(waiting);
    return does;
}

static void writers_of_two_nodes_wait_for_each_other(void **state)
{
    struct fixture *f = *state;
    struct other o;
    char dir[64];
    open_other(f, &o, dir);
    struct store_tx *tx = begin(f->store);
    struct thread *t = thread_start("other", THREAD_WORKER, write_other, &o);
    wait_until(does_wait, f);
    assert_int_equal(store_setting_set(tx, "test", STR("mine")), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    thread_join(t);
    assert_int_equal(o.rc, RC_OK);
    assert_setting(f, f->store, "other");
    assert_setting(f, o.store, "other");
    close_other(&o, dir);
}

static void a_writer_that_waits_for_too_long_is_told_that_it_is_busy(void **state)
{
    struct fixture *f = *state;
    struct other o;
    char dir[64];
    open_other(f, &o, dir);
    struct store_tx *tx = begin(f->store);
    write_other(&o);
    assert_int_equal(o.rc, RC_BUSY);
    store_end(tx);
    write_other(&o);
    assert_int_equal(o.rc, RC_OK);
    close_other(&o, dir);
}

/* --- triggers -------------------------------------------------------------------------------------- */

static void triggers_are_made_anew_when_they_are_not_this_programs(void **state)
{
    struct fixture *f = *state;
    static const char made[] = "SELECT xmin FROM pg_proc WHERE proname = 'note_endpoint'";
    char *first = ask(f, made);
    fixture_reopen(f);
    assert_answer(f, made, first); /* they are: nothing was done */
    xfree(first);
    xfree(ask(f, "DROP TRIGGER note_endpoint ON endpoint;"
                 "UPDATE setting SET value = 'another' WHERE name = 'triggers'"));
    fixture_reopen(f);
    assert_answer(f, "SELECT count(*) FROM pg_trigger WHERE tgname = 'note_endpoint'", "1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connections_that_were_lost_while_nobody_used_them_are_made_anew),
        TEST(a_transaction_that_loses_its_connection_leaves_nothing),
        TEST(a_commit_without_an_answer_is_an_error_and_is_told),
        TEST(writers_of_two_nodes_wait_for_each_other),
        TEST(a_writer_that_waits_for_too_long_is_told_that_it_is_busy),
        TEST(triggers_are_made_anew_when_they_are_not_this_programs),
    };
    return cmocka_run_group_tests_name("config-postgres", tests, NULL, NULL);
}
