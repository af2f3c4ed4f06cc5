/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed tokens and fetched certificates, with keys made here.
 */
#include "fixture.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>

enum { TOKEN_MAX = 4096, PEM_MAX = 4096 };

#define HS_SECRET "a shared secret of the token tests"

/* --- making tokens ------------------------------------------------------------------------------------------- */

struct token {
    char text[TOKEN_MAX];
    size_t len;
};

static void add_part(struct token *t, const void *bytes, size_t len)
{
    t->len += gn_base64_encode(bytes, len, GN_BASE64URL, t->text + t->len);
    t->text[t->len] = '\0';
}

static void add_json(struct token *t, const char *json)
{
    add_part(t, json, strlen(json));
}

static struct token hs256(const char *header, const char *claims, const char *secret)
{
    struct token t = { .len = 0 };
    unsigned char mac[32];
    add_json(&t, header);
    t.text[t.len++] = '.';
    add_json(&t, claims);
    assert_non_null(
        HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)t.text, t.len, mac, NULL));
    t.text[t.len++] = '.';
    add_part(&t, mac, sizeof(mac));
    return t;
}

/* Signs "header.payload", and for ES256 puts r and s side by side. */
static struct token with_pair(const char *header, struct grapnel_bytes payload, EVP_PKEY *key,
                              const EVP_MD *md, bool detached)
{
    struct token t = { .len = 0 };
    unsigned char sig[512];
    size_t len = sizeof(sig);
    add_json(&t, header);
    t.text[t.len++] = '.';
    size_t before = t.len;
    add_part(&t, payload.ptr, payload.len);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, md, NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, sig, &len, (unsigned char *)t.text, t.len), 1);
    EVP_MD_CTX_free(ctx);
    if (EVP_PKEY_get_id(key) == EVP_PKEY_EC) {
        const unsigned char *at = sig;
        ECDSA_SIG *both = d2i_ECDSA_SIG(NULL, &at, (long)len);
        unsigned char raw[64];
        assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(both), raw, 32), 32);
        assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(both), raw + 32, 32), 32);
        ECDSA_SIG_free(both);
        memcpy(sig, raw, sizeof(raw));
        len = sizeof(raw);
    }
    t.len = detached ? before : t.len;
    t.text[t.len++] = '.';
    add_part(&t, sig, len);
    return t;
}

static void public_pem(EVP_PKEY *key, char out[PEM_MAX])
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
    int len = BIO_read(bio, out, PEM_MAX - 1);
    out[len] = '\0';
    BIO_free(bio);
}

static void body_hash(const char *body, char hex[65])
{
    unsigned char digest[32];
    assert_int_equal(EVP_Digest(body, strlen(body), digest, NULL, EVP_sha256(), NULL), 1);
    gn_hex_encode(digest, sizeof(digest), hex);
    hex[64] = '\0';
}

/* --- shared secrets --------------------------------------------------------------------------------------------- */

static enum grapnel_status netlify(const char *header, const char *claims)
{
    struct fixture f;
    struct token t = hs256(header, claims, HS_SECRET);
    fixture_init(&f, "netlify");
    fixture_secret(&f, HS_SECRET);
    fixture_body(&f, "{\"state\":\"ready\"}");
    fixture_header(&f, "X-Webhook-Signature", t.text);
    enum grapnel_status status = fixture_verify(&f);
    fixture_fini(&f);
    return status;
}

#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static enum grapnel_status netlify_with(const char *more)
{
    char hash[65];
    char claims[512];
    body_hash("{\"state\":\"ready\"}", hash);
    snprintf(claims, sizeof(claims), "{\"iss\":\"netlify\",\"sha256\":\"%s\"%s}", hash, more);
    return netlify(HS256, claims);
}

static void a_token_binds_the_body_by_its_claim(void **state)
{
    (void)state;
    assert_status(netlify_with(""), GRAPNEL_VERIFIED);
    assert_status(netlify(HS256, "{\"iss\":\"netlify\",\"sha256\":\"00\"}"),
                  GRAPNEL_CLAIM_MISMATCH);
    assert_status(netlify(HS256, "{\"iss\":\"netlify\"}"), GRAPNEL_MISSING_HEADER);
    assert_status(netlify(HS256, "{\"iss\":\"other\"}"), GRAPNEL_CLAIM_MISMATCH);
    assert_status(netlify_with(",\"iss\":\"netlify\""), GRAPNEL_DUPLICATE_HEADER);
}

