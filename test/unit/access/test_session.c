/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions and codes against a real store in a folder of its own, on a clock that the test sets.
 */
#include "access/session.h"

#include "world.h"

#define HOUR (INT64_C(3600) * 1000000)

static int begin(void **state)
{
    (void)state;
    world_begin(1000);
    return 0;
}

static int64_t make_token(int64_t lifetime_us)
{
    char text[ACCESS_TOKEN_TEXT + 1];
    int64_t num = 0;
    struct access_token_spec spec = { .org = w.org, .name = STR("t"), .lifetime_us = lifetime_us };
    assert_int_equal(access_create(w.access, &spec, text, &num), RC_OK);
    return num;
}

static struct str open_session(int64_t parent)
{
    char text[ACCESS_TOKEN_TEXT + 1];
    struct access_session_of of = { .org = w.org, .name = STR("s"), .parent = parent };
    assert_int_equal(access_session_open(w.access, &of, text), RC_OK);
    return arena_str(&w.arena, str_of(text, ACCESS_TOKEN_TEXT));
}

static bool is_good(struct str text, bool is_session)
{
    struct access_identity *id = NULL;
    enum rc rc = access_load(w.access, (struct access_proof){ text, is_session }, &id, NULL);
    access_identity_unref(id);
    assert_true(rc == RC_OK || rc == RC_DENIED || rc == RC_NOT_FOUND);
    return rc == RC_OK;
}

static void use(struct str text)
{
    struct access_identity *id = NULL;
    assert_int_equal(access_load(w.access, (struct access_proof){ text, true }, &id, NULL), RC_OK);
    access_session_touch(w.access, id);
    access_identity_unref(id);
}

static void a_session_is_no_bearer_and_a_token_no_session(void **state)
{
    (void)state;
    char token[ACCESS_TOKEN_TEXT + 1];
    struct str session = open_session(0);
    struct access_token_spec spec = { .org = w.org, .name = STR("t") };
    assert_int_equal(access_create(w.access, &spec, token, NULL), RC_OK);
    for (int turn = 0; turn < 2; turn++) { /* from the store, and from memory */
        assert_true(is_good(session, true));
        assert_false(is_good(session, false));
        assert_true(is_good(str_from(token), false));
        assert_false(is_good(str_from(token), true));
    }
}

static void a_session_that_is_not_used_ends_after_twelve_hours(void **state)
{
    (void)state;
    struct str used = open_session(0), unused = open_session(0);
    w.clock.now_us += 11 * HOUR;
    assert_true(is_good(unused, true));
    use(used);
    w.clock.now_us += 2 * HOUR;
    assert_false(is_good(unused, true));
    assert_true(is_good(used, true));
    w.clock.now_us += 11 * HOUR;
    assert_false(is_good(used, true));
}

static void a_session_ends_after_seven_days_however_much_it_is_used(void **state)
{
    (void)state;
    struct str session = open_session(0);
    for (int hours = 0; hours < 7 * 24 - 6; hours += 6) {
        use(session);
        w.clock.now_us += 6 * HOUR;
    }
    use(session);
    w.clock.now_us += 6 * HOUR;
    assert_false(is_good(session, true));
}

static void a_session_lasts_no_longer_than_its_token(void **state)
{
    (void)state;
    int64_t for_an_hour = make_token(HOUR), forever = make_token(0);
    struct str with_hour = open_session(for_an_hour), with_forever = open_session(forever);
    assert_true(is_good(with_hour, true) && is_good(with_forever, true));
    w.clock.now_us += HOUR;
    assert_false(is_good(with_hour, true));
    assert_true(is_good(with_forever, true));
    assert_int_equal(access_revoke_num(w.access, w.org, forever), RC_OK);
    assert_false(is_good(with_forever, true));
}

static void of_many_sessions_of_a_token_the_latest_last(void **state)
{
    (void)state;
    int64_t token = make_token(0), other = make_token(0);
    struct str others = open_session(other), first = open_session(token);
    struct str second = open_session(token), last = STR_NONE;
    for (int i = 0; i < ACCESS_CHILDREN_MAX - 1; i++)
        last = open_session(token);
    assert_false(is_good(first, true));
    assert_true(is_good(second, true) && is_good(last, true) && is_good(others, true));
}

