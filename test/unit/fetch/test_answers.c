/* SPDX-License-Identifier: Apache-2.0
 *
 * One table of receivers, good and bad; every row gives the same outcome with our own client and with
 * libcurl's, field by field, and none takes longer than its deadline.
 */
#include <stddef.h>
#include <stdint.h>

#include "support.h"

#include <stdio.h>

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define CHUNKED OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"
#define EMPTY OK_HEAD "Content-Length: 0\r\n\r\n"
#define INTERIM "HTTP/1.1 102 Processing\r\n\r\n"
#define LINES_10 "A: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n"
#define LINES_90 LINES_10 LINES_10 LINES_10 LINES_10 LINES_10 LINES_10 LINES_10 LINES_10 LINES_10
#define LINES_9 "A: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n"

struct row {
    const char *name;
    struct step script[6];
    enum fetch_error error;
    int status;
    const char *body; /* NULL: nothing kept */
    bool cut;
    enum { AS_POST, AS_GET, AS_HEAD, AS_PUT } as;
    int64_t deadline_us;
    size_t keep;
    size_t read;
    bool curl_stops;   /* libcurl refuses a line before it shows it, so the rest is not seen */
    size_t send_bytes; /* body of that size instead of "hello" */
    bool chunked;
};

#define GIVES(e, s, b) .error = (e), .status = (s), .body = (b)

enum { MIB = 1024 * 1024, SHORT_US = 300 * 1000, LATE_US = 10000 * 1000, QUICK_US = 20000 * 1000 };

