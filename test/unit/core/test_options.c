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

static struct core_endpoint read_it(const json_t *options, const char *sealed, struct arena *a)
{
    struct sign_key key;
    struct core_endpoint ep = { .url = here };
    if (sealed != NULL)
        ep.options_sealed = str_from(sealed);
    assert_int_equal(
        sign_key_parse(STR("whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA=="), &key, NULL), RC_OK);
    core_endpoint_read_scheme(a, options, &key, &ep);
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
    struct arena a;
    arena_init(&a);
    json_t *other = options_with("https://elsewhere.example/");
    json_t *same = options_with("https://a.example/x");
    assert_true(read_it(other, NULL, &a).disabled);
    struct core_endpoint ep = read_it(same, NULL, &a);
    assert_false(ep.disabled);
    assert_int_equal(ep.gap_us, 2000000);
    assert_int_equal(ep.scheme, CORE_SCHEME_STANDARD);
    json_decref(other);
    json_decref(same);
    arena_fini(&a);
}

static void a_scheme_signs_with_its_own_secret_or_else_the_endpoints(void **state)
{
    (void)state;
    static struct core_endpoint own, shared; /* wiped with the arena */
    struct arena a;
    arena_init(&a);
    json_t *options = json_pack("{s:s, s:b}", "scheme", "preservica", "includeIdentifiers", 0);
    struct sign_key key;
    assert_int_equal(
        sign_key_parse(STR("whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA=="), &key, NULL), RC_OK);
    own.options_sealed = STR("{\"schemeSecret\":\"between us\"}");
    core_endpoint_read_scheme(&a, options, &key, &own);
    core_endpoint_read_scheme(&a, options, &key, &shared);
    assert_int_equal(own.scheme, CORE_SCHEME_PRESERVICA);
    assert_false(own.includes_identifiers);
    assert_true(str_eq(own.scheme_key, STR("between us")));
    assert_true(str_eq(shared.scheme_key, STR("whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA==")));
    json_decref(options);
    arena_fini(&a);
}

struct looked {
    struct str at;
    bool is_wiped;
};

/* Registered before the secret was kept, so it runs after its wiping, while the memory is still there. */
static void look(void *arg)
{
    struct looked *looked = arg;
    looked->is_wiped = true;
    for (size_t i = 0; i < looked->at.len; i++)
        looked->is_wiped = looked->is_wiped && looked->at.ptr[i] == '\0';
}

static void a_kept_secret_is_wiped_when_its_arena_ends(void **state)
{
    (void)state;
    struct looked looked = { 0 };
    struct arena a;
    arena_init(&a);
    arena_defer(&a, look, &looked);
    looked.at = core_keep_secret(&a, STR("between us"));
    assert_true(str_eq(looked.at, STR("between us")));
    assert_int_equal(core_keep_secret(&a, STR_NONE).len, 0);
    arena_fini(&a);
    assert_true(looked.is_wiped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proof_stands_for_its_url_and_kind_only),
        cmocka_unit_test(
            an_unverified_endpoint_counts_as_disabled_and_a_verified_one_keeps_the_allowed_rate),
        cmocka_unit_test(a_scheme_signs_with_its_own_secret_or_else_the_endpoints),
        cmocka_unit_test(a_kept_secret_is_wiped_when_its_arena_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
