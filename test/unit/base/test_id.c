/* SPDX-License-Identifier: Apache-2.0 */
#include "test_base.h"

#include <stdlib.h>

static const int64_t EPOCH_US = INT64_C(1400000000) * 1000000;

struct world {
    struct clock_fake clock;
    struct rng_seeded rng;
    struct id_source *source;
};

static int make_world(void **state)
{
    static struct world world;
    clock_fake_init(&world.clock, EPOCH_US + 5000000);
    rng_seeded_init(&world.rng, 1);
    world.source = id_source_new(&world.clock.clock, &world.rng.rng);
    *state = &world;
    return 0;
}

static int end_world(void **state)
{
    id_source_free(((struct world *)*state)->source);
    return 0;
}

static void goes_to_text_and_back(void **state)
{
    struct world *w = *state;
    char text[ID_TEXT_MAX + 1];
    for (int i = 0; i < 1000; i++) {
        struct id id;
        struct id back;
        rng_fill(&w->rng.rng, id.bytes, sizeof(id.bytes));
        struct str shown = id_format(STR("msg_"), &id, text);
        assert_int_equal(shown.len, 4 + ID_DIGITS);
        assert_int_equal(strlen(text), shown.len);
        assert_rc(id_parse(STR("msg_"), shown, &back), RC_OK);
        assert_memory_equal(&id, &back, sizeof(id));
    }
}

static void writes_known_digits(void **state)
{
    struct id id = { { 0 } };
    char text[ID_TEXT_MAX + 1];
    (void)state;
    assert_str(id_format(STR(""), &id, text), STR("000000000000000000000000000"));
    memset(id.bytes, 0xff, sizeof(id.bytes));
    assert_str(id_format(STR(""), &id, text), STR("aWgEPTl1tmebfsQzFP4bxwgy80V"));
    memset(id.bytes, 0, sizeof(id.bytes));
    id.bytes[ID_BYTES - 1] = 62;
    assert_str(id_format(STR("twelve_char_"), &id, text),
               STR("twelve_char_000000000000000000000000010"));
}

static void refuses_other_texts(void **state)
{
    static const char *const cases[] = {
        "",
        "msg_",
        "ep_000000000000000000000000000",
        "msg_00000000000000000000000000",
        "msg_0000000000000000000000000000",
        "msg_0000000000000000000000000-0",
        "msg_aWgEPTl1tmebfsQzFP4bxwgy80W", /* 2^160 */
        "msg_zzzzzzzzzzzzzzzzzzzzzzzzzzz",
        "000000000000000000000000000",
    };
    struct id id = { { 7 } };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_rc(id_parse(STR("msg_"), str_from(cases[i]), &id), RC_INVALID);
    assert_int_equal(id.bytes[0], 7);
}

static void sorts_by_time_as_bytes_as_text_and_as_key(void **state)
{
    struct world *w = *state;
    char before[ID_TEXT_MAX + 1];
    char after[ID_TEXT_MAX + 1];
    struct id last = id_new(w->source);
    for (int i = 0; i < 1000; i++) {
        w->clock.now_us += i % 3 * 3999;
        struct id next = id_new(w->source);
        assert_true(memcmp(last.bytes, next.bytes, ID_BYTES) < 0);
        assert_true(id_key(&last) < id_key(&next));
        id_format(STR("msg_"), &last, before);
        id_format(STR("msg_"), &next, after);
        assert_true(strcmp(before, after) < 0);
        last = next;
    }
}

static void holds_the_time_to_4_ms(void **state)
{
    struct world *w = *state;
    for (int64_t step = 0; step < 3000; step++) {
        w->clock.now_us += 1777;
        struct id id = id_new(w->source);
        int64_t late = w->clock.now_us - id_time_us(&id);
        assert_true(late >= 0 && late < 4000);
        struct id bound = id_at(w->clock.now_us);
        assert_true(id_key(&bound) <= id_key(&id));
    }
}

static void never_goes_backwards_when_the_clock_does(void **state)
{
    struct world *w = *state;
    struct id before = id_new(w->source);
    w->clock.now_us -= 3600 * INT64_C(1000000);
    struct id after = id_new(w->source);
    assert_true(id_key(&before) < id_key(&after));
    assert_int_equal(id_time_us(&before), id_time_us(&after));
}

