/* SPDX-License-Identifier: Apache-2.0 */
#include "base/files.h"

#include "test_base.h"

#include <errno.h>
#include <sys/resource.h>

static void limit_to(rlim_t count)
{
    struct rlimit files = { .rlim_cur = count, .rlim_max = count };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    files_raise_limit();
}

static void nothing_is_kept_before_the_limit_is_raised(void **state)
{
    (void)state;
    assert_false(files_is_kept(INT32_MAX));
    assert_true(files_limit() == INT64_MAX);
}

static void an_eighth_is_kept_from_connections_and_at_least_32(void **state)
{
    (void)state;
    limit_to(1000);
    assert_int_equal(files_limit(), 1000);
    assert_false(files_is_kept(874));
    errno = 0;
    assert_true(files_is_kept(875));
    assert_int_equal(errno, EMFILE);
    limit_to(100);
    assert_false(files_is_kept(67));
    assert_true(files_is_kept(68));
}

static void clients_get_half_of_what_is_not_kept(void **state)
{
    (void)state;
    assert_int_equal(files_for_clients(1000), (1000 - 125 - FILES_OWN) / 2);
    assert_int_equal(files_for_clients(1), 8);
    assert_true(files_for_clients(INT64_MAX) > INT32_MAX);
}

static void connections_kept_for_later_get_a_quarter(void **state)
{
    (void)state;
    assert_int_equal(files_for_idle(1000), 250);
    assert_true(files_for_idle(INT64_MAX) > INT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_kept_before_the_limit_is_raised),
        cmocka_unit_test(an_eighth_is_kept_from_connections_and_at_least_32),
        cmocka_unit_test(clients_get_half_of_what_is_not_kept),
        cmocka_unit_test(connections_kept_for_later_get_a_quarter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
