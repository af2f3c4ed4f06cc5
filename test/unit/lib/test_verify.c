/* SPDX-License-Identifier: Apache-2.0
 *
 * What verification promises beside the presets: Standard Webhooks to the letter, limits, batches,
 * rotation, what is said to be signed, and explanations that keep secrets.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SIGNATURE "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define SIGNED_US INT64_C(1614265330000000)
#define PUBLIC_KEY "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
#define PRIVATE_KEY \
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
#define SIGNATURE_V1A \
    "hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="

/* The published request of Standard Webhooks with these values in its headers. */
static void open_standard(struct fixture *f, const char *timestamp, const char *signature)
{
    fixture_init(f, "standard-webhooks");
    fixture_secret(f, SECRET);
    f->config.now_us = SIGNED_US;
    fixture_header(f, "Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJek");
    fixture_header(f, "webhook-timestamp", timestamp);
    fixture_header(f, "WEBHOOK-SIGNATURE", signature);
    fixture_body(f, "{\"test\": 2432232314}");
}

static enum grapnel_status standard(const char *timestamp, const char *signature)
{
    struct fixture f;
    open_standard(&f, timestamp, signature);
    enum grapnel_status status = fixture_verify(&f);
    fixture_fini(&f);
    return status;
}

static void standard_webhooks_signatures_are_read_strictly(void **state)
{
    (void)state;
    const struct {
        const char *header;
        enum grapnel_status status;
    } cases[] = {
        { "v1," SIGNATURE, GRAPNEL_VERIFIED },
        { "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE", GRAPNEL_VERIFIED },
        { "v1,AAAA v2,xyz v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= v1," SIGNATURE,
          GRAPNEL_VERIFIED },
        { "v1 a,b,c v1," SIGNATURE, GRAPNEL_VERIFIED },
        { "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", GRAPNEL_NO_MATCHING_KEY },
        { "v2," SIGNATURE, GRAPNEL_MALFORMED_SIGNATURE },
        { "v1a," SIGNATURE, GRAPNEL_MALFORMED_SIGNATURE },
        { "v1," SIGNATURE_V1A, GRAPNEL_MALFORMED_SIGNATURE },
        { "v1,dawfeoifkpqwoekfpqoekf", GRAPNEL_MALFORMED_SIGNATURE },
        { "v1,", GRAPNEL_MALFORMED_SIGNATURE },
        { "v1,g0hM9SsE", GRAPNEL_MALFORMED_SIGNATURE },
        { "v1", GRAPNEL_MALFORMED_SIGNATURE },
        { "", GRAPNEL_MALFORMED_SIGNATURE },
        { SIGNATURE, GRAPNEL_MALFORMED_SIGNATURE },
        { "V1," SIGNATURE, GRAPNEL_MALFORMED_SIGNATURE },
        { "v1," SIGNATURE "=", GRAPNEL_MALFORMED_SIGNATURE },
        { "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF=",
          GRAPNEL_MALFORMED_SIGNATURE }, /* stray bits */
        { "v1,g0hM9SsE-OTPJTGt_tmIKtSyZlE3uFJELVlNIOLJ1OE=",
          GRAPNEL_MALFORMED_SIGNATURE }, /* URL alphabet */
    };
    for (size_t i = 0; i < GN_COUNT(cases); i++) {
        print_message("# %s\n", cases[i].header);
        assert_status(standard("1614265330", cases[i].header), cases[i].status);
    }
}

static void standard_webhooks_times_are_read_strictly(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "hello", "1614265330abc", "1614265330.5", "1e9",         "-1614265330", "+1614265330", " ",
        "",      "0x60378472",    "01614265330",  "161426533000"
    };
    for (size_t i = 0; i < GN_COUNT(bad); i++) {
        assert_status(standard(bad[i], "v1," SIGNATURE), GRAPNEL_MALFORMED_TIMESTAMP);
    }
    assert_status(standard("1614265331", "v1," SIGNATURE), GRAPNEL_NO_MATCHING_KEY);
}

static void any_missing_header_is_named_so(void **state)
{
    (void)state;
    for (size_t gone = 0; gone < 3; gone++) {
        struct fixture f;
        open_standard(&f, "1614265330", "v1," SIGNATURE);
        f.headers[gone].name = GN_TEXT("x-other");
        assert_status(fixture_verify(&f), GRAPNEL_MISSING_HEADER);

        fixture_fini(&f);
    }
}

