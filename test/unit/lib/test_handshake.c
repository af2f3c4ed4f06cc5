/* SPDX-License-Identifier: Apache-2.0
 *
 * Each handshake of the presets: request and answer, and what must not be answered.
 */
#include "fixture.h"

#include <stdio.h>

static const struct exchange {
    const char *preset;
    const char *secret;    /* NULL: none is known yet */
    const char *companion; /* or NULL */
    const char *method;
    const char *query;
    const char *header[2]; /* name, value; or NULL */
    const char *body;
    bool sign; /* proof is wanted */
    unsigned status;
    const char *content_type;
    const char *reply;           /* body */
    const char *reply_header[2]; /* one that has to be there, or NULL */
    const char *learned;
} exchanges[] = {
    { "meta",
      "s",
      "verify-me",
      "GET",
      "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify-me",
      { 0 },
      "",
      false,
      200,
      "text/plain",
      "1158201444",
      { 0 },
      "" },
    { "strava",
      NULL,
      "STRAVA",
      "GET",
      "hub.verify_token=STRAVA&hub.challenge=15f7d1a91c1f&hub.mode=subscribe",
      { 0 },
      "",
      false,
      200,
      "application/json",
      "{\"hub.challenge\":\"15f7d1a91c1f\"}",
      { 0 },
      "" },
    { "x",
      "Convoy",
      NULL,
      "GET",
      "crc_token=uzwcfYtzr9",
      { 0 },
      "",
      false,
      200,
      "application/json",
      "{\"response_token\":\"sha256=HXvxTdsfShG6k2zC9NVANwFquJBdOugRYHax2vNiiOo=\"}",
      { 0 },
      "" },
    { "dropbox",
      "s",
      NULL,
      "GET",
      "challenge=abc",
      { 0 },
      "",
      false,
      200,
      "text/plain",
      "abc",
      { "X-Content-Type-Options", "nosniff" },
      "" },
    { "nylas",
      NULL,
      NULL,
      "GET",
      "challenge=abc",
      { 0 },
      "",
      false,
      200,
      "text/plain",
      "abc",
      { 0 },
      "" },
    { "okta",
      "s",
      NULL,
      "GET",
      "",
      { "X-Okta-Verification-Challenge", "v-1" },
      "",
      false,
      200,
      "application/json",
      "{\"verification\":\"v-1\"}",
      { 0 },
      "" },
    { "linkedin",
      "test_secret",
      NULL,
      "GET",
      "challengeCode=abc123",
      { 0 },
      "",
      false,
      200,
      "application/json",
      "{\"challengeCode\":\"abc123\",\"challengeResponse\":"
      "\"cacececb6088e5d0c304643a43593c802c3e795119b7599da461bafe5fbe347c\"}",
      { 0 },
      "" },
    { "preservica",
      "test_secret",
      NULL,
      "POST",
      "challengeCode=abc123",
      { 0 },
      "",
      false,
      200,
      "application/json",
      "{\"challengeCode\":\"abc123\",\"challengeResponse\":"
      "\"cacececb6088e5d0c304643a43593c802c3e795119b7599da461bafe5fbe347c\"}",
      { 0 },
      "" },
    { "braintree",
      "integration_private_key",
      "integration_public_key",
      "GET",
      "bt_challenge=20f9f8ed05f77439fe955c977e4c8a53",
      { 0 },
      "",
      false,
      200,
      "text/plain",
      "integration_public_key|d9b899556c966b3f06945ec21311865d35df3ce4",
      { 0 },
      "" },
    { "slack",
      NULL,
      NULL,
      "POST",
      "",
      { 0 },
      "{\"type\":\"url_verification\",\"challenge\":\"c1\"}",
      false,
      200,
      "application/json",
      "{\"challenge\":\"c1\"}",
      { 0 },
      "" },
    { "slack",
      "secret",
      NULL,
      "POST",
      "",
      { 0 },
      "{\"type\":\"url_verification\",\"challenge\":\"c1\"}",
      true,
      200,
      "application/json",
      "{\"challenge\":\"c1\"}",
      { 0 },
      "" },
    { "zoom",
      "test_secret",
      NULL,
      "POST",
      "",
      { 0 },
      "{\"event\":\"endpoint.url_validation\",\"payload\":{\"plainToken\":\"qgg8vlvZRS6UYooatFL8Aw\"}}",
      true,
      200,
      "application/json",
      "{\"plainToken\":\"qgg8vlvZRS6UYooatFL8Aw\",\"encryptedToken\":"
      "\"af2b71c039092798acffde4bc073be46286db03f4d82bfac9008822d0fac2449\"}",
      { 0 },
      "" },
    { "twitch",
      "secret-of-twitch",
      NULL,
      "POST",
      "",
      { "Twitch-Eventsub-Message-Type", "webhook_callback_verification" },
      "{\"challenge\":\"pogchamp-1\"}",
      true,
      200,
      "text/plain",
      "pogchamp-1",
      { 0 },
      "" },
    { "monday",
      "s",
      NULL,
      "POST",
      "",
      { 0 },
      "{\"challenge\":\"c1\"}",
      false,
      200,
      "application/json",
      "{\"challenge\":\"c1\"}",
      { 0 },
      "" },
    { "asana",
      NULL,
      NULL,
      "POST",
      "",
      { "X-Hook-Secret", "b537207f20cbfa02" },
      "",
      false,
      200,
      "",
      "",
      { "X-Hook-Secret", "b537207f20cbfa02" },
      "b537207f20cbfa02" },
    { "notion",
      NULL,
      NULL,
      "POST",
      "",
      { 0 },
      "{\"verification_token\":\"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJ\"}",
      false,
      200,
      "",
      "",
      { 0 },
      "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJ" },
    { "ms-graph",
      "state",
      NULL,
      "POST",
      "validationToken=Validation%3A+Testing+client+%3CRequest-Id%3E",
      { 0 },
      "",
      false,
      200,
      "text/plain",
      "Validation: Testing client <Request-Id>",
      { "X-Content-Type-Options", "nosniff" },
      "" },
    { "azure-event-grid",
      "s",
      NULL,
      "POST",
      "secret=s",
      { "aeg-event-type", "SubscriptionValidation" },
      "[{\"data\":{\"validationCode\":\"512d38b6\"}}]",
      false,
      200,
      "application/json",
      "{\"validationResponse\":\"512d38b6\"}",
      { 0 },
      "" },
    { "cloudevents",
      "s",
      NULL,
      "OPTIONS",
      "",
      { "WebHook-Request-Origin", "eventemitter.example.com" },
      "",
      false,
      200,
      "",
      "",
      { "WebHook-Allowed-Origin", "eventemitter.example.com" },
      "" },
    { "trello", "s", NULL, "HEAD", "", { 0 }, "", false, 200, "", "", { 0 }, "" },
    { "mailchimp", "s", NULL, "GET", "", { 0 }, "", false, 200, "", "", { 0 }, "" },
    { "woocommerce",
      "s",
      NULL,
      "POST",
      "",
      { "Content-Type", "application/x-www-form-urlencoded" },
      "webhook_id=5",
      false,
      200,
      "",
      "",
      { 0 },
      "" },
};

