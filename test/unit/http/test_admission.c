/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define KIB 1024

static struct http_call *judged[8];
static size_t judged_count;
static struct http_admission verdict;
static int refusal; /* a status, or 0: admitted as `verdict` says */
static bool is_late;

static void decide(struct http_call *call)
{
    if (refusal != 0)
        http_call_reply(call, &(struct http_reply){ .status = refusal });
    else
        http_call_admit(call, &verdict);
}

static void admit(void *ctx, struct http_call *call)
{
    (void)ctx;
    judged[judged_count++] = call;
    if (!is_late)
        decide(call);
}

struct place {
    struct harness h;
    struct share *bodies;
};

static void open_place(struct place *p, size_t total, size_t each)
{
    *p = (struct place){ 0 };
    judged_count = 0;
    refusal = 0;
    is_late = false;
    verdict = (struct http_admission){ .body_max = 1024 * KIB, .owner = 1 };
    harness_start(&p->h);
    p->bodies = share_new(total, each);
    http_server_set_admission(p->h.server, admit, p->bodies);
}

static void close_place(struct place *p)
{
    harness_stop(&p->h);
    share_free(p->bodies); /* which panics if anything was not given back */
}

/* A request that promises `length` bytes; none of them is sent. */
static int begin_body(struct place *p, size_t length)
{
    char head[200];
    int fd = client_connect(&p->h);
    int len = snprintf(head, sizeof(head),
                       "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", length);
    client_send(fd, str_of(head, (size_t)len));
    pump(&p->h);
    return fd;
}

static void send_body(struct place *p, int fd, size_t length)
{
    char block[16 * KIB];
    memset(block, 'b', sizeof(block));
    for (size_t sent = 0; sent < length; sent += sizeof(block)) {
        size_t left = length - sent;
        client_send(fd, str_of(block, left < sizeof(block) ? left : sizeof(block)));
        pump(&p->h);
    }
}

static void expect_status(struct place *p, int fd, const char *status)
{
    bool closed = false;
    struct str got = client_read(&p->h, fd, 12, &closed);
    assert_true(str_contains(got, str_from(status)));
}

static void whoever_is_refused_is_told_before_a_byte_of_the_body(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, 1024 * KIB, 1024 * KIB);
    refusal = 401;
    int fd = begin_body(&p, 500 * KIB);
    expect_status(&p, fd, "HTTP/1.1 401");
    assert_int_equal(p.h.call_count, 0);
    assert_int_equal(share_taken(p.bodies), 0);
    (void)close(fd);
    close_place(&p);
}

static void a_body_waits_until_its_head_has_been_judged(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, 1024 * KIB, 1024 * KIB);
    is_late = true;
    int fd = begin_body(&p, 100 * KIB);
    send_body(&p, fd, 100 * KIB);
    assert_int_equal(judged_count, 1);
    assert_int_equal(p.h.call_count, 0);
    assert_int_equal(share_taken(p.bodies), 0);
    decide(judged[0]);
    expect_status(&p, fd, "HTTP/1.1 200");
    assert_int_equal(p.h.call_count, 1);
    assert_int_equal(share_taken(p.bodies), 0); /* given back with the answer */
    (void)close(fd);
    close_place(&p);
}

static void a_peer_may_leave_while_its_head_is_judged(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, 1024 * KIB, 1024 * KIB);
    is_late = true;
    for (int i = 0; i < 2; i++) {
        int fd = begin_body(&p, 100 * KIB);
        struct linger now = { .l_onoff = 1 };
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        (void)close(fd);
        pump(&p.h);
        refusal = i == 0 ? 0 : 401;
        decide(judged[i]);
        pump(&p.h);
    }
    assert_int_equal(p.h.call_count, 0);
    close_place(&p);
}

static void the_verdict_may_set_another_limit_than_the_servers(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, 1024 * KIB, 1024 * KIB);
    verdict.body_max = 200 * KIB; /* the server's own is 64 KiB */
    int fd = begin_body(&p, 200 * KIB);
    send_body(&p, fd, 200 * KIB);
    expect_status(&p, fd, "HTTP/1.1 200");
    int larger = begin_body(&p, 200 * KIB + 1);
    expect_status(&p, larger, "HTTP/1.1 413");
    (void)close(fd);
    (void)close(larger);
    close_place(&p);
}

static void a_body_that_no_share_can_hold_is_too_large(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, 1024 * KIB, 256 * KIB);
    int fd = begin_body(&p, 256 * KIB + 1);
    expect_status(&p, fd, "HTTP/1.1 413");
    assert_int_equal(share_taken(p.bodies), 0);
    (void)close(fd);
    close_place(&p);
}

