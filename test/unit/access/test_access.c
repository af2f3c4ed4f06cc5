/* SPDX-License-Identifier: Apache-2.0
 *
 * Against a real store in a folder of its own.
 */
#include "access/access_priv.h"

#include "world.h"

#include "store/application.h"

enum { S = 1000000 };

static void make_app(void)
{
    struct store_tx *tx = NULL;
    struct store_application app = {
        .org = w.org, .id = STR("app_1"), .name = STR("a"), .metadata = STR("{}")
    };
    assert_int_equal(store_write(w.store, &tx), RC_OK);
    assert_int_equal(store_application_insert(tx, &app), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    w.app = app.num;
}

static int begin(void **state)
{
    (void)state;
    world_begin(8);
    make_app();
    return 0;
}

static struct str make(const struct access_token_spec *spec,
                       char text[static ACCESS_TOKEN_TEXT + 1])
{
    assert_int_equal(access_create(w.access, spec, text, NULL), RC_OK);
    return str_of(text, ACCESS_TOKEN_TEXT);
}

static enum rc load(struct str token)
{
    struct access_identity *id = NULL;
    enum rc rc = access_load(w.access, (struct access_proof){ token, false }, &id, NULL);
    access_identity_unref(id);
    return rc;
}

static enum rc find(struct str token)
{
    struct access_identity *id = NULL;
    enum rc rc = access_find(w.access, (struct access_proof){ token, false }, &id);
    access_identity_unref(id);
    return rc;
}

static void a_token_is_found_in_memory_after_its_first_use(void **state)
{
    (void)state;
    char text[ACCESS_TOKEN_TEXT + 1];
    struct str token = make(&(struct access_token_spec){ .org = w.org, .name = STR("t") }, text);
    assert_true(str_starts(token, STR("gk_")));
    assert_int_equal(find(token), RC_NOT_FOUND);
    assert_int_equal(load(token), RC_OK);
    assert_int_equal(find(token), RC_OK);
    assert_int_equal(find(STR("")), RC_DENIED);
    assert_int_equal(load(STR("gk_0000000000000000000000000000000000000000")), RC_NOT_FOUND);
}

static void what_a_token_may_do_is_kept(void **state)
{
    (void)state;
    char text[ACCESS_TOKEN_TEXT + 1];
    struct access_token_spec spec = { .org = w.org,
                                      .app = w.app,
                                      .read_only = true,
                                      .capabilities = ACCESS_MAY_VIEW | ACCESS_MAY_ATTEMPT,
                                      .feature_flags = STR("[\"beta\"]"),
                                      .session = STR("s1") };
    struct access_identity *id = NULL;
    assert_int_equal(
        access_load(w.access, (struct access_proof){ make(&spec, text), false }, &id, NULL), RC_OK);
    assert_int_equal(id->app, w.app);
    assert_true(str_eq(id->app_id, STR("app_1")));
    assert_true(id->read_only);
    assert_int_equal(id->capabilities, ACCESS_MAY_VIEW | ACCESS_MAY_ATTEMPT);
    assert_true(str_eq(id->feature_flags, STR("[\"beta\"]")));
    assert_true(str_eq(id->session, STR("s1")));
    access_identity_unref(id);
}

static void a_revoked_token_is_refused_at_once(void **state)
{
    (void)state;
    char text[ACCESS_TOKEN_TEXT + 1];
    struct str token = make(&(struct access_token_spec){ .org = w.org, .name = STR("t") }, text);
    struct access_identity *id = NULL;
    assert_int_equal(access_load(w.access, (struct access_proof){ token, false }, &id, NULL),
                     RC_OK);
    assert_int_equal(access_revoke(w.access, id), RC_OK);
    assert_int_equal(find(token), RC_NOT_FOUND);
    assert_int_equal(load(token), RC_NOT_FOUND);
    assert_int_equal(access_revoke(w.access, id), RC_OK);
    access_identity_unref(id);
}

static void a_token_ends_by_its_number_only_for_its_owner(void **state)
{
    (void)state;
    char text[ACCESS_TOKEN_TEXT + 1];
    int64_t num = 0;
    struct access_token_spec spec = { .org = w.org, .name = STR("t") };
    assert_int_equal(access_create(w.access, &spec, text, &num), RC_OK);
    struct str token = str_of(text, ACCESS_TOKEN_TEXT);
    assert_int_equal(load(token), RC_OK);
    assert_int_equal(access_revoke_num(w.access, w.org + 1, num), RC_NOT_FOUND);
    assert_int_equal(load(token), RC_OK);
    assert_int_equal(access_revoke_num(w.access, w.org, num), RC_OK);
    assert_int_equal(load(token), RC_NOT_FOUND);
}

static void a_token_expires_in_memory_too(void **state)
{
    (void)state;
    char text[ACCESS_TOKEN_TEXT + 1];
    struct access_token_spec spec = { .org = w.org, .lifetime_us = 10 * (int64_t)S };
    struct str token = make(&spec, text);
    assert_int_equal(load(token), RC_OK);
    w.clock.now_us += 10 * (int64_t)S;
    assert_int_equal(find(token), RC_DENIED);
    assert_int_equal(load(token), RC_DENIED);
}

static void an_applications_tokens_end_now_or_later(void **state)
{
    (void)state;
    char one_text[ACCESS_TOKEN_TEXT + 1];
    char two_text[ACCESS_TOKEN_TEXT + 1];
    struct access_token_spec spec = { .org = w.org, .app = w.app, .session = STR("one") };
    struct str one = make(&spec, one_text);
    spec.session = STR("two");
    struct str two = make(&spec, two_text);
    assert_int_equal(access_expire_app(w.access, w.app, STR("one"), 0), RC_OK);
    assert_int_equal(load(one), RC_NOT_FOUND);
    assert_int_equal(load(two), RC_OK);
    assert_int_equal(access_expire_app(w.access, w.app, STR_NONE, S), RC_OK);
    assert_int_equal(load(two), RC_OK);
    w.clock.now_us += S;
    assert_int_equal(find(two), RC_DENIED);
}

static int64_t jwt_end(int64_t issued_s)
{
    int64_t at_s = 0;
    struct store_tx *tx = NULL;
    assert_int_equal(store_read(w.store, &tx), RC_OK);
    assert_int_equal(access_jwt_end(tx, w.app, &w.arena, issued_s, &at_s), RC_OK);
    store_end(tx);
    return at_s;
}

static void end_jwts(int64_t now_s, int64_t at_s)
{
    struct store_tx *tx = NULL;
    assert_int_equal(store_write(w.store, &tx), RC_OK);
    assert_int_equal(access_jwt_set_end(tx, w.app, now_s, at_s), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
}

static void jwts_end_when_told_and_never_later_than_they_were_told_before(void **state)
{
    (void)state;
    assert_int_equal(jwt_end(0), INT64_MAX);
    end_jwts(1000, 5000);
    assert_int_equal(jwt_end(1000), 5000);
    assert_int_equal(jwt_end(1001), INT64_MAX);
    end_jwts(2000, 9000);
    assert_int_equal(jwt_end(1000), 5000);
    assert_int_equal(jwt_end(1001), 9000);
    end_jwts(3000, 4000); /* sooner than both */
    assert_int_equal(jwt_end(1000), 4000);
    assert_int_equal(jwt_end(3000), 4000);
    assert_int_equal(jwt_end(3001), INT64_MAX);
    end_jwts(4500, 4500); /* at once */
    assert_int_equal(jwt_end(4500), 0);
    assert_int_equal(jwt_end(4501), INT64_MAX);
    for (int64_t i = 0; i < 200; i++) /* no end of telling */
        end_jwts(5000 + i, 100000 + i);
    assert_int_equal(jwt_end(4500), 0);
    assert_int_equal(jwt_end(5000), 100000);
    assert_in_range(jwt_end(5199), 100000, 100199);
    assert_int_equal(jwt_end(5200), INT64_MAX);
}

static void a_list_of_jwts_ends_that_the_first_release_wrote_is_read(void **state)
{
    (void)state;
    struct store_tx *tx = NULL;
    char name[64];
    (void)snprintf(name, sizeof(name), "jwt_not_before.%lld", (long long)w.app);
    assert_int_equal(store_write(w.store, &tx), RC_OK);
    assert_int_equal(store_setting_set(tx, name, STR("1500")), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    assert_int_equal(jwt_end(1499), 0);
    assert_int_equal(jwt_end(1500), INT64_MAX);
}

static void the_cache_is_bounded_and_keeps_what_is_used(void **state)
{
    (void)state;
    char text[ACCESS_TOKEN_TEXT + 1];
    char first_text[ACCESS_TOKEN_TEXT + 1];
    struct access_token_spec spec = { .org = w.org };
    struct str first = make(&spec, first_text);
    struct str second = make(&spec, text);
    char unused_text[ACCESS_TOKEN_TEXT + 1];
    memcpy(unused_text, text, sizeof(text));
    assert_int_equal(load(first), RC_OK);
    assert_int_equal(load(second), RC_OK);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(load(make(&spec, text)), RC_OK);
        assert_int_equal(find(first), RC_OK);
    }
    assert_int_equal(find(str_of(unused_text, ACCESS_TOKEN_TEXT)), RC_NOT_FOUND);
}

static void a_deleted_applications_token_is_refused(void **state)
{
    (void)state;
    char text[ACCESS_TOKEN_TEXT + 1];
    struct str token = make(&(struct access_token_spec){ .org = w.org, .app = w.app }, text);
    struct store_tx *tx = NULL;
    assert_int_equal(load(token), RC_OK);
    assert_int_equal(store_write(w.store, &tx), RC_OK);
    assert_int_equal(store_application_delete(tx, w.app, 1), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    assert_int_equal(load(token), RC_NOT_FOUND);
}

/* Only texts of our own form, and JWTs that are signed as they should be, are worth asking for. */
static void what_another_cell_may_know_is_not_wrong_but_unknown(void **state)
{
    (void)state;
    char text[ACCESS_TOKEN_TEXT + 1];
    struct str token = make(&(struct access_token_spec){ .org = w.org }, text);
    struct store_sought sought;
    struct store_tx *tx = NULL;
    assert_true(access_sought(w.access, (struct access_proof){ token, false }, &w.arena, &sought));
    assert_int_equal(sought.kind, STORE_SOUGHT_TOKEN);
    assert_int_equal(load(STR("gk_00000000000000000000000000000000000000-0")), RC_DENIED);
    assert_false(
        access_sought(w.access, (struct access_proof){ STR("gk_0"), false }, &w.arena, &sought));
    assert_int_equal(load(token), RC_OK);
    assert_int_equal(store_write(w.store, &tx), RC_OK);
    assert_int_equal(store_org_set_moving(tx, w.org, STR("gone:berlin")), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    assert_int_equal(load(token), RC_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_token_is_found_in_memory_after_its_first_use, begin,
                                        world_end),
        cmocka_unit_test_setup_teardown(what_a_token_may_do_is_kept, begin, world_end),
        cmocka_unit_test_setup_teardown(a_revoked_token_is_refused_at_once, begin, world_end),
        cmocka_unit_test_setup_teardown(a_token_ends_by_its_number_only_for_its_owner, begin,
                                        world_end),
        cmocka_unit_test_setup_teardown(a_token_expires_in_memory_too, begin, world_end),
        cmocka_unit_test_setup_teardown(
            jwts_end_when_told_and_never_later_than_they_were_told_before, begin, world_end),
        cmocka_unit_test_setup_teardown(a_list_of_jwts_ends_that_the_first_release_wrote_is_read,
                                        begin, world_end),
        cmocka_unit_test_setup_teardown(an_applications_tokens_end_now_or_later, begin, world_end),
        cmocka_unit_test_setup_teardown(the_cache_is_bounded_and_keeps_what_is_used, begin,
                                        world_end),
        cmocka_unit_test_setup_teardown(a_deleted_applications_token_is_refused, begin, world_end),
        cmocka_unit_test_setup_teardown(what_another_cell_may_know_is_not_wrong_but_unknown, begin,
                                        world_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
