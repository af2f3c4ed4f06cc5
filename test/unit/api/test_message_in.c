/* SPDX-License-Identifier: Apache-2.0 */
#include "api/kit/span.h"
#include "api/resource/message_in.h"
#include "api/schemas/schemas.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DAY_US INT64_C(86400000000)
#define NOW_US INT64_C(1700000000000000)

static struct arena arena;

static enum rc parse(const char *text, struct api_message_in *in, struct api_fault *fault)
{
    return api_message_parse(str_from(text), "body", NOW_US, &arena, in, fault);
}

static int begin(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static void assert_str(struct str s, const char *want)
{
    assert_int_equal(s.len, strlen(want));
    assert_memory_equal(s.ptr, want, s.len);
}

static void the_payload_is_the_bytes_that_were_sent(void **state)
{
    (void)state;
    struct api_message_in in;
    struct api_fault fault;
    const char *text = "{\"eventType\":\"a.b\",\"payload\":{ \"x\" : 1.0 }}";
    assert_int_equal(parse(text, &in, &fault), RC_OK);
    assert_str(in.message.event_type, "a.b");
    assert_str(in.message.payload, "{ \"x\" : 1.0 }");
    assert_ptr_equal(in.message.payload.ptr, strstr(text, "{ \"x\""));
    assert_null(in.message.content_type.ptr);
    assert_null(in.message.channels.ptr);
    assert_int_equal(in.keep_us, 90 * DAY_US);
}

static void all_members_are_read(void **state)
{
    (void)state;
    struct api_message_in in;
    struct api_fault fault;
    assert_int_equal(
        parse(
            "{\"eventType\":\"a\\u002eb\",\"data\":{},\"eventId\":\"e\",\"channels\":[\"c:1\",\"c2\"],"
            "\"tags\":[\"t/1\"],\"payloadRetentionHours\":2,\"payloadRetentionPeriod\":9,"
            "\"deliverAt\":\"2023-11-14T22:13:21Z\",\"application\":{\"name\":\"n\"}}",
            &in, &fault),
        RC_OK);
    assert_str(in.message.event_type, "a.b");
    assert_str(in.message.event_id, "e");
    assert_str(in.message.channels, "[\"c:1\",\"c2\"]");
    assert_int_equal(in.channel_count, 2);
    assert_str(in.channels[1], "c2");
    assert_str(in.message.tags, "[\"t/1\"]");
    assert_int_equal(in.message.deliver_at_us, NOW_US + 1000000);
    assert_int_equal(in.keep_us, DAY_US / 12);
    assert_str(in.application, "{\"name\":\"n\"}");
}

static void a_raw_payload_takes_the_payloads_place(void **state)
{
    (void)state;
    struct api_message_in in;
    struct api_fault fault;
    assert_int_equal(
        parse(
            "{\"eventType\":\"a\",\"payload\":{},\"transformationsParams\":{\"rawPayload\":\"x=1\","
            "\"headers\":{\"Content-Type\":\"text/plain\",\"X-A\":\"1\"}}}",
            &in, &fault),
        RC_OK);
    assert_str(in.message.payload, "x=1");
    assert_str(in.message.content_type, "text/plain");
    assert_str(in.message.headers, "X-A: 1\r\n");
    assert_int_equal(
        parse(
            "{\"eventType\":\"a\",\"payload\":{},\"transformationsParams\":{\"rawPayload\":\"x\"}}",
            &in, &fault),
        RC_OK);
    assert_str(in.message.content_type, "application/json");
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where, *type;
    } rows[] = {
        { "", "body", "value_error.jsondecode" },
        { "[]", "body", "value_error.jsondecode" },
        { "{\"eventType\":\"a\",\"payload\":{},\"payload\":{}}", "body", "value_error.jsondecode" },
        { "{\"payload\":{}}", "body.eventType", "value_error" },
        { "{\"eventType\":null,\"payload\":{}}", "body.eventType", "value_error" },
        { "{\"eventType\":\"a\"}", "body.payload", "value_error" },
        { "{\"eventType\":\"a\",\"payload\":null}", "body.payload", "value_error" },
        { "{\"eventType\":\"a\",\"payload\":\"{}\"}", "body.payload", "value_error" },
        { "{\"eventType\":\"a\",\"payload\":{},\"channels\":[1]}", "body.channels.0",
          "value_error" },
        { "{\"eventType\":\"a\",\"payload\":{},\"channels\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"a\",\"b\"]}",
          "body.channels", "value_error" },
        { "{\"eventType\":\"a\",\"payload\":{},\"tags\":\"x\"}", "body.tags", "value_error" },
        { "{\"eventType\":\"a\",\"payload\":{},\"payloadRetentionHours\":1.5}",
          "body.payloadRetentionHours", "value_error" },
        { "{\"eventType\":\"a\",\"payload\":{},\"payloadRetentionPeriod\":0}",
          "body.payloadRetentionPeriod", "value_error" },
        { "{\"eventType\":\"a\",\"payload\":{},\"application\":[]}", "body.application",
          "value_error" },
        { "{\"eventType\":\"a\",\"payload\":{},\"transformationsParams\":1}",
          "body.transformationsParams", "value_error" },
        { "{\"eventType\":\"a\",\"payload\":{},\"transformationsParams\":{\"rawPayload\":1}}",
          "body.transformationsParams.rawPayload", "value_error" },
        { "{\"eventType\":\"a\",\"payload\":{},\"transformationsParams\":{\"headers\":{\"Host\":\"x\"}}}",
          "body.transformationsParams.headers", "value_error" },
        { "{\"eventType\":\"a\",\"payload\":{},\"transformationsParams\":{\"headers\":{\"content-type\":\"a\\r\\nb\"}}}",
          "body.transformationsParams.headers", "value_error" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct api_message_in in;
        struct api_fault fault = { .where = "" };
        assert_int_equal(parse(rows[i].text, &in, &fault), RC_INVALID);
        assert_string_equal(fault.where, rows[i].where);
        assert_string_equal(fault.type, rows[i].type);
    }
}

/* Values that fit, nearly fit and do not fit at all. */
static const char *const tried[] = {
    "null",
    "true",
    "0",
    "1",
    "90",
    "91",
    "2160",
    "2161",
    "-1",
    "1.5",
    "1e2",
    "99999999999999999999",
    "\"\"",
    "\"a\"",
    "\"a b\"",
    "\"a\\u002eb\"",
    "\"\\u0000\"",
    "\"msg_1\"",
    "\"\xc3\xa4\"",
    "\"2023-11-14T22:13:21Z\"",
    "\"2023-11-14 22:13:21 UTC\"",
    "\"tomorrow\"",
    "[]",
    "[1]",
    "[\"a\"]",
    "[\"a\",\"a\"]",
    "[\"a b\"]",
    "[\"x:y\"]",
    "[\"x#y\"]",
    "[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]",
    "[\"\\u0061\"]",
    "[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"a\",\"b\"]",
    "{}",
    "{\"a\":1}",
    "{\"name\":\"n\"}",
    "{\"rawPayload\":\"x\"}",
};

/* True: refused. Whatever the outcome, it is the schema's, in the schema's words. */
static bool compare_with_schema(const char *text)
{
    struct api_message_in in;
    struct api_fault fault = { .where = "" }, expected = { .where = "" };
    json_t *object = NULL;
    if (json_parse(str_from(text), &object, NULL) != RC_OK) { /* U+0000 and the like */
        assert_int_equal(parse(text, &in, &fault), RC_INVALID);
        return true;
    }
    enum rc want = api_schema_check(&api_schema_MessageIn, object, "body", &expected);
    enum rc got = parse(text, &in, &fault);
    json_decref(object);
    if (got != want || strcmp(fault.where, expected.where) != 0 ||
        strcmp(fault.words, expected.words) != 0)
        fail_msg("%s: %s '%s', but by the schema %s '%s'", text, fault.where, fault.words,
                 expected.where, expected.words);
    return got != RC_OK;
}

static void the_publish_call_refuses_what_its_schema_refuses_in_the_same_words(void **state)
{
    (void)state;
    size_t refused = 0;
    for (size_t f = 0; f < api_schema_MessageIn.count; f++) {
        const char *name = api_schema_MessageIn.fields[f].name;
        bool is_type = strcmp(name, "eventType") == 0, is_payload = strcmp(name, "payload") == 0;
        for (size_t v = 0; v < COUNT_OF(tried); v++)
            refused += compare_with_schema(
                arena_fmt(&arena, "{%s%s\"%s\":%s}", is_type ? "" : "\"eventType\":\"a\",",
                          is_payload ? "" : "\"payload\":{},", name, tried[v])
                    .ptr);
    }
    assert_true(refused > 150);
}

/* The hot path: an ordinary message costs no tree of its members. */
static void what_surely_fits_is_recognised_without_parsing_it(void **state)
{
    static const struct {
        const char *name, *value;
    } ordinary[] = { { "eventType", "\"user.made\"" },
                     { "eventId", "\"invoice-42\"" },
                     { "payload", "{\"a\":[1]}" },
                     { "channels", "[\"eu:1\",\"b+c\"]" },
                     { "tags", "[\"a/b\"]" },
                     { "deliverAt", "\"2026-01-02T03:04:05Z\"" },
                     { "payloadRetentionPeriod", "30" },
                     { "payloadRetentionHours", "24" } };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ordinary); i++) {
        struct json_member m = { .name = str_from(ordinary[i].name) };
        struct str text = arena_fmt(&arena, "{\"%s\":%s}", ordinary[i].name, ordinary[i].value);
        struct json_error error;
        size_t f = 0;
        while (strcmp(api_schema_MessageIn.fields[f].name, ordinary[i].name) != 0)
            f++;
        assert_int_equal(json_scan_members(text, &m, 1, NULL, NULL, &error), RC_OK);
        if (!api_field_fits(&api_schema_MessageIn.fields[f], m.value))
            fail_msg("%s is parsed to see whether it fits", text.ptr);
    }
}

