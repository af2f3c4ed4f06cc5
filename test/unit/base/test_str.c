/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "base/utf8.h"
#include "test_base.h"

static void compares_by_bytes_then_by_length(void **state)
{
    (void)state;
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("ab"), STR("a")) > 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR("ab"), STR("ab")), 0);
    assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
    assert_true(str_ieq(STR("Content-TYPE"), STR("content-type")));
    assert_false(str_ieq(STR("a"), STR("ab")));
    assert_false(str_ieq(STR("["), STR("{"))); /* differ in the case bit, but are no letters */
}

static void finds_and_cuts(void **state)
{
    (void)state;
    struct str s = STR("webhook-id");
    assert_true(str_starts(s, STR("web")) && !str_starts(STR("we"), STR("web")));
    assert_true(str_ends(s, STR("-id")) && !str_ends(STR("id"), STR("-id")));
    assert_int_equal(str_find(s, '-'), 7);
    assert_int_equal(str_find(s, '?'), s.len);
    assert_int_equal(str_find(STR_NONE, '?'), 0);
    assert_true(str_contains(s, STR("hook")) && str_contains(s, STR_NONE));
    assert_false(str_contains(STR("ho"), STR("hook")));
    assert_str(str_sub(s, 7, 99), STR("-id"));
    assert_str(str_sub(s, 99, 1), STR(""));
    assert_str(str_sub(STR_NONE, 1, 1), STR(""));
    assert_true(str_skip_prefix(&s, STR("webhook-")));
    assert_str(s, STR("id"));
    assert_false(str_skip_prefix(&s, STR("x")));
    assert_str(str_trim(STR(" \ta b\t ")), STR("a b"));
    assert_str(str_trim(STR("  ")), STR(""));
}

static void splits_at_every_separator(void **state)
{
    static const struct {
        const char *text;
        const char *parts[4];
        size_t count;
    } cases[] = {
        { "", { NULL }, 0 },      { "a", { "a" }, 1 }, { "a,,b", { "a", "", "b" }, 3 },
        { ",a", { "", "a" }, 2 }, { ",", { "" }, 1 },  { "a,", { "a" }, 1 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str rest = str_from(cases[i].text);
        struct str part;
        size_t count = 0;
        while (str_split(&rest, ',', &part)) {
            assert_true(count < cases[i].count);
            assert_str(part, str_from(cases[i].parts[count]));
            count++;
        }
        assert_int_equal(count, cases[i].count);
    }
}

static void reads_numbers_up_to_their_type(void **state)
{
    static const struct {
        const char *text;
        enum rc rc_u;
        uint64_t u;
        enum rc rc_i;
        int64_t i;
    } cases[] = {
        { "0", RC_OK, 0, RC_OK, 0 },
        { "007", RC_OK, 7, RC_OK, 7 },
        { "9223372036854775807", RC_OK, INT64_MAX, RC_OK, INT64_MAX },
        { "9223372036854775808", RC_OK, (uint64_t)INT64_MAX + 1, RC_INVALID, 0 },
        { "18446744073709551615", RC_OK, UINT64_MAX, RC_INVALID, 0 },
        { "18446744073709551616", RC_INVALID, 0, RC_INVALID, 0 },
        { "99999999999999999999", RC_INVALID, 0, RC_INVALID, 0 },
        { "-1", RC_INVALID, 0, RC_OK, -1 },
        { "-9223372036854775808", RC_INVALID, 0, RC_OK, INT64_MIN },
        { "-9223372036854775809", RC_INVALID, 0, RC_INVALID, 0 },
        { "", RC_INVALID, 0, RC_INVALID, 0 },
        { "-", RC_INVALID, 0, RC_INVALID, 0 },
        { "+1", RC_INVALID, 0, RC_INVALID, 0 },
        { " 1", RC_INVALID, 0, RC_INVALID, 0 },
        { "1x", RC_INVALID, 0, RC_INVALID, 0 },
    };
    (void)state;
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        uint64_t u = 0;
        int64_t i = 0;
        assert_rc(str_to_u64(str_from(cases[k].text), &u), cases[k].rc_u);
        assert_true(u == cases[k].u);
        assert_rc(str_to_i64(str_from(cases[k].text), &i), cases[k].rc_i);
        assert_true(i == cases[k].i);
    }
}

