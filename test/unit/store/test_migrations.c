/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/migrations_priv.h"

static const struct db_options options = { .busy_us = 1000, .no_sync = true };

static struct db *memory(void)
{
    struct db *db;
    assert_int_equal(db_open(":memory:", DB_CREATE, &options, &db, NULL), RC_OK);
    return db;
}

static enum rc migrate(struct db *db, const struct store_migration *list, size_t count)
{
    return store_migrate(db, list, count, clock_system(), "test.db", NULL);
}

/* The whole schema as one text. */
static struct str schema(struct db *db, struct arena *a)
{
    enum rc rc;
    struct str all = STR_NONE;
    struct db_stmt *s = db_prepare(
        db, "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema ORDER BY name)");
    if (db_step(s, &rc))
        all = db_text(s, 0, a);
    db_reset(s);
    assert_int_equal(rc, RC_OK);
    return all;
}

/* Whatever version a file was left at, it ends with the schema of a new one. */
static void check_from_every_version(const struct store_migration *list, size_t count)
{
    struct arena a;
    arena_init(&a);
    struct db *fresh = memory();
    assert_int_equal(migrate(fresh, list, count), RC_OK);
    struct str wanted = schema(fresh, &a);
    for (size_t version = 1; version <= count; version++) {
        struct db *old = memory();
        assert_int_equal(migrate(old, list, version), RC_OK);
        assert_int_equal(migrate(old, list, count), RC_OK);
        assert_int_equal(migrate(old, list, count), RC_OK); /* again: nothing to do */
        assert_true(str_eq(schema(old, &a), wanted));
        db_close(old);
    }
    db_close(fresh);
    arena_fini(&a);
}

static void configuration_upgrades_from_every_version(void **state)
{
    (void)state;
    check_from_every_version(store_config_migrations, store_config_migration_count);
}

static void segments_upgrade_from_every_version(void **state)
{
    (void)state;
    check_from_every_version(store_segment_migrations, store_segment_migration_count);
}

static void a_change_that_fails_leaves_the_version_before(void **state)
{
    (void)state;
    const struct store_migration bad[] = { { "one", "CREATE TABLE one(a)", NULL },
                                           { "two", "CREATE TABLE two(a); CREATE TABLE one(a)",
                                             NULL } };
    const struct store_migration good[] = { { "one", "CREATE TABLE one(a)", NULL },
                                            { "two", "CREATE TABLE two(a, b)", NULL } };
    struct db *db = memory();
    assert_int_not_equal(migrate(db, bad, 2), RC_OK);
    assert_int_equal(migrate(db, good, 2), RC_OK); /* two was not made by halves */
    assert_int_equal(db_exec(db, "INSERT INTO two VALUES(1, 2)"), RC_OK);
    db_close(db);
}

static void a_file_from_a_newer_program_is_refused(void **state)
{
    (void)state;
    const struct store_migration list[] = { { "one", "CREATE TABLE one(a)", NULL },
                                            { "two", "CREATE TABLE two(a)", NULL } };
    struct buf why;
    struct db *db = memory();
    buf_init(&why, 500);
    assert_int_equal(migrate(db, list, 2), RC_OK);
    assert_int_equal(store_migrate(db, list, 1, clock_system(), "test.db", &why), RC_CORRUPT);
    assert_non_null(strstr(why.ptr, "test.db: schema version 2"));
    buf_fini(&why);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configuration_upgrades_from_every_version),
        cmocka_unit_test(segments_upgrade_from_every_version),
        cmocka_unit_test(a_change_that_fails_leaves_the_version_before),
        cmocka_unit_test(a_file_from_a_newer_program_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
