/* SPDX-License-Identifier: Apache-2.0
 *
 * See copied.h.
 */
#include "copied.h"

#include "db/db.h"
#include "postgres.h"
#include "store/filter_run.h"
#include "store/request.h"
#include "things.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { PER_SEGMENT = 5, SOURCE = 41, MANY = 300 };

char *copied_url;

/* --- what there is to copy ---------------------------------------------------------------------------- */

static atomic_int jobs_done;

static void job_done(struct store_job *job)
{
    (void)job;
    atomic_fetch_add(&jobs_done, 1);
}

static bool are_done(void *arg)
{
    return atomic_load(&jobs_done) >= *(int *)arg;
}

static void wait_for_job(void)
{
    static int wanted;
    wanted++;
    wait_until(are_done, &wanted);
}

static void make_request(struct fixture *f, bool is_in_message)
{
    struct store_message from = { .id = id_new(store_ids(f->store)),
                                  .org = TEST_ORG,
                                  .app = TEST_APP,
                                  .created_us = test_now_us(),
                                  .event_type = STR("push"),
                                  .event_id = is_in_message ? STR("evt \xff") : STR_NONE,
                                  .headers = STR("X-A: \xe9\r\n"),
                                  .content_type = STR("text/plain"),
                                  .payload = STR("\x00\x01 bytes") };
    struct store_request row = { .id = from.id,
                                 .source = SOURCE,
                                 .app = TEST_APP,
                                 .at_us = test_now_us() + 5,
                                 .has_message = is_in_message,
                                 .outcome = is_in_message ? STORE_REQUEST_ACCEPTED : 1,
                                 .status = 200,
                                 .method = STR("POST"),
                                 .url = STR("/in/x?\xff"),
                                 .peer = STR("127.0.0.1"),
                                 .headers = STR("[[\"x-a\",\"b\"]]"),
                                 .lines = is_in_message ? from.headers : STR_NONE,
                                 .body = STR("\x00 body"),
                                 .body_bytes = 6,
                                 .event_type = STR("push"),
                                 .dedupe_id = STR("d\xfe") };
    struct store_record record = { .job = { .done = job_done }, .request = &row };
    struct store_publish p = { .job = { .done = job_done }, .request = &row };
    if (!is_in_message) {
        assert_int_equal(store_submit_record(f->store, &record), RC_OK);
        wait_for_job();
        assert_int_equal(record.job.rc, RC_OK);
        return;
    }
    p.message = store_message_new(&from);
    assert_int_equal(store_submit_publish(f->store, &p), RC_OK);
    wait_for_job();
    assert_int_equal(p.job.rc, RC_OK);
    store_message_unref(p.message);
}

static void make_run(struct fixture *f)
{
    struct store_filter_run_job j = { .job = { .done = job_done },
                                      .run = { .id = id_new(store_ids(f->store)),
                                               .app = TEST_APP,
                                               .started_us = test_now_us(),
                                               .took_us = 7,
                                               .event = STR("Login"),
                                               .filters = STR(" flt_a "),
                                               .summary = STR("{}"),
                                               .detail = STR("{\"a\":1}") } };
    assert_int_equal(store_submit_filter_run(f->store, &j), RC_OK);
    wait_for_job();
    assert_int_equal(j.job.rc, RC_OK);
}

static void end_without_attempt(struct fixture *f, struct id message, int64_t endpoint,
                                enum store_state from)
{
    struct store_outcome o = outcome_of(f, message, endpoint, from, STORE_CANCELED);
    o.has_attempt = false;
    o.reason = STORE_REASON_BY_HAND;
    assert_int_equal(record(f, &o), RC_OK);
}

static void ask_again(struct fixture *f, struct id message, int64_t endpoint, bool is_missing)
{
    struct store_requeue r = { .message = message,
                               .app = TEST_APP,
                               .endpoint = endpoint,
                               .now_us = test_now_us(),
                               .create_missing = is_missing,
                               .task = 77 };
    assert_int_equal(requeue(f, &r), RC_OK);
    store_message_unref(r.message_out);
}

