/* SPDX-License-Identifier: Apache-2.0
 *
 * The algorithms, looked up in OpenSSL once: a lookup by name costs more than a small HMAC.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include "sign/sign.h"

enum {
    SIGN_SHA256_BYTES = 32,
    SIGN_SEED_BYTES = 32,
    SIGN_PUBLIC_BYTES = 32,
    SIGN_ED25519_BYTES = 64
};

struct sign_crypto {
    EVP_MAC *hmac;
    EVP_MD *sha256;
    EVP_CIPHER *aes_256_gcm;
    EVP_KDF *hkdf;
};

/* Lives as long as the process. Any thread. */
const struct sign_crypto *sign_crypto(void);

/* A context keyed for HMAC-SHA256; the caller EVP_MAC_CTX_free()s. */
EVP_MAC_CTX *sign_crypto_hmac(const void *key, size_t len);

/* The private key of a 32-byte seed; the caller EVP_PKEY_free()s. */
EVP_PKEY *sign_crypto_ed25519(const uint8_t seed[static SIGN_SEED_BYTES]);

/* The public half of a 32-byte seed. */
void sign_crypto_public(const uint8_t seed[static SIGN_SEED_BYTES],
                        uint8_t out[static SIGN_PUBLIC_BYTES]);
