/* SPDX-License-Identifier: Apache-2.0
 *
 * Webfilters and their chains, called without a socket.
 */
#include "caller.h"

#define APP "/api/v1/app/app"
#define EVENT "org.openedx.learning.course.enrollment.started.v1"

static struct str filter_at(struct caller *c, const char *id)
{
    return arena_fmt(&c->arena, APP "/filter/%s", id);
}

static void a_webfilter_is_made_changed_and_deleted(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    struct answer a =
        call(c, "POST", APP "/filter", "{\"event\":\"" EVENT "\",\"url\":\"http://x.test/\"}");
    assert_int_equal(a.status, 201);
    const char *id = text_at(a, "id");
    a = call(c, "PATCH", filter_at(c, id).ptr, "{\"enabled\":false}");
    assert_int_equal(a.status, 200);
    assert_true(json_is_false(at(a, "enabled")));
    a = call(c, "PUT", filter_at(c, id).ptr, "{\"event\":\"other\",\"url\":\"http://y.test/\"}");
    assert_int_equal(a.status, 200);
    assert_true(json_is_true(at(a, "enabled")));
    a = call(c, "GET", APP "/filter?event=other", NULL);
    assert_int_equal(json_array_size(at(a, "data")), 1);
    struct str secret = arena_fmt(&c->arena, "%s/secret", filter_at(c, id).ptr);
    assert_true(
        str_starts(str_from(text_at(call(c, "GET", secret.ptr, NULL), "key")), STR("whsec_")));
    assert_int_equal(call(c, "DELETE", filter_at(c, id).ptr, NULL).status, 204);
    assert_int_equal(call(c, "GET", filter_at(c, id).ptr, NULL).status, 404);
}

static void a_wrong_webfilter_is_refused_by_the_field(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    struct answer a = call(c, "POST", APP "/filter", "{\"event\":\"e\",\"url\":\"nothing\"}");
    assert_int_equal(a.status, 422);
    assert_string_equal(text_at(a, "detail.0.loc.1"), "url");
    assert_int_equal(json_array_size(at(call(c, "GET", APP "/filter", NULL), "data")), 0);
}

static void a_chain_has_a_url_for_as_long_as_it_was_given_one(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    const char *chain = APP "/filter-chain/" EVENT;
    assert_true(json_is_null(at(call(c, "GET", chain, NULL), "url")));
    struct answer a = call(c, "POST", APP "/filter-chain/" EVENT "/url", NULL);
    assert_int_equal(a.status, 200);
    const char *first = text_at(a, "url");
    a = call(c, "PUT", chain, "{\"deadlineMs\":1500,\"keep\":\"all\"}");
    assert_int_equal(json_integer_value(at(a, "deadlineMs")), 1500);
    assert_string_equal(text_at(a, "url"), first);
    a = call(c, "POST", APP "/filter-chain/" EVENT "/url", NULL);
    assert_string_not_equal(text_at(a, "url"), first);
    a = call(c, "DELETE", APP "/filter-chain/" EVENT "/url", NULL);
    assert_true(json_is_null(at(a, "url")));
    assert_int_equal(call(c, "PUT", chain, "{\"keep\":\"nothing\"}").status, 422);
    assert_int_equal(call(c, "PUT", chain, "{\"redact\":[\"email\"]}").status, 422);
}

static void runs_are_listed_and_those_nobody_knows_are_not_found(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    struct answer a = call(c, "GET", APP "/filter-run?halted=true", NULL);
    assert_int_equal(a.status, 200);
    assert_int_equal(json_array_size(at(a, "data")), 0);
    assert_int_equal(call(c, "GET", APP "/filter-run/frun_nosuch", NULL).status, 404);
    a = call(c, "POST", APP "/filter-run/frun_nosuch/replay", "{\"url\":\"http://x.test/\"}");
    assert_int_equal(a.status, 404);
}

static void a_trial_step_by_step_takes_data_and_filters_of_its_own_chain(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    struct answer a = call(c, "POST", APP "/filter-chain/" EVENT "/try", "{}");
    assert_int_equal(a.status, 422);
    assert_string_equal(text_at(a, "detail.0.loc.1"), "data");
    a = call(c, "POST", APP "/filter", "{\"event\":\"Other\",\"url\":\"http://x.test/\"}");
    struct str body = arena_fmt(&c->arena, "{\"data\":{},\"without\":[\"%s\"]}", text_at(a, "id"));
    a = call(c, "POST", APP "/filter-chain/" EVENT "/try", body.ptr);
    assert_int_equal(a.status, 422);
    assert_string_equal(text_at(a, "detail.0.loc.1"), "without");
}

#define T(name) cmocka_unit_test_setup_teardown(name, caller_open, caller_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_webfilter_is_made_changed_and_deleted),
        T(a_wrong_webfilter_is_refused_by_the_field),
        T(a_chain_has_a_url_for_as_long_as_it_was_given_one),
        T(runs_are_listed_and_those_nobody_knows_are_not_found),
        T(a_trial_step_by_step_takes_data_and_filters_of_its_own_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
