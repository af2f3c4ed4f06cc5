/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages, attempts, statistics and background tasks, called without a socket.
 */
#include "caller.h"

#include <time.h>

#define APP "/api/v1/app/app"

/* An application with an endpoint, and three messages sent to it. */
static const char *send_three(struct caller *c, const char *ids[3])
{
    make_app(c, "app");
    const char *endpoint = make_endpoint(c, "app", "{\"url\":\"http://x.test/\",\"uid\":\"ep\"}");
    struct answer a = call(c, "POST", APP "/msg/batch",
                           "{\"messages\":[{\"eventType\":\"a\",\"payload\":{\"n\":1}},"
                           "{\"eventType\":\"b\",\"eventId\":\"e-2\",\"payload\":{\"n\":2}},"
                           "{\"eventType\":\"b\",\"payload\":{\"n\":3}}]}");
    assert_int_equal(a.status, 202);
    for (int i = 0; i < 3; i++)
        ids[i] = text_at(a, arena_fmt(&c->arena, "results.%d.message.id", i).ptr);
    return endpoint;
}

static const char *in(struct caller *c, const char *format, const char *id)
{
    char *text = arena_alloc(&c->arena, strlen(format) + strlen(id) + 1);
    size_t before = (size_t)(strchr(format, '@') - format);
    memcpy(text, format, before);
    (void)strcpy(text + before, id);
    (void)strcat(text, format + before + 1);
    return text;
}

static void messages_are_listed_newest_first_and_found_by_id_and_event_id(void **state)
{
    struct caller *c = *state;
    const char *ids[3];
    send_three(c, ids);
    struct answer a = call(c, "GET", APP "/msg?limit=2", NULL);
    assert_string_equal(text_at(a, "data.0.id"), ids[2]);
    assert_string_equal(text_at(a, "data.1.id"), ids[1]);
    a = call(c, "GET", in(c, APP "/msg?limit=2&iterator=@", text_at(a, "iterator")), NULL);
    assert_string_equal(text_at(a, "data.0.id"), ids[0]);
    assert_true(json_is_true(at(a, "done")));
    a = call(c, "GET", APP "/msg?event_types=a", NULL);
    assert_int_equal(json_array_size(at(a, "data")), 1);
    assert_string_equal(text_at(call(c, "GET", APP "/msg/e-2", NULL), "id"), ids[1]);
    assert_int_equal(call(c, "GET", APP "/msg/msg_nosuch", NULL).status, 404);
}

static void an_expunged_payload_is_gone_and_its_delivery_canceled(void **state)
{
    struct caller *c = *state;
    const char *ids[3];
    const char *endpoint = send_three(c, ids);
    assert_int_equal(call(c, "DELETE", in(c, APP "/msg/@/content", ids[0]), NULL).status, 204);
    struct answer a = call(c, "GET", in(c, APP "/msg/@", ids[0]), NULL);
    assert_true(json_is_true(at(a, "payload.expired")));
    a = call(c, "GET", in(c, APP "/msg/@/endpoint?expanded_statuses=true", ids[0]), NULL);
    assert_string_equal(text_at(a, "data.0.id"), endpoint);
    assert_int_equal(json_integer_value(at(a, "data.0.status")), 4);
    a = call(c, "POST", APP "/msg/bulk-expunge", "{\"ids\":[\"e-2\",\"nosuch\"]}");
    assert_string_equal(text_at(a, "results.e-2"), "expunged");
    assert_string_equal(text_at(a, "results.nosuch"), "not-found");
}

static void what_waits_is_counted_and_shown_as_waiting(void **state)
{
    struct caller *c = *state;
    const char *ids[3];
    const char *endpoint = send_three(c, ids);
    struct answer a = call(c, "GET", APP "/endpoint/ep/stats", NULL);
    assert_int_equal(json_integer_value(at(a, "pending")), 3);
    a = call(c, "GET", in(c, APP "/endpoint/@/msg", endpoint), NULL);
    assert_int_equal(json_array_size(at(a, "data")), 3);
    assert_int_equal(json_integer_value(at(a, "data.0.status")), 1);
    a = call(c, "GET", APP "/endpoint/ep/health", NULL);
    assert_int_equal(json_integer_value(at(a, "pendingCount")), 3);
    assert_string_equal(text_at(a, "status"), "healthy");
    a = call(c, "GET", in(c, APP "/attempt/msg/@", ids[0]), NULL);
    assert_int_equal(json_array_size(at(a, "data")), 0);
    assert_int_equal(call(c, "GET", APP "/endpoint/ep/stats?since=yesterday", NULL).status, 422);
}

static void whether_a_message_would_go_anywhere_is_told_beforehand(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    make_endpoint(c, "app", "{\"url\":\"http://x.test/\",\"channels\":[\"eu\"]}");
    struct answer a =
        call(c, "POST", APP "/msg/precheck/active", "{\"eventType\":\"a\",\"channels\":[\"eu\"]}");
    assert_true(json_is_true(at(a, "active")));
    a = call(c, "POST", APP "/msg/precheck/active", "{\"eventType\":\"a\"}");
    assert_true(json_is_false(at(a, "active")));
}

