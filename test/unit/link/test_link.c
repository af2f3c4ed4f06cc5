/* SPDX-License-Identifier: Apache-2.0
 *
 * Both ends of the link on one loop: a front that passes on, and a node at work that notes what it sees.
 */
#include "link/link.h"

#include "http/origin.h"
#include "metrics/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { MANY = 50, PATIENCE_US = 300000, DOOR = 7, BODY_MAX = 4096, TURNS_MAX = 2000 };

struct fixture {
    struct loop *loop;
    struct fetch_policy *policy;
    SSL_CTX *end_tls, *front_tls;
    struct http_server *end,
        *door; /* the node at work, and the listener of the one that stands by */
    struct link_front *front;
    struct fetch *client;
    char end_at[32], door_at[64];
    /* What the node at work saw last: */
    int calls, refused_status;
    unsigned seen_door;
    char host[64], peer[64], id[64], custom[64], mark[64], body[64], refused_why[64];
    int status; /* what it answers */
    bool is_done;
    struct http_call *kept[MANY];
};

static void keep(char *out, size_t room, struct str text)
{
    (void)snprintf(out, room, "%.*s", STR_ARGS(text));
}

static void note_call(void *ctx, struct http_call *call)
{
    static const struct http_header headers[] = { { { "X-Answer", 8 }, { "yes", 3 } } };
    struct fixture *f = ctx;
    http_origin_read(call);
    f->calls++;
    f->seen_door = call->door;
    f->refused_status = call->refused_status;
    keep(f->refused_why, sizeof f->refused_why, str_from(call->refused_why));
    keep(f->host, sizeof f->host, http_call_header(call, "host"));
    keep(f->peer, sizeof f->peer, call->peer);
    keep(f->id, sizeof f->id, call->request_id);
    keep(f->custom, sizeof f->custom, http_call_header(call, "x-custom"));
    keep(f->mark, sizeof f->mark, http_call_header(call, "grapnel-origin-peer"));
    keep(f->body, sizeof f->body, call->body);
    http_call_reply(call, &(struct http_reply){ .status = f->status,
                                                .content_type = STR("text/plain"),
                                                .body = STR("seen"),
                                                .headers = headers,
                                                .header_count = COUNT_OF(headers) });
}

static struct http_limits limits_of_test(void)
{
    return (struct http_limits){ .head_max = 16384,
                                 .body_max = BODY_MAX,
                                 .any_body_max = BODY_MAX,
                                 .head_us = 5000000,
                                 .body_us = 5000000,
                                 .idle_us = 5000000,
                                 .write_us = 5000000,
                                 .connections_max = 100 };
}

static struct http_server *serve_at(struct fixture *f, const char *address, SSL_CTX *tls,
                                    http_handler_fn handler, void *ctx, uint16_t *port)
{
    struct http_limits limits = limits_of_test();
    struct buf why;
    int fd = -1;
    buf_init(&why, 256);
    assert_int_equal(http_listen(address, &fd, &why), RC_OK);
    buf_fini(&why);
    *port = http_listen_port(fd);
    return http_server_new(f->loop, fd, tls, &limits, handler, ctx);
}

static struct http_server *serve(struct fixture *f, SSL_CTX *tls, http_handler_fn handler,
                                 void *ctx, char *at, size_t room)
{
    uint16_t port;
    struct http_server *server = serve_at(f, "127.0.0.1:0", tls, handler, ctx, &port);
    (void)snprintf(at, room, "127.0.0.1:%u", (unsigned)port);
    return server;
}

static void key_of(uint8_t fill, SSL_CTX **server, SSL_CTX **client)
{
    uint8_t key[TLS_KEY_BYTES];
    memset(key, fill, sizeof key);
    tls_shared_key(key, server, client);
}

static struct fixture *begin_with(uint8_t end_key, uint8_t front_key, int64_t patience_us)
{
    struct fixture *f = XNEW(struct fixture);
    SSL_CTX *unused;
    char at[32];
    f->loop = loop_new("test", clock_system());
    f->status = 200;
    assert_int_equal(fetch_policy_new(STR("127.0.0.0/8"), STR_NONE, false, &f->policy, NULL),
                     RC_OK);
    key_of(end_key, &f->end_tls, &unused);
    SSL_CTX_free(unused);
    key_of(front_key, &unused, &f->front_tls);
    SSL_CTX_free(unused);
    f->front = link_front_new(&(struct link_front_options){
        .loop = f->loop, .policy = f->policy, .tls = f->front_tls, .patience_us = patience_us });
    f->end = serve(f, f->end_tls, note_call, f, f->end_at, sizeof f->end_at);
    f->door = serve(f, NULL, link_front_handle, f->front, at, sizeof at);
    http_server_set_admission(f->door, link_front_admit, NULL);
    http_server_set_door(f->door, DOOR);
    (void)snprintf(f->door_at, sizeof f->door_at, "http://%s/a/path?and=query", at);
    f->client = fetch_own_new(f->loop, &(struct fetch_options){ .policy = f->policy });
    return f;
}

