/* SPDX-License-Identifier: Apache-2.0
 *
 * Every row of test/data/signatures.json: published signatures verify with the preset of their
 * provider, and no longer when the body or the secret changes.
 */
#include "fixture.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 8192, BODY_MAX = 4096 };

typedef void run_fn(json_t *row, const char *preset);

static run_fn verifies;
static run_fn verifies_with_either_secret;
static run_fn verifies_padded_or_not;
static run_fn answers_challenge;
static run_fn signs_the_item;
static run_fn signs_the_string;
static run_fn hashes_the_canonical_request;
static run_fn names_its_algorithm_only;

static const char sha512_hex[] =
    "auth hmac\nhash sha512\nsig header X-Convoy-Signature\nmsg {body}\n";
static const char airtable_raw[] =
    "auth hmac\nsig header X-Airtable-Content-MAC\nprefix hmac-sha256=\nmsg {body}\n";

/* `preset` with a line feed is a scheme's text. */
static const struct {
    const char *id;
    run_fn *run;
    const char *preset;
} plan[] = {
    { "sw-1", verifies, "standard-webhooks" },
    { "sw-openai", verifies, "openai" },
    { "sw-v1a", verifies, "standard-webhooks" },
    { "sw-wrc-rotation", verifies_with_either_secret, "standard-webhooks" },
    { "sw-pad-23", verifies_padded_or_not, "standard-webhooks" },
    { "sw-pad-22", verifies_padded_or_not, "standard-webhooks" },
    { "github-doc", verifies, "github" },
    { "octokit-1", verifies, "github" },
    { "gogithub-sha1", verifies, "github-sha1" },
    { "gogithub-sha256", verifies, "bitbucket" },
    { "gogithub-form", verifies, "github-sha1" },
    { "atlassian-doc", verifies, "jira" },
    { "convoy-512hex", verifies, sha512_hex },
    { "convoy-shopify", verifies, "shopify" },
    { "convoy-twitter", verifies, "x" },
    { "x-crc-convoy", answers_challenge, "x" },
    { "slack-doc", verifies, "slack" },
    { "circleci-", verifies, "circleci" },
    { "razorpay", verifies, "razorpay" },
    { "line", verifies, "line" },
    { "coinbase", verifies, "coinbase-commerce" },
    { "paddle-", verifies, "paddle" },
    { "sanity-test", verifies, "sanity" },
    { "square-", verifies, "square" },
    { "twilio-json", verifies, "twilio-json" },
    { "twilio-", verifies, "twilio" },
    { "hubspot-v1", verifies, "hubspot-v1" },
    { "hubspot-v2", verifies, "hubspot-v2" },
    { "hubspot-v3", verifies, "hubspot-v3" },
    { "adyen-banking", names_its_algorithm_only, NULL },
    { "adyen-", signs_the_item, "adyen" },
    { "braintree-challenge", answers_challenge, "braintree" },
    { "airtable", verifies, "airtable" },
    { "discord", verifies, "discord" },
    { "sendgrid-", verifies, "sendgrid" },
    { "messagebird-jwt", verifies, "messagebird" },
    { "atlassian-qsh", hashes_the_canonical_request, NULL },
    { "paypal-string", signs_the_string, "paypal" },
    { "stripe-wrc", verifies_with_either_secret, "stripe" },
    { "stripe", verifies, "stripe" },
    { "zoom-challenge", answers_challenge, "zoom" },
    { "zoom", verifies, "zoom" },
    { "preservica-challenge", answers_challenge, "preservica" },
    { "preservica", verifies, "preservica" },
    { "trello", verifies, "trello" },
    { "vercel", verifies, "vercel" },
    { "checkbook-doc", verifies, "checkbook" },
};

