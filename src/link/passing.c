/* SPDX-License-Identifier: Apache-2.0
 *
 * One call on its way to the node at work, and its answer on the way back.
 */
#include "link/front_priv.h"

#include "http/origin.h"
#include "http/router.h"
#include "http/stream.h"
#include "metrics/metrics.h"

#include <stdio.h>

enum {
    LINES_MAX = 1 << 21,     /* header lines: those of a head, which is bounded before */
    ANSWER_HEADERS_MAX = 64, /* lines of an answer of our own kind */
    ANSWER_MAX = 1 << 30,    /* longer than any answer that has an end */
    PROBE_US = 1000000       /* who asks whether the service is well wants to know now */
};
#define ANSWER_US INT64_C(300000000)
#define STREAM_US INT64_C(86400000000)

/* --- the call --------------------------------------------------------------------------------- */

static bool is_probe(const struct http_call *call)
{
    return call->head->method == HTTP_GET && str_eq(call->head->path, STR("/api/v1/health"));
}

/* The one path whose answer has no end. */
static bool wants_stream(const struct http_call *call)
{
    return str_eq(call->head->path, STR("/api/v1/stream"));
}

/* Sent twice, it does what it would have done once. */
static bool is_repeatable(const struct http_call *call)
{
    enum http_method m = call->head->method;
    return m == HTTP_GET || m == HTTP_HEAD || m == HTTP_OPTIONS || m == HTTP_PUT ||
           (m == HTTP_POST && http_call_header(call, "idempotency-key").len > 0);
}

static void passing_done(struct fetch_call *fetch);
static void passing_cut(void *arg);

struct link_call *link_call_new(struct link_front *f, struct http_call *call)
{
    struct link_call *c = XNEW(struct link_call);
    int64_t patience_us = is_probe(call) ? PROBE_US : f->o.patience_us;
    c->front = f;
    c->call = call;
    c->until_us = loop_now_us(f->o.loop) + patience_us;
    c->is_live = wants_stream(call);
    c->cut = (struct loop_task){ .fn = passing_cut, .arg = c };
    buf_init(&c->lines, LINES_MAX);
    http_origin_write(call, f->o.cell == NULL ? STR_NONE : str_from(f->o.cell), &c->lines);
    fetch_call_init(&c->fetch);
    c->next = f->calls;
    if (c->next != NULL)
        c->next->prev = c;
    f->calls = c;
    metrics_add(METRIC_LINK_OPEN, 1);
    return c;
}

static void call_free(struct link_call *c)
{
    struct link_front *f = c->front;
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        f->calls = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    fetch_call_fini(&c->fetch);
    buf_fini(&c->lines);
    xfree(c);
    metrics_add(METRIC_LINK_OPEN, -1);
}

void link_call_refuse(struct link_call *c, const char *code, const char *why)
{
    struct http_request req = { .call = c->call, .arena = c->call->arena };
    http_error(&req, 503, code, "%s", why);
    http_add_header(&req, STR("Retry-After"), STR("1"));
    http_call_reply(c->call, &req.reply);
    call_free(c);
}

/* --- a try that came to nothing --------------------------------------------------------------- */

static void wait_again(struct link_call *c)
{
    c->state = LINK_WAITS;
    if (c->front->is_closed)
        link_call_refuse(c, "no_node_at_work", "this node is stopping; try again");
    else
        link_front_later(c->front);
}

static void lose_answer(struct link_call *c)
{
    if (is_repeatable(c->call))
        wait_again(c);
    else
        link_call_refuse(
            c, "outcome_unknown",
            "the node at work was lost before it answered: this may have been done or not; look "
            "before you send it again, or send an Idempotency-Key the next time");
}

static bool was_not_sent(enum fetch_error error)
{
    return error == FETCH_DNS || error == FETCH_ADDRESS || error == FETCH_CONNECT ||
           error == FETCH_CONNECT_TIMEOUT || error == FETCH_TLS || error == FETCH_BAD_URL;
}

static void end_try(struct link_call *c)
{
    c->front->tries -= c->is_try ? 1 : 0;
    c->is_try = false;
}

void link_call_reached(struct link_call *c)
{
    end_try(c);
    link_front_note(c->front, NULL);
}

/* --- the answer ------------------------------------------------------------------------------- */

/* The lines that are for the client; the type of the content apart. */
static void read_lines(struct str lines, struct http_reply *reply, struct http_header *headers)
{
    struct str line;
    reply->headers = headers;
    while (str_split(&lines, '\n', &line) && reply->header_count < ANSWER_HEADERS_MAX) {
        if (str_ends(line, STR("\r")))
            line.len--;
        size_t colon = str_find(line, ':');
        struct http_header h = { str_sub(line, 0, colon),
                                 str_trim(str_sub(line, colon + 1, line.len)) };
        if (colon == line.len || !http_is_token(h.name) || !http_origin_passes(h.name))
            continue;
        if (str_ieq(h.name, STR("content-type")))
            reply->content_type = h.value;
        else
            headers[reply->header_count++] = h;
    }
}

