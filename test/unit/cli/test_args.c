/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/load_priv.h"
#include "cli/verbs_priv.h"

static char arg_a[] = "--name=one", arg_b[] = "--count", arg_c[] = "7", arg_d[] = "word",
            arg_e[] = "--store.dir=/x", arg_f[] = "--quiet";

static struct cli make(void)
{
    return (struct cli){ .argc = 6,
                         .argv = { arg_a, arg_b, arg_c, arg_d, arg_e, arg_f },
                         .verb = &cli_help };
}

static void what_a_verb_takes_is_gone_and_the_rest_stays_in_order(void **state)
{
    struct cli cli = make();
    int64_t count = 0;
    (void)state;

    assert_string_equal(cli_take(&cli, "name"), "one");
    assert_true(cli_take_number(&cli, "count", 1, 1, 10, &count));
    assert_int_equal(count, 7);
    assert_string_equal(cli_take_word(&cli), "word");
    assert_true(cli_take_switch(&cli, "quiet"));
    assert_int_equal(cli.argc, 1);
    assert_string_equal(cli.argv[0], "--store.dir=/x");
    assert_null(cli.argv[1]);
}

static void a_lone_dash_is_a_word(void **state)
{
    static char dash[] = "-";
    struct cli cli = { .argc = 2, .argv = { arg_f, dash }, .verb = &cli_help };
    (void)state;

    assert_string_equal(cli_take_word(&cli), "-");
    assert_null(cli_take_word(&cli));
    assert_int_equal(cli.argc, 1);
}

static void what_is_not_given_keeps_its_default(void **state)
{
    struct cli cli = make();
    int64_t value = 0;
    (void)state;

    assert_null(cli_take(&cli, "nam"));
    assert_false(cli_take_switch(&cli, "name"));
    assert_true(cli_take_duration(&cli, "lifetime", 42, &value));
    assert_int_equal(value, 42);
    assert_int_equal(cli.argc, 6);
}

static void a_number_out_of_range_is_refused(void **state)
{
    struct cli cli = make();
    int64_t value;
    (void)state;

    assert_false(cli_take_number(&cli, "count", 1, 1, 6, &value));
}

static void a_mistyped_verb_finds_its_neighbour_and_nonsense_finds_none(void **state)
{
    (void)state;
    assert_ptr_equal(cli_nearest("serv"), &cli_serve);
    assert_ptr_equal(cli_nearest("tokne"), &cli_token);
    assert_ptr_equal(cli_nearest("versoin"), &cli_version);
    assert_null(cli_nearest("supercalifragilistic"));
    assert_null(cli_nearest("supercalifragilisticexpialidocious and more"));
}

static void quantiles_of_latencies_are_within_a_bucket(void **state)
{
    static struct load_result r;
    (void)state;

    assert_int_equal(cli_load_quantile_us(&r, 0.5), 0);
    r.accepted = 100;
    r.latency[10 * 16] = 99;    /* 1024 us */
    r.latency[13 * 16 + 8] = 1; /* 12288 us */
    r.worst_us = 12300;
    assert_in_range(cli_load_quantile_us(&r, 0.5), 1024, 1100);
    assert_in_range(cli_load_quantile_us(&r, 0.99), 1024, 1100);
    assert_int_equal(cli_load_quantile_us(&r, 1.0), 12300); /* none is above the worst */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_verb_takes_is_gone_and_the_rest_stays_in_order),
        cmocka_unit_test(a_lone_dash_is_a_word),
        cmocka_unit_test(what_is_not_given_keeps_its_default),
        cmocka_unit_test(a_number_out_of_range_is_refused),
        cmocka_unit_test(a_mistyped_verb_finds_its_neighbour_and_nonsense_finds_none),
        cmocka_unit_test(quantiles_of_latencies_are_within_a_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
