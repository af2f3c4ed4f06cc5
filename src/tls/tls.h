/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS contexts, made once and shared by all loops (OpenSSL counts references itself). Connections
 * are made by http (server side) and fetch (client side) from these.
 */
#pragma once

#include <openssl/ssl.h>

#include "base/base.h"

struct tls_server_options {
    const char *cert_file; /* PEM chain */
    const char *key_file;
};

struct tls_client_options {
    const char *ca_file;   /* PEM bundle; NULL: the system's. Parsed once, here. */
    const char *cert_file; /* client certificate, or NULL */
    const char *key_file;
    bool verify; /* false only for tests and where the operator insists */
};

/* TLS 1.2 and later, sessions resumed. RC_INVALID: `why` says which file is wrong. The caller owns
 * *out (SSL_CTX_free). */
MUST_USE enum rc tls_server_context(const struct tls_server_options *o, SSL_CTX **out,
                                    struct buf *why);
/* The system's authorities may be none at all: tls_client_knows_authorities(). */
MUST_USE enum rc tls_client_context(const struct tls_client_options *o, SSL_CTX **out,
                                    struct buf *why);
/* Whether there is any authority a receiver's certificate could be checked against. */
bool tls_client_knows_authorities(const SSL_CTX *ctx);

/* Contexts for the two ends of connections between programs that share a key: TLS 1.3 with that key and no certificates (RFC
 * 8446, section 2.2; RFC 9257). A handshake succeeds only with somebody who has the key. The key must be random, such as a hash
 * of a secret; the caller wipes its copy, and owns both contexts (SSL_CTX_free). */
enum { TLS_KEY_BYTES = 32 };
void tls_shared_key(const uint8_t key[static TLS_KEY_BYTES], SSL_CTX **server, SSL_CTX **client);

/* When the context's own certificate, or one of its chain, stops (*until_us) and the last of them starts (*from_us)
 * to be valid, in wall-clock time. False: it has none. */
bool tls_own_validity(SSL_CTX *ctx, int64_t *from_us, int64_t *until_us);
/* When the last of the authorities that were read stops to be valid, in wall-clock time; 0: none was read. */
int64_t tls_authorities_until_us(const SSL_CTX *ctx);
/* Whether one of the authorities that were read is valid at that time; true where there is no list to look at. */
bool tls_client_authorities_valid(const SSL_CTX *ctx, int64_t now_us);

/* Appends OpenSSL's first queued error in words and clears the queue. */
void tls_errors(struct buf *out);
