/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_MAX = 8 << 20, QUIET_TURNS = 4, TURN_US = 1000, TURNS_MAX = 2000 };

static char received[READ_MAX];

void harness_answer(struct http_call *call)
{
    const struct http_head *head = call->head;
    struct str body = arena_fmt(call->arena, "%.*s %.*s:%.*s", STR_ARGS(head->method_text),
                                STR_ARGS(head->path), STR_ARGS(call->body));
    http_call_reply(call, &(struct http_reply){
                              .status = 200, .content_type = STR("text/plain"), .body = body });
}

static void handle(void *ctx, struct http_call *call)
{
    struct harness *h = ctx;
    assert_true(h->call_count < HARNESS_CALLS);
    h->calls[h->call_count++] = call;
    if (h->holds)
        return;
    if (str_eq(call->head->path, STR("/big"))) {
        http_call_reply(call, &(struct http_reply){ .status = 200, .body = h->big });
    } else {
        harness_answer(call);
    }
}

void harness_start(struct harness *h)
{
    int fd = -1;
    struct http_limits limits = { .head_max = 1024,
                                  .body_max = 65536,
                                  .head_us = 1000000,
                                  .body_us = 2000000,
                                  .idle_us = 3000000,
                                  .write_us = 4000000,
                                  .connections_max = 20000 };
    if (h->limits.head_max == 0)
        h->limits = limits;
    clock_fake_init(&h->clock, 1700000000 * (int64_t)1000000);
    h->loop = loop_new("test", &h->clock.clock);
    assert_int_equal(http_listen("127.0.0.1:0", &fd, NULL), RC_OK);
    h->port = http_listen_port(fd);
    h->server =
        http_server_new(h->loop, fd, h->tls, &h->limits, h->handler != NULL ? h->handler : handle,
                        h->handler != NULL ? h->handler_ctx : h);
}

static void stopped(void *arg)
{
    struct harness *h = arg;
    h->is_stopped = true;
}

void harness_stop(struct harness *h)
{
    if (!h->is_stopped)
        http_server_stop(h->server, h->clock.now_us, stopped, h);
    pump(h);
    advance(h, 1);
    assert_true(h->is_stopped);
    http_server_free(h->server);
    loop_free(h->loop);
}

void pump(struct harness *h)
{
    for (int i = 0; i < QUIET_TURNS; i++) {
        loop_turn(h->loop, 0);
    }
}

void advance(struct harness *h, int64_t us)
{
    enum { STEP_US = 50000 };
    while (us > 0) {
        int64_t step = us < STEP_US ? us : STEP_US;
        h->clock.now_us += step;
        us -= step;
        loop_turn(h->loop, 0);
        loop_turn(h->loop, 0);
    }
}

static int connect_with(const struct harness *h, int receive_bytes)
{
    struct sockaddr_in addr = { .sin_family = AF_INET,
                                .sin_port = htons(h->port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (receive_bytes > 0) {
        assert_int_equal(
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes)), 0);
    }
    assert_int_equal(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

int client_connect(const struct harness *h)
{
    return connect_with(h, 0);
}

int client_connect_narrow(const struct harness *h)
{
    return connect_with(h, 16384);
}

void client_send(int fd, struct str bytes)
{
    assert_int_equal(send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL), bytes.len);
}

struct str client_read(struct harness *h, int fd, size_t bytes, bool *is_closed)
{
    size_t len = 0;
    *is_closed = false;
    for (int turn = 0; turn < TURNS_MAX && len < bytes; turn++) {
        loop_turn(h->loop, 0);
        ssize_t got = recv(fd, received + len, READ_MAX - len, MSG_DONTWAIT);
        if (got > 0) {
            len += (size_t)got;
            turn = 0;
            continue;
        }
        *is_closed = got == 0 || errno != EAGAIN;
        if (*is_closed)
            break;
        loop_turn(h->loop, TURN_US);
    }
    return str_of(received, len);
}

struct str client_exchange(struct harness *h, int fd, struct str bytes)
{
    size_t len = 0;
    client_send(fd, bytes);
    for (int quiet = 0; quiet < QUIET_TURNS;) {
        loop_turn(h->loop, 0);
        struct pollfd p = { .fd = fd, .events = POLLIN };
        ssize_t got =
            poll(&p, 1, 1) == 1 ? recv(fd, received + len, READ_MAX - len, MSG_DONTWAIT) : -1;
        if (got == 0)
            break;
        if (got > 0)
            len += (size_t)got;
        quiet = got > 0 ? 0 : quiet + 1;
    }
    return str_of(received, len);
}

bool client_is_closed(struct harness *h, int fd)
{
    char byte;
    pump(h);
    ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN);
}

size_t occurrences(struct str s, const char *what)
{
    struct str needle = str_from(what);
    size_t count = 0;
    for (size_t i = 0; i + needle.len <= s.len; i++) {
        if (memcmp(s.ptr + i, needle.ptr, needle.len) == 0)
            count++;
    }
    return count;
}
