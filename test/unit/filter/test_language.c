/* SPDX-License-Identifier: Apache-2.0
 *
 * What is no filter is refused, with the place and a reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "filter/language.h"

static const struct {
    const char *text, *where, *reason;
} bad_rows[] = {
    { "", "", "the text ends too early" },
    { "[]", "", "a filter is an object" },
    { "{\"body\":{\"a\":1,}}", "", "the name of a member is not a string" },
    { "{\"bodi\":1}", "/bodi", "expected body, headers, query, path, method or eventType" },
    { "{\"$eq\":1}", "/$eq", "here only $and, $or, $not and names make sense" },
    { "{\"headers\":{\"$exist\":true}}", "/headers/$exist",
      "here only $and, $or, $not and names make sense" },
    { "{\"headers\":\"x\"}", "/headers", "takes an object of names" },
    { "{\"headers\":{\"a\":{\"b\":1}}}", "/headers/a/b",
      "this is a text: it has no members, only operators make sense" },
    { "{\"path\":{\"b\":1}}", "/path/b",
      "this is a text: it has no members, only operators make sense" },
    { "{\"body\":{}}", "/body", "an empty object asks for nothing" },
    { "{\"body\":{\"a\":{}}}", "/body/a", "an empty object asks for nothing" },
    { "{\"body\":{\"a\":[1]}}", "/body/a", "a list is no condition; {\"$in\": [...]} is" },
    { "{\"body\":{\"a\":{\"$foo\":1}}}", "/body/a/$foo",
      "no such operator; a name that begins with $ is written as a path, /$name" },
    { "{\"body\":{\"a\":{\"$EQ\":1}}}", "/body/a/$EQ",
      "no such operator; a name that begins with $ is written as a path, /$name" },
    { "{\"body\":{\"a\":{\"$eq\":[1]}}}", "/body/a/$eq",
      "expected a string, number, boolean or null" },
    { "{\"body\":{\"a\":{\"$neq\":{}}}}", "/body/a/$neq",
      "expected a string, number, boolean or null" },
    { "{\"body\":{\"a\":{\"$gt\":true}}}", "/body/a/$gt", "expected a number or a string" },
    { "{\"body\":{\"a\":{\"$in\":1}}}", "/body/a/$in", "expected a list of values" },
    { "{\"body\":{\"a\":{\"$in\":[]}}}", "/body/a/$in", "an empty list of values" },
    { "{\"body\":{\"a\":{\"$in\":[[1]]}}}", "/body/a/$in",
      "expected a string, number, boolean or null" },
    { "{\"body\":{\"a\":{\"$exist\":1}}}", "/body/a/$exist", "expected true or false" },
    { "{\"body\":{\"a\":{\"$contains\":1}}}", "/body/a/$contains", "expected a string" },
    { "{\"body\":{\"a\":{\"$regex\":1}}}", "/body/a/$regex", "expected a string" },
    { "{\"body\":{\"a\":{\"$regex\":\"(\"}}}", "/body/a/$regex",
      "the regular expression does not compile: missing closing parenthesis at byte 1" },
    { "{\"body\":{\"a\":{\"$regex\":\"a\\\\C\"}}}", "/body/a/$regex",
      "the regular expression does not compile: using \\C is disabled by the application at byte 3" },
    { "{\"$or\":{}}", "/$or", "$and and $or take a list of conditions" },
    { "{\"$and\":[]}", "/$and", "an empty list of conditions" },
    { "{\"$or\":[{\"path\":\"/\"},1]}", "/$or/1", "conditions are objects" },
    { "{\"$or\":[{}]}", "/$or/0", "an empty object asks for nothing" },
    { "{\"$not\":[]}", "/$not", "$not takes an object of conditions" },
    { "{\"body\":{\"a..b\":1}}", "/body/a..b",
      "a name is empty; a path that begins with / may have such" },
    { "{\"body\":{\"\":1}}", "/body/", "a name is empty; a path that begins with / may have such" },
    { "{\"body\":{\"/a~2\":1}}", "/body/~1a~02", "in a path that begins with / a ~ is written ~0" },
    { "{\"body\":{\"a\":1,\"a\":2}}", "/body/a", "this name occurs twice in one object" },
    { "{\"body\":{\"a\":1e1234567890}}", "/body/a", "an exponent has more than 9 digits" },
};

static void refuses_with_place_and_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
        struct filter_fault fault = { 0 };
        struct filter_program *program = (struct filter_program *)&fault; /* must become NULL */
        assert_int_not_equal(filter_compile(str_from(bad_rows[i].text), &program, &fault), RC_OK);
        assert_null(program);
        assert_string_equal(fault.reason, bad_rows[i].reason);
        assert_string_equal(fault.where, bad_rows[i].where);
        assert_int_not_equal(filter_compile(str_from(bad_rows[i].text), &program, NULL), RC_OK);
    }
}

static enum rc compile(const struct buf *text, struct filter_fault *fault)
{
    struct filter_program *program = NULL;
    enum rc rc = filter_compile(buf_str(text), &program, fault);
    filter_program_free(program);
    return rc;
}

static void nested(struct buf *out, int levels)
{
    buf_reset(out);
    buf_say(out, "{\"body\":");
    for (int i = 1; i < levels; i++)
        buf_say(out, "{\"a\":");
    buf_say(out, "1");
    for (int i = 0; i < levels; i++)
        buf_say(out, "}");
}

