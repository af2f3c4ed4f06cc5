/* SPDX-License-Identifier: Apache-2.0
 *
 * The wire, byte by byte: what hostile and odd senders send, and every byte that is answered. Each
 * script is sent whole, in halves, and a byte at a time, and must get the same bytes each time:
 * where a packet ends must never decide what a request is.
 */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: a\r\n"
#define POST "POST /x HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define NEXT "GET /next HTTP/1.1\r\n" HOST "\r\n"
#define SMUGGLED "GET /smuggled HTTP/1.1\r\n" HOST "\r\n"
#define DATE "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

enum {
    ANSWERS_MAX = 3,
    SCRIPT_MAX = 1 << 16,
    EXPECTED_MAX = 4096,
    PATIENT_TURNS = 200,
    PATIENT_US = 1000
};

/* What must come back: 200 with `text` as its body, or a refusal with `text` as its detail. */
struct answer {
    int status; /* 0: no further answer */
    const char *text;
    bool closes; /* 200s that end the connection; refusals always do */
};

struct script {
    const char *what;
    struct str in;
    struct answer out[ANSWERS_MAX];
    bool ends_sending; /* the sender closes its side after the last byte */
    bool is_closed;    /* without an answer, because of what was sent */
    int times;         /* so often X64 follows what is sent */
};

#define IN(bytes) \
    { \
        bytes, sizeof(bytes) - 1 \
    }