static void a_bad_signature_learns_nothing_of_the_clock(void **state)
{
    struct fixture f;
    (void)state;
    open_standard(&f, "1614265330", "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    f.config.now_us = 0;
    assert_status(fixture_verify(&f), GRAPNEL_NO_MATCHING_KEY);
    assert_false(f.verdict.has_time);
    fixture_fini(&f);
}

static void the_callers_window_replaces_the_schemes(void **state)
{
    struct fixture f;
    struct grapnel_window window = { 10, 0 };
    (void)state;
    open_standard(&f, "1614265330", "v1," SIGNATURE);
    f.config.window = &window;
    f.config.now_us = SIGNED_US + 11000000;
    assert_status(fixture_verify(&f), GRAPNEL_TIMESTAMP_TOO_OLD);
    f.config.now_us = 0;
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    fixture_fini(&f);
}

static void asymmetric_signatures_verify_with_the_public_key_only(void **state)
{
    struct fixture f;
    (void)state;
    open_standard(&f, "1614265330", "v1," SIGNATURE " v1a," SIGNATURE_V1A);
    f.secrets[0] = GN_TEXT(PUBLIC_KEY);
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    f.secrets[0] = GN_TEXT(PRIVATE_KEY);
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    /* Its bytes are no HMAC key: a signature made with the public key must not pass. */
    f.headers[2].value = GN_TEXT("v1," SIGNATURE);
    f.secrets[0] = GN_TEXT(PUBLIC_KEY);
    assert_status(fixture_verify(&f), GRAPNEL_NO_MATCHING_KEY);
    f.secrets[0] = GN_TEXT("whpk_AAAA");
    assert_status(fixture_verify(&f), GRAPNEL_MALFORMED_KEY);
    f.secrets[0] = GN_TEXT(
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvw==");
    assert_status(fixture_verify(&f), GRAPNEL_MALFORMED_KEY);
    fixture_fini(&f);
}

static void signs_with_each_of_several_keys(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, "standard-webhooks");
    fixture_secret(&f, SECRET);
    fixture_secret(&f, PRIVATE_KEY);
    f.config.now_us = SIGNED_US;
    fixture_header(&f, "webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek");
    fixture_body(&f, "{\"test\": 2432232314}");
    assert_status(fixture_sign(&f), GRAPNEL_VERIFIED);
    assert_bytes(f.signature.value, "v1," SIGNATURE " v1a," SIGNATURE_V1A);
    assert_bytes(f.signature.timestamp, "1614265330");
    assert_int_equal(f.signature.header_count, 2);
    fixture_fini(&f);
}

static void tells_which_parts_are_signed(void **state)
{
    const struct {
        const char *preset;
        const char *header;
        bool id;
        bool type;
    } cases[] = {
        { "github", "X-GitHub-Event", false, false },
        { "standard-webhooks", "x-none", true, true },
        { "stripe", "x-none", true, true },
    };
    (void)state;
    for (size_t i = 0; i < GN_COUNT(cases); i++) {
        struct fixture f;
        fixture_init(&f, cases[i].preset);
        fixture_secret(&f, SECRET);
        fixture_body(&f, "{\"id\":\"x\",\"type\":\"push\"}");
        fixture_header(&f, "webhook-id", "x");
        fixture_header(&f, "X-GitHub-Delivery", "x");
        fixture_header(&f, cases[i].header, "push");
        assert_status(fixture_sign(&f), GRAPNEL_VERIFIED);
        assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
        assert_bytes(f.verdict.id, "x");
        assert_bytes(f.verdict.type, "push");
        assert_int_equal(f.verdict.id_signed, cases[i].id);
        assert_int_equal(f.verdict.type_signed, cases[i].type);
        fixture_fini(&f);
    }
}

static void keeps_to_its_limits(void **state)
{
    struct fixture f;
    static struct grapnel_header many[GRAPNEL_HEADERS_MAX + 1];
    static char long_secret[GRAPNEL_SECRET_MAX + 2];
    char signatures[33 * 50];
    size_t len = 0;
    (void)state;
    for (int i = 0; i < 33; i++) {
        len += (size_t)snprintf(signatures + len, sizeof(signatures) - len, "%sv1," SIGNATURE,
                                i > 0 ? " " : "");
    }
    open_standard(&f, "1614265330", signatures);
    assert_status(fixture_verify(&f), GRAPNEL_TOO_LARGE);
    f.headers[2].value.len -= sizeof(" v1," SIGNATURE) - 1;
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);

    for (size_t i = 0; i < GN_COUNT(many); i++) {
        many[i] = i < 3 ? f.headers[i] : (struct grapnel_header){ GN_TEXT("x"), GN_TEXT("y") };
    }
    f.request.headers = many;
    f.request.header_count = GRAPNEL_HEADERS_MAX;
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    f.request.header_count++;
    assert_status(fixture_verify(&f), GRAPNEL_TOO_LARGE);
    f.request.header_count = 3;

    for (size_t i = 1; i <= GRAPNEL_SECRETS_MAX; i++) {
        fixture_secret(&f, SECRET);
    }
    assert_status(fixture_verify(&f), GRAPNEL_TOO_LARGE);
    f.config.secret_count = GRAPNEL_SECRETS_MAX;
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);

    memset(long_secret, 'A', GRAPNEL_SECRET_MAX + 1);
    f.config.secret_count = 0;
    fixture_secret(&f, long_secret);
    assert_status(fixture_verify(&f), GRAPNEL_MALFORMED_KEY);
    fixture_fini(&f);
}

