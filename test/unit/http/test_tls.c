/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS as a server: versions, protocols, names, sessions, renegotiation, and clients that stall or
 * speak something else.
 */
#include "certs.h"
#include "harness.h"
#include "threaded.h"

#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DAY_S = 86400 };

static struct cert g_ca, g_leaf;
static SSL_CTX *g_server, *g_client;

static int make_contexts(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to connections that are closed */
    g_ca = cert_new(NULL, -DAY_S, DAY_S, NULL);
    g_leaf = cert_new("DNS:localhost", -DAY_S, DAY_S, &g_ca);
    g_server = cert_server(&g_leaf, NULL);
    g_client = cert_client(&g_ca, NULL);
    return 0;
}

static int drop_contexts(void **state)
{
    (void)state;
    SSL_CTX_free(g_client);
    SSL_CTX_free(g_server);
    cert_free(&g_leaf);
    cert_free(&g_ca);
    return 0;
}

/* ---- a client ---- */

static SSL *dial(const struct threaded *s, int version)
{
    SSL *ssl = SSL_new(g_client);
    assert_int_equal(SSL_set1_host(ssl, "localhost"), 1);
    assert_int_equal(SSL_set_fd(ssl, threaded_dial(s)), 1);
    if (version != 0)
        assert_true(SSL_set_min_proto_version(ssl, version) == 1 &&
                    SSL_set_max_proto_version(ssl, version) == 1);
    return ssl;
}

static void hang_up(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);
    (void)SSL_shutdown(ssl);
    SSL_free(ssl);
    (void)close(fd);
    ERR_clear_error();
}

static void write_all(SSL *ssl, const char *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        int wrote = SSL_write(ssl, bytes + at, (int)(len - at));
        assert_true(wrote > 0);
        at += (size_t)wrote;
    }
}

static void read_until(SSL *ssl, const char *end)
{
    static char text[200000];
    size_t len = 0;
    while (!str_ends(str_of(text, len), str_from(end))) {
        int got = SSL_read(ssl, text + len, (int)(sizeof(text) - len));
        assert_true(got > 0);
        len += (size_t)got;
    }
}

static void expect_service(SSL *ssl)
{
    assert_int_equal(SSL_connect(ssl), 1);
    write_all(ssl, REQUEST, sizeof(REQUEST) - 1);
    read_until(ssl, "\r\n\r\nhello");
}

/* Whatever was done to it, the server serves the next one. */
static void expect_well(const struct threaded *s)
{
    SSL *ssl = dial(s, 0);
    expect_service(ssl);
    hang_up(ssl);
}

/* ---- serving ---- */

static void speaks_tls(void **state)
{
    (void)state;
    struct threaded s;
    static char body[60001];
    char head[128];
    threaded_start(&s, g_server);
    SSL *ssl = dial(&s, 0);
    expect_service(ssl);
    for (int i = 0; i < 50; i++) {
        write_all(ssl, REQUEST, sizeof(REQUEST) - 1);
        read_until(ssl, "hello");
    }
    /* pipelined in one record, and a body of several records both ways */
    write_all(ssl, REQUEST REQUEST, 2 * (sizeof(REQUEST) - 1));
    read_until(ssl, "hello");
    memset(body, 'x', sizeof(body) - 1);
    body[sizeof(body) - 2] = '!';
    int len =
        snprintf(head, sizeof(head), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                 sizeof(body) - 1);
    write_all(ssl, head, (size_t)len);
    write_all(ssl, body, sizeof(body) - 1);
    read_until(ssl, "x!");
    hang_up(ssl);
    threaded_stop(&s);
}

static void speaks_1_2_and_1_3_and_nothing_older(void **state)
{
    (void)state;
    struct threaded s;
    static const struct {
        int version;
        const char *name; /* NULL: refused */
    } ROWS[] = {
        { TLS1_2_VERSION, "TLSv1.2" },
        { TLS1_3_VERSION, "TLSv1.3" },
        { TLS1_1_VERSION, NULL },
        { TLS1_VERSION, NULL },
    };
    threaded_start(&s, g_server);
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        SSL *ssl = dial(&s, ROWS[i].version);
        SSL_set_security_level(ssl, 0); /* the client would rather not, either */
        if (ROWS[i].name != NULL) {
            expect_service(ssl);
            assert_string_equal(SSL_get_version(ssl), ROWS[i].name);
        } else {
            assert_int_not_equal(SSL_connect(ssl), 1);
        }
        hang_up(ssl);
    }
    expect_well(&s);
    threaded_stop(&s);
}

