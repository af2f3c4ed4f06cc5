/* SPDX-License-Identifier: Apache-2.0 */
#include "played_store.h"

static struct str sealed_json(enum core_secret what, const char *endpoint_id, const char *json)
{
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(core_seal_json(w.vault, what, str_from(endpoint_id), str_from(json), &out),
                     RC_OK);
    return kept(&out);
}

static void a_view_has_everything_the_hot_path_needs(void **state)
{
    (void)state;
    (void)add_endpoint(9, "ep_9");
    struct store_endpoint *row = add_endpoint(4, "ep_4");
    row->event_types = STR("[\"b\",\"a\",\"c\"]");
    row->channels = STR("[\"red\"]");
    row->options = STR("{\"timeoutMs\":2500,\"retrySchedule\":[0.05,5],\"other\":true}");
    row->options_sealed = sealed_json(CORE_SECRET_OPTIONS, "ep_4", "{\"password\":\"x\"}");
    row->headers =
        sealed_json(CORE_SECRET_HEADERS, "ep_4",
                    "{\"X-One\":\"1\",\"Webhook-Signature\":\"forged\",\"X-Bad\":\"a\\r\\nb: c\"}");
    struct core_app *app = load(1);
    assert_int_equal(app->throttle, 7);
    assert_int_equal(app->endpoint_count, 2);
    assert_int_equal(core_app_endpoint_at(app, 0)->num, 4);
    assert_true(app->fresh_until_us == INT64_MAX);
    const struct core_endpoint *ep = core_app_endpoint(app, 4);
    assert_int_equal(ep->event_type_count, 3);
    assert_true(str_eq(ep->event_types[0], STR("a")) && str_eq(ep->event_types[2], STR("c")));
    assert_true(str_eq(ep->channels[0], STR("red")));
    assert_int_equal(ep->timeout_us, 2500000);
    assert_int_equal(ep->retry_count, 2);
    assert_int_equal(ep->retry_us[0], 50000);
    assert_int_equal(ep->retry_us[1], 5000000);
    assert_true(str_eq(ep->options_sealed, STR("{\"password\":\"x\"}")));
    assert_true(str_eq(ep->headers, STR("X-One: 1\r\n")));
    assert_non_null(ep->keyring);
    assert_null(core_app_endpoint(app, 9)->event_types);
    assert_null(core_app_endpoint(app, 9)->retry_us);
    core_app_unref(app);
}

static void reads_a_schedule_in_milliseconds_and_an_empty_one(void **state)
{
    (void)state;
    add_endpoint(1, "ep_1")->options = STR("{\"retryScheduleMs\":[20,1500]}");
    add_endpoint(2, "ep_2")->options = STR("{\"retrySchedule\":[]}");
    add_endpoint(3, "ep_3")->options = STR("{\"retrySchedule\":[1,-1,2],\"timeoutMs\":-4}");
    struct core_app *app = load(1);
    assert_int_equal(core_app_endpoint_at(app, 0)->retry_us[0], 20000);
    assert_int_equal(core_app_endpoint_at(app, 0)->retry_us[1], 1500000);
    assert_non_null(core_app_endpoint_at(app, 1)->retry_us);
    assert_int_equal(core_app_endpoint_at(app, 1)->retry_count, 0);
    assert_int_equal(core_app_endpoint_at(app, 2)->retry_count, 1);
    assert_int_equal(core_app_endpoint_at(app, 2)->timeout_us, 0);
    core_app_unref(app);
}

static void a_secret_of_another_row_does_not_open(void **state)
{
    (void)state;
    struct store_endpoint *good = add_endpoint(1, "ep_1");
    struct store_endpoint *moved = add_endpoint(2, "ep_2");
    moved->keys[0] = good->keys[0];
    moved->headers = sealed_json(CORE_SECRET_OPTIONS, "ep_2", "{\"X\":\"1\"}");
    struct core_app *app = load(1);
    assert_non_null(core_app_endpoint_at(app, 0)->keyring);
    assert_null(core_app_endpoint_at(app, 1)->keyring);
    assert_null(core_app_endpoint_at(app, 1)->headers.ptr);
    core_app_unref(app);
}

static void a_view_goes_stale_when_an_old_key_ends(void **state)
{
    (void)state;
    struct store_endpoint *ep = add_endpoint(1, "ep_1");
    ep->key_count = 3;
    ep->keys[1] = sealed_key("ep_1", 1060LL * S);
    ep->keys[2] = sealed_key("ep_1", 999LL * S); /* ended already */
    struct core_app *app = load(1);
    struct buf header;
    buf_init(&header, SIGN_HEADER_MAX);
    struct sign_message msg = { STR("msg_1"), 1000, STR("{}") };
    assert_int_equal(sign_header(core_app_endpoint_at(app, 0)->keyring, &msg, &header), RC_OK);
    assert_int_equal(str_find(buf_str(&header), ' '), header.len / 2); /* two signatures */
    buf_fini(&header);
    core_app_unref(app);
    w.clock.now_us = 1060LL * S - 1;
    app = core_directory_get(w.directory, 1);
    assert_non_null(app);
    core_app_unref(app);
    w.clock.now_us = 1060LL * S;
    assert_null(core_directory_get(w.directory, 1));
    (void)add_endpoint(2, "ep_2"); /* nobody said so: it shows who reads everything */
    app = load(1);
    assert_int_equal(w.rows, 2);
    assert_int_equal(app->endpoint_count, 1);
    assert_true(app->fresh_until_us == INT64_MAX);
    core_app_unref(app);
}