static void passing_answer(struct link_call *c)
{
    struct http_header headers[ANSWER_HEADERS_MAX];
    struct http_reply reply = { .status = c->fetch.status, .body = c->fetch.response };
    read_lines(c->fetch.response_headers, &reply, headers);
    if (c->back.fn != NULL &&
        fetch_response_header(&c->fetch, http_origin_unknown.name.ptr).len > 0)
        c->back.fn(c->back.arg, &reply);
    else
        http_call_reply(c->call, &reply);
    call_free(c);
}

/* --- a stream --------------------------------------------------------------------------------- */

static void cut_soon(struct link_call *c)
{
    if (!c->is_cut)
        loop_defer(c->front->o.loop, &c->cut);
    c->is_cut = true;
}

static void stream_gone(void *arg)
{
    struct link_call *c = arg;
    c->call = NULL;
    cut_soon(c);
}

static void stream_stop(void *arg)
{
    struct link_call *c = arg;
    http_stream_end(c->call);
    c->call = NULL;
    cut_soon(c);
}

static const struct http_stream_kind stream = { .gone = stream_gone, .stop = stream_stop };

static void passing_cut(void *arg)
{
    struct link_call *c = arg;
    c->is_cut = false;
    if (c->is_over)
        call_free(c);
    else
        fetch_cancel(c->front->fetch, &c->fetch);
}

static bool begin_stream(struct link_call *c)
{
    struct http_header headers[ANSWER_HEADERS_MAX];
    struct http_reply reply = { .status = 200 };
    read_lines(c->fetch.response_headers, &reply, headers);
    c->state = LINK_STREAMS;
    link_call_reached(c);
    if (http_stream_begin(c->call, &reply, &stream, c))
        return true;
    c->call = NULL;
    return false;
}

/* A client that does not read as fast is cut, and asks for what it missed. */
static void passing_part(void *arg, struct str bytes)
{
    struct link_call *c = arg;
    if (c->is_cut || (c->state != LINK_STREAMS && !begin_stream(c)))
        cut_soon(c);
    else if (!http_stream_write(c->call, bytes))
        cut_soon(c);
}

/* --- there and back --------------------------------------------------------------------------- */

static void passing_done(struct fetch_call *fetch)
{
    struct link_call *c = fetch->owner;
    end_try(c);
    if (c->state == LINK_STREAMS) {
        if (c->call != NULL)
            http_stream_end(c->call);
        c->call = NULL;
        c->is_over = true;
        if (!c->is_cut)
            call_free(c);
    } else if (fetch->error == FETCH_OK && !fetch->response_cut) {
        link_front_note(c->front, NULL);
        passing_answer(c);
    } else {
        (void)snprintf(c->words, sizeof c->words,
                       "the node at work cannot be reached: %s; try again", fetch->detail);
        if (fetch->error != FETCH_CANCELED)
            link_front_note(c->front, fetch->detail);
        if (was_not_sent(fetch->error))
            wait_again(c);
        else
            lose_answer(c);
    }
}

void link_call_recall(struct link_call *c)
{
    c->aim = c->front->aim;
    if (c->is_cut)
        return; /* it ends by itself */
    fetch_cancel(c->front->fetch, &c->fetch);
}

void link_call_send(struct link_call *c)
{
    const struct http_head *head = c->call->head;
    struct link_front *f = c->front;
    fetch_call_fini(&c->fetch);
    fetch_call_init(&c->fetch);
    c->url = f->url;
    c->url.target = head->target;
    c->aim = f->aim;
    c->state = LINK_SENT;
    c->sent_us = loop_now_us(f->o.loop);
    c->is_try = f->is_failing;
    f->tries += c->is_try ? 1 : 0;
    c->fetch.url = &c->url;
    /* What HEAD is told of a length is that of a body, which GET brings; but not where that has no end. */
    bool needs_length = head->method == HTTP_HEAD && !c->is_live;
    c->fetch.method = needs_length ? HTTP_GET : head->method;
    c->fetch.headers = buf_str(&c->lines);
    c->fetch.body = c->call->is_plain ? c->call->packed : c->call->body;
    c->fetch.deadline_us = c->is_live ? STREAM_US : ANSWER_US;
    c->fetch.connect_us = LINK_CONNECT_US;
    c->fetch.response_keep = c->fetch.response_read = ANSWER_MAX;
    c->fetch.is_trusted = true;
    c->fetch.is_once = !is_repeatable(c->call);
    c->fetch.done = passing_done;
    c->fetch.owner = c;
    if (c->is_live) {
        c->fetch.part = passing_part;
        c->fetch.part_arg = c;
    }
    fetch_start(f->fetch, &c->fetch);
}
