/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers without an end, through real sockets.
 */
#include "harness.h"

#include "http/stream.h"

#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: a\r\n"
#define GET "GET /stream HTTP/1.1\r\n" HOST "\r\n"

/* The last stream that was begun. */
struct stream {
    struct http_call *call; /* NULL: none, or it is gone */
    int begun, gone, stopped;
};

static void on_gone(void *arg)
{
    struct stream *s = arg;
    s->call = NULL;
    s->gone++;
}

static void on_stop(void *arg)
{
    struct stream *s = arg;
    s->stopped++;
    assert_true(http_stream_write(s->call, STR("bye\n")));
    http_stream_end(s->call);
    s->call = NULL;
}

static const struct http_stream_kind kind = { on_gone, on_stop };

static void handle(void *ctx, struct http_call *call)
{
    struct stream *s = ctx;
    struct http_reply reply = { .status = 200, .content_type = STR("text/event-stream") };
    if (!str_eq(call->head->path, STR("/stream"))) {
        harness_answer(call);
        return;
    }
    s->begun++;
    s->call = http_stream_begin(call, &reply, &kind, s) ? call : NULL;
}

static void start(struct harness *h, struct stream *s)
{
    *h = (struct harness){ .handler = handle, .handler_ctx = s };
    *s = (struct stream){ .call = NULL };
    harness_start(h);
}

static void assert_has(struct str s, const char *what)
{
    if (!str_contains(s, str_from(what)))
        fail_msg("'%s' is not in '%.*s'", what, STR_ARGS(s));
}

static void assert_is(struct str s, const char *what)
{
    if (!str_eq(s, str_from(what)))
        fail_msg("'%.*s' is not '%s'", STR_ARGS(s), what);
}

static void goes_out_in_chunks_as_it_is_written(void **state)
{
    (void)state;
    struct harness h;
    struct stream s;
    start(&h, &s);
    int fd = client_connect(&h);
    struct str got = client_exchange(&h, fd, STR(GET));
    assert_has(got, "HTTP/1.1 200 OK\r\n");
    assert_has(got, "\r\nTransfer-Encoding: chunked\r\n");
    assert_has(got, "\r\nContent-Type: text/event-stream\r\n");
    assert_false(str_contains(got, STR("Content-Length")));
    assert_true(http_stream_write(s.call, STR("one")));
    got = client_exchange(&h, fd, STR(""));
    assert_is(got, "3\r\none\r\n");
    assert_true(http_stream_write(s.call, STR("")));
    assert_true(http_stream_write(s.call, STR("twenty bytes it has.")));
    got = client_exchange(&h, fd, STR(""));
    assert_is(got, "14\r\ntwenty bytes it has.\r\n");
    http_stream_end(s.call);
    got = client_exchange(&h, fd, STR("GET /after HTTP/1.1\r\n" HOST "\r\n"));
    assert_true(str_starts(got, STR("0\r\n\r\nHTTP/1.1 200 OK"))); /* the connection is kept */
    assert_int_equal(s.gone, 0);
    (void)close(fd);
    harness_stop(&h);
}

