/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS to receivers: whom both clients trust, what they say when they do not, client certificates,
 * resumed sessions, and that a shared set of CA certificates is not parsed again per connection.
 */
#include <stddef.h>
#include <stdint.h>

#include "certs.h"
#include "metrics/metrics.h"
#include "support.h"

#include <stdio.h>
#include <time.h>

enum { DAY_S = 86400 };

static const struct step ANSWERS[] = { REQ, SEND(ANSWER_OK), REQ, SEND(ANSWER_OK), HANG, END };
static const struct step CLOSING[] = {
    REQ, SEND("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"), END
};
static const struct step UNTIL_CLOSE[] = { REQ, SEND("HTTP/1.1 200 OK\r\n\r\nall"), END };
static const struct step CUT_OFF[] = {
    REQ, SEND("HTTP/1.1 200 OK\r\n\r\nsome"), { STEP_RESET, NULL, 0 }, END
};
static const struct step PLAIN[] = { SEND("HTTP/1.1 400 Bad\r\n\r\n"), HANG, END };

static struct cert g_ca;
static SSL_CTX *g_client;

static int make_ca(void **state)
{
    (void)state;
    g_ca = cert_new(NULL, -DAY_S, DAY_S, NULL);
    g_client = cert_client(&g_ca, NULL);
    return 0;
}

static int drop_ca(void **state)
{
    (void)state;
    SSL_CTX_free(g_client);
    cert_free(&g_ca);
    return 0;
}

struct row {
    const char *host;  /* in the URL */
    const char *names; /* in the certificate */
    long from_s, to_s;
    bool is_self_signed;
    const char *words; /* NULL: accepted */
};

static const struct row ROWS[] = {
    { "hook.test", "DNS:hook.test", -DAY_S, DAY_S, false, NULL },
    { "HOOK.test", "DNS:hook.TEST", -DAY_S, DAY_S, false, NULL },
    { "a.hooks.test", "DNS:*.hooks.test", -DAY_S, DAY_S, false, NULL },
    { "hook.test", "DNS:*.test", -DAY_S, DAY_S, false, "mismatch" },
    { "a.hooks.test", "DNS:hooks.test", -DAY_S, DAY_S, false, "mismatch" },
    { "a.hooks.test", "DNS:a*.hooks.test", -DAY_S, DAY_S, false, "mismatch" },
    { "hook.test", "DNS:other.test,DNS:hook.test", -DAY_S, DAY_S, false, NULL },
    { "127.0.0.1", "IP:127.0.0.1", -DAY_S, DAY_S, false, NULL },
    { "127.0.0.1", "IP:127.0.0.2", -DAY_S, DAY_S, false, "mismatch" },
    { "127.0.0.1", "DNS:hook.test", -DAY_S, DAY_S, false, "mismatch" },
    { "hook.test", "DNS:other.test", -DAY_S, DAY_S, false, "mismatch" },
    { "hook.test", "DNS:*.hook.test", -DAY_S, DAY_S, false, "mismatch" },
    { "hook.test", "IP:127.0.0.1", -DAY_S, DAY_S, false, "mismatch" },
    { "hook.test", "DNS:hook.test", -2 * DAY_S, -DAY_S, false, "expired" },
    { "hook.test", "DNS:hook.test", DAY_S, 2 * DAY_S, false, "not yet valid" },
    { "hook.test", "DNS:hook.test", -DAY_S, DAY_S, true, "self" },
};

