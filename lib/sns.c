/* SPDX-License-Identifier: Apache-2.0
 *
 * AWS SNS: the message names the certificate that signed it. Its address is pinned to Amazon's hosts
 * before anybody fetches it. Which fields are signed depends on the kind of message.
 */
#include "engine.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

enum { PEM_MAX = 16384, FIELDS_MAX = 8, US_PER_S = 1000000 };

static enum grapnel_status sns_field(struct gn_run *run, struct grapnel_bytes pointer,
                                     struct grapnel_bytes *out)
{
    struct gn_location where = { GN_JSON, pointer, 0 };
    return gn_locate(run, &where, out);
}

/* --- the message ------------------------------------------------------------------------------------------- */

static const char *const notification[] = { "/Message",   "/MessageId", "/Subject", "/SubscribeURL",
                                            "/Timestamp", "/TopicArn",  "/Type" };
static const char *const confirmation[] = { "/Message",      "/MessageId", "/Subject",
                                            "/SubscribeURL", "/Timestamp", "/Token",
                                            "/TopicArn",     "/Type" };

/* "Key\nValue\n" for each field that is there. */
static enum grapnel_status sns_build(struct gn_run *run, const char *const *names, size_t count,
                                     struct grapnel_bytes *out)
{
    struct grapnel_bytes pieces[4 * FIELDS_MAX];
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        struct grapnel_bytes name = gn_cstr(names[i]);
        struct grapnel_bytes value;
        enum grapnel_status status = sns_field(run, name, &value);
        if (status == GRAPNEL_MISSING_HEADER) {
            continue;
        }
        if (status != GRAPNEL_VERIFIED) {
            return status;
        }
        pieces[len++] = gn_skip(name, 1);
        pieces[len++] = GN_TEXT("\n");
        pieces[len++] = value;
        pieces[len++] = GN_TEXT("\n");
    }
    *out = gn_join(&run->arena, pieces, len);
    return out->ptr == NULL ? GRAPNEL_TOO_LARGE : GRAPNEL_VERIFIED;
}

static enum grapnel_status sns_message(struct gn_run *run, struct grapnel_bytes *out)
{
    struct grapnel_bytes type;
    enum grapnel_status status = sns_field(run, GN_TEXT("/Type"), &type);
    if (status != GRAPNEL_VERIFIED) {
        return status;
    }
    if (gn_eq(type, GN_TEXT("Notification"))) {
        return sns_build(run, notification, GN_COUNT(notification), out);
    }
    if (gn_eq(type, GN_TEXT("SubscriptionConfirmation")) ||
        gn_eq(type, GN_TEXT("UnsubscribeConfirmation"))) {
        return sns_build(run, confirmation, GN_COUNT(confirmation), out);
    }
    return GRAPNEL_UNSUPPORTED;
}

/* --- the certificate ----------------------------------------------------------------------------------------- */

static bool is_region(struct grapnel_bytes s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool good =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
        if (!good) {
            return false;
        }
    }
    return s.len >= 3;
}

/* https://sns.<region>.amazonaws.com[.cn]/....pem, and nothing that could move the host. */
static bool is_amazons(struct grapnel_bytes url)
{
    static const struct grapnel_bytes start = GRAPNEL_TEXT("https://sns.");
    static const struct grapnel_bytes end = GRAPNEL_TEXT(".pem");
    if (!gn_starts(url, start) || url.len < start.len + end.len ||
        !gn_eq(gn_skip(url, url.len - end.len), end)) {
        return false;
    }
    struct grapnel_bytes rest = gn_skip(url, start.len);
    size_t dot = gn_find(rest, '.');
    size_t slash = gn_find(rest, '/');
    if (dot >= slash || !is_region(gn_bytes(rest.ptr, dot))) {
        return false;
    }
    struct grapnel_bytes domain = gn_bytes(rest.ptr + dot, slash - dot);
    struct grapnel_bytes path = gn_skip(rest, slash);
    bool plain = gn_find(path, '?') == path.len && gn_find(path, '#') == path.len &&
                 gn_find(path, '\\') == path.len;
    return plain && (gn_eq(domain, GN_TEXT(".amazonaws.com")) ||
                     gn_eq(domain, GN_TEXT(".amazonaws.com.cn")));
}

static bool is_current(const X509 *certificate, int64_t now_us)
{
    time_t now = (time_t)(now_us / US_PER_S);
    return X509_cmp_time(X509_get0_notBefore(certificate), &now) < 0 &&
           X509_cmp_time(X509_get0_notAfter(certificate), &now) > 0;
}

