/* SPDX-License-Identifier: Apache-2.0 */
#include "test_base.h"

#include <stdio.h>

enum { KEYS = 500, STEPS = 50000 };

static void behaves_like_an_array_of_its_keys(void **state)
{
    static int values[KEYS];
    int *model[KEYS] = { 0 };
    struct rng_seeded rng;
    size_t count = 0;
    (void)state;
    rng_seeded_init(&rng, 42);
    struct map *m = map_new();
    for (int step = 0; step < STEPS; step++) {
        size_t k = rng_below(&rng.rng, KEYS);
        char name[16];
        int len = snprintf(name, sizeof(name), "key-%zu", k);
        struct str key = str_of(name, (size_t)len);
        if (rng_below(&rng.rng, 5) < 3) {
            assert_ptr_equal(map_set(m, key, &values[k]), model[k]);
            count += model[k] == NULL;
            model[k] = &values[k];
        } else {
            assert_ptr_equal(map_remove(m, key), model[k]);
            count -= model[k] != NULL;
            model[k] = NULL;
        }
        assert_int_equal(map_count(m), count);
        k = rng_below(&rng.rng, KEYS);
        len = snprintf(name, sizeof(name), "key-%zu", k);
        assert_ptr_equal(map_get(m, str_of(name, (size_t)len)), model[k]);
    }
    size_t at = 0;
    size_t seen = 0;
    struct str key;
    void *value;
    for (; map_next(m, &at, &key, &value); seen++)
        assert_ptr_equal(map_get(m, key), value);
    assert_int_equal(seen, count);
    map_free(m);
}

static void numbers_behave_like_an_array_too(void **state)
{
    static int values[KEYS];
    int *model[KEYS] = { 0 };
    struct rng_seeded rng;
    size_t count = 0;
    (void)state;
    rng_seeded_init(&rng, 43);
    struct map64 *m = map64_new();
    for (int step = 0; step < STEPS; step++) {
        size_t k = rng_below(&rng.rng, KEYS);
        uint64_t key = k << 40; /* low bits all alike */
        if (rng_below(&rng.rng, 5) < 3) {
            assert_ptr_equal(map64_set(m, key, &values[k]), model[k]);
            count += model[k] == NULL;
            model[k] = &values[k];
        } else {
            assert_ptr_equal(map64_remove(m, key), model[k]);
            count -= model[k] != NULL;
            model[k] = NULL;
        }
        assert_int_equal(map64_count(m), count);
        k = rng_below(&rng.rng, KEYS);
        assert_ptr_equal(map64_get(m, (uint64_t)k << 40), model[k]);
    }
    size_t at = 0;
    size_t seen = 0;
    uint64_t key;
    void *value;
    for (; map64_next(m, &at, &key, &value); seen++)
        assert_ptr_equal(map64_get(m, key), value);
    assert_int_equal(seen, count);
    map64_free(m);
}

static void keys_are_copied_and_may_be_any_bytes(void **state)
{
    char key[] = { 'a', 0, 'b' };
    (void)state;
    struct map *m = map_new();
    assert_null(map_set(m, str_of(key, 3), key));
    assert_null(map_set(m, STR_NONE, m));
    key[0] = 'x';
    assert_ptr_equal(map_get(m, STR("a\0b")), key);
    assert_null(map_get(m, STR("a\0c")));
    assert_ptr_equal(map_get(m, STR("")), m);
    assert_null(map_remove(m, STR("other")));
    map_free(m);
    map_free(NULL);
    map64_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_like_an_array_of_its_keys),
        cmocka_unit_test(numbers_behave_like_an_array_too),
        cmocka_unit_test(keys_are_copied_and_may_be_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
