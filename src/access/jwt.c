/* SPDX-License-Identifier: Apache-2.0
 *
 * JWTs in the compact form, HMAC only: the algorithm comes from the token, so everything but the
 * three we mean is refused before any key is used.
 */
#include "access/jwt.h"

#include "json/json.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { JWT_PART_MAX = 12288 }; /* of a token of 16 KiB */

struct parts {
    struct str signed_text; /* header.payload */
    struct str header, payload, signature;
};

static enum rc jwt_denied(struct buf *why, const char *words)
{
    buf_say(why, "%s", words);
    return RC_DENIED;
}

static bool jwt_split(struct str token, struct parts *out)
{
    struct str rest = token;
    struct str more;
    if (!str_split(&rest, '.', &out->header) || !str_split(&rest, '.', &out->payload) ||
        !str_split(&rest, '.', &out->signature) || str_split(&rest, '.', &more))
        return false;
    out->signed_text = str_sub(token, 0, out->header.len + 1 + out->payload.len);
    return out->signature.len > 0;
}

static enum rc decode_object(struct str text, json_t **out)
{
    uint8_t bytes[JWT_PART_MAX];
    size_t len = 0;
    if (base64_decode(text, bytes, sizeof(bytes), &len) != RC_OK)
        return RC_INVALID;
    json_t *value = NULL;
    if (json_parse(str_of((const char *)bytes, len), &value, NULL) != RC_OK)
        return RC_INVALID;
    if (!json_is_object(value)) {
        json_decref(value);
        return RC_INVALID;
    }
    *out = value;
    return RC_OK;
}

/* `crit` names extensions that whoever checks must know (RFC 7515, 4.1.11); we know none. */
static const EVP_MD *jwt_algorithm(struct str header)
{
    json_t *object = NULL;
    if (decode_object(header, &object) != RC_OK)
        return NULL;
    if (json_object_get(object, "crit") != NULL) {
        json_decref(object);
        return NULL;
    }
    struct str name = str_from(json_string_value(json_object_get(object, "alg")));
    const EVP_MD *md = NULL;
    if (str_eq(name, STR("HS256")))
        md = EVP_sha256();
    else if (str_eq(name, STR("HS384")))
        md = EVP_sha384();
    else if (str_eq(name, STR("HS512")))
        md = EVP_sha512();
    json_decref(object);
    return md;
}

/* Is that the one spelling of these bytes that JWTs have (base64url, no padding, no bits left over)? The signature is
 * the only part it does not cover itself, and a token that was ended is known by its text. */
static bool is_canonical(struct str text, const uint8_t *bytes, size_t len)
{
    char plain[BASE64_LEN(EVP_MAX_MD_SIZE) + 1];
    base64_encode(bytes, len, plain);
    size_t count = (len * 4 + 2) / 3; /* without padding */
    if (text.len != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        char c = plain[i] == '+' ? '-' : plain[i] == '/' ? '_' : plain[i];
        if (text.ptr[i] != c)
            return false;
    }
    return true;
}

static bool signature_holds(const EVP_MD *md, struct str secret, const struct parts *p)
{
    uint8_t want[EVP_MAX_MD_SIZE];
    uint8_t have[EVP_MAX_MD_SIZE];
    unsigned want_len = 0;
    size_t have_len = 0;
    if (base64_decode(p->signature, have, sizeof(have), &have_len) != RC_OK ||
        !is_canonical(p->signature, have, have_len))
        return false;
    MUST(HMAC(md, secret.ptr, (int)secret.len, (const unsigned char *)p->signed_text.ptr,
              p->signed_text.len, want, &want_len) != NULL);
    return str_eq_constant_time(str_of((const char *)want, want_len),
                                str_of((const char *)have, have_len));
}

/* A NumericDate; 0 when absent. RC_INVALID: something else than a number that makes sense. */
static enum rc date_claim(const json_t *claims, const char *name, int64_t *out)
{
    const json_t *v = json_object_get(claims, name);
    *out = 0;
    if (v == NULL)
        return RC_OK;
    if (!json_is_number(v))
        return RC_INVALID;
    double seconds = json_number_value(v);
    if (!(seconds >= 0 && seconds < 1e12))
        return RC_INVALID;
    *out = (int64_t)seconds;
    return RC_OK;
}

static struct str text_claim(const json_t *claims, const char *name, struct arena *a)
{
    const json_t *v = json_object_get(claims, name);
    if (!json_is_string(v))
        return STR_NONE;
    return arena_str(a, json_str_of(v));
}

static enum rc read_claims(const json_t *claims, int64_t now_s, struct arena *a,
                           struct access_jwt *out, struct buf *why)
{
    int64_t not_before = 0;
    if (date_claim(claims, "exp", &out->expires_s) != RC_OK ||
        date_claim(claims, "nbf", &not_before) != RC_OK ||
        date_claim(claims, "iat", &out->issued_s) != RC_OK)
        return jwt_denied(why, "Invalid token (a time claim is not a number).");
    if (json_object_get(claims, "exp") != NULL && now_s >= out->expires_s + ACCESS_JWT_LEEWAY_S)
        return jwt_denied(why, "Invalid token (expired).");
    if (now_s + ACCESS_JWT_LEEWAY_S < not_before)
        return jwt_denied(why, "Invalid token (not valid yet).");
    out->subject = text_claim(claims, "sub", a);
    out->org = text_claim(claims, "org", a);
    if (out->subject.len == 0)
        return jwt_denied(why, "Invalid token (missing `sub`).");
    const json_t *flags = json_object_get(claims, "feature_flags");
    if (json_is_array(flags))
        out->feature_flags = json_text(a, flags);
    return RC_OK;
}

enum rc access_jwt_check(struct str secret, struct str token, int64_t now_wall_us, struct arena *a,
                         struct access_jwt *out, struct buf *why)
{
    *out = (struct access_jwt){ 0 };
    struct parts p = { 0 };
    if (!jwt_split(token, &p))
        return jwt_denied(why, "Invalid token");
    const EVP_MD *md = jwt_algorithm(p.header);
    if (md == NULL || !signature_holds(md, secret, &p))
        return jwt_denied(why, "Invalid token");
    json_t *claims = NULL;
    if (decode_object(p.payload, &claims) != RC_OK)
        return jwt_denied(why, "Invalid token");
    enum rc rc = read_claims(claims, now_wall_us / 1000000, a, out, why);
    json_decref(claims);
    return rc;
}

enum rc access_jwt_claims(struct str token, json_t **out)
{
    struct parts p = { 0 };
    return jwt_split(token, &p) ? decode_object(p.payload, out) : RC_INVALID;
}