static void channels_and_tags_are_sets(void **state)
{
    (void)state;
    struct api_message_in in;
    struct api_fault fault;
    assert_int_equal(
        parse("{\"eventType\":\"a\",\"payload\":{},\"channels\":[\"b\",\"a\", \"\\u0062\"],"
              "\"tags\":[\"t\",\"\\\\\",\"t\"]}",
              &in, &fault),
        RC_OK);
    assert_int_equal(in.channel_count, 2);
    assert_str(in.message.channels, "[\"b\",\"a\"]");
    assert_str(in.message.tags, "[\"t\",\"\\\\\"]");
}

static void null_members_are_absent(void **state)
{
    (void)state;
    struct api_message_in in;
    struct api_fault fault;
    assert_int_equal(
        parse(
            "{\"eventType\":\"a\",\"payload\":{},\"eventId\":null,\"channels\":null,\"tags\":null,"
            "\"deliverAt\":null,\"application\":null,\"transformationsParams\":null,"
            "\"payloadRetentionHours\":null}",
            &in, &fault),
        RC_OK);
    assert_null(in.message.event_id.ptr);
    assert_null(in.application.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_payload_is_the_bytes_that_were_sent, begin, end),
        cmocka_unit_test_setup_teardown(all_members_are_read, begin, end),
        cmocka_unit_test_setup_teardown(a_raw_payload_takes_the_payloads_place, begin, end),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named, begin, end),
        cmocka_unit_test_setup_teardown(
            the_publish_call_refuses_what_its_schema_refuses_in_the_same_words, begin, end),
        cmocka_unit_test_setup_teardown(what_surely_fits_is_recognised_without_parsing_it, begin,
                                        end),
        cmocka_unit_test_setup_teardown(channels_and_tags_are_sets, begin, end),
        cmocka_unit_test_setup_teardown(null_members_are_absent, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
