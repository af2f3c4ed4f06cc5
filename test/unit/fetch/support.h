/* SPDX-License-Identifier: Apache-2.0
 *
 * What the client's tests share: both clients under one roof, a pumped loop, and a call with its URL.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>

#include "fetch/fetch.h"
#include "receiver.h"

#include <cmocka.h>

enum client_kind { CLIENT_OWN, CLIENT_CURL, CLIENT_KINDS };
extern const char *const CLIENT_NAMES[CLIENT_KINDS];
#define FOR_BOTH(kind) for (enum client_kind kind = CLIENT_OWN; kind < CLIENT_KINDS; kind++)
#define ANSWER_OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct bench {
    struct loop *loop;
    struct fetch *fetch;
};
/* Loopback is allowed unless `o` brings a policy. `o` may be NULL. */
void bench_open(struct bench *b, enum client_kind kind, const struct fetch_options *o);
void bench_close(struct bench *b);

struct test_call {
    struct fetch_call call; /* first */
    struct http_url url;
    char text[512];
    int done_count;
};
/* A POST of "hello" to the URL, 30 s: longer than anything but a call that waits for it takes. */
void test_call_init(struct test_call *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void test_call_fini(struct test_call *t);
/* Starts it and turns the loop until it is done; panics after 90 s. */
void test_call_run(struct bench *b, struct test_call *t);
void test_call_start(struct bench *b, struct test_call *t);
void test_call_wait(struct bench *b, struct test_call *t);
void bench_turn_for(struct bench *b, int64_t us);

struct fetch_policy *policy_of(const char *allow, const char *deny);

#define assert_str(s, text) assert_true(str_eq((s), str_from(text)))
