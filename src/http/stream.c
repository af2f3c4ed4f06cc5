/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams. A stream's connection is in CONN_STREAMING, in which only what waits in `out` moves. That a peer is gone is told
 * at the end of the turn, so that no writer loses its call under its hands.
 */
#include "http/stream.h"

#include "http/answer_priv.h"
#include "http/transport_priv.h"
#include "metrics/metrics.h"

#include <stdio.h>
#include <sys/socket.h>

/* What waits in the kernel is late as well, and nobody can leave it out any more. */
static const int kernel_bytes = 32 * 1024;

enum { CHUNK_FRAME_MAX = 24 }; /* its size, and the ends of two lines */

static struct call *call_of(struct http_call *pub)
{
    return CONTAINER_OF(pub, struct call, pub);
}

/* ---- the end ---- */

static void tell_gone(void *arg)
{
    struct call *call = arg;
    if (call->is_streaming)
        call->stream_kind->gone(call->stream_arg);
    http_call_free(call);
}

static void stream_lose(struct call *call)
{
    call->conn = NULL;
    call->gone_task = (struct loop_task){ .fn = tell_gone, .arg = call };
    loop_defer(call->server->loop, &call->gone_task);
    metrics_add(METRIC_HTTP_STREAMS, -1);
}

static void stream_stop(struct conn *c)
{
    c->call->stream_kind->stop(c->call->stream_arg);
}

/* ---- writing ---- */

static size_t stream_unsent(const struct conn *c)
{
    return c->out.len - c->out_at;
}

/* Sends what it can. The peer has from the last byte that it took until the stall's end. */
static void stream_push(struct conn *c)
{
    size_t before = stream_unsent(c);
    enum io_result r = http_conn_flush(c);
    if (r == IO_DONE) {
        http_conn_set_deadline(c, 0);
    } else if (r != IO_AGAIN) {
        http_conn_close(c);
    } else if (c->deadline_us == 0 || stream_unsent(c) < before) {
        http_conn_set_deadline(c, loop_now_us(c->server->loop) + HTTP_STREAM_STALL_US);
    }
}

static void stream_move(struct conn *c)
{
    if (c->got_hangup)
        http_conn_close(c);
    else if (stream_unsent(c) > 0)
        stream_push(c);
}

static const struct conn_flow flow = { .move = stream_move,
                                       .stop = stream_stop,
                                       .lost = stream_lose };

static void stream_put(struct conn *c, struct str bytes)
{
    MUST(buf_add_str(&c->out, bytes) == RC_OK); /* bounded by whoever writes */
}

size_t http_stream_room(struct http_call *pub)
{
    const struct call *call = call_of(pub);
    if (call->conn == NULL)
        return HTTP_STREAM_BUFFER;
    size_t taken = stream_unsent(call->conn) + CHUNK_FRAME_MAX;
    return taken < HTTP_STREAM_BUFFER ? HTTP_STREAM_BUFFER - taken : 0;
}

bool http_stream_write(struct http_call *pub, struct str bytes)
{
    struct call *call = call_of(pub);
    struct conn *c = call->conn;
    MUST(call->is_streaming);
    if (c == NULL || bytes.len == 0) /* an empty chunk would be the end */
        return true;
    if (bytes.len > http_stream_room(pub))
        return false;
    if (c->out_at > 0)
        buf_consume(&c->out, c->out_at);
    c->out_at = 0;
    if (call->head.minor > 0) {
        char size[CHUNK_FRAME_MAX];
        int len = snprintf(size, sizeof(size), "%zx\r\n", bytes.len);
        stream_put(c, str_of(size, (size_t)len));
        stream_put(c, bytes);
        stream_put(c, STR("\r\n"));
    } else {
        stream_put(c, bytes);
    }
    stream_push(c);
    return true;
}

/* ---- begin and end ---- */

bool http_stream_begin(struct http_call *pub, const struct http_reply *reply,
                       const struct http_stream_kind *kind, void *arg)
{
    struct call *call = call_of(pub);
    struct conn *c = call->conn;
    MUST(call->is_started && !call->is_answered);
    if (c == NULL || call->head.method == HTTP_HEAD || c->server->is_stopping) {
        struct http_reply whole = *reply;
        whole.body = STR_NONE;
        http_call_reply(pub, &whole);
        return false;
    }
    call->is_answered = call->is_streaming = true;
    call->flow = &flow;
    call->stream_kind = kind;
    call->stream_arg = arg;
    http_answer_count(reply->status);
    metrics_add(METRIC_HTTP_STREAMS, 1);
    metrics_observe(METRIC_HTTP_HANDLE_TIME, loop_now_us(c->server->loop) - c->phase_us);
    c->phase = CONN_STREAMING;
    (void)setsockopt(c->io.fd, SOL_SOCKET, SO_SNDBUF, &kernel_bytes, sizeof(kernel_bytes));
    c->closes = reply->close || !call->head.keep_alive || call->head.minor == 0;
    c->lingers = call->head.keep_alive;
    stream_put(c,
               http_answer_head(c->server, reply, c->closes, call->head.minor, HTTP_BODY_STREAMED));
    stream_push(c);
    return true;
}

void http_stream_end(struct http_call *pub)
{
    struct call *call = call_of(pub);
    struct conn *c = call->conn;
    MUST(call->is_streaming);
    call->is_streaming = false;
    if (c == NULL)
        return; /* tell_gone() frees it */
    metrics_add(METRIC_HTTP_STREAMS, -1);
    if (call->head.minor > 0)
        stream_put(c, STR("0\r\n\r\n"));
    c->closes = c->closes || c->server->is_stopping;
    c->call = NULL;
    http_call_free(call);
    http_conn_answered(c, http_conn_flush(c)); /* the rest in the time that any answer has */
    if (c->in.len > 0 || c->may_read)
        http_conn_advance(c);
}
