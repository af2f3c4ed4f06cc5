/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS between programs that share a key. The key is an "external PSK": both ends make a session of it, and a handshake
 * is a resumption of that session with fresh Diffie-Hellman keys. Without it there is nothing that an end could accept:
 * the server has no certificate, and the client trusts no authority.
 */
#include "tls/tls.h"

#include "tls/context_priv.h"

#include <openssl/err.h>
#include <stdatomic.h>

static const unsigned char identity[] = "grapnel";
static const unsigned char suite[] = { 0x13,
                                       0x01 }; /* TLS_AES_128_GCM_SHA256: the hash is the key's */

static void key_free(void *parent, void *key, CRYPTO_EX_DATA *data, int index, long argl,
                     void *argp)
{
    (void)parent, (void)data, (void)index, (void)argl, (void)argp;
    if (key != NULL)
        mem_wipe(key, TLS_KEY_BYTES);
    xfree(key);
}

/* Where a context keeps its key. */
static int key_index(void)
{
    static _Atomic int index = -1;
    int is = atomic_load(&index);
    if (is >= 0)
        return is;
    int made = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, key_free);
    MUST(made >= 0);
    return atomic_compare_exchange_strong(&index, &is, made) ? made : is;
}

/* NULL: out of memory, which ends the handshake. */
static SSL_SESSION *session_of_key(SSL *ssl)
{
    const unsigned char *key = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), key_index());
    const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite);
    SSL_SESSION *session = SSL_SESSION_new();
    if (session != NULL && cipher != NULL &&
        SSL_SESSION_set1_master_key(session, key, TLS_KEY_BYTES) == 1 &&
        SSL_SESSION_set_cipher(session, cipher) == 1 &&
        SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1)
        return session;
    SSL_SESSION_free(session);
    return NULL;
}

static int offer_key(SSL *ssl, const EVP_MD *wanted, const unsigned char **id, size_t *id_len,
                     SSL_SESSION **session)
{
    *session = NULL;
    if (wanted != NULL && !EVP_MD_is_a(wanted, "SHA256"))
        return 1; /* not with this key: the handshake fails for want of another way */
    *session = session_of_key(ssl);
    *id = identity;
    *id_len = sizeof identity - 1;
    return *session != NULL;
}

static int find_key(SSL *ssl, const unsigned char *id, size_t id_len, SSL_SESSION **session)
{
    bool is_ours = str_eq(str_of((const char *)id, id_len),
                          str_of((const char *)identity, sizeof identity - 1));
    *session = is_ours ? session_of_key(ssl) : NULL;
    return !is_ours || *session != NULL;
}

static SSL_CTX *with_key(const SSL_METHOD *method, const uint8_t *key)
{
    SSL_CTX *ctx = tls_context_new(method);
    MUST(SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") == 1 &&
         SSL_CTX_set_ex_data(ctx, key_index(), xmemdup(key, TLS_KEY_BYTES)) == 1);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return ctx;
}

void tls_shared_key(const uint8_t key[static TLS_KEY_BYTES], SSL_CTX **server, SSL_CTX **client)
{
    *server = with_key(TLS_server_method(), key);
    MUST(SSL_CTX_set_num_tickets(*server, 0) == 1);
    SSL_CTX_set_psk_find_session_callback(*server, find_key);
    *client = with_key(TLS_client_method(), key);
    SSL_CTX_set_psk_use_session_callback(*client, offer_key);
    SSL_CTX_set_verify(*client, SSL_VERIFY_PEER, NULL); /* a certificate is worth nothing here */
    ERR_clear_error();
}
