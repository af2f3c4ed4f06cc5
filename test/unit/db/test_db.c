/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sqlite3.h>
#include <string.h>

#include "db/db.h"

struct fixture {
    char dir[32];
    char path[64];
    struct db *db;
};

static const struct db_options options = { .cache_bytes = 1 << 20,
                                           .busy_us = 1000,
                                           .no_sync = true };

static int set_up(void **state)
{
    struct fixture *f = XNEW(struct fixture);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/grapnel-db-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof f->path, "%s/a.db", f->dir);
    assert_int_equal(db_open(f->path, DB_CREATE, &options, &f->db, NULL), RC_OK);
    assert_int_equal(db_exec(f->db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT UNIQUE, c BLOB)"),
                     RC_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[80];
    db_close(f->db);
    (void)snprintf(command, sizeof command, "rm -r %s", f->dir);
    assert_int_equal(system(command), 0);
    xfree(f);
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

static int64_t count(struct db *db)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, "SELECT count(*) FROM t");
    assert_true(db_step(s, &rc));
    int64_t n = db_int(s, 0);
    db_reset(s);
    return n;
}

static void values_come_back_as_they_went_in(void **state)
{
    struct fixture *f = *state;
    enum rc rc;
    struct arena a;
    arena_init(&a);
    assert_int_equal(put(f->db, INT64_MIN, STR("h\xc3\xa9"), str_of("a\0b", 3)), RC_OK);
    struct db_stmt *s = db_prepare(f->db, "SELECT a, b, c, NULL, '' FROM t");
    assert_true(db_step(s, &rc));
    assert_true(db_int(s, 0) == INT64_MIN);
    assert_true(str_eq(db_text(s, 1, &a), STR("h\xc3\xa9")));
    assert_true(str_eq(db_borrow(s, 2), str_of("a\0b", 3)));
    assert_true(db_is_null(s, 3));
    assert_null(db_text(s, 3, &a).ptr);
    assert_int_equal(db_int(s, 3), 0);
    assert_non_null(db_text(s, 4, &a).ptr); /* empty is not NULL */
    assert_false(db_step(s, &rc));
    assert_int_equal(rc, RC_OK);
    arena_fini(&a);
}

static void an_empty_blob_is_not_null(void **state)
{
    struct fixture *f = *state;
    enum rc rc;
    assert_int_equal(put(f->db, 1, STR_NONE, STR_NONE), RC_OK);
    struct db_stmt *s = db_prepare(f->db, "SELECT b, c FROM t");
    assert_true(db_step(s, &rc));
    assert_true(db_is_null(s, 0));
    assert_false(db_is_null(s, 1));
    assert_non_null(db_borrow(s, 1).ptr);
    db_reset(s);
}

static void a_statement_starts_unbound_each_time(void **state)
{
    struct fixture *f = *state;
    enum rc rc;
    for (int i = 0; i < 2; i++) {
        struct db_stmt *s = db_prepare(f->db, "SELECT ?1 IS NULL");
        assert_true(db_step(s, &rc));
        assert_int_equal(db_int(s, 0), 1);
        db_reset(s);
        s = db_prepare(f->db, "SELECT ?1 IS NULL");
        db_bind_int(s, 1, 5);
        assert_true(db_step(s, &rc));
        db_reset(s);
    }
}

static void hundreds_of_statements_are_kept_apart(void **state)
{
    struct fixture *f = *state;
    static char sql[300][32];
    enum rc rc;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 300; i++) {
            (void)snprintf(sql[i], sizeof sql[i], "SELECT %d", i);
            struct db_stmt *s = db_prepare(f->db, sql[i]);
            assert_true(db_step(s, &rc));
            assert_int_equal(db_int(s, 0), i);
            db_reset(s);
        }
    }
}

static void a_unique_constraint_is_a_conflict(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(f->db, 1, STR("x"), STR("")), RC_OK);
    assert_int_equal(put(f->db, 2, STR("x"), STR("")), RC_CONFLICT);
    assert_int_equal(put(f->db, 1, STR("y"), STR("")), RC_CONFLICT);
    assert_int_equal(put(f->db, 2, STR("y"), STR("")), RC_OK);
    assert_int_equal(db_changes(f->db), 1);
}

