/* SPDX-License-Identifier: Apache-2.0
 *
 * Explaining messages, called without a socket: nothing is delivered here, so what waits stays.
 */
#include "caller.h"

#define APP "/api/v1/app/app"

static struct answer explain(struct caller *c, const char *id, const char *query)
{
    return call(c, "GET", arena_fmt(&c->arena, APP "/msg/%s/explain%s", id, query).ptr, NULL);
}

/* In a batch of one: a message by itself is no worker's call. */
static const char *send(struct caller *c, const char *body)
{
    struct answer a =
        call(c, "POST", APP "/msg/batch", arena_fmt(&c->arena, "{\"messages\":[%s]}", body).ptr);
    assert_int_equal(a.status, 202);
    return text_at(a, "results.0.message.id");
}

/* An application with the event types that endpoints ask for. */
static void make_world(struct caller *c)
{
    static const char *const types[] = { "a", "b", "c" };
    make_app(c, "app");
    for (size_t i = 0; i < COUNT_OF(types); i++)
        assert_int_equal(
            call(c, "POST", "/api/v1/event-type",
                 arena_fmt(&c->arena, "{\"name\":\"%s\",\"description\":\"\"}", types[i]).ptr)
                .status,
            201);
}

/* The item of an endpoint by its uid. */
static struct answer item_of(struct answer a, const char *uid)
{
    const json_t *list = at(a, "data");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *item = json_array_get(list, i);
        if (strcmp(json_str_member(item, "endpointUid").ptr, uid) == 0)
            return (struct answer){ .status = a.status, .body = item };
    }
    fail_msg("%s is not in the answer", uid);
    return a;
}

static void each_rule_is_named_with_what_the_endpoint_asks_for(void **state)
{
    struct caller *c = *state;
    make_world(c);
    make_endpoint(c, "app", "{\"url\":\"http://x.test/\",\"uid\":\"all\"}");
    make_endpoint(c, "app",
                  "{\"url\":\"http://x.test/\",\"uid\":\"typed\",\"filterTypes\":[\"b\",\"c\"]}");
    make_endpoint(c, "app",
                  "{\"url\":\"http://x.test/\",\"uid\":\"channel\",\"channels\":[\"eu\"]}");
    make_endpoint(
        c, "app",
        "{\"url\":\"http://x.test/\",\"uid\":\"filter\",\"filter\":{\"body\":{\"n\":2}}}");
    make_endpoint(c, "app", "{\"url\":\"http://x.test/\",\"uid\":\"off\",\"disabled\":true}");
    struct answer a = explain(c, send(c, "{\"eventType\":\"a\",\"payload\":{\"n\":1}}"), "");
    assert_int_equal(a.status, 200);
    assert_int_equal(json_integer_value(at(a, "wantedThenCount")), 1);
    assert_int_equal(json_integer_value(at(a, "wantedNowCount")), 1);
    assert_string_equal(text_at(a, "data.0.endpointUid"), "all");
    assert_true(json_is_true(at(item_of(a, "all"), "then.wanted")));
    static const char *const rules[][2] = { { "typed", "event_type" },
                                            { "channel", "channel" },
                                            { "filter", "filter" },
                                            { "off", "disabled" } };
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        struct answer item = item_of(a, rules[i][0]);
        assert_true(json_is_false(at(item, "now.wanted")));
        assert_string_equal(text_at(item, "now.reasons.0.rule"), rules[i][1]);
        assert_string_equal(text_at(item, "then.rule"), rules[i][1]);
        assert_true(json_is_true(at(item, "then.exact")));
        assert_string_equal(text_at(item, "now.outcome"), "nothing");
    }
    assert_non_null(strstr(text_at(item_of(a, "typed"), "now.reasons.0.words"), "b, c"));
    struct answer filter = item_of(a, "filter");
    assert_string_equal(text_at(filter, "now.filter.conditions.0.path"), "/body/n");
    assert_int_equal(json_integer_value(at(filter, "now.filter.conditions.0.value")), 1);
    assert_int_equal(json_integer_value(at(filter, "now.filter.conditions.0.operand")), 2);
}

