/* SPDX-License-Identifier: Apache-2.0
 *
 * What operators see of the dialects, called without a socket.
 */
#include "caller.h"

#include "dialect/dialect.h"
#include "dialect/gaia_store.h"
#include "store/application.h"
#include "store/endpoint.h"

#define CKAN "/api/v1/ckan/webhook"
#define PRESERVICA "/api/v1/preservica/subscription"
#define GAIA "/api/v1/gaia/webhook"
#define CATALOGUE "/api/v1/openedx/catalogue"
#define DUMP "/api/v1/openedx/dump"

static int open_world(void **state)
{
    (void)caller_open(state);
    struct caller *c = *state;
    dialect_add_routes(c->api, c->router);
    caller_take_routes(c);
    return 0;
}

static struct store_tx *begin(struct caller *c)
{
    struct store_tx *tx = NULL;
    assert_int_equal(store_write(c->store, &tx), RC_OK);
    return tx;
}

/* An endpoint as a dialect makes it. Returns its number. */
static int64_t add_endpoint(struct caller *c, const char *app, const char *types,
                            const char *channels, const char *options)
{
    char text[ID_TEXT_MAX + 1];
    struct store_application row;
    struct id id = id_new(store_ids(c->store));
    struct store_tx *tx = begin(c);
    assert_int_equal(store_application_find(tx, c->org, str_from(app), &c->arena, &row), RC_OK);
    struct store_endpoint ep = { .app = row.num,
                                 .id = arena_str(&c->arena, id_format(STR("ep_"), &id, text)),
                                 .kind = STR("http"),
                                 .url = STR("http://receiver.test/"),
                                 .description = STR(""),
                                 .metadata = STR("{}"),
                                 .disabled_reason = STR(""),
                                 .created_us = 1,
                                 .updated_us = 2 };
    if (types != NULL)
        ep.event_types = str_from(types);
    if (channels != NULL)
        ep.channels = str_from(channels);
    if (options != NULL)
        ep.options = str_from(options);
    assert_int_equal(store_endpoint_insert(tx, &ep), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    return ep.num;
}

static void add_ckan(struct caller *c, const char *topic, const char *user)
{
    struct str options = arena_fmt(&c->arena,
                                   "{\"ckan\":{\"id\":\"%s-%s\",\"topic\":\"%s\",\"user\":\"%s\","
                                   "\"sysadmin\":true,\"site\":\"https://data.test\"}}",
                                   topic, user, topic, user);
    struct str channels = arena_fmt(&c->arena, "[\"public.set-1\",\"user.%s.set-1\"]", user);
    add_endpoint(c, "ckan", "[\"dataset.create\"]", arena_cstr(&c->arena, channels),
                 arena_cstr(&c->arena, options));
}

static size_t count_of(struct answer a)
{
    assert_int_equal(a.status, 200);
    return json_array_size(at(a, "data"));
}

static void nobody_has_webhooks_before_there_are_any(void **state)
{
    struct caller *c = *state;
    assert_int_equal(count_of(call(c, "GET", CKAN, NULL)), 0);
    assert_int_equal(count_of(call(c, "GET", PRESERVICA, NULL)), 0);
    struct answer a = call(c, "GET", GAIA, NULL);
    assert_int_equal(count_of(a), 0);
    assert_true(json_is_true(at(a, "done")));
}

static void webhooks_of_every_user_are_listed_with_topic_entity_and_state(void **state)
{
    struct caller *c = *state;
    make_app(c, "ckan");
    add_ckan(c, "dataset/create", "ann");
    add_ckan(c, "dataset/update", "bob");
    add_endpoint(c, "ckan", NULL, NULL, NULL); /* an operator's own */
    struct answer a = call(c, "GET", CKAN "?order=ascending", NULL);
    assert_int_equal(count_of(a), 2);
    assert_string_equal(text_at(a, "data.0.id"), "dataset/create-ann");
    assert_string_equal(text_at(a, "data.0.topic"), "dataset/create");
    assert_string_equal(text_at(a, "data.0.user"), "ann");
    assert_string_equal(text_at(a, "data.0.entity"), "set-1");
    assert_string_equal(text_at(a, "data.0.address"), "http://receiver.test/");
    assert_true(json_is_false(at(a, "data.0.disabled")));
    a = call(c, "GET", CKAN "?user=bob", NULL);
    assert_int_equal(count_of(a), 1);
    assert_string_equal(text_at(a, "data.0.topic"), "dataset/update");
    assert_int_equal(count_of(call(c, "GET", CKAN "?user=bob&topic=dataset/create", NULL)), 0);
}

static void a_filtered_list_is_paged_in_both_directions(void **state)
{
    struct caller *c = *state;
    make_app(c, "ckan");
    for (int i = 0; i < 3; i++) {
        add_ckan(c, "dataset/create", "ann");
        add_ckan(c, "dataset/create", "bob");
    }
    struct answer a = call(c, "GET", CKAN "?user=ann&limit=2", NULL);
    assert_int_equal(count_of(a), 2);
    assert_true(json_is_false(at(a, "done")));
    const char *second = text_at(a, "data.1.endpointId");
    struct str next =
        arena_fmt(&c->arena, CKAN "?user=ann&limit=2&iterator=%s", text_at(a, "iterator"));
    a = call(c, "GET", next.ptr, NULL);
    assert_int_equal(count_of(a), 1);
    assert_true(json_is_true(at(a, "done")));
    next = arena_fmt(&c->arena, CKAN "?user=ann&limit=1&iterator=%s", text_at(a, "prevIterator"));
    a = call(c, "GET", next.ptr, NULL);
    assert_int_equal(count_of(a), 1);
    assert_string_equal(text_at(a, "data.0.endpointId"), second);
    assert_true(json_is_false(at(a, "done")));
}

static void subscriptions_are_listed_with_trigger_and_handshake(void **state)
{
    struct caller *c = *state;
    make_app(c, "preservica");
    add_endpoint(c, "preservica", "[\"MOVED\"]", NULL,
                 "{\"scheme\":\"preservica\",\"includeIdentifiers\":false,\"handshake\":"
                 "{\"kind\":\"preservica\",\"proof\":\"of another address\"}}");
    add_endpoint(c, "preservica", "[\"INGEST_FAILED\"]", NULL, "{\"scheme\":\"preservica\"}");
    add_endpoint(c, "preservica", "[\"MOVED\"]", NULL, NULL);
    assert_int_equal(count_of(call(c, "GET", PRESERVICA, NULL)), 2);
    struct answer a = call(c, "GET", PRESERVICA "?trigger=MOVED", NULL);
    assert_int_equal(count_of(a), 1);
    assert_string_equal(text_at(a, "data.0.trigger"), "MOVED");
    assert_true(json_is_false(at(a, "data.0.includeIdentifiers")));
    assert_true(json_is_false(at(a, "data.0.handshakePassed")));
}

static void add_gaia(struct caller *c, const char *token, int64_t tenant)
{
    struct store_application app;
    struct str uid = arena_fmt(&c->arena, "gaia-%s", token);
    make_app(c, uid.ptr);
    int64_t endpoint =
        add_endpoint(c, uid.ptr, NULL, NULL, "{\"amqp\":{\"routingKey\":\"event.1.orders.made\"}}");
    struct store_tx *tx = begin(c);
    assert_int_equal(store_application_find(tx, c->org, uid, &c->arena, &app), RC_OK);
    struct gaia_row row = { .token = str_from(token),
                            .org = c->org,
                            .app = app.num,
                            .endpoint = endpoint,
                            .tenant = tenant,
                            .datasource = STR("orders"),
                            .event = STR("made"),
                            .api_token = STR("sealed"),
                            .host = STR("webhook.test"),
                            .created_ms = 1 };
    assert_int_equal(gaia_row_insert(tx, &row), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
}

static void tenants_webhooks_are_listed_without_their_tokens(void **state)
{
    struct caller *c = *state;
    add_gaia(c, "zzz-secret", 7);
    add_gaia(c, "aaa-secret", 8);
    add_gaia(c, "mmm-secret", 7);
    struct answer a = call(c, "GET", GAIA "?order=ascending&limit=2", NULL);
    assert_int_equal(count_of(a), 2);
    assert_false(str_contains(a.text, STR("-secret")));
    assert_int_equal(json_integer_value(at(a, "data.1.tenant")), 8);
    assert_string_equal(text_at(a, "data.0.routingKey"), "event.1.orders.made");
    assert_string_equal(text_at(a, "data.0.datasource"), "orders");
    struct str next =
        arena_fmt(&c->arena, GAIA "?order=ascending&limit=2&iterator=%s", text_at(a, "iterator"));
    a = call(c, "GET", next.ptr, NULL);
    assert_int_equal(count_of(a), 1);
    assert_true(json_is_true(at(a, "done")));
    next = arena_fmt(&c->arena, GAIA "?order=ascending&limit=1&iterator=%s",
                     text_at(a, "prevIterator"));
    a = call(c, "GET", next.ptr, NULL);
    assert_int_equal(json_integer_value(at(a, "data.0.tenant")), 8);
    a = call(c, "GET", GAIA "?tenant=7", NULL);
    assert_int_equal(count_of(a), 2);
    assert_int_equal(call(c, "GET", GAIA "?iterator=nonsense", NULL).status, 422);
    assert_int_equal(call(c, "GET", GAIA "?tenant=x", NULL).status, 422);
}

static void the_catalogue_has_exceptions_and_says_what_can_redirect(void **state)
{
    struct caller *c = *state;
    struct answer a = call(c, "GET", CATALOGUE, NULL);
    assert_int_equal(a.status, 200);
    assert_true(json_array_size(at(a, "events")) > 60);
    assert_true(json_array_size(at(a, "filters")) > 40);
    bool can_redirect = false, cannot_halt = false;
    size_t i;
    json_t *filter;
    json_array_foreach((json_t *)(uintptr_t)at(a, "filters"), i, filter)
    {
        const char *name = json_string_value(json_object_get(filter, "name"));
        size_t exceptions = json_array_size(json_object_get(filter, "exceptions"));
        if (strcmp(name, "InstructorDashboardRenderStarted") == 0) /* by another exception */
            can_redirect = json_is_true(json_object_get(filter, "canRedirect")) && exceptions == 3;
        if (strcmp(name, "LMSPageURLRequested") == 0)
            cannot_halt = json_is_null(json_object_get(filter, "exception")) && exceptions == 0;
    }
    assert_true(can_redirect && cannot_halt);
}

static void a_dump_is_read_in_our_terms_and_nothing_is_stored(void **state)
{
    struct caller *c = *state;
    struct answer a = call(
        c, "POST", DUMP,
        "{\"rows\":["
        "{\"model\":\"openedx_webhooks.webhook\",\"pk\":3,\"fields\":{\"description\":\"CRM\",\"event\":"
        "\"SESSION_LOGIN_COMPLETED\",\"webhook_url\":\"https://crm.test/\",\"enabled\":false,"
        "\"use_www_form_encoding\":true}},"
        "{\"model\":\"openedx_webhooks.webhook\",\"pk\":4,\"fields\":{\"event\":\"NO_SUCH\"}},"
        "{\"model\":\"openedx_webhooks.webfilter\",\"pk\":5,\"fields\":{\"event\":\"HomeEnrollmentApiRendered\","
        "\"webhook_url\":\"https://p.test/\",\"halt_on_5xx\":true,\"redirect_on_5xx\":\"https://no.test/\"}},"
        "{\"model\":\"auth.user\",\"pk\":1,\"fields\":{\"password\":\"x\"}}]}");
    assert_int_equal(a.status, 200);
    assert_string_equal(text_at(a, "data.0.kind"), "webhook");
    assert_string_equal(text_at(a, "data.0.body.uid"), "openedx-webhook-3");
    assert_string_equal(text_at(a, "data.0.body.description"), "CRM");
    assert_string_equal(text_at(a, "data.0.body.encoding"), "form");
    assert_true(json_is_true(at(a, "data.0.body.disabled")));
    assert_true(json_is_false(at(a, "data.1.known")) && json_is_null(at(a, "data.1.body")));
    assert_string_equal(text_at(a, "data.2.takenAs"), "CourseEnrollmentAPIRenderStarted");
    assert_string_equal(text_at(a, "data.2.body.redirectOn5xx"), "https://no.test/");
    assert_int_equal(json_integer_value(at(a, "data.2.body.order")), 5);
    assert_string_equal(text_at(a, "data.3.kind"), "other");
    assert_int_equal(call(c, "POST", DUMP, "{\"rows\":{}}").status, 422);
    assert_int_equal(call(c, "POST", DUMP, "{}").status, 422);
}

static void a_tenants_webhook_is_deleted_by_its_application(void **state)
{
    struct caller *c = *state;
    add_gaia(c, "one", 7);
    make_app(c, "ordinary");
    make_app(c, "gaia-forged");
    assert_int_equal(call(c, "DELETE", GAIA "/ordinary", NULL).status, 404);
    assert_int_equal(call(c, "DELETE", GAIA "/gaia-forged", NULL).status, 404);
    assert_int_equal(call(c, "DELETE", GAIA "/gaia-one", NULL).status, 204);
    assert_int_equal(count_of(call(c, "GET", GAIA, NULL)), 0);
    assert_int_equal(call(c, "GET", "/api/v1/app/gaia-one", NULL).status, 404);
    assert_int_equal(call(c, "DELETE", GAIA "/gaia-one", NULL).status, 404);
}

static void what_needs_a_dialect_says_that_it_is_off(void **state)
{
    struct caller *c = *state;
    struct answer a = call(
        c, "POST", GAIA, "{\"tenant\":1,\"datasource\":\"a\",\"event\":\"b\",\"apiToken\":\"t\"}");
    assert_int_equal(a.status, 404);
    assert_true(str_contains(a.text, STR("gaia.enabled")));
    a = call(c, "GET", "/api/v1/ckan/site", NULL);
    assert_int_equal(a.status, 200);
    assert_true(json_is_false(at(a, "enabled")) && json_is_null(at(a, "siteUrl")));
    assert_int_equal(call(c, "POST", "/api/v1/ckan/site/test", NULL).status, 404);
    assert_int_equal(call(c, "GET", "/api/v1/ckan/user/ann", NULL).status, 404);
    make_app(c, "preservica");
    add_endpoint(c, "preservica", "[\"MOVED\"]", NULL, NULL);
    assert_int_equal(
        call(c, "POST", PRESERVICA "/ep_2zIhXWVBqWZUkVDSzVwVk8xnWoQ/handshake", NULL).status, 404);
}

static void only_the_organisation_sees_the_lists(void **state)
{
    static const char *const lists[] = { CKAN, PRESERVICA, GAIA };
    struct caller *c = *state;
    make_app(c, "mine");
    const char *token = token_of_app(c, "mine", false);
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        assert_int_equal(call_as(c, token, NULL, "GET", lists[i], NULL).status, 403);
        assert_int_equal(call_as(c, "", NULL, "GET", lists[i], NULL).status, 401);
    }
    assert_int_equal(call_as(c, token, NULL, "GET", CATALOGUE, NULL).status, 200);
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_world, caller_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nobody_has_webhooks_before_there_are_any),
        T(webhooks_of_every_user_are_listed_with_topic_entity_and_state),
        T(a_filtered_list_is_paged_in_both_directions),
        T(subscriptions_are_listed_with_trigger_and_handshake),
        T(tenants_webhooks_are_listed_without_their_tokens),
        T(the_catalogue_has_exceptions_and_says_what_can_redirect),
        T(a_dump_is_read_in_our_terms_and_nothing_is_stored),
        T(a_tenants_webhook_is_deleted_by_its_application),
        T(what_needs_a_dialect_says_that_it_is_off),
        T(only_the_organisation_sees_the_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
