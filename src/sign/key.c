/* SPDX-License-Identifier: Apache-2.0
 *
 * The text forms of keys. Only the standard base64 alphabet counts, padded or not: in the URL
 * alphabet '_' is a digit, so that a mistyped prefix ("hwsec_...") would pass as a key.
 */
#include "sign/crypto_priv.h"

enum { GENERATED_BYTES = SIGN_SECRET_MIN };

#define HMAC_PREFIX STR("whsec_")
#define SECRET_PREFIX STR("whsk_")
#define PUBLIC_PREFIX STR("whpk_")

static enum rc key_refuse(struct buf *why, const char *reason)
{
    buf_say(why, "%s", reason);
    return RC_INVALID;
}

static enum rc parse_hmac(struct str digits, struct sign_key *out, struct buf *why)
{
    out->kind = SIGN_HMAC256;
    enum rc rc = base64_decode(digits, out->bytes, SIGN_SECRET_MAX, &out->len);
    if (rc == RC_INVALID) {
        return key_refuse(why, "not base64 after \"whsec_\"");
    }
    if (rc != RC_OK || out->len < SIGN_SECRET_MIN) {
        return key_refuse(why, "a whsec_ secret holds 24 to 75 bytes");
    }
    return RC_OK;
}

static enum rc parse_ed25519(struct str digits, struct sign_key *out, struct buf *why)
{
    uint8_t public[SIGN_PUBLIC_BYTES];
    out->kind = SIGN_ED25519;
    enum rc rc = base64_decode(digits, out->bytes, sizeof(out->bytes), &out->len);
    if (rc == RC_INVALID) {
        return key_refuse(why, "not base64 after \"whsk_\"");
    }
    if (rc != RC_OK ||
        (out->len != SIGN_SEED_BYTES && out->len != SIGN_SEED_BYTES + SIGN_PUBLIC_BYTES)) {
        return key_refuse(why, "a whsk_ secret holds 64 bytes (seed and public key) or 32 (seed)");
    }
    sign_crypto_public(out->bytes, public);
    if (out->len != SIGN_SEED_BYTES &&
        memcmp(out->bytes + SIGN_SEED_BYTES, public, sizeof(public)) != 0) {
        return key_refuse(why, "the two halves of the whsk_ secret do not belong together");
    }
    memcpy(out->bytes + SIGN_SEED_BYTES, public, sizeof(public));
    out->len = SIGN_SEED_BYTES + SIGN_PUBLIC_BYTES;
    return RC_OK;
}

static enum rc key_parse(struct str text, struct sign_key *out, struct buf *why)
{
    struct str digits = text;
    if (str_starts(text, PUBLIC_PREFIX)) {
        return key_refuse(why, "whpk_ is a public key; signing takes the secret one, whsk_");
    }
    bool ed25519 = str_skip_prefix(&digits, SECRET_PREFIX);
    if (!ed25519) {
        (void)str_skip_prefix(&digits, HMAC_PREFIX);
    }
    if (str_find(digits, '-') != digits.len || str_find(digits, '_') != digits.len) {
        return key_refuse(why, "neither whsec_ nor whsk_ followed by standard base64");
    }
    return ed25519 ? parse_ed25519(digits, out, why) : parse_hmac(digits, out, why);
}

enum rc sign_key_parse(struct str text, struct sign_key *out, struct buf *why)
{
    mem_wipe(out, sizeof(*out));
    enum rc rc = key_parse(text, out, why);
    if (rc != RC_OK) {
        mem_wipe(out, sizeof(*out));
    }
    return rc;
}

void sign_key_generate(enum sign_kind kind, const struct rng *rng, struct sign_key *out)
{
    mem_wipe(out, sizeof(*out));
    out->kind = kind;
    if (kind == SIGN_HMAC256) {
        out->len = GENERATED_BYTES;
        rng_fill(rng, out->bytes, out->len);
        return;
    }
    out->len = SIGN_SEED_BYTES + SIGN_PUBLIC_BYTES;
    rng_fill(rng, out->bytes, SIGN_SEED_BYTES);
    sign_crypto_public(out->bytes, out->bytes + SIGN_SEED_BYTES);
}

static struct str key_show(struct str prefix, const uint8_t *bytes, size_t len,
                           char out[static SIGN_SECRET_TEXT_MAX])
{
    memcpy(out, prefix.ptr, prefix.len);
    base64_encode(bytes, len, out + prefix.len);
    return str_of(out, prefix.len + BASE64_LEN(len));
}

struct str sign_key_show(const struct sign_key *key, char out[static SIGN_SECRET_TEXT_MAX])
{
    if (key->kind == SIGN_ED25519) {
        return key_show(PUBLIC_PREFIX, key->bytes + SIGN_SEED_BYTES, SIGN_PUBLIC_BYTES, out);
    }
    return key_show(HMAC_PREFIX, key->bytes, key->len, out);
}

struct str sign_key_secret(const struct sign_key *key, char out[static SIGN_SECRET_TEXT_MAX])
{
    return key_show(key->kind == SIGN_ED25519 ? SECRET_PREFIX : HMAC_PREFIX, key->bytes, key->len,
                    out);
}
