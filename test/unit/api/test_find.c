/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding by a word, called without a socket.
 */
#include "caller.h"

#define APP "/api/v1/app/app"

static struct answer find(struct caller *c, const char *word)
{
    struct answer a = call(c, "GET", arena_fmt(&c->arena, "/api/v1/find?q=%s", word).ptr, NULL);
    assert_int_equal(a.status, 200);
    return a;
}

/* The only thing that is found. */
static void assert_found(struct answer a, const char *kind, const char *id, const char *matched)
{
    assert_int_equal(json_array_size(at(a, "data")), 1);
    assert_string_equal(text_at(a, "data.0.kind"), kind);
    assert_string_equal(text_at(a, "data.0.id"), id);
    assert_string_equal(text_at(a, "data.0.matched"), matched);
    assert_true(json_is_true(at(a, "complete")));
}

static const char *send(struct caller *c, const char *app, const char *body)
{
    struct answer a = call(c, "POST", arena_fmt(&c->arena, "/api/v1/app/%s/msg/batch", app).ptr,
                           arena_fmt(&c->arena, "{\"messages\":[%s]}", body).ptr);
    assert_int_equal(a.status, 202);
    return text_at(a, "results.0.message.id");
}

static void an_id_of_any_kind_is_found_with_its_path(void **state)
{
    struct caller *c = *state;
    const char *app = make_app(c, "app");
    const char *endpoint = make_endpoint(c, "app", "{\"url\":\"http://x.test/\"}");
    const char *message = send(c, "app", "{\"eventType\":\"a\",\"payload\":{}}");
    const char *filter = text_at(
        call(c, "POST", APP "/filter", "{\"event\":\"Login\",\"url\":\"http://f.test/\"}"), "id");
    const char *task = text_at(call(c, "PUT", "/api/v1/stats/usage/event-types", NULL), "id");
    const char *source = text_at(call(c, "POST", "/ingest/api/v1/source",
                                      "{\"name\":\"Shop\",\"type\":\"generic-webhook\"}"),
                                 "id");
    const struct {
        const char *kind, *id;
    } things[] = { { "application", app }, { "endpoint", endpoint }, { "message", message },
                   { "filter", filter },   { "task", task },         { "source", source } };
    for (size_t i = 0; i < COUNT_OF(things); i++) {
        struct answer a = find(c, things[i].id);
        assert_found(a, things[i].kind, things[i].id, "id");
        struct answer there = call(c, "GET", text_at(a, "data.0.path"), NULL);
        assert_int_equal(there.status, 200);
        assert_string_equal(text_at(there, "id"), things[i].id);
    }
    assert_int_equal(json_array_size(at(find(c, "msg_3MocL2VhT4PINlPZMMe41FkMSQC"), "data")), 0);
}

static void names_urls_and_uids_are_found_in_any_case(void **state)
{
    struct caller *c = *state;
    make_app(c, "customer-7");
    const char *app = text_at(
        call(c, "POST", "/api/v1/app", "{\"name\":\"Acme Corporation\",\"uid\":\"app\"}"), "id");
    const char *endpoint = make_endpoint(
        c, "app", "{\"url\":\"https://hooks.acme-shop.test/in\",\"description\":\"billing\"}");
    assert_found(find(c, "acme%20corp"), "application", app, "text");
    assert_found(find(c, "BILLING"), "endpoint", endpoint, "text");
    assert_found(find(c, "hooks.acme-shop.test/in"), "endpoint", endpoint, "text");
    assert_string_equal(text_at(find(c, "customer-7"), "data.0.kind"), "application");
    struct answer a = find(c, "acme");
    assert_int_equal(json_array_size(at(a, "data")), 2);
    assert_string_equal(text_at(a, "data.1.applicationId"), app);
}

static void an_event_id_is_found_in_all_applications(void **state)
{
    struct caller *c = *state;
    make_app(c, "one");
    make_app(c, "two");
    make_app(c, "three");
    send(c, "one", "{\"eventType\":\"a\",\"eventId\":\"invoice-42\",\"payload\":{}}");
    send(c, "three", "{\"eventType\":\"b\",\"eventId\":\"invoice-42\",\"payload\":{}}");
    struct answer a = find(c, "invoice-42");
    assert_int_equal(json_array_size(at(a, "data")), 2);
    for (int i = 0; i < 2; i++)
        assert_string_equal(text_at(a, arena_fmt(&c->arena, "data.%d.matched", i).ptr), "event_id");
    a = call_as(c, token_of_app(c, "three", true), NULL, "GET", "/api/v1/find?q=invoice-42", NULL);
    assert_int_equal(json_array_size(at(a, "data")), 1);
    assert_string_equal(text_at(a, "data.0.title"), "b");
}