static void an_id_that_occurs_twice_is_refused_though_unsigned(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, "github");
    fixture_secret(&f, "s");
    fixture_header(&f, "X-GitHub-Delivery", "a");
    fixture_header(&f, "X-GitHub-Delivery", "b");
    assert_status(fixture_sign(&f), GRAPNEL_VERIFIED);
    assert_status(fixture_verify(&f), GRAPNEL_DUPLICATE_HEADER);
    fixture_fini(&f);
}

/* --- batches ---------------------------------------------------------------------------------------------------- */

#define ADYEN_KEY "DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00"
#define ADYEN_ITEM \
    "{\"NotificationRequestItem\":{\"pspReference\":\"pspReference\",\"originalReference\":" \
    "\"originalReference\",\"merchantAccountCode\":\"merchantAccount\",\"merchantReference\":" \
    "\"reference\",\"amount\":{\"value\":1000,\"currency\":\"EUR\"},\"eventCode\":\"REPORT_AVAILABLE\"," \
    "\"success\":\"%s\",\"additionalData\":{\"hmacSignature\":" \
    "\"ZNBPtI+oDyyRrLyD1XirkKnQgIAlFc07Vj27TeHsDRE=\"}}}"

static void one_forged_item_spoils_the_batch(void **state)
{
    struct fixture f;
    char body[2048];
    (void)state;
    fixture_init(&f, "adyen");
    fixture_secret(&f, ADYEN_KEY);
    snprintf(body, sizeof(body), "{\"notificationItems\":[" ADYEN_ITEM "," ADYEN_ITEM "]}", "true",
             "true");
    fixture_body(&f, body);
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    assert_int_equal(f.verdict.item_count, 2);
    assert_int_equal(f.verdict.id.len, 0);
    snprintf(body, sizeof(body), "{\"notificationItems\":[" ADYEN_ITEM "," ADYEN_ITEM "]}", "true",
             "false");
    fixture_body(&f, body);
    assert_status(fixture_verify(&f), GRAPNEL_NO_MATCHING_KEY);
    fixture_body(&f, "{\"notificationItems\":[]}");
    assert_status(fixture_verify(&f), GRAPNEL_MISSING_HEADER);
    fixture_body(&f, "{\"notificationItems\":{}}");
    assert_status(fixture_verify(&f), GRAPNEL_MALFORMED_BODY);
    assert_status(grapnel_sign(f.scheme, &f.config, &f.request, &f.signature), GRAPNEL_UNSUPPORTED);
    fixture_fini(&f);
}

