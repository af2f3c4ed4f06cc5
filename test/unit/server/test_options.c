/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#include "server/options_priv.h"

/* The configuration with one flag. */
static struct conf *load(const char *flag)
{
    char text[256];
    char *arguments[] = { text, NULL };
    char *nothing[] = { NULL };
    struct conf *conf = NULL;
    struct buf why;

    (void)snprintf(text, sizeof(text), "%s", flag);
    buf_init(&why, 1024);
    assert_int_equal(conf_load("/dev/null", 1, arguments, nothing, &conf, &why), RC_OK);
    buf_fini(&why);
    return conf;
}

static enum rc check(struct conf *conf, struct buf *why)
{
    enum rc rc = server_check(conf, why);

    conf_free(conf);
    return rc;
}

static void the_defaults_are_valid_and_make_the_documented_schedule(void **state)
{
    static const int64_t minutes[] = { 0, 5, 30, 120, 300, 600, 600 };
    int64_t delays[CORE_RETRY_MAX];
    struct deliver_limits limits;
    struct buf why;
    (void)state;

    buf_init(&why, 256);
    struct conf *conf = load("--log.level=info");
    assert_int_equal(server_check(conf, &why), RC_OK);
    assert_int_equal(server_deliver_limits(conf, delays, &limits, &why), RC_OK);
    assert_int_equal(limits.retry.count, COUNT_OF(minutes));
    assert_int_equal(delays[0], 5000000);
    for (size_t i = 1; i < COUNT_OF(minutes); i++)
        assert_int_equal(delays[i], minutes[i] * 60000000);
    assert_int_equal(limits.attempt_us, 15000000);
    conf_free(conf);
    buf_fini(&why);
}

static void idle_connections_take_a_quarter_of_the_descriptors_at_most(void **state)
{
    (void)state;
    struct conf *conf = load("--fetch.idle_max=1000");
    assert_int_equal(server_idle_max(conf, 100000, 2), 1000);
    assert_int_equal(server_idle_max(conf, INT64_MAX, 1), 1000);
    assert_int_equal(server_idle_max(conf, 4000, 2), 500);
    assert_int_equal(server_idle_max(conf, 4, 2), 1);
    conf_free(conf);
    conf = load("--fetch.idle_max=0");
    assert_int_equal(server_idle_max(conf, 4000, 2), 1);
    conf_free(conf);
}

static void what_does_not_go_together_is_named(void **state)
{
    static const struct {
        const char *flag, *named;
    } cases[] = {
        { "--server.tls_cert=/a", "server.tls_key is not" },
        { "--fetch.key=/a", "fetch.cert is not" },
        { "--fetch.http2=true", "fetch.client = curl" },
        { "--fetch.proxy=http://p", "fetch.client = curl" },
        { "--server.main_secret=0123456789abcde", "16 bytes" },
        { "--debug.enabled=true", "debug.token" },
        { "--deliver.retry=5s,,1m", "\"\"" },
        { "--deliver.retry=5", "\"5\"" },
        { "--cluster.address=http://a:1", "cluster.address: \"http://a:1\"" },
        { "--cluster.address=a:b", "give a host" },
        { "--cluster.address=u@a", "give a host" },
    };
    struct buf why;
    (void)state;

    buf_init(&why, 512);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_reset(&why);
        assert_int_equal(check(load(cases[i].flag), &why), RC_INVALID);
        assert_true(str_contains(buf_str(&why), str_from(cases[i].named)));
    }
    buf_fini(&why);
}

static void a_schedule_has_at_most_32_delays_and_may_be_empty(void **state)
{
    char flag[256] = "--deliver.retry=1s";
    struct buf why;
    (void)state;

    buf_init(&why, 256);
    for (int i = 1; i < CORE_RETRY_MAX; i++)
        strncat(flag, ",1s", sizeof(flag) - strlen(flag) - 1);
    assert_int_equal(check(load(flag), &why), RC_OK);
    strncat(flag, ",1s", sizeof(flag) - strlen(flag) - 1);
    assert_int_equal(check(load(flag), &why), RC_INVALID);
    assert_int_equal(check(load("--deliver.retry="), &why), RC_OK);
    buf_fini(&why);
}

static void connections_are_shared_out_to_the_loops_rounded_up(void **state)
{
    (void)state;
    struct conf *conf = load("--http.connections_max=10");
    assert_int_equal(server_http_limits(conf, 3).connections_max, 4);
    assert_int_equal(server_http_limits(conf, 1).connections_max, 10);
    conf_free(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_valid_and_make_the_documented_schedule),
        cmocka_unit_test(idle_connections_take_a_quarter_of_the_descriptors_at_most),
        cmocka_unit_test(what_does_not_go_together_is_named),
        cmocka_unit_test(a_schedule_has_at_most_32_delays_and_may_be_empty),
        cmocka_unit_test(connections_are_shared_out_to_the_loops_rounded_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
