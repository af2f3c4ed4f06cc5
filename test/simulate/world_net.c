/* SPDX-License-Identifier: Apache-2.0
 *
 * The world's side of the network: see sim.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "net_priv.h"

enum { REACHES_MAX = 512, ACCEPTS_MAX = 1024, EPHEMERAL_FIRST = 32768, EPHEMERAL_COUNT = 28000 };

struct sim_listener {
    struct sim_listener *next;
    struct net_address address;
    struct sim_sock *waiting[ACCEPTS_MAX];
    size_t count;
    bool is_over;
};

struct datagram_host {
    struct datagram_host *next;
    struct net_address address;
    void (*fn)(void *ctx, const struct sim_datagram *d);
    void *ctx;
};

static struct {
    struct sim_listener *listeners;
    struct datagram_host *hosts;
    struct {
        struct net_address address;
        enum sim_reach reach;
    } reaches[REACHES_MAX];
    size_t reach_count;
    unsigned ports_used;
} world;

static struct net_address parse_or_fail(const char *text)
{
    struct net_address a;
    if (!net_address_parse(text, &a))
        sim_fail(SIM_BROKEN, 0, "'%s' is not an address", text);
    return a;
}

/* --- listening ------------------------------------------------------------------------------------------------- */

static struct sim_listener *find_listener(const struct net_address *to)
{
    for (struct sim_listener *l = world.listeners; l != NULL; l = l->next)
        if (net_address_matches(&l->address, to))
            return l;
    return NULL;
}

struct sim_listener *sim_listen(const char *address)
{
    struct net_address a = parse_or_fail(address);
    if (find_listener(&a) != NULL)
        return NULL;
    struct sim_listener *l = calloc(1, sizeof *l);
    MACHINE_MUST(l != NULL);
    l->address = a;
    l->next = world.listeners;
    world.listeners = l;
    return l;
}

/* Whoever waits in sim_accept() comes back with nothing, and frees it. */
void sim_unlisten(struct sim_listener *l)
{
    for (struct sim_listener **at = &world.listeners; *at != NULL; at = &(*at)->next) {
        if (*at != l)
            continue;
        *at = l->next;
        break;
    }
    for (size_t i = 0; i < l->count; i++)
        sim_reset(l->waiting[i]);
    l->count = 0;
    l->is_over = true;
}

void sim_reach(const char *address, enum sim_reach reach)
{
    struct net_address a = parse_or_fail(address);
    size_t i = 0;
    while (i < world.reach_count &&
           (!net_address_matches(&world.reaches[i].address, &a) ||
            net_address_port(&world.reaches[i].address) != net_address_port(&a)))
        i++;
    MACHINE_MUST(i < REACHES_MAX);
    if (i == world.reach_count)
        world.reach_count++;
    world.reaches[i].address = a;
    world.reaches[i].reach = reach;
}

enum sim_reach world_net_reach(const struct net_address *to)
{
    for (size_t i = 0; i < world.reach_count; i++)
        if (net_address_matches(&world.reaches[i].address, to))
            return world.reaches[i].reach;
    return SIM_REACHED;
}

bool world_net_take(const struct net_address *to, struct sim_sock *s)
{
    struct sim_listener *l = find_listener(to);
    if (l == NULL || l->count == ACCEPTS_MAX)
        return false;
    l->waiting[l->count++] = s;
    return true;
}

static bool is_accept_due(void *arg)
{
    const struct sim_listener *l = arg;
    return l->count > 0 || l->is_over;
}

struct sim_sock *sim_accept(struct sim_listener *l, int64_t until_us)
{
    if (!sim_wait(is_accept_due, l, until_us))
        return NULL;
    if (l->is_over) {
        free(l);
        return NULL;
    }
    struct sim_sock *s = l->waiting[0];
    memmove(l->waiting, l->waiting + 1, --l->count * sizeof *l->waiting);
    return s;
}

/* --- connecting ------------------------------------------------------------------------------------------------- */

/* A port of its own, as the kernel gives them. */
static void take_port(struct net_address *a)
{
    if (net_address_port(a) == 0)
        net_address_set_port(a, (uint16_t)(EPHEMERAL_FIRST + world.ports_used++ % EPHEMERAL_COUNT));
}

