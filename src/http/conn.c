/* SPDX-License-Identifier: Apache-2.0
 *
 * The state machine of a connection. http_conn_advance() is the one place that moves it on: it
 * reads, parses, calls the handler and comes back, until nothing more can be done without waiting. Answers
 * that come while it is on the stack only note what to do next.
 */
#include "http/transport_priv.h"

#include "metrics/metrics.h"

#include <openssl/err.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    IN_MAX = 1 << 24, /* never reached: a read is taken before the next */
    OUT_MAX = 1 << 30 /* an answer, which is ours to size, and at most CONN_OUT_BATCH before it */
};

/* ---- life ---- */

static void free_conn(void *arg)
{
    xfree(arg);
}

void http_conn_close(struct conn *c)
{
    if (c->phase == CONN_CLOSED)
        return;
    c->phase = CONN_CLOSED;
    struct http_server *s = c->server;
    loop_io_stop(s->loop, &c->io);
    loop_timer_stop(s->loop, &c->timer);
    SSL_free(c->ssl);
    (void)close(c->io.fd);
    if (c->call != NULL && c->call->is_streaming) {
        c->call->flow->lost(c->call);
    } else if (c->call != NULL && (c->call->is_started || c->call->is_judging)) {
        c->call->conn = NULL; /* its handler or judge answers to nobody */
    } else {
        http_call_free(c->call);
    }
    buf_fini(&c->in);
    buf_fini(&c->out);
    c->free_task = (struct loop_task){ .fn = free_conn, .arg = c };
    loop_defer(s->loop, &c->free_task);
    http_server_forget(s, c);
}

void http_conn_set_deadline(struct conn *c, int64_t at_us)
{
    c->deadline_us = at_us;
    if (at_us == 0 || (c->armed_us != 0 && c->armed_us <= at_us))
        return;
    c->armed_us = at_us;
    loop_timer_set(c->server->loop, &c->timer, at_us);
}

static void conn_enter(struct conn *c, enum conn_phase phase, int64_t limit_us)
{
    c->phase = phase;
    http_conn_set_deadline(c, loop_now_us(c->server->loop) + limit_us);
}

/* ---- reading requests ---- */

static bool has_whole_call(const struct conn *c)
{
    return c->call != NULL && c->call->is_whole;
}

static void start_call(struct conn *c)
{
    c->call->is_started = true;
    http_call_start(c->call);
}

/* What is left of the body is read over once the answer is out. */
void http_conn_refuse_body(struct conn *c, int status, const char *why)
{
    struct call *call = c->call;
    if (!call->takes_any) {
        http_call_refuse(c, status, why);
        return;
    }
    call->pub.refused_status = status;
    call->pub.refused_why = why;
    call->pub.body = STR_NONE;
    buf_fini(&call->body);
    call->is_whole = true;
    if (!c->is_advancing)
        start_call(c);
}

static void refuse_memory(struct conn *c, enum rc rc)
{
    if (c->call->takes_any)
        http_conn_refuse_body(c, 503, "there is no memory for the body now");
    else
        http_call_refuse_memory(c, rc);
}

/* Framing decides how the body comes: with the head, or in its own phase. Returns bytes taken. */
static size_t begin_request(struct conn *c, struct call *call, struct str in, size_t head_len)
{
    const struct http_head *h = &call->head;
    struct str head = str_sub(in, 0, head_len), rest = str_sub(in, head_len, in.len);
    metrics_add(METRIC_HTTP_REQUESTS, 1);
    c->call = call;
    uint64_t length = h->has_length ? h->length : 0;
    if (!h->chunked && length <= rest.len && length <= c->server->limits.body_max) {
        http_call_own_head(call, head, str_sub(rest, 0, (size_t)length));
        call->is_whole = true;
        return head_len + (size_t)length;
    }
    http_call_own_head(call, head, STR_NONE);
    call->chunked = (struct http_chunked){ 0 };
    c->body_follows = rest.len > 0;
    http_call_judge(call);
    return head_len;
}

void http_conn_admitted(struct conn *c)
{
    conn_enter(c, CONN_BODY, c->server->limits.body_us);
    if (c->call->head.expects_continue && !c->body_follows) {
        struct str go_on = STR("HTTP/1.1 100 Continue\r\n\r\n");
        MUST(buf_add_str(&c->out, go_on) == RC_OK);
    }
    if (!c->is_advancing)
        http_conn_advance(c);
}

static size_t take_head(struct conn *c, struct str in)
{
    struct http_server *s = c->server;
    struct call *call = http_call_new(c);
    struct http_parse_error error;
    size_t used = 0;
    switch (http_parse_passed(in, s->limits.head_max, s->limits.headers_more, &call->head, &used,
                              &error)) {
    case HTTP_PARSE_OK: return begin_request(c, call, in, used);
    case HTTP_PARSE_BAD:
        http_call_free(call);
        http_call_refuse(c, error.status, error.reason);
        return in.len;
    case HTTP_PARSE_MORE: break;
    }
    http_call_free(call);
    c->needs_more = true;
    return 0;
}

