/* SPDX-License-Identifier: Apache-2.0 */
#include "test_base.h"

#include <sys/wait.h>
#include <unistd.h>

static void system_numbers_differ(void **state)
{
    (void)state;
    uint64_t seen[1000];
    for (size_t i = 0; i < COUNT_OF(seen); i++) {
        seen[i] = rng_u64(rng_system());
        for (size_t j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
    }
}

static void fills_every_byte_of_any_length(void **state)
{
    unsigned char bytes[2000];
    (void)state;
    for (size_t len = 0; len <= sizeof(bytes); len += 97) {
        unsigned char any[sizeof(bytes)] = { 0 };
        for (int round = 0; round < 16; round++) {
            memset(bytes, 0, sizeof(bytes));
            rng_fill(rng_system(), bytes, len);
            for (size_t i = 0; i < sizeof(bytes); i++)
                any[i] |= bytes[i];
        }
        for (size_t i = 0; i < sizeof(bytes); i++)
            assert_int_equal(any[i] != 0, i < len); /* 16 zero bytes in a row do not happen */
    }
}

static void a_forked_child_does_not_repeat_its_parent(void **state)
{
    int ends[2];
    uint64_t child = 0;
    (void)state;
    (void)rng_u64(rng_system()); /* so that there is something to inherit */
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        uint64_t own = rng_u64(rng_system());
        _exit(write(ends[1], &own, sizeof(own)) == sizeof(own) ? 0 : 1);
    }
    assert_int_equal(read(ends[0], &child, sizeof(child)), sizeof(child));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(child != rng_u64(rng_system()));
    close(ends[0]);
    close(ends[1]);
}

static void a_seed_repeats_itself(void **state)
{
    struct rng_seeded a;
    struct rng_seeded b;
    struct rng_seeded c;
    (void)state;
    rng_seeded_init(&a, 7);
    rng_seeded_init(&b, 7);
    rng_seeded_init(&c, 8);
    for (int i = 0; i < 100; i++) {
        uint64_t number = rng_u64(&a.rng);
        assert_true(number == rng_u64(&b.rng));
        assert_true(number != rng_u64(&c.rng));
    }
}

static void numbers_below_a_bound_are_even(void **state)
{
    struct rng_seeded r;
    int counts[6] = { 0 };
    (void)state;
    rng_seeded_init(&r, 1);
    for (int i = 0; i < 60000; i++)
        counts[rng_below(&r.rng, 6)]++;
    for (int i = 0; i < 6; i++)
        assert_in_range(counts[i], 9500, 10500);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(rng_below(&r.rng, 1), 0);
        assert_true(rng_below(&r.rng, UINT64_MAX) < UINT64_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(system_numbers_differ),
        cmocka_unit_test(fills_every_byte_of_any_length),
        cmocka_unit_test(a_forked_child_does_not_repeat_its_parent),
        cmocka_unit_test(a_seed_repeats_itself),
        cmocka_unit_test(numbers_below_a_bound_are_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
