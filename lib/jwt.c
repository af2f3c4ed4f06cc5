/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed tokens (RFC 7515, 7519), compact form. The algorithm must be one the scheme lists and fit the
 * kind of key at hand: "none", and a public key taken for a shared secret, cannot happen. Claims are
 * looked at after the signature, as JSON pointers in `item` locations.
 */
#include "engine.h"

#include <openssl/crypto.h>
#include <openssl/ecdsa.h>

enum {
    LEEWAY_S = 60, /* for exp, nbf and iat: clocks differ */
    US_PER_S = 1000000,
    CLAIM_DIGITS = 11,
    P256_BYTES = 32,
    DER_MAX = 80
};

struct token {
    struct grapnel_bytes header;  /* JSON */
    struct grapnel_bytes payload; /* JSON, or the body when detached */
    struct grapnel_bytes input;   /* what was signed */
    struct grapnel_bytes alg;
    unsigned char signature[GN_SIGNATURE_BYTES_MAX];
    size_t signature_len;
};

static struct grapnel_bytes decode_part(struct gn_run *run, struct grapnel_bytes text)
{
    size_t len = 0;
    unsigned char *out = gn_alloc(&run->arena, text.len + 1);
    if (out == NULL || !gn_base64_decode(text, GN_BASE64URL, true, out, text.len, &len)) {
        return GN_NONE;
    }
    return gn_bytes((const char *)out, len);
}

/* RFC 7515, appendix F: the payload travels as the body. */
static enum grapnel_status detached_input(struct gn_run *run, struct grapnel_bytes header,
                                          struct token *out)
{
    struct grapnel_bytes body = run->request->body;
    char *text = gn_alloc(&run->arena, body.len / 3 * 4 + 4);
    if (text == NULL) {
        return GRAPNEL_TOO_LARGE;
    }
    size_t len = gn_base64_encode((const unsigned char *)body.ptr, body.len, GN_BASE64URL, text);
    struct grapnel_bytes pieces[] = { header, GN_TEXT("."), gn_bytes(text, len) };
    out->input = gn_join(&run->arena, pieces, GN_COUNT(pieces));
    out->payload = body;
    return out->input.ptr == NULL ? GRAPNEL_TOO_LARGE : GRAPNEL_VERIFIED;
}

static enum grapnel_status split_token(struct gn_run *run, struct grapnel_bytes text,
                                       struct token *out)
{
    struct grapnel_bytes rest = text;
    struct grapnel_bytes header;
    struct grapnel_bytes payload;
    struct grapnel_bytes signature;
    if (text.len > GRAPNEL_JWT_MAX) {
        return GRAPNEL_TOO_LARGE;
    }
    if (!gn_split(&rest, '.', &header) || !gn_split(&rest, '.', &payload) ||
        !gn_split(&rest, '.', &signature) || rest.ptr != NULL) {
        return GRAPNEL_MALFORMED_SIGNATURE;
    }
    out->header = decode_part(run, header);
    bool good =
        out->header.len > 0 && gn_base64_decode(signature, GN_BASE64URL, true, out->signature,
                                                sizeof(out->signature), &out->signature_len);
    if (good && run->scheme->jwt_detached) {
        return payload.len == 0 ? detached_input(run, header, out) : GRAPNEL_MALFORMED_SIGNATURE;
    }
    out->payload = decode_part(run, payload);
    out->input = gn_bytes(text.ptr, header.len + 1 + payload.len);
    return good && out->payload.len > 0 ? GRAPNEL_VERIFIED : GRAPNEL_MALFORMED_SIGNATURE;
}

