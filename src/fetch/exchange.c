/* SPDX-License-Identifier: Apache-2.0
 *
 * One call under way: a kept connection or a new one, the request in one write where the socket
 * takes it, the deadlines, and the end. Reading runs from the first event on, also while the
 * request is still being sent, because receivers answer early when they refuse.
 */
#include "fetch/exchange_priv.h"

#include "fetch/conn_priv.h"
#include "fetch/dial_priv.h"
#include "fetch/host_priv.h"
#include "fetch/pool_priv.h"
#include "fetch/response_priv.h"
#include "metrics/metrics.h"

#include <sys/epoll.h>
#include <unistd.h>

/* --- the end ------------------------------------------------------------------------------- */

static void give_memory_back(struct own_exchange *ex)
{
    struct own *own = ex->own;

    if (own->spare.ptr == NULL)
        own->spare = ex->head;
    else
        buf_fini(&ex->head);
}

/* Frees the exchange and ends the call. Its connection has been seen to. */
static void exchange_finish(struct own_exchange *ex, enum fetch_error error)
{
    struct own *own = ex->own;
    struct fetch_call *c = ex->call;
    int64_t took_us = clock_mono_us(loop_clock(own->loop)) - ex->started_us;

    loop_timer_stop(own->loop, &ex->timer);
    fetch_resolve_cancel(&ex->lookup);
    fetch_own_dial_free(ex->dial);
    *(ex->prev != NULL ? &ex->prev->next : &own->running) = ex->next;
    if (ex->next != NULL)
        ex->next->prev = ex->prev;
    give_memory_back(ex);
    fetch_own_pool_leave(ex->host);
    fetch_own_host_unref(ex->host);
    xfree(ex);
    c->_state = NULL;
    fetch_call_end(c, error, took_us);
}

void fetch_own_exchange_fail(struct own_exchange *ex, enum fetch_error error)
{
    fetch_own_conn_close(ex->conn);
    ex->conn = NULL;
    ex->call->status = 0;
    exchange_finish(ex, error);
}

void fetch_own_exchange_complete(struct own_exchange *ex, bool is_clean)
{
    struct own_conn *conn = ex->conn;

    ex->conn = NULL;
    fetch_own_conn_keep_session(conn);
    if (is_clean && ex->is_sent && ex->keep_alive && fetch_call_spares_connection(ex->call) &&
        (conn->ssl == NULL || SSL_pending(conn->ssl) == 0))
        fetch_own_pool_put(conn);
    else
        fetch_own_conn_close(conn);
    exchange_finish(ex, FETCH_OK);
}

static void exchange_on_deadline(void *arg)
{
    struct own_exchange *ex = arg;
    struct fetch_call *c = ex->call;
    bool is_total = loop_now_us(ex->own->loop) >= ex->started_us + c->deadline_us;

    if (fetch_own_response_settle(ex))
        return;
    if (ex->reading != OWN_HEAD) {
        /* The receiver has answered; what is missing is only the text of it. */
        c->response_cut = true;
        fetch_call_say(c, "the deadline passed while the answer's body was read");
        fetch_own_exchange_complete(ex, false);
    } else if (ex->lookup._entry != NULL) {
        int64_t given_us = is_total ? c->deadline_us : c->connect_us;
        fetch_own_exchange_fail(ex, fetch_call_say_no_names(c, given_us));
    } else if (ex->is_connecting && !is_total) {
        fetch_own_exchange_fail(ex, fetch_call_say_no_connection(c));
    } else {
        fetch_call_say(c, "no answer within %lld ms", (long long)(c->deadline_us / 1000));
        fetch_own_exchange_fail(ex, FETCH_TIMEOUT);
    }
}

/* --- sending ------------------------------------------------------------------------------- */

static bool is_default_port(const struct http_url *url)
{
    return url->port == (url->tls ? 443 : 80);
}

/* The first line, Host, framing, what the caller brings, and the first chunk's size. The limit is
 * far above what URLs and header lines can come to, so that nothing here can fail. */
