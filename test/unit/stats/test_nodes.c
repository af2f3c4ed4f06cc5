/* SPDX-License-Identifier: Apache-2.0
 *
 * Statistics in a database that several nodes write, and that is away now and then.
 */
#include "things.h"

#include "postgres.h"

#include <stdio.h>
#include <stdlib.h>

static char *url;       /* of the database */
static char *elsewhere; /* of another one of the same server */

/* Two nodes at one database, each on a clock of its own, which show the same time. */
struct nodes {
    struct fixture *a, *b;
};

static int nodes_open(void **state)
{
    struct nodes *n = XNEW(struct nodes);
    void *a, *b;
    (void)fixture_open(&a);
    (void)fixture_join(&b);
    *n = (struct nodes){ a, b };
    *state = n;
    return 0;
}

static int nodes_close(void **state)
{
    struct nodes *n = *state;
    void *a = n->a, *b = n->b;
    (void)fixture_close(&a);
    (void)fixture_close(&b);
    xfree(n);
    return 0;
}

static int64_t accepted(struct fixture *f, int64_t at_us, int64_t step_us)
{
    return value(f, STATS_ENDPOINT, ENDPOINT, at_us, step_us, STATS_ACCEPTED);
}

static int64_t number_in_database(const char *sql)
{
    char *text = postgres_run(url, sql);
    int64_t n = text == NULL ? 0 : (int64_t)strtoll(text, NULL, 10);
    xfree(text);
    return n;
}

static void pass_for_both(struct nodes *n, int64_t us)
{
    for (int64_t passed = 0; passed < us; passed += MINUTE) {
        pass(n->a, MINUTE);
        pass(n->b, MINUTE);
    }
}

/* --- several nodes --------------------------------------------------------------------------------------- */

static void what_two_nodes_counted_adds_up_through_minutes_hours_and_days(void **state)
{
    struct nodes *n = *state;
    accept_messages(n->a, 2);
    accept_messages(n->b, 3);
    pass_for_both(n, MINUTE);
    assert_int_equal(accepted(n->a, midnight_us, MINUTE), 5);
    assert_int_equal(accepted(n->b, midnight_us, MINUTE), 5);
    accept_messages(n->b, 4);
    pass_for_both(n, HOUR);
    assert_int_equal(accepted(n->a, midnight_us, MINUTE), 5);
    assert_int_equal(accepted(n->a, midnight_us, HOUR), 9);
    assert_int_equal(accepted(n->b, midnight_us + MINUTE, MINUTE), 4);
    move(n->a, DAY);
    move(n->b, DAY);
    pass_for_both(n, 2 * MINUTE);
    assert_int_equal(accepted(n->a, midnight_us, HOUR), 9);
    assert_int_equal(accepted(n->a, midnight_us, DAY), 9);
}

static void a_minute_that_comes_after_another_node_has_packed_its_hour_joins_it(void **state)
{
    struct nodes *n = *state;
    accept_messages(n->a, 2);
    accept_messages(n->b, 3);
    pass(n->a, HOUR + MINUTE);
    assert_int_equal(accepted(n->a, midnight_us, HOUR), 2);
    pass(n->b, HOUR + MINUTE);
    assert_int_equal(accepted(n->a, midnight_us, MINUTE), 5);
    assert_int_equal(accepted(n->a, midnight_us, HOUR), 5);
}

static void when_a_node_dies_another_goes_on_with_its_charts(void **state)
{
    struct nodes *n = *state;
    int64_t type = stats_type_id(n->a->stats, ORG, STR("user.created"));
    accept_messages(n->a, 2);
    pass(n->a, MINUTE);
    accept_messages(n->a, 100);
    n->a->stats->counts = false; /* nothing of what it has in memory is written */
    pass(n->b, MINUTE);
    accept_messages(n->b, 3);
    pass(n->b, MINUTE);
    assert_int_equal(accepted(n->b, midnight_us, MINUTE), 2);
    assert_int_equal(accepted(n->b, midnight_us + MINUTE, MINUTE), 3);
    assert_int_equal(stats_type_id(n->b->stats, ORG, STR("user.created")), type);
    assert_int_equal(value(n->b, STATS_TYPE, type, midnight_us, MINUTE, STATS_ACCEPTED), 2);
}

enum { BUSY_MINUTES = 130, BUSY_ENDPOINTS = 300 };

