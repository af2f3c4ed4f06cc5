/* SPDX-License-Identifier: Apache-2.0
 *
 * The PostgreSQL engine of the driver keeps what db.h promises, on a real PostgreSQL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "db/array.h"
#include "db/dial.h"
#include "postgres.h"

static char *url;

static int set_up(void **state)
{
    struct db *db;
    postgres_empty(url);
    assert_int_equal(db_connect(url, NULL, &db, NULL), RC_OK);
    assert_int_equal(db_exec(db, "CREATE TABLE t(a bigint PRIMARY KEY, b text UNIQUE, c bytea)"),
                     RC_OK);
    *state = db;
    return 0;
}

static int tear_down(void **state)
{
    db_close(*state);
    return 0;
}

static enum rc put(struct db *db, int64_t a, struct str b, struct str c)
{
    struct db_stmt *s = db_prepare(db, "INSERT INTO t(a, b, c) VALUES(?, ?, ?)");
    db_bind_int(s, 1, a);
    db_bind_opt_text(s, 2, b);
    db_bind_blob(s, 3, c);
    return db_run(s);
}

static int64_t number(struct db *db, const char *sql)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, sql);
    assert_true(db_step(s, &rc));
    int64_t n = db_int(s, 0);
    db_reset(s);
    return n;
}

static int64_t count(struct db *db)
{
    return number(db, "SELECT count(*) FROM t");
}

static void assert_not_there(struct db *db, struct str text)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, "SELECT a FROM t WHERE b = ? OR ?2 = ?2");
    db_bind_text(s, 1, text);
    db_bind_int(s, 2, 1);
    assert_false(db_step(s, &rc));
    assert_int_equal(rc, RC_OK);
    s = db_prepare(db, "DELETE FROM t WHERE b = ?");
    db_bind_text(s, 1, text);
    assert_int_equal(db_run(s), RC_OK);
    assert_int_equal(db_changes(db), 0);
}

static void a_text_that_it_cannot_hold_is_found_in_no_row_and_put_into_none(void **state)
{
    struct db *db = *state;
    const struct str texts[] = { str_of("a\0b", 3), STR("\xff"), STR("\xed\xa0\x80") };
    assert_int_equal(db_begin(db, true), RC_OK);
    assert_int_equal(put(db, 1, STR("a"), STR("")), RC_OK);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_not_there(db, texts[i]);
        assert_int_equal(put(db, 2, texts[i], STR("")), RC_INVALID);
    }
    assert_int_equal(put(db, 2, STR("b"), STR("\xff")),
                     RC_OK); /* the statement is as good as before */
    assert_int_equal(db_commit(db), RC_OK);
    assert_int_equal(count(db), 2);
}

/* Ends the server's side of the connection. */
static void cut(struct db *db)
{
    char sql[64];
    (void)snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%lld, 5000)",
                   (long long)number(db, "SELECT pg_backend_pid()"));
    xfree(postgres_run(url, sql));
}

static void values_come_back_as_they_went_in(void **state)
{
    enum rc rc;
    struct arena a;
    arena_init(&a);
    assert_true(db_is_postgres(*state) && !db_is_pooled(*state));
    assert_int_equal(put(*state, INT64_MIN, STR("h\xc3\xa9"), str_of("a\0b\\", 4)), RC_OK);
    struct db_stmt *s = db_prepare(*state, "SELECT a, b, c, NULL, '' FROM t");
    assert_true(db_step(s, &rc));
    assert_true(db_int(s, 0) == INT64_MIN);
    assert_true(str_eq(db_text(s, 1, &a), STR("h\xc3\xa9")));
    assert_true(str_eq(db_borrow(s, 2), str_of("a\0b\\", 4)));
    assert_true(db_is_null(s, 3));
    assert_null(db_text(s, 3, &a).ptr);
    assert_int_equal(db_int(s, 3), 0);
    assert_non_null(db_text(s, 4, &a).ptr);
    assert_false(db_step(s, &rc));
    assert_int_equal(rc, RC_OK);
    arena_fini(&a);
}

