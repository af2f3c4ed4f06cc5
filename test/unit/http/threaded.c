/* SPDX-License-Identifier: Apache-2.0 */
#include "threaded.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Answers from another thread. */
struct late_answer {
    struct loop_task task;
    struct work_job job;
    struct http_call *call;
};

static void answer(void *arg)
{
    struct late_answer *a = arg;
    struct http_reply reply = { .status = 202, .body = a->call->body };
    http_call_reply(a->call, &reply);
}

static void work(void *arg)
{
    struct late_answer *a = arg;
    loop_post(a->call->loop, &a->task);
}

static void handle(void *ctx, struct http_call *call)
{
    struct threaded *s = ctx;
    struct late_answer *a = ARENA_NEW(call->arena, struct late_answer);
    a->call = call;
    a->task = (struct loop_task){ .fn = answer, .arg = a };
    a->job = (struct work_job){ .fn = work, .arg = a };
    assert_int_equal(work_submit(s->pool, &a->job), RC_OK);
}

static void run(void *arg)
{
    struct threaded *s = arg;
    loop_run(s->loop);
}

void threaded_start(struct threaded *s, SSL_CTX *tls)
{
    struct http_limits limits = { .head_max = 4096,
                                  .body_max = 65536,
                                  .head_us = 10000000,
                                  .body_us = 10000000,
                                  .idle_us = 10000000,
                                  .write_us = 10000000,
                                  .connections_max = 1000 };
    int fd = -1;
    *s = (struct threaded){ .loop = loop_new("test", clock_system()),
                            .pool = work_pool_new(2, 1000) };
    assert_int_equal(http_listen("127.0.0.1:0", &fd, NULL), RC_OK);
    s->port = http_listen_port(fd);
    s->http = http_server_new(s->loop, fd, tls, &limits, handle, s);
    s->thread = thread_start("loop", THREAD_LOOP, run, s);
}

static void stopped(void *arg)
{
    loop_stop(arg);
}

static void begin_stop(void *arg)
{
    struct threaded *s = arg;
    http_server_stop(s->http, loop_now_us(s->loop) + 5000000, stopped, s->loop);
}

void threaded_begin_stop(struct threaded *s)
{
    s->stop_task = (struct loop_task){ .fn = begin_stop, .arg = s };
    loop_post(s->loop, &s->stop_task);
}

void threaded_join(struct threaded *s)
{
    thread_join(s->thread);
    work_pool_free(s->pool);
    http_server_free(s->http);
    loop_free(s->loop);
}

void threaded_stop(struct threaded *s)
{
    threaded_begin_stop(s);
    threaded_join(s);
}

int threaded_dial(const struct threaded *s)
{
    struct sockaddr_in addr = { .sin_family = AF_INET,
                                .sin_port = htons(s->port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = 10 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

void threaded_expect_answer(int fd)
{
    char text[512];
    size_t len = 0;
    while (!str_ends(str_of(text, len), STR("\r\n\r\nhello"))) {
        ssize_t got = recv(fd, text + len, sizeof(text) - len, 0);
        assert_true(got > 0);
        len += (size_t)got;
    }
    assert_true(str_starts(str_of(text, len), STR("HTTP/1.1 202 Accepted\r\n")));
}