static void a_code_is_taken_once_as_what_it_is_and_in_its_time(void **state)
{
    (void)state;
    char text[ACCESS_TOKEN_TEXT + 1];
    struct store_token row;
    struct str code = str_of(text, ACCESS_TOKEN_TEXT);
    assert_int_equal(access_login_code_new(w.access, w.org, text), RC_OK);
    assert_false(is_good(code, false) || is_good(code, true));
    assert_int_equal(access_code_take(w.access, STORE_TOKEN_LINK, code, true, &w.arena, &row),
                     RC_NOT_FOUND);
    assert_int_equal(access_code_take(w.access, STORE_TOKEN_LOGIN, code, true, &w.arena, &row),
                     RC_OK);
    assert_int_equal(row.org, w.org);
    assert_int_equal(access_code_take(w.access, STORE_TOKEN_LOGIN, code, true, &w.arena, &row),
                     RC_NOT_FOUND);
    assert_int_equal(access_login_code_new(w.access, w.org, text), RC_OK);
    w.clock.now_us += ACCESS_LOGIN_CODE_US;
    assert_int_equal(access_code_take(w.access, STORE_TOKEN_LOGIN, code, true, &w.arena, &row),
                     RC_NOT_FOUND);
}

static size_t count_rows(void)
{
    struct store_tx *tx = NULL;
    struct store_token *list = NULL;
    size_t count = 0;
    assert_int_equal(store_read(w.store, &tx), RC_OK);
    assert_int_equal(store_token_list(tx, w.org, &w.arena, &list, &count), RC_OK);
    store_end(tx);
    return count;
}

static void what_has_expired_leaves_no_rows(void **state)
{
    (void)state;
    char text[ACCESS_TOKEN_TEXT + 1];
    int64_t token = make_token(HOUR);
    for (int i = 0; i < 50; i++)
        assert_int_equal(access_login_code_new(w.access, w.org, text), RC_OK);
    assert_int_equal(count_rows(), 51);
    w.clock.now_us += 2 * HOUR;
    assert_int_equal(access_login_code_new(w.access, w.org, text), RC_OK);
    assert_int_equal(count_rows(), 2); /* tokens are kept: the list says that they have expired */
    assert_true(token != 0);
}

static void a_link_is_changed_for_the_rights_of_its_token(void **state)
{
    (void)state;
    char link[ACCESS_TOKEN_TEXT + 1], text[ACCESS_TOKEN_TEXT + 1];
    struct store_token row;
    struct access_identity *id = NULL;
    struct access_token_spec spec = {
        .org = w.org, .name = STR("p"), .read_only = true, .lifetime_us = HOUR
    };
    int64_t num = 0;
    assert_int_equal(access_create(w.access, &spec, text, &num), RC_OK);
    assert_int_equal(access_link_new(w.access, &spec, num, HOUR, link), RC_OK);
    assert_int_equal(
        access_code_take(w.access, STORE_TOKEN_LINK, str_from(link), false, &w.arena, &row), RC_OK);
    assert_int_equal(access_portal_open(w.access, &row, text), RC_OK);
    assert_int_equal(
        access_load(w.access, (struct access_proof){ str_from(text), false }, &id, NULL), RC_OK);
    assert_true(id->read_only && id->org == w.org && id->kind == STORE_TOKEN_PORTAL);
    assert_int_equal(id->expires_us, 1700000000 * INT64_C(1000000) + HOUR);
    access_identity_unref(id);
    assert_int_equal(access_revoke_num(w.access, w.org, num), RC_OK);
    assert_false(is_good(str_from(text), false));
    assert_int_equal(
        access_code_take(w.access, STORE_TOKEN_LINK, str_from(link), false, &w.arena, &row),
        RC_NOT_FOUND);
}

static void roles_decide_what_a_user_may_do_in_the_console(void **state)
{
    static const struct {
        const char *roles;
        enum rc rc;
        enum access_role role;
    } rows[] = {
        { "[\"ROLE_SDB_ADMIN_USER\"]", RC_OK, ACCESS_OWNER },
        { "[\"ROLE_OPERATOR\"]", RC_OK, ACCESS_OPERATOR },
        { "[\"ROLE_VIEWER\"]", RC_OK, ACCESS_VIEWER },
        { "[\"ROLE_VIEWER\",\"ROLE_OPERATOR\"]", RC_OK, ACCESS_OPERATOR },
        { "[\"ROLE_SDB_MANAGER_USER\"]", RC_DENIED, ACCESS_VIEWER },
        { "[]", RC_DENIED, ACCESS_VIEWER },
        { "not json", RC_DENIED, ACCESS_VIEWER },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct access_user user = { .row = { .roles = str_from(rows[i].roles) } };
        enum access_role role = ACCESS_VIEWER;
        assert_int_equal(access_console_rights(&user, &role), rows[i].rc);
        assert_int_equal(role, rows[i].role);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_session_is_no_bearer_and_a_token_no_session),
        T(a_session_that_is_not_used_ends_after_twelve_hours),
        T(a_session_ends_after_seven_days_however_much_it_is_used),
        T(a_session_lasts_no_longer_than_its_token),
        T(of_many_sessions_of_a_token_the_latest_last),
        T(a_code_is_taken_once_as_what_it_is_and_in_its_time),
        T(what_has_expired_leaves_no_rows),
        T(a_link_is_changed_for_the_rights_of_its_token),
        T(roles_decide_what_a_user_may_do_in_the_console),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