static void integers_of_every_type_are_read(void **state)
{
    static const struct {
        const char *sql;
        int64_t value;
    } cases[] = {
        { "SELECT true", 1 },
        { "SELECT (-7)::smallint", -7 },
        { "SELECT 2147483647", 2147483647 },
        { "SELECT -9223372036854775808", INT64_MIN },
        { "SELECT sum(x) FROM (VALUES(9000000000000000000), (7::bigint)) v(x)",
          9000000000000000007 },
        { "SELECT sum(x) FROM (VALUES(-10000::bigint), (-20000)) v(x)", -30000 },
        { "SELECT 40000::numeric", 40000 },
        { "SELECT 0::numeric", 0 },
        { "SELECT 12.7::float8", 12 },
        { "SELECT '42'::text", 42 },
        { "SELECT '1970-01-01 00:00:01+00'::timestamptz", 1000000 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_true(number(*state, cases[i].sql) == cases[i].value);
}

static void a_parameter_may_be_null_first_and_a_number_then(void **state)
{
    enum rc rc;
    for (int i = 0; i < 3; i++) {
        struct db_stmt *s = db_prepare(*state, "SELECT coalesce(?, 7), '?', ?1 \"?\"");
        if (i == 1)
            db_bind_int(s, 1, INT64_MAX);
        assert_true(db_step(s, &rc));
        assert_true(db_int(s, 0) == (i == 1 ? INT64_MAX : 7));
        assert_true(str_eq(db_borrow(s, 1), STR("?")));
        db_reset(s);
    }
}

static void a_statement_made_for_one_use_is_released(void **state)
{
    enum rc rc;
    for (int i = 0; i < 3; i++) {
        char sql[32];
        (void)snprintf(sql, sizeof(sql), "SELECT %d + ?", i);
        struct db_stmt *s = db_prepare_once(*state, sql);
        sql[0] = 'x';
        db_bind_int(s, 1, 10);
        assert_true(db_step(s, &rc));
        assert_int_equal(db_int(s, 0), 10 + i);
        db_release(s);
    }
}

static void a_statement_that_broke_a_constraint_leaves_its_transaction_as_it_was(void **state)
{
    assert_int_equal(db_begin(*state, true), RC_OK);
    assert_int_equal(put(*state, 1, STR("x"), STR("")), RC_OK);
    assert_int_equal(put(*state, 2, STR("x"), STR("")), RC_CONFLICT);
    assert_int_equal(count(*state), 1);
    assert_int_equal(put(*state, 2, STR("y"), STR("")), RC_OK);
    assert_int_equal(db_changes(*state), 1);
    assert_int_equal(db_commit(*state), RC_OK);
    assert_int_equal(count(*state), 2);
}

static void a_rolled_back_transaction_leaves_nothing(void **state)
{
    assert_int_equal(db_begin(*state, true), RC_OK);
    assert_int_equal(put(*state, 1, STR("x"), STR("")), RC_OK);
    db_rollback(*state);
    assert_int_equal(count(*state), 0);
    db_rollback(*state); /* fine without one */
}

static void a_transaction_whose_read_failed_is_not_committed(void **state)
{
    enum rc rc;
    assert_int_equal(db_begin(*state, true), RC_OK);
    assert_int_equal(put(*state, 1, STR("x"), STR("")), RC_OK);
    struct db_stmt *s = db_prepare(*state, "SELECT 1 / (a - 1) FROM t");
    assert_false(db_step(s, &rc));
    assert_int_equal(rc, RC_CORRUPT);
    assert_int_equal(db_commit(*state), RC_IO);
    assert_false(db_is_stale(*state));
    assert_int_equal(count(*state), 0);
}

static void a_reader_sees_one_state_and_cannot_write(void **state)
{
    struct db *reader;
    assert_int_equal(db_connect(url, NULL, &reader, NULL), RC_OK);
    assert_int_equal(db_begin(reader, false), RC_OK);
    assert_int_equal(count(reader), 0);
    assert_int_equal(put(*state, 1, STR("x"), STR("")), RC_OK);
    assert_int_equal(count(reader), 0);
    assert_int_not_equal(put(reader, 2, STR("y"), STR("")), RC_OK);
    db_rollback(reader);
    db_close(reader);
    assert_int_equal(count(*state), 1);
}

static void a_lost_connection_is_an_error_and_stale(void **state)
{
    assert_int_equal(db_begin(*state, true), RC_OK);
    assert_int_equal(put(*state, 1, STR("x"), STR("")), RC_OK);
    cut(*state);
    assert_int_equal(put(*state, 2, STR("y"), STR("")), RC_IO);
    assert_true(db_is_stale(*state));
    assert_int_equal(db_commit(*state), RC_IO);
    assert_int_equal(db_begin(*state, true), RC_IO);
    assert_string_not_equal(db_error(*state), "");
    char *left = postgres_run(url, "SELECT count(*) FROM t");
    assert_string_equal(left, "0");
    xfree(left);
}

static void a_server_that_does_not_answer_is_given_up(void **state)
{
    static const struct db_server_options hasty = { .answer_us = 50000 };
    struct db *db;
    enum rc rc;
    (void)state;
    assert_int_equal(db_connect(url, &hasty, &db, NULL), RC_OK);
    struct db_stmt *s = db_prepare(db, "SELECT pg_sleep(20)");
    assert_false(db_step(s, &rc));
    assert_int_equal(rc, RC_IO);
    assert_true(db_is_stale(db));
    db_close(db);
}

static void a_dropped_table_is_not_found(void **state)
{
    enum rc rc;
    struct db_stmt *s = db_prepare_once(*state, "SELECT 1 FROM message_77");
    assert_false(db_step(s, &rc));
    assert_int_equal(rc, RC_NOT_FOUND);
    assert_false(db_is_stale(*state));
    db_release(s);
}

struct called {
    int64_t sum;
    char text[64];
};

static void take_args(void *ctx, const int64_t *args)
{
    struct called *c = ctx;
    c->sum += args[0] + args[1];
}

static void take_text(void *ctx, const int64_t *args, struct str text)
{
    struct called *c = ctx;
    c->sum += args[0];
    (void)snprintf(c->text, sizeof(c->text), "%.*s", STR_ARGS(text));
}

static void functions_of_the_schema_call_ours_before_the_step_returns(void **state)
{
    struct called c = { 0 };
    assert_int_equal(db_function(*state, "note", 2, take_args, &c), RC_OK);
    assert_int_equal(db_text_function(*state, "row", 1, take_text, &c), RC_OK);
    assert_int_equal(
        db_exec(*state,
                "SET client_min_messages = error;"
                "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " RAISE INFO 'grapnel:note:%:%', NEW.a, -2;"
                " RAISE INFO 'grapnel:row:%:%', NEW.a, NEW.b;"
                " RAISE INFO 'grapnel:notes:1:2'; RAISE INFO 'grapnel:note:1:x';"
                " RETURN NULL; END $$;"
                "CREATE TRIGGER told AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION tell()"),
        RC_OK);
    assert_int_equal(put(*state, 40, STR("one: two"), STR("")), RC_OK);
    assert_int_equal(c.sum, 40 - 2 + 40);
    assert_string_equal(c.text, "one: two");
}

/* How many rows that made. */
static int64_t put_many(struct db *db, struct db_array *numbers, struct db_array *bytes)
{
    struct db_stmt *s = db_prepare(db, "INSERT INTO many SELECT * FROM"
                                       " unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BYTEA[]))");
    db_bind_array(s, 1, numbers);
    db_bind_array(s, 2, bytes);
    assert_int_equal(db_run(s), RC_OK);
    return db_changes(db);
}

static void columns_of_many_rows_are_written_by_one_statement(void **state)
{
    enum { ROWS = 3000 };
    struct db_array numbers, bytes;
    enum rc rc;
    db_array_init(&numbers, DB_TYPE_INT8);
    db_array_init(&bytes, DB_TYPE_BYTEA);
    assert_int_equal(db_exec(*state, "CREATE TABLE many (n bigint, b bytea)"), RC_OK);
    assert_int_equal(put_many(*state, &numbers, &bytes), 0);
    for (int i = 0; i < ROWS; i++) {
        db_array_add_int(&numbers, INT64_MIN + i);
        db_array_add_bytes(&bytes, i % 2 == 0 ? str_of("\0\xff", 2) : STR(""));
    }
    assert_int_equal(put_many(*state, &numbers, &bytes), ROWS);
    struct db_stmt *s = db_prepare(*state, "SELECT n, b FROM many ORDER BY n LIMIT 2");
    assert_true(db_step(s, &rc));
    assert_true(db_int(s, 0) == INT64_MIN);
    assert_memory_equal(db_borrow(s, 1).ptr, "\0\xff", 2);
    assert_true(db_step(s, &rc));
    assert_true(db_int(s, 0) == INT64_MIN + 1);
    assert_int_equal(db_borrow(s, 1).len, 0);
    db_reset(s);
    db_array_fini(&numbers);
    db_array_fini(&bytes);
}

static void a_url_that_is_none_is_refused_without_showing_it(void **state)
{
    struct db *db;
    struct buf why;
    (void)state;
    buf_init(&why, 500);
    assert_int_equal(db_connect("postgresql://u:secret%zz@host/x", NULL, &db, &why), RC_INVALID);
    assert_null(strstr(why.ptr, "secret"));
    assert_non_null(strstr(why.ptr, "postgresql://user@host"));
    buf_reset(&why);
    assert_int_equal(db_connect("postgresql://u:secret@127.0.0.1:1/x", NULL, &db, &why), RC_IO);
    assert_null(strstr(why.ptr, "secret"));
    assert_non_null(strstr(why.ptr, "cannot be had"));
    buf_fini(&why);
}

/* A host that takes connections: it hangs up, or says nothing. */
static int listen_somewhere(char port[static 8])
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    (void)snprintf(port, 8, "%d", ntohs(a.sin_port));
    return fd;
}

static void hang_up(void *arg)
{
    int fd = *(int *)arg;
    int taken = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    (void)close(taken);
}

static void connect_past(const char *port)
{
    char both[600];
    struct db *db;
    const char *folder = strstr(url, "host=");
    const char *name = strstr(url, "@/");
    assert_non_null(folder);
    assert_non_null(name);
    (void)snprintf(both, sizeof(both), "user=postgres dbname=%.*s host=127.0.0.1,%s port=%s,5432",
                   (int)strcspn(name + 2, "?"), name + 2, folder + 5, port);
    assert_int_equal(db_connect(both, NULL, &db, NULL), RC_OK);
    db_close(db);
}

static void a_host_that_hangs_up_is_left_for_the_next_one(void **state)
{
    char port[8];
    int fd = listen_somewhere(port);
    (void)state;
    struct thread *peer = thread_start("peer", THREAD_OTHER, hang_up, &fd);
    connect_past(port);
    thread_join(peer);
    (void)close(fd);
}

static void a_host_that_says_nothing_is_left_for_the_next_one(void **state)
{
    char port[8];
    int fd = listen_somewhere(port);
    (void)state;
    connect_past(port);
    (void)close(fd);
}

static void hosts_of_a_url_are_tried_in_its_order_with_their_ports(void **state)
{
    static const struct {
        const char *url;
        size_t count;
        const char *hosts[3], *ports[3];
    } cases[] = {
        { "postgresql://u@a,b:6000,c/x", 3, { "a", "b", "c" }, { "", "6000", "" } },
        { "host=a,b port=7000", 2, { "a", "b" }, { "7000", "7000" } },
        { "host=a,/run/x port=1,2", 2, { "a", "/run/x" }, { "1", "2" } },
        { "postgresql://u@a/x", 0, { NULL }, { NULL } },
        { "postgresql:///x", 0, { NULL }, { NULL } },
        { "postgresql://%zz", 0, { NULL }, { NULL } },
    };
    struct db_host found[DB_HOSTS_MAX];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(db_hosts(cases[i].url, found), cases[i].count);
        for (size_t k = 0; k < cases[i].count; k++) {
            assert_string_equal(found[k].host, cases[i].hosts[k]);
            assert_string_equal(found[k].port, cases[i].ports[k]);
        }
    }
}