static EVP_PKEY *sns_key_of(struct grapnel_bytes pem, int64_t now_us)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509 *certificate = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    EVP_PKEY *key = NULL;
    if (certificate != NULL && is_current(certificate, now_us)) {
        key = X509_get_pubkey(certificate);
    }
    if (key != NULL && EVP_PKEY_get_id(key) != EVP_PKEY_RSA) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    X509_free(certificate);
    BIO_free(bio);
    return key;
}

static enum grapnel_status fetch_key(struct gn_run *run, EVP_PKEY **out)
{
    const struct grapnel_config *config = run->config;
    struct grapnel_bytes url;
    size_t len = 0;
    enum grapnel_status status = sns_field(run, GN_TEXT("/SigningCertURL"), &url);
    if (status != GRAPNEL_VERIFIED) {
        return status;
    }
    if (!is_amazons(url)) {
        gn_say(&run->explain, "the certificate's address is not Amazon's\n");
        return GRAPNEL_NO_MATCHING_KEY;
    }
    char *pem = gn_alloc(&run->arena, PEM_MAX);
    if (pem == NULL) {
        return GRAPNEL_TOO_LARGE;
    }
    if (config->certificate == NULL ||
        !config->certificate(config->certificate_ctx, url, pem, PEM_MAX, &len) || len > PEM_MAX) {
        return GRAPNEL_KEY_FETCH_FAILED;
    }
    *out = sns_key_of(gn_bytes(pem, len), config->now_us);
    return *out == NULL ? GRAPNEL_KEY_FETCH_FAILED : GRAPNEL_VERIFIED;
}

/* --- the signature --------------------------------------------------------------------------------------------- */

static enum grapnel_status signature_hash(struct gn_run *run, enum gn_hash *hash)
{
    struct grapnel_bytes version;
    enum grapnel_status status = sns_field(run, GN_TEXT("/SignatureVersion"), &version);
    if (status != GRAPNEL_VERIFIED) {
        return status;
    }
    *hash = gn_eq(version, GN_TEXT("1")) ? GN_SHA1 : GN_SHA256;
    return *hash == GN_SHA1 || gn_eq(version, GN_TEXT("2")) ? GRAPNEL_VERIFIED
                                                            : GRAPNEL_UNSUPPORTED;
}

static enum grapnel_status signature_bytes(struct gn_run *run, unsigned char *out, size_t *len)
{
    struct grapnel_bytes text;
    enum grapnel_status status = sns_field(run, GN_TEXT("/Signature"), &text);
    if (status != GRAPNEL_VERIFIED) {
        return status;
    }
    return gn_base64_decode(text, GN_BASE64, true, out, GN_SIGNATURE_BYTES_MAX, len)
               ? GRAPNEL_VERIFIED
               : GRAPNEL_MALFORMED_SIGNATURE;
}

/* Anybody can have Amazon sign messages of a topic of their own. */
static enum grapnel_status check_topic(struct gn_run *run)
{
    struct grapnel_bytes topic;
    if (run->config->companion.len == 0) {
        return GRAPNEL_VERIFIED;
    }
    enum grapnel_status status = sns_field(run, GN_TEXT("/TopicArn"), &topic);
    if (status == GRAPNEL_VERIFIED && !gn_eq(topic, run->config->companion)) {
        gn_say(&run->explain, "signed, but for another topic\n");
        status = GRAPNEL_CLAIM_MISMATCH;
    }
    return status;
}

enum grapnel_status gn_check_sns(struct gn_run *run)
{
    unsigned char signature[GN_SIGNATURE_BYTES_MAX];
    struct grapnel_bytes text;
    enum gn_hash hash = GN_SHA256;
    size_t len = 0;
    EVP_PKEY *key = NULL;
    enum grapnel_status status = signature_hash(run, &hash);
    if (status == GRAPNEL_VERIFIED) {
        status = signature_bytes(run, signature, &len);
    }
    if (status == GRAPNEL_VERIFIED) {
        status = sns_message(run, &text);
    }
    if (status == GRAPNEL_VERIFIED) {
        gn_keep_signed(run, &text, 1);
        status = fetch_key(run, &key);
    }
    if (status == GRAPNEL_VERIFIED && !gn_pkey_verify(key, hash, text, signature, len)) {
        status = GRAPNEL_NO_MATCHING_KEY;
    }
    EVP_PKEY_free(key);
    return status == GRAPNEL_VERIFIED ? check_topic(run) : status;
}
