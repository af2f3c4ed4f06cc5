/* SPDX-License-Identifier: Apache-2.0
 *
 * The signature header. Each HMAC key is held as a context that has the key worked in already; a use
 * copies it (reading only, so no lock) and saves the two compressions that keying costs.
 */
#include "sign/crypto_priv.h"

#include <inttypes.h>

enum { TIMESTAMP_TEXT_MAX = 20, SIGNATURE_MAX = SIGN_ED25519_BYTES };

struct ring_key {
    EVP_MAC_CTX *mac;  /* SIGN_HMAC256: keyed, never updated */
    EVP_PKEY *private; /* SIGN_ED25519 */
};

struct sign_keyring {
    size_t count;
    struct ring_key keys[SIGN_KEYS_MAX];
};

static bool keyring_is_whole(const struct sign_key *key)
{
    if (key->kind == SIGN_HMAC256) {
        return key->len >= SIGN_SECRET_MIN && key->len <= SIGN_SECRET_MAX;
    }
    uint8_t public[SIGN_PUBLIC_BYTES];
    if (key->kind != SIGN_ED25519 || key->len != SIGN_SEED_BYTES + SIGN_PUBLIC_BYTES) {
        return false;
    }
    sign_crypto_public(key->bytes, public);
    return memcmp(public, key->bytes + SIGN_SEED_BYTES, sizeof(public)) == 0;
}

enum rc sign_keyring_new(const struct sign_key *keys, size_t count, struct sign_keyring **out)
{
    *out = NULL;
    if (count == 0 || count > SIGN_KEYS_MAX) {
        return RC_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        if (!keyring_is_whole(&keys[i])) {
            return RC_INVALID;
        }
    }
    struct sign_keyring *ring = XNEW(struct sign_keyring);
    ring->count = count;
    for (size_t i = 0; i < count; i++) {
        if (keys[i].kind == SIGN_HMAC256) {
            ring->keys[i].mac = sign_crypto_hmac(keys[i].bytes, keys[i].len);
        } else {
            ring->keys[i].private = sign_crypto_ed25519(keys[i].bytes);
        }
    }
    *out = ring;
    return RC_OK;
}

void sign_keyring_free(struct sign_keyring *ring)
{
    if (ring == NULL) {
        return;
    }
    for (size_t i = 0; i < ring->count; i++) {
        EVP_MAC_CTX_free(ring->keys[i].mac); /* OpenSSL wipes what it frees of keys */
        EVP_PKEY_free(ring->keys[i].private);
    }
    xfree(ring);
}

/* "<id>.<timestamp>." */
struct preamble {
    struct str id;
    char rest[TIMESTAMP_TEXT_MAX + 3];
    size_t rest_len;
};

static struct preamble preamble_of(const struct sign_message *msg)
{
    struct preamble p = { .id = msg->id };
    p.rest_len = (size_t)snprintf(p.rest, sizeof(p.rest), ".%" PRId64 ".", msg->timestamp_s);
    return p;
}

static void mac_update(EVP_MAC_CTX *ctx, const char *bytes, size_t len)
{
    MUST(EVP_MAC_update(ctx, (const unsigned char *)bytes, len) == 1);
}

static size_t sign_hmac(const EVP_MAC_CTX *keyed, const struct sign_message *msg,
                        uint8_t out[static SIGNATURE_MAX])
{
    struct preamble p = preamble_of(msg);
    size_t len = 0;
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(keyed);
    MUST(ctx != NULL);
    mac_update(ctx, p.id.ptr, p.id.len);
    mac_update(ctx, p.rest, p.rest_len);
    mac_update(ctx, msg->body.ptr, msg->body.len);
    MUST(EVP_MAC_final(ctx, out, &len, SIGNATURE_MAX) == 1);
    EVP_MAC_CTX_free(ctx);
    return len;
}

static char *keyring_put(char *at, const char *bytes, size_t len)
{
    if (len > 0) {
        memcpy(at, bytes, len);
    }
    return at + len;
}

/* Ed25519 goes over its message twice, so OpenSSL wants it in one piece. */
static size_t sign_ed25519(EVP_PKEY *private, const struct sign_message *msg,
                           uint8_t out[static SIGNATURE_MAX])
{
    struct preamble p = preamble_of(msg);
    size_t total = p.id.len + p.rest_len + msg->body.len;
    size_t len = SIGNATURE_MAX;
    char *whole = xmalloc(total);
    char *at = keyring_put(whole, p.id.ptr, p.id.len);
    at = keyring_put(at, p.rest, p.rest_len);
    (void)keyring_put(at, msg->body.ptr, msg->body.len);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    MUST(ctx != NULL && EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, private, NULL) == 1);
    MUST(EVP_DigestSign(ctx, out, &len, (const unsigned char *)whole, total) == 1);
    EVP_MD_CTX_free(ctx);
    xfree(whole);
    return len;
}

/* One entry of the header, with its NUL. */
static size_t format_entry(const struct ring_key *key, const struct sign_message *msg,
                           char out[static BASE64_LEN(SIGNATURE_MAX) + sizeof("v1a,")])
{
    uint8_t signature[SIGNATURE_MAX];
    size_t len = key->mac != NULL ? sign_hmac(key->mac, msg, signature)
                                  : sign_ed25519(key->private, msg, signature);
    struct str version = key->mac != NULL ? STR("v1,") : STR("v1a,");
    memcpy(out, version.ptr, version.len);
    base64_encode(signature, len, out + version.len);
    return version.len + BASE64_LEN(len);
}

enum rc sign_header(const struct sign_keyring *ring, const struct sign_message *msg,
                    struct buf *out)
{
    char header[SIGN_HEADER_MAX];
    size_t len = 0;
    for (size_t i = 0; i < ring->count; i++) {
        if (i > 0) {
            header[len++] = ' ';
        }
        len += format_entry(&ring->keys[i], msg, header + len);
    }
    return buf_add(out, header, len);
}
