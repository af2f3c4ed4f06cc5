/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML is told by the JSON it stands for.
 */
#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void yaml_becomes_the_json_it_stands_for(void **state)
{
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        { "a: 1\nb: [x, 'y', \"z\"]\n", "{\"a\":1,\"b\":[\"x\",\"y\",\"z\"]}" },
        { "{\"a\": [1, 2.5, -3e2, true, null]}", "{\"a\":[1,2.5,-300.0,true,null]}" },
        { "on: yes\nno: ~\nn:\n", "{\"on\":\"yes\",\"no\":null,\"n\":null}" },
        { "a: '1'\nb: !!str 2\nc: 0x1F\nd: 0o17\ne: 1.2.3\nf: 2026-01-02\n",
          "{\"a\":\"1\",\"b\":\"2\",\"c\":31,\"d\":15,\"e\":\"1.2.3\",\"f\":\"2026-01-02\"}" },
        { "base: &b {x: 1, y: 2}\nmore:\n  <<: *b\n  y: 3\nsame: *b\n",
          "{\"base\":{\"x\":1,\"y\":2},\"more\":{\"y\":3,\"x\":1},\"same\":{\"x\":1,\"y\":2}}" },
        { "text: |\n  one\n  two\nfolded: >-\n  one\n  two\n",
          "{\"text\":\"one\\ntwo\\n\",\"folded\":\"one two\"}" },
        { "200: ok\n", "{\"200\":\"ok\"}" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json_error error = { 0 };
        struct buf text;
        json_t *value = NULL;
        buf_init(&text, 4096);
        if (json_parse_yaml(str_from(cases[i].yaml), &value, &error) != RC_OK)
            fail_msg("%s: %s at byte %zu", cases[i].yaml, error.reason, error.offset);
        assert_int_equal(json_write(value, &text), RC_OK);
        assert_string_equal(text.ptr, cases[i].json);
        json_decref(value);
        buf_fini(&text);
    }
}

static void what_is_no_document_is_refused(void **state)
{
    static const char *const wrong[] = { "",           "a: [",       "a: 1\na: 2",
                                         "*a",         "? [x]\n: 1", "a: \xff\n",
                                         "a: \"\\q\"", "- &a [*b]",  "\t- x" };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct json_error error = { 0 };
        json_t *value = NULL;
        assert_int_equal(json_parse_yaml(str_from(wrong[i]), &value, &error), RC_INVALID);
        assert_null(value);
        assert_non_null(error.reason);
    }
}

static void aliases_and_depth_are_bounded(void **state)
{
    struct buf bomb;
    json_t *value = NULL;
    (void)state;
    buf_init(&bomb, 64 * 1024);
    assert_int_equal(buf_add_str(&bomb, STR("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")), RC_OK);
    for (int i = 1; i < 10; i++)
        assert_int_equal(buf_addf(&bomb,
                                  "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i,
                                  i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1),
                         RC_OK);
    assert_int_equal(json_parse_yaml(buf_str(&bomb), &value, NULL), RC_INVALID);
    buf_reset(&bomb);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(buf_add_char(&bomb, '['), RC_OK);
    assert_int_equal(json_parse_yaml(buf_str(&bomb), &value, NULL), RC_INVALID);
    buf_fini(&bomb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_becomes_the_json_it_stands_for),
        cmocka_unit_test(what_is_no_document_is_refused),
        cmocka_unit_test(aliases_and_depth_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
