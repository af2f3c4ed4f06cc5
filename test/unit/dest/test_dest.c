/* SPDX-License-Identifier: Apache-2.0
 *
 * What every kind and every envelope has to have, and what endpoints are compiled to.
 */
#include "dialect/dialect.h"
#include "tables/foreign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct core_endpoint compile(const char *kind, const char *url, const char *options,
                                    const char *sealed)
{
    const struct core_targets t = dest_targets(dialect_envelopes);
    struct core_endpoint ep = { .id = STR("ep_1"), .url = str_from(url) };
    json_t *object = NULL;
    if (options != NULL)
        assert_int_equal(json_parse(str_from(options), &object, NULL), RC_OK);
    if (sealed != NULL)
        ep.options_sealed = str_from(sealed);
    t.compile(t.ctx, &arena, str_from(kind), object, NULL, &ep);
    json_decref(object);
    return ep;
}

static void every_kind_is_found_by_its_name_and_its_urls_and_can_deliver(void **state)
{
    (void)state;
    for (size_t i = 0; i < DEST_COUNT; i++) {
        const struct dest_kind *k = dest_kinds[i];
        assert_int_equal(k->id, i);
        assert_ptr_equal(dest_find(str_from(k->name)), k);
        assert_true(k->pipeline > 0 && k->url_words != NULL);
        assert_true(k->read_url != NULL && k->compile != NULL);
        assert_true(k->start != NULL && k->cancel != NULL);
        assert_true((k->pool_new == NULL) == (k->pool_free == NULL));
        assert_non_null(k->client_new);
        assert_true((k->state_init == NULL) == (k->state_fini == NULL));
        for (const char *const *s = k->schemes; *s != NULL; s++) {
            char url[64];
            struct dest_url read;
            (void)snprintf(url, sizeof(url), "%s://a.example", *s);
            assert_ptr_equal(dest_of_url(str_from(url)), k);
            assert_int_equal(k->read_url(str_from(url), &arena, &read, NULL), RC_OK);
            assert_int_equal(read.is_tls, s == k->schemes); /* encrypted ones stand first */
        }
    }
    assert_ptr_equal(dest_find(STR_NONE), dest_kinds[DEST_HTTP]); /* of old rows */
    assert_null(dest_find(STR("pigeon")));
    assert_ptr_equal(dest_of_url(STR("pigeon://a.example")), dest_kinds[DEST_HTTP]);
    assert_ptr_equal(dest_of_url(STR("amqp:")), dest_kinds[DEST_HTTP]);
}

static void an_endpoint_of_no_kind_or_with_broken_settings_has_none_and_so_is_never_sent_to(
    void **state)
{
    (void)state;
    struct core_endpoint none = compile("pigeon", "pigeon://a.example", NULL, NULL);
    assert_true(none.kind == NULL && none.settings == NULL);
    assert_non_null(compile("amqp", "amqp://a.example", NULL, NULL).settings);
    struct core_endpoint broken =
        compile("amqp", "amqp://a.example", "{\"amqp\":{\"exchange\":7}}", NULL);
    assert_ptr_equal(broken.kind, dest_kinds[DEST_AMQP]);
    assert_null(broken.settings);
    assert_null(compile("http", "https://", NULL, NULL).settings);
}

static void a_view_shows_a_url_without_the_credentials_it_sends(void **state)
{
    (void)state;
    struct core_endpoint ep =
        compile("", "https://a.example/x", NULL, "{\"http\":{\"userinfo\":\"me:pw\"}}");
    assert_true(str_eq(ep.shown_url, STR("https://a.example/x")));
    assert_true(str_eq(ep.url, STR("https://me:pw@a.example/x")));
}

static void a_header_that_only_an_envelope_may_send_is_reserved_for_every_endpoint(void **state)
{
    (void)state;
    const struct core_targets with = dest_targets(dialect_envelopes), without = dest_targets(NULL);
    assert_true(with.is_reserved(with.ctx, "Preservica-SIGNATURE"));
    assert_false(with.is_reserved(with.ctx, "X-Own"));
    assert_false(without.is_reserved(without.ctx, "preservica-signature"));
}

static void envelopes_are_named_by_the_option_that_asks_for_them(void **state)
{
    (void)state;
    struct buf words;
    buf_init(&words, 100);
    dest_envelope_values(dialect_envelopes, "scheme", &words);
    assert_string_equal(words.ptr, ", preservica");
    buf_fini(&words);
    assert_true(dest_envelope_has(dialect_envelopes, "encoding", STR("form")));
    assert_false(dest_envelope_has(dialect_envelopes, "encoding", STR("preservica")));
    for (const struct dest_envelope *const *e = dialect_envelopes; *e != NULL; e++)
        assert_true((*e)->option != NULL && (*e)->body != NULL && (*e)->unfit != NULL);
}

