/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/given_up_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define S INT64_C(1000000)

struct heard {
    int lines;
    char last[512];
};

static void hear(void *ctx, enum log_event event, struct str line)
{
    struct heard *h = ctx;
    assert_int_equal(event, EV_DELIVER_GIVEN_UP_MORE);
    h->lines++;
    (void)snprintf(h->last, sizeof(h->last), "%.*s", STR_ARGS(line));
}

static int give_up(struct deliver_given_up *g, int64_t endpoint, int count, int64_t now_us)
{
    int logged = 0;
    for (int i = 0; i < count; i++)
        logged += deliver_given_up_may_log(g, endpoint, STR("app_1"), STR("ep_1"), now_us);
    return logged;
}

static int begin(void **state)
{
    static struct heard heard;
    heard = (struct heard){ 0 };
    log_configure(-1, LOG_LEVEL_INFO, false);
    log_tap(hear, &heard);
    *state = &heard;
    return 0;
}

static int end(void **state)
{
    (void)state;
    log_tap(NULL, NULL);
    return 0;
}

static void an_endpoint_has_its_lines_again_after_a_minute_and_the_count_is_told_once(void **state)
{
    struct heard *h = *state;
    struct deliver_given_up *g = deliver_given_up_new();
    assert_int_equal(give_up(g, 1, 25, 100 * S), DELIVER_GIVEN_UP_LINES);
    deliver_given_up_sweep(g, 159 * S);
    assert_int_equal(h->lines, 0);
    assert_int_equal(give_up(g, 1, 1, 159 * S), 0);
    deliver_given_up_sweep(g, 160 * S);
    deliver_given_up_sweep(g, 200 * S);
    assert_int_equal(h->lines, 1);
    assert_non_null(strstr(h->last, "app=app_1 endpoint=ep_1 count=16"));
    assert_int_equal(give_up(g, 1, 3, 200 * S), 3);
    deliver_given_up_free(g);
    assert_int_equal(h->lines, 1);
}

static void many_dead_endpoints_share_what_a_shard_may_write(void **state)
{
    struct heard *h = *state;
    struct deliver_given_up *g = deliver_given_up_new();
    int logged = 0;
    for (int64_t endpoint = 1; endpoint <= DELIVER_GIVEN_UP_ENDPOINTS; endpoint++)
        logged += give_up(g, endpoint, 1, S);
    assert_int_equal(logged, DELIVER_GIVEN_UP_LINES_ALL);
    assert_int_equal(give_up(g, 1 << 20, 7, S), 0);
    deliver_given_up_free(g);
    assert_int_equal(h->lines, DELIVER_GIVEN_UP_ENDPOINTS - DELIVER_GIVEN_UP_LINES_ALL + 1);
    assert_non_null(strstr(h->last, "endpoint=- count=7"));
}

static void the_shards_minute_ends_too(void **state)
{
    struct heard *h = *state;
    struct deliver_given_up *g = deliver_given_up_new();
    for (int64_t endpoint = 1; endpoint <= DELIVER_GIVEN_UP_LINES_ALL; endpoint++)
        assert_int_equal(give_up(g, endpoint, 1, S), 1);
    assert_int_equal(give_up(g, 5000, 1, S), 0);
    assert_int_equal(give_up(g, 5000, 1, 61 * S), 1);
    assert_int_equal(h->lines, 1);
    deliver_given_up_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            an_endpoint_has_its_lines_again_after_a_minute_and_the_count_is_told_once, begin, end),
        cmocka_unit_test_setup_teardown(many_dead_endpoints_share_what_a_shard_may_write, begin,
                                        end),
        cmocka_unit_test_setup_teardown(the_shards_minute_ends_too, begin, end),
    };
    return cmocka_run_group_tests_name("given_up", tests, NULL, NULL);
}