static void a_tokens_times_are_kept(void **state)
{
    (void)state;
    assert_status(netlify_with(",\"exp\":1700000000"), GRAPNEL_VERIFIED);
    assert_status(netlify_with(",\"exp\":1699999940"), GRAPNEL_VERIFIED); /* a minute of leeway */
    assert_status(netlify_with(",\"exp\":1699999939"), GRAPNEL_TIMESTAMP_TOO_OLD);
    assert_status(netlify_with(",\"nbf\":1700000060"), GRAPNEL_VERIFIED);
    assert_status(netlify_with(",\"nbf\":1700000061"), GRAPNEL_TIMESTAMP_IN_FUTURE);
    assert_status(netlify_with(",\"exp\":\"soon\""), GRAPNEL_MALFORMED_TIMESTAMP);
    assert_status(netlify_with(",\"exp\":1700000000.5"), GRAPNEL_VERIFIED);
}

static void only_the_schemes_algorithms_count(void **state)
{
    (void)state;
    assert_status(netlify("{\"alg\":\"none\"}", "{}"), GRAPNEL_UNSUPPORTED);
    assert_status(netlify("{\"alg\":\"HS512\"}", "{}"), GRAPNEL_UNSUPPORTED);
    assert_status(netlify("{\"alg\":\"RS256\"}", "{}"), GRAPNEL_UNSUPPORTED);
    assert_status(netlify("{\"typ\":\"JWT\"}", "{}"), GRAPNEL_MALFORMED_SIGNATURE);
    assert_status(netlify("{\"alg\":\"HS256\",\"crit\":[\"b64\"]}", "{}"), GRAPNEL_UNSUPPORTED);
    assert_status(netlify("{\"alg\":\"none\",\"alg\":\"HS256\"}", "{}"),
                  GRAPNEL_MALFORMED_SIGNATURE);
}

static void malformed_tokens_are_called_so(void **state)
{
    static const char *const bad[] = { "",        ".",        "..",        "a.b",
                                       "a.b.c.d", "e30.e30.", "e30.e30.!", "e3 0.e30.AA" };
    (void)state;
    for (size_t i = 0; i < GN_COUNT(bad); i++) {
        struct fixture f;
        fixture_init(&f, "netlify");
        fixture_secret(&f, HS_SECRET);
        fixture_header(&f, "X-Webhook-Signature", bad[i]);
        assert_status(fixture_verify(&f), GRAPNEL_MALFORMED_SIGNATURE);
        fixture_fini(&f);
    }
}

static void a_token_may_name_the_address(void **state)
{
    struct fixture f;
    struct token t = hs256(HS256, "{\"aud\":\"https://example.com/in\"}", HS_SECRET);
    (void)state;
    fixture_init(&f, "monday");
    fixture_secret(&f, HS_SECRET);
    fixture_header(&f, "Authorization", t.text);
    fixture_body(&f, "{\"event\":{\"type\":\"update_column_value\"}}");
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    assert_bytes(f.verdict.type, "update_column_value");
    assert_false(f.verdict.type_signed);
    f.request.url = GN_TEXT("https://example.com/other");
    assert_status(fixture_verify(&f), GRAPNEL_CLAIM_MISMATCH);
    fixture_fini(&f);
}

/* --- key pairs ------------------------------------------------------------------------------------------------------ */

