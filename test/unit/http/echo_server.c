/* SPDX-License-Identifier: Apache-2.0
 *
 * A small server for tests from outside, with short limits (head 1 s, body 1 s, idle 2 s, 4 KiB of
 * head, 64 KiB of body). Port 0 is announced as "port N". Ends when standard input does.
 *   /echo  the request's body back      /worker  the same, by way of a worker
 *   /close answers and closes           /big?n=N N bytes
 * usage: http_echo_server [cert.pem key.pem]
 */
#include "base/base.h"
#include "http/router.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

struct program {
    struct loop *loop;
    struct http_server *server;
    struct loop_io input;
};

static void echo(struct http_request *req)
{
    req->reply = (struct http_reply){ .status = 200,
                                      .content_type = STR("text/plain"),
                                      .body = req->call->body };
}

static void echo_inline(struct http_request *req)
{
    echo(req);
    http_answer(req);
}

static void echo_and_close(struct http_request *req)
{
    echo(req);
    req->reply.close = true;
    http_answer(req);
}

static void big(struct http_request *req)
{
    struct str text = STR("1");
    uint64_t count = 0;
    (void)http_query(req, "n", 0, &text);
    if (str_to_u64(text, &count) != RC_OK || count > 64 << 20) {
        http_error(req, 400, "bad_request", "n is a number of bytes up to 64 MiB");
    } else {
        char *bytes = arena_alloc(req->arena, count);
        memset(bytes, 'b', count);
        req->reply = (struct http_reply){ .status = 200, .body = str_of(bytes, count) };
    }
    http_answer(req);
}

static const struct http_route ROUTES[] = {
    { .method = HTTP_GET, .pattern = "/echo", .handler = echo_inline },
    { .method = HTTP_POST, .pattern = "/echo", .handler = echo_inline },
    { .method = HTTP_POST, .pattern = "/worker", .kind = HTTP_WORKER, .handler = echo },
    { .method = HTTP_POST, .pattern = "/close", .handler = echo_and_close },
    { .method = HTTP_GET, .pattern = "/big", .handler = big },
};

static void stopped(void *arg)
{
    struct program *p = arg;
    loop_stop(p->loop);
}

static void on_input(void *arg, uint32_t events)
{
    struct program *p = arg;
    char bytes[256];
    (void)events;
    if (read(STDIN_FILENO, bytes, sizeof(bytes)) > 0)
        return;
    loop_io_stop(p->loop, &p->input);
    http_server_stop(p->server, loop_now_us(p->loop) + 1000000, stopped, p);
}

static void run(int fd, SSL_CTX *tls)
{
    struct http_limits limits = { .head_max = 4096,
                                  .body_max = 65536,
                                  .head_us = 1000000,
                                  .body_us = 1000000,
                                  .idle_us = 2000000,
                                  .write_us = 2000000,
                                  .connections_max = 1000 };
    struct work_pool *pool = work_pool_new(2, 100);
    struct http_router *router = http_router_new(&(struct http_router_options){ .pool = pool });
    struct program p = { .loop = loop_new("echo", clock_system()) };
    http_router_add(router, ROUTES, COUNT_OF(ROUTES));
    p.server = http_server_new(p.loop, fd, tls, &limits, http_router_handle, router);
    p.input = (struct loop_io){ .fn = on_input, .arg = &p, .fd = STDIN_FILENO };
    MUST(loop_io_start(p.loop, &p.input, EPOLLIN) == RC_OK);
    loop_run(p.loop);
    work_pool_free(pool);
    http_server_free(p.server);
    loop_free(p.loop);
    http_router_free(router);
}

int main(int argc, char **argv)
{
    struct buf why;
    SSL_CTX *tls = NULL;
    int fd = -1;
    buf_init(&why, 1024);
    enum rc rc = http_listen("127.0.0.1:0", &fd, &why);
    if (rc == RC_OK && argc > 2) {
        rc = tls_server_context(
            &(struct tls_server_options){ .cert_file = argv[1], .key_file = argv[2] }, &tls, &why);
    }
    if (rc != RC_OK) {
        fprintf(stderr, "%.*s\n", STR_ARGS(buf_str(&why)));
        return 1;
    }
    printf("port %u\n", http_listen_port(fd));
    (void)fflush(stdout);
    run(fd, tls);
    SSL_CTX_free(tls);
    buf_fini(&why);
    return 0;
}
