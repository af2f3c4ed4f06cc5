/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers on loops of their own threads, TLS included, with blocking clients in others.
 */
#include "http/server.h"

#include "loop/loop.h"
#include "tls/tls.h"
#include "work/work.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define REQUEST "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"

/* Answers from another thread. */
struct late_answer {
    struct loop_task task;
    struct work_job job;
    struct http_call *call;
};

struct server {
    struct loop *loop;
    struct http_server *http;
    struct thread *thread;
    struct work_pool *pool;
    SSL_CTX *tls;
    struct loop_task stop_task;
    uint16_t port;
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
    struct server *s = ctx;
    struct late_answer *a = ARENA_NEW(call->arena, struct late_answer);
    a->call = call;
    a->task = (struct loop_task){ .fn = answer, .arg = a };
    a->job = (struct work_job){ .fn = work, .arg = a };
    assert_int_equal(work_submit(s->pool, &a->job), RC_OK);
}

static void run(void *arg)
{
    struct server *s = arg;
    loop_run(s->loop);
}

static void start(struct server *s, SSL_CTX *tls)
{
    struct http_limits limits = { .head_max = 4096,
                                  .body_max = 65536,
                                  .head_us = 10000000,
                                  .body_us = 10000000,
                                  .idle_us = 10000000,
                                  .write_us = 10000000,
                                  .connections_max = 1000 };
    int fd = -1;
    *s = (struct server){ .loop = loop_new("test", clock_system()),
                          .pool = work_pool_new(2, 1000),
                          .tls = tls };
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
    struct server *s = arg;
    http_server_stop(s->http, loop_now_us(s->loop) + 5000000, stopped, s->loop);
}

static void stop(struct server *s)
{
    s->stop_task = (struct loop_task){ .fn = begin_stop, .arg = s };
    loop_post(s->loop, &s->stop_task);
    thread_join(s->thread);
    work_pool_free(s->pool);
    http_server_free(s->http);
    loop_free(s->loop);
}

static int dial(uint16_t port)
{
    struct sockaddr_in addr = { .sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = 10 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

/* Reads one answer with a five-byte body. */
static void expect_answer(int fd)
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

enum { CLIENTS = 4, CONNECTIONS = 128, ROUNDS = 20 };

static void hammer(void *arg)
{
    const struct server *s = arg;
    int fds[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = dial(s->port);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CONNECTIONS; i++) {
            assert_int_equal(send(fds[i], REQUEST, sizeof(REQUEST) - 1, MSG_NOSIGNAL),
                             sizeof(REQUEST) - 1);
        }
        for (int i = 0; i < CONNECTIONS; i++) {
            expect_answer(fds[i]);
        }
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        (void)close(fds[i]);
    }
}

static void answers_512_connections_from_other_threads(void **state)
{
    (void)state;
    struct server s;
    struct thread *clients[CLIENTS];
    start(&s, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = thread_start("client", THREAD_OTHER, hammer, &s);
    }
    for (int i = 0; i < CLIENTS; i++) {
        thread_join(clients[i]);
    }
    stop(&s);
}

static void stops_while_busy_and_answers_what_it_took(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct server s;
        int fds[50];
        start(&s, NULL);
        for (size_t i = 0; i < COUNT_OF(fds); i++) {
            fds[i] = dial(s.port);
            assert_int_equal(send(fds[i], REQUEST, sizeof(REQUEST) - 1, MSG_NOSIGNAL),
                             sizeof(REQUEST) - 1);
        }
        s.stop_task = (struct loop_task){ .fn = begin_stop, .arg = &s };
        loop_post(s.loop, &s.stop_task);
        for (size_t i = 0; i < COUNT_OF(fds); i++) {
            expect_answer(fds[i]);
            (void)close(fds[i]);
        }
        thread_join(s.thread);
        work_pool_free(s.pool);
        http_server_free(s.http);
        loop_free(s.loop);
    }
}

/* ---- TLS ---- */

static char folder[] = "/tmp/grapnel-tls-XXXXXX";
static char cert_file[64], key_file[64], other_key_file[64];

static void write_key(EVP_PKEY *key, const char *path)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    (void)fclose(f);
}

static void write_cert(EVP_PKEY *key, const char *path)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    assert_int_equal(X509_set_version(cert, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -3600));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                (const unsigned char *)"localhost", -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(cert, name), 1);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, cert), 1);
    (void)fclose(f);
    X509_free(cert);
}

static int make_certificate(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(cert_file, sizeof(cert_file), "%s/cert.pem", folder);
    (void)snprintf(key_file, sizeof(key_file), "%s/key.pem", folder);
    (void)snprintf(other_key_file, sizeof(other_key_file), "%s/other.pem", folder);
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    write_key(key, key_file);
    write_key(other, other_key_file);
    write_cert(key, cert_file);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    return 0;
}

static int remove_certificate(void **state)
{
    (void)state;
    (void)unlink(cert_file);
    (void)unlink(key_file);
    (void)unlink(other_key_file);
    return rmdir(folder);
}

static SSL_CTX *server_context(void)
{
    SSL_CTX *ctx = NULL;
    struct tls_server_options o = { .cert_file = cert_file, .key_file = key_file };
    assert_int_equal(tls_server_context(&o, &ctx, NULL), RC_OK);
    return ctx;
}

static SSL_CTX *client_context(void)
{
    SSL_CTX *ctx = NULL;
    struct tls_client_options o = { .ca_file = cert_file, .verify = true };
    assert_int_equal(tls_client_context(&o, &ctx, NULL), RC_OK);
    return ctx;
}