static void a_rolled_back_transaction_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(db_begin(f->db, true), RC_OK);
    assert_int_equal(put(f->db, 1, STR("x"), STR("")), RC_OK);
    db_rollback(f->db);
    assert_int_equal(count(f->db), 0);
    db_rollback(f->db); /* fine without one */
}

static void a_second_writer_is_told_to_wait(void **state)
{
    struct fixture *f = *state;
    struct db *other;
    assert_int_equal(db_open(f->path, DB_WRITE, &options, &other, NULL), RC_OK);
    assert_int_equal(db_begin(f->db, true), RC_OK);
    assert_int_equal(db_begin(other, true), RC_BUSY);
    assert_int_equal(db_commit(f->db), RC_OK);
    assert_int_equal(db_begin(other, true), RC_OK);
    db_close(other);
}

static void a_reader_cannot_write_and_sees_commits(void **state)
{
    struct fixture *f = *state;
    struct db *reader;
    assert_int_equal(db_open(f->path, DB_READ, &options, &reader, NULL), RC_OK);
    assert_int_not_equal(put(reader, 1, STR("x"), STR("")), RC_OK);
    assert_int_equal(put(f->db, 1, STR("x"), STR("")), RC_OK);
    assert_int_equal(count(reader), 1);
    db_close(reader);
}

static void opening_says_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    struct db *db;
    struct buf why;
    char path[64];
    buf_init(&why, 500);
    (void)snprintf(path, sizeof path, "%s/none.db", f->dir);
    assert_int_equal(db_open(path, DB_READ, &options, &db, &why), RC_NOT_FOUND);
    assert_non_null(strstr(why.ptr, "none.db"));
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(write(fd, "this is not a database at all. ", 31), 31);
    (void)close(fd);
    buf_reset(&why);
    assert_int_equal(db_open(path, DB_WRITE, &options, &db, &why), RC_CORRUPT);
    assert_non_null(strstr(why.ptr, "backup"));
    (void)snprintf(path, sizeof path, "%s/no/folder.db", f->dir);
    assert_int_equal(db_open(path, DB_CREATE, &options, &db, &why), RC_IO);
    buf_fini(&why);
}

/* The limit that leaves this process no descriptor, and the one before. */
static struct rlimit use_up_descriptors(void)
{
    struct rlimit before;
    int next = dup(0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(next > 0 && close(next) == 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ (rlim_t)next, before.rlim_max }),
                     0);
    return before;
}

static void without_a_descriptor_opening_is_told_to_wait(void **state)
{
    struct fixture *f = *state;
    struct db *reader;
    struct rlimit before = use_up_descriptors();
    enum rc rc = db_open(f->path, DB_READ, &options, &reader, NULL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(rc, RC_BUSY);
    assert_int_equal(db_open(f->path, DB_READ, &options, &reader, NULL), RC_OK);
    assert_int_equal(count(reader), 0);
    db_close(reader);
}

/* --- a descriptor that is missing for a moment ---------------------------------------------------------- */

static int (*real_open)(const char *path, int flags, int mode);
static const char *refused; /* the end of a path, whose next openings fail with EMFILE */
static int refusals = 1;

static int open_or_refuse(const char *path, int flags, int mode)
{
    size_t len = strlen(path), end = refused == NULL ? 0 : strlen(refused);
    if (end == 0 || len < end || strcmp(path + len - end, refused) != 0)
        return real_open(path, flags, mode);
    if (--refusals == 0) {
        refused = NULL;
        refusals = 1;
    }
    errno = EMFILE;
    return -1;
}

static enum rc open_while_refused(const char *path, enum db_mode mode, const char *end,
                                  struct db **db, struct buf *why)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    sqlite3_syscall_ptr own = vfs->xGetSystemCall(vfs, "open");
    memcpy(&real_open, &own, sizeof own);
    own = NULL;
    int (*mine)(const char *, int, int) = open_or_refuse;
    memcpy(&own, &mine, sizeof own);
    refused = end;
    assert_int_equal(vfs->xSetSystemCall(vfs, "open", own), SQLITE_OK);
    enum rc rc = db_open(path, mode, &options, db, why);
    assert_int_equal(vfs->xSetSystemCall(vfs, "open", NULL), SQLITE_OK);
    return rc;
}