static void an_owner_takes_no_more_memory_than_its_share(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, 1024 * KIB, 256 * KIB);
    int first = begin_body(&p, 256 * KIB);
    send_body(&p, first, 240 * KIB);
    assert_int_equal(share_taken(p.bodies), 256 * KIB);
    int greedy = begin_body(&p, 256 * KIB);
    send_body(&p, greedy, 128 * KIB);
    expect_status(&p, greedy, "HTTP/1.1 503");
    assert_int_equal(share_taken(p.bodies), 256 * KIB);
    verdict.owner = 2;
    int other = begin_body(&p, 200 * KIB);
    send_body(&p, other, 200 * KIB);
    expect_status(&p, other, "HTTP/1.1 200");
    (void)close(first);
    (void)close(greedy);
    (void)close(other);
    close_place(&p);
}

static void all_bodies_together_take_no_more_than_the_total(void **state)
{
    (void)state;
    struct place p;
    int fds[4];
    open_place(&p, 256 * KIB, 128 * KIB);
    for (size_t i = 0; i < 4; i++) {
        verdict.owner = i;
        fds[i] = begin_body(&p, 128 * KIB);
        send_body(&p, fds[i], 112 * KIB);
    }
    assert_true(share_taken(p.bodies) <= 256 * KIB);
    expect_status(&p, fds[2], "HTTP/1.1 503");
    expect_status(&p, fds[3], "HTTP/1.1 503");
    for (size_t i = 0; i < 4; i++)
        (void)close(fds[i]);
    pump(&p.h);
    assert_int_equal(share_taken(p.bodies), 0);
    close_place(&p);
}

static void chunked_bodies_are_counted_and_bounded_alike(void **state)
{
    (void)state;
    struct place p;
    char chunk[16 * KIB + 16];
    open_place(&p, 1024 * KIB, 256 * KIB);
    int fd = client_connect(&p.h);
    client_send(fd, STR("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
    memset(chunk, 'c', sizeof(chunk));
    memcpy(chunk, "4000\r\n", 6);
    memcpy(chunk + 6 + 16 * KIB, "\r\n", 2);
    for (int i = 0; i < 20; i++) {
        client_send(fd, str_of(chunk, 16 * KIB + 8));
        pump(&p.h);
        assert_true(share_taken(p.bodies) <= 256 * KIB);
    }
    expect_status(&p, fd, "HTTP/1.1 413");
    (void)close(fd);
    close_place(&p);
}

static void nobody_is_asked_to_go_on_before_the_verdict(void **state)
{
    (void)state;
    struct place p;
    open_place(&p, 1024 * KIB, 1024 * KIB);
    is_late = true;
    int fd = client_connect(&p.h);
    client_send(
        fd,
        STR("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"));
    pump(&p.h);
    decide(judged[0]);
    pump(&p.h);
    expect_status(&p, fd, "HTTP/1.1 100");
    client_send(fd, STR("abc"));
    pump(&p.h);
    assert_int_equal(p.h.call_count, 1);
    refusal = 401;
    is_late = false;
    int refused = client_connect(&p.h);
    client_send(
        refused,
        STR("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"));
    expect_status(&p, refused, "HTTP/1.1 401");
    (void)close(fd);
    (void)close(refused);
    close_place(&p);
}

static void strangers_are_told_apart_by_address_and_by_network(void **state)
{
    (void)state;
    struct http_call a = { .peer = STR("2001:db8:1:2::5") },
                     b = { .peer = STR("2001:db8:1:2:9::7") };
    struct http_call c = { .peer = STR("2001:db8:1:3::5") }, d = { .peer = STR("192.0.2.1") };
    assert_int_equal(http_call_stranger(&a), http_call_stranger(&b));
    assert_int_not_equal(http_call_stranger(&a), http_call_stranger(&c));
    assert_int_not_equal(http_call_stranger(&a), http_call_stranger(&d));
    assert_true(http_call_stranger(&d) > INT64_MAX); /* no organisation's number */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_is_refused_is_told_before_a_byte_of_the_body),
        cmocka_unit_test(a_body_waits_until_its_head_has_been_judged),
        cmocka_unit_test(a_peer_may_leave_while_its_head_is_judged),
        cmocka_unit_test(the_verdict_may_set_another_limit_than_the_servers),
        cmocka_unit_test(a_body_that_no_share_can_hold_is_too_large),
        cmocka_unit_test(an_owner_takes_no_more_memory_than_its_share),
        cmocka_unit_test(all_bodies_together_take_no_more_than_the_total),
        cmocka_unit_test(chunked_bodies_are_counted_and_bounded_alike),
        cmocka_unit_test(nobody_is_asked_to_go_on_before_the_verdict),
        cmocka_unit_test(strangers_are_told_apart_by_address_and_by_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
