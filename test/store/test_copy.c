/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies between a folder and a real PostgreSQL: what goes there comes back as it was; and what is refused.
 */
#include "copied.h"
#include "postgres.h"
#include "store/backend.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- there and back ----------------------------------------------------------------------------------- */

static void everything_comes_back_as_it_was(void **state)
{
    struct copied *c = *state;
    struct store_copy_counts there;
    copied_well(c, c->f->dir, copied_url);
    there = c->counts;
    assert_true(there.segments >= 3 && there.waiting > 0 && there.keys > 0 && there.rows > 0);
    assert_int_equal(c->told, there.segments);
    copied_expect_sql("SELECT count(*) FROM pg_class WHERE relname = 'copying'", "0");
    copied_expect_sql("SELECT count(*) FROM message WHERE shard NOT BETWEEN 0 AND 255", "0");
    /* What a server that was there has noted of the database itself. */
    xfree(postgres_run(copied_url, "INSERT INTO setting(name, value) VALUES('triggers', 'made')"));
    copied_expect_back(c);
    there.keys = c->counts.keys; /* event ids that are not remembered any more come back, too */
    assert_memory_equal(&there, &c->counts, sizeof there);
}

static void expect_replayed(struct fixture *f, const char *key, enum store_published wanted)
{
    struct published p = publish(f, (struct publish_spec){ .key = key });
    assert_int_equal(p.rc, RC_OK);
    assert_int_equal(p.result, wanted);
}