static void accepts_utf8_as_rfc_3629_has_it(void **state)
{
    static const struct {
        struct str text;
        bool is_valid;
    } cases[] = {
        { { "", 0 }, true },
        { { "plain ascii that is long", 24 }, true },
        { { "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", 14 }, true },
        { { "\xED\x9F\xBF\xEE\x80\x80", 6 }, true }, /* around the surrogates */
        { { "\xF4\x8F\xBF\xBF", 4 }, true },         /* U+10FFFF */
        { { "a\0b", 3 }, true },
        { { "\x80", 1 }, false },
        { { "\xC0\x80", 2 }, false }, /* overlong */
        { { "\xE0\x9F\xBF", 3 }, false },
        { { "\xF0\x8F\xBF\xBF", 4 }, false },
        { { "\xED\xA0\x80", 3 }, false }, /* surrogate */
        { { "\xF4\x90\x80\x80", 4 }, false },
        { { "\xF5\x80\x80\x80", 4 }, false },
        { { "\xE2\x82", 2 }, false }, /* cut */
        { { "12345678\xFF", 9 }, false },
        { { "\xE2\x28\xA1", 3 }, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(str_is_utf8(cases[i].text), cases[i].is_valid);
}

static void cuts_between_characters(void **state)
{
    (void)state;
    struct str s = STR("a\xE2\x82\xAC"); /* a, euro sign */
    assert_int_equal(str_cut_utf8(s, 4).len, 4);
    assert_int_equal(str_cut_utf8(s, 3).len, 1);
    assert_int_equal(str_cut_utf8(s, 2).len, 1);
    assert_int_equal(str_cut_utf8(s, 1).len, 1);
    assert_int_equal(str_cut_utf8(s, 0).len, 0);
    assert_int_equal(str_cut_utf8(STR("\x80\x80\x80\x80\x80\x80"), 5).len,
                     2); /* no UTF-8: bounded */
}

static void hashes_depend_on_every_byte(void **state)
{
    char text[64] = { 0 };
    (void)state;
    assert_true(str_hash(STR("a")) == str_hash(STR("a")));
    assert_true(str_hash(STR_NONE) == str_hash(STR("")));
    for (size_t len = 1; len <= sizeof(text); len++) {
        uint64_t before = str_hash(str_of(text, len));
        assert_true(before != str_hash(str_of(text, len - 1)));
        text[len - 1] ^= 1;
        assert_true(before != str_hash(str_of(text, len)));
        text[len - 1] ^= 1;
    }
}

/* From the paper and the reference implementation: key 00 01 .. 0f, input 00 01 .. of that length. */
static void siphash_gives_its_published_values(void **state)
{
    static const uint64_t key[2] = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) };
    static const struct {
        size_t len;
        uint64_t hash;
    } cases[] = {
        { 0, UINT64_C(0x726fdb47dd0e0e31) },
        { 1, UINT64_C(0x74f839c593dc67fd) },
        { 8, UINT64_C(0x93f5f5799a932462) },
        { 15, UINT64_C(0xa129ca6149be45e5) },
    };
    char input[16];
    (void)state;
    for (size_t i = 0; i < sizeof(input); i++)
        input[i] = (char)i;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_true(str_siphash(key, str_of(input, cases[i].len)) == cases[i].hash);
}

static void compares_secrets_by_content(void **state)
{
    (void)state;
    assert_true(str_eq_constant_time(STR("secret"), STR("secret")));
    assert_true(str_eq_constant_time(STR_NONE, STR("")));
    assert_false(str_eq_constant_time(STR("secret"), STR("secreT")));
    assert_false(str_eq_constant_time(STR("Secret"), STR("secret")));
    assert_false(str_eq_constant_time(STR("secret"), STR("secrets")));
}

static void every_code_has_its_own_name(void **state)
{
    (void)state;
    for (int a = RC_OK; a <= RC_IO; a++) {
        assert_string_not_equal(rc_name((enum rc)a), "unknown");
        for (int b = RC_OK; b < a; b++)
            assert_string_not_equal(rc_name((enum rc)a), rc_name((enum rc)b));
    }
}

static void counts_slips_of_the_pen(void **state)
{
    static const struct {
        const char *a, *b;
        size_t steps;
    } cases[] = {
        { "", "", 0 },
        { "", "abc", 3 },
        { "kitten", "sitting", 3 },
        { "ab", "ba", 1 },
        { "payload", "pyaload", 1 },
        { "channel", "channels", 1 },
        { "abc", "abc", 0 },
        { "ca", "abc", 3 },
    };
    char longer[STR_DISTANCE_MAX + 2];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(str_distance(str_from(cases[i].a), str_from(cases[i].b)), cases[i].steps);
        assert_int_equal(str_distance(str_from(cases[i].b), str_from(cases[i].a)), cases[i].steps);
    }
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_true(str_distance(str_from(longer), STR("x")) == SIZE_MAX);
}

static void lengths_are_of_characters(void **state)
{
    (void)state;
    assert_int_equal(str_utf8_length(STR("")), 0);
    assert_int_equal(str_utf8_length(STR("boat")), 4);
    assert_int_equal(str_utf8_length(STR("b\xc3\xbc"
                                         "cher \xf0\x9f\x9a\xa4")),
                     8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_by_bytes_then_by_length),
        cmocka_unit_test(finds_and_cuts),
        cmocka_unit_test(splits_at_every_separator),
        cmocka_unit_test(reads_numbers_up_to_their_type),
        cmocka_unit_test(accepts_utf8_as_rfc_3629_has_it),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(counts_slips_of_the_pen),
        cmocka_unit_test(lengths_are_of_characters),
        cmocka_unit_test(hashes_depend_on_every_byte),
        cmocka_unit_test(siphash_gives_its_published_values),
        cmocka_unit_test(compares_secrets_by_content),
        cmocka_unit_test(every_code_has_its_own_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