static void goes_out_plain_to_the_first_version_and_ends_with_the_connection(void **state)
{
    (void)state;
    struct harness h;
    struct stream s;
    start(&h, &s);
    int fd = client_connect(&h);
    struct str got =
        client_exchange(&h, fd, STR("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    assert_has(got, "\r\nConnection: close\r\n");
    assert_false(str_contains(got, STR("Transfer-Encoding")));
    assert_true(http_stream_write(s.call, STR("plain")));
    got = client_exchange(&h, fd, STR(""));
    assert_is(got, "plain");
    http_stream_end(s.call);
    assert_true(client_is_closed(&h, fd));
    (void)close(fd);
    harness_stop(&h);
}

static void head_gets_the_head_alone(void **state)
{
    (void)state;
    struct harness h;
    struct stream s;
    start(&h, &s);
    int fd = client_connect(&h);
    struct str got = client_exchange(
        &h, fd, STR("HEAD /stream HTTP/1.1\r\n" HOST "\r\nGET /next HTTP/1.1\r\n" HOST "\r\n"));
    assert_int_equal(s.begun, 1);
    assert_null(s.call);
    assert_int_equal(occurrences(got, "HTTP/1.1 200 OK"), 2);
    (void)close(fd);
    harness_stop(&h);
}

static void a_request_behind_a_stream_is_answered_after_its_end(void **state)
{
    (void)state;
    struct harness h;
    struct stream s;
    start(&h, &s);
    int fd = client_connect(&h);
    struct str got = client_exchange(&h, fd, STR(GET "GET /next HTTP/1.1\r\n" HOST "\r\n"));
    assert_int_equal(occurrences(got, "HTTP/1.1 200 OK"), 1);
    client_send(fd, STR("GET /third HTTP/1.1\r\n" HOST "\r\n"));
    pump(&h);
    assert_true(http_stream_write(s.call, STR("x")));
    http_stream_end(s.call);
    got = client_exchange(&h, fd, STR(""));
    assert_true(str_starts(got, STR("1\r\nx\r\n0\r\n\r\nHTTP/1.1 200 OK")));
    assert_has(got, "GET /next:");
    assert_has(got, "GET /third:");
    (void)close(fd);
    harness_stop(&h);
}

static void a_reader_that_closes_is_noticed_at_once(void **state)
{
    (void)state;
    struct harness h;
    struct stream s;
    start(&h, &s);
    int fd = client_connect(&h);
    (void)client_exchange(&h, fd, STR(GET));
    assert_non_null(s.call);
    (void)close(fd);
    pump(&h);
    assert_int_equal(s.gone, 1);
    fd = client_connect(&h);
    (void)client_exchange(&h, fd, STR(GET));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    pump(&h);
    assert_int_equal(s.gone, 2);
    (void)close(fd);
    harness_stop(&h);
}

static void a_writer_may_go_on_until_it_is_told_that_the_reader_is_gone(void **state)
{
    (void)state;
    struct harness h;
    struct stream s;
    start(&h, &s);
    int fd = client_connect(&h);
    (void)client_exchange(&h, fd, STR(GET));
    struct linger reset = { .l_onoff = 1 };
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    (void)close(fd); /* with a reset, which the next write meets */
    for (int i = 0; i < 3; i++)
        assert_true(http_stream_write(s.call, STR("more")));
    assert_int_equal(s.gone, 0);
    pump(&h);
    assert_int_equal(s.gone, 1);
    harness_stop(&h);
}

static void ends_between_the_loss_and_its_news_without_hearing_of_it(void **state)
{
    (void)state;
    struct harness h;
    struct stream s;
    start(&h, &s);
    int fd = client_connect(&h);
    (void)client_exchange(&h, fd, STR(GET));
    struct linger reset = { .l_onoff = 1 };
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    (void)close(fd);
    assert_true(http_stream_write(s.call, STR("more")));
    http_stream_end(s.call);
    pump(&h);
    assert_int_equal(s.gone, 0);
    harness_stop(&h);
}

/* Until nothing more is taken. */
static size_t fill(struct stream *s, struct str line)
{
    size_t written = 0;
    while (http_stream_write(s->call, line))
        written += line.len;
    return written;
}

static void a_slow_reader_costs_what_does_not_fit_and_nothing_is_cut(void **state)
{
    (void)state;
    struct harness h;
    struct stream s;
    char line[1000];
    memset(line, '#', sizeof(line));
    start(&h, &s);
    int fd = client_connect_narrow(&h);
    client_send(fd, STR(GET));
    pump(&h);
    size_t written = fill(&s, str_of(line, sizeof(line)));
    assert_true(written >= HTTP_STREAM_BUFFER - 2000);
    assert_true(http_stream_room(s.call) < sizeof(line));
    advance(&h, 10 * h.limits.write_us); /* it is not late: nobody waits for the end of it */
    assert_int_equal(s.gone, 0);
    bool is_closed = false;
    size_t got = 0;
    while (got < written) {
        struct str part = client_read(&h, fd, 1000, &is_closed);
        assert_true(part.len > 0 && !is_closed);
        for (size_t i = 0; i < part.len; i++)
            got += part.ptr[i] == '#';
    }
    assert_int_equal(got, written); /* each line whole */
    pump(&h);
    assert_true(http_stream_write(s.call, str_of(line, sizeof(line))));
    (void)close(fd);
    pump(&h);
    assert_int_equal(s.gone, 1);
    harness_stop(&h);
}

static void a_reader_that_takes_nothing_for_minutes_is_cut(void **state)
{
    (void)state;
    struct harness h;
    struct stream s;
    char line[1000];
    memset(line, '#', sizeof(line));
    start(&h, &s);
    int fd = client_connect_narrow(&h);
    client_send(fd, STR(GET));
    pump(&h);
    (void)fill(&s, str_of(line, sizeof(line)));
    advance(&h, HTTP_STREAM_STALL_US - 1000000);
    assert_int_equal(s.gone, 0);
    advance(&h, 2000000);
    assert_int_equal(s.gone, 1);
    (void)close(fd);
    harness_stop(&h);
}

static void a_quiet_stream_lives_however_long(void **state)
{
    (void)state;
    struct harness h;
    struct stream s;
    start(&h, &s);
    int fd = client_connect(&h);
    (void)client_exchange(&h, fd, STR(GET));
    advance(&h, 3 * HTTP_STREAM_STALL_US);
    assert_int_equal(s.gone, 0);
    assert_true(http_stream_write(s.call, STR("still")));
    struct str got = client_exchange(&h, fd, STR(""));
    assert_is(got, "5\r\nstill\r\n");
    (void)close(fd);
    harness_stop(&h);
}

static void stopping_lets_it_say_goodbye(void **state)
{
    (void)state;
    struct harness h;
    struct stream s;
    start(&h, &s);
    int fd = client_connect(&h);
    (void)client_exchange(&h, fd, STR(GET));
    harness_stop(&h);
    assert_int_equal(s.stopped, 1);
    assert_int_equal(s.gone, 0);
    char got[64] = { 0 };
    assert_true(recv(fd, got, sizeof(got) - 1, 0) > 0);
    assert_string_equal(got, "4\r\nbye\n\r\n0\r\n\r\n");
    assert_int_equal(recv(fd, got, sizeof(got), 0), 0);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_out_in_chunks_as_it_is_written),
        cmocka_unit_test(goes_out_plain_to_the_first_version_and_ends_with_the_connection),
        cmocka_unit_test(head_gets_the_head_alone),
        cmocka_unit_test(a_request_behind_a_stream_is_answered_after_its_end),
        cmocka_unit_test(a_reader_that_closes_is_noticed_at_once),
        cmocka_unit_test(a_writer_may_go_on_until_it_is_told_that_the_reader_is_gone),
        cmocka_unit_test(ends_between_the_loss_and_its_news_without_hearing_of_it),
        cmocka_unit_test(a_slow_reader_costs_what_does_not_fit_and_nothing_is_cut),
        cmocka_unit_test(a_reader_that_takes_nothing_for_minutes_is_cut),
        cmocka_unit_test(a_quiet_stream_lives_however_long),
        cmocka_unit_test(stopping_lets_it_say_goodbye),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
