/* SPDX-License-Identifier: Apache-2.0
 *
 * See world_dns.h. A question is read as RFC 1035 has it; the answer repeats it and points back to its name.
 */
#include "world_dns.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "fds_priv.h"

enum {
    NAMES_MAX = 256,
    NAME_SIZE = 128,
    HEAD = 12,
    MESSAGE_MAX = 512,
    RECORD = 12, /* without its data */
    TYPE_A = 1,
    TYPE_AAAA = 28,
    TTL_S = 30,
    SERVFAIL = 2,
    NXDOMAIN = 3
};

struct entry {
    char name[NAME_SIZE];
    unsigned type; /* 0: free */
    size_t len;
    unsigned char address[16];
};

static struct entry entries[NAMES_MAX];
static enum dns_mood mood;
static uint64_t questions;

struct question {
    char name[NAME_SIZE];
    unsigned type;
    size_t end; /* of the question in its message */
};

/* Labels become "a.b.c". */
static bool read_question(const unsigned char *bytes, size_t len, struct question *q)
{
    size_t at = HEAD, used = 0;
    while (at < len && bytes[at] != 0) {
        size_t label = bytes[at];
        if (label > 63 || at + 1 + label >= len || used + label + 1 >= sizeof q->name)
            return false;
        if (used > 0)
            q->name[used++] = '.';
        memcpy(q->name + used, bytes + at + 1, label);
        used += label;
        at += 1 + label;
    }
    q->name[used] = '\0';
    if (at + 5 > len || at + 5 > MESSAGE_MAX / 2)
        return false;
    q->type = (unsigned)bytes[at + 1] << 8 | bytes[at + 2];
    q->end = at + 5;
    return true;
}

static size_t put_record(unsigned char *out, const struct entry *e)
{
    const unsigned char head[RECORD] = { 0xC0, HEAD,  0, (unsigned char)e->type, 0, 1, 0, 0,
                                         0,    TTL_S, 0, (unsigned char)e->len };
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, e->address, e->len);
    return sizeof head + e->len;
}

/* The length of the answer in `out`. */
static size_t make_answer(const unsigned char *asked, const struct question *q,
                          unsigned char out[MESSAGE_MAX])
{
    bool is_known = false;
    size_t len = q->end, count = 0;
    memcpy(out, asked, q->end);
    for (const struct entry *e = entries; e < entries + NAMES_MAX; e++) {
        if (e->type == 0 || strcasecmp(e->name, q->name) != 0)
            continue;
        is_known = true;
        if (e->type != q->type || len + RECORD + e->len > MESSAGE_MAX)
            continue;
        len += put_record(out + len, e);
        count++;
    }
    unsigned code = mood == DNS_FAILING ? SERVFAIL : is_known ? 0 : NXDOMAIN;
    const unsigned char rest[HEAD - 2] = { 0x81, (unsigned char)(0x80 | code), 0, 1,
                                           0,    (unsigned char)count };
    memcpy(out + 2, rest, sizeof rest);
    if (code != 0)
        out[7] = 0;
    if (mood == DNS_LYING)
        out[0] ^= 0x55;
    return code != 0 ? q->end : len;
}

static void hear_question(void *ctx, const struct sim_datagram *d)
{
    struct question q;
    unsigned char out[MESSAGE_MAX];
    (void)ctx;
    questions++;
    if (mood == DNS_SILENT || !read_question(d->bytes, d->len, &q))
        return;
    size_t len = make_answer(d->bytes, &q, out);
    uint64_t most_us = mood == DNS_SLOW ? 20 * SIM_SECOND : 20 * SIM_MS;
    sim_datagram_answer(d->from, d->to, out, len, SIM_MS + (int64_t)sim_dice(SIM_NETWORK, most_us));
}

void dns_start(void)
{
    sim_datagrams(SIM_DNS_HOST ":53", hear_question, NULL);
}

void dns_add(const char *name, const char *address)
{
    struct entry *e = entries;
    while (e < entries + NAMES_MAX && e->type != 0)
        e++;
    if (e == entries + NAMES_MAX || strlen(name) >= sizeof e->name)
        sim_fail(SIM_BROKEN, 0, "no room for the name %s", name);
    bool is_v4 = inet_pton(AF_INET, address, e->address) == 1;
    if (!is_v4 && inet_pton(AF_INET6, address, e->address) != 1)
        sim_fail(SIM_BROKEN, 0, "'%s' is not an address", address);
    (void)strcpy(e->name, name);
    e->type = is_v4 ? TYPE_A : TYPE_AAAA;
    e->len = is_v4 ? 4 : 16;
}

void dns_forget(const char *name)
{
    for (struct entry *e = entries; e < entries + NAMES_MAX; e++)
        if (strcasecmp(e->name, name) == 0)
            e->type = 0;
}

void dns_set_mood(enum dns_mood now)
{
    mood = now;
}

uint64_t dns_questions(void)
{
    return questions;
}
