/* SPDX-License-Identifier: Apache-2.0
 *
 * Applications, endpoints, event types and tokens, called without a socket.
 */
#include "caller.h"

#include <unistd.h>

/* --- what the wrapper promises ----------------------------------------------------------------------- */

static void what_an_answer_refuses_is_not_written(void **state)
{
    struct caller *c = *state;
    make_app(c, "taken");
    struct answer a = call(c, "POST", "/api/v1/app", "{\"name\":\"x\",\"uid\":\"taken\"}");
    assert_int_equal(a.status, 409);
    a = call(c, "PATCH", "/api/v1/app/taken", "{\"name\":5}");
    assert_int_equal(a.status, 422);
    assert_string_equal(text_at(a, "detail.0.loc.1"), "name");
    assert_string_equal(text_at(call(c, "GET", "/api/v1/app/taken", NULL), "name"), "taken");
}

/* A transaction left open would hold the only writer, and this test would not end. */
static void every_way_out_of_a_handler_ends_its_transaction(void **state)
{
    struct caller *c = *state;
    const char *app = make_app(c, "app");
    static const struct {
        const char *method, *target, *body;
        int status;
    } calls[] = {
        { "DELETE", "/api/v1/app/nosuch", NULL, 404 },
        { "PUT", "/api/v1/app/app_2abcdefghijklmnopqrstuvwxyz", "{\"name\":\"x\"}", 404 },
        { "PATCH", "/api/v1/app/app/endpoint/ep_nosuch", "{}", 404 },
        { "POST", "/api/v1/app/app/endpoint", "{\"url\":\"ftp://x\"}", 422 },
        { "POST", "/api/v1/app/app/endpoint", "{\"url\":\"http://x/\",\"secret\":\"short\"}", 422 },
        { "PUT", "/api/v1/app/app/endpoint/bad%20name", "{\"url\":\"http://x.test/\"}", 422 },
        { "PATCH", "/api/v1/event-type/nosuch", "{\"description\":\"d\"}", 404 },
        { "POST", "/api/v1/event-type",
          "{\"name\":\"a\",\"description\":\"d\",\"schemas\":{\"1\":{\"type\":\"nothing\"}}}",
          422 },
        { "DELETE", "/api/v1/event-type/nosuch", NULL, 404 },
        { "GET", "/api/v1/app?limit=0", NULL, 422 },
        { "GET", "/api/v1/app/app/endpoint?iterator=x", NULL, 422 },
    };
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        struct answer a = call(c, calls[i].method, calls[i].target, calls[i].body);
        if (a.status != calls[i].status)
            fail_msg("%s %s: %d, not %d: %.*s", calls[i].method, calls[i].target, a.status,
                     calls[i].status, STR_ARGS(a.text));
        a = call(c, "PATCH", "/api/v1/app/app", "{\"metadata\":{\"n\":\"1\"}}");
        assert_int_equal(a.status, 200);
    }
    assert_non_null(app);
}

static void a_repeated_idempotency_key_is_answered_as_the_first_time(void **state)
{
    struct caller *c = *state;
    const char *key = "idempotency-key: k1", *body = "{\"name\":\"x\"}";
    struct answer first = call_as(c, c->token, key, "POST", "/api/v1/app", body);
    struct answer again = call_as(c, c->token, key, "POST", "/api/v1/app", body);
    assert_int_equal(first.status, 201);
    assert_int_equal(again.status, 201);
    assert_string_equal(text_at(first, "id"), text_at(again, "id"));
    assert_int_equal(json_array_size(at(call(c, "GET", "/api/v1/app", NULL), "data")), 1);
    again = call_as(c, c->token, key, "POST", "/api/v1/app", "{\"name\":\"y\"}");
    assert_int_equal(again.status, 409);
    assert_string_equal(text_at(again, "code"), "idempotency_key_reused");
}

static void a_refused_request_leaves_its_idempotency_key_unused(void **state)
{
    struct caller *c = *state;
    const char *key = "idempotency-key: k2";
    struct answer a = call_as(c, c->token, key, "POST", "/api/v1/app", "{}");
    assert_int_equal(a.status, 422);
    a = call_as(c, c->token, key, "POST", "/api/v1/app", "{\"name\":\"x\"}");
    assert_int_equal(a.status, 201);
}

static void access_is_what_the_row_says(void **state)
{
    struct caller *c = *state;
    make_app(c, "mine");
    make_app(c, "theirs");
    const char *writer = token_of_app(c, "mine", false), *reader = token_of_app(c, "mine", true);
    const char *body = "{\"url\":\"http://x.test/\"}";
    assert_int_equal(call_as(c, "", NULL, "GET", "/api/v1/app", NULL).status, 401);
    assert_int_equal(call_as(c, writer, NULL, "GET", "/api/v1/app", NULL).status, 403);
    assert_int_equal(call_as(c, writer, NULL, "GET", "/api/v1/app/mine", NULL).status, 200);
    assert_int_equal(call_as(c, writer, NULL, "GET", "/api/v1/app/theirs", NULL).status, 404);
    assert_int_equal(call_as(c, writer, NULL, "POST", "/api/v1/app/theirs/endpoint", body).status,
                     404);
    assert_int_equal(call_as(c, reader, NULL, "POST", "/api/v1/app/mine/endpoint", body).status,
                     403);
    assert_int_equal(call_as(c, writer, NULL, "POST", "/api/v1/app/mine/endpoint", body).status,
                     201);
}

