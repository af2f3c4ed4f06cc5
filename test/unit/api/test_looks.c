/* SPDX-License-Identifier: Apache-2.0
 *
 * What people look at: who they are and how they may sign in, the audit log, searched deliveries, charts, and filters
 * that are tried.
 */
#include "caller.h"

#define APP "/api/v1/app/app"

static void assert_refused(struct answer a, int status, const char *names)
{
    assert_int_equal(a.status, status);
    assert_true(str_contains(a.text, str_from(names)));
}

static struct answer publish(struct caller *c, const char *messages)
{
    struct str body = arena_fmt(&c->arena, "{\"messages\":%s}", messages);
    struct answer a = call(c, "POST", APP "/msg/batch", body.ptr);
    assert_int_equal(a.status, 202);
    return a;
}

/* --- who asks ---------------------------------------------------------------------------------------- */

static void who_asks_is_told_what_it_may_do(void **state)
{
    struct caller *c = *state;
    struct answer a = call(c, "GET", "/api/v1/auth/whoami", NULL);
    assert_string_equal(text_at(a, "kind"), "token");
    assert_string_equal(text_at(a, "name"), "test");
    assert_string_equal(text_at(a, "role"), "owner");
    assert_true(json_is_null(at(a, "applicationId")));
    const char *app = make_app(c, "app");
    a = call_as(c, token_of_app(c, "app", true), NULL, "GET", "/api/v1/auth/whoami", NULL);
    assert_string_equal(text_at(a, "applicationId"), app);
    assert_true(json_is_null(at(a, "role")));
    assert_true(json_is_true(at(a, "readOnly")));
    assert_int_equal(call_as(c, "", NULL, "GET", "/api/v1/auth/whoami", NULL).status, 401);
}

static void ways_to_sign_in_are_told_to_anybody_and_only_those_there_are(void **state)
{
    struct caller *c = *state;
    struct answer a = call_as(c, "", NULL, "GET", "/console/api/ways", NULL);
    assert_int_equal(a.status, 200);
    assert_true(json_is_null(at(a, "openIdConnect")));
    assert_true(json_is_null(at(a, "proxy")));
    a = call_as(c, "", "origin: https://hooks.test", "POST", "/console/api/session/proxy", NULL);
    assert_refused(a, 404, "console.proxy_user_header");
    a = call_as(c, "", NULL, "GET", "/console/api/oidc/start", NULL);
    assert_int_equal(a.status, 404);
}

/* --- the audit log ------------------------------------------------------------------------------------- */

static const char *audit_of(struct caller *c, const char *object)
{
    return arena_fmt(&c->arena, "/api/v1/audit?object_id=%s", object).ptr;
}

static void a_change_is_in_the_audit_log_with_what_was_before_and_after(void **state)
{
    struct caller *c = *state;
    const char *app = make_app(c, "app");
    assert_int_equal(call(c, "PATCH", APP, "{\"name\":\"Acme\"}").status, 200);
    struct answer a = call(c, "GET", audit_of(c, app), NULL);
    assert_int_equal(json_array_size(at(a, "data")), 2);
    assert_string_equal(text_at(a, "data.0.action"), "changed");
    assert_string_equal(text_at(a, "data.0.operation"), "v1.application.patch");
    assert_string_equal(text_at(a, "data.0.peer"), "192.0.2.7");
    assert_string_equal(text_at(a, "data.0.changes.0.member"), "name");
    assert_string_equal(text_at(a, "data.0.changes.0.to"), "Acme");
    assert_string_equal(text_at(a, "data.1.action"), "created");

    const char *id = text_at(a, "data.0.id");
    a = call(c, "GET", arena_fmt(&c->arena, "/api/v1/audit/%s", id).ptr, NULL);
    assert_string_equal(text_at(a, "id"), id);
    assert_int_equal(call(c, "GET", "/api/v1/audit/999999", NULL).status, 404);
    assert_int_equal(call(c, "GET", "/api/v1/audit/x", NULL).status, 404);
}

static void the_audit_log_is_the_organisation_s_alone(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    const char *token = token_of_app(c, "app", false);
    assert_int_equal(call_as(c, token, NULL, "GET", "/api/v1/audit", NULL).status, 403);
    assert_int_equal(call_as(c, token, NULL, "GET", "/api/v1/audit/1", NULL).status, 403);
    assert_int_equal(call_as(c, token, NULL, "GET", "/api/v1/audit/export", NULL).status, 403);
}

static void the_audit_log_is_exported_as_csv_and_as_lines_of_json(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    struct answer a = call(c, "GET", "/api/v1/audit/export?format=csv", NULL);
    assert_int_equal(a.status, 200);
    assert_true(str_contains(a.text, STR("v1.application.create")));
    a = call(c, "GET", "/api/v1/audit/export?format=ndjson", NULL);
    assert_int_equal(a.status, 200);
    assert_true(str_contains(a.text, STR("\"operation\":\"v1.application.create\"")));
    assert_refused(call(c, "GET", "/api/v1/audit/export?format=xml", NULL), 422, "format");
}

/* --- deliveries ---------------------------------------------------------------------------------------- */

