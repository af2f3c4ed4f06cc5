/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers without an end: a call is kept open and written to as things happen. All of it on the call's loop thread.
 *
 * A stream is outside of http_limits.write_us, and has bounds of its own: HTTP_STREAM_BUFFER bytes wait for a peer that
 * reads slowly, what does not fit is left out (the writer is told, so that it can say so), and a peer that takes nothing for
 * HTTP_STREAM_STALL_US is cut. It goes out in chunks; to HTTP/1.0 as it is, until the connection ends. While a stream is open
 * nothing more is read from its connection; requests behind it are answered after its end. A peer that ends its side is gone.
 *
 *   static void gone(void *arg);  // the peer, or the connection was cut: the call does not exist any more
 *   static void stop(void *arg);  // the server stops: write the last words and end
 *   static const struct http_stream_kind kind = { gone, stop };
 *   if (http_stream_begin(call, &reply, &kind, watcher))
 *       http_stream_write(call, text); ... http_stream_end(call);
 */
#pragma once

#include "http/router.h"
#include "http/server.h"

enum { HTTP_STREAM_BUFFER = 64 * 1024 };
#define HTTP_STREAM_STALL_US INT64_C(300000000)

struct http_stream_kind {
    void (*gone)(void *arg); /* never from within a call of this header. Not after http_stream_end() */
    void (*stop)(void *arg); /* may call http_stream_write() and http_stream_end() */
};

/* Answers with reply's status and headers; its body is not looked at. False: nothing is to follow (HEAD, the peer is gone, the
 * server stops), and the call does not exist any more: neither gone() nor stop() is called. */
bool http_stream_begin(struct http_call *call, const struct http_reply *reply, const struct http_stream_kind *kind, void *arg);
/* The same for inline handlers of a router, with req->reply. */
bool http_stream_answer(struct http_request *req, const struct http_stream_kind *kind, void *arg);

/* Whole or not at all: false: there is no room for it. After the peer is gone it is true, and nothing happens. */
bool http_stream_write(struct http_call *call, struct str bytes);
/* So many bytes would be taken now. */
size_t http_stream_room(struct http_call *call);

/* The call does not exist any more. */
void http_stream_end(struct http_call *call);
