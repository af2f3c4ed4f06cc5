/* SPDX-License-Identifier: Apache-2.0
 *
 * A server on a loop that the test turns itself, on a clock that it moves, with plain sockets as
 * clients. Nothing runs beside the test, so that every run is the same.
 */
#pragma once

#include "http/server.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { HARNESS_CALLS = 1024 };

struct harness {
    struct clock_fake clock;
    struct loop *loop;
    struct http_server *server;
    struct http_limits limits;
    SSL_CTX *tls; /* borrowed; NULL: plain */
    uint16_t port;
    http_handler_fn handler; /* another handler than the harness's own */
    void *handler_ctx;
    bool holds;     /* the handler keeps calls in `calls` instead of answering */
    struct str big; /* the answer to "/big" */
    struct http_call *calls[HARNESS_CALLS];
    size_t call_count; /* seen by the handler */
    bool is_stopped;
};

/* Starts with short limits: head 1 s, body 2 s, idle 3 s, write 4 s; 1 KiB of head, 64 KiB of
 * body. */
void harness_start(struct harness *h);
void harness_stop(struct harness *h);

/* Answers 200 with method, path and body: "POST /x:body". */
void harness_answer(struct http_call *call);

int client_connect(const struct harness *h);
int client_connect_narrow(
    const struct harness *h); /* a small receive buffer, so that answers get stuck */
void client_send(int fd, struct str bytes);
/* Turns the loop until `bytes` have come, the peer has closed, or 2 s of real time are over. */
struct str client_read(struct harness *h, int fd, size_t bytes, bool *is_closed);
/* Sends, and reads until the server closes or has nothing to do any more. */
struct str client_exchange(struct harness *h, int fd, struct str bytes);
bool client_is_closed(struct harness *h, int fd);
void pump(struct harness *h);
/* Moves the clock, in steps, and pumps. */
void advance(struct harness *h, int64_t us);

size_t occurrences(struct str s, const char *what);