static void a_public_key_is_never_taken_for_a_shared_secret(void **state)
{
    struct fixture f;
    char pem[PEM_MAX];
    EVP_PKEY *key = EVP_RSA_gen(2048);
    (void)state;
    public_pem(key, pem);
    fixture_init_text(&f, "auth jwt\nkey pem\njwt-alg RS256\njwt-alg HS256\nsig body\n");
    fixture_secret(&f, pem);
    struct token forged = hs256(HS256, "{\"id\":1}", pem);
    fixture_body(&f, forged.text);
    assert_status(fixture_verify(&f), GRAPNEL_NO_MATCHING_KEY);
    struct token keyless = hs256(HS256, "{\"id\":1}", "");
    fixture_body(&f, keyless.text);
    assert_status(fixture_verify(&f), GRAPNEL_NO_MATCHING_KEY);
    struct token real =
        with_pair("{\"alg\":\"RS256\"}", GN_TEXT("{\"id\":1}"), key, EVP_sha256(), false);
    fixture_body(&f, real.text);
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    EVP_PKEY_free(key);
    fixture_fini(&f);
}

static void the_algorithm_has_to_fit_the_key(void **state)
{
    struct fixture f;
    char pem[PEM_MAX];
    EVP_PKEY *ec = EVP_EC_gen("P-256");
    (void)state;
    public_pem(ec, pem);
    fixture_init_text(&f,
                      "auth jwt\nkey pem\njwt-alg RS256\njwt-alg ES256\njwt-alg EdDSA\nsig body\n");
    fixture_secret(&f, pem);
    const char *const headers[] = { "{\"alg\":\"ES256\"}", "{\"alg\":\"RS256\"}",
                                    "{\"alg\":\"EdDSA\"}" };
    for (size_t i = 0; i < GN_COUNT(headers); i++) {
        struct token t = with_pair(headers[i], GN_TEXT("{\"id\":1}"), ec, EVP_sha256(), false);
        fixture_body(&f, t.text);
        assert_status(fixture_verify(&f), i == 0 ? GRAPNEL_VERIFIED : GRAPNEL_NO_MATCHING_KEY);
    }
    EVP_PKEY_free(ec);
    fixture_fini(&f);
}

static void plaid_tokens_have_an_age(void **state)
{
    struct fixture f;
    char pem[PEM_MAX];
    char hash[65];
    char claims[256];
    EVP_PKEY *ec = EVP_EC_gen("P-256");
    (void)state;
    public_pem(ec, pem);
    body_hash("{}", hash);
    fixture_init(&f, "plaid");
    fixture_secret(&f, pem);
    fixture_body(&f, "{}");
    snprintf(claims, sizeof(claims), "{\"iat\":1700000000,\"request_body_sha256\":\"%s\"}", hash);
    struct token t =
        with_pair("{\"alg\":\"ES256\",\"kid\":\"k\"}", gn_cstr(claims), ec, EVP_sha256(), false);
    fixture_header(&f, "Plaid-Verification", t.text);
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    f.config.now_us = NOW_US + INT64_C(301000000);
    assert_status(fixture_verify(&f), GRAPNEL_TIMESTAMP_TOO_OLD);
    EVP_PKEY_free(ec);
    fixture_fini(&f);
}

static void a_detached_token_signs_the_body(void **state)
{
    struct fixture f;
    char pem[PEM_MAX];
    EVP_PKEY *key = EVP_RSA_gen(2048);
    (void)state;
    public_pem(key, pem);
    fixture_init(&f, "fireblocks-v2");
    fixture_secret(&f, pem);
    fixture_body(&f, "{\"eventType\":\"x\"}");
    struct token t =
        with_pair("{\"alg\":\"RS512\",\"kid\":\"k\"}", f.request.body, key, EVP_sha512(), true);
    fixture_header(&f, "Fireblocks-Webhook-Signature", t.text);
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    fixture_body(&f, "{\"eventType\":\"y\"}");
    assert_status(fixture_verify(&f), GRAPNEL_NO_MATCHING_KEY);
    struct token whole = with_pair("{\"alg\":\"RS512\"}", f.request.body, key, EVP_sha512(), false);
    f.headers[0].value = gn_cstr(whole.text);
    assert_status(fixture_verify(&f), GRAPNEL_MALFORMED_SIGNATURE);
    EVP_PKEY_free(key);
    fixture_fini(&f);
}

/* A provider that serves its keys, of which one signs. */
struct keeper {
    char set[PEM_MAX];
    char url[128];
};