static void each_item_of_a_graph_batch_needs_the_client_state(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, "ms-graph");
    fixture_secret(&f, "state-1");
    fixture_body(&f, "{\"value\":[{\"clientState\":\"state-1\",\"changeType\":\"updated\"}]}");
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    assert_bytes(f.verdict.type, "updated");
    assert_false(f.verdict.type_signed);
    fixture_body(&f, "{\"value\":[{\"clientState\":\"state-1\"},{\"clientState\":\"state-2\"}]}");
    assert_status(fixture_verify(&f), GRAPNEL_NO_MATCHING_KEY);
    fixture_body(&f, "{\"value\":[{\"clientState\":\"state-1\"},{}]}");
    assert_status(fixture_verify(&f), GRAPNEL_MISSING_HEADER);
    fixture_fini(&f);
}

static void too_many_items_are_refused(void **state)
{
    struct fixture f;
    char *body = malloc(64 * (GRAPNEL_ITEMS_MAX + 1));
    size_t len = 0;
    (void)state;
    assert_non_null(body);
    fixture_init(&f, "ms-graph");
    fixture_secret(&f, "s");
    len += (size_t)sprintf(body, "{\"value\":[");
    for (int i = 0; i <= GRAPNEL_ITEMS_MAX; i++) {
        len += (size_t)sprintf(body + len, "%s{\"clientState\":\"s\"}", i > 0 ? "," : "");
    }
    memcpy(body + len, "]}", 3);
    fixture_body(&f, body);
    assert_status(fixture_verify(&f), GRAPNEL_TOO_LARGE);
    fixture_fini(&f);
    free(body);
}

static bool note_item(void *ctx, size_t index, const struct grapnel_item *item)
{
    char *text = ctx;
    size_t len = strlen(text);
    snprintf(text + len, 256 - len, "%zu %.*s %.*s;", index, (int)item->id.len,
             item->id.len > 0 ? item->id.ptr : "", (int)item->type.len,
             item->type.len > 0 ? item->type.ptr : "");
    return index < 1;
}

static void visits_the_events_of_a_batch(void **state)
{
    struct fixture f;
    char text[256] = "";
    (void)state;
    fixture_init(&f, "sendgrid");
    fixture_body(
        &f,
        "[{\"sg_event_id\":1,\"event\":\"contact.creation\"},{\"sg_event_id\":2},{\"sg_event_id\":3}]");
    assert_status(grapnel_each_item(f.scheme, &f.request, note_item, text), GRAPNEL_VERIFIED);
    assert_string_equal(text, "0 1 contact.creation;1 2 ;");
    fixture_body(&f, "[{\"sg_event_id\":1,\"sg_event_id\":2}]");
    assert_status(grapnel_each_item(f.scheme, &f.request, note_item, text),
                  GRAPNEL_DUPLICATE_HEADER);
    fixture_body(&f, "{}");
    assert_status(grapnel_each_item(f.scheme, &f.request, note_item, text), GRAPNEL_MALFORMED_BODY);
    fixture_fini(&f);
    fixture_init(&f, "github");
    assert_status(grapnel_each_item(f.scheme, &f.request, note_item, text), GRAPNEL_UNSUPPORTED);
    fixture_fini(&f);
}

static bool note_signed(void *ctx, size_t index, const struct grapnel_item *item)
{
    (void)index;
    *(bool *)ctx = item->id_signed;
    return true;
}

static void an_id_in_a_signed_body_is_signed_and_one_beside_a_token_is_not(void **state)
{
    struct fixture f;
    bool is_signed = false;
    (void)state;
    fixture_init(&f, "sendgrid");
    fixture_body(&f, "[{\"sg_event_id\":1}]");
    assert_status(grapnel_each_item(f.scheme, &f.request, note_signed, &is_signed),
                  GRAPNEL_VERIFIED);
    assert_true(is_signed);
    fixture_fini(&f);
    fixture_init(&f, "azure-event-grid");
    fixture_body(&f, "[{\"id\":\"1\"}]");
    assert_status(grapnel_each_item(f.scheme, &f.request, note_signed, &is_signed),
                  GRAPNEL_VERIFIED);
    assert_false(is_signed);
    fixture_fini(&f);
}

