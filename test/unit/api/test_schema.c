/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schemas/schemas.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct row {
    const struct api_schema *schema;
    const char *body;
    const char *where; /* NULL: fine */
};

static void check(const struct row *row)
{
    json_t *body = NULL;
    struct api_fault fault = { .where = "" };
    assert_int_equal(json_parse(str_from(row->body), &body, NULL), RC_OK);
    enum rc rc = api_schema_check(row->schema, body, "body", &fault);
    if (row->where == NULL) {
        if (rc != RC_OK)
            fail_msg("%s: refused at %s: %s", row->body, fault.where, fault.words);
    } else {
        assert_int_equal(rc, RC_INVALID);
        assert_string_equal(fault.where, row->where);
        assert_string_equal(fault.type, "value_error");
        assert_true(strlen(fault.words) > 0);
    }
    json_decref(body);
}

static void a_body_is_checked_member_by_member(void **state)
{
    (void)state;
    const struct row rows[] = {
        { &api_schema_ApplicationIn, "{\"name\":\"x\"}", NULL },
        { &api_schema_ApplicationIn, "{\"name\":\"x\",\"unknown\":[1]}", NULL },
        { &api_schema_ApplicationIn, "{}", "body.name" },
        { &api_schema_ApplicationIn, "{\"name\":null}", "body.name" },
        { &api_schema_ApplicationIn, "{\"name\":\"a\\u0001b\"}", "body.name" },
        { &api_schema_ApplicationIn, "{\"name\":\"x\",\"uid\":null,\"metadata\":null}", NULL },
        { &api_schema_ApplicationIn, "{\"name\":\"x\",\"uid\":\"\"}", "body.uid" },
        { &api_schema_ApplicationIn, "{\"name\":\"x\",\"uid\":\"app_1\"}", "body.uid" },
        { &api_schema_ApplicationIn, "{\"name\":\"x\",\"throttleRate\":1.5}", "body.throttleRate" },
        { &api_schema_ApplicationPatch, "{}", NULL },
        { &api_schema_ApplicationPatch, "{\"name\":null}", "body.name" },
        { &api_schema_ApplicationPatch, "{\"uid\":null}", NULL },
        { &api_schema_EndpointIn, "{\"url\":\"https://x/\",\"retrySchedule\":[0.5,1]}", NULL },
        { &api_schema_EndpointIn, "{\"url\":\"https://x/\",\"retrySchedule\":[\"1\"]}",
          "body.retrySchedule.0" },
        { &api_schema_EndpointIn, "{\"url\":\"https://x/\",\"channels\":[\"a\",\"b c\"]}",
          "body.channels.1" },
        { &api_schema_EndpointIn, "{\"url\":5}", "body.url" },
        { &api_schema_EndpointHeadersPatchIn, "{\"headers\":{\"a\":null}}", NULL },
        { &api_schema_EndpointHeadersIn, "{\"headers\":{\"a\":null}}", "body.headers" },
        { &api_schema_RecoverIn, "{\"since\":\"2026-01-01T00:00:00+01:00\"}", NULL },
        { &api_schema_RecoverIn, "{\"since\":\"2026-01-01\"}", "body.since" },
        { &api_schema_AppPortalAccessIn, "{\"application\":{\"name\":1}}",
          "body.application.name" },
        { &api_schema_EnvironmentIn, "{\"eventTypes\":[{\"name\":\"a\",\"description\":\"\"},{}]}",
          "body.eventTypes.1.name" },
        { &api_schema_EventTypeIn, "{\"name\":\"a\",\"description\":\"\",\"archived\":\"yes\"}",
          "body.archived" },
        { &api_schema_EventTypeIn, "{\"name\":\"a\",\"description\":\"\",\"schemas\":{\"1\":{}}}",
          NULL },
        { &api_schema_EventTypeIn,
          "{\"name\":\"a\",\"description\":\"\",\"schemas\":{\"1\":\"x\"}}", "body.schemas" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check(&rows[i]);
}

static void lists_of_names_are_sets(void **state)
{
    (void)state;
    json_t *body = NULL;
    const char *text =
        "{\"url\":\"https://x/\",\"channels\":[\"b\",\"a\",\"b\",\"b\"],\"retrySchedule\":[1,1],"
        "\"eventTypes\":[\"a\",\"A\"],\"filterTypes\":[\"x\",\"x\"],\"metadata\":{}}";
    assert_int_equal(json_parse(str_from(text), &body, NULL), RC_OK);
    api_schema_settle(&api_schema_EndpointIn, body);
    json_t *settled = NULL;
    assert_int_equal(json_parse(STR("{\"url\":\"https://x/\",\"channels\":[\"b\",\"a\"],"
                                    "\"retrySchedule\":[1,1],\"eventTypes\":[\"a\",\"A\"],"
                                    "\"filterTypes\":[\"x\"],\"metadata\":{}}"),
                                &settled, NULL),
                     RC_OK);
    assert_true(json_equal(body, settled));
    json_decref(body);
    json_decref(settled);
}

static void names_hold_only_their_characters(void **state)
{
    (void)state;
    assert_true(api_chars_ok(STR("a-Z_0.9"), API_CHARS_NAME));
    assert_false(api_chars_ok(STR("a:b"), API_CHARS_NAME));
    assert_true(api_chars_ok(STR("a:b+c"), API_CHARS_CHANNEL));
    assert_true(api_chars_ok(STR("a/b\\c#"), API_CHARS_TAG));
    assert_true(api_chars_ok(STR("a@b"), API_CHARS_SESSION));
    assert_false(api_chars_ok(STR(""), API_CHARS_NAME));
    assert_false(api_chars_ok(STR("a\0b"), API_CHARS_NAME));
    char long_name[257];
    memset(long_name, 'x', sizeof(long_name));
    assert_true(api_chars_ok(str_of(long_name, 256), API_CHARS_NAME));
    assert_false(api_chars_ok(str_of(long_name, 257), API_CHARS_NAME));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_checked_member_by_member),
        cmocka_unit_test(lists_of_names_are_sets),
        cmocka_unit_test(names_hold_only_their_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
