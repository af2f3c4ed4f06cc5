/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens are put together here by hand, with OpenSSL's HMAC and nothing of the code under test.
 */
#include "access/jwt.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW_S INT64_C(1700000000)
#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS "{\"sub\":\"org_1\"}"

static const char secret[] = "a secret for tests";
static struct arena arena;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static void add_base64url(struct buf *out, const void *bytes, size_t len)
{
    char *text = malloc(len * 2 + 8);
    assert_non_null(text);
    int n = EVP_EncodeBlock((unsigned char *)text, bytes, (int)len);
    for (int i = 0; i < n && text[i] != '='; i++) {
        char c = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
        assert_int_equal(buf_add_char(out, c), RC_OK);
    }
    free(text);
}

static void sign(struct buf *token, const EVP_MD *md, const char *key)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct str text = buf_str(token);
    assert_non_null(
        HMAC(md, key, (int)strlen(key), (const unsigned char *)text.ptr, text.len, mac, &len));
    assert_int_equal(buf_add_char(token, '.'), RC_OK);
    add_base64url(token, mac, len);
}

static struct str make(const char *header, const char *claims, const EVP_MD *md, const char *key)
{
    struct buf token;
    buf_init(&token, 1 << 20);
    add_base64url(&token, header, strlen(header));
    assert_int_equal(buf_add_char(&token, '.'), RC_OK);
    add_base64url(&token, claims, strlen(claims));
    sign(&token, md, key);
    struct str kept = arena_str(&arena, buf_str(&token));
    buf_fini(&token);
    return kept;
}

static struct str good(const char *claims)
{
    return make(HS256, claims, EVP_sha256(), secret);
}

static enum rc check(struct str token, struct access_jwt *out)
{
    return access_jwt_check(str_from(secret), token, NOW_S * 1000000, &arena, out, NULL);
}

static void assert_refused(struct str token)
{
    struct access_jwt out;
    assert_int_equal(check(token, &out), RC_DENIED);
    assert_int_equal(out.subject.len, 0);
}

static void takes_the_three_hmac_algorithms_and_reads_the_claims(void **state)
{
    (void)state;
    const struct {
        const char *header;
        const EVP_MD *md;
    } cases[] = { { HS256, EVP_sha256() },
                  { "{\"alg\":\"HS384\"}", EVP_sha384() },
                  { "{\"alg\":\"HS512\"}", EVP_sha512() } };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct access_jwt out;
        const char *claims = "{\"sub\":\"app_1\",\"org\":\"org_2\",\"iat\":5,\"exp\":1800000000,"
                             "\"feature_flags\":[\"a\"]}";
        assert_int_equal(check(make(cases[i].header, claims, cases[i].md, secret), &out), RC_OK);
        assert_true(str_eq(out.subject, STR("app_1")) && str_eq(out.org, STR("org_2")));
        assert_true(str_eq(out.feature_flags, STR("[\"a\"]")));
        assert_int_equal(out.issued_s, 5);
        assert_int_equal(out.expires_s, 1800000000);
    }
}