static SSL *dial_tls(SSL_CTX *ctx, uint16_t port)
{
    SSL *ssl = SSL_new(ctx);
    assert_int_equal(SSL_set1_host(ssl, "localhost"), 1);
    assert_int_equal(SSL_set_fd(ssl, dial(port)), 1);
    return ssl;
}

static void hang_up(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);
    (void)SSL_shutdown(ssl);
    SSL_free(ssl);
    (void)close(fd);
}

static void write_tls(SSL *ssl, const char *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        int wrote = SSL_write(ssl, bytes + at, (int)(len - at));
        assert_true(wrote > 0);
        at += (size_t)wrote;
    }
}

static void read_tls_answer(SSL *ssl, const char *end)
{
    static char text[200000];
    size_t len = 0;
    while (!str_ends(str_of(text, len), str_from(end))) {
        int got = SSL_read(ssl, text + len, (int)(sizeof(text) - len));
        assert_true(got > 0);
        len += (size_t)got;
    }
}

static void speaks_tls(void **state)
{
    (void)state;
    struct server s;
    SSL_CTX *server_ctx = server_context(), *ctx = client_context();
    static char body[60001];
    start(&s, server_ctx);
    SSL *ssl = dial_tls(ctx, s.port);
    assert_int_equal(SSL_connect(ssl), 1);
    for (int i = 0; i < 50; i++) {
        write_tls(ssl, REQUEST, sizeof(REQUEST) - 1);
        read_tls_answer(ssl, "hello");
    }
    /* pipelined in one record, and a body of several records both ways */
    write_tls(ssl, REQUEST REQUEST, 2 * (sizeof(REQUEST) - 1));
    read_tls_answer(ssl, "hello");
    memset(body, 'x', sizeof(body) - 1);
    body[sizeof(body) - 2] = '!';
    char head[128];
    int len =
        snprintf(head, sizeof(head), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                 sizeof(body) - 1);
    write_tls(ssl, head, (size_t)len);
    write_tls(ssl, body, sizeof(body) - 1);
    read_tls_answer(ssl, "x!");
    hang_up(ssl);
    stop(&s);
    SSL_CTX_free(ctx);
    SSL_CTX_free(server_ctx);
}

static void survives_what_is_not_tls(void **state)
{
    (void)state;
    struct server s;
    SSL_CTX *server_ctx = server_context(), *ctx = client_context(), *old = client_context();
    start(&s, server_ctx);
    int fd = dial(s.port);
    char byte;
    assert_int_equal(send(fd, REQUEST, sizeof(REQUEST) - 1, MSG_NOSIGNAL), sizeof(REQUEST) - 1);
    while (recv(fd, &byte, 1, 0) > 0) {
    }
    (void)close(fd);
    (void)close(dial(s.port));
    /* TLS 1.1 is refused */
    SSL_CTX_set_security_level(old, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(old, TLS1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(old, TLS1_1_VERSION), 1);
    SSL *ssl = dial_tls(old, s.port);
    assert_int_not_equal(SSL_connect(ssl), 1);
    hang_up(ssl);
    ssl = dial_tls(ctx, s.port);
    assert_int_equal(SSL_connect(ssl), 1);
    write_tls(ssl, REQUEST, sizeof(REQUEST) - 1);
    read_tls_answer(ssl, "hello");
    hang_up(ssl);
    stop(&s);
    SSL_CTX_free(old);
    SSL_CTX_free(ctx);
    SSL_CTX_free(server_ctx);
}

static void resumes_sessions(void **state)
{
    (void)state;
    struct server s;
    SSL_CTX *server_ctx = server_context(), *ctx = client_context();
    start(&s, server_ctx);
    SSL *ssl = dial_tls(ctx, s.port);
    assert_int_equal(SSL_connect(ssl), 1);
    write_tls(ssl, REQUEST, sizeof(REQUEST) - 1);
    read_tls_answer(ssl, "hello");
    SSL_SESSION *session = SSL_get1_session(ssl);
    hang_up(ssl);
    ssl = dial_tls(ctx, s.port);
    assert_int_equal(SSL_set_session(ssl, session), 1);
    assert_int_equal(SSL_connect(ssl), 1);
    assert_int_equal(SSL_session_reused(ssl), 1);
    hang_up(ssl);
    SSL_SESSION_free(session);
    stop(&s);
    SSL_CTX_free(ctx);
    SSL_CTX_free(server_ctx);
}

static void says_which_file_is_wrong(void **state)
{
    (void)state;
    SSL_CTX *ctx = NULL;
    struct buf why;
    buf_init(&why, 1000);
    struct tls_server_options missing = { .cert_file = "/nowhere/cert.pem", .key_file = key_file };
    assert_int_equal(tls_server_context(&missing, &ctx, &why), RC_INVALID);
    assert_true(str_contains(buf_str(&why), STR("'/nowhere/cert.pem'")));
    buf_reset(&why);
    struct tls_server_options foreign = { .cert_file = cert_file, .key_file = other_key_file };
    assert_int_equal(tls_server_context(&foreign, &ctx, &why), RC_INVALID);
    assert_true(str_contains(buf_str(&why), str_from(other_key_file)));
    buf_reset(&why);
    struct tls_client_options no_ca = { .ca_file = "/nowhere/ca.pem", .verify = true };
    assert_int_equal(tls_client_context(&no_ca, &ctx, &why), RC_INVALID);
    assert_true(str_contains(buf_str(&why), STR("'/nowhere/ca.pem'")));
    assert_null(ctx);
    buf_fini(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_512_connections_from_other_threads),
        cmocka_unit_test(stops_while_busy_and_answers_what_it_took),
        cmocka_unit_test(speaks_tls),
        cmocka_unit_test(survives_what_is_not_tls),
        cmocka_unit_test(resumes_sessions),
        cmocka_unit_test(says_which_file_is_wrong),
    };
    return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}
