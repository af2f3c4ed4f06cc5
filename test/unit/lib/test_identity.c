/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

/* What makes two deliveries one event is the provider's to say; what only looks alike is two. */
static void an_event_is_known_by_what_its_provider_says(void **state)
{
    static const struct {
        const char *preset, *header, *value, *body, *id;
    } cases[] = {
        { "cloudevents", "ce-id", "1", "{}", "" },
        { "cloudevents", "ce-id", "1", "{\"id\":\"2\",\"source\":\"/a b\"}", "/a\\ b 2" },
        { "gitlab", "X-Gitlab-Event-UUID", "u", "{}", "" },
        { "gitlab", "Idempotency-Key", "k", "{}", "k" },
        { "woocommerce", "X-WC-Webhook-Delivery-ID", "d", "{}", "" },
        { "shopify", "X-Shopify-Event-Id", "e", "{}", "" },
        { "zoom", "x-zm-trackingid", "t", "{}", "" },
        { "hubspot-v1", "x-none", "", "[{\"eventId\":1}]", "" },
        { "dropbox", "x-none", "", "{\"list_folder\":{\"accounts\":[\"a\"]}}", "" },
        { "mollie", "Content-Type", "application/x-www-form-urlencoded", "id=tr_1", "" },
        { "telegram", "x-none", "", "{\"update_id\":7}", "7" },
        { "line", "x-none", "", "{\"events\":[{\"webhookEventId\":\"01\"}]}", "01" },
        { "nylas", "x-none", "", "{\"source\":\"/nylas\",\"id\":\"n\"}", "n" },
        { "stripe", "x-none", "", "{\"id\":\"evt\"}", "evt" },
        { "shopify-events", "Shopify-Webhook-Id", "w", "{}", "w" },
        { "dwolla", "x-none", "", "{\"id\":\"80d8ff7d\"}", "80d8ff7d" },
        { "klaviyo", "x-none", "", "{\"data\":[{\"external_id\":\"e\"}]}", "e" },
    };
    (void)state;
    for (size_t i = 0; i < GN_COUNT(cases); i++) {
        struct fixture f;
        fixture_init(&f, cases[i].preset);
        fixture_secret(&f, "a secret");
        fixture_body(&f, cases[i].body);
        fixture_header(&f, cases[i].header, cases[i].value);
        (void)fixture_sign(&f);
        enum grapnel_status status = fixture_verify(&f);
        assert_true(status == GRAPNEL_VERIFIED || status == GRAPNEL_UNSIGNED);
        assert_bytes(f.verdict.id, cases[i].id);
        fixture_fini(&f);
    }
}

static void fields_of_ones_own_identify_an_event(void **state)
{
    const char *reason = NULL;
    struct fixture f;
    (void)state;
    fixture_init(&f, "github");
    fixture_secret(&f, SECRET);
    fixture_header(&f, "X-GitHub-Delivery", "one");
    fixture_body(&f, "{\"order\":{\"id\":5,\"status\":\"paid twice\"}}");
    assert_status(fixture_sign(&f), GRAPNEL_VERIFIED);
    assert_status(
        grapnel_scheme_dedupe(f.scheme, gn_cstr("json /order/id + json /order/status"), &reason),
        GRAPNEL_VERIFIED);
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    assert_bytes(f.verdict.id, "5 paid\\ twice");
    assert_true(f.verdict.id_signed);
    assert_status(grapnel_scheme_dedupe(f.scheme, gn_cstr("json /order/id + json /none"), &reason),
                  GRAPNEL_VERIFIED);
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    assert_int_equal(f.verdict.id.len, 0);
    assert_status(grapnel_scheme_dedupe(f.scheme, gn_cstr("body"), &reason),
                  GRAPNEL_MALFORMED_SCHEME);
    assert_non_null(reason);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_known_by_what_its_provider_says),
        cmocka_unit_test(fields_of_ones_own_identify_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