/* An answer a line or two. */
/* clang-format off */
static const struct row ROWS[] = {
    /* well-formed */
    { .name = "length", .script = { REQ, SEND(OK_HEAD "Content-Length: 2\r\n\r\nok"), HANG }, GIVES(FETCH_OK, 200, "ok") },
    { .name = "empty", .script = { REQ, SEND(OK_HEAD "Content-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL) },
    { .name = "no content", .script = { REQ, SEND("HTTP/1.1 204 No Content\r\n\r\n"), HANG }, GIVES(FETCH_OK, 204, NULL) },
    { .name = "not modified", .script = { REQ, SEND("HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n"), HANG }, GIVES(FETCH_OK, 304, NULL) },
    { .name = "chunked", .script = { REQ, SEND(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n3;x=y\r\nyes\r\n0\r\nT: 1\r\n\r\n"), HANG },
      GIVES(FETCH_OK, 200, "okyes") },
    { .name = "until close", .script = { REQ, SEND(OK_HEAD "\r\nall of it") }, GIVES(FETCH_OK, 200, "all of it") },
    { .name = "HTTP/1.0", .script = { REQ, SEND("HTTP/1.0 200 OK\r\n\r\nold") }, GIVES(FETCH_OK, 200, "old") },
    { .name = "dripped", .script = { REQ, DRIP(OK_HEAD "X: y\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, "ok") },
    { .name = "interim", .script = { REQ, SEND("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK_HEAD "Content-Length: 1\r\n\r\n1"), HANG },
      GIVES(FETCH_OK, 200, "1") },
    { .name = "interim dripped", .script = { REQ, DRIP("HTTP/1.1 103 Hints\r\nA: b\r\n\r\n" OK_HEAD "Content-Length: 1\r\n\r\n1"), HANG },
      GIVES(FETCH_OK, 200, "1") },
    { .name = "redirect", .script = { REQ, SEND("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"), HANG },
      GIVES(FETCH_OK, 302, NULL) },
    { .name = "server error", .script = { REQ, SEND("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy"), HANG }, GIVES(FETCH_OK, 503, "busy") },
    { .name = "HEAD", .script = { REQ, SEND(OK_HEAD "Content-Length: 500\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .as = AS_HEAD },
    { .name = "GET", .script = { REQ, SEND(OK_HEAD "Content-Length: 1\r\n\r\ng"), HANG }, GIVES(FETCH_OK, 200, "g"), .as = AS_GET },
    { .name = "PUT", .script = { REQ, SEND(OK_HEAD "Content-Length: 1\r\n\r\np"), HANG }, GIVES(FETCH_OK, 200, "p"), .as = AS_PUT },
    { .name = "chunked request", .script = { REQ, SEND(OK_HEAD "Content-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .chunked = true },
    { .name = "large request", .script = { REQ, SEND(OK_HEAD "Content-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .send_bytes = 4 * MIB },
    { .name = "large chunked request", .script = { REQ, SEND(OK_HEAD "Content-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL),
      .send_bytes = 4 * MIB, .chunked = true },
    { .name = "refused early", .script = { SEND("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"), HANG }, GIVES(FETCH_OK, 413, "big"), .send_bytes = 4 * MIB },
    { .name = "1.0 that keeps the connection", .script = { REQ, SEND("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"), HANG },
      GIVES(FETCH_OK, 200, "ok") },
    { .name = "no content, with some", .script = { REQ, SEND("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"), HANG }, GIVES(FETCH_OK, 204, NULL) },
    { .name = "no content, chunked", .script = { REQ, SEND("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 204, NULL) },
    { .name = "reset content", .script = { REQ, SEND("HTTP/1.1 205 Reset\r\nContent-Length: 2\r\n\r\nok"), HANG }, GIVES(FETCH_OK, 205, "ok") },
    { .name = "a status of no class", .script = { REQ, SEND("HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 999, NULL) },
    { .name = "no reason", .script = { REQ, SEND("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL) },
    { .name = "no reason, no blank", .script = { REQ, SEND("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL) },
    { .name = "packed text stays packed", .script = { REQ, SEND(OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nzip"), HANG }, GIVES(FETCH_OK, 200, "zip") },
    { .name = "zeros before a length", .script = { REQ, SEND(OK_HEAD "Content-Length:\t 002 \r\n\r\nok"), HANG }, GIVES(FETCH_OK, 200, "ok") },
    { .name = "chunked in capitals", .script = { REQ, SEND(OK_HEAD "TRANSFER-ENCODING: CHUNKED\r\n\r\n2\r\nok\r\n0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, "ok") },
    { .name = "zeros before chunk sizes", .script = { REQ, SEND(CHUNKED "0002\r\nok\r\n000\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, "ok") },
    { .name = "chunked until close", .script = { REQ, SEND(OK_HEAD "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n") }, GIVES(FETCH_OK, 200, "ok") },
    { .name = "headers without value", .script = { REQ, SEND(OK_HEAD "X:\r\nY: \r\nContent-Length: 2\r\n\r\nok"), HANG }, GIVES(FETCH_OK, 200, "ok") },
    { .name = "trailers that would frame", .script = { REQ, SEND(CHUNKED "2\r\nok\r\n0\r\nContent-Length: 9\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, "ok") },
    { .name = "a hundred header lines", .script = { REQ, SEND(OK_HEAD LINES_90 LINES_9 "Content-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL) },
    { .name = "eight interim answers", .script = { REQ, SEND(INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM EMPTY), HANG }, GIVES(FETCH_OK, 200, NULL) },
    { .name = "HEAD, chunked", .script = { REQ, SEND(CHUNKED), HANG }, GIVES(FETCH_OK, 200, NULL), .as = AS_HEAD },
    { .name = "a refusal of a large request", .script = { SEND("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy"), HANG },
      GIVES(FETCH_OK, 503, "busy"), .send_bytes = 4 * MIB },
    /* more than is kept or read */
    { .name = "kept in part", .script = { REQ, SEND(OK_HEAD "Content-Length: 10\r\n\r\n" TEN), HANG }, GIVES(FETCH_OK, 200, "0123"), .cut = true, .keep = 4 },
    { .name = "kept in part, chunked", .script = { REQ, SEND(OK_HEAD "Transfer-Encoding: chunked\r\n\r\na\r\n" TEN "\r\n0\r\n\r\n"), HANG },
      GIVES(FETCH_OK, 200, "0123"), .cut = true, .keep = 4 },
    { .name = "flood with a length", .script = { REQ, SEND(OK_HEAD "Content-Length: 9999999999\r\n\r\n"), FLOOD(TEN TEN TEN TEN, 1 << 30) },
      GIVES(FETCH_OK, 200, TEN), .cut = true, .keep = 10, .read = 5000 },
    { .name = "flood until close", .script = { REQ, SEND(OK_HEAD "\r\n"), FLOOD(TEN TEN TEN TEN, 1 << 30) },
      GIVES(FETCH_OK, 200, TEN), .cut = true, .keep = 10, .read = 5000 },
    { .name = "flood of chunks", .script = { REQ, SEND(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"), FLOOD("a\r\n" TEN "\r\n", 1 << 30) },
      GIVES(FETCH_OK, 200, TEN), .cut = true, .keep = 10, .read = 5000 },
    /* wrong after the head: the status stands, the text is cut */
    { .name = "body too short", .script = { REQ, SEND(OK_HEAD "Content-Length: 10\r\n\r\n0123") }, GIVES(FETCH_OK, 200, "0123"), .cut = true },
    { .name = "body reset", .script = { REQ, SEND(OK_HEAD "Content-Length: 10\r\n\r\n"), RESET }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "body hangs", .script = { REQ, SEND(OK_HEAD "Content-Length: 10\r\n\r\n0123"), HANG }, GIVES(FETCH_OK, 200, "0123"), .cut = true, .deadline_us = SHORT_US },
    { .name = "chunk without end", .script = { REQ, SEND(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\n01") }, GIVES(FETCH_OK, 200, "01"), .cut = true },
    { .name = "bad chunk size", .script = { REQ, SEND(OK_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n01"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "bad chunk end", .script = { REQ, SEND(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nokXX0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, "ok"), .cut = true },
    { .name = "body too long", .script = { REQ, SEND(OK_HEAD "Content-Length: 2\r\n\r\nokmore"), HANG }, GIVES(FETCH_OK, 200, "ok") },
    { .name = "a chunk size of 0x2", .script = { REQ, SEND(CHUNKED "0x2\r\nok\r\n0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "a signed chunk size", .script = { REQ, SEND(CHUNKED "+2\r\nok\r\n0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "a negative chunk size", .script = { REQ, SEND(CHUNKED "-2\r\nok\r\n0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "no chunk size", .script = { REQ, SEND(CHUNKED "\r\nok\r\n0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "a chunk size past 64 bits", .script = { REQ, SEND(CHUNKED "fffffffffffffffff\r\nok"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "a chunk size past 63 bits", .script = { REQ, SEND(CHUNKED "8000000000000000\r\nok"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "a chunk longer than its size", .script = { REQ, SEND(CHUNKED "2\r\nokay\r\n0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, "ok"), .cut = true },
    { .name = "a chunk shorter than its size", .script = { REQ, SEND(CHUNKED "4\r\nok\r\n0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, "ok\r\n"), .cut = true },
    { .name = "a chunk size endless in zeros", .script = { REQ, SEND(CHUNKED), FLOOD("0000000000", 1 << 30) }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "closed before the last chunk", .script = { REQ, SEND(CHUNKED "2\r\nok\r\n") }, GIVES(FETCH_OK, 200, "ok"), .cut = true },
    { .name = "closed in the last chunk", .script = { REQ, SEND(CHUNKED "2\r\nok\r\n0\r\n") }, GIVES(FETCH_OK, 200, "ok"), .cut = true },
    { .name = "closed in the trailers", .script = { REQ, SEND(CHUNKED "2\r\nok\r\n0\r\nX: y\r\n") }, GIVES(FETCH_OK, 200, "ok"), .cut = true },
    { .name = "flood of trailers", .script = { REQ, SEND(CHUNKED "2\r\nok\r\n0\r\n"), FLOOD("X: " HUNDRED "\r\n", 1 << 30) }, GIVES(FETCH_OK, 200, "ok"), .cut = true },
    { .name = "a malformed trailer", .script = { REQ, SEND(CHUNKED "2\r\nok\r\n0\r\nX y\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, "ok"), .cut = true },
    { .name = "a folded trailer", .script = { REQ, SEND(CHUNKED "2\r\nok\r\n0\r\nX: y\r\n z\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, "ok"), .cut = true },
    { .name = "a control byte in a trailer", .script = { REQ, SEND(CHUNKED "2\r\nok\r\n0\r\nX: \x01\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, "ok"), .cut = true },
    /* libcurl has no bound for an extension but the deadline. */
    { .name = "an endless extension", .script = { REQ, SEND(CHUNKED "2;"), FLOOD(HUNDRED, 1 << 30) }, GIVES(FETCH_OK, 200, NULL), .cut = true, .deadline_us = SHORT_US },
    { .name = "framing out of proportion", .script = { REQ, SEND(CHUNKED), FLOOD("1;" HUNDRED HUNDRED "\r\nx\r\n", 1 << 30) },
      GIVES(FETCH_OK, 200, "x"), .cut = true, .keep = 1, .read = 200 },
    { .name = "a body past its deadline", .script = { REQ, SEND(OK_HEAD "Content-Length: 1000\r\n\r\n"), DRIP(HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED), HANG },
      GIVES(FETCH_OK, 200, "0123"), .cut = true, .deadline_us = SHORT_US, .keep = 4 },
    { .name = "chunks past their deadline", .script = { REQ, SEND(CHUNKED "4\r\n0123\r\n"), DRIP("f0\r\n" HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED), HANG },
      GIVES(FETCH_OK, 200, "0123"), .cut = true, .deadline_us = SHORT_US, .keep = 4 },
    { .name = "trailers past their deadline", .script = { REQ, SEND(CHUNKED "2\r\nok\r\n0\r\n"), DRIP("X: " HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED), HANG },
      GIVES(FETCH_OK, 200, "ok"), .cut = true, .deadline_us = SHORT_US },
    /* no answer */
    { .name = "closed at once", .script = { { STEP_END, NULL, 0 } }, GIVES(FETCH_CLOSED, 0, NULL) },
    { .name = "closed after the request", .script = { REQ }, GIVES(FETCH_CLOSED, 0, NULL) },
    { .name = "reset after the request", .script = { REQ, RESET }, GIVES(FETCH_CLOSED, 0, NULL) },
    { .name = "closed in the status line", .script = { REQ, SEND("HTTP/1.1 20") }, GIVES(FETCH_CLOSED, 0, NULL) },
    { .name = "closed in the head", .script = { REQ, SEND(OK_HEAD "Content-Len") }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "only an interim answer", .script = { REQ, SEND("HTTP/1.1 100 Continue\r\n\r\n") }, GIVES(FETCH_CLOSED, 0, NULL) },
    { .name = "silent", .script = { REQ, HANG }, GIVES(FETCH_TIMEOUT, 0, NULL), .deadline_us = SHORT_US },
    { .name = "silent in the head", .script = { REQ, SEND(OK_HEAD "X: "), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true, .deadline_us = SHORT_US },
    { .name = "never reads", .script = { HANG }, GIVES(FETCH_TIMEOUT, 0, NULL), .deadline_us = SHORT_US },
    { .name = "a head past its deadline", .script = { REQ, SEND(OK_HEAD "X: "), DRIP(HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED), HANG },
      GIVES(FETCH_OK, 200, NULL), .cut = true, .deadline_us = SHORT_US },
    { .name = "an interim answer past its deadline", .script = { REQ, SEND("HTTP/1.1 103 Hints\r\nLink: "), DRIP(HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED), HANG },
      GIVES(FETCH_TIMEOUT, 0, NULL), .deadline_us = SHORT_US },
    { .name = "reset in the head", .script = { REQ, SEND(OK_HEAD "X: y\r\n"), RESET }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "reset in the status line", .script = { REQ, SEND("HTTP/1."), RESET }, GIVES(FETCH_CLOSED, 0, NULL) },
    /* not HTTP */
    { .name = "garbage", .script = { REQ, SEND("\x01\x02\x03 what is this\r\n\r\n"), HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "HTTP/0.9", .script = { REQ, SEND("<html>hello</html>\n") }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "another protocol", .script = { REQ, SEND("SSH-2.0-OpenSSH_9.2\r\n"), HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "HTTP/2 unasked", .script = { REQ, SEND("HTTP/2 200\r\n\r\n"), HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "status of four digits", .script = { REQ, SEND("HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "switching protocols", .script = { REQ, SEND("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "two lengths", .script = { REQ, SEND(OK_HEAD "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "length and chunked", .script = { REQ, SEND(OK_HEAD "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "negative length", .script = { REQ, SEND(OK_HEAD "Content-Length: -1\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true, .curl_stops = true },
    { .name = "unknown coding", .script = { REQ, SEND(OK_HEAD "Transfer-Encoding: squeezed\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "bare line feeds", .script = { REQ, SEND("HTTP/1.1 200 OK\nContent-Length: 0\n\n"), HANG }, GIVES(FETCH_OK, 200, NULL) },
    { .name = "folded line", .script = { REQ, SEND(OK_HEAD "X: a\r\n b\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL) },
    { .name = "space before the colon", .script = { REQ, SEND(OK_HEAD "Content-Length : 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL) },
    { .name = "nine interim answers", .script = { REQ, SEND(INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM EMPTY), HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "a malformed interim answer", .script = { REQ, SEND("HTTP/1.1 103 Hints\r\nA : b\r\n\r\n" EMPTY), HANG }, GIVES(FETCH_OK, 200, NULL) },
    { .name = "switching after an interim answer", .script = { REQ, SEND(INTERIM "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "one length twice", .script = { REQ, SEND(OK_HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"), HANG }, GIVES(FETCH_OK, 200, "ok") },
    { .name = "a list of lengths", .script = { REQ, SEND(OK_HEAD "Content-Length: 2, 2\r\n\r\nok"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "a signed length", .script = { REQ, SEND(OK_HEAD "Content-Length: +2\r\n\r\nok"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "a hexadecimal length", .script = { REQ, SEND(OK_HEAD "Content-Length: 0x2\r\n\r\nok"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "a length in two words", .script = { REQ, SEND(OK_HEAD "Content-Length: 2 2\r\n\r\nok"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "a length with a fraction", .script = { REQ, SEND(OK_HEAD "Content-Length: 2.0\r\n\r\nok"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "no length in Content-Length", .script = { REQ, SEND(OK_HEAD "Content-Length:\r\n\r\nok"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true, .curl_stops = true },
    { .name = "a length past 63 bits", .script = { REQ, SEND(OK_HEAD "Content-Length: 9223372036854775808\r\n\r\nok"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "a length past 64 bits", .script = { REQ, SEND(OK_HEAD "Content-Length: 18446744073709551617\r\n\r\nok"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "chunked and length", .script = { REQ, SEND(OK_HEAD "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "chunked twice", .script = { REQ, SEND(OK_HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "chunked, then not", .script = { REQ, SEND(OK_HEAD "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "packed and chunked", .script = { REQ, SEND(OK_HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "chunked in 1.0", .script = { REQ, SEND("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    /* a sloppy head: the status line counts */
    { .name = "20 KB of head", .script = { REQ, SEND(OK_HEAD), FLOOD("X-Filler: " HUNDRED "\r\n", 200), SEND("Content-Length: 2\r\n\r\nok"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "20 KB of head to a failure", .script = { REQ, SEND("HTTP/1.1 500 No\r\n"), FLOOD("X: " HUNDRED HUNDRED "\r\n", 99), SEND("\r\n"), HANG }, GIVES(FETCH_OK, 500, NULL), .cut = true },
    { .name = "20 KB of cookies in a line", .script = { REQ, SEND(OK_HEAD "Set-Cookie: a="), FLOOD(HUNDRED, 200), SEND("\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "bare line feeds and a body", .script = { REQ, SEND("HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 2\n\nok"), HANG }, GIVES(FETCH_OK, 200, "ok") },
    { .name = "bare line feeds until close", .script = { REQ, SEND("HTTP/1.0 200 OK\nServer: tiny\n\nall of it") }, GIVES(FETCH_OK, 200, "all of it") },
    { .name = "bare line feeds, dripped", .script = { REQ, DRIP("HTTP/1.1 201 Made\nContent-Length: 2\n\nok"), HANG }, GIVES(FETCH_OK, 201, "ok") },
    { .name = "bare line feeds, mixed", .script = { REQ, SEND(OK_HEAD "A: b\nContent-Length: 2\r\n\nok"), HANG }, GIVES(FETCH_OK, 200, "ok") },
    { .name = "bare line feeds, no reason", .script = { REQ, SEND("HTTP/1.1 204\n\n"), HANG }, GIVES(FETCH_OK, 204, NULL) },
    { .name = "bare line feeds of a failure", .script = { REQ, SEND("HTTP/1.1 503 Busy\nRetry-After: 7\nContent-Length: 4\n\nbusy"), HANG }, GIVES(FETCH_OK, 503, "busy") },
    { .name = "a sloppy answer that goes on", .script = { REQ, SEND("HTTP/1.1 200 OK\nContent-Length: 2\n\nokHTTP/1.1 500 No\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, "ok") },
    { .name = "a folded length", .script = { REQ, SEND(OK_HEAD "Content-Length:\r\n 2\r\n\r\nok"), HANG }, GIVES(FETCH_OK, 200, NULL), .cut = true, .curl_stops = true },
    { .name = "a blank before the length's colon", .script = { REQ, SEND(OK_HEAD "Content-Length : 2\r\n\r\nok"), HANG }, GIVES(FETCH_OK, 200, "ok") },
    { .name = "a status line and no more", .script = { REQ, SEND(OK_HEAD) }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "a status line of a failure and no more", .script = { REQ, SEND("HTTP/1.1 404 Not Found\n") }, GIVES(FETCH_OK, 404, NULL), .cut = true },
    { .name = "a sloppy interim answer, cut", .script = { REQ, SEND("HTTP/1.1 103 Hints\nA") }, GIVES(FETCH_CLOSED, 0, NULL) },
    { .name = "sloppy interim answers", .script = { REQ, SEND("HTTP/1.1 100 Continue\n\nHTTP/1.1 102 Processing\n\n" EMPTY), HANG }, GIVES(FETCH_OK, 200, NULL) },
    { .name = "a line that looks like a status line", .script = { REQ, SEND(OK_HEAD "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .curl_stops = true },
    { .name = "HEAD in a sloppy head", .script = { REQ, SEND("HTTP/1.1 200 OK\nContent-Length: 500\n\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .as = AS_HEAD },
    { .name = "a NUL in the status line", .script = { REQ, { STEP_SEND_NUL, "HTTP/1.1 200 O^K\r\nContent-Length: 0\r\n\r\n", 0 }, HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "a NUL in a header", .script = { REQ, { STEP_SEND_NUL, OK_HEAD "X: a^b\r\nContent-Length: 0\r\n\r\n", 0 }, HANG }, GIVES(FETCH_OK, 200, NULL), .curl_stops = true },
    { .name = "HTTP/2 frames", .script = { REQ, { STEP_SEND_NUL, "^^\x06\x04^^^^^", 0 }, HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "HTTP/1.2", .script = { REQ, SEND("HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "http in small letters", .script = { REQ, SEND("http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "a status below 100", .script = { REQ, SEND("HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "a status of two digits", .script = { REQ, SEND("HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "a status of letters", .script = { REQ, SEND("HTTP/1.1 2xx OK\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "two blanks before the status", .script = { REQ, SEND("HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "an empty line before", .script = { REQ, SEND("\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "a streamer of music", .script = { REQ, SEND("ICY 200 OK\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "a header without colon", .script = { REQ, SEND(OK_HEAD "nonsense\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .curl_stops = true },
    { .name = "a header without name", .script = { REQ, SEND(OK_HEAD ": x\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL) },
    { .name = "a folded first line", .script = { REQ, SEND(OK_HEAD " X: y\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL), .curl_stops = true },
    { .name = "a bare CR in a header", .script = { REQ, SEND(OK_HEAD "X: a\rb\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL) },
    { .name = "a control byte in a header", .script = { REQ, SEND(OK_HEAD "X: a\x01\r\nContent-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL) },
    { .name = "a TLS alert", .script = { REQ, SEND("\x15\x03\x03\x02\x02\x28 and then some\r\n\r\n"), HANG }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "a hundred and one header lines", .script = { REQ, SEND(OK_HEAD LINES_90 LINES_10 "Content-Length: 0\r\n\r\n"), HANG }, GIVES(FETCH_OK, 200, NULL) },
    { .name = "flood of interim answers", .script = { REQ, FLOOD("HTTP/1.1 100 Continue\r\n\r\n", 1 << 30) }, GIVES(FETCH_PROTOCOL, 0, NULL) },
    { .name = "flood of header lines", .script = { REQ, SEND(OK_HEAD), FLOOD("X-Filler: " TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "\r\n", 1 << 30) },
      GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "endless header line", .script = { REQ, SEND(OK_HEAD "X: "), FLOOD(TEN TEN TEN TEN, 1 << 30) }, GIVES(FETCH_OK, 200, NULL), .cut = true },
    { .name = "endless status line", .script = { REQ, SEND("HTTP/1.1 200 "), FLOOD(TEN TEN TEN TEN, 1 << 30) }, GIVES(FETCH_TOO_LARGE, 0, NULL) },
};
/* clang-format on */

static void apply(const struct row *row, struct test_call *t, char **large)
{
    static const enum http_method methods[] = { HTTP_POST, HTTP_GET, HTTP_HEAD, HTTP_PUT };

    t->call.method = methods[row->as];
    if (row->as == AS_GET || row->as == AS_HEAD)
        t->call.body = STR_NONE;
    if (row->deadline_us != 0)
        t->call.deadline_us = row->deadline_us;
    if (row->keep != 0)
        t->call.response_keep = row->keep;
    if (row->read != 0)
        t->call.response_read = row->read;
    t->call.chunked = row->chunked;
    if (row->send_bytes != 0) {
        *large = xcalloc(1, row->send_bytes);
        memset(*large, 'x', row->send_bytes);
        t->call.body = str_of(*large, row->send_bytes);
    }
}

/* What a caller sees of a call, apart from times and words. */
struct outcome {
    enum fetch_error error;
    int status;
    bool cut;
    bool reused;
    bool has_words;
    char peer[48];
    struct buf headers;
    struct buf body;
};

static void outcome_take(struct outcome *o, const struct fetch_call *c)
{
    *o = (struct outcome){ c->error, c->status, c->response_cut, c->reused,
                           .has_words = c->detail[0] != '\0' };
    memcpy(o->peer, c->peer, sizeof(o->peer));
    buf_init(&o->headers, MIB);
    buf_init(&o->body, MIB);
    assert_int_equal(buf_add_str(&o->headers, c->response_headers), RC_OK);
    assert_int_equal(buf_add_str(&o->body, c->response), RC_OK);
}

static void outcome_drop(struct outcome *o)
{
    buf_fini(&o->headers);
    buf_fini(&o->body);
}

static bool texts_differ(const struct outcome *a, const struct outcome *b)
{
    return a->cut != b->cut || !str_eq(buf_str(&a->headers), buf_str(&b->headers)) ||
           !str_eq(buf_str(&a->body), buf_str(&b->body));
}

static bool outcomes_differ(const struct row *row, const struct outcome *a, const struct outcome *b)
{
    return a->error != b->error || a->status != b->status || a->reused != b->reused ||
           a->has_words != b->has_words || strcmp(a->peer, b->peer) != 0 ||
           (!row->curl_stops && texts_differ(a, b));
}

static bool check(const struct row *row, enum client_kind kind, const struct fetch_call *c)
{
    bool in_time = c->took_us < (row->deadline_us != 0 ? row->deadline_us + LATE_US : QUICK_US);
    bool ok = in_time && c->error == row->error && c->status == row->status &&
              c->response_cut == (row->cut || (row->curl_stops && kind == CLIENT_CURL)) &&
              (row->curl_stops || str_eq(c->response, str_from(row->body))) &&
              (row->error == FETCH_OK || c->detail[0] != '\0');
    if (!ok)
        print_error("%s, %s: %lld us, %s status %d cut %d body \"%.*s\" detail \"%s\"\n", row->name,
                    CLIENT_NAMES[kind], (long long)c->took_us, fetch_error_name(c->error),
                    c->status, c->response_cut, STR_ARGS(c->response), c->detail);
    return ok;
}

static bool run_row(const struct row *row, enum client_kind kind, struct outcome *o)
{
    const struct step *scripts[] = { row->script };
    struct receiver *r = receiver_start(scripts, 1, NULL);
    struct bench b;
    struct test_call t;
    char *large = NULL;

    bench_open(&b, kind, NULL);
    test_call_init(&t, "http://127.0.0.1:%u/hook?x=1", receiver_port(r));
    apply(row, &t, &large);
    test_call_run(&b, &t);
    bool ok = check(row, kind, &t.call);
    outcome_take(o, &t.call);
    test_call_fini(&t);
    bench_close(&b);
    receiver_stop(r);
    xfree(large);
    return ok;
}

static void both_clients_judge_every_answer_alike(void **state)
{
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct outcome seen[CLIENT_KINDS];
        for (int kind = 0; kind < CLIENT_KINDS; kind++)
            wrong += !run_row(&ROWS[i], (enum client_kind)kind, &seen[kind]);
        if (outcomes_differ(&ROWS[i], &seen[CLIENT_OWN], &seen[CLIENT_CURL])) {
            print_error(
                "%s: the clients differ: peer %s, %s; reused %d, %d; words %d, %d; headers\n%.*s---\n%.*s\n",
                ROWS[i].name, seen[0].peer, seen[1].peer, seen[0].reused, seen[1].reused,
                seen[0].has_words, seen[1].has_words, STR_ARGS(buf_str(&seen[0].headers)),
                STR_ARGS(buf_str(&seen[1].headers)));
            wrong++;
        }
        outcome_drop(&seen[CLIENT_OWN]);
        outcome_drop(&seen[CLIENT_CURL]);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_clients_judge_every_answer_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