static void check_row(const struct row *row, enum client_kind kind)
{
    const struct step *scripts[] = { ANSWERS };
    struct cert leaf =
        cert_new(row->names, row->from_s, row->to_s, row->is_self_signed ? NULL : &g_ca);
    SSL_CTX *server = cert_server(&leaf, NULL);
    struct receiver *r = receiver_start(scripts, 1, server);
    struct fetch_options o = { .tls = g_client,
                               .resolve = "hook.test=127.0.0.1,a.hooks.test=127.0.0.1" };
    struct bench b;
    struct test_call t;

    bench_open(&b, kind, &o);
    test_call_init(&t, "https://%s:%u/", row->host, receiver_port(r));
    test_call_run(&b, &t);
    if (t.call.error != (row->words == NULL ? FETCH_OK : FETCH_TLS))
        fail_msg("%s, %s, %s: %s", row->host, row->names, CLIENT_NAMES[kind], t.call.detail);
    if (row->words == NULL)
        assert_str(t.call.response, "ok");
    else if (kind == CLIENT_OWN)
        assert_non_null(strstr(t.call.detail, row->words));
    else
        assert_true(t.call.detail[0] != '\0');
    assert_int_equal(receiver_requests(r), row->words == NULL);
    test_call_fini(&t);
    bench_close(&b);
    receiver_stop(r);
    SSL_CTX_free(server);
    cert_free(&leaf);
}

static void both_clients_trust_the_same_certificates(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++)
        FOR_BOTH(kind) check_row(&ROWS[i], kind);
}

/* Runs `calls` calls against a script over TLS and leaves the last one's outcome in *t. */
static void run_calls(enum client_kind kind, const struct step *script, int calls, bool is_plain,
                      struct test_call *t)
{
    const struct step *scripts[] = { script };
    struct cert leaf = cert_new("DNS:hook.test", -DAY_S, DAY_S, &g_ca);
    SSL_CTX *server = cert_server(&leaf, NULL);
    struct receiver *r = receiver_start(scripts, 1, is_plain ? NULL : server);
    struct fetch_options o = { .tls = g_client, .resolve = "hook.test=127.0.0.1" };
    struct bench b;

    bench_open(&b, kind, &o);
    test_call_init(t, "https://hook.test:%u/", receiver_port(r));
    for (int i = 0; i < calls; i++)
        test_call_run(&b, t);
    bench_close(&b);
    receiver_stop(r);
    SSL_CTX_free(server);
    cert_free(&leaf);
}

/* --- what the clients say of themselves -------------------------------------------------------- */

struct hello {
    char name[64]; /* SNI; "": none */
    char protocols[64];
};

static int note_name(SSL *ssl, int *alert, void *arg)
{
    struct hello *seen = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    (void)snprintf(seen->name, sizeof(seen->name), "%s", name != NULL ? name : "");
    return SSL_TLSEXT_ERR_OK;
}

static int note_protocols(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                          const unsigned char *in, unsigned in_len, void *arg)
{
    struct hello *seen = arg;

    (void)ssl;
    (void)snprintf(seen->protocols, sizeof(seen->protocols), "%.*s", (int)in_len, (const char *)in);
    *out = in + 1;
    *out_len = in[0];
    return SSL_TLSEXT_ERR_OK;
}

static void both_clients_name_the_host_and_offer_http_1_1(void **state)
{
    static const struct {
        const char *host;
        const char *name;
    } rows[] = { { "hook.test", "hook.test" }, { "hook.test.", "hook.test" }, { "127.0.0.1", "" } };
    const struct step *scripts[] = { ANSWERS };
    struct cert leaf = cert_new("DNS:hook.test,IP:127.0.0.1", -DAY_S, DAY_S, &g_ca);
    SSL_CTX *server = cert_server(&leaf, NULL);
    struct hello seen;

    (void)state;
    (void)SSL_CTX_set_tlsext_servername_callback(server, note_name);
    (void)SSL_CTX_set_tlsext_servername_arg(server, &seen);
    SSL_CTX_set_alpn_select_cb(server, note_protocols, &seen);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        FOR_BOTH(kind)
        {
            struct receiver *r = receiver_start(scripts, 1, server);
            struct fetch_options o = { .tls = g_client,
                                       .resolve = "hook.test=127.0.0.1,hook.test.=127.0.0.1" };
            struct bench b;
            struct test_call t;
            memset(&seen, 0, sizeof(seen));
            bench_open(&b, kind, &o);
            test_call_init(&t, "https://%s:%u/", rows[i].host, receiver_port(r));
            test_call_run(&b, &t);
            if (t.call.error != FETCH_OK)
                fail_msg("%s, %s: %s", rows[i].host, CLIENT_NAMES[kind], t.call.detail);
            test_call_fini(&t);
            bench_close(&b);
            receiver_stop(r);
            assert_string_equal(seen.name, rows[i].name);
            assert_string_equal(seen.protocols, "\x08http/1.1");
        }
    }
    SSL_CTX_free(server);
    cert_free(&leaf);
}