static void finds_a_cached_view_by_number_id_and_uid(void **state)
{
    (void)state;
    struct core_app *app = NULL;
    assert_null(core_directory_find(w.directory, 1, STR("uid-2")));
    assert_int_equal(core_directory_load_named(w.directory, 1, STR("uid-2"), &app), RC_OK);
    core_app_unref(app);
    const struct str names[] = { STR("uid-2"), STR("app_2") };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        app = core_directory_find(w.directory, 1, names[i]);
        assert_non_null(app);
        assert_int_equal(app->num, 2);
        core_app_unref(app);
    }
    assert_null(core_directory_find(w.directory, 2, STR("uid-2")));
    assert_null(core_directory_find(w.directory, 1, STR("")));
    assert_int_equal(w.reads, 1);
}

static void remembers_no_absence(void **state)
{
    (void)state;
    struct core_app *app = NULL;
    assert_int_equal(core_directory_load(w.directory, 77, &app), RC_NOT_FOUND);
    assert_null(app);
    w.deleted[2] = true;
    assert_int_equal(core_directory_load(w.directory, 2, &app), RC_NOT_FOUND);
    w.deleted[2] = false;
    core_app_unref(load(2));
    w.read_rc = RC_IO;
    assert_int_equal(core_directory_load(w.directory, 3, &app), RC_IO);
}

static void keeps_the_most_recently_used_views_up_to_the_bound(void **state)
{
    (void)state;
    for (int64_t num = 1; num <= 3; num++)
        core_app_unref(load(num));
    core_app_unref(core_directory_get(w.directory, 1));
    core_app_unref(load(4)); /* 2 was used least recently */
    assert_null(core_directory_get(w.directory, 2));
    assert_null(core_directory_find(w.directory, 1, STR("uid-2")));
    for (int64_t num = 1; num <= 4; num += num == 1 ? 2 : 1) {
        struct core_app *app = core_directory_get(w.directory, num);
        assert_non_null(app);
        core_app_unref(app);
    }
}

static void a_change_is_visible_when_changed_returns_and_listeners_hear_of_it(void **state)
{
    (void)state;
    struct core_app *before = load(1);
    (void)snprintf(w.uids[1], sizeof(w.uids[1]), "renamed");
    commit(1, CORE_CHANGED_ALL);
    assert_int_equal(w.told, 1);
    assert_null(core_directory_find(w.directory, 1, STR("uid-1")));
    struct core_app *after = core_directory_find(w.directory, 1, STR("renamed"));
    assert_non_null(after);
    assert_ptr_not_equal(before, after);
    assert_true(str_eq(before->uid, STR("uid-1"))); /* who holds the old one keeps it whole */
    core_app_unref(before);
    core_app_unref(after);
}

static void a_change_of_an_uncached_or_deleted_application_leaves_none_behind(void **state)
{
    (void)state;
    commit(5, CORE_CHANGED_ALL);
    assert_int_equal(w.reads, 0);
    assert_int_equal(w.told, 5);
    core_app_unref(load(1));
    w.deleted[1] = true;
    commit(1, CORE_CHANGED_ALL);
    assert_null(core_directory_get(w.directory, 1));
    w.deleted[1] = false;
    core_app_unref(load(1));
    w.read_rc = RC_IO;
    commit(1, CORE_CHANGED_ALL);
    assert_null(core_directory_get(w.directory, 1));
}

static void rename_and_tell(void)
{
    (void)snprintf(w.uids[1], sizeof(w.uids[1]), "newer");
    commit(1, CORE_CHANGED_ALL);
}

static void a_load_overtaken_by_a_change_reads_again(void **state)
{
    (void)state;
    w.during_read = rename_and_tell;
    struct core_app *app = load(1);
    assert_true(str_eq(app->uid, STR("newer")));
    core_app_unref(app);
    assert_null(core_directory_find(w.directory, 1, STR("uid-1")));
}

static void a_change_overtaken_by_another_leaves_no_old_view(void **state)
{
    (void)state;
    core_app_unref(load(1));
    w.during_read = rename_and_tell;
    commit(1, CORE_CHANGED_ALL);
    assert_null(core_directory_find(w.directory, 1, STR("uid-1")));
    struct core_app *app = load(1);
    assert_true(str_eq(app->uid, STR("newer")));
    core_app_unref(app);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_view_has_everything_the_hot_path_needs),
        TEST(reads_a_schedule_in_milliseconds_and_an_empty_one),
        TEST(a_secret_of_another_row_does_not_open),
        TEST(a_view_goes_stale_when_an_old_key_ends),
        TEST(finds_a_cached_view_by_number_id_and_uid),
        TEST(remembers_no_absence),
        TEST(keeps_the_most_recently_used_views_up_to_the_bound),
        TEST(a_change_is_visible_when_changed_returns_and_listeners_hear_of_it),
        TEST(a_change_of_an_uncached_or_deleted_application_leaves_none_behind),
        TEST(a_load_overtaken_by_a_change_reads_again),
        TEST(a_change_overtaken_by_another_leaves_no_old_view),
    };
    return cmocka_run_group_tests_name("directory", tests, NULL, NULL);
}
