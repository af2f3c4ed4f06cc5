/* SPDX-License-Identifier: Apache-2.0
 *
 * Public keys as JSON (RFC 7517): one, or the one of a set that a token's "kid" names. A token
 * without one can only mean the key of a set that has no other.
 */
#include "engine.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

enum { NUMBER_MAX = 1024, P256_BYTES = 32, ED25519_BYTES = 32 };

struct number {
    unsigned char bytes[NUMBER_MAX];
    size_t len;
};

static struct grapnel_bytes jwk_member(struct gn_arena *a, struct grapnel_bytes jwk,
                                       struct grapnel_bytes pointer)
{
    struct grapnel_bytes value;
    struct grapnel_bytes text;
    bool found = gn_json_find(a, jwk, pointer, &value) == GRAPNEL_VERIFIED &&
                 gn_json_text(a, value, &text) == GRAPNEL_VERIFIED;
    return found ? text : GN_NONE;
}

static bool jwk_read_number(struct gn_arena *a, struct grapnel_bytes jwk,
                            struct grapnel_bytes pointer, struct number *out)
{
    struct grapnel_bytes text = jwk_member(a, jwk, pointer);
    return text.len > 0 &&
           gn_base64_decode(text, GN_BASE64URL, false, out->bytes, sizeof(out->bytes), &out->len);
}

/* Takes the builder over. */
static EVP_PKEY *make_key(const char *kind, OSSL_PARAM_BLD *builder)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    EVP_PKEY *key = NULL;
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

static EVP_PKEY *rsa_key(struct gn_arena *a, struct grapnel_bytes jwk)
{
    struct number n;
    struct number e;
    EVP_PKEY *key = NULL;
    if (!jwk_read_number(a, jwk, GN_TEXT("/n"), &n) ||
        !jwk_read_number(a, jwk, GN_TEXT("/e"), &e)) {
        return NULL;
    }
    BIGNUM *modulus = BN_bin2bn(n.bytes, (int)n.len, NULL);
    BIGNUM *exponent = BN_bin2bn(e.bytes, (int)e.len, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (modulus != NULL && exponent != NULL && builder != NULL &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1) {
        key = make_key("RSA", builder);
    } else {
        OSSL_PARAM_BLD_free(builder);
    }
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

static EVP_PKEY *p256_key(struct gn_arena *a, struct grapnel_bytes jwk)
{
    unsigned char point[1 + 2 * P256_BYTES] = { 4 }; /* uncompressed */
    struct number x;
    struct number y;
    if (!gn_eq(jwk_member(a, jwk, GN_TEXT("/crv")), GN_TEXT("P-256")) ||
        !jwk_read_number(a, jwk, GN_TEXT("/x"), &x) ||
        !jwk_read_number(a, jwk, GN_TEXT("/y"), &y) || x.len != P256_BYTES || y.len != P256_BYTES) {
        return NULL;
    }
    memcpy(point + 1, x.bytes, P256_BYTES);
    memcpy(point + 1 + P256_BYTES, y.bytes, P256_BYTES);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (builder == NULL ||
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) !=
            1 ||
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) !=
            1) {
        OSSL_PARAM_BLD_free(builder);
        return NULL;
    }
    return make_key("EC", builder);
}

static EVP_PKEY *ed25519_key(struct gn_arena *a, struct grapnel_bytes jwk)
{
    struct number x;
    bool good = gn_eq(jwk_member(a, jwk, GN_TEXT("/crv")), GN_TEXT("Ed25519")) &&
                jwk_read_number(a, jwk, GN_TEXT("/x"), &x) && x.len == ED25519_BYTES;
    return good ? EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x.bytes, x.len) : NULL;
}

EVP_PKEY *gn_jwk_read(struct gn_arena *a, struct grapnel_bytes jwk)
{
    struct grapnel_bytes kind = jwk_member(a, jwk, GN_TEXT("/kty"));
    if (gn_eq(kind, GN_TEXT("RSA"))) {
        return rsa_key(a, jwk);
    }
    if (gn_eq(kind, GN_TEXT("EC"))) {
        return p256_key(a, jwk);
    }
    return gn_eq(kind, GN_TEXT("OKP")) ? ed25519_key(a, jwk) : NULL;
}

EVP_PKEY *gn_jwks_find(struct gn_arena *a, struct grapnel_bytes set, struct grapnel_bytes kid)
{
    struct grapnel_bytes keys[GN_KEY_SET_MAX];
    struct grapnel_bytes array;
    size_t count = 0;
    if (gn_json_find(a, set, GN_TEXT("/keys"), &array) != GRAPNEL_VERIFIED ||
        gn_json_elements(array, keys, GN_KEY_SET_MAX, &count) != GRAPNEL_VERIFIED) {
        return NULL;
    }
    if (kid.len == 0) {
        return count == 1 ? gn_jwk_read(a, keys[0]) : NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (gn_eq(jwk_member(a, keys[i], GN_TEXT("/kid")), kid)) {
            return gn_jwk_read(a, keys[i]);
        }
    }
    return NULL;
}