static void a_preset_says_whether_its_events_are_parted(void **state)
{
    static const struct {
        const char *name;
        bool splits;
    } rows[] = { { "hubspot-v3", true }, { "sendgrid", true }, { "xero", true },
                 { "adyen", false },     { "line", false },    { "preservica", false },
                 { "github", false } };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct grapnel_scheme *scheme = NULL;
        assert_status(grapnel_scheme_preset(rows[i].name, &scheme), GRAPNEL_VERIFIED);
        assert_int_equal(grapnel_scheme_splits(scheme), rows[i].splits);
        grapnel_scheme_free(scheme);
    }
}

static void a_public_key_read_beforehand_verifies_as_its_text_does(void **state)
{
    static const char pair[] =
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dR"
        "qSKJp4AJ6p9lMicMFs6Kvg==";
    static const char public[] = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
    static const char other[] = "whpk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    struct fixture f;
    (void)state;
    fixture_init(&f, "standard-webhooks");
    fixture_header(&f, "webhook-id", "msg_1");
    fixture_body(&f, "{}");
    fixture_secret(&f, pair);
    assert_status(fixture_sign(&f), GRAPNEL_VERIFIED);
    struct grapnel_key *right = grapnel_key_read(f.scheme, gn_cstr(public));
    struct grapnel_key *wrong = grapnel_key_read(f.scheme, gn_cstr(other));
    assert_non_null(right);
    assert_non_null(wrong);
    assert_null(grapnel_key_read(f.scheme, gn_cstr("whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw")));
    assert_null(grapnel_key_read(f.scheme, gn_cstr("whpk_short")));
    f.secrets[0] = gn_cstr("not looked at");
    f.config.keys = (const struct grapnel_key *const[]){ wrong };
    assert_status(fixture_verify(&f), GRAPNEL_NO_MATCHING_KEY);
    f.config.keys = (const struct grapnel_key *const[]){ right };
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    f.config.keys = (const struct grapnel_key *const[]){ NULL };
    f.secrets[0] = gn_cstr(public);
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    grapnel_key_free(right);
    grapnel_key_free(wrong);
    fixture_fini(&f);
}

/* --- forms and URLs ------------------------------------------------------------------------------------------------ */

static void a_form_scheme_refuses_a_body_that_is_no_form(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, "twilio");
    fixture_secret(&f, "token");
    assert_status(fixture_sign(&f), GRAPNEL_VERIFIED); /* of a bare URL, as for a GET */
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    fixture_body(&f, "{\"forged\":true}");
    assert_status(fixture_verify(&f), GRAPNEL_MISSING_HEADER);
    fixture_header(&f, "Content-Type", "application/x-www-form-urlencoded");
    assert_status(fixture_verify(&f), GRAPNEL_NO_MATCHING_KEY);
    fixture_fini(&f);
}

static void a_json_body_must_have_the_hash_that_the_url_names(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, "twilio-json");
    fixture_secret(&f, "token");
    fixture_url(&f, "https://example.com/in");
    assert_status(fixture_sign(&f), GRAPNEL_VERIFIED);
    assert_status(fixture_verify(&f), GRAPNEL_MISSING_HEADER);
    fixture_url(&f, "https://example.com/in?bodySHA256=00");
    f.request.header_count = 0;
    assert_status(fixture_sign(&f), GRAPNEL_VERIFIED);
    assert_status(fixture_verify(&f), GRAPNEL_CLAIM_MISMATCH);
    fixture_fini(&f);
}

static void a_scheme_over_the_url_needs_one(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, "square");
    fixture_secret(&f, "s");
    f.request.url = GN_NONE;
    fixture_header(&f, "x-square-hmacsha256-signature",
                   "GF4YkrJgGBDZ9NIYbNXBnMzqb2HoL4RW/S6vkZ9/2N4=");
    assert_status(fixture_verify(&f), GRAPNEL_UNCONFIGURED);
    fixture_fini(&f);
}

/* --- explanations ------------------------------------------------------------------------------------------------ */

