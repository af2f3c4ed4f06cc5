/* SPDX-License-Identifier: Apache-2.0 */
#include "core/options.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct str here = { "https://a.example/x", 19 };

static json_t *options_with(const char *url)
{
    char proof[CORE_PROOF_LEN + 1];
    core_handshake_proof(STR("ping"), str_from(url), proof);
    return json_pack("{s:{s:s, s:s, s:i}}", "handshake", "kind", "ping", "proof", proof,
                     "allowedPerMinute", 30);
}

static struct core_endpoint read_it(const json_t *options)
{
    struct core_endpoint ep = { .url = here };
    core_endpoint_read_handshake(options, &ep);
    return ep;
}

static void a_proof_stands_for_its_url_and_kind_only(void **state)
{
    (void)state;
    json_t *options = options_with("https://a.example/x");
    assert_true(core_handshake_stands(options, here));
    assert_false(core_handshake_stands(options, STR("https://a.example/y")));
    json_object_set_new(json_object_get(options, "handshake"), "kind", json_string("websub"));
    assert_false(core_handshake_stands(options, here));
    json_object_del(json_object_get(options, "handshake"), "proof");
    assert_false(core_handshake_stands(options, here));
    json_object_del(options, "handshake");
    assert_true(core_handshake_stands(options, here));
    json_decref(options);
}

static void an_unverified_endpoint_counts_as_disabled_and_a_verified_one_keeps_the_allowed_rate(
    void **state)
{
    (void)state;
    json_t *other = options_with("https://elsewhere.example/");
    json_t *same = options_with("https://a.example/x");
    assert_true(read_it(other).disabled);
    struct core_endpoint ep = read_it(same);
    assert_false(ep.disabled);
    assert_int_equal(ep.gap_us, 2000000);
    json_decref(other);
    json_decref(same);
}

static void sealed_options_that_do_not_open_are_an_error_and_never_an_empty_object(void **state)
{
    (void)state;
    struct arena a;
    struct sign_vault *vault = NULL, *other = NULL;
    struct store_endpoint row = { .id = STR("ep_1") };
    json_t *options = NULL;
    arena_init(&a);
    assert_int_equal(sign_vault_new(STR("a main secret of some length"), &vault), RC_OK);
    assert_int_equal(sign_vault_new(STR("another secret of some length"), &other), RC_OK);
    assert_int_equal(core_options_open(vault, &a, &row, &options), RC_OK);
    assert_int_equal(json_object_size(options), 0);
    assert_int_equal(json_object_set_new(options, "schemeSecret", json_string("between us")), 0);
    assert_int_equal(core_options_seal(vault, &a, options, &row), RC_OK);
    json_decref(options);
    assert_int_equal(core_options_open(other, &a, &row, &options), RC_CORRUPT);
    assert_null(options);
    assert_int_equal(core_options_open(vault, &a, &row, &options), RC_OK);
    assert_string_equal(json_string_value(json_object_get(options, "schemeSecret")), "between us");
    json_object_clear(options);
    assert_int_equal(core_options_seal(vault, &a, options, &row), RC_OK);
    assert_null(row.options_sealed.ptr);
    json_decref(options);
    sign_vault_free(vault);
    sign_vault_free(other);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proof_stands_for_its_url_and_kind_only),
        cmocka_unit_test(
            an_unverified_endpoint_counts_as_disabled_and_a_verified_one_keeps_the_allowed_rate),
        cmocka_unit_test(sealed_options_that_do_not_open_are_an_error_and_never_an_empty_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
