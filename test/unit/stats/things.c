/* SPDX-License-Identifier: Apache-2.0 */
#include "things.h"

#include "postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *url;

const int64_t midnight_us = INT64_C(1767571200) * 1000000;

static void open_stats(struct fixture *f)
{
    f->stats = stats_open(&f->options);
    assert_non_null(f->stats);
}

void fixture_use(const char *of)
{
    url = of;
}

int fixture_join(void **state)
{
    struct fixture *f = XNEW(struct fixture);
    thread_set_kind(THREAD_WORKER);
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/grapnel-stats-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->file, sizeof(f->file), "%s/stats.db", f->dir);
    clock_fake_init(&f->clock, midnight_us + 10 * 1000000);
    clock_fake_init(&f->own, midnight_us + 10 * 1000000);
    f->options = (struct stats_options){ .dir = f->dir,
                                         .url = url,
                                         .clock = &f->clock.clock,
                                         .own = &f->own.clock,
                                         .rng = rng_system(),
                                         .size_max = 512 * 1024 * 1024,
                                         .no_thread = true };
    open_stats(f);
    *state = f;
    return 0;
}

int fixture_open(void **state)
{
    if (url != NULL)
        postgres_empty(url);
    return fixture_join(state);
}

static void remove_files(struct fixture *f)
{
    static const char *const tails[] = { "", "-wal", "-shm" };
    char name[128];
    for (size_t i = 0; i < COUNT_OF(tails); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", f->file, tails[i]);
        (void)unlink(name);
    }
    (void)rmdir(f->dir);
}

int fixture_close(void **state)
{
    struct fixture *f = *state;
    stats_close(f->stats);
    remove_files(f);
    xfree(f);
    return 0;
}

/* Nothing of what it has in memory is written. */
void fixture_crash(struct fixture *f)
{
    f->stats->counts = false;
    stats_close(f->stats);
    open_stats(f);
}

void fixture_reopen(struct fixture *f)
{
    stats_close(f->stats);
    open_stats(f);
}

void move(struct fixture *f, int64_t us)
{
    f->clock.now_us += us;
    f->own.now_us += us;
}

void pass(struct fixture *f, int64_t us)
{
    int64_t until_us = f->clock.now_us + us;
    while (f->clock.now_us < until_us) {
        int64_t wall_us = clock_wall_us(&f->clock.clock);
        int64_t step = MINUTE - wall_us % MINUTE;
        if (step > until_us - f->clock.now_us)
            step = until_us - f->clock.now_us;
        move(f, step);
        stats_tick(f->stats, false);
    }
}

void set_wall(struct fixture *f, int64_t ahead_us)
{
    f->clock.wall_ahead_us = ahead_us;
}

void commit_job(struct fixture *f, enum store_job_kind kind, struct store_job *job)
{
    const struct store_watcher *w = stats_watcher(f->stats);
    w->begin(w->ctx);
    w->job(w->ctx, kind, job);
    w->end(w->ctx);
}

void accept_at(struct fixture *f, int64_t app, int64_t endpoint)
{
    struct store_message m = {
        .org = ORG, .app = app, .event_type = STR("user.created"), .payload = STR("{\"name\":1}")
    };
    struct store_publish p = { .message = &m, .endpoints = &endpoint, .endpoint_count = 1 };
    commit_job(f, STORE_JOB_PUBLISH, &p.job);
}

void accept_messages(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++)
        accept_at(f, APP, ENDPOINT);
}

struct store_outcome outcome_of(struct fixture *f, enum store_state to, int status, int64_t took_us)
{
    return (struct store_outcome){ .message = id_at(clock_wall_us(&f->own.clock) - 20000),
                                   .app = APP,
                                   .endpoint = ENDPOINT,
                                   .from = STORE_PENDING,
                                   .to = to,
                                   .attempt_count = 1,
                                   .has_attempt = true,
                                   .success = to == STORE_SUCCESS,
                                   .http_status = status,
                                   .took_us = took_us,
                                   .org = ORG,
                                   .event_type = STR("user.created"),
                                   .sent_bytes = 100 };
}

void commit_outcome(struct fixture *f, struct store_outcome *o)
{
    commit_job(f, STORE_JOB_OUTCOME, &o->job);
}

struct stats_point *points(struct fixture *f, enum stats_kind kind, int64_t id, int64_t from_us,
                           int64_t step_us, size_t count)
{
    struct stats_subject of = { kind, id };
    struct stats_query q = { &of, 1, from_us, step_us, count };
    struct stats_point *out = xcalloc(count, sizeof(*out));
    assert_int_equal(stats_read(f->stats, &q, out), RC_OK);
    return out;
}

int64_t value(struct fixture *f, enum stats_kind kind, int64_t id, int64_t at_us, int64_t step_us,
              enum stats_field field)
{
    struct stats_point *p = points(f, kind, id, at_us, step_us, 1);
    int64_t n = p->is_known ? (int64_t)p->cell.n[field] : -1;
    xfree(p);
    return n;
}

int64_t used_bytes(struct fixture *f)
{
    struct stats_rows *rows = &f->stats->rows;
    int64_t bytes = 0;
    enum rc rc = rows->engine->used != NULL ? rows->engine->used(rows, &bytes)
                                            : rows->engine->size(rows, &bytes);
    assert_int_equal(rc, RC_OK);
    return bytes;
}