/* Hosts a, b and c, as dial functions see them. */
struct three_hosts {
    uint64_t id;
    int64_t timelines[3]; /* 0: it is not there */
    int calls;
    char last; /* who was called last; 0: nobody */
};

static bool dial_one(void *ctx, const struct db_host *host, int64_t *timeline)
{
    struct three_hosts *t = ctx;
    t->calls++;
    t->last = host->host[0];
    *timeline = t->timelines[t->last - 'a'];
    return *timeline != 0 && db_primary_is(t->id, *timeline);
}

/* Whom a call comes to; 0: nobody. */
static char primary_of(struct three_hosts *t, const char *hosts)
{
    t->id = db_primary_id(hosts);
    t->calls = 0;
    return db_dial_primary(hosts, dial_one, t) ? t->last : 0;
}

static void of_hosts_that_take_writes_the_one_that_was_promoted_last_is_used(void **state)
{
    const char *hosts = "postgresql://u@a,b,c/promoted";
    struct three_hosts t = { .timelines = { 1, 2, 1 } };
    (void)state;
    assert_int_equal(primary_of(&t, hosts), 'b');
    t.timelines[1] = 0;
    assert_int_equal(primary_of(&t, hosts), 0); /* a and c are behind b, even while b is away */
    t.timelines[2] = 3;
    assert_int_equal(primary_of(&t, hosts), 'c');
    t.timelines[1] = 2;
    assert_int_equal(primary_of(&t, hosts), 'c');
}