static void at_most_16_levels(void **state)
{
    (void)state;
    struct filter_fault fault;
    struct buf text;
    buf_init(&text, FILTER_TEXT_MAX + 1);
    nested(&text, FILTER_DEPTH_MAX);
    assert_int_equal(compile(&text, &fault), RC_OK);
    nested(&text, FILTER_DEPTH_MAX + 1);
    assert_int_equal(compile(&text, &fault), RC_LIMIT);
    assert_string_equal(fault.reason, "nested deeper than 16 levels");
    buf_reset(&text);
    buf_say(&text, "{\"body\":{\"a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a\":1}}");
    assert_int_equal(compile(&text, &fault), RC_LIMIT);
    buf_reset(&text);
    for (int i = 0; i < FILTER_DEPTH_MAX; i++)
        buf_say(&text, "{\"$not\":");
    buf_say(&text, "{\"path\":\"\"}");
    for (int i = 0; i < FILTER_DEPTH_MAX; i++)
        buf_say(&text, "}");
    assert_int_equal(compile(&text, &fault), RC_LIMIT);
    buf_fini(&text);
}

static void list_of(struct buf *out, const char *before, const char *item, int count,
                    const char *after)
{
    buf_reset(out);
    buf_say(out, "%s", before);
    for (int i = 0; i < count; i++)
        buf_say(out, "%s%s", i == 0 ? "" : ",", item);
    buf_say(out, "%s", after);
}

static void at_most_256_operators_and_values_in_a_list(void **state)
{
    (void)state;
    struct filter_fault fault;
    struct buf text;
    buf_init(&text, FILTER_TEXT_MAX + 1);
    list_of(&text, "{\"$or\":[", "{\"path\":\"/\"}", FILTER_OPERATORS_MAX - 1, "]}");
    assert_int_equal(compile(&text, &fault), RC_OK);
    list_of(&text, "{\"$or\":[", "{\"path\":\"/\"}", FILTER_OPERATORS_MAX, "]}");
    assert_int_equal(compile(&text, &fault), RC_LIMIT);
    assert_string_equal(fault.reason, "more than 256 operators");
    list_of(&text, "{\"path\":{\"$in\":[", "1", FILTER_LIST_MAX, "]}}");
    assert_int_equal(compile(&text, &fault), RC_OK);
    list_of(&text, "{\"path\":{\"$in\":[", "1", FILTER_LIST_MAX + 1, "]}}");
    assert_int_equal(compile(&text, &fault), RC_LIMIT);
    assert_string_equal(fault.where, "/path/$in");
    buf_fini(&text);
}

static void at_most_64_kib_of_text(void **state)
{
    (void)state;
    struct filter_fault fault;
    struct buf text;
    buf_init(&text, FILTER_TEXT_MAX + 8);
    list_of(&text, "{\"path\":\"", "", 1, "");
    while (text.len < FILTER_TEXT_MAX - 2)
        buf_say(&text, "x");
    buf_say(&text, "\"}");
    assert_int_equal(text.len, FILTER_TEXT_MAX);
    assert_int_equal(compile(&text, &fault), RC_OK);
    buf_say(&text, " ");
    assert_int_equal(compile(&text, &fault), RC_LIMIT);
    assert_string_equal(fault.reason, "longer than 64 KiB");
    buf_fini(&text);
}

static void names_have_at_most_256_bytes(void **state)
{
    (void)state;
    struct filter_fault fault;
    struct buf text;
    buf_init(&text, FILTER_TEXT_MAX);
    buf_say(&text, "{\"body\":{\"%*s\":1}}", FILTER_NAME_MAX, "x");
    assert_int_equal(compile(&text, &fault), RC_OK);
    buf_reset(&text);
    buf_say(&text, "{\"body\":{\"%*s\":1}}", FILTER_NAME_MAX + 1, "x");
    assert_int_equal(compile(&text, &fault), RC_LIMIT);
    assert_int_equal(strlen(fault.where), sizeof(fault.where) - 1);
    buf_fini(&text);
}

static void expressions_have_bounded_size(void **state)
{
    (void)state;
    struct filter_fault fault;
    struct buf text;
    buf_init(&text, FILTER_TEXT_MAX);
    list_of(&text, "{\"path\":{\"$regex\":\"", "a", 512, "\"}}");
    assert_int_equal(compile(&text, &fault), RC_OK);
    list_of(&text, "{\"path\":{\"$regex\":\"", "a", 513, "\"}}");
    assert_int_equal(compile(&text, &fault), RC_LIMIT);
    list_of(&text, "{\"path\":{\"$regex\":\"((a{1000}){1000}){1000}", "", 1, "\"}}");
    assert_int_not_equal(compile(&text, &fault), RC_OK);
    assert_string_equal(fault.where, "/path/$regex");
    list_of(&text, "{\"path\":{\"$regex\":\"((((((((((((((((((((((((((((((((((a", "", 1,
            "))))))))))))))))))))))))))))))))))\"}}");
    assert_int_equal(compile(&text, &fault), RC_INVALID);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_with_place_and_reason),
        cmocka_unit_test(at_most_16_levels),
        cmocka_unit_test(at_most_256_operators_and_values_in_a_list),
        cmocka_unit_test(at_most_64_kib_of_text),
        cmocka_unit_test(names_have_at_most_256_bytes),
        cmocka_unit_test(expressions_have_bounded_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