static void deliveries_are_found_by_what_was_sent(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    const char *endpoint = make_endpoint(c, "app", "{\"url\":\"http://x.test/\"}");
    make_endpoint(c, "app", "{\"url\":\"http://y.test/\",\"channels\":[\"eu\"]}");
    struct answer sent = publish(c, "[{\"eventType\":\"a\",\"payload\":{\"no\":\"INV-42\"}},"
                                    "{\"eventType\":\"a\",\"payload\":{\"no\":\"INV-7\"}}]");

    struct answer a = call(c, "GET", APP "/delivery?text=INV-42", NULL);
    assert_int_equal(json_array_size(at(a, "data")), 1);
    assert_string_equal(text_at(a, "data.0.msgId"), text_at(sent, "results.0.message.id"));
    assert_string_equal(text_at(a, "data.0.endpointId"), endpoint);
    assert_string_equal(text_at(a, "data.0.matched"), "payload");
    assert_true(json_is_true(at(a, "done")));
    a = call(c, "GET", APP "/delivery?limit=1", NULL);
    assert_int_equal(json_array_size(at(a, "data")), 1);
    assert_int_equal(
        json_array_size(at(call(c, "GET", APP "/delivery?state=success", NULL), "data")), 0);
    assert_refused(call(c, "GET", APP "/delivery?state=lost", NULL), 422, "state");
    assert_int_equal(call(c, "GET", "/api/v1/app/none/delivery", NULL).status, 404);
}

static void the_server_s_own_events_are_listed_for_the_organisation_alone(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    const char *path = "/api/v1/operational-webhook/event-type";
    struct answer a = call(c, "GET", path, NULL);
    assert_int_equal(a.status, 200);
    assert_true(str_contains(a.text, STR("endpoint.disabled")));
    assert_int_equal(call_as(c, token_of_app(c, "app", false), NULL, "GET", path, NULL).status,
                     403);
}

/* --- charts -------------------------------------------------------------------------------------------- */

static void a_chart_has_a_value_for_each_step_of_its_period(void **state)
{
    struct caller *c = *state;
    const char *app = make_app(c, "app");
    (void)publish(c, "[{\"eventType\":\"a\",\"payload\":{}}]");
    const char *path =
        arena_fmt(&c->arena,
                  "/api/v1/series?of=application:%s&measure=accepted,failed&from=now-1h&step=5m",
                  app)
            .ptr;
    struct answer a = call(c, "GET", path, NULL);
    assert_int_equal(a.status, 200);
    assert_int_equal(json_array_size(at(a, "series")), 2);
    assert_string_equal(text_at(a, "series.0.measure"), "accepted");
    assert_int_equal(json_integer_value(at(a, "stepSeconds")), 300);
    assert_int_equal(json_integer_value(at(a, "series.0.total")), 1);
    size_t steps = json_array_size(at(a, "series.0.values"));
    assert_in_range(steps, 12, 13);
    assert_int_equal(json_array_size(at(a, "series.1.values")), steps);
    assert_refused(call(c, "GET", "/api/v1/series?of=application:none&measure=accepted", NULL), 404,
                   "");
    assert_refused(call(c, "GET", "/api/v1/series?of=planet:x&measure=accepted", NULL), 422, "of");
    path = arena_fmt(&c->arena, "/api/v1/series?of=application:%s&measure=luck", app).ptr;
    assert_refused(call(c, "GET", path, NULL), 422, "measure");
}

static void a_table_s_charts_are_those_of_its_rows_and_who_is_unknown_is_named(void **state)
{
    struct caller *c = *state;
    const char *one = make_app(c, "one"), *two = make_app(c, "two");
    const char *path =
        arena_fmt(&c->arena,
                  "/api/v1/series/rows?of=application&ids=%s,app_none,%s&measure=accepted", two,
                  one)
            .ptr;
    struct answer a = call(c, "GET", path, NULL);
    assert_int_equal(a.status, 200);
    assert_int_equal(json_array_size(at(a, "data")), 2);
    assert_string_equal(text_at(a, "data.0.id"), two);
    assert_string_equal(text_at(a, "data.1.id"), one);
    assert_string_equal(text_at(a, "unknown.0"), "app_none");

    a = call_as(c, token_of_app(c, "one", true), NULL, "GET", path, NULL); /* it sees one alone */
    if (a.status == 200)
        assert_int_equal(json_array_size(at(a, "data")), 1);
    else
        assert_int_equal(a.status, 403);
}

/* --- filters ------------------------------------------------------------------------------------------- */

static void a_filter_that_is_tried_says_condition_by_condition_why(void **state)
{
    struct caller *c = *state;
    struct answer a = call(
        c, "POST", "/api/v1/filter/test",
        "{\"filter\":{\"body\":{\"amount\":{\"$gte\":100}}},\"request\":{\"body\":{\"amount\":99}}}");
    assert_int_equal(a.status, 200);
    assert_true(json_is_false(at(a, "matches")));
    assert_true(str_contains(a.text, STR("amount")));
    a = call(
        c, "POST", "/api/v1/filter/test",
        "{\"filter\":{\"body\":{\"amount\":{\"$gte\":100}}},\"request\":{\"body\":{\"amount\":100}}}");
    assert_true(json_is_true(at(a, "matches")));
    a = call(c, "POST", "/api/v1/filter/test",
             "{\"filter\":{\"body\":{\"amount\":{\"$about\":1}}},\"request\":{}}");
    assert_refused(a, 422, "$about");
    assert_int_equal(call_as(c, "", NULL, "POST", "/api/v1/filter/test", "{\"filter\":{}}").status,
                     401);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, caller_open, caller_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_asks_is_told_what_it_may_do),
        TEST(ways_to_sign_in_are_told_to_anybody_and_only_those_there_are),
        TEST(a_change_is_in_the_audit_log_with_what_was_before_and_after),
        TEST(the_audit_log_is_the_organisation_s_alone),
        TEST(the_audit_log_is_exported_as_csv_and_as_lines_of_json),
        TEST(deliveries_are_found_by_what_was_sent),
        TEST(the_server_s_own_events_are_listed_for_the_organisation_alone),
        TEST(a_chart_has_a_value_for_each_step_of_its_period),
        TEST(a_table_s_charts_are_those_of_its_rows_and_who_is_unknown_is_named),
        TEST(a_filter_that_is_tried_says_condition_by_condition_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