static void explains_without_telling_secrets(void **state)
{
    struct fixture f;
    char text[2048];
    char tiny[40];
    (void)state;
    open_standard(&f, "1614265330", "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= v1,short");
    fixture_body(&f, "{\"test\":\n\x01}");
    assert_status(grapnel_explain(f.scheme, &f.config, &f.request, &f.verdict, text, sizeof(text)),
                  GRAPNEL_NO_MATCHING_KEY);
    assert_string_equal(text, "scheme: Standard Webhooks\n"
                              "signature left out, not in the form of this scheme: short\n"
                              "signed string (51 bytes): msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330."
                              "{\"test\":\\n\\x01}\n"
                              "secret 1: no match\n"
                              "verdict: no_matching_key\n");
    assert_status(grapnel_explain(f.scheme, &f.config, &f.request, &f.verdict, tiny, sizeof(tiny)),
                  GRAPNEL_NO_MATCHING_KEY);
    assert_int_equal(strlen(tiny), sizeof(tiny) - 1);
    fixture_fini(&f);
}

static void explains_a_plain_hash_without_its_secret(void **state)
{
    struct fixture f;
    char text[2048];
    (void)state;
    fixture_init(&f, "hubspot-v1");
    fixture_secret(&f, "top-secret");
    fixture_body(&f, "[]");
    assert_status(fixture_sign(&f), GRAPNEL_VERIFIED);
    assert_status(grapnel_explain(f.scheme, &f.config, &f.request, &f.verdict, text, sizeof(text)),
                  GRAPNEL_VERIFIED);
    assert_non_null(strstr(text, "<secret>[]"));
    assert_null(strstr(text, "top-secret"));
    fixture_fini(&f);
}

static void every_status_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < GRAPNEL_STATUS_COUNT; i++) {
        assert_non_null(grapnel_status_name((enum grapnel_status)i));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(grapnel_status_name((enum grapnel_status)i),
                                    grapnel_status_name((enum grapnel_status)j));
        }
    }
    assert_string_equal(grapnel_status_name(GRAPNEL_STATUS_COUNT), "unknown");
}

static void checks_the_form_of_a_secret_beforehand(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, "adyen");
    assert_status(grapnel_check_secret(f.scheme, GN_TEXT(ADYEN_KEY)), GRAPNEL_VERIFIED);
    assert_status(grapnel_check_secret(f.scheme, GN_TEXT("not hex")), GRAPNEL_MALFORMED_KEY);
    assert_status(grapnel_check_secret(f.scheme, GN_NONE), GRAPNEL_UNCONFIGURED);
    fixture_fini(&f);
    fixture_init(&f, "standard-webhooks");
    assert_status(grapnel_check_secret(f.scheme, GN_TEXT("whsec_")), GRAPNEL_MALFORMED_KEY);
    assert_status(grapnel_check_secret(f.scheme, GN_TEXT("whsec_%")), GRAPNEL_MALFORMED_KEY);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard_webhooks_signatures_are_read_strictly),
        cmocka_unit_test(standard_webhooks_times_are_read_strictly),
        cmocka_unit_test(any_missing_header_is_named_so),
        cmocka_unit_test(a_bad_signature_learns_nothing_of_the_clock),
        cmocka_unit_test(the_callers_window_replaces_the_schemes),
        cmocka_unit_test(asymmetric_signatures_verify_with_the_public_key_only),
        cmocka_unit_test(signs_with_each_of_several_keys),
        cmocka_unit_test(tells_which_parts_are_signed),
        cmocka_unit_test(keeps_to_its_limits),
        cmocka_unit_test(an_id_that_occurs_twice_is_refused_though_unsigned),
        cmocka_unit_test(one_forged_item_spoils_the_batch),
        cmocka_unit_test(each_item_of_a_graph_batch_needs_the_client_state),
        cmocka_unit_test(too_many_items_are_refused),
        cmocka_unit_test(visits_the_events_of_a_batch),
        cmocka_unit_test(an_id_in_a_signed_body_is_signed_and_one_beside_a_token_is_not),
        cmocka_unit_test(a_preset_says_whether_its_events_are_parted),
        cmocka_unit_test(a_public_key_read_beforehand_verifies_as_its_text_does),
        cmocka_unit_test(a_form_scheme_refuses_a_body_that_is_no_form),
        cmocka_unit_test(a_json_body_must_have_the_hash_that_the_url_names),
        cmocka_unit_test(a_scheme_over_the_url_needs_one),
        cmocka_unit_test(explains_without_telling_secrets),
        cmocka_unit_test(explains_a_plain_hash_without_its_secret),
        cmocka_unit_test(every_status_has_a_name_of_its_own),
        cmocka_unit_test(checks_the_form_of_a_secret_beforehand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