static void work_for_long(void *arg)
{
    struct fixture *f = arg;
    for (int minute = 0; minute < BUSY_MINUTES; minute++) {
        for (int64_t i = 0; i < BUSY_ENDPOINTS; i++)
            accept_at(f, APP, 1000 + i);
        pass(f, MINUTE);
    }
}

/* Threads of their own, so that they write and roll up the same hours at the same time. */
static void two_that_write_and_roll_up_at_once_lose_nothing_and_double_nothing(void **state)
{
    struct nodes *n = *state;
    struct thread *a = thread_start("a", THREAD_OTHER, work_for_long, n->a);
    struct thread *b = thread_start("b", THREAD_OTHER, work_for_long, n->b);
    assert_non_null(a);
    assert_non_null(b);
    thread_join(a);
    thread_join(b);
    pass_for_both(n, 3 * MINUTE);
    for (int64_t i = 0; i < BUSY_ENDPOINTS; i += 37) {
        struct stats_point *p =
            points(n->a, STATS_ENDPOINT, 1000 + i, midnight_us, MINUTE, BUSY_MINUTES);
        for (int minute = 0; minute < BUSY_MINUTES; minute++)
            assert_int_equal(p[minute].cell.n[STATS_ACCEPTED], 2);
        xfree(p);
        assert_int_equal(value(n->b, STATS_ENDPOINT, 1000 + i, midnight_us, HOUR, STATS_ACCEPTED),
                         120);
    }
    assert_int_equal(value(n->b, STATS_APP, APP, midnight_us, 3 * HOUR, STATS_ACCEPTED),
                     2 * BUSY_MINUTES * BUSY_ENDPOINTS);
}

static void fewer_rows_are_left_once_an_hour_is_packed(void **state)
{
    struct nodes *n = *state;
    for (int i = 0; i < 60; i++) {
        accept_messages(n->a, 1);
        accept_messages(n->b, 1);
        pass_for_both(n, MINUTE);
    }
    pass_for_both(n, MINUTE);
    assert_int_equal(number_in_database("SELECT count(*) FROM stats_cell WHERE kind = 3"), 2);
    assert_int_equal(accepted(n->a, midnight_us, HOUR), 120);
}

/* PostgreSQL's tables do not become smaller by what is deleted. */
static void room_that_was_made_once_is_not_made_again(void **state)
{
    static const char rows_sql[] = "SELECT count(*) FROM stats_cell WHERE tier = 1 AND kind = 3";
    struct fixture *f = *state;
    int64_t size;
    for (int minute = 0; minute < 60; minute++) {
        for (int64_t i = 0; i < BUSY_ENDPOINTS; i++)
            accept_at(f, APP, 1000 + i);
        pass(f, MINUTE);
    }
    pass(f, MINUTE);
    f->stats->o.size_max = used_bytes(f) - 8192;
    pass(f, MINUTE);
    int64_t rows = number_in_database(rows_sql);
    assert_in_range(rows, BUSY_ENDPOINTS / 2, BUSY_ENDPOINTS - 1);
    pass(f, 2 * HOUR);
    assert_int_equal(f->stats->rows.engine->size(&f->stats->rows, &size), RC_OK);
    assert_true(size > f->stats->o.size_max);
    assert_int_equal(number_in_database(rows_sql), rows);
}

/* --- a database that is away ----------------------------------------------------------------------------- */

