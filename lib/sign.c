/* SPDX-License-Identifier: Apache-2.0
 *
 * The other direction: making what verify.c accepts. For tests, for tools, and for receivers that want
 * to try themselves.
 */
#include "engine.h"

#include <inttypes.h>
#include <stdio.h>

enum { TIME_TEXT_MAX = GN_TIME_ISO_LEN + 1, US_PER_S = 1000000, US_PER_MS = 1000 };

/* A growing place in the result's own text. */
static bool sign_put(struct grapnel_signature *out, struct grapnel_bytes s)
{
    if (s.len > sizeof(out->_text) - out->_text_len) {
        return false;
    }
    if (s.len > 0) {
        memcpy(out->_text + out->_text_len, s.ptr, s.len);
    }
    out->_text_len += s.len;
    return true;
}

static struct grapnel_bytes sign_since(const struct grapnel_signature *out, size_t start)
{
    return gn_bytes(out->_text + start, out->_text_len - start);
}

static bool put_time(const struct gn_run *run, struct grapnel_signature *out)
{
    char text[TIME_TEXT_MAX];
    int64_t now = run->config->now_us;
    switch (run->scheme->ts_unit) {
    case GN_UNIT_NONE:
    case GN_UNIT_S: snprintf(text, sizeof(text), "%" PRId64, now / US_PER_S); break;
    case GN_UNIT_MS: snprintf(text, sizeof(text), "%" PRId64, now / US_PER_MS); break;
    case GN_UNIT_ISO: gn_time_write_iso(now, text); break;
    }
    size_t start = out->_text_len;
    bool good = sign_put(out, gn_cstr(text));
    out->timestamp = sign_since(out, start);
    return good;
}

/* --- one signature --------------------------------------------------------------------------------------------- */

static enum grapnel_status sign_make(struct gn_run *run, const struct gn_key *key,
                                     unsigned char *signature, size_t *len)
{
    const struct grapnel_scheme *s = run->scheme;
    struct gn_pieces message;
    run->secret = key->bytes;
    enum grapnel_status status = gn_message(run, &s->msg, &message);
    run->secret = GN_NONE;
    if (status != GRAPNEL_VERIFIED) {
        return status;
    }
    bool good;
    if (key->pkey != NULL) {
        struct grapnel_bytes whole = gn_join(&run->arena, message.list, message.count);
        *len = GN_SIGNATURE_BYTES_MAX;
        good = whole.ptr != NULL && gn_pkey_sign(key->pkey, s->hash, whole, signature, len);
    } else if (s->auth == GN_AUTH_HASH) {
        *len = gn_digest_len(s->hash);
        good = gn_digest(s->hash, message.list, message.count, signature);
    } else {
        *len = gn_digest_len(s->hash);
        good = gn_hmac(s->hash, key->bytes, message.list, message.count, signature);
    }
    return good ? GRAPNEL_VERIFIED : GRAPNEL_INTERNAL;
}

static bool put_encoded(const struct grapnel_scheme *s, const unsigned char *signature, size_t len,
                        struct grapnel_signature *out)
{
    char text[GN_SIGNATURE_BYTES_MAX * 2];
    size_t text_len = 2 * len;
    switch (s->enc) {
    case GN_ENC_HEX: gn_hex_encode(signature, len, text); break;
    case GN_ENC_BASE64: text_len = gn_base64_encode(signature, len, GN_BASE64, text); break;
    case GN_ENC_BASE64URL: text_len = gn_base64_encode(signature, len, GN_BASE64URL, text); break;
    }
    return sign_put(out, s->prefix) && sign_put(out, gn_bytes(text, text_len));
}

/* "v1=", "v1a,": the tag of an entry and what parts it from the signature. */
static bool put_tag(const struct gn_run *run, const struct gn_key *key,
                    struct grapnel_signature *out)
{
    const struct grapnel_scheme *s = run->scheme;
    struct grapnel_bytes tag = s->accept_companion ? run->config->companion : s->accept[0];
    if (s->kv_sep == '\0') {
        return true;
    }
    if (key->pkey != NULL && s->ed25519_tag.len > 0) {
        tag = s->ed25519_tag;
    }
    return sign_put(out, tag) && sign_put(out, gn_bytes(&s->kv_sep, 1));
}

/* --- the whole value ------------------------------------------------------------------------------------------- */

/* The time at the head of the list, where it travels there. */
static bool put_list_time(const struct grapnel_scheme *s, struct grapnel_signature *out)
{
    for (size_t i = 0; i < s->ts.count; i++) {
        const struct gn_location *where = &s->ts.list[i];
        bool pair = where->place == GN_PAIR;
        if (!pair && where->place != GN_POSITION) {
            continue;
        }
        struct grapnel_bytes name = pair ? where->name : GN_NONE;
        return sign_put(out, name) && sign_put(out, gn_bytes(&s->kv_sep, pair ? 1 : 0)) &&
               sign_put(out, out->timestamp) && sign_put(out, gn_bytes(&s->item_sep, 1));
    }
    return true;
}

