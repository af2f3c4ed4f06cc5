/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets at rest. A sealed value is
 *
 *     version (1 byte, 1) | nonce (12 bytes, random) | ciphertext | tag (16 bytes)
 *
 * under AES-256-GCM with the version and the context as associated data. The key is derived from
 * the operator's main secret by HKDF-SHA256. Random nonces are safe for 2^32 values under one key,
 * far more than there are endpoints and rotations of their secrets.
 */
#include "sign/crypto_priv.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

enum {
    MAIN_SECRET_MIN = 16,
    KEY_BYTES = 32,
    NONCE_BYTES = 12,
    TAG_BYTES = 16,
    VERSION = 1,
    HEAD_BYTES = 1 + NONCE_BYTES,
    LEN_MAX = 1 << 20 /* of a value or a context; OpenSSL counts in int */
};

struct sign_vault {
    uint8_t key[KEY_BYTES];
};

enum rc sign_vault_new(struct str main_secret, struct sign_vault **out)
{
    char digest[] = "SHA256";
    char purpose[] = "grapnel vault 1";
    char *secret;
    *out = NULL;
    if (main_secret.len < MAIN_SECRET_MIN) {
        return RC_INVALID;
    }
    secret = xmemdup(main_secret.ptr, main_secret.len);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, main_secret.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, purpose, sizeof(purpose) - 1),
        OSSL_PARAM_construct_end(),
    };
    struct sign_vault *v = XNEW(struct sign_vault);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(sign_crypto()->hkdf);
    MUST(ctx != NULL && EVP_KDF_derive(ctx, v->key, sizeof(v->key), params) == 1);
    EVP_KDF_CTX_free(ctx);
    mem_wipe(secret, main_secret.len);
    xfree(secret);
    *out = v;
    return RC_OK;
}

void sign_vault_free(struct sign_vault *v)
{
    if (v != NULL) {
        mem_wipe(v, sizeof(*v));
        xfree(v);
    }
}

static const unsigned char *bytes_of(struct str s)
{
    return (const unsigned char *)(s.ptr == NULL ? "" : s.ptr);
}

/* A context ready for the text: key, nonce and associated data are in. */
static EVP_CIPHER_CTX *vault_start(const struct sign_vault *v,
                                   const uint8_t nonce[static NONCE_BYTES], struct str context,
                                   int encrypt)
{
    static const unsigned char version = VERSION;
    int len = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    MUST(ctx != NULL);
    MUST(EVP_CipherInit_ex2(ctx, sign_crypto()->aes_256_gcm, v->key, nonce, encrypt, NULL) == 1);
    MUST(EVP_CipherUpdate(ctx, NULL, &len, &version, 1) == 1);
    MUST(EVP_CipherUpdate(ctx, NULL, &len, bytes_of(context), (int)context.len) == 1);
    return ctx;
}

enum rc sign_seal(const struct sign_vault *v, struct str context, struct str plain, struct buf *out)
{
    uint8_t nonce[NONCE_BYTES];
    int len = 0;
    if (plain.len > LEN_MAX || context.len > LEN_MAX) {
        return RC_LIMIT;
    }
    enum rc rc = buf_reserve(out, HEAD_BYTES + plain.len + TAG_BYTES);
    if (rc != RC_OK) {
        return rc;
    }
    uint8_t *at = (uint8_t *)out->ptr + out->len;
    rng_fill(rng_system(), nonce, sizeof(nonce));
    at[0] = VERSION;
    memcpy(at + 1, nonce, sizeof(nonce));
    at += HEAD_BYTES;
    EVP_CIPHER_CTX *ctx = vault_start(v, nonce, context, 1);
    MUST(EVP_CipherUpdate(ctx, at, &len, bytes_of(plain), (int)plain.len) == 1);
    MUST(len == (int)plain.len && EVP_CipherFinal_ex(ctx, at + len, &len) == 1);
    MUST(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, at + plain.len) == 1);
    EVP_CIPHER_CTX_free(ctx);
    out->len += HEAD_BYTES + plain.len + TAG_BYTES;
    out->ptr[out->len] = '\0';
    return RC_OK;
}

enum rc sign_open(const struct sign_vault *v, struct str context, struct str sealed,
                  struct buf *out)
{
    uint8_t tag[TAG_BYTES];
    int len = 0;
    if (sealed.len < HEAD_BYTES + TAG_BYTES || sealed.len > LEN_MAX + HEAD_BYTES + TAG_BYTES ||
        context.len > LEN_MAX || sealed.ptr[0] != VERSION) {
        return RC_CORRUPT;
    }
    size_t plain_len = sealed.len - HEAD_BYTES - TAG_BYTES;
    const uint8_t *from = bytes_of(sealed);
    enum rc rc = buf_reserve(out, plain_len + 1);
    if (rc != RC_OK) {
        return rc;
    }
    uint8_t *at = (uint8_t *)out->ptr + out->len;
    memcpy(tag, from + HEAD_BYTES + plain_len, sizeof(tag));
    EVP_CIPHER_CTX *ctx = vault_start(v, from + 1, context, 0);
    MUST(EVP_CipherUpdate(ctx, at, &len, from + HEAD_BYTES, (int)plain_len) == 1);
    MUST(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1);
    bool is_ours = EVP_CipherFinal_ex(ctx, at + plain_len, &len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (is_ours) {
        out->len += plain_len;
    } else {
        mem_wipe(at, plain_len); /* what fails to authenticate is shown to nobody */
    }
    out->ptr[out->len] = '\0';
    return is_ours ? RC_OK : RC_CORRUPT;
}