/* --- resources --------------------------------------------------------------------------------------- */

static void an_application_is_made_changed_listed_and_deleted(void **state)
{
    struct caller *c = *state;
    struct answer a =
        call(c, "PUT", "/api/v1/app/shop", "{\"name\":\"Shop\",\"metadata\":{\"a\":\"b\"}}");
    assert_int_equal(a.status, 201);
    assert_string_equal(text_at(a, "uid"), "shop");
    assert_int_equal(call(c, "PUT", "/api/v1/app/shop", "{\"name\":\"Shop 2\"}").status, 200);
    a = call(c, "GET", "/api/v1/app?limit=1", NULL);
    assert_string_equal(text_at(a, "data.0.name"), "Shop 2");
    assert_int_equal(call(c, "DELETE", "/api/v1/app/shop", NULL).status, 204);
    assert_int_equal(call(c, "GET", "/api/v1/app/shop", NULL).status, 404);
}

static void an_existing_application_is_given_back_when_asked_for(void **state)
{
    struct caller *c = *state;
    const char *id = make_app(c, "shop");
    struct answer a =
        call(c, "POST", "/api/v1/app?get_if_exists=true", "{\"name\":\"other\",\"uid\":\"shop\"}");
    assert_int_equal(a.status, 200);
    assert_string_equal(text_at(a, "id"), id);
}

static void an_endpoint_keeps_what_a_patch_does_not_name(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    const char *id = make_endpoint(
        c, "app", "{\"url\":\"http://x.test/\",\"channels\":[\"a\"],\"description\":\"d\"}");
    struct str target = arena_fmt(&c->arena, "/api/v1/app/app/endpoint/%s", id);
    struct answer a = call(c, "PATCH", target.ptr, "{\"description\":\"e\"}");
    assert_int_equal(a.status, 200);
    assert_string_equal(text_at(a, "description"), "e");
    assert_string_equal(text_at(a, "channels.0"), "a");
    a = call(c, "PUT", target.ptr, "{\"url\":\"http://y.test/\"}");
    assert_int_equal(a.status, 200);
    assert_true(json_is_null(at(a, "channels")) || at(a, "channels") == NULL);
    assert_int_equal(call(c, "DELETE", target.ptr, NULL).status, 204);
    assert_int_equal(call(c, "GET", target.ptr, NULL).status, 404);
}

static void secrets_and_sensitive_headers_are_shown_only_where_asked_for(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    const char *id = make_endpoint(c, "app",
                                   "{\"url\":\"http://x.test/\",\"headers\":{\"x-api-key\":\"hid"
                                   "den\",\"x-plain\":\"seen\"}}");
    struct str ep = arena_fmt(&c->arena, "/api/v1/app/app/endpoint/%s", id);
    struct str headers = arena_fmt(&c->arena, "%s/headers", ep.ptr);
    struct str secret = arena_fmt(&c->arena, "%s/secret", ep.ptr);
    struct str rotate = arena_fmt(&c->arena, "%s/secret/rotate", ep.ptr);
    struct answer a = call(c, "GET", headers.ptr, NULL);
    assert_string_equal(text_at(a, "headers.x-plain"), "seen");
    assert_string_equal(text_at(a, "sensitive.0"), "x-api-key");
    assert_false(str_contains(a.text, STR("hidden")));
    struct answer before = call(c, "GET", secret.ptr, NULL);
    assert_true(str_starts(str_from(text_at(before, "key")), STR("whsec_")));
    assert_int_equal(call(c, "POST", rotate.ptr, NULL).status, 204);
    struct answer after = call(c, "GET", secret.ptr, NULL);
    assert_string_not_equal(text_at(before, "key"), text_at(after, "key"));
    assert_int_equal(call(c, "PUT", headers.ptr, "{\"headers\":{\"host\":\"h\"}}").status, 422);
    assert_int_equal(call(c, "PATCH", headers.ptr, "{\"headers\":{\"X-PLAIN\":null}}").status, 204);
    assert_int_equal(json_object_size(at(call(c, "GET", headers.ptr, NULL), "headers")), 0);
}

static void an_archived_event_type_comes_back_when_it_is_made_again(void **state)
{
    struct caller *c = *state;
    const char *body = "{\"name\":\"invoice.paid\",\"description\":\"d\"}";
    assert_int_equal(call(c, "POST", "/api/v1/event-type", body).status, 201);
    assert_int_equal(call(c, "POST", "/api/v1/event-type", body).status, 409);
    assert_int_equal(call(c, "DELETE", "/api/v1/event-type/invoice.paid", NULL).status, 204);
    assert_int_equal(json_array_size(at(call(c, "GET", "/api/v1/event-type", NULL), "data")), 0);
    assert_int_equal(call(c, "POST", "/api/v1/event-type", body).status, 201);
    struct answer a = call(c, "PATCH", "/api/v1/event-type/invoice.paid", "{\"deprecated\":true}");
    assert_int_equal(a.status, 200);
    assert_true(json_is_true(at(a, "deprecated")));
}

