/* SPDX-License-Identifier: Apache-2.0
 *
 * What the PostgreSQL backend promises when its connections, its tables or its place in the database are taken away.
 */
#include "support.h"

#include <libpq-fe.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "postgres.h"
#include "proxy.h"
#include "store/postgres/queue_priv.h"

enum { PATIENCE_S = 5, QUICK_ANSWER_US = 250000 };

static void expect_count(struct fixture *f, const char *sql, int64_t wanted)
{
    char *got = postgres_run(f->options.url, sql);
    assert_non_null(got);
    if (strtoll(got, NULL, 10) != wanted)
        fail_msg("%s: %s, not %lld", sql, got, (long long)wanted);
    xfree(got);
}

static void run_sql(struct fixture *f, const char *sql)
{
    xfree(postgres_run(f->options.url, sql));
}

/* A session of its own, for what holds locks. */
static PGconn *session_open(struct fixture *f)
{
    PGconn *c = PQconnectdb(f->options.url);
    assert_int_equal(PQstatus(c), CONNECTION_OK);
    return c;
}

static void session_run(PGconn *c, const char *sql)
{
    PGresult *r = PQexec(c, sql);
    ExecStatusType status = PQresultStatus(r);
    assert_true(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK);
    PQclear(r);
}

static int64_t now_s(void)
{
    return clock_mono_us(clock_system()) / SECOND;
}

static struct published publish_keyed(struct fixture *f, int n)
{
    char key[17];
    (void)snprintf(key, sizeof key, "key %012d", n);
    return publish(f, (struct publish_spec){ .key = key });
}

/* How long an answer is waited for: a connection that stays open tells nothing. The threads see it once they have had the lock. */
static void set_patience(struct store_postgres *s, int64_t answer_us)
{
    s->accepts.conn.answer_us = answer_us;
    s->outcomes.conn.answer_us = answer_us;
    s->beat_conn.answer_us = answer_us;
    (void)store_postgres_queue_count(&s->accepts);
    (void)store_postgres_queue_count(&s->outcomes);
    mutex_lock(&s->beat_lock);
    mutex_unlock(&s->beat_lock);
}

/* --- connections that are cut ------------------------------------------------------------------------- */

/* Messages and outcomes, one after the other; each must be there once. */
static void write_round(struct fixture *f, int n)
{
    struct published p = publish_keyed(f, n);
    assert_int_equal(p.rc, RC_OK);
    assert_int_equal(p.result, STORE_CREATED);
    assert_int_equal(finish(f, p.id, 1, STORE_PENDING, n % 3 == 0 ? STORE_SENDING : STORE_SUCCESS),
                     RC_OK);
    if (n % 3 == 0)
        return;
    struct published again = publish_keyed(f, n);
    assert_int_equal(again.result, STORE_REPLAYED);
    assert_memory_equal(again.first.bytes, p.id.bytes, ID_BYTES);
}

static void expect_rounds(struct fixture *f, int rounds)
{
    expect_count(f, "SELECT count(*) FROM message", rounds);
    expect_count(f, "SELECT count(DISTINCT k) FROM message", rounds);
    expect_count(f, "SELECT count(*) FROM attempt", rounds);
    expect_count(f, "SELECT count(*) FROM waiting", (rounds + 2) / 3);
    expect_count(
        f,
        "SELECT count(*) FROM (SELECT key FROM remembered_1 UNION SELECT key FROM remembered_2) x",
        rounds);
}

/* CUT_ROUNDS: many more, for `make cuts`. */
static int cut_rounds(int usual)
{
    const char *given = getenv("CUT_ROUNDS");
    return given == NULL ? usual : (int)strtol(given, NULL, 10);
}

/* Each place around a COMMIT in turn, by itself and in its answer. */
static void cut_around_commits(struct fixture *f, int rounds, bool stays_open, int64_t answer_us)
{
    enum { STEPS = 40 };
    struct proxy *proxy = proxy_new(f->options.url);
    const char *url = f->options.url;
    f->options.url = proxy_url(proxy);
    fixture_reopen(f);
    if (answer_us != 0)
        set_patience(store_postgres_of(f->store), answer_us);
    for (int i = 0; i < rounds; i++) {
        proxy_cut(proxy, (size_t)(i / 2 % STEPS), i % 2 == 0, stays_open);
        write_round(f, i);
    }
    assert_true(proxy_cut_count(proxy) >= rounds / 2);
    f->options.url = url;
    expect_rounds(f, rounds);
    store_close(f->store);
    f->store = NULL;
    proxy_free(proxy);
}

