/* SPDX-License-Identifier: Apache-2.0 */
#include "core/view_priv.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TEXT(literal) \
    { \
        literal, sizeof(literal) - 1 \
    }

static const struct str few_types[] = { TEXT("invoice.paid"), TEXT("invoice.sent"),
                                        TEXT("user.made") };
static const struct str red[] = { TEXT("red") };
static const struct str blue_red[] = { TEXT("blue"), TEXT("red") };
static const struct core_endpoint endpoints[] = {
    { .num = 1 },
    { .num = 2, .disabled = true },
    { .num = 3, .event_types = few_types, .event_type_count = COUNT_OF(few_types) },
    { .num = 4, .channels = blue_red, .channel_count = COUNT_OF(blue_red) },
    { .num = 5, .event_types = few_types, .event_type_count = 0 },
};
static struct core_app app = { .endpoints = endpoints, .endpoint_count = COUNT_OF(endpoints) };

static void expect(const char *type, const struct str *channels, size_t channel_count,
                   const char *wanted)
{
    int64_t found[COUNT_OF(endpoints)];
    char text[32] = "";
    size_t count =
        core_match(&app, str_from(type), channels, channel_count, found, COUNT_OF(found));
    for (size_t i = 0; i < count; i++) {
        text[i] = (char)('0' + found[i]);
        text[i + 1] = '\0';
    }
    assert_string_equal(text, wanted);
}

static void takes_every_type_without_a_filter_and_only_listed_ones_with_one(void **state)
{
    (void)state;
    expect("invoice.paid", NULL, 0, "13");
    expect("invoice.sent", NULL, 0, "13");
    expect("user.made", NULL, 0, "13");
    expect("invoice", NULL, 0, "1");
    expect("invoice.paidx", NULL, 0, "1");
    expect("zebra", NULL, 0, "1");
    expect("", NULL, 0, "1");
}

static void wants_a_channel_in_common_where_the_endpoint_has_channels(void **state)
{
    (void)state;
    static const struct str green[] = { TEXT("green") };
    expect("zebra", red, 1, "14");
    expect("zebra", green, 1, "1");
    expect("user.made", blue_red, 2, "134");
}

static void stops_at_the_room_given(void **state)
{
    (void)state;
    int64_t found[2] = { 0 };
    assert_int_equal(core_match(&app, STR("user.made"), red, 1, found, 2), 2);
    assert_int_equal(found[1], 3);
}

static void names_an_endpoint_once_however_many_channels_it_shares(void **state)
{
    (void)state;
    static const struct str twice[] = { TEXT("blue"), TEXT("red"), TEXT("blue") };
    expect("zebra", twice, COUNT_OF(twice), "14");
}

static void bounds_the_number_of_matches_by_who_asks(void **state)
{
    (void)state;
    assert_int_equal(core_match_bound(&app, STR("zebra"), NULL, 0), 1);
    assert_int_equal(core_match_bound(&app, STR("user.made"), NULL, 0), 2);
    assert_int_equal(core_match_bound(&app, STR("user.made"), red, 1), 3);
}

static void finds_an_endpoint_by_number(void **state)
{
    (void)state;
    for (int64_t num = 1; num <= 5; num++)
        assert_ptr_equal(core_app_endpoint(&app, num), &endpoints[num - 1]);
    assert_null(core_app_endpoint(&app, 0));
    assert_null(core_app_endpoint(&app, 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_an_endpoint_once_however_many_channels_it_shares),
        cmocka_unit_test(bounds_the_number_of_matches_by_who_asks),
        cmocka_unit_test(takes_every_type_without_a_filter_and_only_listed_ones_with_one),
        cmocka_unit_test(wants_a_channel_in_common_where_the_endpoint_has_channels),
        cmocka_unit_test(stops_at_the_room_given),
        cmocka_unit_test(finds_an_endpoint_by_number),
    };
    arena_init(&app._arena);
    core_view_index(&app);
    int failed = cmocka_run_group_tests_name("match", tests, NULL, NULL);
    arena_fini(&app._arena);
    return failed;
}