/* One call against a receiver that speaks one version only. */
static void run_version(enum client_kind kind, int version, const struct step *script, int calls,
                        struct test_call *t)
{
    const struct step *scripts[] = { script };
    struct cert leaf = cert_new("DNS:hook.test", -DAY_S, DAY_S, &g_ca);
    SSL_CTX *server = cert_server(&leaf, NULL);
    struct fetch_options o = { .tls = g_client, .resolve = "hook.test=127.0.0.1" };
    struct bench b;

    SSL_CTX_set_security_level(server, 0);
    (void)SSL_CTX_clear_options(server, SSL_OP_NO_RENEGOTIATION);
    MUST(SSL_CTX_set_min_proto_version(server, version) == 1 &&
         SSL_CTX_set_max_proto_version(server, version) == 1);
    struct receiver *r = receiver_start(scripts, 1, server);
    bench_open(&b, kind, &o);
    test_call_init(t, "https://hook.test:%u/", receiver_port(r));
    for (int i = 0; i < calls; i++)
        test_call_run(&b, t);
    bench_close(&b);
    receiver_stop(r);
    SSL_CTX_free(server);
    cert_free(&leaf);
}

static void both_clients_speak_1_2_and_1_3_and_nothing_older(void **state)
{
    static const struct {
        int version;
        enum fetch_error error;
    } rows[] = { { TLS1_2_VERSION, FETCH_OK },
                 { TLS1_3_VERSION, FETCH_OK },
                 { TLS1_1_VERSION, FETCH_TLS } };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        FOR_BOTH(kind)
        {
            struct test_call t;
            run_version(kind, rows[i].version, ANSWERS, 1, &t);
            if (t.call.error != rows[i].error)
                fail_msg("version %x, %s: %s %s", rows[i].version, CLIENT_NAMES[kind],
                         fetch_error_name(t.call.error), t.call.detail);
            test_call_fini(&t);
        }
    }
}

static void sessions_of_both_versions_are_resumed(void **state)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        int64_t full = metrics_value(METRIC_FETCH_TLS_FULL);
        int64_t resumed = metrics_value(METRIC_FETCH_TLS_RESUMED);
        struct test_call t;
        run_version(CLIENT_OWN, versions[i], CLOSING, 3, &t);
        assert_int_equal(t.call.error, FETCH_OK);
        assert_int_equal(metrics_value(METRIC_FETCH_TLS_FULL) - full, 1);
        assert_int_equal(metrics_value(METRIC_FETCH_TLS_RESUMED) - resumed, 2);
        test_call_fini(&t);
    }
}

static void a_receiver_that_wants_to_renegotiate_is_refused_and_may_still_answer(void **state)
{
    static const struct step script[] = {
        REQ, { STEP_RENEGOTIATE, NULL, 0 }, SEND(ANSWER_OK), HANG, END
    };

    (void)state;
    FOR_BOTH(kind)
    {
        struct test_call t;
        run_version(kind, TLS1_2_VERSION, script, 1, &t);
        assert_int_equal(t.call.error, FETCH_OK);
        assert_str(t.call.response, "ok");
        test_call_fini(&t);
    }
}

static void a_tls_connection_is_used_again(void **state)
{
    (void)state;
    FOR_BOTH(kind)
    {
        struct test_call t;
        run_calls(kind, ANSWERS, 2, false, &t);
        assert_int_equal(t.call.error, FETCH_OK);
        assert_true(t.call.reused);
        test_call_fini(&t);
    }
}

