/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates made when a test needs them.
 */
#include "certs.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    MUST(ext != NULL && X509_add_ext(x509, ext, -1) == 1);
    X509_EXTENSION_free(ext);
}

struct cert cert_new(const char *names, long from_s, long to_s, const struct cert *issuer)
{
    static long serial = 1;
    struct cert c = { X509_new(), EVP_EC_gen("P-256") };
    X509_NAME *subject = X509_get_subject_name(c.x509);
    X509 *signer = issuer != NULL ? issuer->x509 : c.x509;
    const char *common = issuer != NULL ? "leaf" : "test CA";

    MUST(X509_set_version(c.x509, 2) == 1);
    ASN1_INTEGER_set(X509_get_serialNumber(c.x509), serial++);
    X509_gmtime_adj(X509_getm_notBefore(c.x509), from_s);
    X509_gmtime_adj(X509_getm_notAfter(c.x509), to_s);
    MUST(X509_set_pubkey(c.x509, c.key) == 1);
    MUST(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)common, -1,
                                    -1, 0) == 1);
    MUST(X509_set_issuer_name(c.x509, X509_get_subject_name(signer)) == 1);
    if (issuer == NULL)
        add_extension(c.x509, signer, NID_basic_constraints, "critical,CA:TRUE");
    if (names != NULL)
        add_extension(c.x509, signer, NID_subject_alt_name, names);
    MUST(X509_sign(c.x509, issuer != NULL ? issuer->key : c.key, EVP_sha256()) > 0);
    return c;
}

void cert_free(struct cert *c)
{
    X509_free(c->x509);
    EVP_PKEY_free(c->key);
}

void cert_write(const struct cert *c, char cert_path[static CERT_PATH],
                char key_path[static CERT_PATH])
{
    strcpy(cert_path, "/tmp/grapnel-cert-XXXXXX");
    strcpy(key_path, "/tmp/grapnel-key-XXXXXX");
    int fd = mkstemp(cert_path);
    FILE *f = fdopen(fd, "w");
    MUST(f != NULL && PEM_write_X509(f, c->x509) == 1 && fclose(f) == 0);
    fd = mkstemp(key_path);
    f = fdopen(fd, "w");
    MUST(f != NULL && PEM_write_PrivateKey(f, c->key, NULL, NULL, 0, NULL, NULL) == 1 &&
         fclose(f) == 0);
}

/* Both contexts are made by the program's own functions, which read files. */
SSL_CTX *cert_server(const struct cert *c, const struct cert *client_ca)
{
    char cert_path[CERT_PATH];
    char key_path[CERT_PATH];
    struct tls_server_options o = { cert_path, key_path };
    SSL_CTX *ctx = NULL;

    cert_write(c, cert_path, key_path);
    MUST(tls_server_context(&o, &ctx, NULL) == RC_OK);
    (void)unlink(cert_path);
    (void)unlink(key_path);
    if (client_ca != NULL) {
        MUST(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), client_ca->x509) == 1);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return ctx;
}

SSL_CTX *cert_client(const struct cert *ca, const struct cert *own)
{
    char ca_path[CERT_PATH];
    char ca_key_path[CERT_PATH];
    char cert_path[CERT_PATH];
    char key_path[CERT_PATH];
    struct tls_client_options o = { .ca_file = ca_path, .verify = true };
    SSL_CTX *ctx = NULL;

    cert_write(ca, ca_path, ca_key_path);
    if (own != NULL) {
        cert_write(own, cert_path, key_path);
        o.cert_file = cert_path;
        o.key_file = key_path;
    }
    MUST(tls_client_context(&o, &ctx, NULL) == RC_OK);
    (void)unlink(ca_path);
    (void)unlink(ca_key_path);
    if (own != NULL) {
        (void)unlink(cert_path);
        (void)unlink(key_path);
    }
    return ctx;
}
