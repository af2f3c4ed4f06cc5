/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes of single endpoints in the directory: what they cost, and that none is lost.
 */
#include "played_store.h"

static void fill(int64_t count)
{
    for (int64_t num = 1; num <= count; num++)
        (void)add_endpoint(num, "ep_1");
}

/* Rows read, endpoints made, keys opened, chunks written. */
struct cost {
    int64_t rows, endpoints, keys, chunks;
};

static struct cost cost_now(void)
{
    return (struct cost){ w.rows, metrics_value(METRIC_VIEW_ENDPOINTS),
                          metrics_value(METRIC_VIEW_KEYS), metrics_value(METRIC_VIEW_CHUNKS) };
}

static struct cost cost_of_a_change(int64_t num)
{
    struct cost before = cost_now();
    commit(1, num);
    struct cost after = cost_now();
    return (struct cost){ after.rows - before.rows, after.endpoints - before.endpoints,
                          after.keys - before.keys, after.chunks - before.chunks };
}

static void check_cost(int64_t count, const char *what, int64_t num, int64_t made)
{
    struct cost cost = cost_of_a_change(num);
    print_message("# %s, %d endpoints: %d rows, %d endpoints, %d keys, %d chunks\n", what,
                  (int)count, (int)cost.rows, (int)cost.endpoints, (int)cost.keys,
                  (int)cost.chunks);
    assert_int_equal(cost.rows, 1);
    assert_int_equal(cost.endpoints, made);
    assert_int_equal(cost.keys, made);
    assert_int_equal(cost.chunks, 2); /* by number, and among those that take every message */
}

static void a_change_costs_the_same_whatever_the_number_of_endpoints_is(void **state)
{
    (void)state;
    static const int64_t sizes[] = { 10, ENDPOINTS_MAX - 1 };
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        w.endpoint_count = 0;
        fill(sizes[i]);
        commit(1, CORE_CHANGED_ALL);
        core_app_unref(load(1));
        row_of(5)->url = STR("https://example.com/other");
        check_cost(sizes[i], "changed", 5, 1);
        row_of(5)->deleted = true;
        check_cost(sizes[i], "deleted", 5, 0);
        (void)add_endpoint(sizes[i] + 1, "ep_1");
        check_cost(sizes[i], "new", sizes[i] + 1, 1);
        struct core_app *app = load(1);
        assert_int_equal(app->endpoint_count, sizes[i]);
        assert_null(core_app_endpoint(app, 5));
        core_app_unref(app);
    }
}

static void a_change_leaves_the_other_endpoints_the_same_and_tells_which_it_was(void **state)
{
    (void)state;
    fill(200);
    struct core_app *before = load(1);
    row_of(150)->url = STR("https://example.com/other");
    commit(1, 150);
    struct core_app *after = core_directory_get(w.directory, 1);
    assert_non_null(after);
    assert_int_equal(w.told_what, 150);
    for (size_t i = 0; i < 200; i++) {
        const struct core_endpoint *was = core_app_endpoint_at(before, i);
        assert_int_equal(was == core_app_endpoint_at(after, i), was->num != 150);
        assert_true(str_eq(was->url, STR("https://example.com/")));
    }
    assert_true(str_eq(core_app_endpoint(after, 150)->url, STR("https://example.com/other")));
    core_app_unref(before);
    core_app_unref(after);
}

static void a_change_of_the_application_itself_reads_no_endpoint(void **state)
{
    (void)state;
    fill(3);
    core_app_unref(load(1));
    (void)snprintf(w.uids[1], sizeof(w.uids[1]), "renamed");
    int rows = w.rows;
    commit(1, CORE_CHANGED_ITSELF);
    struct core_app *app = core_directory_find(w.directory, 1, STR("renamed"));
    assert_non_null(app);
    assert_int_equal(app->endpoint_count, 3);
    assert_int_equal(w.rows, rows);
    core_app_unref(app);
}

static void change_the_second(void)
{
    row_of(2)->url = STR("https://example.com/second");
    commit(1, 2);
}

static void two_changes_at_once_are_both_in_the_view(void **state)
{
    (void)state;
    fill(3);
    core_app_unref(load(1));
    row_of(1)->url = STR("https://example.com/first");
    w.during_read = change_the_second;
    commit(1, 1);
    struct core_app *app = core_directory_get(w.directory, 1);
    assert_non_null(app);
    assert_true(str_eq(core_app_endpoint(app, 1)->url, STR("https://example.com/first")));
    assert_true(str_eq(core_app_endpoint(app, 2)->url, STR("https://example.com/second")));
    core_app_unref(app);
}

static void load_it_at_once(void)
{
    core_app_unref(load(1));
}

/* Whoever finds the view stale makes it from the one before the change, which must not win. */
static void a_change_is_not_lost_to_a_view_that_is_made_for_an_ended_key(void **state)
{
    (void)state;
    fill(3);
    row_of(3)->key_count = 2;
    row_of(3)->keys[1] = sealed_key("ep_1", 1060LL * S);
    core_app_unref(load(1));
    w.clock.now_us = 1060LL * S;
    w.during_read = change_the_second;
    load_it_at_once();
    struct core_app *app = core_directory_get(w.directory, 1);
    assert_non_null(app);
    assert_true(str_eq(core_app_endpoint(app, 2)->url, STR("https://example.com/second")));
    core_app_unref(app);
    w.clock.now_us = 1000LL * S;
}

static void health_is_written_into_the_view_that_is_there(void **state)
{
    (void)state;
    fill(3);
    struct core_app *before = load(1);
    w.failing_since_us = 1234;
    w.on_commit(w.directory, &(struct store_note){ STORE_NOTE_HEALTH, 1, 2 }, 1);
    struct core_app *after = core_directory_get(w.directory, 1);
    assert_ptr_equal(before, after);
    assert_int_equal(atomic_load(&core_app_endpoint(after, 2)->failing_since_us), 1234);
    assert_int_equal(atomic_load(&core_app_endpoint(after, 2)->last_failure_us), 1235);
    assert_int_equal(atomic_load(&core_app_endpoint(after, 1)->failing_since_us), 0);
    core_app_unref(before);
    core_app_unref(after);
}

static void a_commit_that_does_not_say_which_leaves_no_view_behind(void **state)
{
    (void)state;
    static const enum store_note_kind kinds[] = { STORE_NOTE_APPLICATION, STORE_NOTE_ENDPOINT,
                                                  STORE_NOTE_HEALTH, STORE_NOTE_ORGANISATION };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        core_app_unref(load(1));
        core_app_unref(load(2));
        w.told = 1;
        w.on_commit(w.directory, &(struct store_note){ kinds[i], 0, 0 }, 1);
        assert_null(core_directory_get(w.directory, 1));
        assert_null(core_directory_get(w.directory, 2));
        assert_int_equal(w.told, 0);
        assert_int_equal(w.told_what, CORE_CHANGED_ALL);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_costs_the_same_whatever_the_number_of_endpoints_is),
        TEST(a_change_leaves_the_other_endpoints_the_same_and_tells_which_it_was),
        TEST(a_change_of_the_application_itself_reads_no_endpoint),
        TEST(two_changes_at_once_are_both_in_the_view),
        TEST(a_change_is_not_lost_to_a_view_that_is_made_for_an_ended_key),
        TEST(a_commit_that_does_not_say_which_leaves_no_view_behind),
        TEST(health_is_written_into_the_view_that_is_there),
    };
    return cmocka_run_group_tests_name("changes", tests, NULL, NULL);
}
