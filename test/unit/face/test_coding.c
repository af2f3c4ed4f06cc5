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

enum { ALL = 1 << FACE_RAW | 1 << FACE_BROTLI | 1 << FACE_GZIP };

static void the_smallest_of_what_is_wanted_most_is_picked(void **state)
{
    static const struct {
        const char *header;
        unsigned has;
        enum face_coding picked;
    } rows[] = {
        { "", ALL, FACE_RAW },
        { "gzip, deflate, br, zstd", ALL, FACE_BROTLI },
        { "gzip, deflate", ALL, FACE_GZIP },
        { "gzip, deflate, br", 1 << FACE_RAW | 1 << FACE_GZIP, FACE_GZIP },
        { "gzip, br", 1 << FACE_RAW, FACE_RAW },
        { "GZIP", ALL, FACE_GZIP },
        { "x-gzip", ALL, FACE_GZIP },
        { "gzip;q=1.0, br;q=0.5", ALL, FACE_GZIP },
        { "gzip;q=0.5,br;q=0.501", ALL, FACE_BROTLI },
        { "br;q=0, gzip;q=0", ALL, FACE_RAW },
        { "identity, gzip;q=0.5", ALL, FACE_RAW },
        { "identity;q=0.1, gzip;q=0.5", ALL, FACE_GZIP },
        { "*", ALL, FACE_BROTLI },
        { "*;q=0.5, br;q=0", ALL, FACE_GZIP },
        { "*;q=0", ALL, FACE_RAW }, /* nothing is left, and raw is better than nothing */
        { "brotli, gzipped, bro", ALL, FACE_RAW },
        { " br ; q=1 ", ALL, FACE_BROTLI },
        { ",,;,q=1,br", ALL, FACE_BROTLI },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("# %s\n", rows[i].header);
        assert_int_equal(face_coding_pick(str_from(rows[i].header), rows[i].has), rows[i].picked);
    }
}

static void a_weight_that_is_none_counts_as_zero(void **state)
{
    static const char *const weights[] = {
        "", "2", "1.001", "0.0001", "-1", "x", "1x", ".5", "0,5"
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(weights); i++) {
        char header[32];
        (void)snprintf(header, sizeof(header), "br;q=%s", weights[i]);
        print_message("# %s\n", header);
        assert_int_equal(face_coding_pick(str_from(header), ALL), FACE_RAW);
    }
}

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
        cmocka_unit_test(the_smallest_of_what_is_wanted_most_is_picked),
        cmocka_unit_test(a_weight_that_is_none_counts_as_zero),
        cmocka_unit_test(an_etag_is_found_in_a_list_weak_or_by_a_star),
        cmocka_unit_test(only_names_that_nobody_else_controls_are_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
