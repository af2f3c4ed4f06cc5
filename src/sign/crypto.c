/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenSSL, narrowed to what is used. With keys of checked size these calls fail only when memory is
 * short or the library is broken, so failures are MUST()s.
 */
#include "sign/crypto_priv.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

static struct sign_crypto crypto;
static pthread_once_t crypto_once = PTHREAD_ONCE_INIT;

static void fetch_all(void)
{
    crypto.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    crypto.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    crypto.aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    crypto.hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    MUST(crypto.hmac != NULL && crypto.sha256 != NULL);
    MUST(crypto.aes_256_gcm != NULL && crypto.hkdf != NULL);
}

const struct sign_crypto *sign_crypto(void)
{
    MUST(pthread_once(&crypto_once, fetch_all) == 0);
    return &crypto;
}

EVP_MAC_CTX *sign_crypto_hmac(const void *key, size_t len)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(sign_crypto()->hmac);
    MUST(ctx != NULL && EVP_MAC_init(ctx, key, len, params) == 1);
    return ctx;
}

EVP_PKEY *sign_crypto_ed25519(const uint8_t seed[static SIGN_SEED_BYTES])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed, SIGN_SEED_BYTES);
    MUST(key != NULL);
    return key;
}

void sign_crypto_public(const uint8_t seed[static SIGN_SEED_BYTES],
                        uint8_t out[static SIGN_PUBLIC_BYTES])
{
    EVP_PKEY *key = sign_crypto_ed25519(seed);
    size_t len = SIGN_PUBLIC_BYTES;
    MUST(EVP_PKEY_get_raw_public_key(key, out, &len) == 1 && len == SIGN_PUBLIC_BYTES);
    EVP_PKEY_free(key);
}

void sign_sha256(struct str s, uint8_t out[static 32])
{
    const void *bytes = s.ptr == NULL ? "" : s.ptr;
    MUST(EVP_Digest(bytes, s.len, out, NULL, sign_crypto()->sha256, NULL) == 1);
}

/* Ends the context. */
static void crypto_finish(EVP_MAC_CTX *ctx, struct str rest, uint8_t out[static 32])
{
    size_t len = 0;
    MUST(ctx != NULL && EVP_MAC_update(ctx, (const unsigned char *)rest.ptr, rest.len) == 1);
    MUST(EVP_MAC_final(ctx, out, &len, SIGN_SHA256_BYTES) == 1 && len == SIGN_SHA256_BYTES);
    EVP_MAC_CTX_free(ctx);
}

void sign_hmac256(struct str key, struct str s, uint8_t out[static 32])
{
    crypto_finish(sign_crypto_hmac(key.ptr == NULL ? "" : key.ptr, key.len), s, out);
}

/* --- texts that begin alike ----------------------------------------------------------------------------- */

struct sign_prefix {
    EVP_MAC_CTX *ctx;
};

struct sign_prefix *sign_prefix_new(struct str key, struct str beginning)
{
    struct sign_prefix *p = xmalloc(sizeof *p);
    p->ctx = sign_crypto_hmac(key.ptr == NULL ? "" : key.ptr, key.len);
    MUST(EVP_MAC_update(p->ctx, (const unsigned char *)beginning.ptr, beginning.len) == 1);
    return p;
}

void sign_prefix_finish(const struct sign_prefix *p, struct str rest, uint8_t out[static 32])
{
    crypto_finish(EVP_MAC_CTX_dup(p->ctx), rest, out);
}

void sign_prefix_free(struct sign_prefix *p)
{
    if (p == NULL)
        return;
    EVP_MAC_CTX_free(p->ctx);
    xfree(p);
}
