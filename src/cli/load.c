/* SPDX-License-Identifier: Apache-2.0
 *
 * Plain epoll instead of the event loop of the server: what measures must cost as little as it can,
 * and must not share the faults of what it measures.
 */
#include "cli/load_priv.h"

#include "http/wire.h"
#include "sign/sign.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IN_MAX = 65536, OUT_EXTRA = 2048, EVENTS = 256, HEAD_MAX = 16384, PATIENCE_US = 30000000 };

struct connection {
    int fd;
    bool busy;
    int64_t due_us; /* when the request under way was due */
    size_t in_len;
    char *in;
    char *out;
    size_t out_len, out_at;
    struct connection *next_free;
};

struct load {
    const struct load_options *o;
    struct load_result *r;
    int epoll;
    struct connection *connections;
    struct connection *free;
    int64_t start_us, end_us; /* end: no new requests from then on; INT64_MAX: by count */
    int64_t answered;
    char *payload;
    struct sign_prefix *signer; /* of GitHub's requests; NULL: none are sent */
    char run[17];               /* tells this run's idempotency keys from another's */
};

static const char github_head[] = "{\"pad\":\""; /* of GitHub's requests */

static int64_t now_us(void)
{
    return clock_mono_us(clock_system());
}

/* --- latencies: 16 buckets a power of two ----------------------------------------------------------- */

static size_t bucket_of(int64_t us)
{
    uint64_t v = us < 1 ? 1 : (uint64_t)us;
    unsigned power = 63U - (unsigned)__builtin_clzll(v);
    unsigned part = power < 4 ? 0 : (unsigned)(v >> (power - 4)) & 15U;

    return power * 16U + part;
}

int64_t cli_load_quantile_us(const struct load_result *r, double q)
{
    int64_t wanted = (int64_t)((double)r->accepted * q + 0.5);
    int64_t seen = 0;

    for (size_t i = 0; i < LOAD_BUCKETS; i++) {
        seen += r->latency[i];
        if (seen >= wanted && seen > 0) {
            uint64_t base = 1ULL << (i / 16);
            int64_t top_us = (int64_t)(base + base * (i % 16 + 1) / 16);
            return top_us < r->worst_us ? top_us : r->worst_us;
        }
    }
    return 0;
}

/* --- connections -------------------------------------------------------------------------------------- */

static enum rc open_connection(struct load *l, struct connection *c)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(l->o->port) };
    int on = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || inet_pton(AF_INET, l->o->host, &to.sin_addr) != 1 ||
        connect(c->fd, (const struct sockaddr *)&to, sizeof to) != 0)
        return RC_IO;
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        return RC_IO;
    c->in_len = 0;
    c->busy = false;
    c->next_free = l->free;
    l->free = c;
    return RC_OK;
}

/* The peer ended it: what was under way counts as broken, and a new connection takes its place. */
static enum rc load_reopen(struct load *l, struct connection *c)
{
    close(c->fd);
    if (c->busy) {
        l->r->broken++;
        l->answered++;
    }
    return open_connection(l, c);
}

/* --- requests ------------------------------------------------------------------------------------------ */

/* `at`, of the monotonic clock, lets a receiver on this machine tell how long a delivery took. */
static void build_request(struct load *l, struct connection *c, int64_t number, int64_t at_us)
{
    const struct load_options *o = l->o;
    const char *app = o->apps[(size_t)number % o->app_count];
    char body_head[256];
    char turn[24] = "";
    if (o->event_types > 0)
        snprintf(turn, sizeof turn, ".%" PRId64, number / (int64_t)o->app_count % o->event_types);
    int head_len = snprintf(body_head, sizeof body_head,
                            "{\"eventType\":\"%s%s\",\"payload\":{\"n\":%" PRId64 ",\"at\":%" PRId64
                            ",\"pad\":\"",
                            o->event_type, turn, number, at_us);
    size_t body_len = (size_t)head_len + o->payload_bytes + 3;
    int len = snprintf(c->out, OUT_EXTRA,
                       "POST /api/v1/app/%s/msg HTTP/1.1\r\nhost: %s:%u\r\n"
                       "authorization: Bearer %s\r\naccept: application/json\r\n"
                       "user-agent: grapnel-bench/" GRAPNEL_VERSION "\r\n"
                       "svix-req-id: %" PRId64 "\r\ncontent-type: application/json\r\n"
                       "idempotency-key: auto_%s-%016" PRIx64 "\r\ncontent-length: %zu\r\n\r\n%s",
                       app, o->host, (unsigned)o->port, o->token, number, l->run, number, body_len,
                       body_head);

    MUST(len > 0 && len < OUT_EXTRA);
    memcpy(c->out + len, l->payload, o->payload_bytes);
    memcpy(c->out + len + o->payload_bytes, "\"}}", 3);
    c->out_len = (size_t)len + o->payload_bytes + 3;
    c->out_at = 0;
}

