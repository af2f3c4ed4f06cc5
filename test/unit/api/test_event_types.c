/* SPDX-License-Identifier: Apache-2.0
 *
 * Trying an event type: examples, payloads held against its schema, and who listens.
 */
#include "caller.h"

#include "api/kit/json_check.h"

/* --- the checker ------------------------------------------------------------------------------------ */

/* The keyword of the first fault; "": none. */
static const char *fault_of(const char *schema, const char *value, struct api_json_findings *f)
{
    json_t *s = json_loads(schema, JSON_DECODE_ANY, NULL);
    json_t *v = json_loads(value, JSON_DECODE_ANY, NULL);
    assert_true(s != NULL && v != NULL);
    api_json_check(s, v, "payload", f);
    json_decref(s);
    json_decref(v);
    return f->count == 0 ? "" : f->faults[0].keyword;
}

static void each_keyword_holds_or_is_named(void **state)
{
    static const struct {
        const char *schema, *good, *bad, *keyword;
    } cases[] = {
        { "{\"type\":[\"string\",\"null\"]}", "null", "1", "type" },
        { "{\"type\":\"integer\"}", "1.0", "1.5", "type" },
        { "{\"enum\":[1,\"a\"]}", "1.0", "2", "enum" },
        { "{\"const\":{\"a\":1}}", "{\"a\":1}", "{\"a\":2}", "const" },
        { "{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}", "2", "3", "maximum" },
        { "{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}", "6", "4", "anyOf" },
        { "{\"oneOf\":[{\"minimum\":1},{\"minimum\":5}]}", "3", "6", "oneOf" },
        { "{\"not\":{\"type\":\"string\"}}", "1", "\"a\"", "not" },
        { "{\"exclusiveMinimum\":1}", "1.5", "1", "exclusiveMinimum" },
        { "{\"exclusiveMaximum\":1}", "0", "1", "exclusiveMaximum" },
        { "{\"multipleOf\":0.1}", "0.3", "0.35", "multipleOf" },
        { "{\"maxLength\":2}", "\"\u00e9\u00e9\"", "\"abc\"", "maxLength" },
        { "{\"minItems\":1}", "[1]", "[]", "minItems" },
        { "{\"maxItems\":1}", "[1]", "[1,2]", "maxItems" },
        { "{\"uniqueItems\":true}", "[1,2]", "[1,2,1.0]", "uniqueItems" },
        { "{\"contains\":{\"const\":1}}", "[2,1]", "[2]", "contains" },
        { "{\"prefixItems\":[{\"type\":\"string\"}],\"items\":false}", "[\"a\"]", "[\"a\",1]",
          "false" },
        { "{\"minProperties\":1}", "{\"a\":1}", "{}", "minProperties" },
        { "{\"maxProperties\":1}", "{\"a\":1}", "{\"a\":1,\"b\":1}", "maxProperties" },
        { "{\"additionalProperties\":{\"type\":\"string\"}}", "{\"a\":\"b\"}", "{\"a\":1}",
          "type" },
        { "false", "1", "1", "false" },
    };
    struct api_json_findings *f = XNEW(struct api_json_findings);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (strcmp(cases[i].schema, "false") != 0)
            assert_string_equal(fault_of(cases[i].schema, cases[i].good, f), "");
        assert_string_equal(fault_of(cases[i].schema, cases[i].bad, f), cases[i].keyword);
    }
    xfree(f);
}

static void what_is_not_checked_is_named(void **state)
{
    struct api_json_findings *f = XNEW(struct api_json_findings);
    (void)state;
    const char *schema =
        "{\"properties\":{\"a\":{\"pattern\":\"^b\"},\"c\":{\"$ref\":\"other.json\"},"
        "\"d\":{\"pattern\":\"x\"}}}";
    assert_string_equal(fault_of(schema, "{\"a\":\"c\",\"c\":1,\"d\":\"y\"}", f), "");
    assert_int_equal(f->unchecked_count, 2);
    assert_string_equal(f->unchecked[0], "pattern");
    assert_string_equal(f->unchecked[1], "$ref");
    assert_false(f->is_cut);
    xfree(f);
}

