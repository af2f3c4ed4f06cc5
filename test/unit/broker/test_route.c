/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings and templates of routes.
 */
#include "broker/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PAYLOAD "{\"a/b\": {\"c~d\": [1, \"x\\ny\", true, null]}, \"n\": 1.50, \"o\": {}}"

static void expands_to(const char *text, const char *expected)
{
    struct broker_facts facts = { .event_type = STR("user.made"),
                                  .channel = STR("red"),
                                  .app_id = STR("app_1"),
                                  .app_uid = STR("mine"),
                                  .source = STR("src"),
                                  .headers = STR("X-Tenant: seven \r\nOther:\r\n"),
                                  .payload = STR(PAYLOAD) };
    const struct broker_template *t;
    struct arena a;
    struct buf out, why;
    arena_init(&a);
    buf_init(&out, 1000);
    buf_init(&why, 200);
    assert_int_equal(broker_template_compile(str_from(text), &a, &t, &why), RC_OK);
    assert_int_equal(broker_template_expand(t, &facts, &a, &out), RC_OK);
    assert_string_equal(out.ptr == NULL ? "" : out.ptr, expected);
    buf_fini(&why);
    buf_fini(&out);
    arena_fini(&a);
}

static void templates_take_what_the_message_has(void **state)
{
    (void)state;
    expands_to("", "");
    expands_to("plain", "plain");
    expands_to("{eventType}.{channel}|{app.id}|{app.uid}|{source}", "user.made.red|app_1|mine|src");
    expands_to("t={header:x-tenant};{header:other};{header:none}", "t=seven;;");
    expands_to("{{{eventType}}}", "{user.made}");
    expands_to("a{{b}}c", "a{b}c");
}

static void pointers_reach_into_the_payload(void **state)
{
    (void)state;
    expands_to("{json:/a~1b/c~0d/0}", "1");
    expands_to("{json:/a~1b/c~0d/1}", "x\ny");
    expands_to("{json:/a~1b/c~0d/2}", "true");
    expands_to("{json:/n}", "1.50");
    expands_to(
        "[{json:/a~1b/c~0d/3}{json:/a~1b/c~0d/4}{json:/a~1b/c~0d/01}{json:/o}{json:/none}{json:/n/x}{json:}]",
        "[]");
}

static void a_name_that_comes_twice_is_nowhere(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    assert_int_equal(broker_json_at(STR("{\"a\":1,\"\\u0061\":2}"), STR("/a"), &a).len, 0);
    assert_int_equal(broker_json_at(STR("{\"\\u0061\":12}"), STR("/a"), &a).len, 2);
    arena_fini(&a);
}

static void names_on_the_way_cost_no_memory(void **state)
{
    (void)state;
    struct arena a;
    struct buf payload;
    arena_init(&a);
    buf_init(&payload, 1 << 20);
    buf_say(&payload, "{\"a\":1");
    for (int i = 0; i < 1000; i++)
        buf_say(&payload, ",\"escaped\\n%04d\":1", i);
    buf_say(&payload, "}");
    assert_int_equal(broker_json_at(buf_str(&payload), STR("/a"), &a).len, 1);
    assert_in_range(arena_used(&a), 1, 64);
    buf_fini(&payload);
    arena_fini(&a);
}

static void what_a_template_cannot_be_is_said_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } wrong[] = {
        { "ab{eventType", "byte 3" }, { "a}b", "byte 2" },
        { "{nothing}", "none of" },   { "{header:}", "none of" },
        { "{json:a}", "none of" },    { "{json://///////////////}", "more than 16 steps" }
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        const struct broker_template *t;
        struct arena a;
        struct buf why;
        arena_init(&a);
        buf_init(&why, 300);
        assert_int_equal(broker_template_compile(str_from(wrong[i].text), &a, &t, &why),
                         RC_INVALID);
        assert_non_null(strstr(why.ptr, wrong[i].words));
        buf_fini(&why);
        arena_fini(&a);
    }
}

