/* SPDX-License-Identifier: Apache-2.0
 *
 * Trying things before they are used, and saved views, called without a socket. Transforms are tried end to end
 * (test/e2e/test_trials.py), as they need helper processes.
 */
#include "caller.h"

#include "base/base.h"

#define APP "/api/v1/app/app"

static void send_numbers(struct caller *c, int from, int to)
{
    for (int n = from; n <= to; n++) {
        const char *type = n % 2 == 0 ? "even" : "odd";
        const char *body = arena_fmt(&c->arena,
                                     "{\"messages\":[{\"eventType\":\"%s\",\"payload\":{\"n\":%d},"
                                     "\"channels\":[\"c%d\"]}]}",
                                     type, n, n % 3)
                               .ptr;
        assert_int_equal(call(c, "POST", APP "/msg/batch", body).status, 202);
    }
}

static void make_world(struct caller *c, const char *endpoint)
{
    static const char *const types[] = { "even", "odd" };
    make_app(c, "app");
    for (size_t i = 0; i < COUNT_OF(types); i++)
        assert_int_equal(
            call(c, "POST", "/api/v1/event-type",
                 arena_fmt(&c->arena, "{\"name\":\"%s\",\"description\":\"\"}", types[i]).ptr)
                .status,
            201);
    make_endpoint(c, "app", endpoint);
}

static struct answer try_rules(struct caller *c, const char *body)
{
    return call(c, "POST", APP "/endpoint/ep/trial", body);
}

static int64_t number_at(struct answer a, const char *path)
{
    const json_t *v = at(a, path);
    assert_true(json_is_integer(v));
    return json_integer_value(v);
}

/* --- changed rules ---------------------------------------------------------------------------------- */

static void a_cured_filter_tells_what_would_come_and_what_is_missing(void **state)
{
    struct caller *c = *state;
    make_world(
        c, "{\"url\":\"http://x.test/\",\"uid\":\"ep\",\"filter\":{\"body\":{\"n\":{\"$gt\":8}}}}");
    send_numbers(c, 1, 10);
    struct answer a = try_rules(c, "{\"filter\":{\"body\":{\"n\":{\"$gt\":5}}}}");
    assert_int_equal(a.status, 200);
    assert_int_equal(number_at(a, "tried"), 10);
    assert_true(json_is_true(at(a, "complete")));
    assert_int_equal(number_at(a, "wantedBefore"), 2);
    assert_int_equal(number_at(a, "wantedAfter"), 5);
    assert_int_equal(number_at(a, "gained"), 3);
    assert_int_equal(number_at(a, "missing"), 3);
    assert_int_equal(number_at(a, "lost"), 0);
    assert_int_equal(json_array_size(at(a, "data")), 3);
    assert_string_equal(text_at(a, "data.0.effect"), "gained");
    assert_string_equal(text_at(a, "data.0.before.outcome"), "nothing");
    assert_string_equal(text_at(a, "data.0.before.reasons.0.rule"), "filter");
    assert_int_equal(number_at(a, "data.0.before.filter.conditions.0.value"), 8);
    assert_string_equal(text_at(a, "data.0.after.outcome"), "send");
    assert_true(json_is_false(at(a, "data.0.had")));
}

static void what_would_come_no_more_is_told_with_the_reason(void **state)
{
    struct caller *c = *state;
    make_world(c, "{\"url\":\"http://x.test/\",\"uid\":\"ep\"}");
    send_numbers(c, 1, 6);
    struct answer types = try_rules(c, "{\"eventTypes\":[\"odd\"]}");
    assert_int_equal(number_at(types, "lost"), 3);
    assert_string_equal(text_at(types, "data.0.after.reasons.0.rule"), "event_type");
    assert_true(json_is_true(at(types, "data.0.had")));
    struct answer channels = try_rules(c, "{\"channels\":[\"c1\"]}");
    assert_int_equal(number_at(channels, "lost"), 4);
    assert_string_equal(text_at(channels, "data.0.after.reasons.0.rule"), "channel");
    struct answer both = try_rules(c, "{\"eventTypes\":[\"odd\",\"even\"],\"channels\":null}");
    assert_int_equal(number_at(both, "lost"), 0);
    assert_int_equal(json_array_size(at(both, "data")), 0);
    assert_int_equal(number_at(both, "wantedAfter"), 6);
}