static void a_check_that_does_not_end_is_cut(void **state)
{
    struct api_json_findings *f = XNEW(struct api_json_findings);
    (void)state;
    assert_string_equal(fault_of("{\"$ref\":\"#\"}", "1", f), "");
    assert_true(f->is_cut);
    const char *twice = "{\"anyOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}";
    assert_string_equal(fault_of(twice, "1", f), "");
    assert_true(f->is_cut);
    const char *wrong = "{\"items\":{\"type\":\"string\"}}";
    (void)fault_of(wrong, "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22]", f);
    assert_int_equal(f->count, API_JSON_FAULTS_MAX);
    assert_true(f->is_cut);
    xfree(f);
}

/* --- trying an event type -------------------------------------------------------------------------- */

#define BOAT \
    "{\"name\":\"boat.sold\",\"description\":\"\",\"schemas\":{\"1\":{\"type\":\"object\"," \
    "\"required\":[\"id\",\"price\"],\"additionalProperties\":false,\"properties\":{" \
    "\"id\":{\"type\":\"string\",\"minLength\":2},\"price\":{\"type\":\"number\",\"minimum\":1}," \
    "\"crew\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/Sailor\"}}},\"$defs\":{\"Sailor\":" \
    "{\"type\":\"object\",\"properties\":{\"rank\":{\"enum\":[\"mate\",\"captain\"]}}}}}," \
    "\"2\":{\"type\":\"object\",\"examples\":[{\"a\":1},{\"a\":2}]}}}"
#define EXAMPLE "/api/v1/event-type/boat.sold/example"

static void an_example_is_made_from_the_schema_and_holds_to_it(void **state)
{
    struct caller *c = *state;
    assert_int_equal(call(c, "POST", "/api/v1/event-type", BOAT).status, 201);
    struct answer a = call(c, "POST", EXAMPLE, NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(text_at(a, "origin"), "schema");
    assert_true(json_is_true(at(a, "isValid")) && json_is_true(at(a, "isComplete")));
    assert_true(json_is_number(at(a, "payload.price")));
    a = call(c, "POST", EXAMPLE, "{\"version\":\"2\",\"index\":1}");
    assert_string_equal(text_at(a, "origin"), "examples");
    assert_int_equal(json_integer_value(at(a, "payload.a")), 2);
    assert_int_equal(call(c, "POST", EXAMPLE, "{\"version\":\"2\",\"index\":2}").status, 422);
    assert_int_equal(call(c, "POST", EXAMPLE, "{\"version\":\"3\"}").status, 422);
}

static void a_payload_is_held_against_the_schema(void **state)
{
    static const struct {
        const char *payload, *where, *keyword;
    } cases[] = {
        { "{\"id\":\"b1\"}", "payload", "required" },
        { "{\"id\":\"b\",\"price\":2}", "payload.id", "minLength" },
        { "{\"id\":\"b1\",\"price\":0.5}", "payload.price", "minimum" },
        { "{\"id\":\"b1\",\"price\":\"2\"}", "payload.price", "type" },
        { "{\"id\":\"b1\",\"price\":2,\"mast\":1}", "payload", "additionalProperties" },
        { "{\"id\":\"b1\",\"price\":2,\"crew\":[{},{\"rank\":\"cook\"}]}", "payload.crew.1.rank",
          "enum" },
        { "[]", "payload", "type" },
    };
    struct caller *c = *state;
    assert_int_equal(call(c, "POST", "/api/v1/event-type", BOAT).status, 201);
    struct answer a =
        call(c, "POST", EXAMPLE,
             "{\"payload\":{\"id\":\"b1\",\"price\":1,\"crew\":[{\"rank\":\"mate\"}]}}");
    assert_string_equal(text_at(a, "origin"), "given");
    assert_true(json_is_true(at(a, "isValid")));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str body = arena_fmt(&c->arena, "{\"payload\":%s}", cases[i].payload);
        a = call(c, "POST", EXAMPLE, arena_cstr(&c->arena, body));
        assert_int_equal(a.status, 200);
        assert_true(json_is_false(at(a, "isValid")));
        assert_string_equal(text_at(a, "faults.0.where"), cases[i].where);
        assert_string_equal(text_at(a, "faults.0.keyword"), cases[i].keyword);
    }
}

