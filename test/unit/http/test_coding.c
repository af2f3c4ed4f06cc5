/* SPDX-License-Identifier: Apache-2.0
 *
 * What Accept-Encoding asks for.
 */
#include "http/coding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ALL = 1 << HTTP_CODING_NONE | 1 << HTTP_CODING_BROTLI | 1 << HTTP_CODING_GZIP };

static void the_smallest_of_what_is_wanted_most_is_picked(void **state)
{
    static const struct {
        const char *header;
        unsigned has;
        enum http_coding picked;
    } rows[] = {
        { "", ALL, HTTP_CODING_NONE },
        { "gzip, deflate, br, zstd", ALL, HTTP_CODING_BROTLI },
        { "gzip, deflate", ALL, HTTP_CODING_GZIP },
        { "gzip, deflate, br", 1 << HTTP_CODING_NONE | 1 << HTTP_CODING_GZIP, HTTP_CODING_GZIP },
        { "gzip, br", 1 << HTTP_CODING_NONE, HTTP_CODING_NONE },
        { "GZIP", ALL, HTTP_CODING_GZIP },
        { "x-gzip", ALL, HTTP_CODING_GZIP },
        { "gzip;q=1.0, br;q=0.5", ALL, HTTP_CODING_GZIP },
        { "gzip;q=0.5,br;q=0.501", ALL, HTTP_CODING_BROTLI },
        { "br;q=0, gzip;q=0", ALL, HTTP_CODING_NONE },
        { "identity, gzip;q=0.5", ALL, HTTP_CODING_NONE },
        { "identity;q=0.1, gzip;q=0.5", ALL, HTTP_CODING_GZIP },
        { "*", ALL, HTTP_CODING_BROTLI },
        { "*;q=0.5, br;q=0", ALL, HTTP_CODING_GZIP },
        { "*;q=0", ALL, HTTP_CODING_NONE }, /* nothing is left, and raw is better than nothing */
        { "brotli, gzipped, bro", ALL, HTTP_CODING_NONE },
        { " br ; q=1 ", ALL, HTTP_CODING_BROTLI },
        { ",,;,q=1,br", ALL, HTTP_CODING_BROTLI },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("# %s\n", rows[i].header);
        assert_int_equal(http_coding_pick(str_from(rows[i].header), rows[i].has), rows[i].picked);
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
        assert_int_equal(http_coding_pick(str_from(header), ALL), HTTP_CODING_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_of_what_is_wanted_most_is_picked),
        cmocka_unit_test(a_weight_that_is_none_counts_as_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
