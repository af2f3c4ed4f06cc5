/* SPDX-License-Identifier: Apache-2.0
 *
 * One thread, one packet at a time.
 */
#include "name_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PACKET_MAX = 1024, HEADER = 12, TYPE_A = 1, TYPE_AAAA = 28 };

enum answer_kind {
    ANSWER_ADDRESSES,
    ANSWER_SHORT,  /* for 2 s */
    ANSWER_NONE,   /* no such name */
    ANSWER_NODATA, /* the name exists, but has no address in this family */
    ANSWER_FAIL,   /* SERVFAIL */
    ANSWER_REFUSED,
    ANSWER_SILENT,
    ANSWER_LATE,    /* addresses, after LATE_MS */
    ANSWER_LOOP,    /* an alias of itself */
    ANSWER_GARBAGE, /* a record that is none */
    ANSWER_CUT,     /* too long for a packet, and nobody listens on TCP */
    ANSWER_PRIVATE  /* 10.0.0.1, and fd00::1 */
};
static const char *const ANSWERS[] = {
    [ANSWER_ADDRESSES] = "ok",    [ANSWER_SHORT] = "short", [ANSWER_NONE] = "none",
    [ANSWER_NODATA] = "nodata",   [ANSWER_FAIL] = "fail",   [ANSWER_REFUSED] = "refused",
    [ANSWER_SILENT] = "silent",   [ANSWER_LATE] = "late",   [ANSWER_LOOP] = "loop",
    [ANSWER_GARBAGE] = "garbage", [ANSWER_CUT] = "cut",     [ANSWER_PRIVATE] = "private",
};
enum { LATE_MS = 700 };

static size_t add_record(uint8_t *at, int type, uint32_t ttl, const void *data, size_t len)
{
    const uint8_t head[] = { 0xc0, HEADER,      0, (uint8_t)type,       0,
                             1,    0,           0, (uint8_t)(ttl >> 8), (uint8_t)ttl,
                             0,    (uint8_t)len };
    memcpy(at, head, sizeof(head));
    memcpy(at + sizeof(head), data, len);
    return sizeof(head) + len;
}

static enum answer_kind answer_of(struct str label, int type)
{
    size_t dash = str_find(label, '-');
    struct str word = type == TYPE_A || dash == label.len ? str_sub(label, 0, dash)
                                                          : str_sub(label, dash + 1, label.len);

    for (size_t i = 0; i < COUNT_OF(ANSWERS); i++)
        if (str_eq(word, str_from(ANSWERS[i])))
            return (enum answer_kind)i;
    return ANSWER_ADDRESSES;
}

static size_t add_addresses(uint8_t *p, size_t at, int type, enum answer_kind kind)
{
    uint32_t ttl = kind == ANSWER_SHORT ? 2 : 300;
    bool is_private = kind == ANSWER_PRIVATE;

    p[7] = 1;
    if (type == TYPE_AAAA)
        return at + add_record(p + at, type, ttl,
                               is_private ? "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
                                          : (const char *)&in6addr_loopback,
                               16);
    at += add_record(p + at, type, ttl, is_private ? "\x0a\0\0\1" : "\x7f\0\0\1", 4);
    if (is_private)
        return at;
    p[7] = 2;
    return at + add_record(p + at, type, ttl, "\x7f\0\0\2", 4);
}

/* Turns the query in `p` into its answer; returns the length, 0: none. */
static size_t make_answer(uint8_t *p, size_t len)
{
    enum { CODE_FAIL = 2, CODE_NONE = 3, CODE_REFUSED = 5, TYPE_CNAME = 5, BIT_CUT = 2 };
    static const uint8_t itself[] = { 0xc0, HEADER };
    size_t end = HEADER;

    while (p[end] != 0)
        end += (size_t)p[end] + 1;
    int type = p[end + 2];
    size_t at = end + 5;
    enum answer_kind kind = answer_of(str_of((const char *)p + HEADER + 1, p[HEADER]), type);
    MUST(at <= len);
    p[2] = 0x84;
    p[3] = p[7] = p[9] = p[11] = 0;
    switch (kind) {
    case ANSWER_SILENT: return 0;
    case ANSWER_NODATA: return at;
    case ANSWER_NONE: p[3] = CODE_NONE; return at;
    case ANSWER_FAIL: p[3] = CODE_FAIL; return at;
    case ANSWER_REFUSED: p[3] = CODE_REFUSED; return at;
    case ANSWER_CUT: p[2] |= BIT_CUT; return at;
    case ANSWER_LOOP:
        p[7] = 1;
        return at + add_record(p + at, TYPE_CNAME, 300, itself, sizeof(itself));
    case ANSWER_GARBAGE:
        p[7] = 9;
        memset(p + at, 0xee, 20);
        return at + 20;
    case ANSWER_LATE: (void)usleep(LATE_MS * 1000); break;
    case ANSWER_ADDRESSES:
    case ANSWER_SHORT:
    case ANSWER_PRIVATE: break;
    }
    return add_addresses(p, at, type, kind);
}

/* The name in a query, with dots. */
static void note_name(struct name_server *s, const uint8_t *p)
{
    size_t len = 0;

    mutex_lock(&s->lock);
    for (size_t at = HEADER; p[at] != 0; at += (size_t)p[at] + 1)
        len += (size_t)snprintf(s->last_asked + len, sizeof(s->last_asked) - len, "%s%.*s",
                                len == 0 ? "" : ".", p[at], (const char *)p + at + 1);
    mutex_unlock(&s->lock);
}

static void serve(void *arg)
{
    struct name_server *s = arg;
    uint8_t packet[PACKET_MAX];
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    ssize_t n;

    while ((n = recvfrom(s->fd, packet, sizeof(packet) / 2, 0, (struct sockaddr *)&from,
                         &from_len)) > HEADER) {
        atomic_fetch_add(&s->queries, 1);
        note_name(s, packet);
        size_t len = make_answer(packet, (size_t)n);
        if (len > 0)
            (void)sendto(s->fd, packet, len, 0, (struct sockaddr *)&from, from_len);
    }
}

void name_server_start(struct name_server *s)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);

    atomic_init(&s->queries, 0);
    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    MUST(bind(s->fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
         getsockname(s->fd, (struct sockaddr *)&at, &len) == 0);
    (void)snprintf(s->address, sizeof(s->address), "127.0.0.1:%u", ntohs(at.sin_port));
    mutex_init(&s->lock);
    s->thread = thread_start("names", THREAD_OTHER, serve, s);
}

void name_server_stop(struct name_server *s)
{
    struct sockaddr_in at;
    socklen_t len = sizeof(at);

    /* An empty packet ends it. */
    MUST(getsockname(s->fd, (struct sockaddr *)&at, &len) == 0);
    MUST(sendto(s->fd, "", 0, 0, (struct sockaddr *)&at, len) == 0);
    thread_join(s->thread);
    (void)close(s->fd);
}