static void refuses_a_token_without_a_signature_whatever_it_is_called(void **state)
{
    (void)state;
    static const char *const names[] = { "none", "None", "NONE", "nOnE", "" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char header[64];
        (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", names[i]);
        struct str token = make(header, CLAIMS, EVP_sha256(), secret);
        struct str unsigned_token = token;
        while (unsigned_token.ptr[unsigned_token.len - 1] != '.')
            unsigned_token.len--;
        assert_refused(token);
        assert_refused(unsigned_token);
        unsigned_token.len--;
        assert_refused(unsigned_token);
    }
}

/* The classic: an attacker signs with the public key as if it were a shared secret. */
static void refuses_asymmetric_algorithms_even_when_the_hmac_is_right(void **state)
{
    (void)state;
    static const char *const names[] = { "RS256", "PS256", "ES256", "EdDSA", "hs256", "HS2560" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char header[64];
        (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", names[i]);
        assert_refused(make(header, CLAIMS, EVP_sha256(), secret));
    }
    assert_refused(make("{}", CLAIMS, EVP_sha256(), secret));
    assert_refused(make("{\"alg\":256}", CLAIMS, EVP_sha256(), secret));
    assert_refused(make("[\"HS256\"]", CLAIMS, EVP_sha256(), secret));
}

static void refuses_another_key_another_hash_and_a_cut_signature(void **state)
{
    (void)state;
    struct str token = good(CLAIMS);
    assert_refused(make(HS256, CLAIMS, EVP_sha256(), "another secret"));
    assert_refused(make(HS256, CLAIMS, EVP_sha512(), secret));
    assert_refused(str_sub(token, 0, token.len - 4));
    assert_refused(make(HS256, CLAIMS, EVP_sha256(), ""));
}

static void refuses_changed_claims(void **state)
{
    (void)state;
    struct str mine = good(CLAIMS);
    struct str other = make(HS256, "{\"sub\":\"org_2\"}", EVP_sha256(), "another secret");
    char text[512];
    /* The other's header and claims, and the signature of mine. */
    size_t dot = other.len;
    size_t mine_dot = mine.len;
    while (other.ptr[--dot] != '.')
        continue;
    while (mine.ptr[--mine_dot] != '.')
        continue;
    (void)snprintf(text, sizeof(text), "%.*s%.*s", (int)dot, other.ptr, (int)(mine.len - mine_dot),
                   mine.ptr + mine_dot);
    assert_refused(str_from(text));
}

static enum rc check_time(const char *name, int64_t at_s)
{
    char claims[96];
    struct access_jwt out;
    (void)snprintf(claims, sizeof(claims), "{\"sub\":\"org_1\",\"%s\":%lld}", name,
                   (long long)at_s);
    return check(good(claims), &out);
}

static void bears_a_quarter_of_an_hour_between_clocks_and_no_more(void **state)
{
    (void)state;
    assert_int_equal(check_time("exp", NOW_S + 1), RC_OK);
    assert_int_equal(check_time("exp", NOW_S - ACCESS_JWT_LEEWAY_S + 1), RC_OK);
    assert_int_equal(check_time("exp", NOW_S - ACCESS_JWT_LEEWAY_S), RC_DENIED);
    assert_int_equal(check_time("exp", 0), RC_DENIED);
    assert_int_equal(check_time("nbf", NOW_S), RC_OK);
    assert_int_equal(check_time("nbf", NOW_S + ACCESS_JWT_LEEWAY_S), RC_OK);
    assert_int_equal(check_time("nbf", NOW_S + ACCESS_JWT_LEEWAY_S + 1), RC_DENIED);
}

static void refuses_times_that_are_none(void **state)
{
    (void)state;
    static const char *const values[] = { "\"1800000000\"", "null", "true", "-1", "1e300", "[]" };
    static const char *const names[] = { "exp", "nbf", "iat" };
    for (size_t i = 0; i < COUNT_OF(values) * COUNT_OF(names); i++) {
        char claims[96];
        (void)snprintf(claims, sizeof(claims), "{\"sub\":\"org_1\",\"%s\":%s}",
                       names[i % COUNT_OF(names)], values[i / COUNT_OF(names)]);
        assert_refused(good(claims));
    }
}

static void refuses_claims_without_a_subject_and_claims_that_are_none(void **state)
{
    (void)state;
    assert_refused(good("{}"));
    assert_refused(good("{\"sub\":\"\"}"));
    assert_refused(good("{\"sub\":7}"));
    assert_refused(good("[]"));
    assert_refused(good("{\"sub\":"));
    assert_refused(good(""));
}

static void refuses_what_is_not_three_parts_of_base64url(void **state)
{
    (void)state;
    static const char *const tokens[] = {
        "",         ".",        "..",  "...",         "a.b.c",          "a", "a.b", "a.b.",
        "!!.!!.!!", ".e30.e30", "e30", "e30.e30.e30", "e30.e30.e30.e30"
    };
    for (size_t i = 0; i < COUNT_OF(tokens); i++)
        assert_refused(str_from(tokens[i]));
    struct str token = good(CLAIMS);
    char text[512];
    (void)snprintf(text, sizeof(text), "%.*s.more", (int)token.len, token.ptr);
    assert_refused(str_from(text));
}

static void refuses_parts_above_the_limit(void **state)
{
    (void)state;
    enum { HUGE_LEN = 100000 };
    char *claims = malloc(HUGE_LEN + 1);
    assert_non_null(claims);
    int head = snprintf(claims, HUGE_LEN, "{\"sub\":\"org_1\",\"x\":\"");
    memset(claims + head, 'x', (size_t)(HUGE_LEN - head));
    memcpy(claims + HUGE_LEN - 2, "\"}", 3);
    assert_refused(good(claims));
    assert_refused(make(claims, CLAIMS, EVP_sha256(), secret));
    struct str token = arena_str(&arena, str_of(claims, HUGE_LEN));
    assert_refused(token);
    free(claims);
}

static void refuses_extensions_that_must_be_known(void **state)
{
    static const char *const headers[] = { "{\"alg\":\"HS256\",\"crit\":[\"x\"],\"x\":1}",
                                           "{\"alg\":\"HS256\",\"crit\":[]}",
                                           "{\"alg\":\"HS256\",\"crit\":null}",
                                           "{\"cr\\u0069t\":[\"x\"],\"alg\":\"HS256\"}" };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(headers); i++)
        assert_refused(make(headers[i], CLAIMS, EVP_sha256(), secret));
}

static void a_signature_has_one_spelling(void **state)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (void)state;
    struct str token = good(CLAIMS);
    char text[512];
    for (int i = 0; i < 64; i++) {
        (void)snprintf(text, sizeof(text), "%.*s%c", (int)token.len - 1, token.ptr, letters[i]);
        if (letters[i] != token.ptr[token.len - 1])
            assert_refused(str_from(text));
    }
    (void)snprintf(text, sizeof(text), "%.*s=", (int)token.len, token.ptr);
    assert_refused(str_from(text));
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(takes_the_three_hmac_algorithms_and_reads_the_claims),
        T(refuses_a_token_without_a_signature_whatever_it_is_called),
        T(refuses_asymmetric_algorithms_even_when_the_hmac_is_right),
        T(refuses_another_key_another_hash_and_a_cut_signature),
        T(refuses_changed_claims),
        T(bears_a_quarter_of_an_hour_between_clocks_and_no_more),
        T(refuses_times_that_are_none),
        T(refuses_claims_without_a_subject_and_claims_that_are_none),
        T(refuses_what_is_not_three_parts_of_base64url),
        T(refuses_extensions_that_must_be_known),
        T(a_signature_has_one_spelling),
        T(refuses_parts_above_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
