/* SPDX-License-Identifier: Apache-2.0
 *
 * Disks that are full, files that are torn, folders that belong to others.
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/db.h"

/* --- opening ------------------------------------------------------------------------------------------------- */

/* Opens the fixture's folder once more; the words go to `words`. */
static enum rc open_again(struct fixture *f, char *words, size_t size)
{
    struct store *s = NULL;
    struct buf why;
    buf_init(&why, size - 1);
    enum rc rc = store_open(&f->options, &s, &why);
    (void)snprintf(words, size, "%.*s", STR_ARGS(buf_str(&why)));
    buf_fini(&why);
    store_close(s);
    return rc;
}

static void close_only(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
}

static const char *newest_file(struct fixture *f)
{
    char command[200], *path = arena_alloc(&f->arena, 300);
    (void)snprintf(command, sizeof command, "ls %s/segments/*.db | tail -1", f->dir);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    assert_non_null(fgets(path, 300, p));
    assert_int_equal(pclose(p), 0);
    path[strcspn(path, "\n")] = 0;
    return path;
}

static void a_second_process_on_the_folder_is_refused(void **state)
{
    struct fixture *f = *state;
    char words[512];
    assert_int_equal(open_again(f, words, sizeof words), RC_BUSY);
    assert_non_null(strstr(words, "another process"));
}

static void a_folder_that_cannot_be_made_is_named(void **state)
{
    struct fixture *f = *state;
    char words[512];
    close_only(f);
    const char *dir = f->options.dir;
    f->options.dir = "/proc/grapnel";
    assert_int_equal(open_again(f, words, sizeof words), RC_IO);
    assert_non_null(strstr(words, "/proc/grapnel"));
    f->options.dir = dir;
    fixture_reopen(f);
}

static void a_newer_schema_is_refused_with_advice(void **state)
{
    struct fixture *f = *state;
    char words[512];
    struct db *db;
    close_only(f);
    const char *path = arena_fmt(&f->arena, "%s/config.db", f->dir).ptr;
    assert_int_equal(db_open(path, DB_WRITE, &(struct db_options){ .busy_us = 1 }, &db, NULL),
                     RC_OK);
    assert_int_equal(db_exec(db, "INSERT INTO migration VALUES(9999, 0)"), RC_OK);
    db_close(db);
    assert_int_equal(open_again(f, words, sizeof words), RC_CORRUPT);
    assert_non_null(strstr(words, "config.db"));
    assert_non_null(strstr(words, "newer program"));
}

static void a_foreign_database_is_refused(void **state)
{
    struct fixture *f = *state;
    char words[512];
    struct db *db;
    close_only(f);
    const char *path = arena_fmt(&f->arena, "%s/config.db", f->dir).ptr;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(db_open(path, DB_CREATE, &(struct db_options){ .busy_us = 1 }, &db, NULL),
                     RC_OK);
    assert_int_equal(db_exec(db, "CREATE TABLE recipes(name TEXT)"), RC_OK);
    db_close(db);
    assert_int_equal(open_again(f, words, sizeof words), RC_CORRUPT);
    assert_non_null(strstr(words, "not one of Grapnel's"));
}

static void a_segment_torn_while_it_was_made_is_made_again(void **state)
{
    struct fixture *f = *state;
    const char *path = newest_file(f);
    close_only(f);
    const off_t sizes[] = { 0, 100 };
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        assert_int_equal(truncate(path, sizes[i]), 0);
        fixture_reopen(f);
        assert_int_equal(publish(f, (struct publish_spec){ 0 }).rc, RC_OK);
        close_only(f);
    }
    fixture_reopen(f);
}

static void a_damaged_segment_is_refused_by_name(void **state)
{
    struct fixture *f = *state;
    char words[512];
    (void)publish(f, (struct publish_spec){ 0 });
    const char *path = newest_file(f);
    close_only(f);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    char noise[4096];
    memset(noise, 0x77, sizeof noise);
    assert_int_equal(pwrite(fd, noise, sizeof noise, 0), sizeof noise);
    (void)close(fd);
    assert_int_equal(open_again(f, words, sizeof words), RC_CORRUPT);
    assert_non_null(strstr(words, path));
    assert_non_null(strstr(words, "backup"));
}

/* --- a full disk ------------------------------------------------------------------------------------------------ */

static bool is_healthy(void *arg)
{
    return store_health(arg, NULL) == RC_OK;
}

struct late_outcome {
    struct store_outcome o;
    atomic_bool done;
};

static void late_done(struct store_job *job)
{
    atomic_store(&CONTAINER_OF(job, struct late_outcome, o.job)->done, true);
}

static bool is_late_done(void *arg)
{
    struct late_outcome *late = arg;
    return atomic_load(&late->done);
}

