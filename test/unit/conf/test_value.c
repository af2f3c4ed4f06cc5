/* SPDX-License-Identifier: Apache-2.0 */
#include "test_conf.h"

static void durations_have_a_unit(void **state)
{
    static const struct {
        const char *text;
        int64_t us; /* -1: invalid */
    } cases[] = {
        { "250ms", 250000 },
        { "15s", 15000000 },
        { "5m", 300000000 },
        { "12h", 43200000000 },
        { "90d", 7776000000000 },
        { "7us", 7 },
        { "0", 0 },
        { "0s", 0 },
        { "1 s", 1000000 },
        { "15", -1 },
        { "", -1 },
        { "s", -1 },
        { "-1s", -1 },
        { "1.5s", -1 },
        { "1S", -1 },
        { "1min", -1 },
        { "99999999999999d", -1 },
        { "18446744073709551615us", -1 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t us = -1;
        enum rc rc = conf_duration(str_from(cases[i].text), &us);
        assert_int_equal(rc, cases[i].us < 0 ? RC_INVALID : RC_OK);
        if (rc == RC_OK)
            assert_true(us == cases[i].us);
    }
}

static void sizes_may_have_a_unit(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes; /* -1: invalid */
    } cases[] = {
        { "512", 512 },      { "1B", 1 },         { "16KiB", 16384 },
        { "1MiB", 1048576 }, { "1GiB", 1 << 30 }, { "2TiB", INT64_C(2) << 40 },
        { "0", 0 },          { "1kb", -1 },       { "1KB", -1 },
        { "1M", -1 },        { "", -1 },          { "8388608TiB", -1 },
        { "-1", -1 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t bytes = -1;
        enum rc rc = conf_size(str_from(cases[i].text), &bytes);
        assert_int_equal(rc, cases[i].bytes < 0 ? RC_INVALID : RC_OK);
        if (rc == RC_OK)
            assert_true(bytes == cases[i].bytes);
    }
}

static void numbers_are_said_as_they_are_read(void **state)
{
    static const int64_t numbers[] = { 0,        1,           999,     1000,   1024,
                                       60000000, 86400000000, 1 << 30, 1234567 };
    struct buf out;
    (void)state;
    buf_init(&out, 100);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        int64_t back = -1;
        buf_reset(&out);
        conf_say_number(&out, CONF_KIND_DURATION, numbers[i]);
        assert_int_equal(conf_duration(buf_str(&out), &back), RC_OK);
        assert_true(back == numbers[i]);
        buf_reset(&out);
        conf_say_number(&out, CONF_KIND_SIZE, numbers[i]);
        assert_int_equal(conf_size(buf_str(&out), &back), RC_OK);
        assert_true(back == numbers[i]);
    }
    buf_reset(&out);
    conf_say_number(&out, CONF_KIND_DURATION, 90 * 60 * INT64_C(1000000));
    assert_string_equal(out.ptr, "90m");
    buf_fini(&out);
}

/* The rows of the table are checked, so that a new one cannot break a start. */
static void every_option_is_well_made(void **state)
{
    (void)state;
    for (size_t i = 0; i < conf_option_count; i++) {
        const struct conf_option *o = &conf_options[i];
        char env[CONF_NAME_MAX + 16];
        assert_ptr_equal(conf_option_find(str_from(o->name)), o);
        assert_true(str_find(str_from(o->name), '.') < strlen(o->name));
        assert_true(str_starts(conf_option_env(o, env), STR("GRAPNEL_")));
        assert_true(o->min <= o->max);
        assert_true(str_ends(str_from(o->help), STR(".")));
        if ((o->flags & CONF_SECRET) != 0)
            assert_int_equal(o->kind, CONF_KIND_STRING);
        for (size_t j = 0; j < i; j++) {
            char other[CONF_NAME_MAX + 16];
            assert_false(str_eq(conf_option_env(o, env), conf_option_env(&conf_options[j], other)));
        }
    }
}

static void defaults_are_in_their_fields(void **state)
{
    (void)state;
    struct conf *c = conf_new();
    assert_string_equal(c->listen, "127.0.0.1:8071");
    assert_true(c->deliver_timeout == 15000000);
    assert_true(c->http_body_max == 2 << 20);
    assert_true(c->workers == 8);
    assert_false(c->debug_enabled);
    conf_free(c);
    conf_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_have_a_unit),
        cmocka_unit_test(sizes_may_have_a_unit),
        cmocka_unit_test(numbers_are_said_as_they_are_read),
        cmocka_unit_test(every_option_is_well_made),
        cmocka_unit_test(defaults_are_in_their_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