static enum grapnel_status jwt_read_header(struct gn_run *run, struct token *token)
{
    struct grapnel_bytes value;
    if (gn_json_find(&run->arena, token->header, GN_TEXT("/alg"), &value) != GRAPNEL_VERIFIED ||
        gn_json_text(&run->arena, value, &token->alg) != GRAPNEL_VERIFIED) {
        return GRAPNEL_MALFORMED_SIGNATURE;
    }
    /* An extension marked critical must be understood, and none is. */
    if (gn_json_find(&run->arena, token->header, GN_TEXT("/crit"), &value) !=
        GRAPNEL_MISSING_HEADER) {
        return GRAPNEL_UNSUPPORTED;
    }
    for (size_t i = 0; i < run->scheme->jwt_alg_count; i++) {
        if (gn_eq(run->scheme->jwt_alg[i], token->alg)) {
            return GRAPNEL_VERIFIED;
        }
    }
    gn_say(&run->explain, "the token's algorithm is not one of the scheme's\n");
    return GRAPNEL_UNSUPPORTED;
}

/* The provider's keys change; which one it was, the token says. */
static enum grapnel_status fetch_key(struct gn_run *run, const struct token *token)
{
    const struct grapnel_config *config = run->config;
    struct grapnel_bytes kid = GN_NONE;
    struct grapnel_bytes value;
    size_t len = 0;
    if (run->scheme->jwks.len == 0 || run->signing) {
        return GRAPNEL_VERIFIED;
    }
    char *set = gn_alloc(&run->arena, GRAPNEL_KEY_SET_MAX);
    if (set == NULL) {
        return GRAPNEL_TOO_LARGE;
    }
    if (config->key_set == NULL ||
        !config->key_set(config->key_set_ctx, run->scheme->jwks, set, GRAPNEL_KEY_SET_MAX, &len) ||
        len > GRAPNEL_KEY_SET_MAX) {
        return GRAPNEL_KEY_FETCH_FAILED;
    }
    if (gn_json_find(&run->arena, token->header, GN_TEXT("/kid"), &value) == GRAPNEL_VERIFIED) {
        (void)gn_json_text(&run->arena, value, &kid);
    }
    bool found = gn_use_key(run, gn_jwks_find(&run->arena, gn_bytes(set, len), kid));
    gn_say(&run->explain, found ? "" : "the token's key is not in the provider's set\n");
    return found ? GRAPNEL_VERIFIED : GRAPNEL_NO_MATCHING_KEY;
}

static bool hash_of(struct grapnel_bytes alg, enum gn_hash *hash)
{
    bool is_512 = alg.len == 5 && gn_eq(gn_skip(alg, 2), GN_TEXT("512"));
    *hash = is_512 ? GN_SHA512 : GN_SHA256;
    return is_512 || gn_eq(alg, GN_TEXT("EdDSA")) || gn_eq(gn_skip(alg, 2), GN_TEXT("256"));
}

static bool is_shared(struct grapnel_bytes alg)
{
    return gn_starts(alg, GN_TEXT("HS"));
}

/* JOSE has r and s side by side, libcrypto wants them in DER. */
static size_t ecdsa_der(const unsigned char *raw, size_t len, unsigned char out[static DER_MAX])
{
    unsigned char *at = out;
    if (len != 2 * P256_BYTES) {
        return 0;
    }
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, P256_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(raw + P256_BYTES, P256_BYTES, NULL);
    int der_len = 0;
    if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
        der_len = i2d_ECDSA_SIG(sig, &at);
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(sig);
    return der_len > 0 ? (size_t)der_len : 0;
}

static bool verify_with_pair(const struct token *token, enum gn_hash hash, EVP_PKEY *key)
{
    unsigned char der[DER_MAX];
    int id = EVP_PKEY_get_id(key);
    if (gn_starts(token->alg, GN_TEXT("ES"))) {
        size_t len = ecdsa_der(token->signature, token->signature_len, der);
        return id == EVP_PKEY_EC && len > 0 && gn_pkey_verify(key, hash, token->input, der, len);
    }
    int wanted = gn_starts(token->alg, GN_TEXT("RS")) ? EVP_PKEY_RSA : EVP_PKEY_ED25519;
    return id == wanted &&
           gn_pkey_verify(key, hash, token->input, token->signature, token->signature_len);
}

