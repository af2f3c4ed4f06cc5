/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "json/json.h"

#define CASE(literal) STR(literal)

static bool is_valid(struct str text)
{
    return json_validate(text, NULL) == RC_OK;
}

/* Copies to a block of exactly its size, so that sanitizers see a read past the end. */
static bool is_valid_in_tight_memory(struct str text)
{
    char *copy = malloc(text.len + 1);
    assert_non_null(copy);
    char *tight = copy + 1; /* and off alignment */
    memcpy(tight, text.ptr, text.len);
    bool valid = is_valid(str_of(tight, text.len));
    free(copy);
    return valid;
}

static void accepts_every_kind_of_value(void **state)
{
    (void)state;
    const struct str good[] = {
        CASE("{}"),
        CASE("[]"),
        CASE(" \t\r\n{ } \n"),
        CASE("\"\""),
        CASE("0"),
        CASE("-0"),
        CASE("-0.5e-7"),
        CASE("1E+2"),
        CASE("true"),
        CASE("false"),
        CASE("null"),
        CASE("[1,[2,{\"a\":[]}]]"),
        CASE("{\"a\":1,\"b\":{\"c\":[true,false,null]}}"),
        CASE("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\""),
        CASE("\"\\ud834\\udd1e\""),
        CASE("\"\xc3\xa9 \xe2\x82\xac \xf0\x9d\x84\x9e\""),
        CASE("\"\x7f\""),
        CASE("123456789012345678901234567890"),
        CASE("1e999999"),
        CASE("{\"\":{\"\":\"\"}}"),
        CASE("[\"12345678\",\"1234567\",\"123456789abcdef\"]"),
        CASE("\"\\u0000\""),
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        if (!is_valid_in_tight_memory(good[i])) {
            fail_msg("refused: %.*s", STR_ARGS(good[i]));
        }
    }
}

static void refuses_with_place_and_reason(void **state)
{
    (void)state;
    const struct {
        struct str text;
        size_t offset;
        const char *reason;
    } bad[] = {
        { CASE(""), 0, "the text ends too early" },
        { CASE("   "), 3, "the text ends too early" },
        { CASE("[1,"), 3, "the text ends too early" },
        { CASE("[1"), 2, "the text ends too early" },
        { CASE("\"abc"), 4, "the text ends too early" },
        { CASE("[1,]"), 3, "not a value" },
        { CASE("{\"a\":1,}"), 7, "the name of a member is not a string" },
        { CASE("{a:1}"), 1, "the name of a member is not a string" },
        { CASE("{\"a\" 1}"), 5, "a colon is missing after the name of a member" },
        { CASE("{\"a\":1 \"b\":2}"), 7, "neither a comma nor the end of the object" },
        { CASE("[1 2]"), 3, "neither a comma nor the end of the array" },
        { CASE("[1}"), 2, "neither a comma nor the end of the array" },
        { CASE("{} x"), 3, "something follows after the value" },
        { CASE("[] []"), 3, "something follows after the value" },
        { CASE("01"), 1, "a number begins with a superfluous zero" },
        { CASE("-a"), 1, "a number lacks a digit" },
        { CASE("1.e5"), 2, "a number lacks a digit" },
        { CASE("1e+x"), 3, "a number lacks a digit" },
        { CASE("+1"), 0, "not a value" },
        { CASE("nul"), 0, "not a value" },
        { CASE("True"), 0, "not a value" },
        { CASE("'a'"), 0, "not a value" },
        { CASE("\"\n\""), 1, "a control character in a string is not escaped" },
        { CASE("\"1234567\x1f\""), 8, "a control character in a string is not escaped" },
        { CASE("\"\\x\""), 1, "an escape in a string is malformed" },
        { CASE("\"\\u12g4\""), 1, "an escape in a string is malformed" },
        { CASE("\"\\ud800\""), 1, "an escape in a string is malformed" },
        { CASE("\"\\ud800\\u0041\""), 1, "an escape in a string is malformed" },
        { CASE("\"\\udc00\""), 1, "an escape in a string is malformed" },
        { CASE("\"\xff\""), 1, "a string is not UTF-8" },
        { CASE("\"ok\xc0\xaf\""), 3, "a string is not UTF-8" },
        { CASE("\"\xed\xa0\x80\""), 1, "a string is not UTF-8" },
        { CASE("\"\xf4\x90\x80\x80\""), 1, "a string is not UTF-8" },
        { CASE("\"\xe2\x82\""), 1, "a string is not UTF-8" },
        { CASE("\xef\xbb\xbf{}"), 0, "not a value" },
        { CASE("1\0"), 1, "something follows after the value" },
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct json_error error = { 99, NULL };
        assert_false(is_valid_in_tight_memory(bad[i].text));
        assert_int_equal(json_validate(bad[i].text, &error), RC_INVALID);
        if (error.offset != bad[i].offset || strcmp(error.reason, bad[i].reason) != 0) {
            fail_msg("%.*s: %zu %s", STR_ARGS(bad[i].text), error.offset, error.reason);
        }
    }
}