static void only_so_many_of_the_last_messages_are_tried_as_were_asked_for(void **state)
{
    struct caller *c = *state;
    make_world(c, "{\"url\":\"http://x.test/\",\"uid\":\"ep\"}");
    send_numbers(c, 1, 60);
    struct answer a = try_rules(c, "{\"eventTypes\":[\"odd\"],\"last\":4}");
    assert_int_equal(number_at(a, "tried"), 4);
    assert_true(json_is_true(at(a, "complete")));
    assert_int_equal(number_at(a, "lost"), 2);
    struct answer all = try_rules(c, "{\"filter\":{\"body\":{\"n\":-1}}}");
    assert_int_equal(number_at(all, "lost"), 60);
    assert_int_equal(json_array_size(at(all, "data")), 50);
    assert_int_equal(try_rules(c, "{\"last\":201}").status, 422);
    assert_int_equal(try_rules(c, "{\"last\":0}").status, 422);
}

static void messages_whose_payload_is_gone_are_counted_and_not_judged(void **state)
{
    struct caller *c = *state;
    make_world(c, "{\"url\":\"http://x.test/\",\"uid\":\"ep\"}");
    send_numbers(c, 1, 3);
    struct answer list = call(c, "GET", APP "/msg", NULL);
    const char *path = arena_fmt(&c->arena, APP "/msg/%s/content", text_at(list, "data.0.id")).ptr;
    assert_int_equal(call(c, "DELETE", path, NULL).status, 204);
    struct answer a = try_rules(c, "{\"filter\":{\"body\":{\"n\":{\"$gt\":0}}}}");
    assert_int_equal(number_at(a, "tried"), 2);
    assert_int_equal(number_at(a, "payloadGone"), 1);
    assert_int_equal(number_at(a, "lost"), 0);
}

static void a_filter_that_is_none_is_refused_with_its_place(void **state)
{
    struct caller *c = *state;
    make_world(c, "{\"url\":\"http://x.test/\",\"uid\":\"ep\"}");
    struct answer a = try_rules(c, "{\"filter\":{\"body\":{\"n\":{\"$gte\":\"x\",\"$nope\":1}}}}");
    assert_int_equal(a.status, 422);
    assert_non_null(strstr(a.text.ptr, "filter"));
    assert_int_equal(call(c, "POST", APP "/endpoint/none/trial", "{}").status, 404);
}

/* --- signatures ------------------------------------------------------------------------------------- */

/* {"id":"evt_1"} signed with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw at 1,614,265,330 as msg_1. */
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define AT "\"at\":\"2021-02-25T15:02:30Z\""

static const char *signed_body(struct caller *c, const char *body)
{
    char encoded[64];
    uint8_t key[64], mac[32];
    size_t len = 0;
    assert_int_equal(base64_decode(str_from(&SECRET[6]), key, sizeof(key), &len), RC_OK);
    struct str text = arena_fmt(&c->arena, "msg_1.1614265330.%s", body);
    sign_hmac256(str_of((const char *)key, len), text, mac);
    base64_encode(mac, sizeof(mac), encoded);
    return arena_fmt(&c->arena,
                     "\"headers\":{\"Webhook-Id\":\"msg_1\",\"webhook-timestamp\":\"1614265330\","
                     "\"webhook-signature\":\"v1,%s\"}",
                     encoded)
        .ptr;
}

static struct answer look(struct caller *c, const char *headers, const char *rest)
{
    return call(
        c, "POST", "/api/v1/verify/test",
        arena_fmt(&c->arena, "{\"preset\":\"standard-webhooks\",%s,%s}", headers, rest).ptr);
}