static void make_key_set(struct keeper *k, EVP_PKEY *key)
{
    BIGNUM *n = NULL;
    unsigned char bytes[256];
    char modulus[512] = { 0 };
    assert_int_equal(EVP_PKEY_get_bn_param(key, "n", &n), 1);
    assert_int_equal(BN_bn2binpad(n, bytes, sizeof(bytes)), sizeof(bytes));
    BN_free(n);
    gn_base64_encode(bytes, sizeof(bytes), GN_BASE64URL, modulus);
    snprintf(k->set, sizeof(k->set),
             "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":\"%s\",\"e\":\"AQAB\"}]}", modulus);
}

static bool fetch_key_set(void *ctx, struct grapnel_bytes url, char *set, size_t cap, size_t *len)
{
    struct keeper *k = ctx;
    snprintf(k->url, sizeof(k->url), "%.*s", (int)url.len, url.ptr);
    *len = strlen(k->set);
    assert_true(*len <= cap);
    memcpy(set, k->set, *len);
    return true;
}

static void a_detached_token_verifies_with_its_regions_key_set(void **state)
{
    static const char *const regions[][2] = {
        { "fireblocks-v2-us", "https://keys.fireblocks.io/.well-known/jwks.json" },
        { "fireblocks-v2-eu", "https://eu-keys.fireblocks.io/.well-known/jwks.json" },
        { "fireblocks-v2-eu2", "https://eu2-keys.fireblocks.io/.well-known/jwks.json" },
        { "fireblocks-v2-sandbox", "https://sandbox-keys.fireblocks.io/.well-known/jwks.json" },
    };
    static struct keeper k;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    (void)state;
    make_key_set(&k, key);
    for (size_t i = 0; i < GN_COUNT(regions); i++) {
        struct fixture f;
        fixture_init(&f, regions[i][0]);
        f.config.key_set = fetch_key_set;
        f.config.key_set_ctx = &k;
        fixture_body(&f, "{\"eventType\":\"x\"}");
        struct token t =
            with_pair("{\"alg\":\"RS512\",\"kid\":\"k\"}", f.request.body, key, EVP_sha512(), true);
        fixture_header(&f, "Fireblocks-Webhook-Signature", t.text);
        assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
        assert_string_equal(k.url, regions[i][1]);
        struct token other =
            with_pair("{\"alg\":\"RS512\",\"kid\":\"l\"}", f.request.body, key, EVP_sha512(), true);
        f.headers[0].value = gn_cstr(other.text);
        assert_status(fixture_verify(&f), GRAPNEL_NO_MATCHING_KEY);
        fixture_fini(&f);
    }
    EVP_PKEY_free(key);
}

static void keys_of_another_kind_are_malformed(void **state)
{
    char rsa_pem[PEM_MAX];
    char ec_pem[PEM_MAX];
    char weak_pem[PEM_MAX];
    EVP_PKEY *rsa = EVP_RSA_gen(2048);
    EVP_PKEY *ec = EVP_EC_gen("P-384");
    EVP_PKEY *weak = EVP_RSA_gen(768);
    const struct {
        const char *preset;
        const char *key;
        enum grapnel_status status;
    } cases[] = {
        { "wise", rsa_pem, GRAPNEL_VERIFIED },
        { "wise", ec_pem, GRAPNEL_MALFORMED_KEY },
        { "wise", weak_pem, GRAPNEL_MALFORMED_KEY },
        { "sendgrid", rsa_pem, GRAPNEL_MALFORMED_KEY },
        { "sendgrid", ec_pem, GRAPNEL_MALFORMED_KEY },
        { "discord", rsa_pem, GRAPNEL_MALFORMED_KEY },
        { "discord", "79b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad0496",
          GRAPNEL_MALFORMED_KEY },
        { "telnyx", "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", GRAPNEL_VERIFIED },
        { "telnyx", "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbO", GRAPNEL_MALFORMED_KEY },
    };
    (void)state;
    public_pem(rsa, rsa_pem);
    public_pem(ec, ec_pem);
    public_pem(weak, weak_pem);
    for (size_t i = 0; i < GN_COUNT(cases); i++) {
        struct fixture f;
        fixture_init(&f, cases[i].preset);
        assert_status(grapnel_check_secret(f.scheme, gn_cstr(cases[i].key)), cases[i].status);
        fixture_fini(&f);
    }
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(weak);
}

