/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log: what a commit leaves, and what it may grow to.
 */
#include "support.h"

#include "store/audit.h"
#include "things.h"

static struct store_act act;

static void enter(int64_t org)
{
    act = (struct store_act){ .who_kind = STR("token"),
                              .who_id = STR("12"),
                              .who_name = STR("ci"),
                              .org = org,
                              .operation = STR("v1.test"),
                              .peer = STR("192.0.2.1"),
                              .request = STR("req_1") };
    store_act_begin(&act);
}

static void leave(void)
{
    store_act_end(&act);
}

static struct store_tx *open_tx(struct fixture *f)
{
    struct store_tx *tx = NULL;
    assert_int_equal(store_write(f->store, &tx), RC_OK);
    return tx;
}

static struct store_audit *list(struct fixture *f, const struct store_audit_filter *filter,
                                size_t *count)
{
    struct store_tx *tx = NULL;
    struct store_page_end end;
    const struct store_page page = { .limit = 250, .descending = true, .after = STR("") };
    struct store_audit *rows = arena_array(&f->arena, 250, sizeof(*rows));
    assert_int_equal(store_read(f->store, &tx), RC_OK);
    assert_int_equal(store_audit_list(tx, filter, &page, &f->arena, rows, &end), RC_OK);
    store_end(tx);
    *count = end.count;
    return rows;
}

static struct store_audit *all(struct fixture *f, size_t *count)
{
    return list(f, &(struct store_audit_filter){ .org = TEST_ORG, .with_server = true }, count);
}

static void make_app(struct fixture *f, struct things *t)
{
    struct store_tx *tx = open_tx(f);
    *t = plan(f);
    assert_int_equal(store_application_insert(tx, &t->app), RC_OK);
    t->ep.app = t->app.num;
    assert_int_equal(store_endpoint_insert(tx, &t->ep), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
}

static bool holds(struct str text, const char *part)
{
    return str_contains(text, str_from(part));
}

static void whatever_is_made_leaves_a_row(void **state)
{
    static const char *const kinds[] = { "application",  "endpoint",    "source",     "filter",
                                         "filter-chain", "token",       "event-type", "task",
                                         "user",         "organisation" };
    struct fixture *f = *state;
    struct things t = plan(f);
    size_t count;
    struct store_tx *tx = open_tx(f);
    enter(TEST_ORG);
    make_all(tx, &t);
    assert_int_equal(store_commit(tx), RC_OK);
    leave();
    const struct store_audit *rows = all(f, &count);
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        size_t found = 0;
        for (size_t i = 0; i < count; i++)
            found +=
                str_eq(rows[i].kind, str_from(kinds[k])) && str_eq(rows[i].action, STR("created"));
        print_message("# %s\n", kinds[k]);
        assert_int_equal(found, 1);
    }
}