static void event_types_travel_from_one_environment_to_another(void **state)
{
    struct caller *c = *state;
    call(c, "POST", "/api/v1/event-type", "{\"name\":\"a\",\"description\":\"first\"}");
    struct answer exported = call(c, "POST", "/api/v1/environment/export", NULL);
    assert_int_equal(exported.status, 200);
    call(c, "DELETE", "/api/v1/event-type/a?expunge=true", NULL);
    assert_int_equal(call(c, "GET", "/api/v1/event-type/a", NULL).status, 404);
    struct str body = arena_str(&c->arena, exported.text);
    struct answer a = call(c, "POST", "/api/v1/environment/import", body.ptr);
    assert_int_equal(a.status, 204);
    assert_string_equal(text_at(call(c, "GET", "/api/v1/event-type/a", NULL), "description"),
                        "first");
}

static void an_import_that_is_only_tried_writes_nothing(void **state)
{
    struct caller *c = *state;
    const char *body =
        "{\"dryRun\":true,\"spec\":{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"t\",\"version\":\"1\"},"
        "\"webhooks\":{\"order.made\":{\"post\":{\"operationId\":\"order.made\",\"description\":\"d\","
        "\"requestBody\":{\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\"}}}}}}}}}";
    struct answer a = call(c, "POST", "/api/v1/event-type/import/openapi", body);
    assert_int_equal(a.status, 200);
    assert_int_equal(json_array_size(at(call(c, "GET", "/api/v1/event-type", NULL), "data")), 0);
    struct str real = arena_fmt(&c->arena, "{\"spec\":%s", strstr(body, "{\"openapi\""));
    assert_int_equal(call(c, "POST", "/api/v1/event-type/import/openapi", real.ptr).status, 200);
    assert_int_equal(call(c, "GET", "/api/v1/event-type/order.made", NULL).status, 200);
}

static void a_portal_token_ends_when_it_is_told_to(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    struct answer a = call(c, "POST", "/api/v1/auth/app-portal-access/app", "{}");
    assert_int_equal(a.status, 200);
    const char *token = text_at(a, "token");
    assert_true(str_contains(str_from(text_at(a, "url")), STR("#key=")));
    assert_int_equal(call_as(c, token, NULL, "GET", "/api/v1/app/app", NULL).status, 200);
    assert_int_equal(call_as(c, token, NULL, "POST", "/api/v1/auth/logout", NULL).status, 204);
    assert_int_equal(call_as(c, token, NULL, "GET", "/api/v1/app/app", NULL).status, 401);
    token = text_at(call(c, "POST", "/api/v1/auth/app-portal-access/app", NULL), "token");
    assert_int_equal(call(c, "POST", "/api/v1/auth/app/app/expire-all", "{}").status, 204);
    assert_int_equal(call_as(c, token, NULL, "GET", "/api/v1/app/app", NULL).status, 401);
}

static void operational_endpoints_belong_to_the_hidden_application(void **state)
{
    struct caller *c = *state;
    const char *own = "/api/v1/operational-webhook/endpoint";
    struct answer a = call(c, "POST", own, "{\"url\":\"http://x.test/\"}");
    assert_int_equal(a.status, 201);
    assert_int_equal(json_array_size(at(call(c, "GET", own, NULL), "data")), 1);
    assert_int_equal(json_array_size(at(call(c, "GET", "/api/v1/app", NULL), "data")), 0);
}

static void the_server_says_how_it_is(void **state)
{
    struct caller *c = *state;
    assert_int_equal(call_as(c, "", NULL, "GET", "/api/v1/health", NULL).status, 200);
    struct answer a = call_as(c, "", NULL, "GET", "/api/v1/openapi.json", NULL);
    assert_string_equal(text_at(a, "openapi"), "3.0.3");
}

#define T(name) cmocka_unit_test_setup_teardown(name, caller_open, caller_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_an_answer_refuses_is_not_written),
        T(every_way_out_of_a_handler_ends_its_transaction),
        T(a_repeated_idempotency_key_is_answered_as_the_first_time),
        T(a_refused_request_leaves_its_idempotency_key_unused),
        T(access_is_what_the_row_says),
        T(an_application_is_made_changed_listed_and_deleted),
        T(an_existing_application_is_given_back_when_asked_for),
        T(an_endpoint_keeps_what_a_patch_does_not_name),
        T(secrets_and_sensitive_headers_are_shown_only_where_asked_for),
        T(an_archived_event_type_comes_back_when_it_is_made_again),
        T(event_types_travel_from_one_environment_to_another),
        T(an_import_that_is_only_tried_writes_nothing),
        T(a_portal_token_ends_when_it_is_told_to),
        T(operational_endpoints_belong_to_the_hidden_application),
        T(the_server_says_how_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
