/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts that PostgreSQL cannot hold (with U+0000, or not UTF-8) reach no row, whatever the store is kept in: a body or a
 * path that would put one there is refused by name, and what looks for one finds nothing.
 */
#include "caller.h"

#define APP "/api/v1/app/app"

static void a_body_with_u_0000_is_refused(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    const struct {
        const char *method, *path, *body;
    } calls[] = {
        { "POST", "/api/v1/app", "{\"name\":\"a\\u0000b\"}" },
        { "POST", "/api/v1/app", "{\"name\":\"a\",\"metadata\":{\"k\":\"\\u0000\"}}" },
        { "PATCH", APP, "{\"name\":\"\\u0000\"}" },
        { "POST", APP "/endpoint", "{\"url\":\"http://x.test/\",\"description\":\"\\u0000\"}" },
        { "POST", "/api/v1/event-type", "{\"name\":\"a\",\"description\":\"\\u0000\"}" },
        { "POST", "/ingest/api/v1/source", "{\"name\":\"\\u0000\",\"type\":\"generic-webhook\"}" },
    };
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        struct answer a = call(c, calls[i].method, calls[i].path, calls[i].body);
        assert_int_equal(a.status, 422);
        assert_string_equal(text_at(a, "detail.0.loc.0"), "body");
        assert_non_null(strstr(text_at(a, "detail.0.msg"), "U+0000"));
    }
}

static void a_path_that_is_no_uid_is_refused_by_name(void **state)
{
    struct caller *c = *state;
    static const char *const uids[] = { "%00", "a%00b", "%ff" };
    for (size_t i = 0; i < COUNT_OF(uids); i++) {
        struct answer a =
            call(c, "PUT", arena_fmt(&c->arena, "/api/v1/app/%s", uids[i]).ptr, "{\"name\":\"x\"}");
        assert_int_equal(a.status, 422);
        assert_string_equal(text_at(a, "detail.0.loc.0"), "path");
        assert_string_equal(text_at(a, "detail.0.loc.1"), "app_id");
    }
}

static void what_no_row_can_hold_is_not_found(void **state)
{
    struct caller *c = *state;
    static const char *const texts[] = { "%00", "a%00b", "%ff", "%ed%a0%80" };
    static const char *const paths[] = {
        "/api/v1/app/%s",        APP "/endpoint/%s",         APP "/msg/%s",
        "/api/v1/event-type/%s", "/ingest/api/v1/source/%s", APP "/filter/%s",
    };
    make_app(c, "app");
    for (size_t i = 0; i < COUNT_OF(paths) * COUNT_OF(texts); i++) {
        const char *path = paths[i / COUNT_OF(texts)];
        size_t before = (size_t)(strchr(path, '%') - path);
        struct answer a =
            call(c, "GET",
                 arena_fmt(&c->arena, "%.*s%s", (int)before, path, texts[i % COUNT_OF(texts)]).ptr,
                 NULL);
        assert_int_equal(a.status, 404);
    }
}

/* Each of them finds nothing, or is told that it is no such value. */
static void queries_with_it_find_nothing(void **state)
{
    struct caller *c = *state;
    static const char *const queries[] = {
        "/api/v1/app-search?search=",    "/api/v1/app?iterator=",
        "/api/v1/event-type?iterator=",  "/api/v1/audit?who=",
        "/api/v1/audit?object_id=",      "/api/v1/audit?text=",
        "/api/v1/audit?operation=",      APP "/filter?event=",
        "/api/v1/background-task?task=", "/api/v1/background-task?iterator=",
        APP "/endpoint?iterator=",       "/api/v1/find?q=ab",
    };
    make_app(c, "app");
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        struct answer a = call(c, "GET", arena_fmt(&c->arena, "%s%%ff%%00", queries[i]).ptr, NULL);
        if (a.status != 400 && a.status != 422) {
            assert_int_equal(a.status, 200);
            assert_int_equal(json_array_size(at(a, "data")), 0);
        }
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, caller_open, caller_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_body_with_u_0000_is_refused),
        T(a_path_that_is_no_uid_is_refused_by_name),
        T(what_no_row_can_hold_is_not_found),
        T(queries_with_it_find_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