static void all_hosts_are_asked_at_first_and_after_a_doubt_only(void **state)
{
    const char *hosts = "postgresql://u@a,b,c/doubted";
    struct three_hosts t = { .timelines = { 1, 0, 0 } };
    (void)state;
    assert_int_equal(primary_of(&t, hosts), 'a');
    assert_int_equal(t.calls, 4); /* three, and the one to be used once more */
    assert_int_equal(primary_of(&t, hosts), 'a');
    assert_int_equal(t.calls, 1);
    t.timelines[2] = 2; /* promoted, while a lives on */
    db_primary_doubt(t.id);
    assert_int_equal(primary_of(&t, hosts), 'c');
    assert_int_equal(primary_of(&t, hosts), 'c');
    assert_int_equal(t.calls, 3); /* a is behind, and b is away */
}

static void while_no_host_is_there_all_are_asked_at_each_call(void **state)
{
    const char *hosts = "postgresql://u@a,b,c/away";
    struct three_hosts t = { .timelines = { 0, 0, 0 } };
    (void)state;
    assert_int_equal(primary_of(&t, hosts), 0);
    t.timelines[0] = 4;
    t.timelines[1] = 5;
    assert_int_equal(primary_of(&t, hosts), 'b');
}

static void a_database_that_is_not_in_utf8_is_refused_with_the_remedy(void **state)
{
    struct db *db;
    struct buf why;
    char other[300];
    (void)state;
    buf_init(&why, 500);
    xfree(
        postgres_run(url, "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"));
    const char *query = strchr(url, '?');
    const char *name = strrchr(url, '/');
    while (query != NULL && name > query)
        name = memrchr(url, '/', (size_t)(name - url));
    (void)snprintf(other, sizeof(other), "%.*s/latin%s", (int)(name - url), url,
                   query == NULL ? "" : query);
    assert_int_equal(db_connect(other, NULL, &db, &why), RC_INVALID);
    assert_non_null(strstr(why.ptr, "ENCODING 'UTF8'"));
    buf_fini(&why);
    xfree(postgres_run(url, "DROP DATABASE latin"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(values_come_back_as_they_went_in),
        TEST(integers_of_every_type_are_read),
        TEST(a_parameter_may_be_null_first_and_a_number_then),
        TEST(a_statement_made_for_one_use_is_released),
        TEST(a_statement_that_broke_a_constraint_leaves_its_transaction_as_it_was),
        TEST(a_rolled_back_transaction_leaves_nothing),
        TEST(a_transaction_whose_read_failed_is_not_committed),
        TEST(a_reader_sees_one_state_and_cannot_write),
        TEST(a_text_that_it_cannot_hold_is_found_in_no_row_and_put_into_none),
        TEST(a_lost_connection_is_an_error_and_stale),
        TEST(a_server_that_does_not_answer_is_given_up),
        TEST(a_dropped_table_is_not_found),
        TEST(functions_of_the_schema_call_ours_before_the_step_returns),
        TEST(columns_of_many_rows_are_written_by_one_statement),
        TEST(a_url_that_is_none_is_refused_without_showing_it),
        TEST(a_host_that_hangs_up_is_left_for_the_next_one),
        TEST(a_host_that_says_nothing_is_left_for_the_next_one),
        TEST(hosts_of_a_url_are_tried_in_its_order_with_their_ports),
        TEST(of_hosts_that_take_writes_the_one_that_was_promoted_last_is_used),
        TEST(all_hosts_are_asked_at_first_and_after_a_doubt_only),
        TEST(while_no_host_is_there_all_are_asked_at_each_call),
        TEST(a_database_that_is_not_in_utf8_is_refused_with_the_remedy),
    };
    if (!postgres_is_there())
        return postgres_skip();
    url = postgres_database();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    xfree(url);
    return failed;
}
