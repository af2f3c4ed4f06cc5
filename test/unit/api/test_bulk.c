/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting before acting, and plans, called without a socket.
 */
#include "caller.h"

#define APP "/api/v1/app/app"
#define COUNT "/api/v1/bulk/count"

static void send_three(struct caller *c)
{
    make_app(c, "app");
    make_endpoint(c, "app", "{\"url\":\"http://x.test/\",\"uid\":\"ep\"}");
    struct answer a = call(c, "POST", APP "/msg/batch",
                           "{\"messages\":[{\"eventType\":\"a\",\"payload\":{}},"
                           "{\"eventType\":\"b\",\"payload\":{}},"
                           "{\"eventType\":\"b\",\"payload\":{}}]}");
    assert_int_equal(a.status, 202);
}

static void a_count_says_what_is_there_and_changes_nothing(void **state)
{
    struct caller *c = *state;
    send_three(c);
    for (int i = 0; i < 2; i++) {
        struct answer a = call(c, "POST", COUNT,
                               "{\"action\":\"cancel\",\"appId\":\"app\",\"eventTypes\":[\"b\"]}");
        assert_int_equal(a.status, 200);
        assert_int_equal(json_integer_value(at(a, "matched")), 2);
        assert_int_equal(json_integer_value(at(a, "byStatus.pending")), 2);
        assert_true(json_is_true(at(a, "complete")));
        assert_string_equal(text_at(a, "sample.0.eventType"), "b");
    }
    struct answer a = call(c, "GET", APP "/endpoint/ep/stats", NULL);
    assert_int_equal(json_integer_value(at(a, "pending")), 3);
    a = call(c, "GET", "/api/v1/bulk", NULL);
    assert_int_equal(json_array_size(at(a, "data")), 0);
}

/* A plan as the server makes it, good until then. */
static const char *plan_until(struct caller *c, int64_t expires_us)
{
    struct buf sealed;
    struct str text = arena_fmt(&c->arena,
                                "{\"id\":\"qtask_x\",\"expires\":%lld,\"total\":0,\"input\":"
                                "{\"action\":\"cancel\",\"app\":1,\"states\":6}}",
                                (long long)expires_us);
    struct str context = arena_fmt(&c->arena, "bulk-plan:%lld:0", (long long)c->org);
    buf_init(&sealed, 4096);
    assert_int_equal(sign_seal(c->vault, context, text, &sealed), RC_OK);
    char *encoded = arena_alloc(&c->arena, BASE64_LEN(sealed.len) + 1);
    base64_encode(sealed.ptr, sealed.len, encoded);
    buf_fini(&sealed);
    return arena_fmt(&c->arena, "{\"plan\":\"%s\"}", encoded).ptr;
}

static void a_plan_past_its_time_is_refused(void **state)
{
    struct caller *c = *state;
    int64_t now_us = clock_wall_us(store_clock(c->store));
    struct answer a = call(c, "POST", "/api/v1/bulk", plan_until(c, now_us - 1));
    assert_int_equal(a.status, 422);
    assert_non_null(strstr(text_at(a, "detail.0.msg"), "expired"));
    a = call(c, "POST", "/api/v1/bulk", plan_until(c, now_us + INT64_C(60000000)));
    assert_int_equal(a.status, 202);
    assert_string_equal(text_at(a, "id"), "qtask_x");
}

static void an_applications_plan_is_no_good_for_the_organisation(void **state)
{
    struct caller *c = *state;
    send_three(c);
    const char *own = token_of_app(c, "app", false);
    struct answer a = call_as(c, own, NULL, "POST", COUNT, "{\"action\":\"cancel\"}");
    assert_int_equal(json_integer_value(at(a, "matched")), 3);
    struct str body = arena_fmt(&c->arena, "{\"plan\":\"%s\"}", text_at(a, "plan"));
    assert_int_equal(call(c, "POST", "/api/v1/bulk", body.ptr).status, 422);
    a = call_as(c, token_of_app(c, "app", true), NULL, "POST", "/api/v1/bulk", body.ptr);
    assert_int_equal(a.status, 403);
    assert_int_equal(call_as(c, own, NULL, "POST", "/api/v1/bulk", body.ptr).status, 202);
}

static struct answer control(struct caller *c, const char *token, const char *id, const char *verb,
                             const char *body)
{
    struct str path = arena_fmt(&c->arena, "/api/v1/background-task/%s/%s", id, verb);
    return call_as(c, token, NULL, "POST", path.ptr, body);
}

static const char *state_of_task(struct answer a)
{
    assert_int_equal(a.status, 200);
    return text_at(a, "data.state");
}

static void a_task_is_held_paced_and_ended_by_those_who_may_start_it(void **state)
{
    struct caller *c = *state;
    send_three(c);
    struct answer a = call(c, "POST", COUNT, "{\"action\":\"cancel\",\"appId\":\"app\"}");
    struct str body = arena_fmt(&c->arena, "{\"plan\":\"%s\",\"rate\":1}",
                                text_at(a, "plan")); /* three seconds */
    a = call(c, "POST", "/api/v1/bulk", body.ptr);
    assert_int_equal(a.status, 202);
    const char *id = text_at(a, "id");
    assert_string_equal(state_of_task(control(c, c->token, id, "pause", NULL)), "paused");
    assert_int_equal(control(c, c->token, id, "rate", "{\"rate\":0}").status, 422);
    a = control(c, c->token, id, "rate", "{\"rate\":7}");
    assert_int_equal(json_integer_value(at(a, "data.rate")), 7);
    make_app(c, "other");
    assert_int_equal(control(c, token_of_app(c, "other", false), id, "cancel", NULL).status, 404);
    assert_int_equal(control(c, token_of_app(c, "app", true), id, "cancel", NULL).status, 403);
    assert_int_equal(control(c, c->token, "qtask_nosuch", "cancel", NULL).status, 404);
    assert_int_equal(control(c, c->token, id, "cancel", NULL).status, 200);
    assert_int_equal(control(c, c->token, id, "resume", NULL).status, 409);
}

#define T(name) cmocka_unit_test_setup_teardown(name, caller_open, caller_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_count_says_what_is_there_and_changes_nothing),
        T(a_plan_past_its_time_is_refused),
        T(an_applications_plan_is_no_good_for_the_organisation),
        T(a_task_is_held_paced_and_ended_by_those_who_may_start_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