static bool verify_with(const struct token *token, enum gn_hash hash, const struct gn_key *key)
{
    unsigned char mac[GN_DIGEST_MAX];
    size_t len = gn_digest_len(hash);
    if (!is_shared(token->alg)) {
        return key->pkey != NULL && verify_with_pair(token, hash, key->pkey);
    }
    return key->pkey == NULL && token->signature_len == len &&
           gn_hmac(hash, key->bytes, &token->input, 1, mac) &&
           CRYPTO_memcmp(mac, token->signature, len) == 0;
}

static enum grapnel_status verify_token(struct gn_run *run, const struct token *token)
{
    enum gn_hash hash;
    bool matched = false;
    if (!hash_of(token->alg, &hash)) {
        return GRAPNEL_UNSUPPORTED;
    }
    gn_keep_signed(run, &token->input, 1);
    for (size_t i = 0; i < run->key_count; i++) {
        if (verify_with(token, hash, &run->keys[i]) && !matched) {
            matched = true;
            run->matched = run->keys[i].index;
        }
    }
    return matched ? GRAPNEL_VERIFIED : GRAPNEL_NO_MATCHING_KEY;
}

/* --- claims -------------------------------------------------------------------------------------------------- */

/* MISSING_HEADER: the claim is not there. */
static enum grapnel_status time_claim(struct gn_run *run, struct grapnel_bytes pointer, int64_t *us)
{
    struct grapnel_bytes value;
    int64_t seconds;
    enum grapnel_status status = gn_json_find(&run->arena, run->item, pointer, &value);
    if (status != GRAPNEL_VERIFIED) {
        return status;
    }
    /* A fraction of a second is allowed, and of no interest. */
    if (!gn_decimal(gn_bytes(value.ptr, gn_find(value, '.')), CLAIM_DIGITS, &seconds)) {
        return GRAPNEL_MALFORMED_TIMESTAMP;
    }
    *us = seconds * US_PER_S;
    return GRAPNEL_VERIFIED;
}

static bool is_bad(enum grapnel_status status)
{
    return status != GRAPNEL_VERIFIED && status != GRAPNEL_MISSING_HEADER;
}

static enum grapnel_status check_times(struct gn_run *run)
{
    int64_t now = run->config->now_us;
    int64_t leeway = (int64_t)LEEWAY_S * US_PER_S;
    int64_t at;
    enum grapnel_status status = time_claim(run, GN_TEXT("/exp"), &at);
    if (is_bad(status) || (status == GRAPNEL_VERIFIED && now > at + leeway)) {
        return is_bad(status) ? status : GRAPNEL_TIMESTAMP_TOO_OLD;
    }
    status = time_claim(run, GN_TEXT("/nbf"), &at);
    if (is_bad(status) || (status == GRAPNEL_VERIFIED && now < at - leeway)) {
        return is_bad(status) ? status : GRAPNEL_TIMESTAMP_IN_FUTURE;
    }
    status = time_claim(run, GN_TEXT("/iat"), &at);
    if (status == GRAPNEL_VERIFIED) {
        run->has_ts = true; /* the window applies to it */
        run->ts_us = at;
    }
    return is_bad(status) ? status : GRAPNEL_VERIFIED;
}

enum grapnel_status gn_check_jwt(struct gn_run *run)
{
    const struct grapnel_scheme *s = run->scheme;
    struct token token = { .signature_len = 0 };
    struct grapnel_bytes text;
    enum grapnel_status status = gn_locate_first(run, &s->sig, &text);
    if (status == GRAPNEL_VERIFIED && !gn_starts(text, s->prefix)) {
        status = GRAPNEL_MALFORMED_SIGNATURE;
    }
    if (status == GRAPNEL_VERIFIED) {
        status = split_token(run, gn_skip(text, s->prefix.len), &token);
    }
    if (status == GRAPNEL_VERIFIED) {
        status = jwt_read_header(run, &token);
    }
    if (status == GRAPNEL_VERIFIED) {
        status = fetch_key(run, &token);
    }
    if (status == GRAPNEL_VERIFIED) {
        status = verify_token(run, &token);
    }
    if (status != GRAPNEL_VERIFIED || s->jwt_detached) {
        return status;
    }
    run->item = token.payload;
    return check_times(run);
}
