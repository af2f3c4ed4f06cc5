/* SPDX-License-Identifier: Apache-2.0 */
#include "api/message_in.h"

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
    assert_int_equal(in.message.payload_expires_us, NOW_US + 90 * DAY_US);
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
    assert_int_equal(in.message.payload_expires_us, NOW_US + 1000000 + DAY_US / 12);
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
        { "{\"eventType\":\"a\",\"payload\":{},\"channels\":[1]}", "body.channels", "value_error" },
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
        cmocka_unit_test_setup_teardown(channels_and_tags_are_sets, begin, end),
        cmocka_unit_test_setup_teardown(null_members_are_absent, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
