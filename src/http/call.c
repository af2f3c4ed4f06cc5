/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls: from a parsed head to the bytes of the answer. Calls with their memory are kept on a short
 * free list, so that a request allocates nothing and an idle connection holds nothing.
 */
#include "http/conn_priv.h"

#include "metrics/metrics.h"

#include <stdio.h>

enum { REPLY_HEAD_MAX = 64 * 1024, DATE_STEP_US = 1000000 };

struct call *http_call_new(struct conn *c)
{
    struct http_server *s = c->server;
    struct call *call = s->free_calls;
    if (call != NULL) {
        s->free_calls = call->next_free;
        s->free_count--;
    } else {
        call = xmalloc(sizeof(*call)); /* the head stays as it comes: the parser fills it */
        memset(call, 0, offsetof(struct call, head));
        arena_init(&call->arena);
    }
    s->call_count++;
    call->server = s;
    call->conn = c;
    call->is_whole = call->is_started = call->is_answered = false;
    buf_init(&call->body, s->limits.body_max);
    return call;
}

void http_call_free(struct call *call)
{
    if (call == NULL)
        return;
    struct http_server *s = call->server;
    buf_fini(&call->body);
    s->call_count--;
    if (s->free_count < CALL_POOL_MAX && !s->is_freed) {
        arena_reset(&call->arena);
        call->next_free = s->free_calls;
        s->free_calls = call;
        s->free_count++;
        return;
    }
    arena_fini(&call->arena);
    xfree(call);
    if (s->is_freed && s->call_count == 0)
        http_server_free_now(s);
}

/* ---- the request ---- */

static void rebase(struct str *s, const char *from, const char *to)
{
    if (s->ptr != NULL)
        s->ptr = to + (s->ptr - from);
}

void http_call_own_head(struct call *call, struct str head, struct str body)
{
    char *copy = arena_alloc(&call->arena, head.len + body.len + 1);
    memcpy(copy, head.ptr, head.len);
    if (body.len > 0)
        memcpy(copy + head.len, body.ptr, body.len);
    struct http_head *h = &call->head;
    rebase(&h->method_text, head.ptr, copy);
    rebase(&h->target, head.ptr, copy);
    rebase(&h->path, head.ptr, copy);
    rebase(&h->query, head.ptr, copy);
    for (size_t i = 0; i < h->header_count; i++) {
        rebase(&h->headers[i].name, head.ptr, copy);
        rebase(&h->headers[i].value, head.ptr, copy);
    }
    call->pub.body = str_of(copy + head.len, body.len);
}

/* What may go into logs and on to others as it is. */
static bool is_sane_id(struct str id)
{
    if (id.len == 0 || id.len > 64)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '-' || c == '_' || c == '.';
        if (!ok)
            return false;
    }
    return true;
}

static struct str request_id(struct call *call)
{
    struct str sent = http_call_header(&call->pub, "x-request-id");
    if (is_sane_id(sent))
        return sent;
    sent = http_call_header(&call->pub, "svix-req-id");
    if (is_sane_id(sent))
        return sent;
    struct http_server *s = call->server;
    uint64_t id = s->id_seed + s->id_count++;
    hex_encode(&id, sizeof(id), call->request_id);
    return str_of(call->request_id, HEX_LEN(sizeof(id)));
}

void http_call_start(struct call *call)
{
    struct conn *c = call->conn;
    struct http_server *s = call->server;
    int64_t now = loop_now_us(s->loop);
    c->phase = CONN_HANDLING;
    http_conn_set_deadline(c, 0);
    metrics_observe(METRIC_HTTP_READ_TIME, now - c->started_us);
    c->phase_us = now;
    call->pub.arena = &call->arena;
    call->pub.head = &call->head;
    call->pub.peer = str_from(c->peer);
    call->pub.started_us = c->started_us;
    call->pub.loop = s->loop;
    call->pub.user = NULL;
    call->pub.request_id = request_id(call);
    s->handler(s->ctx, &call->pub);
}

struct str http_call_header(const struct http_call *call, const char *name)
{
    const struct http_header *h = http_find(call->head, str_from(name));
    return h == NULL ? STR_NONE : h->value;
}

/* ---- the answer ---- */

/* Appends; our own limit on an answer's head is a bug to reach. */
static void put(struct buf *out, struct str s)
{
    MUST(buf_add(out, s.ptr, s.len) == RC_OK);
}

static void put_number(struct buf *out, uint64_t n)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    put(out, str_of(digits + at, sizeof(digits) - at));
}

static struct str date_now(struct http_server *s)
{
    int64_t second = clock_wall_us(loop_clock(s->loop)) / DATE_STEP_US;
    if (second != s->date_second) {
        http_date(second * DATE_STEP_US, s->date);
        s->date_second = second;
    }
    return str_of(s->date, HTTP_DATE_LEN);
}

