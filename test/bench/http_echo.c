/* SPDX-License-Identifier: Apache-2.0
 *
 * The wire layer with nothing behind it: every request is answered 202 with 60 bytes. Its rate is
 * the limit that whole-server figures are compared with.
 * usage: bench_http_echo [host:port [cert.pem key.pem]]
 */
#include "base/base.h"
#include "http/server.h"

#include <signal.h>
#include <stdio.h>

static struct http_server *server;
static struct loop *loop;

static void answer(void *ctx, struct http_call *call)
{
    const struct str body =
        STR("{\"id\":\"msg_000000000000000000000000000\",\"accepted\":true}   \n");
    (void)ctx;
    http_call_reply(call, &(struct http_reply){ .status = 202,
                                                .content_type = STR("application/json"),
                                                .body = body });
}

static void stopped(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static void poll_signal(void *arg);
static struct loop_timer signal_timer = { .fn = poll_signal };
static volatile sig_atomic_t is_told_to_stop;

static void on_signal(int signal_number)
{
    (void)signal_number;
    is_told_to_stop = 1;
}

static void poll_signal(void *arg)
{
    (void)arg;
    if (is_told_to_stop != 0) {
        http_server_stop(server, loop_now_us(loop) + 1000000, stopped, NULL);
    } else {
        loop_timer_set(loop, &signal_timer, loop_now_us(loop) + 100000);
    }
}

int main(int argc, char **argv)
{
    struct http_limits limits = { .head_max = 16384,
                                  .body_max = 1 << 20,
                                  .head_us = 10000000,
                                  .body_us = 30000000,
                                  .idle_us = 60000000,
                                  .write_us = 30000000,
                                  .connections_max = 100000 };
    struct buf why;
    SSL_CTX *tls = NULL;
    int fd = -1;
    buf_init(&why, 1024);
    enum rc rc = http_listen(argc > 1 ? argv[1] : "127.0.0.1:0", &fd, &why);
    if (rc == RC_OK && argc > 3) {
        rc = tls_server_context(
            &(struct tls_server_options){ .cert_file = argv[2], .key_file = argv[3] }, &tls, &why);
    }
    if (rc != RC_OK) {
        fprintf(stderr, "%.*s\n", STR_ARGS(buf_str(&why)));
        return 1;
    }
    printf("listening on port %u\n", http_listen_port(fd));
    (void)fflush(stdout);
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGINT, on_signal);
    loop = loop_new("bench", clock_system());
    server = http_server_new(loop, fd, tls, &limits, answer, NULL);
    loop_timer_set(loop, &signal_timer, loop_now_us(loop));
    loop_run(loop);
    http_server_free(server);
    loop_free(loop);
    SSL_CTX_free(tls);
    return 0;
}
