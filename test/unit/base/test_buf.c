/* SPDX-License-Identifier: Apache-2.0 */
#include "test_base.h"

static void appends_until_the_limit_and_not_past_it(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 5);
    assert_rc(buf_add_str(&b, STR("abc")), RC_OK);
    assert_rc(buf_add_str(&b, STR("def")), RC_LIMIT);
    assert_str(buf_str(&b), STR("abc"));
    assert_rc(buf_addf(&b, "%d", 123), RC_LIMIT);
    assert_string_equal(b.ptr, "abc");
    assert_rc(buf_addf(&b, "%d", 45), RC_OK);
    assert_string_equal(b.ptr, "abc45");
    assert_rc(buf_add_char(&b, '!'), RC_LIMIT);
    assert_rc(buf_add(&b, NULL, 0), RC_OK);
    assert_rc(buf_reserve(&b, SIZE_MAX), RC_LIMIT);
    buf_fini(&b);
    assert_null(b.ptr);
    buf_fini(&b);
}

static void a_zeroed_buffer_takes_nothing(void **state)
{
    struct buf b = { 0 };
    (void)state;
    assert_rc(buf_add_char(&b, 'a'), RC_LIMIT);
    buf_say(&b, "text");
    assert_int_equal(b.len, 0);
    buf_say(NULL, "text");
    buf_fini(&b);
}

static void grows_and_keeps_a_nul_behind(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 100000);
    for (int i = 0; i < 100000; i++) {
        assert_rc(buf_add_char(&b, (char)('a' + i % 26)), RC_OK);
        assert_true(b.ptr[b.len] == '\0');
    }
    assert_int_equal(b.len, 100000);
    assert_true(b.ptr[99999] == 'a' + 99999 % 26);
    buf_fini(&b);
}

static void formats_texts_longer_than_its_room(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 1000);
    assert_rc(buf_addf(&b, "%s", "x"), RC_OK);
    assert_rc(buf_addf(&b, "%0200d", 7), RC_OK);
    assert_int_equal(b.len, 201);
    assert_true(b.ptr[200] == '7' && b.ptr[1] == '0');
    buf_fini(&b);
}

static void a_said_text_is_cut_between_characters(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 6);
    buf_say(&b, "%s", "ab");
    buf_say(&b, "%s", "\xE2\x82\xAC\xE2\x82\xAC");
    assert_str(buf_str(&b), STR("ab\xE2\x82\xAC"));
    buf_say(&b, "%s", "cd");
    assert_str(buf_str(&b), STR("ab\xE2\x82\xAC"
                                "c"));
    buf_fini(&b);
}

static void escapes_json_strings(void **state)
{
    static const struct {
        struct str text, json;
    } cases[] = {
        { { "", 0 }, { "\"\"", 2 } },
        { { "plain", 5 }, { "\"plain\"", 7 } },
        { { "a\"b\\c", 5 }, { "\"a\\\"b\\\\c\"", 9 } },
        { { "\b\t\n\f\r", 5 }, { "\"\\b\\t\\n\\f\\r\"", 12 } },
        { { "\0\x0b\x1f", 3 }, { "\"\\u0000\\u000b\\u001f\"", 20 } },
        { { "\x7f/", 2 }, { "\"\x7f/\"", 4 } },
        { { "\xE2\x82\xAC", 3 }, { "\"\xE2\x82\xAC\"", 5 } },
        { { "\xE2\x82", 2 }, { "\"\xEF\xBF\xBD\xEF\xBF\xBD\"", 8 } },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf b;
        buf_init(&b, 100);
        assert_rc(buf_add_json(&b, cases[i].text), RC_OK);
        assert_str(buf_str(&b), cases[i].json);
        buf_fini(&b);
    }
}

static void a_json_string_is_added_whole_or_not(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 8);
    assert_rc(buf_add_str(&b, STR("[")), RC_OK);
    for (size_t len = 6; len < 12; len++)
        assert_rc(buf_add_json(&b, str_of("aaaaaaaaaaaa", len)), RC_LIMIT);
    assert_string_equal(b.ptr, "[");
    assert_rc(buf_add_json(&b, STR("aaaaa")), RC_OK);
    assert_string_equal(b.ptr, "[\"aaaaa\"");
    buf_fini(&b);
}

static void strings_are_added_as_a_json_list(void **state)
{
    const struct str items[] = { STR("a"), STR("\"1\"") };
    struct arena a;
    struct buf b;
    (void)state;
    buf_init(&b, 16);
    assert_rc(buf_add_json_list(&b, items, 2), RC_OK);
    assert_string_equal(b.ptr, "[\"a\",\"\\\"1\\\"\"]");
    assert_rc(buf_add_json_list(&b, items, 2), RC_LIMIT);
    buf_fini(&b);
    arena_init(&a);
    assert_str(arena_json_list(&a, items, 2), STR("[\"a\",\"\\\"1\\\"\"]"));
    assert_str(arena_json_list(&a, NULL, 0), STR("[]"));
    arena_fini(&a);
}

static void drops_from_both_ends(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 100);
    buf_consume(&b, 0);
    assert_rc(buf_add_str(&b, STR("abcdef")), RC_OK);
    buf_consume(&b, 2);
    assert_string_equal(b.ptr, "cdef");
    buf_cut(&b, 3);
    assert_string_equal(b.ptr, "cde");
    buf_consume(&b, 3);
    assert_string_equal(b.ptr, "");
    assert_rc(buf_add_str(&b, STR("x")), RC_OK);
    buf_reset(&b);
    assert_int_equal(b.len, 0);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_until_the_limit_and_not_past_it),
        cmocka_unit_test(a_zeroed_buffer_takes_nothing),
        cmocka_unit_test(grows_and_keeps_a_nul_behind),
        cmocka_unit_test(formats_texts_longer_than_its_room),
        cmocka_unit_test(a_said_text_is_cut_between_characters),
        cmocka_unit_test(escapes_json_strings),
        cmocka_unit_test(a_json_string_is_added_whole_or_not),
        cmocka_unit_test(strings_are_added_as_a_json_list),
        cmocka_unit_test(drops_from_both_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
