/* SPDX-License-Identifier: Apache-2.0
 *
 * From a URL to a logged-in connection. The name is looked up here and each address is put before the
 * policy; the library then gets the address, not the name, so that it cannot come out differently a
 * second time. For TLS the name is therefore given to OpenSSL directly, to ask for and to check.
 */
#include "broker/broker_priv.h"

#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

static const int64_t second_us = 1000000;

static struct timeval span_of(int64_t us)
{
    return (struct timeval){ .tv_sec = us / second_us, .tv_usec = us % second_us };
}

/* --- TLS ------------------------------------------------------------------------------------------- */

/* The server's name has to be in the first message, and the library would put the address there. */
static void name_server(const SSL *ssl, int where, int value)
{
    (void)value;
    if ((where & SSL_CB_HANDSHAKE_START) == 0)
        return;
    SSL *handshake = NULL;
    memcpy(&handshake, &ssl, sizeof(ssl)); /* OpenSSL's callback is const for other uses */
    char *name = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    (void)SSL_set_tlsext_host_name(handshake, name);
}

static bool is_literal(const char *host)
{
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST };
    struct addrinfo *list = NULL;
    bool is = getaddrinfo(host, NULL, &hints, &list) == 0;
    if (list != NULL)
        freeaddrinfo(list);
    return is;
}

static amqp_socket_t *tls_socket(struct broker_link *link)
{
    const struct broker_options *o = &link->pool->o;
    char *host = link->host;
    amqp_socket_t *socket = amqp_ssl_socket_new(link->conn);
    if (socket == NULL)
        return NULL;
    SSL_CTX *ctx = amqp_ssl_socket_get_context(socket);
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
    bool ok =
        amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST) == AMQP_STATUS_OK;
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 0); /* it would check the address */
    if (is_literal(host)) {
        ok = ok && X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    } else {
        ok = ok && X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
        SSL_CTX_set_app_data(ctx, host);
        SSL_CTX_set_info_callback(ctx, name_server);
    }
    if (o->ca_file != NULL)
        ok = ok && amqp_ssl_socket_set_cacert(socket, o->ca_file) == AMQP_STATUS_OK;
    else
        ok = ok && SSL_CTX_set_default_verify_paths(ctx) == 1;
    if (o->cert_file != NULL)
        ok = ok && amqp_ssl_socket_set_key(socket, o->cert_file, o->key_file) == AMQP_STATUS_OK;
    return ok ? socket : NULL;
}

/* --- the socket -------------------------------------------------------------------------------------- */

static enum broker_verdict verdict_of(int status)
{
    if (status == AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED ||
        status == AMQP_STATUS_SSL_PEER_VERIFY_FAILED ||
        status == AMQP_STATUS_SSL_CONNECTION_FAILED || status == AMQP_STATUS_SSL_ERROR)
        return BROKER_TLS;
    return BROKER_CONNECT;
}

static bool open_address(struct broker_link *link, const struct addrinfo *at,
                         struct broker_result *why)
{
    char text[NI_MAXHOST];
    struct timeval patience = span_of(link->pool->o.connect_us);
    if (getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) !=
        0) {
        broker_result_say(why, BROKER_CONNECT, 0, "an address that cannot be written down");
        return false;
    }
    link->conn = amqp_new_connection();
    MUST(link->conn != NULL);
    amqp_socket_t *socket = link->url.tls ? tls_socket(link) : amqp_tcp_socket_new(link->conn);
    if (socket == NULL) {
        broker_result_say(why, BROKER_TLS, 0,
                          "TLS cannot be set up: are fetch.ca_file, fetch.cert "
                          "and fetch.key readable PEM files?");
    } else {
        int status = amqp_socket_open_noblock(socket, text, link->url.port, &patience);
        if (status == AMQP_STATUS_OK)
            return true;
        broker_result_say(why, verdict_of(status), 0, "%s port %u: %s", text,
                          (unsigned)link->url.port, amqp_error_string2(status));
    }
    (void)amqp_destroy_connection(link->conn);
    link->conn = NULL;
    return false;
}