static void a_full_tick_runs_into_the_next_and_the_next_second(void **state)
{
    struct world *w = *state;
    w->clock.now_us = EPOCH_US + 5996000; /* the last tick but none of its second */
    struct id last = id_new(w->source);
    assert_int_equal(id_time_us(&last), EPOCH_US + 5996000);
    for (int i = 0; i < 1 << 24; i++) {
        struct id next = id_new(w->source);
        if (id_key(&next) <= id_key(&last))
            fail();
        last = next;
    }
    assert_int_equal(id_time_us(&last), EPOCH_US + 6000000);
    assert_int_equal(id_key(&last), INT64_C(6) << 32);
}

static void times_out_of_range_become_its_ends(void **state)
{
    (void)state;
    struct id early = id_at(0);
    struct id late = id_at(INT64_MAX);
    assert_int_equal(id_key(&early), 0);
    assert_int_equal(late.bytes[0], 0xff);
    struct id year_2081 = id_at(INT64_C(3502828800) * 1000000);
    assert_true(id_key(&year_2081) > 0);
}

enum { THREADS = 4, IDS_EACH = 20000 };
static struct id_source *shared;
static int64_t made[THREADS][IDS_EACH];

static void make_ids(void *arg)
{
    int64_t *keys = arg;
    for (int i = 0; i < IDS_EACH; i++) {
        struct id id = id_new(shared);
        keys[i] = id_key(&id);
    }
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void keys_are_unique_over_threads(void **state)
{
    struct thread *threads[THREADS];
    (void)state;
    shared = id_source_new(clock_system(), rng_system());
    for (int i = 0; i < THREADS; i++)
        threads[i] = thread_start("ids", THREAD_OTHER, make_ids, made[i]);
    for (int i = 0; i < THREADS; i++)
        thread_join(threads[i]);
    for (int i = 0; i < THREADS; i++)
        for (int j = 1; j < IDS_EACH; j++)
            assert_true(made[i][j - 1] < made[i][j]);
    int64_t *all = &made[0][0];
    qsort(all, (size_t)THREADS * IDS_EACH, sizeof(*all), by_number);
    for (int i = 1; i < THREADS * IDS_EACH; i++)
        assert_true(all[i - 1] < all[i]);
    id_source_free(shared);
}

static int64_t slot_of(const struct id *id)
{
    return id_key(id) >> 16 & 0xff;
}

static void ids_of_a_slot_are_unique_beside_those_of_others(void **state)
{
    enum { COUNT = 200000 }; /* more than three ticks have room for */
    struct world *w = *state;
    struct id_source *a = id_source_new_slot(&w->clock.clock, &w->rng.rng, 3, 0);
    struct id_source *b = id_source_new_slot(&w->clock.clock, &w->rng.rng, 255, 0);
    int64_t last = 0;
    for (int i = 0; i < COUNT; i++) {
        struct id x = id_new(a), y = id_new(b);
        assert_int_equal(slot_of(&x), 3);
        assert_int_equal(slot_of(&y), 255);
        assert_true(id_key(&x) > last);
        last = id_key(&x);
    }
    assert_int_equal(id_source_last(a), last);
    id_source_free(a);
    id_source_free(b);
}

static void ids_of_a_slot_begin_after_what_was_made_before(void **state)
{
    struct world *w = *state;
    struct id before = id_at(EPOCH_US + 9000000 - 1);
    int64_t after = id_key(&before) + 0xffffff;
    struct id_source *s = id_source_new_slot(&w->clock.clock, &w->rng.rng, 1, after);
    struct id id = id_new(s);
    assert_true(id_key(&id) > after);
    assert_int_equal(slot_of(&id), 1);
    assert_int_equal(id_time_us(&id), EPOCH_US + 9000000);
    id_source_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(goes_to_text_and_back, make_world, end_world),
        cmocka_unit_test(writes_known_digits),
        cmocka_unit_test(refuses_other_texts),
        cmocka_unit_test_setup_teardown(sorts_by_time_as_bytes_as_text_and_as_key, make_world,
                                        end_world),
        cmocka_unit_test_setup_teardown(holds_the_time_to_4_ms, make_world, end_world),
        cmocka_unit_test_setup_teardown(never_goes_backwards_when_the_clock_does, make_world,
                                        end_world),
        cmocka_unit_test_setup_teardown(a_full_tick_runs_into_the_next_and_the_next_second,
                                        make_world, end_world),
        cmocka_unit_test(times_out_of_range_become_its_ends),
        cmocka_unit_test(keys_are_unique_over_threads),
        cmocka_unit_test_setup_teardown(ids_of_a_slot_are_unique_beside_those_of_others, make_world,
                                        end_world),
        cmocka_unit_test_setup_teardown(ids_of_a_slot_begin_after_what_was_made_before, make_world,
                                        end_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