/* As GitHub sends a push, signed. No other run has the same body: that would be a duplicate, whatever its id
 * says. All bodies begin alike, so that signing them costs the machine little beside what is measured. */
static void build_github(struct load *l, struct connection *c, int64_t number)
{
    const struct load_options *o = l->o;
    char tail[64];
    char signature[HEX_LEN(32) + 1];
    uint8_t mac[32];
    int tail_len =
        snprintf(tail, sizeof tail, "\",\"run\":\"%s\",\"n\":%" PRId64 "}", l->run, number);

    sign_prefix_finish(l->signer, str_of(tail, (size_t)tail_len), mac);
    hex_encode(mac, sizeof mac, signature);
    int len =
        snprintf(c->out, OUT_EXTRA,
                 "POST /in/%s HTTP/1.1\r\nhost: %s:%u\r\naccept: */*\r\n"
                 "user-agent: GitHub-Hookshot/" GRAPNEL_VERSION "\r\nx-github-event: push\r\n"
                 "x-github-delivery: %s-%016" PRIx64 "\r\nx-hub-signature-256: sha256=%s\r\n"
                 "content-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                 o->apps[(size_t)number % o->app_count], o->host, (unsigned)o->port, l->run, number,
                 signature, strlen(github_head) + o->payload_bytes + (size_t)tail_len, github_head);

    MUST(len > 0 && len + tail_len < OUT_EXTRA);
    memcpy(c->out + len, l->payload, o->payload_bytes);
    memcpy(c->out + len + o->payload_bytes, tail, (size_t)tail_len);
    c->out_len = (size_t)len + o->payload_bytes + (size_t)tail_len;
    c->out_at = 0;
}

/* Sockets block on writing: a request is small against the socket's buffer. */
static enum rc send_request(struct load *l, struct connection *c, int64_t due_us)
{
    if (l->o->github_secret != NULL)
        build_github(l, c, l->r->sent++);
    else
        build_request(l, c, l->r->sent++, due_us);
    c->busy = true;
    c->due_us = due_us;
    while (c->out_at < c->out_len) {
        ssize_t n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL);
        if (n <= 0)
            return load_reopen(l, c);
        c->out_at += (size_t)n;
    }
    return RC_OK;
}

static bool wants_more(const struct load *l, int64_t at_us)
{
    return at_us < l->end_us && (l->o->count == 0 || l->r->sent < l->o->count);
}