static void an_event_type_without_a_schema_has_no_example(void **state)
{
    struct caller *c = *state;
    call(c, "POST", "/api/v1/event-type", "{\"name\":\"bare\",\"description\":\"\"}");
    assert_int_equal(call(c, "POST", "/api/v1/event-type/bare/example", NULL).status, 400);
    assert_int_equal(call(c, "POST", "/api/v1/event-type/nosuch/example", NULL).status, 404);
}

static void an_example_of_a_hidden_type_is_hidden(void **state)
{
    struct caller *c = *state;
    make_app(c, "a");
    const char *token = token_of_app(c, "a", true);
    call(
        c, "POST", "/api/v1/event-type",
        "{\"name\":\"beta\",\"description\":\"\",\"featureFlags\":[\"beta\"],\"schemas\":{\"1\":{}}}");
    const char *target = "/api/v1/event-type/beta/example";
    assert_int_equal(call_as(c, token, NULL, "POST", target, NULL).status, 404);
    assert_int_equal(call(c, "POST", target, NULL).status, 200);
}

static void who_listens_to_an_event_type_is_listed_across_applications(void **state)
{
    struct caller *c = *state;
    const char *usage = "/api/v1/event-type/boat.sold/usage";
    make_app(c, "a");
    make_app(c, "b");
    call(c, "POST", "/api/v1/event-type", BOAT);
    call(c, "POST", "/api/v1/event-type", "{\"name\":\"boat.sold.off\",\"description\":\"\"}");
    make_endpoint(c, "a", "{\"url\":\"http://x.test/1\",\"filterTypes\":[\"boat.sold\"]}");
    make_endpoint(c, "a", "{\"url\":\"http://x.test/2\",\"filterTypes\":[\"boat.sold.off\"]}");
    make_endpoint(c, "b", "{\"url\":\"http://x.test/3\",\"disabled\":true}");
    struct answer a = call(c, "GET", usage, NULL);
    assert_int_equal(json_array_size(at(a, "data")), 2);
    assert_string_equal(text_at(a, "data.0.applicationUid"), "a");
    assert_true(json_is_false(at(a, "data.0.takesEverything")));
    assert_string_equal(text_at(a, "data.1.url"), "http://x.test/3");
    assert_true(json_is_true(at(a, "data.1.disabled")));
    assert_true(json_is_true(at(a, "data.1.takesEverything")) && json_is_true(at(a, "done")));
    a = call(c, "GET", "/api/v1/event-type/boat.sold/usage?limit=1", NULL);
    assert_true(json_is_false(at(a, "done")));
    struct str next = arena_fmt(&c->arena, "%s?limit=1&iterator=%s", usage, text_at(a, "iterator"));
    a = call(c, "GET", next.ptr, NULL);
    assert_string_equal(text_at(a, "data.0.applicationUid"), "b");
    assert_int_equal(json_array_size(at(a, "data")), 1);
    assert_int_equal(
        call(c, "GET", "/api/v1/event-type/boat.sold/usage?iterator=app_x", NULL).status, 422);
}

#define T(name) cmocka_unit_test_setup_teardown(name, caller_open, caller_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_keyword_holds_or_is_named),
        cmocka_unit_test(what_is_not_checked_is_named),
        cmocka_unit_test(a_check_that_does_not_end_is_cut),
        T(an_example_is_made_from_the_schema_and_holds_to_it),
        T(a_payload_is_held_against_the_schema),
        T(an_event_type_without_a_schema_has_no_example),
        T(an_example_of_a_hidden_type_is_hidden),
        T(who_listens_to_an_event_type_is_listed_across_applications),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
