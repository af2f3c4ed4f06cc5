/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "store/user.h"

static struct store_tx *begin(struct fixture *f)
{
    struct store_tx *tx;
    assert_int_equal(store_write(f->store, &tx), RC_OK);
    return tx;
}

/* A user of the organisation, inserted; its number. */
static int64_t add(struct store_tx *tx, int64_t org, const char *name)
{
    struct store_user u = { .org = org,
                            .name = str_from(name),
                            .roles = STR("[\"ROLE_A\"]"),
                            .password = STR("$argon2id$x"),
                            .generation = 5,
                            .created_us = 1,
                            .updated_us = 2 };
    assert_int_equal(store_user_insert(tx, &u), RC_OK);
    assert_true(u.num > 0);
    return u.num;
}

static void a_user_is_read_as_written_even_after_a_restart(void **state)
{
    struct fixture *f = *state;
    struct store_user u;
    struct store_tx *tx = begin(f);
    int64_t num = add(tx, TEST_ORG, "ann");
    assert_int_equal(store_commit(tx), RC_OK);
    fixture_reopen(f);
    assert_int_equal(store_read(f->store, &tx), RC_OK);
    assert_int_equal(store_user_find(tx, TEST_ORG, STR("ann"), &f->arena, &u), RC_OK);
    assert_true(u.num == num && u.org == TEST_ORG && u.generation == 5 && u.created_us == 1 &&
                u.updated_us == 2 && u.totp_step == 0);
    assert_true(str_eq(u.name, STR("ann")));
    assert_true(str_eq(u.roles, STR("[\"ROLE_A\"]")));
    assert_true(str_eq(u.password, STR("$argon2id$x")));
    assert_null(u.totp.ptr);
    assert_null(u.secret.ptr);
    assert_int_equal(store_user_by_num(tx, num, &f->arena, &u), RC_OK);
    assert_true(str_eq(u.name, STR("ann")));
    store_end(tx);
}

static void a_name_is_taken_once_in_an_organisation(void **state)
{
    struct fixture *f = *state;
    struct store_user u;
    struct store_tx *tx = begin(f);
    (void)add(tx, TEST_ORG, "ann");
    struct store_user twin = { .org = TEST_ORG, .name = STR("ann"), .roles = STR("[]") };
    assert_int_equal(store_user_insert(tx, &twin), RC_CONFLICT);
    assert_int_equal(store_user_only(tx, STR("ann"), &f->arena, &u), RC_OK);
    (void)add(tx, TEST_ORG + 1, "ann");
    assert_int_equal(store_user_only(tx, STR("ann"), &f->arena, &u), RC_NOT_FOUND);
    assert_int_equal(store_user_find(tx, TEST_ORG + 1, STR("ann"), &f->arena, &u), RC_OK);
    assert_int_equal(u.org, TEST_ORG + 1);
    assert_int_equal(store_user_find(tx, TEST_ORG + 2, STR("ann"), &f->arena, &u), RC_NOT_FOUND);
    assert_int_equal(store_user_find(tx, TEST_ORG, STR("Ann"), &f->arena, &u), RC_NOT_FOUND);
    store_end(tx);
}

