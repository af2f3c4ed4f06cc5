/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json/json.h"

static void parses_and_writes_back_compactly(void **state)
{
    (void)state;
    json_t *tree = NULL;
    struct arena a;
    arena_init(&a);
    assert_int_equal(json_parse(STR("{ \"a\" : [1, 2.5, \"x\"], \"b\" : null }"), &tree, NULL),
                     RC_OK);
    struct str text = json_text(&a, tree);
    assert_true(str_eq(text, STR("{\"a\":[1,2.5,\"x\"],\"b\":null}")));
    json_decref(tree);
    arena_fini(&a);
}

static void refuses_what_a_tree_cannot_hold(void **state)
{
    (void)state;
    const struct {
        struct str text;
        const char *reason;
    } bad[] = {
        { STR("{\"a\":1,\"a\":2}"), "a member occurs twice" },
        { STR("[1e999]"),
          "a number is out of range (integers are limited to 64 bits; send a larger one as a string)" },
        { STR("[123456789012345678901234567890]"),
          "a number is out of range (integers are limited to 64 bits; send a larger one as a string)" },
        { STR("[\"\\u0000\"]"), "a string holds U+0000" },
        { STR("{\"a\\u0000\":1}"), "a string holds U+0000" },
        { STR("[1,]"), "not a value" },
        { STR(""), "the text ends too early" },
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        json_t *tree = (json_t *)&state; /* must become NULL */
        struct json_error error = { 0, "" };
        assert_int_equal(json_parse(bad[i].text, &tree, &error), RC_INVALID);
        assert_null(tree);
        assert_string_equal(error.reason, bad[i].reason);
        assert_true(error.offset <= bad[i].text.len);
    }
}

static void writes_a_line_a_member_for_people(void **state)
{
    json_t *tree = NULL;
    struct buf out;
    (void)state;
    assert_int_equal(json_parse(STR("{\"b\":[1],\"a\":{}}"), &tree, NULL), RC_OK);
    buf_init(&out, 64);
    assert_int_equal(json_write_lines(tree, &out), RC_OK);
    assert_string_equal(out.ptr, "{\n \"b\": [\n  1\n ],\n \"a\": {}\n}\n");
    buf_fini(&out);
    json_decref(tree);
}

static void writing_past_the_limit_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 12);
    assert_int_equal(buf_add_str(&out, STR("start")), RC_OK);
    json_t *tree = json_pack("{s:s}", "name", "a value too long");
    assert_int_equal(json_write(tree, &out), RC_LIMIT);
    assert_true(str_eq(buf_str(&out), STR("start")));
    json_decref(tree);
    tree = json_pack("[i]", 42);
    assert_int_equal(json_write(tree, &out), RC_OK);
    assert_true(str_eq(buf_str(&out), STR("start[42]")));
    json_decref(tree);
    buf_fini(&out);
}

static void numbers_have_the_digits_they_need(void **state)
{
    static const struct {
        double d;
        const char *text;
    } cases[] = { { 0.594, "[0.594]" }, { 3, "[3.0]" },        { 0.1, "[0.1]" },
                  { 1e-7, "[1e-07]" },  { 1e300, "[1e+300]" }, { 1.0 / 3, "[0.3333333333333333]" },
                  { -2.5, "[-2.5]" } };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        json_t *back = NULL, *tree = json_pack("[f]", cases[i].d);
        buf_init(&out, 64);
        assert_int_equal(json_write(tree, &out), RC_OK);
        assert_string_equal(out.ptr, cases[i].text);
        assert_int_equal(json_parse(buf_str(&out), &back, NULL), RC_OK);
        assert_true(json_equal(tree, back));
        json_decref(back);
        json_decref(tree);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_and_writes_back_compactly),
        cmocka_unit_test(refuses_what_a_tree_cannot_hold),
        cmocka_unit_test(writes_a_line_a_member_for_people),
        cmocka_unit_test(numbers_have_the_digits_they_need),
        cmocka_unit_test(writing_past_the_limit_leaves_the_buffer_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
