/* SPDX-License-Identifier: Apache-2.0
 *
 * What the CKAN site said is believed for its time, and takes a bounded room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/ckan_cache_priv.h"

#include <stdio.h>

enum { KEEP_US = 1000, ENTRIES = 10000, BYTES = 16 * 1024 * 1024 };

struct fixture {
    struct clock_fake clock;
    struct ckan_cache *cache;
    struct arena arena;
};

static int set_up(void **state)
{
    struct fixture *f = XNEW(struct fixture);
    clock_fake_init(&f->clock, 5000);
    f->cache = ckan_cache_new(&f->clock.clock, KEEP_US);
    arena_init(&f->arena);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    ckan_cache_free(f->cache);
    ckan_cache_free(NULL);
    arena_fini(&f->arena);
    xfree(f);
    return 0;
}

static bool says(struct fixture *f, const char *key, const char *text)
{
    struct str got;
    return ckan_cache_get(f->cache, str_from(key), &f->arena, &got) && str_eq(got, str_from(text));
}

static bool knows(struct fixture *f, const char *key)
{
    struct str got;
    return ckan_cache_get(f->cache, str_from(key), &f->arena, &got);
}

static void what_was_said_is_known_for_its_time_and_no_longer(void **state)
{
    struct fixture *f = *state;
    assert_false(knows(f, "ann"));
    ckan_cache_put(f->cache, STR("ann"), STR("{\"id\":1}"));
    f->clock.now_us += KEEP_US - 1;
    assert_true(says(f, "ann", "{\"id\":1}"));
    assert_false(knows(f, "an"));
    f->clock.now_us += 1;
    assert_false(knows(f, "ann"));
}

static void a_newer_word_takes_the_place_and_the_time_of_the_older(void **state)
{
    struct fixture *f = *state;
    ckan_cache_put(f->cache, STR("ann"), STR("old"));
    f->clock.now_us += KEEP_US - 1;
    ckan_cache_put(f->cache, STR("ann"), STR(""));
    f->clock.now_us += KEEP_US - 1;
    assert_true(says(f, "ann", ""));
}

static void what_was_handed_out_stays_when_the_cache_forgets(void **state)
{
    struct fixture *f = *state;
    struct str got;
    ckan_cache_put(f->cache, STR("ann"), STR("first"));
    assert_true(ckan_cache_get(f->cache, STR("ann"), &f->arena, &got));
    ckan_cache_put(f->cache, STR("ann"), STR("second"));
    assert_true(str_eq(got, STR("first")));
}

static void too_many_entries_make_it_forget_all(void **state)
{
    struct fixture *f = *state;
    char key[16];
    for (int i = 0; i < ENTRIES; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        ckan_cache_put(f->cache, str_from(key), STR("x"));
    }
    assert_true(knows(f, "k0") && knows(f, "k9999"));
    ckan_cache_put(f->cache, STR("one more"), STR("x"));
    assert_true(knows(f, "one more"));
    assert_false(knows(f, "k0") || knows(f, "k9999"));
}

static void too_many_bytes_make_it_forget_all_and_a_giant_is_not_taken(void **state)
{
    struct fixture *f = *state;
    char *big = xcalloc(1, BYTES);
    ckan_cache_put(f->cache, STR("small"), STR("x"));
    ckan_cache_put(f->cache, STR("giant"), str_of(big, BYTES));
    assert_true(knows(f, "small") && !knows(f, "giant"));
    /* Replacing gives its bytes back: this never fills up. */
    for (int i = 0; i < 10; i++)
        ckan_cache_put(f->cache, STR("large"), str_of(big, BYTES / 3));
    assert_true(knows(f, "small") && knows(f, "large"));
    ckan_cache_put(f->cache, STR("larger"), str_of(big, BYTES - 100));
    assert_true(knows(f, "larger") && !knows(f, "small") && !knows(f, "large"));
    xfree(big);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_said_is_known_for_its_time_and_no_longer),
        TEST(a_newer_word_takes_the_place_and_the_time_of_the_older),
        TEST(what_was_handed_out_stays_when_the_cache_forgets),
        TEST(too_many_entries_make_it_forget_all),
        TEST(too_many_bytes_make_it_forget_all_and_a_giant_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