static void agrees_on_http_1_1_or_on_nothing(void **state)
{
    (void)state;
    struct threaded s;
    static const struct {
        const char *offer;
        unsigned len;
        const char *chosen; /* NULL: refused */
    } ROWS[] = {
        { "\x08http/1.1", 9, "http/1.1" },
        { "\x02h2\x08http/1.1", 12, "http/1.1" },
        { "\x02h2", 3, NULL },
        { "\x08http/1.0\x06spdy/3", 16, NULL },
        { "", 0, "" },
    };
    threaded_start(&s, g_server);
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        const unsigned char *chosen = NULL;
        unsigned len = 0;
        SSL *ssl = dial(&s, 0);
        if (ROWS[i].len > 0)
            assert_int_equal(
                SSL_set_alpn_protos(ssl, (const unsigned char *)ROWS[i].offer, ROWS[i].len), 0);
        if (ROWS[i].chosen == NULL) {
            assert_int_not_equal(SSL_connect(ssl), 1);
            assert_int_equal(ERR_GET_REASON(ERR_peek_error()),
                             SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
        } else {
            expect_service(ssl);
            SSL_get0_alpn_selected(ssl, &chosen, &len);
            assert_true(str_eq(str_of((const char *)chosen, len), str_from(ROWS[i].chosen)));
        }
        hang_up(ssl);
    }
    threaded_stop(&s);
}

/* There is one certificate, so the name a client asks for decides nothing here; the client checks. */
static void serves_whatever_name_is_asked_for(void **state)
{
    (void)state;
    struct threaded s;
    static char names[][16] = { "", "localhost", "other.example",
                                "x" }; /* OpenSSL's call casts const away */
    threaded_start(&s, g_server);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        SSL *ssl = dial(&s, 0);
        if (names[i][0] != '\0')
            assert_int_equal(SSL_set_tlsext_host_name(ssl, names[i]), 1);
        expect_service(ssl);
        hang_up(ssl);
    }
    threaded_stop(&s);
}

