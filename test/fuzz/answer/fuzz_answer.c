/* SPDX-License-Identifier: Apache-2.0
 *
 * The client against a receiver that sends anything, on a real socket. The first byte says how the
 * rest is cut into pieces. Whatever comes: one done(), an outcome that is coherent, nothing kept past
 * its limits; and the same bytes in one piece and in several give the same outcome.
 */
#include "fetch/fetch.h"

#include "../fuzz.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KEEP = 64, READ = 4096, INPUT_MAX = 64 * 1024, TURN_US = 1000, TURNS_MAX = 20000 };

struct outcome {
    enum fetch_error error;
    int status;
    bool cut;
    size_t len;
    char body[KEEP];
};

struct stage {
    struct loop *loop;
    struct fetch *fetch;
    int listener;
    char url_text[64];
    struct http_url url;
    int done_count;
};

static struct stage *stage(void)
{
    static struct stage s;
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    struct fetch_options o = { 0 };

    if (s.loop != NULL)
        return &s;
    s.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(bind(s.listener, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(s.listener, 16) == 0);
    MUST(getsockname(s.listener, (struct sockaddr *)&at, &len) == 0);
    (void)snprintf(s.url_text, sizeof(s.url_text), "http://127.0.0.1:%u/", ntohs(at.sin_port));
    MUST(http_url_parse(str_from(s.url_text), &s.url, NULL) == RC_OK);
    MUST(fetch_policy_new(STR("127.0.0.1"), STR_NONE, false, &o.policy, NULL) == RC_OK);
    s.loop = loop_new("fuzz", clock_system());
    s.fetch = fetch_own_new(s.loop, &o);
    fetch_policy_unref(o.policy);
    return &s;
}

static void on_done(struct fetch_call *c)
{
    struct stage *s = c->owner;
    s->done_count++;
}

static void drop(int fd)
{
    struct linger hard = { 1, 0 };

    /* No port is left waiting, however many runs there are. */
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    (void)close(fd);
}

/* Sends the bytes in pieces of `piece`, the client reading in between, then ends the stream. */
static void play(struct stage *s, int fd, struct str bytes, size_t piece)
{
    while (bytes.len > 0 && s->done_count == 0) {
        struct str part = str_sub(bytes, 0, piece);
        ssize_t n = send(fd, part.ptr, part.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            bytes = str_sub(bytes, (size_t)n, bytes.len);
        loop_turn(s->loop, 0);
    }
    (void)shutdown(fd, SHUT_WR);
    for (int i = 0; i < TURNS_MAX && s->done_count == 0; i++)
        loop_turn(s->loop, TURN_US);
}

static struct outcome run(struct str bytes, size_t piece, enum http_method method)
{
    struct stage *s = stage();
    struct outcome out = { 0 };
    struct fetch_call c;

    s->done_count = 0;
    fetch_call_init(&c);
    c.url = &s->url;
    c.method = method;
    c.response_keep = KEEP;
    c.response_read = READ;
    c.done = on_done;
    c.owner = s;
    fetch_start(s->fetch, &c);
    int fd = accept(s->listener, NULL, NULL);
    MUST(fd >= 0);
    loop_turn(s->loop, TURN_US);
    play(s, fd, bytes, piece);
    drop(fd);
    MUST(s->done_count == 1);
    loop_turn(s->loop, TURN_US); /* a kept connection sees the end */

    MUST((c.error == FETCH_OK) == (c.status >= 200 && c.status <= 999));
    MUST(c.error == FETCH_OK || c.error == FETCH_CLOSED || c.error == FETCH_PROTOCOL ||
         c.error == FETCH_TOO_LARGE);
    MUST(c.error == FETCH_OK || (c.detail[0] != '\0' && c.response.len == 0));
    MUST(c.response.len <= KEEP && c.response_headers.len <= 8192);
    out.error = c.error;
    out.status = c.status;
    out.cut = c.response_cut;
    out.len = c.response.len;
    if (out.len > 0)
        memcpy(out.body, c.response.ptr, out.len);
    fetch_call_fini(&c);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > INPUT_MAX)
        return 0;
    struct str bytes = str_of((const char *)data + 1, size - 1);
    size_t piece = (size_t)(data[0] >> 1) + 1;
    enum http_method method = data[0] & 1 ? HTTP_HEAD : HTTP_POST;

    struct outcome whole = run(bytes, INPUT_MAX, method);
    struct outcome pieces = run(bytes, piece, method);
    MUST(whole.error == pieces.error && whole.status == pieces.status && whole.cut == pieces.cut);
    MUST(str_eq(str_of(whole.body, whole.len), str_of(pieces.body, pieces.len)));
    return 0;
}
