/* SPDX-License-Identifier: Apache-2.0
 *
 * Where things are, as one cell remembers it: what is used stays, and what strangers ask for takes no more than its share.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cells/cells_priv.h"

enum { MANY = 300000 }; /* more than are kept */

static void hash_of(int number, uint8_t out[static 32])
{
    memset(out, 0, 32);
    memcpy(out, &number, sizeof number);
}

static int find(struct cells_memory *m, int number)
{
    uint8_t hash[32];
    hash_of(number, hash);
    return cells_memory_find(m, hash);
}

static void put(struct cells_memory *m, int number, int where)
{
    uint8_t hash[32];
    hash_of(number, hash);
    cells_memory_put(m, hash, where);
}

static void what_was_found_is_remembered_until_it_is_forgotten(void **state)
{
    struct cells_memory *m = cells_memory_new();
    uint8_t hash[32];
    (void)state;
    assert_int_equal(find(m, 1), CELLS_NOT_REMEMBERED);
    put(m, 1, 0);
    put(m, 2, 7);
    assert_int_equal(find(m, 1), 0);
    assert_int_equal(find(m, 2), 7);
    hash_of(1, hash);
    cells_memory_forget(m, hash);
    assert_int_equal(find(m, 1), CELLS_NOT_REMEMBERED);
    assert_int_equal(find(m, 2), 7);
    cells_memory_free(m);
}

static void nothing_is_remembered_once_all_is_forgotten(void **state)
{
    struct cells_memory *m = cells_memory_new();
    (void)state;
    put(m, 1, 0);
    put(m, 2, CELLS_NOWHERE);
    cells_memory_clear(m);
    assert_int_equal(find(m, 1), CELLS_NOT_REMEMBERED);
    assert_int_equal(find(m, 2), CELLS_NOT_REMEMBERED);
    put(m, 1, 5);
    assert_int_equal(find(m, 1), 5);
    cells_memory_free(m);
}

static void places_that_are_used_stay_and_others_make_way(void **state)
{
    struct cells_memory *m = cells_memory_new();
    (void)state;
    put(m, 0, 3);
    put(m, 1, 3);
    for (int i = 2; i < MANY; i++) {
        put(m, i, 3);
        assert_int_equal(find(m, 0), 3);
    }
    assert_int_equal(find(m, 1), CELLS_NOT_REMEMBERED);
    cells_memory_free(m);
}

static void what_is_nowhere_takes_no_place_from_what_is_somewhere(void **state)
{
    struct cells_memory *m = cells_memory_new();
    (void)state;
    put(m, 0, 3);
    for (int i = 1; i < MANY; i++)
        put(m, i, CELLS_NOWHERE);
    assert_int_equal(find(m, 0), 3);
    assert_int_equal(find(m, MANY - 1), CELLS_NOWHERE);
    assert_int_equal(find(m, 1), CELLS_NOT_REMEMBERED); /* of so many, the first are given up */
    cells_memory_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_found_is_remembered_until_it_is_forgotten),
        cmocka_unit_test(nothing_is_remembered_once_all_is_forgotten),
        cmocka_unit_test(places_that_are_used_stay_and_others_make_way),
        cmocka_unit_test(what_is_nowhere_takes_no_place_from_what_is_somewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
