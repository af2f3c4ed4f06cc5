/* SPDX-License-Identifier: Apache-2.0 */
#include "test_base.h"

static void hex_goes_there_and_back(void **state)
{
    unsigned char bytes[256];
    unsigned char back[256];
    char text[HEX_LEN(sizeof(bytes)) + 1];
    size_t len = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)i;
    hex_encode(bytes, sizeof(bytes), text);
    assert_int_equal(strlen(text), 512);
    assert_rc(hex_decode(str_from(text), back, sizeof(back), &len), RC_OK);
    assert_int_equal(len, 256);
    assert_memory_equal(bytes, back, 256);
    assert_rc(hex_decode(STR("aBcD"), back, 2, &len), RC_OK);
    assert_memory_equal(back, "\xab\xcd", 2);
}

static void hex_is_strict(void **state)
{
    unsigned char out[4];
    size_t len = 99;
    (void)state;
    assert_rc(hex_decode(STR("abc"), out, 4, &len), RC_INVALID);
    assert_rc(hex_decode(STR("0g"), out, 4, &len), RC_INVALID);
    assert_rc(hex_decode(STR(" 0"), out, 4, &len), RC_INVALID);
    assert_rc(hex_decode(STR("0102030405"), out, 4, &len), RC_LIMIT);
    assert_int_equal(len, 99);
    assert_rc(hex_decode(STR_NONE, out, 0, &len), RC_OK);
    assert_int_equal(len, 0);
}

static void base64_follows_rfc_4648(void **state)
{
    static const char *const cases[][2] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
        { "\xfb\xff\xbf", "+/+/" },
    };
    char text[16];
    char bytes[16];
    size_t len;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        base64_encode(cases[i][0], strlen(cases[i][0]), text);
        assert_string_equal(text, cases[i][1]);
        assert_rc(base64_decode(str_from(text), bytes, sizeof(bytes), &len), RC_OK);
        assert_str(str_of(bytes, len), str_from(cases[i][0]));
        struct str bare = str_from(text); /* padding may be left out */
        while (str_ends(bare, STR("=")))
            bare.len--;
        assert_rc(base64_decode(bare, bytes, sizeof(bytes), &len), RC_OK);
        assert_str(str_of(bytes, len), str_from(cases[i][0]));
    }
    assert_rc(base64_decode(STR("-_-_"), bytes, sizeof(bytes), &len), RC_OK);
    assert_memory_equal(bytes, "\xfb\xff\xbf", 3);
}

static void base64_refuses_what_no_encoder_writes(void **state)
{
    static const char *const cases[] = { "Z",    "Zm9vY",    "Zg=",  "Zg===", "=",
                                         "====", "Zm9v====", "Zm=v", "Zm 9v", "Zh==",
                                         "Zm9=", "Zm9v\n",   "Z===" };
    char bytes[16];
    size_t len;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_rc(base64_decode(str_from(cases[i]), bytes, sizeof(bytes), &len), RC_INVALID);
    assert_rc(base64_decode(STR("Zm9vYg=="), bytes, 3, &len), RC_LIMIT);
    assert_rc(base64_decode(STR("Zm9vYg=="), bytes, 4, &len), RC_OK);
}

static void percent_goes_there_and_back(void **state)
{
    struct buf encoded;
    struct buf decoded;
    char all[256];
    (void)state;
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (char)i;
    buf_init(&encoded, 1000);
    buf_init(&decoded, 1000);
    assert_rc(percent_encode(str_of(all, sizeof(all)), &encoded), RC_OK);
    assert_rc(percent_decode(buf_str(&encoded), true, &decoded), RC_OK);
    assert_str(buf_str(&decoded), str_of(all, sizeof(all)));
    buf_reset(&encoded);
    assert_rc(percent_encode(STR("a b/c~\xE9"), &encoded), RC_OK);
    assert_string_equal(encoded.ptr, "a%20b%2Fc~%E9");
    buf_fini(&encoded);
    buf_fini(&decoded);
}

static void percent_is_strict_and_adds_all_or_nothing(void **state)
{
    static const char *const cases[] = { "a%", "a%2", "a%2g", "a%%20", "a% 20" };
    struct buf out;
    (void)state;
    buf_init(&out, 6);
    assert_rc(buf_add_str(&out, STR("x")), RC_OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_rc(percent_decode(str_from(cases[i]), false, &out), RC_INVALID);
    for (size_t len = 1; len < 3; len++) /* cut, whatever stands behind */
        assert_rc(percent_decode(str_sub(STR("%41"), 0, len), false, &out), RC_INVALID);
    assert_rc(percent_decode(STR("123456"), false, &out), RC_LIMIT);
    assert_rc(percent_encode(STR("  "), &out), RC_LIMIT);
    assert_string_equal(out.ptr, "x");
    assert_rc(percent_decode(STR("a+b"), false, &out), RC_OK);
    assert_string_equal(out.ptr, "xa+b");
    buf_cut(&out, 1);
    assert_rc(percent_decode(STR("a+b"), true, &out), RC_OK);
    assert_string_equal(out.ptr, "xa b");
    buf_fini(&out);
}

static void user_parts_of_urls_are_taken_out_and_put_back(void **state)
{
    static const struct {
        const char *url, *bare, *user; /* user NULL: there is none */
    } cases[] = {
        { "https://a.example/x?y", "https://a.example/x?y", NULL },
        { "https://a:b@c.example/x", "https://c.example/x", "a:b" },
        { "amqps://a@c.example", "amqps://c.example", "a" },
        { "http://@c.example/", "http://c.example/", "" },
        { "http://a:b@", "http://", "a:b" },
        { "http://a@b:c@d.example/", "http://d.example/", "a@b:c" },
        { "http://c.example/@x", "http://c.example/@x", NULL },
        { "http://c.example?q=http://a:b@d/", "http://c.example?q=http://a:b@d/", NULL },
        { "mailto:a@b.example", "mailto:a@b.example", NULL },
        { "", "", NULL },
    };
    struct arena arena;
    struct str user;
    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str bare = text_url_split(str_from(cases[i].url), &arena, &user);
        assert_true(str_eq(bare, str_from(cases[i].bare)));
        assert_int_equal(user.ptr == NULL, cases[i].user == NULL);
        if (user.ptr == NULL)
            continue;
        assert_true(str_eq(user, str_from(cases[i].user)));
        assert_true(str_eq(text_url_join(bare, user, &arena), str_from(cases[i].url)));
    }
    arena_fini(&arena);
}

static void words_that_are_shown_have_no_user_parts(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 200);
    assert_int_equal(
        text_hide_users(STR("{\"u\":\"http://a:b@c/\"} at https://d@e and x@y, http://f/@g"), &out),
        RC_OK);
    assert_string_equal(out.ptr, "{\"u\":\"http://c/\"} at https://e and x@y, http://f/@g");
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_goes_there_and_back),
        cmocka_unit_test(hex_is_strict),
        cmocka_unit_test(base64_follows_rfc_4648),
        cmocka_unit_test(base64_refuses_what_no_encoder_writes),
        cmocka_unit_test(percent_goes_there_and_back),
        cmocka_unit_test(percent_is_strict_and_adds_all_or_nothing),
        cmocka_unit_test(user_parts_of_urls_are_taken_out_and_put_back),
        cmocka_unit_test(words_that_are_shown_have_no_user_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