static void a_right_signature_is_told_with_its_secret_and_its_bytes(void **state)
{
    struct caller *c = *state;
    const char *headers = signed_body(c, "{\"id\":1}");
    struct answer a = look(c, headers,
                           "\"body\":\"{\\\"id\\\":1}\"," AT ",\"secrets\":[\"whsec_"
                           "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"" SECRET "\"]");
    assert_int_equal(a.status, 200);
    assert_string_equal(text_at(a, "verdict"), "verified");
    assert_true(json_is_true(at(a, "verified")));
    assert_int_equal(number_at(a, "matched.index"), 2);
    assert_int_equal(number_at(a, "matched.count"), 2);
    assert_string_equal(text_at(a, "matched.whose"), "given");
    assert_string_equal(text_at(a, "signed.text"), "msg_1.1614265330.{\"id\":1}");
    assert_string_equal(text_at(a, "signed.base64"), "bXNnXzEuMTYxNDI2NTMzMC57ImlkIjoxfQ==");
    assert_int_equal(number_at(a, "signed.bytes"), 25);
    assert_string_equal(text_at(a, "id"), "msg_1");
    assert_null(strstr(a.text.ptr, &SECRET[6]));
}

static void what_would_make_it_right_is_found_by_trying(void **state)
{
    struct caller *c = *state;
    static const struct {
        const char *was_signed, *arrived, *secret, *cause;
    } cases[] = {
        { "{}", "{}\\n", SECRET, "body_newline" },
        { "{}\n", "{}", SECRET, "body_newline" },
        { "{\"a\":[1,2]}", "{\\\"a\\\": [1, 2]}", SECRET, "body_rewritten" },
        { "{\"a\": [1, 2]}", "{\\\"a\\\":[1,2]}", SECRET, "body_rewritten" },
        { "a\r\nb", "a\\nb", SECRET, "body_line_ends" },
        { "{}", "{}", SECRET " ", "secret_space" },
        { "{}", "{}", "\\\"" SECRET "\\\"", "secret_quotes" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct answer a = look(c, signed_body(c, cases[i].was_signed),
                               arena_fmt(&c->arena, "\"body\":\"%s\"," AT ",\"secrets\":[\"%s\"]",
                                         cases[i].arrived, cases[i].secret)
                                   .ptr);
        assert_int_equal(a.status, 200);
        assert_true(json_is_false(at(a, "verified")));
        assert_string_equal(text_at(a, "cause"), cases[i].cause);
        assert_non_null(text_at(a, "remedy"));
    }
}

static void a_wrong_secret_has_no_cause_but_a_remedy(void **state)
{
    struct caller *c = *state;
    struct answer a = look(c, signed_body(c, "{}"),
                           "\"body\":\"{}\"," AT ",\"secrets\":[\"whsec_"
                           "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"]");
    assert_string_equal(text_at(a, "verdict"), "no_matching_key");
    assert_true(json_is_null(at(a, "matched")));
    assert_true(json_is_null(at(a, "cause")));
    assert_non_null(text_at(a, "remedy"));
    assert_string_equal(text_at(a, "signed.text"), "msg_1.1614265330.{}");
}

static void an_old_request_is_right_as_of_its_time(void **state)
{
    struct caller *c = *state;
    const char *headers = signed_body(c, "{}");
    struct answer now = look(c, headers, "\"body\":\"{}\",\"secrets\":[\"" SECRET "\"]");
    assert_string_equal(text_at(now, "verdict"), "timestamp_too_old");
    assert_int_equal(number_at(now, "matched.index"), 1);
    struct answer then =
        look(c, headers, "\"bodyBase64\":\"e30=\"," AT ",\"secrets\":[\"" SECRET "\"]");
    assert_string_equal(text_at(then, "verdict"), "verified");
}

static void an_endpoints_own_secret_is_for_those_who_may_see_it(void **state)
{
    struct caller *c = *state;
    make_world(c, "{\"url\":\"http://x.test/\",\"uid\":\"ep\",\"secret\":\"" SECRET "\"}");
    const char *body =
        arena_fmt(&c->arena, "{\"appId\":\"app\",\"endpointId\":\"ep\",%s,\"body\":\"{}\"," AT "}",
                  signed_body(c, "{}"))
            .ptr;
    struct answer a = call(c, "POST", "/api/v1/verify/test", body);
    assert_string_equal(text_at(a, "verdict"), "verified");
    assert_string_equal(text_at(a, "matched.whose"), "endpoint");
    assert_string_equal(text_at(a, "presetName"), "standard-webhooks");
    assert_null(strstr(a.text.ptr, &SECRET[6]));
    make_app(c, "other");
    assert_int_equal(
        call_as(c, token_of_app(c, "other", false), NULL, "POST", "/api/v1/verify/test", body)
            .status,
        404);
    struct answer made =
        call(c, "POST", "/api/v1/token", "{\"name\":\"viewer\",\"role\":\"viewer\"}");
    struct answer refused =
        call_as(c, text_at(made, "token"), NULL, "POST", "/api/v1/verify/test", body);
    assert_int_equal(refused.status, 403);
}

static void what_cannot_be_checked_is_refused_by_field(void **state)
{
    struct caller *c = *state;
    static const struct {
        const char *body, *names;
    } cases[] = {
        { "{}", "preset" },
        { "{\"preset\":\"github\",\"sourceId\":\"x\"}", "exactly one" },
        { "{\"preset\":\"nobody\"}", "nobody" },
        { "{\"scheme\":\"auth what\"}", "scheme" },
        { "{\"preset\":\"github\",\"bodyBase64\":\"?\"}", "bodyBase64" },
        { "{\"preset\":\"github\",\"headers\":{\"a\":1}}", "headers" },
        { "{\"preset\":\"github\",\"secrets\":[\"\"]}", "A secret has 1 to 8192 bytes" },
        { "{\"endpointId\":\"ep\"}", "appId" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct answer a = call(c, "POST", "/api/v1/verify/test", cases[i].body);
        assert_int_equal(a.status, 422);
        assert_non_null(strstr(a.text.ptr, cases[i].names));
    }
    struct answer hidden =
        call(c, "POST", "/api/v1/verify/test", "{\"preset\":\"github\",\"secrets\":[7654321]}");
    assert_int_equal(hidden.status, 422);
    assert_null(strstr(hidden.text.ptr, "7654321"));
    assert_int_equal(call(c, "POST", "/api/v1/verify/test", "{\"sourceId\":\"none\"}").status, 404);
}

static void a_secret_that_is_part_of_what_is_signed_is_not_shown(void **state)
{
    struct caller *c = *state;
    struct answer a = call(
        c, "POST", "/api/v1/verify/test",
        "{\"scheme\":\"auth hash\\nhash sha256\\nkey raw\\nsig header x-sig\\nenc hex\\nmsg {secret}{body}\\n\","
        "\"headers\":{\"x-sig\":\"0000000000000000000000000000000000000000000000000000000000000000\"},"
        "\"body\":\"hello\",\"secrets\":[\"very-secret-words\"]}");
    assert_int_equal(a.status, 200);
    assert_string_equal(text_at(a, "signed.text"), "<secret>hello");
    assert_null(strstr(a.text.ptr, "very-secret"));
}

/* --- saved views ------------------------------------------------------------------------------------ */

static void a_view_is_saved_renamed_and_deleted(void **state)
{
    struct caller *c = *state;
    struct answer made = call(
        c, "POST", "/api/v1/view",
        "{\"name\":\"Failed\",\"page\":\"/apps/app/messages\",\"query\":\"type=a&since=now-24h\"}");
    assert_int_equal(made.status, 201);
    assert_true(json_is_false(at(made, "shared")));
    const char *path = arena_fmt(&c->arena, "/api/v1/view/%s", text_at(made, "id")).ptr;
    struct answer changed = call(c, "PATCH", path, "{\"name\":\"Lost\",\"shared\":true}");
    assert_int_equal(changed.status, 200);
    assert_string_equal(text_at(changed, "name"), "Lost");
    assert_string_equal(text_at(changed, "query"), "type=a&since=now-24h");
    struct answer list = call(c, "GET", "/api/v1/view", NULL);
    assert_int_equal(json_array_size(at(list, "data")), 1);
    assert_true(json_is_true(at(list, "data.0.shared")));
    assert_int_equal(call(c, "DELETE", path, NULL).status, 204);
    assert_int_equal(call(c, "DELETE", path, NULL).status, 404);
}

static const char *token_of_role(struct caller *c, const char *role)
{
    struct answer a =
        call(c, "POST", "/api/v1/token",
             arena_fmt(&c->arena, "{\"name\":\"%s\",\"role\":\"%s\"}", role, role).ptr);
    return text_at(a, "token");
}

static void ones_own_view_is_nobody_elses_and_ends_with_its_token(void **state)
{
    struct caller *c = *state;
    const char *other = token_of_role(c, "operator");
    struct answer made =
        call_as(c, other, NULL, "POST", "/api/v1/view", "{\"name\":\"Mine\",\"page\":\"/apps\"}");
    const char *path = arena_fmt(&c->arena, "/api/v1/view/%s", text_at(made, "id")).ptr;
    assert_int_equal(json_array_size(at(call(c, "GET", "/api/v1/view", NULL), "data")), 0);
    assert_int_equal(call(c, "PATCH", path, "{\"name\":\"x\"}").status, 404);
    assert_int_equal(call_as(c, other, NULL, "PATCH", path, "{\"shared\":true}").status, 200);
    assert_int_equal(json_array_size(at(call(c, "GET", "/api/v1/view", NULL), "data")), 1);
    assert_int_equal(call_as(c, other, NULL, "PATCH", path, "{\"shared\":false}").status, 200);
    struct answer tokens = call(c, "GET", "/api/v1/token", NULL);
    assert_int_equal(
        call(c, "DELETE",
             arena_fmt(&c->arena, "/api/v1/token/%s", text_at(tokens, "data.0.id")).ptr, NULL)
            .status,
        204);
    const char *viewer = token_of_role(c, "viewer");
    assert_int_equal(
        call_as(c, viewer, NULL, "POST", "/api/v1/view", "{\"name\":\"x\",\"page\":\"/\"}").status,
        403);
}

static void an_organisation_has_at_most_100_views(void **state)
{
    struct caller *c = *state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(call(c, "POST", "/api/v1/view", "{\"name\":\"x\",\"page\":\"/\"}").status,
                         201);
    struct answer a = call(c, "POST", "/api/v1/view", "{\"name\":\"x\",\"page\":\"/\"}");
    assert_int_equal(a.status, 400);
    assert_string_equal(text_at(a, "code"), "limit_reached");
}

static void a_view_leads_to_a_page_of_the_console_only(void **state)
{
    struct caller *c = *state;
    static const char *const pages[] = { "apps",    "//evil.test", "/a?b=c",           "/a#b",
                                         "/a\\\\b", "/a b",        "https://evil.test" };
    for (size_t i = 0; i < COUNT_OF(pages); i++)
        assert_int_equal(
            call(c, "POST", "/api/v1/view",
                 arena_fmt(&c->arena, "{\"name\":\"x\",\"page\":\"%s\"}", pages[i]).ptr)
                .status,
            422);
    char long_query[2049];
    memset(long_query, 'a', sizeof(long_query) - 1);
    long_query[2048] = '\0';
    struct answer a = call(
        c, "POST", "/api/v1/view",
        arena_fmt(&c->arena, "{\"name\":\"x\",\"page\":\"/\",\"query\":\"%s\"}", long_query).ptr);
    assert_int_equal(a.status, 422);
    assert_non_null(strstr(a.text.ptr, "2048"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, caller_open, caller_close)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_cured_filter_tells_what_would_come_and_what_is_missing),
        CASE(what_would_come_no_more_is_told_with_the_reason),
        CASE(only_so_many_of_the_last_messages_are_tried_as_were_asked_for),
        CASE(messages_whose_payload_is_gone_are_counted_and_not_judged),
        CASE(a_filter_that_is_none_is_refused_with_its_place),
        CASE(a_right_signature_is_told_with_its_secret_and_its_bytes),
        CASE(what_would_make_it_right_is_found_by_trying),
        CASE(a_wrong_secret_has_no_cause_but_a_remedy),
        CASE(an_old_request_is_right_as_of_its_time),
        CASE(an_endpoints_own_secret_is_for_those_who_may_see_it),
        CASE(what_cannot_be_checked_is_refused_by_field),
        CASE(a_secret_that_is_part_of_what_is_signed_is_not_shown),
        CASE(a_view_is_saved_renamed_and_deleted),
        CASE(ones_own_view_is_nobody_elses_and_ends_with_its_token),
        CASE(an_organisation_has_at_most_100_views),
        CASE(a_view_leads_to_a_page_of_the_console_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