static bool is_finished(struct caller *c, const char *id)
{
    struct answer a = call(c, "GET", in(c, "/api/v1/background-task/@", id), NULL);
    return strcmp(text_at(a, "status"), "running") != 0;
}

/* Tasks run on the pool's threads; nothing here says when. */
static void await_task(struct caller *c, const char *id)
{
    const struct timespec moment = { .tv_nsec = 1000000 };
    for (int i = 0; i < 30000 && !is_finished(c, id); i++)
        (void)nanosleep(&moment, NULL);
    struct answer a = call(c, "GET", in(c, "/api/v1/background-task/@", id), NULL);
    assert_string_equal(text_at(a, "status"), "finished");
}

static void a_task_is_answered_at_once_and_ends_by_itself(void **state)
{
    struct caller *c = *state;
    const char *ids[3];
    send_three(c, ids);
    struct answer a = call(c, "POST", APP "/msg/expunge-all-contents", NULL);
    assert_int_equal(a.status, 202);
    await_task(c, text_at(a, "id"));
    a = call(c, "GET", APP "/msg", NULL);
    for (int i = 0; i < 3; i++)
        assert_true(json_is_true(at(a, arena_fmt(&c->arena, "data.%d.payload.expired", i).ptr)));
    a = call(c, "POST", "/api/v1/stats/usage/app",
             "{\"since\":\"2020-01-01T00:00:00Z\",\"until\":\"2030-01-01T00:00:00Z\","
             "\"appIds\":[\"app\",\"nosuch\"]}");
    assert_int_equal(a.status, 202);
    assert_string_equal(text_at(a, "unresolvedAppIds.0"), "nosuch");
    await_task(c, text_at(a, "id"));
    a = call(c, "GET", "/api/v1/background-task?task=application.stats", NULL);
    assert_int_equal(json_array_size(at(a, "data")), 1);
}

static void nothing_is_sent_again_to_an_endpoint_that_is_disabled(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    make_endpoint(c, "app", "{\"url\":\"http://x.test/\",\"uid\":\"ep\",\"disabled\":true}");
    time_t now = time(NULL) - 3600;
    char since[64];
    struct tm tm;
    (void)strftime(since, sizeof(since), "{\"since\":\"%Y-%m-%dT%H:%M:%SZ\"}", gmtime_r(&now, &tm));
    static const char *const verbs[] = { "recover", "replay-missing", "bulk-replay" };
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        struct answer a = call(c, "POST", in(c, APP "/endpoint/ep/@", verbs[i]), since);
        assert_int_equal(a.status, 400);
        assert_string_equal(text_at(a, "code"), "endpoint_disabled");
    }
    assert_int_equal(call(c, "POST", APP "/endpoint/ep/recover", "{}").status, 422);
    struct answer a =
        call(c, "POST", APP "/endpoint/ep/send-example", "{\"eventType\":\"svix.ping\"}");
    assert_int_equal(a.status, 400);
}

static void an_example_is_a_message_to_that_endpoint_alone(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    make_endpoint(c, "app", "{\"url\":\"http://x.test/\",\"uid\":\"one\"}");
    make_endpoint(c, "app", "{\"url\":\"http://y.test/\",\"uid\":\"two\"}");
    struct answer a =
        call(c, "POST", APP "/endpoint/one/send-example", "{\"eventType\":\"svix.ping\"}");
    assert_int_equal(a.status, 202);
    a = call(c, "GET", in(c, APP "/msg/@/endpoint", text_at(a, "id")), NULL);
    assert_int_equal(json_array_size(at(a, "data")), 1);
    assert_string_equal(text_at(a, "data.0.uid"), "one");
    a = call(c, "POST", APP "/endpoint/one/send-example", "{\"eventType\":\"nosuch\"}");
    assert_int_equal(a.status, 404);
}

static void a_batch_that_is_atomic_is_taken_whole_or_not_at_all(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    struct answer a = call(c, "POST", APP "/msg/batch",
                           "{\"atomic\":true,\"messages\":[{\"eventType\":\"a\",\"payload\":{}},"
                           "{\"eventType\":\"a b\",\"payload\":{}}]}");
    assert_int_equal(a.status, 422);
    assert_int_equal(json_array_size(at(call(c, "GET", APP "/msg", NULL), "data")), 0);
    a = call(
        c, "POST", APP "/msg/batch",
        "{\"messages\":[{\"eventType\":\"a\",\"payload\":{}},{\"eventType\":\"a b\",\"payload\":{}}]}");
    assert_int_equal(a.status, 202);
    assert_int_equal(json_integer_value(at(a, "accepted")), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, caller_open, caller_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(messages_are_listed_newest_first_and_found_by_id_and_event_id),
        T(an_expunged_payload_is_gone_and_its_delivery_canceled),
        T(what_waits_is_counted_and_shown_as_waiting),
        T(whether_a_message_would_go_anywhere_is_told_beforehand),
        T(a_task_is_answered_at_once_and_ends_by_itself),
        T(nothing_is_sent_again_to_an_endpoint_that_is_disabled),
        T(an_example_is_a_message_to_that_endpoint_alone),
        T(a_batch_that_is_atomic_is_taken_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