/* --- AWS SNS ----------------------------------------------------------------------------------------------------------- */

struct amazon {
    EVP_PKEY *key;
    char certificate[PEM_MAX];
    int fetches;
    char url[256];
    bool fails;
};

static void make_certificate(struct amazon *a)
{
    X509 *x = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    a->key = EVP_RSA_gen(2048);
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x), NOW_S - 1000));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x), NOW_S + 1000));
    assert_int_equal(X509_set_pubkey(x, a->key), 1);
    assert_true(X509_sign(x, a->key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(bio, x), 1);
    int len = BIO_read(bio, a->certificate, PEM_MAX - 1);
    a->certificate[len] = '\0';
    BIO_free(bio);
    X509_free(x);
}

static bool fetch(void *ctx, struct grapnel_bytes url, char *pem, size_t cap, size_t *len)
{
    struct amazon *a = ctx;
    a->fetches++;
    snprintf(a->url, sizeof(a->url), "%.*s", (int)url.len, url.ptr);
    *len = strlen(a->certificate);
    assert_true(*len <= cap);
    memcpy(pem, a->certificate, *len);
    return !a->fails;
}

#define GOOD_URL "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem"
#define NOTIFICATION \
    "Message\nhello \"you\"\nMessageId\nm-1\nTimestamp\n2026-01-01T00:00:00Z\nTopicArn\narn\nType\n" \
    "Notification\n"

static void make_notification(const struct amazon *a, const char *version, const char *url,
                              char out[TOKEN_MAX])
{
    unsigned char sig[512];
    size_t len = sizeof(sig);
    char encoded[1024];
    const EVP_MD *md = version[0] == '1' ? EVP_sha1() : EVP_sha256();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, md, NULL, a->key), 1);
    assert_int_equal(
        EVP_DigestSign(ctx, sig, &len, (const unsigned char *)NOTIFICATION, strlen(NOTIFICATION)),
        1);
    EVP_MD_CTX_free(ctx);
    encoded[gn_base64_encode(sig, len, GN_BASE64, encoded)] = '\0';
    snprintf(out, TOKEN_MAX,
             "{\"Type\":\"Notification\",\"MessageId\":\"m-1\",\"TopicArn\":\"arn\","
             "\"Message\":\"hello \\\"you\\\"\",\"Timestamp\":\"2026-01-01T00:00:00Z\","
             "\"SignatureVersion\":\"%s\",\"Signature\":\"%s\",\"SigningCertURL\":\"%s\"}",
             version, encoded, url);
}

static enum grapnel_status notify(struct amazon *a, const char *version, const char *url,
                                  bool with_fetch)
{
    struct fixture f;
    char body[TOKEN_MAX];
    make_notification(a, version, url, body);
    fixture_init(&f, "aws-sns");
    fixture_body(&f, body);
    f.config.certificate = with_fetch ? fetch : NULL;
    f.config.certificate_ctx = a;
    enum grapnel_status status = fixture_verify(&f);
    if (status == GRAPNEL_VERIFIED) {
        assert_bytes(f.verdict.id, "m-1");
        assert_true(f.verdict.id_signed);
        *strstr(body, "hello") = 'j';
        assert_status(fixture_verify(&f), GRAPNEL_NO_MATCHING_KEY);
    }
    fixture_fini(&f);
    return status;
}

static void sns_messages_verify_with_the_fetched_certificate(void **state)
{
    struct amazon a = { .fetches = 0 };
    (void)state;
    make_certificate(&a);
    assert_status(notify(&a, "1", GOOD_URL, true), GRAPNEL_VERIFIED);
    assert_status(notify(&a, "2", GOOD_URL, true), GRAPNEL_VERIFIED);
    assert_string_equal(a.url, GOOD_URL);
    assert_status(notify(&a, "3", GOOD_URL, true), GRAPNEL_UNSUPPORTED);
    assert_status(notify(&a, "1", GOOD_URL, false), GRAPNEL_KEY_FETCH_FAILED);
    a.fails = true;
    assert_status(notify(&a, "1", GOOD_URL, true), GRAPNEL_KEY_FETCH_FAILED);
    EVP_PKEY_free(a.key);
}

