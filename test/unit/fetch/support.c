/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the client's tests.
 */
#include <stddef.h>
#include <stdint.h>

#include "support.h"

#include <stdio.h>

enum { GIVE_UP_US = 90 * 1000 * 1000, CALL_DEADLINE_US = 30 * 1000 * 1000 };

const char *const CLIENT_NAMES[CLIENT_KINDS] = { "own", "curl" };

struct fetch_policy *policy_of(const char *allow, const char *deny)
{
    struct fetch_policy *p = NULL;
    struct buf why;

    buf_init(&why, 256);
    MUST(fetch_policy_new(str_from(allow), str_from(deny), false, &p, &why) == RC_OK);
    buf_fini(&why);
    return p;
}

void bench_open(struct bench *b, enum client_kind kind, const struct fetch_options *o)
{
    struct fetch_options options = { 0 };
    struct fetch_policy *loopback = policy_of("127.0.0.0/8, ::1", "");

    if (o != NULL)
        options = *o;
    if (options.policy == NULL)
        options.policy = loopback;
    b->loop = loop_new("test", clock_system());
    b->fetch =
        kind == CLIENT_OWN ? fetch_own_new(b->loop, &options) : fetch_curl_new(b->loop, &options);
    fetch_policy_unref(loopback);
}

void bench_close(struct bench *b)
{
    fetch_free(b->fetch);
    loop_turn(b->loop, 0);
    loop_free(b->loop);
}

static void on_done(struct fetch_call *c)
{
    struct test_call *t = CONTAINER_OF(c, struct test_call, call);
    t->done_count++;
}

void test_call_init(struct test_call *t, const char *fmt, ...)
{
    va_list args;

    fetch_call_init(&t->call);
    t->done_count = 0;
    va_start(args, fmt);
    (void)vsnprintf(t->text, sizeof(t->text), fmt, args);
    va_end(args);
    MUST(http_url_parse(str_from(t->text), &t->url, NULL) == RC_OK);
    t->call.url = &t->url;
    t->call.body = STR("hello");
    t->call.headers = STR("Content-Type: text/plain\r\n");
    t->call.deadline_us = CALL_DEADLINE_US;
    t->call.done = on_done;
}

void test_call_fini(struct test_call *t)
{
    fetch_call_fini(&t->call);
}

void test_call_start(struct bench *b, struct test_call *t)
{
    t->done_count = 0;
    fetch_start(b->fetch, &t->call);
}

void test_call_wait(struct bench *b, struct test_call *t)
{
    int64_t until_us = clock_mono_us(clock_system()) + GIVE_UP_US;

    while (t->done_count == 0) {
        MUST(clock_mono_us(clock_system()) < until_us);
        loop_turn(b->loop, 100 * 1000);
    }
    MUST(t->done_count == 1);
}

void test_call_run(struct bench *b, struct test_call *t)
{
    test_call_start(b, t);
    test_call_wait(b, t);
}

void bench_turn_for(struct bench *b, int64_t us)
{
    int64_t until_us = clock_mono_us(clock_system()) + us;

    while (clock_mono_us(clock_system()) < until_us)
        loop_turn(b->loop, 1000);
}