static void a_commit_says_who_changed_what(void **state)
{
    struct fixture *f = *state;
    struct things t;
    size_t count;
    make_app(f, &t);
    enter(TEST_ORG);
    struct store_tx *tx = open_tx(f);
    t.ep.disabled = true;
    t.ep.metadata = STR("{\"team\":\"x\"}");
    assert_int_equal(store_endpoint_update(tx, &t.ep), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    leave();
    const struct store_audit *rows = all(f, &count);
    assert_int_equal(count, 3);
    assert_true(str_eq(rows[0].action, STR("changed")) && str_eq(rows[0].object, t.ep.id));
    assert_true(str_eq(rows[0].who_name, STR("ci")) && str_eq(rows[0].peer, STR("192.0.2.1")));
    assert_true(str_eq(rows[0].app_id, t.app.id) && str_eq(rows[0].operation, STR("v1.test")));
    assert_true(
        str_eq(rows[0].changes, STR("[{\"member\":\"disabled\",\"from\":false,\"to\":true},"
                                    "{\"member\":\"metadata.team\",\"from\":null,\"to\":\"x\"}]")));
    assert_true(str_eq(rows[1].action, STR("created")) && str_eq(rows[1].who_kind, STR("server")));
}

static void what_was_not_committed_or_changes_nothing_leaves_no_row(void **state)
{
    struct fixture *f = *state;
    struct things t;
    size_t count;
    make_app(f, &t);
    struct store_tx *tx = open_tx(f);
    t.app.name = STR("another");
    assert_int_equal(store_application_update(tx, &t.app), RC_OK);
    store_end(tx);
    tx = open_tx(f);
    t.ep.updated_us = 77;
    t.ep.version++;
    assert_int_equal(store_endpoint_update(tx, &t.ep), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    (void)all(f, &count);
    assert_int_equal(count, 2);
}

static void an_act_that_must_be_seen_leaves_a_row_and_only_one(void **state)
{
    struct fixture *f = *state;
    size_t count;
    enter(TEST_ORG);
    store_act_on(STR("message"), STR("msg_1"), STR(""));
    struct store_tx *tx = open_tx(f);
    store_audit_must(tx);
    assert_int_equal(store_setting_set(tx, "x", STR("y")), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    assert_int_equal(act.written, 1);
    leave();
    const struct store_audit *rows = all(f, &count);
    assert_int_equal(count, 1);
    assert_true(str_eq(rows[0].action, STR("did")) && str_eq(rows[0].object, STR("msg_1")));
    assert_true(str_eq(rows[0].changes, STR("[]")));
}

static void a_secret_is_never_in_a_row(void **state)
{
    struct fixture *f = *state;
    struct things t;
    size_t count;
    make_app(f, &t);
    struct store_tx *tx = open_tx(f);
    t.ep.keys[1] = t.ep.keys[0];
    t.ep.keys[1].expires_us = 99;
    t.ep.keys[0].sealed = STR("another key");
    t.ep.key_count = 2;
    t.ep.headers = STR("sealed headers");
    assert_int_equal(store_endpoint_update(tx, &t.ep), RC_OK);
    t.user.password = STR("$argon2id$hash");
    assert_int_equal(store_user_insert(tx, &t.user), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    const struct store_audit *rows = all(f, &count);
    assert_int_equal(count, 4);
    assert_true(holds(rows[0].changes, "{\"member\":\"password\",\"to\":\"(set)\"}"));
    assert_true(holds(rows[1].changes, "{\"member\":\"secret\",\"to\":\"(changed)\"}"));
    assert_true(holds(rows[1].changes, "{\"member\":\"headers\",\"to\":\"(set)\"}"));
    for (size_t i = 0; i < count; i++)
        assert_false(holds(rows[i].changes, "argon2") || holds(rows[i].changes, "sealed") ||
                     holds(rows[i].changes, "another") || holds(rows[i].changes, "616E6F74"));
}

static void what_is_deleted_is_shown_once_more(void **state)
{
    struct fixture *f = *state;
    struct things t;
    size_t count;
    make_app(f, &t);
    struct store_tx *tx = open_tx(f);
    assert_int_equal(store_application_delete(tx, t.app.num, 9), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    const struct store_audit *rows = all(f, &count);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < 2; i++) {
        assert_true(str_eq(rows[i].action, STR("deleted")));
        assert_true(
            holds(rows[i].changes, str_eq(rows[i].kind, STR("endpoint"))
                                       ? "\"from\":\"https://a.example/\""
                                       : "{\"member\":\"name\",\"from\":\"a\",\"to\":null}"));
    }
}

static void passing_tokens_that_expired_go_without_a_row(void **state)
{
    struct fixture *f = *state;
    struct things t = plan(f);
    size_t count;
    struct store_tx *tx = open_tx(f);
    t.session.expires_us = test_now_us() + HOUR;
    t.session.parent = 0;
    t.session.user = 0;
    assert_int_equal(store_token_insert(tx, &t.session), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    test_advance_us(2 * HOUR);
    tx = open_tx(f);
    assert_int_equal(store_token_forget_expired(tx, test_now_us()), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    const struct store_audit *rows = all(f, &count);
    assert_int_equal(count, 1);
    assert_true(str_eq(rows[0].action, STR("signed-in")) &&
                str_eq(rows[0].who_kind, STR("session")));
}

static void a_long_value_is_cut_to_what_differs(void **state)
{
    struct fixture *f = *state;
    struct things t;
    size_t count;
    char *text = arena_alloc(&f->arena, 5001);
    memset(text, 'x', 5000);
    text[5000] = '\0';
    make_app(f, &t);
    struct store_tx *tx = open_tx(f);
    t.ep.description = arena_str(&f->arena, str_from(text));
    assert_int_equal(store_endpoint_update(tx, &t.ep), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    text[4000] = '!';
    tx = open_tx(f);
    t.ep.description = str_from(text);
    assert_int_equal(store_endpoint_update(tx, &t.ep), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    const struct store_audit *rows = all(f, &count);
    assert_true(holds(rows[0].changes, "xxx!xxx"));
    assert_true(rows[0].changes.len < 2 * (STORE_AUDIT_VALUE + 16) + 100);
}

/* A row of a megabyte comes whole to what reads it, or the commit would be refused. */
static void a_change_of_a_very_long_text_leaves_a_row(void **state)
{
    enum { LONG = 1 << 20 };
    struct fixture *f = *state;
    struct things t;
    size_t count;
    make_app(f, &t);
    char *text = arena_alloc(&f->arena, LONG);
    memset(text, 'x', LONG);
    memcpy(text + LONG - 7, "%s:\"'\\\n", 7); /* and whatever is in it */
    t.app.name = str_of(text, LONG);
    struct store_tx *tx = open_tx(f);
    assert_int_equal(store_application_update(tx, &t.app), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    const struct store_audit *rows = all(f, &count);
    assert_true(str_eq(rows[0].action, STR("changed")) && holds(rows[0].changes, "xxx"));
    tx = open_tx(f);
    text[LONG - 1] = 'y';
    assert_int_equal(store_application_update(tx, &t.app), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    rows = all(f, &count);
    assert_true(holds(rows[0].changes, "%s:\\\"'\\\\y"));
}

static void a_name_that_is_no_text_is_shown_with_question_marks(void **state)
{
    struct fixture *f = *state;
    size_t count;
    enter(TEST_ORG);
    store_act_who(STR("user"), STR(""), str_of("a\0b\xff\xc3\xa9", 6), TEST_ORG);
    assert_int_equal(store_audit_act(f->store, "refused"), RC_OK);
    leave();
    const struct store_audit *rows = all(f, &count);
    assert_true(str_eq(rows[0].who_name, STR("a?b?\xc3\xa9")));
}

static void a_commit_leaves_a_bounded_number_of_rows(void **state)
{
    enum { MANY = 500 };
    struct fixture *f = *state;
    size_t count;
    struct store_tx *tx = open_tx(f);
    for (int i = 0; i < MANY; i++) {
        struct store_event_type type = plan(f).type;
        type.name = arena_fmt(&f->arena, "t.%d", i);
        assert_int_equal(store_event_type_insert(tx, &type), RC_OK);
    }
    assert_int_equal(store_commit(tx), RC_OK);
    const struct store_audit *rows = all(f, &count);
    assert_int_equal(count, STORE_AUDIT_COMMIT);
    assert_true(str_eq(rows[0].kind, STR("more")));
    assert_true(str_eq(rows[0].name, arena_fmt(&f->arena, "%d", MANY - STORE_AUDIT_COMMIT + 1)));
}

static int64_t count_of(struct fixture *f, const char *action)
{
    struct store_tx *tx = NULL;
    struct store_page_end end;
    const struct store_page page = { .limit = 100000, .descending = true, .after = STR("") };
    struct arena a;
    arena_init(&a);
    struct store_audit *rows = arena_array(&a, 100000, sizeof(*rows));
    assert_int_equal(store_read(f->store, &tx), RC_OK);
    assert_int_equal(store_audit_list(tx,
                                      &(struct store_audit_filter){ .org = TEST_ORG,
                                                                    .action = str_from(action) },
                                      &page, &a, rows, &end),
                     RC_OK);
    store_end(tx);
    arena_fini(&a);
    return (int64_t)end.count;
}

static void refusals_push_nothing_else_out_and_are_bounded(void **state)
{
    struct fixture *f = *state;
    enter(TEST_ORG);
    assert_int_equal(store_audit_act(f->store, "did"), RC_OK);
    for (int i = 0; i < STORE_AUDIT_PASSING + 200; i++)
        assert_int_equal(store_audit_act(f->store, "refused"), RC_OK);
    leave();
    assert_int_equal(count_of(f, "did"), 1);
    assert_in_range(count_of(f, "refused"), STORE_AUDIT_PASSING, STORE_AUDIT_PASSING + 64);
}

static void rows_are_forgotten_in_time(void **state)
{
    struct fixture *f = *state;
    size_t count;
    enter(TEST_ORG);
    store_audit_set_keep(f->store, 10 * DAY);
    assert_int_equal(store_audit_act(f->store, "did"), RC_OK);
    test_advance_us(6 * DAY);
    assert_int_equal(store_audit_act(f->store, "did"), RC_OK);
    test_advance_us(5 * DAY);
    store_audit_forget(f->store);
    (void)all(f, &count);
    assert_int_equal(count, 1);
    leave();
}

static void rows_are_of_their_organisation(void **state)
{
    struct fixture *f = *state;
    struct things t;
    size_t count;
    make_app(f, &t);
    (void)list(f, &(struct store_audit_filter){ .org = TEST_ORG + 1, .with_server = true }, &count);
    assert_int_equal(count, 0);
    (void)list(f, &(struct store_audit_filter){ .org = TEST_ORG, .object = t.ep.id }, &count);
    assert_int_equal(count, 1);
    (void)list(f, &(struct store_audit_filter){ .org = TEST_ORG, .app = t.app.num }, &count);
    assert_int_equal(count, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whatever_is_made_leaves_a_row),
        TEST(a_commit_says_who_changed_what),
        TEST(what_was_not_committed_or_changes_nothing_leaves_no_row),
        TEST(an_act_that_must_be_seen_leaves_a_row_and_only_one),
        TEST(a_secret_is_never_in_a_row),
        TEST(what_is_deleted_is_shown_once_more),
        TEST(passing_tokens_that_expired_go_without_a_row),
        TEST(a_long_value_is_cut_to_what_differs),
        TEST(a_change_of_a_very_long_text_leaves_a_row),
        TEST(a_name_that_is_no_text_is_shown_with_question_marks),
        TEST(a_commit_leaves_a_bounded_number_of_rows),
        TEST(refusals_push_nothing_else_out_and_are_bounded),
        TEST(rows_are_forgotten_in_time),
        TEST(rows_are_of_their_organisation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
