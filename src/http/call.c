/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls: from a parsed head to the bytes of the answer. Calls with their memory are kept on a short
 * free list, so that a request allocates nothing and an idle connection holds nothing.
 */
#include "http/answer_priv.h"
#include "http/transport_priv.h"

#include "metrics/metrics.h"

#include <arpa/inet.h>
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
    call->owner = 0;
    call->charged = 0;
    call->is_whole = call->is_judging = call->takes_any = false;
    call->is_started = call->is_answered = call->is_streaming = false;
    call->pub.body_max = s->limits.body_max;
    call->pub.is_plain = false;
    call->pub.packed = STR_NONE;
    call->pub.from_cell = STR_NONE;
    call->pub.refused_status = 0;
    call->pub.refused_why = "";
    call->pub.refused = NULL;
    buf_init(&call->body, 0);
    return call;
}

void http_call_free(struct call *call)
{
    if (call == NULL)
        return;
    struct http_server *s = call->server;
    buf_fini(&call->body);
    if (call->charged > 0)
        share_give(s->bodies, call->owner, call->charged);
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

static void call_rebase(struct str *s, const char *from, const char *to)
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
    call_rebase(&h->method_text, head.ptr, copy);
    call_rebase(&h->target, head.ptr, copy);
    call_rebase(&h->path, head.ptr, copy);
    call_rebase(&h->query, head.ptr, copy);
    for (size_t i = 0; i < h->header_count; i++) {
        call_rebase(&h->headers[i].name, head.ptr, copy);
        call_rebase(&h->headers[i].value, head.ptr, copy);
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

/* What a judge or a handler sees of it. */
static void call_present(struct call *call)
{
    struct conn *c = call->conn;
    call->pub.arena = &call->arena;
    call->pub.head = &call->head;
    call->pub.peer = str_from(c->peer);
    call->pub.started_us = c->started_us;
    call->pub.loop = c->server->loop;
    call->pub.door = c->server->door;
    call->pub.user = NULL;
    call->pub.refused = NULL;
    call->pub.request_id = request_id(call);
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
    call_present(call);
    s->handler(s->ctx, &call->pub);
}

/* ---- admission ---- */

void http_call_judge(struct call *call)
{
    struct conn *c = call->conn;
    struct http_server *s = call->server;
    call->is_judging = true;
    c->phase = CONN_JUDGING;
    http_conn_set_deadline(c, 0);
    if (s->admit == NULL) {
        http_call_admit(&call->pub, &(struct http_admission){ 0 });
        return;
    }
    c->phase_us = loop_now_us(s->loop);
    call_present(call);
    s->admit(s->ctx, &call->pub);
}

/* What no owner's share could ever hold is too large, not a matter of waiting. */
static size_t within_share(const struct share *bodies, size_t body_max)
{
    if (bodies == NULL)
        return body_max;
    size_t most = share_most(bodies) / HTTP_BODY_FREE * HTTP_BODY_FREE; /* as it is charged */
    if (most < HTTP_BODY_FREE)
        most = HTTP_BODY_FREE;
    return body_max < most ? body_max : most;
}

bool http_call_is_judged(const struct http_call *pub)
{
    const char *at = (const char *)pub - offsetof(struct call, pub);
    return ((const struct call *)(const void *)at)->is_judging;
}

void http_call_admit(struct http_call *pub, const struct http_admission *admission)
{
    struct call *call = CONTAINER_OF(pub, struct call, pub);
    struct conn *c = call->conn;
    MUST(call->is_judging);
    call->is_judging = false;
    if (c == NULL) { /* the peer is gone */
        metrics_add(METRIC_HTTP_ABANDONED, 1);
        http_call_free(call);
        return;
    }
    const struct http_limits *limits = &c->server->limits;
    size_t body_max = admission->takes_any ? limits->any_body_max : limits->body_max;
    if (admission->body_max != 0)
        body_max = admission->body_max;
    body_max = within_share(c->server->bodies, body_max);
    call->owner = admission->owner;
    call->takes_any = admission->takes_any;
    buf_init(&call->body, body_max);
    pub->body_max = body_max;
    if (call->head.has_length && call->head.length > body_max)
        http_conn_refuse_body(c, 413, "the body is larger than the limit");
    else
        http_conn_admitted(c);
}

enum rc http_call_charge(struct call *call, size_t more)
{
    struct share *bodies = call->server->bodies;
    size_t needed = call->body.len + more;
    if (bodies == NULL || needed <= HTTP_BODY_FREE || needed <= call->charged)
        return RC_OK;
    size_t target = (needed + HTTP_BODY_FREE - 1) / HTTP_BODY_FREE * HTTP_BODY_FREE;
    enum rc rc = share_take(bodies, call->owner, target - call->charged);
    if (rc == RC_OK)
        call->charged = target;
    return rc;
}

uint64_t http_call_stranger(const struct http_call *call)
{
    const uint64_t stranger = UINT64_C(1) << 63;
    char text[CONN_ADDRESS_MAX];
    uint8_t v6[16];
    (void)snprintf(text, sizeof(text), "%.*s", STR_ARGS(call->peer));
    if (inet_pton(AF_INET6, text, v6) == 1)
        return stranger | str_hash(str_of((const char *)v6, 8)); /* a /64 is one stranger's */
    return stranger | str_hash(call->peer);
}

struct str http_call_header(const struct http_call *call, const char *name)
{
    const struct http_header *h = http_find(call->head, str_from(name));
    return h == NULL ? STR_NONE : h->value;
}

/* ---- the answer ---- */

/* Appends; our own limit on an answer's head is a bug to reach. */
static void call_put(struct buf *out, struct str s)
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
    call_put(out, str_of(digits + at, sizeof(digits) - at));
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
        call_put(out, h->name);
        call_put(out, STR(": "));
        call_put(out, h->value);
        call_put(out, STR("\r\n"));
    }
}

