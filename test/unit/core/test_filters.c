/* SPDX-License-Identifier: Apache-2.0 */
#include "core/filters.h"

#include "core/app_priv.h"
#include "core/endpoint_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json/json.h"

enum { ENDPOINTS = 3 };

static struct world {
    struct core_endpoint endpoints[ENDPOINTS];
    struct core_app *app;
    struct arena arena;
} w;

/* The options of the endpoints; NULL: none. */
static void make(const char *const options[ENDPOINTS])
{
    memset(&w, 0, sizeof(w));
    w.app = core_app_new();
    arena_init(&w.arena);
    for (int i = 0; i < ENDPOINTS; i++) {
        json_t *parsed = NULL;
        w.endpoints[i] = (struct core_endpoint){
            ._refs = 1, .num = i + 1, .id = STR("ep_1"), .fresh_until_us = INT64_MAX
        };
        if (options[i] == NULL) {
            core_app_put(w.app, &w.endpoints[i]);
            continue;
        }
        assert_int_equal(json_parse(str_from(options[i]), &parsed, NULL), RC_OK);
        core_endpoint_read_filter(&w.arena, parsed, &w.endpoints[i]);
        core_app_put(w.app, &w.endpoints[i]);
        json_decref(parsed);
    }
}

static int tear_down(void **state)
{
    (void)state;
    core_app_unref(w.app);
    arena_fini(&w.arena);
    return 0;
}

static void keeps(const struct store_message *m, const int64_t *expected, size_t count)
{
    int64_t endpoints[ENDPOINTS] = { 1, 2, 3 };
    assert_int_equal(core_filter(w.app, m, endpoints, ENDPOINTS), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(endpoints[i], expected[i]);
}

static void keeps_endpoints_whose_filter_matches_and_those_without(void **state)
{
    (void)state;
    make((const char *const[]){ "{\"filter\":\"{\\\"body\\\":{\\\"a\\\":1}}\"}", NULL,
                                "{\"filter\":\"{\\\"body\\\":{\\\"a\\\":2}}\"}" });
    keeps(&(struct store_message){ .payload = STR("{\"a\":1}") }, (int64_t[]){ 1, 2 }, 2);
    keeps(&(struct store_message){ .payload = STR("{\"a\":2}") }, (int64_t[]){ 2, 3 }, 2);
    keeps(&(struct store_message){ .payload = STR("no JSON") }, (int64_t[]){ 2 }, 1);
}

static void filters_see_the_event_type_and_the_messages_headers(void **state)
{
    (void)state;
    make((const char *const[]){ "{\"filter\":\"{\\\"eventType\\\":\\\"x\\\"}\"}",
                                "{\"filter\":\"{\\\"headers\\\":{\\\"x-b\\\":\\\"2 3\\\"}}\"}",
                                "{\"filter\":\"{\\\"path\\\":{\\\"$exist\\\":true}}\"}" });
    keeps(&(struct store_message){ .payload = STR("{}"),
                                   .event_type = STR("x"),
                                   .headers = STR("X-A: 1\r\nX-B:  2 3 \r\n") },
          (int64_t[]){ 1, 2 }, 2);
    keeps(&(struct store_message){ .payload = STR("{}"),
                                   .event_type = STR("y"),
                                   .headers = STR("broken line\r\n") },
          NULL, 0);
}

static void a_filter_that_does_not_compile_lets_nothing_through(void **state)
{
    (void)state;
    make((const char *const[]){ "{\"filter\":\"{\\\"bodi\\\":1}\"}", "{\"filter\":\"\"}",
                                "{\"filter\":5}" });
    keeps(&(struct store_message){ .payload = STR("{}") }, (int64_t[]){ 3 }, 1);
}

static void a_view_without_filters_keeps_all(void **state)
{
    (void)state;
    make((const char *const[]){ NULL, "{}", "{\"transform\":\".\"}" });
    keeps(&(struct store_message){ .payload = STR("{}") }, (int64_t[]){ 1, 2, 3 }, 3);
    assert_true(str_eq(w.endpoints[2].transform, STR(".")));
    assert_null(w.endpoints[1].transform.ptr);
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keeps_endpoints_whose_filter_matches_and_those_without),
        TEST(filters_see_the_event_type_and_the_messages_headers),
        TEST(a_filter_that_does_not_compile_lets_nothing_through),
        TEST(a_view_without_filters_keeps_all),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests_name("filters", tests, NULL, NULL);
}
