/* SPDX-License-Identifier: Apache-2.0
 *
 * What receivers of other systems get: one delivery by HTTP, to a client that keeps what it is asked to send.
 */
#include "dialect/dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct world {
    struct arena arena;
    struct fetch fetch;
    struct fetch_call call;
    struct sign_keyring *keyring;
    struct buf head, out;
    struct core_app app;
    struct core_endpoint ep;
    struct store_message message;
    /* what came of it */
    bool is_sent, is_permanent;
    struct str headers, body, error, detail;
} w;

static void start_call(struct fetch *f, struct fetch_call *c)
{
    (void)f;
    w.is_sent = true;
    w.headers = c->headers;
    w.body = c->body;
}

static void on_done(struct dest_call *c, const struct dest_result *r)
{
    (void)c;
    w.is_permanent = r->is_permanent;
    w.error = r->error;
    w.detail = r->detail;
}

static int set_up(void **state)
{
    static const struct fetch_ops ops = { start_call, NULL, NULL };
    struct sign_key key;
    (void)state;
    memset(&w, 0, sizeof(w));
    arena_init(&w.arena);
    fetch_call_init(&w.call);
    buf_init(&w.head, DEST_HEAD_MAX);
    buf_init(&w.out, 65536);
    w.fetch.ops = &ops;
    w.app.org_name = STR("LIBRARY");
    w.message = (struct store_message){ .created_us = INT64_C(1614265330) * 1000000,
                                        .event_type = STR("dataset.create") };
    sign_key_generate(SIGN_HMAC256, rng_system(), &key);
    return sign_keyring_new(&key, 1, &w.keyring) == RC_OK ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    sign_keyring_free(w.keyring);
    buf_fini(&w.head);
    buf_fini(&w.out);
    fetch_call_fini(&w.call);
    arena_fini(&w.arena);
    return 0;
}

static void send(const char *options, const char *sealed, const char *payload)
{
    const struct core_targets t = dest_targets(dialect_envelopes);
    json_t *object = NULL;
    w.is_sent = false;
    w.error = w.detail = STR_NONE;
    buf_reset(&w.head);
    buf_reset(&w.out);
    w.ep = (struct core_endpoint){ .id = STR("ep_1"),
                                   .url = STR("https://receiver.test/hook"),
                                   .options_sealed = sealed == NULL ? STR_NONE : str_from(sealed),
                                   .keyring = w.keyring };
    assert_int_equal(json_parse(str_from(options), &object, NULL), RC_OK);
    t.compile(t.ctx, &w.arena, STR("http"), object, NULL, &w.ep);
    json_decref(object);
    struct dest_call call = { .app = &w.app,
                              .ep = &w.ep,
                              .message = &w.message,
                              .payload = str_from(payload),
                              .lines = STR("Preservica-Signature: forged\r\n"),
                              .client = &w.fetch,
                              .state = &w.call,
                              .scratch = &w.arena,
                              .head = &w.head,
                              .body = &w.out,
                              .done = on_done };
    w.ep.kind->start(&call);
    assert_true(w.is_sent == (w.error.ptr == NULL));
}

static size_t count_of(struct str text, const char *needle)
{
    size_t count = 0, len = strlen(needle);
    for (size_t i = 0; i + len <= text.len; i++)
        count += memcmp(text.ptr + i, needle, len) == 0 ? 1 : 0;
    return count;
}

static const char *const secret = "{\"schemeSecret\":\"between us\"}";

static void under_the_preservica_scheme_events_go_out_chunked_in_an_envelope_signed_with_its_key(
    void **state)
{
    (void)state;
    char auth[600], line[128], hex[HEX_LEN(32) + 1];
    uint8_t mac[32];
    send("{\"scheme\":\"preservica\",\"includeIdentifiers\":false}", secret,
         "{\"entityRef\":\"a1\", \"title\":\"caf\xc3\xa9\", \"identifiers\":[{\"isbn\":\"7\"}]}");
    assert_true(
        str_eq(w.body, STR("{\"subscriptionId\":\"ep_1\",\"tenant\":\"LIBRARY\",\"trigger\":"
                           "\"dataset.create\",\"timestamp\":\"2021-02-25T15:02:10.000000Z\","
                           "\"events\":[{\"entityRef\":\"a1\",\"title\":\"caf\\u00E9\"}]}")));
    assert_true(w.call.chunked);
    (void)snprintf(auth, sizeof(auth), "preservica-webhook-auth%.*s", STR_ARGS(w.body));
    sign_hmac256(STR("between us"), str_from(auth), mac);
    hex_encode(mac, sizeof(mac), hex);
    (void)snprintf(line, sizeof(line), "Preservica-Signature: %s\r\n", hex);
    assert_int_equal(count_of(w.headers, line), 1);
    assert_int_equal(count_of(w.headers, "forged"), 0);
    assert_int_equal(count_of(w.headers, "webhook-signature: v1,"), 1);

    send("{\"scheme\":\"preservica\"}", secret,
         "{\"events\":[{\"entityRef\":\"a1\",\"identifiers\":[{\"isbn\":\"7\"}]},{}]}");
    assert_true(str_ends(
        w.body, STR("\"events\":[{\"entityRef\":\"a1\",\"identifiers\":[{\"isbn\":\"7\"}]},{}]}")));
}

static void what_cannot_go_out_under_the_preservica_scheme_is_not_sent(void **state)
{
    (void)state;
    send("{\"scheme\":\"preservica\"}", NULL, "{}");
    assert_true(str_eq(w.error, STR("key")));
    assert_false(w.is_permanent);
    send("{\"scheme\":\"preservica\"}", secret, "[1]");
    assert_true(str_eq(w.error, STR("payload")));
    assert_true(w.is_permanent);
}

static void a_ckan_webhook_gets_the_entity_and_whose_webhook_it_is(void **state)
{
    (void)state;
    send("{\"ckan\":{\"id\":\"7\",\"site\":\"https://site\",\"user\":\"u\"}}", NULL, "{\"a\": 1}");
    assert_true(
        str_eq(w.body, STR("{\"entity\":{\"a\": 1},\"address\":\"https://receiver.test/hook\","
                           "\"webhook_id\":\"7\",\"ckan\":\"https://site\",\"topic\":"
                           "\"dataset/create\",\"user_ref\":\"u\"}")));
    assert_true(w.ep.is_personal);
    assert_false(w.call.chunked);
    assert_int_equal(count_of(w.headers, "content-type: application/json\r\n"), 1);
    send("{\"ckan\":{}}", NULL, "no JSON");
    assert_true(str_eq(w.detail, STR("the payload is not JSON")));
}

static void a_ckan_envelope_may_be_flattened_to_a_form(void **state)
{
    (void)state;
    send("{\"encoding\":\"form\",\"ckan\":{\"id\":\"7\"}}", NULL, "{\"a\": 1}");
    assert_true(str_starts(w.body, STR("entity_a=1&")));
    assert_int_equal(count_of(w.headers, "content-type: application/x-www-form-urlencoded\r\n"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(under_the_preservica_scheme_events_go_out_chunked_in_an_envelope_signed_with_its_key),
        TEST(what_cannot_go_out_under_the_preservica_scheme_is_not_sent),
        TEST(a_ckan_webhook_gets_the_entity_and_whose_webhook_it_is),
        TEST(a_ckan_envelope_may_be_flattened_to_a_form),
    };
    return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
