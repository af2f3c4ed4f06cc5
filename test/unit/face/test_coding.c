/* SPDX-License-Identifier: Apache-2.0
 *
 * What the headers of a request for a page ask for.
 */
#include "face/coding_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void an_etag_is_found_in_a_list_weak_or_by_a_star(void **state)
{
    const struct str tag = STR("\"abc\"");
    (void)state;
    assert_true(face_etag_matches(STR("\"abc\""), tag));
    assert_true(face_etag_matches(STR("\"x\", W/\"abc\""), tag));
    assert_true(face_etag_matches(STR("*"), tag));
    assert_false(face_etag_matches(STR(""), tag));
    assert_false(face_etag_matches(STR("abc"), tag));
    assert_false(face_etag_matches(STR("\"abcd\", \"ab\""), tag));
}

static void only_names_that_nobody_else_controls_are_ours(void **state)
{
    static const char *const ours[] = {
        "localhost", "LOCALHOST:8071",     "a.localhost",   "127.0.0.1",        "192.0.2.1:80",
        "[::1]",     "[2001:db8::1]:8071", "hooks.example", "Hooks.Example:443"
    };
    static const char *const others[] = {
        "",       "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", ".localhost",
        "[evil]", "[::1",         "notlocalhost",           "a.hooks.example",        "1.2.3",
        "127.1",  "[127.0.0.1.x]"
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ours); i++)
        assert_true(face_host_is_ours(str_from(ours[i]), STR("hooks.example")));
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        print_message("# %s\n", others[i]);
        assert_false(face_host_is_ours(str_from(others[i]), STR("hooks.example")));
    }
    assert_false(face_host_is_ours(STR(""), STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_etag_is_found_in_a_list_weak_or_by_a_star),
        cmocka_unit_test(only_names_that_nobody_else_controls_are_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
