/* SPDX-License-Identifier: Apache-2.0
 *
 * libcrypto, narrowed to what is used. False: it refused.
 */
#include "engine.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/sha.h>

size_t gn_digest_len(enum gn_hash hash)
{
    switch (hash) {
    case GN_SHA1: return SHA_DIGEST_LENGTH;
    case GN_SHA512: return SHA512_DIGEST_LENGTH;
    case GN_SHA256: break;
    }
    return SHA256_DIGEST_LENGTH;
}

const EVP_MD *gn_md(enum gn_hash hash)
{
    switch (hash) {
    case GN_SHA1: return EVP_sha1();
    case GN_SHA512: return EVP_sha512();
    case GN_SHA256: break;
    }
    return EVP_sha256();
}

bool gn_digest(enum gn_hash hash, const struct grapnel_bytes *pieces, size_t count,
               unsigned char out[static GN_DIGEST_MAX])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL && EVP_DigestInit_ex(ctx, gn_md(hash), NULL) == 1;
    for (size_t i = 0; i < count && good; i++) {
        good = pieces[i].len == 0 || EVP_DigestUpdate(ctx, pieces[i].ptr, pieces[i].len) == 1;
    }
    good = good && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

/* A context for HMAC with `hash`, keyed. */
static EVP_MAC_CTX *hmac_start(enum gn_hash hash, struct grapnel_bytes key)
{
    char sha1[] = "SHA1";
    char sha256[] = "SHA256";
    char sha512[] = "SHA512";
    char *name = hash == GN_SHA1 ? sha1 : hash == GN_SHA512 ? sha512 : sha256;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    if (ctx == NULL || EVP_MAC_init(ctx, (const unsigned char *)key.ptr, key.len, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

bool gn_hmac(enum gn_hash hash, struct grapnel_bytes key, const struct grapnel_bytes *pieces,
             size_t count, unsigned char out[static GN_DIGEST_MAX])
{
    size_t len;
    EVP_MAC_CTX *ctx = hmac_start(hash, key);
    bool good = ctx != NULL;
    for (size_t i = 0; i < count && good; i++) {
        const unsigned char *bytes = (const unsigned char *)pieces[i].ptr;
        good = pieces[i].len == 0 || EVP_MAC_update(ctx, bytes, pieces[i].len) == 1;
    }
    good = good && EVP_MAC_final(ctx, out, &len, GN_DIGEST_MAX) == 1;
    EVP_MAC_CTX_free(ctx);
    return good;
}

/* Ed25519 brings its own hash. */
static const EVP_MD *md_for(const EVP_PKEY *key, enum gn_hash hash)
{
    return EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 ? NULL : gn_md(hash);
}

bool gn_pkey_verify(EVP_PKEY *key, enum gn_hash hash, struct grapnel_bytes message,
                    const unsigned char *signature, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)(message.ptr == NULL ? "" : message.ptr);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, md_for(key, hash), NULL, key) == 1 &&
                EVP_DigestVerify(ctx, signature, len, bytes, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

bool gn_pkey_sign(EVP_PKEY *key, enum gn_hash hash, struct grapnel_bytes message,
                  unsigned char *signature, size_t *len)
{
    const unsigned char *bytes = (const unsigned char *)(message.ptr == NULL ? "" : message.ptr);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL && EVP_DigestSignInit(ctx, NULL, md_for(key, hash), NULL, key) == 1 &&
                EVP_DigestSign(ctx, signature, len, bytes, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

bool gn_equal_secret(struct grapnel_bytes a, struct grapnel_bytes b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}