static void a_new_connection_resumes_the_session(void **state)
{
    int64_t full = metrics_value(METRIC_FETCH_TLS_FULL);
    int64_t resumed = metrics_value(METRIC_FETCH_TLS_RESUMED);
    struct test_call t;

    (void)state;
    run_calls(CLIENT_OWN, CLOSING, 4, false, &t);
    assert_int_equal(t.call.error, FETCH_OK);
    assert_int_equal(metrics_value(METRIC_FETCH_TLS_FULL) - full, 1);
    assert_int_equal(metrics_value(METRIC_FETCH_TLS_RESUMED) - resumed, 3);
    test_call_fini(&t);
}

static void a_body_until_close_is_whole_only_with_a_goodbye(void **state)
{
    (void)state;
    FOR_BOTH(kind)
    {
        struct test_call t;
        run_calls(kind, UNTIL_CLOSE, 1, false, &t);
        assert_int_equal(t.call.error, FETCH_OK);
        assert_str(t.call.response, "all");
        assert_false(t.call.response_cut);
        test_call_fini(&t);
        run_calls(kind, CUT_OFF, 1, false, &t);
        assert_int_equal(t.call.error, FETCH_OK);
        assert_str(t.call.response, "some");
        assert_true(t.call.response_cut);
        test_call_fini(&t);
    }
}

static void a_receiver_without_tls_is_a_tls_error(void **state)
{
    (void)state;
    FOR_BOTH(kind)
    {
        struct test_call t;
        run_calls(kind, PLAIN, 1, true, &t);
        assert_int_equal(t.call.error, FETCH_TLS);
        assert_true(t.call.detail[0] != '\0');
        test_call_fini(&t);
    }
}

static void a_receiver_that_never_shakes_hands_ends_at_the_connect_deadline(void **state)
{
    static const struct step deaf[] = { HANG, END };
    const struct step *scripts[] = { deaf };

    (void)state;
    FOR_BOTH(kind)
    {
        struct receiver *r = receiver_start(scripts, 1, NULL);
        struct fetch_options o = { .tls = g_client };
        struct bench b;
        struct test_call t;
        bench_open(&b, kind, &o);
        test_call_init(&t, "https://127.0.0.1:%u/", receiver_port(r));
        t.call.connect_us = 200 * 1000;
        test_call_run(&b, &t);
        assert_int_equal(t.call.error, FETCH_CONNECT_TIMEOUT);
        test_call_fini(&t);
        bench_close(&b);
        receiver_stop(r);
    }
}

static void a_client_certificate_belongs_to_its_call(void **state)
{
    const struct step *scripts[] = { ANSWERS };
    struct cert leaf = cert_new("DNS:hook.test", -DAY_S, DAY_S, &g_ca);
    struct cert mine = cert_new("DNS:sender.test", -DAY_S, DAY_S, &g_ca);
    SSL_CTX *server = cert_server(&leaf, &g_ca);
    SSL_CTX *with_cert = cert_client(&g_ca, &mine);

    (void)state;
    FOR_BOTH(kind)
    {
        struct receiver *r = receiver_start(scripts, 1, server);
        struct fetch_options o = { .tls = g_client, .resolve = "hook.test=127.0.0.1" };
        struct bench b;
        struct test_call t;
        bench_open(&b, kind, &o);
        test_call_init(&t, "https://hook.test:%u/", receiver_port(r));
        t.call.tls = with_cert;
        test_call_run(&b, &t);
        assert_int_equal(t.call.error, FETCH_OK);
        t.call.tls = NULL; /* must not come along on the kept connection */
        test_call_run(&b, &t);
        assert_int_not_equal(t.call.error, FETCH_OK);
        assert_int_equal(receiver_requests(r), 1);
        test_call_fini(&t);
        bench_close(&b);
        receiver_stop(r);
    }
    SSL_CTX_free(with_cert);
    SSL_CTX_free(server);
    cert_free(&mine);
    cert_free(&leaf);
}

