/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sign/sign.h"

#define ED25519_SECRET \
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
/* Zero bytes in base64. */
#define ZEROS_48 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define ZEROS_27 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define ED25519_PUBLIC "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="

static void reads_a_secret_with_or_without_prefix_and_padding(void **state)
{
    (void)state;
    const struct {
        const char *text;
        size_t len;
    } good[] = {
        { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 24 },
        { "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 24 },
        { "whsec_RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c=", 32 },
        { "whsec_RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c", 32 },
        { "whsec_" ZEROS_48 ZEROS_27, 75 },
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct sign_key key;
        assert_int_equal(sign_key_parse(str_from(good[i].text), &key, NULL), RC_OK);
        assert_int_equal(key.kind, SIGN_HMAC256);
        assert_int_equal(key.len, good[i].len);
    }
}

static void refuses_malformed_secrets_without_repeating_them(void **state)
{
    (void)state;
    static const char base64[] = "not base64 after \"whsec_\"";
    static const char size[] = "a whsec_ secret holds 24 to 75 bytes";
    static const char form[] = "neither whsec_ nor whsk_ followed by standard base64";
    static const char pair[] = "a whsk_ secret holds 64 bytes (seed and public key) or 32 (seed)";
    const struct {
        const char *text;
        const char *why;
    } bad[] = {
        { "", size },
        { "w", base64 },
        { "whsec_", size },
        { "whsec_%", base64 },
        { "whsec_wronglength", base64 },
        { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", base64 },
        { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa==", base64 },
        { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaQ=", size },
        { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw ", base64 },
        { "hwsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", form },
        { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_", form },
        { "whsec_" ZEROS_48 ZEROS_27 "AA==", size },
        { ED25519_PUBLIC, "whpk_ is a public key; signing takes the secret one, whsk_" },
        { "whsk_", pair },
        { "whsk_*", "not base64 after \"whsk_\"" },
        { "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", pair },
        { "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6K",
          pair },
        { "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvw==",
          "the two halves of the whsk_ secret do not belong together" },
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct sign_key key;
        struct buf why;
        buf_init(&why, 256);
        assert_int_equal(sign_key_parse(str_from(bad[i].text), &key, &why), RC_INVALID);
        if (!str_eq(buf_str(&why), str_from(bad[i].why))) {
            fail_msg("%s: %.*s", bad[i].text, STR_ARGS(buf_str(&why)));
        }
        assert_int_equal(key.len, 0);
        buf_fini(&why);
    }
}

static void reads_an_ed25519_secret_whole_or_as_its_seed(void **state)
{
    (void)state;
    char text[SIGN_SECRET_TEXT_MAX];
    struct sign_key whole;
    struct sign_key seed;
    assert_int_equal(sign_key_parse(STR(ED25519_SECRET), &whole, NULL), RC_OK);
    assert_int_equal(
        sign_key_parse(STR("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc="), &seed, NULL),
        RC_OK);
    assert_int_equal(whole.kind, SIGN_ED25519);
    assert_memory_equal(&whole, &seed, sizeof(whole));
    assert_true(str_eq(sign_key_show(&whole, text), STR(ED25519_PUBLIC)));
    assert_true(str_eq(sign_key_secret(&seed, text), STR(ED25519_SECRET)));
}

static void generates_secrets_that_read_back(void **state)
{
    (void)state;
    const enum sign_kind kinds[] = { SIGN_HMAC256, SIGN_ED25519 };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        char text[SIGN_SECRET_TEXT_MAX];
        struct sign_key made;
        struct sign_key other;
        struct sign_key back;
        sign_key_generate(kinds[i], rng_system(), &made);
        sign_key_generate(kinds[i], rng_system(), &other);
        assert_memory_not_equal(&made, &other, sizeof(made));
        assert_int_equal(sign_key_parse(sign_key_secret(&made, text), &back, NULL), RC_OK);
        assert_memory_equal(&made, &back, sizeof(made));
        assert_int_equal(made.len, kinds[i] == SIGN_HMAC256 ? 24 : 64);
    }
}

static void the_longest_secret_fits_its_text(void **state)
{
    (void)state;
    char text[SIGN_SECRET_TEXT_MAX];
    struct sign_key key = { .kind = SIGN_HMAC256, .len = SIGN_SECRET_MAX };
    struct str shown = sign_key_show(&key, text);
    assert_int_equal(shown.len, 106);
    assert_true(str_starts(shown, STR("whsec_")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_secret_with_or_without_prefix_and_padding),
        cmocka_unit_test(refuses_malformed_secrets_without_repeating_them),
        cmocka_unit_test(reads_an_ed25519_secret_whole_or_as_its_seed),
        cmocka_unit_test(generates_secrets_that_read_back),
        cmocka_unit_test(the_longest_secret_fits_its_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