static bool is_told(const char *words, const char *name)
{
    return strstr(words, name) != NULL;
}

static void the_documents_tell_of_every_scheme_and_every_handshake(void **state)
{
    (void)state;
    for (const struct dest_envelope *const *e = dialect_envelopes; *e != NULL; e++)
        if (strcmp((*e)->option, "scheme") == 0)
            assert_true(is_told(FOREIGN_SCHEMES, (*e)->value));
    for (const struct deliver_handshake_kind *const *k = dialect_handshakes; *k != NULL; k++)
        assert_true(is_told(FOREIGN_HANDSHAKES, (*k)->name));
}

static void kinds_with_settings_are_those_that_the_documents_give_a_member(void **state)
{
    (void)state;
    static const char *const members[] = {
#define DEST_SETTINGS(name, text) #name,
#include "dest/kinds.def"
        NULL
    };
    size_t count = 0;
    for (size_t i = 0; i < DEST_COUNT; i++) {
        if (dest_kinds[i]->check == NULL)
            continue;
        assert_non_null(members[count]);
        assert_string_equal(members[count++], dest_kinds[i]->name);
    }
    assert_null(members[count]);
}

static struct dest_wrapping wrapping_of(const char *options, const char *sealed,
                                        const struct sign_key *key)
{
    struct dest_wrapping w;
    json_t *o = NULL, *s = NULL;
    assert_int_equal(json_parse(str_from(options), &o, NULL), RC_OK);
    assert_int_equal(json_parse(str_from(sealed), &s, NULL), RC_OK);
    dest_wrapping_read(&arena,
                       &(struct dest_source){
                           .options = o, .sealed = s, .key = key, .envelopes = dialect_envelopes },
                       &w);
    json_decref(o);
    json_decref(s);
    return w;
}

static void a_scheme_signs_with_its_own_secret_or_else_the_endpoints_and_never_without(void **state)
{
    (void)state;
    static const char *const scheme = "{\"scheme\":\"preservica\"}";
    struct sign_key key;
    assert_int_equal(
        sign_key_parse(STR("whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA=="), &key, NULL), RC_OK);
    assert_false(wrapping_of(scheme, "{}", &key).lacks_key);
    assert_false(wrapping_of(scheme, "{\"schemeSecret\":\"between us\"}", NULL).lacks_key);
    assert_true(wrapping_of(scheme, "{}", NULL).lacks_key);
    assert_false(wrapping_of("{}", "{}", NULL).lacks_key);
}

static void one_envelope_that_stands_alone_takes_no_other_around_it(void **state)
{
    (void)state;
    struct dest_wrapping w =
        wrapping_of("{\"scheme\":\"preservica\",\"ckan\":{},\"encoding\":\"form\"}", "{}", NULL);
    assert_int_equal(w.count, 1);
    assert_true(w.is_chunked && !w.is_personal && w.content_type.ptr == NULL);
    w = wrapping_of("{\"ckan\":{},\"encoding\":\"form\"}", "{}", NULL);
    assert_int_equal(w.count, 2);
    assert_ptr_equal(w.wraps[1].row, &dest_envelope_form);
    assert_true(w.is_personal);
    assert_int_equal(wrapping_of("{\"scheme\":\"standard\",\"ckan\":7}", "{}", NULL).count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind_is_found_by_its_name_and_its_urls_and_can_deliver),
        TEST(an_endpoint_of_no_kind_or_with_broken_settings_has_none_and_so_is_never_sent_to),
        TEST(a_view_shows_a_url_without_the_credentials_it_sends),
        TEST(a_header_that_only_an_envelope_may_send_is_reserved_for_every_endpoint),
        TEST(envelopes_are_named_by_the_option_that_asks_for_them),
        TEST(the_documents_tell_of_every_scheme_and_every_handshake),
        TEST(kinds_with_settings_are_those_that_the_documents_give_a_member),
        TEST(a_scheme_signs_with_its_own_secret_or_else_the_endpoints_and_never_without),
        TEST(one_envelope_that_stands_alone_takes_no_other_around_it),
    };
    return cmocka_run_group_tests_name("dest", tests, NULL, NULL);
}