static void an_expansion_over_its_limit_is_refused(void **state)
{
    (void)state;
    const struct broker_template *t;
    struct broker_facts facts = { .event_type = STR("123456") };
    struct arena a;
    struct buf out;
    arena_init(&a);
    buf_init(&out, 10);
    assert_int_equal(broker_template_compile(STR("{eventType}{eventType}"), &a, &t, NULL), RC_OK);
    assert_int_equal(broker_template_expand(t, &facts, &a, &out), RC_LIMIT);
    buf_fini(&out);
    arena_fini(&a);
}

static enum rc compile(const char *text, struct arena *a, struct broker_route *route,
                       const char **where)
{
    json_t *settings = NULL;
    assert_int_equal(json_parse(str_from(text), &settings, NULL), RC_OK);
    enum rc rc = broker_route_compile(settings, a, route, where, NULL);
    json_decref(settings);
    return rc;
}

static void settings_have_defaults_and_keep_what_is_given(void **state)
{
    (void)state;
    struct arena a;
    struct broker_route r;
    const char *where;
    arena_init(&a);
    assert_int_equal(broker_route_compile(NULL, &a, &r, &where, NULL), RC_OK);
    assert_true(r.persistent && !r.declare && !r.mandatory && r.exchange.len == 0);
    assert_int_equal(
        compile(
            "{\"exchange\":\"e\",\"exchangeType\":\"direct\",\"declare\":true,\"persistent\":false,"
            "\"mandatory\":true,\"headers\":{\"a\":\"b\"},\"confirmTimeoutMs\":500,\"routingKey\":\"k\"}",
            &a, &r, &where),
        RC_OK);
    assert_true(r.declare && !r.persistent && r.mandatory && r.header_count == 1);
    assert_int_equal(r.confirm_us, 500000);
    arena_fini(&a);
}

static void a_route_may_look_into_the_payload_16_times(void **state)
{
    (void)state;
    static const struct {
        int in_key, in_header;
        enum rc rc;
    } rows[] = { { 8, 8, RC_OK }, { 9, 8, RC_INVALID } };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena a;
        struct broker_route r;
        struct buf text;
        const char *where = NULL;
        arena_init(&a);
        buf_init(&text, 4096);
        buf_say(&text, "{\"routingKey\":\"");
        for (int n = 0; n < rows[i].in_key; n++)
            buf_say(&text, "{json:/a}");
        buf_say(&text, "\",\"headers\":{\"a\":\"");
        for (int n = 0; n < rows[i].in_header; n++)
            buf_say(&text, "{json:/a}");
        buf_say(&text, "\"}}");
        assert_int_equal(compile(text.ptr, &a, &r, &where), rows[i].rc);
        buf_fini(&text);
        arena_fini(&a);
    }
}

static void a_wrong_setting_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where;
    } wrong[] = { { "{\"exchange\":1}", "exchange" },
                  { "{\"exchangeType\":\"star\"}", "exchangeType" },
                  { "{\"declare\":1}", "declare" },
                  { "{\"routingKey\":\"{\"}", "routingKey" },
                  { "{\"headers\":{\"a\":1}}", "headers" },
                  { "{\"headers\":{\"a\":\"}\"}}", "headers" },
                  { "{\"confirmTimeoutMs\":1}", "confirmTimeoutMs" },
                  { "{\"other\":1}", "" } };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct arena a;
        struct broker_route r;
        const char *where = NULL;
        arena_init(&a);
        assert_int_equal(compile(wrong[i].text, &a, &r, &where), RC_INVALID);
        assert_string_equal(where, wrong[i].where);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_take_what_the_message_has),
        cmocka_unit_test(pointers_reach_into_the_payload),
        cmocka_unit_test(a_name_that_comes_twice_is_nowhere),
        cmocka_unit_test(names_on_the_way_cost_no_memory),
        cmocka_unit_test(a_route_may_look_into_the_payload_16_times),
        cmocka_unit_test(what_a_template_cannot_be_is_said_with_its_place),
        cmocka_unit_test(an_expansion_over_its_limit_is_refused),
        cmocka_unit_test(settings_have_defaults_and_keep_what_is_given),
        cmocka_unit_test(a_wrong_setting_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
