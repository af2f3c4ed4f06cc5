/* SPDX-License-Identifier: Apache-2.0 */
#include "core/app_priv.h"
#include "core/endpoint_priv.h"
#include "core/match.h"

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
static struct core_endpoint endpoints[] = {
    { ._refs = 1, .fresh_until_us = INT64_MAX, .num = 1 },
    { ._refs = 1, .fresh_until_us = INT64_MAX, .num = 2, .disabled = true },
    { ._refs = 1,
      .fresh_until_us = INT64_MAX,
      .num = 3,
      .event_types = few_types,
      .event_type_count = COUNT_OF(few_types) },
    { ._refs = 1,
      .fresh_until_us = INT64_MAX,
      .num = 4,
      .channels = blue_red,
      .channel_count = COUNT_OF(blue_red) },
    { ._refs = 1,
      .fresh_until_us = INT64_MAX,
      .num = 5,
      .event_types = few_types,
      .event_type_count = 0 },
};
static struct core_app *app;

static void expect(const char *type, const struct str *channels, size_t channel_count,
                   const char *wanted)
{
    int64_t found[COUNT_OF(endpoints)];
    char text[32] = "";
    size_t count = core_match(app, str_from(type), channels, channel_count, found, COUNT_OF(found));
    for (size_t i = 0; i < count; i++) {
        text[i] = (char)('0' + found[i]);
        text[i + 1] = '\0';
    }
    assert_string_equal(text, wanted);
    for (size_t i = 0; i < app->endpoint_count; i++) {
        const struct core_endpoint *ep = core_app_endpoint_at(app, i);
        bool is_found = strchr(wanted, (int)('0' + ep->num)) != NULL;
        assert_int_equal(core_match_one(ep, str_from(type), channels, channel_count), is_found);
    }
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
    assert_int_equal(core_match(app, STR("user.made"), red, 1, found, 2), 2);
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
    assert_int_equal(core_match_bound(app, STR("zebra"), NULL, 0), 1);
    assert_int_equal(core_match_bound(app, STR("user.made"), NULL, 0), 2);
    assert_int_equal(core_match_bound(app, STR("user.made"), red, 1), 3);
}

static void finds_an_endpoint_by_number(void **state)
{
    (void)state;
    for (int64_t num = 1; num <= 5; num++)
        assert_ptr_equal(core_app_endpoint(app, num), &endpoints[num - 1]);
    assert_null(core_app_endpoint(app, 0));
    assert_null(core_app_endpoint(app, 6));
    for (size_t i = 0; i < COUNT_OF(endpoints); i++)
        assert_ptr_equal(core_app_endpoint_at(app, i), &endpoints[i]);
}

static void a_changed_endpoint_stands_where_it_belongs_and_the_view_before_is_as_it_was(
    void **state)
{
    (void)state;
    static struct core_endpoint enabled = {
        ._refs = 1, .fresh_until_us = 77, .num = 2, .has_filter = true
    };
    static struct core_endpoint fewer = { ._refs = 1,
                                          .fresh_until_us = INT64_MAX,
                                          .num = 3,
                                          .event_types = few_types,
                                          .event_type_count = 1 };
    static struct core_endpoint disabled = {
        ._refs = 1, .fresh_until_us = INT64_MAX, .num = 4, .disabled = true
    };
    struct core_app *before = app;
    app = core_app_new();
    core_app_describe(app, before);
    core_app_take_endpoints(app, before);
    core_app_put(app, &enabled);
    core_app_put(app, &fewer);
    core_app_put(app, &disabled);
    core_app_remove(app, 5);
    core_app_remove(app, 6);
    assert_int_equal(app->endpoint_count, 4);
    assert_int_equal(app->fresh_until_us, 77);
    assert_true(app->has_filters);
    expect("invoice.paid", red, 1, "123");
    expect("user.made", red, 1, "12");
    core_app_put(app, &endpoints[1]);
    assert_true(app->fresh_until_us == INT64_MAX && !app->has_filters);
    core_app_unref(app);
    app = before;
    assert_int_equal(app->endpoint_count, 5);
    expect("user.made", red, 1, "134");
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
        cmocka_unit_test(
            a_changed_endpoint_stands_where_it_belongs_and_the_view_before_is_as_it_was),
    };
    app = core_app_new();
    for (size_t i = 0; i < COUNT_OF(endpoints); i++)
        core_app_put(app, &endpoints[i]);
    int failed = cmocka_run_group_tests_name("match", tests, NULL, NULL);
    core_app_unref(app);
    return failed;
}
