/* SPDX-License-Identifier: Apache-2.0
 *
 * An endpoint's row and the credentials of its URL, whatever the kind.
 */
#include "dest/url.h"

#include "core/options.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena arena;
static struct sign_vault *vault;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
    return sign_vault_new(STR("a main secret of some length"), &vault) == RC_OK ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    sign_vault_free(vault);
    arena_fini(&arena);
    return 0;
}

static void put(struct store_endpoint *row, const char *url)
{
    assert_int_equal(dest_url_set(vault, &arena, str_from(url), row), RC_OK);
}

/* The opened options. */
static struct str sealed_of(const struct store_endpoint *row)
{
    json_t *options = NULL;
    assert_int_equal(core_options_open(vault, &arena, row, &options), RC_OK);
    struct str text = json_text(&arena, options);
    json_decref(options);
    return text;
}

static void credentials_leave_the_url_and_stay_with_the_same_target(void **state)
{
    (void)state;
    struct store_endpoint row = { .id = STR("ep_1") };
    put(&row, "https://me:pw@a.example/");
    assert_true(str_eq(row.kind, STR("http")) && str_eq(row.url, STR("https://a.example/")));
    assert_true(str_eq(sealed_of(&row), STR("{\"http\":{\"userinfo\":\"me:pw\"}}")));
    put(&row, "https://a.example/");
    assert_true(str_eq(sealed_of(&row), STR("{\"http\":{\"userinfo\":\"me:pw\"}}")));
    put(&row, "https://@a.example/");
    assert_null(row.options_sealed.ptr);
    put(&row, "amqp://me:p%20w@b.example/v");
    assert_true(str_eq(row.kind, STR("amqp")) && str_eq(row.url, STR("amqp://b.example/v")));
    assert_true(str_eq(sealed_of(&row), STR("{\"amqp\":{\"user\":\"me\",\"password\":\"p w\"}}")));
    put(&row, "amqp://b.example/v");
    assert_non_null(row.options_sealed.ptr);
    put(&row, "amqp://b.example/other");
    assert_null(row.options_sealed.ptr);
}

static void another_target_never_gets_the_credentials_of_the_one_before(void **state)
{
    (void)state;
    struct store_endpoint row = { .id = STR("ep_1") };
    put(&row, "amqps://me:pw@a.example");
    put(&row, "https://a.example/");
    assert_null(row.options_sealed.ptr);
    put(&row, "https://me:pw@a.example/");
    put(&row, "amqps://a.example");
    assert_null(row.options_sealed.ptr);
}

static void what_else_is_sealed_stays_and_a_seal_that_does_not_open_is_an_error(void **state)
{
    (void)state;
    struct store_endpoint row = { .id = STR("ep_1") };
    json_t *options = json_pack("{s:s}", "schemeSecret", "between us");
    assert_int_equal(core_options_seal(vault, &arena, options, &row), RC_OK);
    json_decref(options);
    put(&row, "https://me:pw@a.example/");
    put(&row, "amqp://a.example/");
    assert_true(str_eq(sealed_of(&row), STR("{\"schemeSecret\":\"between us\"}")));
    row.id = STR("ep_2"); /* the seal is of another endpoint */
    struct str before = row.options_sealed;
    assert_int_equal(dest_url_set(vault, &arena, STR("https://u:p@b.example/"), &row), RC_CORRUPT);
    assert_true(str_eq(row.options_sealed, before));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(credentials_leave_the_url_and_stay_with_the_same_target),
        TEST(another_target_never_gets_the_credentials_of_the_one_before),
        TEST(what_else_is_sealed_stays_and_a_seal_that_does_not_open_is_an_error),
    };
    return cmocka_run_group_tests_name("dest-url", tests, NULL, NULL);
}
