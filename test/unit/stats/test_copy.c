/* SPDX-License-Identifier: Apache-2.0
 *
 * Statistics that go from a folder to a database and back.
 */
#include "things.h"

#include "postgres.h"
#include "stats/copy.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char *url;

struct places {
    struct fixture *f; /* its statistics are closed */
    char back[80], file[96];
    struct buf why;
};

static int places_open(void **state)
{
    struct places *p = XNEW(struct places);
    postgres_empty(url);
    (void)fixture_open(state);
    p->f = *state;
    for (int day = 0; day < 3; day++) {
        accept_messages(p->f, 3 + day);
        pass(p->f, 2 * MINUTE);
        accept_messages(p->f, 5);
        pass(p->f, HOUR);
        move(p->f, DAY);
        pass(p->f, 2 * MINUTE);
    }
    accept_messages(p->f, 2);
    pass(p->f, MINUTE);
    buf_init(&p->why, 1024);
    (void)snprintf(p->back, sizeof p->back, "%s-back", p->f->dir);
    (void)snprintf(p->file, sizeof p->file, "%s/stats.db", p->back);
    assert_int_equal(mkdir(p->back, 0700), 0);
    *state = p;
    return 0;
}

static int places_close(void **state)
{
    struct places *p = *state;
    (void)unlink(p->file);
    (void)rmdir(p->back);
    buf_fini(&p->why);
    *state = p->f;
    xfree(p);
    return fixture_close(state);
}

static int64_t copy(struct places *p, const struct stats_home *from, const struct stats_home *to)
{
    int64_t rows;
    enum rc rc = stats_copy(from, to, &rows, &p->why);
    if (rc != RC_OK)
        fail_msg("%s: %.*s", rc_name(rc), STR_ARGS(buf_str(&p->why)));
    return rows;
}

static void say_rows(const char *path, const char *sql, struct buf *out)
{
    const struct db_options o = { .busy_us = 5000000 };
    struct db *db;
    enum rc rc = db_open(path, DB_READ, &o, &db, out);
    assert_int_equal(rc, RC_OK);
    struct db_stmt *s = db_prepare_once(db, sql);
    while (db_step(s, &rc))
        buf_say(out, "%.*s\n", STR_ARGS(db_borrow(s, 0)));
    assert_int_equal(rc, RC_OK);
    db_release(s);
    db_close(db);
}

static void expect_same(const char *left, const char *right, const char *sql)
{
    struct buf a, b;
    buf_init(&a, 1 << 20);
    buf_init(&b, 1 << 20);
    say_rows(left, sql, &a);
    say_rows(right, sql, &b);
    assert_true(a.len > 0);
    assert_true(str_eq(buf_str(&a), buf_str(&b)));
    buf_fini(&a);
    buf_fini(&b);
}

static void what_was_counted_comes_back_as_it_was(void **state)
{
    struct places *p = *state;
    const struct stats_home files = { .dir = p->f->dir }, database = { .dir = "", .url = url };
    const struct stats_home back = { .dir = p->back };
    int64_t there = copy(p, &files, &database);
    assert_true(there > 0);
    assert_int_equal(copy(p, &files, &database), there); /* again: a run that was cut off */
    assert_int_equal(copy(p, &database, &back), there);
    expect_same(
        p->f->file, p->file,
        "SELECT tier || ' ' || time || ' ' || kind || ' ' || id || ' ' || hex(bytes) FROM cell ORDER BY 1");
    expect_same(p->f->file, p->file, "SELECT name || ' ' || hex(value) FROM note ORDER BY 1");
    expect_same(p->f->file, p->file, "SELECT DISTINCT tier FROM cell ORDER BY 1");
}

static void what_several_nodes_counted_is_one_row_in_a_file(void **state)
{
    struct places *p = *state;
    const struct stats_home files = { .dir = p->f->dir }, database = { .dir = "", .url = url };
    const struct stats_home back = { .dir = p->back };
    int64_t there = copy(p, &files, &database);
    xfree(postgres_run(url,
                       "INSERT INTO stats_cell(tier, time, kind, id, part, bytes)"
                       " SELECT tier, time, kind, id, 99, bytes FROM stats_cell WHERE tier = 0"));
    assert_int_equal(copy(p, &database, &back), there);
    expect_same(p->f->file, p->file,
                "SELECT tier || ' ' || time || ' ' || kind || ' ' || id FROM cell ORDER BY 1");
    struct buf doubled;
    buf_init(&doubled, 1 << 20);
    say_rows(
        p->file,
        "SELECT lower(hex(bytes)) FROM cell WHERE tier = 0 AND kind = 3 AND id = 11 ORDER BY time DESC LIMIT 1",
        &doubled);
    uint8_t bytes[STATS_CELL_BYTES_MAX];
    size_t len;
    struct stats_cell cell;
    assert_int_equal(
        hex_decode(str_sub(buf_str(&doubled), 0, doubled.len - 1), bytes, sizeof bytes, &len),
        RC_OK);
    struct str in = str_of((const char *)bytes, len);
    assert_true(stats_cell_read(&in, &cell));
    assert_int_equal(cell.n[STATS_ACCEPTED], 4); /* 2 by each of two */
    buf_fini(&doubled);
}

static void where_there_are_none_none_are_made(void **state)
{
    struct places *p = *state;
    const struct stats_home nothing = { .dir = p->back }, database = { .dir = "", .url = url };
    assert_int_equal(copy(p, &nothing, &database), 0);
    assert_int_equal(copy(p, &database, &nothing), 0);
    assert_int_not_equal(access(p->file, F_OK), 0);
    char *tables = postgres_run(url, "SELECT count(*) FROM pg_class WHERE relname LIKE 'stats%'");
    assert_string_equal(tables, "0");
    xfree(tables);
}

static void other_statistics_are_not_mixed_with_them(void **state)
{
    struct places *p = *state;
    int64_t rows;
    const struct stats_home files = { .dir = p->f->dir }, database = { .dir = "", .url = url };
    (void)copy(p, &files, &database);
    xfree(postgres_run(
        url, "UPDATE stats_note SET value = decode('00112233445566778899aabbccddeeff', 'hex')"
             " WHERE name = 'key'"));
    assert_int_equal(stats_copy(&files, &database, &rows, &p->why), RC_CONFLICT);
    assert_true(str_contains(buf_str(&p->why), STR("other statistics")));
}

int main(void)
{
#define PLACES_TEST(name) cmocka_unit_test_setup_teardown(name, places_open, places_close)
    const struct CMUnitTest tests[] = {
        PLACES_TEST(what_was_counted_comes_back_as_it_was),
        PLACES_TEST(what_several_nodes_counted_is_one_row_in_a_file),
        PLACES_TEST(where_there_are_none_none_are_made),
        PLACES_TEST(other_statistics_are_not_mixed_with_them),
    };
    if (!postgres_is_there())
        return postgres_skip();
    url = postgres_database();
    int failed = cmocka_run_group_tests_name("stats copy", tests, NULL, NULL);
    xfree(url);
    return failed;
}