static void put_headers(struct buf *out, const struct http_reply *reply)
{
    for (size_t i = 0; i < reply->header_count; i++) {
        const struct http_header *h = &reply->headers[i];
        MUST(http_is_token(h->name));
        /* A value may carry what a client sent; one that would split the answer is left out. */
        if (!http_is_field_value(h->value))
            continue;
        put(out, h->name);
        put(out, STR(": "));
        put(out, h->value);
        put(out, STR("\r\n"));
    }
}

static bool status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

/* The head of an answer into the server's scratch buffer. */
static struct str serialize(struct http_server *s, const struct http_reply *reply, bool closes,
                            int minor)
{
    struct buf *out = &s->scratch;
    buf_reset(out);
    put(out, STR("HTTP/1.1 "));
    put_number(out, (uint64_t)reply->status);
    put(out, STR(" "));
    put(out, str_from(http_reason(reply->status)));
    put(out, STR("\r\nDate: "));
    put(out, date_now(s));
    if (reply->content_type.len > 0) {
        put(out, STR("\r\nContent-Type: "));
        put(out, reply->content_type);
    }
    if (status_has_body(reply->status)) {
        put(out, STR("\r\nContent-Length: "));
        put_number(out, reply->body.len);
    }
    put(out, STR("\r\n"));
    put_headers(out, reply);
    if (closes)
        put(out, STR("Connection: close\r\n"));
    if (!closes && minor == 0)
        put(out, STR("Connection: keep-alive\r\n"));
    put(out, STR("\r\n"));
    return buf_str(out);
}

static void count_answer(int status)
{
    static const enum metric CLASSES[] = { METRIC_HTTP_RESPONSES_2XX, METRIC_HTTP_RESPONSES_3XX,
                                           METRIC_HTTP_RESPONSES_4XX, METRIC_HTTP_RESPONSES_5XX };
    metrics_add(CLASSES[status / 100 - 2], 1);
}

/* Sends at once, or adds to `out` while more requests of the same connection are at hand. */
static void send_answer(struct conn *c, struct str head, struct str body)
{
    size_t pending = c->out.len + head.len + body.len;
    bool more_follow = c->is_advancing && c->in.len > 0 && !c->closes && pending < CONN_OUT_BATCH;
    if (!more_follow && c->out.len == 0) {
        http_conn_answered(c, http_conn_send(c, head, body));
        return;
    }
    put(&c->out, head);
    put(&c->out, body);
    http_conn_answered(c, more_follow ? IO_DONE : http_conn_flush(c));
}

void http_call_reply(struct http_call *pub, const struct http_reply *reply)
{
    struct call *call = CONTAINER_OF(pub, struct call, pub);
    MUST(!call->is_answered && reply->status >= 200 && reply->status <= 599);
    call->is_answered = true;
    count_answer(reply->status);
    struct conn *c = call->conn;
    if (c == NULL) { /* the peer is gone */
        metrics_add(METRIC_HTTP_ABANDONED, 1);
        http_call_free(call);
        return;
    }
    struct http_server *s = c->server;
    metrics_observe(METRIC_HTTP_HANDLE_TIME, loop_now_us(s->loop) - c->phase_us);
    bool peer_closes = !call->head.keep_alive;
    c->closes = peer_closes || reply->close || s->is_stopping;
    c->lingers = !peer_closes; /* it may have sent more, and a reset would eat the answer */
    struct str head = serialize(s, reply, c->closes, call->head.minor);
    bool has_body = status_has_body(reply->status) && call->head.method != HTTP_HEAD;
    c->call = NULL;
    send_answer(c, head, has_body ? reply->body : STR_NONE);
    http_call_free(call);
    if (c->in.len > 0 || c->may_read)
        http_conn_advance(c);
}

static const char *refusal_code(int status)
{
    switch (status) {
    case 408: return "timeout";
    case 413: return "body_too_large";
    case 414: return "uri_too_long";
    case 417: return "unknown_expectation";
    case 431: return "headers_too_large";
    case 501: return "not_implemented";
    case 503: return "too_many_connections";
    case 505: return "version_not_supported";
    default: return "bad_request";
    }
}

void http_call_refuse(struct conn *c, int status, const char *detail)
{
    char body[256];
    int len = snprintf(body, sizeof(body), "{\"code\":\"%s\",\"detail\":\"%s\"}",
                       refusal_code(status), detail);
    MUST(len > 0 && (size_t)len < sizeof(body));
    struct http_reply reply = { .status = status,
                                .content_type = STR("application/json"),
                                .body = str_of(body, (size_t)len) };
    metrics_add(status == 408                                     ? METRIC_HTTP_REFUSED_SLOW
                : status == 503                                   ? METRIC_HTTP_REFUSED_CONNECTIONS
                : status == 413 || status == 414 || status == 431 ? METRIC_HTTP_REFUSED_SIZE
                                                                  : METRIC_HTTP_REFUSED_MALFORMED,
                1);
    count_answer(status);
    http_call_free(c->call);
    c->call = NULL;
    c->closes = true;
    c->lingers = true;
    buf_fini(&c->in);
    send_answer(c, serialize(c->server, &reply, true, 1), reply.body);
}
