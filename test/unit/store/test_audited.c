/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log knows every table of the configuration, and every column: a new one has to be put into
 * store/audited.c, shown or left out, before it can be forgotten.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/audited_priv.h"
#include "store/migrations_priv.h"

#include <stdio.h>

/* Rows that nobody makes by hand: what the server keeps for itself, or the log. */
static const char *const others[] = {
    "alert_sighting", /* what the server saw */
    "answer",         /* of repeated requests */
    "audit",          /* itself */
    "cell_move",      /* how a move gets on; the organisation's row says that it moves */
    "endpoint_count", /* kept by triggers */
    "endpoint_health",
    "gaia_webhook", /* its application and its endpoint have rows */
    "migration",
    "setting", /* the server's own; what people do there leaves a row by its operation */
    "sqlite_sequence",
    "token_use", /* from where a token was used */
};

static struct db *configuration(void)
{
    static const struct db_options options = { .busy_us = 1000, .no_sync = true };
    struct db *db;
    assert_int_equal(db_open(":memory:", DB_CREATE, &options, &db, NULL), RC_OK);
    assert_int_equal(store_migrate(db, store_config_migrations, store_config_migration_count,
                                   clock_system(), "test.db", NULL),
                     RC_OK);
    return db;
}

static bool is_other(struct str table)
{
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (str_eq(table, str_from(others[i])))
            return true;
    return false;
}

static const struct store_audited *audited(struct str table)
{
    for (size_t i = 0; i < store_audited_count; i++)
        if (str_eq(table, str_from(store_audited_tables[i].table)))
            return &store_audited_tables[i];
    return NULL;
}

static bool is_word_char(char c)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* `word` as a whole. */
static bool names(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = text; at != NULL && (at = strstr(at, word)) != NULL; at++)
        if ((at == text || !is_word_char(at[-1])) && !is_word_char(at[len]))
            return true;
    return false;
}

static bool is_shown(const struct store_audited *t, const char *column)
{
    char word[80];
    (void)snprintf(word, sizeof(word), "@.%s", column);
    const char *const facts[] = { t->when, t->kind, t->key,   t->org,   t->app,
                                  t->id,   t->name, t->about, t->alive, t->ends };
    for (size_t i = 0; i < COUNT_OF(facts); i++)
        if (facts[i] != NULL && strstr(facts[i], word) != NULL && names(facts[i], word))
            return true;
    for (size_t i = 0; i < t->count; i++)
        if (names(t->members[i].sql, word))
            return true;
    return t->left_out != NULL && names(t->left_out, column);
}

static void every_table_and_column_has_its_place(void **state)
{
    enum rc rc;
    size_t columns = 0;
    struct db *db = configuration();
    (void)state;
    struct db_stmt *s =
        db_prepare(db, "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c"
                       " WHERE t.type = 'table'");
    while (db_step(s, &rc)) {
        struct arena a;
        arena_init(&a);
        struct str table = db_text(s, 0, &a);
        const struct store_audited *t = audited(table);
        if (t == NULL && !is_other(table))
            fail_msg("the table %.*s is neither audited nor among those that are not",
                     STR_ARGS(table));
        if (t != NULL && !is_shown(t, arena_cstr(&a, db_text(s, 1, &a))))
            fail_msg("%.*s.%.*s is neither shown in the audit log nor left out by name",
                     STR_ARGS(table), STR_ARGS(db_borrow(s, 1)));
        columns++;
        arena_fini(&a);
    }
    assert_int_equal(rc, RC_OK);
    assert_true(columns > 100);
    db_close(db);
}

static void columns_that_hold_sealed_values_are_secrets(void **state)
{
    (void)state;
    for (size_t i = 0; i < store_audited_count; i++)
        for (size_t m = 0; m < store_audited_tables[i].count; m++) {
            const struct store_audited_member *member = &store_audited_tables[i].members[m];
            bool is_hex = strncmp(member->sql, "hex(", 4) == 0;
            if (is_hex)
                assert_int_equal(member->as, STORE_AUDITED_SECRET);
        }
}

/* Infinity is a number for SQLite and none for JSON. */
static void a_row_that_cannot_be_read_is_noticed_and_ends_nothing(void **state)
{
    struct store_audited_changes *changes = XNEW(struct store_audited_changes);
    struct db *db = configuration();

    (void)state;
    assert_int_equal(store_audited_watch(db, changes), RC_OK);
    assert_int_equal(
        db_exec(db, "INSERT INTO application(org, id, name, metadata, throttle, created, updated)"
                    " VALUES(1, 'app_a', 'A', '{}', 0, 1, 1)"),
        RC_OK);
    assert_false(changes->is_unreadable);
    assert_int_equal(changes->count, 1);
    assert_int_equal(db_exec(db, "UPDATE application SET throttle = 9e999"), RC_OK);
    assert_true(changes->is_unreadable);
    store_audited_clear(changes);
    assert_false(changes->is_unreadable);
    db_close(db);
    xfree(changes);
}

/* Stores of older versions have them so. */
static void an_url_with_a_password_names_nothing(void **state)
{
    struct store_audited_changes *changes = XNEW(struct store_audited_changes);
    struct db *db = configuration();

    (void)state;
    assert_int_equal(store_audited_watch(db, changes), RC_OK);
    assert_int_equal(
        db_exec(
            db,
            "INSERT INTO endpoint(app, id, kind, url, description, metadata, throttle, version,"
            " disabled, disabled_reason, failing_since, created, updated)"
            " VALUES(1, 'ep_a', 'http', 'https://u:p@a.example/', '', '{}', 0, 1, 0, '', 0, 1, 1),"
            " (1, 'ep_b', 'http', 'https://a.example/', '', '{}', 0, 1, 0, '', 0, 1, 1)"),
        RC_OK);
    assert_int_equal(changes->count, 2);
    assert_string_equal(json_string_value(json_object_get(changes->list[0].after, "!name")),
                        "ep_a");
    assert_string_equal(json_string_value(json_object_get(changes->list[1].after, "!name")),
                        "https://a.example/");
    store_audited_clear(changes);
    db_close(db);
    xfree(changes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_and_column_has_its_place),
        cmocka_unit_test(columns_that_hold_sealed_values_are_secrets),
        cmocka_unit_test(a_row_that_cannot_be_read_is_noticed_and_ends_nothing),
        cmocka_unit_test(an_url_with_a_password_names_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