/* A limit on file size makes writes fail as a full disk does. */
static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == 0 ? limit.rlim_max : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void writes_that_the_disk_refuses_fail_and_work_again_later(void **state)
{
    struct fixture *f = *state;
    static char big[200000];
    struct store_message_row row;
    struct buf why;
    memset(big, 'x', sizeof big - 1);
    (void)signal(SIGXFSZ, SIG_IGN);
    struct published before = publish(f, (struct publish_spec){ .key = "before" });
    assert_int_equal(before.rc, RC_OK);
    set_file_limit(4096); /* below one page of the log: nothing at all can be written */
    struct published refused = publish(f, (struct publish_spec){ .key = "k", .payload = big });
    assert_true(refused.rc == RC_IO || refused.rc == RC_LIMIT);
    buf_init(&why, 500);
    assert_int_equal(store_health(f->store, &why), RC_IO);
    assert_non_null(strstr(why.ptr, "last commit failed"));
    buf_fini(&why);

    struct late_outcome late = { .o = outcome_of(f, before.id, 1, STORE_PENDING, STORE_SUCCESS) };
    late.o.response = str_from(big);
    late.o.job.done = late_done;
    store_submit_outcome(f->store, &late.o);
    assert_true(publish(f, (struct publish_spec){ .payload = big }).rc !=
                RC_OK); /* a later group */
    assert_false(atomic_load(&late.done));

    set_file_limit(0);
    wait_until(is_late_done, &late);
    assert_int_equal(late.o.job.rc, RC_OK);
    assert_int_equal(state_of(f, before.id, 1), STORE_SUCCESS);
    wait_until(is_healthy, f->store);
    struct published again = publish(f, (struct publish_spec){ .key = "k", .payload = big });
    assert_int_equal(again.rc, RC_OK);
    assert_int_equal(again.result, STORE_CREATED); /* the refused one left nothing behind */
    assert_int_equal(store_message_get(f->store, TEST_APP, &refused.id, &f->arena, &row),
                     RC_NOT_FOUND);
    assert_int_equal(publish(f, (struct publish_spec){ .key = "before" }).result, STORE_REPLAYED);
}

static void change_newest(struct fixture *f, const char *sql)
{
    struct db *db;
    assert_int_equal(
        db_open(newest_file(f), DB_WRITE, &(struct db_options){ .busy_us = 5 * SECOND }, &db, NULL),
        RC_OK);
    assert_int_equal(db_exec(db, sql), RC_OK);
    db_close(db);
}

enum { OUTCOMES = 40, SPOILT = 20 };

/* A row that cannot be changed stands for one on a bad page. */
static void an_outcome_that_cannot_be_stored_fails_alone(void **state)
{
    struct fixture *f = *state;
    static struct late_outcome late[OUTCOMES];
    int64_t endpoints[OUTCOMES];
    for (int64_t i = 0; i < OUTCOMES; i++)
        endpoints[i] = i + 1;
    struct published p =
        publish(f, (struct publish_spec){ .endpoints = endpoints, .endpoint_count = OUTCOMES });
    assert_int_equal(p.rc, RC_OK);
    change_newest(f, "CREATE TRIGGER spoilt BEFORE UPDATE ON delivery WHEN OLD.endpoint = 21"
                     " BEGIN SELECT abs(-9223372036854775807 - 1); END");
    for (int64_t i = 0; i < OUTCOMES; i++) {
        late[i].o = outcome_of(f, p.id, endpoints[i], STORE_PENDING, STORE_SUCCESS);
        late[i].o.job.done = late_done;
        atomic_store(&late[i].done, false);
    }
    for (size_t i = 0; i < OUTCOMES; i++)
        store_submit_outcome(f->store, &late[i].o);
    assert_int_equal(publish(f, (struct publish_spec){ 0 }).rc, RC_OK);
    for (size_t i = 0; i < OUTCOMES; i++) {
        wait_until(is_late_done, &late[i]);
        assert_int_equal(late[i].o.job.rc, i == SPOILT ? RC_CORRUPT : RC_OK);
        assert_int_equal(late[i].o.job.is_own_fault, i == SPOILT);
    }
    assert_int_equal(state_of(f, p.id, 20), STORE_SUCCESS);
    assert_int_equal(state_of(f, p.id, 21), STORE_PENDING);

    late[SPOILT].o.job = (struct store_job){ .done = late_done, .is_alone = true };
    atomic_store(&late[SPOILT].done, false);
    store_submit_outcome(f->store, &late[SPOILT].o);
    assert_int_equal(publish(f, (struct publish_spec){ 0 }).rc, RC_OK);
    wait_until(is_late_done, &late[SPOILT]);
    assert_true(late[SPOILT].o.job.is_own_fault);
    change_newest(f, "DROP TRIGGER spoilt");
    late[SPOILT].o.job = (struct store_job){ .done = late_done, .is_alone = true };
    atomic_store(&late[SPOILT].done, false);
    store_submit_outcome(f->store, &late[SPOILT].o);
    wait_until(is_late_done, &late[SPOILT]);
    assert_int_equal(late[SPOILT].o.job.rc, RC_OK);
    assert_int_equal(state_of(f, p.id, 21), STORE_SUCCESS);
}

static void the_store_gets_well_without_anyone_writing(void **state)
{
    struct fixture *f = *state;
    static char big[200000];
    memset(big, 'x', sizeof big - 1);
    (void)signal(SIGXFSZ, SIG_IGN);
    set_file_limit(4096); /* below one page of the log: nothing at all can be written */
    assert_true(publish(f, (struct publish_spec){ .payload = big }).rc != RC_OK);
    set_file_limit(0);
    wait_until(is_healthy, f->store);
}

static void little_free_space_refuses_messages_and_takes_outcomes(void **state)
{
    struct fixture *f = *state;
    struct published p = publish(f, (struct publish_spec){ 0 });
    f->options.free_min_bytes = INT64_MAX;
    fixture_reopen(f);
    assert_int_equal(store_health(f->store, NULL), RC_LIMIT);
    assert_int_equal(publish(f, (struct publish_spec){ 0 }).rc, RC_LIMIT);
    assert_int_equal(finish(f, p.id, 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_second_process_on_the_folder_is_refused),
        T(a_folder_that_cannot_be_made_is_named),
        T(a_newer_schema_is_refused_with_advice),
        T(a_foreign_database_is_refused),
        T(a_segment_torn_while_it_was_made_is_made_again),
        T(a_damaged_segment_is_refused_by_name),
        T(writes_that_the_disk_refuses_fail_and_work_again_later),
        T(an_outcome_that_cannot_be_stored_fails_alone),
        T(the_store_gets_well_without_anyone_writing),
        T(little_free_space_refuses_messages_and_takes_outcomes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