struct sim_sock *sim_connect(const char *to, const char *from, int64_t until_us)
{
    struct net_address server = parse_or_fail(to),
                       own = parse_or_fail(from == NULL ? "127.0.0.1:0" : from);
    take_port(&own);
    struct sim_sock *s = wire_new(&own, &server);
    net_address_text(&server, s->peer);
    int64_t answer_us = MACHINE->now_us + 2 * wire_latency_us(&s->link);
    (void)sched_block("a connection", NULL, NULL, answer_us < until_us ? answer_us : until_us);
    struct net_socket *listener = net_listener(&server);
    if (listener == NULL || listener->waiting_count == NET_CONNECTIONS ||
        MACHINE->now_us < answer_us) {
        wire_unref(s);
        return NULL;
    }
    s->refs++; /* the server's */
    listener->waiting[listener->waiting_count++] = s;
    /* A byte for each: that is what makes the listener readable. */
    (void)machine_call(SYS_sendto, listener->far, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
    return s;
}

const char *sim_peer(const struct sim_sock *s)
{
    return s->peer;
}

/* --- bytes ---------------------------------------------------------------------------------------------------------- */

static bool is_receivable(void *arg)
{
    const struct sim_sock *s = arg;
    return s->from_server.first != NULL || s->is_broken;
}

long sim_recv(struct sim_sock *s, void *out, size_t max, int64_t until_us)
{
    struct way *way = &s->from_server;
    if (!sim_wait(is_receivable, s, until_us))
        return SIM_LATE;
    struct packet *p = way->first;
    if (p == NULL)
        return SIM_RESET;
    if (p->is_end)
        return SIM_END;
    size_t n = p->len - p->at < max ? p->len - p->at : max;
    memcpy(out, p->bytes + p->at, n);
    p->at += n;
    way->waiting -= n;
    if (p->at == p->len) {
        way->first = p->next;
        if (way->first == NULL)
            way->end = &way->first;
        free(p);
    }
    wire_pull(s);
    return (long)n;
}

static bool has_window(void *arg)
{
    const struct sim_sock *s = arg;
    return s->to_server.waiting < NET_WINDOW || s->is_broken;
}

bool sim_send(struct sim_sock *s, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        (void)sim_wait(has_window, s, SIM_FOREVER);
        if (s->is_broken)
            return false;
        size_t n = NET_WINDOW - s->to_server.waiting;
        if (n > len)
            n = len;
        wire_put(s, true, at, n, false);
        at += n;
        len -= n;
    }
    return !s->is_broken;
}

void sim_shutdown(struct sim_sock *s)
{
    if (!s->to_server.is_ending && !s->is_broken)
        wire_put(s, true, NULL, 0, true);
}

void sim_black_hole(struct sim_sock *s, bool to_server, bool from_server)
{
    s->to_server.is_hole = to_server;
    s->from_server.is_hole = from_server;
}

static void break_later(void *arg)
{
    struct sim_sock *s = arg;
    wire_break(s);
    wire_unref(s);
}

void sim_reset(struct sim_sock *s)
{
    s->is_world_gone = true;
    if (s->is_broken)
        wire_unref(s);
    else
        sched_at(MACHINE->now_us + wire_latency_us(&s->link), break_later, s);
}

void sim_sever(struct sim_sock *s)
{
    if (s->is_broken)
        return;
    s->refs++;
    sched_at(MACHINE->now_us + wire_latency_us(&s->link), break_later, s);
}

void sim_close(struct sim_sock *s)
{
    if (s->from_server.first != NULL && !s->from_server.first->is_end) {
        sim_reset(s); /* as the kernel does it when something lies unread */
        return;
    }
    sim_shutdown(s);
    s->is_world_gone = true;
    wire_unref(s);
}

/* --- datagrams ------------------------------------------------------------------------------------------------------- */

void sim_datagrams(const char *address, void (*fn)(void *ctx, const struct sim_datagram *d),
                   void *ctx)
{
    struct datagram_host *h = calloc(1, sizeof *h);
    MACHINE_MUST(h != NULL);
    *h = (struct datagram_host){ world.hosts, parse_or_fail(address), fn, ctx };
    world.hosts = h;
}

bool world_net_datagram(struct net_socket *from, const struct net_address *to, const void *bytes,
                        size_t len)
{
    char text[NET_ADDRESS_TEXT];
    net_address_text(to, text);
    for (struct datagram_host *h = world.hosts; h != NULL; h = h->next) {
        if (!net_address_matches(&h->address, to))
            continue;
        sched_enter();
        h->fn(h->ctx, &(struct sim_datagram){ text, bytes, len, from->number });
        sched_leave();
        return true;
    }
    return false;
}

struct answer {
    uint64_t from;
    struct net_address sender;
    size_t len;
    unsigned char bytes[];
};

static void deliver_answer(void *arg)
{
    struct answer *a = arg;
    struct net_socket *s = net_datagram_socket(a->from);
    bool has_room = s != NULL && s->sender_count < sizeof s->senders / sizeof *s->senders;
    if (has_room && machine_call(SYS_sendto, s->far, a->bytes, a->len, MSG_DONTWAIT, NULL, 0) >= 0)
        s->senders[s->sender_count++] = a->sender;
    free(a);
}

void sim_datagram_answer(uint64_t from, const char *sender, const void *bytes, size_t len,
                         int64_t after_us)
{
    struct answer *a = malloc(sizeof *a + len);
    MACHINE_MUST(a != NULL);
    a->from = from;
    a->sender = parse_or_fail(sender);
    a->len = len;
    memcpy(a->bytes, bytes, len);
    sched_at(MACHINE->now_us + after_us, deliver_answer, a);
}
