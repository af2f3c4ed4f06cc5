/* SPDX-License-Identifier: Apache-2.0
 *
 * See reads.h.
 */
#include "reads.h"

#include "store/postgres/readers_priv.h"
#include "store/postgres/schema_priv.h"
#include "store/postgres/segments_priv.h"

#include <inttypes.h>
#include <stdio.h>

static const int64_t start_us = READS_START_US;
static char *url;

static int64_t stand_still(void *ctx)
{
    (void)ctx;
    return start_us + 3 * DAY;
}

static const struct clock still = { stand_still, stand_still, NULL };

/* The store's parts that reads need: nobody writes. */
static struct reads *make_parts(void)
{
    struct reads *r = XNEW(struct reads);
    struct store_postgres *s = &r->store;
    store_options_defaults(&s->base.o);
    store_time_init(&s->base.time, &still, STR_NONE);
    s->base.o.clock = &s->base.time.clock;
    s->url = url;
    atomic_init(&s->span_us, DAY);
    store_postgres_segments_init(s);
    store_postgres_readers_init(s);
    store_postgres_counted_init(&s->counted);
    assert_int_equal(store_postgres_conn_open(&s->maker), RC_OK);
    arena_init(&r->arena);
    return r;
}

int reads_open(void **state)
{
    postgres_empty(url);
    struct reads *r = make_parts();
    assert_int_equal(store_postgres_schema_make(&r->store.maker, NULL), RC_OK);
    *state = r;
    return 0;
}

struct reads *reads_load(char *where)
{
    url = where;
    struct reads *r = make_parts();
    assert_int_equal(store_postgres_segments_load(&r->store, NULL), RC_OK);
    return r;
}

int reads_close(void **state)
{
    struct reads *r = *state;
    store_postgres_readers_fini(&r->store);
    store_postgres_segments_fini(&r->store);
    store_postgres_counted_fini(&r->store.counted);
    arena_fini(&r->arena);
    xfree(r);
    return 0;
}

void reads_cover(struct reads *r, int64_t at_us)
{
    assert_int_equal(store_postgres_segments_cover(&r->store, store_key_at(at_us)), RC_OK);
}

void reads_run(const char *fmt, ...)
{
    char sql[8192];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(sql, sizeof(sql), fmt, args);
    va_end(args);
    assert_true(len > 0 && len < (int)sizeof(sql));
    xfree(postgres_run(url, sql));
}

/* --- single rows ---------------------------------------------------------------------------------------- */

static struct id id_of(int64_t k)
{
    struct id id = { 0 };
    for (int i = 0; i < 8; i++)
        id.bytes[i] = (uint8_t)((uint64_t)k >> (56 - 8 * i));
    return id;
}

struct id reads_message(int64_t after_us, int64_t shown_later_us)
{
    int64_t k = store_key_at(start_us + after_us);
    reads_run(
        "INSERT INTO message(k, app, org, created, deliver_at, expires, shard, tail, event_type, endpoints, payload)"
        " VALUES(%" PRId64 ", %d, 1, %" PRId64
        ", 0, 0, 0, '\\x000000000000000000000000', 'a', '\\x010203', '{}')",
        k, TEST_APP, start_us + after_us + shown_later_us);
    return id_of(k);
}

void reads_attempt(struct id message, struct reads_attempt a)
{
    int64_t at_us = id_time_us(&message) + a.after_us;
    reads_run(
        "INSERT INTO attempt(msg, endpoint, ak, started, next_due, took, task, http_status, number, state_after, reason,"
        " trigger, success, tail) VALUES(%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64
        ", 0, 1, 0, 500, %d, %d, %d, 0, %s, '\\x000000000000000000000000')",
        id_key(&message), a.endpoint, store_key_at(at_us), at_us, a.number, (int)a.state_after,
        (int)a.reason, a.state_after == STORE_SUCCESS ? "true" : "false");
}

void reads_waiting(struct id message, int64_t endpoint, enum store_state state, int attempts)
{
    reads_run(
        "INSERT INTO waiting(shard, state, trigger, attempts, ahead, endpoint, msg, app, due, retry_at, asked, task, last_at,"
        " tail) VALUES(0, %d, 1, %d, 0, %" PRId64 ", %" PRId64
        ", %d, 77, 0, 0, 9, 55, '\\x000000000000000000000000')",
        (int)state, attempts, endpoint, id_key(&message), TEST_APP);
}

struct str reads_after(struct reads *r, const char *prefix, struct id id)
{
    char text[ID_TEXT_MAX + 1];
    return arena_str(&r->arena, id_format(str_from(prefix), &id, text));
}

void reads_begin(void)
{
    url = postgres_database();
}

void reads_end(void)
{
    xfree(url);
}

char *reads_ask(const char *sql)
{
    return postgres_run(url, sql);
}

void reads_disconnect(struct reads *r)
{
    store_postgres_readers_fini(&r->store);
    memset(r->store.readers, 0, sizeof(r->store.readers));
    store_postgres_readers_init(&r->store);
}
