/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "plan.h"

static struct plan parsed(const char *text)
{
    struct plan p;
    char why[PLAN_WHY_BYTES];
    if (!plan_parse(text, &p, why))
        fail_msg("%s", why);
    return p;
}

static void a_plan_is_read_as_it_was_written(void **state)
{
    (void)state;
    const char *text =
        "run seed=7 safety=60s\noption deliver.retry=1s,2s\nendpoint n=1 tenant=1 ordered=1\n"
        "at=12.5s disk.full path=segments/ for=8s rate=0.02\nat=20.000001s life.kill\n";
    struct plan p = parsed(text);
    assert_int_equal(p.count, 5);
    assert_int_equal(p.lines[0].at_us, PLAN_NO_TIME);
    assert_int_equal(plan_us(&p.lines[0], "safety", 0), 60000000);
    assert_string_equal(plan_text(&p.lines[1], "deliver.retry", ""), "1s,2s");
    const struct plan_line *full = plan_find(&p, PLAN_DISK_FULL);
    assert_int_equal(full->at_us, 12500000);
    assert_true(plan_real(full, "rate", 1) > 0.0199 && plan_real(full, "rate", 1) < 0.0201);
    assert_int_equal(plan_us(full, "for", 0), 8000000);
    assert_int_equal(plan_int(full, "endpoint", -5), -5);
    assert_ptr_equal(plan_numbered(&p, PLAN_ENDPOINT, 1), &p.lines[2]);
    assert_null(plan_numbered(&p, PLAN_ENDPOINT, 2));
    assert_int_equal(p.lines[4].at_us, 20000001);
    char *again = plan_print(&p);
    assert_string_equal(again, text);
    free(again);
    plan_free(&p);
}

static void lines_come_in_the_order_of_their_times(void **state)
{
    (void)state;
    struct plan p =
        parsed("# why this is kept\nat=2s life.kill\n\nat=900ms op.read client=1 endpoint=1\n"
               "at=2s life.stop\nrun seed=1\n");
    assert_int_equal(p.lines[0].word, PLAN_RUN);
    assert_int_equal(p.lines[1].word, PLAN_OP_READ);
    assert_int_equal(p.lines[2].word, PLAN_LIFE_KILL); /* those of one moment stay as they stood */
    assert_int_equal(p.lines[3].word, PLAN_LIFE_STOP);
    plan_free(&p);
}

static void what_a_plan_cannot_say_is_refused_by_line(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        { "run seed=1\nat=1s disk.fulll for=1s\n", "line 2: there is no word 'disk.fulll'" },
        { "run seed=1 sead=2\n", "line 1: run has no field 'sead'" },
        { "run seed=one\n", "line 1: 'one' is no value of 'seed'" },
        { "run seed=1 seed=2\n", "line 1: the field 'seed' stands twice" },
        { "run seed=1\nat=1s disk.full rate=1.5\n", "line 2: '1.5' is no value of 'rate'" },
        { "run seed=1\nat=1s disk.full for=8\n", "line 2: '8' is no value of 'for'" },
        { "run seed=1\nat=-1s life.kill\n", "line 2: '-1s' is no time" },
        { "run seed=1\nlife.kill\n", "line 2: life.kill needs a time: at=1.5s" },
        { "at=1s run seed=1\n", "line 1: run has no time" },
        { "run seed=1\nat=1s\n", "line 2: a time alone says nothing" },
        { "run seed=1\nat=1s life.kill now\n", "line 2: 'now' is no field: name=value" },
        { "# nothing\n", "the line 'run seed=...' is missing" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct plan p;
        char why[PLAN_WHY_BYTES] = "";
        assert_false(plan_parse(wrong[i][0], &p, why));
        assert_string_equal(why, wrong[i][1]);
    }
}

static void every_seed_makes_a_plan_that_reads_back_the_same(void **state)
{
    (void)state;
    unsigned seen[PLAN_WORDS] = { 0 };
    for (uint64_t seed = 0; seed < 300; seed++) {
        char *text = plan_make(seed), *again = plan_make(seed);
        assert_string_equal(text, again);
        struct plan p = parsed(text);
        char *printed = plan_print(&p);
        struct plan q = parsed(printed);
        char *twice = plan_print(&q);
        assert_string_equal(printed, twice);
        for (size_t i = 0; i < p.count; i++)
            seen[p.lines[i].word]++;
        plan_free(&p);
        plan_free(&q);
        free(text);
        free(again);
        free(printed);
        free(twice);
    }
    for (int word = 0; word < PLAN_WORDS; word++)
        if (seen[word] == 0)
            fail_msg("no seed of 300 has %s", plan_word_name((enum plan_word)word));
}

static void quiet_lives_last_for_hours_or_days(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        char *text = plan_make_quiet(seed), *again = plan_make_quiet(seed);
        assert_string_equal(text, again);
        struct plan p = parsed(text);
        int64_t safety_us = plan_us(plan_find(&p, PLAN_RUN), "safety", 0);
        assert_true(safety_us >= INT64_C(6) * 3600 * 1000000);
        assert_true(safety_us <= INT64_C(240) * 3600 * 1000000);
        assert_true(p.lines[p.count - 1].at_us <= safety_us);
        plan_free(&p);
        free(text);
        free(again);
    }
}

static void seeds_leave_out_kinds_of_faults_and_operations(void **state)
{
    (void)state;
    unsigned with_full = 0, with_delete = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        char *text = plan_make(seed);
        with_full += strstr(text, " disk.full ") != NULL;
        with_delete += strstr(text, " op.delete ") != NULL;
        free(text);
    }
    assert_in_range(with_full, 20, 100);
    assert_in_range(with_delete, 40, 180);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_read_as_it_was_written),
        cmocka_unit_test(lines_come_in_the_order_of_their_times),
        cmocka_unit_test(what_a_plan_cannot_say_is_refused_by_line),
        cmocka_unit_test(every_seed_makes_a_plan_that_reads_back_the_same),
        cmocka_unit_test(quiet_lives_last_for_hours_or_days),
        cmocka_unit_test(seeds_leave_out_kinds_of_faults_and_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