static enum grapnel_status put_value(struct gn_run *run, struct grapnel_signature *out)
{
    const struct grapnel_scheme *s = run->scheme;
    unsigned char signature[GN_SIGNATURE_BYTES_MAX];
    size_t start = out->_text_len;
    size_t count = s->item_sep == '\0' ? 1 : run->key_count;
    if (!put_list_time(s, out)) {
        return GRAPNEL_TOO_LARGE;
    }
    for (size_t i = 0; i < count; i++) {
        size_t len = 0;
        enum grapnel_status status = sign_make(run, &run->keys[i], signature, &len);
        if (status != GRAPNEL_VERIFIED) {
            return status;
        }
        bool good = (i == 0 || sign_put(out, gn_bytes(&s->item_sep, 1))) &&
                    put_tag(run, &run->keys[i], out) && put_encoded(s, signature, len, out);
        if (!good) {
            return GRAPNEL_TOO_LARGE;
        }
    }
    out->value = sign_since(out, start);
    return GRAPNEL_VERIFIED;
}

/* --- secrets sent as they are, and tokens ------------------------------------------------------------------------ */

static enum grapnel_status put_secret(struct gn_run *run, struct grapnel_signature *out)
{
    size_t start = out->_text_len;
    struct grapnel_bytes secret = run->keys[0].bytes;
    bool good = false;
    if (run->scheme->auth == GN_AUTH_BASIC) {
        char text[GRAPNEL_SECRET_MAX / 3 * 4 + 8];
        size_t len =
            gn_base64_encode((const unsigned char *)secret.ptr, secret.len, GN_BASE64, text);
        good = sign_put(out, GN_TEXT("Basic ")) && sign_put(out, gn_bytes(text, len));
    } else {
        good = sign_put(out, run->scheme->prefix) && sign_put(out, secret);
    }
    out->value = sign_since(out, start);
    return good ? GRAPNEL_VERIFIED : GRAPNEL_TOO_LARGE;
}

static enum grapnel_status sign_dispatch(struct gn_run *run, struct grapnel_signature *out)
{
    switch (run->scheme->auth) {
    case GN_AUTH_HMAC:
    case GN_AUTH_HASH:
    case GN_AUTH_ED25519:
    case GN_AUTH_ECDSA:
    case GN_AUTH_RSA: return put_value(run, out);
    case GN_AUTH_EQUAL:
    case GN_AUTH_BASIC: return put_secret(run, out);
    case GN_AUTH_UNSET:
    case GN_AUTH_JWT:
    case GN_AUTH_SNS:
    case GN_AUTH_NONE: break;
    }
    return GRAPNEL_UNSUPPORTED;
}

/* --- headers --------------------------------------------------------------------------------------------------------- */

static bool sign_add_header(struct grapnel_signature *out, struct grapnel_bytes name,
                            const char *suffix, struct grapnel_bytes value)
{
    size_t start = out->_text_len;
    if (!sign_put(out, name) || !sign_put(out, gn_cstr(suffix))) {
        return false;
    }
    out->headers[out->header_count++] = (struct grapnel_header){ sign_since(out, start), value };
    return true;
}

static enum grapnel_status add_headers(const struct gn_run *run, struct grapnel_signature *out)
{
    const struct grapnel_scheme *s = run->scheme;
    bool good = true;
    if (s->auth == GN_AUTH_BASIC) {
        good = sign_add_header(out, GN_TEXT("Authorization"), "", out->value);
    } else if (s->sig.list[0].place == GN_HEADER || s->sig.list[0].place == GN_HEADERS) {
        const char *suffix = s->sig.list[0].number > 0 ? "1" : "";
        good = sign_add_header(out, s->sig.list[0].name, suffix, out->value);
    }
    if (good && s->ts.count > 0 && s->ts.list[0].place == GN_HEADER) {
        good = sign_add_header(out, s->ts.list[0].name, "", out->timestamp);
    }
    return good ? GRAPNEL_VERIFIED : GRAPNEL_TOO_LARGE;
}

/* A time in the body is the caller's: it is read, not made. */
static enum grapnel_status set_time(struct gn_run *run, struct grapnel_signature *out)
{
    const struct grapnel_scheme *s = run->scheme;
    if (s->ts.count == 0) {
        return GRAPNEL_VERIFIED;
    }
    if (s->ts.list[0].place == GN_JSON || s->ts.list[0].place == GN_FORM) {
        run->signing = false;
        enum grapnel_status status = gn_read_time(run);
        run->signing = true;
        return status;
    }
    if (!put_time(run, out)) {
        return GRAPNEL_TOO_LARGE;
    }
    run->ts = out->timestamp;
    return GRAPNEL_VERIFIED;
}

enum grapnel_status grapnel_sign(const struct grapnel_scheme *scheme,
                                 const struct grapnel_config *config,
                                 const struct grapnel_request *request,
                                 struct grapnel_signature *out)
{
    struct gn_run run;
    memset(out, 0, offsetof(struct grapnel_signature, _text));
    if (scheme->sig.count > 0 && scheme->sig.list[0].place == GN_ITEM) {
        return GRAPNEL_UNSUPPORTED;
    }
    gn_run_init(&run, scheme, config, request);
    run.signing = true;
    enum grapnel_status status = gn_load_keys(&run);
    if (status == GRAPNEL_VERIFIED) {
        status = set_time(&run, out);
    }
    if (status == GRAPNEL_VERIFIED) {
        status = sign_dispatch(&run, out);
    }
    if (status == GRAPNEL_VERIFIED) {
        status = add_headers(&run, out);
    }
    gn_run_fini(&run);
    return status;
}