static void resumes_sessions_of_both_versions(void **state)
{
    (void)state;
    struct threaded s;
    static const int VERSIONS[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    threaded_start(&s, g_server);
    for (size_t i = 0; i < COUNT_OF(VERSIONS); i++) {
        SSL *ssl = dial(&s, VERSIONS[i]);
        expect_service(ssl);
        SSL_SESSION *session = SSL_get1_session(ssl);
        hang_up(ssl);
        ssl = dial(&s, VERSIONS[i]);
        assert_int_equal(SSL_set_session(ssl, session), 1);
        expect_service(ssl);
        assert_int_equal(SSL_session_reused(ssl), 1);
        hang_up(ssl);
        SSL_SESSION_free(session);
    }
    threaded_stop(&s);
}

/* ---- what is refused ---- */

static void refuses_to_renegotiate(void **state)
{
    (void)state;
    struct threaded s;
    threaded_start(&s, g_server);
    SSL *ssl = dial(&s, TLS1_2_VERSION);
    (void)SSL_clear_options(ssl, SSL_OP_NO_RENEGOTIATION);
    expect_service(ssl);
    assert_int_equal(SSL_renegotiate(ssl), 1);
    assert_int_not_equal(SSL_do_handshake(ssl), 1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
    hang_up(ssl);
    expect_well(&s);
    threaded_stop(&s);
}

static void survives_what_is_not_tls(void **state)
{
    (void)state;
    struct threaded s;
    static const struct str WORDS[] = {
        { REQUEST, sizeof(REQUEST) - 1 },
        { "", 0 },
        { "\x16\x03\x01\x40\x01\x01", 6 },                  /* a record past its limit */
        { "\x16\x03\x01\x00\x05\x01\xff\xff\xff\x03", 10 }, /* a hello past its limit */
        { "\x15\x03\x03\x00\x02\x02\x28", 7 },              /* an alert first */
        { "\x17\x03\x03\x00\x01x", 6 },                     /* data first */
    };
    threaded_start(&s, g_server);
    for (size_t i = 0; i < COUNT_OF(WORDS); i++) {
        int fd = threaded_dial(&s);
        char byte;
        (void)send(fd, WORDS[i].ptr, WORDS[i].len, MSG_NOSIGNAL);
        (void)shutdown(fd, SHUT_WR);
        while (recv(fd, &byte, 1, 0) > 0) {
        }
        (void)close(fd);
    }
    expect_well(&s);
    threaded_stop(&s);
}

/* Records that do not decrypt end the connection in the middle of a request. */
static void survives_a_broken_record(void **state)
{
    (void)state;
    struct threaded s;
    char byte;
    threaded_start(&s, g_server);
    SSL *ssl = dial(&s, 0);
    expect_service(ssl);
    write_all(ssl, REQUEST, 10);
    assert_int_equal(send(SSL_get_fd(ssl),
                          "\x17\x03\x03\x00\x20"
                          "0123456789abcdef0123456789abcdef",
                          37, MSG_NOSIGNAL),
                     37);
    assert_int_not_equal(SSL_read(ssl, &byte, 1), 1);
    hang_up(ssl);
    expect_well(&s);
    threaded_stop(&s);
}

static void cuts_a_client_that_stalls_in_the_handshake(void **state)
{
    (void)state;
    static const struct str BEGINNINGS[] = {
        { "", 0 },
        { "\x16", 1 },
        { "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11 },
    };
    for (size_t i = 0; i < COUNT_OF(BEGINNINGS); i++) {
        struct harness h = { .tls = g_server };
        harness_start(&h);
        int fd = client_connect(&h);
        pump(&h);
        client_send(fd, BEGINNINGS[i]);
        advance(&h, 900000);
        assert_false(client_is_closed(&h, fd));
        advance(&h, 200000);
        assert_true(client_is_closed(&h, fd));
        (void)close(fd);
        harness_stop(&h);
    }
}

/* ---- beside the wire ---- */

/* What other users of OpenSSL on the same thread leave behind must not be taken for an error of the connection. */
static void leave_an_error(void *ctx, struct http_call *call)
{
    (void)ctx;
    ERR_raise(ERR_LIB_USER, ERR_R_PASSED_INVALID_ARGUMENT);
    harness_answer(call);
    ERR_raise(ERR_LIB_USER, ERR_R_PASSED_INVALID_ARGUMENT);
}

static void is_not_misled_by_errors_of_others(void **state)
{
    (void)state;
    struct harness h = { .tls = g_server, .handler = leave_an_error };
    char text[512];
    harness_start(&h);
    int fd = client_connect(&h);
    struct timeval at_once = { .tv_usec = 1000 };
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &at_once, sizeof(at_once)), 0);
    SSL *ssl = SSL_new(g_client);
    assert_int_equal(SSL_set1_host(ssl, "localhost"), 1);
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    for (int turn = 0; turn < 1000; turn++) {
        ERR_clear_error();
        if (SSL_connect(ssl) == 1)
            break;
        pump(&h);
    }
    assert_true(SSL_is_init_finished(ssl));
    for (int i = 0; i < 3; i++) {
        int got = 0;
        write_all(ssl, REQUEST, sizeof(REQUEST) - 1);
        for (int turn = 0; turn < 1000 && got <= 0; turn++) {
            pump(&h);
            got = SSL_read(ssl, text, sizeof(text));
        }
        assert_true(got > 0 && str_starts(str_of(text, (size_t)got), STR("HTTP/1.1 200 OK\r\n")));
    }
    SSL_free(ssl);
    (void)close(fd);
    ERR_clear_error();
    harness_stop(&h);
}

static void says_which_file_is_wrong(void **state)
{
    (void)state;
    SSL_CTX *ctx = NULL;
    struct buf why;
    char cert_file[CERT_PATH], key_file[CERT_PATH], other_cert_file[CERT_PATH],
        other_key_file[CERT_PATH];
    cert_write(&g_leaf, cert_file, key_file);
    cert_write(&g_ca, other_cert_file, other_key_file);
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
    (void)unlink(cert_file);
    (void)unlink(key_file);
    (void)unlink(other_cert_file);
    (void)unlink(other_key_file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speaks_tls),
        cmocka_unit_test(speaks_1_2_and_1_3_and_nothing_older),
        cmocka_unit_test(agrees_on_http_1_1_or_on_nothing),
        cmocka_unit_test(serves_whatever_name_is_asked_for),
        cmocka_unit_test(resumes_sessions_of_both_versions),
        cmocka_unit_test(refuses_to_renegotiate),
        cmocka_unit_test(survives_what_is_not_tls),
        cmocka_unit_test(survives_a_broken_record),
        cmocka_unit_test(cuts_a_client_that_stalls_in_the_handshake),
        cmocka_unit_test(is_not_misled_by_errors_of_others),
        cmocka_unit_test(says_which_file_is_wrong),
    };
    return cmocka_run_group_tests(tests, make_contexts, drop_contexts);
}