/* `depth` opening brackets with their closing ones. */
static struct str nested(char *out, size_t depth, bool objects)
{
    size_t len = 0;
    for (size_t i = 0; i < depth; i++) {
        len += (size_t)sprintf(out + len, "%s", objects ? "{\"a\":" : "[");
    }
    out[len++] = '1';
    for (size_t i = 0; i < depth; i++) {
        out[len++] = objects ? '}' : ']';
    }
    return str_of(out, len);
}

static void limits_the_depth(void **state)
{
    (void)state;
    char text[(JSON_DEPTH_MAX + 1) * 6 + 2];
    for (int objects = 0; objects <= 1; objects++) {
        struct json_error error = { 0, NULL };
        assert_true(is_valid(nested(text, JSON_DEPTH_MAX, objects != 0)));
        assert_int_equal(json_validate(nested(text, JSON_DEPTH_MAX + 1, objects != 0), &error),
                         RC_INVALID);
        assert_string_equal(error.reason, "nested deeper than 512 levels");
    }
}

/* A special byte at every place of a string of every short length: words and tails alike. */
static void finds_a_special_byte_wherever_it_stands(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 40; len++) {
        for (size_t at = 0; at < len; at++) {
            char text[64];
            memset(text, 'a', sizeof(text));
            text[0] = text[len + 1] = '"';
            assert_true(is_valid_in_tight_memory(str_of(text, len + 2)));
            for (int byte = 0; byte < 256; byte++) {
                text[1 + at] = (char)byte;
                bool good = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
                assert_int_equal(is_valid_in_tight_memory(str_of(text, len + 2)), good);
            }
        }
    }
}

static void finds_wanted_members_as_spans(void **state)
{
    (void)state;
    struct str text = STR(
        " {\"type\": \"a.b\", \"n\":-12,\"payload\" : { \"x\" : [1, 2] } , \"b\":true,\"z\":null,"
        "\"deep\":{\"type\":\"inner\"},\"e\":\"a\\nb\",\"l\":[ ]}");
    struct json_member want[] = {
        { .name = STR("type") }, { .name = STR("payload") }, { .name = STR("n") },
        { .name = STR("b") },    { .name = STR("z") },       { .name = STR("absent") },
        { .name = STR("e") },    { .name = STR("l") },
    };
    const struct {
        enum json_span_type type;
        const char *text;
        bool escaped;
    } expect[] = {
        { JSON_SPAN_STRING, "\"a.b\"", false },  { JSON_SPAN_OBJECT, "{ \"x\" : [1, 2] }", false },
        { JSON_SPAN_NUMBER, "-12", false },      { JSON_SPAN_TRUE, "true", false },
        { JSON_SPAN_NULL, "null", false },       { JSON_SPAN_NONE, "", false },
        { JSON_SPAN_STRING, "\"a\\nb\"", true }, { JSON_SPAN_ARRAY, "[ ]", false },
    };
    assert_int_equal(json_scan_object(text, want, COUNT_OF(want), NULL), RC_OK);
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        assert_int_equal(want[i].value.type, expect[i].type);
        assert_true(str_eq(want[i].value.text, str_from(expect[i].text)));
        assert_int_equal(want[i].value.escaped, expect[i].escaped);
    }
}

static void knows_a_member_by_its_name_with_escapes_undone(void **state)
{
    (void)state;
    struct json_member want[] = { { .name = STR("type") }, { .name = STR("\xf0\x9d\x84\x9e!") } };
    struct str text =
        STR("{\"t\\u0079pe\":1,\"\\uD834\\udd1E!\":2,\"t\\u0079p\":3,\"t\\u0079pes\":4}");
    assert_int_equal(json_scan_object(text, want, COUNT_OF(want), NULL), RC_OK);
    assert_true(str_eq(want[0].value.text, STR("1")));
    assert_true(str_eq(want[1].value.text, STR("2")));
}

