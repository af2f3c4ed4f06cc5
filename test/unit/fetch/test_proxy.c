/* SPDX-License-Identifier: Apache-2.0
 *
 * Proxies, which only libcurl's client speaks to: who is asked, for what, and that the guard still
 * judges the destination.
 */
#include <stddef.h>
#include <stdint.h>

#include "support.h"

#include <stdio.h>

static const struct step ANSWER[] = {
    REQ, SEND("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"), END
};
static const struct step REFUSAL[] = { REQ, SEND("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"),
                                       END };

struct fixture {
    struct receiver *proxy;
    struct receiver *direct;
    char address[64];
    struct fetch_options options;
};

static const struct step *const g_answer[] = { ANSWER };
static const struct step *const g_refusal[] = { REFUSAL };

static void open_fixture(struct fixture *f, const struct step *const *proxy,
                         struct fetch_policy *policy)
{
    memset(f, 0, sizeof(*f));
    f->proxy = receiver_start(proxy, 1, NULL);
    f->direct = receiver_start(g_answer, 1, NULL);
    (void)snprintf(f->address, sizeof(f->address), "http://127.0.0.1:%u", receiver_port(f->proxy));
    f->options.policy = policy;
    f->options.proxy = f->address;
    f->options.resolve = "hook.test=1.1.1.1,inside.test=10.0.0.1,near.test=127.0.0.1";
}

static void close_fixture(struct fixture *f)
{
    receiver_stop(f->proxy);
    receiver_stop(f->direct);
    fetch_policy_unref(f->options.policy);
}

static void run(const struct fixture *f, const char *url, struct test_call *t)
{
    struct bench b;

    bench_open(&b, CLIENT_CURL, &f->options);
    test_call_init(t, "%s", url);
    test_call_run(&b, t);
    bench_close(&b);
}

static void the_proxy_is_asked_for_the_whole_url(void **state)
{
    struct fixture f;
    struct test_call t;

    (void)state;
    open_fixture(&f, g_answer, policy_of("", ""));
    run(&f, "http://hook.test:8080/a?b", &t);
    assert_int_equal(t.call.error, FETCH_OK);
    assert_str(t.call.response, "ok");
    assert_true(str_starts(receiver_last_request(f.proxy),
                           STR("POST http://hook.test:8080/a?b HTTP/1.1\r\n")));
    test_call_fini(&t);
    close_fixture(&f);
}

static void the_guard_judges_the_destination_before_the_proxy_is_asked(void **state)
{
    static const char *const urls[] = { "http://inside.test/", "http://10.0.0.1/", "http://[::1]/",
                                        "http://localhost/" };
    struct fixture f;

    (void)state;
    open_fixture(&f, g_answer, policy_of("", ""));
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct test_call t;
        run(&f, urls[i], &t);
        assert_int_equal(t.call.error, FETCH_ADDRESS);
        test_call_fini(&t);
    }
    assert_int_equal(receiver_connections(f.proxy), 0);
    close_fixture(&f);
}

static void hosts_of_no_proxy_are_asked_directly(void **state)
{
    static const char *const lists[] = { "near.test", ".test", "other, NEAR.test", "*" };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct fixture f;
        struct test_call t;
        char url[64];
        open_fixture(&f, g_answer, policy_of("127.0.0.0/8", ""));
        f.options.no_proxy = lists[i];
        (void)snprintf(url, sizeof(url), "http://near.test:%u/", receiver_port(f.direct));
        run(&f, url, &t);
        assert_int_equal(t.call.error, FETCH_OK);
        assert_int_equal(receiver_connections(f.proxy), 0);
        assert_int_equal(receiver_connections(f.direct), 1);
        test_call_fini(&t);
        close_fixture(&f);
    }
}

static void names_that_only_end_alike_and_other_networks_use_the_proxy(void **state)
{
    static const char *const lists[] = { "ear.test", "test.near", "10.0.0.0/8", "near.test.", "" };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct fixture f;
        struct test_call t;
        open_fixture(&f, g_answer, policy_of("127.0.0.0/8", ""));
        f.options.no_proxy = lists[i];
        run(&f, "http://near.test:8080/", &t);
        assert_int_equal(t.call.error, FETCH_OK);
        assert_int_equal(receiver_connections(f.proxy), 1);
        test_call_fini(&t);
        close_fixture(&f);
    }
}

static void networks_of_no_proxy_are_asked_directly(void **state)
{
    struct fixture f;
    struct test_call t;
    char url[64];

    (void)state;
    open_fixture(&f, g_answer, policy_of("127.0.0.0/8", ""));
    f.options.no_proxy = "10.0.0.0/8,127.0.0.0/8";
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", receiver_port(f.direct));
    run(&f, url, &t);
    assert_int_equal(t.call.error, FETCH_OK);
    assert_int_equal(receiver_connections(f.direct), 1);
    test_call_fini(&t);
    close_fixture(&f);
}

static void a_tunnel_the_proxy_refuses_is_not_the_receivers_answer(void **state)
{
    struct tls_client_options no_check = { .verify = false };
    struct fixture f;
    struct test_call t;

    (void)state;
    open_fixture(&f, g_refusal, policy_of("", ""));
    assert_int_equal(tls_client_context(&no_check, &f.options.tls, NULL), RC_OK);
    run(&f, "https://hook.test/", &t);
    assert_int_equal(t.call.error, FETCH_CONNECT);
    assert_int_equal(t.call.status, 0);
    assert_true(
        str_starts(receiver_last_request(f.proxy), STR("CONNECT hook.test:443 HTTP/1.1\r\n")));
    test_call_fini(&t);
    SSL_CTX_free(f.options.tls);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_proxy_is_asked_for_the_whole_url),
        cmocka_unit_test(the_guard_judges_the_destination_before_the_proxy_is_asked),
        cmocka_unit_test(hosts_of_no_proxy_are_asked_directly),
        cmocka_unit_test(names_that_only_end_alike_and_other_networks_use_the_proxy),
        cmocka_unit_test(networks_of_no_proxy_are_asked_directly),
        cmocka_unit_test(a_tunnel_the_proxy_refuses_is_not_the_receivers_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