static size_t take_body(struct conn *c, struct str in)
{
    struct call *call = c->call;
    struct http_parse_error error;
    size_t used = 0;
    if (!call->head.chunked) {
        size_t left = (size_t)call->head.length - call->body.len;
        used = in.len < left ? in.len : left;
        enum rc rc = http_call_charge(call, used);
        if (rc != RC_OK) {
            refuse_memory(c, rc);
            return in.len;
        }
        MUST(buf_add(&call->body, in.ptr, used) == RC_OK); /* the length is within the limit */
        call->is_whole = used == left;
    } else {
        enum rc rc = http_call_charge(call, in.len);
        if (rc == RC_LIMIT && call->body.len + in.len > call->pub.body_max) {
            http_conn_refuse_body(c, 413, "the body is larger than the limit"); /* by itself */
            return in.len;
        }
        if (rc != RC_OK) {
            refuse_memory(c, rc);
            return in.len;
        }
        enum http_parse p = http_chunked_read(&call->chunked, in, &used, &call->body, &error);
        if (p == HTTP_PARSE_BAD) {
            http_conn_refuse_body(c, error.status, error.reason);
            return in.len;
        }
        call->is_whole = p == HTTP_PARSE_OK;
    }
    if (call->is_whole)
        call->pub.body = buf_str(&call->body);
    return used;
}

/* Returns the bytes taken, up to the end of a whole call. */
static size_t conn_take(struct conn *c, struct str in)
{
    size_t at = 0;
    c->needs_more = false;
    while (at < in.len && !c->needs_more && !has_whole_call(c)) {
        struct str rest = str_sub(in, at, in.len);
        if (c->phase == CONN_IDLE) {
            c->started_us = loop_now_us(c->server->loop);
            conn_enter(c, CONN_HEAD, c->server->limits.head_us);
        }
        if (c->phase == CONN_HEAD) {
            at += take_head(c, rest);
        } else if (c->phase == CONN_BODY) {
            at += take_body(c, rest);
        } else if (c->phase == CONN_JUDGING) {
            break;
        } else {
            return in.len; /* refused: what follows is not looked at */
        }
    }
    return at;
}

/* Takes from `in` with the fresh bytes behind it, and keeps what is left over there. */
static void take_input(struct conn *c, struct str fresh)
{
    bool is_direct = c->in.len == 0;
    if (!is_direct)
        MUST(buf_add_str(&c->in, fresh) == RC_OK);
    struct str all = is_direct ? fresh : buf_str(&c->in);
    size_t used = conn_take(c, all);
    if (c->phase == CONN_CLOSED)
        return;
    if (used == all.len) {
        buf_fini(&c->in);
    } else if (is_direct) {
        MUST(buf_add(&c->in, all.ptr + used, all.len - used) == RC_OK);
    } else {
        buf_consume(&c->in, used);
    }
    if (has_whole_call(c))
        start_call(
            c); /* last, as the handler may answer other calls, which then use the read buffer */
}

/* ---- answers and the end ---- */

static void conn_finish(struct conn *c)
{
    if (c->lingers) {
        http_conn_shutdown_write(c);
        conn_enter(c, CONN_LINGER, CONN_LINGER_US);
        return;
    }
    if (c->ssl != NULL)
        http_conn_shutdown_write(c);
    http_conn_close(c);
}

void http_conn_answered(struct conn *c, enum io_result r)
{
    if (r == IO_AGAIN) {
        conn_enter(c, CONN_WRITING, c->server->limits.write_us);
    } else if (r != IO_DONE) {
        http_conn_close(c);
    } else if (c->closes) {
        conn_finish(c);
    } else {
        conn_enter(c, CONN_IDLE, c->server->limits.idle_us);
    }
}

/* ---- moving on ---- */

static bool step_handshake(struct conn *c)
{
    enum io_result r = http_conn_handshake(c);
    if (r == IO_AGAIN)
        return false;
    if (r == IO_DONE) {
        conn_enter(c, CONN_IDLE, c->server->limits.idle_us);
        return true;
    }
    metrics_add(METRIC_HTTP_TLS_FAILED, 1);
    http_conn_close(c);
    return false;
}

/* Between requests or in one: what is at hand first, then what waits to go out, then the socket. */
static bool step_request(struct conn *c)
{
    size_t len = 0;
    if (c->in.len > 0 && !c->needs_more) {
        take_input(c, STR_NONE);
        return true;
    }
    if (c->out.len > 0) {
        enum io_result sent = http_conn_flush(c);
        if (sent != IO_DONE && (sent != IO_AGAIN || c->phase != CONN_BODY))
            http_conn_answered(c, sent);
        if (sent != IO_DONE)
            return false;
    }
    if (!c->may_read)
        return false;
    enum io_result r = http_conn_read(c, &len);
    if (r == IO_DONE)
        take_input(c, str_of(c->server->read_buf, len));
    if (r == IO_EOF || r == IO_FAILED)
        http_conn_close(c);
    return r == IO_DONE;
}

