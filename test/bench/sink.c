/* SPDX-License-Identifier: Apache-2.0
 *
 * The receiver of the benchmark: answers every request 204 as cheaply as a process can, and counts.
 * Requests to /flaky are answered 503 every second time.
 * Prints "port N", then for each line of standard input a line: for an empty one "count N last_us M"
 * (M: when the last request came, monotonic clock); for "delays" "p50_us A p99_us B" (from the "at"
 * of the load generator's payloads to their arrival, of those since it was last asked, at most a
 * million). The end of input ends it.
 */
#include "base/base.h"
#include "http/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IN_MAX = 1 << 17, HEAD_MAX = 16384, EVENTS = 256, BACKLOG = 4096, SAMPLES_MAX = 1000000 };

struct peer {
    int fd;
    size_t len;
    char in[IN_MAX];
};

struct sink {
    int epoll, listener;
    int64_t count, last_us;
    int64_t *samples; /* how long deliveries took */
    size_t sample_count;
    uint64_t flaky_count;
};

static const char done[] = "HTTP/1.1 204 No Content\r\n\r\n";
static const char refusal[] = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";

static void watch(const struct sink *s, int fd, void *what)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

    MUST(epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) == 0);
}

static void accept_all(struct sink *s)
{
    int on = 1;

    for (;;) {
        int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct peer *p = XNEW(struct peer);
        p->fd = fd;
        watch(s, fd, p);
    }
}

static void drop(struct peer *p)
{
    close(p->fd);
    xfree(p);
}

/* {"n":1,"at":123,... */
static void sample(struct sink *s, struct str body)
{
    struct str n, at;
    int64_t sent_us;

    if (s->sample_count == SAMPLES_MAX || !str_split(&body, ',', &n) || !str_split(&body, ',', &at))
        return;
    if (str_skip_prefix(&at, STR("\"at\":")) && str_to_i64(at, &sent_us) == RC_OK)
        s->samples[s->sample_count++] = clock_mono_us(clock_system()) - sent_us;
}

static int by_size(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

static int64_t quantile(const struct sink *s, double q)
{
    return s->sample_count == 0 ? 0 : s->samples[(size_t)((double)(s->sample_count - 1) * q)];
}

static bool answer(struct sink *s, const struct peer *p, struct str target)
{
    bool is_refused = str_eq(target, STR("/flaky")) && s->flaky_count++ % 2 == 0;
    struct str text = str_from(is_refused ? refusal : done);

    s->count += !is_refused;
    return send(p->fd, text.ptr, text.len, MSG_NOSIGNAL) == (ssize_t)text.len;
}

/* False: the peer is gone or talks nonsense. */
static bool answer_requests(struct sink *s, struct peer *p)
{
    struct http_head head;
    struct http_parse_error error;
    size_t at = 0, used;

    while (at < p->len) {
        enum http_parse parsed =
            http_parse_request(str_of(p->in + at, p->len - at), HEAD_MAX, &head, &used, &error);
        if (parsed == HTTP_PARSE_BAD || (parsed == HTTP_PARSE_OK && used + head.length > IN_MAX))
            return false;
        if (parsed == HTTP_PARSE_MORE || at + used + head.length > p->len)
            break;
        sample(s, str_of(p->in + at + used, head.length));
        at += used + head.length;
        if (!answer(s, p, head.target))
            return false;
    }
    memmove(p->in, p->in + at, p->len - at);
    p->len -= at;
    s->last_us = clock_mono_us(clock_system());
    return true;
}

static void on_peer(struct sink *s, struct peer *p)
{
    ssize_t n = recv(p->fd, p->in + p->len, IN_MAX - p->len, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        drop(p);
        return;
    }
    p->len += (size_t)n;
    if (!answer_requests(s, p))
        drop(p);
}

static void tell_delays(struct sink *s)
{
    if (s->sample_count > 1)
        qsort(s->samples, s->sample_count, sizeof *s->samples, by_size);
    printf("p50_us %" PRId64 " p99_us %" PRId64 "\n", quantile(s, 0.5), quantile(s, 0.99));
    s->sample_count = 0;
}

/* False: standard input ended. */
static bool on_input(struct sink *s)
{
    char line[64];
    ssize_t n = read(STDIN_FILENO, line, sizeof line);

    if (n <= 0)
        return false;
    if (line[0] == 'd')
        tell_delays(s);
    else
        printf("count %" PRId64 " last_us %" PRId64 "\n", s->count, s->last_us);
    fflush(stdout);
    return true;
}

static void listen_anywhere(struct sink *s)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;

    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    MUST(s->listener >= 0 && bind(s->listener, (const struct sockaddr *)&at, sizeof at) == 0);
    MUST(listen(s->listener, BACKLOG) == 0);
    MUST(getsockname(s->listener, (struct sockaddr *)&at, &len) == 0);
    printf("port %u\n", (unsigned)ntohs(at.sin_port));
    fflush(stdout);
}

int main(void)
{
    struct sink s = { .epoll = epoll_create1(EPOLL_CLOEXEC) };
    struct epoll_event events[EVENTS];

    MUST(s.epoll >= 0);
    s.samples = xcalloc(SAMPLES_MAX, sizeof *s.samples);
    listen_anywhere(&s);
    watch(&s, s.listener, &s);
    watch(&s, STDIN_FILENO, NULL);
    for (;;) {
        int n = epoll_wait(s.epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            void *what = events[i].data.ptr;
            if (what == &s)
                accept_all(&s);
            else if (what != NULL)
                on_peer(&s, what);
            else if (!on_input(&s)) {
                xfree(s.samples);
                return 0;
            }
        }
    }
}
