/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "on_server.h"
#include "store/backend.h"

/* --- time ------------------------------------------------------------------------------------------- */

static _Atomic int64_t now_us = INT64_C(1800000000) * SECOND;
static _Atomic int64_t wall_ahead_us;

static int64_t read_mono(void *ctx)
{
    (void)ctx;
    return atomic_load(&now_us);
}

static int64_t read_wall(void *ctx)
{
    return read_mono(ctx) + atomic_load(&wall_ahead_us);
}

static const struct clock test_clock = { read_wall, read_mono, NULL };

void test_set_wall_ahead_us(int64_t us)
{
    atomic_store(&wall_ahead_us, us);
}

int64_t test_now_us(void)
{
    return atomic_load(&now_us);
}

void test_advance_us(int64_t us)
{
    atomic_fetch_add(&now_us, us);
}

void wait_until(bool (*is_so)(void *arg), void *arg)
{
    enum { SHORT = 200 }; /* most things are there in a moment */
    const struct timespec moment = { .tv_nsec = 20000 }, pause = { .tv_nsec = 2000000 };
    for (int i = 0; i < 40000 + SHORT; i++) {
        if (is_so(arg))
            return;
        (void)nanosleep(i < SHORT ? &moment : &pause, NULL);
    }
    fail_msg("waited too long");
}

/* --- the fixture --------------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void remove_folder(const char *dir)
{
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const struct store_backend *backend_of(const char *name)
{
    static const struct store_backend *const all[] = { &store_files_backend,
                                                       &store_postgres_backend };
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (name == NULL || strcmp(name, all[i]->name) == 0)
            return all[i];
    fail_msg("there is no backend '%s'", name);
    return NULL;
}

int fixture_open(void **state)
{
    struct fixture *f = XNEW(struct fixture);
    test_set_wall_ahead_us(0);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/grapnel-store-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    arena_init(&f->arena);
    store_options_defaults(&f->options);
    f->options.dir = f->dir;
    f->options.clock = &test_clock;
    f->options.backend = backend_of(getenv("STORE_BACKEND"));
    f->options.url = on_server_url();
    f->options.no_sync = true;
    f->options.free_min_bytes = 0;
    *state = f;
    fixture_reopen(f);
    return 0;
}

int fixture_close(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    arena_fini(&f->arena);
    remove_folder(f->dir);
    xfree(f);
    return 0;
}

bool fixture_is_files(const struct fixture *f)
{
    return f->options.backend == &store_files_backend;
}

void fixture_reopen(struct fixture *f)
{
    struct buf why;
    store_close(f->store);
    f->store = NULL;
    buf_init(&why, 1024);
    enum rc rc = store_open(&f->options, &f->store, &why);
    if (rc != RC_OK)
        fail_msg("%s: %.*s", rc_name(rc), STR_ARGS(buf_str(&why)));
    buf_fini(&why);
}

/* --- waiting for commits --------------------------------------------------------------------------------- */

static atomic_int done_count;

static void count_done(struct store_job *job)
{
    (void)job;
    atomic_fetch_add(&done_count, 1);
}

static bool is_done(void *arg)
{
    return atomic_load(&done_count) == *(int *)arg;
}

static enum rc await(struct store_job *job, int before)
{
    int wanted = before + 1;
    wait_until(is_done, &wanted);
    return job->rc;
}

static void hash_text(const char *text, uint8_t out[static 16])
{
    struct str s = str_from(text);
    memset(out, 0x5a, 16);
    memcpy(out, s.ptr, s.len < 16 ? s.len : 16);
}

static struct str text_or_none(const char *text)
{
    return text == NULL ? STR_NONE : str_from(text);
}

