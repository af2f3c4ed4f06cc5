/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures of outgoing deliveries: Standard Webhooks v1 (HMAC-SHA256) and v1a (Ed25519). A keyring
 * holds the current key first and, while a rotation lasts, the older ones; it never changes once
 * made (the cached, keyed contexts in it are copied per use), so any thread may use one without a
 * lock. Nothing here blocks.
 */
#pragma once

#include "base/base.h"

enum {
    SIGN_KEYS_MAX = 11,   /* the current key and ten older ones */
    SIGN_SECRET_MIN = 24, /* bytes, decoded; what we generate is 24 */
    SIGN_SECRET_MAX = 75,
    SIGN_SECRET_TEXT_MAX = 128,
    SIGN_HEADER_MAX = SIGN_KEYS_MAX * 96
};

enum sign_kind { SIGN_HMAC256, SIGN_ED25519 };

/* One key as stored: decoded bytes. Wipe with mem_wipe() when done. */
struct sign_key {
    enum sign_kind kind;
    uint8_t bytes[SIGN_SECRET_MAX +
                  5]; /* HMAC: the key; Ed25519: 32-byte seed and 32-byte public key */
    size_t len;
};

/* "whsec_<base64>" (prefix optional) or "whsk_<base64 of 64 or 32 bytes>".
 * RC_INVALID: `why` (may be NULL) says what is wrong, without the secret. */
MUST_USE enum rc sign_key_parse(struct str text, struct sign_key *out, struct buf *why);
void sign_key_generate(enum sign_kind kind, const struct rng *rng, struct sign_key *out);
/* What the owner sees: "whsec_..." or, for Ed25519, the public key "whpk_...". */
struct str sign_key_show(const struct sign_key *key, char out[static SIGN_SECRET_TEXT_MAX]);
/* The whole secret in its text form ("whsec_..." or "whsk_..."). */
struct str sign_key_secret(const struct sign_key *key, char out[static SIGN_SECRET_TEXT_MAX]);

struct sign_keyring;

/* `keys`: current first. The caller owns *out. RC_INVALID: none or too many, or a malformed key. */
MUST_USE enum rc sign_keyring_new(const struct sign_key *keys, size_t count,
                                  struct sign_keyring **out);
void sign_keyring_free(struct sign_keyring *ring); /* wipes; NULL is fine */

/* What a signature covers; borrowed for the length of the call. */
struct sign_message {
    struct str id;
    int64_t timestamp_s;
    struct str body;
};

/* Appends the value of webhook-signature: "v1,<base64>" or "v1a,<base64>" a key, parted by spaces.
 * RC_LIMIT: out would outgrow its limit. */
MUST_USE enum rc sign_header(const struct sign_keyring *ring, const struct sign_message *msg,
                             struct buf *out);

/* --- secrets at rest ---------------------------------------------------------------------------- */
/* AES-256-GCM under a key derived from the operator's main secret; the context string (such as
 * "endpoint:ep_...") is authenticated, so that a sealed value cannot be moved to another row. */
struct sign_vault;
MUST_USE enum rc sign_vault_new(struct str main_secret,
                                struct sign_vault **out); /* RC_INVALID: shorter than 16 bytes */
void sign_vault_free(struct sign_vault *v);
MUST_USE enum rc sign_seal(const struct sign_vault *v, struct str context, struct str plain,
                           struct buf *out);
/* RC_CORRUPT: not sealed by this key for this context. */
MUST_USE enum rc sign_open(const struct sign_vault *v, struct str context, struct str sealed,
                           struct buf *out);

/* SHA-256 and HMAC-SHA256 of small things (tokens, idempotency keys). */
void sign_sha256(struct str s, uint8_t out[static 32]);
void sign_hmac256(struct str key, struct str s, uint8_t out[static 32]);

/* HMAC-SHA256 of many texts that begin alike: the beginning is worked in once. Used by one thread. */
struct sign_prefix;
struct sign_prefix *sign_prefix_new(struct str key, struct str beginning);
void sign_prefix_finish(const struct sign_prefix *p, struct str rest, uint8_t out[static 32]);
void sign_prefix_free(struct sign_prefix *p); /* NULL is fine */