static void a_log_opened_without_a_descriptor_to_spare_does_not_blame_the_disk(void **state)
{
    struct fixture *f = *state;
    struct db *db;
    assert_int_equal(put(f->db, 1, STR("x"), STR("")), RC_OK); /* so that there is a log */
    assert_int_equal(open_while_refused(f->path, DB_WRITE, "-wal", &db, NULL), RC_OK);
    assert_null(refused);
    assert_int_equal(put(db, 2, STR("y"), STR("")), RC_BUSY);
    assert_non_null(strstr(db_error(db), "LimitNOFILE"));
    assert_true(db_is_stale(db));
    db_close(db);
    assert_int_equal(db_open(f->path, DB_WRITE, &options, &db, NULL), RC_OK);
    assert_int_equal(put(db, 2, STR("y"), STR("")), RC_OK);
    db_close(db);
}

static void a_file_opened_without_a_descriptor_to_spare_does_not_blame_the_disk(void **state)
{
    struct fixture *f = *state;
    struct db *db;
    struct buf why;
    buf_init(&why, 500);
    assert_int_equal(open_while_refused(f->path, DB_WRITE, "/a.db", &db, &why), RC_BUSY);
    assert_non_null(strstr(why.ptr, "LimitNOFILE"));
    buf_fini(&why);
}

static void copy_file(const char *from, const char *to, const char *end)
{
    char path[2][PATH_MAX], bytes[65536];
    (void)snprintf(path[0], sizeof path[0], "%s%s", from, end);
    (void)snprintf(path[1], sizeof path[1], "%s%s", to, end);
    FILE *in = fopen(path[0], "re"), *out = fopen(path[1], "we");
    assert_true(in != NULL && out != NULL);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(in) + fclose(out), 0);
}

/* Of a store that was killed, and whose log is all that has its rows. The log's index cannot be opened: neither for writing
 * nor for reading, and then not for writing. SQLite would call the log done with and remove it. */
static void the_log_outlives_an_opening_that_failed(void **state)
{
    struct fixture *f = *state;
    static const enum db_mode modes[] = { DB_READ, DB_WRITE };
    char killed[sizeof f->path + 16], log[sizeof killed + 8];
    struct db *db;
    (void)snprintf(killed, sizeof killed, "%s-killed.db", f->path);
    assert_int_equal(put(f->db, 1, STR("x"), STR("")), RC_OK);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        copy_file(f->path, killed, "");
        copy_file(f->path, killed, "-wal");
        copy_file(f->path, killed, "-shm");
        refusals = 3;
        assert_int_equal(open_while_refused(killed, modes[i], "-killed.db-shm", &db, NULL),
                         RC_BUSY);
        refusals = 1;
        refused = NULL;
        (void)snprintf(log, sizeof log, "%s-wal", killed);
        assert_int_equal(access(log, F_OK), 0);
        assert_int_equal(db_open(killed, DB_READ, &options, &db, NULL), RC_OK);
        assert_int_equal(count(db), 1);
        db_close(db);
    }
}

