/* SPDX-License-Identifier: Apache-2.0
 *
 * A database that lacks what it had confirmed, as after a fail-over to a standby that commits did not wait for. Here rows are taken out
 * by hand, and the connections ended, so that each thing that may be missing is missing alone.
 */
#include "support.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/metrics.h"
#include "postgres.h"

static bool is_waiting_for_a_lock(void *arg)
{
    struct fixture *f = arg;
    char *count = postgres_run(f->options.url, "SELECT count(*) FROM pg_locks WHERE NOT granted");
    bool is_so = count != NULL && strcmp(count, "0") != 0;
    xfree(count);
    return is_so;
}

static bool has_beaten(void *arg)
{
    struct fixture *f = arg;
    char *count = postgres_run(f->options.url, "SELECT count(*) FROM node_beat WHERE last_k > 0");
    bool is_so = count != NULL && strcmp(count, "0") != 0;
    xfree(count);
    return is_so;
}

static void held_run(PGconn *held, const char *sql)
{
    PGresult *r = PQexec(held, sql);
    assert_int_equal(PQresultStatus(r), PGRES_COMMAND_OK);
    PQclear(r);
}

/* A session that keeps the beat waiting, so that what is written now is younger than the last one. */
static PGconn *hold_the_beat(struct fixture *f)
{
    wait_until(has_beaten, f);
    PGconn *held = PQconnectdb(f->options.url);
    assert_int_equal(PQstatus(held), CONNECTION_OK);
    held_run(held, "BEGIN");
    held_run(held, "LOCK TABLE node_beat IN SHARE MODE");
    wait_until(is_waiting_for_a_lock, f);
    return held;
}

/* As after a fail-over: `sql` is what is not there any more, and all connections are new. The lock keeps new ones from looking before. */
static void fail_over(struct fixture *f, PGconn *held, const char *sql)
{
    held_run(held, "LOCK TABLE node_fence IN ACCESS EXCLUSIVE MODE");
    held_run(held, sql);
    xfree(postgres_run(f->options.url,
                       "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
                       " WHERE application_name = 'grapnel' AND datname = current_database()"));
    held_run(held, "COMMIT");
    PQfinish(held);
}

static bool is_out(void *arg)
{
    struct fixture *f = arg;
    return store_health(f->store, NULL) == RC_DENIED;
}

static void expect_out(struct fixture *f)
{
    struct buf why;
    buf_init(&why, 1024);
    wait_until(is_out, f);
    assert_int_equal(store_health(f->store, &why), RC_DENIED);
    if (!str_contains(buf_str(&why), STR("lacks what it had confirmed")))
        fail_msg("%.*s", (int)why.len, why.ptr);
    assert_false(store_may_deliver(f->store));
    assert_int_equal(publish(f, (struct publish_spec){ .key = "later" }).rc, RC_IO);
    buf_fini(&why);
}

static void a_node_whose_newest_message_is_gone_writes_nothing_more_and_says_so(void **state)
{
    struct fixture *f = *state;
    PGconn *held = hold_the_beat(f);
    assert_int_equal(publish(f, (struct publish_spec){ 0 }).rc, RC_OK);
    fail_over(f, held, "DELETE FROM message");
    assert_int_equal(publish(f, (struct publish_spec){ .key = "k" }).rc, RC_IO);
    expect_out(f);
    char *count = postgres_run(f->options.url, "SELECT count(*) FROM message");
    assert_string_equal(count, "0");
    xfree(count);
}

static void a_node_whose_newest_attempt_is_gone_writes_nothing_more_and_says_so(void **state)
{
    struct fixture *f = *state;
    struct published p = publish(f, (struct publish_spec){ 0 });
    PGconn *held = hold_the_beat(f);
    assert_int_equal(finish(f, p.id, 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    fail_over(f, held, "DELETE FROM attempt");
    expect_out(f);
}

static void a_node_whose_last_beat_is_gone_writes_nothing_more_and_says_so(void **state)
{
    struct fixture *f = *state;
    fail_over(f, hold_the_beat(f), "UPDATE node_beat SET last_k = last_k - 1");
    expect_out(f);
}

static void a_node_whose_epoch_is_gone_writes_nothing_more_and_says_so(void **state)
{
    struct fixture *f = *state;
    fail_over(f, hold_the_beat(f), "UPDATE node_fence SET epoch = epoch - 1");
    expect_out(f);
}

static void a_node_that_finds_everything_goes_on(void **state)
{
    struct fixture *f = *state;
    PGconn *held = hold_the_beat(f);
    struct published p = publish(f, (struct publish_spec){ 0 });
    assert_int_equal(finish(f, p.id, 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    fail_over(f, held, "UPDATE node_beat SET last_k = last_k");
    assert_int_equal(publish(f, (struct publish_spec){ .key = "k" }).rc, RC_OK);
    assert_int_equal(metrics_value(METRIC_STORE_WENT_BACK), 0);
}

/* No connection is lost here: the pooler leads to another database now. */
static void a_beat_through_a_pooler_asks_each_time(void **state)
{
    struct fixture *f = *state;
    struct published p = publish(f, (struct publish_spec){ 0 });
    assert_int_equal(finish(f, p.id, 1, STORE_PENDING, STORE_SUCCESS), RC_OK); /* all are open */
    wait_until(has_beaten, f);
    xfree(postgres_run(f->options.url, "UPDATE node_beat SET last_k = 1"));
    expect_out(f);
}

static void when_it_was_is_known_to_the_next_node(void **state)
{
    struct fixture *f = *state;
    int64_t now_s = clock_wall_us(clock_system()) / SECOND;
    fail_over(f, hold_the_beat(f), "UPDATE node_beat SET last_k = last_k - 1");
    expect_out(f);
    fixture_reopen(f);
    assert_in_range(metrics_value(METRIC_STORE_WENT_BACK), now_s - 1, now_s + 60);
    assert_int_equal(publish(f, (struct publish_spec){ .key = "k" }).rc, RC_OK);
    metrics_set(METRIC_STORE_WENT_BACK, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
        TEST(a_node_whose_newest_message_is_gone_writes_nothing_more_and_says_so),
        TEST(a_node_whose_newest_attempt_is_gone_writes_nothing_more_and_says_so),
        TEST(a_node_whose_last_beat_is_gone_writes_nothing_more_and_says_so),
        TEST(a_node_whose_epoch_is_gone_writes_nothing_more_and_says_so),
        TEST(a_node_that_finds_everything_goes_on),
        TEST(when_it_was_is_known_to_the_next_node),
#undef TEST
    };
    const struct CMUnitTest pooled[] = {
        cmocka_unit_test_setup_teardown(a_beat_through_a_pooler_asks_each_time, fixture_open,
                                        fixture_close),
    };
    (void)setenv("STORE_BACKEND", "postgres", 1);
    (void)setenv("STORE_CONFIG", "postgres", 1);
    if (!postgres_is_there())
        return postgres_skip();
    if (getenv("TEST_FILTER") != NULL)
        cmocka_set_test_filter(getenv("TEST_FILTER"));
    if (getenv("STORE_POOLER") != NULL)
        return cmocka_run_group_tests_name("postgres confirmed", pooled, NULL, NULL);
    return cmocka_run_group_tests_name("postgres confirmed", tests, NULL, NULL);
}