static bool step_linger(struct conn *c)
{
    size_t len = 0;
    if (!c->may_read)
        return false;
    enum io_result r = http_conn_read(c, &len);
    if (r == IO_EOF || r == IO_FAILED)
        http_conn_close(c);
    return r == IO_DONE;
}

/* True: there may be more to do at once. */
static bool conn_step(struct conn *c)
{
    switch (c->phase) {
    case CONN_HANDSHAKE: return step_handshake(c);
    case CONN_IDLE:
    case CONN_HEAD:
    case CONN_BODY: return step_request(c);
    case CONN_JUDGING:
    case CONN_HANDLING:
        if (c->out.len > 0 && http_conn_flush(c) == IO_FAILED)
            http_conn_close(c);
        return false;
    case CONN_STREAMING: c->call->flow->move(c); return false;
    case CONN_WRITING: {
        enum io_result r = http_conn_flush(c);
        if (r != IO_AGAIN)
            http_conn_answered(c, r);
        return r == IO_DONE;
    }
    case CONN_LINGER: return step_linger(c);
    case CONN_CLOSED: break;
    }
    return false;
}

/* Comes back in the next turn, after the others. */
static void yield_turn(struct conn *c)
{
    c->has_yielded = true;
    c->armed_us = loop_now_us(c->server->loop);
    loop_timer_set(c->server->loop, &c->timer, c->armed_us);
}

void http_conn_advance(struct conn *c)
{
    if (c->is_advancing)
        return;
    c->is_advancing = true;
    unsigned steps = 0;
    while (conn_step(c) && ++steps < CONN_TURN_STEPS) {
    }
    c->is_advancing = false;
    if (steps == CONN_TURN_STEPS && c->phase != CONN_CLOSED)
        yield_turn(c);
}

void http_conn_stop(struct conn *c)
{
    if (c->phase == CONN_STREAMING) {
        c->closes = true;
        c->call->flow->stop(c);
        return;
    }
    c->may_read = true; /* the event may not have come yet */
    http_conn_advance(c);
    bool is_unused = c->phase == CONN_IDLE && c->in.len == 0 && c->out.len == 0;
    if (is_unused || c->phase == CONN_HANDSHAKE)
        http_conn_close(c);
}

/* ---- events ---- */

static void on_event(void *arg, uint32_t events)
{
    struct conn *c = arg;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        http_conn_close(c); /* a reset, or both sides have ended */
        return;
    }
    if ((events & (EPOLLIN | EPOLLRDHUP)) != 0)
        c->may_read = true;
    if ((events & EPOLLRDHUP) != 0)
        c->got_hangup = true;
    http_conn_advance(c);
}

static void conn_expire(struct conn *c)
{
    if (c->phase == CONN_HEAD) {
        http_call_refuse(c, 408, "the head of the request took too long");
    } else if (c->phase == CONN_BODY) {
        http_conn_refuse_body(c, 408, "the body of the request took too long");
    } else {
        if (c->phase != CONN_IDLE && c->phase != CONN_LINGER)
            metrics_add(METRIC_HTTP_REFUSED_SLOW, 1);
        http_conn_close(c);
    }
}

static void on_timer(void *arg)
{
    struct conn *c = arg;
    int64_t deadline = c->deadline_us;
    c->armed_us = 0;
    if (c->has_yielded) {
        c->has_yielded = false;
        http_conn_set_deadline(c, deadline);
        http_conn_advance(c);
    } else if (deadline != 0 && deadline <= loop_now_us(c->server->loop)) {
        conn_expire(c);
    } else {
        http_conn_set_deadline(c, deadline); /* it was put off meanwhile */
    }
}

struct conn *http_conn_new(struct http_server *s, int fd, const char *peer)
{
    struct conn *c = XNEW(struct conn);
    c->server = s;
    c->io = (struct loop_io){ .fn = on_event, .arg = c, .fd = fd };
    c->timer = (struct loop_timer){ .fn = on_timer, .arg = c };
    buf_init(&c->in, IN_MAX);
    buf_init(&c->out, OUT_MAX);
    (void)snprintf(c->peer, sizeof(c->peer), "%s", peer);
    bool ok = true;
    if (s->tls != NULL) {
        c->ssl = SSL_new(s->tls);
        ok = c->ssl != NULL && SSL_set_fd(c->ssl, fd) == 1;
    }
    if (!ok || loop_io_start(s->loop, &c->io, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) != RC_OK) {
        SSL_free(c->ssl);
        ERR_clear_error();
        xfree(c);
        (void)close(fd);
        return NULL;
    }
    if (c->ssl != NULL)
        conn_enter(c, CONN_HANDSHAKE, s->limits.head_us);
    else
        conn_enter(c, CONN_IDLE, s->limits.idle_us);
    return c;
}
