/* SPDX-License-Identifier: Apache-2.0 */
#include "test_base.h"

static const int64_t S = 1000000;

static void formats_utc_with_six_digits(void **state)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        { 0, "1970-01-01T00:00:00.000000Z" },
        { -1, "1969-12-31T23:59:59.999999Z" },
        { INT64_C(1767323045678901), "2026-01-02T03:04:05.678901Z" },
        { INT64_C(951782400000000), "2000-02-29T00:00:00.000000Z" },
        { INT64_C(4107542399000000), "2100-02-28T23:59:59.000000Z" },
        { INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z" },
        { INT64_MAX, "9999-12-31T23:59:59.999999Z" },
        { INT64_MIN, "0000-01-01T00:00:00.000000Z" },
    };
    char text[TIME_TEXT_LEN + 1];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        time_format(cases[i].us, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void parses_rfc_3339(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1970-01-01t00:00:01z", 1000000 },
        { "1970-01-01T00:00:00.1Z", 100000 },
        { "1970-01-01T00:00:00.123456789Z", 123456 },
        { "1970-01-01T01:30:00+01:30", 0 },
        { "1969-12-31T23:00:00-01:00", 0 },
        { "1969-12-31T23:59:60Z", 0 }, /* a leap second is the first of what follows */
        { "2026-01-02T03:04:05.678901Z", INT64_C(1767323045678901) },
        { "2024-02-29T00:00:00Z", INT64_C(1709164800000000) },
        { "0000-01-01T00:00:00Z", INT64_C(-62167219200000000) },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t us = 99;
        assert_rc(time_parse(str_from(cases[i].text), &us), RC_OK);
        assert_true(us == cases[i].us);
    }
}

static void refuses_all_else(void **state)
{
    static const char *const cases[] = {
        "",
        "2026",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-01-02 03:04:05Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567890Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+00:60",
        "2026-01-01T00:00:00+0000",
        "2026-01-01T00:00:00Zx",
        "+026-01-01T00:00:00Z",
        "2026-1-1T0:0:0Z",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t us = 99;
        assert_rc(time_parse(str_from(cases[i]), &us), RC_INVALID);
        assert_true(us == 99);
    }
}

static void every_day_of_400_years_comes_back(void **state)
{
    char text[TIME_TEXT_LEN + 1];
    (void)state;
    for (int64_t day = -100000; day < 50000; day++) {
        int64_t us = day * 86400 * S + 1234567;
        int64_t back = 0;
        time_format(us, text);
        assert_rc(time_parse(str_from(text), &back), RC_OK);
        assert_true(back == us);
    }
}

static void parses_the_three_http_dates(void **state)
{
    static const char *const same[] = {
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    };
    static const char *const wrong[] = {
        "",
        "Sun",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Xxx, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nob 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sunmorn, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 ",
    };
    int64_t us = 0;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        us = 0;
        assert_rc(time_parse_http(str_from(same[i]), &us), RC_OK);
        assert_true(us == 784111777 * S);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_rc(time_parse_http(str_from(wrong[i]), &us), RC_INVALID);
    assert_rc(time_parse_http(STR("Wednesday, 01-Jan-69 00:00:00 GMT"), &us), RC_OK);
    assert_true(us == INT64_C(3124224000) * S); /* 2069 */
}

static void reads_dates_as_people_write_them(void **state)
{
    static const char *const same[] = {
        "2026-01-02T03:04:00Z",      "2026-01-02 03:04:00Z",      "2026-01-02T03:04Z",
        "2026-01-02 03:04:00 UTC",   "2026-01-02 03:04 utc",      "2026-01-02T04:04:00+01:00",
        "2026-01-02T04:04:00 01:00", "2026-01-02 04:04:00 +0100", "2026-01-02 02:04:00-01:00",
        " 2026-01-02t03:04:00.000z",
    };
    static const char *const wrong[] = {
        "",
        "2026-01-02",
        "2026-01-02T03:04",
        "2026-01-02T03:04:00",
        "2026-01-02T03:04:0Z",
        "2026-01-02T03:04:00 soon",
        "2026-01-02T03:04:00+25:00",
        "2026-02-30T03:04:00Z",
        "2026-01-02T03:04:00ZZ",
    };
    int64_t want, us;
    (void)state;
    assert_rc(time_parse(STR("2026-01-02T03:04:00Z"), &want), RC_OK);
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        assert_rc(time_parse_relaxed(str_from(same[i]), &us), RC_OK);
        assert_true(us == want);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_rc(time_parse_relaxed(str_from(wrong[i]), &us), RC_INVALID);
}

static void clocks_go_as_they_should(void **state)
{
    struct clock_fake fake;
    (void)state;
    int64_t before = clock_mono_us(clock_system());
    assert_true(clock_mono_us(clock_system()) >= before);
    assert_true(clock_wall_us(clock_system()) > INT64_C(1700000000) * S);
    clock_fake_init(&fake, 5);
    assert_int_equal(clock_wall_us(&fake.clock), 5);
    fake.now_us = 7;
    assert_int_equal(clock_wall_us(&fake.clock), 7);
    assert_int_equal(clock_mono_us(&fake.clock), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_utc_with_six_digits),
        cmocka_unit_test(parses_rfc_3339),
        cmocka_unit_test(refuses_all_else),
        cmocka_unit_test(every_day_of_400_years_comes_back),
        cmocka_unit_test(parses_the_three_http_dates),
        cmocka_unit_test(reads_dates_as_people_write_them),
        cmocka_unit_test(clocks_go_as_they_should),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