static void an_update_leaves_who_it_is_and_which_code_was_used(void **state)
{
    struct fixture *f = *state;
    struct store_user u;
    struct store_tx *tx = begin(f);
    int64_t num = add(tx, TEST_ORG, "ann");
    assert_int_equal(store_user_use_step(tx, num, 100), RC_OK);
    struct store_user changed = { .num = num,
                                  .org = 99,
                                  .name = STR("eve"),
                                  .roles = STR("[]"),
                                  .password = STR(""),
                                  .totp = str_of("\0sealed", 7),
                                  .secret = str_of("\xff\0", 2),
                                  .totp_step = 1,
                                  .generation = 6,
                                  .created_us = 50,
                                  .updated_us = 51 };
    assert_int_equal(store_user_update(tx, &changed), RC_OK);
    assert_int_equal(store_user_by_num(tx, num, &f->arena, &u), RC_OK);
    assert_true(u.org == TEST_ORG && str_eq(u.name, STR("ann")) && u.totp_step == 100 &&
                u.created_us == 1);
    assert_true(u.generation == 6 && u.updated_us == 51 && u.password.len == 0);
    assert_true(str_eq(u.totp, str_of("\0sealed", 7)) && str_eq(u.secret, str_of("\xff\0", 2)));
    changed.totp = changed.secret = STR_NONE;
    assert_int_equal(store_user_update(tx, &changed), RC_OK);
    assert_int_equal(store_user_by_num(tx, num, &f->arena, &u), RC_OK);
    assert_true(u.totp.ptr == NULL && u.secret.ptr == NULL);
    changed.num = num + 1;
    assert_int_equal(store_user_update(tx, &changed), RC_NOT_FOUND);
    store_end(tx);
}

static void a_time_step_is_used_once_and_never_an_earlier_one(void **state)
{
    struct fixture *f = *state;
    struct store_tx *tx = begin(f);
    int64_t num = add(tx, TEST_ORG, "ann");
    assert_int_equal(store_user_use_step(tx, num, 100), RC_OK);
    assert_int_equal(store_user_use_step(tx, num, 100), RC_NOT_FOUND);
    assert_int_equal(store_user_use_step(tx, num, 99), RC_NOT_FOUND);
    assert_int_equal(store_user_use_step(tx, num, 101), RC_OK);
    assert_int_equal(store_user_use_step(tx, num + 1, 200), RC_NOT_FOUND);
    store_end(tx);
}

static void users_are_listed_by_organisation_and_name(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int64_t org;
        const char *name;
    } sorted[] = { { 3, "ann" }, { 3, "bob" }, { 4, "ann" }, { 4, "cy" } };
    struct store_user *users = NULL;
    size_t count = 0;
    struct store_tx *tx = begin(f);
    for (size_t i = 4; i > 0; i--)
        (void)add(tx, sorted[i - 1].org, sorted[i - 1].name);
    assert_int_equal(store_user_list(tx, 0, &f->arena, &users, &count), RC_OK);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++)
        assert_true(users[i].org == sorted[i].org &&
                    str_eq(users[i].name, str_from(sorted[i].name)));
    assert_int_equal(store_user_list(tx, 4, &f->arena, &users, &count), RC_OK);
    assert_int_equal(count, 2);
    assert_true(str_eq(users[0].name, STR("ann")) && users[0].org == 4);
    assert_int_equal(store_user_list(tx, 5, &f->arena, &users, &count), RC_OK);
    assert_int_equal(count, 0);
    store_end(tx);
}

static void who_was_deleted_is_gone_and_the_name_is_free(void **state)
{
    struct fixture *f = *state;
    struct store_user u;
    struct store_tx *tx = begin(f);
    int64_t num = add(tx, TEST_ORG, "ann");
    assert_int_equal(store_user_delete(tx, num), RC_OK);
    assert_int_equal(store_user_delete(tx, num), RC_NOT_FOUND);
    assert_int_equal(store_user_by_num(tx, num, &f->arena, &u), RC_NOT_FOUND);
    assert_int_equal(store_user_only(tx, STR("ann"), &f->arena, &u), RC_NOT_FOUND);
    (void)add(tx, TEST_ORG, "ann");
    store_end(tx); /* not committed: nothing of it stays */
    assert_int_equal(store_read(f->store, &tx), RC_OK);
    assert_int_equal(store_user_only(tx, STR("ann"), &f->arena, &u), RC_NOT_FOUND);
    store_end(tx);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_user_is_read_as_written_even_after_a_restart),
        TEST(a_name_is_taken_once_in_an_organisation),
        TEST(an_update_leaves_who_it_is_and_which_code_was_used),
        TEST(a_time_step_is_used_once_and_never_an_earlier_one),
        TEST(users_are_listed_by_organisation_and_name),
        TEST(who_was_deleted_is_gone_and_the_name_is_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
