/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sign/sign.h"

#define CONTEXT STR("endpoint:ep_1")

/* Computed by another implementation: key HKDF-SHA256("0123456789abcdef", "grapnel vault 1"), nonce
 * 00..0b, context "test", plain "grapnel". */
#define FIRST_RELEASE "01000102030405060708090a0b6acfd6f823b5f273ff32aa4a35d8e8fc65c4d023a278fb"

static struct sign_vault *vault_of(const char *secret)
{
    struct sign_vault *v = NULL;
    assert_int_equal(sign_vault_new(str_from(secret), &v), RC_OK);
    return v;
}

static enum rc open_it(const struct sign_vault *v, struct str context, struct str sealed,
                       struct str expected)
{
    struct buf out;
    buf_init(&out, 4096);
    enum rc rc = sign_open(v, context, sealed, &out);
    if (rc == RC_OK) {
        assert_true(str_eq(buf_str(&out), expected));
    } else {
        assert_int_equal(out.len, 0);
    }
    buf_fini(&out);
    return rc;
}

static void opens_what_it_sealed(void **state)
{
    (void)state;
    struct sign_vault *v = vault_of("a main secret of the operator");
    const struct str plains[] = { STR("whsec_secret"), STR_NONE, STR("\0\xff") };
    for (size_t i = 0; i < COUNT_OF(plains); i++) {
        struct buf sealed;
        buf_init(&sealed, 4096);
        assert_int_equal(sign_seal(v, CONTEXT, plains[i], &sealed), RC_OK);
        assert_int_equal(sealed.len, plains[i].len + 29);
        assert_int_equal(open_it(v, CONTEXT, buf_str(&sealed), plains[i]), RC_OK);
        buf_fini(&sealed);
    }
    sign_vault_free(v);
}

static void seals_differently_each_time(void **state)
{
    (void)state;
    struct sign_vault *v = vault_of("a main secret of the operator");
    struct buf one;
    struct buf two;
    buf_init(&one, 256);
    buf_init(&two, 256);
    assert_int_equal(sign_seal(v, CONTEXT, STR("same"), &one), RC_OK);
    assert_int_equal(sign_seal(v, CONTEXT, STR("same"), &two), RC_OK);
    assert_false(str_eq(buf_str(&one), buf_str(&two)));
    assert_false(str_contains(buf_str(&one), STR("same")));
    buf_fini(&one);
    buf_fini(&two);
    sign_vault_free(v);
}

static void refuses_another_context_key_or_any_changed_byte(void **state)
{
    (void)state;
    struct sign_vault *v = vault_of("a main secret of the operator");
    struct sign_vault *other = vault_of("another secret of the operator");
    struct buf sealed;
    buf_init(&sealed, 256);
    assert_int_equal(sign_seal(v, CONTEXT, STR("secret"), &sealed), RC_OK);
    struct str text = buf_str(&sealed);
    assert_int_equal(open_it(v, STR("endpoint:ep_2"), text, STR_NONE), RC_CORRUPT);
    assert_int_equal(open_it(other, CONTEXT, text, STR_NONE), RC_CORRUPT);
    for (size_t i = 0; i < text.len; i++) {
        assert_int_equal(open_it(v, CONTEXT, str_of(text.ptr, i), STR_NONE), RC_CORRUPT);
        sealed.ptr[i] ^= 1;
        assert_int_equal(open_it(v, CONTEXT, text, STR_NONE), RC_CORRUPT);
        sealed.ptr[i] ^= 1;
    }
    assert_int_equal(open_it(v, CONTEXT, text, STR("secret")), RC_OK);
    buf_fini(&sealed);
    sign_vault_free(v);
    sign_vault_free(other);
}

static void opens_a_value_sealed_by_the_first_release(void **state)
{
    (void)state;
    struct sign_vault *v = vault_of("0123456789abcdef");
    uint8_t sealed[64];
    size_t len = 0;
    assert_int_equal(hex_decode(STR(FIRST_RELEASE), sealed, sizeof(sealed), &len), RC_OK);
    assert_int_equal(open_it(v, STR("test"), str_of((const char *)sealed, len), STR("grapnel")),
                     RC_OK);
    sign_vault_free(v);
}

static void needs_a_main_secret_of_sixteen_bytes(void **state)
{
    (void)state;
    struct sign_vault *v = NULL;
    assert_int_equal(sign_vault_new(STR("0123456789abcde"), &v), RC_INVALID);
    assert_null(v);
    sign_vault_free(NULL);
}

static void seals_nothing_past_the_limit(void **state)
{
    (void)state;
    struct sign_vault *v = vault_of("0123456789abcdef");
    struct buf out;
    buf_init(&out, 32);
    assert_int_equal(sign_seal(v, CONTEXT, STR("four"), &out), RC_LIMIT);
    assert_int_equal(out.len, 0);
    buf_fini(&out);
    sign_vault_free(v);
}

static void hashes_as_the_standards_do(void **state)
{
    (void)state;
    uint8_t out[32];
    char text[HEX_LEN(32) + 1];
    sign_sha256(STR("abc"), out); /* FIPS 180-2, appendix B.1 */
    hex_encode(out, sizeof(out), text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sign_sha256(STR_NONE, out);
    hex_encode(out, sizeof(out), text);
    assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sign_hmac256(STR("Jefe"), STR("what do ya want for nothing?"), out); /* RFC 4231, case 2 */
    hex_encode(out, sizeof(out), text);
    assert_string_equal(text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void texts_that_begin_alike_are_signed_as_if_each_were_one(void **state)
{
    (void)state;
    uint8_t out[32], whole[32];
    struct sign_prefix *p = sign_prefix_new(STR("Jefe"), STR("what do ya "));
    for (int i = 0; i < 2; i++) {
        sign_prefix_finish(p, STR("want for nothing?"), out);
        sign_hmac256(STR("Jefe"), STR("what do ya want for nothing?"), whole);
        assert_memory_equal(out, whole, sizeof out);
        sign_prefix_finish(p, STR_NONE, out);
        sign_hmac256(STR("Jefe"), STR("what do ya "), whole);
        assert_memory_equal(out, whole, sizeof out);
    }
    sign_prefix_free(p);
    sign_prefix_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_it_sealed),
        cmocka_unit_test(seals_differently_each_time),
        cmocka_unit_test(refuses_another_context_key_or_any_changed_byte),
        cmocka_unit_test(opens_a_value_sealed_by_the_first_release),
        cmocka_unit_test(needs_a_main_secret_of_sixteen_bytes),
        cmocka_unit_test(seals_nothing_past_the_limit),
        cmocka_unit_test(hashes_as_the_standards_do),
        cmocka_unit_test(texts_that_begin_alike_are_signed_as_if_each_were_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
