/* SPDX-License-Identifier: Apache-2.0
 *
 * What lies between the server's socket and the world: bytes travel in segments that take their time, and are kept
 * in order. No more than a window of them is under way, so that who does not read is felt by who writes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "net_priv.h"

static struct sim_link usual = { .latency_us = 200, .segment_max = 1460 };

void sim_link_default(const struct sim_link *link)
{
    usual = *link;
}

int64_t wire_latency_us(const struct sim_link *link)
{
    return link->latency_us + (int64_t)sim_dice(SIM_NETWORK, (uint64_t)link->latency_us + 1);
}

struct sim_sock *wire_new(const struct net_address *from, const struct net_address *to)
{
    struct sim_sock *s = calloc(1, sizeof *s);
    MACHINE_MUST(s != NULL);
    s->link = usual;
    s->from = *from;
    s->to = *to;
    s->to_server.end = &s->to_server.first;
    s->from_server.end = &s->from_server.first;
    s->refs = 1;
    return s;
}

static void drop_packets(struct way *way)
{
    while (way->first != NULL) {
        struct packet *p = way->first;
        way->first = p->next;
        free(p);
    }
    way->end = &way->first;
    way->waiting = 0;
}

void wire_unref(struct sim_sock *s)
{
    if (--s->refs > 0)
        return;
    drop_packets(&s->to_server);
    drop_packets(&s->from_server);
    free(s);
}

void wire_break(struct sim_sock *s)
{
    struct net_socket *near = s->socket;
    s->is_broken = true;
    drop_packets(&s->to_server);
    if (near == NULL || near->far < 0)
        return;
    /* Closed while something lies in it unread, the other end has an error. */
    (void)machine_call(SYS_sendto, near->near, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
    (void)machine_call(SYS_close, near->far);
    near->far = -1;
    near->error = ECONNRESET;
}

/* --- to the server ------------------------------------------------------------------------------------------- */

static bool push_packet(struct sim_sock *s, struct packet *p)
{
    while (p->at < p->len) {
        long n = machine_call(SYS_sendto, s->socket->far, p->bytes + p->at, p->len - p->at,
                              MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
        if (n < 0 && errno != EAGAIN)
            s->is_broken = true; /* the server has closed */
        if (n < 0)
            return s->is_broken;
        p->at += (size_t)n;
    }
    if (p->is_end)
        (void)machine_call(SYS_shutdown, s->socket->far, SHUT_WR);
    return true;
}

void wire_flush(struct sim_sock *s)
{
    struct way *way = &s->to_server;
    while (way->first != NULL && s->socket != NULL && s->socket->far >= 0) {
        struct packet *p = way->first;
        if (!push_packet(s, p))
            return;
        way->first = p->next;
        if (way->first == NULL)
            way->end = &way->first;
        way->waiting -= p->len;
        free(p);
    }
}

/* --- segments -------------------------------------------------------------------------------------------------- */

static bool is_arriving(struct sim_sock *s, const struct packet *p)
{
    bool is_data = !p->is_end, is_for_nobody = !p->to_server && s->is_world_gone;
    if (s->is_broken || (p->to_server ? s->to_server.is_hole : s->from_server.is_hole))
        return false;
    if (is_data && (is_for_nobody || fault_strikes(SIM_RESETS, 0, "") != 0))
        wire_break(s);
    return !s->is_broken && !is_for_nobody;
}

static void arrive(void *arg)
{
    struct packet *p = arg;
    struct sim_sock *s = p->sock;
    struct way *way = p->to_server ? &s->to_server : &s->from_server;
    machine_trace(p->len * 2 + p->to_server);
    sched_moves();
    if (is_arriving(s, p)) {
        *way->end = p;
        way->end = &p->next;
        wire_flush(s);
    } else {
        way->waiting -= p->len < way->waiting ? p->len : way->waiting;
        free(p);
    }
    wire_pull(s);
    wire_unref(s);
}

static void put_segment(struct sim_sock *s, bool to_server, const void *bytes, size_t len,
                        bool is_end)
{
    struct way *way = to_server ? &s->to_server : &s->from_server;
    struct packet *p = malloc(sizeof *p + len);
    MACHINE_MUST(p != NULL);
    *p = (struct packet){ .sock = s, .len = len, .to_server = to_server, .is_end = is_end };
    if (len > 0)
        memcpy(p->bytes, bytes, len);
    int64_t at_us = MACHINE->now_us + wire_latency_us(&s->link);
    if (at_us < way->last_us)
        at_us = way->last_us;
    if (s->link.bytes_a_second > 0)
        at_us += (int64_t)len * SIM_SECOND / s->link.bytes_a_second;
    way->last_us = at_us;
    way->waiting += len;
    way->is_ending = way->is_ending || is_end;
    s->refs++;
    sched_at(at_us, arrive, p);
}

void wire_put(struct sim_sock *s, bool to_server, const void *bytes, size_t len, bool is_end)
{
    const unsigned char *at = bytes;
    while (len > 0) {
        size_t n = s->link.segment_max == 0 ? len : 1 + sim_dice(SIM_NETWORK, s->link.segment_max);
        if (n > len)
            n = len;
        put_segment(s, to_server, at, n, false);
        at += n;
        len -= n;
    }
    if (is_end)
        put_segment(s, to_server, NULL, 0, true);
}

/* --- from the server -------------------------------------------------------------------------------------------- */

void wire_pull(struct sim_sock *s)
{
    unsigned char bytes[16384];
    int far = s->socket == NULL ? -1 : s->socket->far;
    while (far >= 0 && !s->is_broken && !s->from_server.is_ending &&
           s->from_server.waiting < NET_WINDOW) {
        long n = machine_call(SYS_recvfrom, far, bytes, sizeof bytes, MSG_DONTWAIT, NULL, NULL);
        if (n > 0)
            machine_trace_bytes(bytes, (size_t)n);
        if (n > 0)
            wire_put(s, false, bytes, (size_t)n, false);
        else if (n == 0)
            wire_put(s, false, NULL, 0, true);
        else if (errno == ECONNRESET)
            s->is_broken = true; /* closed with something unread */
        if (n <= 0)
            return;
    }
}