static const struct script SCRIPTS[] = {
    /* two readers that disagree on where a request ends */
    { .what = "CL.TE",
      .in = IN(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 400, "Content-Length beside Transfer-Encoding", 0 } } },
    { .what = "TE.CL",
      .in = IN(POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n" SMUGGLED),
      .out = { { 400, "Content-Length beside Transfer-Encoding", 0 } } },
    { .what = "TE.TE, the second odd",
      .in =
          IN(POST "Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 400, "repeated Transfer-Encoding", 0 } } },
    { .what = "TE.TE, the first odd",
      .in =
          IN(POST "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 501, "unknown Transfer-Encoding", 0 } } },
    { .what = "TE with a vertical tab",
      .in = IN(POST "Transfer-Encoding:\x0b"
                    "chunked\r\n\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 400, "control byte in a header value", 0 } } },
    { .what = "TE with a blank before the colon",
      .in = IN(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 400, "blank before the colon of a header", 0 } } },
    { .what = "TE on a folded line",
      .in = IN(POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 501, "unknown Transfer-Encoding", 0 } } },
    { .what = "TE behind a bare LF",
      .in = IN(POST "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 400, "line ends in LF without CR", 0 } } },
    { .what = "TE behind a bare CR",
      .in = IN(POST "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 400, "CR without LF", 0 } } },
    { .what = "TE in quotes",
      .in = IN(POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 501, "unknown Transfer-Encoding", 0 } } },
    { .what = "TE with a parameter",
      .in = IN(POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 501, "unknown Transfer-Encoding", 0 } } },
    { .what = "TE with a comma",
      .in = IN(POST "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 501, "unknown Transfer-Encoding", 0 } } },
    { .what = "TE without a value",
      .in = IN(POST "Transfer-Encoding:\r\nContent-Length: 0\r\n\r\n" SMUGGLED),
      .out = { { 501, "unknown Transfer-Encoding", 0 } } },
    { .what = "TE in HTTP/1.0",
      .in = IN("POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 400, "Transfer-Encoding in HTTP/1.0", 0 } } },
    { .what = "a name that only looks like TE",
      .in = IN(POST "Transfer_Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r" NEXT),
      .out = { { 200, "POST /x:0\r", 0 }, { 200, "GET /next:", 0 } } },
    { .what = "CL.CL",
      .in = IN(POST "Content-Length: 0\r\nContent-Length: 44\r\n\r\n" SMUGGLED),
      .out = { { 400, "repeated Content-Length", 0 } } },
    { .what = "a list of lengths",
      .in = IN(POST "Content-Length: 0, 44\r\n\r\n" SMUGGLED),
      .out = { { 400, "malformed Content-Length", 0 } } },
    { .what = "a signed length",
      .in = IN(POST "Content-Length: +0\r\n\r\n" SMUGGLED),
      .out = { { 400, "malformed Content-Length", 0 } } },
    { .what = "a length past 64 bits",
      .in = IN(POST "Content-Length: 18446744073709551616\r\n\r\n" SMUGGLED),
      .out = { { 400, "malformed Content-Length", 0 } } },
    { .what = "a length with a form feed",
      .in = IN(POST "Content-Length: \x0c"
                    "0\r\n\r\n" SMUGGLED),
      .out = { { 400, "control byte in a header value", 0 } } },
    { .what = "a body of a GET is a body",
      .in = IN("GET /x HTTP/1.1\r\n" HOST "Content-Length: 39\r\n\r\n" SMUGGLED NEXT),
      .out = { { 200, "GET /x:" SMUGGLED "GET ", 0 }, { 400, "malformed method", 0 } } },
    { .what = "a second Host",
      .in = IN("GET /x HTTP/1.1\r\n" HOST "Host: b\r\n\r\n" SMUGGLED),
      .out = { { 400, "repeated Host", 0 } } },
    { .what = "a Host beside another target",
      .in = IN("GET http://b/x HTTP/1.1\r\n" HOST "\r\n" SMUGGLED),
      .out = { { 400, "Host differs from the request target", 0 } } },
    { .what = "a NUL in Host",
      .in = IN("GET /x HTTP/1.1\r\nHost: a\0b\r\n\r\n" SMUGGLED),
      .out = { { 400, "control byte in a header value", 0 } } },
    /* chunks */
    { .what = "chunks, extensions, trailers",
      .in = IN(CHUNKED "5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX-T: y\r\n\r\n" NEXT),
      .out = { { 200, "POST /x:hello!", 0 }, { 200, "GET /next:", 0 } } },
    { .what = "trailers that would frame",
      .in = IN(CHUNKED "1\r\na\r\n0\r\nContent-Length: 44\r\nTransfer-Encoding: x\r\n\r\n" NEXT),
      .out = { { 200, "POST /x:a", 0 }, { 200, "GET /next:", 0 } } },
    { .what = "a chunk size of 0x1",
      .in = IN(CHUNKED "0x1\r\na\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 400, "malformed chunk size", 0 } } },
    { .what = "a chunk size past 63 bits",
      .in = IN(CHUNKED "8000000000000001\r\na\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 400, "chunk size too large", 0 } } },
    { .what = "a negative chunk size",
      .in = IN(CHUNKED "-1\r\na\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 400, "malformed chunk size", 0 } } },
    { .what = "a blank after a chunk size",
      .in = IN(CHUNKED "1 \r\na\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 400, "malformed chunk size", 0 } } },
    { .what = "no chunk size",
      .in = IN(CHUNKED "\r\na\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 400, "malformed chunk size", 0 } } },
    { .what = "a bare LF in an extension",
      .in = IN(CHUNKED "1;\na\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 400, "control byte in a chunk extension", 0 } } },
    { .what = "a bare CR in an extension",
      .in = IN(CHUNKED "1;\ra\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 400, "CR without LF in the chunked body", 0 } } },
    { .what = "data past its chunk",
      .in = IN(CHUNKED "1\r\nab\r\n0\r\n\r\n" SMUGGLED),
      .out = { { 400, "no CR after the chunk's data", 0 } } },
    { .what = "a bare LF after the data",
      .in = IN(CHUNKED "1\r\na\n0\r\n\r\n" SMUGGLED),
      .out = { { 400, "no CR after the chunk's data", 0 } } },
    { .what = "a bare CR after the data",
      .in = IN(CHUNKED "1\r\na\r0\r\n\r\n" SMUGGLED),
      .out = { { 400, "no LF after the chunk's data", 0 } } },
    { .what = "a folded trailer",
      .in = IN(CHUNKED "0\r\nX: y\r\n z\r\n\r\n" SMUGGLED),
      .out = { { 400, "malformed trailer", 0 } } },
    { .what = "a NUL in a trailer",
      .in = IN(CHUNKED "0\r\nX: \0\r\n\r\n" SMUGGLED),
      .out = { { 400, "control byte in a trailer", 0 } } },
    { .what = "an endless extension",
      .in = IN(CHUNKED "1;"),
      .out = { { 400, "chunk size line too long", 0 } },
      .times = 8 },
    { .what = "an endless chunk size",
      .in = IN(CHUNKED "00000000000000000000000000000001\r\na\r\n0\r\n\r\n"),
      .out = { { 400, "chunk size too large", 0 } } },
    { .what = "an endless trailer",
      .in = IN(CHUNKED "0\r\nX: "),
      .out = { { 400, "trailers too large", 0 } },
      .times = 136 },
    { .what = "more chunks than the limit",
      .in = IN(CHUNKED "fff1\r\n"),
      .out = { { 0, NULL, 0 } } },
    { .what = "a length past the limit",
      .in = IN(POST "Content-Length: 65537\r\n\r\n" SMUGGLED),
      .out = { { 413, "the body is larger than the limit", 0 } } },
    /* heads without end */
    { .what = "an endless request line",
      .in = IN("GET /"),
      .out = { { 414, "request line too long", 0 } },
      .times = 16 },
    { .what = "an endless header",
      .in = IN("GET /x HTTP/1.1\r\n" HOST "X: "),
      .out = { { 431, "headers too large", 0 } },
      .times = 16 },
    { .what = "an endless name",
      .in = IN("GET /x HTTP/1.1\r\n" HOST),
      .out = { { 431, "headers too large", 0 } },
      .times = 16 },
    { .what = "an endless method",
      .in = IN("x"),
      .out = { { 414, "request line too long", 0 } },
      .times = 16 },
    { .what = "empty lines without end",
      .in = IN("\r\n\r\n\r\n\r\n"),
      .out = { { 400, "malformed method", 0 } } },
    /* pipelining */
    { .what = "three in a row",
      .in = IN(NEXT POST "Content-Length: 2\r\n\r\nhi" NEXT),
      .out = { { 200, "GET /next:", 0 }, { 200, "POST /x:hi", 0 }, { 200, "GET /next:", 0 } } },
    { .what = "a good one, then a bad one",
      .in = IN(NEXT "GET /x HTTP/1.1\r\n\r\n" SMUGGLED),
      .out = { { 200, "GET /next:", 0 }, { 400, "no Host", 0 } } },
    { .what = "nothing after close",
      .in = IN("GET /x HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n" SMUGGLED),
      .out = { { 200, "GET /x:", true } } },
    { .what = "nothing after HTTP/1.0",
      .in = IN("GET /x HTTP/1.0\r\n\r\n" SMUGGLED),
      .out = { { 200, "GET /x:", true } } },
    { .what = "a body longer than its length",
      .in = IN(POST "Content-Length: 2\r\n\r\nhi{\"a\":1}" NEXT),
      .out = { { 200, "POST /x:hi", 0 }, { 400, "malformed method", 0 } } },
    { .what = "an empty line between",
      .in = IN(NEXT "\r\n" NEXT),
      .out = { { 200, "GET /next:", 0 }, { 200, "GET /next:", 0 } } },
    { .what = "two empty lines between",
      .in = IN(NEXT "\r\n\r\n" NEXT),
      .out = { { 200, "GET /next:", 0 }, { 400, "malformed method", 0 } } },
    { .what = "an upgrade nobody speaks",
      .in = IN(
          "GET /x HTTP/1.1\r\n" HOST
          "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n" NEXT),
      .out = { { 200, "GET /x:", 0 }, { 200, "GET /next:", 0 } } },
    /* what is no request */
    { .what = "an answer",
      .in = IN("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
      .out = { { 400, "malformed method", 0 } } },
    { .what = "an interim answer",
      .in = IN("HTTP/1.1 100 Continue\r\n\r\n" NEXT),
      .out = { { 400, "malformed method", 0 } } },
    { .what = "CONNECT",
      .in = IN("CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n"),
      .out = { { 400, "malformed request target", 0 } } },
    { .what = "the preface of HTTP/2",
      .in = IN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      .out = { { 400, "malformed request target", 0 } } },
    { .what = "HTTP/0.9",
      .in = IN("GET /x\r\n"),
      .out = { { 400, "malformed request target", 0 } } },
    { .what = "HTTP/1.2",
      .in = IN("GET /x HTTP/1.2\r\n" HOST "\r\n"),
      .out = { { 505, "only HTTP/1.0 and HTTP/1.1 are spoken here", 0 } } },
    { .what = "a TLS hello",
      .in = IN("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
      .out = { { 400, "malformed method", 0 } } },
    { .what = "an SSH client",
      .in = IN("SSH-2.0-OpenSSH_9.2\r\n"),
      .out = { { 400, "malformed method", 0 } } },
    { .what = "an expectation of cake",
      .in = IN(POST "Expect: cake\r\nContent-Length: 2\r\n\r\nhi"),
      .out = { { 417, "unknown expectation", 0 } } },
    /* early ends */
    { .what = "the end in a head",
      .in = IN("GET /x HTTP/1.1\r\nHo"),
      .out = { { 0, NULL, 0 } },
      .ends_sending = true,
      .is_closed = true },
    { .what = "the end in a body",
      .in = IN(POST "Content-Length: 5\r\n\r\nab"),
      .out = { { 0, NULL, 0 } },
      .ends_sending = true,
      .is_closed = true },
    { .what = "the end in a chunk",
      .in = IN(CHUNKED "5\r\nab"),
      .out = { { 0, NULL, 0 } },
      .ends_sending = true,
      .is_closed = true },
    { .what = "the end before the last chunk",
      .in = IN(CHUNKED "2\r\nab\r\n"),
      .out = { { 0, NULL, 0 } },
      .ends_sending = true,
      .is_closed = true },
    { .what = "the end in the trailers",
      .in = IN(CHUNKED "0\r\nX: y\r\n"),
      .out = { { 0, NULL, 0 } },
      .ends_sending = true,
      .is_closed = true },
    { .what = "the end after a whole request",
      .in = IN(NEXT),
      .out = { { 200, "GET /next:", 0 } },
      .ends_sending = true,
      .is_closed = true },
};

/* ---- what is expected ---- */

static const char *code_of(int status)
{
    switch (status) {
    case 413: return "body_too_large";
    case 414: return "uri_too_long";
    case 417: return "unknown_expectation";
    case 431: return "headers_too_large";
    case 501: return "not_implemented";
    case 505: return "version_not_supported";
    default: return "bad_request";
    }
}

static void add_answer(struct buf *out, const struct answer *a)
{
    char json[256];
    bool is_ok = a->status == 200;
    if (!is_ok)
        (void)snprintf(json, sizeof(json), "{\"code\":\"%s\",\"detail\":\"%s\"}",
                       code_of(a->status), a->text);
    const char *body = is_ok ? a->text : json;
    assert_int_equal(
        buf_addf(out,
                 "HTTP/1.1 %d %s\r\n" DATE "Content-Type: %s\r\nContent-Length: %zu\r\n%s\r\n%s",
                 a->status, http_reason(a->status), is_ok ? "text/plain" : "application/json",
                 strlen(body), is_ok && !a->closes ? "" : "Connection: close\r\n", body),
        RC_OK);
}

/* The bytes of all answers; true: the connection ends after them. */
static bool expected_of(const struct script *s, struct buf *out)
{
    bool closes = s->is_closed;
    buf_reset(out);
    for (int i = 0; i < ANSWERS_MAX && s->out[i].status != 0; i++) {
        add_answer(out, &s->out[i]);
        closes |= s->out[i].closes || s->out[i].status != 200;
    }
    return closes;
}

/* ---- sending ---- */

/* Adds what has come; true: the other side has closed. */
static bool take(int fd, struct buf *got)
{
    char bytes[4096];
    ssize_t n;
    while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        assert_int_equal(buf_add(got, bytes, (size_t)n), RC_OK);
    return n == 0 || errno != EAGAIN;
}

static void bytes_of(const struct script *s, struct buf *out)
{
    buf_reset(out);
    assert_int_equal(buf_add_str(out, s->in), RC_OK);
    for (int i = 0; i < s->times; i++)
        assert_int_equal(buf_add_str(out, STR(X64)), RC_OK);
}

/* Sends in pieces of `step` bytes and compares what comes back to the last byte. */
static void play(struct harness *h, const struct script *s, struct str in, size_t step,
                 struct str expected, bool closes)
{
    struct buf got;
    bool is_closed = false;
    int fd = client_connect(h);
    buf_init(&got, 1 << 20);
    for (size_t at = 0; at < in.len; at += step) {
        struct str piece = str_sub(in, at, step);
        /* A sender that is refused may be cut off in the middle of its word. */
        (void)send(fd, piece.ptr, piece.len, MSG_NOSIGNAL);
        loop_turn(h->loop, 0);
    }
    if (s->ends_sending)
        (void)shutdown(fd, SHUT_WR);
    for (int turn = 0; turn < PATIENT_TURNS; turn++) {
        loop_turn(h->loop, turn < 4 ? 0 : PATIENT_US);
        is_closed |= take(fd, &got);
        if (got.len >= expected.len && is_closed == closes && turn >= 3)
            break;
    }
    if (!str_eq(buf_str(&got), expected) || is_closed != closes)
        fail_msg("%s, in pieces of %zu: %s after\n%.*s\nnot %s after\n%.*s", s->what, step,
                 is_closed ? "closed" : "open", STR_ARGS(buf_str(&got)), closes ? "closed" : "open",
                 STR_ARGS(expected));
    buf_fini(&got);
    (void)close(fd);
}

static void answers_every_script_alike_wherever_its_packets_end(void **state)
{
    (void)state;
    struct harness h = { 0 };
    struct buf in, expected;
    harness_start(&h);
    buf_init(&in, SCRIPT_MAX);
    buf_init(&expected, EXPECTED_MAX);
    for (size_t i = 0; i < COUNT_OF(SCRIPTS); i++) {
        const struct script *s = &SCRIPTS[i];
        bool closes = expected_of(s, &expected);
        bytes_of(s, &in);
        size_t steps[] = { in.len, in.len / 2 + 1, in.len / 3 + 1, 7, 2, 1 };
        for (size_t k = 0; k < COUNT_OF(steps); k++) {
            h.call_count = 0;
            play(&h, s, buf_str(&in), steps[k], buf_str(&expected), closes);
        }
    }
    buf_fini(&expected);
    buf_fini(&in);
    harness_stop(&h);
}

/* What the handler saw of a script that carries a second request in the body of the first. */
static void no_script_makes_the_handler_see_a_smuggled_request(void **state)
{
    (void)state;
    struct harness h = { .holds = true };
    harness_start(&h);
    for (size_t i = 0; i < COUNT_OF(SCRIPTS); i++) {
        if (!str_contains(SCRIPTS[i].in, STR("/smuggled")))
            continue;
        int fd = client_connect(&h);
        h.call_count = 0;
        client_send(fd, SCRIPTS[i].in);
        for (size_t answered = 0; answered <= ANSWERS_MAX; answered++) {
            pump(&h);
            if (answered >= h.call_count)
                break;
            assert_false(str_eq(h.calls[answered]->head->path, STR("/smuggled")));
            harness_answer(h.calls[answered]);
        }
        (void)close(fd);
    }
    harness_stop(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_every_script_alike_wherever_its_packets_end),
        cmocka_unit_test(no_script_makes_the_handler_see_a_smuggled_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
