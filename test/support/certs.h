/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates made when a test needs them: a CA, and leaves that are good, expired, not yet valid,
 * for another name, or signed by nobody.
 */
#pragma once

#include "base/base.h"
#include "tls/tls.h"

struct cert {
    X509 *x509;
    EVP_PKEY *key;
};

/* `names`: a subjectAltName text ("DNS:hook.test,IP:127.0.0.1"). Valid from `from_s` to `to_s`, seconds
 * from now. `issuer` NULL: signed by itself, a CA. */
struct cert cert_new(const char *names, long from_s, long to_s, const struct cert *issuer);
void cert_free(struct cert *c);

/* Writes both as PEM to new files under /tmp, whose paths are filled in. */
enum { CERT_PATH = 32 };
void cert_write(const struct cert *c, char cert_path[static CERT_PATH],
                char key_path[static CERT_PATH]);

/* A server's context with that certificate; demands one of the client if `client_ca` is given. */
SSL_CTX *cert_server(const struct cert *c, const struct cert *client_ca);
/* A client's that trusts `ca`; with a certificate of its own if `own` is given. */
SSL_CTX *cert_client(const struct cert *ca, const struct cert *own);