static bool status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static void put_framing(struct buf *out, const struct http_reply *reply, int minor,
                        enum http_body_framing framing)
{
    if (framing == HTTP_BODY_STREAMED) {
        call_put(out, minor > 0 ? STR("\r\nTransfer-Encoding: chunked") : STR_NONE);
    } else if (status_has_body(reply->status)) {
        call_put(out, STR("\r\nContent-Length: "));
        put_number(out, reply->body.len);
    }
}

struct str http_answer_head(struct http_server *s, const struct http_reply *reply, bool closes,
                            int minor, enum http_body_framing framing)
{
    struct buf *out = &s->scratch;
    buf_reset(out);
    call_put(out, STR("HTTP/1.1 "));
    put_number(out, (uint64_t)reply->status);
    call_put(out, STR(" "));
    call_put(out, str_from(http_reason(reply->status)));
    call_put(out, STR("\r\nDate: "));
    call_put(out, date_now(s));
    if (reply->content_type.len > 0) {
        call_put(out, STR("\r\nContent-Type: "));
        call_put(out, reply->content_type);
    }
    put_framing(out, reply, minor, framing);
    call_put(out, STR("\r\n"));
    put_headers(out, reply);
    if (closes)
        call_put(out, STR("Connection: close\r\n"));
    if (!closes && minor == 0)
        call_put(out, STR("Connection: keep-alive\r\n"));
    call_put(out, STR("\r\n"));
    return buf_str(out);
}

void http_answer_count(int status)
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
    call_put(&c->out, head);
    call_put(&c->out, body);
    http_conn_answered(c, more_follow ? IO_DONE : http_conn_flush(c));
}

void http_call_reply(struct http_call *pub, const struct http_reply *reply)
{
    struct call *call = CONTAINER_OF(pub, struct call, pub);
    MUST(!call->is_answered && reply->status >= 200 && reply->status <= 599);
    call->is_answered = true;
    http_answer_count(reply->status);
    struct conn *c = call->conn;
    if (c == NULL) { /* the peer is gone */
        metrics_add(METRIC_HTTP_ABANDONED, 1);
        http_call_free(call);
        return;
    }
    struct http_server *s = c->server;
    metrics_observe(METRIC_HTTP_HANDLE_TIME, loop_now_us(s->loop) - c->phase_us);
    bool peer_closes = !call->head.keep_alive;
    bool is_unread = call->is_judging || pub->refused_status != 0; /* its body is still to come */
    c->closes = peer_closes || reply->close || s->is_stopping || is_unread;
    c->lingers = !peer_closes || is_unread; /* more may come, and a reset would eat the answer */
    if (is_unread && !c->is_advancing)
        buf_fini(&c->in);
    struct str head = http_answer_head(s, reply, c->closes, call->head.minor, HTTP_BODY_WHOLE);
    bool has_body = status_has_body(reply->status) && call->head.method != HTTP_HEAD;
    c->call = NULL;
    send_answer(c, head, has_body ? reply->body : STR_NONE);
    http_call_free(call);
    if (c->in.len > 0 || c->may_read)
        http_conn_advance(c);
}

const char *http_refusal_code(int status)
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

static void refuse_as(struct conn *c, int status, enum metric why, const char *code,
                      const char *detail)
{
    static const struct http_header retry_after = { { "Retry-After", 11 }, { "1", 1 } };
    char body[256];
    int len = snprintf(body, sizeof(body), "{\"code\":\"%s\",\"detail\":\"%s\"}", code, detail);
    MUST(len > 0 && (size_t)len < sizeof(body));
    struct http_reply reply = { .status = status,
                                .content_type = STR("application/json"),
                                .body = str_of(body, (size_t)len) };
    if (status == 503) {
        reply.headers = &retry_after;
        reply.header_count = 1;
    }
    metrics_add(why, 1);
    http_answer_count(status);
    if (c->call != NULL && c->call->pub.refused != NULL)
        c->call->pub.refused(&c->call->pub, status);
    http_call_free(c->call);
    c->call = NULL;
    c->closes = true;
    c->lingers = true;
    buf_fini(&c->in);
    send_answer(c, http_answer_head(c->server, &reply, true, 1, HTTP_BODY_WHOLE), reply.body);
}

void http_call_refuse(struct conn *c, int status, const char *detail)
{
    enum metric why = status == 408   ? METRIC_HTTP_REFUSED_SLOW
                      : status == 503 ? METRIC_HTTP_REFUSED_CONNECTIONS
                      : status == 413 || status == 414 || status == 431
                          ? METRIC_HTTP_REFUSED_SIZE
                          : METRIC_HTTP_REFUSED_MALFORMED;
    refuse_as(c, status, why, http_refusal_code(status), detail);
}

void http_call_refuse_memory(struct conn *c, enum rc why)
{
    if (why == RC_LIMIT)
        refuse_as(
            c, 503, METRIC_HTTP_REFUSED_BODIES, "too_many_bodies",
            "the bodies of your other requests take all the memory you may use; try again later");
    else
        refuse_as(
            c, 503, METRIC_HTTP_REFUSED_BODIES, "busy",
            "request bodies take all the memory that http.bodies_max allows; try again later");
}