static void nothing_is_lost_or_doubled_when_connections_are_cut_around_a_commit(void **state)
{
    cut_around_commits(*state, cut_rounds(400), false, 0);
}

static void nothing_is_lost_or_doubled_when_connections_fall_silent_around_a_commit(void **state)
{
    cut_around_commits(*state, cut_rounds(40), true, QUICK_ANSWER_US);
}

/* A commit that is visible need not have reached a standby: only another one that writes something waits for it. */
static void a_group_that_goes_again_writes_even_if_all_of_it_is_there(void **state)
{
    enum { TRIES = 20 };
    struct fixture *f = *state;
    struct proxy *proxy = proxy_new(f->options.url);
    const char *url = f->options.url;
    run_sql(f, "CREATE TABLE mark(at timestamptz DEFAULT clock_timestamp());"
               "CREATE FUNCTION mark_it() RETURNS trigger LANGUAGE plpgsql AS"
               " 'BEGIN INSERT INTO mark DEFAULT VALUES; RETURN NULL; END';"
               /* The beat changes the lease, a group that goes again does not. */
               "CREATE TRIGGER marks AFTER UPDATE ON node_beat FOR EACH ROW"
               " WHEN (OLD.lease_until = NEW.lease_until) EXECUTE FUNCTION mark_it()");
    f->options.url = proxy_url(proxy);
    fixture_reopen(f);
    f->options.url = url;
    expect_count(f, "SELECT count(*) FROM mark", 0);
    int64_t marks = 0;
    for (int i = 0; i < TRIES && marks == 0; i++) {
        proxy_cut(proxy, 0, true,
                  false); /* the commit arrives, its answer does not; it may be the beat's */
        assert_int_equal(publish_keyed(f, i).rc, RC_OK);
        char *count = postgres_run(url, "SELECT count(*) FROM mark");
        marks = strtoll(count, NULL, 10);
        xfree(count);
    }
    assert_true(marks > 0);
    store_close(f->store);
    f->store = NULL;
    proxy_free(proxy);
}

struct killer {
    const char *url;
    atomic_bool stop;
    atomic_int killed;
};

static void kill_writers(void *arg)
{
    struct killer *k = arg;
    while (!atomic_load(&k->stop)) {
        char *count =
            postgres_run(k->url, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                                 " WHERE application_name = 'grapnel' AND query LIKE 'COMMIT%'"
                                 " AND datname = current_database()");
        if (count != NULL)
            atomic_fetch_add(&k->killed, (int)strtol(count, NULL, 10));
        xfree(count);
    }
}

static void nothing_is_lost_or_doubled_when_its_sessions_are_ended_all_the_time(void **state)
{
    enum { ROUNDS = 300 };
    struct fixture *f = *state;
    struct killer k = { .url = f->options.url };
    struct thread *thread = thread_start("killer", THREAD_OTHER, kill_writers, &k);
    assert_non_null(thread);
    for (int i = 0; i < ROUNDS; i++)
        write_round(f, i);
    atomic_store(&k.stop, true);
    thread_join(thread);
    assert_true(atomic_load(&k.killed) > 20);
    expect_rounds(f, ROUNDS);
}

/* --- the lease and the fence --------------------------------------------------------------------------- */

static enum rc open_second(struct fixture *f, struct store **out, char *dir, struct buf *why)
{
    struct store_options o = f->options;
    o.dir = dir;
    assert_non_null(mkdtemp(dir));
    return store_open(&o, out, why);
}