static struct fixture *begin(uint8_t end_key, uint8_t front_key)
{
    return begin_with(end_key, front_key, PATIENCE_US);
}

static void note_stopped(void *arg)
{
    (void)arg;
}

static void end(struct fixture *f)
{
    fetch_free(f->client);
    http_server_stop(f->door, 0, note_stopped, NULL);
    http_server_stop(f->end, 0, note_stopped, NULL);
    loop_turn(f->loop, 0);
    loop_turn(f->loop, 0);
    link_front_free(f->front);
    loop_turn(f->loop, 0);
    http_server_free(f->door);
    http_server_free(f->end);
    loop_turn(f->loop, 0);
    loop_free(f->loop);
    SSL_CTX_free(f->end_tls);
    SSL_CTX_free(f->front_tls);
    fetch_policy_unref(f->policy);
    xfree(f);
}

static void note_done(struct fetch_call *c)
{
    struct fixture *f = c->owner;
    f->is_done = true;
}

static void start_call(struct fixture *f, struct fetch_call *c, struct http_url *url,
                       struct str headers, struct str body)
{
    fetch_call_init(c);
    assert_int_equal(http_url_parse(str_from(f->door_at), url, NULL), RC_OK);
    c->url = url;
    c->headers = headers;
    c->body = body;
    c->done = note_done;
    c->owner = f;
    f->is_done = false;
    fetch_start(f->client, c);
}

static void finish_call(struct fixture *f)
{
    for (int i = 0; !f->is_done && i < TURNS_MAX; i++)
        loop_turn(f->loop, 20000);
    assert_true(f->is_done);
}

static void who_asked_travels_with_what_they_asked(void **state)
{
    struct fixture *f = begin(1, 1);
    struct fetch_call c;
    struct http_url url;
    (void)state;
    link_front_aim(f->front, str_from(f->end_at));
    start_call(f, &c, &url,
               STR("X-Custom: kept\r\nx-request-id: mine\r\ngrapnel-origin-peer: 192.0.2.1\r\n"),
               STR("hello"));
    finish_call(f);
    assert_int_equal(c.status, 200);
    assert_true(str_eq(c.response, STR("seen")));
    assert_true(str_eq(fetch_response_header(&c, "x-answer"), STR("yes")));
    assert_true(str_eq(fetch_response_header(&c, "content-type"), STR("text/plain")));
    assert_string_equal(f->body, "hello");
    assert_string_equal(f->custom, "kept");
    assert_string_equal(f->id, "mine");
    assert_string_equal(f->peer, "127.0.0.1");
    assert_string_equal(f->mark, "");
    assert_int_equal(f->seen_door, DOOR);
    assert_true(str_contains(str_from(f->door_at), str_from(f->host)));
    fetch_call_fini(&c);
    end(f);
}

static void a_body_that_is_refused_is_told_of_and_not_sent(void **state)
{
    struct fixture *f = begin(1, 1);
    struct fetch_call c;
    struct http_url url;
    static char large[BODY_MAX * 2];
    (void)state;
    f->status = 413;
    link_front_aim(f->front, str_from(f->end_at));
    start_call(f, &c, &url, STR_NONE, str_of(large, sizeof large));
    finish_call(f);
    assert_int_equal(c.status, 413);
    assert_int_equal(f->refused_status, 413);
    assert_true(strlen(f->refused_why) > 0);
    assert_string_equal(f->body, "");
    fetch_call_fini(&c);
    end(f);
}

static void a_call_waits_for_a_node_at_work(void **state)
{
    struct fixture *f = begin(1, 1);
    struct fetch_call c;
    struct http_url url;
    (void)state;
    start_call(f, &c, &url, STR_NONE, STR("hello"));
    for (int i = 0; i < 5; i++)
        loop_turn(f->loop, 10000);
    assert_false(f->is_done);
    link_front_aim(f->front, str_from(f->end_at));
    finish_call(f);
    assert_int_equal(c.status, 200);
    fetch_call_fini(&c);
    end(f);
}

static void a_call_that_waited_for_long_is_refused_and_may_be_tried_again(void **state)
{
    struct fixture *f = begin(1, 1);
    struct fetch_call c;
    struct http_url url;
    (void)state;
    start_call(f, &c, &url, STR_NONE, STR("hello"));
    finish_call(f);
    assert_int_equal(c.status, 503);
    assert_true(str_contains(c.response, STR("no_node_at_work")));
    assert_true(str_eq(fetch_response_header(&c, "retry-after"), STR("1")));
    fetch_call_fini(&c);
    end(f);
}

static void another_key_gets_nothing_through(void **state)
{
    struct fixture *f = begin(1, 2);
    struct fetch_call c;
    struct http_url url;
    (void)state;
    link_front_aim(f->front, str_from(f->end_at));
    start_call(f, &c, &url, STR_NONE, STR("hello"));
    finish_call(f);
    assert_int_equal(c.status, 503);
    assert_true(str_contains(c.response, STR("node_unreachable")));
    assert_int_equal(f->calls, 0);
    fetch_call_fini(&c);
    end(f);
}

