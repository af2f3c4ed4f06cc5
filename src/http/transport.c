/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes in and out of a connection, plain or through OpenSSL, never blocking. A write gathers head
 * and body into one system call, or one TLS record.
 */
#include "http/transport_priv.h"

#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* OpenSSL's queue of errors must be empty before each of its calls that tls_result() judges: what a
 * failed verification on this thread left there would count as an error of this connection. */
static enum io_result tls_result(const struct conn *c, int result)
{
    int error = SSL_get_error(c->ssl, result);
    enum io_result r = IO_FAILED;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        r = IO_AGAIN;
    } else if (error == SSL_ERROR_ZERO_RETURN) {
        r = IO_EOF;
    }
    ERR_clear_error();
    return r;
}

/* No EINTR: the descriptors never block. */
static enum io_result errno_result(void)
{
    return errno == EAGAIN ? IO_AGAIN : IO_FAILED;
}

enum io_result http_conn_handshake(struct conn *c)
{
    ERR_clear_error();
    int result = SSL_accept(c->ssl);
    return result == 1 ? IO_DONE : tls_result(c, result);
}

static enum io_result read_tls(struct conn *c, size_t *len)
{
    ERR_clear_error();
    int got = SSL_read(c->ssl, c->server->read_buf, CONN_READ_BYTES);
    if (got > 0) {
        *len = (size_t)got;
        return IO_DONE;
    }
    enum io_result r = tls_result(c, got);
    if (r == IO_AGAIN)
        c->may_read = false;
    return r;
}

enum io_result http_conn_read(struct conn *c, size_t *len)
{
    if (c->ssl != NULL && c->phase != CONN_LINGER)
        return read_tls(c, len);
    ssize_t got = recv(c->io.fd, c->server->read_buf, CONN_READ_BYTES, 0);
    if (got == 0)
        return IO_EOF;
    if (got < 0) {
        enum io_result r = errno_result();
        if (r == IO_AGAIN)
            c->may_read = false;
        return r;
    }
    /* A short read has emptied the socket; what comes later is a new edge. But an end of stream
     * that came along shows in the next read only. */
    if ((size_t)got < CONN_READ_BYTES && !c->got_hangup)
        c->may_read = false;
    *len = (size_t)got;
    return IO_DONE;
}

static enum io_result write_tls(struct conn *c, struct str bytes, size_t *sent)
{
    while (*sent < bytes.len) {
        size_t left = bytes.len - *sent;
        ERR_clear_error();
        int result = SSL_write(c->ssl, bytes.ptr + *sent, left > INT32_MAX ? INT32_MAX : (int)left);
        if (result <= 0)
            return tls_result(c, result);
        *sent += (size_t)result;
    }
    return IO_DONE;
}

static enum io_result write_plain(struct conn *c, struct str head, struct str body, size_t *sent)
{
    struct iovec parts[2] = { { (void *)(uintptr_t)head.ptr, head.len },
                              { (void *)(uintptr_t)body.ptr, body.len } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = body.len > 0 ? 2 : 1 };
    ssize_t wrote = sendmsg(c->io.fd, &message, MSG_NOSIGNAL);
    if (wrote < 0)
        return errno_result();
    *sent = (size_t)wrote;
    return *sent == head.len + body.len ? IO_DONE : IO_AGAIN;
}

enum io_result http_conn_flush(struct conn *c)
{
    while (c->out_at < c->out.len) {
        struct str left = str_sub(buf_str(&c->out), c->out_at, c->out.len);
        size_t sent = 0;
        enum io_result r =
            c->ssl != NULL ? write_tls(c, left, &sent) : write_plain(c, left, STR_NONE, &sent);
        c->out_at += sent;
        if (r != IO_DONE && (r != IO_AGAIN || sent == 0))
            return r;
    }
    buf_fini(&c->out);
    c->out_at = 0;
    return IO_DONE;
}

static void keep_unsent(struct conn *c, struct str part, size_t sent)
{
    if (sent >= part.len)
        return;
    /* `out` has no limit of its own: what we answer is ours to size. */
    MUST(buf_add(&c->out, part.ptr + sent, part.len - sent) == RC_OK);
}

enum io_result http_conn_send(struct conn *c, struct str head, struct str body)
{
    size_t sent = 0;
    enum io_result r;
    MUST(c->out.len == 0);
    if (c->ssl != NULL) {
        keep_unsent(c, head, 0);
        keep_unsent(c, body, 0);
        return http_conn_flush(c);
    }
    r = write_plain(c, head, body, &sent);
    if (r != IO_AGAIN)
        return r;
    keep_unsent(c, head, sent);
    keep_unsent(c, body, sent > head.len ? sent - head.len : 0);
    /* After a partial write the next edge may have passed already. */
    return sent > 0 ? http_conn_flush(c) : IO_AGAIN;
}

void http_conn_shutdown_write(struct conn *c)
{
    if (c->ssl != NULL) {
        (void)SSL_shutdown(c->ssl);
        ERR_clear_error();
    }
    (void)shutdown(c->io.fd, SHUT_WR);
}
