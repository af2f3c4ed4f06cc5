/* SPDX-License-Identifier: Apache-2.0
 *
 * From a URL to a logged-in connection. The name is looked up here and each address is put before the
 * policy; the library then gets the address, not the name, so that it cannot come out differently a
 * second time. For TLS the name is therefore given to OpenSSL directly, to ask for and to check.
 */
#include "broker/connect_priv.h"

#include "base/files.h"
#include "broker/job_priv.h"
#include "broker/links_priv.h"

#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

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

static int64_t now_us(void)
{
    return clock_mono_us(clock_system());
}

/* A second descriptor of the connection, ours to watch, to shut down and to close. */
static bool keep_descriptor(struct broker_link *link, struct broker_result *why)
{
    static const unsigned untaken_ms = 2 * BROKER_HEARTBEAT_S * 1000;
    int fd = fcntl(amqp_get_sockfd(link->conn), F_DUPFD_CLOEXEC, 0);
    if (fd < 0 || files_is_kept(fd)) {
        if (fd >= 0)
            (void)close(fd);
        broker_result_say(why, BROKER_BUSY, 0, "the server has too many files open (LimitNOFILE)");
        return false;
    }
    /* Of a broker that answers heartbeats and takes nothing else the library would never give up. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &untaken_ms, sizeof(untaken_ms));
    atomic_store(&link->heard_us, now_us());
    broker_links_set_fd(link, fd);
    return true;
}

void broker_disconnect(struct broker_link *link)
{
    int fd = link->fd;
    broker_links_set_fd(link, -1);
    if (fd >= 0)
        (void)close(fd);
    (void)amqp_destroy_connection(link->conn);
    link->conn = NULL;
}

static bool open_address(struct broker_link *link, const struct sockaddr *at, int64_t until_us,
                         struct broker_result *why)
{
    char text[NI_MAXHOST];
    int64_t left_us = until_us - now_us();
    struct timeval patience = span_of(left_us > 0 ? left_us : 0);
    socklen_t len =
        at->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    if (getnameinfo(at, len, text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0) {
        broker_result_say(why, BROKER_CONNECT, 0, "an address that cannot be written down");
        return false;
    }
    link->conn = amqp_new_connection();
    if (link->conn == NULL) {
        broker_result_say(why, BROKER_BUSY, 0, "the server is short of memory");
        return false;
    }
    amqp_socket_t *socket = link->url.tls ? tls_socket(link) : amqp_tcp_socket_new(link->conn);
    if (socket == NULL) {
        broker_result_say(why, BROKER_TLS, 0,
                          "TLS cannot be set up: are fetch.ca_file, fetch.cert "
                          "and fetch.key readable PEM files?");
    } else {
        int status = amqp_socket_open_noblock(socket, text, link->url.port, &patience);
        if (status != AMQP_STATUS_OK)
            broker_result_say(why, verdict_of(status), 0, "%s port %u: %s", text,
                              (unsigned)link->url.port, amqp_error_string2(status));
        else if (keep_descriptor(link, why))
            return true;
    }
    broker_disconnect(link);
    return false;
}

static bool open_socket(struct broker_link *link, struct broker_result *why)
{
    struct sockaddr_storage found[FETCH_LOOK_UP_MAX];
    struct buf words;
    *why = (struct broker_result){ 0 };
    buf_init(&words, BROKER_DETAIL_MAX);
    size_t count = fetch_look_up(str_from(link->host), link->url.port, link->pool->o.connect_us,
                                 found, &words);
    if (count == 0)
        broker_result_say(why, BROKER_DNS, 0, "%s: %.*s", link->host, STR_ARGS(buf_str(&words)));
    buf_fini(&words);
    int64_t until_us = now_us() + link->pool->o.connect_us;
    for (size_t i = 0; i < count && !atomic_load(&link->is_stopping); i++) {
        const struct sockaddr *at = (const struct sockaddr *)&found[i];
        const char *reason = NULL;
        struct broker_result one = { 0 };
        broker_links_note_busy(link);
        if (!fetch_policy_allows(link->pool->o.policy, at, &reason))
            broker_result_say(&one, BROKER_ADDRESS, 0,
                              "%s: its address may not be connected to (%s)", link->host, reason);
        else if (open_address(link, at, until_us, &one))
            return true;
        if (why->verdict != BROKER_TLS) /* says more than that another address does not answer */
            *why = one;
    }
    return false;
}

/* --- the login --------------------------------------------------------------------------------------- */

/* Words for an answer of the library: what the broker said, or what the library did. */
static void say_reply(amqp_rpc_reply_t reply, struct broker_result *out)
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
    say_reply(reply, why);
    return false;
}

bool broker_connect(struct broker_link *link, struct broker_result *why)
{
    broker_result_say(why, BROKER_CLOSED, 0, "the server is stopping");
    if (!open_socket(link, why))
        return false;
    broker_links_note_busy(link);
    if (log_in(link, why))
        return true;
    broker_disconnect(link);
    return false;
}