static bool open_socket(struct broker_link *link, struct broker_result *why)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL;
    int error = getaddrinfo(link->host, NULL, &hints, &list);
    if (error != 0) {
        broker_result_say(why, BROKER_DNS, 0, "%s: %s", link->host, gai_strerror(error));
        return false;
    }
    for (const struct addrinfo *at = list; at != NULL && link->conn == NULL; at = at->ai_next) {
        const char *reason = NULL;
        if (fetch_policy_allows(link->pool->o.policy, at->ai_addr, &reason))
            (void)open_address(link, at, why);
        else
            broker_result_say(why, BROKER_ADDRESS, 0,
                              "%s: its address may not be connected to (%s)", link->host, reason);
    }
    freeaddrinfo(list);
    return link->conn != NULL;
}

/* --- the login --------------------------------------------------------------------------------------- */

void broker_result_of_reply(amqp_rpc_reply_t reply, struct broker_result *out)
{
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
        reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *m = reply.reply.decoded;
        broker_result_say(out, BROKER_REFUSED, m->reply_code, "%.*s", (int)m->reply_text.len,
                          (const char *)m->reply_text.bytes);
    } else if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
               reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *m = reply.reply.decoded;
        broker_result_say(out, BROKER_REFUSED, m->reply_code, "%.*s", (int)m->reply_text.len,
                          (const char *)m->reply_text.bytes);
    } else {
        broker_result_say(out, BROKER_CLOSED, 0, "the connection to the broker was lost: %s",
                          amqp_error_string2(reply.library_error));
    }
}

static bool log_in(struct broker_link *link, struct broker_result *why)
{
    struct timeval patience = span_of(link->pool->o.connect_us);
    (void)amqp_set_handshake_timeout(link->conn, &patience);
    (void)amqp_set_rpc_timeout(link->conn, &patience);
    amqp_table_entry_t able[] = {
        { .key = amqp_cstring_bytes("connection.blocked"),
          .value = { .kind = AMQP_FIELD_KIND_BOOLEAN, .value = { .boolean = 1 } } },
        { .key = amqp_cstring_bytes("basic.nack"),
          .value = { .kind = AMQP_FIELD_KIND_BOOLEAN, .value = { .boolean = 1 } } },
        { .key = amqp_cstring_bytes("publisher_confirms"),
          .value = { .kind = AMQP_FIELD_KIND_BOOLEAN, .value = { .boolean = 1 } } },
        { .key = amqp_cstring_bytes("authentication_failure_close"),
          .value = { .kind = AMQP_FIELD_KIND_BOOLEAN, .value = { .boolean = 1 } } },
    };
    amqp_table_entry_t entries[] = {
        { .key = amqp_cstring_bytes("product"),
          .value = { .kind = AMQP_FIELD_KIND_UTF8,
                     .value = { .bytes = amqp_cstring_bytes("Grapnel") } } },
        { .key = amqp_cstring_bytes("version"),
          .value = { .kind = AMQP_FIELD_KIND_UTF8,
                     .value = { .bytes = amqp_cstring_bytes(link->pool->o.product_version) } } },
        { .key = amqp_cstring_bytes("capabilities"),
          .value = { .kind = AMQP_FIELD_KIND_TABLE,
                     .value = { .table = { .num_entries = COUNT_OF(able), .entries = able } } } },
    };
    amqp_table_t properties = { .num_entries = COUNT_OF(entries), .entries = entries };
    amqp_rpc_reply_t reply = amqp_login_with_properties(
        link->conn, link->url.vhost.ptr, BROKER_CHANNELS_MAX, BROKER_FRAME_MAX, BROKER_HEARTBEAT_S,
        &properties, AMQP_SASL_METHOD_PLAIN, link->url.user.ptr, link->url.password.ptr);
    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return true;
    broker_result_of_reply(reply, why);
    return false;
}

bool broker_connect(struct broker_link *link, struct broker_result *why)
{
    if (!open_socket(link, why))
        return false;
    if (log_in(link, why))
        return true;
    (void)amqp_destroy_connection(link->conn);
    link->conn = NULL;
    return false;
}
