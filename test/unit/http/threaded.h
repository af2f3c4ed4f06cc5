/* SPDX-License-Identifier: Apache-2.0
 *
 * A server on a loop thread of its own that answers 202 with the body it got, from worker threads;
 * and blocking clients of it.
 */
#pragma once

#include "http/server.h"

#include "loop/loop.h"
#include "tls/tls.h"
#include "work/work.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define REQUEST "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"

struct threaded {
    struct loop *loop;
    struct http_server *http;
    struct thread *thread;
    struct work_pool *pool;
    struct loop_task stop_task;
    uint16_t port;
};

/* `tls` may be NULL (borrowed). Everything has 10 s. */
void threaded_start(struct threaded *s, SSL_CTX *tls);
/* Begins to stop, and returns; then threaded_join() waits for the end. */
void threaded_begin_stop(struct threaded *s);
void threaded_join(struct threaded *s);
void threaded_stop(struct threaded *s);

/* A connection that waits at most 10 s for bytes. */
int threaded_dial(const struct threaded *s);
/* Reads one answer with the body "hello". */
void threaded_expect_answer(int fd);
