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

/* libcrypto finds algorithms by name, under a lock. They are found once and kept until the process ends. */
static struct {
    EVP_MD *md;
    EVP_MAC_CTX *hmac; /* with an empty key; copied, never used itself */
} algorithms[GN_HASHES];
static CRYPTO_ONCE algorithms_once = CRYPTO_ONCE_STATIC_INIT;

static EVP_MAC_CTX *hmac_without_key(EVP_MAC *mac, char *digest)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    if (ctx == NULL || EVP_MAC_init(ctx, (const unsigned char *)"", 0, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

static void find_algorithms(void)
{
    static char names[GN_HASHES][8] = {
        [GN_SHA1] = "SHA1",
        [GN_SHA256] = "SHA256",
        [GN_SHA512] = "SHA512",
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    for (size_t i = 0; i < GN_HASHES; i++) {
        algorithms[i].md = EVP_MD_fetch(NULL, names[i], NULL);
        algorithms[i].hmac = hmac_without_key(mac, names[i]);
    }
    EVP_MAC_free(mac);
}

/* NULL: not to be had in this libcrypto. */
static const EVP_MD *find_md(enum gn_hash hash)
{
    return CRYPTO_THREAD_run_once(&algorithms_once, find_algorithms) == 1 ? algorithms[hash].md
                                                                          : NULL;
}

bool gn_digest(enum gn_hash hash, const struct grapnel_bytes *pieces, size_t count,
               unsigned char out[static GN_DIGEST_MAX])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *md = find_md(hash);
    bool good = ctx != NULL && md != NULL && EVP_DigestInit_ex(ctx, md, NULL) == 1;
    for (size_t i = 0; i < count && good; i++) {
        good = pieces[i].len == 0 || EVP_DigestUpdate(ctx, pieces[i].ptr, pieces[i].len) == 1;
    }
    good = good && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

/* A context for HMAC with `hash`, keyed; never with an empty key, with which anybody can sign. */
static EVP_MAC_CTX *hmac_start(enum gn_hash hash, struct grapnel_bytes key)
{
    bool found = find_md(hash) != NULL && algorithms[hash].hmac != NULL;
    EVP_MAC_CTX *ctx = found && key.len > 0 ? EVP_MAC_CTX_dup(algorithms[hash].hmac) : NULL;
    if (ctx == NULL || EVP_MAC_init(ctx, (const unsigned char *)key.ptr, key.len, NULL) != 1) {
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
    return EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 ? NULL : find_md(hash);
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