struct published publish(struct fixture *f, struct publish_spec spec)
{
    static const int64_t one[] = { 1 };
    struct store_message from = {
        .id = id_new(store_ids(f->store)),
        .org = TEST_ORG,
        .app = spec.app == 0 ? TEST_APP : spec.app,
        .created_us = read_wall(NULL),
        .deliver_at_us = spec.deliver_at_us,
        .due_us = spec.deliver_at_us > 0 ? spec.deliver_at_us : test_now_us(),
        .payload_expires_us = spec.expires_us,
        .event_type = str_from(spec.event_type == NULL ? "invoice.paid" : spec.event_type),
        .event_id = text_or_none(spec.event_id),
        .channels = text_or_none(spec.channels),
        .tags = text_or_none(spec.tags),
        .payload = str_from(spec.payload == NULL ? "{\"a\":1}" : spec.payload),
    };
    struct store_publish p = {
        .job = { .done = count_done },
        .message = store_message_new(&from),
        .endpoints = spec.endpoints == NULL ? one : spec.endpoints,
        .endpoint_count = spec.endpoints == NULL ? 1 : spec.endpoint_count,
        .has_key = spec.key != NULL,
    };
    if (p.has_key)
        hash_text(spec.key, p.key);
    hash_text(spec.body == NULL ? "body" : spec.body, p.body_hash);
    int before = atomic_load(&done_count);
    struct published out = { .rc = store_submit_publish(f->store, &p), .id = from.id };
    if (out.rc == RC_OK) {
        out.rc = await(&p.job, before);
        out.result = p.result;
        out.first = p.first;
        out.first_created_us = p.first_created_us;
    }
    store_message_unref(p.message);
    return out;
}

enum store_published publish_made(struct fixture *f, const struct store_message *from, uint8_t key)
{
    struct store_publish p = { .job = { .done = count_done },
                               .message = store_message_new(from),
                               .has_key = true,
                               .key = { key } };
    int before = atomic_load(&done_count);
    assert_int_equal(store_submit_publish(f->store, &p), RC_OK);
    assert_int_equal(await(&p.job, before), RC_OK);
    store_message_unref(p.message);
    return p.result;
}

struct store_outcome outcome_of(struct fixture *f, struct id message, int64_t endpoint,
                                enum store_state from, enum store_state to)
{
    return (struct store_outcome){
        .message = message,
        .app = TEST_APP,
        .endpoint = endpoint,
        .from = from,
        .to = to,
        .next_due_us = test_now_us() + 5 * SECOND,
        .attempt_count = 1,
        .has_attempt = true,
        .attempt = id_new(store_ids(f->store)),
        .success = to == STORE_SUCCESS,
        .http_status = to == STORE_SUCCESS ? 200 : 500,
        .started_us = test_now_us(),
        .took_us = 1234,
        .url = STR("https://receiver.example/hook"),
        .response = STR("thanks"),
        .response_headers = STR("x-a: b\r\n"),
        .request_headers = STR("webhook-id: m\r\n"),
    };
}

enum rc record(struct fixture *f, struct store_outcome *o)
{
    int before = atomic_load(&done_count);
    o->job.done = count_done;
    store_submit_outcome(f->store, o);
    return await(&o->job, before);
}

enum rc finish(struct fixture *f, struct id message, int64_t endpoint, enum store_state from,
               enum store_state to)
{
    struct store_outcome o = outcome_of(f, message, endpoint, from, to);
    return record(f, &o);
}

enum rc requeue(struct fixture *f, struct store_requeue *r)
{
    int before = atomic_load(&done_count);
    r->job.done = count_done;
    enum rc rc = store_submit_requeue(f->store, r);
    return rc == RC_OK ? await(&r->job, before) : rc;
}

enum rc expunge(struct fixture *f, struct store_expunge *e)
{
    int before = atomic_load(&done_count);
    e->job.done = count_done;
    enum rc rc = store_submit_expunge(f->store, e);
    if (rc == RC_OK)
        rc = await(&e->job, before);
    xfree(e->canceled);
    e->canceled = NULL;
    return rc;
}

int state_of(struct fixture *f, struct id message, int64_t endpoint)
{
    struct store_delivery_row *rows;
    size_t count;
    assert_int_equal(
        store_delivery_by_message(f->store, TEST_APP, &message, &f->arena, &rows, &count), RC_OK);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].endpoint == endpoint)
            return (int)rows[i].state;
    }
    return 0;
}

const char *id_text(struct fixture *f, const char *prefix, struct id id)
{
    char text[ID_TEXT_MAX + 1];
    return arena_str(&f->arena, id_format(str_from(prefix), &id, text)).ptr;
}
