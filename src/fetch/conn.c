/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection: bytes in and out, plain or TLS. It has no buffers:
 * reading goes through the client's scratch memory, writing straight from the request.
 */
#include "fetch/conn_priv.h"

#include "fetch/host_priv.h"
#include "metrics/metrics.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct own_conn *fetch_own_conn_new(struct own_host *h, struct own_exchange *ex, int fd,
                                    void (*on_event)(void *conn, uint32_t events))
{
    struct own_conn *conn = XNEW(struct own_conn);

    conn->host = h;
    h->ref_count++;
    conn->exchange = ex;
    conn->made_us = loop_now_us(h->own->loop);
    conn->io = (struct loop_io){ .fn = on_event, .arg = conn, .fd = fd };
    if (loop_io_start(h->own->loop, &conn->io, EPOLLIN | EPOLLRDHUP) != RC_OK) {
        h->ref_count--;
        xfree(conn);
        return NULL;
    }
    metrics_add(METRIC_FETCH_CONNECTIONS, 1);
    return conn;
}

void fetch_own_conn_close(struct own_conn *conn)
{
    if (conn == NULL)
        return;
    loop_io_stop(conn->host->own->loop, &conn->io);
    if (conn->ssl != NULL) {
        /* Says goodbye without waiting. Freeing an SSL that has not would spoil its session for
         * resumption. */
        if (!conn->is_handshaking)
            (void)SSL_shutdown(conn->ssl);
        SSL_set_shutdown(conn->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(conn->ssl);
        ERR_clear_error();
    }
    (void)close(conn->io.fd);
    fetch_own_host_unref(conn->host);
    xfree(conn);
    metrics_add(METRIC_FETCH_CONNECTIONS, -1);
}

/* --- TLS ----------------------------------------------------------------------------------- */

/* Whom the certificate must name: a host name, or an address. */
static bool expect_name(SSL *ssl, const char *name)
{
    struct fetch_address literal;

    if (fetch_address_parse(str_from(name), &literal))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    size_t len = strlen(name);
    char *plain = xmemdup(name, len);
    if (len > 0 && plain[len - 1] == '.')
        plain[len - 1] = '\0'; /* certificates and SNI do without the root's dot */
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    bool ok = SSL_set_tlsext_host_name(ssl, plain) == 1 && SSL_set1_host(ssl, plain) == 1;
    xfree(plain);
    return ok;
}

bool fetch_own_conn_start_tls(struct own_conn *conn)
{
    static const unsigned char protocols[] = "\x08http/1.1";
    struct own_host *h = conn->host;

    if (h->ctx == NULL) {
        fetch_call_say(conn->exchange->call, "TLS is not set up");
        return false;
    }
    conn->ssl = SSL_new(h->ctx);
    if (conn->ssl == NULL) {
        fetch_call_say(conn->exchange->call, "TLS cannot be started: out of memory");
        ERR_clear_error();
        return false;
    }
    conn->is_handshaking = true;
    if (SSL_set_fd(conn->ssl, conn->io.fd) != 1 || !expect_name(conn->ssl, h->name) ||
        SSL_set_alpn_protos(conn->ssl, protocols, sizeof(protocols) - 1) != 0) {
        fetch_call_say(conn->exchange->call, "\"%s\" cannot stand in a certificate", h->name);
        ERR_clear_error();
        return false;
    }
    SSL_set_connect_state(conn->ssl);
    (void)SSL_set_mode(conn->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
    if (h->session != NULL && SSL_SESSION_is_resumable(h->session) == 1)
        (void)SSL_set_session(conn->ssl, h->session);
    return true;
}

static void explain_handshake(const struct own_conn *conn)
{
    struct fetch_call *c = conn->exchange->call;
    long verify = SSL_get_verify_result(conn->ssl);
    struct buf words;

    if (verify != X509_V_OK) {
        fetch_call_say(c, "certificate of %s: %s", conn->host->name,
                       X509_verify_cert_error_string(verify));
        return;
    }
    buf_init(&words, sizeof(c->detail));
    tls_errors(&words);
    fetch_call_say_tls(c, words.len > 0 ? buf_str(&words) : STR("closed by the other side"));
    buf_fini(&words);
}

enum own_io fetch_own_conn_handshake(struct own_conn *conn)
{
    struct loop *loop = conn->host->own->loop;

    ERR_clear_error();
    int done = SSL_do_handshake(conn->ssl);
    if (done == 1) {
        conn->is_handshaking = false;
        loop_io_change(loop, &conn->io, EPOLLIN | EPOLLRDHUP);
        metrics_add(
            SSL_session_reused(conn->ssl) ? METRIC_FETCH_TLS_RESUMED : METRIC_FETCH_TLS_FULL, 1);
        return OWN_IO_OK;
    }
    switch (SSL_get_error(conn->ssl, done)) {
    case SSL_ERROR_WANT_READ:
        loop_io_change(loop, &conn->io, EPOLLIN | EPOLLRDHUP);
        return OWN_IO_AGAIN;
    case SSL_ERROR_WANT_WRITE: loop_io_change(loop, &conn->io, EPOLLOUT); return OWN_IO_AGAIN;
    default:
        explain_handshake(conn);
        ERR_clear_error();
        return OWN_IO_BROKEN;
    }
}

void fetch_own_conn_keep_session(struct own_conn *conn)
{
    if (conn->ssl == NULL || conn->is_session_kept)
        return;
    SSL_SESSION *session = SSL_get1_session(conn->ssl);
    if (session == NULL || SSL_SESSION_is_resumable(session) != 1) {
        SSL_SESSION_free(session);
        return;
    }
    conn->is_session_kept = true;
    fetch_own_host_set_session(conn->host, session);
}

/* --- bytes --------------------------------------------------------------------------------- */

/* In TLS 1.3 the other side judges our certificate after the handshake is over for us. */
static void note_alert(struct own_conn *conn)
{
    struct buf words;

    if (conn->exchange == NULL || conn->exchange->has_bytes || ERR_peek_error() == 0)
        return;
    buf_init(&words, sizeof(conn->exchange->call->detail));
    tls_errors(&words);
    fetch_call_say_tls(conn->exchange->call, buf_str(&words));
    conn->is_refused = true;
    buf_fini(&words);
}

static enum own_io tls_outcome(struct own_conn *conn, int result)
{
    int error = SSL_get_error(conn->ssl, result);

    if (error == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_error()) >= SSL_AD_REASON_OFFSET)
        note_alert(conn);
    ERR_clear_error();
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return OWN_IO_AGAIN;
    return error == SSL_ERROR_ZERO_RETURN ? OWN_IO_CLOSED : OWN_IO_BROKEN;
}

enum own_io fetch_own_conn_read(struct own_conn *conn, char *to, size_t max, size_t *n)
{
    if (conn->ssl != NULL) {
        ERR_clear_error();
        int done = SSL_read_ex(conn->ssl, to, max, n);
        return done == 1 ? OWN_IO_OK : tls_outcome(conn, done);
    }
    ssize_t got;
    do
        got = recv(conn->io.fd, to, max, 0);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return OWN_IO_CLOSED;
    if (got < 0)
        return errno == EAGAIN ? OWN_IO_AGAIN : OWN_IO_BROKEN;
    *n = (size_t)got;
    return OWN_IO_OK;
}

/* As much of the parts as one record holds, through the scratch memory: a record each for head and
 * body would cost another encryption and another write. */
static enum own_io tls_write(struct own_conn *conn, const struct iovec *parts, int count, size_t *n)
{
    struct own *own = conn->host->own;
    size_t len = 0;

    for (int i = 0; i < count && len < sizeof(own->scratch); i++) {
        size_t part = parts[i].iov_len;
        if (part > sizeof(own->scratch) - len)
            part = sizeof(own->scratch) - len;
        if (part > 0)
            memcpy(own->scratch + len, parts[i].iov_base, part);
        len += part;
    }
    ERR_clear_error();
    int done = SSL_write_ex(conn->ssl, own->scratch, len, n);
    return done == 1 ? OWN_IO_OK : tls_outcome(conn, done);
}

enum own_io fetch_own_conn_write(struct own_conn *conn, const struct iovec *parts, int count,
                                 size_t *n)
{
    struct iovec copy[OWN_PARTS];
    struct msghdr message = { .msg_iov = copy, .msg_iovlen = (size_t)count };
    ssize_t sent;

    MUST(count <= OWN_PARTS);
    if (conn->ssl != NULL)
        return tls_write(conn, parts, count, n);
    memcpy(copy, parts, (size_t)count * sizeof(copy[0]));
    do
        sent = sendmsg(conn->io.fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EAGAIN ? OWN_IO_AGAIN : OWN_IO_BROKEN;
    *n = (size_t)sent;
    return OWN_IO_OK;
}

void fetch_own_conn_ack_at_once(struct own_conn *conn)
{
    int on = 1;

    (void)setsockopt(conn->io.fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

bool fetch_own_conn_still_idle(struct own_conn *conn)
{
    char byte;
    size_t n;

    /* Between answers TLS may still bring session tickets; anything else is the end. */
    return fetch_own_conn_read(conn, &byte, sizeof(byte), &n) == OWN_IO_AGAIN;
}