static void all_that_speaks_against_an_endpoint_is_shown(void **state)
{
    struct caller *c = *state;
    make_world(c);
    make_endpoint(
        c, "app",
        "{\"url\":\"http://x.test/\",\"uid\":\"ep\",\"disabled\":true,\"channels\":[\"eu\"],"
        "\"filterTypes\":[\"b\"],\"filter\":{\"body\":{\"n\":2}}}");
    struct answer a = call(c, "POST", APP "/msg/explain", "{\"eventType\":\"a\",\"payload\":{}}");
    assert_int_equal(a.status, 200);
    assert_int_equal(json_array_size(at(a, "data.0.now.reasons")), 4);
    assert_true(json_is_null(at(a, "data.0.then")));
    assert_true(json_is_null(at(a, "msgId")));
}

static void what_came_or_changed_later_is_told_apart(void **state)
{
    struct caller *c = *state;
    make_world(c);
    make_endpoint(c, "app",
                  "{\"url\":\"http://x.test/\",\"uid\":\"changed\",\"filterTypes\":[\"b\"]}");
    const char *id = send(c, "{\"eventType\":\"a\",\"payload\":{}}");
    make_endpoint(c, "app", "{\"url\":\"http://x.test/\",\"uid\":\"later\"}");
    assert_int_equal(call(c, "PATCH", APP "/endpoint/changed", "{\"filterTypes\":[\"a\"]}").status,
                     200);
    struct answer a = explain(c, id, "");
    struct answer changed = item_of(a, "changed");
    assert_string_equal(text_at(changed, "then.rule"), "changed_since");
    assert_true(json_is_false(at(changed, "then.exact")));
    assert_non_null(text_at(changed, "changedSince"));
    assert_true(json_is_true(at(changed, "now.wanted")));
    assert_string_equal(text_at(item_of(a, "later"), "then.rule"), "created_later");
}

static void a_deleted_endpoint_of_the_row_is_still_explained(void **state)
{
    struct caller *c = *state;
    make_world(c);
    make_endpoint(c, "app", "{\"url\":\"http://x.test/\",\"uid\":\"gone\"}");
    const char *id = send(c, "{\"eventType\":\"a\",\"payload\":{}}");
    assert_int_equal(call(c, "DELETE", APP "/endpoint/gone", NULL).status, 204);
    struct answer a = explain(c, id, "");
    assert_true(json_is_true(at(a, "data.0.deleted")));
    assert_true(json_is_true(at(a, "data.0.then.wanted")));
    assert_string_equal(text_at(a, "data.0.now.reasons.0.rule"), "endpoint_deleted");
}

static void a_message_to_one_endpoint_alone_was_not_addressed_to_others(void **state)
{
    struct caller *c = *state;
    make_world(c);
    make_endpoint(c, "app", "{\"url\":\"http://x.test/\",\"uid\":\"one\"}");
    make_endpoint(c, "app", "{\"url\":\"http://x.test/\",\"uid\":\"two\"}");
    struct answer sent =
        call(c, "POST", APP "/endpoint/one/send-example", "{\"eventType\":\"svix.ping\"}");
    struct answer a = explain(c, text_at(sent, "id"), "");
    assert_true(json_is_true(at(item_of(a, "one"), "then.wanted")));
    assert_string_equal(text_at(item_of(a, "two"), "then.rule"), "not_addressed");
}

static void a_payload_that_is_gone_is_said_and_would_cancel(void **state)
{
    struct caller *c = *state;
    make_world(c);
    make_endpoint(c, "app", "{\"url\":\"http://x.test/\",\"uid\":\"plain\"}");
    make_endpoint(
        c, "app",
        "{\"url\":\"http://x.test/\",\"uid\":\"filter\",\"filter\":{\"body\":{\"n\":2}}}");
    const char *id = send(c, "{\"eventType\":\"a\",\"payload\":{\"n\":2}}");
    assert_int_equal(
        call(c, "DELETE", arena_fmt(&c->arena, APP "/msg/%s/content", id).ptr, NULL).status, 204);
    struct answer a = explain(c, id, "");
    assert_true(json_is_true(at(a, "payloadGone")));
    assert_true(json_is_null(at(a, "wantedNowCount")));
    assert_string_equal(text_at(item_of(a, "plain"), "now.outcome"), "cancel");
    assert_string_equal(text_at(item_of(a, "plain"), "delivery.statusReason"), "payload_gone");
    assert_string_equal(text_at(item_of(a, "filter"), "now.reasons.0.rule"), "payload_gone");
}