/* Deliveries in every state, reached in every way. */
static void make_deliveries(struct fixture *f)
{
    const int64_t endpoints[] = { 900000, 5, 77, 5, 6, 7, 8, 9 };
    struct published p = publish(f, (struct publish_spec){ .endpoints = endpoints,
                                                           .endpoint_count = COUNT_OF(endpoints),
                                                           .channels = "[\"a\",\"\xc3\xbc\"]",
                                                           .tags = "[\"t\\u0000\"]" });
    assert_int_equal(finish(f, p.id, 5, STORE_PENDING, STORE_SUCCESS), RC_OK);
    assert_int_equal(finish(f, p.id, 77, STORE_PENDING, STORE_SENDING), RC_OK);
    assert_int_equal(finish(f, p.id, 6, STORE_PENDING, STORE_SENDING), RC_OK);
    test_advance_us(SECOND);
    assert_int_equal(finish(f, p.id, 6, STORE_SENDING, STORE_FAILED), RC_OK);
    end_without_attempt(f, p.id, 7, STORE_PENDING);
    assert_int_equal(finish(f, p.id, 8, STORE_PENDING, STORE_SENDING), RC_OK);
    end_without_attempt(f, p.id, 8, STORE_SENDING);
    end_without_attempt(f, p.id, 9, STORE_PENDING);
    assert_int_equal(finish(f, p.id, 9, STORE_PENDING, STORE_SENDING), RC_OK); /* was under way */
    ask_again(f, p.id, 5, false);
    ask_again(f, p.id, 100, true);
    ask_again(f, p.id, 101, true);
    assert_int_equal(finish(f, p.id, 101, STORE_PENDING, STORE_SUCCESS), RC_OK);
}

static void make_messages(struct fixture *f, int round)
{
    char key[32], event_id[32];
    int64_t many[MANY];
    for (int i = 0; i < MANY; i++)
        many[i] = 1000 + i;
    (void)snprintf(key, sizeof key, "key %d", round);
    (void)snprintf(event_id, sizeof event_id, "event %d", round);
    publish(f, (struct publish_spec){ .key = key, .event_id = event_id });
    publish(f, (struct publish_spec){ .key = event_id });
    publish(f, (struct publish_spec){ .event_id = key, .endpoint_count = 0, .endpoints = many });
    publish(f, (struct publish_spec){ .deliver_at_us = test_now_us() + HOUR });
    publish(f, (struct publish_spec){ .endpoints = many, .endpoint_count = MANY, .payload = "" });
    struct published gone = publish(f, (struct publish_spec){ .expires_us = test_now_us() + DAY });
    struct store_expunge e = { .message = gone.id, .app = TEST_APP };
    assert_int_equal(expunge(f, &e), RC_OK);
    xfree(e.canceled);
    make_deliveries(f);
    make_request(f, true);
    make_request(f, false);
    make_run(f);
    test_advance_us(SECOND);
}