static void a_second_node_is_refused_until_the_first_has_left(void **state)
{
    struct fixture *f = *state;
    struct store *second = NULL;
    struct buf why;
    char dir[] = "/tmp/grapnel-store-XXXXXX", again[] = "/tmp/grapnel-store-XXXXXX";
    buf_init(&why, 1024);
    struct published p = publish(f, (struct publish_spec){ 0 });
    assert_int_equal(open_second(f, &second, dir, &why), RC_CONFLICT);
    assert_true(str_contains(buf_str(&why), STR("another node has")) &&
                str_contains(buf_str(&why), STR("lease")));
    assert_int_equal(publish(f, (struct publish_spec){ 0 }).rc, RC_OK);
    store_close(f->store);
    f->store = NULL;
    assert_int_equal(open_second(f, &f->store, again, &why), RC_OK);
    assert_int_equal(finish(f, p.id, 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    remove_folder(dir);
    remove_folder(again);
    buf_fini(&why);
}

enum { LEFT = 25 };

/* A node that is killed: what it accepted is in its memory only. */
static void die_with_young(struct fixture *f, int ready)
{
    char dir[] = "/tmp/grapnel-store-XXXXXX";
    int64_t endpoints[] = { 1, 2 };
    if (open_second(f, &f->store, dir, NULL) != RC_OK)
        _exit(1);
    for (int i = 0; i < LEFT; i++) {
        struct published p =
            publish(f, (struct publish_spec){ .endpoints = endpoints, .endpoint_count = 2 });
        if (p.rc != RC_OK || finish(f, p.id, 2, STORE_PENDING, STORE_SUCCESS) != RC_OK)
            _exit(1);
    }
    remove_folder(dir);
    if (write(ready, "r", 1) == 1)
        (void)raise(SIGKILL);
    _exit(1);
}

static bool can_open(void *arg)
{
    struct fixture *f = arg;
    return store_open(&f->options, &f->store, NULL) == RC_OK;
}

static bool is_lease_over(void *arg)
{
    struct fixture *f = arg;
    char *left =
        postgres_run(f->options.url, "SELECT count(*) FROM node_beat"
                                     " WHERE state = 1 AND lease_until > clock_timestamp()");
    bool is_over = strcmp(left, "0") == 0;
    xfree(left);
    return is_over;
}

static void what_a_killed_node_had_accepted_waits_for_the_next_one_once_its_lease_is_over(
    void **state)
{
    struct fixture *f = *state;
    struct store_due due[LEFT + 1];
    size_t count;
    int ready[2], status;
    char byte;
    struct buf why;
    store_close(f->store);
    f->store = NULL;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        die_with_young(f, ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    buf_init(&why, 1024);
    assert_int_equal(store_open(&f->options, &f->store, &why), RC_CONFLICT);
    assert_true(str_contains(buf_str(&why), STR("its lease ends in")));
    wait_until(is_lease_over, f);
    buf_reset(&why);
    assert_int_equal(store_open(&f->options, &f->store, &why), RC_CONFLICT);
    assert_true(str_contains(buf_str(&why), STR("whether it comes back")));
    buf_fini(&why);
    f->options.seen_us = 5 * SECOND; /* the database was there all the time */
    wait_until(can_open, f);
    assert_int_equal(store_due_list(f->store, 1, 0, NULL, COUNT_OF(due), due, &count), RC_OK);
    assert_int_equal(count, LEFT);
    assert_int_equal(store_due_list(f->store, 2, 0, NULL, COUNT_OF(due), due, &count), RC_OK);
    assert_int_equal(count, 0);
    struct published p = publish(f, (struct publish_spec){ 0 });
    assert_int_equal(p.rc, RC_OK);
    expect_count(f, "SELECT count(*) FROM message", LEFT + 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

static void a_node_that_starts_again_in_its_folder_need_not_wait(void **state)
{
    struct fixture *f = *state;
    struct published p = publish(f, (struct publish_spec){ 0 });
    assert_int_equal(p.rc, RC_OK);
    store_close(f->store);
    /* As if it had been killed: its lease goes on. */
    run_sql(f,
            "UPDATE node_beat SET state = 1, lease_until = clock_timestamp() + interval '1 hour'");
    assert_int_equal(store_open(&f->options, &f->store, NULL), RC_OK);
    assert_true(store_may_deliver(f->store));
    assert_int_equal(finish(f, p.id, 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
}

static void a_node_that_was_fenced_writes_nothing_more_and_says_so(void **state)
{
    struct fixture *f = *state;
    struct buf why;
    assert_int_equal(publish(f, (struct publish_spec){ 0 }).rc, RC_OK);
    run_sql(f, "UPDATE node_fence SET epoch = epoch + 1");
    assert_int_equal(publish(f, (struct publish_spec){ 0 }).rc, RC_IO);
    buf_init(&why, 1024);
    assert_int_equal(store_health(f->store, &why), RC_DENIED);
    assert_false(store_may_deliver(f->store));
    assert_true(str_contains(buf_str(&why), STR("another node")));
    buf_fini(&why);
    expect_count(f, "SELECT count(*) FROM message", 1);
}

struct publisher {
    struct fixture *f;
    struct published p;
    atomic_bool is_done;
};

static void publish_one(void *arg)
{
    struct publisher *p = arg;
    p->p = publish(p->f, (struct publish_spec){ .key = "k" });
    atomic_store(&p->is_done, true);
}

static bool is_waiting_for_a_lock(void *arg)
{
    struct fixture *f = arg;
    char *count = postgres_run(f->options.url,
                               "SELECT count(*) FROM pg_locks WHERE NOT granted AND database ="
                               " (SELECT oid FROM pg_database WHERE datname = current_database())");
    bool is_so = count != NULL && strcmp(count, "0") != 0;
    xfree(count);
    return is_so;
}

/* The group waits for the slot's lock, and must see what became of the slot while it did. */
static void a_group_that_waited_while_its_node_was_fenced_is_refused(void **state)
{
    struct fixture *f = *state;
    struct publisher p = { .f = f };
    PGconn *c = session_open(f);
    session_run(c, "BEGIN; SELECT pg_advisory_xact_lock(1196573008, 1)");
    struct thread *thread = thread_start("publisher", THREAD_OTHER, publish_one, &p);
    assert_non_null(thread);
    wait_until(is_waiting_for_a_lock, f);
    session_run(c, "UPDATE node_fence SET epoch = epoch + 1; COMMIT");
    thread_join(thread);
    assert_int_equal(p.p.rc, RC_IO);
    expect_count(f, "SELECT count(*) FROM message", 0);
    PQfinish(c);
}

static bool are_two_waiting(void *arg)
{
    struct fixture *f = arg;
    char *count = postgres_run(f->options.url,
                               "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation ="
                               " CAST('node_beat' AS regclass)");
    bool is_so = count != NULL && strcmp(count, "2") == 0;
    xfree(count);
    return is_so;
}

static bool is_no_member(void *arg)
{
    struct fixture *f = arg;
    return store_health(f->store, NULL) != RC_OK;
}

/* The database may have set the lease right after it was asked: what it took to answer is no time that this node has. */
static void a_lease_counts_from_before_it_was_asked_for(void **state)
{
    enum { HELD_S = 3, LEASE_S = 5 };
    struct fixture *f = *state;
    PGconn *first = session_open(f), *second = session_open(f);
    session_run(first, "BEGIN; LOCK TABLE node_beat IN SHARE MODE");
    wait_until(is_waiting_for_a_lock, f); /* a beat was sent */
    assert_int_equal(PQsendQuery(second, "BEGIN; LOCK TABLE node_beat IN SHARE MODE"), 1);
    wait_until(are_two_waiting, f); /* and the one after it will wait, too */
    session_run(first, "SELECT pg_sleep(3); COMMIT");
    int64_t answered_us = clock_mono_us(clock_system());
    wait_until(is_no_member, f);
    int64_t had_us = clock_mono_us(clock_system()) - answered_us;
    assert_true(had_us < (LEASE_S - HELD_S + 1) * SECOND);
    PQfinish(first);
    PQfinish(second);
}

/* A group of a node that hangs has the slot's lock. It is ended, so that it cannot be committed after the slot was taken over. */
static void whoever_takes_over_ends_a_group_that_hangs(void **state)
{
    struct fixture *f = *state;
    PGconn *group = session_open(f);
    store_close(f->store);
    f->store = NULL;
    run_sql(
        f,
        "UPDATE node_beat SET state = 1, name = 'another', lease_until = clock_timestamp() - interval '1 s'");
    session_run(group, "BEGIN; SELECT pg_advisory_xact_lock_shared(1196573008, 1)");
    f->options.seen_us = 5 * SECOND;
    assert_int_equal(store_open(&f->options, &f->store, NULL), RC_OK);
    PGresult *r = PQexec(group, "COMMIT");
    assert_int_equal(PQresultStatus(r), PGRES_FATAL_ERROR);
    PQclear(r);
    PQfinish(group);
}

/* --- tables ------------------------------------------------------------------------------------------- */

static void tables_that_somebody_dropped_are_made_again(void **state)
{
    struct fixture *f = *state;
    run_sql(f, "DO $$ DECLARE n int; BEGIN FOR n IN SELECT s.n FROM segment s LOOP"
               " EXECUTE 'DROP TABLE message_' || n || ', attempt_' || n; END LOOP; END $$");
    run_sql(
        f,
        "DO $$ DECLARE t text; BEGIN FOR t IN SELECT relname FROM pg_class WHERE relkind = 'r' AND"
        " relname LIKE 'remembered%' LOOP EXECUTE 'DROP TABLE ' || t; END LOOP; END $$");
    struct published p = publish(f, (struct publish_spec){ .key = "k" });
    assert_int_equal(p.rc, RC_OK);
    assert_int_equal(finish(f, p.id, 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    assert_int_equal(publish(f, (struct publish_spec){ .key = "k" }).result, STORE_REPLAYED);
}

static atomic_int outcome_count;

static void count_outcome(struct store_job *job)
{
    assert_int_equal(job->rc, RC_OK);
    atomic_fetch_add(&outcome_count, 1);
}

static bool has_outcome(void *arg)
{
    (void)arg;
    return atomic_load(&outcome_count) == 1;
}

/* What was refused is not there either, whatever became of its commit: its key is free. */
static void publishes_are_refused_after_a_while_and_outcomes_kept_when_a_table_is_locked(
    void **state)
{
    struct fixture *f = *state;
    struct published first = publish(f, (struct publish_spec){ 0 });
    PGconn *c = session_open(f);
    session_run(c, "BEGIN; LOCK TABLE message, attempt IN ACCESS EXCLUSIVE MODE");
    struct store_outcome o = outcome_of(f, first.id, 1, STORE_PENDING, STORE_SUCCESS);
    o.job.done = count_outcome;
    atomic_store(&outcome_count, 0);
    store_submit_outcome(f->store, &o);
    int64_t began_s = now_s();
    struct published p = publish(f, (struct publish_spec){ .key = "k" });
    assert_int_equal(p.rc, RC_IO);
    assert_in_range(now_s() - began_s, PATIENCE_S - 1, 3 * PATIENCE_S);
    assert_int_equal(store_health(f->store, NULL), RC_IO);
    assert_int_equal(atomic_load(&outcome_count), 0);
    session_run(c, "ROLLBACK");
    PQfinish(c);
    wait_until(has_outcome, NULL);
    p = publish(f, (struct publish_spec){ .key = "k" });
    assert_int_equal(p.rc, RC_OK);
    assert_int_equal(p.result, STORE_CREATED);
    expect_count(f, "SELECT count(*) FROM message", 2);
    assert_int_equal(state_of(f, first.id, 1), STORE_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
        TEST(nothing_is_lost_or_doubled_when_connections_are_cut_around_a_commit),
        TEST(nothing_is_lost_or_doubled_when_connections_fall_silent_around_a_commit),
        TEST(a_group_that_goes_again_writes_even_if_all_of_it_is_there),
        TEST(nothing_is_lost_or_doubled_when_its_sessions_are_ended_all_the_time),
        TEST(a_second_node_is_refused_until_the_first_has_left),
        TEST(what_a_killed_node_had_accepted_waits_for_the_next_one_once_its_lease_is_over),
        TEST(a_node_that_starts_again_in_its_folder_need_not_wait),
        TEST(a_node_that_was_fenced_writes_nothing_more_and_says_so),
        TEST(a_group_that_waited_while_its_node_was_fenced_is_refused),
        TEST(a_lease_counts_from_before_it_was_asked_for),
        TEST(whoever_takes_over_ends_a_group_that_hangs),
        TEST(tables_that_somebody_dropped_are_made_again),
        TEST(publishes_are_refused_after_a_while_and_outcomes_kept_when_a_table_is_locked),
#undef TEST
    };
    (void)setenv("STORE_BACKEND", "postgres", 1);
    (void)setenv("STORE_CONFIG", "postgres", 1);
    if (!postgres_is_there())
        return postgres_skip();
    if (getenv("TEST_FILTER") != NULL)
        cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests_name("postgres writes", tests, NULL, NULL);
}