static void write_head(const struct fetch_call *c, struct buf *out)
{
    const struct http_url *url = c->url;
    const char *open = url->host_is_ipv6 ? "[" : "";
    const char *close = url->host_is_ipv6 ? "]" : "";
    enum rc rc = buf_add_str(out, http_method_name(c->method));

    rc |= buf_add_str(out, STR(" "));
    if (!str_starts(url->target, STR("/")))
        rc |= buf_add_str(out, STR("/"));
    rc |= buf_add_str(out, url->target);
    rc |= buf_addf(out, " HTTP/1.1\r\nHost: %s%.*s%s", open, STR_ARGS(url->host), close);
    if (!is_default_port(url))
        rc |= buf_addf(out, ":%u", url->port);
    rc |= buf_add_str(out, STR("\r\n"));
    fetch_add_accept(c, out);
    rc |= buf_add_str(out, c->headers);
    if (url->userinfo.len > 0)
        fetch_add_authorization(c, out);
    if (c->chunked)
        rc |= buf_add_str(out, STR("Transfer-Encoding: chunked\r\n\r\n"));
    else if (fetch_has_body(c))
        rc |= buf_addf(out, "Content-Length: %zu\r\n\r\n", c->body.len);
    else
        rc |= buf_add_str(out, STR("\r\n"));
    if (c->chunked && c->body.len > 0)
        rc |= buf_addf(out, "%zx\r\n", c->body.len);
    MUST(rc == RC_OK);
}

/* What is still to be sent, as parts; returns their bytes. */
static size_t rest_of_request(const struct own_exchange *ex, struct iovec *parts)
{
    const struct fetch_call *c = ex->call;
    struct str all[OWN_PARTS] = { buf_str(&ex->head), c->body, STR_NONE };
    size_t skip = ex->sent;
    size_t left = 0;

    if (c->chunked)
        all[2] = c->body.len > 0 ? STR("\r\n0\r\n\r\n") : STR("0\r\n\r\n");
    for (size_t i = 0; i < OWN_PARTS; i++) {
        size_t gone = skip < all[i].len ? skip : all[i].len;
        skip -= gone;
        parts[i].iov_base = all[i].ptr == NULL ? NULL : (char *)(uintptr_t)all[i].ptr + gone;
        parts[i].iov_len = all[i].len - gone;
        left += parts[i].iov_len;
    }
    return left;
}

/* Sends what the socket takes. A broken pipe is not the end: the answer may be there already. */
static void exchange_flush(struct own_exchange *ex)
{
    struct loop *loop = ex->own->loop;
    struct iovec parts[OWN_PARTS];
    size_t n = 0;

    while (rest_of_request(ex, parts) > 0) {
        enum own_io io = fetch_own_conn_write(ex->conn, parts, OWN_PARTS, &n);
        if (io == OWN_IO_AGAIN) {
            loop_io_change(loop, &ex->conn->io, EPOLLIN | EPOLLRDHUP | EPOLLOUT);
            return;
        }
        if (io != OWN_IO_OK) {
            ex->is_send_broken = true;
            break;
        }
        ex->sent += n;
    }
    ex->is_sent = !ex->is_send_broken;
    loop_io_change(loop, &ex->conn->io, EPOLLIN | EPOLLRDHUP);
}

static void send_request(struct own_exchange *ex)
{
    struct own *own = ex->own;

    ex->is_connecting = false;
    loop_timer_set(own->loop, &ex->timer, ex->started_us + ex->call->deadline_us);
    buf_reset(&ex->head);
    write_head(ex->call, &ex->head);
    ex->sent = 0;
    ex->is_sent = ex->is_send_broken = false;
    exchange_flush(ex);
    /* The kernel reports the break as an event too; the answer is looked for there. */
}

/* --- connecting ---------------------------------------------------------------------------- */

static void exchange_established(struct own_exchange *ex)
{
    ex->call->connect_took_us = clock_mono_us(loop_clock(ex->own->loop)) - ex->started_us;
    ex->call->detail[0] = '\0'; /* of addresses that failed before this one */
    send_request(ex);
}

static void shake_hands(struct own_exchange *ex)
{
    switch (fetch_own_conn_handshake(ex->conn)) {
    case OWN_IO_OK: exchange_established(ex); return;
    case OWN_IO_AGAIN: return;
    case OWN_IO_CLOSED:
    case OWN_IO_BROKEN: fetch_own_exchange_fail(ex, FETCH_TLS);
    }
}

