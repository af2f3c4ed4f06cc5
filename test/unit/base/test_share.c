/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void an_owner_gets_its_share_and_no_more(void **state)
{
    (void)state;
    struct share *s = share_new(100, 25);
    assert_int_equal(share_take(s, 1, 20), RC_OK);
    assert_int_equal(share_take(s, 1, 6), RC_LIMIT);
    assert_int_equal(share_take(s, 1, 5), RC_OK);
    assert_int_equal(share_take(s, 1, 1), RC_LIMIT);
    assert_int_equal(share_take(s, 2, 25), RC_OK); /* what one has costs the others nothing */
    share_give(s, 1, 10);
    assert_int_equal(share_take(s, 1, 10), RC_OK);
    assert_int_equal(share_taken(s), 50);
    share_give(s, 1, 25);
    share_give(s, 2, 25);
    assert_int_equal(share_taken(s), 0);
    share_free(s);
    share_free(NULL);
}

static void all_owners_together_get_the_total_and_no_more(void **state)
{
    (void)state;
    struct share *s = share_new(100, 25);
    for (uint64_t owner = 0; owner < 4; owner++)
        assert_int_equal(share_take(s, owner, 25), RC_OK);
    assert_int_equal(share_take(s, 9, 1), RC_BUSY);
    assert_int_equal(share_take(s, 9, SIZE_MAX), RC_BUSY);
    for (uint64_t owner = 0; owner < 4; owner++)
        share_give(s, owner, 25);
    assert_int_equal(share_take(s, 9, 25), RC_OK);
    share_give(s, 9, 25);
    share_free(s);
}

static void the_most_of_an_owner_is_its_share_or_the_total(void **state)
{
    (void)state;
    struct share *bounded = share_new(100, 25);
    struct share *unbounded = share_new(100, SIZE_MAX);
    assert_int_equal(share_most(bounded), 25);
    assert_int_equal(share_most(unbounded), 100);
    share_free(bounded);
    share_free(unbounded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_owner_gets_its_share_and_no_more),
        cmocka_unit_test(all_owners_together_get_the_total_and_no_more),
        cmocka_unit_test(the_most_of_an_owner_is_its_share_or_the_total),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