static void refuses_a_wanted_member_that_occurs_twice(void **state)
{
    (void)state;
    struct json_error error = { 0, NULL };
    struct json_member want = { .name = STR("a") };
    assert_int_equal(json_scan_object(STR("{\"b\":1,\"b\":2,\"a\":3}"), &want, 1, &error), RC_OK);
    assert_int_equal(json_scan_object(STR("{\"a\":1,\"\\u0061\":2}"), &want, 1, &error),
                     RC_INVALID);
    assert_int_equal(error.offset, 7);
    assert_string_equal(error.reason, "a member occurs twice");
}

static void scanning_an_object_refuses_other_values(void **state)
{
    (void)state;
    struct json_error error = { 0, NULL };
    const struct str others[] = { CASE("[]"), CASE("1"), CASE("\"{}\""), CASE(""), CASE("null") };
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_int_equal(json_scan_object(others[i], NULL, 0, &error), RC_INVALID);
    }
    assert_int_equal(json_scan_object(STR("{\"a\":1}}"), NULL, 0, &error), RC_INVALID);
    assert_string_equal(error.reason, "something follows after the value");
}

struct seen {
    char text[128];
    size_t len;
    size_t stop_at;
};

static enum rc note(void *ctx, size_t index, struct json_span value)
{
    struct seen *seen = ctx;
    int added = snprintf(seen->text + seen->len, sizeof(seen->text) - seen->len, "%zu:%d:%.*s;",
                         index, (int)value.type, STR_ARGS(value.text));
    seen->len += (size_t)added;
    return index == seen->stop_at ? RC_CONFLICT : RC_OK;
}

static void visits_the_elements_of_an_array(void **state)
{
    (void)state;
    struct json_span array = { JSON_SPAN_ARRAY, STR("[1, \"a\" ,{\"b\":[2]},[ ]]"), false };
    struct seen seen = { .stop_at = SIZE_MAX };
    assert_int_equal(json_span_each(array, note, &seen), RC_OK);
    assert_string_equal(seen.text, "0:4:1;1:3:\"a\";2:1:{\"b\":[2]};3:2:[ ];");
    struct seen cut = { .stop_at = 1 };
    assert_int_equal(json_span_each(array, note, &cut), RC_CONFLICT);
    assert_string_equal(cut.text, "0:4:1;1:3:\"a\";");
    struct json_span empty = { JSON_SPAN_ARRAY, STR("[]"), false };
    assert_int_equal(json_span_each(empty, note, NULL), RC_OK);
    struct json_span object = { JSON_SPAN_OBJECT, STR("{}"), false };
    assert_int_equal(json_span_each(object, note, NULL), RC_INVALID);
}

static void undoes_escapes_only_where_there_are_some(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    struct json_span plain = { JSON_SPAN_STRING, STR("\"abc\""), false };
    assert_ptr_equal(json_span_string(&a, plain).ptr, plain.text.ptr + 1);
    struct json_span escaped = {
        JSON_SPAN_STRING,
        STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\ud834\\udd1e\\u0000x\""), true
    };
    struct str got = json_span_string(&a, escaped);
    assert_true(str_eq(got, STR("\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\0x")));
    arena_fini(&a);
}

static void reads_integers_exactly_or_not_at_all(void **state)
{
    (void)state;
    int64_t value = 0;
    struct json_span most = { JSON_SPAN_NUMBER, STR("9223372036854775807"), false };
    assert_int_equal(json_span_int(most, &value), RC_OK);
    assert_true(value == INT64_MAX);
    const struct str bad[] = { CASE("1.0"), CASE("1e3"), CASE("9223372036854775808"),
                               CASE("-9223372036854775809") };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct json_span span = { JSON_SPAN_NUMBER, bad[i], false };
        assert_int_equal(json_span_int(span, &value), RC_INVALID);
    }
    struct json_span text = { JSON_SPAN_STRING, STR("\"1\""), false };
    assert_int_equal(json_span_int(text, &value), RC_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_every_kind_of_value),
        cmocka_unit_test(refuses_with_place_and_reason),
        cmocka_unit_test(limits_the_depth),
        cmocka_unit_test(finds_a_special_byte_wherever_it_stands),
        cmocka_unit_test(finds_wanted_members_as_spans),
        cmocka_unit_test(knows_a_member_by_its_name_with_escapes_undone),
        cmocka_unit_test(refuses_a_wanted_member_that_occurs_twice),
        cmocka_unit_test(scanning_an_object_refuses_other_values),
        cmocka_unit_test(visits_the_elements_of_an_array),
        cmocka_unit_test(undoes_escapes_only_where_there_are_some),
        cmocka_unit_test(reads_integers_exactly_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
