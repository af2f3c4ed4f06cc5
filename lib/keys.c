/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets as providers show them, made into keys. A secret that decodes to nothing is no key: an empty
 * HMAC key would verify what anybody can make.
 */
#include "engine.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

enum { ED25519_BYTES = 32, RSA_BITS_MIN = 1024 };

static struct grapnel_bytes keys_strip(const struct grapnel_scheme *s, struct grapnel_bytes secret)
{
    for (size_t i = 0; i < s->strip_count; i++) {
        if (gn_starts(secret, s->strip[i])) {
            return gn_skip(secret, s->strip[i].len);
        }
    }
    return secret;
}

static bool wants_pair(const struct grapnel_scheme *s)
{
    return s->auth == GN_AUTH_ED25519 || s->auth == GN_AUTH_ECDSA || s->auth == GN_AUTH_RSA ||
           (s->auth == GN_AUTH_JWT && s->key == GN_KEY_PEM);
}

/* --- key pairs ------------------------------------------------------------------------------------------ */

static EVP_PKEY *from_pem(struct grapnel_bytes text, bool private)
{
    BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
    EVP_PKEY *key = NULL;
    if (bio != NULL && private) {
        key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    } else if (bio != NULL && gn_starts(text, GN_TEXT("-----BEGIN CERTIFICATE-----"))) {
        X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        key = certificate == NULL ? NULL : X509_get_pubkey(certificate);
        X509_free(certificate);
    } else if (bio != NULL) {
        key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    }
    BIO_free(bio);
    return key;
}

/* base64 of SubjectPublicKeyInfo or, to sign, of PKCS #8. */
static EVP_PKEY *from_der(const unsigned char *der, size_t len, bool private)
{
    const unsigned char *at = der;
    EVP_PKEY *key =
        private ? d2i_AutoPrivateKey(NULL, &at, (long)len) : d2i_PUBKEY(NULL, &at, (long)len);
    if (key != NULL && at != der + len) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

static EVP_PKEY *from_raw_ed25519(const unsigned char *bytes, size_t len, bool private)
{
    if (len != ED25519_BYTES) {
        return NULL;
    }
    return private ? EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, bytes, len)
                   : EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, bytes, len);
}

static bool keys_fits(const struct grapnel_scheme *s, EVP_PKEY *key)
{
    int id = EVP_PKEY_get_id(key);
    bool p256 = id == EVP_PKEY_EC && EVP_PKEY_get_bits(key) == 256;
    bool rsa = id == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
    switch (s->auth) {
    case GN_AUTH_ED25519: return id == EVP_PKEY_ED25519;
    case GN_AUTH_ECDSA: return p256;
    case GN_AUTH_RSA: return rsa;
    case GN_AUTH_JWT: return p256 || rsa || id == EVP_PKEY_ED25519;
    case GN_AUTH_UNSET:
    case GN_AUTH_HMAC:
    case GN_AUTH_HASH:
    case GN_AUTH_EQUAL:
    case GN_AUTH_BASIC:
    case GN_AUTH_SNS:
    case GN_AUTH_NONE: break;
    }
    return false;
}

static EVP_PKEY *read_pair(struct gn_run *run, struct grapnel_bytes text)
{
    unsigned char bytes[GRAPNEL_SECRET_MAX];
    size_t len = 0;
    EVP_PKEY *key = NULL;
    if (gn_starts(text, GN_TEXT("-----BEGIN "))) {
        return from_pem(text, run->signing);
    }
    if (text.ptr[0] == '{') {
        return run->signing ? NULL : gn_jwk_read(&run->arena, text);
    }
    bool decoded = run->scheme->key == GN_KEY_HEX
                       ? gn_hex_decode(text, bytes, sizeof(bytes), &len)
                       : gn_base64_decode(text, GN_BASE64, false, bytes, sizeof(bytes), &len);
    if (decoded && run->scheme->auth == GN_AUTH_ED25519) {
        key = from_raw_ed25519(bytes, len, run->signing);
    }
    if (decoded && key == NULL) {
        key = from_der(bytes, len, run->signing);
    }
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return key;
}

/* --- Standard Webhooks v1a --------------------------------------------------------------------------------- */

/* "whpk_" and the public key, or "whsk_" and seed and public key (64 bytes) or the seed alone (32). */
static EVP_PKEY *read_standard_pair(struct grapnel_bytes text, bool private)
{
    unsigned char bytes[2 * ED25519_BYTES];
    unsigned char public[ED25519_BYTES];
    size_t len = 0;
    size_t public_len = sizeof(public);
    bool secret = gn_starts(text, GN_TEXT("whsk_"));
    EVP_PKEY *key = NULL;
    if (!gn_base64_decode(gn_skip(text, 5), GN_BASE64, false, bytes, sizeof(bytes), &len) ||
        (private && !secret)) {
        return NULL;
    }
    if (!secret) {
        return from_raw_ed25519(bytes, len, false);
    }
    if (len == ED25519_BYTES || len == sizeof(bytes)) {
        key = from_raw_ed25519(bytes, ED25519_BYTES, true);
    }
    if (key != NULL && len == sizeof(bytes) &&
        (EVP_PKEY_get_raw_public_key(key, public, &public_len) != 1 ||
         memcmp(public, bytes + ED25519_BYTES, sizeof(public)) != 0)) {
        EVP_PKEY_free(key); /* the halves do not belong together */
        key = NULL;
    }
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return key;
}