static void make_config(struct fixture *f)
{
    struct things t = plan(f);
    struct store_tx *tx;
    assert_int_equal(store_write(f->store, &tx), RC_OK);
    make_all(tx, &t);
    assert_int_equal(store_setting_set(tx, "main secret proof", STR("\x00\xff sealed")), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    t = plan(f); /* numbers of what is gone are not given again */
    assert_int_equal(store_write(f->store, &tx), RC_OK);
    make_all(tx, &t);
    assert_int_equal(store_token_delete(tx, t.session.num), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
}

int copied_open(void **state)
{
    struct copied *c = XNEW(struct copied);
    (void)fixture_open(state);
    c->f = *state;
    c->f->options.segment_messages = PER_SEGMENT;
    fixture_reopen(c->f);
    make_config(c->f);
    for (int i = 0; i < 3; i++)
        make_messages(c->f, i);
    store_close(c->f->store);
    c->f->store = NULL;
    (void)snprintf(c->back, sizeof c->back, "%s-back", c->f->dir);
    buf_init(&c->why, 4096);
    postgres_empty(copied_url);
    *state = c;
    return 0;
}

int copied_close(void **state)
{
    struct copied *c = *state;
    remove_folder(c->back);
    buf_fini(&c->why);
    *state = c->f;
    xfree(c);
    return fixture_close(state);
}

/* --- copying ------------------------------------------------------------------------------------------ */

static void note_progress(void *ctx, int64_t done, int64_t of, bool was_there,
                          const struct store_copy_counts *segment)
{
    struct copied *c = ctx;
    (void)of;
    (void)segment;
    c->told++;
    c->were_there += was_there;
    if (done == c->kill_after)
        (void)kill(getpid(), SIGKILL);
}

static enum rc check_secret(void *ctx, struct db *config, struct buf *why)
{
    struct copied *c = ctx;
    enum rc rc;
    struct db_stmt *s = db_prepare(config, "SELECT value FROM setting WHERE name = ?");
    db_bind_text(s, 1, STR("main secret proof"));
    assert_true(db_step(s, &rc));
    assert_true(str_eq(db_borrow(s, 0), STR("\x00\xff sealed")));
    db_reset(s);
    if (c->verdict != RC_OK)
        buf_say(why, "not that secret");
    return c->verdict;
}

enum rc copied_try(struct copied *c, const char *from, const char *to)
{
    const struct store_copy_options o = { .from = from,
                                          .to = to,
                                          .clock = c->f->options.clock,
                                          .idempotency_us = 12 * HOUR,
                                          .no_sync = true,
                                          .check = check_secret,
                                          .progress = note_progress,
                                          .ctx = c };
    buf_reset(&c->why);
    c->told = c->were_there = 0;
    return store_copy(&o, &c->counts, &c->why);
}

void copied_well(struct copied *c, const char *from, const char *to)
{
    enum rc rc = copied_try(c, from, to);
    if (rc != RC_OK)
        fail_msg("%s: %.*s", rc_name(rc), STR_ARGS(buf_str(&c->why)));
}

void copied_expect_refused(struct copied *c, const char *from, const char *to, enum rc wanted,
                           const char *words)
{
    assert_int_equal(copied_try(c, from, to), wanted);
    if (!str_contains(buf_str(&c->why), str_from(words)))
        fail_msg("\"%s\" is not in: %.*s", words, STR_ARGS(buf_str(&c->why)));
}

void copied_expect_sql(const char *sql, const char *wanted)
{
    char *got = postgres_run(copied_url, sql);
    assert_non_null(got);
    assert_string_equal(got, wanted);
    xfree(got);
}

/* --- comparing ---------------------------------------------------------------------------------------- */

static void say_rows(struct buf *out, const char *path, const char *sql)
{
    const struct db_options o = { .busy_us = 5000000 };
    struct db *db;
    enum rc rc = db_open(path, DB_READ, &o, &db, out);
    assert_int_equal(rc, RC_OK);
    struct db_stmt *s = db_prepare_once(db, sql);
    while (db_step(s, &rc)) {
        struct str row = db_borrow(s, 0);
        assert_int_equal(buf_add_str(out, row), RC_OK);
        assert_int_equal(buf_add_char(out, '\n'), RC_OK);
    }
    assert_int_equal(rc, RC_OK);
    db_release(s);
    db_close(db);
}

static void expect_same_rows(const char *left, const char *right, const char *sql)
{
    struct buf a, b;
    buf_init(&a, 64 << 20);
    buf_init(&b, 64 << 20);
    say_rows(&a, left, sql);
    say_rows(&b, right, sql);
    assert_true(a.len > 0);
    if (!str_eq(buf_str(&a), buf_str(&b)))
        fail_msg("%s\n%s:\n%.*s\n%s:\n%.*s", sql, left, STR_ARGS(buf_str(&a)), right,
                 STR_ARGS(buf_str(&b)));
    buf_fini(&a);
    buf_fini(&b);
}

/* All rows of a table in one text each; columns are of the schema. */
static void expect_same_table(const char *left, const char *right, const char *table,
                              const char *without)
{
    struct buf columns, sql, ask;
    buf_init(&columns, 8192);
    buf_init(&sql, 16384);
    buf_init(&ask, 1024);
    buf_say(
        &ask,
        "SELECT group_concat('quote(\"' || name || '\")', ' || '','' || ') FROM pragma_table_info('%s')"
        " WHERE name NOT IN (%s)",
        table, without);
    say_rows(&columns, left, ask.ptr);
    buf_cut(&columns, columns.len - 1);
    buf_say(&sql, "SELECT '%s: ' || %.*s FROM \"%s\" UNION ALL SELECT 'end' ORDER BY 1", table,
            STR_ARGS(buf_str(&columns)), table);
    expect_same_rows(left, right, sql.ptr);
    buf_fini(&columns);
    buf_fini(&sql);
    buf_fini(&ask);
}

void copied_path(const char *dir, const char *name, char out[static COPIED_PATH_BYTES])
{
    (void)snprintf(out, COPIED_PATH_BYTES, "%s/%s", dir, name);
}

static void expect_same_config(const char *left, const char *right)
{
    static const char *const tables[] = {
        "setting",        "answer",         "organisation", "application",
        "endpoint",       "endpoint_key",   "event_type",   "token",
        "task",           "source",         "source_token", "filter",
        "filter_chain",   "user",           "gaia_webhook", "endpoint_health",
        "endpoint_count", "token_use",      "saved_view",   "issue_mark",
        "alert_rule",     "alert_sighting", "audit",        "sqlite_sequence",
    };
    char a[COPIED_PATH_BYTES], b[COPIED_PATH_BYTES];
    copied_path(left, "config.db", a);
    copied_path(right, "config.db", b);
    expect_same_rows(
        a, b,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'migration' ORDER BY 1");
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        expect_same_table(a, b, tables[i], "''");
}

static void expect_same_segment(const char *left, const char *right)
{
    static const char *const tables[] = { "message", "attempt", "remembered", "request",
                                          "filter_run" };
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        expect_same_table(left, right, tables[i], "'stretch', 'request_stretch'");
    /* What counts attempts ahead of the schedule means nothing once a delivery has ended. */
    expect_same_table(left, right, "delivery", "'stretch', 'ahead', 'attempts', 'last_at'");
    expect_same_rows(
        left, right,
        "SELECT msg || ' ' || endpoint || ' ' || attempts || ' ' || last_at FROM delivery ORDER BY 1");
    expect_same_rows(
        left, right,
        "SELECT msg || ' ' || endpoint || ' ' || ahead FROM delivery WHERE due IS NOT NULL ORDER BY 1");
    /* Every row is in the stretch that its key belongs to. */
    expect_same_rows(left, right,
                     "SELECT 'wrong ' || count(*) FROM message m JOIN delivery d ON d.msg = m.k"
                     " WHERE d.stretch <> m.stretch OR m.stretch <>"
                     " (SELECT max(n) FROM stretch WHERE kind = 0 AND (first <= k OR n = 0))");
}

/* *count: how many there are. */
void copied_expect_same(struct copied *c, int *count)
{
    char folder[COPIED_PATH_BYTES], a[COPIED_PATH_BYTES], b[COPIED_PATH_BYTES];
    expect_same_config(c->f->dir, c->back);
    copied_path(c->back, "segments", folder);
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    *count = 0;
    for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
        char name[COPIED_NAME_BYTES];
        if (!str_ends(str_from(e->d_name), STR(".db")))
            continue;
        (void)snprintf(name, sizeof name, "segments/%.40s", e->d_name);
        copied_path(c->f->dir, name, a);
        copied_path(c->back, name, b);
        expect_same_segment(a, b);
        ++*count;
    }
    (void)closedir(dir);
}

void copied_expect_back(struct copied *c)
{
    int count;
    copied_well(c, copied_url, c->back);
    copied_expect_same(c, &count);
    assert_true(count >= 3);
}
