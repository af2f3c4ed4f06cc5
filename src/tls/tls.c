/* SPDX-License-Identifier: Apache-2.0
 *
 * One place that decides what TLS means here: 1.2 and later, HTTP/1.1 by ALPN, no renegotiation,
 * buffers given back between records so that an idle connection stays small.
 */
#include "tls/context_priv.h"

#include <dirent.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Where systems keep their bundle. One file, read once: looking certificates up in a folder costs
 * file accesses during handshakes. */
static const char *const BUNDLES[] = { "/etc/ssl/certs/ca-certificates.crt",
                                       "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem" };

void tls_errors(struct buf *out)
{
    unsigned long code = ERR_get_error(); /* the first is the cause, the others what came of it */
    const char *words = code == 0 ? NULL : ERR_reason_error_string(code);
    char text[256];

    if (code != 0 && ERR_SYSTEM_ERROR(code))
        words = strerror_r(ERR_GET_REASON(code), text, sizeof(text));
    if (code != 0 && words == NULL)
        ERR_error_string_n(code, text, sizeof(text));
    if (code != 0)
        buf_say(out, "%s", words == NULL ? text : words);
    ERR_clear_error();
}

static enum rc tls_refuse(struct buf *why, const char *what, const char *file)
{
    buf_say(why, "%s '%s': ", what, file);
    tls_errors(why);
    return RC_INVALID;
}

SSL_CTX *tls_context_new(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    MUST(ctx != NULL && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1);
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    ERR_clear_error();
    return ctx;
}

static enum rc use_certificate(SSL_CTX *ctx, const char *cert_file, const char *key_file,
                               struct buf *why)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1) {
        return tls_refuse(why, "cannot use the certificate chain", cert_file);
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1) {
        return tls_refuse(why, "cannot use the private key", key_file);
    }
    if (SSL_CTX_check_private_key(ctx) != 1) {
        return tls_refuse(why, "the private key does not belong to the certificate:", key_file);
    }
    return RC_OK;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char HTTP_1_1[] = "\x08http/1.1";
    (void)ssl;
    (void)arg;
    unsigned char *chosen = NULL;
    int found = SSL_select_next_proto(&chosen, out_len, HTTP_1_1, sizeof(HTTP_1_1) - 1, in, in_len);
    *out = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

enum rc tls_server_context(const struct tls_server_options *o, SSL_CTX **out, struct buf *why)
{
    static const unsigned char SESSION_ID[] = "grapnel";
    SSL_CTX *ctx = tls_context_new(TLS_server_method());
    enum rc rc = use_certificate(ctx, o->cert_file, o->key_file, why);
    if (rc != RC_OK) {
        SSL_CTX_free(ctx);
        return rc;
    }
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    MUST(SSL_CTX_set_session_id_context(ctx, SESSION_ID, sizeof(SESSION_ID) - 1) == 1);
    /* Sessions live in tickets that clients keep; a cache here would be memory outsiders size. */
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    *out = ctx;
    return RC_OK;
}

static enum rc use_system_bundle(SSL_CTX *ctx, struct buf *why)
{
    const char *from_env = getenv("SSL_CERT_FILE");
    if (from_env != NULL) {
        return SSL_CTX_load_verify_file(ctx, from_env) == 1
                   ? RC_OK
                   : tls_refuse(why, "cannot read the CA certificates of SSL_CERT_FILE", from_env);
    }
    for (size_t i = 0; i < COUNT_OF(BUNDLES); i++) {
        if (access(BUNDLES[i], R_OK) != 0)
            continue;
        return SSL_CTX_load_verify_file(ctx, BUNDLES[i]) == 1
                   ? RC_OK
                   : tls_refuse(why, "cannot read the system's CA certificates", BUNDLES[i]);
    }
    if (SSL_CTX_set_default_verify_paths(ctx) == 1)
        return RC_OK;
    return tls_refuse(why, "cannot find the system's CA certificates", "default paths");
}

/* Files of OpenSSL's own folder are read when they are needed: there is no list to look at. */
static bool has_entries(const char *path)
{
    DIR *folder = opendir(path);
    size_t count = 0;
    while (folder != NULL && count <= 2 && readdir(folder) != NULL)
        count++;
    if (folder != NULL)
        closedir(folder);
    return count > 2; /* beside "." and ".." */
}

bool tls_client_knows_authorities(const SSL_CTX *ctx)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    return sk_X509_OBJECT_num(X509_STORE_get0_objects(store)) > 0 ||
           has_entries(X509_get_default_cert_dir());
}

static int64_t wall_us(const ASN1_TIME *time)
{
    struct tm tm = { 0 };
    return time != NULL && ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) * 1000000 : 0;
}

static void tls_narrow(const X509 *cert, int64_t *from_us, int64_t *until_us)
{
    int64_t from = wall_us(X509_get0_notBefore(cert));
    int64_t until = wall_us(X509_get0_notAfter(cert));
    *from_us = from > *from_us ? from : *from_us;
    *until_us = until < *until_us ? until : *until_us;
}

bool tls_own_validity(SSL_CTX *ctx, int64_t *from_us, int64_t *until_us)
{
    const X509 *own = SSL_CTX_get0_certificate(ctx);
    STACK_OF(X509) *chain = NULL;
    *from_us = 0;
    *until_us = INT64_MAX;
    if (own == NULL)
        return false;
    tls_narrow(own, from_us, until_us);
    if (SSL_CTX_get0_chain_certs(ctx, &chain) != 1)
        return true;
    for (int i = 0; i < sk_X509_num(chain); i++)
        tls_narrow(sk_X509_value(chain, i), from_us, until_us);
    return true;
}

int64_t tls_authorities_until_us(const SSL_CTX *ctx)
{
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx));
    int64_t last_us = 0;
    for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
        const X509 *cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));
        int64_t until_us = cert == NULL ? 0 : wall_us(X509_get0_notAfter(cert));
        last_us = until_us > last_us ? until_us : last_us;
    }
    return last_us;
}

bool tls_client_authorities_valid(const SSL_CTX *ctx, int64_t now_us)
{
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx));
    for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
        const X509 *cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));
        int64_t from_us = 0, until_us = INT64_MAX;
        if (cert == NULL)
            continue; /* a revocation list */
        tls_narrow(cert, &from_us, &until_us);
        if (from_us <= now_us && now_us < until_us)
            return true;
    }
    return sk_X509_OBJECT_num(all) == 0;
}

enum rc tls_client_context(const struct tls_client_options *o, SSL_CTX **out, struct buf *why)
{
    SSL_CTX *ctx = tls_context_new(TLS_client_method());
    enum rc rc = RC_OK;
    if (o->ca_file != NULL) {
        if (SSL_CTX_load_verify_file(ctx, o->ca_file) != 1) {
            rc = tls_refuse(why, "cannot read the CA certificates", o->ca_file);
        }
    } else if (o->verify) {
        rc = use_system_bundle(ctx, why);
    }
    if (rc == RC_OK && o->cert_file != NULL)
        rc = use_certificate(ctx, o->cert_file, o->key_file, why);
    if (rc != RC_OK) {
        SSL_CTX_free(ctx);
        return rc;
    }
    SSL_CTX_set_verify(ctx, o->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    *out = ctx;
    return RC_OK;
}