/* --- shared secrets ---------------------------------------------------------------------------------------- */

static bool decode_shared(const struct grapnel_scheme *s, struct grapnel_bytes text,
                          unsigned char *out, size_t cap, size_t *len)
{
    switch (s->key) {
    case GN_KEY_BASE64: return gn_base64_decode(text, GN_BASE64, false, out, cap, len);
    case GN_KEY_HEX: return gn_hex_decode(text, out, cap, len);
    case GN_KEY_SHA1:
        *len = gn_digest_len(GN_SHA1);
        return text.len > 0 && gn_digest(GN_SHA1, &text, 1, out);
    case GN_KEY_RAW:
        memcpy(out, text.ptr, text.len);
        *len = text.len;
        return true;
    case GN_KEY_PEM: break;
    }
    return false;
}

static bool read_shared(struct gn_run *run, struct grapnel_bytes text, struct gn_key *key)
{
    unsigned char *out = gn_alloc(&run->arena, text.len + GN_DIGEST_MAX);
    size_t len = 0;
    if (out == NULL || !decode_shared(run->scheme, text, out, text.len + GN_DIGEST_MAX, &len)) {
        return false;
    }
    key->bytes = gn_bytes((const char *)out, len);
    return len > 0;
}

static bool read_key(struct gn_run *run, struct grapnel_bytes secret, struct gn_key *key)
{
    const struct grapnel_scheme *s = run->scheme;
    bool standard = s->ed25519_tag.len > 0 &&
                    (gn_starts(secret, GN_TEXT("whpk_")) || gn_starts(secret, GN_TEXT("whsk_")));
    if (standard) {
        key->pkey = read_standard_pair(secret, run->signing);
        return key->pkey != NULL;
    }
    secret = keys_strip(s, secret);
    if (!wants_pair(s)) {
        return secret.len > 0 && read_shared(run, secret, key);
    }
    key->pkey = secret.len == 0 ? NULL : read_pair(run, secret);
    return key->pkey != NULL && keys_fits(s, key->pkey);
}

/* A key that was read before, or reads it now. */
static bool take_key(struct gn_run *run, size_t i, struct gn_key *key)
{
    const struct grapnel_config *config = run->config;
    if (config->keys == NULL || config->keys[i] == NULL) {
        return read_key(run, config->secrets[i], key);
    }
    key->pkey = config->keys[i]->pkey;
    return EVP_PKEY_up_ref(key->pkey) == 1;
}

enum grapnel_status gn_load_keys(struct gn_run *run)
{
    const struct grapnel_config *config = run->config;
    bool any = false;
    if (config->secret_count > GRAPNEL_SECRETS_MAX) {
        return GRAPNEL_TOO_LARGE;
    }
    for (size_t i = 0; i < config->secret_count; i++) {
        struct gn_key *key = &run->keys[run->key_count];
        *key = (struct gn_key){ .index = (unsigned)i };
        any = any || config->secrets[i].len > 0;
        if (config->secrets[i].len == 0 || config->secrets[i].len > GRAPNEL_SECRET_MAX) {
            continue;
        }
        if (take_key(run, i, key)) {
            run->key_count++;
        } else {
            EVP_PKEY_free(key->pkey);
        }
    }
    if (run->key_count > 0) {
        return GRAPNEL_VERIFIED;
    }
    return any ? GRAPNEL_MALFORMED_KEY : GRAPNEL_UNCONFIGURED;
}

bool gn_use_key(struct gn_run *run, EVP_PKEY *key)
{
    if (key == NULL || !keys_fits(run->scheme, key)) {
        EVP_PKEY_free(key);
        return false;
    }
    run->keys[run->key_count++] = (struct gn_key){ .pkey = key };
    return true;
}

void gn_free_keys(struct gn_run *run)
{
    for (size_t i = 0; i < run->key_count; i++) {
        EVP_PKEY_free(run->keys[i].pkey);
    }
    run->key_count = 0;
}

/* --- read beforehand ------------------------------------------------------------------------------------ */

struct grapnel_key *grapnel_key_read(const struct grapnel_scheme *scheme,
                                     struct grapnel_bytes secret)
{
    struct gn_run run;
    struct grapnel_config config = { .secrets = &secret, .secret_count = 1 };
    struct grapnel_request request = { .header_count = 0 };
    struct grapnel_key *key = NULL;
    gn_run_init(&run, scheme, &config, &request);
    if (gn_load_keys(&run) == GRAPNEL_VERIFIED && run.keys[0].pkey != NULL) {
        key = malloc(sizeof(*key));
    }
    if (key != NULL) {
        key->pkey = run.keys[0].pkey;
        run.key_count = 0; /* the reference goes along */
    }
    gn_run_fini(&run);
    return key;
}

void grapnel_key_free(struct grapnel_key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->pkey);
        free(key);
    }
}