static void an_address_that_is_none_counts_as_no_node(void **state)
{
    struct fixture *f = begin(1, 1);
    struct fetch_call c;
    struct http_url url;
    (void)state;
    link_front_aim(f->front, str_from(f->end_at)); /* nor does the one before count any more */
    link_front_aim(f->front, STR("no address/at all"));
    start_call(f, &c, &url, STR_NONE, STR("hello"));
    finish_call(f);
    assert_int_equal(c.status, 503);
    assert_int_equal(f->calls, 0);
    fetch_call_fini(&c);
    end(f);
}

enum { KNOCKS = 8 };

static int64_t failed_in_a_turn(struct fixture *f)
{
    int64_t before = metrics_value(METRIC_LINK_FAILED);
    loop_turn(f->loop, 10000);
    return metrics_value(METRIC_LINK_FAILED) - before;
}

/* All that were sent before anybody knew fail together; from then on few try it. */
static void few_calls_knock_at_a_node_that_cannot_be_reached(void **state)
{
    struct fixture *f = begin(1, 1);
    struct fetch_call calls[MANY];
    struct http_url urls[MANY];
    int64_t first = metrics_value(METRIC_LINK_FAILED), later = 0;
    (void)state;
    link_front_aim(f->front, STR("127.0.0.1:1"));
    for (size_t i = 0; i < MANY; i++)
        start_call(f, &calls[i], &urls[i], STR_NONE, STR("hello"));
    for (int i = 0; i < TURNS_MAX && metrics_value(METRIC_LINK_FAILED) < first + MANY; i++)
        loop_turn(f->loop, 10000);
    for (int i = 0; i < TURNS_MAX && later < 2 * (int64_t)KNOCKS; i++) {
        int64_t now = failed_in_a_turn(f);
        assert_in_range(now, 0, KNOCKS);
        later += now;
    }
    link_front_aim(f->front, str_from(f->end_at));
    for (int i = 0; i < TURNS_MAX && f->calls < MANY; i++)
        loop_turn(f->loop, 10000);
    assert_int_equal(f->calls, MANY);
    end(f);
    for (size_t i = 0; i < MANY; i++)
        fetch_call_fini(&calls[i]);
}

static void keep_call(void *ctx, struct http_call *call)
{
    struct fixture *f = ctx;
    f->kept[f->calls++] = call;
}

static void stop_end(struct fixture *f)
{
    http_server_stop(f->end, 0, note_stopped, NULL);
    loop_turn(f->loop, 0);
    loop_turn(f->loop, 0);
    http_server_free(f->end);
}

/* A node that is slow to answer is none that cannot be reached: eight answers that take their time hold nobody up. */
static void calls_that_take_their_time_hold_nobody_up(void **state)
{
    struct fixture *f = begin_with(1, 1, 30000000);
    struct fetch_call calls[MANY];
    struct http_url urls[MANY];
    int64_t first = metrics_value(METRIC_LINK_FAILED);
    uint16_t port;
    (void)state;
    stop_end(f);
    link_front_aim(f->front, str_from(f->end_at));
    for (size_t i = 0; i < MANY; i++)
        start_call(f, &calls[i], &urls[i], STR_NONE, STR("hello"));
    for (int i = 0; i < TURNS_MAX && metrics_value(METRIC_LINK_FAILED) < first + MANY; i++)
        loop_turn(f->loop, 10000);
    f->end = serve_at(f, f->end_at, f->end_tls, keep_call, f, &port);
    for (int i = 0; i < TURNS_MAX && f->calls < MANY; i++)
        loop_turn(f->loop, 10000);
    assert_int_equal(f->calls, MANY);
    for (size_t i = 0; i < MANY; i++)
        http_call_reply(f->kept[i], &(struct http_reply){ .status = 204 });
    end(f);
    for (size_t i = 0; i < MANY; i++)
        fetch_call_fini(&calls[i]);
}

static void closing_answers_what_waits(void **state)
{
    struct fixture *f = begin(1, 1);
    struct fetch_call c;
    struct http_url url;
    (void)state;
    start_call(f, &c, &url, STR_NONE, STR("hello"));
    for (int i = 0; i < 3; i++)
        loop_turn(f->loop, 10000);
    link_front_close(f->front);
    for (int i = 0; !f->is_done && i < 5; i++)
        loop_turn(f->loop, 10000);
    assert_true(f->is_done);
    assert_int_equal(c.status, 503);
    fetch_call_fini(&c);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asked_travels_with_what_they_asked),
        cmocka_unit_test(a_body_that_is_refused_is_told_of_and_not_sent),
        cmocka_unit_test(a_call_waits_for_a_node_at_work),
        cmocka_unit_test(a_call_that_waited_for_long_is_refused_and_may_be_tried_again),
        cmocka_unit_test(another_key_gets_nothing_through),
        cmocka_unit_test(an_address_that_is_none_counts_as_no_node),
        cmocka_unit_test(few_calls_knock_at_a_node_that_cannot_be_reached),
        cmocka_unit_test(calls_that_take_their_time_hold_nobody_up),
        cmocka_unit_test(closing_answers_what_waits),
    };
    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