static void sns_messages_of_another_topic_are_refused_once_one_is_named(void **state)
{
    static const struct {
        const char *topic;
        enum grapnel_status status;
    } rows[] = { { "arn", GRAPNEL_VERIFIED }, { "arn2", GRAPNEL_CLAIM_MISMATCH } };
    struct amazon a = { .fetches = 0 };
    char body[TOKEN_MAX];
    (void)state;
    make_certificate(&a);
    make_notification(&a, "2", GOOD_URL, body);
    for (size_t i = 0; i < GN_COUNT(rows); i++) {
        struct fixture f;
        fixture_init(&f, "aws-sns");
        fixture_body(&f, body);
        f.config.certificate = fetch;
        f.config.certificate_ctx = &a;
        f.config.companion = gn_cstr(rows[i].topic);
        assert_status(fixture_verify(&f), rows[i].status);
        fixture_fini(&f);
    }
    EVP_PKEY_free(a.key);
}

static void sns_certificates_come_from_amazon_only(void **state)
{
    static const char *const bad[] = {
        "http://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/a.pem",
        "https://sns.us-east-1.amazonaws.com:8443/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem?x=.pem",
        "https://sns.us-east-1.amazonaws.com/a#.pem",
        "https://sns.us-east-1.amazonaws.com\\\\evil.example/a.pem",
        "https://sns.us.amazonaws.com/a.pem",
        "https://sns.us_east.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.txt",
        "https://xsns.us-east-1.amazonaws.com/a.pem",
        "https://sns..pem",
        "",
    };
    struct amazon a = { .fetches = 0 };
    (void)state;
    make_certificate(&a);
    for (size_t i = 0; i < GN_COUNT(bad); i++) {
        assert_status(notify(&a, "1", bad[i], true), GRAPNEL_NO_MATCHING_KEY);
    }
    assert_int_equal(a.fetches, 0);
    assert_status(notify(&a, "1", "https://sns.cn-north-1.amazonaws.com.cn/a.pem", true),
                  GRAPNEL_VERIFIED);
    EVP_PKEY_free(a.key);
}

static void sns_certificates_must_be_current(void **state)
{
    struct amazon a = { .fetches = 0 };
    struct fixture f;
    char body[TOKEN_MAX];
    (void)state;
    make_certificate(&a);
    make_notification(&a, "2", GOOD_URL, body);
    fixture_init(&f, "aws-sns");
    fixture_body(&f, body);
    f.config.certificate = fetch;
    f.config.certificate_ctx = &a;
    f.config.now_us = NOW_US + INT64_C(1001000000);
    assert_status(fixture_verify(&f), GRAPNEL_KEY_FETCH_FAILED);
    assert_int_equal(f.verdict.reply.status, 503);
    snprintf(a.certificate, sizeof(a.certificate), "not a certificate");
    f.config.now_us = NOW_US;
    assert_status(fixture_verify(&f), GRAPNEL_KEY_FETCH_FAILED);
    EVP_PKEY_free(a.key);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_binds_the_body_by_its_claim),
        cmocka_unit_test(a_tokens_times_are_kept),
        cmocka_unit_test(only_the_schemes_algorithms_count),
        cmocka_unit_test(malformed_tokens_are_called_so),
        cmocka_unit_test(a_token_may_name_the_address),
        cmocka_unit_test(a_public_key_is_never_taken_for_a_shared_secret),
        cmocka_unit_test(the_algorithm_has_to_fit_the_key),
        cmocka_unit_test(plaid_tokens_have_an_age),
        cmocka_unit_test(a_detached_token_signs_the_body),
        cmocka_unit_test(a_detached_token_verifies_with_its_regions_key_set),
        cmocka_unit_test(keys_of_another_kind_are_malformed),
        cmocka_unit_test(sns_messages_verify_with_the_fetched_certificate),
        cmocka_unit_test(sns_messages_of_another_topic_are_refused_once_one_is_named),
        cmocka_unit_test(sns_certificates_come_from_amazon_only),
        cmocka_unit_test(sns_certificates_must_be_current),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