static void a_store_that_came_back_goes_on(void **state)
{
    struct copied *c = *state;
    struct store_stats stats;
    const char *dir = c->f->options.dir;
    copied_well(c, c->f->dir, copied_url);
    copied_well(c, copied_url, c->back);
    c->f->options.dir = c->back;
    fixture_reopen(c->f);
    expect_replayed(c->f, "key 2", STORE_REPLAYED);
    expect_replayed(c->f, "another key", STORE_CREATED);
    struct published p = publish(c->f, (struct publish_spec){ .event_id = "event 1" });
    assert_int_equal(p.result, STORE_EVENT_ID_TAKEN);
    assert_int_equal(state_of(c->f, p.first, 1), STORE_PENDING);
    store_stats(c->f->store, &stats);
    assert_int_equal(stats.pending, c->counts.waiting + 1);
    assert_int_equal(stats.messages, c->counts.messages + 1);
    assert_int_equal(finish(c->f, p.first, 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    c->f->options.dir = dir;
}

/* On the database, and then in a folder again. */
static void a_server_on_the_database_goes_on(void **state)
{
    struct copied *c = *state;
    const struct store_options files = c->f->options;
    struct store_delivery_row *rows;
    size_t count;
    char own[COPIED_PATH_BYTES];
    (void)snprintf(own, sizeof own, "%s-own", c->f->dir);
    copied_well(c, c->f->dir, copied_url);
    copied_expect_sql(
        "SELECT count(*) FROM waiting w WHERE tip <> coalesce((SELECT max(ak) FROM attempt a"
        " WHERE a.msg = w.msg AND a.endpoint = w.endpoint), 0)",
        "0");
    c->f->options.backend = &store_postgres_backend;
    c->f->options.url = copied_url;
    c->f->options.dir = own;
    fixture_reopen(c->f);
    expect_replayed(c->f, "key 2", STORE_REPLAYED);
    struct published p = publish(c->f, (struct publish_spec){ .event_id = "event 1" });
    assert_int_equal(p.result, STORE_EVENT_ID_TAKEN);
    assert_int_equal(state_of(c->f, p.first, 1), STORE_PENDING);
    assert_int_equal(finish(c->f, p.first, 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    struct published more =
        publish(c->f, (struct publish_spec){ .key = "a key of the database's" });
    assert_int_equal(more.result, STORE_CREATED);
    store_close(c->f->store);
    c->f->store = NULL;
    copied_well(c, copied_url, c->back);
    c->f->options = files;
    c->f->options.dir = c->back;
    fixture_reopen(c->f);
    assert_int_equal(state_of(c->f, p.first, 1), STORE_SUCCESS);
    assert_int_equal(
        store_delivery_by_message(c->f->store, TEST_APP, &more.id, &c->f->arena, &rows, &count),
        RC_OK);
    assert_int_equal(count, 1);
    expect_replayed(c->f, "a key of the database's", STORE_REPLAYED);
    expect_replayed(c->f, "key 1", STORE_REPLAYED);
    c->f->options = files;
    remove_folder(own);
}

static void keys_of_before_the_window_stay_behind(void **state)
{
    struct copied *c = *state;
    test_advance_us(13 * HOUR);
    copied_well(c, c->f->dir, copied_url);
    assert_int_equal(c->counts.keys, 0);
    copied_expect_sql("SELECT count(*) FROM remembered_1", "0");
}

/* A server that was killed: of some deliveries there is nothing but their message. */
static void what_nothing_was_written_of_comes_back_as_pending(void **state)
{
    struct copied *c = *state;
    copied_well(c, c->f->dir, copied_url);
    xfree(postgres_run(
        copied_url,
        "DELETE FROM waiting w USING message m WHERE m.k = w.msg AND w.attempts = 0"
        " AND w.task = 0 AND w.trigger = 0;"
        "INSERT INTO node_beat(slot, name, address, version, state, lease_until, floor_k, cursor_k,"
        " last_k, config_version) VALUES(1, 'a', '', 1, 1, now() - interval '1 hour', 0, 0, 0, 0)"));
    copied_expect_back(c);
}

/* --- refused ------------------------------------------------------------------------------------------ */

static void what_is_in_the_way_is_named_and_left_alone(void **state)
{
    struct copied *c = *state;
    char path[COPIED_PATH_BYTES];
    xfree(postgres_run(copied_url, "CREATE TABLE invoices(a int)"));
    copied_expect_refused(c, c->f->dir, copied_url, RC_CONFLICT, "invoices");
    copied_expect_sql(
        "SELECT count(*) FROM pg_class WHERE relnamespace = CAST('public' AS regnamespace)", "1");
    postgres_empty(copied_url);
    copied_well(c, c->f->dir, copied_url);
    copied_expect_refused(c, c->f->dir, copied_url, RC_CONFLICT, "tables in this database");
    assert_int_equal(mkdir(c->back, 0700), 0);
    copied_path(c->back, "letters", path);
    assert_int_equal(mkdir(path, 0700), 0);
    copied_expect_refused(c, copied_url, c->back, RC_CONFLICT, "letters");
    assert_int_equal(rmdir(path), 0);
    copied_well(c, copied_url, c->back);
    copied_expect_refused(c, copied_url, c->back, RC_CONFLICT, "config.db");
}

static void nothing_is_written_under_another_main_secret(void **state)
{
    struct copied *c = *state;
    c->verdict = RC_DENIED;
    copied_expect_refused(c, c->f->dir, copied_url, RC_DENIED, "not that secret");
    copied_expect_sql(
        "SELECT count(*) FROM pg_class WHERE relnamespace = CAST('public' AS regnamespace)", "0");
    c->verdict = RC_OK;
    copied_well(c, c->f->dir, copied_url);
    c->verdict = RC_DENIED;
    copied_expect_refused(c, copied_url, c->back, RC_DENIED, "not that secret");
    assert_int_not_equal(access(c->back, F_OK), 0);
}

static void a_store_that_a_server_has_open_is_not_copied(void **state)
{
    struct copied *c = *state;
    fixture_reopen(c->f);
    copied_expect_refused(c, c->f->dir, copied_url, RC_BUSY, "stop it first");
    store_close(c->f->store);
    c->f->store = NULL;
    copied_well(c, c->f->dir, copied_url);
    xfree(postgres_run(
        copied_url,
        "INSERT INTO node_beat(slot, name, address, version, state, lease_until, floor_k, cursor_k,"
        " last_k, config_version) VALUES(1, 'node-a', '', 1, 1, now() + interval '1 hour', 0, 0, 0, 0)"));
    copied_expect_refused(c, copied_url, c->back, RC_BUSY, "node-a");
    assert_int_not_equal(access(c->back, F_OK), 0);
}

static void a_folder_and_a_database_are_what_is_copied(void **state)
{
    struct copied *c = *state;
    copied_expect_refused(c, c->f->dir, c->back, RC_INVALID, "postgresql://");
    copied_expect_refused(c, copied_url, copied_url, RC_INVALID, "postgresql://");
    copied_expect_refused(c, c->back, copied_url, RC_NOT_FOUND, "no store");
    copied_expect_refused(c, copied_url, c->back, RC_NOT_FOUND, "no store");
    copied_expect_refused(c, c->f->dir, "postgresql://nobody@127.0.0.1:1/none", RC_IO, "database");
}

static void a_dry_run_counts_and_writes_nothing(void **state)
{
    struct copied *c = *state;
    struct store_copy_counts dry;
    struct store_copy_options o = { .from = c->f->dir,
                                    .to = copied_url,
                                    .clock = c->f->options.clock,
                                    .is_dry = true,
                                    .idempotency_us = 12 * HOUR };
    assert_int_equal(store_copy(&o, &dry, &c->why), RC_OK);
    copied_expect_sql(
        "SELECT count(*) FROM pg_class WHERE relnamespace = CAST('public' AS regnamespace)", "0");
    copied_well(c, c->f->dir, copied_url);
    c->counts.keys = 0; /* are only told once they are copied */
    assert_memory_equal(&dry, &c->counts, sizeof dry);
    o.from = copied_url;
    o.to = c->back;
    assert_int_equal(store_copy(&o, &dry, &c->why), RC_OK);
    assert_memory_equal(&dry, &c->counts, sizeof dry);
    assert_int_not_equal(access(c->back, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COPIED_TEST(everything_comes_back_as_it_was),
        COPIED_TEST(a_store_that_came_back_goes_on),
        COPIED_TEST(a_server_on_the_database_goes_on),
        COPIED_TEST(keys_of_before_the_window_stay_behind),
        COPIED_TEST(what_nothing_was_written_of_comes_back_as_pending),
        COPIED_TEST(what_is_in_the_way_is_named_and_left_alone),
        COPIED_TEST(nothing_is_written_under_another_main_secret),
        COPIED_TEST(a_store_that_a_server_has_open_is_not_copied),
        COPIED_TEST(a_folder_and_a_database_are_what_is_copied),
        COPIED_TEST(a_dry_run_counts_and_writes_nothing),
    };
    if (!postgres_is_there())
        return postgres_skip();
    copied_url = postgres_database();
    int failed = cmocka_run_group_tests_name("copy", tests, NULL, NULL);
    xfree(copied_url);
    return failed;
}
