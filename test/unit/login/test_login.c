/* SPDX-License-Identifier: Apache-2.0
 *
 * What a login by somebody else's word is judged by, without a provider: roles, descriptions and cookies. Whole logins
 * are in test/e2e/test_face_login.py.
 */
#include "login/provider_priv.h"
#include "login/ticket_priv.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena arena;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

/* --- roles ---------------------------------------------------------------------------------------------- */

static void the_strongest_role_of_all_values_counts(void **state)
{
    (void)state;
    struct login_roles roles;
    struct login_role role = { 0 };
    assert_int_equal(login_roles_parse("o", STR(" staff=viewer, ops = operator ,cn=a%2Cdc=b=owner"),
                                       &arena, &roles, NULL),
                     RC_OK);
    assert_int_equal(roles.count, 3);
    login_role_add(&role, &roles, STR("nobody"));
    assert_false(role.has_one);
    login_role_add(&role, &roles, STR("ops"));
    login_role_add(&role, &roles, STR("staff"));
    assert_true(role.has_one && role.role == ACCESS_OPERATOR);
    login_role_add(&role, &roles, STR("cn=a,dc=b"));
    assert_int_equal(role.role, ACCESS_OWNER);
}

static void roles_that_say_nothing_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        { "staff", "write value=role" }, { "=owner", "write value=role" },
        { "a=king", "names no role" },   { "a=Owner", "names no role" },
        { "a%=owner", "%25" },           { "a=owner,,b=viewer", "write value=role" }
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct login_roles roles;
        struct buf why;
        buf_init(&why, 256);
        assert_int_equal(login_roles_parse("o", str_from(texts[i][0]), &arena, &roles, &why),
                         RC_INVALID);
        assert_true(str_contains(buf_str(&why), str_from(texts[i][1])));
        buf_fini(&why);
    }
}

/* --- descriptions --------------------------------------------------------------------------------------- */

static enum rc read_with(const char *issuer, const char *token_endpoint, struct login_provider *p)
{
    struct str json =
        arena_fmt(&arena,
                  "{\"issuer\":\"%s\",\"authorization_endpoint\":\"https://a.example/x\","
                  "\"token_endpoint\":\"%s\",\"jwks_uri\":\"https://a.example/k\"}",
                  issuer, token_endpoint);
    return login_provider_read(json, STR("https://a.example"), &arena, p, NULL);
}

static void a_provider_must_call_itself_as_we_do_and_stay_with_https(void **state)
{
    (void)state;
    struct login_provider p;
    assert_int_equal(read_with("https://a.example", "https://b.example/t", &p), RC_OK);
    assert_int_equal(p.end.len, 0);
    assert_false(p.posts_secret);
    assert_int_equal(read_with("https://a.example/", "https://b.example/t", &p), RC_INVALID);
    assert_int_equal(read_with("https://a.example", "http://127.0.0.1/t", &p), RC_INVALID);
    assert_int_equal(read_with("https://a.example", "https://u:p@b.example/t", &p), RC_INVALID);
    assert_int_equal(read_with("https://a.example", "", &p), RC_INVALID);
}

/* --- cookies -------------------------------------------------------------------------------------------- */

static void a_cookie_opens_for_whoever_sealed_it_and_only_unchanged(void **state)
{
    (void)state;
    struct sign_vault *ours = NULL, *others = NULL;
    struct login_ticket made, found;
    assert_int_equal(sign_vault_new(STR("a main secret of ours"), &ours), RC_OK);
    assert_int_equal(sign_vault_new(STR("another main secret"), &others), RC_OK);
    login_ticket_new(rng_system(), 1000000, STR("/console/apps?q=%20"), &arena, &made);
    struct str cookie = login_ticket_seal(ours, &made, &arena);
    assert_true(cookie.len <= LOGIN_OIDC_COOKIE_MAX);
    assert_false(str_contains(cookie, made.state));
    assert_int_equal(login_ticket_open(ours, cookie, &arena, &found), RC_OK);
    assert_true(str_eq(found.state, made.state) && str_eq(found.nonce, made.nonce));
    assert_true(str_eq(found.verifier, made.verifier) && str_eq(found.next, made.next));
    assert_int_equal(found.until_us, 1000000 + LOGIN_OIDC_COOKIE_S * INT64_C(1000000));
    assert_int_equal(login_ticket_open(others, cookie, &arena, &found), RC_INVALID);
    char *changed = arena_cstr(&arena, cookie);
    changed[cookie.len / 2] = changed[cookie.len / 2] == 'A' ? 'B' : 'A';
    assert_int_equal(login_ticket_open(ours, str_from(changed), &arena, &found), RC_INVALID);
    assert_int_equal(login_ticket_open(ours, STR(""), &arena, &found), RC_INVALID);
    sign_vault_free(ours);
    sign_vault_free(others);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_strongest_role_of_all_values_counts),
        cmocka_unit_test(roles_that_say_nothing_are_refused_with_the_reason),
        cmocka_unit_test(a_provider_must_call_itself_as_we_do_and_stay_with_https),
        cmocka_unit_test(a_cookie_opens_for_whoever_sealed_it_and_only_unchanged),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