static void open_exchange(struct fixture *f, const struct exchange *e)
{
    fixture_init(f, e->preset);
    if (e->secret != NULL) {
        fixture_secret(f, e->secret);
    }
    if (e->companion != NULL) {
        f->config.companion = gn_cstr(e->companion);
    }
    f->request.method = gn_cstr(e->method);
    f->request.query = gn_cstr(e->query);
    fixture_body(f, e->body);
    if (e->header[0] != NULL) {
        fixture_header(f, e->header[0], e->header[1]);
    }
    if (e->sign) {
        fixture_header(f, "Twitch-Eventsub-Message-Id", "m1");
        assert_status(fixture_sign(f), GRAPNEL_VERIFIED);
    }
}

static bool has_reply_header(const struct grapnel_reply *reply, const char *const header[2])
{
    for (size_t i = 0; i < reply->header_count; i++) {
        if (gn_eq(reply->headers[i].name, gn_cstr(header[0])) &&
            gn_eq(reply->headers[i].value, gn_cstr(header[1]))) {
            return true;
        }
    }
    return header[0] == NULL;
}

static void answers_each_as_the_provider_wants(void **state)
{
    (void)state;
    for (size_t i = 0; i < GN_COUNT(exchanges); i++) {
        const struct exchange *e = &exchanges[i];
        struct fixture f;
        print_message("# %s\n", e->preset);
        open_exchange(&f, e);
        assert_status(fixture_verify(&f), GRAPNEL_HANDSHAKE);
        assert_int_equal(f.verdict.reply.status, e->status);
        assert_bytes(f.verdict.reply.content_type, e->content_type);
        assert_bytes(f.verdict.reply.body, e->reply);
        assert_bytes(f.verdict.learned, e->learned);
        assert_true(has_reply_header(&f.verdict.reply, e->reply_header));
        fixture_fini(&f);
    }
}

static void refuses_those_that_need_proof_without_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < GN_COUNT(exchanges); i++) {
        const struct exchange *e = &exchanges[i];
        struct fixture f;
        if (!e->sign) {
            continue;
        }
        open_exchange(&f, e);
        f.secrets[0] = GN_TEXT("another");
        assert_status(fixture_verify(&f), GRAPNEL_NO_MATCHING_KEY);
        assert_int_equal(f.verdict.reply.status, 401);
        assert_int_equal(f.verdict.reply.body.len, 0);
        fixture_fini(&f);
    }
}

static enum grapnel_status ask(const char *preset, const char *method, const char *query,
                               const char *companion)
{
    struct fixture f;
    fixture_init(&f, preset);
    fixture_secret(&f, "secret");
    f.config.companion = gn_cstr(companion);
    f.request.method = gn_cstr(method);
    f.request.query = gn_cstr(query);
    enum grapnel_status status = fixture_verify(&f);
    assert_true(status == GRAPNEL_HANDSHAKE || f.verdict.reply.body.len == 0);
    fixture_fini(&f);
    return status;
}

