/* SPDX-License-Identifier: Apache-2.0 */
#include "access/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void one_time_codes_are_those_of_rfc_6238(void **state)
{
    static const struct {
        int64_t at_s;
        uint32_t code;
    } vectors[] = {
        { 59, 94287082 },         { 1111111109, 7081804 },  { 1111111111, 14050471 },
        { 1234567890, 89005924 }, { 2000000000, 69279037 }, { 20000000000, 65353130 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++)
        assert_int_equal(
            access_totp_code(STR("12345678901234567890"), vectors[i].at_s / ACCESS_TOTP_STEP_S, 8),
            vectors[i].code);
}

static void a_code_is_right_one_step_early_and_late_and_no_further(void **state)
{
    static const struct str secret = { "12345678901234567890", 20 };
    int64_t now_us = INT64_C(1111111111) * 1000000, step_us = INT64_C(30000000), step = 0;
    (void)state;
    assert_true(access_totp_is(secret, STR("050471"), now_us, &step));
    assert_int_equal(step, 1111111111 / 30);
    assert_true(access_totp_is(secret, STR("050471"), now_us - step_us, &step));
    assert_true(access_totp_is(secret, STR("050471"), now_us + step_us, &step));
    assert_false(access_totp_is(secret, STR("050471"), now_us + 2 * step_us, &step));
    assert_false(access_totp_is(secret, STR("050471"), now_us - 2 * step_us, &step));
    assert_false(access_totp_is(secret, STR("50471"), now_us, &step));
    assert_false(access_totp_is(secret, STR("0504710"), now_us, &step));
    assert_false(access_totp_is(secret, STR(""), now_us, &step));
}

static void a_secret_is_shown_in_the_base_32_of_rfc_4648(void **state)
{
    char text[ACCESS_TOTP_TEXT + 1];
    (void)state;
    access_totp_show((const uint8_t *)"12345678901234567890", text);
    assert_string_equal(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
}

static void a_password_is_itself_and_nothing_else(void **state)
{
    char hash[ACCESS_PASSWORD_TEXT_MAX], again[ACCESS_PASSWORD_TEXT_MAX];
    (void)state;
    assert_int_equal(access_password_hash(rng_system(), STR("correct horse"), hash), RC_OK);
    assert_int_equal(access_password_hash(rng_system(), STR("correct horse"), again), RC_OK);
    assert_string_not_equal(hash, again);
    assert_true(str_starts(str_from(hash), STR("$argon2id$v=19$m=19456,t=2,p=1$")));
    assert_true(access_password_is(str_from(hash), STR("correct horse")));
    assert_false(access_password_is(str_from(hash), STR("correct horsf")));
    assert_false(access_password_is(str_from(hash), STR("")));
    assert_false(access_password_is(STR("not a hash"), STR("correct horse")));
}

static void passwords_have_a_least_and_a_greatest_length(void **state)
{
    char hash[ACCESS_PASSWORD_TEXT_MAX], text[ACCESS_PASSWORD_MAX + 1];
    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(access_password_hash(rng_system(), str_of(text, 7), hash), RC_INVALID);
    assert_int_equal(access_password_hash(rng_system(), str_of(text, sizeof(text)), hash),
                     RC_INVALID);
    assert_int_equal(access_password_hash(rng_system(), str_of(text, ACCESS_PASSWORD_MAX), hash),
                     RC_OK);
    assert_true(access_password_is(str_from(hash), str_of(text, ACCESS_PASSWORD_MAX)));
    assert_false(access_password_is(str_from(hash), str_of(text, sizeof(text))));
}

static void sha1_is_sha1(void **state)
{
    char hex[ACCESS_SHA1_HEX + 1];
    (void)state;
    access_sha1_hex(STR("abc"), hex);
    assert_string_equal(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_time_codes_are_those_of_rfc_6238),
        cmocka_unit_test(a_code_is_right_one_step_early_and_late_and_no_further),
        cmocka_unit_test(a_secret_is_shown_in_the_base_32_of_rfc_4648),
        cmocka_unit_test(a_password_is_itself_and_nothing_else),
        cmocka_unit_test(passwords_have_a_least_and_a_greatest_length),
        cmocka_unit_test(sha1_is_sha1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