static void a_token_of_an_application_finds_nothing_of_others(void **state)
{
    struct caller *c = *state;
    const char *mine = make_app(c, "app");
    const char *other = make_app(c, "other");
    const char *endpoint = make_endpoint(c, "other", "{\"url\":\"http://secret.test/\"}");
    const char *message = send(c, "other", "{\"eventType\":\"a\",\"payload\":{}}");
    const char *task = text_at(call(c, "PUT", "/api/v1/stats/usage/event-types", NULL), "id");
    const char *token = token_of_app(c, "app", true);
    const char *const words[] = { other, endpoint, message, task, "secret.test", "other" };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        struct answer a = call_as(c, token, NULL, "GET",
                                  arena_fmt(&c->arena, "/api/v1/find?q=%s", words[i]).ptr, NULL);
        assert_int_equal(a.status, 200);
        assert_int_equal(json_array_size(at(a, "data")), 0);
    }
    struct answer a =
        call_as(c, token, NULL, "GET", arena_fmt(&c->arena, "/api/v1/find?q=%s", mine).ptr, NULL);
    assert_found(a, "application", mine, "id");
}

static void many_of_a_kind_are_cut_and_it_is_said(void **state)
{
    struct caller *c = *state;
    for (int i = 0; i < 9; i++)
        make_app(c, arena_fmt(&c->arena, "many-%d", i).ptr);
    struct answer a = find(c, "many");
    assert_int_equal(json_array_size(at(a, "data")), 6);
    assert_true(json_is_false(at(a, "complete")));
    assert_string_equal(text_at(find(c, "many-3"), "data.0.uid"), "many-3");
}

static void a_word_that_is_too_short_is_refused(void **state)
{
    struct caller *c = *state;
    assert_int_equal(call(c, "GET", "/api/v1/find", NULL).status, 422);
    assert_int_equal(call(c, "GET", "/api/v1/find?q=a", NULL).status, 422);
    assert_int_equal(call(c, "GET", "/api/v1/find?q=%20%20%20", NULL).status, 422);
    assert_int_equal(call(c, "GET", "/api/v1/find?q=%ff%fe%fd", NULL).status, 422);
}

static void assert_order(struct answer a, const char *const *uids, size_t count)
{
    assert_int_equal(a.status, 200);
    assert_int_equal(json_array_size(at(a, "data")), count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(json_str_member(json_array_get(at(a, "data"), i), "uid").ptr, uids[i]);
}

static void applications_are_searched_in_several_orders_page_by_page(void **state)
{
    struct caller *c = *state;
    static const char *const by_name[] = { "first", "third", "second" };
    static const char *const by_age[] = { "third", "second", "first" };
    static const char *const by_size[] = { "second", "third", "first" };
    call(c, "POST", "/api/v1/app", "{\"name\":\"acme a\",\"uid\":\"first\"}");
    call(c, "POST", "/api/v1/app", "{\"name\":\"Acme C\",\"uid\":\"second\"}");
    call(c, "POST", "/api/v1/app", "{\"name\":\"ACME B\",\"uid\":\"third\"}");
    call(c, "POST", "/api/v1/app", "{\"name\":\"other\",\"uid\":\"other\"}");
    make_endpoint(c, "second", "{\"url\":\"http://x.test/\",\"disabled\":true}");
    assert_order(call(c, "GET", "/api/v1/app-search?search=acme", NULL), by_name, 3);
    assert_order(call(c, "GET", "/api/v1/app-search?search=ACME&order_by=created", NULL), by_age,
                 3);
    struct answer a = call(c, "GET", "/api/v1/app-search?search=acme&order_by=endpoints", NULL);
    assert_order(a, by_size, 3);
    assert_int_equal(json_integer_value(at(a, "data.0.endpointCount")), 1);
    assert_int_equal(json_integer_value(at(a, "data.0.disabledCount")), 1);
    const char *query = "/api/v1/app-search?search=acme&limit=1";
    for (size_t i = 0; i < 3; i++) {
        a = call(c, "GET", query, NULL);
        assert_order(a, &by_name[i], 1);
        assert_int_equal(json_is_true(at(a, "done")), i == 2);
        query = arena_fmt(&c->arena, "/api/v1/app-search?search=acme&limit=1&iterator=%s",
                          text_at(a, "iterator"))
                    .ptr;
    }
    assert_order(call(c, "GET", "/api/v1/app-search?search=second", NULL), by_size, 1);
    assert_int_equal(call(c, "GET", "/api/v1/app-search?order_by=size", NULL).status, 422);
    assert_int_equal(
        call(c, "GET", "/api/v1/app-search?iterator=app_3MocL2VhT4PINlPZMMe41FkMSQC", NULL).status,
        422);
}

static void nothing_is_wrong_where_nothing_was_sent(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    make_endpoint(c, "app", "{\"url\":\"http://x.test/\"}");
    struct answer a = call(c, "GET", "/api/v1/trouble", NULL);
    assert_int_equal(a.status, 200);
    assert_int_equal(json_array_size(at(a, "data")), 0);
    assert_true(json_is_true(at(a, "complete")));
}

#define T(test) cmocka_unit_test_setup_teardown(test, caller_open, caller_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_id_of_any_kind_is_found_with_its_path),
        T(names_urls_and_uids_are_found_in_any_case),
        T(an_event_id_is_found_in_all_applications),
        T(a_token_of_an_application_finds_nothing_of_others),
        T(many_of_a_kind_are_cut_and_it_is_said),
        T(a_word_that_is_too_short_is_refused),
        T(applications_are_searched_in_several_orders_page_by_page),
        T(nothing_is_wrong_where_nothing_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