static void does_not_sign_what_an_attacker_would_have_signed(void **state)
{
    (void)state;
    assert_status(ask("x", "GET", "crc_token=abc", ""), GRAPNEL_HANDSHAKE);
    assert_status(ask("x", "GET", "crc_token=%7B%22event%22%3A1%7D", ""),
                  GRAPNEL_CHALLENGE_REFUSED);
    assert_status(ask("x", "GET", "crc_token=", ""), GRAPNEL_CHALLENGE_REFUSED);
    assert_status(ask("x", "GET", "crc_token=a&crc_token=b", ""), GRAPNEL_MISSING_HEADER);
    assert_status(ask("preservica", "POST", "challengeCode=preservica-webhook-auth", ""),
                  GRAPNEL_CHALLENGE_REFUSED);
    assert_status(ask("linkedin", "GET", "challengeCode=hmacsha256=", ""),
                  GRAPNEL_CHALLENGE_REFUSED);
    assert_status(ask("braintree", "GET", "bt_challenge=20f9f8ed05f77439fe955c977e4c8a5z", "p"),
                  GRAPNEL_CHALLENGE_REFUSED);
    assert_status(ask("braintree", "GET", "bt_challenge=20f9f8", "p"), GRAPNEL_CHALLENGE_REFUSED);
    assert_status(ask("braintree", "GET", "bt_challenge=20F9F8ED05F77439FE955C977E4C8A53", "p"),
                  GRAPNEL_CHALLENGE_REFUSED);
}

static void wants_the_verify_token_and_never_the_secret_for_it(void **state)
{
    (void)state;
    assert_status(ask("meta", "GET", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=t", "t"),
                  GRAPNEL_HANDSHAKE);
    assert_status(ask("meta", "GET", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=x", "t"),
                  GRAPNEL_CHALLENGE_REFUSED);
    assert_status(
        ask("meta", "GET", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=secret", "t"),
        GRAPNEL_CHALLENGE_REFUSED);
    assert_status(ask("meta", "GET", "hub.mode=subscribe&hub.challenge=1", "t"),
                  GRAPNEL_MISSING_HEADER);
    assert_status(ask("meta", "GET", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=", ""),
                  GRAPNEL_UNCONFIGURED);
}

static void fronts_challenge_counts_only_with_its_signature(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, "front");
    fixture_secret(&f, "secret");
    fixture_body(&f, "{\"type\":\"sync\"}");
    fixture_header(&f, "X-Front-Challenge", "c1");
    assert_status(fixture_verify(&f), GRAPNEL_MISSING_HEADER);
    assert_status(fixture_sign(&f), GRAPNEL_VERIFIED);
    assert_status(fixture_verify(&f), GRAPNEL_HANDSHAKE);
    assert_bytes(f.verdict.reply.body, "c1");
    fixture_fini(&f);
}

static void does_not_learn_over_a_secret_it_has(void **state)
{
    static const char *const presets[] = { "asana", "notion" };
    (void)state;
    for (size_t i = 0; i < GN_COUNT(presets); i++) {
        struct fixture f;
        fixture_init(&f, presets[i]);
        fixture_secret(&f, "the first secret");
        fixture_header(&f, "X-Hook-Secret", "attackers-secret");
        fixture_body(&f, "{\"verification_token\":\"attackers-secret\"}");
        assert_status(fixture_verify(&f), GRAPNEL_CHALLENGE_REFUSED);
        assert_int_equal(f.verdict.learned.len, 0);
        fixture_fini(&f);
    }
}

static void an_answer_with_a_hash_needs_a_secret(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, "x");
    f.request.method = GN_TEXT("GET");
    f.request.query = GN_TEXT("crc_token=abc");
    assert_status(fixture_verify(&f), GRAPNEL_UNCONFIGURED);
    fixture_fini(&f);
}

static void a_reply_cannot_be_split_into_headers(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, "cloudevents");
    f.request.method = GN_TEXT("OPTIONS");
    fixture_header(&f, "WebHook-Request-Origin", "a\r\nSet-Cookie: b");
    assert_status(fixture_verify(&f), GRAPNEL_CHALLENGE_REFUSED);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_each_as_the_provider_wants),
        cmocka_unit_test(refuses_those_that_need_proof_without_it),
        cmocka_unit_test(does_not_sign_what_an_attacker_would_have_signed),
        cmocka_unit_test(wants_the_verify_token_and_never_the_secret_for_it),
        cmocka_unit_test(fronts_challenge_counts_only_with_its_signature),
        cmocka_unit_test(does_not_learn_over_a_secret_it_has),
        cmocka_unit_test(an_answer_with_a_hash_needs_a_secret),
        cmocka_unit_test(a_reply_cannot_be_split_into_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