static int64_t cpu_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void the_system_ca_certificates_are_not_parsed_per_connection(void **state)
{
    enum { CALLS = 10, PARSE_US = 10 * 1000 };
    struct tls_client_options system_ca = { .verify = true };
    SSL_CTX *client = NULL;

    (void)state;
    if (tls_client_context(&system_ca, &client, NULL) != RC_OK)
        skip();
    MUST(X509_STORE_add_cert(SSL_CTX_get_cert_store(client), g_ca.x509) == 1);
    SSL_CTX *shared = g_client;
    g_client = client;
    FOR_BOTH(kind)
    {
        struct test_call t;
        run_calls(kind, CLOSING, 1, false, &t);
        test_call_fini(&t);
        int64_t before = cpu_us();
        run_calls(kind, CLOSING, CALLS, false, &t);
        assert_int_equal(t.call.error, FETCH_OK);
        /* Parsing takes about 26 ms a time, a handshake about 1. */
        assert_true((cpu_us() - before) / CALLS < PARSE_US);
        test_call_fini(&t);
    }
    g_client = shared;
    SSL_CTX_free(client);
}

/* With 1.3 the receiver judges after the handshake is over for us. libcurl may then find the connection
 * closed before it has read why. */
static void a_refusal_is_told_in_the_receivers_words_in_every_version(void **state)
{
    static const struct {
        int version;
        const char *words;
    } rows[] = { { TLS1_2_VERSION, "handshake failure" },
                 { TLS1_3_VERSION, "certificate required" } };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        FOR_BOTH(kind)
        {
            const struct step *scripts[] = { ANSWERS };
            struct cert leaf = cert_new("DNS:hook.test", -DAY_S, DAY_S, &g_ca);
            SSL_CTX *server = cert_server(&leaf, &g_ca); /* wants a certificate; we have none */
            struct fetch_options o = { .tls = g_client, .resolve = "hook.test=127.0.0.1" };
            struct bench b;
            struct test_call t;
            assert_int_equal(SSL_CTX_set_min_proto_version(server, rows[i].version), 1);
            assert_int_equal(SSL_CTX_set_max_proto_version(server, rows[i].version), 1);
            struct receiver *r = receiver_start(scripts, 1, server);
            bench_open(&b, kind, &o);
            test_call_init(&t, "https://hook.test:%u/", receiver_port(r));
            test_call_run(&b, &t);
            bool may_be_closed = kind == CLIENT_CURL && rows[i].version == TLS1_3_VERSION;
            if (may_be_closed && t.call.error == FETCH_CLOSED)
                print_message("libcurl found it closed: %s\n", t.call.detail);
            else if (t.call.error != FETCH_TLS || strstr(t.call.detail, rows[i].words) == NULL ||
                     strstr(t.call.detail, "the receiver refused") == NULL)
                fail_msg("%s, %x: %s, %s", CLIENT_NAMES[kind], (unsigned)rows[i].version,
                         fetch_error_name(t.call.error), t.call.detail);
            test_call_fini(&t);
            bench_close(&b);
            receiver_stop(r);
            SSL_CTX_free(server);
            cert_free(&leaf);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_clients_trust_the_same_certificates),
        cmocka_unit_test(both_clients_name_the_host_and_offer_http_1_1),
        cmocka_unit_test(both_clients_speak_1_2_and_1_3_and_nothing_older),
        cmocka_unit_test(sessions_of_both_versions_are_resumed),
        cmocka_unit_test(a_receiver_that_wants_to_renegotiate_is_refused_and_may_still_answer),
        cmocka_unit_test(a_tls_connection_is_used_again),
        cmocka_unit_test(a_new_connection_resumes_the_session),
        cmocka_unit_test(a_body_until_close_is_whole_only_with_a_goodbye),
        cmocka_unit_test(a_receiver_without_tls_is_a_tls_error),
        cmocka_unit_test(a_receiver_that_never_shakes_hands_ends_at_the_connect_deadline),
        cmocka_unit_test(a_refusal_is_told_in_the_receivers_words_in_every_version),
        cmocka_unit_test(a_client_certificate_belongs_to_its_call),
        cmocka_unit_test(the_system_ca_certificates_are_not_parsed_per_connection),
    };
    return cmocka_run_group_tests(tests, make_ca, drop_ca);
}