/* Starts what is due on free connections. *wait_us: until the next is due. */
static enum rc send_due(struct load *l, int64_t *wait_us)
{
    *wait_us = 100000;
    while (l->free != NULL) {
        int64_t now = now_us();
        int64_t due = now;
        if (l->o->rate > 0)
            due = l->start_us + l->r->sent * 1000000 / l->o->rate;
        if (!wants_more(l, due))
            return RC_OK;
        if (due > now) {
            *wait_us = due - now;
            return RC_OK;
        }
        struct connection *c = l->free;
        l->free = c->next_free;
        enum rc rc = send_request(l, c, due);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

/* --- answers --------------------------------------------------------------------------------------------- */

static void count_answer(struct load *l, struct connection *c, int status)
{
    int64_t took_us = now_us() - c->due_us;

    l->r->by_status[status >= 0 && status < LOAD_STATUS_MAX ? status : 0]++;
    if (status >= 200 && status < 300) {
        l->r->accepted++;
        l->r->latency[bucket_of(took_us)]++;
        if (took_us > l->r->worst_us)
            l->r->worst_us = took_us;
    } else {
        l->r->refused++;
    }
    l->answered++;
    c->busy = false;
    c->in_len = 0;
    c->next_free = l->free;
    l->free = c;
}

static enum rc on_readable(struct load *l, struct connection *c)
{
    struct http_head head;
    struct http_parse_error error;
    size_t used;
    ssize_t n = recv(c->fd, c->in + c->in_len, IN_MAX - c->in_len, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return RC_OK;
    if (n <= 0 || !c->busy) {
        if (!c->busy) { /* an idle connection was closed: it must leave the free list */
            struct connection **at = &l->free;
            while (*at != NULL && *at != c)
                at = &(*at)->next_free;
            if (*at != NULL)
                *at = c->next_free;
        }
        return load_reopen(l, c);
    }
    c->in_len += (size_t)n;
    enum http_parse parsed =
        http_parse_response(str_of(c->in, c->in_len), HEAD_MAX, &head, &used, &error);
    if (parsed == HTTP_PARSE_MORE)
        return RC_OK;
    if (parsed == HTTP_PARSE_BAD || used + head.length > IN_MAX)
        return load_reopen(l, c);
    if (c->in_len >= used + head.length)
        count_answer(l, c, head.status);
    return RC_OK;
}

static bool is_over(const struct load *l)
{
    int64_t now = now_us();
    bool all_answered = l->answered == l->r->sent;

    if (now > l->end_us || (l->o->count > 0 && l->r->sent >= l->o->count))
        return all_answered || (l->end_us != INT64_MAX && now > l->end_us + PATIENCE_US);
    return false;
}

static enum rc load_turn(struct load *l)
{
    struct epoll_event events[EVENTS];
    int64_t wait_us;
    enum rc rc = send_due(l, &wait_us);
    struct timespec wait = { .tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000 };

    if (rc != RC_OK)
        return rc;
    int n = epoll_pwait2(l->epoll, events, EVENTS, &wait, NULL);
    for (int i = 0; i < n && rc == RC_OK; i++)
        rc = on_readable(l, events[i].data.ptr);
    return rc;
}

/* --- a run --------------------------------------------------------------------------------------------------- */

static struct sign_prefix *prepare_signer(const struct load *l)
{
    struct buf beginning;
    buf_init(&beginning, sizeof github_head + l->o->payload_bytes);
    MUST(buf_add_str(&beginning, str_from(github_head)) == RC_OK);
    MUST(buf_add(&beginning, l->payload, l->o->payload_bytes) == RC_OK);
    struct sign_prefix *signer =
        sign_prefix_new(str_from(l->o->github_secret), buf_str(&beginning));
    buf_fini(&beginning);
    return signer;
}

static void load_prepare(struct load *l)
{
    const struct load_options *o = l->o;
    uint64_t run = rng_u64(rng_system());

    hex_encode(&run, sizeof run, l->run);
    l->payload = xmalloc(o->payload_bytes + 1);
    for (size_t i = 0; i < o->payload_bytes; i++)
        l->payload[i] = (char)('a' + (i * 7 + i / 26) % 26);
    if (o->github_secret != NULL)
        l->signer = prepare_signer(l);
    l->connections = xcalloc((size_t)o->connections, sizeof *l->connections);
    for (int i = 0; i < o->connections; i++) {
        l->connections[i].fd = -1;
        l->connections[i].in = xmalloc(IN_MAX);
        l->connections[i].out = xmalloc(OUT_EXTRA + o->payload_bytes + 3);
    }
}

static void load_finish(struct load *l)
{
    for (int i = 0; i < l->o->connections; i++) {
        if (l->connections[i].fd >= 0)
            close(l->connections[i].fd);
        xfree(l->connections[i].in);
        xfree(l->connections[i].out);
    }
    xfree(l->connections);
    xfree(l->payload);
    sign_prefix_free(l->signer);
    close(l->epoll);
}

enum rc cli_load_run(const struct load_options *o, struct load_result *out, struct buf *why)
{
    struct load l = { .o = o, .r = out, .epoll = epoll_create1(EPOLL_CLOEXEC) };
    enum rc rc = l.epoll >= 0 ? RC_OK : RC_IO;

    load_prepare(&l);
    for (int i = 0; i < o->connections && rc == RC_OK; i++)
        rc = open_connection(&l, &l.connections[i]);
    l.start_us = now_us();
    l.end_us = o->duration_us > 0 ? l.start_us + o->duration_us : INT64_MAX;
    while (rc == RC_OK && !is_over(&l))
        rc = load_turn(&l);
    out->took_us = now_us() - l.start_us;
    if (rc != RC_OK)
        buf_say(why, "%s:%u: %s", o->host, (unsigned)o->port, strerror(errno));
    load_finish(&l);
    return rc;
}