static void pages_hold_each_endpoint_once_and_those_of_the_row_first(void **state)
{
    enum { ENDPOINTS = 23 };
    struct caller *c = *state;
    size_t seen[ENDPOINTS] = { 0 };
    make_world(c);
    for (int i = 0; i < ENDPOINTS; i++)
        make_endpoint(
            c, "app",
            arena_fmt(&c->arena,
                      "{\"url\":\"http://x.test/\",\"uid\":\"%d\",\"filterTypes\":[\"%s\"]}", i,
                      i % 3 == 2 ? "a" : "b")
                .ptr);
    const char *id = send(c, "{\"eventType\":\"a\",\"payload\":{}}");
    const char *query = "?limit=5";
    size_t count = 0;
    for (bool done = false; !done;) {
        struct answer a = explain(c, id, query);
        for (size_t i = 0; i < json_array_size(at(a, "data")); i++, count++) {
            const json_t *item = json_array_get(at(a, "data"), i);
            bool wanted = json_is_true(json_object_get(json_object_get(item, "then"), "wanted"));
            seen[atoi(json_str_member(item, "endpointUid").ptr)]++;
            assert_int_equal(wanted, count < ENDPOINTS / 3);
        }
        done = json_is_true(at(a, "done"));
        query = arena_fmt(&c->arena, "?limit=5&iterator=%s", text_at(a, "iterator")).ptr;
    }
    for (int i = 0; i < ENDPOINTS; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(explain(c, id, "?iterator=ep_nosuch").status, 422);
    assert_int_equal(json_array_size(at(explain(c, id, "?endpoint_id=7"), "data")), 1);
    assert_int_equal(explain(c, id, "?endpoint_id=nosuch").status, 404);
}

static void what_would_be_refused_is_refused_or_said(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    send(c, "{\"eventType\":\"a\",\"eventId\":\"e1\",\"payload\":{}}");
    struct answer a = call(c, "POST", APP "/msg/explain",
                           "{\"eventType\":\"a\",\"eventId\":\"e1\",\"payload\":{}}");
    assert_int_equal(json_integer_value(at(a, "refused.status")), 409);
    assert_int_equal(call(c, "POST", APP "/msg/explain", "{\"eventType\":\"a\"}").status, 422);
    assert_int_equal(call(c, "POST", APP "/msg/explain", "{}").status, 422);
    assert_int_equal(call(c, "POST", APP "/msg/explain", "{\"msgId\":\"nosuch\"}").status, 404);
    a = call(c, "POST", APP "/msg/explain", "{\"msgId\":\"e1\"}");
    assert_int_equal(a.status, 200);
    assert_true(json_is_null(at(a, "refused")));
    a = call(c, "GET", APP "/msg", NULL);
    assert_int_equal(json_array_size(at(a, "data")), 1);
}

static void a_token_of_another_application_explains_nothing(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    make_app(c, "other");
    const char *id = send(c, "{\"eventType\":\"a\",\"payload\":{}}");
    const char *path = arena_fmt(&c->arena, APP "/msg/%s/explain", id).ptr;
    assert_int_equal(call_as(c, token_of_app(c, "other", false), NULL, "GET", path, NULL).status,
                     404);
    assert_int_equal(call_as(c, token_of_app(c, "app", true), NULL, "GET", path, NULL).status, 200);
    path = arena_fmt(&c->arena, "/api/v1/app/other/msg/%s/explain", id).ptr;
    assert_int_equal(call(c, "GET", path, NULL).status, 404);
}

#define T(test) cmocka_unit_test_setup_teardown(test, caller_open, caller_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_rule_is_named_with_what_the_endpoint_asks_for),
        T(all_that_speaks_against_an_endpoint_is_shown),
        T(what_came_or_changed_later_is_told_apart),
        T(a_deleted_endpoint_of_the_row_is_still_explained),
        T(a_message_to_one_endpoint_alone_was_not_addressed_to_others),
        T(a_payload_that_is_gone_is_said_and_would_cancel),
        T(pages_hold_each_endpoint_once_and_those_of_the_row_first),
        T(what_would_be_refused_is_refused_or_said),
        T(a_token_of_another_application_explains_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