static void a_checkpoint_empties_the_log(void **state)
{
    struct fixture *f = *state;
    int64_t left = -1;
    char wal[80];
    assert_int_equal(put(f->db, 1, STR("x"), STR("")), RC_OK);
    assert_true(db_wal_pages(f->db) > 0);
    assert_int_equal(db_checkpoint(f->db, false, &left), RC_OK);
    assert_int_equal(left, 0);
    assert_int_equal(db_sync(f->db), RC_OK);
    assert_int_equal(db_checkpoint(f->db, true, &left), RC_OK);
    (void)snprintf(wal, sizeof wal, "%s-wal", f->path);
    int fd = open(wal, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    (void)close(fd);
}

static bool reads_fail;

static ssize_t read_or_fail(int fd, void *out, size_t len, off_t offset)
{
    if (!reads_fail)
        return pread(fd, out, len, offset);
    errno = EIO;
    return -1;
}

static void make_reads_fail(bool fail)
{
    static const char *const calls[] = { "pread", "pread64" };
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    reads_fail = fail;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(
            vfs->xSetSystemCall(vfs, calls[i], fail ? (sqlite3_syscall_ptr)read_or_fail : NULL),
            SQLITE_OK);
}

static enum rc try_count(struct db *db)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, "SELECT count(*) FROM t");
    if (db_step(s, &rc))
        db_reset(s);
    return rc;
}

static void a_disk_that_cannot_be_read_for_a_while_does_not_make_data_damaged(void **state)
{
    struct fixture *f = *state;
    int64_t left;
    for (int is_moved = 0; is_moved < 2; is_moved++) { /* read from the log, and from the file */
        struct db *reader;
        assert_int_equal(put(f->db, is_moved, STR_NONE, STR("x")), RC_OK);
        if (is_moved)
            assert_int_equal(db_checkpoint(f->db, true, &left), RC_OK);
        assert_int_equal(db_open(f->path, DB_READ, &options, &reader, NULL), RC_OK);
        make_reads_fail(true);
        assert_int_equal(try_count(reader), RC_IO);
        assert_non_null(strstr(db_error(reader), "I/O"));
        make_reads_fail(false);
        assert_int_equal(try_count(reader), RC_OK);
        db_close(reader);
    }
}

static void damage_is_told_even_after_the_disk_could_not_be_read(void **state)
{
    struct fixture *f = *state;
    struct db *reader;
    char garbage[8192];
    int64_t left;
    memset(garbage, 0x5a, sizeof garbage);
    assert_int_equal(put(f->db, 1, STR_NONE, STR("x")), RC_OK);
    assert_int_equal(db_checkpoint(f->db, true, &left), RC_OK);
    assert_int_equal(db_open(f->path, DB_READ, &options, &reader, NULL), RC_OK);
    make_reads_fail(true);
    assert_int_equal(try_count(reader), RC_IO);
    make_reads_fail(false);
    int fd = open(f->path, O_WRONLY);
    for (int page = 1; page < 3; page++)
        assert_int_equal(pwrite(fd, garbage, sizeof garbage, (off_t)page * 8192), 8192);
    (void)close(fd);
    (void)try_count(reader); /* may still be put down to the disk */
    assert_int_equal(try_count(reader), RC_CORRUPT);
    db_close(reader);
}

static void a_connection_that_could_not_be_made_has_words_too(void **state)
{
    (void)state;
    assert_non_null(strstr(db_error(NULL), "no connection"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(values_come_back_as_they_went_in),
        T(an_empty_blob_is_not_null),
        T(a_statement_starts_unbound_each_time),
        T(hundreds_of_statements_are_kept_apart),
        T(a_unique_constraint_is_a_conflict),
        T(a_rolled_back_transaction_leaves_nothing),
        T(a_second_writer_is_told_to_wait),
        T(a_reader_cannot_write_and_sees_commits),
        T(opening_says_what_is_wrong),
        T(without_a_descriptor_opening_is_told_to_wait),
        T(a_log_opened_without_a_descriptor_to_spare_does_not_blame_the_disk),
        T(a_file_opened_without_a_descriptor_to_spare_does_not_blame_the_disk),
        T(the_log_outlives_an_opening_that_failed),
        T(a_checkpoint_empties_the_log),
        T(a_disk_that_cannot_be_read_for_a_while_does_not_make_data_damaged),
        T(damage_is_told_even_after_the_disk_could_not_be_read),
        T(a_connection_that_could_not_be_made_has_words_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
