/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees that hold whatever RFC 8259 lets a sender write: read, and written back as they came.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json/any.h"
#include "json/form.h"

enum { TEXT_MAX = 64 * 1024 };

static void assert_written(const json_t *tree, const char *expected)
{
    struct buf out;
    buf_init(&out, TEXT_MAX);
    assert_int_equal(json_write(tree, &out), RC_OK);
    assert_string_equal(out.ptr, expected);
    buf_fini(&out);
}

static void what_rfc_8259_allows_is_read_and_written_as_it_came(void **state)
{
    (void)state;
    static const struct {
        const char *text, *written; /* NULL: the same */
    } rows[] = {
        { "[18446744073709551615,-99999999999999999999]", NULL },
        { "[1e400,-1E+400,1.5e999]", NULL },
        { "[9223372036854775807,-9223372036854775808,0,-1]", NULL },
        { "[0.1,1.0,-2.5,1e-400]", "[0.1,1.0,-2.5,0.0]" },
        { "\"a\\u0000b\"", NULL },
        { "{\"a\\u0000b\":1}", NULL },
        { "[\"\\uD800\",\"\\uDC00x\",\"\\uD800\\uD800\"]", NULL },
        { "\"\\uD83D\\uDE00\"", "\"\xF0\x9F\x98\x80\"" },
        { "{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}" },
        { "\xEF\xBB\xBF{\"a\":[]}", "{\"a\":[]}" },
        { " { \"a\" : [ true , false , null , { } ] } ", "{\"a\":[true,false,null,{}]}" },
        { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u001f\xC3\xA9\"",
          "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u001F\xC3\xA9\"" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *tree, *copy;
        assert_int_equal(json_parse_any(str_from(rows[i].text), &tree, NULL), RC_OK);
        copy = json_deep_copy(tree);
        assert_true(json_equal(tree, copy));
        assert_written(copy, rows[i].written != NULL ? rows[i].written : rows[i].text);
        json_decref(copy);
        json_decref(tree);
    }
}

static void what_is_not_json_is_refused_with_its_place(void **state)
{
    (void)state;
    const struct {
        struct str text;
        const char *reason;
    } rows[] = {
        { STR(""), "the text ends too early" },
        { STR("{\"a\":1"), "the text ends too early" },
        { STR("[1,]"), "not a value" },
        { STR("[01]"), "a number is malformed" },
        { STR("NaN"), "not a value" },
        { STR("[1] x"), "something follows after the value" },
        { STR("{a:1}"), "the name of a member is not a string" },
        { STR("{\"a\" 1}"), "a colon is missing after the name of a member" },
        { STR("{\"a\":1]"), "neither a comma nor the end of the object" },
        { STR("[1}"), "neither a comma nor the end of the array" },
        { STR("[\"\\x\"]"), "an escape in a string is malformed" },
        { STR("[\"\xFF\"]"), "a string is not UTF-8" },
        { STR("[\"\xC0\x80\"]"), "a string is not UTF-8" },
        { STR("[\"\xED\xA0\x80\"]"), "a string is not UTF-8" },
        { STR("[\"\n\"]"), "a control character in a string is not escaped" },
        { STR("\0"), "not a value" },
        { STR("{\"a\":1}\0"), "something follows after the value" },
        { STR("\xFF\xFE{\0}\0"), "not a value" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *tree = (json_t *)&state; /* must become NULL */
        struct json_error error = { 0, "" };
        assert_int_equal(json_parse_any(rows[i].text, &tree, &error), RC_INVALID);
        assert_null(tree);
        assert_string_equal(error.reason, rows[i].reason);
        assert_true(error.offset <= rows[i].text.len);
    }
}

static void nesting_has_the_limit_that_all_json_has(void **state)
{
    (void)state;
    char text[2 * (JSON_DEPTH_MAX + 1)];
    for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        json_t *tree;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        enum rc rc = json_parse_any(str_of(text, 2 * depth), &tree, NULL);
        assert_int_equal(rc, depth == JSON_DEPTH_MAX ? RC_OK : RC_INVALID);
        json_decref(tree);
    }
}

static void its_strings_are_told_from_other_bytes(void **state)
{
    (void)state;
    struct buf out;
    json_t *v = json_any_string(STR("a\xC0\x80\xED\xA0\x80\xC3\xA9"));
    assert_non_null(v);
    assert_false(json_any_is_number(v));
    assert_written(v, "\"a\\u0000\\uD800\xC3\xA9\"");
    json_decref(v);
    assert_null(json_any_string(STR("\xFF"
                                    "1")));
    assert_null(json_any_string(STR("\xC3")));
    buf_init(&out, TEXT_MAX);
    assert_int_equal(json_any_text(STR("a\xC0\x80\xED\xA0\x80\xC3\xA9"), &out), RC_OK);
    assert_true(str_eq(buf_str(&out), STR("a\0\xEF\xBF\xBD\xC3\xA9")));
    buf_fini(&out);
}

static void forms_take_what_python_would_send(void **state)
{
    (void)state;
    json_t *tree;
    struct buf out;
    assert_int_equal(json_form_read_any(STR("a=%00&b%00=%ff&c=%zz%4&d=%C3%A9+x&a=2"), &tree),
                     RC_OK);
    assert_written(
        tree, "{\"a\":\"2\",\"b\\u0000\":\"\xEF\xBF\xBD\",\"c\":\"%zz%4\",\"d\":\"\xC3\xA9 x\"}");
    json_decref(tree);
    assert_int_equal(
        json_parse_any(STR("{\"n\":18446744073709551615,\"r\":-1e400,\"s\":\"a\\u0000\","
                           "\"l\":[18446744073709551615,\"\\u0000\"]}"),
                       &tree, NULL),
        RC_OK);
    buf_init(&out, TEXT_MAX);
    assert_int_equal(json_form_write(tree, &out), RC_OK);
    assert_string_equal(out.ptr, "n=18446744073709551615&r=-inf&s=a%00&"
                                 "l=%5B18446744073709551615%2C+%27%5Cx00%27%5D");
    buf_fini(&out);
    json_decref(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_rfc_8259_allows_is_read_and_written_as_it_came),
        cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
        cmocka_unit_test(nesting_has_the_limit_that_all_json_has),
        cmocka_unit_test(its_strings_are_told_from_other_bytes),
        cmocka_unit_test(forms_take_what_python_would_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