static void move_bytes(struct own_exchange *ex, uint32_t events)
{
    if ((events & EPOLLOUT) != 0 && !ex->is_sent)
        exchange_flush(ex);
    if ((events & ~(uint32_t)EPOLLOUT) != 0)
        fetch_own_response_read(ex);
}

static void on_event(void *arg, uint32_t events)
{
    struct own_conn *conn = arg;
    struct own_exchange *ex = conn->exchange;

    if (ex == NULL)
        fetch_own_pool_heard(conn);
    else if (conn->is_handshaking)
        shake_hands(ex);
    else
        move_bytes(ex, events);
}

static void on_dialed(struct own_exchange *ex, int fd, const struct fetch_address *peer,
                      enum fetch_error error)
{
    if (fd < 0) {
        fetch_own_exchange_fail(ex, error);
        return;
    }
    struct own_conn *conn = fetch_own_conn_new(ex->host, ex, fd, on_event);
    if (conn == NULL) {
        (void)close(fd);
        fetch_call_say(ex->call, "the connection cannot be watched: the kernel is out of memory");
        fetch_own_exchange_fail(ex, FETCH_CONNECT);
        return;
    }
    ex->conn = conn;
    fetch_address_text(peer, conn->peer, sizeof(conn->peer));
    memcpy(ex->call->peer, conn->peer, sizeof(conn->peer));
    if (!ex->host->tls)
        exchange_established(ex);
    else if (fetch_own_conn_start_tls(conn))
        shake_hands(ex);
    else
        fetch_own_exchange_fail(ex, FETCH_TLS);
}

static void on_resolved(void *arg, const struct fetch_addresses *found, const char *why)
{
    struct own_exchange *ex = arg;

    if (found != NULL) {
        fetch_own_dial_start(ex, found, on_dialed);
        return;
    }
    fetch_call_say(ex->call, "%.*s: %s", STR_ARGS(ex->call->url->host), why);
    fetch_own_exchange_fail(ex, FETCH_DNS);
}

static void connect_anew(struct own_exchange *ex)
{
    const struct fetch_call *c = ex->call;

    /* A retry counts from the start too: one deadline for the whole call. */
    ex->is_connecting = true;
    loop_timer_set(ex->own->loop, &ex->timer, ex->started_us + fetch_call_connect_within_us(c));
    ex->lookup = (struct fetch_lookup){ .done = on_resolved, .arg = ex };
    fetch_resolve(ex->own->resolver, c->url->host, &ex->lookup);
}

/* --- the exchange -------------------------------------------------------------------------- */

void fetch_own_exchange_closed(struct own_exchange *ex, const char *why)
{
    struct fetch_call *c = ex->call;
    bool is_refused = ex->conn->is_refused;

    if (!c->reused || ex->has_bytes || ex->is_retried || c->is_once) {
        if (!is_refused)
            fetch_call_say(c, "%s", why);
        fetch_own_exchange_fail(ex, is_refused ? FETCH_TLS : FETCH_CLOSED);
        return;
    }
    /* A kept connection that was closed while idle looks like this. */
    metrics_add(METRIC_FETCH_STALE, 1);
    ex->is_retried = true;
    fetch_own_conn_close(ex->conn);
    ex->conn = NULL;
    c->reused = false;
    c->peer[0] = '\0';
    connect_anew(ex);
}

void fetch_own_exchange_start(struct own *own, struct fetch_call *c)
{
    struct own_exchange *ex = XNEW(struct own_exchange);

    ex->own = own;
    ex->call = c;
    c->_state = ex;
    ex->started_us = clock_mono_us(loop_clock(own->loop));
    ex->host = fetch_own_host_get(own, c);
    fetch_own_pool_enter(ex->host);
    ex->timer = (struct loop_timer){ .fn = exchange_on_deadline, .arg = ex };
    ex->next = own->running;
    if (ex->next != NULL)
        ex->next->prev = ex;
    own->running = ex;
    ex->head = own->spare;
    buf_init(&own->spare, FETCH_REQUEST_HEAD_MAX);

    ex->conn = fetch_own_pool_take(ex->host);
    if (ex->conn == NULL) {
        connect_anew(ex);
        return;
    }
    ex->conn->exchange = ex;
    c->reused = true;
    memcpy(c->peer, ex->conn->peer, sizeof(c->peer));
    metrics_add(METRIC_FETCH_REUSED, 1);
    send_request(ex);
}