static const char *text(json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

/* --- from a row to a request ------------------------------------------------------------------------ */

/* What a row says beside its headers. */
struct extra {
    char body[BODY_MAX];
    char header[TEXT_MAX];
};

static void add_pair(char *out, const char *name, const char *value)
{
    size_t len = strlen(out);
    len += (size_t)snprintf(out + len, BODY_MAX - len, "%s%s=", len > 0 ? "&" : "", name);
    for (const char *c = value; *c != '\0'; c++) {
        len += (size_t)snprintf(out + len, BODY_MAX - len, "%%%02X", (unsigned char)*c);
    }
}

static void add_params(struct fixture *f, json_t *params, struct extra *extra)
{
    const char *name;
    json_t *value;
    size_t i;
    json_t *each;
    json_object_foreach(params, name, value)
    {
        if (json_is_string(value)) {
            add_pair(extra->body, name, json_string_value(value));
        }
        json_array_foreach(value, i, each)
        {
            add_pair(extra->body, name, json_string_value(each));
        }
    }
    fixture_body(f, extra->body);
    fixture_header(f, "Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
}

static void add_body(struct fixture *f, json_t *row, struct extra *extra)
{
    const char *encoded = text(row, "body_base64");
    json_t *body = json_object_get(row, "body");
    size_t len = 0;
    if (encoded != NULL) {
        assert_true(gn_base64_decode(gn_cstr(encoded), GN_BASE64, true,
                                     (unsigned char *)extra->body, sizeof(extra->body), &len));
        f->request.body = gn_bytes(extra->body, len);
    } else if (json_is_string(body)) {
        f->request.body = gn_bytes(json_string_value(body), json_string_length(body));
    } else if (json_object_size(json_object_get(row, "params")) > 0) {
        add_params(f, json_object_get(row, "params"), extra);
    }
}

static void add_headers(struct fixture *f, json_t *row, struct extra *extra)
{
    const char *name;
    json_t *value;
    const char *milliseconds = text(row, "timestamp_ms");
    json_object_foreach(json_object_get(row, "headers"), name, value)
    {
        const char *is = json_string_value(value);
        if (milliseconds != NULL) { /* the row has the bare signature */
            snprintf(extra->header, sizeof(extra->header), "t=%s,v1=%s", milliseconds, is);
            is = extra->header;
        }
        fixture_header(f, name, is);
    }
    if (text(row, "timestamp") != NULL) {
        fixture_header(f, "X-Slack-Request-Timestamp", text(row, "timestamp"));
    }
}

static void open_row(struct fixture *f, json_t *row, const char *preset, struct extra *extra)
{
    static const struct grapnel_window any_time = { 0, 0 };
    memset(extra, 0, sizeof(*extra));
    if (strchr(preset, '\n') != NULL) {
        fixture_init_text(f, preset);
    } else {
        fixture_init(f, preset);
    }
    f->config.window = &any_time;
    f->config.now_us = INT64_C(1625479230000000); /* within the one row that expires */
    if (text(row, "url") != NULL) {
        fixture_url(f, text(row, "url"));
    }
    if (text(row, "method") != NULL) {
        f->request.method = gn_cstr(text(row, "method"));
    }
    add_body(f, row, extra);
    add_headers(f, row, extra);
}

/* --- verifying ---------------------------------------------------------------------------------------------- */

static void verify_with(json_t *row, const char *preset, const char *secret)
{
    struct fixture f;
    struct extra extra;
    open_row(&f, row, preset, &extra);
    fixture_secret(&f, secret);
    enum grapnel_status status = fixture_verify(&f);
    bool handshake =
        strncmp(text(row, "id"), "discord", 7) == 0; /* a ping: verified, then answered */
    assert_status(status, handshake ? GRAPNEL_HANDSHAKE : GRAPNEL_VERIFIED);
    f.secrets[0] = GN_TEXT("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    status = fixture_verify(&f);
    assert_true(status == GRAPNEL_NO_MATCHING_KEY || status == GRAPNEL_MALFORMED_KEY);
    fixture_fini(&f);
}

static void verifies(json_t *row, const char *preset)
{
    const char *decode = text(row, "key_decode");
    const char *secret = text(row, "public") != NULL ? text(row, "public") : text(row, "secret");
    verify_with(row, decode != NULL && strcmp(decode, "raw") == 0 ? airtable_raw : preset, secret);
}

static void verifies_with_either_secret(json_t *row, const char *preset)
{
    verify_with(row, preset, text(row, "secret"));
    verify_with(row, preset, text(row, "rotation_secret"));
}

static void verifies_padded_or_not(json_t *row, const char *preset)
{
    verify_with(row, preset, text(row, "secret"));
    verify_with(row, preset, text(row, "secret_padded"));
}

/* --- other rows ---------------------------------------------------------------------------------------------- */

static void answers_challenge(json_t *row, const char *preset)
{
    static const struct {
        const char *preset;
        const char *method;
        const char *parameter;
        const char *value; /* key in the row */
        const char *expected;
    } kinds[] = {
        { "x", "GET", "crc_token", "body", "response_token" },
        { "braintree", "GET", "bt_challenge", "challenge", "expected" },
        { "preservica", "POST", "challengeCode", "challengeCode", "challengeResponse" },
        { "zoom", "POST", NULL, "plainToken", "encryptedToken" },
    };
    struct fixture f;
    char query[256];
    char body[512];
    fixture_init(&f, preset);
    fixture_secret(&f, text(row, "secret"));
    f.config.companion = gn_cstr(text(row, "public"));
    for (size_t i = 0; i < GN_COUNT(kinds); i++) {
        if (strcmp(kinds[i].preset, preset) != 0) {
            continue;
        }
        const char *value = text(row, kinds[i].value);
        const char *expected = text(row, kinds[i].expected);
        f.request.method = gn_cstr(kinds[i].method);
        if (kinds[i].parameter != NULL) {
            snprintf(query, sizeof(query), "%s=%s", kinds[i].parameter, value);
            f.request.query = gn_cstr(query);
        } else {
            snprintf(body, sizeof(body),
                     "{\"event\":\"endpoint.url_validation\",\"payload\":{\"plainToken\":\"%s\"}}",
                     value);
            fixture_body(&f, body);
            assert_status(fixture_sign(&f), GRAPNEL_VERIFIED);
        }
        if (expected == NULL) { /* of X: among the row's headers */
            expected = text(json_object_get(row, "headers"), kinds[i].expected);
        }
        assert_status(fixture_verify(&f), GRAPNEL_HANDSHAKE);
        memcpy(body, f.verdict.reply.body.ptr, f.verdict.reply.body.len);
        body[f.verdict.reply.body.len] = '\0';
        assert_non_null(strstr(body, expected));
    }
    fixture_fini(&f);
}

/* The string of the row, taken apart into the fields of an item. */
static void signs_the_item(json_t *row, const char *preset)
{
    char body[2048];
    snprintf(
        body, sizeof(body),
        "{\"notificationItems\":[{\"NotificationRequestItem\":{\"pspReference\":\"pspReference\","
        "\"originalReference\":\"originalReference\",\"merchantAccountCode\":\"merchantAccount\","
        "\"merchantReference\":\"reference\",\"amount\":{\"value\":1000,\"currency\":\"EUR\"},"
        "\"eventCode\":\"REPORT_AVAILABLE\",\"success\":\"true\","
        "\"additionalData\":{\"hmacSignature\":\"%s\"}}}]}",
        text(row, "expected"));
    struct fixture f;
    fixture_init(&f, preset);
    fixture_secret(&f, text(row, "secret"));
    fixture_body(&f, body);
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    assert_bytes(f.verdict.id, "pspReference REPORT_AVAILABLE true");
    assert_bytes(f.verdict.type, "REPORT_AVAILABLE");
    assert_bytes(f.verdict.reply.body, "[accepted]");
    fixture_fini(&f);
}

static size_t public_pem(char *out, size_t cap)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
    int len = BIO_read(bio, out, (int)cap - 1);
    out[len] = '\0';
    BIO_free(bio);
    EVP_PKEY_free(key);
    return (size_t)len;
}

/* The certificate is not at hand, but what it signed is. */
static void signs_the_string(json_t *row, const char *preset)
{
    char pem[2048];
    char explained[TEXT_MAX];
    struct fixture f;
    fixture_init(&f, preset);
    (void)public_pem(pem, sizeof(pem));
    fixture_secret(&f, pem);
    f.config.companion = GN_TEXT("4JH86294D6297924G");
    fixture_header(&f, "PAYPAL-TRANSMISSION-SIG", "AAAA");
    fixture_header(&f, "PAYPAL-AUTH-ALGO", "SHA256withRSA");
    fixture_header(&f, "PAYPAL-TRANSMISSION-ID", "dfb3be50-fd74-11e4-8bf3-77339302725b");
    fixture_header(&f, "PAYPAL-TRANSMISSION-TIME", "2015-05-18T15:45:13Z");
    fixture_body(&f, text(row, "body"));
    assert_status(
        grapnel_explain(f.scheme, &f.config, &f.request, &f.verdict, explained, sizeof(explained)),
        GRAPNEL_NO_MATCHING_KEY);
    assert_non_null(strstr(explained, text(row, "signed_string")));
    fixture_fini(&f);
}

/* Only the hash is published; the library does not check this claim. */
static void hashes_the_canonical_request(json_t *row, const char *preset)
{
    unsigned char digest[32];
    char hex[65] = { 0 };
    const char *canonical = text(row, "canonical");
    (void)preset;
    assert_int_equal(EVP_Digest(canonical, strlen(canonical), digest, NULL, EVP_sha256(), NULL), 1);
    gn_hex_encode(digest, sizeof(digest), hex);
    assert_string_equal(hex, text(row, "expected"));
}

/* The signed file is not part of the row: there is nothing to verify. */
static void names_its_algorithm_only(json_t *row, const char *preset)
{
    (void)preset;
    assert_string_equal(text(row, "body"), "file");
}

/* --- the plan -------------------------------------------------------------------------------------------------- */

static void run_row(json_t *row)
{
    const char *id = text(row, "id");
    for (size_t i = 0; i < GN_COUNT(plan); i++) {
        size_t len = strlen(plan[i].id);
        bool open_end = plan[i].id[len - 1] == '-' || strcmp(plan[i].id, "stripe-wrc") == 0 ||
                        strcmp(plan[i].id, "hubspot-v2") == 0 ||
                        strcmp(plan[i].id, "twilio-json") == 0;
        if (open_end ? strncmp(id, plan[i].id, len) == 0 : strcmp(id, plan[i].id) == 0) {
            print_message("# %s\n", id);
            plan[i].run(row, plan[i].preset);
            return;
        }
    }
    fail_msg("no plan for row %s", id);
}

static void every_row_holds(void **state)
{
    static const char *const groups[] = { "published", "derived" };
    json_error_t error;
    size_t index;
    json_t *row;
    size_t count = 0;
    (void)state;
    json_t *all = json_load_file(TEST_DATA "/signatures.json", 0, &error);
    assert_non_null(all);
    for (size_t i = 0; i < GN_COUNT(groups); i++) {
        json_array_foreach(json_object_get(all, groups[i]), index, row)
        {
            run_row(row);
            count++;
        }
    }
    json_decref(all);
    assert_true(count > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