static void set_away(bool is_away)
{
    char sql[512];
    char *name = is_away ? postgres_run(url, "SELECT current_database()") : NULL;
    static char kept[128];
    if (name != NULL)
        (void)snprintf(kept, sizeof(kept), "%s", name);
    xfree(name);
    (void)snprintf(sql, sizeof(sql), "ALTER DATABASE %s ALLOW_CONNECTIONS %s", kept,
                   is_away ? "false" : "true");
    xfree(postgres_run(elsewhere, sql));
    if (!is_away)
        return;
    (void)snprintf(
        sql, sizeof(sql),
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '%s'", kept);
    xfree(postgres_run(elsewhere, sql));
}

static void minutes_without_the_database_are_kept_and_written_when_it_is_back(void **state)
{
    struct fixture *f = *state;
    accept_messages(f, 1);
    pass(f, MINUTE);
    set_away(true);
    for (int i = 0; i < STATS_TABLES - 1; i++) {
        accept_messages(f, 2 + i);
        pass(f, MINUTE);
    }
    set_away(false);
    accept_messages(f, 9);
    pass(f, MINUTE);
    assert_int_equal(accepted(f, midnight_us, MINUTE), 1);
    for (int i = 0; i < STATS_TABLES - 1; i++)
        assert_int_equal(accepted(f, midnight_us + (1 + i) * MINUTE, MINUTE), 2 + i);
    assert_int_equal(accepted(f, midnight_us + STATS_TABLES * MINUTE, MINUTE), 9);
    assert_int_equal(number_in_database("SELECT count(*) FROM stats_cell WHERE kind = 3"),
                     1 + STATS_TABLES);
}

static void a_database_that_is_away_for_long_costs_its_minutes_only(void **state)
{
    struct fixture *f = *state;
    set_away(true);
    for (int i = 0; i < 2 * STATS_TABLES; i++) {
        accept_messages(f, 1);
        pass(f, MINUTE);
    }
    set_away(false);
    pass(f, MINUTE);
    accept_messages(f, 6);
    pass(f, MINUTE);
    assert_int_equal(accepted(f, midnight_us, MINUTE), 1); /* memory held it */
    assert_int_equal(accepted(f, midnight_us + (2 * STATS_TABLES + 1) * MINUTE, MINUTE), 6);
}

static void a_reader_whose_connection_was_lost_is_replaced_by_the_next_tick(void **state)
{
    struct fixture *f = *state;
    struct stats_subject of = { STATS_ENDPOINT, ENDPOINT };
    struct stats_query q = { &of, 1, midnight_us, MINUTE, 1 };
    struct stats_point p;
    accept_messages(f, 2);
    pass(f, MINUTE);
    set_away(true);
    set_away(false);
    assert_int_equal(stats_read(f->stats, &q, &p), RC_IO);
    assert_int_equal(stats_read(f->stats, &q, &p),
                     RC_OK); /* from memory, which has nothing of it */
    assert_false(p.is_known);
    stats_tick(f->stats, false); /* within the minute */
    assert_int_equal(accepted(f, midnight_us, MINUTE), 2);
}

static void event_types_have_the_ids_of_the_database_once_it_is_there(void **state)
{
    struct nodes *n = *state;
    int64_t type = stats_type_id(n->a->stats, ORG, STR("user.created"));
    set_away(true);
    fixture_reopen(n->b);
    assert_int_not_equal(stats_type_id(n->b->stats, ORG, STR("user.created")), type);
    accept_messages(n->b, 1);
    set_away(false);
    pass(n->b, MINUTE);
    assert_int_equal(stats_type_id(n->b->stats, ORG, STR("user.created")), type);
    accept_messages(n->b, 5);
    pass(n->b, MINUTE);
    assert_int_equal(value(n->b, STATS_TYPE, type, midnight_us + MINUTE, MINUTE, STATS_ACCEPTED),
                     5);
    assert_int_equal(accepted(n->b, midnight_us, MINUTE), 1);
}

/* --- a commit whose answer was lost ------------------------------------------------------------------------ */

/* The current minute is committed, and whoever did it does not know. */
static void commit_and_lose_the_answer(struct fixture *f)
{
    struct stats *s = f->stats;
    struct stats_table *t = atomic_exchange(&s->current, NULL);
    assert_non_null(t);
    t->part = 4711;
    atomic_store(&t->state, STATS_TABLE_FULL);
    assert_int_equal(stats_rows_put(&s->rows, atomic_load(&t->minute_us) / MINUTE, t), RC_OK);
    assert_int_equal(db_commit(s->rows.writer), RC_OK);
    t->is_unsure = true;
}

static void a_minute_whose_commit_was_made_unnoticed_is_there_once(void **state)
{
    struct nodes *n = *state;
    accept_messages(n->a, 3);
    accept_messages(n->b, 4);
    commit_and_lose_the_answer(n->a);
    pass_for_both(n, MINUTE);
    assert_int_equal(accepted(n->a, midnight_us, MINUTE), 7);
}

static void it_is_there_once_if_another_node_has_packed_it_meanwhile_too(void **state)
{
    struct nodes *n = *state;
    accept_messages(n->a, 3);
    accept_messages(n->b, 4);
    commit_and_lose_the_answer(n->a);
    pass(n->b, HOUR + MINUTE);
    assert_int_equal(accepted(n->b, midnight_us, HOUR), 7);
    pass(n->a, HOUR + MINUTE);
    assert_int_equal(accepted(n->b, midnight_us, HOUR), 7);
    assert_int_equal(accepted(n->b, midnight_us, MINUTE), 7);
}

static void a_commit_that_was_lost_with_its_connection_is_made_again(void **state)
{
    struct nodes *n = *state;
    struct stats *s = n->a->stats;
    accept_messages(n->a, 3);
    struct stats_table *t = atomic_exchange(&s->current, NULL);
    t->part = 4711;
    atomic_store(&t->state, STATS_TABLE_FULL);
    assert_int_equal(stats_rows_put(&s->rows, midnight_us / MINUTE, t), RC_OK);
    xfree(postgres_run(url, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE"
                            " state = 'idle in transaction'"));
    assert_int_equal(stats_rows_commit(&s->rows, midnight_us / MINUTE, t), RC_IO);
    assert_true(t->is_unsure);
    pass(n->a, MINUTE); /* finds the connection lost */
    stats_tick(s, false);
    assert_int_equal(accepted(n->a, midnight_us, MINUTE), 3);
}

/* --- what others wrote there --------------------------------------------------------------------------------- */

static void statistics_of_a_later_version_are_left_alone(void **state)
{
    struct fixture *f = *state;
    accept_messages(f, 2);
    pass(f, MINUTE);
    xfree(postgres_run(url, "UPDATE stats_note SET value = '\\x07' WHERE name = 'format'"));
    int64_t rows = number_in_database("SELECT count(*) FROM stats_cell");
    fixture_reopen(f);
    accept_messages(f, 1);
    pass(f, 2 * MINUTE);
    /* The last minute of the one that was there, and nothing of the one that is. */
    assert_int_equal(number_in_database("SELECT count(*) FROM stats_cell WHERE kind = 3"), 1);
    assert_true(number_in_database("SELECT count(*) FROM stats_cell") >= rows);
    assert_int_equal(
        number_in_database("SELECT get_byte(value, 0) FROM stats_note WHERE name = 'format'"), 7);
    xfree(postgres_run(url, "UPDATE stats_note SET value = '\\x01' WHERE name = 'format'"));
    pass(f, MINUTE);
    assert_int_equal(accepted(f, midnight_us, MINUTE), 2);
    assert_int_equal(accepted(f, midnight_us + MINUTE, MINUTE), 1);
}

static void a_row_that_cannot_be_read_goes_alone_when_its_hour_is_packed(void **state)
{
    struct fixture *f = *state;
    accept_messages(f, 2);
    accept_at(f, APP, ENDPOINT + 1);
    pass(f, MINUTE);
    xfree(postgres_run(url, "UPDATE stats_cell SET bytes = '\\xff' WHERE kind = 3 AND id = 12"));
    pass(f, HOUR);
    assert_int_equal(accepted(f, midnight_us, MINUTE), 2);
    assert_int_equal(accepted(f, midnight_us, HOUR), 2);
    assert_int_equal(value(f, STATS_ENDPOINT, ENDPOINT + 1, midnight_us, MINUTE, STATS_ACCEPTED),
                     0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
#define TEST_NODES(name) cmocka_unit_test_setup_teardown(name, nodes_open, nodes_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_NODES(what_two_nodes_counted_adds_up_through_minutes_hours_and_days),
        TEST_NODES(a_minute_that_comes_after_another_node_has_packed_its_hour_joins_it),
        TEST_NODES(when_a_node_dies_another_goes_on_with_its_charts),
        TEST_NODES(two_that_write_and_roll_up_at_once_lose_nothing_and_double_nothing),
        TEST_NODES(fewer_rows_are_left_once_an_hour_is_packed),
        TEST(room_that_was_made_once_is_not_made_again),
        TEST(minutes_without_the_database_are_kept_and_written_when_it_is_back),
        TEST(a_database_that_is_away_for_long_costs_its_minutes_only),
        TEST(a_reader_whose_connection_was_lost_is_replaced_by_the_next_tick),
        TEST_NODES(event_types_have_the_ids_of_the_database_once_it_is_there),
        TEST_NODES(a_minute_whose_commit_was_made_unnoticed_is_there_once),
        TEST_NODES(it_is_there_once_if_another_node_has_packed_it_meanwhile_too),
        TEST_NODES(a_commit_that_was_lost_with_its_connection_is_made_again),
        TEST(statistics_of_a_later_version_are_left_alone),
        TEST(a_row_that_cannot_be_read_goes_alone_when_its_hour_is_packed),
    };
    if (!postgres_is_there())
        return postgres_skip();
    url = postgres_database();
    elsewhere = postgres_database();
    fixture_use(url);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    xfree(url);
    xfree(elsewhere);
    return failed;
}
