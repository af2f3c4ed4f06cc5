/* SPDX-License-Identifier: Apache-2.0 */
#include "test_base.h"

static void hands_out_zeroed_aligned_memory_after_every_reset(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a);
    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < 300; size++) {
            unsigned char *ptr = arena_alloc(&a, size);
            assert_int_equal((uintptr_t)ptr % _Alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(ptr[i], 0);
            memset(ptr, 0xff, size);
        }
        assert_int_equal(arena_used(&a), 299 * 300 / 2);
        arena_reset(&a);
        assert_int_equal(arena_used(&a), 0);
    }
    arena_fini(&a);
}

static void large_objects_leave_small_ones_intact(void **state)
{
    struct arena a;
    char *small[100];
    (void)state;
    arena_init(&a);
    for (int i = 0; i < 100; i++) {
        small[i] = arena_fmt(&a, "small %d", i).ptr == NULL ? NULL : arena_cstr(&a, STR("small"));
        memset(arena_alloc(&a, (size_t)i * 2000), 'x', (size_t)i * 2000);
    }
    for (int i = 0; i < 100; i++)
        assert_string_equal(small[i], "small");
    arena_fini(&a);
}

static void a_large_object_may_be_the_first(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a);
    memset(arena_alloc(&a, 1 << 20), 1, 1 << 20);
    memset(arena_alloc(&a, 100), 1, 100);
    arena_reset(&a);
    memset(arena_alloc(&a, 1 << 20), 1, 1 << 20);
    arena_reset(&a);
    memset(arena_alloc(&a, 100), 1, 100);
    arena_fini(&a);
}

static void copies_end_in_nul(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a);
    struct str copy = arena_str(&a, STR("a\0b"));
    assert_str(copy, STR("a\0b"));
    assert_true(copy.ptr[3] == '\0');
    assert_string_equal(arena_cstr(&a, STR_NONE), "");
    assert_str(arena_fmt(&a, "%s-%d", "x", 7), STR("x-7"));
    struct str wide = arena_fmt(&a, "%0500d", 1);
    assert_int_equal(wide.len, 500);
    assert_true(wide.ptr[499] == '1' && wide.ptr[500] == '\0');
    arena_fini(&a);
}

static void note(void *arg)
{
    struct buf *order = *(struct buf **)arg;
    buf_say(order, "%s", (const char *)arg + sizeof(struct buf *));
}

struct noted {
    struct buf *order;
    char name[8];
};

static void runs_cleanups_newest_first(void **state)
{
    struct arena a = { 0 };
    struct buf order;
    (void)state;
    buf_init(&order, 100);
    struct noted first = { &order, "first " };
    struct noted second = { &order, "second " };
    arena_defer(&a, note, &first);
    arena_defer(&a, note, &second);
    arena_reset(&a);
    assert_string_equal(order.ptr, "second first ");
    arena_defer(&a, note, &first);
    arena_fini(&a);
    assert_string_equal(order.ptr, "second first first ");
    arena_fini(&a);
    buf_fini(&order);
}

static void arrays_have_all_their_elements(void **state)
{
    struct arena a = { 0 };
    (void)state;
    uint64_t *numbers = arena_array(&a, 1000, sizeof(*numbers));
    numbers[999] = 1;
    assert_true(numbers[0] == 0);
    assert_int_equal(arena_used(&a), 8000);
    arena_fini(&a);
}

struct looked {
    struct str at;
    bool is_wiped;
};

/* Registered before the secret was kept, so it runs after its wiping, while the memory is still there. */
static void look(void *arg)
{
    struct looked *looked = arg;
    looked->is_wiped = true;
    for (size_t i = 0; i < looked->at.len; i++)
        looked->is_wiped = looked->is_wiped && looked->at.ptr[i] == '\0';
}

static void a_secret_is_wiped_when_its_arena_ends(void **state)
{
    (void)state;
    struct looked looked = { 0 };
    struct arena a;
    arena_init(&a);
    arena_defer(&a, look, &looked);
    looked.at = arena_secret(&a, STR("between us"));
    assert_true(str_eq(looked.at, STR("between us")));
    assert_int_equal(arena_secret(&a, STR_NONE).len, 0);
    arena_fini(&a);
    assert_true(looked.is_wiped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_out_zeroed_aligned_memory_after_every_reset),
        cmocka_unit_test(large_objects_leave_small_ones_intact),
        cmocka_unit_test(a_large_object_may_be_the_first),
        cmocka_unit_test(copies_end_in_nul),
        cmocka_unit_test(runs_cleanups_newest_first),
        cmocka_unit_test(arrays_have_all_their_elements),
        cmocka_unit_test(a_secret_is_wiped_when_its_arena_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
